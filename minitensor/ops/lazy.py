"""Lazy conjugates and negatives: views of the memory of a tensor whose elements count with another sign.

``conj`` and ``H`` of complex tensors compute nothing; see Note [Encoded arrays] in ``backends/encoded.py``. The
conjugates that gradient formulas use are computed at once (``arithmetic.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import active, interpreters
from minitensor.autograd.misuse import composite
from minitensor.backends import HostArray
from minitensor.backends.encoded import ConjugateArray, EncodedArray, NegativeArray, has_encoding
from minitensor.backends.meta.array import MetaArray
from minitensor.base import TensorBase
from minitensor.ops import arithmetic
from minitensor.ops.complex import conjugate_view, negative_view
from minitensor.ops.copy import clone
from minitensor.ops.operand import require_tensors

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def can_be_lazy(input: Tensor) -> bool:
    """Whether the memory of a tensor may be read with another sign: on the host or "meta", outside of interpreters."""
    return not (active and interpreters.get()) and isinstance(input.storage.array, (HostArray, EncodedArray, MetaArray))


def conj(input: Any) -> Any:
    """Return the complex conjugate, a view that shares the memory; a real tensor or number is returned itself.

    Inside ``vmap`` and on the GPU, the conjugate is computed at once.

    Raises:
        TypeError: If ``input`` is neither a tensor nor a number.

    >>> import minitensor as torch
    >>> z = torch.tensor([1 + 2j])
    >>> z.conj(), z.conj().is_conj()
    (tensor([1.-2.j]), True)
    """
    if isinstance(input, TensorBase) and input.dtype.is_complex and can_be_lazy(input):  # type: ignore[arg-type]
        return conjugate_view(input)  # type: ignore[arg-type]  # every tensor is a Tensor
    return arithmetic.conj(input)


@composite
def is_conj(input: Tensor) -> bool:
    """Return whether a tensor is a lazy conjugate.

    >>> import minitensor as torch
    >>> torch.is_conj(torch.tensor([1j]).conj())
    True
    """
    require_tensors("is_conj", input=input)
    return is_encoded_as(input, ConjugateArray)


@composite
def is_neg(input: Tensor) -> bool:
    """Return whether a tensor is a lazy negative.

    >>> import minitensor as torch
    >>> torch.is_neg(torch.tensor([1j]).conj().imag)
    True
    """
    require_tensors("is_neg", input=input)
    return is_encoded_as(input, NegativeArray)


def is_encoded_as(input: Tensor, encoding: type[EncodedArray]) -> bool:
    """Return whether the memory of a tensor is encoded in a certain way."""
    storage = input._storage
    return storage is not None and has_encoding(storage.array, encoding)


@composite
def resolve_conj(input: Tensor) -> Tensor:
    """Return a copy of a lazy conjugate in memory of its own, and any other tensor itself.

    >>> import minitensor as torch
    >>> torch.resolve_conj(torch.tensor([1j]).conj()).is_conj()
    False
    """
    return clone(input) if is_conj(input) else input


@composite
def resolve_neg(input: Tensor) -> Tensor:
    """Return a copy of a lazy negative in memory of its own, and any other tensor itself.

    >>> import minitensor as torch
    >>> torch.resolve_neg(torch.tensor([1j]).conj().imag)
    tensor([-1.])
    """
    return clone(input) if is_neg(input) else input


def neg_view(input: Tensor) -> Tensor:
    """Return the negative of a real tensor as a view that shares the memory; that of others is computed at once."""
    require_tensors("_neg_view", input=input)
    if input.dtype.is_floating_point and input.dtype.numpy.kind == "f" and can_be_lazy(input):
        return negative_view(input)
    return -input
