"""Derivatives of a function at a point: Jacobian, Hessian, and their products with vectors.

These are the functions of ``torch.autograd.functional``: they take a function and a point and return tensors.
``minitensor.func`` has the same derivatives as transforms that nest. The product of the Jacobian with a vector is
computed together with the function, in forward mode (``ops/duals.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from minitensor.autograd import forward_ad as fwAD  # noqa: F401, N812  # PyTorch's name
from minitensor.autograd.engine import grad, stack_gradients
from minitensor.autograd.interpreters import interpreted_by
from minitensor.autograd.mode import enable_grad
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, GradError, ShapeError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.tensor import Tensor

    Tensors: TypeAlias = Tensor | tuple[Tensor, ...]

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


# -- inputs and outputs ------------------------------------------------------------------------------------------------


def as_tuple(name: str, what: str, given: Any) -> tuple[Any, ...]:
    """Return one tensor or a tuple of tensors as a tuple. Raise for anything else."""
    found = given if isinstance(given, tuple) else (given,)
    for i, each in enumerate(found):
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(
                f"{name}: {what} must be a tensor or a tuple of tensors, got {type(each).__name__} at position {i}"
            )
    return found


def like(given: Any, values: Sequence[Any]) -> Any:
    """Return the values as a tuple if ``given`` is one; otherwise return the single value."""
    return tuple(values) if isinstance(given, tuple) else values[0]


def make_inputs(inputs: Sequence[Any], connected: bool) -> tuple[Any, ...]:
    """Return the tensors to differentiate by. If ``connected``, they are connected to the given ones in the graph."""
    return tuple([
        each.view_as(each) if connected and each.requires_grad else each.detach().requires_grad_() for each in inputs
    ])


def call_function(
    name: str, func: Callable[..., Any], given: tuple[Any, ...], strict: bool
) -> tuple[Any, tuple[Any, ...]]:
    """Call the function. Return its result, and its outputs as a tuple."""
    result = func(*given)
    outputs = as_tuple(name, "the function's result", result)
    if strict:
        for i, each in enumerate(outputs):
            if each.node is None:
                raise GradError(f"{name}: output {i} of the function does not depend on the inputs, and strict=True")
    return result, outputs


def read_vector(name: str, v: Any, wanted: Sequence[Any], what: str) -> tuple[Any, ...]:
    """Return the vector ``v`` with the shapes of ``wanted``. The default for a single number is 1."""
    if v is None:
        if len(wanted) != 1 or wanted[0].numel() != 1:
            raise GradError(
                f"{name}: the vector v can only be omitted if {what} a single tensor with a single element"
            )
        return (wanted[0].detach().new_ones(tuple(wanted[0].shape)),)
    found = as_tuple(name, "v", v)
    if len(found) != len(wanted):
        raise GradError(f"{name}: v has {len(found)} tensors, but {len(wanted)} are needed")
    for i, (each, other) in enumerate(zip(found, wanted, strict=True)):
        if tuple(each.shape) != tuple(other.shape):
            raise ShapeError(
                f"{name}: v[{i}] has shape {tuple(each.shape)}, expected {tuple(other.shape)}"
            )
    return found


def pull_back(
    name: str, outputs: Sequence[Any], inputs: Sequence[Any], weights: Sequence[Any], record: bool, strict: bool,
    batched: bool = False,
) -> list[Any]:
    """Return the gradients of weighted outputs by inputs. A missing one is zeros, or an error if ``strict``."""
    pairs = [(output, weight) for output, weight in zip(outputs, weights, strict=True) if output.node is not None]
    found: Sequence[Any] = [None] * len(inputs)
    if pairs:
        found = grad(
            [output for output, _ in pairs], inputs, [weight for _, weight in pairs], True, record,
            allow_unused=True, is_grads_batched=batched,
        )
    grads = []
    for i, (each, input) in enumerate(zip(found, inputs, strict=True)):
        if strict and (each is None or (record and each.node is None)):
            raise GradError(f"{name}: the output does not depend on input {i}, and strict=True")
        lead = tuple(weights[0].shape[:1]) if batched else ()
        if each is None:  # as in PyTorch, a leaf if a graph is wanted
            each = input.detach().new_zeros((*lead, *input.shape)).requires_grad_(record and not batched)
        grads.append(each)
    return grads


def drop_graph(values: Any, connected: bool) -> Any:
    """Detach results from the graph unless ``connected``."""
    if connected:
        return values
    return tuple([each.detach() for each in values]) if isinstance(values, tuple) else values.detach()


# -- products with a vector --------------------------------------------------------------------------------------------


def vjp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and the vector ``v`` times its Jacobian: the gradients of the outputs weighted by ``v``.

    ``v`` has the outputs' shapes and may be omitted for a single number. With ``create_graph`` the results can be
    differentiated again. With ``strict`` an output that does not depend on an input raises instead of giving zeros.

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
    given = make_inputs(as_tuple("vjp", "inputs", inputs), create_graph)
    with enable_grad():
        result, outputs = call_function("vjp", func, given, strict)
        weights = read_vector("vjp", v, outputs, "the function returns")
        grads = pull_back("vjp", outputs, given, weights, create_graph, strict)
    return drop_graph(result, create_graph), like(inputs, drop_graph(tuple(grads), create_graph))


def jvp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)`` and its Jacobian times the vector ``v``, which has the inputs' shapes.

    Both are computed in one forward pass.

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
    given = make_inputs(as_tuple("jvp", "inputs", inputs), create_graph)
    directions = read_vector("jvp", v, given, "the input is")
    with enable_grad():
        result, changed = push_forward("jvp", func, given, directions, create_graph, strict)
    return drop_graph(result, create_graph), like(result, drop_graph(tuple(changed), create_graph))


def push_forward(
    name: str, func: Callable[..., Any], inputs: Sequence[Any], directions: Sequence[Any], record: bool, strict: bool
) -> tuple[Any, list[Any]]:
    """Call a function; return its result and the changes of its outputs along directions of the inputs."""
    level = TensorBase.result_class._dual_level(record, transposes=True)
    try:
        duals = tuple([level.make_dual(each, along) for each, along in zip(inputs, directions, strict=True)])
        with interpreted_by(level):
            result, outputs = call_function(name, func, duals, strict)
        changes = [level.tangent_of(each) for each in outputs]
    finally:
        level.forget()
    if strict:
        zeros = [each.detach().new_zeros(tuple(each.shape)) for each in outputs]
        pull_back(name, outputs, inputs, zeros, True, True)
    return result, [
        output.detach().new_zeros(tuple(output.shape)) if change is None else change
        for output, change in zip(outputs, changes, strict=True)
    ]


def check_scalar(name: str, outputs: tuple[Any, ...], result: Any) -> None:
    """Raise unless the output is a single number."""
    if isinstance(result, tuple) or outputs[0].numel() != 1:
        raise GradError(f"{name}: the function must return a single tensor with a single element; sum it, for example")


def compute_slopes(name: str, func: Callable[..., Any], given: Any, strict: bool) -> tuple[Any, Any]:
    """Return the function's result, a single number, and its gradient with a graph."""
    result, outputs = call_function(name, func, given, strict)
    check_scalar(name, outputs, result)
    ones = [outputs[0].detach().new_ones(tuple(outputs[0].shape))]
    return result, pull_back(name, outputs, given, ones, True, strict)


