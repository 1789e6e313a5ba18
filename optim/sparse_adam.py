"""SparseAdam: Adam that updates only the entries of sparse gradients; a step refuses dense ones, as PyTorch's does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minitensor.autograd.mode import enable_grad, no_grad
from minitensor.errors import ArgumentError, UsageError
from minitensor.ops.creation import zeros_like
from minitensor.optim.optimizer import Optimizer, Params
from minitensor.optim.options import require_betas, require_rate
from minitensor.tensor import Tensor


class SparseAdam(Optimizer):
    """SparseAdam: Adam that updates only the entries of a sparse gradient (Kingma and Ba 2014).

    With the entries p of a parameter that occur in the sparse gradient g, and step number t::

        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + eps)

    ``nn.Embedding`` and ``nn.EmbeddingBag`` with ``sparse=True`` have such gradients.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        betas: Decay rates (beta1, beta2) of the two running means. Default: ``(0.9, 0.999)``.
        eps: Number added to the denominator, which keeps it from zero. Default: ``1e-8``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.

    Raises:
        ValueError: If ``lr`` or ``eps`` is not positive, if ``betas`` is not a pair of numbers in [0, 1), if ``params``
            is empty, or if it holds a non-leaf or complex tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``betas`` has fewer than two entries.
        RuntimeError: In ``step``, if a gradient is dense.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([[1.0], [-2.0]]))
    >>> optimizer = torch.optim.SparseAdam([weight], lr=0.1)
    >>> torch.nn.functional.embedding(torch.tensor([1]), weight, sparse=True).sum().backward()
    >>> optimizer.step()
    >>> weight.detach()
    tensor([[ 1.0000],
            [-2.1000]])
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        require_rate(lr)
        for name, value in (("learning rate", lr), ("epsilon value", eps)):
            if not value > 0.0:
                raise ArgumentError(f"Invalid {name}: {value}")
        require_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for group in self.param_groups:
            for param in group["params"]:
                if param.is_complex():
                    raise ArgumentError("SparseAdam does not support complex parameters")

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        self._opt_called = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        steps = [
            (param, group) for group in self.param_groups for param in group["params"] if param.grad is not None
        ]
        if not all(param.grad.is_sparse for param, _ in steps):
            raise UsageError("SparseAdam does not support dense gradients, please consider Adam instead")
        with no_grad():
            for param, group in steps:
                update_entries(param, self.state[param], group)
        return loss


def update_entries(param: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
    """Update the entries of a parameter that its gradient has, and their means."""
    if not state:
        state.update(step=0, exp_avg=zeros_like(param), exp_avg_sq=zeros_like(param))
    state["step"] += 1
    grad = param.grad.coalesce()
    if not grad.values().numel():
        return
    there, values = tuple(grad.indices()), -grad.values() if group["maximize"] else grad.values()
    (beta1, beta2), mean, square = group["betas"], state["exp_avg"][there], state["exp_avg_sq"][there]
    mean = (values - mean) * (1 - beta1) + mean
    square = (values * values - square) * (1 - beta2) + square
    state["exp_avg"][there], state["exp_avg_sq"][there] = mean, square
    size = float(group["lr"]) * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
    param[there] = param[there] + -size * (mean / (square.sqrt() + group["eps"]))
