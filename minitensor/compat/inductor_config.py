"""``torch._inductor.config``: settings of PyTorch's compiler. Each can be set and read back, and chooses nothing."""

from __future__ import annotations

from types import SimpleNamespace

from minitensor.compat.unchanged import patch as patch

triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=True)
fx_graph_cache = epilogue_fusion = True
coordinate_descent_tuning = coordinate_descent_check_all_directions = max_autotune = False
conv_1x1_as_mm = force_fuse_int_mm_with_mul = use_mixed_mm = freezing = cpp_wrapper = debug = fallback_random = False
compile_threads = 1
