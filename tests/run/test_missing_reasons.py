"""Every public name of PyTorch is here, or its error says why it is not and what to use instead."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pickle
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
from minitensor.compat import reasons
from minitensor.errors import MinitensorError
from minitensor.run import alias
from minitensor.run.check import find_missing_part

ROOMS = (
    "torch torch.nn torch.nn.functional torch.nn.init torch.nn.utils torch.nn.utils.rnn torch.nn.utils.prune "
    "torch.optim torch.optim.lr_scheduler torch.optim.swa_utils torch.utils torch.utils.data torch.autograd "
    "torch.autograd.functional torch.linalg torch.fft torch.special torch.func torch.cuda torch.testing "
    "torch.serialization torch.distributions torch.distributions.constraints torch.distributions.kl "
    "torch.distributions.transforms torch.distributions.utils torch.amp torch.random torch.optim.optimizer "
    "torch.utils.benchmark torch.types torch.functional torch.overrides torch.profiler torch.jit torch.compiler"
).split()  # fmt: skip


def is_stray(name: str, value: Any, room: ModuleType) -> bool:
    """Return whether a value stands in a module only because the module itself needs it."""
    if isinstance(value, ModuleType):
        return not value.__name__.startswith(f"{room.__name__}.")
    if isinstance(value, (str, dict, float)):
        return True  # parts of docstrings, tables
    home = (getattr(value, "__module__", None) or "").partition(".")[0]
    is_foreign = home in sys.stdlib_module_names or "typing" in f"{home} {type(value).__module__}"
    return is_foreign or (room.__name__ != "torch" and getattr(sys.modules["torch"], name, None) is value)


def public_names(room: ModuleType) -> list[str]:
    listed = set(getattr(room, "__all__", ()))
    names = [name for name in dir(room) if not name.startswith("_")]
    return [name for name in names if name in listed or not is_stray(name, getattr(room, name), room)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", ROOMS)
def test_a_name_of_pytorch_is_here_or_has_a_reason(path: str) -> None:
    pytest.importorskip("torch")
    own = importlib.import_module(path.replace("torch", "minitensor", 1))
    names = public_names(importlib.import_module(path))
    assert names
    unexplained = [name for name in names if not hasattr(own, name) and reasons.find(f"{path}.{name}") is None]
    assert not unexplained


@pytest.mark.filterwarnings("ignore")
def test_a_method_of_pytorchs_tensors_is_here_or_has_a_reason() -> None:
    torch = pytest.importorskip("torch")
    names = [name for name in dir(torch.Tensor) if not name.startswith("_") and not hasattr(mt.Tensor, name)]
    assert not [name for name in names if reasons.find(f"torch.Tensor.{name}") is None]
    for name in names:
        with pytest.raises(AttributeError, match=f"^'Tensor' object has no attribute '{name}': "):
            getattr(mt.ones(1), name)


@pytest.mark.filterwarnings("ignore")
def test_a_module_of_pytorch_is_here_or_has_a_reason() -> None:
    torch = pytest.importorskip("torch")
    places = [torch, torch.nn, torch.nn.utils, torch.nn.modules, torch.optim, torch.utils, torch.utils.data]
    paths = [
        f"{place.__name__}.{found.name}"
        for place in places
        for found in pkgutil.iter_modules(place.__path__)
        if not found.name.startswith("_")
    ]
    assert not [path for path in paths if alias.locate(path) is None and reasons.find(path) is None]


def test_a_name_that_is_here_is_not_listed_as_missing() -> None:
    listed = {name for absence in reasons.ABSENT for name in absence.names.split() if "*" not in name}
    assert not [name for name in listed if find_missing_part(name) is None]
    assert {"torch.nested", "torch.jagged"} < listed


def modules_of(place: ModuleType) -> Iterator[str]:
    """Yield the modules of PyTorch that exist here too, in a package and in its packages."""
    for found in pkgutil.iter_modules(place.__path__, f"{place.__name__}."):
        name = found.name.rpartition(".")[2]
        if name == "tensorboard" and importlib.util.find_spec(name) is None:
            continue  # PyTorch's needs the package too
        if not name.startswith("_") and alias.locate(found.name):
            yield found.name
            yield from modules_of(importlib.import_module(found.name)) if found.ispkg else ()


def names_defined_in(room: ModuleType) -> list[str]:
    """Return the public names of a module: those that it lists, or else those that it defines."""
    own = [name for name, value in vars(room).items() if getattr(value, "__module__", None) == room.__name__]
    return [name for name in getattr(room, "__all__", own) if not name.startswith("_") and hasattr(room, name)]


@pytest.mark.filterwarnings("ignore")
def test_every_module_explains_what_it_lacks() -> None:
    """All of PyTorch's modules that exist here, at any depth: a name is here, or the error says why it is not."""
    paths = list(modules_of(pytest.importorskip("torch")))
    assert len(paths) > 80
    silent = []
    for path in paths:
        own = importlib.import_module(str(alias.locate(path)))
        for name in names_defined_in(importlib.import_module(path)):
            if not hasattr(own, name) and not explains(own, name):
                silent.append(f"{path}.{name}")
    assert not silent


