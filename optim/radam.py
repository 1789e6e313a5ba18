"""RAdam: Adam that uses its mean of squares only once that mean rests on enough gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class RAdam(Optimizer):
    """RAdam: Adam rectified by the variance of its adaptive rate (Liu et al. 2019).

    While rho is at most 5 the variance is unknown, and the step is that of momentum alone::

        g <- g + lambda p                       (decoupled: p <- p - lr lambda p)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        rho = rho_oo - 2 t beta2^t / (1 - beta2^t),  rho_oo = 2 / (1 - beta2) - 1
        r = sqrt((rho - 4) (rho - 2) rho_oo / ((rho_oo - 4) (rho_oo - 2) rho))
        p <- p - lr m / (1 - beta1^t) r sqrt(1 - beta2^t) / (sqrt(v) + eps)       (rho > 5)
        p <- p - lr m / (1 - beta1^t)                                             (rho <= 5)

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        betas: Decay rates (beta1, beta2) of the two running means, both floats or both tensors. Default: ``(0.9,
            0.999)``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        decoupled_weight_decay: Shrink the parameter directly, as AdamW does, not through g. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``eps`` or ``weight_decay`` is negative, if ``betas`` is not a pair of numbers in [0, 1),
            if ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``betas`` has fewer than two entries.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.RAdam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the two running means."""
        return "exp_avg", "exp_avg_sq"

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, _ = scratch
        lr, (beta1, beta2) = group["lr"], group["betas"]
        mean, square = state
        grad = descent(group, param, grad, scratch)
        move_mean(mean, grad, 1 - beta1, scratch)
        move_mean_square(square, grad, beta2, scratch)
        rate = lr / (1 - beta1**step)
        rectifier = rectification(beta2, step)
        if rectifier is None:
            scratch.blend(param, 1, mean, -rate)
            return
        xp.sqrt(square, out=one)
        # PyTorch adds eps before the correction of the root, not after it as in Adam: early steps feel it more.
        one += group["eps"]
        xp.divide(mean, one, out=one)
        scratch.blend(param, 1, one, -rate * rectifier * (1 - beta2**step) ** 0.5)


def rectification(beta2: float, step: int) -> float | None:
    """Return r, or None while rho is at most 5."""
    power = beta2**step
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * step * power / (1 - power)
    if rho <= 5:
        return None
    root: float = ((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)) ** 0.5
    return root

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
