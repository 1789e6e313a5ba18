"""Profiles against PyTorch's: the names, counts, shapes and numbers of events, their tables, traces and schedules."""

from __future__ import annotations

import gzip
import json
import threading
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import minitensor as mt


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


ENGINE = "autograd::engine::evaluate_function: "


# -- programs that both libraries run ----------------------------------------------------------------------------------


def perceptron(lib: Any) -> Callable[[], Any]:
    model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.ReLU(), lib.nn.Linear(8, 2))
    x, y, optimizer = lib.ones(5, 4), lib.tensor([0, 1, 0, 1, 1]), lib.optim.SGD(model.parameters(), lr=0.1)

    def run() -> None:
        optimizer.zero_grad()
        lib.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return run


def convolutional(lib: Any) -> Callable[[], Any]:
    nn = lib.nn
    layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2))
    model, x = nn.Sequential(*layers), lib.ones(2, 3, 8, 8)
    return lambda: model(x).sum().backward()


def recurrent(lib: Any) -> Callable[[], Any]:
    model, x = lib.nn.LSTM(3, 4), lib.ones(5, 2, 3)
    return lambda: model(x)[0].sum().backward()


def attention(lib: Any) -> Callable[[], Any]:
    q = lib.ones(2, 4, 5, 8).requires_grad_()
    return lambda: lib.nn.functional.scaled_dot_product_attention(q, q, q).sum().backward()


def indexing(lib: Any) -> Callable[[], Any]:
    q, rows = lib.ones(2, 4, 5, 8).requires_grad_(), lib.tensor([0, 1])
    mask = q.detach() > 0

    def run() -> None:
        (q[rows].sum() + q[:, 1:3].sum() + q[0].sum() + q[mask].sum()).backward()

    return run


def arithmetic(lib: Any) -> Callable[[], Any]:
    a, b, c = lib.ones(3, 4).requires_grad_(), lib.ones(4, 5), lib.ones(6, 3, 4)
    return lambda: ((a @ b).exp().sum() + (c * a).mean() + lib.cat([a, a]).sigmoid().sum()).backward()


def products(lib: Any) -> Callable[[], Any]:
    a, b, v = lib.ones(3, 4), lib.ones(6, 4, 5), lib.ones(4)

    def run() -> None:
        for first, second in ((a, v), (v, v), (b, b.transpose(1, 2)), (a, b)):
            first @ second
        lib.mm(a, a.t())

    return run


def without_gradients(lib: Any) -> Callable[[], Any]:
    x = lib.ones(4, 6)

    def run() -> None:
        with lib.no_grad():
            y = lib.nn.functional.layer_norm(x, (6,)).softmax(-1).log().abs_()
            y.add_(1).clamp(0, 1).reshape(3, 8).permute(1, 0).contiguous().sort()
            lib.where(x > 0, x, -x).max(0)
            lib.nn.functional.embedding(lib.zeros(2, dtype=lib.int64), x)

    return run


def both(name: str, count: int = 1) -> Counter[str]:
    """Return the events of a node."""
    return Counter({name: count, ENGINE + name: count})


# What only this library lists, and what only PyTorch lists. One operation here may be several there, and the gradient
# of a loss begins with a number, not with an operation. Gradients are added outside the events of nodes.
ROOT = Counter(["aten::ones_like"])
PROGRAMS: dict[Callable[[Any], Callable[[], Any]], tuple[Counter[str], Counter[str]]] = {
    perceptron: (Counter(), ROOT + both("TBackward0", 2) + both("LogSoftmaxBackward0")),
    convolutional: (Counter(), ROOT + both("TBackward0")),
    recurrent: (both("ScanBackward0") + both("ViewBackward0") + both("AddBackward0"), ROOT),
    attention: (
        both("UnsafeViewBackward0", 2) + both("SoftmaxBackward0") + both("TransposeBackward0") + both("MulBackward0")
        + Counter({"aten::add": 2}), ROOT + both("ScaledDotProductFlashAttentionForCpuBackward0"),
    ),
    indexing: (both("ViewBackward0") + Counter({"aten::add": 3}), ROOT),
    arithmetic: (Counter({"aten::add": 3}), ROOT),
    products: (Counter(), Counter()),
    without_gradients: (Counter(["aten::clone"]), Counter(["aten::contiguous"])),
}  # fmt: skip


