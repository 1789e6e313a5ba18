"""Operations on encoded tensors: decode the arguments, run the body, encode the result.

Recorders come here when a body raised ``EncodedError``; see Note [Encoded arrays] in ``backends/encoded.py``. The node
of such an operation decodes gradients and saved values before its formulas run. This file knows operations by name
only: those that move elements, and those that round numbers beside bfloat16.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.node import MultiNode, Node, Parts, SequenceNode, result_node
from minitensor.autograd.versions import version_error
from minitensor.backends.encoded import of_dtype, plain, round_to_bfloat16
from minitensor.backends.silence import in_silence, quietly
from minitensor.base import TensorBase, as_array, encoded_array, is_encoded, restore, values_of, wrap, write_values
from minitensor.dtypes import FLOATING, FROM_NUMPY, UNSIGNED, Kind, bfloat16, bool_, float32, float64, int16
from minitensor.errors import MinitensorError, UnsupportedDtypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from minitensor.autograd.node import Op
    from minitensor.backends import Array
    from minitensor.dtypes import dtype

BITS, SINGLE = bfloat16.memory, float32.numpy

# Operations that only move elements: they get the bits, and return bits. Indices may be among their arguments.
MOVES = frozenset(
    """
    clone pick erase overwrite flip roll index take gather index_select masked_select repeat tril triu
    """.split()
)

# The same, without indices: tensors of several dtypes are promoted.
JOINS = frozenset(("cat", "stack"))

# Operations whose result has the dtype of the first tensor, whatever the dtypes of the others.
FOLLOW = frozenset(("clone_beside", "copy_with_gaps"))

# Arithmetic that PyTorch has for int64, but not for uint16, uint32 and uint64, unless the result is of floats.
WITHOUT_UNSIGNED = frozenset(
    """
    abs neg add sub rsub addcmul addmm addmv addr addbmm baddbmm matmul mm bmm mv dot vdot linear bilinear conv
    bitwise_not bitwise_left_shift bitwise_right_shift logical_and logical_or logical_xor logical_not
    floor_divide divide_and_truncate remainder fmod gcd lcm pow square sgn sign heaviside cross_along
    index_add index_reduce scatter_add scatter_reduce
    """.split()
)

# The same, whatever the result.
WITHOUT_UNSIGNED_DRAWS = frozenset(("bernoulli", "geometric"))

# Sums and products whose result PyTorch cannot have in these dtypes.
WITHOUT_UNSIGNED_SUMS = frozenset(("sum", "prod", "cumsum", "cumprod", "nansum"))

# Operations that round a number beside bfloat16 to it first: Note [Halves beside numbers] in ``ops/operand.py``.
ROUNDS = frozenset("add sub remainder fmod pow eq ne lt le gt ge where maximum minimum fmax fmin".split())


# -- the body ----------------------------------------------------------------------------------------------------------


def compute(op: Op, args: Sequence[Any]) -> Any:
    """Return the array or the arrays of an operation on encoded tensors, or with a result in bfloat16."""
    if can_move_bits(op, args):
        return of_dtype(as_array(op.body(*[replace(each, bits_of) for each in args])).view(BITS))
    if not involves(args, bfloat16) and dtypes.get_default_dtype() is not bfloat16:
        return compute_exactly(op, args)
    wanted = result_dtype(args[:1] if op.name in FOLLOW else args)
    trial = None if hasattr(op.body, "kernel") else try_with_halves(op.body, args)
    values = [replace(each, decode_tensor) for each in args]
    if op.name in ROUNDS and wanted is bfloat16:
        values = [round_number(each) if each.__class__ is float else each for each in values]
    found = dtypes.in_single_precision(quietly, op.body, *values)
    if trial is not None:
        return round_like(found, trial)
    return convert_results(found, round_result if wanted is bfloat16 else of_dtype)


def compute_exactly(op: Op, args: Sequence[Any]) -> Any:
    """Return the results of an operation on conjugates, negatives or unsigned integers, or with the latter's dtype."""
    require_unsigned_kernel(op.body.__name__.rstrip("_"), args)
    found = dtypes.in_single_precision(quietly, op.body, *[replace(each, decode_tensor) for each in args])
    return convert_results(found, of_dtype)


