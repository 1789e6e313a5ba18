"""Batching rules: how an operation on one sample is computed for all samples at once.

A rule gets the operation's arguments in order, with ``Rows`` in place of each tensor that differs from sample to
sample, and calls the operation on whole tensors, whose dim 0 counts the samples. Most operations belong to one of the
families in this file; ``table.py`` lists the operations of each.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import Call, restore
from minitensor.base import TensorBase
from minitensor.errors import BatchingError
from minitensor.layouts import Layout
from minitensor.ops.join import stack
from minitensor.ops.operand import result_dtype
from minitensor.ops.shape import look_by_strides
from minitensor.shapes import broadcast_shapes
from minitensor.utils._pytree import rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.interpreters import Interpreter
    from minitensor.tensor import Tensor


class Rows:
    """A tensor with all samples along dim 0; ``ndim`` and ``shape`` are those of one sample."""

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
        """The number of samples."""
        return self.tensor.shape[0]


def has_rows(values: Sequence[Any]) -> bool:
    """Whether values, or sequences among them, contain ``Rows``."""
    return any(isinstance(each, Rows) or (isinstance(each, (tuple, list)) and has_rows(each)) for each in values)


def is_tensor(value: Any) -> bool:
    """Whether an argument is a tensor, shared by all samples or not."""
    return isinstance(value, (Rows, TensorBase))


class BatchedCall:
    """One call of an operation for all samples: what a rule needs besides the arguments."""

    __slots__ = ("call", "layout", "op", "size", "interpreters")

    def __init__(self, call: Call, size: int, interpreters: tuple[Interpreter, ...], layout: Layout | None) -> None:
        self.call, self.op, self.size, self.interpreters, self.layout = call, call.op, size, interpreters, layout

    def __call__(self, *args: Any) -> Any:
        """Call the operation itself with arguments in order."""
        return self.call(*args)

    def compute_as(self, function: Callable[..., Any]) -> Any:
        """Call another function with the original arguments; it sees one sample and its operations have rules."""
        with restore(self.interpreters):
            return Call(self.op, function, self.call.args, {}, None).proceed()

    def all_rows(self, value: Any) -> Any:
        """Return a tensor with all samples along dim 0; a shared tensor is expanded."""
        if isinstance(value, Rows):
            return value.tensor
        if isinstance(value, TensorBase):
            return value.expand(self.size, *value.shape)
        if type(value) in (tuple, list):
            return type(value)([self.all_rows(each) for each in value])
        return value


def no_rule_error(name: str, instead: str) -> BatchingError:
    """Return the error for an operation that cannot be computed for all samples at once."""
    return BatchingError(f"vmap: {name} has no batching rule: {instead}")


# -- pointwise -------------------------------------------------------------------------------------------


def pointwise(do: BatchedCall, *args: Any) -> Any:
    """Align the dims of a sample from the last one, as broadcasting does."""
    return do(*align(args))


def align(args: Sequence[Any], rank: int = 0) -> list[Any]:
    """Return tensors that broadcast behind dim 0 and promote as those of one sample would."""
    tensors = [each for each in args if isinstance(each, (Rows, TensorBase))]
    rank = max([rank, *[each.ndim for each in tensors]])
    broadcast_shapes(*[tuple(each.shape) for each in tensors])  # the error shows shapes of one sample
    common = None
    if any(isinstance(each, Rows) and not each.ndim for each in tensors):
        kinds = {dtype_of(each) for each in tensors}
        common = result_dtype(*[sample_of(each) for each in tensors]) if len(kinds) > 1 else None
    return [add_dims(each, rank, common) for each in args]


def dtype_of(value: Any) -> Any:
    """Return the dtype of a tensor or of rows."""
    return (value.tensor if isinstance(value, Rows) else value).dtype


def sample_of(value: Any) -> Any:
    """Return a tensor of one sample's rank and dtype, for promotion."""
    return value.tensor.new_empty((1,) * value.ndim) if isinstance(value, Rows) else value


def align_matrices(do: BatchedCall, *args: Any) -> Any:
    """Align the batch dims of matrices."""
    rank = max([each.ndim for each in args if isinstance(each, (Rows, TensorBase))])
    return do(*[add_dims(each, rank) for each in args])


