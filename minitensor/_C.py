"""What programs import from ``torch._C``: the switches of ``__torch_function__``."""

from minitensor.autograd.protocol import DisableTorchFunction as DisableTorchFunction
from minitensor.autograd.protocol import DisableTorchFunctionSubclass as DisableTorchFunctionSubclass
from minitensor.autograd.protocol import disabled_torch_function
from minitensor.generator import Generator as Generator
from minitensor.tensor import Tensor as TensorBase

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "Generator", "TensorBase"]
_TensorBase, _disabled_torch_function_impl = TensorBase, disabled_torch_function
