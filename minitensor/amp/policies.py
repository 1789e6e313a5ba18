"""What autocast does with the arguments of a function: PyTorch's lists for the CPU, by the functions' names.

A function that is on no list gets its arguments as they are. If it is composed of listed functions, those cast.
"""

from __future__ import annotations

from enum import Enum


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
    eigvals eigvalsh fft fft2 fftn fractional_max_pool2d fractional_max_pool3d grid_sample hfft hinge_embedding_loss
    huber_loss ifft ifft2 ifftn ihfft inv inv_ex inverse irfft irfft2 irfftn kl_div l1_loss lstsq margin_ranking_loss
    matrix_rank max_pool3d max_unpool2d max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss nanquantile
    nll_loss pinverse poisson_nll_loss polar prod qr quantile rfft rfft2 rfftn smooth_l1_loss soft_margin_loss solve
    stft svd svdvals tensorinv tensorsolve trace triplet_margin_loss view_as_complex
"""
WIDEST = "cat index_copy stack"
LEAVE = "addmv addr bilinear dot mv outer vdot"

POLICIES = {
    name: policy
    for policy, names in (
        (Policy.LOWER, LOWER), (Policy.SINGLE, SINGLE), (Policy.WIDEST, WIDEST), (Policy.LEAVE, LEAVE)
    )
    for name in names.split()
}  # fmt: skip
