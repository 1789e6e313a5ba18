"""Records of TensorBoard's format that describe several curves, meshes and graphs; see ``summaries`` for the others."""

from __future__ import annotations

import json
from typing import Any

from minitensor.errors import GuardError, MissingExtraError
from minitensor.utils.tensorboard.summaries import metadata, summary, tensor_of, to_array


def custom_scalars(layout: dict[str, dict[str, Any]]) -> Any:
    """Return the description of charts that show several curves, by their titles, by their categories."""
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.plugins.custom_scalar.layout_pb2 import Category, Layout

    categories = [
        Category(title=category, chart=[chart(title, *content[:2]) for title, content in titles.items()])
        for category, titles in layout.items()
    ]
    written = Layout(category=categories).SerializeToString()
    number = TensorProto(dtype="DT_STRING", string_val=[written], tensor_shape=TensorShapeProto())
    return summary("custom_scalars__config__", metadata=metadata("custom_scalars"), tensor=number)


def chart(title: str, kind: str, tags: list[str]) -> Any:
    """Return the description of a chart: of a curve between two others if its kind is "Margin"."""
    from tensorboard.plugins.custom_scalar.layout_pb2 import Chart, MarginChartContent, MultilineChartContent

    if kind != "Margin":
        return Chart(title=title, multiline=MultilineChartContent(tag=tags))
    if len(tags) != 3:
        raise GuardError(f"custom_scalars: a Margin chart has 3 tags (a curve, its lower and upper bound), got {tags}")
    series = MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
    return Chart(title=title, margin=MarginChartContent(series=[series]))


def mesh(tag: str, vertices: Any, colors: Any, faces: Any, settings: Any) -> Any:
    """Return points, triangles and colors, each as a tensor of its own."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.mesh import metadata as meshes
    from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData as Kinds

    given = [(vertices, Kinds.VERTEX), (faces, Kinds.FACE), (colors, Kinds.COLOR)]
    parts = [(to_array(each), kind) for each, kind in given if each is not None]
    components = meshes.get_components_bitmask([kind for _, kind in parts])
    text = "{}" if settings is None else json.dumps(settings, sort_keys=True)
    values = []
    for array, kind in parts:
        if array.ndim != 3:
            raise GuardError(f"add_mesh: {tag!r} must have shape (batch, number, 3), got {array.shape}")
        about = meshes.create_summary_metadata(
            tag, None, kind, components, array.shape, None, json_config=text
        )
        content = tensor_of("DT_FLOAT", *array.shape, float_val=array.reshape(-1).tolist())
        values.append(Summary.Value(tag=meshes.get_instance_name(tag, kind), tensor=content, metadata=about))
    return Summary(value=values)


def load_onnx_graph(path: Any) -> Any:
    """Return the graph in a file of ONNX's format, in TensorBoard's."""
    try:
        import onnx
    except ImportError:
        raise MissingExtraError.of("onnx", "onnx") from None
    return convert_onnx_graph(onnx.load(path).graph)


def convert_onnx_graph(graph: Any) -> Any:
    """Return a graph of ONNX's in TensorBoard's format: its inputs and outputs, then its operations."""
    from tensorboard.compat.proto.graph_pb2 import GraphDef
    from tensorboard.compat.proto.versions_pb2 import VersionDef

    nodes = [describe_end(each) for each in (*graph.input, *graph.output)]
    nodes += [describe_operation(each) for each in graph.node]
    return GraphDef(node=nodes, versions=VersionDef(producer=22))


def describe_end(value: Any) -> Any:
    """Return the node of an input or output, with its type and shape."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    kind = value.type.tensor_type
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=each.dim_value) for each in kind.shape.dim])
    attributes = {"dtype": AttrValue(type=kind.elem_type), "shape": AttrValue(shape=shape)}
    return NodeDef(name=value.name, op="Variable", input=[], attr=attributes)


def describe_operation(node: Any) -> Any:
    """Return the node of an operation, named after its first output, with its attributes as text."""
    from tensorboard.compat.proto.attr_value_pb2 import AttrValue
    from tensorboard.compat.proto.node_def_pb2 import NodeDef

    words = [" = ".join(str(content) for _, content in each.ListFields()) for each in node.attribute]
    attributes = {"parameters": AttrValue(s=", ".join(words).encode())}
    return NodeDef(name=node.output[0], op=node.op_type, input=node.input, attr=attributes)