def hvp(
    func: Callable[..., Any], inputs: Tensors, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return ``func(*inputs)``, a single number, and its Hessian times the vector ``v``, which has the inputs' shapes.

    It takes a backward pass, and a forward pass through the function and that.

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
    def value_and_slopes(*at: Any) -> tuple[Any, ...]:
        result, slopes = compute_slopes("hvp", func, at, strict)
        return (result, *slopes)

    given = make_inputs(as_tuple("hvp", "inputs", inputs), create_graph)
    directions = read_vector("hvp", v, given, "the input is")
    with enable_grad():
        found, changes = push_forward("hvp", value_and_slopes, given, directions, create_graph, False)
    return drop_graph(found[0], create_graph), like(inputs, drop_graph(tuple(changes[1:]), create_graph))


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
    given = make_inputs(as_tuple("vhp", "inputs", inputs), create_graph)
    weights = read_vector("vhp", v, given, "the input is")
    with enable_grad():
        result, slopes = compute_slopes("vhp", func, given, strict)
        found = pull_back("vhp", slopes, given, weights, create_graph, strict)
    return drop_graph(result, create_graph), like(inputs, drop_graph(tuple(found), create_graph))


# -- whole matrices ----------------------------------------------------------------------------------------------------


def jacobian(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of ``func`` at ``inputs``. Its shape is the output's shape, then the input's shape.

    One output and one input give a tensor. A tuple of outputs or inputs gives a tuple (of outputs, then inputs).
    ``vectorize`` computes all rows at once instead of one by one, and needs more memory. ``strategy="forward-mode"``
    requires it and computes columns, which is faster if the inputs have fewer elements than the outputs.

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
    given = make_inputs(as_tuple("jacobian", "inputs", inputs), create_graph)
    if is_forward_mode("jacobian", strategy, create_graph, strict, vectorize):
        result, found = columns(func, tuple([each.detach() for each in given]))
    else:
        with enable_grad():
            result, outputs = call_function("jacobian", func, given, strict)
            found = tuple([tuple(rows(each, given, create_graph, strict, vectorize)) for each in outputs])
    return like(result, [like(inputs, drop_graph(each, create_graph)) for each in found])


def is_forward_mode(name: str, strategy: str, create_graph: bool, strict: bool, vectorize: bool) -> bool:
    """Return whether the strategy is forward mode. Raise if it does not support the options."""
    if strategy not in ("forward-mode", "reverse-mode"):
        raise GradError(f"{name}: strategy must be 'forward-mode' or 'reverse-mode', got {strategy!r}")
    if strategy == "reverse-mode":
        if strict and vectorize:
            raise GradError(f"{name}: strict=True and vectorize=True cannot be combined; omit vectorize")
        return False
    if create_graph or strict or not vectorize:
        raise UnsupportedError(
            f"{name}: strategy='forward-mode' requires vectorize=True, without create_graph and strict; "
            "use 'reverse-mode', or minitensor.func.jacfwd"
        )
    return True


def rows(output: Any, inputs: Sequence[Any], record: bool, strict: bool, vectorize: bool) -> list[Any]:
    """Return the Jacobians of one output by all inputs, with a backward pass for each of its elements."""
    shape, size = tuple(output.shape), output.numel()
    if not size:
        return [each.detach().new_zeros((*shape, *each.shape)) for each in inputs]
    if vectorize:
        found = pull_back("jacobian", [output], inputs, [unit_vectors(output, size)], record, strict, True)
    else:
        each_row = [
            pull_back("jacobian", [output], inputs, [weight], record, strict) for weight in unit_vectors(output, size)
        ]
        found = [stack_gradients(column) for column in zip(*each_row, strict=True)]
    return [each.reshape((*shape, *input.shape)) for each, input in zip(found, inputs, strict=True)]


def unit_vectors(tensor: Any, size: int) -> Any:
    """Return the unit vectors of a tensor's shape, stacked along a first dim."""
    one = tensor.detach().new_zeros(size * size)
    one[:: size + 1] = 1
    return one.reshape((size, *tensor.shape))


def columns(func: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
    """Return the result and the Jacobians of all outputs by all inputs, in one pass for the elements of all inputs."""
    sizes = [each.numel() for each in inputs]
    results: list[Any] = []

    def push(*directions: Any) -> list[Any]:
        result, changes = push_forward("jacobian", func, inputs, directions, False, False)
        results.append(result)
        return changes

    along = [directions_of(i, inputs, sizes) for i in range(len(inputs))]
    changes = TensorBase.batched_class._for_all(push, along)
    blocks = []
    for change in changes:
        parts, shape = change.movedim(0, -1).split(sizes, -1), tuple(change.shape[1:])
        blocks.append(tuple([
            part.reshape((*shape, *input.shape)) for part, input in zip(parts, inputs, strict=True)
        ]))
    return results[0], tuple(blocks)


def directions_of(place: int, inputs: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Return how one input moves along each element of all inputs, stacked along a first dim."""
    input, size, before = inputs[place], sizes[place], sum(sizes[:place])
    moved = input.new_zeros((sum(sizes), *input.shape))
    moved[before : before + size] = unit_vectors(input, size)
    return moved


def hessian(
    func: Callable[..., Any], inputs: Tensors, create_graph: bool = False, strict: bool = False,
    vectorize: bool = False, outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the second derivatives of ``func``, which returns a single number. Their shape is the input's, twice.

    A tuple of inputs gives a tuple of tuples. ``vectorize`` and the strategy apply to the outer ``jacobian``.

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
        with enable_grad():
            recorded = [each if each.requires_grad else each.clone().requires_grad_() for each in at]
            return tuple(compute_slopes("hessian", func, recorded, strict)[1])

    found = jacobian(slopes, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if isinstance(inputs, tuple) else found[0][0]
