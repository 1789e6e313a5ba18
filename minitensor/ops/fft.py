"""Discrete Fourier transforms of complex and real signals; the functions of ``torch.fft``.

The transforms themselves are in ``fourier.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor import dtypes
from minitensor.autograd.misuse import composite
from minitensor.errors import DimError, DtypeError, ShapeError, UsageError
from minitensor.layouts import is_dense
from minitensor.ops.arithmetic import conj
from minitensor.ops.copy import clone
from minitensor.ops.creation import choose_dtype, creates, library
from minitensor.ops.fourier import OPPOSITE, fit_dim, half_spectrum, signal, spectrum
from minitensor.ops.out import write_out
from minitensor.ops.ranges import hand_over_range, require_range_dtype
from minitensor.ops.rearrange import roll
from minitensor.shapes import as_int, normalize_sizes, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Count, Switch
    from minitensor.backends import Array
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

Dims: TypeAlias = "int | Sequence[int] | None"


# -- arguments ---------------------------------------------------------------------------------------------------------


def check_norm(norm: str | None) -> str:
    """Return the norm, "backward" for None; raise for an unknown one."""
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ShapeError(f"fft: invalid normalization mode: {norm!r}; it is 'forward', 'backward' or 'ortho'")
    return norm


def check_dim(name: str, input: Tensor, dim: int) -> int:
    """Return the dim, counted from the front."""
    if not input.ndim:
        raise DimError(f"{name}: dimension specified as {dim} but tensor has no dimensions: reshape it to (1,)")
    return wrap_dim(dim, input.ndim)


def check_count(name: str, n: int) -> int:
    """Return a number of entries; raise if it is below 1."""
    n = as_int(n)
    if n < 1:
        raise ShapeError(f"{name}: invalid number of data points ({n}) specified: at least one is needed")
    return n


def pack_real(input: Tensor) -> Tensor:
    """Return a real tensor without gaps and repeated elements: PyTorch converts it to complex numbers first."""
    return input if input.dtype.kind == "c" or is_dense(input.layout) else clone(input)


def fit_dims(name: str, input: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Truncate or pad each dim to its size."""
    for dim, n in zip(dims, sizes, strict=True):
        check_count(name, n)
        if n != input.shape[dim]:
            input = fit_dim(input, dim, n)
    return input


def parse_dims(name: str, input: Tensor, s: Dims, dim: Dims) -> tuple[tuple[int, ...], list[int | None]]:
    """Return the dims, counted from the front, and the size for each; None is the input's own."""
    sizes = None if s is None else normalize_sizes(s)
    if dim is not None:
        dims = tuple([check_dim(name, input, each) for each in normalize_sizes(dim)])
        if len(set(dims)) < len(dims):
            raise ShapeError(f"{name}: FFT dims must be unique, got {dim}")
        if sizes is not None and len(sizes) != len(dims):
            raise ShapeError(
                f"{name}: when given, dim and shape arguments must have the same length, got dim={dim} and s={s}"
            )
    else:
        count = input.ndim if sizes is None else len(sizes)
        if count > input.ndim:
            raise ShapeError(f"{name}: got shape with {count} values but input tensor only has {input.ndim} dimensions")
        dims = tuple(range(input.ndim - count, input.ndim))
    return dims, [None] * len(dims) if sizes is None else [None if each == -1 else each for each in sizes]


def require_dims(name: str, dims: tuple[int, ...]) -> None:
    """Raise if there is no dim to transform."""
    if not dims:
        raise UsageError(f"{name}: must transform at least one axis; give dim, or a tensor that has dims")


def require_real(name: str, input: Tensor) -> None:
    """Raise for complex numbers, whose spectrum is not determined by one half."""
    if input.dtype.kind == "c":
        raise DtypeError(f"{name}: expects a real input tensor, got {input.dtype.name}: use the function without the r")


def fill_sizes(input: Tensor, dims: tuple[int, ...], sizes: list[int | None]) -> list[int]:
    """Return the sizes, with the input's own where none is given."""
    return [input.shape[dim] if n is None else n for dim, n in zip(dims, sizes, strict=True)]


