"""Initial values: every function fills a tensor in place, outside the graph, and returns it.

The bounds and deviations are those of Glorot and Bengio 2010 (xavier), He et al. 2015 (kaiming) and Saxe et al. 2013
(orthogonal). Each function draws its random numbers in PyTorch's order: the same seed gives the same network.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import generator as streams
from minitensor import sampling
from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.base import wrap
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.choice import where
from minitensor.ops.creation import empty_like
from minitensor.ops.creation import eye as identity_matrix
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.generator import Generator

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "dirac",
    "dirac_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "sparse",
    "sparse_",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros_",
]

GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4,
}  # fmt: skip


@composite_with_own_checks
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain of a nonlinearity: the factor that keeps the variance of its outputs at that of its inputs.

    Args:
        nonlinearity: ``"linear"``, ``"sigmoid"``, ``"conv1d"`` to ``"conv_transpose3d"``: 1; ``"tanh"``: 5/3;
            ``"relu"``: sqrt(2); ``"selu"``: 3/4; ``"leaky_relu"``: sqrt(2 / (1 + slope^2)).
        param: The slope of ``"leaky_relu"``. Default: ``None``, 0.01.

    Raises:
        ValueError: If ``nonlinearity`` is unknown, or ``param`` is not a number.

    >>> import minitensor as torch
    >>> torch.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2.0 / (1 + slope(param) ** 2))
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
        raise ArgumentError(
            f"Unsupported nonlinearity {nonlinearity}; expected leaky_relu or one of {', '.join(GAINS)}"
        )
    return GAINS[nonlinearity]


def slope(param: float | None) -> float:
    """Return the negative slope of a leaky ReLU, 0.01 by default."""
    if param is None:
        return 0.01
    if isinstance(param, bool) or not isinstance(param, (int, float)):
        raise ArgumentError(f"negative_slope {param} not a valid number")
    return param


@composite_with_own_checks
@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from the uniform distribution U(a, b).

    Args:
        tensor: What to fill, in place.
        a: Lower bound. Default: ``0.0``.
        b: Upper bound. Default: ``1.0``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        RuntimeError: If ``a`` is greater than ``b``.

    >>> import minitensor as torch
    >>> bool((torch.nn.init.uniform_(torch.empty(5), 2, 3) >= 2).all())
    True
    """
    return tensor.uniform_(a, b, generator=generator)


@composite_with_own_checks
@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from the normal distribution N(mean, std^2).

    Args:
        tensor: What to fill, in place.
        mean: Mean. Default: ``0.0``.
        std: Standard deviation. Default: ``1.0``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        RuntimeError: If ``std`` is negative.

    >>> import minitensor as torch
    >>> torch.nn.init.normal_(torch.empty(2, 3)).shape
    torch.Size([2, 3])
    """
    return tensor.normal_(mean, std, generator=generator)


@composite_with_own_checks
@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Args:
        tensor: What to fill, in place.
        val: The value.

    Returns:
        ``tensor``.

    >>> import minitensor as torch
    >>> torch.nn.init.constant_(torch.empty(2), 0.5)
    tensor([0.5000, 0.5000])
    """
    return tensor.fill_(val)


@composite_with_own_checks
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1 in place.

    Args:
        tensor: What to fill, in place.

    Returns:
        ``tensor``.

    >>> import minitensor as torch
    >>> torch.nn.init.ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


@composite_with_own_checks
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0 in place.

    Args:
        tensor: What to fill, in place.

    Returns:
        ``tensor``.

    >>> import minitensor as torch
    >>> torch.nn.init.zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@composite_with_own_checks
