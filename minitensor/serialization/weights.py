"""Weights on disk: a dict of tensors to a safetensors file and back.

The format is read and written by the safetensors library, loaded when first used; PyTorch and others read the same
files, and no file can run code. A file appears whole or not at all; a checksum in its metadata tells an altered one.
This chapter knows tensors and bytes; what a state dict means is the modules' business.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minitensor.errors import ArgumentTypeError, DtypeError, FileFormatError, MissingExtraError
from minitensor.ops.creation import from_numpy
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.device import DeviceLike

READABLE = frozenset("BOOL U8 I8 I16 I32 I64 F16 F32 F64 C64".split())
CHECKSUM = "crc32"


def save_file(tensors: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write named tensors to ``path`` in safetensors' format, replacing the file in one step.

    Shapes and dtypes are kept, strides are not. Views of one storage are written one by one, each with its elements.

    Raises:
        ArgumentTypeError: a key that is not text, a value that is not a tensor.
        DtypeError: complex128, which the format does not have.
        MissingExtraError: safetensors is not installed.
    """
    library = safetensors()
    arrays = {check_name(name): to_host(name, tensor) for name, tensor in tensors.items()}
    metadata = {"format": "pt", CHECKSUM: checksum(arrays)}  # "pt" is what other readers look for
    with replaced_at_once(Path(path)) as draft:
        library.numpy.save_file(arrays, draft, metadata)


def load_file(path: str | os.PathLike[str], device: DeviceLike = "cpu") -> dict[str, Tensor]:
    """Read all tensors of a safetensors file, each in memory of its own.

    Raises:
        FileNotFoundError: there is no such file.
        FileFormatError: the file is cut short, damaged, altered or no safetensors file.
        DtypeError: a tensor has a dtype that this library has not (bfloat16, float8 ...).
        MissingExtraError: safetensors is not installed.
    """
    library = safetensors()
    path = Path(path)
    size = path.stat().st_size
    if not path.is_file():
        raise FileFormatError(f"{path}: expected a safetensors file, this is a folder or a device")
    try:
        with library.safe_open(path, framework="np") as file:
            for name in file.keys():  # noqa: SIM118  # not a dict
                check_readable(path, name, file.get_slice(name).get_dtype())
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            saved = (file.metadata() or {}).get(CHECKSUM)
    except library.SafetensorError as error:
        raise FileFormatError(
            f"{path}: cut short, damaged or not a safetensors file ({size} bytes): {error}; save or download it again"
        ) from error
    if saved is not None and saved != (found := checksum(arrays)):
        raise FileFormatError(
            f"{path}: altered since it was saved: checksum {found}, at saving {saved}; save or download it again"
        )
    return {name: from_numpy(array).to(device) for name, array in arrays.items()}


def safetensors() -> Any:
    """Return the safetensors library, or say which extra brings it."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError.of("safetensors", "demo") from error
    return safetensors


def check_name(name: object) -> str:
    if not isinstance(name, str) or name == "__metadata__":
        raise ArgumentTypeError(f"save_file: a tensor's name is text other than '__metadata__', got {name!r}")
    return name


def check_readable(path: Path, name: str, code: str) -> None:
    if code not in READABLE:
        raise DtypeError(f"{path}: tensor {name!r} has dtype {code}, which is not among {', '.join(sorted(READABLE))}")


def to_host(name: str, tensor: object) -> Array:
    """Return the elements as a contiguous host array."""
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"save_file: {name!r} is {type(tensor).__name__}, expected a Tensor")
    array = np.asarray(tensor.backend.to_host(tensor.array), order="C")  # ascontiguousarray would make 0-d ones 1-d
    if array.dtype == np.complex128:
        raise DtypeError(f"save_file: {name!r} is complex128, which safetensors does not have; cast it to complex64")
    return array


def checksum(arrays: Mapping[str, Array]) -> str:
    """Return a CRC over names, dtypes, shapes and elements, whatever their order."""
    crc = 0
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name}{array.dtype.str}{array.shape}".encode(), crc)
        crc = zlib.crc32(array.data, crc)
    return f"{crc:08x}"


@contextmanager
def replaced_at_once(path: Path) -> Iterator[Path]:
    """Lend a draft beside ``path`` that takes its place when all went well, and vanishes when not."""
    path = path.resolve()
    draft = path.with_name(f".{path.name}.{os.urandom(4).hex()}.draft")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
