"""The law of collating: every kind of leaf in every kind of container gives PyTorch's batch or class of error."""

from __future__ import annotations

import dataclasses
import warnings
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minitensor

torch = pytest.importorskip("torch")

Point = namedtuple("Point", "x y")


class SubPoint(Point):
    pass


@dataclasses.dataclass
class Record:
    x: Any
    y: Any


class Spread(Sequence[Any]):
    """A sequence whose constructor does not take a list of its items."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __getitem__(self, i: Any) -> Any:
        return self.items[i]

    def __len__(self) -> int:
        return len(self.items)


class Row(Spread):
    def __init__(self, items: Any) -> None:
        super().__init__(*items)


class Growing(MutableSequence[Any]):
    def __init__(self, items: Any) -> None:
        self.items = list(items)

    def __getitem__(self, i: Any) -> Any:
        return self.items[i]

    def __setitem__(self, i: Any, value: Any) -> None:
        self.items[i] = value

    def __delitem__(self, i: Any) -> None:
        del self.items[i]

    def insert(self, i: int, value: Any) -> None:
        self.items.insert(i, value)

    def __len__(self) -> int:
        return len(self.items)


class WithoutSlices(Growing):
    def __setitem__(self, i: Any, value: Any) -> None:
        if isinstance(i, slice):
            raise TypeError("no slices")
        super().__setitem__(i, value)


class Fields(Mapping[str, Any]):
    """A mapping whose constructor does not take a dict."""

    def __init__(self, **values: Any) -> None:
        self.values_by_name = values

    def __getitem__(self, key: str) -> Any:
        return self.values_by_name[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class FromDict(Fields):
    def __init__(self, values: Any) -> None:
        super().__init__(**values)


class Stubborn(Fields):
    def __init__(self, values: Any, is_first: bool = False) -> None:
        if not is_first:
            raise ValueError("made once")
        super().__init__(**values)


class Changing(MutableMapping[str, Any]):
    def __init__(self, number: int, **values: Any) -> None:
        self.number, self.values_by_name = number, values

    def __getitem__(self, key: str) -> Any:
        return self.values_by_name[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.values_by_name[key] = value

    def __delitem__(self, key: str) -> None:
        del self.values_by_name[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


class PairDict(dict[str, Any]):
    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(a=a, b=b)


class SubList(list[Any]):
    pass


class SubTuple(tuple[Any, ...]):
    pass


class SubStr(str):
    pass


class SubFloat(float):
    pass


CONTAINERS: dict[str, Callable[[Any, Any], Any]] = {
    "none": lambda a, b: a, "tuple": lambda a, b: (a, b), "list": lambda a, b: [a, b], "named": Point,
    "sub named": SubPoint, "dict": lambda a, b: {"a": a, "b": b}, "ordered": lambda a, b: OrderedDict(a=a, b=b),
    "default": lambda a, b: defaultdict(list, a=a, b=b), "chain": lambda a, b: ChainMap({"a": a}, {"b": b}),
    "user dict": lambda a, b: UserDict(a=a, b=b), "proxy": lambda a, b: MappingProxyType({"a": a}),
    "user list": lambda a, b: UserList([a, b]), "deque": lambda a, b: deque([a, b]),
    "short deque": lambda a, b: deque([a, b], maxlen=2), "spread": Spread, "row": lambda a, b: Row([a, b]),
    "growing": lambda a, b: Growing([a, b]), "without slices": lambda a, b: WithoutSlices([a, b]),
    "fields": lambda a, b: Fields(a=a, b=b), "from dict": lambda a, b: FromDict({"a": a, "b": b}),
    "stubborn": lambda a, b: Stubborn({"a": a}, True), "changing": lambda a, b: Changing(1, a=a, b=b),
    "pair": PairDict, "sub list": lambda a, b: SubList([a, b]), "sub tuple": lambda a, b: SubTuple([a, b]),
    "nested": lambda a, b: {"x": [(a, b), Point(a, b)]}, "empty list": lambda a, b: [], "empty dict": lambda a, b: {},
    "empty tuple": lambda a, b: (), "odd keys": lambda a, b: {1: a, None: b}, "counter": lambda a, b: Counter(a=1),
    "record": Record,
}  # fmt: skip


def leaves(lib: Any) -> dict[str, tuple[Any, Any]]:
    """Return two values of each kind."""
    ones, tensor = np.ones, lib.tensor
    return {
        "tensor": (tensor([1.0, 2.0]), tensor([3.0, 4.0])), "numbers": (tensor(1), tensor(2)),
        "array": (np.arange(3), np.arange(3) + 1), "half": (ones(2, np.float16),) * 2, "float32": (np.float32(1),) * 2,
        "int8": (np.int8(1), np.int8(2)), "bool_": (np.bool_(True), np.bool_(False)), "str_": (np.str_("a"),) * 2,
        "bytes_": (np.bytes_(b"a"),) * 2, "array of text": (np.array(["a"]),) * 2,
        "array of objects": (np.array([None]),) * 2, "0-d": (np.array(1.5), np.array(2.5)), "int": (1, 2),
        "float": (1.0, 2.0), "bool": (True, False), "str": ("a", "b"), "bytes": (b"a", b"b"),
        "bytearray": (bytearray(b"ab"), bytearray(b"cd")), "memoryview": (memoryview(b"ab"),) * 2, "None": (None, None),
        "complex": (1j, 2j), "int, float": (1, 2.5), "float, int": (2.5, 1), "bool, int": (True, 5),
        "int, None": (1, None),
        "tensor, int": (tensor([1]), 1), "set": ({1}, {2}), "range": (range(2), range(2, 4)), "object": (object(),) * 2,
        "namespace": (SimpleNamespace(a=1),) * 2, "sub str": (SubStr("a"), SubStr("b")),
        "sub float": (SubFloat(1),) * 2,
        "shapes": (tensor([1.0]), tensor([1.0, 2.0])), "dtypes": (tensor([1.0]), tensor([2])),
        "array, tensor": (ones(2), tensor([1.0, 2.0])), "tensor, array": (tensor([1.0, 2.0]), ones(2)),
        "date": (np.datetime64("2020"),) * 2, "array of dates": (np.array(["2020"], "M8[Y]"),) * 2, "2**70": (2**70, 1),
        "uint16": (np.uint16(3),) * 2, "uint16 array": (ones(2, np.uint16),) * 2,
        "big-endian": (ones(2, ">f4"),) * 2,
        "transposed": (np.arange(6).reshape(2, 3).T,) * 2, "reversed": (np.arange(4)[::-1],) * 2,
        "empty": (ones(0),) * 2,
        "array shapes": (ones(2), ones(3)), "array dtypes": (ones(2, np.float32), ones(2)),
        "longdouble": (np.longdouble(1),) * 2, "class": (Record, Record),
        "grad": (tensor([1.0], requires_grad=True),) * 2,
    }  # fmt: skip


def describe(value: Any) -> Any:
    """Return the types, the dtypes and the values in a batch."""
    name = type(value).__name__
    if isinstance(value, (minitensor.Tensor, torch.Tensor)):
        return "tensor", str(value.dtype), tuple(value.shape), value.tolist(), value.requires_grad
    if isinstance(value, (np.ndarray, np.generic)):
        return name, str(value.dtype), value.shape, repr(value.tolist())
    if isinstance(value, Mapping):
        return name, [(key, describe(value[key])) for key in value]
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        return name, str(value) if isinstance(value, str) else bytes(value)
    if isinstance(value, Sequence):
        return name, [describe(each) for each in value]
    return (name, repr(value)) if isinstance(value, (int, float, complex)) else name


def outcome(lib: Any, function: str, build: Callable[[Any, Any], Any], kind: str) -> Any:
    a, b = leaves(lib)[kind]
    data, call = lib.utils.data, lib.utils.data.default_collate
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if function == "convert":
                return describe(data.default_convert(build(a, b)))
            samples = {"two": [build(a, b), build(b, a)], "one": [build(a, b)], "unequal": [build(a, b), a]}[function]
            return describe(call(samples))
    except Exception as error:
        return type(error) if lib is minitensor else builtin_class(error)


def builtin_class(error: Exception) -> type:
    """Return the first of Python's own classes of an error."""
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


@pytest.mark.parametrize("function", ["two", "one", "unequal", "convert"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_batches_are_pytorchs(container: str, function: str) -> None:
    build, wrong = CONTAINERS[container], []
    for kind in leaves(minitensor):
        ours, theirs = [outcome(lib, function, build, kind) for lib in (minitensor, torch)]
        is_class = isinstance(ours, type) and isinstance(theirs, type) and issubclass(ours, theirs)
        if ours != theirs and not is_class:
            wrong.append((kind, ours, theirs))
    assert not wrong


def test_named_tuples_of_other_lengths_are_refused_where_pytorch_drops_fields() -> None:
    with pytest.raises(TypeError, match=r"Point stands beside samples of sizes \[2, 3\]"):
        minitensor.utils.data.default_collate([Point(1, 2), (1, 2, 3)])
