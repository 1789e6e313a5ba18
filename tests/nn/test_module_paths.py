"""PyTorch's module paths exist here: ``nn.modules.activation.ReLU`` is ``nn.ReLU``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

import minitensor as mt
from minitensor.nn import modules


def test_every_layer_is_at_pytorchs_path() -> None:
    torch = pytest.importorskip("torch")
    missing = []
    for found in pkgutil.iter_modules(torch.nn.modules.__path__, "torch.nn.modules."):
        theirs = importlib.import_module(found.name)
        chapter = found.name.rpartition(".")[2]
        if chapter.startswith("_"):
            continue
        names = [name for name, each in vars(theirs).items() if inspect.isclass(each) and each.__module__ == found.name]
        shared = [name for name in names if hasattr(mt.nn, name) and not name.startswith("Lazy")]
        if not shared:
            continue
        ours = importlib.import_module(f"minitensor.nn.modules.{chapter}")
        assert getattr(modules, chapter) is ours
        missing += [f"{chapter}.{name}" for name in shared if getattr(ours, name, None) is not getattr(mt.nn, name)]
    assert not missing
