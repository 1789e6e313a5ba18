"""Rows of ``nn.functional``: windows, sampling and resizing of signals, images and volumes."""

from __future__ import annotations

import numpy as np

from ops.row import Row, call, f, i, kink, rows, ties

F = "nn.functional."
WHERE = "indices are checked"


def places(*shape: int, low: float = -1.4, high: float = 1.4, seed: int = 0) -> np.ndarray:
    """Sampling positions, none at or midway between pixel centers, for images three or four pixels wide."""
    drawn = f(*shape, low=low, high=high, seed=seed)
    near = np.abs(drawn * 12 - np.round(drawn * 12)) < 0.12
    return np.where(near, drawn + 0.021, drawn)


CONVOLUTIONS = rows(
    Row(F + "conv3d", (
        call(f(1, 2, 3, 3, 4), f(2, 2, 2, 2, 2, seed=1), f(2, seed=2)), call(f(2, 3, 4, 3), f(2, 1, 2, 1, 2, seed=1), None, (1, 2, 1), (1, 0, 1), 1, 2),
        call(f(1, 1, 4, 3, 3), f(1, 1, 2, 2, 2, seed=1), None, 1, 1, (2, 1, 2)), call(f(1, 1, 3, 3, 3), f(1, 1, 3, 2, 1, seed=1), padding="same"),
        call(f(1, 1, 3, 3, 3), f(1, 1, 3, 2, 1, seed=1), padding="valid"), call(f(0, 1, 3, 3, 3), f(1, 1, 2, 2, 2))),
        out=False, dtypes="single", rtol=1e-5, wrong=(
            call(f(1, 2, 3, 3, 3), f(3, 1, 2, 2, 2)), call(f(1, 1, 2, 2, 2), f(1, 1, 3, 3, 3)), call(f(3, 3, 3), f(1, 1, 2, 2, 2)),
            call(f(1, 1, 3, 3, 3), f(1, 1, 2, 2, 2), None, 2, "same"))),
    Row(F + "conv_transpose3d", (
        call(f(1, 2, 2, 2, 2), f(2, 2, 2, 1, 2, seed=1), f(2, seed=2)), call(f(2, 2, 2, 2), f(2, 1, 2, 2, 3, seed=1), None, (2, 1, 2), 1, (1, 0, 1), 2)),
        out=False, dtypes="single", rtol=1e-5, wrong=(call(f(1, 1, 2, 2, 2), f(2, 1, 2, 2, 2)),)),
    Row(F + "conv_transpose2d", (call(f(1, 2, 2, 2), f(2, 1, 2, 2, seed=1), None, (3, 2), (1, 2), (2, 3), 2, (4, 4)),), label="wide padding",
        out=False, dtypes="single", rtol=1e-5),
)  # fmt: skip

