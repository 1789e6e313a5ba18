"""Every form of every random function with one seed: PyTorch's numbers and dtypes, or an error of PyTorch's class."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional

INF, NAN = math.inf, math.nan
DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip
EACH_DTYPE = pytest.mark.parametrize("dtype", DTYPES)
TOLERANCE = {"float16": 1e-3, "float32": 3e-6, "complex64": 3e-6}

Draw = Callable[[Any, Any], Any]  # (library, generator) -> the drawn numbers


def zeros(lib: Any, dtype: str, *shape: int) -> Any:
    return lib.zeros(*(shape or (5,)), dtype=getattr(lib, dtype))


def outcome(lib: Any, draw: Draw) -> Any:
    """Return the drawn numbers and the next ones of both streams, or the exception."""
    lib.manual_seed(11)
    generator = lib.Generator().manual_seed(5)
    try:
        drawn = draw(lib, generator)
    except Exception as error:
        return error
    if isinstance(drawn, bool):
        return drawn
    found = np.array(drawn.tolist()), str(drawn.dtype).removeprefix("torch."), tuple(drawn.shape)
    return *found, lib.rand(2).tolist(), lib.rand(2, generator=generator).tolist()


def difference(draw: Draw) -> str:
    """Describe how this library's outcome differs from PyTorch's; return an empty string if it does not."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        found, expected = outcome(mt, draw), outcome(torch, draw)
    if isinstance(expected, Exception):
        kind = next(each for each in type(expected).__mro__ if each.__module__ == "builtins")
        alike = isinstance(found, kind) and isinstance(found, mt.errors.MinitensorError)
    elif isinstance(found, Exception) or isinstance(expected, bool):
        alike = found is expected
    else:
        tolerance = TOLERANCE.get(expected[1], 1e-11)
        alike = found[1:] == expected[1:] and np.allclose(found[0], expected[0], tolerance, 1e-7, equal_nan=True)
    return "" if alike else f"{found!r} is not {expected!r}"


def check(draws: dict[str, Draw]) -> None:
    wrong = {name: told for name, draw in draws.items() if (told := difference(draw))}
    assert not wrong, "\n".join([f"{name}: {told}" for name, told in wrong.items()])


# -- filled in place ---------------------------------------------------------------------------------------------------

ENDS = (
    0, 1, 5, -1, -5, 127, 128, 129, 255, 256, -128, -129, 2**15, 2**16, 2**24, 2**24 + 1, 2**28 - 1, 2**28, 2**31 - 1,
    2**31, 2**31 + 7, 2**32, 2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 65504, 70000,
)  # fmt: skip
STARTS = (0, -5, 3, 127, 255, -129, 2**31, -(2**63))


@EACH_DTYPE
def test_random_fills_any_range(dtype: str) -> None:
    check(
        {
            "()": lambda lib, g: zeros(lib, dtype).random_(),
            "(generator)": lambda lib, g: zeros(lib, dtype).random_(generator=g),
            **{f"({to})": lambda lib, g, to=to: zeros(lib, dtype).random_(to) for to in ENDS},
            **{
                f"({low}, {high})": lambda lib, g, low=low, high=high: zeros(lib, dtype).random_(low, high)
                for low, high in itertools.product(STARTS, (*ENDS[::2], -(2**63) + 1, None))
            },
        }
    )


@EACH_DTYPE
def test_randint_draws_from_any_range(dtype: str) -> None:
    def forms() -> Iterator[tuple[str, Draw]]:
        for low, high in itertools.product((0, -5, -(2**63), 2**62), ENDS):
            yield f"({low}, {high})", lambda lib, g, b=(low, high): lib.randint(*b, (5,), dtype=getattr(lib, dtype))
            yield f"like, ({low}, {high})", lambda lib, g, b=(low, high): lib.randint_like(zeros(lib, dtype), *b)

    check(dict(forms()))


REALS = (
    (0, 1), (-1, 1), (2, 1), (1, 1), (-3.4e38, 3.4e38), (0, INF), (-INF, INF), (NAN, 1), (0, NAN), (-1.7e308, 1.7e308),
    (-65504, 65504), (0, 65504), (-40000, 40000), (-1e300, 1e300), (-6e4, 0), (0, 0), (0, -1), (1, INF), (INF, 1),
)  # fmt: skip


