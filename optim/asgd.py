"""ASGD: gradient descent with a shrinking step and a running mean of the parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_number, require_plain, require_rate
from minitensor.optim.steps import descent, move_mean

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky 1992).

    With parameter p and gradient g; the average ``ax`` lies in the optimizer's state::

        g <- g + weight_decay p
        p <- p (1 - lambd eta) - eta g
        ax <- ax + (p - ax) mu
        eta = lr / (1 + lambd lr t)^alpha,  mu = 1 / max(1, t - t0)

    As in PyTorch, training goes on from p; read ``optimizer.state[p]["ax"]`` for the average.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-2``.
        lambd: Decay of the parameter and of the step. Default: ``1e-4``.
        alpha: Power by which the step eta shrinks. Default: ``0.75``.
        t0: Step at which averaging begins; before it ``ax`` equals p. Default: ``1e6``.
        weight_decay: Factor of the L2 penalty. Default: ``0``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.

    Raises:
        ValueError: If ``lr`` or ``weight_decay`` is negative, if ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.ASGD([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    streams: ClassVar[bool] = True
    counts: ClassVar[bool] = True
    scalars: ClassVar[tuple[str, ...]] = ("eta", "mu")

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("weight_decay value", weight_decay)
        for name, value in {"lambd": lambd, "alpha": alpha, "t0": t0}.items():
            require_number(f"ASGD: {name}", value)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the running mean of the parameter."""
        return ("ax",)

    def initial(self, group: Group, name: str) -> float | Tensor:
        """Return ``lr`` for eta, 1 for mu, and 0 for the mean, which the first step overwrites."""
        first: float | Tensor = {"eta": group["lr"], "mu": 1.0}.get(name, 0.0)
        return first

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Any], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        eta, mu, mean = state
        grad = descent(group, param, grad, scratch)
        scratch.blend(param, 1 - group["lambd"] * eta, grad, -eta)
        if mu == 1:
            mean[...] = param
        else:
            move_mean(mean, param, mu, scratch)

    def advance(self, group: Group, step: int, scalars: Sequence[float]) -> Sequence[float]:
        """Return the eta and mu of the next step."""
        lr = group["lr"]
        return lr / (1 + group["lambd"] * lr * step) ** group["alpha"], 1 / max(1, step - group["t0"])

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
