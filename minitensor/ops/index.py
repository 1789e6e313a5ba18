"""Elements chosen one by one: ``x[...]`` to read and to write, gather and scatter, masks.

What ``x[...]`` means is told in ``indexing.py``: ints and slices make a view, the rest are picks, which this chapter
turns into arrays of positions, wrapped and checked before anything is touched. Reading at positions and adding at
positions are each other's gradients, at every order; positions may repeat.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor import layout as layouts
from minitensor.autograd import record
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.record import NUMBERS, differentiable, nondifferentiable
from minitensor.base import TensorBase, wrap
from minitensor.errors import (
    ArgumentTypeError,
    DtypeError,
    IndexOutOfRange,
    InvalidIndexError,
    ShapeError,
    UnsupportedError,
)
from minitensor.indexing import advanced_shape, basic, check_mask, landing, out_of_bounds, resolve
from minitensor.ops.aliasing import place, shares_storage, writes
from minitensor.ops.cast import check_expands, clone, real_enough, single, to
from minitensor.ops.creation import tensor
from minitensor.ops.operand import WEAKER, require_tensors
from minitensor.ops.shape import broadcast_tensors, expand, reshape
from minitensor.shapes import broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minitensor.backends import Array
    from minitensor.layout import Layout
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

# -- x[...] ------------------------------------------------------------------------------------------------------------


def getitem(input: Tensor, index: Any) -> Tensor:
    """Serve ``input[index]``: a view for ints, slices, None and ``...``; a copy where tensors or lists pick."""
    layout = input._layout or input.layout
    found = basic(layout, index)
    if found is None:
        return picked(input, layout, index)
    return _select(input, found, layout, index) if index.__class__ is int else _slice(input, found, layout, index)


def window_gradient(grad: Tensor, window: Layout, home: Layout, index: Any) -> Tensor:
    """Return the gradient of a part of a tensor: zeros with ``grad`` placed into them."""
    if not layouts.is_contiguous(home):
        home = layouts.contiguous(home.shape)
        window, _ = resolve(home, index, dims_taken)
    return place(grad, home, window)


@record.look(input=window_gradient)
def _select(input: Tensor, window: Layout, home: Layout, index: Any) -> None:
    """Look at one entry."""


@record.look(input=window_gradient)
def _slice(input: Tensor, window: Layout, home: Layout, index: Any) -> None:
    """Look at a part."""


def picked(input: Tensor, layout: Layout, index: Any) -> Tensor:
    """Serve what a plain int or slice does not: the view that the index makes, then what its picks choose."""
    seen, picks = looked_at(input, layout, index)
    if not picks:
        return seen
    if len(picks) == 1:
        ((dim, mask),) = picks.items()
        if is_mask(mask) and mask.ndim > 1:
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            seen, picks = seen.flatten(dim, dim + mask.ndim - 1), {dim: mask.reshape(-1)}
    return _index(seen, positions_of(seen, picks))


def looked_at(input: Tensor, layout: Layout, index: Any) -> tuple[Tensor, dict[int, Any]]:
    """Return the view that an index makes of a tensor, and the picks that remain."""
    if isinstance(index, TensorBase) and 0 < index.ndim <= len(layout.shape) and index.array.dtype.kind in "ib":
        return input, {0: index}  # what follows would find the same, in three times the time
    items = tuple([prepared(item) for item in index]) if isinstance(index, tuple) else (prepared(index),)
    window, picks = resolve(layout, items, dims_taken)
    return (input if picks and window == layout else _slice(input, window, layout, items)), picks


def prepared(item: Any) -> Any:
    """Return an index as an int, slice, None, ``...``, bool or a tensor with dims; lists and arrays become tensors."""
    if isinstance(item, TensorBase):
        return item if item.ndim else integer_or_bool(item)
    if isinstance(item, (list, tuple, range)) or hasattr(item, "__array__"):
        made = tensor(item)
        if not made.numel() and isinstance(item, (list, tuple)):
            return made.long()
        return prepared(made)
    return item


def integer_or_bool(item: Any) -> Any:
    """Return the number in a 0-d index tensor."""
    if item.array.dtype.kind not in "biu":
        raise not_an_index(item)
    return item.array.item()


def not_an_index(item: Tensor) -> InvalidIndexError:
    """Refuse a tensor of real numbers as an index."""
    return InvalidIndexError(
        f"tensors used as indices must be long, int, byte or bool tensors, got {item.dtype.name}; cast with .long()"
    )


def is_mask(item: Any) -> bool:
    """Whether a pick is a tensor of bools."""
    return isinstance(item, TensorBase) and item.array.dtype.kind in "b"


def dims_taken(item: object) -> int | None:
    """Say how many dims a pick takes: a mask as many as it has, positions one."""
    if not isinstance(item, TensorBase):
        return None
    kind = item.array.dtype
    if kind.kind == "b" or kind == "uint8":
        return item.ndim
    if kind.kind not in "iu":
        raise not_an_index(item)  # type: ignore[arg-type]  # every tensor is a Tensor
    return 1


def positions_of(seen: Tensor, picks: Mapping[int, Any]) -> tuple[Any, ...]:
    """Return for each dim of a view the positions that its pick chooses, checked, or None."""
    shape = seen.layout.shape
    found: dict[int, Any] = {}
    for dim, pick in picks.items():
        for axis, positions in enumerate(pick_positions(pick, seen, dim)):
            found[dim + axis] = positions
    if len(found) > 1:
        advanced_shape(shape, {dim: positions.layout.shape for dim, positions in found.items()})
    return tuple([found.get(dim) for dim in range(len(shape))])


def pick_positions(pick: Any, seen: Tensor, dim: int) -> Sequence[Any]:
    """Return the positions, one tensor for each dim that the pick takes."""
    if isinstance(pick, bool):
        return [wrap(seen.result_class, seen.xp.zeros(int(pick), "int64"))]
    if pick.array.dtype == "uint8":
        warnings.warn("indexing with dtype torch.uint8 is deprecated, use torch.bool", UserWarning, stacklevel=5)
        pick = pick.bool()
    if pick.array.dtype.kind == "b":
        check_mask(pick.layout.shape, seen.layout.shape, dim)
        return nonzero(beside(seen, pick), as_tuple=True)  # type: ignore[no-any-return]  # a tuple of tensors
    return [wrapped(beside(seen, pick), dim, seen.layout.shape[dim])]


def beside(seen: Tensor, pick: Any) -> Any:
    """Return a pick on the device of what it picks from."""
    return pick if pick.array.__class__ is seen.array.__class__ else to(pick, seen.device)


def wrapped(positions: Tensor, dim: int, size: int) -> Tensor:
    """Return positions with the negative ones counted from the end; one outside raises."""
    array = positions.array
    if fits(array, size):
        return positions
    low, high = int(array.min()), int(array.max())
    if low < -size or high >= size:
        raise out_of_bounds(high if high >= size else low, dim, size)
    upright: Tensor = wrap(positions.result_class, positions.xp.where(array < 0, array + size, array))
    return upright


def index_gradient(grad: Tensor, indices: Any, in_shape: Shape) -> Tensor:
    """Return the gradient of elements at positions: added back at them."""
    return _add_at(grad, indices, in_shape)


def fits(array: Array, size: int) -> bool:
    """Whether no position is negative or too large: one look, as a negative one without its sign is huge."""
    return not array.size or int(array.view(UNSIGNED[array.dtype.itemsize]).max()) < size


UNSIGNED = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


@differentiable(input=index_gradient)
def _index(input: Tensor, indices: tuple[Tensor | None, ...]) -> Array:
    return taken(input, arrays_of(indices))


@differentiable(input=lambda grad, indices: _index(grad, indices))
def _add_at(input: Tensor, indices: tuple[Tensor | None, ...], shape: Shape) -> Array:
    """Return zeros of a shape with ``input`` added at positions, which may repeat: the adjoint of ``_index``."""
    flat = input.xp.zeros(layouts.numel(shape), input.array.dtype)
    positions = flat_positions(input.xp, shape, arrays_of(indices))
    input.backend.add_at(flat, positions.reshape(-1), input.array.reshape(-1))
    return flat.reshape(shape)


# -- the arithmetic of positions ---------------------------------------------------------------------------------------


def arrays_of(indices: tuple[Any, ...]) -> dict[int, Array]:
    """Return the arrays of positions by dim."""
    return {dim: each.array for dim, each in enumerate(indices) if each is not None}


def key_of(indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return positions as the array library takes them in brackets."""
    return tuple([slice(None) if each is None else each.array for each in indices])


