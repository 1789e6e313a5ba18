"""One sample that stands for all: the tensor that a function sees inside ``vmap``.

A ``Batched`` shows the shape of one sample and holds a tensor with all of them along dim 0. It has no array: what is in
its place answers for shape and dtype and raises ``NoValues`` when it is computed with. The recorders catch that and
hand the call back to here, where a rule computes it for all samples at once (``rules.py``). So operations pay nothing
for being batchable, and what is composed of them needs no rule.

Note [A view of every sample]. A sample's layout is the whole tensor's without dim 0, strides and offset included. So
what a view operation makes of it, with dim 0 put back in front, is that view of every sample, whatever the view was.

Note [What backward sees]. Operations on all samples are recorded as any other, on the tensors with dim 0. Samples do
not meet, so the gradient of an output of all samples by an input of all samples is each sample's own.
"""

from __future__ import annotations

import warnings
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.mode import grad_mode
from minitensor.base import TensorBase, array_dtype, new
from minitensor.dtypes import can_cast
from minitensor.errors import BatchingError, DtypeError, NoValues, ShapeError
from minitensor.func.rules import Doing, Rows, sample_by_sample, seen_through, write_sample_by_sample
from minitensor.func.table import rule_for, write_rule_for
from minitensor.layout import Layout
from minitensor.shapes import broadcast_shapes
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.node import Node, Op
    from minitensor.backends import Library
    from minitensor.backends.base import Backend
    from minitensor.device import device
    from minitensor.storage import Storage


class Level(NamedTuple):
    """One ``vmap`` that is running: its height above the outermost one, and how many samples it has."""

    number: int
    size: int
    randomness: str


running: ContextVar[tuple[Level, ...]] = ContextVar("running", default=())


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

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        # NumPy 2.4 never lets go of the operands of a reduction that raises here; of one that returns it does.
        if method in ("reduce", "accumulate", "reduceat"):
            return Valueless()
        raise no_values("an array function")

    # Checks of positions (ops/index.py) look at all samples: one that is out of bounds refuses the call.

    @property
    def everything(self) -> Any:
        """The values of all samples, for a check."""
        return everything(self.physical)

    def min(self, *dims: Any, **options: Any) -> Any:
        """Return the smallest value of all samples, for a message."""
        if dims or options:
            raise no_values("the smallest")
        return everything(self.physical).min()

    def max(self, *dims: Any, **options: Any) -> Any:
        """Return the largest value of all samples, for a message."""
        if dims or options:
            raise no_values("the largest")
        return everything(self.physical).max()


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


class Batched(Tensor):
    """A tensor that stands for each of many; ``physical`` holds them all along dim 0."""

    __slots__ = ("level", "physical")

    batched = True

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

    def _serve(
        self, op: Op, call: Callable[..., Any], args: Sequence[Any], out: Any, layout: Layout | None
    ) -> Any:
        """Compute an operation for all samples; the recorders ask for it when a body found no values."""
        return served(op, call, args, out, layout)

    def _serve_write(
        self, name: str, op: Op, call: Callable[..., Any], args: Sequence[Any], operation: Any
    ) -> Any:
        """Write into all samples."""
        return written(name, op, call, args, operation)

    @staticmethod
    def _for_all(function: Callable[..., Sequence[Any]], tensors: Sequence[Tensor | None]) -> tuple[Any, ...]:
        """Return what a function gives for every entry of dim 0 of tensors; None in what it takes and gives stays."""
        levels = running.get()
        size = next(each.shape[0] for each in tensors if each is not None)
        level = Level(levels[-1].number + 1 if levels else 1, size, "error")
        token = running.set((*levels, level))
        try:
            found = function(*[None if each is None else batch(each, level.number) for each in tensors])
        finally:
            running.reset(token)
        return tuple([None if each is None else at_levels(each, [level]).physical for each in found])

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, sample of shape {tuple(self.shape)}, all of them=\n{self.physical!r})"

    def _beside(self, tensor: Tensor, others: Any) -> Tensor:
        """Return a copy of a tensor that differs from sample to sample as others do."""
        copy: Tensor = at_levels(tensor, levels_in((tensor, others))).clone()
        return copy

    def _through(self, function: Callable[[Tensor], Tensor]) -> Tensor:
        """Return a function of all samples that takes dims in front as they come."""
        return batch(function(self.physical), self.level)

    def _detached(self) -> Tensor:
        """Return the same memory without history."""
        return batch(self.physical.detach(), self.level)

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


