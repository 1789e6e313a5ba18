"""Adafactor: Adam's second moment of a matrix kept as one row and one column, and no first moment."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.backends.silence import in_silence
from minitensor.base import values_of
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError, DtypeError
from minitensor.ops.creation import tensor
from minitensor.optim.optimizer import Group, Optimizer, Params, State
from minitensor.optim.options import require_plain, require_rate, require_several
from minitensor.optim.plan import require_entry, step_dtype, write_back

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adafactor(Optimizer):
    """Adafactor: adaptive steps with sublinear memory (Shazeer and Stern 2018).

    The running mean square V of a matrix is kept as its row means r and column means c. With d the clipping threshold::

        b = t^beta2_decay,  rate = max(eps2, rms(p)) min(lr, 1 / sqrt(t))
        p <- p - lr lambda p
        r <- (1 - b) r + b mean over columns of g^2,  c <- (1 - b) c + b mean over rows of g^2
        V = r c / mean(r)                       (of vectors: V <- (1 - b) V + b g^2)
        u = g / sqrt(max(V, eps1^2))
        p <- p - rate u / max(1, rms(u) / d)

    Parameters of more than two dims are factored over their last two.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Upper limit of the relative step size, a number or a tensor with one element. Default: ``1e-2``.
        beta2_decay: Power of t in the weight b of a new square; at most zero. Default: ``-0.8``.
        eps: Numbers (eps1, eps2): the least root of V (None: the eps of the dtype), and the least scale of the step.
            Default: ``(None, 1e-3)``.
        d: Clipping threshold, the largest root mean square of u; at least 1. Default: ``1.0``.
        weight_decay: Factor lambda of the decay. Default: ``0.0``.
        foreach: Accepted for PyTorch compatibility; there is one implementation. Default: ``None``.
        maximize: Maximize the objective: step along the gradient, not against it. Default: ``False``.

    Raises:
        ValueError: If ``lr``, ``weight_decay`` or an eps is negative, if ``beta2_decay`` is positive, if ``d`` is less
            than 1, if ``eps`` is not a pair, if ``params`` is empty, or if it holds a non-leaf tensor.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        DtypeError: In ``step``, if a parameter is complex.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
    >>> optimizer = torch.optim.Adafactor([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([[ 0.9044, -1.7067],
            [ 2.7892,  0.4461]], requires_grad=True)
    """

    counts: ClassVar[bool] = True

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        require_rate(lr)
        check_options(beta2_decay, eps, d, weight_decay)
        require_plain(foreach, False)
        super().__init__(
            params,
            {
                "lr": lr,
                "beta2_decay": beta2_decay,
                "eps": eps,
                "d": d,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
            },
        )

    def _require_state(self, group: Group) -> None:
        for param in group["params"]:
            if param.grad is not None and self.state.get(param):
                require_shapes(param, self.state[param])

    def _update_group(self, number: int, group: Group) -> None:
        """Update one parameter at a time, because the rule needs the norm of each."""
        for param in group["params"]:
            if param.grad is None:
                continue
            if param.is_complex():
                raise DtypeError(f"Adafactor does not support complex parameters, got {param.dtype.name}")
            state = self.state[param]
            if not state:
                state.update(first_state(param))
            state["step"].array[...] += 1
            tensors = [param, *[state[name] for name in shapes(param)]]
            values = list(map(values_of, tensors))
            in_silence(take_step, group, float(state["step"]), param, values[0], values[1:])
            for changed, array in zip(tensors, values, strict=True):
                write_back(changed, array)
            param.storage.version += 1


def check_options(beta2_decay: float, eps: tuple[float | None, float], d: float, weight_decay: float) -> None:
    """Raise ``ArgumentError`` for options that are out of range."""
    require_several("eps", eps, 2)
    if not beta2_decay <= 0:
        raise ArgumentError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
    for name, value in (("epsilon1", eps[0]), ("epsilon2", eps[1]), ("weight_decay", weight_decay)):
        if not (value is None and name == "epsilon1") and not value >= 0:  # type: ignore[operator]  # None raises
            raise ArgumentError(f"{name} should be >= 0 but is: {value}")
    if not d >= 1:
        raise ArgumentError(f"Clipping threshold d should be >= 1 but is: {d}")


def first_state(param: Tensor) -> State:
    """Return a parameter's first state."""
    means = {name: param.new_zeros(shape) for name, shape in shapes(param).items()}
    return {"step": tensor(0.0, dtype=step_dtype()), **means}


def shapes(param: Tensor) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a parameter's running means: one, or one for the rows and one for the columns."""
    if param.ndim < 2:
        return {"variance": tuple(param.shape)}
    *lead, rows, columns = param.shape
    return {"row_var": (*lead, rows, 1), "col_var": (*lead, 1, columns)}


def require_shapes(param: Tensor, state: State) -> None:
    """Raise if a state lacks a mean, or has one of another type or shape."""
    for name, shape in {"step": (), **shapes(param)}.items():
        require_entry("Adafactor", param, state, name, shape)


def take_step(group: Group, step: float, param: Tensor, values: Array, state: Sequence[Array]) -> None:
    """Take one step by the equations in the class docstring; ``values`` are those of the parameter."""
    if not param.numel():
        return
    xp, grad = param.xp, values_of(param.grad)
    smallest, least = group["eps"]
    smallest = finfo(param.dtype).eps if smallest is None else smallest
    lr, weight = float(group["lr"]), step ** group["beta2_decay"]
    rate = max(least, rms(xp, values)) * min(lr, 1 / sqrt(step))
    if group["maximize"]:
        grad = -grad
    if group["weight_decay"]:
        values *= 1 - lr * group["weight_decay"]
    update = grad / xp.sqrt(xp.maximum(mean_square(xp, grad, weight, state, smallest), smallest * smallest))
    values -= rate / max(1.0, rms(xp, update) / group["d"]) * update


def mean_square(xp: Any, grad: Array, weight: float, state: Sequence[Array], smallest: float) -> Array:
    """Update the running means and return V, the mean square they represent."""
    square = grad * grad
    if len(state) == 1:
        (variance,) = state
        variance += weight * (square - variance)
        return variance
    row, column = state
    row += weight * (xp.mean(square, axis=-1, keepdims=True) - row)
    column += weight * (xp.mean(square, axis=-2, keepdims=True) - column)
    estimate: Array = row * column / xp.maximum(xp.mean(row, axis=-2, keepdims=True), smallest)
    return estimate


def rms(xp: Any, array: Array) -> float:
    """Return the root mean square of all elements."""
    return float(xp.linalg.norm(array)) / sqrt(array.size)
