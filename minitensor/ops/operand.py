"""The one place where operands meet: numbers are lifted, dtypes promoted, devices compared.

``operands(a, b)`` gives the two arrays on which an elementwise op computes. It knows PyTorch's rule that a tensor with
dimensions outranks a 0-d tensor, and that one a Python number; it computes nothing itself.

Note [Halves beside numbers]. As in PyTorch, float16 is computed with in single precision and the result is rounded
once. A number need not be a half then: of ``x / 70000`` and ``x * 1e-8`` something is left, though 70000 is infinite in
float16 and 1e-8 is zero. It counts in full as the second operand of ``mul`` and ``div``, with every rounding mode, on
the left of ``*`` and ``/``, as the weight of ``lerp``, the ``value`` of ``addcmul`` and ``addcdiv`` and in the
activations. In sums, remainders, powers, comparisons and ``where``, and as the first argument of ``mul`` and ``div``,
PyTorch rounds it to float16 first, and so does this library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

from minitensor import dtypes
from minitensor.autograd.binding import NUMBERS
from minitensor.backends import HostArray
from minitensor.base import TensorBase
from minitensor.copies import note_copy, tracing
from minitensor.dtypes import Kind, fit, lift
from minitensor.errors import ArgumentTypeError, DeviceError, WrongTypeError

if TYPE_CHECKING:
    from minitensor.backends import Array
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
    """Return the operands of an op whose second one alone may be a number."""
    if b.__class__ in NUMBERS:  # without a call of is_number: comparisons are as frequent as sums
        return tensor_and_number(a, b)
    if a.__class__ in NUMBERS:
        raise not_a_tensor(name, "input", a)
    return two_arrays(a, b)


def tensors(name: str, a: Any, b: Any) -> tuple[Array, Array]:
    """Return the operands of an op that takes no numbers."""
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
    x, y = promoted(a, b)
    return x, y


def is_number(operand: Any) -> TypeGuard[Number]:
    """Whether an operand is a plain Python number."""
    return operand.__class__ in NUMBERS


def tensor_and_number(tensor: Any, number: Any) -> tuple[Array, Array]:
    """Return a tensor's array and a number, as a 0-d array, in the dtype in which they meet."""
    array = tensor.array
    kind: Any = number.__class__
    if kind not in WEAKER[array.dtype.kind]:
        return array_beside(number, tensor), number_beside(number, array)
    # A 0-d array, not 2.0: NumPy spends 300 ns more on a Python float.
    lifted: Array = lift(number, array.dtype)
    return array, lifted if array.__class__ is HostArray else lifted[()]  # CuPy takes NumPy's scalars, not its arrays


def in_singles(a: Array, b: Array, other: Any) -> tuple[Array, Array]:
    """Return two operands in singles, halves before; ``other``, the second one, in full if it is a number or 0-d.

    See Note [Halves beside numbers].
    """
    return a.astype(SINGLE), b.astype(SINGLE) if has_dims(other) else in_full(other, b)


def has_dims(operand: Any) -> bool:
    """Whether an operand is a tensor of one dim or more."""
    return not is_number(operand) and operand.ndim > 0


def in_full(operand: Any, array: Array) -> Array:
    """Return a number, or a tensor without dims, as a 0-d array of singles for the device of ``array``."""
    if is_number(operand):
        return lifted(operand, SINGLE, array)
    own: Array = operand.array
    return own.astype(SINGLE) if own.__class__ is array.__class__ else lifted(own.item(), SINGLE, array)


def array_beside(number: Number, tensor: TensorBase) -> Array:
    """Return a tensor's array in the dtype in which it meets a number."""
    array = tensor.array
    return array if meets(number, array) else recast(array, dtypes.number_dtype(number, tensor.dtype).numpy)


def meets(number: Any, array: Array) -> bool:
    """Whether a number leaves the array's dtype as it is: ints beside ints, reals beside floats."""
    return number.__class__ in WEAKER[array.dtype.kind]


WEAKER: dict[str, frozenset[type]] = {
    "b": frozenset((bool,)),
    "u": frozenset((bool, int)),
    "i": frozenset((bool, int)),
    "f": frozenset((bool, int, float)),
    "c": frozenset((bool, int, float, complex)),
}


def number_beside(number: Number, array: Array) -> Array:
    """Return a number as a 0-d array of the dtype in which it meets the array."""
    common = array.dtype if meets(number, array) else dtypes.number_dtype(number, dtypes.from_numpy(array.dtype)).numpy
    return lifted(number, common, array)


