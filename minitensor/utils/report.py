"""The report of a network: for each layer, shapes, parameters, work, memory and receptive field; then the totals.

The network runs once on the device "meta", as a copy that shares nothing with the original and has no memory.
``measure_memory`` runs it for real, to hold what is computed against what is measured.
"""

from __future__ import annotations

import copy
import html
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.interpreters import interpreted_by
from minitensor.autograd.mode import enable_grad, no_grad
from minitensor.base import TensorBase
from minitensor.dtypes import dtype as Dtype
from minitensor.errors import ArgumentTypeError, MinitensorError, ShapeValueError
from minitensor.ops.creation import zeros
from minitensor.utils._pytree import tree_leaves
from minitensor.utils.fields import Field, Fields, field_of, pair
from minitensor.utils.flops import flops_of

if TYPE_CHECKING:
    from minitensor.autograd.interpreters import Call
    from minitensor.tensor import Tensor

Shape = tuple[int, ...]
Module = Any  # an nn.Module: nn stands above, and what is asked of modules is asked by their methods

COLUMNS = ("layer", "kind", "output", "parameters", "multiply-adds", "activations", "field", "stride")


class Row(NamedTuple):
    """A line of a report: one call of a layer.

    Args:
        name: The layer's name in the network.
        kind: The name of its class.
        output_shape: The shape of its output, with the batch.
        weights: The number of its weights.
        biases: The number of its biases, and of other parameters.
        multiply_adds: How many products are added up.
        activations: The number of elements of its output, 0 if it makes no new memory (a view, or in place).
        field: The receptive field of an element of its output, or None if there is no image.
        uncovered: The rows and columns at the end of its input that no window covers.

    >>> import minitensor as torch
    >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).rows[0].weights
    6
    """

    name: str
    kind: str
    output_shape: Shape
    weights: int
    biases: int
    multiply_adds: int
    activations: int
    field: Field | None
    uncovered: tuple[int, int]

    @property
    def parameters(self) -> int:
        """The number of weights and biases.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).rows[0].parameters
        8
        """
        return self.weights + self.biases

    def cells(self) -> tuple[str, ...]:
        """Return the text of each column.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).rows[0].cells()[2:6]
        ('(1, 2)', '8', '6', '2')
        """
        loss = f" (loses {self.uncovered[0]}x{self.uncovered[1]})" if any(self.uncovered) else ""
        numbers = [f"{n:,}" for n in (self.parameters, self.multiply_adds, self.activations)]
        seen = ("", "") if self.field is None else (sides(self.field.size), sides(self.field.stride))
        return (self.name, self.kind, f"{self.output_shape}{loss}", *numbers, *seen)


