"""Functions that integrals define: the error function and its complement.

How they are computed is a backend's business (``backends/reference/special.py``); here stand their gradients.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minitensor.autograd.record import differentiable
from minitensor.errors import DtypeError
from minitensor.ops.pointwise import as_float, exp

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def precise(name: str, input: Tensor) -> Array:
    """Return the array in the precision to compute in: single for halves, else its own."""
    array = as_float(input)
    if array.dtype.kind == "c":
        raise DtypeError(f"{name}: not implemented for {input.dtype.name}")
    return array.astype("float32") if array.dtype.itemsize == 2 else array


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (2 / math.sqrt(math.pi)))
def erf(input: Tensor) -> Array:
    """Return the error function, the integral of ``2 / sqrt(pi) * exp(-t * t)`` from 0 to each element."""
    return input.backend.erf(precise("erf", input)).astype(as_float(input).dtype, copy=False)


@differentiable(input=lambda grad, input: grad * exp(-input * input) * (-2 / math.sqrt(math.pi)))
def erfc(input: Tensor) -> Array:
    """Return ``1 - erf(input)``, exact where that is small."""
    return input.backend.erfc(precise("erfc", input)).astype(as_float(input).dtype, copy=False)
