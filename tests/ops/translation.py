"""Translate values from PyTorch to this library: everything in the samples of PyTorch's databases.

Tensors keep their memory layout, dtypes and functions are found by name, and the contents of lists, tuples, dicts and
packed sequences are translated. A value that this library does not support raises ``Beyond``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import minitensor as mt
import minitensor.nn.functional
import minitensor.nn.utils.rnn
from strategies import Placed, tensor_of

torch = pytest.importorskip("torch")


class Beyond(Exception):
    """A sample uses something that this library does not support."""


def translate(value: Any) -> Any:
    """Translate a sample's value: tensors keep their memory layout, dtypes are found by name."""
    if isinstance(value, torch.Tensor):
        return tensor(value)
    if isinstance(value, torch.dtype):
        return same_name(str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return mt.device(str(value))
    if isinstance(value, torch.memory_format):
        return same_name(str(value).removeprefix("torch."))
    if isinstance(value, torch.layout | torch.Generator | torch.nn.LinearCrossEntropyOptions):
        raise Beyond(f"{value}")
    if isinstance(value, slice):
        return slice(translate(value.start), translate(value.stop), translate(value.step))
    if isinstance(value, dict):
        return {name: translate(each) for name, each in value.items()}
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return encoder_layer(value)
    if isinstance(value, torch.nn.utils.rnn.PackedSequence):
        return mt.nn.utils.rnn.PackedSequence(*map(translate, value))
    if value.__class__ in (list, tuple):
        return value.__class__([translate(each) for each in value])
    if callable(value) and getattr(torch.nn.functional, getattr(value, "__name__", ""), None) is value:
        return getattr(mt.nn.functional, value.__name__)
    if callable(value):
        raise Beyond(f"{value}")
    return value


def tensor(value: Any) -> Any:
    """Return this library's tensor with the same memory layout."""
    if value.layout is not torch.strided or value.device.type != "cpu" or not hasattr(mt, str(value.dtype)[6:]):
        raise Beyond(f"{value.layout}, {value.device}, {value.dtype}")
    plain = value.detach().resolve_conj().resolve_neg()
    size = plain.untyped_storage().nbytes() // plain.element_size()
    flat = torch.as_strided(plain, (size,), (1,), 0).numpy().copy()
    memory = flat if size else np.zeros(1, flat.dtype)
    placed = Placed(memory, tuple(plain.shape), plain.stride(), plain.storage_offset())
    reach = 1 + plain.storage_offset() + sum((n - 1) * step for n, step in zip(plain.shape, plain.stride()))
    if plain.ndim > 64 or (plain.numel() and reach > len(memory)):
        raise Beyond("more dims than NumPy supports, or a tensor whose memory was released")
    return tensor_of(placed).requires_grad_(value.requires_grad)


def same_name(name: str) -> Any:
    if not hasattr(mt, name):
        raise Beyond(name)
    return getattr(mt, name)


def encoder_layer(value: Any) -> Any:
    """Return a layer of this library with the same options and parameters."""
    layer = mt.nn.TransformerEncoderLayer(
        value.self_attn.embed_dim, value.self_attn.num_heads, value.linear1.out_features, value.dropout.p,
        translate(value.activation), value.norm1.eps, value.self_attn.batch_first, value.norm_first,
        bias=value.linear1.bias is not None, dtype=translate(value.linear1.weight.dtype),
    )  # fmt: skip
    layer.load_state_dict({name: tensor(each) for name, each in value.state_dict().items()})
    return layer
