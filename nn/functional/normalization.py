"""Normalisation: over the batch, over a sample's last dims, over groups of channels, and across neighbouring channels.

One primitive standardises: mean 0 and variance 1 over the first and last dim of (N, C, L). The others bring their
input into that form. Its gradient is a projection, a primitive too, and symmetric, so that it is its own gradient. How
both compute is the backend's business (``backends/numpy/norm.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.record import differentiable
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedDtype, UsageError
from minitensor.nn.functional.padding import pad
from minitensor.nn.functional.pooling import avg_pool2d
from minitensor.ops.pointwise import abs, clamp, rsqrt

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- the primitives, on (N, C, L) --------------------------------------------------------------------------------------

# Note [The gradient of standardising]. Let z = (x - mean) r with r = 1 / sqrt(var + eps). Then dz = r (dx - mean(dx) -
# z mean(z dx)): a projection P, linear in dx and symmetric, so the gradient of z is P applied to what arrives, and the
# gradient of P in its first argument is P again. In z and r it is plain arithmetic, and these are results of the first
# primitive.


def standardize_back(
    grads: tuple[Tensor | None, ...], results: tuple[Tensor, ...], in_shape: tuple[int, ...]
) -> Tensor:
    """Return the gradient in the input; see Note [The gradient of standardising]."""
    of_z, of_r = grads[:2]
    z, r = results[:2]
    total = None if of_z is None else _project(of_z, z, r)
    if of_r is None:
        return total  # type: ignore[return-value]  # one of the two has come
    other = -of_r * r * r * z / (in_shape[0] * in_shape[2])
    return other if total is None else total + other


@differentiable(input=standardize_back)
def _standardize(input: Tensor, eps: float) -> tuple[Array, ...]:
    """Return z, r, mean and biased variance for each of C; all but z have shape (1, C, 1)."""
    return input.backend.standardize(input.array, eps)


def projected_back(grad: Tensor, z: Tensor, r: Tensor) -> Tensor:
    """Return the gradient of a projection: it is symmetric."""
    return _project(grad, z, r)


@differentiable(
    input=projected_back,
    z=lambda grad, input, z, r: -r * (grad * _mean(input * z) + input * _mean(grad * z)),
    r=lambda grad, r, result: grad * result / r,
)
def _project(input: Tensor, z: Tensor, r: Tensor) -> Array:
    """Return r (x - mean(x) - z mean(z x)), means taken over N and L."""
    return input.backend.project_standardized(input.array, z.array, r.array)


def _mean(input: Tensor) -> Tensor:
    """Return the mean over N and L."""
    return input.mean((0, 2), keepdim=True)


def weight_back(grad: Tensor, input: Tensor, in_shape: tuple[int, ...]) -> Tensor:
    """Return the gradient of a weight that was broadcast."""
    return _sum_of_products(grad, input, in_shape)


@differentiable(
    input=lambda grad, weight: grad if weight is None else grad * weight,
    weight=weight_back,
    bias=lambda grad: grad,
)
def _affine(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> Array:
    """Return input * weight + bias; both broadcast."""
    array = input.array
    output: Array = array.copy() if weight is None else array * as_rows(input.xp, weight.array, array)
    if bias is not None:
        output += as_rows(input.xp, bias.array, array)
    return output


def as_rows(xp: Any, statistics: Array, array: Array) -> Array:
    """Return one number for each of C, (C, 1), written out L times, if that is little beside (N, C, L).

    NumPy multiplies by a long row faster than by a number that changes now and then.
    """
    if statistics.shape != (array.shape[1], 1) or len(array) < 4:
        return statistics
    return xp.repeat(statistics, array.shape[2], 1)  # type: ignore[no-any-return]  # `xp` is untyped


@differentiable(
    input=lambda grad, other: grad * other,
    other=lambda grad, input: grad * input,
)
def _sum_of_products(input: Tensor, other: Tensor, shape: tuple[int, ...]) -> Array:
    """Return the products of two tensors (N, C, L), summed to a shape that broadcasts to theirs."""
    xp, a, b = input.xp, input.array, other.array
    if shape == (a.shape[1], 1):
        flat: Array = xp.einsum("nk,nk->k", a.reshape(len(a), prod(a.shape[1:])), b.reshape(len(a), prod(a.shape[1:])))
        return flat.reshape(a.shape[1:]).sum(1).reshape(shape)  # type: ignore[no-any-return]  # as above
    gone = tuple([dim for dim in range(a.ndim) if dim < a.ndim - len(shape) or shape[dim - a.ndim] == 1])
    return (a * b).sum(gone).reshape(shape)  # type: ignore[no-any-return]  # arrays are untyped


# -- over the batch ----------------------------------------------------------------------------------------------------


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
    """Standardise each channel of (N, C, ...), then multiply by ``weight`` and add ``bias``, both (C,).

    In training with the batch's own mean and (biased) variance, while the running ones move towards them by
    ``momentum`` (the variance unbiased); otherwise with the running ones. Ioffe and Szegedy 2015.
    """
    check_floating("batch_norm", input)
    if input.ndim < 2:
        raise ShapeError(f"batch_norm: expected input (N, C, ...), got shape {tuple(input.shape)}")
    channels = input.shape[1]
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, each in given.items():
        if each is not None and tuple(each.shape) != (channels,):
            raise ShapeError(
                f"batch_norm: {name} should contain {channels} elements, one for each channel of input of shape "
                f"{tuple(input.shape)}, but has shape {tuple(each.shape)}"
            )
    if not training:
        if running_mean is None or running_var is None:
            raise UsageError(
                "batch_norm: running_mean and running_var must be defined in evaluation mode: give both, or set "
                "training=True"
            )
        return normalized_by(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(channels, 1)
    if count == 1:
        raise ArgumentError(
            f"batch_norm: expected more than 1 value per channel when training, got input size {tuple(input.shape)}"
        )
    z, _, mean, var = _standardize(input.reshape(input.shape[0], channels, prod(input.shape[2:])), eps)
    if running_mean is not None:
        move(running_mean, mean.array.reshape(-1), momentum)
    if running_var is not None:
        move(running_var, var.array.reshape(-1) * (count / max(count - 1, 1)), momentum)
    return affine(z, weight, bias, (channels, 1)).reshape(input.shape)


def affine(z: Tensor, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    """Multiply by ``weight`` and add ``bias``, both in ``shape``, if they are there."""
    if weight is None and bias is None:
        return z
    return _affine(z, None if weight is None else weight.reshape(shape), None if bias is None else bias.reshape(shape))


def normalized_by(
    input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return (input - mean) / sqrt(var + eps) * weight + bias: one product and one sum over the input."""
    factor = rsqrt(var + eps) if weight is None else rsqrt(var + eps) * weight
    shift = -mean * factor if bias is None else bias - mean * factor
    shape = (-1, *(1,) * (input.ndim - 2))
    return input * factor.reshape(shape) + shift.reshape(shape)


