"""Function transforms, as in ``torch.func``: derivatives of any order, maps over samples, modules as functions.

A transform takes a function and returns a function, and transforms nest: ``vmap(grad(loss))`` computes the gradient of
each sample, ``jacrev(jacrev(f))`` second derivatives. Functions should be pure: their results should depend only on
their arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.compat.reasons import attributes_of
from minitensor.func.forward import hessian, jacfwd, jvp
from minitensor.func.mapping import vmap
from minitensor.func.modules import (
    debug_unwrap,
    functionalize,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from minitensor.func.rearrangement import rearrange
from minitensor.func.transforms import grad, grad_and_value, jacrev, linearize, vjp
from minitensor.nn.utils.stateless import functional_call

__all__ = [
    "debug_unwrap",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
