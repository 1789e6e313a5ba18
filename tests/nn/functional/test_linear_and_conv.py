"""Linear maps, convolutions and windows against PyTorch, to second order; and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree

RNG = np.random.default_rng(0)


def draw(*shape: int, dtype: str = "float64") -> Any:
    return RNG.standard_normal(shape).astype(dtype)


def functional(name: str, *rest: Any, **options: Any) -> Any:
    """Return a function that calls a function of that name with further arguments."""
    return lambda lib, *tensors: getattr(lib.nn.functional, name)(*tensors, *rest, **options)


# -- linear ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (4,), (2, 4), (2, 1, 3), (0,)], ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_linear_takes_any_leading_dims(lead: tuple[int, ...], bias: bool) -> None:
    agree(functional("linear"), draw(*lead, 3), draw(5, 3), *([draw(5)] if bias else []))


def test_linear_with_one_output_row() -> None:
    agree(functional("linear"), draw(4, 3), draw(3))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_linear_keeps_the_dtype(dtype: str) -> None:
    agree(functional("linear"), draw(4, 3, dtype=dtype), draw(5, 3, dtype=dtype), draw(5, dtype=dtype), order=1)


def test_linear_reads_every_layout() -> None:
    agree(
        lambda lib, x, w, b: lib.nn.functional.linear(x.transpose(0, 1), w.t(), b[::2]),
        draw(3, 4, 2),
        draw(2, 5),
        draw(10),
    )


def test_the_weights_gradient_has_the_weights_layout() -> None:
    weight = mt.ones(5, 3).requires_grad_()
    F.linear(mt.ones(4, 3), weight).sum().backward()
    assert weight.grad.is_contiguous()


def test_bilinear() -> None:
    agree(functional("bilinear"), draw(4, 2), draw(4, 3), draw(5, 2, 3), draw(5))


# -- convolution -------------------------------------------------------------------------------------------------------

CONVS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 6, 7), (4, 3, 3, 3), {}),
    ((2, 3, 6, 7), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 2)}),
    ((2, 3, 7, 7), (4, 3, 2, 3), {"dilation": (2, 1), "padding": 1, "stride": 2}),
    ((2, 4, 5, 5), (6, 2, 3, 3), {"groups": 2}),
    ((2, 4, 5, 5), (4, 1, 3, 3), {"groups": 4, "padding": "same"}),
    ((2, 2, 5, 6), (3, 2, 4, 2), {"padding": "same"}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"padding": "same", "dilation": 2}),
    ((2, 2, 5, 6), (3, 2, 3, 3), {"padding": "valid", "stride": 2}),
    ((3, 5, 5), (2, 3, 3, 3), {"padding": 1}),
    ((2, 3, 5, 5), (2, 3, 1, 1), {}),
    ((1, 1, 5, 5), (1, 1, 5, 5), {}),
]


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@pytest.mark.parametrize(("input", "weight", "options"), CONVS)
@pytest.mark.parametrize("bias", [False, True])
def test_conv2d(input: Any, weight: Any, options: Any, bias: bool) -> None:
    call = lambda lib, x, w, *b: lib.nn.functional.conv2d(x, w, *b, **options)
    agree(call, draw(*input), draw(*weight), *([draw(weight[0])] if bias else []))


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # PyTorch warns once per process
@pytest.mark.parametrize(
    ("input", "weight", "options"),
    [
        ((2, 3, 8), (4, 3, 3), {}),
        ((2, 3, 8), (4, 3, 2), {"stride": 2, "padding": 1, "dilation": 2}),
        ((2, 4, 8), (4, 2, 4), {"padding": "same", "groups": 2}),
        ((3, 8), (4, 3, 3), {"padding": (1,)}),
    ],
)
def test_conv1d(input: Any, weight: Any, options: Any) -> None:
    call = lambda lib, x, w, b: lib.nn.functional.conv1d(x, w, b, **options)
    agree(call, draw(*input), draw(*weight), draw(weight[0]))


@pytest.mark.parametrize(
    ("input", "weight", "options"),
    [
        ((2, 3, 4, 5), (3, 4, 3, 3), {}),
        ((2, 3, 4, 5), (3, 4, 3, 2), {"stride": 2, "padding": 1, "output_padding": (1, 0)}),
        ((2, 4, 4, 4), (4, 3, 2, 2), {"groups": 2, "dilation": 2}),
        ((3, 4, 5), (3, 4, 3, 3), {"stride": (1, 2)}),
    ],
)
def test_conv_transpose2d(input: Any, weight: Any, options: Any) -> None:
    call = lambda lib, x, w, b: lib.nn.functional.conv_transpose2d(x, w, b, **options)
    agree(call, draw(*input), draw(*weight), draw(weight[1] * options.get("groups", 1)))


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 5)])
def test_conv_transpose1d(shape: Any) -> None:
    call = lambda lib, x, w, b: lib.nn.functional.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1)
    agree(call, draw(*shape), draw(3, 4, 3), draw(4))


def test_convolution_in_single_and_half_precision() -> None:
    for dtype in ("float32", "float16"):
        image, weight, bias = [np.abs(draw(*shape, dtype=dtype)) for shape in [(2, 3, 8, 8), (4, 3, 3, 3), (4,)]]
        agree(functional("conv2d", padding=1), image, weight, bias, order=1)


def test_the_gradient_of_a_convolution_is_a_convolution_with_the_flipped_kernel() -> None:
    x, kernel = mt.from_numpy(draw(1, 1, 8)).requires_grad_(), mt.from_numpy(draw(1, 1, 3))
    F.conv1d(x, kernel).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), F.conv1d(mt.ones(1, 1, 6).double(), kernel.flip(2), padding=2).numpy())


REFUSED = [
    (
        lambda: F.linear(mt.ones(4, 3), mt.ones(5, 2)),
        RuntimeError,
        r"input of shape \(4, 3\), weight of shape \(5, 2\)",
    ),
    (
        lambda: F.linear(mt.ones(4, 3), mt.ones(5, 3), mt.ones(4)),
        RuntimeError,
        r"bias has shape \(4,\), but the weight has 5",
    ),
    (lambda: F.linear(mt.ones(4, 3), mt.ones(5, 3).double()), RuntimeError, "same dtype"),
    (lambda: F.linear(mt.ones(4, 3), mt.ones(5, 3), 1.0), TypeError, "'bias' must be a tensor, not float"),
    (
        lambda: F.conv2d(mt.ones(1, 2, 5, 5), mt.ones(4, 3, 3, 3)),
        RuntimeError,
        r"shape \(4, 3, 3, 3\), expected input of shape \(1, 2, 5, 5\) to have 3 channels, but got 2",
    ),
    (
        lambda: F.conv2d(mt.ones(5, 5), mt.ones(4, 3, 3, 3)),
        RuntimeError,
        r"3D \(unbatched\) or 4D \(batched\) input, but got input of shape \(5, 5\)",
    ),
    (lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3)), RuntimeError, "expected a 4D weight"),
    (
        lambda: F.conv2d(mt.ones(1, 3, 2, 2), mt.ones(4, 3, 3, 3)),
        RuntimeError,
        r"shape \(1, 3, 2, 2\), weight of shape \(4, 3, 3, 3\): .*greater than actual input",
    ),
    (
        lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3), mt.ones(3)),
        RuntimeError,
        "bias to be 1-dimensional with 4 elements",
    ),
    (
        lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3).double()),
        RuntimeError,
        "input has dtype float32, but weight has float64",
    ),
    (lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3), stride=2, padding="same"), ValueError, "strided"),
    (
        lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3), padding="most"),
        ValueError,
        "'valid' or 'same', got 'most'",
    ),
    (
        lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3), stride=0),
        RuntimeError,
        "stride should be greater than zero",
    ),
    (
        lambda: F.conv2d(mt.ones(1, 3, 5, 5), mt.ones(4, 3, 3, 3), stride=(1, 2, 3)),
        RuntimeError,
        "stride to be a single integer value or a list of 2",
    ),
    (lambda: F.conv2d(mt.ones(1, 4, 5, 5), mt.ones(3, 2, 3, 3), groups=2), RuntimeError, "do not divide into 2 groups"),
    (lambda: F.conv2d(mt.ones(1, 4, 5, 5), 3), TypeError, "'weight' must be a tensor, not int"),
    (
        lambda: F.conv_transpose2d(mt.ones(1, 2, 5, 5), mt.ones(3, 4, 3, 3)),
        RuntimeError,
        "to have 3 channels, but got 2",
    ),
    (
        lambda: F.conv_transpose2d(mt.ones(1, 2, 5, 5), mt.ones(2, 4, 3, 3), output_padding=1),
        RuntimeError,
        "output padding must be smaller",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_a_misuse_names_what_was_given(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call()


# -- windows and pixels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"padding": (1, 0), "stride": 2}, {"dilation": 2, "padding": 1}])
def test_unfold_and_fold(options: Any) -> None:
    agree(functional("unfold", (2, 3), **options), draw(2, 3, 6, 7))
    columns = F.unfold(mt.zeros(2, 3, 6, 7), (2, 3), **options).shape
    agree(functional("fold", (6, 7), (2, 3), **options), draw(*columns))


def test_unfold_of_one_image() -> None:
    agree(functional("unfold", 2), draw(3, 4, 5))


def test_a_convolution_is_a_matrix_product_with_unfolded_windows() -> None:
    image, kernels = mt.from_numpy(draw(1, 3, 227, 227)), mt.from_numpy(draw(96, 3, 11, 11))
    columns = F.unfold(image, 11, stride=4)
    assert columns.shape == (1, 363, 3025)
    product = kernels.reshape(96, 363) @ columns[0]
    np.testing.assert_allclose(
        product.reshape(1, 96, 55, 55).numpy(), F.conv2d(image, kernels, stride=4).numpy(), atol=1e-9
    )


def test_fold_refuses_shapes_that_unfold_never_gives() -> None:
    with pytest.raises(RuntimeError, match=r"expected input \(N, C \* 4, 9\), got shape \(1, 8, 8\)"):
        F.fold(mt.ones(1, 8, 8), (4, 4), 2)


def test_pixel_unshuffle_reverses_pixel_shuffle() -> None:
    agree(functional("pixel_shuffle", 2), draw(2, 8, 3, 4))
    agree(functional("pixel_unshuffle", 2), draw(2, 3, 6, 4))
    agree(functional("pixel_shuffle", 3), draw(9, 2, 2))


# -- padding -----------------------------------------------------------------------------------------------------------

PADS = [
    ((2, 3, 4), (1, 2), "constant"),
    ((2, 3, 4), (1, -2, 0, 3), "constant"),
    ((2, 3, 4), (-1, -1, 1, 0, 2, -1), "constant"),
    ((2, 3, 4), (3, 2), "reflect"),
    ((2, 3, 4, 5), (1, 2, 3, 0), "reflect"),
    ((3, 4), (2, 1), "reflect"),
    ((2, 3, 4), (5, 2), "replicate"),
    ((2, 3, 4, 5), (1, 2, 3, 6), "replicate"),
    ((1, 2, 3, 3, 3), (1, 1, 2, 0, 0, 1), "replicate"),
    ((2, 3, 4), (4, 2), "circular"),
    ((2, 3, 4, 5), (1, 2, 3, 0), "circular"),
]


@pytest.mark.parametrize(("shape", "amounts", "mode"), PADS)
def test_pad(shape: Any, amounts: Any, mode: str) -> None:
    agree(functional("pad", amounts, mode), draw(*shape))


def test_pad_with_a_value() -> None:
    agree(functional("pad", (1, 1), value=2.5), draw(2, 3))
    agree(functional("pad", (1, 1), value=7), np.arange(3), order=0)


@pytest.mark.parametrize(
    ("amounts", "options", "error", "words"),
    [
        ((1,), {}, RuntimeError, "two amounts for each"),
        ((1, 1, 1, 1, 1, 1), {}, RuntimeError, "two amounts for each"),
        ((4, 0), {"mode": "reflect"}, RuntimeError, r"less than .* padding \(4, 0\) at dimension 1 of input \(3, 4\)"),
        ((5, 0), {"mode": "circular"}, RuntimeError, r"at most .* padding \(5, 0\)"),
        ((-3, -2), {}, RuntimeError, "would be negative"),
        ((1, 1), {"mode": "mirror"}, ValueError, "got 'mirror'"),
        ((1, 1), {"mode": "reflect", "value": 3}, ValueError, "doesn't take a value"),
    ],
)
def test_pad_names_the_mistake(amounts: Any, options: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        F.pad(mt.ones(3, 4), amounts, **options)
