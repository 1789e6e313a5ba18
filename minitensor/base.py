"""The base class of tensors: a tensor has a storage, a layout and a place in the graph.

``TensorBase`` defines the slots and the properties of memory: array, storage, layout, dtype, device. It knows no
arithmetic, and of the graph only its node. ``Tensor``, the class for users, is defined above the ops. Ops create their
results with ``result_class``, and need not import from above.

Note [Lazy parts]. A new result of an op has only an array; storage and layout are created when they are first read. A
view has only a storage and a layout; its array is created when something computes with it. ``_array`` is then None.
A chain of views creates no arrays, and a chain of arithmetic creates no storages or layouts. A result without a layout
is row-major: recorders give any other one at once. A tensor on encoded memory has no array at all: Note [Encoded
arrays] in ``backends/encoded.py``. There is no ``__getattr__``: a class that has one makes every read of a slot and
every call of a method several times slower before Python 3.12.
"""

from __future__ import annotations

import operator
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from minitensor import backends, layouts
from minitensor.backends import BY_ARRAY
from minitensor.backends.encoded import EncodedArray, seen_as
from minitensor.backends.silence import update_quietly
from minitensor.compat.reasons import MissingAttribute
from minitensor.device import device_of
from minitensor.dtypes import FROM_NUMPY
from minitensor.errors import EncodedError, ReadOnlyError
from minitensor.shapes import Size, as_size
from minitensor.storage import Storage

if TYPE_CHECKING:
    from minitensor.autograd.node import Node
    from minitensor.backends import Array, Library
    from minitensor.backends.base import Backend
    from minitensor.device import device
    from minitensor.dtypes import dtype
    from minitensor.layouts import Layout

T = TypeVar("T", bound="TensorBase")


# Where PyTorch has the classes of our modules: programs print the class of a tensor, and look for "torch" in its text.
SHOWN_MODULES = {"minitensor.tensor": "torch", "minitensor.nn.parameter": "torch.nn.parameter"}


class TensorMeta(type):
    """The class of classes of tensors, which print as PyTorch's.

    Names whose reading says that they are missing are not listed.
    """

    def __repr__(cls) -> str:
        module = SHOWN_MODULES.get(cls.__module__)
        return super().__repr__() if module is None else f"<class '{module}.{cls.__qualname__}'>"

    def __dir__(cls) -> list[str]:
        listed = super().__dir__()
        return [name for name in listed if not isinstance(getattr_static(cls, name, None), MissingAttribute)]


