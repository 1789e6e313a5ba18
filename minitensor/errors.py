"""Every error the library raises on purpose, each a subclass of the built-in class that PyTorch raises.

A caller may catch the built-in class, as in PyTorch, or the narrower one, or ``MinitensorError`` for all of them. This
file defines errors of one built-in class first, then those of several classes, then those of files. It knows no
tensors: messages are written where the values are. They say what was given, what was expected and what to do. ``quote``
shows values of any size.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import PicklingError, UnpicklingError
from typing import Any


class MinitensorError(Exception):
    """The base class of all errors that this library raises."""


# -- sizes, dims and indices -------------------------------------------------------------------------------------------


class ShapeError(MinitensorError, RuntimeError):
    """Sizes do not fit: in view, expand, matmul, broadcasting, conv ..."""


class ViewError(ShapeError):
    """No strides give the requested shape without a copy."""


class DimError(MinitensorError, IndexError):
    """A dimension that the tensor does not have."""


class RepeatedDimError(MinitensorError, RuntimeError):
    """A dimension is named more than once, or a list of dimensions is not a permutation."""


class IndexRangeError(MinitensorError, IndexError):
    """An index is out of range, or there are more indices than dimensions."""


class InvalidIndexError(MinitensorError, IndexError):
    """A value that cannot be an index: a float, a string, a mask of another shape."""


# -- dtypes, devices and arguments -------------------------------------------------------------------------------------


class DtypeError(MinitensorError, RuntimeError):
    """The dtype cannot be used here, or the result cannot be cast to it."""


class DeviceError(MinitensorError, RuntimeError):
    """Tensors on different devices, or a device that does not exist."""


class ArgumentError(MinitensorError, ValueError):
    """An argument of the right type has an invalid value."""


class ArgumentTypeError(MinitensorError, TypeError):
    """An argument is of the wrong type, missing, or unknown."""


class UsageError(MinitensorError, RuntimeError):
    """Arguments that cannot be combined, or a missing one."""


class ScalarError(MinitensorError, RuntimeError):
    """A single number was requested from a tensor that does not have exactly one element."""


class MissingEntryError(MinitensorError, KeyError):
    """A dict lacks an entry that is needed."""

    __str__ = Exception.__str__  # KeyError shows a repr


class DistributionError(MinitensorError, RuntimeError):
    """Parameters that a distribution does not allow, or values that do not fit the dtype."""


class GeneratorStateError(MinitensorError, RuntimeError):
    """Bytes that are not the state of a random number generator."""


class LinAlgError(MinitensorError, RuntimeError):
    """A matrix has no inverse or no such factors, or its eigenvalues were not found."""


class UnsupportedError(MinitensorError, NotImplementedError):
    """A feature of PyTorch that this library lacks. The message says what to use instead."""


class MetaError(UnsupportedError):
    """A tensor on the device "meta" has no elements to read, so this cannot be computed."""


class NoMemoryError(MinitensorError, BufferError):
    """A tensor on the device "meta" has no memory that another library could use."""


class NestingError(MinitensorError, RecursionError):
    """Values that are nested too deeply or contain themselves."""


# -- the graph, writes and modules -------------------------------------------------------------------------------------


class GradError(MinitensorError, RuntimeError):
    """A gradient that cannot be computed: no graph, a graph already freed, a non-scalar root."""


class VersionError(GradError):
    """A tensor that was saved for the backward pass has been changed in place."""


class GradcheckError(MinitensorError, RuntimeError):
    """An analytic gradient differs from the numerical one."""


class CheckpointError(UsageError):
    """The second run of a checkpointed function did not save the same tensors as the first."""


class InplaceError(MinitensorError, RuntimeError):
    """An in-place write that is not allowed: to a leaf, to overlapping memory, to another shape."""


class BatchingError(MinitensorError, RuntimeError):
    """An operation that ``vmap`` cannot compute for all samples at once, such as reading values."""


class NoValuesError(BatchingError):
    """The values of one sample were requested in ``vmap``, which computes all samples at once."""


class StateDictError(MinitensorError, RuntimeError):
    """A state dict that does not match its module. The message lists every difference."""


class ComparisonError(MinitensorError, AssertionError):
    """Two values that should be equal, or close, are not."""


class LoaderTimeoutError(MinitensorError, RuntimeError):
    """A worker of a data loader took longer than the timeout."""


class LostWorkerError(MinitensorError, RuntimeError):
    """A worker of a data loader that runs only in the process from which this one was forked."""


class MissingNameError(MinitensorError, AttributeError):
    """A name of PyTorch that this library lacks. The message says why, and what to use instead."""


class MissingModuleError(MinitensorError, ModuleNotFoundError):
    """A module of PyTorch that this library lacks. The message says why, and what to use instead."""


class MissingImportError(MinitensorError, ImportError):
    """A name that ``from torch import`` wants and this library lacks."""


class MissingExtraError(MinitensorError, ImportError):
    """An optional package is not installed. The message names the extra to install."""

    @classmethod
    def of(cls, package: str, extra: str) -> MissingExtraError:
        """Name the missing package and the command that installs it.

        >>> print(MissingExtraError.of("tqdm", "demo"))
        tqdm is not installed; it comes with the extra 'demo': pip install minitensor-py[demo]
        """
        return cls(
            f"{package} is not installed; it comes with the extra {extra!r}: pip install minitensor-py[{extra}]",
            name=package,
        )


class ProcessRaisedError(MinitensorError):
    """A function that another process called raised; the message has its traceback."""

    def __init__(self, message: str, error_index: int, error_pid: int) -> None:
        super().__init__(message)
        self.error_index, self.error_pid = error_index, error_pid


class ProcessExitedError(MinitensorError):
    """Another process ended with an exit code or by a signal."""

    def __init__(
        self, message: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(message)
        self.error_index, self.error_pid = error_index, error_pid
        self.exit_code, self.signal_name = exit_code, signal_name


# -- errors of two kinds -----------------------------------------------------------------------------------------------

# PyTorch may raise one of several classes for the same mistake, depending on the function or the path in it, or a class
# that does not describe the mistake. The error here is then a subclass of all of them. Most names combine two: a
# ShapeIndexError is a ShapeError and an IndexError. In Python, a NotImplementedError is a RuntimeError too.


class ShapeValueError(ShapeError, ArgumentError):
    """Sizes that do not match: a RuntimeError and a ValueError."""


class ShapeIndexError(ShapeError, DimError):
    """Too few or too many dims or entries: a RuntimeError and an IndexError."""


class ShapeIndexValueError(ShapeIndexError, ArgumentError):
    """Too few or too many dims, if PyTorch may raise ValueError too."""


class IndexRuntimeError(IndexRangeError, RuntimeError):
    """A position, a row of a table or a class out of range: an IndexError and a RuntimeError."""


class IndexTypeError(InvalidIndexError, ArgumentTypeError):
    """A string or another sequence as an index: an IndexError and a TypeError."""


class IndexValueError(IndexRangeError, ArgumentError):
    """An index too large for int64, or too few values: an IndexError and a ValueError."""


class UsageValueError(UsageError, ArgumentError):
    """An invalid option, or an invalid combination of options: a RuntimeError and a ValueError."""


class UninitializedError(UsageValueError):
    """A parameter or buffer without a shape was used: a RuntimeError and a ValueError."""


class UsageTypeError(UsageError, ArgumentTypeError):
    """An argument of the wrong type: a RuntimeError and a TypeError."""


class UsageZeroDivisionError(UsageError, ZeroDivisionError):
    """A division by zero: a RuntimeError, as in PyTorch, and Python's ZeroDivisionError."""


