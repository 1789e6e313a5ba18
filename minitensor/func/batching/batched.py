"""One sample that stands for all: the tensor that a function sees inside ``vmap``.

A ``Batched`` shows the shape of one sample and holds a tensor with all of them along dim 0. Each ``vmap`` that runs is
an interpreter (``autograd/interpreters.py``): an operation on a ``Batched`` of its level is computed for all samples at
once by a rule (``table.py``), any other one proceeds. What is composed of operations needs no rule. There is no array:
what is in its place answers for shape and dtype, and raises when something computes with it past the operations.

Note [A view of every sample]. A sample's layout is the whole tensor's without dim 0, strides and offset included. So
what a view operation makes of it, with dim 0 put back in front, is that view of every sample, whatever the view was.

Note [What backward sees]. Operations on all samples are recorded as any other, on the tensors with dim 0. Samples do
not meet, so the gradient of an output of all samples by an input of all samples is each sample's own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import interpreted_by, interpreters
from minitensor.autograd.misuse import misuse
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.node import Effect
from minitensor.base import TensorBase, array_dtype, new
from minitensor.dtypes import can_cast
from minitensor.errors import BatchingError, DtypeError, NoValues, ShapeError
from minitensor.func.batching.draws import draw
from minitensor.func.batching.families import (
    BatchedCall,
    Rows,
    has_rows,
    sample_by_sample,
    seen_through,
    write_sample_by_sample,
)
from minitensor.func.batching.table import rule_for, write_rule_for
from minitensor.layout import Layout
from minitensor.shapes import broadcast_shapes
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.interpreters import Call, Interpreter
    from minitensor.autograd.node import Node
    from minitensor.backends import Library
    from minitensor.backends.base import Backend
    from minitensor.device import device
    from minitensor.storage import Storage


class Level:
    """One ``vmap`` that is running: its height above the outermost one, and how many samples it has."""

    __slots__ = ("number", "randomness", "size")

    number: int

    def __init__(self, size: int, randomness: str) -> None:
        outer = running()
        self.number, self.size, self.randomness = (outer[-1].number + 1 if outer else 1), size, randomness

    def interpret(self, call: Call) -> Any:
        """Compute an operation for all samples of this level, if an argument differs from sample to sample."""
        args = [opened(each, self.number) for each in call.args]
        if call.op.effect is Effect.DRAWS:
            options = {name: opened(each, self.number) for name, each in call.kwargs.items()}
            drawn = draw(self, call.operation, args, options)
            if args and drawn is args[0]:
                return call.args[0]
            return batch(drawn.tensor, self.number) if isinstance(drawn, Rows) else drawn
        if not has_rows(args):
            return call.proceed()
        if call.out is not None:
            raise BatchingError(f"vmap: {call.op.name}(..., out=...) cannot write one sample; leave out= away")
        whole = (*interpreters.get(), self)
        if call.op.effect is Effect.WRITES:
            return write(call, args, self, whole)
        layout = layout_of(call) if call.op.effect is Effect.VIEWS else None
        return closed(compute(BatchedCall(call, self.size, whole, layout), args), self.number)


def running() -> list[Level]:
    """List the levels of ``vmap`` that are running, outermost first."""
    return [each for each in interpreters.get() if isinstance(each, Level)]


# -- what stands in the array's place ----------------------------------------------------------------------------------


def silent(name: str) -> Any:
    """Return a method that says there are no values here."""

    def refused(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise no_values(name)

    return refused


def no_values(name: str) -> NoValues:
    """Return the error for a look at the values of one sample."""
    return NoValues(
        f"vmap: the values of one sample are asked for ({name}), but all samples are computed at once, and what asked "
        "has no batching rule; write it with other operations, or call it outside of vmap"
    )


class Flags:
    """An array's flags: memory that nobody may rely on."""

    c_contiguous = f_contiguous = False


