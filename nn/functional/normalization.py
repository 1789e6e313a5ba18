"""Normalisation: over the batch, over a sample's last dims, over groups of channels, and across neighbouring channels.

One primitive standardises: mean 0 and variance 1 over the first and last dim of (N, C, L). Its gradient is a
projection, a primitive too, and symmetric, so that it is its own gradient. The norms that networks use are ops of
their own that do all in one pass. How they compute is the backend's business (``backends/numpy/norm.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase, has_values, require_writable, wrap
from minitensor.errors import ArgumentError, ShapeError, UsageError, WrongTypeError
from minitensor.nn.functional.padding import pad
from minitensor.nn.functional.pooling import avg_pool2d
from minitensor.ops.choice import clamp
from minitensor.ops.constant import as_function_of, with_gradient_as_function_of
from minitensor.ops.kinds import FLOATS, INEXACT, in_dtype_of, require_kind, require_same_dtype, require_wide
from minitensor.ops.linalg.norms import plain_norm as norm
from minitensor.ops.powers import rsqrt

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- the primitives, on (N, C, L) --------------------------------------------------------------------------------------

# Note [The gradient of standardising]. Let z = (x - mean) r with r = 1 / sqrt(var + eps). Then dz = r (dx - mean(dx) -
# z mean(z dx)): a projection P, linear in dx and symmetric, so the gradient of z is P applied to what arrives, and the
# gradient of P in its first argument is P again. In z and r it is plain arithmetic, and these are results of the first
# primitive.


def standardize_back(
    grads: tuple[Tensor | None, ...], result0: Tensor, result1: Tensor, in_shape: tuple[int, ...]
) -> Tensor:
    """Return the gradient in the input; see Note [The gradient of standardising]."""
    of_z, of_r = grads[:2]
    z, r = result0, result1
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


# -- the fused ones ----------------------------------------------------------------------------------------------------

# Note [Fused norms]. Standardising, scaling and shifting are one pass over memory, and all three gradients another.
# A kernel returns its result with the statistics, and an op records both: a gradient looks at the input again, but does
# not take its statistics again. They are ops on a sequence, (input, weight, bias), because the formula of a sequence
# gives all gradients at once; it names the input and the weight besides, because nothing of the bias is saved. A
# gradient that is to be differentiated again is made of the primitives above instead, so that every order works.


def layer_norm_back(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, rows: tuple[int, int], mean: Array,
    r: Array, eps: float,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of ``_layer_norm`` in its tensors; see Note [Fused norms]."""
    if grad_mode.get() or not has_values(grad):
        z, r_again = _standardize(input.reshape(1, *rows), eps)[:2]
        h = grad if weight is None else grad * weight
        g, z_rows = grad.reshape(rows), z.squeeze(0)
        found = [_project(h.reshape(z.shape), z, r_again), (g * z_rows).sum(0), as_function_of(g.sum(0), input)]
        return like(chosen(found, weight, in_shapes), in_shapes)
    kernel = grad.backend.layer_norm_back
    arrays = kernel(grad.array.reshape(rows), input.array.reshape(rows), mean, r, flat_array(weight))
    return wrapped(chosen(arrays, weight, in_shapes), in_shapes, input)


@differentiable(tensors=layer_norm_back)
def _layer_norm(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, output: Array, rows: tuple[int, int], mean: Array,
    r: Array, eps: float,
) -> Array:  # fmt: skip
    """Return the first tensor, as rows (M, L), normed, times a weight plus a bias, as the backend has done it."""
    return output


