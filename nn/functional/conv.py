"""Convolution in one and two dims, and its transpose: checks, padding, bias, and three primitives.

``_conv2d``, its adjoint in the input and its adjoint in the weight are linear in each tensor they take, and each
other's derivatives: so they differentiate to any order. How they compute is the backend's business
(``backends/numpy/conv.py``). As in all such libraries "convolution" is correlation: the kernel is not flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, DtypeError, ShapeError, UnsupportedDtype
from minitensor.nn.functional.padding import pad
from minitensor.ops.operand import same_device
from minitensor.ops.pointwise import conj
from minitensor.shapes import conv_output_size, conv_transpose_output_size, ntuple, same_padding

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Pair = tuple[int, int]
Shape = tuple[int, ...]
Sizes = int | Sequence[int]


# -- the three primitives ----------------------------------------------------------------------------------------------


def input_back(
    grad: Tensor, weight: Tensor, in_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Return the gradient of a convolution in its input."""
    return _conv2d_input(grad, conj(weight), in_shape, stride, padding, dilation, groups)


def weight_back(
    grad: Tensor, input: Tensor, in_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Return the gradient of a convolution in its weight."""
    return _conv2d_weight(grad, conj(input), in_shape, stride, padding, dilation, groups)


def adjoint_weight_back(
    grad: Tensor, output: Tensor, in_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Tensor:
    """Return the gradient of the input adjoint in the weight."""
    return _conv2d_weight(conj(output), grad, in_shape, stride, padding, dilation, groups)


@differentiable(
    input=input_back,
    weight=weight_back,
    bias=lambda grad: grad.sum((0, 2, 3)),
)
def _conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Array:
    output = input.backend.conv2d(input.array, weight.array, stride, padding, dilation, groups)
    if bias is not None:
        output += bias.array.reshape(-1, 1, 1)
    return output


@differentiable(
    output=lambda grad, weight, stride, padding, dilation, groups: _conv2d(
        grad, conj(weight), None, stride, padding, dilation, groups
    ),
    weight=adjoint_weight_back,
)
def _conv2d_input(
    output: Tensor, weight: Tensor, input_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups:
    int
) -> Array:
    """Carry ``output`` back to where each window came from: the adjoint of ``_conv2d`` in its input."""
    return output.backend.conv2d_input(output.array, weight.array, input_shape, stride, padding, dilation, groups)


@differentiable(
    output=lambda grad, input, stride, padding, dilation, groups: _conv2d(
        conj(input), grad, None, stride, padding, dilation, groups
    ),
    input=lambda grad, output, in_shape, stride, padding, dilation, groups: _conv2d_input(
        conj(output), grad, in_shape, stride, padding, dilation, groups
    ),
)
def _conv2d_weight(
    output: Tensor, input: Tensor, weight_shape: Shape, stride: Pair, padding: Pair, dilation: Pair, groups:
    int
) -> Array:
    """Sum ``output`` times the windows it belongs to: the adjoint of ``_conv2d`` in its weight."""
    return output.backend.conv2d_weight(output.array, input.array, weight_shape, stride, padding, dilation, groups)


# -- convolution -------------------------------------------------------------------------------------------------------


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel (out, in / groups, KH, KW) over images (N, in, H, W), or over one image without N.

    Each side has ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`` outputs. ``padding`` may be
    "valid" (none) or "same" (as many outputs as inputs, at stride 1).

    >>> import minitensor as torch
    >>> conv2d(torch.ones(1, 1, 5, 5), torch.ones(2, 1, 3, 3), stride=2).shape
    torch.Size([1, 2, 2, 2])
    """
    check("conv2d", input, weight, bias, 2, groups)
    strides, dilations = steps("stride", stride, 2), steps("dilation", dilation, 2)
    input, paddings = padded("conv2d", input, weight, padding, strides, dilations)
    check_windows("conv2d", input, weight, strides, paddings, dilations)
    if input.ndim == 3:
        return _conv2d(input.unsqueeze(0), weight, bias, strides, paddings, dilations, groups).squeeze(0)
    return _conv2d(input, weight, bias, strides, paddings, dilations, groups)


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel (out, in / groups, K) over signals (N, in, L), or over one without N: images of one row.

    >>> import minitensor as torch
    >>> signal, edges = torch.tensor([[0., 0., 1., 1.]]), torch.tensor([[[-1., 1.]]])
    >>> conv1d(signal, edges)
    tensor([[0., 1., 0.]])
    """
    check("conv1d", input, weight, bias, 1, groups)
    (step,), (gap,) = steps("stride", stride, 1), steps("dilation", dilation, 1)
    input, (around,) = padded("conv1d", input, weight, padding, (step,), (gap,))
    check_windows("conv1d", input, weight, (step,), (around,), (gap,))
    batch = input if input.ndim == 3 else input.unsqueeze(0)
    rows, kernel = batch.unsqueeze(2), weight.unsqueeze(2)
    output = _conv2d(rows, kernel, bias, (1, step), (0, around), (1, gap), groups).squeeze(2)
    return output if input.ndim == 3 else output.squeeze(0)


# -- its transpose -----------------------------------------------------------------------------------------------------


def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Spread each entry of (N, in, H, W) over a window, weighted by a kernel (in, out / groups, KH, KW).

    It is the gradient of a ``conv2d`` with the same numbers, so it leads from that one's output size back to its input
    size; where several input sizes give one output size, ``output_padding`` adds rows at the end.
    """
    check_transposed("conv_transpose2d", input, weight, bias, 2, groups)
    numbers = [steps(name, value, 2) for name, value in (("stride", stride), ("padding", padding))]
    extra, gap = steps("output_padding", output_padding, 2), steps("dilation", dilation, 2)
    return transposed(input, weight, bias, numbers[0], numbers[1], extra, gap, groups)


def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Spread each entry of (N, in, L) over a window, weighted by a kernel (in, out / groups, K)."""
    check_transposed("conv_transpose1d", input, weight, bias, 1, groups)
    (step,), (around,) = steps("stride", stride, 1), steps("padding", padding, 1)
    (extra,), (gap,) = steps("output_padding", output_padding, 1), steps("dilation", dilation, 1)
    rows, kernel = input.unsqueeze(-2), weight.unsqueeze(2)
    return transposed(rows, kernel, bias, (1, step), (0, around), (0, extra), (1, gap), groups).squeeze(-2)


def transposed(
    input: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, extra: Pair, dilation: Pair,
    groups: int
) -> Tensor:
    """Return the input adjoint of a convolution, with a bias added."""
    if input.ndim == 3:
        return transposed(input.unsqueeze(0), weight, bias, stride, padding, extra, dilation, groups).squeeze(0)
    size = [
        conv_transpose_output_size(*numbers)
        for numbers in zip(input.shape[2:], weight.shape[2:], stride, padding, extra, dilation)
    ]
    shape = (input.shape[0], weight.shape[1] * groups, *size)
    output = _conv2d_input(input, weight, shape, stride, padding, dilation, groups)
    return output if bias is None else output + bias.reshape(-1, 1, 1)


# -- numbers -----------------------------------------------------------------------------------------------------------


def steps(name: str, value: Sizes, dims: int) -> Any:
    """Return one number per spatial dim."""
    try:
        return ntuple(value, dims)
    except ShapeError:
        raise ShapeError(
            f"conv: expected {name} to be a single integer value or a list of {dims} values, got {value!r}"
        ) from None


def padded(
    name: str, input: Tensor, weight: Tensor, padding: Sizes | str, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Tensor, Any]:
    """Return the padding as numbers; where "same" is uneven, the input with one more row or column after its last."""
    dims = len(stride)
    if not isinstance(padding, str):
        return input, steps("padding", padding, dims)
    if padding == "valid":
        return input, (0,) * dims
    if padding != "same":
        raise ArgumentError(f"{name}: padding must be a number, a list of them, 'valid' or 'same', got {padding!r}")
    if stride != (1,) * dims:
        raise ArgumentError(f"{name}: padding='same' is not supported for strided convolutions, got stride {stride}")
    sides = [same_padding(size, gap) for size, gap in zip(weight.shape[2:], dilation)]
    if any(before != after for before, after in sides):
        input = pad(input, [n for before, after in reversed(sides) for n in (0, after - before)])
    return input, tuple([before for before, _ in sides])


# -- checks ------------------------------------------------------------------------------------------------------------


def check(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int) -> None:
    """Refuse what cannot be convolved; a message names both shapes."""
    check_tensors(name, input, weight, bias)
    shape, kernel = tuple(input.shape), tuple(weight.shape)
    check_rank(name, shape, kernel, dims)
    if groups < 1:
        raise ShapeError(f"{name}: groups must be a positive number, got {groups}")
    channels = shape[-dims - 1]
    if channels != kernel[1] * groups:
        raise ShapeError(
            f"{name}: given groups={groups} and a weight of shape {kernel}, expected input of shape {shape} to have "
            f"{kernel[1] * groups} channels, but got {channels} channels instead"
        )
    if kernel[0] % groups:
        raise ShapeError(
            f"{name}: the {kernel[0]} outputs of a weight of shape {kernel} do not divide into {groups} groups"
        )
    check_bias(name, bias, kernel, kernel[0])


def check_transposed(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int) -> None:
    """Refuse what cannot be convolved backwards."""
    check_tensors(name, input, weight, bias)
    shape, kernel = tuple(input.shape), tuple(weight.shape)
    check_rank(name, shape, kernel, dims)
    if groups < 1 or kernel[0] % groups:
        raise ShapeError(
            f"{name}: the {kernel[0]} inputs of a weight of shape {kernel} do not divide into {groups} groups"
        )
    if shape[-dims - 1] != kernel[0]:
        raise ShapeError(
            f"{name}: given a transposed weight of shape {kernel}, expected input of shape {shape} to have {kernel[0]} "
            f"channels, but got {shape[-dims - 1]} channels instead"
        )
    check_bias(name, bias, kernel, kernel[1] * groups)


def check_tensors(name: str, input: Any, weight: Any, bias: Any) -> None:
    """Refuse what are no tensors, or tensors of several dtypes or devices."""
    given = {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias})
    for argument, each in given.items():
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"{name}(): argument {argument!r} must be a tensor, not {type(each).__name__}")
        if each.array.dtype != input.array.dtype:
            raise DtypeError(
                f"{name}: input has dtype {input.dtype.name}, but {argument} has {each.dtype.name}; cast with .to(...)"
            )
        if each.array.__class__ is not input.array.__class__:
            same_device(*given.values())
    if input.array.dtype.kind == "b":
        raise UnsupportedDtype(f"{name}: not implemented for bool; cast with .to(...)")


def check_rank(name: str, shape: tuple[int, ...], kernel: tuple[int, ...], dims: int) -> None:
    """Refuse other numbers of dims than a kernel's, with or without the batch."""
    if len(kernel) != dims + 2:
        raise ShapeError(f"{name}: expected a {dims + 2}D weight, got shape {kernel}")
    if len(shape) not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, but got input of shape {shape} "
            f"for a weight of shape {kernel}"
        )


def check_bias(name: str, bias: Any, kernel: tuple[int, ...], outputs: int) -> None:
    """Refuse a bias that has not one number for each output channel."""
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ShapeError(
            f"{name}: given a weight of shape {kernel}, expected bias to be 1-dimensional with {outputs} elements, "
            f"but got bias of shape {tuple(bias.shape)}"
        )


def check_windows(
    name: str, input: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int,
    ...]
) -> None:
    """Refuse windows that do not fit into the input; the numbers come from ``shapes``, both shapes from here."""
    dims = len(stride)
    try:
        for i in range(dims):
            conv_output_size(input.shape[i - dims], weight.shape[i - dims], stride[i], padding[i], dilation[i])
    except ShapeError as error:
        raise ShapeError(
            f"{name}: input of shape {tuple(input.shape)}, weight of shape {tuple(weight.shape)}: {error}"
        ) from None
