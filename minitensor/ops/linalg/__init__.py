"""Linear algebra: factors, solutions, products and norms of matrices, a family a file."""
