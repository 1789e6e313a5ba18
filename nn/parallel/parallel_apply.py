"""Calls of several modules, each with its own input: here one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import GuardError
from minitensor.nn.module import Module

__all__ = ["parallel_apply"]


def parallel_apply(
    modules: Sequence[Module], inputs: Sequence[Any], kwargs_tup: Sequence[dict[str, Any]] | None = None,
    devices: Sequence[Any] | None = None,
) -> list[Any]:
    """Return what modules return for their inputs, one after another.

    Args:
        modules: The modules.
        inputs: For each module its argument, or a list or tuple of its arguments.
        kwargs_tup: For each module its keyword arguments. Default: ``None``.
        devices: Accepted for PyTorch compatibility.

    Raises:
        AssertionError: If the numbers of modules, inputs, keyword arguments or devices differ.

    >>> import minitensor as torch
    >>> model = torch.nn.Flatten()
    >>> [x.shape for x in torch.nn.parallel.parallel_apply([model, model], [torch.ones(1, 2, 3), torch.ones(4, 5, 6)])]
    [torch.Size([1, 6]), torch.Size([4, 30])]
    """
    for name, given in (("inputs", inputs), ("keyword arguments", kwargs_tup), ("devices", devices)):
        if given is not None and len(given) != len(modules):
            raise GuardError(f"The number of modules {len(modules)} is not equal to the number of {name} {len(given)}")
    options: Sequence[dict[str, Any]] = kwargs_tup or [{} for _ in modules]
    arguments = [each if isinstance(each, (list, tuple)) else (each,) for each in inputs]
    return [module(*args, **kwargs) for module, args, kwargs in zip(modules, arguments, options, strict=True)]


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
