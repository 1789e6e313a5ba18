"""Transforms against torchvision's figures (``transform_cases.py``), and the laws that hold without them."""

from __future__ import annotations

import io
import json
import pickle
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from transform_cases import CASES, FIGURES, INPUTS, SEEDS, Transforms, outcome, picture, planes

import minitensor as mt
from minitensor.vision import transforms as T
from minitensor.vision.transforms import functional as F

EXPECTED: dict[str, dict[str, list[str]]] = json.loads(FIGURES.read_text())


@pytest.fixture(autouse=True)
def pillow() -> None:
    pytest.importorskip("PIL")


def is_same(found: str, expected: str) -> bool:
    """Whether two texts have the same words, and numbers that differ by rounding: by 1 if they are integers."""
    pairs = list(zip(found.split(), expected.split()))
    slack = 1.01 if "int" in expected else 2e-3
    same = [a == b or (is_number(a) and is_number(b) and abs(float(a) - float(b)) <= slack) for a, b in pairs]
    return len(found.split()) == len(expected.split()) and all(same) and pairs[-1][0] == pairs[-1][1]


def is_number(text: str) -> bool:
    try:
        return len(text) < 8 and float(text) == float(text)
    except ValueError:
        return False


PILLOW = "13."


@pytest.mark.parametrize("case", CASES)
def test_results_errors_and_draws_are_torchvisions(case: str) -> None:
    """The figures of pictures hold for the Pillow that they were computed with: others round and refuse otherwise."""
    version = pytest.importorskip("PIL").__version__
    wrong = []
    for source in INPUTS:
        if source.startswith("picture") and not version.startswith(PILLOW):
            continue
        told = EXPECTED[case][source]
        for seed in SEEDS:
            found, expected = outcome(case, Transforms(T, mt), source, seed), told[seed % len(told)]
            is_error = set(expected.split()) <= set(found.split())
            if not (is_error if expected.split()[0].endswith("Error") else is_same(found, expected)):
                wrong.append((source, seed, found, expected))
    assert not wrong


def test_the_figures_are_complete() -> None:
    assert {case: set(rows) for case, rows in EXPECTED.items()} == {case: set(INPUTS) for case in CASES}


# -- laws --------------------------------------------------------------------------------------------------------------

IMAGES = ["picture RGB", "picture L", "uint8", "float32", "int16"]


def as_array(image: Any) -> np.ndarray[Any, Any]:
    return np.asarray(image)


@pytest.mark.parametrize("source", IMAGES)
@pytest.mark.parametrize("flip", [F.hflip, F.vflip, F.invert])
def test_what_is_its_own_inverse(flip: Any, source: str) -> None:
    image = INPUTS[source](mt)
    again = flip(flip(image))
    np.testing.assert_allclose(as_array(again), as_array(image), atol=1e-6)
    assert not np.array_equal(as_array(flip(image)), as_array(image))


@pytest.mark.parametrize("source", IMAGES)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
def test_a_crop_of_a_padded_image_is_the_image(mode: str, source: str) -> None:
    image = INPUTS[source](mt)
    _, height, width = F.get_dimensions(image)
    padded = F.pad(image, [2, 3, 4, 5], padding_mode=mode)
    assert F.get_dimensions(padded)[1:] == [height + 8, width + 6]
    np.testing.assert_array_equal(as_array(F.crop(padded, 3, 2, height, width)), as_array(image))


@pytest.mark.parametrize("source", IMAGES)
@pytest.mark.parametrize("box", [(-2, -3, 30, 30), (5, 5, 4, 40), (-9, -9, 4, 4), (50, 50, 3, 2)])
def test_a_crop_has_the_size_that_was_asked_for(box: tuple[int, int, int, int], source: str) -> None:
    """torchvision's tensors have another size if the rectangle lies outside the image."""
    found = F.crop(INPUTS[source](mt), *box)
    assert F.get_dimensions(found)[1:] == list(box[2:])
    if box[0] in (-9, 50):
        assert not as_array(found).any()


