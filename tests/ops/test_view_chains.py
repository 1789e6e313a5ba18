"""Random chains of views against PyTorch: values, all strides, offsets, error classes and gradients.

The start has any memory order, with gaps and overlaps; so has the gradient that arrives at the end of the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from minitensor.testing.strategies import tensors
from strategies import placement_of, placements, tensor_of, torch_of

torch = pytest.importorskip("torch")
Step = Callable[[Any], Any]
number = st.integers(-3, 4)
sizes = st.lists(st.sampled_from([1, 2, 3, 4, 6, 0, -1]), max_size=4).map(tuple)


@st.composite
def steps(draw: st.DrawFn) -> tuple[str, Step]:
    """One view operation with any arguments, valid or not; of two faults, either may be reported."""
    a, b, c = draw(number), draw(number), draw(number)
    shape, flag = draw(sizes), draw(st.booleans())
    order = draw(st.permutations(range(3)))
    cut = slice(draw(st.none() | number), draw(st.none() | number), draw(st.none() | st.integers(1, 3)))
    count = abs(b) + 1
    choices: dict[str, Step] = {
        f"transpose({a}, {b})": lambda x: x.transpose(a, b),
        f"swapaxes({a}, {b})": lambda x: x.swapaxes(a, b),
        f"movedim({a}, {b})": lambda x: x.movedim(a, b),
        f"permute{order}": lambda x: x.permute([k for k in order if k < x.dim()]),
        "t()": lambda x: x.t(),
        "mT": lambda x: x.mT if x.dim() > 1 else x,
        f"narrow({a}, {b}, {c})": lambda x: x.narrow(a, b, c),
        f"select({a}, {b})": lambda x: x.select(a, b),
        f"[{cut}]": lambda x: x[cut],
        f"[..., {a}]": lambda x: x[..., a],
        f"[{a}, ..., None]": lambda x: x[a, ..., None],
        f"diagonal({a}, {b}, {c})": lambda x: x.diagonal(a, b, c),
        f"unfold({a}, {b}, {c})": lambda x: x.unfold(a, b, c),
        f"unbind({a})[{b}]": lambda x: x.unbind(a)[b],
        f"split({count}, {a})[{c}]": lambda x: x.split(count, a)[c],
        f"chunk({count}, {a})[{c}]": lambda x: x.chunk(count, a)[c],
        f"view{shape}": lambda x: x.view(shape),
        "view_as": lambda x: x.view_as(x),
        f"reshape{shape}": lambda x: x.reshape(shape),
        f"flatten({a}, {b})": lambda x: x.flatten(a, b),
        f"unflatten({a}, {shape})": lambda x: x.unflatten(a, shape or (-1,)),
        # A 0-d tensor gets sizes of -1 in PyTorch.
        f"expand{shape}": lambda x: x.expand(shape if x.dim() else [abs(n) for n in shape]),
        f"grow({a})": lambda x: x.expand((2, *[abs(a) if n == 1 else -1 for n in x.shape])),
        f"unsqueeze({a})": lambda x: x.unsqueeze(a),
        "squeeze()": lambda x: x.squeeze(),
        f"squeeze({a})": lambda x: x.squeeze(a),
        f"as_strided({flag})": lambda x: x.as_strided(
            tuple(x.shape), tuple(x.stride()), x.storage_offset() + int(flag)
        ),
    }
    name = draw(st.sampled_from(sorted(choices)))
    return name, choices[name]


def valid_views(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[str, Step]]:
    """Return view operations that a tensor of this shape accepts."""
    ndim = len(shape)
    if not ndim:
        return st.sampled_from([("unsqueeze(0)", lambda x: x.unsqueeze(0)), ("expand(2)", lambda x: x.expand(2))])
    dims, n = st.integers(-ndim, ndim - 1), shape[-1]
    part = st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted)
    ways: list[st.SearchStrategy[tuple[str, Step]]] = [
        st.tuples(dims, dims).map(lambda d: (f"transpose{d}", lambda x: x.transpose(*d))),
        st.permutations(range(ndim)).map(lambda d: (f"permute{d}", lambda x: x.permute(*d))),
        part.map(lambda p: (f"narrow(-1, {p})", lambda x: x.narrow(-1, p[0], p[1] - p[0]))),
        st.tuples(part, st.integers(1, 2)).map(lambda p: (f"[..., {p}]", lambda x: x[..., p[0][0] : p[0][1] : p[1]])),
        st.tuples(st.integers(0, n), st.integers(1, 3)).map(lambda p: (f"unfold{p}", lambda x: x.unfold(-1, *p))),
        dims.map(lambda d: (f"unsqueeze({d})", lambda x: x.unsqueeze(d))),
        st.just(("grow", lambda x: x.expand((2, *x.shape)))),
        st.just(("reshape", lambda x: x.reshape(-1, *x.shape[1:-1]) if x.numel() else x)),
        st.just(("squeeze", lambda x: x.squeeze())),
    ]
    if n:
        ways.append(st.integers(-n, n - 1).map(lambda k: (f"select(-1, {k})", lambda x: x.select(-1, k))))
        ways.append(st.integers(-n, n - 1).map(lambda k: (f"unbind({k})", lambda x: x.unbind(-1)[k])))
        ways.append(st.integers(1, n).map(lambda k: (f"split({k})", lambda x: x.split(k, -1)[-1])))
    if ndim > 1:
        ways.append(st.integers(-2, 2).map(lambda k: (f"diagonal({k})", lambda x: x.diagonal(k, -1, 0))))
    return st.one_of(ways)


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        return error


@given(tensors(overlapping=True), st.integers(0, 3), steps(), st.data())
def test_a_chain_of_views_is_pytorchs(x: mt.Tensor, count: int, last: tuple[str, Step], data: Any) -> None:
    y = torch_of(torch, placement_of(x))
    for k in range(count + 1):
        name, step = data.draw(valid_views(tuple(y.shape))) if k < count else last
        found, expected = outcome(lambda: step(x)), outcome(lambda: step(y))  # noqa: B023
        if isinstance(expected, Exception):
            kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
            assert isinstance(found, kind), f"{name}: {expected!r} in PyTorch, here {found!r}"
            return
        assert not isinstance(found, Exception), f"{name}: {found!r}"
        assert (tuple(found.shape), found.stride()) == (tuple(expected.shape), tuple(expected.stride())), name
        assert found.storage_offset() == expected.storage_offset(), name
        np.testing.assert_array_equal(found.numpy(), expected.numpy(), name)
        assert found.is_contiguous() == expected.is_contiguous(), name
        x, y = found, expected


@given(tensors(), st.integers(1, 4), st.data())
def test_the_gradient_of_a_chain_of_views_is_pytorchs(x: mt.Tensor, count: int, data: Any) -> None:
    x, y = x.requires_grad_(), torch_of(torch, placement_of(x)).requires_grad_()
    found, expected = x, y
    for _ in range(count):
        _, step = data.draw(valid_views(tuple(expected.shape)))
        found, expected = step(found), step(expected)
    upstream = data.draw(
        placements(np.sin(np.arange(expected.numel())).reshape(tuple(expected.shape)), overlapping=True)
    )
    found.backward(tensor_of(upstream))
    expected.backward(torch_of(torch, upstream))
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12, atol=1e-12)
    assert x.grad.shape == x.shape


@given(tensors(), st.data())
def test_arithmetic_takes_upstream_gradients_of_any_layout(x: mt.Tensor, data: Any) -> None:
    x, y = x.requires_grad_(), torch_of(torch, placement_of(x)).requires_grad_()
    upstream = data.draw(placements(np.sin(np.arange(y.numel())).reshape(tuple(y.shape)), overlapping=True))
    (x * x + x).backward(tensor_of(upstream))
    (y * y + y).backward(torch_of(torch, upstream))
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12, atol=1e-12)


def test_a_gradient_never_shares_memory_with_the_upstream_gradient() -> None:
    x = mt.ones(2, 3, dtype=mt.float64, requires_grad=True)
    upstream = mt.ones(3, 2, dtype=mt.float64)
    x.t().backward(upstream)
    upstream.fill_(7)
    assert x.grad.tolist() == [[1, 1, 1], [1, 1, 1]]
