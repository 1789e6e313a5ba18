"""The ops below normalization: standardizing and its projection, and the fused norms of rows and of channels.

A fused norm is one op that standardizes, scales and shifts in one pass. How it computes is the backend's business; the
arguments that users give are validated in ``normalization.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable, visible
from minitensor.autograd.strides import in_format, in_layout, row_major
from minitensor.base import wrap
from minitensor.ops.constant import as_function_of
from minitensor.ops.duals import is_traced

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


# -- the primitives, on (N, C, L) --------------------------------------------------------------------------------------

# Note [The gradient of standardizing]. Let z = (x - mean) r with r = 1 / sqrt(var + eps). Then dz = r (dx - mean(dx) -
# z mean(z dx)): a projection P, linear in dx and symmetric. So the gradient in x is P applied to the incoming
# gradient, and the gradient of P in its first argument is P again. Its gradients in z and r, results of the first
# primitive, are plain arithmetic.


def standardize_grad(
    grads: tuple[Tensor | None, ...], result0: Tensor, result1: Tensor, in_shape: tuple[int, ...]
) -> Tensor:
    """Return the gradient of ``standardize`` in its input; see Note [The gradient of standardizing]."""
    of_z, of_r = grads[:2]
    z, r = result0, result1
    total = None if of_z is None else project(of_z, z, r)
    if of_r is None:
        return total  # type: ignore[return-value]  # at least one of the two is given
    from_r = -of_r * r * r * z / (in_shape[0] * in_shape[2])
    return from_r if total is None else total + from_r


@differentiable(input=standardize_grad)
def standardize(input: Tensor, eps: float) -> tuple[Array, ...]:
    """Return z, r, mean and biased variance for each channel of (N, C, L); all but z have shape (1, C, 1)."""
    return input.backend.standardize(input.array, eps)


def project_grad(grad: Tensor, z: Tensor, r: Tensor) -> Tensor:
    """Return the gradient of ``project`` in its first argument: a symmetric projection is its own gradient."""
    return project(grad, z, r)


@differentiable(
    input=project_grad,
    z=lambda grad, input, z, r: -r * (grad * mean_over_batch(input * z) + input * mean_over_batch(grad * z)),
    r=lambda grad, r, result: grad * result / r,
)
def project(input: Tensor, z: Tensor, r: Tensor) -> Array:
    """Return r (x - mean(x) - z mean(z x)), means taken over N and L."""
    return input.backend.standardize_backward(input.array, z.array, r.array)


def mean_over_batch(input: Tensor) -> Tensor:
    """Return the mean over N and L."""
    return input.mean((0, 2), keepdim=True)


# -- fused norms -------------------------------------------------------------------------------------------------------

# Note [Fused norms]. Standardizing, scaling and shifting take one pass over memory, and all three gradients one more.
# That is why these are ops on a sequence, those of (input, weight, bias) that are given: the formula of a sequence
# returns all gradients at once. An op on a sequence has one result, so the body stores its statistics in a
# ``Statistics``, where the formula finds them. The input and the weight are arguments besides, because a formula keeps
# what it names, and the bias need not be kept. A gradient that is to be differentiated again is computed by the
# primitives above; so is everything inside ``vmap`` (``func/batching/table.py``).


class Statistics:
    """What a norm computes beside its result: arrays, or tensors inside ``vmap``."""

    __slots__ = ("mean", "r", "var")

    mean: Any
    r: Any
    var: Any


def layer_norm_grad(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, rows: tuple[int, int], eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of ``fused_layer_norm`` in its tensors; see Note [Fused norms]."""
    compute = layer_norm_grad_by_primitives if is_traced() else layer_norm_backward
    return compute(grad, in_shapes, input, weight, rows, eps, statistics)


