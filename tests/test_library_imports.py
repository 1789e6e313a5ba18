"""What published libraries import from PyTorch's modules beyond its documentation, and what they do with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import minitensor
import minitensor as mt
from minitensor.distributions import utils as own_utils
from minitensor.utils.data._utils import collate as own_collate

torch = pytest.importorskip("torch")


@contextmanager
def entry(functions: dict[Any, Any], kind: type, function: Any) -> Iterator[None]:
    """Enter a function for a type in a block."""
    before = dict(functions)
    functions[kind] = function
    yield
    functions.clear()
    functions.update(before)


class Sentence:
    def __init__(self, text: str) -> None:
        self.text = text


def both() -> list[tuple[Any, Any]]:
    return [(mt, own_collate), (torch, torch.utils.data._utils.collate)]


def test_samples_of_a_type_are_collated_by_its_function() -> None:
    samples = [(Sentence("a"), 1, {"x": 2.5, "s": Sentence("b")}), (Sentence("c"), 2, {"x": 3.5, "s": Sentence("d")})]
    found = []
    for lib, module in both():

        def join(batch: Any, *, collate_fn_map: Any) -> str:
            return " ".join(each.text for each in batch) + f" {int in collate_fn_map}"

        with entry(module.default_collate_fn_map, Sentence, join):
            words, numbers, more = lib.utils.data.default_collate(samples)
        found.append((words, numbers.tolist(), more["x"].tolist(), more["s"]))
        with pytest.raises(TypeError, match="must contain tensors"):
            lib.utils.data.default_collate(samples)
    assert found[0] == found[1]


def test_the_function_for_tensors_may_be_another() -> None:
    found = []
    for lib, module in both():

        def pad(batch: Any, *, collate_fn_map: Any, lib: Any = lib) -> Any:
            return lib.nn.utils.rnn.pad_sequence(batch, batch_first=True)

        rows = [lib.ones(2), lib.ones(3)]
        pairs = lib.utils.data.TensorDataset(lib.arange(4.0).reshape(4, 1))
        with entry(module.default_collate_fn_map, lib.Tensor, pad):
            padded = lib.utils.data.default_collate(rows)
            loaded = [each[0].tolist() for each in lib.utils.data.DataLoader(pairs, batch_size=2)]
        found.append((padded.tolist(), loaded))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["tensor", "numpy_array", "numpy_scalar", "float", "int", "str"])
def test_functions_for_one_type_are_pytorchs(name: str) -> None:
    found = []
    for lib, module in both():
        samples = {
            "tensor": [lib.ones(2), lib.zeros(2)], "numpy_array": [np.ones(2), np.zeros(2)],
            "numpy_scalar": [np.float32(1), np.float32(2)], "float": [1.5, 2.5], "int": [1, 2], "str": ["a", "b"],
        }[name]  # fmt: skip
        made = getattr(module, f"collate_{name}_fn")(samples, collate_fn_map=module.default_collate_fn_map)
        found.append((made.tolist(), str(made.dtype)) if isinstance(made, lib.Tensor) else made)
        assert module.default_collate_fn_map[type(samples[0]) if name != "numpy_scalar" else
                                             next(k for k in module.default_collate_fn_map if isinstance(k, tuple))]
    assert found[0] == found[1]


def test_a_map_of_ones_own_is_the_only_one() -> None:
    for lib, module in both():
        assert module.collate([1, 2], collate_fn_map={int: lambda batch, collate_fn_map: sum(batch)}) == 3
        assert module.collate([[1], [2]], collate_fn_map={int: lambda batch, collate_fn_map: sum(batch)}) == [3]
        for wrong in ({str: len}, None):
            with pytest.raises(TypeError):
                module.collate([lib.ones(1), lib.ones(1)], collate_fn_map=wrong)


def test_tools_of_distributions_are_pytorchs() -> None:
    drawn = []
    for lib, module in ((mt, own_utils), (torch, torch.distributions.utils)):
        lib.manual_seed(0)
        noise = module._standard_normal((3, 2, 2), dtype=lib.float64, device="cpu")
        drawn.append([noise.dtype.itemsize, noise.sum().item(), module._sum_rightmost(noise, 2).sum().item(),
                      module._sum_rightmost(noise, 1)[2, 1].item(), module._sum_rightmost(noise, 0) is noise])
    assert drawn[0] == pytest.approx(drawn[1])


def test_paths_that_libraries_import() -> None:
    with without_pytorch():
        from torch.hub import urlparse  # type: ignore[attr-defined,unused-ignore]
        from torch.serialization import DEFAULT_PROTOCOL, MAP_LOCATION
        from torch.storage import TypedStorage, UntypedStorage

        assert urlparse("https://a.b/c.pth").path == "/c.pth" and DEFAULT_PROTOCOL == 2 and MAP_LOCATION | int
        assert UntypedStorage is minitensor.UntypedStorage and isinstance(mt.ones(2).storage(), TypedStorage)


@contextmanager
def without_pytorch() -> Iterator[None]:
    """Hide PyTorch's modules and bind ``torch`` to this library."""
    import sys

    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ("torch", "functorch")}
    for name in hidden:
        del sys.modules[name]
    try:
        with minitensor.as_torch():
            yield
    finally:
        sys.modules.update(hidden)
