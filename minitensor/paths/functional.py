"""``torch.functional``: operations that PyTorch writes in Python, under the module in which it defines them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.nn import functional as F  # noqa: N812  # PyTorch's name, which programs import from here
from minitensor.ops.assemble import block_diag, broadcast_shapes, cartesian_prod, unravel_index
from minitensor.ops.broadcast import atleast_1d, atleast_2d, atleast_3d, broadcast_tensors, meshgrid
from minitensor.ops.counting import unique, unique_consecutive
from minitensor.ops.einsum import einsum
from minitensor.ops.join import split
from minitensor.ops.linalg.low_rank import pca_lowrank, svd_lowrank
from minitensor.ops.linalg.norms import cdist
from minitensor.ops.linalg.spellings import lu
from minitensor.ops.matmul import chain_matmul, tensordot
from minitensor.ops.spectral import istft, stft
from minitensor.tensor import Tensor

norm = Tensor.norm

__all__ = [
    "F", "Tensor", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors",
    "cartesian_prod", "cdist", "chain_matmul", "einsum", "istft", "lu", "meshgrid", "norm", "pca_lowrank",
    "split", "stft", "svd_lowrank", "tensordot", "unique", "unique_consecutive", "unravel_index",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.functional")
