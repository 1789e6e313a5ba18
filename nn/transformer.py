"""Transformers: layers of attention and feedforward networks, stacked to encode and decode (Vaswani et al. 2017)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from minitensor.amp.autocast_mode import autocast
from minitensor.amp.switches import get_autocast_dtype, is_autocast_available, is_autocast_enabled
from minitensor.autograd.mode import is_grad_enabled
from minitensor.callers import user_level
from minitensor.errors import ShapeError, UsageError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.activation import GELU
from minitensor.nn.container import ModuleList
from minitensor.nn.dropout import Dropout
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.nn.multihead_attention import MultiheadAttention
from minitensor.nn.normalization import LayerNorm
from minitensor.nn.rectifier import ReLU
from minitensor.ops.creation import full
from minitensor.ops.triangle import triu

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor

Activation = Callable[..., Any]
ACTIVATIONS: dict[str, Activation] = {"relu": F.relu, "gelu": F.gelu}


def activation_of(given: str | Activation) -> Activation:
    """Return an activation, given by name or as a function."""
    if not isinstance(given, str):
        return given
    if given not in ACTIVATIONS:
        raise UsageError(f"activation should be relu/gelu, not {given}")
    return ACTIVATIONS[given]


def copy_layers(module: Module, N: int) -> ModuleList:  # noqa: N803  # PyTorch's name
    """Return so many copies of a layer."""
    return ModuleList([deepcopy(module) for _ in range(N)])


class TransformerLayer(Module):
    """The base class of encoder and decoder layers: residual branches of attention and feedforward networks."""

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
        # In PyTorch's order, in which the weights are drawn.
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
        """Create the attention to another sequence; encoders have none."""

    def build_norms(self, d_model: int, eps: float, dropout: float, made: dict[str, Any]) -> None:
        """Create a norm and a dropout for each branch."""
        self.norm1 = LayerNorm(d_model, eps=eps, **made)
        self.norm2 = LayerNorm(d_model, eps=eps, **made)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)

    def attend(self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool) -> Tensor:
        """Return the self-attention branch."""
        found = self.self_attn(
            x, x, x, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]
        attended: Tensor = self.dropout1(found)
        return attended

    def feed_forward(self, x: Tensor) -> Tensor:
        """Return the feedforward branch."""
        transformed: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return transformed


class TransformerEncoderLayer(TransformerLayer):
    """Transformer encoder layer: self-attention and a feedforward network (Vaswani et al. 2017).

    With FF(x) = linear2(dropout(activation(linear1(x)))), and a dropout on each branch::

        x <- norm1(x + attention(x, x, x))      (norm_first: x + attention(norm1(x), ...))
        x <- norm2(x + FF(x))                   (norm_first: x + FF(norm2(x)))

    Args:
        d_model: Number of features of an entry.
        nhead: Number of attention heads; must divide ``d_model``.
        dim_feedforward: Size of the hidden layer of the feedforward network. Default: ``2048``.
        dropout: Probability of dropout, in the attention and after each branch. Default: ``0.1``.
        activation: Activation of the feedforward network: ``"relu"``, ``"gelu"`` or a function. Default: ``F.relu``.
        layer_norm_eps: ``eps`` of the layer norms. Default: ``1e-5``.
        batch_first: Inputs and outputs are (N, L, d_model), not (L, N, d_model). Default: ``False``.
        norm_first: Normalize before each branch, not after the sum with it (Xiong et al. 2020). Default: ``False``.
        bias: Learn biases of linear layers and norms. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (S, N, d_model), (N, S, d_model) with ``batch_first``, or (S, d_model)
        - Output: as the input

    Raises:
        ValueError: If ``nhead`` does not divide ``d_model``, or ``dropout`` lies outside [0, 1]; when called, if an
            input has the wrong rank or size.
        RuntimeError: If ``activation`` is an unknown name; when called, if batch sizes or masks do not fit.

    >>> import minitensor as torch
    >>> torch.nn.TransformerEncoderLayer(d_model=8, nhead=2)(torch.rand(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the encoded sequence.

        Args:
            src: The sequence.
            src_mask: Attention mask (S, S), as in ``MultiheadAttention``. Default: ``None``.
            src_key_padding_mask: Mask of padding (N, S). Default: ``None``.
            is_causal: A hint that ``src_mask`` is the causal mask. Default: ``False``.
        """
        kind = src.device.type
        if is_autocast_available(kind) and is_autocast_enabled(kind) and is_fused_in_pytorch(self, src):
            with autocast(src.device.type, enabled=False):
                found = self(src.to(self.linear1.weight.dtype), src_mask, src_key_padding_mask, is_causal)
                return found.to(get_autocast_dtype(src.device.type))  # type: ignore[no-any-return]  # a tensor
        x = src
        if self.norm_first:
            x = x + self.attend(self.norm1(x), src_mask, src_key_padding_mask, is_causal)
            result: Tensor = x + self.dropout2(self.feed_forward(self.norm2(x)))
            return result
        x = self.norm1(x + self.attend(x, src_mask, src_key_padding_mask, is_causal))
        encoded: Tensor = self.norm2(x + self.dropout2(self.feed_forward(x)))
        return encoded


class TransformerDecoderLayer(TransformerLayer):
    """Transformer decoder layer: self-attention, attention to the encoder's output, and a feedforward network.

    With the memory m that an encoder returned, and a dropout on each branch (Vaswani et al. 2017)::

        x <- norm1(x + attention(x, x, x))      (norm_first: x + attention(norm1(x), ...))
        x <- norm2(x + attention(x, m, m))      (norm_first: x + attention(norm2(x), m, m))
        x <- norm3(x + FF(x))                   (norm_first: x + FF(norm3(x)))

    Args:
        d_model: Number of features of an entry.
        nhead: Number of attention heads; must divide ``d_model``.
        dim_feedforward: Size of the hidden layer of the feedforward network. Default: ``2048``.
        dropout: Probability of dropout, in the attention and after each branch. Default: ``0.1``.
        activation: Activation of the feedforward network: ``"relu"``, ``"gelu"`` or a function. Default: ``F.relu``.
        layer_norm_eps: ``eps`` of the layer norms. Default: ``1e-5``.
        batch_first: Inputs and outputs are (N, L, d_model), not (L, N, d_model). Default: ``False``.
        norm_first: Normalize before each branch, not after the sum with it (Xiong et al. 2020). Default: ``False``.
        bias: Learn biases of linear layers and norms. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input (target): (T, N, d_model), (N, T, d_model) with ``batch_first``, or (T, d_model)
        - Memory: the same with its own length S
        - Output: as the target

    Raises:
        ValueError: If ``nhead`` does not divide ``d_model``, or ``dropout`` lies outside [0, 1]; when called, if an
            input has the wrong rank or size.
        RuntimeError: If ``activation`` is an unknown name; when called, if batch sizes or masks do not fit.

    >>> import minitensor as torch
    >>> layer = torch.nn.TransformerDecoderLayer(d_model=8, nhead=2)
    >>> layer(torch.rand(4, 3, 8), torch.rand(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def build_cross_attention(
        self, d_model: int, nhead: int, dropout: float, batch_first: bool, made: dict[str, Any]
    ) -> None:
        """Create the attention to the encoder's output."""
        self.multihead_attn = MultiheadAttention(d_model, nhead, dropout=dropout, batch_first=batch_first, **made)

    def build_norms(self, d_model: int, eps: float, dropout: float, made: dict[str, Any]) -> None:
        """Create a norm and a dropout for each branch."""
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
        """Return the decoded sequence.

        Args:
            tgt: The target sequence.
            memory: The encoder's output.
            tgt_mask, memory_mask: Attention masks (T, T) and (T, S), as in ``MultiheadAttention``. Default: ``None``.
            tgt_key_padding_mask, memory_key_padding_mask: Masks of padding, (N, T) and (N, S). Default: ``None``.
            tgt_is_causal, memory_is_causal: Hints that the attention masks are causal. Default: ``False``.
        """
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        other = memory, memory_mask, memory_key_padding_mask, memory_is_causal
        x = tgt
        if self.norm_first:
            x = x + self.attend(self.norm1(x), *own)
            x = x + self.attend_to(self.norm2(x), *other)
            result: Tensor = x + self.dropout3(self.feed_forward(self.norm3(x)))
            return result
        x = self.norm1(x + self.attend(x, *own))
        x = self.norm2(x + self.attend_to(x, *other))
        decoded: Tensor = self.norm3(x + self.dropout3(self.feed_forward(x)))
        return decoded

    def attend_to(
        self, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        """Return the branch of attention to another sequence."""
        found = self.multihead_attn(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, is_causal=is_causal, need_weights=False
        )[0]
        attended: Tensor = self.dropout2(found)
        return attended


class TransformerEncoder(Module):
    """A stack of encoder layers, with an optional norm at the end.

    Args:
        encoder_layer: The layer; the stack holds copies of it, which start with equal parameters.
        num_layers: Number of copies.
        norm: A module applied at the end. Default: ``None``.
        enable_nested_tensor, mask_check: Accepted for PyTorch compatibility; have no effect. Default: ``True``.

    Shape:
        - Input: as the layer's
        - Output: as the input

    >>> import minitensor as torch
    >>> layer = torch.nn.TransformerEncoderLayer(d_model=8, nhead=2)
    >>> torch.nn.TransformerEncoder(layer, num_layers=2)(torch.rand(5, 3, 8)).shape
    torch.Size([5, 3, 8])
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
        self.layers = copy_layers(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = why_not_sparse(encoder_layer)
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer{reason}",
                UserWarning, stacklevel=user_level(),
            )  # fmt: skip
            self.use_nested_tensor = False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the sequence after all layers; for the masks see ``TransformerEncoderLayer``."""
        # Without a hint, PyTorch looks for a causal mask to choose a kernel; here the mask alone decides.
        for layer in self.layers:
            src = layer(
                src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal or False
            )
        return src if self.norm is None else self.norm(src)


def is_fused_in_pytorch(layer: TransformerEncoderLayer, src: Tensor) -> bool:
    """Whether PyTorch computes a layer in one kernel, whose result has the dtype of a region of autocast."""
    reason = why_not_sparse(layer)
    if src.ndim != 3 or layer.training or not layer.self_attn._qkv_same_embed_dim or reason not in ("", NORM_FIRST):
        return False
    has_hooks = any(module._forward_hooks or module._forward_pre_hooks for module in layer.modules())
    tracks = is_grad_enabled() and any(each.requires_grad for each in (src, *layer.parameters()))
    return not (has_hooks or tracks or is_autocast_enabled("cuda"))


NORM_FIRST = ".norm_first was True"


def why_not_sparse(layer: Module) -> str:
    """Return why PyTorch does not compute a layer on nested tensors, whose results are the same; "" if it does."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    reasons = {
        NORM_FIRST: layer.norm_first,
        ".self_attn.batch_first was not True (use batch_first for better inference performance)":
            not attention.batch_first,
        ".self_attn was passed bias=False": attention.in_proj_bias is None,
        ".activation_relu_or_gelu was not True": not is_relu_or_gelu(layer.activation),
        ".norm1.eps was not equal to encoder_layer.norm2.eps": layer.norm1.eps != layer.norm2.eps,
        ".self_attn.num_heads is odd": attention.num_heads % 2 == 1,
    }  # fmt: skip
    return next((reason for reason, holds in reasons.items() if holds), "")


def is_relu_or_gelu(activation: object) -> bool:
    """Whether an activation is one of the two, as a function or as a module."""
    return activation in (F.relu, F.gelu) or isinstance(activation, (ReLU, GELU))


class TransformerDecoder(Module):
    """A stack of decoder layers, with an optional norm at the end.

    Args:
        decoder_layer: The layer; the stack holds copies of it, which start with equal parameters.
        num_layers: Number of copies.
        norm: A module applied at the end. Default: ``None``.

    Shape:
        - Input: a target and a memory, as the layer's
        - Output: as the target

    >>> import minitensor as torch
    >>> layer = torch.nn.TransformerDecoderLayer(d_model=8, nhead=2)
    >>> torch.nn.TransformerDecoder(layer, num_layers=2)(torch.rand(4, 3, 8), torch.rand(5, 3, 8)).shape
    torch.Size([4, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = copy_layers(decoder_layer, num_layers)
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
        """Return the sequence after all layers; for the masks see ``TransformerDecoderLayer``."""
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal or False,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """Transformer: an encoder of the source and a decoder of the target (Vaswani et al. 2017).

    Embeddings and the output layer are not part of it. All matrices are drawn from Xavier's uniform distribution.

    Args:
        d_model: Number of features of an entry. Default: ``512``.
        nhead: Number of attention heads; must divide ``d_model``. Default: ``8``.
        num_encoder_layers: Number of encoder layers. Default: ``6``.
        num_decoder_layers: Number of decoder layers. Default: ``6``.
        dim_feedforward: Size of the hidden layer of the feedforward network. Default: ``2048``.
        dropout: Probability of dropout, in the attention and after each branch. Default: ``0.1``.
        activation: Activation of the feedforward network: ``"relu"``, ``"gelu"`` or a function. Default: ``F.relu``.
        custom_encoder, custom_decoder: Modules used in place of the stacks. Default: ``None``.
        layer_norm_eps: ``eps`` of the layer norms. Default: ``1e-5``.
        batch_first: Inputs and outputs are (N, L, d_model), not (L, N, d_model). Default: ``False``.
        norm_first: Normalize before each branch, not after the sum with it (Xiong et al. 2020). Default: ``False``.
        bias: Learn biases of linear layers and norms. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: a source (S, N, d_model) and a target (T, N, d_model), with N first if ``batch_first``, or without N
        - Output: as the target

    Attributes:
        encoder: A ``TransformerEncoder`` with a norm at the end, or ``custom_encoder``.
        decoder: A ``TransformerDecoder`` with a norm at the end, or ``custom_decoder``.

    Raises:
        ValueError: If ``nhead`` does not divide ``d_model``, or ``dropout`` lies outside [0, 1]; when called, if an
            input has the wrong rank or size.
        RuntimeError: If ``activation`` is an unknown name; when called, if batch sizes or masks do not fit.
        ShapeError: When called, if source and target differ in batch size or do not have ``d_model`` features.

    >>> import minitensor as torch
    >>> model = torch.nn.Transformer(d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> model(torch.rand(5, 3, 8), torch.rand(4, 3, 8)).shape
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
        """Return the decoder's output for the target and the encoded source.

        Args:
            src, tgt: Source and target sequences.
            src_mask, tgt_mask, memory_mask: Attention masks (S, S), (T, T) and (T, S), as in ``MultiheadAttention``.
                Default: ``None``.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: Masks of padding, (N, S), (N, T) and
                (N, S). Default: ``None``.
            src_is_causal, tgt_is_causal: Hints that the attention masks are causal. Default: ``None``.
            memory_is_causal: The same of ``memory_mask``. Default: ``False``.
        """
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
        """Return the causal mask (sz, sz): -inf above the diagonal, where an entry would look at later ones, else 0.

        Args:
            sz: Length of the sequence.
            device, dtype: Where the mask lies, and its type. Default: ``None``.

        >>> import minitensor as torch
        >>> torch.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return triu(full((sz, sz), float("-inf"), device=device, dtype=dtype), diagonal=1)
