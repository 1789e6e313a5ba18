"""Dtypes against PyTorch: tables of all pairs, and laws about lifted numbers."""

from __future__ import annotations

import copy
import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor import dtypes as D
from minitensor import scalars as S
from minitensor.errors import ArgumentTypeError, DtypeError

torch = pytest.importorskip("torch")

PAIRS = list(itertools.product(D.DTYPES, D.DTYPES))
NUMBERS = [True, 2, 1.5, 1j]


@pytest.fixture(autouse=True)
def _restore_default_dtype():
    yield
    D.set_default_dtype(D.float32)
    torch.set_default_dtype(torch.float32)


def theirs(dtype):
    return getattr(torch, dtype.name)


def same(ours, their_dtype):
    return repr(ours) == repr(their_dtype)


each_dtype = pytest.mark.parametrize("dtype", D.DTYPES, ids=repr)


@each_dtype
def test_a_dtype_has_pytorchs_attributes_and_text(dtype):
    their = theirs(dtype)
    assert repr(dtype) == repr(their) == str(dtype)
    for name in ("itemsize", "is_floating_point", "is_complex", "is_signed", "abbr"):
        assert getattr(dtype, name) == getattr(their, name)
    assert same(dtype.to_real(), their.to_real())
    assert dtype.numpy == np.dtype(dtype.name)


@each_dtype
def test_to_complex_is_pytorchs_except_for_half(dtype):
    if dtype is D.float16:
        assert dtype.to_complex() is D.complex64
        return
    try:
        wanted = theirs(dtype).to_complex()
    except RuntimeError:
        with pytest.raises(DtypeError, match="has no complex dtype"):
            dtype.to_complex()
    else:
        assert same(dtype.to_complex(), wanted)


@each_dtype
def test_pickling_and_copying_give_the_same_object(dtype):
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    assert copy.deepcopy(dtype) is dtype and copy.copy(dtype) is dtype


def test_the_aliases_are_pytorchs():
    for name in ("half", "float", "double", "short", "int", "long", "cfloat", "cdouble", "bool"):
        assert same(D.find_dtype(name), getattr(torch, name))
    assert (D.float_, D.int_, D.bool_) == (D.float32, D.int32, D.find_dtype("bool"))


def test_there_are_no_other_dtypes():
    with pytest.raises(TypeError, match="cannot create"):
        D.dtype("float32")
    with pytest.raises(TypeError, match="no dtype is called 'float33'"):
        D.find_dtype("float33")


@each_dtype
def test_from_numpy_is_the_inverse_of_numpy(dtype):
    assert D.from_numpy(dtype.numpy) is dtype
    assert D.from_numpy(dtype.numpy.type) is dtype
    assert D.from_numpy(dtype.numpy.newbyteorder()) is dtype
    assert D.from_numpy(repr(dtype)) is dtype and D.from_numpy(dtype) is dtype


TEXTS_AND_THE_LIKE = [np.array(["a"]), np.array([object()]), np.zeros(1, "M8[s]")]


@pytest.mark.parametrize("array", TEXTS_AND_THE_LIKE, ids=lambda array: str(array.dtype))
def test_from_numpy_refuses_as_pytorch_does(array):
    with pytest.raises(TypeError) as wanted:
        torch.from_numpy(array)
    with pytest.raises(TypeError) as got:
        D.from_numpy(array.dtype)
    assert str(got.value).split(".")[:2] == str(wanted.value).split(".")[:2]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=repr)
def test_promotion_is_pytorchs(a, b):
    assert same(D.promote_types(a, b), torch.promote_types(theirs(a), theirs(b)))
    assert D.can_cast(a, b) == torch.can_cast(theirs(a), theirs(b))


def test_promote_types_accepts_only_dtypes():
    with pytest.raises(TypeError, match="takes two dtypes"):
        D.promote_types(D.float32, "float32")


RANKS = [
    (D.Kind.DIMENSIONED, lambda dtype: torch.ones(2, dtype=theirs(dtype))),
    (D.Kind.ZERO_DIM, lambda dtype: torch.ones((), dtype=theirs(dtype))),
]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=repr)
def test_result_type_of_two_tensors_is_pytorchs(a, b):
    for (kind_a, make_a), (kind_b, make_b) in itertools.product(RANKS, RANKS):
        wanted = torch.result_type(make_a(a), make_b(b))
        got = D.result_type([(a, kind_a), (b, kind_b)])
        assert got is (D.complex64 if wanted == torch.complex32 else D.find_dtype(str(wanted)))


