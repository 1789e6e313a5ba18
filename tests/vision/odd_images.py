"""Every transform on odd images, and with odd arguments: what torchvision does, as one letter each.

``odd_images.json`` has torchvision's letters. To make it anew, where torchvision 0.29 is installed:
``python tests/vision/odd_images.py``.
"""

from __future__ import annotations

import inspect
import io
import json
import random
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

FIGURES = Path(__file__).with_name("odd_images.json")

# The classes of errors, in the order in which they are tried: a NotImplementedError is a RuntimeError.
CLASSES = {
    "T": TypeError, "V": ValueError, "R": RuntimeError, "I": IndexError, "Z": ZeroDivisionError, "O": OSError,
    "A": AttributeError, "K": KeyError, "X": OverflowError,
}  # fmt: skip
RESULT = "."

MODES = (
    "1", "L", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "I;16",
    "I;16B", "I;16L", "I;16N",
)  # fmt: skip
SIZES = ((0, 0), (0, 3), (3, 0), (1, 1), (1, 3))
SHAPES = (
    (), (4,), (4, 5), (3, 4, 5), (2, 3, 4, 5), (2, 2, 3, 4, 5), (2, 4, 5), (1, 4, 5), (4, 4, 5), (5, 4, 5), (0, 4, 5),
    (3, 0, 5), (3, 4, 0), (3, 0, 0), (0, 3, 4, 5), (3, 1, 1), (3, 1, 5),
)  # fmt: skip
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float64", "complex64", "uint16", "uint32",
    "uint64",
)  # fmt: skip


def picture(mode: str, size: tuple[int, int] = (5, 4)) -> Any:
    """Return an image with some structure, of any mode that Pillow can convert colors to."""
    from PIL import Image

    color = Image.new("RGB", size)
    if size[0] * size[1]:
        color = Image.fromarray(np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(size[1], size[0], 3) * 4)
    for way in ((mode,), ("RGBA", mode), ("L", mode)):
        found = color
        try:
            for step in way:
                found = found.convert(step)
            return found
        except ValueError:
            continue
    return Image.new(mode, size)


def turned_picture() -> Any:
    """Return an image that a camera held sideways."""
    from PIL import Image

    image, file = picture("RGB"), io.BytesIO()
    exif = image.getexif()
    exif[0x112] = 6
    image.save(file, "PNG", exif=exif)
    file.seek(0)
    return Image.open(file)


def pixels(torch: Any, shape: tuple[int, ...], dtype: str) -> Any:
    numbers = torch.arange(int(np.prod(shape))).reshape(shape)
    if dtype == "float32":
        return numbers.to(torch.float32) / 200
    return (numbers % (2 if dtype == "bool" else 100)).to(getattr(torch, dtype))


