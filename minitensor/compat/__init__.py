"""Names that exist only for PyTorch compatibility and have no effect here, and a table of the names that are missing.

No other module reads the state kept in this package, so no result depends on it.
"""
