"""Affine maps: ``linear`` in one pass, ``bilinear`` by einsum.

``linear`` is a primitive so that the bias is added to the product in place, and so that the gradient of the weight
has the weight's layout: the leaf keeps it without a copy.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.errors import DtypeError, ShapeError
from minitensor.ops.arithmetic import conj, mul
from minitensor.ops.copy import with_row_major_grad
from minitensor.ops.einsum import einsum
from minitensor.ops.kinds import require_same_dtype
from minitensor.ops.matmul import factors, matmul, rows
from minitensor.ops.reduce import sum_array

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def linear_grad_weight(grad: Tensor, input: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return gradᵀ @ input, with all leading dims as rows: (out, in), contiguous."""
    if len(in_shape) == 1:
        return matmul(rows(input).transpose(0, 1), grad.reshape(-1)) if input.ndim > 1 else mul(grad, conj(input))
    if input.ndim == 1:
        return mul(grad.unsqueeze(1), conj(input))
    if input.ndim > 2:
        grad, input = rows(grad), rows(input)
    return matmul(grad.transpose(0, 1), conj(input))


def linear_grad_bias(grad: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the sum over all leading dims."""
    if grad.ndim == len(in_shape):
        return grad
    return column_sums(grad if grad.ndim == 2 else rows(grad)) if in_shape else grad.sum()


@differentiable(input=lambda grad, in_shape: grad.expand(in_shape))
def column_sums(input: Tensor) -> Array:
    """Sum the rows of a matrix."""
    sums: Array = sum_array(input, input.array, (0,), False)
    return sums


def put_in_turn(input: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Let the gradient of the weight arrive before that of an input that PyTorch flattens into rows."""
    if bias is None or input.ndim == 2:
        return input, weight, bias
    bias, weight, input = in_turn(bias, weight, input)
    return input, weight, bias


# The bias comes first, as in PyTorch's addmm: hooks on parameters fire in this order.
@differentiable(
    prepare=put_in_turn,
    bias=linear_grad_bias,
    input=lambda grad, weight: linear_grad_input(grad, weight),
    weight=linear_grad_weight,
)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None) -> Array:
    """Return ``input @ weight.T + bias``.

    Args:
        input: (..., in). The result is (..., out).
        weight: (out, in), or (in) for a result without the last dim.
        bias: (out).
        out: Where to write the result.

    Raises:
        RuntimeError: If the sizes do not fit; if the dtypes differ.

    >>> import minitensor as torch
    >>> linear(torch.tensor([1., 2.]), torch.tensor([[1., 1.], [0., 3.]]), torch.tensor([10., 20.]))
    tensor([13., 26.])
    """
    x, w = factors("linear", input, weight)
    if x.ndim == 0 or not 1 <= w.ndim <= 2 or x.shape[-1] != w.shape[-1]:
        raise inner_size_error(x.shape, w.shape)
    half = x.dtype.char == "e"
    if half:
        x, w = x.astype("f"), w.astype("f")
    folded = x if x.ndim <= 2 else x.reshape(prod(x.shape[:-1]), x.shape[-1])
    output = input.backend.dot(folded, w.T)
    if bias is not None:
        shift = bias_array(bias, x.dtype if not half else input.array.dtype, w.shape[:-1])
        if output.ndim:
            output += shift
        else:
            output = output + shift
    if x.ndim > 2:
        output = output.reshape(x.shape[:-1] + w.shape[:-1])
    return output.astype("e") if half else output


def linear_grad_input(grad: Tensor, weight: Tensor) -> Tensor:
    """Return grad @ weight."""
    return matmul(grad, conj(weight)) if weight.ndim == 2 else mul(grad.unsqueeze(-1), conj(weight))


def bias_array(bias: Tensor, dtype: Any, shape: tuple[int, ...]) -> Array:
    """Return the array of a bias, once its dtype and shape fit the product."""
    array: Array = bias.array
    if array.dtype != dtype:
        raise DtypeError(f"linear: bias has dtype {array.dtype.name}, but the input {dtype.name}; cast with .to(...)")
    if array.shape != shape and array.ndim:
        outputs = shape[0] if shape else 1
        raise ShapeError(f"linear: bias has shape {array.shape}, but the weight has {outputs} outputs")
    return array


def inner_size_error(input: tuple[int, ...], weight: tuple[int, ...]) -> ShapeError:
    """Return the error for an input whose number of features is not that of the weight."""
    return ShapeError(
        f"linear: mat1 and mat2 shapes cannot be multiplied: input of shape {input}, weight of shape {weight} (out, "
        f"in); the input's last dim must have size {weight[-1] if weight else '?'}"
    )


@composite
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``x1 @ weight[o] @ x2 + bias[o]`` for every output o.

    Args:
        input1: x1, (..., n). The result is (..., out).
        input2: x2, (..., m).
        weight: (out, n, m).
        bias: (out).

    Raises:
        RuntimeError: If the dtypes differ.

    >>> F.bilinear(tensor([2.]), tensor([3.]), ones(1, 1, 1))
    tensor([6.])
    """
    require_same_dtype("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    weight, input2, input1 = in_turn(weight, input2, input1)
    output = einsum("...i,oij,...j->...o", input1, weight, with_row_major_grad(input2))
    return output if bias is None else output + bias
