"""PyTorch's parametrizations: weight norm, spectral norm, orthogonal matrices.

Each is a module for ``parametrize`` and a function that registers it. Weight norm is that of Salimans and Kingma 2016,
spectral norm that of Miyato et al. 2018; Lezcano-Casado 2019 describes the maps onto orthogonal matrices, and how to
start them at another base.
"""

from __future__ import annotations

from typing import Any, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.base import wrap
from minitensor.dtypes import finfo
from minitensor.errors import ArgumentError, ArgumentTypeError, DimError, UnsupportedError, WrongKindError, quote
from minitensor.memory_format import contiguous_format
from minitensor.nn import functional as F
from minitensor.nn.conv_transpose import ConvTransposeNd
from minitensor.nn.module import Module
from minitensor.nn.utils.parametrize import register_parametrization
from minitensor.ops.creation import empty, eye, zeros
from minitensor.ops.join import cat
from minitensor.ops.linalg.factor import qr
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.ops.linalg.products import matrix_exp
from minitensor.ops.linalg.solve import solve, solve_triangular
from minitensor.ops.random import randn
from minitensor.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


# -- length and direction apart ----------------------------------------------------------------------------------------


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """Return the norms of the slices along ``dim``, in a shape that broadcasts; -1 for the norm of the whole tensor."""
    if dim == -1:
        return vector_norm(v)
    if not -v.ndim <= dim < v.ndim:
        raise DimError(
            f"weight_norm: dim must lie in [{-v.ndim}, {v.ndim - 1}] for a weight of {v.ndim} dims, got {dim}"
        )
    return vector_norm(v, dim=tuple([each for each in range(v.ndim) if each != dim % v.ndim]), keepdim=True)