class Valueless:
    """What has no values: it raises ``NoValues`` when anything is done with it."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise no_values(name)

    __array__ = __array_ufunc__ = __array_function__ = silent("an array function")
    __cupy_override_elementwise_kernel__ = silent("an array function")
    __bool__ = __int__ = __float__ = __complex__ = __index__ = silent("a number")
    __getitem__ = __setitem__ = __iter__ = __len__ = __contains__ = silent("elements")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = silent("arithmetic")
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = silent("arithmetic")
    __matmul__ = __rmatmul__ = __neg__ = __pos__ = __abs__ = __invert__ = silent("arithmetic")
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = silent("arithmetic")
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = silent("arithmetic")
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = silent("a comparison")
    __hash__ = object.__hash__


class Ghost(Valueless):
    """In the place of an array: shape and dtype of one sample, and no values."""

    __slots__ = ("dtype", "itemsize", "ndim", "physical", "shape", "size")

    flags = Flags

    def __init__(self, physical: Tensor, shape: tuple[int, ...]) -> None:
        self.physical = physical
        self.shape, self.ndim, self.dtype = shape, len(shape), array_dtype(physical)
        self.itemsize = self.dtype.itemsize
        self.size = 1
        for n in shape:
            self.size *= n

    @property
    def everything(self) -> Any:
        """The values of all samples, for a check: one that is out of bounds refuses the call."""
        return everything(self.physical)


def everything(physical: Tensor) -> Any:
    """Return the array with all samples of all levels."""
    while isinstance(physical, Batched):
        physical = physical.physical
    return physical.array


# -- one sample --------------------------------------------------------------------------------------------------------


def unavailable(what: str, instead: str) -> Any:
    """Return a method that refuses what needs one sample's values."""

    def refused(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise BatchingError(f"vmap: {what} inside a function that is computed for all samples at once: {instead}")

    return refused


class Batched(Tensor, stands_for_many=True):
    """A tensor that stands for each of many; ``physical`` holds them all along dim 0."""

    __slots__ = ("level", "physical")

    level: int
    physical: Tensor

    def __getattr__(self, name: str) -> Any:
        if name == "_grad":
            return None
        if name == "storage":  # its property has raised
            raise no_values("storage")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def node(self) -> Node | None:
        """The node of all samples."""
        return self.physical.node

    @property
    def storage(self) -> Storage:
        """There is none: a sample is no memory of its own."""
        raise no_values("storage")

    @property
    def device(self) -> device:
        """Where the memory lies."""
        return self.physical.device

    @property
    def backend(self) -> Backend:
        """The table of kernels for all samples."""
        return self.physical.backend

    @property
    def xp(self) -> Library:
        """The array library."""
        return self.physical.xp

    @staticmethod
    def _for_all(function: Callable[..., Sequence[Any]], tensors: Sequence[Tensor | None]) -> tuple[Any, ...]:
        """Return what a function gives for every entry of dim 0 of tensors; None in what it takes and gives stays."""
        level = Level(next(each.shape[0] for each in tensors if each is not None), "error")
        with interpreted_by(level):
            found = function(*[None if each is None else batch(each, level.number) for each in tensors])
        levels = [(level.number, level.size)]
        return tuple([None if each is None else at_levels(each, levels).physical for each in found])

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, sample of shape {tuple(self.shape)}, all of them=\n{self.physical!r})"

    branch = "write `torch.where(condition, a, b)` instead of `if`"
    __bool__ = unavailable("a tensor decides a branch (data-dependent control flow)", branch)
    __int__ = __float__ = __complex__ = unavailable("a tensor is made a Python number", "keep it a tensor")
    __index__ = unavailable("a tensor is used as a Python index", "use index_select, gather or x[tensor]")
    item = unavailable(".item() is called", "keep the number a tensor")
    tolist = unavailable(".tolist() is called", "keep the numbers a tensor")
    numpy = __array__ = unavailable("a tensor is made a NumPy array", "write it with tensor operations")
    __contains__ = unavailable("`in` is asked", "write `(x == value).any()`")
    backward = unavailable("backward() is called", "use minitensor.func.grad or vjp")
    requires_grad_ = unavailable("requires_grad_() is called", "use minitensor.func.grad or vjp")
    __deepcopy__ = __reduce_ex__ = unavailable("a tensor is copied or pickled by Python", "use .clone()")
    data_ptr = untyped_storage = unavailable("the memory of a tensor is asked for", "look at it outside of vmap")
    transpose_ = t_ = unsqueeze_ = squeeze_ = swapaxes_ = swapdims_ = unavailable(
        "a tensor changes its own shape", "use the out-of-place operation"
    )


def batch(physical: Tensor, level: int) -> Batched:
    """Return a tensor that stands for each entry of dim 0."""
    tensor = new(Batched)
    tensor.physical, tensor.level = physical, level
    shape, strides, offset = physical.layout
    tensor._layout = Layout(shape[1:], strides[1:], offset)
    tensor.array = Ghost(physical, shape[1:])  # type: ignore[assignment]  # in the place of an array
    tensor._storage = tensor._node = tensor._base = None
    return tensor


