"""Private functions of ``torch.nn.functional`` return, warn and raise as PyTorch's do."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

W = np.random.default_rng(0).integers(-3, 4, (12, 4)).astype(np.float32)


def inputs(torch: Any, count: int) -> list[Any]:
    made = [torch.tensor(np.random.default_rng(i).integers(-3, 4, (3, 2, 4)).astype(np.float32)) for i in range(count)]
    return made + made[-1:] * (3 - count)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        f"packed {count} {bias}": lambda torch, F, count=count, bias=bias: F._in_projection_packed(
            *inputs(torch, count), torch.tensor(W), torch.arange(12.0) if bias else None
        )
        for count in (1, 2, 3) for bias in (True, False)
    },
    "three": lambda torch, F: F._in_projection(*inputs(torch, 3), *torch.tensor(W).chunk(3), torch.ones(4)),
    "three, width": lambda torch, F: F._in_projection(*inputs(torch, 3), *torch.tensor(W)[:, :3].chunk(3)),
    "three, bias": lambda torch, F: F._in_projection(*inputs(torch, 3), *torch.tensor(W).chunk(3), torch.ones(3)),
    "mask": lambda torch, F: F._canonical_mask(torch.tensor([True, False]), "a", None, "b", torch.float64),
    "no mask": lambda torch, F: F._canonical_mask(None, "a", None, "b", torch.float64),
    "float mask": lambda torch, F: F._canonical_mask(torch.ones(2), "a", torch.bool, "b", torch.float64),
    "unchecked": lambda torch, F: F._canonical_mask(torch.ones(2), "a", torch.bool, "b", torch.float64, False),
    "int mask": lambda torch, F: F._canonical_mask(torch.ones(2).int(), "a", torch.bool, "b", torch.float64),
    "none": lambda torch, F: F._none_or_dtype(None),
    "a dtype": lambda torch, F: str(F._none_or_dtype(torch.ones(1, dtype=torch.float16))),
    "no tensor": lambda torch, F: F._none_or_dtype(3),
    "padding mask": lambda torch, F: F._check_key_padding_mask(torch.ones(2, 3), 3, 2),
    "padding batch": lambda torch, F: F._check_key_padding_mask(torch.ones(2, 3), 3, 3),
    "padding length": lambda torch, F: F._check_key_padding_mask(torch.ones(2, 3), 2, 2),
    **{f"softmax {n}": lambda torch, F, n=n: F._get_softmax_dim("softmax", n, 3) for n in range(5)},
    **{
        f"{name} {size}": lambda torch, F, name=name, size=size: getattr(F, name)(size)
        for name in ("_verify_batch_size", "_verify_spatial_size")
        for size in ([1, 3], [2, 3], [1, 3, 1, 1], [1, 3, 2], [2, 3, 1])
    },
    **{
        f"batched {dims}": lambda torch, F, dims=dims: F._mha_shape_check(
            *[None if n is None else torch.ones([2] * n) for n in dims], 2
        )
        for dims in ((3, 3, 3, 2, 2), (2, 2, 2, 1, None), (2, 2, 2, None, 3), (3, 2, 3, None, None),
                     (3, 3, 3, 1, None), (3, 3, 3, None, 1), (2, 3, 2, None, None), (2, 2, 2, 2, None),
                     (2, 2, 2, None, 1), (1, 1, 1, None, None))
    },
    "renorm": lambda torch, F: renorm(torch, F),
    **{
        f"integer {value!r}": lambda torch, F, value=value: F._is_integer(value)
        for value in (1, True, 1.0, "1", None, np.int64(3), np.float32(3))
    },
    "integer tensors": lambda torch, F: (F._is_integer(torch.tensor(1)), F._is_integer(torch.tensor(1.0))),
    **{
        f"unpool {size}": lambda torch, F, size=size: F._unpool_output_size(
            torch.ones(2, 3, 4, 5), [2, 3], [2, 2], [0, 1], size
        )
        for size in (None, [8, 9], [2, 3, 9, 10], [8], [20, 9])
    },
    "pair": lambda torch, F: F.assert_int_or_pair([1, 2], "a", "{} is wrong"),
    "no pair": lambda torch, F: F.assert_int_or_pair([1], "a", "{} is wrong"),
    "modes": lambda torch, F: (F.GRID_SAMPLE_INTERPOLATION_MODES, F.GRID_SAMPLE_PADDING_MODES),
}  # fmt: skip


def renorm(torch: Any, F: Any) -> Any:
    table = torch.arange(6.0).reshape(3, 2).requires_grad_()
    F._no_grad_embedding_renorm_(table, torch.tensor([0, 2]), 1.0, 2.0)
    return table


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if hasattr(value, "detach"):
        return str(value.dtype).partition(".")[2], value.stride(), np.round(value.detach().numpy(), 4).tolist()
    return str(value).replace("minitensor", "torch")


def outcome(torch: Any, name: str) -> tuple[Any, list[str], type[BaseException] | None]:
    """Return what a call returns, the warnings that it gives, and the class of the error that it raises."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        try:
            found, error = plain(CALLS[name](torch, torch.nn.functional)), None
        except Exception as raised:
            found, error = None, type(raised)
    return found, [str(each.message) for each in given], error


@pytest.mark.parametrize("name", CALLS)
def test_a_private_function_does_what_pytorchs_does(name: str) -> None:
    torch = pytest.importorskip("torch")
    wanted, found = outcome(torch, name), outcome(mt, name)
    assert found[:2] == wanted[:2]
    assert (found[2] is None) == (wanted[2] is None)
    assert wanted[2] is None or issubclass(found[2] or object, wanted[2])
