"""NAdam: Adam with Nesterov momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_betas, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class NAdam(Optimizer):
    """NAdam: Adam with Nesterov momentum (Dozat 2016).

    With parameter p, gradient g, step number t, weight decay lambda and momentum decay psi::

        g <- g + lambda p                       (decoupled: p <- p - lr lambda p)
        mu_t = beta1 (1 - 0.96^(t psi) / 2)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        w = (1 - mu_t) / (1 - mu_1 ... mu_t) g + mu_(t+1) / (1 - mu_1 ... mu_(t+1)) m
        p <- p - lr w / (sqrt(v / (1 - beta2^t)) + eps)

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``2e-3``.
        betas: Decay rates (beta1, beta2) of the two running means, both floats or both tensors. Default: ``(0.9,
            0.999)``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        momentum_decay: Rate psi at which mu_t grows toward beta1. Default: ``4e-3``.
        decoupled_weight_decay: Shrink the parameter directly, as AdamW does, not through g. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``eps``, ``weight_decay`` or ``momentum_decay`` is negative, if ``betas`` is not a pair
            of numbers in [0, 1), if ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``betas`` has fewer than two entries.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.NAdam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.8944, -1.8944], requires_grad=True)
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
        """Name the two running means."""
        return "exp_avg", "exp_avg_sq"

    def initial(self, group: Group, name: str) -> float:
        """Return 1 for the product of the mu_t, and 0 for the means."""
        return 1.0 if name == "mu_product" else 0.0

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Any], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
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
        """Multiply the product by the mu_t of this step."""
        return (scalars[0] * momentum(group, step),)


def momentum(group: Group, step: int) -> float:
    """Return mu_t, which grows from beta1 / 2 toward beta1."""
    beta1: float = group["betas"][0]
    grown: float = 1 - 0.5 * 0.96 ** (step * group["momentum_decay"])
    return beta1 * grown

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
