"""Derivatives of functions by backward passes: ``grad``, ``vjp``, ``jacrev``; they nest in each other and in ``vmap``.

Each transform gives its function fresh inputs and walks the graph that the function records. Results are detached from
that graph, unless it leads to tensors outside that require grad: then they stay differentiable.

Note [Forward by backward twice]. ``linearize`` calls the function once and multiplies by its Jacobian J many times. It
keeps a graph in any case, so it does not use forward mode (``forward.py``): the gradient g of the outputs weighted by u
is linear in u, and the gradient of g by u, weighted by t, is J t.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.leaf import Leaf
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, GradError, ShapeError, UsageValueError
from minitensor.func.batching.batched import active_levels, all_samples, at_levels, start_graph, walk_back
from minitensor.func.mapping import name_of, vmap
from minitensor.layouts import numel
from minitensor.ops.creation import eye, ones_like, zeros_like
from minitensor.ops.duals import detach_from_graph
from minitensor.ops.join import cat, split
from minitensor.utils._pytree import LEAF, TreeSpec, tree_flatten, tree_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minitensor.autograd.node import Node
    from minitensor.tensor import Tensor

    Argnums = int | tuple[int, ...]


# -- inputs ---------------------------------------------------------------------------------------


def make_input(tensor: Any, what: str) -> Tensor:
    """Return an input with the same values, by which to differentiate. It stays connected to one that requires grad.

    Inside ``vmap`` the input is batched even if the given tensor is not, so that each sample gets its own gradient.
    """
    if not isinstance(tensor, TensorBase):
        raise UsageValueError(f"{what}: expected tensors to differentiate by, got {type(tensor).__name__}")
    if not is_differentiable(tensor):
        raise GradError(f"{what}: only floating point and complex tensors have a gradient, this one is {tensor.dtype}")
    levels = [(level.number, level.size) for level in active_levels()]
    return at_levels(tensor, levels, start_graph)  # type: ignore[no-any-return]  # a Tensor


def has_outer_leaves(outputs: Iterable[Any], inputs: Iterable[Any]) -> bool:
    """Whether a graph leads to leaves other than the inputs."""
    own = {all_samples(each).node for each in inputs}
    seen: set[Node] = set()
    stack = [node for each in outputs if isinstance(each, TensorBase) and (node := each.node) is not None]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.__class__ is Leaf and node not in own:
            return True
        stack.extend([edge for edge in node.edges if edge is not None and edge not in seen])
    return False


def drop_history(tree: Any, connected: bool) -> Any:
    """Detach results, unless their graph leads outside."""
    if connected:
        return tree
    return tree_map(lambda each: detach_from_graph(each) if isinstance(each, TensorBase) else each, tree)


# -- grad --------------------------------------------------------------------------------------------------------------


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``.

    Args:
        func: returns a scalar tensor.
        argnums: the number of the positional argument by which to differentiate, a tensor or a tree of tensors; or a
            tuple of numbers for a tuple of gradients. Default: 0.
        has_aux: ``func`` returns a tuple (output, aux); aux is passed on without a derivative. Default: False.

    Returns:
        A function of the same arguments that returns the gradient, in the structure and shapes of the argument; with
        ``has_aux``, the tuple (gradient, aux). ``vmap`` of it computes the gradient of each sample.

    Raises:
        RuntimeError: In a call, if ``argnums`` names no argument, a tensor has no gradient, or the output is not a
            scalar.

    >>> import minitensor as torch
    >>> from minitensor.func import grad
    >>> grad(torch.sin)(torch.tensor(0.))
    tensor(1.)
    >>> grad(grad(lambda x: x ** 3))(torch.tensor(2.))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        grads, value = both(*args, **kwargs)
        return (grads, value[1]) if has_aux else grads

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func`` and its value: (gradient, value).

    Args:
        func: returns a scalar tensor.
        argnums: the argument by which to differentiate, or a tuple of several, as in ``grad``. Default: 0.
        has_aux: ``func`` returns a tuple (output, aux), and the result is (gradient, (output, aux)). Default: False.

    Raises:
        RuntimeError: In a call, under the same conditions as ``grad``.

    >>> import minitensor as torch
    >>> from minitensor.func import grad_and_value
    >>> grad_and_value(lambda x: x * x)(torch.tensor(3.))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        recording = is_grad_enabled()
        given, argument_spec, inputs = prepare_arguments("grad", argnums, args)
        with enable_grad():
            value, aux = split_aux("grad", func(*given, **kwargs), has_aux)
            check_scalar(func, value)
        connected = recording and has_outer_leaves([value], inputs)
        grads = walk_back([value], inputs, [ones_like(value.detach())], connected or has_aux, connected)
        result = argument_spec.unflatten(grads), drop_history((value, aux) if has_aux else value, connected)
        return drop_history(result, connected)

    return both


def prepare_arguments(what: str, argnums: Argnums, args: Sequence[Any]) -> tuple[list[Any], TreeSpec, list[Tensor]]:
    """Return the arguments, with inputs in place of those named by ``argnums``; the structure of these; the inputs."""
    numbers = read_argnums(what, argnums, args)
    given = list(args)
    for number in numbers:
        given[number] = tree_map(functools.partial(make_input, what=what), args[number])
    arguments = tuple([given[number] for number in numbers]) if isinstance(argnums, tuple) else given[argnums]
    inputs, spec = tree_flatten(arguments)
    return given, spec, inputs


def read_argnums(what: str, argnums: Argnums, args: Sequence[Any]) -> tuple[int, ...]:
    """Return the numbers of the arguments by which to differentiate; raise unless they name different arguments."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for number in numbers:
        if not isinstance(number, int) or not -len(args) <= number < len(args):
            raise GradError(f"{what}: got argnums={argnums}, but there are {len(args)} positional arguments")
    if not numbers or len({number % len(args) for number in numbers}) < len(numbers):
        raise GradError(f"{what}: argnums must name different arguments, got {argnums}")
    return numbers