def taken(input: Tensor, picks: dict[int, Array]) -> Array:
    """Return the elements at positions, row by row in fresh memory."""
    array, dims = input.array, sorted(picks)
    first, last = dims[0], dims[-1]
    if array.flags.c_contiguous and last - first == len(dims) - 1:
        shape = array.shape
        together = layouts.numel(shape[first : last + 1])
        merged = array.reshape((*shape[:first], together, *shape[last + 1 :]))
        return input.backend.take(merged, numbered(shape, picks), first)
    found = array[tuple([picks.get(dim, slice(None)) for dim in range(array.ndim)])]
    return found if found.flags.c_contiguous else found.copy()


def numbered(shape: Shape, picks: dict[int, Array]) -> Array:
    """Return the numbers of elements of neighbouring dims, counted row by row."""
    number: Any = 0
    for dim in sorted(picks):
        number = number * shape[dim] + picks[dim]
    return number  # type: ignore[no-any-return]  # an Array once a pick was added


def times(index: Array, stride: int) -> Array:
    """Return positions in steps of a stride; never written to."""
    wide = index.astype("int64", copy=False)
    return wide if stride == 1 else wide * stride


def flat_positions(xp: Any, shape: Shape, picks: dict[int, Array]) -> Array:
    """Return the numbers of the picked elements in a contiguous tensor, in the shape of the result."""
    strides = layouts.contiguous(shape).strides
    rest = [dim for dim in range(len(shape)) if dim not in picks]
    start = landing(picks)
    positions: Any = None
    for dim, array in picks.items():
        steps = times(array, strides[dim])
        positions = steps if positions is None else positions + steps
    positions = positions.reshape(positions.shape + (1,) * (len(rest) - start))
    width = positions.ndim - (len(rest) - start)
    for place_of, dim in enumerate(rest):
        after = len(rest) - 1 - place_of + (width if place_of < start else 0)
        steps = xp.arange(shape[dim]) * strides[dim]
        positions = positions + steps.reshape((shape[dim],) + (1,) * after)
    return positions  # type: ignore[no-any-return]  # an Array