class TensorBase(metaclass=TensorMeta):
    """A window on a storage, and a place in the graph. See Note [Lazy parts]."""

    __slots__ = ("__weakref__", "_array", "_base", "_grad", "_layout", "_node", "_idle_leaf", "_seen", "_storage")

    result_class: ClassVar[type[Any]]
    batched_class: ClassVar[type[Any]]
    sparse_class: ClassVar[type[Any]]
    _variable_class: ClassVar[type[Any]]  # of the old name of tensors, which ``autograd`` shows

    if TYPE_CHECKING:  # ``typing.get_type_hints`` of a subclass reads what is not in this block
        _array: Array | None  # see Note [Lazy parts]
        _storage: Storage | None
        _layout: Layout | None
        _node: Node | None  # the node of its operation, a Leaf if it is a leaf that requires grad, or None
        _base: Any  # for a view: the tensor whose memory it shares; otherwise None
        _seen: int  # for a view: the storage's version at which _node was valid
        _grad: Any  # unset until there is one: few tensors ever get a grad
        _idle_leaf: Any  # unset, or the former Leaf with its hooks, while the tensor does not require grad

    def __init_subclass__(cls, is_batched: bool = False, is_sparse: bool = False) -> None:
        # The first subclass is Tensor, the class of all results, even for arguments of a subclass.
        if not hasattr(TensorBase, "result_class"):
            TensorBase.result_class = cls
        if is_batched:
            TensorBase.batched_class = cls  # lower floors use it to compute many samples at once
        if is_sparse:
            TensorBase.sparse_class = cls  # lower floors use it to convert dense tensors

    if TYPE_CHECKING:  # the subclass has more attributes, which lower floors use

        def __getattr__(self, name: str) -> Any: ...

    # -- memory ------------------------------------------------------------------------------------------------------

    @property
    def array(self) -> Array:
        """The elements as an array of the array library, on the same memory.

        >>> import minitensor as torch
        >>> torch.ones(2, 3)[0].array
        array([1., 1., 1.], dtype=float32)
        """
        array = self._array
        if array is None:
            array = self._array = materialize(self)
        return array

    @property
    def storage(self) -> Storage:
        """The memory of this tensor, shared with its views.

        >>> import minitensor as torch
        >>> x = torch.ones(2, 3)
        >>> x.storage is x[0].storage, x.storage.numel()
        (True, 6)
        """
        storage = self._storage
        if storage is None:
            if self._layout is None:
                fix_layout(self)
            storage = self._storage = Storage(self.array)
        return storage

    @property
    def layout(self) -> Layout:
        """The shape, strides and offset in elements.

        >>> import minitensor as torch
        >>> torch.ones(2, 3).t().layout
        Layout(shape=(3, 2), strides=(1, 3), offset=0)
        """
        if self._layout is None:
            fix_layout(self)
        return self._layout  # type: ignore[return-value]  # fix_layout has set it

    @property
    def version(self) -> int:
        """The number of writes to the storage.

        >>> import minitensor as torch
        >>> x = torch.ones(2)
        >>> x.add_(1).version
        1
        """
        storage = self._storage
        return 0 if storage is None else storage.version

    @property
    def _version(self) -> int:
        """The number of writes to the storage, under PyTorch's name."""
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
        """The number of dimensions.

        >>> import minitensor as torch
        >>> torch.ones(2, 3).ndim
        2
        """
        layout = self._layout
        return self.array.ndim if layout is None else len(layout.shape)

    @property
    def dtype(self) -> dtype:
        """The data type of the elements.

        >>> import minitensor as torch
        >>> torch.ones(2).dtype
        torch.float32
        """
        return FROM_NUMPY[array_dtype(self)]

    @property
    def device(self) -> device:
        """The device of the memory.

        >>> import minitensor as torch
        >>> torch.ones(2).device
        device(type='cpu')
        """
        return device_of(self.array if self._storage is None else self._storage.array)

    @property
    def backend(self) -> Backend:
        """The kernels for this tensor's device.

        >>> import minitensor as torch
        >>> type(torch.ones(2).backend).__name__
        'NumpyBackend'
        """
        try:
            return BY_ARRAY[self.array.__class__]
        except EncodedError:
            return BY_ARRAY[self.storage.array.__class__]

    @property
    def xp(self) -> Library:
        """The array library: numpy or cupy.

        >>> import minitensor as torch
        >>> torch.ones(2).xp.__name__
        'numpy'
        """
        try:
            return BY_ARRAY[self.array.__class__].xp
        except EncodedError:
            return BY_ARRAY[self.storage.array.__class__].xp

    # -- the place in the graph --------------------------------------------------------------------------------------

    @property
    def node(self) -> Node | None:
        """The node that gradients of this tensor flow to. It is updated for a view whose storage was written to.

        >>> import minitensor as torch
        >>> torch.ones(2).node is None, torch.ones(2, requires_grad=True).node is None
        (True, False)
        """
        if self._base is not None and self._seen != self._storage.version:  # type: ignore[union-attr]  # views have one
            self._refresh()
        return self._node

    def _refresh(self) -> None:
        """Update a view's node after a write. ``Tensor`` overrides this, because it needs ops."""
        raise NotImplementedError


new = object.__new__


