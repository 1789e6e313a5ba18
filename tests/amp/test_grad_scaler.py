"""``GradScaler``: PyTorch's scales, gradients and parameters, step by step, and the errors of a wrong order."""

from __future__ import annotations

import copy
import pickle
import warnings
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt

INF, NAN = float("inf"), float("nan")


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def program(library: Any, factors: list[float], options: dict[str, Any], optimizer: str, early: bool) -> list[Any]:
    """Train on losses times factors; return all scales, gradients and parameters."""
    weight = library.linspace(-1.0, 1.0, 4).requires_grad_()
    other = library.linspace(0.5, 1.5, 3).requires_grad_()
    idle = library.ones(2, requires_grad=True)
    first = getattr(library.optim, optimizer)([weight, idle], lr=0.1)
    second = library.optim.SGD([{"params": [other], "lr": 0.01}], lr=0.1, momentum=0.9)
    scaler = library.amp.GradScaler("cpu", **options)
    found: list[Any] = [scaler.get_scale()]
    for factor in factors:
        first.zero_grad()
        second.zero_grad()
        losses = [(weight**2).sum() * factor, (other**3).mean()]
        scaled = scaler.scale(losses)
        found.extend(each.detach().numpy().copy() for each in scaled)
        (scaled[0] + scaled[1]).backward()
        if early:
            scaler.unscale_(first)
            library.nn.utils.clip_grad_norm_([weight], 0.5)
        found.append(scaler.step(first))
        scaler.step(second)
        found.extend([weight.grad.numpy().copy(), other.grad.numpy().copy()])
        scaler.update()
        found.extend([weight.detach().numpy().copy(), other.detach().numpy().copy()])
        found.extend([scaler.get_scale(), scaler._get_growth_tracker(), scaler.state_dict()])
    return found


SEQUENCES = {
    "finite": ([1.0] * 8, {}),
    "grows": ([1.0] * 8, {"growth_interval": 3, "growth_factor": 1.7}),
    "one infinite": ([1.0, 1.0, INF, 1.0, 1.0, 1.0], {"growth_interval": 2}),
    "nan": ([NAN, 1.0, -INF, NAN, 1.0], {"backoff_factor": 0.3, "init_scale": 1000.0}),
    "too large": ([3e38, 1.0, 1e38, 1.0], {}),
    "a scale that overflows": ([1e-30] * 6, {"growth_interval": 1, "growth_factor": 1e20}),
    "a scale that is no power of two": ([0.3, 0.7, 1.1], {"init_scale": 3.3, "growth_interval": 1}),
    "disabled": ([1.0, INF, 1.0], {"enabled": False}),
}


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_numbers_are_pytorchs(torch: ModuleType, name: str, optimizer: str, early: bool) -> None:
    factors, options = SEQUENCES[name]
    for one, other in zip(
        program(mt, factors, options, optimizer, early), program(torch, factors, options, optimizer, early), strict=True
    ):
        if isinstance(other, np.ndarray):
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-7)
        else:
            assert one == other


def test_scale_keeps_the_kind_of_its_outputs(torch: ModuleType) -> None:
    for library in (mt, torch):
        scaler = library.amp.GradScaler("cpu", init_scale=4.0)
        x = library.ones(2, dtype=library.float16)
        found = scaler.scale([x, (x.float(), x.double())])
        assert [type(found), type(found[1]), len(found)] == [list, tuple, 2]
        dtypes = [str(each.dtype).removeprefix("torch.") for each in (found[0], *found[1])]
        assert dtypes == ["float16", "float32", "float64"]
        assert str(scaler.scale(x.sum()).dtype) == "torch.float32"
        assert [float(each.sum()) for each in scaler.scale(each for each in (x, x))] == [8.0, 8.0]
        with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
            scaler.scale(3)


def trained(library: Any, **options: Any) -> tuple[Any, Any, Any]:
    weight = library.ones(2, requires_grad=True)
    optimizer = library.optim.SGD([weight], lr=0.5)
    scaler = library.amp.GradScaler("cpu", **options)
    scaler.scale(weight.sum()).backward()
    return weight, optimizer, scaler


def unscale_twice(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)


