"""Every op of the tests' op table on about 10^6 elements, and its gradient: where is minitensor far slower?

The other parts time what users call often. This one looks for cliffs: ops that take many times as long as PyTorch's.
``tests/test_cliffs.py`` checks that no op of the table is missing here, and that both libraries compute the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.case import Array, Case, Library, Make, Step

WHOLE = 1 << 40  # a limit on sizes that limits nothing
F = "nn.functional."


class Sized(NamedTuple):
    """A source whose sizes can be limited, for tests: ``draw`` takes a generator, a shape and the limit."""

    draw: Callable[[np.random.Generator, tuple[int, ...], int], Array]
    shape: tuple[int, ...]

    def __call__(self, limit: int, seed: int) -> Array:
        return self.draw(np.random.default_rng(seed), tuple([min(each, limit) for each in self.shape]), limit)


class Size(int):
    """A size among the arguments, limited as the sources are."""


class Timed(NamedTuple):
    """A call. Sources among the arguments stand for tensors; ``of`` is the one to differentiate by, None for none."""

    name: str  # the op, and after a comma what is special
    args: tuple[Any, ...]
    options: dict[str, Any]
    of: int | None = 0
    forward: bool = True
    random: bool = False  # only the shapes of the results are equal


def timed(
    name: str, *args: Any, of: int | None = 0, forward: bool = True, random: bool = False, **options: Any
) -> Timed:
    return Timed(name, args, options, of, forward, random)


# -- sources -----------------------------------------------------------------------------------------------------------


def normal(*shape: int) -> Sized:
    return Sized(lambda rng, shape, _: rng.standard_normal(shape, dtype=np.float32), shape)


def uniform(low: float, high: float, *shape: int) -> Sized:
    return Sized(lambda rng, shape, _: rng.uniform(low, high, shape).astype(np.float32), shape)


def integers(high: int, *shape: int) -> Sized:
    """Draw from 0, ..., high - 1; ``high`` is limited as the sizes are."""
    return Sized(lambda rng, shape, limit: rng.integers(0, min(high, limit), shape), shape)


def coins(*shape: int) -> Sized:
    return Sized(lambda rng, shape, _: rng.random(shape) < 0.5, shape)


def halves(source: Sized) -> Sized:
    return source._replace(draw=lambda rng, shape, limit: source.draw(rng, shape, limit).astype(np.float16))


def complexes(*shape: int) -> Sized:
    return Sized(lambda rng, shape, _: (rng.standard_normal((*shape, 2), np.float32)).view(np.complex64)[..., 0], shape)


def orders(*shape: int) -> Sized:
    """Shuffle 0, 1, ... in each row."""
    return Sized(lambda rng, shape, _: rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1), shape)


def sorted_normal(*shape: int) -> Sized:
    return Sized(lambda rng, shape, _: np.sort(rng.standard_normal(shape, dtype=np.float32)), shape)


def signs(*shape: int) -> Sized:
    return Sized(lambda rng, shape, _: np.where(rng.random(shape) < 0.5, -1, 1).astype(np.float32), shape)


def holed(*shape: int) -> Sized:
    """Draw normal numbers, a tenth of which are NaN."""
    def draw(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> Array:
        return np.where(rng.random(shape) < 0.1, np.nan, rng.standard_normal(shape)).astype(np.float32)

    return Sized(draw, shape)


def matrices(count: int, size: int) -> Sized:
    """Draw symmetric positive definite matrices."""
    def draw(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> Array:
        factors = rng.standard_normal(shape, dtype=np.float32)
        return np.asarray(factors @ factors.swapaxes(-1, -2) / shape[-1] + np.eye(shape[-1], dtype=np.float32))

    return Sized(draw, (count, size, size))


X, Y, Z = normal(1000, 1000), normal(1000, 1000), uniform(0.1, 2, 1000, 1000)
THOUSAND = Size(1000)
ROW, MILLION, COMPLEX = normal(1000), normal(1000000), complexes(1000, 500)
POSITIVE, UNIT, INNER = uniform(0.1, 3, 1000, 1000), uniform(0.02, 0.98, 1000, 1000), uniform(-0.95, 0.95, 1000, 1000)
ABOVE_ONE, COINS, HOLED = uniform(1.1, 4, 1000, 1000), coins(1000, 1000), holed(1000, 1000)
INTS, DIGITS, PLACES = integers(1000, 1000, 1000), integers(10, 1000, 1000), integers(1000, 1000, 1000)
LINES, IMAGES, VOLUMES = normal(16, 64, 1000), normal(16, 64, 32, 32), normal(4, 16, 16, 32, 32)
SIGNALS = normal(100, 10000)
SMALL, SPD = normal(1000, 16, 16), matrices(1000, 16)
SQUARE = normal(512, 512)

# -- pointwise ---------------------------------------------------------------------------------------------------------

BESSEL = """airy_ai modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1
    scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0""".split()
POLYNOMIALS = [
    *[f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"],
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
]  # fmt: skip
DOMAINS = {
    X: """abs asinh atan ceil cos cosh deg2rad digamma erf erfc exp exp2 expm1 floor frac i0 nan_to_num neg positive
    rad2deg
       round sgn sigmoid sign sin sinc sinh square tan tanh trunc special.erfcx special.i0e special.i1 special.i1e
       special.log_ndtr special.ndtr angle nn.functional.celu nn.functional.elu nn.functional.gelu
       nn.functional.hardshrink nn.functional.hardsigmoid nn.functional.hardswish nn.functional.hardtanh
       nn.functional.leaky_relu nn.functional.logsigmoid nn.functional.mish nn.functional.relu nn.functional.relu6
       nn.functional.selu nn.functional.sigmoid nn.functional.silu nn.functional.softplus nn.functional.softshrink
       nn.functional.softsign nn.functional.tanh nn.functional.tanhshrink relu""",
    POSITIVE: "lgamma log log10 log1p log2 reciprocal rsqrt sqrt special.entr",
    INNER: "acos asin atanh erfinv",
    UNIT: "logit special.ndtri",
    ABOVE_ONE: "acosh",
}  # fmt: skip
ONLY_SINGLE = "special.erfcx special.log_ndtr special.ndtri"  # in PyTorch
TWO = "add atan2 copysign fmax fmin hypot ldexp logaddexp logaddexp2 maximum minimum mul sub true_divide".split()
COMPARISONS = "eq ge gt le lt ne heaviside nextafter isclose".split()
ONE_FLAG = "isfinite isinf isnan isneginf isposinf isreal logical_not signbit count_nonzero any all".split()
BITS = "bitwise_and bitwise_or bitwise_xor gcd lcm floor_divide remainder fmod eq add mul".split()


def pointwise() -> Iterator[Timed]:
    for domain, names in DOMAINS.items():
        for name in names.split():
            yield timed(name, domain)
            if name not in ONLY_SINGLE:
                yield timed(f"{name}, half", halves(domain))
    for name in TWO:
        yield timed(name, X, Y)
        yield timed(f"{name}, half", halves(X), halves(Y))
    for name in COMPARISONS:
        yield timed(name, X, Y, of=None)
        yield timed(f"{name}, half", halves(X), halves(Y), of=None)
    for name in ONE_FLAG:
        yield timed(name, X, of=None)
        yield timed(f"{name}, half", halves(X), of=None)
    for name in BITS:
        yield timed(f"{name}, integers", INTS, integers(9, 1000, 1000)._replace(draw=from_one), of=None)


def from_one(rng: np.random.Generator, shape: tuple[int, ...], _: int) -> Array:
    return rng.integers(1, 9, shape)


POINTWISE = (
    *pointwise(),
    timed("div", X, Z), timed("div, floor", X, Z, of=None, rounding_mode="floor"), timed("floor_divide", X, Z, of=None),
    timed("remainder", X, Z), timed("fmod", X, Z), timed("float_power", POSITIVE, 1.7), timed("pow", POSITIVE, Y),
    timed("pow, number", POSITIVE, 1.7), timed("pow, cube", X, 3), timed("rsub", X, 1.5), timed("rsub, tensor", X, Y),
    timed("special.xlog1py", X, POSITIVE), timed("xlogy", X, POSITIVE), timed("polygamma", 2, POSITIVE),
    timed("polygamma, 1", 1, POSITIVE), timed("mvlgamma", ABOVE_ONE, 2), timed("frexp", X),
    timed("special.zeta", uniform(1.5, 4, 300, 300), uniform(0.5, 3, 300, 300), of=None),
    timed("special.gammainc", POSITIVE, Z, of=None), timed("special.gammaincc", POSITIVE, Z, of=None),
    *[timed(f"special.bessel_{name}", POSITIVE, of=None) for name in ("j0", "j1", "y0", "y1")],
    *[timed(f"special.{name}", POSITIVE, of=None) for name in BESSEL],
    *[timed(f"special.{name}", POSITIVE, 3, of=None) for name in POLYNOMIALS],
    timed("logical_and", COINS, COINS, of=None), timed("logical_or", COINS, COINS, of=None),
    timed("logical_xor", X, Y, of=None), timed("bitwise_not", INTS, of=None),
    timed("bitwise_not, bool", COINS, of=None),
    timed("bitwise_left_shift", INTS, DIGITS, of=None), timed("bitwise_right_shift", INTS, DIGITS, of=None),
    timed("clamp", X, -1, 1), timed("clamp, tensors", X, Y, Z), timed("clamp_max", X, 1), timed("clamp_min", X, -1),
    timed("lerp", X, Y, 0.3), timed("lerp, tensors", X, Y, Z), timed("addcdiv", X, Y, Z), timed("addcmul", X, Y, Z),
    timed("where", COINS, X, Y, of=1), timed("masked_fill", X, COINS, 0.5), timed("fill", X, 1.5, of=None),
    timed("equal", X, X, of=None), timed("allclose", X, X, of=None), timed("isin", INTS, integers(100, 100), of=None),
    timed("isin, floats", X, ROW, of=None), timed("complex", X, Y), timed("polar", POSITIVE, Y), timed("real", COMPLEX),
    timed("imag", COMPLEX), timed("conj_physical", COMPLEX), timed("resolve_conj", COMPLEX), timed("conj", COMPLEX),
    *[timed(f"{name}, complex", COMPLEX) for name in "abs angle exp sgn sqrt log tanh sin sigmoid".split()],
    timed("mul, complex", COMPLEX, COMPLEX), timed("true_divide, complex", COMPLEX, COMPLEX),
    timed(F + "threshold", X, 0.1, 20), timed(F + "prelu", X, uniform(0.1, 0.3, 1000)),
    timed(F + "rrelu", X), timed(F + "glu", X), timed(F + "dropout", X, random=True),
    timed(F + "dropout1d", LINES, random=True), timed(F + "dropout2d", IMAGES, random=True),
    timed(F + "dropout3d", VOLUMES, random=True), timed(F + "alpha_dropout", X, training=True, random=True),
    timed(F + "feature_alpha_dropout", IMAGES, training=True, random=True),
    *[timed(f"Tensor.{name}", X,
        of=None) for name in "bool byte char double half int long short cdouble cfloat".split()],
    timed("Tensor.float", halves(X), of=None), timed("Tensor.type_as", X, INTS, of=None),
    timed("clone", X), timed("zeros_like", X, of=None), timed("ones_like", X, of=None),
    timed("full_like", X, 2.5, of=None),
    timed("rand_like", X, of=None), timed("randn_like", X, of=None), timed("randint_like", X, 9, of=None),
    timed("bernoulli", UNIT, of=None), timed("bucketize", X, sorted_normal(1000), of=None),
)  # fmt: skip

# -- reductions, running results, orders -------------------------------------------------------------------------------

REDUCTIONS = "amax amin logsumexp max mean min median nanmean nanmedian nansum std std_mean sum var var_mean".split()
RUNNING = "cummax cummin cumprod cumsum logcumsumexp softmax log_softmax".split()


def reductions() -> Iterator[Timed]:
    for name in REDUCTIONS:
        for dim in (0, 1):
            yield timed(f"{name}, dim {dim}", X, dim)
        if name != "logsumexp":
            yield timed(name, X)
    for name in RUNNING:
        for dim in (0, 1):
            yield timed(f"{name}, dim {dim}", X, dim)
    for name in ("sum", "mean", "amax", "argmax", "var", "cumsum", "softmax", "prod"):
        yield timed(f"{name}, half", halves(X), -1, of=None if name == "argmax" else 0)
    for name in ("argmax", "argmin", "argsort", "any", "all", "count_nonzero"):
        for dim in (0, 1):
            yield timed(f"{name}, dim {dim}", X, dim, of=None)
    for name in ("sum", "cumsum", "cumprod", "amax", "argmax", "sort", "mode", "median"):
        yield timed(f"{name}, integers", INTS, -1, of=None, random=name in ("argmax", "mode", "median", "sort"))


ORDERS = (
    *reductions(),
    timed("aminmax", X), timed("aminmax, dim 0", X, dim=0), timed("aminmax, dim 1", X, dim=1),
    timed("argmax", X, of=None),
    timed("argmin", X, of=None), timed("prod", uniform(0.99, 1.01, 1000, 1000)), timed("prod, dim 0", UNIT, 0),
    timed("prod, dim 1", UNIT, 1), timed("norm", X), timed("norm, p 1", X, 1, 1), timed("renorm", X, 2, 0, 1.0),
    timed("dist", X, Y), timed("trace", X), timed("Tensor.sum_to_size", X, 1, THOUSAND),
    timed("nanmedian, holes", HOLED, 1), timed("nansum, holes", HOLED, 1), timed("nan_to_num, holes", HOLED),
    timed("quantile", X, 0.3, 1), timed("quantile, dim 0", X, 0.3, 0), timed("quantile, all", normal(1000, 100), 0.3),
    timed("nanquantile", HOLED, 0.3, 1), timed("nanquantile, all", normal(1000, 100), 0.3),
    timed("sort", X, 1), timed("sort, dim 0", X, 0), timed("msort", X), timed("topk", X, 5), timed("kthvalue", X, 5, 1),
    timed("kthvalue, dim 0", X, 5, 0), timed("mode", X, 1), timed("mode, dim 0", X, 0),
    timed("mode, digits", DIGITS, 1, of=None, random=True),
    timed("unique", INTS, of=None), timed("unique, rows", integers(3, 10000, 8), dim=0, of=None),
    timed("unique_consecutive", DIGITS, of=None), timed("bincount", integers(1000, 1000000), of=None),
    timed("bincount, weights", integers(1000, 1000000), MILLION, of=None), timed("histc", MILLION, 100, -3, 3, of=None),
    timed("histogram", MILLION, 100, of=None), timed("histogramdd", normal(100000, 2), [10, 10], of=None),
    timed("trapezoid", X), timed("cumulative_trapezoid", X), timed("gradient", X, dim=1), timed("diff", X),
    timed("diff, dim 0", X, dim=0), timed("searchsorted", sorted_normal(1000), X, of=None),
    timed("searchsorted, rows", sorted_normal(1000, 1000), X, of=None), timed("cov", normal(200, 5000)),
    timed("corrcoef", normal(200, 5000)), timed("multinomial", UNIT, 5, of=None, random=True),
)  # fmt: skip

# -- shapes and indices ------------------------------------------------------------------------------------------------

COLUMNS = integers(1000, 1000)
SHAPES = (
    *[timed(name, X, forward=False) for name in "Tensor.contiguous adjoint t ravel unbind squeeze atleast_2d".split()],
    timed("Tensor.contiguous, transposed", normal(1, 1000, 1000), forward=False),
    timed("Tensor.expand", ROW, 1000, THOUSAND, forward=False),
    timed("broadcast_to", ROW, (1000, THOUSAND), forward=False),
    timed("Tensor.permute", IMAGES, 3, 0, 1, 2, forward=False), timed("permute", IMAGES, (3, 0, 1, 2), forward=False),
    timed("movedim", IMAGES, 0, -1, forward=False), timed("transpose", X, 0, 1, forward=False),
    timed("Tensor.unfold", X, 1, 5, 2, forward=False), timed("as_strided", X, (5, 5), (3, 2), forward=False),
    *[timed(f"{name}_copy", X, of=None) for name in "alias t unbind squeeze".split()],
    timed("as_strided_copy", X, (5, 5), (3, 2), of=None), timed("diagonal_copy", X, of=None),
    timed("expand_copy", ROW, (1000, THOUSAND), of=None), timed("narrow_copy", X, 1, 1, 5, of=None),
    timed("permute_copy", X, (1, 0), of=None), timed("select_copy", X, 1, 3, of=None),
    timed("slice_copy", X, 1, 1, of=None), timed("split_copy", X, 500, of=None),
    timed("unfold_copy", X, 1, 5, 2, of=None), timed("transpose_copy", X, 0, 1, of=None),
    timed("unsqueeze_copy", X, 0, of=None), timed("view_copy", X, (-1,), of=None),
    timed("chunk", X, 2, forward=False), timed("split", X, 500, forward=False),
    timed("tensor_split", X, 3, forward=False),
    timed("narrow", X, 1, 1, 5, forward=False), timed("select", X, 1, 3, forward=False),
    timed("diagonal", X, forward=False),
    timed("linalg.diagonal", X, forward=False), timed("flatten", IMAGES, 1, forward=False),
    timed("unsqueeze", X, 0, forward=False), timed("view_as_real", COMPLEX, forward=False),
    timed("view_as_complex", normal(1000, 500, 2), forward=False), timed("hsplit", X, 2, forward=False),
    timed("vsplit", X, 2, forward=False), timed("dsplit", normal(100, 100, 100), 2, forward=False),
    timed("as_strided_scatter", X, normal(3, 3), (3, 3), (4, 1), of=1), timed("diagonal_scatter", X, ROW),
    timed("select_scatter", X, ROW, 1, 3), timed("slice_scatter", X, Y),
    timed("Tensor.repeat", normal(100, 100), 10, 10),
    timed("tile", normal(100, 100), (10, 10)), timed("repeat_interleave", normal(1000, 100), 10, 0),
    timed("repeat_interleave, flat", normal(100000), 10), timed("cat", [X, Y], 1, of=None),
    timed("stack", [X, Y], 1, of=None),
    *[timed(name, [X, Y], of=None) for name in "column_stack hstack vstack dstack".split()],
    timed("block_diag", X, Y), timed("diag", ROW), timed("diag, matrix", X), timed("diag_embed", normal(100, 100)),
    timed("diagflat", ROW), timed("flip", X, [1]), timed("flip, both", X, [0, 1]), timed("fliplr", X),
    timed("flipud", X),
    timed("roll", X, 7, 1), timed("roll, both", X, (7, 5), (0, 1)), timed("rot90", X), timed("tril", X),
    timed("triu", X),
    timed("tril, half", halves(X)), timed("triu, batches", normal(100, 100, 100), 1),
    timed("tril, bool", COINS, of=None),
    timed("meshgrid", ROW, ROW, forward=False, indexing="ij"), timed("cartesian_prod", normal(1000), normal(500)),
    timed("combinations", normal(1000), 2), timed("constant_pad_nd", IMAGES, (1, 1, 1, 1), 0.5),
    timed("vander", ROW, 500, of=None),
    timed("linalg.vander", uniform(0.9, 1, 1000), N=500, of=None),
    *[timed(f"{F}pad, {mode}", IMAGES, (1, 2, 1, 2), mode) for mode in ("constant", "reflect", "replicate",
        "circular")],
    timed(F + "channel_shuffle", IMAGES, 4), timed(F + "pixel_shuffle", IMAGES, 2),
    timed(F + "pixel_unshuffle", IMAGES, 2),
    timed("fft.fftshift", X), timed("fft.ifftshift", X), timed("kron", normal(30, 30), normal(30, 30)),
    timed("tril_indices", 1000, 1000, of=None), timed("triu_indices", 1000, 1000, of=None),
    timed("unravel_index", integers(1000000, 100000), (1000, 1000), of=None),
)  # fmt: skip
INDICES = (
    timed("Tensor.__getitem__", X, COLUMNS), timed("Tensor.__getitem__, mask", X, COINS),
    timed("Tensor.__getitem__, pairs", X, (PLACES, PLACES)), timed("gather", X, 1, PLACES),
    timed("gather, dim 0", X, 0, PLACES),
    timed("index_add", X, 1, COLUMNS, Y), timed("index_add, dim 0", X, 0, COLUMNS, Y),
    timed("index_copy", X, 1, orders(1000), Y), timed("index_copy, dim 0", X, 0, orders(1000), Y),
    timed("index_fill", X, 1, COLUMNS, 0.5), timed("index_put", X, (COLUMNS, COLUMNS), ROW, accumulate=True),
    timed("index_reduce", X, 1, COLUMNS, Y, "amax"), timed("index_reduce, prod", X, 0, COLUMNS, Y, "prod"),
    timed("index_select", X, 1, COLUMNS), timed("index_select, dim 0", X, 0, COLUMNS),
    timed("masked_scatter", X, COINS, Y), timed("masked_select", X, COINS),
    timed("put", X, integers(1000, 1000), ROW, accumulate=True),
    timed("take", X, integers(1000, 100000)), timed("take_along_dim", X, PLACES, 1),
    timed("scatter", X, 1, orders(1000, 1000), Y),
    timed("scatter_add", X, 1, PLACES, Y), timed("scatter_add, dim 0", X, 0, PLACES, Y),
    *[timed(f"scatter_reduce, {how}", X, 1, PLACES, Y, how) for how in "sum prod mean amax amin".split()],
    timed("argwhere", COINS, of=None), timed("nonzero", COINS, of=None), timed("nonzero, floats", X, of=None),
    timed("nonzero_static", COINS, size=1000, of=None), timed(F + "one_hot", integers(100, 10000), 100, of=None),
    timed(F + "embedding", COLUMNS, X, of=1), timed(F + "embedding_bag", integers(1000, 200, 50), X, of=1),
    timed(F + "embedding_bag, max", integers(1000, 200, 50), X, mode="max", of=1),
    timed("Tensor.fill_diagonal_", X, 1.5, of=None),
)  # fmt: skip

# -- creation ----------------------------------------------------------------------------------------------------------

WINDOWS = "bartlett blackman hamming hann kaiser".split()
DRAWS = "bernoulli_ cauchy_ exponential_ log_normal_ normal_ random_ uniform_".split()
CREATION = (
    *[timed(f"{name}_window", 1000000, of=None) for name in WINDOWS],
    *[timed(f"Tensor.{name}", X, of=None, random=True) for name in DRAWS],
    timed("Tensor.geometric_", X, 0.3, of=None, random=True), timed("arange", 1000000, of=None),
    timed("arange, floats", 0.0, 1e6, of=None), timed("linspace", 0, 1, 1000000, of=None),
    timed("logspace", 0, 1, 1000000, of=None), timed("zeros", 1000, 1000, of=None), timed("ones", 1000, 1000, of=None),
    timed("full", (1000, 1000), 2.5, of=None), timed("eye", 1000, of=None), timed("fft.fftfreq", 1000000, of=None),
    timed("fft.rfftfreq", 1000000, of=None),
)  # fmt: skip

# -- linear algebra and transforms -------------------------------------------------------------------------------------

ONE_MATRIX = "linalg.cholesky linalg.det linalg.inv linalg.eigvalsh logdet".split()
FFTS = "fft ifft fft2 ifft2 fftn ifftn rfft rfft2 rfftn ihfft ihfft2 ihfftn".split()
INVERSES = "hfft hfft2 hfftn irfft irfft2 irfftn fft".split()
FACTORS = "geqrf linalg.lu linalg.lu_factor linalg.lu_factor_ex linalg.ldl_factor linalg.ldl_factor_ex lu".split()
LINEAR = (
    *[timed(name, SPD) for name in ONE_MATRIX],
    *[timed(name,
        SMALL) for name in "linalg.svdvals linalg.matrix_norm linalg.norm linalg.qr linalg.matrix_exp".split()],
    *[timed(name, SPD) for name in "cholesky det linalg.inv_ex linalg.cholesky_ex matrix_exp".split()],
    *[timed(name, matrices(100, 16),
        of=None) for name in "linalg.cond linalg.pinv pinverse linalg.matrix_rank".split()],
    *[timed(name, matrices(100, 16), of=None, random=True) for name in
      "linalg.eig linalg.eigh linalg.eigvals linalg.svd svd qr".split()],
    *[timed(name, matrices(100, 16), of=None, random=True) for name in FACTORS],
    timed("triangular_solve", SMALL, SPD, upper=True),
    timed("cholesky_inverse", SPD), timed("slogdet", SPD, of=None), timed("linalg.slogdet", SPD, of=None),
    timed("cholesky_solve", SMALL, SPD), timed("linalg.solve", SPD, SMALL),
    timed("linalg.solve_ex", SPD, SMALL), timed("linalg.solve_triangular", SPD, SMALL, upper=True),
    timed("linalg.lstsq", SPD, SMALL, of=None), timed("linalg.cross", normal(300000, 3), normal(300000, 3)),
    timed("cross", normal(300000, 3), normal(300000, 3), dim=1), timed("linalg.matrix_power", SPD, 3),
    timed("matrix_power", SPD, 3), timed("linalg.multi_dot", [SQUARE, SQUARE, SQUARE], of=None),
    timed("chain_matmul", SQUARE, SQUARE, SQUARE), timed("linalg.tensorinv", normal(4, 2, 8), ind=2, of=None),
    timed("linalg.tensorsolve", SQUARE, normal(512), of=None), timed("linalg.vecdot", X, Y),
    *[timed(f"linalg.vector_norm, {p}", X, p, 1) for p in (1, 2, 3, float("inf"))],
    timed("linalg.vector_norm", X), timed("linalg.vector_norm, 0", X, 0, 1, of=None),
    timed("linalg.matmul", SQUARE, SQUARE), timed("addbmm", normal(64, 64), normal(64, 64, 64), normal(64, 64, 64)),
    timed("baddbmm", normal(64, 64, 64), normal(64, 64, 64), normal(64, 64, 64)),
    timed("bmm", normal(64, 64, 64), normal(64, 64, 64)),
    timed("addmm", SQUARE, SQUARE, SQUARE), timed("addmv", ROW, X, ROW), timed("addr", X, ROW, ROW),
    timed("outer", ROW, ROW),
    timed("mm", SQUARE, SQUARE), timed("mv", X, ROW), timed("matmul", X, ROW), timed("dot", MILLION, MILLION),
    timed("vdot", MILLION, MILLION), timed("inner", normal(300, 300), normal(300, 300)),
    timed("tensordot", normal(100, 10, 100), normal(10, 100, 50)),
    timed("einsum", "ij,ij->i", X, Y, of=1), timed("matmul, half", halves(normal(256, 256)), halves(normal(256, 256))),
    timed("matmul, integers", integers(9, 200, 200), integers(9, 200, 200), of=None),
    timed("cdist", normal(300, 20), normal(300, 20)), timed("cdist, p 1", normal(300, 20), normal(300, 20), 1.0),
    *[timed(f"fft.{name}", X) for name in FFTS], *[timed(f"fft.{name}, complex", COMPLEX) for name in INVERSES],
    timed("stft", SIGNALS, Size(256), window=uniform(0.5, 1, 256), return_complex=True),
    timed("istft", complexes(10, 256, 500), Size(256), window=uniform(0.5, 1, 256), onesided=False),
)  # fmt: skip

# -- networks ----------------------------------------------------------------------------------------------------------


def poolings() -> Iterator[Timed]:
    for n, source in ((1, LINES), (2, IMAGES), (3, VOLUMES)):
        yield timed(f"{F}avg_pool{n}d", source, 3, 2, 1)
        yield timed(f"{F}max_pool{n}d", source, 3, 2, 1)
        yield timed(f"{F}adaptive_avg_pool{n}d", source, 7)
        yield timed(f"{F}adaptive_max_pool{n}d", source, 7)
        yield timed(f"{F}lp_pool{n}d", source, 2.0, 3)
    yield timed(f"{F}fractional_max_pool2d", IMAGES, 3, output_ratio=(0.5, 0.5), random=True)
    yield timed(f"{F}fractional_max_pool3d", VOLUMES, 3, output_ratio=(0.5, 0.5, 0.5), random=True)


def unpool(n: int, source: Sized) -> Timed:
    return timed(f"{F}max_unpool{n}d", source, integers(8, *source.shape), 2)


CONVOLUTIONS = (
    timed(F + "conv1d", LINES, normal(64, 64, 3)), timed(F + "conv2d", IMAGES, normal(64, 64, 3, 3), padding=1),
    timed(F + "conv3d", VOLUMES, normal(16, 16, 3, 3, 3)),
    timed(F + "conv_tbc", normal(100, 16, 64), normal(3, 64, 64), normal(64)),
    timed(F + "conv_transpose1d", LINES, normal(64, 64, 3)),
    timed(F + "conv_transpose2d", IMAGES, normal(64, 64, 3, 3)),
    timed(F + "conv_transpose3d", VOLUMES, normal(16, 16, 3, 3, 3)),
    timed(F + "conv2d, depthwise", normal(16, 8, 32, 32), normal(8, 1, 3, 3), groups=8, padding=1),
    timed(F + "conv1d, depthwise", normal(16, 8, 1000), normal(8, 1, 3), groups=8), timed(F + "unfold", IMAGES, 3),
    timed(F + "fold", normal(7000, 9, 16), (6, 6), 3),
    timed(F + "bilinear", normal(500, 50), normal(500, 50), normal(50, 50, 50)),
    timed(F + "linear", normal(1000, 512), normal(512, 512), normal(512)),
)  # fmt: skip
NORMS = (
    timed(F + "batch_norm", IMAGES, None, None, training=True), timed(F + "group_norm", IMAGES, 8),
    timed(F + "instance_norm", IMAGES),
    timed(F + "layer_norm", IMAGES, (Size(32), Size(32))), timed(F + "rms_norm", IMAGES, (Size(32), Size(32))),
    timed(F + "local_response_norm", IMAGES, 5), timed(F + "normalize", X), timed(F + "softmin", X, 1),
    timed(F + "log_softmax", X, 1), timed(F + "softmax", X, 1), timed(F + "gumbel_softmax", X, random=True),
)  # fmt: skip
NETWORKS = (
    *poolings(), unpool(1, normal(16, 64, 500)), unpool(2, normal(16, 64, 16, 16)), unpool(3, normal(4, 16, 8, 16, 16)),
    *CONVOLUTIONS, *NORMS, timed(F + "affine_grid", normal(16, 2, 3), (16, 3, 32, 32), align_corners=False),
    timed(F + "grid_sample", IMAGES, uniform(-1, 1, 16, 32, 32, 2), align_corners=False),
    *[timed(f"{F}interpolate, {mode}", IMAGES, scale_factor=2, mode=mode) for mode in ("nearest", "bilinear",
        "bicubic", "area", "nearest-exact")],
    timed(F + "interpolate, linear", LINES, scale_factor=2, mode="linear"),
    timed(F + "upsample", IMAGES, scale_factor=2),
    timed(F + "interpolate, trilinear", normal(4, 16, 8, 16, 16), scale_factor=2, mode="trilinear"),
    timed(F + "upsample_bilinear", IMAGES, scale_factor=2), timed(F + "upsample_nearest", IMAGES, scale_factor=2),
    timed(F + "scaled_dot_product_attention", normal(16, 8, 128, 32), normal(16, 8, 128, 32), normal(16, 8, 128, 32)),
    timed(F + "linear_cross_entropy", normal(500, 100), normal(200, 100), integers(200, 500)),
)  # fmt: skip

CLASSES = integers(1000, 1000)
LABELS = Sized(lambda rng, shape, _: rng.integers(-1, 9, shape), (1000, 1000))
LOSSES = (
    *[timed(F + name, X,
        Y) for name in "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss cosine_similarity".split()],
    *[timed(f"{F}{name}, none", X, Y, reduction="none") for name in ("mse_loss", "l1_loss", "smooth_l1_loss",
        "huber_loss")],
    timed(F + "poisson_nll_loss", X, POSITIVE), timed(F + "gaussian_nll_loss", X, Y, POSITIVE),
    timed(F + "kl_div", X, UNIT, reduction="batchmean"),
    timed(F + "binary_cross_entropy", UNIT, UNIT), timed(F + "binary_cross_entropy_with_logits", X, UNIT),
    timed(F + "cross_entropy", X, CLASSES), timed(F + "cross_entropy, smooth", X, CLASSES, label_smoothing=0.1),
    timed(F + "cross_entropy, probabilities", X, UNIT), timed(F + "nll_loss", X, CLASSES),
    timed(F + "multi_margin_loss", X, CLASSES), timed(F + "multilabel_margin_loss", X, orders(1000, 1000)),
    timed(F + "multilabel_margin_loss, few labels", X, LABELS),
    timed(F + "multilabel_soft_margin_loss", X, UNIT), timed(F + "hinge_embedding_loss", X, signs(1000, 1000)),
    timed(F + "margin_ranking_loss", X, Y, signs(1000, 1000)), timed(F + "cosine_embedding_loss", X, Y, signs(1000)),
    timed(F + "triplet_margin_loss", X, Y, Z), timed(F + "triplet_margin_with_distance_loss", X, Y, Z),
    timed(F + "pairwise_distance", X, Y), timed(F + "pdist", normal(300, 20)),
    timed(F + "ctc_loss", normal(100, 16, 100), integers(99, 16, 3), [Size(100)] * 16, [3] * 16),
)  # fmt: skip

CALLS = (*POINTWISE, *ORDERS, *SHAPES, *INDICES, *CREATION, *LINEAR, *NETWORKS, *LOSSES)


# -- cases -------------------------------------------------------------------------------------------------------------


def find(lib: Library, name: str) -> Callable[..., Any]:
    """Return the function with a dotted name, or the method."""
    place = lib
    for word in name.split("."):
        place = getattr(place, word, None)
    found: Callable[..., Any] = getattr(lib.Tensor, name) if place is None else place
    return found


def with_tensors(lib: Library, each: Timed, limit: int) -> tuple[Callable[[], Any], list[Any]]:
    """Return the call with tensors in place of sources, and the tensors."""
    tensors: list[Any] = []

    def convert(value: Any) -> Any:
        if isinstance(value, Sized):
            tensors.append(lib.tensor(value(limit, len(tensors))))
            return tensors[-1]
        if isinstance(value, Size):
            return min(int(value), limit)
        if value.__class__ in (list, tuple):
            return value.__class__([convert(one) for one in value])
        return value

    op = find(lib, each.name.split(",")[0])
    args = [convert(value) for value in each.args]
    options = {name: convert(value) for name, value in each.options.items()}
    return lambda: op(*args, **options), tensors


def forward(each: Timed, limit: int) -> Make:
    """Time the call."""

    def make(lib: Library) -> Step:
        call, _ = with_tensors(lib, each, limit)
        return lambda: first(call())

    return make


def gradient(each: Timed, limit: int) -> Make:
    """Time the gradient of the first result."""

    def make(lib: Library) -> Step:
        call, tensors = with_tensors(lib, each, limit)
        input = tensors[each.of or 0].requires_grad_()
        result = first(call())
        grad = lib.tensor(normal(*result.shape)(WHOLE, 7)).to(result.dtype)
        return lambda: lib.autograd.grad(result, input, grad, retain_graph=True)[0]

    return make


def first(result: Any) -> Any:
    return result[0] if isinstance(result, (list, tuple)) else result


def cases(limit: int = WHOLE) -> Iterator[Case]:
    """Yield the calls and their gradients, with sizes up to ``limit``."""
    for each in CALLS:
        if each.forward:
            yield Case(each.name, forward(each, limit), random=each.random)
        if each.of is not None:
            yield Case(f"{each.name}, gradient", gradient(each, limit), random=each.random)