def write_flat(input: Tensor, write: Any) -> None:
    """Let ``write`` change the elements as one flat array: the tensor's memory, or a copy that is then written back."""
    array = input.array
    if array.flags.c_contiguous:
        write(array.reshape(-1))
        return
    flat = array.copy().reshape(-1)
    write(flat)
    array[...] = flat.reshape(array.shape)


# -- x[...] = ----------------------------------------------------------------------------------------------------------


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Serve ``input[index] = value``."""
    layout = input.layout
    found = basic(layout, index)
    if found is None:
        put_picked(input, layout, index, value)
    elif not written_plainly(input, index, value):
        assign(_slice(input, found, layout, index), value)


def written_plainly(input: Tensor, index: Any, value: Any) -> bool:
    """Write where nothing is recorded and nothing can go wrong, and tell whether that was so: a fifth of the time."""
    array, recording = input.array, grad_mode.get()
    if not array.flags.c_contiguous or (recording and input.node is not None):
        return False
    if value.__class__ in NUMBERS:
        if array.dtype.kind not in "fcb" or value.__class__ not in WEAKER[array.dtype.kind]:
            return False
        array[index] = value
    elif isinstance(value, TensorBase) and not (recording and value.node is not None):
        given = value.array
        if given.dtype is not array.dtype or given.__class__ is not array.__class__ or shares_storage(value, input):
            return False
        try:
            array[index] = given
        except ValueError:
            return False
    else:
        return False
    input.storage.version += 1
    return True


def put_picked(input: Tensor, layout: Layout, index: Any, value: Any) -> None:
    """Serve ``input[index] = value`` where the index is more than an int or a slice."""
    seen, picks = looked_at(input, layout, index)
    if not picks:
        assign(seen, value)
        return
    value = assignable(value, seen)
    if len(picks) == 1 and (not isinstance(value, TensorBase) or not value.ndim):
        ((dim, mask),) = picks.items()
        if is_mask(mask):
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            mask = beside(seen, mask).reshape(mask.layout.shape + (1,) * (seen.ndim - dim - mask.ndim))
            masked_fill_(seen, mask, value)
            return
    if isinstance(value, TensorBase) and not value.ndim:
        value = to(value, seen.device, seen.dtype)  # type: ignore[arg-type]  # every tensor is a Tensor
    put(seen, positions_of(seen, picks), value, False)


def assign(seen: Tensor, value: Any) -> None:
    """Write a value into a view."""
    value = assignable(value, seen)
    if not isinstance(value, TensorBase):
        _assign_number_(seen, value)
        return
    _assign_(seen, to(without_leading_ones(value, seen.ndim), seen.device))


# A window's own former history ends here: what was seen before is overwritten (PyTorch sends zeros there).
@writes(input=lambda grad: None, value=lambda grad: grad)
def _assign_(input: Tensor, value: Tensor) -> None:
    if value.layout.shape != input.layout.shape:
        check_expands("assignment", value, input)
    input.array[...] = real_enough(value.array, input.array.dtype)


@writes(input=lambda grad: None)
def _assign_number_(input: Tensor, value: Number) -> None:
    input.array[...] = single("assignment", value, input)


def assignable(value: Any, seen: Tensor) -> Any:
    """Return what is assigned as a Python number or a tensor; host arrays are copied."""
    if isinstance(value, (TensorBase, bool, int, float, complex)):
        return value
    if hasattr(value, "__array__"):
        made = tensor(value, dtype=seen.dtype, device=seen.device)
        return made if made.ndim else made.item()
    raise ArgumentTypeError(
        f"can't assign a {type(value).__name__} to a {seen.type()}; give a number or a tensor, as torch.tensor(...)"
    )


def without_leading_ones(value: Any, ndim: int) -> Any:
    """Drop leading dims of size 1 that the written-to tensor lacks."""
    shape = value.layout.shape
    while len(shape) > ndim and shape[0] == 1:
        shape = shape[1:]
    return value if shape == value.layout.shape else reshape(value, shape)


def put(input: Tensor, indices: tuple[Any, ...], values: Any, accumulate: bool) -> Tensor:
    """Write values, or one number, at checked positions."""
    safe = tuple([clone(each) if each is not None and shares_storage(each, input) else each for each in indices])
    if not isinstance(values, TensorBase):
        return _index_put_(input, safe, single("assignment", values, input), accumulate)
    if values.dtype is not input.dtype:
        raise DtypeError(
            "index_put: requires the source and destination dtypes match, got "
            f"{input.dtype.name} for the destination and {values.dtype.name} for the source; cast the values first"
        )
    shape, _ = advanced_shape(
        input.layout.shape, {dim: each.layout.shape for dim, each in enumerate(indices) if each is not None}
    )
    values = without_leading_ones(values, len(shape))
    if values.layout.shape != shape and not expands(values.layout.shape, shape):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values.layout.shape)} cannot be broadcast to indexing result "
            f"of shape {list(shape)}"
        )
    return _index_put_(input, safe, values, accumulate)


def expands(shape: Shape, wanted: Shape) -> bool:
    """Whether a shape broadcasts to the wanted one, which stays as it is."""
    try:
        return broadcast_shapes(shape, wanted) == wanted
    except ShapeError:
        return False


def kept_gradient(grad: Tensor, indices: Any, accumulate: bool) -> Tensor:
    """Return the gradient of what was there before values were put or added at positions."""
    return grad if accumulate else put(clone(grad), indices, 0, False)


@writes(input=kept_gradient, values=lambda grad, indices: _index(grad, indices))
def _index_put_(input: Tensor, indices: tuple[Tensor | None, ...], values: Operand, accumulate: bool) -> None:
    if not isinstance(values, TensorBase):
        input.array[key_of(indices)] = values
        return
    if not accumulate:
        input.array[key_of(indices)] = values.array
        return
    positions = flat_positions(input.xp, input.layout.shape, arrays_of(indices))
    spread = input.xp.broadcast_to(values.array, positions.shape)
    write_flat(input, lambda flat: input.backend.add_at(flat, positions.reshape(-1), spread.reshape(-1)))


def index_put_(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Write ``values`` at positions, as ``input[indices] = values``; ``accumulate`` adds them, repeated ones too."""
    seen, picks = looked_at(input, input.layout, tuple(slice(None) if each is None else each for each in indices))
    if not picks:
        raise ArgumentTypeError("index_put_(): give at least one tensor of positions or a mask")
    put(seen, positions_of(seen, picks), values, accumulate)
    return input


