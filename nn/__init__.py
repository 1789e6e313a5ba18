"""Neural networks: modules, layers, losses and their functions, in PyTorch's names.

A layer is a ``Module`` that keeps parameters and calls a function of ``functional``; ``init`` holds the initial
values.
"""

from minitensor.nn import functional, init, parameter
from minitensor.nn.activation import ELU, GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from minitensor.nn.container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from minitensor.nn.conv import Conv1d, Conv2d
from minitensor.nn.dropout import Dropout, Dropout2d
from minitensor.nn.flatten import Flatten, Unflatten
from minitensor.nn.linear import Identity, Linear
from minitensor.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from minitensor.nn.module import Module
from minitensor.nn.normalization import BatchNorm1d, BatchNorm2d, LayerNorm
from minitensor.nn.parameter import Buffer, Parameter
from minitensor.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from minitensor.nn.sparse import Embedding

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Tanh",
    "Unflatten",
    "functional",
    "init",
    "parameter",
]