@pytest.mark.parametrize("default", [D.float16, D.float32, D.float64], ids=repr)
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
@each_dtype
def test_a_number_with_a_tensor_promotes_as_in_pytorch(dtype, number, default):
    D.set_default_dtype(default)
    torch.set_default_dtype(theirs(default))
    for kind, make in RANKS:
        wanted = torch.result_type(make(dtype), number)
        if wanted == torch.complex32:
            wanted = torch.complex64
        assert same(S.number_dtype(number, dtype), wanted)
        assert same(D.result_type([(S.dtype_of_number(number), D.Kind.NUMBER), (dtype, kind)]), wanted)


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NUMBERS, NUMBERS)), ids=repr)
def test_two_numbers_promote_as_in_pytorch(a, b):
    got = D.result_type((S.dtype_of_number(each), D.Kind.NUMBER) for each in (a, b))
    assert same(got, torch.result_type(a, b))


@given(
    st.lists(
        st.tuples(st.sampled_from(D.DTYPES), st.sampled_from([D.Kind.DIMENSIONED, D.Kind.ZERO_DIM])),
        min_size=1,
        max_size=3,
    )
)
def test_the_order_of_operands_does_not_matter(operands):
    """PyTorch's `result_type` takes only pairs; three operands are tested by laws: any order, the highest category."""
    got = D.result_type(operands)
    assert all(D.result_type(order) is got for order in itertools.permutations(operands))
    assert got.category == max(dtype.category for dtype, _ in operands)


def test_result_type_of_nothing_raises():
    with pytest.raises(ArgumentTypeError, match="at least one operand"):
        D.result_type([])


def test_numpy_scalars_are_numbers_of_their_kind():
    assert S.number_dtype(np.float32(1.5), D.float64) is D.float64
    assert S.number_dtype(np.float64(1.5), D.int8) is D.float32
    assert S.number_dtype(np.int8(3), D.bool_) is D.int64
    with pytest.raises(TypeError, match="expected a number"):
        S.number_dtype("1", D.float32)


class TestDefaultDtype:
    def test_it_is_float32_and_can_be_any_float_dtype(self):
        assert D.get_default_dtype() is D.float32
        D.set_default_dtype(D.float64)
        assert D.get_default_dtype() is D.float64 is S.dtype_of_number(1.0)

    @pytest.mark.parametrize("wrong", [D.int32, D.complex64, "float32", None, np.float32], ids=repr)
    def test_others_are_refused_as_in_pytorch(self, wrong):
        with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
            D.set_default_dtype(wrong)
        assert D.get_default_dtype() is D.float32


LIMITS = ("bits", "min", "max", "eps", "tiny", "smallest_normal", "resolution", "dtype")


@each_dtype
@pytest.mark.parametrize("name", ["finfo", "iinfo"])
def test_limits_are_pytorchs(name, dtype):
    try:
        wanted = getattr(torch, name)(theirs(dtype))
    except TypeError as refusal:
        with pytest.raises(TypeError, match=str(refusal).split(" input")[0].replace("(", r"\(").replace(")", r"\)")):
            getattr(D, name)(dtype)
        return
    got = getattr(D, name)(dtype)
    assert repr(got) == repr(wanted)
    for limit in LIMITS if name == "finfo" else ("bits", "min", "max", "dtype"):
        assert getattr(got, limit) == getattr(wanted, limit)
    assert got == getattr(D, name)(dtype) and hash(got) == hash(getattr(D, name)(dtype))


def test_finfo_without_arguments_is_the_default_dtypes():
    assert D.finfo() == D.finfo(D.float32) != D.finfo(D.float64)
    with pytest.raises(TypeError, match=r"must be torch\.dtype, not str"):
        D.finfo("float32")
    with pytest.raises(TypeError, match=r"must be torch\.dtype, not str"):
        D.iinfo("int8")


DATA = [
    [], [[], []], True, 3, 2**40, 1.5, 1j, [1, 2.5], [True, 2], [True, 1.5], [1, 1j], [[1], [2.0]], (1, 2), range(3),
    np.float32(1), [np.float64(1)], [np.float32(1)], [np.float16(1), 1], [np.int32(1)], [np.bool_(True)],
    [np.complex64(1)], np.array(1, np.int8), [[True], [2]], [(1,), [2.0]],
]  # fmt: skip


def dtype_of(data):
    return S.common_dtype(S.leaf_kinds(data))


@pytest.mark.parametrize("data", DATA, ids=repr)
def test_the_dtype_of_data_is_pytorchs(data):
    assert same(dtype_of(data), torch.tensor(data).dtype)


def test_an_object_with_one_of_our_dtypes_keeps_it():
    class Ours:
        dtype = D.int8

    assert dtype_of(Ours()) is D.int8
    assert dtype_of([Ours(), 1]) is D.int64
    assert dtype_of([Ours(), Ours()]) is D.int8
    assert dtype_of([np.array([1, 2], np.int8)]) is D.int8


