"""Where ``torch.ops.aten`` finds this library's functions."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from minitensor.library.aten_only import ATEN_ONLY
from minitensor.tensor import Tensor

# Overloads by the types of the arguments. A function here accepts what all of PyTorch's overloads do.
OVERLOADS = frozenset(
    """default Tensor Scalar Scalar_Tensor Tensor_Tensor Tensor_Scalar Tensor_mode Scalar_mode int int_Scalar dim
    dim_IntList out self float input list start start_step correction dims vec sizes
    stable values self_int two other device dtype dtype_layout low""".split()
)
ROOMS = {"linalg_": "minitensor.linalg", "special_": "minitensor.special", "fft_": "minitensor.fft"}

# Functions of layers whose arguments are those of PyTorch's operation; others take words for its numbers.
LAYERS = frozenset(
    """adaptive_avg_pool2d adaptive_avg_pool3d avg_pool2d avg_pool3d elu gelu glu hardsigmoid hardswish
    hardtanh leaky_relu linear log_sigmoid mish one_hot pad relu6 scaled_dot_product_attention silu
    softplus softshrink""".split()
)

# Functions that PyTorch has in Python only.
NOT_OPERATIONS = frozenset(
    """is_inference_mode_enabled is_anomaly_check_nan_enabled is_anomaly_enabled bfloat16 cdouble cfloat double half
    long short asarray from_dlpack frombuffer is_storage is_tensor typename from_numpy BFloat16Tensor BoolTensor
    ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor
    get_default_device set_default_device set_default_tensor_type unravel_index unique fork_rng get_rng_state
    set_rng_state lobpcg pca_lowrank svd_lowrank lu spmm bool int float new as_subclass new_tensor
    const_data_ptr apply_ map_ map2_ type char byte to_sparse_coo numpy tolist nelement ndimension
    untyped_storage data_ptr module_load is_shared share_memory_ dim_order register_hook
    register_post_accumulate_grad_hook""".split()
)


@functools.cache
def find(name: str) -> Callable[..., Any] | None:
    """Return the function of one of PyTorch's operations, or None."""
    if name in NOT_OPERATIONS:
        return None
    if name in ATEN_ONLY:
        return ATEN_ONLY[name]
    for prefix, room in ROOMS.items():
        if name.startswith(prefix):
            return function_in(sys.modules[room], name.removeprefix(prefix))
    if name in LAYERS:
        return function_in(sys.modules["minitensor.nn.functional"], name)
    return function_in(sys.modules["minitensor"], name) or function_in(Tensor, name)


def function_in(room: Any, name: str) -> Callable[..., Any] | None:
    """Return an operation among the names of a module or class."""
    found = vars(room).get(name)
    module = getattr(found, "__module__", None) or ""
    is_operation = module.startswith(("minitensor.ops", "minitensor.nn.functional", "minitensor.autograd"))
    is_operation = is_operation and module != "minitensor.autograd.watch"  # settings
    return found if callable(found) and is_operation and not isinstance(found, type) else None
