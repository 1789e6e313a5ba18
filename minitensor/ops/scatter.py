"""One position along a dim for each element (``gather``, ``scatter``); ``take`` and ``put`` on the flattened tensor.

Reading at positions and adding at them are each other's gradients. Positions are checked before anything is written;
negative ones are refused, as in PyTorch, unless a docstring says otherwise. Whole slices are in ``slices.py``,
``x[...]`` is in ``index.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import NUMBERS, host_value
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.backends import holds_data
from minitensor.backends.reference.scatter import is_in_range
from minitensor.backends.silence import in_silence
from minitensor.base import TensorBase, values_of
from minitensor.compat.once import warn_once
from minitensor.dtypes import iinfo, int32, int64
from minitensor.errors import ArgumentTypeError, DtypeError, IndexRuntimeError, ShapeError, ShapeIndexError, UsageError
from minitensor.ops.aliasing import inplace, shares_storage, snapshot, writes
from minitensor.ops.arithmetic import conj, div_, floor_divide_
from minitensor.ops.choice import where
from minitensor.ops.copy import writable_copy
from minitensor.ops.creation import as_number
from minitensor.ops.fill import as_single_value
from minitensor.ops.index import (
    getitem,
    read_at,
    wrap_positions,
    write_rows,
)
from minitensor.ops.kinds import require_index
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import write_out
from minitensor.ops.shape import expand, reshape
from minitensor.shapes import broadcast_shapes, wrap_dim

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.ops.operand import Number, Operand
    from minitensor.shapes import Shape
    from minitensor.tensor import Tensor


def check_positions(name: str, index: Tensor, dim: int, size: int) -> None:
    """Raise for positions outside a dim, and for negative ones, as PyTorch does in these ops."""
    require_integers(name, index)
    array = values_of(index)
    if not holds_data(array) or is_in_range(array, size):
        return
    low, high = int(array.min()), int(array.max())
    raise IndexRuntimeError(
        f"{name}(): index {low if low < 0 else high} is out of bounds for dimension {dim} with size {size}"
        + ("; negative positions are not wrapped here" if -size <= low < 0 else "")
    )


def require_integers(name: str, index: Tensor) -> None:
    """Raise unless positions are int32 or int64."""
    dtype = index.array.dtype
    if dtype.kind != "i" or dtype.itemsize < 4:
        require_index(name, index, int32, int64)


# -- a position for each element ---------------------------------------------------------------------------------------


def check_index(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    """Return the dim, counted from the front, after checking the index's shape and its positions."""
    dim = check_index_shape(name, input, dim, index)
    check_positions(name, index, dim, input.layout.shape[dim] if input.ndim else 1)
    return dim


def check_index_shape(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    """Return the dim, counted from the front; raise if another dim of the index is longer than the input's."""
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


def gather_grad(grad: Tensor, dim: int, index: Tensor, in_shape: Shape) -> Tensor:
    """Add the gradient at the positions that were read."""
    return add_along(grad, dim, index, in_shape)


def add_along_grad(grad: Tensor, dim: int, index: Tensor) -> Tensor:
    """Read the gradient at the positions."""
    return gather(grad, dim, index)


@differentiable(input=add_along_grad)
def add_along(input: Tensor, dim: int, index: Tensor, shape: Shape) -> Array:
    """Return zeros of a shape with ``input`` added at positions of their lines: the adjoint of ``gather``."""
    sums = input.xp.zeros(shape, input.array.dtype)
    input.backend.scatter_add(sums, dim, index.array, input.array)
    return sums


def prepare_gather(input: Tensor, dim: int, index: Tensor, sparse_grad: bool) -> tuple[Tensor, int, Tensor, bool]:
    """Return the dim as a non-negative number; the body checks the positions while it reads."""
    dim = check_index_shape("gather", input, dim, index)
    require_integers("gather", index)
    return input, dim, index, sparse_grad


@differentiable(prepare=prepare_gather, input=gather_grad)
def gather(
    input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None
) -> Array:
    """Pick elements along ``dim``: for three dims and dim 1, ``out[i, j, k] = input[i, index[i, j, k], k]``.

    The result has the shape of ``index``, which has as many dims as ``input`` and is no larger but along ``dim``.

    Args:
        index: positions, int32 or int64, from 0 on.
        sparse_grad: unused; kept for PyTorch compatibility.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim`` (one class, a child of both).
        RuntimeError: If the shapes do not fit.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).gather(1, torch.tensor([[1], [0]]))
    tensor([[2],
            [3]])
    """
    try:
        return input.backend.gather(input.array, dim, index.array, False)
    except IndexError:
        check_positions("gather", index, dim, input.layout.shape[dim] if input.ndim else 1)
        raise


def narrow_source(name: str, input: Tensor, index: Tensor, src: Tensor) -> Tensor:
    """Return the part of a source that corresponds to the index; the source may be larger."""
    require_tensors(name, src=src)
    if src.dtype is not input.dtype:
        raise DtypeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype.name} and {src.dtype.name}"
        )
    shape, given = index.layout.shape, src.layout.shape
    if shape == given:
        return src
    if not index.numel():
        # An empty index may have any number of dims; nothing of the source is used, but it stays in the graph.
        return reshape(getitem(reshape(src, (src.numel(),)), slice(0)), shape)
    if len(shape or (1,)) != len(given or (1,)) or any(n > m for n, m in zip(shape or (1,), given or (1,))):
        raise ShapeError(f"{name}(): expected index {list(shape)} to be no larger than src {list(given)}")
    return reshape(getitem(src, tuple([slice(n) for n in shape[: len(given)]])), shape)


