"""Adadelta: steps as long as recent steps were, in proportion to recent gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adadelta(Optimizer):
    """Scale the gradient g by roots of running means of squares: d of the steps, v of the gradients (Zeiler 2012)::

        g <- g + lambda p
        v <- rho v + (1 - rho) g^2
        u = sqrt(d + eps) / sqrt(v + eps) g
        d <- rho d + (1 - rho) u^2
        p <- p - lr u

    >>> optimizer = Adadelta([nn.Parameter(minitensor.ones(2))])
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
        """The two means."""
        return "square_avg", "acc_delta"

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, two = scratch
        rho, eps = group["rho"], group["eps"]
        square, delta = state
        grad = descent(group, param, grad, scratch)
        move_mean_square(square, grad, rho, scratch)
        xp.divide(grad, xp.sqrt(xp.add(square, eps, out=one), out=one), out=two)
        two *= xp.sqrt(xp.add(delta, eps, out=one), out=one)
        move_mean_square(delta, two, rho, scratch)
        scratch.blend(param, 1, two, -group["lr"])
