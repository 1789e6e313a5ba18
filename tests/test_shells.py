"""Modules that only answer here: they can be imported by PyTorch's paths, and say what PyTorch says on a CPU."""

from __future__ import annotations

import importlib
import sys
import typing
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt

PATHS = """accelerator backends.cpu backends.cuda backends.cudnn backends.mha backends.mkl
    backends.mkldnn backends.mps backends.openmp backends.opt_einsum backends.quantized compiler cuda cuda.nvtx
    distributed fx hub jit mps multiprocessing onnx profiler torch_version utils.data.dataloader utils.model_zoo
    version xpu""".split()

# What scripts ask on a machine without a GPU.
QUESTIONS = """cuda.is_available() cuda.device_count() cuda.is_initialized() cuda.memory_allocated()
    cuda.max_memory_allocated() cuda.memory_reserved() cuda.max_memory_reserved() cuda.empty_cache()
    cuda.manual_seed_all(1) cuda.manual_seed(1) cuda.seed_all() cuda.is_bf16_supported() cuda.is_tf32_supported()
    cuda.get_arch_list() cuda.seed() cuda.get_rng_state_all() cuda.set_rng_state_all([])
    accelerator.is_available() accelerator.current_accelerator() accelerator.device_count() mps.is_available()
    mps.device_count() mps.manual_seed(1) xpu.is_available() xpu.device_count() xpu.empty_cache()
    xpu.manual_seed_all(1) backends.mps.is_available() backends.mps.is_built() backends.cudnn.is_available()
    backends.cudnn.version() backends.cudnn.enabled backends.cudnn.benchmark backends.cudnn.deterministic
    backends.cudnn.allow_tf32 backends.cuda.is_built() backends.cuda.matmul.allow_tf32
    backends.cuda.flash_sdp_enabled() version.cuda version.hip version.debug compiler.is_compiling()
    distributed.is_initialized() compiler.is_dynamo_compiling() jit.is_scripting() jit.is_tracing()
    onnx.is_in_onnx_export() compiler.get_default_backend()
    jit.annotate(int,1) fx.wrap("len") compiler.reset() _assert(True,"") hub.get_dir()""".split()

# What raises without a GPU, in both libraries.
NEEDING = """cuda.synchronize() cuda.current_device() cuda.get_device_name() cuda.get_device_properties(0)
    cuda.get_device_capability() cuda.current_stream() cuda.Stream() cuda.init() cuda.set_device(0)
    cuda.mem_get_info() cuda.Event() cuda.device(0).__enter__() accelerator.synchronize()
    accelerator.current_device_index()
    accelerator.set_device_index(0) mps.synchronize() mps.empty_cache() mps.current_allocated_memory()
    xpu.synchronize() distributed.get_rank() distributed.barrier()""".split()


def answer(library: ModuleType, question: str) -> Any:
    return eval(f"library.{question}", {"library": library})  # one of the questions above


@pytest.fixture(scope="module")
def torch() -> ModuleType:
    found = pytest.importorskip("torch")
    for path in ("onnx", "fx", "hub", "compiler", "mps", "xpu", "accelerator"):
        importlib.import_module(f"torch.{path}")
    if found.cuda.is_available() or mt.cuda.is_available():
        pytest.skip("there is a GPU")
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_module_has_pytorchs_path(path: str) -> None:
    found: Any = mt
    for word in path.split("."):
        found = getattr(found, word)
    assert importlib.import_module(f"minitensor.{path}") is found


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_pytorchs(torch: ModuleType, question: str) -> None:
    assert answer(mt, question) == answer(torch, question)


@pytest.mark.parametrize("question", NEEDING)
def test_what_needs_a_gpu_says_so(torch: ModuleType, question: str) -> None:
    with pytest.raises((AssertionError, RuntimeError, AttributeError, ValueError)):
        answer(torch, question)
    with pytest.raises((ImportError, RuntimeError), match=r"CuPy|MPS|XPU|accelerator|no distributed training"):
        answer(mt, question)


