"""The three transforms that make up ``torch.fft``: ``spectrum``, ``half_spectrum`` and ``signal``.

A transform is linear; its adjoint is the inverse transform with the opposite norm. The three are therefore each other's
gradients, at every order. ``fit_dim`` pads or truncates their input.

Note [Half a spectrum]. A real signal's spectrum has ``X[n - k] = conj(X[k])``, and ``rfft`` keeps ``k <= n / 2``. In
the inverse transform each kept entry counts for itself and its mirror image, except entry 0 and, for an even n, entry
n / 2, which are their own mirror images. The adjoint of ``rfft`` therefore halves the entries that have a mirror image
before it transforms them back, and that of ``irfft`` doubles them afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor import dtypes
from minitensor.autograd.declare import differentiable
from minitensor.autograd.strides import as_input, in_layout
from minitensor.errors import DtypeError
from minitensor.ops.fourier_strides import of_fitted_dim, of_half_spectrum, of_signal, of_spectrum

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor

# The norm of the adjoint, which transforms the other way: the adjoint of an unscaled transform is unscaled.
OPPOSITE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def spectrum_grad(grad: Tensor, dims: tuple[int, ...], forward: bool, norm: str) -> Tensor:
    """Return the adjoint of ``spectrum``: the transform the other way."""
    return spectrum(grad, dims, not forward, OPPOSITE[norm])


@differentiable(input=spectrum_grad)
@in_layout(of_spectrum, always=True)
def spectrum(input: Tensor, dims: tuple[int, ...], forward: bool, norm: str) -> Array:
    """Transform along ``dims``, from signal to spectrum (``forward``) or back."""
    array = as_inexact(input)
    kind = dtypes.from_numpy(array.dtype).to_complex().numpy
    if not dims:
        return array.astype(kind)
    if array.dtype.kind == "f" and len(dims) == 1:  # along more dims, PyTorch does not, and has other zeros
        array = spectrum_of_reals(input.xp, array, dims[0], forward, norm)
    else:
        transform = input.xp.fft.fftn if forward else input.xp.fft.ifftn
        array = transform(array, None, dims, norm)
    return array.astype(kind, copy=False)


def spectrum_of_reals(xp: Library, array: Array, dim: int, forward: bool, norm: str) -> Array:
    """Transform real numbers along a dim: half of the spectrum takes a third of the time; the rest is its mirror."""
    half = xp.fft.rfft(array, None, dim, norm) if forward else xp.fft.ihfft(array, None, dim, norm)
    mirrored = (slice(None),) * dim + (slice((array.shape[dim] - 1) // 2, 0, -1),)
    return xp.concatenate((half, half[mirrored].conj()), dim)


def half_spectrum_grad(grad: Tensor, in_shape: tuple[int, ...], dims: tuple[int, ...], norm: str) -> Tensor:
    """Return the adjoint of ``half_spectrum``."""
    n = in_shape[dims[-1]]
    return signal(scale_mirrored_entries(grad, dims[-1], n, 0.5), dims, n, OPPOSITE[norm])


@differentiable(input=half_spectrum_grad)
@in_layout(of_half_spectrum, always=True)
def half_spectrum(input: Tensor, dims: tuple[int, ...], norm: str) -> Array:
    """Transform a real signal along ``dims``; the last of them has entries 0 to n / 2 of the spectrum."""
    array = as_inexact(input)
    return input.xp.fft.rfftn(array, None, dims, norm).astype(
        dtypes.from_numpy(array.dtype).to_complex().numpy, copy=False
    )


def signal_grad(grad: Tensor, dims: tuple[int, ...], n: int, norm: str) -> Tensor:
    """Return the adjoint of ``signal``."""
    return scale_mirrored_entries(half_spectrum(grad, dims, OPPOSITE[norm]), dims[-1], n, 2)


@differentiable(input=signal_grad)
@in_layout(of_signal, always=True)
def signal(input: Tensor, dims: tuple[int, ...], n: int, norm: str) -> Array:
    """Transform half a spectrum back to a real signal along ``dims``, with ``n`` entries along the last."""
    array = as_inexact(input)
    sizes = [array.shape[dim] for dim in dims[:-1]] + [n]
    return input.xp.fft.irfftn(array, sizes, dims, norm).astype(
        dtypes.from_numpy(array.dtype).to_real().numpy, copy=False
    )


def scale_mirrored_entries_grad(grad: Tensor, dim: int, n: int, factor: float) -> Tensor:
    """Return the adjoint of ``scale_mirrored_entries``: itself."""
    return scale_mirrored_entries(grad, dim, n, factor)


@differentiable(input=scale_mirrored_entries_grad)
@in_layout(as_input)
def scale_mirrored_entries(input: Tensor, dim: int, n: int, factor: float) -> Array:
    """Multiply the entries of half a spectrum that have a mirror image; see Note [Half a spectrum]."""
    array: Array = input.array.copy()
    array[(slice(None),) * dim + (slice(1, (n + 1) // 2),)] *= factor
    return array


def fit_dim_grad(grad: Tensor, in_shape: tuple[int, ...], dim: int) -> Tensor:
    """Return the adjoint of ``fit_dim``: pad what was truncated and the reverse."""
    return fit_dim(grad, dim, in_shape[dim])


@differentiable(input=fit_dim_grad)
@in_layout(of_fitted_dim)
def fit_dim(input: Tensor, dim: int, n: int) -> Array:
    """Truncate a dim to ``n`` entries or pad it with zeros; the two are each other's adjoints."""
    array, lead = input.array, (slice(None),) * dim
    if n <= array.shape[dim]:
        cut: Array = array[lead + (slice(n),)].copy()
        return cut
    filled = input.xp.zeros((*array.shape[:dim], n, *array.shape[dim + 1 :]), array.dtype)
    filled[lead + (slice(array.shape[dim]),)] = array
    return filled


def as_inexact(input: Tensor) -> Array:
    """Return the array in a dtype that can be transformed: float32, float64 or complex."""
    array = input.array
    if array.dtype.kind not in "fc":
        return array.astype(dtypes.get_default_dtype().numpy)
    if array.dtype.itemsize == 2:
        raise DtypeError(f"fft: unsupported dtype {input.dtype.name}: cast it to float32 first")
    return array
