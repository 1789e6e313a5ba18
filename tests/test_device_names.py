"""Without a GPU, every name of ``cuda``, ``xpu``, ``mps``, ``accelerator``, ``cpu`` and ``backends`` acts as PyTorch's.

Each public name is called with simple arguments in both libraries: both return, or both raise, and an error is one of
PyTorch's class. An error of PyTorch that its build for the CPU raises by accident (``AttributeError``, ``KeyError``, a
``TypeError`` from None) has no class to follow: any error will do there. What is not here has a reason.
"""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import minitensor as mt

torch = pytest.importorskip("torch")

PATHS = """cuda cuda.comm cuda.graphs cuda.memory cuda.profiler cuda.random cuda.streams cpu accelerator mps xpu
    backends.cpu backends.cuda backends.cusparselt backends.kleidiai backends.mha backends.mkl backends.mps
    backends.nnpack backends.openmp cuda.nvtx""".split()

# Names that are not here; the error says why.
MISSING = {
    "cuda": """BFloat16Storage BFloat16Tensor BoolStorage ByteStorage CUDAPluggableAllocator CharStorage
        ComplexDoubleStorage ComplexFloatStorage CudaError DeferredCudaCallError DoubleStorage FloatStorage
        GreenContext HalfStorage IntStorage LongStorage ShortStorage change_current_allocator check_error cudaStatus
        memory_snapshot""",
    "cuda.memory": "CUDAPluggableAllocator change_current_allocator memory_snapshot",
    "xpu": "XPUPluggableAllocator change_current_allocator",
    "backends.cuda": """SDPAParams blas_workspace_size can_use_cudnn_attention can_use_efficient_attention
        can_use_flash_attention cuBLASModule cuFFTPlanCache cuFFTPlanCacheAttrContextProp cuFFTPlanCacheManager
        cublas_workspace_size cublaslt_workspace_size preferred_blas_library preferred_rocm_fa_library""",
    "backends.cusparselt": "get_max_alg_id version",
    "backends.mps": "get_core_count get_name is_macos13_or_newer is_macos_or_newer",
}

# Names that answer otherwise, and why.
OTHERWISE = {
    "backends.mkl.is_available": "the library is not used",
    "backends.openmp.is_available": "the library is not used",
    "backends.nnpack.is_available": "the library is not used",
    "backends.nnpack.set_flags": "the library is not used",
    "backends.mha.get_fastpath_enabled": "attention is computed in one way",
    "backends.cpu.get_cpu_capability": "NumPy chooses the instructions",
    "backends.cuda.preferred_linalg_library": "PyTorch returns a private enumeration",
    "backends.cuda.matmul": "an object of switches",
    "backends.cuda.cufft_plan_cache": "an object of switches",
    **{f"cuda.nvtx.{name}": "marks do no harm without a profiler"
       for name in ("mark", "range_end", "range_pop", "range_push", "range_start")},
}  # fmt: skip

ARGUMENTS: dict[str, Any] = {
    "fraction": 0.5, "devices": [0], "stream": None, "new_states": [], "device": 0, "seed": 1, "pool": None,
    "cuda_graph": None, "xpu_graph": None, "source": "a", "enabled": True, "debug_mode": 0,
}  # fmt: skip
TENSORS = {
    "tensor": lambda lib: lib.ones(2), "tensors": lambda lib: [lib.ones(2)], "inputs": lambda lib: [lib.ones(2)],
    "new_state": lambda lib: lib.get_rng_state(), "obj": lambda lib: lib.ones(1), "callables": lambda lib: lib.exp,
    "sample_args": lambda lib: (lib.ones(1),),
}  # fmt: skip


def public_names(path: str) -> Iterator[str]:
    theirs = importlib.import_module(f"torch.{path}")
    for name in sorted(set(dir(theirs))):
        value = getattr(theirs, name)
        listed = name in getattr(theirs, "__all__", ()) or str(getattr(value, "__module__", "")) == f"torch.{path}"
        if listed and not name.startswith("_") and not isinstance(value, ModuleType):
            yield name


NAMES = [(path, name) for path in PATHS for name in public_names(path)]
HERE = [each for each in NAMES if each[1] not in MISSING.get(each[0], "").split()]


def arguments(lib: Any, theirs: Any) -> list[Any]:
    """Return an argument for each parameter without a default."""
    try:
        parameters = inspect.signature(theirs).parameters.values()
    except (TypeError, ValueError):
        return []
    needed = [each.name for each in parameters if each.default is each.empty and each.kind in (0, 1)]
    return [TENSORS[name](lib) if name in TENSORS else ARGUMENTS.get(name, 0) for name in needed]


