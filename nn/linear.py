"""Layers that multiply by a matrix, and the one that does nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn import init
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class Identity(Module):
    """Return the input unchanged.

    It takes the place of a layer that a network does not need, such as the last layer of a pretrained one.

    Args:
        *args, **kwargs: Ignored, so that it can replace a call of any other layer.

    Shape:
        - Input: (*), any shape
        - Output: the input itself

    >>> import minitensor as torch
    >>> torch.nn.Identity(54, bias=False)(torch.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input``."""
        return input


class Linear(Module):
    """Apply an affine map to the last dim: ``y = x W^T + b``.

    Args:
        in_features: Size of the last dim of the input.
        out_features: Size of the last dim of the output.
        bias: Whether to add a learned bias. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*, in_features), with any number of leading dims
        - Output: (*, out_features)

    Attributes:
        weight: (out_features, in_features), drawn from U(-k, k) with k = 1 / sqrt(in_features).
        bias: (out_features), drawn from the same distribution, or None.

    Raises:
        ShapeError: If the last dim of the input does not have size ``in_features``, or a size is negative.
        DtypeError: If the input does not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.Linear(20, 30)
    >>> layer(torch.zeros(128, 20)).shape
    torch.Size([128, 30])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias."""
        reset_weight_and_bias(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input @ weight.T + bias``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """Apply a bilinear form to two inputs: ``y_k = x1^T W_k x2 + b_k``.

    Args:
        in1_features: Size of the last dim of the first input.
        in2_features: Size of the last dim of the second input.
        out_features: Size of the last dim of the output: the number of forms.
        bias: Whether to add a learned bias. Default: ``True``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input1: (*, in1_features)
        - Input2: (*, in2_features), with the same leading dims
        - Output: (*, out_features)

    Attributes:
        weight: (out_features, in1_features, in2_features), drawn from U(-k, k) with k = 1 / sqrt(in1_features).
        bias: (out_features), drawn from the same distribution, or None.

    Raises:
        ValueError: If ``in1_features`` is not positive.
        ShapeError: If the last dims of the inputs do not have the sizes ``in1_features`` and ``in2_features``, or the
            leading dims do not fit together.
        DtypeError: If the inputs do not have the dtype of the weight.

    >>> import minitensor as torch
    >>> layer = torch.nn.Bilinear(20, 30, 40)
    >>> layer(torch.zeros(128, 20), torch.zeros(128, 30)).shape
    torch.Size([128, 40])
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike = None,
        dtype: Dtype | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ArgumentError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = Parameter(empty(out_features, in1_features, in2_features, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_features, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new values of the weight and the bias."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Return the values of the bilinear forms."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


def reset_weight_and_bias(weight: Parameter, bias: Parameter | None) -> None:
    """Draw both from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), which is Kaiming's rule for a slope of sqrt(5)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = init._calculate_fan_in_and_fan_out(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)