@pytest.mark.parametrize("turns", range(4))
def test_a_quarter_turn_moves_pixels(turns: int) -> None:
    image = planes(mt, "uint8")[:, :20, :20]
    np.testing.assert_array_equal(F.rotate(image, 90 * turns).numpy(), image.rot90(turns, (1, 2)).numpy())
    np.testing.assert_array_equal(as_array(F.rotate(picture("RGB"), 90 * turns, expand=True)),
                                  np.rot90(as_array(picture("RGB")), turns))  # fmt: skip


@pytest.mark.parametrize("source", ["picture RGB", "picture L"])
def test_a_perspective_that_moves_nothing_changes_no_picture(source: str) -> None:
    """The equations are solved exactly; a rounding error of 1e-16 would take pixels from one place before."""
    image, corners = INPUTS[source](mt), [[0, 0], [25, 0], [25, 19], [0, 19]]
    np.testing.assert_array_equal(as_array(F.perspective(image, corners, corners)), as_array(image))


def test_a_perspective_maps_its_points() -> None:
    from minitensor.vision.transforms.functional.warping import perspective_coefficients

    ends = [[3, 1], [20, 4], [24, 19], [1, 15]]
    a, b, c, d, e, f, g, h = perspective_coefficients([[0, 0], [25, 0], [25, 19], [0, 19]], ends)
    places = [((a * x + b * y + c) / (g * x + h * y + 1), (d * x + e * y + f) / (g * x + h * y + 1)) for x, y in ends]
    np.testing.assert_allclose(places, [[0, 0], [25, 0], [25, 19], [0, 19]], atol=1e-4)
    with pytest.raises(RuntimeError, match="three of the four points lie on a line"):
        F.perspective(picture("RGB"), [[0, 0], [25, 0], [25, 19], [0, 19]], [[0, 0], [1, 0], [2, 0], [0, 3]])


@pytest.mark.parametrize("case", [case for case in CASES if case not in ("order", "choice")])
def test_the_same_seed_makes_the_same_image(case: str) -> None:
    results = [outcome(case, Transforms(T, mt), "uint8", 5) for _ in range(2)]
    assert results[0] == results[1]


@pytest.mark.parametrize("case", CASES)
def test_a_transform_goes_to_another_process(case: str) -> None:
    """A DataLoader's workers get copies, which do the same."""
    transform = CASES[case](Transforms(T, mt))
    copy = pickle.loads(pickle.dumps(transform))
    assert repr(copy) == repr(transform) and type(copy) is type(transform)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "RGBA", "LA", "P", "1", "I;16", "F"])
@pytest.mark.parametrize("padding_mode", ["constant", "edge", "reflect", "symmetric"])
def test_padding_keeps_the_mode(padding_mode: str, mode: str) -> None:
    """torchvision makes RGB of YCbCr, and RGBA of CMYK, without changing the bytes."""
    from PIL import Image

    image = Image.frombytes("LAB", (4, 3), bytes(range(36))) if mode == "LAB" else picture(mode)
    padded = F.pad(image, 2, padding_mode=padding_mode)
    assert padded.mode == mode
    assert F.crop(padded, 2, 2, image.height, image.width).tobytes() == image.tobytes()


def test_integers_are_padded_exactly() -> None:
    """torchvision rounds them to float32."""
    image = mt.tensor([[[2**31 - 1, 2**31 - 3, 5]]], dtype=mt.int32)
    for mode in ("edge", "reflect", "symmetric"):
        assert F.pad(image, [1, 0], padding_mode=mode)[0, 0, 1:4].tolist() == image[0, 0].tolist()


