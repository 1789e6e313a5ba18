"""The name ``torch``, bound to this library: ``as_torch`` makes ``import torch`` import minitensor.

Nothing is copied: ``torch.nn`` is the module ``minitensor.nn`` itself, which also stands in ``sys.modules`` under its
second name. Two finders at the ends of ``sys.meta_path`` do it. The first finds the modules that exist here, and
refuses all others under the name ``torch``; PyTorch itself is therefore never loaded. The last one is asked for a
module of this library that nobody found. It explains ``from torch import futures``, which Python looks up as
``minitensor.futures``.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from minitensor.compat import reasons, version
from minitensor.errors import MissingImportError, MissingModuleError, UsageError

# What is imported under another name.
ROOTS = {"torch": "minitensor", "functorch": "minitensor.functorch", "torchvision": "minitensor.vision"}

# Packages that load PyTorch's compiled parts and cannot work with this library. A program's own of the same name may,
# also one named torchvision.
REFUSED = ("torchaudio", "torchtext", "torchdata")
COMPILED = (".so", ".pyd", ".dll", ".dylib")

# `torch.__version__`, which programs compare: that of the PyTorch whose behavior this library has.
PYTORCHS_VERSION = version.TorchVersion("2.13.0+minitensor")

# Modules at the top of this library that PyTorch does not have, or that hold something else there.
OWN = frozenset(
    "base callers compat copies device dtypes errors forks generator indexing layouts memory_format ops "
    "paths printing rejection run sampling scalars shapes storage stream tensor vision __main__".split()
)


# The modules of torchvision that are here, and those whose contents have another place.
OF_TORCHVISION = frozenset(("transforms", "utils", "datasets", "models", "ops", "io"))
IN_TORCHVISION = {
    "torchvision.ops.boxes": "minitensor.vision.boxes",
    "torchvision.ops.focal_loss": "minitensor.vision.boxes",
    "torchvision.io.image": "minitensor.vision.io",
    "torchvision.ops.misc": "minitensor.vision.ops",
    "torchvision.ops.stochastic_depth": "minitensor.vision.ops",
    "torchvision.transforms.autoaugment": "minitensor.vision.transforms",
    "torchvision.transforms.transforms": "minitensor.vision.transforms",
}


# PyTorch's modules whose contents have another place here. Some have the name of a function in them, which an import
# would replace in its package; entered in `sys.modules` beforehand, they are not imported.
ELSEWHERE = {
    "torch._C._functorch": "minitensor.paths.samples",
    "torch.autograd.gradcheck": "minitensor.autograd.check",
    "torch.cpu.amp.autocast_mode": "minitensor.amp.cpu_amp",
    "torch.cpu.amp.grad_scaler": "minitensor.amp.cpu_amp",
    "torch.cuda.amp.autocast_mode": "minitensor.amp.cuda_amp",
    "torch.cuda.amp.common": "minitensor.amp.cuda_amp",
    "torch.cuda.amp.grad_scaler": "minitensor.amp.cuda_amp",
    "torch.cuda.random": "minitensor.cuda",
    "torch.jit.annotations": "minitensor._jit_internal",
    "torch.nn.utils.spectral_norm": "minitensor.nn.utils.norm_hooks",
    "torch.nn.utils.weight_norm": "minitensor.nn.utils.norm_hooks",
    "torch.storage": "minitensor.paths.storages",
}


class as_torch:  # noqa: N801  # called like a function
    """Make ``import torch`` import this library, until the end of a ``with`` block or of the program.

    ``torch``, ``torch.nn`` and all other modules that exist here are this library's modules themselves, and
    ``torchvision`` is ``minitensor.vision``, unless the program has a package of this name. The libraries
    that import ``torch`` afterwards use it too. PyTorch is not loaded even if it is installed; its modules that do not
    exist here raise a ModuleNotFoundError that says what to use instead. ``python -m minitensor script.py`` runs a
    script this way. ``torch.__version__`` is the version of PyTorch that this library follows, because programs ask for
    it before they call what older versions lack.

    At the end of a ``with`` block, ``sys.modules`` and the finders are as before. Blocks may be nested. What was
    imported in a block stays bound to this library.

    Raises:
        RuntimeError: If PyTorch is already imported: other modules hold its tensors, which do not mix with these. Also
            if a block ends before one that was opened inside it.

    >>> import minitensor
    >>> with minitensor.as_torch():  # doctest: +SKIP
    ...     import torch
    ...     import torch.nn.functional as F
    >>> torch is minitensor, F is minitensor.nn.functional  # doctest: +SKIP
    (True, True)
    """

    def __init__(self) -> None:
        require_no_pytorch()
        self.modules = {name: module for name, module in sys.modules.items() if is_alias(name)}
        self.first, self.last = Finder(), LastFinder()
        self.shown = version.__version__, sys.modules["minitensor"].__name__
        show(PYTORCHS_VERSION, "torch")
        for name in self.modules:
            del sys.modules[name]  # a submodule that someone entered by hand
        sys.modules.update({name: importlib.import_module(own) for name, own in ELSEWHERE.items()})
        sys.modules.update(modules_in_plain_modules())
        sys.meta_path.insert(0, self.first)
        sys.meta_path.append(self.last)

    def __enter__(self) -> ModuleType:
        return sys.modules["minitensor"]

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """End the effect, as leaving the ``with`` block does.

        Raises:
            RuntimeError: If a later call is still open, or if this one is closed already.
        """
        innermost = next((each for each in sys.meta_path if isinstance(each, Finder)), None)
        if innermost is not self.first:
            raise UsageError("as_torch: close the calls in the reverse order in which they were made, each once")
        sys.meta_path.remove(self.first)
        sys.meta_path.remove(self.last)
        for name in [name for name in sys.modules if is_alias(name)]:
            del sys.modules[name]
        sys.modules.update(self.modules)
        show(*self.shown)


def show(number: version.TorchVersion, name: str) -> None:
    """Let ``__version__`` be a version, in both modules that have it, and ``__name__`` the name of the library."""
    version.__version__ = number
    vars(sys.modules["minitensor"]).update(__version__=number, __name__=name)


def modules_in_plain_modules() -> dict[str, ModuleType]:
    """Return the modules that are attributes of a module that is no package, by PyTorch's names for them.

    PyTorch's module is a package, so programs import from it; but Python asks finders only about what is in a package.
    """
    found: dict[str, ModuleType] = {}
    for outer, module in vars(sys.modules["minitensor"]).items():
        if isinstance(module, ModuleType) and not hasattr(module, "__path__") and outer not in OWN:
            inner = {name: each for name, each in vars(module).items() if is_public_module(name, each)}
            found.update({f"torch.{outer}.{name}": each for name, each in inner.items()})
    return found


def is_public_module(name: str, value: Any) -> bool:
    own = isinstance(value, ModuleType) and value.__name__.startswith("minitensor.")
    return own and not name.startswith("_")


def require_no_pytorch() -> None:
    """Raise if PyTorch itself is imported."""
    module = sys.modules.get("torch")
    if module is not None and module is not sys.modules["minitensor"]:
        raise UsageError(
            f"as_torch: PyTorch is already imported, from {getattr(module, '__file__', None)}; call as_torch() before "
            "the first import of torch, or start the program with python -m minitensor"
        )


def is_alias(name: str) -> bool:
    root = name.partition(".")[0]
    return root in ROOTS and not (root == "torchvision" and is_plain_package(root))


def own_name(name: str) -> str:
    """Return this library's name for a module: minitensor.nn for torch.nn."""
    root, dot, rest = name.partition(".")
    return ROOTS[root] + dot + rest


