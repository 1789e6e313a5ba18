"""Convolution in one to three dims, and its transpose: checks, padding, bias, and three primitives.

``_conv``, its adjoint in the input and its adjoint in the weight are linear in each tensor they take, and each other's
derivatives: so they differentiate to any order. How they compute is the backend's business
(``backends/numpy/conv.py``). As in all such libraries "convolution" is correlation: the kernel is not flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, DtypeError, ShapeError, WrongTypeError
from minitensor.memory_format import contiguous_format
from minitensor.nn.functional.padding import pad
from minitensor.ops.arithmetic import conj
from minitensor.ops.constant import as_function_of
from minitensor.ops.kinds import INEXACT, NUMERIC, require_kind, require_wide
from minitensor.ops.operand import require_tensors, same_device
from minitensor.shapes import conv_output_size, conv_transpose_output_size, ntuple, same_padding

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]
Sizes = int | Sequence[int]


# -- the three primitives ----------------------------------------------------------------------------------------------


def input_back(
    grad: Tensor, weight: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of a convolution in its input."""
    return _conv_input(grad, conj(weight), None, in_shape, stride, padding, dilation, groups)


def weight_back(
    grad: Tensor, input: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of a convolution in its weight."""
    return _conv_weight(grad, conj(input), in_shape, stride, padding, dilation, groups)


def adjoint_weight_back(
    grad: Tensor, output: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of the input adjoint in the weight."""
    return _conv_weight(conj(output), grad, in_shape, stride, padding, dilation, groups)


def adjoint_output_back(
    grad: Tensor, weight: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of the input adjoint in the output."""
    return first_windows(_conv(grad, conj(weight), None, stride, padding, dilation, groups), in_shape)


def weight_output_back(
    grad: Tensor, input: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of the weight adjoint in the output."""
    return first_windows(_conv(conj(input), grad, None, stride, padding, dilation, groups), in_shape)


def bias_back(grad: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of what is added to each channel; see Note [Linear gradients]."""
    return as_function_of(grad.sum((0, *range(2, grad.ndim))), weight)


def first_windows(images: Tensor, shape: Shape) -> Tensor:
    """Leave out windows at the end: ``output_padding`` may make room for some that the transpose never fills."""
    for dim in range(2, images.ndim):
        if images.shape[dim] != shape[dim]:
            images = images.narrow(dim, 0, shape[dim])
    return images


@differentiable(
    input=input_back,
    weight=weight_back,
    bias=bias_back,
)
def _conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    return with_bias(input.backend.conv(input.array, weight.array, stride, padding, dilation, groups), bias)


def with_bias(images: Array, bias: Tensor | None) -> Array:
    """Add one number to each channel of fresh images."""
    if bias is not None:
        images += bias.array.reshape(-1, *[1] * (images.ndim - 2))
    return images


@differentiable(output=adjoint_output_back, weight=adjoint_weight_back, bias=bias_back)
def _conv_input(
    output: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Carry ``output`` back to where each window came from: the adjoint of ``_conv`` in its input."""
    input = output.backend.conv_input(output.array, weight.array, input_shape, stride, padding, dilation, groups)
    return with_bias(input, bias)


@differentiable(
    output=weight_output_back,
    input=lambda grad, output, in_shape, stride, padding, dilation, groups: _conv_input(
        conj(output), grad, None, in_shape, stride, padding, dilation, groups
    ),
)
def _conv_weight(
    output: Tensor,
    input: Tensor,
    weight_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Sum ``output`` times the windows it belongs to: the adjoint of ``_conv`` in its weight."""
    return output.backend.conv_weight(output.array, input.array, weight_shape, stride, padding, dilation, groups)


# -- convolution -------------------------------------------------------------------------------------------------------


@composite
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel (out, in / groups, K) over signals (N, in, L), or over one signal without N.

    >>> import minitensor as torch
    >>> signal, edges = torch.tensor([[0., 0., 1., 1.]]), torch.tensor([[[-1., 1.]]])
    >>> conv1d(signal, edges)
    tensor([[0., 1., 0.]])
    """
    return convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Slide a kernel (K, C, O) over signals (T, N, C), time first: (T', N, O)."""
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            "conv_tbc: expected input (T, N, C) and weight (K, C, O), got shapes "
            f"{tuple(input.shape)} and {tuple(weight.shape)}"
        )
    input, weight, bias = in_turn(input, weight, bias)
    last = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return last.permute(2, 0, 1).clone(memory_format=contiguous_format)


@composite
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
    return convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Tensor:
    """Slide a kernel (out, in / groups, KD, KH, KW) over volumes (N, in, D, H, W), or over one volume without N.

    >>> import minitensor as torch
    >>> conv3d(torch.ones(1, 4, 4, 4), torch.ones(2, 1, 3, 3, 3)).shape
    torch.Size([2, 2, 2, 2])
    """
    return convolved("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def convolved(
    name: str,
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Tensor:
    """Check everything, then convolve; one image is a batch of one."""
    check(name, input, weight, bias, dims, groups)
    strides, dilations = steps("stride", stride, dims), steps("dilation", dilation, dims)
    input, paddings = padded(name, input, weight, padding, strides, dilations)
    check_windows(name, input, weight, strides, paddings, dilations)
    if input.ndim == dims + 1:
        return _conv(input.unsqueeze(0), weight, bias, strides, paddings, dilations, groups).squeeze(0)
    return _conv(input, weight, bias, strides, paddings, dilations, groups)


# -- its transpose -----------------------------------------------------------------------------------------------------


@composite
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
    numbers = (stride, padding, output_padding, dilation)
    return transposed("conv_transpose1d", 1, input, weight, bias, numbers, groups)


@composite
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

    >>> import minitensor as torch
    >>> conv_transpose2d(torch.ones(1, 3, 8, 8), torch.ones(3, 2, 2, 2), stride=2).shape
    torch.Size([1, 2, 16, 16])
    """
    numbers = (stride, padding, output_padding, dilation)
    return transposed("conv_transpose2d", 2, input, weight, bias, numbers, groups)


@composite
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Spread each entry of (N, in, D, H, W) over a window, weighted by a kernel (in, out / groups, KD, KH, KW)."""
    numbers = (stride, padding, output_padding, dilation)
    return transposed("conv_transpose3d", 3, input, weight, bias, numbers, groups)


def transposed(
    name: str,
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    numbers: tuple[Sizes, Sizes, Sizes, Sizes],
    groups: int,
) -> Tensor:
    """Check everything, work out the output's size, then apply the input adjoint; one image is a batch of one."""
    check_transposed(name, input, weight, bias, dims, groups)
    words = ("stride", "padding", "output_padding", "dilation")
    stride, padding, extra, dilation = [steps(word, each, dims) for word, each in zip(words, numbers)]
    size = [
        conv_transpose_output_size(*each)
        for each in zip(input.shape[-dims:], weight.shape[2:], stride, padding, extra, dilation)
    ]
    batch = input if input.ndim == dims + 2 else input.unsqueeze(0)
    shape = (batch.shape[0], weight.shape[1] * groups, *size)
    if 0 in shape:
        output = as_function_of(as_function_of(batch.new_zeros(shape), batch), weight)
        output = output if bias is None else as_function_of(output, bias)
    else:
        output = _conv_input(batch, weight, bias, shape, stride, padding, dilation, groups)
    return output if input.ndim == dims + 2 else output.squeeze(0)


# -- numbers -----------------------------------------------------------------------------------------------------------


def steps(name: str, value: Sizes, dims: int) -> Any:
    """Return one number per spatial dim."""
    try:
        return ntuple(value, dims)
    except ShapeError:
        raise ShapeError(
            f"conv: expected {name} to be a single integer value or a list of {dims} values, got {value!r}"
        ) from None


class StridedSame(ShapeError, ArgumentError):
    """Same size at a stride: a RuntimeError and a ValueError, as PyTorch raises now one, now the other."""


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
        raise StridedSame(f"{name}: padding='same' is not supported for strided convolutions, got stride {stride}")
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
    check_no_empty(name, shape, kernel, dims, groups)


def check_no_empty(name: str, shape: tuple[int, ...], kernel: tuple[int, ...], dims: int, groups: int) -> None:
    """Refuse images without pixels, unless there is none or it has no channels, and fewer kernels than groups."""
    if kernel[0] < groups:
        raise ShapeError(
            f"{name}: Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of "
            f"size {list(kernel)} instead"
        )
    if 0 in shape[-dims:] and 0 not in shape[:-dims]:
        raise ShapeError(
            f"{name}: Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}"
        )


def check_transposed(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int) -> None:
    """Refuse what cannot be convolved backwards."""
    require_tensors(name, input=input)
    require_wide(name, INEXACT, input)
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
    check_no_empty(name, shape, kernel, dims, groups)


def check_tensors(name: str, input: Any, weight: Any, bias: Any) -> None:
    """Refuse what are no tensors, or tensors of several dtypes or devices."""
    if isinstance(input, TensorBase):
        require_kind(name, NUMERIC, input)
    given = {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias})
    for argument, each in given.items():
        if not isinstance(each, TensorBase):
            raise WrongTypeError(f"{name}(): argument {argument!r} must be a tensor, not {type(each).__name__}")
        if each.array.dtype != input.array.dtype:
            raise DtypeError(
                f"{name}: input has dtype {input.dtype.name}, but {argument} has {each.dtype.name}; cast with .to(...)"
            )
        if each.array.__class__ is not input.array.__class__:
            same_device(*given.values())


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
