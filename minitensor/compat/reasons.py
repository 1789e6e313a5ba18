"""PyTorch's names that this library lacks: why, and what to use instead.

One table serves the errors of missing attributes and of missing modules, and ``python -m minitensor --check``. A row
stands for one kind of names, in PyTorch's paths, with ``*`` for any text. A pattern may cover names that exist here:
the table is only read for names that were not found. A name without ``*`` must be missing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from minitensor.errors import MissingNameError


class Absence(NamedTuple):
    """A kind of names: why they are not here, what to use instead, and the names."""

    why: str
    instead: str
    names: str

    @property
    def reason(self) -> str:
        return f"{self.why}; {self.instead}"


ABSENT = (
    # -- kinds of tensors and dtypes
    Absence("sparse matrices are stored by coordinates or with compressed rows only",
            "use sparse_coo_tensor, sparse_csr_tensor and sparse.mm, or dense tensors", """
        torch.sparse_bsc* torch.sparse_bsr* torch.sparse_csc* torch.*indices_copy torch.values_copy
        torch.Tensor.to_sparse_bsc torch.Tensor.to_sparse_bsr torch.Tensor.to_sparse_csc torch.Tensor.ccol_indices
        torch.Tensor.row_indices torch.nn.functional.sparse_support_notes torch.cuda.sparse"""),
    Absence("only sparse tensors have it", "convert with to_sparse() first; for smm, call torch.smm(x, y)", """
        torch.Tensor.resize_as_sparse_ torch.Tensor.sparse_resize_ torch.Tensor.sparse_resize_and_clear_
        torch.Tensor.smm torch.Tensor.sspaddmm"""),
    Absence("it is a kernel for the hardware of one vendor", "use sparse.mm, linalg.solve or a loop of matmul", """
        torch.sparse.* torch.nn.functional.*grouped_mm"""),
    Absence("there are no quantized tensors", "compute in float32", """
        torch.quantize* torch.quantiz* torch.Q*Storage torch.q_* torch.qscheme torch.ao
        torch.dequantize torch.int_repr torch.per_channel_* torch.per_tensor_* torch.fake_quantize_* torch.fbgemm_*
        torch.choose_qparams_optimized torch.empty_quantized torch.fused_moving_avg_obs_fake_quant torch.nn.intrinsic
        torch.nn.qat torch.nn.quantiz* torch.Tensor.dequantize torch.Tensor.int_repr torch.Tensor.qscheme
        torch.Tensor.q_per_channel_axis torch.Tensor.q_per_channel_scales torch.Tensor.q_per_channel_zero_points
        torch.Tensor.q_scale torch.Tensor.q_zero_point torch.nn.functional.scaled_mm torch.nn.functional.ScalingType
        torch.nn.functional.SwizzleType"""),
    Absence("bfloat16 is available only on the CPU", "use HalfTensor", "torch.cuda.BFloat16Tensor"),
    Absence("NumPy has no number of this size", "use float16, float32, complex64 or int8", """
        torch.Tensor.chalf torch.bit torch.bits*"""),
    Absence("there are no nested tensors", "use padded tensors with a mask", """
        torch.nested torch.jagged torch.Tensor.to_padded_tensor"""),
    Absence("the classes of typed tensors and storages belong to old PyTorch", "use tensor(..., dtype=...)", """
        torch.*Tensor torch.*Storage torch.Storage torch.StorageBase torch.cuda.*Tensor torch.cuda.*Storage
        torch.Tensor.storage_type"""),
    Absence("strided memory is the only layout here", "leave out the argument layout", """
        torch.legacy_contiguous_format"""),
    # -- devices
    Absence("there is one kind of accelerator, GPUs through CuPy, without PyTorch's own libraries",
            "use cuda.is_available(), cuda.synchronize() and .to(device)", """
        torch.accelerator.* torch.mps.* torch.mtia torch.xpu.* torch.cpu.* torch.cuda.* torch.Tensor.ipu
        torch.Tensor.mtia torch.Tensor.xpu torch.Tensor.to_mkldnn torch.DeviceObjType
        torch.StreamObjType torch.autograd.DeviceType torch.backends.* torch.backends.*.*"""),
    Absence("autocast casts on the CPU and on a GPU only", "use autocast('cpu')", """
        torch.*_autocast_ipu_* torch.*_autocast_xla_*"""),
    Absence("there is no distributed training", "train in one process; its computations use all cores", """
        torch.distributed.* torch.is_distributed torch.RRefType torch.FutureType torch.nn.parallel.*
        torch.AggregationType torch.AVG torch.SUM torch.cuda.nccl"""),
    Absence("tensors are not sent between processes here", "use threads, or send NumPy arrays", """
        torch.multiprocessing.* torch.prepare_multiprocessing_environment torch.utils.data.graph
        torch.get_file_path"""),
    # -- compilers and tools
    Absence("operations are Python functions, without a dispatcher",
            "use library.custom_op, library.register_fake and library.register_autograd", """
        torch.library.* torch.ops.*"""),
    Absence("there is no compiler", "call the function or the module itself", """
        torch.jit.* torch._jit_internal.* torch._dynamo.* torch._inductor.* torch.compiler.* torch.fx.* torch.export
        torch.onnx.* torch.package torch.classes torch.cpp torch.fork torch.wait torch.Script* torch.*Type
        torch.*Script* torch.import_ir_module* torch.parse_* torch.merge_type_from_* torch.unify_type_list
        torch.AliasDb torch.Argument torch.ArgumentSpec torch.Block torch.CallStack torch.Capsule torch.Code
        torch.CompilationUnit torch.CompleteArgumentSpec torch.ConcreteModuleTypeBuilder torch.ErrorReport
        torch.DeepCopyMemoTable torch.DeserializationStorageContext torch.SerializationStorageContext
        torch.ExecutionPlan torch.FileCheck torch.FunctionSchema torch.Gradient torch.Graph torch.GraphExecutorState
        torch.IODescriptor torch.JITException torch.FatalError torch.ModuleDict torch.BufferDict torch.ParameterDict
        torch.Node torch.OperatorInfo torch.PyTorchFile* torch.StaticModule torch.TracingState torch.Type torch.Use
        torch.Value torch.Tag torch.LockingLogger torch.LoggerBase torch.NoopLogger torch.DispatchKey*
        torch.ExcludeDispatch* torch.PRIVATE_OPS torch.USE_* torch.testing.FileCheck torch.cuda.jiterator
        torch.nn.functional.boolean_dispatch torch.contrib torch.nativert torch.lib torch.headeronly torch.test
        torch.classproperty"""),
    Absence("shapes are never symbolic here", "use Python's int, max, min and math", """
        torch.Sym* torch.sym_*"""),
    Absence("it is a tool for another form of PyTorch or for its developers", "leave it out", """
        torch.nn.backends torch.nn.cpp torch.utils.bundled_inputs torch.utils.debug_log torch.utils.file_baton
        torch.utils.hipify torch.utils.jit torch.utils.mkldnn torch.utils.mobile_optimizer torch.utils.model_dump
        torch.utils.module_tracker torch.utils.serialization torch.utils.show_pickle torch.utils.viz
        torch.utils.data.backward_compatibility torch.nn.modules.linear_cross_entropy*"""),
    Absence("PyTorch has the name in several modules", "import it from the module that defines it", """
        torch.distributions.*.* torch.functional.boolean_dispatch torch.functional.*torch_function*
        torch.functional.overload torch.types.py_sym_types torch.fft.Tensor torch.optim.lr_scheduler.Optimizer
        torch.nn.utils.rnn.copy_method_params"""),
    Absence("it belongs to the insides of PyTorch's profilers", "use profiler.profile, utils.benchmark or cProfile", """
        torch.profiler* torch.autograd.profiler* torch.autograd.Profiler*
        torch.autograd.kineto_available torch.autograd.profiler_* torch.ThroughputBenchmark torch.BenchmarkConfig
        torch.BenchmarkExecutionStats
        torch.utils.benchmark.* torch.utils.bottleneck torch.utils.flop_counter.* torch.utils.*cpp_backtrace"""),
    Absence("nothing is compiled or downloaded here", "write the operation in Python; read weights with load", """
        torch.utils.cpp_extension torch.utils.cmake_prefix_path torch.utils.collect_env.*"""),
    # -- functions
    Absence("it is a kernel of PyTorch under the name of a library or of its dispatcher",
            "use the function without the prefix or suffix, here or in nn.functional", """
        torch.cudnn_* torch.miopen_* torch.mkldnn_* torch.native_* torch.nn.functional.native_* torch.batch_norm_*
        torch.Tensor.index"""),
    Absence("PyTorch removed or deprecated it",
            "use linalg.eig, eigh, lstsq, matrix_rank, solve, solve_triangular or norm", """
        torch.eig torch.symeig torch.lstsq torch.matrix_rank torch.solve torch.Tensor.eig torch.Tensor.symeig
        torch.Tensor.lstsq torch.Tensor.solve torch.Tensor.volatile torch.Tensor.reinforce"""),
    Absence("data pipes are deprecated in PyTorch", "use IterableDataset or Dataset with DataLoader", """
        torch.utils.data.*Pipe torch.utils.data.datapipes torch.utils.data.DataChunk
        torch.utils.data.functional_datapipe torch.utils.data.graph_settings torch.utils.data.*datapipes_determinism
        torch.utils.data.non_deterministic torch.utils.data.*_validation
        torch.utils.data.runtime_validation_disabled"""),
    # -- settings, types and the insides of PyTorch
    Absence("it belongs to the engine or the build of PyTorch", "remove the line; nothing here depends on it", """
        torch.overrides.enable_reentrant_dispatch torch.has_* torch.*_num_interop_threads
        torch.*_deterministic_debug_mode torch.autograd.*_multithreading_enabled
        torch.autograd.NestedIOFunction torch.autograd.SavedTensor torch.autograd.VariableMeta
        torch.autograd.grad_mode.* torch.version.* torch.torch_version.* torch.windows
        torch.utils.backcompat torch.utils.backend_registration torch.utils.*privateuse1* torch.utils.set_module
        torch.numa torch.profiler_allow_cudagraph_cupti_lazy_reinit_cuda12 torch.nn.utils.rnn.bind
        torch.nn.utils.rnn.PackedSequence_ torch.serialization.* torch.optim.lr_scheduler.EPOCH_DEPRECATION_WARNING
        torch.nn.factory_kwargs torch.nn.common_types torch.nn.LinearCrossEntropyOptions
        torch.nn.functional.BroadcastingList* torch.nn.functional.GRID_SAMPLE_* torch.nn.functional.DType
        torch.*.*_notes torch.*.*common_args torch.*.multi_dim_common torch.autograd.function.*
        torch.autograd.gradcheck.* torch.autograd.graph.* torch.nn.attention.*
        torch.nn.utils.SpectralNorm* torch.utils.checkpoint.*
        torch.utils.hooks.*"""),
    Absence("it is for an operation that is missing, or for out=", "use the class without _out", """
        torch.return_types.*"""),
    Absence("optimizers are classes only", "make an optimizer and call its step", """
        torch.optim.adadelta.adadelta torch.optim.adagrad.adagrad torch.optim.adam.adam torch.optim.adamax.adamax
        torch.optim.adamw.adamw torch.optim.asgd.asgd torch.optim.nadam.nadam torch.optim.radam.radam
        torch.optim.rmsprop.rmsprop torch.optim.rprop.rprop torch.optim.sgd.sgd"""),
    Absence("it belongs to TensorBoard", "import it from tensorboard.summary.writer.record_writer", """
        torch.utils.tensorboard.RecordWriter"""),
    Absence("minitensor.vision, which is imported as torchvision, downloads nothing",
            "pass the constructor weights=<the path of a checkpoint>", """
        torchvision.models.*_Weights torchvision.models.get_weight torchvision.models.get_model_weights"""),
    Absence("minitensor.vision, which is imported as torchvision, reads and writes no videos",
            "read pictures with io.read_image", """
        torchvision.io.*video* torchvision.io.*Video*"""),
    Absence("minitensor.vision, which is imported as torchvision, lacks it", "dir() of its modules lists its names", """
        torchvision.*"""),
    Absence("it is built on the compiled parts of PyTorch", "read the data with NumPy", """
        torchaudio torchtext torchdata"""),
)  # fmt: skip


@functools.cache
def rows() -> tuple[dict[str, Absence], dict[str, Absence]]:
    """Return two tables, of names and of patterns. An entry of a name goes before those of patterns."""
    entries = [(name, absence) for absence in ABSENT for name in absence.names.split()]
    names = {name: absence for name, absence in entries if "*" not in name}
    return names, {name: absence for name, absence in entries if "*" in name}


@functools.cache
def find(path: str) -> Absence | None:
    """Return the row that explains why one of PyTorch's names is missing, or that of the module that it is in."""
    names, patterns = rows()
    if path in names:
        return names[path]
    for pattern, absence in patterns.items():
        # A star stands for a name, not for a path: `torch.*Tensor` does not mean `torch.utils.Tensor`.
        if path.count(".") == pattern.count(".") and fnmatchcase(path, pattern):
            return absence
    parent = path.rpartition(".")[0]
    found = find(parent) if "." in parent or parent in names else None
    return found or find_in_package(path)


