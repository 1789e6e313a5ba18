"""A layer that gets an invalid input names itself by its path, and says what it expected and what it got.

The class of the error is PyTorch's for the same network and input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import minitensor

Sizes = tuple[int, ...]


class Case:
    """A layer, its inputs (shapes, or lists of numbers), and what the message must contain."""

    def __init__(self, make: Callable[[Any], Any], *given: Any, says: str, inner: str = "", **options: Any) -> None:
        self.make, self.given, self.says, self.inner, self.options = make, given, says, inner, options


def make_input(lib: Any, given: Any) -> Any:
    """Return zeros of a shape, a tensor of the numbers in a list, or a pair of these for a pair of shapes."""
    if isinstance(given, list):
        return lib.tensor(given)
    if isinstance(given, tuple) and given and isinstance(given[0], tuple):
        return tuple(make_input(lib, each) for each in given)
    return lib.zeros(given)


BATCH = (7, 2, 4)  # steps, samples, width
PROBABILITIES = (4, 2, 5)  # steps, samples, classes
CASES = {
    "Linear": Case(lambda nn: nn.Linear(5, 3), (2, 4), says=r"\(2, 4\).*must have size 5"),
    "Bilinear": Case(lambda nn: nn.Bilinear(5, 3, 2), (2, 4), (2, 3), says="4.*5|5.*4"),
    "GLU": Case(lambda nn: nn.GLU(), (2, 5), says="must be even, but dimension 1 is size 5"),
    "PReLU": Case(lambda nn: nn.PReLU(3), (2, 5), says=r"\[3\] for 5 channels"),
    "Softmax2d": Case(lambda nn: nn.Softmax2d(), (2, 5), says="expected input to be 3D or 4D, got 2D"),
    "LayerNorm": Case(lambda nn: nn.LayerNorm(5), (2, 4), says=r"\[5\].*\[2, 4\]"),
    "RMSNorm": Case(lambda nn: nn.RMSNorm(5), (2, 4), says=r"\[5\].*\[2, 4\]"),
    "RMSNorm, too few dims": Case(lambda nn: nn.RMSNorm((3, 5)), (5,), says=r"at least 2 dims .*\[5\]"),
    "GroupNorm": Case(lambda nn: nn.GroupNorm(2, 4), (2, 3, 5), says="3"),
    "LocalResponseNorm": Case(
        lambda nn: nn.LocalResponseNorm(2), (4, 3), says=r"3D or higher input, got shape \(4, 3\)"
    ),
    "CrossMapLRN2d": Case(lambda nn: nn.CrossMapLRN2d(2), (4, 3), says="4D, got 2D"),
    "Embedding": Case(lambda nn: nn.Embedding(4, 5), [0, 4], says="4"),
    "Embedding, negative": Case(lambda nn: nn.Embedding(4, 5), [0, -1], says="-1"),
    "EmbeddingBag": Case(lambda nn: nn.EmbeddingBag(4, 5), [[0, 4]], says="4"),
    "Fold": Case(lambda nn: nn.Fold((4, 5), 2), (2, 8, 11), says=r"\(N, C \* 4, 12\), got shape \(2, 8, 11\)"),
    "Unfold": Case(lambda nn: nn.Unfold(5), (2, 3, 4, 4), says="spans 5 .* input 4"),
    "PixelShuffle": Case(
        lambda nn: nn.PixelShuffle(2), (2, 3, 4, 4), says=r"divisible by .* 4, got shape \(2, 3, 4, 4\)"
    ),
    "PixelUnshuffle": Case(lambda nn: nn.PixelUnshuffle(2), (2, 3, 5, 4), says=r"= 2, got shape \(2, 3, 5, 4\)"),
    "ChannelShuffle": Case(lambda nn: nn.ChannelShuffle(2), (2, 3, 5, 4), says="got 3 channels and 2 groups"),
    "Upsample": Case(
        lambda nn: nn.Upsample(2, mode="bilinear"), (2, 3, 5), says=r"takes 4D input, got shape \(2, 3, 5\)"
    ),
    "Unflatten": Case(lambda nn: nn.Unflatten(1, (2, 3)), (2, 5), says=r"\[2, 3\].*\(5\)"),
    "CosineSimilarity": Case(lambda nn: nn.CosineSimilarity(), (2, 5), (2, 4), says=r"\(2, 5\) and \(2, 4\)"),
    "PairwiseDistance": Case(lambda nn: nn.PairwiseDistance(), (2, 5), (2, 4), says=r"\(2, 5\) and \(2, 4\)"),
    "MultiheadAttention": Case(
        lambda nn: nn.MultiheadAttention(4, 2), (3, 2, 5), (3, 2, 5), (3, 2, 5), says="dimension of 4, but got 5"
    ),
    "MultiheadAttention, keys": Case(
        lambda nn: nn.MultiheadAttention(4, 2, kdim=3), (3, 2, 4), (3, 2, 4), (3, 2, 4), says="key of width 3.*got 4"
    ),
    "MultiheadAttention, batch": Case(
        lambda nn: nn.MultiheadAttention(4, 2), (3, 2, 4), (3, 5, 4), (3, 5, 4), says="got 2 and 5"
    ),
    "TransformerEncoderLayer": Case(
        lambda nn: nn.TransformerEncoderLayer(4, 2, 8), (3, 2, 5), says="4, but got 5",
        inner=".self_attn: MultiheadAttention",
    ),
    "TransformerDecoderLayer": Case(
        lambda nn: nn.TransformerDecoderLayer(4, 2, 8), (3, 2, 4), (3, 2, 5), says="5.*4",
        inner=".multihead_attn: MultiheadAttention",
    ),
    "Transformer": Case(lambda nn: nn.Transformer(4, 2, 1, 1, 8), (3, 2, 4), (3, 3, 4), says="got 2 and 3"),
    "AdaptiveLogSoftmaxWithLoss": Case(
        lambda nn: nn.AdaptiveLogSoftmaxWithLoss(6, 10, [4]), (2, 6), [1, 20], says=r"in \[0, 9\].*\[1, 20\]"
    ),
    "CrossEntropyLoss": Case(lambda nn: nn.CrossEntropyLoss(), (2, 5), [0, 1, 2], says=r"\(2,\).*got \(3,\)"),
    "CrossEntropyLoss, class": Case(
        lambda nn: nn.CrossEntropyLoss(), (2, 5), [0, 7], says="Target 7 .* 5 classes, 0 to 4"
    ),
    "NLLLoss": Case(lambda nn: nn.NLLLoss(), (2, 5), [0, 1, 2], says=r"\(2,\).*got \(3,\)"),
    "NLLLoss, no classes": Case(lambda nn: nn.NLLLoss(), (), [0], says="got a 0-d tensor"),
    "MSELoss": Case(lambda nn: nn.MSELoss(), (2, 5), (2, 4), says=r"\(2, 5\) and \(2, 4\)"),
    "BCELoss": Case(lambda nn: nn.BCELoss(), (2, 5), (2, 4), says=r"\(2, 4\).*\(2, 5\)"),
    "BCEWithLogitsLoss": Case(lambda nn: nn.BCEWithLogitsLoss(), (2, 5), (2, 4), says=r"\(2, 4\).*\(2, 5\)"),
    "MultiMarginLoss": Case(lambda nn: nn.MultiMarginLoss(), (2, 5), [0, 1, 2], says=r"\(2, 5\), got target \(3,\)"),
    "TripletMarginLoss": Case(lambda nn: nn.TripletMarginLoss(), (2, 5), (5,), (2, 5), says="anchor 2D, positive 1D"),
    "GaussianNLLLoss": Case(lambda nn: nn.GaussianNLLLoss(), (2, 5), (2, 5), (3, 5), says=r"\(2, 5\).*got \(3, 5\)"),
    "CTCLoss": Case(
        lambda nn: nn.CTCLoss(), PROBABILITIES, [[1, 2], [1, 2]], [4, 9], [2, 2], says="at most 4, but got 9"
    ),
}  # fmt: skip


def nest(number: int, dims: int) -> Any:
    """Return a number nested in lists."""
    return number if dims == 0 else [nest(number, dims - 1)]


def add(name: str, make: Callable[[Any], Any], *given: Any, says: str, **options: Any) -> None:
    CASES[name] = Case(make, *given, says=says, **options)


for dims in (1, 2, 3):
    side, tail = (8,) * dims, f"{dims}d"
    batch_norm, small = (2, 3, *side), (2, 4, *(2,) * dims)
    for kind in ("Conv", "ConvTranspose"):
        add(f"{kind}{tail}", lambda nn, name=f"{kind}{tail}": getattr(nn, name)(4, 6, 3), batch_norm,
            says="to have 4 channels, but got 3 channels")  # fmt: skip
        add(f"{kind}{tail}, dims", lambda nn, name=f"{kind}{tail}": getattr(nn, name)(4, 6, 3), (2,),
            says=rf"{dims + 2}D \(batched\) input, but got input of shape \(2,\)")  # fmt: skip
    add(f"BatchNorm{tail}", lambda nn, name=f"BatchNorm{tail}": getattr(nn, name)(4), batch_norm, says="3.*4")
    add(f"InstanceNorm{tail}", lambda nn, name=f"InstanceNorm{tail}": getattr(nn, name)(4, affine=True), batch_norm,
        says=r"num_features \(4\), but got: 3")  # fmt: skip
    for kind in ("MaxPool", "AvgPool"):
        add(f"{kind}{tail}", lambda nn, name=f"{kind}{tail}": getattr(nn, name)(3), small,
            says="too small: 0 for input size 2, kernel_size 3")  # fmt: skip
    add(f"AdaptiveAvgPool{tail}", lambda nn, name=f"AdaptiveAvgPool{tail}": getattr(nn, name)(3), (2,),
        says=r"got shape \(2,\)")  # fmt: skip
    add(f"MaxUnpool{tail}", lambda nn, name=f"MaxUnpool{tail}": getattr(nn, name)(2), (1, 1, *(1,) * dims),
        nest(99, dims + 2), says="99")  # fmt: skip
    add(f"ReflectionPad{tail}", lambda nn, name=f"ReflectionPad{tail}": getattr(nn, name)(5), (2, 3, *(4,) * dims),
        says=r"got padding \(5, 5\) at dimension 2 of input \(2, 3, 4")  # fmt: skip
for kind in ("RNN", "LSTM", "GRU"):
    state = (lambda *shape: (shape, shape)) if kind == "LSTM" else (lambda *shape: shape)
    add(kind, lambda nn, name=kind: getattr(nn, name)(4, 5), (7, 2, 3), says="Expected 4, got 3")
    add(f"{kind}, no steps", lambda nn, name=kind: getattr(nn, name)(4, 5), (0, 2, 4),
        says=r"larger than 0.*\(0, 2, 4\)")  # fmt: skip
    add(f"{kind}, state", lambda nn, name=kind: getattr(nn, name)(4, 5), BATCH, state(1, 3, 5), says="2, 5.*3, 5")
    add(f"{kind}Cell", lambda nn, name=f"{kind}Cell": getattr(nn, name)(4, 5), (2, 3), says="got 3 expected 4")
    add(f"{kind}Cell, state", lambda nn, name=f"{kind}Cell": getattr(nn, name)(4, 5), (2, 4), state(2, 6), says="6")


def refusal(lib: Any, case: Case) -> Exception:
    """Return the error of a network whose second feature layer gets the input."""

    class Net(lib.nn.Module):  # type: ignore[misc]  # the library is an argument
        def __init__(self) -> None:
            super().__init__()
            self.features = lib.nn.Sequential(lib.nn.Identity(), case.make(lib.nn))

        def forward(self, *args: Any) -> Any:
            return self.features[1](*self.features[0](args))

    with pytest.raises(Exception) as caught:  # the caller checks which
        Net()(*(make_input(lib, each) for each in case.given))
    return caught.value


@pytest.mark.parametrize("name", CASES)
def test_an_error_shows_path_class_expected_and_given_shapes(name: str) -> None:
    case = CASES[name]
    cls = type(case.make(minitensor.nn)).__name__
    where = re.escape("features.1") + (re.escape(case.inner) if case.inner else f": {cls}") + r"\("
    assert re.search(rf"^{where}.*({case.says})", str(refusal(minitensor, case)), re.DOTALL)


@pytest.mark.filterwarnings("ignore")  # PyTorch's
@pytest.mark.parametrize("name", CASES)
def test_the_error_has_pytorchs_class(name: str) -> None:
    torch = pytest.importorskip("torch")
    assert isinstance(refusal(minitensor, CASES[name]), type(refusal(torch, CASES[name])))
