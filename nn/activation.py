"""Activations as layers, to stand in a ``Sequential``: each calls its function with the options it was made with."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from minitensor.callers import user_level
from minitensor.errors import ArgumentError, GuardError
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
    """What activations share that may write where the input lies."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Return the options."""
        return "inplace=True" if self.inplace else ""


class ReLU(Inplace):
    """Return max(0, x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the positive part; with ``inplace``, where the input lies."""
        return F.relu(input, inplace=self.inplace)


class Sigmoid(Module):
    """Return 1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the logistic function of the input."""
        return input.sigmoid()


class Tanh(Module):
    """Return (exp(x) - exp(-x)) / (exp(x) + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the hyperbolic tangent of the input."""
        return input.tanh()


class GELU(Module):
    """Return x P(X <= x) for a standard normal X, or its ``"tanh"`` approximation (Hendrycks and Gimpel 2016)."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Return the Gaussian error linear unit of the input."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"approximate={self.approximate!r}"


class LeakyReLU(Module):
    """Return x where x > 0, negative_slope * x elsewhere."""

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
    """Return x where x > 0, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2015)."""

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


class SiLU(Inplace):
    """Return x * sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the sigmoid linear unit of the input."""
        return F.silu(input, inplace=self.inplace)


class Softmax(Module):
    """Return exp(x) over the sum of exp(x) along ``dim``."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return probabilities."""
        return F.softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dim."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """Return the logarithm of softmax along ``dim``, computed without loss of digits."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dim."""
        return f"dim={self.dim}"


class ReLU6(Inplace):
    """Return min(max(0, x), 6) (Krizhevsky 2010)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.min_val = 0.0
        self.max_val = 6.0

    def forward(self, input: Tensor) -> Tensor:
        """Return the input within [0, 6]."""
        return F.relu6(input, self.inplace)


def renamed(old: str, given: float | None, new: str, value: float) -> float:
    """Return what was given under an argument's old name, with a warning, or else the value under its new one."""
    if given is None:
        return value
    warnings.warn(f"keyword argument `{old}` is deprecated and rename to `{new}`", FutureWarning, user_level())
    return given


class Hardtanh(Inplace):
    """Return min(max(min_val, x), max_val)."""

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__(inplace)
        min_val = renamed("min_value", min_value, "min_val", min_val)
        max_val = renamed("max_value", max_value, "max_val", max_val)
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


class Hardsigmoid(Inplace):
    """Return min(max(0, x / 6 + 1/2), 1)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the piecewise linear sigmoid of the input."""
        return F.hardsigmoid(input, self.inplace)

    def extra_repr(self) -> str:
        """Return nothing, as PyTorch does."""
        return ""


class Hardswish(Hardsigmoid):
    """Return x min(max(0, x / 6 + 1/2), 1) (Howard et al. 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the input times its piecewise linear sigmoid."""
        return F.hardswish(input, self.inplace)


class SELU(Inplace):
    """Return s x where x > 0, s a (exp(x) - 1) elsewhere, with s and a that keep mean 0 and variance 1
    (Klambauer et al. 2017).
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the self-normalising unit of the input."""
        return F.selu(input, self.inplace)


class Mish(Inplace):
    """Return x tanh(softplus(x)) (Misra 2019)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the mish of the input."""
        return F.mish(input, self.inplace)


class CELU(Inplace):
    """Return max(0, x) + min(0, alpha (exp(x / alpha) - 1)) (Barron 2017)."""

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
    """Return x where x > threshold, ``value`` elsewhere."""

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """Return the input, or the value where it is too small."""
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class RReLU(Inplace):
    """Return x where x > 0, a x elsewhere, a drawn from U(lower, upper) in training and its mean in evaluation
    (Xu et al. 2015).
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
    """Return x where x > 0, a x elsewhere, with a learned a: one, or one for each channel (He et al. 2015)."""

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
        """Let the slopes be what they were at first."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Return the leaky rectifier of the input with the learned slopes."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """Return a sigmoid(b) for the two halves a, b of the input along ``dim`` (Dauphin et al. 2016)."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return the gated half of the input."""
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dim."""
        return f"dim={self.dim}"


class Softplus(Module):
    """Return log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."""

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input: Tensor) -> Tensor:
        """Return the smooth rectifier of the input."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """Return x where |x| > lambd, 0 elsewhere."""

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        """Return the input with small values at zero."""
        return F.hardshrink(input, self.lambd)

    def extra_repr(self) -> str:
        """Return the bound."""
        return f"{self.lambd}"


class Softshrink(Hardshrink):
    """Return x brought nearer to zero by ``lambd``, as far as zero."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the shrunken input."""
        return F.softshrink(input, self.lambd)


class LogSigmoid(Module):
    """Return log(1 / (1 + exp(-x)))."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the logarithm of the input's sigmoid."""
        return F.logsigmoid(input)


class Softsign(Module):
    """Return x / (1 + |x|)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the softsign of the input."""
        return F.softsign(input)


class Tanhshrink(Module):
    """Return x - tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the input less its tanh."""
        return F.tanhshrink(input)


class Softmin(Module):
    """Return the softmax of -x along ``dim``."""

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return probabilities, the largest where the input is smallest."""
        return F.softmin(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dim."""
        return f"dim={self.dim}"


class Softmax2d(Module):
    """Return the softmax over the channels of (N, C, H, W) or (C, H, W), pixel by pixel."""

    def forward(self, input: Tensor) -> Tensor:
        """Return probabilities."""
        if input.ndim not in (3, 4):
            raise ArgumentError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D of {tuple(input.shape)}")
        return F.softmax(input, -3)
