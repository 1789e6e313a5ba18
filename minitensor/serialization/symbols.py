"""The global names that a checkpoint may use, and what each of them builds.

A pickle names functions and classes. The tables here are all that a file may name, apart from what a user allows, and
each entry builds a tensor, a container, a number or a device. Every value from the file is validated before memory is
allocated.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor import backends, dtypes, layouts, scalars
from minitensor.device import device
from minitensor.errors import (
    AbsentDeviceError,
    DeviceError,
    FileFormatError,
    ForbiddenNameError,
    ForeignDtypeError,
    quote,
    shorten,
)
from minitensor.layouts import Layout
from minitensor.memory_format import layout as LayoutName
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.nn.parameter import Buffer, Parameter
from minitensor.ops.face import rebuild, rebuild_meta
from minitensor.serialization.budget import Budget
from minitensor.serialization.names import MISSING, check_module, find_safe_global, is_allowed, modern_name
from minitensor.shapes import Size
from minitensor.sparse.creation import sparse_coo_tensor, sparse_csr_tensor
from minitensor.storage import STORAGES, Storage, reinterpret
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array

STORAGE_OF = {kind: name for name, kind in STORAGES.items()}
UNTYPED = "UntypedStorage"  # bytes
UNSUPPORTED = ("QInt8Storage", "QUInt8Storage", "QInt32Storage")  # PyTorch's other storage classes

IS_BUFFER = "_is_buffer"  # the attribute by which PyTorch tells a buffer of a module

MOST_ELEMENTS = 1 << 58  # at 16 bytes each, their size still fits 63 bits
MOST_DEVICES = 1 << 15


class Memory:
    """A storage of the file, the device it was saved from, and storages for its lazy negatives and conjugates.

    PyTorch marks a tensor as negated or conjugated and leaves its storage unchanged. Here neither is lazy: the whole
    storage is negated or conjugated once, for all tensors on it, however far they expand it.
    """

    def __init__(self, storage: Storage, location: str) -> None:
        self.storage = storage
        self.location = location
        self.resolved: dict[tuple[bool, bool], Storage] = {}

    def resolve(self, conj: bool, neg: bool) -> Storage:
        """Return the storage for tensors with these flags; ``settle`` fills it later."""
        if not conj and not neg:
            return self.storage
        if self.storage.array.dtype.kind not in ("c" if conj else "cf"):
            raise FileFormatError(f"a tensor of {self.storage.array.dtype.name} cannot be a lazy conjugate or negative")
        if (conj, neg) not in self.resolved:
            xp = backends.backend_of(self.storage.array).xp
            self.resolved[conj, neg] = Storage(xp.empty_like(self.storage.array))
        return self.resolved[conj, neg]

    def settle(self) -> None:
        """Fill the storages of conjugates and negatives, after the elements were read."""
        for (conj, neg), storage in self.resolved.items():
            array = self.storage.array
            array = array.conj() if conj else array
            storage.array[...] = -array if neg else array


# -- tensors -----------------------------------------------------------------------------------------------------------


def build_tensor(
    budget: Budget, memory: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any = False, hooks: Any = None,
    flags: Any = None,
) -> Tensor:
    """Build a tensor on a storage of the file, after validating every argument."""
    memory = budget.memories.get(id(memory))
    if memory is None:
        raise FileFormatError("a tensor needs a storage of the file")
    there = build_layout(offset, shape, strides, memory.storage.numel())
    check_hooks(hooks)
    conj, neg = parse_flags(flags)
    if conj or neg:
        budget.resolve(layouts.numel(shape) * memory.storage.array.itemsize)
    found: Tensor = rebuild(Tensor, memory.resolve(conj, neg), there, wants_grad=False)
    return found.requires_grad_() if parse_requires_grad(found, requires_grad) else found


def build_meta_tensor(budget: Budget, kind: Any, shape: Any, strides: Any, requires_grad: Any) -> Tensor:
    """Build a tensor without memory."""
    if not isinstance(kind, dtypes.dtype):
        raise FileFormatError(f"a tensor on the device 'meta' needs a dtype, got {quote(kind)}")
    there = build_layout(0, shape, strides, MOST_ELEMENTS)
    found: Tensor = rebuild_meta(Tensor, there.shape, there.strides, kind, wants_grad=False)
    return found.requires_grad_() if parse_requires_grad(found, requires_grad) else found


def build_layout(offset: Any, shape: Any, strides: Any, length: int) -> Layout:
    """Build a layout; raise unless it stays within a storage of ``length`` elements."""
    for name, numbers in (("shape", shape), ("strides", strides), ("offset", (offset,))):
        if not isinstance(numbers, tuple) or not all(type(each) is int and each >= 0 for each in numbers):
            raise FileFormatError(f"a tensor's {name} must be integers of at least zero, got {quote(numbers)}")
        if any(each > MOST_ELEMENTS for each in numbers):
            raise FileFormatError(f"a tensor's {name} of {quote(numbers)} is larger than any memory")
    if len(shape) != len(strides) or len(shape) > scalars.MOST_DIMS:
        raise FileFormatError(
            f"a tensor of {len(shape)} dimensions has {len(strides)} strides; it may have at most {scalars.MOST_DIMS}"
        )
    check_extent(shape)
    there = Layout(shape, strides, offset)
    if 0 not in shape and layouts.extent(there)[1] > length:
        raise FileFormatError(
            f"a tensor of shape {quote(shape)}, strides {quote(strides)} and offset {offset} reaches beyond its "
            f"storage of {length} elements"
        )
    return there


def check_extent(shape: tuple[int, ...]) -> None:
    """Raise if no array can have a shape. Like NumPy, ignore sizes of zero in the product."""
    elements = 1
    for each in shape:
        elements *= each or 1
        if elements > MOST_ELEMENTS:
            raise FileFormatError(f"a tensor of shape {quote(shape)} is larger than any memory")


def check_hooks(hooks: Any) -> None:
    if hooks is not None and (not isinstance(hooks, dict) or hooks):
        raise FileFormatError(f"a tensor has backward hooks, which are code: {quote(hooks)}; save it without them")


def parse_flags(flags: Any) -> tuple[bool, bool]:
    """Return whether a tensor is flagged as conjugate and as negative."""
    if flags is None:
        return False, False
    if not isinstance(flags, dict) or len(flags) > 2 or not all(type(each) is bool for each in flags.values()):
        raise FileFormatError(f"a tensor has flags other than conj and neg: {quote(flags)}")
    if flags.keys() - {"conj", "neg"}:
        raise FileFormatError(f"a tensor has flags other than conj and neg: {quote(flags)}")
    return flags.get("conj", False), flags.get("neg", False)


def parse_requires_grad(data: Tensor, requires_grad: Any) -> bool:
    """Return ``requires_grad``; raise unless it is a bool that the dtype allows."""
    if type(requires_grad) is not bool:
        raise FileFormatError(f"requires_grad must be True or False, got {quote(requires_grad)}")
    if requires_grad and not (data.is_floating_point() or data.is_complex()):
        raise FileFormatError(f"a tensor of {data.dtype} cannot require gradients; only floats and complex can")
    return requires_grad


def build_tensor_of_dtype(
    budget: Budget, memory: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, kind: Any,
    flags: Any = None,
) -> Tensor:
    """Build a tensor on a storage of bytes: PyTorch writes this call for dtypes that its typed storages lack."""
    memory = budget.memories.get(id(memory))
    if memory is None:
        raise FileFormatError("a tensor needs a storage of the file")
    if kind not in dtypes.UNSIGNED:
        raise ForeignDtypeError(
            f"a tensor has dtype {quote(kind)}: minitensor has no such dtype; cast it before saving"
        )
    check_hooks(hooks)
    storage = reinterpret(memory.storage, kind.memory)
    there = build_layout(offset, shape, strides, storage.numel())
    found: Tensor = rebuild(Tensor, storage, there, wants_grad=False)
    parse_requires_grad(found, requires_grad)
    return found


def build_parameter(budget: Budget, data: Any, requires_grad: Any = True, hooks: Any = None) -> Parameter:
    if not isinstance(data, Tensor):
        raise FileFormatError(f"a parameter needs a tensor, got {quote(data)}")
    check_hooks(hooks)
    return Parameter(data.detach(), requires_grad=parse_requires_grad(data, requires_grad))


def build_parameter_with_state(
    budget: Budget, data: Any, requires_grad: Any = True, hooks: Any = None, state: Any = None
) -> Parameter:
    found = build_parameter(budget, data, requires_grad, hooks)
    set_attributes(found, state)
    return found


LAYOUTS = {f"{each!r}": each for each in (sparse_coo, sparse_csr)}


def build_layout_name(budget: Budget, name: Any) -> LayoutName:
    if not isinstance(name, str) or name not in LAYOUTS:
        raise FileFormatError(f"a sparse tensor needs one of the layouts {list(LAYOUTS)}, got {quote(name)}")
    return LAYOUTS[name]


def build_sparse_tensor(budget: Budget, kind: Any, parts: Any) -> Tensor:
    """Build a sparse tensor; its positions are compared with its size."""
    count = {sparse_coo: 2, sparse_csr: 3}.get(kind, 0) if isinstance(kind, LayoutName) else 0
    whole = isinstance(parts, tuple) and count and count < len(parts) <= 4
    if not whole or not all(isinstance(each, Tensor) for each in parts[:count]) or not is_sizes(parts[count]):
        raise FileFormatError(f"a sparse tensor needs a layout, positions, values and a size, got {quote(parts)}")
    budget.resolve(sum(each.numel() * each.element_size() for each in parts[:count]))  # views may have any size
    try:
        if kind is sparse_csr:
            return sparse_csr_tensor(*parts)
        return sparse_coo_tensor(*parts[:3], is_coalesced=len(parts) == 4 and parts[3] is True)
    except RuntimeError as error:
        raise FileFormatError(f"the parts of a sparse tensor do not fit each other: {error}") from None


def is_sizes(value: Any) -> bool:
    """Whether a value from a file is a shape."""
    return isinstance(value, tuple) and all(type(each) is int and 0 <= each < 1 << 63 for each in value)


def build_of_class(budget: Budget, builder: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    """Build a tensor of a class that a user allowed, or with attributes."""
    call = BUILDER_OF.get(id(builder))
    builds = call is not None and call.call in (build_tensor, build_meta_tensor, build_parameter)
    if call is None or not builds or not isinstance(arguments, tuple):
        raise ForbiddenNameError(f"the file rebuilds a tensor by calling {quote(builder)}, which a checkpoint may not")
    if kind not in (Tensor, Parameter) and not is_allowed(kind):
        raise ForbiddenNameError(f"the file refers to the class {quote(kind)}; allow it by add_safe_globals")
    call.check_count(arguments)
    found: Tensor = call.call(budget, *arguments)
    return give_attributes(found, kind, state)


def give_attributes(found: Tensor, kind: Any, state: Any) -> Tensor:
    """Return a tensor as another class, with attributes."""
    if kind is Tensor and isinstance(state, dict) and state.get(IS_BUFFER) is True:
        return Buffer(found, persistent=state.get("persistent") is not False)
    found = found if type(found) is kind else found.as_subclass(kind)
    set_attributes(found, state)
    return found


def set_attributes(target: Tensor, state: Any) -> None:
    """Set attributes of a tensor; raise for those that its class has."""
    attributes = state[0] if isinstance(state, tuple) and len(state) == 2 else state
    if not isinstance(attributes, dict) or not all(isinstance(name, str) for name in attributes):
        raise FileFormatError(f"the attributes of a tensor must be a dictionary, got {quote(state)}")
    check_attributes(target, attributes)
    for name, value in attributes.items():
        setattr(target, name, value)


def check_attributes(target: Any, attributes: dict[str, Any]) -> None:
    """Raise for attributes that an object's class has: they would change how it works."""
    for name in attributes:
        if hasattr(type(target), name) or not hasattr(target, "__dict__"):
            raise ForbiddenNameError(
                f"the file sets the attribute {quote(name)} of {quote(target)}, which a checkpoint may not"
            )