def prepare_scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> tuple[Tensor, int, Tensor, Tensor]:
    """Return the dim as a non-negative number, checked positions, and the part of the source that they use."""
    dim = check_index("scatter_add_", input, dim, index)
    return input, dim, index, narrow_source("scatter_add_", input, index, src)


@writes(prepare=prepare_scatter_add, input=lambda grad: grad, src=lambda grad, dim, index: gather(grad, dim, index))
def scatter_add_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    """Add along ``dim`` in place: for three dims and dim 1, ``input[i, index[i, j, k], k] += src[i, j, k]``."""
    write_rows(input, lambda rows: in_silence(input.backend.scatter_add, rows, dim, index.array, src.array))


@composite
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return a copy with ``src`` added along ``dim``; positions may repeat.

    Args:
        index: The positions along ``dim``, of int32 or int64; at most as long as ``src`` in each dim.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim``.
        RuntimeError: If shapes or dtypes do not fit.

    >>> import minitensor as torch
    >>> torch.zeros(2).scatter_add(0, torch.tensor([1, 1, 0]), torch.tensor([1., 2., 4.]))
    tensor([4., 3.])
    """
    input, src = in_turn(input, src)
    made = writable_copy(input, index, src).contiguous()
    return write_out("scatter_add", scatter_add_(made, dim, index, src), out, input, index, src)


@writes(
    "scatter_",
    name="scatter",
    input=lambda grad, dim, index: grad.scatter(dim, index, 0),
    src=lambda grad, dim, index: gather(grad, dim, index),
)
def replace_along_(input: Tensor, dim: int, index: Tensor, src: Operand) -> None:
    """Write a source, or one number, at positions of their lines."""
    values = src.array.reshape(-1) if isinstance(src, TensorBase) else as_single_value("scatter_", src, input)
    write_rows(input, lambda rows: input.backend.scatter(rows, dim, index.array, values))


@composite
def scatter_(
    input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Number | None = None, reduce: str | None = None
) -> Tensor:
    """Write ``src``, or one number, along ``dim`` in place: ``input[i, index[i, j, k], k] = src[i, j, k]`` for dim 1.

    Where positions repeat, the last one wins. With ``reduce`` "add" or "multiply" all of them are combined with the
    old value.
    """
    given: Any = host_value(src if src is not None else as_number(value), None)
    if given is None:
        raise ArgumentTypeError("scatter_(): give `src`, a tensor or a number")
    dim = check_index("scatter_", input, dim, index)
    if reduce not in (None, "add", "multiply"):
        raise UsageError(f"scatter_(): reduce argument must be either add or multiply, got {reduce!r}")
    if given.__class__ not in NUMBERS:
        if reduce is not None:
            warn_once("The reduce argument of torch.scatter with Tensor src is deprecated: use torch.scatter_reduce.")
        given = narrow_source("scatter_", input, index, given)
    elif reduce is not None:
        given = index.new_full(index.layout.shape, given, dtype=input.dtype)  # type: ignore[arg-type]  # a number
    write: Callable[..., Tensor] = (
        scatter_add_ if reduce == "add" else multiply_along_ if reduce else replace_along_
    )
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
    """Return a copy with ``src``, or one number, written along ``dim``; see ``scatter_``.

    Args:
        index: The positions along ``dim``, of int32 or int64; at most as long as ``src`` in each dim.
        src: The values, a tensor or a number.
        value: A number, in place of ``src``.
        reduce: ``"add"`` or ``"multiply"``: combine with the old value. Default: ``None``, replace it.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim`` (one class, a child of both).
        RuntimeError: If shapes or dtypes do not fit.
        TypeError: If neither ``src`` nor ``value`` is given.

    >>> import minitensor as torch
    >>> torch.zeros(2, 3).scatter(1, torch.tensor([[0], [2]]), 1.0)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    input, src = in_turn(input, src)
    made = writable_copy(input, index, src).contiguous()
    scatter_(made, dim, index, src, value=value, reduce=reduce)
    return write_out("scatter", made, out, input, index, src)


