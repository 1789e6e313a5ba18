"""PyTorch's classes of storages: ``torch.FloatStorage``, ``torch.UntypedStorage`` and so on."""

from __future__ import annotations

from typing import Any

from minitensor import dtypes
from minitensor.backends import open_backend
from minitensor.backends.encoded import of_dtype
from minitensor.ops.cast import ObjectAsClass
from minitensor.storage import STORAGES, Storage, make_storage
from minitensor.storage import TypedStorage as Typed

HOST = open_backend("cpu")


class StorageType(ObjectAsClass):
    """A class of storages by PyTorch's name, such as ``FloatStorage``: it makes them, and ``isinstance`` compares.

    >>> import minitensor as torch
    >>> torch.FloatStorage([1, 2]).tolist(), torch.UntypedStorage(3).nbytes()
    ([1.0, 2.0], 3)
    >>> isinstance(torch.FloatStorage(2), torch.LongStorage), isinstance(torch.FloatStorage(2), torch.TypedStorage)
    (False, True)
    >>> [each(1).dtype for each in (torch.BoolStorage, torch.ByteStorage, torch.CharStorage, torch.ShortStorage)]
    [torch.bool, torch.uint8, torch.int8, torch.int16]
    >>> [each(1).dtype for each in (torch.IntStorage, torch.HalfStorage, torch.BFloat16Storage, torch.DoubleStorage)]
    [torch.int32, torch.float16, torch.bfloat16, torch.float64]
    >>> [each(1).dtype for each in (torch.ComplexFloatStorage, torch.ComplexDoubleStorage)]
    [torch.complex64, torch.complex128]
    """

    __slots__ = ("__name__", "dtype")

    def __init__(self, name: str, dtype: Any) -> None:
        self.__name__, self.dtype = name, dtype

    def __call__(self, *data: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return a storage from a size, from a sequence of numbers, or of size 0."""
        plain = dtypes.uint8 if self.__name__ == "UntypedStorage" else dtypes.get_default_dtype()
        kind = dtype or self.dtype or plain
        first = data[0] if data else 0
        if isinstance(first, int):
            made = Typed(Storage(of_dtype(HOST.xp.zeros(first, kind.memory))))
        else:
            made = make_storage(HOST.xp.asarray(first), kind)
        return made.memory if self.__name__ == "UntypedStorage" else made

    def __instancecheck__(self, value: object) -> bool:
        if self.__name__ == "UntypedStorage":
            return isinstance(value, Storage)
        return isinstance(value, Typed) and self.dtype in (None, value.dtype)

    def __repr__(self) -> str:
        return f"<class 'torch.{self.__name__}'>"


(
    FloatStorage, DoubleStorage, HalfStorage, LongStorage, IntStorage, ShortStorage, CharStorage, ByteStorage,
    BoolStorage, ComplexFloatStorage, ComplexDoubleStorage, BFloat16Storage,
) = (StorageType(name, kind) for name, kind in STORAGES.items())  # fmt: skip
TypedStorage, UntypedStorage = StorageType("TypedStorage", None), StorageType("UntypedStorage", None)
