"""Networks from a line of text: what is built, and where errors point."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import minitensor as torch
from minitensor import nn

SHORT = {"Conv2d": "CONV", "ReLU": "RELU", "MaxPool2d": "POOL", "Linear": "FC"}


def words(model: nn.Sequential) -> list[str]:
    """Return the words of the layers; flattening has none."""
    kinds = (type(layer).__name__ for layer in model)
    return [SHORT[kind] for kind in kinds if kind != "Flatten"]


@pytest.mark.parametrize(
    ("pattern", "under", "problem"),
    [
        ("CONV -> FC", "C", "must begin with INPUT"),
        ("INPUT -> CONV", "C", "must end with FC"),
        ("INPUT -> [CONV -> FC", "", "expected ] or ->"),
        ("INPUT -> CONV] -> FC", "]", "expected -> or the end, got ']'"),
        ("INPUT -> BLOB -> FC", "B", "expected [ or one of INPUT, CONV, RELU, POOL, FC, got 'BLOB'"),
        ("INPUT -> -> FC", "-", "expected [ or one of INPUT, CONV, RELU, POOL, FC, got '->'"),
        ("INPUT -> [CONV]*X -> FC", "X", "expected a number after *, or a letter whose number is an argument"),
        ("INPUT -> INPUT -> FC", "I", "INPUT must come first, once"),
        ("INPUT -> FC -> CONV -> FC", "C", "CONV cannot follow FC, which has flattened the map"),
        ("INPUT -> FC -> POOL -> FC", "P", "POOL cannot follow FC"),
        ("INPUT -> [POOL]*4 -> FC", "P", "POOL cannot halve a map of 1x1"),
        ("INPUT -> CONV & FC", "&", "expected -> or the end, got '&'"),
        ("INPUT CONV -> FC", "C", "expected -> or the end, got 'CONV'"),
    ],
)
def test_an_error_points_at_the_place(pattern: str, under: str, problem: str) -> None:
    with pytest.raises(ValueError) as found:
        nn.from_pattern(pattern, (3, 8, 8), 10)
    message, text, caret = str(found.value).split("\n")
    assert message.startswith("from_pattern: ")
    assert problem in message
    assert text == f"  {pattern}"
    assert text[caret.index("^") :][:1] == under


def test_an_empty_pattern_points_at_its_beginning() -> None:
    with pytest.raises(ValueError, match=r"expected \[ or one of .*\n  \n  \^"):
        nn.from_pattern("", (3, 8, 8), 10)


@pytest.mark.parametrize("size", [0, 2, -1])
def test_filters_of_an_even_size_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"kernel_size must be odd to keep the size, got {size}"):
        nn.from_pattern("INPUT -> CONV -> FC", (3, 8, 8), 10, kernel_size=size)


def test_channels_come_from_a_list_or_double_after_each_pool() -> None:
    pattern = "INPUT -> [CONV -> RELU -> POOL]*2 -> CONV -> FC"
    for channels, wanted in ((4, [4, 8, 16]), ([5, 6, 7], [5, 6, 7])):
        model = nn.from_pattern(pattern, (3, 8, 8), 10, channels=channels)
        assert [layer.out_channels for layer in model if isinstance(layer, nn.Conv2d)] == wanted
    with pytest.raises(ValueError, match="channels has 2 numbers, CONV has 2 POOLs before it"):
        nn.from_pattern(pattern, (3, 8, 8), 10, channels=[5, 6])


def test_hidden_and_kernel_size() -> None:
    model = nn.from_pattern("INPUT -> CONV -> [FC -> RELU]*2 -> FC", (1, 6, 5), 3, hidden=7, kernel_size=5)
    assert [layer.out_features for layer in model if isinstance(layer, nn.Linear)] == [7, 7, 3]
    assert model[0].kernel_size == (5, 5)
    assert model(torch.rand(2, 1, 6, 5)).shape == (2, 3)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'kernal_size'"):
        nn.from_pattern("INPUT -> [CONV]*N -> FC", (3, 8, 8), 10, N=1, kernal_size=5)
    with pytest.raises(ValueError, match=r"expected a number of at least 0 for N, got -1\n.*\n {18}\^"):
        nn.from_pattern("INPUT -> [CONV]*N -> FC", (3, 8, 8), 10, N=-1)
    with pytest.raises(ValueError, match=r"the shape \(C, H, W\), got \(8, 8\)"):
        nn.from_pattern("INPUT -> FC", (8, 8), 10)


def test_a_count_of_0_leaves_brackets_out() -> None:
    model = nn.from_pattern("INPUT -> [CONV -> RELU]*N -> [FC -> RELU]*0 -> FC", (3, 8, 8), 10, N=0)
    assert words(model) == ["FC"]


# A random pattern as (text, what it expands to with and without optional layers).
Expansion = tuple[str, list[str], list[str]]


def repeat(body: Expansion, count: int) -> Expansion:
    text, with_pool, without = body
    return f"[{text}]*{count}", with_pool * count, without * count


def join(parts: list[Expansion]) -> Expansion:
    texts, with_pool, without = zip(*parts)
    return " -> ".join(texts), list(chain.from_iterable(with_pool)), list(chain.from_iterable(without))


LEAVES: list[Expansion] = [
    ("CONV", ["CONV"], ["CONV"]),
    ("RELU", ["RELU"], ["RELU"]),
    ("POOL?", ["POOL"], []),
    ("CONV*2", ["CONV"] * 2, ["CONV"] * 2),
]
BODIES = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.builds(repeat, st.lists(inner, min_size=1, max_size=3).map(join), st.integers(0, 2)),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(BODIES, max_size=3), st.booleans())
def test_a_random_pattern_is_expanded_as_by_hand(parts: list[Expansion], pool: bool) -> None:
    text, with_pool, without = join([("INPUT", [], []), *parts, ("FC", ["FC"], ["FC"])])
    wanted = with_pool if pool else without
    assume(wanted.count("POOL") <= 12)
    size = 2 ** wanted.count("POOL")
    with torch.device("meta"):
        model = nn.from_pattern(text, (1, size, size), 2, channels=[1] * 99, pool=pool)
    assert words(model) == wanted


HOSTILE = [
    "INPUT -> [RELU]*1000000000 -> FC",
    "INPUT -> [[RELU]*9999]*9999 -> FC",
    "INPUT -> [[RELU]*100000]*2 -> FC",
    "INPUT -> [RELU]*" + "9" * 5000 + " -> FC",
    "INPUT -> " + "[" * 51 + "RELU" + "]" * 51 + " -> FC",
    "INPUT -> " + "[" * 3000 + "RELU" + "]*2" * 3000 + " -> FC",
]


@pytest.mark.parametrize("pattern", HOSTILE, ids=range(len(HOSTILE)))
def test_a_pattern_of_too_many_layers_is_refused_at_once(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"at most 100,000 layers|more than 50 brackets"):
        nn.from_pattern(pattern, (1, 8, 8), 2)


def test_leading_zeros_and_fifty_brackets_are_read() -> None:
    assert len(nn.from_pattern("INPUT -> [RELU]*" + "0" * 5000 + "3 -> FC", (1, 2, 2), 2)) == 5
    assert len(nn.from_pattern("INPUT -> " + "[" * 50 + "RELU" + "]" * 50 + " -> FC", (1, 2, 2), 2)) == 3


@pytest.mark.parametrize("pattern", [None, 5, b"INPUT -> FC"])
def test_a_pattern_that_is_no_text_is_refused(pattern: object) -> None:
    with pytest.raises(TypeError, match="pattern must be a str"):
        nn.from_pattern(pattern, (1, 8, 8), 2)  # type: ignore[arg-type]  # wrong on purpose