def scale_to(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """Return ``g * v / ||v||``."""
    return v * (g / norm_except_dim(v, dim))


class _WeightNorm(Module):
    """Compute a weight from its lengths and its directions."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else whole_dim(dim)

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        """Return the weight."""
        return scale_to(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return lengths and directions."""
        return norm_except_dim(weight, self.dim), weight


@composite_with_own_checks
def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Reparametrize a weight as ``g * v / ||v||``: length and direction are separate (Salimans and Kingma 2016).

    ``parametrizations.weight.original0`` is g and ``original1`` is v. It also loads state dicts of
    ``nn.utils.weight_norm``.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.
        dim: Dim along which each slice has a length of its own; None for one length. Default: ``0``.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no parameter of this name.
        IndexError: If there is no dim ``dim``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
    (torch.Size([40, 1]), torch.Size([40, 20]))
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(OlderNames(name))
    return module


class OlderNames:
    """A hook that renames what the deprecated ``weight_norm`` put into a state dict."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
        """Rename ``weight_g`` and ``weight_v``, if both are present."""
        older, newer = f"{prefix}{self.name}", f"{prefix}parametrizations.{self.name}.original"
        if f"{older}_g" in state_dict and f"{older}_v" in state_dict:
            state_dict[f"{newer}0"] = state_dict.pop(f"{older}_g")
            state_dict[f"{newer}1"] = state_dict.pop(f"{older}_v")


# -- spectral norm 1 ---------------------------------------------------------------------------------------------------


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """Return a weight as a matrix whose rows are its slices along ``dim``."""
    if dim != 0:
        weight = weight.permute(dim, *[each for each in range(weight.ndim) if each != dim])
    return weight.flatten(1)


def first_vectors(matrix: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Draw a left and a right unit vector, with which the power method starts."""
    height, width = matrix.shape
    drawn = [empty(size, dtype=matrix.dtype, device=matrix.device).normal_(0, 1) for size in (height, width)]
    u, v = [F.normalize(each, dim=0, eps=eps) for each in drawn]
    return u, v


def spectral_dim(module: Module, dim: int | None) -> int:
    """Return the dim of the outputs: 1 in the weight of a transposed convolution, else 0."""
    return whole_dim(dim) if dim is not None else 1 if isinstance(module, ConvTransposeNd) else 0


def whole_dim(dim: Any) -> int:
    """Return a dim, or refuse what only looks like a number of one."""
    if isinstance(dim, (bool, float)):
        raise ArgumentTypeError(f"argument 'dim' must be an int, not {type(dim).__name__}: {dim}")
    return dim  # type: ignore[no-any-return]  # others fail where they are used


class _SpectralNorm(Module):
    """Divide a weight by its largest singular value, which the power method estimates.

    Each forward in training first updates the two singular vectors, which are buffers.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise DimError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}] but got {dim})")
        check_iterations(n_power_iterations)
        self.dim = dim % ndim
        self.eps = eps
        self.n_power_iterations = n_power_iterations
        if ndim > 1:
            matrix = as_matrix(weight, self.dim).detach()
            u, v = first_vectors(matrix, eps)
            self.register_buffer("_u", u)
            self.register_buffer("_v", v)
            self._power_method(matrix, 15)

    @no_grad()
    def _power_method(self, matrix: Tensor, n_power_iterations: int) -> None:
        for _ in range(n_power_iterations):
            self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its largest singular value."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # Copies: the next forward changes the vectors in place before this one's backward has read them.
        u, v = [each.clone(memory_format=contiguous_format) for each in (self._u, self._v)]
        return weight / u.vdot(matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        """Return the value, which is assumed to have norm 1."""
        return value


def check_iterations(count: int) -> None:
    """Raise unless the number of steps is positive."""
    if count <= 0:
        raise ArgumentError(f"Expected n_power_iterations to be positive, but got n_power_iterations={count}")


@composite_with_own_checks
def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Divide a weight by its largest singular value (Miyato et al. 2018).

    A linear layer then has Lipschitz constant 1, which steadies the discriminators of GANs. The power method
    estimates the singular value.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.
        n_power_iterations: Steps of the power method at each forward in training. Default: ``1``.
        eps: Least norm by which a vector is divided. Default: ``1e-12``.
        dim: Dim of the outputs. Default: ``None``, 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no tensor of this name, or ``n_power_iterations`` is not positive.
        IndexError: If there is no dim ``dim``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 4))
    >>> bool(abs(torch.linalg.matrix_norm(layer.weight, 2) - 1) < 0.01)
    True
    """
    weight = weight_of(module, name)
    made = _SpectralNorm(weight, n_power_iterations, spectral_dim(module, dim), eps)
    register_parametrization(module, name, made)
    return module


def weight_of(module: Module, name: str) -> Tensor:
    """Return a module's tensor of a name; raise if there is none."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ArgumentError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return weight


# -- orthogonal --------------------------------------------------------------------------------------------------------

MAPS = ("matrix_exp", "cayley", "householder")


class _Orthogonal(Module):
    """Map matrices (*, n, k) onto those with orthonormal columns, or rows if k > n.

    With a ``base``, the result is the base times the image: a start at zero gives the base.
    """

    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ArgumentError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.trivial = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """Return the orthogonal matrix of ``X``."""
        wide = X.shape[-2] < X.shape[-1]
        tall = X.mT if wide else X
        Q = reflect(tall) if self.orthogonal_map == "householder" else rotate(tall, self.orthogonal_map)
        if self.trivial:
            assert self.base is not None, "set when a value is assigned, for example at registration"
            Q = self.base @ Q
        return Q.mT if wide else Q

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        """Return what is mapped to ``Q``, or to the orthogonal matrix that the Gram-Schmidt process makes of it."""
        if Q.shape != self.shape:
            raise ArgumentError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        wide = Q.shape[-2] < Q.shape[-1]
        tall = Q.mT if wide else Q
        if not self.trivial:
            if self.orthogonal_map != "householder":
                raise UnsupportedError(
                    "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                    "use_trivialization=False."
                )
            found = reflectors(tall)
            return found.mT if wide else found
        self.base = complete(tall)
        start = zeros(Q.shape, dtype=Q.dtype, device=Q.device)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1)  # With these signs ``reflect`` makes it the identity.
        return start


def rotate(X: Tensor, orthogonal_map: str) -> Tensor:
    """Return the first columns of the rotation of the skew-symmetric matrix below the diagonal of ``X`` (*, n, k)."""
    n, k = X.shape[-2:]
    X = X.tril()
    if n != k:
        X = cat([X, zeros(*X.shape[:-1], n - k, dtype=X.dtype, device=X.device)], dim=-1)
    A = X - X.mH
    if orthogonal_map == "matrix_exp":
        return matrix_exp(A)[..., :k]
    identity = eye(n, dtype=A.dtype, device=A.device)
    return solve(identity - A * 0.5, identity + A * 0.5)[..., :k]


def reflect(X: Tensor) -> Tensor:
    """Return the first columns (*, n, k) of k Householder reflections, whose vectors lie below the diagonal of ``X``.

    The diagonal holds signs for the columns. H_1 ... H_k = I - V T V^T, where the inverse of T is the upper triangle of
    V^T V, with half of its diagonal (Joffrain et al., Accumulating Householder transformations, revisited, 2006).
    """
    n, k = X.shape[-2:]
    identity = eye(n, k, dtype=X.dtype, device=X.device)
    V = X.tril(-1) + identity
    gram = V.mT @ V
    inverse = gram.triu(1) + (gram.diagonal(dim1=-2, dim2=-1) / 2).diag_embed()
    Q = identity - V @ solve_triangular(inverse, V[..., :k, :].mT, upper=True)
    signs = X.detach().diagonal(dim1=-2, dim2=-1).trunc()
    return Q * signs.unsqueeze(-2)


def reflectors(Q: Tensor) -> Tensor:
    """Return the Householder vectors of orthonormal columns, with signs on the diagonal: the inverse of ``reflect``."""
    array: Any = Q.detach().array
    packed, factors = Q.xp.linalg.qr(array, mode="raw")  # LAPACK's own form, the transpose of vectors and R
    found: Tensor = wrap(Tensor, packed).mT.clone(memory_format=contiguous_format)
    signs = found.diagonal(dim1=-2, dim2=-1)
    unused = wrap(Tensor, factors) == 0  # LAPACK did not reflect here; ours always does
    signs.copy_(signs.sign() * (1 - 2 * unused.to(Q.dtype)))
    return found


def complete(Q: Tensor) -> Tensor:
    """Return a square orthogonal matrix that begins with the columns of ``Q``, as far as these are orthonormal."""
    n, k = Q.shape[-2:]
    if n == k and is_orthogonal(Q):
        return Q.clone(memory_format=contiguous_format)
    if n != k:
        Q = cat([Q, randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)], dim=-1)
    factors = qr(Q)
    return factors.Q * factors.R.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def is_orthogonal(Q: Tensor) -> bool:
    """Tell whether the columns are orthonormal, up to rounding."""
    n, k = Q.shape[-2:]
    identity = eye(k, dtype=Q.dtype, device=Q.device).expand(*Q.shape[:-2], k, k)
    return bool((Q.mH @ Q).allclose(identity, atol=10.0 * n * finfo(Q.dtype).eps))


@composite_with_own_checks
def orthogonal(
    module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> M:
    """Make a weight orthogonal: its columns orthonormal, or its rows if it is wide (Lezcano-Casado 2019).

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.
        orthogonal_map: How a free matrix is mapped: ``"matrix_exp"`` of a skew-symmetric matrix, ``"cayley"``, or
            ``"householder"``, a product of reflections. Default: ``None``, ``"matrix_exp"`` for square and complex
            weights, else ``"householder"``.
        use_trivialization: Move the map to the present value, so that any value can be assigned. Default: ``True``.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no tensor of this name, or one with fewer than 2 dims, if ``orthogonal_map`` is
            unknown, or is ``"householder"`` for a complex weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3))
    >>> torch.allclose(layer.weight.T @ layer.weight, torch.eye(3), atol=1e-5)
    True
    """
    weight = weight_of(module, name)
    if weight.ndim < 2:
        raise ArgumentError(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions.")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in MAPS:
        raise WrongKindError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {quote(orthogonal_map)}'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    register_parametrization(module, name, made, unsafe=True)
    return module
