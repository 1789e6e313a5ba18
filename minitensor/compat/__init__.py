"""Names that exist only for PyTorch compatibility and have no effect here.

No other module reads the state kept in this package, so no result depends on it.
"""