@EACH_DTYPE
def test_continuous_distributions_accept_pytorchs_parameters(dtype: str) -> None:
    def forms() -> Iterator[tuple[str, Draw]]:
        for a, b in REALS:
            yield f"uniform_({a}, {b})", lambda lib, g, a=a, b=b: zeros(lib, dtype).uniform_(a, b)
            yield f"uniform_({a}, to={b})", lambda lib, g, a=a, b=b: zeros(lib, dtype).uniform_(a, to=b, generator=g)
            for count in (5, 20) if abs(a) < 1e308 else ():  # there, products overflow that PyTorch fuses with sums
                name = f"normal_({a}, {b}) of {count}"
                yield name, lambda lib, g, a=a, b=b, count=count: zeros(lib, dtype, count).normal_(a, b)
        for p in (1, 0.5, 0, -1, INF, NAN, 1e-300):
            yield f"exponential_({p})", lambda lib, g, p=p: zeros(lib, dtype).exponential_(p)
            yield f"geometric_({p})", lambda lib, g, p=p: zeros(lib, dtype).geometric_(p)
            yield f"cauchy_({p})", lambda lib, g, p=p: zeros(lib, dtype).cauchy_(1, p)
            yield f"log_normal_({p})", lambda lib, g, p=p: zeros(lib, dtype).log_normal_(0.5, p)
            yield f"bernoulli_({p})", lambda lib, g, p=p: zeros(lib, dtype).bernoulli_(p)
            yield f"bernoulli_(tensor {p})", lambda lib, g, p=p: zeros(lib, dtype).bernoulli_(lib.tensor([p] * 5))
            yield f"bernoulli(x, {p})", lambda lib, g, p=p: lib.bernoulli(zeros(lib, dtype), p)
            yield f"bernoulli({p})", lambda lib, g, p=p: lib.bernoulli(lib.tensor([p] * 5).to(getattr(lib, dtype)))

    check(dict(forms()))


FILLS = ("uniform_", "normal_", "random_", "exponential_", "cauchy_", "log_normal_", "bernoulli_")


@pytest.mark.parametrize("fill", FILLS)
def test_fills_follow_the_memory_and_refuse_unsuitable_tensors(fill: str) -> None:
    targets: dict[str, Callable[[Any], Any]] = {
        "transposed": lambda lib: lib.zeros(5, 4).t(), "with gaps": lambda lib: lib.zeros(12)[::2],
        "overlapping": lambda lib: lib.zeros(1).expand(3), "empty": lambda lib: lib.zeros(0),
        "large": lambda lib: lib.zeros(40), "a leaf": lambda lib: lib.zeros(3, requires_grad=True),
        "channels last": lambda lib: lib.zeros(1, 2, 2, 2).contiguous(memory_format=lib.channels_last),
    }  # fmt: skip
    check(
        {name: lambda lib, g, make=make: getattr(make(lib), fill)() for name, make in targets.items()}
        | {"a generator": lambda lib, g: getattr(lib.zeros(3), fill)(generator=g)}
        | {"no generator": lambda lib, g: getattr(lib.zeros(3), fill)(generator=5)}
        | {"a string": lambda lib, g: getattr(lib.zeros(3), fill)("a")}
    )


# -- new tensors -------------------------------------------------------------------------------------------------------


@EACH_DTYPE
def test_new_tensors_of_any_dtype(dtype: str) -> None:
    def forms() -> Iterator[tuple[str, Draw]]:
        kind = lambda lib: {"dtype": getattr(lib, dtype)}
        for name in ("rand", "randn"):
            yield name, lambda lib, g, name=name: getattr(lib, name)(2, 3, **kind(lib))
            yield f"{name}, generator", lambda lib, g, name=name: getattr(lib, name)((20,), **kind(lib), generator=g)
            like = f"{name}_like"
            yield like, lambda lib, g, like=like: getattr(lib, like)(zeros(lib, dtype))
            yield f"{like}, dtype", lambda lib, g, like=like: getattr(lib, like)(lib.zeros(4, 3).t(), **kind(lib))
        for n in (0, 1, 5, 300, -1, 70000):
            yield f"randperm({n})", lambda lib, g, n=n: lib.randperm(n, **kind(lib), generator=g)
        weights = lambda lib: lib.tensor([[1, 2, 3, 0, 1]] * 3).to(getattr(lib, dtype))
        for replacement in (False, True):
            yield f"multinomial, {replacement}", lambda lib, g, r=replacement: lib.multinomial(weights(lib), 2, r)

    check(dict(forms()))


