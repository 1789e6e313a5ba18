"""``hub``: nothing is downloaded. What would download says what to do instead; ``load`` reads local repositories."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlparse as urlparse  # timm imports it from here

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, UnsupportedError, UsageError

HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
CHOSEN: list[str] = []  # the folder that set_dir chose, if it was called


def refuse(name: str) -> NoReturn:
    """Raise, naming the function."""
    raise UnsupportedError(
        f"hub.{name}: nothing is downloaded here; fetch the repository or file yourself, import the model from it, and "
        "read its weights with load(path) and load_state_dict"
    )


def load(repo_or_dir: str, model: str, *args: Any, source: str = "github", **kwargs: Any) -> Any:
    """Return what the function ``model`` of a local repository's ``hubconf.py`` returns.

    Args:
        repo_or_dir: With ``source="local"``, the folder of ``hubconf.py``.
        model: The name of the function.
        *args, **kwargs: Its arguments.
        source: "local". Default: "github", which raises, because nothing is downloaded.

    Raises:
        NotImplementedError: If ``source`` is "github".
        ValueError: If it is neither of the two.
        RuntimeError: If ``hubconf.py`` has no such function.
    """
    if source.lower() not in ("github", "local"):
        raise ArgumentError(f'hub.load: unknown source: "{source}"; the allowed values are "github" and "local"')
    if source.lower() == "github":
        refuse("load")
    for option in ("trust_repo", "force_reload", "verbose", "skip_validation"):
        kwargs.pop(option, None)
    with searched_first(repo_or_dir):
        return find_function(read_hubconf(repo_or_dir), model)(*args, **kwargs)


@contextlib.contextmanager
def searched_first(folder: str) -> Iterator[None]:
    """Let imports in a block search a folder first."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def read_hubconf(folder: str) -> ModuleType:
    spec: Any = importlib.util.spec_from_file_location("hubconf", os.path.join(folder, "hubconf.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def find_function(module: ModuleType, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] | None = getattr(module, name, None)
    if found is None or not callable(found):
        raise UsageError(f"hub.load: cannot find callable {name} in {module.__file__}")
    return found


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


def _get_torch_home() -> str:
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "torch")
    return os.path.expanduser(os.environ.get("TORCH_HOME", cache))


def get_dir() -> str:
    """Return PyTorch's folder of downloads: that of ``set_dir`` or ``TORCH_HOME``, or the user's cache."""
    return CHOSEN[0] if CHOSEN else os.path.join(_get_torch_home(), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Choose the folder that ``get_dir`` returns."""
    CHOSEN[:] = [os.path.expanduser(os.fspath(d))]


def progress_bar() -> type[Any]:
    """Return the class ``tqdm`` of the package tqdm; without the package, one with the same methods."""
    with contextlib.suppress(ImportError):
        import tqdm

        bar: type[Any] = tqdm.tqdm
        return bar
    return Bar


class Bar:
    """A progress bar that shows nothing."""

    def __init__(self, iterable: Any = (), *_: Any, **__: Any) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing."""

    def update(self, n: float | None = 1) -> None:
        """Accept how many steps are done."""

    def set_description(self, *_: Any, **__: Any) -> None:
        """Accept what would be shown."""

    set_postfix = set_description_str = set_postfix_str = set_description

    @classmethod
    def write(cls, s: str, *_: Any, **__: Any) -> None:
        """Print a line."""
        print(s)


tqdm: type[Any]
missing_attribute = attributes_of("minitensor.hub")

if not TYPE_CHECKING:  # with it, type checkers accept any name

    def __getattr__(name: str) -> Any:
        return progress_bar() if name == "tqdm" else missing_attribute(name)
