"""Recurrent networks and cells as functions of their weights, under the names that ``torch`` has for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.misuse import composite
from minitensor.base import TensorBase
from minitensor.nn.functional.linear import linear
from minitensor.nn.functional.recurrent import gru_step, lstm_step
from minitensor.nn.module import Module
from minitensor.nn.recurrent import CELLS, RNNBase
from minitensor.nn.utils.rnn import PackedSequence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


class GivenNetwork(RNNBase):
    """A recurrent network whose weights are not its own."""

    def __init__(self, mode: str, params: Sequence[Tensor], options: Sequence[Any]) -> None:
        Module.__init__(self)
        has_biases, num_layers, dropout, train, bidirectional, batch_first = options
        self.mode = mode
        self.bias, self.batch_first, self.bidirectional = has_biases, batch_first, bidirectional
        self.num_layers, self.dropout, self.training = num_layers, float(dropout), train
        self.input_size, self.hidden_size = params[0].shape[1], params[0].shape[0] // CELLS[mode][1]
        self.proj_size = 0
        self.given = list(params)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The weights of each layer and direction."""
        size = 4 if self.bias else 2
        return [self.given[start : start + size] for start in range(0, len(self.given), size)]

    @property
    def weight_ih_l0(self) -> Tensor:
        """The first weight, whose dtype inputs have."""
        return self.given[0]

    def first_states(self, hx: Any, batch: int, like: Tensor, batched: bool) -> list[Tensor]:
        """Return the given first states, checked."""
        shape = (self.num_layers * self.directions, batch, self.hidden_size)
        states = [hx] if isinstance(hx, TensorBase) else list(hx)
        return [self.check_state(each, shape, batched, "hx") for each in states]

    def states_of(self, last: list[Tensor]) -> Any:
        """Return all last states."""
        return last


def run(mode: str, input: Tensor, second: Any, third: Any, rest: Sequence[Any]) -> tuple[Tensor, ...]:
    """Run a network over a batch, or over packed rows if the second argument has the sizes of batches."""
    is_packed = isinstance(third, TensorBase) or isinstance(rest[0], (list, tuple))
    if not is_packed:
        output, last = GivenNetwork(mode, third, rest)(input, second)
        return output, *last
    params, *options = rest
    rows, last = GivenNetwork(mode, params, [*options, False])(PackedSequence(input, second), third)
    return rows.data, *last


@composite
def lstm(
    input: Tensor, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any, bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM with given weights; see ``nn.LSTM``.

    Args:
        input: (L, N, F). Packed rows (sum, F) are followed by the sizes of their batches; then the other arguments
            follow without ``batch_first``.
        hx: The first states, h and c.
        params: The weights, in the order of ``nn.LSTM.all_weights``.
        has_biases, num_layers, dropout, bidirectional, batch_first: As in ``nn.LSTM``.
        train: Whether to drop anything.

    Returns:
        The output, and the last h and c.

    >>> import minitensor as torch
    >>> layer, zeros = torch.nn.LSTM(3, 4), torch.zeros(1, 2, 4)
    >>> weights = layer.all_weights[0]
    >>> torch.lstm(torch.ones(5, 2, 3), (zeros, zeros), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, h, c = run("LSTM", input, hx, params, options)
    return output, h, c


@composite
def gru(
    input: Tensor, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any, bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run a GRU with given weights; arguments as in ``lstm``, with one state.

    >>> import minitensor as torch
    >>> weights = torch.nn.GRU(3, 4).all_weights[0]
    >>> torch.gru(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, h = run("GRU", input, hx, params, options)
    return output, h


@composite
def rnn_tanh(
    input: Tensor, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any, bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run a simple recurrent network with tanh and given weights; arguments as in ``lstm``, with one state.

    >>> import minitensor as torch
    >>> weights = torch.nn.RNN(3, 4).all_weights[0]
    >>> torch.rnn_tanh(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, h = run("RNN_TANH", input, hx, params, options)
    return output, h


@composite
def rnn_relu(
    input: Tensor, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: Any, train: Any, bidirectional: Any,
    batch_first: Any,
) -> tuple[Tensor, Tensor]:
    """Run a simple recurrent network with relu and given weights; arguments as in ``lstm``, with one state.

    >>> import minitensor as torch
    >>> weights = torch.nn.RNN(3, 4).all_weights[0]
    >>> torch.rnn_relu(torch.ones(5, 2, 3), torch.zeros(1, 2, 4), weights, True, 1, 0.0, False, False, False)[0].shape
    torch.Size([5, 2, 4])
    """
    options = (has_biases, num_layers, dropout, train, bidirectional, batch_first)
    output, h = run("RNN_RELU", input, hx, params, options)
    return output, h


# -- cells -------------------------------------------------------------------------------------------------------------


@composite
def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Take one step of an LSTM with given weights; see ``nn.LSTMCell``.

    Args:
        input: (N, F).
        hx: The states h and c, (N, H).
        w_ih, w_hh: Weights, (4 H, F) and (4 H, H).
        b_ih, b_hh: Biases, (4 H,), or None.

    >>> import minitensor as torch
    >>> h, c = torch.lstm_cell(torch.ones(2, 3), (torch.zeros(2, 1),) * 2, torch.zeros(4, 3), torch.zeros(4, 1))
    >>> h.shape
    torch.Size([2, 1])
    """
    entering = linear(input, w_ih, b_ih)
    h, c = lstm_step((entering, w_hh), entering if b_hh is None else entering + b_hh, hx)
    return h, c


@composite
def gru_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Take one step of a GRU with given weights; see ``nn.GRUCell``.

    Args:
        input: (N, F).
        hx: The state, (N, H).
        w_ih, w_hh: Weights, (3 H, F) and (3 H, H).
        b_ih, b_hh: Biases, (3 H,), or None.

    >>> import minitensor as torch
    >>> torch.gru_cell(torch.ones(2, 3), torch.ones(2, 1), torch.zeros(3, 3), torch.zeros(3, 1))
    tensor([[0.5000],
            [0.5000]])
    """
    entering = linear(input, w_ih, b_ih)
    return gru_step((entering, w_hh, b_hh), entering, [hx])[0]  # type: ignore[arg-type]  # linear takes None as bias


@composite
def rnn_tanh_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Take one step of a simple recurrent network with tanh; see ``nn.RNNCell``.

    Args:
        input: (N, F).
        hx: The state, (N, H).
        w_ih, w_hh: Weights, (H, F) and (H, H).
        b_ih, b_hh: Biases, (H,), or None.

    >>> import minitensor as torch
    >>> torch.rnn_tanh_cell(torch.ones(1, 2), torch.zeros(1, 1), torch.ones(1, 2), torch.ones(1, 1))
    tensor([[0.9640]])
    """
    return (linear(hx, w_hh, b_hh) + linear(input, w_ih, b_ih)).tanh()


@composite
def rnn_relu_cell(
    input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Take one step of a simple recurrent network with relu; arguments as in ``rnn_tanh_cell``.

    >>> import minitensor as torch
    >>> torch.rnn_relu_cell(torch.ones(1, 2), torch.zeros(1, 1), torch.ones(1, 2), torch.ones(1, 1))
    tensor([[2.]])
    """
    return (linear(hx, w_hh, b_hh) + linear(input, w_ih, b_ih)).relu()
