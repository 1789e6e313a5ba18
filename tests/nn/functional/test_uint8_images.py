"""uint8 images against PyTorch: the pixels of ``interpolate`` exactly, and which ops take such images at all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.backends.numpy import resample as fast
from minitensor.backends.reference import resample as reference
from minitensor.nn.functional.fixed_point import fixed_point_taps

torch = pytest.importorskip("torch")

MODES = [
    (mode, smooth, align)
    for mode in ("bilinear", "bicubic", "lanczos", "nearest", "nearest-exact")
    for smooth in ((True,) if mode == "lanczos" else (False, True) if mode[0] == "b" else (False,))
    for align in ((False, True) if mode[0] == "b" else (None,))
]
LAYOUTS = ("row-major", "channels-last", "transposed", "every second")


def draw_image(random: np.random.Generator, layout: str) -> Any:
    """Return images of 1 to 7 channels; half of them have only the values 0 and 255, where rounding is limited."""
    shape = tuple(random.integers(1, high) for high in (4, 8, 41, 41))
    image = random.integers(0, 256, shape, np.uint8)
    if random.random() < 0.5:
        image = image // 128 * np.uint8(255)
    if layout == "channels-last":
        return np.ascontiguousarray(image.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "transposed":
        return np.ascontiguousarray(image.transpose(0, 1, 3, 2)).transpose(0, 1, 3, 2)
    return np.repeat(image, 2, 3)[..., ::2] if layout == "every second" else image


def draw_size(random: np.random.Generator, sides: tuple[int, int]) -> dict[str, Any]:
    """Return a size or scale factors; one side stays now and then."""
    if random.random() < 0.5:
        return {"size": tuple(side if random.random() < 0.1 else int(random.integers(1, 61)) for side in sides)}
    usual = random.random() < 0.3
    factors = [random.choice([0.5, 1.0, 2.0, 1 / 3, 1.5]) if usual else random.uniform(0.1, 3) for _ in sides]
    if random.random() < 0.3:
        factors[0] = random.uniform(1, 1 + 1 / sides[0])
    return {"scale_factor": tuple(max(float(each), 1 / side + 1e-3) for each, side in zip(factors, sides))}


def is_wrong_in_pytorch(image: Any, result: Any) -> bool:
    """PyTorch takes rows for columns in results of width 1, if there are more channels than its fast path takes."""
    is_channels_last = result.is_contiguous(memory_format=torch.channels_last)
    return image.shape[1] > 4 and result.shape[3] == 1 and not is_channels_last


@pytest.mark.skipif(torch.backends.cpu.get_cpu_capability() == "DEFAULT", reason="PyTorch rounds weights otherwise")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("mode", "smooth", "align"), MODES)
def test_pixels_and_strides_are_pytorchs(mode: str, smooth: bool, align: bool | None, layout: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(80):
        image = draw_image(random, layout)
        options = dict(draw_size(random, image.shape[2:]), mode=mode, antialias=smooth, align_corners=align)
        wanted = torch.nn.functional.interpolate(torch.from_numpy(image), **options)
        found = mt.nn.functional.interpolate(mt.from_numpy(image), **options)
        assert (found.dtype, found.stride()) == (mt.uint8, wanted.stride()), options
        if mode[0] != "n" and is_wrong_in_pytorch(image, wanted):
            four = torch.nn.functional.interpolate(torch.from_numpy(image[:, :4]), **options)
            found, wanted = found[:, :4], four
        np.testing.assert_array_equal(found.numpy(), wanted.numpy(), str((image.shape, options)))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
def test_large_images_have_pytorchs_pixels(mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (2, 3, 640, 480), np.uint8)
    for size in ((224, 224), (1000, 37), (641, 481), (1, 2000)):
        options = {"size": size, "mode": mode, "antialias": True}
        wanted = torch.nn.functional.interpolate(torch.from_numpy(image), **options)
        found = mt.nn.functional.interpolate(mt.from_numpy(image), **options)
        np.testing.assert_array_equal(found.numpy(), wanted.numpy(), str(options))


@pytest.mark.parametrize("length", [1, 2, 5, 33, 700])
@pytest.mark.parametrize("count", [1, 3, 32, 65])
def test_the_fast_kernel_agrees_with_the_reference(length: int, count: int) -> None:
    random = np.random.default_rng(length)
    for mode in ("bilinear", "bicubic"):
        for shape, dim in (((2, length), 1), ((length, 3), 0), ((2, length, 5), 1), ((0, length), 1)):
            image = random.integers(0, 256, shape, np.uint8)
            taps = fixed_point_taps(mode, length, count, None, False, length > count)
            expected = reference.resample_fixed_point(np, image, dim, taps)
            np.testing.assert_array_equal(fast.resample_fixed_point(image, dim, taps), expected, strict=True)


def test_lanczos_of_floats_is_pytorchs() -> None:
    random = np.random.default_rng(0)
    for dtype in ("float32", "float64"):
        for size in ((3, 4), (9, 20), (5, 17), (2, 30)):
            image = random.standard_normal((2, 3, 9, 17)).astype(dtype)
            options = {"size": size, "mode": "lanczos", "antialias": True}
            theirs = torch.from_numpy(image).requires_grad_()
            ours = mt.tensor(image, requires_grad=True)
            wanted = torch.nn.functional.interpolate(theirs, **options)
            found = mt.nn.functional.interpolate(ours, **options)
            wanted.square().sum().backward()
            found.square().sum().backward()
            tolerance = 2e-5 if dtype == "float32" else 1e-11
            for a, b in ((found, wanted), (ours.grad, theirs.grad)):
                np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), tolerance, tolerance)


@pytest.mark.parametrize("options", [
    {"size": 3}, {"size": 3, "antialias": True, "align_corners": True}, {"size": 3, "antialias": False},
])  # fmt: skip
def test_lanczos_refuses_what_pytorch_refuses(options: dict[str, Any]) -> None:
    for lib in (torch, mt):
        with pytest.raises(ValueError):
            lib.nn.functional.interpolate(lib.ones(1, 1, 4, 4), mode="lanczos", **options)
        with pytest.raises(NotImplementedError):
            lib.nn.functional.interpolate(lib.ones(1, 1, 4), mode="lanczos", size=3)


def test_samples_of_vmap_are_resized_alike() -> None:
    images = mt.randint(0, 256, (2, 3, 2, 5, 4), dtype=mt.uint8)
    found = mt.vmap(lambda x: mt.nn.functional.interpolate(x, (3, 7), mode="bicubic"), in_dims=1)(images)
    expected = mt.stack([mt.nn.functional.interpolate(each, (3, 7), mode="bicubic") for each in images.unbind(1)])
    assert found.tolist() == expected.tolist()


BYTES = {
    "image": lambda lib: lib.arange(2 * 4 * 6 * 6, dtype=lib.int64).remainder(251).to(lib.uint8).view(2, 4, 6, 6),
    "signal": lambda lib: lib.arange(24, dtype=lib.uint8).view(2, 3, 4),
    "volume": lambda lib: lib.arange(128, dtype=lib.uint8).view(1, 2, 4, 4, 4),
}

CALLS = {
    "linear": lambda F, lib, x: F.interpolate(x["signal"], 3, mode="linear"),
    "trilinear": lambda F, lib, x: F.interpolate(x["volume"], 3, mode="trilinear"),
    "area": lambda F, lib, x: F.interpolate(x["image"], 3, mode="area"),
    "grid_sample": lambda F, lib, x: F.grid_sample(x["image"], lib.zeros(2, 3, 3, 2), align_corners=False),
    "max_pool1d": lambda F, lib, x: F.max_pool1d(x["signal"], 2),
    "max_pool2d": lambda F, lib, x: F.max_pool2d(x["image"], 2),
    "max_pool3d": lambda F, lib, x: F.max_pool3d(x["volume"], 2),
    "avg_pool1d": lambda F, lib, x: F.avg_pool1d(x["signal"], 2),
    "avg_pool2d": lambda F, lib, x: F.avg_pool2d(x["image"], 2),
    "avg_pool3d": lambda F, lib, x: F.avg_pool3d(x["volume"], 2),
    "adaptive_avg_pool2d": lambda F, lib, x: F.adaptive_avg_pool2d(x["image"], 2),
    "adaptive_max_pool2d": lambda F, lib, x: F.adaptive_max_pool2d(x["image"], 2),
    "lp_pool2d": lambda F, lib, x: F.lp_pool2d(x["image"], 2.0, 2),
    "constant": lambda F, lib, x: F.pad(x["image"], (1, 2, 0, 1), value=3),
    "reflect": lambda F, lib, x: F.pad(x["image"], (1, 2, 0, 1), mode="reflect"),
    "replicate": lambda F, lib, x: F.pad(x["image"], (1, 2, 0, 1), mode="replicate"),
    "circular": lambda F, lib, x: F.pad(x["image"], (1, 2, 0, 1), mode="circular"),
    "unfold": lambda F, lib, x: F.unfold(x["image"], 2),
    "fold": lambda F, lib, x: F.fold(lib.ones(2, 12, 4, dtype=lib.uint8), (3, 3), 2),
    "pixel_shuffle": lambda F, lib, x: F.pixel_shuffle(x["image"], 2),
    "pixel_unshuffle": lambda F, lib, x: F.pixel_unshuffle(x["image"], 2),
    "channel_shuffle": lambda F, lib, x: F.channel_shuffle(x["image"], 2),
    "fractional": lambda F, lib, x: F.fractional_max_pool2d(x["image"], 2, output_size=3),
    "max_unpool2d": lambda F, lib, x: F.max_unpool2d(x["image"], lib.zeros(2, 4, 6, 6, dtype=lib.int64), 2),
    "conv2d": lambda F, lib, x: F.conv2d(x["image"], lib.ones(1, 4, 2, 2, dtype=lib.uint8)),
}


@pytest.mark.parametrize("name", CALLS)
def test_other_ops_take_or_refuse_bytes_as_pytorch_does(name: str) -> None:
    def outcome(lib: Any) -> Any:
        try:
            found = CALLS[name](lib.nn.functional, lib, {key: make(lib) for key, make in BYTES.items()})
        except Exception as error:
            return type(error)
        return str(found.dtype), found.tolist()

    wanted, found = outcome(torch), outcome(mt)
    if isinstance(wanted, type):
        assert isinstance(found, type) and issubclass(found, wanted)
    elif name == "lp_pool2d":
        assert found[0] == wanted[0] and np.allclose(found[1], wanted[1])
    else:
        assert found == wanted


def test_factors_give_the_sizes_that_pytorch_rounds_down_to() -> None:
    image = mt.zeros(1, 1, 7, 9, dtype=mt.uint8)
    found = mt.nn.functional.interpolate(image, scale_factor=(1.4, 0.3), mode="bilinear")
    assert found.shape == (1, 1, math.floor(7 * 1.4), math.floor(9 * 0.3))
