"""Gradients have PyTorch's strides: those that ``autograd.grad`` returns, and the ``grad`` of leaves.

Every call of the op table is made with its arrays in all kinds of memory of ``test_laws_strides.py``.
"""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import minitensor as mt
from ops import call as calls
from ops.call import ours, outcome, tensors_in, theirs
from ops.row import Row
from ops.test_laws_strides import HERE, calls_in_layouts, differences
from strategies import torch_of

STEPS = "PyTorch's formula has other last steps, which show in permuted, expanded or mixed operands"

# Where the strides of a gradient that `autograd.grad` returns differ for some kind of memory.
EXCUSED: dict[str, str] = {
    **dict.fromkeys((
        "angle", "clamp", "copysign", "float_power", "hypot", "ldexp",
        "nan_to_num", "pow", "sgn", "special.xlog1py", "std_mean", "var_mean", "xlogy",
        "nn.functional.binary_cross_entropy", "nn.functional.binary_cross_entropy_with_logits",
        "nn.functional.hardswish", "nn.functional.huber_loss", "nn.functional.kl_div", "nn.functional.mse_loss",
        "nn.functional.poisson_nll_loss", "nn.functional.rrelu", "nn.functional.smooth_l1_loss",
        "nn.functional.soft_margin_loss",
    ), STEPS),
    "linalg.eig": "of a matrix with equal rows: whether the gradient of its vectors raises, hangs on the last bits",
    **dict.fromkeys(("nansum", "nanmean"), "without NaN it is a sum, whose gradient is expanded"),
    **dict.fromkeys(("prod", "max", "min"), "of all elements of a permuted tensor"),
    **dict.fromkeys(("norm", "linalg.vector_norm", "linalg.householder_product"), "PyTorch has no gradient there"),
    **dict.fromkeys((
        "addmm", "chain_matmul", "corrcoef", "cov", "cdist", "inner", "linalg.matmul", "linalg.matrix_power",
        "linalg.multi_dot", "matmul", "matrix_power", "mm", "tensordot", "nn.functional.linear",
        "nn.functional.linear_cross_entropy", "nn.functional.multi_head_attention_forward",
    ), "PyTorch lets the gradient of a column-major factor be column-major, for which it saves the strides"),
    **dict.fromkeys((
        "polar", "stft", "fft.irfft", "fft.hfft", "fft.rfft", "fft.ihfft", "fft.fftn", "fft.ifftn", "fft.irfftn",
        "fft.rfftn", "fft.hfftn", "fft.ihfftn", "fft.fft2", "fft.ifft2", "fft.irfft2", "fft.rfft2", "fft.hfft2",
        "fft.ihfft2",
    ), "PyTorch returns the real part of its complex gradient, with gaps, or transforms dims in another order"),
    **dict.fromkeys((
        "as_strided", "as_strided_copy", "as_strided_scatter", "block_diag", "cat", "diagonal_scatter",
        "select_scatter", "slice_copy", "slice_scatter", "squeeze", "Tensor.__getitem__",
    ), "PyTorch returns a view of the gradient, or zeros in the input's strides"),
    **dict.fromkeys((
        "index_reduce amax", "index_reduce amin", "masked_select", "scatter_reduce amax", "scatter_reduce amin", "take",
    ), "PyTorch fills zeros in the strides of a permuted input"),
    **dict.fromkeys((
        "linalg.det", "linalg.lstsq", "linalg.lu", "linalg.lu_factor_ex", "linalg.lu_solve", "linalg.matrix_norm",
        "ormqr", "triangular_solve",
    ), "the factors are multiplied in another order"),
    **dict.fromkeys((
        "nn.functional.adaptive_avg_pool1d",
        "nn.functional.batch_norm", "nn.functional.channel_shuffle",
        "nn.functional.conv2d", "nn.functional.conv3d", "nn.functional.conv_transpose1d",
        "nn.functional.conv_transpose2d", "nn.functional.conv_transpose2d wide padding",
        "nn.functional.interpolate cubic and area",
        "nn.functional.interpolate nearest",
        "nn.functional.pixel_shuffle", "nn.functional.pixel_unshuffle",
    ), "of channels-last signals and images, by algorithms of PyTorch's, or of one channel"),
    **dict.fromkeys(("nn.functional.locally_connected2d",), "PyTorch has no such function"),
}  # fmt: skip

