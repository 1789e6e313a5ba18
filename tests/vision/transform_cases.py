"""Cases of every transform, and a text that tells what came out: a checksum of integers, some of floats.

``transform_figures.json`` has the texts of torchvision's transforms. To make it anew, where torchvision 0.29 is
installed: ``python tests/vision/transform_cases.py``.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FIGURES = Path(__file__).with_name("transform_figures.json")
HEIGHT, WIDTH = 20, 26
SEEDS = (0, 1)


def pixels(channels: int) -> np.ndarray[Any, Any]:
    """Return the bytes of an image with structure in all channels, of shape (H, W, C)."""
    y, x, c = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), np.arange(channels), indexing="ij")
    return ((7 * x + 11 * y + 40 * c + x * y * (c + 1) // 3) % 230 + 5 * c).astype(np.uint8)


def picture(mode: str) -> Any:
    from PIL import Image

    color = Image.fromarray(pixels(3))
    if mode == "P":
        return color.quantize(16)
    if mode == "I;16":
        return Image.frombytes("I;16", (WIDTH, HEIGHT), (pixels(1)[:, :, 0].astype("<u2") * 100).tobytes())
    return color.convert(mode)


def planes(lib: ModuleType, dtype: str, channels: int = 3) -> Any:
    bytes = lib.from_numpy(np.ascontiguousarray(pixels(channels).transpose(2, 0, 1)))
    return bytes.to(getattr(lib, dtype)) / 255 if dtype.startswith("float") else bytes.to(getattr(lib, dtype))


MODES = ("RGB", "L", "P", "RGBA", "F", "I;16", "1")
INPUTS: dict[str, Callable[[ModuleType], Any]] = {
    **{f"picture {mode}": (lambda lib, mode=mode: picture(mode)) for mode in MODES},
    "uint8": lambda lib: planes(lib, "uint8"),
    "uint8 batch": lambda lib: lib.stack([planes(lib, "uint8", 1), planes(lib, "uint8", 1).flip(-1)]),
    "float32": lambda lib: planes(lib, "float32"),
    "int16": lambda lib: planes(lib, "int16"),
}

Make = Callable[[Any], Any]


def modes(name: str) -> Callable[[Any], Any]:
    return lambda T: T.InterpolationMode[name]


CASES: dict[str, Make] = {
    "to tensor": lambda T: T.ToTensor(),
    "pil to tensor": lambda T: T.PILToTensor(),
    "to pil": lambda T: T.ToPILImage(),
    **{f"resize {mode}": (lambda T, mode=mode: T.Resize((11, 31), T.InterpolationMode[mode]))
       for mode in ("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS")},
    "resize, not antialiased": lambda T: T.Resize(9, antialias=None),
    "resize, max size": lambda T: T.Resize(15, max_size=17),
    "center crop": lambda T: T.CenterCrop(9),
    "center crop, larger": lambda T: T.CenterCrop((31, 15)),
    "five crop": lambda T: T.FiveCrop((7, 9)),
    "ten crop": lambda T: T.TenCrop(8, vertical_flip=True),
    **{f"pad {mode}": (lambda T, mode=mode: T.Pad((3, 1, 2, 4), padding_mode=mode))
       for mode in ("constant", "edge", "reflect", "symmetric")},
    "pad, cropping": lambda T: T.Pad((-3, 2), 9),
    "random crop": lambda T: T.RandomCrop(16, padding=(2, 3), padding_mode="reflect"),
    "random crop, padded if needed": lambda T: T.RandomCrop((30, 12), pad_if_needed=True, fill=7),
    "random resized crop": lambda T: T.RandomResizedCrop(12),
    "random resized crop, out of range": lambda T: T.RandomResizedCrop((8, 9), (1.5, 2.0), (3.0, 4.0)),
    "horizontal flip": lambda T: T.RandomHorizontalFlip(),
    "vertical flip": lambda T: T.RandomVerticalFlip(),
    "rotation": lambda T: T.RandomRotation(40),
    "rotation, expanded": lambda T: T.RandomRotation((20, 70), T.InterpolationMode.BILINEAR, expand=True, fill=50),
    "rotation, pixels that are equally near": lambda T: T.RandomRotation((30, 30), expand=True, center=(1, 2)),
    "rotation, off center": lambda T: T.RandomRotation(30, center=(2, 3), fill=9),
    "affine": lambda T: T.RandomAffine(20, (0.1, 0.2), (0.8, 1.3), (-10, 10, -5, 5)),
    "affine, bilinear": lambda T: T.RandomAffine((5, 9), shear=12, interpolation=T.InterpolationMode.BILINEAR, fill=3),
    "perspective": lambda T: T.RandomPerspective(p=1.0),
    "perspective, nearest": lambda T: T.RandomPerspective(0.8, 1.0, T.InterpolationMode.NEAREST, fill=100),
    "elastic": lambda T: T.ElasticTransform(40.0, 2.0),
    "jitter": lambda T: T.ColorJitter(0.4, (0.3, 1.7), 0.9, 0.3),
    "hue": lambda T: T.ColorJitter(hue=(0.2, 0.45)),
    "gray": lambda T: T.Grayscale(),
    "gray, three channels": lambda T: T.Grayscale(3),
    "random gray": lambda T: T.RandomGrayscale(0.6),
    "blur": lambda T: T.GaussianBlur((3, 5), (0.4, 1.5)),
    "normalize": lambda T: T.Normalize((0.5, 0.4, 0.3), (0.2, 0.3, 0.4)),
    "convert": lambda T: T.ConvertImageDtype(T.dtype_of("uint8")),
    "convert to floats": lambda T: T.ConvertImageDtype(T.dtype_of("float64")),
    "erase": lambda T: T.RandomErasing(0.8),
    "erase, random": lambda T: T.RandomErasing(1.0, (0.1, 0.2), value="random"),
    "invert": lambda T: T.RandomInvert(0.7),
    "posterize": lambda T: T.RandomPosterize(3, 0.9),
    "solarize": lambda T: T.RandomSolarize(0.6, 1.0),
    "sharpen": lambda T: T.RandomAdjustSharpness(1.8, 1.0),
    "autocontrast": lambda T: T.RandomAutocontrast(1.0),
    "equalize": lambda T: T.RandomEqualize(1.0),
    **{f"auto {name}": (lambda T, name=name: T.AutoAugment(T.AutoAugmentPolicy[name], fill=4))
       for name in ("IMAGENET", "CIFAR10", "SVHN")},
    "rand": lambda T: T.RandAugment(3, 12),
    "trivial": lambda T: T.TrivialAugmentWide(),
    "augmix": lambda T: T.AugMix(),
    "compose": lambda T: T.Compose([T.RandomResizedCrop(14), T.RandomHorizontalFlip(), T.ColorJitter(0.2)]),
    "apply": lambda T: T.RandomApply([T.CenterCrop(9), T.RandomVerticalFlip()], 0.6),
    "order": lambda T: T.RandomOrder([T.CenterCrop(9), T.RandomRotation(30), T.Pad(2)]),
    "choice": lambda T: T.RandomChoice([T.CenterCrop(9), T.Pad(2), T.Resize(7)], (0.2, 0.5, 0.3)),
}  # fmt: skip


# Cases that compute pictures from floats, whose last bits depend on the machine.
ROUNDED = ("augmix",)


class Transforms:
    """A module of transforms, and the dtypes of its library."""

    def __init__(self, module: ModuleType, lib: ModuleType) -> None:
        self.module, self.lib = module, lib

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def dtype_of(self, name: str) -> Any:
        return getattr(self.lib, name)


def text_of(result: Any, is_exact: bool) -> str:
    """Tell the kind, the size and the numbers of a result: a checksum of pictures of integers, else some numbers."""
    if isinstance(result, tuple):
        return "; ".join(text_of(each, is_exact) for each in result)
    if hasattr(result, "mode") and is_exact and result.mode != "F":
        return f"{result.mode} {result.size[0]}x{result.size[1]} {zlib.crc32(result.tobytes()):08x}"
    array = np.asarray(result)
    spots = np.linspace(0, array.size - 1, 5).astype(int)
    head = f"{array.dtype} {'x'.join(map(str, array.shape))}"
    return f"{head} {float(array.mean()):.5g} {' '.join(f'{each:.4g}' for each in array.reshape(-1)[spots])}"


def outcome(case: str, T: Transforms, source: str, seed: int) -> str:
    """Return the text of a result, and the first number of the stream after it; or the classes of the error."""
    T.lib.manual_seed(seed)
    random.seed(seed)
    try:
        text = text_of(CASES[case](T)(INPUTS[source](T.lib)), case not in ROUNDED)
    except Exception as error:
        classes = [each.__name__ for each in type(error).__mro__ if each.__module__ == "builtins"]
        return " ".join(classes[: classes.index("Exception")])
    return f"{text} {T.lib.rand(1).item():.6f}"


def outcomes(T: Transforms) -> Iterator[tuple[str, str, list[str]]]:
    for case in CASES:
        for source in INPUTS:
            found = [outcome(case, T, source, seed) for seed in SEEDS]
            yield case, source, found[:1] if len(set(found)) == 1 else found


def write_figures() -> None:
    import torch
    import torchvision

    torch.set_num_threads(1)
    table: dict[str, dict[str, list[str]]] = {}
    for case, source, found in outcomes(Transforms(torchvision.transforms, torch)):
        table.setdefault(case, {})[source] = found
    FIGURES.write_text(json.dumps(table, indent=0) + "\n")


if __name__ == "__main__":
    write_figures()
