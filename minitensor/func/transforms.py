"""Derivatives of functions: ``grad``, ``vjp``, ``jvp``, Jacobians, Hessians; they nest in each other and in ``vmap``.

Each hands its function fresh tensors to differentiate by, walks the graph that the function records, and cuts it off
again, unless it leads on to tensors outside that require grad: then results stay differentiable.

Note [Forward by backward twice]. There is no forward mode. The gradient g of the outputs, weighted by u, is linear in
u, so the gradient of g by u, weighted by t, is J t: two walks back give what one walk forward would. It costs about
twice as much, and needs a function all of whose gradients are themselves differentiable.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor import layout as layouts
from minitensor.autograd import engine
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.autograd.node import Leaf
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, GradError, ShapeError
from minitensor.func.batching.batched import Batched, at_levels, batch, levels_in, running
from minitensor.func.mapping import name_of, vmap
from minitensor.func.trees import LEAF, Plan, mapped, take_apart
from minitensor.layout import numel
from minitensor.ops.creation import eye, ones_like, zeros_like
from minitensor.ops.join import cat, split

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from minitensor.autograd.node import Node
    from minitensor.tensor import Tensor

    Argnums = int | tuple[int, ...]


# -- tensors to differentiate by ---------------------------------------------------------------------------------------


class NoTensor(GradError, ArgumentError):
    """Something else where a tensor is wanted: PyTorch raises ValueError or RuntimeError, by the transform."""


def fresh(tensor: Any, what: str) -> Tensor:
    """Return a tensor of the same values to differentiate by; it leads on to the given one if that requires grad.

    Inside ``vmap`` it differs from sample to sample even where the given one does not, so that each gets a gradient.
    """
    if not isinstance(tensor, TensorBase):
        raise NoTensor(f"{what}: expected tensors to differentiate by, got {type(tensor).__name__}")
    if not (tensor.dtype.is_floating_point or tensor.dtype.is_complex):
        raise GradError(f"{what}: only floating point and complex tensors have a gradient, this one is {tensor.dtype}")
    levels = [(level.number, level.size) for level in running()]
    return at_levels(tensor, levels, started)  # type: ignore[no-any-return]  # a Tensor


def started(tensor: Any) -> Tensor:
    """Return a tensor of the same memory to differentiate by."""
    if layouts.overlaps_itself(tensor.layout):
        tensor = tensor.contiguous()  # an element that is seen twice has two gradients
    if tensor.node is None or not is_grad_enabled():
        return tensor.detach().requires_grad_()  # type: ignore[no-any-return]  # a Tensor
    return tensor.view_as(tensor)  # type: ignore[no-any-return]  # as above


def innermost(tensor: Any) -> Any:
    """Return the tensor with all samples of all levels."""
    while isinstance(tensor, Batched):
        tensor = tensor.physical
    return tensor


def leads_outside(outputs: Iterable[Any], inputs: Iterable[Any]) -> bool:
    """Whether a graph leads on to leaves that are not the fresh inputs."""
    own = {innermost(each).node for each in inputs}
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


def cut_off(tree: Any, connected: bool) -> Any:
    """Return results as they are where their graph leads outside, else without history."""
    if connected:
        return tree
    return mapped(lambda each: each.detach() if isinstance(each, TensorBase) else each, tree)


# -- a walk back, of samples -------------------------------------------------------------------------------------------


def walked(
    outputs: Sequence[Any], inputs: Sequence[Any], weights: Sequence[Any], keep: bool, record: bool
) -> list[Tensor]:
    """Return the gradients of weighted outputs by inputs, zeros where there is none.

    Outputs and inputs give up their samples first, so that the graph sees all of them; what weights have beyond
    that (``vmap`` of a vjp) stays, and formulas compute with it.
    """
    levels = levels_in((outputs, inputs))
    plain_outputs, plain_inputs, plain_weights = list(outputs), list(inputs), list(weights)
    for number, size in reversed(levels):
        plain_outputs = [stripped(each, number, size) for each in plain_outputs]
        plain_inputs = [stripped(each, number, size) for each in plain_inputs]
        plain_weights = [stripped(each, number, size) for each in plain_weights]
    made = [(each, weight) for each, weight in zip(plain_outputs, plain_weights, strict=True) if each.node is not None]
    found: Sequence[Any] = [None] * len(plain_inputs)
    if made:
        found = engine.grad(
            [each for each, _ in made], plain_inputs, [weight for _, weight in made], keep, record, allow_unused=True
        )
    grads = [zeros_like(each) if grad is None else grad for each, grad in zip(plain_inputs, found, strict=True)]
    for number, _ in levels:
        grads = [dressed(each, number) for each in grads]
    return grads


def stripped(tensor: Any, number: int, size: int) -> Any:
    """Return a tensor with the samples of one level as a dim in front."""
    if not isinstance(tensor, Batched):
        return tensor.expand(size, *tensor.shape)
    if tensor.level == number:
        return tensor.physical
    return batch(stripped(tensor.physical, number, size).movedim(1, 0), tensor.level)


def dressed(tensor: Any, number: int) -> Any:
    """Undo ``stripped``."""
    if isinstance(tensor, Batched) and tensor.level > number:
        return batch(dressed(tensor.physical.movedim(1, 0), number), tensor.level)
    return batch(tensor, number)


# -- grad --------------------------------------------------------------------------------------------------------------


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """Return a function that computes the gradient of ``func``, which returns a scalar.

    The gradient is by the argument number ``argnums``, which may be a container of tensors, or by several: then it is a
    tuple. With ``has_aux``, ``func`` returns (scalar, more), and the result is (gradient, more). ``vmap`` of it gives
    the gradient of each sample.

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
    """Return a function that computes the gradient of ``func``, as ``grad`` does, and its value: (gradient, value).

    >>> import minitensor as torch
    >>> from minitensor.func import grad_and_value
    >>> grad_and_value(lambda x: x * x)(torch.tensor(3.))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        recording = is_grad_enabled()
        given, chosen, inputs = prepared("grad", argnums, args)
        with enable_grad():
            value, aux = parted("grad", func(*given, **kwargs), has_aux)
            check_scalar(func, value)
        connected = recording and leads_outside([value], inputs)
        grads = walked([value], inputs, [ones_like(value.detach())], connected or has_aux, connected)
        result = chosen.build(grads), cut_off((value, aux) if has_aux else value, connected)
        return cut_off(result, connected)

    return both


def prepared(what: str, argnums: Argnums, args: Sequence[Any]) -> tuple[list[Any], Plan, list[Tensor]]:
    """Return the arguments with fresh tensors in the chosen ones, the structure of these, and the fresh tensors."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for number in numbers:
        if not isinstance(number, int) or not -len(args) <= number < len(args):
            raise GradError(f"{what}: got argnums={argnums}, but there are {len(args)} positional arguments")
    if not numbers or len({number % len(args) for number in numbers}) < len(numbers):
        raise GradError(f"{what}: argnums must name different arguments, got {argnums}")
    given = list(args)
    for number in numbers:
        given[number] = mapped(functools.partial(fresh, what=what), args[number])
    chosen = tuple([given[number] for number in numbers]) if isinstance(argnums, tuple) else given[argnums]
    inputs, plan = take_apart(chosen)
    return given, plan, inputs


