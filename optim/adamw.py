"""AdamW: Adam whose weight decay does not pass through the moments (Loshchilov and Hutter 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.optim.adam import Adam

if TYPE_CHECKING:
    from collections import defaultdict

    from minitensor.optim.optimizer import Group, Params, State
    from minitensor.tensor import Tensor


class AdamW(Adam):
    """Adam with p <- p - lr lambda p before each step, in place of a term in the gradient; see ``Adam``."""

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def _take(self, state: defaultdict[Any, State], groups: list[Group]) -> None:
        for group in groups:
            group["decoupled_weight_decay"] = True  # whatever a state dict says, as in PyTorch
        super()._take(state, groups)
