"""Encoded arrays: memory whose elements mean something else than NumPy reads in them.

Note [Encoded arrays]. A bfloat16 number is the upper half of a float32 number, and NumPy has no such type. The
conjugate ``x.conj()`` is a view: the memory of ``x``, whose imaginary parts count with the opposite sign; its imaginary
part is in turn memory that counts with the opposite sign. NumPy could compute with uint16, uint32 and uint64, but
PyTorch has few operations for them. All of these are *encoded* memory, served by one mechanism.

- The array of a storage tells the encoding by its class: ``Bfloat16Array`` holds bits, ``ConjugateArray`` and
  ``NegativeArray`` share the numbers of another storage, ``Uint16Array`` and its siblings hold NumPy's numbers in
  records. Views, slices and everything else that concerns only storages and layouts works as for any memory.
- An encoded tensor has no ``array``: reading the attribute raises ``EncodedError``, and so does the attribute ``numpy``
  of an encoded dtype. Nothing can therefore read encoded memory as if it were plain numbers.
- A recorder that catches this error repeats the operation (``autograd/encoded.py``): the body gets the decoded numbers,
  float32 for bfloat16, and its result is rounded where promotion gives bfloat16. Operations that only move elements
  get the bits themselves. Operations that PyTorch lacks for unsigned integers are refused there. An in-place operation
  works on decoded numbers, which are then encoded into the memory. The node gets decoded values too, so gradient
  formulas compute in float32.
- Only operations on encoded tensors pay for this. Others never look: for them an ``except`` clause is not entered.

Everything else that reads or writes elements calls ``elements_of`` or ``write_values`` (``base.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from minitensor.backends.numpy.table import NumpyBackend
from minitensor.dtypes import UNSIGNED, bfloat16, uint16, uint32, uint64
from minitensor.errors import EncodedError, UnsupportedDtypeError

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype


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


class UnsignedArray(EncodedArray):
    """Unsigned integers in records, which NumPy does not compute with."""

    number: str
    memory: numpy.dtype[Any]

    def decode(self) -> Array:
        found: Array = plain(self).view(self.number).copy()
        return found

    @classmethod
    def encode(cls, values: Any) -> Array:
        whole = drop_imaginary(numpy.asarray(values)).astype(cls.number, copy=False)
        return whole.view(cls.memory)


class Uint16Array(UnsignedArray):
    """Records of uint16."""

    number, memory = "uint16", uint16.memory


class Uint32Array(UnsignedArray):
    """Records of uint32."""

    number, memory = "uint32", uint32.memory


class Uint64Array(UnsignedArray):
    """Records of uint64."""

    number, memory = "uint64", uint64.memory


OF_DTYPE: dict[Any, tuple[dtype, type[EncodedArray]]] = {bfloat16.memory: (bfloat16, Bfloat16Array)}
for kind, array_class in zip(UNSIGNED, (Uint16Array, Uint32Array, Uint64Array), strict=True):
    OF_DTYPE[kind.memory] = OF_DTYPE[kind.decoded.memory] = kind, array_class


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
    if array.dtype not in OF_DTYPE or isinstance(array, EncodedArray):
        return array
    kind, array_class = OF_DTYPE[array.dtype]
    require_host(array, kind)
    return array.view(kind.memory).view(array_class)


def round_to_bfloat16(values: Array) -> Bfloat16Array:
    """Return numbers as a new array of bfloat16.

    Raises:
        NotImplementedError: If the numbers are not on the host.
    """
    require_host(values)
    return Bfloat16Array.encode(values).view(Bfloat16Array)


def require_host(array: Any, kind: dtype = bfloat16) -> None:
    """Raise unless an array of an encoded dtype is, or will be, on the host."""
    if not isinstance(array, numpy.ndarray):
        instead = "float16 or float32" if kind is bfloat16 else "int32 or int64"
        raise UnsupportedDtypeError(f"{kind.name} is available only on the device 'cpu'; use {instead}")


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