def split_aux(what: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Split the result of a function into its output and its aux, which is None without ``has_aux``."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradError(
            f"{what}: with has_aux=True the function must return a tuple (output, aux), got {type(result).__name__}"
        )
    return result


def check_scalar(func: Any, value: Any) -> None:
    """Raise unless an output is a scalar tensor."""
    if not isinstance(value, TensorBase):
        raise GradError(f"grad({name_of(func)}): the function must return a tensor, got {type(value).__name__}")
    if value.ndim:
        raise GradError(
            f"grad({name_of(func)}): the function must return a scalar tensor, got one of shape {tuple(value.shape)}; "
            "reduce it (.sum(), .mean()), or use vjp or jacrev"
        )


# -- vjp and linearize -------------------------------------------------------------------------------------------------


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return ``func(*primals)`` and a function that computes vector-Jacobian products.

    Args:
        func: takes and returns tensors, also in trees.
        primals: the arguments of ``func``, by which to differentiate.
        has_aux: ``func`` returns a tuple (output, aux); aux is passed on without a derivative. Default: False.

    Returns:
        (output, vjp_function), with ``has_aux`` (output, vjp_function, aux). The function takes cotangents, in the
        structure and shapes of the output, and returns a tuple of gradients, one for each primal in its shape. It may
        be called many times, also inside ``vmap``.

    Raises:
        RuntimeError: If there are no primals, one has no gradient, or ``func`` does not return tensors.

    >>> import minitensor as torch
    >>> from minitensor.func import vjp
    >>> output, back = vjp(lambda x, y: x * y, torch.tensor(2.), torch.tensor(5.))
    >>> output, back(torch.tensor(1.))
    (tensor(10.), (tensor(5.), tensor(2.)))
    """
    output, back, aux = pull_back("vjp", func, tuple(range(len(primals))), primals, {}, has_aux)

    def gradients(*cotangents: Any) -> Any:
        return back(cotangents[0] if len(cotangents) == 1 else cotangents)

    return (output, gradients, aux) if has_aux else (output, gradients)


class RecordedCall(NamedTuple):
    """A call of a function, ready to be differentiated by some of its arguments."""

    result: Any
    aux: Any
    outputs: Sequence[Any]  # the result's tensors
    spec: TreeSpec  # the structure of the result
    inputs: list[Tensor]
    argument_spec: TreeSpec  # the structure of the arguments by which to differentiate
    connected: bool  # whether the result's graph leads to leaves other than the inputs


def record_call(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool
) -> RecordedCall:
    """Call a function on fresh inputs; raise if it does not return tensors."""
    if not args:
        raise GradError(f"{what}: expected at least one argument to differentiate by, got none")
    recording = is_grad_enabled()
    given, argument_spec, inputs = prepare_arguments(what, argnums, args)
    with enable_grad():
        result, aux = split_aux(what, func(*given, **kwargs), has_aux)
    outputs, spec = tree_flatten(result)
    for each in outputs:
        if not isinstance(each, TensorBase):
            raise GradError(f"{what}({name_of(func)}): the function must return tensors, got {type(each).__name__}")
    connected = recording and has_outer_leaves(outputs, inputs)
    return RecordedCall(result, aux, outputs, spec, inputs, argument_spec, connected)


def pull_back(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool
) -> tuple[Any, Callable[[Any], Any], Any]:
    """Return a function's output, the function from cotangents to gradients, and aux."""
    call = record_call(what, func, argnums, args, kwargs, has_aux)
    result, aux, outputs, spec, inputs, argument_spec, connected = call

    def back(cotangents: Any) -> Any:
        weights = check_weights(what, outputs, spec, cotangents)
        record = is_grad_enabled() and (connected or any(each.node is not None for each in weights))
        return argument_spec.unflatten(walk_back(outputs, inputs, weights, True, record))

    return drop_history(result, connected), back, drop_history(aux, connected)


