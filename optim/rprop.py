"""Rprop: a step size for each element, adapted by the signs of its gradients alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import require_number, require_plain, require_rate, require_several

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Rprop(Optimizer):
    """Rprop: resilient backpropagation, with a step size for each element (Riedmiller and Braun 1993).

    An element's step size d grows while its gradient g keeps its sign and shrinks when the sign changes::

        d <- min(eta+ d, largest)               (g has the sign of the step before)
        d <- max(eta- d, smallest), g <- 0      (the sign changed)
        p <- p - sign(g) d

    Use it with full batches: the noise of small ones flips signs.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: First step size of every element, a number or a tensor with one element. Default: ``1e-2``.
        etas: Factors (eta-, eta+) by which a step size shrinks and grows. Default: ``(0.5, 1.2)``.
        step_sizes: Limits (smallest, largest) of a step size; None is no limit. Default: ``(1e-6, 50)``.
        capturable: Accepted for PyTorch compatibility; has no effect. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.
        differentiable: Record each step in the autograd graph; see ``Optimizer``. Default: ``False``.

    Raises:
        ValueError: If ``lr`` is negative, unless 0 < eta- < 1 < eta+, if ``step_sizes`` or ``etas`` is not a pair, if
            ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> optimizer = torch.optim.Rprop([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    counts: ClassVar[bool] = True
    first_only: ClassVar[tuple[str, ...]] = ("lr",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        require_rate(lr)
        for eta in etas if isinstance(etas, (list, tuple)) else ():
            require_number("Rprop: etas", eta)
        require_several("Rprop: etas", etas, 2)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ArgumentError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        require_several("Rprop: step_sizes", step_sizes, 2)
        for i, size in enumerate(step_sizes):
            if size is not None:  # no bound
                require_number(f"Rprop: step_sizes[{i}]", size)
        require_plain(foreach, differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the previous gradient and the step sizes."""
        return "prev", "step_size"

    def initial(self, group: Group, name: str) -> float | Tensor:
        """Return the learning rate as the first step size, and 0 for the previous gradient."""
        return group["lr"] if name == "step_size" else 0.0

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        xp, one, two = scratch
        (shorter, longer), (shortest, longest) = group["etas"], group["step_sizes"]
        before, size = state
        two[...] = xp.negative(grad, out=two) if group["maximize"] else grad
        xp.multiply(two, before, out=one)
        kept, turned = one > 0, one < 0
        one[...] = xp.where(kept, longer, xp.where(turned, shorter, 1.0))
        size *= one
        xp.clip(size, shortest, longest, out=size)
        # After a change of sign the element waits, and the stored 0 leaves its size alone in the next step.
        two[turned] = 0
        before[...] = two
        param -= xp.multiply(xp.sign(two, out=two), size, out=two)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
