"""What every layer above shares: a tensor is a window on a storage and a place in the graph.

``TensorBase`` holds the slots and answers for memory: array, storage, layout, dtype, device. It knows no arithmetic
and no graph beyond the name of its node; ``Tensor`` (above the ops) is the class that users meet, and ops build their
results from ``result_class``, so that nothing here imports upwards.

Note [Lazy parts]. An op's fresh result is born with its array alone; storage and layout are made when something asks. A
view is born with storage and layout alone; its array is made when something computes with it: the slot is unset, and
``__getattr__``, which Python calls only for what is missing, fills it. So a chain of views costs no array, and a chain
of arithmetic costs neither storage nor layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from minitensor import backends
from minitensor import layout as layouts
from minitensor.backends import BY_ARRAY
from minitensor.device import device_of
from minitensor.dtypes import FROM_NUMPY
from minitensor.errors import ReadOnlyError
from minitensor.shapes import Size, as_size
from minitensor.storage import Storage

if TYPE_CHECKING:
    from minitensor.autograd.node import Node
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.device import device
    from minitensor.dtypes import dtype
    from minitensor.layout import Layout

T = TypeVar("T", bound="TensorBase")


class TensorBase:
    """A window on a storage, and a place in the graph."""

    __slots__ = ("__weakref__", "_base", "_grad", "_layout", "_node", "_resting", "_seen", "_storage", "array")

    result_class: ClassVar[type[Any]]
    batched_class: ClassVar[type[Any]]

    array: Array
    _storage: Storage | None
    _layout: Layout | None
    _node: Node | None  # what made it, or a Leaf that gathers its gradient, or None
    _base: Any  # the tensor whose memory a view looks at; None for all others
    _seen: int  # for a view: the storage's version at which _node was true
    _grad: Any
    _resting: Any  # the Leaf with its hooks, while no gradient is wanted

    def __init_subclass__(cls, stands_for_many: bool = False) -> None:
        # The first subclass is Tensor: the class of every result, also of its own subclasses' operations.
        if not hasattr(TensorBase, "result_class"):
            TensorBase.result_class = cls
        if stands_for_many:
            TensorBase.batched_class = cls  # for those below who let something be computed for many samples at once

    def __getattr__(self, name: str) -> Any:
        # See Note [Lazy parts]: reached only when a slot is unset.
        if name == "array":
            made = self.array = materialize(self)
            return made
        if name == "_grad" or name == "_resting":
            setattr(self, name, None)
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # -- memory ------------------------------------------------------------------------------------------------------

    @property
    def storage(self) -> Storage:
        """The memory under this tensor, shared by its views.

        >>> import minitensor as torch
        >>> x = torch.ones(2, 3)
        >>> x.storage is x[0].storage, len(x.storage)
        (True, 6)
        """
        storage = self._storage
        if storage is None:
            if self._layout is None:
                settle(self)
            storage = self._storage = Storage(self.array)
        return storage

    @property
    def layout(self) -> Layout:
        """How the storage is read: shape, strides and offset in elements.

        >>> import minitensor as torch
        >>> torch.ones(2, 3).t().layout
        Layout(shape=(3, 2), strides=(1, 3), offset=0)
        """
        if self._layout is None:
            settle(self)
        return self._layout  # type: ignore[return-value]  # settle has set it

    @property
    def version(self) -> int:
        """How many writes the storage has seen.

        >>> import minitensor as torch
        >>> x = torch.ones(2)
        >>> x.add_(1).version
        1
        """
        storage = self._storage
        return 0 if storage is None else storage.version

    @property
    def _version(self) -> int:
        """How many writes the storage has seen, by PyTorch's name."""
        return self.version

    @property
    def shape(self) -> Size:
        """The sizes of the dims.

        >>> import minitensor as torch
        >>> torch.ones(2, 3).shape
        torch.Size([2, 3])
        """
        layout = self._layout
        return as_size(Size, self.array.shape if layout is None else layout.shape)

    @property
    def ndim(self) -> int:
        """The number of dims.

        >>> import minitensor as torch
        >>> torch.ones(2, 3).ndim
        2
        """
        layout = self._layout
        return self.array.ndim if layout is None else len(layout.shape)

    @property
    def dtype(self) -> dtype:
        """The type of the elements.

        >>> import minitensor as torch
        >>> torch.ones(2).dtype
        torch.float32
        """
        return FROM_NUMPY[array_dtype(self)]

    @property
    def device(self) -> device:
        """Where the memory lies.

        >>> import minitensor as torch
        >>> torch.ones(2).device
        device(type='cpu')
        """
        return device_of(self.array if self._storage is None else self._storage.array)

    @property
    def backend(self) -> Backend:
        """The table of kernels for this tensor's device; internal.

        >>> import minitensor as torch
        >>> type(torch.ones(2).backend).__name__
        'NumpyBackend'
        """
        return BY_ARRAY[self.array.__class__]

    @property
    def xp(self) -> Library:
        """The array library: numpy or cupy.

        >>> import minitensor as torch
        >>> torch.ones(2).xp.__name__
        'numpy'
        """
        return BY_ARRAY[self.array.__class__].xp

    # -- the place in the graph --------------------------------------------------------------------------------------

    @property
    def node(self) -> Node | None:
        """The node that gradients for this tensor flow to; a view whose storage was written to asks its base anew.

        >>> import minitensor as torch
        >>> torch.ones(2).node is None, torch.ones(2, requires_grad=True).node is None
        (True, False)
        """
        if self._base is not None and self._seen != self._storage.version:  # type: ignore[union-attr]  # views have one
            self._refresh()
        return self._node

    def _refresh(self) -> None:
        """Rebuild a view's node after a write; an op's business, so ``Tensor`` brings it."""
        raise NotImplementedError