def record(lib: Any, program: Any, **options: Any) -> Any:
    run = program(lib)
    with lib.profiler.profile(activities=[lib.profiler.ProfilerActivity.CPU], **options) as recorded:
        run()
    return recorded


def main_events(recorded: Any) -> Counter[str]:
    """Return the names of the events outside all others, and of the nodes. Sums of gradients stand in the engine's."""
    return Counter(
        each.name for each in recorded.events()
        if (each.cpu_parent is None and each.name != "[memory]") or "Backward" in each.name
    )


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_events_have_pytorchs_names_and_counts(torch: ModuleType, program: Any) -> None:
    theirs, ours = main_events(record(torch, program)), main_events(record(mt, program))
    extra, missing = PROGRAMS[program]
    assert (ours - theirs, theirs - ours) == (extra, missing)
    assert sum((ours & theirs).values()) > 3


KERNELS = "mm addmm bmm mv dot linear matmul conv2d convolution _convolution batch_norm relu clamp_min exp".split()


def seen_shapes(recorded: Any) -> Counter[Any]:
    """Return the names of operations that compute, with the shapes of their tensors."""
    return Counter(
        (each.name, str([shape for shape in each.input_shapes if shape])) for each in recorded.events()
        if each.name.removeprefix("aten::") in KERNELS
    )


@pytest.mark.parametrize("program", [perceptron, convolutional, arithmetic, products], ids=lambda each: each.__name__)
def test_events_have_pytorchs_shapes_and_flops(torch: ModuleType, program: Any) -> None:
    theirs, ours = [record(lib, program, record_shapes=True, with_flops=True) for lib in (torch, mt)]
    assert seen_shapes(ours) == seen_shapes(theirs)
    flops = [
        {each.key: each.flops for each in run.key_averages() if each.key in ("aten::mm", "aten::addmm", "aten::bmm",
         "aten::conv2d")} for run in (ours, theirs)
    ]  # fmt: skip
    assert flops[0] == flops[1] and all(flops[0].values())


def test_bytes_are_pytorchs(torch: ModuleType) -> None:
    found = []
    for lib in (torch, mt):
        x, kept = lib.ones(10, 10), []

        def run(lib: Any = lib, x: Any = x, kept: list[Any] = kept) -> None:
            kept.append(x.exp())
            lib.zeros(5)
            kept.append(x @ x)
            x.t()
            x.add_(1)

        recorded = record(lib, lambda lib, run=run: run, profile_memory=True)
        top = [each for each in recorded.events() if each.cpu_parent is None]
        assert [each.cpu_memory_usage for each in top if each.name == "[memory]"][:1] == [-20]
        found.append({each.name: each.cpu_memory_usage for each in top if each.name != "[memory]"})
    assert found[0] == found[1]
    assert found[1] == {"aten::exp": 400, "aten::zeros": 20, "aten::matmul": 400, "aten::t": 0, "aten::add_": 0}


# -- the events themselves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_events_lie_in_their_parents_and_times_add_up(program: Any) -> None:
    recorded = record(mt, program)
    for each in recorded.events():
        if each.cpu_parent is not None:
            span, outer = each.time_range, each.cpu_parent.time_range
            assert outer.start <= span.start <= span.end <= outer.end and each in each.cpu_parent.cpu_children
        assert 0 <= each.self_cpu_time_total <= each.cpu_time_total
    top = sum(each.cpu_time_total for each in recorded.events() if each.cpu_parent is None)
    assert recorded.events().self_cpu_time_total == pytest.approx(top)
    sums = recorded.key_averages()
    assert sum(each.count for each in sums) == len(recorded.events()) == sums.total_average().count


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_profile_changes_no_number(program: Any) -> None:
    before, found = mt.get_rng_state(), []
    for record_it in (False, True):
        leaf = mt.ones(3, 4).requires_grad_()
        mt.manual_seed(0)
        run = program(mt)
        if record_it:
            with mt.profiler.profile(record_shapes=True, profile_memory=True, with_stack=True):
                run()
                (leaf.exp() * mt.randn(3, 4)).sum().backward()
        else:
            run()
            (leaf.exp() * mt.randn(3, 4)).sum().backward()
        found.append(leaf.grad)
    mt.set_rng_state(before)
    assert found[0].equal(found[1])


