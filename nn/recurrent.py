"""Recurrent layers: RNN, LSTM and GRU over whole sequences, in several layers and both directions.

A layer keeps its parameters under PyTorch's names, ``weight_ih_l0``, ``weight_hh_l0_reverse``, and runs each direction
as one scan of ``functional.recurrent``. Sequences of several lengths come packed (``nn.utils.rnn``).
``recurrent_cell.py`` has the layers that take one step.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from minitensor.autograd.last_steps import name_node
from minitensor.autograd.protocol import casting
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.callers import user_level
from minitensor.dtypes import promote_types
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError, WrongTypeError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.functional.recurrent import GRU as GRU_CELL
from minitensor.nn.functional.recurrent import LSTM as LSTM_CELL
from minitensor.nn.functional.recurrent import RELU, TANH, Cell, lstm_step, scan
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.nn.utils.rnn import PackedSequence
from minitensor.ops.creation import empty, zeros
from minitensor.ops.join import cat, stack
from minitensor.ops.operand import require_tensors
from minitensor.ops.ranges import arange
from minitensor.profiler.labels import operation

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

CELLS: dict[str, tuple[Cell, int]] = {
    "RNN_TANH": (TANH, 1), "RNN_RELU": (RELU, 1), "LSTM": (LSTM_CELL, 4), "GRU": (GRU_CELL, 3),
}  # fmt: skip
# The order in which gradients arrive in PyTorch, with biases and without.
TURNS = {
    True: ("weight_hr", "bias_hh", "weight_hh", "bias_ih", "weight_ih", "rows"),
    False: ("weight_hr", "weight_hh", "rows", "weight_ih"),
}


class Steps(NamedTuple):
    """How the rows of a batch of sequences lie in time: (L, N) all present, or fewer, packed."""

    length: int
    batch: int
    present: Tensor | None  # (L, N) bools, if the sequences are packed

    def spread(self, rows: Tensor) -> Tensor:
        """Return packed rows (sum, F) as (L, N, F), with zeros for the missing ones."""
        if self.present is None:
            return rows
        padded = zeros((self.length, self.batch, rows.shape[-1]), dtype=rows.dtype, device=rows.device)
        return padded.index_put(self.present.nonzero(as_tuple=True), rows)

    def gather(self, padded: Tensor) -> Tensor:
        """Return the rows that are present."""
        return padded if self.present is None else padded[self.present]

    def mask(self, like: Tensor) -> Any:
        """Return an array (L, N, 1) of ones and zeros, or None if all rows are present."""
        return None if self.present is None else self.present.unsqueeze(-1).to(like.dtype).array


class RNNBase(Module):
    """The base class of RNN, LSTM and GRU: layers, directions, packed sequences and states.

    All parameters are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).

    Args:
        mode: ``"RNN_TANH"``, ``"RNN_RELU"``, ``"LSTM"`` or ``"GRU"``.
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        num_layers: Number of layers; each takes the output of the one below. Default: ``1``.
        bias: Learn the biases. Default: ``True``.
        batch_first: Inputs and outputs are (N, L, ...), not (L, N, ...); states are not. Default: ``False``.
        dropout: Probability of dropout on the output of each layer except the last. Default: ``0.0``.
        bidirectional: Run each layer in both directions, and concatenate the outputs. Default: ``False``.
        proj_size: Must be 0, except for LSTM. Default: ``0``.
        device, dtype: Where the parameters lie, and their type.

    Raises:
        ValueError: If a size, ``num_layers``, ``dropout``, ``proj_size``, or the ``mode`` unknown is out of range; when
            called, if the input does not have 2 or 3 dims or the dtype of the parameters.
        TypeError: If a size is not an int or ``bias`` not a bool; when called, if the input is not a tensor or
            ``PackedSequence``.
        ShapeError: When called, if the sequence is empty, or the input or ``hx`` does not have the expected size.

    >>> import minitensor as torch
    >>> torch.nn.RNNBase("GRU", 3, 4)
    RNNBase(3, 4)
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if mode not in CELLS:
            raise ArgumentError(f"Unrecognized RNN mode: {mode}; expected one of {', '.join(CELLS)}")
        check_flags(bias=bias, batch_first=batch_first)
        sizes = {"input_size": input_size, "hidden_size": hidden_size}
        check_sizes(mode, sizes, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                names = []
                for name, shape in self.shapes(layer).items():
                    names.append(f"{name}_l{layer}{suffix}")
                    setattr(self, names[-1], Parameter(empty(shape, **made)))
                self._all_weights.append(names)
        self.reset_parameters()

    @property
    def directions(self) -> int:
        """The number of directions."""
        return 2 if self.bidirectional else 1

    def shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Return the shapes of a layer's parameters, for each direction."""
        gates = CELLS[self.mode][1] * self.hidden_size
        state = self.proj_size or self.hidden_size
        entering = self.input_size if layer == 0 else state * self.directions
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, entering), "weight_hh": (gates, state)}
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        return {**shapes, "weight_hr": (self.proj_size, self.hidden_size)} if self.proj_size else shapes

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        draw(self, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    # PyTorch's lists of the same without nesting, which programs that exchange weights read.
    _flat_weights_names = property(lambda self: [name for names in self._all_weights for name in names])
    _flat_weights = property(lambda self: [weight for weights in self.all_weights for weight in weights])

    def flatten_parameters(self) -> None:
        """Do nothing: parameters need not be contiguous here."""

    # -- running

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the output and the last states, starting from the states ``hx``, or from zeros."""
        if isinstance(input, PackedSequence):
            return self.forward_sequences(input, hx)
        self.check_input(input)
        batched = input.ndim == 3
        rows = (input.transpose(0, 1) if self.batch_first else input) if batched else input.unsqueeze(1)
        first = self.first_states(hx, rows.shape[1], rows, batched)
        with operation(self.mode.lower(), rows):
            output, last = self.run(rows, first, Steps(rows.shape[0], rows.shape[1], None))
        name_node(output, self.last_step(output))
        if not batched:
            return output.squeeze(1), self.states_of([each.squeeze(1) for each in last])
        if self.batch_first:
            output = output.transpose(0, 1)
            name_node(output, "" if self.mode == "LSTM" else "TransposeBackward1")  # PyTorch transposes in place
        return output, self.states_of(last)

    def last_step(self, output: Tensor) -> str:
        """Return PyTorch's name of the step that joins the outputs over time."""
        if self.bidirectional:
            return "Cat"
        is_one = self.mode == "LSTM" and output.dtype.name == "float32" and not self.proj_size
        return "MkldnnRnnLayer" if is_one else "Stack"

    def forward_sequences(self, input: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        """Run over sequences of several lengths; states are in the order in which the sequences were given."""
        data, sizes, order, restore = input
        self.check_width(data)
        batch = int(sizes[0])
        present = (arange(batch) < sizes.unsqueeze(1)).to(data.device)
        first = self.first_states(hx, batch, data, True)
        if order is not None:
            first = [each.index_select(1, order) for each in first]
        with operation(self.mode.lower(), data):
            output, last = self.run(data, first, Steps(sizes.numel(), batch, present))
        name_node(output, "Cat")
        if restore is not None:
            last = [each.index_select(1, restore) for each in last]
        return PackedSequence(output, sizes, order, restore), self.states_of(last)

    def run(self, rows: Tensor, first: list[Tensor], steps: Steps) -> tuple[Tensor, list[Tensor]]:
        """Run all layers over rows; return the last layer's rows, and the last states of all."""
        last: list[list[Tensor]] = [[] for _ in first]
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(self.directions):
                place = layer * self.directions + direction
                states = self.run_direction(rows, place, [each[place] for each in first], steps, direction == 1)
                outputs.append(steps.gather(states[0]))
                for collected, each in zip(last, states):
                    collected.append(each[0] if direction else each[-1])
            rows = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
            if self.dropout and layer + 1 < self.num_layers:
                rows = F.dropout(rows, self.dropout, self.training)
        return rows, [stack(each) for each in last]

    def run_direction(
        self, rows: Tensor, place: int, first: list[Tensor], steps: Steps, backwards: bool
    ) -> list[Tensor]:
        """Run one direction of a layer; return its states (L, N, size) over time."""
        cell = CELLS[self.mode][0]
        given: dict[str, Any] = {**dict(zip(self.shapes(0), self.all_weights[place])), "rows": rows}
        turns = TURNS["bias_ih" in given]
        given.update(zip(turns, in_turn(*[given.get(name) for name in turns]), strict=True))
        bias, bias_hh = given.get("bias_ih"), given.get("bias_hh")
        # A GRU multiplies the second bias by a gate; elsewhere only the sum of both counts.
        if bias is not None and bias_hh is not None and self.mode != "GRU":
            bias = bias + bias_hh
        entering = steps.spread(F.linear(given["rows"], given["weight_ih"], bias))
        mask = steps.mask(rows)
        if given.get("weight_hr") is not None:
            return run_with_projection(entering, given["weight_hh"], given["weight_hr"], first, mask, backwards)
        tensors = [entering, given["weight_hh"]]
        if self.mode == "GRU":
            tensors[0] = entering.to(promote_types(entering.dtype, first[0].dtype))  # autocast leaves the state wide
            size = 3 * self.hidden_size
            tensors.append(zeros(size, dtype=rows.dtype, device=rows.device) if bias_hh is None else bias_hh)
        return list(scan(cell, [*tensors, *first], mask, backwards).unbind(0))

    # -- states

    def first_states(self, hx: Any, batch: int, like: Tensor, batched: bool) -> list[Tensor]:
        """Return the first states (layers * directions, N, size): zeros, or those given, checked."""
        count, size = self.num_layers * self.directions, self.proj_size or self.hidden_size
        if hx is None:
            return [zeros((count, batch, size), dtype=like.dtype, device=like.device)]
        return [self.check_state(hx, (count, batch, size), batched, "hx")]

    def check_state(self, state: Any, shape: tuple[int, ...], batched: bool, name: str) -> Tensor:
        """Return a given first state with a batch dim."""
        require_tensors(type(self).__name__, **{name: state})
        wanted = shape if batched else (shape[0], shape[2])
        if tuple(state.shape) != wanted:
            raise ShapeError(
                f"{type(self).__name__}: Expected hidden size {wanted} for {name}, got {tuple(state.shape)}"
            )
        checked: Tensor = state if batched else state.unsqueeze(1)
        return checked

    def states_of(self, last: list[Tensor]) -> Any:
        """Return the last states in the form that users get."""
        return last[0]

    # -- checks and text

    def check_input(self, input: Tensor) -> None:
        """Raise unless the input has the right type, rank, length, dtype and width."""
        if not isinstance(input, TensorBase):
            raise WrongTypeError(f"{self.mode}: input must be a tensor or a PackedSequence, not {type(input).__name__}")
        if input.ndim not in (2, 3):
            raise ArgumentError(
                f"{self.mode}: Expected input to be 2D or 3D, got {input.ndim}D tensor of {tuple(input.shape)} instead"
            )
        if not input.shape[1 if input.ndim == 3 and self.batch_first else 0]:
            raise ShapeError(
                f"{self.mode}: Expected sequence length to be larger than 0, got input of shape {tuple(input.shape)}"
            )
        if input.dtype != self.weight_ih_l0.dtype and casting.get() is None:
            raise ArgumentError(
                f"{self.mode}: input must have the dtype of the parameters, {self.weight_ih_l0.dtype.name}, got "
                f"{input.dtype.name}; cast with .to(...)"
            )
        self.check_width(input)

    def check_width(self, input: Tensor) -> None:
        """Raise unless the input has the right width."""
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]} (input {tuple(input.shape)})"
            )

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout:
            text += f", dropout={self.dropout}"
        return text + (f", bidirectional={self.bidirectional}" if self.bidirectional else "")