def locate(name: str) -> str | None:
    """Return the name here of one of PyTorch's modules, or None if there is no such module here.

    >>> locate("torch.nn.functional"), locate("torch.nested")
    ('minitensor.nn.functional', None)
    """
    elsewhere = ELSEWHERE.get(name) or IN_TORCHVISION.get(name)
    if elsewhere:
        return elsewhere
    own = own_name(name)
    root, *inner = name.split(".")
    if inner and (inner[0] not in OF_TORCHVISION if root == "torchvision" else inner[0] in OWN):
        return None
    owner, _, last = own.rpartition(".")
    attribute = getattr(sys.modules.get(owner), last, None)
    if isinstance(attribute, ModuleType) and attribute.__name__.startswith("minitensor."):
        return attribute.__name__  # it may be in another folder here, as return_types is
    try:
        found = own in sys.modules or importlib.util.find_spec(own) is not None
    except ModuleNotFoundError:  # a parent is missing, or is no package
        return None
    return own if found else None


def locate_own(name: str) -> str | None:
    """Return the name of a module that PyTorch does not have, if a program imports it from the package."""
    own = own_name(name)
    return own if is_from_import() and own.split(".")[1] in OWN and importlib.util.find_spec(own) else None


class Finder:
    """Finds ``torch`` and its modules. The first of ``sys.meta_path``."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] in REFUSED:
            if not is_plain_package(name.partition(".")[0]):
                refuse(name)
            return None
        if not is_alias(name):
            return None
        own = locate(name) or locate_own(name)
        if own is None:
            refuse(name)
            return None
        return ModuleSpec(name, Loader(own), is_package=hasattr(importlib.import_module(own), "__path__"))


def is_plain_package(name: str) -> bool:
    """Whether a package exists and consists of Python files, as a stand-in beside a program does."""
    spec = PathFinder.find_spec(name)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    within = [file for folder in folders for inner in ("", "lib") for file in Path(folder, inner).glob("*.*")]
    return spec is not None and not any(file.suffix in COMPILED for file in within)


class LastFinder:
    """Explains what is missing in ``from torch import name``. The last of ``sys.meta_path``."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        if name.startswith("minitensor.") and is_import():
            absence = reasons.find(reasons.pytorchs_name(name))
            if absence:
                raise missing_import(reasons.pytorchs_name(name), absence.reason)
        return None


