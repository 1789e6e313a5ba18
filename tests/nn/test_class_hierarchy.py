"""``isinstance`` answers as in PyTorch, for all layers and the private base classes that programs ask for."""

from __future__ import annotations

import inspect
import pkgutil
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt


def classes(lib: Any, names: list[str]) -> dict[str, type]:
    """Return the layers and their base classes by module and name."""
    found: dict[str, type] = {}
    for name in names:
        place = getattr(lib.nn.modules, name, None)
        if isinstance(place, ModuleType):
            values = {f"{name}.{each}": value for each, value in vars(place).items() if inspect.isclass(value)}
            found.update({path: value for path, value in values.items() if issubclass(value, lib.nn.Module)})
    return found


def test_a_layer_is_of_the_classes_of_which_pytorchs_is() -> None:
    torch = pytest.importorskip("torch")
    names = [found.name for found in pkgutil.iter_modules(torch.nn.modules.__path__)]
    theirs, ours = classes(torch, names), classes(mt, names)
    both = [path for path in theirs if path in ours]
    assert len(both) > 180
    defined = [path for path, value in theirs.items() if value.__module__ == f"torch.nn.modules.{path.split('.')[0]}"]
    assert set(defined) - set(ours) == {"batchnorm._LazyNormBase", "conv._ConvTransposeMixin"}
    differ = [
        (one, other) for one in both for other in both
        if issubclass(theirs[one], theirs[other]) != issubclass(ours[one], ours[other])
    ]  # fmt: skip
    assert not differ


@pytest.mark.filterwarnings("ignore")
def test_a_container_holds_its_keyword_arguments() -> None:
    first = mt.nn.ReLU()
    assert mt.nn.Container(first=first, second=None).first is first
    with pytest.warns(FutureWarning, match="deprecated"):
        mt.nn.Container()