# -- complex signals ---------------------------------------------------------------------------------------------------


def transform_one(name: str, input: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    """Transform along one dim."""
    place = check_dim(name, input, dim)
    return spectrum(
        fit_dims(name, input, (place,), (input.shape[place] if n is None else n,)), (place,), forward, check_norm(norm)
    )


def transform_many(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, forward: bool) -> Tensor:
    """Transform along several dims."""
    dims, sizes = parse_dims(name, input, s, dim)
    fitted = fit_dims(name, pack_real(input), dims, fill_sizes(input, dims, sizes))
    return spectrum(fitted, dims, forward, check_norm(norm))


@composite
def fft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the discrete Fourier transform ``X[k] = sum(x[j] * exp(-2 pi i j k / n))`` along ``dim``.

    Args:
        n: the number of entries to which the dim is first truncated or padded with zeros.
        norm: the direction that is scaled by 1 / n, "forward" or "backward" (the default, also None); "ortho" scales
            both by 1 / sqrt(n).

    Raises:
        RuntimeError: If ``n`` is below 1, or ``norm`` is unknown.
        IndexError: If ``dim`` is out of range.

    >>> import minitensor as torch
    >>> torch.fft.fft(torch.tensor([1., 2., 3., 4.]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return write_out("fft", transform_one("fft", input, n, dim, norm, True), out)


@composite
def ifft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the inverse transform along ``dim``; arguments as for ``fft``.

    >>> import minitensor as torch
    >>> torch.fft.ifft(torch.tensor([4., 0., 0., 0.]))
    tensor([1.-0.j, 1.-0.j, 1.-0.j, 1.+0.j])
    """
    return write_out("ifft", transform_one("ifft", input, n, dim, norm, False), out)


@composite
def fftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform along several dims: ``dim``, or the last ``len(s)``, or all; ``s`` holds an ``n`` for each.

    Args:
        s: The number of entries along each dim, as ``n`` of ``fft``. Default: ``None``, the input's sizes.
        dim: Which dims. Default: ``None``, the last ``len(s)``, or all.
        norm: As for ``fft``; the scale is that of all dims together. Default: ``None``.

    Raises:
        RuntimeError: If a size is below 1, ``s`` and ``dim`` differ in length, or ``norm`` is unknown.

    >>> import minitensor as torch
    >>> torch.fft.fftn(torch.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return write_out("fftn", transform_many("fftn", input, s, dim, norm, True), out)


@composite
def ifftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the inverse transform along several dims; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.ifftn(torch.ones(2, 2))
    tensor([[1.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return write_out("ifftn", transform_many("ifftn", input, s, dim, norm, False), out)


@composite
def fft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform along two dims, the last by default; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.fft2(torch.eye(2))
    tensor([[2.+0.j, 0.+0.j],
            [0.+0.j, 2.+0.j]])
    """
    return write_out("fft2", transform_many("fft2", input, s, dim, norm, True), out)


@composite
def ifft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the inverse transform along two dims, the last by default; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.ifft2(torch.ones(2, 2))
    tensor([[1.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return write_out("ifft2", transform_many("ifft2", input, s, dim, norm, False), out)


# -- real signals ------------------------------------------------------------------------------------------------------


def transform_to_half(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None) -> Tensor:
    """Transform a real signal to half a spectrum."""
    require_real(name, input)
    dims, sizes = parse_dims(name, input, s, dim)
    require_dims(name, dims)
    return half_spectrum(fit_dims(name, input, dims, fill_sizes(input, dims, sizes)), dims, check_norm(norm))


def transform_from_half(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None) -> Tensor:
    """Transform half a spectrum to a real signal; by default the last dim's size is even."""
    dims, sizes = parse_dims(name, input, s, dim)
    require_dims(name, dims)
    last = sizes[-1]
    n = check_count(name, 2 * (input.shape[dims[-1]] - 1) if last is None else last)
    kept = [*fill_sizes(input, dims[:-1], sizes[:-1]), n // 2 + 1]
    return signal(fit_dims(name, pack_real(input), dims, kept), dims, n, check_norm(norm))


@composite
def rfft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return entries 0 to n / 2 of a real signal's transform along ``dim``; the others are their conjugates.

    Arguments as for ``fft``.

    Raises:
        RuntimeError: If the input is complex.

    >>> import minitensor as torch
    >>> torch.fft.rfft(torch.tensor([1., 2., 3., 4.]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    place, count = check_dim("rfft", input, dim), None if n is None else check_count("rfft", n)
    return write_out("rfft", transform_to_half("rfft", input, count, place, norm), out)


@composite
def irfft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal of ``n`` entries from half of its transform: the inverse of ``rfft``.

    ``n`` is ``2 * (size - 1)`` by default; for a signal of odd length it must be given. Other arguments as for ``fft``.

    >>> import minitensor as torch
    >>> torch.fft.irfft(torch.fft.rfft(torch.tensor([1., 2., 3.])), n=3)
    tensor([1., 2., 3.])
    """
    place, count = check_dim("irfft", input, dim), None if n is None else check_count("irfft", n)
    return write_out("irfft", transform_from_half("irfft", input, count, place, norm), out)


@composite
def rfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform a real signal along several dims; the last has half of the spectrum. Arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.rfftn(torch.ones(1, 4))
    tensor([[4.+0.j, 0.+0.j, 0.+0.j]])
    """
    return write_out("rfftn", transform_to_half("rfftn", input, s, dim, norm), out)


@composite
def irfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal along several dims from half of its transform; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.irfftn(torch.fft.rfftn(torch.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return write_out("irfftn", transform_from_half("irfftn", input, s, dim, norm), out)


@composite
def rfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform a real signal along two dims; the last has half of the spectrum. Arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.rfft2(torch.ones(1, 4))
    tensor([[4.+0.j, 0.+0.j, 0.+0.j]])
    """
    return write_out("rfft2", transform_to_half("rfft2", input, s, dim, norm), out)


@composite
def irfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal along two dims from half of its transform; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.irfft2(torch.fft.rfft2(torch.eye(2)))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return write_out("irfft2", transform_from_half("irfft2", input, s, dim, norm), out)


# -- Hermitian signals -------------------------------------------------------------------------------------------------
# Conjugation reverses a transform, up to its scale: `hfft` is `irfft` of the conjugate with the opposite norm.


def transform_back_to_half(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None) -> Tensor:
    """Return half of the Hermitian signal with a real transform; the dim with one half is transformed first."""
    require_real(name, input)
    dims, sizes = parse_dims(name, input, s, dim)
    require_dims(name, dims)
    fitted, scale = fit_dims(name, input, dims, fill_sizes(input, dims, sizes)), check_norm(norm)
    half = conj(half_spectrum(fitted, dims[-1:], OPPOSITE[scale]))
    return spectrum(half, dims[:-1], False, scale) if dims[1:] else half


@composite
def hfft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform of a Hermitian signal, ``x[n - j] = conj(x[j])``, given by one half.

    ``n`` is as for ``irfft``, other arguments as for ``fft``.

    >>> import minitensor as torch
    >>> torch.fft.hfft(torch.tensor([1.0, 2.0, 0.0]))
    tensor([ 5.,  1., -3.,  1.])
    """
    return write_out("hfft", irfft(conj(input), n, dim, OPPOSITE[check_norm(norm)]), out)


@composite
def ihfft(
    input: Tensor, n: Count | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return half of the Hermitian signal whose real transform is given; arguments as for ``fft``.

    >>> import minitensor as torch
    >>> torch.fft.ihfft(torch.tensor([5.0, 1.0, -3.0, 1.0]))
    tensor([1.-0.j, 2.-0.j, 0.-0.j])
    """
    require_real("ihfft", input)
    return write_out("ihfft", conj(rfft(input, n, dim, OPPOSITE[check_norm(norm)])), out)


@composite
def hfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform along several dims of a Hermitian signal, given by half; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.hfftn(torch.ones(1, 3))
    tensor([[4., 0., 0., 0.]])
    """
    return write_out("hfftn", transform_from_half("hfftn", conj(input), s, dim, OPPOSITE[check_norm(norm)]), out)


@composite
def ihfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return half of the Hermitian signal whose real transform along several dims is given; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.ihfftn(torch.ones(1, 4))
    tensor([[1.-0.j, 0.-0.j, 0.-0.j]])
    """
    return write_out("ihfftn", transform_back_to_half("ihfftn", input, s, dim, norm), out)


@composite
def hfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform along two dims of a Hermitian signal, given by half; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.hfft2(torch.ones(1, 3))
    tensor([[4., 0., 0., 0.]])
    """
    return write_out("hfft2", transform_from_half("hfft2", conj(input), s, dim, OPPOSITE[check_norm(norm)]), out)


@composite
def ihfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return half of the Hermitian signal whose real transform along two dims is given; arguments as for ``fftn``.

    >>> import minitensor as torch
    >>> torch.fft.ihfft2(torch.ones(1, 4))
    tensor([[1.-0.j, 0.-0.j, 0.-0.j]])
    """
    return write_out("ihfft2", transform_back_to_half("ihfft2", input, s, dim, norm), out)


# -- frequencies -------------------------------------------------------------------------------------------------------


def shift_zero(input: Tensor, dim: Dims, back: bool) -> Tensor:
    """Roll each dim by half of its size, rounded down, or back."""
    dims = tuple(range(input.ndim)) if dim is None else normalize_sizes(dim)
    if not dims:
        raise UsageError("fftshift: `shifts` required: the tensor, or dim, has no dimension")
    halves = [input.shape[wrap_dim(each, input.ndim)] // 2 for each in dims]
    sizes = [input.shape[each] for each in dims]
    return roll(input, [size - half if back else half for size, half in zip(sizes, halves, strict=True)], dims)


@composite
def fftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Roll a spectrum to have frequency 0 in the middle of each dim.

    Raises:
        RuntimeError: If the tensor or ``dim`` has no dims.

    >>> import minitensor as torch
    >>> torch.fft.fftshift(torch.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return shift_zero(input, dim, False)


@composite
def ifftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Roll a spectrum to have frequency 0 first again, the inverse of ``fftshift``; arguments as for ``fftshift``.

    >>> import minitensor as torch
    >>> torch.fft.ifftshift(torch.tensor([-0.5, -0.25, 0.0, 0.25]))
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return shift_zero(input, dim, True)


def frequencies(name: str, n: int, d: float, wanted: Any, device: DeviceLike, half: bool) -> Array:
    """Return the multiples of 1 / (n d) that the entries of a spectrum stand for."""
    if as_int(n) < 0:
        raise ShapeError(f"{name}: trying to create tensor with negative dimension {n}: [{n}]")
    require_range_dtype(name, wanted, "c")
    if wanted.kind != "f":
        raise DtypeError(f"{name}: requires a floating point dtype, got {dtypes.from_numpy(wanted).name}")
    places = library(device).arange(n // 2 + 1 if half else n)
    if not half:
        places[(n + 1) // 2 :] -= n
    result: Array = (places / library(device).asarray(float(n * d))).astype(wanted)
    return result


@composite
@creates
def fftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the frequencies of the entries of ``fft`` for ``n`` samples ``d`` apart: from 0 up, then negative ones.

    Raises:
        RuntimeError: If ``n`` is negative, or ``dtype`` is not floating-point.

    >>> import minitensor as torch
    >>> torch.fft.fftfreq(5)
    tensor([ 0.0000,  0.2000,  0.4000, -0.4000, -0.2000])
    """
    values = frequencies("fftfreq", n, d, choose_dtype(dtype, out), device, False)
    return hand_over_range("fftfreq", values, out, requires_grad)


@composite
@creates
def rfftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the frequencies of the entries of ``rfft`` for ``n`` samples ``d`` apart; arguments as for ``fftfreq``.

    >>> import minitensor as torch
    >>> torch.fft.rfftfreq(5)
    tensor([0.0000, 0.2000, 0.4000])
    """
    values = frequencies("rfftfreq", n, d, choose_dtype(dtype, out), device, True)
    return hand_over_range("rfftfreq", values, out, requires_grad)
