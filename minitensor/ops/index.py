"""Reading and writing elements by ``x[...]``.

``indexing.py`` parses the index: ints and slices make a view; tensors and lists are picks, which this chapter turns
into arrays of positions, checked before anything is written. Reading at positions and adding at positions are each
other's gradients; positions may repeat. Picking along one dim is in ``slices.py`` and ``scatter.py``, masks are in
``masks.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor import layouts, scalars
from minitensor.autograd import declare
from minitensor.autograd.binding import NUMBERS
from minitensor.autograd.declare import differentiable
from minitensor.autograd.interpreters import active, interpreters
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.turns import in_turn
from minitensor.backends import holds_data
from minitensor.backends.reference.scatter import is_in_range
from minitensor.backends.silence import in_silence
from minitensor.base import TensorBase, array_dtype, has_values, memory_of, values_of, wrap
from minitensor.callers import user_level
from minitensor.device import CPU
from minitensor.errors import (
    ArgumentTypeError,
    DtypeError,
    EncodedError,
    IndexTypeError,
    InvalidIndexError,
    ShapeError,
    quote,
)
from minitensor.indexing import (
    advanced_shape,
    basic,
    check_mask,
    is_array,
    is_several,
    out_of_bounds_error,
    place_of_picks,
    resolve,
    too_many_error,
)
from minitensor.layouts import has_overlap
from minitensor.ops.aliasing import place, shares_storage, writes
from minitensor.ops.cast import drop_imaginary, to, warn_of_cast
from minitensor.ops.copy import clone, writable_copy
from minitensor.ops.creation import tensor
from minitensor.ops.fill import check_expands
from minitensor.ops.masks import index_by_mask, masked_fill_, positions_of_mask
from minitensor.ops.operand import WEAKER, fit_or_overflow, read_positions, require_tensors
from minitensor.ops.shape import reshape
from minitensor.profiler.labels import run_as
from minitensor.shapes import can_expand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from minitensor.backends import Array
    from minitensor.backends.base import Backend
    from minitensor.layouts import Layout
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor

WIDE = "ilq"  # NumPy's type codes of int32 and int64, the dtypes of positions
# -- x[...] ------------------------------------------------------------------------------------------------------------


def getitem(input: Tensor, index: Any) -> Tensor:
    """Serve ``input[index]``: a view for ints, slices, None and ``...``; a copy where tensors or lists pick."""
    layout = input._layout or input.layout
    found = basic(layout, index)
    if found is None:
        args = (input, layout, index)
        return run_as("index", getitem_by_tensors, *args) if active else getitem_by_tensors(*args)
    return (look_at_entry if index.__class__ is int else look_at_part)(input, found, layout, index)


def window_grad(grad: Tensor, window: Layout, home: Layout, index: Any) -> Tensor:
    """Return the gradient of a view of a part: zeros with ``grad`` placed into them."""
    if not layouts.is_contiguous(home):
        # Entries of an expanded tensor share a cell, but not a gradient; and gaps need no zeros.
        home = layouts.contiguous(home.shape)
        window, _ = resolve(home, index, count_dims)
    return place(grad, home, window)


@declare.look(name="select", input=window_grad)
def look_at_entry(input: Tensor, window: Layout, home: Layout, index: Any) -> Layout:
    """Return a view of one entry."""
    return window


@declare.look(name="slice", input=window_grad)
def look_at_part(input: Tensor, window: Layout, home: Layout, index: Any) -> Layout:
    """Return a view of a part."""
    return window


def getitem_by_tensors(input: Tensor, layout: Layout, index: Any) -> Tensor:
    """Serve an index with tensors or lists: take the view that its basic items make, then pick from it."""
    plain = isinstance(index, TensorBase) and not active
    if plain and array_dtype(index).char in WIDE and index.ndim and layout.shape:
        if index.xp is not input.xp:
            index = match_device(input, index)
        return _read_entries(input, index)  # the general way gives the same in three times the time
    seen, picks = split_index(input, layout, index)
    if not picks:
        return seen
    if len(picks) == 1:
        ((dim, mask),) = picks.items()
        if is_mask(mask) and mask.ndim == seen.ndim and mask.ndim and plain:
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            return index_by_mask(seen, match_device(seen, mask))
        if is_mask(mask) and mask.ndim > 1:
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            seen, picks = seen.flatten(dim, dim + mask.ndim - 1), {dim: mask.reshape(-1)}
    return read_at(seen, positions_of(seen, picks))


def split_index(input: Tensor, layout: Layout, index: Any) -> tuple[Tensor, dict[int, Any]]:
    """Split an index into the view that its basic items make and the remaining picks by dim."""
    if isinstance(index, TensorBase) and 0 < index.ndim <= len(layout.shape) and array_dtype(index).char in WIDE + "?":
        return input, {0: index}  # the general way gives the same in three times the time
    picks = plain_picks(index, len(layout.shape))
    if picks:
        return input, picks
    given = items_in(index)
    if sum(map(fewest_dims, given)) > len(layout.shape):
        raise too_many_error(layout.shape, index)
    items = tuple(map(normalize_item, given))
    window, picks = resolve(layout, items, count_dims)
    return (input if picks and window == layout else look_at_part(input, window, layout, items)), picks


def items_in(index: Any) -> tuple[Any, ...]:
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


def fewest_dims(item: Any) -> int:
    """Return how many dims an item takes at least: more than there are is refused before sequences are read."""
    if isinstance(item, TensorBase):
        return item.ndim if array_dtype(item).char in "?B" else 1
    return isinstance(item, (int, slice, float, Sequence)) and not isinstance(item, bool)


def plain_picks(index: Any, ndim: int) -> dict[int, Any]:
    """Return the picks of an index made only of full slices and integer tensors; no picks for other indices."""
    if index.__class__ is not tuple or len(index) > ndim:
        return {}
    picks = {}
    for dim, item in enumerate(index):
        if isinstance(item, TensorBase):
            if array_dtype(item).char not in WIDE or not item.ndim:
                return {}
            picks[dim] = item
        elif item.__class__ is not slice or not item.start is item.stop is item.step is None:
            return {}
    return picks


def normalize_item(item: Any) -> Any:
    """Return an item as an int, slice, None, ``...``, bool or a tensor with dims; sequences, arrays become tensors."""
    if isinstance(item, TensorBase):
        return item if item.ndim or not has_values(item) else scalar_item(item)
    if isinstance(item, Sequence) and not isinstance(item, (str, bytes)):
        return tensor_of_positions(item)
    if is_array(item):
        made = tensor(item, device=CPU)
        return normalize_item(made if made.numel() else made.long())
    return item


def tensor_of_positions(items: Sequence[Any]) -> Any:
    """Return the tensor of integers or bools that a sequence holds."""
    made = tensor(items if isinstance(items, (list, tuple)) else list(items), device=CPU)
    if made.dtype.kind == "i" or not made.numel():
        return made.long()
    if made.dtype.kind in "fc":
        raise IndexTypeError(
            f"a sequence used as an index must hold ints or bools, got {made.dtype.name}: {quote(items)}"
        )
    return made


def scalar_item(item: Any) -> Any:
    """Return the int or bool in a 0-d index tensor; one of uint8 is a mask, as those with dims are."""
    kind = array_dtype(item)
    if kind.kind not in "biu":
        raise index_dtype_error(item)
    value = item.array.item()
    return bool(value) if kind == "uint8" else value


def index_dtype_error(item: Tensor) -> InvalidIndexError:
    """Return the error for an index tensor of real numbers."""
    return InvalidIndexError(
        f"tensors used as indices must be long, int, byte or bool tensors, got {item.dtype.name}; cast with .long()"
    )


def is_mask(item: Any) -> bool:
    """Return whether a pick is a tensor of bools."""
    return isinstance(item, TensorBase) and item.dtype.kind == "b"


def count_dims(item: object) -> int | None:
    """Return how many dims a pick consumes: a mask as many as it has, positions one."""
    if not isinstance(item, TensorBase):
        return None
    kind = array_dtype(item)
    if kind.kind == "b" or kind == "uint8":
        return item.ndim
    if kind.char not in WIDE:
        raise index_dtype_error(item)  # type: ignore[arg-type]  # every tensor is a Tensor
    return 1


def positions_of(seen: Tensor, picks: Mapping[int, Any], values: Any = None) -> tuple[Any, ...]:
    """Return the checked positions of each dim of a view, or None where it has no pick; ``values`` go there."""
    shape = seen.layout.shape
    found: dict[int, Any] = {}
    for dim, pick in picks.items():
        for axis, positions in enumerate(pick_positions(pick, seen, dim, values)):
            found[dim + axis] = positions
    if len({positions.layout.shape for positions in found.values()}) > 1:
        advanced_shape(shape, {dim: positions.layout.shape for dim, positions in found.items()})
    return tuple([found.get(dim) for dim in range(len(shape))])


def pick_positions(pick: Any, seen: Tensor, dim: int, values: Any = None) -> Sequence[Any]:
    """Return the positions, one tensor for each dim that the pick consumes."""
    if isinstance(pick, bool):
        return [wrap(seen.result_class, seen.xp.zeros(int(pick), "int64"))]
    if pick.dtype.kind == "i":
        return [wrap_positions(match_device(seen, pick), dim, seen.layout.shape[dim])]
    if array_dtype(pick) == "uint8":
        text = "indexing with dtype torch.uint8 is deprecated, use torch.bool"
        warnings.warn(text, UserWarning, stacklevel=user_level())
        pick = pick.bool()
    check_mask(pick.layout.shape, seen.layout.shape, dim)
    found = positions_of_mask(pick, seen.ndim - pick.ndim - dim, values)
    return [match_device(seen, each) for each in found]


def match_device(seen: Tensor, pick: Any) -> Any:
    """Return a pick on the device of the tensor it picks from."""
    return pick if pick.xp is seen.xp else to(pick, seen.device)


def wrap_positions(positions: Tensor, dim: int, size: int) -> Tensor:
    """Count negative positions from the end; raise if one is out of range."""
    array = values_of(positions)
    if not holds_data(array) or is_in_range(array, size):
        return positions
    low, high = int(array.min()), int(array.max())
    if low < -size or high >= size:
        raise out_of_bounds_error(high if high >= size else low, dim, size)
    positions = positions.long()
    return positions.where(positions >= 0, positions + size)


def index_grad(grad: Tensor, indices: Any, in_shape: Shape) -> Tensor:
    """Return the gradient of reading at positions: ``grad`` added at them."""
    return add_at(grad, indices, in_shape)


@differentiable(name="index", input=index_grad)
def read_at(input: Tensor, indices: tuple[Tensor | None, ...]) -> Array:
    """Return the elements at positions."""
    return take_at(input, arrays_of(indices))


@differentiable(input=lambda grad, indices: read_at(grad, indices))
def add_at(input: Tensor, indices: tuple[Tensor | None, ...], shape: Shape) -> Array:
    """Add ``input`` to zeros of a shape at positions, which may repeat: the adjoint of ``read_at``."""
    sums = input.xp.zeros(shape, input.array.dtype)
    add_at_picks(input.backend, sums, arrays_of(indices), input.array)
    return sums


def take_first_grad(grad: Tensor, index: Tensor, in_shape: Shape) -> Tensor:
    """Return the gradient of entries of dim 0: ``grad`` added at their positions."""
    return add_at(grad, (wrap_positions(index, 0, in_shape[0]), *[None] * (len(in_shape) - 1)), in_shape)


@differentiable(name="index", input=take_first_grad)
def _read_entries(input: Tensor, index: Tensor) -> Array:
    """Return the entries of dim 0 at positions. Private: a look at the types would take 0.2 of 2 us."""
    try:
        return input.backend.take_rows(input.array, index.array)
    except IndexError:
        wrap_positions(index, 0, input.layout.shape[0])
        raise


# -- the arithmetic of positions ---------------------------------------------------------------------------------------


def arrays_of(indices: tuple[Any, ...]) -> dict[int, Array]:
    """Return the arrays of positions by dim."""
    return {dim: each.array for dim, each in enumerate(indices) if each is not None}


def key_of(indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return positions as an index for the array library."""
    return tuple([slice(None) if each is None else each.array for each in indices])


