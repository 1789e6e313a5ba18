"""``torch._C._functorch`` and ``torch._functorch.vmap``: what libraries ask about the tensors inside ``vmap``.

A tensor inside ``vmap`` has the shape of one sample; the tensor with all samples has them along dim 0, at each level of
nesting. Outside of ``vmap`` no tensor is batched.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import BatchingError
from minitensor.func.batching.batched import Batched, Level, active_levels, batch, levels_in, strip_level
from minitensor.func.mapping import name_of as _get_name  # noqa: F401
from minitensor.func.mapping import unbatch
from minitensor.func.mapping import vmap as vmap_impl  # noqa: F401
from minitensor.tensor import Tensor
from minitensor.utils._pytree import _broadcast_to_and_flatten as _broadcast_to_and_flatten
from minitensor.utils._pytree import tree_flatten as tree_flatten
from minitensor.utils._pytree import tree_unflatten as tree_unflatten

__path__: list[str] = []  # as that of a package, so that its parts can be imported
vmap = sys.modules[__name__]  # the module torch._functorch.vmap

__all__ = ["current_level", "get_unwrapped", "is_batchedtensor", "maybe_get_bdim", "maybe_get_level"]


def is_batchedtensor(tensor: Any) -> bool:
    """Return whether a tensor is a sample inside ``vmap``.

    >>> import minitensor as torch
    >>> from minitensor.paths.samples import is_batchedtensor
    >>> is_batchedtensor(torch.ones(3))
    False
    """
    return isinstance(tensor, Batched)


is_functorch_wrapped_tensor = is_batchedtensor


def get_unwrapped(tensor: Any) -> Any:
    """Return the tensor with all samples of the innermost ``vmap``, whose dim of samples is the first.

    Raises:
        RuntimeError: If the tensor is not a sample inside ``vmap``.
    """
    if not isinstance(tensor, Batched):
        raise BatchingError("get_unwrapped: expected a tensor inside vmap, got one that is not batched")
    return tensor.physical


def maybe_get_bdim(tensor: Any) -> int:
    """Return the dim of the samples in the tensor with all of them, or -1 for a tensor that is not batched."""
    return 0 if isinstance(tensor, Batched) else -1


def maybe_get_level(tensor: Any) -> int:
    """Return the level of the ``vmap`` that a tensor is a sample of, or -1 for a tensor that is not batched."""
    return tensor.level if isinstance(tensor, Batched) else -1


def maybe_current_level() -> int | None:
    """Return the level of the innermost ``vmap`` that runs, or None."""
    levels = active_levels()
    return levels[-1].number if levels else None


def current_level() -> int:
    """Return the level of the innermost ``vmap`` that runs.

    Raises:
        RuntimeError: If none runs.
    """
    level = maybe_current_level()
    if level is None:
        raise BatchingError("current_level: no vmap is running")
    return level


def _add_batch_dim(tensor: Tensor, in_dim: int, level: int) -> Tensor:
    """Return a tensor as a sample of a level, whose samples are the entries of a dim."""
    return batch(tensor.movedim(in_dim, 0), level)


def _remove_batch_dim(tensor: Any, level: int, batch_size: int, out_dim: int) -> Any:
    """Return the tensor with all samples of a level, along a dim. A tensor without that level is repeated."""
    if dict(levels_in((tensor,))).get(level) is None:
        return tensor.expand(batch_size, *tensor.shape).movedim(0, out_dim)
    return strip_level(tensor, level, batch_size).movedim(0, out_dim)


def _maybe_remove_batch_dim(name: str, batched_output: Any, vmap_level: int, batch_size: int, out_dim: Any) -> Any:
    """Return an output of a function with all samples, or as it is if its dim is None.

    Raises:
        ValueError: If the dim is None for a sample, or is not for what is not a tensor.
    """
    level = Level(batch_size, "error")
    level.number = vmap_level
    if out_dim is None or not isinstance(batched_output, TensorBase):
        return unbatch(Named(name), batched_output, out_dim, level)
    return _remove_batch_dim(batched_output, vmap_level, batch_size, out_dim)


class Named:
    """A function of which only the name is known."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor._C._functorch")
