"""``opcheck``: whether an operation keeps what it promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.engine import grad
from minitensor.autograd.mode import no_grad
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ComparisonError
from minitensor.library.calls import NO_FORMULA, Shape, device_of
from minitensor.library.custom import overload

if TYPE_CHECKING:
    from minitensor.library.registry import OpOverload

SUCCESS = "SUCCESS"
TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


def opcheck(
    op: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, *,
    test_utils: str | Sequence[str] = TESTS, raise_exception: bool = True, atol: float | None = None,
    rtol: float | None = None,
) -> dict[str, Any]:
    """Call an operation and check what it writes to, its gradient and its function for the device "meta".

    Args:
        op: The operation: what ``custom_op`` returned, or one of ``torch.ops``.
        args: The arguments of the call.
        kwargs: The arguments by name.
        test_utils: The names of the checks: ``"test_schema"`` that nothing is written to beyond the schema,
            ``"test_autograd_registration"`` that there is a formula if a tensor requires grad, ``"test_faketensor"``
            that results on the device "meta" have the same shapes and dtypes, ``"test_aot_dispatch_dynamic"`` that
            the backward pass runs.
        raise_exception: Whether a failure raises.
        atol, rtol: Accepted for PyTorch compatibility.

    Returns:
        ``"SUCCESS"`` or the exception, for each check.

    Raises:
        AssertionError: If a check fails and ``raise_exception`` is true.
        ValueError: If there is no such check.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::triple", mutates_args=())
    ... def triple(x: torch.Tensor) -> torch.Tensor:
    ...     return x * 3
    >>> torch.library.opcheck(triple, (torch.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    names = (test_utils,) if isinstance(test_utils, str) else tuple(test_utils)
    if strangers := [each for each in names if each not in CHECKS]:
        raise ArgumentError(f"opcheck: test_utils must be among {list(TESTS)}, got {strangers}")
    outcomes: dict[str, Any] = {}
    for name in names:
        try:
            CHECKS[name](overload(op), args, kwargs or {})
            outcomes[name] = SUCCESS
        except Exception as error:
            if raise_exception:
                raise ComparisonError(f"opcheck(op, ...): {name} failed with {error}") from error
            outcomes[name] = error
    return outcomes


def copies_of(values: Any) -> Any:
    """Return copies of tensors, which require grad as they do."""
    if isinstance(values, TensorBase):
        return values.detach().clone().requires_grad_(values.requires_grad)
    if isinstance(values, (list, tuple)):
        return type(values)([copies_of(each) for each in values])
    return {name: copies_of(each) for name, each in values.items()} if isinstance(values, dict) else values


def on_meta(values: Any) -> Any:
    """Return tensors of the same shapes on the device "meta"."""
    if isinstance(values, TensorBase):
        return values.detach().to("meta")
    if isinstance(values, (list, tuple)):
        return type(values)([on_meta(each) for each in values])
    return {name: on_meta(each) for name, each in values.items()} if isinstance(values, dict) else values


def tensors_of(result: Any) -> list[Any]:
    results = result if isinstance(result, tuple) else (result,)
    return [each for each in Shape.leaves(results) if isinstance(each, TensorBase)]


def check_schema(op: OpOverload, args: Any, kwargs: Any) -> None:
    """Raise if the operation writes to what its schema does not name."""
    given, named = copies_of(args), copies_of(kwargs)
    with no_grad():
        op(*given, **named)
    places = [each for each in op._schema.arguments if not each.by_name_only]
    pairs = list(zip(places, args, given)) + [
        (each, kwargs[each.name], named[each.name]) for each in op._schema.arguments if each.name in kwargs
    ]
    for argument, before, after in pairs:
        same = [
            bool(((a == b) | ((a != a) & (b != b))).all())
            for a, b in zip(tensors_of(before), tensors_of(after), strict=True)
        ]
        if not argument.is_mutated and not all(same):
            raise ComparisonError(
                f"Argument {argument.name} is not defined as mutable but was mutated. Declaration: {op._schema}"
            )


def check_formula(op: OpOverload, args: Any, kwargs: Any) -> None:
    """Raise if a tensor requires grad and the operation has no formula."""
    needs = any(each.requires_grad for each in tensors_of((*args, *kwargs.values())))
    if needs and op.composite is None and op.backward is None and not op._schema.is_mutable:
        raise ComparisonError(NO_FORMULA.format(op))


def check_fake(op: OpOverload, args: Any, kwargs: Any) -> None:
    """Raise if results on the device "meta" have other shapes or dtypes."""
    if device_of([*args, *kwargs.values()]) == "meta":
        return
    with no_grad():
        real = tensors_of(op(*copies_of(args), **copies_of(kwargs)))
        fake = tensors_of(op(*on_meta(args), **on_meta(kwargs)))
    found = [[(tuple(each.shape), each.dtype) for each in results] for results in (real, fake)]
    if found[0] != found[1]:
        raise ComparisonError(f"the results are {found[0]}, and those of the fake implementation {found[1]}")


def check_backward(op: OpOverload, args: Any, kwargs: Any) -> None:
    """Raise if the backward pass does not run."""
    given, named = copies_of(args), copies_of(kwargs)
    inputs = [each for each in tensors_of((*given, *named.values())) if each.requires_grad]
    results = [each for each in tensors_of(op(*given, **named)) if each.requires_grad]
    if inputs and results:
        grad(results, inputs, [each.detach() for each in results], allow_unused=True)


CHECKS: dict[str, Callable[[OpOverload, Any, Any], None]] = {
    "test_schema": check_schema, "test_autograd_registration": check_formula, "test_faketensor": check_fake,
    "test_aot_dispatch_dynamic": check_backward,
}  # fmt: skip
