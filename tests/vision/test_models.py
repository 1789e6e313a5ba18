"""The networks of ``vision.models`` are torchvision's.

``torchvision_models.json`` was computed once with torchvision 0.29.1: of every constructor, a hash of the names and
shapes in its state dict; of some networks, built under one seed with ten classes in float64, the first three outputs in
training (in evaluation for Inception, whose auxiliary classifier needs larger images), which show the layers, their
order, the initialization and the random numbers of dropout at once.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import minitensor as torch
from minitensor import nn
from minitensor.serialization import save_file
from minitensor.vision import models, ops

FIGURES = json.loads((Path(__file__).parent / "torchvision_models.json").read_text())


def pattern(size: int) -> torch.Tensor:
    """Return the two images that the figures were computed with."""
    return torch.linspace(-1, 1, 2 * 3 * size * size).cos().mul(9).sin().reshape(2, 3, size, size)


@pytest.mark.parametrize("name", FIGURES["state_dicts"])
def test_state_dict_has_torchvisions_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        state = getattr(models, name)().state_dict()
    entries = repr([(key, tuple(value.shape)) for key, value in state.items()])
    assert hashlib.sha256(entries.encode()).hexdigest()[:16] == FIGURES["state_dicts"][name]


def test_figures_name_all_constructors_but_those_that_torchvision_lacks() -> None:
    by_name = {"get_model", "get_model_builder", "list_models"}
    constructors = {name for name in models.__all__ if name.islower()} - by_name
    assert constructors - set(FIGURES["state_dicts"]) == {"lenet5", "zfnet"}


@pytest.mark.parametrize("name", [name for name in FIGURES["outputs"] if name != "vit"])
def test_outputs_under_one_seed_are_torchvisions(name: str) -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    model = getattr(models, name)(num_classes=10)
    if name == "inception_v3":
        assert_first(model.eval(), 96, name)
    else:
        assert_first(model, 64, name)


def test_a_small_vision_transformer_is_torchvisions() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    model = models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10, representation_size=8)
    nn.init.ones_(model.heads.head.weight)
    assert_first(model, 32, "vit")


def assert_first(model: nn.Module, size: int, name: str) -> None:
    with torch.no_grad():
        out = model(pattern(size))
    logits = out if isinstance(out, torch.Tensor) else out[0]
    torch.testing.assert_close(logits.flatten()[:3], torch.tensor(FIGURES["outputs"][name]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    trained = models.squeezenet1_1(num_classes=3)
    path = tmp_path / f"squeezenet{suffix}"
    if suffix == ".pth":
        torch.save(trained.state_dict(), path)
    else:
        save_file(trained.state_dict(), path)
    loaded = models.squeezenet1_1(weights=path, num_classes=3)
    assert all(torch.equal(a, b) for a, b in zip(trained.parameters(), loaded.parameters(), strict=True))


def test_densenets_checkpoints_may_have_their_former_names(tmp_path: Path) -> None:
    with torch.device("meta"):
        state = models.densenet121().state_dict()
    former = {name.replace("norm1", "norm.1").replace("conv2", "conv.2"): value for name, value in state.items()}
    former = {name: torch.zeros(value.shape, dtype=value.dtype) for name, value in former.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in former
    torch.save(former, tmp_path / "densenet.pth")
    loaded = models.densenet121(weights=tmp_path / "densenet.pth")
    assert not loaded.features.denseblock1.denselayer1.norm1.weight.any()


@pytest.mark.parametrize(
    ("build", "gone"), [(models.googlenet, ("aux1", "aux2")), (models.inception_v3, ("AuxLogits",))]
)
def test_auxiliary_classifiers_of_a_checkpoint_are_dropped(tmp_path: Path, build: Any, gone: tuple[str, ...]) -> None:
    torch.save(build(num_classes=2, init_weights=False).state_dict(), tmp_path / "weights.pth")
    model = build(weights=tmp_path / "weights.pth", num_classes=2, aux_logits=False)
    assert model.transform_input
    assert [getattr(model, name) for name in gone] == [None] * len(gone)


def test_names_of_downloads_are_refused() -> None:
    with pytest.raises(FileNotFoundError, match="'IMAGENET1K_V1': no such file; minitensor downloads nothing"):
        models.alexnet(weights="IMAGENET1K_V1")
    with pytest.raises(ValueError, match="pretrained=True: minitensor downloads nothing"):
        models.alexnet(pretrained=True)
    with torch.device("meta"):
        assert isinstance(models.alexnet(pretrained=False), models.AlexNet)


def test_memory_efficient_densenet_has_the_same_gradients() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    plain = models.DenseNet(4, (2, 2), 8, num_classes=3)
    thrifty = models.DenseNet(4, (2, 2), 8, num_classes=3, memory_efficient=True)
    thrifty.load_state_dict(plain.state_dict())
    for model in (plain, thrifty):
        model(pattern(32)).square().sum().backward()
    for a, b in zip(plain.parameters(), thrifty.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], groups=2), "groups must be 1 and base_width 64"),
        (lambda: models.resnet18(replace_stride_with_dilation=[True]), "must be None or have 3 elements"),
        (lambda: models.SqueezeNet("2"), "version must be '1_0' or '1_1', got '2'"),
        (lambda: models.MobileNetV2(inverted_residual_setting=[[1, 2]]), "must have stages of 4 elements"),
        (lambda: models.ShuffleNetV2([1], [1]), "3 elements and stages_out_channels 5"),
        (lambda: models.MNASNet(0.0), "alpha must be positive, got 0.0"),
        (lambda: models.EfficientNet([], 0.1), "at least one stage, got none"),
        (lambda: models.VisionTransformer(32, 5, 1, 1, 8, 8), "patch_size 5 does not divide image_size 32"),
        (lambda: ops.stochastic_depth(torch.ones(1), 2.0, "row"), "p must be between 0 and 1, got 2.0"),
        (lambda: ops.stochastic_depth(torch.ones(1), 0.5, "rows"), "mode must be 'batch' or 'row', got 'rows'"),
    ],
)
def test_arguments_that_make_no_network_are_refused(build: Any, message: str) -> None:
    with pytest.raises((ValueError, RuntimeError), match=message):
        build()


def test_stochastic_depth_keeps_the_mean() -> None:
    torch.manual_seed(0)
    rows = ops.stochastic_depth(torch.ones(10_000, 2), 0.25, "row")
    assert sorted(set(rows.flatten().tolist())) == pytest.approx([0.0, 4 / 3])
    assert torch.equal(rows[:, 0], rows[:, 1])
    assert rows.mean().item() == pytest.approx(1.0, abs=0.02)


def test_a_frozen_norm_loads_the_checkpoint_of_a_batch_norm() -> None:
    norm = nn.BatchNorm2d(3).eval()
    norm.running_mean.copy_(torch.tensor([1.0, 2.0, 3.0]))
    frozen = ops.FrozenBatchNorm2d(3)
    frozen.load_state_dict(norm.state_dict())
    images = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(frozen(images), norm(images))
    assert repr(frozen) == "FrozenBatchNorm2d(3, eps=1e-05)"
    assert list(frozen.parameters()) == []


@pytest.mark.parametrize("weights", [True, 5, b"squeezenet.pth", ["squeezenet.pth"], {}])
def test_weights_that_are_no_path_are_refused(weights: object) -> None:
    with pytest.raises(TypeError, match="weights must be the path of a checkpoint, got"):
        models.squeezenet1_1(weights=weights)
