"""Transposed tensors as attributes: ``x.T``, ``x.mT``, ``x.H``, ``x.mH``, and ``adjoint``.

PyTorch deprecates them where there is no matrix to transpose; so do these, with a warning that comes once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.compat.once import warn_once
from minitensor.errors import ShapeError
from minitensor.ops.lazy import conj
from minitensor.ops.shape import permute, t, transpose

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def T(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return a view with the dims in reverse order.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).T.shape
    torch.Size([3, 2])
    """
    if not input.ndim:
        warn_once("Tensor.T is deprecated on 0-D tensors: it is the identity there.")
    elif input.ndim != 2:
        warn_once(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated: use `x.mT` to "
            "transpose matrices, or `x.permute(*torch.arange(x.ndim - 1, -1, -1))`."
        )
    return permute(input, tuple(range(input.ndim))[::-1])


def mT(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return a view with the last two dims swapped: each matrix transposed.

    Raises:
        RuntimeError: If the tensor has one dim.

    >>> import minitensor as torch
    >>> torch.ones(2, 3, 4).mT.shape
    torch.Size([2, 4, 3])
    """
    if not input.ndim:
        warn_once("Tensor.mT is deprecated on 0-D tensors: it is the identity there.")
        return permute(input, ())
    if input.ndim < 2:
        raise ShapeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor.")
    return transpose(input, -2, -1)


def H(input: Tensor) -> Tensor:  # noqa: N802  # PyTorch's name
    """Return the conjugate transpose of a matrix, a view.

    Raises:
        RuntimeError: If the tensor is not a matrix.

    >>> import minitensor as torch
    >>> torch.tensor([[1j, 2]]).H
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    if input.ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.")
    if not input.ndim:
        warn_once("Tensor.H is deprecated on 0-D tensors: use x.conj().")
    turned: Tensor = conj(t(input))
    return turned


@composite
def adjoint(input: Tensor) -> Tensor:
    """Return the conjugate transpose of the matrices in the last two dims, a view.

    >>> import minitensor as torch
    >>> z = torch.tensor([[1j, 2]])
    >>> torch.adjoint(z), z.mH.shape
    (tensor([[0.-1.j],
            [2.-0.j]]), torch.Size([2, 1]))
    """
    if not input.ndim:
        warn_once("adjoint and Tensor.mH are deprecated on 0-D tensors: use x.conj().")
    turned: Tensor = conj(mT(input) if input.ndim else input)
    return turned
