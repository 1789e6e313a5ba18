"""Adam: steps scaled by running means of the gradients and of their squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array


class Adam(Optimizer):
    """Adam: adaptive steps from running means of gradients and squared gradients (Kingma and Ba 2014).

    With parameter p, gradient g, step number t and weight decay lambda::

        g <- g + lambda p                       (decoupled: p <- p - lr lambda p)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    With ``amsgrad`` the largest v so far takes the place of v in the last line.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        betas: Decay rates (beta1, beta2) of the two running means, both floats or both tensors. Default: ``(0.9,
            0.999)``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        amsgrad: Divide by the largest v so far (Reddi et al. 2018). Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; allows a tensor ``lr`` with ``foreach=True``. Default:
            ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        fused: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        decoupled_weight_decay: Shrink the parameter directly, as AdamW does, not through g. Default: ``False``.

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
    >>> optimizer = torch.optim.Adam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
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
                "betas": (betas[0], betas[1]),
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
        """Name the two running means and, with ``amsgrad``, the largest second one."""
        means = ("exp_avg", "exp_avg_sq")
        return (*means, "max_exp_avg_sq") if group["amsgrad"] else means

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
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

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
