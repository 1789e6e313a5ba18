"""Softmax and its logarithm along a dim, with gradients that use the result.

The kernels subtract the largest element first, so no exponential overflows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.declare import differentiable
from minitensor.backends.numpy.halves import convert
from minitensor.ops.exponentials import exp
from minitensor.ops.kinds import FLOATS, of_kind
from minitensor.ops.operand import widen
from minitensor.ops.reduce import sum
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def softmax_grad_grad(grad: Tensor, weights: Tensor, dim: int) -> Tensor:
    """Return the gradient of ``softmax_grad`` in ``input``: the map is its own adjoint."""
    return softmax_grad(grad, weights, dim)


@differentiable(
    input=softmax_grad_grad,
    weights=lambda grad, input, weights, dim: (
        grad * (input - sum(input * weights, dim, True)) - input * sum(grad * weights, dim, True)
    ),
)
def softmax_grad(input: Tensor, weights: Tensor, dim: int) -> Array:
    """Return ``weights * (input - sum(weights * input))``, the gradient of a softmax whose result was ``weights``."""
    return in_dtype_of(input, input.backend.softmax_backward(widen(input.array), widen(weights.array), dim))


def in_order(input: Tensor, array: Array) -> Array:
    """Return the elements in row-major order, in which PyTorch's result is too."""
    return array if array.flags.c_contiguous else input.xp.asarray(array, order="C")


def in_dtype_of(input: Tensor, found: Array) -> Array:
    """Return a result in the dtype of the input; as in PyTorch, float16 is computed in float32 and rounded once."""
    return found if found.dtype == input.array.dtype else convert(found, input.array.dtype)


def along_dim(input: Tensor, dim: int, dtype: Dtype | None) -> tuple[Tensor, int, Dtype | None]:
    """Cast the input and return ``dim`` as a non-negative number."""
    return input if dtype is None else input.to(dtype), wrap_dim(dim, input.ndim), dtype


@differentiable(prepare=along_dim, input=lambda grad, result, dim: softmax_grad(grad, result, dim))
def softmax(input: Tensor, dim: int, dtype: Dtype | None = None, *, out: Tensor | None = None) -> Array:
    """Return ``exp(input) / sum(exp(input))`` along ``dim``: positive numbers whose sum is 1.

    Args:
        dtype: If given, ``input`` is cast to it first.

    Raises:
        IndexError: If there is no such dim.

    >>> import minitensor as torch
    >>> torch.softmax(torch.tensor([1., 1., 1., 1.]), dim=0)
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    array = widen(in_order(input, of_kind("softmax", FLOATS, input.array)))
    return in_dtype_of(input, input.backend.softmax(array, dim))


@differentiable(
    input=lambda grad, logs, dim: grad - sum(grad * exp(logs), dim, True),
    logs=lambda grad, input, logs, dim: -grad * exp(logs) * sum(input, dim, True),
)
def log_softmax_grad(input: Tensor, logs: Tensor, dim: int) -> Array:
    """Return ``input - exp(logs) * sum(input)``, the gradient of a log-softmax whose result was ``logs``."""
    return in_dtype_of(input, input.backend.log_softmax_backward(widen(input.array), widen(logs.array), dim))


@differentiable(prepare=along_dim, input=lambda grad, result, dim: log_softmax_grad(grad, result, dim))
def log_softmax(input: Tensor, dim: int, dtype: Dtype | None = None, *, out: Tensor | None = None) -> Array:
    """Return ``log(softmax(input, dim))``, accurate where the softmax is tiny too.

    >>> import minitensor as torch
    >>> torch.log_softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    array = widen(in_order(input, of_kind("log_softmax", FLOATS, input.array)))
    return in_dtype_of(input, input.backend.log_softmax(array, dim))


def softmin(input: Tensor, dim: int, dtype: Dtype | None = None) -> Tensor:
    """Return ``softmax(-input, dim)``."""
    return softmax(-input, dim, dtype)
