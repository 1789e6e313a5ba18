"""The names of PyTorch that mean something else here, each with its line of the README.

The lines are those of "Intentional differences from PyTorch" that belong to a name or to a keyword. The others are
about methods, errors or values, which a list of names cannot show.
"""

from __future__ import annotations

import functools
from fnmatch import fnmatchcase
from typing import NamedTuple


class Difference(NamedTuple):
    """A line of the README: what is done here, what PyTorch does, and the names that it is about."""

    here: str
    pytorch: str
    names: str

    @property
    def line(self) -> str:
        return f"{self.here} (PyTorch: {self.pytorch})"


# A name that ends in "=" is a keyword of any function.
DIFFERENCES = (
    Difference(
        "a DataLoader raises a sampler's error in place of its batch, and an error for a batch that cannot be pickled; "
        "when it is left, a worker that is busy is told to unwind, and killed after a second",
        "raises a sampler's error when the batch is requested in advance; waits forever; waits up to five seconds for "
        "each worker",
        "torch.utils.data.DataLoader num_workers=",
    ),
    Difference(
        "`DataParallel` calls its module as it is, and `distributed.is_available()` is False",
        "they use several GPUs and processes",
        "torch.nn.DataParallel torch.nn.parallel.DataParallel torch.distributed.is_available",
    ),
    Difference(
        "`foreach=`, `fused=` and `pin_memory=` are accepted and have no effect",
        "they choose an implementation",
        "foreach= fused= pin_memory=",
    ),
    Difference("all devices share one random stream", "each device has its own", "torch.cuda.manual_seed*"),
    Difference(
        "results made in `inference_mode` are ordinary tensors", "autograd later raises for them",
        "torch.inference_mode torch.autograd.inference_mode",
    ),
    Difference(
        "with `differentiable=True`, gradients also flow to SGD's first momentum buffer, to ASGD's step, and to any "
        "number among the options; no step overwrites what another step saved",
        "cut off, or refused",
        "differentiable=",
    ),
    Difference(
        "`pack_padded_sequence` refuses lengths beyond the input",
        "packs fewer rows than it counts",
        "torch.nn.utils.rnn.pack_padded_sequence",
    ),
    Difference(
        "an empty batch leaves the running statistics of `InstanceNorm` unchanged",
        "they become NaN",
        "torch.nn.InstanceNorm?d torch.nn.functional.instance_norm",
    ),
    Difference(
        "masks drawn by `bernoulli(p)` may differ on Intel processors",
        "PyTorch uses another random engine there",
        "torch.bernoulli",
    ),
    Difference(
        "`lgamma`, `digamma`, `i0`, `erfinv` and similar functions are computed in float64 for every dtype",
        "in float32 for float32",
        "torch.lgamma torch.digamma torch.i0 torch.erfinv torch.polygamma torch.special.*gamma* torch.special.i?* "
        "torch.special.erf* torch.special.psi torch.special.ndtr*",
    ),
    Difference(
        "`float16` is allowed wherever `float32` is; ops that only select, move or compare elements accept any dtype",
        "some have no kernel",
        "torch.float16 torch.half",
    ),
)  # fmt: skip


@functools.cache
def find(path: str) -> Difference | None:
    """Return the line about a name in PyTorch's path, or about a keyword such as ``fused=``."""
    for difference in DIFFERENCES:
        if any(fnmatchcase(path, name) for name in difference.names.split()):
            return difference
    return None
