"""``typing.get_type_hints`` of classes, which libraries for settings and checks call on the layers of programs."""

from __future__ import annotations

import importlib
import inspect
import typing

import pytest

from minitensor import nn, optim

torch = pytest.importorskip("torch")

MODULES = """nn nn.parameter nn.utils.rnn optim optim.lr_scheduler optim.swa_utils distributions utils.data autograd
    amp""".split()


def can_be_read(kind: type) -> bool:
    try:
        typing.get_type_hints(kind)
    except (NameError, TypeError):
        return False
    return True


@pytest.mark.parametrize("name", ["", *MODULES])
def test_types_of_a_class_can_be_read_where_pytorchs_can(name: str) -> None:
    ours, theirs = [importlib.import_module(".".join(filter(None, (lib, name)))) for lib in ("minitensor", "torch")]
    names = [each for each, kind in vars(theirs).items() if inspect.isclass(kind) and can_be_read(kind)]
    kinds = {each: getattr(ours, each) for each in names if each[0] != "_" and each in dir(ours)}
    assert not [each for each, kind in kinds.items() if inspect.isclass(kind) and not can_be_read(kind)]


def test_a_layer_of_a_program_has_its_own_types() -> None:
    class Net(nn.Module):
        hidden: int

    class Descent(optim.SGD):
        rate: float

    assert typing.get_type_hints(Net)["hidden"] is int and typing.get_type_hints(Descent)["rate"] is float
