"""A few eigenpairs of large symmetric matrices, from products with blocks of vectors: LOBPCG (Knyazev 2001).

Each step looks for the best vectors in the span of the current ones, their residuals, and the last directions. The
method "ortho" makes this basis orthonormal by eigenvectors of its Gram matrix, and drops directions that vanish
(Stathopoulos and Wu 2002; Duersch et al. 2018); "basic" uses a Cholesky factor of the Gram matrix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.declare import differentiable
from minitensor.autograd.misuse import composite
from minitensor.autograd.mode import no_grad
from minitensor.dtypes import float32, float64
from minitensor.errors import ArgumentError, DtypeError, ShapeError, UnsupportedValueError
from minitensor.ops.arithmetic import mul
from minitensor.ops.creation import eye, zeros
from minitensor.ops.join import cat, stack
from minitensor.ops.linalg.factor import cholesky_ex, eigh
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.ops.linalg.solve import solve, solve_triangular
from minitensor.ops.matmul import matmul
from minitensor.ops.random import randn
from minitensor.ops.reduce import sum

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.backends import Array
    from minitensor.tensor import Tensor

TOLERANCES = {float32: 1.2e-07**0.5, float64: 2.23e-16**0.5}  # PyTorch's
STEPS = 1000


# -- gradients ---------------------------------------------------------------------------------------------------------


def eigenpairs_grad(grads: Any, result0: Tensor, result1: Tensor, A: Tensor) -> Tensor:  # noqa: N803  # PyTorch's name
    """Return the gradient in a symmetric matrix: that of each value is ``u u^T``, that of a vector ``(l - A)^+ g u^T``.

    The pseudoinverse comes from a linear system with one more row and column, which keep the solution orthogonal to u.
    """
    of_values, of_vectors = grads
    parts = []
    if of_values is not None:
        parts.append(matmul(result1 * of_values.unsqueeze(-2), result1.mT))
    if of_vectors is not None:
        rows = result1.mT.unsqueeze(-1)  # (..., k, m, 1)
        size = A.shape[-1]
        shifted = result0.unsqueeze(-1).unsqueeze(-1) * eye(size, dtype=A.dtype, device=A.device) - A.unsqueeze(-3)
        corner = zeros((*rows.shape[:-2], 1, 1), dtype=A.dtype, device=A.device)
        bordered = cat([cat([shifted, rows], -1), cat([rows.mT, corner], -1)], -2)
        aim = of_vectors.mT.unsqueeze(-1)
        aim = cat([aim - rows * sum(mul(rows, aim), -2, keepdim=True), corner], -2)
        parts.append(matmul(solve(bordered, aim)[..., :size, 0].mT, result1.mT))
    return symmetric(parts[0] if len(parts) == 1 else parts[0] + parts[1])


@differentiable(name="lobpcg", A=eigenpairs_grad)
def join_graph(A: Tensor, values: Tensor, vectors: Tensor) -> tuple[Array, Array]:  # noqa: N803  # PyTorch's name
    """Return the eigenpairs of a symmetric matrix that were found, so that gradients flow to it."""
    return values.array.copy(), vectors.array.copy()


# -- the search --------------------------------------------------------------------------------------------------------


class Search:
    """The state of a search for eigenpairs, which a ``tracker`` sees after each step.

    ``A``, ``B`` and ``iK`` are the matrices, ``X`` and ``E`` the vectors and values so far, ``R`` the residuals, ``S``
    the basis of the last step. The dictionaries have PyTorch's names: ``ivars["istep"]`` counts steps,
    ``ivars["converged_count"]`` the pairs that are done, ``tvars["rerr"]`` has the relative residuals, and a tracker
    that sets ``bvars["force_stop"]`` ends the search.
    """

    def __init__(
        self, matrices: tuple[Any, ...], start: Tensor, k: int, niter: int, tol: float, largest: bool,
        method: str, tracker: Callable[[Any], Any] | None, batch_index: int,
    ) -> None:
        self.A, self.B, self.iK = matrices
        self.X, self.method, self.tracker = start, method, tracker
        size, count = start.shape
        self.iparams = {"m": size, "n": count, "k": k, "niter": niter, "batch_index": batch_index}
        self.fparams, self.bparams = {"tol": tol}, {"largest": largest}
        self.ivars = {"istep": 0, "converged_count": 0, "iterations_left": niter, "converged_end": 0}
        self.fvars: dict[str, float] = {}
        self.bvars = {"force_stop": False}
        self.tvars: dict[str, Tensor] = {}
        self.S, self.P = start, start[:, :0]
        # The norms of A and B on random vectors: the scale of the residuals.
        self.tvars["A_norm"] = vector_norm(matmul(self.A, start)) / vector_norm(start)
        self.tvars["B_norm"] = vector_norm(self.times_b(start)) / vector_norm(start)
        self.improve(self.orthonormal(start) if method == "ortho" else start)

    def times_b(self, block: Tensor) -> Tensor:
        """Return the product of B, or the identity, with a block of vectors."""
        return block if self.B is None else matmul(self.B, block)

    def run(self) -> tuple[Tensor, Tensor]:
        """Take steps until the wanted pairs have converged; return their values and vectors."""
        while self.ivars["iterations_left"] and not self.is_done():
            self.ivars["istep"] += 1
            self.ivars["iterations_left"] -= 1
            self.take_step()
            self.measure()
            if self.tracker is not None:
                self.tracker(self)
        wanted = self.iparams["k"]
        return self.E[:wanted], self.X[:, :wanted]

    def is_done(self) -> bool:
        """Whether the wanted pairs have converged, or a tracker ended the search."""
        return self.bvars["force_stop"] or self.ivars["converged_count"] >= self.iparams["k"]

    def measure(self) -> None:
        """Compute the residuals, and count the leading pairs that have converged."""
        of_x = self.times_b(self.X)
        self.R = matmul(self.A, self.X) - of_x * self.E
        self.tvars["X_norm"] = vector_norm(self.X, dim=0)
        scale = self.tvars["X_norm"] * (self.tvars["A_norm"] + self.E.abs() * self.tvars["B_norm"])
        self.tvars["rerr"] = vector_norm(self.R, dim=0) / scale.clamp(min=1e-30)
        flags = (self.tvars["rerr"] < self.fparams["tol"]).tolist()
        self.ivars["converged_count"] = (*flags, False).index(False)
        self.ivars["converged_end"] = self.ivars["converged_count"]

    def take_step(self) -> None:
        """Replace the vectors by the best ones in the span of them, their residuals, and the last directions."""
        done = self.ivars["converged_count"]
        if self.ivars["istep"] == 1:
            self.measure()
        residuals = self.R[:, done:] if self.iK is None else matmul(self.iK, self.R[:, done:])
        if self.method == "ortho":
            new = self.orthonormal(cat([residuals, self.P[:, done:]], 1), self.X)
            self.improve(cat([self.X, new], 1))
            return
        basis = cat([self.X, unit(residuals)], 1)
        try:
            self.improve(cat([basis, unit(self.P[:, done:])], 1))
        except ArgumentError:
            self.improve(basis)  # the last directions depend on the others: start again without them

    def improve(self, basis: Tensor) -> None:
        """Take the best vectors in the span of a basis (Rayleigh and Ritz), and the directions that led there."""
        count = self.iparams["n"]
        inner = symmetric(matmul(basis.mT, matmul(self.A, basis)))
        if self.method == "ortho":
            values, weights = eigh(inner)
        else:
            factor = cholesky_of_gram(matmul(basis.mT, self.times_b(basis)))
            whitened = solve_triangular(factor, inner, upper=False)
            whitened = solve_triangular(factor, whitened.mT, upper=False)
            values, weights = eigh(symmetric(whitened))
            weights = solve_triangular(factor.mT, weights, upper=True)
        if self.bparams["largest"]:
            values, weights = values.flip(0), weights.flip(1)
        self.E, weights = values[:count], weights[:, :count]
        self.S, self.X = basis, matmul(basis, weights)
        self.P = matmul(basis[:, count:], weights[count:])

    def orthonormal(self, block: Tensor, others: Tensor | None = None) -> Tensor:
        """Return a basis, orthonormal in the scalar product of B, of a block's span without that of other vectors."""
        for _ in range(3):  # twice is enough in most cases
            if others is not None:
                block = block - matmul(others, matmul(self.times_b(others).mT, block))
            block = unit(block)
            values, vectors = eigh(symmetric(matmul(block.mT, self.times_b(block))))
            # Directions beyond the precision of the Gram matrix are noise.
            kept = values > values.abs().amax() * block.shape[0] * TOLERANCES[block.dtype] ** 2
            block = matmul(block, vectors[:, kept] / values[kept].sqrt())
            if not block.shape[1]:
                break
        return block


