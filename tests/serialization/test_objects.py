"""Values of every kind, saved and loaded by this library and by PyTorch, in all four combinations.

With ``weights_only=True`` a value is accepted or refused as PyTorch does, apart from those in ``SAFE_HERE``; with
``weights_only=False`` every value comes back.
"""

from __future__ import annotations

import argparse
import array
import collections
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import pathlib
import pickle
import types
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.errors import FileFormatError

Make = Callable[[Any], Any]


class Plain:
    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class WithSlots:
    __slots__ = ("a",)

    def __init__(self) -> None:
        self.a = [1]


class WithKeywords(int):
    k: int

    def __new__(cls, value: int, *, k: int = 1) -> WithKeywords:
        made = int.__new__(cls, value)
        made.k = k
        return made

    def __getnewargs_ex__(self) -> Any:
        return (int(self),), {"k": self.k}


class WithSetState:
    def __init__(self) -> None:
        self.state = {"z": 3}

    def __getstate__(self) -> dict[str, int]:
        return {"z": 3}

    def __setstate__(self, state: Any) -> None:
        self.state = state


class Color(enum.Enum):
    RED = 1


class Flags(enum.IntFlag):
    A = 1
    B = 2


class Outer:
    class Inner:
        pass


class MyList(list[Any]): ...


class MyOrderedDict(collections.OrderedDict[Any, Any]): ...


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Data:
    a: int
    b: list[int]


def double(x: float) -> float:
    return 2 * x


def cycle() -> Any:
    value = Plain()
    value.me = value  # type: ignore[attr-defined]  # set by the test
    return value


def with_attribute(made: Any) -> Any:
    made.note = "kept"
    return made


VALUES: dict[str, Make] = {
    "numbers": lambda t: [None, True, 0, -1, 65536, 1 << 31, -(1 << 70), 1.5, 1j], "a long": lambda t: 1 << 3000,
    "text": lambda t: ["", "a\u00e9", "\ud800", "\0"], "bytes": lambda t: b"\xff" * 300, "no bytes": lambda t: b"",
    "a bytearray": lambda t: [bytearray(b"ab"), bytearray()], "tuples": lambda t: [(), (1,), (1, 2, 3, 4)],
    "sets": lambda t: [{1, 2}, set()], "a frozenset": lambda t: frozenset([1]),
    "a dict": lambda t: {1: 2, None: 3, (1, 2): 4, 2.5: 5, b"k": 6},
    "counters": lambda t: [collections.Counter("aab"), collections.Counter(), collections.Counter({1: 2.5})],
    "an ordered dict": lambda t: collections.OrderedDict(a=1),
    "an ordered dict with an attribute": lambda t: with_attribute(collections.OrderedDict(a=1)),
    "a default dict": lambda t: collections.defaultdict(list, {1: [2]}), "a deque": lambda t: collections.deque([1], 3),
    "a chain": lambda t: collections.ChainMap({1: 2}), "a range": lambda t: range(1, 9, 2),
    "a slice": lambda t: slice(1, 2), "singletons": lambda t: [..., NotImplemented],
    "classes of data": lambda t: [collections.OrderedDict, collections.Counter, set, complex, bytearray, t.Tensor],
    "classes": lambda t: [int, type(None), type(...), ValueError, Outer.Inner], "functions": lambda t: [double, len],
    "a method": lambda t: "ab".upper, "a namespace": lambda t: argparse.Namespace(lr=1),
    "a simple namespace": lambda t: types.SimpleNamespace(a=1), "a path": lambda t: pathlib.Path("/a/b"),
    "dates": lambda t: [datetime.datetime(2020, 1, 2), datetime.timedelta(1)],
    "a decimal": lambda t: decimal.Decimal(1),
    "a fraction": lambda t: fractions.Fraction(1, 3), "an enum": lambda t: Color.RED, "flags": lambda t: Flags.A,
    "a named tuple": lambda t: Point(1, 2), "a data class": lambda t: Data(1, [2]), "an object": lambda t: Plain(a=[1]),
    "slots": lambda t: WithSlots(), "keywords": lambda t: WithKeywords(3, k=5), "a state": lambda t: WithSetState(),
    "a list of a class": lambda t: MyList([1, 2]), "a dict of a class": lambda t: MyOrderedDict({1: 2}),
    "a uuid": lambda t: uuid.UUID(int=5), "an array": lambda t: array.array("d", [1.5]), "a cycle": lambda t: cycle(),
    "numpy scalars": lambda t: [np.float64(1.5), np.int64(3), np.bool_(True)],
    "a numpy dtype": lambda t: np.dtype("f4"),
    "numpy arrays": lambda t: [np.arange(6.0).reshape(2, 3).T, np.array(["a", "bb"]), np.array([1, "a"], object)],
    "numpy's stream": lambda t: np.random.default_rng(0).bit_generator.state,
    "tensors": lambda t: [t.arange(6.0).reshape(2, 3).t(), t.tensor(1.5), t.empty(0, 3), t.ones(1).expand(4, 3)],
    "a leaf": lambda t: t.ones(2, requires_grad=True), "no leaf": lambda t: t.ones(2, requires_grad=True) * 2,
    "parameters": lambda t: [t.nn.Parameter(t.ones(2)), t.nn.Parameter(t.ones(2), requires_grad=False)],
    "uninitialized": lambda t: t.nn.parameter.UninitializedParameter(),
    "a storage": lambda t: t.ones(2).untyped_storage(),
    "a key": lambda t: {t.float32: 1, t.device("cpu"): 2, t.Size([1]): 3},
    "a tensor key": lambda t: list({t.ones(2): 1}),
    "other keys": lambda t: {frozenset([1]): 1, Color.RED: 2}, "sizes": lambda t: t.Size([2, 3]),
    "dtypes": lambda t: [t.float32, t.int64, t.bool, t.complex64], "a device": lambda t: t.device("cuda", 1),
    "classes of tensors": lambda t: [t.nn.Parameter, t.Tensor], "a class of modules": lambda t: t.nn.Linear,
    "a function of tensors": lambda t: t.nn.functional.relu, "a named result": lambda t: t.ones(3).max(0),
    "a module": lambda t: t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)),
    "a state dict": lambda t: t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)).state_dict(),
    "a data set": lambda t: t.utils.data.TensorDataset(t.ones(3)), "a subset": lambda t: t.utils.data.Subset([1], [0]),
    "a packed sequence": lambda t: t.nn.utils.rnn.pack_padded_sequence(t.ones(3, 2, 1), t.tensor([3, 2])),
    "a generator": lambda t: t.Generator().manual_seed(3),
}  # fmt: skip