new = object.__new__


def wrap(cls: type[T], array: Array) -> T:
    """Return a tensor without history on a fresh array that nobody else holds."""
    if array.__class__ is not backends.HostArray:
        array = settled(array)
    tensor = new(cls)
    tensor.array = array
    tensor._storage = tensor._layout = tensor._node = tensor._base = None
    return tensor


def settled(value: Any) -> Array:
    """Return an array for what a kernel returned: NumPy gives bare scalars for 0-d results."""
    if value.__class__ in BY_ARRAY:
        return cast("Array", value)
    return backends.open_backend("cpu").settle(value)


def window(tensor: T, layout: Layout) -> Any:
    """Return a tensor without history that looks at ``tensor``'s storage through another layout."""
    storage = tensor._storage
    view = new(tensor.result_class)
    view._storage = tensor.storage if storage is None else storage
    view._layout = layout
    view._node = view._base = None
    return view


def array_dtype(tensor: TensorBase) -> Any:
    """Return the array library's dtype without making a view's array."""
    storage = tensor._storage
    return tensor.array.dtype if storage is None else storage.array.dtype


def materialize(tensor: TensorBase) -> Array:
    """Make the array of a view from its storage and layout."""
    storage: Any = tensor._storage
    buffer = storage._buffer
    if buffer is None:
        buffer = storage.buffer
    shape, strides, offset = tensor._layout  # type: ignore[misc]  # only views come here
    return BY_ARRAY[buffer.__class__].window(buffer, buffer.dtype, shape, strides, offset)


def settle(tensor: TensorBase) -> None:
    """Fix the layout of a fresh result by how its array lies; one that is not dense is copied first."""
    array = tensor.array
    if array.flags.c_contiguous:
        tensor._layout = layouts.contiguous(array.shape)
        return
    layout = layout_of(array)
    if layout.offset or not layouts.is_dense(layout):
        array = tensor.array = array.copy()
        layout = layouts.contiguous(array.shape)
    tensor._layout = layout


def values_of(tensor: TensorBase) -> Array:
    """Return the array to look at in a check of values: inside ``vmap``, that of all samples."""
    array: Any = tensor.array
    found: Array = array if has_values(tensor) else array.everything
    return found


def has_values(tensor: TensorBase) -> bool:
    """Whether a tensor has an array of its own: inside ``vmap``, one sample of many has none."""
    return tensor.array.__class__ in BY_ARRAY


def require_writable(name: str, *tensors: TensorBase | None) -> None:
    """Raise if one of the tensors to be written to lies in memory that must not be changed."""
    for tensor in tensors:
        if tensor is not None and tensor._storage is not None and tensor._storage.sealed:
            raise sealed(name, tensor)


def sealed(name: str, tensor: TensorBase) -> ReadOnlyError:
    """Return the error for a write to memory that must not be changed."""
    return ReadOnlyError(
        f"{name}: the tensor of shape {list(tensor.shape)} lies in read-only memory, such as an array that is not "
        "writeable, bytes or a file mapped for reading: clone() it before writing"
    )


def layout_of(array: Array) -> layouts.Layout:
    """Return an array's shape and strides as a layout from its own first element."""
    size = array.itemsize
    return layouts.Layout(array.shape, tuple([step // size for step in array.strides]), 0)
