"""What dense tensors on the CPU answer when they are asked about sparse tensors and those of other devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.errors import GradError, UsageError

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


def sparse_dim(input: Tensor) -> int:
    """Return 0: a dense tensor has no sparse dims.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).sparse_dim()
    0
    """
    return 0


def dense_dim(input: Tensor) -> int:
    """Return the number of dims: all dims of a dense tensor are dense.

    >>> import minitensor as torch
    >>> torch.ones(2, 3).dense_dim()
    2
    """
    return input.ndim


def is_distributed(input: Tensor) -> bool:
    """Return False: no tensor is divided among processes.

    >>> import minitensor as torch
    >>> torch.ones(2).is_distributed()
    False
    """
    return False


def name(input: Tensor) -> None:
    """Return None: tensors have no names.

    >>> import minitensor as torch
    >>> torch.ones(2).name is None
    True
    """
    return None


def grad_dtype(input: Tensor) -> Dtype:
    """Return the dtype of the gradient of a leaf: that of the tensor.

    Raises:
        RuntimeError: If the tensor is not a leaf.

    >>> import minitensor as torch
    >>> torch.ones(2, requires_grad=True).grad_dtype
    torch.float32
    """
    if not input.is_leaf:
        raise GradError("grad_dtype can only be accessed on leaf tensors.")
    return input.dtype


def module_load(self: Tensor, other: Tensor, assign: bool = False) -> Tensor:
    """Return what ``load_state_dict`` replaces a parameter by: the parameter with the values of another tensor.

    Args:
        other: The tensor.
        assign: Whether to return that tensor itself.

    >>> import minitensor as torch
    >>> torch.zeros(2).module_load(torch.ones(2))
    tensor([1., 1.])
    """
    return other.detach() if assign else self.copy_(other).detach()


def coalesce(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_coo have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse().coalesce()
    tensor(indices=tensor([[0, 0],
                           [0, 1]]),
           values=tensor([1., 1.]),
           size=(1, 2), nnz=2, layout=torch.sparse_coo)
    """
    raise layout_error("coalesce", "sparse_coo", "to_sparse")


def is_coalesced(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_coo have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse().is_coalesced()
    True
    """
    raise layout_error("is_coalesced", "sparse_coo", "to_sparse")


def indices(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_coo have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse().indices()
    tensor([[0, 0],
            [0, 1]])
    """
    raise layout_error("indices", "sparse_coo", "to_sparse")


def values(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_coo have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse().values()
    tensor([1., 1.])
    """
    raise layout_error("values", "sparse_coo", "to_sparse")


def crow_indices(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_csr have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse_csr()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse_csr().crow_indices()
    tensor([0, 2])
    """
    raise layout_error("crow_indices", "sparse_csr", "to_sparse_csr")


def col_indices(input: Tensor) -> Any:
    """Raise: only tensors with the layout sparse_csr have it.

    Raises:
        RuntimeError: If it is called at all; ``to_sparse_csr()`` returns a tensor that has it.

    >>> import minitensor as torch
    >>> torch.ones(1, 2).to_sparse_csr().col_indices()
    tensor([0, 1])
    """
    raise layout_error("col_indices", "sparse_csr", "to_sparse_csr")


def layout_error(name: str, kind: str, conversion: str) -> UsageError:
    """Return the error for a method that only one kind of sparse tensors has."""
    return UsageError(f"{name}: expected a tensor with the layout {kind}, got strided; convert it with {conversion}()")
