"""Adagrad: the gradient divided by the root of the sum of its squares so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_number, require_plain, require_rate
from minitensor.optim.steps import descent

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adagrad(Optimizer):
    """Adagrad: steps divided by the root of the sum of squared gradients (Duchi et al. 2011).

    With parameter p, gradient g, step number t and weight decay lambda::

        g <- g + lambda p
        s <- s + g^2                            (s begins at initial_accumulator_value)
        p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-2``.
        lr_decay: Rate at which the learning rate shrinks with t. Default: ``0``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        initial_accumulator_value: First value of the sums s, written when the optimizer is made. Default: ``0``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-10``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        fused: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.

    Raises:
        ValueError: If ``lr``, ``lr_decay``, ``weight_decay``, ``initial_accumulator_value`` or ``eps`` is negative, if
            ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        RuntimeError: If ``fused`` is combined with ``foreach`` or ``differentiable``, or a sparse gradient with one of
            these or ``weight_decay``.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.Adagrad([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    counts: ClassVar[bool] = True
    first_only: ClassVar[tuple[str, ...]] = ("initial_accumulator_value",)

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
        """Add a group of parameters and create their sums; see ``Optimizer.add_param_group``."""
        super().add_param_group(param_group)
        self.begin(self.param_groups[-1])

    def _require_fit(self, params: list[Tensor], options: Group) -> None:
        if "initial_accumulator_value" in options:
            first = options["initial_accumulator_value"]
            require_number("Adagrad: initial_accumulator_value", first)
            require_at_least_zero("initial_accumulator_value value", first)

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the sum of squares."""
        return ("sum",)

    def initial(self, group: Group, name: str) -> float | Tensor:
        """Return the first value of the sums."""
        first: float | Tensor = group["initial_accumulator_value"]
        return first

    takes_sparse: ClassVar[bool] = True

    def update_sparse(self, group: Group, param: Tensor, grad: Tensor) -> None:
        """Take one step by the equations in the class docstring, in the entries that the gradient has."""
        self.begin({**group, "params": [param]})
        state = self.state[param]
        state["step"] += 1
        merged = grad.coalesce()
        there, values = tuple(merged.indices()), merged.values()
        state["sum"].index_put_(there, values * values, accumulate=True)
        rate = group["lr"] / (1 + (float(state["step"]) - 1) * group["lr_decay"])
        param.index_put_(there, values / (state["sum"][there].sqrt() + group["eps"]) * -rate, accumulate=True)

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, _ = scratch
        (total,) = state
        grad = descent(group, param, grad, scratch)
        total += xp.multiply(grad, grad, out=one)
        xp.sqrt(total, out=one)
        one += group["eps"]
        xp.divide(grad, one, out=one)
        scratch.blend(param, 1, one, -group["lr"] / (1 + (step - 1) * group["lr_decay"]))

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