def parted(what: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Return a function's output, and what it returned beside."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise GradError(
            f"{what}: with has_aux=True the function must return a tuple (output, aux), got {type(result).__name__}"
        )
    return result


def check_scalar(func: Any, value: Any) -> None:
    """Refuse an output that has no gradient as it is."""
    if not isinstance(value, TensorBase):
        raise GradError(f"grad({name_of(func)}): the function must return a tensor, got {type(value).__name__}")
    if value.ndim:
        raise GradError(
            f"grad({name_of(func)}): the function must return a scalar tensor, got one of shape {tuple(value.shape)}; "
            "reduce it (.sum(), .mean()), or use vjp or jacrev"
        )


# -- vjp and jvp -------------------------------------------------------------------------------------------------------


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Return ``func(*primals)`` and a function that gives, for weights of the outputs, the gradients by the primals.

    The weights have the outputs' structure. The function may be called many times, and inside ``vmap``: for all rows of
    weights at once. It returns a tuple with a gradient for each primal. With ``has_aux`` the result is
    (output, vjp, aux).

    >>> import minitensor as torch
    >>> from minitensor.func import vjp
    >>> output, back = vjp(lambda x, y: x * y, torch.tensor(2.), torch.tensor(5.))
    >>> output, back(torch.tensor(1.))
    (tensor(10.), (tensor(5.), tensor(2.)))
    """
    output, back, aux = pulled_back("vjp", func, tuple(range(len(primals))), primals, {}, has_aux)

    def gradients(*cotangents: Any) -> Any:
        return back(cotangents[0] if len(cotangents) == 1 else cotangents)

    return (output, gradients, aux) if has_aux else (output, gradients)


class Run(NamedTuple):
    """A function's call, ready to be differentiated by some of its arguments."""

    result: Any
    aux: Any
    outputs: Sequence[Any]  # the result's tensors
    plan: Plan  # how they make the result
    inputs: list[Tensor]
    chosen: Plan  # how those make the arguments
    connected: bool  # whether the result's graph leads on to what lies outside


