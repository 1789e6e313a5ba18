"""Names of PyTorch's engine, of its compiler's arithmetic and of streams: what they answer is what PyTorch answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import minitensor as mt


def text(value: Any) -> str:
    return repr(value).replace("minitensor", "torch")


def outcome(torch: Any, call: Callable[[Any], Any]) -> tuple[str | None, type[BaseException] | None]:
    try:
        return text(call(torch)), None
    except Exception as error:
        return None, type(error)


def switches(torch: Any) -> Any:
    """Return what the modes of determinism read as, one after another."""
    found = []
    for mode in (0, 1, 2, "default", "warn", "error"):
        torch.set_deterministic_debug_mode(mode)
        found.append((
            torch.get_deterministic_debug_mode(), torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ))  # fmt: skip
    torch.set_deterministic_debug_mode(0)
    return found


def multithreading(torch: Any) -> Any:
    with torch.autograd.set_multithreading_enabled(False):
        inside = torch.autograd.is_multithreading_enabled()
    return inside, torch.autograd.is_multithreading_enabled(), torch.autograd.is_view_replay_enabled()


CALLS: dict[str, Callable[[Any], Any]] = {
    "determinism": switches,
    "wrong number": lambda torch: torch.set_deterministic_debug_mode(5),
    "wrong word": lambda torch: torch.set_deterministic_debug_mode("x"),
    "wrong type": lambda torch: torch.set_deterministic_debug_mode(None),
    "multithreading": multithreading,
    "build": lambda torch: (torch.has_lapack, torch.has_openmp, torch.compiled_with_cxx11_abi(),
                            torch.is_vulkan_available(), torch.init_num_threads()),
    "no threads": lambda torch: torch.set_num_interop_threads(0),
    "generator": lambda torch: torch.random.thread_safe_generator(),
    "stream": lambda torch: (torch.Stream(), torch.Stream("cpu").query(), torch.Stream().synchronize()),
    "event": lambda torch: (torch.Event(), torch.Event().query(), torch.Event("cpu").synchronize()),
    "record": lambda torch: torch.Event().record(),
    "stream of a GPU": lambda torch: torch.Stream("cuda"),
    "cpu": lambda torch: (torch.cpu.Event().query(), torch.cpu.Stream().wait_stream(torch.cpu.current_stream())),
    "cpu block": lambda torch: torch.cpu.stream(torch.cpu.Stream()).__enter__(),
    "device module": lambda torch: torch.get_device_module("cpu") is torch.cpu,
    "device module of none": lambda torch: torch.get_device_module("nonsense"),
    "cuda.CUDAGraph": lambda torch: torch.cuda.CUDAGraph(),
    "cuda.graph": lambda torch: torch.cuda.graph(None),
    "int": lambda torch: [torch.sym_int(x) for x in (2.5, -2.5, 3)],
    "float": lambda torch: torch.sym_float(2),
    "max": lambda torch: [torch.sym_max(*x) for x in ((1, 2), (1, 2.0), (3, 2.0))],
    "min": lambda torch: [torch.sym_min(*x) for x in ((1, 2), (1, 2.0), (3, 2.0))],
    "others": lambda torch: (torch.sym_not(True), torch.sym_ite(False, 1, 2), torch.sym_sum([1, 2]),
                             torch.sym_sqrt(4), torch.sym_constrain_range(3, min=1),
                             torch.sym_constrain_range_for_size(3)),
    "no symbols": lambda torch: isinstance(3, (torch.SymInt, torch.SymFloat, torch.SymBool)),
    "cond": lambda torch: torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),)),
    "else": lambda torch: torch.cond(False, lambda x: x + 1, lambda x: x - 1, (torch.ones(2),)),
    "while": lambda torch: torch.while_loop(lambda x: x.sum() < 10, lambda x: (x + 1,), (torch.ones(2),)),
    "map2_": lambda torch: torch.tensor([1.0, 5.0]).map2_(torch.tensor([2.0, 3.0]), torch.tensor(4.0), fused),
    "map2_, dtype": lambda torch: torch.ones(2).map2_(torch.ones(2).int(), torch.ones(2), fused),
    "map2_, shape": lambda torch: torch.ones(2).map2_(torch.ones(3), torch.ones(2), fused),
    "kinds": lambda torch: [getattr(torch.ones(1), f"is_{kind}") for kind in
                            "ipu maia mkldnn mps mtia nested vulkan xla xpu".split()],
    "dims": lambda torch: (torch.ones(2, 3).sparse_dim(), torch.ones(2, 3).dense_dim(), torch.ones(1).name),
    "grad dtype": lambda torch: torch.ones(1, requires_grad=True).grad_dtype,
    "grad dtype of a result": lambda torch: (torch.ones(1, requires_grad=True) * 2).grad_dtype,
    "module_load": lambda torch: torch.zeros(2, requires_grad=True).module_load(torch.ones(2)),
    "module_load in a block": lambda torch: loaded(torch),
    "is_distributed": lambda torch: torch.ones(2).is_distributed(),
    **{
        name: lambda torch, name=name: getattr(torch.ones(1), name)()
        for name in "coalesce is_coalesced indices values crow_indices col_indices".split()
    },
}  # fmt: skip


def loaded(torch: Any) -> Any:
    with torch.no_grad():
        parameter, other = torch.zeros(2, requires_grad=True), torch.ones(2)
        return parameter.module_load(other), parameter.module_load(other, assign=True).data_ptr() == other.data_ptr()


def fused(a: float, b: float, c: float) -> float:
    return a + b * c


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_a_name_answers_as_pytorchs(name: str) -> None:
    wanted, found = outcome(pytest.importorskip("torch"), CALLS[name]), outcome(mt, CALLS[name])
    assert found[0] == wanted[0]
    assert (found[1] is None) == (wanted[1] is None)
    assert wanted[1] is None or issubclass(found[1] or object, wanted[1])


def made(torch: Any, value: Any = None, error: Exception | None = None) -> Any:
    future = torch.futures.Future()
    if error is not None:
        future.set_exception(error)
    elif value is not None:
        future.set_result(value)
    return future


def later(torch: Any, action: Callable[[Any], Any]) -> Any:
    """Return what is done with a future that another thread sets."""
    future = torch.futures.Future()
    thread = threading.Timer(0.02, future.set_result, [7])
    thread.start()
    found = action(future)
    thread.join()
    return found


def collected(torch: Any, *futures: Any) -> Any:
    return torch.futures.collect_all(list(futures))


FUTURES: dict[str, Callable[[Any], Any]] = {
    "done": lambda torch: (made(torch).done(), made(torch, 1).done(), made(torch, error=KeyError("x")).done()),
    "value": lambda torch: (made(torch, 5).value(), made(torch, 5).wait()),
    "no value": lambda torch: made(torch).value(),
    "twice": lambda torch: made(torch, 5).set_result(6),
    "result and error": lambda torch: made(torch, 5).set_exception(KeyError("x")),
    "no exception": lambda torch: made(torch).set_exception(5),
    "error": lambda torch: made(torch, error=KeyError("x")).wait(),
    "error as value": lambda torch: made(torch, error=KeyError("x")).value(),
    "then": lambda torch: made(torch, 5).then(lambda future: future.value() + 1).wait(),
    "then, error": lambda torch: made(torch, 5).then(lambda future: 1 / 0).wait(),
    "then, error before": lambda torch: made(torch, error=KeyError("x")).then(lambda future: future.wait()).wait(),
    "then, caught": lambda torch: made(torch, error=KeyError("x")).then(lambda future: 3).wait(),
    "then, nothing": lambda torch: made(torch, 5).then(5),
    "callback": lambda torch: called(torch),
    "callback, nothing": lambda torch: made(torch, 5).add_done_callback(5),
    "wait": lambda torch: later(torch, lambda future: future.wait()),
    "then, later": lambda torch: later(torch, lambda future: future.then(lambda done: done.value() * 2).wait()),
    "all": lambda torch: [each.wait() for each in collected(torch, made(torch, 1), made(torch, 2)).wait()],
    "all, none": lambda torch: collected(torch).wait(),
    "all, later": lambda torch: later(torch, lambda f: [e.wait() for e in collected(torch, made(torch, 1), f).wait()]),
    "all, open": lambda torch: collected(torch, made(torch, 1), made(torch)).done(),
    "all, error": lambda torch: collected(torch, made(torch, 1), made(torch, error=KeyError("x"))).wait(),
    "wait_all": lambda torch: torch.futures.wait_all([made(torch, 1), made(torch, "b")]),
    "wait_all, error": lambda torch: torch.futures.wait_all([made(torch, error=KeyError("x"))]),
    "class": lambda torch: issubclass(torch.futures.Future, torch.Future),
}


def called(torch: Any) -> list[Any]:
    """Return what callbacks of a future see, one of which raises."""
    seen: list[Any] = []
    future = torch.futures.Future()
    future.add_done_callback(lambda done: seen.append(done.value()))
    future.add_done_callback(lambda done: 1 / 0)
    future.set_result(3)
    future.add_done_callback(lambda done: seen.append(-done.value()))
    return seen


@pytest.mark.parametrize("name", FUTURES)
def test_a_future_does_what_pytorchs_does(name: str) -> None:
    wanted, found = outcome(pytest.importorskip("torch"), FUTURES[name]), outcome(mt, FUTURES[name])
    assert found[0] == wanted[0]
    assert wanted[1] is None or issubclass(found[1] or object, wanted[1])
