"""SummaryWriter: writes numbers, pictures, texts and distributions of a training run to files for TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from typing import Any, NoReturn

from minitensor.errors import MissingExtraError, UnsupportedError
from minitensor.utils.tensorboard import charts, graphs, pictures, projector, summaries

__all__ = ["FileWriter", "SummaryWriter"]


def require_tensorboard() -> None:
    """Raise unless the package is installed."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise MissingExtraError.of("tensorboard", "tensorboard") from None


class FileWriter:
    """Writes records to one file, in a thread of TensorBoard's.

    Args:
        log_dir: The folder of the file.
        max_queue: How many records may wait to be written.
        flush_secs: How many seconds they wait at most.
        filename_suffix: The end of the file's name.

    Raises:
        ImportError: If the package ``tensorboard`` is not installed.

    >>> writer = FileWriter("runs/example")  # doctest: +SKIP
    """

    def __init__(self, log_dir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str = "") -> None:
        require_tensorboard()
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """Return the folder of the file."""
        folder: str = self.event_writer.get_logdir()
        return folder

    def add_summary(self, summary: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Write a ``summary``, with the step ``global_step`` and the time ``walltime``, by default now."""
        from tensorboard.compat.proto.event_pb2 import Event

        self.add_event(Event(summary=summary), global_step, walltime)

    def add_event(self, event: Any, step: Any = None, walltime: float | None = None) -> None:
        """Write an ``event``, with its number ``step`` and the time ``walltime``, by default now."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_graph(self, graph_profile: Any, walltime: float | None = None) -> None:
        """Write a graph and its run, the two items of ``graph_profile``, with the time ``walltime``."""
        from tensorboard.compat.proto.event_pb2 import Event, TaggedRunMetadata

        graph, run = graph_profile
        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)
        about = TaggedRunMetadata(tag="step1", run_metadata=run.SerializeToString())
        self.add_event(Event(tagged_run_metadata=about), None, walltime)

    def add_onnx_graph(self, graph: Any, walltime: float | None = None) -> None:
        """Write a ``graph``, with the time ``walltime``."""
        from tensorboard.compat.proto.event_pb2 import Event

        self.add_event(Event(graph_def=graph.SerializeToString()), None, walltime)

    def flush(self) -> None:
        """Write all that waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write all that waits, and close the file."""
        self.event_writer.close()


