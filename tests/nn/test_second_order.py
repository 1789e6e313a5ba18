"""Second-order gradients of the modules that PyTorch's module database does not list.

``test_module_database`` tests the listed ones; this file tests the rest with finite differences. Values drawn during a
call are the same in each call, because the seed is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt
from minitensor import nn

IMAGE = (1, 4, 2, 2)
Case = tuple[Callable[[], nn.Module], tuple[Any, ...]]


def draw(*shape: int) -> Any:
    """Return numbers away from every kink."""
    return (mt.randn(shape, dtype=mt.float64) + 0.1).requires_grad_()


def places(dims: int) -> mt.Tensor:
    """Return the index of a largest entry of each window of two, for one image of one channel."""
    return mt.arange(2**dims).view(1, 1, *(2,) * dims)


INDICES = mt.tensor([[0, 2], [1, 1]])
CASES: dict[str, Case] = {
    "AdaptiveLogSoftmaxWithLoss": (
        lambda: nn.AdaptiveLogSoftmaxWithLoss(4, 6, [2, 4], div_value=2.0), ((3, 4), mt.tensor([0, 3, 5]))
    ),
    "AlphaDropout": (nn.AlphaDropout, ((2, 3),)),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (IMAGE,)),
    "CosineSimilarity": (nn.CosineSimilarity, ((2, 3), (2, 3))),
    "CrossMapLRN2d": (lambda: nn.CrossMapLRN2d(3, 0.5), (IMAGE,)),
    "Dropout": (nn.Dropout, ((2, 3),)),
    "Dropout1d": (nn.Dropout1d, ((2, 3, 2),)),
    "Dropout2d": (nn.Dropout2d, (IMAGE,)),
    "Dropout3d": (nn.Dropout3d, ((1, 2, 2, 1, 2),)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(3, 2, mode="sum"), (INDICES, None, (2, 2))),
    "FeatureAlphaDropout": (nn.FeatureAlphaDropout, (IMAGE,)),
    "Flatten": (nn.Flatten, (IMAGE,)),
    "Fold": (lambda: nn.Fold((2, 3), 2), ((1, 4, 2),)),
    "Hardsigmoid": (nn.Hardsigmoid, ((2, 3),)),
    "Identity": (nn.Identity, ((2, 3),)),
    "LocallyConnected2d": (lambda: nn.LocallyConnected2d(4, 2, 2, input_size=2), (IMAGE,)),
    "MaxUnpool1d": (lambda: nn.MaxUnpool1d(2), ((1, 1, 2), places(1))),
    "MaxUnpool2d": (lambda: nn.MaxUnpool2d(2), ((1, 1, 2, 2), places(2))),
    "MaxUnpool3d": (lambda: nn.MaxUnpool3d(2), ((1, 1, 2, 2, 2), places(3))),
    "NLLLoss2d": (nn.NLLLoss2d, ((1, 3, 2, 2), mt.tensor([[[0, 2], [1, 1]]]))),
    "PairwiseDistance": (lambda: nn.PairwiseDistance(3.0), ((2, 3), (2, 3))),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (IMAGE,)),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), (IMAGE,)),
    "RReLU": (nn.RReLU, ((2, 3),)),
    "TransformerDecoder": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(2, 1, 1, 0.0), 1), ((1, 1, 2), (1, 1, 2))
    ),
    "TripletMarginLoss": (lambda: nn.TripletMarginLoss(5.0, swap=True), ((2, 3),) * 3),
    "TripletMarginWithDistanceLoss": (lambda: nn.TripletMarginWithDistanceLoss(margin=5.0), ((2, 3),) * 3),
    "Unflatten": (lambda: nn.Unflatten(1, (2, 2)), (IMAGE,)),
    "Unfold": (lambda: nn.Unfold(2), ((1, 2, 3, 2),)),
    "Upsample": (lambda: nn.Upsample(scale_factor=1.5, mode="bicubic"), (IMAGE,)),
    "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(3), (IMAGE,)),
    "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(3), (IMAGE,)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:NLLLoss2d")
@pytest.mark.parametrize("name", CASES)
def test_second_gradients_equal_finite_differences(name: str) -> None:
    make, given = CASES[name]
    mt.manual_seed(3)
    module = make().double()
    args = [draw(*each) if isinstance(each, tuple) else each for each in given]
    leaves = [each for each in (*args, *module.parameters()) if isinstance(each, mt.Tensor) and each.requires_grad]

    def call(*_: Any) -> Any:
        mt.manual_seed(5)
        found = module(*args)
        return tuple(found) if isinstance(found, tuple) else found

    assert mt.autograd.gradgradcheck(call, tuple(leaves), fast_mode=True)


def test_every_module_of_pytorchs_is_in_its_database_or_here() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("expecttest")
    from test_module_database import HERE

    containers = {"Container", "Module", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
    bases = {"RNNBase", "RNNCellBase"}
    for_many = {"DataParallel", "SyncBatchNorm"}  # tests/nn/test_parallel.py
    theirs = {name for name in dir(torch.nn) if is_module(torch, name)}
    lazy = {name for name in theirs if name.startswith("Lazy")}  # they become other modules
    listed = {info.module_cls.__name__ for info in HERE}
    assert {name for name in theirs if is_module(mt, name)} - listed - lazy == CASES.keys() - {
        "LocallyConnected2d"
    } | containers | bases | for_many


def is_module(library: Any, name: str) -> bool:
    """Return whether a library's nn has a module class of this name."""
    found = getattr(library.nn, name, None)
    return isinstance(found, type) and issubclass(found, library.nn.Module)
