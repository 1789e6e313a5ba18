"""A state dict maps names to a network's tensors; loading one is all or nothing."""

from __future__ import annotations

import copy
from collections import OrderedDict
from types import ModuleType
from typing import Any

import pytest

import minitensor
from minitensor import nn


def net() -> Any:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Sequential(nn.Linear(3, 1, bias=False)))


def values(module: nn.Module) -> dict[str, Any]:
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def test_keys_and_versions_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Sequential(torch.nn.Linear(3, 1, bias=False))
    )
    ours = net()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata
    assert list(ours.state_dict(prefix="net.")) == list(theirs.state_dict(prefix="net."))


def test_the_tensors_share_memory_but_no_history() -> None:
    layer = nn.Linear(1, 1)
    state = layer.state_dict()
    state["weight"].fill_(7)
    assert layer.weight.item() == 7
    assert not state["weight"].requires_grad
    assert layer.state_dict(keep_vars=True)["weight"] is layer.weight


def test_a_saved_state_can_be_loaded() -> None:
    source, target = net(), net()
    report = target.load_state_dict(copy.deepcopy(source.state_dict()))
    assert repr(report) == "<All keys matched successfully>"
    assert values(target) == values(source)


def test_loading_copies_into_the_same_parameters() -> None:
    target = nn.Linear(1, 1)
    weight = target.weight
    state = {"weight": minitensor.full((1, 1), 3.0), "bias": minitensor.ones(1)}
    target.load_state_dict(state)
    state["weight"].fill_(4)
    assert target.weight is weight
    assert weight.item() == 3


def test_assign_uses_the_given_tensors() -> None:
    target = nn.Linear(1, 1)
    target.weight.requires_grad_(False)
    state = {"weight": minitensor.ones(1, 1, dtype=minitensor.float64), "bias": minitensor.ones(1)}
    target.load_state_dict(state, assign=True)
    state["weight"].fill_(4)
    assert isinstance(target.weight, nn.Parameter)
    assert target.weight.item() == 4
    assert target.weight.dtype is minitensor.float64
    assert (target.weight.requires_grad, target.bias.requires_grad) == (False, True)


def faulty() -> dict[str, Any]:
    state = dict(net().state_dict())
    state["0.weight"] = minitensor.zeros(9, 9)
    state["2.0.weight"] = [1.0]
    state["extra"] = state["3.bias"] = minitensor.zeros(1)
    del state["0.bias"], state["1.running_var"]
    return state


def test_every_mismatch_is_listed_at_once_in_pytorchs_words(torch: ModuleType | None = None) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(
        torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Sequential(torch.nn.Linear(3, 1, bias=False))
    )
    state = {name: torch.zeros(value.shape) if hasattr(value, "shape") else value for name, value in faulty().items()}
    with pytest.raises(RuntimeError) as expected:
        theirs.load_state_dict(state)
    with pytest.raises(RuntimeError) as found:
        net().load_state_dict(faulty())
    ours = str(found.value).replace("minitensor.Tensor", "torch.Tensor or Tensor-like object")
    assert ours == str(expected.value)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("assign", [True, False])
def test_nothing_is_loaded_if_something_does_not_match(strict: bool, assign: bool) -> None:
    target = net()
    before = copy.deepcopy(values(target))
    parameters = list(target.parameters())
    with pytest.raises(RuntimeError, match=r"size mismatch for 0.weight"):
        target.load_state_dict(faulty(), strict=strict, assign=assign)
    assert values(target) == before
    assert all(a is b for a, b in zip(parameters, target.parameters(), strict=True))


def test_not_strict_loads_what_matches_and_reports_the_rest() -> None:
    target = nn.Linear(1, 1)
    report = target.load_state_dict({"weight": minitensor.zeros(1, 1), "scale": minitensor.zeros(1)}, strict=False)
    assert report.missing_keys == ["bias"]
    assert report.unexpected_keys == ["scale"]
    assert repr(report) == "_IncompatibleKeys(missing_keys=['bias'], unexpected_keys=['scale'])"
    assert target.weight.item() == 0


def test_a_state_that_is_not_a_dict_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected state_dict to be dict-like, got <class 'list'>"):
        net().load_state_dict([])  # type: ignore[arg-type]


def test_a_scalar_is_read_from_one_element() -> None:
    module = nn.Module()
    module.scale = nn.Parameter(minitensor.tensor(1.0))
    module.load_state_dict({"scale": minitensor.tensor([5.0])})
    assert module.scale.item() == 5


def test_batch_norm_loads_state_dicts_without_a_batch_counter() -> None:
    old = OrderedDict((name, t) for name, t in nn.BatchNorm1d(2).state_dict().items() if "tracked" not in name)
    layer = nn.BatchNorm1d(2)
    layer.num_batches_tracked.fill_(3)
    layer.load_state_dict(old)
    assert layer.num_batches_tracked.item() == 3
    now = layer.state_dict()
    del now["num_batches_tracked"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"num_batches_tracked"'):
        layer.load_state_dict(now)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def get_extra_state(self) -> Any:
        return {"count": self.count}

    def set_extra_state(self, state: Any) -> None:
        self.count = state["count"]


def test_extra_state_is_saved_and_loaded_with_the_tensors() -> None:
    source, target = nn.Sequential(Counting()), nn.Sequential(Counting())
    source[0].count = 4
    target.load_state_dict(source.state_dict())
    assert target[0].count == 4
    with pytest.raises(RuntimeError, match=r'Missing key.*"0._extra_state"'):
        target.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"0._extra_state"'):
        nn.Sequential(nn.ReLU()).load_state_dict(source.state_dict())


def test_hooks_run_around_saving_and_loading() -> None:
    seen: list[Any] = []
    layer = nn.Linear(1, 1)
    layer.register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(("before", prefix, keep_vars)))
    layer.register_state_dict_post_hook(lambda module, state, prefix, metadata: seen.append(sorted(state)))
    state = nn.Sequential(layer).state_dict()
    assert seen == [("before", "0.", False), ["0.bias", "0.weight"]]
    layer.register_load_state_dict_pre_hook(lambda module, state, prefix, *_: state.update(weight=state.pop("w")))
    layer.load_state_dict({"w": minitensor.zeros(1, 1), "bias": state["0.bias"]})
    assert layer.weight.item() == 0


