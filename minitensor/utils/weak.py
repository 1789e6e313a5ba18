"""Weak references to tensors, and dicts by the identity of their keys: ``==`` of tensors compares elements.

The keys of a ``WeakIdKeyDictionary`` are not kept alive by it: an entry goes with its key.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.compat.reasons import attributes_of
from minitensor.errors import GuardError

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

__all__ = ["TensorWeakRef", "WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]
WeakRef = weakref.ref


class WeakIdRef(weakref.ref):  # type: ignore[type-arg]  # Python 3.10 cannot give it a type at run time
    """A weak reference that equals others to the same object, and has the hash of its identity.

    Args:
        key: The object.
        callback: What to call with the reference when the object is gone.
    """

    __slots__ = ("_id",)
    _id: int

    def __new__(cls, key: Any, callback: Callable[[Any], Any] | None = None) -> WeakIdRef:
        """Refer to an object."""
        made = super().__new__(cls, key, callback)
        made._id = id(key)
        return made

    def __init__(self, key: Any, callback: Callable[[Any], Any] | None = None) -> None:
        super().__init__(key, callback)  # type: ignore[call-arg]  # it takes the callback too

    def __hash__(self) -> int:
        return self._id

    def __eq__(self, other: object) -> bool:
        # Two identities may be equal by accident if one of the objects is gone.
        mine = self()
        return self is other if mine is None or not isinstance(other, weakref.ref) else mine is other()

    def __ne__(self, other: object) -> bool:
        return not self == other


class WeakIdKeyDictionary(MutableMapping[Any, Any]):
    """A dict by the identity of its keys, which it does not keep alive.

    Args:
        dict: The first entries. Default: None.
        ref_type: The class of the references to keys. Default: ``WeakIdRef``.

    >>> import minitensor as torch
    >>> from minitensor.utils.weak import WeakIdKeyDictionary
    >>> x, y = torch.ones(2), torch.ones(2)
    >>> names = WeakIdKeyDictionary({x: "x"})
    >>> x in names, y in names
    (True, False)
    >>> del x
    >>> len(names)
    0
    """

    def __init__(self, dict: Any = None, ref_type: type[WeakIdRef] = WeakIdRef) -> None:
        self.data: Any = {}
        self.ref_type = ref_type
        data = self.data  # the references must not keep this dict alive
        self._remove = lambda reference: data.pop(reference, None)
        if dict is not None:
            self.update(dict)

    def __getitem__(self, key: Any) -> Any:
        return self.data[self.ref_type(key)]

    def __setitem__(self, key: Any, value: Any) -> None:
        self.data[self.ref_type(key, self._remove)] = value

    def __delitem__(self, key: Any) -> None:
        del self.data[self.ref_type(key)]

    def __contains__(self, key: object) -> bool:
        try:
            return self.ref_type(key) in self.data
        except TypeError:  # nothing refers to it weakly
            return False

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return iter([key for key in [reference() for reference in self.data] if key is not None])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {id(self):#x}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return {id(k): v for k, v in self.items()} == {id(k): v for k, v in other.items()}

    __hash__ = None  # type: ignore[assignment]  # as of any dict

    def __copy__(self) -> WeakIdKeyDictionary:
        return WeakIdKeyDictionary(self)

    copy = __copy__

    def __deepcopy__(self, memo: Any) -> WeakIdKeyDictionary:
        made = type(self)()
        for key, value in self.items():
            made[key] = deepcopy(value, memo)
        return made

    def __ior__(self, other: Any) -> WeakIdKeyDictionary:
        self.update(other)
        return self

    def __or__(self, other: Any) -> WeakIdKeyDictionary:
        if not isinstance(other, Mapping):
            return NotImplemented
        return WeakIdKeyDictionary(self).__ior__(other)

    def __ror__(self, other: Any) -> WeakIdKeyDictionary:
        if not isinstance(other, Mapping):
            return NotImplemented
        return type(self)(other).__ior__(self)

    def keyrefs(self) -> list[Any]:
        """Return the references to the keys."""
        return list(self.data)

    def update(self, dict: Any = None, **kwargs: Any) -> None:  # type: ignore[override]  # PyTorch's argument
        """Take the entries of a dict, or pairs, as they are."""
        pairs: Iterable[Any] = () if dict is None else dict.items() if hasattr(dict, "items") else dict
        for key, value in [*pairs, *kwargs.items()]:
            self[key] = value


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor; the call returns it, or None when it is gone.

    Args:
        tensor: The tensor.

    Raises:
        AssertionError: If it is not a tensor.
    """

    def __init__(self, tensor: Tensor) -> None:
        if not isinstance(tensor, TensorBase):
            raise GuardError(f"TensorWeakRef: expected a tensor, got {type(tensor).__name__}")
        self.ref = weakref.ref(tensor)

    def __call__(self) -> Tensor | None:
        return self.ref()


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
