"""``hub``: nothing is downloaded. Each function that would says what to do instead."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.compat.reasons import attributes_of
from minitensor.errors import UnsupportedError


def refuse(name: str) -> NoReturn:
    """Raise, naming the function."""
    raise UnsupportedError(
        f"hub.{name}: nothing is downloaded here; fetch the repository or file yourself, import the model from it, and "
        "read its weights with load(path) and load_state_dict"
    )


def load(repo_or_dir: str, model: str, *args: Any, **kwargs: Any) -> Any:
    """Raise: models are not fetched from repositories.

    Raises:
        NotImplementedError: Always.
    """
    refuse("load")


def load_state_dict_from_url(url: str, *args: Any, **kwargs: Any) -> Any:
    """Raise: weights are not downloaded."""
    refuse("load_state_dict_from_url")


def download_url_to_file(url: str, dst: str, *args: Any, **kwargs: Any) -> Any:
    """Raise: files are not downloaded."""
    refuse("download_url_to_file")


def list(github: str, *args: Any, **kwargs: Any) -> Any:
    """Raise: repositories are not read."""
    refuse("list")


def help(github: str, model: str, *args: Any, **kwargs: Any) -> Any:
    """Raise: repositories are not read."""
    refuse("help")


def get_dir() -> str:
    """Return the folder where PyTorch keeps its downloads: that of ``TORCH_HOME``, or below the user's cache."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "torch")
    return os.path.join(os.environ.get("TORCH_HOME", cache), "hub")

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.hub")
