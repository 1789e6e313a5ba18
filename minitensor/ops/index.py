"""Elements chosen by ``x[...]``, to read and to write.

What ``x[...]`` means is told in ``indexing.py``: ints and slices make a view, the rest are picks, which this chapter
turns into arrays of positions, wrapped and checked before anything is touched. Reading at positions and adding at
positions are each other's gradients, at every order; positions may repeat. What picks along one dim is in
``scatter.py``, masks as such are in ``masks.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor import layout as layouts
from minitensor.autograd import declare
from minitensor.autograd.binding import NUMBERS
from minitensor.autograd.declare import differentiable
from minitensor.autograd.interpreters import active
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.turns import in_turn
from minitensor.backends.reference.scatter import within
from minitensor.base import TensorBase, has_values, values_of, wrap
from minitensor.callers import user_level
from minitensor.errors import ArgumentTypeError, DtypeError, InvalidIndexError, ShapeError, quote
from minitensor.indexing import (
    NoIndex,
    advanced_shape,
    basic,
    check_mask,
    is_array,
    is_several,
    landing,
    out_of_bounds,
    resolve,
)
from minitensor.ops.aliasing import place, shares_storage, writes
from minitensor.ops.cast import real_enough, to
from minitensor.ops.copy import clone, own
from minitensor.ops.creation import tensor
from minitensor.ops.fill import check_expands
from minitensor.ops.masks import _masked_select, masked_fill_, nonzero
from minitensor.ops.operand import WEAKER, fitted_or_infinite
from minitensor.ops.shape import reshape
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minitensor.backends import Array
    from minitensor.backends.base import Backend
    from minitensor.layout import Layout
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

WIDE = "ilq"  # NumPy's letters for int32 and int64, the dtypes of positions

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


@declare.look(input=window_gradient)
def _select(input: Tensor, window: Layout, home: Layout, index: Any) -> Layout:
    """Look at one entry."""
    return window


@declare.look(input=window_gradient)
def _slice(input: Tensor, window: Layout, home: Layout, index: Any) -> Layout:
    """Look at a part."""
    return window


def picked(input: Tensor, layout: Layout, index: Any) -> Tensor:
    """Serve what a plain int or slice does not: the view that the index makes, then what its picks choose."""
    plain = isinstance(index, TensorBase) and not active
    if plain and index.array.dtype.char in WIDE and index.ndim and layout.shape:
        if index.array.__class__ is not input.array.__class__:
            index = beside(input, index)
        return _take_first(input, index)  # what follows would find the same, in three times the time
    seen, picks = looked_at(input, layout, index)
    if not picks:
        return seen
    if len(picks) == 1:
        ((dim, mask),) = picks.items()
        if is_mask(mask) and mask.ndim == seen.ndim and mask.ndim and plain:
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            return _masked_select(seen, beside(seen, mask))
        if is_mask(mask) and mask.ndim > 1:
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            seen, picks = seen.flatten(dim, dim + mask.ndim - 1), {dim: mask.reshape(-1)}
    return _index(seen, positions_of(seen, picks))


def looked_at(input: Tensor, layout: Layout, index: Any) -> tuple[Tensor, dict[int, Any]]:
    """Return the view that an index makes of a tensor, and the picks that remain."""
    if isinstance(index, TensorBase) and 0 < index.ndim <= len(layout.shape) and index.array.dtype.char in WIDE + "?":
        return input, {0: index}  # what follows would find the same, in three times the time
    picks = plain_picks(index, len(layout.shape))
    if picks:
        return input, picks
    items = tuple([prepared(item) for item in items_of(index)])
    window, picks = resolve(layout, items, dims_taken)
    return (input if picks and window == layout else _slice(input, window, layout, items)), picks


def items_of(index: Any) -> tuple[Any, ...]:
    """Return the single indices in the brackets: a sequence that holds more than numbers stands for a tuple."""
    if isinstance(index, tuple):
        return index
    if not is_several(index):
        return (index,)
    warnings.warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] instead of x[seq], "
        "or x[torch.tensor(seq)] if one index of many positions is meant",
        UserWarning,
        stacklevel=user_level(),
    )
    return tuple(index)


def plain_picks(index: Any, ndim: int) -> dict[int, Any]:
    """Return the picks of an index that is made of whole slices and tensors of integers alone; of others, none."""
    if index.__class__ is not tuple or len(index) > ndim:
        return {}
    picks = {}
    for dim, item in enumerate(index):
        if isinstance(item, TensorBase):
            if item.array.dtype.char not in WIDE or not item.ndim:
                return {}
            picks[dim] = item
        elif item.__class__ is not slice or not item.start is item.stop is item.step is None:
            return {}
    return picks


def prepared(item: Any) -> Any:
    """Return an index as an int, slice, None, ``...``, bool or a tensor with dims; sequences, arrays become tensors."""
    if isinstance(item, TensorBase):
        return item if item.ndim or not has_values(item) else integer_or_bool(item)
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
        return positions_in(item)
    if is_array(item):
        made = tensor(item)
        return prepared(made if made.numel() else made.long())
    return item


def positions_in(items: Sequence[Any]) -> Any:
    """Return the tensor of integers or bools that a sequence holds."""
    made = tensor(items if isinstance(items, (list, tuple)) else list(items))
    if made.array.dtype.kind == "i" or not made.numel():
        return made.long()
    if made.array.dtype.kind in "fc":
        raise NoIndex(f"a sequence used as an index must hold ints or bools, got {made.dtype.name}: {quote(items)}")
    return made


def integer_or_bool(item: Any) -> Any:
    """Return the number in a 0-d index tensor; one of uint8 is a mask, as those with dims."""
    kind = item.array.dtype
    if kind.kind not in "biu":
        raise not_an_index(item)
    value = item.array.item()
    return bool(value) if kind == "uint8" else value


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
    if kind.char not in WIDE:
        raise not_an_index(item)  # type: ignore[arg-type]  # every tensor is a Tensor
    return 1


def positions_of(seen: Tensor, picks: Mapping[int, Any]) -> tuple[Any, ...]:
    """Return for each dim of a view the positions that its pick chooses, checked, or None."""
    shape = seen.layout.shape
    found: dict[int, Any] = {}
    for dim, pick in picks.items():
        for axis, positions in enumerate(pick_positions(pick, seen, dim)):
            found[dim + axis] = positions
    if len({positions.layout.shape for positions in found.values()}) > 1:
        advanced_shape(shape, {dim: positions.layout.shape for dim, positions in found.items()})
    return tuple([found.get(dim) for dim in range(len(shape))])


def pick_positions(pick: Any, seen: Tensor, dim: int) -> Sequence[Any]:
    """Return the positions, one tensor for each dim that the pick takes."""
    if isinstance(pick, bool):
        return [wrap(seen.result_class, seen.xp.zeros(int(pick), "int64"))]
    if pick.array.dtype.kind == "i":
        return [wrapped(beside(seen, pick), dim, seen.layout.shape[dim])]
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
    array = values_of(positions)
    if within(array, size):
        return positions
    low, high = int(array.min()), int(array.max())
    if low < -size or high >= size:
        raise out_of_bounds(high if high >= size else low, dim, size)
    positions = positions.long()
    return positions.where(positions >= 0, positions + size)


def index_gradient(grad: Tensor, indices: Any, in_shape: Shape) -> Tensor:
    """Return the gradient of elements at positions: added back at them."""
    return _add_at(grad, indices, in_shape)


@differentiable(input=index_gradient)
def _index(input: Tensor, indices: tuple[Tensor | None, ...]) -> Array:
    return taken(input, arrays_of(indices))


@differentiable(input=lambda grad, indices: _index(grad, indices))
def _add_at(input: Tensor, indices: tuple[Tensor | None, ...], shape: Shape) -> Array:
    """Return zeros of a shape with ``input`` added at positions, which may repeat: the adjoint of ``_index``."""
    sums = input.xp.zeros(shape, input.array.dtype)
    add_picked(input.backend, sums, arrays_of(indices), input.array)
    return sums


def first_gradient(grad: Tensor, index: Tensor, in_shape: Shape) -> Tensor:
    """Return the gradient of entries of dim 0: added back at their positions."""
    return _add_at(grad, (wrapped(index, 0, in_shape[0]), *[None] * (len(in_shape) - 1)), in_shape)


@differentiable(input=first_gradient)
def _take_first(input: Tensor, index: Tensor) -> Array:
    """Return the entries of dim 0 at positions."""
    try:
        return input.backend.take_first(input.array, index.array)
    except IndexError:
        wrapped(index, 0, input.layout.shape[0])
        raise


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
    first, *others = sorted(picks)
    number = picks[first]
    for dim in others:
        number = times(number, shape[dim]) + picks[dim]
    return number


def times(index: Array, stride: int) -> Array:
    """Return positions in steps of a stride; never written to."""
    wide = index.astype("int64", copy=False)
    return wide if stride == 1 else wide * stride


def add_picked(backend: Backend, target: Array, picks: dict[int, Array], values: Array) -> None:
    """Add values, which broadcast, to a row-by-row target at positions, which may repeat."""
    shape, dims = target.shape, sorted(picks)
    first, last = dims[0], dims[-1]
    if last - first < len(dims):  # neighbours are one dim
        merged = target.reshape((*shape[:first], layouts.numel(shape[first : last + 1]), *shape[last + 1 :]))
        index = numbered(shape, picks)
        spread = backend.xp.broadcast_to(values, (*shape[:first], *index.shape, *shape[last + 1 :]))
        slices = spread.reshape((*shape[:first], index.size, *shape[last + 1 :]))
        backend.add_slices(merged, first, index.reshape(-1), slices)
        return
    positions = flat_positions(backend.xp, shape, picks)
    spread = backend.xp.broadcast_to(values, positions.shape)
    backend.add_at(target.reshape(-1), positions.reshape(-1), spread.reshape(-1))


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


def write_rows(input: Tensor, write: Callable[[Array], object]) -> None:
    """Let ``write`` change the elements row by row: the tensor's memory, or a copy that is then written back."""
    array = input.array
    if array.flags.c_contiguous:
        write(array)
        return
    rows = array.copy()
    write(rows)
    array[...] = rows


