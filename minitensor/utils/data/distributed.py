"""DistributedSampler: the share of a dataset's indices that one of several processes reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from minitensor.compat import distributed
from minitensor.compat.reasons import attributes_of
from minitensor.errors import WrongKindError
from minitensor.generator import Generator
from minitensor.ops.random import randperm
from minitensor.utils.data.sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Sample every ``num_replicas``-th index, beginning with the ``rank``-th.

    Several programs that are started with different ranks read a dataset in parts. Shuffled orders are PyTorch's.

    Args:
        dataset: the dataset; only its length is used.
        num_replicas: the number of programs. Default: ``None``, which needs a process group; there is none here.
        rank: the number of this program, from 0. Default: ``None``, likewise.
        shuffle: whether the indices are shuffled, anew for each epoch that ``set_epoch`` begins.
        seed: the seed of the order, equal in all programs.
        drop_last: whether indices that do not fill a round are left out; else some are repeated.

    Raises:
        ValueError: If ``num_replicas`` or ``rank`` is not given, or ``rank`` is not in [0, num_replicas).

    >>> import minitensor as torch
    >>> dataset = torch.utils.data.TensorDataset(torch.arange(5))
    >>> list(torch.utils.data.DistributedSampler(dataset, num_replicas=2, rank=1, shuffle=False))
    [1, 3, 0]
    """

    def __init__(
        self, dataset: Any, num_replicas: int | None = None, rank: int | None = None, shuffle: bool = True,
        seed: int = 0, drop_last: bool = False,
    ) -> None:
        self.num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
        self.rank = distributed.get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise WrongKindError(f"Invalid rank {rank}, rank should be in the interval [0, {self.num_replicas - 1}]")
        self.dataset, self.epoch, self.drop_last = dataset, 0, drop_last
        rounds = len(dataset) / self.num_replicas
        self.num_samples = math.floor(rounds) if drop_last else math.ceil(rounds)
        self.total_size = self.num_samples * self.num_replicas
        self.shuffle, self.seed = shuffle, seed

    def __iter__(self) -> Iterator[int]:
        order = self.permute() if self.shuffle else list(range(len(self.dataset)))
        rounds = math.ceil(self.total_size / max(len(order), 1))
        return iter((order * rounds)[: self.total_size][self.rank :: self.num_replicas])

    def permute(self) -> list[int]:
        """Return all indices in the order of this epoch."""
        generator = Generator()
        generator.manual_seed(self.seed + self.epoch)
        order: list[int] = randperm(len(self.dataset), generator=generator).tolist()
        return order

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Begin an ``epoch``, whose number changes the order."""
        self.epoch = epoch


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
