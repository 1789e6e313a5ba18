"""Shapes: normalized sizes and dims, broadcasting, and the shapes of results.

The results include those of reductions, ``matmul``, convolution and pooling, and the pieces into which a dim is split.
All functions take and return plain numbers; strides are the subject of ``layouts.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from math import prod
from numbers import Integral
from operator import index
from typing import Any, SupportsIndex, TypeVar, cast, overload

from minitensor.errors import (
    ArgumentTypeError,
    DimError,
    OutOfMemoryError,
    RepeatedDimError,
    ShapeError,
    ShapeValueError,
    quote,
)

Shape = tuple[int, ...]
Function = TypeVar("Function", bound=Callable[..., Any])


class Size(tuple[int, ...]):
    """The shape of a tensor: a tuple of ints that prints like PyTorch's.

    Args:
        sizes: an iterable of ints. Default: empty, the shape of a 0-d tensor.

    Raises:
        TypeError: If ``sizes`` is not an iterable of ints.

    >>> Size((2, 3)), Size((2, 3)).numel()
    (torch.Size([2, 3]), 6)
    """

    __slots__ = ()

    def __new__(cls, sizes: Iterable[int] = ()) -> Size:
        try:
            return as_size(cls, [index(n) for n in sizes])
        except TypeError:
            raise ArgumentTypeError(f"Size: expected an iterable of ints, got {quote(sizes)}") from None

    def numel(self) -> int:
        """Return the number of elements of a tensor of this shape."""
        return prod(self)

    def __repr__(self) -> str:
        return f"torch.Size({list(self)})"

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> Size: ...

    def __getitem__(self, key: SupportsIndex | slice) -> int | Size:
        picked = tuple.__getitem__(self, key)
        return as_size(Size, picked) if isinstance(picked, tuple) else picked

    def __add__(self, other: tuple[int, ...]) -> Size:  # type: ignore[override]  # sizes are ints only
        return as_size(Size, tuple(self) + tuple(other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: tuple[int, ...]) -> Size:
        return as_size(Size, tuple(other) + tuple(self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Size:
        return as_size(Size, tuple(self) * times)

    __rmul__ = __mul__


as_size = tuple.__new__  # for sizes that are known to be ints, without a check
BOOLS: set[Any] = {bool}


# ---- numbers and dims --------------------------------------------------------------------------------------------


def memoize(function: Function) -> Function:
    """Memoize the last 4096 results of a pure function of numbers. Type checkers see its own signature.

    A hit takes 0.16 us. A call with 1.0 may hit the result for 1, which is equal; ``typed=True`` would avoid that, but
    take 0.09 us longer.
    """
    return cast(Function, lru_cache(4096)(function))


def as_int(value: object) -> int:
    """Convert an int or a NumPy integer to a plain int; raise for bools, floats, arrays and tensors.

    Memoized functions call this on every number: a mutable object such as a 0-d tensor would be cached with the result
    for its old value.
    """
    if value.__class__ is int:
        return value
    if isinstance(value, Integral) and type(value) not in BOOLS:
        return int(value)
    raise ArgumentTypeError(f"expected an int, got {quote(value)} of type {type(value).__name__}")


def wrap_dim(dim: int, ndim: int) -> int:
    """Return a dim counted from the front; raise if it is out of range. A 0-d tensor accepts -1 and 0."""
    dim, reach = as_int(dim), ndim or 1
    if -reach <= dim < reach:
        return dim + reach if dim < 0 else dim
    raise DimError(f"dimension out of range (expected to be in range of [{-reach}, {reach - 1}], but got {dim})")


def wrap_dims(dims: Iterable[int], ndim: int) -> tuple[int, ...]:
    """Wrap several dims; raise if one is repeated."""
    wrapped: list[int] = []
    for dim in dims:
        place = wrap_dim(dim, ndim)
        if place in wrapped:
            raise RepeatedDimError(f"dim {place} appears multiple times in the list of dims")
        wrapped.append(place)
    return tuple(wrapped)


def normalize_sizes(*sizes: int | Sequence[int]) -> Shape:
    """Return sizes, given one by one or as one sequence, as a tuple of ints.

    >>> normalize_sizes(2, 3) == normalize_sizes((2, 3)) == (2, 3)
    True
    """
    if not sizes:
        raise ArgumentTypeError("sizes are missing: give ints or one sequence of ints, () for none")
    first = sizes[0]
    given = first if len(sizes) == 1 and (first.__class__ is tuple or not hasattr(first, "__index__")) else sizes
    if given.__class__ is tuple and are_plain(given):
        return given  # type: ignore[return-value]  # a tuple of ints
    try:
        if not isinstance(given, (list, tuple)):
            raise TypeError
        return as_plain_ints(given)
    except TypeError:
        raise ArgumentTypeError(f"sizes must be ints or one sequence of ints, got {quote(sizes)}") from None


def sizes_from_list(name: str, argument: str, sizes: Any) -> Shape:
    """Return sizes that were given by name: as one list or tuple, even if it is of one number."""
    if not isinstance(sizes, (list, tuple)):
        raise ArgumentTypeError(
            f"{name}(): argument {argument!r} must be a sequence of ints, not {type(sizes).__name__}: {quote(sizes)}"
        )
    return normalize_sizes(sizes)


def as_plain_ints(numbers: Iterable[Any]) -> tuple[int, ...]:
    """Return integers of any type as ints. As in PyTorch, the first must not be a bool; the others may be Python's."""
    return tuple([int(index(n)) if type(n) not in BOOLS else read_bool(n, i) for i, n in enumerate(numbers)])