def outcome(lib: Any, path: str, name: str) -> Any:
    """Return what a name is or returns, or the error that it raises."""
    value = getattr(importlib.import_module(f"{lib.__name__}.{path}"), name)
    theirs = getattr(importlib.import_module(f"torch.{path}"), name)
    if not callable(theirs) or isinstance(value, SimpleNamespace):
        return value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return value(*arguments(lib, theirs))
        except Exception as error:
            return error


def is_accident(error: Exception) -> bool:
    """Whether PyTorch's build for the CPU lacks what an error is about."""
    return isinstance(error, (AttributeError, KeyError)) or (isinstance(error, TypeError) and "NoneType" in str(error))


# What reads and what writes a setting that a name of this walk may change.
SETTINGS = {
    "backends.mha get_fastpath_enabled": "set_fastpath_enabled",
    **{f"backends.cuda {each}_sdp_enabled": f"enable_{each}_sdp" for each in "flash math mem_efficient cudnn".split()},
    "backends.cuda fp16_bf16_reduction_math_sdp_allowed": "allow_fp16_bf16_reduction_math_sdp",
}


@pytest.fixture(autouse=True)
def without_gpu() -> Iterator[None]:
    if torch.cuda.is_available() or mt.cuda.is_available():
        pytest.skip("there is a GPU")
    before = []
    for lib in (torch, mt):
        for read, write in SETTINGS.items():
            path, _, name = read.partition(" ")
            place = importlib.import_module(f"{lib.__name__}.{path}")
            before.append((getattr(place, write), getattr(place, name)()))
    yield
    for write, value in before:
        write(value)


def test_all_names_are_walked() -> None:
    assert len(NAMES) > 240 and len(HERE) > 200
    assert set(OTHERWISE) <= {f"{path}.{name}" for path, name in HERE}
    assert all((path, name) in NAMES for path, names in MISSING.items() for name in names.split())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of torch.mps.Event.__del__
@pytest.mark.parametrize(("path", "name"), HERE, ids=["-".join(each) for each in HERE])
def test_a_name_acts_as_pytorchs(path: str, name: str) -> None:
    if f"{path}.{name}" in OTHERWISE:
        pytest.skip(OTHERWISE[f"{path}.{name}"])
    theirs, ours = outcome(torch, path, name), outcome(mt, path, name)
    if isinstance(theirs, Exception):
        assert isinstance(ours, Exception if is_accident(theirs) else type(theirs)), (theirs, ours)
    else:
        assert not isinstance(ours, Exception), ours
    if isinstance(theirs, (bool, int, str, list, dict, tuple, type(None))):
        assert ours == theirs


@pytest.mark.parametrize("path", MISSING)
def test_a_missing_name_says_why(path: str) -> None:
    for name in MISSING[path].split():
        with pytest.raises(AttributeError, match="; "):
            getattr(importlib.import_module(f"minitensor.{path}"), name)


@pytest.mark.parametrize("call", [
    lambda lib: lib.ones(2).cuda(), lambda lib: lib.ones(2).cuda(0, True), lambda lib: lib.ones(2).to("cuda"),
    lambda lib: lib.ones(2, device="cuda"), lambda lib: lib.ones(2).pin_memory(),
    lambda lib: lib.nn.Linear(1, 1).cuda(),
    lambda lib: lib.ones(2).record_stream(lib.Stream("cpu")), lambda lib: lib.Stream("cuda"),
    lambda lib: lib.cuda.device(0).__enter__(), lambda lib: lib.cuda.FloatTensor(2),
])  # fmt: skip
def test_what_a_tensor_needs_a_gpu_for_raises(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch)
    with pytest.raises(Exception) as ours:
        call(mt)
    assert is_accident(theirs.value) or isinstance(ours.value, type(theirs.value)), (theirs.value, ours.value)


def test_blocks_that_choose_nothing_work_without_a_gpu() -> None:
    for lib in (torch, mt):
        blocks = [
            lib.cuda.stream(None), lib.cuda.device(-1), lib.cuda.device_of(lib.ones(1)), lib.cuda.StreamContext(None),
            lib.xpu.stream(None), lib.xpu.StreamContext(None), lib.accelerator.device_index(None),
            lib.cpu.stream(lib.cpu.Stream()),
        ]  # fmt: skip
        for block in blocks:
            with block:
                assert lib.ones(1).item() == 1


@pytest.mark.parametrize("name", ["xpu", "mtia", "xpu:0"])
def test_a_device_that_pytorch_was_built_without_is_an_assertion(name: str) -> None:
    torch = pytest.importorskip("torch")
    if torch.xpu.is_available():
        pytest.skip("this machine has such a device")
    for lib in (mt, torch):
        for make in (lib.ones, lib.empty, lib.rand, lib.tensor):
            with pytest.raises(AssertionError):
                make(2, device=name)
        with pytest.raises(AssertionError):
            lib.ones(2).to(name)
