"""Rprop: steps of their own length for each element, by the signs of its gradients alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_number, require_plain, require_rate, require_several

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Rprop(Optimizer):
    """Lengthen an element's step d while its gradient g keeps its sign, shorten it when that turns (Riedmiller 1993)::

        d <- min(eta+ d, longest)               (g has the sign it had)
        d <- max(eta- d, shortest), g <- 0      (it turned)
        p <- p - sign(g) d

    It is for whole batches: the noise of small ones turns signs.

    >>> optimizer = Rprop([nn.Parameter(minitensor.ones(2))], step_sizes=(1e-5, 1))
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        require_several("Rprop: step_sizes", step_sizes, 2)
        for i, size in enumerate(step_sizes):
            if size is not None:  # no bound
                require_number(f"Rprop: step_sizes[{i}]", size)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """The gradient before, and each element's step."""
        return "prev", "step_size"

    def initial(self, group: Group, name: str) -> float | Tensor:
        """The first step is the learning rate."""
        return group["lr"] if name == "step_size" else 0.0

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step; see the class for the formula."""
        xp, one, two = scratch
        (shorter, longer), (shortest, longest) = group["etas"], group["step_sizes"]
        before, size = state
        two[...] = xp.negative(grad, out=two) if group["maximize"] else grad
        xp.multiply(two, before, out=one)
        kept, turned = one > 0, one < 0
        one[...] = xp.where(kept, longer, xp.where(turned, shorter, 1.0))
        size *= one
        xp.clip(size, shortest, longest, out=size)
        two[turned] = 0
        before[...] = two
        param -= xp.multiply(xp.sign(two, out=two), size, out=two)
