"""The names of the nodes of functions that are one operation in PyTorch, and composed of several operations here.

The node of the last of these operations gets PyTorch's name when the function returns, because programs print it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minitensor.autograd.naming import class_of_name
from minitensor.autograd.node import Output, is_differentiable, make_step, numbering
from minitensor.autograd.shown import Given
from minitensor.base import TensorBase, array_dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from minitensor.autograd.node import Node

    Naming: TypeAlias = Callable[[Any, Sequence[Any], Mapping[str, Any]], str]  # of a result and the arguments


def name_last_step(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a composite that gives the nodes of its results PyTorch's name; itself if they have no other name."""
    naming = LAST_STEPS.get(name)
    if naming is None:
        return function

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        start = next(numbering)
        found = function(*args, **kwargs)
        for result in found if isinstance(found, tuple) else (found,):
            node = getattr(result, "_node", None)
            # Not the node of an argument that is the result, and no leaf.
            if node is not None and node.edges and node.number > start:
                title = naming if isinstance(naming, str) else naming(result, args, kwargs)
                rename(node, title)
                if title and name not in COMPOSITES and title not in STEPS:
                    node.as_edge()[0].shown = places(name, args, kwargs)
                elif title and name in INNER:
                    node.as_edge()[0].shown = Given([INNER[name](node, *places(name, args, kwargs))])
        return found

    return run


