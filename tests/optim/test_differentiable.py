"""Recorded steps: gradients flow through an update to everything that it was computed from.

Every rule is compared with finite differences, to second order, and with PyTorch's gradients; its values equal those of
a plain step. An update is a function of the value, the gradient, the previous state, and the numbers among the options.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor
from minitensor import nn, optim
from minitensor.autograd import grad, gradcheck, gradgradcheck
from strict import device as strict

# Floats are also given as tensors; t0 is an integer and so is excluded. eps is large enough that a finite difference
# does not make it negative.
ADAM: list[dict[str, Any]] = [
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05},
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "weight_decay": 0.3, "maximize": True},
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "weight_decay": 0.3, "amsgrad": True},
]
SCALED: list[dict[str, Any]] = [
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "weight_decay": 0.3},
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "weight_decay": 0.3, "decoupled_weight_decay": True},
    {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "maximize": True},
]
RULES: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.1}, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}, {"lr": 0.1, "momentum": 0.8},
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.2, "weight_decay": 0.3},
        {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3},
    ],
    "ASGD": [
        {"lr": 0.1, "lambd": 0.2, "alpha": 0.7, "t0": 0},
        {"lr": 0.1, "lambd": 0.2, "t0": 0, "weight_decay": 0.3, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.1, "eps": 0.05}, {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.3, "eps": 0.05, "maximize": True},
        {"lr": 0.1, "initial_accumulator_value": 0.4, "eps": 0.05},
    ],
    "Adadelta": [
        {"lr": 0.1, "rho": 0.8, "eps": 0.05},
        {"lr": 0.1, "rho": 0.8, "eps": 0.05, "weight_decay": 0.3, "maximize": True},
    ],
    "RMSprop": [
        {"lr": 0.1, "alpha": 0.8, "eps": 0.05}, {"lr": 0.1, "eps": 0.05, "momentum": 0.7, "weight_decay": 0.3},
        {"lr": 0.1, "alpha": 0.8, "eps": 0.05, "centered": True, "maximize": True},
        {"lr": 0.1, "eps": 0.05, "centered": True, "momentum": 0.7},
    ],
    "Rprop": [{"lr": 0.1, "step_sizes": (0.01, 0.3)}, {"lr": 0.1, "etas": (0.3, 1.5), "maximize": True}],
    "Adam": [*ADAM, {**ADAM[1], "decoupled_weight_decay": True}],
    "AdamW": ADAM,
    "Adamax": [
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05},
        {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "weight_decay": 0.3, "maximize": True},
    ],
    "NAdam": [*SCALED, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 0.05, "momentum_decay": 0.1}],
    "RAdam": SCALED,
}  # fmt: skip
CASES = [(name, options) for name, table in RULES.items() for options in table]

# A state in which every branch runs: peaks above and below the new mean, signs that change and that do not, a step
# clipped at its maximum.
STATE: dict[str, Any] = {
    "step": 10.0, "eta": 0.3, "mu": 0.5, "mu_product": 0.7,
    "momentum_buffer": [0.2, -0.5], "exp_avg": [0.1, 0.6], "grad_avg": [0.1, -0.2],
    "exp_avg_sq": [0.5, 0.9], "max_exp_avg_sq": [0.2, 1.5], "exp_inf": [0.2, 3.0],
    "square_avg": [0.5, 0.9], "acc_delta": [0.3, 0.1], "sum": [0.5, 0.9],
    "prev": [0.5, 0.4], "step_size": [0.28, 0.2], "ax": [0.1, 0.7],
}  # fmt: skip
VALUE = {"param": [0.5, -1.2], "grad": [0.3, -0.7]}
WEIGHTS = [1.0, -0.7]

# The numbers among the options to which PyTorch lets gradients flow; it refuses the others or reads them as plain
# numbers.
THEIRS: dict[str, tuple[str, ...]] = {
    "SGD": ("lr", "weight_decay"), "Adam": ("lr", "weight_decay", "beta1", "beta2"),
    "AdamW": ("lr", "weight_decay", "beta1", "beta2"), "NAdam": ("lr",), "RAdam": ("lr",),
}  # fmt: skip
# PyTorch reads these scalars of ASGD as plain numbers, so its gradients stop there; and once averaging has begun, it
# overwrites its factor while that is still saved.
PLAIN = {"eta": 0.3, "mu": 1.0, "t0": 100}


@pytest.fixture(autouse=True)
def double() -> None:
    """Make counts and scalars doubles too, and restore them afterwards."""
    minitensor.set_default_dtype(minitensor.float64)


@pytest.fixture
def torch() -> Iterator[ModuleType]:
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


def numbers_in(options: dict[str, Any]) -> dict[str, float]:
    """Return the floats among the options, with the betas separate."""
    betas = dict(zip(("beta1", "beta2"), options.get("betas", ()), strict=False))
    return {name: each for name, each in {**options, **betas}.items() if type(each) is float}


def with_numbers(options: dict[str, Any], numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the options with other numbers."""
    made = {**options, **{name: numbers[name] for name in options if name in numbers}}
    if "beta1" in numbers:
        made["betas"] = numbers["beta1"], numbers["beta2"]
    return made


