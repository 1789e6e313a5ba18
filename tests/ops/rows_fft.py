"""Rows of transforms (``fft``), spectrograms (``spectral``) and windows (``windows``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.row import Dtype, Row, call, f, rows

# -- transforms --------------------------------------------------------------------------------------------------------

HERE_ONLY = {"strict": "made on the host by default"}
ALONG = (
    call(f(2, 4)), call(f(2, 5)), call(f(2, 4), 6), call(f(2, 5), 3), call(f(3, 2), dim=0), call(f(3, 2, 2), 5, 0, "ortho"),
    call(f(4), norm="forward"), call(f(5), norm="backward"),
)  # fmt: skip
WRONG = (
    call(f(3), 0), call(f(3), -1), call(f(3), dim=1), call(f()), call(f(3), norm="half"), call(f(3), 2.5),
    call(f(3).astype("float16")),
)  # fmt: skip
OVER = (
    call(f(2, 3)), call(f(2, 3, 2)), call(f(2, 3, 2), (4, 3)), call(f(2, 3, 2), (3,), (1,)), call(f(2, 3, 4), dim=(0, 2)),
    call(f(2, 3, 2), (-1, 3), (0, 1), "ortho"), call(f(3, 2), norm="forward"), call(f(3, 2), dim=0), call(f(2, 3), 3, 0),
)  # fmt: skip
WRONG_OVER = (
    call(f(2, 3), (2,), (0, 1)), call(f(2, 3), dim=(0, 0)), call(f(2, 3), dim=(0, 2)), call(f(2, 3), (1, 2, 3)),
    call(f(2, 3), (0, 1)), call(f(2, 3), norm="half"),
)  # fmt: skip
PLANE = (
    call(f(2, 3)), call(f(2, 3, 4)), call(f(2, 3), (3, 2)), call(f(2, 3, 2), dim=(0, 1)), call(f(3, 4), norm="ortho"),
)  # fmt: skip
WRONG_PLANE = (call(f(3)), call(f(2, 3), dim=(1, 1)), call(f(2, 3), (2,)), call(f(2, 3), norm="half"))
NONE = (call(f(2, 3), dim=()),)
COMPLEX = (call(f(3) * 1j),)


def numpys(name: str, many: bool) -> Any:
    """Return NumPy's function with PyTorch's parameter names."""
    function = getattr(np.fft, name)
    if not many:
        return lambda x, n=None, dim=-1, norm=None: function(x, n, dim, norm)
    default = (-2, -1) if name.endswith("2") else None

    def call(x: Any, s: Any = None, dim: Any = default, norm: Any = None) -> Any:
        dims = (dim,) if isinstance(dim, int) else dim
        sizes = (s,) if isinstance(s, int) else s
        if sizes is not None and dims is None:
            dims = tuple(range(-len(sizes), 0))
        return function(x, sizes, dims, norm)

    return call


def rolled(name: str) -> Any:
    """Return NumPy's function with PyTorch's parameter names."""
    return lambda x, dim=None: getattr(np.fft, name)(x, dim)


TRANSFORMS = rows(
    (Row(f"fft.{name}", ALONG, wrong=WRONG, numpy=numpys(name, False)) for name in ("fft", "ifft", "irfft", "hfft")),
    (Row(f"fft.{name}", ALONG, wrong=WRONG + COMPLEX, dtypes="real", numpy=numpys(name, False))
     for name in ("rfft", "ihfft")),
    (Row(f"fft.{name}", OVER + NONE, wrong=WRONG_OVER, numpy=numpys(name, True)) for name in ("fftn", "ifftn")),
    Row("fft.irfftn", OVER, wrong=WRONG_OVER + NONE, numpy=numpys("irfftn", True)),
    Row("fft.rfftn", OVER, wrong=WRONG_OVER + NONE + COMPLEX, dtypes="real", numpy=numpys("rfftn", True)),
    Row("fft.hfftn", OVER, wrong=WRONG_OVER + NONE),
    Row("fft.ihfftn", OVER, wrong=WRONG_OVER + NONE + COMPLEX, dtypes="real"),
    (Row(f"fft.{name}", PLANE, wrong=WRONG_PLANE, numpy=numpys(name, True)) for name in ("fft2", "ifft2", "irfft2")),
    Row("fft.rfft2", PLANE, wrong=(*WRONG_PLANE, call(f(2, 2) * 1j)), dtypes="real", numpy=numpys("rfft2", True)),
    Row("fft.hfft2", PLANE, wrong=WRONG_PLANE),
    Row("fft.ihfft2", PLANE, wrong=(*WRONG_PLANE, call(f(2, 2) * 1j)), dtypes="real"),
    (Row(f"fft.{name}", (call(f(5)), call(f(2, 3)), call(f(4, 3), 0), call(f(3, 2, 4), (0, 2)), call(f(2, 3), -1)),
         numpy=rolled(name), out=False,
         wrong=(call(f(3), 1), call(f()), call(f(3), ()))) for name in ("fftshift", "ifftshift")),
    (Row(f"fft.{name}", (call(5), call(4, 0.5), call(6, dtype=Dtype("float64")), call(1)), differentiable=False,
         dtypes="none", notes=HERE_ONLY, wrong=(call(4, dtype=Dtype("int64")), call(2.5))) for name in ("fftfreq", "rfftfreq")),
)  # fmt: skip

# -- short-time transforms ---------------------------------------------------------------------------------------------

WINDOW = f(4, low=0.2, high=1.4, seed=2)
SPECTRA = f(3, 5) + 1j * f(3, 5, seed=1)
WHOLE = f(4, 5) + 1j * f(4, 5, seed=1)
OVER_TIME = rows(
    Row("stft", (
        call(f(12), 4, window=WINDOW, return_complex=True), call(f(2, 12), 4, 2, window=WINDOW, return_complex=True),
        call(f(12), 4, 3, 4, WINDOW, False, return_complex=True), call(f(12), 6, 2, 4, WINDOW, normalized=True, return_complex=True),
        call(f(12), 4, 1, 4, WINDOW, onesided=False, return_complex=True), call(f(12), 5, 2, 4, WINDOW, True, "constant", return_complex=True),
        call(f(12), 4, 2, 4, WINDOW, True, "replicate", return_complex=False), call(f(12), 4, 2, 4, WINDOW, True, "circular", return_complex=True),
        call(f(12), 6, 2, 4, WINDOW, False, align_to_window=True, return_complex=True),
        call(f(12) + 1j * f(12, seed=1), 4, 2, window=WINDOW), call(f(12), 4, 2, window=WINDOW + 0.3j)),
        out=False, dtypes="single", rtol=2e-6,
        wrong=(call(f(12), 4), call(f(12), 0, return_complex=True), call(f(12), 4, 0, return_complex=True),
               call(f(12), 4, win_length=5, return_complex=True), call(f(12), 4, window=f(3), return_complex=True),
               call(f(), 4, return_complex=True), call(f(2, 2, 12), 4, return_complex=True), call(f(12), 40, return_complex=True),
               call(f(12), 40, center=False, return_complex=True), call(f(12) * 1j, 4, onesided=True),
               call(f(12), 4, align_to_window=True, return_complex=True))),
    Row("istft", (
        call(SPECTRA, 4, window=WINDOW), call(SPECTRA, 5, 2, 4, WINDOW), call(SPECTRA, 4, 2, window=WINDOW, normalized=True),
        call(SPECTRA, 4, window=WINDOW, center=False), call(SPECTRA, 4, window=WINDOW, length=3), call(SPECTRA[None], 4, window=WINDOW),
        call(WHOLE, 4, window=WINDOW), call(WHOLE, 4, window=WINDOW, return_complex=True),
        call(WHOLE, 4, window=WINDOW + 0.3j, onesided=False, return_complex=True)),
        out=False, dtypes="none", rtol=2e-6, host="checks whether the windows skip a sample",
        wrong=(call(f(3, 5), 4), call(SPECTRA, 9), call(SPECTRA, 4, 0), call(SPECTRA, 4, 5), call(SPECTRA, 4, 1, 5), call(SPECTRA[0], 4),
               call(SPECTRA[:, :0], 4), call(SPECTRA, 4, return_complex=True), call(SPECTRA, 4, window=f(3)),
               call(SPECTRA, 4, window=np.array([0.0, 1.0, 1.0, 1.0]), center=False), call(SPECTRA, 4, window=WINDOW * 1j))),
)  # fmt: skip

SHAPES = rows(
    Row(name, (call(6), call(5, False), call(1), call(0), call(2, False), call(4, dtype=Dtype("float64"))), differentiable=False,
        out=False, dtypes="none", notes=HERE_ONLY, rtol=4e-6, wrong=(call(-1), call(4, dtype=Dtype("int64"))))
    for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")
)  # fmt: skip

ROWS = rows(TRANSFORMS, OVER_TIME, SHAPES)