def symmetric(matrix: Tensor) -> Tensor:
    """Return the symmetric part of a matrix."""
    found: Tensor = (matrix + matrix.mT) / 2
    return found


def unit(block: Tensor) -> Tensor:
    """Return the columns of a block that are not zero, with norm 1."""
    norms = vector_norm(block, dim=0)
    kept = norms > 0
    found: Tensor = block[:, kept] / norms[kept]
    return found


def cholesky_of_gram(gram: Tensor) -> Tensor:
    """Return the Cholesky factor of a Gram matrix; raise if the basis is no longer independent."""
    factor, info = cholesky_ex(symmetric(gram))
    if int(info):
        raise ArgumentError(
            "lobpcg: the basis of the method 'basic' has become linearly dependent: use method='ortho', or a larger tol"
        )
    return factor


# -- the function ------------------------------------------------------------------------------------------------------


@composite
def lobpcg(
    A: Tensor,  # noqa: N803  # PyTorch's name
    k: int | None = None,
    B: Tensor | None = None,  # noqa: N803  # PyTorch's name
    X: Tensor | None = None,  # noqa: N803  # PyTorch's name
    n: int | None = None,
    iK: Tensor | None = None,  # noqa: N803  # PyTorch's name
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: Any = None,
    ortho_fparams: Any = None,
    ortho_bparams: Any = None,
) -> tuple[Tensor, Tensor]:
    """Return the largest or smallest eigenvalues of a symmetric matrix, and their eigenvectors: ``A x = e B x``.

    The matrix is only multiplied by blocks of vectors (LOBPCG, Knyazev 2001), so it may be large and sparse. The first
    vectors are drawn by the default generator, as PyTorch draws them.

    Args:
        A: Symmetric matrices (..., m, m), dense, or one sparse matrix.
        k: How many pairs. Default: ``None``, the columns of ``X``, or 1.
        B: Symmetric positive definite matrices (..., m, m). Default: ``None``, the identity.
        X: The first approximation of the vectors, (..., m, n). Default: ``None``, random numbers.
        n: How many vectors to iterate with, at least ``k`` and at most m / 3. Default: ``None``, ``k``.
        iK: A preconditioner (..., m, m): an approximation of the inverse of ``A``. Default: ``None``.
        niter: The most steps; -1 for no limit. Default: ``None``, 1000.
        tol: The relative size of residuals at which a pair counts as found. Default: ``None``, the root of the dtype's
            precision.
        largest: Whether to find the largest eigenvalues, not the smallest. Default: ``None``, true.
        method: "ortho", or "basic", which may fail where residuals vanish. Default: ``None``, "ortho".
        tracker: Called after each step with the state of the search. Default: ``None``.
        ortho_iparams, ortho_fparams, ortho_bparams: Have no effect.

    Returns:
        The eigenvalues (..., k) and the eigenvectors (..., m, k), best first.

    Raises:
        ValueError: If ``n`` exceeds m / 3 or is less than ``k``, if the method is unknown, if "basic" fails, or if a
            gradient is wanted for sparse matrices or with ``B``.
        RuntimeError: If ``A`` is not square, or not float32 or float64.

    >>> import minitensor as torch
    >>> values, vectors = torch.lobpcg(torch.diag(torch.arange(1., 10.)), k=2)
    >>> values
    tensor([9.0000, 8.0000])
    """
    return find_eigenpairs(A, k, B, X, n, iK, niter, tol, largest, method, tracker)


