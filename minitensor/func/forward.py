"""Derivatives in one pass with the function: ``jvp``, ``jacfwd``, ``hessian``; see ``ops/duals.py``."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase
from minitensor.errors import GradError
from minitensor.func.mapping import vmap
from minitensor.func.transforms import basis, jacrev, read_argnums
from minitensor.layouts import numel
from minitensor.ops.creation import zeros_like
from minitensor.ops.duals import DualLevel, require_floats
from minitensor.ops.join import split
from minitensor.utils._pytree import TreeSpec, tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.tensor import Tensor

    Argnums = int | tuple[int, ...]


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """Return ``func(*primals)`` and its Jacobian times the tangents: its derivative along ``tangents``.

    Both are computed in one pass, which needs no more memory for a longer chain of operations.

    Args:
        func: takes and returns tensors, also in trees.
        primals: the tuple of arguments of ``func``.
        tangents: a tuple in the structure and shapes of ``primals``.
        strict: raise if an output does not depend on the primals. Default: False.
        has_aux: ``func`` returns a tuple (output, aux); aux is passed on without a derivative. Default: False.

    Returns:
        (output, derivative), in the same structure and shapes; with ``has_aux`` (output, derivative, aux).

    Raises:
        RuntimeError: If primals or tangents are not tuples of tensors of one structure, a tangent has another shape
            than its primal, or ``func`` returns other values than tensors.
        ValueError: If a primal or a tangent is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> from minitensor.func import jvp
    >>> jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(2.),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple):
        raise GradError(
            "jvp(f, primals, tangents): Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    inputs, spec = tree_flatten(primals)
    directions, shape = tree_flatten(tangents)
    if spec != shape:
        raise GradError(
            "jvp(f, primals, tangents): Expected primals and tangents to have the same python structure, got "
            f"{len(inputs)} tensors in {type(primals).__name__} and {len(directions)} in {type(tangents).__name__}"
        )
    check_tensors("primals", inputs)
    check_tensors("tangents", directions)
    return push_forward(func, inputs, spec, directions, strict, has_aux)


def check_tensors(what: str, values: Sequence[Any]) -> None:
    """Raise unless there are values, and all of them are tensors."""
    if not values:
        raise GradError(f"jvp(f, primals, tangents): Expected {what} to contain at least one Tensor.")
    for each in values:
        if not isinstance(each, TensorBase):
            raise GradError(f"jvp(f, primals, tangents): Expected {what} to only contain Tensors, got {type(each)}")


def push_forward(
    func: Callable[..., Any], inputs: Sequence[Any], spec: TreeSpec, directions: Sequence[Any], strict: bool,
    has_aux: bool,
) -> Any:
    """Call a function on dual numbers; return its result, the tangents of it, and aux, if there is one."""
    level = DualLevel()
    try:
        duals = [level.make_dual(each, direction) for each, direction in zip(inputs, directions, strict=True)]
        with interpreted_by(level):
            result = func(*spec.unflatten(duals))
        output, aux = split_aux(result, has_aux)
        outputs, out_spec = tree_flatten(output)
        check_outputs(outputs)
        found = [level.tangent_of(each) for each in outputs]
        if strict and any(each is None for each in found):
            raise GradError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )
        moved = [
            zeros_like(each.detach()) if tangent is None else level.in_strides(each, tangent)
            for each, tangent in zip(outputs, found, strict=True)
        ]
    finally:
        level.forget()
    changed = out_spec.unflatten(moved)
    return (output, changed, aux) if has_aux else (output, changed)


def split_aux(result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Split the result of a function into its output and its aux, which must be tensors."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradError(
            "jvp(f, primals, tangents): output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    for each in tree_flatten(result[1])[0]:
        if not isinstance(each, TensorBase):
            raise GradError(f"Expected tensors, got unsupported type {type(each)}")
    return result


def check_outputs(outputs: Sequence[Any]) -> None:
    """Raise unless all outputs are tensors."""
    for each in outputs:
        if not isinstance(each, TensorBase):
            raise GradError(
                f"jvp(f, primals, tangents): expected f(*primals) to return only tensors, got unsupported type "
                f"{type(each)}"
            )


# -- Jacobians ---------------------------------------------------------------------------------------------------------


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func`` by columns, one for each element of the argument.

    This is faster than ``jacrev`` if the argument has fewer elements than the output.

    Args:
        func: takes and returns tensors, also in trees.
        argnums: the argument by which to differentiate, or a tuple of several, as in ``grad``. Default: 0.
        has_aux: ``func`` returns a tuple (output, aux); aux is passed on without a derivative. Default: False.
        chunk_size: the number of columns to compute at a time. Default: None, all at once.
        randomness: what random functions do, as in ``vmap``. Default: "error".

    Returns:
        A function of the same arguments; its results have the shapes of those of ``jacrev``.

    Raises:
        RuntimeError: In a call, if ``argnums`` names no argument, or ``func`` returns other values than tensors.
        ValueError: In a call, if the argument is neither floating-point nor complex.

    >>> import minitensor as torch
    >>> from minitensor.func import jacfwd
    >>> jacfwd(torch.sin)(torch.tensor([0., 0.]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        numbers = read_argnums("jacfwd", argnums, args)
        inputs, spec = tree_flatten(tuple([args[number] for number in numbers]))
        check_tensors("primals", inputs)
        for each in inputs:
            require_floats("primal", each)

        def call(*moving: Any) -> Any:
            given = list(args)
            for number, each in zip(numbers, moving, strict=True):
                given[number] = each
            return func(*given, **kwargs)

        def column(*directions: Any) -> Any:
            return push_forward(call, inputs, spec, directions, False, has_aux)[1:]

        found = vmap(column, chunk_size=chunk_size, randomness=randomness)(*basis(inputs))
        parts, out_spec = tree_flatten(found[0])
        shapes = [tuple(each.shape) for each in inputs]
        cut = [spec.unflatten(split_columns(part, shapes)) for part in parts]
        jacobians = out_spec.unflatten([each if isinstance(argnums, tuple) else each[0] for each in cut])
        return (jacobians, tree_map(lambda each: each[0], found[1])) if has_aux else jacobians

    return jacobian


def split_columns(columns: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Split the columns of all input elements into one Jacobian for each input."""
    last = columns.movedim(0, -1)
    pieces = split(last, [numel(shape) for shape in shapes], -1)
    return [piece.reshape((*last.shape[:-1], *shape)) for piece, shape in zip(pieces, shapes, strict=True)]


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return a function that computes the second derivatives of ``func``: ``jacfwd`` of its ``jacrev``.

    Args:
        func: takes and returns tensors, also in trees.
        argnums: the argument by which to differentiate, or a tuple of several, as in ``grad``. Default: 0.

    Returns:
        A function of the same arguments. A scalar function of an argument of shape (n,) gives (n, n); in general, the
        shape of the output is followed by that of the argument twice.

    Raises:
        RuntimeError: In a call, if ``argnums`` names no argument or a tensor has no gradient.

    >>> import minitensor as torch
    >>> from minitensor.func import hessian
    >>> hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