def computes_floats(args: Sequence[Any]) -> bool:
    """Whether promotion of the two operands gives floats or complex numbers."""
    return any(each.__class__ in (float, complex) for each in args[:2]) or any(
        each.dtype.category >= FLOATING for each in tensors_among(args)
    )


def convert_results(found: Any, convert: Callable[[Any], Array]) -> Any:
    """Return a result as an array that a tensor may have, or several."""
    return tuple([convert(as_array(each)) for each in found]) if isinstance(found, tuple) else convert(as_array(found))


def involves(args: Sequence[Any], kind: dtype) -> bool:
    """Whether a dtype is among the arguments, or that of a tensor among them."""
    return any(each is kind for each in args) or any(each.dtype is kind for each in tensors_among(args))


def require_unsigned_kernel(name: str, args: Sequence[Any]) -> None:
    """Raise if PyTorch has an operation for int64, but not for unsigned integers beyond uint8."""
    wanted = [each for each in args if isinstance(each, dtypes.dtype) and each in UNSIGNED]
    kinds = wanted or [each.dtype for each in tensors_among(args) if each.dtype in UNSIGNED]
    if kinds and (
        name in WITHOUT_UNSIGNED_DRAWS
        or (name in WITHOUT_UNSIGNED and not computes_floats(args))
        or (name in WITHOUT_UNSIGNED_SUMS and wanted)
    ):
        raise UnsupportedDtypeError(f"{name}: not implemented for {kinds[0].name}; cast with .int() or .long()")


def try_with_halves(body: Callable[..., Any], args: Sequence[Any]) -> Any:
    """Run a body with float16 in place of bfloat16 if there are wider floats too; return None if there are not.

    Decoded to float32, bfloat16 would be accepted where dtypes must not differ, or change the dtype. float16 has the
    rank of bfloat16 in promotion, so the trial tells which results are to be rounded, and raises where the body refuses
    the dtypes.
    """
    kinds = {each.dtype for each in tensors_among(args)}
    if bfloat16 not in kinds or kinds.isdisjoint((float32, float64)):
        return None
    try:
        return in_silence(body, *[replace(each, stand_in) for each in args])
    except MinitensorError as error:
        error.args = (str(error).replace("float16", "bfloat16"), *error.args[1:])
        raise


def stand_in(tensor: TensorBase) -> TensorBase:
    """Return a tensor of float16 for one of bfloat16."""
    if not holds_bits(tensor):
        return decode_tensor(tensor)
    found: TensorBase = wrap(tensor.result_class, in_silence(values_of(tensor).astype, "float16"))
    return found


def round_like(found: Any, trial: Any) -> Any:
    """Round the results that were float16 in a trial."""
    if isinstance(found, tuple):
        return tuple(map(round_like, found, trial))
    return round_result(found) if as_array(trial).dtype == "float16" else found


def replace(value: Any, convert: Callable[[TensorBase], Any]) -> Any:
    """Return an argument with its tensors converted; an encoded dtype becomes that of decoded elements."""
    if isinstance(value, TensorBase):
        return convert(value)
    if isinstance(value, dtypes.dtype):
        return value.decoded
    if type(value) in (tuple, list):
        return type(value)([replace(each, convert) for each in value])
    return value


def decode_tensor(tensor: TensorBase) -> TensorBase:
    """Return a tensor of the decoded numbers, without a node; a tensor that is not encoded is returned itself."""
    if not is_encoded(tensor):
        return tensor
    found: TensorBase = wrap(tensor.result_class, values_of(tensor))
    return found


def can_move_bits(op: Op, args: Sequence[Any]) -> bool:
    """Whether an operation only moves elements of bfloat16."""
    if op.name not in MOVES and op.name not in JOINS:
        return False
    tensors = list(tensors_among(args))
    indices = 0 if op.name in JOINS else FLOATING
    return any(map(holds_bits, tensors)) and all(
        holds_bits(each) or FROM_NUMPY[each.storage.array.dtype].category < indices for each in tensors
    )


def tensors_among(values: Sequence[Any]) -> Iterator[TensorBase]:
    """Yield the tensors among values and sequences of them."""
    for value in values:
        if isinstance(value, TensorBase):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from tensors_among(value)


