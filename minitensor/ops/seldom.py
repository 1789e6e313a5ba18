"""Functions that scripts call now and then, each made of ops that stand elsewhere.

Limits on the norms of slices, powers side by side, tensors of one value, the range that includes its end, names of
types. Nothing here has a formula of its own: gradients come from the ops below.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.misuse import composite
from minitensor.autograd.record import host_value
from minitensor.errors import ArgumentTypeError, DtypeError, ShapeError
from minitensor.ops.cast import clone, copy_, fill_, legacy_name
from minitensor.ops.creation import chosen, dtype_of_range, full, hand_over, in_shape_of, library, limit
from minitensor.ops.cumulative import cumprod
from minitensor.ops.facts import is_tensor
from minitensor.ops.join import cat
from minitensor.ops.linalg.norms import vector_norm
from minitensor.ops.operand import require_tensors
from minitensor.ops.out import delivered
from minitensor.ops.pointwise import where
from minitensor.ops.shape import flip
from minitensor.shapes import wrap_dim

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.operand import Number, Operand
    from minitensor.tensor import Tensor

# Norms are taken in a wider dtype, as PyTorch takes them.
WIDER = {
    dtypes.float16: dtypes.float32,
    dtypes.float32: dtypes.float64,
    dtypes.complex64: dtypes.complex128,
}


def required_number(name: str, argument: str, value: Any) -> Any:
    """Return a number, or the value of a tensor without dims."""
    if is_tensor(value) and not value.ndim:
        value = value.item()
    value = host_value(value, None)
    if not isinstance(value, (bool, int, float, complex)):
        raise ArgumentTypeError(f"{name}: {argument} must be a number, got {type(value).__name__}")
    return value


# -- norms of slices ---------------------------------------------------------------------------------------------------


def limits_of_norms(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    """Return by what each slice along ``dim`` is to be multiplied so that its p-norm is at most ``maxnorm``."""
    require_tensors("renorm", input=input)
    power, limit = required_number("renorm", "p", p), required_number("renorm", "maxnorm", maxnorm)
    if isinstance(power, complex) or isinstance(limit, complex):
        raise DtypeError(f"renorm: p and maxnorm must be real, got {p} and {maxnorm}")
    if not power > 0:
        raise DtypeError(f"renorm: p must be greater than zero, got {p}")
    if not limit >= 0:
        raise DtypeError(f"renorm: maxnorm must be at least zero, got {maxnorm}")
    if input.ndim < 2:
        raise ShapeError(f"renorm: input needs at least 2 dims, got {input.ndim}; unsqueeze adds one")
    place = wrap_dim(dim, input.ndim)
    others = tuple([each for each in range_of(input.ndim) if each != place])
    norms = vector_norm(input, float(power), others, True, dtype=WIDER.get(input.dtype))
    limit = min(limit, dtypes.finfo(norms.dtype).max)  # an infinite one times a gradient of zero would be NaN
    over = norms > limit
    factors = where(over, limit / where(over, norms + 1e-7, 1.0), 1.0)
    cast: Tensor = factors.to(input.dtype)
    return cast


@composite
def renorm(input: Tensor, p: Number, dim: int, maxnorm: Number, *, out: Tensor | None = None) -> Tensor:
    """Return ``input`` with each slice along ``dim`` whose p-norm exceeds ``maxnorm`` scaled down to that norm.

    Raises:
        RuntimeError: ``p`` is not above zero, ``maxnorm`` below zero, or ``input`` has integers or less than two dims.
        IndexError: there is no such dim.

    >>> import minitensor as torch
    >>> torch.renorm(torch.tensor([[3., 4.], [0., 1.]]), 2, 0, 2.5)
    tensor([[1.5000, 2.0000],
            [0.0000, 1.0000]])
    """
    return delivered("renorm", input * limits_of_norms(input, p, dim, maxnorm), out, input)


@composite
def renorm_(input: Tensor, p: Number, dim: int, maxnorm: Number) -> Tensor:
    """Scale down, where they lie, the slices along ``dim`` whose p-norm exceeds ``maxnorm``; see ``renorm``."""
    require_tensors("renorm_", input=input)
    return copy_(input, renorm(clone(input), p, dim, maxnorm))  # a clone, for the graph keeps what is written over here


# -- powers ------------------------------------------------------------------------------------------------------------


@composite
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Return the Vandermonde matrix: in each row the powers of one element, from ``N - 1`` down to 0, or upwards.

    ``x`` has shape (n,), the result (n, N); N is n where it is not given. Integers and bools give int64.

    Raises:
        RuntimeError: ``x`` has other than one dim, or ``N`` is below zero.

    >>> import minitensor as torch
    >>> torch.vander(torch.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    require_tensors("vander", x=x)
    if x.ndim != 1:
        raise ShapeError(f"vander: x must have one dim, got shape {tuple(x.shape)}")
    count = x.shape[0] if N is None else N
    if count < 0:
        raise ShapeError(f"vander: N must be at least zero, got {N}")
    values = x if x.is_floating_point() or x.is_complex() else x.to(dtypes.int64)
    ones = values.new_ones((x.shape[0], min(count, 1)))
    powers = [ones]
    if count > 1:
        powers.append(cumprod(values.unsqueeze(1).expand(x.shape[0], count - 1), 1))
    result = cat(powers, 1)
    return result if increasing else flip(result, (1,))


# -- one value ---------------------------------------------------------------------------------------------------------


@composite
def fill(input: Tensor, value: Operand) -> Tensor:
    """Return a tensor like ``input`` with ``value``, a number or a tensor without dims, everywhere.

    >>> import minitensor as torch
    >>> torch.fill(torch.zeros(3), 2)
    tensor([2., 2., 2.])
    """
    require_tensors("fill", input=input)
    if not is_tensor(value):
        required_number("fill", "value", value)
    return fill_(clone(input), value)


def scalar_tensor(
    s: Number, *, dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a tensor without dims of the default dtype, or of that given; ``tensor`` goes by the number's own type.

    >>> import minitensor as torch
    >>> torch.scalar_tensor(3), torch.tensor(3)
    (tensor(3.), tensor(3))
    """
    wanted = dtypes.get_default_dtype() if dtype is None else dtype
    value = required_number("scalar_tensor", "s", s)
    return full((), value, dtype=wanted, device=device, requires_grad=requires_grad)


