"""Pruning equals PyTorch's: the chosen entries, what is registered, a second pruning, and removal."""

from __future__ import annotations

import copy
import pickle
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor.nn.utils import prune
from tests.nn.twins import assert_close, numbers


@pytest.fixture
def torch() -> ModuleType:
    pytest.importorskip("torch.nn.utils.prune")
    return pytest.importorskip("torch")


def layer(lib: Any, kind: str = "conv") -> Any:
    made = lib.nn.Conv2d(3, 4, 2) if kind == "conv" else lib.nn.Linear(6, 5)
    for seed, each in enumerate(made.parameters()):
        each.data = lib.tensor(numbers(seed, *each.shape))
    return made


PRUNINGS: dict[str, Any] = {
    "identity": lambda p, m, lib: p.identity(m, "weight"),
    "random": lambda p, m, lib: p.random_unstructured(m, "weight", 0.3),
    "l1": lambda p, m, lib: p.l1_unstructured(m, "weight", amount=0.4),
    "l1, a number, of the bias": lambda p, m, lib: p.l1_unstructured(m, "bias", amount=2),
    "l1 of nothing": lambda p, m, lib: p.l1_unstructured(m, "weight", amount=0),
    "l1 of scores": lambda p, m, lib: p.l1_unstructured(m, "weight", 3, lib.tensor(numbers(7, *m.weight.shape))),
    "random slices": lambda p, m, lib: p.random_structured(m, "weight", 2, 0),
    "l2 slices": lambda p, m, lib: p.ln_structured(m, "weight", 0.5, 2, 0),
    "l1 slices": lambda p, m, lib: p.ln_structured(m, "weight", 1, 1, -1),
    "largest slices": lambda p, m, lib: p.ln_structured(m, "weight", 1, float("inf"), 1),
    "slices of nothing": lambda p, m, lib: p.ln_structured(m, "weight", 0, 2, 1),
    "mask": lambda p, m, lib: p.custom_from_mask(m, "weight", lib.tensor(numbers(5, *m.weight.shape) > 0)),
}


def facts(lib: Any, module: Any, kind: str) -> list[Any]:
    input = lib.tensor(numbers(9, 2, 3, 4, 4) if kind == "conv" else numbers(9, 2, 6))
    output = module(input)
    output.sum().backward()
    return [output, *(each.grad for each in module.parameters()), *module.state_dict().values()]


def compare(kind: str, torch: Any, *prunings: str) -> None:
    results = []
    for lib in (mt, torch):
        module = layer(lib, kind)
        lib.manual_seed(4)
        for name in prunings:
            assert PRUNINGS[name](lib.nn.utils.prune, module, lib) is module
        assert lib.nn.utils.prune.is_pruned(lib.nn.Sequential(module))
        pruned = list(module.state_dict()), facts(lib, module, kind)
        lib.nn.utils.prune.remove(module, "bias" if "of the bias" in prunings[0] else "weight")
        assert not lib.nn.utils.prune.is_pruned(module)
        module.zero_grad()
        results.append((pruned[0], list(module.state_dict()), [*pruned[1], *facts(lib, module, kind)]))
    assert results[0][:2] == results[1][:2]
    for mine, his in zip(results[0][2], results[1][2], strict=True):
        assert_close(mine, his, 1e-5)


@pytest.mark.parametrize("kind", ["conv", "linear"])
@pytest.mark.parametrize("name", PRUNINGS)
def test_pruning_is_pytorchs(name: str, kind: str, torch: ModuleType) -> None:
    compare(kind, torch, name)


@pytest.mark.parametrize("first", ["identity", "l1", "l2 slices", "mask"])
@pytest.mark.parametrize("second", ["identity", "random", "l1", "l2 slices", "mask"])
def test_a_second_pruning_prunes_the_remaining_entries(first: str, second: str, torch: ModuleType) -> None:
    compare("conv", torch, first, second)


def test_three_prunings_are_kept_in_one_hook() -> None:
    module = layer(mt)
    for amount in (2, 3, 4):
        prune.l1_unstructured(module, "weight", amount)
    assert int((module.weight == 0).sum()) == 9
    assert len(module._forward_pre_hooks) == 1
    container = prune.hook_of(module, "weight")[1]  # type: ignore[index]  # it is there
    assert isinstance(container, prune.PruningContainer)
    assert [each.amount for each in container] == [2, 3, 4]  # type: ignore[attr-defined]  # all are amounts
    assert container[1] is list(container)[1]
    assert len(container) == 3


