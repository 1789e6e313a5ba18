"""Batching rules of products and convolutions.

A weight that all samples share is used once for all. If both operands differ from sample to sample, the samples become
a batch dim or groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.func.batching.families import BatchedCall, Rows, add_dims, unfold_samples
from minitensor.ops.choice import where
from minitensor.ops.linalg.solve import holds_vectors
from minitensor.ops.linalg.solve import solve as linear_solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minitensor.tensor import Tensor


def matmul(do: BatchedCall, a: Any, b: Any) -> Any:
    """Multiply by a shared vector or matrix directly; otherwise multiply batches of matrices."""
    if not isinstance(b, Rows) and 1 <= b.ndim <= 2:
        return do(a.tensor, b)
    if not isinstance(a, Rows) and a.ndim == 2 and b.ndim == 1:
        return do(b.tensor, a.transpose(0, 1))
    left, right = as_matrix(a, -2), as_matrix(b, -1)
    rank = max(left.ndim, right.ndim)
    product = do(add_dims(left, rank), add_dims(right, rank))
    if a.ndim == 1:
        product = product.squeeze(-2 if b.ndim > 1 else -1)
    return product.squeeze(-1) if b.ndim == 1 else product


def as_matrix(value: Any, dim: int) -> Any:
    """Return a vector as a matrix of one row or column; other tensors unchanged."""
    if value.ndim != 1:
        return value
    return Rows(value.tensor.unsqueeze(dim)) if isinstance(value, Rows) else value.unsqueeze(dim)


def linear(do: BatchedCall, input: Any, weight: Any, bias: Any) -> Any:
    """Treat all samples as rows of the input if they share weight and bias."""
    if not isinstance(weight, Rows) and not isinstance(bias, Rows):
        return do(input.tensor, weight, bias)

    def multiply_add(input: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        product = input.matmul(weight.t())
        return product if bias is None else product.add(bias)

    return do.compute_as(multiply_add)


def solve(do: BatchedCall, A: Any, B: Any, left: bool) -> Any:
    """Align the batch dims of matrices; with vectors, one sample decides what they are."""
    if holds_vectors(A, B):
        return do.compute_as(solve_for_vectors)
    rank = max(A.ndim, B.ndim)
    right = add_dims(B, rank)
    return do(add_dims(A, rank), right[(None,) * (rank + 1 - right.ndim)], left)  # with fewer dims it could be vectors


def solve_for_vectors(A: Tensor, B: Tensor, left: bool) -> Tensor:
    """Solve for matrices of one column."""
    return linear_solve(A, B.unsqueeze(-1), left=left).squeeze(-1)


def qr(do: BatchedCall, A: Any, mode: str) -> Any:
    """Factor all matrices; without Q, each sample has an empty one."""
    q, r = do(A.tensor, mode)
    return q.reshape(do.size, 0) if mode == "r" else q, r


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where it is positive, and x times its channel's weight elsewhere."""
    if weight.numel() != 1:
        weight = weight.reshape(*(1,) * min(1, input.ndim - 1), -1, *(1,) * (input.ndim - 2))
    elif weight.ndim > input.ndim:
        weight = weight.reshape(())
    result: Tensor = where(input > 0, input, input * weight)
    return result


def convolution(do: BatchedCall, input: Any, weight: Any, bias: Any, *rest: Any) -> Any:
    """Merge the samples into N if they share the weight, into O if they share the input, and into groups otherwise."""
    groups = rest[-1]
    if isinstance(bias, Rows):
        shared = not (isinstance(input, Rows) or isinstance(weight, Rows))
        output = do(input, weight, None, *rest) if shared else convolution(do, input, weight, None, *rest)
        return add_bias(do, output.unsqueeze(0) if shared else output, bias)
    if not isinstance(weight, Rows):
        return unfold_samples(do(input.tensor.flatten(0, 1), weight, bias, *rest), do.size, 0)
    if bias is not None:
        return add_bias(do, convolution(do, input, weight, None, *rest), Rows(do.all_rows(bias)))
    kernels, size = weight.tensor, do.size
    if not isinstance(input, Rows) and groups == 1:
        return unfold_samples(do(input, kernels.flatten(0, 1), None, *rest), size, 1)
    images = do.all_rows(input).movedim(0, 1).flatten(1, 2)
    return unfold_samples(do(images, kernels.flatten(0, 1), None, *rest[:-1], groups * size), size, 1)


def add_bias(do: BatchedCall, output: Tensor, bias: Rows) -> Any:
    """Add a bias (B, O) to an output (B, N, O, ...)."""
    return output + bias.tensor.reshape(do.size, 1, -1, *(1,) * (output.ndim - 3))


def convolution_input_backward(
    do: BatchedCall, output: Any, weight: Any, bias: Any, shape: Sequence[int], *rest: Any
) -> Any:
    """Return the gradient by the input, like ``convolution`` with input and output channels exchanged."""
    groups = rest[-1]
    if isinstance(bias, Rows):
        shared = not (isinstance(output, Rows) or isinstance(weight, Rows))
        if shared:
            return add_bias(do, do(output, weight, None, shape, *rest).unsqueeze(0), bias)
        return add_bias(do, convolution_input_backward(do, output, weight, None, shape, *rest), bias)
    if not isinstance(weight, Rows):
        folded = do(output.tensor.flatten(0, 1), weight, bias, (do.size * shape[0], *shape[1:]), *rest)
        return unfold_samples(folded, do.size, 0)
    if bias is not None:
        return add_bias(do, convolution_input_backward(do, output, weight, None, shape, *rest), Rows(do.all_rows(bias)))
    outputs = do.all_rows(output).movedim(0, 1).flatten(1, 2)
    wide = (shape[0], do.size * shape[1], *shape[2:])
    grads = do(outputs, weight.tensor.flatten(0, 1), None, wide, *rest[:-1], groups * do.size)
    return unfold_samples(grads, do.size, 1)


def convolution_weight_backward(do: BatchedCall, output: Any, input: Any, shape: Sequence[int], *rest: Any) -> Any:
    """Return the gradient by the weight. Samples become output channels if they share the input, else groups."""
    groups, wide = rest[-1], (do.size * shape[0], *shape[1:])
    outputs = do.all_rows(output).movedim(0, 1).flatten(1, 2)
    if not isinstance(input, Rows) and groups == 1:
        return unfold_samples(do(outputs, input, wide, *rest), do.size, 0)
    images = do.all_rows(input).movedim(0, 1).flatten(1, 2)
    return unfold_samples(do(outputs, images, wide, *rest[:-1], groups * do.size), do.size, 0)