@visible
def layer_norm_backward(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, rows: tuple[int, int], eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Compute the gradients of ``fused_layer_norm`` in one pass."""
    arrays = grad.backend.layer_norm_backward(
        grad.array.reshape(rows), input.array.reshape(rows), statistics.mean, statistics.r, flat_array(weight)
    )
    return wrap_grads(arrays, weight, in_shapes, input)


def layer_norm_grad_by_primitives(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, rows: tuple[int, int], eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Compute the gradients of ``fused_layer_norm`` in differentiable ops."""
    z, r = standardize(input.reshape(1, *rows), eps)[:2]
    h = grad if weight is None else grad * weight
    g, z_rows = grad.reshape(rows), z.squeeze(0)
    grads = [project(h.reshape(z.shape), z, r), (g * z_rows).sum(0), as_function_of(g.sum(0), input)]
    return [each.reshape(shape) for each, shape in select_gradients(grads, weight, in_shapes)]


@differentiable(name="layer_norm", tensors=layer_norm_grad)
@in_layout(row_major)
def fused_layer_norm(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, rows: tuple[int, int], eps: float,
    statistics: Statistics,
) -> Array:  # fmt: skip
    """Standardize the input as rows (M, L), multiply by the weight and add the bias; fill ``statistics``."""
    array, bias = input.array, bias_among(tensors, weight)
    kernel = input.backend.layer_norm
    output, statistics.mean, statistics.r = kernel(array.reshape(rows), flat_array(weight), flat_array(bias), eps)
    normalized: Array = output.reshape(array.shape)
    return normalized


def layer_norm_by_primitives(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, rows: tuple[int, int], eps: float,
    statistics: Statistics,
) -> Tensor:  # fmt: skip
    """Compute ``fused_layer_norm`` in ops that have batching rules."""
    output: Tensor = standardize(input.reshape(1, *rows), eps)[0].reshape(input.shape)
    bias = bias_among(tensors, weight)
    output = output if weight is None else output * weight
    return output if bias is None else output + bias


def channel_norm_grad(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, groups: int, eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Return the gradients of ``channel_norm`` in its tensors; see Note [Fused norms]."""
    compute = channel_norm_grad_by_primitives if is_traced() else channel_norm_backward
    return compute(grad, in_shapes, input, weight, groups, eps, statistics)


@visible
def channel_norm_backward(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, groups: int, eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Compute the gradients of ``channel_norm`` in one pass."""
    shape = as_channels(input)
    arrays = grad.backend.channel_norm_backward(
        grad.array.reshape(shape), input.array.reshape(shape), statistics.mean, statistics.r, flat_array(weight), groups
    )
    return wrap_grads(arrays, weight, in_shapes, input)


def channel_norm_grad_by_primitives(
    grad: Tensor, in_shapes: Sequence[Shape], input: Tensor, weight: Tensor | None, groups: int, eps: float,
    statistics: Statistics,
) -> list[Tensor]:  # fmt: skip
    """Compute the gradients of ``channel_norm`` in differentiable ops."""
    shape = as_channels(input)
    g = grad.reshape(shape)
    z, r = standardize(input.reshape(standardized_shape(shape, groups)), eps)[:2]
    h = g if weight is None else g * weight.unsqueeze(1)
    of_weight = (g * z.reshape(shape)).sum((0, 2))
    grads = [project(h.reshape(z.shape), z, r), of_weight, as_function_of(g.sum((0, 2)), input)]
    return [each.reshape(shape) for each, shape in select_gradients(grads, weight, in_shapes)]


@differentiable(tensors=channel_norm_grad)
@in_layout(lambda arguments, shape: in_format(arguments[1:], shape))
def channel_norm(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, groups: int, eps: float, statistics: Statistics
) -> Array:
    """Standardize the channels of (N, C, ...), multiply by the weight (C) and add the bias; fill ``statistics``.

    With ``groups``, those of each sample are standardized together; with 0, each channel over the batch.
    """
    array, bias = input.array, bias_among(tensors, weight)
    output, statistics.mean, statistics.r, statistics.var = input.backend.channel_norm(
        array.reshape(as_channels(input)), flat_array(weight), flat_array(bias), groups, eps
    )
    normalized: Array = output.reshape(array.shape)
    return normalized


def channel_norm_by_primitives(
    tensors: Sequence[Tensor], input: Tensor, weight: Tensor | None, groups: int, eps: float, statistics: Statistics
) -> Tensor:
    """Compute ``channel_norm`` in ops that have batching rules; the statistics are tensors."""
    shape, bias = as_channels(input), bias_among(tensors, weight)
    z, _, mean, var = standardize(input.reshape(standardized_shape(shape, groups)), eps)
    output = z.reshape(shape)
    output = output if weight is None else output * weight.unsqueeze(1)
    output = output if bias is None else output + bias.unsqueeze(1)
    sets = (shape[0], groups) if groups else (1, shape[1])
    statistics.mean, statistics.var = mean.detach().reshape(sets), var.detach().reshape(sets)
    return output.reshape(input.shape)


def standardized_shape(shape: tuple[int, int, int], groups: int) -> tuple[int, int, int]:
    """Return the shape in which ``standardize`` sees (N, C, L): groups as channels of one sample."""
    n, channels, length = shape
    return (1, n * groups, channels // groups * length) if groups else shape


def bias_among(tensors: Sequence[Tensor], weight: Tensor | None) -> Tensor | None:
    """Return the bias of a sequence of input, weight and bias without those that are None."""
    return tensors[-1] if len(tensors) > 1 + (weight is not None) else None


def select_gradients(
    grads: Sequence[Any], weight: Tensor | None, shapes: Sequence[Shape]
) -> list[tuple[Any, Shape]]:
    """Return the gradients of the tensors that are given, each with its shape."""
    has_weight = weight is not None
    kept = [*grads[: 1 + has_weight], *grads[2 : 3 if len(shapes) > 1 + has_weight else 2]]
    return list(zip(kept, shapes, strict=True))


def wrap_grads(
    grads: Sequence[Array], weight: Tensor | None, shapes: Sequence[Shape], input: Tensor
) -> list[Tensor]:
    """Return the gradients of the tensors that are given, as tensors."""
    return [wrap(input.result_class, grad.reshape(shape)) for grad, shape in select_gradients(grads, weight, shapes)]


def as_channels(input: Tensor) -> tuple[int, int, int]:
    """Return the shape of (N, C, ...) as (N, C, L)."""
    return input.shape[0], input.shape[1], prod(input.shape[2:])


def flat_array(tensor: Tensor | None) -> Array | None:
    """Return the array as a vector, or None for None."""
    return None if tensor is None else tensor.array.reshape(-1)


def normalize_rows(input: Tensor, weight: Tensor | None, bias: Tensor | None, length: int, eps: float) -> Tensor:
    """Standardize rows of ``length`` elements, then scale and shift them."""
    rows = prod(input.shape) // max(length, 1), length
    return fused_layer_norm(given_tensors(input, weight, bias), input, weight, rows, eps, Statistics())


def normalize_channels(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, eps: float
) -> tuple[Tensor, Statistics]:
    """Standardize, scale and shift the channels of (N, C, ...), in groups or, with 0 groups, over the batch."""
    statistics = Statistics()
    output = channel_norm(given_tensors(input, weight, bias), input, weight, groups, eps, statistics)
    return output, statistics


def given_tensors(*tensors: Tensor | None) -> tuple[Tensor, ...]:
    """Return the tensors that are not None."""
    return tuple([each for each in tensors if each is not None])