@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: 1 on the diagonal, 0 elsewhere.

    Args:
        tensor: What to fill, in place, shape (M, N).

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` does not have 2 dims.

    >>> import minitensor as torch
    >>> torch.nn.init.eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return tensor.copy_(identity_matrix(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@composite_with_own_checks
@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution that copies its input channels, as far as there are output channels.

    Args:
        tensor: What to fill, in place, shape (C_out, C_in, *) with 1 to 3 further dims.
        groups: Number of groups of output channels, each of which copies the channels. Default: ``1``.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` does not have 3 to 5 dims, or ``groups`` does not divide C_out.

    >>> import minitensor as torch
    >>> torch.nn.init.dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError(f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.shape[0] % groups:
        raise ArgumentError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and groups={groups}")
    tensor.zero_()
    center = tuple(size // 2 for size in tensor.shape[2:])
    group_size = tensor.shape[0] // groups
    for channel in range(min(group_size, tensor.shape[1])):
        for first in range(0, tensor.shape[0], group_size):
            place = (first + channel, channel, *center)
            tensor[place] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return the number of inputs that an output sums over, and the number of outputs that an input reaches."""
    if tensor.ndim < 2:
        raise ArgumentError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions, "
            f"got shape {tuple(tensor.shape)}"
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the fan that ``mode`` names."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ArgumentError(f"Mode {mode} not supported, please use one of {modes}")
    return _calculate_fan_in_and_fan_out(tensor)[modes.index(mode.lower())]


@composite_with_own_checks
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(-a, a), where a = gain sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Args:
        tensor: What to fill, in place, shape (fan_out, fan_in, *): for each further dim, both fans are multiplied by
            its size.
        gain: Factor, see ``calculate_gain``. Default: ``1.0``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` has fewer than 2 dims.

    >>> import minitensor as torch
    >>> bool(torch.nn.init.xavier_uniform_(torch.empty(3, 3)).abs().max() <= 1)
    True
    """
    bound = math.sqrt(3.0) * xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


@composite_with_own_checks
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(0, std^2), where std = gain sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Args:
        tensor: What to fill, in place, shape (fan_out, fan_in, *): for each further dim, both fans are multiplied by
            its size.
        gain: Factor, see ``calculate_gain``. Default: ``1.0``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` has fewer than 2 dims.

    >>> import minitensor as torch
    >>> torch.nn.init.xavier_normal_(torch.empty(2, 3)).shape
    torch.Size([2, 3])
    """
    return normal_(tensor, 0.0, xavier_std(tensor, gain), generator)


def xavier_std(tensor: Tensor, gain: float) -> float:
    """Return the deviation that compromises between equal variances in the forward and in the backward pass."""
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


@composite_with_own_checks
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U(-bound, bound), where bound = gain sqrt(3 / fan) (He et al. 2015).

    An empty tensor is left alone, with a warning.

    Args:
        tensor: What to fill, in place, shape (fan_out, fan_in, *): for each further dim, both fans are multiplied by
            its size.
        a: Slope of the leaky ReLU that follows. Default: ``0``.
        mode: ``"fan_in"`` keeps the variance of the forward pass, ``"fan_out"`` of the backward pass. Default:
            ``"fan_in"``.
        nonlinearity: What follows, see ``calculate_gain``. Default: ``"leaky_relu"``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` has fewer than 2 dims, or ``mode`` or ``nonlinearity`` is unknown.

    >>> import minitensor as torch
    >>> bool(torch.nn.init.kaiming_uniform_(torch.empty(2, 6)).abs().max() <= 1)
    True
    """
    if 0 in tensor.shape:
        return warn_of_empty(tensor)
    bound = math.sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@composite_with_own_checks
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(0, std^2), where std = gain / sqrt(fan) (He et al. 2015).

    An empty tensor is left alone, with a warning.

    Args:
        tensor: What to fill, in place, shape (fan_out, fan_in, *): for each further dim, both fans are multiplied by
            its size.
        a: Slope of the leaky ReLU that follows. Default: ``0``.
        mode: ``"fan_in"`` keeps the variance of the forward pass, ``"fan_out"`` of the backward pass. Default:
            ``"fan_in"``.
        nonlinearity: What follows, see ``calculate_gain``. Default: ``"leaky_relu"``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` has fewer than 2 dims, or ``mode`` or ``nonlinearity`` is unknown.

    >>> import minitensor as torch
    >>> torch.nn.init.kaiming_normal_(torch.empty(2, 3), nonlinearity="relu").shape
    torch.Size([2, 3])
    """
    if 0 in tensor.shape:
        return warn_of_empty(tensor)
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity), generator)


def kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """Return the deviation that keeps the variance through a layer and its nonlinearity."""
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def warn_of_empty(tensor: Tensor) -> Tensor:
    """Return an empty tensor unchanged, with a warning."""
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=user_level())
    return tensor


