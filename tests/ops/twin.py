"""The same call in two libraries: values, dtypes, shapes, and gradients to second order must agree.

`agree(call, *arrays)` runs ``call(lib, *tensors)`` in this library and in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor

torch = pytest.importorskip("torch")


def agree(call: Callable[..., Any], *arrays: Any, rtol: float | None = None, order: int = 2) -> Any:
    """Compare a call's results and, for float inputs, its gradients; return this library's results."""
    ours, theirs = run(minitensor, call, arrays, order), run(torch, call, arrays, order)
    for name in ours:
        assert len(ours[name]) == len(theirs[name]), name
        for i, (a, b) in enumerate(zip(ours[name], theirs[name], strict=True)):
            compare(f"{name} {i}", a, b, rtol)
    return ours["values"]


def compare(name: str, ours: Any, theirs: Any, rtol: float | None) -> None:
    """Compare two tensors, or two Python values."""
    if not isinstance(theirs, torch.Tensor):
        assert ours == theirs and type(ours) is type(theirs), name
        return
    assert tuple(ours.shape) == tuple(theirs.shape), name
    assert repr(ours.dtype) == repr(theirs.dtype), name
    single = theirs.dtype in (torch.float32, torch.complex64)
    tolerance = rtol or (1e-2 if theirs.dtype == torch.float16 else 2e-5 if single else 1e-9)
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(force=True), rtol=tolerance, atol=tolerance / 10, err_msg=name
    )


def run(lib: Any, call: Callable[..., Any], arrays: tuple[Any, ...], order: int) -> dict[str, list[Any]]:
    """Return values, gradients and second-order gradients."""
    tensors = [tensor_of(lib, array, order) for array in arrays]
    results = as_list(call(lib, *tensors))
    found: dict[str, list[Any]] = {"values": results}
    inputs = [each for each in tensors if hasattr(each, "requires_grad") and each.requires_grad]
    outputs = [each for each in results if hasattr(each, "requires_grad") and each.requires_grad]
    for name in ["gradient", "second gradient"][:order]:
        if not inputs or not outputs:
            break
        total = sum((each * lib.from_numpy(weights(each))).sum() for each in outputs)
        if total.is_complex():
            total = total.abs()
        found[name] = outputs = list(lib.autograd.grad(total, inputs, create_graph=True, materialize_grads=True))
        outputs = [each for each in outputs if each.requires_grad]
    return found


def weights(tensor: Any) -> Any:
    """Return an incoming gradient with a different value for each element."""
    host = tensor.detach().numpy(force=True)
    return np.asarray(np.cos(np.arange(host.size) * 1.7 + 0.3).reshape(host.shape) + 1.5, dtype=host.dtype)


def tensor_of(lib: Any, value: Any, order: int) -> Any:
    """Return an array as a leaf, which requires grad if its dtype allows it; return anything else unchanged."""
    if not isinstance(value, np.ndarray):
        return value
    tensor = lib.from_numpy(value.copy())
    return tensor.requires_grad_() if order and value.dtype.kind in "fc" else tensor


def as_list(results: Any) -> list[Any]:
    """Return one result or several as a list."""
    return list(results) if isinstance(results, (tuple, list)) else [results]


def same_error(call: Callable[[Any], Any]) -> None:
    """Require that both libraries raise, and ours a subclass of PyTorch's class."""
    with pytest.raises(Exception) as theirs:  # whichever it is
        call(torch)
    with pytest.raises(theirs.type) as ours:
        call(minitensor)
    assert str(ours.value)
