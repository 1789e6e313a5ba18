"""What may be changed in place between an op and backward: results and inputs, as in PyTorch, for every op.

Where PyTorch gives a gradient, this library gives the same one: an op saves nothing that PyTorch does not save. Where
PyTorch detects that a saved value was changed, this library does too, or it has saved less and gives the gradient from
before the write.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from ops import call as calls
from ops.call import note_on_error, numbers, ours, outcome, tensors_in, theirs
from ops.row import Row
from ops.test_laws_gradcheck import DIFFERENTIABLE
from ops.test_laws_oracle import their_outcome

COPIES = "PyTorch saves an intermediate copy; here the argument itself is saved"
EXCUSED = {
    "special.ndtr": COPIES, "ldexp": COPIES, "kron": COPIES, "matmul": COPIES,
    "take_along_dim": COPIES, "nn.functional.scaled_dot_product_attention": COPIES,
    "nn.functional.instance_norm": COPIES,
    "polar": "PyTorch saves the result, and loses the sign of a negative absolute value",
}  # fmt: skip
STALE = "modified by an inplace operation"


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


class Refused(Exception):
    """The write itself was refused, or there is nothing to write to."""


def gradients(library: Any, op: Any, arguments: Any, row: Row, changed: tuple[bool, int] | None) -> list[Any]:
    """Return the gradients of all results in all leaves, after a write to a result (True, i) or an input (False, i)."""
    leaves: list[Any] = []
    inputs: list[Any] = []

    def writable(value: Any, constant: bool) -> Any:
        """Return an argument that may be written to: not a leaf, but computed from one."""
        if value.__class__ in (list, tuple):
            return value.__class__([writable(each, constant) for each in value])
        if not hasattr(value, "requires_grad"):
            return value
        if not constant and (value.is_floating_point() or value.is_complex()):
            leaves.append(value.requires_grad_())
            value = value.clone()
        inputs.append(value)
        return value

    args, kwargs = arguments
    given = [writable(each, k in row.constants) for k, each in enumerate([*args, *kwargs.values()])]
    results = tensors_in(op(*given[: len(args)], **dict(zip(kwargs, given[len(args) :], strict=True))))
    kept = [each for each in results if each.requires_grad]
    starts = [library.ones_like(each) for each in kept]
    if changed is not None:
        change(results if changed[0] else inputs, changed[1])
    found = library.autograd.grad(kept, leaves, starts, allow_unused=True) if kept else []
    return [None if each is None else np.array(numbers(each)) for each in found]


def change(tensors: list[Any], index: int) -> None:
    try:
        tensor = tensors[index]
        if tensor.is_floating_point() or tensor.is_complex():
            tensor.add_(1)
        else:
            tensor.zero_()
    except (RuntimeError, IndexError) as error:
        raise Refused from error


def assert_verdict(found: Any, expected: Any, before: Any) -> bool:
    """Compare gradients, or errors; return whether anything was compared."""
    if isinstance(found, Refused) or isinstance(expected, Refused):
        return False
    if not isinstance(expected, Exception):
        assert not isinstance(found, Exception), f"PyTorch gives a gradient: {found!r}"
        assert_equal(found, expected)
    elif STALE in str(expected):
        if isinstance(found, Exception):
            assert isinstance(found, mt.errors.VersionError)
        else:
            assert_equal(found, before)
    return True


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(0 if one is None else one, 0 if other is None else other, rtol=1e-6, atol=1e-7)


def verdicts(torch: ModuleType, row: Row) -> int:
    """Change each result and each input of each call; return how many were compared."""
    count = 0
    for call in row.calls:
        before = outcome(gradients, mt, ours(row), calls.our_arguments(call), row, None)
        places = [(True, i) for i in range(3)] + [(False, i) for i in range(len(calls.arrays_in(call)))]
        for changed in places:
            with note_on_error("result" if changed[0] else "input", changed[1], call):
                expected = their_outcome(
                    gradients, torch, theirs(torch, row), calls.torch_arguments(torch, call), row, changed
                )
                found = outcome(gradients, mt, ours(row), calls.our_arguments(call), row, changed)
                count += assert_verdict(found, expected, before)
    return count


@pytest.mark.parametrize(
    "row", [r for r in DIFFERENTIABLE if "gradient" not in r.notes and r.name not in EXCUSED], ids=repr
)
def test_tensors_may_be_changed_before_backward_as_in_pytorch(torch: ModuleType, row: Row) -> None:
    assert verdicts(torch, row)


@pytest.mark.parametrize("row", [row for row in DIFFERENTIABLE if row.name in EXCUSED], ids=repr)
def test_every_exception_is_needed(torch: ModuleType, row: Row) -> None:
    with pytest.raises(AssertionError, match="PyTorch gives a gradient"):
        verdicts(torch, row)
