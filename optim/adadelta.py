"""Adadelta: steps in proportion to the gradient and as long as recent steps were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adadelta(Optimizer):
    """Adadelta: steps scaled by the ratio of recent steps to recent gradients (Zeiler 2012).

    With parameter p, gradient g, weight decay lambda, and running mean squares v of gradients and d of steps::

        g <- g + lambda p
        v <- rho v + (1 - rho) g^2
        u = sqrt(d + eps) / sqrt(v + eps) g
        d <- rho d + (1 - rho) u^2
        p <- p - lr u

    The rule sets the step size itself; ``lr`` only scales it, hence its default of 1.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1.0``.
        rho: Decay rate of the running means. Default: ``0.9``.
        eps: Number added inside the square roots; it sets the size of the first steps. Default: ``1e-6``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``eps`` or ``weight_decay`` is negative, if ``rho`` lies outside [0, 1], if ``params`` is
            empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.Adadelta([weight])
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9968, -1.9968], requires_grad=True)
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ArgumentError(f"Invalid rho value: {rho}")
        require_at_least_zero("epsilon value", eps)
        require_at_least_zero("weight_decay value", weight_decay)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the two running means."""
        return "square_avg", "acc_delta"

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, two = scratch
        rho, eps = group["rho"], group["eps"]
        square, delta = state
        grad = descent(group, param, grad, scratch)
        move_mean_square(square, grad, rho, scratch)
        # eps lies inside both roots: without it all steps would be 0, as the first mean of the steps is.
        xp.divide(grad, xp.sqrt(xp.add(square, eps, out=one), out=one), out=two)
        two *= xp.sqrt(xp.add(delta, eps, out=one), out=one)
        move_mean_square(delta, two, rho, scratch)
        scratch.blend(param, 1, two, -group["lr"])

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
