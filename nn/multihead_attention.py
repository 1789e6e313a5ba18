"""Multi-head attention as a layer: projections of queries, keys and values, and of the output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, GuardError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.linear import Linear
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A linear layer under the name that PyTorch prints for the output projection of attention."""


class MultiheadAttention(Module):
    """Multi-head attention: a mean of values, weighted by how well their keys match a query (Vaswani et al. 2017).

    With d = embed_dim / num_heads, for each head i of h::

        head_i = softmax(Q W_i^Q (K W_i^K)^T / sqrt(d)) V W_i^V
        output = [head_1 ... head_h] W^O + b

    Weights are drawn from Xavier's uniform distribution; biases start at zero.

    Args:
        embed_dim: Size E of queries and outputs.
        num_heads: Number of heads; must divide ``embed_dim``.
        dropout: Probability of dropout on the attention weights. Default: ``0.0``.
        bias: Learn biases of the projections. Default: ``True``.
        add_bias_kv: Append a learned key and value to each sequence. Default: ``False``.
        add_zero_attn: Append a key and a value of zeros to each sequence. Default: ``False``.
        kdim: Size of the keys. Default: ``None``, ``embed_dim``.
        vdim: Size of the values. Default: ``None``, ``embed_dim``.
        batch_first: Inputs and outputs are (N, L, ...), not (L, N, ...). Default: ``False``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input query: (T, N, E), (N, T, E) with ``batch_first``, or (T, E)
        - Input key: (S, N, kdim), (N, S, kdim) or (S, kdim)
        - Input value: (S, N, vdim), (N, S, vdim) or (S, vdim)
        - Key_padding_mask: (N, S) or (S)
        - Attn_mask: (T, S) or (N num_heads, T, S)
        - Output: as the query; and the weights (N, T, S) or (T, S), (N, num_heads, T, S) if not averaged, where S
          counts appended keys too

    Attributes:
        in_proj_weight: W^Q, W^K and W^V stacked, shape (3 E, E); None if ``kdim`` or ``vdim`` differs from E.
        q_proj_weight, k_proj_weight, v_proj_weight: The three matrices if so, else None.
        in_proj_bias: Shape (3 E), or None.
        out_proj: The output projection, a ``Linear``.
        bias_k, bias_v: The learned key and value, shape (1, 1, E), or None.

    Raises:
        ValueError: If a size is not positive or ``num_heads`` does not divide ``embed_dim``; when called, if the inputs
            have other ranks or sizes, or a mask has the wrong dtype or shape.
        RuntimeError: When called, if batch sizes differ, a mask has the wrong shape, or ``is_causal`` comes without
            ``attn_mask``.

    >>> import minitensor as torch
    >>> attention = torch.nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = torch.rand(3, 5, 8)
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
        """Return the output, and the attention weights or None.

        Args:
            query, key, value: See the class for the shapes.
            key_padding_mask: True, or minus infinity, at keys to ignore. Default: ``None``.
            need_weights: Return the weights too. Default: ``True``.
            attn_mask: True where a query must not look, or numbers to add to the scores. Default: ``None``.
            average_attn_weights: Average the weights over the heads. Default: ``True``.
            is_causal: A hint that ``attn_mask`` is the causal mask. Default: ``False``.
        """
        is_transposed = self.batch_first and query.ndim == 3
        if is_transposed:
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
        return (output.transpose(0, 1) if is_transposed else output), weights


def check_heads(embed_dim: int, num_heads: int) -> None:
    """Raise unless the sizes are positive and ``num_heads`` divides ``embed_dim``."""
    if embed_dim <= 0 or num_heads <= 0:
        raise ArgumentError(
            f"embed_dim and num_heads must be greater than 0, got {embed_dim} and {num_heads}"
        )
    if embed_dim % num_heads:
        raise GuardError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
