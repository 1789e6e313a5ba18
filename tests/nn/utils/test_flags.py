"""The requires_grad flags and training modes of modules through conversion, fusion, parametrization and pruning."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt
import minitensor.nn.utils.fusion
import minitensor.nn.utils.parametrizations
import minitensor.nn.utils.parametrize
import minitensor.nn.utils.prune
import minitensor.optim.swa_utils


@pytest.fixture
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def flags(module: Any) -> Any:
    """Return the flags and dtypes of all parameters and buffers, and the mode of all modules."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    facts = {name: (each.requires_grad, each.is_leaf, str(each.dtype).split(".")[-1]) for name, each in tensors}
    return facts, {name: each.training for name, each in module.named_modules()}


def freeze(module: Any, frozen: int, training: bool) -> Any:
    """Freeze the parameters whose bits are set."""
    for i, param in enumerate(module.parameters()):
        param.requires_grad = not frozen >> i & 1
    return module.train(training)


def then(*steps: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Apply several changes to a module, one after the other; ignore what a step returns beside the module."""

    def change(lib: Any, module: Any) -> Any:
        for step in steps:
            changed = step(lib, module)
            module = changed if isinstance(changed, lib.nn.Module) else module
        return module

    return change


def symmetric(lib: Any) -> Any:
    class Symmetric(lib.nn.Module):  # type: ignore[misc, name-defined]  # of either library
        def forward(self, weight: Any) -> Any:
            return weight.triu() + weight.triu(1).transpose(-1, -2)

        def right_inverse(self, weight: Any) -> Any:
            return weight.triu()

    return Symmetric()


def loose(lib: Any, module: Any) -> Any:
    return lib.nn.utils.parametrize.remove_parametrizations(module, "weight")


CHANGES: dict[str, Callable[[Any, Any], Any]] = {
    "double": lambda lib, module: module.double(),
    "half": lambda lib, module: module.half(),
    "to another dtype": lambda lib, module: module.to(lib.float64),
    "to a device": lambda lib, module: module.to("cpu"),
    "channels last": lambda lib, module: module.to(memory_format=lib.channels_last),
    "convert": lambda lib, module: lib.nn.utils.convert_conv2d_weight_memory_format(module, lib.channels_last),
    "to_empty": lambda lib, module: module.to_empty(device="cpu"),
    "eval": lambda lib, module: module.eval(),
    "deepcopy": lambda lib, module: copy.deepcopy(module),
    "copy": lambda lib, module: copy.copy(module),
    "load": then(lambda lib, module: module.load_state_dict(module.state_dict())),
    "assign": then(lambda lib, module: module.load_state_dict(copy.deepcopy(module.state_dict()), assign=True)),
    "average": lambda lib, module: lib.optim.swa_utils.AveragedModel(module),
    "parametrize": then(
        lambda lib, module: lib.nn.utils.parametrize.register_parametrization(module, "weight", symmetric(lib))
    ),
    "parametrize and remove": then(
        lambda lib, module: lib.nn.utils.parametrize.register_parametrization(module, "weight", symmetric(lib)), loose
    ),
    "weight norm": lambda lib, module: lib.nn.utils.parametrizations.weight_norm(module),
    "weight norm, removed": then(lambda lib, module: lib.nn.utils.parametrizations.weight_norm(module), loose),
    "spectral norm, removed": then(lambda lib, module: lib.nn.utils.parametrizations.spectral_norm(module), loose),
    "old weight norm": lambda lib, module: lib.nn.utils.weight_norm(module),
    "old weight norm, removed": then(
        lambda lib, module: lib.nn.utils.weight_norm(module),
        lambda lib, module: lib.nn.utils.remove_weight_norm(module),
    ),
    "old spectral norm": lambda lib, module: lib.nn.utils.spectral_norm(module),
    "prune": then(lambda lib, module: lib.nn.utils.prune.l1_unstructured(module, "weight", 1)),
    "prune and remove": then(
        lambda lib, module: lib.nn.utils.prune.l1_unstructured(module, "weight", 1),
        lambda lib, module: lib.nn.utils.prune.remove(module, "weight"),
    ),
}
MODULES: dict[str, Callable[[Any], Any]] = {
    "Linear": lambda lib: lib.nn.Linear(2, 2),
    "Conv2d": lambda lib: lib.nn.Conv2d(2, 2, 1),
    "Sequential": lambda lib: lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.Dropout(), lib.nn.BatchNorm1d(2)),
    "LSTM": lambda lib: lib.nn.LSTM(2, 2),
    "Embedding": lambda lib: lib.nn.Embedding(3, 2),
}
LAZY: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "LazyLinear": (lambda lib: lib.nn.LazyLinear(2), (3, 2)),
    "LazyConv2d": (lambda lib: lib.nn.LazyConv2d(2, 1), (1, 2, 3, 3)),
    "LazyBatchNorm2d": (lambda lib: lib.nn.LazyBatchNorm2d(), (2, 2, 3, 3)),
    "LazyConvTranspose2d": (lambda lib: lib.nn.LazyConvTranspose2d(2, 1), (1, 2, 3, 3)),
}


def outcome(build: Callable[[Any], Any], lib: Any) -> Any:
    try:
        return flags(build(lib))
    except Exception:
        return None


def compare(builds: dict[str, Callable[[Any], Any]], torch: Any) -> None:
    """Compare with PyTorch, for everything that PyTorch can make."""
    faults, compared = [], 0
    for name, build in builds.items():
        expected = outcome(build, torch)
        if expected is not None:
            compared += 1
            found = outcome(build, mt)
            if found != expected:
                faults.append(f"{name}: {found}, PyTorch {expected}")
    assert compared > len(builds) // 2
    assert not faults, "\n".join(faults)


@pytest.mark.filterwarnings("ignore")
def test_flags_are_kept_through_a_change_as_in_pytorch(torch: Any) -> None:
    compare({
        f"{module}, {change}, {frozen} frozen, training {training}":
            lambda lib, module=module, change=change, frozen=frozen, training=training:
                CHANGES[change](lib, freeze(MODULES[module](lib), frozen, training))
        for module in MODULES for change in CHANGES for frozen in range(4) for training in (True, False)
    }, torch)  # fmt: skip


def fuse(lib: Any, kind: str, bias: bool, frozen: int, of_norm: int) -> Any:
    utils = lib.nn.utils.fusion
    if kind == "linear":
        layer, norm = lib.nn.Linear(2, 2, bias=bias), lib.nn.BatchNorm1d(2)
        return utils.fuse_linear_bn_eval(freeze(layer, frozen, False), freeze(norm, of_norm, False))
    layer, norm = getattr(lib.nn, f"Conv{kind}")(2, 2, 1, bias=bias), getattr(lib.nn, f"BatchNorm{kind}")(2)
    return utils.fuse_conv_bn_eval(freeze(layer, frozen, False), freeze(norm, of_norm, False))


def test_a_fused_layer_trains_what_the_original_layer_trained(torch: Any) -> None:
    compare({
        f"{kind}, bias {bias}, {frozen} and {of_norm} frozen":
            lambda lib, kind=kind, bias=bias, frozen=frozen, of_norm=of_norm: fuse(lib, kind, bias, frozen, of_norm)
        for kind in ("linear", "1d", "2d", "3d") for bias in (True, False)
        for frozen in range(4) for of_norm in range(4)
    }, torch)  # fmt: skip


def test_a_fused_bias_of_a_layer_without_bias_is_not_trained() -> None:
    bias = fuse(mt, "2d", False, 0, 0).bias
    assert not bias.requires_grad
    assert fuse(mt, "2d", True, 1, 0).bias.requires_grad


def after_first_input(lib: Any, name: str, frozen: int, training: bool, dtype: str) -> Any:
    make, shape = LAZY[name]
    module = freeze(make(lib), frozen, training).to(getattr(lib, dtype))
    module(lib.ones(*shape, dtype=getattr(lib, dtype)))
    return module


@pytest.mark.filterwarnings("ignore")
def test_a_lazy_layer_keeps_its_flags_when_it_gets_its_shape(torch: Any) -> None:
    compare({
        f"{name}, {frozen} frozen, training {training}, {dtype}":
            lambda lib, facts=(name, frozen, training, dtype): after_first_input(lib, *facts)
        for name in LAZY for frozen in range(4) for training in (True, False) for dtype in ("float32", "float64")
    }, torch)  # fmt: skip
