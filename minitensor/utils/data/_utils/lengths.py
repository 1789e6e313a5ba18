"""The check that an iterable dataset yields no more than its length, once a program has asked for that."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.callers import user_level

if TYPE_CHECKING:
    from minitensor.utils.data._utils.epoch import Finish


class LengthCheck:
    """Counts what an epoch returns, and warns of each batch beyond the length. Then it finishes the batch.

    Args:
        dataset: named in the warning.
        length: what ``len(dataset)`` was when the program called ``len(loader)``.
        num_workers: with workers, the warning says what is often the reason.
        finish: what else is done with each batch.
    """

    def __init__(self, dataset: Any, length: int, num_workers: int, finish: Finish) -> None:
        self.dataset, self.length, self.num_workers, self.finish, self.count = dataset, length, num_workers, finish, 0

    def __call__(self, batch: Any) -> Any:
        self.count += 1
        if self.count > self.length:
            warnings.warn(self.text(), UserWarning, stacklevel=user_level())
        return batch if self.finish is None else self.finish(batch)

    def text(self) -> str:
        """Return the warning, in PyTorch's words."""
        hint = (
            "For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset "
            "replica at each worker: each worker iterates over all of it, unless __iter__ asks get_worker_info()."
        )
        return (
            f"Length of IterableDataset {self.dataset} was reported to be {self.length}(when accessing "
            f"len(dataloader)), but {self.count} samples have been fetched. {hint if self.num_workers else ''}"
        )
