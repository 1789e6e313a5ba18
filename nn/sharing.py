"""Memory that a process shares with those forked from it: several of them can train one network.

The memory is an anonymous map: it has no name, and is freed when the last process releases it. On a GPU there is
nothing to do, as in PyTorch.
"""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from minitensor.autograd.mode import no_grad
from minitensor.errors import UsageError
from minitensor.nn.parameter import is_lazy
from minitensor.ops.exchange import frombuffer

if TYPE_CHECKING:
    from minitensor.nn.module import Module
    from minitensor.tensor import Tensor


def require_memory(module: Module) -> None:
    """Raise if a module has tensors without a shape."""
    if any(is_lazy(each) for each in (*module.parameters(), *module.buffers())):
        raise UsageError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )


@no_grad()
def share(tensor: Tensor) -> Tensor:
    """Return a tensor with the same values and strides, in memory that forked processes share."""
    if tensor.device.type != "cpu" or not tensor.numel():
        return tensor
    length = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    memory = frombuffer(mmap.mmap(-1, length * tensor.element_size()), dtype=tensor.dtype)
    return memory.as_strided(tensor.shape, tensor.stride()).copy_(tensor)
