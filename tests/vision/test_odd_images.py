"""Odd images and odd arguments: every transform gives a result where torchvision does, or an error of its class.

The errors are this library's, and name the transform or the function that was called.
"""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from odd_images import CLASSES, FIGURES, RESULT, Case, cases_of_arguments, cases_of_images, outcome

import minitensor as mt
from minitensor.errors import MinitensorError
from minitensor.vision import transforms as T
from minitensor.vision.transforms import functional as F

LETTERS: dict[str, str] = json.loads(FIGURES.read_text())
LIBRARY = SimpleNamespace(torch=mt, T=T, F=F)
PILLOW = "13."  # the version that the letters are of: others can do more, or less

UNSIGNED = ("uint16", "uint32", "uint64")


def is_more(row: str, image: str) -> bool:
    """Whether a result, or another error, is right although torchvision raises."""
    return (
        image.startswith(UNSIGNED)  # in which PyTorch computes little
        or image.endswith("(0, 3, 4, 5)")  # an empty batch, which PyTorch's grid_sample refuses
        or (image.startswith("bool") and row in ("invert", "solarize", "RandomInvert", "RandomSolarize"))
        or (row == "pad symmetric" and image.endswith(("(4, 5)", "(2, 2, 3, 4, 5)")))
        or (image.startswith("meta") and row in ("rotate expand", "RandomRotation", "RandomAffine", "AugMix"))
        or (image == "picture I;16B" and row in ("pil_to_tensor", "PILToTensor", "AugMix"))
        or (image.startswith("array") and row in ("RandomErasing", "LinearTransformation"))  # a TypeError: no tensor
    )


# Values that are of the wrong type, or no sensible value: the error says so, whatever torchvision stumbles over.
WRONG = ("a", "[a, b]", "[]", "{}", "array", "complex", "nan", "inf", "None", "object", "class", "(1, 2, 3)",
         "(3, 1, 1, 2)", "float32")  # fmt: skip
WIDER = ("True", "tensor", "0-d tensor", "array", "int64", "float32")  # numbers and sequences of more types


def is_better(row: str, value: str, expected: str, found: str) -> bool:
    """Whether a result or an error says more than torchvision's."""
    if found == RESULT:
        return value in WIDER
    if row == "RandomPerspective(distortion_scale=)" and expected == RESULT:
        return found == "R"  # all corners of so small an image may meet: there is no such map
    return found in "TV" and value in WRONG


def groups(cases: Any) -> dict[str, list[tuple[str, Any]]]:
    found = defaultdict(list)
    for row, column, action in cases(LIBRARY):
        found[row].append((column, action))
    return dict(found)


@pytest.fixture(autouse=True)
def pillow() -> Any:
    if not pytest.importorskip("PIL").__version__.startswith(PILLOW):
        pytest.skip("the letters are of another Pillow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_clear(row: str, error: Exception | None) -> bool:
    """Whether an error is this library's, and names what was called."""
    name = row.split("(")[0].split(" ")[0].lower().replace("_", "")
    text = str(error).lower().replace("_", "")
    return error is None or (isinstance(error, MinitensorError) and name in text)


ARGUMENTS = [row for row in LETTERS if "(" in row]
IMAGES = [row for row in LETTERS if "(" not in row]


def unlike(row: str, cases: list[Case], is_fine: Any) -> list[tuple[str, str, str, str]]:
    """Return the cases whose outcome is not the expected one, or whose error is not clear."""
    wrong = []
    for (column, action), expected in zip(cases, LETTERS[row], strict=True):
        found, error = outcome(LIBRARY, action)
        is_same = (error is None) if expected == RESULT else isinstance(error, CLASSES[expected])
        if not is_clear(row, error) or not (is_same or is_fine(row, column, expected, found)):
            wrong.append((column, expected, found, f"{type(error).__name__}: {error}"))
    return wrong


@pytest.mark.parametrize("row", IMAGES)
def test_an_odd_image_gives_a_result_or_a_clear_error(row: str) -> None:
    assert not unlike(row, groups(cases_of_images)[row], lambda row, image, *_: is_more(row, image))


@pytest.mark.parametrize("row", ARGUMENTS)
def test_an_odd_argument_gives_a_result_or_a_clear_error(row: str) -> None:
    assert not unlike(row, groups(cases_of_arguments)[row], is_better)
