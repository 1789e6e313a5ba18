"""``utils.deterministic``: ``fill_uninitialized_memory``, which can be set and chooses nothing."""

fill_uninitialized_memory = True
