"""Two tensors change places: each object becomes the other's, for everything that refers to it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from minitensor.autograd.leaf import Leaf
from minitensor.base import TensorBase
from minitensor.errors import UsageError, WrongTypeError

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

SLOTS = [name for name in TensorBase.__slots__ if name != "__weakref__"]
UNSET = object()


def swap_tensors(t1: Tensor, t2: Tensor) -> None:
    """Swap two tensors in place: class, memory, gradient, history and attributes.

    Args:
        t1, t2: The tensors.

    Raises:
        TypeError: If an argument is not a tensor.
        RuntimeError: If a graph holds one of them to accumulate its gradient, or their classes hold different data.

    >>> import minitensor as torch
    >>> x, y = torch.nn.Parameter(torch.ones(1)), torch.zeros(2)
    >>> torch.utils.swap_tensors(x, y)
    >>> x
    tensor([0., 0.])
    """
    for each in (t1, t2):
        if not isinstance(each, TensorBase):
            raise WrongTypeError(f"swap_tensors: expected two tensors, got {type(each).__name__}")
        refuse_other_weak_references(each)
    try:
        t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    except TypeError as error:
        names = f"{type(t1).__name__} and {type(t2).__name__}"
        raise UsageError(f"swap_tensors: the classes {names} hold different data: {error}") from None
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    for name in SLOTS:
        swap_slot(name, t1, t2)
    for each in (t1, t2):
        for leaf in (each._node, getattr(each, "_idle_leaf", None)):
            if isinstance(leaf, Leaf):
                point(leaf, each)


def refuse_other_weak_references(tensor: Tensor) -> None:
    """Raise if anything but the tensor's own leaf refers to it weakly, since it would then refer to the other."""
    own = 1 if isinstance(tensor._node, Leaf) or isinstance(getattr(tensor, "_idle_leaf", None), Leaf) else 0
    if weakref.getweakrefcount(tensor) > own:
        raise UsageError(
            f"swap_tensors: cannot swap a tensor of shape {list(tensor.shape)} because a weakref refers to it"
        )


def swap_slot(name: str, t1: Any, t2: Any) -> None:
    """Swap the value of a slot, which may be unset."""
    slot: Any = TensorBase.__dict__[name]
    first, second = read_slot(slot, t1), read_slot(slot, t2)
    for each, before, after in ((t1, first, second), (t2, second, first)):
        if after is not UNSET:
            slot.__set__(each, after)
        elif before is not UNSET:
            slot.__delete__(each)


def read_slot(slot: Any, tensor: Any) -> Any:
    """Return the value of a slot, or UNSET. It is not read by its name, to which a subclass may answer."""
    try:
        return slot.__get__(tensor)
    except AttributeError:
        return UNSET


def point(leaf: Leaf, tensor: TensorBase) -> None:
    """Make a leaf accumulate into a tensor; it keeps one that has hooks alive."""
    is_held = not isinstance(leaf.tensor, weakref.ref)
    leaf.tensor = weakref.ref(tensor)
    if is_held:
        leaf.hold()
