"""Receptive fields: how far in the image the pixels lie that one element of a layer's output depends on.

A layer widens the field of its input by its own window, in steps of the input's distance in the image (its stride).
Where branches meet, the widest field counts. Source: Araujo et al., Computing Receptive Fields of Convolutional Neural
Networks, Distill (2019), https://distill.pub/2019/computing-receptive-fields/
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Field(NamedTuple):
    """What one element of a map sees.

    Args:
        size: The height and width of the part of the image, in pixels.
        stride: The distance of neighboring elements, in pixels.
        map: The height and width of the map.
    """

    size: tuple[int, int]
    stride: tuple[Fraction, Fraction]
    map: tuple[int, int]

    def widen(self, kernel: tuple[int, int], step: tuple[Fraction, Fraction], map: tuple[int, int]) -> Field:
        """Return the field behind windows of this size and step."""
        size = [int(n + (k - 1) * s) for n, k, s in zip(self.size, kernel, self.stride, strict=True)]
        stride = [a * b for a, b in zip(self.stride, step, strict=True)]
        return Field((size[0], size[1]), (stride[0], stride[1]), map)

    def whole(self) -> Field:
        """Return the field of what depends on the whole map."""
        one = (Fraction(1), Fraction(1))
        return self.widen(self.map, one, (1, 1))


def field_of(layer: Any, field: Field | None, input: Any, output: Any) -> Field | None:
    """Return the field of a layer's output from that of its input."""
    if field is None:
        return None
    if input.ndim != 4:
        return field.whole() if input.ndim == 2 else field
    has_windows = any(hasattr(layer, each) for each in ("kernel_size", "output_size", "scale_factor"))
    if output.ndim != 4 or not has_windows:  # each element sees what it saw
        return field
    return field.widen(*windows_of(layer, input, output), (output.shape[2], output.shape[3]))


def windows_of(layer: Any, input: Any, output: Any) -> tuple[tuple[int, int], tuple[Fraction, Fraction]]:
    """Return the size of a layer's windows and their step."""
    if hasattr(layer, "kernel_size"):
        step = pair(layer.kernel_size if layer.stride is None else layer.stride)
        dilation = pair(getattr(layer, "dilation", 1))
        kernel = [(k - 1) * d + 1 for k, d in zip(pair(layer.kernel_size), dilation, strict=True)]
        if not getattr(layer, "transposed", False):
            return (kernel[0], kernel[1]), (Fraction(step[0]), Fraction(step[1]))
        seen = [-(-k // s) for k, s in zip(kernel, step, strict=True)]  # inputs that reach one output
        return (seen[0], seen[1]), (Fraction(1, step[0]), Fraction(1, step[1]))
    sides = [(Fraction(before), after) for before, after in zip(input.shape[2:], output.shape[2:], strict=True)]
    kernel = [-(-before // after) for before, after in sides]  # adaptive pooling, interpolation
    return (int(kernel[0]), int(kernel[1])), (sides[0][0] / sides[0][1], sides[1][0] / sides[1][1])


def pair(value: Any) -> tuple[int, int]:
    """Return a number twice, and a pair as it is."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def widest(fields: Iterable[Field]) -> Field | None:
    """Return the field in which several meet: the widest in each direction."""
    known = list(fields)
    if not known:
        return None
    size = [max(field.size[side] for field in known) for side in (0, 1)]
    return known[0]._replace(size=(size[0], size[1]))


class Fields:
    """The fields of the tensors of one pass, found by the graph: what no layer made has the field of its ancestors."""

    def __init__(self, image: Tensor) -> None:
        self.image = image
        self.known: dict[Any, Field] = {}  # by the nodes of tensors
        if image.ndim == 4:
            one = (Fraction(1), Fraction(1))
            self.start: Field | None = Field((1, 1), one, (image.shape[2], image.shape[3]))
        else:
            self.start = None

    def before(self, tensor: Any) -> Field | None:
        """Return the field of a layer's input."""
        if tensor is self.image:
            return self.start
        return widest(self.ancestors(tensor.grad_fn))

    def ancestors(self, node: Any) -> Iterable[Field]:
        """Iterate over the fields of the nearest nodes whose fields are known."""
        queue, seen = [node], {node}
        while queue:
            node = queue.pop()
            if node in self.known:
                yield self.known[node]
                continue
            if self.start is not None and getattr(node, "variable", None) is self.image:
                yield self.start
            new = [each for each, _ in getattr(node, "next_functions", ()) if each not in seen]
            seen.update(new)
            queue += new

    def note(self, tensor: Any, field: Field | None) -> None:
        """Remember the field of a layer's output."""
        if field is not None and tensor.grad_fn is not None:
            self.known[tensor.grad_fn] = field
