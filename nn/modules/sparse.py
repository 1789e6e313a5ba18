"""Embeddings under PyTorch's path."""

from minitensor.nn.sparse import Embedding, EmbeddingBag

__all__ = ["Embedding", "EmbeddingBag"]
