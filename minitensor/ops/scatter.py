"""Positions along one dim: whole slices (``index_select``, ``index_add``), or a place for each element (``gather``,
``scatter``), and ``take`` and ``put`` for tensors read as one row.

Reading at positions and adding at them are each other's gradients. Positions are checked before anything is written;
except where it is said, negative ones are refused, as in PyTorch. ``x[...]`` is in ``index.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.backends.reference.scatter import within
from minitensor.base import TensorBase, values_of
from minitensor.dtypes import bool_, fit, iinfo, int32, int64
from minitensor.errors import (
    ArgumentTypeError,
    DtypeError,
    IndexOutOfRange,
    InvalidIndexError,
    ShapeError,
    UsageError,
)
from minitensor.ops.aliasing import inplace, shares_storage, snapshot, writes
from minitensor.ops.copy import own
from minitensor.ops.creation import as_number
from minitensor.ops.fill import single
from minitensor.ops.index import (
    _add_at,
    _index,
    getitem,
    key_of,
    taken,
    wrapped,
    write_rows,
)
from minitensor.ops.kinds import require_index
from minitensor.ops.operand import fitted, require_tensors
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import conj, div_, floor_divide_, where
from minitensor.ops.shape import expand, reshape, view
from minitensor.shapes import broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


class PositionError(IndexOutOfRange, RuntimeError):
    """A position outside its dim: PyTorch raises IndexError in some of these functions, RuntimeError in others."""


def inside(name: str, index: Tensor, dim: int, size: int) -> None:
    """Refuse positions outside a dim; negative ones too, as PyTorch does here."""
    require_integers(name, index)
    array = values_of(index)
    if within(array, size):
        return
    low, high = int(array.min()), int(array.max())
    raise PositionError(
        f"{name}(): index {low if low < 0 else high} is out of bounds for dimension {dim} with size {size}"
        + ("; negative positions are not wrapped here" if -size <= low < 0 else "")
    )


def require_integers(name: str, index: Tensor) -> None:
    """Refuse positions that are neither int32 nor int64."""
    dtype = index.array.dtype
    if dtype.kind != "i" or dtype.itemsize < 4:
        require_index(name, index, int32, int64)


# -- slices of one dim -------------------------------------------------------------------------------------------------


def along(name: str, input: Tensor, dim: int, index: Any) -> tuple[int, Any]:
    """Return a dim and positions in it, a vector; checked."""
    require_tensors(name, input=input, index=index)
    dim, index = vector(name, input, dim, index)
    inside(name, index, dim, input.layout.shape[dim] if input.ndim else 1)
    return dim, index


def vector(name: str, input: Tensor, dim: int, index: Tensor) -> tuple[int, Tensor]:
    """Return a dim and an index of one dim; a 0-d one becomes a vector."""
    if index.ndim > 1:
        raise InvalidIndexError(f"{name}(): index is supposed to be a vector, got shape {tuple(index.shape)}")
    return wrap_dim(dim, input.ndim), index if index.ndim else reshape(index, 1)


def at(dim: int, index: Tensor, ndim: int) -> tuple[Tensor | None, ...]:
    """Return positions for one dim of several."""
    return (None,) * dim + (index,) + (None,) * (ndim - dim - 1)


def as_vector(input: Tensor) -> Tensor:
    """Return a view of a 0-d tensor that has one dim; others stay as they are."""
    return input if input.ndim else view(input, 1)


def as_slices(input: Tensor, source: Tensor) -> Tensor:
    """Return the slices for a tensor: for a 0-d one a vector made of a number; all else is refused, as in PyTorch."""
    if not input.ndim and source.ndim:
        raise ShapeError(f"source of shape {list(source.shape)} for a 0-d tensor: a 0-d source is wanted")
    return as_vector(source)


@differentiable(input=lambda grad, dim, index, in_shape: _add_at(grad, at(dim, index, len(in_shape)), in_shape))
def _index_select(input: Tensor, dim: int, index: Tensor) -> Array:
    array = input.array
    return input.backend.take(array, index.array, dim) if array.flags.c_contiguous else taken(input, {dim: index.array})


@composite
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the entries of ``dim`` at the positions of a vector, which may repeat.

    >>> import minitensor as torch
    >>> torch.tensor([10, 20, 30]).index_select(0, torch.tensor([2, 0, 2]))
    tensor([30, 10, 30])
    """
    dim, index = along("index_select", input, dim, index)
    if not input.ndim:
        return delivered("index_select", reshape(_index_select(reshape(input, 1), 0, index), ()), out, input)
    return delivered("index_select", _index_select(input, dim, index), out, input, index)


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


