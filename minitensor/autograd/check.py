"""Comparison of gradients with finite differences: ``gradcheck`` and ``gradgradcheck``.

Both work on the real loss L(v) = Re(sum(conj(v) * output)), whose gradient in PyTorch's convention is dL/da + i dL/db
for an input a + ib. For real tensors this is the vector-Jacobian product. Use float64, because the step of the
differences is 1e-6.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import grad
from minitensor.autograd.interpreters import interpreted_by
from minitensor.autograd.leaf import Leaf
from minitensor.autograd.mode import enable_grad
from minitensor.base import TensorBase, elements_of, wrap
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.dtypes import complex128, float64
from minitensor.errors import ArgumentError, ArgumentTypeError, GradAssertionError, GradcheckError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from minitensor.backends import Array


# PyTorch's checks of batched and undefined gradients and result dtypes, of which there are none here.
SWITCHES = frozenset((
    "check_undefined_grad", "check_grad_dtypes", "check_batched_grad", "check_batched_forward_grad",
    "gen_non_contig_grad_outputs", "masked",
))  # fmt: skip


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    **checks: bool | None,
) -> bool:
    """Compare the gradients of ``func`` with central differences of step ``eps``.

    ``inputs`` is a tensor or a tuple of arguments; those that require grad should be float64 or complex128. With
    ``fast_mode`` one random combination of the Jacobian's rows is checked instead of every row.

    Args:
        func: A function of tensors that returns a tensor or several.
        inputs: Its arguments, a tensor or a tuple.
        eps: Step of the differences. Default: ``1e-6``.
        atol: Difference that is allowed. Default: ``1e-5``.
        rtol: Difference that is allowed, relative to the numerical gradient. Default: ``1e-3``.
        raise_exception: Raise if a gradient is wrong, instead of returning False. Default: ``True``.
        nondet_tol: Difference that is allowed between two backward passes. Default: ``0.0``.
        fast_mode: Check one random combination of the Jacobian's rows. Default: ``False``.
        check_forward_ad: Check the tangents of forward mode. Default: ``False``.
        check_backward_ad: Check the gradients of the backward pass. Default: ``True``.
        **checks: PyTorch's switches of further checks, such as ``check_undefined_grad``; they change nothing here.

    Raises:
        GradcheckError: If a gradient differs, and ``raise_exception`` is true.
        TypeError: If there is no such switch.
        ValueError: If no input requires grad.
        AssertionError: If nothing is to be checked.

    >>> import minitensor as torch
    >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(torch.sin, (x,), check_forward_ad=True)
    True
    """
    require_switches("gradcheck", checks)
    if not check_forward_ad and not check_backward_ad:
        raise GradAssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if checks.get("check_batched_forward_grad") and not check_forward_ad:
        raise GradAssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    args = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    try:
        check(func, args, eps, atol, rtol, nondet_tol, fast_mode, check_forward_ad, check_backward_ad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def require_switches(name: str, checks: Iterable[str]) -> None:
    """Raise for a keyword that is not one of PyTorch's switches."""
    for each in checks:
        if each not in SWITCHES:
            raise ArgumentTypeError(f"{name}(): got an unexpected keyword argument {each!r}")


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    fast_mode: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    **checks: bool | None,
) -> bool:
    """Compare the gradients of the gradients of ``func`` with finite differences.

    Args:
        func: A function of tensors that returns a tensor or several.
        inputs: Its arguments, a tensor or a tuple.
        grad_outputs: The gradients that arrive at the outputs. Default: ``None``, random numbers.
        eps: Step of the differences. Default: ``1e-6``.
        atol: Difference that is allowed. Default: ``1e-5``.
        rtol: Difference that is allowed, relative to the numerical gradient. Default: ``1e-3``.
        raise_exception: Raise if a gradient is wrong, instead of returning False. Default: ``True``.
        nondet_tol: Difference that is allowed between two backward passes. Default: ``0.0``.
        fast_mode: Check one random combination of the Jacobian's rows. Default: ``False``.
        check_fwd_over_rev: Check the tangents of the gradients. Default: ``False``.
        check_rev_over_rev: Check the gradients of the gradients. Default: ``True``.
        **checks: PyTorch's switches of further checks, such as ``check_undefined_grad``; they change nothing here.

    Raises:
        GradcheckError: If a gradient differs, and ``raise_exception`` is true.
        TypeError: If there is no such switch.
        ValueError: If no input requires grad.
        AssertionError: If nothing is to be checked.

    >>> import minitensor as torch
    >>> x = torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(torch.sin, (x,), check_fwd_over_rev=True)
    True
    """
    require_switches("gradgradcheck", checks)
    if not check_fwd_over_rev and not check_rev_over_rev:
        raise GradAssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    args = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    leaves = [i for i, each in enumerate(args) if differentiable(each)]
    outputs = differentiable_outputs(func(*args))
    given = (grad_outputs,) if isinstance(grad_outputs, TensorBase) else grad_outputs
    seeds = [random_like(each, k) for k, each in enumerate(outputs)] if given is None else list(given)

    def first(*arguments: Any) -> tuple[Any, ...]:
        own, cotangents = arguments[: len(args)], arguments[len(args):]
        results = differentiable_outputs(func(*own))
        found = grad(results, [own[i] for i in leaves], cotangents, create_graph=True, allow_unused=True)
        return tuple([each for each in found if each is not None and each.node is not None])

    return gradcheck(
        first, (*args, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        fast_mode=fast_mode, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )


def check(
    func: Callable[..., Any], args: tuple[Any, ...], eps: float, atol: float, rtol: float, nondet_tol: float,
    fast: bool, forward: bool, backward: bool,
) -> None:
    """Raise if any entry of the Jacobian differs."""
    leaves = [each for each in args if differentiable(each)]
    if not leaves:
        raise ArgumentError("gradcheck expects at least one input tensor that requires grad")
    warn_of_precision(args)
    with enable_grad():
        outputs = differentiable_outputs(func(*args))
    rows = [directions(output, number, fast) for number, output in enumerate(outputs)]
    expected = [differences(func, args, leaf, rows, eps) for leaf in leaves]
    if forward:
        compare_tangents(func, args, leaves, rows, expected, (rtol, atol))
    for number, output in enumerate(outputs if backward else ()):
        for i, row in enumerate(rows[number]):
            slopes = [found[number][i] for found in expected]
            compare(leaves, number, output, row.reshape(elements_of(output).shape), slopes, atol, rtol, nondet_tol)


def warn_of_precision(args: tuple[Any, ...]) -> None:
    """Warn of each input that requires grad and is less precise than finite differences should be."""
    for place, each in enumerate(args):
        if differentiable(each) and each.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{place} requires gradient and is not a double precision floating point or complex, but "
                f"{each.dtype.name}. The check will likely fail: convert it with .double()",
                UserWarning, stacklevel=user_level(),
            )  # fmt: skip


