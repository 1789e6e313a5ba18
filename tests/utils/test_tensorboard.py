"""SummaryWriter writes what PyTorch's writes, in files that TensorBoard reads."""

from __future__ import annotations

import functools
import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minitensor as mt

pytest.importorskip("tensorboard")

from minitensor.utils.tensorboard import SummaryWriter
from minitensor.utils.tensorboard.charts import load_onnx_graph

X = np.random.RandomState(0).standard_normal((3, 40)).astype("float32")
PICTURES = np.random.RandomState(1).uniform(size=(10, 3, 5, 4)).astype("float32")
LARGE = np.random.RandomState(2).uniform(size=(3, 40, 50)).astype("float32")
BYTES = (PICTURES * 255).astype("uint8")
LABELS, PREDICTIONS = (X[0] > 0).astype("int64"), 1 / (1 + np.exp(-X[1]))

# What is added, given the library, whose tensors are given, and its writer.
ADDITIONS: dict[str, Callable[[Any, Any], Any]] = {
    "numbers": lambda lib, writer: [writer.add_scalar("loss", 1 / (i + 1), i) for i in range(3)],
    "a number at a time": lambda lib, writer: writer.add_scalar("a", 2, 5, walltime=7.5),
    "a tensor": lambda lib, writer: writer.add_scalar("a", lib.tensor([1.5], requires_grad=True)),
    "a new style": lambda lib, writer: writer.add_scalar("a", 0.1, lib.tensor(3), new_style=True),
    "a double": lambda lib, writer: writer.add_scalar("a", 0.1, 1, new_style=True, double_precision=True),
    "a histogram": lambda lib, writer: writer.add_histogram("h", lib.tensor(X), 1),
    "zeros": lambda lib, writer: writer.add_histogram("h", np.zeros(3), 1),
    "bins of numpy": lambda lib, writer: writer.add_histogram("h", X, 1, bins="auto"),
    "few bins": lambda lib, writer: writer.add_histogram("h", X, 1, bins=20, max_bins=6),
    "its own counts": lambda lib, writer: writer.add_histogram_raw("h", 0, 3, 4, 6, 14, [1, 2, 3], [1, 1, 2]),
    "a text": lambda lib, writer: writer.add_text("t", "two **wörds**", 4),
    "a curve": lambda lib, writer: writer.add_pr_curve("p", lib.tensor(LABELS), lib.tensor(PREDICTIONS), 0),
    "a weighted curve": lambda lib, writer: writer.add_pr_curve("p", LABELS, PREDICTIONS, 0, 20, np.abs(X[2])),
    "a sound": lambda lib, writer: writer.add_audio("s", lib.tensor(X[:1] / 4), 1, 8000),
    "settings": lambda lib, writer: writer.add_hparams(
        {"lr": 0.1, "name": "sgd", "n": 3, "none": None}, {"accuracy": 0.5}, {"n": [1, 2, 3]}, run_name="inner"
    ),
    "a given curve": lambda lib, writer: writer.add_pr_curve_raw("p", *X[:3, :6], *X[:3, 6:12], 2, 6, walltime=3),
    "lines of a chart": lambda lib, writer: writer.add_custom_scalars_multilinechart(["a", "b"], "c", "d"),
    "margins of a chart": lambda lib, writer: writer.add_custom_scalars_marginchart(["a", "b", "c"]),
    "charts": lambda lib, writer: writer.add_custom_scalars(
        {"one": {"x": ["Multiline", ["a"]], "y": ["Margin", ["a", "b", "c"]]}, "two": {"z": ["Multiline", []]}}
    ),
    "a mesh": lambda lib, writer: writer.add_mesh("m", lib.tensor(X).reshape(2, 20, 3), global_step=1),
    "a colored mesh": lambda lib, writer: writer.add_mesh(
        "m", lib.tensor(X[:, :3].reshape(1, 3, 3)), lib.ones(1, 3, 3, dtype=lib.uint8), lib.tensor([[[0, 1, 2]]]),
        {"lights": 1, "camera": {"fov": 75}}, 4, 2.5,
    ),
    "several curves": lambda lib, writer: writer.add_scalars("c/d", {"one": 1, "two": lib.tensor(2.0)}, 3),
}  # fmt: skip

def numbers_of(dtype: str, lib: Any) -> Any:
    return lib.tensor([[0.0, 1.0, 2.5], [3.0, 250.0, 0.1]]).to(getattr(lib, dtype))


