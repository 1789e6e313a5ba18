"""Sums of gradients, some of which may be sparse.

Two sparse gradients are joined without being merged; a dense one takes a sparse one in. This file knows no operations:
what it calls are methods of the gradients.
"""

from __future__ import annotations

from typing import Any

from minitensor.base import TensorBase


def is_any_sparse(*grads: Any) -> bool:
    """Whether one of the gradients is sparse."""
    return any([each.__class__ is TensorBase.sparse_class for each in grads])


def add_gradients(total: Any, grad: Any, in_place: bool = False) -> Any:
    """Return the sum of two gradients; with ``in_place`` in the memory of ``total``, where its layout permits that."""
    if is_any_sparse(total) and not is_any_sparse(grad):
        return grad + total  # a dense gradient of its own
    return total.add_(grad) if in_place else total + grad
