"""Batch norms folded into the layers before them, for evaluation: one layer computes what two did."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, TypeVar

from minitensor.autograd.misuse import ungated
from minitensor.errors import GuardError
from minitensor.nn.conv import ConvNd
from minitensor.nn.linear import Linear
from minitensor.nn.normalization import BatchNorm
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import ones_like, zeros_like
from minitensor.ops.pointwise import rsqrt

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Conv = TypeVar("Conv", bound=ConvNd)


@ungated
def fuse_conv_bn_eval(conv: Conv, bn: BatchNorm, transpose: bool = False) -> Conv:
    """Return a convolution that gives what ``bn(conv(x))`` gives in evaluation.

    >>> conv, bn = nn.Conv2d(3, 8, 3).eval(), nn.BatchNorm2d(8).eval()
    >>> x = minitensor.rand(1, 3, 9, 9)
    >>> bool((nn.utils.fuse_conv_bn_eval(conv, bn)(x) - bn(conv(x))).abs().max() < 1e-5)
    True
    """
    mean, var = evaluated(conv.training, bn)
    fused = deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose or conv.transposed
    )
    return fused


@ungated
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
    """Return weight and bias of the convolution that has the batch norm in it; ``transpose``: a transposed one."""
    scale, bias = scale_and_bias(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return kept(conv_w, conv_w * scale.reshape(shape)), kept_bias(conv_w, conv_b, bias)


@ungated
def fuse_linear_bn_eval(linear: Linear, bn: BatchNorm) -> Linear:
    """Return a linear layer that gives what ``bn(linear(x))`` gives in evaluation."""
    mean, var = evaluated(linear.training, bn)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise GuardError(
            f"to fuse, linear.out_features ({linear.out_features}) must equal bn.num_features ({bn.num_features}), "
            "or that be 1"
        )
    fused = deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(linear.weight, linear.bias, mean, var, bn.eps, bn.weight, bn.bias)
    return fused


@ungated
def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Return weight and bias of the linear layer that has the batch norm in it."""
    scale, bias = scale_and_bias(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return kept(linear_w, linear_w * scale.unsqueeze(-1)), kept_bias(linear_w, linear_b, bias)


def evaluated(training: bool, bn: BatchNorm) -> tuple[Tensor, Tensor]:
    """Return what a batch norm remembers; refuse one that is in training or remembers nothing."""
    if training or bn.training:
        raise GuardError("fusion only for eval: call .eval() on both layers first")
    if bn.running_mean is None or bn.running_var is None:
        raise GuardError("fusion needs running statistics: the batch norm was made with track_running_stats=False")
    return bn.running_mean, bn.running_var


def scale_and_bias(
    bias: Tensor | None, mean: Tensor, var: Tensor, eps: float, weight: Tensor | None, shift: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies by, and what it makes of the bias before it."""
    scale = (ones_like(mean) if weight is None else weight) * rsqrt(var + eps)
    before = zeros_like(mean) if bias is None else bias
    return scale, (before - mean) * scale + (zeros_like(mean) if shift is None else shift)


def kept(like: Tensor, values: Tensor) -> Parameter:
    """Return a parameter in the dtype of the one it replaces, trained if that was."""
    return Parameter(values.detach().to(like.dtype), like.requires_grad)


def kept_bias(weight: Tensor, before: Tensor | None, values: Tensor) -> Parameter:
    """Return a bias like the layer's own; where there was none, as in PyTorch, one that is not trained."""
    return Parameter(values.detach().to(weight.dtype), False) if before is None else kept(before, values)
