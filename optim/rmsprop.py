"""RMSprop: the gradient divided by its running root mean square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean, move_mean_square

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class RMSprop(Optimizer):
    """RMSprop: steps divided by a running root mean square of the gradient (Hinton 2012, lecture 6e).

    With parameter p, gradient g, weight decay lambda and momentum mu::

        g <- g + lambda p
        v <- alpha v + (1 - alpha) g^2
        u = g / (sqrt(v) + eps)                 (centered: v less the square of a running mean of g)
        p <- p - lr u                           (with momentum: b <- mu b + u, p <- p - lr b)

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-2``.
        alpha: Decay rate of the running mean. Default: ``0.99``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        momentum: Factor mu of the velocity b; zero keeps no velocity. Default: ``0``.
        centered: Divide by an estimate of the standard deviation instead. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``alpha``, ``eps``, ``weight_decay`` or ``momentum`` is negative, if ``params`` is empty,
            or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.RMSprop([weight], lr=0.01)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    counts: ClassVar[bool] = True
    later: ClassVar[dict[str, Any]] = {**Optimizer.later, "momentum": 0, "centered": False}

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("epsilon value", eps)
        require_at_least_zero("momentum value", momentum)
        require_at_least_zero("weight_decay value", weight_decay)
        require_at_least_zero("alpha value", alpha)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the mean square, the velocity if there is momentum, and the mean if ``centered``."""
        velocity = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *velocity, "grad_avg") if group["centered"] else ("square_avg", *velocity)

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, _ = scratch
        alpha, momentum = group["alpha"], group["momentum"]
        square = state[0]
        grad = descent(group, param, grad, scratch)
        move_mean_square(square, grad, alpha, scratch)
        if group["centered"]:
            mean = state[-1]
            move_mean(mean, grad, 1 - alpha, scratch)
            # As in PyTorch, nothing keeps the difference from falling below 0 by rounding, which would give NaN.
            xp.sqrt(xp.subtract(square, xp.multiply(mean, mean, out=one), out=one), out=one)
        else:
            xp.sqrt(square, out=one)
        one += group["eps"]
        xp.divide(grad, one, out=one)
        if momentum > 0:
            velocity = state[1]
            scratch.blend(velocity, momentum, one, 1)
            one = velocity
        scratch.blend(param, 1, one, -group["lr"])

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