def compare(
    leaves: Sequence[Any], number: int, output: Any, direction: Array, slopes: Sequence[Array], atol: float,
    rtol: float, nondet_tol: float,
) -> None:
    """Compare the gradients of one combination of one output's entries with finite differences."""
    seed = wrap(output.result_class, direction)
    found = grad(output, leaves, seed, retain_graph=True, allow_unused=True)
    again = grad(output, leaves, seed, retain_graph=True, allow_unused=True)
    for k, (leaf, analytic, repeated, expected) in enumerate(zip(leaves, found, again, slopes, strict=True)):
        xp = leaf.xp
        given = xp.zeros(leaf.array.shape, leaf.array.dtype) if analytic is None else elements_of(analytic)
        if analytic is not None and float(xp.abs(given - elements_of(repeated)).max(initial=0.0)) > nondet_tol:
            raise GradcheckError(f"backward is not reentrant: input {k} got two different gradients")
        if not xp.allclose(given, expected, rtol, atol, equal_nan=True):
            raise GradcheckError(
                f"Jacobian mismatch for output {number} with respect to input {k}, in the direction\n{direction}\n"
                f"numerical:\n{expected}\nanalytical:\n{given}"
            )


def compare_tangents(
    func: Callable[..., Any], args: tuple[Any, ...], leaves: Sequence[Any], rows: Sequence[Array],
    expected: Sequence[Sequence[Array]], tolerance: tuple[float, float],
) -> None:
    """Compare the tangents of all outputs, along each entry of each input, with finite differences."""
    for k, (leaf, slopes) in enumerate(zip(leaves, expected, strict=True)):
        array, xp = leaf.array, leaf.xp
        found = [xp.zeros((len(each), *array.shape), array.dtype) for each in rows]
        for index in positions(array):
            for step in (1, 1j) if array.dtype.kind == "c" else (1,):
                along, column = xp.zeros(array.shape, array.dtype), (slice(None), *index)
                along[index] = step
                tangents = tangents_along(func, args, leaf, wrap(leaf.result_class, along))
                for own, each, tangent in zip(found, rows, tangents, strict=True):
                    own[column] += (each.conj() @ tangent.reshape(-1)).real * step
        for number, (own, wanted) in enumerate(zip(found, slopes, strict=True)):
            if not xp.allclose(own, wanted, *tolerance, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian computed with forward mode mismatch for output {number} with respect to input {k},\n"
                    f"numerical:\n{wanted}\nanalytical:\n{own}"
                )


