"""Convolutions, pools, padding and windows with empty output, and backward: results or errors as in PyTorch."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional

Call = Callable[[Any], tuple[Any, list[Any]]]  # a library -> the output, and the leaves it was computed from
DIMS = pytest.mark.parametrize("dims", [1, 2, 3])


def leaf(lib: Any, *shape: int) -> Any:
    return (lib.arange(float(np.prod(shape))) / 7).reshape(shape).requires_grad_()


def call(name: str, *shapes: tuple[int, ...], given: tuple[Any, ...] = (), **options: Any) -> Call:
    """Return a call of a function of ``nn.functional`` on leaves of given shapes."""

    def made(lib: Any) -> tuple[Any, list[Any]]:
        leaves = [leaf(lib, *shape) for shape in shapes]
        return getattr(lib.nn.functional, name)(*leaves, *given, **options), leaves

    return made


def close(found: Any, expected: Any) -> bool:
    return found.shape == expected.shape and np.allclose(found, expected, 1e-4, 1e-5, equal_nan=True)


def outcome(lib: Any, made: Call) -> Any:
    """Return the output and the leaves' gradients (None if backward raises), or the exception."""
    try:
        output, leaves = made(lib)
    except Exception as error:
        return error
    try:
        output.sum().backward()
        grads = [np.array(each.grad.tolist()).reshape(each.shape) for each in leaves]
    except Exception:
        grads = None
    return np.array(output.tolist()).reshape(output.shape), grads


