"""A simulated device: NumPy underneath, with the restrictions of CuPy.

An ``Array`` is not a ``numpy.ndarray`` and cannot be mixed with one: every function of the module ``xp`` and every
operator refuses host arrays, as in CuPy (NumPy scalars and Python numbers are allowed). Nothing is converted to a host
array implicitly. Functions that CuPy lacks are missing from ``xp``. Integer indices out of range silently wrap around.
New results with several dims have a memory order that NumPy would not have chosen. Every copy to the host is counted.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from minitensor import backends
from minitensor.backends.base import Backend
from minitensor.copies import record_copy, tracing

COPIES = {"to host": 0}


class Mixed(TypeError):
    """A host array where a device array was expected."""


def bare(value: Any) -> Any:
    """Convert device arrays to NumPy's; refuse host arrays."""
    if isinstance(value, Array):
        return value._host
    if isinstance(value, np.ndarray):
        raise Mixed(f"a host array {value.dtype}{value.shape} among the device's")
    if value.__class__ in (list, tuple):
        return value.__class__([bare(each) for each in value])
    if value.__class__ is slice:
        return slice(bare(value.start), bare(value.stop), bare(value.step))
    return value


def wrap(value: Any) -> Any:
    """Convert NumPy's results to device arrays: 0-d arrays, never scalars."""
    if isinstance(value, (np.ndarray, np.generic)):
        return Array(np.asarray(value))
    if value.__class__ in (list, tuple) or hasattr(value, "_fields"):
        parts = [wrap(each) for each in value]
        return value.__class__(*parts) if hasattr(value, "_fields") else value.__class__(parts)
    return value


def reorder(value: Any, *given: Any) -> Any:
    """Return a new result in another memory order, unless all arguments are C-contiguous."""
    if isinstance(value, np.ndarray) and value.ndim > 1 and value.base is None:
        if all(each.flags.c_contiguous for each in given if isinstance(each, np.ndarray)):
            return np.ascontiguousarray(value)
        return np.asfortranarray(value)
    return value


def lift(function: Callable[..., Any]) -> Callable[..., Any]:
    """Convert a NumPy function to a function of the device."""

    def call(*args: Any, **kwargs: Any) -> Any:
        plain = bare(args)
        named = {name: bare(value) for name, value in kwargs.items()}

        def work() -> Any:
            with np.errstate(all="ignore"):
                return function(*plain, **named)

        out = kwargs.get("out")
        if out is not None:
            launch(work)
            return out
        before = [each.copy() for each in plain if isinstance(each, np.ndarray)] if tape() is not None else []
        result = reorder(work(), *plain)
        if tape() is not None:
            result = as_arrays(result)
            record_results(result, work, plain, before)
        return wrap(result)

    return call


# What `strict.gpu` replaces: the account of new memory, whose device it returns, and what a capture forbids.
allocate: Callable[[Any], Any] = lambda host: None
refuse_in_capture: Callable[[], None] = lambda: None

# While the current stream is captured, kernels are noted in its tape and do not run. `strict.gpu` replaces this.
tape: Callable[[], list[Callable[[], Any]] | None] = lambda: None


def launch(work: Callable[[], Any]) -> None:
    """Run a kernel that writes, or note it in the tape."""
    kernels = tape()
    if kernels is None:
        work()
    else:
        kernels.append(work)


def as_arrays(result: Any) -> Any:
    """Return NumPy's scalars as arrays, which can be filled."""
    if result.__class__ in (list, tuple):
        return result.__class__(as_arrays(each) for each in result)
    return np.asarray(result) if isinstance(result, np.generic) else result


def record_results(result: Any, work: Callable[[], Any], plain: Any, before: list[Any]) -> None:
    """Note a kernel that makes results, and fill them with garbage: it has not run. A view is no kernel's result."""
    made = result if isinstance(result, (list, tuple)) else [result]
    given = [each for each in plain if isinstance(each, np.ndarray)]
    for array, old in zip(given, before, strict=True):
        if any(array is each for each in made):  # an argument ``out`` given by position
            array[...] = old
            launch(work)
            return
    if any(np.may_share_memory(array, each) for array in made for each in given if isinstance(array, np.ndarray)):
        return

    def again() -> None:
        found = work()
        for array, value in zip(made, found if isinstance(found, (list, tuple)) else [found], strict=True):
            array[...] = value

    launch(again)
    for array in made:
        array.view(np.uint8 if array.ndim and array.flags.c_contiguous else array.dtype)[...] = 113


