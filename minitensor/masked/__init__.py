"""``torch.masked``: reductions of the elements that a mask lets in, and tensors with a mask.

The functions take a dense tensor and ``mask=``, or a ``MaskedTensor``. Where nothing is let in, a sum is 0 and a mean
is NaN, as the sum and the mean of no elements are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.masked.normalizations import cumprod, cumsum, log_softmax, normalize, softmax, softmin
from minitensor.masked.reductions import (
    amax,
    amin,
    argmax,
    argmin,
    logaddexp,
    logsumexp,
    mean,
    median,
    norm,
    prod,
    std,
    sum,
    var,
)
from minitensor.masked.tensor import MaskedTensor, as_masked_tensor, is_masked_tensor, masked_tensor

__all__ = [
    "MaskedTensor", "amax", "amin", "argmax", "argmin", "as_masked_tensor", "cumprod", "cumsum", "is_masked_tensor",
    "log_softmax", "logaddexp", "logsumexp", "masked_tensor", "mean", "median", "norm", "normalize", "prod", "softmax",
    "softmin", "std", "sum", "var",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
