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
from minitensor.cuda import comm as comm
from minitensor.cuda import nvtx as nvtx
from minitensor.cuda import profiler as profiler
from minitensor.cuda import random as random
from minitensor.cuda import streams as streams
from minitensor.cuda.callables import make_graphed_callables as make_graphed_callables
from minitensor.cuda.devices import (
    can_device_access_peer as can_device_access_peer,
)
from minitensor.cuda.devices import (
    cudart as cudart,
)
from minitensor.cuda.devices import (
    current_blas_handle as current_blas_handle,
)
from minitensor.cuda.devices import (
    current_device as current_device,
)
from minitensor.cuda.devices import (
    current_solver_handle as current_solver_handle,
)
from minitensor.cuda.devices import (
    device as device,
)
from minitensor.cuda.devices import (
    device_count as device_count,
)
from minitensor.cuda.devices import (
    device_of as device_of,
)
from minitensor.cuda.devices import (
    get_arch_list as get_arch_list,
)
from minitensor.cuda.devices import (
    get_device_capability as get_device_capability,
)
from minitensor.cuda.devices import (
    get_device_name as get_device_name,
)
from minitensor.cuda.devices import (
    get_device_properties as get_device_properties,
)
from minitensor.cuda.devices import (
    get_gencode_flags as get_gencode_flags,
)
from minitensor.cuda.devices import (
    get_sync_debug_mode as get_sync_debug_mode,
)
from minitensor.cuda.devices import (
    init as init,
)
from minitensor.cuda.devices import (
    is_available as is_available,
)
from minitensor.cuda.devices import (
    is_bf16_supported as is_bf16_supported,
)
from minitensor.cuda.devices import (
    is_initialized as is_initialized,
)
from minitensor.cuda.devices import (
    is_tf32_supported as is_tf32_supported,
)
from minitensor.cuda.devices import (
    set_device as set_device,
)
from minitensor.cuda.devices import (
    set_sync_debug_mode as set_sync_debug_mode,
)
from minitensor.cuda.devices import (
    synchronize as synchronize,
)
from minitensor.cuda.graphs import (
    CUDAGraph as CUDAGraph,
)
from minitensor.cuda.graphs import (
    graph as graph,
)
from minitensor.cuda.graphs import (
    graph_pool_handle as graph_pool_handle,
)
from minitensor.cuda.graphs import (
    is_current_stream_capturing as is_current_stream_capturing,
)
from minitensor.cuda.memory import (
    MemPool as MemPool,
)
from minitensor.cuda.memory import (
    caching_allocator_alloc as caching_allocator_alloc,
)
from minitensor.cuda.memory import (
    caching_allocator_delete as caching_allocator_delete,
)
from minitensor.cuda.memory import (
    caching_allocator_disabled as caching_allocator_disabled,
)
from minitensor.cuda.memory import (
    caching_allocator_enable as caching_allocator_enable,
)
from minitensor.cuda.memory import (
    empty_cache as empty_cache,
)
from minitensor.cuda.memory import (
    get_allocator_backend as get_allocator_backend,
)
from minitensor.cuda.memory import (
    get_per_process_memory_fraction as get_per_process_memory_fraction,
)
from minitensor.cuda.memory import (
    host_memory_stats as host_memory_stats,
)
from minitensor.cuda.memory import (
    host_memory_stats_as_nested_dict as host_memory_stats_as_nested_dict,
)
from minitensor.cuda.memory import (
    ipc_collect as ipc_collect,
)
from minitensor.cuda.memory import (
    max_memory_allocated as max_memory_allocated,
)
from minitensor.cuda.memory import (
    max_memory_cached as max_memory_cached,
)
from minitensor.cuda.memory import (
    max_memory_reserved as max_memory_reserved,
)
from minitensor.cuda.memory import (
    mem_get_info as mem_get_info,
)
from minitensor.cuda.memory import (
    memory_allocated as memory_allocated,
)
from minitensor.cuda.memory import (
    memory_cached as memory_cached,
)
from minitensor.cuda.memory import (
    memory_reserved as memory_reserved,
)
from minitensor.cuda.memory import (
    memory_stats as memory_stats,
)
from minitensor.cuda.memory import (
    memory_stats_as_nested_dict as memory_stats_as_nested_dict,
)
from minitensor.cuda.memory import (
    memory_summary as memory_summary,
)
from minitensor.cuda.memory import (
    reset_accumulated_host_memory_stats as reset_accumulated_host_memory_stats,
)
from minitensor.cuda.memory import (
    reset_accumulated_memory_stats as reset_accumulated_memory_stats,
)
from minitensor.cuda.memory import (
    reset_max_memory_allocated as reset_max_memory_allocated,
)
from minitensor.cuda.memory import (
    reset_max_memory_cached as reset_max_memory_cached,
)
from minitensor.cuda.memory import (
    reset_peak_host_memory_stats as reset_peak_host_memory_stats,
)
from minitensor.cuda.memory import (
    reset_peak_memory_stats as reset_peak_memory_stats,
)
from minitensor.cuda.memory import (
    set_per_process_memory_fraction as set_per_process_memory_fraction,
)
from minitensor.cuda.memory import (
    use_mem_pool as use_mem_pool,
)
from minitensor.cuda.monitor import (
    clock_rate as clock_rate,
)
from minitensor.cuda.monitor import (
    device_memory_used as device_memory_used,
)
from minitensor.cuda.monitor import (
    list_gpu_processes as list_gpu_processes,
)
from minitensor.cuda.monitor import (
    memory_usage as memory_usage,
)
from minitensor.cuda.monitor import (
    power_draw as power_draw,
)
from minitensor.cuda.monitor import (
    temperature as temperature,
)
from minitensor.cuda.monitor import (
    utilization as utilization,
)
from minitensor.cuda.random import (
    get_rng_state as get_rng_state,
)
from minitensor.cuda.random import (
    get_rng_state_all as get_rng_state_all,
)
from minitensor.cuda.random import (
    initial_seed as initial_seed,
)
from minitensor.cuda.random import (
    manual_seed as manual_seed,
)
from minitensor.cuda.random import (
    manual_seed_all as manual_seed_all,
)
from minitensor.cuda.random import (
    seed as seed,
)
from minitensor.cuda.random import (
    seed_all as seed_all,
)
from minitensor.cuda.random import (
    set_rng_state as set_rng_state,
)
from minitensor.cuda.random import (
    set_rng_state_all as set_rng_state_all,
)
from minitensor.cuda.streams import (
    Event as Event,
)
from minitensor.cuda.streams import (
    ExternalStream as ExternalStream,
)
from minitensor.cuda.streams import (
    Stream as Stream,
)
from minitensor.cuda.streams import (
    StreamContext as StreamContext,
)
from minitensor.cuda.streams import (
    current_stream as current_stream,
)
from minitensor.cuda.streams import (
    default_stream as default_stream,
)
from minitensor.cuda.streams import (
    get_stream_from_external as get_stream_from_external,
)
from minitensor.cuda.streams import (
    set_stream as set_stream,
)
from minitensor.cuda.streams import (
    stream as stream,
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
