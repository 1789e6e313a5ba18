"""Every optimizer follows PyTorch's trajectory, option by option, on parameters of all kinds and sizes."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor
from minitensor.optim import plan

SGD = [
    {},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    {"lr": 0.1, "maximize": True, "weight_decay": 0.1},
    {"lr": 0.1, "momentum": 0.5, "maximize": True, "nesterov": True},
]
ADAM = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3},
    {"amsgrad": True, "weight_decay": 0.1},
    {"maximize": True, "amsgrad": True},
    {"weight_decay": 0.1, "maximize": True},
    {"lr": 0.1, "foreach": True, "capturable": False, "fused": None},
]
OTHERS: dict[str, list[dict[str, Any]]] = {
    "RMSprop": [
        {}, {"lr": 0.1, "alpha": 0.7, "eps": 1e-3, "momentum": 0.9}, {"centered": True, "weight_decay": 0.1},
        {"centered": True, "momentum": 0.5, "maximize": True},
    ],
    "Adagrad": [
        {}, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}, {"initial_accumulator_value": 0.3, "maximize": True},
        {"eps": 0.1},
    ],
    "Adadelta": [{}, {"lr": 0.5, "rho": 0.7, "eps": 1e-3}, {"weight_decay": 0.1, "maximize": True}],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}, {"weight_decay": 0.1, "maximize": True}],
    "NAdam": [
        {}, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3, "momentum_decay": 0.1},
        {"weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "RAdam": [
        {}, {"lr": 0.1, "betas": (0.5, 0.7), "eps": 1e-3}, {"weight_decay": 0.1, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.9, 0.9)},
    ],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5)}, {"maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 10}, {"weight_decay": 0.1, "maximize": True, "t0": 0}],
    "Adafactor": [
        {}, {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-6, 0.1), "d": 2.0}, {"weight_decay": 0.1, "maximize": True},
    ],
}  # fmt: skip
RULES = [(name, options) for name, table in (("SGD", SGD), ("Adam", ADAM), ("AdamW", ADAM)) for options in table]
RULES += [(name, options) for name, table in OTHERS.items() for options in table]
RULES.append(("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}))

# Enough small ones for a bundle, two larger ones, and one of several blocks; see the fixture below.
SHAPES = [(3, 4), (5,), (), (7, 2), (1,), (2, 3, 2), (5, 4), (6, 5), (25, 20)]
STEPS = 50


@pytest.fixture(autouse=True)
def small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make bundles and blocks start at sizes that are quick to test."""
    monkeypatch.setattr(plan, "SMALL", 15)
    monkeypatch.setattr(plan, "BLOCK", 200)
    monkeypatch.setattr(plan, "LONG_BLOCK", 200)


def gradients(step: int, shapes: list[Any]) -> list[Any]:
    random = np.random.default_rng(step)
    return [random.standard_normal(shape).astype("float32") + 0.3 for shape in shapes]


def start(lib: Any, name: str, options: dict[str, Any], shapes: list[Any] = SHAPES) -> tuple[list[Any], Any]:
    params = [lib.tensor(values, requires_grad=True) for values in gradients(99, shapes)]
    return params, getattr(lib.optim, name)(params, **options)


def walk(lib: Any, params: list[Any], optimizer: Any, steps: range) -> None:
    for step in steps:
        for param, values in zip(params, gradients(step, [tuple(p.shape) for p in params]), strict=True):
            param.grad = lib.tensor(values)
        optimizer.step()


def assert_same(ours: list[Any], theirs: list[Any]) -> None:
    for mine, his in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), his.detach().numpy(), rtol=3e-5, atol=3e-6)


def assert_same_state(ours: Any, theirs: Any) -> None:
    mine, his = ours.state_dict(), theirs.state_dict()
    assert mine["param_groups"] == his["param_groups"]
    assert list(mine["state"]) == list(his["state"])
    for number, entry in his["state"].items():
        assert list(mine["state"][number]) == list(entry)
        for key, value in entry.items():
            assert str(mine["state"][number][key].dtype) == str(value.dtype)
            np.testing.assert_allclose(mine["state"][number][key].numpy(), value.numpy(), rtol=3e-5, atol=3e-6)


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_the_trajectory_is_pytorchs(name: str, options: dict[str, Any], torch: ModuleType) -> None:
    ours, theirs = (start(lib, name, options) for lib in (minitensor, torch))
    walk(minitensor, *ours, range(STEPS))
    walk(torch, *theirs, range(STEPS))
    assert_same(ours[0], theirs[0])
    assert_same_state(ours[1], theirs[1])
    assert repr(ours[1]) == repr(theirs[1])


