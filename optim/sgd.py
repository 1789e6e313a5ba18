"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_number, require_plain, require_rate
from minitensor.optim.steps import descent

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class SGD(Optimizer):
    """Go down the gradient g of parameter p, with momentum mu, dampening tau, decay lambda (Sutskever et al. 2013)::

        g <- g + lambda p
        b <- mu b + (1 - tau) g                 (b = g at the first step)
        p <- p - lr b                           (plain: p - lr g; Nesterov: p - lr (g + mu b))

    >>> optimizer = SGD([nn.Parameter(minitensor.ones(2))], lr=0.1, momentum=0.9)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("momentum value", momentum)
        require_at_least_zero("weight_decay value", weight_decay)
        require_number("SGD: dampening", dampening)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        require_plain(foreach, differentiable, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    streams: ClassVar[bool] = True
    optional: ClassVar[tuple[str, ...]] = ("momentum_buffer",)
    later: ClassVar[dict[str, Any]] = {**Optimizer.later, "nesterov": False}
    foreach_records: ClassVar[bool] = True

    def slots(self, group: Group) -> tuple[str, ...]:
        """With momentum, a velocity."""
        return ("momentum_buffer",) if group["momentum"] else ()

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, two = scratch
        lr, momentum, keep = group["lr"], group["momentum"], 1 - group["dampening"]
        grad = descent(group, param, grad, scratch)
        if momentum:
            velocity = state[0]
            if step == 1:
                velocity[...] = grad
            else:
                scratch.blend(velocity, momentum, grad, keep)
            if group["nesterov"]:
                grad = xp.add(grad, xp.multiply(velocity, momentum, out=one), out=two)
            else:
                grad = velocity
        scratch.blend(param, 1, grad, -lr)
