"""Connectionist temporal classification: the probability of a label sequence, whatever the timing of its labels.

At each time step a path emits a label or a blank; repeated labels are merged, then blanks removed. The loss is minus
the logarithm of the probability of all paths that leave the target (Graves et al. 2006). Forward and backward sums run
over the steps in a loop, over samples and states at once.

Note [The states of a path]. The target with a blank before, between and after its labels has S = 2 L + 1 states. From
one step to the next a path stays in its state, moves one on, or skips a blank between two labels that differ. With
forward sums a and backward sums b (without the step's own), exp(a + b - total) is the probability of being in a state
at a time, and that is the gradient of the total in the log-probability emitted there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.backends.silence import quietly
from minitensor.base import TensorBase, wrap
from minitensor.dtypes import INTEGRAL
from minitensor.errors import DtypeError, ShapeError, WrongTypeError
from minitensor.nn.functional.cross_entropy import no_such_class
from minitensor.nn.functional.padding import pad
from minitensor.nn.functional.reduction import read_reduction, reduce_losses
from minitensor.ops.choice import where
from minitensor.ops.duals import is_traced
from minitensor.ops.exponentials import exp
from minitensor.ops.join import stack
from minitensor.ops.kinds import FLOATS, require_kind
from minitensor.ops.operand import require_tensors
from minitensor.ops.reduce import logsumexp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.backends import Array, Library
    from minitensor.tensor import Tensor

LOG_ZERO = -1e30  # the log-probability of the impossible; finite, so that differences of two are not NaN
LEAST = -1e38  # no sum of logarithms that are not -inf is less
LOG_ZERO_BOUND = -1e29  # smaller sums contain a LOG_ZERO


@composite
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """Return the negative log-probability of label sequences of unknown timing.

    As in PyTorch, the gradient assumes that the probabilities of each step add up to 1.

    Args:
        log_probs: The log-probabilities of the labels at each step, (T, N, C) or (T, C).
        targets: The labels, (N, L), or all sequences concatenated in one dim; integers of any dtype.
        input_lengths: How many steps each sample has.
        target_lengths: How many labels each target has.
        blank: The class of the blank.
        reduction: "mean" divides each loss by the length of its target, then takes the mean; "sum" or "none".
        zero_infinity: Whether losses are zero, without gradient, where a target is too long for its input; otherwise
            infinite.

    Raises:
        RuntimeError: If the shapes and lengths do not fit, or ``blank`` is not a class; if targets or lengths are not
            integers.

    >>> import minitensor as torch
    >>> ctc_loss(torch.log(torch.full((2, 1, 2), 0.5)), torch.tensor([[1]]), [2], [1])
    tensor(0.2877)
    """
    reduction = read_reduction("ctc_loss", reduction)
    require_tensors("ctc_loss", log_probs=log_probs, targets=targets)
    require_kind("ctc_loss", FLOATS, log_probs)
    if log_probs.ndim not in (2, 3):
        raise ShapeError(f"ctc_loss: expected log_probs (T, N, C) or (T, C), got shape {tuple(log_probs.shape)}")
    if not log_probs.numel():
        raise ShapeError(f"ctc_loss: log_probs tensor must not be empty, got shape {tuple(log_probs.shape)}")
    batched = log_probs.ndim == 3
    steps = log_probs if batched else log_probs.unsqueeze(1)
    inputs, lengths = read_lengths(steps, targets, input_lengths, target_lengths)
    if not 0 <= blank < steps.shape[2]:
        raise ShapeError(f"ctc_loss: blank must be in label range, 0 to {steps.shape[2] - 1}, got {blank}")
    paths = build_paths(steps, pad_targets(read_targets(targets), lengths), inputs, lengths, blank)
    total, _ = sum_over_paths(steps.gather(2, paths.labels.expand(steps.shape[0], -1, -1)), paths)
    likely = normalization_term(steps, paths.running) - total
    losses = where(total < LOG_ZERO_BOUND, 0.0 if zero_infinity else math.inf, likely)
    if reduction == "mean":
        losses = losses / tensor_like(steps, [max(length, 1) for length in lengths])
    return reduce_losses(losses if batched else losses.squeeze(0), reduction)


def normalization_term(steps: Tensor, running: Tensor) -> Tensor:
    """Return zeros whose gradient is the one that PyTorch adds: each step's probabilities.

    A log-softmax before the loss removes exactly that.
    """
    sums: Tensor = where(running, exp(steps), 0.0).sum((0, 2))
    return sums - sums.detach()


# -- sums over paths; see Note [The states of a path] ------------------------------------------------------------------


class Paths(NamedTuple):
    """The states that paths go through, (N, S), as tensors."""

    labels: Tensor  # what each state emits
    starts: Tensor  # 0 where a path may begin, LOG_ZERO elsewhere
    skips: Tensor  # 0 where a path may skip the state before, LOG_ZERO elsewhere
    ends: Tensor  # 0 where a path may end, LOG_ZERO elsewhere
    last: Tensor  # the number of the last step, (N, 1)
    running: Tensor  # whether a step exists, (T, N, 1)
    silence: Tensor  # the total where there are no steps, NaN where there are, (N)


def ctc_loss_grad(
    grads: tuple[Tensor | None, ...], results: tuple[Tensor, ...], input: Tensor, paths: Paths
) -> Tensor | None:
    """Return the probability of being in each state at each step, times the incoming gradient."""
    grad, total = grads[0], results[0]
    if grad is None:
        return None
    if is_traced():
        before, after = forward_sums(input, paths), backward_sums(input, paths)
    else:
        before, after = results[1], quietly(backward_sums_at_once, input, paths)
    inside = exp(before + after - total.unsqueeze(1))
    found: Tensor = where(paths.running, inside * grad.unsqueeze(1), 0.0)
    return found


@differentiable(name="ctc_loss", input=ctc_loss_grad)
def sum_over_paths(input: Tensor, paths: Paths) -> tuple[Array, ...]:
    """Return the logarithm of the summed probability of all paths (N), and the forward sums (T, N, S)."""
    with no_grad():
        sums = quietly(forward_sums_at_once, input, paths)
        last = sums.gather(0, paths.last.expand(1, *input.shape[1:])).squeeze(0)
        total = logsumexp(last + paths.ends, 1)
        return where(paths.silence == paths.silence, paths.silence, total).array, sums.array


def forward_sums(emitted: Tensor, paths: Paths) -> Tensor:
    """Return the log-probabilities of reaching each state at each step: (T, N, S)."""
    sums = [paths.starts + emitted[0]]
    for step in emitted[1:].unbind(0):
        before = pad(sums[-1], (2, 0), value=LOG_ZERO)
        sums.append(logsumexp(stack([before[:, 2:], before[:, 1:-1], before[:, :-2] + paths.skips]), 0) + step)
    return stack(sums)


def backward_sums(emitted: Tensor, paths: Paths) -> Tensor:
    """Return the log-probabilities of reaching an end from each state at each step: (T, N, S)."""
    sums = [where(paths.last == emitted.shape[0] - 1, paths.ends, LOG_ZERO)]
    for place in range(emitted.shape[0] - 2, -1, -1):
        after = sums[-1] + emitted[place + 1]
        one, two = pad(after, (0, 1), value=LOG_ZERO)[:, 1:], pad(after + paths.skips, (0, 2), value=LOG_ZERO)[:, 2:]
        sums.append(where(paths.last == place, paths.ends, logsumexp(stack([after, one, two]), 0)))
    return stack(sums[::-1])


# -- the same without a graph, in a tenth of the time ------------------------------------------------------------------


def forward_sums_at_once(emitted: Tensor, paths: Paths) -> Tensor:
    """Return ``forward_sums`` without a graph."""
    xp, steps, skips = emitted.xp, emitted.array, paths.skips.array
    sums, terms = xp.empty_like(steps), xp.empty((3, *steps.shape[1:]), steps.dtype)
    sums[0] = paths.starts.array + steps[0]
    terms[1, :, :1], terms[2, :, :2] = LOG_ZERO, skips[:, :2] + LOG_ZERO
    for place in range(1, len(steps)):
        before = sums[place - 1]
        terms[0], terms[1, :, 1:] = before, before[:, :-1]
        terms[2, :, 2:] = before[:, :-2] + skips[:, 2:]
        sums[place] = add_in_logarithms(xp, terms.copy()) + steps[place]
    found: Tensor = wrap(emitted.result_class, sums)
    return found


def backward_sums_at_once(emitted: Tensor, paths: Paths) -> Tensor:
    """Return ``backward_sums`` without a graph."""
    xp, steps, skips = emitted.xp, emitted.array, paths.skips.array
    ends, last = paths.ends.array, paths.last.array
    sums, terms = xp.empty_like(steps), xp.empty((3, *steps.shape[1:]), steps.dtype)
    sums[-1] = xp.where(last == len(steps) - 1, ends, steps.dtype.type(LOG_ZERO))
    terms[1, :, -1:], terms[2, :, -2:] = LOG_ZERO, LOG_ZERO
    for place in range(len(steps) - 2, -1, -1):
        after = sums[place + 1] + steps[place + 1]
        terms[0], terms[1, :, :-1] = after, after[:, 1:]
        terms[2, :, :-2] = after[:, 2:] + skips[:, 2:]
        sums[place] = xp.where(last == place, ends, add_in_logarithms(xp, terms.copy()))
    found: Tensor = wrap(emitted.result_class, sums)
    return found


def add_in_logarithms(xp: Library, terms: Array) -> Array:
    """Return the logarithm of the sum of the exponentials along dim 0; ``terms`` is memory to compute in."""
    most = xp.maximum(terms.max(0), LEAST)  # -inf minus itself would be NaN
    terms -= most
    total: Array = xp.log(xp.exp(terms, out=terms).sum(0))
    total += most
    return total


# -- arguments ---------------------------------------------------------------------------------------------------------


def read_lengths(steps: Tensor, targets: Tensor, inputs: Any, lengths: Any) -> tuple[list[int], list[int]]:
    """Return both lengths as numbers, one for each sample, after checking them."""
    count, batch = steps.shape[:2]
    if isinstance(inputs, TensorBase) != isinstance(lengths, TensorBase):
        raise WrongTypeError(
            "ctc_loss(): input_lengths and target_lengths must both be tensors or both sequences of ints, not "
            f"{type(inputs).__name__} and {type(lengths).__name__}"
        )
    inputs, lengths = read_numbers("input_lengths", inputs, batch), read_numbers("target_lengths", lengths, batch)
    if max(inputs, default=0) > count:
        raise ShapeError(f"ctc_loss: Expected input_lengths to have value at most {count}, but got {max(inputs)}")
    if targets.ndim not in (1, 2) or (targets.ndim == 2 and targets.shape[0] != batch):
        raise ShapeError(
            f"ctc_loss: expected targets of shape ({batch}, L), or all one after the other, got {tuple(targets.shape)}"
        )
    wanted = sum(lengths) if targets.ndim == 1 else max(lengths, default=0)
    if targets.shape[-1] < wanted:
        raise ShapeError(
            f"ctc_loss: Expected tensor targets to have size at least {wanted} at dimension {targets.ndim - 1}, as "
            f"target_lengths say, but got size {tuple(targets.shape)}"
        )
    return inputs, lengths


def read_targets(targets: Tensor) -> Tensor:
    """Return targets of any dtype as int64; raise for numbers that are not integers, which PyTorch truncates."""
    whole = targets.long()
    if targets.dtype.category != INTEGRAL and not bool((whole == targets).all()):
        raise DtypeError(f"ctc_loss: targets must be integers, got other numbers of {targets.dtype.name}")
    return whole


def read_numbers(name: str, given: Any, batch: int) -> list[int]:
    """Return lengths as a list of numbers."""
    if isinstance(given, TensorBase) and given.dtype.category != INTEGRAL:
        raise DtypeError(f"ctc_loss: {name} must be integral, got {given.dtype.name}; cast with .long()")
    found = given.tolist() if isinstance(given, TensorBase) else given
    numbers = [int(each) for each in found] if isinstance(found, (list, tuple)) else [int(found)]
    if len(numbers) != batch:
        raise ShapeError(f"ctc_loss: {name} must be of size batch_size ({batch}), got {len(numbers)}")
    if min(numbers, default=0) < 0:
        raise ShapeError(f"ctc_loss: {name} must not be negative, got {min(numbers)}")
    return numbers


def pad_targets(targets: Tensor, lengths: list[int]) -> Array:
    """Return targets as (N, longest); entries beyond a target's length are arbitrary."""
    xp, longest = targets.xp, max(lengths, default=0)
    if targets.ndim == 2 or not longest:
        return targets.array.reshape(len(lengths), -1)[:, :longest]
    counts = xp.asarray(lengths)
    places = (xp.cumsum(counts) - counts)[:, None] + xp.arange(longest)
    return targets.array[xp.minimum(places, targets.shape[0] - 1)]


