"""Recurrent cells: layers that take one step of an RNN, an LSTM or a GRU, from a state to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.last_steps import name_node
from minitensor.autograd.turns import in_turn
from minitensor.dtypes import promote_types
from minitensor.errors import ArgumentError, ShapeError
from minitensor.nn import functional as F
from minitensor.nn.functional.recurrent import LSTM as LSTM_CELL
from minitensor.nn.functional.recurrent import gru_step, lstm_step, scan
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.nn.recurrent import draw
from minitensor.ops.creation import empty, zeros

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class RNNCellBase(Module):
    """The base class of recurrent cells: parameters, and checks of inputs and states.

    All parameters are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)).

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        bias: Learn the biases.
        num_chunks: Number of gates that the parameters stack.
        device, dtype: Where the parameters lie, and their type.

    Raises:
        ValueError: If the input or a state does not have 1 or 2 dims.
        ShapeError: If the input or a state does not have the expected size.

    >>> import minitensor as torch
    >>> torch.nn.RNNCellBase(3, 4, bias=True, num_chunks=1)
    RNNCellBase(3, 4)
    """

    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(gates, input_size, **made))
        self.weight_hh = Parameter(empty(gates, hidden_size, **made))
        self.register_parameter("bias_ih", Parameter(empty(gates, **made)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(gates, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        draw(self, self.hidden_size)

    def state(self, given: Tensor | None, input: Tensor) -> Tensor:
        """Return a state that fits the input: the given one, or zeros."""
        shape = (*input.shape[:-1], self.hidden_size)
        if given is None:
            return zeros(shape, dtype=input.dtype, device=input.device)
        if given.ndim not in (1, 2):
            raise ArgumentError(f"{type(self).__name__}: Expected hidden to be 1D or 2D, got {given.ndim}D instead")
        if tuple(given.shape) != shape:
            raise ShapeError(f"{type(self).__name__}: expected a hidden state of {shape}, got {tuple(given.shape)}")
        return given

    def check_input(self, input: Tensor) -> None:
        """Raise unless the input has the right rank and width."""
        if input.ndim not in (1, 2):
            raise ArgumentError(f"{type(self).__name__}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: input has inconsistent input_size: got {input.shape[-1]} expected "
                f"{self.input_size}"
            )

    def extra_repr(self) -> str:
        """Return the sizes, and the options that differ from their defaults."""
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias is True else f", bias={self.bias}")
        kind = getattr(self, "nonlinearity", "tanh")
        return text + (f", nonlinearity={kind}" if kind != "tanh" else "")


class RNNCell(RNNCellBase):
    """One step of an ``RNN``: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it.

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        bias: Learn the biases. Default: ``True``.
        nonlinearity: ``"tanh"`` or ``"relu"``. Default: ``"tanh"``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, input_size) or (input_size)
        - Hx: (N, hidden_size) or (hidden_size); zeros if None
        - Output: (N, hidden_size) or (hidden_size)

    Attributes:
        weight_ih: Input weights, shape (hidden_size, input_size).
        weight_hh: Recurrent weights, shape (hidden_size, hidden_size).
        bias_ih, bias_hh: Biases, shape (hidden_size), or None.

    Raises:
        ValueError: If the input or a state does not have 1 or 2 dims, or, when called, if ``nonlinearity`` is unknown.
        ShapeError: If the input or a state does not have the expected size.

    >>> import minitensor as torch
    >>> torch.nn.RNNCell(10, 20)(torch.rand(3, 10)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"Unknown nonlinearity: {self.nonlinearity}")
        self.check_input(input)
        before = self.state(hx, input)
        kept = F.linear(before, self.weight_hh, self.bias_hh)  # first, as in PyTorch: hooks run in the reverse order
        total = kept + F.linear(input, self.weight_ih, self.bias_ih)
        after = total.relu() if self.nonlinearity == "relu" else total.tanh()
        name_node(after, "" if after.ndim == 2 else "SqueezeBackward1")
        return after


class LSTMCell(RNNCellBase):
    """One step of an ``LSTM``, from a pair of states (h, c) to the next.

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        bias: Learn the biases. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, input_size) or (input_size)
        - Hx: a pair (h, c), each (N, hidden_size) or (hidden_size); zeros if None
        - Output: a pair, as ``hx``

    Attributes:
        weight_ih: Input weights, shape (4 hidden_size, input_size).
        weight_hh: Recurrent weights, shape (4 hidden_size, hidden_size).
        bias_ih, bias_hh: Biases, shape (4 hidden_size), or None.

    Raises:
        ValueError: If the input or a state does not have 1 or 2 dims.
        ShapeError: If the input or a state does not have the expected size.

    >>> import minitensor as torch
    >>> h, c = torch.nn.LSTMCell(10, 20)(torch.rand(3, 10))
    >>> h.shape, c.shape
    (torch.Size([3, 20]), torch.Size([3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return the next h and c."""
        self.check_input(input)
        h, c = [self.state(each, input) for each in ((None, None) if hx is None else hx)]
        c, bias_ih, input, weight_ih, bias_hh, h, weight_hh = in_turn(
            c, self.bias_ih, input, self.weight_ih, self.bias_hh, h, self.weight_hh
        )
        before = [h, c]
        entering = F.linear(input, weight_ih, bias_ih if bias_ih is None or bias_hh is None else bias_ih + bias_hh)
        entering = entering.to(promote_types(entering.dtype, c.dtype))  # autocast leaves the states wide
        tensors = [entering, weight_hh, *before]
        if entering.ndim == 1:
            h, c = lstm_step(tensors, entering, before)
            name_node(h, "SqueezeBackward1")
            name_node(c, "SqueezeBackward1")
        else:  # in one operation, as over a sequence
            states = scan(LSTM_CELL, [entering.unsqueeze(0), *tensors[1:]])
            h, c = states[0, 0], states[1, 0]
            name_node(h, "Mul")
            name_node(c, "Add")
        return h, c


class GRUCell(RNNCellBase):
    """One step of a ``GRU``.

    Args:
        input_size: Number of features of an input.
        hidden_size: Number of features of a state.
        bias: Learn the biases. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (N, input_size) or (input_size)
        - Hx: (N, hidden_size) or (hidden_size); zeros if None
        - Output: (N, hidden_size) or (hidden_size)

    Attributes:
        weight_ih: Input weights, shape (3 hidden_size, input_size).
        weight_hh: Recurrent weights, shape (3 hidden_size, hidden_size).
        bias_ih, bias_hh: Biases, shape (3 hidden_size), or None.

    Raises:
        ValueError: If the input or a state does not have 1 or 2 dims.
        ShapeError: If the input or a state does not have the expected size.

    >>> import minitensor as torch
    >>> torch.nn.GRUCell(10, 20)(torch.rand(3, 10)).shape
    torch.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        self.check_input(input)
        before = self.state(hx, input)
        entering = F.linear(input, self.weight_ih, self.bias_ih)
        after = gru_step((entering, self.weight_hh, self.bias_hh), entering, [before])[0]  # type: ignore[arg-type]  # linear takes None as bias
        name_node(after, "" if after.ndim == 2 else "SqueezeBackward1")
        return after