@composite_with_own_checks
@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with ``gain`` times a random matrix with orthonormal rows or columns (Saxe et al. 2013).

    Args:
        tensor: What to fill, in place, shape (rows, *); all further dims count as the columns.
        gain: Factor, see ``calculate_gain``. Default: ``1``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` has fewer than 2 dims.

    >>> import minitensor as torch
    >>> w = torch.nn.init.orthogonal_(torch.empty(2, 3))
    >>> torch.allclose(w @ w.T, torch.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ArgumentError(f"Only tensors with 2 or more dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.numel() == 0:
        return tensor
    refuse_write("orthogonal_", tensor)  # before a number is drawn
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    drawn = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
    xp = tensor.xp
    q, r = xp.linalg.qr(drawn.array.T if rows < columns else drawn.array)
    q *= xp.sign(xp.diagonal(r))  # makes the distribution uniform (Mezzadri 2007)
    made = wrap(tensor.result_class, xp.ascontiguousarray(q.T if rows < columns else q))
    return tensor.copy_(made.view(tensor.shape)).mul_(gain)


@composite_with_own_checks
@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with N(0, std^2), and set a fraction of each column to zero (Martens 2010).

    Args:
        tensor: What to fill, in place, shape (M, N).
        sparsity: Fraction of zeros in each column, rounded up to whole entries.
        std: Standard deviation of the others. Default: ``0.01``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        ValueError: If ``tensor`` does not have 2 dims.

    >>> import minitensor as torch
    >>> int((torch.nn.init.sparse_(torch.empty(4, 2), sparsity=0.5) == 0).sum())
    4
    """
    if tensor.ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.is_meta:
        return tensor
    rows, columns = tensor.shape
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        # From the default generator, as in PyTorch, whatever `generator` is.
        zeros = sampling.randperm(streams.default_generator, rows)[: math.ceil(sparsity * rows)]
        tensor[zeros.tolist(), column] = 0
    return tensor


@composite_with_own_checks
@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(mean, std^2), restricted to [a, b]: draws outside are repeated.

    It warns if ``mean`` is more than two deviations outside [a, b].

    Args:
        tensor: What to fill, in place.
        mean: Mean before the restriction. Default: ``0.0``.
        std: Standard deviation before the restriction. Default: ``1.0``.
        a: Lower bound, an absolute value, not a multiple of ``std``. Default: ``-2.0``.
        b: Upper bound. Default: ``2.0``.
        generator: Source of the random numbers. Default: ``None``, the default generator.

    Returns:
        ``tensor``.

    Raises:
        RuntimeError: If ``a`` is greater than ``b``.
        ZeroDivisionError: If ``std`` is 0.

    >>> import minitensor as torch
    >>> bool(torch.nn.init.trunc_normal_(torch.empty(9)).abs().max() <= 2)
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=user_level(),
        )
    if tensor.is_meta:
        return tensor
    inside = normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std)
    if inside > 0.3:
        return redraw_outside(tensor, mean, std, a, b, generator)
    return thin_uniform(tensor, mean, std, a, b, generator)


def normal_cdf(x: float) -> float:
    """Return the probability that a standard normal variable is at most ``x``."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def redraw_outside(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    """Draw from the normal distribution, a whole tensor each round; replace values that still lie outside [a, b]."""
    low, high = (tensor.new_tensor(bound).item() for bound in (a, b))  # as the dtype of the tensor rounds them
    tensor.normal_(mean, std, generator=generator)
    while bool((outside := (tensor < low) | (tensor > high)).any()):
        tensor.copy_(where(outside, empty_like(tensor).normal_(mean, std, generator=generator), tensor))
    return tensor


def thin_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    """Draw from U(a, b), and keep a draw with a probability of its density over the highest density in [a, b].

    Where little of the normal density lies inside, nearly all of its draws would be rejected.
    """
    peak = max(a, min(mean, b))
    log_peak = -0.5 * ((peak - mean) / std) ** 2
    waiting = None
    while waiting is None or bool(waiting.any()):
        drawn = empty_like(tensor).uniform_(a, b, generator=generator)
        tensor.copy_(drawn if waiting is None else where(waiting, drawn, tensor))
        log_density = ((drawn - mean) / std).pow(2).mul(-0.5).sub(log_peak)
        refused = empty_like(tensor).uniform_(generator=generator).log() > log_density
        waiting = refused if waiting is None else waiting & refused
    return tensor


# PyTorch's names of what its functions call.
_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_
_no_grad_fill_, _no_grad_zero_ = constant_, zeros_


# -- under deprecated names --------------------------------------------------------------------------------------------


def deprecate_alias(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function under its deprecated name, without the underscore; it fills in place too, and warns."""
    new = function.__name__

    def old(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, user_level()
        )
        return function(*args, **kwargs)

    old.__name__, old.__doc__ = new[:-1], f"Deprecated alias of ``{new}``; warns."
    return old


uniform, normal = deprecate_alias(uniform_), deprecate_alias(normal_)
constant, dirac, eye = deprecate_alias(constant_), deprecate_alias(dirac_), deprecate_alias(eye_)
xavier_uniform, xavier_normal = deprecate_alias(xavier_uniform_), deprecate_alias(xavier_normal_)
kaiming_uniform, kaiming_normal = deprecate_alias(kaiming_uniform_), deprecate_alias(kaiming_normal_)
orthogonal, sparse = deprecate_alias(orthogonal_), deprecate_alias(sparse_)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
