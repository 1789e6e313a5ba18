"""What optimizers of others import from ``torch.optim.optimizer`` beside its class."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from minitensor.autograd.mode import set_grad_enabled
from minitensor.tensor import Tensor

Step = TypeVar("Step", bound=Callable[..., Any])
ParamsT = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


def _use_grad_for_differentiable(func: Step) -> Step:
    """Make a step record its operations only if the optimizer, its first argument, is differentiable."""

    @functools.wraps(func)
    def step(self: Any, *args: Any, **kwargs: Any) -> Any:
        with set_grad_enabled(self.defaults["differentiable"]):
            return func(self, *args, **kwargs)

    return step  # type: ignore[return-value]  # it has the same signature


def _default_to_fused_or_foreach(
    params: Sequence[Tensor], differentiable: bool, use_fused: bool = False
) -> tuple[bool, bool]:
    """Return whether to use fused kernels, and lists of tensors: on the CPU neither unless fused ones are asked for."""
    if differentiable:
        return False, False
    dense = [each for each in params if each is not None]
    fused = use_fused and all(each.is_floating_point() for each in dense)
    return fused, not fused and all(each.is_cuda for each in dense)
