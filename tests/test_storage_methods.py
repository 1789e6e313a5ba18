"""Storages copy, cast and print themselves as PyTorch's do, and are made by PyTorch's classes."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

CASTS = "float double half bfloat16 long int short char byte bool complex_float complex_double".split()
USES: dict[str, Callable[[Any, Any], Any]] = {
    "clone": lambda lib, s: s.clone(), "fill_": lambda lib, s: s.fill_(1), "copy_": lambda lib, s: s.copy_(s.clone()),
    "untyped": lambda lib, s: s.untyped(), "type": lambda lib, s: s.type(), "device": lambda lib, s: s.device,
    "pinned": lambda lib, s: s.is_pinned(), "deepcopy": lambda lib, s: copy.deepcopy(s),
    "a class": lambda lib, s: [isinstance(s, each) for each in (lib.FloatStorage, lib.LongStorage, lib.TypedStorage,
                                                                lib.UntypedStorage)],
    **{name: lambda lib, s, name=name: getattr(s, name)() for name in CASTS},  # type: ignore[misc]
}  # fmt: skip
MAKES: dict[str, Callable[[Any], Any]] = {
    "sizes": lambda lib: [lib.FloatStorage(3).nbytes(), lib.UntypedStorage(3).nbytes(), lib.LongStorage(2).size()],
    "floats": lambda lib: lib.FloatStorage([1, 2]), "bytes": lambda lib: lib.UntypedStorage([1, 2]),
    "a dtype": lambda lib: lib.TypedStorage([1, 2], dtype=lib.int64), "nothing": lambda lib: lib.UntypedStorage(),
    "halves": lambda lib: lib.BFloat16Storage([1.5, 2]), "bools": lambda lib: lib.BoolStorage([True, False]),
    "a pickle": lambda lib: pickle.loads(pickle.dumps(lib.arange(3.0).storage())),
}  # fmt: skip


def both(call: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert repr(call(mt)) == repr(call(torch))


@pytest.mark.parametrize("kind", ["storage", "untyped_storage"])
@pytest.mark.parametrize("name", USES)
def test_a_storage_answers_as_pytorchs(name: str, kind: str) -> None:
    both(lambda lib: USES[name](lib, getattr(lib.tensor([0.0, 2.0, 3.0]), kind)()))


@pytest.mark.parametrize("name", MAKES)
def test_storages_are_made_as_in_pytorch(name: str) -> None:
    both(MAKES[name])


def test_the_name_for_files() -> None:
    assert mt.ones(1).storage().pickle_storage_type() == "FloatStorage"


def test_memory_has_a_fixed_size() -> None:
    with pytest.raises(NotImplementedError, match=r"use tensor\.resize_"):
        mt.ones(1).untyped_storage().resize_(8)


def test_a_tensor_is_moved_to_shared_memory() -> None:
    x = mt.arange(6.0).reshape(2, 3).t().requires_grad_()
    assert not x.is_shared() and x.share_memory_() is x and x.is_shared()
    assert x.tolist() == [[0, 3], [1, 4], [2, 5]] and x.is_leaf and x.share_memory_().is_shared()


def test_memory_is_not_pinned_without_a_gpu() -> None:
    if not mt.cuda.is_available():
        with pytest.raises(RuntimeError, match="Cannot access accelerator device when none is available"):
            mt.ones(2).pin_memory()


@pytest.mark.parametrize("shape", [(2, 2), (4,), (1, 4), (3,)])
def test_a_former_resize_reshapes_and_warns(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    for method in ("resize", "resize_as"):
        results = []
        for lib in (torch, mt):
            arguments = [lib.ones(shape)] if method == "resize_as" else shape
            with pytest.warns(UserWarning, match=f"non-inplace {method} is deprecated"):
                try:
                    results.append(getattr(lib.arange(4.0), method)(*arguments).tolist())
                except RuntimeError as error:
                    results.append(str(error).rstrip(". "))
        assert results[0] == results[1]
