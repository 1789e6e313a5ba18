"""Adafactor: Adam's second moment of a matrix kept as one row and one column, and no first moment."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError, DtypeError
from minitensor.ops.creation import tensor
from minitensor.optim.optimizer import Group, Optimizer, Params, State
from minitensor.optim.options import require_plain, require_rate, require_several
from minitensor.optim.plan import require_entry, step_dtype

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


class Adafactor(Optimizer):
    """Divide the gradient g by the root of a mean of squares V that is kept by rows and columns (Shazeer, Stern 2018)::

        b = t^beta2_decay,  rate = max(eps2, rms(p)) min(lr, 1 / sqrt(t))
        p <- p - lr lambda p
        r <- (1 - b) r + b mean over columns of g^2,  c <- (1 - b) c + b mean over rows of g^2
        V = r c / mean(r)                       (of vectors: V <- (1 - b) V + b g^2)
        u = g / sqrt(max(V, eps1^2))
        p <- p - rate u / max(1, rms(u) / d)

    ``eps`` is (eps1, eps2); eps1 is the dtype's, if None.

    >>> optimizer = Adafactor([nn.Parameter(minitensor.ones(2, 3))])
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
        """Update parameter by parameter: each is looked at as a whole."""
        for param in group["params"]:
            if param.grad is None:
                continue
            if param.is_complex():
                raise DtypeError(f"Adafactor does not support complex parameters, got {param.dtype.name}")
            state = self.state[param]
            if not state:
                state.update(beginning(param))
            state["step"].array[...] += 1
            means = [state[name].array for name in shapes(param)]
            step_along(group, float(state["step"]), param, means)
            param.storage.version += 1


def check_options(beta2_decay: float, eps: tuple[float | None, float], d: float, weight_decay: float) -> None:
    """Refuse options out of range."""
    require_several("eps", eps, 2)
    if beta2_decay > 0:
        raise ArgumentError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
    for name, value in (("epsilon1", eps[0]), ("epsilon2", eps[1]), ("weight_decay", weight_decay)):
        if not (value is None and name == "epsilon1") and not value >= 0:  # type: ignore[operator]  # None is refused so
            raise ArgumentError(f"{name} should be >= 0 but is: {value}")
    if not d >= 1:
        raise ArgumentError(f"Clipping threshold d should be >= 1 but is: {d}")


def beginning(param: Tensor) -> State:
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
    """Refuse a state that lacks a mean, or has one of another kind or shape."""
    for name, shape in {"step": (), **shapes(param)}.items():
        require_entry("Adafactor", param, state, name, shape)


def step_along(group: Group, step: float, param: Tensor, state: Sequence[Array]) -> None:
    """Take one step; see the class for the formula."""
    if not param.numel():
        return
    xp, values, grad = param.xp, param.array, param.grad.array
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
    """Move the running means on, and return the mean of squares that they stand for."""
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
    """Return the root of the mean square of all elements."""
    return float(xp.linalg.norm(array)) / sqrt(array.size)
