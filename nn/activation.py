"""Smooth activations and softmaxes as layers; ``rectifier.py`` has those in pieces.

Each layer calls its function in ``nn.functional`` with the options it was created with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minitensor.errors import ArgumentError
from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.nn.rectifier import Inplace

if TYPE_CHECKING:
    from minitensor.tensor import Tensor


class Sigmoid(Module):
    """Logistic function: 1 / (1 + exp(-x)).

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    >>> import minitensor as torch
    >>> torch.nn.Sigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0.1192, 0.5000, 0.8808])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the logistic function of the input."""
        return input.sigmoid()


class Tanh(Module):
    """Hyperbolic tangent: (exp(x) - exp(-x)) / (exp(x) + exp(-x)).

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    >>> import minitensor as torch
    >>> torch.nn.Tanh()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.9640,  0.0000,  0.9640])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the hyperbolic tangent of the input."""
        return input.tanh()


class GELU(Module):
    """Gaussian error linear unit: x P(X <= x) for a standard normal X (Hendrycks and Gimpel 2016).

    Args:
        approximate: ``"none"``, or ``"tanh"`` for x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2. Default:
            ``"none"``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        ValueError: If ``approximate`` is unknown, when called.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.GELU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.0455,  0.0000,  1.9545])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """Return the Gaussian error linear unit of the input."""
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"approximate={self.approximate!r}"


class SiLU(Inplace):
    """Sigmoid linear unit, or swish: x sigmoid(x) (Elfwing et al. 2017).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.SiLU()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.7616])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the sigmoid linear unit of the input."""
        return F.silu(input, inplace=self.inplace)


class Softmax(Module):
    """Probabilities of scores: exp(x) over the sum of exp(x) along a dim.

    Args:
        dim: Dim along which the values sum to 1. Default: ``None``, chosen by the rank as in PyTorch, with a warning.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        IndexError: If there is no dim ``dim``.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Softmax(dim=1)(torch.tensor([[0.0, 0.0, 1.0]]))
    tensor([[0.2119, 0.2119, 0.5761]])
    """

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
    """Log-probabilities of scores: the logarithm of softmax, computed without loss of digits.

    Args:
        dim: Dim along which the values sum to 1. Default: ``None``, chosen by the rank as in PyTorch, with a warning.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        IndexError: If there is no dim ``dim``.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.LogSoftmax(dim=1)(torch.tensor([[0.0, 0.0, 1.0]]))
    tensor([[-1.5514, -1.5514, -0.5514]])
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Return log-probabilities."""
        return F.log_softmax(input, self.dim)

    def extra_repr(self) -> str:
        """Return the dim."""
        return f"dim={self.dim}"


class Mish(Inplace):
    """Self-regularized swish: x tanh(softplus(x)) (Misra 2019).

    Args:
        inplace: Write the result into the input's memory. Default: ``False``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.
        RuntimeError: If ``inplace`` is true and the input is a leaf that requires grad.

    >>> import minitensor as torch
    >>> torch.nn.Mish()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.2525,  0.0000,  1.9440])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the mish of the input."""
        return F.mish(input, self.inplace)


class GLU(Module):
    """Gated linear unit: a sigmoid(b), for the halves a and b of the input (Dauphin et al. 2016).

    Args:
        dim: Dim to halve, of even size. Default: ``-1``.

    Shape:
        - Input: (*, 2 M, *)
        - Output: (*, M, *)

    Raises:
        ShapeError: If the size of ``dim`` is odd.
        IndexError: If there is no dim ``dim``.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.GLU()(torch.tensor([1.0, 2.0, 0.0, 3.0]))
    tensor([0.5000, 1.9051])
    """

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
    """Smooth rectifier: log(1 + exp(beta x)) / beta.

    Where beta x > threshold, it is x itself, which it then equals to within rounding.

    Args:
        beta: Sharpness. Default: ``1.0``.
        threshold: Bound above which the function is linear. Default: ``20.0``.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Softplus()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([0.1269, 0.6931, 2.1269])
    """

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


class LogSigmoid(Module):
    """Logarithm of the sigmoid: log(1 / (1 + exp(-x))), without overflow.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.LogSigmoid()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-2.1269, -0.6931, -0.1269])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the logarithm of the input's sigmoid."""
        return F.logsigmoid(input)


class Softsign(Module):
    """Softsign: x / (1 + |x|).

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.Softsign()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.6667,  0.0000,  0.6667])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the softsign of the input."""
        return F.softsign(input)


class Tanhshrink(Module):
    """Tanhshrink: x - tanh(x).

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        RuntimeError: If the input holds bools.

    >>> import minitensor as torch
    >>> torch.nn.Tanhshrink()(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-1.0360,  0.0000,  1.0360])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the input minus its tanh."""
        return F.tanhshrink(input)


class Softmin(Module):
    """Probabilities that are large for small scores: the softmax of -x.

    Args:
        dim: Dim along which the values sum to 1. Default: ``None``, chosen by the rank as in PyTorch, with a warning.

    Shape:
        - Input: (*), any shape
        - Output: (*), as the input

    Raises:
        IndexError: If there is no dim ``dim``.
        RuntimeError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Softmin(dim=1)(torch.tensor([[0.0, 0.0, 1.0]]))
    tensor([[0.4223, 0.4223, 0.1554]])
    """

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
    """Softmax over the channels of images, at each pixel.

    Shape:
        - Input: (N, C, H, W) or (C, H, W)
        - Output: as the input

    Raises:
        ValueError: If the input does not have 3 or 4 dims.
        NotImplementedError: If the input is not floating-point.

    >>> import minitensor as torch
    >>> torch.nn.Softmax2d()(torch.zeros(4, 1, 1)).flatten()
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return probabilities."""
        if input.ndim not in (3, 4):
            raise ArgumentError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D of {tuple(input.shape)}")
        return F.softmax(input, -3)
