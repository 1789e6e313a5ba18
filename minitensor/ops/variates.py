"""Numbers of gamma, Dirichlet, Poisson and binomial distributions, each with a parameter of its own.

Every function draws with ``rejection.py`` on the host and then moves the numbers to the device. Gamma and Dirichlet
numbers have the gradients of ``implicit.py`` with respect to their concentration; the gradient of a count is zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import minitensor.rejection as draws
from minitensor.autograd.declare import differentiable, nondifferentiable, random_operation
from minitensor.autograd.misuse import composite
from minitensor.errors import ArgumentError, DtypeError
from minitensor.ops.broadcast import broadcast_tensors
from minitensor.ops.creation import zeros_like
from minitensor.ops.draws import choose_generator, draw_beside
from minitensor.ops.implicit import beta_slope, gamma_slope
from minitensor.ops.kinds import FLOATS, require_kind

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.generator import Generator
    from minitensor.tensor import Tensor


# -- counts ------------------------------------------------------------------------------------------------------------


@composite
@random_operation
def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of events drawn from Poisson distributions with the rates in ``input``.

    Raises:
        RuntimeError: If a rate is negative or NaN, or the dtype is not a floating one.

    >>> import minitensor as torch
    >>> torch.poisson(torch.zeros(2))
    tensor([0., 0.])
    """
    require_kind("poisson", FLOATS, input)
    return draw_events(input, generator)


def on_host(tensor: Tensor) -> Array:
    """Return a tensor's elements as a host array; see Note [Encoded arrays] for those that are encoded."""
    array: Array = tensor.backend.to_host(tensor.array)
    return array


@differentiable(name="poisson", input=lambda grad: zeros_like(grad))
def draw_events(input: Tensor, generator: Generator | None) -> Array:
    """Draw numbers of events, in the shape and dtype of the rates."""
    source = choose_generator(generator)
    return draw_beside(input, lambda: draws.poisson(source, on_host(input)))


@composite
@random_operation
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers of successes drawn from binomial distributions.

    A NaN among the counts gives NaN.

    Args:
        count: The numbers of trials, of a floating dtype.
        prob: The probabilities of success, of the same dtype; broadcasts against ``count``.

    Raises:
        ValueError: If ``count`` or ``prob`` does not hold floats.
        RuntimeError: If the dtypes differ.

    >>> import minitensor as torch
    >>> torch.binomial(torch.tensor([3.0, 5.0]), torch.tensor([1.0, 0.0]))
    tensor([3., 0.])
    """
    for name, each in (("count", count), ("prob", prob)):
        if each.dtype.kind not in FLOATS:
            raise ArgumentError(f"binomial only supports floating-point dtypes for {name}, got: {each.dtype.name}")
    if count.dtype is not prob.dtype:
        raise DtypeError(f"binomial: expected one dtype, got {count.dtype.name} and {prob.dtype.name}")
    count, prob = broadcast_tensors(count, prob)
    return draw_successes(count, prob, generator)


@differentiable(name="binomial", count=lambda grad: zeros_like(grad), prob=lambda grad: zeros_like(grad))
def draw_successes(count: Tensor, prob: Tensor, generator: Generator | None) -> Array:
    """Draw numbers of successes, for counts and probabilities of one shape and dtype."""
    source = choose_generator(generator)
    return draw_beside(count, lambda: draws.binomial(source, on_host(count), on_host(prob)))


# -- gamma and Dirichlet -----------------------------------------------------------------------------------------------


@composite
@random_operation
def _standard_gamma(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return numbers drawn from gamma distributions of rate 1 with the concentrations in ``input``.

    >>> import minitensor as torch
    >>> bool((torch._standard_gamma(torch.ones(3)) > 0).all())
    True
    """
    require_kind("_standard_gamma", FLOATS, input)
    return draw_gamma(input, generator)


def draw_gamma_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Return ``grad * _standard_gamma_grad(input, result)``."""
    return grad * _standard_gamma_grad(input, result)


@differentiable(name="_standard_gamma", input=draw_gamma_grad)
def draw_gamma(input: Tensor, generator: Generator | None) -> Array:
    """Draw gamma numbers, in the shape and dtype of the concentrations."""
    source = choose_generator(generator)
    return draw_beside(input, lambda: draws.standard_gamma(source, on_host(input)))


@nondifferentiable
def _standard_gamma_grad(self: Tensor, output: Tensor) -> Array:
    """Return how gamma numbers, ``output``, move with their concentration.

    >>> import minitensor as torch
    >>> torch._standard_gamma_grad(torch.tensor([1.0]), torch.tensor([1.0]))
    tensor([1.1736])
    """
    slope: Array = gamma_slope(self.backend, self.array.astype("float64"), output.array.astype("float64"))
    return slope.astype(output.array.dtype)


@composite
@random_operation
def _sample_dirichlet(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return points of the simplex, drawn from Dirichlet distributions with the concentrations along the last dim.

    >>> import minitensor as torch
    >>> torch._sample_dirichlet(torch.ones(2, 3)).sum(-1)
    tensor([1., 1.])
    """
    require_kind("_sample_dirichlet", FLOATS, input)
    return draw_shares(input, generator)


def draw_shares_grad(grad: Tensor, input: Tensor, result: Tensor) -> Tensor:
    """Let each share move as a beta number, and the others give way in proportion."""
    slope = _dirichlet_grad(result, input, input.sum(-1, keepdim=True).expand_as(input))
    return slope * (grad - (result * grad).sum(-1, keepdim=True))


@differentiable(name="_sample_dirichlet", input=draw_shares_grad)
def draw_shares(input: Tensor, generator: Generator | None) -> Array:
    """Draw points of the simplex, in the shape and dtype of the concentrations."""
    source = choose_generator(generator)
    return draw_beside(input, lambda: draws.dirichlet(source, on_host(input)))


@nondifferentiable
def _dirichlet_grad(x: Tensor, alpha: Tensor, total: Tensor) -> Array:
    """Return how one share of the simplex moves with its own concentration, per share that is left.

    The share ``x`` is a beta number with the concentrations ``alpha`` and ``total`` - ``alpha``. Its derivative is
    divided by 1 - ``x``.

    >>> import minitensor as torch
    >>> torch._dirichlet_grad(torch.tensor([0.5]), torch.tensor([1.0]), torch.tensor([2.0]))
    tensor([0.6931])
    """
    share, own, both = (each.array.astype("float64") for each in (x, alpha, total))
    slope: Array = beta_slope(x.backend, share, own, both) / (1 - share)
    return slope.astype(x.array.dtype)