def test_a_post_hook_sees_the_values_and_may_remove_errors() -> None:
    layer = nn.Linear(1, 1)
    seen: list[float] = []

    def forgive(module: Any, report: Any) -> None:
        seen.append(module.weight.item())
        report.missing_keys.clear()

    handle = layer.register_load_state_dict_post_hook(forgive)
    layer.load_state_dict({"weight": minitensor.full((1, 1), 2.0)})
    assert seen == [2]
    handle.remove()


def test_mismatches_that_a_post_hook_leaves_undo_the_loading() -> None:
    layer = nn.Linear(1, 1)
    before = values(layer)
    layer.register_load_state_dict_post_hook(lambda module, report: None)
    with pytest.raises(RuntimeError, match=r'Missing key.*"bias"'):
        layer.load_state_dict({"weight": minitensor.full((1, 1), 2.0)})
    assert values(layer) == before


def test_a_layer_may_load_an_older_format() -> None:
    class Renamed(nn.Linear):
        _version = 2

        def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any) -> None:
            if local_metadata.get("version", 1) < 2:
                state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")
            super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    target = nn.Sequential(Renamed(1, 1))
    target.load_state_dict({"0.kernel": minitensor.full((1, 1), 2.0), "0.bias": minitensor.ones(1)})
    assert target[0].weight.item() == 2


# -- a mismatch changes nothing ----------------------------------------------------------------------------------------


class Stubborn(nn.Module):
    """A module that refuses its own extra state."""

    def get_extra_state(self) -> Any:
        return 1

    def set_extra_state(self, state: Any) -> None:
        raise KeyError("stubborn")


def parametrized() -> nn.Module:
    layer = nn.Linear(2, 3)
    nn.utils.parametrizations.weight_norm(layer)
    return layer


def hooked(module: nn.Module) -> nn.Module:
    module.register_load_state_dict_post_hook(lambda module, report: None)
    return module


def overlapping() -> nn.Module:
    module = nn.Module()
    module.register_buffer("wide", minitensor.zeros(1).expand(3))
    return module


MISFITS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a wrong shape": (lambda: nn.BatchNorm1d(3), {"running_var": minitensor.ones(4)}),
    "no tensor": (lambda: nn.BatchNorm1d(3), {"running_var": [1.0]}),
    "a wrong shape in a parametrized layer": (parametrized, {"parametrizations.weight.original0": minitensor.ones(4)}),
    "a hook that forgives nothing": (lambda: hooked(nn.BatchNorm1d(3)), {"more": minitensor.ones(4)}),
    "a state of its own": (Stubborn, {}),
}


@pytest.mark.parametrize("assign", [True, False])
@pytest.mark.parametrize("name", MISFITS)
def test_a_mismatch_leaves_everything_unchanged(name: str, assign: bool) -> None:
    make, entries = MISFITS[name]
    target = nn.Sequential(nn.Linear(2, 3), make(), nn.BatchNorm1d(3), hooked(nn.Linear(3, 1)))
    before, held = copy.deepcopy(target.state_dict()), [*target.parameters(), *target.buffers()]
    state = {key: value + 1 if isinstance(value, minitensor.Tensor) else value for key, value in before.items()}
    state.update({f"1.{key}": value for key, value in entries.items()})
    with pytest.raises((RuntimeError, KeyError), match=r"1\.|stubborn"):
        target.load_state_dict(state, assign=assign)
    assert all(one is other for one, other in zip(held, [*target.parameters(), *target.buffers()], strict=True))
    for key, value in target.state_dict().items():
        assert not isinstance(value, minitensor.Tensor) or minitensor.equal(value, before[key]), key


@pytest.mark.parametrize("hook", [True, False])
def test_lazy_parameters_stay_lazy_if_something_else_does_not_match(hook: bool) -> None:
    target = nn.Sequential(nn.LazyLinear(3), nn.Linear(3, 1))
    state = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)).state_dict()
    del state["1.bias"]
    if hook:
        hooked(target)
    with pytest.raises(RuntimeError, match=r"Missing key.*1\.bias"):
        target.load_state_dict(state)
    assert isinstance(target[0].weight, nn.UninitializedParameter)
    assert target(minitensor.ones(1, 5)).shape == (1, 1)


def test_tensors_that_cannot_be_written_are_listed_before_anything_is_loaded() -> None:
    target = nn.Sequential(nn.Linear(1, 1), overlapping())
    state = {"0.weight": minitensor.ones(1, 1).long(), "0.bias": minitensor.zeros(2), "1.wide": minitensor.ones(3)}
    with pytest.raises(RuntimeError, match=r'(?s)"0.weight": a tensor of dtype torch.int64 .*size mismatch for 0.bias'):
        target.load_state_dict(state, assign=True)
    before = target[0].weight.item()
    with pytest.raises(RuntimeError, match=r'"1.wide": several elements .* load with assign=True'):
        target.load_state_dict({**state, "0.bias": minitensor.zeros(1)})
    assert target[0].weight.item() == before