def wrap(cls: type[T], array: Array) -> T:
    """Return a tensor without a node on a new array that is not shared."""
    if array.__class__ is not backends.HostArray:
        if isinstance(array, EncodedArray):
            return wrap_memory(cls, array)
        array = as_array(array)
    tensor = new(cls)
    tensor._array = array
    tensor._storage = tensor._layout = tensor._node = tensor._base = None
    if not array.flags.c_contiguous:
        fix_layout(tensor)
    return tensor


def wrap_memory(cls: type[T], array: EncodedArray) -> T:
    """Return a tensor without a node on new encoded memory; it has no array."""
    if array.flags.c_contiguous:
        return restore(cls, array, Storage(array), layouts.contiguous(array.shape))
    layout = layout_of(array)
    if not layouts.is_dense(layout):
        array = array.copy()
        layout = layouts.contiguous(array.shape)
    return restore(cls, array, Storage(array), layout)


def restore(cls: type[T], array: Array, storage: Storage, layout: Layout | None) -> T:
    """Return a tensor without a node from its parts; on encoded memory it has no array."""
    tensor = new(cls)
    tensor._array = None if isinstance(array, EncodedArray) else array
    tensor._storage, tensor._layout = storage, layout
    tensor._node = tensor._base = None
    return tensor


def as_array(value: Any) -> Array:
    """Return a kernel's result as an array. NumPy returns scalars for 0-d results."""
    if value.__class__ in BY_ARRAY:
        return cast("Array", value)
    return backends.open_backend("cpu").as_array(value)


def window(tensor: T, layout: Layout) -> Any:
    """Return a tensor without a node on the storage of ``tensor``, with another layout."""
    storage = tensor._storage
    view = new(tensor.result_class)
    view._storage = tensor.storage if storage is None else storage
    view._layout = layout
    view._array = view._node = view._base = None
    return view


def on_storage(cls: type[T], storage: Storage, layout: Layout) -> T:
    """Return a tensor without a node on a storage."""
    tensor = new(cls)
    tensor._storage, tensor._layout = storage, layout
    tensor._array = tensor._node = tensor._base = None
    return tensor


def array_dtype(tensor: TensorBase) -> Any:
    """Return the array library's dtype without creating a view's array."""
    storage = tensor._storage
    return tensor.array.dtype if storage is None else storage.array.dtype


def materialize(tensor: TensorBase) -> Array:
    """Create the array of a view from its storage and layout."""
    storage: Any = tensor._storage
    buffer = storage._buffer
    if buffer is None:
        buffer = storage.buffer
    shape, strides, offset = tensor._layout  # type: ignore[misc]  # only views come here
    return BY_ARRAY[buffer.__class__].window(buffer, buffer.dtype, shape, strides, offset)


def renew_array(tensor: TensorBase) -> None:
    """Create the array of a tensor whose storage or layout was replaced; on encoded memory it has none."""
    tensor._array = None if is_encoded(tensor) else materialize(tensor)


def fix_layout(tensor: TensorBase) -> None:
    """Set the layout of a new result from its array's strides. An array that is not dense is copied first."""
    array = tensor.array
    if array.flags.c_contiguous:
        tensor._layout = layouts.contiguous(array.shape)
        return
    layout = layout_of(array)
    if not layouts.is_dense(layout):
        array = tensor._array = array.copy()
        layout = layouts.contiguous(array.shape)
    tensor._layout = layout


def arrange(tensor: TensorBase, layout: Layout) -> None:
    """Set the layout of a new result; its elements move if the kernel has put them in another order."""
    if is_encoded(tensor):
        arrange_memory(tensor, layout)
        return
    array = tensor.array
    span = max(layouts.extent(layout)[1], array.size)
    if span > array.size or not is_arranged(array, layout.strides):
        backend = BY_ARRAY[array.__class__]
        memory = backend.xp.empty(span, array.dtype)
        moved = tensor._array = backend.window(memory, array.dtype, *layout)
        moved[...] = array
        if span > array.size:  # the layout has gaps
            tensor._storage = Storage(memory)
    tensor._layout = layout


