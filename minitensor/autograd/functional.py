"""Derivatives of a function at a point: Jacobian, Hessian, and their products with vectors.

These are ``torch.autograd.functional``'s: they take the function and the point together and return numbers at once.
``minitensor.func`` has the same as transforms that nest. Products with a vector on the right walk back twice: the
gradient g of the outputs, weighted by u, is linear in u, and its gradient by u, weighted by v, is the Jacobian times v.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd.engine import grad, stacked
from minitensor.autograd.mode import enable_grad
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, GradError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.tensor import Tensor

    Tensors: TypeAlias = Tensor | tuple[Tensor, ...]

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


# -- what goes in, what comes out --------------------------------------------------------------------------------------


def as_tuple(name: str, what: str, given: Any) -> tuple[Any, ...]:
    """Return one tensor or a tuple of them as a tuple; anything else is refused."""
    found = given if isinstance(given, tuple) else (given,)
    for i, each in enumerate(found):
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(
                f"{name}: {what} must be a tensor or a tuple of tensors, got {type(each).__name__} at place {i}"
            )
    return found


def like(given: Any, values: Sequence[Any]) -> Any:
    """Return values as what was given: a tuple, or one by itself."""
    return tuple(values) if isinstance(given, tuple) else values[0]


def started(inputs: Sequence[Any], connected: bool) -> tuple[Any, ...]:
    """Return tensors to differentiate by, which lead on to the given ones if a graph is wanted."""
    return tuple([
        each.view_as(each) if connected and each.requires_grad else each.detach().requires_grad_() for each in inputs
    ])


def called(name: str, func: Callable[..., Any], given: tuple[Any, ...], strict: bool) -> tuple[Any, tuple[Any, ...]]:
    """Call the function; return its result, and the outputs as a tuple."""
    result = func(*given)
    outputs = as_tuple(name, "the function's result", result)
    if strict:
        for i, each in enumerate(outputs):
            if each.node is None:
                raise GradError(f"{name}: output {i} of the function does not depend on the inputs, and strict=True")
    return result, outputs


def vector(name: str, v: Any, wanted: Sequence[Any], what: str) -> tuple[Any, ...]:
    """Return the vector, which has the shapes of what it belongs to; left out, it is 1 for one number."""
    if v is None:
        if len(wanted) != 1 or wanted[0].numel() != 1:
            raise GradError(
                f"{name}: the vector v can only be left out where {what} a single tensor with a single element"
            )
        return (wanted[0].detach().new_ones(tuple(wanted[0].shape)),)
    found = as_tuple(name, "v", v)
    if len(found) != len(wanted):
        raise GradError(f"{name}: v has {len(found)} tensors, but {len(wanted)} are wanted, one for each of its kind")
    for i, (each, other) in enumerate(zip(found, wanted, strict=True)):
        if tuple(each.shape) != tuple(other.shape):
            raise ShapeError(
                f"{name}: v[{i}] has shape {tuple(each.shape)}, but what it belongs to has {tuple(other.shape)}"
            )
    return found


def walked(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], weights: Sequence[Any], record: bool, strict: bool,
    batched: bool = False,
) -> list[Any]:
    """Return gradients of weighted outputs by inputs; zeros where there is none, unless ``strict`` forbids that."""
    made = [(output, weight) for output, weight in zip(outputs, weights, strict=True) if output.node is not None]
    found: Sequence[Any] = [None] * len(inputs)
    if made:
        found = grad(
            [output for output, _ in made], inputs, [weight for _, weight in made], True, record, True, batched
        )
    grads = []
    for i, (each, input) in enumerate(zip(found, inputs, strict=True)):
        if strict and (each is None or (record and each.node is None)):
            raise GradError(f"{name}: what is differentiated does not depend on input {i}, and strict=True")
        lead = tuple(weights[0].shape[:1]) if batched else ()
        if each is None:  # as PyTorch, a leaf where a graph is wanted
            each = input.detach().new_zeros((*lead, *input.shape)).requires_grad_(record and not batched)
        grads.append(each)
    return grads


def cut_off(values: Any, connected: bool) -> Any:
    """Return results with their graph, or without."""
    if connected:
        return values
    return tuple([each.detach() for each in values]) if isinstance(values, tuple) else values.detach()


def zeros_to_differentiate_by(tensors: Sequence[Any]) -> list[Any]:
    """Return zeros that the first walk is linear in, and the second one differentiates by."""
    return [each.detach().new_zeros(tuple(each.shape)).requires_grad_() for each in tensors]


# -- products with a vector --------------------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and the vector ``v`` times its Jacobian: the gradients of the outputs weighted by ``v``.

    ``v`` has the outputs' shapes, and may be left out for a single number. With ``create_graph`` the results can be
    differentiated again; with ``strict`` an output that does not depend on an input raises instead of giving zeros.

    Args:
        func: A function of tensors that returns a tensor or a tuple of tensors.
        inputs: Its arguments, a tensor or a tuple.
        v: The vector, of the outputs' shapes. Default: ``None``, 1 for an output of one element.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if an output does not depend on an input, instead of returning zeros. Default: ``False``.

    Raises:
        RuntimeError: If ``v`` is missing or does not fit, or ``strict`` finds an output independent of an input.
        TypeError: If an input or an output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.vjp(lambda x: x * x, torch.tensor([1., 2.]), torch.tensor([1., 10.]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    given = started(as_tuple("vjp", "inputs", inputs), create_graph)
    with enable_grad():
        result, outputs = called("vjp", func, given, strict)
        weights = vector("vjp", v, outputs, "the function returns")
        grads = walked("vjp", outputs, given, weights, create_graph, strict)
    return cut_off(result, create_graph), like(inputs, cut_off(tuple(grads), create_graph))


def jvp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and its Jacobian times the vector ``v``, which has the inputs' shapes.

    It walks back twice, so all gradients in the function must themselves be differentiable.

    Args:
        func: A function of tensors that returns a tensor or a tuple of tensors.
        inputs: Its arguments, a tensor or a tuple.
        v: The vector, of the inputs' shapes. Default: ``None``, 1 for an input of one element.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if an output does not depend on an input, instead of returning zeros. Default: ``False``.

    Raises:
        RuntimeError: If ``v`` is missing or does not fit, or ``strict`` finds an output independent of an input.
        TypeError: If an input or an output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.jvp(lambda x: x * x, torch.tensor([1., 2.]), torch.tensor([1., 10.]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    given = started(as_tuple("jvp", "inputs", inputs), create_graph)
    directions = vector("jvp", v, given, "the input is")
    with enable_grad():
        result, outputs = called("jvp", func, given, strict)
        changed = pushed("jvp", outputs, given, directions, create_graph, strict)
    return cut_off(result, create_graph), like(result, cut_off(tuple(changed), create_graph))


def pushed(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], directions: Sequence[Any], record: bool, strict: bool,
    batched: bool = False,
) -> list[Any]:
    """Return the changes of outputs along directions of the inputs, by two walks back."""
    weights = zeros_to_differentiate_by(outputs)
    grads = walked(name, outputs, inputs, weights, True, strict)
    return walked(name, grads, weights, directions, record, strict, batched)


def scalar(name: str, outputs: tuple[Any, ...], result: Any) -> None:
    """Refuse an output that has no second derivatives as it is."""
    if isinstance(result, tuple) or outputs[0].numel() != 1:
        raise GradError(f"{name}: the function must return a single tensor with a single element; sum it, for example")


def sloped(name: str, func: Callable[..., Any], given: Any, strict: bool) -> tuple[Any, Any]:
    """Return the function's single number and its gradient, which can be differentiated again."""
    result, outputs = called(name, func, given, strict)
    scalar(name, outputs, result)
    ones = [outputs[0].detach().new_ones(tuple(outputs[0].shape))]
    return result, walked(name, outputs, given, ones, True, strict)


