"""Graphs of a GPU's work, which PyTorch records and repeats: they are refused, and no stream is ever recorded."""

from __future__ import annotations

from typing import Any

from minitensor.errors import UsageError


class CUDAGraph:
    """A graph of a GPU's work, for ``isinstance``: none can be recorded.

    Args:
        keep_graph: Accepted for PyTorch compatibility. Default: ``False``.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> torch.cuda.CUDAGraph()
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageError: CUDAGraph: the work of a GPU is not recorded here; call the function itself
    """

    def __init__(self, keep_graph: bool = False) -> None:
        raise recording_error("CUDAGraph")


class graph:  # noqa: N801  # PyTorch's name
    """A block in which PyTorch records a graph: it is refused.

    Args:
        cuda_graph, pool, stream, capture_error_mode, enable_annotations, check_input_liveness: Accepted for
            PyTorch compatibility.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> torch.cuda.graph(None)
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageError: graph: the work of a GPU is not recorded here; call the function itself
    """

    def __init__(
        self, cuda_graph: Any, pool: Any = None, stream: Any = None, capture_error_mode: str = "global",
        enable_annotations: bool = False, check_input_liveness: bool = False,
    ) -> None:
        raise recording_error("graph")


def make_graphed_callables(
    callables: Any, sample_args: Any, num_warmup_iters: int = 3, allow_unused_input: bool = False, pool: Any = None
) -> Any:
    """Raise: functions are not recorded.

    Args:
        callables: Functions or modules.
        sample_args, num_warmup_iters, allow_unused_input, pool: Accepted for PyTorch compatibility.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> torch.cuda.make_graphed_callables(torch.exp, (torch.ones(1),))
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageError: make_graphed_callables: the work of a GPU is not recorded here; call the function ...
    """
    raise recording_error("make_graphed_callables")


def graph_pool_handle() -> Any:
    """Raise: there are no graphs that could share memory.

    Raises:
        RuntimeError: If it is called at all.

    >>> import minitensor as torch
    >>> torch.cuda.graph_pool_handle()
    Traceback (most recent call last):
        ...
    minitensor.errors.UsageError: graph_pool_handle: the work of a GPU is not recorded here; call the function itself
    """
    raise recording_error("graph_pool_handle")


def is_current_stream_capturing() -> bool:
    """Return False: nothing is recorded.

    >>> import minitensor as torch
    >>> torch.cuda.is_current_stream_capturing()
    False
    """
    return False


def recording_error(name: str) -> UsageError:
    """Return the error for a request to record the work of a GPU."""
    return UsageError(f"{name}: the work of a GPU is not recorded here; call the function itself")
