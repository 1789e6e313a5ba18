"""The words that PyTorch's checkpoints are made of: what each global name in a pickle stands for here.

A pickle names functions and classes; this table is all that a file may name, and each entry builds a tensor, a
container or a number, nothing else. Everything that a file says is checked before memory is asked for. How pickles are
read and written is not known here.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

from minitensor import dtypes, layout
from minitensor.device import device
from minitensor.errors import DtypeError, FileFormatError
from minitensor.layout import Layout
from minitensor.nn.parameter import Parameter
from minitensor.ops.face import rebuild
from minitensor.shapes import Size
from minitensor.storage import Storage
from minitensor.tensor import Tensor

# Storage classes by the dtype of their elements.
STORAGES = {
    "FloatStorage": dtypes.float32, "DoubleStorage": dtypes.float64, "HalfStorage": dtypes.float16,
    "LongStorage": dtypes.int64, "IntStorage": dtypes.int32, "ShortStorage": dtypes.int16, "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8, "BoolStorage": dtypes.bool_, "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}  # fmt: skip
STORAGE_OF = {kind: name for name, kind in STORAGES.items()}
BRAIN = "BFloat16Storage"  # the upper halves of single-precision numbers: read as float32, which holds each exactly
WANTING = (BRAIN, "QInt8Storage", "QUInt8Storage", "QInt32Storage")  # there are no such dtypes here

MOST_DIMS = 64  # NumPy's limit
MOST_BYTES = 1 << 62


class Memory(NamedTuple):
    """A storage of the file, and the device it was saved from."""

    storage: Storage
    location: str


class Budget:
    """How much a file may still ask for: what it builds may not be larger than the file itself.

    A pickle can name one object many times, so that a small file could otherwise build copies without end.
    """

    def __init__(self, size: int) -> None:
        self.left = size

    def spend(self, amount: int, what: str) -> None:
        """Take an amount, or refuse."""
        self.left -= amount
        if amount < 0 or self.left < 0:
            raise FileFormatError(f"{what} of {amount} is more than a file of this size holds: damaged or hostile")


# -- tensors -----------------------------------------------------------------------------------------------------------


def tensor(
    budget: Budget, memory: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any = False, hooks: Any = None,
    flags: Any = None,
) -> Tensor:
    """Return a tensor on a storage of the file, after a look at every number."""
    if not isinstance(memory, Memory):
        raise FileFormatError(f"a tensor needs a storage, got {type(memory).__name__}")
    there = checked(offset, shape, strides, len(memory.storage), memory.storage.array.itemsize)
    found: Tensor = rebuild(Tensor, memory.storage, there, wants_grad=False)
    if isinstance(flags, dict):
        found = resolved(found, flags)
    return found.requires_grad_() if requires_grad is True else found


def checked(offset: Any, shape: Any, strides: Any, length: int, itemsize: int) -> Layout:
    """Return a layout that stays within its storage."""
    for name, numbers in (("shape", shape), ("strides", strides), ("offset", (offset,))):
        if not isinstance(numbers, tuple) or not all(type(each) is int and each >= 0 for each in numbers):
            raise FileFormatError(f"a tensor's {name} must be integers of at least zero, got {numbers!r:.80}")
    if len(shape) != len(strides) or len(shape) > MOST_DIMS:
        raise FileFormatError(f"a tensor of {len(shape)} dimensions has {len(strides)} strides; at most {MOST_DIMS} go")
    there = Layout(shape, strides, offset)
    if layout.numel(shape) * itemsize > MOST_BYTES:
        raise FileFormatError(f"a tensor of shape {shape} is larger than any memory")
    if layout.numel(shape) and layout.extent(there)[1] > length:
        raise FileFormatError(
            f"a tensor of shape {shape}, strides {strides} and offset {offset} reaches beyond its storage of "
            f"{length} elements"
        )
    return there


def resolved(found: Tensor, flags: dict[Any, Any]) -> Tensor:
    """Do what PyTorch notes on a lazy conjugate or negative: here neither is lazy."""
    if flags.get("conj"):
        found = found.conj().clone()
    return found.neg() if flags.get("neg") else found


def tensor_of_dtype(
    budget: Budget, memory: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, kind: Any,
    flags: Any = None,
) -> Tensor:
    """Refuse the newer way to write tensors: PyTorch takes it for dtypes that this library does not have."""
    raise DtypeError(f"a tensor has dtype {kind}, which this library does not have; cast it before it is saved")


def parameter(budget: Budget, data: Any, requires_grad: Any = True, hooks: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise FileFormatError(f"a parameter needs a tensor, got {type(data).__name__}")
    return Parameter(data.detach(), requires_grad=requires_grad is True)


# -- containers and numbers --------------------------------------------------------------------------------------------


def ordered(budget: Budget, pairs: Any = ()) -> OrderedDict[Any, Any]:
    budget.spend(len(pairs), "a dictionary")
    return OrderedDict([(hashable(key), value) for key, value in pairs])


def members(budget: Budget, items: Any = ()) -> set[Any]:
    budget.spend(len(items), "a set")
    return {hashable(each) for each in items}


def size(budget: Budget, numbers: Any = ()) -> Size:
    budget.spend(len(numbers), "a shape")
    if not all(type(each) is int for each in numbers):
        raise FileFormatError(f"a shape must be integers, got {numbers!r:.80}")
    return Size(numbers)


def place(budget: Budget, kind: Any, index: Any = None) -> device:
    return device(kind) if index is None else device(kind, index)


def encoded(budget: Budget, text: Any, encoding: Any) -> bytes:
    """Return bytes, which old pickles write as text."""
    if not isinstance(text, str) or encoding != "latin1":
        raise FileFormatError(f"bytes must be written as latin1 text, got {encoding!r:.80}")
    budget.spend(len(text), "a string of bytes")
    return text.encode("latin1")


def no_bytes(budget: Budget) -> bytes:
    """Return the empty string of bytes, which old pickles write as a call without arguments."""
    return b""


def complex_number(budget: Budget, real: Any, imaginary: Any) -> complex:
    if not all(type(each) in (int, float) for each in (real, imaginary)):
        raise FileFormatError("a complex number must be two numbers")
    return complex(real, imaginary)


def hashable(key: Any, inside: bool = False) -> Any:
    """Return a key that is a plain value, or a flat tuple of them: deep ones would overflow the interpreter's stack."""
    if key is None or type(key) in (str, bytes, int, float, bool, complex, dtypes.dtype, device):
        return key
    if isinstance(key, tuple) and not inside:
        for each in key:
            hashable(each, inside=True)
        return key
    raise FileFormatError(f"a key must be text, a number or a flat tuple of them, got {type(key).__name__}")