# -- images and tensors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "F", "I"])
def test_a_picture_comes_back_from_a_tensor(mode: str) -> None:
    from PIL import Image

    image = Image.fromarray(np.arange(12, dtype=np.int32).reshape(3, 4)) if mode == "I" else picture(mode)
    back = F.to_pil_image(F.pil_to_tensor(image), mode)
    assert (back.mode, back.tobytes()) == (image.mode, image.tobytes())


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_palette_becomes_its_colors(mode: str) -> None:
    """torchvision returns the indices."""
    image = picture("P")
    if mode == "RGBA":
        image.info["transparency"] = 3
    colors = image.convert(mode)
    np.testing.assert_array_equal(F.pil_to_tensor(image).numpy(), F.pil_to_tensor(colors).numpy())
    np.testing.assert_array_equal(F.to_tensor(image).numpy(), F.to_tensor(colors).numpy())
    assert not np.array_equal(np.asarray(image), np.asarray(colors)[..., 0])


def test_sixteen_bits_are_not_wrapped() -> None:
    """torchvision makes negative numbers of bright pixels, and the low bytes of big-endian ones."""
    from PIL import Image

    bright = Image.frombytes("I;16", (2, 1), np.array([5, 40000], "<u2").tobytes())
    with pytest.raises(ValueError, match="pixels up to 40000, but int16 ends at 32767; use PILToTensor"):
        T.ToTensor()(bright)
    assert T.PILToTensor()(bright).long().tolist() == [[[5, 40000]]]
    big = Image.frombytes("I;16B", (2, 1), np.array([5, 300], ">u2").tobytes())
    assert T.ToTensor()(big).tolist() == T.PILToTensor()(big).long().tolist() == [[[5, 300]]]


def test_orientation_is_left_to_the_reader_of_a_file() -> None:
    """A camera's rotation is applied by Pillow if asked, and not by a transform, as in torchvision."""
    from PIL import Image, ImageOps

    image = Image.new("L", (4, 2))
    exif = image.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    read = Image.open(file)
    assert T.ToTensor()(read).shape == (1, 2, 4)
    assert T.ToTensor()(ImageOps.exif_transpose(read)).shape == (1, 4, 2)


NO_IMAGES: list[Any] = ["text", None, 3, [1, 2], np.zeros((4, 4, 3), np.uint8)]
OF_IMAGES = (
    F.hflip, F.invert, F.equalize, F.autocontrast, lambda x: F.resize(x, 3), lambda x: F.pad(x, 1),
    lambda x: F.rotate(x, 3), lambda x: F.crop(x, 0, 0, 1, 1), lambda x: F.gaussian_blur(x, 3),
    lambda x: F.adjust_hue(x, 0.1), lambda x: F.adjust_gamma(x, 2), T.RandomCrop(2), T.ColorJitter(1), T.AugMix(),
    T.RandAugment(), T.ElasticTransform(),
)  # fmt: skip


@pytest.mark.parametrize("value", NO_IMAGES, ids=lambda each: type(each).__name__)
def test_what_is_no_image_is_refused_by_name(value: Any) -> None:
    for function in OF_IMAGES:
        with pytest.raises(TypeError, match=f"Pillow image.*got {type(value).__name__}"):
            function(value)


@pytest.mark.parametrize("image", [mt.zeros(3, 0, 4, dtype=mt.uint8), mt.zeros(1, 3, 0)], ids=["uint8", "float"])
def test_images_without_pixels_stay_so_or_are_refused(image: mt.Tensor) -> None:
    for function in (F.hflip, F.invert, lambda x: F.adjust_brightness(x, 2.0)):
        assert function(image).shape == image.shape
    for function in (lambda x: F.resize(x, (3, 3)), lambda x: F.pad(x, 1, padding_mode="edge")):
        with pytest.raises((RuntimeError, ValueError)):
            function(image)


