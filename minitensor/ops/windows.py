"""Windows: weights that fade a piece of a signal in and out, to reduce leakage in its spectrum.

A periodic window, for spectra, is a symmetric one with one more sample whose last is left out. All are sums of cosines
except the triangle (Bartlett) and the Kaiser window, which uses the Bessel function i0. Below, t runs from 0 to 1.
A window of singles is computed in singles, operation by operation as in PyTorch, but the Kaiser window in doubles.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.misuse import composite
from minitensor.errors import DtypeError, ShapeError
from minitensor.ops.creation import choose_dtype, creates, hand_over, library
from minitensor.shapes import as_int

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.autograd.argument_types import Switch
    from minitensor.backends import Array, Library
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def make_window(
    name: str, shape: Callable[[Library, Array, int], Array], length: int, periodic: bool, dtype: Dtype | None,
    device: DeviceLike, requires_grad: bool,
) -> Tensor:
    """Return a window whose ``shape`` is a function of places 0, 1, ... and of the place that is at the time 1."""
    length, kind, xp = as_int(length), choose_dtype(dtype), library(device)
    if length < 0:
        raise ShapeError(f"{name}: requires non-negative window_length, got window_length={length}")
    if kind.kind != "f":
        raise DtypeError(f"{name}: expects floating point dtypes, got {kind.name}")
    if length < 2:
        return hand_over("window", xp.ones(length, kind), None, requires_grad)
    places = xp.arange(length, dtype="float64" if kind.itemsize == 2 else kind)
    window = shape(xp, places, length if periodic else length - 1)
    return hand_over("window", window.astype(kind, copy=False), None, requires_grad)


def times(places: Array, last: int) -> Array:
    """Return places as times, in double precision."""
    return places.astype("float64") / last


def bartlett(xp: Library, places: Array, last: int) -> Array:
    """Return ``1 - |2 t - 1|``."""
    rising = places * (2 / last)
    return xp.where(places <= last // 2, rising, 2 - rising)


def hamming(alpha: float, beta: float) -> Callable[[Library, Array, int], Array]:
    """Return the function ``alpha - beta cos(2 pi t)``."""
    return lambda xp, places, last: xp.cos(places * (2 * math.pi / last)) * -beta + alpha


def blackman(xp: Library, places: Array, last: int) -> Array:
    """Return ``0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t)``."""
    angles = places * (math.pi / last)
    found: Array = xp.cos(angles * 4) * 0.08 - xp.cos(angles * 2) * 0.5 + 0.42
    return found


@composite
@creates
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the Hann window ``(1 - cos(2 pi t)) / 2``; arguments as for ``bartlett_window``.

    >>> import minitensor as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return make_window("hann_window", hamming(0.5, 0.5), window_length, periodic, dtype, device, requires_grad)


@composite
@creates
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return the Hamming window ``alpha - beta * cos(2 pi t)``.

    Args:
        window_length: Number of entries, at the times t from 0 to 1.
        periodic: Leave out the last of ``window_length + 1`` entries, for use in ``stft``. Default: ``True``.
        alpha: The mean. Default: ``0.54``.
        beta: The amplitude of the cosine. Default: ``0.46``.

    Raises:
        RuntimeError: If ``window_length`` is negative, or ``dtype`` is not floating-point.

    >>> import minitensor as torch
    >>> torch.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return make_window("hamming_window", hamming(alpha, beta), window_length, periodic, dtype, device, requires_grad)


@composite
@creates
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the Blackman window ``0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t)``; arguments as for ``bartlett_window``.

    >>> import minitensor as torch
    >>> torch.blackman_window(4)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return make_window("blackman_window", blackman, window_length, periodic, dtype, device, requires_grad)


@composite
@creates
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the Bartlett window, the triangle ``1 - |2 t - 1|``.

    Args:
        window_length: Number of entries, at the times t from 0 to 1.
        periodic: Leave out the last of ``window_length + 1`` entries, for use in ``stft``. Default: ``True``.

    Raises:
        RuntimeError: If ``window_length`` is negative, or ``dtype`` is not floating-point.

    >>> import minitensor as torch
    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return make_window("bartlett_window", bartlett, window_length, periodic, dtype, device, requires_grad)


@composite
@creates
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Dtype | None = None,
    device: DeviceLike = None, requires_grad: Switch = False,
) -> Tensor:
    """Return the Kaiser window ``i0(beta * sqrt(1 - (2 t - 1) ** 2)) / i0(beta)``.

    Other arguments as for ``bartlett_window``.

    >>> import minitensor as torch
    >>> torch.kaiser_window(4)[1:]
    tensor([0.2157, 1.0000, 0.2157])
    """

    def shape(xp: Library, places: Array, last: int) -> Array:
        root = xp.sqrt(xp.maximum(1 - (2 * times(places, last) - 1) ** 2, 0))
        bessel: Array = xp.i0(beta * root) / xp.i0(xp.full(1, float(beta)))
        return bessel

    return make_window("kaiser_window", shape, window_length, periodic, dtype, device, requires_grad)