def draw(module: Module, hidden_size: int) -> None:
    """Draw all parameters of a module from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
    bound = 1 / math.sqrt(hidden_size) if hidden_size > 0 else 0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


def run_with_projection(
    entering: Tensor, weight: Tensor, projection: Tensor, first: list[Tensor], mask: Any, backwards: bool
) -> list[Tensor]:
    """Run an LSTM whose h is multiplied by a matrix at each step, in tensor operations."""
    h, c = first
    states = []
    for t in reversed(range(entering.shape[0])) if backwards else range(entering.shape[0]):
        new_h, new_c = lstm_step((entering, weight), entering[t], (h, c))
        new_h = new_h @ projection.t()
        if mask is not None:
            present = entering.new_tensor(mask[t])
            new_h, new_c = h + present * (new_h - h), c + present * (new_c - c)
        h, c = new_h, new_c
        states.append((h, c))
    return [stack(each[::-1] if backwards else each) for each in zip(*states)]


def check_flags(**flags: Any) -> None:
    """Raise unless all are bools."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ArgumentTypeError(f"{name} should be of type bool, got: {type(flag).__name__}")


def check_sizes(mode: str, sizes: dict[str, int], num_layers: int, dropout: float, proj_size: int) -> None:
    """Raise if an option is out of range."""
    if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
        raise ArgumentError(
            f"dropout should be a number in range [0, 1] representing the probability of an element being zeroed, got "
            f"{dropout!r}"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=user_level(),
        )
    for name, size in sizes.items():
        if not isinstance(size, int):
            raise ArgumentTypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ArgumentError(f"{name} must be greater than zero, got {size}")
    if num_layers <= 0:
        raise ArgumentError(f"num_layers must be greater than zero, got {num_layers}")
    if proj_size and mode != "LSTM":
        raise ArgumentError(f"proj_size argument is only supported for LSTM, not RNN or GRU, got {proj_size}")
    if not 0 <= proj_size < sizes["hidden_size"]:
        raise ArgumentError(f"proj_size has to be at least zero and smaller than hidden_size, got {proj_size}")


