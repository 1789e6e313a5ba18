"""What exists only so that programs written for PyTorch run: names with nothing to do here.

No other chapter reads what is kept in this package, and no result depends on it.
"""
