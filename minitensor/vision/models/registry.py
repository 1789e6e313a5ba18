"""The constructors of all networks, by their names as text.

The registry is the page of ``vision.models``: the functions among its public names.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from minitensor import nn
from minitensor.errors import ArgumentError, ArgumentTypeError

Builder = Callable[..., nn.Module]
PAGE = "minitensor.vision.models"
LOOKUPS = ("get_model", "get_model_builder", "list_models")


def builders() -> dict[str, Builder]:
    """Return the constructors by their names."""
    page = sys.modules[PAGE]  # this chapter is part of it, so it is loaded
    functions = {name: getattr(page, name) for name in page.__all__ if name not in LOOKUPS}
    return {name: each for name, each in functions.items() if not isinstance(each, type)}


def list_models(
    module: ModuleType | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """Return the names of the networks, sorted.

    Args:
        module: ``vision.models``, where all of them are. Default: ``None``
        include: Patterns such as ``"resnet*"``: only names that fit one of them.
        exclude: Patterns: no names that fit one of them.

    >>> from minitensor.vision import models
    >>> models.list_models(include="resnet*", exclude=["resnet1*"])
    ['resnet34', 'resnet50']
    """
    names = list(builders()) if module is None or module.__name__ == PAGE else []
    if include:
        names = match_names(names, include)
    unwanted = match_names(names, exclude) if exclude else []
    return sorted(set(names) - set(unwanted))


def match_names(names: list[str], patterns: Iterable[str] | str) -> list[str]:
    """Return the names that fit one of some patterns."""
    each_pattern = [patterns] if isinstance(patterns, str) else patterns
    return [name for pattern in each_pattern for name in fnmatch.filter(names, pattern)]


def get_model_builder(name: str) -> Builder:
    """Return the constructor of a network by its ``name``, in any case.

    Raises:
        TypeError: If the name is no str.
        ValueError: If there is none of this name.

    >>> from minitensor.vision import models
    >>> models.get_model_builder("ResNet18") is models.resnet18
    True
    """
    if not isinstance(name, str):
        raise ArgumentTypeError(f"get_model_builder: name must be a str, got {name!r}")
    found = builders().get(name.lower())
    if found is None:
        raise ArgumentError(f"get_model_builder: there is no network {name!r}; list_models() lists them")
    return found


def get_model(name: str, **config: Any) -> nn.Module:
    """Make a network by its name.

    Args:
        name: The name of its constructor, in any case.
        config: Arguments of the constructor, such as ``weights=<the path of a checkpoint>``.

    Raises:
        TypeError: If the name is no str.
        ValueError: If there is none of this name.

    >>> from minitensor.vision import models
    >>> models.get_model("squeezenet1_1", num_classes=10).classifier[1].out_channels
    10
    """
    return get_model_builder(name)(**config)
