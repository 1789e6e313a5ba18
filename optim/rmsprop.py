"""RMSprop: a step by the gradient over the root of a running mean of its squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class RMSprop(Optimizer):
    """Divide the gradient g by the root of a running mean v of its squares (Hinton 2012, lecture 6e)::

        g <- g + lambda p
        v <- alpha v + (1 - alpha) g^2
        u = g / (sqrt(v) + eps)                 (centered: v less the square of a running mean of g)
        p <- p - lr u                           (with momentum mu: b <- mu b + u, p <- p - lr b)

    >>> optimizer = RMSprop([nn.Parameter(minitensor.ones(2))], lr=0.01, momentum=0.9)
    """

    counts: ClassVar[bool] = True
    later: ClassVar[dict[str, Any]] = {**Optimizer.later, "momentum": 0, "centered": False}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("epsilon value", eps)
        require_at_least_zero("momentum value", momentum)
        require_at_least_zero("weight_decay value", weight_decay)
        require_at_least_zero("alpha value", alpha)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The mean square; with momentum a velocity; centered, the mean."""
        velocity = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *velocity, "grad_avg") if group["centered"] else ("square_avg", *velocity)

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, _ = scratch
        alpha, momentum = group["alpha"], group["momentum"]
        square = state[0]
        grad = descent(group, param, grad, scratch)
        move_mean_square(square, grad, alpha, scratch)
        if group["centered"]:
            mean = state[-1]
            move_mean(mean, grad, 1 - alpha, scratch)
            xp.sqrt(xp.subtract(square, xp.multiply(mean, mean, out=one), out=one), out=one)
        else:
            xp.sqrt(square, out=one)
        one += group["eps"]
        xp.divide(grad, one, out=one)
        if momentum > 0:
            velocity = state[1]
            scratch.blend(velocity, momentum, one, 1)
            one = velocity
        scratch.blend(param, 1, one, -group["lr"])
