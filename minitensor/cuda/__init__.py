"""What programs ask of a GPU, through CuPy: which there are, streams and events, graphs, memory, random numbers.

A question never fails: without CuPy or without a GPU the answer is no, none or zero. What needs a GPU raises an error
that names what is missing. Tensors go there by ``.to("cuda")``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from minitensor import dtypes
from minitensor.amp import cuda_amp as amp
from minitensor.compat.reasons import attributes_of
from minitensor.cuda import (
    comm,
    nvtx,
    profiler,
    random,
    streams,
)
from minitensor.cuda.devices import (
    can_device_access_peer,
    cudart,
    current_blas_handle,
    current_device,
    current_solver_handle,
    device,
    device_count,
    device_of,
    get_arch_list,
    get_device_capability,
    get_device_name,
    get_device_properties,
    get_gencode_flags,
    get_sync_debug_mode,
    init,
    is_available,
    is_bf16_supported,
    is_initialized,
    is_tf32_supported,
    set_device,
    set_sync_debug_mode,
    synchronize,
)
from minitensor.cuda.graphs import (
    CUDAGraph,
    graph,
    graph_pool_handle,
    is_current_stream_capturing,
    make_graphed_callables,
)
from minitensor.cuda.memory import (
    MemPool,
    caching_allocator_alloc,
    caching_allocator_delete,
    caching_allocator_disabled,
    caching_allocator_enable,
    empty_cache,
    get_allocator_backend,
    get_per_process_memory_fraction,
    host_memory_stats,
    host_memory_stats_as_nested_dict,
    ipc_collect,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    mem_get_info,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_host_memory_stats,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_host_memory_stats,
    reset_peak_memory_stats,
    set_per_process_memory_fraction,
    use_mem_pool,
)
from minitensor.cuda.monitor import (
    clock_rate,
    device_memory_used,
    list_gpu_processes,
    memory_usage,
    power_draw,
    temperature,
    utilization,
)
from minitensor.cuda.random import (
    get_rng_state,
    get_rng_state_all,
    initial_seed,
    manual_seed,
    manual_seed_all,
    seed,
    seed_all,
    set_rng_state,
    set_rng_state_all,
)
from minitensor.cuda.streams import (
    Event,
    ExternalStream,
    Stream,
    StreamContext,
    current_stream,
    default_stream,
    get_stream_from_external,
    set_stream,
    stream,
)
from minitensor.errors import OutOfMemoryError as OutOfMemoryError
from minitensor.ops.tensor_types import TensorType

__all__ = [
    "BoolTensor", "ByteTensor", "CUDAGraph", "CharTensor", "DoubleTensor", "Event", "ExternalStream", "FloatTensor",
    "HalfTensor", "IntTensor", "LongTensor", "MemPool", "OutOfMemoryError", "ShortTensor", "Stream", "StreamContext",
    "amp", "caching_allocator_alloc", "caching_allocator_delete", "caching_allocator_disabled",
    "caching_allocator_enable", "can_device_access_peer", "clock_rate", "comm", "cudart", "current_blas_handle",
    "current_device", "current_solver_handle", "current_stream", "default_generators", "default_stream", "device",
    "device_count", "device_memory_used", "device_of", "empty_cache", "get_allocator_backend", "get_arch_list",
    "get_device_capability", "get_device_name", "get_device_properties", "get_gencode_flags",
    "get_per_process_memory_fraction", "get_rng_state", "get_rng_state_all", "get_stream_from_external",
    "get_sync_debug_mode", "graph", "graph_pool_handle", "has_half", "has_magma", "host_memory_stats",
    "host_memory_stats_as_nested_dict", "init", "initial_seed", "ipc_collect", "is_available", "is_bf16_supported",
    "is_current_stream_capturing", "is_initialized", "is_tf32_supported", "list_gpu_processes",
    "make_graphed_callables", "manual_seed", "manual_seed_all", "max_memory_allocated", "max_memory_cached",
    "max_memory_reserved", "mem_get_info", "memory_allocated", "memory_cached", "memory_reserved", "memory_stats",
    "memory_stats_as_nested_dict", "memory_summary", "memory_usage", "nvtx", "power_draw", "profiler", "random",
    "reset_accumulated_host_memory_stats", "reset_accumulated_memory_stats", "reset_max_memory_allocated",
    "reset_max_memory_cached", "reset_peak_host_memory_stats", "reset_peak_memory_stats", "seed", "seed_all",
    "set_device", "set_per_process_memory_fraction", "set_rng_state", "set_rng_state_all", "set_stream",
    "set_sync_debug_mode", "stream", "streams", "synchronize", "temperature", "use_mem_pool", "utilization",
]  # fmt: skip

ByteTensor, CharTensor = TensorType(dtypes.uint8, "cuda"), TensorType(dtypes.int8, "cuda")
ShortTensor, IntTensor = TensorType(dtypes.int16, "cuda"), TensorType(dtypes.int32, "cuda")
LongTensor, BoolTensor = TensorType(dtypes.int64, "cuda"), TensorType(dtypes.bool_, "cuda")
HalfTensor, FloatTensor = TensorType(dtypes.float16, "cuda"), TensorType(dtypes.float32, "cuda")
DoubleTensor = TensorType(dtypes.float64, "cuda")

has_half, has_magma = True, False
default_generators: tuple[Any, ...] = ()  # the generator of the library serves every device
_initialized = False  # libraries that recompute read it, to save the state of a GPU's own random stream

sys.modules[f"{__name__}.amp"] = amp  # PyTorch's path

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
