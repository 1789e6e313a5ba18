"""ASGD: gradient descent with a shrinking step, and a running mean of where it went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_number, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class ASGD(Optimizer):
    """Go down the gradient g with a shrinking step eta, and average the parameter in ``ax`` (Polyak, Juditsky 1992)::

        g <- g + weight_decay p
        p <- p (1 - lambd eta) - eta g
        ax <- ax + (p - ax) mu
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)

    >>> optimizer = ASGD([nn.Parameter(minitensor.ones(2))], t0=100)
    """

    streams: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("weight_decay value", weight_decay)
        for name, value in {"lambd": lambd, "alpha": alpha, "t0": t0}.items():
            require_number(f"ASGD: {name}", value)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The mean."""
        return ("ax",)

    def initial(self, group: Group, name: str) -> float | Tensor:
        """The first step is the learning rate; the first mean is the parameter itself."""
        first: float | Tensor = {"eta": group["lr"], "mu": 1.0}.get(name, 0.0)
        return first

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Any], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        eta, mu, mean = state
        grad = descent(group, param, grad, scratch)
        scratch.blend(param, 1 - group["lambd"] * eta, grad, -eta)
        if mu == 1:
            mean[...] = param
        else:
            move_mean(mean, param, mu, scratch)

    def advance(self, group: Group, step: int, scalars: Sequence[float]) -> Sequence[float]:
        """Shrink the step, and count what the mean is over."""
        lr = group["lr"]
        return lr / (1 + group["lambd"] * lr * step) ** group["alpha"], 1 / max(1, step - group["t0"])
