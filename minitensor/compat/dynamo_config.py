"""``torch._dynamo.config``: settings of PyTorch's compiler. Each can be set and read back, and chooses nothing."""

from __future__ import annotations

from minitensor.compat.unchanged import patch as patch

cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = 256
suppress_errors = verbose = False
capture_scalar_outputs = capture_dynamic_output_shape_ops = False
assume_static_by_default = automatic_dynamic_shapes = True
optimize_ddp = guard_nn_modules = inline_inbuilt_nn_modules = True
