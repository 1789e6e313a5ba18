"""The options of a loader: which values are possible, and which exclude each other."""

from __future__ import annotations

import multiprocessing
import operator
import os
import warnings
from multiprocessing.context import BaseContext
from typing import Any

from minitensor.callers import user_level
from minitensor.errors import ArgumentError, ArgumentTypeError, WrongKindError

METHODS = ("multiprocessing", "thread")


def find_context(context: Any, num_workers: int) -> Any:
    """Return the context of a start method, given as such or by its name; None stands for the default one."""
    if context is None:
        return None
    if num_workers == 0:
        raise ArgumentError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
            f"num_workers={num_workers}"
        )
    methods = multiprocessing.get_all_start_methods()
    if isinstance(context, str) and context not in methods:
        raise ArgumentError(
            f"multiprocessing_context option should specify a valid start method in {methods}, but got "
            f"multiprocessing_context={context!r}"
        )
    found = multiprocessing.get_context(context) if isinstance(context, str) else context
    if not isinstance(found, BaseContext):
        raise ArgumentTypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={context}"
        )
    return found


def warn_of_many_workers(count: int) -> None:
    """Warn of more processes than this one may use cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if cores is not None and count > cores:
        warnings.warn(
            f"This DataLoader will create {count} worker processes in total. Our suggested max number of worker in "
            f"current system is {cores}, which is smaller than what this DataLoader is going to create. Please be "
            "aware that excessive worker creation might get DataLoader running slow or even freeze, lower the worker "
            "number to avoid potential slowness/freeze if necessary.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip


def warn_of_pins(device: str) -> None:
    """Warn that memory is not pinned."""
    if device:
        text = f"pin_memory_device is deprecated and has no effect, got {device!r}."
        warnings.warn(text, UserWarning, stacklevel=user_level())
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
        UserWarning, stacklevel=user_level(),
    )  # fmt: skip


def to_count(num_workers: Any) -> Any:
    """Return an integer of any library as an int. Other values are refused when workers are started, as in PyTorch."""
    try:
        return operator.index(num_workers)
    except TypeError:
        return num_workers


def read_count(num_workers: Any) -> int:
    """Return the number of workers to start; raise unless it is an int, or another zero."""
    if num_workers == 0:
        return 0
    if not isinstance(num_workers, int):
        raise ArgumentTypeError(f"DataLoader: num_workers should be an int, got {num_workers!r}")
    return num_workers


def check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent: bool, method: str
) -> None:
    """Validate the options of workers."""
    if method not in METHODS:
        raise ArgumentError(f"worker_method option should be one of {METHODS}, got {method!r}")
    if num_workers < 0:
        raise ArgumentError(
            f"num_workers option should be non-negative, got {num_workers}; use num_workers=0 to load in this thread"
        )
    if timeout < 0:
        raise ArgumentError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ArgumentError("prefetch_factor option could only be specified with num_workers > 0")
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ArgumentError(f"prefetch_factor option should be non-negative, got {prefetch_factor}")
    if persistent and num_workers == 0:
        raise ArgumentError("persistent_workers option needs num_workers > 0")


def check_iterable(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """Raise for an order of an iterable dataset, which has its own."""
    shuffle = None if is_absent(shuffle) else shuffle
    for name, value in (("shuffle", shuffle), ("sampler", sampler), ("batch_sampler", batch_sampler)):
        if value is not None:
            raise WrongKindError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def is_absent(flag: Any) -> bool:
    """Whether a flag is None or False, or equal to it."""
    try:
        return flag in {None, False}
    except TypeError:  # a value that no set can hold
        return False


def check_order(batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    """Raise for options of the order that exclude each other."""
    if sampler is not None and shuffle:
        raise ArgumentError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ArgumentError(
            "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
        )
    if batch_size is None and drop_last:
        raise ArgumentError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