def ran(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool
) -> Run:
    """Call a function on fresh inputs, and refuse what it may not return."""
    if not args:
        raise GradError(f"{what}: there is nothing to differentiate by; give at least one argument")
    recording = is_grad_enabled()
    given, chosen, inputs = prepared(what, argnums, args)
    with enable_grad():
        result, aux = parted(what, func(*given, **kwargs), has_aux)
    outputs, plan = take_apart(result)
    for each in outputs:
        if not isinstance(each, TensorBase):
            raise GradError(f"{what}({name_of(func)}): the function must return tensors, got {type(each).__name__}")
    return Run(result, aux, outputs, plan, inputs, chosen, recording and leads_outside(outputs, inputs))


def pulled_back(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool
) -> tuple[Any, Callable[[Any], Any], Any]:
    """Return a function's output, the function from weights to gradients by the chosen arguments, and aux."""
    result, aux, outputs, plan, inputs, chosen, connected = ran(what, func, argnums, args, kwargs, has_aux)

    def back(cotangents: Any) -> Any:
        weights = weights_like(what, outputs, plan, cotangents)
        record = is_grad_enabled() and (connected or any(each.node is not None for each in weights))
        return chosen.build(walked(outputs, inputs, weights, True, record))

    return cut_off(result, connected), back, cut_off(aux, connected)


def weights_like(what: str, outputs: Sequence[Any], plan: Plan, given: Any) -> list[Any]:
    """Return weights for outputs, of the same structure and shapes."""
    weights, shape = take_apart(given)
    if shape != plan:
        raise GradError(
            f"{what}: expected {'one tensor' if plan is LEAF else f'{plan.size} tensors in the structure'} of the "
            f"function's output, got {'one' if shape is LEAF else shape.size}"
        )
    for i, (weight, output) in enumerate(zip(weights, outputs, strict=True)):
        if not isinstance(weight, TensorBase):
            raise ArgumentTypeError(f"{what}: expected tensors, got {type(weight).__name__}")
        if tuple(weight.shape) != tuple(output.shape):
            raise ShapeError(
                f"{what}: tensor {i} has shape {tuple(weight.shape)}, but what it belongs to has {tuple(output.shape)}"
            )
    return weights


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:
    """Return ``func(*primals)`` and how it changes along ``tangents``: the Jacobian times the tangents.

    ``primals`` and ``tangents`` are tuples of the same structure. It is computed by two walks back, see
    Note [Forward by backward twice]. With ``strict`` an output that does not depend on the primals raises.

    >>> import minitensor as torch
    >>> from minitensor.func import jvp
    >>> jvp(torch.sin, (torch.tensor(0.),), (torch.tensor(2.),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise GradError("jvp: primals and tangents must be tuples, as in jvp(f, (x,), (t,))")
    output, push, aux = pushed("jvp", func, tuple(range(len(primals))), primals, {}, has_aux, strict)
    changed = push(tangents)
    return (output, changed, aux) if has_aux else (output, changed)


def pushed(
    what: str, func: Callable[..., Any], argnums: Argnums, args: Sequence[Any], kwargs: dict[str, Any], has_aux: bool,
    strict: bool = False,
) -> tuple[Any, Callable[[Any], Any], Any]:
    """Return a function's output, the function from tangents of the chosen arguments to those of it, and aux."""
    result, aux, outputs, plan, inputs, chosen, connected = ran(what, func, argnums, args, kwargs, has_aux)
    if strict and any(each.node is None for each in outputs):
        raise GradError(f"{what}: an output does not depend on the inputs; strict=True forbids that")
    with enable_grad():
        weights = [fresh(zeros_like(each.detach()), what) if differentiable(each) else zeros_like(each)
                   for each in outputs]
        grads = walked(outputs, inputs, weights, True, True)

    def push(tangents: Any) -> Any:
        directions = weights_like(what, inputs, chosen, tangents)
        record = is_grad_enabled() and (connected or any(each.node is not None for each in directions))
        active = [i for i, each in enumerate(outputs) if differentiable(each)]
        found = walked(grads, [weights[i] for i in active], directions, True, record)
        results = [zeros_like(each.detach()) for each in outputs]
        for i, each in zip(active, found, strict=True):
            results[i] = each
        return plan.build(results)

    return cut_off(result, connected), push, cut_off(aux, connected)


