"""Sums over named indices: ``einsum`` reads an equation and turns it into diagonals, sums, and matrix products.

Operands are contracted two at a time, the pair with the smallest result first; each contraction is one ``matmul`` on
dims sorted into batch, kept and summed. It runs at the speed of BLAS and is differentiable to every order. The plan
depends only on the equation and the shapes, and is memoized.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.misuse import composite
from minitensor.autograd.turns import in_turn
from minitensor.base import TensorBase
from minitensor.errors import ArgumentTypeError, ShapeError, ShapeValueError
from minitensor.ops.arithmetic import mul
from minitensor.ops.matmul import matmul
from minitensor.ops.reduce import sum as total
from minitensor.ops.shape import diagonal, permute, reshape, squeeze
from minitensor.shapes import memoize

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Shape = tuple[int, ...]
Label = str  # a letter, or "...2" for the third dim from the right under an ellipsis
Labels = tuple[Label, ...]
Move = tuple[Callable[..., Any], tuple[Any, ...]]  # an operation on one tensor and its other arguments


class Term(NamedTuple):
    """A planned tensor: its shape, the labels of its dims, and the moves that make it from an operand."""

    shape: Shape
    labels: Labels
    moves: tuple[Move, ...] = ()


class Contraction(NamedTuple):
    """Two operands to multiply, the moves on each before, and the moves on their product after."""

    first: int
    second: int
    left: tuple[Move, ...]
    right: tuple[Move, ...]
    multiply: Callable[..., Any]
    after: tuple[Move, ...]


class Plan(NamedTuple):
    """The steps of an einsum; each product is appended to the operands."""

    contractions: tuple[Contraction, ...]
    last: tuple[Move, ...]


@composite
def einsum(*args: Any) -> Tensor:
    """Multiply tensors and sum over indices: ``einsum("ij,jk->ik", a, b)`` is ``a @ b``.

    An index that is not in the output is summed over. An index that occurs twice in one operand takes its diagonal.
    ``...`` stands for all other dims, which broadcast. Without ``->`` the output has the indices that occur once, in
    alphabetical order. Indices may also be lists of numbers: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    Args:
        *args: The equation and the operands; or each operand and the list of its indices, and the list for the output.

    Raises:
        RuntimeError: If the equation is invalid or does not fit the shapes of the operands.

    >>> import minitensor as torch
    >>> torch.einsum("ii", torch.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    equation, operands = read_arguments(args)
    plan = plan_einsum(equation, tuple([tuple(each.shape) for each in operands]))
    # As in PyTorch, the gradient of the last operand arrives first.
    tensors = list(in_turn(*operands[::-1]))[::-1]
    for first, second, left, right, multiply, after in plan.contractions:
        # `first` is smaller than `second`, so popping the second leaves its place valid.
        b, a = apply_moves(tensors.pop(second), right), apply_moves(tensors.pop(first), left)
        tensors.append(apply_moves(multiply(a, b), after))
    return apply_moves(tensors[0], plan.last)


def apply_moves(tensor: Tensor, moves: tuple[Move, ...]) -> Tensor:
    """Apply planned moves to a tensor."""
    for operation, arguments in moves:
        tensor = operation(tensor, *arguments)
    return tensor


@memoize
def plan_einsum(equation: str, shapes: tuple[Shape, ...]) -> Plan:
    """Return the plan for an equation and operands of these shapes."""
    inputs, output = read_equation(equation, shapes)
    sizes = sizes_of(equation, inputs)
    for label in output:
        if label not in sizes:
            raise ShapeValueError(f"einsum: output index {label!r} does not appear in any operand of {equation!r}")
    terms = [drop_stretched_dims(take_diagonals(term), sizes) for term in inputs]
    contractions = []
    while len(terms) > 1:
        i, j = cheapest_pair(terms, output, sizes)
        second, first = terms.pop(j), terms.pop(i)
        kept = set(output).union(*[term.labels for term in terms])
        step, product = contract(i, j, first, second, kept, sizes)
        contractions.append(step)
        terms.append(product)
    return Plan(tuple(contractions), reorder(sum_out(terms[0], set(output)), output).moves)


# -- reading -----------------------------------------------------------------------------------------------------------


def read_arguments(args: tuple[Any, ...]) -> tuple[str, Sequence[Tensor]]:
    """Return the equation and the operands; lists of numbers become letters."""
    if not args:
        raise ArgumentTypeError("einsum: expected an equation and operands")
    equation, *operands = args
    if not isinstance(equation, str):
        equation, operands = equation_of_lists(args)
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    if not operands:
        raise ShapeValueError(f"einsum: must provide at least one operand for {equation!r}")
    for each in operands:
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"einsum: expected tensors as operands, got {type(each).__name__}")
    return equation, operands