@composite
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """Pick elements along ``dim`` by the indices that ``argsort`` or ``argmax`` return; the other dims broadcast.

    Without a ``dim`` both tensors are flattened. Negative positions count from the end.

    Args:
        indices: The positions, of int64.

    Raises:
        RuntimeError: If the numbers of dims differ, the sizes do not broadcast, or ``indices`` is not of int64.
        IndexError: If a position is out of range.

    >>> import minitensor as torch
    >>> x = torch.tensor([[1, 3], [4, 2]])
    >>> x.take_along_dim(x.argsort(dim=1), dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
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
    positions = wrap_positions(indices, dim, input.layout.shape[dim])
    found = gather(expand_to(input, whole), dim, expand_to(positions, whole))
    return write_out("take_along_dim", found, out, input, indices)


def expand_to(input: Tensor, whole: list[int]) -> Tensor:
    """Expand to sizes of which -1 keeps the tensor's own; a tensor of that shape is returned as it is."""
    same = all(n in (-1, m) for n, m in zip(whole, input.layout.shape))
    return input if same else expand(input, whole)


# -- reductions --------------------------------------------------------------------------------------------------------


def scatter_prod_input_grad(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return the gradient of the old values: ``grad`` times the product of the sources."""
    factor: Tensor = conj(multiply_along(grad.new_ones(input.layout.shape), dim, index, src))
    return grad * factor


def scatter_prod_src_grad(grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor) -> Tensor:
    """Return the gradient of each source: ``grad`` times the product of all other factors at its position.

    For a nonzero source that is the result divided by it. For the only zero at a position it is the product with a one
    in its place; beside another zero it is zero.
    """
    zero = src.eq(0)
    count = gather(input.new_zeros(input.layout.shape).scatter_add(dim, index, zero.to(input.dtype)), dim, index)
    alone = zero.logical_and(count.eq(1))
    others = multiply_along(input, dim, index, src.masked_fill(alone, 1))
    usual = gather(grad * conj(result), dim, index) / conj(src.masked_fill(zero, 1))
    slope: Tensor = where(alone, gather(grad * conj(others), dim, index), usual)
    return slope


@differentiable(name="scatter_reduce", input=scatter_prod_input_grad, src=scatter_prod_src_grad)
def multiply_along(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Array:
    """Return the input times the sources at positions of their lines."""
    array = input.xp.array(input.array, order="C")
    input.backend.scatter_reduce(array, dim, index.array, src.array, "multiply")
    return array


@inplace(multiply_along)
def multiply_along_(input: Tensor, dim: int, index: Tensor, src: Tensor) -> None:
    """Multiply ``input`` by the sources at positions."""


def share_among_extremes(
    grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor
) -> tuple[Tensor, ...]:
    """Return where the input and where the source equals the result, and the share of the gradient for each of them."""
    before, arrived = input.eq(result), src.eq(gather(result, dim, index))
    # Nothing equals a NaN, which gives a count of 0: no share, and no division by zero.
    count = before.to(grad.dtype).scatter_add(dim, index, arrived.to(grad.dtype))
    return before, arrived, grad / count.masked_fill(count.eq(0), 1)


def scatter_extreme_input_grad(
    grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor
) -> Tensor:
    """Return the gradient of the old values: their share where they equal the result."""
    before, _, share = share_among_extremes(grad, input, dim, index, src, result)
    mine: Tensor = where(before, share, 0)
    return mine


def scatter_extreme_src_grad(
    grad: Tensor, input: Tensor, dim: int, index: Tensor, src: Tensor, result: Tensor
) -> Tensor:
    """Return the gradient of the sources: their share where they equal the result."""
    _, arrived, share = share_among_extremes(grad, input, dim, index, src, result)
    theirs: Tensor = where(arrived, gather(share, dim, index), 0)
    return theirs


@differentiable(name="scatter_reduce", input=scatter_extreme_input_grad, src=scatter_extreme_src_grad)
def keep_extremes_along(input: Tensor, dim: int, index: Tensor, src: Tensor, largest: bool) -> Array:
    """Return the larger or smaller of the input and the sources at positions of their lines."""
    array = input.xp.array(input.array, order="C")
    input.backend.scatter_reduce(array, dim, index.array, src.array, "maximum" if largest else "minimum")
    return array


@inplace(keep_extremes_along)
def keep_extremes_along_(input: Tensor, dim: int, index: Tensor, src: Tensor, largest: bool) -> None:
    """Keep the larger or smaller of the old value and the sources at each position."""


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def check_reduction(name: str, reduce: str, known: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise unless the reduction is one of the known ones."""
    if reduce not in known:
        raise UsageError(f"{name}(): reduce argument must be one of {', '.join(known)}, got {reduce!r}")


def neutral_element(input: Tensor, reduce: str) -> Number:
    """Return the neutral element: 0 of a sum, 1 of a product, the lowest number of a maximum."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    kind = input.dtype.kind
    if kind == "b":
        return reduce == "amin"
    if kind == "f":
        return float("-inf" if reduce == "amax" else "inf")
    limits = iinfo(input.dtype)
    return limits.min if reduce == "amax" else limits.max


def reduce_into(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool) -> Tensor:
    """Reduce the sources into ``input`` at checked positions, with or without the old values; in place."""
    if reduce in ("amax", "amin") and input.is_complex():
        raise DtypeError(f"scatter_reduce(): {reduce} has no order for {input.dtype.name}")
    if not include_self:
        # Only at the positions that are named: all other elements keep their value.
        replace_along_(input, dim, index, neutral_element(input, reduce))
    if reduce == "prod":
        return multiply_along_(input, dim, index, src)
    if reduce in ("amax", "amin"):
        return keep_extremes_along_(input, dim, index, src, reduce == "amax")
    scatter_add_(input, dim, index, src)
    return divide_by_count(input, dim, index, include_self) if reduce == "mean" else input


def divide_by_count(input: Tensor, dim: int, index: Tensor, include_self: bool) -> Tensor:
    """Divide sums by the number of their terms; integers are rounded down."""
    whole = index.new_zeros(input.layout.shape) if not include_self else index.new_ones(input.layout.shape)
    counts = scatter_add(whole, dim, index, index.new_ones(index.layout.shape))
    # Where nothing arrives and the old value does not count, the value is kept.
    counts = counts.clamp(min=1).to(input.dtype)
    if input.dtype.kind in "fc":
        return div_(input, counts)
    return floor_divide_(input, counts)


@composite
def scatter_reduce_(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Reduce the elements of ``src`` along ``dim`` into ``input``, in place.

    For three dims and dim 1, ``src[i, j, k]`` goes to ``input[i, index[i, j, k], k]``. Elements that no position names
    keep their value. Arguments as for ``scatter_reduce``.
    """
    check_reduction("scatter_reduce", reduce)
    dim = check_index("scatter_reduce", input, dim, index)
    src = narrow_source("scatter_reduce", input, index, src)
    index, src = copy_if_shared(index, input), copy_if_shared(src, input)
    return reduce_into(input, dim, index, src, reduce, include_self)


def copy_if_shared(given: Tensor, input: Tensor) -> Tensor:
    """Return a tensor that writes to ``input`` do not change: a copy if they share memory."""
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
    """Return a copy with the elements of ``src`` reduced into it along ``dim``; see ``scatter_reduce_``.

    Args:
        index: The positions along ``dim``, of int32 or int64; at most as long as ``src`` in each dim.
        src: The values.
        reduce: ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
        include_self: Whether the old values take part. Default: ``True``.

    Raises:
        IndexError, RuntimeError: If a position is negative or outside ``dim`` (one class, a child of both).
        RuntimeError: If shapes or dtypes do not fit, or ``reduce`` is unknown.

    >>> import minitensor as torch
    >>> x, to = torch.tensor([1., 2., 3., 4.]), torch.tensor([0, 1, 0, 1])
    >>> torch.zeros(2).scatter_reduce(0, to, x, "mean", include_self=False)
    tensor([2., 3.])
    """
    input, src = in_turn(input, src)
    made = writable_copy(input, index, src).contiguous()
    scatter_reduce_(made, dim, index, src, reduce, include_self=include_self)
    return write_out("scatter_reduce", made, out, input, index, src)


# -- the flattened tensor ----------------------------------------------------------------------------------------------


def check_flat_index(name: str, index: Tensor, count: int) -> Tensor:
    """Check positions in the flattened tensor, and count negative ones from the end."""
    require_index(name, index, int64)
    return wrap_positions(index, 0, count)


@composite
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the elements of the flattened tensor at positions, in the shape of ``index``.

    Negative positions count from the end.

    Raises:
        IndexError: If a position is out of range.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).take(torch.tensor([0, -1]))
    tensor([1, 4])
    """
    require_tensors("take", input=input, index=index)
    found = read_at(reshape(input, -1), (check_flat_index("take", index, input.numel()),))
    return write_out("take", found, out, input, index)


def prepare_put(
    input: Tensor, index: Tensor, source: Tensor, accumulate: bool
) -> tuple[Tensor, Tensor, Tensor, bool]:
    """Return positions in the flattened tensor, of which negative ones count from the end."""
    require_tensors("put_", input=input, index=index, source=source)
    if source.dtype is not input.dtype:
        raise DtypeError(
            f"put_(): self and source expected to have the same dtype, but got {input.dtype.name} and "
            f"{source.dtype.name}"
        )
    if index.numel() != source.numel():
        raise ShapeIndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}"
        )
    if not input.numel() and index.numel():
        raise IndexRuntimeError("put_(): tried to put elements into an empty tensor")
    return input, check_flat_index("put_", index, input.numel()), source, bool(accumulate)


@writes(
    prepare=prepare_put,
    input=lambda grad, index, accumulate: grad if accumulate else grad.put(index, grad.new_zeros(index.layout.shape)),
    source=lambda grad, index, in_shape: grad.take(index).reshape(in_shape),
)
def put_(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> None:
    """Write the elements of ``source`` in place at positions in the flattened tensor, or add them if ``accumulate``.

    Raises:
        IndexError: If a position is out of range, or the tensor is empty.
        RuntimeError: If the dtypes differ, or ``source`` has another number of elements.
    """
    positions, values = index.array.reshape(-1), source.array.reshape(-1)
    if accumulate:
        write_rows(input, lambda rows: in_silence(input.backend.add_at, rows.reshape(-1), positions, values))
    else:
        write_rows(input, lambda rows: rows.reshape(-1).__setitem__(positions, values))


@composite
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with the elements of ``source`` at positions in the flattened tensor.

    Args:
        index: int64 positions, as many as ``source`` has elements; negative ones count from the end.
        accumulate: whether to add instead of replacing; repeated positions then add up.

    >>> import minitensor as torch
    >>> torch.zeros(2, 2).put(torch.tensor([0, -1]), torch.tensor([5., 6.]))
    tensor([[5., 0.],
            [0., 6.]])
    """
    input, source = in_turn(input, source)
    return put_(writable_copy(input, index, source), index, source, accumulate)
