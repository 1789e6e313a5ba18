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
    distributed_rpc,
    distributed_tensor,
    dynamo,
    dynamo_config,
    dynamo_parts,
    future,
    futures,
    fx,
    fx_parts,
    hub,
    inductor,
    inductor_config,
    model_zoo,
    mps,
    onnx,
    subclasses,
    version,
    xpu,
)

ABSENT = "cpu cusparselt kleidiai mha miopen mkl mkldnn mps nnpack openmp opt_einsum quantized".split()
PATHS = {
    "__config__": build, "__future__": future, "_dynamo": dynamo, "_dynamo.config": dynamo_config,
    "_dynamo.eval_frame": dynamo_parts, "_dynamo.utils": dynamo_parts,
    "_dynamo._trace_wrapped_higher_order_op": dynamo_parts,
    "_inductor": inductor, "_inductor.config": inductor_config,
    "backends.cuda": cuda_math, "backends.cudnn": cudnn, "compiler": compiler,
    "distributed": distributed, "distributed.nn": distributed_nn,
    **{f"distributed.{name}": distributed_tensor for name in ("_tensor", "device_mesh", "tensor")},
    "distributed.tensor.placement_types": distributed_tensor,
    "distributed.rpc": distributed_rpc, "_subclasses": subclasses, "_subclasses.fake_tensor": subclasses,
    "_subclasses.functional_tensor": subclasses, "futures": futures,
    "fx": fx, "fx.experimental": fx_parts,
    "fx.experimental.proxy_tensor": fx_parts, "fx.experimental.symbolic_shapes": fx_parts,
    "hub": hub, "mps": mps, "onnx": onnx,
    "torch_version": version,
    "utils.collect_env": collect_env, "utils.model_zoo": model_zoo, "version": version, "xpu": xpu,
    **{f"backends.{name}": absent for name in ABSENT},
}  # fmt: skip
for path, module in PATHS.items():
    sys.modules[f"minitensor.{path}"] = module