# -- containers and numbers --------------------------------------------------------------------------------------------


def build_ordered_dict(budget: Budget, pairs: Any = ()) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    for pair in take_items(budget, pairs, "a dictionary"):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise FileFormatError(f"a dictionary needs pairs of a key and a value, got {quote(pair)}")
        made[budget.check_key(pair[0])] = pair[1]
    return made


def build_counter(budget: Budget, counts: Any = ()) -> Counter[Any]:
    made: Counter[Any] = Counter()
    if not isinstance(counts, (dict, list, tuple)) or (counts and not isinstance(counts, dict)):
        raise FileFormatError(f"a counter needs a dictionary, got {quote(counts)}")
    budget.spend(len(counts), "a counter")
    for key in counts:
        dict.__setitem__(made, budget.check_key(key), counts[key])
    return made


def build_set(budget: Budget, values: Any = ()) -> set[Any]:
    return {budget.check_key(each) for each in take_items(budget, values, "a set")}


def build_size(budget: Budget, numbers: Any = ()) -> Size:
    if not all(type(each) is int and abs(each) <= MOST_ELEMENTS for each in take_items(budget, numbers, "a shape")):
        raise FileFormatError(f"a shape must be integers, got {quote(numbers)}")
    return Size(numbers)


def take_items(budget: Budget, values: Any, what: str) -> Any:
    """Return the items of a list or tuple after spending for them."""
    if not isinstance(values, (list, tuple)):
        raise FileFormatError(f"{what} is made from a list, got {quote(values)}")
    budget.spend(len(values), what)
    return values


