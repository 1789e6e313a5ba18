"""Adagrad: a step by the gradient over the root of the sum of its squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_plain, require_rate
from minitensor.optim.steps import descent

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adagrad(Optimizer):
    """Divide the gradient g by the root of the sum s of its squares so far (Duchi et al. 2011)::

        g <- g + lambda p
        s <- s + g^2
        p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    The sums begin at ``initial_accumulator_value``, when the optimizer is made.

    >>> optimizer = Adagrad([nn.Parameter(minitensor.ones(2))], lr=0.1)
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("lr_decay value", lr_decay)
        require_at_least_zero("weight_decay value", weight_decay)
        require_at_least_zero("initial_accumulator_value value", initial_accumulator_value)
        require_at_least_zero("epsilon value", eps)
        require_plain(foreach, differentiable, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def add_param_group(self, param_group: Group) -> None:
        """Take more parameters, and begin their sums."""
        super().add_param_group(param_group)
        self.begin(self.param_groups[-1])

    def slots(self, group: Group) -> tuple[str, ...]:
        """The sum of squares."""
        return ("sum",)

    def initial(self, group: Group, name: str) -> float | Tensor:
        """The value at which sums begin."""
        first: float | Tensor = group["initial_accumulator_value"]
        return first

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, _ = scratch
        (total,) = state
        grad = descent(group, param, grad, scratch)
        total += xp.multiply(grad, grad, out=one)
        xp.sqrt(total, out=one)
        one += group["eps"]
        xp.divide(grad, one, out=one)
        scratch.blend(param, 1, one, -group["lr"] / (1 + (step - 1) * group["lr_decay"]))