POOLING = rows(
    Row(F + "max_pool3d", (
        call(f(1, 2, 4, 3, 4), 2), call(f(2, 4, 3, 4), (2, 1, 3), 1, (1, 0, 1)), call(f(1, 1, 5, 3, 5), 2, 2, 0, (2, 1, 2)),
        call(f(1, 1, 5, 3, 5), 2, ceil_mode=True), call(f(1, 1, 4, 4, 3), 2, 1, return_indices=True), kink(ties(1, 1, 4, 4, 4), 2)),
        out=False, dtypes="single", wrong=(call(f(4, 4, 4), 2), call(f(1, 1, 2, 2, 2), 3), call(f(1, 1, 4, 4, 4), 2, 1, 2))),
    Row(F + "avg_pool3d", (
        call(f(1, 2, 4, 2, 4), 2), call(f(2, 4, 3, 3), (2, 1, 3), 1), call(f(1, 1, 5, 3, 4), 3, 2, 1), call(f(1, 1, 5, 3, 4), 3, 2, 1, False, False),
        call(f(1, 1, 5, 3, 3), 2, None, 0, True), call(f(1, 1, 4, 2, 2), 2, divisor_override=3)), dtypes="single",
        wrong=(call(f(4, 4, 4), 2), call(f(1, 1, 2, 2, 2), 3), call(f(1, 1, 2, 2, 2), 2, divisor_override=0))),
    Row(F + "adaptive_avg_pool3d", (call(f(1, 2, 4, 3, 5), 2), call(f(2, 4, 3, 2), (3, None, 1)), call(f(1, 1, 3, 3, 3), 1)), out=False,
        dtypes="single", wrong=(call(f(4, 4), 2), call(f(1, 1, 2, 2, 2), (1, 2)))),
    Row(F + "adaptive_max_pool1d", (call(f(1, 2, 5), 2), call(f(2, 5), 3), call(f(1, 1, 4), 2, True), kink(ties(1, 2, 7), 3, True)), out=False,
        dtypes="single", wrong=(call(f(4), 2), call(f(1, 0, 4), 2))),
    Row(F + "adaptive_max_pool3d", (call(f(1, 2, 4, 3, 5), 2), call(f(2, 4, 3, 2), (3, None, 1)), call(f(1, 1, 4, 2, 2), 2, True),
        kink(ties(1, 1, 5, 4, 3), 2, True)), out=False, dtypes="single", wrong=(call(f(4, 4), 2),)),
    Row(F + "fractional_max_pool2d", (
        call(f(1, 2, 5, 6), 2, 3, None, False, f(1, 2, 2, low=0.1, high=0.9, seed=1)),
        call(f(2, 6, 7), (2, 3), (4, 3), None, True, f(1, 2, 2, low=0.1, high=0.9, seed=1)),
        call(f(1, 1, 5, 6), 2, None, (0.5, 0.5), False, f(1, 1, 2, low=0.1, high=0.9, seed=1)),
        kink(ties(1, 1, 5, 5), 2, (3, 1), None, False, f(1, 1, 2, low=0.1, high=0.9, seed=1))), host=WHERE, out=False, dtypes="none",
        constants=(5,), wrong=(call(f(1, 1, 4, 4), 2), call(f(1, 1, 4, 4), 2, 4), call(f(1, 1, 4, 4), 2, 2, None, False, f(1, 2, 2)))),
    Row(F + "fractional_max_pool3d", (
        call(f(1, 2, 5, 5, 5), 2, 3, None, False, f(1, 2, 3, low=0.1, high=0.9, seed=1)),
        call(f(1, 4, 6, 4), (2, 3, 1), (2, 3, 2), None, True, f(1, 1, 3, low=0.1, high=0.9, seed=1))), host=WHERE, out=False, dtypes="none",
        constants=(5,), wrong=(call(f(1, 1, 4, 4, 4), 2), call(f(1, 1, 4, 4, 4), 2, 4))),
    Row(F + "lp_pool1d", (call(f(1, 2, 6, low=0.1), 2.0, 2), call(f(2, 5, low=0.1), 3.0, 3, 1)), out=False, dtypes="single", rtol=1e-5),
    Row(F + "lp_pool3d", (call(f(1, 2, 2, 4, 2, low=0.1), 2.0, 2), call(f(1, 1, 3, 2, 3, low=0.1), 3.0, (2, 1, 3), 1)), out=False, dtypes="single",
        rtol=1e-5),
    Row(F + "max_unpool1d", (
        call(f(1, 2, 2), np.asarray([[[0, 3], [1, 2]]]), 2), call(f(2, 2), np.asarray([[0, 4], [2, 3]]), 2, 2, 0, (5,))), host=WHERE,
        out=False, dtypes="none", wrong=(call(f(1, 1, 2), np.asarray([[[0, 4]]]), 2), call(f(1, 1, 2), np.asarray([[0, 1]]), 2),
                                         call(f(1, 1, 2), np.asarray([[[0, 1]]]), 2, 2, 0, (7,)))),
    Row(F + "max_unpool2d", (
        call(f(1, 2, 1, 2), np.asarray([[[[1, 6]], [[4, 3]]]]), 2), call(f(1, 2, 2), np.asarray([[[0, 3], [12, 14]]]), 3, 2, 1, (4, 4)),
        call(f(1, 1, 1, 1), np.asarray([[[[8]]]]), 2, output_size=(1, 1, 3, 3))), host=WHERE, out=False, dtypes="none",
        wrong=(call(f(1, 1, 1, 1), np.asarray([[[[4]]]]), 2), call(f(1, 1, 1, 1), np.asarray([[[[-1]]]]), 2),
               call(f(1, 1, 1, 1), i(1, 1, 1, 1, dtype="int32"), 2), call(f(1, 1), np.asarray([[0]]), 2),
               call(f(1, 1, 1, 1), np.asarray([[[[0]]]]), 2, None, 0, (9, 9)))),
    Row(F + "max_unpool3d", (call(f(1, 2, 1, 1, 2), np.asarray([[[[[1, 6]]], [[[15, 3]]]]]), 2), call(f(1, 1, 1, 1), np.asarray([[[[5]]]]), 2)),
        host=WHERE, out=False, dtypes="none", wrong=(call(f(1, 1, 1, 1, 1), np.asarray([[[[[8]]]]]), 2),)),
)  # fmt: skip

