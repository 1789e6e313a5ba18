"""What programs import from ``torch._C``: the switches of ``__torch_function__``, and settings that choose nothing."""

from typing import TYPE_CHECKING, Any

from minitensor.autograd.mode import set_grad_enabled
from minitensor.autograd.protocol import DisableTorchFunction as DisableTorchFunction
from minitensor.autograd.protocol import DisableTorchFunctionSubclass as DisableTorchFunctionSubclass
from minitensor.autograd.protocol import disabled_torch_function, override_state
from minitensor.base import TensorMeta
from minitensor.compat.reasons import attributes_of
from minitensor.device import device as device
from minitensor.dtypes import dtype as dtype
from minitensor.func.batching.batched import active_levels
from minitensor.generator import Generator as Generator
from minitensor.generator import default_generator as default_generator
from minitensor.nn import functional
from minitensor.ops.aliasing import shares_storage as _is_alias_of  # noqa: F401
from minitensor.ops.assemble import broadcast_shapes
from minitensor.ops.cast import destination
from minitensor.profiler import internals
from minitensor.shapes import Size as Size
from minitensor.tensor import Tensor as TensorBase

__all__ = [
    "DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator", "Size", "TensorBase", "default_generator",
    "device", "dtype",
]  # fmt: skip
_TensorBase, _TensorMeta, _disabled_torch_function_impl = TensorBase, TensorMeta, disabled_torch_function
_set_grad_enabled, _infer_size, _profiler = set_grad_enabled, broadcast_shapes, internals


class Functions:
    """The functions of layers, as ``torch._C._nn``, where PyTorch's compiled ones are."""

    def __getattr__(self, name: str) -> Any:
        return getattr(functional, name)

    def _parse_to(self, *args: Any, **kwargs: Any) -> tuple[Any, dtype | None, bool, Any]:
        """Return what the arguments of ``to`` say: device, dtype, non_blocking and memory format."""
        wanted = destination(*args, **kwargs)
        return wanted.device, wanted.dtype, bool(kwargs.get("non_blocking")), kwargs.get("memory_format")


_nn = Functions()


def _log_api_usage_once(event: str) -> None:
    """Do nothing: no use is counted."""


def _get_tracing_state() -> None:
    """Return None: nothing is traced."""


def _are_functorch_transforms_active() -> bool:
    """Return whether a ``vmap`` is running."""
    return bool(active_levels())


def _is_torch_function_mode_enabled() -> bool:
    """Return whether a ``TorchFunctionMode`` is open."""
    now = override_state.get()
    return now.modes_may and bool(now.modes)


def _jit_set_profiling_mode(enabled: bool) -> bool:
    """Accept a setting of PyTorch's compiler, and return False."""
    return False


_jit_set_profiling_executor = _jit_set_texpr_fuser_enabled = _jit_set_nvfuser_enabled = _jit_set_profiling_mode
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _jit_set_profiling_mode


def _get_privateuse1_backend_name() -> str:
    """Return PyTorch's name of devices that others add; there are none."""
    return "privateuseone"


if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
