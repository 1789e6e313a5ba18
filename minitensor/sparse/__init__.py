"""Sparse matrices: products with dense ones, sums and softmax. The products need the extra ``scipy``.

A sparse tensor comes from ``sparse_coo_tensor``, ``sparse_csr_tensor`` or ``Tensor.to_sparse``.
"""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.sparse.creation import (
    BFloat16Tensor,
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    check_sparse_tensor_invariants,
)
from minitensor.sparse.functions import addmm, as_sparse_gradcheck, log_softmax, mm, softmax, spdiags, sum
from minitensor.sparse.old_products import sampled_addmm

__all__ = [
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor",
    "IntTensor", "LongTensor", "ShortTensor", "addmm", "as_sparse_gradcheck", "check_sparse_tensor_invariants",
    "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags", "sum",
]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