def index_put(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with ``values`` written (or added) at positions."""
    return index_put_(clone(input), indices, values, accumulate)


# -- along one dim -----------------------------------------------------------------------------------------------------


class PositionError(IndexOutOfRange, RuntimeError):
    """A position outside its dim: PyTorch raises IndexError in some of these functions, RuntimeError in others."""


def inside(name: str, index: Tensor, dim: int, size: int) -> None:
    """Refuse positions outside a dim; negative ones too, as PyTorch does here."""
    array = index.array
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{name}(): expected dtype int64 for index, got {index.dtype.name}; cast with .long()")
    if fits(array, size):
        return
    low, high = int(array.min()), int(array.max())
    raise PositionError(
        f"{name}(): index {low if low < 0 else high} is out of bounds for dimension {dim} with size {size}"
        + ("; negative positions are not wrapped here" if -size <= low < 0 else "")
    )


def along(name: str, input: Tensor, dim: int, index: Any) -> tuple[int, Any]:
    """Return a dim and positions in it, a vector; checked."""
    require_tensors(name, index=index)
    if index.ndim > 1:
        raise InvalidIndexError(f"{name}(): index is supposed to be a vector, got shape {tuple(index.shape)}")
    dim = wrap_dim(dim, input.ndim)
    inside(name, index, dim, input.layout.shape[dim] if input.ndim else 1)
    return dim, index if index.ndim else reshape(index, 1)


def at(dim: int, index: Tensor, ndim: int) -> tuple[Tensor | None, ...]:
    """Return positions for one dim of several."""
    return (None,) * dim + (index,) + (None,) * (ndim - dim - 1)


@differentiable(input=lambda grad, dim, index, in_shape: _add_at(grad, at(dim, index, len(in_shape)), in_shape))
def _index_select(input: Tensor, dim: int, index: Tensor) -> Array:
    return taken(input, {dim: index.array})


def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the entries of ``dim`` at the positions of a vector, which may repeat.

    >>> import minitensor as torch
    >>> torch.tensor([10, 20, 30]).index_select(0, torch.tensor([2, 0, 2]))
    tensor([30, 10, 30])
    """
    dim, index = along("index_select", input, dim, index)
    if not input.ndim:
        return reshape(_index_select(reshape(input, 1), 0, index), ())
    return _index_select(input, dim, index)


@writes(
    input=lambda grad: grad,
    source=lambda grad, dim, index, alpha: grad.index_select(dim, index) * alpha,
)
def _index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Number) -> None:
    source_array = source.array if alpha == 1 else source.array * source.array.dtype.type(alpha)
    positions = flat_positions(input.xp, input.layout.shape, {dim: index.array})
    write_flat(input, lambda flat: input.backend.add_at(flat, positions.reshape(-1), source_array.reshape(-1)))


