"""Numbers with integers: every function that takes a number, at and beyond the ends of every integer dtype.

PyTorch decides: the value, the dtype, or the class of the error. A number may wrap (``-1`` in uint8 is 255), be
refused, or be computed with in a wider dtype, depending on the function.
"""

from __future__ import annotations

import inspect
import itertools
import operator
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
from ops.call import dtype_name, find, numbers, outcome, tensors_in

INF, NAN = float("inf"), float("nan")
WHOLE = (
    -(2**64), -(2**63) - 1, -(2**63), -(2**53) - 1, -(2**31) - 1, -(2**31), -(2**15) - 1, -(2**15), -256, -255, -129,
    -128, -1, 0, 1, 3, 127, 128, 255, 256, 300, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63,
    2**64 - 1, 2**64,
)  # fmt: skip
FRACTIONS = (1.5, -1.5, -0.0, 127.5, 255.5, 300.7, 1e10, 1e19, 1e39, INF, -INF, NAN)
OTHERS = (True, False, 1j, 2 + 0j, 300 + 0j)
NUMBERS = (*WHOLE, *FRACTIONS, *OTHERS)
INTEGERS = ("bool", "uint8", "int8", "int16", "int32", "int64")

Case = Callable[[Any, Any, Any], Any]  # a library, a tensor of four integers, a number


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    return pytest.importorskip("torch")


# -- the functions -----------------------------------------------------------------------------------------------------

BESIDE = """
    add sub mul div true_divide floor_divide remainder fmod pow xlogy copysign bitwise_and bitwise_or
    bitwise_xor bitwise_left_shift bitwise_right_shift eq ne lt le gt ge isin rsub maximum minimum fmax fmin atan2 hypot
    logical_and logical_or heaviside nextafter gcd lcm clamp clamp_min clamp_max special.xlog1py where fill masked_fill
""".split()
REFLECTED = """
    add sub mul div floor_divide remainder fmod pow xlogy copysign bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift eq lt isin special.xlog1py bucketize
""".split()
IN_PLACE = """
    add_ sub_ mul_ div_ floor_divide_ remainder_ fmod_ pow_ xlogy_ copysign_ bitwise_and_ bitwise_or_ bitwise_xor_
    bitwise_left_shift_ bitwise_right_shift_ eq_ ne_ lt_ le_ gt_ ge_ clamp_ clamp_min_ clamp_max_ fill_
""".split()
SYMBOLS = """
    add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift eq ne lt le gt ge
    iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift
""".split()


def beside(name: str) -> Case:
    if name in ("where", "masked_fill"):
        return lambda lib, x, n: getattr(x, name)(mask(lib), n)
    return lambda lib, x, n: find(lib, name)(x, n)


def reflected(name: str) -> Case:
    return lambda lib, x, n: find(lib, name)(n, x)


def in_place(name: str) -> Case:
    return lambda lib, x, n: getattr(x.clone(), name)(n)


def symbol(name: str) -> Case:
    return lambda lib, x, n: getattr(operator, name)(x.clone(), n)


def reflected_symbol(name: str) -> Case:
    return lambda lib, x, n: getattr(operator, name)(n, x)


def assigned(index: Callable[[Any], Any]) -> Case:
    def case(lib: Any, x: Any, n: Any) -> Any:
        copy = x.clone()
        copy[index(lib)] = n
        return copy

    return case


def mask(lib: Any) -> Any:
    return lib.tensor([True, False, True, False])


def places(lib: Any) -> Any:
    return lib.tensor([0, 2])


def with_factor(name: str, weight: str, *shapes: tuple[int, ...]) -> Case:
    """``beta`` or ``alpha`` of a sum with a product."""

    def case(lib: Any, x: Any, n: Any) -> Any:
        first, *rest = [x[: int(np.prod(shape))].reshape(shape).clone() for shape in shapes]
        return getattr(first, name)(*rest, **{weight: n})

    return case


