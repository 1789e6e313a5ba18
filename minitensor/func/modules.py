"""Ensembles of modules: their parameters stacked, for ``vmap`` over a ``functional_call``.

``functional_call`` itself, which replaces a module's parameters and buffers for one call, is in
``nn.utils.stateless``.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minitensor.errors import UsageError
from minitensor.func.batching.batched import Batched
from minitensor.nn.batchnorm import BatchNorm
from minitensor.ops.join import stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.nn import Module
    from minitensor.tensor import Tensor


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Stack the parameters and the buffers of several modules of one class along a new dim 0.

    With ``vmap`` and ``functional_call`` an ensemble is one call.

    Args:
        models: modules of one class in one mode (``train`` or ``eval``), with the same names and shapes.

    Returns:
        A dict of parameters and a dict of buffers; a tensor of shape S becomes (len(models), *S). The parameters are
        leaves, and require grad where those of the first model do.

    Raises:
        RuntimeError: If there are no models, or they differ in class, mode or names.

    >>> import minitensor as torch
    >>> from minitensor.func import functional_call, stack_module_state
    >>> models = [torch.nn.Linear(3, 2) for _ in range(5)]
    >>> parameters, buffers = stack_module_state(models)
    >>> parameters["weight"].shape
    torch.Size([5, 2, 3])
    >>> call = torch.vmap(lambda p, b, x: functional_call(models[0], (p, b), x), in_dims=(0, 0, None))
    >>> call(parameters, buffers, torch.ones(4, 3)).shape
    torch.Size([5, 4, 2])
    """
    if not models:
        raise UsageError("stack_module_state: expected at least one model, got none")
    first = models[0]
    if not all(each.training == first.training for each in models):
        raise UsageError("stack_module_state: expected all models to be in the same mode; call .train() or .eval()")
    if not all(type(each) is type(first) for each in models):
        raise UsageError(
            "stack_module_state: expected all models to be of one class, got "
            + ", ".join(sorted({type(each).__name__ for each in models}))
        )
    parameters = stack_states([dict(each.named_parameters()) for each in models])
    buffers = stack_states([dict(each.named_buffers()) for each in models])
    for name, each in parameters.items():
        each.requires_grad_(dict(first.named_parameters())[name].requires_grad)
    return parameters, buffers


def stack_states(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Stack the tensors of each name, without history."""
    for each in states[1:]:
        if each.keys() != states[0].keys():
            raise UsageError("stack_module_state: the models do not have the same parameters and buffers")
    return {name: stack([each[name].detach() for each in states]) for name in states[0]}


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """Let all batch norms in a module use the statistics of their batch only, so that ``vmap`` can run it.

    Args:
        root: The module, which is changed.

    >>> import minitensor as torch
    >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    >>> torch.func.replace_all_batch_norm_modules_(model)[0].running_mean is None
    True
    """
    for each in root.modules():
        if isinstance(each, BatchNorm) and each.track_running_stats:
            each.running_mean = each.running_var = each.num_batches_tracked = None
            each.track_running_stats = False
    return root


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """Return a function that computes the same: writes into tensors need no removal here.

    Args:
        func: The function.
        remove: "mutations" or "mutations_and_views". Default: ``"mutations"``.

    Raises:
        RuntimeError: If ``remove`` is another word.

    >>> import minitensor as torch
    >>> torch.func.functionalize(lambda x: x.clone().add_(1))(torch.ones(2))
    tensor([2., 2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise UsageError(
            f"functionalize: remove must be 'mutations' or 'mutations_and_views', got {remove!r}"
        )

    @functools.wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return call


def debug_unwrap(tensor: Tensor, *, recurse: bool = True) -> Tensor:
    """Return the tensor of all samples for one of a sample of ``vmap``, and other tensors as they are.

    Args:
        tensor: A tensor.
        recurse: Whether to do so for all ``vmap`` around. Default: ``True``.

    >>> import minitensor as torch
    >>> torch.func.debug_unwrap(torch.ones(2))
    tensor([1., 1.])
    """
    if not isinstance(tensor, Batched):
        return tensor
    return debug_unwrap(tensor.physical) if recurse else tensor.physical
