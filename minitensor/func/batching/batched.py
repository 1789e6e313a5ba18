"""The tensor that a function sees inside ``vmap``: it has the shape of one sample and holds all of them.

A running ``vmap`` is an interpreter (``autograd/interpreters.py``): it computes operations on a ``Batched`` of its
level for all samples at once, by the rules in ``table.py``, and lets all other calls proceed. Functions composed of
operations need no rule. In place of an array, a ``Batched`` has a placeholder that raises if its values are read.

Note [A view of every sample]. A sample's layout is that of the whole tensor without dim 0, with the same strides and
offset. So the layout that a view operation returns for one sample, with dim 0 put back in front, is the view of all.

Note [What backward sees]. Operations on all samples are recorded like any others, on the tensors with dim 0. Samples
never mix, and the gradient by an input with all samples contains the gradient of each sample.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd import engine
from minitensor.autograd.interpreters import interpreted_by, interpreters
from minitensor.autograd.misuse import misuse
from minitensor.autograd.mode import grad_mode, is_grad_enabled
from minitensor.autograd.node import Effect
from minitensor.autograd.protocol import disabled_torch_function
from minitensor.base import TensorBase, array_dtype, new
from minitensor.callers import user_level
from minitensor.dtypes import can_cast
from minitensor.errors import BatchingError, DtypeError, NoValuesError, ShapeError
from minitensor.func.batching.draws import draw
from minitensor.func.batching.families import (
    BatchedCall,
    Rows,
    has_rows,
    sample_by_sample,
    view_samples,
    write_sample_by_sample,
)
from minitensor.func.batching.table import rule_for, write_rule_for
from minitensor.layouts import Layout, has_overlap
from minitensor.ops.aliasing import shares_storage
from minitensor.ops.creation import zeros_like
from minitensor.ops.duals import detach_from_graph, tangents_of
from minitensor.shapes import broadcast_shapes
from minitensor.tensor import Tensor
from minitensor.utils._pytree import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.interpreters import Call, Interpreter
    from minitensor.autograd.node import Node
    from minitensor.backends import Library
    from minitensor.backends.base import Backend
    from minitensor.device import device
    from minitensor.storage import Storage


class Level:
    """A running ``vmap``: its nesting depth and its number of samples."""

    __slots__ = ("number", "randomness", "size")

    number: int

    def __init__(self, size: int, randomness: str) -> None:
        outer = active_levels()
        self.number, self.size, self.randomness = (outer[-1].number + 1 if outer else 1), size, randomness

    def interpret(self, call: Call) -> Any:
        """Compute an operation for all samples of this level if an argument differs from sample to sample."""
        args = [to_rows(each, self.number) for each in call.args]
        if call.op.effect is Effect.DRAWS:
            options = {name: to_rows(each, self.number) for name, each in call.kwargs.items()}
            drawn = draw(self, call.operation, args, options)
            if args and drawn is args[0]:
                return call.args[0]
            return batch(drawn.tensor, self.number) if isinstance(drawn, Rows) else drawn
        if not has_rows(args[:1] if call.op.effect is Effect.VIEWS else args):
            return call.proceed()  # a view of a tensor without samples has none, whatever the index picks later
        if call.out is not None:
            raise BatchingError(f"vmap: {call.op.name}(..., out=...) cannot write one sample; omit out=")
        whole = (*interpreters.get(), self)
        if call.op.effect is Effect.WRITES:
            return write(call, args, self, whole)
        layout = sample_layout(call) if call.op.effect is Effect.VIEWS else None
        return to_samples(compute(BatchedCall(call, self.size, whole, layout), args), self.number)


def active_levels() -> list[Level]:
    """List the levels of the running ``vmap`` calls, outermost first."""
    return [each for each in interpreters.get() if isinstance(each, Level)]


# -- the placeholder of the array ----------------------------------------------------------------------------------


def refuse_values(name: str) -> Any:
    """Return a method that raises ``NoValuesError``."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise no_values_error(name)

    return refuse


