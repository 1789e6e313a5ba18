"""Modules that programs import by paths of PyTorch where this library keeps nothing: private ones, and former ones.

Each holds what programs take from it, under PyTorch's names. ``PATHS`` registers the modules under PyTorch's paths.
"""

import sys

from minitensor.func import mapping
from minitensor.library import registry
from minitensor.nn import grad
from minitensor.paths import (
    annotating,
    flex_attention,
    flop_counter,
    functional,
    functorch,
    internals,
    printing,
    samples,
    types,
    variable_functions,
)

PATHS = {
    "_VF": variable_functions, "_C._functorch": samples, "_functorch": samples, "_functorch.vmap": samples,
    "_jit_internal": annotating, "_ops": registry, "_tensor_str": printing,
    "_utils": internals, "_vmap_internals": mapping,
    "functional": functional, "functorch": functorch, "nn.functional.grad": grad,
    "nn.attention.flex_attention": flex_attention, "types": types,
    "utils.flop_counter": flop_counter,
}  # fmt: skip
for path, module in PATHS.items():
    sys.modules[f"minitensor.{path}"] = module
    parent, _, name = f"minitensor.{path}".rpartition(".")
    if parent not in ("minitensor", "minitensor._functorch"):  # whose names are listed there
        vars(sys.modules[parent])[name] = module