SCHEDULERS: dict[str, dict[str, Any]] = {
    "StepLR": {"step_size": 2}, "MultiStepLR": {"milestones": [1, 3]}, "ExponentialLR": {"gamma": 0.5},
    "CosineAnnealingLR": {"T_max": 3}, "LinearLR": {}, "ConstantLR": {}, "PolynomialLR": {}, "ReduceLROnPlateau": {},
    "CyclicLR": {"base_lr": 0.1, "max_lr": 1.0, "cycle_momentum": False}, "OneCycleLR": {"max_lr": 1, "total_steps": 5},
    "CosineAnnealingWarmRestarts": {"T_0": 2}, "LambdaLR": {"lr_lambda": double},
    "MultiplicativeLR": {"lr_lambda": double},
}  # fmt: skip
OPTIMIZERS = "SGD ASGD Adagrad Adadelta Adafactor Adam AdamW Adamax NAdam RAdam RMSprop Rprop".split()


def optimizer(t: Any, name: str) -> Any:
    weight = t.nn.Parameter(t.ones(2))
    made = getattr(t.optim, name)([weight], lr=0.5)
    weight.grad = t.ones(2)
    made.step()
    return made


def scheduler(t: Any, name: str) -> Any:
    return getattr(t.optim.lr_scheduler, name)(optimizer(t, "SGD"), **SCHEDULERS[name])


VALUES |= {name: lambda t, name=name: optimizer(t, name) for name in OPTIMIZERS}
VALUES |= {f"state of {name}": lambda t, name=name: optimizer(t, name).state_dict() for name in OPTIMIZERS}
VALUES |= {name: lambda t, name=name: scheduler(t, name) for name in SCHEDULERS}
VALUES |= {f"state of {name}": lambda t, name=name: scheduler(t, name).state_dict() for name in SCHEDULERS}

SAFE_HERE = {"a long": "an instruction that PyTorch's safe unpickler lacks", "no bytes": "a name it does not allow"}


