"""NAdam: Adam that looks ahead, as Nesterov's momentum does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class NAdam(Optimizer):
    """Mix the gradient g into Adam's next mean m ahead of time (Dozat 2016), with mu_t a growing beta1::

        g <- g + lambda p                       (decoupled: p <- p - lr lambda p)
        mu_t = beta1 (1 - 0.96^(t psi) / 2)     (psi: momentum_decay)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        w = (1 - mu_t) / (1 - mu_1 ... mu_t) g + mu_(t+1) / (1 - mu_1 ... mu_(t+1)) m
        p <- p - lr w / (sqrt(v / (1 - beta2^t)) + eps)

    >>> optimizer = NAdam([nn.Parameter(minitensor.ones(2))])
    """

    counts: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("mu_product",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("epsilon value", eps)
        require_betas(betas)
        require_at_least_zero("weight_decay value", weight_decay)
        require_at_least_zero("momentum_decay value", momentum_decay)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The two means."""
        return "exp_avg", "exp_avg_sq"

    def initial(self, group: Group, name: str) -> float:
        """A product of no factors is one."""
        return 1.0 if name == "mu_product" else 0.0

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Any], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, two = scratch
        lr, (beta1, beta2) = group["lr"], group["betas"]
        product, mean, square = state
        so_far, ahead = product * momentum(group, step), momentum(group, step + 1)
        grad = descent(group, param, grad, scratch)
        move_mean(mean, grad, 1 - beta1, scratch)
        move_mean_square(square, grad, beta2, scratch)
        mixed = xp.multiply(grad, lr * (1 - momentum(group, step)) / (1 - so_far), out=two)
        mixed += xp.multiply(mean, lr * ahead / (1 - so_far * ahead), out=one)
        xp.sqrt(square, out=one)
        one /= (1 - beta2**step) ** 0.5
        one += group["eps"]
        mixed /= one
        param -= mixed

    def advance(self, group: Group, step: int, scalars: Sequence[float]) -> Sequence[float]:
        """Multiply the product by the momentum of this step."""
        return (scalars[0] * momentum(group, step),)


def momentum(group: Group, step: int) -> float:
    """Return mu_t."""
    beta1: float = group["betas"][0]
    grown: float = 1 - 0.5 * 0.96 ** (step * group["momentum_decay"])
    return beta1 * grown