TENSORS: dict[str, Callable[[Any], Any]] = {
    **{name: functools.partial(numbers_of, name)
       for name in ("float16", "bfloat16", "float32", "float64", "int16", "int32", "int64", "uint8", "bool")},
    "int8": lambda lib: lib.tensor([-3, 4], dtype=lib.int8),
    "complex64": lambda lib: lib.tensor([1 + 2j, 3.5j]),
    "complex128": lambda lib: lib.tensor([1 + 2j]).to(lib.complex128),
    "0-d": lambda lib: lib.tensor(0.1), "empty": lambda lib: lib.ones(0, 3), "a view": lambda lib: lib.ones(3, 2).t(),
    "with a gradient": lambda lib: lib.ones(2, requires_grad=True),
}  # fmt: skip

IMAGES: dict[str, Callable[[Any, Any], Any]] = {
    "a picture": lambda lib, writer: writer.add_image("i", lib.tensor(PICTURES[0]), 1),
    "bytes": lambda lib, writer: writer.add_image("i", lib.tensor(BYTES[0])),
    "gray": lambda lib, writer: writer.add_image("i", PICTURES[0, :1]),
    "two dims": lambda lib, writer: writer.add_image("i", PICTURES[0, 0], dataformats="HW"),
    "channels last": lambda lib, writer: writer.add_image("i", PICTURES[0].transpose(1, 2, 0), dataformats="HWC"),
    "a grid": lambda lib, writer: writer.add_images("i", lib.tensor(PICTURES)),
    "a gray grid": lambda lib, writer: writer.add_images("i", PICTURES[:, :1]),
    "transposed": lambda lib, writer: writer.add_images("i", PICTURES.transpose(0, 2, 3, 1), dataformats="NHWC"),
    "boxes": lambda lib, writer: writer.add_image_with_boxes(
        "i", lib.tensor(LARGE), lib.tensor([[3, 4, 30, 20], [8, 2, 44, 38]]), 1, labels=["cat", "dog"]
    ),
    "smaller boxes": lambda lib, writer: writer.add_image_with_boxes(
        "i", LARGE.transpose(1, 2, 0), np.array([[3, 4, 30, 20]], "float32"), 1, None, 0.5, "HWC", "cat"
    ),
    "boxes without labels": lambda lib, writer: writer.add_image_with_boxes(
        "i", (LARGE * 255).astype("uint8"), np.array([[3, 4, 30, 20]]), labels=["a", "b"]
    ),
    "gray boxes": lambda lib, writer: writer.add_image_with_boxes("i", LARGE[:1], np.zeros((0, 4))),
}


def pytorchs_writer() -> Any:
    pytest.importorskip("torch")
    return pytest.importorskip("torch.utils.tensorboard").SummaryWriter


def written(folder: Path) -> dict[str, list[Any]]:
    """Return the values in the files of a folder, with their steps, by the folders in it."""
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    found: dict[str, list[Any]] = {}
    for file in sorted(folder.rglob("*tfevents*")):
        events = [Event.FromString(raw) for raw in RawEventFileLoader(str(file)).Load()]
        values = [(event.step, value) for event in events for value in event.summary.value]
        found.setdefault(str(file.parent.relative_to(folder)), []).extend(values)
    return found


def record(lib: Any, writer_class: Any, add: Callable[[Any, Any], Any], folder: Path) -> dict[str, list[Any]]:
    with writer_class(str(folder)) as writer:
        add(lib, writer)
    return written(folder)


@pytest.mark.parametrize("name", ADDITIONS)
def test_records_are_pytorchs(name: str, tmp_path: Path) -> None:
    theirs = record(pytest.importorskip("torch"), pytorchs_writer(), ADDITIONS[name], tmp_path / "theirs")
    ours = record(mt, SummaryWriter, ADDITIONS[name], tmp_path / "ours")
    assert ours == theirs and any(theirs.values())


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_are_written_as_pytorch_does(name: str, tmp_path: Path) -> None:
    torch, theirs = pytest.importorskip("torch"), pytorchs_writer()

    def add(lib: Any, writer: Any) -> None:
        writer.add_tensor("t", TENSORS[name](lib), 3)

    outcomes: list[Any] = []
    for lib, kind, folder in ((torch, theirs, "theirs"), (mt, SummaryWriter, "ours")):
        try:
            outcomes.append(record(lib, kind, add, tmp_path / folder))
        except ValueError:
            outcomes.append(ValueError)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", IMAGES)