def equation_of_lists(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Turn ``a, [0, 1], b, [1, 2], [0, 2]`` into an equation and operands."""
    pairs = len(args) // 2
    parts = [subscripts(each) for each in args[1 : 2 * pairs : 2]]
    result = "->" + subscripts(args[-1]) if len(args) % 2 else ""
    return ",".join(parts) + result, list(args[0 : 2 * pairs : 2])


def subscripts(numbers: Any) -> str:
    """Turn a list of numbers into letters: 0 is A, 26 is a."""
    if not isinstance(numbers, (list, tuple)):
        raise ArgumentTypeError(f"einsum: expected a list of indices after each operand, got {type(numbers).__name__}")
    for each in numbers:
        if each is not Ellipsis and not (isinstance(each, int) and 0 <= each < 52):
            raise ShapeValueError(f"einsum: an index must be a number from 0 to 51 or ..., got {each!r}")
    return "".join("..." if n is Ellipsis else chr(ord("A") + n if n < 26 else ord("a") + n - 26) for n in numbers)


def read_equation(equation: str, shapes: Sequence[Shape]) -> tuple[list[Term], Labels]:
    """Return each operand's shape with its labels, and the labels of the output."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(shapes):
        raise ShapeValueError(f"einsum: {equation!r} names {len(parts)} operands, but {len(shapes)} were given")
    terms = [Term(shape, labels_of(equation, part, shape)) for part, shape in zip(parts, shapes)]
    covered = max([sum(len(label) > 1 for label in term.labels) for term in terms], default=0)
    if not arrow:
        counts = Counter(label for term in terms for label in term.labels)
        letters = sorted(label for label, count in counts.items() if count == 1 and len(label) == 1)
        return terms, (*ellipsis_labels(covered), *letters)
    output = split_labels(equation, right, covered)
    if len(set(output)) != len(output):
        raise ShapeValueError(f"einsum: an index appears more than once in the output of {equation!r}")
    return terms, output


def labels_of(equation: str, part: str, shape: Shape) -> Labels:
    """Return the labels of one operand; raise unless there is one for each dim."""
    named = len(part.replace("...", ""))
    if named > len(shape) or (named < len(shape) and "..." not in part):
        raise ShapeError(
            f"einsum: the number of indices in {part!r} of {equation!r} ({named}) does not match the operand's number "
            f"of dimensions ({len(shape)}, shape {shape})"
        )
    return split_labels(equation, part, len(shape) - named)


def split_labels(equation: str, part: str, covered: int) -> Labels:
    """Split a part of an equation into labels; an ellipsis becomes one label for each dim it covers."""
    before, dots, after = part.partition("...")
    for letter in before + after:
        if not (letter.isascii() and letter.isalpha()):
            raise ShapeValueError(
                f"einsum: invalid index {letter!r} in {equation!r}; indices are letters, and there is one '...' at most"
            )
    return (*before, *(ellipsis_labels(covered) if dots else ()), *after)


def ellipsis_labels(covered: int) -> Labels:
    """Return labels for the dims under an ellipsis, numbered from the right, as broadcasting aligns dims."""
    return tuple([f"...{i}" for i in range(covered - 1, -1, -1)])


def sizes_of(equation: str, terms: Sequence[Term]) -> dict[Label, int]:
    """Return the size of each index; raise unless the operands agree or have size 1."""
    sizes: dict[Label, int] = {}
    for number, (shape, labels, _) in enumerate(terms):
        for label, size in zip(labels, shape):
            known = sizes.setdefault(label, size)
            if known not in (1, size) and size != 1:
                raise ShapeError(
                    f"einsum: index {label!r} of {equation!r} has size {size} in operand {number} of shape "
                    f"{shape}, but size {known} before it"
                )
            if known == 1:
                sizes[label] = size
    return sizes


# -- one operand -------------------------------------------------------------------------------------------------------


def take_diagonals(term: Term) -> Term:
    """Take the diagonal of dims that share a label."""
    shape, labels, moves = term
    for label, count in Counter(labels).items():
        for _ in range(count - 1):
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if shape[first] != shape[second]:
                raise ShapeError(
                    f"einsum: index {label!r} is repeated in an operand, but its sizes differ: "
                    f"{shape[first]} != {shape[second]}"
                )
            moves = (*moves, (diagonal, (0, first, second)))
            shape = (*drop_items(shape, (first, second)), shape[first])
            labels = (*drop_items(labels, (first, second)), label)
    return Term(shape, labels, moves)


def drop_items(items: tuple[Any, ...], places: Sequence[int]) -> tuple[Any, ...]:
    """Return a tuple without the items at these positions."""
    return tuple([item for place, item in enumerate(items) if place not in places])


def drop_stretched_dims(term: Term, sizes: dict[Label, int]) -> Term:
    """Drop dims of size 1 that are larger in another operand: broadcasting does not need them."""
    shape, labels, moves = term
    gone = tuple([dim for dim, label in enumerate(labels) if shape[dim] == 1 and sizes[label] != 1])
    if not gone:
        return term
    return Term(drop_items(shape, gone), drop_items(labels, gone), (*moves, (squeeze, (gone,))))


def sum_out(term: Term, kept: set[Label]) -> Term:
    """Sum over the dims whose labels are not needed any more."""
    shape, labels, moves = term
    gone = tuple([dim for dim, label in enumerate(labels) if label not in kept])
    if not gone:
        return term
    return Term(drop_items(shape, gone), drop_items(labels, gone), (*moves, (total, (gone,))))


def reorder(term: Term, wanted: Labels) -> Term:
    """Return the term with its dims in the order of ``wanted``."""
    shape, labels, moves = term
    if labels == wanted:
        return term
    dims = tuple([labels.index(each) for each in wanted])
    return Term(tuple([shape[dim] for dim in dims]), wanted, (*moves, (permute, dims)))


def reshape_term(term: Term, shape: Shape) -> Term:
    """Return the term reshaped by merging dims or adding dims of size 1; it loses its labels."""
    if term.shape == shape:
        return term
    return Term(shape, (), (*term.moves, (reshape, (shape,))))


# -- two operands ------------------------------------------------------------------------------------------------------


def cheapest_pair(terms: Sequence[Term], output: Labels, sizes: dict[Label, int]) -> tuple[int, int]:
    """Return the two operands whose contraction adds the fewest elements."""
    if len(terms) == 2:
        return 0, 1

    def growth(pair: tuple[int, int]) -> int:
        kept = set(output).union(*[term.labels for k, term in enumerate(terms) if k not in pair])
        left, right = (set(terms[k].labels) for k in pair)
        return volume((left | right) & kept, sizes) - volume(left, sizes) - volume(right, sizes)

    # Greedy: the best order of all would need a search over the orders.
    return min(combinations(range(len(terms)), 2), key=growth)


def volume(labels: Iterable[Label], sizes: dict[Label, int]) -> int:
    """Count the elements of a tensor with these dims."""
    return prod(sizes[label] for label in labels)


def contract(
    i: int, j: int, a: Term, b: Term, kept: set[Label], sizes: dict[Label, int]
) -> tuple[Contraction, Term]:
    """Plan to multiply two operands and sum over the indices that are in both and not ``kept``.

    With a batch that is (..., L, K) @ (..., K, R), without one (L, K) @ (K, R), or a vector for a side that keeps no
    index of its own. With nothing to sum over, it is an elementwise product.
    """
    a, b = sum_out(a, kept | set(b.labels)), sum_out(b, kept | set(a.labels))
    batch = tuple([label for label in a.labels if label in b.labels and label in kept])
    inner = tuple([label for label in a.labels if label in b.labels and label not in kept])
    left = tuple([label for label in a.labels if label not in b.labels])
    right = tuple([label for label in b.labels if label not in a.labels])
    labels = batch + left + right
    shape = tuple([sizes[label] for label in labels])
    multiply: Callable[..., Any]
    if not inner and (batch or not left or not right):
        one, other, multiply, found = align_dims(a, labels), align_dims(b, labels), mul, shape
    else:  # BLAS is the fastest for outer products of two vectors, too
        # Without batch dims a missing group leaves a vector; with them, `matmul` needs matrices.
        one = group_dims(a, sizes, batch, *([left] if left or batch else []), inner)
        other = group_dims(b, sizes, batch, inner, *([right] if right or batch else []))
        multiply, found = matmul, one.shape[:-1] + other.shape[len(batch) + 1 :]
    after: tuple[Move, ...] = ((reshape, (shape,)),) if found != shape else ()
    return Contraction(i, j, one.moves, other.moves, multiply, after), Term(shape, labels)


def group_dims(term: Term, sizes: dict[Label, int], batch: Labels, *groups: Labels) -> Term:
    """Return the term with its batch dims and one dim for each group, of size 1 for an empty group.

    The batch dims are not merged, which might cost a copy.
    """
    ordered = reorder(term, batch + tuple([label for group in groups for label in group]))
    return reshape_term(ordered, tuple([sizes[label] for label in batch] + [volume(group, sizes) for group in groups]))


def align_dims(term: Term, labels: Labels) -> Term:
    """Return the term with one dim for each of ``labels``; missing ones get size 1."""
    ordered = reorder(term, tuple([label for label in labels if label in term.labels]))
    sizes = dict(zip(ordered.labels, ordered.shape))
    return reshape_term(ordered, tuple([sizes.get(label, 1) for label in labels]))
