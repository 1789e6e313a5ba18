"""SparseAdam: Adam for sparse gradients. There are none here, so a step refuses the dense ones, as PyTorch's does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.autograd.mode import enable_grad
from minitensor.errors import ArgumentError, UsageError
from minitensor.optim.optimizer import Optimizer, Params
from minitensor.optim.options import require_betas, require_rate
from minitensor.tensor import Tensor


class SparseAdam(Optimizer):
    """SparseAdam: Adam that updates only the entries of a sparse gradient (Kingma and Ba 2014).

    With the entries p of a parameter that occur in the sparse gradient g, and step number t::

        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        p <- p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)

    There are no sparse gradients here. The optimizer can be made, and its step refuses every dense gradient.

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
        RuntimeError: In ``step``, if a parameter has a gradient: it is dense.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.SparseAdam([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageError: SparseAdam does not support dense gradients, please consider Adam instead
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
        if any(param.grad is not None for group in self.param_groups for param in group["params"]):
            raise UsageError("SparseAdam does not support dense gradients, please consider Adam instead")
        return loss