@pytest.mark.parametrize("name", ["L1Unstructured", "RandomUnstructured"])
def test_global_pruning_is_pytorchs(name: str, torch: ModuleType) -> None:
    results = []
    for lib in (mt, torch):
        p, net = lib.nn.utils.prune, lib.nn.Sequential(layer(lib), layer(lib, "linear"))
        p.l1_unstructured(net[0], "weight", 2)
        lib.manual_seed(4)
        pairs = [(net[0], "weight"), (net[1], "weight")]
        scores = {(net[1], "weight"): lib.tensor(numbers(3, 5, 6))}
        p.global_unstructured(pairs, getattr(p, name), importance_scores=scores, amount=0.4)
        results.append(net.state_dict())
    assert list(results[0]) == list(results[1])
    for key in results[0]:
        assert_close(results[0][key], results[1][key])


def test_a_tensor_is_pruned_without_a_module() -> None:
    value = mt.tensor([3.0, -1.0, 2.0, 0.5])
    method = prune.L1Unstructured(amount=2)
    assert method.prune(value).tolist() == [3, 0, 2, 0]
    assert method.prune(value, importance_scores=value.neg().exp()).tolist() == [0, -1, 0, 0.5]


def test_pruned_parameters_are_trained_and_stay_pruned() -> None:
    module = prune.l1_unstructured(layer(mt), "weight", 0.5)
    zeros = (module.weight == 0).clone()
    rule = mt.optim.SGD(module.parameters(), lr=0.1)
    module(mt.ones(1, 3, 4, 4)).sum().backward()
    before = module.weight_orig.detach().clone()
    rule.step()
    module(mt.ones(1, 3, 4, 4))
    assert ((module.weight == 0) == zeros).all()
    assert ((module.weight_orig == before) == zeros).all(), "pruned entries get no gradient"
    held = module.weight_orig
    assert prune.remove(module, "weight").weight is held


def test_a_pruned_module_without_graph_is_copied_and_pickled() -> None:
    module = layer(mt).requires_grad_(False)
    prune.l1_unstructured(module, "weight", 0.5)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert prune.is_pruned(other)
        assert (other(mt.ones(1, 3, 4, 4)) == module(mt.ones(1, 3, 4, 4))).all()


class Unknown(prune.Identity):
    PRUNING_TYPE = "sideways"


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError, "amount=-1 should either be a float"),
    (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError, "amount=1.5 should either be a float"),
    (lambda m: prune.l1_unstructured(m, "weight", "1"), TypeError, "'amount' must be a number, not str: '1'"),
    (lambda m: prune.random_unstructured(m, "weight", 99), ValueError, "amount=99 .* to prune=48"),
    (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ValueError, "Structured pruning can only .* 1 dims"),
    (lambda m: prune.ln_structured(m, "weight", 1, 2, 4), IndexError, "Invalid index 4 for tensor of size"),
    (lambda m: prune.ln_structured(m, "weight", 5, 2, 0), ValueError, "amount=5 .* to prune=4"),
    (lambda m: prune.custom_from_mask(m, "weight", mt.ones(2)), AssertionError, r"shape \(4, 3, 2, 2\), got \(2,\)"),
    (lambda m: prune.l1_unstructured(m, "weight", 1, mt.ones(2)), AssertionError, r"got \(2,\) vs \(4, 3, 2, 2\)"),
    (lambda m: prune.identity(m, "stride"), ValueError, "has no parameter 'stride' to prune; it has weight, bias"),
    (lambda m: prune.remove(m, "weight"), ValueError, "has to be pruned before pruning can be removed"),
    (lambda m: prune.global_unstructured(3, prune.Identity), TypeError, "parameters is not an Iterable"),
    (lambda m: prune.global_unstructured([], prune.Identity, 3), TypeError, "importance_scores must be of type dict"),
    (lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1, n=2), TypeError, "Only .unstr"),
    (lambda m: prune.PruningContainer(3), (TypeError, AttributeError), "int"),
    (lambda m: Unknown.apply(prune.identity(m, "weight"), "weight"), ValueError, "Unrecognized PRUNING_TYPE sideways"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "kind", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_invalid_arguments_are_refused_and_change_nothing(wrong: Any, kind: Any, message: str) -> None:
    module = layer(mt)
    with pytest.raises(kind, match=message):
        wrong(module)
    if not isinstance(module._parameters.get("weight_orig"), mt.Tensor):
        assert list(module.state_dict()) == ["weight", "bias"]
        assert not module._forward_pre_hooks


def test_a_container_is_for_one_parameter() -> None:
    first, second = prune.Identity(), prune.Identity()
    first._tensor_name, second._tensor_name = "weight", "bias"
    with pytest.raises(ValueError, match=r"acting on the parameter named 'weight' .* Found 'bias'"):
        prune.PruningContainer(first, second)
    container = prune.PruningContainer(first)
    with pytest.raises(TypeError, match="is not a BasePruningMethod subclass"):
        container.add_pruning_method(3)  # type: ignore[arg-type]