def test_nothing_stays_on_the_doors() -> None:
    from minitensor.autograd.mode import grad_mode
    from minitensor.autograd.protocol import active, onlooker

    before = list(active)
    with pytest.raises(ValueError, match="stop"), mt.profiler.profile():
        raise ValueError("stop")
    with mt.no_grad():
        recorded = mt.profiler.profile()
        recorded.start()
        recorded.stop()
        assert grad_mode.get() is False
    assert active == before and onlooker.get() is None and grad_mode.get() is True


def test_one_profile_at_a_time_in_a_thread() -> None:
    with mt.profiler.profile() as outer:
        with pytest.raises(RuntimeError, match="another profile"):
            mt.profiler.profile().start()
        mt.ones(2).exp()
    assert [each.name for each in outer.events()] == ["aten::ones", "aten::exp"]


def test_other_threads_are_not_recorded(torch: ModuleType) -> None:
    for lib in (torch, mt):
        with lib.profiler.profile() as recorded:
            thread = threading.Thread(target=lambda lib=lib: lib.ones(2).exp())
            thread.start()
            thread.join()
            lib.ones(2).sin()
        names = [each.name for each in recorded.events()]
        assert "aten::exp" not in names and names[-1] == "aten::sin"


def test_a_call_that_raises_ends_its_events() -> None:
    with mt.profiler.profile() as recorded:
        with pytest.raises(RuntimeError):
            mt.nn.functional.linear(mt.ones(2, 3), mt.ones(4, 5))
        mt.ones(2).exp()
    assert recorded.events()[-1].name == "aten::exp" and recorded.events()[-1].cpu_parent is None


def test_subclasses_and_autocast_work_in_a_profile() -> None:
    class Image(mt.Tensor):
        pass

    with mt.profiler.profile() as recorded, mt.autocast("cpu"):
        picture = mt.ones(2, 2).as_subclass(Image)
        assert type(mt.nn.functional.softmax(picture.exp(), 0)) is Image
        assert (mt.ones(2, 2) @ mt.ones(2, 2)).dtype is mt.bfloat16
    assert {"aten::exp", "aten::softmax", "aten::matmul"} <= {each.name for each in recorded.events()}


# -- labels, steps, schedules ------------------------------------------------------------------------------------------


def test_labels_decorate_and_nest(torch: ModuleType) -> None:
    found = []
    for lib in (torch, mt):

        @lib.profiler.record_function("inner")
        def count(n: int, lib: Any = lib) -> Any:
            """Count down."""
            return count(n - 1) if n else lib.ones(2).exp()

        with lib.profiler.profile() as recorded, lib.autograd.profiler.record_function("outer"):
            count(2)
        events = {each.name: each.cpu_parent and each.cpu_parent.name for each in recorded.events()}
        names = Counter(each.name for each in recorded.events() if each.is_user_annotation)
        found.append((names, events["aten::exp"], count.__doc__))
    assert found[0] == found[1] == ({"outer": 1, "inner": 3}, "inner", "Count down.")


def test_steps_of_loaders_and_optimizers_are_labeled(torch: ModuleType) -> None:
    found = []
    for lib in (torch, mt):
        data = lib.utils.data
        loader = data.DataLoader(data.TensorDataset(lib.arange(6.0)), batch_size=2)
        optimizer = lib.optim.Adam([lib.ones(2).requires_grad_()])
        with lib.profiler.profile() as recorded:
            for _ in loader:
                optimizer.zero_grad()
                optimizer.step()
        found.append(Counter(each.name for each in recorded.events() if "#" in each.name))
    assert found[0] == found[1] and len(found[1]) == 3


def test_recording_can_be_interrupted() -> None:
    kinds = [mt.profiler.ProfilerActivity.CPU]
    with mt.profiler.profile() as recorded:
        x = mt.ones(2)
        recorded.toggle_collection_dynamic(False, kinds)
        x.exp()
        recorded.toggle_collection_dynamic(True, kinds)
        x.sin()
    assert [each.name for each in recorded.events()] == ["aten::ones", "aten::sin"]