def matching_source(name: str, input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    """Refuse a source that has not one entry for each position."""
    require_tensors(name, source=source)
    wanted = list(input.layout.shape)
    wanted[dim] = index.numel()
    if list(source.layout.shape) != wanted:
        raise ShapeError(
            f"{name}(): source of shape {list(source.layout.shape)} does not fit: {index.numel()} positions in dim "
            f"{dim} of a tensor of shape {list(input.layout.shape)} want {wanted}"
        )
    if source.dtype is not input.dtype:
        raise DtypeError(
            f"{name}(): self ({input.dtype.name}) and source ({source.dtype.name}) must have the same dtype"
        )


def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """Add the entries of ``source``, times ``alpha``, to those of ``dim`` at the positions of a vector."""
    dim, index = along("index_add_", input, dim, index)
    matching_source("index_add_", input, dim, index, source)
    return _index_add_(input, dim, index, source, alpha)


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """Return a copy with the entries of ``source`` added at positions of ``dim``."""
    return index_add_(clone(input), dim, index, source, alpha=alpha)


class WrongCount(ShapeError, IndexOutOfRange):
    """Not one entry for each position: a matter of shapes, and as in PyTorch an IndexError."""


@writes(
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=lambda grad, dim, index: grad.index_select(dim, index),
)
def _index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    input.array[key_of(at(dim, index, input.ndim))] = source.array


def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Replace the entries of ``dim`` at the positions of a vector by those of ``source``."""
    dim, index = along("index_copy_", input, dim, index)
    require_tensors("index_copy_", source=source)
    if input.ndim == source.ndim and source.ndim and index.numel() != source.shape[dim]:
        raise WrongCount(
            f"index_copy_(): number of indices ({index.numel()}) should be equal to source.size({dim}) "
            f"({source.shape[dim]}): source of shape {list(source.shape)}"
        )
    matching_source("index_copy_", input, dim, index, source)
    return _index_copy_(input, dim, index, source)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy with the entries of ``dim`` at positions replaced."""
    return index_copy_(clone(input), dim, index, source)


@writes(
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=lambda grad, dim, index: grad.index_select(dim, index),
)
def _index_fill_(input: Tensor, dim: int, index: Tensor, value: Operand) -> None:
    input.array[key_of(at(dim, index, input.ndim))] = single("index_fill_", value, input)


def index_fill_(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Write one number into the entries of ``dim`` at the positions of a vector; negative ones count from the end."""
    require_tensors("index_fill_", index=index)
    dim = wrap_dim(dim, input.ndim)
    if index.array.dtype.kind not in "iu":
        raise InvalidIndexError(
            f"index_fill_(): expected dtype int64 for index, got {index.dtype.name}; cast with .long()"
        )
    if index.ndim > 1:
        raise InvalidIndexError(f"index_fill_(): index is supposed to be a vector, got shape {tuple(index.shape)}")
    return _index_fill_(input, dim, wrapped(reshape(index, -1), dim, input.layout.shape[dim]), value)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Return a copy with one number in the entries of ``dim`` at positions."""
    return index_fill_(clone(input), dim, index, value)


# -- gather and scatter ------------------------------------------------------------------------------------------------


def aligned(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    """Return the dim after a look at an index with as many dims as the tensor, none longer but ``dim``."""
    require_tensors(name, input=input, index=index)
    shape, wanted = input.layout.shape, index.layout.shape
    if len(shape) != len(wanted) and index.numel():
        raise ShapeError(
            f"{name}(): Index tensor must have the same number of dimensions as input tensor, got {len(wanted)} and "
            f"{len(shape)} (shapes {list(wanted)} and {list(shape)})"
        )
    dim = wrap_dim(dim, len(shape))
    for axis, (n, m) in enumerate(zip(wanted, shape)):
        if n > m and axis != dim:
            raise ShapeError(
                f"{name}(): size does not match at dimension {axis}: expected index {list(wanted)} to be no larger "
                f"than self {list(shape)} apart from dimension {dim}"
            )
    inside(name, index, dim, shape[dim] if shape else 1)
    return dim


def lines(xp: Any, shape: Shape, dim: int, index: Array) -> Array:
    """Return the numbers of elements whose place in ``dim`` an index gives, and in all other dims its own place."""
    if not shape:
        return index.reshape(-1)
    strides = layouts.contiguous(shape).strides
    positions = times(index, strides[dim])
    for axis, size in enumerate(index.shape):
        if axis != dim and size > 1:
            positions = positions + (xp.arange(size) * strides[axis]).reshape((size,) + (1,) * (index.ndim - 1 - axis))
    return positions


@differentiable(input=lambda grad, dim, index, in_shape: grad.new_zeros(in_shape).scatter_add(dim, index, grad))
def _gather(input: Tensor, dim: int, index: Tensor) -> Array:
    positions = lines(input.xp, input.layout.shape, dim, index.array)
    return input.backend.take(input.array.reshape(-1), positions, 0).reshape(index.layout.shape)


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Pick along ``dim``: for three dims and dim 1, ``out[i, j, k] = input[i, index[i, j, k], k]``.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    return _gather(input, aligned("gather", input, dim, index), index)


def source_like(name: str, input: Tensor, index: Tensor, src: Tensor) -> Tensor:
    """Return the part of a source that an index reads: it may be longer."""
    require_tensors(name, src=src)
    if src.dtype is not input.dtype:
        raise DtypeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype.name} and {src.dtype.name}"
        )
    shape, given = index.layout.shape, src.layout.shape
    if shape == given or not index.numel():
        return src
    if len(shape) != len(given) or any(n > m for n, m in zip(shape, given)):
        raise ShapeError(f"{name}(): expected index {list(shape)} to be no larger than src {list(given)}")
    return getitem(src, tuple([slice(n) for n in shape]))


@writes(input=lambda grad: grad, src=lambda grad, dim, index: _gather(grad, dim, index))
def _scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    positions = lines(input.xp, input.layout.shape, dim, index.array)
    write_flat(input, lambda flat: input.backend.add_at(flat, positions.reshape(-1), src.array.reshape(-1)))


def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add along ``dim``: for three dims and dim 1, ``input[i, index[i, j, k], k] += src[i, j, k]``."""
    dim = aligned("scatter_add_", input, dim, index)
    src = source_like("scatter_add_", input, index, src)
    return _scatter_add_(input, dim, index, src) if index.numel() else input


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return a copy with ``src`` added along ``dim``; positions may repeat."""
    return scatter_add_(clone(input), dim, index, src)


@writes(
    input=lambda grad, dim, index: grad.scatter(dim, index, 0),
    src=lambda grad, dim, index: _gather(grad, dim, index),
)
def _scatter_(input: Tensor, dim: int, index: Tensor, src: Operand) -> None:
    values = src.array.reshape(-1) if isinstance(src, TensorBase) else single("scatter_", src, input)
    positions = lines(input.xp, input.layout.shape, dim, index.array).reshape(-1)
    write_flat(input, lambda flat: flat.__setitem__(positions, values))


def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Number | None = None, reduce: str | None = None
) -> Tensor:
    """Write along ``dim``: for three dims and dim 1, ``input[i, index[i, j, k], k] = src[i, j, k]``, or one number.

    Of positions that repeat the last one wins.
    """
    given: Any = src if src is not None else value
    if given is None:
        raise ArgumentTypeError("scatter_(): give `src`, a tensor or a number")
    dim = aligned("scatter_", input, dim, index)
    if given.__class__ not in NUMBERS:
        given = source_like("scatter_", input, index, given)
    if reduce == "add":
        given = given if isinstance(given, TensorBase) else wrap(input.result_class, input.xp.full(
            index.layout.shape, given, input.array.dtype))
        return scatter_add_(input, dim, index, given)
    if reduce is not None:
        raise UnsupportedError(f"scatter_: reduce must be 'add' or None, got {reduce!r}")
    return _scatter_(input, dim, index, given) if index.numel() else input


