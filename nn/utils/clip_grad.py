"""Gradient clipping: scale all gradients to limit their norm, or clip each element."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.base import require_writable
from minitensor.callers import user_level
from minitensor.errors import GradError, ScalarError, WrongKindError, quote
from minitensor.ops.creation import tensor
from minitensor.ops.join import stack
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from typing import TypeAlias

    Tensors: TypeAlias = Tensor | Iterable[Tensor]

TINY = 1e-6  # added to the norm, which may be zero


@composite_with_own_checks
def get_total_norm(
    tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """Return the norm of all tensors together, as of one long vector.

    Args:
        tensors: A tensor or an iterable of tensors.
        norm_type: Order of the norm, a number or ``inf``. Default: ``2.0``.
        error_if_nonfinite: Raise if the norm is NaN or infinite. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; has no effect. Default: ``None``.

    Returns:
        The norm, shape (), without gradient; 0 if there are no tensors.

    Raises:
        RuntimeError: If the norm is not finite and ``error_if_nonfinite`` is true.

    >>> import minitensor as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    each = as_list(tensors)
    if not each:
        return tensor(0.0)
    norm_type = as_number("norm_type", norm_type)
    with no_grad():
        norms = [vector_norm(one, norm_type) for one in each]
        total = vector_norm(stack([norm.to(norms[0].device) for norm in norms]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise GradError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, {total.item()}, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


@composite_with_own_checks
def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients of ``parameters`` by ``max_norm / total_norm``, if that is less than 1.

    Args:
        parameters: A tensor or an iterable of tensors; those without gradient are skipped.
        max_norm: Norm that the gradients may have.
        total_norm: Norm that they have, from ``get_total_norm``.
        foreach: Accepted for PyTorch compatibility; has no effect. Default: ``None``.

    Raises:
        RuntimeError, ValueError: If a gradient lies in read-only memory; nothing is written then.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grads_with_norm_([weight], 1.0, torch.tensor(5.0))
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    factor = (as_number("max_norm", max_norm) / (total_norm.detach() + TINY)).clamp(max=1.0)
    if factor.ndim:
        raise ScalarError(f"clip_grads_with_norm_: total_norm must have no dims, got shape {tuple(factor.shape)}")
    with no_grad():
        for grad in grads_to_write("clip_grads_with_norm_", parameters):
            grad.mul_(factor.to(grad.device, grad.dtype))


@composite_with_own_checks
def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients to limit their norm, as of one long vector, to ``max_norm`` (Pascanu et al. 2013).

    Args:
        parameters: A tensor or an iterable of tensors; those without gradient are skipped.
        max_norm: Norm that the gradients may have.
        norm_type: Order of the norm, a number or ``inf``. Default: ``2.0``.
        error_if_nonfinite: Raise if the norm is NaN or infinite. Default: ``False``.
        foreach: Accepted for PyTorch compatibility; has no effect. Default: ``None``.

    Returns:
        The norm before the clipping, shape ().

    Raises:
        RuntimeError: If the norm is not finite and ``error_if_nonfinite`` is true.
        RuntimeError, ValueError: If a gradient lies in read-only memory; nothing is written then.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.ones(4))
    >>> weight.grad = torch.full((4,), 5.0)
    >>> torch.nn.utils.clip_grad_norm_([weight], 1.0), weight.grad
    (tensor(10.), tensor([0.5000, 0.5000, 0.5000, 0.5000]))
    """
    each = as_list(parameters)
    if isinstance(parameters, GeneratorType) and not each:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=user_level())
    total = get_total_norm([one.grad for one in each if one.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(each, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated alias of ``clip_grad_norm_``; warns."""
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`",
        FutureWarning,
        stacklevel=user_level(),
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@composite_with_own_checks
def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of the gradients to [-clip_value, clip_value].

    Args:
        parameters: A tensor or an iterable of tensors; those without gradient are skipped.
        clip_value: The bound.
        foreach: Accepted for PyTorch compatibility; has no effect. Default: ``None``.

    Raises:
        RuntimeError, ValueError: If a gradient lies in read-only memory; nothing is written then.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.ones(2))
    >>> weight.grad = torch.tensor([3.0, -0.5])
    >>> torch.nn.utils.clip_grad_value_([weight], 1.0)
    >>> weight.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = as_number("clip_value", clip_value)
    with no_grad():
        for grad in grads_to_write("clip_grad_value_", parameters):
            grad.clamp_(-bound, bound)


def grads_to_write(name: str, parameters: Tensors) -> list[Tensor]:
    """Return the gradients of parameters; raise if one is read-only."""
    grads = [each.grad for each in as_list(parameters) if each.grad is not None]
    require_writable(name, *grads)
    return grads


def as_number(argument: str, value: Any) -> float:
    """Return a number, also one that is written out."""
    try:
        return float(value)
    except ValueError:
        raise WrongKindError(f"argument {argument!r} must be a number, got {quote(value)}") from None


def as_list(tensors: Tensors) -> list[Tensor]:
    """Return one tensor or several as a list."""
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)
