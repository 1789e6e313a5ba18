"""Names that exist only for PyTorch compatibility, and a table of the names that are missing.

No other module reads the state kept in this package, so no result depends on it. The modules are public under PyTorch's
paths, such as ``minitensor.onnx`` and ``minitensor.backends.cudnn``: ``PATHS`` registers them, so that they can be
imported by these names.
"""

import sys

from minitensor.compat import (
    absent,
    build,
    collect_env,
    compiler,
    cuda_math,
    cudnn,
    distributed,
    distributed_nn,
    dynamo,
    dynamo_config,
    dynamo_parts,
    future,
    futures,
    fx,
    hub,
    inductor,
    inductor_config,
    model_zoo,
    mps,
    onnx,
    profiler,
    version,
    xpu,
)

ABSENT = "cpu cusparselt kleidiai mha miopen mkl mkldnn mps nnpack openmp opt_einsum quantized".split()
PATHS = {
    "__config__": build, "__future__": future, "_dynamo": dynamo, "_dynamo.config": dynamo_config,
    "_dynamo.utils": dynamo_parts, "_dynamo._trace_wrapped_higher_order_op": dynamo_parts,
    "_inductor": inductor, "_inductor.config": inductor_config,
    "autograd.profiler": profiler, "backends.cuda": cuda_math, "backends.cudnn": cudnn, "compiler": compiler,
    "distributed": distributed, "distributed.nn": distributed_nn,
    "futures": futures, "fx": fx, "hub": hub, "mps": mps, "onnx": onnx,
    "profiler": profiler, "torch_version": version,
    "utils.collect_env": collect_env, "utils.model_zoo": model_zoo, "version": version, "xpu": xpu,
    **{f"backends.{name}": absent for name in ABSENT},
}  # fmt: skip
for path, module in PATHS.items():
    sys.modules[f"minitensor.{path}"] = module
