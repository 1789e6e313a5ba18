"""The largest and the smallest elements, with and without their indices.

``amax`` and ``amin`` share the gradient among equal elements. ``max`` and ``min`` along a dim, like sorting, select one
element by its index, and it alone gets the gradient. Other reductions are in ``reduce.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import TYPE_CHECKING, Any

from minitensor.autograd.argument_types import check_type
from minitensor.autograd.declare import differentiable, nondifferentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.strides import in_layout, of_tensors, row_major
from minitensor.base import TensorBase
from minitensor.errors import DtypeError, ShapeIndexError, UnsupportedDtypeError
from minitensor.layouts import numel
from minitensor.ops import return_types
from minitensor.ops.choice import maximum, minimum
from minitensor.ops.operand import require_tensors, widen
from minitensor.ops.out import write_out, write_outs
from minitensor.ops.reduce import Axes, Dims, axes, over_dims, restore_dims, sum
from minitensor.shapes import as_int, reduced_shape, wrap_dim

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.tensor import Tensor


def require_elements(name: str, input: Tensor, dims: Axes) -> Array:
    """Return the array; raise for complex numbers, which have no order, and if there is nothing to reduce."""
    array = input.array
    if array.dtype.kind == "c":
        raise UnsupportedDtypeError(
            f"{name}: not implemented for {input.dtype.name}: complex numbers have no order; reduce abs()"
        )
    if not array.size:
        require_sizes(name, array.shape, dims)
    return array


def require_sizes(name: str, shape: tuple[int, ...], dims: tuple[int, ...]) -> None:
    """Raise if a dim to reduce has size 0."""
    for dim in dims:
        if not shape[dim]:
            raise ShapeIndexError(
                f"{name}(): expected reduction dim {dim} to have non-zero size, got shape {list(shape)}; "
                "specify another one with the 'dim' argument"
            )


@nondifferentiable
@in_layout(of_tensors)
def is_extreme(input: Tensor, value: Tensor) -> Array:
    """Return where elements equal the extreme; NaN equals NaN."""
    a, b = input.array, value.array
    same: Array = a == b
    if a.dtype.kind == "f":
        same |= (a != a) & (b != b)
    return same


def extreme_grad(grad: Tensor, input: Tensor, result: Tensor, dim: Axes) -> Tensor:
    """Share the gradient evenly among all elements that equal the extreme."""
    shape = input.shape
    extreme = is_extreme(input, restore_dims(result, shape, dim))
    return restore_dims(grad, shape, dim) / sum(extreme, dim, True) * extreme


@differentiable(prepare=over_dims, input=extreme_grad)
@in_layout(row_major)
def amax(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return the largest element of all or along ``dim``, an int or several; equal ones share the gradient.

    Raises:
        IndexError, RuntimeError: If a dim to reduce has size 0 (one class, a child of both).

    >>> import minitensor as torch
    >>> torch.amax(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    tensor([3., 4.])
    """
    array = require_elements("amax", input, dim)
    found = widen(array).max(dim, keepdims=keepdim)
    result: Array = found.astype(array.dtype, copy=False)
    return result