# -- x[...] = ----------------------------------------------------------------------------------------------------------


def setitem(input: Tensor, index: Any, value: Any) -> None:
    """Serve ``input[index] = value``."""
    layout = input.layout
    found = basic(layout, index)
    if found is None:
        put_picked(input, layout, index, value)
    elif not written_plainly(input, index, value):
        assign(_slice(input, found, layout, index), value)


# Numbers up to this are sure to fit, by the dtype's letter; of others the slow way finds out.
SURE: dict[str, float] = {"?": 1, "e": 65504.0, "f": 9e18, "d": 9e18, "F": 9e18, "D": 9e18}


def written_plainly(input: Tensor, index: Any, value: Any) -> bool:
    """Write where nothing is recorded and nothing can go wrong, and tell whether that was so: a fifth of the time."""
    array, recording = input.array, grad_mode.get()
    if not array.flags.c_contiguous or (recording is not False and (recording is not True or input.node is not None)):
        return False  # or watched: the slow way tells of the write
    if value.__class__ in NUMBERS:
        limit = SURE.get(array.dtype.char)
        if limit is None or value.__class__ not in WEAKER[array.dtype.kind] or value.__class__ is complex:
            return False
        if not -limit <= value <= limit:  # type: ignore[operator]  # a real number
            return False
        try:
            array[index] = value
        except ValueError:  # read-only: the slow way says so
            return False
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
        if isinstance(mask, TensorBase) and mask.array.dtype.char in "?B":
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            mask, behind = beside(seen, mask), seen.ndim - dim - mask.ndim
            if behind:
                mask = mask.reshape(mask.layout.shape + (1,) * behind)
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
@writes("assignment", input=lambda grad: None, value=lambda grad: grad)
def _assign_(input: Tensor, value: Tensor) -> None:
    if value.layout.shape != input.layout.shape:
        check_expands("assignment", value, input)
    input.array[...] = real_enough(value.array, input.array.dtype)


