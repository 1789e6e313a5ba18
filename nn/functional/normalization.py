"""Normalization: over the batch, over a sample's last dims, over groups of channels, and across neighboring channels.

Here the arguments are validated and the running statistics move; the ops are in ``fused_norms.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.misuse import composite, require_constant
from minitensor.autograd.spellings import IGNORED, other_names
from minitensor.autograd.turns import in_turn
from minitensor.backends.silence import in_silence
from minitensor.base import TensorBase, has_values, require_writable, wrap
from minitensor.errors import ArgumentError, ShapeError, UsageError, WrongTypeError
from minitensor.nn.functional.fused_norms import as_channels, given_tensors, normalize_channels, normalize_rows
from minitensor.nn.functional.padding import pad
from minitensor.nn.functional.pooling import avg_pool2d
from minitensor.ops.choice import clamp
from minitensor.ops.constant import with_gradient_as_function_of
from minitensor.ops.kinds import FLOATS, INEXACT, in_dtype_of, require_kind, require_same_dtype, require_wide
from minitensor.ops.linalg.norms import plain_norm as norm
from minitensor.ops.powers import rsqrt
from minitensor.ops.resize import format_of
from minitensor.shapes import normalize_sizes

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count
    from minitensor.nn.functional.fused_norms import Statistics
    from minitensor.ops.reduce import Dims
    from minitensor.tensor import Tensor


# -- over the batch ----------------------------------------------------------------------------------------------------


@composite
def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize each channel of (N, C, ...), then multiply by ``weight`` and add ``bias``.

    In training, the mean and biased variance are those of the batch, and the running statistics move towards them (the
    variance unbiased): ``running = (1 - momentum) * running + momentum * new``. Otherwise the running statistics are
    used. Ioffe and Szegedy 2015.

    Args:
        input: (N, C, ...), floating-point; the result has the same shape.
        running_mean, running_var: Running statistics (C,), written to in training. May be None in training.
        weight, bias: Factor and summand for each channel, (C,).
        training: Whether to use the statistics of the batch.
        momentum: The share of the new statistics in the running ones.
        eps: Added to the variance, so that a constant input does not divide by zero.

    Raises:
        ValueError: If ``eps`` is negative (or 0 in training), or a channel has one value in training.
        RuntimeError: If the input has fewer than two dims, or a statistic or parameter is not (C,); if a running
            statistic is missing in evaluation.

    >>> F.batch_norm(tensor([[1.], [3.]]), None, None, training=True, eps=1e-12)
    tensor([[-1.],
            [ 1.]])
    """
    check_floating_point("batch_norm", input)
    if eps < 0 or (training and eps == 0):
        raise ArgumentError(f"batch_norm: eps must be positive, or 0 in evaluation, got {eps}")
    if not input.numel():
        return normalize_empty(input, weight, bias)
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: expected input (N, C, ...), got shape {tuple(input.shape)}")
    channels = input.shape[1]
    check_channels("batch_norm", input, running_mean, running_var, weight, bias)
    check_parameters("batch_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not training:
        if running_mean is None or running_var is None:
            raise UsageError(
                "batch_norm: running_mean and running_var must be defined in evaluation mode: give both, or set "
                "training=True"
            )
        input, weight, bias = in_turn(input, weight, bias)
        return in_dtype_of("batch_norm", input, normalize_by(input, running_mean, running_var, weight, bias, eps))
    count = input.numel() // max(channels, 1)
    if count == 1:
        raise ArgumentError(
            f"batch_norm: expected more than 1 value per channel when training, got input size {tuple(input.shape)}"
        )
    require_writable("batch_norm", running_mean, running_var)
    require_constant("batch_norm", running_mean=running_mean, running_var=running_var)
    output, statistics = normalize_channels(input, weight, bias, 0, eps)
    in_silence(update_running_statistics, running_mean, running_var, statistics, count, momentum)
    return in_dtype_of("batch_norm", input, output)


def normalize_by(
    input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return (input - mean) / sqrt(var + eps) * weight + bias as one product and one sum over the input."""
    factor = rsqrt(var + eps) if weight is None else rsqrt(var + eps) * weight
    shift = -mean * factor if bias is None else with_gradient_as_function_of(bias, input) - mean * factor
    shape = (-1, *(1,) * (input.ndim - 2))
    output: Tensor = input * factor.reshape(shape) + shift.reshape(shape)
    return output.contiguous(memory_format=format_of(input))


def check_channels(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> None:
    """Raise unless statistics and parameters have one number for each channel."""
    channels = input.shape[1]
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for argument, each in given.items():
        if each is not None and tuple(each.shape) != (channels,):
            raise ShapeError(
                f"{name}: {argument} should contain {channels} elements, one for each channel of input of shape "
                f"{tuple(input.shape)}, but has shape {tuple(each.shape)}"
            )


def update_running_statistics(
    running_mean: Tensor | None, running_var: Tensor | None, statistics: Statistics, count: int, momentum: float
) -> None:
    """Move the running statistics towards the mean over N of new ones, each of ``count`` values.

    A repeated call would move them twice; see Note [Silence].
    """
    if running_mean is not None:
        update_running_statistic(running_mean, statistics.mean.mean(0), momentum)
    if running_var is not None:
        # As in PyTorch, the running variance is the unbiased one, while the batch is divided by the biased one.
        update_running_statistic(running_var, statistics.var.mean(0) * (count / max(count - 1, 1)), momentum)


def update_running_statistic(running: Tensor, value: Any, momentum: float) -> None:
    """Move a running statistic towards a new value, in place and outside the graph."""
    if not has_values(running) or isinstance(value, TensorBase):
        given = value if isinstance(value, TensorBase) else wrap(running.result_class, value)
        running.copy_(running * (1 - momentum) + given * momentum)  # type: ignore[operator]  # a Tensor
        return
    running.array[...] = running.array * (1 - momentum) + value * momentum
    running.storage.version += 1


@composite
def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize each channel of each sample of (N, C, ...), then multiply by ``weight`` and add ``bias``.

    Ulyanov, Vedaldi and Lempitsky 2016.

    Args:
        input: (N, C, L, ...), floating-point; the result has the same shape.
        running_mean, running_var: Running statistics (C,), or None. They move towards the mean over N of the new
            statistics.
        weight, bias: Factor and summand for each channel, (C,).
        use_input_stats: Whether to use the input's own statistics; otherwise the running ones, as ``batch_norm`` in
            evaluation.
        momentum: The share of the new statistics in the running ones.
        eps: Added to the variance, so that a constant input does not divide by zero.

    Raises:
        ValueError: If a channel of a sample has only one element.
        RuntimeError: If the input has fewer than three dims, or a statistic or parameter is not (C,).

    >>> F.instance_norm(tensor([[[1., 3.], [10., 30.]]]), eps=1e-12)
    tensor([[[-1.,  1.],
             [-1.,  1.]]])
    """
    check_floating_point("instance_norm", input)
    if input.ndim < 3:
        raise ShapeError(f"instance_norm: expected input (N, C, L, ...), got shape {tuple(input.shape)}")
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    check_parameters(
        "instance_norm", input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    _, channels, length = as_channels(input)
    if length == 1:
        raise ArgumentError(
            f"instance_norm: expected more than 1 spatial element when training, got input size {tuple(input.shape)}"
        )
    if not input.numel():
        return normalize_empty(input, weight, bias)
    check_channels("instance_norm", input, running_mean, running_var, weight, bias)
    require_writable("instance_norm", running_mean, running_var)
    input, bias, weight = in_turn(input, bias, weight)
    output, statistics = normalize_channels(input, weight, bias, channels, eps)
    in_silence(update_running_statistics, running_mean, running_var, statistics, length, momentum)
    return output.contiguous()


# -- within a sample ---------------------------------------------------------------------------------------------------


@composite
@other_names(cudnn_enable=IGNORED)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardize over the last dims, then multiply by ``weight`` and add ``bias``.

    Ba, Kiros and Hinton 2016.

    Args:
        input: (..., *normalized_shape), floating-point; the result has the same shape.
        normalized_shape: The sizes of the dims to standardize over.
        weight, bias: Factor and summand for each element, in ``normalized_shape``.
        eps: Added to the variance, so that a constant input does not divide by zero.

    Raises:
        RuntimeError: If the last dims of ``input``, or the shape of a parameter, are not ``normalized_shape``.

    >>> import minitensor as torch
    >>> layer_norm(torch.tensor([[1., 3.], [10., 30.]]), (2,), eps=0.)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    check_floating_point("layer_norm", input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(
            f"layer_norm: given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got input of size {list(input.shape)}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != shape:
            raise ShapeError(
                f"layer_norm: expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(each.shape)} and normalized_shape={list(shape)}"
            )
    check_parameters("layer_norm", input, weight=weight, bias=bias)
    return normalize_rows(input, weight, bias, prod(shape), eps)


@composite
@other_names(cudnn_enabled=IGNORED)
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardize groups of channels of each sample, then multiply by ``weight`` and add ``bias``.

    Wu and He 2018.

    Args:
        input: (N, C, ...), floating-point; the result has the same shape.
        num_groups: How many groups the channels are split into; must divide C.
        weight, bias: Factor and summand for each channel, (C,).
        eps: Added to the variance, so that a constant input does not divide by zero.

    Raises:
        RuntimeError: If the input has fewer than two dims, ``num_groups`` does not divide C, or a parameter is not
            (C,).
        ValueError: If a group has only one element.

    >>> F.group_norm(tensor([[1., 3., 10., 30.]]), 2, eps=1e-12)
    tensor([[-1.,  1., -1.,  1.]])
    """
    check_floating_point("group_norm", input)
    if input.ndim < 2:
        raise ShapeError(f"group_norm: expected at least 2 dimensions, (N, C, ...), got shape {tuple(input.shape)}")
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(
            f"group_norm: expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{tuple(input.shape)} and num_groups={num_groups}"
        )
    for name, each in (("weight", weight), ("bias", bias)):
        if each is not None and tuple(each.shape) != (channels,):
            raise ShapeError(
                f"group_norm: expected {name} to be a vector of size {channels}, the number of channels, but got shape "
                f"{tuple(each.shape)}"
            )
    check_parameters("group_norm", input, weight=weight, bias=bias)
    if not input.numel():
        return normalize_empty(input, weight, bias)
    if input.numel() == num_groups:
        raise ArgumentError(
            f"group_norm: expected more than 1 value per channel when training, got input size {tuple(input.shape)}"
        )
    return normalize_channels(input, weight, bias, num_groups, eps)[0]


def normalize_empty(input: Tensor, *parameters: Tensor | None) -> Tensor:
    """Return an input without elements; the gradients of the parameters are zero."""
    output = input.clone()
    for each in given_tensors(*parameters):
        output = output * each.sum().to(input.dtype)
    return output


@composite
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dims, then multiply by ``weight``.

    Zhang and Sennrich 2019.

    Args:
        input: (..., *normalized_shape), floating-point or complex; the result has the same shape.
        normalized_shape: The sizes of the dims to take the mean over.
        weight: A factor for each element, in ``normalized_shape``.
        eps: Added to the mean square; the machine epsilon of the dtype if not given.

    Raises:
        ValueError: If the input has fewer dims than ``normalized_shape``.
        RuntimeError: If the last dims of ``input`` are not ``normalized_shape``.

    >>> F.rms_norm(tensor([3., 3.]), (2,))
    tensor([1., 1.])
    """
    if not input.is_complex():
        check_floating_point("rms_norm", input)
    shape = normalize_sizes(normalized_shape)
    if input.ndim < len(shape):
        raise ArgumentError(
            f"rms_norm: expected input of at least {len(shape)} dims for normalized_shape={list(shape)}, but got input "
            f"of size {list(input.shape)}"
        )
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(f"rms_norm: given normalized_shape={list(shape)}, but got input of size {list(input.shape)}")
    wide = input.float() if input.dtype in dtypes.HALVES else input
    small = dtypes.finfo(wide.dtype).eps if eps is None else eps
    output = wide * rsqrt((wide * wide).mean(list(range(-len(shape), 0)), keepdim=True) + small)
    output = in_dtype_of("rms_norm", input, output if weight is None else output * weight)
    return output.contiguous(memory_format=format_of(input))


# -- by a norm, by neighbors ------------------------------------------------------------------------------------------


@composite
def normalize(
    input: Tensor, p: float | None = 2.0, dim: Dims = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the p-norm along ``dim``, so that it becomes 1.

    Args:
        input: A tensor of any shape (...); the result has the same shape.
        p: The exponent of the norm; None counts as 2.
        dim: The dim, or dims, along which the norm is taken.
        eps: Smaller norms count as this, so that zeros stay zeros.
        out: Where to write the result.

    >>> F.normalize(tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    return input.div(clamp(norm(input, 2.0 if p is None else p, dim, True), min=eps), out=out)


@composite
def local_response_norm(
    input: Tensor, size: Count, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide each entry by (k + alpha * mean of squares over ``size`` neighboring channels) ** beta.

    Krizhevsky, Sutskever and Hinton 2012 use the sum; PyTorch, and therefore this function, the mean.

    Args:
        input: (N, C, L, ...); the result has the same shape.
        size: How many channels count as neighbors; beyond the first and last channel there are zeros.
        alpha: The factor of the mean.
        beta: The exponent.
        k: Added to the mean.

    Raises:
        ValueError: If the input has fewer than three dims.

    >>> F.local_response_norm(ones(1, 1, 1), 1, alpha=3., beta=0.5)
    tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ArgumentError(f"local_response_norm: expected 3D or higher input, got shape {tuple(input.shape)}")
    require_wide("local_response_norm", INEXACT, input)
    if not input.numel():
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1)
    return input / (means.reshape(input.shape) * alpha + k) ** beta


def check_floating_point(name: str, input: Any) -> None:
    """Raise unless ``input`` is a floating-point tensor."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    require_kind(name, FLOATS, input)


def check_parameters(name: str, input: Tensor, **parameters: Tensor | None) -> None:
    """Raise if a parameter has another dtype than the input; beside 16 bits, float32 is allowed."""
    if input.dtype in dtypes.HALVES:
        parameters = {key: each for key, each in parameters.items() if each is None or each.dtype is not dtypes.float32}
    require_same_dtype(name, input=input, **parameters)