def build_device(budget: Budget, kind: Any, index: Any = None) -> device:
    if not isinstance(kind, str) or len(kind) > 40 or not (index is None or type(index) is int):
        raise FileFormatError(f"a device is named by text and an index, got {quote((kind, index))}")
    if index is not None and not 0 <= index < MOST_DEVICES:
        raise FileFormatError(f"a device has an index from 0 to {MOST_DEVICES - 1}, got {quote(index)}")
    return resolve_device(kind) if index is None else resolve_device(kind, index)


def resolve_device(name: str, index: int | None = None) -> device:
    """Return the device that a file names."""
    try:
        there = device(name, index)
    except DeviceError as error:
        raise AbsentDeviceError(f"{error}; to read the file here, give map_location='cpu'") from None
    if there.index is not None and there.index >= MOST_DEVICES:
        raise FileFormatError(f"a device has an index from 0 to {MOST_DEVICES - 1}, got {quote(there.index)}")
    return there


def build_bytes(budget: Budget, text: Any, encoding: Any) -> bytes:
    """Build bytes, which old pickles write as text."""
    if not isinstance(text, str) or encoding != "latin1":
        raise FileFormatError(f"bytes must be written as latin1 text, got {quote((text, encoding))}")
    budget.spend(len(text), "a string of bytes")
    return text.encode("latin1")