# Methods and attributes of PyTorch's classes that are not here. Those of one class, or of all with `*`.
ABSENT_METHODS = {
    "* ipu mtia xpu": "other devices",
    "* T_destination call_super_init dump_patches": "constants for subclasses, which need not be set",
    "* OptimizerPostHook OptimizerPreHook profile_hook_step": "parts of PyTorch's own steps",
    "Generator get_offset set_offset graphsafe_get_state graphsafe_set_state": "of GPUs' generators",
    "MultiheadAttention merge_masks": "a part of forward",
    "GRU LSTM RNN RNNBase check_forward_args check_hidden_size get_expected_hidden_size get_expected_cell_size "
    "permute_hidden": "parts of forward",
    "MemPool id snapshot use_count": "of PyTorch's allocator",
    "DataParallel gather parallel_apply replicate scatter": "there is one device",
    "Adagrad share_memory": "a state is not shared with other processes",
    "SequentialLR recursive_undo": "a part of the constructor",
    "DataLoader check_worker_number_rationality multiprocessing_context": "checks of processes; an attribute",
    "ConcatDataset cumsum cummulative_sizes": "a part of the constructor; a misspelled name",
    "Event from_ipc_handle ipc_handle": "events are not sent to other processes",
    "CUDAGraph capture_begin capture_end debug_dump enable_debug_mode get_graph_data get_graph_id instantiate "
    "keep_graph pool raw_cuda_graph raw_cuda_graph_exec replay reset "
    "graph default_capture_stream": "no graph can be made",
    "RemovableHandle next_id": "the counter of handles",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "path", "nn optim optim.lr_scheduler optim.swa_utils utils.data nn.utils.rnn nn.utils.prune nn.utils.parametrize "
    "cuda autograd.graph".split()
)  # fmt: skip
def test_classes_have_pytorchs_methods(path: str) -> None:
    pytest.importorskip("torch")
    room, own = importlib.import_module(f"torch.{path}"), importlib.import_module(f"minitensor.{path}")
    absent = {(kind, name) for row in ABSENT_METHODS for kind in row.split() for name in row.split()}
    lacking = []
    for kind, value in vars(room).items():
        ours = getattr(own, kind, None) if inspect.isclass(value) and not kind.startswith("_") else None
        if inspect.isclass(ours) and value.__module__.startswith("torch.") and not hasattr(value, "ravel"):
            names = {name for name in dir(value) if not name.startswith("_") and not hasattr(ours, name)}
            lacking += [f"{kind}.{name}" for name in names if not {(kind, name), ("*", name)} & absent]
    assert not lacking


def explains(module: ModuleType, name: str) -> bool:
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    return isinstance(caught.value, MinitensorError) and f"has no attribute {name!r}: " in str(caught.value)


# Modules that complete themselves with tables, and where nothing is missing that a program would ask for.
WHOLE = {"torch.nn.utils.rnn", "torch.nn.utils.prune", "torch.optim.swa_utils", "torch.autograd.functional"}


@pytest.mark.parametrize("path", [path for path in ROOMS if path not in WHOLE])
def test_modules_explain_what_they_lack(path: str) -> None:
    own = importlib.import_module(path.replace("torch", "minitensor", 1))
    name = path.replace("torch", "minitensor", 1)
    with pytest.raises(AttributeError, match=rf"module '{name}' has no attribute 'no_such_name'") as caught:
        own.no_such_name
    assert isinstance(caught.value, MinitensorError) and caught.value.name == "no_such_name"


EXAMPLES = {
    "quantize_per_tensor": "there are no quantized tensors; compute in float32",
    "distributed.fsdp": "there is no distributed training; train in one process",
    "Tensor.dequantize": "^'Tensor' object has no attribute 'dequantize': there are no quantized tensors; compute",
}


@pytest.mark.parametrize("path", EXAMPLES)
def test_the_error_says_why_and_what_to_use(path: str) -> None:
    value: Any = mt
    *owners, name = path.split(".")
    for owner in owners:
        value = mt.ones(2) if owner == "Tensor" else getattr(value, owner)
    with pytest.raises(AttributeError, match=EXAMPLES[path]):
        getattr(value, name)


def test_a_name_has_the_same_reason_in_the_file_that_defines_it() -> None:
    in_its_file = reasons.find("torch.nn.modules.container.common_types")
    assert in_its_file is reasons.find("torch.nn.common_types") is not None
    assert reasons.find("torch.nn.modules.batchnorm.no_such") is reasons.find("torch.nn.no_such") is None


def test_a_mistyped_name_gets_pythons_suggestion() -> None:
    with pytest.raises(AttributeError) as caught:
        mt.nn.Lineer
    assert caught.value.obj is mt.nn and str(caught.value) == "module 'minitensor.nn' has no attribute 'Lineer'"


def test_private_names_are_not_explained() -> None:
    for name in ("_CX", "__path__x", "_nested_tensor"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'$"):
            getattr(mt, name)


def test_tensors_and_modules_still_pickle_and_ask_by_hasattr() -> None:
    assert not hasattr(mt, "nested") and not hasattr(mt.ones(1), "dequantize")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.loads(pickle.dumps(mt.nn.Linear)) is mt.nn.Linear


@pytest.mark.parametrize(("path", "advice"), [
    ("models.ResNet18_Weights", "pass the constructor weights="),
    ("io.read_video", "read pictures with io.read_image"),
    ("ops.roi_align", "lists its names"),
    ("utils.draw_bounding_boxes", "lists its names"),
    ("datasets.CocoDetection", "lists its names"),
    ("transforms.ToPILVideo", "lists its names"),
])  # fmt: skip
def test_a_missing_part_of_torchvision_has_a_reason(path: str, advice: str) -> None:
    room, _, name = f"minitensor.vision.{path}".rpartition(".")
    with pytest.raises(AttributeError, match=f"^module '{room}' has no attribute '{name}': .*{advice}"):
        getattr(importlib.import_module(room), name)