def no_values_error(name: str) -> NoValuesError:
    """Return the error for an access to the values of one sample."""
    return NoValuesError(
        f"vmap: a function without a batching rule reads the values of one sample ({name}), but all samples are "
        "computed at once; write it with other operations, or call it outside of vmap"
    )


class Flags:
    """The flags of the placeholder, all false."""

    c_contiguous = f_contiguous = False


class Valueless:
    """An object that raises ``NoValuesError`` whenever its values are used."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        raise no_values_error(name)

    __array__ = __array_ufunc__ = __array_function__ = refuse_values("an array function")
    __cupy_override_elementwise_kernel__ = refuse_values("an array function")
    __bool__ = __int__ = __float__ = __complex__ = __index__ = refuse_values("a number")
    __getitem__ = __setitem__ = __iter__ = __len__ = __contains__ = refuse_values("elements")
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = refuse_values("arithmetic")
    __truediv__ = __rtruediv__ = refuse_values("arithmetic")
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = refuse_values("arithmetic")
    __matmul__ = __rmatmul__ = __neg__ = __pos__ = __abs__ = __invert__ = refuse_values("arithmetic")
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = refuse_values("arithmetic")
    __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = refuse_values("arithmetic")
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = refuse_values("a comparison")
    __hash__ = object.__hash__


class Placeholder(Valueless):
    """The placeholder of an array: shape and dtype of one sample, without values."""

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
        """The values of all samples, for checks: one sample out of bounds makes the call raise."""
        return all_samples(self.physical).array


def all_samples(tensor: Any) -> Any:
    """Return the tensor with the samples of all levels."""
    while isinstance(tensor, Batched):
        tensor = tensor.physical
    return tensor


# -- one sample --------------------------------------------------------------------------------------------------------


def refuse_use(what: str, instead: str) -> Any:
    """Return a method that raises because it needs the values of one sample."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        raise BatchingError(f"vmap: {what} in a function that is computed for all samples at once: {instead}")

    return refuse