def describe(value: Any, seen: tuple[int, ...] = ()) -> Any:
    """Return a value as text and lists that are equal for equal values of the two libraries."""
    if id(value) in seen:
        return "a cycle"

    def inner(each: Any) -> Any:
        return describe(each, (*seen, id(value)))

    name = type(value).__name__.replace("StateDict", "OrderedDict")
    if isinstance(value, type) or hasattr(value, "__code__"):
        return value.__name__
    if hasattr(value, "requires_grad") and hasattr(value, "stride"):
        return describe_tensor(name, value)
    if isinstance(value, np.ndarray):
        return name, value.dtype.str, value.shape, value.strides, value.tolist()
    if isinstance(value, dict):
        return name, sorted(repr((inner(key), inner(each))) for key, each in value.items()), sorted(vars_of(value))
    if isinstance(value, (list, tuple, collections.deque)):
        return name, [inner(each) for each in value]
    if hasattr(value, "state_dict"):
        return name, inner(value.state_dict())
    if hasattr(value, "initial_seed"):
        return name, value.initial_seed()
    if hasattr(value, "nbytes") and "Storage" in name:
        return value.nbytes()
    return name, inner(vars_of(value)) if vars_of(value) and not isinstance(value, enum.Enum) else repr_of(value)


def describe_tensor(name: str, value: Any) -> Any:
    if "Uninitialized" in name:
        return name
    facts = tuple(value.shape), str(value.dtype), value.stride(), value.storage_offset(), value.requires_grad
    return name, facts, value.detach().tolist()


def vars_of(value: Any) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    return {key: each for key, each in found.items() if key != "_sampler_iter"}


def repr_of(value: Any) -> str:
    return repr(value).split(" at 0x")[0]


def save(lib: Any, value: Any) -> bytes:
    file = io.BytesIO()
    lib.save(value, file)
    return file.getvalue()


def load(lib: Any, data: bytes, weights_only: bool) -> Any:
    """Return what a library loads, as described, or ``"refused"``."""
    try:
        return describe(lib.load(io.BytesIO(data), weights_only=weights_only))
    except pickle.UnpicklingError:
        return "refused"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("label", VALUES)
def test_every_value_is_saved_and_loaded_as_by_pytorch(label: str) -> None:
    torch = pytest.importorskip("torch")
    made = {lib: VALUES[label](lib) for lib in (torch, mt) if (lib.manual_seed(0) or True)}
    files = {lib: save(lib, value) for lib, value in made.items()}
    safe = load(torch, files[torch], True) != "refused"
    for source, target in ((torch, mt), (mt, torch), (mt, mt)):
        wanted = describe(made[source])
        assert load(target, files[source], False) == wanted, (source.__name__, target.__name__)
        if label not in SAFE_HERE or target is torch:
            found = load(target, files[source], True)
            assert found == wanted if safe or (label == "no bytes" and source is mt) else found == "refused"


@pytest.mark.parametrize("label", SAFE_HERE)
def test_some_data_can_be_loaded_that_pytorch_refuses(label: str) -> None:
    assert mt.load(io.BytesIO(save(mt, VALUES[label](mt)))) == VALUES[label](mt)


@pytest.mark.parametrize("label", [label for label in VALUES if label not in ("a method", "a generator")])
def test_every_value_is_saved_and_loaded_without_pytorch(label: str) -> None:
    value = VALUES[label](mt)
    assert load(mt, save(mt, value), False) == describe(value)


REFUSED = {
    "a lambda": lambda t: lambda: None, "a generator": lambda t: (i for i in ()), "a module": lambda t: io,
    "a local class": lambda t: type("Local", (), {})(), "a view of memory": lambda t: memoryview(b"a"),
}  # fmt: skip


@pytest.mark.parametrize("label", REFUSED)
def test_what_cannot_be_pickled_is_refused_with_pytorchs_class(label: str) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:  # the class is compared below
        save(torch, REFUSED[label](torch))
    with pytest.raises(type(theirs.value)):
        save(mt, REFUSED[label](mt))


def test_objects_may_not_be_nested_without_end() -> None:
    class Endless:
        def __reduce__(self) -> Any:
            return list, ([Endless()],)

    with pytest.raises(RecursionError, match="nested"):
        save(mt, Endless())