def unscale_after_step(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    scaler.step(optimizer)
    scaler.unscale_(optimizer)


def step_twice(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    scaler.step(optimizer)
    scaler.step(optimizer)


def step_without_scale(library: Any) -> None:
    library.amp.GradScaler("cpu").step(trained(library)[1])


def step_without_gradients(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    optimizer.zero_grad()
    scaler.step(optimizer)


def step_with_closure(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    scaler.step(optimizer, closure=lambda: None)


def update_without_scale(library: Any) -> None:
    library.amp.GradScaler("cpu").update()


def update_without_step(library: Any) -> None:
    trained(library)[2].update()


def update_to_several(library: Any) -> None:
    trained(library)[2].update(library.ones(2))


def update_to_a_leaf(library: Any) -> None:
    trained(library)[2].update(library.ones(1, requires_grad=True))


def unscale_half(library: Any) -> None:
    weight = library.ones(2, dtype=library.float16, requires_grad=True)
    scaler = library.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(weight.sum()).backward()
    scaler.unscale_(library.optim.SGD([weight]))


def pickle_between_step_and_update(library: Any) -> None:
    _, optimizer, scaler = trained(library)
    scaler.step(optimizer)
    pickle.dumps(scaler)


def load_nothing(library: Any) -> None:
    library.amp.GradScaler("cpu").load_state_dict({})


def grow_by_less(library: Any) -> None:
    library.amp.GradScaler("cpu", growth_factor=1.0)


def back_off_by_more(library: Any) -> None:
    library.amp.GradScaler("cpu", backoff_factor=1.0)


MISTAKES = [
    unscale_twice, unscale_after_step, step_twice, step_without_scale, step_without_gradients, step_with_closure,
    update_without_scale, update_without_step, update_to_several, update_to_a_leaf, unscale_half,
    pickle_between_step_and_update, load_nothing, grow_by_less, back_off_by_more,
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda each: each.__name__)
def test_mistakes_have_the_class_of_pytorchs_errors(torch: ModuleType, mistake: Any) -> None:
    with pytest.raises(Exception) as theirs:  # whichever PyTorch raises
        mistake(torch)
    with pytest.raises(theirs.type) as ours:
        mistake(mt)
    assert isinstance(ours.value, mt.errors.MinitensorError)


def test_a_refused_unscale_changes_no_gradient() -> None:
    single, low = mt.ones(2, requires_grad=True), mt.ones(2, dtype=mt.float16, requires_grad=True)
    scaler = mt.amp.GradScaler("cpu", init_scale=2.0)
    (scaler.scale(single.sum()) + scaler.scale(low.sum())).backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(mt.optim.SGD([single, low]))
    assert (single.grad == 2).all()


def test_a_state_can_be_loaded_pickled_and_copied() -> None:
    _, optimizer, scaler = trained(mt, growth_interval=2, init_scale=8.0)
    scaler.step(optimizer)
    scaler.update()
    fresh = mt.amp.GradScaler("cpu")
    fresh.load_state_dict(scaler.state_dict())
    for each in (fresh, pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert each.state_dict() == scaler.state_dict()
        weight = mt.ones(2, requires_grad=True)
        each.scale(weight.sum()).backward()
        each.step(mt.optim.SGD([weight]))
        each.update()
        assert (each.get_scale(), each._get_growth_tracker()) == (16.0, 0)
    used = trained(mt)[2]
    used.load_state_dict(scaler.state_dict())
    assert used.get_scale() == 8.0


def test_factors_can_be_changed() -> None:
    scaler = mt.amp.GradScaler("cpu")
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(7)
    assert (scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()) == (3.0, 0.25, 7)


def test_a_scale_can_be_given() -> None:
    scaler = trained(mt)[2]
    for new in (4.0, mt.tensor(4.0), mt.tensor([4.0], dtype=mt.float64)):
        scaler.update(new)
        assert scaler.get_scale() == 4.0


@pytest.mark.parametrize("former", [False, True])
def test_without_a_gpu_the_default_scaler_passes_everything_on(former: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = mt.cuda.amp.GradScaler() if former else mt.amp.GradScaler()
    weight = mt.ones(2, requires_grad=True)
    optimizer = mt.optim.SGD([weight], lr=0.5)
    loss = weight.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert (weight == 0.5).all()
    assert (scaler.is_enabled(), scaler.get_scale(), scaler.state_dict()) == (False, 1.0, {})
    scaler.load_state_dict({})
