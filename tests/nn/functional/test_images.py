"""Resizing, sampling, padding and unpooling against PyTorch, to second order; and errors."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt
import minitensor.nn.functional as F
from ops.twin import agree

RNG = np.random.default_rng(0)
MODES = {"nearest": (1, 2, 3), "nearest-exact": (1, 2, 3), "linear": (1,), "bilinear": (2,), "bicubic": (2,),
         "trilinear": (3,), "area": (1, 2, 3)}  # fmt: skip


def draw(*shape: int) -> Any:
    return RNG.permutation(int(np.prod(shape))).reshape(shape) / 7.0


# -- interpolate -------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([(mode, dims) for mode, counts in MODES.items() for dims in counts]),
    st.integers(1, 9), st.integers(1, 14), st.sampled_from((None, 0.0, 0.07, 0.31)), st.booleans(), st.booleans(),
    st.sampled_from(("float32", "float64")),
)  # fmt: skip
def test_interpolation_equals_pytorch(
    mode_dims: tuple[str, int], length: int, count: int, extra: float | None, align: bool, smooth: bool, dtype: str
) -> None:
    torch = pytest.importorskip("torch")
    mode, dims = mode_dims
    options: dict[str, Any] = {"size": count} if extra is None else {"scale_factor": count / length + extra}
    assume(int(length * options.get("scale_factor", 1)) >= 1)
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        options["align_corners"] = align
    if mode in ("bilinear", "bicubic"):
        options["antialias"] = smooth
    image = np.random.default_rng(length).standard_normal((1, 2, *[length] * dims)).astype(dtype)
    expected = torch.nn.functional.interpolate(torch.from_numpy(image), mode=mode, **options)
    found = F.interpolate(mt.tensor(image), mode=mode, **options)
    assert found.shape == tuple(expected.shape)
    # A position near 100 has seven digits in single precision, and so has its interpolation weight.
    tolerance = 3e-5 if dtype == "float32" else 1e-11
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_channels_last_stays_channels_last(mode: str) -> None:
    image = mt.tensor(draw(2, 3, 4, 5)).contiguous(memory_format=mt.channels_last)
    bigger = F.interpolate(image, (6, 7), mode=mode)
    assert bigger.is_contiguous(memory_format=mt.channels_last)
    assert bigger.tolist() == F.interpolate(image.contiguous(), (6, 7), mode=mode).tolist()


def test_same_size_is_a_copy() -> None:
    image = mt.tensor(draw(1, 1, 3, 3))
    same = F.interpolate(image, 3, mode="bilinear")
    same.zero_()
    assert image.count_nonzero() > 0


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda x: F.interpolate(x), ValueError, "exactly one of size and scale_factor must be given"),
    (lambda x: F.interpolate(x, 2, mode="cubic"), NotImplementedError, "mode must be one of nearest"),
    (lambda x: F.interpolate(x, 2, mode="linear"), NotImplementedError, "mode 'linear' takes 3D input"),
    (lambda x: F.interpolate(x, 2, align_corners=True), ValueError, "align_corners can only be set"),
    (lambda x: F.interpolate(x, (1, 2, 3)), ValueError, "size must be one number or 2"),
    (lambda x: F.interpolate(x, 2.5), TypeError, "size must be ints, got 2.5"),
    (lambda x: F.interpolate(x, 0), RuntimeError, "sizes should be greater than 0"),
    (lambda x: F.interpolate(x.long(), 2, mode="bilinear"), NotImplementedError, "not implemented for int64"),
])  # fmt: skip
def test_interpolation_refuses(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(mt.tensor(draw(1, 2, 3, 3)))


# -- grid_sample and affine_grid ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(
    ("mode", "dims"), [("bilinear", 2), ("nearest", 2), ("bicubic", 2), ("bilinear", 3), ("nearest", 3)]
)
def test_grid_sample(mode: str, dims: int, edges: str, align_corners: bool) -> None:
    random = np.random.default_rng(dims)
    image = random.standard_normal((2, 3, *[4] * dims))
    places = random.uniform(-2.2, 2.2, (2, *[3] * dims, dims))
    agree(lambda lib, x, g: lib.nn.functional.grid_sample(x, g, mode, edges, align_corners), image, places)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
@pytest.mark.parametrize(("mode", "dims"), [("bilinear", 2), ("bicubic", 2), ("bilinear", 3)])
def test_slopes_at_the_middles_of_pixels_are_of_pytorchs_side(
    mode: str, dims: int, edges: str, align_corners: bool
) -> None:
    """A network that warps images starts with the identity: there, rounding decides between two slopes."""
    torch = pytest.importorskip("torch")
    for size, scale in product((2, 7, 10, 13, 28, 33) if dims == 2 else (3, 7, 10), (1, 0.5, -1)):
        image = np.random.default_rng(size).random((1, 1, *[size] * dims), "float32")
        slopes = []
        for lib in (mt, torch):
            theta = scale * lib.eye(dims, dims + 1).unsqueeze(0)
            places = lib.nn.functional.affine_grid(theta, image.shape, align_corners).requires_grad_()
            lib.nn.functional.grid_sample(lib.tensor(image), places, mode, edges, align_corners).sum().backward()
            slopes.append(places.grad.numpy())
        np.testing.assert_allclose(*slopes, atol=1e-3)


@pytest.mark.parametrize("edges", ["zeros", "border", "reflection"])
def test_far_away_points_read_no_memory(edges: str) -> None:
    far = mt.tensor([[[[1e30, -1e30], [float("inf"), 0.0], [float("nan"), 0.0]]]])
    image = mt.ones(1, 1, 2, 2)
    found = F.grid_sample(image, far, padding_mode=edges, align_corners=False)
    assert found.shape == (1, 1, 1, 3)
    if edges == "zeros":
        assert found.tolist() == [[[[0.0, 0.0, 0.0]]]]


def test_affine_grid_and_grid_sample_shift_an_image() -> None:
    image = mt.arange(12.0).view(1, 1, 3, 4)
    theta = mt.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]])
    shifted = F.grid_sample(image, F.affine_grid(theta, (1, 1, 3, 4), align_corners=False), align_corners=False)
    expected = mt.zeros(1, 1, 3, 4)
    expected[..., :3] = image[..., 1:]
    assert mt.allclose(shifted, expected)


# -- padding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("shape", "amounts"), [
    ((1, 2, 5), (2, 3)), ((2, 3, 4), (-1, 2)), ((1, 2, 4, 5), (1, 2, 3, 0)), ((1, 2, 4, 5), (-1, 2, -2, 1)),
    ((1, 1, 3, 4, 5), (1, 2, 2, 1, 0, 2)),
])  # fmt: skip
def test_padding_modes(mode: str, shape: Any, amounts: Any) -> None:
    agree(lambda lib, x: lib.nn.functional.pad(x, amounts, mode), draw(*shape))


def test_padding_keeps_the_dtype_and_the_sign_of_zero() -> None:
    assert F.pad(mt.tensor([[[True, False]]]), (1, 1), "circular").tolist() == [[[False, True, False, True]]]
    assert F.pad(mt.tensor([[[1, 2]]]), (1, 1), "replicate").tolist() == [[[1, 1, 2, 2]]]
    assert F.pad(mt.tensor([[[-0.0, 1.0]]]), (1, 0), "replicate").signbit().tolist() == [[[True, True, False]]]


# -- unpooling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpooling_puts_values_back_where_pooling_took_them(dims: int) -> None:
    def round_trip(lib: Any, x: Any) -> Any:
        pool, unpool = (getattr(lib.nn.functional, f"max_{name}{dims}d") for name in ("pool", "unpool"))
        values, indices = pool(x, 2, return_indices=True)
        return unpool(values, indices, 2, output_size=x.shape)

    agree(round_trip, draw(2, 3, *[5] * dims))


def test_unpooling_refuses_indices_out_of_range() -> None:
    with pytest.raises(RuntimeError, match="found an invalid max index: 9"):
        F.max_unpool1d(mt.ones(1, 1, 2), mt.tensor([[[0, 9]]]), 2)
    with pytest.raises(ValueError, match="a size must lie between 2 and 6"):
        F.max_unpool1d(mt.ones(1, 1, 2), mt.tensor([[[0, 1]]]), 2, output_size=(7,))
