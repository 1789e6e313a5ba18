"""Operations that the updates of several optimizers share: the direction of descent, and running means.

They work in place on plain arrays, in the scratch that an update gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.optim.optimizer import Group, Scratch


def descent(group: Group, param: Array, grad: Array, scratch: Scratch) -> Array:
    """Return the gradient to descend: negated by ``maximize``, with ``weight_decay`` added.

    Decoupled decay shrinks the parameter at once instead. The result may lie in the second scratch array.
    """
    xp, one, two = scratch
    decay = group["weight_decay"]
    if group["maximize"]:
        grad = xp.negative(grad, out=two)
    if not decay:
        return grad
    if group.get("decoupled_weight_decay"):
        param *= 1 - group["lr"] * decay
        return grad
    total: Array = xp.add(grad, xp.multiply(param, decay, out=one), out=two)
    return total


def move_mean(mean: Array, value: Array, share: float, scratch: Scratch) -> None:
    """Move a running mean toward a value by a share of the way."""
    xp, one, _ = scratch
    # Not (1 - share) mean + share value: in float32 the rounding of 1 - share would add up over many steps.
    scratch.blend(mean, 1, xp.subtract(value, mean, out=one), share)


def move_mean_square(square: Array, value: Array, keep: float, scratch: Scratch) -> None:
    """Let a running mean of squares keep a share of itself, and add the rest of the square of a value."""
    xp, one, _ = scratch
    # The square takes part with its own share, as PyTorch's `mul_` and `addcmul_` compute it, for equal digits.
    scratch.blend(square, keep, xp.multiply(value, value, out=one), 1 - keep)