def test_nothing_is_compiled() -> None:
    model = mt.nn.Linear(2, 1)
    assert mt.compile(model) is model and mt.compile(model, mode="max-autotune") is model
    assert mt.jit.script(model) is model and mt.jit.trace(model, mt.ones(1, 2)) is model
    jit, compiler = mt.jit, mt.compiler
    for change in (jit.export, jit.unused, jit.ignore, compiler.disable, compiler.allow_in_graph, mt.fx.wrap):
        assert change(len) is len
    assert mt.jit.freeze(model) is model and mt.jit.trace_module(model, {}) is model

    @mt.compile(fullgraph=True)
    @mt.jit.script
    @mt.compiler.disable
    @mt.jit.ignore(drop=True)
    def double(x: mt.Tensor) -> mt.Tensor:
        return x * 2

    assert double(mt.ones(1)).item() == 2
    assert mt.jit.wait(mt.jit.fork(double, mt.ones(1))).item() == 2
    assert not isinstance(model, mt.jit.ScriptModule) and mt.jit.isinstance([1], list)
    with pytest.raises(TypeError, match="must be a function or a module, got int"):
        mt.compile(3)


TYPES = ("list[int]", "typing.List[float]", "typing.Dict[str, int]", "tuple[int, str]", "typing.Optional[int]",
         "typing.Union[int, str]", "int | str", "list[list[int]]", "dict[str, list[int]]", "int", "(int, str)",
         "typing.Tuple[int, typing.List[str]]")  # fmt: skip
VALUES: tuple[Any, ...] = ([1, 2], [1.5], {"a": 1}, {"a": 2.5}, {1: 1}, (1, "a"), (1, 2), 3, "b", [[1], [2]], [[1], 2],
                           {"a": [1]}, (1, ["a"]), 1.5)  # fmt: skip


@pytest.mark.parametrize("text", TYPES)
def test_values_are_of_the_types_that_pytorch_says(torch: ModuleType, text: str) -> None:
    kind = eval(text, {"typing": typing})
    for value in VALUES:
        assert mt.jit.isinstance(value, kind) is torch.jit.isinstance(value, kind), value


def test_an_optional_value_may_be_none() -> None:
    assert mt.jit.isinstance(None, int | None) and not mt.jit.isinstance(None, int | str)
    assert mt.jit.isinstance((1, 2, 3), tuple[int, ...]) and not mt.jit.isinstance((1, "a"), tuple[int, ...])
    assert mt.jit.isinstance({1, 2}, set[int])


def test_the_number_of_the_current_accelerator_is_that_of_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mt.cuda, "is_available", lambda: True)
    monkeypatch.setattr(mt.cuda, "current_device", lambda: 3)
    assert mt.accelerator.current_device_index() == mt.accelerator.current_device_idx() == 3


@pytest.mark.parametrize("index", [None, -1, -2])
def test_no_gpu_is_chosen_by_a_negative_number(index: int | None) -> None:
    with mt.cuda.device(index):
        pass


def test_a_script_module_is_a_module() -> None:
    class Double(mt.jit.ScriptModule):
        @mt.jit.script_method
        def forward(self, x: mt.Tensor) -> mt.Tensor:
            return x * 2

    assert Double()(mt.ones(1)).item() == 2


@pytest.mark.parametrize(
    "call", [
        lambda: mt.onnx.export(mt.nn.Linear(1, 1), mt.ones(1, 1), "model.onnx"),
        lambda: mt.fx.symbolic_trace(mt.nn.Linear(1, 1)),
        lambda: mt.hub.load("pytorch/vision", "resnet18"),
        lambda: mt.hub.load_state_dict_from_url("https://download.pytorch.org/x.pth"),
        lambda: mt.jit.save(mt.nn.Linear(1, 1), "model.pt"),
        lambda: mt.jit.load("model.pt"),
    ], ids=["onnx.export", "fx.symbolic_trace", "hub.load", "hub.load_state_dict_from_url", "jit.save", "jit.load"],
)  # fmt: skip
def test_what_is_not_here_says_what_to_use(call: Any, request: pytest.FixtureRequest) -> None:
    with pytest.raises(NotImplementedError, match=f"^{request.node.callspec.id}: .*(load|op_log|state_dict)"):
        call()