@writes(
    input=lambda grad: grad,
    source=lambda grad, dim, index, alpha: grad.index_select(dim, index) * alpha,
)
def _index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, alpha: Number) -> None:
    given = source.array if alpha == 1 else source.array * fitted(alpha, source.array.dtype, source.array)
    write_rows(input, lambda rows: input.backend.add_slices(rows, dim, index.array, given))


@composite
def index_add_(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor:
    """Add the entries of ``source``, times ``alpha``, to those of ``dim`` at the positions of a vector."""
    dim, index = along("index_add_", input, dim, index)
    require_tensors("index_add_", source=source)
    target, source = as_vector(input), as_slices(input, source)
    matching_source("index_add_", target, dim, index, source)
    fit(alpha, input.array.dtype)
    _index_add_(target, dim, index, source, alpha)
    return input


@composite
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1, out: Tensor | None = None
) -> Tensor:
    """Return a copy with the entries of ``source`` added at positions of ``dim``, which may repeat.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_add(0, torch.tensor([2, 0, 2]), torch.tensor([1., 2., 3.]))
    tensor([2., 0., 4.])
    """
    input, source = in_turn(input, source)
    made = own(input, index, source)
    return delivered("index_add", index_add_(made, dim, index, source, alpha=alpha), out, input, index, source)


class WrongCount(ShapeError, IndexOutOfRange):
    """Not one entry for each position: a matter of shapes, and as in PyTorch an IndexError."""


@writes(
    input=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    source=lambda grad, dim, index: grad.index_select(dim, index),
)
def _index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> None:
    input.array[key_of(at(dim, index, input.ndim))] = source.array


