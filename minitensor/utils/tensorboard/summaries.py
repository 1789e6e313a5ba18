"""Records of TensorBoard's format: each function returns one value of a summary, a protocol buffer.

The formats are TensorBoard's; PyTorch writes the same.
"""

from __future__ import annotations

import io
import wave
from typing import Any

import numpy

from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, GuardError, WrongTypeError, quote

LIMIT = 127  # thresholds of a precision-recall curve: the format has no room for more


def to_array(value: Any) -> Any:
    """Return a tensor, number or list as a host array of at least one dim."""
    if isinstance(value, TensorBase):
        value = value.detach().cpu().numpy()
    return numpy.atleast_1d(numpy.asarray(value))


def summary(tag: str, **content: Any) -> Any:
    """Return a summary of one value."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, **content)])


def metadata(plugin: str, content: bytes = b"") -> Any:
    """Return what tells TensorBoard which plugin shows a value."""
    from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))


def tensor_of(kind: str, *shape: int, **content: Any) -> Any:
    """Return a tensor of TensorBoard's format; the shape of one number is left out."""
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    dims = [TensorShapeProto.Dim(size=size) for size in shape]
    return TensorProto(dtype=kind, tensor_shape=TensorShapeProto(dim=dims) if shape else None, **content)


def scalar(tag: str, value: Any, new_style: bool = False, double_precision: bool = False) -> Any:
    """Return a number: as a plain one, or as a tensor if ``new_style``."""
    array = to_array(value)
    if array.size != 1:
        raise GuardError(f"add_scalar: {tag!r} must be one number, got shape {array.shape}")
    number = float(array.reshape(()))
    if not new_style:
        return summary(tag, simple_value=number)
    kind, field = ("DT_DOUBLE", "double_val") if double_precision else ("DT_FLOAT", "float_val")
    return summary(tag, metadata=metadata("scalars"), tensor=tensor_of(kind, **{field: [number]}))


FIELDS = {
    "float16": ("DT_HALF", "half_val"), "bfloat16": ("DT_BFLOAT16", "half_val"), "float32": ("DT_FLOAT", "float_val"),
    "float64": ("DT_DOUBLE", "double_val"), "int8": ("DT_INT8", "int_val"), "uint8": ("DT_UINT8", "uint32_val"),
    "int16": ("DT_INT16", "int_val"), "int32": ("DT_INT32", "int_val"), "int64": ("DT_INT64", "int64_val"),
    "bool": ("DT_BOOL", "bool_val"), "complex64": ("DT_COMPLEX64", "scomplex_val"),
    "complex128": ("DT_COMPLEX128", "dcomplex_val"),
}  # fmt: skip


def numbers(tag: str, tensor: Any) -> Any:
    """Return all numbers of a tensor."""
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    if not isinstance(tensor, TensorBase):
        raise WrongTypeError(f"add_tensor: {tag!r} must be a tensor, got {type(tensor).__name__}")
    if tensor.dtype.name not in FIELDS:
        raise ArgumentError(f"add_tensor: {tag!r} has unsupported tensor dtype {tensor.dtype.name}; cast it with .to()")
    kind, field = FIELDS[tensor.dtype.name]
    plain: Any = tensor.detach().cpu()
    if plain.numel() * plain.element_size() >= 1 << 31:
        raise ArgumentError(f"add_tensor: {tag!r} is bigger than protocol buffer's hard limit of 2GB in size")
    content = tensor_of(kind, **{field: plain_numbers(plain, field)})
    content.tensor_shape.CopyFrom(TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in plain.shape]))
    return summary(tag, metadata=metadata("tensor"), tensor=content)


def plain_numbers(tensor: Any, field: str) -> list[Any]:
    """Return the numbers as a field of the format holds them."""
    if field == "half_val":  # as PyTorch does: the bits of float32
        found: list[Any] = tensor.float().numpy().reshape(-1).view("int32").tolist()
        return found
    array = tensor.numpy().reshape(-1)
    parts: list[Any] = (array.view(array.real.dtype) if array.dtype.kind == "c" else array).tolist()
    return parts


