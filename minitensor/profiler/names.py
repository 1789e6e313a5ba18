"""PyTorch's names for operations, and how many floating-point operations they take.

PyTorch's profiler lists each operation with those that it is composed of. Here several of them may be one kernel. Such
a kernel has the names of the outer and the innermost operation: ``aten::linear`` with ``aten::addmm`` inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

Shapes = Sequence[Any]

ROOMS = ("minitensor.ops.", "minitensor.linalg", "minitensor.fft", "minitensor.special")
LAYERS = "minitensor.nn.functional."

# Functions that compute nothing: PyTorch's profiler does not list them.
HIDDEN = frozenset(
    """numel nelement size dim ndimension stride storage_offset is_floating_point is_complex is_signed is_tensor
    is_nonzero is_contiguous is_storage is_inference is_conj is_neg is_same_size get_device element_size data_ptr
    tolist numpy type as_tensor asarray tensor from_numpy frombuffer result_type can_cast promote_types
    broadcast_shapes conj resolve_conj destination
    cpu cuda double float half bfloat16 long int short char byte bool type_as backward""".split()
)

# Layers that are operations in PyTorch, and their names there. Others are written in Python, as PyTorch's are.
NAMES_OF_LAYERS = {
    "cross_entropy": "cross_entropy_loss", "nll_loss": "nll_loss_nd", "multi_head_attention_forward": None,
    "kl_div": "kl_div", "smooth_l1_loss": "smooth_l1_loss", "pad": "pad", "one_hot": "one_hot", "bilinear": "bilinear",
    "adaptive_max_pool2d": "adaptive_max_pool2d", "max_pool1d": "max_pool1d", "max_pool2d": "max_pool2d",
    "max_pool3d": "max_pool3d", "softmax": "softmax", "log_softmax": "log_softmax", "mse_loss": "mse_loss",
    "l1_loss": "l1_loss", "binary_cross_entropy": "binary_cross_entropy", "embedding": "embedding",
    "binary_cross_entropy_with_logits": "binary_cross_entropy_with_logits", "huber_loss": "huber_loss",
    "scaled_dot_product_attention": "scaled_dot_product_attention", "dropout": "dropout", "unfold": "im2col",
    "fold": "col2im", "grid_sample": "grid_sampler", "pixel_shuffle": "pixel_shuffle",
    **{
        name: name for name in """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm
        layer_norm group_norm instance_norm rms_norm linear avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
        adaptive_avg_pool2d adaptive_avg_pool3d relu relu6 gelu silu elu selu celu leaky_relu hardtanh hardswish
        hardsigmoid softplus softshrink hardshrink mish glu logsigmoid prelu rrelu threshold tanh sigmoid
        cosine_embedding_loss triplet_margin_loss margin_ranking_loss hinge_embedding_loss ctc_loss""".split()
    },
}  # fmt: skip

# Operations that only this library has, with PyTorch's names for what they compute: the outer one, and those inside.
# Without a name they belong to the function that calls them.
CHAINS: dict[str, tuple[str, ...]] = {
    "relu": ("relu", "clamp_min"), "relu_grad": ("threshold_backward",), "column_sums": ("sum",),
    "convolution": ("convolution", "_convolution", "mkldnn_convolution"),
    "conv_backward_input": ("convolution_backward",), "conv_backward_weight": ("convolution_backward",),
    "cross_entropy": ("cross_entropy_loss",), "cross_entropy_backward": ("_log_softmax_backward_data",),
    "log_softmax": ("log_softmax", "_log_softmax"), "softmax": ("softmax", "_softmax"),
    "softmax_grad": ("_softmax_backward_data",), "log_softmax_grad": ("_log_softmax_backward_data",),
    "assignment": ("copy_",), "add_at": ("_index_put_impl_",), "place": ("slice_backward",), "fresh": (),
    "random": ("random_",),
    "fused_layer_norm": ("native_layer_norm",), "layer_norm_backward": ("native_layer_norm_backward",),
    "scatter_planes": ("max_pool2d_with_indices_backward",), "argwhere": (),
}
# Operations that several of PyTorch's share: their names by that of the function, or the node, that calls them.
BY_CALLER = {
    ("channel_norm", "aten::batch_norm"): ("_batch_norm_impl_index", "native_batch_norm"),
    ("channel_norm", "aten::group_norm"): ("native_group_norm",),
    ("channel_norm_backward", "NativeBatchNormBackward0"): ("native_batch_norm_backward",),
    ("channel_norm_backward", "NativeGroupNormBackward0"): ("native_group_norm_backward",),
    ("max_pool", "aten::max_pool1d"): ("max_pool1d_with_indices",),
    ("max_pool", "aten::max_pool2d"): ("max_pool2d_with_indices",),
    ("max_pool", "aten::max_pool3d"): ("max_pool3d_with_indices",),
    ("scan", "aten::lstm"): ("mkldnn_rnn_layer",),
}
ONE_PRODUCT = frozenset("mm bmm mv dot vdot inner addmm addmv baddbmm addbmm".split())  # they call no `matmul`
PRODUCTS = {(1, 1): "dot", (1, 2): "mv", (2, 1): "mv", (2, 2): "mm"}

Chain = list[tuple[str, Shapes]]


def chain_of(name: str, shapes: Shapes, caller: str, in_backward: bool) -> Chain:
    """Return PyTorch's names for an operation, from the outermost to the innermost, with the shapes of its tensors.

    Args:
        name: The name of the operation here.
        shapes: The shapes of its arguments; empty lists for what is no tensor.
        caller: The event in which it runs, or an empty text.
        in_backward: Whether it runs in the backward pass.
    """
    if name == "matmul":
        kernel = kernel_of_product(*shapes[:2])
        return [kernel] if in_backward or caller.removeprefix("aten::") in ONE_PRODUCT else [("matmul", shapes), kernel]
    if name == "linear":
        return [("linear", shapes), *kernels_of_linear(*shapes)]
    found = BY_CALLER.get((name, caller)) or CHAINS.get(name, (name.replace(".", "_"),))
    return [(each, shapes) for each in found]


def kernel_of_product(first: Shapes, second: Shapes) -> tuple[str, Shapes]:
    """Return the kernel of a product, and the shapes that it sees: matrices, or two batches of matrices."""
    kernel = PRODUCTS.get((len(first), len(second)))
    if kernel is not None:
        return kernel, [first, second]
    if len(second) <= 2:
        return "mm" if len(second) == 2 else "mv", [rows_of(first), second]
    batch = prod(second[:-2] if len(second) >= len(first) else first[:-2])
    return "bmm", [[batch, *first[-2:]] if len(first) > 1 else [batch, 1, *first], [batch, *second[-2:]]]


def kernels_of_linear(input: Shapes, weight: Shapes, bias: Shapes = ()) -> Chain:
    """Return the kernels of ``linear``, and the shapes that they see."""
    factors = [rows_of(input), list(weight[::-1])]
    if bias:
        return [("addmm", [bias, *factors, [], []])]
    return [("matmul", [input, factors[1]]), ("mm", factors)] if len(weight) == 2 else [("matmul", [input, weight])]


def rows_of(shape: Shapes) -> Shapes:
    """Return the shape of a tensor as a matrix, with all dims but the last in one."""
    return [prod(shape[:-1]), shape[-1]]


def name_of_function(function: Callable[..., Any]) -> str | None:
    """Return PyTorch's name for a function that is composed of operations; None if its profiler does not list it."""
    name, module = getattr(function, "__name__", ""), getattr(function, "__module__", None) or ""
    if name in HIDDEN or hasattr(function, "op"):
        return None
    if module.startswith(LAYERS):
        return NAMES_OF_LAYERS.get(name)
    for room in ROOMS:
        if module.startswith(room):
            return name if room == ROOMS[0] else f"{room.rpartition('.')[2]}_{name}"
    return None


# -- floating-point operations -----------------------------------------------------------------------------------------


def flops_of_product(shapes: Shapes) -> int:
    """Return those of a product of two matrices, or of batches of them."""
    first, second = [each for each in shapes if len(each) >= 2][-2:]
    return 2 * int(prod(first)) * int(second[-1])


def flops_of_convolution(shapes: Shapes, out: Sequence[int]) -> int:
    """Return those of a convolution, whose second argument is the weight."""
    return 2 * prod(out) * int(prod(shapes[1][1:]))


def count_flops(name: str, shapes: Shapes, out: Sequence[int] | None) -> int:
    """Return how many floating-point operations PyTorch counts for one of its operations; most count as none."""
    if name in ("mm", "addmm", "bmm", "baddbmm"):
        return flops_of_product(shapes)
    if name == "conv2d" and out is not None:
        return flops_of_convolution(shapes, out)
    if name in ("add", "mul"):
        return prod(shapes[0]) if shapes else 0
    return 0
