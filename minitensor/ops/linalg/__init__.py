"""Linear algebra: factorizations, solutions, products and norms of matrices, one family per file."""
