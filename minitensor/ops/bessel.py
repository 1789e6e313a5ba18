"""Bessel functions that PyTorch has in ``torch.special`` alone, and the Airy function. They have no gradients there.

The modified ones of the first kind are ``i0`` and ``i1`` under other names; those of the second kind and the Airy
function need SciPy (``pip install minitensor-py[scipy]``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minitensor.autograd.declare import nondifferentiable
from minitensor.autograd.strides import in_layout, of_tensors
from minitensor.ops.kinds import FLOATS, unsupported_dtype_error
from minitensor.ops.special import cast_result, to_floats

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor


def compute(name: str, function: Callable[[Array], Array], input: Tensor) -> Array:
    """Return a function of floats or integers in double precision, cast to the input's dtype; halves are refused."""
    if input.array.dtype.kind == "f" and input.array.dtype.itemsize == 2:
        raise unsupported_dtype_error(name, FLOATS, input.array.dtype)
    return cast_result(function(to_floats(name, input)), input)


@nondifferentiable
@in_layout(of_tensors)
def airy_ai(x: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the Airy function Ai, a solution of ``y'' = x y`` (needs SciPy).

    >>> import minitensor as torch
    >>> torch.special.airy_ai(torch.tensor([0., 1.]))
    tensor([0.3550, 0.1353])
    """
    return compute("airy_ai", x.backend.airy_ai, x)


@nondifferentiable
@in_layout(of_tensors)
def spherical_bessel_j0(x: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the spherical Bessel function of order 0, ``sin(x) / x``.

    >>> import minitensor as torch
    >>> torch.special.spherical_bessel_j0(torch.tensor([0., 1.]))
    tensor([1.0000, 0.8415])
    """
    xp = x.xp

    def quotient(values: Array) -> Array:
        is_zero = values == 0
        found: Array = xp.where(is_zero, 1.0, xp.sin(values) / xp.where(is_zero, 1.0, values))
        return xp.where(xp.isinf(values), 0.0, found)

    return compute("spherical_bessel_j0", quotient, x)


@nondifferentiable
@in_layout(of_tensors)
def modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 0; see ``i0``.

    >>> import minitensor as torch
    >>> torch.special.modified_bessel_i0(torch.tensor([0., 1.]))
    tensor([1.0000, 1.2661])
    """
    return compute("modified_bessel_i0", input.backend.i0, input)


@nondifferentiable
@in_layout(of_tensors)
def modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the first kind of order 1; see ``i1``.

    >>> import minitensor as torch
    >>> torch.special.modified_bessel_i1(torch.tensor([0., 1.]))
    tensor([0.0000, 0.5652])
    """
    return compute("modified_bessel_i1", input.backend.i1, input)


@nondifferentiable
@in_layout(of_tensors)
def modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the second kind of order 0 (needs SciPy).

    >>> import minitensor as torch
    >>> torch.special.modified_bessel_k0(torch.tensor([0., 1.]))
    tensor([   inf, 0.4210])
    """
    return compute("modified_bessel_k0", input.backend.k0, input)


@nondifferentiable
@in_layout(of_tensors)
def modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Array:
    """Return the modified Bessel function of the second kind of order 1 (needs SciPy).

    >>> import minitensor as torch
    >>> torch.special.modified_bessel_k1(torch.tensor([0., 1.]))
    tensor([   inf, 0.6019])
    """
    return compute("modified_bessel_k1", input.backend.k1, input)


@nondifferentiable
@in_layout(of_tensors)
def scaled_modified_bessel_k0(x: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(x)`` times the modified Bessel function of the second kind of order 0 (needs SciPy).

    >>> import minitensor as torch
    >>> torch.special.scaled_modified_bessel_k0(torch.tensor([0., 1.]))
    tensor([   inf, 1.1445])
    """
    return compute("scaled_modified_bessel_k0", x.backend.k0e, x)


@nondifferentiable
@in_layout(of_tensors)
def scaled_modified_bessel_k1(x: Tensor, *, out: Tensor | None = None) -> Array:
    """Return ``exp(x)`` times the modified Bessel function of the second kind of order 1 (needs SciPy).

    >>> import minitensor as torch
    >>> torch.special.scaled_modified_bessel_k1(torch.tensor([0., 1.]))
    tensor([   inf, 1.6362])
    """
    return compute("scaled_modified_bessel_k1", x.backend.k1e, x)