class RNN(RNNBase):
    """Recurrent network of simple units (Elman 1990).

    For each step t, with tanh or relu as the nonlinearity::

        h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)

    All parameters are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        num_layers: Number of layers; each takes the output of the one below. Default: ``1``.
        nonlinearity: ``"tanh"`` or ``"relu"``. Default: ``"tanh"``.
        bias: Learn the biases. Default: ``True``.
        batch_first: Inputs and outputs are (N, L, ...), not (L, N, ...); states are not. Default: ``False``.
        dropout: Probability of dropout on the output of each layer except the last. Default: ``0.0``.
        bidirectional: Run each layer in both directions, and concatenate the outputs. Default: ``False``.
        proj_size: Must be 0, except for LSTM. Default: ``0``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (L, N, input_size), (N, L, input_size) with ``batch_first``, (L, input_size), or a ``PackedSequence``
        - Hx: (num_layers D, N, hidden_size), or without N, where D = 2 if ``bidirectional``, else 1; zeros if None
        - Output: (L, N, D hidden_size), laid out as the input, and the last states, as ``hx``

    Attributes:
        weight_ih_l[k]: Input weights of layer k, shape (hidden_size, input_size), then (hidden_size, D hidden_size).
        weight_hh_l[k]: Recurrent weights, shape (hidden_size, hidden_size).
        bias_ih_l[k], bias_hh_l[k]: Biases, shape (hidden_size).
        *_reverse: The same for the other direction.

    Raises:
        ValueError: If a size, ``num_layers``, ``dropout``, ``proj_size`` or ``nonlinearity`` is out of range; when
            called, if the input does not have 2 or 3 dims or the dtype of the parameters.
        TypeError: If a size is not an int or ``bias`` not a bool; when called, if the input is not a tensor or
            ``PackedSequence``.
        ShapeError: When called, if the sequence is empty, or the input or ``hx`` does not have the expected size.

    >>> import minitensor as torch
    >>> output, last = torch.nn.RNN(10, 20, num_layers=2)(torch.rand(5, 3, 10))
    >>> output.shape, last.shape
    (torch.Size([5, 3, 20]), torch.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'.")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, proj_size, device, dtype,
        )
        self.nonlinearity = nonlinearity


class GatedRNN(RNNBase):
    """The base class of LSTM and GRU: their constructor, which takes no mode."""

    kind: ClassVar[str]  # the mode of RNNBase

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(
            self.kind, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )


class LSTM(GatedRNN):
    """Long short-term memory: gates protect a cell state c (Hochreiter and Schmidhuber 1997).

    For each step, with * elementwise::

        i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)
        f = sigmoid(W_if x + b_if + W_hf h + b_hf)
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        o = sigmoid(W_io x + b_io + W_ho h + b_ho)
        c <- f * c + i * g
        h <- o * tanh(c)                        (with proj_size: W_hr (o * tanh(c)))

    The parameters stack the gates in the order i, f, g, o. All parameters are drawn from U(-1/sqrt(hidden_size),
    1/sqrt(hidden_size)).

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        num_layers: Number of layers; each takes the output of the one below. Default: ``1``.
        bias: Learn the biases. Default: ``True``.
        batch_first: Inputs and outputs are (N, L, ...), not (L, N, ...); states are not. Default: ``False``.
        dropout: Probability of dropout on the output of each layer except the last. Default: ``0.0``.
        bidirectional: Run each layer in both directions, and concatenate the outputs. Default: ``False``.
        proj_size: Size P to which h is projected by one more matrix (Sak et al. 2014); 0 for no projection. Default:
            ``0``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (L, N, input_size), (N, L, input_size) with ``batch_first``, (L, input_size), or a ``PackedSequence``
        - Hx: a pair (h, c), h (num_layers D, N, P or hidden_size) and c (num_layers D, N, hidden_size), or without N,
          where D = 2 if ``bidirectional``, else 1; zeros if None
        - Output: (L, N, D P or hidden_size), laid out as the input, and the last states, as ``hx``

    Attributes:
        weight_ih_l[k]: Input weights of layer k, shape (4 hidden_size, input_size), then (4 hidden_size, D P or
            hidden_size).
        weight_hh_l[k]: Recurrent weights, shape (4 hidden_size, P or hidden_size).
        bias_ih_l[k], bias_hh_l[k]: Biases, shape (4 hidden_size).
        weight_hr_l[k]: Projections, shape (P, hidden_size), if ``proj_size`` is P > 0.
        *_reverse: The same for the other direction.

    Raises:
        ValueError: If a size, ``num_layers``, ``dropout``, ``proj_size`` is out of range; when called, if the input
            does not have 2 or 3 dims or the dtype of the parameters.
        TypeError: If a size is not an int or ``bias`` not a bool; when called, if the input is not a tensor or
            ``PackedSequence`` or ``hx`` not a pair.
        ShapeError: When called, if the sequence is empty, or the input or ``hx`` does not have the expected size.

    >>> import minitensor as torch
    >>> output, (h, c) = torch.nn.LSTM(10, 20, batch_first=True, bidirectional=True)(torch.rand(3, 5, 10))
    >>> output.shape, h.shape
    (torch.Size([3, 5, 40]), torch.Size([2, 3, 20]))
    """

    kind = "LSTM"

    def first_states(self, hx: Any, batch: int, like: Tensor, batched: bool) -> list[Tensor]:
        """Return the first h and c."""
        count, made = self.num_layers * self.directions, {"dtype": like.dtype, "device": like.device}
        sizes = (self.proj_size or self.hidden_size, self.hidden_size)
        if hx is None:
            return [zeros((count, batch, size), **made) for size in sizes]  # type: ignore[arg-type]  # of each kind
        if not isinstance(hx, (tuple, list)) or len(hx) != 2:
            raise ArgumentTypeError(f"LSTM: hx must be a pair (h_0, c_0), got {type(hx).__name__}")
        return [
            self.check_state(state, (count, batch, size), batched, name)
            for state, size, name in zip(hx, sizes, ("hx[0]", "hx[1]"))
        ]

    def states_of(self, last: list[Tensor]) -> Any:
        """Return the pair (h_n, c_n)."""
        return tuple(last)


class GRU(GatedRNN):
    """Gated recurrent units (Cho et al. 2014).

    For each step, with * elementwise::

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
        h <- (1 - z) * n + z * h

    As in PyTorch, r multiplies the product W_hn h and its bias, not h as in the paper. The parameters stack the gates
    in the order r, z, n. All parameters are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        num_layers: Number of layers; each takes the output of the one below. Default: ``1``.
        bias: Learn the biases. Default: ``True``.
        batch_first: Inputs and outputs are (N, L, ...), not (L, N, ...); states are not. Default: ``False``.
        dropout: Probability of dropout on the output of each layer except the last. Default: ``0.0``.
        bidirectional: Run each layer in both directions, and concatenate the outputs. Default: ``False``.
        proj_size: Must be 0, except for LSTM. Default: ``0``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (L, N, input_size), (N, L, input_size) with ``batch_first``, (L, input_size), or a ``PackedSequence``
        - Hx: (num_layers D, N, hidden_size), or without N, where D = 2 if ``bidirectional``, else 1; zeros if None
        - Output: (L, N, D hidden_size), laid out as the input, and the last states, as ``hx``

    Attributes:
        weight_ih_l[k]: Input weights of layer k, shape (3 hidden_size, input_size), then (3 hidden_size, D
            hidden_size).
        weight_hh_l[k]: Recurrent weights, shape (3 hidden_size, hidden_size).
        bias_ih_l[k], bias_hh_l[k]: Biases, shape (3 hidden_size).
        *_reverse: The same for the other direction.

    Raises:
        ValueError: If a size, ``num_layers``, ``dropout``, ``proj_size`` is out of range; when called, if the input
            does not have 2 or 3 dims or the dtype of the parameters.
        TypeError: If a size is not an int or ``bias`` not a bool; when called, if the input is not a tensor or
            ``PackedSequence``.
        ShapeError: When called, if the sequence is empty, or the input or ``hx`` does not have the expected size.

    >>> import minitensor as torch
    >>> output, last = torch.nn.GRU(10, 20)(torch.rand(5, 3, 10))
    >>> output.shape, last.shape
    (torch.Size([5, 3, 20]), torch.Size([1, 3, 20]))
    """

    kind = "GRU"