def channel_norm_back(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, mean: Array, r: Array, groups: int,
    eps: float,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of ``_channel_norm`` in its tensors; see Note [Fused norms]."""
    n, channels, length = shape = as_channels(input)
    if grad_mode.get() or not has_values(grad):
        g = grad.reshape(shape)
        shared = (1, n * groups, channels // groups * length) if groups else shape
        z, r_again = _standardize(input.reshape(shared), eps)[:2]
        h = g if weight is None else g * weight.unsqueeze(1)
        of_weight = (g * z.reshape(shape)).sum((0, 2))
        found = [_project(h.reshape(z.shape), z, r_again), of_weight, as_function_of(g.sum((0, 2)), input)]
        return like(chosen(found, weight, in_shapes), in_shapes)
    kernel = grad.backend.channel_norm_back
    arrays = kernel(grad.array.reshape(shape), input.array.reshape(shape), mean, r, flat_array(weight), groups)
    return wrapped(chosen(arrays, weight, in_shapes), in_shapes, input)


@differentiable(tensors=channel_norm_back)
def _channel_norm(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, output: Array, mean: Array, r: Array, groups: int,
    eps: float,
) -> Array:  # fmt: skip
    """Return the first tensor's channels normed, times a weight plus a bias (C), as the backend has done it."""
    return output


def chosen(grads: Sequence[Any], weight: Tensor | None, shapes: Sequence[Shape]) -> list[Any]:
    """Return the gradients of what is there: of the input, maybe a weight, maybe a bias."""
    weighed = weight is not None
    return [*grads[: 1 + weighed], *grads[2 : 3 if len(shapes) > 1 + weighed else 2]]


def like(grads: Sequence[Tensor], shapes: Sequence[Shape]) -> list[Tensor]:
    """Return gradients in the shapes of what they belong to."""
    return [grad.reshape(shape) for grad, shape in zip(grads, shapes, strict=True)]


def wrapped(grads: Sequence[Array], shapes: Sequence[Shape], input: Tensor) -> list[Tensor]:
    """Return arrays as gradients, in the shapes of what they belong to."""
    return [wrap(input.result_class, grad.reshape(shape)) for grad, shape in zip(grads, shapes, strict=True)]


def as_channels(input: Tensor) -> tuple[int, int, int]:
    """Return the shape of (N, C, ...) as (N, C, L)."""
    return input.shape[0], input.shape[1], prod(input.shape[2:])


def flat_array(tensor: Tensor | None) -> Array | None:
    """Return the array as a vector, if there is one."""
    return None if tensor is None else tensor.array.reshape(-1)


def normed_rows(input: Tensor, weight: Tensor | None, bias: Tensor | None, length: int, eps: float) -> Tensor:
    """Return rows of so many elements standardised, scaled and shifted."""
    rows = prod(input.shape) // max(length, 1), length
    if any_batched(input, weight, bias):
        z: Tensor = _standardize(input.reshape(1, *rows), eps)[0].reshape(input.shape)
        z = z if weight is None else z * weight
        return z if bias is None else z + bias
    kernel, array = input.backend.layer_norm, input.array
    output, mean, r = kernel(array.reshape(rows), flat_array(weight), flat_array(bias), eps)
    return _layer_norm(there(input, weight, bias), input, weight, output.reshape(array.shape), rows, mean, r, eps)


def normed_channels(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float
) -> tuple[Tensor, Array, Array]:
    """Return (N, C, ...) standardised, scaled and shifted, and the statistics; 0 groups: over the batch."""
    if any_batched(input, weight, bias):
        each: tuple[Tensor, Any, Any] = normed_each(input.reshape(as_channels(input)), weight, bias, groups, eps)
        return each[0].reshape(input.shape), *each[1:]
    kernel, array = input.backend.norm_channels, input.array.reshape(as_channels(input))
    output, mean, r, var = kernel(array, flat_array(weight), flat_array(bias), groups, eps)
    tensors, shaped = there(input, weight, bias), output.reshape(input.array.shape)
    return _channel_norm(tensors, input, weight, shaped, mean, r, groups, eps), mean, var


def any_batched(*tensors: Tensor | None) -> bool:
    """Whether one of them is many at once, inside ``vmap``."""
    return any([each is not None and not has_values(each) for each in tensors])


def normed_each(input: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float) -> Any:
    """Do the same by the primitives, as ``vmap`` wants it; the statistics are tensors."""
    n, channels, length = shape = tuple(input.shape)
    shared = (1, n * groups, channels // groups * length) if groups else shape
    z, _, mean, var = _standardize(input.reshape(shared), eps)
    output = z.reshape(shape)
    if weight is not None:
        output = output * weight.unsqueeze(1)
    if bias is not None:
        output = output + bias.unsqueeze(1)
    statistics = (n, groups) if groups else (channels,)
    return output, mean.detach().reshape(statistics), var.detach().reshape(statistics)


def there(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    """Return the tensors that are there."""
    return tuple([each for each in tensors if each is not None])


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
    """Standardise each channel of (N, C, ...), then multiply by ``weight`` and add ``bias``, both (C,).

    In training with the batch's own mean and (biased) variance, while the running ones move towards them by
    ``momentum`` (the variance unbiased); otherwise with the running ones. Ioffe and Szegedy 2015.
    """
    check_floating("batch_norm", input)
    if eps < 0 or (training and eps == 0):
        raise ArgumentError(f"batch_norm: eps must be positive, or 0 in evaluation, got {eps}")
    if not input.numel():
        return normed_nothing(input, weight, bias)
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
        return in_dtype_of("batch_norm", input, normalized_by(input, running_mean, running_var, weight, bias, eps))
    count = input.numel() // max(channels, 1)
    if count == 1:
        raise ArgumentError(
            f"batch_norm: expected more than 1 value per channel when training, got input size {tuple(input.shape)}"
        )
    require_writable("batch_norm", running_mean, running_var)
    output, mean, var = normed_channels(input, weight, bias, 0, eps)
    if running_mean is not None:
        move(running_mean, mean.reshape(-1), momentum)
    if running_var is not None:
        move(running_var, var.reshape(-1) * (count / max(count - 1, 1)), momentum)
    return in_dtype_of("batch_norm", input, output)


def normalized_by(
    input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Tensor:
    """Return (input - mean) / sqrt(var + eps) * weight + bias: one product and one sum over the input."""
    factor = rsqrt(var + eps) if weight is None else rsqrt(var + eps) * weight
    shift = -mean * factor if bias is None else with_gradient_as_function_of(bias, input) - mean * factor
    shape = (-1, *(1,) * (input.ndim - 2))
    return input * factor.reshape(shape) + shift.reshape(shape)


def check_channels(
    name: str,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
) -> None:
    """Refuse statistics and parameters that have not one number for each channel."""
    channels = input.shape[1]
    given = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for argument, each in given.items():
        if each is not None and tuple(each.shape) != (channels,):
            raise ShapeError(
                f"{name}: {argument} should contain {channels} elements, one for each channel of input of shape "
                f"{tuple(input.shape)}, but has shape {tuple(each.shape)}"
            )


def move(running: Tensor, value: Any, momentum: float) -> None:
    """Bring a running statistic nearer to a new value, where it lies and outside the graph."""
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
    """Standardise each channel of each sample of (N, C, ...), then times ``weight`` plus ``bias``, both (C,)."""
    check_floating("instance_norm", input)
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
        return normed_nothing(input, weight, bias)
    check_channels("instance_norm", input, running_mean, running_var, weight, bias)
    require_writable("instance_norm", running_mean, running_var)
    input, bias, weight = in_turn(input, bias, weight)
    output, mean, var = normed_channels(input, weight, bias, channels, eps)
    if running_mean is not None:
        move(running_mean, mean.mean(0), momentum)
    if running_var is not None:
        move(running_var, var.mean(0) * (length / max(length - 1, 1)), momentum)
    return output


# -- within a sample ---------------------------------------------------------------------------------------------------


@composite
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
    check_parameters("layer_norm", input, weight=weight, bias=bias)
    return normed_rows(input, weight, bias, prod(shape), eps)


@composite
def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardise each of ``num_groups`` groups of channels of each sample of (N, C, ...).

    Then multiply by ``weight`` and add ``bias``, both (C,). Wu and He 2018.
    """
    check_floating("group_norm", input)
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
        return normed_nothing(input, weight, bias)
    if input.numel() == num_groups:
        raise ArgumentError(
            f"group_norm: expected more than 1 value per channel when training, got input size {tuple(input.shape)}"
        )
    return normed_channels(input, weight, bias, num_groups, eps)[0]


def normed_nothing(input: Tensor, *parameters: Tensor | None) -> Tensor:
    """Return an input without elements as it is; the gradients of the parameters are zero."""
    output = input.clone()
    for each in there(*parameters):
        output = output * each.sum().to(input.dtype)
    return output


@composite
def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Divide by the root of the mean square over the last dims, then times ``weight``. Zhang and Sennrich 2019."""
    if not input.is_complex():
        check_floating("rms_norm", input)
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if input.ndim < len(shape):
        raise ArgumentError(
            f"rms_norm: expected input of at least {len(shape)} dims for normalized_shape={list(shape)}, but got input "
            f"of size {list(input.shape)}"
        )
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ShapeError(f"rms_norm: given normalized_shape={list(shape)}, but got input of size {list(input.shape)}")
    wide = input.float() if input.dtype is dtypes.float16 else input
    small = dtypes.finfo(wide.dtype).eps if eps is None else eps
    output = wide * rsqrt((wide * wide).mean(list(range(-len(shape), 0)), keepdim=True) + small)
    return in_dtype_of("rms_norm", input, output if weight is None else output * weight)


# -- by a norm, by neighbours ------------------------------------------------------------------------------------------


@composite
def normalize(
    input: Tensor, p: float = 2.0, dim: int | Sequence[int] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Divide by the p-norm along ``dim``, so that it becomes 1; norms below ``eps`` count as ``eps``."""
    return input.div(clamp(norm(input, p, dim, True), min=eps), out=out)


@composite
def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide each entry by (k + alpha * mean of squares over ``size`` neighbouring channels) ** beta.

    Krizhevsky, Sutskever and Hinton 2012; they sum where PyTorch, and so this, takes the mean.
    """
    if input.ndim < 3:
        raise ArgumentError(f"local_response_norm: expected 3D or higher input, got shape {tuple(input.shape)}")
    require_wide("local_response_norm", INEXACT, input)
    if not input.numel():
        return input
    squares = (input * input).reshape(input.shape[0], 1, input.shape[1], -1)
    means = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), stride=1)
    return input / (means.reshape(input.shape) * alpha + k) ** beta


def check_floating(name: str, input: Any) -> None:
    """Refuse what is no tensor of real numbers."""
    if not isinstance(input, TensorBase):
        raise WrongTypeError(f"{name}(): argument 'input' must be a tensor, not {type(input).__name__}")
    require_kind(name, FLOATS, input)


def check_parameters(name: str, input: Tensor, **parameters: Tensor | None) -> None:
    """Refuse parameters of another dtype than the input's; beside float16 they may be float32."""
    if input.dtype is dtypes.float16:
        parameters = {key: each for key, each in parameters.items() if each is None or each.dtype is not dtypes.float32}
    require_same_dtype(name, input=input, **parameters)
