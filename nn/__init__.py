"""Neural networks: modules, layers, losses and their functions, in PyTorch's names.

A layer is a ``Module`` that keeps parameters and calls a function of ``functional``; ``init`` holds the initial
values.
"""

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.nn import _reduction as _reduction
from minitensor.nn import attention as attention
from minitensor.nn import functional, grad, init, modules, parallel, parameter, utils
from minitensor.nn.lazy import LazyModuleMixin
from minitensor.nn.locally_connected import LocallyConnected2d
from minitensor.nn.modules import *  # noqa: F403  # the layers, which are listed there
from minitensor.nn.parallel import DataParallel
from minitensor.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from minitensor.nn.pattern import from_pattern

__all__ = [
    "Buffer", "DataParallel", "LazyModuleMixin", "LocallyConnected2d", "Parameter", "UninitializedBuffer",
    "UninitializedParameter", "from_pattern", "functional", "grad", "init", "modules", "parallel", "parameter", "utils",
]  # fmt: skip
__all__ += modules.__all__

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