def array(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


Make = Callable[[Any], Any]
IMAGES: dict[str, Make] = {
    **{f"picture {mode}": (lambda torch, mode=mode: picture(mode)) for mode in MODES},
    **{f"picture {mode} {size}": (lambda torch, mode=mode, size=size: picture(mode, size))
       for size in SIZES for mode in ("RGB", "L", "P", "F", "I;16")},
    "picture EXIF": lambda torch: turned_picture(),
    "None": lambda torch: None,
    "str": lambda torch: "a.png",
    "int": lambda torch: 3,
    "list": lambda torch: [[1, 2], [3, 4]],
    "array": lambda torch: array(4, 5, 3),
    "array (4, 5)": lambda torch: array(4, 5),
    "array float": lambda torch: array(4, 5, 3, dtype=float) / 60,
    "array (0, 0, 3)": lambda torch: array(0, 0, 3),
    "array (3,)": lambda torch: array(3),
    "array complex": lambda torch: array(4, 5, 3, dtype=complex),
    **{f"{dtype} {shape}": (lambda torch, shape=shape, dtype=dtype: pixels(torch, shape, dtype))
       for shape in SHAPES for dtype in ("uint8", "float32")},
    **{f"{dtype} {shape}": (lambda torch, shape=shape, dtype=dtype: pixels(torch, shape, dtype))
       for dtype in DTYPES for shape in ((3, 4, 5), (1, 4, 5))},
    **{f"meta {dtype}": (lambda torch, dtype=dtype: torch.zeros(3, 4, 5, dtype=getattr(torch, dtype), device="meta"))
       for dtype in ("uint8", "float32")},
}  # fmt: skip

CORNERS = [[0, 0], [4, 0], [4, 3], [0, 3]], [[1, 0], [4, 1], [3, 3], [0, 2]]
Change = Callable[[Any, Any], Any]  # a library and an image
FUNCTIONS: dict[str, Change] = {
    "to_tensor": lambda lib, x: lib.F.to_tensor(x),
    "pil_to_tensor": lambda lib, x: lib.F.pil_to_tensor(x),
    "to_pil_image": lambda lib, x: lib.F.to_pil_image(x),
    "convert_image_dtype": lambda lib, x: lib.F.convert_image_dtype(x, lib.torch.float32),
    "convert_image_dtype uint8": lambda lib, x: lib.F.convert_image_dtype(x, lib.torch.uint8),
    "get_dimensions": lambda lib, x: lib.F.get_dimensions(x),
    "get_image_size": lambda lib, x: lib.F.get_image_size(x),
    "get_image_num_channels": lambda lib, x: lib.F.get_image_num_channels(x),
    **{f"adjust_{name}": (lambda lib, x, name=name: getattr(lib.F, f"adjust_{name}")(x, 1.2))
       for name in ("brightness", "contrast", "saturation", "gamma", "sharpness")},
    "adjust_hue": lambda lib, x: lib.F.adjust_hue(x, 0.2),
    **{name: (lambda lib, x, name=name: getattr(lib.F, name)(x))
       for name in ("autocontrast", "equalize", "invert", "rgb_to_grayscale", "to_grayscale", "hflip", "vflip")},
    "posterize": lambda lib, x: lib.F.posterize(x, 3),
    "rgb_to_grayscale 3": lambda lib, x: lib.F.rgb_to_grayscale(x, 3),
    "solarize": lambda lib, x: lib.F.solarize(x, 0.5),
    "center_crop": lambda lib, x: lib.F.center_crop(x, [2, 3]),
    "center_crop larger": lambda lib, x: lib.F.center_crop(x, [7, 8]),
    "crop": lambda lib, x: lib.F.crop(x, 1, 1, 2, 2),
    "five_crop": lambda lib, x: lib.F.five_crop(x, [2, 2]),
    "ten_crop": lambda lib, x: lib.F.ten_crop(x, [2, 2]),
    **{f"pad {mode}": (lambda lib, x, mode=mode: lib.F.pad(x, [1, 2], 0, mode))
       for mode in ("constant", "edge", "reflect", "symmetric")},
    **{f"resize {mode}": (lambda lib, x, mode=mode: lib.F.resize(x, [3, 6], lib.T.InterpolationMode[mode]))
       for mode in ("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC", "LANCZOS", "BOX", "HAMMING")},
    "resize 3": lambda lib, x: lib.F.resize(x, 3),
    "resize 3 max": lambda lib, x: lib.F.resize(x, 3, max_size=4),
    "resized_crop": lambda lib, x: lib.F.resized_crop(x, 0, 1, 3, 3, [2, 2]),
    "erase": lambda lib, x: lib.F.erase(x, 0, 1, 2, 2, 0),
    "gaussian_blur": lambda lib, x: lib.F.gaussian_blur(x, 3),
    "normalize": lambda lib, x: lib.F.normalize(x, [0.5, 0.5, 0.5], [0.2, 0.2, 0.2]),
    "affine": lambda lib, x: lib.F.affine(x, 10, [1, 0], 1.1, 5),
    "elastic_transform": lambda lib, x: lib.F.elastic_transform(x, lib.torch.zeros(1, 4, 5, 2) + 0.1),
    "perspective": lambda lib, x: lib.F.perspective(x, *CORNERS),
    "rotate": lambda lib, x: lib.F.rotate(x, 30),
    "rotate expand": lambda lib, x: lib.F.rotate(x, 30, expand=True, fill=1),
}  # fmt: skip

# The constructors, with arguments that fit. With those of ARGUMENTS, one after the other, they are tried too.
Options = Callable[[Any], dict[str, Any]]
CONSTRUCTORS: dict[str, Options] = {
    "AugMix": lambda torch: {},
    "AutoAugment": lambda torch: {},
    "CenterCrop": lambda torch: {"size": 3},
    "ColorJitter": lambda torch: {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1},
    "Compose": lambda torch: {"transforms": []},
    "ConvertImageDtype": lambda torch: {"dtype": torch.float32},
    "ElasticTransform": lambda torch: {"alpha": 20.0, "sigma": 0.3},
    "FiveCrop": lambda torch: {"size": 2},
    "GaussianBlur": lambda torch: {"kernel_size": 3},
    "Grayscale": lambda torch: {},
    "Lambda": lambda torch: {"lambd": abs},
    "LinearTransformation": lambda torch: {"transformation_matrix": torch.eye(60), "mean_vector": torch.zeros(60)},
    "Normalize": lambda torch: {"mean": [0.5] * 3, "std": [0.5] * 3},
    "PILToTensor": lambda torch: {},
    "Pad": lambda torch: {"padding": 1},
    "RandAugment": lambda torch: {},
    "RandomAdjustSharpness": lambda torch: {"sharpness_factor": 2, "p": 1.0},
    "RandomAffine": lambda torch: {"degrees": 30},
    "RandomApply": lambda torch: {"transforms": [], "p": 1.0},
    "RandomAutocontrast": lambda torch: {"p": 1.0},
    "RandomChoice": lambda torch: {"transforms": [abs_of]},
    "RandomCrop": lambda torch: {"size": 3},
    "RandomEqualize": lambda torch: {"p": 1.0},
    "RandomErasing": lambda torch: {"p": 1.0},
    "RandomGrayscale": lambda torch: {"p": 1.0},
    "RandomHorizontalFlip": lambda torch: {"p": 1.0},
    "RandomInvert": lambda torch: {"p": 1.0},
    "RandomOrder": lambda torch: {"transforms": []},
    "RandomPerspective": lambda torch: {"p": 1.0},
    "RandomPosterize": lambda torch: {"bits": 3, "p": 1.0},
    "RandomResizedCrop": lambda torch: {"size": 3},
    "RandomRotation": lambda torch: {"degrees": 30},
    "RandomSolarize": lambda torch: {"threshold": 0.5, "p": 1.0},
    "RandomVerticalFlip": lambda torch: {"p": 1.0},
    "Resize": lambda torch: {"size": (3, 4)},
    "TenCrop": lambda torch: {"size": 2},
    "ToPILImage": lambda torch: {},
    "ToTensor": lambda torch: {},
    "TrivialAugmentWide": lambda torch: {},
}


def abs_of(image: Any) -> Any:
    return image


def arguments(torch: Any) -> dict[str, Any]:
    """Return values of every type, few of which fit."""
    return {
        "None": None, "a": "a", "3": "3", "-1": -1, "0": 0, "1": 1, "2": 2, "2.5": 2.5, "-0.5": -0.5,
        "nan": float("nan"), "inf": float("inf"), "True": True, "[]": [], "(2,)": (2,), "(2, 3)": (2, 3),
        "(2.5, 0.5)": (2.5, 0.5), "(0.5, 2.5)": (0.5, 2.5), "(0, 0)": (0, 0), "(1, 2, 3)": (1, 2, 3),
        "(3, 1, 1, 2)": (3, 1, 1, 2), "(-1, 2)": (-1, 2), "[a, b]": ["a", "b"], "[None, 1]": [None, 1], "{}": {},
        "object": object(), "class": list, "tensor": torch.tensor([1.0, 2.0]), "0-d tensor": torch.tensor(1.0),
        "array": np.array([1, 2]), "int64": np.int64(2), "float32": np.float32(0.5), "complex": 1j,
    }  # fmt: skip


def parameters(T: Any, name: str) -> list[str]:
    return [each for each in inspect.signature(getattr(T, name)).parameters if each not in ("args", "kwargs")]


def outcome(lib: Any, action: Callable[[], Any]) -> tuple[str, Exception | None]:
    """Return the letter of an action, and its error."""
    lib.torch.manual_seed(3)
    random.seed(3)
    try:
        action()
    except Exception as error:
        return next(letter for letter, each in CLASSES.items() if isinstance(error, each)), error
    return RESULT, None


Case = tuple[str, str, Callable[[], Any]]


def cases_of_images(lib: Any) -> Iterator[Case]:
    """Yield each transform and image, as a row and an action."""
    for name, change in FUNCTIONS.items():
        for image, make in IMAGES.items():
            yield name, image, lambda change=change, make=make: change(lib, make(lib.torch))
    for name, options in CONSTRUCTORS.items():
        for image, make in IMAGES.items():
            if name not in ("Compose", "Lambda", "RandomApply", "RandomChoice", "RandomOrder"):
                yield name, image, lambda name=name, options=options, make=make: getattr(lib.T, name)(
                    **options(lib.torch)
                )(make(lib.torch))


def cases_of_arguments(lib: Any) -> Iterator[Case]:
    """Yield each constructor's parameter and value, and an action that makes a transform and calls it."""
    for name, options in CONSTRUCTORS.items():
        dtype = "float32" if name in ("Normalize", "ConvertImageDtype", "LinearTransformation") else "uint8"
        for parameter in parameters(lib.T, name):
            for value in arguments(lib.torch):

                def act(
                    name: str = name, options: Options = options, parameter: str = parameter, value: str = value,
                    dtype: str = dtype,
                ) -> Any:  # fmt: skip
                    given = {**options(lib.torch), parameter: arguments(lib.torch)[value]}
                    return getattr(lib.T, name)(**given)(pixels(lib.torch, (3, 4, 5), dtype))

                yield f"{name}({parameter}=)", value, act


def letters(lib: Any) -> dict[str, str]:
    """Return a row of letters for each transform and each parameter."""
    rows: dict[str, str] = {}
    for cases in (cases_of_images, cases_of_arguments):
        for row, _, action in cases(lib):
            rows[row] = rows.get(row, "") + outcome(lib, action)[0]
    return rows


if __name__ == "__main__":
    import torch
    import torchvision.transforms as T
    import torchvision.transforms.functional as F

    warnings.simplefilter("ignore")
    FIGURES.write_text(json.dumps(letters(SimpleNamespace(torch=torch, T=T, F=F)), indent=0) + "\n")
