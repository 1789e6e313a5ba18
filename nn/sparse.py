"""Embedding layers: tables of vectors, looked up by number, one by one or in bags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.mode import no_grad
from minitensor.errors import GuardError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class Embedding(Module):
    """Look up rows of a learned table by number.

    Args:
        num_embeddings: Number of rows.
        embedding_dim: Size of a row.
        padding_idx: Row that starts at zero and gets no gradient; negative numbers count from the end. Default:
            ``None``.
        max_norm: Upper limit of the norm of a row: rows that are looked up and are longer are shortened to it, in the
            table itself. Default: ``None``, no limit.
        norm_type: The p of that norm. Default: ``2.0``.
        scale_grad_by_freq: Whether to divide the gradient of a row by the number of times it is looked up in the batch.
            Default: ``False``.
        sparse: Whether the gradient of ``weight`` is a sparse tensor, with a row for each number that is looked up.
            ``SGD``, ``Adagrad`` and ``SparseAdam`` take it. Default: ``False``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*), any shape, of int64 or int32
        - Output: (*, embedding_dim)

    Attributes:
        weight: (num_embeddings, embedding_dim), drawn from N(0, 1).

    Raises:
        ValueError: If ``padding_idx`` is not a row; also an AssertionError, as in PyTorch.
        IndexError: If a number in the input is not a row.
        DtypeError: If the input is not of int64 or int32.

    >>> import minitensor as torch
    >>> layer = torch.nn.Embedding(10, 3)
    >>> layer(torch.tensor([[1, 2, 4, 5], [4, 3, 2, 9]])).shape
    torch.Size([2, 4, 3])
    >>> torch.nn.Embedding.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))(torch.tensor([1]))
    tensor([[3., 4.]])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = row_number(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if _weight is None:
            table = empty(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            check_table(_weight, num_embeddings, embedding_dim)
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw new values of the table from N(0, 1), and set the padding row to zero."""
        draw_table(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows with the numbers in ``input``."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text + (", sparse=True" if self.sparse else "")

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Make a layer from a table (num_embeddings, embedding_dim), which is trained only if ``freeze`` is False."""
        rows, columns = size_of_table(embeddings)
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )


class EmbeddingBag(Module):
    """Look up bags of rows of a learned table, and return the sum, mean or maximum of each bag.

    A bag is a row of a 2-d input, or a stretch of a 1-d input that begins at one of ``offsets`` and ends at the next.
    An empty bag gives zeros. The rows themselves are not written out, which saves memory.

    Args:
        num_embeddings: Number of rows.
        embedding_dim: Size of a row.
        max_norm: Upper limit of the norm of a row: rows that are looked up and are longer are shortened to it, in the
            table itself. Default: ``None``, no limit.
        norm_type: The p of that norm. Default: ``2.0``.
        scale_grad_by_freq: Whether to divide the gradient of a row by the number of times it is looked up in the batch.
            Default: ``False``.
        mode: ``"sum"``, ``"mean"`` or ``"max"``. Default: ``"mean"``.
        sparse: Whether the gradient of ``weight`` is a sparse tensor, with a row for each number that is looked up.
            ``SGD``, ``Adagrad`` and ``SparseAdam`` take it. Default: ``False``.
        include_last_offset: Whether the last of ``offsets`` is only the end of the last bag. Default: ``False``.
        padding_idx: Row that starts at zero and counts in no bag; negative numbers count from the end. Default:
            ``None``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (bags, L), or (L) with ``offsets`` (bags), of int64 or int32
        - Per-sample weights, for the mode ``"sum"``: the shape of the input
        - Output: (bags, embedding_dim)

    Attributes:
        weight: (num_embeddings, embedding_dim), drawn from N(0, 1).

    Raises:
        ValueError: If ``padding_idx`` is not a row (also an AssertionError, as in PyTorch); in ``forward``, if ``mode``
            is unknown, if the input does not have 1 or 2 dims, if ``offsets`` are missing for 1 or given for 2 dims, if
            ``per_sample_weights`` have another shape than the input or come with another mode than ``"sum"``, or if
            ``scale_grad_by_freq`` is used with ``"max"``.
        IndexError: If a number in the input is not a row.
        ShapeError: If ``offsets`` do not start at 0 or end beyond the input.
        DtypeError: If the input is not of int64 or int32.

    >>> import minitensor as torch
    >>> layer = torch.nn.EmbeddingBag(10, 3, mode="sum")
    >>> layer(torch.tensor([1, 2, 4, 5, 4]), offsets=torch.tensor([0, 3])).shape
    torch.Size([2, 3])
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = row_number(padding_idx, num_embeddings)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        if _weight is None:
            self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
            self.reset_parameters()
        else:
            check_table(_weight, num_embeddings, embedding_dim)
            self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draw new values of the table from N(0, 1), and set the padding row to zero."""
        draw_table(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """Make a layer from a table (num_embeddings, embedding_dim), which is trained only if ``freeze`` is False.

        >>> import minitensor as torch
        >>> layer = torch.nn.EmbeddingBag.from_pretrained(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> layer(torch.tensor([[1, 0]]))
        tensor([[2., 3.]])
        """
        rows, columns = size_of_table(embeddings)
        layer = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        layer.weight.requires_grad = not freeze
        return layer

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Return a row for each bag; ``per_sample_weights`` are multiplied with the rows before these are summed."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text + (f", padding_idx={self.padding_idx}" if self.padding_idx is not None else "")


def size_of_table(embeddings: Tensor) -> tuple[int, int]:
    """Return the numbers of rows and columns of a table."""
    if embeddings.ndim != 2:
        raise GuardError(f"Embeddings parameter is expected to be 2-dimensional, got {embeddings.ndim} dims")
    rows, columns = embeddings.shape
    return rows, columns


def check_table(weight: Tensor, rows: int, columns: int) -> None:
    """Raise unless a table has the shape (rows, columns)."""
    if tuple(weight.shape) != (rows, columns):
        raise GuardError(
            f"Shape of weight does not match num_embeddings and embedding_dim: got {tuple(weight.shape)}, "
            f"expected {(rows, columns)}"
        )


def draw_table(weight: Parameter, padding_idx: int | None) -> None:
    """Draw a table from N(0, 1), and set the padding row to zero."""
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx].fill_(0)


def row_number(index: int | None, rows: int) -> int | None:
    """Return a row's number counted from the front, or raise if there is no such row."""
    if index is None or 0 <= index < rows:
        return index
    if not -rows <= index < 0:
        raise GuardError(f"Padding_idx must be within num_embeddings, got {index} for {rows} rows")
    return rows + index
