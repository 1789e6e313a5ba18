"""Embedding: a table of vectors, looked up by number, one by one or in bags."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.autograd.mode import no_grad
from minitensor.errors import ArgumentError, GuardError
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
    """Look up rows of a learned table: input (*) of integers, output (*, embedding_dim).

    Args:
        padding_idx: a row that starts at zero and gets no gradient.
        max_norm: rows that are looked up and are longer than this are shortened to it, in place.
        norm_type: the p of the norm that ``max_norm`` bounds.
        scale_grad_by_freq: divide gradients by how often their row occurs in the batch.
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
        """Draw the table from N(0, 1); the padding row is zero."""
        draw_table(self.weight, self.padding_idx)

    def forward(self, input: Tensor) -> Tensor:
        """Return the rows."""
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
        """Return the sizes, and what is not at its default."""
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
        """Make a layer of a given table (rows, columns), not trained further unless ``freeze`` is False."""
        if embeddings.ndim != 2:
            raise ArgumentError(f"Embeddings parameter is expected to be 2-dimensional, got {embeddings.ndim} dims")
        rows, columns = embeddings.shape
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
    """Sum, average or take the maximum of the rows of each bag of numbers: output (bags, embedding_dim).

    Bags are the rows of a 2-d input, or what lies between two neighbours of ``offsets`` in a 1-d one.

    Args:
        mode: "sum", "mean" or "max".
        padding_idx: a row that starts at zero and counts in no bag.
        include_last_offset: the last offset is only the end of the last bag.
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
        """Draw the table from N(0, 1); the padding row is zero."""
        draw_table(self.weight, self.padding_idx)

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        """Return a row for each bag; ``per_sample_weights`` multiply the rows before they are summed."""
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
        """Return the sizes, and what is not at its default."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        return text + (f", padding_idx={self.padding_idx}" if self.padding_idx is not None else "")


def check_table(weight: Tensor, rows: int, columns: int) -> None:
    """Refuse a given table of another shape."""
    if tuple(weight.shape) != (rows, columns):
        raise GuardError(
            f"Shape of weight does not match num_embeddings and embedding_dim: got {tuple(weight.shape)}, "
            f"expected {(rows, columns)}"
        )


def draw_table(weight: Parameter, padding_idx: int | None) -> None:
    """Draw a table from N(0, 1); the padding row is zero."""
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx].fill_(0)


def row_number(index: int | None, rows: int) -> int | None:
    """Return a row's number counted from the front."""
    if index is None or 0 <= index < rows:
        return index
    if not -rows <= index < 0:
        raise GuardError(f"Padding_idx must be within num_embeddings, got {index} for {rows} rows")
    return rows + index