def difference(made: Call) -> str:
    """Describe how the outcome differs from PyTorch's; return an empty string if it does not."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = outcome(mt, made), outcome(torch, made)
    if isinstance(expected, Exception):
        kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
        alike = isinstance(found, kind) and isinstance(found, mt.errors.MinitensorError)
    elif isinstance(found, Exception):
        alike = False
    else:
        (output, grads), (wanted, slopes) = found, expected
        alike = close(output, wanted)
        if slopes is not None:  # PyTorch's backward refuses some that have zero gradients here
            alike &= grads is not None and all(map(close, grads, slopes))
    return "" if alike else f"{found!r} is not {expected!r}"


def check(calls: Iterator[tuple[Any, Call]]) -> None:
    wrong = [f"{name}: {told}" for name, made in calls if (told := difference(made))]
    assert not wrong, "\n".join(wrong)


@DIMS
@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_convolutions(name: str, dims: int) -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        some = (0, 1, 2, 3) if dims == 1 else (0, 1, 2)
        sizes = itertools.product((0, 2), some, some[1:], (1, 2), (0, 1, 2), (1, 2) if dims < 3 else (1,))
        for n, size, kernel, stride, padding, dilation in sizes:
            weight = (4, 2) if name == "conv" else (2, 4)
            shapes = (n, 2, *(size,) * dims), (*weight, *(kernel,) * dims), (4,)
            options = {"stride": stride, "padding": padding, "dilation": dilation}
            yield (shapes, options), call(f"{name}{dims}d", *shapes, **options)
            if name == "conv_transpose" and stride == 2:
                extra = {**options, "output_padding": 1}
                yield (shapes, extra), call(f"{name}{dims}d", *shapes, **extra)

    check(calls())


@DIMS
@pytest.mark.parametrize("name", ["max_pool", "avg_pool", "lp_pool"])
def test_pools(name: str, dims: int) -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        sizes = itertools.product((0, 2), (0, 1, 3), (1, 2), (1, 2), (0, 1), (False, True))
        for n, size, kernel, stride, padding, ceil in sizes:
            shape = (n, 2, *(size,) * dims)
            if dims == 3 and name != "max_pool" and size < kernel:
                continue  # PyTorch's 3-d kernel refuses what the others accept
            given = (2.0, kernel, stride, ceil) if name == "lp_pool" else (kernel, stride, padding)
            options = {} if name == "lp_pool" else {"ceil_mode": ceil}
            yield (shape, given, options), call(f"{name}{dims}d", shape, given=given, **options)

    check(calls())


@DIMS
def test_adaptive_pools(dims: int) -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        for n, size, out, name in itertools.product((0, 2), (0, 1, 3), (0, 1, 2), ("max", "avg")):
            shape = (n, 2, *(size,) * dims)
            for wanted in ((out,) * dims, (out, *(2,) * (dims - 1))):
                yield (name, shape, wanted), call(f"adaptive_{name}_pool{dims}d", shape, given=(wanted,))

    check(calls())


def unpool(dims: int, shape: tuple[int, ...], *given: Any) -> Call:
    """Return a call of ``max_unpool`` with indices of zeros."""

    def made(lib: Any) -> tuple[Any, list[Any]]:
        input = leaf(lib, *shape)
        indices = lib.zeros(shape, dtype=lib.int64)
        return getattr(lib.nn.functional, f"max_unpool{dims}d")(input, indices, *given), [input]

    return made


@DIMS
def test_unpools(dims: int) -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        sizes = itertools.product((0, 2), (0, 1, 2), (1, 2), (1, 2), (0, 1), (None, 0, 1, 2))
        for n, size, kernel, stride, padding, out in sizes:
            wanted = None if out is None else (out,) * dims
            for shape in ((n, 2, *(size,) * dims), (n, *(size,) * dims)):
                given = (kernel, stride, padding, wanted)
                yield (shape, given), unpool(dims, shape, *given)

    check(calls())


@DIMS
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pads(mode: str, dims: int) -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        pads = ((0, 0), (1, 0), (0, -1), (-1, -1), (-2, 0), (1, -1), (-1, -2), (2, 2))
        for n, c, size, (before, after) in itertools.product((0, 1), (0, 2), (0, 1, 2), pads):
            if mode == "circular" and size == 1 and (before, after) == (1, -1):
                continue  # nothing is left to wrap around: PyTorch returns uninitialized memory
            for shape in ((n, c, *(size,) * dims), (n, *(size,) * dims)):
                yield (shape, before, after), call("pad", shape, given=((before, after) * dims, mode))

    check(calls())


@DIMS
def test_interpolations(dims: int) -> None:
    modes = {
        1: ("nearest", "linear", "nearest-exact", "area"), 3: ("nearest", "trilinear", "nearest-exact", "area"),
        2: ("nearest", "bilinear", "bicubic", "nearest-exact", "area"),
    }[dims]  # fmt: skip

    def calls() -> Iterator[tuple[Any, Call]]:
        for n, c, size, out, mode in itertools.product((0, 2), (0, 2), (0, 1, 3), (0, 1, 2), modes):
            shape = (n, c, *(size,) * dims)
            ways = [{"size": (out,) * dims}, {"scale_factor": (0.1, 0.5, 2.0)[out]}]
            if mode in ("bilinear", "bicubic"):
                ways.append({"size": (out,) * dims, "antialias": True})
            for way in ways:
                yield (shape, mode, way), call("interpolate", shape, mode=mode, **way)

    check(calls())


def test_windows() -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        sizes = itertools.product((0, 2), (0, 2), (0, 1, 2, 3), (0, 1, 2), (0, 1), (1, 2))
        for n, c, size, kernel, padding, stride in sizes:
            for shape in ((n, c, size, size), (c, size, size)):
                yield ("unfold", shape, kernel, padding, stride), call(
                    "unfold", shape, kernel_size=kernel, padding=padding, stride=stride
                )
            for shape, out in itertools.product(((n, 2 * c, size), (2 * c, size)), (0, 1, 3)):
                yield ("fold", shape, out, kernel, padding, stride), call(
                    "fold", shape, output_size=out, kernel_size=kernel, padding=padding, stride=stride
                )

    check(calls())


def test_grid_points() -> None:
    def calls() -> Iterator[tuple[Any, Call]]:
        for n, c, size, places in itertools.product((0, 2), (0, 2), (0, 1, 3), (0, 1, 2)):
            shapes = (n, c, size, size), (n, places, places, 2)
            yield shapes, call("grid_sample", *shapes, align_corners=False)

    check(calls())


@pytest.mark.parametrize("out", [(2, 4, 0, 0), (2, 4, 0, 2)])
def test_an_empty_output_gives_zero_gradients_to_all_its_inputs(out: tuple[int, ...]) -> None:
    input, weight, bias = [mt.ones(shape, requires_grad=True) for shape in ((2, 2, 1, 1), (2, 4, 2, 2), (4,))]
    output = mt.nn.functional.conv_transpose2d(input, weight, bias, padding=(1, 1 if out[3] == 0 else 0))
    assert output.shape == out
    grads = mt.autograd.grad(output.sum(), [input, weight, bias], create_graph=True)
    assert [each.tolist() for each in grads] == [mt.zeros_like(each).tolist() for each in (input, weight, bias)]
