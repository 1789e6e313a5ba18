"""The functions of ``torch.nn.functional``, listed by hand and grouped by chapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.protocol import handle_torch_function as handle_torch_function
from minitensor.autograd.protocol import has_torch_function as has_torch_function
from minitensor.autograd.protocol import has_torch_function_unary as has_torch_function_unary
from minitensor.autograd.protocol import has_torch_function_variadic as has_torch_function_variadic
from minitensor.compat.reasons import attributes_of
from minitensor.nn.functional import reduction as _Reduction
from minitensor.nn.functional.activation import (
    celu,
    celu_,
    elu,
    elu_,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    hardtanh_,
    leaky_relu,
    leaky_relu_,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    rrelu_,
    selu,
    selu_,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softshrink,
    softsign,
    tanh,
    tanhshrink,
    threshold,
    threshold_,
)
from minitensor.nn.functional.adaptive_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from minitensor.nn.functional.attention import multi_head_attention_forward, scaled_dot_product_attention
from minitensor.nn.functional.conv import (
    conv1d,
    conv2d,
    conv3d,
    conv_tbc,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from minitensor.nn.functional.cross_entropy import cross_entropy, linear_cross_entropy, nll_loss
from minitensor.nn.functional.ctc import ctc_loss
from minitensor.nn.functional.dropout import (
    alpha_dropout,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from minitensor.nn.functional.embedding import embedding, embedding_bag, one_hot
from minitensor.nn.functional.folding import channel_shuffle, fold, pixel_shuffle, pixel_unshuffle, unfold
from minitensor.nn.functional.fractional import fractional_max_pool2d, fractional_max_pool3d
from minitensor.nn.functional.interpolation import interpolate, upsample, upsample_bilinear, upsample_nearest
from minitensor.nn.functional.linear import bilinear, linear
from minitensor.nn.functional.locally_connected import locally_connected2d
from minitensor.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_nll_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    poisson_nll_loss,
    smooth_l1_loss,
)
from minitensor.nn.functional.margin_loss import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    soft_margin_loss,
    triplet_margin_loss,
    triplet_margin_with_distance_loss,
)
from minitensor.nn.functional.normalization import (
    batch_norm,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    normalize,
    rms_norm,
)
from minitensor.nn.functional.padding import pad
from minitensor.nn.functional.pooling import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    lp_pool1d,
    lp_pool2d,
    lp_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from minitensor.nn.functional.private import (
    GRID_SAMPLE_INTERPOLATION_MODES as GRID_SAMPLE_INTERPOLATION_MODES,
)
from minitensor.nn.functional.private import (
    GRID_SAMPLE_PADDING_MODES as GRID_SAMPLE_PADDING_MODES,
)
from minitensor.nn.functional.private import (
    _canonical_mask as _canonical_mask,
)
from minitensor.nn.functional.private import (
    _check_key_padding_mask as _check_key_padding_mask,
)
from minitensor.nn.functional.private import (
    _get_softmax_dim as _get_softmax_dim,
)
from minitensor.nn.functional.private import (
    _in_projection as _in_projection,
)
from minitensor.nn.functional.private import (
    _in_projection_packed as _in_projection_packed,
)
from minitensor.nn.functional.private import (
    _is_integer as _is_integer,
)
from minitensor.nn.functional.private import (
    _mha_shape_check as _mha_shape_check,
)
from minitensor.nn.functional.private import (
    _no_grad_embedding_renorm_ as _no_grad_embedding_renorm_,
)
from minitensor.nn.functional.private import (
    _none_or_dtype as _none_or_dtype,
)
from minitensor.nn.functional.private import (
    _unpool_output_size as _unpool_output_size,
)
from minitensor.nn.functional.private import (
    _verify_batch_size as _verify_batch_size,
)
from minitensor.nn.functional.private import (
    _verify_spatial_size as _verify_spatial_size,
)
from minitensor.nn.functional.private import (
    assert_int_or_pair as assert_int_or_pair,
)
from minitensor.nn.functional.sampling import affine_grid, grid_sample
from minitensor.nn.functional.unpooling import max_unpool1d, max_unpool2d, max_unpool3d
from minitensor.nn.functional.with_indices import (
    adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d_with_indices,
    fractional_max_pool2d_with_indices,
    fractional_max_pool3d_with_indices,
    max_pool1d_with_indices,
    max_pool2d_with_indices,
    max_pool3d_with_indices,
)
from minitensor.ops.distance import cosine_similarity, pairwise_distance, pdist

__all__ = [
    # activation
    "celu", "elu", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "selu", "sigmoid", "silu",
    "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
    "celu_", "elu_", "hardtanh_", "leaky_relu_", "rrelu_", "selu_", "threshold_",
    # linear and convolution
    "bilinear", "conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
    "linear", "locally_connected2d",
    # images
    "affine_grid", "channel_shuffle", "fold", "grid_sample", "interpolate", "pad", "pixel_shuffle", "pixel_unshuffle",
    "unfold", "upsample", "upsample_bilinear", "upsample_nearest",
    # pooling
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "fractional_max_pool2d", "fractional_max_pool3d",
    "lp_pool1d", "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d",
    "max_unpool3d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d_with_indices", "fractional_max_pool3d_with_indices", "max_pool1d_with_indices",
    "max_pool2d_with_indices", "max_pool3d_with_indices",
    # normalization and dropout
    "alpha_dropout", "batch_norm", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
    "group_norm", "instance_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm",
    # tables and attention
    "embedding", "embedding_bag", "one_hot", "multi_head_attention_forward", "scaled_dot_product_attention",
    # losses
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy", "ctc_loss",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "linear_cross_entropy",
    "margin_ranking_loss", "mse_loss", "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss",
    "nll_loss", "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    # distances
    "cosine_similarity", "pairwise_distance", "pdist", "_Reduction",
]  # fmt: skip

native_channel_shuffle = channel_shuffle  # PyTorch's name of its kernel

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