@composite
def index_copy_(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Replace the entries of ``dim`` at the positions of a vector by those of ``source``."""
    dim, index = along("index_copy_", input, dim, index)
    require_tensors("index_copy_", source=source)
    require_index("index_copy_", index, int64)
    if input.ndim == source.ndim and source.ndim and index.numel() != source.shape[dim]:
        raise WrongCount(
            f"index_copy_(): number of indices ({index.numel()}) should be equal to source.size({dim}) "
            f"({source.shape[dim]}): source of shape {list(source.shape)}"
        )
    target, source = as_vector(input), as_vector(source)
    matching_source("index_copy_", target, dim, index, source)
    _index_copy_(target, dim, index, source)
    return input


@composite
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with the entries of ``dim`` at positions replaced.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_copy(0, torch.tensor([2, 0]), torch.tensor([1., 2.]))
    tensor([2., 0., 1.])
    """
    input, source = in_turn(input, source)
    made = own(input, index, source)
    return delivered("index_copy", index_copy_(made, dim, index, source), out, input, index, source)


def filled_gradient(grad: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the gradient that arrives where a number was written; a position given twice was written once."""
    chosen = grad.new_zeros(grad.layout.shape, dtype=bool_).index_fill(dim, index, True)
    kept: Tensor = where(chosen, grad, 0)
    return kept


@writes(input=lambda grad, dim, index: grad.index_fill(dim, index, 0), value=filled_gradient)
def _index_fill_(input: Tensor, dim: int, index: Tensor, value: Operand) -> None:
    input.array[key_of(at(dim, index, input.ndim))] = single("index_fill_", value, input)


@composite
def index_fill_(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Write one number into the entries of ``dim`` at the positions of a vector; negative ones count from the end."""
    require_tensors("index_fill_", input=input, index=index)
    dim = wrap_dim(dim, input.ndim)
    if index.dtype is not int64:
        raise InvalidIndexError(
            f"index_fill_(): expected dtype int64 for index, got {index.dtype.name}; cast with .long()"
        )
    complex_value = value.dtype.is_complex if isinstance(value, TensorBase) else isinstance(value, complex)
    if complex_value and not input.dtype.is_complex:
        raise DtypeError(f"index_fill_(): a complex value does not fit {input.dtype.name}; take .real or .abs()")
    dim, index = vector("index_fill_", input, dim, index)
    target = as_vector(input)
    _index_fill_(target, dim, wrapped(index, dim, target.layout.shape[dim]), value)
    return input


@composite
def index_fill(input: Tensor, dim: int, index: Tensor, value: Operand) -> Tensor:
    """Return a copy with one number in the entries of ``dim`` at positions.

    >>> import minitensor as torch
    >>> torch.zeros(3).index_fill(0, torch.tensor([0, -1]), 1)
    tensor([1., 0., 1.])
    """
    input, value = in_turn(input, value)
    return index_fill_(own(input, index, value), dim, index, value)


# -- a place for each element ------------------------------------------------------------------------------------------


def aligned(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    """Return the dim after a look at an index and at its positions."""
    dim = along_lines(name, input, dim, index)
    inside(name, index, dim, input.layout.shape[dim] if input.ndim else 1)
    return dim


def along_lines(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    """Return the dim after a look at the shape of an index: as many dims as the tensor, none longer but ``dim``."""
    require_tensors(name, input=input, index=index)
    shape, wanted = input.layout.shape or (1,), index.layout.shape or (1,)
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
    return dim


def lines_back(grad: Tensor, dim: int, index: Tensor, in_shape: Shape) -> Tensor:
    """Return the gradient of what was read: added back where it was."""
    return _add_lines(grad, dim, index, in_shape)


@differentiable(input=lines_back)
def _gather(input: Tensor, dim: int, index: Tensor, sure: bool = True) -> Array:
    """Read; unless it is sure that no position is outside, look at them."""
    try:
        return input.backend.gather(input.array, dim, index.array, sure)
    except IndexError:
        inside("gather", index, dim, input.layout.shape[dim] if input.ndim else 1)
        raise


@differentiable(input=lambda grad, dim, index: _gather(grad, dim, index))
def _add_lines(input: Tensor, dim: int, index: Tensor, shape: Shape) -> Array:
    """Return zeros of a shape with ``input`` added at positions of their lines: the adjoint of ``_gather``."""
    sums = input.xp.zeros(shape, input.array.dtype)
    input.backend.scatter_add(sums, dim, index.array, input.array)
    return sums


@composite
def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Tensor:
    """Pick along ``dim``: for three dims and dim 1, ``out[i, j, k] = input[i, index[i, j, k], k]``.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    dim = along_lines("gather", input, dim, index)
    require_integers("gather", index)
    return delivered("gather", _gather(input, dim, index, False), out, input, index)


def source_like(name: str, input: Tensor, index: Tensor, src: Tensor) -> Tensor:
    """Return the part of a source that an index reads: it may be longer."""
    require_tensors(name, src=src)
    if src.dtype is not input.dtype:
        raise DtypeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype.name} and {src.dtype.name}"
        )
    shape, given = index.layout.shape, src.layout.shape
    if shape == given:
        return src
    if not index.numel():
        return reshape(getitem(reshape(src, (src.numel(),)), slice(0)), shape)
    if len(shape or (1,)) != len(given or (1,)) or any(n > m for n, m in zip(shape or (1,), given or (1,))):
        raise ShapeError(f"{name}(): expected index {list(shape)} to be no larger than src {list(given)}")
    return reshape(getitem(src, tuple([slice(n) for n in shape[: len(given)]])), shape)


@writes(input=lambda grad: grad, src=lambda grad, dim, index: _gather(grad, dim, index))
def _scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    write_rows(input, lambda rows: input.backend.scatter_add(rows, dim, index.array, src.array))


@composite
def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add along ``dim``: for three dims and dim 1, ``input[i, index[i, j, k], k] += src[i, j, k]``."""
    dim = aligned("scatter_add_", input, dim, index)
    src = source_like("scatter_add_", input, index, src)
    return _scatter_add_(input, dim, index, src)


@composite
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with ``src`` added along ``dim``; positions may repeat.

    >>> import minitensor as torch
    >>> torch.zeros(2).scatter_add(0, torch.tensor([1, 1, 0]), torch.tensor([1., 2., 4.]))
    tensor([4., 3.])
    """
    input, src = in_turn(input, src)
    made = own(input, index, src)
    return delivered("scatter_add", scatter_add_(made, dim, index, src), out, input, index, src)


@writes(
    input=lambda grad, dim, index: grad.scatter(dim, index, 0),
    src=lambda grad, dim, index: _gather(grad, dim, index),
)
def _scatter_(input: Tensor, dim: int, index: Tensor, src: Operand) -> None:
    values = src.array.reshape(-1) if isinstance(src, TensorBase) else single("scatter_", src, input)
    write_rows(input, lambda rows: input.backend.scatter(rows, dim, index.array, values))


@composite
def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Number | None = None, reduce: str | None = None
) -> Tensor:
    """Write along ``dim``: for three dims and dim 1, ``input[i, index[i, j, k], k] = src[i, j, k]``, or one number.

    Of positions that repeat the last one wins; ``reduce`` "add" or "multiply" takes all of them, and what was there.
    """
    given: Any = host_value(src if src is not None else as_number(value), None)
    if given is None:
        raise ArgumentTypeError("scatter_(): give `src`, a tensor or a number")
    dim = aligned("scatter_", input, dim, index)
    if reduce not in (None, "add", "multiply"):
        raise UsageError(f"scatter_(): reduce argument must be either add or multiply, got {reduce!r}")
    if given.__class__ not in NUMBERS:
        given = source_like("scatter_", input, index, given)
    elif reduce is not None:
        given = index.new_full(index.layout.shape, given, dtype=input.dtype)  # type: ignore[arg-type]  # a number
    write: Callable[..., Tensor] = _scatter_add_ if reduce == "add" else _scatter_prod_ if reduce else _scatter_
    return write(input, dim, index, given)


@composite
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Number | None = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy with ``src``, or one number, written along ``dim``.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).scatter(1, torch.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    input, src = in_turn(input, src)
    made = own(input, index, src)
    scatter_(made, dim, index, src, value=value, reduce=reduce)
    return delivered("scatter", made, out, input, index, src)


@composite
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """Pick along ``dim`` as ``argsort`` and ``argmax`` mean it; other dims broadcast. Without a dim, from all."""
    require_tensors("take_along_dim", input=input, indices=indices)
    if dim is None:
        return gather(reshape(input, -1), 0, reshape(indices, -1), out=out)
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
    require_index("take_along_dim", indices, int64)
    positions = wrapped(indices, dim, input.layout.shape[dim])
    found = _gather(expanded(input, whole), dim, expanded(positions, whole))
    return delivered("take_along_dim", found, out, input, indices)


def expanded(input: Tensor, whole: list[int]) -> Tensor:
    """Expand a tensor in which no other dim may be missing; one that has the shape is left alone."""
    same = all(n in (-1, m) for n, m in zip(whole, input.layout.shape))
    return input if same else expand(input, whole)


# -- reductions --------------------------------------------------------------------------------------------------------


def input_factor(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return the gradient of what was there before products were taken: ``grad`` times the product of the sources."""
    factor: Tensor = conj(_scatter_prod(grad.new_ones(input.layout.shape), dim, index, src))
    return grad * factor


def source_factor(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of each source: ``grad`` times the product of all others that meet in its place.

    Where the source is not zero that is the result divided by it. A zero that is alone in its place has the product of
    the others, taken with a one instead of it; beside another zero it has none.
    """
    zero = src.eq(0)
    count = _gather(input.new_zeros(input.layout.shape).scatter_add(dim, index, zero.to(input.dtype)), dim, index)
    alone = zero.logical_and(count.eq(1))
    others = _scatter_prod(input, dim, index, src.masked_fill(alone, 1))
    usual = _gather(grad * conj(result), dim, index) / conj(src.masked_fill(zero, 1))
    slope: Tensor = where(alone, _gather(grad * conj(others), dim, index), usual)
    return slope


@differentiable(input=input_factor, src=source_factor)
def _scatter_prod(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Array:
    array = input.xp.array(input.array, order="C")
    input.backend.scatter_reduce(array, dim, index.array, src.array, "multiply")
    return array


@inplace(_scatter_prod)
def _scatter_prod_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    """Multiply by what arrives at positions."""


def winners(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor) -> tuple[Tensor, ...]:
    """Return where the input is the result, where the source is, and the gradient's equal share for each of them."""
    before, arrived = input.eq(result), src.eq(_gather(result, dim, index))
    count = before.to(grad.dtype).scatter_add(dim, index, arrived.to(grad.dtype))
    return before, arrived, grad / count.masked_fill(count.eq(0), 1)


def input_share(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of what was there before: its share where it is the result."""
    before, _, share = winners(grad, input, dim, index, src, result)
    mine: Tensor = where(before, share, 0)
    return mine


def source_share(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of the sources: its share where one is the result."""
    _, arrived, share = winners(grad, input, dim, index, src, result)
    theirs: Tensor = where(arrived, _gather(share, dim, index), 0)
    return theirs


@differentiable(input=input_share, src=source_share)
def _scatter_extreme(input: Tensor, dim: int, index: Tensor, src: Tensor, largest: bool) -> Array:
    array = input.xp.array(input.array, order="C")
    input.backend.scatter_reduce(array, dim, index.array, src.array, "maximum" if largest else "minimum")
    return array


@inplace(_scatter_extreme)
def _scatter_extreme_(input: Tensor, dim: int, index: Tensor, src: Tensor, largest: bool) -> None:
    """Keep the larger, or the smaller, of what is there and what arrives at positions."""


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def check_reduction(name: str, reduce: str, known: tuple[str, ...] = REDUCTIONS) -> None:
    """Refuse a reduction that is none of the known ones."""
    if reduce not in known:
        raise UsageError(f"{name}(): reduce argument must be one of {', '.join(known)}, got {reduce!r}")


def neutral(input: Tensor, reduce: str) -> Number:
    """Return the number that changes nothing: 0 to a sum, 1 to a product, the lowest to a maximum."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    kind = input.array.dtype.kind
    if kind == "b":
        return reduce == "amin"
    if kind == "f":
        return float("-inf" if reduce == "amax" else "inf")
    limits = iinfo(input.dtype)
    return limits.min if reduce == "amax" else limits.max


def reduced_into(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    """Gather what arrives at checked positions into what is there, or without it; in place."""
    if reduce in ("amax", "amin") and input.is_complex():
        raise DtypeError(f"scatter_reduce(): {reduce} has no order for {input.dtype.name}")
    if not include_self:
        _scatter_(input, dim, index, neutral(input, reduce))
    if reduce == "prod":
        return _scatter_prod_(input, dim, index, src)
    if reduce in ("amax", "amin"):
        return _scatter_extreme_(input, dim, index, src, reduce == "amax")
    _scatter_add_(input, dim, index, src)
    return divided_by_count(input, dim, index, include_self) if reduce == "mean" else input


def divided_by_count(input: Tensor, dim: int, index: Tensor, include_self: bool) -> Tensor:
    """Divide sums by how many numbers are in them; integers are rounded down."""
    whole = index.new_zeros(input.layout.shape) if not include_self else index.new_ones(input.layout.shape)
    counts = scatter_add(whole, dim, index, index.new_ones(index.layout.shape))
    counts = counts.clamp(min=1).to(input.dtype)
    if input.array.dtype.kind in "fc":
        return div_(input, counts)
    return floor_divide_(input, counts)


@composite
def scatter_reduce_(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Gather the elements of ``src`` along ``dim`` into ``input`` by "sum", "prod", "mean", "amax" or "amin".

    For three dims and dim 1, ``src[i, j, k]`` goes to ``input[i, index[i, j, k], k]``; ``include_self`` says whether
    what is there takes part. What no position names stays.
    """
    check_reduction("scatter_reduce", reduce)
    dim = aligned("scatter_reduce", input, dim, index)
    src = source_like("scatter_reduce", input, index, src)
    index, src = apart(index, input), apart(src, input)
    return reduced_into(input, dim, index, src, reduce, include_self)


def apart(given: Tensor, input: Tensor) -> Tensor:
    """Return a tensor as it is now: one that shares the memory which is written to is copied."""
    return snapshot(given) if shares_storage(given, input) else given


@composite
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy with the elements of ``src`` gathered into it along ``dim``.

    >>> import minitensor as torch
    >>> x, to = torch.tensor([1., 2., 3., 4.]), torch.tensor([0, 1, 0, 1])
    >>> torch.zeros(2).scatter_reduce(0, to, x, "mean", include_self=False)
    tensor([2., 3.])
    """
    input, src = in_turn(input, src)
    made = own(input, index, src)
    scatter_reduce_(made, dim, index, src, reduce, include_self=include_self)
    return delivered("scatter_reduce", made, out, input, index, src)


@composite
def index_reduce_(
    input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Gather the entries of ``source`` into those of ``dim`` at the positions of a vector."""
    check_reduction("index_reduce", reduce, REDUCTIONS[1:])
    dim, index = along("index_reduce_", input, dim, index)
    require_tensors("index_reduce_", source=source)
    target, source = as_vector(input), as_slices(input, source)
    matching_source("index_reduce_", target, dim, index, source)
    shape = [1] * target.ndim
    shape[dim] = index.numel()
    places = apart(expand(reshape(index, tuple(shape)), source.layout.shape), input)
    reduced_into(target, dim, places, apart(source, input), reduce, include_self)
    return input


@composite
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """Return a copy with the entries of ``source`` gathered into it by "prod", "mean", "amax" or "amin".

    >>> import minitensor as torch
    >>> torch.zeros(2).index_reduce(0, torch.tensor([1, 1]), torch.tensor([3., 5.]), "amax")
    tensor([0., 5.])
    """
    input, source = in_turn(input, source)
    made = own(input, index, source)
    index_reduce_(made, dim, index, source, reduce, include_self=include_self)
    return delivered("index_reduce", made, out, input, index, source)


# -- all dims as one ---------------------------------------------------------------------------------------------------


def flat_index(name: str, index: Tensor, count: int) -> Tensor:
    """Return positions in all elements, checked; negative ones count from the end."""
    require_index(name, index, int64)
    return wrapped(index, 0, count)


@composite
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Pick from all elements, counted row by row.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).take(torch.tensor([0, -1]))
    tensor([1, 4])
    """
    require_tensors("take", input=input, index=index)
    found = _index(reshape(input, -1), (flat_index("take", index, input.numel()),))
    return delivered("take", found, out, input, index)


@writes(
    input=lambda grad, index, accumulate: grad if accumulate else grad.put(index, grad.new_zeros(index.layout.shape)),
    source=lambda grad, index, in_shape: grad.take(index).reshape(in_shape),
)
def _put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool) -> None:
    positions, values = index.array.reshape(-1), source.array.reshape(-1)
    if accumulate:
        write_rows(input, lambda rows: input.backend.add_at(rows.reshape(-1), positions, values))
    else:
        write_rows(input, lambda rows: rows.reshape(-1).__setitem__(positions, values))


@composite
def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Write the elements of ``source`` at positions in all elements, counted row by row, or add them there."""
    require_tensors("put_", input=input, index=index, source=source)
    if source.dtype is not input.dtype:
        raise DtypeError(
            f"put_(): self and source expected to have the same dtype, but got {input.dtype.name} and "
            f"{source.dtype.name}"
        )
    if index.numel() != source.numel():
        raise WrongCount(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    if not input.numel() and index.numel():
        raise PositionError("put_(): tried to put elements into an empty tensor")
    return _put_(input, flat_index("put_", index, input.numel()), source, accumulate)


@composite
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with the elements of ``source`` at positions in all elements.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).put(torch.tensor([0, -1]), torch.tensor([5., 6.]))
    tensor([[5., 0.],
            [0., 6.]])
    """
    input, source = in_turn(input, source)
    return put_(own(input, index, source), index, source, accumulate)