SIZES: dict[str, Draw] = {
    "rand(2, 3)": lambda lib, g: lib.rand(2, 3), "rand([2, 3])": lambda lib, g: lib.rand([2, 3]),
    "rand(())": lambda lib, g: lib.rand(()), "rand()": lambda lib, g: lib.rand(),
    "rand(-1)": lambda lib, g: lib.rand(-1),
    "rand(size=)": lambda lib, g: lib.rand(size=(2, 3)), "randn(size=)": lambda lib, g: lib.randn(size=(2, 3)),
    "rand(2.0)": lambda lib, g: lib.rand(2.0), "rand(Size)": lambda lib, g: lib.rand(lib.Size([2])),
    "out": lambda lib, g: lib.randn(3, out=lib.zeros(3)),
    "out of float64": lambda lib, g: lib.rand(3, out=lib.zeros(3, dtype=lib.float64)),
    "out and dtype": lambda lib, g: lib.rand(3, dtype=lib.float32, out=lib.zeros(3, dtype=lib.float64)),
    "out with gaps": lambda lib, g: lib.rand(3, out=lib.zeros(6)[::2]),
    "out transposed": lambda lib, g: lib.randn(4, 5, out=lib.zeros(5, 4).t()),
    "requires_grad": lambda lib, g: lib.randn(3, requires_grad=True).requires_grad,
    "randint(5, (3,))": lambda lib, g: lib.randint(5, (3,)),
    "randint(5, [3, 2])": lambda lib, g: lib.randint(5, [3, 2]),
    "randint(high=)": lambda lib, g: lib.randint(high=5, size=(3,)),
    "randint(5, ())": lambda lib, g: lib.randint(5, ()),
    "randint(low=)": lambda lib, g: lib.randint(low=2, high=5, size=(3,), generator=g),
    "randint(5, 3)": lambda lib, g: lib.randint(5, 3), "randint(5)": lambda lib, g: lib.randint(5),
    "randint(5.0)": lambda lib, g: lib.randint(5.0, (3,)), "randint(0, 5.5)": lambda lib, g: lib.randint(0, 5.5, (3,)),
    "randint(2, 5, size=)": lambda lib, g: lib.randint(2, 5, size=(3,)),
    "randint(True)": lambda lib, g: lib.randint(True, (3,)),
    "randint(0, None)": lambda lib, g: lib.randint(0, None, (3,)),
    "randint(tensor)": lambda lib, g: lib.randint(lib.tensor(5), (3,)),
    "randint, out": lambda lib, g: lib.randint(5, (3,), out=lib.zeros(3, dtype=lib.int32)),
    "randint, negative size": lambda lib, g: lib.randint(5, (-3,)),
    "randint_like(5)": lambda lib, g: lib.randint_like(lib.zeros(3), 5, generator=g),
    "randint_like(low=)": lambda lib, g: lib.randint_like(lib.zeros(3), low=1, high=5),
    "randperm, out": lambda lib, g: lib.randperm(7, out=lib.zeros(7, dtype=lib.int32)),
    "randperm(7.0)": lambda lib, g: lib.randperm(7.0), "randperm(40000)": lambda lib, g: lib.randperm(40000),
}  # fmt: skip


def test_sizes_and_outputs_may_have_pytorchs_forms() -> None:
    check(SIZES)


