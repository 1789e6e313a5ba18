"""Convolutions, paddings and poolings have PyTorch's strides, for inputs and weights in any order."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

import minitensor as mt
from ops.call import outcome

Shape = tuple[int, ...]

ORDERS = ("row-major", "channels last", "reversed", "gaps", "channels last with gaps", "expanded", "unit")


def make(library: Any, shape: Shape, order: str, dtype: str = "float32") -> Any:
    """Return zeros (N, C, ...) in an order."""
    spatial = range(1, len(shape) - 1)

    def zeros(*sizes: int) -> Any:
        return library.zeros(sizes, dtype=getattr(library, dtype))

    if order == "channels last":
        return zeros(shape[0], *shape[2:], shape[1]).permute(0, len(shape) - 1, *spatial)
    if order == "channels last with gaps":
        return zeros(shape[0], *shape[2:], shape[1] + 2).permute(0, len(shape) - 1, *spatial)[:, 1:-1]
    if order == "reversed":
        return zeros(*shape[::-1]).permute(*range(len(shape) - 1, -1, -1))
    if order == "gaps":
        return zeros(*shape[:-1], shape[-1] + 2)[..., 1:-1]
    if order == "expanded":
        return zeros(*[1] * len(shape)).expand(shape)
    plain = zeros(*shape)
    if order == "unit":
        return plain.as_strided(shape, [1 if n == 1 else step for n, step in zip(shape, plain.stride(), strict=True)])
    return plain


def strides(library: Any, name: str, *args: Any, **kwargs: Any) -> tuple[Shape, Shape]:
    result = getattr(library.nn.functional, name)(*args, **kwargs)
    return tuple(result.shape), tuple(result.stride())


# -- convolutions ------------------------------------------------------------------------------------------------------


def draw_convolution(random: Random, dims: int, transposed: bool) -> Any:
    """Return the numbers of one convolution: shapes, orders and keyword arguments."""
    groups = random.choice((1, 1, 2))
    batch = random.choice((0, 1, 2, 16))
    inputs, outputs = groups * random.choice((1, 2, 3)), groups * random.choice((1, 2))
    kernel = [random.choice((1, 2, 4)) for _ in range(dims)]
    input = (batch, inputs, *[random.choice((1, 4, 5)) for _ in range(dims)])
    weight = (inputs, outputs // groups, *kernel) if transposed else (outputs, inputs // groups, *kernel)
    kwargs: dict[str, Any] = {
        "stride": random.choice((1, 1, 2)), "padding": random.choice((0, 0, 2)), "dilation": random.choice((1, 1, 2)),
        "groups": groups,
    }  # fmt: skip
    if transposed:
        kwargs["output_padding"] = random.choice((0, max(kwargs["stride"], kwargs["dilation"]) - 1))
    return input, weight, (random.choice(ORDERS), random.choice(ORDERS)), random.random() < 0.5, kwargs


def convolve(library: Any, name: str, numbers: Any, dtype: str) -> tuple[Shape, Shape]:
    input, weight, orders, has_bias, kwargs = numbers
    outputs = weight[1] * kwargs["groups"] if "transpose" in name else weight[0]
    bias = library.zeros(outputs, dtype=getattr(library, dtype)) if has_bias else None
    images, kernel = make(library, input, orders[0], dtype), make(library, weight, orders[1], dtype)
    return strides(library, name, images, kernel, bias, **kwargs)


@pytest.fixture
def threads() -> Iterator[Any]:
    """PyTorch on two threads: on one, it chooses another kernel for small windows."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield torch
    torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "complex64", "complex128"])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_convolutions_have_pytorchs_strides(threads: Any, dims: int, transposed: bool, dtype: str) -> None:
    """Convolutions that keep the shape of an empty batch are left out: there PyTorch multiplies by a number."""
    if dtype in ("float16", "bfloat16") and threads.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("PyTorch chooses another kernel on this processor")
    name = f"conv{'_transpose' if transposed else ''}{dims}d"
    random, compared = Random(f"{name} {dtype}"), 0
    while compared < 40:
        numbers = draw_convolution(random, dims, transposed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = outcome(convolve, threads, name, numbers, dtype)
        if not isinstance(expected, Exception) and (numbers[0][0] or expected[0] != numbers[0]):
            assert convolve(mt, name, numbers, dtype) == expected, numbers
            compared += 1


# -- paddings and poolings ---------------------------------------------------------------------------------------------


def compare(name: str, *args: Any, **kwargs: Any) -> None:
    """Compare the strides for images of one and two channels in all orders, batched and not."""
    torch = pytest.importorskip("torch")
    dims = kwargs.pop("dims")
    for batch, channels, order in itertools.product((1, 2, None), (1, 2), ORDERS):

        def run(library: Any) -> tuple[Shape, Shape]:
            images = make(library, (batch or 1, channels, *(4, 6, 4)[:dims]), order)  # noqa: B023  # it is called here
            return strides(library, name, images[0] if batch is None else images, *args, **kwargs)  # noqa: B023

        expected = outcome(run, torch)
        if not isinstance(expected, Exception):
            assert run(mt) == expected, (batch, channels, order)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_padded_tensors_have_pytorchs_strides(dims: int, mode: str) -> None:
    for amounts, padded in itertools.product(((1, 1), (0, 1), (0, 0), (-1, 0), (-1, 1)), range(1, dims + 1)):
        compare("pad", list(amounts) * padded, mode=mode, dims=dims)


POOLINGS = ("avg_pool", "max_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool")


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("name", POOLINGS)
def test_pooled_tensors_have_pytorchs_strides(name: str, dims: int) -> None:
    for size in (1, 2, 3, 4):
        compare(f"{name}{dims}d", *((2.0, size) if name == "lp_pool" else (size,)), dims=dims)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("mode", ["nearest", "area"])
def test_resampled_tensors_have_pytorchs_strides(mode: str, dims: int) -> None:
    for size in (1, 2, 3, 6):
        compare("interpolate", size=size, mode=mode, dims=dims)