class EndlessDataError(ArgumentTypeError):
    """A list that holds itself, among the data of a tensor."""


class WrongTypeError(ArgumentTypeError, AttributeError):
    """An argument of the wrong type, if PyTorch's function in Python raises AttributeError."""


class OverrideError(ArgumentTypeError):
    """A call that no ``__torch_function__`` of its arguments' classes takes."""


class WrongKindError(ArgumentError, ArgumentTypeError):
    """An argument of the wrong type, or a string among numbers: a ValueError and a TypeError."""


class AttributeValueError(ArgumentError, WrongTypeError):
    """An argument of the wrong type: a ValueError, a TypeError and an AttributeError."""


class ScalarTypeError(ScalarError, WrongTypeError):
    """A tensor instead of a number, a bool or a string: a RuntimeError, a TypeError and an AttributeError."""


class KeyTypeError(ArgumentTypeError, KeyError):
    """A value that cannot be assigned under its name: a TypeError and a KeyError."""

    __str__ = Exception.__str__  # KeyError shows a repr


class MissingParameterError(ArgumentError, MissingEntryError, WrongTypeError):
    """A module has no parameter of this name: a ValueError, a KeyError, an AttributeError and a TypeError."""


class UnsupportedDtypeError(DtypeError, NotImplementedError):
    """A dtype for which there is no kernel, or complex numbers, which have no order; a NotImplementedError."""


class EncodedError(UnsupportedDtypeError):
    """The memory is encoded, and a function reads it as numbers: Note [Encoded arrays] in ``backends/encoded.py``.

    ``wanted`` is the dtype of results that are to be encoded, if the function asked for it.
    """

    def __init__(self, message: str, wanted: Any = None) -> None:
        super().__init__(message)
        self.wanted = wanted


class UnsupportedTypeError(UnsupportedDtypeError, ArgumentTypeError):
    """A bitwise op on floats: a NotImplementedError and a TypeError."""


class RealNumberError(UnsupportedDtypeError, WrongTypeError):
    """A complex number instead of a real one: a NotImplementedError, a TypeError and an AttributeError."""


class UnsupportedValueError(UnsupportedError, ArgumentError):
    """An unknown mode, or one not supported for this number of dims: a NotImplementedError and a ValueError."""


class OutDtypeError(DtypeError, ArgumentTypeError):
    """A result cannot be cast to the dtype of ``out``: a RuntimeError and, in ops that join tensors, a TypeError."""


class Int64RangeError(DtypeError, ArgumentError, ArgumentTypeError, OverflowError):
    """An int too large for int64. PyTorch raises one of these four classes."""