NORMALS: dict[str, Callable[[Any], Any]] = {
    "tensors": lambda lib: lib.normal(lib.arange(3.0), lib.arange(3.0)),
    "large": lambda lib: lib.normal(lib.ones(40), 2.5),
    "mean, number": lambda lib: lib.normal(lib.arange(3.0), 2.0), "mean": lambda lib: lib.normal(lib.arange(3.0)),
    "number, std": lambda lib: lib.normal(1.0, lib.arange(3.0)),
    "std=": lambda lib: lib.normal(mean=0.0, std=lib.ones(2)),
    "size": lambda lib: lib.normal(1.0, 2.0, (3,)), "ints": lambda lib: lib.normal(1, 2, (3,)),
    "no size": lambda lib: lib.normal(1.0, 2.0), "one number": lambda lib: lib.normal(1.0),
    "no mean": lambda lib: lib.normal(std=lib.ones(2)), "nothing": lambda lib: lib.normal(size=(2,)),
    "size beside tensors": lambda lib: lib.normal(lib.zeros(3), 1.0, (3,)),
    "float64": lambda lib: lib.normal(1.0, 2.0, (3,), dtype=lib.float64),
    "int64": lambda lib: lib.normal(1.0, 2.0, (3,), dtype=lib.int64),
    "negative std": lambda lib: lib.normal(1.0, -2.0, (3,)), "negative stds": lambda lib: lib.normal(1.0, -lib.ones(2)),
    "NaN std": lambda lib: lib.normal(1.0, lib.tensor([NAN, 1.0])),
    "negative number": lambda lib: lib.normal(lib.ones(1), -1.0),
    "broadcast": lambda lib: lib.normal(lib.zeros(2, 1), lib.ones(3)),
    "no broadcast": lambda lib: lib.normal(lib.zeros(2), lib.ones(3)),
    "out": lambda lib: lib.normal(lib.zeros(3), lib.ones(3), out=lib.zeros(3)),
    "two dtypes": lambda lib: lib.normal(lib.zeros(3, dtype=lib.float64), lib.ones(3)),
    "two dtypes, other way": lambda lib: lib.normal(lib.zeros(3), lib.ones(3, dtype=lib.float64)),
    "int means": lambda lib: lib.normal(lib.tensor([1, 2]), 1.0),
    "int stds": lambda lib: lib.normal(0.0, lib.tensor([1])),
    "complex means": lambda lib: lib.normal(lib.zeros(3, dtype=lib.complex64), 1.0),
    "complex stds": lambda lib: lib.normal(lib.zeros(3), lib.ones(3, dtype=lib.complex64)),
    "halves": lambda lib: lib.normal(lib.zeros(20, dtype=lib.float16), 1.0),
    "transposed": lambda lib: lib.normal(lib.zeros(5, 4).t(), 1.0), "empty": lambda lib: lib.normal(lib.zeros(0), 1.0),
}  # fmt: skip


def test_normal_mixes_tensors_and_numbers() -> None:
    check({name: lambda lib, g, draw=draw: draw(lib) for name, draw in NORMALS.items()})


