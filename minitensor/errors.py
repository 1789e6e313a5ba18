"""Every error the library raises on purpose, each a child of the built-in class that PyTorch raises in its place.

A caller may catch the built-in class, as in PyTorch, or the narrower one, or ``MinitensorError`` for all of them. First
come the plain kinds, then the errors of two kinds, then those of files. This file knows no tensors: a message is
written where the values are; it says what was given, what was wanted, what to do. ``quote`` shows a value that may be
of any size.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError


class MinitensorError(Exception):
    """The common parent: anything this library refuses to do."""


# -- sizes, dims and indices -------------------------------------------------------------------------------------------


class ShapeError(MinitensorError, RuntimeError):
    """Sizes do not fit: in view, expand, matmul, broadcasting, conv ..."""


class ViewError(ShapeError):
    """No strides over the old memory give the wanted shape; a copy would."""


class DimError(MinitensorError, IndexError):
    """A dimension lies outside the tensor's dimensions."""


class RepeatedDimError(MinitensorError, RuntimeError):
    """A dimension is named more than once, or a list of dimensions is not a permutation."""


class IndexRangeError(MinitensorError, IndexError):
    """An index lies outside its dimension, or there are more indices than dimensions."""


class InvalidIndexError(MinitensorError, IndexError):
    """Something that cannot index at all: a float, a string, a mask of another shape."""


# -- dtypes, devices and arguments -------------------------------------------------------------------------------------


class DtypeError(MinitensorError, RuntimeError):
    """The dtype cannot be used here, or the result cannot be cast to it."""


class DeviceError(MinitensorError, RuntimeError):
    """Tensors on different devices, or a device that is not there."""


class ArgumentError(MinitensorError, ValueError):
    """An argument of the right type has a value that makes no sense."""


class ArgumentTypeError(MinitensorError, TypeError):
    """An argument is of the wrong type, missing, or unknown."""


class UsageError(MinitensorError, RuntimeError):
    """Arguments that do not go together, or one that must not be left out."""


class ScalarError(MinitensorError, RuntimeError):
    """One number was wanted from a tensor that holds none or many."""


class MissingEntryError(MinitensorError, KeyError):
    """A dict lacks an entry that is needed."""

    __str__ = Exception.__str__  # KeyError shows a repr


class DistributionError(MinitensorError, RuntimeError):
    """Parameters that a distribution does not allow, or values that do not fit the dtype."""


class GeneratorStateError(MinitensorError, RuntimeError):
    """Bytes that are not the state of a random number generator."""


class LinAlgError(MinitensorError, RuntimeError):
    """A matrix has no inverse, no factors of the wanted kind, or its eigenvalues were not found."""


class UnsupportedError(MinitensorError, NotImplementedError):
    """PyTorch has this, the library has not; the message says what to use instead."""


class NestingError(MinitensorError, RecursionError):
    """Values nested too deeply, or that hold themselves."""


# -- the graph, writes and modules -------------------------------------------------------------------------------------


class GradError(MinitensorError, RuntimeError):
    """Something the graph cannot do: no gradient to compute, a graph already freed, a non-scalar root."""


class VersionError(GradError):
    """A tensor saved for the backward pass was changed in place since."""


class GradcheckError(MinitensorError, RuntimeError):
    """An analytic gradient differs from the numerical one."""


class CheckpointError(UsageError):
    """The second run of a checkpointed function did not save the same tensors as the first."""


class InplaceError(MinitensorError, RuntimeError):
    """An in-place write that would be wrong: on a leaf, on overlapping memory, to another shape."""


class BatchingError(MinitensorError, RuntimeError):
    """What cannot be done for all samples of ``vmap`` at once: a look at values, a write into what is shared."""


class NoValuesError(BatchingError):
    """The values of one sample were asked for where all samples are computed at once."""


class StateDictError(MinitensorError, RuntimeError):
    """A state dict that does not fit its module; every misfit is listed."""


class ComparisonError(MinitensorError, AssertionError):
    """Two values that should be equal, or close, are not."""


class LoaderTimeoutError(MinitensorError, RuntimeError):
    """A worker of a data loader took longer than the timeout."""


class LostWorkerError(MinitensorError, RuntimeError):
    """A worker of a data loader whose thread runs in the process from which this one was forked, not here."""


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


# -- errors of two kinds -----------------------------------------------------------------------------------------------

# PyTorch may raise one class or another for the same mistake, by the function or by the path taken in it, or a class
# that does not fit the mistake. The error here is then a child of both. Most names join the two: a ShapeIndexError is a
# ShapeError and an IndexError. In Python, a NotImplementedError is a RuntimeError too.


class ShapeValueError(ShapeError, ArgumentError):
    """Sizes, or an equation of them, that do not fit: a RuntimeError and a ValueError."""


class ShapeIndexError(ShapeError, DimError):
    """Too few or too many dims or entries: a RuntimeError and an IndexError."""


class ShapeIndexValueError(ShapeIndexError, ArgumentError):
    """Too few or too many dims, where PyTorch may raise ValueError, too."""


class IndexRuntimeError(IndexRangeError, RuntimeError):
    """A position, a row of a table or a class that does not exist: an IndexError and a RuntimeError."""


