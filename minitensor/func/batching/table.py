"""Which operation has which batching rule, in the order of the chapters of ``ops/`` and ``nn/functional/``.

An operation is found by its name, or by name and arguments where two have one name. All of a chapter of pointwise
operations are pointwise, and those on matrices take dims in front, but for what is named here. What is not found
is computed sample by sample, with a warning; what cannot be computed for samples at all has ``no_rule``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching import losses, positions, products, sampling, shapes, writes
from minitensor.func.batching.families import (
    along,
    as_other,
    channelwise,
    choice,
    folded,
    matrices,
    no_rule,
    pointwise,
    sample_by_sample,
    shown,
    whole,
)
from minitensor.nn.functional import fused_norms, recurrent

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

POINTWISE_CHAPTERS = tuple([
    f"minitensor.ops.{chapter}"
    for chapter in """
        arithmetic halves powers exponentials trigonometry rounding choice compare bits special complex constant
    """.split()
])

MATRIX_CHAPTERS = tuple([
    f"minitensor.ops.linalg.{chapter}" for chapter in "factor norms products solve spellings squares".split()
])

RULES: dict[str, Any] = {
    # -- pointwise, outside of their chapters or not quite
    **dict.fromkeys(
        """relu elu hardtanh leaky_relu threshold hardshrink softshrink softplus logsigmoid silu gelu gelu_by_tanh
        hardswish clone contiguous to_copy to_integers to_device binary_cross_entropy""".split(),
        pointwise,
    ),
    # gradients of these, whose kernels do not broadcast
    **dict.fromkeys(
        """relu_grad mask_grad leaky_relu_grad rrelu_with_noise elu_grad softplus_grad silu_grad gelu_grad
        as_function_of with_gradient_as_function_of""".split(),
        along(),
    ),
    "where": choice,
    "isin": positions.isin,
    "prelu": as_other(products.prelu),
    "reformat": as_other(lambda input, memory_format: input.contiguous().clone()),
    "masked_fill": writes.masked_fill,
    "polygamma": lambda do, n, input: do(n, input.tensor),
    **dict.fromkeys("detach view_as_real view_as_complex clone_beside".split(), along()),
    "pairs_of": along(),
    "complexes_of": along(),
    # -- activations along a dim
    **dict.fromkeys("softmax log_softmax softmax_grad log_softmax_grad".split(), along(dim="dim")),
    # -- reductions
    "spread(input,shape,dims)": shown,
    "restore_dims": shown,
    "sum(input)": whole(lambda rows: rows.sum(1)),
    "mean(input)": whole(lambda rows: rows.mean(1)),
    "median(input)": sample_by_sample,  # equal elements share its gradient, unlike along a dim
    "nanmedian(input)": sample_by_sample,
    **dict.fromkeys(
        "sum_dims count_nonzero mean_dims var std amax amin all any logsumexp vector_norm".split(), along(dims="dims")
    ),
    **dict.fromkeys("prod max min median nanmedian mode kthvalue pick_along".split(), along(dim="dim")),
    **dict.fromkeys("argmax argmin".split(), along(dim="flat")),
    "place_along": along(dim="dim", shape="shape"),
    "is_extreme": pointwise,
    # -- cumulative, sort
    **dict.fromkeys(
        "cumsum cumprod shift recurrence cummax cummin logcumsumexp sort argsort topk".split(), along(dim="dim")
    ),
    # -- products, matrices
    "matmul": products.matmul,
    "linear": products.linear,
    "column_sums": as_other(lambda input: input.sum(0)),
    **dict.fromkeys("tril triu".split(), along()),
    **dict.fromkeys("solve solve_triangular cholesky_solve".split(), matrices),  # batches of matrices broadcast
    # -- shapes
    "view": shapes.view,
    "unsafe_view": along(shape="shape"),
    "transpose": along(dim0="dim", dim1="dim"),
    "t": shapes.t,
    "permute": shapes.permute,
    "movedim": along(source="dims", destination="dims"),
    "unsqueeze": along(dim="new"),
    "squeeze": shapes.squeeze,
    "expand": shapes.expand,
    "narrow": shapes.narrow,
    "repeat_each": along(dim="dim"),
    "select(input,dim,index)": along(dim="dim"),
    "flip": along(dims="dims"),
    "roll": along(dims="dims"),
    "diag_embed": along(dim1="new", dim2="new"),
    "cat": shapes.cat,
    "stack": along(dim="new"),
    "split": along(dim="dim"),
    "unbind": along(dim="dim"),
    # -- windows on memory
    "pick(input,home,window)": shapes.on_windows,
    **dict.fromkeys("place erase overwrite".split(), shapes.on_windows),
    # -- positions
    "index": positions.index,
    "add_at": positions.add_at,
    "take_first": as_other(positions.take_first),
    "index_select": positions.index_select,
    **dict.fromkeys("scatter_prod scatter_extreme".split(), along(dim="dim")),
    "gather": positions.gather,
    "add_along": positions.add_along,
    "rows": positions.embedding_rows,
    "add_rows": positions.add_rows,
    "argwhere": no_rule("how many positions there are differs from sample to sample; use a mask with torch.where"),
    "masked_select": positions.masked_select,
    "unselect": positions.unselect,
    # -- fft, signals
    **dict.fromkeys("spectrum half_spectrum signal".split(), along(dims="dims")),
    **dict.fromkeys("scale_mirrored fit_dim".split(), along(dim="dim")),
    "overlap_add": along(),
    # -- images
    "conv": products.convolution,
    "conv_input": products.convolution_input,
    "conv_weight": products.convolution_weight,
    "pad": along(amounts="sizes"),
    **dict.fromkeys("max_pool adaptive_max_pool gather_planes avg_pool unfold(input,windows) fold".split(), folded()),
    **dict.fromkeys("resample resample_input".split(), folded()),
    "scatter_planes": folded(shape="shape"),
    "avg_pool_input": folded(input_shape="shape"),
    "corners": sampling.corners,
    "pick(table,weight,index)": sampling.pick,
    "spread(rows,weight,index,count)": sampling.spread,
    "compare": sampling.compare,
    # -- norms
    "standardize": channelwise,
    "project": channelwise,
    "layer_norm": as_other(fused_norms.layer_norm_by_primitives),
    "layer_norm_backward": as_other(fused_norms.layer_norm_grad_by_primitives),
    "channel_norm": as_other(fused_norms.channel_norm_by_primitives),
    "channel_norm_backward": as_other(fused_norms.channel_norm_grad_by_primitives),
    # -- recurrent networks
    "scan": as_other(lambda tensors, cell, mask, trace: recurrent.retrace(tensors, cell, mask)),
    # -- losses
    "cross_entropy": losses.cross_entropy,
    "cross_entropy_backward": losses.cross_entropy_backward,
    "pick_class": folded(),
    "place_class": folded(shape="shape"),
}

# Of operations that write into their first argument.
WRITES: dict[str, Any] = {
    **dict.fromkeys("copy zero assign assign_number".split(), writes.write),
    "relu": writes.write,
    "fill": writes.fill_,
    "masked_fill": writes.masked_fill_,
    "index_put": positions.index_put,
    "index_add": positions.index_add,
    "index_copy": positions.index_copy,
    "index_fill": positions.index_fill,
    "scatter": writes.write_along,
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
    found = WRITES.get(op.body.__name__.strip("_"))  # its name is what messages call it
    if found is None and op.body.__module__ in POINTWISE_CHAPTERS:
        return writes.write
    return found
