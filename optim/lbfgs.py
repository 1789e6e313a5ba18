"""L-BFGS: steps along an estimate of Newton's direction, kept as the last few steps and changes of the gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minitensor.autograd.mode import enable_grad, no_grad, report_writes
from minitensor.backends.silence import in_silence
from minitensor.base import require_writable, values_of, wrap
from minitensor.errors import ArgumentError, GuardError, IndexRangeError, UsageError, UsageTypeError, WrongTypeError
from minitensor.ops.complex import view_as_real
from minitensor.optim.line_search import Point, Search, strong_wolfe
from minitensor.optim.optimizer import Group, Optimizer, Params, State
from minitensor.optim.options import read_integer, require_number, require_options, require_rate
from minitensor.optim.plan import write_back
from minitensor.tensor import Tensor

NUMBERS = ("max_iter", "max_eval", "tolerance_grad", "tolerance_change")
LEAST_CURVATURE = 1e-10  # pairs with less would spoil the estimate


class LBFGS(Optimizer):
    """Limited-memory BFGS, a quasi-Newton method for full batches (Liu and Nocedal 1989).

    With parameters p, gradient g, and the last ``history_size`` pairs of steps s and gradient changes y::

        d = -H g                                (H g by the two-loop recursion over the pairs; H = I at first)
        p <- p + t d                            (t by the line search, or lr without one)
        s = t d,  y = change of g               (kept if y s > 1e-10)

    A call of ``step`` takes up to ``max_iter`` of these steps. It needs a closure that clears the gradients, computes
    the loss, calls ``backward`` and returns the loss, because it evaluates the loss several times. There is one
    parameter group. Without a line search the first step is scaled by min(1, 1 / |g|_1).

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or one dict ``{"params": [...], ...}``.
        lr: Length t of a step, or the first length that a line search tries. Default: ``1``.
        max_iter: Most steps in one call of ``step``. Default: ``20``.
        max_eval: Most calls of the closure in one call of ``step``; None is 5/4 of ``max_iter``. Default: ``None``.
        tolerance_grad: Stop when no entry of the gradient is larger. Default: ``1e-7``.
        tolerance_change: Stop when no entry of the step is larger, or the loss changes by less. Default: ``1e-9``.
        history_size: Number of pairs kept, each two copies of all parameters. Default: ``100``.
        line_search_fn: ``"strong_wolfe"``, or None for no line search. Default: ``None``.

    Raises:
        ValueError: If ``lr`` is negative, if there are several groups, if ``params`` is empty, or if it holds a
            non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        IndexError: If ``history_size`` is less than 1.
        RuntimeError: In ``step``, if there is no closure or ``line_search_fn`` is unknown.

    >>> import minitensor as torch
    >>> x = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(13., grad_fn=<SumBackward0>)
    >>> torch.allclose(x, torch.ones(2))
    True
    """

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        require_rate(lr)
        super().__init__(
            params,
            {
                "lr": lr,
                "max_iter": max_iter,
                "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
                "tolerance_grad": tolerance_grad,
                "tolerance_change": tolerance_change,
                "history_size": history_size,
                "line_search_fn": line_search_fn,
            },
        )
        for name in NUMBERS:
            require_number(f"LBFGS: {name}", self.defaults[name])
        require_history(history_size)
        if len(self.param_groups) != 1:
            raise ArgumentError("LBFGS doesn't support per-parameter options (parameter groups)")

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        if closure is None:
            raise UsageTypeError("LBFGS.step needs a closure that computes the loss and its gradients anew")
        if len(self.param_groups) != 1:
            raise GuardError(f"Expected exactly one param_group, but got {len(self.param_groups)}")
        self._opt_called = True
        group = self.param_groups[0]
        require_options("LBFGS: param_groups[0]", group, self.defaults)
        require_history(group["history_size"])
        require_writable("LBFGS.step", *group["params"])
        require_memory(self.state[group["params"][0]])
        if group["line_search_fn"] not in (None, "strong_wolfe"):
            raise UsageError(f"only 'strong_wolfe' is supported as line_search_fn, got {group['line_search_fn']!r}")
        with no_grad():
            return minimize(group, self.state[group["params"][0]], closure)


def require_history(size: Any) -> None:
    """Raise unless the number of pairs to keep is a positive integer."""
    if read_integer("LBFGS: history_size", size) < 1:
        raise IndexRangeError(f"LBFGS: history_size must be at least 1, got {size}")


def minimize(group: Group, state: State, closure: Callable[[], Any]) -> Any:
    """Take steps until a limit is met; return the loss of the first call of the closure."""
    params = group["params"]
    with enable_grad():
        first = closure()
    loss, grad = as_number(first), flat_gradient(params)
    state.setdefault("func_evals", 0)
    state.setdefault("n_iter", 0)
    state["func_evals"] += 1
    evaluations = 1
    if largest_magnitude(grad) <= group["tolerance_grad"]:
        return first
    iteration = 0
    while iteration < group["max_iter"]:  # which may be a float
        iteration += 1
        state["n_iter"] += 1
        direction = state["d"] = next_direction(state, grad, group["history_size"])
        state["prev_flat_grad"], before = grad, loss
        state["prev_loss"] = loss
        rate = float(group["lr"])
        # Before anything is known of the curvature, the first step moves at most `lr` in the 1-norm.
        step = min(1.0, 1.0 / float(grad.abs().sum())) * rate if state["n_iter"] == 1 else rate
        state["t"] = step
        slope = float(grad.dot(direction))
        # The loss would hardly fall along this direction, or even rise.
        if slope > -group["tolerance_change"]:
            break
        last = iteration == group["max_iter"]
        if group["line_search_fn"]:
            here, spent = search_length(group, closure, direction, Point(0.0, loss, grad, slope), step, evaluations)
            step, loss, grad = here.step, here.loss, here.grad
            state["t"] = step
            move(params, direction, step)
        else:
            move(params, direction, step)
            spent = 0
            if not last:  # the gradient of the last point is not needed
                loss, grad, spent = *evaluate_closure(params, closure), 1
        evaluations += spent
        state["func_evals"] += spent
        if (
            last
            or evaluations >= group["max_eval"]
            or largest_magnitude(grad) <= group["tolerance_grad"]
            or largest_magnitude(direction) * step <= group["tolerance_change"]
            or abs(loss - before) < group["tolerance_change"]
        ):
            break
    return first


MEMORY = {"d": Tensor, "prev_flat_grad": Tensor, "old_dirs": list, "old_stps": list, "ro": list}


def require_memory(state: State) -> None:
    """Raise, before anything is written, if a state that has taken steps lacks what the next step needs."""
    for name in ("func_evals", "n_iter"):
        if not isinstance(state.get(name, 0), (int, float, Tensor)):
            raise WrongTypeError(f"LBFGS: {name!r} in the state must be a number, not {type(state[name]).__name__}")
    if not state.get("n_iter"):
        return
    for name, kind in MEMORY.items():
        if not isinstance(state.get(name), kind):
            given = type(state.get(name)).__name__
            raise WrongTypeError(f"LBFGS: {name!r} in the state must be a {kind.__name__}, not {given}")
    if not isinstance(state.get("t"), (int, float, Tensor)):
        raise WrongTypeError(f"LBFGS: 't' in the state must be a number, not {type(state.get('t')).__name__}")


def next_direction(state: State, grad: Tensor, history: int) -> Tensor:
    """Add the last step to the estimate of H, and return -H g."""
    if state["n_iter"] == 1:
        state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
        return -grad
    changes, steps, weights = state["old_dirs"], state["old_stps"], state["ro"]
    change, step = grad - state["prev_flat_grad"], state["d"] * float(state["t"])
    curvature = float(change.dot(step))
    if curvature > LEAST_CURVATURE:
        if len(changes) == history:
            for kept in (changes, steps, weights):
                kept.pop(0)
        changes.append(change)
        steps.append(step)
        weights.append(1.0 / curvature)
        # The scale of the last pair, Nocedal and Wright, equation 7.20.
        state["H_diag"] = curvature / float(change.dot(change))
    # The two loops of Nocedal and Wright, algorithm 7.4.
    direction = -grad
    shares = []
    for y, s, weight in zip(reversed(changes), reversed(steps), reversed(weights)):
        shares.append(float(s.dot(direction)) * float(weight))
        direction -= y * shares[-1]
    state["al"] = [*reversed(shares), *[None] * (history - len(shares))]  # part of PyTorch's state; unused here
    require_number("LBFGS: 'H_diag' in the state", state.get("H_diag"))
    direction *= float(state["H_diag"])
    for y, s, weight, share in zip(changes, steps, weights, reversed(shares)):
        direction += s * (share - float(y.dot(direction)) * float(weight))
    return direction


def search_length(
    group: Group, closure: Callable[[], Any], direction: Tensor, start: Point, step: float, evaluations: int
) -> tuple[Point, int]:
    """Search for the length of the step; the parameters stay where they are."""
    params = group["params"]
    home = [param.clone() for param in params]

    def evaluate(step: float) -> Point:
        move(params, direction, step)
        loss, grad = evaluate_closure(params, closure)
        for param, values in zip(params, home):
            param.copy_(values)
        return Point(step, loss, grad, float(grad.dot(direction)))

    most = group["max_eval"] - evaluations
    return strong_wolfe(Search(evaluate, start, largest_magnitude(direction), group["tolerance_change"], most), step)


def evaluate_closure(params: list[Tensor], closure: Callable[[], Any]) -> tuple[float, Tensor]:
    """Return the loss and its gradient at the current parameters."""
    with enable_grad():
        loss = as_number(closure())
    return loss, flat_gradient(params)


def as_number(loss: Any) -> float:
    """Return a loss, a tensor of one element or a number, as a float."""
    return float(loss.item() if isinstance(loss, Tensor) else loss)


def flat_gradient(params: list[Tensor]) -> Tensor:
    """Return all gradients as one vector, zeros where there is none; complex ones as pairs of real numbers."""
    grads = [param.new_zeros(param.shape) if param.grad is None else param.grad.to_dense() for param in params]
    rows = [values_of(view_as_real(grad.contiguous()) if grad.is_complex() else grad) for grad in grads]
    flat: Tensor = wrap(params[0].result_class, params[0].xp.concatenate(rows, axis=None))
    return flat


def move(params: list[Tensor], direction: Tensor, step: float) -> None:
    """Move the parameters along a direction."""
    report_writes("LBFGS.step", params)
    in_silence(add_way, params, direction, step)


def add_way(params: list[Tensor], direction: Tensor, step: float) -> None:
    """Add a step along a direction to the parameters' memory."""
    way, start = direction.array * step, 0
    for param in params:
        tensor = view_as_real(param) if param.is_complex() else param
        target = values_of(tensor)
        target += way[start : start + target.size].reshape(target.shape)
        write_back(tensor, target)
        start += target.size
        param.storage.version += 1


def largest_magnitude(values: Tensor) -> float:
    """Return the largest absolute value."""
    return float(values.abs().max())