def find_eigenpairs(
    A: Any, k: int | None = None, B: Any = None, X: Any = None, n: int | None = None, iK: Any = None,  # noqa: N803
    niter: int | None = None, tol: float | None = None, largest: bool | None = None, method: str | None = None,
    tracker: Any = None, *_: Any, **unused: Any,
) -> tuple[Tensor, Tensor]:
    """Return what ``lobpcg`` returns, for dense and sparse matrices."""
    kind = check_matrix(A)
    size = A.shape[-1]
    count = (1 if X is None else X.shape[-1]) if k is None else k
    width = X.shape[-1] if X is not None else count if n is None else n
    check_counts(size, count, width)
    method = "ortho" if method is None else method
    if method not in ("ortho", "basic"):
        raise ArgumentError(f"lobpcg: method must be 'basic' or 'ortho', got {method!r}")
    needs_grad = A.requires_grad or (B is not None and B.requires_grad)
    if needs_grad and (A.is_sparse or A.is_sparse_csr or B is not None):
        raise UnsupportedValueError("lobpcg: there is no gradient for sparse matrices or with B: detach() them first")
    whole = symmetric(A) if needs_grad else A
    options = (
        count, STEPS if niter is None else niter, TOLERANCES[kind] if tol is None else tol,
        largest is None or bool(largest), method, tracker,
    )
    with no_grad():
        batch = tuple(A.shape[:-2])
        given = [whole.detach(), *[None if each is None else each.detach() for each in (B, iK, X)]]
        rows = [[one_of(each, i, batch) for each in given] for i in range(len_of(batch))]
        found = []
        for i, (*matrices, start) in enumerate(rows):
            first = randn(size, width, dtype=kind, device=A.device) if start is None else start
            found.append(Search(tuple(matrices), first, *options, i).run())
        values = stack([each for each, _ in found]).reshape((*batch, count)) if batch else found[0][0]
        vectors = stack([each for _, each in found]).reshape((*batch, size, count)) if batch else found[0][1]
    if not needs_grad:
        return values, vectors
    values, vectors = join_graph(whole, values, vectors)
    return values, vectors