@writes("assignment", input=lambda grad: None)
def _assign_number_(input: Tensor, value: Number) -> None:
    input.array[...] = fitted_or_infinite(value, input.array.dtype, input.array)


def assignable(value: Any, seen: Tensor) -> Any:
    """Return what is assigned as a Python number or a tensor; host arrays are copied."""
    if isinstance(value, int):
        dtypes.require_int64(value)
    if isinstance(value, (TensorBase, int, float, complex)):
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
        number: Any = fitted_or_infinite(values, input.array.dtype, input.array)
        return _index_put_(input, safe, number, accumulate)
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
    return grad if accumulate else put(own(grad, indices), indices, 0, False)


@writes(input=kept_gradient, values=lambda grad, indices: _index(grad, indices))
def _index_put_(input: Tensor, indices: tuple[Tensor | None, ...], values: Operand, accumulate: bool) -> None:
    if not isinstance(values, TensorBase):
        input.array[key_of(indices)] = values
        return
    if not accumulate:
        input.array[key_of(indices)] = values.array
        return
    write_rows(input, lambda rows: add_picked(input.backend, rows, arrays_of(indices), values.array))


@composite
def index_put_(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Write ``values`` at positions, as ``input[indices] = values``; ``accumulate`` adds them, repeated ones too."""
    seen, picks = looked_at(input, input.layout, tuple(slice(None) if each is None else each for each in indices))
    if not picks:
        raise ArgumentTypeError("index_put_(): give at least one tensor of positions or a mask")
    put(seen, positions_of(seen, picks), values, accumulate)
    return input


@composite
def index_put(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with ``values`` written (or added) at positions."""
    input, values = in_turn(input, values)
    return index_put_(own(input, indices, values), indices, values, accumulate)