def tangents_along(func: Callable[..., Any], args: tuple[Any, ...], leaf: Any, direction: Any) -> list[Array]:
    """Return how the outputs move if one input moves along a direction."""
    level = TensorBase.result_class._dual_level(False)
    try:
        dual = level.make_dual(leaf, direction)
        with enable_grad(), interpreted_by(level):
            outputs = differentiable_outputs(func(*[dual if each is leaf else each for each in args]))
        tangents = [level.tangent_of(each) for each in outputs]
        return [
            output.xp.zeros_like(elements_of(output)) if tangent is None else elements_of(tangent)
            for output, tangent in zip(outputs, tangents, strict=True)
        ]
    finally:
        level.forget()


def differences(
    func: Callable[..., Any], args: tuple[Any, ...], leaf: Any, rows: Sequence[Array], eps: float
) -> list[Array]:
    """Return the gradients of Re(sum(conj(row) * output)) by one input, for each output, from central differences.

    Two evaluations for each entry of the input are enough for all rows of all outputs.
    """
    array, xp = leaf.array, leaf.xp
    found = [xp.zeros((len(each), *array.shape), array.dtype) for each in rows]
    steps = (eps, 1j * eps) if array.dtype.kind == "c" else (eps,)
    for index in positions(array):
        before, column = array[index].copy(), (slice(None), *index)
        for step in steps:
            array[index] = before + step
            high = values(func, args)
            array[index] = before - step
            low = values(func, args)
            array[index] = before
            for slopes, each, above, below in zip(found, rows, high, low, strict=True):
                change = each.conj() @ ((above - below) / (2 * eps)).reshape(-1)
                slopes[column] += change.real * (step / eps)
    return found


def values(func: Callable[..., Any], args: tuple[Any, ...]) -> list[Array]:
    """Return copies of the outputs, because an output may be a view of the input that is about to change."""
    with enable_grad():
        return [elements_of(output).copy() for output in differentiable_outputs(func(*args))]


def positions(array: Array) -> Iterator[tuple[int, ...]]:
    """Iterate over the indices of an array."""
    index = [0] * array.ndim
    for _ in range(array.size):
        yield tuple(index)
        for dim in reversed(range(array.ndim)):
            index[dim] += 1
            if index[dim] < array.shape[dim]:
                break
            index[dim] = 0


def directions(output: Any, number: int, fast: bool) -> Array:
    """Return cotangents as rows: all unit vectors (and times i if the output is complex), or one random vector."""
    array, xp = elements_of(output), output.xp
    if fast:
        row: Array = random_like(output, number).array.reshape(1, -1)
        return row
    units: Array = xp.eye(array.size, dtype=array.dtype)
    return xp.concatenate([units, 1j * units]) if array.dtype.kind == "c" else units


def random_like(output: Any, seed: int) -> Any:
    """Return a reproducible random tensor of an output's shape and dtype, which requires grad."""
    random = output.xp.random.RandomState(seed)
    values = random.uniform(0.5, 1.5, elements_of(output).shape)
    if elements_of(output).dtype.kind == "c":
        values = values + 1j * random.uniform(0.5, 1.5, elements_of(output).shape)
    tensor = wrap(output.result_class, output.xp.asarray(values, elements_of(output).dtype))
    tensor._node = Leaf(tensor)
    return tensor


def differentiable(value: Any) -> bool:
    """Whether a value is a tensor that requires grad."""
    return isinstance(value, TensorBase) and value.node is not None


def differentiable_outputs(results: Any) -> tuple[Any, ...]:
    """Return the outputs that require grad, as a tuple."""
    several = (results,) if isinstance(results, TensorBase) else tuple(results)
    return tuple([each for each in several if differentiable(each)])

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.autograd.gradcheck")