def read_bool(value: Any, place: int) -> int:
    """Return a bool among integers as an int; raise for the first, and for those of other libraries."""
    if value.__class__ is bool and place > 0:
        return int(value)
    raise ArgumentTypeError("a bool is no size")


def are_plain(numbers: tuple[Any, ...]) -> bool:
    """Whether all numbers are plain ints."""
    for n in numbers:  # noqa: SIM110  # for two numbers, all() takes four times as long
        if n.__class__ is not int:
            return False
    return True


MOST = 1 << 59  # elements; with 16 bytes each, the number of bytes just exceeds int64


def require_room(shape: Sequence[int]) -> None:
    """Raise if no memory can hold a tensor of this shape."""
    if prod(shape) > MOST:
        raise OutOfMemoryError(f"storage size calculation overflowed with sizes={list(shape)}; no memory is that large")


def ntuple(value: int | Sequence[int], n: int) -> tuple[int, ...]:
    """Return ``n`` numbers; a single number, or a sequence of one, is repeated."""
    numbers = normalize_sizes(value)
    if len(numbers) not in (1, n):
        raise ShapeError(f"expected a single integer value or a list of {n} values, got {quote(value)}")
    return numbers if len(numbers) == n else numbers * n


def pair(value: int | Sequence[int]) -> tuple[int, int]:
    """Return two numbers; a single number is repeated."""
    rows, columns = ntuple(value, 2)
    return rows, columns


def repeat_number(value: Any, n: int) -> tuple[Any, ...]:
    """Return ``n`` equal values, or the entries of what can be listed, however many these are.

    PyTorch's functions in Python read sizes by this rule: a 0-d tensor cannot be listed, a list of one is not repeated.
    """
    return tuple(value) if isinstance(value, Iterable) else (value,) * n


def list_numbers(name: str, argument: str, value: Any, n: int) -> Shape:
    """Return ``n`` numbers: a number is repeated, and a sequence must list all of them, even if they are equal."""
    try:
        numbers = normalize_sizes(repeat_number(value, n))
    except TypeError:
        raise ArgumentTypeError(
            f"{name}(): argument {argument!r} must be an int or a sequence of {n} ints, got {quote(value)}"
        ) from None
    if len(numbers) != n:
        raise ShapeValueError(f"{name}: expected {argument} to be an int or to list {n} of them, got {quote(value)}")
    return numbers


# ---- shapes ------------------------------------------------------------------------------------------------------


@memoize
def broadcast_shapes(*shapes: Shape) -> Shape:
    """Return the shape to which shapes broadcast: aligned at the last dim, sizes must be equal or 1.

    >>> broadcast_shapes((2, 1), (3,))
    (2, 3)
    """
    result: Shape = ()
    for shape in shapes:
        result = broadcast_two(result, tuple([as_int(n) for n in shape]))
    return result


def can_expand(shape: Shape, wanted: Shape) -> bool:
    """Return whether a shape broadcasts to exactly the wanted one."""
    try:
        return broadcast_shapes(shape, wanted) == wanted
    except ShapeError:
        return False


def broadcast_two(a: Shape, b: Shape) -> Shape:
    """Broadcast two shapes."""
    ndim = max(len(a), len(b))
    long_a, long_b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    for dim in range(ndim - 1, -1, -1):
        n, m = long_a[dim], long_b[dim]
        if n != m and n != 1 and m != 1:
            raise ShapeError(
                f"the size of tensor a ({n}) must match the size of tensor b ({m}) at non-singleton dimension {dim}: "
                f"shapes {a} and {b} do not broadcast"
            )
    return tuple([m if n == 1 else n for n, m in zip(long_a, long_b)])