@pytest.mark.parametrize("data", [None, [None], {}, {1}, object()], ids=["None", "[None]", "{}", "{1}", "object"])
def test_other_data_has_no_dtype(data):
    with pytest.raises(RuntimeError, match="Could not infer dtype of"):
        torch.tensor(data)
    with pytest.raises(RuntimeError, match="Could not infer dtype of"):
        dtype_of(data)


def test_text_has_no_dtype():
    with pytest.raises(TypeError, match="invalid data type 'str'"):
        dtype_of("a")


numbers = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.integers(-300, 300), st.complex_numbers()
)


@given(number=numbers, dtype=st.sampled_from(D.DTYPES))
def test_a_lifted_number_is_what_pytorch_computes_with(number, dtype):
    """Multiply by one: PyTorch converts the number to the tensor's dtype (float16 is rounded only once here)."""
    if S.number_dtype(number, dtype) is not dtype or isinstance(number, complex):
        return
    lifted = S.lift(number, dtype.numpy)
    wanted = (torch.ones(1, dtype=theirs(dtype)) * number).numpy()[0]
    assert lifted.shape == () and lifted.dtype == dtype.numpy
    np.testing.assert_array_equal(lifted.real, wanted.real)
    if not dtype.is_complex and number == number:  # The sign of a NaN depends on the processor.
        np.testing.assert_array_equal(np.signbit(lifted.astype(float)), np.signbit(float(wanted)))


@given(number=st.complex_numbers(allow_nan=False), dtype=st.sampled_from([D.complex64, D.complex128]))
def test_a_lifted_complex_number_keeps_its_signs(number, dtype):
    S.lift(number.real, dtype.numpy)  # equal to the number if its imaginary part is zero, but a different key
    with np.errstate(over="ignore"):
        wanted = np.array(number).astype(dtype.numpy)
    assert S.lift(number, dtype.numpy).tobytes() == wanted.tobytes()


@pytest.mark.parametrize("dtype", [D.uint8, D.int8, D.int16, D.int32, D.int64], ids=repr)
@pytest.mark.parametrize("number", [300, -1, -129, 70000, 2**31, 2**63, 2**64 - 1, -(2**63)])
def test_lifted_integers_wrap_around_as_in_pytorch(number, dtype):
    assert S.lift(number, dtype.numpy).item() == (torch.ones(1, dtype=theirs(dtype)) * number).item()


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_integers_beyond_64_bits_overflow_as_in_pytorch(number):
    with pytest.raises(OverflowError):
        torch.ones(1, dtype=torch.int64) * number
    with pytest.raises(OverflowError):
        S.lift(number, D.int64.numpy)


@each_dtype
def test_the_same_number_gives_the_same_array(dtype):
    assert S.lift(1, dtype.numpy) is S.lift(1.0, dtype.numpy) is S.lift(True, dtype.numpy)
    assert S.lift(0, dtype.numpy) is S.lift(0.0, dtype.numpy) is S.lift(False, dtype.numpy)


@pytest.mark.parametrize("dtype", [D.float16, D.float32, D.float64, D.complex64], ids=repr)
def test_minus_zero_stays_minus_zero(dtype):
    for number in (0.0, -0.0, 0, -0.0, 0.0):
        assert np.signbit(S.lift(number, dtype.numpy).real) == (math.copysign(1, number) < 0)


def test_a_lifted_number_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        S.lift(3, D.float32.numpy)[...] = 4


def test_the_cache_of_lifted_numbers_is_bounded():
    kept = S._LIFTED[D.float64.numpy]
    for n in range(5000):
        S.lift(n + 0.5, D.float64.numpy)
    before = len(kept)
    for _ in range(50):
        assert np.isnan(S.lift(float("nan"), D.float64.numpy))
    assert len(kept) == before <= S._KEPT_AT_MOST


FILLS = [
    300, -1, -129, -255, -256, 70000, 2**31, 2**63 - 1, -(2**63), 1.5, 255.5, 1e300, math.inf, math.nan,
    True, 1j, 2 + 0j,
]  # fmt: skip


@each_dtype
@pytest.mark.parametrize("number", FILLS, ids=repr)
def test_a_number_fits_where_pytorch_can_fill_with_it(number, dtype):
    try:
        torch.ones(2, dtype=theirs(dtype)).fill_(number)  # PyTorch checks less strictly if there is only one element
    except RuntimeError as refusal:
        assert "without overflow" in str(refusal)
        with pytest.raises(RuntimeError, match="without overflow"):
            S.require_fits(number, dtype)
    else:
        S.require_fits(number, dtype)


def test_a_dtype_is_hashable_and_distinct():
    assert len({*D.DTYPES, *copy.deepcopy(D.DTYPES)}) == 11
