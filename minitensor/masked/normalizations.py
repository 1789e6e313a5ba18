"""Running sums and products, softmax and normalization of the elements that a mask lets in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.masked.masks import fill, sorted_dims, unmask
from minitensor.masked.reductions import norm
from minitensor.ops import cumulative
from minitensor.ops import softmax as softmaxes
from minitensor.ops.choice import maximum

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the running sum along ``dim``, in which an element counts as 0 where ``mask`` is false.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.cumsum(torch.tensor([1., 2., 4.]), 0, mask=torch.tensor([True, False, True]))
    tensor([1., 1., 5.])
    """
    wanted = dtype or input.dtype
    return cumulative.cumsum(fill("sum", input, mask), sorted_dims(dim, input.ndim)[0], dtype=wanted)


def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the running product along ``dim``, in which an element counts as 1 where ``mask`` is false.

    Args:
        input: Numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.cumprod(torch.tensor([3., 2., 4.]), 0, mask=torch.tensor([True, False, True]))
    tensor([ 3.,  3., 12.])
    """
    wanted = dtype or input.dtype
    return cumulative.cumprod(fill("prod", input, mask), sorted_dims(dim, input.ndim)[0], dtype=wanted)


def softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the softmax along ``dim`` of the elements at which ``mask`` is true, and 0 elsewhere.

    Args:
        input: Floating-point numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.softmax(torch.tensor([1., 9., 1.]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return softmaxes.softmax(fill("amax", input, mask), sorted_dims(dim, input.ndim)[0], dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the logarithm of the softmax along ``dim``; -inf where ``mask`` is false.

    Args:
        input: Floating-point numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.log_softmax(torch.tensor([1., 9., 1.]), 0, mask=torch.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    return softmaxes.log_softmax(fill("amax", input, mask), sorted_dims(dim, input.ndim)[0], dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Return the softmax along ``dim`` of the negative elements at which ``mask`` is true, and 0 elsewhere.

    Args:
        input: Floating-point numbers, or a ``MaskedTensor``, whose mask is then used.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.softmin(torch.tensor([1., 9., 1.]), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return softmaxes.softmin(fill("amin", input, mask), sorted_dims(dim, input.ndim)[0], dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """Divide by the norm, along ``dim``, of the elements at which ``mask`` is true; 0 elsewhere.

    Args:
        input: Floating-point or complex numbers, or a ``MaskedTensor``, whose mask is then used.
        ord: Order of the norm.
        eps: The least number to divide by. Default: ``1e-12``.
        mask: Booleans that broadcast to the shape of ``input``; None lets all elements in. Default: ``None``.

    Raises:
        IndexError: If ``mask`` has more dims than ``input``.

    >>> import minitensor as torch
    >>> torch.masked.normalize(torch.tensor([3., 9., 4.]), 2, 0, mask=torch.tensor([True, False, True]))
    tensor([0.6000, 0.0000, 0.8000])
    """
    data, mask = unmask(input, mask)
    size = norm(data, ord, dim, keepdim=True, dtype=dtype or data.dtype, mask=mask)
    return fill("sum", data, mask) / maximum(size, size.new_full([], eps))