def state_of(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a state that the rule uses with these options."""
    optimizer = getattr(optim, name)([minitensor.zeros(1, requires_grad=True)], **options)
    names = (*(("step",) if optimizer.counts else ()), *optimizer.scalars, *optimizer.slots(optimizer.param_groups[0]))
    return {each: STATE[each] for each in names}


def tensors(library: Any, values: dict[str, Any], leaves: set[str] | None = None) -> dict[str, Any]:
    """Return leaves; only those named in ``leaves`` require grad, and never the step count."""
    made = {name: library.tensor(value, dtype=library.float64) for name, value in values.items()}
    for name, each in made.items():
        each.requires_grad_(name != "step" and (leaves is None or name in leaves))
    return made


def run(library: Any, name: str, options: dict[str, Any], steps: int, names: list[str], *inputs: Any) -> list[Any]:
    """Take steps from the named inputs; return the value and the state."""
    given = dict(zip(names, inputs, strict=True))
    param = given["param"].clone()
    optimizer = getattr(library.optim, name)([param], **with_numbers(options, given), differentiable=True)
    state = optimizer.state[param]
    state.update({each: given[each].clone() for each in given if each in STATE})
    for _ in range(steps):
        param.grad = given["grad"] * (1 + param.clone() ** 2)
        optimizer.step()
        # PyTorch's next step overwrites what this one saved; minitensor's does not.
        state.update({key: each.clone() for key, each in state.items() if library is not minitensor})
    return [param, *[state[each] for each in STATE if each != "step" and each in state]]


def inputs_of(name: str, options: dict[str, Any], begun: bool) -> dict[str, Any]:
    return {**VALUE, **(state_of(name, options) if begun else {}), **numbers_in(options)}


@pytest.mark.parametrize(("steps", "begun"), [(1, True), (2, False)], ids=["one later", "first two"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_gradients_equal_finite_differences(
    name: str, options: dict[str, Any], steps: int, begun: bool
) -> None:
    given = tensors(minitensor, inputs_of(name, options, begun))
    function = partial(run, minitensor, name, options, steps, list(given))
    assert gradcheck(function, tuple(given.values()), fast_mode=True)

    # The second order along one line through all inputs at once: this takes a twentieth of the time.
    random = np.random.default_rng(0)
    starts = [(each.detach(), minitensor.tensor(random.standard_normal(each.shape))) for each in given.values()]

    def along(far: Any) -> list[Any]:
        moved = {key: each + far * way for key, (each, way) in zip(given, starts, strict=True)}
        return function(*[given[key] if key == "step" else each for key, each in moved.items()])

    assert gradgradcheck(along, minitensor.tensor(0.0, requires_grad=True))


def gradients(library: Any, name: str, options: dict[str, Any], steps: int) -> dict[str, Any]:
    """Return the value after some steps, and the gradients of a weighted sum of the value and the state."""
    options = {key: PLAIN.get(key, each) for key, each in options.items()}
    values = {key: PLAIN.get(key, each) for key, each in inputs_of(name, options, True).items()}
    free = {*values} - {*numbers_in(options)} - {*PLAIN} | {*THEIRS.get(name, ())}
    given = tensors(library, values, free)
    value, *state = run(library, name, options, steps, list(given), *given.values())
    total = sum([(each * library.tensor(WEIGHTS)).sum() for each in (value, *state)])
    leaves = {key: each for key, each in given.items() if each.requires_grad}
    found = library.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {"value": value.detach(), **dict(zip(leaves, found, strict=True))}


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_the_gradients_are_pytorchs(name: str, options: dict[str, Any], steps: int, torch: ModuleType) -> None:
    ours, theirs = (gradients(library, name, options, steps) for library in (minitensor, torch))
    assert ours.keys() == theirs.keys()
    for key, each in theirs.items():
        mine, his = (0.0 if found is None else found.numpy() for found in (ours[key], each))  # None: it is unconnected
        np.testing.assert_allclose(mine, his, rtol=1e-10, atol=1e-13, err_msg=key)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_a_recorded_step_gives_the_values_of_a_plain_step(name: str, options: dict[str, Any]) -> None:
    """Doubles stay doubles, even if single precision is the default and the scalars' own dtype."""
    minitensor.set_default_dtype(minitensor.float32)
    values, slope = tensors(minitensor, VALUE).values()
    ends = []
    for differentiable in (False, True):
        param = values.detach().clone().requires_grad_()
        param = param.clone() if differentiable else param
        optimizer = getattr(optim, name)([param], **options, differentiable=differentiable)
        for step in range(8):
            param.grad = slope.detach() * (-1) ** (step // 3)
            optimizer.step()
        ends.append([param.detach(), *[each.detach() for each in optimizer.state[param].values()]])
    for plain, recorded in zip(*ends, strict=True):
        assert recorded.dtype == plain.dtype
        np.testing.assert_allclose(recorded.numpy(), plain.numpy(), rtol=1e-13)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("kind", ["complex128", "zero"])
def test_special_gradients_give_pytorchs_results(name: str, kind: str, torch: ModuleType) -> None:
    """At a zero gradient the slope of a square root is infinite: both libraries give NaN in the same places."""
    results = []
    for library in (minitensor, torch):
        factor = 1 - 0.5j if kind == "complex128" else 1.0
        leaf = (library.tensor(VALUE["param"]) * factor).requires_grad_()
        slope = (library.tensor(VALUE["grad"]) * (factor if kind == "complex128" else 0.0)).requires_grad_()
        param = leaf.clone()
        param.grad = slope
        getattr(library.optim, name)([param], lr=0.1, differentiable=True).step()
        found = library.autograd.grad((param * param.conj()).real.sum(), [leaf, slope])
        results.append([param.detach().numpy(), *[each.numpy() for each in found]])
    for mine, his in zip(*results, strict=True):
        np.testing.assert_allclose(mine, his, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_learning_rate_can_be_learned_as_in_pytorch(name: str, torch: ModuleType) -> None:
    """Take two steps on a loss whose gradients are recorded, and run backward to the rate."""
    results = []
    for library in (minitensor, torch):
        rate = library.tensor([0.1], requires_grad=True)
        param = library.tensor(VALUE["param"], requires_grad=True).clone()
        optimizer = getattr(library.optim, name)([param], lr=rate, differentiable=True)
        for _ in range(2):
            loss = ((param.clone() - library.tensor(WEIGHTS)) ** 4).sum()
            (param.grad,) = library.autograd.grad(loss, param, create_graph=True)
            optimizer.step()
        ((param - library.tensor(WEIGHTS)) ** 4).sum().backward(inputs=(rate,))
        results.append(rate.grad.numpy())
    assert results[0].shape == (1,)
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_the_first_velocity_is_the_gradient_with_its_history() -> None:
    """PyTorch detaches it, and gets a slope of zero where the slope of a step with rate 0.5 is -0.5."""
    slope = minitensor.ones(1, requires_grad=True)
    param = minitensor.ones(1)
    param.grad = slope
    optim.SGD([param], lr=0.5, momentum=0.9, differentiable=True).step()
    assert grad(param, slope)[0].item() == -0.5


# -- what is written, and what is not


def make_recording_optimizer(name: str = "Adam", **options: Any) -> tuple[Any, Any]:
    """Return a parameter that a step may change, with a gradient, and its optimizer."""
    param = minitensor.tensor([1.0, 2.0], requires_grad=True).clone()
    param.grad = minitensor.ones(2, requires_grad=True)
    return param, getattr(optim, name)([param], **options, differentiable=True)


@pytest.mark.parametrize("name", RULES)
def test_the_given_tensors_are_unchanged(name: str) -> None:
    param, optimizer = make_recording_optimizer(name)
    optimizer.step()
    state = {key: each for key, each in optimizer.state[param].items() if key != "step"}
    before = {key: each.tolist() for key, each in state.items()}
    optimizer.step()
    assert param.grad.tolist() == [1, 1]
    assert {key: each.tolist() for key, each in state.items()} == before


def test_no_state_is_the_gradient_object() -> None:
    param, optimizer = make_recording_optimizer("SGD", momentum=0.9)
    optimizer.step()
    param.grad.detach().zero_()
    assert optimizer.state[param]["momentum_buffer"].tolist() == [1, 1]


@pytest.mark.parametrize("count", [1, 6])
def test_a_step_is_recorded_even_under_no_grad(count: int) -> None:
    slopes = [minitensor.ones(1, requires_grad=True) for _ in range(count)]
    params = [minitensor.ones(1) for _ in slopes]
    for param, slope in zip(params, slopes, strict=True):
        param.grad = slope
    groups = [{"params": params[: count // 2], "lr": 0.25}, {"params": params[count // 2 :]}]
    optimizer = optim.SGD(groups, lr=0.5, differentiable=True)
    with minitensor.no_grad():
        optimizer.step()
    found = [each.item() for each in grad(sum([p.sum() for p in params]), slopes)]
    assert found == [-0.25] * (count // 2) + [-0.5] * (count - count // 2)


def test_wider_numbers_of_one_dim_do_not_change_dtypes_and_shapes() -> None:
    param = minitensor.ones((), dtype=minitensor.float32)
    param.grad = minitensor.ones((), dtype=minitensor.float32)
    rate = minitensor.tensor([0.5], requires_grad=True)
    optimizer = optim.RMSprop([param], lr=rate, momentum=rate, differentiable=True)
    optimizer.step()
    velocity = optimizer.state[param]["momentum_buffer"]
    assert param.dtype is velocity.dtype is minitensor.float32
    assert param.shape == velocity.shape == ()
    assert (slope := grad(param, rate)[0]).dtype is minitensor.float64
    assert slope.shape == (1,)


def test_a_parameter_without_a_gradient_is_unchanged() -> None:
    param, optimizer = make_recording_optimizer()
    param.grad = None
    optimizer.step()
    assert param.tolist() == [1, 2]
    assert not optimizer.state_dict()["state"]


def test_a_closure_runs_and_its_loss_is_returned() -> None:
    param, optimizer = make_recording_optimizer("SGD", lr=0.5)
    assert optimizer.step(lambda: param.sum()).item() == 3
    assert param.tolist() == [0.5, 1.5]


def test_only_differentiable_optimizers_accept_computed_parameters() -> None:
    computed = nn.Parameter(minitensor.ones(2)) * 2
    optim.SGD([computed], differentiable=True)
    with pytest.raises(ValueError, match="can't optimize a non-leaf Tensor"):
        optim.SGD([computed])


@pytest.mark.parametrize("name", RULES)
def test_a_state_dict_can_be_saved_and_loaded(name: str) -> None:
    param, optimizer = make_recording_optimizer(name)
    optimizer.step()
    twin, other = make_recording_optimizer(name)
    twin.detach().copy_(param.detach())
    other.load_state_dict(optimizer.state_dict())
    for each in (optimizer, other):
        each.step()
    assert twin.tolist() == param.tolist()


# -- what is refused


def test_leaves_are_refused_before_anything_is_written() -> None:
    param, _ = make_recording_optimizer()
    leaf = nn.Parameter(minitensor.ones(2))
    leaf.grad = minitensor.ones(2)
    optimizer = optim.SGD([param, leaf], differentiable=True)
    with pytest.raises(RuntimeError, match=r"a leaf Variable that requires grad.*give the optimizer a clone"):
        optimizer.step()
    assert param.tolist() == [1, 2]


@pytest.mark.parametrize("name", RULES)
def test_other_implementations_are_refused_as_in_pytorch(name: str, torch: ModuleType) -> None:
    for option in ("foreach", "fused"):
        found = []
        for library in (minitensor, torch):
            param = library.ones(2)
            param.grad = library.ones(2)
            try:
                found.append(getattr(library.optim, name)([param], **{option: True}, differentiable=True).step())
            except Exception as error:
                found.append(error)
        mine, his = found
        assert isinstance(mine, type(his)), (option, mine, his)


def test_a_count_that_requires_grad_is_refused() -> None:
    param, optimizer = make_recording_optimizer()
    optimizer.step()
    optimizer.state[param]["step"] = minitensor.tensor(1.0, requires_grad=True)
    with pytest.raises(RuntimeError, match="`requires_grad` is not supported for `step` in differentiable mode"):
        optimizer.step()


# -- another device


@pytest.mark.parametrize(("name", "options"), [(name, table[-1]) for name, table in RULES.items()], ids=str)
def test_another_device_gives_the_same_results(name: str, options: dict[str, Any]) -> None:
    results = []
    with strict.installed():
        for where in ("cpu", "strict"):
            leaf = minitensor.tensor(VALUE["param"]).to(where).requires_grad_()
            param, rate = leaf.clone(), minitensor.tensor(0.1, requires_grad=True)
            optimizer = getattr(optim, name)([param], **{**options, "lr": rate}, differentiable=True)
            for _ in range(2):
                param.grad = minitensor.tensor(VALUE["grad"]).to(where)
                optimizer.step()
            results.append([each.detach().to("cpu").numpy() for each in (param, *grad(param.sum(), [leaf, rate]))])
    for host, device in zip(*results, strict=True):
        np.testing.assert_allclose(device, host, rtol=1e-9)
