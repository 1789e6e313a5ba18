"""Single lines that programs contain, run in both libraries: what they return, print or raise must agree."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt

Line = Callable[[Any], Any]


def outcome(library: Any, line: Line) -> Any:
    """Return what a line returns, in a form that both libraries share; an error as its class."""
    library.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return in_common(line(library))
        except Exception as error:
            return error


def in_common(value: Any) -> Any:
    """Return tensors as their dtype, shape, strides and elements, and other objects as their text."""
    if isinstance(value, (list, tuple)):
        return [in_common(each) for each in value]
    if not hasattr(value, "requires_grad_"):
        return repr(value).replace("minitensor", "torch")
    return str(value.dtype), list(value.shape), list(value.stride()), value.requires_grad, value.detach().tolist()


def assert_agree(line: Line) -> None:
    ours, theirs = outcome(mt, line), outcome(pytest.importorskip("torch"), line)
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
    else:
        assert ours == theirs


def parameters(t: Any) -> list[Any]:
    return [t.nn.Parameter(t.tensor([1.0, 2.0])), t.nn.Parameter(t.tensor([[3.0]]))]


def sgd(t: Any) -> Any:
    return t.optim.SGD([{"params": [each], "lr": 0.1 * i} for i, each in enumerate(parameters(t))], lr=0.1)


# -- optimizers, schedulers, containers --------------------------------------------------------------------------------

OBJECTS: dict[str, Line] = {
    "an optimizer with two groups": sgd,
    "no closure": lambda t: t.optim.LBFGS(parameters(t)).step(),
    "no scheduler": lambda t: t.optim.lr_scheduler.SequentialLR(sgd(t), [3, 4], [3]),
    "insert": lambda t: t.nn.ModuleList([t.nn.ReLU()]).insert(0, t.nn.Tanh()),
    "a seed that is no int": lambda t: t.Generator().manual_seed(1.5),
    "a seed that is text": lambda t: t.Generator().manual_seed("1"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_lines_about_objects(name: str) -> None:
    assert_agree(OBJECTS[name])


# -- reductions over no dims -------------------------------------------------------------------------------------------

REDUCTIONS = """
    sum mean nansum nanmean amax amin all any std var count_nonzero median argmax prod norm
""".split()


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dim", [(), []])
@pytest.mark.parametrize("kind", ["float32", "int64", "bool", "uint8"])
def test_reductions_over_no_dims(name: str, dim: Any, kind: str) -> None:
    lines: list[Line] = [
        lambda t: getattr(t, name)(t.tensor([[1, 0], [2, 3]]).to(getattr(t, kind)), dim=dim),
        lambda t: getattr(t.tensor([[1, 0], [2, 3]]).to(getattr(t, kind)), name)(dim=dim, keepdim=True),
    ]
    for line in lines:
        assert_agree(line)