# Where the strides of a leaf's `grad` differ, in dims of size 1 alone, or PyTorch has none.
EXCUSED_LEAVES = frozenset((
    "angle", "block_diag", "cat", "diagonal_scatter", "ldexp", "linalg.cross", "linalg.householder_product",
    "linalg.lstsq", "linalg.multi_dot", "linalg.vector_norm", "nan_to_num",
    "nn.functional.conv2d",
    "nn.functional.conv3d", "nn.functional.conv_tbc", "nn.functional.conv_transpose1d",
    "nn.functional.conv_transpose2d", "nn.functional.conv_transpose2d wide padding",
    "nn.functional.cosine_similarity", "nn.functional.gaussian_nll_loss", "nn.functional.interpolate cubic and area",
    "nn.functional.interpolate nearest", "nn.functional.locally_connected2d",
    "nn.functional.pixel_unshuffle", "norm", "scatter", "slice_scatter", "squeeze",
))  # fmt: skip

ROWS_HERE = [row for row in HERE if row.differentiable and not row.random]


@pytest.mark.parametrize("row", [row for row in ROWS_HERE if repr(row) not in EXCUSED], ids=repr)
def test_gradients_have_pytorchs_strides(row: Row) -> None:
    """The rows of ``EXCUSED`` differ for the given reason."""
    for what, there, found, expected in differences(pytest.importorskip("torch"), row):
        assert what != "grad" or not expected, (there, found, expected)


def strides_of_grads(op: Any, args: Any, kwargs: Any, row: Row, library: Any) -> list[Any]:
    """Return the shape and strides of ``grad`` of each leaf after a backward pass."""
    leaves = [
        tensor.requires_grad_()
        for k, arg in enumerate([*args, *kwargs.values()])
        if k not in row.constants
        for tensor in tensors_in(arg)
        if tensor.is_floating_point()
    ]
    kept = [each for each in tensors_in(op(*args, **kwargs)) if each.requires_grad]
    library.autograd.backward(kept, [library.ones_like(each.detach()) for each in kept])
    return [None if leaf.grad is None else (tuple(leaf.shape), tuple(leaf.grad.stride())) for leaf in leaves]


def without_ones(grad: Any) -> Any:
    """Leave out the strides of dims of size 1."""
    return grad and [step for n, step in zip(*grad, strict=True) if n != 1]


@pytest.mark.parametrize("row", ROWS_HERE, ids=repr)
def test_the_grad_of_leaves_has_pytorchs_strides(row: Row) -> None:
    """In the rows of ``EXCUSED_LEAVES``, dims of size 1 may have others."""
    torch = pytest.importorskip("torch")
    is_excused = repr(row) in EXCUSED_LEAVES
    for there in calls_in_layouts(row):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, kwargs = calls.torch_arguments(torch, there, lambda each: torch_of(torch, each))
            expected = outcome(strides_of_grads, theirs(torch, row), args, kwargs, row, torch)
            found = outcome(strides_of_grads, ours(row), *calls.our_arguments(there, calls.our_tensor), row, mt)
        if isinstance(expected, Exception) or isinstance(found, Exception):
            continue
        for one, other in zip(found, expected, strict=True):
            if one and other:
                assert without_ones(one) == without_ones(other), (there, one, other)
                assert is_excused or one == other, (there, one, other)


def test_every_excuse_is_for_a_row() -> None:
    assert EXCUSED.keys() | EXCUSED_LEAVES <= {repr(row) for row in ROWS_HERE}
