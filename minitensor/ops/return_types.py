"""Named tuples of the operations with several results.

Each class has the name of its operation, as in PyTorch's ``torch.return_types``. Nothing is computed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.compat.reasons import attributes_of

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


def format_result(result: tuple[object, ...], names: tuple[str, ...]) -> str:
    """Format a result with one line for each field."""
    lines = [f"{name}={value!r}" for name, value in zip(names, result, strict=True)]
    return f"torch.return_types.{type(result).__name__}(\n" + ",\n".join(lines) + ")"


class ValuesIndices(NamedTuple):
    """Values, and the index along the dim at which each was found."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class MinMax(NamedTuple):
    """The smallest and the largest element."""

    min: Tensor
    max: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class Histogram(NamedTuple):
    """The value of each bin, and the edges of the bins."""

    hist: Tensor
    bin_edges: Any  # a Tensor, or one for each dim

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class histogram(Histogram):
    """What ``histogram`` returns."""

    __slots__ = ()


class histogramdd(Histogram):
    """What ``histogramdd`` returns."""

    __slots__ = ()


class aminmax(MinMax):
    """What ``aminmax`` returns."""

    __slots__ = ()


class max(ValuesIndices):
    """What ``max`` along a dim returns."""

    __slots__ = ()


class min(ValuesIndices):
    """What ``min`` along a dim returns."""

    __slots__ = ()


class median(ValuesIndices):
    """What ``median`` along a dim returns."""

    __slots__ = ()


class nanmedian(ValuesIndices):
    """What ``nanmedian`` along a dim returns."""

    __slots__ = ()


class mode(ValuesIndices):
    """What ``mode`` returns."""

    __slots__ = ()


class sort(ValuesIndices):
    """What ``sort`` returns."""

    __slots__ = ()


class topk(ValuesIndices):
    """What ``topk`` returns."""

    __slots__ = ()


class kthvalue(ValuesIndices):
    """What ``kthvalue`` returns."""

    __slots__ = ()


class cummax(ValuesIndices):
    """What ``cummax`` returns."""

    __slots__ = ()


class cummin(ValuesIndices):
    """What ``cummin`` returns."""

    __slots__ = ()


# -- linear algebra ----------------------------------------------------------------------------------------------------


class linalg_svd(NamedTuple):
    """What ``linalg.svd`` returns: A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class svd(NamedTuple):
    """What ``svd`` returns: A = U diag(S) Vᴴ."""

    U: Tensor
    S: Tensor
    V: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class Eigen(NamedTuple):
    """Eigenvalues, and the eigenvectors as columns."""

    eigenvalues: Tensor
    eigenvectors: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_eigh(Eigen):
    """What ``linalg.eigh`` returns."""

    __slots__ = ()


class linalg_eig(Eigen):
    """What ``linalg.eig`` returns."""

    __slots__ = ()


class Orthogonal(NamedTuple):
    """A = Q R."""

    Q: Tensor
    R: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_qr(Orthogonal):
    """What ``linalg.qr`` returns."""

    __slots__ = ()


class qr(Orthogonal):
    """What ``qr`` returns."""

    __slots__ = ()


class SignLog(NamedTuple):
    """The sign of a determinant and the logarithm of its size."""

    sign: Tensor
    logabsdet: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_slogdet(SignLog):
    """What ``linalg.slogdet`` returns."""

    __slots__ = ()


class slogdet(SignLog):
    """What ``slogdet`` returns."""

    __slots__ = ()


class linalg_lstsq(NamedTuple):
    """What ``linalg.lstsq`` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class frexp(NamedTuple):
    """What ``frexp`` returns: ``mantissa * 2 ** exponent`` is the number."""

    mantissa: Tensor
    exponent: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_inv_ex(NamedTuple):
    """What ``linalg.inv_ex`` returns; ``info`` is 0 where the inverse exists."""

    inverse: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_solve_ex(NamedTuple):
    """What ``linalg.solve_ex`` returns."""

    result: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_cholesky_ex(NamedTuple):
    """What ``linalg.cholesky_ex`` returns."""

    L: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_lu_factor(NamedTuple):
    """What ``linalg.lu_factor`` returns."""

    LU: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_lu_factor_ex(NamedTuple):
    """What ``linalg.lu_factor_ex`` returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_lu(NamedTuple):
    """What ``linalg.lu`` returns: A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class lu_unpack(NamedTuple):
    """What ``lu_unpack`` returns: A = P L U."""

    P: Tensor
    L: Tensor
    U: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_ldl_factor(NamedTuple):
    """What ``linalg.ldl_factor`` returns."""

    LD: Tensor
    pivots: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class linalg_ldl_factor_ex(NamedTuple):
    """What ``linalg.ldl_factor_ex`` returns."""

    LD: Tensor
    pivots: Tensor
    info: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class geqrf(NamedTuple):
    """What ``geqrf`` returns: the reflections below the diagonal of R, and their factors."""

    a: Tensor
    tau: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


class triangular_solve(NamedTuple):
    """What ``triangular_solve`` returns."""

    solution: Tensor
    cloned_coefficient: Tensor

    def __repr__(self) -> str:
        return format_result(self, self._fields)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.return_types")
