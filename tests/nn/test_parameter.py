"""A parameter is a tensor that a module registers."""

from __future__ import annotations

import copy
import pickle

import pytest

import minitensor
from minitensor import nn


def test_a_parameter_requires_grad_by_default() -> None:
    assert nn.Parameter(minitensor.ones(2)).requires_grad
    assert not nn.Parameter(minitensor.ones(2), requires_grad=False).requires_grad


def test_a_parameter_shares_the_memory_of_its_data() -> None:
    data = minitensor.zeros(2, 3)
    parameter = nn.Parameter(data.t())
    data[0, 1] = 5
    assert parameter[1, 0].item() == 5
    assert parameter.stride() == (1, 3)


def test_a_parameter_is_a_leaf_even_on_a_result() -> None:
    source = minitensor.ones(2, requires_grad=True)
    parameter = nn.Parameter(source * 2)
    assert parameter.is_leaf
    parameter.sum().backward()
    assert source.grad is None
    assert parameter.grad.tolist() == [1, 1]


def test_operations_on_parameters_give_plain_tensors() -> None:
    parameter = nn.Parameter(minitensor.ones(2, 2))
    for result in (parameter * 2, parameter.t(), parameter.detach(), parameter[0], parameter.sum()):
        assert type(result) is minitensor.Tensor


def test_a_parameter_prints_as_one() -> None:
    assert repr(nn.Parameter(minitensor.ones(2))) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_a_deep_copy_is_a_separate_parameter_without_gradient() -> None:
    parameter = nn.Parameter(minitensor.ones(2))
    parameter.sum().backward()
    copied = copy.deepcopy(parameter)
    copied.detach().fill_(3)
    assert type(copied) is nn.Parameter
    assert copied.grad is None
    assert parameter.tolist() == [1, 1]


@pytest.mark.parametrize("requires_grad", [True, False])
def test_pickling_keeps_class_value_and_requires_grad(requires_grad: bool) -> None:
    parameter = pickle.loads(pickle.dumps(nn.Parameter(minitensor.arange(3.0), requires_grad)))
    assert type(parameter) is nn.Parameter
    assert parameter.requires_grad is requires_grad
    assert parameter.tolist() == [0, 1, 2]


def test_a_buffer_registers_itself_when_assigned() -> None:
    module = nn.Module()
    module.kept = nn.Buffer(minitensor.ones(2))
    module.passing = nn.Buffer(minitensor.ones(2), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "passing"]
    assert list(module.state_dict()) == ["kept"]


def test_a_pickled_buffer_remembers_whether_it_is_saved() -> None:
    assert not pickle.loads(pickle.dumps(nn.Buffer(minitensor.ones(1), persistent=False))).persistent
