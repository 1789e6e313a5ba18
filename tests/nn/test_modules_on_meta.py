"""Modules on the device "meta": made there, moved, loaded, saved and trained without memory, as in PyTorch."""

from __future__ import annotations

import copy
import io
import warnings
from typing import Any

import pytest

import minitensor as mt
import minitensor.nn
import minitensor.optim
from tests.nn.test_layers import LAYERS, Row
from tests.nn.twins import numbers


@pytest.fixture(autouse=True)
def silence() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def layouts(values: Any) -> list[Any]:
    """Return the device, dtype, shape and strides of each tensor."""
    return [
        None if each is None else (each.device.type, str(each.dtype), tuple(each.shape), tuple(each.stride()))
        for each in values
    ]


def run(library: Any, row: Row, device: str, training: bool) -> Any:
    """Return the layouts of a layer's result, gradients and buffers."""
    layer = getattr(library.nn, row.name)(*row.args, **row.options).to(device).train(training)
    input = library.tensor(numbers(1, *row.shape)).to(device).requires_grad_()
    result = layer(input * 1)
    result.sum().backward()
    return layouts([result, input.grad, *(each.grad for each in layer.parameters()), *layer.buffers()])


@pytest.mark.parametrize("row", LAYERS, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_results_gradients_and_buffers_have_pytorchs_layouts(row: Row, training: bool) -> None:
    """Those of its CPU where its results on "meta" differ from these."""
    torch = pytest.importorskip("torch")
    if row.options.get("momentum", 0) is None and training:
        pytest.skip("both libraries read a number of batches")
    found = run(mt, row, "meta", training)
    places = [run(torch, row, place, training) for place in ("meta", "cpu")]
    expected = [[each if each is None else ("meta", *each[1:]) for each in facts] for facts in places]
    assert all(one in others for one, *others in zip(found, *expected, strict=True)), (found, expected)


def make_all(library: Any, **options: Any) -> Any:
    nn = library.nn
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, **options), nn.BatchNorm2d(8, **options), nn.Flatten(), nn.Linear(32, 4, **options),
        nn.LayerNorm(4, **options), nn.Embedding(9, 4, **options), nn.LSTM(4, 4, **options),
        nn.MultiheadAttention(4, 2, **options), nn.GRUCell(4, 4, **options), nn.PReLU(**options),
    )  # fmt: skip


def test_a_module_made_on_meta_draws_nothing() -> None:
    before = mt.get_rng_state()
    by_argument = make_all(mt, device="meta")
    with mt.device("meta"):
        by_context = make_all(mt)
    assert mt.equal(mt.get_rng_state(), before)
    moved = make_all(mt).to("meta")
    for module in (by_argument, by_context, moved):
        assert all(each.is_meta for each in module.state_dict().values())
    assert layouts(by_argument.parameters()) == layouts(by_context.parameters()) == layouts(moved.parameters())


def test_every_initializer_returns_its_tensor_and_draws_nothing() -> None:
    before = mt.get_rng_state()
    for name in (
        "uniform_ normal_ ones_ zeros_ eye_ dirac_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ "
        "trunc_normal_ orthogonal_"
    ).split():
        tensor = mt.empty(4, 6, *([3] if name == "dirac_" else []), device="meta")
        assert getattr(mt.nn.init, name)(tensor) is tensor, name
    for name, value in (("constant_", 1.0), ("sparse_", 0.5)):
        tensor = mt.empty(4, 6, device="meta")
        assert getattr(mt.nn.init, name)(tensor, value) is tensor, name
    assert mt.equal(mt.get_rng_state(), before)


def test_a_module_is_emptied_and_loaded() -> None:
    source, module = make_all(mt), make_all(mt, device="meta")
    parameters = list(module.parameters())
    assert module.load_state_dict(source.state_dict(), assign=True).missing_keys == []
    assert all(mt.equal(one, other) for one, other in zip(module.parameters(), source.parameters(), strict=True))
    assert [each.requires_grad for each in parameters] == [each.requires_grad for each in module.parameters()]
    other = make_all(mt, device="meta").to_empty(device="cpu")
    other.load_state_dict(source.state_dict())
    assert all(mt.equal(one, two) for one, two in zip(other.parameters(), source.parameters(), strict=True))


def test_copies_into_meta_are_lost_with_a_warning_and_copies_out_of_it_raise() -> None:
    source, module = mt.nn.Linear(2, 3), mt.nn.Linear(2, 3, device="meta")
    with pytest.warns(UserWarning, match="for weight: copying from a non-meta parameter.*assign=True"):
        module.load_state_dict(source.state_dict())
    assert module.weight.is_meta
    before = source.weight.clone()
    with pytest.raises(RuntimeError, match=r'the parameter named "weight".*Cannot copy out of meta tensor; no data!'):
        source.load_state_dict(module.state_dict())
    assert mt.equal(source.weight, before)
    with pytest.raises(NotImplementedError, match="to_empty"):
        module.to("cpu")


def test_a_module_on_meta_is_copied_pruned_and_registered() -> None:
    module = mt.nn.Linear(2, 3, device="meta")
    twin = copy.deepcopy(module)
    assert twin.weight.is_meta and twin.weight is not module.weight and twin.weight.requires_grad
    module.register_parameter("weight", mt.nn.Parameter(mt.ones(3, 2)))
    module.bias = mt.nn.Parameter(mt.zeros(3))
    assert module(mt.ones(1, 2)).tolist() == [[2.0, 2.0, 2.0]]


def test_files_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for writer, reader in ((mt, torch), (torch, mt), (mt, mt)):
        module, file = writer.nn.BatchNorm1d(3, device="meta"), io.BytesIO()
        other = writer.empty(2, 3, device="meta", dtype=writer.bfloat16).t()
        writer.save({"state": module.state_dict(), "weight": module.weight, "other": other}, file)
        for place in (None, "cpu", "meta"):
            file.seek(0)
            found = reader.load(file, map_location=place)
            tensors = [*found["state"].values(), found["weight"], found["other"]]
            assert layouts(tensors) == layouts([*module.state_dict().values(), module.weight, other])
            assert isinstance(found["weight"], reader.nn.Parameter) and found["weight"].requires_grad


def test_a_file_is_mapped_to_meta() -> None:
    file = io.BytesIO()
    mt.save({"x": mt.ones(2, 3), "h": mt.ones(2, dtype=mt.bfloat16)}, file)
    file.seek(0)
    found = mt.load(file, map_location="meta")
    assert [repr(each) for each in found.values()] == [
        "tensor(..., device='meta', size=(2, 3))", "tensor(..., device='meta', size=(2,), dtype=torch.bfloat16)",
    ]  # fmt: skip


STEPS = "Adadelta Adagrad Adam Adamax AdamW Muon NAdam RAdam RMSprop Rprop SGD".split()


@pytest.mark.parametrize("name", STEPS)
def test_an_optimizer_keeps_its_state_there(name: str) -> None:
    torch = pytest.importorskip("torch")
    states = []
    for library in (mt, torch):
        module = library.nn.Linear(2, 3, bias=False, device="meta")
        optimizer = getattr(library.optim, name)(module.parameters(), lr=0.1)
        for _ in range(2):
            module(library.empty(4, 2, device="meta")).sum().backward()
            optimizer.step()
        state = optimizer.state[module.weight]
        states.append({key: layouts([value]) for key, value in state.items() if hasattr(value, "is_meta")})
    assert states[0] == states[1]