def find_in_package(path: str) -> Absence | None:
    """Return the row of a name that a package of PyTorch has too: of torch.nn.X for torch.nn.modules.batchnorm.X."""
    *modules, name = path.split(".")
    candidates = [".".join([*modules[:depth], name]) for depth in range(len(modules) - 1, 1, -1)]
    return next((rows()[0][each] for each in candidates if each in rows()[0]), None)


def pytorchs_name(module: str) -> str:
    """Return what PyTorch calls a module of this library: torch.nn for minitensor.nn."""
    if module.startswith("minitensor.vision"):
        return "torchvision" + module.removeprefix("minitensor.vision")
    return "torch" + module.removeprefix("minitensor")


def attribute_error(owner: str, name: str, obj: Any) -> MissingNameError:
    """Return the error for a missing attribute of a module or class, with the reason if PyTorch has the name."""
    absence = None if name.startswith("_") else find(f"{pytorchs_name(owner)}.{name}")
    message = f"module {owner!r} has no attribute {name!r}" + (f": {absence.reason}" if absence else "")
    return MissingNameError(message, name=name, obj=obj)


class MissingAttribute:
    """A name that PyTorch's tensors have and these do not: reading it raises the error that says why.

    ``Tensor`` has one for each such name in place of a ``__getattr__``; see Note [Lazy parts] in ``base.py``.
    """

    def __init__(self, name: str, absence: Absence) -> None:
        self.name, self.absence = name, absence

    def __get__(self, obj: Any, owner: type[Any]) -> Any:
        text = f"{owner.__name__!r} object has no attribute {self.name!r}: {self.absence.reason}"
        raise MissingNameError(text, name=self.name, obj=owner if obj is None else obj)


def missing_attributes(path: str) -> dict[str, MissingAttribute]:
    """Return what stands for the names that a class of PyTorch has and this library's lacks."""
    listed = {name.rpartition("."): absence for name, absence in rows()[0].items()}
    return {name: MissingAttribute(name, absence) for (owner, _, name), absence in listed.items() if owner == path}


def attributes_of(module: str) -> Callable[[str], Any]:
    """Return a function that a module takes as its ``__getattr__``: it raises the error for a missing name."""

    def __getattr__(name: str) -> Any:
        raise attribute_error(module, name, sys.modules.get(module))

    return __getattr__
