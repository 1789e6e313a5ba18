"""Options that are pairs are taken in sequences of any type, as PyTorch takes them; steps and states are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor

PAIRS: dict[str, dict[str, Any]] = {
    **{name: {"betas": (0.5, 0.75)} for name in ("Adam", "AdamW", "NAdam", "RAdam", "Adamax")},
    "Rprop": {"etas": (0.5, 1.25), "step_sizes": (1e-6, 50)},
    "Adafactor": {"eps": (None, 1e-3)},
    "Muon": {"ns_coefficients": (3.5, -4.75, 2.0)},
}


def after_steps(library: ModuleType, name: str, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a parameter after three steps and a reload, and the group's options."""
    weight = library.nn.Parameter(library.tensor([[1.0, -2.0], [0.5, 3.0]]))
    optimizer = getattr(library.optim, name)([weight], lr=0.1, **options)
    for factor in (1.0, -0.5, 0.25):
        weight.grad = factor * weight.detach() + 0.25
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
    return weight, optimizer.param_groups[0]


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("sequence", [tuple, list, np.array])
def test_a_pair_of_options_may_be_any_sequence(name: str, sequence: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    options = {option: sequence(pair) for option, pair in PAIRS[name].items()}
    ours, group = after_steps(minitensor, name, options)
    theirs, their_group = after_steps(torch, name, options)
    assert ours.dtype == minitensor.float32
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=1e-5)
    for option in options:
        assert type(group[option]) is type(their_group[option]) and list(group[option]) == list(their_group[option])


@pytest.mark.parametrize("pair", ["ab", {0.5: 1, 0.9: 2}, 0.5])
def test_what_is_no_pair_is_refused(pair: Any) -> None:
    weight = minitensor.nn.Parameter(minitensor.ones(2))
    for name in ("Adam", "Adamax", "NAdam"):
        with pytest.raises((TypeError, RuntimeError, ValueError), match=r"betas.* must be"):
            getattr(minitensor.optim, name)([weight], betas=pair)
