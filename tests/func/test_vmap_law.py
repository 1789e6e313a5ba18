"""The law of ``vmap`` over the table of ops: results and gradients equal those of a loop over the samples.

Every row is tried with all of its tensors mapped and with only the first or second mapped: forward, backward, and with
mapped upstream gradients. Ops without a rule are listed here, with reasons; no other op may raise.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import minitensor as mt
from func.samples import HERE, SAMPLES, Mapped, Slot, fill_slots
from minitensor.errors import BatchingError
from ops.call import note_on_error, twin
from ops.row import Call, Row

# Rows with calls that vmap refuses, with at least some of their tensors mapped.
REFUSED = {
    **dict.fromkeys(
        (
            "argwhere", "nonzero", "nonzero_static", "masked_select", "unique", "unique_consecutive", "bincount",
            "repeat_interleave", "histogram", "histogramdd", "Tensor.__getitem__ with picks", "index_put", "cov",
            "nn.functional.ctc_loss", "nn.functional.embedding_bag",
            "nn.functional.multilabel_margin_loss",
        ),
        "its result's shape, or whether it raises, depends on values",
    ),
    **dict.fromkeys(
        "as_strided as_strided_copy as_strided_scatter Tensor.fill_diagonal_ Tensor.resize_ Tensor.resize_as_".split(),
        "it reads memory outside a tensor",
    ),
    "narrow from a tensor": "its start is a Python number",
    "searchsorted": "its kernel requires one order of sequences",
    "bucketize": "its kernel takes one sequence",
}  # fmt: skip

# Ops without their own rule: computed sample by sample, with a warning.
LOOPED = {"bincount", "histc", "put_", "masked_scatter_", "sum_rows", "ctc_loss"}

# -- comparing ---------------------------------------------------------------------------------------------------------


def ways(row: Row) -> list[tuple[Call, set[int] | None]]:
    found: list[tuple[Call, set[int] | None]] = [(call, None) for call in row.calls]
    return found + [(call, {k}) for call in row.calls[:4] for k in (0, 1)]

def upstream(tensor: Any) -> Any:
    return mt.tensor(np.cos(np.arange(tensor.numel())).reshape(tensor.shape).astype(tensor.array.dtype))


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found.detach().numpy(), np.asarray(expected), rtol=1e-6, atol=1e-9)


def quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; the warning about an op without a rule is allowed only for the ops in the list."""
    with warnings.catch_warnings(record=True) as told_of:
        warnings.simplefilter("always")
        found = function(*args)
    for each in told_of:
        text = str(each.message)
        assert "has no batching rule" not in text or text.split()[1] in LOOPED, text
    return found


# -- the laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", HERE, ids=repr)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_vmap_is_the_loop(row: Row) -> None:
    refused = 0
    for call, chosen in ways(row):
        with note_on_error(call, chosen):
            try:
                holds(row, call, chosen)
            except BatchingError:
                assert repr(row) in REFUSED
                refused += 1
    assert refused or repr(row) not in REFUSED, "it is no longer refused: remove it from the list"


def holds(row: Row, call: Call, chosen: set[int] | None) -> None:
    mapped = Mapped(row, call, chosen)
    if not mapped.arrays or not mapped.chosen <= set(range(len(mapped.arrays))):
        return
    results = mapped.loop()
    if not results[0] or any(len({tuple(each.shape) for each in column}) > 1 for column in zip(*results, strict=True)):
        if not results[0]:
            return  # a Python value: `equal`
        with pytest.raises((BatchingError, RuntimeError)):  # one result for each sample, with different shapes
            quietly(mt.vmap(lambda *tensors: tuple(mapped(*tensors)), mapped.in_dims()), *mapped.whole())
        raise BatchingError("shapes differ from sample to sample")
    given = mapped.whole()
    leaves = mapped.leaves(given)
    found = quietly(mt.vmap(lambda *tensors: tuple(mapped(*tensors)), mapped.in_dims()), *given)
    for one, column in zip(found, zip(*results, strict=True), strict=True):
        assert one.dtype is column[0].dtype
        assert tuple(one.shape) == (SAMPLES, *column[0].shape)
        close(one, np.stack([each.detach().numpy() for each in column]))
    kept = [i for i, each in enumerate(found) if each.requires_grad]
    if kept and leaves:
        ups = {i: upstream(found[i]) for i in kept}
        grads = mt.autograd.grad(
            [found[i] for i in kept], list(leaves.values()), list(ups.values()), allow_unused=True
        )
        for (k, leaf), grad, expected in zip(leaves.items(), grads, looped_gradients(mapped, ups, leaves), strict=True):
            close(mt.zeros_like(leaf) if grad is None else grad, expected if k in mapped.chosen else sum(expected))


