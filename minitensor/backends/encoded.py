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
- On the device "meta", the arrays of this kind are a ``MetaEncodedArray`` for each encoding: they have no elements, and
  their numbers are arrays without memory too.
- Only operations on encoded tensors pay for this. Others never look: for them an ``except`` clause is not entered.

Everything else that reads or writes elements calls ``elements_of`` or ``write_values`` (``base.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy

from minitensor.backends.meta.array import MetaArray
from minitensor.backends.meta.table import MetaBackend
from minitensor.backends.numpy.table import NumpyBackend
from minitensor.dtypes import UNSIGNED, bfloat16, uint16, uint32, uint64
from minitensor.errors import EncodedError, UnsupportedDtypeError

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype

    ArrayType = numpy.ndarray[Any, Any]
else:
    ArrayType = object


class EncodedArray(ArrayType):
    """An array of elements that must be decoded. Its subclasses are arrays of NumPy, or of "meta"."""

    encoding: ClassVar[type[Any]]  # the class on the host

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


class Bfloat16Array(EncodedArray, numpy.ndarray[Any, Any]):
    """The upper halves of float32 numbers."""

    def decode(self) -> Array:
        wide = plain(self).view(numpy.uint16).astype(numpy.uint32)
        numpy.left_shift(wide, 16, out=wide)
        return wide.view(numpy.float32)

    @classmethod
    def encode(cls, values: Any) -> Array:
        return to_bfloat16(numpy.asarray(values)).view(bfloat16.memory)


class UnsignedArray(EncodedArray, numpy.ndarray[Any, Any]):
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


class ConjugateArray(EncodedArray, numpy.ndarray[Any, Any]):
    """Complex numbers that stand for their conjugates."""

    def decode(self) -> Array:
        found: Array = numpy.conjugate(plain(self))
        return found

    @classmethod
    def encode(cls, values: Any) -> Array:
        found: Array = numpy.conjugate(values)
        return found


class NegativeArray(EncodedArray, numpy.ndarray[Any, Any]):
    """Real numbers that stand for their negatives."""

    def decode(self) -> Array:
        found: Array = numpy.negative(plain(self))
        return found

    @classmethod
    def encode(cls, values: Any) -> Array:
        found: Array = numpy.negative(values)
        return found


for array_class in (Bfloat16Array, Uint16Array, Uint32Array, Uint64Array, ConjugateArray, NegativeArray):
    array_class.encoding = array_class


# -- without memory ----------------------------------------------------------------------------------------------------


class MetaEncodedArray(EncodedArray, MetaArray):  # type: ignore[misc]  # to the checker, an ndarray too
    """An array without memory whose elements would have to be decoded."""

    __slots__ = ()

    def decode(self) -> Any:
        return plain(self).copy("K")

    @classmethod
    def encode(cls, values: Any) -> Any:
        return plain(values)

    def assign(self, values: Any) -> None:
        plain(self)[...] = values


class MetaBfloat16Array(MetaEncodedArray):
    """Numbers of bfloat16 without memory."""

    __slots__ = ()
    encoding = Bfloat16Array

    def decode(self) -> Any:
        return plain(self).astype(numpy.float32)

    @classmethod
    def encode(cls, values: Any) -> Any:
        return values.astype(bfloat16.memory)


class MetaUnsignedArray(MetaEncodedArray):
    """Unsigned integers in records without memory."""

    __slots__ = ()
    encoding: ClassVar[type[UnsignedArray]]

    def decode(self) -> Any:
        return plain(self).view(self.encoding.number).copy("K")

    @classmethod
    def encode(cls, values: Any) -> Any:
        return values.astype(cls.encoding.number).view(cls.encoding.memory)


class MetaUint16Array(MetaUnsignedArray):
    """Records of uint16 without memory."""

    __slots__ = ()
    encoding = Uint16Array


class MetaUint32Array(MetaUnsignedArray):
    """Records of uint32 without memory."""

    __slots__ = ()
    encoding = Uint32Array


class MetaUint64Array(MetaUnsignedArray):
    """Records of uint64 without memory."""

    __slots__ = ()
    encoding = Uint64Array


class MetaConjugateArray(MetaEncodedArray):
    """Complex numbers without memory that stand for their conjugates."""

    __slots__ = ()
    encoding = ConjugateArray


class MetaNegativeArray(MetaEncodedArray):
    """Real numbers without memory that stand for their negatives."""

    __slots__ = ()
    encoding = NegativeArray


WITHOUT_MEMORY: dict[type[Any], Any] = {
    each.encoding: each
    for each in (
        MetaBfloat16Array, MetaUint16Array, MetaUint32Array, MetaUint64Array, MetaConjugateArray, MetaNegativeArray,
    )
}


# -- the classes of arrays ---------------------------------------------------------------------------------------------


def plain(array: Any) -> Array:
    """Return the elements of an array as NumPy reads them."""
    found: Array = seen_as(array, numpy.ndarray)
    return found


def seen_as(array: Any, kind: type[Any]) -> Any:
    """Return an array as another class of its device: encoded, or NumPy's for elements as they are."""
    if not isinstance(array, MetaArray):
        return array.view(kind)
    return WITHOUT_MEMORY.get(kind, MetaArray)(array.shape, array.dtype, array.strides)


def has_encoding(array: Any, encoding: type[EncodedArray]) -> bool:
    """Whether an array is encoded in a certain way."""
    return isinstance(array, EncodedArray) and array.encoding is encoding


def of_dtype(array: Array) -> Array:
    """Return an array in the class that its dtype demands: encoded if it holds bfloat16, which only the host has."""
    if array.dtype not in OF_DTYPE or isinstance(array, EncodedArray):
        return array
    kind, array_class = OF_DTYPE[array.dtype]
    require_support(array, kind)
    found: Array = seen_as(array.view(kind.memory), array_class)
    return found


def round_to_bfloat16(values: Any) -> Any:
    """Return numbers as a new array of bfloat16.

    Raises:
        NotImplementedError: If the numbers are on a GPU.
    """
    require_support(values)
    encoding = MetaBfloat16Array if isinstance(values, MetaArray) else Bfloat16Array
    return seen_as(encoding.encode(values), Bfloat16Array)


def require_support(array: Any, kind: dtype = bfloat16) -> None:
    """Raise unless an array of an encoded dtype is, or will be, on the host or on "meta"."""
    if not isinstance(array, (numpy.ndarray, MetaArray)):
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
        raise encoded_error()

    def encoded_window(
        self, buffer: Array, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
    ) -> EncodedArray:
        """Return a window on encoded memory."""
        found: Any = super().window(plain(buffer), buffer.dtype, shape, strides, offset)
        return found.view(self.array_class)  # type: ignore[no-any-return]  # of the class of the backend


class MetaEncodedBackend(MetaBackend):
    """The backend of encoded arrays without memory."""

    def __init__(self, array_class: type[MetaEncodedArray]) -> None:
        self.array_class = array_class

    def window(self, buffer: Any, dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
        raise encoded_error()

    def encoded_window(self, buffer: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> Any:
        """Return a window on encoded memory."""
        size = buffer.itemsize
        return self.array_class(shape, buffer.dtype, tuple([step * size for step in strides]))


def encoded_error() -> EncodedError:
    """Return the error for a function that reads encoded memory."""
    return EncodedError("this function reads memory that is encoded; cast with .float(), or call resolve_conj()")
