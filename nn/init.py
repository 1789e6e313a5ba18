"""Initial values: every function fills a tensor where it lies, outside the graph, and returns it.

The bounds and deviations are those of Glorot and Bengio 2010 (xavier), He et al. 2015 (kaiming) and Saxe et al. 2013
(orthogonal). Each function draws its random numbers in PyTorch's order, so that the same seed gives the same network.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import generator as streams
from minitensor.autograd.misuse import ungated
from minitensor.autograd.mode import no_grad
from minitensor.base import wrap
from minitensor.callers import user_level
from minitensor.errors import ArgumentError
from minitensor.ops.aliasing import refuse_write
from minitensor.ops.creation import empty_like, eye
from minitensor.ops.pointwise import where
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.generator import Generator

GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0, "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4,
}  # fmt: skip


@ungated
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much weights should grow to make up for what a nonlinearity takes from the variance.

    >>> calculate_gain("tanh")
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
    """Return the negative slope of a leaky ReLU; 0.01 unless told."""
    if param is None:
        return 0.01
    if isinstance(param, bool) or not isinstance(param, (int, float)):
        raise ArgumentError(f"negative_slope {param} not a valid number")
    return param


@ungated
@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from U(a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@ungated
@no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from N(mean, std^2)."""
    return tensor.normal_(mean, std, generator=generator)


@ungated
@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value."""
    return tensor.fill_(val)


@ungated
def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


@ungated
def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


@ungated
@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity, as far as it reaches."""
    if tensor.ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    return tensor.copy_(eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


@ungated
@no_grad()
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution so that it passes its input channels on, in each group of output channels."""
    if tensor.ndim not in (3, 4, 5):
        raise ArgumentError(f"Only tensors with 3, 4, or 5 dimensions are supported, got shape {tuple(tensor.shape)}")
    if tensor.shape[0] % groups:
        raise ArgumentError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and groups={groups}")
    tensor.zero_()
    centre = tuple(size // 2 for size in tensor.shape[2:])
    group_size = tensor.shape[0] // groups
    for channel in range(min(group_size, tensor.shape[1])):
        for first in range(0, tensor.shape[0], group_size):
            place = (first + channel, channel, *centre)
            tensor[place] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return how many inputs an output sums over, and how many outputs an input reaches."""
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


@ungated
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with U(-a, a), a = gain * sqrt(6 / (fan_in + fan_out))."""
    bound = math.sqrt(3.0) * xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


@ungated
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, xavier_std(tensor, gain), generator)


def xavier_std(tensor: Tensor, gain: float) -> float:
    """Return the deviation that keeps variances, forth and back, between those of input and output."""
    return gain * math.sqrt(2.0 / float(sum(_calculate_fan_in_and_fan_out(tensor))))


@ungated
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with U(-bound, bound), bound = gain * sqrt(3 / fan); ``a`` is the leaky ReLU's slope."""
    if 0 in tensor.shape:
        return empty_warning(tensor)
    bound = math.sqrt(3.0) * kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


@ungated
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with N(0, std^2), std = gain / sqrt(fan); ``a`` is the leaky ReLU's slope."""
    if 0 in tensor.shape:
        return empty_warning(tensor)
    return normal_(tensor, 0.0, kaiming_std(tensor, a, mode, nonlinearity), generator)


def kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    """Return the deviation that keeps the variance behind a nonlinearity as it was before the layer."""
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def empty_warning(tensor: Tensor) -> Tensor:
    """Leave an empty tensor as it is, and say so."""
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=user_level())
    return tensor


@ungated
@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with ``gain`` times a random matrix of orthonormal rows or columns, all dims but the first taken as one."""
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


@ungated
@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with N(0, std^2), but for a fraction of zeros in each column."""
    if tensor.ndim != 2:
        raise ArgumentError(f"Only tensors with 2 dimensions are supported, got shape {tuple(tensor.shape)}")
    rows, columns = tensor.shape
    tensor.normal_(0, std, generator=generator)
    for column in range(columns):
        zeros = streams.randperm(streams.default_generator, rows)[: math.ceil(sparsity * rows)]
        tensor[zeros.tolist(), column] = 0
    return tensor


@ungated
@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(mean, std^2) given that they lie in [a, b]: what falls outside is drawn again."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=user_level(),
        )
    inside = normal_cdf((b - mean) / std) - normal_cdf((a - mean) / std)
    if inside > 0.3:
        return redraw_outside(tensor, mean, std, a, b, generator)
    return thin_uniform(tensor, mean, std, a, b, generator)


def normal_cdf(x: float) -> float:
    """Return the probability that a standard normal variable is below ``x``."""
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


def redraw_outside(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    """Draw from the normal distribution, all anew each round, and take over what still lies outside [a, b]."""
    low, high = (tensor.new_tensor(bound).item() for bound in (a, b))  # as the tensor's dtype can say them
    tensor.normal_(mean, std, generator=generator)
    while bool((outside := (tensor < low) | (tensor > high)).any()):
        tensor.copy_(where(outside, empty_like(tensor).normal_(mean, std, generator=generator), tensor))
    return tensor


def thin_uniform(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    """Draw from U(a, b) and keep a draw with its density over the highest density in [a, b].

    Where little of the bell lies inside, drawing from it would be refused nearly always.
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


# -- under their old names ---------------------------------------------------------------------------------------------


def renamed(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a function under its old name, without the underscore; it fills in place all the same, and warns."""
    new = function.__name__

    def old(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, user_level()
        )
        return function(*args, **kwargs)

    old.__name__, old.__doc__ = new[:-1], f"Do what ``{new}`` does, with a warning: use that name."
    return old


uniform, normal, constant, dirac = renamed(uniform_), renamed(normal_), renamed(constant_), renamed(dirac_)
xavier_uniform, xavier_normal = renamed(xavier_uniform_), renamed(xavier_normal_)
kaiming_uniform, kaiming_normal = renamed(kaiming_uniform_), renamed(kaiming_normal_)
orthogonal, sparse = renamed(orthogonal_), renamed(sparse_)