def take_at(input: Tensor, picks: dict[int, Array]) -> Array:
    """Return the elements at positions as a new contiguous array."""
    array, dims = input.array, sorted(picks)
    first, last = dims[0], dims[-1]
    if array.flags.c_contiguous and last - first == len(dims) - 1:
        # `take` needs 0.4 of the time of NumPy's indexing for rows of 64 numbers, and the same for single numbers.
        shape = array.shape
        together = layouts.numel(shape[first : last + 1])
        merged = array.reshape((*shape[:first], together, *shape[last + 1 :]))
        return input.backend.take(merged, flatten_positions(shape, picks), first)
    found = array[tuple([picks.get(dim, slice(None)) for dim in range(array.ndim)])]
    return found if found.flags.c_contiguous else found.copy()


def flatten_positions(shape: Shape, picks: dict[int, Array]) -> Array:
    """Merge the positions in adjacent dims into positions in the flattened dims."""
    first, *others = sorted(picks)
    number = picks[first]
    for dim in others:
        number = scale_positions(number, shape[dim]) + picks[dim]
    return number


def scale_positions(index: Array, stride: int) -> Array:
    """Return positions times a stride; the result may be the input and is never written to."""
    wide = index.astype("int64", copy=False)
    return wide if stride == 1 else wide * stride