class Batched(Tensor, is_batched=True):
    """A tensor with the shape of one sample; ``physical`` contains all samples along dim 0."""

    __slots__ = ("level", "physical")
    __torch_function__ = disabled_torch_function

    level: int
    physical: Tensor

    def __getattr__(self, name: str) -> Any:
        if name == "storage":  # the property raised
            raise no_values_error("storage")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def node(self) -> Node | None:
        """The node of the tensor with all samples."""
        return self.physical.node

    @property
    def storage(self) -> Storage:
        """Raise: a sample has no memory of its own."""
        raise no_values_error("storage")

    @property
    def device(self) -> device:
        """The device of the tensor with all samples."""
        return self.physical.device

    @property
    def backend(self) -> Backend:
        """The kernels of the device."""
        return self.physical.backend

    @property
    def xp(self) -> Library:
        """The array library."""
        return self.physical.xp

    @staticmethod
    def _for_all(function: Callable[..., Sequence[Any]], tensors: Sequence[Tensor | None]) -> tuple[Any, ...]:
        """Apply a function to every entry of dim 0 of tensors at once. None is passed through in both directions."""
        level = Level(next(each.shape[0] for each in tensors if each is not None), "error")
        with interpreted_by(level):
            found = function(*[None if each is None else batch(each, level.number) for each in tensors])
        levels = [(level.number, level.size)]
        return tuple([None if each is None else at_levels(each, levels).physical for each in found])

    # What forward mode needs; see ``ops/duals.py``.

    @staticmethod
    def _levels(value: Any) -> list[tuple[int, int]]:
        """List the levels of tensors, outermost first, each with its number of samples."""
        return levels_in((value,))

    @staticmethod
    def _probe(result: Any, levels: Sequence[tuple[int, int]]) -> Any:
        """Return zeros in the place of a result's gradient, to differentiate by, at some levels."""
        zeros = all_samples(result).detach().new_zeros(tuple(result.shape))
        return at_levels(zeros, levels, lambda each: each.detach().contiguous().requires_grad_())

    @staticmethod
    def _input(tensor: Any, levels: Sequence[tuple[int, int]]) -> Any:
        """Return a tensor with the same values, to differentiate by, at some levels; it keeps its history."""
        return at_levels(tensor, levels, start_graph)

    @staticmethod
    def _gradients(*args: Any) -> list[Tensor]:
        """Return the gradients of weighted outputs by inputs; see ``walk_back``."""
        return walk_back(*args)

    @staticmethod
    def _look_up(look_up: Callable[[Any], Any], tensor: Any) -> Any:
        """Return what ``look_up`` finds for the tensor with all samples, for one sample."""
        found = look_up(all_samples(tensor))
        if found is not None:
            for number, size in levels_in((tensor,)):
                found = restore_level(own_samples(found, number, size), number)
        return found

    @staticmethod
    def _other_function(call: Call) -> Any:
        """Return the function as which a rule computes a call for several samples, or None."""
        if any(isinstance(each, Batched) for each in tensors_in(call.args)):
            return getattr(rule_for(call.op), "function", None)
        return None

    @staticmethod
    def _whole(tensor: Any) -> Any:
        """Return the tensor with all samples."""
        return all_samples(tensor)

    @staticmethod
    def _sample_of(whole: Any, levels: Sequence[tuple[int, int]]) -> Any:
        """Return a sample of a tensor with all samples of some levels, which were listed by ``_levels``."""
        for number, _ in levels:
            whole = batch(whole, number)
        return whole

    @staticmethod
    def _with_all_samples(tensor: Any, value: Any) -> tuple[Any, Any]:
        """Return the tensor with all samples, and what belongs to it, of which each sample has its own."""
        for number, size in reversed(levels_in((tensor,))):
            value = strip_level(value, number, size)
        return all_samples(tensor), value

    @staticmethod
    def _zeros_beside(tensor: Any, value: Any) -> Any:
        """Return zeros in the layout of a tensor, which differ from sample to sample if a value does."""
        zeros = tensor.detach().new_empty_strided(tuple(tensor.shape), tensor.layout.strides).zero_()
        return at_levels(zeros, levels_in((value,)), lambda each: each.clone())

    @staticmethod
    def _copy_in_strides(tensor: Any, strides: tuple[int, ...]) -> Any:
        """Return a copy of samples that have other strides."""
        physical, size = tensor.physical, tensor.physical.shape
        span = 1 + sum([(n - 1) * stride for n, stride in zip(size[1:], strides, strict=True)])
        if isinstance(physical, Batched):
            return batch(Batched._copy_in_strides(physical, (span, *strides)), tensor.level)
        made = physical.detach().new_empty_strided(tuple(size), (span, *strides))
        return batch(made.copy_(physical), tensor.level)

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, sample of shape {tuple(self.shape)}, all of them=\n{self.physical!r})"

    branch = "write `torch.where(condition, a, b)` instead of `if`"
    __bool__ = refuse_use("a tensor decides a branch (data-dependent control flow)", branch)
    __int__ = __float__ = __complex__ = refuse_use("a tensor is converted to a Python number", "keep it a tensor")
    __index__ = refuse_use("a tensor is used as a Python index", "use index_select, gather or x[tensor]")
    item = refuse_use(".item() is called", "keep the number a tensor")
    tolist = refuse_use(".tolist() is called", "keep the numbers a tensor")
    numpy = __array__ = refuse_use("a tensor is converted to a NumPy array", "write it with tensor operations")
    __contains__ = refuse_use("`in` is used", "write `(x == value).any()`")
    backward = refuse_use("backward() is called", "use minitensor.func.grad or vjp")
    requires_grad_ = refuse_use("requires_grad_() is called", "use minitensor.func.grad or vjp")
    __deepcopy__ = __reduce_ex__ = refuse_use("a tensor is copied or pickled by Python", "use .clone()")
    data_ptr = untyped_storage = refuse_use("the memory of a tensor is accessed", "read it outside of vmap")
    transpose_ = t_ = unsqueeze_ = squeeze_ = swapaxes_ = swapdims_ = refuse_use(
        "a tensor changes its own shape", "use the out-of-place operation"
    )