def build_bytearray(budget: Budget, content: Any = b"", encoding: Any = "latin1") -> bytearray:
    """Build a bytearray from bytes, or from text as in old pickles; never from a length."""
    if isinstance(content, str) and encoding in ("latin1", "latin-1"):
        return bytearray(build_bytes(budget, content, "latin1"))
    if not isinstance(content, bytes):
        raise FileFormatError(f"a bytearray must be written as bytes, got {quote(content)}")
    budget.spend(len(content), "a bytearray")
    return bytearray(content)


def build_empty_bytes(budget: Budget) -> bytes:
    """Build an empty bytes object, which old pickles write as a call without arguments."""
    return b""


def build_complex(budget: Budget, real: Any, imaginary: Any) -> complex:
    if not all(type(each) is float or (type(each) is int and each.bit_length() < 1024) for each in (real, imaginary)):
        raise FileFormatError(f"a complex number is made from two floats, got {quote((real, imaginary))}")
    return complex(real, imaginary)


class Builder(NamedTuple):
    """A function that a file may call, and the number of arguments it takes besides the budget."""

    name: str
    call: Any
    least: int
    most: int

    @classmethod
    def of(cls, name: str, call: Any) -> Builder:
        """Make a builder, with its arguments counted from the function's signature."""
        most = call.__code__.co_argcount - 1
        return cls(name, call, most - len(call.__defaults__ or ()), most)

    def check_count(self, arguments: tuple[Any, ...]) -> None:
        """Raise unless the function takes as many arguments."""
        if not self.least <= len(arguments) <= self.most:
            raise FileFormatError(
                f"the file calls {self.name} with {len(arguments)} arguments; it takes {self.least} to {self.most}"
            )


