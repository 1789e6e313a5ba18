"""PyTorch's import path of the loader: ``utils.data.dataloader.DataLoader``, and what is used beside it."""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.utils.data._utils.collate import default_collate as default_collate
from minitensor.utils.data._utils.collate import default_convert as default_convert
from minitensor.utils.data._utils.epoch import Epoch as _BaseDataLoaderIter  # noqa: F401
from minitensor.utils.data._utils.worker import get_worker_info as get_worker_info
from minitensor.utils.data.dataset import Dataset as Dataset
from minitensor.utils.data.dataset import IterableDataset as IterableDataset
from minitensor.utils.data.loader import DataLoader as DataLoader
from minitensor.utils.data.loader import MultiProcessingEpoch as _MultiProcessingDataLoaderIter  # noqa: F401
from minitensor.utils.data.loader import SingleProcessEpoch as _SingleProcessDataLoaderIter  # noqa: F401
from minitensor.utils.data.sampler import (
    BatchSampler as BatchSampler,
)
from minitensor.utils.data.sampler import (
    RandomSampler as RandomSampler,
)
from minitensor.utils.data.sampler import (
    Sampler as Sampler,
)
from minitensor.utils.data.sampler import (
    SequentialSampler as SequentialSampler,
)

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