def add_at_picks(backend: Backend, target: Array, picks: dict[int, Array], values: Array) -> None:
    """Add values, which broadcast, to a contiguous target at positions, which may repeat."""
    shape, dims = target.shape, sorted(picks)
    first, last = dims[0], dims[-1]
    if last - first < len(dims):  # adjacent dims can be merged into one
        merged = target.reshape((*shape[:first], layouts.numel(shape[first : last + 1]), *shape[last + 1 :]))
        index = flatten_positions(shape, picks)
        spread = backend.xp.broadcast_to(values, (*shape[:first], *index.shape, *shape[last + 1 :]))
        slices = spread.reshape((*shape[:first], index.size, *shape[last + 1 :]))
        backend.add_slices(merged, first, index.reshape(-1), slices)
        return
    positions = flat_positions(backend.xp, shape, picks)
    spread = backend.xp.broadcast_to(values, positions.shape)
    backend.add_at(target.reshape(-1), positions.reshape(-1), spread.reshape(-1))


def flat_positions(xp: Any, shape: Shape, picks: dict[int, Array]) -> Array:
    """Return the flat positions of the picked elements in a contiguous tensor, in the shape of the result."""
    strides = layouts.contiguous(shape).strides
    rest = [dim for dim in range(len(shape)) if dim not in picks]
    start = place_of_picks(picks)
    positions: Any = None
    for dim, array in picks.items():
        steps = scale_positions(array, strides[dim])
        positions = steps if positions is None else positions + steps
    positions = positions.reshape(positions.shape + (1,) * (len(rest) - start))
    width = positions.ndim - (len(rest) - start)
    for place_of, dim in enumerate(rest):
        after = len(rest) - 1 - place_of + (width if place_of < start else 0)
        steps = xp.arange(shape[dim]) * strides[dim]
        positions = positions + steps.reshape((shape[dim],) + (1,) * after)
    return positions  # type: ignore[no-any-return]  # an Array


