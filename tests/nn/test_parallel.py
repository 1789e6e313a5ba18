"""What PyTorch copies to several devices or processes works on one, with PyTorch's names in state dicts."""

from __future__ import annotations

import importlib
from collections import namedtuple
from types import SimpleNamespace
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from minitensor.errors import UnsupportedError
from minitensor.nn.parallel.scatter_gather import gather, scatter, scatter_kwargs
from tests.nn.twins import assert_close, numbers, share_numbers


def build(lib: Any) -> Any:
    named = lib.nn.ModuleDict({"a": lib.nn.BatchNorm1d(2)})
    return lib.nn.Sequential(lib.nn.Conv2d(2, 3, 1), lib.nn.BatchNorm2d(3), named)


def test_a_module_in_parallel_is_the_module_under_a_prefix() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (lib.nn.DataParallel(lib.nn.Linear(3, 2)) for lib in (mt, torch))
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["module.weight", "module.bias"]
    assert repr(ours) == repr(theirs) and ours.device_ids == theirs.device_ids
    share_numbers(ours, theirs)
    x = numbers(0, 4, 3)
    assert_close(ours(mt.tensor(x)), theirs(torch.tensor(x)))
    assert ours.module.weight is next(ours.parameters())
    called = nn.parallel.data_parallel(ours.module, mt.tensor(x), module_kwargs={})
    assert called.tolist() == ours(mt.tensor(x)).tolist()


def test_batch_norms_are_converted_as_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    before, expected = build(mt), build(torch)
    for each in (before[1], expected[1]):
        each.eval()
    weight = before[1].weight
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(before)
    expected = torch.nn.SyncBatchNorm.convert_sync_batchnorm(expected)
    assert repr(converted) == repr(expected) and list(converted.state_dict()) == list(expected.state_dict())
    assert converted[1].weight is weight and not converted[1].training and converted[2]["a"].training


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 4, 2, 2), (3,), (2, 0)])
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"bias": False}, {"track_running_stats": False}], ids=str)
def test_a_sync_batch_norm_is_pytorchs_in_one_process(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = (lib.nn.SyncBatchNorm(3, **options) for lib in (mt, torch))
    x = numbers(0, *shape)
    if len(shape) < 2 or shape[1] == 0:
        for layer, lib in ((theirs, torch), (ours, mt)):
            with pytest.raises(ValueError, match=r"at least 2D|channels"):
                layer(lib.tensor(x))
        return
    for _ in range(2):
        assert_close(ours(mt.tensor(x)), theirs(torch.tensor(x)))
        for key, value in theirs.state_dict().items():
            assert_close(ours.state_dict()[key], value)
        ours.eval(), theirs.eval()


def test_several_processes_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"DistributedDataParallel: no process group .* train in one process"):
        nn.parallel.DistributedDataParallel(nn.Linear(1, 1))
    with pytest.raises(UnsupportedError, match=r"distributed\.init_process_group: there is no distributed training"):
        mt.distributed.init_process_group("nccl")


PARTS: dict[str, Any] = {
    "a tensor": lambda torch: torch.arange(6.0).reshape(3, 2),
    "a tuple": lambda torch: (torch.arange(4.0), 3, None),
    "a list": lambda torch: [torch.arange(4.0), [torch.ones(2)], "text"],
    "a dict": lambda torch: {"x": torch.arange(4.0), "y": (torch.ones(3), {})},
    "a named tuple": lambda torch: Pair(torch.arange(4.0), torch.ones(2)),
    "empty": lambda torch: (),
}
Pair = namedtuple("Pair", "x y")


def plain(value: Any) -> Any:
    """Return a value with its tensors as lists, and the classes of its containers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [plain(each) for each in value]
    return value


@pytest.fixture
def theirs(monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyTorch's module, which divides tensors for GPUs, with a division that leaves them where they are."""
    torch = pytest.importorskip("torch")
    module = importlib.import_module("torch.nn.parallel.scatter_gather")
    cut = SimpleNamespace(apply=lambda targets, _, dim, x: x.chunk(len(targets), dim))
    join = SimpleNamespace(apply=lambda target, dim, *parts: torch.cat(parts, dim))
    monkeypatch.setattr(module, "Scatter", cut)
    monkeypatch.setattr(module, "Gather", join)
    return module


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("name", PARTS)
def test_a_batch_is_divided_and_joined_as_pytorch_does(name: str, devices: int, theirs: Any) -> None:
    torch, targets = pytest.importorskip("torch"), list(range(devices))
    wanted, found = theirs.scatter(PARTS[name](torch), targets), scatter(PARTS[name](mt), targets)
    assert plain(found) == plain(wanted)
    if name not in ("a tuple", "a list", "empty"):
        assert plain(gather(found, 0)) == plain(theirs.gather(wanted, 0))


@pytest.mark.parametrize("name", ["a tuple", "a named tuple", "empty"])
@pytest.mark.parametrize("kwargs", [None, {}, {"x": 2}])
def test_arguments_are_divided_as_pytorch_does(name: str, kwargs: Any, theirs: Any) -> None:
    torch = pytest.importorskip("torch")
    wanted = theirs.scatter_kwargs(PARTS[name](torch), kwargs, [0, 1])
    assert plain(scatter_kwargs(PARTS[name](mt), kwargs, [0, 1])) == plain(wanted)


def test_parts_are_computed_one_after_another() -> None:
    layer = nn.Linear(2, 1)
    parts = scatter(mt.ones(4, 2), ["cpu", "cpu"])
    modules = nn.parallel.replicate(layer, ["cpu", "cpu"])
    whole = gather(nn.parallel.parallel_apply(modules, parts), "cpu")
    assert whole.tolist() == layer(mt.ones(4, 2)).tolist()
    whole.sum().backward()
    assert layer.weight.grad is not None
    with pytest.raises(AssertionError, match=r"modules 1 is not equal to the number of inputs 2"):
        nn.parallel.parallel_apply(modules[:1], parts)
    with pytest.warns(UserWarning, match="unsqueeze and return a vector"):
        assert gather([mt.tensor(1), mt.tensor(2)], "cpu").tolist() == [1, 2]
    with pytest.raises(ValueError, match="same number of keys"):
        gather([{}, {"x": mt.ones(1)}], "cpu")