def differentiable(tensor: Any) -> bool:
    """Whether a tensor is of a dtype that has gradients."""
    return bool(tensor.dtype.is_floating_point or tensor.dtype.is_complex)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``func(*primals)`` and a function that gives its change along tangents, without computing it again.

    >>> import minitensor as torch
    >>> from minitensor.func import linearize
    >>> output, push = linearize(torch.sin, torch.tensor(0.))
    >>> push(torch.tensor(3.))
    tensor(3.)
    """
    output, push, _ = pushed("linearize", func, tuple(range(len(primals))), primals, {}, False)
    return output, lambda *tangents: push(tangents)


# -- Jacobians ---------------------------------------------------------------------------------------------------------


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func``: one walk back, for the rows of all output elements.

    An output of shape (m,) and an argument of shape (n,) give (m, n); in general the output's shape, then the
    argument's. Outputs and arguments may be containers: then the result is one of the outputs' structure, each with the
    arguments' inside. ``chunk_size`` limits how many rows are computed at a time.

    >>> import minitensor as torch
    >>> from minitensor.func import jacrev
    >>> jacrev(lambda x: x ** 2)(torch.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        output, back, aux = pulled_back("jacrev", func, argnums, args, kwargs, has_aux)
        outputs, plan = take_apart(output)
        by_row = vmap(lambda *rows: back(plan.build(rows)), chunk_size=chunk_size)(*basis(outputs))
        parts, made = take_apart(by_row)
        shapes = [tuple(each.shape) for each in outputs]
        cut = [rows_of_outputs(part, shapes) for part in parts]
        jacobians = plan.build([made.build(list(each)) for each in zip(*cut, strict=True)])
        return (jacobians, aux) if has_aux else jacobians

    return jacobian


def basis(tensors: Sequence[Any]) -> list[Tensor]:
    """Return rows of weights for tensors: each row is one for one element of one of them, and zero for all others."""
    sizes = [numel(tuple(each.shape)) for each in tensors]
    found, before = [], 0
    for each, size in zip(tensors, sizes, strict=True):
        like = innermost(each)
        one = eye(size, dtype=like.dtype, device=like.device)
        blocks = [one.new_zeros(before, size), one, one.new_zeros(sum(sizes) - before - size, size)]
        found.append(cat(blocks).reshape(sum(sizes), *each.shape))
        before += size
    return found


def rows_of_outputs(rows: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Cut rows for all output elements into one Jacobian for each output."""
    pieces = split(rows, [numel(shape) for shape in shapes])
    return [piece.reshape(*shape, *rows.shape[1:]) for piece, shape in zip(pieces, shapes, strict=True)]


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of ``func`` as ``jacrev`` does, but column by column.

    It walks once for each element of the arguments, not of the outputs: better where there are fewer of them.

    >>> import minitensor as torch
    >>> from minitensor.func import jacfwd
    >>> jacfwd(torch.sin)(torch.tensor([0., 0.]))
    tensor([[1., 0.],
            [0., 1.]])
    """

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        _, push, aux = pushed("jacfwd", func, argnums, args, kwargs, has_aux)
        numbers = argnums if isinstance(argnums, tuple) else (argnums,)
        chosen = tuple([args[number] for number in numbers]) if isinstance(argnums, tuple) else args[argnums]
        inputs, made = take_apart(chosen)
        columns = vmap(lambda *tangents: push(made.build(tangents)), chunk_size=chunk_size, randomness=randomness)(
            *basis(inputs)
        )
        parts, plan = take_apart(columns)
        shapes = [tuple(each.shape) for each in inputs]
        jacobians = plan.build([made.build(columns_of_inputs(part, shapes)) for part in parts])
        return (jacobians, aux) if has_aux else jacobians

    return jacobian


def columns_of_inputs(columns: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """Cut columns for all input elements into one Jacobian for each input."""
    last = columns.movedim(0, -1)
    pieces = split(last, [numel(shape) for shape in shapes], -1)
    return [piece.reshape(*last.shape[:-1], *shape) for piece, shape in zip(pieces, shapes, strict=True)]


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return a function that computes the second derivatives of ``func``: the Jacobian of its Jacobian.

    A scalar function of (n,) gives (n, n). Both are computed by walks back.

    >>> import minitensor as torch
    >>> from minitensor.func import hessian
    >>> hessian(lambda x: (x ** 3).sum())(torch.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacrev(jacrev(func, argnums), argnums)
