"""AdamW: Adam whose weight decay does not pass through the running means (Loshchilov and Hutter 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.optim.adam import Adam

if TYPE_CHECKING:
    from collections import defaultdict

    from minitensor.optim.optimizer import Group, Params, State
    from minitensor.tensor import Tensor


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017).

    The decay shrinks the parameter directly and leaves the running means m and v alone::

        p <- p - lr lambda p
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    Unlike ``Adam``, it decays by default, as PyTorch's does.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        betas: Decay rates (beta1, beta2) of the two running means, both floats or both tensors. Default: ``(0.9,
            0.999)``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the decay. Default: ``1e-2``.
        amsgrad: Divide by the largest v so far (Reddi et al. 2018). Default: ``False``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        capturable: Accepted for PyTorch compatibility; allows a tensor ``lr`` with ``foreach=True``. Default:
            ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        fused: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.

    Raises:
        ValueError: If ``lr``, ``eps`` or ``weight_decay`` is negative, if ``betas`` is not a pair of numbers in [0, 1),
            if ``lr`` or a beta is a tensor while ``foreach`` is true and ``capturable`` is false, if ``params`` is
            empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``betas`` has fewer than two entries.
        RuntimeError: If ``fused`` is combined with ``foreach`` or ``differentiable``.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.AdamW([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.8990, -1.8980], requires_grad=True)
    """

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

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
