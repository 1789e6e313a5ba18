"""Numerical calculus along a dim: differences, derivatives on a grid, integrals by the trapezoidal rule.

All are composites: weighted sums of slices. The position of points is given by a distance or by coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.dtypes import INTEGRAL, bool_, get_default_dtype, uint8
from minitensor.errors import ArgumentTypeError, DimError, DtypeError, ShapeError, UsageError, WrongTypeError
from minitensor.ops.cumulative import cumsum
from minitensor.ops.join import cat
from minitensor.ops.operand import is_number, require_tensors, same_device
from minitensor.ops.out import write_out
from minitensor.ops.reduce import sum
from minitensor.shapes import as_int, normalize_sizes, wrap_dim, wrap_dims

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import ListedDims
    from minitensor.ops.operand import Number
    from minitensor.tensor import Tensor

Spacing: TypeAlias = "float | Tensor | Sequence[float | Tensor] | None"  # a sequence has one for each dim


def shifted_slices(input: Tensor, dim: int, count: int = 2) -> list[Tensor]:
    """Return ``count`` slices of a dim of equal length, shifted by 0, 1, ..."""
    if not input.shape[dim]:
        return [input] * count
    length = input.shape[dim] - count + 1
    return [input.narrow(dim, start, length) for start in range(count)]


# -- differences -------------------------------------------------------------------------------------------------------


@composite
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None, *,
    out: Tensor | None = None,
) -> Tensor:
    """Return the differences of neighbors along ``dim``, taken ``n`` times.

    ``prepend`` and ``append`` are joined to ``input`` first.

    Raises:
        RuntimeError: If the input has no dims, ``n`` is negative, or what is joined does not fit.

    >>> import minitensor as torch
    >>> torch.diff(torch.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    dim, n = wrap_dim(dim, input.ndim), as_int(n)
    if not input.ndim:
        raise ShapeError("diff: expected a tensor of at least one dimension, got a 0-d tensor")
    if n < 0:
        raise ShapeError(f"diff: order must be non-negative, but got {n}")
    if not n:
        return write_out("diff", input.clone(), out, input)
    ends = [part for part in (prepend, input, append) if part is not None]
    if len(ends) > 1:
        input = cat(ends, dim)
    for _ in range(min(n, input.shape[dim])):
        low, high = shifted_slices(input, dim)
        input = high ^ low if input.dtype is bool_ else high - low
    return write_out("diff", input, out)


# -- derivatives on a grid ---------------------------------------------------------------------------------------------


@composite
def gradient(
    input: Tensor, *, spacing: Spacing = None, dim: ListedDims | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Return the derivative along each dim: of second order inside, of order ``edge_order`` (1 or 2) at both ends.

    Args:
        spacing: the distance of neighbors, or a list with a distance or the coordinates (a vector) for each dim.
        dim: an int or several; None means all.

    Raises:
        RuntimeError: If a dim has fewer than ``edge_order + 1`` entries, or ``spacing`` does not fit.

    >>> import minitensor as torch
    >>> torch.gradient(torch.tensor([1., 4., 9., 16.]))
    (tensor([3., 4., 6., 7.]),)
    """
    if input.dtype is uint8:
        raise DtypeError("gradient: does not support uint8, where differences below zero wrap; cast the input first")
    dims = tuple(range(input.ndim)) if dim is None else wrap_dims(normalize_sizes(dim), input.ndim)
    if edge_order not in (1, 2):
        raise UsageError(f"gradient: only supports edge_order=1 and edge_order=2, got {edge_order}")
    for each in dims:
        if not input.ndim or input.shape[each] <= edge_order:
            raise ShapeError(
                f"gradient: expected each dimension size to be at least edge_order+1 = {edge_order + 1}, "
                f"got shape {list(input.shape)} and dim {each}"
            )
    steps = spacings(spacing, input, dims, dim is not None)
    return tuple([slope(input, each, step, edge_order) for each, step in zip(dims, steps, strict=True)])


def spacings(spacing: Spacing, input: Tensor, dims: tuple[int, ...], chosen: bool) -> Sequence[Any]:
    """Return a distance, or coordinates, for each dim."""
    if isinstance(spacing, TensorBase):
        if spacing.ndim:
            raise ArgumentTypeError("gradient: coordinates come in a list, one tensor for each dim: spacing=[...]")
        spacing = spacing.item()
    if not isinstance(spacing, Sequence):
        return [1 if spacing is None else spacing] * len(dims)
    if len(spacing) != len(dims):
        wanted = f"as many as dims, {len(dims)}" if chosen else f"one for each of the {len(dims)} dimensions"
        raise ShapeError(f"gradient: expected spacing to be a number or a list, {wanted}; got {len(spacing)}")
    return [check_coordinates(each, input, dim) for each, dim in zip(spacing, dims, strict=True)]


def check_coordinates(coordinates: Any, input: Tensor, dim: int) -> Any:
    """Return coordinates or a number; raise if the coordinates do not fit ``dim``."""
    if is_number(coordinates):
        return coordinates
    require_tensors("gradient", spacing=coordinates)
    same_device(input, coordinates)
    if coordinates.ndim != 1 or coordinates.shape[0] != input.shape[dim]:
        raise ShapeError(
            f"gradient: expected each element of spacing to have one dimension and as many entries as dim {dim} of the "
            f"input, {input.shape[dim]}; got shape {list(coordinates.shape)}"
        )
    return coordinates


def slope(input: Tensor, dim: int, spacing: Any, edge_order: int) -> Tensor:
    """Return the slope along one dim: central differences inside, one-sided ones at the ends."""
    coordinates = spacing
    if not isinstance(spacing, TensorBase):
        return even_slope(input, dim, spacing, edge_order)
    step = diff(coordinates).reshape((-1,) + (1,) * (input.ndim - dim - 1))
    size, place = input.shape[dim], dim - input.ndim
    before, after = step.narrow(place, 0, size - 2), step.narrow(place, 1, size - 2)
    firsts = [step.narrow(place, k, 1) for k in range(min(2, size - 1))]
    lasts = [step.narrow(place, size - 2 - k, 1) for k in range(min(2, size - 1))]
    low, middle, high = shifted_slices(input, dim, 3)
    inside = (
        low * (-after / (before * (before + after)))
        + middle * ((after - before) / (before * after))
        + high * (before / (after * (before + after)))
    )
    left = one_sided_slope([input.narrow(dim, k, 1) for k in range(edge_order + 1)], firsts)
    ends = [input.narrow(dim, size - 1 - k, 1) for k in range(edge_order + 1)]
    right = one_sided_slope(ends, [-each for each in lasts])
    return cat([left, inside, right], dim)


def even_slope(input: Tensor, dim: int, step: Number, edge_order: int) -> Tensor:
    """Return the slope along one dim of evenly spaced points; a step of zero gives infinities."""
    if input.dtype.category == INTEGRAL:
        input = input.to(get_default_dtype())  # differences of integers may wrap
    size = input.shape[dim]
    low, _, high = shifted_slices(input, dim, 3)
    left = even_end([input.narrow(dim, k, 1) for k in range(edge_order + 1)], step)
    right = even_end([input.narrow(dim, size - 1 - k, 1) for k in range(edge_order + 1)], -1.0 * step)
    return cat([left, (high - low) / (2.0 * step), right], dim)


def even_end(values: list[Tensor], step: Number) -> Tensor:
    """Return the slope at the first of two or three evenly spaced values."""
    if len(values) == 2:
        return (values[1] - values[0]) / step
    return (values[0] * -1.5 + values[1] * 2 - values[2] * 0.5) / step


def one_sided_slope(values: list[Tensor], steps: list[Any]) -> Tensor:
    """Return the slope at the first of two or three values, given the steps from each to the next."""
    if len(values) == 2:
        only: Tensor = (values[1] - values[0]) / steps[0]
        return only
    near, far = steps[:2]
    both = near + far
    result: Tensor = (
        values[0] * (-(near + both) / (near * both)) + values[1] * (both / (near * far))
        + values[2] * (-near / (far * both))
    )
    return result


# -- integrals ---------------------------------------------------------------------------------------------------------


def widths(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Any:
    """Return the distances of neighbors: from coordinates ``x``, or the number ``dx``."""
    if x is not None and dx is not None:
        raise ArgumentTypeError(f"{name}: takes either x or dx, not both")
    if x is not None and not isinstance(x, TensorBase):
        raise WrongTypeError(f"{name}: x must be a tensor of coordinates, got {type(x).__name__}; a distance is dx=")
    for each in (y, x):
        if each is not None and each.dtype is bool_:
            raise DtypeError(f"{name}: received a bool input for x or y, but bool is not supported: cast it")
    if x is None:
        if isinstance(dx, (bool, complex)):
            raise DtypeError(f"{name}: dx must be a real number, got {dx!r}")
        if isinstance(dx, TensorBase) and dx.ndim:
            raise ArgumentTypeError(f"{name}: dx must be a number, got a tensor of shape {tuple(dx.shape)}")
        return 1 if dx is None else dx
    size = y.shape[dim]
    if x.ndim == 1:
        if x.shape[0] != size:
            raise ShapeError(
                f"{name}: there must be one x value for each sample point, got {x.shape[0]} for {size} along dim {dim}"
            )
        x = x.reshape((-1,) + (1,) * (y.ndim - dim - 1))
        return diff(x, dim=0)
    if x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + tuple(x.shape))
    low, high = shifted_slices(x, dim if x.ndim == y.ndim else dim + x.ndim - y.ndim)
    return high - low


def check_dim(name: str, y: Tensor, dim: int) -> int:
    """Return the dim, counted from the front; raise for a 0-d tensor."""
    if not y.ndim:
        raise DimError(f"{name}: dimension specified as {dim} but tensor has no dimensions: nothing to integrate")
    return wrap_dim(dim, y.ndim)


@composite
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Integrate along ``dim`` by the trapezoidal rule.

    Args:
        x: The coordinates of the points: a vector, or a tensor that broadcasts against ``y``.
        dx: The distance of neighbors, 1 by default; only without ``x``.

    Raises:
        RuntimeError: If ``y`` or ``x`` holds bools, ``dx`` is complex, or the shapes do not fit.
        IndexError: If ``y`` has no dims.

    >>> import minitensor as torch
    >>> torch.trapezoid(torch.tensor([1., 5., 10.]), torch.tensor([1., 3., 6.]))
    tensor(28.5000)
    """
    dim = check_dim("trapezoid", y, dim)
    if not y.shape[dim]:
        return sum(y.detach(), dim)
    width = widths("trapezoid", y, x, dx, dim)
    low, high = shifted_slices(y, dim)
    if x is not None:
        return sum((low + high) * width, dim) / 2
    area: Tensor = (sum(y, dim) - (y.select(dim, 0) + y.select(dim, -1)) * 0.5) * width
    return area


@composite
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Integrate up to each element along ``dim``, from the second on; arguments as for ``trapezoid``.

    Raises:
        RuntimeError: If ``y`` or ``x`` holds bools, ``dx`` is complex, or the shapes do not fit.
        IndexError: If ``y`` has no dims.

    >>> import minitensor as torch
    >>> torch.cumulative_trapezoid(torch.tensor([1., 5., 10.]))
    tensor([ 3.0000, 10.5000])
    """
    dim = check_dim("cumulative_trapezoid", y, dim)
    width = widths("cumulative_trapezoid", y, x, dx, dim)
    low, high = shifted_slices(y, dim)
    if x is not None:
        return cumsum((low + high) * width, dim) / 2
    return cumsum((low + high) * (width / 2), dim)


trapz = trapezoid
