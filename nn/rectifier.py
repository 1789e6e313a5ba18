"""Rectifiers and their relatives as layers: functions in pieces, most of them linear, some of which write in place.

Each layer calls its function in ``nn.functional`` with the options it was created with.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from minitensor.callers import user_level
from minitensor.errors import GuardError
from minitensor.nn import functional as F
from minitensor.nn.init import constant_
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import empty

if TYPE_CHECKING:
    from minitensor.device import DeviceLike
    from minitensor.dtypes import dtype as Dtype
    from minitensor.tensor import Tensor


class Inplace(Module):
    """The base class of activations that can write into the input's memory."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the options."""
        return "inplace=True" if self.inplace else ""


class ReLU(Inplace):
    """Rectified linear unit: max(0, x) (Nair and Hinton 2010).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.ReLU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the positive part of the input."""
        return F.relu(input, inplace=self.inplace)


class LeakyReLU(Module):
    """Leaky rectifier: x where x > 0, ``negative_slope`` x elsewhere (Maas et al. 2013).

    Args:
        negative_slope: Slope of the negative part. Default: ``0.01``.
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.LeakyReLU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.0200,  0.0000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the leaky rectifier of the input."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class ELU(Module):
    """Exponential linear unit: x where x > 0, alpha (exp(x) - 1) elsewhere (Clevert et al. 2015).

    Args:
        alpha: Scale of the negative part. Default: ``1.0``.
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.ELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Return the exponential linear unit of the input."""
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


def value_of_alias(old: str, given: float | None, new: str, value: float) -> float:
    """Return the value under an argument's deprecated name, with a warning, or else under its new one."""
    if given is None:
        return value
    warnings.warn(f"keyword argument `{old}` is deprecated and rename to `{new}`", FutureWarning, user_level())
    return given


class Hardtanh(Inplace):
    """Clip to an interval: min(max(x, min_val), max_val).

    Args:
        min_val: Lower end. Default: ``-1.0``.
        max_val: Upper end. Default: ``1.0``.
        inplace: Write the result into the input's memory. Default: ``False``.
        min_value, max_value: Deprecated names of ``min_val`` and ``max_val``. Default: ``None``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        ValueError: Unless ``max_val`` is greater than ``min_val``.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.Hardtanh()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        min_val = value_of_alias("min_value", min_value, "min_val", min_val)
        max_val = value_of_alias("max_value", max_value, "max_val", max_val)
        if not max_val > min_val:
            raise GuardError(f"max_val must be larger than min_val, got {max_val} and {min_val}")
        self.min_val = min_val
        self.max_val = max_val

    def forward(self, input: Tensor) -> Tensor:
        """Return the input within its bounds."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """Rectifier with a ceiling: min(max(0, x), 6) (Krizhevsky 2010).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.ReLU6()(torch.tensor([-2.0, 3.0, 8.0]))
    tensor([0., 3., 6.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Tensor) -> Tensor:
        """Return the input within [0, 6]."""
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        """Return whether the result is written into the input's memory."""
        return "inplace=True" if self.inplace else ""


class PlainInplace(Inplace):
    """The base class of such activations that do not print the option, as PyTorch's do not."""

    def extra_repr(self) -> str:
        """Return nothing."""
        return ""


class Hardsigmoid(PlainInplace):
    """Piecewise linear sigmoid: min(max(0, x / 6 + 1/2), 1) (Howard et al. 2019).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.Hardsigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0.1667, 0.5000, 0.8333])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the piecewise linear sigmoid of the input."""
        return F.hardsigmoid(input, self.inplace)


class Hardswish(PlainInplace):
    """Piecewise swish: x min(max(0, x / 6 + 1/2), 1) (Howard et al. 2019).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.Hardswish()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input times its piecewise linear sigmoid."""
        return F.hardswish(input, self.inplace)


class SELU(Inplace):
    """Self-normalizing unit: s x where x > 0, s a (exp(x) - 1) elsewhere (Klambauer et al. 2017).

    The constants s = 1.0507 and a = 1.6733 keep mean 0 and variance 1 from layer to layer.

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.SELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-1.5202,  0.0000,  2.1014])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the self-normalizing unit of the input."""
        return F.selu(input, self.inplace)


class CELU(Inplace):
    """Continuous exponential unit: max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017).

    Args:
        alpha: Scale of the negative part, not zero. Default: ``1.0``.
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        ZeroDivisionError: If ``alpha`` is zero, when called.
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.CELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.8647,  0.0000,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        """Return the continuous exponential linear unit of the input."""
        return F.celu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class Threshold(Inplace):
    """Keep what exceeds a threshold: x where x > threshold, ``value`` elsewhere.

    Args:
        threshold: The threshold.
        value: What replaces the rest.
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.Threshold(0.5, -1.0)(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-1., -1.,  2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, or ``value`` where it is at most the threshold."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class RReLU(Inplace):
    """Randomized leaky rectifier: x where x > 0, a x elsewhere (Xu et al. 2015).

    In training, a is drawn from U(lower, upper) for each element; in evaluation it is (lower + upper) / 2.

    Args:
        lower: Least slope. Default: ``0.125``.
        upper: Greatest slope. Default: ``0.3333333333333333``.
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        ValueError: If ``lower`` is greater than ``upper``, when called.
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.RReLU(0.25, 0.75).eval()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        """Return the randomly leaky rectifier of the input."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """Rectifier with learned slopes: x where x > 0, a x elsewhere (He et al. 2015).

    Args:
        num_parameters: Number of slopes: 1, or the number of channels. Default: ``1``.
        init: First value of the slopes. Default: ``0.25``.
        device, dtype: Where the parameters lie, and their type.

    Shape:
        - Input: (*), or (N, C, *) if there are C > 1 slopes
        - Output: (*), as the input

    Attributes:
        weight: The slopes a, shape (num_parameters).

    Raises:
        ShapeError: If the input does not have as many channels as there are slopes.
        RuntimeError: If the input does not have the dtype of the slopes.

    >>> import minitensor as torch
    >>> torch.nn.PReLU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  2.0000], grad_fn=<PreluKernelBackward0>)
    """

    weight: Parameter

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: DeviceLike = None, dtype: Dtype | None = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set all slopes to ``init``."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Return the leaky rectifier of the input with the learned slopes."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class Shrink(Module):
    """The base class of activations with a threshold for small values."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        """Return the bound."""
        return f"{self.lambd}"


class Hardshrink(Shrink):
    """Zero small values: x where |x| > lambd, 0 elsewhere.

    Args:
        lambd: The threshold. Default: ``0.5``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Hardshrink()(torch.tensor([-2.0, 0.3, 2.0]))
    tensor([-2.,  0.,  2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, with small values set to zero."""
        return F.hardshrink(input, self.lambd)


class Softshrink(Shrink):
    """Bring values closer to zero: sign(x) max(0, |x| - lambd).

    Args:
        lambd: By how much. Default: ``0.5``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If ``lambd`` is negative, when called.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Softshrink()(torch.tensor([-2.0, 0.3, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, brought closer to zero."""
        return F.softshrink(input, self.lambd)