def write_rows(input: Tensor, write: Callable[[Array], object]) -> None:
    """Call ``write`` on a contiguous array of the elements: the tensor's memory, or a copy that is written back."""
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
        setitem_by_tensors(input, layout, index, value)
    elif (active and interpreters.get()) or not try_plain_write(input, index, value):
        assign(look_at_part(input, found, layout, index), value)


# By type code, the numbers up to which the dtype certainly holds them; others go the slow way, which checks.
SURE: dict[str, float] = {"?": 1, "e": 65504.0, "f": 9e18, "d": 9e18, "F": 9e18, "D": 9e18}


def try_plain_write(input: Tensor, index: Any, value: Any) -> bool:
    """Write directly if nothing is recorded and nothing can go wrong; return whether it did. Five times as fast."""
    try:
        array, recording = input.array, grad_mode.get()
    except EncodedError:
        return False
    if not array.flags.c_contiguous or (recording is not False and (recording is not True or input.node is not None)):
        return False  # a watching mode must be told of the write, which the slow way does
    if value.__class__ in NUMBERS:
        limit = SURE.get(array.dtype.char)
        if limit is None or value.__class__ is complex or value.__class__ not in WEAKER[array.dtype.kind] \
                or not -limit <= value <= limit:  # type: ignore[operator]  # a real number
            return False
        try:
            array[index] = value
        except ValueError:  # read-only: the slow way raises the proper error
            return False
    elif isinstance(value, TensorBase) and not (recording and value.node is not None):
        given = memory_of(value)
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