class SummaryWriter:
    """Writes numbers, pictures, texts and distributions to files in a folder, which TensorBoard shows.

    The methods are PyTorch's. The package ``tensorboard`` writes the files. All ``add`` methods take the number of the
    step, ``global_step``, and the time in seconds, ``walltime``, by default now. A closed writer opens a new file when
    something is added.

    Args:
        log_dir: The folder. Default: ``None``, a new one in ``runs`` that is named by the time and the computer.
        comment: Text at the end of that name.
        purge_step: The step from which on an earlier file of a run that was interrupted is hidden. Default: ``None``.
        max_queue: How many records may wait to be written. Default: ``10``.
        flush_secs: How many seconds they wait at most. Default: ``120``.
        filename_suffix: The end of the names of files.

    Raises:
        ImportError: If the package ``tensorboard`` is not installed.

    >>> from minitensor.utils.tensorboard import SummaryWriter  # doctest: +SKIP
    >>> with SummaryWriter("runs/example") as writer:  # doctest: +SKIP
    ...     for step in range(10):
    ...         writer.add_scalar("loss/train", 1 / (step + 1), step)
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
        flush_secs: float = 120, filename_suffix: str = "",
    ) -> None:
        name = f"{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        self.log_dir = log_dir or os.path.join("runs", name)
        self.purge_step, self.max_queue, self.flush_secs = purge_step, max_queue, flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] = {}
        self._embeddings: list[projector.Points] = []
        self._get_file_writer()

    def _get_file_writer(self) -> FileWriter:
        """Return the writer of the main file, after opening one if there is none."""
        if self.file_writer is None:
            self.file_writer = self._open(str(self.log_dir))
            if self.purge_step is not None:
                self._purge(self.file_writer, self.purge_step)
                self.purge_step = None
        return self.file_writer

    def _open(self, folder: str) -> FileWriter:
        writer = FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)
        self.all_writers[folder] = writer
        return writer

    def _purge(self, writer: FileWriter, step: int) -> None:
        """Tell TensorBoard to hide what an earlier run wrote from a step on."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        writer.add_event(Event(step=step, file_version="brain.Event:2"))
        writer.add_event(Event(step=step, session_log=SessionLog(status=SessionLog.START)))

    def get_logdir(self) -> Any:
        """Return the folder."""
        return self.log_dir

    # -- numbers

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:
        """Add a number to the curve ``tag``.

        Args:
            tag: The name of the curve.
            scalar_value: The number, also as a tensor or array of one element.
            global_step, walltime: The step and the time.
            new_style: Whether the number is written as a tensor.
            double_precision: Whether this tensor has double precision.

        Raises:
            ValueError: If there are several numbers.
        """
        value = summaries.scalar(tag, scalar_value, new_style, double_precision)
        self._get_file_writer().add_summary(value, global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Add a number to each of several curves of one chart; each curve has a file of its own.

        Args:
            main_tag: The name of the chart.
            tag_scalar_dict: The numbers by the names of the curves.
            global_step, walltime: The step and the time.
        """
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        for tag, value in tag_scalar_dict.items():
            place = f"{folder}/{main_tag.replace('/', '_')}_{tag}"
            writer = self.all_writers.get(place) or self._open(place)
            writer.add_summary(summaries.scalar(main_tag, value), global_step, walltime)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None, run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Add the settings of a run and the numbers by which it is judged, in a folder of its own.

        Args:
            hparam_dict: The settings: numbers, strings and bools by their names.
            metric_dict: The numbers by the names of their curves.
            hparam_domain_discrete: All values that a setting may have, by its name. Default: ``None``.
            run_name: The name of the folder. Default: ``None``, the time.
            global_step: The step.

        Raises:
            TypeError: If an argument is not a dict, or a value does not have the type of its setting.
            ValueError: If a setting is of another type.
        """
        domains = hparam_domain_discrete or {}
        summaries.require_domains(hparam_dict, metric_dict, domains)
        records = summaries.hparams(hparam_dict, metric_dict, domains)
        folder = os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))
        with SummaryWriter(folder) as inner:
            for record in records:
                inner._get_file_writer().add_summary(record, global_step)
            for name, value in metric_dict.items():
                inner.add_scalar(name, value, global_step)

    # -- distributions

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """Add the distribution of values.

        Args:
            tag: The name of the chart.
            values: A tensor or array.
            global_step, walltime: The step and the time.
            bins: The edges of the bins, or what ``numpy.histogram`` takes. Default: ``"tensorflow"``, TensorBoard's.
            max_bins: The most bins to write; neighbors are joined. Default: ``None``, any number.

        Raises:
            ValueError: If there are no values.
        """
        value = summaries.histogram(tag, values, bins, max_bins)
        self._get_file_writer().add_summary(value, global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: float, max: float, num: int, sum: float, sum_squares: float, bucket_limits: Any,
        bucket_counts: Any, global_step: Any = None, walltime: float | None = None,
    ) -> None:
        """Add a distribution that is counted already.

        Args:
            tag: The name of the chart.
            min, max, num, sum, sum_squares: The extremes, the number, the sum and the sum of squares of the values.
            bucket_limits: The upper limit of each bin.
            bucket_counts: The number of values in each bin.
            global_step, walltime: The step and the time.

        Raises:
            ValueError: If the numbers of limits and counts differ.
        """
        limits, counts = summaries.to_array(bucket_limits).tolist(), summaries.to_array(bucket_counts).tolist()
        value = summaries.raw_histogram(tag, min, max, num, sum, sum_squares, limits, counts)
        self._get_file_writer().add_summary(value, global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:
        """Add a precision-recall curve.

        Args:
            tag: The name of the chart.
            labels: The truth, 0 or 1.
            predictions: The predicted probabilities of 1.
            global_step, walltime: The step and the time.
            num_thresholds: The number of thresholds, at most 127. Default: ``127``.
            weights: A weight for each prediction. Default: ``None``, all 1.
        """
        value = summaries.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._get_file_writer().add_summary(value, global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any,
        false_negative_counts: Any, precision: Any, recall: Any, global_step: Any = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:
        """Add a precision-recall curve that is computed already; each row has a number for each threshold.

        Args:
            tag: The name of the curve.
            true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts: The counts.
            precision, recall: The curve.
            global_step, walltime: The step and the time.
            num_thresholds: The number of thresholds, at most 127. Default: ``127``.
            weights: Accepted for PyTorch compatibility.
        """
        rows = (
            true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall
        )
        self._get_file_writer().add_summary(summaries.raw_pr_curve(tag, rows, num_thresholds), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """Add all numbers of a tensor.

        Args:
            tag: The name of the tensor.
            tensor: The tensor.
            global_step, walltime: The step and the time.

        Raises:
            ValueError: If it has more than 2 GiB, or unsigned integers of more than 8 bits.
        """
        self._get_file_writer().add_summary(summaries.numbers(tag, tensor), global_step, walltime)

    # -- charts of several curves

    def add_custom_scalars(self, layout: dict[str, dict[str, Any]]) -> None:
        """Describe charts that show several curves of ``add_scalar`` together. Call it once for a writer.

        Args:
            layout: The charts by their titles, by their categories. A chart is a list of ``"Multiline"`` and the names
                of the curves, or of ``"Margin"`` and the names of a curve, its lower and its upper bound.

        Raises:
            AssertionError: If a chart with a margin does not have three curves.
        """
        self._get_file_writer().add_summary(charts.custom_scalars(layout))

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Describe one chart that shows several curves.

        Args:
            tags: The names of the curves.
            category, title: Where the chart stands, and its name.
        """
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """Describe one chart that shows a curve between two others.

        Args:
            tags: The names of the curve, the lower and the upper bound.
            category, title: Where the chart stands, and its name.

        Raises:
            AssertionError: If there are not three names.
        """
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    # -- pictures, sounds and texts

    def add_image(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """Add a picture.

        Args:
            tag: The name of the picture.
            img_tensor: Its pixels: uint8, or floats in [0, 1], with 1, 3 or 4 channels.
            global_step, walltime: The step and the time.
            dataformats: The order of dims, such as ``"HWC"`` or ``"HW"``. Default: ``"CHW"``.

        Raises:
            ValueError: If the pixels do not have the dims that ``dataformats`` names.
        """
        self._add_picture(tag, img_tensor, dataformats, global_step, walltime)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Add several pictures, in rows of eight.

        Args:
            tag: The name of the picture.
            img_tensor: The pixels of all: uint8, or floats in [0, 1], with 1 or 3 channels.
            global_step, walltime: The step and the time.
            dataformats: The order of dims. Default: ``"NCHW"``.

        Raises:
            ValueError: If the pixels do not have the dims that ``dataformats`` names.
        """
        self._add_picture(tag, img_tensor, dataformats, global_step, walltime)

    def _add_picture(self, tag: str, pixels: Any, order: str, step: Any, walltime: float | None) -> None:
        made = pictures.to_pixels(summaries.to_array(pixels), order)
        value = summaries.image(tag, pictures.png_of(made), *made.shape)
        self._get_file_writer().add_summary(value, step, walltime)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None, walltime: float | None = None,
        rescale: float = 1, dataformats: str = "CHW", labels: Any = None,
    ) -> None:
        """Add a picture with red frames around parts of it. It needs Pillow, which the extra ``vision`` installs.

        Args:
            tag: The name of the picture.
            img_tensor: Its pixels: uint8, or floats in [0, 1], with 1 or 3 channels.
            box_tensor: The frames, of shape (N, 4): the left, upper, right and lower edge of each.
            global_step, walltime: The step and the time.
            rescale: By what the height and width of the picture are multiplied. Default: ``1``.
            dataformats: The order of dims. Default: ``"CHW"``.
            labels: A text for each frame, or one text; other numbers of texts are ignored. Default: ``None``.

        Raises:
            ImportError: If Pillow is not installed.
            ValueError: If the pixels do not have the dims that ``dataformats`` names.
        """
        pixels = pictures.to_pixels(summaries.to_array(img_tensor), dataformats)
        png = pictures.png_with_boxes(pixels, summaries.to_array(box_tensor), labels, rescale)
        self._get_file_writer().add_summary(summaries.image(tag, png, *pixels.shape), global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """Add a figure of matplotlib, or several under numbered names.

        Args:
            tag: The name of the picture.
            figure: The figure, or a list of figures.
            global_step, walltime: The step and the time.
            close: Whether ``matplotlib.pyplot`` then forgets the figure. Default: ``True``.
        """
        several = isinstance(figure, list)
        for number, each in enumerate(figure if several else [figure]):
            png = pictures.png_of_figure(each)
            value = summaries.image(f"{tag}/{number}" if several else tag, png, *pictures.size_of_png(png), 4)
            self._get_file_writer().add_summary(value, global_step, walltime)
            if close:
                pictures.close_figure(each)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """Add a sound.

        Args:
            tag: The name of the sound.
            snd_tensor: Numbers in [-1, 1], of shape (L,) or (1, L).
            global_step, walltime: The step and the time.
            sample_rate: Numbers for each second. Default: ``44100``.

        Raises:
            ValueError: If the sound has several channels.
        """
        self._get_file_writer().add_summary(summaries.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """Add a text in Markdown.

        Args:
            tag: The name of the text.
            text_string: The text.
            global_step, walltime: The step and the time.
        """
        self._get_file_writer().add_summary(summaries.text(tag, text_string), global_step, walltime)

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: Any = None, tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Add points for the projector: text files in a folder of the step, and a line in the list of all of them.

        Args:
            mat: The points, of shape (N, D).
            metadata: A label for each point, or a list of labels if there is a ``metadata_header``.
            label_img: A picture for each point, of shape (N, C, H, W), floats in [0, 1]. It needs Pillow.
            global_step: The step.
            tag: The name of the points.
            metadata_header: The names of the columns of labels.

        Raises:
            AssertionError: If the numbers of points, labels and pictures differ, or ``mat`` does not have two dims.
            NotADirectoryError: If a file has the name of the folder.
        """
        folder = self._get_file_writer().get_logdir()
        points = projector.Points(summaries.to_array(mat), metadata, label_img, int(global_step or 0), tag)
        points.write(folder, metadata_header)
        self._embeddings.append(points)
        projector.write_list(folder, self._embeddings)

    def add_mesh(
        self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: Any = None,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:
        """Add points or triangles in space.

        Args:
            tag: The name of the mesh.
            vertices: The points, of shape (B, N, 3).
            colors: The color of each point, of the same shape: uint8, or floats in [0, 1]. Default: ``None``.
            faces: The numbers of the three corners of each triangle, of shape (B, M, 3). Default: ``None``.
            config_dict: Settings of Three.js, which shows the mesh. Default: ``None``.
            global_step, walltime: The step and the time.
        """
        value = charts.mesh(tag, vertices, colors, faces, config_dict)
        self._get_file_writer().add_summary(value, global_step, walltime)

    # -- graphs and films

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Add the graph of a model: the operations of one call in evaluation mode, in the modules that make them.

        Args:
            model: A module or a function.
            input_to_model: A tensor, or a tuple or list of arguments.
            verbose: Print the graph. Default: ``False``.
            use_strict_trace: Accepted for PyTorch compatibility: outputs in dicts and lists are always recorded.

        Raises:
            AttributeError: If the model cannot be called.
            RuntimeError: If the input is neither a tensor, a dict nor a sequence.
        """
        graph, run = graphs.encode_graph(graphs.record_graph(model, input_to_model))
        if verbose:
            print(graph)
        self._get_file_writer().add_graph((graph, run))

    def add_onnx_graph(self, prototxt: Any) -> None:
        """Add the graph of a network that another program saved in ONNX's format.

        Args:
            prototxt: The path of the file. Reading it needs the package ``onnx``.

        Raises:
            ImportError: If the package ``onnx`` is not installed.
        """
        self._get_file_writer().add_onnx_graph(charts.load_onnx_graph(prototxt))

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> NoReturn:
        """Raise: films are not encoded.

        Args:
            tag, vid_tensor, global_step, fps, walltime: Accepted for PyTorch compatibility.

        Raises:
            NotImplementedError: If it is called.
        """
        raise UnsupportedError(
            "SummaryWriter.add_video: films are not encoded here; add the frames with add_images, or add_image with "
            "global_step=<the number of the frame>"
        )

    # -- files

    def flush(self) -> None:
        """Write all that waits."""
        for writer in self.all_writers.values():
            writer.flush()

    def close(self) -> None:
        """Write all that waits, and close the files."""
        for writer in self.all_writers.values():
            writer.flush()
            writer.close()
        self.file_writer, self.all_writers = None, {}

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
