"""Adam, and AdamW, which takes weight decay out of the moments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array


class Adam(Optimizer):
    """Divide a running mean m of gradients by the root of a running mean v of their squares (Kingma and Ba 2014)::

        g <- g + lambda p                       (decoupled: p <- p - lr lambda p)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With ``amsgrad`` the largest v so far takes the place of v in the last line (Reddi et al. 2018).
    """

    counts: ClassVar[bool] = True
    later: ClassVar[dict[str, Any]] = {**Optimizer.later, "amsgrad": False}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("epsilon value", eps)
        require_betas(betas)
        require_at_least_zero("weight_decay value", weight_decay)
        require_plain(foreach, differentiable, fused)
        for name, number in {"lr": lr, "betas[0]": betas[0], "betas[1]": betas[1]}.items():
            if isinstance(number, Tensor) and foreach and not capturable:
                raise ArgumentError(f"{name} as a Tensor is not supported for capturable=False and foreach=True")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The two means, and with ``amsgrad`` the largest second one."""
        means = ("exp_avg", "exp_avg_sq")
        return (*means, "max_exp_avg_sq") if group["amsgrad"] else means

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, _ = scratch
        lr, (beta1, beta2) = group["lr"], group["betas"]
        mean, square, *largest = state
        grad = descent(group, param, grad, scratch)
        move_mean(mean, grad, 1 - beta1, scratch)
        move_mean_square(square, grad, beta2, scratch)
        for peak in largest:
            square = xp.maximum(peak, square, out=peak)
        # The correction c of sqrt(v) is taken out of the fraction: m / (sqrt(v) / c + eps) = c m / (sqrt(v) + c eps).
        correction = (1 - beta2**step) ** 0.5
        xp.sqrt(square, out=one)
        one += correction * group["eps"]
        xp.divide(mean, one, out=one)
        scratch.blend(param, 1, one, -lr * correction / (1 - beta1**step))
