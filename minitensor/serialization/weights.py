"""Weights on disk: a dict of tensors to a safetensors file and back.

A file is a JSON header, which says where each tensor is, followed by the elements. Files are written here and read by
the safetensors library, because a file may come from an untrusted source. A checksum in the metadata reveals files that
were altered.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from minitensor.base import memory_of, values_of
from minitensor.dtypes import FROM_NUMPY, bfloat16
from minitensor.errors import (
    ArgumentTypeError,
    DtypeError,
    FileFormatError,
    ForeignDtypeError,
    MissingExtraError,
    quote,
    shorten,
)
from minitensor.ops.creation import from_numpy
from minitensor.scalars import MOST_DIMS
from minitensor.serialization.replacing import rewrite
from minitensor.serialization.symbols import check_extent, normalize_bools
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.device import DeviceLike

CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "float16": "F16",
    "float32": "F32", "float64": "F64", "complex64": "C64", "bfloat16": "BF16",
    "uint16": "U16", "uint32": "U32", "uint64": "U64",
}  # fmt: skip
CHECKSUM = "crc32"
METADATA = "__metadata__"
ALIGNMENT = 8  # bytes: the length of the header is a multiple, and wide elements come first


def save_file(tensors: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write named tensors to a safetensors file, replacing an old file in one step.

    Shapes and dtypes are kept, strides are not. Tensors that share a storage are written separately.

    Args:
        tensors: from names to tensors, such as a state dict.
        path: the file to write.

    Raises:
        TypeError: If a name is not text, a value is not a tensor, or ``path`` is not a path.
        RuntimeError: If a tensor is complex128, which the format lacks.
        OSError, RuntimeError: If the system cannot write the file.

    >>> import os, tempfile
    >>> import minitensor as torch
    >>> from minitensor.serialization import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     save_file({"weight": torch.ones(2, 3)}, path)
    ...     os.path.getsize(path)
    144
    """
    arrays = {name: to_host(name, tensor) for name, tensor in check_names(tensors, path).items()}
    with rewrite(path) as file:
        write(file, arrays, {"format": "pt", CHECKSUM: checksum(arrays)})  # other readers look for "pt"


def check_names(tensors: object, path: object) -> Mapping[str, object]:
    """Return the tensors; raise unless they are a mapping from names that the format allows."""
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"save_file: expected a path, got {quote(path)}; write save_file(tensors, path)")
    if not isinstance(tensors, Mapping):
        raise ArgumentTypeError(f"save_file: expected a dict from names to tensors, got {quote(tensors)}")
    for name in tensors:
        if not isinstance(name, str) or name == METADATA or not is_unicode(name):
            raise ArgumentTypeError(f"save_file: a tensor's name is text other than {METADATA!r}, got {quote(name)}")
    return tensors


def is_unicode(name: str) -> bool:
    """Whether a text can be written as UTF-8: it has no lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def write(file: IO[bytes], arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write the length of the header, the header and the elements."""
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header: dict[str, Any] = {METADATA: metadata}
    end = 0
    for name in order:
        array = arrays[name]
        start, end = end, end + array.nbytes
        code = CODES[FROM_NUMPY[array.dtype].name]
        header[name] = {"dtype": code, "shape": array.shape, "data_offsets": (start, end)}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in order:
        file.write(as_little_endian(arrays[name]).data)