def check_matrix(matrix: Tensor) -> Any:
    """Return the dtype of a square matrix of floats."""
    if matrix.ndim < 2 or matrix.shape[-2] != matrix.shape[-1]:
        raise ShapeError(f"lobpcg: A must be square, got shape {tuple(matrix.shape)}")
    if matrix.dtype not in TOLERANCES:
        raise DtypeError(f"lobpcg: A must be float32 or float64, got {matrix.dtype.name}; cast with .float()")
    return matrix.dtype


def check_counts(size: int, count: int, width: int) -> None:
    """Raise unless so many pairs can be found."""
    if count < 1:
        raise ArgumentError(f"lobpcg: expected k of at least 1, got {count}")
    if count > width:
        raise ArgumentError(f"lobpcg: expected k <= n, got k={count} and n={width}")
    if size < 3 * width:
        raise ArgumentError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={size}) is smaller than 3 x the number of "
            f"requested eigenpairs (={width}): use linalg.eigh"
        )


def len_of(batch: tuple[int, ...]) -> int:
    """Return the number of matrices of a batch."""
    count = 1
    for each in batch:
        count *= each
    return count


def one_of(tensor: Any, index: int, batch: tuple[int, ...]) -> Any:
    """Return one matrix of a batch, or the only one."""
    if tensor is None or not batch:
        return tensor
    return tensor.reshape((-1, *tensor.shape[-2:]))[index]