BUILDERS: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor"): tensor,
    ("torch._utils", "_rebuild_tensor_v2"): tensor,
    ("torch._utils", "_rebuild_tensor_v3"): tensor_of_dtype,
    ("torch._utils", "_rebuild_parameter"): parameter,
    ("collections", "OrderedDict"): ordered,
    ("torch", "Size"): size,
    ("torch", "device"): place,
    ("_codecs", "encode"): encoded,
    **{(builtins, "set"): members for builtins in ("__builtin__", "builtins")},
    **{(builtins, "bytes"): no_bytes for builtins in ("__builtin__", "builtins")},
    **{(builtins, "complex"): complex_number for builtins in ("__builtin__", "builtins")},
}
VALUES: dict[tuple[str, str], Any] = {("torch", each.name): each for each in STORAGE_OF}


class Builder(NamedTuple):
    """A function that a file may call."""

    name: str
    call: Any


class StorageClass(NamedTuple):
    """A class of storages that a file may name."""

    name: str


def named(module: str, name: str) -> Any:
    """Return what a global name stands for, or refuse."""
    key = (module, name)
    if key in BUILDERS:
        return Builder(f"{module}.{name}", BUILDERS[key])
    if key in VALUES:
        return VALUES[key]
    if module == "torch" and (name in STORAGES or name in WANTING):
        return StorageClass(name)
    raise Forbidden(
        f"the file asks for {module}.{name:.80}, and a checkpoint holds tensors, containers, numbers and text alone: "
        "save a state_dict in place of the object"
    )


class Forbidden(FileFormatError):
    """A file that would have to run something to be read."""


def element_dtype(kind: StorageClass) -> dtypes.dtype:
    """Return the dtype of a storage class, or say that there is none."""
    if kind.name == BRAIN:
        return dtypes.float32
    if kind.name not in STORAGES:
        raise DtypeError(f"a tensor lies in a {kind.name}, and there is no such dtype here; cast it before it is saved")
    return STORAGES[kind.name]