def scatter(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Number | None = None, reduce: str | None = None
) -> Tensor:
    """Return a copy with ``src``, or one number, written along ``dim``."""
    return scatter_(clone(input), dim, index, src, value=value, reduce=reduce)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Pick along ``dim`` as ``argsort`` and ``argmax`` mean it; other dims broadcast. Without a dim, from all."""
    require_tensors("take_along_dim", input=input, indices=indices)
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1))
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {input.ndim} "
            f"dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    ours, theirs = list(input.layout.shape), list(indices.layout.shape)
    ours[dim] = theirs[dim] = 1
    common = broadcast_shapes(tuple(ours), tuple(theirs))
    whole = [*common[:dim], -1, *common[dim + 1 :]]
    positions = wrapped(expand(indices, whole), dim, input.layout.shape[dim])
    return gather(expand(input, whole), dim, positions)


def take(input: Tensor, index: Tensor) -> Tensor:
    """Pick from all elements, counted row by row.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).take(torch.tensor([0, -1]))
    tensor([1, 4])
    """
    require_tensors("take", input=input, index=index)
    if index.array.dtype.kind not in "iu":
        raise DtypeError(f"take(): expected a long tensor for index, but got {index.dtype.name}; cast with .long()")
    return _index(reshape(input, -1), (wrapped(index, 0, input.numel()),))


# -- masks -------------------------------------------------------------------------------------------------------------


def bools(name: str, mask: Any) -> Array:
    """Return a mask's array; other dtypes are refused."""
    require_tensors(name, mask=mask)
    if mask.array.dtype.kind != "b":
        raise DtypeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype.name}")
    return mask.array  # type: ignore[no-any-return]  # an Array


