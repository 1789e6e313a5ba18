"""Functions of networks, as ``torch.nn.functional`` names them: the shop window, every name by hand, grouped."""

from __future__ import annotations

from minitensor.nn.functional.activation import (
    celu,
    elu,
    gelu,
    glu,
    gumbel_softmax,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    relu_,
    rrelu,
    selu,
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
)
from minitensor.nn.functional.attention import scaled_dot_product_attention
from minitensor.nn.functional.conv import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from minitensor.nn.functional.dropout import dropout, dropout1d, dropout2d
from minitensor.nn.functional.embedding import embedding, one_hot
from minitensor.nn.functional.folding import fold, pixel_shuffle, pixel_unshuffle, unfold
from minitensor.nn.functional.linear import bilinear, linear
from minitensor.nn.functional.loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
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
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_max_pool2d,
    avg_pool1d,
    avg_pool2d,
    lp_pool2d,
    max_pool1d,
    max_pool2d,
)

__all__ = [
    # activation
    "celu", "elu", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu", "selu", "sigmoid", "silu",
    "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
    # linear and convolution
    "bilinear", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d", "fold", "linear", "pad", "pixel_shuffle",
    "pixel_unshuffle", "unfold",
    # pooling
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "avg_pool1d", "avg_pool2d", "lp_pool2d",
    "max_pool1d", "max_pool2d",
    # normalisation and dropout
    "batch_norm", "dropout", "dropout1d", "dropout2d", "group_norm", "instance_norm", "layer_norm",
    "local_response_norm", "normalize", "rms_norm",
    # tables and attention
    "embedding", "one_hot", "scaled_dot_product_attention",
    # losses
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cosine_similarity",
    "cross_entropy", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "nll_loss", "smooth_l1_loss",
]  # fmt: skip
