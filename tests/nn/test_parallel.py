"""What PyTorch copies to several devices or processes works on one, with PyTorch's names in state dicts."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt
from minitensor import nn
from minitensor.errors import UnsupportedError
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
    with pytest.raises(NotImplementedError, match="there is one device"):
        nn.parallel.replicate(nn.Linear(1, 1), [0, 1])
