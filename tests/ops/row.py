"""A row of the op table: an op's name, and calls to test it with.

In a call, a NumPy array stands for a tensor and ``Dtype("float32")`` for a dtype; other arguments stand for themselves.
So the same call can be made in this library, in PyTorch, on another device or in another memory layout
(``ops/call.py``). Numbers are drawn with gaps between them and away from integers and halves of integers, so that
finite differences do not cross kinks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Dtype(NamedTuple):
    """A dtype by its name, which is the same in both libraries."""

    name: str


class Call(NamedTuple):
    """Arguments for an op. ``smooth``: finite differences apply here."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    smooth: bool = True

    def __repr__(self) -> str:
        words = [repr(each) for each in self.args] + [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"({', '.join(words)})"


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


def kink(*args: Any, **kwargs: Any) -> Call:
    """Return a call at ties or corners, or rounded to single precision: without finite differences, PyTorch decides."""
    return Call(args, kwargs, smooth=False)


@dataclass(frozen=True)
class Row:
    """One op. Its in-place version, method and ``out=`` are found by name."""

    name: str  # "exp", "Tensor.copy_", "nn.functional.relu"
    calls: tuple[Call, ...]
    numpy: Callable[..., Any] | None = None  # called with the same arguments, arrays in place of tensors
    torch: str | Callable[..., Any] | None = None  # the name in PyTorch, if it is another
    aliases: tuple[str, ...] = ()  # other names of the same op

    differentiable: bool = True
    constants: tuple[int, ...] = ()  # positions of float arguments that have no gradient
    twice: bool = True  # it can be differentiated twice, here and in PyTorch

    view: bool = False  # the result shares the input's memory
    may_share: bool = False  # the result may be the input or share its memory
    out: bool = True  # accepts out=
    inplace: bool = True  # the in-place version, if there is one, computes what the op does
    pointwise: bool = False  # pointwise: special values and every dtype are tried
    random: bool = False  # two calls give different results
    dtypes: str = "all"  # dtypes to try for the arrays of the first call, see DTYPES
    wrong: tuple[Call, ...] = ()  # calls that both libraries refuse
    label: str = ""  # distinguishes two rows of one op
    host: str = ""  # why this op may copy to the host
    rtol: float = 1e-6  # single precision, against PyTorch; squared for double precision
    strides: bool = True  # contiguous inputs give PyTorch's strides
    names: bool = True  # parameters have PyTorch's names
    notes: dict[str, str] = field(default_factory=dict)  # law -> why it does not apply to this op

    def __repr__(self) -> str:
        return f"{self.name} {self.label}".strip()


DTYPES = {
    "all": (
        "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128",
    ),
    "real": ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"),
    "numbers": ("uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"),
    "float": ("float16", "float32", "float64"),
    "single": ("float32", "float64"),
    "inexact": ("float32", "float64", "complex64", "complex128"),
    "integer": ("bool", "uint8", "int8", "int16", "int32", "int64"),
    "none": (),
}  # fmt: skip


# -- numbers -----------------------------------------------------------------------------------------------------------


def f(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    """Return distinct float64 numbers in random order, none close to a multiple of one half."""
    count = int(np.prod(shape))
    spacing = (high - low) / max(count, 1)
    numbers = low + spacing * (np.arange(count) + (0.37 + 0.211 * seed) % 1)
    margin = min(0.03, spacing / 4)
    near = np.abs(numbers - np.round(2 * numbers) / 2) < margin
    numbers = np.where(near, numbers + 1.7 * margin, numbers)
    return np.random.RandomState(seed + count).permutation(numbers).reshape(shape)


def i(*shape: int, low: int = 0, high: int = 5, seed: int = 0, dtype: str = "int64") -> Any:
    """Return integers from ``low`` to ``high - 1``."""
    return np.asarray(np.random.RandomState(seed + 7).randint(low, high, shape), dtype)


def b(*shape: int, seed: int = 0) -> Any:
    """Bools."""
    return np.asarray(np.random.RandomState(seed + 3).random_sample(shape) < 0.5)


def ties(*shape: int, seed: int = 0) -> Any:
    """Return floats, many of which are equal."""
    return np.random.RandomState(seed + 5).randint(-2, 3, shape).astype("float64")


# -- common calls ------------------------------------------------------------------------------------------------------


def one(low: float = -2.0, high: float = 2.0) -> tuple[Call, ...]:
    """One tensor."""
    return tuple([call(f(*shape, low=low, high=high)) for shape in ((2, 3), (), (2, 0), (2, 1, 3))])


def two(
    low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None
) -> tuple[Call, ...]:
    """Two tensors that broadcast."""
    low2, high2 = low if low2 is None else low2, high if high2 is None else high2
    shapes: Sequence[tuple[tuple[int, ...], tuple[int, ...]]] = (
        ((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((2, 2), ()), ((0, 3), (1,)), ((), ()),
    )  # fmt: skip
    return tuple([call(f(*x, low=low, high=high), f(*y, low=low2, high=high2, seed=1)) for x, y in shapes])


def beside_number(number: Any = 1.7, low: float = -2.0, high: float = 2.0) -> tuple[Call, ...]:
    """A tensor and a number, in both orders."""
    return call(f(2, 3, low=low, high=high), number), call(number, f(3, low=low, high=high))


def rows(*each: Row | Iterable[Row]) -> tuple[Row, ...]:
    """Flatten rows and groups of rows."""
    return tuple([row for one in each for row in ((one,) if isinstance(one, Row) else one)])
