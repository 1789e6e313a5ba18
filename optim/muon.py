"""Muon: momentum for matrices, orthogonalized before it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, ClassVar

from minitensor.errors import ArgumentError, DtypeError
from minitensor.optim.optimizer import Group, Optimizer, Params, Scratch
from minitensor.optim.options import read_integer, require_number, require_rate
from minitensor.optim.steps import move_mean

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.tensor import Tensor

ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Muon: momentum orthogonalized by Newton-Schulz iterations, for matrices (Jordan et al. 2024).

    With parameter p, gradient g, momentum mu and weight decay lambda::

        b <- mu b + (1 - mu) g
        o = orthogonalize(b)                       (Nesterov: of mu b + (1 - mu) g)
        p <- p - lr lambda p
        p <- p - lr sqrt(max(1, rows / columns)) o          ("match_rms_adamw": lr 0.2 sqrt(max(rows, columns)))

    It is meant for the weight matrices of hidden layers; give biases, embeddings and filters to ``AdamW``.
    ``orthogonalize`` approximates the nearest orthogonal matrix by ``ns_steps`` iterations X <- a X + (b X X' + c (X
    X')^2) X. As in PyTorch, they round every number to bfloat16, because the result need not be exact.

    Args:
        params: What to optimize: tensors, pairs (name, tensor), or dicts ``{"params": [...], "lr": ...}`` with options
            of their own.
        lr: Learning rate, a number or a tensor with one element. Default: ``1e-3``.
        weight_decay: Factor lambda of the decay. Default: ``0.1``.
        momentum: Factor mu of the running mean b. Default: ``0.95``.
        nesterov: Use Nesterov momentum. Default: ``True``.
        ns_coefficients: Coefficients (a, b, c) of the iteration. Default: ``(3.4445, -4.7750, 2.0315)``.
        eps: Least norm by which the matrix is divided before the iterations. Default: ``1e-7``.
        ns_steps: Number of iterations, less than 100. Default: ``5``.
        adjust_lr_fn: How the step depends on the shape: ``"original"`` (which None means too) or ``"match_rms_adamw"``.
            Default: ``None``.

    Raises:
        ValueError: If ``lr``, ``weight_decay`` or ``momentum`` is negative, if ``adjust_lr_fn``, ``ns_steps`` or
            ``ns_coefficients`` is none of the above, if ``params`` is empty, or if it holds a non-leaf tensor or one
            that does not have two dims.
        TypeError: If ``params`` is a single tensor or not iterable, or holds something other than tensors, or if an
            option has the wrong type.
        DtypeError: If a parameter is complex.

    >>> import minitensor as torch
    >>> weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0], [3.0, 0.5]]))
    >>> optimizer = torch.optim.Muon([weight], lr=0.1)
    >>> (weight**2).sum().backward()
    >>> optimizer.step()
    >>> weight
    Parameter containing:
    tensor([[ 0.9535, -1.9124],
            [ 2.8637,  0.4794]], requires_grad=True)
    """

    elementwise: ClassVar[bool] = False
    optional: ClassVar[tuple[str, ...]] = ("momentum_buffer",)

    def __init__(
        self,
        params: Params,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        require_rate(lr)
        for name, value in (("momentum", momentum), ("weight decay", weight_decay)):
            if not value >= 0:
                raise ArgumentError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in ADJUSTMENTS:
            raise ArgumentError(f"Adjust learning rate function {adjust_lr_fn} is not supported, only {ADJUSTMENTS}")
        if ns_steps >= 100 or len(ns_coefficients) != 3:
            raise ArgumentError(
                f"ns_steps must be < 100 and ns_coefficients three numbers, got {ns_steps} and {ns_coefficients}"
            )
        require_number("Muon: eps", eps)
        read_integer("Muon: ns_steps", ns_steps)
        super().__init__(
            params,
            {
                "lr": lr,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "nesterov": nesterov,
                "ns_coefficients": ns_coefficients,
                "eps": eps,
                "ns_steps": ns_steps,
                "adjust_lr_fn": adjust_lr_fn,
            },
        )

    def _require_fit(self, params: list[Tensor], options: Group) -> None:
        for param in params:
            if param.ndim != 2:
                raise ArgumentError(f"Muon only supports 2D parameters whereas we found one with size: {param.shape}")
            if param.is_complex():
                raise DtypeError(f"Muon does not support complex parameters, got {param.dtype.name}")

    def slots(self, group: Group) -> tuple[str, ...]:
        """Name the running mean."""
        return ("momentum_buffer",)

    def update(
        self, group: Group, step: int, param: Array, grad: Array, state: Sequence[Array], scratch: Scratch
    ) -> None:
        """Take one step by the equations in the class docstring."""
        lr, momentum, (mean,) = group["lr"], group["momentum"], state
        move_mean(mean, grad, 1 - momentum, scratch)
        ahead = grad + momentum * (mean - grad) if group["nesterov"] else mean
        param *= 1 - lr * group["weight_decay"]
        param -= adjust_rate(lr, group["adjust_lr_fn"], *param.shape[-2:]) * orthogonalize(
            scratch.xp, ahead, group["ns_coefficients"], group["ns_steps"], group["eps"]
        ).astype(param.dtype)


def adjust_rate(lr: float, way: str | None, rows: int, columns: int) -> float:
    """Return the learning rate for a matrix of this shape."""
    if way == "match_rms_adamw":
        # About the root mean square of AdamW's updates, 0.2 to 0.4 (Liu et al. 2025, Muon is scalable for LLM
        # training).
        return lr * 0.2 * sqrt(max(rows, columns))
    return lr * sqrt(max(1, rows / max(1, columns)))


def orthogonalize(xp: Any, matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """Bring all singular values of a matrix, or of each of several, close to one."""
    a, b, c = coefficients
    # The Gram matrix of the shorter side is the smaller one.
    tall = matrix.shape[-2] > matrix.shape[-1]
    x = round_to_bfloat16(xp, (matrix.swapaxes(-1, -2) if tall else matrix).astype("float32"))
    norm = round_to_bfloat16(xp, xp.sqrt(xp.sum(x * x, axis=(-2, -1), keepdims=True)))
    x = round_to_bfloat16(xp, x / xp.maximum(norm, eps))
    for _ in range(steps):
        gram = round_to_bfloat16(xp, x @ x.swapaxes(-1, -2))
        x = round_to_bfloat16(xp, a * x + round_to_bfloat16(xp, b * gram + c * (gram @ gram)) @ x)
    return x.swapaxes(-1, -2) if tall else x


def round_to_bfloat16(xp: Any, array: Array) -> Array:
    """Round float32 numbers to bfloat16, ties to even, and return them as float32."""
    bits = xp.ascontiguousarray(array, dtype="float32").view("uint32")
    # 0x7FFF is just below half of the last bit that is kept. Adding that bit too rounds ties up from odd only.
    found = bits >> xp.uint32(16)
    found &= xp.uint32(1)
    found += xp.uint32(0x7FFF)
    found += bits
    found &= xp.uint32(0xFFFF0000)
    result: Array = found.view("float32")
    return result
