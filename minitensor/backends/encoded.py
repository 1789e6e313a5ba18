"""Encoded arrays: memory whose elements mean something else than NumPy reads in them.

Note [Encoded arrays]. A bfloat16 number is the upper half of a float32 number, and NumPy has no such type. The
conjugate ``x.conj()`` is a view: the memory of ``x``, whose imaginary parts count with the opposite sign; its imaginary
part is in turn memory that counts with the opposite sign. All three are *encoded* memory, served by one mechanism.

- The array of a storage tells the encoding by its class: ``Bfloat16Array`` holds bits, ``ConjugateArray`` and
  ``NegativeArray`` share the numbers of another storage. Views, slices and everything else that concerns only storages
  and layouts works as for any memory.
- An encoded tensor has no ``array``: reading the attribute raises ``EncodedError``, and so does the attribute ``numpy``
  of ``bfloat16``. Nothing can therefore read encoded memory as if it were plain numbers.
- A recorder that catches this error repeats the operation (``autograd/encoded.py``): the body gets the decoded numbers,
  float32 for bfloat16, and its result is rounded where promotion gives bfloat16. Operations that only move elements
  get the bits themselves. An in-place operation works on decoded numbers, which are then encoded into the memory. The
  node gets decoded values too, so gradient formulas compute in float32.
- Only operations on encoded tensors pay for this. Others never look: for them an ``except`` clause is not entered.

Everything else that reads or writes elements calls ``elements_of`` or ``write_values`` (``base.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.table import NumpyBackend
from minitensor.dtypes import bfloat16
from minitensor.errors import EncodedError, UnsupportedDtypeError

if TYPE_CHECKING:
    from minitensor.backends import Array


class EncodedArray(numpy.ndarray[Any, Any]):
    """An array of elements that must be decoded."""

    def decode(self) -> Array:
        """Return the numbers that the elements mean, in new memory."""
        raise NotImplementedError

    @classmethod
    def encode(cls, values: Array) -> Array:
        """Return the elements, in an array of NumPy's class, that mean these numbers."""
        raise NotImplementedError

    def assign(self, values: Any) -> None:
        """Write numbers, or elements of the same encoding, broadcast and cast."""
        if isinstance(values, EncodedArray):
            values = plain(values) if values.__class__ is self.__class__ else self.encode(values.decode())
            plain(self)[...] = values
        else:
            plain(self)[...] = self.encode(values)


class Bfloat16Array(EncodedArray):
    """The upper halves of float32 numbers."""

    def decode(self) -> Array:
        wide = plain(self).view(numpy.uint16).astype(numpy.uint32)
        numpy.left_shift(wide, 16, out=wide)
        return wide.view(numpy.float32)

    @classmethod
    def encode(cls, values: Any) -> Array:
        return to_bfloat16(numpy.asarray(values)).view(bfloat16.memory)


class ConjugateArray(EncodedArray):
    """Complex numbers that stand for their conjugates."""

    def decode(self) -> Array:
        found: Array = numpy.conjugate(plain(self))
        return found

    @classmethod
    def encode(cls, values: Any) -> Array:
        found: Array = numpy.conjugate(values)
        return found


class NegativeArray(EncodedArray):
    """Real numbers that stand for their negatives."""

    def decode(self) -> Array:
        found: Array = numpy.negative(plain(self))
        return found

    @classmethod
    def encode(cls, values: Any) -> Array:
        found: Array = numpy.negative(values)
        return found


def plain(array: Array) -> Array:
    """Return the elements of an array as NumPy reads them."""
    return array.view(numpy.ndarray)


def of_dtype(array: Array) -> Array:
    """Return an array in the class that its dtype demands: encoded if it holds bfloat16, which only the host has."""
    if array.dtype != bfloat16.memory:
        return array
    require_host(array)
    return array.view(Bfloat16Array)


def round_to_bfloat16(values: Array) -> Bfloat16Array:
    """Return numbers as a new array of bfloat16.

    Raises:
        NotImplementedError: If the numbers are not on the host.
    """
    require_host(values)
    return Bfloat16Array.encode(values).view(Bfloat16Array)


def require_host(array: Any) -> None:
    """Raise unless an array of bfloat16 is, or will be, on the host."""
    if not isinstance(array, numpy.ndarray):
        raise UnsupportedDtypeError("bfloat16 is available only on the device 'cpu'; use float16 or float32")


def to_bfloat16(values: Array) -> Array:
    """Round numbers to the nearest bfloat16, ties to even, and return the bits.

    The upper half of a NaN stays, unless that would be an infinity. Decoded bits are therefore encoded as they were.
    """
    wide = numpy.asarray(drop_imaginary(values)).astype(numpy.float32)
    bits = wide.view(numpy.uint32)
    upper = bits >> 16
    rounded = (bits + (upper & 1) + 0x7FFF) >> 16
    is_nan = numpy.isnan(wide)
    if is_nan.any():
        rounded = numpy.where(is_nan, upper | numpy.where(upper & 0x7F, 0, 0x40), rounded)
    return numpy.asarray(rounded, numpy.uint16)


def drop_imaginary(values: Array) -> Array:
    """Return the real parts of numbers."""
    return values.real if values.dtype.kind == "c" else values


class EncodedBackend(NumpyBackend):
    """The backend of encoded arrays: there are no windows to compute with."""

    def __init__(self, array_class: type[EncodedArray]) -> None:
        self.array_class = array_class

    def window(self, buffer: Array, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Array:
        raise EncodedError("this function reads memory that is encoded; cast with .float(), or call resolve_conj()")

    def encoded_window(
        self, buffer: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
    ) -> EncodedArray:
        """Return a window on encoded memory."""
        found: Any = super().window(plain(buffer), buffer.dtype, shape, strides, offset)
        return found.view(self.array_class)  # type: ignore[no-any-return]  # of the class of the backend