def as_little_endian(array: Array) -> Array:
    """Return the bytes of an array in little-endian order, flat: files refuse empty memory of several dims."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8)


def load_file(path: str | os.PathLike[str], device: DeviceLike = "cpu") -> dict[str, Tensor]:
    """Read all tensors of a safetensors file, each into its own storage.

    Args:
        path: The file to read.
        device: The device of the tensors. Default: "cpu".

    Returns:
        A dict from names to tensors, in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is cut short, damaged, altered, or not a safetensors file; if a tensor has a dtype
            that minitensor lacks.
        ImportError: If safetensors is not installed.
        TypeError: If ``path`` is not a path.

    >>> import os, tempfile
    >>> import minitensor as torch
    >>> from minitensor.serialization import load_file, save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     save_file({"weight": torch.ones(3)}, path)
    ...     load_file(path)
    {'weight': tensor([1., 1., 1.])}
    """
    library = import_safetensors()
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentTypeError(f"load_file: expected a path, got {quote(path)}")
    size = os.stat(path).st_size
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(f"{path}: expected a safetensors file, got a folder or a device")
    try:
        with library.safe_open(path, framework="np") as file:
            names = list(file.keys())
            for name in names:
                check_entry(path, name, file.get_slice(name))
            arrays = {name: read_array(path, name, file) for name in names}
            saved = (file.metadata() or {}).get(CHECKSUM)
    except (library.SafetensorError, UnicodeError) as error:
        raise FileFormatError(
            f"{path}: cut short, damaged or not a safetensors file ({size} bytes): {shorten(str(error))}; save or "
            "download it again"
        ) from error
    if saved is not None and saved != (found := checksum(arrays)):
        raise FileFormatError(
            f"{path}: altered since it was saved: checksum {found}, expected {quote(saved)}; save or download it again"
        )
    for array in arrays.values():
        normalize_bools(array)
    return {name: from_numpy(array).to(device) for name, array in arrays.items()}


def read_array(path: Path, name: str, file: Any) -> Array:
    """Read a tensor as an array. The library cannot read bfloat16 without PyTorch, but it has checked the header."""
    entry = file.get_slice(name)
    if entry.get_dtype() != CODES["bfloat16"]:
        return file.get_tensor(name)  # type: ignore[no-any-return]  # an array
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        start, end = json.loads(stream.read(length))[name]["data_offsets"]
        stream.seek(8 + length + start)
        halves = np.frombuffer(bytearray(stream.read(end - start)), "<u2")
    array: Array = halves.astype(np.uint16).view(bfloat16.memory).reshape(entry.get_shape())
    return array


def import_safetensors() -> Any:
    """Import the safetensors library; if it is missing, raise an error that names the extra to install."""
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError.of("safetensors", "demo") from error
    return safetensors


def check_entry(path: Path, name: str, entry: Any) -> None:
    """Raise unless an array can have the dtype and shape of a tensor."""
    code, shape = entry.get_dtype(), entry.get_shape()
    if code not in CODES.values():
        among = ", ".join(sorted(CODES.values()))
        raise ForeignDtypeError(f"{path}: tensor {quote(name)} has dtype {code}, which is not among {among}")
    if len(shape) > MOST_DIMS:
        raise FileFormatError(
            f"{path}: tensor {quote(name)} has {len(shape)} dimensions; it may have at most {MOST_DIMS}"
        )
    try:
        check_extent(shape)
    except FileFormatError as error:
        raise FileFormatError(f"{path}: tensor {quote(name)}: {error}") from None


def to_host(name: str, tensor: object) -> Array:
    """Return the elements as a contiguous host array."""
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"save_file: {quote(name)} is {quote(tensor)}, expected a Tensor")
    # Not ascontiguousarray, which would turn 0-d arrays into 1-d ones.
    elements = memory_of(tensor) if tensor.dtype is bfloat16 else values_of(tensor)
    array = np.asarray(tensor.backend.to_host(elements), order="C")
    if array.dtype == np.complex128:
        raise DtypeError(f"save_file: {name!r} is complex128, which safetensors lacks; cast it to complex64")
    return array


def checksum(arrays: Mapping[str, Array]) -> str:
    """Return a CRC of names, dtypes, shapes and elements, independent of their order in the dict."""
    crc = 0
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name}{array.dtype.str}{array.shape}".encode(), crc)
        crc = zlib.crc32(array.data, crc)
    return f"{crc:08x}"
