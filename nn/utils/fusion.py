"""Batch norms folded into the layers before them, for evaluation: one layer computes what two did."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.errors import GuardError
from minitensor.nn.batchnorm import BatchNorm
from minitensor.nn.conv import ConvNd
from minitensor.nn.linear import Linear
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import ones_like, zeros_like
from minitensor.ops.powers import rsqrt

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Conv = TypeVar("Conv", bound=ConvNd)


@composite_with_own_checks
def fuse_conv_bn_eval(conv: Conv, bn: BatchNorm, transpose: bool = False) -> Conv:
    """Return a convolution that computes ``bn(conv(x))``, for evaluation.

    Args:
        conv: The convolution, in evaluation mode; it stays unchanged.
        bn: The batch norm, in evaluation mode.
        transpose: The convolution is transposed; detected for this library's layers. Default: ``False``.

    Returns:
        A copy of ``conv`` with other parameters.

    Raises:
        ValueError: If a layer is in training mode, or the batch norm has no running statistics.

    >>> import minitensor as torch
    >>> conv, bn = torch.nn.Conv2d(3, 8, 3).eval(), torch.nn.BatchNorm2d(8).eval()
    >>> x = torch.rand(1, 3, 9, 9)
    >>> torch.allclose(torch.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5)
    True
    """
    mean, var = running_statistics(conv.training, bn)
    fused = deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose or conv.transposed
    )
    return fused


@composite_with_own_checks
def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a convolution with a batch norm folded in.

    With scale = bn_w / sqrt(bn_rv + bn_eps)::

        weight = conv_w scale,  bias = (conv_b - bn_rm) scale + bn_b

    Args:
        conv_w: Weight, shape (C_out, C_in, *), or (C_in, C_out, *) if ``transpose``.
        conv_b: Bias, shape (C_out), or None for 0.
        bn_rm: Running mean, shape (C_out).
        bn_rv: Running variance, shape (C_out).
        bn_eps: Number added to the variance.
        bn_w: Weight of the batch norm, shape (C_out), or None for 1.
        bn_b: Bias of the batch norm, shape (C_out), or None for 0.
        transpose: The convolution is transposed. Default: ``False``.

    Returns:
        The weight and the bias, as parameters.

    >>> import minitensor as torch
    >>> from minitensor.nn.utils import fuse_conv_bn_weights
    >>> one = torch.ones(1)
    >>> weight, bias = fuse_conv_bn_weights(torch.ones(1, 1, 2), None, 3 * one, 4 * one, 0.0, one, one)
    >>> weight.detach(), bias.detach()
    (tensor([[[0.5000, 0.5000]]]), tensor([-0.5000]))
    """
    scale, bias = scale_and_bias(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return make_parameter(conv_w, conv_w * scale.reshape(shape)), make_bias(conv_w, conv_b, bias)


@composite_with_own_checks
def fuse_linear_bn_eval(linear: Linear, bn: BatchNorm) -> Linear:
    """Return a linear layer that computes ``bn(linear(x))``, for evaluation.

    Args:
        linear: The layer, in evaluation mode; it stays unchanged.
        bn: The batch norm, in evaluation mode.

    Returns:
        A copy of ``linear`` with other parameters.

    Raises:
        ValueError: If a layer is in training mode, the batch norm has no running statistics, or the sizes differ.

    >>> import minitensor as torch
    >>> linear, bn = torch.nn.Linear(3, 4).eval(), torch.nn.BatchNorm1d(4).eval()
    >>> x = torch.rand(2, 3)
    >>> torch.allclose(torch.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5)
    True
    """
    mean, var = running_statistics(linear.training, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise GuardError(
            f"to fuse, linear.out_features ({linear.out_features}) must equal bn.num_features ({bn.num_features}), "
            "or that be 1"
        )
    fused = deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(linear.weight, linear.bias, mean, var, bn.eps, bn.weight, bn.bias)
    return fused


@composite_with_own_checks
def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return the weight and the bias of a linear layer with a batch norm folded in; see ``fuse_conv_bn_weights``.

    Args:
        linear_w: Weight, shape (out_features, in_features).
        linear_b: Bias, shape (out_features), or None for 0.
        bn_rm: Running mean, shape (out_features).
        bn_rv: Running variance, shape (out_features).
        bn_eps: Number added to the variance.
        bn_w: Weight of the batch norm, shape (out_features), or None for 1.
        bn_b: Bias of the batch norm, shape (out_features), or None for 0.

    Returns:
        The weight and the bias, as parameters.

    >>> import minitensor as torch
    >>> from minitensor.nn.utils import fuse_linear_bn_weights
    >>> one = torch.ones(1)
    >>> weight, bias = fuse_linear_bn_weights(torch.ones(1, 2), None, 3 * one, 4 * one, 0.0, one, one)
    >>> weight.detach(), bias.detach()
    (tensor([[0.5000, 0.5000]]), tensor([-0.5000]))
    """
    scale, bias = scale_and_bias(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return make_parameter(linear_w, linear_w * scale.unsqueeze(-1)), make_bias(linear_w, linear_b, bias)


def running_statistics(training: bool, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """Return a batch norm's running statistics; raise if it is in training mode or has none."""
    if training or bn.training:
        raise GuardError("fusion only for eval: call .eval() on both layers first")
    if bn.running_mean is None or bn.running_var is None:
        raise GuardError("fusion needs running statistics: the batch norm was made with track_running_stats=False")
    return bn.running_mean, bn.running_var


def scale_and_bias(
    bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, weight: Tensor | None, shift: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the factor of a batch norm, and the bias that results from the layer's bias."""
    scale = (ones_like(mean) if weight is None else weight) * rsqrt(var + eps)
    before = zeros_like(mean) if bias is None else bias
    return scale, (before - mean) * scale + (zeros_like(mean) if shift is None else shift)


def make_parameter(like: Tensor, values: Tensor) -> Parameter:
    """Return a parameter in the dtype of the one it replaces, which requires grad if that did."""
    return Parameter(values.detach().to(like.dtype), like.requires_grad)


def make_bias(weight: Tensor, before: Tensor | None, values: Tensor) -> Parameter:
    """Return a bias like the layer's own; if there was none, one that does not require grad, as in PyTorch."""
    return Parameter(values.detach().to(weight.dtype), False) if before is None else make_parameter(before, values)
