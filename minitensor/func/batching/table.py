"""The batching rule of each operation, in the order of the chapters of ``ops/`` and ``nn/functional/``.

Operations are found by name, or by name and arguments if two share a name. Operations in a pointwise chapter are
pointwise and those in a matrix chapter are batched, unless they are listed here. Operations without a rule are computed
sample by sample, with a warning; those that cannot be computed for samples at all have ``refuse``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching import losses, positions, products, sampling, shapes, writes
from minitensor.func.batching.families import (
    align_matrices,
    align_pivots,
    along,
    choose,
    compute_as,
    expand_reduction,
    fill_batches,
    fold_batches,
    fold_channels,
    fold_samples,
    pointwise,
    reduce_whole,
    refuse,
    sample_by_sample,
)
from minitensor.nn.functional import fused_norms, recurrent
from minitensor.ops.tangents import POINTWISE_CHAPTERS

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

MATRIX_CHAPTERS = tuple([
    f"minitensor.ops.linalg.{chapter}"
    for chapter in "factor ldl lu norms products reflections solve spellings squares".split()
])

RULES: dict[str, Any] = {
    # -- pointwise, outside of the pointwise chapters, and exceptions to them
    **dict.fromkeys(
        """relu elu hardtanh leaky_relu threshold hardshrink softshrink softplus logsigmoid silu gelu
        hardswish to_copy copy_as_integers to_device binary_cross_entropy huber_of_errors""".split(),
        pointwise,
    ),
    # their gradients, whose kernels do not broadcast
    **dict.fromkeys(
        """relu_grad mask_grad leaky_relu_grad rrelu_with_noise elu_grad softplus_grad silu_grad gelu_grad
        as_function_of with_gradient_as_function_of""".split(),
        along(),
    ),
    "where": choose,
    "isin": positions.isin,
    "prelu": compute_as(products.prelu),
    "clone(input)": pointwise,
    "clone(input,memory_format)": shapes.clone,
    "masked_fill": writes.masked_fill,
    "polygamma": lambda do, n, input: do(n, input.tensor),
    **dict.fromkeys(
        "detach view_as_real view_as_complex clone_beside copy_with_gaps with_row_major_grad among_rows".split(),
        along(),
    ),
    "pairs_of": along(),
    "complexes_of": along(),
    # -- activations along a dim
    **dict.fromkeys("softmax log_softmax softmax_grad log_softmax_grad".split(), along(dim="dim")),
    # -- reductions
    "spread": expand_reduction,
    "restore_dims": expand_reduction,
    "sum(input)": reduce_whole(lambda rows: rows.sum(1)),
    "mean(input)": reduce_whole(lambda rows: rows.mean(1)),
    "median(input)": sample_by_sample,  # equal elements share its gradient, unlike along a dim
    "nanmedian(input)": sample_by_sample,
    **dict.fromkeys(
        "sum count_nonzero mean var std amax amin all any logsumexp".split(), along(dim="dims")
    ),
    "linalg.vector_norm": along(dim="dims"),
    **dict.fromkeys("prod max min median nanmedian mode kthvalue pick_along".split(), along(dim="dim")),
    **dict.fromkeys("argmax argmin".split(), along(dim="flat")),
    "place_along": along(dim="dim", shape="shape"),
    "is_extreme": pointwise,
    # -- cumulative, sort
    **dict.fromkeys(
        """cumsum reverse_cumsum cumprod reverse_cumprod shift recurrence cummax cummin logcumsumexp sort argsort
        topk""".split(),
        along(dim="dim"),
    ),
    # -- products, matrices
    "matmul": products.matmul,
    "linear": products.linear,
    "column_sums": compute_as(lambda input: input.sum(0)),
    **dict.fromkeys("tril triu".split(), along()),
    **dict.fromkeys("linalg.solve_triangular cholesky_solve".split(), align_matrices),  # batches of matrices broadcast
    "exchange_rows": align_pivots,
    "linalg.ldl_solve": fill_batches,
    "linalg.solve": products.solve,
    "cross_along": sample_by_sample,
    "linalg.qr": products.qr,
    # -- shapes
    "view": shapes.view,
    "unsafe_view": along(shape="shape"),
    "transpose": along(dim0="dim", dim1="dim"),
    "t": shapes.t,
    "permute": shapes.permute,
    "unsqueeze": along(dim="new"),
    "squeeze": shapes.squeeze,
    "expand": shapes.expand,
    "narrow": shapes.narrow,
    "repeat_each": along(dim="dim"),
    "select(input,dim,index)": along(dim="dim"),
    "flip": along(dims="dims"),
    "roll": shapes.roll,
    "diag_embed": along(dim1="new", dim2="new"),
    "cat": shapes.cat,
    "stack": along(dim="new"),
    "split": along(dim="dim"),
    "unbind": along(dim="dim"),
    # -- windows on memory
    "pick": shapes.widen_windows,
    **dict.fromkeys("place erase overwrite".split(), shapes.widen_windows),
    # -- positions
    "index(input,indices)": positions.index,
    "index(input,index)": compute_as(positions.take_first),
    "add_at": positions.add_at,
    "index_select": positions.index_select,
    "scatter_reduce": along(dim="dim"),
    "gather": positions.gather,
    "add_along": positions.add_along,
    "embedding": positions.embedding_rows,
    "add_rows": positions.add_rows,
    "argwhere": refuse("the number of positions differs from sample to sample; use a mask with torch.where"),
    "masked_select": positions.masked_select,
    "unselect": positions.unselect,
    # -- fft, signals
    **dict.fromkeys("spectrum half_spectrum signal".split(), along(dims="dims")),
    **dict.fromkeys("scale_mirrored_entries fit_dim".split(), along(dim="dim")),
    "overlap_add": along(),
    # -- images
    "convolution": products.convolution,
    "conv_backward_input": products.convolution_input_backward,
    "conv_backward_weight": products.convolution_weight_backward,
    "constant_pad_nd": along(),
    **dict.fromkeys(
        "max_pool adaptive_max_pool gather_planes avg_pool".split(), fold_samples()
    ),
    **dict.fromkeys("resample resample_keeping_input resample_fixed_point".split(), fold_samples()),
    "unfold(input,kernel_size,dilation,padding,stride)": fold_batches(4),
    "fold": fold_batches(3),
    "scatter_planes": fold_samples("shape"),
    "avg_pool_backward": fold_samples("input_shape"),
    "find_corners": sampling.corners,
    "pick_rows": sampling.sample_tables,
    "spread_rows": sampling.sample_tables_backward,
    "compare_rows": sampling.sample_weights_backward,
    # -- norms
    "standardize": fold_channels,
    "project": fold_channels,
    "layer_norm": compute_as(fused_norms.layer_norm_by_primitives),
    "layer_norm_backward": compute_as(fused_norms.layer_norm_grad_by_primitives),
    "channel_norm": compute_as(fused_norms.channel_norm_by_primitives),
    "channel_norm_backward": compute_as(fused_norms.channel_norm_grad_by_primitives),
    # -- recurrent networks
    "scan": compute_as(lambda tensors, cell, mask, trace: recurrent.retrace(tensors, cell, mask)),
    # -- losses
    "cross_entropy": losses.cross_entropy,
    "cross_entropy_backward": losses.cross_entropy_grad,
    "pick_class": fold_samples(),
    "place_class": fold_samples("shape"),
}

# Rules of operations that write into their first argument.
WRITES: dict[str, Any] = {
    **dict.fromkeys("copy zero assign_tensor assign_number".split(), writes.write),
    "relu": writes.write,
    "fill": writes.fill_,
    "masked_fill": writes.masked_fill_,
    "write_at": positions.index_put,
    "index_add": positions.index_add,
    "index_copy": positions.index_copy,
    "index_fill": positions.index_fill,
    "replace_along": writes.write_along,
    "scatter_add": writes.write_along,
}


def signature(op: Op) -> str:
    """Return an operation's name and arguments."""
    return f"{op.name}({','.join(op.names)})"


def rule_for(op: Op) -> Any:
    """Return an operation's rule, or None."""
    found = RULES.get(signature(op)) or RULES.get(op.name)
    if found is not None:
        return found
    chapter = op.body.__module__
    return pointwise if chapter in POINTWISE_CHAPTERS else along() if chapter in MATRIX_CHAPTERS else None


def write_rule_for(op: Op) -> Any:
    """Return the rule of an operation that writes, or None."""
    found = WRITES.get(op.body.__name__.strip("_"))  # op.name is the public name in messages
    if found is None and op.body.__module__ in POINTWISE_CHAPTERS:
        return writes.write
    return found