def batch(physical: Tensor, level: int) -> Batched:
    """Return a batched tensor whose samples are the entries of dim 0."""
    tensor = new(Batched)
    tensor.physical, tensor.level = physical, level
    shape, strides, offset = physical.layout
    tensor._layout = Layout(shape[1:], strides[1:], offset)
    tensor._array = Placeholder(physical, shape[1:])  # type: ignore[assignment]  # in the place of an array
    tensor._storage = tensor._node = tensor._base = None
    return tensor


def levels_in(values: Any) -> list[tuple[int, int]]:
    """List the levels of tensors, outermost first, each with its number of samples."""
    found: dict[int, int] = {}
    for each in tensors_in(values):
        while isinstance(each, Batched):
            found[each.level] = each.physical.shape[0]
            each = each.physical
    return sorted(found.items())


def at_levels(
    tensor: Any, levels: Sequence[tuple[int, int]], innermost: Callable[[Any], Any] = lambda tensor: tensor
) -> Any:
    """Return a tensor batched at all of these levels, its own among them; ``innermost`` maps the innermost tensor."""
    if not levels:
        return innermost(tensor)
    *outer, (number, size) = levels
    if isinstance(tensor, Batched) and tensor.level == number:
        return batch(at_levels(tensor.physical, outer, innermost), number)
    return batch(at_levels(expand_samples(tensor, number, size), outer, innermost), number)


def expand_samples(tensor: Any, number: int, size: int) -> Any:
    """Return a tensor that is the same for all samples of a level with these as dim 0. Its tangents may differ."""
    whole = tensor.expand(size, *tensor.shape)
    for level, tangent in tangents_of(tensor):
        level.set_tangent(whole, strip_level(tangent, number, size))
    return whole


# -- the backward pass -------------------------------------------------------------------------------------------------


def start_graph(tensor: Any) -> Tensor:
    """Return a tensor with the same memory that starts a graph, or continues one if it has a history."""
    if has_overlap(tensor.layout):
        tensor = tensor.contiguous()  # an element at two places has two gradients
    if tensor.node is None or not is_grad_enabled():
        return detach_from_graph(tensor).requires_grad_()  # type: ignore[no-any-return]  # a Tensor
    return tensor.view_as(tensor)  # type: ignore[no-any-return]  # as above


def walk_back(
    outputs: Sequence[Any], inputs: Sequence[Any], weights: Sequence[Any], keep: bool, record: bool
) -> list[Tensor]:
    """Return the gradients of weighted outputs by inputs; a missing one is zeros.

    The graph was recorded on tensors with all samples, so the levels of outputs and inputs are stripped first. Levels
    that only the weights have, as in ``vmap`` of a vjp, stay: the gradient formulas compute with them.
    """
    levels = levels_in((outputs, inputs))
    plain_outputs, plain_inputs, plain_weights = list(outputs), list(inputs), list(weights)
    for number, size in reversed(levels):
        plain_outputs = [strip_level(each, number, size) for each in plain_outputs]
        plain_inputs = [strip_level(each, number, size) for each in plain_inputs]
        plain_weights = [strip_level(each, number, size) for each in plain_weights]
    recorded = [
        (each, weight) for each, weight in zip(plain_outputs, plain_weights, strict=True) if each.node is not None
    ]
    found: Sequence[Any] = [None] * len(plain_inputs)
    if recorded:
        found = engine.grad(
            [each for each, _ in recorded], plain_inputs, [weight for _, weight in recorded], keep, record,
            allow_unused=True,
        )
    grads = [zeros_like(each) if grad is None else grad for each, grad in zip(plain_inputs, found, strict=True)]
    for number, _ in levels:
        grads = [restore_level(each, number) for each in grads]
    return grads


def strip_level(tensor: Any, number: int, size: int) -> Any:
    """Return a tensor with the samples of one level as dim 0."""
    if not isinstance(tensor, Batched):
        return expand_samples(tensor, number, size)
    if tensor.level == number:
        return tensor.physical
    return batch(strip_level(tensor.physical, number, size).movedim(1, 0), tensor.level)


