"""Fourier transforms: of complex signals, of real ones by the half of the spectrum that says it all, and back.

Three primitives do it: ``spectrum``, ``half_spectrum`` and ``signal``. A transform is linear, and its adjoint is the
one that goes the other way with the scale of its opposite norm; so the three are each other's gradients, at every
order. The rest is sizes, dims and names. PyTorch has these names as ``torch.fft``; so has ``minitensor/fft.py``.

Note [Half a spectrum]. A real signal's spectrum has ``X[n - k] = conj(X[k])``, and ``rfft`` keeps ``k <= n / 2``. On
the way back each kept entry counts for itself and its mirror image, but for entry 0 and, of an even n, entry n / 2,
which are their own. So the adjoint of ``rfft`` halves the entries that have a mirror image before it transforms them
back, and that of ``irfft`` doubles them after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.errors import DimError, DtypeError, ShapeError, UsageError
from minitensor.ops.creation import chosen, dtype_of_range, hand_over_range, library
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import conj
from minitensor.ops.shape import roll
from minitensor.shapes import integer, normalize_sizes, wrap_dim

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Switch
    from minitensor.backends import Array
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

Dims: TypeAlias = "int | Sequence[int] | None"

# Going the other way, what was scaled is not, and what was not is: the adjoint of an unscaled transform is unscaled.
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


# -- the transforms ----------------------------------------------------------------------------------------------------


def turned(grad: Tensor, dims: tuple[int, ...], forward: bool, norm: str) -> Tensor:
    """Go the other way."""
    return spectrum(grad, dims, not forward, OPPOSITE[norm])


@differentiable(input=turned)
def spectrum(input: Tensor, dims: tuple[int, ...], forward: bool, norm: str) -> Array:
    """Transform along ``dims``, from signal to spectrum (``forward``) or back."""
    array = floating(input)
    kind = dtypes.from_numpy(array.dtype).to_complex().numpy
    if not dims:
        return array.astype(kind)
    transform = input.xp.fft.fftn if forward else input.xp.fft.ifftn
    return transform(array, None, dims, norm).astype(kind, copy=False)


def to_signal(grad: Tensor, in_shape: tuple[int, ...], dims: tuple[int, ...], norm: str) -> Tensor:
    """Return the adjoint of ``half_spectrum``."""
    n = in_shape[dims[-1]]
    return signal(doubled(grad, dims[-1], n, 0.5), dims, n, OPPOSITE[norm])


@differentiable(input=to_signal)
def half_spectrum(input: Tensor, dims: tuple[int, ...], norm: str) -> Array:
    """Transform a real signal along ``dims``; of the last of them, the half from 0 to n / 2 comes out."""
    array = floating(input)
    return input.xp.fft.rfftn(array, None, dims, norm).astype(
        dtypes.from_numpy(array.dtype).to_complex().numpy, copy=False
    )


def to_half_spectrum(grad: Tensor, dims: tuple[int, ...], n: int, norm: str) -> Tensor:
    """Return the adjoint of ``signal``."""
    return doubled(half_spectrum(grad, dims, OPPOSITE[norm]), dims[-1], n, 2)


@differentiable(input=to_half_spectrum)
def signal(input: Tensor, dims: tuple[int, ...], n: int, norm: str) -> Array:
    """Transform half a spectrum back along ``dims`` to a real signal of ``n`` entries along the last of them."""
    array = floating(input)
    sizes = [array.shape[dim] for dim in dims[:-1]] + [n]
    return input.xp.fft.irfftn(array, sizes, dims, norm).astype(
        dtypes.from_numpy(array.dtype).to_real().numpy, copy=False
    )


def doubled_too(grad: Tensor, dim: int, n: int, factor: float) -> Tensor:
    """Return the adjoint of ``doubled``: itself."""
    return doubled(grad, dim, n, factor)


@differentiable(input=doubled_too)
def doubled(input: Tensor, dim: int, n: int, factor: float) -> Array:
    """Multiply the entries of half a spectrum that have a mirror image; see Note [Half a spectrum]."""
    array: Array = input.array.copy()
    array[(slice(None),) * dim + (slice(1, (n + 1) // 2),)] *= factor
    return array


def resized_back(grad: Tensor, in_shape: tuple[int, ...], dim: int) -> Tensor:
    """Cut off what was filled up, and fill up what was cut off."""
    return resized(grad, dim, in_shape[dim])


@differentiable(input=resized_back)
def resized(input: Tensor, dim: int, n: int) -> Array:
    """Cut a dim off after ``n`` entries, or fill it up with zeros; cutting off and filling up are adjoint."""
    array, lead = input.array, (slice(None),) * dim
    if n <= array.shape[dim]:
        cut: Array = array[lead + (slice(n),)].copy()
        return cut
    filled = input.xp.zeros((*array.shape[:dim], n, *array.shape[dim + 1 :]), array.dtype)
    filled[lead + (slice(array.shape[dim]),)] = array
    return filled


def floating(input: Tensor) -> Array:
    """Return the array as what can be transformed: singles, doubles and complex numbers."""
    array = input.array
    if array.dtype.kind not in "fc":
        return array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype.itemsize == 2:
        raise DtypeError(f"fft: unsupported dtype {input.dtype.name}: cast it to float32 first")
    return array


# -- arguments ---------------------------------------------------------------------------------------------------------


def norm_of(norm: str | None) -> str:
    """Return the norm by its name; None is "backward"."""
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ShapeError(f"fft: invalid normalization mode: {norm!r}; it is 'forward', 'backward' or 'ortho'")
    return norm


def one_dim(name: str, input: Tensor, dim: int) -> int:
    """Return the dim, counted from the front."""
    if not input.ndim:
        raise DimError(f"{name}: dimension specified as {dim} but tensor has no dimensions: reshape it to (1,)")
    return wrap_dim(dim, input.ndim)


def entries(name: str, n: int) -> int:
    """Return a number of entries, of which there is at least one."""
    n = integer(n)
    if n < 1:
        raise ShapeError(f"{name}: invalid number of data points ({n}) specified: at least one is wanted")
    return n


def fitted(name: str, input: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Cut off or fill up each dim to its size."""
    for dim, n in zip(dims, sizes, strict=True):
        entries(name, n)
        if n != input.shape[dim]:
            input = resized(input, dim, n)
    return input


