"""Attention of several heads as a layer: projections of queries, keys and values, and of what comes out."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError, GuardError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class SDPBackend(Enum):
    """PyTorch's ways of computing ``scaled_dot_product_attention``; here is one, which decides by itself."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: list[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[dict[str, Any]]:
    """Do nothing within a block: there is one way of computing attention, whatever ``backends`` asks for."""
    wanted = backends if isinstance(backends, list) else [backends]
    if not all(isinstance(each, SDPBackend) for each in wanted):
        raise GuardError(f"backends must be an SDPBackend or a list of them, got {backends!r}")
    yield {}


class NonDynamicallyQuantizableLinear(Linear):
    """A linear layer under the name that PyTorch prints for an attention's output projection."""


class MultiheadAttention(Module):
    """Let each query gather values by how its key fits, in several heads at once (Vaswani et al. 2017)::

        head_i = softmax(Q W_i^Q (K W_i^K)^T / sqrt(d)) V W_i^V,    output = [head_1 ... head_h] W^O + b

    Queries (T, N, E), keys (S, N, kdim), values (S, N, vdim), or (N, T, E) and so on with ``batch_first``, or without
    N; output as the queries.

    Args:
        add_bias_kv: append a learned key and value to each sequence.
        add_zero_attn: append a key and value of zeros.

    >>> attention = MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = minitensor.rand(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (torch.Size([3, 5, 8]), torch.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        check_heads(embed_dim, num_heads)
        super().__init__()
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self._qkv_same_embed_dim:
            self.in_proj_weight = Parameter(empty(3 * embed_dim, embed_dim, **made))
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = Parameter(empty(embed_dim, embed_dim, **made))
            self.k_proj_weight = Parameter(empty(embed_dim, self.kdim, **made))
            self.v_proj_weight = Parameter(empty(embed_dim, self.vdim, **made))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", Parameter(empty(3 * embed_dim, **made)) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **made)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, Parameter(empty(1, 1, embed_dim, **made)) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections from Xavier's uniform distribution; biases are zero."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, and the weights (N, T, S) averaged over the heads, if wanted.

        Masks are True, or minus infinity, where not to look: ``key_padding_mask`` (N, S), ``attn_mask`` (T, S) or
        (N heads, T, S). ``is_causal`` says that ``attn_mask`` is the causal one.
        """
        turned = self.batch_first and query.ndim == 3
        if turned:
            query, key, value = (each.transpose(0, 1) for each in (query, key, value))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(0, 1) if turned else output), weights


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Refuse sizes that cannot be shared out among the heads."""
    if embed_dim <= 0 or num_heads <= 0:
        raise ArgumentError(
            f"embed_dim and num_heads must be greater than 0, got {embed_dim} and {num_heads}"
        )
    if embed_dim % num_heads:
        raise GuardError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