class AcceleratorError(UsageError):
    """PyTorch's class of errors that a GPU reports, for ``except``; CuPy's own errors are raised here."""


class OutOfMemoryError(MinitensorError, RuntimeError, MemoryError):
    """There is not enough memory for a result; PyTorch raises RuntimeError."""


class ReadOnlyError(InplaceError, ValueError):
    """A write to read-only memory; NumPy raises ValueError."""


class ScalerError(UsageError, AssertionError):
    """A gradient scaler is used in the wrong order, or has a wrong factor."""


class GuardError(AssertionError, ArgumentError):
    """An invalid value that PyTorch checks with an assertion: an AssertionError and a ValueError."""


class GuardZeroDivisionError(GuardError, ZeroDivisionError):
    """A zero as divisor, which PyTorch checks with an assertion or divides by."""


class GradAssertionError(GradError, AssertionError):
    """A tensor that will not get a gradient, which PyTorch checks with an assertion."""


class MissingDeviceError(DeviceError, MissingExtraError, AssertionError):
    """A device whose optional package is not installed: PyTorch raises RuntimeError or AssertionError."""


class NoSuchDeviceError(DeviceError, AssertionError):
    """A kind of device that this library never has: PyTorch raises RuntimeError or AssertionError."""


class MissingMonitorError(MissingExtraError, ModuleNotFoundError):
    """The package that measures GPUs is not installed; PyTorch raises ModuleNotFoundError."""


# -- files -------------------------------------------------------------------------------------------------------------


class FileFormatError(MinitensorError, RuntimeError, UnpicklingError):
    """A file that is damaged or of another format. PyTorch raises one of the two classes."""


class MissingFileError(MinitensorError, RuntimeError, FileNotFoundError):
    """A file of a data set that is not there: torchvision raises RuntimeError."""


class CutShortError(FileFormatError, EOFError):
    """A file that is empty or incomplete."""


class FileReadError(FileFormatError, OSError):
    """An error of the system while reading a file, or a position past its end."""


class ByteOrderError(FileFormatError, ArgumentError):
    """A file with an unknown byte order; PyTorch raises ValueError."""


class ForeignDtypeError(FileFormatError, DtypeError):
    """A file with tensors of a dtype that this library does not have."""


class AbsentDeviceError(FileFormatError, DeviceError):
    """A file with tensors from a device that this machine does not have."""


class ForbiddenNameError(FileFormatError):
    """A file that names a function or instruction that is not in the tables."""


class AbsentNameError(FileFormatError, AttributeError):
    """A file that refers to a function or class that does not exist here."""


class UnpicklableError(ArgumentTypeError, PicklingError, AttributeError):
    """A value that cannot be written to a file, such as a function inside another one."""


class TextFileError(WrongTypeError, AssertionError):
    """A file open for text; PyTorch raises AssertionError."""


class PictureError(ArgumentError, OSError):
    """An image of a mode that Pillow cannot change like this: a ValueError and, as Pillow's own, an OSError."""


class WriteError(MinitensorError, OSError, RuntimeError):
    """The system cannot write a file; PyTorch raises RuntimeError."""


class WriteNotFoundError(WriteError, FileNotFoundError):
    """The folder for a new file does not exist, or the path is empty."""


class WriteIsADirectoryError(WriteError, IsADirectoryError):
    """A folder instead of a file."""


class WriteNotADirectoryError(WriteError, NotADirectoryError):
    """A file instead of a folder."""


class WritePermissionError(WriteError, PermissionError):
    """A file or folder that this process may not write to."""


# -- values in messages ------------------------------------------------------------------------------------------------


class Quoter(reprlib.Repr):
    """Representations of values in bounded time and space."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = 60
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = 5

    def repr_int(self, x: int, level: int) -> str:
        """Show an integer, or only its size if it is huge, because its digits would take quadratic time."""
        return repr(x) if x.bit_length() <= 128 else f"<int of {x.bit_length()} bits>"

    def repr_bytes(self, x: bytes, level: int) -> str:
        """Show the first bytes."""
        return repr(x) if len(x) <= self.maxstring else f"{x[: self.maxstring]!r}..."

    def repr_instance(self, x: object, level: int) -> str:
        """Show a number, a dtype or another simple value. Show only the class of a tensor or a container."""
        if hasattr(type(x), "__iter__"):
            return f"<{type(x).__name__}>"
        return shorten(super().repr_instance(x, level), self.maxother)


@contextmanager
def convert_recursion_error(what: str) -> Iterator[None]:
    """Convert Python's RecursionError to an error that names the value nested too deeply."""
    try:
        yield
    except RecursionError:
        raise NestingError(f"{what} are nested too deeply, or hold themselves") from None


def quote(value: object) -> str:
    """Return a value as text for a message: like ``repr``, but short for large and deeply nested values.

    >>> quote(["a", (1.5, [2, [3, [4]]])])
    "['a', (1.5, [2, [...]])]"
    >>> quote(2**1000)
    '<int of 1001 bits>'
    """
    return shorten(Quoter().repr(value))


def shorten(text: str, most: int = 200) -> str:
    """Return a text, shortened to ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."
