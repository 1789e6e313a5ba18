"""Rules for tangents: how the result of one operation changes if its arguments move along given directions.

Note [Three rules for tangents]. A gradient formula f computes Jᵀu from the gradient u of the result. The tangent Jt of
the result is computed in one of three ways, none of which needs a formula of its own:

- A pointwise operation on real numbers has a diagonal Jacobian, and ``softmax`` a symmetric one, so Jt is f(t).
- An operation that is linear in an argument is applied to the tangent in its place.
- Otherwise f is transposed. It is linear in u, so its gradient in u, weighted by t, is Jt. This takes one backward pass
  through f alone, which is dropped at once: the tangents of a chain of operations need no more memory than one of them.

The formulas are made of operations, so tangents can be differentiated again, forward and backward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.interpreters import Call
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.autograd.node import RESULT, RESULT_0, SHAPE, Effect, fit, is_differentiable
from minitensor.base import TensorBase, array_dtype
from minitensor.dtypes import FROM_NUMPY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from minitensor.autograd.node import Formula, Op

POINTWISE_CHAPTERS = tuple([
    f"minitensor.ops.{chapter}"
    for chapter in """
        arithmetic fused halves powers exponentials trigonometry rounding choice compare bits special complex constant
        bessel polynomials
    """.split()
])

# Pointwise operations of other chapters, and others whose Jacobian is symmetric.
POINTWISE = frozenset("""
    relu elu hardtanh leaky_relu threshold hardshrink softshrink softplus logsigmoid silu gelu hardswish sigmoid tanh
    erf nan_to_num masked_fill _standard_gamma softmax
""".split())

# Operations that are linear in their only differentiable argument.
LINEAR = frozenset("""
    sum mean cumsum reverse_cumsum flip roll tril triu gather index index_select embedding clone to_copy to_device fold
    unsafe_view repeat_each pick place diag_embed unfold conj neg_view avg_pool pick_along pick_rows masked_select
