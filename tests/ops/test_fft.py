"""Fourier transforms and their inverses, and the coverage of the op table."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from ops.table import ROWS

LENGTHS = st.integers(1, 12)
NORMS = st.sampled_from([None, "backward", "forward", "ortho"])


def draw(*shape: int, dtype: str = "float64") -> mt.Tensor:
    random = np.random.default_rng(sum(shape))
    values = random.standard_normal(shape) + (1j * random.standard_normal(shape) if dtype[0] == "c" else 0)
    return mt.tensor(values.astype(dtype))


def test_every_transform_has_a_row() -> None:
    assert {f"fft.{name}" for name in mt.fft.__all__} <= {row.name for row in ROWS}


@given(LENGTHS, LENGTHS, NORMS)
def test_an_inverse_transform_restores_the_input(rows: int, size: int, norm: str | None) -> None:
    x, z = draw(rows, size), draw(rows, size, dtype="complex128")
    assert mt.allclose(mt.fft.ifft(mt.fft.fft(z, norm=norm), norm=norm), z)
    assert mt.allclose(mt.fft.ifftn(mt.fft.fftn(z, norm=norm), norm=norm), z)
    assert mt.allclose(mt.fft.irfft(mt.fft.rfft(x, norm=norm), size, norm=norm), x)
    assert mt.allclose(mt.fft.irfftn(mt.fft.rfftn(x, norm=norm), (rows, size), norm=norm), x)
    assert mt.allclose(mt.fft.hfft(mt.fft.ihfft(x, norm=norm), size, norm=norm), x)
    assert mt.equal(mt.fft.ifftshift(mt.fft.fftshift(x)), x)


@given(LENGTHS, LENGTHS, NORMS)
def test_the_gradient_is_the_adjoint(size: int, n: int, norm: str | None) -> None:
    """For a linear map A, the gradient of <w, A x> is A* w, and <w, A x> = <A* w, x> in the real inner product."""
    for name, dtype in (("fft", "complex128"), ("rfft", "float64"), ("irfft", "complex128"), ("hfft", "complex128")):
        x = draw(size, dtype=dtype).requires_grad_()
        y = getattr(mt.fft, name)(x, n, norm=norm)
        w = draw(*y.shape, dtype="complex128" if y.is_complex() else "float64")
        (grad,) = mt.autograd.grad(y, x, w)
        sides = [(a.detach().numpy().conj() * b.detach().numpy()).real.sum() for a, b in ((w, y), (grad, x))]
        np.testing.assert_allclose(*sides, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("dtype", "wanted"), [("float32", "complex64"), ("float64", "complex128"), ("int64", "complex64")]
)
def test_single_precision_stays_single(dtype: str, wanted: str) -> None:
    x = mt.ones(4, dtype=getattr(mt, dtype))
    for transform in (mt.fft.fft, mt.fft.rfft, mt.fft.fftn, mt.fft.ihfft):
        assert transform(x).dtype is getattr(mt, wanted)
    assert mt.fft.irfft(x).dtype is mt.fft.hfft(x).dtype is getattr(mt, wanted).to_real()


@given(st.integers(4, 9), st.integers(1, 3), st.booleans(), st.booleans())
def test_istft_restores_the_signal(n_fft: int, hop: int, normalized: bool, onesided: bool) -> None:
    x, window = draw(2, 40), draw(n_fft).abs() + 0.1
    settings = {"hop_length": hop, "window": window, "normalized": normalized, "onesided": onesided}
    spectra = mt.stft(x, n_fft, return_complex=True, **settings)
    back = mt.istft(spectra, n_fft, length=40, **settings)
    known = (spectra.shape[-1] - 1) * hop
    assert back.shape == x.shape
    assert mt.allclose(back[:, :known], x[:, :known])


def test_a_window_that_skips_a_sample_is_refused() -> None:
    spectra = mt.stft(mt.ones(16), 4, 4, window=mt.ones(4), center=False, return_complex=True)
    with pytest.raises(RuntimeError, match="shorter hop_length"):
        mt.istft(spectra, 4, 4, window=mt.tensor([1.0, 0.0, 1.0, 1.0]), center=False)
