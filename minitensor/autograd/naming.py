"""The classes of nodes that users see: ``type(y.grad_fn).__name__`` is the name of the operation, as in PyTorch.

All nodes of one kind have one class when they are made, because a class for each operation would cost time there. A
node gets the class of its operation's name, which adds nothing, when it is handed out.

Where an operation here is one of PyTorch's under another name, or one of its variants, the tables have PyTorch's name.
What is composed of other operations here shows the last of them, or the name in ``last_steps.py``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minitensor.autograd.node import Node


def show_name(node: Node) -> Node:
    """Give a node the class that has its name, and return the node."""
    kind, name = node.__class__, node.name().rpartition("::")[2]
    if kind.__name__ != name:
        node.__class__ = class_of_name(kind, name)  # type: ignore[arg-type]  # a class can be hashed
    return node


@functools.cache
def class_of_name(kind: type[Node], name: str) -> Any:
    """Return a child of a class of nodes under a name."""
    return type(name, (kind,), {"__slots__": (), "__module__": kind.__module__, "title": name})


# -- PyTorch's names ---------------------------------------------------------------------------------------------------

NAMES: Mapping[str, str] = {
    "log1p": "Log1PBackward0", "pairs_of": "ViewAsRealBackward0", "complexes_of": "ViewAsComplexBackward0",
    "log_ndtr": "SpecialLogNdtrBackward0", "ndtri": "SpecialNdtriBackward0", "erfcx": "SpecialErfcxBackward0",
    "entr": "SpecialEntrBackward0", "i0e": "SpecialI0EBackward0", "i1": "SpecialI1Backward0",
    "i1e": "SpecialI1EBackward0", "xlog1py": "SpecialXlog1PyBackward0", "zeta": "SpecialZetaBackward0",
    "gammainc": "IgammaBackward0", "gammaincc": "IgammacBackward0",
    "narrow": "SliceBackward0", "linalg.inv": "LinalgInvExBackward0", "linalg.solve": "LinalgSolveExBackward0",
    "linalg.cholesky": "LinalgCholeskyExBackward0", "logsigmoid": "LogSigmoidBackward0",
    "prelu": "PreluKernelBackward0", "cross_along": "LinalgCrossBackward0", "fold": "Col2ImBackward0",
    "conv_backward_input": "ConvolutionBackward0", "layer_norm": "NativeLayerNormBackward0",
    "square": "PowBackward0", "floor_divide": "DivBackward2", "half_spectrum": "FftR2CBackward0",
    "signal": "FftC2RBackward0", "overwrite": "CopySlices",
    "conv_backward_weight": "ConvolutionBackwardBackward0", "sum_rows": "EmbeddingBagBackward0",
    "sparse_product": "SparseAddmmBackward0",
}  # fmt: skip


def name_of_node(node: Node) -> str:
    """Return the name of a node in PyTorch's style: ``MulBackward0``."""
    if node.title:
        return node.title
    name = node.op.name
    if name in NAMES:
        return NAMES[name]
    if name in VARIANTS:
        return VARIANTS[name](node)
    return "".join(word[:1].upper() + word[1:] for word in re.split("[_.]", name)) + "Backward0"


def edge_of(node: Node, argument: int) -> Any:
    """Return the node of an argument, or None if it has none."""
    inputs = node.op.inputs
    return node.edges[inputs.index(argument)] if argument in inputs else None


def dims_before(node: Node) -> int:
    """Return the number of dims of the first argument, or of the result if that is not known."""
    return len(getattr(edge_of(node, 0), "shape", node.shape))


def name_by_operands(node: Node) -> str:
    """Return the name of an operation whose last operand is a number in one variant and a tensor in the other."""
    return f"{node.op.name.capitalize()}Backward{int(edge_of(node, node.op.inputs[-1]) is not None)}"


NUMBER_FIRST = object()  # what a node shows, before it is asked, whose first operand was a number; see ``shown.py``


def name_of_operands(node: Node) -> str:
    """Return the name of a difference or quotient, which PyTorch computes otherwise if a number comes first."""
    if getattr(node, "shown", None) is NUMBER_FIRST:
        return "RsubBackward1" if node.op.name == "sub" else "MulBackward0"
    return f"{node.op.name.capitalize()}Backward0"


def name_pow(node: Node) -> str:
    """Return the name of a power: of a tensor and a number, two tensors, or a number and a tensor."""
    base, exponent = edge_of(node, 0), edge_of(node, 1)
    saved = node.saved  # None once freed
    if (base is not None and exponent is not None) or (saved and not any(isinstance(each, Number) for each in saved)):
        return "PowBackward1"
    return "PowBackward0" if exponent is None else "PowBackward2"