def own_samples(value: Any, number: int, size: int) -> Any:
    """Return what belongs to all samples, the mapped dim first. If it differs by sample, each takes its own part."""
    if all(number != other for other, _ in levels_in((value,))):
        return value
    return strip_level(value, number, size).diagonal(0, 0, 1).movedim(-1, 0)


def restore_level(tensor: Any, number: int) -> Any:
    """Undo ``strip_level``."""
    if isinstance(tensor, Batched) and tensor.level > number:
        return batch(restore_level(tensor.physical.movedim(1, 0), number), tensor.level)
    return batch(tensor, number)


# -- an operation on all samples ---------------------------------------------------------------------------------------


def sample_layout(call: Call) -> Any:
    """Return the layout that a view operation's body computes for one sample."""
    try:
        return call.op.body(*call.args)
    except Exception as error:
        raise misuse(call.op, call.args, error)  # noqa: B904  # its cause is set


def compute(do: BatchedCall, args: Sequence[Any]) -> Any:
    """Compute an operation by its rule. Views need none; others without a rule are computed sample by sample."""
    rule = rule_for(do.op)
    if rule is not None:
        return rule(do, *args)
    if do.layout is not None:
        return view_samples(do, *args)
    warn_of_loop(do.op.name)
    return sample_by_sample(do, *args)


def warn_of_loop(name: str) -> None:
    """Warn that an operation is computed sample by sample."""
    warnings.warn(
        f"vmap: {name} has no batching rule: it is computed sample by sample, which is slower", UserWarning,
        stacklevel=user_level(),
    )


def to_rows(value: Any, level: int) -> Any:
    """Return ``Rows`` for a tensor of a level, also in sequences; other values unchanged."""
    if isinstance(value, Batched) and value.level == level:
        return Rows(value.physical)
    if type(value) in (tuple, list):
        return type(value)([to_rows(each, level) for each in value])
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


def to_samples(result: Any, level: int) -> Any:
    """Return the result of a rule as ``Batched``, also in sequences."""
    if isinstance(result, (tuple, list)):
        return rebuild(type(result), [to_samples(each, level) for each in result])
    if isinstance(result, Batched) and result.level >= level:
        return result
    return batch(result, level)


# -- writing into all samples ------------------------------------------------------------------------------------------


def write(call: Call, args: Sequence[Any], level: Level, whole: tuple[Interpreter, ...]) -> Any:
    """Write into all samples, by the operation's own rule or by computing the result out of place and copying it."""
    input, name, out_of_place = call.args[0], call.op.name, call.op.out_of_place
    if not isinstance(args[0], Rows):
        raise BatchingError(
            f"vmap: {name}: the tensor of shape {tuple(input.shape)} is shared by all samples, but the values to write "
            "differ from sample to sample; use the out-of-place operation, or make the tensor from a sample, as in "
            "x.new_zeros(...) + 0 * sample"
        )
    do = BatchedCall(call, level.size, whole, None)
    if out_of_place is None:
        rule = write_rule_for(call.op)
        if rule is None:
            warn_of_loop(name)
        (rule or write_sample_by_sample)(do, *args)
        return input
    if grad_mode.get():  # what a node saves must not change
        call.args = [
            batch(each.physical.clone(), level.number) if i in call.op.saved_positions and shares_samples(each, input)
            else each
            for i, each in enumerate(call.args)
        ]
    result = do.compute_as(out_of_place)
    if broadcast_shapes(tuple(input.shape), tuple(result.shape)) != tuple(input.shape):
        raise ShapeError(f"{name}: output with shape {list(input.shape)} doesn't match the shape {list(result.shape)}")
    if not can_cast(result.dtype, input.dtype):
        raise DtypeError(f"{name}: result type {result.dtype.name} can't be cast to {input.dtype.name}")
    input.physical.copy_(result.physical if isinstance(result, Batched) and result.level == level.number else result)
    return input


def shares_samples(value: Any, input: Any) -> bool:
    """Whether a value is a tensor on the memory of another tensor of the same level."""
    return (
        isinstance(value, Batched) and value.level == input.level
        and shares_storage(all_samples(value), all_samples(input))
    )
