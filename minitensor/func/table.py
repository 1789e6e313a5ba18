"""Which operation has which batching rule, in the order of the chapters of ``ops/`` and ``nn/functional/``.

An operation is found by its name, or by name and arguments where two have one name. All of a chapter of pointwise
operations are pointwise, and those on matrices take dims in front, but for what is named here. What is not found
is computed sample by sample, with a warning; what cannot be computed for samples at all has ``no_rule``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func import special
from minitensor.func.rules import (
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

if TYPE_CHECKING:
    from minitensor.autograd.node import Op

POINTWISE_CHAPTERS = tuple([
    f"minitensor.ops.{chapter}"
    for chapter in "pointwise halves unary compare special binary bits complex constant".split()
])

MATRIX_CHAPTERS = tuple([
    f"minitensor.ops.linalg.{chapter}" for chapter in "factor norms products solve spellings squares".split()
])

RULES: dict[str, Any] = {
    # -- pointwise, outside of their chapters or not quite
    **dict.fromkeys(
        """relu elu hardtanh leaky_relu threshold hardshrink softshrink softplus logsigmoid silu gelu gelu_by_tanh
        hardswish clone contiguous to_copy to_integers moved binary_cross_entropy""".split(),
        pointwise,
    ),
    # gradients of these, whose kernels do not broadcast
    **dict.fromkeys(
        """where_positive gated sloped elu_gradient softplus_gradient silu_gradient gelu_gradient depending constant_in
        with_constant_gradient""".split(),
        along(),
    ),
    "where": choice,
    "isin": special.isin,
    "prelu": as_other(special.prelu),
    "reformat": as_other(lambda input, memory_format: input.contiguous().clone()),
    "masked_fill": special.masked_fill,
    "polygamma": lambda do, n, input: do(n, input.tensor),
    **dict.fromkeys("detach view_as_real view_as_complex clone_beside".split(), along()),
    "pairs_of": along(),
    "complexes_of": along(),
    # -- activations along a dim
    **dict.fromkeys("softmax log_softmax softmax_gradient log_softmax_gradient".split(), along(dim="dim")),
    # -- reductions
    "spread(input,shape,dims)": shown,
    "beside": shown,
    "sum(input)": whole(lambda rows: rows.sum(1)),
    "mean(input)": whole(lambda rows: rows.mean(1)),
    "median(input)": sample_by_sample,  # equal elements share its gradient, unlike along a dim
    "nanmedian(input)": sample_by_sample,
    **dict.fromkeys(
        "sum_dims count_nonzero mean_dims var std amax amin all any logsumexp vector_norm".split(), along(dims="dims")
    ),
    **dict.fromkeys("prod max min median nanmedian mode kthvalue picked_along".split(), along(dim="dim")),
    **dict.fromkeys("argmax argmin".split(), along(dim="flat")),
    "placed_along": along(dim="dim", shape="shape"),
    "hits": pointwise,
    # -- cumulative, sort
    **dict.fromkeys(
        "cumsum cumprod shift recurrence cummax cummin logcumsumexp sort argsort topk".split(), along(dim="dim")
    ),
    # -- products, matrices
    "matmul": special.matmul,
    "linear": special.linear,
    "column_sums": as_other(lambda input: input.sum(0)),
    **dict.fromkeys("tril triu".split(), along()),
    **dict.fromkeys("solve solve_triangular cholesky_solve".split(), matrices),  # batches of matrices broadcast
    # -- shapes
    "view": special.view,
    "unsafe_view": along(shape="shape"),
    "transpose": along(dim0="dim", dim1="dim"),
    "t": special.t,
    "permute": special.permute,
    "movedim": along(source="dims", destination="dims"),
    "unsqueeze": along(dim="new"),
    "squeeze": special.squeeze,
    "expand": special.expand,
    "narrow": special.narrow,
    "repeat_each": along(dim="dim"),
    "select(input,dim,index)": along(dim="dim"),
    "flip": along(dims="dims"),
    "roll": along(dims="dims"),
    "diag_embed": along(dim1="new", dim2="new"),
    "cat": special.cat,
    "stack": along(dim="new"),
    "split": along(dim="dim"),
    "unbind": along(dim="dim"),
    # -- windows on memory
    "pick(input,home,window)": special.on_windows,
    **dict.fromkeys("place erase overwrite".split(), special.on_windows),
    # -- positions
    "index": special.index,
    "add_at": special.add_at,
    "take_first": as_other(special.take_first),
    "index_select": special.index_select,
    **dict.fromkeys("scatter_prod scatter_extreme".split(), along(dim="dim")),
    "gather": special.gather,
    "add_lines": special.add_lines,
    "rows": special.embedding_rows,
    "add_rows": special.add_rows,
    "argwhere": no_rule("how many positions there are differs from sample to sample; use a mask with torch.where"),
    "masked_select": special.masked_select,
    "unselect": special.unselect,
    # -- fft, signals
    **dict.fromkeys("spectrum half_spectrum signal".split(), along(dims="dims")),
    **dict.fromkeys("doubled resized".split(), along(dim="dim")),
    "overlapped": along(),
    # -- images
    "conv": special.convolution,
    "conv_input": special.convolution_input,
    "conv_weight": special.convolution_weight,
    "pad": along(amounts="sizes"),
    **dict.fromkeys("max_pool adaptive_max_pool gather_planes avg_pool unfold(input,windows) fold".split(), folded()),
    **dict.fromkeys("resample resample_input".split(), folded()),
    "scatter_planes": folded(shape="shape"),
    "avg_pool_input": folded(input_shape="shape"),
    "pick(table,weight,index)": special.sampled,
    "spread(rows,weight,index,count)": special.sampled_back,
    "compare": special.sampled_weight,
    # -- norms
    "standardize": channelwise,
    "project": channelwise,
    # -- losses
    "cross_entropy": special.cross_entropy,
    "slope": special.slope,
    "of_class": folded(),
    "at_class": folded(shape="shape"),
}

# Of operations that write into their first argument.
WRITES: dict[str, Any] = {
    **dict.fromkeys("copy zero assign assign_number".split(), special.write),
    "relu": special.write,
    "fill": special.fill_,
    "masked_fill": special.masked_fill_,
    "index_put": special.index_put,
    "index_add": special.index_add,
    "index_copy": special.index_copy,
    "index_fill": special.index_fill,
    "scatter": special.write_along,
    "scatter_add": special.write_along,
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
        return special.write
    return found