def hvp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)``, a single number, and its Hessian times the vector ``v``, which has the inputs' shapes.

    ``vhp`` gives the same numbers, as a Hessian is symmetric, in fewer walks.

    Args:
        func: A function of tensors that returns a tensor of one element.
        inputs: Its arguments, a tensor or a tuple.
        v: The vector, of the inputs' shapes. Default: ``None``, 1 for an input of one element.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if a derivative does not depend on an input, instead of returning zeros. Default: ``False``.

    Raises:
        RuntimeError: If ``v`` is missing or does not fit, the output has several elements, or ``strict`` finds a
            derivative independent of an input.
        TypeError: If an input or the output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.hvp(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]), torch.tensor([1., 1.]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    given = started(as_tuple("hvp", "inputs", inputs), create_graph)
    directions = vector("hvp", v, given, "the input is")
    with enable_grad():
        result, slopes = sloped("hvp", func, given, strict)
        found = pushed("hvp", slopes, given, directions, create_graph, strict)
    return cut_off(result, create_graph), like(inputs, cut_off(tuple(found), create_graph))


def vhp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)``, a single number, and the vector ``v`` times its Hessian.

    Args:
        func: A function of tensors that returns a tensor of one element.
        inputs: Its arguments, a tensor or a tuple.
        v: The vector, of the inputs' shapes. Default: ``None``, 1 for an input of one element.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if a derivative does not depend on an input, instead of returning zeros. Default: ``False``.

    Raises:
        RuntimeError: If ``v`` is missing or does not fit, the output has several elements, or ``strict`` finds a
            derivative independent of an input.
        TypeError: If an input or the output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.vhp(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]), torch.tensor([1., 1.]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    given = started(as_tuple("vhp", "inputs", inputs), create_graph)
    weights = vector("vhp", v, given, "the input is")
    with enable_grad():
        result, slopes = sloped("vhp", func, given, strict)
        found = walked("vhp", slopes, given, weights, create_graph, strict)
    return cut_off(result, create_graph), like(inputs, cut_off(tuple(found), create_graph))


# -- whole matrices ----------------------------------------------------------------------------------------------------


def jacobian(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of ``func`` at ``inputs``: for each output its shape, then the input's shape.

    One output and one input give a tensor; a tuple of either gives a tuple (of outputs, in each the inputs).
    ``vectorize`` computes all rows at once rather than one by one, in more memory; ``strategy="forward-mode"``, which
    wants it, computes columns: better where the inputs have fewer elements than the outputs.

    Args:
        func: A function of tensors that returns a tensor or a tuple of tensors.
        inputs: Its arguments, a tensor or a tuple.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if an output does not depend on an input, instead of returning zeros. Default: ``False``.
        vectorize: Compute all rows at once. Default: ``False``.
        strategy: ``"reverse-mode"`` computes rows, ``"forward-mode"`` columns. Default: ``"reverse-mode"``.

    Raises:
        RuntimeError: If ``strategy`` is unknown, ``strict`` and ``vectorize`` are both true, or ``strict`` finds an
            output independent of an input.
        NotImplementedError: If ``strategy`` is ``"forward-mode"`` without ``vectorize``, or with another option.
        TypeError: If an input or an output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.jacobian(lambda x: x ** 2, torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    forward = forward_mode("jacobian", strategy, create_graph, strict, vectorize)
    given = started(as_tuple("jacobian", "inputs", inputs), create_graph)
    with enable_grad():
        result, outputs = called("jacobian", func, given, strict)
        if forward:
            found = columns(outputs, given)
        else:
            found = tuple([tuple(rows(each, given, create_graph, strict, vectorize)) for each in outputs])
        blocks = [like(inputs, cut_off(each, create_graph)) for each in found]
    return like(result, blocks)


def forward_mode(name: str, strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> bool:
    """Return which strategy is meant; what it cannot do is refused."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise GradError(f"{name}: strategy must be 'forward-mode' or 'reverse-mode', got {strategy!r}")
    if strategy == "reverse-mode":
        if strict and vectorize:
            raise GradError(f"{name}: strict=True and vectorize=True do not go together; leave vectorize away")
        return False
    if create_graph or strict or not vectorize:
        raise UnsupportedError(
            f"{name}: strategy='forward-mode' wants vectorize=True, and neither create_graph nor strict; "
            "use 'reverse-mode', or minitensor.func.jacfwd"
        )
    return True


def rows(output: Any, inputs: Sequence[Any], record: bool, strict: bool, vectorize: bool) -> list[Any]:
    """Return the Jacobians of one output by all inputs: a walk back for each of its elements."""
    shape, size = tuple(output.shape), output.numel()
    if not size:
        return [each.detach().new_zeros((*shape, *each.shape)) for each in inputs]
    if vectorize:
        found = walked("jacobian", [output], inputs, [unit_vectors(output, size)], record, strict, True)
    else:
        each_row = [
            walked("jacobian", [output], inputs, [weight], record, strict) for weight in unit_vectors(output, size)
        ]
        found = [stacked(column) for column in zip(*each_row, strict=True)]
    return [each.reshape((*shape, *input.shape)) for each, input in zip(found, inputs, strict=True)]


def unit_vectors(tensor: Any, size: int) -> Any:
    """Return for each element of a tensor the weights that choose it alone, along a first dim."""
    one = tensor.detach().new_zeros(size * size)
    one[:: size + 1] = 1
    return one.reshape((size, *tensor.shape))


def columns(outputs: Sequence[Any], inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return the Jacobians of all outputs, each by all inputs: a walk for each input's elements, all at once."""
    found: list[list[Any]] = [[] for _ in outputs]
    for i, input in enumerate(inputs):
        directions = unit_vectors(input, input.numel())
        zeros = [directions.new_zeros((len(directions), *each.shape)) for each in inputs]
        along = [directions if j == i else zero for j, zero in enumerate(zeros)]
        changes = pushed("jacobian", outputs, inputs, along, False, False, True)
        for block, change, output in zip(found, changes, outputs, strict=True):
            block.append(change.movedim(0, -1).reshape((*output.shape, *input.shape)))
    return tuple([tuple(block) for block in found])


def hessian(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the second derivatives of ``func``, which returns a single number: the input's shape, twice.

    A tuple of inputs gives a tuple of tuples. ``vectorize`` and the strategy are ``jacobian``'s, for the outer one.

    Args:
        func: A function of tensors that returns a tensor of one element.
        inputs: Its arguments, a tensor or a tuple.
        create_graph: Return results that can be differentiated. Default: ``False``.
        strict: Raise if a derivative does not depend on an input, instead of returning zeros. Default: ``False``.
        vectorize: Compute all rows at once. Default: ``False``.
        outer_jacobian_strategy: ``"reverse-mode"`` or ``"forward-mode"``, as for ``jacobian``. Default:
            ``"reverse-mode"``.

    Raises:
        RuntimeError: If the strategy is unknown, the output has several elements, ``strict`` and ``vectorize`` are both
            true, or ``strict`` finds a derivative independent of an input.
        NotImplementedError: If the strategy is ``"forward-mode"`` without ``vectorize``, or with another option.
        TypeError: If an input or the output is not a tensor.

    >>> import minitensor as torch
    >>> torch.autograd.functional.hessian(lambda x: (x ** 3).sum(), torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    given = as_tuple("hessian", "inputs", inputs)

    def slopes(*at: Any) -> Any:
        result, outputs = called("hessian", func, at, strict)
        scalar("hessian", outputs, result)
        ones = [outputs[0].detach().new_ones(tuple(outputs[0].shape))]
        return tuple(walked("hessian", outputs, at, ones, True, strict))

    found = jacobian(slopes, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if isinstance(inputs, tuple) else found[0][0]
