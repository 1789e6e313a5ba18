"""Ints of layers in other forms: wherever PyTorch makes a layer of them and calls it, ours does.

We take tensors in more places: PyTorch's Python code unpacks a kernel size by iterating over it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minitensor as mt

FORMS: dict[str, Callable[[Any, int], Any]] = {
    "0-d tensor": lambda t, n: t.tensor(n), "one element": lambda t, n: t.tensor([n]),
    "NumPy": lambda t, n: np.int64(n), "bool": lambda t, n: bool(n), "float": lambda t, n: float(n),
}  # fmt: skip
SIZES = {1: (2, 4, 8), 2: (2, 4, 8, 8), 3: (2, 4, 8, 8, 8)}
PLACES = {"kernel_size": 2, "stride": 1, "padding": 1}
CHANNELS = {"in_channels": 4, "out_channels": 4, "groups": 2, "dilation": 1}
Case = tuple[str, dict[str, Any], tuple[int, ...]]
CASES: list[Case] = [
    *[(f"{name}{d}d", options, SIZES[d]) for d in (1, 2, 3) for name, options in (
        ("MaxPool", {**PLACES, "dilation": 1}), ("AvgPool", PLACES), ("Conv", {**PLACES, **CHANNELS}),
        ("ConvTranspose", {**PLACES, **CHANNELS, "stride": 2, "output_padding": 1}), ("BatchNorm", {"num_features": 4}),
        ("LPPool", {"norm_type": 2, "kernel_size": 2, "stride": 1}), ("AdaptiveAvgPool", {"output_size": 2}),
        ("AdaptiveMaxPool", {"output_size": 2}), ("InstanceNorm", {"num_features": 4}),
        ("ReflectionPad", {"padding": 1}), ("ReplicationPad", {"padding": 1}), ("CircularPad", {"padding": 1}),
        ("ZeroPad", {"padding": 1}),
    )],
    ("Linear", {"in_features": 4, "out_features": 3}, (2, 4)), ("LayerNorm", {"normalized_shape": 4}, (2, 4)),
    ("RMSNorm", {"normalized_shape": 4}, (2, 4)), ("GroupNorm", {"num_groups": 2, "num_channels": 4}, (2, 4, 3)),
    ("LocalResponseNorm", {"size": 2}, (2, 4, 3)), ("Flatten", {"start_dim": 1, "end_dim": 2}, (2, 3, 4)),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 2)}, (2, 4)), ("GLU", {"dim": 1}, (2, 4)),
    ("Softmax", {"dim": 1}, (2, 4)), ("LogSoftmax", {"dim": 1}, (2, 4)), ("Softmin", {"dim": 1}, (2, 4)),
    ("PixelShuffle", {"upscale_factor": 2}, (1, 4, 2, 2)), ("PixelUnshuffle", {"downscale_factor": 2}, (1, 4, 2, 2)),
    ("ChannelShuffle", {"groups": 2}, (1, 4, 2, 2)), ("Unfold", PLACES, SIZES[2]), ("Upsample", {"size": 4}, SIZES[2]),
    ("Fold", {"output_size": 4, "kernel_size": 2, "stride": 2}, (1, 8, 4)), ("PReLU", {"num_parameters": 4}, (2, 4)),
    *[(name, {"input_size": 4, "hidden_size": 3, "num_layers": 2}, (2, 5, 4)) for name in ("RNN", "LSTM", "GRU")],
    *[(name, {"input_size": 4, "hidden_size": 3}, (2, 4)) for name in ("RNNCell", "LSTMCell", "GRUCell")],
    ("FractionalMaxPool2d", {"kernel_size": 2, "output_size": 3}, SIZES[2]),
    ("TransformerEncoderLayer", {"d_model": 4, "nhead": 2, "dim_feedforward": 8}, (2, 3, 4)),
]  # fmt: skip


def works(t: Any, name: str, options: dict[str, Any], shape: tuple[int, ...]) -> bool:
    try:
        getattr(t.nn, name)(**options)(t.ones(*shape))
    except Exception:
        return False
    return True


def replaced(t: Any, value: Any, form: str) -> Any:
    return (FORMS[form](t, value[0]), *value[1:]) if isinstance(value, tuple) else FORMS[form](t, value)


@pytest.mark.parametrize("form", FORMS)
def test_layers_take_the_ints_that_pytorch_takes(form: str) -> None:
    torch = pytest.importorskip("torch")
    wrong, count = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, options, shape in CASES:
            for option, value in options.items():
                expected, found = [
                    works(t, name, {**options, option: replaced(t, value, form)}, shape) for t in (torch, mt)
                ]
                count += 1
                flag = form == "bool" and option == "kernel_size"  # PyTorch makes a weight of size True
                if found != expected and (expected or form == "float") and not flag:
                    wrong.append(f"{name}({option})")
    assert not wrong
    assert count > 130