def align_pivots(do: BatchedCall, *args: Any) -> Any:
    """Align the batch dims of matrices and of their pivots, which have one dim less."""
    place = do.op.positions["pivots"]
    tensors = [(i, each) for i, each in enumerate(args) if isinstance(each, (Rows, TensorBase))]
    rank = max([each.ndim + (i == place) for i, each in tensors])
    return do(*[add_dims(each, rank - (i == place)) for i, each in enumerate(args)])


def fill_batches(do: BatchedCall, *args: Any) -> Any:
    """Give matrices and their pivots, which have one dim less, all samples, and align the other batch dims."""
    place = do.op.positions["pivots"]
    rank = max([each.ndim + (i == place) for i, each in enumerate(args) if isinstance(each, (Rows, TensorBase))])
    return do(*[
        add_dims(Rows(do.all_rows(each)), rank - (i == place)) if isinstance(each, (Rows, TensorBase)) else each
        for i, each in enumerate(args)
    ])


def choose(do: BatchedCall, condition: Any, input: Any, other: Any) -> Any:
    """Choose between two tensors elementwise: they promote with each other, but not with the condition."""
    rank = max([getattr(each, "ndim", 0) for each in (condition, input, other)])
    a, b = align((input, other), rank)
    return do(add_dims(condition, rank), a, b)


def expand_reduction(do: BatchedCall, input: Any, shape: Sequence[int], dims: Sequence[int]) -> Any:
    """Expand a reduced tensor to the shape before the reduction over ``dims``."""
    rows = do.all_rows(input)
    return do(rows, (do.size, *shape), tuple([dim + 1 for dim in dims])) if shape else rows.view(do.size)


def add_dims(value: Any, rank: int, common: Any = None) -> Any:
    """Return rows as a tensor with ``rank`` dims behind dim 0, numbers in the common dtype; other values unchanged."""
    if not isinstance(value, Rows):
        return value
    tensor = value.tensor
    if common is not None and not value.ndim:
        tensor = tensor.to(common)
    if value.ndim == rank:
        return tensor
    shape = tensor.shape
    return tensor.reshape(shape[0], *(1,) * (rank - value.ndim), *shape[1:])


# -- along dims ---------------------------------------------------------------------------------------------------


def along(**kinds: str) -> Any:
    """Return a rule that puts dim 0 in front of every tensor and shifts the arguments that name dims or sizes.

    Args:
        kinds: what each of these arguments is: "dim" or "dims" of the input, "new" dims of the result, a "shape",
            or "flat" (one dim, or None for all elements).
    """

    def rule(do: BatchedCall, *args: Any) -> Any:
        main = first_tensor(args)
        places = {do.op.positions[name]: kind for name, kind in kinds.items()}
        if not main.ndim and any(kind in ("dim", "dims", "flat") for kind in places.values()):
            return compute_numbers(do, args, places)
        if any(kind == "flat" and args[place] is None for place, kind in places.items()):
            return compute_as_rows(do, args, places)
        return do(*[
            shift_argument(places[i], value, main.ndim, do.size) if i in places else do.all_rows(value)
            for i, value in enumerate(args)
        ])

    return rule


def first_tensor(values: Sequence[Any]) -> Any:
    """Return the first tensor or ``Rows`` among values and sequences of them, or None."""
    for value in values:
        if isinstance(value, (Rows, TensorBase)):
            return value
        if isinstance(value, (tuple, list)) and (found := first_tensor(value)) is not None:
            return found
    return None


def shift_argument(kind: str, value: Any, ndim: int, size: int) -> Any:
    """Return an argument that names dims or sizes, adjusted for dim 0 in front."""
    if kind == "shape":
        return (size, *value)
    if value is None:
        return tuple(range(1, ndim + 1))
    return tuple([shift_dim(each) for each in value]) if isinstance(value, (tuple, list)) else shift_dim(value)


def shift_dim(dim: int) -> int:
    """Return the number of a dim behind dim 0. Numbers that count from the end stay. The operation has checked it."""
    return dim + 1 if dim >= 0 else dim


def compute_numbers(do: BatchedCall, args: Sequence[Any], places: dict[int, str]) -> Any:
    """Compute 0-d samples with one dim, and remove that dim from the result."""
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
        return rebuild(type(result), [each.reshape(do.size) for each in result])
    return result.reshape(do.size) if result.numel() == do.size else result