def holds_bits(tensor: TensorBase) -> bool:
    """Whether a tensor is of bfloat16."""
    return tensor.dtype is bfloat16


def bits_of(tensor: TensorBase) -> TensorBase:
    """Return a tensor of the bits of bfloat16 numbers, without a copy; another tensor is returned itself."""
    if not holds_bits(tensor):
        return tensor
    found: TensorBase = wrap(tensor.result_class, plain(encoded_array(tensor)).view(int16.numpy))
    return found


def result_dtype(args: Sequence[Any]) -> dtype:
    """Return the floating-point or complex dtype of an operation's result, as far as its arguments tell."""
    for each in args:
        if isinstance(each, dtypes.dtype):
            return each
    kinds = [
        (each.dtype, Kind.DIMENSIONED if each.ndim else Kind.ZERO_DIM)
        for each in tensors_among(args)
        if each.dtype is not bool_  # a mask, or of the lowest category
    ]
    found = dtypes.result_type(kinds) if kinds else dtypes.get_default_dtype()
    return found if found.category >= FLOATING else dtypes.get_default_dtype()


def write_through_copy(body: Callable[..., None], args: Sequence[Any]) -> None:
    """Run a body that writes into its first argument, on decoded numbers, and encode what it has written."""
    target = args[0]
    require_unsigned_kernel(body.__name__.rstrip("_"), args)
    try_with_halves(body, args)
    values = [replace(each, decode_tensor) for each in args]
    dtypes.in_single_precision(quietly, body, *values)
    if values[0] is not target:
        write_values(target, values[0].array)


def round_number(number: float) -> float:
    """Return a number rounded to bfloat16."""
    found: float = round_to_bfloat16(as_array(number)).decode().item()
    return found


def round_result(array: Any) -> Array:
    """Return float32 numbers rounded to bfloat16, and any other array as its dtype demands."""
    array = as_array(array)
    rounded: Array = round_to_bfloat16(array) if array.dtype == SINGLE else of_dtype(array)
    return rounded


# -- the node ----------------------------------------------------------------------------------------------------------


def decode_grad(grad: Any) -> Any:
    """Return an incoming gradient decoded, or all of those of several results."""
    if isinstance(grad, Parts):
        return Parts({index: part._decode() for index, part in grad.items()})
    return grad._decode()


class Decoding:
    """The methods of a node whose formulas get decoded gradients and saved values."""

    __slots__ = ()

    def propagate(self, grad: Any, needed: set[Node] | None = None) -> list[Any]:
        """Return the gradients of the edges."""
        grads: list[Any] = super().propagate(decode_grad(grad), needed)  # type: ignore[misc]  # of a node
        return grads

    def open(self, grad: Any) -> Sequence[Any]:
        """Return the saved values, decoded."""
        values = super().open(grad)  # type: ignore[misc]  # of a node
        return [replace(each, operator.methodcaller("_decode")) for each in values]


class EncodedNode(Decoding, Node):
    """The node of an operation on encoded tensors."""

    __slots__ = ()

    def reopen(self, cls: type[TensorBase]) -> Any:
        return reopen_result(self, cls, self.result, "its result", self)


class EncodedSequenceNode(Decoding, SequenceNode):
    """The node of an operation on a sequence of encoded tensors."""

    __slots__ = ()

    def reopen(self, cls: type[TensorBase]) -> Any:
        return reopen_result(self, cls, self.result, "its result", self)


class EncodedMultiNode(Decoding, MultiNode):
    """The node of an operation on encoded tensors with several results."""

    __slots__ = ()

    def reopen(self, cls: type[TensorBase]) -> Any:
        return tuple([
            None if saved is None else reopen_result(
                self, cls, saved, f"its result {i}", result_node(self, i, saved[0].shape, saved[0].dtype)
            )
            for i, saved in enumerate(self.result)
        ])


def reopen_result(source: Node, cls: type[TensorBase], saved: Any, what: str, node: Node | None) -> TensorBase:
    """Return a saved result as a tensor with a node. Raise if it was changed in place."""
    array, storage, layout, version = saved
    if storage.version != version:
        raise version_error(source, what, version, storage)
    tensor = restore(cls, array, storage, layout)
    tensor._node = node
    return tensor