def places(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Given:
    """Return the places in the graph of the arguments that PyTorch's node has entries for."""
    known = INPUTS.get(name)
    values = (*args, *kwargs.values()) if known is None else [argument(args, kwargs, *each) for each in known]
    if known is not None:
        return Given([getattr(each, "node", None) for each in values])
    tensors = [each for each in values if isinstance(each, TensorBase)]
    return Given([each.node for each in tensors if is_differentiable(array_dtype(each))])


def rename(node: Node, name: str) -> None:
    """Give the node of an operation another name, in which ``Backward0`` may be left out; keep it if that is empty."""
    if node.__class__ is Output:
        node = node.source
    if name:
        kind = next(each for each in node.__class__.__mro__ if not each.__dict__.get("title"))
        is_complete = "Backward" in name or name == "CopySlices"
        node.__class__ = class_of_name(kind, name if is_complete else f"{name}Backward0")


def name_node(result: TensorBase, name: str) -> None:
    """Give the node of a result another name, if it has a node; see ``rename``."""
    if result._node is not None:
        rename(result._node, name)


# -- names that depend on the arguments --------------------------------------------------------------------------------


def argument(args: Sequence[Any], kwargs: Mapping[str, Any], position: int, name: str) -> Any:
    """Return an argument, given by position or name, or None."""
    return args[position] if position < len(args) else kwargs.get(name)


def by_operand(name: str, position: int, operand: str, of_tensor: int = 1) -> Naming:
    """Return the naming of an operation of which PyTorch has one variant for numbers and one for tensors."""

    def name_variant(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        is_tensor = isinstance(argument(args, kwargs, position, operand), TensorBase)
        return f"{name}Backward{of_tensor if is_tensor else 1 - of_tensor}"

    return name_variant


def name_limit(name: str) -> Naming:
    """Return the naming of the largest or smallest element of all; other results keep their names."""

    def name_variant(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        return f"{name}Backward1" if len(args) == 1 and not kwargs else ""

    return name_variant


def by_dims(*names: str) -> Naming:
    """Return the naming of an operation on signals, images and volumes, whose results have three to five dims."""
    return lambda result, args, kwargs: names[result.ndim - 3] if 3 <= result.ndim < 3 + len(names) else ""


def name_squeeze_copy(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of a copy without all dims of size 1, one, or several."""
    dim = argument(args, kwargs, 1, "dim")
    return f"SqueezeBackward{0 if dim is None else 1 if isinstance(dim, int) else 2}_copy"


def name_nll(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of a loss of classes, which is another one for images."""
    return "NllLoss2D" if argument(args, kwargs, 0, "input").ndim > 2 else "NllLoss"


def name_cross_entropy(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of a loss of classes; if it is smoothed or targets are probabilities, that of its last step."""
    reduction = argument(args, kwargs, 6, "reduction") or "mean"
    if argument(args, kwargs, 1, "target").is_floating_point():
        return "DivBackward1" if reduction == "mean" else ""
    if kwargs.get("label_smoothing"):
        return "Add"
    return name_nll(result, args, kwargs)


def without_weights(name: str) -> Naming:
    """Return the naming of a loss without weights; with them PyTorch computes it in steps."""
    return lambda result, args, kwargs: "" if kwargs.get("weight") is not None else name


def name_diag(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of the copy of a diagonal, or of a matrix with that diagonal."""
    return "DiagEmbed" if result.ndim == 2 else "DiagonalBackward0_copy"


def name_repeat_interleave(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of repeated elements: PyTorch selects them if each has a number of its own."""
    return "IndexSelect" if isinstance(argument(args, kwargs, 1, "repeats"), TensorBase) else "View"


def name_adaptive_average(name: str) -> Naming:
    """Return the naming of adaptive average pooling, which is a mean for one result of each channel."""
    dims = int(name[-2])
    return lambda result, args, kwargs: "MeanBackward1" if set(result.shape[-dims:]) == {1} else name


def name_cdist(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of distances, which differs where they come from products."""
    p, mode = argument(args, kwargs, 2, "p"), argument(args, kwargs, 3, "compute_mode")
    few = max(result.shape[-2:]) <= 25 or mode == "donot_use_mm_for_euclid_dist"
    return "Cdist" if p not in (None, 2) or (few and mode != "use_mm_for_euclid_dist") else "View"


def name_ctc(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of the losses of alignments; a mean and a sum keep theirs."""
    is_one = argument(args, kwargs, 5, "reduction") == "none" and not argument(args, kwargs, 6, "zero_infinity")
    return "CtcLoss" if is_one else ""


FILTERS = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear", "bilinear": "Bilinear",
           "trilinear": "Trilinear", "bicubic": "Bicubic", "lanczos": "Lanczos"}  # fmt: skip


def name_interpolation(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of a resampling: of its filter, and the number of dims."""
    mode, dims = argument(args, kwargs, 3, "mode") or "nearest", result.ndim - 2
    if mode == "area":
        return "SqueezeBackward1" if dims == 1 else f"AdaptiveAvgPool{dims}D"
    return f"Upsample{FILTERS[mode]}{dims}D{'Aa' if kwargs.get('antialias') else ''}"


def name_pad(result: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the name of a padding: of its mode, and the number of dims that are padded."""
    mode, count = argument(args, kwargs, 2, "mode") or "constant", len(argument(args, kwargs, 1, "pad")) // 2
    if mode in ("circular", "constant"):
        return "CopySlices" if mode == "circular" else "ConstantPadNd"
    return f"{mode.capitalize().replace('Replicate', 'Replication').replace('Reflect', 'Reflection')}Pad{count}D"


LAST_STEPS: Mapping[str, str | Naming] = {
    # -- pointwise
    "clamp_min": by_operand("ClampMin", 1, "min"), "clamp_max": by_operand("ClampMax", 1, "max"),
    "rsub": by_operand("Rsub", 1, "other", of_tensor=0), "deg2rad": "Deg2Rad", "rad2deg": "Rad2Deg",
    "mvlgamma": "Mvlgamma", "multigammaln": "Mvlgamma", "ldexp": "Ldexp", "polar": "Polar",
    "conj_physical": "ConjPhysical", "celu": "Celu", "mish": "Mish", "hardsigmoid": "Hardsigmoid", "glu": "Glu",
    # -- reductions
    "nansum": "Nansum", "var_mean": "VarMean", "std_mean": "StdMean", "aminmax": "Aminmax",
    "max": name_limit("Max"), "min": name_limit("Min"), "dist": "Dist", "trace": "Trace", "renorm": "Renorm",
    "quantile": "SqueezeBackward4", "nanquantile": "SqueezeBackward4",
    # -- products
    "vdot": "Vdot", "addmm": "Addmm", "addmv": "Addmv", "addr": "Addr", "baddbmm": "Baddbmm", "addbmm": "Addbmm",
    "chain_matmul": "View", "multi_dot": "View", "cross": "LinalgCross", "cdist": name_cdist, "pdist": "Pdist",
    "kron": "UnsafeView", "bmm": "Bmm",
    # -- shapes, copies of views
    "rot90": "Rot90", "diag": name_diag, "repeat": "Repeat", "tile": "Repeat", "block_diag": "BlockDiag",
    "select_scatter": "SelectScatter", "slice_scatter": "SliceScatter", "diagonal_scatter": "DiagonalScatter",
    "as_strided_scatter": "AsStridedScatter", "narrow_copy": "NarrowCopy", "squeeze_copy": name_squeeze_copy,
    "repeat_interleave": name_repeat_interleave,
    **{f"{name}_copy": f"{''.join(word.capitalize() for word in name.split('_'))}Backward0_copy" for name in (
        "alias", "as_strided", "diagonal", "expand", "permute", "select", "slice", "split", "split_with_sizes", "t",
        "transpose", "unbind", "unfold", "unsqueeze", "view",
    )},
    # -- positions
    "take": "Take", "index_add": "IndexAdd", "index_copy": "IndexCopy",
    "index_fill": by_operand("IndexFill", 3, "value"), "scatter_reduce": "ScatterReduce",
    "scatter": by_operand("Scatter", 3, "src", of_tensor=0),
    "index_reduce": "IndexReduce", "embedding_bag": "EmbeddingBag",
    # -- matrices
    "cholesky_inverse": "CholeskyInverse", "cholesky": "Cholesky", "lstsq": "LinalgLstsq",
    "lu_unpack": "LuUnpack", "lu_solve": "LinalgLuSolve", "householder_product": "LinalgHouseholderProduct",
    "ormqr": "Ormqr", "triangular_solve": "TriangularSolve",
    # -- layers
    "conv_tbc": "ConvTbc", "pad": name_pad, "pixel_shuffle": "PixelShuffle", "pixel_unshuffle": "PixelUnshuffle",
    "channel_shuffle": "ChannelShuffle", "affine_grid": "AffineGridGenerator",
    "grid_sample": by_dims("", "GridSampler2D", "GridSampler3D"),
    **dict.fromkeys(("interpolate", "upsample"), name_interpolation),
    "max_pool1d": "SqueezeBackward1", "max_pool2d": "MaxPool2DWithIndices", "max_pool3d": "MaxPool3DWithIndices",
    "avg_pool1d": "SqueezeBackward1", "avg_pool2d": "AvgPool2D", "avg_pool3d": "AvgPool3D",
    "adaptive_avg_pool1d": "SqueezeBackward1", "adaptive_avg_pool2d": name_adaptive_average("AdaptiveAvgPool2D"),
    "adaptive_avg_pool3d": name_adaptive_average("AdaptiveAvgPool3D"), "adaptive_max_pool1d": "SqueezeBackward1",
    "adaptive_max_pool2d": "AdaptiveMaxPool2D", "adaptive_max_pool3d": "AdaptiveMaxPool3D",
    "fractional_max_pool2d": "FractionalMaxPool2D", "fractional_max_pool3d": "FractionalMaxPool3D",
    "max_unpool1d": "SqueezeBackward1", "max_unpool2d": "MaxUnpool2D", "max_unpool3d": "MaxUnpool3D",
    "batch_norm": "NativeBatchNorm", "instance_norm": "View", "group_norm": "NativeGroupNorm",
    # -- losses
    "mse_loss": without_weights("MseLoss"), "huber_loss": without_weights("HuberLoss"), "nll_loss": name_nll,
    "cross_entropy": name_cross_entropy, "smooth_l1_loss": "SmoothL1Loss", "pairwise_distance": "NormBackward1",
    "ctc_loss": name_ctc,
    "binary_cross_entropy": "BinaryCrossEntropy", "multi_margin_loss": "MultiMarginLoss",
    "binary_cross_entropy_with_logits": "BinaryCrossEntropyWithLogits", "soft_margin_loss": "SoftMarginLoss",
    "multilabel_margin_loss": "MultilabelMarginLoss",
}  # fmt: skip


# The arguments that PyTorch's node has entries for, if these are not all tensors of floats.
INPUTS: Mapping[str, tuple[tuple[int, str], ...]] = {
    **dict.fromkeys((
        "nll_loss", "soft_margin_loss", "multi_margin_loss", "fractional_max_pool2d", "fractional_max_pool3d",
        "max_pool1d", "avg_pool1d", "adaptive_avg_pool1d", "adaptive_max_pool1d",
    ), ((0, "input"),)),
    "ldexp": ((0, "input"), (1, "other")), "embedding_bag": ((1, "weight"), (8, "per_sample_weights")),
    "instance_norm": ((0, "input"), (3, "weight"), (4, "bias")),
    "batch_norm": ((0, "input"), (3, "weight"), (4, "bias")),
    "group_norm": ((0, "input"), (2, "weight"), (3, "bias")),
    **dict.fromkeys(("binary_cross_entropy", "binary_cross_entropy_with_logits"), ((0, "input"), (1, "target"))),
}  # fmt: skip

# PyTorch composes these of several steps too, and what ends with one of these steps.
COMPOSITES: frozenset[str] = frozenset(("cross_entropy", "pairwise_distance"))
STEPS: frozenset[str] = frozenset(("View", "UnsafeView", "SqueezeBackward1", "SqueezeBackward4", "CopySlices"))


def show_pool(name: str) -> Callable[..., Any]:
    """Return what shows that PyTorch pools a signal as an image of one row."""
    return lambda node, input: make_step(node, f"{name}Backward0", make_step(node, "UnsqueezeBackward0", input))


def show_instances(node: Node, input: Any, weight: Any, bias: Any) -> Any:
    """Show that PyTorch normalizes the channels of all instances as one batch."""
    repeated = [make_step(node, "RepeatBackward0", each) for each in (weight, bias)]
    return make_step(node, "NativeBatchNormBackward0", make_step(node, "ViewBackward0", input), *repeated)


# What PyTorch computes in a view: the step inside.
INNER: Mapping[str, Callable[..., Any]] = {
    "max_pool1d": show_pool("MaxPool2DWithIndices"), "avg_pool1d": show_pool("AvgPool2D"),
    "adaptive_avg_pool1d": show_pool("AdaptiveAvgPool2D"), "adaptive_max_pool1d": show_pool("AdaptiveMaxPool2D"),
    "instance_norm": show_instances,
}
