"""Convolution in one to three dims, and its transpose: checks, padding, bias, and three primitives.

``conv``, its adjoint in the input and its adjoint in the weight are linear in each tensor they take, and each other's
derivatives, so they differentiate to any order. The kernels are in ``backends/numpy/conv.py``. As in all deep learning
libraries "convolution" is correlation: the kernel is not flipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.compat.once import warn_once
from minitensor.errors import ArgumentError, DtypeError, ShapeError, UsageValueError, WrongTypeError
from minitensor.layouts import is_dense
from minitensor.memory_format import contiguous_format
from minitensor.nn.functional.conv_layout import layout_of_convolution, layout_of_transpose, layout_of_weight_grad
from minitensor.nn.functional.padding import pad
from minitensor.ops.arithmetic import conj
from minitensor.ops.constant import as_function_of
from minitensor.ops.copy import with_row_major_grad
from minitensor.ops.kinds import INEXACT, NUMERIC, require_kind, require_wide
from minitensor.ops.operand import require_tensors, same_device
from minitensor.shapes import conv_output_size, conv_transpose_output_size, ntuple, same_padding

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

Numbers = tuple[int, ...]  # one for each spatial dim
Shape = tuple[int, ...]
Sizes = int | Sequence[int]


# -- the three primitives ----------------------------------------------------------------------------------------------


def conv_grad_input(
    grad: Tensor, weight: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of ``conv`` in its input."""
    return conv_backward_input(grad, conj(weight), None, in_shape, stride, padding, dilation, groups)