SQUARE, PAIR, BATCH = (2, 2), (2,), (1, 2, 2)
SUMS = {
    "addmm": (SQUARE, SQUARE, SQUARE), "addmv": (PAIR, SQUARE, PAIR), "addr": (SQUARE, PAIR, PAIR),
    "addbmm": (SQUARE, BATCH, BATCH), "baddbmm": (BATCH, BATCH, BATCH),
}  # fmt: skip

CASES: dict[str, Case] = {
    **{name: beside(name) for name in BESIDE},
    **{f"{name} reflected": reflected(name) for name in REFLECTED},
    **{name: in_place(name) for name in IN_PLACE},
    **{f"operator.{name}": symbol(name) for name in SYMBOLS},
    **{f"operator.{name} reflected": reflected_symbol(name) for name in SYMBOLS[:18]},
    **{
        f"{name}{end} {weight}": with_factor(name + end, weight, *shapes)
        for name, shapes in SUMS.items() for end in ("", "_") for weight in ("beta", "alpha")
    },
    "div floor": lambda lib, x, n: lib.div(x, n, rounding_mode="floor"),
    "div trunc": lambda lib, x, n: lib.div(x, n, rounding_mode="trunc"),
    "div_ trunc": lambda lib, x, n: x.clone().div_(n, rounding_mode="trunc"),
    "add alpha": lambda lib, x, n: lib.add(x, x, alpha=n),
    "add alpha of a number": lambda lib, x, n: lib.add(x, 3, alpha=n),
    "add alpha beside floats": lambda lib, x, n: lib.add(x, lib.tensor([1.5]), alpha=n),
    "add number, alpha 2": lambda lib, x, n: lib.add(x, n, alpha=2),
    "add_ alpha": lambda lib, x, n: x.clone().add_(x, alpha=n),
    "sub alpha": lambda lib, x, n: lib.sub(x, x, alpha=n),
    "sub_ alpha": lambda lib, x, n: x.clone().sub_(x, alpha=n),
    "sub alpha of a number": lambda lib, x, n: lib.sub(x, 3, alpha=n),
    "sub number, alpha 2": lambda lib, x, n: lib.sub(x, n, alpha=2),
    "rsub alpha": lambda lib, x, n: lib.rsub(x, x, alpha=n),
    "rsub alpha of a number": lambda lib, x, n: lib.rsub(x, 3, alpha=n),
    "addcmul value": lambda lib, x, n: lib.addcmul(x, x, x, value=n),
    "addcmul_ value": lambda lib, x, n: x.clone().addcmul_(x, x, value=n),
    "addcdiv value": lambda lib, x, n: lib.addcdiv(x, x, x, value=n),
    "addcdiv_ value": lambda lib, x, n: x.clone().addcdiv_(x, x, value=n),
    "addcdiv value beside floats": lambda lib, x, n: lib.addcdiv(x, x, lib.tensor([1.5]), value=n),
    "where number first": lambda lib, x, n: lib.where(mask(lib), n, x),
    "where of two numbers": lambda lib, x, n: lib.where(mask(lib), n, 3),
    "where beside a fraction": lambda lib, x, n: lib.where(mask(lib), n, 3.5),
    "clamp to": lambda lib, x, n: lib.clamp(x, 0, n),
    "clamp from": lambda lib, x, n: lib.clamp(x, n, 3),
    "clamp from a fraction": lambda lib, x, n: lib.clamp(x, 0.5, n),
    "clamp_ to": lambda lib, x, n: x.clone().clamp_(0, n),
    "threshold": lambda lib, x, n: lib.nn.functional.threshold(x, n, 3),
    "threshold value": lambda lib, x, n: lib.nn.functional.threshold(x, 5, n),
    "threshold_ value": lambda lib, x, n: lib.nn.functional.threshold_(x.clone(), 5, n),
    "hardtanh from": lambda lib, x, n: lib.nn.functional.hardtanh(x, n, 3.0),
    "hardtanh to": lambda lib, x, n: lib.nn.functional.hardtanh(x, 0, n),
    "hardtanh_ to": lambda lib, x, n: lib.nn.functional.hardtanh_(x.clone(), 0, n),
    "leaky_relu": lambda lib, x, n: lib.nn.functional.leaky_relu(x, n),
    "elu": lambda lib, x, n: lib.nn.functional.elu(x, n),
    "celu": lambda lib, x, n: lib.celu(x, n),
    "hardshrink": lambda lib, x, n: lib.nn.functional.hardshrink(x, n),
    "softshrink": lambda lib, x, n: lib.nn.functional.softshrink(x, n),
    "softplus": lambda lib, x, n: lib.nn.functional.softplus(x, n),
    "lerp": lambda lib, x, n: lib.lerp(x, x.flip(0), n),
    "pad": lambda lib, x, n: lib.nn.functional.pad(x, (1, 1), value=n),
    "constant_pad_nd": lambda lib, x, n: lib.constant_pad_nd(x, (1, 1), n),
    "pad_sequence": lambda lib, x, n: lib.nn.utils.rnn.pad_sequence([x, x[:2]], padding_value=n),
    "masked_fill_": lambda lib, x, n: x.clone().masked_fill_(mask(lib), n),
    "fill_diagonal_": lambda lib, x, n: x.reshape(2, 2).clone().fill_diagonal_(n),
    "full": lambda lib, x, n: lib.full((2,), n, dtype=x.dtype),
    "full of its own dtype": lambda lib, x, n: lib.full((2,), n),
    "full out": lambda lib, x, n: lib.full((4,), n, out=x.clone()),
    "full_like": lambda lib, x, n: lib.full_like(x, n),
    "new_full": lambda lib, x, n: x.new_full((2,), n),
    "scalar_tensor": lambda lib, x, n: lib.scalar_tensor(n, dtype=x.dtype),
    "tensor": lambda lib, x, n: lib.tensor(n, dtype=x.dtype),
    "tensor of its own dtype": lambda lib, x, n: lib.tensor([n, 1]),
    "tensor of a list": lambda lib, x, n: lib.tensor([n, 1], dtype=x.dtype),
    "tensor beside a fraction": lambda lib, x, n: lib.tensor([n, 1.5]),
    "new_tensor": lambda lib, x, n: x.new_tensor([[n]]),
    "asarray": lambda lib, x, n: lib.asarray([n], dtype=x.dtype),
    "index_fill": lambda lib, x, n: x.index_fill(0, places(lib), n),
    "index_fill_": lambda lib, x, n: x.clone().index_fill_(0, places(lib), n),
    "index_add": lambda lib, x, n: lib.index_add(x, 0, places(lib), x[:2], alpha=n),
    "index_add_": lambda lib, x, n: x.clone().index_add_(0, places(lib), x[:2], alpha=n),
    "scatter": lambda lib, x, n: x.scatter(0, places(lib), n),
    "scatter_": lambda lib, x, n: x.clone().scatter_(0, places(lib), value=n),
    "scatter add": lambda lib, x, n: x.scatter(0, places(lib), n, reduce="add"),
    "scatter multiply": lambda lib, x, n: x.scatter(0, places(lib), n, reduce="multiply"),
    "x[0] =": assigned(lambda lib: 0),
    "x[:] =": assigned(lambda lib: slice(None)),
    "x[...] =": assigned(lambda lib: ...),
    "x[mask] =": assigned(mask),
    "x[places] =": assigned(places),
    "x[True] =": assigned(lambda lib: True),
    "in": lambda lib, x, n: n in x,
    "linspace from": lambda lib, x, n: lib.linspace(n, 5, 3, dtype=x.dtype),
    "linspace to": lambda lib, x, n: lib.linspace(0, n, 3, dtype=x.dtype),
    "linspace of floats": lambda lib, x, n: lib.linspace(0, n, 3),
    "logspace from": lambda lib, x, n: lib.logspace(n, 1, 3, dtype=x.dtype),
    "logspace to": lambda lib, x, n: lib.logspace(0, n, 3, dtype=x.dtype),
    "arange": lambda lib, x, n: lib.arange(n, n + 3, dtype=x.dtype),
    "arange of its own dtype": lambda lib, x, n: lib.arange(n, n + 3),
    "arange step": lambda lib, x, n: lib.arange(0, 2 * n, n, dtype=x.dtype),
    "range": lambda lib, x, n: lib.range(n, n + 3, dtype=x.dtype),
    "searchsorted": lambda lib, x, n: lib.searchsorted(x.sort()[0], n),
    "nan_to_num": lambda lib, x, n: lib.nan_to_num(x, n, n, n),
    "logit": lambda lib, x, n: lib.logit(x, n),
    "trapezoid": lambda lib, x, n: lib.trapezoid(x, dx=n),
    "gradient": lambda lib, x, n: lib.gradient(x, spacing=n),
    "histc": lambda lib, x, n: lib.histc(x, 4, 0, n),
    "renorm": lambda lib, x, n: lib.renorm(x.reshape(2, 2), 2, 0, n),
    "float_power": lambda lib, x, n: lib.float_power(x, n),
}

