"""Sums over named indices: ``einsum`` reads an equation and turns it into diagonals, sums, and matrix products.

Operands are contracted two at a time, the pair with the smallest result first; each contraction is one ``matmul`` on
dims sorted into batch, kept and summed. So it runs at the speed of BLAS and is differentiable to every order. Only the
reading of equations is at home here; the arithmetic is that of tensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, ArgumentTypeError, ShapeError
from minitensor.ops.matmul import matmul

if TYPE_CHECKING:
    from minitensor.tensor import Tensor

Label = str  # a letter, or "...2" for the third dim from the right under an ellipsis
Labels = tuple[Label, ...]


class EquationError(ArgumentError, ShapeError):
    """An equation that cannot be read, or does not fit its operands: a ValueError, and as in PyTorch a RuntimeError."""


class Term(NamedTuple):
    """A tensor and the names of its dims."""

    tensor: Tensor
    labels: Labels


def einsum(*args: Any) -> Tensor:
    """Multiply tensors and sum over indices: ``einsum("ij,jk->ik", a, b)`` is ``a @ b``.

    An index that is not in the output is summed over; an index twice in one operand takes its diagonal; ``...`` stands
    for any other dims, which broadcast. Without ``->`` the output has the indices that occur once, in their alphabet's
    order.
    Operands may also come with lists of numbers: ``einsum(a, [0, 1], b, [1, 2], [0, 2])``.

    >>> import minitensor as torch
    >>> torch.einsum("ii", torch.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    equation, operands = read_arguments(args)
    inputs, output = read_equation(equation, operands)
    sizes = sizes_of(equation, inputs)
    for label in output:
        if label not in sizes:
            raise EquationError(f"einsum: output index {label!r} does not appear in any operand of {equation!r}")
    terms = [without_stretched(with_distinct_labels(term), sizes) for term in inputs]
    while len(terms) > 1:
        i, j = cheapest_pair(terms, output, sizes)
        others = [term for k, term in enumerate(terms) if k not in (i, j)]
        kept = set(output).union(*[term.labels for term in others])
        terms = [*others, contract(terms[i], terms[j], kept, sizes)]
    return in_order(summed(terms[0], set(output)), output)


# -- reading -----------------------------------------------------------------------------------------------------------


def read_arguments(args: tuple[Any, ...]) -> tuple[str, Sequence[Tensor]]:
    """Return equation and operands; lists of numbers are written as letters."""
    if not args:
        raise ArgumentTypeError("einsum: expected an equation and operands")
    equation, *operands = args
    if not isinstance(equation, str):
        equation, operands = equation_of_lists(args)
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = list(operands[0])
    if not operands:
        raise EquationError(f"einsum: must provide at least one operand for {equation!r}")
    for each in operands:
        if not isinstance(each, TensorBase):
            raise ArgumentTypeError(f"einsum: expected tensors as operands, got {type(each).__name__}")
    return equation, operands


def equation_of_lists(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Write ``a, [0, 1], b, [1, 2], [0, 2]`` as an equation."""
    pairs = len(args) // 2
    parts = [subscripts(each) for each in args[1 : 2 * pairs : 2]]
    result = "->" + subscripts(args[-1]) if len(args) % 2 else ""
    return ",".join(parts) + result, list(args[0 : 2 * pairs : 2])


def subscripts(numbers: Any) -> str:
    """Write a list of numbers as letters: 0 is A, 26 is a."""
    if not isinstance(numbers, (list, tuple)):
        raise ArgumentTypeError(f"einsum: expected a list of indices after each operand, got {type(numbers).__name__}")
    for each in numbers:
        if each is not Ellipsis and not (isinstance(each, int) and 0 <= each < 52):
            raise EquationError(f"einsum: an index must be a number from 0 to 51 or ..., got {each!r}")
    return "".join("..." if n is Ellipsis else chr(ord("A") + n if n < 26 else ord("a") + n - 26) for n in numbers)


def read_equation(equation: str, operands: Sequence[Tensor]) -> tuple[list[Term], Labels]:
    """Return each operand with its labels, and the labels of the output."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise EquationError(f"einsum: {equation!r} names {len(parts)} operands, but {len(operands)} were given")
    terms = [Term(tensor, labels_of(equation, part, tensor)) for part, tensor in zip(parts, operands)]
    covered = max([sum(len(label) > 1 for label in term.labels) for term in terms], default=0)
    if not arrow:
        counts = Counter(label for term in terms for label in term.labels)
        letters = sorted(label for label, count in counts.items() if count == 1 and len(label) == 1)
        return terms, (*ellipsis(covered), *letters)
    output = spelled(equation, right, covered)
    if len(set(output)) != len(output):
        raise EquationError(f"einsum: an index appears more than once in the output of {equation!r}")
    return terms, output


def labels_of(equation: str, part: str, tensor: Tensor) -> Labels:
    """Return the labels of one operand; their number must be that of its dims."""
    named = len(part.replace("...", ""))
    if named > tensor.ndim or (named < tensor.ndim and "..." not in part):
        raise ShapeError(
            f"einsum: the number of indices in {part!r} of {equation!r} ({named}) does not match the operand's number "
            f"of dimensions ({tensor.ndim}, shape {tuple(tensor.shape)})"
        )
    return spelled(equation, part, tensor.ndim - named)


def spelled(equation: str, part: str, covered: int) -> Labels:
    """Return labels one by one, an ellipsis as labels for the dims it covers."""
    before, dots, after = part.partition("...")
    for letter in before + after:
        if not (letter.isascii() and letter.isalpha()):
            raise EquationError(
                f"einsum: invalid index {letter!r} in {equation!r}; indices are letters, and there is one '...' at most"
            )
    return (*before, *(ellipsis(covered) if dots else ()), *after)


def ellipsis(covered: int) -> Labels:
    """Return labels for the dims under an ellipsis, counted from the right, as broadcasting does."""
    return tuple([f"...{i}" for i in range(covered - 1, -1, -1)])


def sizes_of(equation: str, terms: Sequence[Term]) -> dict[Label, int]:
    """Return the size of each index: operands must agree, or have size 1."""
    sizes: dict[Label, int] = {}
    for number, (tensor, labels) in enumerate(terms):
        for label, size in zip(labels, tensor.shape):
            known = sizes.setdefault(label, size)
            if known not in (1, size) and size != 1:
                raise ShapeError(
                    f"einsum: index {label!r} of {equation!r} has size {size} in operand {number} of shape "
                    f"{tuple(tensor.shape)}, but size {known} before it"
                )
            if known == 1:
                sizes[label] = size
    return sizes


# -- one operand -------------------------------------------------------------------------------------------------------


def with_distinct_labels(term: Term) -> Term:
    """Take the diagonal of dims that share a label."""
    tensor, labels = term
    for label, count in Counter(labels).items():
        for _ in range(count - 1):
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if tensor.shape[first] != tensor.shape[second]:
                raise ShapeError(
                    f"einsum: index {label!r} is repeated in an operand, but its sizes differ: "
                    f"{tensor.shape[first]} != {tensor.shape[second]}"
                )
            tensor = tensor.diagonal(0, first, second)
            labels = (*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], label)
    return Term(tensor, labels)


def without_stretched(term: Term, sizes: dict[Label, int]) -> Term:
    """Drop dims of size 1 that another operand has in full: broadcasting needs no dim."""
    tensor, labels = term
    for dim in range(len(labels) - 1, -1, -1):
        if tensor.shape[dim] == 1 and sizes[labels[dim]] != 1:
            tensor, labels = tensor.squeeze(dim), labels[:dim] + labels[dim + 1 :]
    return Term(tensor, labels)


def summed(term: Term, kept: set[Label]) -> Term:
    """Sum over the dims whose labels nobody asks for any more."""
    gone = [dim for dim, label in enumerate(term.labels) if label not in kept]
    if not gone:
        return term
    return Term(term.tensor.sum(gone), tuple([label for label in term.labels if label in kept]))


def in_order(term: Term, labels: Labels) -> Tensor:
    """Return the tensor with its dims in the order of ``labels``."""
    return term.tensor if term.labels == labels else term.tensor.permute([term.labels.index(each) for each in labels])


# -- two operands ------------------------------------------------------------------------------------------------------


def cheapest_pair(terms: Sequence[Term], output: Labels, sizes: dict[Label, int]) -> tuple[int, int]:
    """Return the two operands whose contraction is smallest beside themselves."""
    if len(terms) == 2:
        return 0, 1

    def growth(pair: tuple[int, int]) -> int:
        kept = set(output).union(*[term.labels for k, term in enumerate(terms) if k not in pair])
        left, right = (set(terms[k].labels) for k in pair)
        return volume((left | right) & kept, sizes) - volume(left, sizes) - volume(right, sizes)

    return min(combinations(range(len(terms)), 2), key=growth)


def volume(labels: Iterable[Label], sizes: dict[Label, int]) -> int:
    """Count the elements of a tensor with these dims."""
    return prod(sizes[label] for label in labels)


def contract(a: Term, b: Term, kept: set[Label], sizes: dict[Label, int]) -> Term:
    """Multiply two operands and sum over the indices that are in both and not ``kept``: (B, L, K) @ (B, K, R)."""
    a, b = summed(a, kept | set(b.labels)), summed(b, kept | set(a.labels))
    batch = tuple([label for label in a.labels if label in b.labels and label in kept])
    inner = tuple([label for label in a.labels if label in b.labels and label not in kept])
    left = tuple([label for label in a.labels if label not in b.labels])
    right = tuple([label for label in b.labels if label not in a.labels])
    labels = batch + left + right
    if not inner:
        return Term(spread(a, labels) * spread(b, labels), labels)
    x = grouped(a, sizes, batch, left, inner)
    y = grouped(b, sizes, batch, inner, right)
    product = matmul(x, y)
    shape = tuple([sizes[label] for label in labels])
    return Term(product if product.shape == shape else product.reshape(shape), labels)


def grouped(term: Term, sizes: dict[Label, int], batch: Labels, *groups: Labels) -> Tensor:
    """Return a matrix, or a batch of matrices, whose dims are groups of the operand's."""
    tensor = in_order(term, batch + groups[0] + groups[1])
    shape = tuple([volume(group, sizes) for group in ((batch, *groups) if batch else groups)])
    return tensor if tensor.shape == shape else tensor.reshape(shape)


def spread(term: Term, labels: Labels) -> Tensor:
    """Return the tensor with all of ``labels`` as dims, those it lacks of size 1."""
    tensor = in_order(term, tuple([label for label in labels if label in term.labels]))
    for dim, label in enumerate(labels):
        if label not in term.labels:
            tensor = tensor.unsqueeze(dim)
    return tensor
