"""Containers hold modules and parameters in order, under the names that state dicts use."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import minitensor
from minitensor import nn


def kinds(modules: Any) -> list[str]:
    return [type(module).__name__ for module in modules]


def trio() -> nn.Sequential:
    return nn.Sequential(nn.ReLU(), nn.Tanh(), nn.Sigmoid())


def test_a_sequential_calls_its_modules_in_order() -> None:
    net = nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (2, -1)))
    assert net(minitensor.zeros(2, 3)).shape == (2, 3)


def test_names_may_be_given() -> None:
    net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Linear(1, 1)))
    assert list(net.state_dict()) == ["b.weight", "b.bias"]
    assert net.b is net[1] is net[-1]


def test_a_slice_is_a_sequential_of_the_same_modules_under_their_names() -> None:
    net = trio()
    assert kinds(net[1:]) == ["Tanh", "Sigmoid"]
    assert net[1:][0] is net[1]
    assert list(net[1:]._modules) == ["1", "2"]
    assert kinds(net[::2]) == ["ReLU", "Sigmoid"]


def test_a_sequential_is_edited_like_a_list() -> None:
    net = trio()
    net.append(nn.GELU()).insert(0, nn.ELU()).extend([nn.SiLU()])
    assert kinds(net) == ["ELU", "ReLU", "Tanh", "Sigmoid", "GELU", "SiLU"]
    assert type(net.pop(1)) is nn.ReLU
    del net[-2:]
    net[0] = nn.Flatten()
    assert kinds(net) == ["Flatten", "Tanh", "Sigmoid"]
    assert list(net._modules) == ["0", "1", "2"]


def test_sequentials_add_and_multiply() -> None:
    net = trio()
    assert kinds(net + nn.Sequential(nn.ELU())) == ["ReLU", "Tanh", "Sigmoid", "ELU"]
    twice = 2 * net
    assert len(twice) == 6
    assert twice[3] is net[0]
    net *= 2
    net += nn.Sequential(nn.ELU())
    assert len(net) == 7


@pytest.mark.parametrize("container", [trio(), nn.ModuleList(trio())], ids=kinds)
@pytest.mark.parametrize("index", [3, -4])
def test_an_index_out_of_range_says_so(container: Any, index: int) -> None:
    with pytest.raises(IndexError, match=f"index {index} is out of range: there are 3 entries"):
        container[index]


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: nn.Sequential(3), TypeError, "int is not a Module subclass"),
        (lambda: trio().append(3), TypeError, "int is not a Module subclass"),
        (lambda: trio().insert(9, nn.ReLU()), IndexError, "Index out of range: 9"),
        (lambda: trio().insert(0, 3), AssertionError, "module should be of type"),
        (lambda: trio() * 0, ValueError, "Non-positive multiplication factor 0"),
        (lambda: trio() + 3, ValueError, "supports only objects of Sequential class, but int is given"),
        (lambda: nn.ModuleList(3), TypeError, "called with an iterable, but got int"),
        (lambda: nn.ModuleDict([(1, 2, 3)]), ValueError, "element #0 has length 3; 2 is required"),
        (lambda: nn.ParameterDict({1: 2}), TypeError, "not a string"),
        (lambda: nn.ParameterList()(3), RuntimeError, "should not be called"),
    ],
)
def test_misuse_is_named(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()


def test_a_module_list_registers_and_is_edited() -> None:
    modules = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
    modules += [nn.ReLU()]
    modules.insert(1, nn.Tanh())
    assert kinds(modules) == ["Linear", "Tanh", "Linear", "ReLU"]
    assert list(modules.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert kinds(modules[1:3]) == ["Tanh", "Linear"]
    assert kinds(modules + [nn.ELU()]) == ["Linear", "Tanh", "Linear", "ReLU", "ELU"]


def test_a_module_dict_keeps_the_order_of_its_keys() -> None:
    modules = nn.ModuleDict({"b": nn.ReLU(), "a": nn.Linear(1, 1)})
    modules["c"] = nn.Tanh()
    assert list(modules) == list(modules.keys()) == ["b", "a", "c"]
    assert kinds(modules.values()) == ["ReLU", "Linear", "Tanh"]
    assert "a" in modules
    assert type(modules.pop("b")) is nn.ReLU
    modules.update(nn.ModuleDict({"d": nn.ELU()}))
    assert [key for key, _ in modules.items()] == ["a", "c", "d"]
    modules.clear()
    assert len(modules) == 0


def test_a_parameter_list_registers_tensors_and_keeps_the_rest() -> None:
    values = nn.ParameterList([minitensor.ones(1), 3])
    values.append(nn.Parameter(minitensor.zeros(2)))
    values[0] = minitensor.zeros(4)
    assert [name for name, _ in values.named_parameters()] == ["0", "2"]
    assert [len(values), values[1], values[-1].shape, values[:1][0].shape] == [3, 3, (2,), (4,)]


def test_a_parameter_dict_behaves_as_a_dict() -> None:
    values = nn.ParameterDict({"a": minitensor.ones(1)})
    values["b"] = nn.Parameter(minitensor.zeros(2))
    assert [name for name, _ in values.named_parameters()] == ["a", "b"]
    assert values.get("c", 5) == 5
    assert values.setdefault("d", 7) == 7
    assert (values | nn.ParameterDict({"e": 1})).keys() == {"a": 0, "b": 0, "d": 0, "e": 0}.keys()
    assert list(values.copy()) == ["a", "b", "d"]
    assert values.popitem() == ("d", 7)
    del values["a"]
    assert list(reversed(values)) == ["b"]
    with pytest.raises(KeyError):
        values["a"]
    values.clear()
    assert not list(values.parameters())


def containers(lib: Any) -> list[Any]:
    layers = [lib.nn.Linear(2, 2), lib.nn.Linear(2, 2), lib.nn.ReLU()]
    return [
        lib.nn.Sequential(),
        lib.nn.Sequential(*layers, lib.nn.Sequential(lib.nn.ReLU())),
        lib.nn.ModuleList(layers),
        lib.nn.ModuleList([lib.nn.ModuleList(layers)] * 3),
        lib.nn.ModuleList(),
        lib.nn.ModuleDict({"a": layers[0]}),
        lib.nn.ParameterList([lib.ones(2, 3)]),
        lib.nn.ParameterList([lib.nn.Parameter(lib.ones(())), 3]),
        lib.nn.ParameterDict({"a": lib.ones(2), "b": "text"}),
    ]


def test_text_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    for ours, theirs in zip(containers(minitensor), containers(torch), strict=True):
        assert repr(ours) == repr(theirs)
