"""``torch.linalg``: norms, factorizations, solving and products of matrices, in one window.

Matrices are the last two dims, those before them a batch. All of it works on floats and complex numbers of single and
double precision, and has gradients of every order where PyTorch has one. The work is done in ``ops/linalg/``.

>>> from minitensor import linalg, tensor
>>> linalg.solve(tensor([[2., 0.], [0., 4.]]), tensor([2., 2.]))
tensor([1.0000, 0.5000])
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.errors import LinAlgError
from minitensor.ops.linalg.factor import (
    cholesky,
    cholesky_ex,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    qr,
    svd,
    svdvals,
)
from minitensor.ops.linalg.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from minitensor.ops.linalg.lu import lu, lu_factor, lu_factor_ex, lu_solve
from minitensor.ops.linalg.norms import (
    cond,
    matrix_norm,
    norm,
)
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.ops.linalg.products import (
    cross,
    diagonal,
    matrix_exp,
    matrix_power,
    multi_dot,
    vander,
    vecdot,
)
from minitensor.ops.linalg.reflections import householder_product
from minitensor.ops.linalg.solve import (
    det,
    inv,
    inv_ex,
    slogdet,
    solve,
    solve_ex,
    solve_triangular,
    tensorinv,
    tensorsolve,
)
from minitensor.ops.linalg.squares import (
    lstsq,
    matrix_rank,
    pinv,
)
from minitensor.ops.matmul import matmul

__all__ = (
    "LinAlgError",
    "vector_norm", "matrix_norm", "norm", "cond",
    "cholesky", "cholesky_ex", "qr", "eigh", "eigvalsh", "eig", "eigvals", "svd", "svdvals",
    "solve", "solve_ex", "solve_triangular", "tensorsolve", "inv", "inv_ex", "tensorinv", "det", "slogdet",
    "lstsq", "pinv", "matrix_rank",
    "lu", "lu_factor", "lu_factor_ex", "lu_solve", "ldl_factor", "ldl_factor_ex", "ldl_solve", "householder_product",
    "matmul", "matrix_power", "matrix_exp", "multi_dot", "cross", "vecdot", "diagonal", "vander",
)  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
