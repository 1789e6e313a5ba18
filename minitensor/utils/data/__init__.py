"""Loading data: datasets hold samples, samplers put them in order, the loader makes batches of them."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.utils.data import _utils as _utils
from minitensor.utils.data import dataloader, distributed
from minitensor.utils.data._utils.collate import default_collate, default_convert
from minitensor.utils.data._utils.worker import get_worker_info
from minitensor.utils.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from minitensor.utils.data.distributed import DistributedSampler
from minitensor.utils.data.loader import DataLoader
from minitensor.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "dataloader",
    "default_collate",
    "default_convert",
    "distributed",
    "get_worker_info",
    "random_split",
]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
