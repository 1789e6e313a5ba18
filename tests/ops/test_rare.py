"""Functions that few programs call: PyTorch's values, dtypes and errors."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

KINDS = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
         "uint16", "uint64")  # fmt: skip


def numbers(lib: Any, kind: str = "float64") -> Any:
    return lib.tensor([[[1.5, -2.0, 0.0], [3.0, 7.25, -1.0]]]).abs().to(getattr(lib, kind))


CALLS: dict[str, Any] = {
    **{f"hash of {kind}": (lambda lib, kind=kind: lib.hash_tensor(numbers(lib, kind))) for kind in KINDS},
    **{f"hash over {dim} {keepdim}": (lambda lib, dim=dim, keepdim=keepdim: lib.hash_tensor(
        numbers(lib), dim, keepdim=keepdim)) for dim in (0, 1, -1, (0, 2), (), 5) for keepdim in (False, True)},
    "hash of negative numbers": lambda lib: lib.tensor([[1, 5], [3, -4]]).hash_tensor(1),
    "hash in another mode": lambda lib: lib.hash_tensor(lib.ones(2), mode=1),
    "hash of nothing": lambda lib: lib.hash_tensor(lib.ones(0)),
    "hash of empty columns": lambda lib: lib.hash_tensor(lib.ones(0, 3), 1),
    "hash of no rows": lambda lib: lib.hash_tensor(lib.ones(0, 3), 0),
    "frobenius of a dim": lambda lib: lib.frobenius_norm(numbers(lib), 1),
    "frobenius of two": lambda lib: lib.frobenius_norm(numbers(lib), [1, 2], True),
    "frobenius of all": lambda lib: lib.frobenius_norm(numbers(lib), []),
    "frobenius of three": lambda lib: lib.frobenius_norm(numbers(lib), [0, 1, 2]),
    "nuclear": lambda lib: lib.nuclear_norm(numbers(lib)[0]),
    "nuclear, kept": lambda lib: lib.nuclear_norm(numbers(lib)[0], True),
    "nuclear of two": lambda lib: lib.nuclear_norm(numbers(lib), [1, 2], True),
    "slice": lambda lib: lib.slice_inverse(numbers(lib)[0], numbers(lib)[0][:, 1:], 1, 1, 3),
    "rows that are not a slice": lambda lib: numbers(lib)[0].slice_inverse(lib.zeros(2, 2), 1),
    "conjugate": lambda lib: lib.conj_physical_(lib.tensor([1 + 2j])),
    "conjugate of real numbers": lambda lib: lib.conj_physical_(lib.tensor([1.0])),
    "conjugate of expanded real numbers": lambda lib: lib.conj_physical_(lib.tensor([1.0]).expand(3)),
    "shuffle": lambda lib: lib.native_channel_shuffle(lib.arange(8.0).view(1, 4, 2), 2),
    "parts": lambda lib: lib.unsafe_split_with_sizes(lib.arange(5), [2, 3])[1],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_a_rare_function_is_pytorchs(name: str) -> None:
    found: list[Any] = []
    for lib in (mt, torch):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(CALLS[name](lib))
        except Exception as error:
            found.append(error)
    ours, theirs = found
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
        return
    assert not isinstance(ours, Exception), ours
    assert (tuple(ours.shape), str(ours.dtype)) == (tuple(theirs.shape), str(theirs.dtype))
    assert ours.tolist() == pytest.approx(theirs.tolist()) if theirs.dtype.is_floating_point and theirs.dim() < 2 else (
        torch.allclose(torch.tensor(ours.tolist(), dtype=theirs.dtype), theirs)
        if theirs.dtype.is_floating_point else ours.tolist() == theirs.tolist()
    )  # fmt: skip


def test_tensors_are_set_to_the_same_window() -> None:
    def answers(lib: Any) -> list[bool]:
        x, nothing = lib.zeros(4), lib.zeros(0)
        others = (x, x.view(4), x.clone(), x.view(2, 2), x[:2], x.view(lib.int32), x.detach())
        return [*[x.is_set_to(each) for each in others], nothing.is_set_to(lib.zeros(0)), x[1:].is_set_to(x[1:])]

    assert answers(mt) == answers(torch)
    x = mt.zeros(4)
    assert x.const_data_ptr() == x.data_ptr()