def wrapped_index(index: Any, shape: tuple[int, ...]) -> Any:
    """Return an index whose integer arrays are wrapped into range, as in CuPy."""
    items = index if isinstance(index, tuple) else (index,)
    taken = [0 if i is None or i is Ellipsis else i.ndim if isinstance(i, np.ndarray) and i.dtype.kind == "b" else 1
             for i in items]  # fmt: skip
    found, dim = [], 0
    for item, count in zip(items, taken, strict=True):
        if item is Ellipsis:
            dim = len(shape) - sum(taken[len(found) + 1 :])
        elif isinstance(item, np.ndarray) and item.dtype.kind in "iu" and item.ndim and shape[dim]:
            item = item % shape[dim]
        found.append(item)
        dim += count
    return tuple(found) if isinstance(index, tuple) else found[0]


class Array:
    """An array on the device."""

    __slots__ = ("_host", "place")
    __array_ufunc__ = None  # NumPy's own operators and functions refuse it
    __hash__ = None  # type: ignore[assignment]  # as an ndarray

    def __init__(self, host: Any, dtype: Any = None, memptr: Any = None, strides: Any = None) -> None:
        """Wrap a host array; with ``memptr``, make the view of memory that ``cupy.ndarray`` makes of a shape."""
        if memptr is not None:
            host = np.ndarray(host, dtype, memptr.mem, memptr.offset if 0 not in host else 0, strides)
        self._host = host
        self.place = allocate(host) if memptr is None else memptr.place

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Mixed("implicit conversion to a host array: use backend.to_host")

    # -- facts -------------------------------------------------------------------------------------------------------

    shape = property(lambda self: self._host.shape)
    dtype = property(lambda self: self._host.dtype)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    strides = property(lambda self: self._host.strides)
    itemsize = property(lambda self: self._host.itemsize)
    nbytes = property(lambda self: self._host.nbytes)
    flags = property(lambda self: self._host.flags)
    T = property(lambda self: self._view(self._host.T))
    imag = property(lambda self: self._view(self._host.imag))

    @property
    def real(self) -> Array:
        return self._view(self._host.real)

    def _view(self, host: Any) -> Array:
        """Return a view on the device of this array."""
        view = Array(host)
        view.place = self.place
        return view

    def __len__(self) -> int:
        return len(self._host)

    def __repr__(self) -> str:
        return f"strict{self._host!r}"

    # -- copies to the host, counted ---------------------------------------------------------------------------------

    def _number(self) -> Any:
        refuse_in_capture()
        COPIES["to host"] += 1
        return self._host

    def item(self, *args: Any) -> Any:
        return self._number().item(*args)

    def tolist(self) -> Any:
        return self._number().tolist()

    def __bool__(self) -> bool:
        return bool(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __complex__(self) -> complex:
        return complex(self._number())

    def __iter__(self) -> Iterator[Any]:
        return iter([self[k] for k in range(len(self))])

    # -- memory ------------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Array:
        found = self._host[wrapped_index(bare(index), self.shape)]
        return self._view(np.asarray(found))

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise Mixed("a host array written into the device's")
        plain = value if isinstance(value, np.ndarray) else bare(value)
        place = wrapped_index(bare(index), self.shape)

        def write() -> None:
            with np.errstate(all="ignore"):
                self._host[place] = plain

        launch(write)

    def view(self, *args: Any) -> Array:
        return self._view(self._host.view(*args))

    def fill(self, value: Any) -> None:
        launch(lambda: self._host.fill(bare(value)))

    def sort(self, axis: int = -1) -> None:
        launch(lambda: self._host.sort(axis))


def method(name: str) -> Callable[..., Any]:
    unbound = getattr(np.ndarray, name)

    def call(self: Array, *args: Any, **kwargs: Any) -> Any:
        return lift(unbound)(self, *args, **kwargs)

    return call


METHODS = (
    "all any argmax argmin argsort astype clip conj conjugate copy cumprod cumsum diagonal dot flatten max mean min "
    "nonzero prod ravel repeat reshape round squeeze std sum swapaxes take trace transpose var"
).split()
for name in METHODS:
    setattr(Array, name, method(name))


def binary(function: Callable[..., Any], back: bool) -> Callable[..., Any]:
    def call(self: Array, other: Any) -> Any:
        return lift(function)(other, self) if back else lift(function)(self, other)

    return call


def in_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Array, other: Any) -> Array:
        plain = bare(other)

        def write() -> None:
            with np.errstate(all="ignore"):
                function(self._host, plain)

        launch(write)
        return self

    return call


for name in "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift matmul".split():
    word = name.strip("_")
    setattr(Array, f"__{word}__", binary(getattr(operator, name), False))
    setattr(Array, f"__r{word}__", binary(getattr(operator, name), True))
    setattr(Array, f"__i{word}__", in_place(getattr(operator, "i" + word)))