# -- ranges ------------------------------------------------------------------------------------------------------------

range_of = range  # Python's own, which the function below hides


def range(
    start: Number = 0, end: Number | None = None, step: Number = 1, *, out: Tensor | None = None,
    dtype: Dtype | None = None, device: DeviceLike = None, requires_grad: bool = False,
) -> Tensor:
    """Return ``start, start + step, ...`` up to and including ``end``; floats unless ``dtype`` says otherwise.

    PyTorch calls it deprecated, and so it warns: ``arange`` leaves the end out, as Python's range does.

    >>> import warnings
    >>> import minitensor as torch
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     print(torch.range(1, 2, 0.5))
    tensor([1.0000, 1.5000, 2.0000])

    Raises:
        RuntimeError: ``step`` is zero or leads away from ``end``, or a limit is not finite.
    """
    limits = [required_number("range", name, each) for name, each in (("start", start), ("end", end), ("step", step))]
    wanted = dtype_of_range("range", chosen(dtype, out), "bc")
    first, last, stride = [limit(each, wanted) for each in limits]
    if not all(math.isfinite(each) for each in (first, last, stride)):
        raise DtypeError(f"range: limits must be finite, got {first} -> {last} in steps of {stride}")
    whole = wanted.kind in "iu"
    if whole:
        first, last, stride = int(first), int(last), int(stride)
    if stride == 0:
        raise DtypeError("range: step must be nonzero")
    if (last - first) / stride < 0:
        raise DtypeError(f"range: step leads away from the end: {first} -> {last} in steps of {stride}")
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        stacklevel=2,
    )
    count = (last - first) // stride + 1 if whole else math.floor((last - first) / stride) + 1
    steps = library(device).arange(count)
    return hand_over("range", in_shape_of((first + steps * stride).astype(wanted), out), out, requires_grad)


# -- names -------------------------------------------------------------------------------------------------------------


def typename(obj: Any, /) -> str:
    """Return the name of a tensor's type, as ``Tensor.type()`` says it, or of any other object's class.

    >>> import minitensor as torch
    >>> torch.typename(torch.ones(2)), torch.typename(1)
    ('torch.FloatTensor', 'int')
    """
    if is_tensor(obj):
        return legacy_name(obj.dtype, obj.device)
    module = getattr(obj, "__module__", None)
    name = getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None) or type(obj).__qualname__
    return f"{module}.{name}" if module not in (None, "builtins") else str(name)
