"""Batching rules: how an operation on one sample is computed for all samples at once.

A rule gets the operation's arguments in order, with ``Rows`` in the place of each tensor that differs from sample to
sample, and calls the operation again on whole tensors, whose dim 0 counts the samples. Most operations belong to one of
a few families; ``table.py`` says which. What is composed of operations needs no rule; a view needs none either (see
Note [A view of every sample]).
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import Call, restore
from minitensor.base import TensorBase
from minitensor.errors import BatchingError
from minitensor.layout import Layout
from minitensor.ops.join import stack
from minitensor.ops.operand import result_dtype
from minitensor.ops.shape import _as_strided
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.interpreters import Interpreter
    from minitensor.tensor import Tensor


class Rows:
    """A tensor that differs from sample to sample: all samples along dim 0; ``ndim`` and ``shape`` are one sample's."""

    __slots__ = ("ndim", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.ndim = tensor.ndim - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample."""
        return tuple(self.tensor.shape[1:])

    @property
    def size(self) -> int:
        """How many samples there are."""
        return self.tensor.shape[0]


def has_rows(values: Sequence[Any]) -> bool:
    """Whether there are ``Rows`` among values and sequences of them."""
    return any(isinstance(each, Rows) or (isinstance(each, (tuple, list)) and has_rows(each)) for each in values)


def is_tensor(value: Any) -> bool:
    """Whether an argument is a tensor, of each sample or of all."""
    return isinstance(value, (Rows, TensorBase))


class BatchedCall:
    """One call of an operation for all samples: what a rule needs beside the arguments."""

    __slots__ = ("call", "layout", "op", "size", "whole")

    def __init__(self, call: Call, size: int, whole: tuple[Interpreter, ...], layout: Layout | None) -> None:
        self.call, self.op, self.size, self.whole, self.layout = call, call.op, size, whole, layout

    def __call__(self, *args: Any) -> Any:
        """Call the operation itself, all its arguments in order."""
        return self.call(*args)

    def again(self, function: Callable[..., Any]) -> Any:
        """Call another function with the arguments as they came, of one sample."""
        with restore(self.whole):
            return Call(self.op, function, self.call.args, {}, None).proceed()

    def all_rows(self, value: Any) -> Any:
        """Return a tensor with all samples: one that is the same for each is shown again and again."""
        if isinstance(value, Rows):
            return value.tensor
        if isinstance(value, TensorBase):
            return value.expand(self.size, *value.shape)
        if type(value) in (tuple, list):
            return type(value)([self.all_rows(each) for each in value])
        return value


def refuse(name: str, instead: str) -> BatchingError:
    """Return the error for what cannot be computed for all samples at once."""
    return BatchingError(f"vmap: {name} has no batching rule: {instead}")


# -- every element by itself -------------------------------------------------------------------------------------------


def pointwise(do: BatchedCall, *args: Any) -> Any:
    """Line the samples' dims up from the last one, as broadcasting does."""
    return do(*lined_up(args))


def lined_up(args: Sequence[Any], rank: int = 0) -> list[Any]:
    """Return the arguments as tensors that broadcast with dim 0 in front, and promote as one sample's would."""
    tensors = [each for each in args if isinstance(each, (Rows, TensorBase))]
    rank = max([rank, *[each.ndim for each in tensors]])
    broadcast_shapes(*[tuple(each.shape) for each in tensors])  # what does not fit is told in one sample's shapes
    common = None
    if any(isinstance(each, Rows) and not each.ndim for each in tensors):
        kinds = {dtype_of(each) for each in tensors}
        common = result_dtype(*[sample_of(each) for each in tensors]) if len(kinds) > 1 else None
    return [raised(each, rank, common) for each in args]


def dtype_of(value: Any) -> Any:
    """Return the dtype of a tensor or of rows."""
    return (value.tensor if isinstance(value, Rows) else value).dtype


def sample_of(value: Any) -> Any:
    """Return what promotes as one sample does: a tensor of its rank and dtype."""
    return value.tensor.new_empty((1,) * value.ndim) if isinstance(value, Rows) else value


def matrices(do: BatchedCall, *args: Any) -> Any:
    """Line up what is in front of matrices."""
    rank = max([each.ndim for each in args if isinstance(each, (Rows, TensorBase))])
    return do(*[raised(each, rank) for each in args])


def choice(do: BatchedCall, condition: Any, input: Any, other: Any) -> Any:
    """Choose element by element: a condition does not promote with what it chooses from."""
    rank = max([getattr(each, "ndim", 0) for each in (condition, input, other)])
    a, b = lined_up((input, other), rank)
    return do(raised(condition, rank), a, b)


def shown(do: BatchedCall, input: Any, shape: Sequence[int], dims: Sequence[int]) -> Any:
    """Show a reduced tensor in the shape before the reduction, whose dims these are; a number has none."""
    rows = do.all_rows(input)
    return do(rows, (do.size, *shape), tuple([dim + 1 for dim in dims])) if shape else rows.view(do.size)


def raised(value: Any, rank: int, common: Any = None) -> Any:
    """Return rows as a tensor of ``rank`` dims behind dim 0; a number of each sample takes the common dtype."""
    if not isinstance(value, Rows):
        return value
    tensor = value.tensor
    if common is not None and not value.ndim:
        tensor = tensor.to(common)
    if value.ndim == rank:
        return tensor
    shape = tensor.shape
    return tensor.reshape(shape[0], *(1,) * (rank - value.ndim), *shape[1:])


# -- along some dims ---------------------------------------------------------------------------------------------------


def along(**kinds: str) -> Any:
    """Give every tensor dim 0, and move dims and shapes that are arguments by one.

    ``kinds`` says what an argument is: "dim" or "dims" of the input, "new" dims of the result, a "shape", "sizes" for
    each dim in pairs, "flat" for one dim or None.
    """

    def rule(do: BatchedCall, *args: Any) -> Any:
        main = first_tensor(args)
        places = {do.op.places[name]: kind for name, kind in kinds.items()}
        if not main.ndim and any(kind in ("dim", "dims", "flat") for kind in places.values()):
            return of_numbers(do, args, places)
        if any(kind == "flat" and args[place] is None for place, kind in places.items()):
            return of_flat(do, args, places)
        return do(*[
            moved(places[i], value, main.ndim, do.size) if i in places else do.all_rows(value)
            for i, value in enumerate(args)
        ])

    return rule


def first_tensor(values: Sequence[Any]) -> Any:
    """Return the first tensor, or rows, among values and sequences of them."""
    for value in values:
        if isinstance(value, (Rows, TensorBase)):
            return value
        if isinstance(value, (tuple, list)) and (found := first_tensor(value)) is not None:
            return found
    return None


def moved(kind: str, value: Any, ndim: int, size: int) -> Any:
    """Return an argument that names dims or sizes for tensors with one more dim in front."""
    if kind == "shape":
        return (size, *value)
    if kind == "sizes":
        return ((0, 0), *value)
    if value is None:
        return tuple(range(1, ndim + 1))
    return tuple([behind(each) for each in value]) if isinstance(value, (tuple, list)) else behind(value)


def behind(dim: int) -> int:
    """Return the number of a dim behind dim 0; one counted from the end stays. Who calls has checked it."""
    return dim + 1 if dim >= 0 else dim


def of_numbers(do: BatchedCall, args: Sequence[Any], places: dict[int, str]) -> Any:
    """Give 0-d samples one dim, and take it away again."""
    given: list[Any] = []
    for i, value in enumerate(args):
        if places.get(i) in ("dim", "flat"):
            given.append(1)
        elif places.get(i) == "dims":
            given.append((1,))
        elif places.get(i) == "shape":
            given.append((do.size, *(value or (1,))))
        elif isinstance(value, (Rows, TensorBase)) and not value.ndim:
            given.append(do.all_rows(value).unsqueeze(1))
        else:
            given.append(do.all_rows(value))
    result = do(*given)
    if isinstance(result, tuple):
        return tuple([each.reshape(do.size) for each in result])
    return result.reshape(do.size) if result.numel() == do.size else result


def of_flat(do: BatchedCall, args: Sequence[Any], places: dict[int, str]) -> Any:
    """Reduce all elements of each sample; dims that are kept have size 1."""
    input, ndim = do.all_rows(args[0]), args[0].ndim
    given = [1 if places.get(i) == "flat" else value for i, value in enumerate(args)]
    kept = "keepdim" in do.op.places and given[do.op.places["keepdim"]]
    result = do(input.reshape(do.size, -1), *given[1:])
    return result.reshape(do.size, *(1,) * ndim) if kept else result


def whole(reduce: Callable[..., Any]) -> Any:
    """Reduce all elements of each sample, laid out in a row."""

    def rule(do: BatchedCall, input: Any) -> Any:
        rows = do.all_rows(input)
        return reduce(rows.reshape(do.size, prod(rows.shape[1:])))

    return rule


# -- (N, C, ...) -------------------------------------------------------------------------------------------------------


def folded(**kinds: str) -> Any:
    """Count samples and N of (N, ...) together; a "shape" that is an argument has N in front too."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        places = {do.op.places[name] for name in kinds}
        given = []
        for i, value in enumerate(args):
            if i in places:
                value = (do.size * value[0], *value[1:])
            elif isinstance(value, (Rows, TensorBase)):
                value = do.all_rows(value).flatten(0, 1)
            given.append(value)
        return unfolded(do(*given), do.size, 0)

    return rule


def unfolded(result: Any, size: int, dim: int) -> Any:
    """Take the count of samples out of a dim again, and put it in front."""
    if isinstance(result, tuple):
        return tuple([unfolded(each, size, dim) for each in result])
    shape = result.shape
    return result.reshape(*shape[:dim], size, -1 if result.numel() else shape[dim] // size, *shape[dim + 1 :]).movedim(
        dim, 0
    )


def channelwise(do: BatchedCall, *args: Any) -> Any:
    """Count samples and C of (N, C, L) together."""
    given = [
        do.all_rows(value).movedim(0, 1).flatten(1, 2) if isinstance(value, (Rows, TensorBase)) else value
        for value in args
    ]
    return unfolded(do(*given), do.size, 1)


# -- said otherwise ----------------------------------------------------------------------------------------------------


def as_other(function: Callable[..., Any]) -> Any:
    """Compute another function of the same arguments, of one sample, that has rules."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        return do.again(function)

    return rule


def no_rule(instead: str) -> Any:
    """Refuse, and say what to do."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        raise refuse(do.op.name, instead)

    return rule


def sample_by_sample(do: BatchedCall, *args: Any) -> Any:
    """Compute each sample by itself and stack the results."""
    if not do.size:
        raise refuse(do.op.name, "it is computed sample by sample, and there are no samples")
    results = [do(*[sample(each, i) for each in args]) for i in range(do.size)]
    if isinstance(results[0], tuple):
        return tuple([stack(list(each)) for each in zip(*results, strict=True)])
    return stack(results)


def write_sample_by_sample(do: BatchedCall, *args: Any) -> None:
    """Write into each sample by itself."""
    for i in range(do.size):
        do(*[sample(each, i) for each in args])


def sample(value: Any, i: int) -> Any:
    """Return one sample of rows."""
    if isinstance(value, Rows):
        return value.tensor[i]
    if type(value) in (tuple, list):
        return type(value)([sample(each, i) for each in value])
    return value


def seen_through(do: BatchedCall, input: Rows, *args: Any) -> Any:
    """Look at every sample through the layout found for one; see Note [A view of every sample]."""
    home = input.tensor.layout
    shape, strides, offset = do.layout  # type: ignore[misc]  # only views come here
    window = Layout((home.shape[0], *shape), (home.strides[0], *strides), offset)
    return _as_strided(input.tensor, window, home)
