"""Rows of ``nn.functional``: activations, linear maps, convolutions, pooling, normalization, tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.row import Call, Dtype, Row, b, call, f, i, kink, one, rows, ties

F = "nn.functional."
ORDINARY = (call(f(2, 3)), call(f()), call(f(2, 0)), kink(ties(3, 4)))
SMALL = (*ORDINARY, kink(np.array([float("inf"), -float("inf"), 40.0, -40.0])))


def activation(name: str, *more: Call, out: bool = False, **facts: object) -> Row:
    # On processors with AVX-512, PyTorch's gelu of a float32 infinity is NaN; tests/ops/test_activation.py tests its
    # limit.
    ends = ORDINARY if name == "gelu" else SMALL
    return Row(F + name, (*ends, *more), out=out, dtypes="single", **facts)  # type: ignore[arg-type]


def heads(query: Any, keys: Any, zero: bool = False, biases: tuple[Any, Any] = (None, None), **options: Any) -> Call:
    """Return a call of ``multi_head_attention_forward`` with two heads of width 2."""
    weights = (f(12, 4, seed=2), f(12, seed=3), *biases, zero, 0.0, f(4, 4, seed=5), f(4, seed=6))
    return call(query, keys, keys * 0.7, 4, 2, *weights, **options)


BLIND = "checks whether a mask hides all keys from a query"
SINGLE = {"gradient": "PyTorch computes a constant in single precision; gradcheck decides"}
TAILS = "skips the formula for the tails if no element is that large"


ACTIVATIONS = rows(
    activation("relu"), activation("relu6", call(f(2, 3, low=4, high=8))), activation("hardtanh", call(f(2, 3), -0.4, 0.6)),
    activation("leaky_relu", call(f(2, 3), 0.3)), activation("elu", call(f(2, 3), 0.7)), activation("selu", aliases=("selu",)),
    activation("celu", call(f(2, 3), 0.7), notes=SINGLE, aliases=("celu",)), activation("silu"), activation("mish"), activation("hardsigmoid", notes=SINGLE),
    activation("hardswish"), activation("softplus", call(f(2, 3), 2.0, 1.0), out=True), activation("logsigmoid", out=True),
    activation("gelu", call(f(2, 3), approximate="tanh"), rtol=3e-6, host=TAILS, out=True), activation("softsign"), activation("tanhshrink"),
    activation("hardshrink", call(f(2, 3), 0.7), aliases=("hardshrink",)), activation("softshrink", call(f(2, 3), 0.7)),
    activation("sigmoid"), activation("tanh"),
    Row(F + "threshold", (call(f(2, 3), 0.1, 20.0), kink(ties(3, 4), 1.0, 7.0)), out=False, dtypes="single",
        aliases=("threshold",)),
    Row(F + "prelu", (call(f(2, 3), f(3, seed=1)), call(f(2, 3), f(1, seed=1)), call(f(2, 3, 2), f(3, seed=1))), out=False,
        dtypes="single", wrong=(call(f(2, 3), f(2)),), aliases=("prelu",)),
    Row(F + "glu", (call(f(2, 4)), call(f(4, 2), 0)), out=False, dtypes="single", wrong=(call(f(3)), call(f(2, 4), 2))),
    (Row(F + name, (call(f(2, 3), 1), call(f(2, 3, 2), 0), kink(f(2, 3), -1, dtype=Dtype("float32")), call(f(), 0), call(f(2, 0), 0)),
         out=False, dtypes="single", wrong=(call(f(2, 3), 2),))
     for name in ("softmax", "log_softmax", "softmin")),
    (Row(name, (call(f(2, 3), 1), call(f(2, 3, 2), 0), call(f(), 0), kink(f(2, 3), -1, Dtype("float32"))),
         dtypes="single", wrong=(call(f(2, 3), 2),)) for name in ("softmax", "log_softmax")),
    Row("relu", SMALL, dtypes="real", out=False),
    Row("erf", one(), dtypes="float", pointwise=True, host=TAILS),
    Row("erfc", one(), dtypes="float", pointwise=True, host=TAILS),
    Row(F + "rrelu", (call(f(2, 3)),), out=False, dtypes="single", notes=SINGLE),
    Row(F + "gumbel_softmax", (call(f(2, 3)),), out=False, random=True),
    (Row(F + name, (call(f(2, 3, 4)),), out=False, random=True) for name in ("dropout", "dropout1d")),
    (Row(F + name, (call(f(2, 3, 4), 0.3, True),), out=False, random=True) for name in ("alpha_dropout", "feature_alpha_dropout")),
    Row(F + "dropout2d", (call(f(2, 3, 2, 2)),), out=False, random=True),
    Row(F + "dropout3d", (call(f(2, 3, 2, 2, 2)), call(f(3, 2, 2, 2))), out=False, random=True),
)  # fmt: skip

LINEAR = rows(
    Row(F + "linear", (
        call(f(2, 3), f(4, 3, seed=1)), call(f(2, 3), f(4, 3, seed=1), f(4, seed=2)), call(f(3), f(4, 3, seed=1), f(4, seed=2)),
        call(f(2, 2, 3), f(4, 3, seed=1)), call(f(0, 3), f(4, 3, seed=1))), dtypes="single", rtol=4e-6,
        wrong=(call(f(2, 3), f(4, 2)), call(f(2, 3), f(4, 3), f(3)))),
    Row(F + "bilinear", (call(f(2, 2), f(2, 3, seed=1), f(2, 2, 3, seed=2), f(2, seed=3)), call(f(2, 2), f(2, 3, seed=1), f(1, 2, 3))),
        out=False, dtypes="single", rtol=4e-6),
    Row(F + "conv2d", (
        call(f(2, 2, 4, 3), f(3, 2, 2, 2, seed=1), f(3, seed=2)), call(f(1, 2, 5, 4), f(2, 2, 3, 2, seed=1), None, 2, 1),
        call(f(2, 5, 4), f(2, 2, 3, 2, seed=1)), call(f(1, 4, 4, 4), f(2, 2, 2, 2, seed=1), f(2, seed=2), groups=2),
        call(f(1, 1, 5, 5), f(1, 1, 2, 2, seed=1), None, (1, 2), (1, 0), (2, 1)), call(f(1, 1, 4, 4), f(1, 1, 3, 3, seed=1), padding="same"),
        call(f(1, 1, 4, 4), f(1, 1, 3, 3, seed=1), padding="valid"), call(f(0, 1, 3, 3), f(1, 1, 2, 2))),
        out=False, dtypes="single", rtol=1e-5, wrong=(
            call(f(1, 2, 4, 4), f(3, 1, 2, 2)), call(f(1, 1, 2, 2), f(1, 1, 3, 3)), call(f(4, 4), f(1, 1, 2, 2)),
            call(f(1, 1, 4, 4), f(1, 1, 2, 2), f(2)), call(f(1, 1, 4, 4), f(1, 1, 2, 2), None, 0))),
    Row(F + "conv1d", (call(f(2, 2, 5), f(3, 2, 2, seed=1), f(3, seed=2)), call(f(1, 2, 6), f(2, 1, 3, seed=1), None, 2, 1, 1, 2)),
        out=False, dtypes="single", rtol=1e-5, wrong=(call(f(1, 2, 4), f(3, 1, 2)),)),
    Row(F + "conv_tbc", (call(f(5, 2, 2), f(2, 2, 3, seed=1), f(3, seed=2)), call(f(4, 1, 2), f(3, 2, 1, seed=1), f(1, seed=2), 1)),
        out=False, dtypes="single", rtol=1e-5, wrong=(call(f(5, 2), f(2, 2, 3), f(3)),)),
    Row(F + "conv_transpose2d", (
        call(f(1, 2, 3, 2), f(2, 2, 2, 2, seed=1), f(2, seed=2)), call(f(1, 2, 2, 2), f(2, 1, 3, 2, seed=1), None, 2, 1, 1, 2)),
        out=False, dtypes="single", rtol=1e-5),
    Row(F + "conv_transpose1d", (call(f(1, 2, 3), f(2, 2, 2, seed=1), f(2, seed=2)), call(f(1, 2, 3), f(2, 1, 3, seed=1), None, 2, 1)),
        out=False, dtypes="single", rtol=1e-5),
    Row(F + "unfold", (call(f(1, 2, 4, 3), 2), call(f(1, 1, 5, 5), (2, 3), 1, 1, 2), call(f(1, 4, 4), 2)), out=False, dtypes="single",
        strides=False),
    Row(F + "fold", (call(f(1, 8, 6), (4, 3), 2), call(f(1, 4, 4), (5, 5), 2, 1, 1, 3)), out=False, dtypes="single", strides=False),
    Row(F + "pad", calls=(
        call(f(2, 3), (1, 2)), call(f(2, 3), (1, 0, 0, 2), "constant", 1.5), call(f(2, 3), (-1, 1)), call(f(1, 2, 3), (1, 1), "reflect"),
        call(f(1, 2, 3), (2, 1), "replicate"), call(f(1, 2, 3), (2, 1), "circular"), call(f(1, 1, 3, 3), (1, 2, 2, 0), "reflect")),
        out=False, dtypes="single", wrong=(call(f(2, 3), (1,)), call(f(1, 2, 3), (3, 0), "reflect"), call(f(2, 3), (1, 1), "mirror"))),
    Row(F + "pixel_shuffle", (call(f(1, 4, 2, 3), 2),), out=False, dtypes="single", wrong=(call(f(1, 3, 2, 2), 2),)),
    Row(F + "pixel_unshuffle", (call(f(1, 1, 4, 2), 2),), out=False, dtypes="single", wrong=(call(f(1, 1, 3, 2), 2),)),
    Row(F + "scaled_dot_product_attention", (
        call(f(1, 2, 3), f(1, 4, 3, seed=1), f(1, 4, 2, seed=2)), call(f(1, 3, 2), f(1, 3, 2, seed=1), f(1, 3, 2, seed=2), is_causal=True),
        call(f(1, 2, 3), f(1, 4, 3, seed=1), f(1, 4, 2, seed=2), b(2, 4) | np.eye(2, 4, dtype=bool))), out=False, dtypes="single",
        rtol=1e-5, strides=False, constants=(3,), wrong=(call(f(3), f(3), f(3)),), host=BLIND),
    Row(F + "multi_head_attention_forward", (
        heads(f(2, 2, 4), f(3, 2, 4, seed=1)), heads(f(2, 4), f(3, 4, seed=1), need_weights=False),
        heads(f(2, 2, 4), f(3, 2, 4, seed=1), average_attn_weights=False, attn_mask=b(2, 3) & (np.arange(3) > 0)),
        heads(f(2, 2, 4), f(3, 2, 4, seed=1), key_padding_mask=np.array([[False, True, False], [False, False, True]]), need_weights=False),
        heads(f(2, 2, 4), f(3, 2, 4, seed=1), zero=True, biases=(f(1, 1, 4, seed=7), f(1, 1, 4, seed=8)), attn_mask=f(4, 2, 3, seed=9)),
        heads(f(2, 2, 4), f(3, 2, 4, seed=1), use_separate_proj_weight=True, q_proj_weight=f(4, 4), k_proj_weight=f(4, 4, seed=3),
              v_proj_weight=f(4, 4, seed=4))), out=False, dtypes="single", rtol=1e-5, strides=False, constants=(20,), names=False,
        wrong=(heads(f(4), f(4)), heads(f(2, 2, 4), f(3, 4)), heads(f(2, 2, 3), f(3, 2, 3)), heads(f(2, 2, 4), f(3, 2, 4), is_causal=True),
               heads(f(2, 2, 4), f(3, 2, 4), attn_mask=f(3, 3)), heads(f(2, 2, 4), f(3, 2, 4), attn_mask=i(2, 3))), host=BLIND),
)  # fmt: skip

POOLING = rows(
    Row(F + "max_pool2d", (
        call(f(1, 2, 4, 4), 2), call(f(2, 5, 4), (3, 2), 1), call(f(1, 1, 5, 5), 3, 2, 1), call(f(1, 1, 5, 5), 2, 2, 0, 2),
        call(f(1, 1, 5, 5), 2, ceil_mode=True), call(f(1, 1, 4, 4), 2, return_indices=True), kink(ties(1, 1, 4, 4), 2)),
        out=False, dtypes="single", wrong=(call(f(4, 4), 2), call(f(1, 1, 2, 2), 3), call(f(1, 1, 4, 4), 2, 1, 2))),
    Row(F + "max_pool1d", (call(f(1, 2, 6), 2), call(f(2, 5), 3, 1, 1), call(f(1, 1, 5), 2, return_indices=True)), out=False, dtypes="single"),
    Row(F + "avg_pool2d", (
        call(f(1, 2, 4, 4), 2), call(f(2, 5, 4), (3, 2), 1), call(f(1, 1, 5, 5), 3, 2, 1), call(f(1, 1, 5, 5), 3, 2, 1, False, False),
        call(f(1, 1, 5, 5), 2, None, 0, True), call(f(1, 1, 4, 4), 2, divisor_override=3)), dtypes="single",
        wrong=(call(f(4, 4), 2), call(f(1, 1, 2, 2), 3))),
    Row(F + "avg_pool1d", (call(f(1, 2, 6), 2), call(f(2, 5), 3, 1, 1), call(f(1, 1, 5), 2, 2, 0, True)), out=False, dtypes="single"),
    Row(F + "adaptive_avg_pool2d", (call(f(1, 2, 4, 5), 2), call(f(2, 4, 5), (3, None)), call(f(1, 1, 3, 3), 1)), out=False, dtypes="single"),
    Row(F + "adaptive_avg_pool1d", (call(f(1, 2, 5), 2), call(f(2, 5), 3)), out=False, dtypes="single"),
    Row(F + "adaptive_max_pool2d", (call(f(1, 2, 4, 5), 2), call(f(2, 4, 5), (3, None)), call(f(1, 1, 4, 4), 2, True)), out=False, dtypes="single"),
    Row(F + "lp_pool2d", (call(f(1, 2, 4, 4, low=0.1), 2.0, 2), call(f(1, 1, 5, 4, low=0.1), 3.0, (3, 2), 1)), out=False, dtypes="single", rtol=1e-5),
)  # fmt: skip

NORMALIZATION = rows(
    Row(F + "batch_norm", (
        call(f(3, 2), f(2, seed=1), f(2, low=0.5, seed=2), training=False),
        call(f(3, 2), f(2, seed=1), f(2, low=0.5, seed=2), f(2, seed=3), f(2, seed=4)),
        call(f(3, 2, 2), None, None, f(2, seed=3), f(2, seed=4), True), call(f(2, 2, 2, 2), None, None, training=True)),
        out=False, dtypes="single", constants=(1, 2), rtol=1e-5, wrong=(call(f(1, 2), None, None, training=True),),
        notes={"names": "positions"}),
    Row(F + "instance_norm", (call(f(2, 2, 3)), call(f(2, 2, 3), None, None, f(2, seed=1), f(2, seed=2))), out=False, dtypes="single", rtol=1e-5),
    Row(F + "layer_norm", (call(f(2, 3), (3,)), call(f(2, 2, 3), (2, 3), f(2, 3, seed=1), f(2, 3, seed=2))), out=False, dtypes="single", rtol=1e-5,
        wrong=(call(f(2, 3), (2,)),)),
    Row(F + "group_norm", (call(f(2, 4, 2), 2), call(f(2, 4, 2), 2, f(4, seed=1), f(4, seed=2))), out=False, dtypes="single", rtol=1e-5,
        wrong=(call(f(2, 3), 2),)),
    Row(F + "rms_norm", (call(f(2, 3), (3,)), call(f(2, 3), (3,), f(3, seed=1), 0.1)), out=False, dtypes="single", rtol=1e-5),
    Row(F + "local_response_norm", (call(f(1, 4, 3), 2), call(f(1, 3, 2, 2), 3, 0.5, 0.6, 2.0)), out=False, dtypes="single", rtol=1e-5),
    Row(F + "normalize", (call(f(2, 3)), call(f(2, 3), 1.0, 0), call(f(2, 3), 3.0, -1)), out=False, dtypes="single", rtol=1e-5),
)  # fmt: skip

TABLES = rows(
    Row(F + "embedding", (call(i(2, 3, high=4), f(4, 2)), kink(i(3, high=4), f(4, 2), 1), call(np.array(2), f(4, 2))), out=False, dtypes="single",
        host="indices are checked", wrong=(call(np.array([4]), f(4, 2)), call(f(2), f(4, 2)))),
    Row(F + "one_hot", (call(i(4, high=3)), call(i(2, 2, high=3), 5)), out=False, differentiable=False, dtypes="none",
        host="the largest index gives the size", wrong=(call(np.array([-1])), call(np.array([3]), 2))),
)  # fmt: skip

ROWS = rows(ACTIVATIONS, LINEAR, POOLING, NORMALIZATION, TABLES)