def conv_grad_weight(
    grad: Tensor, input: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of ``conv`` in its weight."""
    return conv_backward_weight(grad, conj(input), in_shape, stride, padding, dilation, groups)


def conv_backward_input_grad_weight(
    grad: Tensor, output: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of ``conv_backward_input`` in the weight."""
    return conv_backward_weight(conj(output), grad, in_shape, stride, padding, dilation, groups)


def conv_backward_input_grad_output(
    grad: Tensor, weight: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of ``conv_backward_input`` in the output."""
    return drop_extra_windows(conv(grad, conj(weight), None, stride, padding, dilation, groups), in_shape)


def conv_backward_weight_grad_output(
    grad: Tensor, input: Tensor, in_shape: Shape, stride: Numbers, padding: Numbers, dilation: Numbers, groups: int
) -> Tensor:
    """Return the gradient of ``conv_backward_weight`` in the output."""
    return drop_extra_windows(conv(conj(input), grad, None, stride, padding, dilation, groups), in_shape)


def conv_grad_bias(grad: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of what is added to each channel; see Note [Linear gradients]."""
    return as_function_of(grad.sum((0, *range(2, grad.ndim))), weight)


def drop_extra_windows(images: Tensor, shape: Shape) -> Tensor:
    """Drop the windows at the end for which ``output_padding`` makes room but which the transpose never fills."""
    for dim in range(2, images.ndim):
        if images.shape[dim] != shape[dim]:
            images = images.narrow(dim, 0, shape[dim])
    return images if is_dense(images.layout) else images.clone()


@differentiable(
    input=conv_grad_input,
    weight=conv_grad_weight,
    bias=conv_grad_bias,
    name="convolution",
)
@in_layout(layout_of_convolution)
def conv(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    return add_bias(input.backend.conv(input.array, weight.array, stride, padding, dilation, groups), bias)


def add_bias(images: Array, bias: Tensor | None) -> Array:
    """Add one number to each channel of fresh images."""
    if bias is not None:
        images += bias.array.reshape(-1, *[1] * (images.ndim - 2))
    return images


@differentiable(output=conv_backward_input_grad_output, weight=conv_backward_input_grad_weight, bias=conv_grad_bias)
@in_layout(layout_of_transpose)
def conv_backward_input(
    output: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    input_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Add each entry of ``output`` back to its window: the adjoint of ``conv`` in its input."""
    kernel = output.backend.conv_backward_input
    input = kernel(output.array, weight.array, input_shape, stride, padding, dilation, groups)
    return add_bias(input, bias)


@differentiable(
    output=conv_backward_weight_grad_output,
    input=lambda grad, output, in_shape, stride, padding, dilation, groups: conv_backward_input(
        conj(output), grad, None, in_shape, stride, padding, dilation, groups
    ),
)
@in_layout(layout_of_weight_grad)
def conv_backward_weight(
    output: Tensor,
    input: Tensor,
    weight_shape: Shape,
    stride: Numbers,
    padding: Numbers,
    dilation: Numbers,
    groups: int,
) -> Array:
    """Sum the products of ``output`` and its windows: the adjoint of ``conv`` in its weight."""
    kernel = output.backend.conv_backward_weight
    return kernel(output.array, input.array, weight_shape, stride, padding, dilation, groups)


# -- convolution -------------------------------------------------------------------------------------------------------


@composite
def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: Count = 1,
) -> Tensor:
    """Convolve signals with a kernel.

    Each side has ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`` outputs.

    Args:
        input: (N, in, L) or (in, L). The result is (N, out, OL), without N if the input is.
        weight: (out, in / groups, K).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many zeros to add on both sides of each spatial dim; or "valid" (none), or "same" (as many outputs
            as inputs, at stride 1).
        dilation: How far the entries of a window lie apart.
        groups: How many groups the channels are split into; each is convolved by itself.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or a window does not fit into the input; if the tensors
            have several dtypes.
        RuntimeError, ValueError: If ``padding`` is "same" and the stride not 1.

    >>> import minitensor as torch
    >>> signal, edges = torch.tensor([[0., 0., 1., 1.]]), torch.tensor([[[-1., 1.]]])
    >>> conv1d(signal, edges)
    tensor([[0., 1., 0.]])
    """
    return convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """Convolve signals whose first dim is time.

    Args:
        input: (T, N, C). The result is (T', N, O).
        weight: (K, C, O).
        bias: (O,).
        pad: How many zeros to add on both sides in time.

    Raises:
        RuntimeError: If the input or the weight has not three dims.

    >>> conv_tbc(ones(5, 1, 2), ones(3, 2, 4), zeros(4)).shape
    torch.Size([3, 1, 4])
    """
    require_tensors("conv_tbc", input=input, weight=weight, bias=bias)
    if input.ndim != 3 or weight.ndim != 3:
        raise ShapeError(
            "conv_tbc: expected input (T, N, C) and weight (K, C, O), got shapes "
            f"{tuple(input.shape)} and {tuple(weight.shape)}"
        )
    input, weight, bias = in_turn(input, weight, bias)
    input, weight = with_row_major_grad(input), with_row_major_grad(weight)
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
    groups: Count = 1,
) -> Tensor:
    """Convolve images with a kernel.

    Each side has ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`` outputs.

    Args:
        input: (N, in, H, W) or (in, H, W). The result is (N, out, OH, OW), without N if the input is.
        weight: (out, in / groups, KH, KW).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many zeros to add on both sides of each spatial dim; or "valid" (none), or "same" (as many outputs
            as inputs, at stride 1).
        dilation: How far the entries of a window lie apart.
        groups: How many groups the channels are split into; each is convolved by itself.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or a window does not fit into the input; if the tensors
            have several dtypes.
        RuntimeError, ValueError: If ``padding`` is "same" and the stride not 1.

    >>> import minitensor as torch
    >>> conv2d(torch.ones(1, 1, 5, 5), torch.ones(2, 1, 3, 3), stride=2).shape
    torch.Size([1, 2, 2, 2])
    """
    return convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@composite
def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: Count = 1,
) -> Tensor:
    """Convolve volumes with a kernel.

    Each side has ``(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`` outputs.

    Args:
        input: (N, in, D, H, W) or (in, D, H, W). The result is (N, out, OD, OH, OW), without N if the input is.
        weight: (out, in / groups, KD, KH, KW).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many zeros to add on both sides of each spatial dim; or "valid" (none), or "same" (as many outputs
            as inputs, at stride 1).
        dilation: How far the entries of a window lie apart.
        groups: How many groups the channels are split into; each is convolved by itself.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or a window does not fit into the input; if the tensors
            have several dtypes.
        RuntimeError, ValueError: If ``padding`` is "same" and the stride not 1.

    >>> import minitensor as torch
    >>> conv3d(torch.ones(1, 4, 4, 4), torch.ones(2, 1, 3, 3, 3)).shape
    torch.Size([2, 2, 2, 2])
    """
    return convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def convolve(
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
    """Validate the arguments, then convolve; one image is a batch of one."""
    check_convolution(name, input, weight, bias, dims, groups)
    strides, dilations = one_per_dim("stride", stride, dims), one_per_dim("dilation", dilation, dims)
    input, paddings = resolve_padding(name, input, weight, padding, strides, dilations)
    check_windows(name, input, weight, strides, paddings, dilations)
    if input.ndim == dims + 1:
        return conv(input.unsqueeze(0), weight, bias, strides, paddings, dilations, groups).squeeze(0)
    return conv(input, weight, bias, strides, paddings, dilations, groups)


# -- its transpose -----------------------------------------------------------------------------------------------------


@composite
def conv_transpose1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: Count = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of a ``conv1d``: add each entry, times the kernel, to its window.

    It is the gradient of a ``conv1d`` with the same numbers in its input, and leads from that one's output size back to
    its input size: ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1``.

    Args:
        input: (N, in, L) or (in, L). The result is (N, out, OL), without N if the input is.
        weight: (in, out / groups, K).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many entries to cut off on both sides of each spatial dim.
        output_padding: How many entries to add at the end: several input sizes of a convolution give one output size.
        groups: How many groups the channels are split into.
        dilation: How far the entries of a window lie apart.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or ``output_padding`` is too large; if the tensors have
            several dtypes.

    >>> F.conv_transpose1d(tensor([[1., 2.]]), ones(1, 1, 2), stride=2)
    tensor([[1., 1., 2., 2.]])
    """
    numbers = (stride, padding, output_padding, dilation)
    return convolve_transpose("conv_transpose1d", 1, input, weight, bias, numbers, groups)


@composite
def conv_transpose2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: Count = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of a ``conv2d``: add each entry, times the kernel, to its window.

    It is the gradient of a ``conv2d`` with the same numbers in its input, and leads from that one's output size back to
    its input size: ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1``.

    Args:
        input: (N, in, H, W) or (in, H, W). The result is (N, out, OH, OW), without N if the input is.
        weight: (in, out / groups, KH, KW).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many entries to cut off on both sides of each spatial dim.
        output_padding: How many entries to add at the end: several input sizes of a convolution give one output size.
        groups: How many groups the channels are split into.
        dilation: How far the entries of a window lie apart.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or ``output_padding`` is too large; if the tensors have
            several dtypes.

    >>> import minitensor as torch
    >>> conv_transpose2d(torch.ones(1, 3, 8, 8), torch.ones(3, 2, 2, 2), stride=2).shape
    torch.Size([1, 2, 16, 16])
    """
    numbers = (stride, padding, output_padding, dilation)
    return convolve_transpose("conv_transpose2d", 2, input, weight, bias, numbers, groups)


@composite
def conv_transpose3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: Count = 1,
    dilation: Sizes = 1,
) -> Tensor:
    """Apply the transpose of a ``conv3d``: add each entry, times the kernel, to its window.

    It is the gradient of a ``conv3d`` with the same numbers in its input, and leads from that one's output size back to
    its input size: ``(size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1``.

    Args:
        input: (N, in, D, H, W) or (in, D, H, W). The result is (N, out, OD, OH, OW), without N if the input is.
        weight: (in, out / groups, KD, KH, KW).
        bias: (out,), added to each channel.
        stride: How far windows lie apart: a number, or one for each spatial dim.
        padding: How many entries to cut off on both sides of each spatial dim.
        output_padding: How many entries to add at the end: several input sizes of a convolution give one output size.
        groups: How many groups the channels are split into.
        dilation: How far the entries of a window lie apart.

    Raises:
        RuntimeError: If shapes, channels or groups do not fit, or ``output_padding`` is too large; if the tensors have
            several dtypes.

    >>> F.conv_transpose3d(ones(1, 2, 2, 2), ones(1, 3, 2, 2, 2), stride=2).shape
    torch.Size([3, 4, 4, 4])
    """
    numbers = (stride, padding, output_padding, dilation)
    return convolve_transpose("conv_transpose3d", 3, input, weight, bias, numbers, groups)


def convolve_transpose(
    name: str,
    dims: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    numbers: tuple[Sizes, Sizes, Sizes, Sizes],
    groups: int,
) -> Tensor:
    """Validate the arguments and apply ``conv_backward_input``; one image is a batch of one."""
    check_transpose(name, input, weight, bias, dims, groups)
    words = ("stride", "padding", "output_padding", "dilation")
    stride, padding, extra, dilation = [one_per_dim(word, each, dims) for word, each in zip(words, numbers)]
    size = [
        conv_transpose_output_size(*each)
        for each in zip(input.shape[-dims:], weight.shape[2:], stride, padding, extra, dilation)
    ]
    batch = input if input.ndim == dims + 2 else input.unsqueeze(0)
    shape = (batch.shape[0], weight.shape[1] * groups, *size)
    if 0 in shape:
        layout = layout_of_transpose((batch, weight, bias, shape, stride, padding, dilation, groups), shape)
        output = as_function_of(as_function_of(batch.new_empty_strided(shape, layout.strides), batch), weight)
        output = output if bias is None else as_function_of(output, bias)
    else:
        output = conv_backward_input(batch, weight, bias, shape, stride, padding, dilation, groups)
    return output if input.ndim == dims + 2 else output.squeeze(0)


# -- numbers -----------------------------------------------------------------------------------------------------------


def one_per_dim(name: str, value: Sizes, dims: int) -> Any:
    """Return one number for each spatial dim."""
    try:
        return ntuple(value, dims)
    except ShapeError:
        raise ShapeError(
            f"conv: expected {name} to be a single integer value or a list of {dims} values, got {value!r}"
        ) from None


def resolve_padding(
    name: str, input: Tensor, weight: Tensor, padding: Sizes | str, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[Tensor, Any]:
    """Return the padding as numbers, and the input, padded at the end where "same" is uneven."""
    dims = len(stride)
    if not isinstance(padding, str):
        return input, one_per_dim("padding", padding, dims)
    if padding == "valid":
        return input, (0,) * dims
    if padding != "same":
        raise ArgumentError(f"{name}: padding must be a number, a list of them, 'valid' or 'same', got {padding!r}")
    if stride != (1,) * dims:
        raise UsageValueError(f"{name}: padding='same' is not supported for strided convolutions, got stride {stride}")
    sides = [same_padding(size, gap) for size, gap in zip(weight.shape[2:], dilation)]
    if any(before != after for before, after in sides):
        warn_once(
            "Using padding='same' with even kernel lengths and odd dilation may require a padded copy of the input."
        )
        input = pad(input, [n for before, after in reversed(sides) for n in (0, after - before)])
    return input, tuple([before for before, _ in sides])


# -- checks ------------------------------------------------------------------------------------------------------------


def check_convolution(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int) -> None:
    """Raise unless the tensors fit; a message gives both shapes."""
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
    """Raise for images without pixels, unless batch or channels are empty, and for fewer kernels than groups."""
    if kernel[0] < groups:
        raise ShapeError(
            f"{name}: Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of "
            f"size {list(kernel)} instead"
        )
    if 0 in shape[-dims:] and 0 not in shape[:-dims]:
        raise ShapeError(
            f"{name}: Only zero batch or zero channel inputs are supported, but got input shape: {list(shape)}"
        )


def check_transpose(name: str, input: Any, weight: Any, bias: Any, dims: int, groups: int) -> None:
    """Raise unless the tensors of a transposed convolution fit."""
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
    """Raise unless all are tensors of one dtype on one device."""
    if isinstance(input, TensorBase):
        require_kind(name, NUMERIC, input)
    given = {"input": input, "weight": weight} | ({} if bias is None else {"bias": bias})
    for argument, each in given.items():
        if not isinstance(each, TensorBase):
            raise WrongTypeError(f"{name}(): argument {argument!r} must be a tensor, not {type(each).__name__}")
        if each.dtype is not input.dtype:
            raise DtypeError(
                f"{name}: input has dtype {input.dtype.name}, but {argument} has {each.dtype.name}; cast with .to(...)"
            )
        if each.xp is not input.xp:
            same_device(*given.values())


def check_rank(name: str, shape: tuple[int, ...], kernel: tuple[int, ...], dims: int) -> None:
    """Raise unless the input has the dims of the kernel, with or without the batch."""
    if len(kernel) != dims + 2:
        raise ShapeError(f"{name}: expected a {dims + 2}D weight, got shape {kernel}")
    if len(shape) not in (dims + 1, dims + 2):
        raise ShapeError(
            f"{name}: expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input, but got input of shape {shape} "
            f"for a weight of shape {kernel}"
        )


def check_bias(name: str, bias: Any, kernel: tuple[int, ...], outputs: int) -> None:
    """Raise unless the bias has one number for each output channel."""
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ShapeError(
            f"{name}: given a weight of shape {kernel}, expected bias to be 1-dimensional with {outputs} elements, "
            f"but got bias of shape {tuple(bias.shape)}"
        )


def check_windows(
    name: str, input: Tensor, weight: Tensor, stride: Numbers, padding: Numbers, dilation: Numbers
) -> None:
    """Raise, with both shapes, unless the windows fit into the input."""
    dims = len(stride)
    try:
        for i in range(dims):
            conv_output_size(input.shape[i - dims], weight.shape[i - dims], stride[i], padding[i], dilation[i])
    except ShapeError as error:
        raise ShapeError(
            f"{name}: input of shape {tuple(input.shape)}, weight of shape {tuple(weight.shape)}: {error}"
        ) from None
