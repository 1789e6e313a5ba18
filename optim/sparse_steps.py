"""Steps along sparse gradients: for the few rules that have one, and errors for the others.

A sparse gradient comes from an embedding with ``sparse=True``. A step along it reads and writes only the rows that were
looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import no_grad
from minitensor.errors import UsageError

if TYPE_CHECKING:
    from minitensor.optim.optimizer import Group, Optimizer
    from minitensor.tensor import Tensor


def has_sparse_grad(param: Tensor) -> bool:
    """Whether the gradient of a parameter is sparse."""
    return param.grad is not None and bool(param.grad.is_sparse)


def refuse_sparse(optimizer: Optimizer, groups: list[Group]) -> None:
    """Raise, before anything is written, if a gradient is sparse and the rule cannot follow it."""
    for group in groups:
        if any(map(has_sparse_grad, group["params"])):
            if not optimizer.takes_sparse:
                raise sparse_error(type(optimizer).__name__)
            require_plain(type(optimizer).__name__, group)


def require_plain(name: str, group: Group) -> None:
    """Raise if an option needs the whole gradient."""
    for option in ("weight_decay", "fused", "differentiable"):
        if group.get(option):
            raise UsageError(
                f"{name}: the {option} option is not compatible with sparse gradients (got {option}={group[option]!r})"
            )


def update_sparse(optimizer: Optimizer, group: Group, params: list[Tensor]) -> list[Tensor]:
    """Take the steps along sparse gradients; return the parameters with dense ones."""
    with no_grad():
        for param in filter(has_sparse_grad, params):
            optimizer.update_sparse(group, param, -param.grad if group["maximize"] else param.grad)
    return [param for param in params if not has_sparse_grad(param)]


def sparse_error(name: str) -> UsageError:
    """Return the error of a rule that needs dense gradients."""
    is_adam = name in ("Adam", "AdamW")  # one implementation in PyTorch
    way = ", please consider SparseAdam instead" if is_adam else ""
    return UsageError(f"{'Adam' if is_adam else name} does not support sparse gradients{way}")


def direction(group: Group, state: dict[str, Any], grad: Tensor) -> Tensor:
    """Add a sparse gradient to the velocity of SGD; return where the step goes."""
    velocity = state.get("momentum_buffer")
    if velocity is None:
        velocity = state["momentum_buffer"] = grad.clone()
    else:
        velocity.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
    return grad.add(velocity, alpha=group["momentum"]) if group["nesterov"] else velocity
