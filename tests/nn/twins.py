"""The same network in two libraries: equal parameters, equal input."""

from __future__ import annotations

from typing import Any

import numpy as np

import minitensor


def ours_of(tensor: Any) -> minitensor.Tensor:
    """Copy a PyTorch tensor."""
    return minitensor.tensor(tensor.detach().numpy().copy())


def share_numbers(ours: Any, theirs: Any) -> None:
    """Copy the parameters and buffers of PyTorch's module to ours."""
    ours.load_state_dict({name: ours_of(value) for name, value in theirs.state_dict().items()})


def numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def assert_close(ours: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)
