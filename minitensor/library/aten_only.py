"""Operations that PyTorch has only as ``torch.ops.aten.NAME``: what they are in terms of methods here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from minitensor.memory_format import preserve_format
from minitensor.tensor import Tensor


def _to_copy(
    self: Tensor, *, dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool | None = None,
    non_blocking: bool = False, memory_format: Any = None,
) -> Tensor:
    """Return a copy, with another dtype, on another device or in another order."""
    order = memory_format or preserve_format
    return self.to(
        device=self.device if device is None else device, dtype=dtype or self.dtype, copy=True, memory_format=order
    )


def alias(self: Tensor) -> Tensor:
    """Return another tensor of the same memory."""
    return self.view_as(self)


def index(self: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    """Return the elements at indices; None stands for all places of a dim."""
    return self[tuple(slice(None) if each is None else each for each in indices)]


def slice_(
    self: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """Return a part of a dim."""
    place = dim + self.ndim if dim < 0 else dim
    return self[(slice(None),) * place + (slice(start, end, step),)]


def _unsafe_view(self: Tensor, size: Sequence[int]) -> Tensor:
    """Return the elements in another shape."""
    return self.view(size)


def _local_scalar_dense(self: Tensor) -> Any:
    """Return the only element as a number."""
    return self.item()


def _pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """Return a copy in memory that a GPU reads at once."""
    return self.pin_memory()


def _conj(self: Tensor) -> Tensor:
    """Return the complex conjugate."""
    found: Tensor = self.conj()
    return found


def sym_size(self: Tensor, dim: int) -> int:
    """Return the size of a dim."""
    return self.shape[dim]


def _is_all_true(self: Tensor) -> Tensor:
    """Return whether all bools are true."""
    found: Tensor = self.all()
    return found


def _sparse_addmm(self: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return ``beta * self`` plus ``alpha`` times the product of a sparse matrix and a dense one."""
    return self * beta + (mat1 @ mat2) * alpha


ATEN_ONLY: dict[str, Callable[..., Any]] = {each.__name__.rstrip("_"): each for each in (
    _to_copy, alias, index, slice_, _unsafe_view, _local_scalar_dense, _pin_memory, _conj, sym_size, _is_all_true,
    _sparse_addmm,
)}  # fmt: skip