ERRORS: dict[str, tuple[Any, type[Exception], str]] = {
    "size": (lambda: T.Resize((1, 2, 3)), ValueError, "one or two"),
    "crop": (lambda: T.RandomCrop(30)(picture("RGB")), ValueError, r"\(30, 30\) is larger than the image \(20, 26\)"),
    "mode": (lambda: F.rotate(planes(mt, "uint8"), 3, T.InterpolationMode.BICUBIC), ValueError, "nearest or bilinear"),
    "no mode": (lambda: F.resize(picture("L"), 3, "bilinear"), TypeError, "InterpolationMode or one of Pillow's"),
    "fill": (lambda: F.rotate(picture("RGB"), 3, fill=[1, 2]), ValueError, r"one number or 3.*got \[1, 2\]"),
    "floats": (lambda: F.normalize(planes(mt, "uint8"), [0.5], [0.5]), TypeError, "use ConvertImageDtype first"),
    "tensor": (lambda: T.Normalize([0.5], [0.5])(picture("L")), TypeError, "use ToTensor first"),
    "std": (lambda: F.normalize(mt.ones(1, 2, 2), [0.5], [0]), ValueError, "std must not be zero"),
    "channels": (lambda: F.invert(mt.ones(5, 2, 2)), TypeError, "1 or 3 channels, got 5"),
    "bytes": (lambda: F.posterize(mt.ones(1, 2, 2), 2), TypeError, "must be uint8, got"),
    "safe": (lambda: F.convert_image_dtype(mt.ones(1), mt.int64), RuntimeError, "cannot tell the values"),
    "too many": (lambda: F.to_pil_image(mt.ones(5, 2, 2)), ValueError, "1 to 4 channels, got 5"),
    "wrong mode": (lambda: F.to_pil_image(mt.ones(3, 2, 2), "L"), ValueError, "must be RGB or YCbCr or HSV, got 'L'"),
    "jitter": (lambda: T.ColorJitter(hue=0.7), ValueError, r"between -0.5 and 0.5, got \(-0.7, 0.7\)"),
    "policy": (lambda: T.AutoAugment("imagenet"), ValueError, "must be an AutoAugmentPolicy, got 'imagenet'"),  # type: ignore[arg-type]
    "blur": (lambda: T.GaussianBlur(4), ValueError, "odd and positive, got 4"),
}


@pytest.mark.parametrize(("call", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_what_cannot_be_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


REPRS = {
    "Resize(size=3, interpolation=bicubic, max_size=None, antialias=True)": lambda: T.Resize(3, 3),
    "RandomAffine(degrees=[-5.0, 5.0], shear=[-1.0, 1.0], fill=2)": lambda: T.RandomAffine(5, shear=1, fill=2),
    "RandomPosterize(bits=2,p=0.5)": lambda: T.RandomPosterize(2),
    "Compose(\n    ToTensor()\n    Lambda()\n)": lambda: T.Compose([T.ToTensor(), T.Lambda(len)]),
    "RandomApply(\n    p=0.5\n    CenterCrop(size=(2, 2))\n)": lambda: T.RandomApply([T.CenterCrop(2)]),
    "RandomChoice(\n    ToTensor()\n)(p=None)": lambda: T.RandomChoice([T.ToTensor()]),
    "RandomResizedCrop(size=(4, 4), scale=(0.08, 1.0), ratio=(0.75, 1.3333), interpolation=bilinear, antialias=True)":
        lambda: T.RandomResizedCrop(4),
}  # fmt: skip


@pytest.mark.parametrize(("text", "make"), REPRS.items())
def test_transforms_print_as_torchvisions(text: str, make: Any) -> None:
    assert repr(make()) == text


def test_tensors_need_no_pillow() -> None:
    program = (
        "import sys; sys.modules['PIL'] = None\n"
        "import minitensor as torch\nfrom minitensor.vision import transforms as T\n"
        "x = torch.zeros(3, 8, 8, dtype=torch.uint8)\n"
        "T.Compose([T.Resize(6), T.RandomCrop(5), T.ColorJitter(0.5), T.RandAugment(), T.RandomRotation(9)])(x)\n"
        "try:\n    T.ToPILImage()(x)\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == (
        "pillow is not installed; it comes with the extra 'vision': pip install minitensor-py[vision]"
    )


def test_python_draws_order_and_choice() -> None:
    order = T.RandomOrder([lambda text, letter=letter: text + letter for letter in "abc"])  # type: ignore[misc]
    orders = set()
    for seed in range(20):
        random.seed(seed)
        orders.add(order(""))
    assert len(orders) == 6
