"""Every layer equals PyTorch's: printed form, parameters and initial values, output, gradients."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

import minitensor
from minitensor import nn
from tests.nn.twins import assert_close, numbers, share_numbers


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


class Row(NamedTuple):
    """A layer, its constructor arguments, and the shape of its input."""

    name: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = {}  # noqa: RUF012  # never written to
    shape: tuple[int, ...] = (2, 3)
    draws: bool = False  # random in training

    def __str__(self) -> str:
        return "-".join([self.name, *map(str, self.args), *(f"{k}={v}" for k, v in self.options.items())])


IMAGE = (2, 4, 7, 6)
VOLUME = (2, 2, 4, 5, 3)
PADS = [
    Row(f"{kind}Pad{dims}d", (sides,), {}, (2, 3, 4, 5, 6)[: dims + 2])
    for kind in ("Circular", "Reflection", "Replication", "Zero") for dims in (1, 2, 3) for sides in (1, (1, 2) * dims)
] + [Row(f"ConstantPad{dims}d", ((2, -1) * dims, 1.5), {}, (2, 3, 4, 5, 6)[: dims + 2]) for dims in (1, 2, 3)]
PLAIN = "LogSigmoid Softsign Tanhshrink Softplus Hardshrink Softshrink CELU Hardtanh PReLU".split()
LAYERS = [
    Row("Identity", (1, 2), {"any": 3}),
    Row("Linear", (3, 5)),
    Row("Linear", (3, 5), {"bias": False}, (2, 4, 3)),
    Row("Conv1d", (4, 6, 3), {"padding": 1}, (2, 4, 7)),
    Row("Conv2d", (4, 6, 3), {}, IMAGE),
    Row("Conv2d", (4, 6, 3), {}, IMAGE[1:]),
    Row("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "dilation": 2, "bias": False}, IMAGE),
    Row("Conv2d", (4, 6, 3), {"groups": 2, "padding": "same"}, IMAGE),
    Row("Conv2d", (4, 4, 2), {"groups": 4, "padding": "valid"}, IMAGE),
    Row("Conv2d", (4, 6, 3), {"padding": 2, "padding_mode": "circular"}, IMAGE),
    Row("Conv2d", (4, 6, (3, 2)), {"padding": (1, 2), "padding_mode": "reflect"}, IMAGE),
    Row("Conv2d", (4, 6, 4), {"padding": "same", "padding_mode": "replicate"}, IMAGE),
    Row("MaxPool2d", (2,), {}, IMAGE),
    Row("MaxPool2d", ((3, 2),), {"stride": (2, 1), "padding": 1, "dilation": 1, "ceil_mode": True}, IMAGE),
    Row("AvgPool2d", (2,), {}, IMAGE),
    Row("AvgPool2d", (3, 2, 1), {"ceil_mode": True, "count_include_pad": False}, IMAGE),
    Row("AvgPool2d", (3,), {"divisor_override": 2}, IMAGE),
    Row("AdaptiveAvgPool2d", (3,), {}, IMAGE),
    Row("AdaptiveAvgPool2d", ((None, 1),), {}, IMAGE),
    Row("ReLU"),
    Row("ReLU", (True,)),
    Row("Sigmoid"),
    Row("Tanh"),
    Row("GELU"),
    Row("GELU", ("tanh",)),
    Row("LeakyReLU"),
    Row("LeakyReLU", (0.2,), {"inplace": True}),
    Row("ELU"),
    Row("ELU", (0.5, True)),
    Row("SiLU"),
    Row("SiLU", (True,)),
    Row("Softmax", (1,)),
    Row("LogSoftmax", (-1,)),
    Row("Flatten", (), {}, IMAGE),
    Row("Flatten", (0, 2), {}, IMAGE),
    Row("Unflatten", (1, (2, -1)), {}, IMAGE),
    Row("Dropout", (), {}, IMAGE, draws=True),
    Row("Dropout", (0.2, True), {}, IMAGE, draws=True),
    Row("Dropout2d", (0.3,), {}, IMAGE, draws=True),
    Row("BatchNorm1d", (3,), {}, (5, 3)),
    Row("BatchNorm1d", (3,), {"momentum": None}, (5, 3, 4)),
    Row("BatchNorm2d", (4,), {}, IMAGE),
    Row("BatchNorm2d", (4, 1e-3, 0.3), {"affine": False}, IMAGE),
    Row("BatchNorm2d", (4,), {"track_running_stats": False, "bias": False}, IMAGE),
    Row("LayerNorm", (6,), {}, IMAGE),
    Row("LayerNorm", ((7, 6),), {"eps": 1e-3, "bias": False}, IMAGE),
    Row("LayerNorm", ([6],), {"elementwise_affine": False}, IMAGE),
    Row("Conv1d", (4, 6, 3), {"padding": 2, "padding_mode": "reflect"}, (4, 7)),
    Row("Conv3d", (2, 4, (3, 2, 1)), {"stride": (2, 1, 1), "padding": 1, "groups": 2}, VOLUME),
    Row("ConvTranspose1d", (4, 6, 3), {}, (2, 4, 7)),
    Row("ConvTranspose2d", (4, 6, 3, 2, 1, 1), {"bias": False}, IMAGE),
    Row("ConvTranspose2d", (4, 6, (3, 2)), {"groups": 2, "dilation": 2}, IMAGE[1:]),
    Row("ConvTranspose3d", (2, 4, 2), {"stride": (2, 1, 1)}, VOLUME),
    Row("MaxPool1d", (2,), {}, (2, 4, 7)),
    Row("MaxPool3d", (2,), {"ceil_mode": True}, VOLUME),
    Row("AvgPool1d", (3, 2, 1, True, False), {}, (2, 4, 7)),
    Row("AvgPool3d", (2,), {}, VOLUME),
    Row("LPPool1d", (3, 2), {}, (2, 4, 7)),
    Row("LPPool2d", (2, (3, 2)), {"stride": 1, "ceil_mode": True}, IMAGE),
    Row("LPPool3d", (2, 2), {}, VOLUME),
    Row("AdaptiveAvgPool1d", (3,), {}, (2, 4, 7)),
    Row("AdaptiveAvgPool3d", ((2, None, 1),), {}, VOLUME),
    Row("AdaptiveMaxPool1d", (3,), {}, (2, 4, 7)),
    Row("AdaptiveMaxPool2d", ((3, None),), {}, IMAGE),
    Row("AdaptiveMaxPool3d", (2,), {}, VOLUME),
    *PADS,
    *[Row(name, args) for name in "Hardsigmoid Hardswish Mish ReLU6 SELU".split() for args in ((), (True,))],
    *[Row(name) for name in PLAIN],
    Row("CELU", (0.5, True)),
    Row("Hardtanh", (-0.5, 2), {"inplace": True}),
    Row("Threshold", (0.1, 2)),
    Row("Threshold", (0.1, 2, True)),
    Row("RReLU", (), {}, IMAGE, draws=True),
    Row("RReLU", (0.1, 0.2, True), {}, IMAGE, draws=True),
    Row("PReLU", (3, 0.1)),
    Row("Softplus", (2, 3)),
    Row("Hardshrink", (0.3,)),
    Row("Softshrink", (0.3,)),
    Row("GLU", (), {}, (2, 4)),
    Row("GLU", (0,), {}, (2, 4)),
    Row("Softmin", (1,)),
    Row("Softmax2d", (), {}, IMAGE),
    Row("Unfold", (2,), {"stride": 2}, IMAGE),
    Row("Fold", ((4, 5), 2), {}, (2, 8, 12)),
    Row("PixelShuffle", (2,), {}, IMAGE),
    Row("PixelUnshuffle", (2,), {}, (2, 3, 4, 6)),
    Row("ChannelShuffle", (2,), {}, IMAGE),
    Row("Upsample", ((3, 9),), {}, IMAGE),
    Row("Upsample", (), {"scale_factor": 2, "mode": "bilinear", "align_corners": True}, IMAGE),
    Row("Upsample", (), {"scale_factor": (1.5, 2), "mode": "bicubic"}, IMAGE),
    Row("Upsample", (5,), {"mode": "linear"}, (2, 4, 7)),
    Row("UpsamplingNearest2d", ((3, 3),), {}, IMAGE),
    Row("UpsamplingBilinear2d", (), {"scale_factor": 2}, IMAGE),
    Row("Dropout1d", (), {}, (2, 4, 7), draws=True),
    Row("Dropout3d", (0.3,), {}, VOLUME, draws=True),
    Row("AlphaDropout", (), {}, IMAGE, draws=True),
    Row("FeatureAlphaDropout", (0.3,), {}, IMAGE, draws=True),
    Row("BatchNorm3d", (2,), {}, VOLUME),
    Row("InstanceNorm1d", (4,), {}, (2, 4, 7)),
    Row("InstanceNorm2d", (4,), {"affine": True, "track_running_stats": True}, IMAGE),
    Row("InstanceNorm2d", (4,), {"affine": True}, IMAGE[1:]),
    Row("InstanceNorm3d", (2,), {"momentum": 0.3, "track_running_stats": True}, VOLUME),
    Row("GroupNorm", (2, 4), {}, IMAGE),
    Row("GroupNorm", (2, 4), {"affine": False, "eps": 1e-3}, IMAGE),
    Row("RMSNorm", (6,), {}, IMAGE),
    Row("RMSNorm", ((7, 6), 1e-3), {"elementwise_affine": False}, IMAGE),
    Row("LocalResponseNorm", (3,), {"alpha": 0.1}, IMAGE),
]


def pair(row: Row, torch: Any) -> tuple[Any, Any]:
    torch.manual_seed(3)
    minitensor.manual_seed(3)
    return tuple(getattr(lib.nn, row.name)(*row.args, **row.options) for lib in (minitensor, torch))  # type: ignore[return-value]


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_text_is_pytorchs(row: Row, torch: ModuleType) -> None:
    ours, theirs = pair(row, torch)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("row", LAYERS, ids=str)
def test_the_same_seed_gives_the_same_parameters(row: Row, torch: ModuleType) -> None:
    ours, theirs = pair(row, torch)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert (ours.state_dict()[name].numpy() == value.numpy()).all(), name


@pytest.mark.parametrize("row", LAYERS, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_output_gradients_and_buffers_are_pytorchs(row: Row, training: bool, torch: ModuleType) -> None:
    ours, theirs = pair(row, torch)
    share_numbers(ours, theirs)
    results = []
    for lib, layer in ((minitensor, ours.train(training)), (torch, theirs.train(training))):
        lib.manual_seed(5)
        input = lib.tensor(numbers(1, *row.shape), requires_grad=True)
        first, second = layer(input * 1), layer(input * 2)
        (first * lib.tensor(numbers(2, *first.shape)) + second).sum().backward()
        results.append([first, input.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his, 1e-4)


def test_max_pool_returns_indices_if_asked() -> None:
    values, indices = nn.MaxPool2d(2, return_indices=True)(minitensor.arange(16.0).view(1, 4, 4))
    assert values.tolist() == [[[5, 7], [13, 15]]]
    assert indices.tolist() == [[[5, 7], [13, 15]]]


EMBEDDINGS = [{}, {"padding_idx": -1}, {"max_norm": 1.0}, {"scale_grad_by_freq": True, "norm_type": 1.0}]


@pytest.mark.parametrize("options", EMBEDDINGS, ids=str)
def test_embedding_is_pytorchs(options: dict[str, Any], torch: ModuleType) -> None:
    ours, theirs = pair(Row("Embedding", (6, 3), options), torch)
    assert repr(ours) == repr(theirs)
    share_numbers(ours, theirs)
    results = []
    for lib, layer in ((minitensor, ours), (torch, theirs)):
        rows = layer(lib.tensor([[0, 2, 2], [5, 1, 0]]))
        (rows * lib.tensor(numbers(1, 2, 3, 3))).sum().backward()
        results.append((rows, layer.weight, layer.weight.grad))
    for mine, his in zip(*results, strict=True):
        assert_close(mine, his)


def test_a_pretrained_embedding_is_frozen_by_default() -> None:
    table = minitensor.ones(3, 2)
    assert not nn.Embedding.from_pretrained(table).weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad


def probabilities(shape: tuple[int, ...]) -> Any:
    return 1 / (1 + np.exp(-numbers(2, *shape)))


CLASSES = np.array([0, 2, 1, 2])
WEIGHT = np.array([0.5, 1, 2], "float32")
LOSSES = [
    ("CrossEntropyLoss", {}, CLASSES),
    ("CrossEntropyLoss", {"label_smoothing": 0.2, "weight": WEIGHT, "ignore_index": 2}, CLASSES),
    ("CrossEntropyLoss", {"reduction": "sum"}, probabilities((4, 3))),
    ("NLLLoss", {"weight": WEIGHT, "reduction": "none"}, CLASSES),
    ("MSELoss", {}, numbers(3, 4, 3)),
    ("L1Loss", {"reduction": "sum"}, numbers(3, 4, 3)),
    ("SmoothL1Loss", {"beta": 0.5}, numbers(3, 4, 3)),
    ("HuberLoss", {"delta": 0.5}, numbers(3, 4, 3)),
    ("KLDivLoss", {"reduction": "sum"}, probabilities((4, 3))),
    ("KLDivLoss", {"reduction": "batchmean", "log_target": True}, numbers(3, 4, 3)),
    ("PoissonNLLLoss", {"full": True}, np.abs(numbers(3, 4, 3)) * 3),
    ("PoissonNLLLoss", {"reduction": "sum"}, np.abs(numbers(3, 4, 3))),
    ("HingeEmbeddingLoss", {"margin": 0.5}, np.sign(numbers(3, 4, 3))),
    ("SoftMarginLoss", {}, np.sign(numbers(3, 4, 3))),
    ("MultiMarginLoss", {"p": 2, "weight": WEIGHT}, CLASSES),
    ("MultiLabelMarginLoss", {}, np.array([[0, 2, -1], [1, -1, 0], [2, 1, 0], [-1, 0, 0]])),
    ("MultiLabelSoftMarginLoss", {"weight": WEIGHT}, (numbers(3, 4, 3) > 0).astype("float32")),
    ("BCEWithLogitsLoss", {"pos_weight": WEIGHT, "weight": WEIGHT}, probabilities((4, 3))),
]


@pytest.mark.parametrize(("name", "options", "target"), LOSSES, ids=lambda value: str(value)[:40])
def test_losses_are_pytorchs(name: str, options: dict[str, Any], target: Any, torch: ModuleType) -> None:
    results = []
    for lib in (minitensor, torch):
        made = {key: lib.tensor(value) if isinstance(value, np.ndarray) else value for key, value in options.items()}
        loss = getattr(lib.nn, name)(**made)
        input = lib.tensor(numbers(1, 4, 3), requires_grad=True)
        value = loss(input, lib.tensor(target))
        value.sum().backward()
        results.append((value, input.grad, repr(loss), list(loss.state_dict())))
    (mine, grad, *facts), (his, his_grad, *his_facts) = results
    assert_close(mine, his)
    assert_close(grad, his_grad)
    assert facts == his_facts


def three(lib: Any) -> list[Any]:
    return [lib.tensor(numbers(seed, 4, 3), requires_grad=True) for seed in (1, 2, 3)]


SIGNS = np.array([1.0, -1.0, -1.0, 1.0], "float32")
SEVERAL: dict[str, Any] = {
    "Bilinear": lambda lib: lib.nn.Bilinear(3, 3, 2)(*three(lib)[:2]),
    "CosineSimilarity": lambda lib: lib.nn.CosineSimilarity()(*three(lib)[:2]),
    "PairwiseDistance": lambda lib: lib.nn.PairwiseDistance(keepdim=True)(*three(lib)[:2]),
    "TripletMarginLoss": lambda lib: lib.nn.TripletMarginLoss(swap=True)(*three(lib)),
    "TripletMarginWithDistanceLoss": lambda lib: lib.nn.TripletMarginWithDistanceLoss(margin=2.0)(*three(lib)),
    "CosineEmbeddingLoss": lambda lib: lib.nn.CosineEmbeddingLoss(0.1)(*three(lib)[:2], lib.tensor(SIGNS)),
    "MarginRankingLoss": lambda lib: lib.nn.MarginRankingLoss(0.1)(
        *three(lib)[:2], lib.tensor(np.stack([SIGNS] * 3, 1))
    ),
    "GaussianNLLLoss": lambda lib: lib.nn.GaussianNLLLoss(full=True)(
        *three(lib)[:2], lib.tensor(numbers(3, 4, 3) ** 2)
    ),
    "CTCLoss": lambda lib: lib.nn.CTCLoss()(
        three(lib)[0].log_softmax(1).unsqueeze(1), lib.tensor([[1, 2]]), lib.tensor([4]), lib.tensor([2])
    ),
    "EmbeddingBag": lambda lib: lib.nn.EmbeddingBag(5, 3, mode="sum", padding_idx=1)(
        lib.tensor([0, 1, 4, 2]), lib.tensor([0, 3])
    ),
    "EmbeddingBag, rows": lambda lib: lib.nn.EmbeddingBag(5, 3)(lib.tensor([[0, 1], [4, 2]])),
    "MaxUnpool2d": lambda lib: lib.nn.MaxUnpool2d(2)(
        *lib.nn.MaxPool2d(2, return_indices=True)(lib.tensor(numbers(1, 2, 3, 4, 6)))
    ),
    "MaxUnpool1d": lambda lib: lib.nn.MaxUnpool1d(2)(
        *lib.nn.MaxPool1d(2, return_indices=True)(lib.tensor(numbers(1, 2, 3, 7))), output_size=[2, 3, 7]
    ),
    "ConvTranspose2d of a size": lambda lib: lib.nn.ConvTranspose2d(3, 2, 3, stride=2)(
        lib.tensor(numbers(1, 2, 3, 4, 6)), output_size=[10, 13]
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_layers_of_several_inputs_are_pytorchs(name: str, torch: ModuleType) -> None:
    results = []
    for lib in (minitensor, torch):
        lib.manual_seed(3)
        results.append(SEVERAL[name](lib))
    assert_close(*results, 1e-4)


def test_bce_of_probabilities_is_pytorchs(torch: ModuleType) -> None:
    values = [
        lib.nn.BCELoss(weight=lib.tensor(WEIGHT))(
            lib.tensor(probabilities((4, 3)).astype("float32")), lib.tensor((numbers(3, 4, 3) > 0).astype("float32"))
        )
        for lib in (minitensor, torch)
    ]
    assert_close(*values)


@pytest.mark.parametrize(
    ("old", "reduction"), [({"reduce": False}, "none"), ({"size_average": False}, "sum"), ({"reduce": True}, "mean")]
)
def test_deprecated_reduction_arguments_are_accepted_with_a_warning(old: dict[str, Any], reduction: str) -> None:
    with pytest.warns(UserWarning, match=f"please use reduction='{reduction}' instead"):
        assert nn.MSELoss(**old).reduction == reduction


WRONG = [
    (lambda: nn.Conv2d(4, 6, 3, groups=0), "groups must be a positive integer, got 0"),
    (lambda: nn.Conv2d(4, 6, 3, groups=3), "in_channels must be divisible by groups, got 4 and groups=3"),
    (lambda: nn.Conv2d(4, 6, 3, groups=4), "out_channels must be divisible by groups, got 6 and groups=4"),
    (lambda: nn.Conv2d(4, 6, 3, padding="full"), "Invalid padding string 'full'"),
    (lambda: nn.Conv2d(4, 6, 3, stride=2, padding="same"), "padding='same' is not supported for strided"),
    (lambda: nn.Conv2d(4, 6, 3, padding_mode="wrap"), "padding_mode must be one of .* but got padding_mode='wrap'"),
    (lambda: nn.Dropout(1.5), "has to be between 0 and 1, but got 1.5"),
    (lambda: nn.BatchNorm2d(3)(minitensor.zeros(2, 3)), r"expected 4D input \(got 2D input\)"),
    (lambda: nn.BatchNorm1d(3)(minitensor.zeros(2)), r"expected 2D or 3D input \(got 1D input\)"),
    (lambda: nn.Embedding(3, 2, padding_idx=3), "Padding_idx must be within num_embeddings, got 3 for 3 rows"),
    (lambda: nn.Embedding(3, 2, _weight=minitensor.ones(2, 2)), r"got \(2, 2\), expected \(3, 2\)"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[message for _, message in WRONG])
def test_invalid_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_unflatten_requires_integers() -> None:
    with pytest.raises(TypeError, match="must be a sequence of ints, not tuple with str at position 1"):
        nn.Unflatten(1, (2, "x"))  # type: ignore[arg-type]


CHANNELS = [
    ((2, 3, 8, 8), "3.*4|4.*3"),
    ((2, 2, 4, 8, 8), "got input of shape .2, 2, 4, 8, 8."),
    ((8, 8), "got input of shape .8, 8."),
]


@pytest.mark.parametrize(("shape", "message"), CHANNELS)
def test_an_error_in_a_convolution_names_the_layer(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(RuntimeError, match=rf"^Conv2d\(4, 6, kernel_size=\(3, 3\).*({message})"):
        nn.Conv2d(4, 6, 3)(minitensor.zeros(shape))


def test_a_batch_norm_without_momentum_uses_a_plain_average() -> None:
    layer = nn.BatchNorm1d(1, momentum=None)
    for value in (1.0, 2.0, 6.0):
        layer(minitensor.tensor([[value - 1], [value + 1]]))
    assert layer.running_mean.item() == pytest.approx(3)
    assert layer.num_batches_tracked.item() == 3