PLANS = ({"wait": 1, "warmup": 1, "active": 2}, {"skip_first": 3, "wait": 2, "warmup": 0, "active": 1, "repeat": 2},
         {"wait": 0, "warmup": 0, "active": 1}, {"wait": 2, "warmup": 1, "active": 3, "repeat": 1, "skip_first": 10})


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.filterwarnings("ignore")
def test_schedules_are_pytorchs(torch: ModuleType, plan: dict[str, int]) -> None:
    theirs, ours = torch.profiler.schedule(**plan), mt.profiler.schedule(**plan)
    assert [ours(step).name for step in range(40)] == [theirs(step).name for step in range(40)]


@pytest.mark.filterwarnings("ignore")
def test_steps_are_recorded_as_the_schedule_says(torch: ModuleType) -> None:
    traces = []
    for lib in (torch, mt):
        seen: list[Any] = []

        def note(found: Any, seen: list[Any] = seen) -> None:
            seen.append((found.step_num, [each.count for each in found.key_averages() if each.key == "block"]))

        plan = lib.profiler.schedule(wait=1, warmup=1, active=2)
        kinds = [lib.profiler.ProfilerActivity.CPU]
        with lib.profiler.profile(activities=kinds, schedule=plan, on_trace_ready=note) as recorded:
            for _ in range(8):
                with lib.profiler.record_function("block"):
                    lib.ones(2)
                recorded.step()
        traces.append(seen)
    assert traces[0] == traces[1] == [(4, [2]), (8, [2])]




# -- tables and files --------------------------------------------------------------------------------------------------


def shown_columns(table: str) -> list[str]:
    return [name for name in table.splitlines()[1].split("  ") if name]


OPTIONS = ({}, {"record_shapes": True}, {"profile_memory": True}, {"with_flops": True},
           {"record_shapes": True, "profile_memory": True, "with_flops": True})


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_tables_have_pytorchs_columns(torch: ModuleType, options: dict[str, bool]) -> None:
    found = []
    for lib in (torch, mt):
        recorded = record(lib, perceptron, **options)
        table = recorded.key_averages(group_by_input_shape=True).table(sort_by="cpu_time_total", row_limit=4)
        lines = table.splitlines()
        found.append([[each.strip() for each in shown_columns(table)], len(lines), lines[-1].split(": ")[0]])
        with pytest.raises(AttributeError):
            recorded.key_averages().table(sort_by="color")
    assert found[0] == found[1]


def test_the_layout_of_a_table_is_pytorchs(torch: ModuleType) -> None:
    """With the same events, the texts are equal."""
    events = []
    for lib in (torch, mt):
        make = lib.autograd.profiler_util.FunctionEvent
        made = [make(i, name, 1, start, end) for i, (name, start, end) in enumerate(
            [("aten::mm", 0.0, 1500.5), ("a" * 60, 2000.0, 2001.25), ("aten::mm", 3000.0, 2500000.0)])]
        events.append(lib.autograd.profiler_util.EventList(made))
    theirs, ours = events
    theirs._build_tree()
    for each in theirs:
        each.stack = []
    for options in ({}, {"sort_by": "cpu_time_total"}, {"row_limit": 1}, {"header": "Two", "time_unit": "ms"},
                    {"top_level_events_only": True}, {"max_name_column_width": 20}):
        assert ours.table(**options) == theirs.table(**options)
        assert ours.key_averages().table(**options) == theirs.key_averages().table(**options)
    assert mt.autograd.profiler_util.EventList().table() == torch.autograd.profiler_util.EventList([]).table() == ""


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_traces_hold_all_events(tmp_path: Path, name: str) -> None:
    recorded = record(mt, perceptron, record_shapes=True, profile_memory=True)
    recorded.add_metadata("author", "me")
    recorded.export_chrome_trace(str(tmp_path / name))
    with (gzip.open if name.endswith("gz") else open)(tmp_path / name, "rt") as file:
        trace = json.load(file)
    spans = [each for each in trace["traceEvents"] if each["ph"] == "X"]
    assert trace["author"] == "me" and len(spans) == sum(each.name != "[memory]" for each in recorded.events())
    assert all(each["dur"] >= 0 and {"ts", "pid", "tid", "name", "cat"} <= set(each) for each in spans)
    assert any(each["args"].get("Input Dims") == [[5, 4], [8, 4], [8]] for each in spans)


