"""Steps that graphs record: a rule's own ``update``, run on cells in place of arrays.

A cell holds a tensor. What would write to an array gives the cell another tensor, made by an operation that the graph
records. Nothing that was saved for the backward pass is ever overwritten, and no rule needs its formula twice. This
file knows no rule, only the few functions of the array library that rules call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from minitensor.dtypes import float64
from minitensor.errors import GradError, GuardError, InplaceError
from minitensor.ops import arithmetic, choice, powers, rounding
from minitensor.ops.complex import view_as_complex, view_as_real
from minitensor.ops.creation import tensor
from minitensor.optim.plan import Names, Piece, State, next_step
from minitensor.tensor import Tensor


class Cell:
    """Holds a tensor and takes the place of an array in an update."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def take(self, result: Tensor) -> Cell:
        """Hold a result, in the dtype that an array would have kept."""
        self.tensor = result.to(self.tensor.dtype)
        return self

    def __setitem__(self, where: Any, value: Any) -> None:
        # A clone: the tensor may be the gradient, and later writes to that must not change the state.
        held = content(value).clone() if where is ... else choice.where(content(where), value, self.tensor)
        self.take(held)

    def __iadd__(self, other: Any) -> Cell:
        return self.take(self.tensor + content(other))

    def __isub__(self, other: Any) -> Cell:
        return self.take(self.tensor - content(other))

    def __imul__(self, other: Any) -> Cell:
        return self.take(self.tensor * content(other))

    def __itruediv__(self, other: Any) -> Cell:
        return self.take(self.tensor / content(other))

    def __gt__(self, other: Any) -> Cell:
        return Cell(self.tensor > content(other))

    def __lt__(self, other: Any) -> Cell:
        return Cell(self.tensor < content(other))


def blank(like: Cell) -> Any:
    """Return a cell of the same shape and dtype, to be written to before it is read."""
    return Cell(like.tensor)


def content(operand: Any) -> Any:
    """Return a cell's tensor; return anything else unchanged."""
    return operand.tensor if isinstance(operand, Cell) else operand


def on_cells(op: Callable[..., Tensor]) -> Any:
    """Turn an op on tensors into a function of cells; ``out`` is a cell that takes the result."""

    def function(*operands: Any, out: Cell | None = None) -> Cell:
        result = op(*map(content, operands))
        return Cell(result) if out is None else out.take(result)

    return staticmethod(function)


def select(condition: Tensor, value: Any, other: Any) -> Tensor:
    """Select as ``numpy.where`` does, where a number keeps all its digits beside arrays."""
    exact = partial(tensor, dtype=float64, device=condition.device)
    result: Tensor = choice.where(condition, *[v if isinstance(v, Tensor) else exact(v) for v in (value, other)])
    return result


class Operations:
    """The functions of the array library that rules call, under NumPy's names."""

    add = on_cells(arithmetic.add)
    subtract = on_cells(arithmetic.sub)
    multiply = on_cells(arithmetic.mul)
    divide = on_cells(arithmetic.div)
    negative = on_cells(arithmetic.neg)
    sqrt = on_cells(powers.sqrt)
    maximum = on_cells(choice.maximum)
    clip = on_cells(choice.clamp)
    abs = on_cells(rounding.abs)
    sign = on_cells(rounding.sign)
    where = on_cells(select)


class Recorded:
    """One parameter, whose value, gradient and state an update sees as cells; see ``Part`` in plan.py."""

    def __init__(self, param: Tensor, state: State, names: Names, fresh: bool) -> None:
        self.param, self.state = param, state
        self.step = state["step"].array if "step" in names.scalars else None
        self.numbers = [name for name in names.scalars if name != "step"]
        self.names = names.arrays
        self.fresh = fresh

    def count_step(self) -> int:
        """Count a step; return the number of this update."""
        return next_step(self.step, 0 if self.fresh else 1)

    def scalars(self) -> tuple[Tensor, ...]:
        """Return the rule's own numbers in float64, as wide as Python's."""
        return tuple([self.state[name].to(float64) for name in self.numbers])

    def set_scalars(self, numbers: Any) -> None:
        """Replace the rule's own numbers."""
        for name, number in zip(self.numbers, numbers, strict=True):
            before = self.state[name]
            made = number if isinstance(number, Tensor) else tensor(number, dtype=float64, device=before.device)
            self.state[name] = made.to(before.dtype)

    def pieces(self) -> Iterator[Piece]:
        """Return the parameter whole."""
        # A clone: the parameter is written to at the end, and the operations before may have saved what they saw.
        tensors = self.param.clone(), self.param.grad, *[self.state[name] for name in self.names]
        cells: list[Any] = [Cell(as_real(each)) for each in tensors]
        param, grad, *state = cells
        self.cells = param, *state
        return iter((Piece(param, grad, tuple(state)),))

    def finish(self) -> None:
        """Write the results: the state gets other tensors, the parameter stays the same one."""
        value, *state = [like(self.param, cell.tensor) for cell in self.cells]
        self.state.update(zip(self.names, state, strict=True))
        self.param.copy_(value)


def as_real(given: Tensor) -> Tensor:
    """View complex numbers as pairs: every rule treats both parts alike."""
    return view_as_real(given) if given.is_complex() else given


def like(param: Tensor, pairs: Tensor) -> Tensor:
    """View pairs as complex numbers again, if the parameter is complex."""
    return view_as_complex(pairs) if param.is_complex() else pairs


def require_recordable(group: dict[str, Any], states: Mapping[Tensor, State], foreach: bool) -> None:
    """Raise, before anything is written, if the graph cannot record the step of a group."""
    for param in group["params"]:
        if getattr(param, "_grad", None) is None:
            continue
        if group.get("foreach") and not foreach:
            raise GuardError("_foreach ops don't support autograd: with differentiable=True leave foreach out")
        if param.is_leaf and param.requires_grad:
            raise InplaceError(
                "step: a leaf Variable that requires grad is being used in an in-place operation "
                f"(shape {tuple(param.shape)}); with differentiable=True give the optimizer a clone of it"
            )
        if param in states and "step" in states[param] and states[param]["step"].requires_grad:
            raise GradError("`requires_grad` is not supported for `step` in differentiable mode: detach it")
