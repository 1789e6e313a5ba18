"""The contents of ``torch.autograd.forward_ad``: dual numbers, whose tangents are computed together with their values.

>>> import minitensor as torch
>>> import minitensor.autograd.forward_ad as fwAD
>>> with fwAD.dual_level():
...     x = fwAD.make_dual(torch.tensor([1., 2.]), torch.tensor([1., 10.]))
...     fwAD.unpack_dual(x * x).tangent
tensor([ 2., 40.])
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from minitensor.autograd.interpreters import active, interpreters
from minitensor.autograd.mode import forward_mode, guard_function
from minitensor.autograd.protocol import PROCEED, override_function
from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentTypeError, GradError

if TYPE_CHECKING:
    from collections.abc import Callable

    from minitensor.tensor import Tensor

F = TypeVar("F", bound="Callable[..., Any]")

__all__ = [
    "UnpackedDualTensor",
    "dual_level",
    "enter_dual_level",
    "exit_dual_level",
    "make_dual",
    "unpack_dual",
]


class UnpackedDualTensor(NamedTuple):
    """What ``unpack_dual`` returns.

    Args:
        primal: The tensor without its tangent.
        tangent: The tangent, or None.

    >>> import minitensor as torch
    >>> torch.autograd.forward_ad.UnpackedDualTensor(torch.tensor(1.), None)
    UnpackedDualTensor(primal=tensor(1.), tangent=None)
    """

    primal: Tensor
    tangent: Tensor | None


def current_level() -> Any:
    """Return the innermost level in which tensors have tangents, or None."""
    kind = TensorBase.result_class._dual_level
    return next((each for each in reversed(interpreters.get()) if isinstance(each, kind)), None)


def enter_dual_level() -> int:
    """Begin a level in which tensors may have tangents, and return its number; see ``dual_level``.

    Raises:
        RuntimeError: If there is one already.

    >>> import minitensor.autograd.forward_ad as fwAD
    >>> fwAD.enter_dual_level()
    0
    >>> fwAD.exit_dual_level()
    """
    if current_level() is not None:
        raise GradError("Nested forward mode AD is not supported at the moment; minitensor.func.jvp can be nested")
    level: Any = TensorBase.result_class._dual_level()
    interpreters.set((*interpreters.get(), level))
    active.append(level)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End the level that ``enter_dual_level`` began. All tangents are forgotten.

    Args:
        level: Its number. Default: ``None``, the current one.

    Raises:
        RuntimeError: If there is no level, or ``level`` is not the current one.

    >>> import minitensor.autograd.forward_ad as fwAD
    >>> level = fwAD.enter_dual_level()
    >>> fwAD.exit_dual_level(level=level)
    """
    current = current_level()
    if level not in (None, 0):
        raise GradError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    if current is None:
        raise GradError("Dual level must be a positive number: there is none, enter_dual_level() begins one")
    interpreters.set(tuple([each for each in interpreters.get() if each is not current]))
    active.remove(current)
    current.forget()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """Return a view of ``tensor`` that has a tangent: the direction in which it moves.

    Operations on it compute the tangents of their results, which ``unpack_dual`` returns. If the strides of the
    tangent are those of the tensor, the dual number shares memory with both.

    Args:
        tensor: The value.
        tangent: The tangent, of the same shape.
        level: The number of the level. Default: ``None``, the current one.

    Raises:
        RuntimeError: If there is no level, the shapes differ, or the tensor has a tangent already.
        ValueError: If the tensor or the tangent is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> import minitensor.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     fwAD.make_dual(torch.tensor([1., 2.]), torch.tensor([1., 0.]))
    tensor([1., 2.], tangent=tensor([1., 0.]))
    """
    if active and (found := override_function(make_dual, (tensor, tangent), {"level": level})) is not PROCEED:
        return found  # type: ignore[no-any-return]  # what takes the place of the result
    current = current_level()
    if current is None or (level is not None and level < 0):
        raise GradError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    if level not in (None, 0):
        raise GradError("Invalid level given to _make_dual: there is one level, whose number is 0")
    made: Tensor = current.make_dual(tensor, tangent)
    return made


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """Return a tensor without its tangent, and the tangent, or None if it has none.

    Args:
        tensor: A dual number, or another tensor.
        level: The number of the level. Default: ``None``, the current one.

    Raises:
        TypeError: If ``tensor`` is not a tensor.
        RuntimeError: If there is no such level.

    >>> import minitensor as torch
    >>> import minitensor.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     primal, tangent = fwAD.unpack_dual(fwAD.make_dual(torch.tensor(2.), torch.tensor(3.)).square())
    >>> primal, tangent
    (tensor(4.), tensor(12.))
    """
    if active and (found := override_function(unpack_dual, (tensor,), {"level": level})) is not PROCEED:
        return found  # type: ignore[no-any-return]  # what takes the place of the result
    current = current_level()
    if current is None or (level is not None and level < 0):
        return UnpackedDualTensor(tensor, None)
    if level not in (None, 0):
        raise GradError("Invalid level given to _fw_primal: there is one level, whose number is 0")
    if not isinstance(tensor, TensorBase):
        raise ArgumentTypeError(
            f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}"
        )
    return UnpackedDualTensor(*current.unpack(tensor))


class dual_level:  # noqa: N801  # PyTorch's name
    """A context manager, and a decorator, in which tensors may have tangents. When it ends, these are forgotten.

    >>> import minitensor as torch
    >>> import minitensor.autograd.forward_ad as fwAD
    >>> x, t = torch.tensor([1., 2.]), torch.tensor([1., 1.])
    >>> with fwAD.dual_level():
    ...     y = fwAD.make_dual(x, t).exp()
    ...     fwAD.unpack_dual(y).tangent
    tensor([2.7183, 7.3891])
    >>> fwAD.unpack_dual(y).tangent is None
    True
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: object) -> None:
        exit_dual_level()

    def __call__(self, function: F) -> F:
        return guard_function(type(self), function)


def _is_fwd_grad_enabled() -> bool:
    """Return whether operations compute tangents in this thread.

    >>> import minitensor.autograd.forward_ad as fwAD
    >>> fwAD._is_fwd_grad_enabled()
    True
    """
    return forward_mode.get()


class _set_fwd_grad_enabled:  # noqa: N801  # PyTorch's name
    """Let operations compute tangents, or not: at once, and in a ``with`` statement until its end.

    Args:
        mode: Whether they do.

    >>> import minitensor.autograd.forward_ad as fwAD
    >>> with fwAD._set_fwd_grad_enabled(False):
    ...     fwAD._is_fwd_grad_enabled()
    False
    """

    def __init__(self, mode: bool) -> None:
        self.mode, self.former = mode, forward_mode.get()
        forward_mode.set(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        forward_mode.set(self.former)

    def __call__(self, function: F) -> F:
        forward_mode.set(self.former)
        return guard_function(functools.partial(type(self), self.mode), function)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