def check_weights(what: str, outputs: Sequence[Any], spec: TreeSpec, given: Any) -> list[Any]:
    """Return weights as a list; raise unless they have the structure and shapes of the outputs."""
    weights, shape = tree_flatten(given)
    if shape != spec:
        raise GradError(
            f"{what}: expected {'one tensor' if spec is LEAF else f'{spec.num_leaves} tensors in the structure'} of "
            f"the function's output, got {'one' if shape is LEAF else shape.num_leaves}"
        )
    for i, (weight, output) in enumerate(zip(weights, outputs, strict=True)):
        if not isinstance(weight, TensorBase):
            raise ArgumentTypeError(f"{what}: expected tensors, got {type(weight).__name__}")
        if tuple(weight.shape) != tuple(output.shape):
            raise ShapeError(
                f"{what}: tensor {i} has shape {tuple(weight.shape)}, expected {tuple(output.shape)} as of its output"
            )
    return weights


def push_forward(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool,
    strict: bool = False,
) -> tuple[Any, Callable[[Any], Any], Any]:
    """Return a function's output, the function from tangents of the arguments to those of the output, and aux."""
    call = record_call(what, func, argnums, args, kwargs, has_aux)
    result, aux, outputs, spec, inputs, argument_spec, connected = call
    if strict and any(each.node is None for each in outputs):
        raise GradError(f"{what}: an output does not depend on the inputs; strict=True forbids that")
    with enable_grad():
        weights = [make_input(zeros_like(each.detach()), what) if is_differentiable(each) else zeros_like(each)
                   for each in outputs]
        grads = walk_back(outputs, inputs, weights, True, True)

    def push(tangents: Any) -> Any:
        directions = check_weights(what, inputs, argument_spec, tangents)
        record = is_grad_enabled() and (connected or any(each.node is not None for each in directions))
        active = [i for i, each in enumerate(outputs) if is_differentiable(each)]
        found = walk_back(grads, [weights[i] for i in active], directions, True, record)
        results = [zeros_like(each.detach()) for each in outputs]
        for i, each in zip(active, found, strict=True):
            results[i] = each
        return spec.unflatten(results)

    return drop_history(result, connected), push, drop_history(aux, connected)