class Report:
    """What ``summary`` returns: the rows of a network, and its totals. Print it, or let a notebook show it.

    Args:
        rows: The layers in the order of their calls.
        input_elements: The number of elements of the input.
        parameters: The number of different parameters.
        trainable: The number of those that require grad.
        itemsize: The bytes of one element.
        caches: How many tensors the optimizer keeps for each parameter.
        live: The most activations that are needed at once without a graph: the input and the output of one layer.

    >>> import minitensor as torch
    >>> report = torch.utils.summary(torch.nn.Linear(3, 2), (3,))
    >>> report.parameters, report.multiply_adds, report.activations
    (8, 6, 5)
    """

    def __init__(
        self,
        rows: Sequence[Row],
        input_elements: int,
        parameters: int,
        trainable: int,
        itemsize: int,
        caches: int,
        live: int,
    ) -> None:
        self.rows = tuple(rows)
        self.input_elements = input_elements
        self.parameters = parameters
        self.trainable = trainable
        self.itemsize = itemsize
        self.caches = caches
        self.live = live

    @property
    def multiply_adds(self) -> int:
        """The products that are added up in a forward pass.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).multiply_adds
        6
        """
        return sum(row.multiply_adds for row in self.rows)

    @property
    def activations(self) -> int:
        """The elements of the input and of all layers' outputs.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).activations
        5
        """
        return self.input_elements + sum(row.activations for row in self.rows)

    @property
    def memory(self) -> dict[str, int]:
        """Bytes: of parameters, of activations while training (values and gradients) and at inference, and in all.

        At inference only the input and the output of the layer at work are alive. While training, a parameter has a
        value, a gradient, and the optimizer's caches.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,), caches=2).memory["training"]
        168
        """
        size = self.itemsize
        parameters = self.parameters * size
        gradients = self.trainable * size
        caches = gradients * self.caches
        activations = 2 * self.activations * size
        return {
            "parameters": parameters,
            "gradients": gradients,
            "optimizer": caches,
            "activations_training": activations,
            "activations_inference": self.live * size,
            "training": parameters + gradients + caches + activations,
            "inference": parameters + self.live * size,
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain dicts, lists and numbers.

        >>> import minitensor as torch
        >>> torch.utils.summary(torch.nn.Linear(3, 2), (3,)).as_dict()["rows"][0]["kind"]
        'Linear'
        """
        rows = []
        for row in self.rows:
            field = None if row.field is None else {
                "size": list(row.field.size), "stride": [float(side) for side in row.field.stride],
            }  # fmt: skip
            rows.append(row._asdict() | {"field": field, "output_shape": list(row.output_shape)})
        totals = {name: getattr(self, name) for name in ("parameters", "trainable", "multiply_adds", "activations")}
        return {"rows": rows, **totals, "memory": self.memory}

    def totals(self) -> Iterator[str]:
        """Iterate over the lines below the table.

        >>> import minitensor as torch
        >>> next(torch.utils.summary(torch.nn.Linear(3, 2), (3,)).totals())
        'parameters: 8 (8 trainable)'
        """
        memory = self.memory
        yield f"parameters: {self.parameters:,} ({self.trainable:,} trainable)"
        yield f"multiply-adds: {self.multiply_adds:,}"
        yield f"activations: {self.activations:,} ({megabytes(self.activations * self.itemsize)})"
        yield (
            f"memory at inference: {megabytes(memory['inference'])} ({megabytes(memory['parameters'])} parameters, "
            f"{megabytes(memory['activations_inference'])} live activations)"
        )
        yield (
            f"memory while training: {megabytes(memory['training'])} ({megabytes(memory['parameters'])} parameters, "
            f"{megabytes(memory['gradients'])} gradients, {megabytes(memory['optimizer'])} optimizer, "
            f"{megabytes(memory['activations_training'])} activations)"
        )

    def __str__(self) -> str:
        table = [COLUMNS, *(row.cells() for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(align, cells, widths, range(len(cells)))).rstrip() for cells in table]
        return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:], "", *self.totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{title}</th>" for title in COLUMNS)
        body = "".join(f"<tr>{''.join(map(html_cell, row.cells(), range(len(COLUMNS))))}</tr>" for row in self.rows)
        totals = "<br>".join(map(html.escape, self.totals()))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{totals}</p>"


def summary(
    model: Module,
    input_size: Sequence[int] | Sequence[Sequence[int]],
    *,
    batch_size: int = 1,
    dtype: Dtype | None = None,
    caches: int = 2,
    strict: bool = False,
) -> Report:
    """Report a network layer by layer, without computing it.

    The network runs in evaluation mode on the device "meta". It is not changed, and no memory is allocated.

    Args:
        model: The network.
        input_size: The shape of an input without the batch, such as (3, 224, 224), or a sequence of shapes.
        batch_size: The number of inputs in the batch. Default: ``1``
        dtype: The input's type. Default: ``None``, that of the network's parameters
        caches: How many tensors the optimizer keeps for each parameter: 0 for SGD, 1 with momentum, 2 for Adam.
            Default: ``2``
        strict: Raise if windows of a convolution or of pooling do not fit, so that rows or columns are lost.
            Default: ``False``

    Raises:
        ValueError: If ``strict``, and windows do not fit; the message names the layers and what they lose.
        TypeError: If ``input_size`` is neither a shape nor a sequence of shapes.
        RuntimeError: If the network refuses an input of that shape, for example because it has the batch in it.

    >>> import minitensor as torch
    >>> from minitensor import nn
    >>> model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> print(torch.utils.summary(model, (3, 8, 8)))
    layer  kind     output        parameters  multiply-adds  activations  field  stride
    -----------------------------------------------------------------------------------
    0      Conv2d   (1, 4, 6, 6)         112          3,888          144  3x3    1x1
    1      ReLU     (1, 4, 6, 6)           0              0          144  3x3    1x1
    2      Flatten  (1, 144)               0              0            0  3x3    1x1
    3      Linear   (1, 2)               290            288            2  8x8    1x1
    <BLANKLINE>
    parameters: 402 (402 trainable)
    multiply-adds: 4,176
    activations: 482 (0.0 MB)
    memory at inference: 0.0 MB (0.0 MB parameters, 0.0 MB live activations)
    memory while training: 0.0 MB (0.0 MB parameters, 0.0 MB gradients, 0.0 MB optimizer, 0.0 MB activations)
    """
    bare = without_memory(model).eval()
    kind = next((parameter.dtype for parameter in bare.parameters()), None) if dtype is None else dtype
    inputs = [zeros((batch_size, *shape), dtype=kind, device="meta") for shape in shapes_from(input_size)]
    observer = Observer(bare, inputs)
    with enable_grad(), interpreted_by(observer), observer:
        run_bare(bare, inputs)
    if strict:
        require_fit(observer.rows)
    parameters = list(model.parameters())
    return Report(
        observer.rows,
        sum(each.numel() for each in inputs),
        sum(each.numel() for each in parameters),
        sum(each.numel() for each in parameters if each.requires_grad),
        inputs[0].element_size(),
        caches,
        observer.live,
    )


def run_bare(bare: Module, inputs: Sequence[Tensor]) -> None:
    """Run a network; if it refuses the inputs, say of which shapes they are and where the batch comes from."""
    try:
        bare(*inputs)
    except MinitensorError as error:
        shapes = ", ".join(str(tuple(each.shape)) for each in inputs)
        error.args = (
            f"summary: the network refuses inputs of shape {shapes}: {error}\n"
            "input_size is the shape of an input without the batch, which is added in front; see batch_size=",
        )
        raise


def shapes_from(input_size: Any) -> list[Shape]:
    """Return the shapes of inputs: one shape or a sequence of them. ``()`` is the shape of a number."""
    if isinstance(input_size, (tuple, list)):
        if all(isinstance(each, int) for each in input_size):
            return [require_sizes(input_size)]
        if all(isinstance(each, (tuple, list)) and all(isinstance(n, int) for n in each) for each in input_size):
            return [require_sizes(each) for each in input_size]
    raise ArgumentTypeError(f"summary: input_size must be a shape or a sequence of shapes, got {input_size!r}")


def require_sizes(shape: Sequence[int]) -> Shape:
    """Return a shape; raise if a size is negative."""
    if any(each < 0 for each in shape):
        raise ShapeValueError(f"summary: sizes must not be negative, got {tuple(shape)}")
    return tuple(shape)


def measure_memory(model: Module, *inputs: Tensor) -> dict[str, int]:
    """Run a network and measure the most memory that was in use beyond the network itself.

    The network runs three times, twice of them without a graph: the first run is not measured.

    Args:
        model: The network, on the CPU. Its gradients are added to, as by any backward pass.
        inputs: Its inputs.

    Returns:
        Peaks in bytes: ``"inference"`` of a pass without a graph, ``"training"`` of a pass forward and backward.

    >>> import minitensor as torch
    >>> peaks = torch.utils.measure_memory(torch.nn.Linear(100, 100), torch.ones(1000, 100))
    >>> 400_000 <= peaks["inference"] < peaks["training"]
    True
    """

    def infer() -> None:
        with no_grad():
            model(*inputs)

    def train() -> None:
        outputs = model(*inputs)
        first = outputs if isinstance(outputs, TensorBase) else outputs[0]
        first.sum().backward()

    infer()  # what the first call alone needs, such as imports, is no memory of the network
    return {"inference": peak(infer), "training": peak(train)}


def peak(run: Callable[[], None]) -> int:
    """Return the most memory in use while a function runs, beyond that before."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not was_tracing:
            tracemalloc.stop()


def without_memory(model: Module) -> Module:
    """Return a copy of a network, all of whose tensors are on the device "meta"."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for tensor in tensors_of(module):
            bare = tensor.detach().to("meta").requires_grad_(tensor.requires_grad)
            memo[id(tensor)] = tensor.__class__(bare) if type(tensor).__name__ == "Parameter" else bare
    return copy.deepcopy(model, memo)


def tensors_of(module: Module) -> Iterator[Any]:
    """Iterate over a module's own parameters and buffers, and the tensors among its attributes."""
    for values in (module._parameters, module._buffers, vars(module)):
        yield from (value for value in values.values() if isinstance(value, TensorBase))


class Observer:
    """Watches a forward pass: an interpreter counts products, hooks note the output of each layer."""

    def __init__(self, model: Module, inputs: Sequence[Tensor]) -> None:
        self.rows: list[Row] = []
        self.products = 0  # since the last layer
        self.live = 0
        self.layers = list(layers_of(model))
        image = inputs[0]
        if image.dtype.is_floating_point:
            image.requires_grad_()
        self.fields = Fields(image)
        self.handles: list[Any] = []
        self.open: list[Field | None] = []  # the fields of the inputs of layers that have begun

    def __enter__(self) -> None:
        for name, layer in self.layers:
            if is_row(layer):
                self.handles.append(layer.register_forward_pre_hook(self.start))
                self.handles.append(layer.register_forward_hook(self.note(name)))
            else:
                self.handles.append(layer.register_forward_hook(self.note_own(name)))

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()

    def interpret(self, call: Call) -> Any:
        """Run a call, and count its products."""
        shapes = [tuple(each.shape) for each in call.args if isinstance(each, TensorBase)]
        result = call.proceed()
        if isinstance(result, TensorBase):
            self.products += flops_of(call.op.name, shapes, tuple(result.shape)) // 2
        return result

    def start(self, layer: Module, inputs: tuple[Any, ...]) -> None:
        """Note that a layer begins."""
        self.products = 0
        first = first_tensor(inputs)
        self.open.append(None if first is None else self.fields.before(first))

    def note(self, name: str) -> Callable[..., None]:
        """Return the hook that writes a layer's row."""

        def write(layer: Module, inputs: tuple[Any, ...], output: Any) -> None:
            before = self.open.pop()
            result, first = first_tensor(output), first_tensor(inputs)
            if result is None or first is None:
                return
            field = field_of(layer, before, first, result)
            self.fields.note(result, field)
            made = 0 if is_same_memory(first, result) else result.numel()
            self.live = max(self.live, first.numel() + made)
            weights, biases = count_parameters(layer)
            lost = count_remainder(layer, first)
            kind, shape = type(layer).__name__, tuple(result.shape)
            self.rows.append(Row(name, kind, shape, weights, biases, self.products, made, field, lost))

        return write

    def note_own(self, name: str) -> Callable[..., None]:
        """Return the hook that writes the row of a block's own parameters."""

        def write(block: Module, inputs: tuple[Any, ...], output: Any) -> None:
            result = first_tensor(output)
            if result is None:
                return
            own = sum(each.numel() for each in block.parameters(recurse=False))
            shape, field = tuple(result.shape), self.fields.before(result)
            self.rows.append(Row(name, type(block).__name__, shape, own, 0, 0, 0, field, (0, 0)))

        return write


def first_tensor(values: Any) -> Any:
    """Return the first tensor in what a layer takes or returns, which may be a tuple or dict of them; None without."""
    return next((each for each in tree_leaves(values) if isinstance(each, TensorBase)), None)


def layers_of(model: Module) -> Iterator[tuple[str, Module]]:
    """Iterate over the layers, and over the blocks that have parameters of their own."""
    inside: set[int] = set()
    for name, module in model.named_modules():
        if id(module) in inside:
            continue
        if is_row(module):
            inside.update(map(id, module.modules()))
        if is_row(module) or module._parameters:
            yield name or type(module).__name__, module


def is_row(module: Module) -> bool:
    """Whether a module is a layer: it has no children, or is attention, which does not call them."""
    return hasattr(module, "in_proj_weight") or not any(True for _ in module.children())


def count_parameters(layer: Module) -> tuple[int, int]:
    """Return the numbers of a layer's weights, and of its other parameters."""
    counts = [(name, each.numel()) for name, each in layer.named_parameters()]
    weights = sum(n for name, n in counts if "weight" in name)
    return weights, sum(n for _, n in counts) - weights


def is_same_memory(input: Any, output: Any) -> bool:
    """Whether a layer's output is its input or a view of it."""
    return output is input or output._base is not None or output.untyped_storage() is input.untyped_storage()


def count_remainder(layer: Any, input: Any) -> tuple[int, int]:
    """Return how many rows and columns at the end no window of a convolution or of pooling covers."""
    windowed = hasattr(layer, "kernel_size") and not getattr(layer, "transposed", False)
    if not windowed or input.ndim != 4 or getattr(layer, "ceil_mode", False) or isinstance(layer.padding, str):
        return 0, 0
    steps = pair(layer.kernel_size if layer.stride is None else layer.stride)
    numbers = [input.shape[2:], *map(pair, (layer.kernel_size, layer.padding, getattr(layer, "dilation", 1))), steps]
    lost = [(n + 2 * p - d * (k - 1) - 1) % s for n, k, p, d, s in zip(*numbers, strict=True)]
    return lost[0], lost[1]


def require_fit(rows: Sequence[Row]) -> None:
    """Raise if a layer loses rows or columns."""
    losing = [row for row in rows if any(row.uncovered)]
    if losing:
        found = [f"{row.name} ({row.kind}) loses {row.uncovered[0]} rows, {row.uncovered[1]} columns" for row in losing]
        raise ShapeValueError(
            f"summary: windows do not fit: {'; '.join(found)}; change the size of the input, the padding or the stride"
        )


def sides(pair: Sequence[Any]) -> str:
    """Return height and width as text."""
    return "x".join(f"{float(side):g}" if side != int(side) else str(int(side)) for side in pair)


def megabytes(count: int) -> str:
    """Return a number of bytes as text."""
    return f"{count / 1e6:,.1f} MB"


def align(text: str, width: int, column: int) -> str:
    """Return a cell: numbers stand on the right."""
    return text.rjust(width) if 3 <= column <= 5 else text.ljust(width)


def html_cell(text: str, column: int) -> str:
    """Return a cell of the table for notebooks."""
    style = ' style="text-align: right"' if 3 <= column <= 5 else ""
    return f"<td{style}>{html.escape(text)}</td>"