def missing_import(name: str, reason: str) -> MissingImportError:
    """Return the error of ``from torch import futures``, for a name such as "torch.futures"."""
    where, _, last = name.rpartition(".")
    return MissingImportError(f"cannot import name {last!r} from {where!r}: {reason}", name=where)


def refuse(name: str) -> None:
    """Raise for a module that does not exist here, if it is imported. ``importlib.util.find_spec`` may ask for it."""
    if is_import():
        absence = reasons.find(name)
        if absence and is_from_import():
            raise missing_import(name, absence.reason)
        reason = absence.reason if absence else "minitensor, which is imported as torch, has no such module"
        raise MissingModuleError(f"No module named {name!r}: {reason}", name=name)


def is_import() -> bool:
    """Return whether the finder that calls this was asked by an import statement."""
    # Python's own function that asks finders, and the one that called it.
    return importing_functions()[1:2] == ["_find_and_load_unlocked"]


def is_from_import() -> bool:
    """Return whether the finder that calls this was asked because a module lacks what is imported from it."""
    return "_handle_fromlist" in importing_functions()


def importing_functions() -> list[str]:
    """Return the names of Python's own functions that led to the finder that calls this, the last one first."""
    frame: Any = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__:
        frame = frame.f_back
    names = []
    while frame is not None and "importlib" in frame.f_code.co_filename:
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


class Loader(importlib.abc.Loader):
    """Loads a module that exists already: the module itself, which keeps its own name and spec."""

    def __init__(self, own: str) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.own)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # Python has set that of the second name


class Arguments(list[str]):
    """The command line. Processes that the program starts with ``multiprocessing`` read it first.

    A spawned process knows nothing of ``as_torch``, and imports the program before anything else of ours. But it gets
    ``sys.argv`` before, and unpickling this list there calls ``arguments_of_process``.
    """

    def __reduce__(self) -> Any:
        return arguments_of_process, (list(self),)


def arguments_of_process(arguments: list[str]) -> list[str]:
    """Bind ``torch`` to this library in a process that another one started, and return the command line."""
    if not any(isinstance(each, Finder) for each in sys.meta_path):
        as_torch()
    return Arguments(arguments)
