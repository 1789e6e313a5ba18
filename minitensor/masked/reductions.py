"""Reductions of the elements that a mask lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.dtypes import bool_, float32, int8, int16, int32, int64, uint8
from minitensor.errors import ArgumentError, GuardError
from minitensor.masked.masks import fill, refuse_sparse, sorted_dims, spread_mask, unmask
from minitensor.ops import exponentials, extremes, quantile, reduce
from minitensor.ops.creation import ones
from minitensor.ops.linalg.power_norm import vector_norm

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.ops.reduce import Dims
    from minitensor.tensor import Tensor

SHORTER = (uint8, bool_, int8, int16, int32)


def dtype_of_sums(input: Tensor) -> Dtype:
    """Return int64 for shorter integers, and any other dtype as it is."""
    return int64 if input.dtype in SHORTER else input.dtype


def sum(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the sum of the elements at which ``mask`` is true; 0 where there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.sum(torch.tensor([1., 2., 4.]), mask=torch.tensor([True, False, True]))
    tensor(5.)
    """
    wanted = dtype_of_sums(input) if dtype is None else dtype
    return reduce.sum(fill("sum", input, mask), sorted_dims(dim, input.ndim), bool(keepdim), dtype=wanted)


def prod(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the product of the elements at which ``mask`` is true; 1 where there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.prod(torch.tensor([3., 2., 4.]), mask=torch.tensor([True, False, True]))
    tensor(12.)
    """
    result = fill("prod", input, mask).to(dtype_of_sums(input) if dtype is None else dtype)
    for each in reversed(sorted_dims(dim, input.ndim)):
        result = reduce.prod(result, each, bool(keepdim))
    return result


def amax(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the largest of the elements at which ``mask`` is true; the lowest number of the dtype if there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.amax(torch.tensor([1., 9., 4.]), mask=torch.tensor([True, False, True]))
    tensor(4.)
    """
    filled = fill("amax", input, mask)
    return extremes.amax(filled, sorted_dims(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


def amin(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the smallest of the elements at which ``mask`` is true; the highest number of the dtype if there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.amin(torch.tensor([3., 1., 4.]), mask=torch.tensor([True, False, True]))
    tensor(3.)
    """
    filled = fill("amin", input, mask)
    return extremes.amin(filled, sorted_dims(dim, input.ndim), bool(keepdim)).to(dtype or input.dtype)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return where the largest of the elements is at which ``mask`` is true.

    Args:
        input: Real numbers, or a ``MaskedTensor``, whose mask is then used.
        dtype: The result's dtype. Default: that of ``input``, as in PyTorch; pass int64 to index with the result.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.argmax(torch.tensor([1., 9., 4.]), mask=torch.tensor([True, False, True]))
    tensor(2.)
    """
    return extremes.argmax(fill("argmax", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return where the smallest of the elements is at which ``mask`` is true.

    Args:
        input: Real numbers, or a ``MaskedTensor``, whose mask is then used.
        dtype: The result's dtype. Default: that of ``input``, as in PyTorch; pass int64 to index with the result.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.argmin(torch.tensor([3., 1., 4.]), mask=torch.tensor([True, False, True]))
    tensor(0.)
    """
    return extremes.argmin(fill("argmin", input, mask), dim, bool(keepdim)).to(dtype or input.dtype)


def count(input: Tensor, dim: Dims, keepdim: bool, mask: Tensor | None) -> Tensor:
    """Return how many elements a mask lets in."""
    if mask is None:
        mask = ones(input.shape, dtype=bool_, device=input.device)
    return reduce.sum(spread_mask(input, mask), sorted_dims(dim, input.ndim), keepdim)


def mean(
    input: Tensor, dim: Dims = None, *, keepdim: bool | None = False, dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Return the mean of the elements at which ``mask`` is true; NaN where there are none.

    Args:
        input: Floating-point or complex numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.
        ValueError: If the result's dtype is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> torch.masked.mean(torch.tensor([1., 9., 4.]), mask=torch.tensor([True, False, True]))
    tensor(2.5000)
    """
    wanted = input.dtype if dtype is None else dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        given = "Input" if dtype is None else "Optional"
        raise ArgumentError(
            f"mean(): Could not infer output dtype. {given} dtype must be either a floating point or complex dtype. "
            f"Got: {wanted}"
        )
    data, mask = unmask(input, mask)
    total = sum(data, dim, keepdim=keepdim, dtype=wanted, mask=mask)
    return total / count(data, dim, bool(keepdim), mask)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the median of the elements at which ``mask`` is true; NaN where there are none.

    Args:
        input: Real numbers, or a ``MaskedTensor``, whose mask is then used.
        dim: The dim to reduce. Default: ``-1``.
        dtype: The result's dtype for integers. Default: that of ``input``.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.
        ValueError: If ``input`` has integers, and a row is masked out as a whole.

    >>> import minitensor as torch
    >>> torch.masked.median(torch.tensor([1., 9., 4., 5.]), mask=torch.tensor([True, False, True, True]))
    tensor(4.)
    """
    data, mask = unmask(input, mask)
    place = sorted_dims(dim, data.ndim)[0]
    floats = data if data.is_floating_point() else data.to(float32)
    found: Tensor = quantile.nanmedian(fill("median", floats, mask), place, keepdim).values
    if data.is_floating_point():
        return found
    if found.isnan().any():
        raise ArgumentError("masked median expects no fully masked out rows if dtype is not floating point")
    return found.to(data.dtype if dtype is None else dtype)


def norm(
    input: Tensor, ord: float | None = 2.0, dim: Dims = None, *, keepdim: bool | None = False,
    dtype: Dtype | None = None, mask: Tensor | None = None,
) -> Tensor:
    """Return the norm of the elements at which ``mask`` is true, as ``linalg.vector_norm`` does.

    Args:
        input: Floating-point or complex numbers, or a ``MaskedTensor``, whose mask is then used.
        ord: Order of the norm. Default: ``2.0``.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.norm(torch.tensor([3., 9., 4.]), mask=torch.tensor([True, False, True]))
    tensor(5.)
    """
    order = 2.0 if ord is None else ord
    filled = fill("norm", input, mask, order)
    return vector_norm(filled, order, sorted_dims(dim, input.ndim), bool(keepdim), dtype=dtype or input.dtype)


def logsumexp(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """Return the logarithm of the sum of exponentials of the elements at which ``mask`` is true.

    Args:
        input: Floating-point numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.logsumexp(torch.tensor([0., 9., 0.]), 0, mask=torch.tensor([True, False, True]))
    tensor(0.6931)
    """
    filled = fill("logsumexp", input, mask)
    return reduce.logsumexp(filled, sorted_dims(dim, input.ndim), keepdim).to(dtype or input.dtype)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: Dtype | None = None, input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """Return ``log(exp(input) + exp(other))``, where an element that its mask leaves out counts as -inf.

    Args:
        input: Floating-point numbers.
        other: Floating-point numbers of a shape that broadcasts with that of ``input``.
        input_mask: Booleans that broadcast to the shape of ``input``. Default: ``None``.
        other_mask: Booleans that broadcast to the shape of ``other``. Default: ``None``.

    Raises:
        IndexError: If a mask has more dims than its tensor.

    >>> import minitensor as torch
    >>> mask = torch.tensor([True, False])
    >>> torch.masked.logaddexp(torch.tensor([-100., -200.]), torch.tensor([-1., -2.]), input_mask=mask, other_mask=mask)
    tensor([-1., -inf])
    """
    filled = fill("logaddexp", input, input_mask), fill("logaddexp", other, other_mask)
    return exponentials.logaddexp(*filled).to(dtype or input.dtype)


def spread_of(
    input: Tensor, dim: Dims, unbiased: bool | None, correction: float | None, keepdim: bool | None,
    dtype: Dtype | None, mask: Tensor | None,
) -> Tensor:
    """Return the variance of what a mask lets in; see ``var``."""
    if unbiased is not None and correction is not None:
        raise GuardError("Only one of unbiased and correction may be given")
    taken = correction if correction is not None else float(unbiased is not False)
    data, mask = unmask(input, mask)
    refuse_sparse("std/var", data)
    wanted = data.dtype if dtype is None else dtype
    computed = wanted if wanted.is_floating_point or wanted.is_complex else float32
    number = count(data, dim, True, mask)
    offset = data - sum(data, dim, keepdim=True, dtype=computed, mask=mask) / number
    total = sum(offset * offset.conj(), dim, keepdim=keepdim, dtype=computed, mask=mask)
    number = number.reshape(total.shape)
    return (total / ((number - taken).clamp(min=0) if taken else number)).to(computed if dtype is None else dtype)


def var(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool | None = False, dtype: Dtype | None = None, mask: Tensor | None = None,
) -> Tensor:
    """Return the variance of the elements at which ``mask`` is true; NaN where there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        unbiased: Whether to divide by the number of elements minus one. Default: ``None``, which means so.
        correction: What to subtract from the number of elements. Default: ``None``, which means 1.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        AssertionError: If both ``unbiased`` and ``correction`` are given.
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.var(torch.tensor([1., 9., 3.]), mask=torch.tensor([True, False, True]))
    tensor(2.)
    """
    return spread_of(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor, dim: Dims = None, unbiased: bool | None = None, *, correction: int | None = None,
    keepdim: bool | None = False, dtype: Dtype | None = None, mask: Tensor | None = None,
) -> Tensor:
    """Return the standard deviation of the elements at which ``mask`` is true; NaN where there are none.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        unbiased: Whether to divide by the number of elements minus one. Default: ``None``, which means so.
        correction: What to subtract from the number of elements. Default: ``None``, which means 1.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        AssertionError: If both ``unbiased`` and ``correction`` are given.
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.std(torch.tensor([1., 9., 3.]), mask=torch.tensor([True, False, True]))
    tensor(1.4142)
    """
    return spread_of(input, dim, unbiased, correction, keepdim, dtype, mask).sqrt()