@pytest.mark.parametrize("use_gzip", [False, True])
def test_handlers_write_traces(tmp_path: Path, use_gzip: bool) -> None:
    handler = mt.profiler.tensorboard_trace_handler(str(tmp_path / "logs"), "worker", use_gzip)
    plan = mt.profiler.schedule(wait=0, warmup=0, active=1, repeat=2)
    with mt.profiler.profile(schedule=plan, on_trace_ready=handler) as recorded:
        for _ in range(3):
            mt.ones(2).exp()
            recorded.step()
    files = [each.name for each in (tmp_path / "logs").iterdir()]
    assert len(files) == 2 and all(each.startswith("worker.") and ".pt.trace.json" in each for each in files)
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeError, match="cannot create the directory"):
        mt.profiler.tensorboard_trace_handler(str(tmp_path / "file"))(recorded)


def test_stacks_name_the_program(tmp_path: Path) -> None:
    recorded = record(mt, arithmetic, with_stack=True)
    event = next(each for each in recorded.events() if each.name == "aten::exp")
    assert "test_profiler.py" in event.stack[0] and "arithmetic" not in event.stack[1]
    assert "test_profiler.py" in recorded.key_averages(group_by_stack_n=2).table(row_limit=5)
    recorded.export_stacks(str(tmp_path / "stacks"))
    lines = (tmp_path / "stacks").read_text().splitlines()
    assert lines and all(line.rpartition(" ")[2].isdigit() and ";" in line for line in lines)
    with pytest.raises(ValueError, match="metric should be one of"):
        recorded.export_stacks(str(tmp_path / "stacks"), "color")


def test_the_former_profiler(torch: ModuleType, tmp_path: Path) -> None:
    for lib in (torch, mt):
        with lib.autograd.profiler.profile(enabled=False) as nothing:
            lib.ones(2)
        assert nothing is None
        with lib.autograd.profiler.profile(record_shapes=True) as recorded:
            lib.ones(2, 3).exp()
        assert recorded.function_events[-1].name == "aten::exp" and recorded.self_cpu_time_total > 0
        assert "aten::exp" in recorded.key_averages(group_by_input_shape=True).table(sort_by="self_cpu_time_total")
        assert "aten::exp" in str(recorded) and recorded.total_average().count == len(recorded.function_events)
        recorded.export_chrome_trace(str(tmp_path / lib.__name__))
        with pytest.raises(RuntimeError):
            recorded.__enter__()


def test_wrong_arguments_raise_as_in_pytorch(torch: ModuleType) -> None:
    for lib in (torch, mt):
        with pytest.raises(AssertionError):
            lib.profiler.schedule(wait=-1, warmup=0, active=1)
        with pytest.raises(AssertionError):
            lib.profiler.profile().events()
        with pytest.raises(AssertionError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lib.profiler.profile(activities=[])
    with pytest.raises(TypeError, match="members of ProfilerActivity, got 'cpu'"):
        mt.profiler.profile(activities=["cpu"])


def test_the_tutorial_runs(tmp_path: Path) -> None:
    models = pytest.importorskip("minitensor.vision.models")
    model, inputs, seen = models.resnet18(), mt.ones(2, 3, 32, 32), []
    kinds = [mt.profiler.ProfilerActivity.CPU]
    label = mt.profiler.record_function("model_inference")
    with mt.profiler.profile(activities=kinds, record_shapes=True, profile_memory=True) as recorded, label:
        model(inputs)
    counts = {each.key: each.count for each in recorded.key_averages()}
    assert counts["model_inference"] == 1 and counts["aten::conv2d"] == counts["aten::batch_norm"] == 20
    assert "model_inference" in recorded.key_averages().table(sort_by="cpu_time_total", row_limit=10)
    assert "KB" in recorded.key_averages().table(sort_by="self_cpu_memory_usage", row_limit=10)

    def handle(found: Any) -> None:
        seen.append(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=10))
        found.export_chrome_trace(str(tmp_path / f"trace_{found.step_num}.json"))

    config = mt._C._profiler._ExperimentalConfig(verbose=True)
    plan = mt.profiler.schedule(skip_first=1, wait=1, warmup=1, active=1, repeat=1)
    with mt.profiler.profile(schedule=plan, on_trace_ready=handle, experimental_config=config) as steps:
        for _ in range(5):
            model(inputs)
            steps.step()
    assert len(seen) == 1 and "ProfilerStep#3" in (tmp_path / "trace_4.json").read_text()