def setitem_by_tensors(input: Tensor, layout: Layout, index: Any, value: Any) -> None:
    """Serve ``input[index] = value`` for an index with tensors or lists."""
    seen, picks = split_index(input, layout, index)
    if not picks:
        assign(seen, value)
        return
    value = as_assignable(value, seen)
    if len(picks) == 1 and (not isinstance(value, TensorBase) or not value.ndim):
        ((dim, mask),) = picks.items()
        if isinstance(mask, TensorBase) and array_dtype(mask).char in "?B":
            check_mask(mask.layout.shape, seen.layout.shape, dim)
            mask, behind = match_device(seen, mask), seen.ndim - dim - mask.ndim
            if behind:
                mask = mask.reshape(mask.layout.shape + (1,) * behind)
            masked_fill_(seen, mask, value)
            return
    if isinstance(value, TensorBase) and not value.ndim:
        value = to(value, seen.device)  # type: ignore[arg-type]  # every tensor is a Tensor
    put(seen, positions_of(seen, picks, value), value, False)


def assign(seen: Tensor, value: Any) -> None:
    """Write a value into a view."""
    value = as_assignable(value, seen)
    if not isinstance(value, TensorBase):
        assign_number_(seen, value)
        return
    assign_tensor_(seen, to(drop_leading_ones(value, seen.ndim), seen.device))


# The window's former history ends here: its old values are overwritten (PyTorch sends zeros to them).
@writes("assignment", name="assign", input=lambda grad: None, value=lambda grad: grad)
def assign_tensor_(input: Tensor, value: Tensor) -> None:
    """Write a tensor, expanded."""
    if value.layout.shape != input.layout.shape:
        check_expands("assignment", value, input)
    if value.dtype.is_complex:
        warn_of_cast(input.dtype)
    input.array[...] = drop_imaginary(value.array, input.array.dtype)


@writes("assignment", name="assign", overlaps="allowed", input=lambda grad: None)
def assign_number_(input: Tensor, value: Number) -> None:
    """Write one number everywhere."""
    input.array[...] = fit_or_overflow(value, input.array.dtype, input.array)


def as_assignable(value: Any, seen: Tensor) -> Any:
    """Return the value to assign as a Python number or a tensor; host arrays are copied."""
    if isinstance(value, int):
        scalars.require_int64(value)
    if isinstance(value, (TensorBase, int, float, complex)):
        return value
    if hasattr(value, "__array__"):
        made = tensor(value, dtype=seen.dtype, device=seen.device)
        return made if made.ndim else made.item()
    raise ArgumentTypeError(
        f"can't assign a {type(value).__name__} to a {seen.type()}; give a number or a tensor, as torch.tensor(...)"
    )