@differentiable(input=lambda grad, mask: grad.masked_fill(mask, 0), value=lambda grad, mask: grad.where(mask, 0))
def _masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Array:
    return input.xp.where(bools("masked_fill", mask), filler(value, input), input.array)


def filler(value: Any, input: Tensor) -> Array:
    """Return a number or 0-d tensor as a 0-d array of the input's dtype."""
    return input.xp.asarray(single("masked_fill", value, input), dtype=input.array.dtype)


def masked_fill(input: Tensor, mask: Tensor, value: Operand) -> Tensor:
    """Return ``input`` with ``value``, a number or a 0-d tensor, where ``mask`` holds; the mask broadcasts.

    >>> import minitensor as torch
    >>> torch.tensor([1., 2.]).masked_fill(torch.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    return _masked_fill(input, mask, value)


@writes(input=lambda grad, mask: grad.masked_fill(mask, 0), value=lambda grad, mask: grad.where(mask, 0))
def masked_fill_(input: Tensor, mask: Tensor, value: Operand) -> None:
    """Write ``value`` where ``mask`` holds."""
    bools("masked_fill_", mask)
    check_expands("masked_fill_", mask, input)
    input.xp.copyto(input.array, filler(value, input), where=mask.array)


def check_broadcasts(name: str, input: Tensor, mask: Tensor) -> None:
    """Refuse a mask that does not broadcast."""
    try:
        broadcast_shapes(input.layout.shape, mask.layout.shape)
    except ShapeError as error:
        raise ShapeError(f"{name}: {error}") from None


def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where ``mask`` holds, in one dim; both broadcast."""
    bools("masked_select", mask)
    check_broadcasts("masked_select", input, mask)
    spread, chosen = broadcast_tensors(input, mask)
    return getitem(reshape(spread, -1), reshape(chosen, -1))