IMAGES = rows(
    Row(F + "pad", label="more dims", calls=(
        call(f(1, 1, 3, 2, 3), (1, 1, 1, 0, 2, 1), "reflect"), call(f(2, 2, 3, 2), (2, 1, -1, 2), "replicate"),
        call(f(1, 3, 3, 3), (-1, 1, 2, 1, 1, 0), "replicate"), call(f(1, 2, 4, 4), (-1, 1, -2, 1), "circular"),
        call(f(1, 1, 3, 2, 3), (1, 3, 1, 0, 2, 1), "circular")), out=False, dtypes="single",
        wrong=(call(f(1, 1, 3, 3), (1, 1), "reflect"), call(f(1, 2, 3), (4, 0), "circular"), call(f(2, 0, 3), (1, 1), "replicate"))),
    Row(F + "interpolate", label="nearest", calls=(
        call(f(1, 2, 3), 5), call(f(2, 1, 2, 3), (4, 2)), call(f(1, 1, 2, 3), scale_factor=2.3), call(f(1, 1, 2, 2, 2), scale_factor=(1.5, 2, 1)),
        call(f(1, 2, 4), 3, mode="nearest-exact"), call(f(1, 1, 3, 2), scale_factor=1.7, mode="nearest-exact"),
        call(f(1, 1, 3, 3), scale_factor=1.3, recompute_scale_factor=True)), out=False, dtypes="single",
        wrong=(call(f(1, 1, 2)), call(f(1, 1, 2), 2, 2.0), call(f(1, 1, 2), (2, 2)), call(f(1, 1, 2), 2, mode="cubic"), call(f(2, 2), 2),
               call(f(1, 1, 2), 0), call(f(1, 1, 2), 2, align_corners=True), call(f(1, 1, 2), 2, recompute_scale_factor=True))),
    Row(F + "interpolate", label="linear", calls=(
        call(f(1, 2, 3), 5, mode="linear"), call(f(1, 1, 4), 2, mode="linear", align_corners=True), call(f(1, 2, 2, 3), (3, 5), mode="bilinear"),
        call(f(1, 1, 3, 2), scale_factor=1.6, mode="bilinear", align_corners=True), call(f(1, 1, 3, 2), scale_factor=1.6, mode="bilinear"),
        call(f(1, 1, 5, 4), (2, 3), mode="bilinear", antialias=True), call(f(1, 1, 2, 2, 3), (3, 2, 4), mode="trilinear")), out=False,
        dtypes="single", rtol=4e-6, wrong=(call(f(1, 1, 2), 2, mode="bilinear"), call(f(1, 1, 2), 2, mode="linear", antialias=True))),
    Row(F + "interpolate", label="cubic and area", calls=(
        call(f(1, 2, 2, 3), (3, 5), mode="bicubic"), call(f(1, 1, 4, 3), (2, 5), mode="bicubic", align_corners=True),
        call(f(1, 1, 5, 4), (2, 3), mode="bicubic", antialias=True), call(f(1, 1, 5, 4), (2, 3), mode="area"),
        call(f(1, 1, 5, 4), (2, 7), mode="lanczos", antialias=True),
        call(f(1, 1, 5), scale_factor=0.5, mode="area"), call(f(1, 1, 2, 3, 2), 2, mode="area")), out=False, dtypes="single", rtol=1e-5),
    Row(F + "upsample", (call(f(1, 1, 2, 2), 3), call(f(1, 1, 2), None, 2.0, "linear")), torch=F + "interpolate", out=False, dtypes="single",
        names=False),
    Row(F + "upsample_nearest", (call(f(1, 1, 2, 2), 3),), torch=F + "interpolate", out=False, dtypes="single", names=False),
    Row(F + "upsample_bilinear", (call(f(1, 1, 2, 2), 3),), out=False, dtypes="single", names=False, rtol=4e-6,
        torch=lambda x, size: __import__("torch").nn.functional.interpolate(x, size, mode="bilinear", align_corners=True)),
    Row(F + "grid_sample", label="images", calls=(
        call(f(1, 2, 3, 4), places(1, 2, 3, 2), align_corners=False), call(f(2, 1, 3, 3), places(2, 2, 2, 2), "bilinear", "border", True),
        call(f(1, 1, 3, 4), places(1, 2, 3, 2, low=-3.1, high=3.2), "bilinear", "reflection", False),
        call(f(1, 1, 3, 4), places(1, 2, 2, 2), "nearest", "border", align_corners=False),
        call(f(1, 1, 4, 3), places(1, 2, 2, 2), "bicubic", "zeros", False), call(f(1, 1, 4, 3), places(1, 2, 2, 2), "bicubic", "reflection", True),
        kink(f(1, 1, 2, 2), np.asarray([[[[-1.0, 1.0], [0.0, 0.0], [1.0, 3.0]]]]), "bilinear", "border", True)), out=False, dtypes="none",
        wrong=(call(f(1, 1, 2, 2), f(1, 2, 2, 3)), call(f(1, 1, 2, 2), f(2, 2, 2, 2)), call(f(1, 1, 2), f(1, 2, 2)),
               call(f(1, 1, 2, 2), f(1, 2, 2, 2), "cubic"), call(f(1, 1, 2, 2), f(1, 2, 2, 2), "nearest", "wrap"),
               call(f(1, 1, 0, 2), f(1, 2, 2, 2)), call(f(1, 1, 2, 2), i(1, 2, 2, 2)))),
    Row(F + "grid_sample", label="volumes", calls=(
        call(f(1, 2, 2, 3, 4), places(1, 2, 1, 2, 3), align_corners=False), call(f(1, 1, 3, 2, 3), places(1, 1, 2, 2, 3), "bilinear", "reflection", True),
        call(f(1, 1, 3, 2, 3), places(1, 1, 2, 2, 3), "nearest", "zeros", True)), out=False, dtypes="none",
        wrong=(call(f(1, 1, 2, 2, 2), f(1, 1, 1, 1, 3), "bicubic"),)),
    Row(F + "affine_grid", (
        call(f(2, 2, 3), (2, 1, 2, 3), align_corners=False), call(f(1, 2, 3), (1, 1, 3, 2), align_corners=True),
        call(f(1, 3, 4), (1, 2, 2, 1, 3), align_corners=False)), out=False, dtypes="single", rtol=4e-6,
        wrong=(call(f(1, 2, 2), (1, 1, 2, 2)), call(f(1, 2, 3), (1, 1, 0, 2)), call(f(1, 2, 3), (1, 1, 2)), call(i(1, 2, 3), (1, 1, 2, 2)))),
    Row(F + "channel_shuffle", (call(f(1, 4, 2), 2), call(f(2, 6, 2, 1), 3)), out=False, dtypes="single",
        wrong=(call(f(1, 4, 2), 3), call(f(1, 4), 2), call(f(1, 4, 2), 0))),
    Row("constant_pad_nd", (call(f(2, 3), (1, 2)), call(f(2, 3), (1, -1, 2, 0), 3), call(f(2, 3), ()), call(f(3), (-1, -1), 0.5)), out=False,
        wrong=(call(f(2, 3), (1,)), call(f(2, 3), (1,) * 6), call(f(2, 3), (-3, -3)), call(f(2), (1, 1), 1j), call(f(2), 1))),
)  # fmt: skip

ROWS = rows(CONVOLUTIONS, POOLING, IMAGES)
