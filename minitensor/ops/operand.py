"""Operands: numbers are converted to arrays, dtypes are promoted, devices are compared.

``operands(a, b)`` returns the two arrays on which an elementwise op computes. A tensor with dims outranks a 0-d tensor,
and that outranks a Python number, as in PyTorch. The arithmetic is in other files.

Note [Halves beside numbers]. As in PyTorch, float16 is computed in single precision and the result is rounded once. A
number beside it need not fit float16: ``x / 70000`` and ``x * 1e-8`` are nonzero, though 70000 is infinite in float16
and 1e-8 is zero. The number is not rounded as the second operand of ``mul`` and ``div`` (with every rounding mode), on
the left of ``*`` and ``/``, as the weight of ``lerp``, as the ``value`` of ``addcmul`` and ``addcdiv``, and in the
activations. In sums, remainders, powers, comparisons and ``where``, and as the first argument of ``mul`` and ``div``,
PyTorch rounds it to float16 first, as this library does.
"""

from __future__ import annotations

from numbers import Complex
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from minitensor import dtypes, scalars
from minitensor.autograd.argument_types import is_scalar
from minitensor.autograd.binding import NUMBERS
from minitensor.backends import HostArray
from minitensor.backends.numpy.halves import convert
from minitensor.base import TensorBase
from minitensor.copies import record_copy, tracing
from minitensor.dtypes import Kind
from minitensor.errors import ArgumentTypeError, DeviceError, WrongTypeError, quote
from minitensor.ops.kinds import ORDERED, of_kind
from minitensor.scalars import fit, lift

if TYPE_CHECKING:
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.dtypes import dtype
    from minitensor.tensor import Tensor


Number: TypeAlias = "bool | int | float | complex"
Operand: TypeAlias = "Tensor | bool | int | float | complex"


HALF, SINGLE = dtypes.float16.numpy, dtypes.float32.numpy


def operands(a: Any, b: Any) -> tuple[Array, Array]:
    """Return two arrays of one dtype that broadcast against each other; one operand may be a number."""
    if b.__class__ in NUMBERS:
        return tensor_and_number(a, b)
    if a.__class__ in NUMBERS:
        array, number = tensor_and_number(b, a)
        return number, array
    return two_arrays(a, b)


def tensor_first(name: str, a: Any, b: Any) -> tuple[Array, Array]:
    """Return the two arrays of an op of which only the second operand may be a number."""
    if b.__class__ in NUMBERS:  # without a call of is_number: comparisons are as frequent as sums
        return tensor_and_number(a, b)
    if a.__class__ in NUMBERS:
        raise not_a_tensor(name, "input", a)
    return two_arrays(a, b)


def tensors(name: str, a: Any, b: Any) -> tuple[Array, Array]:
    """Return the two arrays of an op that takes no numbers."""
    for argument, value in (("input", a), ("other", b)):
        if value.__class__ in NUMBERS:
            raise not_a_tensor(name, argument, value)
    return two_arrays(a, b)


def two_arrays(a: Any, b: Any) -> tuple[Array, Array]:
    """Return two tensors' arrays in their common dtype."""
    x: Array = a.array
    y: Array = b.array
    if x.dtype is y.dtype and x.__class__ is y.__class__:
        return x, y
    x, y = promote(a, b)
    return x, y


def is_number(operand: Any) -> TypeGuard[Number]:
    """Whether an operand is a plain Python number."""
    return operand.__class__ in NUMBERS


def tensor_and_number(tensor: Any, number: Any) -> tuple[Array, Array]:
    """Return a tensor's array and a number as a 0-d array, both in their common dtype."""
    array = tensor.array
    kind: Any = number.__class__
    if kind not in WEAKER[array.dtype.kind]:
        return array_beside(number, tensor), number_beside(number, array)
    # A 0-d array, not 2.0: NumPy spends 300 ns more on a Python float.
    lifted: Array = lift(number, array.dtype)
    return array, lifted if array.__class__ is HostArray else lifted[()]  # CuPy takes NumPy's scalars, not its arrays


def to_singles(a: Array, b: Array, other: Any) -> tuple[Array, Array]:
    """Return float16 operands as float32; the second, if ``other`` is a number or 0-d, without rounding to float16.

    See Note [Halves beside numbers].
    """
    return convert(a, SINGLE), convert(b, SINGLE) if has_dims(other) else to_full_precision(other, b)