# -- where this library differs, and why -------------------------------------------------------------------------------

FLOAT_ARGUMENTS = {"float_power"}  # a number of any size is a float there


def is_beyond_int64(n: Any) -> bool:
    return isinstance(n, int) and not -(2**63) <= n < 2**63


def excuse(name: str, dtype: str, n: Any) -> str | None:
    """Return why a case is not compared with PyTorch, or None."""
    if name == "arange" and dtype != "int64" and isinstance(n, int) and abs(n) > 2**52:
        return "PyTorch counts the elements of small integers in float64, which cannot represent such limits"
    if name == "arange step" and isinstance(n, int) and abs(2 * n) > 2**62:
        return "the end is beyond int64: PyTorch casts it to float64 first for small integers"
    if name.startswith(("sub", "rsub")) and "alpha" in name and isinstance(n, int) and (n <= -(2**63) or n >= 2**63):
        return "PyTorch negates alpha in 64 bits, where -2**63 is its own negative and 2**64 - 1 becomes 1"
    if name in ("pad", "pad_sequence") and n in (2**63 - 1, 2**63) and dtype == "int64":
        return "as a float it is 2**63, which does not fit int64; PyTorch's check passes and the cast is undefined in C"
    if name.startswith("logspace") and dtype in ("int32", "int64") and n == np.iinfo(dtype).min:
        return "PyTorch subtracts the ends in that dtype, which overflows"
    if name == "gradient" and dtype.startswith("int"):
        return "PyTorch subtracts in the small dtype and wraps: test_gradient_of_integers_does_not_wrap"
    if name == "operator.truediv reflected" and dtype == "bool" and n in (2**63, 2**64 - 1):
        return "PyTorch multiplies a reciprocal and skips the promotion that div refuses"
    return None


