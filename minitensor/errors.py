"""Every error the library raises on purpose, each a child of the built-in class that PyTorch raises in its place.

A caller may catch the built-in class, as in PyTorch, or the narrower one, or ``MinitensorError`` for all of them. This
file knows no tensors: a message is written where the values are; it says what was given, what was wanted, what to do.
``quote`` shows a value that may be of any size.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError


class MinitensorError(Exception):
    """The common parent: anything this library refuses to do."""


class ShapeError(MinitensorError, RuntimeError):
    """Sizes do not fit: in view, expand, matmul, broadcasting, conv ..."""


class ViewError(ShapeError):
    """No strides over the old memory give the wanted shape; a copy would."""


class DimError(MinitensorError, IndexError):
    """A dimension lies outside the tensor's dimensions."""


class RepeatedDimError(MinitensorError, RuntimeError):
    """A dimension is named more than once, or a list of dimensions is not a permutation."""


class IndexOutOfRange(MinitensorError, IndexError):
    """An index lies outside its dimension, or there are more indices than dimensions."""


class InvalidIndexError(MinitensorError, IndexError):
    """Something that cannot index at all: a float, a string, a mask of another shape."""


class DtypeError(MinitensorError, RuntimeError):
    """The dtype cannot be used here, or the result cannot be cast to it."""


class UnsupportedDtype(DtypeError, NotImplementedError):
    """A dtype for which there is no kernel; PyTorch raises NotImplementedError."""


class DeviceError(MinitensorError, RuntimeError):
    """Tensors on different devices, or a device that is not there."""


class ArgumentError(MinitensorError, ValueError):
    """An argument of the right type has a value that makes no sense."""


class ArgumentTypeError(MinitensorError, TypeError):
    """An argument is of the wrong type, missing, or unknown."""


class WrongTypeError(ArgumentTypeError, AttributeError):
    """An argument of the wrong type, found where it was used; PyTorch's functions in Python raise AttributeError."""


class WrongKindError(ArgumentError, ArgumentTypeError):
    """An argument of the wrong type, for which PyTorch raises ValueError."""


class MissingEntryError(MinitensorError, KeyError):
    """A dict lacks an entry that is needed."""

    __str__ = Exception.__str__  # KeyError shows a repr


class BeyondInt64(DtypeError, ArgumentError, ArgumentTypeError, OverflowError):
    """An int that int64 does not hold: PyTorch raises one of these four, by the place that reads the number."""


class OutOfMemory(MinitensorError, RuntimeError, MemoryError):
    """There is no memory for a result; PyTorch raises RuntimeError."""


class GuardError(ArgumentError, AssertionError):
    """A value that makes no sense, where PyTorch only asserts."""


class ComparisonError(MinitensorError, AssertionError):
    """Two values that should be equal, or close, are not."""


class ScalarError(MinitensorError, RuntimeError):
    """One number was wanted from a tensor that holds none or many."""


class UsageError(MinitensorError, RuntimeError):
    """Arguments that do not go together, or one that must not be left out."""


class WrongKindUsage(UsageError, ArgumentTypeError):
    """An argument of the wrong type, for which PyTorch raises RuntimeError or TypeError."""


class UnsupportedError(MinitensorError, NotImplementedError):
    """PyTorch has this, the library has not; the message says what to use instead."""


class GradError(MinitensorError, RuntimeError):
    """Something the graph cannot do: no gradient to compute, a graph already freed, a non-scalar root."""


class VersionError(GradError):
    """A tensor saved for the backward pass was changed in place since."""


class InplaceError(MinitensorError, RuntimeError):
    """An in-place write that would be wrong: on a leaf, on overlapping memory, to another shape."""


class ReadOnlyError(InplaceError, ValueError):
    """A write to memory that must not be changed; NumPy raises ValueError."""


class LinAlgError(MinitensorError, RuntimeError):
    """A matrix has no inverse, no factors of the wanted kind, or its eigenvalues were not found."""


class BatchingError(MinitensorError, RuntimeError):
    """What cannot be done for all samples of ``vmap`` at once: a look at values, a write into what is shared."""


class NoValues(BatchingError):
    """The values of one sample were asked for where all samples are computed at once."""


class StateDictError(MinitensorError, RuntimeError):
    """A state dict that does not fit its module; every misfit is listed."""


class FileFormatError(MinitensorError, RuntimeError, UnpicklingError):
    """A file that is damaged or of another format: PyTorch raises one of the two, by the part of the file."""


class CutShortError(FileFormatError, EOFError):
    """A file that is empty, or ends before what it holds is complete."""


class FileReadError(FileFormatError, OSError):
    """A file in which the system finds an error, or a place that the file does not have."""


class NestingError(MinitensorError, RecursionError):
    """Values nested too deeply, or that hold themselves."""


class MissingExtraError(MinitensorError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """Say which package is missing and how to install it.

        >>> print(MissingExtraError.of("tqdm", "demo"))
        tqdm is not installed; it comes with the extra 'demo': pip install minitensor-py[demo]
        """
        return cls(
            f"{package} is not installed; it comes with the extra {extra!r}: pip install minitensor-py[{extra}]",
            name=package,
        )


class Quoter(reprlib.Repr):
    """Representations that take a bounded time and space, whatever the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = 60
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 5

    def repr_int(self, x: int, level: int) -> str:
        """Show an integer; of a huge one, its size: its digits would take quadratic time."""
        return repr(x) if x.bit_length() <= 128 else f"<int of {x.bit_length()} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """Show the first bytes."""
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}..."

    def repr_instance(self, x: object, level: int) -> str:
        """Show a number, a dtype or another value without parts; of a tensor or a container, its class."""
        if hasattr(type(x), "__iter__"):
            return f"<{type(x).__name__}>"
        return cut(super().repr_instance(x, level), self.maxother)


@contextmanager
def nesting(what: str) -> Iterator[None]:
    """Say what is nested too deeply where Python's stack ends."""
    try:
        yield
    except RecursionError:
        raise NestingError(f"{what} are nested too deeply, or hold themselves") from None


def quote(value: object) -> str:
    """Return a value as a message shows it: like ``repr``, but short, however long, deep or often repeated its parts.

    >>> quote(["a", (1.5, [2, [3, [4]]])])
    "['a', (1.5, [2, [...]])]"
    >>> quote(2**1000)
    '<int of 1001 bits>'
    """
    return cut(Quoter().repr(value))


def cut(text: str, most: int = 200) -> str:
    """Return a text, shortened to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