def test_pictures_are_pytorchs(name: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (their_step, theirs), = record(
        pytest.importorskip("torch"), pytorchs_writer(), IMAGES[name], tmp_path / "theirs")["."]
    (our_step, ours), = record(mt, SummaryWriter, IMAGES[name], tmp_path / "ours")["."]
    assert our_step == their_step and ours.tag == theirs.tag
    pixels = [np.asarray(image.open(io.BytesIO(each.image.encoded_image_string))) for each in (ours, theirs)]
    assert np.array_equal(pixels[0], pixels[1])
    for field in ("height", "width", "colorspace"):
        assert getattr(ours.image, field) == getattr(theirs.image, field)


def test_tensorboard_reads_the_files(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    writer = SummaryWriter(tmp_path, purge_step=1)
    writer.add_scalar("loss", mt.tensor(0.5), 2)
    writer.add_histogram("weights", mt.ones(3), 2)
    writer.flush()
    writer.close()
    writer.add_image("picture", mt.zeros(3, 4, 5), 3)  # a closed writer opens another file
    writer.close()
    assert len(list(tmp_path.glob("*tfevents*"))) >= 1 and writer.get_logdir() == tmp_path
    reader = EventAccumulator(str(tmp_path))
    reader.Reload()
    assert [(each.step, each.value) for each in reader.Scalars("loss")] == [(2, 0.5)]
    assert reader.Histograms("weights")[0].histogram_value.num == 3
    assert reader.Images("picture")[0].height == 4


def test_a_figure_is_a_picture(tmp_path: Path) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figures = [pyplot.figure(figsize=(2, 1), dpi=50) for _ in range(3)]
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("one", figures[0], 1)
        writer.add_figure("two", figures[1:], 1, close=False)
    values = [value for _, value in written(tmp_path)["."]]
    assert [value.tag for value in values] == ["one", "two/0", "two/1"]
    assert [(value.image.height, value.image.width) for value in values] == [(50, 100)] * 3
    assert pyplot.get_fignums() == [figures[1].number, figures[2].number]
    pyplot.close("all")


WRONG: dict[str, tuple[type[Exception], str, Callable[[Any], Any]]] = {
    "several numbers": (ValueError, "must be one number", lambda writer: writer.add_scalar("a", mt.ones(2))),
    "no values": (ValueError, "holds no values", lambda writer: writer.add_histogram("h", mt.ones(0))),
    "values out of the bins": (ValueError, "outside", lambda writer: writer.add_histogram("h", [5.0], bins=[0, 1])),
    "dims": (ValueError, "each dim of the picture", lambda writer: writer.add_image("i", mt.ones(2, 3))),
    "channels": (ValueError, "1, 3 or 4 channels", lambda writer: writer.add_image("i", mt.ones(2, 3, 3))),
    "two channels of sound": (ValueError, "one dim", lambda writer: writer.add_audio("s", mt.ones(2, 9))),
    "a setting": (ValueError, "'lr' must be an int", lambda writer: writer.add_hparams({"lr": [1]}, {})),
    "settings": (TypeError, "should be dictionaries", lambda writer: writer.add_hparams([], {})),
    "a domain": (TypeError, "list of the type", lambda writer: writer.add_hparams({"n": 1}, {}, {"n": ["a"]})),
    "no model": (AttributeError, "expected a module or a function", lambda writer: writer.add_graph(None)),
    "no input": (RuntimeError, "a sequence of arguments", lambda writer: writer.add_graph(mt.nn.Linear(2, 2))),
    "a film": (NotImplementedError, "add_video: films are not encoded", lambda writer: writer.add_video("v", None)),
    "a mesh": (ValueError, "must have shape", lambda writer: writer.add_mesh("m", mt.ones(2, 3))),
    "margins": (AssertionError, "has 3 tags", lambda writer: writer.add_custom_scalars_marginchart(["a"])),
    "an array": (AttributeError, "must be a tensor", lambda writer: writer.add_tensor("a", X)),
    "a wide type": (ValueError, "unsupported tensor dtype", lambda writer: writer.add_tensor(
        "a", mt.ones(2, dtype=mt.uint16))),
    "few labels": (AssertionError, "#labels should equal", lambda writer: writer.add_embedding(X, ["a"])),
    "few pictures": (AssertionError, "#images should equal", lambda writer: writer.add_embedding(X, label_img=X[:2])),
    "points": (AssertionError, "must have shape", lambda writer: writer.add_embedding(X[0])),
    "columns": (AssertionError, "names of columns", lambda writer: writer.add_embedding(
        X, [["a"]] * 3, metadata_header=["b", "c"])),
}


@pytest.mark.parametrize(("kind", "message", "add"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_written_is_refused(
    kind: type[Exception], message: str, add: Callable[[Any], Any], tmp_path: Path
) -> None:
    with SummaryWriter(tmp_path) as writer, pytest.raises(kind, match=message):
        add(writer)
    assert not any(written(tmp_path).values())


def test_without_the_package_the_name_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install minitensor-py\[tensorboard\]"):
        mt.utils.tensorboard.SummaryWriter
    with pytest.raises(AttributeError, match="no attribute 'no_such'"):
        mt.utils.tensorboard.no_such


EMBEDDINGS: dict[str, Callable[[Any, Any], Any]] = {
    "points": lambda lib, writer: writer.add_embedding(lib.tensor(X)),
    "labels": lambda lib, writer: writer.add_embedding(X, ["a", 2, "ö"], global_step=7, tag="one/two%"),
    "columns": lambda lib, writer: writer.add_embedding(
        lib.tensor([[1, 2], [3, 4]]), [["a", 1], ["b", 2]], metadata_header=["name", "number"]
    ),
    "pictures": lambda lib, writer: writer.add_embedding(
        lib.ones(10, 2, dtype=lib.float64), label_img=lib.tensor(PICTURES), global_step=1
    ),
    "several": lambda lib, writer: [writer.add_embedding(lib.tensor(X), [1, 2, 3], None, i, "t") for i in range(2)],
}  # fmt: skip


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_files_of_points_are_pytorchs(name: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    contents = []
    for lib, kind in ((pytest.importorskip("torch"), pytorchs_writer()), (mt, SummaryWriter)):
        folder = tmp_path / lib.__name__
        with kind(str(folder)) as writer:
            EMBEDDINGS[name](lib, writer)
        files = [each for each in folder.rglob("*") if each.is_file() and "tfevents" not in each.name]
        contents.append({
            str(each.relative_to(folder)): np.asarray(image.open(each)).tolist() if each.suffix == ".png"
            else each.read_bytes()
            for each in files
        })  # fmt: skip
    assert contents[0] == contents[1] and "projector_config.pbtxt" in contents[1]


def test_a_folder_of_points_is_not_overwritten_silently(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(X)
        with pytest.warns(UserWarning, match="give another global_step"):
            writer.add_embedding(X)


class Part:
    """Stands for any message of ONNX's format."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class Attribute(Part):
    def ListFields(self) -> list[tuple[str, Any]]:  # noqa: N802  # the name of protocol buffers
        return list(self.__dict__.items())


def onnx_graph() -> Part:
    def end(name: str, *sizes: int) -> Part:
        shape = Part(dim=[Part(dim_value=size) for size in sizes])
        return Part(name=name, type=Part(tensor_type=Part(elem_type=1, shape=shape)))

    node = Part(output=["y"], op_type="Gemm", input=["x", "w"], attribute=[Attribute(name="alpha", f=1.5, type=1)])
    return Part(input=[end("x", 2, 3)], output=[end("y", 2, 4)], node=[node])


def test_a_graph_of_onnx_is_written_as_pytorch_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytorchs = pytest.importorskip("torch.utils.tensorboard._onnx_graph")
    monkeypatch.setitem(sys.modules, "onnx", Part(load=lambda path: Part(graph=onnx_graph())))
    assert load_onnx_graph("a.onnx") == pytorchs.load_onnx_graph("a.onnx")
    with SummaryWriter(tmp_path) as writer:
        writer.add_onnx_graph("a.onnx")
    assert any(tmp_path.glob("*tfevents*"))
    monkeypatch.setitem(sys.modules, "onnx", None)
    with SummaryWriter(tmp_path) as writer, pytest.raises(ImportError, match=r"pip install minitensor-py\[onnx\]"):
        writer.add_onnx_graph("a.onnx")


def test_methods_have_pytorchs_arguments() -> None:
    theirs = pytorchs_writer()
    names = [name for name in dir(theirs) if not name.startswith("_")]
    for name in names:
        ours, pytorchs = [
            [(each.name, each.default) for each in inspect.signature(getattr(kind, name)).parameters.values()]
            for kind in (SummaryWriter, theirs)
        ]
        assert ours == pytorchs, name
