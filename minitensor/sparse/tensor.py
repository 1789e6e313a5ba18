"""The class of sparse tensors: positions, values in the graph, and a size.

The values are a dense tensor with a history; what is computed from them is recorded as for any other. A sparse tensor
itself is never in the graph, and no recorder knows it.

Note [A sparse tensor is a subclass]. ``isinstance(x, Tensor)`` is True for a sparse tensor, as in PyTorch, so it can be
a buffer of a module, or an argument wherever a tensor is asked for. It takes over the calls of public functions by
``__torch_function__``, like any user's class: what is in the table ``CALLS`` is computed, everything else raises.
Attributes that are inherited are replaced by ones that ask (``ops/subclasses.py``). Therefore no operation, recorder or
kernel has a case for sparse tensors. Calls look at the classes of their arguments from when the first sparse tensor is
made, not from when this class is defined (``SparseTensor.of``): programs without one pay nothing.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor import printing
from minitensor.autograd.protocol import announce
from minitensor.base import new
from minitensor.errors import ArgumentTypeError, GradError, MissingNameError, ShapeError, UnsupportedError, UsageError
from minitensor.layouts import contiguous
from minitensor.memory_format import sparse_coo, sparse_csr
from minitensor.ops.join import stack
from minitensor.ops.sparse import (
    fill_positions,
    mean_of_equal,
    merge_equal,
    row_starts,
    rows_from_starts,
)
from minitensor.ops.tensor_types import alias
from minitensor.shapes import Size, wrap_dim
from minitensor.sparse.calls import CALLS
from minitensor.sparse.methods import clear_sparse, resize_sparse
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from minitensor.memory_format import layout as LayoutName


def through_entries(name: str) -> Callable[..., Any]:
    """Return a method that applies the method of this name to the values."""

    def method(self: SparseTensor, *args: Any, **kwargs: Any) -> SparseTensor:
        entries = getattr(self.entries, name)(*args, **kwargs)
        return self if entries is self.entries else self.with_entries(entries)

    method.__name__ = name
    return method


def fact_of_entries(name: str) -> property:
    """Return a property with the value that it has for the values."""
    return property(lambda self: getattr(self.entries, name))


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise for a use that only dense tensors have."""
    raise UnsupportedError("a sparse tensor has no dense elements: convert it with to_dense() first")