BUILDERS: dict[tuple[str, str], Builder] = {
    (module, name): Builder.of(f"{module}.{name}", call)
    for module, name, call in (
        ("torch._utils", "_rebuild_tensor", build_tensor),
        ("torch._utils", "_rebuild_tensor_v2", build_tensor),
        ("torch._utils", "_rebuild_tensor_v3", build_tensor_of_dtype),
        ("torch._utils", "_rebuild_meta_tensor_no_storage", build_meta_tensor),
        ("torch._utils", "_rebuild_parameter", build_parameter),
        ("torch._utils", "_rebuild_parameter_with_state", build_parameter_with_state),
        ("torch._utils", "_rebuild_sparse_tensor", build_sparse_tensor),
        ("torch.serialization", "_get_layout", build_layout_name),
        ("torch._tensor", "_rebuild_from_type_v2", build_of_class),
        ("collections", "OrderedDict", build_ordered_dict),
        ("collections", "Counter", build_counter),
        ("torch", "Size", build_size),
        ("torch", "device", build_device),
        ("_codecs", "encode", build_bytes),
        ("builtins", "set", build_set),
        ("builtins", "bytes", build_empty_bytes),
        ("builtins", "bytearray", build_bytearray),
        ("builtins", "complex", build_complex),
    )
}
CLASSES: dict[str, type] = {
    "OrderedDict": OrderedDict, "Counter": Counter, "Size": Size, "device": device, "set": set, "bytes": bytes,
    "bytearray": bytearray, "complex": complex,
}  # fmt: skip
VALUES: dict[tuple[str, str], Any] = {
    **{("torch", each.name): each for each in dtypes.ALL_DTYPES},
    **{key: CLASSES.get(key[1], builder) for key, builder in BUILDERS.items()},
    ("torch", "Tensor"): Tensor,
    ("torch.nn.parameter", "Parameter"): Parameter,
    ("torch.nn", "Parameter"): Parameter,
}
BUILDER_OF: dict[int, Builder] = {id(VALUES[key]): builder for key, builder in BUILDERS.items()}


class StorageClass(NamedTuple):
    """A class of storages that a file may name."""

    name: str


def resolve(module: str, name: str) -> Any:
    """Return the builder, class, dtype or storage class of a global name; raise for any name that is not allowed."""
    key = module, name = modern_name(module, name)
    if key in VALUES:
        return VALUES[key]
    kind = find_storage_class(module, name)
    if kind is not None:
        return kind
    check_module(module, name)
    found = find_safe_global(module, name)
    if found is MISSING:
        raise ForbiddenNameError(forbid(f"{shorten(module, 60)}.{shorten(name, 60)}"))
    return found


def is_known(module: str, name: str) -> bool:
    """Whether a file may refer to a global name."""
    try:
        resolve(module, name)
    except ForbiddenNameError:
        return False
    return True


def find_storage_class(module: str, name: str) -> StorageClass | None:
    """Return the storage class of a global name."""
    is_one = module == "torch" and (name in STORAGES or name in UNSUPPORTED)
    return StorageClass(name) if is_one or (module, name) == ("torch.storage", UNTYPED) else None


def forbid(name: str) -> str:
    """Return the message of the error for a name that is not allowed."""
    return (
        f"the file refers to {name}, but a checkpoint may hold only tensors, containers, numbers and text: save a "
        f"state_dict instead of the object; or, if you trust the file, allow {name} by "
        "minitensor.serialization.add_safe_globals or give weights_only=False, which runs whatever code the file names"
    )


def normalize_bools(array: Array) -> None:
    """Make every byte of a bool array 0 or 1, as NumPy expects."""
    if array.dtype.kind == "b":
        array[...] = array.view("u1") != 0


def element_dtype(kind: StorageClass) -> dtypes.dtype:
    """Return the dtype of a storage class; raise if there is none."""
    if kind.name == UNTYPED:
        return dtypes.uint8
    if kind.name not in STORAGES:
        raise ForeignDtypeError(f"a tensor lies in a {kind.name}: minitensor has no such dtype; cast it before saving")
    return STORAGES[kind.name]