def disagreement(name: str, found: Any, expected: Any, n: Any) -> str | None:
    """Return what differs between two outcomes, or None."""
    if isinstance(expected, Exception):
        if not isinstance(found, Exception):
            return None if name in FLOAT_ARGUMENTS and is_beyond_int64(n) else "accepted"
        if not isinstance(found, mt.errors.MinitensorError):
            return "a raw error"
        builtin = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
        twice_wrong = is_beyond_int64(n) or isinstance(n, complex)  # which of two faults is reported first
        return None if isinstance(found, builtin) or twice_wrong else "another class"
    if isinstance(found, Exception):
        return "refused"
    return unequal(found, expected)


def unequal(found: Any, expected: Any) -> str | None:
    ours, theirs = tensors_in(found), tensors_in(expected)
    if not theirs:
        return None if found == expected else "another value"
    for one, other in itertools.zip_longest(ours, theirs):
        if dtype_name(one) != dtype_name(other):
            return "another dtype"
        a, b = numbers(one), numbers(other)
        exact = a.dtype.kind in "biu"
        if a.shape != b.shape or not (
            np.array_equal(a, b) if exact else np.allclose(a, b, rtol=3e-6, atol=1e-30, equal_nan=True)
        ):
            return "another value"
    return None


def integers(dtype: str) -> Any:
    """Return four integers, the largest one among them, and none zero unless the dtype is bool."""
    if dtype == "bool":
        return np.array([True, False, True, True])
    low = [5, 200] if dtype == "uint8" else [-5, 100]
    return np.array([1, *low, np.iinfo(dtype).max], dtype)