def test_marks_for_a_profiler_do_nothing() -> None:
    mt.cuda.nvtx.range_push("step")
    mt.cuda.nvtx.range_pop()
    with mt.cuda.nvtx.range("block"):
        mt.cuda.nvtx.mark("here")
    assert issubclass(mt.cuda.OutOfMemoryError, RuntimeError) and mt.cuda.OutOfMemoryError is mt.OutOfMemoryError


def test_seeding_gpus_leaves_the_numbers_of_the_cpu() -> None:
    if mt.cuda.is_available():
        pytest.skip("there is a GPU")
    mt.manual_seed(0)
    expected = mt.rand(4).tolist()
    mt.manual_seed(0)
    mt.cuda.manual_seed(5)
    mt.cuda.manual_seed_all(5)
    mt.cuda.seed_all()
    mt.mps.manual_seed(5)
    mt.xpu.manual_seed_all(5)
    assert mt.rand(4).tolist() == expected


def test_switches_are_kept() -> None:
    from minitensor.backends import cudnn

    before = cudnn.benchmark
    cudnn.benchmark = True
    assert mt.backends.cudnn.benchmark
    cudnn.benchmark = before
    with mt.backends.cudnn.flags(enabled=False), mt.backends.cuda.sdp_kernel(enable_flash=False):
        assert mt.ones(1).item() == 1


VERSIONS = ("0.1.0", "1.10.0", "1.9", "2.13.0", "2.13.0+cpu", "1.8.0a0", "1.8.0rc1", "parrot", "2", "0.1")
TUPLES = ((1, 8), (2,), (1, 10, 0), (0, 1), (2, 13, 0), (1, 8, 0))


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_are_compared_as_pytorchs(version: str) -> None:
    theirs = pytest.importorskip("torch.torch_version").TorchVersion(version)
    ours = mt.torch_version.TorchVersion(version)
    assert ours == version and hash(ours) == hash(version) and str(ours) == version
    for other in (*VERSIONS, *(TUPLES if version != "parrot" else ())):
        for name in ("__lt__", "__le__", "__gt__", "__ge__", "__eq__"):
            assert getattr(ours, name)(other) == getattr(theirs, name)(other), f"{version} {name} {other}"


def test_the_version_is_compared_with_texts_and_tuples() -> None:
    assert mt.__version__ >= "0.1" and mt.__version__ >= (0, 1) and mt.__version__ == mt.version.__version__
    assert mt.__version__.split(".")[0] == "0" and isinstance(mt.__version__, str)


def test_an_assertion() -> None:
    mt._assert(mt.ones(1) == 1, "never")
    with pytest.raises(AssertionError, match="two words"):
        mt._assert(False, "two words")


def test_settings_of_conversions_are_kept() -> None:
    mt.__future__.set_swap_module_params_on_conversion(True)
    assert mt.__future__.get_swap_module_params_on_conversion()
    mt.__future__.set_swap_module_params_on_conversion(False)
    with mt.compiler.set_stance("force_eager"):
        assert mt.compiler.set_stance("default")(len) is len


def test_the_loader_has_pytorchs_path() -> None:
    from minitensor.utils.data.dataloader import DataLoader, default_collate

    assert DataLoader is mt.utils.data.DataLoader and default_collate is mt.utils.data.default_collate


@pytest.mark.parametrize("module", ["hub", "utils.model_zoo"])
def test_a_progress_bar_is_the_packages_class_and_draws_nothing_before_it_is_iterated(module: str) -> None:
    bar = answer(mt, module).tqdm
    assert bar is pytest.importorskip("tqdm").tqdm and isinstance(bar, type)
    loader = mt.utils.data.DataLoader(mt.utils.data.TensorDataset(mt.arange(4)), shuffle=True)
    before = mt.get_rng_state()
    shown = bar(loader, disable=True)
    assert mt.equal(mt.get_rng_state(), before)
    assert len(list(shown)) == 4 and not mt.equal(mt.get_rng_state(), before)


def test_a_progress_bar_without_the_package_shows_nothing(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with mt.hub.tqdm(range(3), desc="steps") as shown:
        assert list(shown) == [0, 1, 2]
        shown.set_postfix({"loss": 1})
    shown.write("a line")
    assert capsys.readouterr().out == "a line\n"
