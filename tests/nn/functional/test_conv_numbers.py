"""Every combination of a convolution's options, plain and transposed: values, gradients and errors are PyTorch's."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor

Options = dict[str, Any]


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


def numbers(kernels: tuple[int, ...], groups: tuple[int, ...], extra: tuple[int, ...]) -> Iterator[tuple[int, Options]]:
    """Return kernel sizes with strides, paddings, dilations, groups and, for the transpose, output paddings."""
    few = (0, 1, 2)
    for kernel, stride, padding, more, dilation, group in itertools.product(
        kernels, (1, 2, 3), few, extra, (1, 2, 3), groups
    ):
        yield kernel, {"stride": stride, "padding": padding, "dilation": dilation, "groups": group} | (
            {"output_padding": more} if extra != (0,) else {}
        )


def draw(seed: int, *shape: int) -> Any:
    return np.random.RandomState(seed).standard_normal(shape)


def outcome(lib: Any, run: Callable[..., list[Any]], *given: Any) -> Any:
    """Return the results as arrays, or the error."""
    try:
        return [each.detach().numpy() for each in run(lib, *given)]
    except Exception as error:
        return error


def agree(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, Exception):
        return isinstance(ours, type(theirs)) and isinstance(ours, minitensor.errors.MinitensorError)
    return not isinstance(ours, Exception) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=1e-10, atol=1e-10) for a, b in zip(ours, theirs, strict=True)
    )


def convolve(lib: Any, name: str, arrays: list[Any], options: Options) -> list[Any]:
    """Return a convolution and its gradients."""
    leaves = [lib.tensor(each, requires_grad=True) for each in arrays]
    output = getattr(lib.nn.functional, name)(*leaves, **options)
    return [output, *lib.autograd.grad(output.sin().sum(), leaves)]


def is_empty(ours: Any) -> bool:
    """Return whether the output is empty, which PyTorch refuses only in float64; see test_empty_outputs.py."""
    return isinstance(ours, list) and not ours[0].size


def mismatches(torch: ModuleType, name: str, dims: int, each: Iterator[tuple[int, Options]]) -> list[Any]:
    """Return the calls on which the libraries differ; every second image has no batch dim."""
    found = []
    for k, (kernel, options) in enumerate(each):
        image = (4, 4, 3, 5)[: dims + 1] if k % 2 else (2, 4, 4, 3, 5)[: dims + 2]
        arrays = [draw(k, *image), draw(k + 1, 4, 4 // options["groups"], *(kernel,) * dims), draw(k + 2, 4)]
        ours, theirs = [outcome(lib, convolve, name, arrays, options) for lib in (minitensor, torch)]
        if not agree(ours, theirs) and not (isinstance(theirs, Exception) and is_empty(ours)):
            found.append((image, kernel, options, ours))
    return found


@pytest.mark.parametrize(("dims", "kernels", "groups"), [(1, (1, 3), (1, 2, 4)), (2, (1, 2), (1, 4)), (3, (2,), (2,))])
@pytest.mark.parametrize("transposed", [False, True], ids=["conv", "conv_transpose"])
def test_every_combination_of_options(
    torch: ModuleType, transposed: bool, dims: int, kernels: tuple[int, ...], groups: tuple[int, ...]
) -> None:
    name = f"conv_transpose{dims}d" if transposed else f"conv{dims}d"
    assert not mismatches(torch, name, dims, numbers(kernels, groups, (0, 1, 2) if transposed else (0,)))


def convolve_by_layer(lib: Any, dims: int, kernel: int, wanted: int, options: Options) -> list[Any]:
    """Return the output of a transposed convolution layer with a given output size, and its gradients."""
    lib.manual_seed(0)
    layer = getattr(lib.nn, f"ConvTranspose{dims}d")(4, 4, kernel, dtype=lib.float64, **options)
    input = lib.tensor(draw(1, 2, 4, 4, 3, 5)[(slice(None),) * (dims + 2) + (0,) * (3 - dims)], requires_grad=True)
    output = layer(input, output_size=[wanted + size for size in input.shape[2:]])
    return [output, *lib.autograd.grad(output.sin().sum(), [input, *layer.parameters()])]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_a_layer_gives_the_requested_output_size(torch: ModuleType, dims: int) -> None:
    wrong = []
    for wanted, (kernel, options) in itertools.product((0, 1, 2, 5), numbers((1, 2), (2,), (0,))):
        ours, theirs = [outcome(lib, convolve_by_layer, dims, kernel, wanted, options) for lib in (minitensor, torch)]
        if not agree(ours, theirs):
            wrong.append((wanted, kernel, options, ours))
    assert not wrong


def test_output_padding_at_stride_one_leaves_room_for_a_bias() -> None:
    """By hand: an entry of 2, spread over taps two apart, then one more output, each with the bias."""
    taps, bias = minitensor.tensor([[[1.0, 3.0]]]), minitensor.tensor([0.5])
    spread = minitensor.nn.functional.conv_transpose1d(
        minitensor.tensor([[[2.0]]]), taps, bias, output_padding=1, dilation=2
    )
    assert spread.tolist() == [[[2.5, 0.5, 6.5, 0.5]]]
