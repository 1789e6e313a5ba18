"""Recurrent layers and cells under PyTorch's path."""

from minitensor.nn.recurrent import GRU, LSTM, RNN, RNNBase
from minitensor.nn.recurrent_cell import GRUCell, LSTMCell, RNNCell, RNNCellBase

__all__ = [
    "GRU",
    "GRUCell",
    "LSTM",
    "LSTMCell",
    "RNN",
    "RNNBase",
    "RNNCell",
    "RNNCellBase",
]
