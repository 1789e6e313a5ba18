"""The strict device itself: it must refuse what CuPy refuses, or agreement with it proves nothing."""

from __future__ import annotations

import numpy as np
import pytest

import minitensor as mt
from strict.device import Array, Mixed, host_copies, installed, xp


@pytest.fixture(autouse=True)
def device() -> object:
    with installed():
        yield


def strict(*numbers: float) -> Array:
    return Array(np.array(numbers))


def test_host_arrays_cannot_be_mixed_in() -> None:
    with pytest.raises(Mixed):
        strict(1, 2) + np.ones(2)
    with pytest.raises(TypeError):
        np.ones(2) + strict(1, 2)
    with pytest.raises(Mixed):
        strict(1) * np.array(2.0)
    with pytest.raises(Mixed):
        xp.where(np.array([True]), strict(1), strict(2))


def test_nothing_is_implicitly_converted_to_a_host_array() -> None:
    with pytest.raises(TypeError):
        np.asarray(strict(1))
    with pytest.raises(TypeError):
        np.exp(strict(1))


def test_numbers_and_scalars_are_allowed() -> None:
    assert (strict(1) * 2 * np.float64(3)).tolist() == [6]


def test_indices_wrap_around() -> None:
    assert strict(1, 2, 3)[Array(np.array([4, -4]))].tolist() == [2, 3]


def test_copies_to_the_host_are_counted() -> None:
    with host_copies() as count:
        bool(strict(1) > 0)
        strict(1).item()
        assert count() == 2


def test_functions_that_cupy_lacks_are_missing() -> None:
    with pytest.raises(AttributeError):
        xp.errstate
    with pytest.raises(NotImplementedError):
        xp.maximum.reduce(strict(1, 2))
    assert xp.add.reduce(strict(1, 2)).tolist() == 3


def test_tensors_move_to_the_device_and_back() -> None:
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = x.to("strict")
    assert (y.device.type, type(y.array), y.requires_grad) == ("strict", Array, True)
    y.sum().backward()
    assert x.grad.tolist() == [1, 1]
    assert y.detach().cpu().tolist() == [1, 2]


def test_the_device_is_removed_afterwards() -> None:
    from minitensor import backends

    with installed():
        pass
    assert "strict" not in backends.names()
