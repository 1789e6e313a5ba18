"""``MaskedTensor``: a tensor with a mask, whose elements count only where the mask is true.

Its data are a dense tensor in the graph, like the values of a sparse tensor; the masked tensor itself is in none. It
takes over the calls of public functions by ``__torch_function__``: elementwise functions compute from the data,
functions that move elements from data and mask alike, reductions with ``masked``. All others raise.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.autograd.protocol import DisableTorchFunctionSubclass, announce
from minitensor.base import new
from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ArgumentTypeError, UsageError
from minitensor.masked.calls import compute
from minitensor.ops.tensor_types import alias
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROTOTYPE = "The PyTorch API of MaskedTensors is in prototype stage and may change"
ADVISED = "It is not recommended to create a MaskedTensor with a tensor that requires_grad: pass data.detach().clone()"
KINDS = tuple([getattr(dtypes, name) for name in "float16 float32 float64 bool_ int8 int16 int32 int64".split()])


def is_masked_tensor(obj: Any, /) -> bool:
    """Return whether an object is a ``MaskedTensor``.

    Args:
        obj: Any object.

    >>> import minitensor as torch
    >>> torch.masked.is_masked_tensor(torch.ones(2))
    False
    """
    return isinstance(obj, MaskedTensor)


def require_pair(data: Any, mask: Any) -> None:
    """Raise unless a tensor and a mask fit each other."""
    for name, each in (("data", data), ("mask", mask)):
        if is_masked_tensor(each) or not isinstance(each, Tensor):
            raise ArgumentTypeError(f"{name} must be a Tensor, got {type(each).__name__}")
        if each.is_sparse or each.is_sparse_csr:
            raise ArgumentTypeError(f"{name} must be dense: convert it with to_dense()")
    if mask.dtype is not dtypes.bool_:
        raise ArgumentTypeError(f"mask must have dtype bool, got {mask.dtype}")
    if data.dtype not in KINDS:
        raise ArgumentTypeError(f"{data.dtype} is not supported in MaskedTensor")
    if data.shape != mask.shape:
        raise ArgumentError(f"data and mask must have one shape, got {list(data.shape)} and {list(mask.shape)}")


class MaskedTensor(Tensor, announces_itself=True):
    """A tensor whose elements count only where its mask is true.

    Args:
        data: The elements, a dense tensor; they are copied.
        mask: Booleans of the same shape; they are copied.
        requires_grad: Whether the masked tensor is a leaf that gathers gradients. Default: ``False``.

    Raises:
        TypeError: If ``data`` or ``mask`` is no dense tensor, or has a dtype that is not supported.
        ValueError: If their shapes differ.

    >>> import minitensor as torch
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> x = torch.masked.MaskedTensor(torch.tensor([1., 2., 4.]), torch.tensor([True, False, True]))
    >>> x
    MaskedTensor(
      [  1.0000,       --,   4.0000]
    )
    >>> x.sum()
    MaskedTensor(  5.0000, True)
    """

    __slots__ = ("_masked_data", "_masked_mask")

    _masked_data: Tensor  # in the graph
    _masked_mask: Tensor

    def __new__(cls, data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
        warnings.warn(PROTOTYPE, stacklevel=user_level())
        require_pair(data, mask)
        if data.requires_grad:
            warnings.warn(ADVISED, stacklevel=user_level())
        made = cls.of(data.detach().clone(), mask.clone())
        return made.requires_grad_(requires_grad)

    def __init__(self, data: Any, mask: Any, requires_grad: bool = False) -> None:
        """Do nothing: the tensor is complete."""

    @classmethod
    def of(cls, data: Tensor, mask: Tensor) -> MaskedTensor:
        """Return a masked tensor on the parts ``data`` and ``mask``, with the history of the data."""
        announce(MaskedTensor)
        made = new(MaskedTensor)
        made._masked_data, made._masked_mask = data, mask
        made._base = made._node = None
        return made

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        with DisableTorchFunctionSubclass():
            return compute(cls.of, func, args, kwargs or {})

    def get_data(self) -> Tensor:
        """Return the data, also where the mask is false. Gradients flow through them."""
        return alias(self._masked_data)

    def get_mask(self) -> Tensor:
        """Return the mask."""
        return self._masked_mask

    def to_tensor(self, value: float) -> Tensor:
        """Return the dense tensor, with ``value`` where the mask is false."""
        return self._masked_data.masked_fill(~self._masked_mask, value)

    # -- graph ---------------------------------------------------------------------------------------------------------

    def _set_requires_grad(self, value: bool) -> None:
        """Make a leaf require grad, or stop requiring it."""
        self._masked_data.requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> MaskedTensor:
        """Change in place whether a leaf requires grad; return it.

        Args:
            requires_grad: Whether it requires grad.
        """
        self._masked_data.requires_grad_(requires_grad)
        return self

    def _get_grad(self) -> MaskedTensor | None:
        """Return the gradient of a leaf, with its mask."""
        found = self._masked_data.grad
        return None if found is None else self.of(found, self._masked_mask)

    def _set_grad(self, value: Any) -> None:
        """Replace the gradient."""
        self._masked_data.grad = value._masked_data if is_masked_tensor(value) else value

    def _delete_grad(self) -> None:
        """Remove the gradient."""
        self._masked_data.grad = None

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Compute gradients, as ``Tensor.backward`` does."""
        given = gradient._masked_data if is_masked_tensor(gradient) else gradient
        self._masked_data.backward(given, retain_graph, create_graph, inputs)

    requires_grad: Any = property(
        lambda self: self._masked_data.requires_grad, _set_requires_grad, None, "Whether gradients flow to the data."
    )
    grad: Any = property(_get_grad, _set_grad, _delete_grad)
    node: Any = property(lambda self: None, None, None, "None: the graph is that of the data.")

    # -- Python's protocols --------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._masked_data)

    def __repr__(self) -> str:
        if self._masked_data.ndim == 0:
            seen = self._masked_mask.item()
            return f"MaskedTensor({text_of(self._masked_data.item()) if seen else '--'}, {seen})"
        return f"MaskedTensor(\n{indent(text(self._masked_data, self._masked_mask))}\n)"

    def __format__(self, specification: str) -> str:
        return object.__format__(self, specification)

    def __reduce_ex__(self, protocol: Any = None) -> Any:
        raise UsageError("a MaskedTensor cannot be pickled or copied: save get_data() and get_mask()")


