"""What autocast does with the arguments of a function: PyTorch's lists for the CPU, by the functions' names.

A function that is on no list gets its arguments as they are. If it is composed of listed functions, those cast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any


class Policy(Enum):
    """What happens to floating-point arguments, except those of float64."""

    LOWER = "cast to the region's dtype"
    SINGLE = "cast to float32"
    WIDEST = "cast to the widest of their dtypes"
    LEAVE = "stay as they are, also inside the function"


LOWER = """
    addbmm addmm baddbmm bmm conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear
    matmul mm prelu scaled_dot_product_attention vecdot
"""
SINGLE = """
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist
    cholesky cholesky_ex cholesky_inverse cholesky_solve cond cosine_embedding_loss cross_entropy ctc_loss eig eigh
    eigvals eigvalsh fft fft2 fftn fractional_max_pool2d fractional_max_pool3d geqrf grid_sample hfft
    hinge_embedding_loss householder_product huber_loss ifft ifft2 ifftn ihfft interpolate inv inv_ex inverse irfft
    irfft2 irfftn kl_div l1_loss local_response_norm lstsq lu lu_factor lu_factor_ex lu_solve margin_ranking_loss
    matrix_rank max_pool3d max_unpool1d max_unpool2d max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss
    nanquantile nll_loss ormqr pad pinverse poisson_nll_loss polar prod qr quantile rfft rfft2 rfftn smooth_l1_loss
    soft_margin_loss solve stft svd svdvals tensorinv tensorsolve trace triangular_solve triplet_margin_loss
    view_as_complex
"""
WIDEST = "cat einsum index_copy stack"
LEAVE = "addmv addr bilinear dot inner mv outer tensordot vdot"

POLICIES = {
    name: policy
    for policy, names in (
        (Policy.LOWER, LOWER), (Policy.SINGLE, SINGLE), (Policy.WIDEST, WIDEST), (Policy.LEAVE, LEAVE)
    )
    for name in names.split()
}  # fmt: skip


def policy_of(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Policy | None:
    """Return what happens to the arguments of a call; None if the function is on no list."""
    rule = RULES.get(name)
    try:
        return POLICIES.get(name) if rule is None or rule(*args, **kwargs) else None
    except (AttributeError, TypeError):  # wrong arguments, about which the function itself has the better error
        return None


# -- functions that PyTorch composes of others, which of them depending on the arguments -------------------------------


def is_padded_by_a_listed_function(input: Any, pad: Any, mode: str = "constant", value: Any = None) -> bool:
    """Whether PyTorch pads with a function on the list: those that repeat or reflect, except in three dims."""
    return mode == "replicate" or (mode == "reflect" and len(pad) < 6)


def is_without_indices(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: Any = False,
    return_indices: Any = False,
) -> bool:  # fmt: skip
    """Whether a pool returns values only: PyTorch has another function for values and indices."""
    return not return_indices


def is_without_weight(*args: Any, weight: Any = None, **kwargs: Any) -> bool:
    """Whether a loss has no weights; PyTorch computes weighted ones from unlisted functions."""
    return weight is None


def is_an_image(input: Any, *args: Any, **kwargs: Any) -> bool:
    """Whether an input has more than one dim beside the batch and the channels: it is pooled by avg_pool3d."""
    return bool(input.ndim > 3)


def is_area_of_a_volume(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *args: Any, **kwargs: Any
) -> bool:
    """Whether a volume is resampled by adaptive_avg_pool3d."""
    return mode == "area" and input.ndim == 5


def is_product_of_vectors(input: Any, other: Any) -> bool:
    """Whether ``inner`` calls ``dot``."""
    return bool(input.ndim < 2 and other.ndim < 2)


def is_a_sum_of_all(a: Any, b: Any, dims: Any = 2, out: Any = None) -> bool:
    """Whether ``tensordot`` calls ``dot``, because it sums over every dim."""
    count = dims if isinstance(dims, int) else len(dims[0])
    return bool(count == a.ndim == b.ndim)


def is_without_sum(equation: Any, *operands: Any) -> bool:
    """Whether ``einsum`` only multiplies."""
    if not isinstance(equation, str):
        return False
    inputs, arrow, output = equation.replace(" ", "").replace(".", "").partition("->")
    labels = inputs.replace(",", "")
    return set(labels) <= set(output) if arrow else len(set(labels)) == len(labels)


# The condition under which a function has the policy of its list; it has none otherwise.
RULES: Mapping[str, Callable[..., bool]] = {
    "einsum": is_without_sum, "inner": is_product_of_vectors, "interpolate": is_area_of_a_volume,
    "l1_loss": is_without_weight, "local_response_norm": is_an_image, "max_pool3d": is_without_indices,
    "mse_loss": is_without_weight, "pad": is_padded_by_a_listed_function, "tensordot": is_a_sum_of_all,
}  # fmt: skip
