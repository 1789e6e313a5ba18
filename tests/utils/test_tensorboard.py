"""SummaryWriter writes what PyTorch's writes, in files that TensorBoard reads."""

from __future__ import annotations

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

X = np.random.RandomState(0).standard_normal((3, 40)).astype("float32")
PICTURES = np.random.RandomState(1).uniform(size=(10, 3, 5, 4)).astype("float32")
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
    "several curves": lambda lib, writer: writer.add_scalars("c/d", {"one": 1, "two": lib.tensor(2.0)}, 3),
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


@pytest.mark.parametrize("name", IMAGES)
def test_pictures_are_pytorchs(name: str, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (their_step, theirs), = record(
        pytest.importorskip("torch"), pytorchs_writer(), IMAGES[name], tmp_path / "theirs")["."]
    (our_step, ours), = record(mt, SummaryWriter, IMAGES[name], tmp_path / "ours")["."]
    assert our_step == their_step and ours.tag == theirs.tag
    pixels = [np.asarray(image.open(io.BytesIO(each.image.encoded_image_string))) for each in (ours, theirs)]
    assert np.array_equal(*pixels)
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
    "a graph": (NotImplementedError, "add_graph: models are not traced", lambda writer: writer.add_graph(None)),
    "an embedding": (NotImplementedError, "add_embedding is not", lambda writer: writer.add_embedding(mt.ones(2, 2))),
    "a film": (NotImplementedError, "add_video is not implemented", lambda writer: writer.add_video("v", None)),
    "a mesh": (NotImplementedError, "add_mesh is not implemented", lambda writer: writer.add_mesh("m", None)),
    "a layout": (NotImplementedError, "add_custom_scalars is not", lambda writer: writer.add_custom_scalars({})),
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