def name_clamp(node: Node) -> str:
    """Return the name of ``clamp``, whose limits are tensors in one variant of PyTorch's and numbers in the other."""
    return "ClampBackward0" if edge_of(node, 1) is not None or edge_of(node, 2) is not None else "ClampBackward1"


def name_squeeze(node: Node) -> str:
    """Return the name of ``squeeze``: without dims, of one, or of several."""
    dim = node.saved[0]
    return f"SqueezeBackward{0 if dim is None else 1 if isinstance(dim, int) else 2}"


def name_unfold(node: Node) -> str:
    """Return the name of windows: those of a tensor's dim add a dim, those of images merge dims."""
    return "UnfoldBackward0" if len(node.shape) > dims_before(node) else "Im2ColBackward0"


def name_spectrum(node: Node) -> str:
    """Return the name of a Fourier transform of complex numbers, or of real ones."""
    edge, (dims, forward, _) = edge_of(node, 0), node.saved
    if edge is None or edge.dtype.kind == "c" or len(dims) > 1:
        return "FftC2CBackward0"
    return "FftR2CBackward0" if forward else "ConjBackward0"


def name_fit(node: Node) -> str:
    """Return the name of the step that fits a dim before a Fourier transform: it is cut, or padded."""
    edge = edge_of(node, 0)
    is_cut = edge is not None and edge.shape > node.shape  # the shapes differ in one dim
    return "SliceBackward0" if is_cut else "ConstantPadNdBackward0"


def name_reduction(node: Node) -> str:
    """Return the name of a reduction, of which PyTorch has one variant over all elements and one over dims.

    The former has one argument here.
    """
    return f"{node.op.name.capitalize()}Backward{int(len(node.op.names) > 1)}"


def name_prod(node: Node) -> str:
    """Return the name of a product of elements: of all of them, or along a dim."""
    return "ProdBackward1" if node.shape else "ProdBackward0"


def name_part(node: Node) -> str:
    """Return the name of an ``x[...]``: PyTorch shows the last step, mostly the one that changes the number of dims."""
    change = len(node.shape) - dims_before(node)
    return "SelectBackward0" if change < 0 else "UnsqueezeBackward0" if change else "SliceBackward0"


def name_product(node: Node) -> str:
    """Return the name of a product, which is another one in PyTorch for each number of dims."""
    kinds = "Dot", "Mv", "Mm"
    ranks = [len(edge.shape) if edge is not None else 0 for edge in (edge_of(node, 0), edge_of(node, 1))]
    if ranks == [1, 2]:
        return "SqueezeBackward4"
    return "UnsafeViewBackward0" if max(len(node.shape), *ranks) > 2 else f"{kinds[len(node.shape)]}Backward0"


def name_layer(node: Node) -> str:
    """Return the name of what a linear layer ends with: a product, in a view unless the input is a matrix."""
    has_bias = edge_of(node, 2) is not None
    if len(node.shape) == 2:
        return "AddmmBackward0" if has_bias else "MmBackward0"
    return "ViewBackward0" if has_bias else "SqueezeBackward4" if len(node.shape) == 1 else "UnsafeViewBackward0"


def name_cross_entropy(node: Node) -> str:
    """Return the name of a loss of classes, which has another one for images."""
    return "NllLoss2DBackward0" if dims_before(node) > 2 else "NllLossBackward0"


POOLS = {"max_pool": "MaxPool{}DWithIndices", "avg_pool": "AvgPool{}D", "adaptive_max_pool": "AdaptiveMaxPool{}D"}


def name_pool(node: Node) -> str:
    """Return the name of a pooling of images or volumes; PyTorch pools sequences as images, and squeezes them."""
    dims = len(node.shape) - 2
    return "SqueezeBackward1" if dims == 1 else POOLS[node.op.name].format(dims) + "Backward0"


VARIANTS: Mapping[str, Callable[[Node], str]] = {
    **dict.fromkeys(("sum", "mean", "median", "nanmedian"), name_reduction),
    **dict.fromkeys(("remainder", "fmod", "lerp"), name_by_operands),
    **dict.fromkeys(("sub", "div"), name_of_operands),
    "pow": name_pow, "clamp": name_clamp, "squeeze": name_squeeze, "unfold": name_unfold, "spectrum": name_spectrum,
    "fit_dim": name_fit,
    "prod": name_prod, "slice": name_part,
    "matmul": name_product, "linear": name_layer, "cross_entropy": name_cross_entropy,
    **dict.fromkeys(POOLS, name_pool),
}  # fmt: skip