def compute_as_rows(do: BatchedCall, args: Sequence[Any], places: dict[int, str]) -> Any:
    """Reduce all elements of each sample; with ``keepdim`` the dims have size 1."""
    input, ndim = do.all_rows(args[0]), args[0].ndim
    given = [1 if places.get(i) == "flat" else value for i, value in enumerate(args)]
    kept = "keepdim" in do.op.positions and given[do.op.positions["keepdim"]]
    result = do(input.reshape(do.size, -1), *given[1:])
    return result.reshape(do.size, *(1,) * ndim) if kept else result


def reduce_whole(reduce: Callable[..., Any]) -> Any:
    """Return a rule that reduces all elements of each sample as one row of a matrix."""

    def rule(do: BatchedCall, input: Any) -> Any:
        rows = do.all_rows(input)
        return reduce(rows.reshape(do.size, prod(rows.shape[1:])))

    return rule


# -- (N, C, ...) -------------------------------------------------------------------------------------------------------


def fold_samples(*shapes: str) -> Any:
    """Return a rule that merges the samples into N of (N, ...), also in the arguments that are shapes."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        places = {do.op.positions[name] for name in shapes}
        given = []
        for i, value in enumerate(args):
            if i in places:
                value = (do.size * value[0], *value[1:])
            elif isinstance(value, (Rows, TensorBase)):
                value = do.all_rows(value).flatten(0, 1)
            given.append(value)
        return unfold_samples(do(*given), do.size, 0)

    return rule


def fold_batches(ndim: int) -> Any:
    """Return a rule that merges the samples into N of inputs with ``ndim`` dims; in others they are N."""
    merge = fold_samples()

    def rule(do: BatchedCall, input: Any, *rest: Any) -> Any:
        return merge(do, input, *rest) if input.ndim == ndim else do(input.tensor, *rest)

    return rule


def unfold_samples(result: Any, size: int, dim: int) -> Any:
    """Split the samples off a dim into which they were merged, and put them in front."""
    if isinstance(result, tuple):
        return rebuild(type(result), [unfold_samples(each, size, dim) for each in result])
    shape = result.shape
    return result.reshape(*shape[:dim], size, -1 if result.numel() else shape[dim] // size, *shape[dim + 1 :]).movedim(
        dim, 0
    )


def fold_channels(do: BatchedCall, *args: Any) -> Any:
    """Merge the samples into C of (N, C, L)."""
    given = [
        do.all_rows(value).movedim(0, 1).flatten(1, 2) if isinstance(value, (Rows, TensorBase)) else value
        for value in args
    ]
    return unfold_samples(do(*given), do.size, 1)


# -- by other means ----------------------------------------------------------------------------------------------------


def compute_as(function: Callable[..., Any]) -> Any:
    """Return a rule that computes another function of the same arguments, whose operations have rules."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        return do.compute_as(function)

    rule.function = function  # type: ignore[attr-defined]  # levels of forward mode run it themselves
    return rule


def refuse(instead: str) -> Any:
    """Return a rule that raises and says what to do instead."""

    def rule(do: BatchedCall, *args: Any) -> Any:
        raise no_rule_error(do.op.name, instead)

    return rule


def sample_by_sample(do: BatchedCall, *args: Any) -> Any:
    """Compute one sample after another and stack the results."""
    if not do.size:
        raise no_rule_error(do.op.name, "it is computed sample by sample, and there are no samples")
    results = [do(*[take_sample(each, i) for each in args]) for i in range(do.size)]
    if isinstance(results[0], tuple):
        return rebuild(type(results[0]), [stack(list(each)) for each in zip(*results, strict=True)])
    return stack(results)


def write_sample_by_sample(do: BatchedCall, *args: Any) -> None:
    """Write into one sample after another."""
    for i in range(do.size):
        do(*[take_sample(each, i) for each in args])


def take_sample(value: Any, i: int) -> Any:
    """Return sample ``i`` of ``Rows``, also in sequences; other values unchanged."""
    if isinstance(value, Rows):
        return value.tensor[i]
    if type(value) in (tuple, list):
        return type(value)([take_sample(each, i) for each in value])
    return value


def view_samples(do: BatchedCall, input: Rows, *args: Any) -> Any:
    """Apply the view found for one sample to all of them; see Note [A view of every sample]."""
    home = input.tensor.layout
    shape, strides, offset = do.layout  # type: ignore[misc]  # views only
    window = Layout((home.shape[0], *shape), (home.strides[0], *strides), offset)
    return look_by_strides(input.tensor, window, home)
