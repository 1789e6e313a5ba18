"""The tangents of a user's ``Function``: what its ``jvp`` returns, in each level of forward mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import grad
from minitensor.autograd.interpreters import interpreters
from minitensor.autograd.mode import enable_grad, forward_mode, inference
from minitensor.autograd.node import is_differentiable
from minitensor.base import TensorBase, array_dtype
from minitensor.errors import GradError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def push_through(
    jvp: Callable[..., Any], is_given: bool, ctx: Any, args: tuple[Any, ...], results: tuple[Any, ...],
    outputs: tuple[Any, ...],
) -> None:
    """Give the outputs of a function tangents, level by level from the outermost.

    ``is_given`` is false for the ``jvp`` that raises. ``results`` are what ``forward`` returned. An output that is not
    its result is an input as it is, or a view.
    """
    kind = TensorBase.result_class._dual_level
    if not forward_mode.get() or inference.get():
        return
    for level in interpreters.get():
        if not isinstance(level, kind):
            continue
        with level.below():
            given = [level.tangent_of(each) if isinstance(each, TensorBase) else None for each in args]
            if all(each is None for each in given):
                continue
            if level.transposes and not is_given:
                transpose_backward(level, args, given, outputs)
                continue
            tangents = [fill_zeros(ctx, each, own) for each, own in zip(args, given, strict=True)]
            found = jvp(ctx, *tangents)
            found = found if isinstance(found, tuple) else (found,)
            check_tangents(ctx, results, outputs, found)
            for i, (output, tangent) in enumerate(zip(outputs, found, strict=True)):
                if tangent is not None:
                    check_memory(ctx, tangents, args, (results[i], output), tangent)
                    level.set_tangent(output, tangent)


def transpose_backward(level: Any, args: tuple[Any, ...], given: Sequence[Any], outputs: tuple[Any, ...]) -> None:
    """Give the outputs the tangents that follow from ``backward``: it is linear in the gradients of the outputs."""
    recorded = [each for each in outputs if has_tangent(each) and each.node is not None]
    pairs = [
        (each, own) for each, own in zip(args, given, strict=True) if own is not None and each.node is not None
    ]
    if not recorded or not pairs:
        return
    with enable_grad():
        probes = [each.detach().new_zeros(tuple(each.shape)).requires_grad_() for each in recorded]
        grads = grad(recorded, [each for each, _ in pairs], probes, create_graph=True, materialize_grads=True)
    terms = [(each, own) for each, (_, own) in zip(grads, pairs, strict=True) if each.node is not None]
    if terms:
        found = grad(
            [each for each, _ in terms], probes, [own for _, own in terms], True, level.records, materialize_grads=True
        )
        for output, tangent in zip(recorded, found, strict=True):
            level.set_tangent(output, tangent)


def fill_zeros(ctx: Any, value: Any, tangent: Any) -> Any:
    """Return the tangent of an argument, or zeros, unless the function wants None instead."""
    if tangent is not None or not ctx.materialize_grads or not has_tangent(value):
        return tangent
    return value.detach().new_zeros(tuple(value.shape))


def has_tangent(value: Any) -> bool:
    """Whether a value is a tensor of floating-point or complex numbers."""
    return isinstance(value, TensorBase) and is_differentiable(array_dtype(value))


def check_tangents(
    ctx: Any, results: tuple[Any, ...], outputs: tuple[Any, ...], found: tuple[Any, ...]
) -> None:
    """Raise unless ``jvp`` returned a tangent or None for each output."""
    if len(found) != len(outputs):
        raise GradError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got "
            f"{len(found)})"
        )
    for i, (result, output, tangent) in enumerate(zip(results, outputs, found, strict=True)):
        if tangent is None:
            continue
        if not isinstance(tangent, TensorBase):
            raise GradError(f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}.")
        if not has_tangent(output) or any(result is each for each in ctx.non_differentiable):
            raise GradError(
                f"Function's jvp returned a gradient at position {i}, but the corresponding forward output is not a "
                "differentiable Tensor. You should return None at that position instead."
            )
        if tuple(tangent.shape) != tuple(output.shape):
            raise GradError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(output.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )


def check_memory(
    ctx: Any, tangents: Sequence[Any], args: tuple[Any, ...], pair: tuple[Any, Any], tangent: Any
) -> None:
    """Raise unless a tangent shares memory with that of an input where the output shares memory with the input."""
    result, output = pair
    if any(result is each for each in ctx.dirty_tensors):
        own = next((t for each, t in zip(args, tangents, strict=True) if each is result), None)
        if own is not None and tangent is not own:
            raise GradError(
                "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is "
                "modifying an input inplace, then the jvp function must modify the corresponding gradient inplace."
            )
    elif output is not result and tangent._base is None:
        raise GradError(
            "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
        )