def looped_gradients(mapped: Mapped, ups: dict[int, Any], leaves: dict[int, Any]) -> list[Any]:
    """Return the gradients of each leaf, with those of all samples along the first dim."""
    rows = []
    for i in range(SAMPLES):
        tensors = mapped.sample(i)
        mine = mapped.leaves(tensors)
        outputs = mapped(*tensors)
        kept = [k for k in ups if outputs[k].requires_grad]
        grads: Sequence[Any] = [None] * len(mine)
        if kept:
            starts = [ups[k][i] for k in kept]
            grads = mt.autograd.grad([outputs[k] for k in kept], list(mine.values()), starts, allow_unused=True)
        rows.append([np.zeros(leaf.shape) if grad is None else grad.numpy()
                     for leaf, grad in zip(mine.values(), grads, strict=True)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize("row", [row for row in HERE if row.differentiable], ids=repr)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_many_upstream_gradients_equal_the_loop(row: Row) -> None:
    """What ``jacrev`` and ``is_grads_batched`` do: one graph, and backward with many gradients at once."""
    for call in row.calls:
        with note_on_error(call):
            mapped = Mapped(row, call, None)
            tensors = mapped.sample(0)
            leaves = list(mapped.leaves(tensors).values())
            outputs = [each for each in mapped(*tensors) if each.requires_grad]
            if not leaves or not outputs:
                continue
            ups = [upstream(mt.zeros(3, *each.shape, dtype=each.dtype)) for each in outputs]
            found = quietly(for_all, functools.partial(gradients_of, outputs, leaves), ups)
            for i in range(3):
                for one, expected in zip(found, gradients_of(outputs, leaves, *[each[i] for each in ups]), strict=True):
                    close(one[i], expected.numpy())


def gradients_of(outputs: Sequence[Any], leaves: Sequence[Any], *weights: Any) -> Any:
    return mt.autograd.grad(outputs, leaves, weights, retain_graph=True, materialize_grads=True)


def for_all(walk: Any, ups: Sequence[Any]) -> Any:
    return mt.Tensor.batched_class._for_all(walk, ups)


@pytest.mark.parametrize("row", [row for row in HERE if twin(row) is not None and row.inplace], ids=repr)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_inplace_version_writes_into_every_sample(row: Row) -> None:
    for call in row.calls[:3]:
        mapped = Mapped(row, call, None)
        if not mapped.arrays or not isinstance(mapped.args[0], Slot) or repr(row) in REFUSED:
            continue
        write = functools.partial(run_inplace, mapped, twin(row))
        try:
            expected = [write(*mapped.sample(i)) for i in range(SAMPLES)]
        except Exception:  # an in-place version refuses some calls: shapes that grow, dtypes that change
            continue
        with note_on_error(call):
            close(quietly(mt.vmap(write), *mapped.whole()), np.stack([each.numpy() for each in expected]))


def run_inplace(mapped: Mapped, operation: Any, *tensors: Any) -> Any:
    """Return a copy of the first tensor after the op has written into it."""
    own = [tensors[0].clone(), *tensors[1:]]
    operation(*[fill_slots(a, own) for a in mapped.args], **{k: fill_slots(v, own) for k, v in mapped.kwargs.items()})
    return own[0]