def disagreements(torch: ModuleType, dtype: str, chosen: Iterator[str]) -> Iterator[str]:
    array = integers(dtype)
    ours, theirs = mt.tensor(array), torch.from_numpy(array)
    for name, n in itertools.product(chosen, NUMBERS):
        if excuse(name, dtype, n) is None:
            expected = outcome(CASES[name], torch, theirs, n)
            found = outcome(CASES[name], mt, ours, n)
            trouble = disagreement(name, found, expected, n)
            if trouble:
                yield f"{name} {dtype} {n!r}: {trouble}: {found!r:.80} for {expected!r:.80}"


@pytest.mark.parametrize("dtype", INTEGERS)
def test_a_number_with_integers_gives_pytorchs_result(torch: ModuleType, dtype: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(disagreements(torch, dtype, iter(CASES)))
    assert not found, f"{len(found)} of {len(CASES) * len(NUMBERS)}\n" + "\n".join(found[:40])


def test_gradient_of_integers_does_not_wrap() -> None:
    x = mt.tensor([1, -5, 100, 127], dtype=mt.int8)
    assert mt.gradient(x, spacing=2)[0].tolist() == [-3.0, 24.75, 33.0, 13.5]
    assert mt.gradient(x, spacing=0)[0].tolist() == [-INF, INF, INF, INF]


# -- every function that takes a number is here ------------------------------------------------------------------------

BY_NAME = {name.split()[0] for name in CASES}
ALIASES = """
    greater greater_equal less less_equal not_equal greater_ greater_equal_ less_ less_equal_ not_equal_ multiply
    multiply_ divide divide_ subtract subtract_ true_divide_ clip clip_ float_power_ masked_fill elu_ celu_ leaky_relu_
    hardtanh_ threshold_ celu addmv_ addr_ addmm_ addbmm_ baddbmm_ scatter_ nan_to_num_ logit_ renorm_ bucketize
    cumulative_trapezoid histogram lerp_ xlogy_ constant_ trunc_normal_ histogramdd
""".split()
ELSEWHERE = {
    "sparse operands; tests/sparse": "saddmm sspaddmm",
    "a target that PyTorch documents as a tensor; tests/nn": "multilabel_soft_margin_loss",
    "a source to copy; tests/test_lines_in_both.py": "copy_",
    "a probability, or the range of a distribution": """alpha_dropout bernoulli dropout feature_alpha_dropout rrelu
        rrelu_ bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ uniform_ dropout1d dropout2d dropout3d
        gumbel_softmax random_ orthogonal_ sparse_ uniform_ kaiming_normal_ kaiming_uniform_ xavier_normal_
        xavier_uniform_ calculate_gain""",
    "a degree, which is no number to compute with; tests/ops/test_laws_int_arguments.py": """chebyshev_polynomial_t
        chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w hermite_polynomial_h
        hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p shifted_chebyshev_polynomial_t
        shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w""",
    "other spellings of functions that are here; tests/nn/test_native_names.py": """alpha_dropout_ dropout_
        embedding_renorm_ feature_alpha_dropout_ feature_dropout feature_dropout_ native_dropout segment_reduce""",
    "a tolerance, an exponent or a width for floats alone": """allclose isclose cdist cosine_similarity dist group_norm
        layer_norm pairwise_distance pdist pinverse rms_norm hamming_window kaiser_window batch_norm instance_norm
        embedding embedding_bag gaussian_nll_loss huber_loss smooth_l1_loss local_response_norm lp_pool1d lp_pool2d
        lp_pool3d lobpcg normalize poisson_nll_loss scaled_dot_product_attention multi_head_attention_forward
        cross_entropy linear_cross_entropy cosine_embedding_loss hinge_embedding_loss margin_ranking_loss
        multi_margin_loss triplet_margin_loss triplet_margin_with_distance_loss lstsq vector_norm fftfreq rfftfreq""",
    "no tensor meets it": "set_printoptions std std_mean var var_mean",
    "takes tensors of integers, the number is refused": "zeta",
}


def takes_a_number(function: Any) -> bool:
    if inspect.isclass(function) or not callable(function):
        return False
    parameters = inspect.signature(function).parameters.values()
    return any(word in str(each.annotation) for each in parameters for word in ("Number", "Operand", "float"))


def test_every_function_that_takes_a_number_has_a_case() -> None:
    places = (mt, mt.Tensor, mt.nn.functional, mt.special, mt.linalg, mt.fft)
    taking = {
        name for place in places for name in dir(place)
        if not name.startswith("_") and takes_a_number(getattr(place, name))
    }
    excused = {name for names in ELSEWHERE.values() for name in names.split()}
    missing = taking - BY_NAME - set(ALIASES) - excused - {name.rpartition(".")[2] for name in BY_NAME}
    assert not missing, f"functions that take a number, without a case here: {' '.join(sorted(missing))}"


# -- the main cases, without PyTorch -----------------------------------------------------------------------------------


def test_a_quotient_of_small_integers_is_computed_in_floats() -> None:
    x = mt.tensor([100, 200], dtype=mt.uint8)
    assert (x / 256).tolist() == [0.390625, 0.78125]
    assert (256 / x).tolist() == pytest.approx([2.56, 1.28])
    assert (x / mt.tensor(256)).tolist() == [0.390625, 0.78125]
    assert mt.copysign(mt.tensor([-3, 100], dtype=mt.int8), 128).tolist() == [3.0, 100.0]


def test_arithmetic_and_comparisons_wrap_a_number() -> None:
    x = mt.tensor([44, 255], dtype=mt.uint8)
    assert (x + 300).tolist() == [88, 43]
    assert (x == 300).tolist() == [True, False]
    assert (x == -1).tolist() == [False, True]


REFUSED: dict[str, Callable[[Any], Any]] = {
    "clamp": lambda x: x.clamp(0, 256),
    "clamp_": lambda x: x.clamp_(0, 256),
    "where": lambda x: mt.where(x > 2, x, 300),
    "pow": lambda x: x**300,
    "fill_": lambda x: x.fill_(-1.0),
    "full": lambda x: mt.full((2,), NAN, dtype=mt.uint8),
    "assign": lambda x: x.__setitem__(0, 256),
    "alpha": lambda x: x.add_(x, alpha=300),
    "linspace": lambda x: mt.linspace(0, 300, 2, dtype=mt.uint8),
    "tensor": lambda x: mt.tensor([1, 300], dtype=mt.uint8),
    "pad": lambda x: mt.nn.functional.pad(x, (1, 1), value=300),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_number_that_the_result_cannot_hold_is_refused_and_nothing_changes(name: str) -> None:
    x = mt.tensor([1, 5], dtype=mt.uint8)
    with pytest.raises(mt.errors.DtypeError, match=r"cannot be converted to type uint8 without overflow: .* is not in"):
        REFUSED[name](x)
    assert x.tolist() == [1, 5]


def test_a_negative_integer_wraps_in_unsigned_dtypes_and_a_negative_float_does_not() -> None:
    for _ in range(2):  # -1 and -1.0 are equal: a cache must not confuse them
        assert mt.zeros(2, dtype=mt.uint8).fill_(-1).tolist() == [255, 255]
        with pytest.raises(mt.errors.DtypeError, match="without overflow"):
            mt.zeros(2, dtype=mt.uint8).fill_(-1.0)


@pytest.mark.parametrize("kind", [mt.bool, mt.uint8, mt.int64, mt.float32])
def test_an_integer_beyond_64_bits_is_refused_even_after_the_float_that_equals_it(kind: Any) -> None:
    x = mt.ones(2, dtype=kind)
    x.to(mt.float32).fill_(2.0**64).add(2.0**64)
    for call in (x.add, x.fill_, x.eq, lambda n: n / x):
        with pytest.raises(OverflowError, match="must fit int64"):
            call(2**64)
    with pytest.raises(OverflowError, match="one of 10001 bits"):
        x + 2**10000


AS_TENSORS: dict[str, Case] = {
    "div": lambda lib, x, n: lib.div(x, n),
    "div reflected": lambda lib, x, n: lib.div(n, x),
    "xlogy": lambda lib, x, n: lib.xlogy(x, n),
    "copysign": lambda lib, x, n: lib.copysign(x, n),
    "atan2": lambda lib, x, n: lib.atan2(x, n),
    "eq": lambda lib, x, n: lib.eq(x, n),
    "clamp": lambda lib, x, n: lib.clamp(x, n),
    "clamp beside a number": lambda lib, x, n: lib.clamp(x, 0, n),
    "where": lambda lib, x, n: lib.where(mask(lib), x, n),
    "masked_fill": lambda lib, x, n: x.masked_fill(mask(lib), n),
    "index_fill": lambda lib, x, n: x.index_fill(0, places(lib), n),
    "scatter": lambda lib, x, n: x.scatter(0, places(lib), value=n),
    "fill_": lambda lib, x, n: x.clone().fill_(n),
    "x[0] =": assigned(lambda lib: 0),
    "add alpha": lambda lib, x, n: lib.add(x, x, alpha=n),
    "addcmul value": lambda lib, x, n: lib.addcmul(x, x, x, value=n),
    "threshold": lambda lib, x, n: lib.nn.functional.threshold(x, n, 3),
    "index_add": lambda lib, x, n: lib.index_add(x, 0, places(lib), x[:2], alpha=n),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch's, once a process, in whatever test comes first
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64"])
def test_a_0d_tensor_with_integers_gives_pytorchs_result(torch: ModuleType, dtype: str) -> None:
    array = integers(dtype)
    found = []
    for (name, case), n in itertools.product(AS_TENSORS.items(), (n for n in NUMBERS if not is_beyond_int64(n))):
        expected = outcome(lambda: case(torch, torch.from_numpy(array.copy()), torch.tensor(n)))  # noqa: B023
        ours = outcome(lambda: case(mt, mt.tensor(array), mt.tensor(n)))  # noqa: B023
        trouble = disagreement(name, ours, expected, n)
        if trouble:
            found.append(f"{name} {n!r}: {trouble}: {ours!r:.80} for {expected!r:.80}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("number", [np.int64(-1), np.uint8(200), np.float32(2.5)], ids=repr)
def test_a_numpy_scalar_counts_as_its_number(number: Any) -> None:
    x = mt.tensor([1, 5, 200, 255], dtype=mt.uint8)
    for name in ("add", "div", "clamp", "where", "isin", "eq", "fill", "bucketize reflected", "scatter", "in",
                 "add number, alpha 2", "linspace of floats", "float_power", "tensor of a list"):  # fmt: skip
        ours, plain = CASES[name](mt, x, number), CASES[name](mt, x, number.item())
        assert (ours is plain) if isinstance(plain, bool) else unequal(ours, plain) is None, name
