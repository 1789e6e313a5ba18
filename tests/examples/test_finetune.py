"""The example of fine-tuning: PyTorch's checkpoint helps, in both formats, and PyTorch computes the same scores."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import minitensor as torch

pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "examples" / "finetune.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, options)]
    return subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT), run_name="example")


def test_a6_a_network_tuned_from_pytorchs_checkpoint_reads_more_than_one_from_scratch() -> None:
    found = run()
    assert found.returncode == 0, found.stderr[-3000:]
    assert "25 images of the digits 5 to 9 to learn from, 871 held out" in found.stdout
    scratch, tuned = (float(text) for text in re.findall(r"([\d.]+)%$", found.stdout, re.MULTILINE))
    assert tuned > scratch + 1


def test_a6_both_formats_hold_the_same_weights(example: dict[str, Any]) -> None:
    pytest.importorskip("safetensors")
    path = example["CHECKPOINT"]
    first, second = (example["read_checkpoint"](each) for each in (path, path.with_suffix(".safetensors")))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a6_the_checkpoint_reads_the_digits_it_was_trained_on(example: dict[str, Any]) -> None:
    network = example["SmallResNet"](classes=5)
    network.load_state_dict(example["read_checkpoint"](example["CHECKPOINT"]))
    assert example["accuracy"](network, *example["digits"](first=0)) > 0.98


def test_a6_the_body_is_frozen_until_the_head_has_learned(example: dict[str, Any]) -> None:
    images, labels = example["digits"](first=5)
    network = example["fine_tune"](example["CHECKPOINT"], images[:10], labels[:10])
    assert network.fc.weight.shape == (5, 32)
    assert all(each.requires_grad for each in network.parameters())


def test_a6_pytorch_computes_the_same_scores(example: dict[str, Any], tmp_path: Path) -> None:
    """The example with PyTorch in place of minitensor, from the same checkpoint."""
    pytorch = pytest.importorskip("torch")
    path = tmp_path / "with_pytorch.py"
    path.write_text(SCRIPT.read_text().replace('if "--pretrain" in sys.argv:', "if True:", 1))
    twin = runpy.run_path(str(path), run_name="example")
    assert twin["torch"] is pytorch
    images = torch.rand(7, 1, 8, 8)
    scores = []
    for program, batch in ((example, images), (twin, pytorch.from_numpy(images.numpy()))):
        network = program["SmallResNet"](classes=5)
        network.load_state_dict(program["read_checkpoint"](example["CHECKPOINT"]))
        scores.append(network.eval()(batch).tolist())
    torch.testing.assert_close(torch.tensor(scores[0]), torch.tensor(scores[1]))


def test_a_missing_checkpoint_is_named() -> None:
    found = run("--checkpoint", "nowhere.pt")
    assert found.returncode == 1
    assert "nowhere.pt: no such file" in found.stderr