def promoted(*tensors: TensorBase | Number) -> Any:
    """Return the operands as arrays of their common dtype, on one device; a 0-d host tensor may join a device."""
    common = result_dtype(*tensors).numpy
    like = same_device(*tensors)
    return tuple([
        fitted_or_infinite(t, common, like.array) if t.__class__ in NUMBERS else cast_to(t, common, like)
        for t in tensors
    ])


def promoted_in_singles(*tensors: TensorBase | Number) -> Any:
    """Return operands as ``promoted`` does, but halves in singles and numbers beside them in full, and the dtype to
    which the result is rounded. See Note [Halves beside numbers].
    """
    common = result_dtype(*tensors).numpy
    if common is not HALF:
        return promoted(*tensors), common
    like = same_device(*tensors)
    return [
        fitted(t, SINGLE, like.array) if is_number(t) else cast_to(t, common, like).astype(SINGLE) for t in tensors
    ], common


def as_floats(a: Any, b: Any) -> tuple[Array, Array]:
    """Return two operands in the default floating-point dtype, each cast by itself: 256 is no uint8 on the way."""
    common = dtypes.get_default_dtype().numpy
    if is_number(a):
        return lifted(a, common, b.array), b.array.astype(common)
    if is_number(b):
        return a.array.astype(common), lifted(b, common, a.array)
    like = same_device(a, b)
    return cast_to(a, common, like), cast_to(b, common, like)


def lifted(number: Any, common: Any, array: Array) -> Array:
    """Return a number as a 0-d array of a dtype, for the device of ``array``; integers wrap."""
    found = lift(number, common)
    return found if array.__class__ is HostArray else found[()]


def fitted(number: Any, common: Any, array: Array) -> Array:
    """Return a number as a 0-d array of a dtype, for the device of ``array``; raise if it overflows the dtype."""
    found = fit(number, common)
    return found if array.__class__ is HostArray else found[()]


def fitted_or_infinite(number: Any, common: Any, array: Array) -> Array:
    """Return a number as ``fitted`` does, but let halves overflow to infinity, where PyTorch computes in singles."""
    return lifted(number, common, array) if common.char == "e" else fitted(number, common, array)


def fitted_beside(number: Any, array: Array) -> Array:
    """Return a number as ``number_beside`` does, but raise where integers wrap."""
    common = array.dtype if meets(number, array) else dtypes.number_dtype(number, dtypes.from_numpy(array.dtype)).numpy
    return fitted_or_infinite(number, common, array)


def cast_to(tensor: Any, common: Any, like: Any) -> Array:
    """Return a tensor's array in a dtype, moved to ``like``'s device when it is a 0-d host tensor."""
    array = tensor.array
    if array.__class__ is not like.array.__class__:
        array = like.backend.asarray(array, like.device.index)
    return array if array.dtype == common else recast(array, common)


def recast(array: Array, common: Any) -> Array:
    """Return a copy in another dtype."""
    copy: Array = array.astype(common)
    if tracing.get():
        note_copy("cast", copy)
    return copy


def result_dtype(*tensors: Any) -> dtype:
    """Return the dtype in which tensors and numbers meet."""
    return dtypes.result_type([fact(each) for each in tensors])


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """Return the dtype in which two operands, tensors or numbers, meet.

    >>> import minitensor as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.5)
    torch.float32
    """
    return result_dtype(tensor1, tensor2)


def fact(operand: Any) -> tuple[dtype, Kind]:
    """Return an operand's dtype and rank."""
    if isinstance(operand, TensorBase):
        return operand.dtype, Kind.DIMENSIONED if operand.ndim else Kind.ZERO_DIM
    if isinstance(operand, (int, float, complex)):
        return dtypes.dtype_of_number(operand), Kind.NUMBER
    raise ArgumentTypeError(f"expected a tensor or a number, got {type(operand).__name__}: use tensor(...) on it")


def same_device(*tensors: Any) -> Any:
    """Return the operand that says where to compute; operands on two devices raise."""
    arrays = [each for each in tensors if isinstance(each, TensorBase)]
    like = next((each for each in arrays if each.ndim or each.device.type != "cpu"), arrays[0])
    for each in arrays:
        if each.device != like.device and (each.ndim or each.device.type != "cpu"):
            raise DeviceError(
                f"expected all tensors on one device, got {like.device} and {each.device}: move one with .to(...)"
            )
    return like


def require_tensors(name: str, **arguments: Any) -> None:
    """Refuse arguments that are no tensors."""
    for argument, value in arguments.items():
        if not isinstance(value, TensorBase):
            raise not_a_tensor(name, argument, value)


def not_a_tensor(name: str, argument: str, value: Any) -> WrongTypeError:
    """Return the error for an argument that is no tensor."""
    return WrongTypeError(
        f"{name}(): argument {argument!r} must be a tensor, not {type(value).__name__}; use tensor(...) on it"
    )