def widen(array: Array) -> Array:
    """Return float16 as float32, with which NumPy computes many times as fast."""
    return convert(array, SINGLE) if array.dtype is HALF else array


def has_dims(operand: Any) -> bool:
    """Whether an operand is a tensor with at least one dim."""
    return not is_number(operand) and operand.ndim > 0


def to_full_precision(operand: Any, array: Array) -> Array:
    """Return a number or a 0-d tensor as a 0-d float32 array on the device of ``array``."""
    if is_number(operand):
        return lift_number(operand, SINGLE, array)
    own: Array = operand.array
    return own.astype(SINGLE) if own.__class__ is array.__class__ else lift_number(own.item(), SINGLE, array)


def array_beside(number: Number, tensor: TensorBase) -> Array:
    """Return a tensor's array in its common dtype with a number."""
    array = tensor.array
    return array if is_weaker(number, array) else recast(array, scalars.number_dtype(number, tensor.dtype).numpy)


def is_weaker(number: Any, array: Array) -> bool:
    """Whether a number does not change the array's dtype, as an int beside ints or a real number beside floats."""
    return number.__class__ in WEAKER[array.dtype.kind]


WEAKER: dict[str, frozenset[type]] = {
    "b": frozenset((bool,)),
    "u": frozenset((bool, int)),
    "i": frozenset((bool, int)),
    "f": frozenset((bool, int, float)),
    "c": frozenset((bool, int, float, complex)),
}


def dtype_beside(number: Number, array: Array) -> Any:
    """Return the array library's common dtype of a number and an array."""
    if is_weaker(number, array):
        return array.dtype
    return scalars.number_dtype(number, dtypes.from_numpy(array.dtype)).numpy


def number_beside(number: Number, array: Array) -> Array:
    """Return a number as a 0-d array of its common dtype with the array."""
    common = dtype_beside(number, array)
    return lift_number(number, common, array)


def promote(*tensors: TensorBase | Number) -> Any:
    """Return the operands as arrays of their common dtype on one device, to which 0-d host tensors are moved."""
    common = result_dtype(*tensors).numpy
    like = same_device(*tensors)
    return tuple([
        fit_or_overflow(t, common, like.array) if t.__class__ in NUMBERS else cast_to(t, common, like)
        for t in tensors
    ])


def promote_in_singles(*tensors: TensorBase | Number) -> Any:
    """Return the promoted operands, float16 as float32, and the dtype to which the result is rounded.

    Numbers beside float16 are not rounded to it: see Note [Halves beside numbers].
    """
    common = result_dtype(*tensors).numpy
    if common is not HALF:
        return promote(*tensors), common
    like = same_device(*tensors)
    return [
        fit_number(t, SINGLE, like.array) if is_number(t) else convert(cast_to(t, common, like), SINGLE)
        for t in tensors
    ], common


def as_floats(a: Any, b: Any) -> tuple[Array, Array]:
    """Cast two operands to the default floating-point dtype directly: 256 must not pass through uint8."""
    common = dtypes.get_default_dtype().numpy
    if is_number(a):
        return lift_number(a, common, b.array), b.array.astype(common)
    if is_number(b):
        return a.array.astype(common), lift_number(b, common, a.array)
    like = same_device(a, b)
    return cast_to(a, common, like), cast_to(b, common, like)


def lift_number(number: Any, common: Any, array: Array) -> Array:
    """Return a number as a 0-d array of a dtype on the device of ``array``; integers wrap."""
    found = lift(number, common)
    return found if array.__class__ is HostArray else found[()]


def fit_number(number: Any, common: Any, array: Array) -> Array:
    """Return a number as a 0-d array of a dtype on the device of ``array``; raise if it overflows the dtype."""
    found = fit(number, common)
    return found if array.__class__ is HostArray else found[()]


def fit_or_overflow(number: Any, common: Any, array: Array) -> Array:
    """Return a number as ``fit_number`` does, but infinite where it overflows float16."""
    return lift_number(number, common, array) if common.char == "e" else fit_number(number, common, array)


