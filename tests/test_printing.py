"""Printing against PyTorch: the text of any array, with any options, is exactly PyTorch's."""

from __future__ import annotations

import contextlib

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor import dtypes as D
from minitensor import printing as P
from minitensor.errors import ArgumentError
from minitensor.ops.creation import ones

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _restore_options():
    yield
    P.set_printoptions(profile="default")
    torch.set_printoptions(profile="default")


@contextlib.contextmanager
def both(**options):
    with P.printoptions(**options):
        torch.set_printoptions(**options)
        try:
            yield
        finally:
            torch.set_printoptions(profile="default")


def ours(array, **facts):
    return P.tensor_str(array, dtype=D.from_numpy(array.dtype), **facts)


def theirs(array):
    return repr(torch.from_numpy(array))


def assert_same_text(array):
    assert ours(array) == theirs(array)


def floats(width):
    """Numbers of one magnitude, of many, whole, special: these select the different formats."""
    dtype = np.dtype(f"f{width // 8}").type
    special = st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-4, 0.00011, 1000.0, 1001.0, 0.5, 1e8, 2.5])
    whole = st.integers(-2000, 2000).map(float)
    near = st.floats(-5, 5)
    some = st.one_of(special, whole, near, st.floats(-1e9, 1e9))
    with np.errstate(all="ignore"):
        return st.one_of(whole, near, some, st.floats(width=width)).map(lambda x: x if width == 64 else float(dtype(x)))


def elements(dtype):
    if dtype.is_floating_point:
        return floats(8 * dtype.itemsize)
    if dtype.is_complex:
        part = floats(4 * dtype.itemsize)
        return st.builds(complex, part, part)
    return hnp.from_dtype(dtype.numpy)


shapes = st.one_of(
    hnp.array_shapes(min_dims=0, max_dims=1, min_side=0, max_side=40),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
)


@st.composite
def arrays(draw, shapes=shapes):
    dtype = draw(st.sampled_from(D.DTYPES))
    with np.errstate(over="ignore"):
        return draw(hnp.arrays(dtype.numpy, draw(shapes), elements=elements(dtype)))


options = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 8),
        "threshold": st.integers(0, 60),
        "edgeitems": st.integers(0, 4),
        "linewidth": st.integers(10, 120),
        "profile": st.sampled_from(["default", "short", "full"]),
        "sci_mode": st.sampled_from([None, True, False]),
    },
)


@given(array=arrays())
def test_any_array_prints_as_in_pytorch(array):
    assert_same_text(array)


@given(array=arrays(), options=options)
def test_any_array_prints_as_in_pytorch_with_any_options(array, options):
    with both(**options):
        assert P.get_printoptions() == torch._tensor_str.get_printoptions()
        assert_same_text(array)


@given(array=arrays(), axes=st.randoms())
def test_the_layout_does_not_change_the_text(array, axes):
    order = list(range(array.ndim))
    axes.shuffle(order)
    moved = array.transpose(order)
    assert ours(moved) == ours(moved.copy())


@pytest.mark.parametrize("dtype", D.DTYPES, ids=repr)
@pytest.mark.parametrize("shape", [(1001,), (50, 50), (2, 600), (600, 2), (11, 10, 10), (3, 3, 4, 40), (1000,)])
def test_a_large_tensor_is_summarized_as_in_pytorch(dtype, shape):
    array = (np.random.default_rng(0).standard_normal(shape) * 100).astype(dtype.numpy)
    assert_same_text(array)
    assert_same_text(array.transpose())


@pytest.mark.parametrize("magnitude", [1e-8, 1e-5, 9.99e-5, 1e-4, 1.0, 1e3, 1e8, 1.01e8, 1e12])
@pytest.mark.parametrize("dtype", [D.float16, D.float32, D.float64], ids=repr)
def test_magnitudes_choose_the_format_as_in_pytorch(magnitude, dtype):
    with np.errstate(all="ignore"):
        array = (np.array([1.0, -2.0, 0.3, 0.0, 1000.0]) * magnitude).astype(dtype.numpy)
    assert_same_text(array)
    assert_same_text(array[:1])
    assert_same_text(array[1, ...])


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0, 2), (0, 0)])
@pytest.mark.parametrize("dtype", D.DTYPES, ids=repr)
def test_an_empty_tensor_shows_its_shape(shape, dtype):
    assert_same_text(np.zeros(shape, dtype.numpy))


@given(array=arrays(), linewidth=st.integers(10, 130), name=st.sampled_from(["MulBackward0", None]))
def test_the_grad_fn_wraps_as_in_pytorch(array, linewidth, name):
    if array.dtype.kind not in "fc":
        return
    tensor = torch.from_numpy(array).requires_grad_()
    with both(linewidth=linewidth):
        if name is None:
            assert ours(array, requires_grad=True) == repr(tensor)
            return
        product = tensor * 1
        assert ours(product.detach().numpy(), requires_grad=True, grad_fn_name=name) == repr(product)


@given(array=arrays(), linewidth=st.integers(10, 130))
def test_the_indent_is_the_prefixs_length(array, linewidth):
    class Image(torch.Tensor):
        pass

    with both(linewidth=linewidth):
        assert ours(array, prefix="Image(") == repr(torch.from_numpy(array).as_subclass(Image))


def test_the_device_is_shown_first_unless_it_is_the_cpu():
    array = np.zeros((0, 2))
    assert ours(array, device="cuda:0") == "tensor([], device='cuda:0', size=(0, 2), dtype=torch.float64)"
    assert ours(np.ones(2), device="cuda:1", requires_grad=True) == (
        "tensor([1., 1.], device='cuda:1', dtype=torch.float64, requires_grad=True)"
    )


@pytest.mark.parametrize("default", [D.float16, D.float32, D.float64], ids=repr)
@pytest.mark.parametrize("dtype", D.DTYPES, ids=repr)
def test_the_default_dtype_is_not_shown(default, dtype):
    D.set_default_dtype(default)
    torch.set_default_dtype(getattr(torch, default.name))
    try:
        assert_same_text(np.ones(3, dtype.numpy))
        assert_same_text(np.ones((0, 3), dtype.numpy))
    finally:
        D.set_default_dtype(D.float32)
        torch.set_default_dtype(torch.float32)


class TestOptions:
    def test_a_with_block_restores_the_options(self):
        P.set_printoptions(precision=2, sci_mode=True)
        before = P.get_printoptions()
        with pytest.raises(KeyError), P.printoptions(profile="full", linewidth=20):
            assert P.get_printoptions()["threshold"] == float("inf")
            raise KeyError
        assert P.get_printoptions() == before

    def test_sci_mode_goes_back_to_none_as_in_pytorch(self):
        P.set_printoptions(sci_mode=True)
        P.set_printoptions(precision=3)
        assert P.get_printoptions()["sci_mode"] is None

    def test_a_profile_resets_the_same_options_as_pytorchs(self):
        for profile in ("short", "full", "default"):
            P.set_printoptions(profile=profile, precision=7)
            torch.set_printoptions(profile=profile, precision=7)
            assert P.get_printoptions() == torch._tensor_str.get_printoptions()

    def test_an_unknown_profile_is_refused(self):
        with pytest.raises(ArgumentError, match="no profile is called 'fancy'"):
            P.set_printoptions(profile="fancy")


def test_an_expanded_tensor_is_printed_without_being_copied() -> None:
    assert repr(ones(1).expand(1 << 40)) == "tensor([1., 1., 1.,  ..., 1., 1., 1.])"
    shape = (7, 1 << 20, 1 << 20)
    assert repr(ones(1, 1, 1).expand(shape)).count("1.") == 216