""".split())

# Operations that return their first argument; their derivative by others is zero, although there are formulas.
CONSTANT = frozenset(("as_function_of", "with_gradient_as_function_of"))

# Operations that are linear in each of these arguments; the terms that are added lie at the position behind.
MULTILINEAR = {"matmul": (0, 1), "linear": (0, 1), "convolution": (0, 1)}


class Facts(NamedTuple):
    """The shape and the dtype of an input, as its node would have them."""

    shape: tuple[int, ...]
    dtype: Any


def push(call: Call, tangents: Sequence[Any], result: Any) -> Any:
    """Return the tangent of the result of a call, or of each of several, in new memory; None if it does not move.

    ``tangents`` has an entry for each differentiable argument of the operation: its tangent, or None.
    """
    found = choose_rule(call, tangents, result)
    if isinstance(found, (tuple, list)):
        return tuple([own_memory(each, tangents) for each in found])
    return own_memory(found, tangents)


def own_memory(found: Any, tangents: Sequence[Any]) -> Any:
    """Return a tangent in memory of its own: a formula may return what it was given, or a view of it."""
    if found is None:
        return None
    whole = TensorBase.batched_class._whole
    memory = whole(found)
    shared = memory._base is not None or any([memory is whole(each) for each in flat(tangents) if each is not None])
    return found.clone() if shared else found


def choose_rule(call: Call, tangents: Sequence[Any], result: Any) -> Any:
    """Return the tangent of a result by one of the rules; it may share memory with another tangent."""
    op = call.op
    if op.multiple:
        return transpose(call, tangents, result)
    if op.name in LINEAR and len(op.inputs) == 1:
        return apply_to_tangent(call, op.inputs[0], tangents[0])
    if op.name in CONSTANT:
        return tangents[0]
    if op.name in ("cat", "stack"):
        return apply_to_tangents(call, tangents[0])
    if op.name in MULTILINEAR:
        return push_product(call, tangents, result)
    if is_pointwise(op) and is_real(result) and all(each is None or is_real(each) for each in tangents):
        return push_pointwise(call, tangents, result)
    return transpose(call, tangents, result)


def is_pointwise(op: Op) -> bool:
    """Whether each element of the result depends on the elements at the same place only, or as they do on it."""
    return op.body.__module__ in POINTWISE_CHAPTERS or op.name in POINTWISE


def is_real(tensor: Any) -> bool:
    """Whether a tensor has real elements."""
    return bool(array_dtype(tensor).kind != "c")


def moves(tensor: Any) -> bool:
    """Whether a value can have a tangent: floating-point and complex numbers do."""
    return isinstance(tensor, TensorBase) and is_differentiable(array_dtype(tensor))


# -- the rules ---------------------------------------------------------------------------------------------------------


def apply_to_tangent(call: Call, position: int, tangent: Any) -> Any:
    """Apply a linear operation to the tangent in the place of an argument."""
    return call(*call.args[:position], tangent, *call.args[position + 1 :])


def apply_to_tangents(call: Call, tangents: Sequence[Any]) -> Any:
    """Join tangents as their tensors are joined; those that do not move have zeros."""
    filled = [
        tensor.detach().new_zeros(tensor.shape) if tangent is None else tangent
        for tensor, tangent in zip(call.args[0], tangents, strict=True)
    ]
    return call(filled, *call.args[1:])


def push_product(call: Call, tangents: Sequence[Any], result: Any) -> Any:
    """Return the sum of the products in which one factor is replaced by its tangent."""
    total: Any = None
    rest = list(tangents)
    for position in MULTILINEAR[call.op.name]:
        place = call.op.inputs.index(position)
        tangent, rest[place] = tangents[place], None
        if tangent is not None:
            args = [*call.args]
            args[position] = tangent
            args[2:3] = [None] * len(args[2:3])  # the bias
            total = plus(total, call(*args))
    if any(each is not None for each in rest):
        total = plus(total, transpose(call, rest, result))
    return total


def push_pointwise(call: Call, tangents: Sequence[Any], result: Any) -> Any:
    """Apply the gradient formulas of a pointwise operation to tangents."""
    total: Any = None
    like = Facts(tuple(result.shape), array_dtype(result))
    for tangent, (position, formula) in zip(tangents, positions_and_formulas(call.op), strict=True):
        if tangent is not None:
            found = formula.function(spread(tangent, like), *values_for(formula, call, position, result))
            total = plus(total, found)
    return None if total is None else spread(total, like)


def spread(tangent: Any, like: Facts) -> Any:
    """Return a tangent broadcast and cast as its operation does it."""
    if array_dtype(tangent) != like.dtype:
        tangent = tangent._like_dtype(like.dtype)
    return tangent if tuple(tangent.shape) == like.shape else tangent.expand(like.shape)


def plus(total: Any, term: Any) -> Any:
    """Add two tangents, each of which may be None for zero."""
    return term if total is None else total if term is None else total + term


def positions_and_formulas(op: Op) -> Iterator[tuple[int, Formula]]:
    """Yield the position and the formula of each differentiable argument."""
    return zip(op.inputs, op.formulas, strict=True)


def values_for(formula: Formula, call: Call, position: int, result: Any) -> list[Any]:
    """Return the values that a formula names."""
    return [value_at(call, source, call.args[position], result) for source in formula.sources]


def value_at(call: Call, source: int, argument: Any, result: Any) -> Any:
    """Return the value of one parameter of a formula; see ``Formula``."""
    if source >= 0:
        return call.args[call.op.saved_positions[source]]
    if source == RESULT:
        return result
    if source <= RESULT_0:
        return result[RESULT_0 - source]
    if isinstance(argument, (tuple, list)):
        return tuple([tuple(each.shape) for each in argument])
    return tuple(argument.shape) if source == SHAPE else FROM_NUMPY[array_dtype(argument)].arithmetic


# -- transposition -----------------------------------------------------------------------------------------------------


def transpose(call: Call, tangents: Sequence[Any], result: Any) -> Any:
    """Return the tangent of a result, or of each of several, by a backward pass through the gradient formulas."""
    batched = TensorBase.batched_class
    results = tuple(result) if call.op.multiple else (result,)
    inside = [each for each in flat(call.args) if isinstance(each, TensorBase)]
    levels = batched._levels((results, inside))
    probes = [batched._probe(each, levels) if moves(each) else None for each in results]
    wanted = [each for each in probes if each is not None]
    with enable_grad():
        if levels and call.op.name != "_sample_dirichlet":  # which would draw again
            terms = pull_all_samples(call, tangents, probes, levels)
        else:
            grad = tuple(probes) if call.op.multiple else probes[0]
            terms = list(pull(call, tangents, results if call.op.multiple else result, grad))
    if not terms:
        return (None,) * len(results) if call.op.multiple else None
    outputs, directions = zip(*terms, strict=True)
    record = is_grad_enabled() and any(each.node is not None for each in (*results, *inside, *directions))
    found = iter(batched._gradients(outputs, wanted, directions, False, record))
    pushed = tuple([None if each is None else next(found) for each in probes])
    return pushed if call.op.multiple else pushed[0]


def pull_all_samples(
    call: Call, tangents: Sequence[Any], probes: Sequence[Any], levels: Sequence[tuple[int, int]]
) -> list[tuple[Any, Any]]:
    """Return what ``pull`` yields inside ``vmap``, where formulas know the tensors with all samples only.

    Therefore the operation is repeated and its graph is walked.
    """
    batched = TensorBase.batched_class
    args, inputs, directions = [*call.args], [], []
    for position, tangent in zip(call.op.inputs, tangents, strict=True):
        given = args[position]
        if isinstance(given, (tuple, list)):
            own = [given, tangent or [None] * len(given)]
            fresh = [each if one is None else batched._input(each, levels) for each, one in zip(*own, strict=True)]
            args[position] = fresh
            pairs = [(each, one) for each, one in zip(fresh, own[1], strict=True) if one is not None]
        elif tangent is not None:
            args[position] = batched._input(given, levels)
            pairs = [(args[position], tangent)]
        else:
            continue
        inputs += [each for each, _ in pairs]
        directions += [one for _, one in pairs]
        same = {id(each): new for each, new in zip(flat([given]), flat([args[position]]), strict=True)}
        for i, each in enumerate(args):
            if i not in call.op.inputs:
                args[i] = same.get(id(each), each)
    result = repeat(call, args)
    outputs = [each for each in (result if isinstance(result, tuple) else (result,)) if moves(each)]
    weights = [each for each in probes if each is not None]
    grads = batched._gradients(outputs, inputs, weights, True, True)
    return list(zip(grads, directions, strict=True))


def repeat(call: Call, args: Sequence[Any]) -> Any:
    """Compute an operation with other arguments, and write into none of them."""
    op = call.op
    if op.effect is not Effect.WRITES:
        return call(*args)
    if op.out_of_place is not None:
        return Call(op, op.out_of_place, args, {}, None)(*args)
    return call(args[0].clone(), *args[1:])


def flat(values: Sequence[Any]) -> Iterator[Any]:
    """Yield values, and the entries of lists."""
    for each in values:
        if isinstance(each, (tuple, list)):
            yield from each
        else:
            yield each


def pull(call: Call, tangents: Sequence[Any], result: Any, grad: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the gradient of each argument that moves, and its tangent."""
    for tangent, (position, formula) in zip(tangents, positions_and_formulas(call.op), strict=True):
        if tangent is None:
            continue
        found = formula.function(grad, *values_for(formula, call, position, result))
        argument = call.args[position]
        if isinstance(argument, (tuple, list)):
            for each, own, one in zip(argument, tangent, found, strict=True):
                if own is not None and one is not None:
                    yield fit(one, facts_of(each)), own
        elif found is not None:
            yield fit(found, facts_of(argument)), tangent


def facts_of(tensor: Any) -> Any:
    """Return the shape and the dtype of an input."""
    return Facts(tuple(tensor.shape), array_dtype(tensor))