for name in "eq ne lt le gt ge".split():
    setattr(Array, f"__{name}__", binary(getattr(operator, name), False))
for name in "neg pos abs invert".split():
    setattr(Array, f"__{name}__", lift(getattr(operator, name)))


# -- the module --------------------------------------------------------------------------------------------------------

# What CuPy 14 lacks of the functions in NumPy 2 that an op might use.
LACKING = frozenset(
    "block einsum_path errstate flexible frompyfunc geomspace histogram_bin_edges insert longdouble matvec "
    "nanpercentile nanquantile ndenumerate nditer nested_iters polyint spacing unstack vecdot vecmat".split()
)
REDUCED = {"reduce": ("add", "multiply"), "accumulate": ("add", "multiply"), "reduceat": ("add",),
           "at": ("add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor")}  # fmt: skip


class Ufunc:
    """A ufunc, with only those of its methods that CuPy has."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self.ufunc, self.name = ufunc, ufunc.__name__
        self.call = lift(ufunc)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "outer" or self.name in REDUCED.get(name, ()):
            return self.scatter if name == "at" else lift(getattr(self.ufunc, name))
        raise NotImplementedError(f"`cupy_{self.name}.{name}` is not supported yet")

    def scatter(self, target: Array, index: Any, values: Any = None) -> None:
        launch(lambda: self.ufunc.at(target._host, wrapped_index(bare(index), target.shape), bare(values)))


class Library(ModuleType):
    """The module that ops use as ``xp``."""

    def __init__(self, source: Any, name: str) -> None:
        super().__init__(name)
        self.source = source

    def __getattr__(self, name: str) -> Any:
        if name in LACKING:
            raise AttributeError(f"CuPy has no {name}")
        value = getattr(self.source, name)
        if isinstance(value, np.ufunc):
            made: Any = Ufunc(value)
        elif isinstance(value, ModuleType):
            made = Library(value, f"strict.{name}")
        elif isinstance(value, type) or not callable(value):
            made = value
        else:
            made = lift(value)
        setattr(self, name, made)
        return made


xp: Any = Library(np, "strict")
xp.ndarray = Array


def creator(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes device arrays from host data, where CuPy accepts host data too."""

    def call(value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, np.ndarray):
            refuse_in_capture()
        plain = value if isinstance(value, np.ndarray) else bare(value)
        return Array(
            np.array(function(plain, *args, **kwargs))
            if isinstance(value, np.ndarray)
            else function(plain, *args, **kwargs)
        )

    return call


xp.asarray, xp.array, xp.ascontiguousarray = creator(np.asarray), creator(np.array), creator(np.ascontiguousarray)


class StrictBackend(Backend):
    """The reference kernels on the strict device."""

    name = "strict"
    xp = xp
    array_class = Array

    def window(self, buffer: Any, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
        assert isinstance(buffer, Array), type(buffer)
        size = dtype.itemsize
        steps = tuple([step * size for step in strides])
        start = 0 if 0 in shape else offset * size  # an empty window may begin past the end
        return Array(np.ndarray(shape, dtype, buffer._host, start, steps))

    def as_array(self, value: Any) -> Any:
        assert not isinstance(value, np.ndarray), "a kernel returned a host array"
        return value if isinstance(value, Array) else Array(np.asarray(value))

    def from_host(self, host: Any, index: int | None = None) -> Any:
        assert isinstance(host, np.ndarray), type(host)
        if tracing.get():
            record_copy("to device", host)
        return Array(host.copy())

    def to_host(self, array: Any) -> Any:
        assert isinstance(array, Array), type(array)
        COPIES["to host"] += 1
        if tracing.get():
            record_copy("to host", array._host)
        return array._host.copy()

    def locate(self, array: Any) -> tuple[str, int | None]:
        return "strict", None

    def address(self, array: Any) -> int:
        return int(array._host.ctypes.data)


@contextmanager
def installed() -> Iterator[None]:
    """Register the device, and remove it afterwards."""
    backends.install("strict", StrictBackend)
    backends.open_backend("strict")
    try:
        yield
    finally:
        for table, key in ((backends.LOADERS, "strict"), (backends.OPEN, "strict"), (backends.BY_ARRAY, Array)):
            table.pop(key, None)  # type: ignore[attr-defined, call-overload]


@contextmanager
def host_copies() -> Iterator[Callable[[], int]]:
    """Return a function that counts the copies to the host since the start of the block."""
    before = COPIES["to host"]
    yield lambda: COPIES["to host"] - before