def text(tag: str, value: str) -> Any:
    """Return a text, which TensorBoard reads as Markdown."""
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    about = metadata("text", TextPluginData(version=0).SerializeToString())
    content = tensor_of("DT_STRING", 1, string_val=[value.encode()])
    return summary(f"{tag}/text_summary", metadata=about, tensor=content)


def image(tag: str, png: bytes, height: int, width: int, channels: int) -> Any:
    """Return a picture, given as a PNG file."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    picture = Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png)
    return summary(tag, image=picture)


def audio(tag: str, values: Any, sample_rate: int) -> Any:
    """Return a sound, given as numbers in [-1, 1]; others are clipped."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    array = to_array(values).squeeze()
    if array.ndim != 1:
        raise GuardError(f"add_audio: {tag!r} must have one dim, got shape {array.shape}")
    frames = (array.clip(-1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes(frames.tobytes())
    return summary(tag, audio=Summary.Audio(
        sample_rate=sample_rate, num_channels=1, length_frames=len(frames), encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    ))  # fmt: skip


# -- distributions -----------------------------------------------------------------------------------------------------


def default_bins() -> list[float]:
    """Return TensorBoard's bins, which grow by a tenth from 1e-12 to 1e20 on both sides of 0."""
    bins, edge = [], 1e-12
    while edge < 1e20:
        bins.append(edge)
        edge *= 1.1
    return [*(-each for each in reversed(bins)), 0, *bins]


def histogram(tag: str, values: Any, bins: Any, max_bins: int | None) -> Any:
    """Return how many values lie in each bin."""
    values = to_array(values).reshape(-1).astype(float)
    if values.size == 0:
        raise ArgumentError(f"add_histogram: {tag!r} holds no values")
    edges = default_bins() if isinstance(bins, str) and bins == "tensorflow" else bins
    counts, limits = numpy.histogram(values, bins=edges)
    counts, limits = merge_bins(counts, limits, max_bins)
    counts, limits = without_empty_ends(counts, limits)
    return raw_histogram(
        tag, values.min(), values.max(), len(values), values.sum(), values.dot(values), limits.tolist(), counts.tolist()
    )


def merge_bins(counts: Any, limits: Any, max_bins: int | None) -> tuple[Any, Any]:
    """Join neighboring bins so that about ``max_bins`` are left."""
    if max_bins is None or len(counts) <= max_bins:
        return counts, limits
    several = len(counts) // max_bins
    starts = numpy.arange(0, len(counts), several)
    return numpy.add.reduceat(counts, starts), numpy.append(limits[starts], limits[-1])


def without_empty_ends(counts: Any, limits: Any) -> tuple[Any, Any]:
    """Return the counts from one empty bin before the first full one, to the last; each has its upper limit."""
    full = numpy.flatnonzero(counts)
    if full.size == 0:
        raise ArgumentError("add_histogram: all values lie outside of the bins, or are not numbers")
    first, last = full[0], full[-1]
    before = counts[first - 1 : last + 1] if first > 0 else numpy.append(0, counts[: last + 1])
    return before, limits[first : last + 2]


def raw_histogram(
    tag: str, least: Any, largest: Any, number: Any, total: Any, squares: Any, limits: list[float], counts: list[float]
) -> Any:
    """Return a histogram that is given by its counts."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    if len(limits) != len(counts):
        raise ArgumentError(f"add_histogram: {len(limits)} limits for {len(counts)} counts; expected the same number")
    return summary(tag, histo=HistogramProto(
        min=float(least), max=float(largest), num=int(number), sum=float(total), sum_squares=float(squares),
        bucket_limit=limits, bucket=counts,
    ))  # fmt: skip


def pr_curve(tag: str, labels: Any, predictions: Any, thresholds: int, weights: Any) -> Any:
    """Return the precision and recall of predictions in [0, 1] for thresholds at equal distances."""
    thresholds = min(thresholds, LIMIT)
    labels, predictions = to_array(labels).astype(float), to_array(predictions)
    weights = numpy.ones(len(labels)) if weights is None else to_array(weights)
    places = numpy.floor(predictions * (thresholds - 1)).astype(int)
    true, false = (
        numpy.bincount(places, kind * weights, thresholds)[::-1].cumsum()[::-1] for kind in (labels, 1 - labels)
    )
    precision = true / numpy.maximum(1e-7, true + false)
    recall = true / numpy.maximum(1e-7, true[0])
    return raw_pr_curve(tag, (true, false, false[0] - false, true[0] - true, precision, recall), thresholds)


def raw_pr_curve(tag: str, rows: Any, thresholds: int) -> Any:
    """Return a precision-recall curve, given as six rows of numbers."""
    from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData

    table = numpy.stack([to_array(row) for row in rows])
    content = PrCurvePluginData(version=0, num_thresholds=min(thresholds, LIMIT)).SerializeToString()
    tensor = tensor_of("DT_FLOAT", *table.shape, float_val=table.reshape(-1).tolist())
    return summary(tag, metadata=metadata("pr_curves", content), tensor=tensor)


# -- hyperparameters ---------------------------------------------------------------------------------------------------


def hparams(settings: dict[str, Any], metrics: dict[str, Any], domains: dict[str, list[Any]]) -> list[Any]:
    """Return the three summaries that describe a run: its settings and metrics, its start and its end."""
    from tensorboard.plugins.hparams import metadata as names
    from tensorboard.plugins.hparams.api_pb2 import Experiment, HParamInfo, MetricInfo, MetricName, Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import SessionEndInfo, SessionStartInfo

    start, infos = SessionStartInfo(), []
    for name, value in settings.items():
        if value is None:
            continue
        kind, field, plain = describe_value(name, value)
        setattr(start.hparams[name], field, plain)
        info = HParamInfo(name=name, type=kind)
        for each in domains.get(name, ()):
            setattr(info.domain_discrete.values.add(), field, each)
        infos.append(info)
    described = [MetricInfo(name=MetricName(tag=name)) for name in metrics]
    return [
        hparams_record(names.EXPERIMENT_TAG, experiment=Experiment(hparam_infos=infos, metric_infos=described)),
        hparams_record(names.SESSION_START_INFO_TAG, session_start_info=start),
        hparams_record(names.SESSION_END_INFO_TAG, session_end_info=SessionEndInfo(status=Status.STATUS_SUCCESS)),
    ]


def describe_value(name: str, value: Any) -> tuple[str, str, Any]:
    """Return the type of a setting in TensorBoard's format, the field that holds it, and the value."""
    if isinstance(value, bool):
        return "DATA_TYPE_BOOL", "bool_value", value
    if isinstance(value, str):
        return "DATA_TYPE_STRING", "string_value", value
    if isinstance(value, (int, float)):
        return "DATA_TYPE_FLOAT64", "number_value", value
    if isinstance(value, TensorBase):
        return "DATA_TYPE_FLOAT64", "number_value", float(to_array(value)[0])
    raise ArgumentError(f"add_hparams: {name!r} must be an int, float, str, bool or tensor, got {quote(value)}")


def require_domains(settings: Any, metrics: Any, domains: Any) -> None:
    """Raise unless the arguments of ``add_hparams`` are dicts, and the domains lists of values of one type."""
    if type(settings) is not dict or type(metrics) is not dict or not isinstance(domains, dict):
        raise ArgumentTypeError("add_hparams: hparam_dict, metric_dict, hparam_domain_discrete should be dictionaries")
    for name, values in domains.items():
        kind = type(settings.get(name))
        if name not in settings or not isinstance(values, list) or not all(isinstance(each, kind) for each in values):
            raise ArgumentTypeError(
                f"add_hparams: hparam_domain_discrete[{name!r}] should be a list of the type of hparam_dict[{name!r}]"
            )


def hparams_record(tag: str, **content: Any) -> Any:
    from tensorboard.plugins.hparams import metadata as names
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    data = HParamsPluginData(version=names.PLUGIN_DATA_VERSION, **content)
    return summary(tag, metadata=metadata(names.PLUGIN_NAME, data.SerializeToString()))