@memoize
def infer_size(shape: Shape, numel: int) -> Shape:
    """Replace a size of -1; raise unless ``shape`` has ``numel`` elements.

    >>> infer_size((2, -1), 6)
    (2, 3)
    """
    shape = tuple([as_int(n) for n in shape])
    if shape.count(-1) > 1:
        raise ShapeError(f"only one dimension can be inferred, got shape {list(shape)}")
    if any(n < -1 for n in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)} in shape {list(shape)}; sizes must be >= 0, or one -1")
    if -1 not in shape:
        if prod(shape) != numel:
            raise ShapeError(
                f"shape '{list(shape)}' is invalid for input of size {numel}: it has {prod(shape)} elements"
            )
        return shape
    known = -prod(shape)  # of the other sizes: the one -1 is a factor
    if known == 0 == numel:
        raise ShapeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    if known == 0 or numel % known:
        raise ShapeError(
            f"shape '{list(shape)}' is invalid for input of size {numel}: it is not divisible by the product "
            f"{known} of the other sizes"
        )
    return tuple([numel // known if n == -1 else n for n in shape])


@memoize
def flattened_shape(shape: Shape, start: int = 0, end: int = -1) -> Shape:
    """Merge the dims from ``start`` to ``end``, inclusive, into one; a 0-d tensor becomes (1,)."""
    start, end = wrap_dim(start, len(shape)), wrap_dim(end, len(shape))
    if start > end:
        raise ShapeError(f"flatten: start_dim ({start}) cannot come after end_dim ({end})")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


@memoize
def unflattened_shape(shape: Shape, dim: int, sizes: Shape) -> Shape:
    """Split ``dim`` into ``sizes``, one of which may be -1."""
    dim = wrap_dim(dim, len(shape))
    if not sizes:
        raise ShapeError("unflatten: sizes must be non-empty")
    if not shape:
        raise DimError("unflatten: a 0-d tensor has no dim to unflatten")
    try:
        inner = infer_size(sizes, shape[dim])
    except ShapeError as error:
        raise ShapeError(
            f"unflatten: provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the "
            f"input tensor: {error}"
        ) from None
    return (*shape[:dim], *inner, *shape[dim + 1 :])


@memoize
def reduced_dims(dims: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return the dims of a reduction; None and an empty list mean all."""
    if dims is None:
        return tuple(range(ndim))
    named = (dims,) if isinstance(dims, Integral) else dims
    # A 0-d tensor accepts dim 0, but `[:ndim]` leaves it no dim to reduce.
    return wrap_dims(cast(Sequence[int], named), ndim)[:ndim] or tuple(range(ndim))


@memoize
def reduced_shape(shape: Shape, dims: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Shape:
    """Return the shape after a reduction over ``dims``; with ``keepdim`` they have size 1."""
    gone = reduced_dims(dims, len(shape))
    if keepdim:
        return tuple([1 if dim in gone else n for dim, n in enumerate(shape)])
    return tuple([n for dim, n in enumerate(shape) if dim not in gone])


@memoize
def matmul_shape(a: Shape, b: Shape) -> Shape:
    """Return the shape of ``a @ b``: (..., n, k) @ (..., k, m) is (..., n, m).

    A vector counts as a row on the left and as a column on the right; the added dim is removed from the result.
    """
    if not a or not b:
        raise ShapeError(f"matmul: both arguments need to be at least 1D, but they are {len(a)}D and {len(b)}D; use *")
    inner_a, inner_b = a[-1], b[-2] if len(b) > 1 else b[0]
    if inner_a != inner_b:
        raise ShapeError(f"matmul: inner sizes differ: {a} @ {b} ({inner_a} != {inner_b})")
    try:
        batch = broadcast_two(a[:-2], b[:-2])
    except ShapeError as error:
        raise ShapeError(f"matmul: batch dims of {a} @ {b} do not broadcast: {error}") from None
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


# ---- splits ------------------------------------------------------------------------------------------------------


@memoize
def split_sections(size: int, sections: int | tuple[int, ...]) -> tuple[int, ...]:
    """Split ``size`` into pieces of one size, the last possibly smaller, or of the given sizes."""
    if isinstance(sections, tuple):
        if any(n < 0 for n in sections):
            raise ShapeError(f"split: split_sizes must have only non-negative entries, but got {list(sections)}")
        if sum(sections) != size:
            raise ShapeError(
                f"split: split_sizes must sum exactly to {size} (the dimension's size), but got "
                f"{list(sections)} with sum {sum(sections)}"
            )
        return tuple([as_int(n) for n in sections])
    each = as_int(sections)
    if each < 0:
        raise ShapeError(f"split: split_size must be non-negative, but got {each}")
    if each == 0 and size:
        raise ShapeError(f"split: split_size can only be 0 if dimension size is 0, but got dimension size of {size}")
    return tuple([min(each, size - start) for start in range(0, size, each)]) if size else (0,)


@memoize
def chunk_sizes(size: int, chunks: int) -> tuple[int, ...]:
    """Split ``size`` into at most ``chunks`` pieces of one size, the last possibly smaller."""
    if as_int(chunks) <= 0:
        raise ShapeError(f"chunk: expected `chunks` to be greater than 0, got: {chunks}")
    return split_sections(size, -(-size // chunks)) if size else (0,) * chunks


@memoize
def tensor_split_pieces(size: int, sections: int | tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Split into a number of nearly equal pieces, or before each index; return (start, length) of each piece.

    >>> tensor_split_pieces(5, 2), tensor_split_pieces(5, (1, 3))
    (((0, 3), (3, 2)), ((0, 1), (1, 2), (3, 2)))
    """
    if not isinstance(sections, tuple):
        if as_int(sections) <= 0:
            raise ShapeError(f"tensor_split: number of sections must be larger than 0, got {sections}")
        require_room([sections])
        least, more = divmod(size, sections)
        return tuple([(i * least + min(i, more), least + (i < more)) for i in range(sections)])
    pieces = [slice(a, b).indices(size) for a, b in zip((0, *sections), (*sections, None))]
    return tuple([(start, max(0, stop - start)) for start, stop, _ in pieces])


# ---- windows -----------------------------------------------------------------------------------------------------


@memoize
def conv_output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return the output size of a convolution: (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    >>> conv_output_size(227, 11, stride=4)
    55
    """
    check_window(kernel, stride, padding, dilation)
    reach = dilation * (kernel - 1) + 1
    if size + 2 * padding < reach:
        raise ShapeError(
            f"conv: kernel size can't be greater than actual input size: the window spans {reach} (kernel "
            f"{kernel}, dilation {dilation}), the input {size + 2 * padding} (size {size}, padding {padding})"
        )
    return (size + 2 * padding - reach) // stride + 1


@memoize
def same_padding(kernel: int, dilation: int = 1) -> tuple[int, int]:
    """Return the padding before and after that keeps the size at stride 1; an odd one is added after."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


@memoize
def conv_transpose_output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Return the input size of the convolution with this output size; ``output_padding`` chooses one of several."""
    check_window(kernel, stride, padding, dilation)
    if not 0 <= output_padding < max(stride, dilation):
        raise ShapeError(
            f"conv_transpose: output padding must be smaller than either stride or dilation, but got output_padding "
            f"{output_padding}, stride {stride}, dilation {dilation}"
        )
    result = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1
    if result < 0:
        raise ShapeError(f"conv_transpose: output size is too small: {result} for input size {size}, padding {padding}")
    return result


@memoize
def pool_output_size(
    size: int, kernel: int, stride: int | None = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Return the number of windows; ``ceil_mode`` adds one beyond the end if it starts before the right padding."""
    stride = kernel if stride is None else stride
    check_window(kernel, stride, padding, dilation)
    if padding > kernel // 2:
        raise ShapeError(f"pool: pad should be at most half of kernel size, got pad={padding}, kernel_size={kernel}")
    slack = size + 2 * padding - dilation * (kernel - 1) - 1 + (stride - 1 if ceil_mode else 0)
    count = slack // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    if count < 1:
        raise ShapeError(
            f"pool: output size is too small: {count} for input size {size}, kernel_size {kernel}, stride {stride}, "
            f"padding {padding}, dilation {dilation}"
        )
    return count


def check_window(kernel: int, stride: int, padding: int, dilation: int) -> None:
    """Validate the size, stride, padding and dilation of a window."""
    if kernel <= 0:
        raise ShapeError(f"kernel size should be greater than zero, but got {kernel}")
    if stride <= 0:
        raise ShapeError(f"non-positive stride is not supported: stride should be greater than zero, but got {stride}")
    if padding < 0:
        raise ShapeError(f"negative padding is not supported: padding should be at least zero, but got {padding}")
    if dilation <= 0:
        raise ShapeError(f"dilation should be greater than zero, but got {dilation}")
