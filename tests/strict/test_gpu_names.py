"""The names of ``cuda`` on a GPU: the backend of CuPy runs on a simulated one, which raises where CuPy raises."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import minitensor as mt
from minitensor.autograd import misuse
from minitensor.ops.held import HELD
from strict import gpu

Log = list[tuple[Any, ...]]


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    with gpu.simulated_gpu() as log:
        yield log


def ones(*shape: int, device: str = "cuda", **options: Any) -> mt.Tensor:
    return mt.ones(*shape, device=device, **options)


# -- streams and events ------------------------------------------------------------------------------------------------


def test_a_stream_waits_for_another_by_an_event(log: Log) -> None:
    first, second = mt.cuda.Stream(), mt.cuda.Stream(priority=-1)
    second.wait_stream(first)
    (_, recorded, event), (_, waiting, awaited) = log
    assert (recorded, waiting) == (first.cuda_stream, second.cuda_stream) and event == awaited
    assert [each[0] for each in log] == ["record", "wait"] and (first.priority, second.priority) == (0, -1)
    assert first.queue.non_blocking and isinstance(first, mt.Stream) and isinstance(mt.cuda.Event(), mt.Event)


def test_a_block_of_a_stream_restores_the_streams_and_the_gpu() -> None:
    outer, other = mt.cuda.Stream(), mt.cuda.Stream("cuda:1")
    assert mt.cuda.current_stream() == mt.cuda.default_stream() and other.device == mt.device("cuda:1")
    with mt.cuda.stream(outer):
        with other:
            assert mt.cuda.current_device() == 1 and mt.cuda.current_stream() == other
            assert ones(2).device == other.device
        assert mt.cuda.current_device() == 0 and mt.cuda.current_stream() == outer
        assert mt.cuda.current_stream(1) == mt.cuda.default_stream(1) != other
    assert mt.cuda.current_stream() == mt.cuda.default_stream()
    mt.cuda.set_stream(other)
    assert (mt.cuda.current_device(), mt.cuda.current_stream()) == (1, other)


def test_a_stream_of_another_library_is_the_same_one() -> None:
    stream = mt.cuda.Stream()
    assert mt.cuda.ExternalStream(stream.cuda_stream) == mt.cuda.get_stream_from_external(stream.cuda_stream) == stream
    assert stream.__cuda_stream__() == (0, stream.cuda_stream) and stream in {stream} and stream != 3
    assert repr(stream) == f"<torch.cuda.Stream device=cuda:0 cuda_stream={stream.cuda_stream:#x}>"


def test_streams_and_events_tell_when_their_work_is_done() -> None:
    stream = mt.cuda.Stream()
    event = stream.record_event()
    gpu.unfinished.add(stream.cuda_stream)
    assert not stream.query() and not event.query()
    event.synchronize()
    assert stream.query() and event.query()
    gpu.unfinished.add(stream.cuda_stream)
    mt.cuda.synchronize()
    assert stream.query()


def test_an_event_that_was_not_recorded_is_done(log: Log) -> None:
    event = mt.cuda.Event()
    event.wait(mt.cuda.Stream())
    event.synchronize()
    assert event.query() and not log and event.device is None and "uninitialized" in repr(event)


def test_events_have_times() -> None:
    start, end, plain = mt.cuda.Event(enable_timing=True), mt.cuda.Event(True), mt.cuda.Event()
    start.record()
    with pytest.raises(ValueError, match="recorded before"):
        start.elapsed_time(end)
    stream = mt.cuda.Stream()
    end.record(stream)
    gpu.unfinished.add(stream.cuda_stream)
    with pytest.raises(RuntimeError, match="completed before"):
        start.elapsed_time(end)
    end.synchronize()
    assert start.elapsed_time(end) >= 0
    plain.record()
    with pytest.raises(ValueError, match="enable_timing=True"):
        start.elapsed_time(plain)


def test_an_event_stays_on_its_gpu() -> None:
    event = mt.cuda.Event()
    event.record(mt.cuda.Stream(1))
    assert event.device == mt.device("cuda:1")
    with pytest.raises(RuntimeError, match="does not match"):
        event.record(mt.cuda.Stream(0))


def test_events_are_not_sent_to_other_processes() -> None:
    for call in (mt.cuda.Event(interprocess=True).ipc_handle, lambda: mt.cuda.Event.from_ipc_handle(0, b"")):
        with pytest.raises(NotImplementedError, match="other processes"):
            call()
    with pytest.raises(NotImplementedError, match="external=True"):
        mt.cuda.Event(external=True)


def test_memory_is_kept_until_another_stream_has_finished_with_it() -> None:
    stream, tensor = mt.cuda.Stream(), ones(1000)
    before = mt.cuda.memory_allocated()
    tensor[2:].record_stream(stream)
    gpu.unfinished.add(stream.cuda_stream)
    del tensor
    gc.collect()
    assert mt.cuda.memory_allocated() == before and len(HELD) == 1
    gpu.finish()
    assert mt.cuda.memory_allocated() < before and not HELD
    with pytest.raises(NotImplementedError, match="only tensors on a GPU"):
        mt.ones(2).record_stream(stream)


# -- graphs ------------------------------------------------------------------------------------------------------------


def test_a_graph_repeats_what_was_captured() -> None:
    x, captured = ones(3), mt.cuda.CUDAGraph()
    total = mt.zeros((), device="cuda")
    with mt.cuda.graph(captured):
        assert mt.cuda.is_current_stream_capturing()
        y = x * 2 + 1
        total += y.sum()
        y[0] = 7
    assert total.item() == 0, "a capture computes nothing"
    for value, sums in ((1, 9), (5, 42)):
        x.fill_(value)
        captured.replay()
        assert (y.tolist(), total.item()) == ([7, 2 * value + 1, 2 * value + 1], sums)
    assert not mt.cuda.is_current_stream_capturing()
    captured.reset()
    with pytest.raises(RuntimeError, match="replay without a preceding successful capture"):
        captured.replay()


def test_the_memory_of_a_graph_is_its_own() -> None:
    x, first, second = ones(3), mt.cuda.CUDAGraph(), mt.cuda.CUDAGraph()
    before = mt.cuda.memory_allocated()
    with mt.cuda.graph(first):
        y = x + 1
    with mt.cuda.graph(second, pool=first.pool()):
        z = y * 2
    assert gpu.default_pool.used_bytes() == before and second.pool() is first.pool()
    assert first.pool().blocks.used_bytes() >= 1024
    first.replay()
    second.replay()
    assert z.tolist() == [4, 4, 4]


@pytest.mark.parametrize("wrong", [lambda x: x.sum().item(), lambda x: x.tolist(), lambda x: mt.tensor([1.0]).cuda(),
                                   lambda x: mt.rand(2, device="cuda"), lambda x: bool((x > 0).all())])
def test_what_a_capture_forbids_raises_and_ends_it(wrong: Any) -> None:
    x, captured = ones(3), mt.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="captur"), mt.cuda.graph(captured):
        wrong(x)
    assert mt.cuda.current_stream() == mt.cuda.default_stream() and gpu.state.allocator is None
    with mt.cuda.graph(captured):
        y = x + 1
    captured.replay()
    assert y.tolist() == [2, 2, 2]


def test_captures_need_a_stream_of_their_own() -> None:
    captured = mt.cuda.CUDAGraph()
    with pytest.raises(RuntimeError, match="non-default stream"):
        captured.capture_begin()
    with pytest.raises(RuntimeError, match="Unknown capture error"), mt.cuda.graph(captured, capture_error_mode="x"):
        pass
    with pytest.raises(RuntimeError, match="capture_begin"):
        captured.capture_end()
    with mt.cuda.stream(mt.cuda.Stream()):
        captured.capture_begin()
        with mt.cuda.stream(mt.cuda.Stream()), pytest.raises(RuntimeError, match="same stream"):
            captured.capture_end()
        captured.capture_end()
        with pytest.raises(RuntimeError, match="already owns"):
            captured.capture_begin()
    for name in ("replay", "instantiate", "pool"):
        with pytest.raises(RuntimeError, match="without a preceding successful capture"):
            getattr(mt.cuda.CUDAGraph(), name)()


def test_graphed_modules_have_the_results_and_gradients_of_the_module() -> None:
    model = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Tanh()).to("cuda")
    twin = mt.nn.Sequential(mt.nn.Linear(3, 4), mt.nn.Tanh()).to("cuda")
    twin.load_state_dict(model.state_dict())
    replayed = mt.cuda.make_graphed_callables(model, (ones(5, 3, requires_grad=True),))
    assert replayed is model
    for _ in range(3):
        data = mt.randn(5, 3).cuda()
        inputs = [data.clone().requires_grad_() for _ in range(2)]
        results = [net(each) for net, each in zip((replayed, twin), inputs, strict=True)]
        for result in results:
            (result * result).sum().backward()
        pairs = [results, [each.grad for each in inputs], *zip(
            [p.grad for p in model.parameters()], [p.grad for p in twin.parameters()], strict=True)]
        assert all(mt.allclose(*pair) for pair in pairs)
    launches = [each for each in gpu.log if each[0] == "launch"]
    assert len(launches) == 6
    model.eval()
    assert mt.allclose(model(data), twin(data)) and len([e for e in gpu.log if e[0] == "launch"]) == 6


def test_graphed_functions_return_what_the_function_returns() -> None:
    both = mt.cuda.make_graphed_callables((mt.exp, lambda a, b: (a + b, a * b)), ((ones(2),), (ones(2), ones(2))))
    a, b = mt.tensor([0.0, 1.0]).cuda(), mt.tensor([2.0, 3.0]).cuda()
    assert mt.allclose(both[0](a), a.exp())
    assert [each.tolist() for each in both[1](a, b)] == [[2, 4], [0, 3]]
    with pytest.raises(AssertionError, match="only tensors"):
        mt.cuda.make_graphed_callables(mt.exp, (3,))
    with pytest.raises(TypeError, match="must return tensors"):
        mt.cuda.make_graphed_callables(lambda x: "text", (ones(2),))
    hooked = mt.nn.Linear(2, 2).to("cuda")
    hooked.register_forward_hook(lambda *_: None)
    with pytest.raises(AssertionError, match="hooks"):
        mt.cuda.make_graphed_callables(hooked, (ones(2),))


# -- memory ------------------------------------------------------------------------------------------------------------


def test_memory_is_counted_with_its_peak() -> None:
    assert mt.cuda.memory_allocated() == mt.cuda.max_memory_allocated() == 0
    kept = ones(256)
    for _ in range(3):
        ones(1024)
    assert mt.cuda.memory_allocated() == 1024 and mt.cuda.max_memory_allocated() == 1024 + 4096
    assert mt.cuda.memory_reserved() == mt.cuda.max_memory_reserved() == 5120
    stats = mt.cuda.memory_stats()
    assert stats["allocated_bytes.all.allocated"] == 1024 + 3 * 4096 and stats["allocation.all.current"] == 1
    assert stats["allocated_bytes.all.freed"] == 3 * 4096 and stats["allocation.all.peak"] == 2
    assert mt.cuda.memory_stats_as_nested_dict()["reserved_bytes"]["all"]["current"] == 5120
    mt.cuda.empty_cache()
    mt.cuda.reset_peak_memory_stats()
    assert mt.cuda.max_memory_allocated() == mt.cuda.max_memory_reserved() == 1024 == mt.cuda.memory_reserved()
    mt.cuda.reset_accumulated_memory_stats()
    assert mt.cuda.memory_stats()["allocated_bytes.all.allocated"] == 0
    assert mt.cuda.memory_allocated(1) == 0 and mt.cuda.mem_get_info() == (gpu.TOTAL - 1024, gpu.TOTAL)
    assert "allocated_bytes" in mt.cuda.memory_summary()
    assert "allocation " not in mt.cuda.memory_summary(abbreviated=True)
    del kept


def test_too_large_a_tensor_raises_pytorchs_error_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misuse, "LIBRARIES", (*misuse.LIBRARIES, "strict"))  # whose errors CuPy's are here
    mt.cuda.set_per_process_memory_fraction(0.5)
    assert mt.cuda.get_per_process_memory_fraction() == 0.5 and mt.cuda.get_per_process_memory_fraction(1) == 1
    with pytest.raises(mt.cuda.OutOfMemoryError, match="memory"):
        mt.zeros(gpu.TOTAL // 7, device="cuda")
    assert mt.cuda.memory_stats()["num_ooms"] == 1 and mt.cuda.memory_allocated() == 0
    for wrong, error in ((2, TypeError), (2.0, ValueError), (-0.1, ValueError)):
        with pytest.raises(error, match="set_per_process_memory_fraction"):
            mt.cuda.set_per_process_memory_fraction(wrong)


def test_other_pools_and_none() -> None:
    pool = mt.cuda.MemPool()
    with mt.cuda.use_mem_pool(pool):
        x = ones(256)
    with mt.cuda.caching_allocator_disabled():
        y = ones(256)
    assert pool.blocks.used_bytes() == 1024 and gpu.default_pool.used_bytes() == 0 and x.tolist() == y.tolist()
    mt.cuda.caching_allocator_enable(False)
    ones(256)
    assert gpu.default_pool.total_bytes() == 0
    mt.cuda.caching_allocator_enable()
    z = ones(256)
    assert gpu.default_pool.used_bytes() == 1024 and z.sum().item() == 256


def test_memory_for_other_libraries_is_freed_by_its_address() -> None:
    address = mt.cuda.caching_allocator_alloc(1000, stream=mt.cuda.Stream())
    assert mt.cuda.memory_allocated() == 1024
    mt.cuda.caching_allocator_delete(address)
    assert mt.cuda.memory_allocated() == 0
    with pytest.raises(RuntimeError, match="there is no memory"):
        mt.cuda.caching_allocator_delete(address)


@pytest.mark.parametrize("workers", [0, 1])
def test_loaders_pin_their_batches(workers: int) -> None:
    dataset = mt.utils.data.TensorDataset(mt.arange(6.0).view(3, 2))
    for (batch,) in mt.utils.data.DataLoader(dataset, batch_size=2, pin_memory=True, num_workers=workers):
        assert batch.is_pinned() and batch.to("cuda", non_blocking=True).cpu().tolist() == batch.tolist()
    (batch,) = next(iter(mt.utils.data.DataLoader(dataset, num_workers=workers)))
    assert not batch.is_pinned() and batch.pin_memory().is_pinned() and batch.pin_memory()[:, 1:].is_pinned()
    with pytest.raises(RuntimeError, match="only dense CPU tensors"):
        ones(2).pin_memory()


def test_the_accelerator_is_the_gpu(log: Log) -> None:
    accelerator, stream, kept = mt.accelerator, mt.cuda.Stream(1), ones(256)
    assert accelerator.memory_allocated() == accelerator.max_memory_allocated() == 1024
    assert accelerator.memory_reserved() == accelerator.max_memory_reserved() == 1024
    assert accelerator.memory_stats() == mt.cuda.memory_stats() and accelerator.get_memory_info()[1] == gpu.TOTAL
    accelerator.reset_peak_memory_stats()
    accelerator.reset_accumulated_memory_stats()
    accelerator.empty_cache()
    accelerator.empty_host_cache()
    assert log == [("free pinned",)] and mt.float32 in accelerator.get_device_capability()["supported_dtypes"]
    with accelerator.Graph() as captured:
        y = kept[:2] * 2
    captured.replay()
    assert y.tolist() == [2, 2]
    accelerator.set_stream(stream)
    assert accelerator.current_stream() == stream and accelerator.current_device_index() == 1
    assert accelerator.current_stream(0) == mt.cuda.default_stream(0)
    with pytest.raises(TypeError, match="expected a Stream"):
        accelerator.set_stream(None)


# -- devices -----------------------------------------------------------------------------------------------------------


def test_new_tensors_are_on_the_gpu_that_is_named() -> None:
    calls = [
        ones(2, device="cuda:1"), mt.tensor([1.0], device="cuda:1"), mt.arange(3, device="cuda:1"), mt.ones(2).cuda(1),
        mt.zeros_like(ones(2, device="cuda:1")), mt.empty(2, device="cuda:1"), mt.rand(2, device="cuda:1"),
        mt.full((2,), 3.0, device="cuda:1"), mt.linspace(0, 1, 3, device="cuda:1"), ones(2).to("cuda:1"),
        mt.eye(2, device="cuda:1"), mt.ones(2).cuda("cuda:1", non_blocking=True),
    ]  # fmt: skip
    assert [str(each.device) for each in calls] == ["cuda:1"] * len(calls) and mt.cuda.current_device() == 0
    with mt.cuda.device(1), mt.cuda.device_of(mt.ones(1)):
        assert mt.ones(2).cuda().device == ones(2).device == mt.device("cuda:1")
        with mt.cuda.device_of(ones(1, device="cuda:0")):
            assert mt.cuda.current_device() == 0


def test_what_a_gpu_is() -> None:
    found = mt.cuda.get_device_properties(1)
    assert (found.name, found.total_memory, found.multi_processor_count, found.L2_cache_size) == (
        "Strict GPU", gpu.TOTAL, 132, 2**20
    )  # fmt: skip
    assert repr(found).startswith("_CudaDeviceProperties(name='Strict GPU', major=9, minor=1, total_memory=1024MB")
    assert mt.cuda.get_device_capability("cuda:1") == (9, 1) and mt.cuda.get_device_name() == "Strict GPU"
    assert mt.cuda.get_arch_list() == ["sm_90", "sm_91"] and "sm_91" in mt.cuda.get_gencode_flags()
    assert mt.cuda.can_device_access_peer(0, 1) and not mt.cuda.can_device_access_peer(1, "cuda:1")
    assert mt.cuda.device_count() == 2 and mt.cuda.is_available() and mt.cuda.is_initialized()
    assert mt.cuda.cudart().runtimeGetVersion() == 13000
    assert (mt.cuda.current_blas_handle(), mt.cuda.current_solver_handle()) == (11, 12)
    for call in (mt.cuda.get_device_properties, lambda number: mt.cuda.can_device_access_peer(0, number)):
        with pytest.raises(AssertionError, match="there are 2 GPUs, got 2"):
            call(2)
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        mt.cuda.set_device("cpu")
    mt.cuda.set_device(-1)
    assert mt.cuda.current_device() == 0 and mt.cuda.get_allocator_backend() == "native"
    mt.cuda.set_sync_debug_mode("default")
    for mode, error in (("warn", NotImplementedError), (3, ValueError)):
        with pytest.raises(error, match="mode"):
            mt.cuda.set_sync_debug_mode(mode)


def test_one_generator_serves_every_device() -> None:
    mt.cuda.manual_seed(3)
    first, states = mt.rand(2, device="cuda").tolist(), mt.cuda.get_rng_state_all()
    mt.manual_seed(3)
    assert mt.rand(2).tolist() == first and mt.cuda.initial_seed() == 3 and len(states) == 2
    second = mt.rand(2).tolist()
    mt.cuda.set_rng_state_all(states)
    assert mt.rand(2, device="cuda").tolist() == second


def test_profilers_see_marks(log: Log) -> None:
    marks = mt.cuda.nvtx
    assert (marks.range_push("a"), marks.range_push("b"), marks.range_pop(), marks.range_pop()) == (0, 1, 1, 0)
    marks.range_end(marks.range_start("c"))
    marks.mark("d")
    with marks.range("{}-{x}", 1, x=2), mt.cuda.profiler.profile():
        pass
    assert [each[:2] for each in log] == [
        ("push", b"a"), ("push", b"b"), ("pop",), ("pop",), ("start", b"c"), ("end", 7), ("mark", b"d"),
        ("push", b"1-2"), ("profiler start",), ("profiler stop",), ("pop",),
    ]  # fmt: skip


def test_the_driver_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    driver: Any = ModuleType("pynvml")
    calls: list[Any] = []
    rates, process = SimpleNamespace(gpu=40, memory=7), SimpleNamespace(pid=12, usedGpuMemory=2**20)
    vars(driver).update(
        nvmlInit=lambda: None, nvmlDeviceGetHandleByPciBusId=calls.append, NVML_TEMPERATURE_GPU=0, NVML_CLOCK_SM=1,
        nvmlDeviceGetUtilizationRates=lambda handle: rates, nvmlDeviceGetTemperature=lambda handle, sensor: 50 + sensor,
        nvmlDeviceGetPowerUsage=lambda handle: 90_000, nvmlDeviceGetClockInfo=lambda handle, kind: 1000 + kind,
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(used=5),
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [process],
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    cuda = mt.cuda
    found = cuda.utilization(1), cuda.memory_usage(), cuda.temperature(), cuda.power_draw(), cuda.clock_rate()
    assert found == (40, 7, 50, 90_000, 1001) and cuda.device_memory_used() == 5
    assert calls[:2] == [b"0000:01:00.0", b"0000:00:00.0"]
    assert cuda.list_gpu_processes() == "GPU:0\nprocess         12 uses        1.000 MB GPU memory"


# -- several GPUs ------------------------------------------------------------------------------------------------------


def test_tensors_are_copied_to_several_gpus() -> None:
    x = mt.arange(6.0).view(3, 2)
    copies = mt.cuda.comm.broadcast(x, [0, "cuda:1"])
    assert [str(each.device) for each in copies] == ["cuda:0", "cuda:1"]
    assert all(each.tolist() == x.tolist() for each in copies)
    assert mt.cuda.comm.broadcast(copies[1], [1])[0] is copies[1]
    out = [mt.zeros(3, 2, device="cuda"), mt.zeros(3, 2, device="cuda:1")]
    assert mt.cuda.comm.broadcast(x, out=out)[1] is out[1] and out[1].tolist() == x.tolist()
    both = mt.cuda.comm.broadcast_coalesced([x, x[0]], [0, 1])
    assert [[each.get_device() for each in row] for row in both] == [[0, 0], [1, 1]]
    for wrong in ({}, {"devices": [0], "out": out}):
        with pytest.raises(RuntimeError, match="Exactly one"):
            mt.cuda.comm.broadcast(x, **wrong)


def test_tensors_are_split_among_gpus_and_joined() -> None:
    x = mt.arange(6.0).view(3, 2)
    parts = mt.cuda.comm.scatter(x, [0, 1])
    assert [each.shape for each in parts] == [(2, 2), (1, 2)] and parts[1].get_device() == 1
    assert [each.shape for each in mt.cuda.comm.scatter(x, [0, 1], [1, 2])] == [(1, 2), (2, 2)]
    assert mt.cuda.comm.scatter(x, out=parts)[0] is parts[0]
    joined = mt.cuda.comm.gather(parts, destination="cpu")
    assert joined.device.type == "cpu" and joined.tolist() == x.tolist()
    assert mt.cuda.comm.gather(parts).device == mt.device("cuda:0")
    out = mt.zeros(3, 2)
    assert mt.cuda.comm.gather(parts, out=out) is out and out.tolist() == x.tolist()
    with pytest.warns(FutureWarning, match="Using -1"):
        assert mt.cuda.comm.gather(parts, destination=-1).device.type == "cpu"
    for call in (lambda: mt.cuda.comm.gather(parts, 0, 0, out=out), lambda: mt.cuda.comm.scatter(x, [0], out=parts),
                 lambda: mt.cuda.comm.scatter(x, chunk_sizes=[3], out=parts)):  # fmt: skip
        with pytest.raises(RuntimeError, match="must not be specified when 'out' is specified"):
            call()


def test_tensors_of_several_gpus_are_added() -> None:
    inputs = [ones(2), mt.full((2,), 2.0, device="cuda:1"), mt.full((2,), 3.0, device="cuda:1")]
    assert mt.cuda.comm.reduce_add(inputs).tolist() == mt.cuda.comm.reduce_add(inputs, 1).tolist() == [6, 6]
    sums = mt.cuda.comm.reduce_add_coalesced([[inputs[0], inputs[0]], [inputs[1], inputs[2]]])
    assert [each.tolist() for each in sums] == [[3, 3], [4, 4]] and sums[0].get_device() == 0
    with pytest.raises(AssertionError, match="input 1 is on CPU"):
        mt.cuda.comm.reduce_add([inputs[0], mt.ones(2)])
    with pytest.raises(ValueError, match="input 1 has invalid size: got 3, but expected 2"):
        mt.cuda.comm.reduce_add([inputs[0], ones(3)])
    with pytest.raises(RuntimeError, match="same GPU with one"):
        mt.cuda.comm.reduce_add(inputs[:1], 1)