WEIGHTS: tuple[Any, ...] = (
    [1.0, 2.0, 3.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [-1.0, 2.0, 3.0], [NAN, 1.0, 1.0], [INF, 1.0, 1.0], [],
)  # fmt: skip


PLACES: dict[str, Callable[[Any], Any]] = {
    "turned": lambda lib: lib.arange(1.0, 21.0).view(5, 4).t(),
    "turned, of doubles": lambda lib: lib.arange(1.0, 21.0, dtype=lib.float64).view(5, 4).t(),
    "every other row": lambda lib: lib.arange(1.0, 21.0).view(4, 5)[::2],
    "every other column": lambda lib: lib.arange(1.0, 25.0).view(4, 6)[:, ::2],
    "every other row, turned": lambda lib: lib.arange(1.0, 25.0).view(6, 4)[::2].t(),
    "expanded": lambda lib: lib.arange(1.0, 6.0).expand(3, 5),
    "expanded, turned": lambda lib: lib.arange(1.0, 6.0).expand(5, 5).t(),
    "a row, turned": lambda lib: lib.arange(1.0, 6.0).view(5, 1).t(),
}


def test_multinomial_draws_pytorchs_indices_or_refuses() -> None:
    def forms() -> Iterator[tuple[str, Draw]]:
        for weights, count, replacement in itertools.product(WEIGHTS, (1, 2, 4, 0, -1), (False, True)):
            for shape in (weights, [weights, weights]):
                name = f"{shape}, {count}, {replacement}"
                yield name, lambda lib, g, a=(shape, count, replacement): lib.multinomial(lib.tensor(a[0]), *a[1:])
        for shape in ((), (0, 3), (2, 2, 2), (1000,)):
            yield f"{shape}", lambda lib, g, shape=shape: lib.multinomial(lib.ones(shape), 1, generator=g)
            yield f"{shape}, with", lambda lib, g, shape=shape: lib.multinomial(lib.ones(shape), 3, True)
        for place, count in itertools.product(PLACES, (1, 3)):
            yield f"{place}, {count}", lambda lib, g, a=(place, count): lib.multinomial(PLACES[a[0]](lib), a[1])

    check(dict(forms()))


# -- dropout -----------------------------------------------------------------------------------------------------------

SHAPES = ((4, 3), (2, 3, 4), (2, 3, 2, 2), (2, 3, 2, 2, 2), (5,), ())
DROPOUTS = ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_drops_what_pytorch_drops(name: str) -> None:
    def forms() -> Iterator[tuple[str, Draw]]:
        for p, shape, inplace in itertools.product((0.0, 0.3, 1.0, -0.1, 1.1, NAN), SHAPES, (False, True)):
            for dtype in ("float32", "int64") if shape != (2, 3, 4) else ("float16", "float64", "bool", "complex64"):
                case = f"{dtype} {shape}, p={p}, inplace={inplace}"
                ones = lambda lib, shape=shape, dtype=dtype: lib.ones(shape).to(getattr(lib, dtype))
                options = (p, True, inplace)
                yield case, lambda lib, g, x=ones, o=options: getattr(lib.nn.functional, name)(x(lib), *o)

    check(dict(forms()))


LIE: dict[str, Callable[[Any], Any]] = {
    "turned": lambda lib: lib.ones(6, 20).t(), "permuted": lambda lib: lib.ones(4, 5, 3, 2).permute(3, 1, 0, 2),
    "with gaps": lambda lib: lib.ones(6, 20)[:, ::2], "expanded": lambda lib: lib.ones(5).expand(6, 5),
    "channels last": lambda lib: lib.ones(1, 2, 4, 15).contiguous(memory_format=lib.channels_last),
}  # fmt: skip
MASKED: dict[str, Draw] = {
    **{name: lambda F, x, name=name: getattr(F, name)(x, 0.4, True) for name in DROPOUTS},
    "gumbel_softmax": lambda F, x: F.gumbel_softmax(x), "rrelu": lambda F, x: F.rrelu(-x, training=True),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKED)
def test_masks_follow_the_memory_order_as_in_pytorch(name: str) -> None:
    check({lie: lambda lib, g, make=make: MASKED[name](lib.nn.functional, make(lib)) for lie, make in LIE.items()})


# -- without PyTorch ---------------------------------------------------------------------------------------------------


def test_random_from_a_bound_to_none_reaches_the_largest_integer() -> None:
    drawn = mt.zeros(1000, dtype=mt.int64).random_(2**62, None)
    assert (drawn >= 2**62).all()
    assert {*mt.zeros(500, dtype=mt.uint8).random_(250, None).tolist()} == {*range(250, 256)}
    everywhere = mt.zeros(1000, dtype=mt.int64).random_(-(2**63), None)
    assert (everywhere < 0).any()
    assert (everywhere > 0).any()


def test_dropout_of_float16_divides_in_single_precision() -> None:
    kept = mt.nn.functional.dropout(mt.ones(50, dtype=mt.float16), 0.3)
    assert {*kept.tolist()} == {0.0, mt.tensor(1 / 0.7, dtype=mt.float16).item()}
    assert {*mt.nn.functional.dropout(mt.ones(500, dtype=mt.float16), 0.99).tolist()} == {0.0, 100.0}


def test_a_range_wider_than_the_dtype_is_refused_and_nothing_is_written() -> None:
    x = mt.zeros(2)
    with pytest.raises(RuntimeError, match="uniform_ expects to - from"):
        x.uniform_(-3.4e38, 3.4e38)
    with pytest.raises(ValueError, match="between"):
        x.random_(2**63)
    assert x.tolist() == [0, 0]
