"""Adamax: Adam with the largest recent gradient in place of the root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adamax(Optimizer):
    """Adamax: Adam scaled by a decaying maximum of gradient magnitudes (Kingma and Ba 2014, section 7).

    With parameter p, gradient g, step number t and weight decay lambda::

        g <- g + lambda p
        m <- beta1 m + (1 - beta1) g
        u <- max(beta2 u, |g| + eps)
        p <- p - lr / (1 - beta1^t) m / u

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``2e-3``.
        betas: Decay rates (beta1, beta2) of the two running values m and u, both floats or both tensors. Default:
            ``(0.9, 0.999)``.
        eps: Number added to |g|, which keeps u from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``eps`` or ``weight_decay`` is negative, if ``betas`` is not a pair of numbers in [0, 1),
            if ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``betas`` has fewer than two entries.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.Adamax([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the running mean and the decaying maximum."""
        return "exp_avg", "exp_inf"

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, _ = scratch
        beta1, beta2 = group["betas"]
        mean, largest = state
        grad = descent(group, param, grad, scratch)
        move_mean(mean, grad, 1 - beta1, scratch)
        xp.abs(grad, out=one)
        # PyTorch adds eps to the new magnitude, so that the maximum holds it too; the paper has none.
        one += group["eps"]
        largest *= beta2
        xp.maximum(largest, one, out=largest)
        xp.divide(mean, largest, out=one)
        scratch.blend(param, 1, one, -group["lr"] / (1 - beta1**step))

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
