"""Boxes: overlaps against a count of pixels, torchvision's figures, and suppression against its slow twin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as torch
from minitensor.vision import models, ops

SIDE = 12


def boxes(count: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    corners = np.sort(random.integers(0, SIDE, (count, 2, 2)), 1).reshape(count, 4)
    corners[:, 2:] += 1  # no box is empty
    return torch.tensor(corners)


def pixels(box: list[int]) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@pytest.mark.parametrize("seed", range(5))
def test_areas_and_overlaps_are_those_of_counted_pixels(seed: int) -> None:
    first, second = boxes(7, seed), boxes(5, seed + 100)
    sets = [[pixels(box) for box in each.tolist()] for each in (first, second)]
    assert ops.box_area(first).tolist() == [len(each) for each in sets[0]]
    expected = [[len(a & b) / len(a | b) for b in sets[1]] for a in sets[0]]
    torch.testing.assert_close(ops.box_iou(first, second), torch.tensor(expected))


@pytest.mark.parametrize("there", ["xyxy", "xywh", "cxcywh"])
def test_formats_are_converted_there_and_back(there: str) -> None:
    original = boxes(6, 3).double()
    converted = ops.box_convert(original, "xyxy", there)
    assert torch.equal(ops.box_convert(converted, there, "xyxy"), original)
    assert torch.equal(ops.box_area(converted, there), ops.box_area(original))
    torch.testing.assert_close(ops.box_iou(converted, converted, there), ops.box_iou(original, original))


THREE = [[0.0, 0, 4, 3], [1, 1, 5, 5], [2, 0, 3, 9]]
FIGURES = {  # torchvision's, of the first box and all three
    "generalized_box_iou": [1.0, 0.15272727608680725, -0.3333333134651184],
    "distance_box_iou": [1.0, 0.20772728323936462, 0.07130584865808487],
    "complete_box_iou": [1.0, 0.2076367437839508, 0.005111575126647949],
}


@pytest.mark.parametrize("name", FIGURES)
def test_other_overlaps_are_torchvisions(name: str) -> None:
    three = torch.tensor(THREE, requires_grad=True)
    found = getattr(ops, name)(three, three)[0]
    torch.testing.assert_close(found.detach(), torch.tensor(FIGURES[name]), rtol=1e-5, atol=1e-6)
    assert torch.autograd.grad(found.sum(), three)[0].isfinite().all()


def suppress(corners: list[list[float]], scores: list[float], threshold: float) -> list[int]:
    """The slow twin of nms."""
    kept: list[int] = []
    for best in sorted(range(len(scores)), key=lambda place: -scores[place]):
        areas = [pixels(corners[place]) for place in (*kept, best)]
        if all(len(areas[-1] & each) / len(areas[-1] | each) <= threshold for each in areas[:-1]):
            kept.append(best)
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("count", [0, 1, 20])
def test_the_best_of_overlapping_boxes_stay(count: int, threshold: float) -> None:
    corners, scores = boxes(count, count), torch.arange(count).mul(7).remainder(5).float()  # with ties
    assert ops.nms(corners.float(), scores, threshold).tolist() == suppress(
        corners.tolist(), scores.tolist(), threshold
    )


def test_boxes_of_other_categories_are_not_suppressed() -> None:
    corners, scores, categories = boxes(20, 1).float(), torch.rand(20), torch.arange(20) % 3
    found = ops.batched_nms(corners, scores, categories, 0.3).tolist()
    each = [(categories == category).nonzero().flatten() for category in range(3)]
    alone = [place[ops.nms(corners[place], scores[place], 0.3)].tolist() for place in each]
    assert sorted(found) == sorted(place for each in alone for place in each)
    assert scores[found].tolist() == sorted(scores[found].tolist(), reverse=True)


def test_boxes_are_cut_sifted_and_drawn_around_masks() -> None:
    assert ops.clip_boxes_to_image(torch.tensor([[-3, 2, 40, 60]]), (10, 20)).tolist() == [[0, 2, 20, 10]]
    assert ops.remove_small_boxes(torch.tensor([[0, 0, 2, 9], [0, 0, 2, 2], [0, 0, 1, 9]]), 2).tolist() == [0, 1]
    masks = torch.zeros(2, 6, 7)
    masks[0, 2:5, 3:4] = 1
    assert ops.masks_to_boxes(masks).tolist() == [[3, 2, 3, 4], [0, 0, 0, 0]]
    assert ops.masks_to_boxes(masks[:0]).shape == (0, 4)


def test_the_focal_loss_is_torchvisions() -> None:
    inputs, targets = torch.tensor([-1.0, 0.5, 3.0]), torch.tensor([0.0, 1.0, 0.0])
    expected = torch.tensor([0.01699354313313961, 0.01689337007701397, 2.0747103691101074])
    torch.testing.assert_close(ops.sigmoid_focal_loss(inputs, targets), expected)
    plain = ops.sigmoid_focal_loss(inputs, targets, alpha=-1, gamma=0, reduction="mean")
    torch.testing.assert_close(plain, torch.nn.functional.binary_cross_entropy_with_logits(inputs, targets))


ERRORS: dict[str, Any] = {
    "a format": (lambda: ops.box_area(boxes(1, 0), "xyxyr"), ValueError, "one of xyxy, xywh, cxcywh, got 'xyxyr'"),
    "boxes of nms": (lambda: ops.nms(torch.zeros(3), torch.zeros(3), 0.5), RuntimeError, r"\(N, 4\), got \(3,\)"),
    "scores of nms": (lambda: ops.nms(torch.zeros(3, 4), torch.zeros(2), 0.5), RuntimeError, r"\(3,\), got \(2,\)"),
    "alpha": (lambda: ops.sigmoid_focal_loss(torch.zeros(1), torch.zeros(1), 2), ValueError, "alpha must be .* got 2"),
    "a reduction": (lambda: ops.sigmoid_focal_loss(torch.zeros(1), torch.zeros(1), reduction="a"), ValueError, "'a'"),
    "a network": (lambda: models.get_model("resnet19"), ValueError, "no network 'resnet19'; list_models"),
    "a name": (lambda: models.get_model_builder(3), TypeError, "name must be a str, got 3"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_networks_are_found_by_their_names() -> None:
    names = models.list_models()
    assert {"resnet18", "vit_b_16", "lenet5"} < set(names)
    assert "get_model" not in names
    assert names == models.list_models(models) == sorted(names)
    assert all(models.get_model_builder(name.upper()) is getattr(models, name) for name in names)
    assert models.list_models(include=["vgg1?", "lenet*"], exclude="vgg11") == ["lenet5", "vgg13", "vgg16", "vgg19"]
    assert models.get_model("LeNet5").state_dict().keys() == models.lenet5().state_dict().keys()
