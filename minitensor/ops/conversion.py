"""Conversion of tensors to NumPy and Python: arrays, lists, numbers, truth values, iteration.

Printing, copying and pickling are in ``face.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.binding import host_value
from minitensor.autograd.mode import grad_mode
from minitensor.backends import HostArray
from minitensor.backends.encoded import plain
from minitensor.base import TensorBase, elements_of, encoded_array, is_encoded
from minitensor.compat.once import warn_once
from minitensor.copies import record_copy, tracing
from minitensor.dtypes import UNSIGNED, bfloat16
from minitensor.errors import (
    ArgumentError,
    ArgumentTypeError,
    DtypeError,
    EncodedError,
    GradError,
    ScalarError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def numpy(input: Tensor, *, force: bool = False) -> Array:
    """Return the elements as a NumPy array that shares the memory.

    Args:
        force: whether to detach the tensor and copy it to the host if necessary, instead of raising.

    Raises:
        RuntimeError: If the tensor requires grad.
        TypeError: If the tensor is on a GPU.

    >>> import minitensor as torch
    >>> torch.tensor([1, 2]).numpy()
    array([1, 2])
    """
    if not force:
        if input.node is not None and grad_mode.get():
            raise GradError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if input.device.type != "cpu":
            raise ArgumentTypeError(
                f"can't convert {input.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to "
                "host memory first."
            )
    if input.dtype is bfloat16:
        raise ArgumentTypeError("Got unsupported ScalarType BFloat16: NumPy has no such dtype; use .float().numpy()")
    if input.dtype in UNSIGNED:
        return plain(encoded_array(input)).view(input.dtype.arithmetic)
    if is_encoded(input):
        if not force:
            bit, way = ("conjugate", "resolve_conj") if input.dtype.is_complex else ("negative", "resolve_neg")
            raise UsageError(f"Can't call numpy() on Tensor that has {bit} bit set. Use tensor.{way}().numpy().")
        return elements_of(input)
    _ = input.layout  # fixes the memory: an array that was handed out is never replaced
    array: Array = input.backend.to_host(input.array).view()
    return array


def to_array(input: Tensor, dtype: Any = None, copy: bool | None = None) -> Array:
    """Serve ``numpy.asarray(tensor)``."""
    array = numpy(input)
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ArgumentError(f"a copy is needed to cast {array.dtype} to {dtype}, but copy=False forbids it")
        return array.astype(dtype)
    return array.copy() if copy else array


def tolist(input: Tensor) -> Any:
    """Return the elements as nested lists of Python numbers; a 0-d tensor gives a number.

    >>> import minitensor as torch
    >>> torch.tensor([[1, 2], [3, 4]]).tolist()
    [[1, 2], [3, 4]]
    """
    return input.backend.to_host(elements_of(input)).tolist()


def item(input: Tensor) -> Any:
    """Return the only element as a Python number.

    Raises:
        RuntimeError: If the tensor has more or fewer elements than one.

    >>> import minitensor as torch
    >>> torch.tensor([2.5]).item()
    2.5
    """
    try:
        array = input.array
    except EncodedError:
        array = elements_of(input)
    if array.size != 1:
        raise ScalarError(
            f"a Tensor with {array.size} elements cannot be converted to Scalar; index it, reduce it, or use tolist()"
        )
    return array.item() if array.__class__ is HostArray else one_number(array)


def one_number(array: Array) -> Any:
    """Return an array's only element as a Python number; from a device this copies a few bytes and waits."""
    if tracing.get() and array.__class__ is not HostArray:
        record_copy("to host", array)
    return array.item()


def truth(input: Tensor) -> bool:
    """Serve ``bool(tensor)``: return whether the only element is nonzero."""
    size = input.numel()
    if size > 1:
        raise ScalarError(
            f"Boolean value of Tensor with more than one value is ambiguous (shape {tuple(input.shape)}); use any() or "
            "all()"
        )
    if not size:
        raise ScalarError("Boolean value of Tensor with no values is ambiguous; use numel()")
    return bool(one_number(elements_of(input)))


def number(input: Tensor) -> Any:
    """Return the only element, for ``int``, ``float`` and ``complex``."""
    if input.numel() != 1:
        raise ArgumentError(
            f"only one element tensors can be converted to Python scalars, got shape {tuple(input.shape)}"
        )
    return one_number(elements_of(input))


def integer_number(input: Tensor) -> int:
    """Serve ``int(tensor)``; raise for a complex number with an imaginary part."""
    return int(real_part("int64", number(input)))


def real_number(input: Tensor) -> float:
    """Serve ``float(tensor)``."""
    warn_of_lost_graph(input)
    return float(real_part("float64", number(input)))


def real_part(wanted: str, value: Any) -> Any:
    """Return the real part of a number; raise if its imaginary part is not zero."""
    if not isinstance(value, complex):
        return value
    if value.imag:
        raise DtypeError(f"value cannot be converted to {wanted} without overflow: {value}; take .real or abs()")
    return value.real


def complex_number(input: Tensor) -> complex:
    """Serve ``complex(tensor)``."""
    warn_of_lost_graph(input)
    return complex(number(input))


def warn_of_lost_graph(input: Tensor) -> None:
    """Warn if a number is made of a tensor that requires grad: it does not know where it comes from."""
    if input.requires_grad:
        warn_once(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior: use "
            "tensor.detach() first."
        )


def as_index(input: Tensor) -> int:
    """Serve ``operator.index(tensor)``, by which ranges and lists accept a tensor as an int."""
    if input.numel() != 1 or input.dtype.kind not in "biu":
        raise ArgumentTypeError(
            "only integer tensors of a single element can be converted to an index, got "
            f"{input.dtype.name} of shape {tuple(input.shape)}"
        )
    return int(elements_of(input).item())


def length(input: Tensor) -> int:
    """Serve ``len(tensor)``: the size of the first dim."""
    shape = input.layout.shape
    if not shape:
        raise ArgumentTypeError("len() of a 0-d tensor")
    return shape[0]


def iterate(input: Tensor) -> Iterator[Tensor]:
    """Serve ``for row in tensor``."""
    if not input.layout.shape:
        raise ArgumentTypeError("iteration over a 0-d tensor; use item() or reshape(-1)")
    return iter(input.unbind(0))


def contains(input: Tensor, element: Any) -> bool:
    """Serve ``element in tensor``."""
    element = host_value(element, None)
    if not isinstance(element, (TensorBase, bool, int, float, complex)):
        raise DtypeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {element.__class__}."
        )
    return bool((input == element).array.any())