@pytest.mark.parametrize(("name", "options"), RULES, ids=str)
def test_bundles_and_blocks_change_nothing(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fast = start(minitensor, name, options)
    walk(minitensor, *fast, range(5))
    monkeypatch.setattr(plan, "SMALL", -1)
    monkeypatch.setattr(plan, "BLOCK", 1 << 40)
    monkeypatch.setattr(plan, "LONG_BLOCK", 1 << 40)
    slow = start(minitensor, name, options)
    walk(minitensor, *slow, range(5))
    for mine, his in zip(fast[0], slow[0], strict=True):
        assert (mine == his).all()


def test_stacked_matrices_are_updated_as_each_would_be_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = [(3, 4)] * 5 + [(4, 3)] * 4 + [(2, 2), (5, 3)]
    stacked = start(minitensor, "Muon", {"lr": 0.1}, shapes)
    walk(minitensor, *stacked, range(5))
    monkeypatch.setattr(plan, "SMALL", -1)
    alone = start(minitensor, "Muon", {"lr": 0.1}, shapes)
    walk(minitensor, *alone, range(5))
    for mine, his in zip(stacked[0], alone[0], strict=True):
        assert (mine == his).all()


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_threads_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BLOCK", 40_000)  # pieces large enough for the fast kernel of weighted sums
    threads, results = minitensor.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            minitensor.set_num_threads(count)
            params, optimizer = start(minitensor, name, {"lr": 0.1, "weight_decay": 0.1}, [(300, 701), (7, 11)])
            walk(minitensor, params, optimizer, range(3))
            results.append(params)
    finally:
        minitensor.set_num_threads(threads)
    for others in results[1:]:
        assert all((mine == his).all() for mine, his in zip(results[0], others, strict=True))


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_any_layout_of_value_and_gradient_gives_the_same_result(name: str) -> None:
    options = {"lr": 0.1, "weight_decay": 0.1} | ({"momentum": 0.9} if name == "SGD" else {})
    for shape in ((3, 4), (15, 14)):
        results = []
        for turned in (False, True):
            values, grad = gradients(0, [shape, shape])
            param = minitensor.tensor(values.T.copy() if turned else values)
            param = (param.t() if turned else param).requires_grad_()
            optimizer = getattr(minitensor.optim, name)([param], **options)
            for _ in range(3):
                param.grad = minitensor.tensor(grad.T.copy()).t() if turned else minitensor.tensor(grad)
                optimizer.step()
            results.append(param.tolist())
        assert results[0] == results[1]


@pytest.mark.parametrize("name", ["SGD", "Adam", *OTHERS])
@pytest.mark.parametrize("dtype", ["float64", "complex64"])
def test_other_dtypes_follow_pytorch_too(name: str, dtype: str, torch: ModuleType) -> None:
    if (name, dtype) == ("Adafactor", "complex64"):
        for lib in (minitensor, torch):
            param = lib.ones(2, dtype=lib.complex64, requires_grad=True)
            param.grad = lib.ones(2, dtype=lib.complex64)
            with pytest.raises(RuntimeError, match="complex"):
                lib.optim.Adafactor([param]).step()
        return
    results = []
    for lib in (minitensor, torch):
        values, grad = (
            value.astype(dtype) * (1 + 1j if dtype == "complex64" else 1) for value in gradients(0, [(3, 4)] * 2)
        )
        param = lib.tensor(values, requires_grad=True)
        optimizer = getattr(lib.optim, name)([param], lr=0.1)
        for _ in range(10):
            param.grad = lib.tensor(grad)
            optimizer.step()
        results.append(param.detach().numpy())
    np.testing.assert_allclose(*results, rtol=1e-5)


@pytest.mark.parametrize("options", [
    {}, {"lr": 0.1, "nesterov": False, "momentum": 0.5}, {"adjust_lr_fn": "match_rms_adamw", "weight_decay": 0.0},
    {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5)},
], ids=str)  # fmt: skip
def test_muon_is_pytorchs_within_its_rounding(options: dict[str, Any], torch: ModuleType) -> None:
    """Both round to eight bits after each product; sums in another order may round differently."""
    shapes = [(3, 4), (7, 2), (25, 20)]
    ours, theirs = (start(lib, "Muon", options, shapes) for lib in (minitensor, torch))
    walk(minitensor, *ours, range(STEPS))
    walk(torch, *theirs, range(STEPS))
    moved = STEPS * (options.get("lr") or 1e-3)
    for mine, his in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(mine.detach().numpy(), his.detach().numpy(), atol=0.01 * moved)
    assert repr(ours[1]) == repr(theirs[1])


