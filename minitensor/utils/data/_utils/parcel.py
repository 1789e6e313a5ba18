"""Parcels: what processes send each other, pickled, except for the contents of arrays.

Pickle's protocol 5 hands over the memory of large arrays separately; each goes into shared memory of its own, so that
a batch's labels do not keep its images. Small arrays stay in the pickle, where they are faster.
"""

from __future__ import annotations

import io
import os
import pickle
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from minitensor.ops.face import rebuild
from minitensor.storage import Storage
from minitensor.tensor import Tensor
from minitensor.utils.data._utils.mapping import CAN_SEND, map_file, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL: Final = 1 << 13  # bytes: copying so many is faster than making and mapping a file
LARGE: Final = 1 << 15  # bytes of a pickle that might fill a socket
MOST: Final = 200  # descriptors in one parcel; Linux sends at most 253 at once


class Parcel(NamedTuple):
    """A pickle and the descriptors of its arrays; an empty pickle is itself in the first descriptor's file."""

    body: bytes
    descriptors: Sequence[int]


def pack(value: Any) -> Parcel:
    """Pickle a value, with its large arrays in shared memory. The caller closes the descriptors."""
    file, descriptors = io.BytesIO(), list[int]()

    def keep_in_pickle(buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as contents:
            if contents.nbytes < SMALL or not CAN_SEND or len(descriptors) >= MOST:
                return True
            descriptors.append(write_file(contents))
            return False

    try:
        Packer(file, 5, True, keep_in_pickle).dump(value)
        body = file.getvalue()
        if len(body) > LARGE and CAN_SEND:
            descriptors.insert(0, write_file(body))
            body = b""
    except BaseException:
        close_all(descriptors)
        raise
    return Parcel(body, descriptors)


class Opened(NamedTuple):
    """A parcel that has come: the pickle and the memory of its arrays, which are mapped."""

    body: bytes
    memory: Sequence[Any]

    def value(self) -> Any:
        """Return the value; its large arrays are the mapped memory."""
        first, rest = (self.body, self.memory) if self.body else (self.memory[0], self.memory[1:])
        return pickle.loads(first, buffers=rest)


def unpack(parcel: Parcel) -> Opened:
    """Map the files of a parcel and close their descriptors."""
    waiting = list(parcel.descriptors)
    try:
        return Opened(parcel.body, [map_file(waiting.pop(0)) for _ in parcel.descriptors])
    finally:
        close_all(waiting)


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors."""
    for descriptor in descriptors:
        os.close(descriptor)


class Packer(ForkingPickler):
    """A pickler that sends, of a view of much more memory, only the elements."""

    def reducer_override(self, value: Any) -> Any:
        """Return how to pickle a tensor or a storage; other objects are pickled as usual."""
        if isinstance(value, Tensor):
            return reduce_tensor(value)
        if isinstance(value, Storage):
            return Storage, (value.buffer.copy() if value.is_read_only else value.buffer,)
        return NotImplemented


def reduce_tensor(tensor: Tensor) -> Any:
    """Reduce a tensor, and its elements alone if its storage has far more."""
    reduction = tensor.__reduce_ex__(5)
    if reduction[0] is not rebuild or reduction[1][1].nbytes() <= 2 * tensor.numel() * tensor.element_size() + SMALL:
        return reduction
    cls, _, _, *rest = reduction[1]
    _, storage, layout, *_ = tensor.detach().clone().__reduce_ex__(5)[1]
    return rebuild, (cls, storage, layout, *rest), *reduction[2:]
