"""Which blocks of an attention matrix a mask reaches: ``BlockMask`` of ``nn.attention.flex_attention``.

A block mask lists, for each row of blocks, how many blocks are partly true and which, and the same of those that are
wholly true; and both for each column. Attention here reads only the function of a mask. The lists answer programs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn

from minitensor.dtypes import bool_, int32, int64
from minitensor.errors import ArgumentError, GuardError, UsageError
from minitensor.ops.choice import where
from minitensor.ops.creation import zeros
from minitensor.ops.ranges import arange
from minitensor.ops.sort import argsort
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.device import DeviceLike

MaskMod = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
BLOCK = 128
LISTS = (
    "kv_num_blocks", "kv_indices", "full_kv_num_blocks", "full_kv_indices", "q_num_blocks", "q_indices",
    "full_q_num_blocks", "full_q_indices",
)  # fmt: skip
ORDERS = ("dq_write_order", "dq_write_order_full", "dq_kv_order")


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """Return true: a query may attend to every key.

    Args:
        batch, head, token_q, token_kv: The place of a score.

    >>> import minitensor as torch
    >>> from minitensor.nn.attention.flex_attention import noop_mask
    >>> noop_mask(*torch.zeros(4, dtype=torch.int32))
    tensor(True)
    """
    found: Tensor = batch.new_ones((), dtype=bool_, device=batch.device)
    return found


def mask_of_slice(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> NoReturn:
    """Raise: a part of a block mask does not know which places it has."""
    raise UsageError(
        "Cannot use mask_mod from a sliced BlockMask: its blocks have other numbers than in the whole mask; set "
        "mask_mod to a function that adds the offset, made from the mask_mod of the whole BlockMask"
    )


# -- lists of blocks ---------------------------------------------------------------------------------------------------


def blocks_of_lists(counts: Tensor, indices: Tensor, columns: int) -> Tensor:
    """Return a matrix with ones in the listed blocks (int32)."""
    is_listed = arange(indices.shape[-1], device=indices.device) < counts.unsqueeze(-1)
    places = where(is_listed, indices, columns).to(int64)  # what is not listed goes to one more column
    dense = zeros(*indices.shape[:-1], columns + 1, dtype=int32, device=indices.device)
    found: Tensor = dense.scatter_(-1, places, 1)[..., :columns].contiguous()
    return found


def lists_of_blocks(dense: Tensor) -> tuple[Tensor, Tensor]:
    """Return how many blocks of each row are not zero, and the columns, those that are not zero first."""
    numbers = dense.to(int32)
    order = argsort(numbers, dim=-1, descending=True, stable=True)
    return numbers.sum(dim=-1).to(int32), order.to(int32).contiguous()


def transpose_lists(counts: Tensor | None, indices: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """Return the lists of columns for those of rows."""
    if counts is None or indices is None:
        return None, None
    return lists_of_blocks(blocks_of_lists(counts, indices, indices.shape[-1]).transpose(-2, -1))


def crop_lists(
    counts: Tensor | None, indices: Tensor | None, rows: int, columns: int
) -> tuple[Tensor | None, Tensor | None]:
    """Return the lists of the first rows and columns."""
    if counts is None or indices is None:
        return None, None
    indices = indices[:, :, :rows, :columns]
    counts = counts[:, :, :rows].clamp(max=columns)
    return (indices < counts.unsqueeze(-1)).sum(dim=-1).to(int32), indices


def order_of_writes(mask: BlockMask, is_descending: bool) -> tuple[Tensor, Tensor | None]:
    """Return the places in which blocks would add to the gradient of their queries, for each list of columns."""
    if mask.q_indices is None:
        raise ArgumentError("BlockMask must have q_num_blocks and q_indices to compute dq_write_order")
    dense = mask.to_dense().clamp(max=1)
    sums = dense.cumsum(dim=-1)
    ranks = sums - dense
    if is_descending:
        ranks = sums[..., -1:] - 1 - ranks
    found, full = (ranks_in_order(ranks, each) for each in (mask.q_indices, mask.full_q_indices))
    assert found is not None  # because q_indices is not
    return found, full


def ranks_in_order(ranks: Tensor, indices: Tensor | None) -> Tensor | None:
    """Return the ranks (B, H, rows, columns) of listed rows (B, H, columns, n)."""
    if indices is None:
        return None
    rows = indices.to(int64).clamp(0, ranks.shape[-2] - 1)
    return ranks.transpose(-2, -1).gather(-1, rows).to(int32)


# -- the mask ----------------------------------------------------------------------------------------------------------


class BlockMask:
    """An attention mask as a function, and the blocks in which it is true.

    Args:
        seq_lengths: The numbers of queries and keys.
        kv_num_blocks: How many blocks are partly true, for each row of blocks (..., rows).
        kv_indices: Which (..., rows, columns); the rest of a row is not read.
        full_kv_num_blocks, full_kv_indices: The same for blocks that are wholly true, or None.
        q_num_blocks, q_indices, full_q_num_blocks, full_q_indices: The same for columns, or None.
        BLOCK_SIZE: The numbers of queries and keys in a block. Default: ``(128, 128)``.
        mask_mod: The mask: a function of the numbers of a batch, a head, a query and a key. Default: ``noop_mask``.
        dq_write_order, dq_write_order_full, dq_kv_order, dq_kv_order_spt: Kept for PyTorch compatibility.

    Attributes:
        shape: The lengths, after the sizes of the batch and of the heads.

    Raises:
        RuntimeError: If the indices have fewer than two dims.
        AssertionError: If one of two lists is missing.
        ValueError: If ``dq_write_order_full`` comes without ``dq_write_order``.

    >>> from minitensor.nn.attention.flex_attention import BlockMask, create_block_mask
    >>> mask = create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256)
    >>> assert isinstance(mask, BlockMask)
    >>> mask.shape, mask.sparsity(), mask.kv_num_blocks.tolist(), mask.full_kv_num_blocks.tolist()
    ((1, 1, 256, 256), 25.0, [[[1, 1]]], [[[0, 1]]])
    """

    def __init__(
        self,
        seq_lengths: tuple[int, int],
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None,
        full_kv_indices: Tensor | None,
        q_num_blocks: Tensor | None,
        q_indices: Tensor | None,
        full_q_num_blocks: Tensor | None,
        full_q_indices: Tensor | None,
        BLOCK_SIZE: tuple[int, int] = (BLOCK, BLOCK),
        mask_mod: MaskMod = noop_mask,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | None = None,
        dq_kv_order_spt: bool | None = None,
    ) -> None:
        require_pairs(kv_indices, full_kv_num_blocks, full_kv_indices)
        if (full_q_num_blocks is None) != (full_q_indices is None):
            raise GuardError("full_q_num_blocks and full_q_indices must be both provided or omitted")
        if dq_write_order_full is not None and dq_write_order is None:
            raise ArgumentError("dq_write_order_full requires dq_write_order")
        self.seq_lengths, self.BLOCK_SIZE, self.mask_mod = seq_lengths, BLOCK_SIZE, mask_mod
        self.kv_num_blocks, self.kv_indices = kv_num_blocks, kv_indices
        self.full_kv_num_blocks, self.full_kv_indices = full_kv_num_blocks, full_kv_indices
        self.q_num_blocks, self.q_indices = q_num_blocks, q_indices
        self.full_q_num_blocks, self.full_q_indices = full_q_num_blocks, full_q_indices
        self.dq_write_order, self.dq_write_order_full = dq_write_order, dq_write_order_full
        self.dq_kv_order, self.dq_kv_order_spt = dq_kv_order, dq_kv_order_spt

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks: Tensor,
        kv_indices: Tensor,
        full_kv_num_blocks: Tensor | None = None,
        full_kv_indices: Tensor | None = None,
        BLOCK_SIZE: int | tuple[int, int] = BLOCK,
        mask_mod: MaskMod | None = None,
        seq_lengths: tuple[int, int] | None = None,
        compute_q_blocks: bool = True,
        *,
        dq_write_order: Tensor | None = None,
        dq_write_order_full: Tensor | None = None,
        dq_kv_order: Tensor | bool | None = None,
    ) -> BlockMask:
        """Return a mask for lists of rows, and compute those of columns.

        Args:
            kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices: See the class.
            BLOCK_SIZE: One number, or two: of queries and of keys.
            mask_mod: The mask; ``noop_mask`` if not given.
            seq_lengths: As many as the blocks have if not given.
            compute_q_blocks: Whether to compute the lists of columns.
            dq_write_order, dq_write_order_full, dq_kv_order: Kept for PyTorch compatibility.

        Raises:
            RuntimeError: If the indices have fewer than two dims.
            AssertionError: If one of two lists is missing.
            ValueError: If ``dq_kv_order`` is neither a bool nor a tensor.
        """
        require_pairs(kv_indices, full_kv_num_blocks, full_kv_indices)
        if dq_kv_order is not None and not isinstance(dq_kv_order, (bool, Tensor)):
            raise ArgumentError("dq_kv_order must be a bool, Tensor, or None")
        block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
        lists = (kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices)
        columns: list[Any] = [None, None, None, None]
        if compute_q_blocks:
            columns = [*transpose_lists(*lists[:2]), *transpose_lists(*lists[2:])]
        whole = (kv_indices.shape[-2] * block[0], kv_indices.shape[-1] * block[1])
        named: dict[str, Any] = dict(zip(LISTS, [*lists, *columns], strict=True))
        return cls(
            whole if seq_lengths is None else seq_lengths, **named, BLOCK_SIZE=block, mask_mod=mask_mod or noop_mask,
            dq_write_order=dq_write_order, dq_write_order_full=dq_write_order_full,
            dq_kv_order=dq_kv_order if isinstance(dq_kv_order, Tensor) else None,
            dq_kv_order_spt=dq_kv_order if isinstance(dq_kv_order, bool) else None,
        )  # fmt: skip

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the batch and of the heads, and the lengths."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def as_tuple(self, flatten: bool = True) -> tuple[Any, ...]:
        """Return the attributes in order.

        Args:
            flatten: Whether the two lengths and the two sizes of a block are single elements.
        """
        lengths, block = (self.seq_lengths, self.BLOCK_SIZE) if flatten else ((self.seq_lengths,), (self.BLOCK_SIZE,))
        tensors = [getattr(self, name) for name in LISTS + ORDERS]
        return (*lengths, *tensors, self.dq_kv_order_spt, *block, self.mask_mod)

    def numel(self) -> int:
        """Return the number of scores that the mask is for."""
        return prod(self.shape)

    def sparsity(self) -> float:
        """Return the share of blocks, in percent, in which the mask is nowhere true."""
        blocks = int(self.kv_num_blocks.sum())
        if self.full_kv_num_blocks is not None:
            blocks += int(self.full_kv_num_blocks.sum())
        return 100 * (1 - blocks * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1] / self.numel())

    def to_dense(self) -> Tensor:
        """Return a matrix of blocks (int32): one where the mask is true anywhere in a block."""
        columns = self.kv_indices.shape[-1]
        partial = blocks_of_lists(self.kv_num_blocks, self.kv_indices, columns)
        if self.full_kv_num_blocks is None or self.full_kv_indices is None:
            return partial
        return partial | blocks_of_lists(self.full_kv_num_blocks, self.full_kv_indices, columns)

    def to_string(self, grid_size: int | tuple[int, int] = (20, 20), limit: int = 4) -> str:
        """Return a picture of the blocks of each batch and head.

        Args:
            grid_size: How many rows and columns it has at most; each character is a mean over blocks.
            limit: How many pictures are drawn.
        """
        dense = self.to_dense()
        rows, columns = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        places = list(product(*map(range, dense.shape[:-2])))
        pictures = [f"{place}\n{picture_of(dense[place], rows, columns)}" for place in places[:limit]]
        if len(places) > limit:
            pictures += [
                "...", "To print out more, set BlockMask.to_string(limit=N)",
                "You can also index (BlockMask[batch, head]) to choose a specific batch or head",
            ]  # fmt: skip
        return "\n".join(pictures)

    def to(self, device: DeviceLike) -> BlockMask:
        """Return a mask whose lists are on another device.

        Args:
            device: The device.
        """
        given = {name: getattr(self, name) for name in LISTS + ORDERS}
        moved: dict[str, Any] = {name: each if each is None else each.to(device) for name, each in given.items()}
        return BlockMask(
            self.seq_lengths, **moved, BLOCK_SIZE=self.BLOCK_SIZE, mask_mod=self.mask_mod,
            dq_kv_order_spt=self.dq_kv_order_spt,
        )  # fmt: skip

    def __getitem__(self, index: Any) -> BlockMask:
        places = (*(index if isinstance(index, tuple) else (index,)), slice(None), slice(None), slice(None))[:3]
        sizes = self.kv_num_blocks.shape[:3]
        picked = tuple(as_slice(place, size) for place, size in zip(places, sizes, strict=True))
        lists = [None if each is None else each[picked] for each in self.as_tuple(flatten=False)[1:5]]
        return with_lists(self, lists, mask_of_slice, self.seq_lengths)

    def _adjust(self, new_q_len: int, new_kv_len: int) -> BlockMask:
        """Return the mask of the first queries and keys."""
        rows, columns = -(-new_q_len // self.BLOCK_SIZE[0]), -(-new_kv_len // self.BLOCK_SIZE[1])
        lists = [
            *crop_lists(self.kv_num_blocks, self.kv_indices, rows, columns),
            *crop_lists(self.full_kv_num_blocks, self.full_kv_indices, rows, columns),
        ]
        return with_lists(self, lists, self.mask_mod, (new_q_len, new_kv_len))

    def __str__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n{self.to_string().strip()}\n)"

    def __repr__(self) -> str:
        shapes = {name: getattr(self, name) for name in LISTS}
        lines = [f"{name}={None if each is None else each.shape}" for name, each in shapes.items()]
        lines += [f"BLOCK_SIZE={self.BLOCK_SIZE}", f"shape={self.shape}", f"sparsity={self.sparsity():.2f}%"]
        lines.append(f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}")
        return "BlockMask(\n" + ",\n".join(f"    {line}" for line in lines) + "\n)"


def with_lists(
    mask: BlockMask, lists: list[Any], mask_mod: MaskMod, seq_lengths: tuple[int, int]
) -> BlockMask:
    """Return a mask of other lists of rows, which has what a mask has."""
    has_columns = mask.q_indices is not None
    named = dict(zip(LISTS, lists, strict=False))
    found = BlockMask.from_kv_blocks(
        **named, BLOCK_SIZE=mask.BLOCK_SIZE, mask_mod=mask_mod, seq_lengths=seq_lengths,
        compute_q_blocks=has_columns,
    )  # fmt: skip
    found.dq_kv_order_spt = mask.dq_kv_order_spt
    if mask.dq_write_order is not None:
        found.dq_write_order, found.dq_write_order_full = order_of_writes(found, bool(mask.dq_kv_order_spt))
    return found


def require_pairs(kv_indices: Tensor, full_kv_num_blocks: Tensor | None, full_kv_indices: Tensor | None) -> None:
    """Raise unless lists of blocks come in pairs and are matrices."""
    if kv_indices.dim() < 2:
        raise UsageError("BlockMask must have at least 2 dimensions")
    if (full_kv_num_blocks is None) != (full_kv_indices is None):
        raise GuardError("full_kv_num_blocks and full_kv_indices must be both provided or omitted")


def as_slice(place: Any, size: int) -> Any:
    """Return a number as the slice that keeps its dim."""
    if not isinstance(place, int):
        return place
    return slice(place + size, place + size + 1) if -size <= place < 0 else slice(place, place + 1)


def picture_of(dense: Tensor, rows: int, columns: int) -> str:
    """Return a matrix of blocks as lines of characters."""
    height, width = (max(1, -(-size // most)) for size, most in zip(dense.shape, (rows, columns), strict=True))
    lines = [
        "".join(2 * shade_of(dense[row : row + height, column : column + width])
                for column in range(0, dense.shape[1], width))
        for row in range(0, dense.shape[0], height)
    ]  # fmt: skip
    return "".join(f"{line}\n" for line in lines)


def shade_of(part: Tensor) -> str:
    """Return the character of a part of the blocks."""
    share = part.float().mean().item()
    return "█" if share == 1 else " " if share == 0 else "░"