def is_differentiable(tensor: Any) -> bool:
    """Whether a tensor's dtype has gradients."""
    return bool(tensor.dtype.is_floating_point or tensor.dtype.is_complex)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``func(*primals)`` and the function of tangents that computes its derivative along them.

    Args:
        func: takes and returns tensors, also in trees.
        primals: the arguments of ``func``.

    Returns:
        (output, function). The function takes one tangent for each primal, in its structure and shapes, and returns the
        derivative in those of the output. It does not call ``func`` again.

    Raises:
        RuntimeError: If there are no primals, or one has no gradient.

    >>> import minitensor as torch
    >>> from minitensor.func import linearize
    >>> output, push = linearize(torch.sin, torch.tensor(0.))
    >>> push(torch.tensor(3.))
    tensor(3.)
    """
    output, push, _ = push_forward("linearize", func, tuple(range(len(primals))), primals, {}, False)
    return output, lambda *tangents: push(tangents)


# -- Jacobians ---------------------------------------------------------------------------------------------------------


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func`` by rows: one backward pass for all output elements.

    Args:
        func: takes and returns tensors, also in trees.
        argnums: the argument by which to differentiate, or a tuple of several, as in ``grad``. Default: 0.
        has_aux: ``func`` returns a tuple (output, aux); aux is passed on without a derivative. Default: False.
        chunk_size: the number of rows to compute at a time. Default: None, all at once.

    Returns:
        A function of the same arguments. An output of shape (m,) and an argument of shape (n,) give (m, n); in general,
        the shape of the output followed by that of the argument. For trees the result has the structure of the output,
        with the structure of the argument in place of each leaf. With ``has_aux``, it is (Jacobian, aux).

    Raises:
        RuntimeError: In a call, if ``argnums`` names no argument or a tensor has no gradient.

    >>> import minitensor as torch
    >>> from minitensor.func import jacrev
    >>> jacrev(lambda x: x ** 2)(torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        output, back, aux = pull_back("jacrev", func, argnums, args, kwargs, has_aux)
        outputs, spec = tree_flatten(output)
        by_row = vmap(lambda *rows: back(spec.unflatten(rows)), chunk_size=chunk_size)(*basis(outputs))
        parts, argument_spec = tree_flatten(by_row)
        shapes = [tuple(each.shape) for each in outputs]
        cut = [split_rows(part, shapes) for part in parts]
        jacobians = spec.unflatten([argument_spec.unflatten(list(each)) for each in zip(*cut, strict=True)])
        return (jacobians, aux) if has_aux else jacobians

    return jacobian


def basis(tensors: Sequence[Any]) -> list[Tensor]:
    """Return the standard basis of several tensors: row i is 1 at the i-th of all their elements, and 0 elsewhere."""
    sizes = [numel(tuple(each.shape)) for each in tensors]
    found, before = [], 0
    for each, size in zip(tensors, sizes, strict=True):
        like = all_samples(each)
        one = eye(size, dtype=like.dtype, device=like.device)
        blocks = [one.new_zeros(before, size), one, one.new_zeros(sum(sizes) - before - size, size)]
        found.append(cat(blocks).reshape(sum(sizes), *each.shape))
        before += size
    return found


def split_rows(rows: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Split the rows of all output elements into one Jacobian for each output."""
    pieces = split(rows, [numel(shape) for shape in shapes])
    return [piece.reshape((*shape, *rows.shape[1:])) for piece, shape in zip(pieces, shapes, strict=True)]