def masked_scatter_(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Write the elements of ``source``, one after the other, where ``mask`` holds."""
    bools("masked_scatter_", mask)
    require_tensors("masked_scatter_", source=source)
    check_expands("masked_scatter_", mask, input)
    chosen = expand(mask, input.layout.shape)
    count = int(chosen.array.sum())
    if count > source.numel():
        raise ShapeError(
            f"masked_scatter: expected self and source to have same number of elements: the mask chooses {count}, the "
            f"source has {source.numel()}"
        )
    return index_put_(input, (chosen,), getitem(reshape(source, -1), slice(count)))


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with the elements of ``source`` where ``mask`` holds."""
    require_tensors("masked_scatter", mask=mask)
    check_broadcasts("masked_scatter", input, mask)
    spread, chosen = broadcast_tensors(input, mask)
    return masked_scatter_(clone(spread).contiguous(), chosen, source)


@nondifferentiable
def argwhere(input: Tensor) -> Array:
    """Return the positions of what is not zero, a row each: (count, ndim)."""
    return input.xp.argwhere(input.array).astype("int64")


def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the positions of what is not zero: one row each, or as a tuple of one tensor for each dim.

    >>> import minitensor as torch
    >>> torch.tensor([0, 5, 7]).nonzero()
    tensor([[1],
            [2]])
    """
    if not as_tuple:
        return argwhere(input)
    array = input.array if input.ndim else input.array.reshape(1)
    return tuple([wrap(input.result_class, each.astype("int64", copy=False)) for each in input.xp.nonzero(array)])