class IndexTypeError(InvalidIndexError, ArgumentTypeError):
    """Text as an index: an IndexError and a TypeError."""


class IndexValueError(IndexRangeError, ArgumentError):
    """An index that int64 does not hold, or too few values: an IndexError and a ValueError."""


class UsageValueError(UsageError, ArgumentError):
    """An option that makes no sense, by itself or beside the others: a RuntimeError and a ValueError."""


class UninitializedError(UsageValueError):
    """A parameter or buffer without a shape was used: a RuntimeError and a ValueError."""


class UsageTypeError(UsageError, ArgumentTypeError):
    """An argument of the wrong type: a RuntimeError and a TypeError."""


class UsageZeroDivisionError(UsageError, ZeroDivisionError):
    """A division by zero: a RuntimeError, as in PyTorch, and Python's ZeroDivisionError."""


class WrongTypeError(ArgumentTypeError, AttributeError):
    """An argument of the wrong type, found where it was used; PyTorch's functions in Python raise AttributeError."""


class WrongKindError(ArgumentError, ArgumentTypeError):
    """An argument of the wrong type, or text among numbers: a ValueError and a TypeError."""


class AttributeValueError(ArgumentError, WrongTypeError):
    """An argument of the wrong type: a ValueError, a TypeError and an AttributeError."""


class ScalarTypeError(ScalarError, WrongTypeError):
    """A tensor where a number, a bool or text is wanted: a RuntimeError, a TypeError and an AttributeError."""


class KeyTypeError(ArgumentTypeError, KeyError):
    """A value that cannot be assigned under its name: a TypeError and a KeyError."""

    __str__ = Exception.__str__  # KeyError shows a repr


class MissingParameterError(ArgumentError, MissingEntryError, WrongTypeError):
    """A module has no parameter of this name: a ValueError, a KeyError, an AttributeError and a TypeError."""


class UnsupportedDtypeError(DtypeError, NotImplementedError):
    """A dtype for which there is no kernel, or complex numbers, which have no order; a NotImplementedError."""


class UnsupportedTypeError(UnsupportedDtypeError, ArgumentTypeError):
    """A bitwise op on floats: a NotImplementedError and a TypeError."""


class RealNumberError(UnsupportedDtypeError, WrongTypeError):
    """Not a real number where one is wanted: a NotImplementedError, a TypeError and an AttributeError."""


class UnsupportedValueError(UnsupportedError, ArgumentError):
    """A mode that is unknown, or not for this number of dims: a NotImplementedError and a ValueError."""


class OutDtypeError(DtypeError, ArgumentTypeError):
    """A result cannot be cast to the dtype of ``out``: a RuntimeError and, in ops that join tensors, a TypeError."""


class Int64RangeError(DtypeError, ArgumentError, ArgumentTypeError, OverflowError):
    """An int that int64 does not hold: PyTorch raises one of these four, by the place that reads the number."""


class OutOfMemoryError(MinitensorError, RuntimeError, MemoryError):
    """There is no memory for a result; PyTorch raises RuntimeError."""


class ReadOnlyError(InplaceError, ValueError):
    """A write to memory that must not be changed; NumPy raises ValueError."""


class GuardError(ArgumentError, AssertionError):
    """A value that makes no sense, where PyTorch only asserts: a ValueError and an AssertionError."""


class GuardZeroDivisionError(GuardError, ZeroDivisionError):
    """A zero that would be divided by, where PyTorch asserts or divides."""


class GradAssertionError(GradError, AssertionError):
    """A tensor to which no gradient comes; PyTorch only asserts that one does."""


# -- files -------------------------------------------------------------------------------------------------------------


class FileFormatError(MinitensorError, RuntimeError, UnpicklingError):
    """A file that is damaged or of another format: PyTorch raises one of the two, by the part of the file."""


class CutShortError(FileFormatError, EOFError):
    """A file that is empty, or ends before what it holds is complete."""


class FileReadError(FileFormatError, OSError):
    """A file in which the system finds an error, or a place that the file does not have."""


class ByteOrderError(FileFormatError, ArgumentError):
    """A file with an unknown byte order; PyTorch raises ValueError."""


class ForeignDtypeError(FileFormatError, DtypeError):
    """A file with tensors of a dtype that this library does not have."""


class AbsentDeviceError(FileFormatError, DeviceError):
    """A file with tensors from a device that this machine does not have."""


class ForbiddenNameError(FileFormatError):
    """A file that names a function or instruction outside of the tables."""


class TextFileError(WrongTypeError, AssertionError):
    """A file open for text; PyTorch raises AssertionError."""


class WriteError(MinitensorError, OSError, RuntimeError):
    """The system cannot write a file; PyTorch raises RuntimeError."""


class WriteNotFoundError(WriteError, FileNotFoundError):
    """The folder for a new file does not exist, or the path is empty."""


class WriteIsADirectoryError(WriteError, IsADirectoryError):
    """A folder where a file was expected."""


class WriteNotADirectoryError(WriteError, NotADirectoryError):
    """A file where a folder was expected."""


class WritePermissionError(WriteError, PermissionError):
    """A file or folder that this process may not write to."""


# -- values in messages ------------------------------------------------------------------------------------------------


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
