"""Transformers: layers of attention and small networks, in stacks that encode and decode (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from minitensor.errors import ShapeError, UsageError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.attention import MultiheadAttention
from minitensor.nn.container import ModuleList
from minitensor.nn.dropout import Dropout
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.nn.normalization import LayerNorm
from minitensor.ops.creation import full
from minitensor.ops.triangle import triu

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

Activation = Callable[..., Any]
ACTIVATIONS: dict[str, Activation] = {"relu": F.relu, "gelu": F.gelu}


def activation_of(given: str | Activation) -> Activation:
    """Return an activation, by name or as it is."""
    if not isinstance(given, str):
        return given
    if given not in ACTIVATIONS:
        raise UsageError(f"activation should be relu/gelu, not {given}")
    return ACTIVATIONS[given]


class TransformerLayer(Module):
    """What encoder and decoder layers share: self-attention and a small network, each beside a shortcut.

    Norms come after the sum with the shortcut, or before the branch with ``norm_first``.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)
        self.build_cross_attention(d_model, nhead, dropout, batch_first, made)
        self.linear1 = Linear(d_model, dim_feedforward, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **made)
        self.norm_first = norm_first
        self.build_norms(d_model, layer_norm_eps, dropout, made)
        self.activation = activation_of(activation)

    def build_cross_attention(
        self, d_model: int, nhead: int, dropout: float, batch_first: bool, made: dict[str, Any]
    ) -> None:
        """Make the attention to another sequence; encoders have none."""

    def build_norms(self, d_model: int, eps: float, dropout: float, made: dict[str, Any]) -> None:
        """Make a norm and a dropout for each branch."""
        self.norm1 = LayerNorm(d_model, eps=eps, **made)
        self.norm2 = LayerNorm(d_model, eps=eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)

    def attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        """Let a sequence look at itself."""
        found = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]
        attended: Tensor = self.dropout1(found)
        return attended

    def think(self, x: Tensor) -> Tensor:
        """Apply the small network to each entry."""
        thought: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return thought


class TransformerEncoderLayer(TransformerLayer):
    """Self-attention and a small network: (T, N, d_model), or (N, T, d_model) with ``batch_first``.

    >>> TransformerEncoderLayer(d_model=8, nhead=2)(minitensor.rand(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the encoded sequence; masks as in ``MultiheadAttention``."""
        x = src
        if self.norm_first:
            x = x + self.attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            after: Tensor = x + self.dropout2(self.think(self.norm2(x)))
            return after
        x = self.norm1(x + self.attend(x, src_mask, src_key_padding_mask, is_causal))
        encoded: Tensor = self.norm2(x + self.dropout2(self.think(x)))
        return encoded


class TransformerDecoderLayer(TransformerLayer):
    """Self-attention, attention to an encoder's output, and a small network.

    >>> layer = TransformerDecoderLayer(d_model=8, nhead=2)
    >>> layer(minitensor.rand(4, 3, 8), minitensor.rand(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def build_cross_attention(
        self, d_model: int, nhead: int, dropout: float, batch_first: bool, made: dict[str, Any]
    ) -> None:
        """Make the attention to the encoder's output."""
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)

    def build_norms(self, d_model: int, eps: float, dropout: float, made: dict[str, Any]) -> None:
        """Make a norm and a dropout for each branch."""
        self.norm1 = LayerNorm(d_model, eps=eps, **made)
        self.norm2 = LayerNorm(d_model, eps=eps, **made)
        self.norm3 = LayerNorm(d_model, eps=eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoded sequence; masks as in ``MultiheadAttention``."""
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        other = memory, memory_mask, memory_key_padding_mask, memory_is_causal
        x = tgt
        if self.norm_first:
            x = x + self.attend(self.norm1(x), *own)
            x = x + self.attend_to(self.norm2(x), *other)
            after: Tensor = x + self.dropout3(self.think(self.norm3(x)))
            return after
        x = self.norm1(x + self.attend(x, *own))
        x = self.norm2(x + self.attend_to(x, *other))
        decoded: Tensor = self.norm3(x + self.dropout3(self.think(x)))
        return decoded

    def attend_to(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Let a sequence look at another one."""
        found = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]
        attended: Tensor = self.dropout2(found)
        return attended


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer, and a norm at the end if one is given.

    ``enable_nested_tensor`` and ``mask_check`` are taken for PyTorch's sake and change nothing.
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the sequence after all layers."""
        for layer in self.layers:
            src = layer(
                src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal or False
            )
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A stack of copies of a decoder layer, and a norm at the end if one is given."""

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = ModuleList([deepcopy(decoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the sequence after all layers."""
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal or False,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder and a decoder: source (S, N, d_model) and target (T, N, d_model), batch first if so wished.

    >>> model = Transformer(d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> model(minitensor.rand(5, 3, 8), minitensor.rand(4, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        made: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first
        if custom_encoder is not None:
            self.encoder = custom_encoder
        else:
            layer = TransformerEncoderLayer(*sizes, **made)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **made)
            self.encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is not None:
            self.decoder = custom_decoder
        else:
            decoder_layer = TransformerDecoderLayer(*sizes, **made)
            norm = LayerNorm(d_model, eps=layer_norm_eps, **made)
            self.decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw every matrix from Xavier's uniform distribution."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return what the decoder makes of the target and the encoded source."""
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(
                f"the batch number of src and tgt must be equal, got {src.shape[batch]} and {tgt.shape[batch]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"the feature number of src and tgt must be equal to d_model, got {src.shape[-1]} and {tgt.shape[-1]} "
                f"for d_model={self.d_model}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        decoded: Tensor = self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return decoded

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: DeviceLike = None, dtype: Dtype | None = None) -> Tensor:
        """Return the mask that keeps each entry from looking at later ones: minus infinity above the diagonal.

        >>> Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return triu(full((sz, sz), float("-inf"), device=device, dtype=dtype), diagonal=1)