def drop_leading_ones(value: Any, ndim: int) -> Any:
    """Drop leading dims of size 1 beyond ``ndim``."""
    shape = value.layout.shape
    while len(shape) > ndim and shape[0] == 1:
        shape = shape[1:]
    return value if shape == value.layout.shape else reshape(value, shape)


def put(input: Tensor, indices: tuple[Any, ...], values: Any, accumulate: bool) -> Tensor:
    """Write values, or one number, at checked positions."""
    # Positions in the memory that is written to would change half-way.
    safe = tuple([clone(each) if each is not None and shares_storage(each, input) else each for each in indices])
    if not isinstance(values, TensorBase):
        number: Any = fit_or_overflow(values, input.array.dtype, input.array)
        return write_at_(input, safe, number, accumulate)
    if values.dtype is not input.dtype:
        raise DtypeError(
            "index_put: requires the source and destination dtypes match, got "
            f"{input.dtype.name} for the destination and {values.dtype.name} for the source; cast the values first"
        )
    shape, _ = advanced_shape(
        input.layout.shape, {dim: each.layout.shape for dim, each in enumerate(indices) if each is not None}
    )
    values = drop_leading_ones(values, len(shape))
    if values.layout.shape != shape and not can_expand(values.layout.shape, shape):
        raise ShapeError(
            f"shape mismatch: value tensor of shape {list(values.layout.shape)} cannot be broadcast to indexing result "
            f"of shape {list(shape)}"
        )
    return write_at_(input, safe, values, accumulate)


def index_put_grad(grad: Tensor, indices: Any, accumulate: bool) -> Tensor:
    """Return the gradient of the old values: zero where they were replaced."""
    return grad if accumulate else put(writable_copy(grad, indices), indices, 0, False)


@writes(
    "index_put_", name="index_put", overlaps="deprecated",
    input=index_put_grad, values=lambda grad, indices: read_at(grad, indices),
)
def write_at_(input: Tensor, indices: tuple[Tensor | None, ...], values: Operand, accumulate: bool) -> None:
    """Write values at positions, or add them."""
    if not isinstance(values, TensorBase):
        input.array[key_of(indices)] = values
        return
    if not accumulate:
        input.array[key_of(indices)] = values.array
        return
    picks, added = arrays_of(indices), values.array
    if has_overlap(input.layout):  # a copy of its rows would have each place several times
        in_silence(input.xp.add.at, input.array, key_of(indices), added)
        return
    write_rows(input, lambda rows: in_silence(add_at_picks, input.backend, rows, picks, added))


@composite
def index_put_(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Write ``values`` at positions in place, as ``input[indices] = values`` does, or add them if ``accumulate``.

    ``indices`` holds a tensor of positions or a mask for each of the first dims, or None to keep a dim whole. With
    ``accumulate`` repeated positions add up.
    """
    require_tensors("index_put_", values=values)
    seen, picks = split_index(input, input.layout, read_positions("index_put_", indices))
    if not picks:
        raise ArgumentTypeError("index_put_(): give at least one tensor of positions or a mask")
    put(seen, positions_of(seen, picks, values), values, accumulate)
    return input


@composite
def index_put(input: Tensor, indices: Sequence[Any], values: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with ``values`` written at positions, or added if ``accumulate``; see ``index_put_``.

    Args:
        indices: A tensor of positions or a mask for each of the first dims, or None to keep a dim whole.
        values: What is written; it broadcasts.
        accumulate: Add instead; repeated positions add up. Default: ``False``.

    Raises:
        TypeError: If ``indices`` holds no tensor.
        IndexError: If a position is out of range, or an index is not of int64, int32, uint8 or bool.
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_put((torch.tensor([0, 0]),), torch.tensor([1., 2.]), accumulate=True)
    tensor([3., 0., 0.])
    """
    input, values = in_turn(input, values)
    return index_put_(writable_copy(input, indices, values), indices, values, accumulate)
