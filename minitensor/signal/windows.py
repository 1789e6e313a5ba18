"""Windows: weights that fade a piece of a signal in and out, for filters (symmetric) or spectra (periodic).

A periodic window is a symmetric one of one more entry, whose last is left out. All begin with a row of numbers at
equal distances, in the dtype of the result, as PyTorch's do: the digits agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.memory_format import strided
from minitensor.ops.creation import empty, ones, tensor
from minitensor.ops.ranges import arange, linspace
from minitensor.ops.special import i0

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip


def make_options(
    name: str, length: int, dtype: Dtype | None, layout: Any, device: DeviceLike, requires_grad: bool
) -> dict[str, Any]:
    """Return the options of the numbers that a window is made of, after checking them."""
    dtype = dtypes.get_default_dtype() if dtype is None else dtypes.read_dtype(dtype)
    if length < 0:
        raise ArgumentError(f"{name} requires non-negative window length, got M={length}")
    if layout is not strided:
        raise ArgumentError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (dtypes.float32, dtypes.float64):
        raise ArgumentError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return {"dtype": dtype, "device": device, "requires_grad": requires_grad}


def steps(length: int, start: float, step: float, options: dict[str, Any]) -> Tensor:
    """Return ``length`` numbers at the distance ``step``."""
    return linspace(start, start + (length - 1) * step, length, **options)


def intervals(length: int, sym: bool) -> int:
    """Return the number of steps from the first entry to the last: of the window itself, or of one more entry."""
    return length - 1 if sym or length == 1 else length


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``a[0] - a[1] cos(2 pi t) + a[2] cos(4 pi t) - ...``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        a: The weights of the cosines.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, ``a`` is empty, or ``dtype`` is another one.
        TypeError: If ``a`` is not a sequence.

    >>> import minitensor as torch
    >>> torch.signal.windows.general_cosine(5, a=[0.5, 0.5])
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    options = make_options("general_cosine", M, dtype, layout, device, requires_grad)
    if M < 2:
        return ones(M, **options)
    if not isinstance(a, Iterable):
        raise ArgumentTypeError("Coefficients must be a list/tuple")
    weights = tensor([(-1) ** i * weight for i, weight in enumerate(a)], **options)
    if not len(weights):
        raise ArgumentError("Coefficients cannot be empty")
    angles = steps(M, 0, 2 * math.pi / intervals(M, sym), options)
    multiples = arange(len(weights), **options).unsqueeze(-1)
    return (weights.unsqueeze(-1) * (multiples * angles).cos()).sum(0)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``alpha - (1 - alpha) cos(2 pi t)``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        alpha: The mean. Default: ``0.54``.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.general_hamming(4, alpha=0.5, sym=False)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return general_cosine(
        M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hamming(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the Hamming window, ``0.54 - 0.46 cos(2 pi t)``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.hamming(4, sym=False)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """
    return general_hamming(
        M, alpha=0.54, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def hann(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the Hann window, ``(1 - cos(2 pi t)) / 2``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return general_hamming(
        M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def blackman(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the Blackman window, ``0.42 - 0.5 cos(2 pi t) + 0.08 cos(4 pi t)``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.blackman(4, sym=False)[1:]
    tensor([0.3400, 1.0000, 0.3400])
    """
    return general_cosine(
        M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad
    )


def nuttall(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return Nuttall's window, a sum of four cosines (Nuttall 1981).

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.nuttall(4, sym=False)
    tensor([3.6280e-04, 2.2698e-01, 1.0000e+00, 2.2698e-01])
    """
    return general_cosine(
        M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout, device=device,
        requires_grad=requires_grad,
    )


def bartlett(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return the triangle ``1 - |2t - 1|``, where t runs from 0 to 1.

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    options = make_options("bartlett", M, dtype, layout, device, requires_grad)
    if M < 2:
        return ones(M, **options)
    return 1 - steps(M, -1, 2 / intervals(M, sym), options).abs()


def cosine(
    M: int, *, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return half of a sine wave, ``sin(pi (n + 0.5) / M)`` at entry n.

    Args:
        M: Number of entries.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    options = make_options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return empty(0, **options)
    step = math.pi / (intervals(M, sym) + 1)
    return steps(M, 0.5 * step, step, options).sin()


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``exp(-(x / std)^2 / 2)``, where x is the distance from the middle in entries.

    Args:
        M: Number of entries.
        std: The standard deviation, in entries. Default: ``1.0``.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, ``std`` is not positive, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    options = make_options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ArgumentError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return empty(0, **options)
    step = 1 / (std * math.sqrt(2))
    places = steps(M, -intervals(M, sym) / 2.0 * step, step, options)
    return (-(places**2)).exp()


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Dtype | None = None,
    layout: Any = strided, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``exp(-x / tau)``, where x is the distance from the center in entries.

    Args:
        M: Number of entries.
        center: The entry where the window is 1. Default: ``None``, the middle.
        tau: The distance in which the window falls to 1/e. Default: ``1.0``.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, ``tau`` is not positive, ``center`` is given for a
            symmetric window, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    options = make_options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ArgumentError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ArgumentError("Center must be None for symmetric windows")
    if M == 0:
        return empty(0, **options)
    middle = intervals(M, sym) / 2.0 if center is None else center
    return (-steps(M, -middle / tau, 1 / tau, options).abs()).exp()


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Dtype | None = None, layout: Any = strided,
    device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``i0(beta sqrt(1 - (2t - 1)^2)) / i0(beta)``, where t runs from 0 to 1 and i0 is a Bessel function.

    Args:
        M: Number of entries.
        beta: How fast the window falls. Default: ``12.0``.
        sym: Whether the window is symmetric, for filters; else it is periodic, for spectra. Default: ``True``.
        dtype: float32 or float64. Default: ``None``, the default dtype.
        layout: ``strided`` is the only one.
        device: Where the result lies.
        requires_grad: Whether the numbers that the window is made of require grad. Default: ``False``.

    Raises:
        ValueError: If ``M`` is negative, ``beta`` is negative, or ``dtype`` is another one.

    >>> import minitensor as torch
    >>> torch.signal.windows.kaiser(3, beta=2.0)
    tensor([0.4387, 1.0000, 0.4387])
    """
    options = make_options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ArgumentError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return ones(M, **options)
    width = tensor(beta, dtype=options["dtype"], device=device)
    step = 2.0 * width / intervals(M, sym)
    end = width.minimum(-width + (M - 1) * step)
    places = linspace(-width.item(), end.item(), M, **options)
    return i0((width * width - places**2).sqrt()) / i0(width)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
