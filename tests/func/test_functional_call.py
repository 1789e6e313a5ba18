"""Modules as functions: other weights for one call, ensembles, and what the module itself keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.func import functional_call, stack_module_state, vmap

Sequential, Linear, BatchNorm1d = mt.nn.Sequential, mt.nn.Linear, mt.nn.BatchNorm1d


def network() -> Any:
    return Sequential(Linear(3, 4), mt.nn.Tanh(), Linear(4, 2))


def test_the_module_keeps_its_own_weights() -> None:
    model, x = network(), mt.ones(5, 3)
    before = model(x)
    doubled = {name: each * 2 for name, each in model.named_parameters()}
    assert not np.allclose(functional_call(model, doubled, x).detach().numpy(), before.detach().numpy())
    assert model(x).tolist() == before.tolist()
    with pytest.raises(RuntimeError):
        functional_call(model, doubled, mt.ones(5, 7))
    assert model(x).tolist() == before.tolist()


def test_gradients_go_to_the_given_weights() -> None:
    model = Linear(2, 1)
    weight = mt.ones(1, 2, requires_grad=True)
    functional_call(model, {"weight": weight}, (mt.tensor([3.0, 4.0]),)).sum().backward()
    assert weight.grad.tolist() == [[3, 4]] and model.weight.grad is None


def test_tied_weights_are_replaced_together() -> None:
    model = Sequential(Linear(2, 2), Linear(2, 2))
    model[1].weight = model[0].weight
    zero = {"0.weight": mt.zeros(2, 2), "0.bias": mt.zeros(2), "1.bias": mt.ones(2)}
    assert functional_call(model, zero, mt.ones(2)).tolist() == [1, 1]
    apart = functional_call(model, {"0.bias": mt.ones(2), "0.weight": mt.zeros(2, 2)}, mt.ones(2), tie_weights=False)
    expected = model[1](mt.ones(2))
    assert apart.tolist() == expected.tolist()


def test_writes_to_buffers_go_to_the_given_buffers() -> None:
    model = BatchNorm1d(2)
    buffers = {name: each.clone() for name, each in model.named_buffers()}
    functional_call(model, buffers, mt.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert model.running_mean.tolist() == [0, 0] and buffers["running_mean"].tolist() == pytest.approx([0.2, 0.4])


@pytest.mark.parametrize("training", [True, False])
def test_an_ensemble_equals_its_models(training: bool) -> None:
    models = [Sequential(Linear(3, 4), BatchNorm1d(4), mt.nn.ReLU(), Linear(4, 2)) for _ in range(3)]
    for each in models:
        each.train(training)
    parameters, buffers = stack_module_state(models)
    assert all(each.requires_grad and each.is_leaf for each in parameters.values())
    x = mt.randn(6, 3)
    call = vmap(lambda p, b, x: functional_call(models[0], (p, b), (x,)), (0, 0, None))
    found = call(parameters, buffers, x)
    found.sum().backward()
    for i, model in enumerate(models):
        expected = model(x)
        expected.sum().backward()
        np.testing.assert_allclose(found[i].detach().numpy(), expected.detach().numpy(), rtol=1e-4, atol=1e-5)
        for name, each in model.named_parameters():
            np.testing.assert_allclose(parameters[name].grad[i].numpy(), each.grad.numpy(), rtol=1e-3, atol=1e-4)
        for name, each in model.named_buffers():
            if name.endswith("running_var"):
                np.testing.assert_allclose(buffers[name][i].numpy(), each.numpy(), rtol=1e-5)


def test_bad_calls_name_the_mistake() -> None:
    model = Linear(1, 1)
    with pytest.raises(RuntimeError, match="bias"):
        functional_call(model, {"weight": mt.ones(1, 1)}, mt.ones(1), strict=True)
    with pytest.raises(ValueError, match="more than one"):
        functional_call(model, ({"weight": mt.ones(1, 1)}, {"weight": mt.ones(1, 1)}), mt.ones(1))
    with pytest.raises(TypeError, match="expected a dict"):
        functional_call(model, 3, mt.ones(1))  # type: ignore[arg-type]  # what is tested
    with pytest.raises(RuntimeError, match="at least one"):
        stack_module_state([])
    with pytest.raises(RuntimeError, match="mode"):
        stack_module_state([Linear(1, 1), Linear(1, 1).eval()])
    with pytest.raises(RuntimeError, match="one class"):
        stack_module_state([Linear(1, 1), network()])


def test_per_sample_gradients_of_a_network_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    ours = network()
    ours.load_state_dict({name: mt.tensor(each.numpy()) for name, each in theirs.state_dict().items()})
    x, target = np.random.RandomState(0).randn(5, 3).astype("float32"), np.array([0, 1, 1, 0, 1])

    def gradients(library: Any, transforms: Any, model: Any) -> Any:
        def loss(weights: Any, x: Any, y: Any) -> Any:
            scores = transforms.functional_call(model, weights, (x.unsqueeze(0),))
            return library.nn.functional.cross_entropy(scores, y.unsqueeze(0))

        weights = {name: each.detach() for name, each in model.named_parameters()}
        each = transforms.vmap(transforms.grad(loss), in_dims=(None, 0, 0))
        return each(weights, library.tensor(x), library.tensor(target))

    found, expected = gradients(mt, mt.func, ours), gradients(torch, torch.func, theirs)
    for name, each in expected.items():
        np.testing.assert_allclose(found[name].numpy(), each.numpy(), rtol=1e-4, atol=1e-6)


def tied_layer() -> Any:
    layer = mt.nn.Linear(2, 2, bias=False)
    layer.again = layer.weight
    return layer


def test_a_tied_parameter_gets_one_value() -> None:
    layer, x = tied_layer(), mt.ones(1, 2)
    one, other = mt.ones(2, 2), mt.zeros(2, 2)
    assert mt.func.functional_call(layer, {"weight": one, "again": one}, x).tolist() == [[2, 2]]
    assert mt.func.functional_call(layer, {"weight": one, "again": other}, x, tie_weights=False).tolist() == [[2, 2]]
    with pytest.raises(ValueError, match=r"multiple values for keys \['again', 'weight'\]"):
        mt.func.functional_call(layer, {"weight": one, "again": other}, x)


def test_a_path_to_a_missing_module_is_refused() -> None:
    network, x = mt.nn.Sequential(mt.nn.Linear(2, 2)), mt.ones(1, 2)
    mt.func.functional_call(network, {"0.unknown": mt.ones(1)}, x)
    for path in ("5.weight", 5):
        with pytest.raises(AttributeError):
            mt.func.functional_call(network, {path: mt.ones(1)}, x)