def arrange_memory(tensor: TensorBase, layout: Layout) -> None:
    """Set the layout of a new result on encoded memory."""
    array = encoded_array(tensor)
    span = max(layouts.extent(layout)[1], array.size)
    tensor._layout = layout
    if span > array.size or not is_arranged(array, layout.strides):
        tensor._storage = Storage(seen_as(tensor.xp.empty(span, array.dtype), array.encoding))
        encoded_array(tensor).assign(array)


def is_arranged(array: Array, strides: tuple[int, ...]) -> bool:
    """Whether an array has these strides, in elements. Dims of size 1, and all dims of an empty array, may have any."""
    size = array.itemsize
    return not array.size or all([
        n == 1 or step == stride * size for n, step, stride in zip(array.shape, array.strides, strides)
    ])


def values_of(tensor: TensorBase) -> Array:
    """Return the elements to be read: decoded if the memory is encoded, those of all samples inside ``vmap``."""
    if not has_values(tensor):
        found: Array = tensor.array.everything  # type: ignore[attr-defined]  # a placeholder's
        return found
    return elements_of(tensor)


def elements_of(tensor: TensorBase) -> Array:
    """Return the elements to be read, decoded if the memory is encoded; inside ``vmap``, to read them raises."""
    try:
        return tensor.array
    except EncodedError:
        return encoded_array(tensor).decode()


def write_values(tensor: TensorBase, values: Any) -> None:
    """Write an array, encoded or not, broadcast and cast, into the memory of a tensor; its version stays."""
    try:
        target = tensor.array
    except EncodedError:
        encoded_array(tensor).assign(values)
    else:
        target[...] = values.decode() if isinstance(values, EncodedArray) else values


def add_in_place(total: Any, grad: Any) -> None:
    """Add to a gradient in its own memory; its version stays."""
    try:
        update_quietly(operator.iadd, total.array, grad.array)
    except EncodedError:
        write_values(total, memory_of(total + grad))


def is_encoded(tensor: TensorBase) -> bool:
    """Whether the memory of a tensor is encoded; see Note [Encoded arrays] in ``backends/encoded.py``."""
    storage = tensor._storage
    return storage is not None and isinstance(storage.array, EncodedArray)


def encoded_array(tensor: TensorBase) -> EncodedArray:
    """Return the encoded memory of a tensor as an array."""
    buffer = tensor.storage.buffer
    backend: Any = BY_ARRAY[buffer.__class__]
    found: EncodedArray = backend.encoded_window(buffer, *tensor.layout)
    return found


def memory_of(tensor: TensorBase) -> Array:
    """Return the memory of a tensor as an array, which may be encoded."""
    return encoded_array(tensor) if is_encoded(tensor) else tensor.array


def has_values(tensor: TensorBase) -> bool:
    """Whether a tensor has elements. Inside ``vmap``, a single sample has none."""
    return not isinstance(tensor, tensor.batched_class)


def require_writable(name: str, *tensors: TensorBase | None) -> None:
    """Raise if one of the tensors to be written to is in read-only memory."""
    for tensor in tensors:
        if tensor is not None and tensor._storage is not None and tensor._storage.is_read_only:
            raise read_only_error(name, tensor)


def read_only_error(name: str, tensor: TensorBase) -> ReadOnlyError:
    """Return the error for a write to read-only memory."""
    return ReadOnlyError(
        f"{name}: the tensor of shape {list(tensor.shape)} is in read-only memory, such as an array that is not "
        "writeable, bytes or a file mapped for reading: clone() it before writing"
    )


def layout_of(array: Array) -> layouts.Layout:
    """Return an array's shape and strides as a layout with offset 0."""
    size = array.itemsize
    return layouts.Layout(array.shape, tuple([step // size for step in array.strides]), 0)
