"""Short-time Fourier transforms and their inverse.

``stft`` is padding, ``unfold``, a window and a transform. ``istft`` inverts the transform, adds the overlapping frames,
and divides by the sum of the squared windows: the signal whose ``stft`` is nearest to the input, after Griffin and Lim
("Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32, 1984).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.backends import any_true
from minitensor.base import values_of
from minitensor.compat.once import warn_once
from minitensor.errors import ArgumentError, DimError, DtypeError, ShapeError, UsageError
from minitensor.ops.complex import view_as_real
from minitensor.ops.fourier import fit_dim, half_spectrum, signal, spectrum
from minitensor.ops.join import cat
from minitensor.ops.kinds import INEXACT, require_kind
from minitensor.ops.operand import same_device

if TYPE_CHECKING:
    from minitensor.autograd.argument_types import Truth
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


# -- frames ------------------------------------------------------------------------------------------------------------


@differentiable(input=lambda grad, in_shape, hop: grad.unfold(-1, in_shape[-1], hop))
def overlap_add(input: Tensor, hop: int) -> Array:
    """Sum overlapping frames (..., T, n) that start ``hop`` apart: the adjoint of ``unfold``."""
    frames = input.array
    *lead, count, size = frames.shape
    parts = -(-size // hop)
    found = input.xp.zeros((*lead, count + parts, hop), frames.dtype)
    for k in range(parts):  # one part of all frames at a time
        part = frames[..., k * hop : (k + 1) * hop]
        found[..., k : k + count, : part.shape[-1]] += part
    result: Array = found.reshape((*lead, (count + parts) * hop))[..., : size + hop * (count - 1)].copy()
    return result


def pad_signal(input: Tensor, amount: int, mode: str) -> Tensor:
    """Pad both ends of the last dim, as ``nn.functional.pad`` does."""
    size = input.shape[-1]
    limits = {"constant": amount, "reflect": size - 1, "circular": size, "replicate": amount if size else -1}
    if mode not in limits:
        raise ArgumentError(f"stft: pad_mode is 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}")
    if amount > limits[mode]:
        raise ShapeError(
            f"stft: padding size should be less than the corresponding input dimension, got n_fft // 2 = {amount} for "
            f"{size} samples and pad_mode={mode!r}; pass a smaller n_fft, or center=False"
        )
    before, after = signal_ends(input, amount, size, mode)
    return cat([before, input, after], -1)


def signal_ends(input: Tensor, amount: int, size: int, mode: str) -> tuple[Tensor, Tensor]:
    """Return the padding before and after a signal."""
    shape = (*input.shape[:-1], amount)
    if mode == "constant":
        return input.new_zeros(shape), input.new_zeros(shape)
    if mode == "reflect":
        return input.narrow(-1, 1, amount).flip(-1), input.narrow(-1, size - 1 - amount, amount).flip(-1)
    if mode == "circular":
        return input.narrow(-1, size - amount, amount), input.narrow(-1, 0, amount)
    return input.narrow(-1, 0, 1).expand(shape), input.narrow(-1, size - 1, 1).expand(shape)


def center_window(name: str, input: Tensor, window: Tensor | None, length: int, n_fft: int) -> Tensor | None:
    """Return the window centered in ``n_fft`` samples; None stands for ones."""
    if window is not None:
        same_device(input, window)
        if tuple(window.shape) != (length,):
            raise ShapeError(
                f"{name}: expected a 1D window tensor of size equal to win_length={length}, got a window of shape "
                f"{list(window.shape)}"
            )
    if length == n_fft:
        return window
    if window is None:
        window = input.new_ones(length, dtype=input.dtype.to_real())
    before = (n_fft - length) // 2
    return cat([window.new_zeros(before), window, window.new_zeros(n_fft - length - before)], 0)


def require_sizes(name: str, n_fft: int, longest: int | None, hop: int, window: int) -> None:
    """Raise for frames longer than the signal, for a window longer than a frame, and for a hop below 1."""
    if n_fft < 1 or (longest is not None and n_fft > longest):
        raise ShapeError(f"{name}: expected 0 < n_fft <= {longest}, the number of samples, but got n_fft={n_fft}")
    if hop < 1:
        raise ShapeError(f"{name}: expected hop_length > 0, but got hop_length={hop}")
    if not 0 < window <= n_fft:
        raise ShapeError(f"{name}: expected 0 < win_length <= n_fft = {n_fft}, but got win_length={window}")


# -- the transform -----------------------------------------------------------------------------------------------------


@composite
def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: Truth = True, pad_mode: str = "reflect", normalized: bool = False,
    onesided: bool | None = None, return_complex: bool | None = None, align_to_window: bool | None = None,
) -> Tensor:
    """Return the spectra (B?, N, T) of the T frames of a signal (B?, L), N frequencies each.

    Frames are ``n_fft`` samples long and start ``hop_length`` apart, by default ``n_fft // 4``. Each is multiplied by
    ``window``, which has ``win_length`` samples, by default ``n_fft``, and is centered in the frame.

    Args:
        n_fft: Number of samples in a frame.
        hop_length: Distance of two frames. Default: ``None``, ``n_fft // 4``.
        win_length: Number of samples in the window. Default: ``None``, ``n_fft``.
        window: The window, (win_length,). Default: ``None``, ones.
        center: Whether frame t is centered at ``t * hop_length``; the signal is then padded as ``pad_mode`` says.
        pad_mode: How the signal is padded, as by ``pad``. Default: ``"reflect"``.
        normalized: Whether to divide by ``sqrt(n_fft)``.
        onesided: Whether to return only half of the spectrum, which determines the rest; the default for real signals.
        return_complex: Required for real signals; False returns real and imaginary parts in a last dim of size 2.
        align_to_window: Without ``center``, whether the first window, not the first frame, starts at sample 0.

    Raises:
        RuntimeError: If sizes, dtypes or options do not fit together.
        ValueError: If ``pad_mode`` is unknown.

    >>> import minitensor as torch
    >>> torch.stft(torch.ones(8), 4, window=torch.ones(4), return_complex=True).abs()[:, :3]
    tensor([[4., 4., 4.],
            [0., 0., 0.],
            [0., 0., 0.]])
    """
    if window is None:
        warn_once("stft: A window was not provided. A rectangular window will be applied, which leaks frequencies.")
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    is_complex = "c" in (input.dtype.kind, "f" if window is None else window.dtype.kind)
    half = not is_complex if onesided is None else onesided
    require_signal(input, is_complex, half, center, return_complex, align_to_window)
    if center:
        input = pad_signal(input, n_fft // 2, pad_mode)
    elif align_to_window and n_fft > length:
        input = pad_signal(input, (n_fft - length) // 2, "constant")
    require_sizes("stft", n_fft, input.shape[-1], hop, length)
    shape = center_window("stft", input, window, length, n_fft)
    frames = input.unfold(-1, n_fft, hop)
    if shape is not None:
        frames = frames * shape
    norm, last = "ortho" if normalized else "backward", (frames.ndim - 1,)
    spectra = half_spectrum(frames, last, norm) if half else spectrum(frames, last, True, norm)
    found = spectra.transpose(-1, -2)
    wants_complex = is_complex if return_complex is None else return_complex
    if not wants_complex:
        warn_once("stft with return_complex=False is deprecated: use torch.view_as_real on a complex result.")
    return found if wants_complex else view_as_real(found)


def require_signal(
    input: Tensor, is_complex: bool, half: bool, center: bool, return_complex: bool | None, align: bool | None
) -> None:
    """Raise unless the input is a signal and the arguments are consistent."""
    require_kind("stft", INEXACT, input)
    if input.ndim not in (1, 2):
        raise ShapeError(f"stft: expected a 1D or 2D tensor, got shape {list(input.shape)}")
    if return_complex is None and not is_complex:
        raise UsageError("stft: requires the return_complex parameter be given for real inputs: pass True")
    if half and is_complex:
        raise UsageError("stft: cannot have onesided output if window or input is complex: pass onesided=False")
    if center and align is not None:
        raise UsageError("stft: align_to_window should only be set when center = False")


# -- the inverse -------------------------------------------------------------------------------------------------------


@composite
def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False, onesided: bool | None = None,
    length: int | None = None, return_complex: bool = False,
) -> Tensor:
    """Return the signal (B?, L) whose ``stft`` is nearest to ``input`` (B?, N, T); arguments as for ``stft``.

    Args:
        length: The number of samples to which the signal is truncated or padded with zeros.
        return_complex: Whether the signal is complex.

    Raises:
        RuntimeError: If the windows add up to zero somewhere, or sizes, dtypes or options do not fit together.
        IndexError: If the input has fewer than two dims.

    >>> import minitensor as torch
    >>> window = torch.hann_window(4)
    >>> spectra = torch.stft(torch.arange(8.), 4, window=window, return_complex=True)
    >>> torch.istft(spectra, 4, window=window)
    tensor([0., 1., 2., 3., 4., 5., 6., 7.])
    """
    if window is None:
        warn_once("istft: A window was not provided. A rectangular window will be applied: provide the window of stft.")
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    half = require_spectra(input, n_fft, onesided, window, return_complex)
    require_sizes("istft", n_fft, None, hop, size)
    if hop > size:
        raise ShapeError(f"istft: expected 0 < hop_length <= win_length = {size}, but got hop_length={hop}")
    shape = center_window("istft", input, window, size, n_fft)
    norm, last = "ortho" if normalized else "backward", (input.ndim - 1,)
    spectra = input.transpose(-1, -2)
    if return_complex:
        frames = spectrum(spectra, last, False, norm)
    else:
        frames = signal(spectra if half else spectra.narrow(-1, 0, n_fft // 2 + 1), last, n_fft, norm)
    if shape is None:
        shape = frames.new_ones(n_fft, dtype=frames.dtype.to_real())
    total = n_fft + hop * (input.shape[-1] - 1)
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total - start
    within = max(min(stop, total) - start, 0)
    weights = overlap_add((shape * shape).expand(input.shape[-1], n_fft), hop).narrow(-1, start, within)
    require_overlap(values_of(weights))
    found = overlap_add(frames * shape, hop).narrow(-1, start, within) / weights
    return fit_dim(found, found.ndim - 1, length) if stop > total and length is not None else found


def require_spectra(
    input: Tensor, n_fft: int, onesided: bool | None, window: Tensor | None, return_complex: bool
) -> bool:
    """Raise unless the input can be a result of ``stft``; return whether it is half of a spectrum."""
    if input.dtype.kind != "c":
        raise DtypeError(
            "istft: requires a complex-valued input tensor matching the output from stft with return_complex=True, got "
            f"{input.dtype.name}"
        )
    if input.ndim < 2:
        raise DimError(f"istft: expected a tensor with 2 or 3 dimensions, got shape {list(input.shape)}")
    if input.ndim > 3 or not input.numel():
        raise ShapeError(f"istft: expected a tensor with 2 or 3 dimensions, not empty, got shape {list(input.shape)}")
    half = input.shape[-2] != n_fft if onesided is None else onesided
    wanted = n_fft // 2 + 1 if half else n_fft
    if input.shape[-2] != wanted:
        raise ShapeError(
            f"istft: expected the frequency dimension of the input to be {wanted} when n_fft={n_fft} and "
            f"onesided={half}, but got {input.shape[-2]}"
        )
    if half and return_complex:
        raise UsageError("istft: cannot have onesided output if window or input is complex: pass onesided=False")
    if window is not None and window.dtype.kind == "c" and not return_complex:
        raise UsageError("istft: complex windows are incompatible with return_complex=False")
    return half


def require_overlap(weights: Any) -> None:
    """Raise if the windows add up to zero at a sample."""
    if any_true(abs(weights) <= 1e-11):
        raise UsageError(
            "istft: window overlap add min: the windows add up to nothing somewhere, so the signal there is lost; use "
            "another window, a shorter hop_length, or center=True"
        )
