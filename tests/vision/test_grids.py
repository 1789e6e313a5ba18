"""``make_grid`` and ``save_image``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from minitensor.vision.utils import make_grid, save_image


@pytest.mark.parametrize("count", [2, 3, 5, 9])
@pytest.mark.parametrize(("nrow", "padding"), [(8, 2), (2, 0), (3, 1)])
def test_each_image_is_in_its_place(count: int, nrow: int, padding: int) -> None:
    images = mt.arange(count * 3 * 4 * 5.0).view(count, 3, 4, 5)
    grid = make_grid(images, nrow, padding, pad_value=-1.0)
    columns = min(nrow, count)
    rows = (count + columns - 1) // columns
    assert grid.shape == (3, rows * (4 + padding) + padding, columns * (5 + padding) + padding)
    for place in range(count):
        top, left = padding + place // columns * (4 + padding), padding + place % columns * (5 + padding)
        assert (grid[:, top : top + 4, left : left + 5] == images[place]).all()
    assert (grid == -1).sum().item() == grid.numel() - images.numel()


def test_one_image_has_no_border_and_one_channel_becomes_three() -> None:
    assert make_grid(mt.zeros(4, 5)).shape == make_grid(mt.zeros(1, 4, 5)).shape == (3, 4, 5)
    assert make_grid([mt.zeros(3, 4, 5)]).shape == (3, 4, 5)
    assert make_grid(mt.zeros(2, 2, 4, 5)).shape == (2, 8, 16)


def test_values_are_normalized_together_or_each() -> None:
    images = mt.tensor([[[[0.0, 2.0]]], [[[2.0, 4.0]]]])
    assert make_grid(images, padding=0, normalize=True)[0].tolist() == [[0, 0.5, 0.5, 1]]
    assert make_grid(images, padding=0, normalize=True, scale_each=True)[0].tolist() == [[0, 1, 0, 1]]
    assert make_grid(images, padding=0, normalize=True, value_range=(1, 3))[0].tolist() == [[0, 0.5, 0.5, 1]]
    assert images.flatten().tolist() == [0, 2, 2, 4]
    images.requires_grad_()
    assert not make_grid(images).requires_grad


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no tensor": (lambda: make_grid("a"), TypeError, "a tensor or a list of tensors is wanted, got 'a'"),  # type: ignore[arg-type]
    "in a list": (lambda: make_grid([3]), TypeError, "got a list with 3"),  # type: ignore[list-item]
    "range": (lambda: make_grid(mt.ones(2, 2), normalize=True, value_range=[0, 1]), TypeError, "must be a tuple"),  # type: ignore[arg-type]
    "dims": (lambda: make_grid(mt.ones(2)), RuntimeError, r"\(N, C, H, W\) are wanted, got \(2,\)"),
    "nothing": (lambda: make_grid(mt.ones(0, 3, 2, 2)), ZeroDivisionError, "no row of 8 images, got 0"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_grid_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", [mt.float32, mt.uint8])
def test_a_saved_image_comes_back(dtype: mt.dtype, tmp_path: Path) -> None:
    library = pytest.importorskip("PIL.Image")
    bytes = mt.arange(3 * 4 * 5, dtype=mt.uint8).view(3, 4, 5)
    image = bytes if dtype is mt.uint8 else bytes / 255
    file = io.BytesIO()
    save_image(image, file, "PNG")
    save_image([image, image], tmp_path / "grid.png", padding=1)
    np.testing.assert_array_equal(np.asarray(library.open(file)).transpose(2, 0, 1), bytes.numpy())
    with library.open(tmp_path / "grid.png") as grid:
        assert grid.size == (13, 6)
