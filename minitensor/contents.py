"""``Contents``: what storages of bytes and of elements have in common, beyond reading and writing single elements."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.backends import is_pinned
from minitensor.device import device_of
from minitensor.errors import UnsupportedError

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.device import device
    from minitensor.dtypes import dtype


def cast_to(kind: dtype) -> Callable[[Contents], Any]:
    """Return a method that returns the elements as another dtype."""

    def cast(self: Contents) -> Any:
        return self.cast(kind)

    return cast


class Contents:
    """The methods of a storage that need only its elements."""

    __slots__ = ()

    is_sparse = is_sparse_csr = False

    def __len__(self) -> builtins.int:
        raise NotImplementedError

    def __getitem__(self, place: Any) -> Any:
        raise NotImplementedError

    def __setitem__(self, place: Any, value: Any) -> None:
        raise NotImplementedError

    @property
    def elements(self) -> Array:
        """The elements, or the bytes, as numbers."""
        raise NotImplementedError

    def cast(self, dtype: dtype) -> Any:
        """Return the elements as another dtype, in new memory."""
        raise NotImplementedError

    def size(self) -> builtins.int:
        """Return the number of elements, as ``len`` does."""
        return len(self)

    def tolist(self) -> list[Any]:
        """Return the elements as a list of Python numbers."""
        return self.elements.tolist()  # type: ignore[no-any-return]  # an array's list

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def fill_(self, value: Any) -> Any:
        """Set all elements to a number. Return the storage."""
        self[:] = value
        return self

    def copy_(self, source: Any, non_blocking: Any = None) -> Any:
        """Write the elements of another storage of this size. Return the storage."""
        self[:] = source.elements
        return self

    @property
    def device(self) -> device:
        """The device of the memory."""
        return device_of(self.elements)

    @property
    def is_cuda(self) -> builtins.bool:
        """Whether the memory is on a GPU."""
        return self.device.type == "cuda"

    def is_pinned(self, device: Any = None) -> builtins.bool:
        """Return whether the memory is page-locked, as ``Tensor.pin_memory`` makes it."""
        return self.device.type == "cpu" and is_pinned(self.elements)

    def resizable(self) -> builtins.bool:
        """Return False: the tensors on the memory would not follow."""
        return False

    def resize_(self, size: builtins.int) -> None:
        """Raise: the tensors on the memory would not follow.

        Raises:
            NotImplementedError: Always.
        """
        raise UnsupportedError("storage.resize_: memory has a fixed size here; use tensor.resize_(...)")

    def __repr__(self) -> str:
        lines = "..." if self.device.type == "meta" else "\n".join(f" {each}" for each in self.tolist()) or " "
        return f"{lines}\n[{self.title()} of size {len(self)}]"

    def title(self) -> str:
        """Return the words for the storage in its repr."""
        raise NotImplementedError

    double, float, half = cast_to(dtypes.float64), cast_to(dtypes.float32), cast_to(dtypes.float16)
    bfloat16, complex_float = cast_to(dtypes.bfloat16), cast_to(dtypes.complex64)
    complex_double, long, int = cast_to(dtypes.complex128), cast_to(dtypes.int64), cast_to(dtypes.int32)
    short, char, byte, bool = (
        cast_to(dtypes.int16), cast_to(dtypes.int8), cast_to(dtypes.uint8), cast_to(dtypes.bool_)
    )