def build_paths(steps: Tensor, targets: Array, inputs: list[int], lengths: list[int], blank: int) -> Paths:
    """Return the states of all paths."""
    xp, kind = steps.xp, steps.dtype.arithmetic
    counts, steps_of_each = xp.asarray(lengths, "int64")[:, None], xp.asarray(inputs, "int64")[:, None]
    there = xp.arange(targets.shape[1]) < counts
    labels = xp.full((len(lengths), 2 * targets.shape[1] + 1), blank, "int64")
    labels[:, 1::2] = xp.where(there, targets, blank)
    wrong = (labels < 0) | (labels >= steps.shape[2])
    if wrong.any():
        raise no_such_class("ctc_loss", labels[wrong][0], steps.shape[2])
    states = xp.arange(labels.shape[1])
    skips = xp.zeros(labels.shape, "bool")
    skips[:, 2:] = (labels[:, 2:] != labels[:, :-2]) & (states[2:] % 2 == 1)
    starts = (states == 0) | ((states == 1) & (counts > 0))
    ends = (states == 2 * counts) | (states == 2 * counts - 1)
    never = [xp.where(each, 0, LOG_ZERO).astype(kind) for each in (starts, skips, ends)]
    running = xp.arange(steps.shape[0])[:, None, None] < steps_of_each
    silence = xp.where(steps_of_each > 0, math.nan, xp.where(counts > 0, LOG_ZERO, 0)).astype(kind)[:, 0]
    facts = (labels, *never, xp.maximum(steps_of_each - 1, 0), running, silence)
    return Paths(*[wrap(steps.result_class, each) for each in facts])


def tensor_like(like: Tensor, numbers: list[int]) -> Tensor:
    """Return numbers as a tensor in the dtype and on the device of another one."""
    found: Tensor = wrap(like.result_class, like.xp.asarray(numbers, like.dtype.arithmetic))
    return found