# -- what a user allows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        (Plain(a=1), [Plain]), (WithSlots(), [WithSlots]), (WithSetState(), [WithSetState]), (range(3), [range]),
        (collections.defaultdict(list, {1: [2]}), [collections.defaultdict, list]),
        (pathlib.PurePosixPath("a"), [pathlib.PurePosixPath]), (Color.RED, [Color]), (MyList([1]), [MyList]),
        (np.dtype("f4"), [np.dtype, type(np.dtype("f4"))]), ({Color.RED: 1}, [Color]),
    ],
)  # fmt: skip
def test_an_allowed_class_can_be_loaded(value: Any, allowed: list[Any]) -> None:
    data = save(mt, value)
    with pytest.raises(FileFormatError, match="add_safe_globals"):
        mt.load(io.BytesIO(data))
    with mt.serialization.safe_globals(allowed):
        assert describe(mt.load(io.BytesIO(data))) == describe(value)
    assert mt.serialization.get_safe_globals() == []
    with pytest.raises(FileFormatError):
        mt.load(io.BytesIO(data))


def test_a_class_is_allowed_under_pytorchs_name() -> None:
    torch = pytest.importorskip("torch")
    names = [mt.nn.Linear, set, dict]
    for data in (save(torch, torch.nn.Linear(2, 3)), save(mt, mt.nn.Linear(2, 3))):
        with mt.serialization.safe_globals(names):
            assert mt.load(io.BytesIO(data)).weight.shape == (3, 2)


def test_a_name_may_be_given_with_a_class() -> None:
    fancy = b"\x80\x02cmodule\nFancy\n)\x81."
    with mt.serialization.safe_globals([(Plain, "module.Fancy")]):
        assert type(mt.load(io.BytesIO(repickled(save(mt, 1), fancy)))) is Plain


def test_functions_of_the_system_can_never_be_allowed() -> None:
    data = save(mt, 1)
    for module in ("os", "posix", "nt", "sys"):
        evil = b"\x80\x02c%b\nsystem\nX\x02\0\0\0ls\x85R." % module.encode()
        allow = mt.serialization.safe_globals([(print, f"{module}.system")])
        with allow, pytest.raises(FileFormatError, match="blocked"):
            mt.load(io.BytesIO(repickled(data, evil)))


def repickled(data: bytes, pickle: bytes) -> bytes:
    """Return an archive with another pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickle if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


# -- arguments ---------------------------------------------------------------------------------------------------------


def test_a_function_may_place_the_storages() -> None:
    seen = []

    def place(storage: Any, location: str) -> Any:
        seen.append((storage.nbytes(), location))
        return storage if len(seen) == 1 else None

    found = mt.load(io.BytesIO(save(mt, [mt.ones(2), mt.zeros(3)])), map_location=place)
    assert [each.tolist() for each in found] == [[1, 1], [0, 0, 0]] and seen == [(8, "cpu"), (12, "cpu")]
    with pytest.raises(TypeError, match="must return a storage"):
        mt.load(io.BytesIO(save(mt, mt.ones(1))), map_location=lambda storage, location: "cpu")


def test_the_unpickler_may_be_another() -> None:
    data = save(mt, Plain(a=1))
    assert mt.load(io.BytesIO(data), pickle_module=pickle).a == 1
    with pytest.raises(RuntimeError, match="pickle_module"):
        mt.load(io.BytesIO(data), pickle_module=pickle, weights_only=True)


def test_a_name_that_is_missing_here_is_named() -> None:
    evil = b"\x80\x02ctorch.nn.modules.nowhere\nNothing\n."
    with pytest.raises(AttributeError, match=r"torch\.nn\.modules\.nowhere\.Nothing"):
        mt.load(io.BytesIO(repickled(save(mt, 1), evil)), weights_only=False)


# -- hooks -------------------------------------------------------------------------------------------------------------


def add_one(module: Any, args: Any, output: Any) -> Any:
    return output + 1


def pass_on(module: Any, args: Any, kwargs: Any) -> Any:
    return args, kwargs


def test_the_hooks_of_a_module_that_pytorch_pickled_run() -> None:
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(2, 2)
    module.register_forward_hook(add_one)
    module.register_forward_pre_hook(pass_on, with_kwargs=True)
    found = mt.load(io.BytesIO(save(torch, module)), weights_only=False)
    np.testing.assert_allclose(found(mt.ones(2)).tolist(), module(torch.ones(2)).tolist(), rtol=1e-6)
    assert copy.deepcopy(found)(mt.ones(2)).tolist() == found(mt.ones(2)).tolist()
