"""Parameters of distributions: broadcasting, probabilities and logits, values computed when they are first needed.

The file knows no distributions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from minitensor.autograd.mode import enable_grad
from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import finfo, get_default_dtype
from minitensor.errors import ArgumentError, UsageValueError, quote
from minitensor.nn.functional import softmax
from minitensor.ops import choice
from minitensor.ops.broadcast import broadcast_tensors
from minitensor.ops.creation import empty, tensor
from minitensor.ops.ranges import arange
from minitensor.shapes import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype
    from minitensor.tensor import Tensor

Owner = TypeVar("Owner")
Value = TypeVar("Value")
Number = bool | int | float

euler_constant: Final = 0.57721566490153286060

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip


def broadcast_all(*values: Tensor | Number) -> tuple[Tensor, ...]:
    """Return tensors and numbers, ``values``, as tensors of one shape.

    A number gets the dtype and device of the first tensor.

    Raises:
        ValueError: If a value is neither a tensor nor a number.

    >>> import minitensor as torch
    >>> torch.distributions.utils.broadcast_all(torch.zeros(2), 1.0)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    given = [each for each in values if isinstance(each, TensorBase)]
    options: dict[str, Any] = {"dtype": given[0].dtype if given else get_default_dtype()}
    if given:
        options["device"] = given[0].device
    made: Any = [each if isinstance(each, TensorBase) else as_parameter(each, options) for each in values]
    return tuple(broadcast_tensors(*made))


def as_parameter(value: Any, options: dict[str, Any]) -> Tensor:
    """Return a number as a tensor; raise if it is none."""
    if not isinstance(value, (bool, int, float)):
        raise ArgumentError(f"expected numbers and tensors as parameters of a distribution, got {quote(value)}")
    return tensor(value, **options)


def _standard_normal(shape: Sequence[int], dtype: dtype, device: DeviceLike) -> Tensor:
    """Draw standard normal numbers. Programs that write their own distributions import it, as the next one."""
    return empty(shape, dtype=dtype, device=device).normal_()


def where(condition: Any, input: Any, other: Any) -> Tensor:
    """Choose between tensors or numbers, of which one at least is a tensor or becomes one."""
    chosen: Tensor = choice.where(condition, input, other)
    return chosen


def _sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """Sum over the last ``dim`` dims."""
    return value.reshape(*value.shape[: value.ndim - dim], -1).sum(-1) if dim else value


# -- probabilities and logits ------------------------------------------------------------------------------------------


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """Return probabilities: the sigmoid of ``logits`` if ``is_binary``, and else the softmax along the last dim.

    >>> import minitensor as torch
    >>> torch.distributions.utils.logits_to_probs(torch.zeros(2), is_binary=True)
    tensor([0.5000, 0.5000])
    """
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def clamp_probs(probs: Tensor) -> Tensor:
    """Clamp ``probs`` into [eps, 1 - eps], where eps is that of the dtype.

    >>> import minitensor as torch
    >>> torch.distributions.utils.clamp_probs(torch.tensor([0.5, 1.0])) < 1
    tensor([True, True])
    """
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Return logits: log(p / (1 - p)) of ``probs`` if ``is_binary``, and else log p.

    >>> import minitensor as torch
    >>> torch.distributions.utils.probs_to_logits(torch.tensor([0.5]), is_binary=True)
    tensor([0.])
    """
    inside = clamp_probs(probs)
    return inside.log() - (-inside).log1p() if is_binary else inside.log()


class lazy_property(Generic[Owner, Value]):  # noqa: N801  # a decorator
    """Compute an attribute by the method ``wrapped`` when it is first read, and keep its value.

    The value is computed with gradients, even under ``no_grad``.

    >>> import minitensor as torch
    >>> from minitensor.distributions.utils import lazy_property
    >>> class Square:
    ...     side = 3
    ...     @lazy_property
    ...     def area(self):
    ...         return self.side**2
    >>> Square().area
    9
    """

    def __init__(self, wrapped: Callable[[Owner], Value]) -> None:
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]  # it only needs attributes

    @overload
    def __get__(self, instance: None, owner: Any = None) -> lazy_property[Owner, Value]: ...

    @overload
    def __get__(self, instance: Owner, owner: Any = None) -> Value: ...

    def __get__(self, instance: Owner | None, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        vars(instance)[self.wrapped.__name__] = value
        return value


class TwoForms:
    """A distribution with either ``probs`` or ``logits``; the other is computed when it is first read."""

    _is_binary = True

    def _set_form(self, probs: Any, logits: Any) -> Tensor:
        """Keep the form that is given, and return it."""
        self._forms = (only_one("probs", probs, "logits", logits),)
        (given,) = broadcast_all(probs if logits is None else logits)
        vars(self)[self._forms[0]] = given
        return given

    @property
    def _param(self) -> Tensor:
        """The form that was given."""
        form: Tensor = vars(self)[self._forms[0]]
        return form

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, self._is_binary)

    @lazy_property
    def logits(self) -> Tensor:
        """The logarithms of the odds, or of the probabilities of several events."""
        return probs_to_logits(self.probs, self._is_binary)

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return Size(self._param.shape)


def only_one(*names_and_values: Any, error: type[Exception] = UsageValueError) -> str:
    """Return the name of the one value that is given; raise unless it is one."""
    pairs = list(zip(names_and_values[::2], names_and_values[1::2]))
    given = [name for name, value in pairs if value is not None]
    if len(given) != 1:
        names = [name for name, _ in pairs]
        raise error(f"expected exactly one of {', '.join(names)}, got {' and '.join(given) or 'none'}")
    return str(given[0])


# -- triangles ---------------------------------------------------------------------------------------------------------


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """Return the lower triangle of matrices ``mat``, (*, n, n), row by row, as vectors; up to diagonal ``diag``.

    Raises:
        ValueError: If there is no such diagonal.

    >>> import minitensor as torch
    >>> torch.distributions.utils.tril_matrix_to_vec(torch.tensor([[1., 0.], [2., 3.]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentError(f"tril_matrix_to_vec: expected a diagonal from {-n} to {n - 1}, got {diag}")
    return mat[..., lower_mask(n, diag, mat)]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Return matrices, (*, n, n), whose lower triangle up to diagonal ``diag`` is ``vec``, row by row.

    Raises:
        ValueError: If no square matrix has as many elements in its triangle.

    >>> import minitensor as torch
    >>> torch.distributions.utils.vec_to_tril_matrix(torch.tensor([1., 2., 3.]))
    tensor([[1., 0.],
            [2., 3.]])
    """
    count = vec.shape[-1]
    n = next((n for n in range(count + abs(diag) + 2) if count_lower(n, diag) >= count), 0)
    if count_lower(n, diag) != count:
        raise UsageValueError(f"vec_to_tril_matrix: no triangle of a square matrix has {count} elements (diag={diag})")
    made = vec.new_zeros((*vec.shape[:-1], n, n))
    made[..., lower_mask(n, diag, vec)] = vec
    return made


def count_lower(n: int, diag: int) -> int:
    """Count the elements of an n x n matrix up to a diagonal."""
    return sum(min(max(row + 1 + diag, 0), n) for row in range(n))


def lower_mask(n: int, diag: int, like: Tensor) -> Tensor:
    """Return a mask of an n x n matrix that is true up to a diagonal."""
    steps = arange(n, device=like.device)
    return steps < steps.view(-1, 1) + (diag + 1)


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