def fit_beside(number: Any, array: Array) -> Array:
    """Return a number as ``number_beside`` does, but raise where an integer would wrap."""
    common = dtype_beside(number, array)
    return fit_or_overflow(number, common, array)


def cast_to(tensor: Any, common: Any, like: Any) -> Array:
    """Return a tensor's array in a dtype; a 0-d host tensor is moved to the device of ``like``."""
    array = tensor.array
    if array.__class__ is not like.array.__class__:
        array = like.backend.from_host(array, like.device.index)
    return array if array.dtype == common else recast(array, common)


def recast(array: Array, common: Any) -> Array:
    """Return a copy in another dtype."""
    copy = convert(array, common)
    if tracing.get():
        record_copy("cast", copy)
    return copy


def result_dtype(*tensors: Any) -> dtype:
    """Return the common dtype of tensors and numbers."""
    return dtypes.result_type([dtype_and_kind(each) for each in tensors])


def result_type(tensor: Any, other: Any) -> dtype:
    """Return the common dtype of two operands ``tensor`` and ``other``, tensors or numbers.

    >>> import minitensor as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.5)
    torch.float32
    """
    return result_dtype(tensor, other)


def dtype_and_kind(operand: Any) -> tuple[dtype, Kind]:
    """Return an operand's dtype and its rank in promotion."""
    if isinstance(operand, TensorBase):
        return operand.dtype, Kind.DIMENSIONED if operand.ndim else Kind.ZERO_DIM
    if isinstance(operand, (int, float, complex)):
        return scalars.dtype_of_number(operand), Kind.NUMBER
    if is_scalar(operand, Complex):
        return dtype_and_kind(operand.item())
    raise ArgumentTypeError(f"expected a tensor or a number, got {type(operand).__name__}: use tensor(...) on it")


def same_device(*tensors: Any) -> Any:
    """Return an operand on the device to compute on; raise if the operands are on several."""
    arrays = [each for each in tensors if isinstance(each, TensorBase)]
    # A 0-d tensor on the host counts as a number: it goes with tensors of any device.
    like = next((each for each in arrays if each.ndim or each.device.type != "cpu"), arrays[0])
    for each in arrays:
        if each.device != like.device and (each.ndim or each.device.type != "cpu"):
            raise DeviceError(
                f"expected all tensors on one device, got {like.device} and {each.device}: move one with .to(...)"
            )
    return like


def require_tensors(name: str, **arguments: Any) -> None:
    """Raise, naming the op, if an argument is not a tensor."""
    for argument, value in arguments.items():
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, argument, value)


def not_a_tensor(name: str, argument: str, value: Any) -> WrongTypeError:
    """Return the error for an argument that is not a tensor."""
    return WrongTypeError(
        f"{name}(): argument {argument!r} must be a tensor, not {type(value).__name__}; use tensor(...) on it"
    )


def read_positions(name: str, indices: Any) -> tuple[Any, ...]:
    """Return an index of tensors, with None as a slice of the whole dim; raise for anything else."""
    if not isinstance(indices, (list, tuple)) or not all(i is None or isinstance(i, TensorBase) for i in indices):
        raise ArgumentTypeError(
            f"{name}(): argument 'indices' must be a sequence of tensors, not {type(indices).__name__}: "
            f"{quote(indices)}"
        )
    return tuple([slice(None) if each is None else each for each in indices])


def as_float(input: Tensor) -> Array:
    """Return the array, integers and bools cast to the default floating-point dtype."""
    array = input.array
    return array if array.dtype.kind in "fc" else recast(array, dtypes.get_default_dtype().numpy)


def library_of(*tensors: Any) -> Library:
    """Return the array library of operands, some of which may be numbers."""
    library: Library = same_device(*tensors).xp
    return library


def backend_of(*tensors: Any) -> Backend:
    """Return the backend of operands, some of which may be numbers."""
    backend: Backend = same_device(*tensors).backend
    return backend


def ordered_arrays(name: str, input: Operand, other: Operand, kinds: str = ORDERED) -> tuple[Array, Array]:
    """Return two tensors' arrays in their common dtype; raise if it is not one of ``kinds``."""
    a, b = tensors(name, input, other)
    return of_kind(name, kinds, a), b