def test_a_parameter_counts_only_the_steps_in_which_it_had_a_gradient(torch: ModuleType) -> None:
    results = []
    for lib in (minitensor, torch):
        params, optimizer = start(lib, "Adam", {"lr": 0.1})
        for step in range(6):
            for i, (param, values) in enumerate(zip(params, gradients(step, SHAPES), strict=True)):
                param.grad = None if (i + step) % 3 == 0 else lib.tensor(values)
            optimizer.step()
        results.append((params, optimizer))
    (ours, mine), (theirs, his) = results
    assert_same(ours, theirs)
    for param, twin in zip(ours, theirs, strict=True):
        assert mine.state[param]["step"].item() == his.state[twin]["step"].item()


def test_momentum_that_is_turned_on_later_starts_from_the_gradient(torch: ModuleType) -> None:
    results = []
    for lib in (minitensor, torch):
        params, optimizer = start(lib, "SGD", {"lr": 0.1})
        walk(lib, params, optimizer, range(2))
        optimizer.param_groups[0]["momentum"] = 0.9
        optimizer.param_groups[0]["dampening"] = 0.5
        walk(lib, params, optimizer, range(2, 5))
        results.append(params)
    assert_same(*results)


def test_a_rate_in_a_tensor_is_read_at_each_step() -> None:
    param = minitensor.zeros(1, requires_grad=True)
    rate = minitensor.tensor(1.0)
    optimizer = minitensor.optim.SGD([param], lr=rate)
    for value in (1.0, 10.0):
        rate.fill_(value)
        param.grad = minitensor.ones(1)
        optimizer.step()
    assert param.item() == -11


NO_NUMBERS = [
    ("SGD", {"momentum": 0.9, "dampening": None}, "SGD: dampening"),
    ("SGD", {"momentum": 0.9, "dampening": "a"}, "SGD: dampening"),
    *(("ASGD", {name: value}, f"ASGD: {name}") for name in ("alpha", "lambd", "t0") for value in (None, "a")),
    *(
        ("LBFGS", {name: value}, f"LBFGS: {name}")
        for name in ("tolerance_grad", "tolerance_change", "history_size")
        for value in (None, "a")
    ),
    ("LBFGS", {"max_eval": "a"}, "LBFGS: max_eval"),
    ("LBFGS", {"max_iter": None, "max_eval": 5}, "LBFGS: max_iter"),
    ("Rprop", {"step_sizes": ("a", 1.2)}, r"Rprop: step_sizes\[0\]"),
    ("Rprop", {"step_sizes": (0.1, "a")}, r"Rprop: step_sizes\[1\]"),
    ("Rprop", {"step_sizes": None}, "Rprop: step_sizes"),
]


@pytest.mark.parametrize(("name", "options", "message"), NO_NUMBERS, ids=str)
def test_an_option_that_is_not_a_number_is_reported_at_once(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"{message}.* must be"):
        getattr(minitensor.optim, name)([minitensor.ones(2, requires_grad=True)], **options)


@pytest.mark.parametrize("sizes", [(None, 1.2), (0.1, None)], ids=str)
def test_rprop_accepts_none_for_no_bound(sizes: tuple[Any, Any], torch: ModuleType) -> None:
    ours, theirs = (start(lib, "Rprop", {"step_sizes": sizes}) for lib in (minitensor, torch))
    walk(minitensor, *ours, steps=range(3))
    walk(torch, *theirs, steps=range(3))
    assert_same(ours[0], theirs[0])
