"""Pruning: a mask holds entries of a parameter at zero; they are chosen by size or at random.

``l1_unstructured(linear, "weight", amount=0.3)`` moves the weight to ``weight_orig``, puts zeros and ones into
``weight_mask``, and multiplies the two before each forward. Pruning again takes from what is left; ``remove`` makes it
permanent. ``pruning_methods.py`` has the rules that choose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.errors import ArgumentError, ArgumentTypeError
from minitensor.nn.module import Module
from minitensor.nn.utils.convert_parameters import parameters_to_vector
from minitensor.nn.utils.pruning_methods import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    hook_of,
)
from minitensor.ops.creation import ones_like
from minitensor.tensor import Tensor

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip

M = TypeVar("M", bound=Module)


@composite_with_own_checks
def identity(module: M, name: str) -> M:
    """Give a parameter a mask of ones, and prune nothing.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no parameter of this name.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.identity(torch.nn.Linear(4, 2), "weight")
    >>> layer.weight_mask.sum()
    tensor(8.)
    """
    Identity.apply(module, name)
    return module


@composite_with_own_checks
def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune random entries of a parameter.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.
        amount: Fraction from 0 to 1 if a float, or number if an int.

    Returns:
        The module.

    Raises:
        ValueError: If ``amount`` is negative or too large, or the module has no parameter of this name.
        TypeError: If ``amount`` is not a number.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.random_unstructured(torch.nn.Linear(4, 2), "weight", amount=3)
    >>> int((layer.weight != 0).sum())
    5
    """
    RandomUnstructured.apply(module, name, amount)
    return module


@composite_with_own_checks
def l1_unstructured(module: M, name: str, amount: float, importance_scores: Tensor | None = None) -> M:
    """Prune the entries of a parameter closest to zero, or with the lowest scores.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.
        amount: Fraction from 0 to 1 if a float, or number if an int.
        importance_scores: A tensor of the parameter's shape, compared by absolute value. Default: ``None``, the
            parameter.

    Returns:
        The module.

    Raises:
        ValueError: If ``amount`` is negative or too large, or the module has no parameter of this name.
        TypeError: If ``amount`` is not a number.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.l1_unstructured(torch.nn.Linear(4, 2), "weight", amount=0.75)
    >>> int((layer.weight != 0).sum()), sorted(layer.state_dict())
    (2, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


@composite_with_own_checks
def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune random slices of a parameter.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.
        amount: Fraction from 0 to 1 if a float, or number if an int.
        dim: Dim along which slices are taken.

    Returns:
        The module.

    Raises:
        ValueError: If ``amount`` is negative or too large, or the module has no parameter of this name.
        TypeError: If ``amount`` is not a number.
        IndexError: If there is no dim ``dim``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.random_structured(torch.nn.Linear(4, 2), "weight", amount=1, dim=0)
    >>> int((layer.weight != 0).sum())
    4
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


@composite_with_own_checks
def ln_structured(module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None) -> M:
    """Prune the slices of a parameter with the smallest n-norm.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.
        amount: Fraction from 0 to 1 if a float, or number if an int.
        n: Order of the norm, a number, ``inf`` or ``"fro"``.
        dim: Dim along which slices are taken.
        importance_scores: A tensor of the parameter's shape that takes its place in the choice. Default: ``None``.

    Returns:
        The module.

    Raises:
        ValueError: If ``amount`` is negative or too large, or the module has no parameter of this name.
        TypeError: If ``amount`` is not a number.
        IndexError: If there is no dim ``dim``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.ln_structured(torch.nn.Linear(4, 2), "weight", amount=0.5, n=2, dim=1)
    >>> int((layer.weight != 0).sum())
    4
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


@composite_with_own_checks
def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter where a mask is zero.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.
        mask: Zeros where to prune, of the parameter's shape.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no parameter of this name, or the mask has another shape.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.custom_from_mask(torch.nn.Linear(2, 1), "weight", torch.tensor([[0, 1]]))
    >>> int((layer.weight != 0).sum())
    1
    """
    CustomFromMask.apply(module, name, mask)
    return module


@composite_with_own_checks
def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one: some may lose many entries, and others none.

    Args:
        parameters: Pairs of a module and a parameter's name.
        pruning_method: A method that prunes entries, for example ``L1Unstructured``.
        importance_scores: A dict from such pairs to tensors that take the parameters' places in the choice. Default:
            ``None``.
        **kwargs: Arguments of the method, for example ``amount``.

    Raises:
        TypeError: If ``parameters`` is not iterable, ``importance_scores`` is not a dict, or the method prunes slices.

    >>> import minitensor as torch
    >>> layers = [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)]
    >>> prune = torch.nn.utils.prune
    >>> prune.global_unstructured([(each, "weight") for each in layers], prune.L1Unstructured, amount=3)
    >>> sum(int((each.weight == 0).sum()) for each in layers)
    3
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, Mapping):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, given = list(parameters), importance_scores or {}
    values = [getattr(module, name) for module, name in pairs]
    scores = [given.get(pair, value).detach() for pair, value in zip(pairs, values, strict=True)]
    masks = [getattr(module, name + "_mask", ones_like(value).detach()) for (module, name), value in zip(pairs, values)]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    mask = PruningContainer(method).compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    start = 0
    for (module, name), value in zip(pairs, values, strict=True):
        custom_from_mask(module, name, mask[start : start + value.numel()].view(value.shape))
        start += value.numel()


@composite_with_own_checks
def remove(module: M, name: str) -> M:
    """Make the pruned values of a parameter the parameter itself, without mask and hook.

    Args:
        module: The module, changed in place.
        name: Name of the parameter.

    Returns:
        The module.

    Raises:
        ValueError: If the parameter is not pruned.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.prune.l1_unstructured(torch.nn.Linear(4, 2), "weight", amount=1)
    >>> sorted(torch.nn.utils.prune.remove(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    found = hook_of(module, name)
    if found is None:
        raise ArgumentError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    key, method = found
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


@composite_with_own_checks
def is_pruned(module: Module) -> bool:
    """Tell whether anything in a module, or below it, is pruned.

    Args:
        module: The module.

    >>> import minitensor as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> before = torch.nn.utils.prune.is_pruned(layer)
    >>> _ = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=1)
    >>> before, torch.nn.utils.prune.is_pruned(layer)
    (False, True)
    """
    return any(
        isinstance(hook, BasePruningMethod)
        for inner in module.modules()
        for hook in inner._forward_pre_hooks.values()
    )
