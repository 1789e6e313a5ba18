"""Normal numbers in single precision: accurate everywhere, and equal to PyTorch's on processors with AVX2."""

from __future__ import annotations

import numpy as np
import pytest

from minitensor.backends.numpy import random as kernels
from minitensor.generator import Generator
from minitensor.sampling import normal, uniform


def ends() -> np.ndarray:
    """Return draws at the ends of [0, 1), and where the approximations change branches."""
    special = np.concatenate([[0, 2.0**-24, 1 - 2.0**-24], np.arange(8) / 8, np.arange(1, 8) / 8 - 2.0**-24])
    return np.repeat(special.astype(np.float32), 16)


def test_logarithm_sine_and_cosine_are_accurate_to_two_bits() -> None:
    draws = np.concatenate([ends(), np.random.default_rng(0).random(100_000, np.float32)])
    argument = np.float32(1) - draws
    np.testing.assert_allclose(kernels.logarithm(argument), np.log(argument.astype(np.float64)), rtol=2.4e-7)
    angle = np.float32(2 * np.pi) * draws
    for found, function in zip(kernels.sine_and_cosine(angle), (np.sin, np.cos), strict=True):
        np.testing.assert_allclose(found, function(angle.astype(np.float64)), rtol=3e-7, atol=1e-7)


def test_blocks_are_cosines_then_sines() -> None:
    unit = np.random.default_rng(1).random((5000, 2, 8)).astype(np.float32)
    draws, angles = unit.astype(np.float64).swapaxes(0, 1)
    radius = np.sqrt(-2 * np.log(1 - draws))
    expected = np.stack([radius * np.cos(2 * np.pi * angles), radius * np.sin(2 * np.pi * angles)], 1)
    np.testing.assert_allclose(kernels.normal_blocks(unit), expected, atol=3e-6)


def test_a_million_normal_numbers_equal_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        pytest.skip("PyTorch uses other formulas on this processor")
    found = normal(Generator().manual_seed(5), 1_000_003)
    assert (found == torch.empty(1_000_003).normal_(generator=torch.Generator().manual_seed(5)).numpy()).all()


def test_the_input_draws_are_not_changed() -> None:
    unit = uniform(Generator(), (7, 2, 8))
    before = unit.copy()
    kernels.normal_blocks(unit)
    assert (unit == before).all()