def levels_in(values: Any) -> list[Level]:
    """List the levels of tensors, outermost first."""
    found: dict[int, int] = {}
    for each in tensors_in(values):
        while isinstance(each, Batched):
            found[each.level] = each.physical.shape[0]
            each = each.physical
    return [Level(number, found[number], "") for number in sorted(found)]


def at_levels(tensor: Any, levels: Sequence[Level], innermost: Callable[[Any], Any] = lambda tensor: tensor) -> Any:
    """Return a tensor as one that differs at all of these levels, its own among them; ``innermost`` is done inside."""
    if not levels:
        return innermost(tensor)
    *outer, level = levels
    if isinstance(tensor, Batched) and tensor.level == level.number:
        return batch(at_levels(tensor.physical, outer, innermost), level.number)
    return batch(at_levels(tensor.expand(level.size, *tensor.shape), outer, innermost), level.number)


# -- an operation on all samples ---------------------------------------------------------------------------------------


def served(op: Op, call: Callable[..., Any], args: Sequence[Any], out: Any, layout: Layout | None) -> Any:
    """Compute an operation for all samples of the innermost ``vmap`` among its arguments."""
    if out is not None:
        raise BatchingError(f"vmap: {op.name}(..., out=...) cannot write one sample; leave out= away")
    level, given = opened(args)
    doing = Doing(op, call, args, size_of(given), layout)
    rule = rule_for(op)
    if rule is not None:
        result = rule(doing, *given)
    elif layout is not None:
        result = seen_through(doing, *given)
    else:
        warn_of_loop(op.name)
        result = sample_by_sample(doing, *given)
    return closed(result, level)


def warn_of_loop(name: str) -> None:
    """Say that an operation is computed sample by sample."""
    warnings.warn(
        f"vmap: {name} has no batching rule: it is computed sample by sample, which is slower", UserWarning,
        stacklevel=5,
    )


def opened(args: Sequence[Any]) -> tuple[int, list[Any]]:
    """Return the innermost level among the arguments, and these with ``Rows`` where a tensor is of that level."""
    level = max(each.level for each in tensors_in(args) if isinstance(each, Batched))
    return level, [opened_at(level, each) for each in args]


def opened_at(level: int, value: Any) -> Any:
    """Return ``Rows`` for a tensor of a level, also in sequences; anything else as it is."""
    if isinstance(value, Batched) and value.level == level:
        return Rows(value.physical)
    if type(value) in (tuple, list):
        return type(value)([opened_at(level, each) for each in value])
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


def size_of(given: Sequence[Any]) -> int:
    """Return how many samples there are."""
    for value in given:
        if isinstance(value, Rows):
            return value.size
        if isinstance(value, (tuple, list)) and (found := size_of(value)) >= 0:
            return found
    return -1


def closed(result: Any, level: int) -> Any:
    """Return what a rule gave as samples again."""
    if isinstance(result, (tuple, list)):
        parts = [closed(each, level) for each in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if isinstance(result, Batched) and result.level >= level:
        return result
    return batch(result, level)


# -- a write into all samples ------------------------------------------------------------------------------------------


def written(name: str, op: Op, call: Callable[..., Any], args: Sequence[Any], operation: Any) -> Any:
    """Write into all samples: by the operation's own rule, or by computing beside them and copying."""
    input = args[0]
    level, given = opened(args)
    if not (isinstance(input, Batched) and input.level == level):
        raise BatchingError(
            f"vmap: {name}: the written-to tensor of shape {tuple(input.shape)} is one for all samples, but what is "
            "written differs from sample to sample; use the out-of-place operation, or make it of a sample, as with "
            "x.new_zeros(...) + 0 * sample"
        )
    if operation is not None and 0 in op.kept and grad_mode.get():
        args = [batch(input.physical.clone(), level), *args[1:]]  # what is saved of it must not change
    doing = Doing(op, call, args, size_of(given), None)
    if operation is None:
        rule = write_rule_for(op)
        if rule is None:
            warn_of_loop(name)
        (rule or write_sample_by_sample)(doing, *given)
        return input
    result = doing.again(operation)
    if broadcast_shapes(tuple(input.shape), tuple(result.shape)) != tuple(input.shape):
        raise ShapeError(f"{name}: output with shape {list(input.shape)} doesn't match the shape {list(result.shape)}")
    if not can_cast(result.dtype, input.dtype):
        raise DtypeError(f"{name}: result type {result.dtype.name} can't be cast to {input.dtype.name}")
    values = result.physical if isinstance(result, Batched) and result.level == level else result
    input.physical.copy_(values)
    return input