def text_of(number: Any) -> str:
    return f"{number:8.4f}" if isinstance(number, float) else str(number)


def indent(lines: str) -> str:
    return "\n".join(["  " + line for line in lines.split("\n")])


def text(data: Tensor, mask: Tensor) -> str:
    """Return nested lists as text, with ``--`` where the mask is false."""
    if data.ndim > 1:
        parts = [indent(text(*pair)) for pair in zip(data, mask, strict=True)]
        return "[\n" + ",\n".join(parts) + "\n]"
    seen, numbers = mask.tolist(), [text_of(each) for each in data.tolist()]
    width = max([len(each) if is_seen else 8 for each, is_seen in zip(numbers, seen, strict=True)], default=0)
    shown = [each if is_seen else "--".rjust(width) for each, is_seen in zip(numbers, seen, strict=True)]
    return "[" + ", ".join(shown) + "]"


def masked_tensor(data: Any, mask: Any, requires_grad: bool = False) -> MaskedTensor:
    """Return a masked tensor on copies of ``data`` and ``mask``: a leaf, as ``tensor`` returns.

    Args:
        data: The elements, a dense tensor.
        mask: Booleans of the same shape.

    Raises:
        TypeError: If ``data`` or ``mask`` is no dense tensor, or has a dtype that is not supported.
        ValueError: If their shapes differ.

    >>> import minitensor as torch
    >>> import warnings
    >>> warnings.simplefilter("ignore")
    >>> torch.masked.masked_tensor(torch.arange(2), torch.tensor([True, False]))
    MaskedTensor(
      [0,       --]
    )
    """
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data: Any, mask: Any) -> MaskedTensor:
    """Return a masked tensor with the history of ``data``, as ``as_tensor`` does.

    Args:
        data: The elements, a dense tensor.
        mask: Booleans of the same shape.

    Raises:
        TypeError: If ``data`` or ``mask`` is no dense tensor, or has a dtype that is not supported.
        ValueError: If their shapes differ.

    >>> import minitensor as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.masked.as_masked_tensor(x * 3, torch.tensor([True, False])).sum().backward()
    >>> x.grad
    tensor([3., 0.])
    """
    require_pair(data, mask)
    return MaskedTensor.of(data.clone(), mask.clone())
