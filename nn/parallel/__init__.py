"""``nn.parallel``: modules that PyTorch copies to several GPUs or processes. Here there is one of each.

``DataParallel`` calls its module as it is. The functions that it is built of in PyTorch divide a batch, copy a module
and join the results: they do so here on one device.
"""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.nn.parallel.data_parallel import DataParallel, data_parallel
from minitensor.nn.parallel.distributed import DistributedDataParallel
from minitensor.nn.parallel.parallel_apply import parallel_apply
from minitensor.nn.parallel.replicate import replicate
from minitensor.nn.parallel.scatter_gather import gather, scatter

__all__ = [
    "DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter",
]  # fmt: skip

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