def levels_in(values: Any) -> list[tuple[int, int]]:
    """List the levels of tensors, outermost first, each with the number of its samples."""
    found: dict[int, int] = {}
    for each in tensors_in(values):
        while isinstance(each, Batched):
            found[each.level] = each.physical.shape[0]
            each = each.physical
    return sorted(found.items())


def at_levels(
    tensor: Any, levels: Sequence[tuple[int, int]], innermost: Callable[[Any], Any] = lambda tensor: tensor
) -> Any:
    """Return a tensor as one that differs at all of these levels, its own among them; ``innermost`` is done inside."""
    if not levels:
        return innermost(tensor)
    *outer, (number, size) = levels
    if isinstance(tensor, Batched) and tensor.level == number:
        return batch(at_levels(tensor.physical, outer, innermost), number)
    return batch(at_levels(tensor.expand(size, *tensor.shape), outer, innermost), number)


# -- an operation on all samples ---------------------------------------------------------------------------------------


def layout_of(call: Call) -> Any:
    """Return what a view operation's body says of one sample."""
    try:
        return call.op.body(*call.args)
    except Exception as error:
        raise misuse(call.op, call.args, error)  # noqa: B904  # its cause is set


def compute(do: BatchedCall, args: Sequence[Any]) -> Any:
    """Compute an operation by its rule; views need none, and what has none is computed sample by sample."""
    rule = rule_for(do.op)
    if rule is not None:
        return rule(do, *args)
    if do.layout is not None:
        return seen_through(do, *args)
    warn_of_loop(do.op.name)
    return sample_by_sample(do, *args)


def warn_of_loop(name: str) -> None:
    """Say that an operation is computed sample by sample."""
    warnings.warn(
        f"vmap: {name} has no batching rule: it is computed sample by sample, which is slower", UserWarning,
        stacklevel=5,
    )


def opened(value: Any, level: int) -> Any:
    """Return ``Rows`` for a tensor of a level, also in sequences; anything else as it is."""
    if isinstance(value, Batched) and value.level == level:
        return Rows(value.physical)
    if type(value) in (tuple, list):
        return type(value)([opened(each, level) for each in value])
    return value


def tensors_in(values: Sequence[Any]) -> list[TensorBase]:
    """List the tensors among values and sequences of them."""
    found: list[TensorBase] = []
    for value in values:
        if isinstance(value, TensorBase):
            found.append(value)
        elif isinstance(value, (tuple, list)):
            found += tensors_in(value)
    return found


def closed(result: Any, level: int) -> Any:
    """Return what a rule gave as samples again."""
    if isinstance(result, (tuple, list)):
        parts = [closed(each, level) for each in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, Batched) and result.level >= level:
        return result
    return batch(result, level)


# -- a write into all samples ------------------------------------------------------------------------------------------


def write(call: Call, args: Sequence[Any], level: Level, whole: tuple[Interpreter, ...]) -> Any:
    """Write into all samples: by the operation's own rule, or by computing beside them and copying."""
    input, name, beside = call.args[0], call.op.name, call.op.beside
    if not isinstance(args[0], Rows):
        raise BatchingError(
            f"vmap: {name}: the written-to tensor of shape {tuple(input.shape)} is one for all samples, but what is "
            "written differs from sample to sample; use the out-of-place operation, or make it of a sample, as with "
            "x.new_zeros(...) + 0 * sample"
        )
    do = BatchedCall(call, level.size, whole, None)
    if beside is None:
        rule = write_rule_for(call.op)
        if rule is None:
            warn_of_loop(name)
        (rule or write_sample_by_sample)(do, *args)
        return input
    if 0 in call.op.kept and grad_mode.get():
        call.args = [batch(input.physical.clone(), level.number), *call.args[1:]]  # what is saved must not change
    result = do.again(beside)
    if broadcast_shapes(tuple(input.shape), tuple(result.shape)) != tuple(input.shape):
        raise ShapeError(f"{name}: output with shape {list(input.shape)} doesn't match the shape {list(result.shape)}")
    if not can_cast(result.dtype, input.dtype):
        raise DtypeError(f"{name}: result type {result.dtype.name} can't be cast to {input.dtype.name}")
    input.physical.copy_(result.physical if isinstance(result, Batched) and result.level == level.number else result)
    return input