def several_dims(name: str, input: Tensor, s: Dims, dim: Dims) -> tuple[tuple[int, ...], list[int | None]]:
    """Return the dims, counted from the front, and the size wanted for each; None is that of the input."""
    sizes = None if s is None else normalize_sizes(s)
    if dim is not None:
        dims = tuple([one_dim(name, input, each) for each in normalize_sizes(dim)])
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
    """Refuse to halve or double none."""
    if not dims:
        raise UsageError(f"{name}: must transform at least one axis; give dim, or a tensor that has dims")


def require_real(name: str, input: Tensor) -> None:
    """Refuse complex numbers, the spectrum of which has no half that says it all."""
    if input.array.dtype.kind == "c":
        raise DtypeError(f"{name}: expects a real input tensor, got {input.dtype.name}: use the one without the r")


def real_sizes(input: Tensor, dims: tuple[int, ...], sizes: list[int | None]) -> list[int]:
    """Return the sizes with the input's own where none was given."""
    return [input.shape[dim] if n is None else n for dim, n in zip(dims, sizes, strict=True)]


# -- complex signals ---------------------------------------------------------------------------------------------------


def one(name: str, input: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    """Transform along one dim."""
    place = one_dim(name, input, dim)
    return spectrum(
        fitted(name, input, (place,), (input.shape[place] if n is None else n,)), (place,), forward, norm_of(norm)
    )


def many(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None, forward: bool) -> Tensor:
    """Transform along several dims."""
    dims, sizes = several_dims(name, input, s, dim)
    return spectrum(fitted(name, input, dims, real_sizes(input, dims, sizes)), dims, forward, norm_of(norm))


@composite
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the discrete Fourier transform ``X[k] = sum(x[j] * exp(-2 pi i j k / n))`` along ``dim``.

    The dim is cut off or filled up with zeros to ``n`` entries first. ``norm`` says which way is scaled by 1 / n:
    "backward" (None), "forward", or both by the root of it, "ortho".

    >>> import minitensor as torch
    >>> torch.fft.fft(torch.tensor([1., 2., 3., 4.]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return delivered("fft", one("fft", input, n, dim, norm, True), out)


@composite
def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the signal along ``dim`` whose transform ``input`` is; arguments as for ``fft``."""
    return delivered("ifft", one("ifft", input, n, dim, norm, False), out)


@composite
def fftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform along several dims: ``dim``, or the last ``len(s)``, or all; ``s`` gives sizes as ``n`` of ``fft``."""
    return delivered("fftn", many("fftn", input, s, dim, norm, True), out)


@composite
def ifftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the signal along several dims whose transform ``input`` is; arguments as for ``fftn``."""
    return delivered("ifftn", many("ifftn", input, s, dim, norm, False), out)


@composite
def fft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform along two dims."""
    return delivered("fft2", many("fft2", input, s, dim, norm, True), out)


@composite
def ifft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the signal along two dims whose transform ``input`` is."""
    return delivered("ifft2", many("ifft2", input, s, dim, norm, False), out)


# -- real signals ------------------------------------------------------------------------------------------------------


def to_half(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None) -> Tensor:
    """Transform a real signal to half a spectrum."""
    require_real(name, input)
    dims, sizes = several_dims(name, input, s, dim)
    require_dims(name, dims)
    return half_spectrum(fitted(name, input, dims, real_sizes(input, dims, sizes)), dims, norm_of(norm))


def from_half(name: str, input: Tensor, s: Dims, dim: Dims, norm: str | None) -> Tensor:
    """Transform half a spectrum to a real signal; without a size, the last dim's is even."""
    dims, sizes = several_dims(name, input, s, dim)
    require_dims(name, dims)
    last = sizes[-1]
    n = entries(name, 2 * (input.shape[dims[-1]] - 1) if last is None else last)
    kept = [*real_sizes(input, dims[:-1], sizes[:-1]), n // 2 + 1]
    return signal(fitted(name, input, dims, kept), dims, n, norm_of(norm))


@composite
def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the half of a real signal's transform from which the other follows: entries 0 to n / 2 along ``dim``.

    >>> import minitensor as torch
    >>> torch.fft.rfft(torch.tensor([1., 2., 3., 4.]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    place, count = one_dim("rfft", input, dim), None if n is None else entries("rfft", n)
    return delivered("rfft", to_half("rfft", input, count, place, norm), out)


@composite
def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal of ``n`` entries, by default ``2 * (size - 1)``, from half of its transform."""
    place, count = one_dim("irfft", input, dim), None if n is None else entries("irfft", n)
    return delivered("irfft", from_half("irfft", input, count, place, norm), out)


@composite
def rfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform a real signal along several dims; of the last one, half comes out."""
    return delivered("rfftn", to_half("rfftn", input, s, dim, norm), out)


@composite
def irfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal along several dims from half of its transform."""
    return delivered("irfftn", from_half("irfftn", input, s, dim, norm), out)


@composite
def rfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Transform a real signal along two dims; of the last one, half comes out."""
    return delivered("rfft2", to_half("rfft2", input, s, dim, norm), out)


@composite
def irfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real signal along two dims from half of its transform."""
    return delivered("irfft2", from_half("irfft2", input, s, dim, norm), out)


# -- signals of which half is given ------------------------------------------------------------------------------------
# Conjugation turns a transform around, up to its scale: so `hfft` is `irfft` of the conjugate with the opposite norm.


@composite
def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform of a signal with ``x[n - j] = conj(x[j])``, the half of which is given."""
    return delivered("hfft", irfft(conj(input), n, dim, OPPOSITE[norm_of(norm)]), out)


@composite
def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the half of the signal whose transform is real and given: the inverse of ``hfft``."""
    require_real("ihfft", input)
    return delivered("ihfft", conj(rfft(input, n, dim, OPPOSITE[norm_of(norm)])), out)


@composite
def hfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform along several dims of a signal of whose last one half is given."""
    return delivered("hfftn", from_half("hfftn", conj(input), s, dim, OPPOSITE[norm_of(norm)]), out)


@composite
def ihfftn(
    input: Tensor, s: Dims = None, dim: Dims = None, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return half of the signal whose transform along several dims is real and given."""
    return delivered("ihfftn", conj(to_half("ihfftn", input, s, dim, OPPOSITE[norm_of(norm)])), out)


@composite
def hfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return the real transform along two dims of a signal of whose last one half is given."""
    return delivered("hfft2", from_half("hfft2", conj(input), s, dim, OPPOSITE[norm_of(norm)]), out)


@composite
def ihfft2(
    input: Tensor, s: Dims = None, dim: Dims = (-2, -1), norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return half of the signal whose transform along two dims is real and given."""
    return delivered("ihfft2", conj(to_half("ihfft2", input, s, dim, OPPOSITE[norm_of(norm)])), out)


# -- frequencies -------------------------------------------------------------------------------------------------------


def shifted(input: Tensor, dim: Dims, back: bool) -> Tensor:
    """Roll by half of each dim, rounded down; or back again."""
    dims = tuple(range(input.ndim)) if dim is None else normalize_sizes(dim)
    if not dims:
        raise UsageError("fftshift: `shifts` required: the tensor, or dim, has no dimension")
    halves = [input.shape[wrap_dim(each, input.ndim)] // 2 for each in dims]
    sizes = [input.shape[each] for each in dims]
    return roll(input, [size - half if back else half for size, half in zip(sizes, halves, strict=True)], dims)


@composite
def fftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Roll a spectrum so that frequency 0 comes to stand in the middle of each dim.

    >>> import minitensor as torch
    >>> torch.fft.fftshift(torch.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return shifted(input, dim, False)


@composite
def ifftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Roll a spectrum back so that frequency 0 comes first: the inverse of ``fftshift``."""
    return shifted(input, dim, True)


def frequencies(name: str, n: int, d: float, wanted: Any, device: DeviceLike, half: bool) -> Array:
    """Return the multiples of 1 / (n d) that the entries of a spectrum stand for."""
    if integer(n) < 0:
        raise ShapeError(f"{name}: trying to create tensor with negative dimension {n}: [{n}]")
    dtype_of_range(name, wanted, "c")
    if wanted.kind != "f":
        raise DtypeError(f"{name}: requires a floating point dtype, got {dtypes.from_numpy(wanted).name}")
    places = library(device).arange(n // 2 + 1 if half else n)
    if not half:
        places[(n + 1) // 2 :] -= n
    result: Array = (places / library(device).asarray(float(n * d))).astype(wanted)
    return result


@composite
def fftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the frequencies of the entries of ``fft`` of ``n`` samples, ``d`` apart: first 0 and up, then below 0.

    >>> import minitensor as torch
    >>> torch.fft.fftfreq(5)
    tensor([ 0.0000,  0.2000,  0.4000, -0.4000, -0.2000])
    """
    values = frequencies("fftfreq", n, d, chosen(dtype, out), device, False)
    return hand_over_range("fftfreq", values, out, requires_grad)


@composite
def rfftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Dtype | None = None, device: DeviceLike = None,
    requires_grad: Switch = False,
) -> Tensor:
    """Return the frequencies of the entries of ``rfft`` of ``n`` samples, ``d`` apart."""
    values = frequencies("rfftfreq", n, d, chosen(dtype, out), device, True)
    return hand_over_range("rfftfreq", values, out, requires_grad)
