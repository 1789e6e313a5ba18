"""Files of TensorBoard's projector: points as tables of text, their labels, their pictures on one sheet, and a list."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy

from minitensor.callers import user_level
from minitensor.errors import GuardError
from minitensor.utils.tensorboard import pictures, summaries


@dataclass
class Points:
    """The points of one call of ``add_embedding``, with their labels and pictures."""

    array: Any
    labels: Any
    pictures: Any
    step: int
    tag: str

    @property
    def folder(self) -> str:
        """Where the files are, in the folder of the run."""
        name = self.tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
        return f"{self.step:05}/{name}"

    def write(self, run: str, header: Any) -> None:
        """Write the files into the folder of a run."""
        self.require_equal_numbers(header)
        place = os.path.join(run, self.folder)
        if os.path.isdir(place):
            warnings.warn(
                f"add_embedding: {place!r} exists and is overwritten; give another global_step", stacklevel=user_level()
            )
        os.makedirs(place, exist_ok=True)
        if self.labels is not None:
            write_lines(place, "metadata.tsv", label_lines(self.labels, header))
        if self.pictures is not None:
            write_bytes(place, "sprite.png", pictures.png_of(sheet(summaries.to_array(self.pictures))))
        write_lines(place, "tensors.tsv", ["\t".join(str(each.item()) for each in row) for row in self.array])

    def require_equal_numbers(self, header: Any) -> None:
        """Raise before anything is written unless there is one label and one picture for each point."""
        shape = self.array.shape
        if len(shape) != 2:
            raise GuardError(f"add_embedding: mat must have shape (points, features), got {shape}")
        for name, given in (("labels", self.labels), ("images", self.pictures)):
            if given is not None and len(given) != shape[0]:
                raise GuardError(f"add_embedding: #{name} should equal with #data points: {len(given)}, {shape[0]}")
        if self.labels is not None and header and len(header) != len(self.labels[0]):
            raise GuardError(f"add_embedding: {len(header)} names of columns for {len(self.labels[0])} columns")

    def describe(self) -> Any:
        """Return the entry of the list."""
        from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo

        info = EmbeddingInfo(tensor_name=f"{self.tag}:{self.step:05}", tensor_path=f"{self.folder}/tensors.tsv")
        if self.labels is not None:
            info.metadata_path = f"{self.folder}/metadata.tsv"
        if self.pictures is not None:
            info.sprite.image_path = f"{self.folder}/sprite.png"
            info.sprite.single_image_dim.extend([self.pictures.shape[3], self.pictures.shape[2]])
        return info


def label_lines(labels: Any, header: Any) -> list[str]:
    """Return a line for each label; with a header, the line of the header first and tabs between columns."""
    if not header:
        return [str(each) for each in labels]
    return ["\t".join(str(each) for each in row) for row in [header, *labels]]


def sheet(array: Any) -> Any:
    """Return a square sheet of 8-bit pixels with all pictures (N, C, H, W), as the projector wants it."""
    columns = math.ceil(len(array) ** 0.5)
    grid = pictures.make_grid(pictures.with_three_channels(array.transpose(0, 2, 3, 1)), columns)
    square = numpy.zeros((grid.shape[1], grid.shape[1], 3))
    square[: grid.shape[0]] = grid
    return (square * 255).clip(0, 255).astype(numpy.uint8)


def write_list(run: str, entries: list[Points]) -> None:
    """Write the list of all points of a run, which the projector reads first."""
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    config = ProjectorConfig(embeddings=[each.describe() for each in entries])
    write_bytes(run, "projector_config.pbtxt", text_format.MessageToString(config).encode())


def write_lines(folder: str, name: str, lines: list[str]) -> None:
    write_bytes(folder, name, ("\n".join(lines) + "\n").encode())


def write_bytes(folder: str, name: str, content: bytes) -> None:
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content)