@differentiable(prepare=over_dims, input=extreme_grad)
@in_layout(row_major)
def amin(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return the smallest element of all or along ``dim``, an int or several; equal ones share the gradient.

    Raises:
        IndexError, RuntimeError: If a dim to reduce has size 0 (one class, a child of both).

    >>> import minitensor as torch
    >>> torch.amin(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    tensor([1., 2.])
    """
    array = require_elements("amin", input, dim)
    found = widen(array).min(dim, keepdims=keepdim)
    result: Array = found.astype(array.dtype, copy=False)
    return result


@composite
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Sequence[Tensor] | None = None
) -> return_types.aminmax:
    """Return the smallest and the largest element as a named tuple ``(min, max)``, of all or along ``dim``.

    >>> import minitensor as torch
    >>> torch.aminmax(torch.tensor([3., 1., 2.])).max
    tensor(3.)
    """
    return return_types.aminmax(*write_outs("aminmax", (amin(input, dim, keepdim), amax(input, dim, keepdim)), out))


def along_dim_or_all(input: Tensor, dim: int | None, keepdim: bool) -> tuple[Tensor, int | None, bool]:
    """Return ``dim`` as a non-negative number, or None for all elements."""
    return input, None if dim is None else wrap_dim(dim, input.ndim), keepdim


@nondifferentiable(prepare=along_dim_or_all)
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return the index of the largest element along ``dim``, or in the flattened tensor; the first of equal ones.

    Raises:
        RuntimeError: If ``input`` is bool or complex.
        IndexError: If ``dim`` is out of range, or has size 0.

    >>> import minitensor as torch
    >>> torch.argmax(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    tensor([1, 0])
    """
    return find_extreme(input, "argmax", dim, keepdim)


@nondifferentiable(prepare=along_dim_or_all)
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Array:
    """Return the index of the smallest element along ``dim``, or in the flattened tensor; the first of equal ones.

    Raises:
        RuntimeError: If ``input`` is bool or complex.
        IndexError: If ``dim`` is out of range, or has size 0.

    >>> import minitensor as torch
    >>> torch.argmin(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    tensor([0, 1])
    """
    return find_extreme(input, "argmin", dim, keepdim)


def find_extreme(input: Tensor, name: str, dim: int | None, keepdim: bool) -> Array:
    """Return the first index of an extreme; a NaN counts as an extreme."""
    if input.dtype.kind == "b":
        raise DtypeError(f"{name}: does not support bool input; cast it, as with .int()")
    if dim is None:
        flat = require_elements(name, input, axes(None, input.ndim)).reshape(-1)
        found = getattr(input.xp, name)(flat)
        result: Array = found.reshape((1,) * input.ndim) if keepdim else found
        return result
    found = find_along(input.xp, name, require_elements(name, input, axes(dim, input.ndim)), dim)
    return found if keepdim else found.reshape(reduced_shape(input.array.shape, dim))


def find_along(xp: Library, name: str, array: Array, dim: int) -> Array:
    """Return the first index of an extreme along a dim, which is kept with size 1."""
    if not array.ndim:
        result: Array = xp.zeros((), "int64")
        return result
    result = getattr(xp, name)(array, axis=dim, keepdims=True)
    return result


def lane_positions(xp: Library, index: Array, dim: int, shape: tuple[int, ...]) -> Array:
    """Return positions in the flattened array: ``index`` along ``dim``, the lane's own place along the others."""
    if not shape:
        return index
    inner = numel(shape[dim + 1 :])
    places = index * inner if inner != 1 else index
    if dim:
        outer = xp.arange(numel(shape[:dim])) * (shape[dim] * inner)
        places = places + outer.reshape(shape[:dim] + (1,) * (len(shape) - dim))
    if inner != 1:
        places = places + xp.arange(inner).reshape(shape[dim + 1 :])
    return places


def pick_along_grad(grad: Tensor, in_shape: tuple[int, ...], index: Tensor, dim: int) -> Tensor:
    """Put the gradient of picked elements back at their indices."""
    return place_along(grad, index, dim, in_shape)


@differentiable(input=pick_along_grad)
def pick_along(input: Tensor, index: Tensor, dim: int) -> Array:
    """Pick elements along ``dim``, each lane by its own indices; the other dims have equal sizes."""
    return pick_array(input.backend, input.array, index.array, dim)


@differentiable(input=lambda grad, index, dim: pick_along(grad, index, dim))
def place_along(input: Tensor, index: Tensor, dim: int, shape: tuple[int, ...]) -> Array:
    """Put elements into zeros of a shape, each lane at its own indices, which must not repeat."""
    flat = input.xp.zeros(numel(shape), input.array.dtype)
    flat[lane_positions(input.xp, index.array, dim, shape)] = input.array
    return flat.reshape(shape)


def pick_array(backend: Backend, array: Array, index: Array, dim: int) -> Array:
    """Pick elements of an array along a dim."""
    if not array.ndim:
        alone: Array = array.copy()
        return alone
    if not index.size:
        return backend.xp.take_along_axis(array, index, dim)
    return backend.gather(array, dim % array.ndim, index, True)


def choice_grad(grad: Tensor, indices: Tensor, shape: tuple[int, ...], dim: int) -> Tensor:
    """Send the gradient of values chosen along ``dim`` to the elements they were taken from."""
    dims = axes(dim, len(shape))
    return place_along(restore_dims(grad, shape, dims), restore_dims(indices, shape, dims), dim, shape)


def choose_along(input: Tensor, index: Array, dim: int, keepdim: bool) -> tuple[Array, Array]:
    """Return the values at indices along a dim, and the indices, both without the dim unless ``keepdim``."""
    values = pick_array(input.backend, input.array, index, dim)
    if keepdim or not input.array.ndim:
        return values, index
    shape = reduced_shape(input.array.shape, dim)
    return values.reshape(shape), index.reshape(shape)


def selected_grad(grads: Any, result1: Tensor, in_shape: tuple[int, ...], dim: int) -> Tensor:
    """Send the gradient of an operation's values to the elements that it selected along ``dim``."""
    return choice_grad(grads[0], result1, in_shape, dim)


def along_dim(input: Tensor, dim: int, keepdim: bool) -> tuple[Tensor, int, bool]:
    """Return ``dim`` as a non-negative number."""
    return input, wrap_dim(dim, input.ndim), keepdim


@differentiable(name="max", prepare=along_dim, returns=return_types.max, input=selected_grad)
def max_along(input: Tensor, dim: int, keepdim: bool, *, out: Any = None) -> tuple[Array, Array]:
    """Return the largest elements along ``dim``, and their indices."""
    array = require_elements("max", input, axes(dim, input.ndim))
    return choose_along(input, find_along(input.xp, "argmax", array, dim), dim, keepdim)


@differentiable(name="min", prepare=along_dim, returns=return_types.min, input=selected_grad)
def min_along(input: Tensor, dim: int, keepdim: bool, *, out: Any = None) -> tuple[Array, Array]:
    """Return the smallest elements along ``dim``, and their indices."""
    array = require_elements("min", input, axes(dim, input.ndim))
    return choose_along(input, find_along(input.xp, "argmin", array, dim), dim, keepdim)


def dim_or_other(
    name: str, given: int | Tensor | None, keepdim: bool, other: Tensor | None
) -> tuple[int | None, Tensor | None]:
    """Return the dim and the other tensor, of which the first argument may be either: with ``keepdim``, it is a dim."""
    if not isinstance(given, TensorBase):
        return given, other
    if not keepdim:
        return None, given
    check_type(name, "dim", "int", given)
    return index(given), other


@composite
def max(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None,
    out: Any = None,
) -> Any:
    """Return the largest element; with a ``dim``, also its index; with another tensor, the elementwise maximum.

    >>> import minitensor as torch
    >>> torch.max(torch.tensor([[1., 3.], [4., 2.]]), dim=1)
    torch.return_types.max(
    values=tensor([3., 4.]),
    indices=tensor([1, 0]))
    """
    require_tensors("max", input=input)
    dim, second = dim_or_other("max", dim, keepdim, other)
    if second is not None:
        return maximum(input, second, out=out)
    if dim is None:
        return write_out("maximum", amax(input), out)
    return max_along(input, as_int(dim), keepdim, out=out)


@composite
def min(
    input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False, *, other: Tensor | None = None,
    out: Any = None,
) -> Any:
    """Return the smallest element; with a ``dim``, also its index; with another tensor, the elementwise minimum.

    Without a dim equal elements share the gradient; along one, only the element of the returned index gets it.

    >>> import minitensor as torch
    >>> torch.min(torch.tensor([[1., 3.], [4., 2.]]), dim=1).indices
    tensor([0, 1])
    """
    require_tensors("min", input=input)
    dim, second = dim_or_other("min", dim, keepdim, other)
    if second is not None:
        return minimum(input, second, out=out)
    if dim is None:
        return write_out("minimum", amin(input), out)
    return min_along(input, as_int(dim), keepdim, out=out)
