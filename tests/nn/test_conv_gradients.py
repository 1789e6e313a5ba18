"""``nn.grad``: the gradients of convolutions as functions, as PyTorch's, and differentiable."""

from __future__ import annotations

from typing import Any

import pytest

import minitensor as mt

OPTIONS = ({}, {"stride": 2}, {"padding": 1, "dilation": 2}, {"stride": 2, "padding": 1, "groups": 2})


def tensors(lib: Any, dims: int, options: dict[str, int]) -> tuple[Any, Any, Any]:
    lib.manual_seed(0)
    x = lib.randn(2, 4, *[7] * dims, dtype=lib.float64)
    w = lib.randn(6, 4 // options.get("groups", 1), *[3] * dims, dtype=lib.float64)
    return x, w, lib.randn_like(getattr(lib, f"conv{dims}d")(x, w, **options))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_gradients_by_input_and_weight_are_pytorchs(dims: int, options: dict[str, int]) -> None:
    torch = pytest.importorskip("torch")
    results = []
    for lib in (torch, mt):
        x, w, g = tensors(lib, dims, options)
        results.append([
            getattr(lib.nn.grad, f"conv{dims}d_input")(x.shape, w, g, **options),
            getattr(lib.nn.grad, f"conv{dims}d_weight")(x, w.shape, g, **options),
        ])
    for theirs, ours in zip(*results, strict=True):
        mt.testing.assert_close(ours, mt.tensor(theirs.numpy()))
        assert not ours.requires_grad


def test_they_can_be_differentiated() -> None:
    _, w, g = tensors(mt, 1, {})
    w.requires_grad_()
    mt.nn.grad.conv1d_input((2, 4, 7), w, g).square().sum().backward()
    assert w.grad is not None and w.grad.shape == w.shape
    with mt.no_grad():
        assert not mt.nn.grad.conv1d_input((2, 4, 7), w, g).requires_grad


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("operand", ["input", "weight"])
def test_a_gradient_of_a_convolution_has_pytorchs_node(dims: int, operand: str) -> None:
    torch = pytest.importorskip("torch")

    def name(library: Any) -> str:
        input, weight = library.ones(1, 3, *[5] * dims), library.ones(2, 3, *[2] * dims)
        given = {"input": (input.shape, weight), "weight": (input, weight.shape)}[operand]
        grad_output = library.ones(1, 2, *[4] * dims, requires_grad=True)
        found = getattr(library.nn.grad, f"conv{dims}d_{operand}")(*given, grad_output)
        return str(found.grad_fn.name())

    assert name(mt) == name(torch)
