"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_at_least_zero, require_number, require_plain, require_rate
from minitensor.optim.sparse_steps import direction
from minitensor.optim.steps import descent

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum or Nesterov momentum (Sutskever et al. 2013).

    With parameter p, gradient g, momentum mu, dampening tau and weight decay lambda::

        g <- g + lambda p
        b <- mu b + (1 - tau) g                 (b = g at the first step)
        p <- p - lr b                           (without momentum: p - lr g; Nesterov: p - lr (g + mu b))

    As in PyTorch, the velocity b is not scaled by ``lr``, which therefore acts on all past gradients alike.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        momentum: Factor mu of the velocity; zero keeps no velocity. Default: ``0``.
        dampening: Share tau of the gradient that the velocity leaves out. Default: ``0``.
        weight_decay: Factor lambda of the L2 penalty. Default: ``0``.
        nesterov: Use Nesterov momentum, which needs ``momentum > 0`` and ``dampening = 0``. Default: ``False``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.
        fused: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.

    Raises:
        ValueError: If ``lr``, ``momentum`` or ``weight_decay`` is negative, if ``nesterov`` lacks what it needs, if
            ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        RuntimeError: If ``fused`` is combined with ``foreach`` or ``differentiable``, or a sparse gradient with one of
            these or ``weight_decay``.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        require_rate(lr)
        require_at_least_zero("momentum value", momentum)
        require_at_least_zero("weight_decay value", weight_decay)
        require_number("SGD: dampening", dampening)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ArgumentError("Nesterov momentum requires a momentum and zero dampening")
        require_plain(foreach, differentiable, fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    streams: ClassVar[bool] = True
    optional: ClassVar[tuple[str, ...]] = ("momentum_buffer",)
    later: ClassVar[dict[str, Any]] = {**Optimizer.later, "nesterov": False}
    foreach_records: ClassVar[bool] = True

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the velocity, if there is momentum."""
        return ("momentum_buffer",) if group["momentum"] else ()

    takes_sparse: ClassVar[bool] = True

    def update_sparse(self, group: Group, param: Tensor, grad: Tensor) -> None:
        """Take one step by the equations in the class docstring; the velocity is sparse too."""
        param.add_(direction(group, self.state[param], grad) if group["momentum"] else grad, alpha=-group["lr"])

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, two = scratch
        lr, momentum, keep = group["lr"], group["momentum"], 1 - group["dampening"]
        grad = descent(group, param, grad, scratch)
        if momentum:
            velocity = state[0]
            if step == 1:
                # As in PyTorch, dampening spares the first gradient.
                velocity[...] = grad
            else:
                scratch.blend(velocity, momentum, grad, keep)
            if group["nesterov"]:
                grad = xp.add(grad, xp.multiply(velocity, momentum, out=one), out=two)
            else:
                grad = velocity
        scratch.blend(param, 1, grad, -lr)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
