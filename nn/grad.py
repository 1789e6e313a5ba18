"""``nn.grad``: the gradients of convolutions by input and weight, as functions of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import grad
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.autograd.naming import class_of_name
from minitensor.compat.reasons import attributes_of
from minitensor.nn.functional.conv import conv1d, conv2d, conv3d
from minitensor.ops.creation import zeros

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]

Sizes = int | Sequence[int]


def gradient_of(convolve: Callable[[Tensor], Tensor], size: Any, grad_output: Tensor) -> Tensor:
    """Return the gradient of a convolution by one operand, which is linear in it; it can be differentiated in turn."""
    with enable_grad():
        operand = zeros(tuple(size), dtype=grad_output.dtype, device=grad_output.device, requires_grad=True)
        found: Tensor = grad(convolve(operand), operand, grad_output, create_graph=True)[0]
    node = found.node
    if node is not None and node.name() == "ConvolutionBackward0":  # a convolution's gradient, not a transpose
        kind: Any = node.__class__
        node.__class__ = class_of_name(kind, "ConvolutionBackwardBackward0")
    return found if is_grad_enabled() else found.detach()


def conv1d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv1d`` by its input.

    Args:
        input_size: The shape of the input.
        weight: The kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv1d_input((1, 1, 4), torch.ones(1, 1, 2), torch.ones(1, 1, 3)).sum()
    tensor(6.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda input: conv1d(input, weight, *options), input_size, grad_output)


def conv1d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv1d`` by its kernel.

    Args:
        input: The input.
        weight_size: The shape of the kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv1d_weight(torch.ones((1, 1, 4)), (1, 1, 2), torch.ones(1, 1, 3)).sum()
    tensor(6.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda weight: conv1d(input, weight, *options), weight_size, grad_output)


def conv2d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv2d`` by its input.

    Args:
        input_size: The shape of the input.
        weight: The kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv2d_input((1, 1, 4, 4), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3)).sum()
    tensor(36.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda input: conv2d(input, weight, *options), input_size, grad_output)


def conv2d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv2d`` by its kernel.

    Args:
        input: The input.
        weight_size: The shape of the kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv2d_weight(torch.ones((1, 1, 4, 4)), (1, 1, 2, 2), torch.ones(1, 1, 3, 3)).sum()
    tensor(36.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda weight: conv2d(input, weight, *options), weight_size, grad_output)


def conv3d_input(
    input_size: Sequence[int], weight: Tensor, grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv3d`` by its input.

    Args:
        input_size: The shape of the input.
        weight: The kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv3d_input((1, 1, 4, 4, 4), torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 3, 3, 3)).sum()
    tensor(216.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda input: conv3d(input, weight, *options), input_size, grad_output)


def conv3d_weight(
    input: Tensor, weight_size: Sequence[int], grad_output: Tensor, stride: Sizes = 1, padding: Sizes = 0,
    dilation: Sizes = 1, groups: int = 1,
) -> Tensor:
    """Return the gradient of ``conv3d`` by its kernel.

    Args:
        input: The input.
        weight_size: The shape of the kernel.
        grad_output: The gradient by the result.
        stride: The step of the convolution. Default: ``1``.
        padding: Its padding. Default: ``0``.
        dilation: Its dilation. Default: ``1``.
        groups: Its groups. Default: ``1``.

    >>> import minitensor as torch
    >>> torch.nn.grad.conv3d_weight(torch.ones((1, 1, 4, 4, 4)), (1, 1, 2, 2, 2), torch.ones(1, 1, 3, 3, 3)).sum()
    tensor(216.)
    """
    options = None, stride, padding, dilation, groups
    return gradient_of(lambda weight: conv3d(input, weight, *options), weight_size, grad_output)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
