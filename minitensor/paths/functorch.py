"""``functorch``, the package before ``torch.func``: its transforms, and modules as functions of their parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.compat.version import __version__ as __version__
from minitensor.errors import UsageError
from minitensor.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap
from minitensor.nn.module import Module
from minitensor.nn.utils.stateless import functional_call
from minitensor.ops.join import stack
from minitensor.tensor import Tensor

__all__ = [
    "FunctionalModule", "FunctionalModuleWithBuffers", "combine_state_for_ensemble", "grad", "grad_and_value",
    "hessian", "jacfwd", "jacrev", "jvp", "make_functional", "make_functional_with_buffers", "vjp", "vmap",
]  # fmt: skip


class FunctionalModule(Module):
    """A module without parameters of its own: the call takes them first, in the order of their names.

    Args:
        stateless_model: The module.
        param_names: The names of its parameters.
    """

    def __init__(self, stateless_model: Module, param_names: Sequence[str]) -> None:
        super().__init__()
        self.stateless_model, self.param_names = stateless_model, tuple(param_names)

    def forward(self, params: Iterable[Tensor], *args: Any, **kwargs: Any) -> Any:
        """Call the module with parameters."""
        state = dict(zip(self.param_names, params, strict=True))
        return functional_call(self.stateless_model, state, args, kwargs)


class FunctionalModuleWithBuffers(Module):
    """A module without state of its own: the call takes its parameters, then its buffers.

    Args:
        stateless_model: The module.
        param_names, buffer_names: The names of its parameters and of its buffers.
    """

    def __init__(self, stateless_model: Module, param_names: Sequence[str], buffer_names: Sequence[str]) -> None:
        super().__init__()
        self.stateless_model = stateless_model
        self.param_names, self.buffer_names = tuple(param_names), tuple(buffer_names)

    def forward(self, params: Iterable[Tensor], buffers: Iterable[Tensor], *args: Any, **kwargs: Any) -> Any:
        """Call the module with parameters and buffers."""
        state = dict(zip(self.param_names, params, strict=True)), dict(zip(self.buffer_names, buffers, strict=True))
        return functional_call(self.stateless_model, state, args, kwargs)


def release(values: Iterable[Tensor], disable_autograd_tracking: bool) -> tuple[Tensor, ...]:
    """Return tensors, without gradients if they are not to be tracked."""
    return tuple(each.detach() if disable_autograd_tracking else each for each in values)


def make_functional(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModule, tuple[Tensor, ...]]:
    """Return a module as a function of its parameters, and these.

    Args:
        model: A module without buffers.
        disable_autograd_tracking: Whether the parameters are returned without requires_grad.

    Raises:
        RuntimeError: If the module has buffers.

    >>> import minitensor as torch
    >>> from minitensor.paths.functorch import make_functional
    >>> function, parameters = make_functional(torch.nn.Linear(3, 2))
    >>> function(parameters, torch.ones(4, 3)).shape
    torch.Size([4, 2])
    """
    if any(True for _ in model.buffers()):
        raise UsageError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    names, values = names_and_values(copy.deepcopy(model).named_parameters())
    return FunctionalModule(copy.deepcopy(model), names), release(values, disable_autograd_tracking)


def make_functional_with_buffers(
    model: Module, disable_autograd_tracking: bool = False
) -> tuple[FunctionalModuleWithBuffers, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return a module as a function of its parameters and buffers, and both.

    Args:
        model: A module.
        disable_autograd_tracking: Whether the parameters are returned without requires_grad.
    """
    own = copy.deepcopy(model)
    names, values = names_and_values(own.named_parameters())
    buffer_names, buffers = names_and_values(own.named_buffers())
    function = FunctionalModuleWithBuffers(copy.deepcopy(model), names, buffer_names)
    return function, release(values, disable_autograd_tracking), buffers


def names_and_values(pairs: Iterable[tuple[str, Any]]) -> tuple[tuple[str, ...], tuple[Tensor, ...]]:
    """Return names and what they stand for, apart."""
    found = list(pairs)
    return tuple(name for name, _ in found), tuple(value for _, value in found)


def combine_state_for_ensemble(
    models: Sequence[Module],
) -> tuple[FunctionalModuleWithBuffers, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return several modules as one function of parameters and buffers, and these stacked, for ``vmap``.

    Args:
        models: Modules of one class in one mode.

    Raises:
        RuntimeError: If there are none, or they differ in class or mode.
    """
    if not models:
        raise UsageError("combine_state_for_ensemble: Expected at least one model, got 0.")
    if len({each.training for each in models}) > 1:
        raise UsageError(
            "combine_state_for_ensemble: Expected all models to have the same training/eval mode."
        )
    if len({type(each) for each in models}) > 1:
        raise UsageError("combine_state_for_ensemble: Expected all models to be of the same class.")
    functions, parameters, buffers = zip(*map(make_functional_with_buffers, models), strict=True)
    return functions[0], stack_columns(parameters), stack_columns(buffers)


def stack_columns(rows: Iterable[Sequence[Tensor]]) -> tuple[Tensor, ...]:
    """Stack the tensors that have the same place in each row."""
    return tuple(stack(list(each)) for each in zip(*rows, strict=True))


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.functorch")