def move(running: Tensor, value: Array, momentum: float) -> None:
    """Bring a running statistic nearer to a new value, where it lies and outside the graph."""
    running.array[...] = running.array * (1 - momentum) + value * momentum
    running.storage.version += 1


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
    """Standardise each channel of each sample of (N, C, ...), then times ``weight`` plus ``bias``, both (C,)."""
    check_floating("instance_norm", input)
    if input.ndim < 3:
        raise ShapeError(f"instance_norm: expected input (N, C, L, ...), got shape {tuple(input.shape)}")
    if not use_input_stats:
        return batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    n, channels, length = input.shape[0], input.shape[1], prod(input.shape[2:])
    if length == 1:
        raise ArgumentError(
            f"instance_norm: expected more than 1 spatial element when training, got input size {tuple(input.shape)}"
        )
    z, _, mean, var = _standardize(input.reshape(1, n * channels, length), eps)
    if running_mean is not None:
        move(running_mean, mean.array.reshape(n, channels).mean(0), momentum)
    if running_var is not None:
        move(running_var, var.array.reshape(n, channels).mean(0) * (length / max(length - 1, 1)), momentum)
    return affine(z.reshape(n, channels, length), weight, bias, (channels, 1)).reshape(input.shape)


# -- within a sample ---------------------------------------------------------------------------------------------------


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dims, which must be ``normalized_shape``; ``weight`` and ``bias`` have that shape.

    >>> import minitensor as torch
    >>> layer_norm(torch.tensor([[1., 3.], [10., 30.]]), (2,), eps=0.)
    tensor([[-1.,  1.],
            [-1.,  1.]])
    """
    check_floating("layer_norm", input)
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
    length = prod(shape)
    z = _standardize(input.reshape(1, prod(input.shape[: -len(shape)]), length), eps)[0]
    return affine(z, weight, bias, (length,)).reshape(input.shape)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardise each of ``num_groups`` groups of channels of each sample of (N, C, ...).

    Then multiply by ``weight`` and add ``bias``, both (C,). Wu and He 2018.
    """
    check_floating("group_norm", input)
    if input.ndim < 2:
        raise ShapeError(f"group_norm: expected at least 2 dimensions, (N, C, ...), got shape {tuple(input.shape)}")
    n, channels = input.shape[:2]
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
    length = prod(input.shape[2:])
    z = _standardize(input.reshape(1, n * num_groups, channels // num_groups * length), eps)[0]
    return affine(z.reshape(n, channels, length), weight, bias, (channels, 1)).reshape(input.shape)


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dims, then times ``weight``. Zhang and Sennrich 2019."""
    check_floating("rms_norm", input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(f"rms_norm: given normalized_shape={list(shape)}, but got input of size {list(input.shape)}")
    small = dtypes.finfo(input.dtype).eps if eps is None else eps
    output = input * rsqrt((input * input).mean(list(range(-len(shape), 0)), keepdim=True) + small)
    return output if weight is None else output * weight


# -- by a norm, by neighbours ------------------------------------------------------------------------------------------


def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the p-norm along ``dim``, so that it becomes 1; norms below ``eps`` count as ``eps``."""
    norm = p_norm(input, p, dim)
    return input.div(clamp(norm, min=eps), out=out)


def p_norm(input: Tensor, p: float, dim: int | Sequence[int]) -> Tensor:
    """Return (sum of \\|x\\|**p) ** (1 / p) along ``dim``, kept as a dim of size 1; its gradient is 0 where it is 0."""
    if p == float("inf"):
        return abs(input).amax(dim, keepdim=True)
    if p == 1:
        return abs(input).sum(dim, keepdim=True)
    powers = (input * input if p == 2 else abs(input) ** p).sum(dim, keepdim=True)
    empty = powers == 0
    return (powers.masked_fill(empty, 1.0) ** (1.0 / p)).masked_fill(empty, 0.0)


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide each entry by (k + alpha * mean of squares over ``size`` neighbouring channels) ** beta.

    Krizhevsky, Sutskever and Hinton 2012; they sum where PyTorch, and so this, takes the mean.
    """
    if input.ndim < 3:
        raise ShapeError(f"local_response_norm: expected 3D or higher input, got shape {tuple(input.shape)}")
    if not input.numel():
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1)
    return input / (means.reshape(input.shape) * alpha + k) ** beta


def check_floating(name: str, input: Any) -> None:
    """Refuse what is no tensor of real numbers."""
    if not isinstance(input, TensorBase):
        raise ArgumentTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    if input.array.dtype.kind != "f":
        raise UnsupportedDtype(f"{name}: expected floating-point input, got {input.dtype.name}; cast with .float()")