def refuse_numpy(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise for a conversion to NumPy, with PyTorch's class of error."""
    raise ArgumentTypeError("can't convert a sparse tensor to numpy: use to_dense() first")


def refuse_write(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise for an assignment to elements, with PyTorch's class of error."""
    raise ArgumentTypeError("cannot assign to elements of a sparse tensor: convert it with to_dense() first")


class SparseTensor(Tensor, is_sparse=True, announces_itself=True):
    """A tensor of which only some entries are stored, by coordinates or with compressed rows.

    ``sparse_coo_tensor``, ``sparse_csr_tensor`` and ``Tensor.to_sparse`` make them.

    >>> import minitensor as torch
    >>> x = torch.sparse_coo_tensor([[0, 1], [2, 0]], [3., 4.], (2, 3))
    >>> isinstance(x, torch.Tensor), x.is_sparse, x.shape
    (True, True, torch.Size([2, 3]))
    >>> x @ torch.ones(3, 1)
    tensor([[3.],
            [4.]])
    """

    __slots__ = ("entries", "extent", "is_merged", "kind", "places")

    entries: Tensor  # the values, (nnz, ...dense dims), in the graph
    extent: tuple[int, ...]  # the shape
    is_merged: bool  # the entries are in row-major order, and no two have one position
    kind: LayoutName
    places: tuple[Tensor, ...]  # the indices, or where the rows start and the columns

    @staticmethod
    def of(
        kind: LayoutName, places: Sequence[Tensor], entries: Tensor, extent: Sequence[int], is_merged: bool
    ) -> SparseTensor:
        """Return a sparse tensor on these parts; see Note [A sparse tensor is a subclass]."""
        announce(SparseTensor)
        made = new(SparseTensor)
        made.kind, made.entries, made.extent, made.is_merged = kind, entries, tuple(extent), is_merged
        made.places = tuple([each.to(entries.device) for each in places])
        made._base = made._node = None
        return made

    @staticmethod
    def of_coo(indices: Tensor, values: Tensor, size: Sequence[int], is_merged: bool = False) -> SparseTensor:
        """Return a sparse tensor with ``values`` at ``indices``."""
        return SparseTensor.of(sparse_coo, (indices,), values, size, is_merged)

    @staticmethod
    def of_csr(starts: Tensor, cols: Tensor, values: Tensor, size: Sequence[int]) -> SparseTensor:
        """Return a sparse matrix with ``values`` in rows that begin at ``starts``."""
        return SparseTensor.of(sparse_csr, (starts, cols), values, size, True)

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        compute = CALLS.get(func)
        if compute is None:
            raise unsupported_error(func)
        return compute(*args, **(kwargs or {}))

    def __getattr__(self, name: str) -> Any:
        raise MissingNameError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    # -- parts ---------------------------------------------------------------------------------------------------------

    @property
    def coordinates(self) -> Tensor:
        """The indices (sparse dims, nnz) of the entries, in either layout."""
        if self.kind is sparse_coo:
            return self.places[0]
        return stack([rows_from_starts(self.places[0]), self.places[1].long()])

    def with_entries(self, entries: Tensor) -> SparseTensor:
        """Return a sparse tensor with other values at the same positions."""
        return self.of(self.kind, self.places, entries, self.extent, self.is_merged)

    def require_layout(self, name: str, wanted: LayoutName) -> None:
        """Raise unless the tensor has the layout in which a method exists."""
        if self.kind is not wanted:
            way = "to_sparse_coo" if wanted is sparse_coo else "to_sparse_csr"
            raise UsageError(f"{name}: expected layout {wanted!r}, got {self.kind!r}: convert it with {way}()")

    def require_one_each(self, name: str) -> None:
        """Raise unless each position has one entry."""
        if not self.is_merged:
            raise UsageError(f"cannot get {name} of an uncoalesced tensor: call .coalesce() first")

    def indices(self) -> Tensor:
        """Return the indices (sparse dims, nnz)."""
        self.require_layout("indices", sparse_coo)
        self.require_one_each("indices")
        return self.places[0]

    def values(self) -> Tensor:
        """Return the values (nnz, ...dense dims). Gradients flow through them."""
        self.require_one_each("values")
        return alias(self.entries)

    def _indices(self) -> Tensor:
        """Return the indices, also if positions occur twice."""
        self.require_layout("_indices", sparse_coo)
        return self.places[0]

    def _values(self) -> Tensor:
        """Return the values without their history, also if positions occur twice."""
        self.require_layout("_values", sparse_coo)
        return self.entries.detach()

    def crow_indices(self) -> Tensor:
        """Return where each row starts among the values, and where the last one ends."""
        self.require_layout("crow_indices", sparse_csr)
        return self.places[0]

    def col_indices(self) -> Tensor:
        """Return the column of each value."""
        self.require_layout("col_indices", sparse_csr)
        return self.places[1]

    def _nnz(self) -> int:
        """Return the number of entries."""
        return self.entries.shape[0]

    def is_coalesced(self) -> bool:
        """Return whether the entries are known to be in order, with one for each position."""
        self.require_layout("is_coalesced", sparse_coo)
        return self.is_merged

    def coalesce(self) -> SparseTensor:
        """Return the tensor with entries in order, and one for each position: the sum of those that had it."""
        self.require_layout("coalesce", sparse_coo)
        if self.is_merged:
            return self
        return self.of_coo(*merge_equal(self.places[0], self.entries, self.extent), self.extent, True)

    # -- facts ---------------------------------------------------------------------------------------------------------

    @property
    def layout(self) -> Any:
        """How the entries are stored: ``sparse_coo`` or ``sparse_csr``."""
        return self.kind

    @property
    def shape(self) -> Size:
        """The sizes of the dims."""
        return Size(self.extent)

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return len(self.extent)

    def dim(self) -> int:
        """Return the number of dims."""
        return len(self.extent)

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one dim."""
        return self.shape if dim is None else self.extent[wrap_dim(dim, self.ndim)]

    def numel(self) -> int:
        """Return the number of elements of the dense tensor."""
        return self.shape.numel()

    def sparse_dim(self) -> int:
        """Return the number of dims that are sparse."""
        return self.ndim - self.dense_dim()

    def dense_dim(self) -> int:
        """Return the number of dims of each value."""
        return self.entries.ndim - 1

    def is_floating_point(self) -> bool:
        """Return whether the values are floats."""
        return self.entries.is_floating_point()

    def is_complex(self) -> bool:
        """Return whether the values are complex numbers."""
        return self.entries.is_complex()

    def __len__(self) -> int:
        if not self.extent:
            raise ArgumentTypeError("len() of a 0-d tensor")
        return self.extent[0]

    def __iter__(self) -> Any:
        if not self.extent:
            raise ArgumentTypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def detach_(self) -> SparseTensor:
        """Take the tensor out of the graph, in place."""
        self.entries = self.entries.detach()
        return self

    dtype: Any = fact_of_entries("dtype")
    device: Any = fact_of_entries("device")
    is_cpu, is_cuda = fact_of_entries("is_cpu"), fact_of_entries("is_cuda")
    is_sparse = property(lambda self: self.kind is sparse_coo)
    is_sparse_csr = property(lambda self: self.kind is sparse_csr)
    is_meta = is_quantized = is_ipu = is_maia = is_mkldnn = is_mps = is_mtia = is_nested = property(lambda self: False)
    is_vulkan = is_xla = is_xpu = property(lambda self: False)
    nelement, ndimension = numel, dim

    # -- graph ---------------------------------------------------------------------------------------------------------

    # What a backward pass compares if a gradient is sparse: the shape, and the dtype of the memory.
    _layout: Any = property(lambda self: contiguous(self.extent))
    _storage: Any = property(lambda self: self.entries.storage)
    _like_dtype, _decode = through_entries("_like_dtype"), through_entries("_decode")

    is_leaf, grad_fn, version = map(fact_of_entries, ("is_leaf", "grad_fn", "version"))

    @property
    def node(self) -> None:
        """The node of a tensor in the graph: a sparse tensor has none, only its values have."""
        if self.requires_grad:
            raise UnsupportedError("a sparse tensor in the graph cannot be used here: pass its indices() and values()")

    def set_requires_grad(self, value: bool) -> None:
        """Make a leaf require grad, or stop requiring it."""
        self.entries.requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Make a leaf require grad, or stop requiring it; return it."""
        self.entries.requires_grad_(requires_grad)
        return self

    def get_grad(self) -> SparseTensor | None:
        """Return the gradient of a leaf: sparse, at the positions that the leaf has."""
        found = self.entries.grad
        if found is None or self.is_merged:
            return None if found is None else self.with_entries(found)
        return self.of_coo(*mean_of_equal(self.places[0], found, self.extent), self.extent, True)

    def set_grad(self, value: SparseTensor | None) -> None:
        """Replace the gradient, by one of the same positions."""
        self.entries.grad = value if value is None else value.entries

    def delete_grad(self) -> None:
        """Remove the gradient."""
        self.entries.grad = None

    requires_grad: Any = property(lambda self: self.entries.requires_grad, set_requires_grad)
    grad: Any = property(get_grad, set_grad, delete_grad)

    # -- conversions ---------------------------------------------------------------------------------------------------

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """Return the dense tensor, with zeros where there is no entry. Gradients flow back to the values."""
        dense = fill_positions(self.coordinates, self.entries, self.extent)
        return dense if dtype is None else dense.to(dtype)

    def to_sparse_coo(self) -> SparseTensor:
        """Return the tensor in coordinates."""
        return self if self.kind is sparse_coo else self.of_coo(self.coordinates, self.entries, self.extent, True)

    def to_sparse_csr(self, dense_dim: int | None = None) -> SparseTensor:
        """Return the matrix with compressed rows."""
        if self.kind is sparse_csr:
            return self
        if self.ndim != 2 or self.dense_dim():
            raise ShapeError(f"to_sparse_csr: expected a matrix without dense dims, got shape {list(self.extent)}")
        merged = self.coalesce()
        rows, cols = merged.places[0]
        return self.of_csr(row_starts(rows, self.extent[0]), cols.clone(), merged.entries, self.extent)

    def to_sparse(
        self, sparse_dim: int | None = None, *, layout: LayoutName | None = None, blocksize: Any = None,
        dense_dim: int | None = None,
    ) -> SparseTensor:
        """Return the tensor in another sparse layout. Default: in coordinates."""
        if blocksize is not None or dense_dim not in (None, self.dense_dim()):
            raise UnsupportedError(f"to_sparse: blocksize={blocksize} and dense_dim={dense_dim} are not supported")
        if sparse_dim not in (None, self.sparse_dim()):
            raise UsageError(f"to_sparse: the tensor has {self.sparse_dim()} sparse dims, got sparse_dim={sparse_dim}")
        return self.to_sparse_csr() if layout is sparse_csr else self.to_sparse_coo()

    def transpose(self, dim0: int, dim1: int) -> SparseTensor:
        """Return the tensor with two sparse dims swapped, in the same layout."""
        order = list(range(self.ndim))
        first, second = wrap_dim(dim0, self.ndim), wrap_dim(dim1, self.ndim)
        order[first], order[second] = second, first
        if max(first, second) >= self.sparse_dim() and first != second:
            raise UnsupportedError("transpose: the dense dims of a sparse tensor cannot be swapped: use to_dense()")
        indices, extent = self.coordinates[order[: self.sparse_dim()]], [self.extent[each] for each in order]
        swapped = self.of_coo(indices, self.entries, extent, first == second and self.is_merged)
        return swapped if self.kind is sparse_coo else swapped.to_sparse_csr()

    def t(self) -> SparseTensor:
        """Return the transposed matrix, in the same layout."""
        if self.ndim > 2:
            raise ShapeError(f"t() expects a sparse tensor with at most 2 dims, got shape {list(self.extent)}")
        return self if self.ndim < 2 else self.transpose(0, 1)

    T: Any = property(t)
    data: Any = property(lambda self: self.detach())
    mT: Any = property(lambda self: self.transpose(-2, -1))

    def to(self, *args: Any, **kwargs: Any) -> SparseTensor:
        """Return the tensor in another dtype or on another device, with the arguments of ``Tensor.to``."""
        args = tuple([each.entries if isinstance(each, SparseTensor) else each for each in args])
        entries = self.entries.to(*args, **kwargs)
        return self if entries is self.entries else self.with_entries(entries)

    def sparse_resize_(self, size: Sequence[int], sparse_dim: int, dense_dim: int) -> SparseTensor:
        """Give the tensor another size, in place; entries stay, so sparse dims can only grow."""
        made: SparseTensor = resize_sparse(self, size, sparse_dim, dense_dim)
        return made

    def sparse_resize_and_clear_(self, size: Sequence[int], sparse_dim: int, dense_dim: int) -> SparseTensor:
        """Give the tensor another size, in place, and remove its entries."""
        made: SparseTensor = clear_sparse(self, size, sparse_dim, dense_dim)
        return made

    def resize_as_sparse_(self, other: SparseTensor) -> SparseTensor:
        """Give the tensor the size of another one, in place; entries stay, so sparse dims can only grow."""
        return self.sparse_resize_(other.extent, other.sparse_dim(), other.dense_dim())

    # -- Python's protocols --------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return text(self)

    def __format__(self, specification: str) -> str:
        return object.__format__(self, specification)

    def __reduce_ex__(self, protocol: Any = None) -> tuple[Any, ...]:
        parts = (self.kind, self.places, self.entries.detach(), self.extent, self.is_merged, self.requires_grad)
        return rebuild, parts

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseTensor:
        if not self.is_leaf:
            raise GradError("only leaves of the graph support the deepcopy protocol: detach() the sparse tensor")
        made = self.with_entries(copy.deepcopy(self.entries, memo))
        made.places = copy.deepcopy(self.places, memo)
        return made

    # -- what the values decide ----------------------------------------------------------------------------------------

    clone, detach, cpu, cuda = map(through_entries, ("clone", "detach", "cpu", "cuda"))
    float, double, half = map(through_entries, ("float", "double", "half"))
    cfloat, cdouble = through_entries("cfloat"), through_entries("cdouble")
    long, int, short, char, byte = map(through_entries, ("long", "int", "short", "char", "byte"))
    bool = through_entries("bool")

    # -- what only dense tensors have ----------------------------------------------------------------------------------

    array: Any = property(refuse)
    storage: Any = property(refuse)
    xp: Any = property(refuse)
    backend: Any = property(refuse)
    __bool__ = __int__ = __float__ = __complex__ = __index__ = refuse
    numpy = __array__ = refuse_numpy
    __setitem__ = refuse_write


def unsupported_error(func: Any) -> UnsupportedError:
    """Return the error for a function or an attribute that sparse tensors lack."""
    owner = getattr(func, "__self__", None)
    name = owner.fget.__name__ if isinstance(owner, property) and owner.fget else func.__name__
    return UnsupportedError(f"{name}: not supported for sparse tensors: convert them with to_dense() first")


def text(self: SparseTensor) -> str:
    """Return the tensor as PyTorch prints it."""
    names = ("indices",) if self.kind is sparse_coo else ("crow_indices", "col_indices")
    node = self.grad_fn
    return printing.sparse_str(
        {name: each.detach().cpu().numpy() for name, each in zip((*names, "values"), (*self.places, self.entries))},
        self.extent, self.kind,
        dtype=self.dtype, device=str(self.device), requires_grad=self.requires_grad,
        grad_fn_name=None if node is None else node.name(),
    )


def rebuild(
    kind: LayoutName, places: Sequence[Tensor], entries: Tensor, extent: Sequence[int], is_merged: bool,
    requires_grad: bool,
) -> SparseTensor:
    """Return the leaf that was pickled."""
    return SparseTensor.of(kind, places, entries, extent, is_merged).requires_grad_(requires_grad)
