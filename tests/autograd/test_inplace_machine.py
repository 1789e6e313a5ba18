"""Programs of views and in-place writes against PyTorch: values, memory layouts and gradients.

A state machine draws a program: leaves, results, views of views, and writes through any of them, by different ops and
under ``no_grad`` or not. After each step all tensors must agree in values, strides, offset, version, ``requires_grad``
and ``is_leaf``, or both libraries must have raised. At some steps the gradients with respect to every tensor that is
alive must agree too, to second order. Intentional differences are noted at the step.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from math import prod
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import minitensor as mt

torch = pytest.importorskip("torch")

SHAPES = [(2, 3), (4,), (2, 2, 2), (3, 1), (), (1, 2), (0, 2), (6,)]
small = st.integers(0, 5)


class Pair(NamedTuple):
    """The same tensor in both libraries."""

    ours: Any
    theirs: Any


def outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:
        return error


def kind_of(error: Exception) -> type:
    """Return the built-in class of PyTorch's error."""
    return next(each for each in type(error).__mro__ if each.__module__ == "builtins")


def assert_equal_arrays(found: Any, expected: Any, what: str) -> None:
    np.testing.assert_allclose(
        found.detach().numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-9, err_msg=what
    )  # fmt: skip


def cells(tensor: Any) -> list[int]:
    """Return the positions in the storage that a PyTorch tensor shows, one for each element."""
    places = np.zeros(tuple(tensor.shape), int) + tensor.storage_offset()
    for dim, (n, step) in enumerate(zip(tensor.shape, tensor.stride())):
        places += (np.arange(n) * step).reshape([-1 if k == dim else 1 for k in range(tensor.dim())])
    return places.reshape(-1).tolist()


def moving(tensor: Any) -> list[int]:
    """Return the strides that matter: other strides are arbitrary in PyTorch's results; test_views.py checks them."""
    return [step for n, step in zip(tensor.shape, tensor.stride()) if n > 1] if tensor.numel() else []


def overlaps_itself(tensor: Any) -> bool:
    places = cells(tensor)
    return len(set(places)) < len(places)


def shares(a: Any, b: Any) -> bool:
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr() and a.numel() > 0 and b.numel() > 0


def view_of(kind: str, a: int, b: int, c: int) -> Callable[[Any], Any]:
    """Return a view operation that most tensors accept; test_view_chains.py has refused ones."""

    def dim(x: Any, k: int) -> int:
        return k % max(x.dim(), 1)

    def at(x: Any, d: int, k: int) -> int:
        return k % max(x.shape[d], 1) if x.dim() else 0

    def narrowed(x: Any) -> Any:
        d = dim(x, a)
        return x.narrow(d, at(x, d, b), min(c, x.shape[d] - at(x, d, b)) if x.dim() else 0)

    return {
        "transpose": lambda x: x.transpose(dim(x, a), dim(x, b)),
        "narrow": narrowed,
        "select": lambda x: x.select(dim(x, a), at(x, dim(x, a), b)),
        "expand": lambda x: x.expand([c % 3 + 1 if n == 1 else n for n in x.shape]) if a % 2 else x.expand(2, *x.shape),
        "view": lambda x: x.view([(-1,), (2, -1), (-1, 3), (1, -1, 1), (3, 2), (2, 1, 2)][a]),
        "diagonal": lambda x: x.diagonal(c % 3 - 1, 0, 1) if x.dim() > 1 else x.view_as(x),
        "unfold": lambda x: x.unfold(dim(x, a), at(x, dim(x, a), b) + 1, c % 2 + 1),
        "as_strided": lambda x: x.as_strided((a % 3, b % 3), (c % 3, 1), c % 2),
        "unsqueeze": lambda x: x.unsqueeze(dim(x, a)),
        "squeeze": lambda x: x.squeeze(),
        "slice": lambda x: x[a % 2 :: b % 2 + 1],
        "index": lambda x: x[..., at(x, -1, a)],
        "permute": lambda x: x.permute(tuple([(k + a) % x.dim() for k in range(x.dim())])),
        "flatten": lambda x: x.flatten(),
        "t": lambda x: x.t(),
        "detach": lambda x: x.detach(),
    }[kind]


VIEWS = (
    "transpose narrow select expand view diagonal unfold as_strided unsqueeze squeeze slice index permute flatten t "
    "detach"
).split()

ALONE = {
    "mul_": lambda x: x.mul_(0.5), "add_": lambda x: x.add_(1.25), "sub_": lambda x: x.sub_(0.75),
    "div_": lambda x: x.div_(1.5), "neg_": lambda x: x.neg_(), "sin_": lambda x: x.sin_(), "tanh_": lambda x: x.tanh_(),
    "exp_": lambda x: x.mul_(0.1).exp_(), "sigmoid_": lambda x: x.sigmoid_(), "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(0.3), "clamp_": lambda x: x.clamp_(-0.5, 0.7),
    "square_": lambda x: x.mul_(0.3).square_(),
    "item": lambda x: x.__setitem__(0, 1.5), "all": lambda x: x.__setitem__(..., -0.5),
    "column": lambda x: x.__setitem__((slice(None), 0), 0.25),
    "mask": lambda x: x.masked_fill_(x.detach() > 0.2, 0.1),
}  # fmt: skip
WITH = {
    "mul_": lambda x, y: x.mul_(y), "add_": lambda x, y: x.add_(y, alpha=0.5), "sub_": lambda x, y: x.sub_(y),
    "copy_": lambda x, y: x.copy_(y), "item": lambda x, y: x.__setitem__(0, y),
    "all": lambda x, y: x.__setitem__(..., y),
    "part": lambda x, y: x.__setitem__((slice(None), slice(0, 2)), y), "fill_": lambda x, y: x.fill_(y),
}  # fmt: skip


class Programs(RuleBasedStateMachine):
    """One program in both libraries."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: list[Pair] = []
        self.leaves: list[Pair] = []
        self.count = 0

    def pick(self, k: int) -> Pair:
        return self.pairs[-1 - k % len(self.pairs)]

    def keep(self, ours: Any, theirs: Any) -> None:
        self.pairs.append(Pair(ours, theirs))
        if len(self.pairs) > 9:
            del self.pairs[1]

    def settle(self, found: Any, expected: Any) -> bool:
        """Compare how two calls ended; return True if both gave a result."""
        if isinstance(expected, Exception):
            assert isinstance(found, Exception), f"PyTorch raises {expected!r}"
            assert isinstance(found, kind_of(expected)), f"PyTorch raises {expected!r}, here it is {found!r}"
            return False
        if isinstance(found, Exception):
            raise AssertionError(f"PyTorch gives {expected}, here it raises {found!r}") from found
        return True

    # -- steps -------------------------------------------------------------------------------------------------------

    @initialize(shape=st.sampled_from(SHAPES[:3]), requires_grad=st.sampled_from([True, True, False]))
    def begin(self, shape: tuple[int, ...], requires_grad: bool) -> None:
        self.leaf(shape, requires_grad)
        if requires_grad:
            self.compute("scale", 0, 0)
            self.look("view", 0, 0, 0, 0)

    @rule(shape=st.sampled_from(SHAPES), requires_grad=st.booleans())
    def leaf(self, shape: tuple[int, ...], requires_grad: bool) -> None:
        self.count += 1
        numbers = np.asarray(np.sin(np.arange(prod(shape)) + self.count).reshape(shape) + 0.1)
        self.keep(mt.tensor(numbers, requires_grad=requires_grad), self.torch_leaf(numbers, requires_grad))
        if requires_grad:
            self.leaves.append(self.pairs[-1])

    def torch_leaf(self, numbers: Any, requires_grad: bool) -> Any:
        # A sum, so that an empty tensor has PyTorch's strides, not NumPy's.
        return (torch.from_numpy(numbers) + torch.zeros(numbers.shape)).requires_grad_(requires_grad)

    @rule(op=st.sampled_from(["scale", "sin", "mul", "add", "clone", "sum", "square"]), k=small, j=small)
    def compute(self, op: str, k: int, j: int) -> None:
        functions: dict[str, Callable[[Any, Any], Any]] = {
            "scale": lambda x, y: x * 1.5, "sin": lambda x, y: x.sin(), "mul": lambda x, y: x * y,
            "add": lambda x, y: x + y,
            "clone": lambda x, y: x.clone(), "sum": lambda x, y: x.sum(), "square": lambda x, y: x * x,
        }  # fmt: skip
        a, b = self.pick(k), self.pick(j)
        found = outcome(lambda: functions[op](a.ours, b.ours))
        expected = outcome(lambda: functions[op](a.theirs, b.theirs))
        if self.settle(found, expected) and found.numel() <= 24:
            # Operands with different memory orders: NumPy and PyTorch choose different orders for the result.
            self.keep(found.contiguous(), expected.contiguous())

    # Not drawn: views made under no_grad, and results of unbind or split. PyTorch refuses writes to those; here they
    # are allowed, and tested with finite differences below.
    @rule(kind=st.sampled_from(VIEWS), k=small, a=small, b=small, c=small)
    def look(self, kind: str, k: int, a: int, b: int, c: int) -> None:
        pair, view = self.pick(k), view_of(kind, a, b, c)
        found, expected = outcome(lambda: view(pair.ours)), outcome(lambda: view(pair.theirs))
        if self.settle(found, expected) and found.numel() <= 24:
            self.keep(found, expected)

    @rule(kind=st.sampled_from(sorted(ALONE)), k=small, quiet=st.booleans())
    def write(self, kind: str, k: int, quiet: bool) -> None:
        pair = self.pick(k)
        self.run_write(pair, pair, ALONE[kind], quiet)

    @rule(kind=st.sampled_from(sorted(WITH)), k=small, j=small, quiet=st.sampled_from([False, False, True]))
    def write_another(self, kind: str, k: int, j: int, quiet: bool) -> None:
        target, source = self.pick(k), self.pick(j)
        # If the source overlaps the written memory, PyTorch reads it while it changes (`a -= a[:, :1]` is silently
        # wrong, or refused); here it is read first. So PyTorch is given a copy.
        other = source.theirs.clone() if shares(target.theirs, source.theirs) else source.theirs
        self.run_write(target, Pair(source.ours, other), lambda x, y: WITH[kind](x, y), quiet, two=True)

    def run_write(self, target: Pair, source: Pair, write: Callable[..., Any], quiet: bool, two: bool = False) -> None:
        if overlaps_itself(target.theirs):
            self.refuse(target, source, write, quiet, two)
            return
        with mt.no_grad() if quiet else nullcontext():
            found = outcome(lambda: write(target.ours, source.ours) if two else write(target.ours))
        with torch.no_grad() if quiet else nullcontext():
            expected = outcome(lambda: write(target.theirs, source.theirs) if two else write(target.theirs))
        if self.settle(found, expected) and expected is not None:
            assert found is target.ours

    def refuse(self, target: Pair, source: Pair, write: Callable[..., Any], quiet: bool, two: bool) -> None:
        """Expect an error. PyTorch raises if a stride is 0, and writes garbage if elements overlap otherwise."""
        before = target.ours.detach().numpy().copy()
        with mt.no_grad() if quiet else nullcontext():
            found = outcome(lambda: write(target.ours, source.ours) if two else write(target.ours))
        if not isinstance(found, (RuntimeError, IndexError)):
            # an item may be written, in both libraries, if the item itself does not overlap
            with torch.no_grad() if quiet else nullcontext():
                write(target.theirs, source.theirs) if two else write(target.theirs)
            return
        np.testing.assert_array_equal(target.ours.detach().numpy(), before)

    # -- invariants --------------------------------------------------------------------------------------------------

    @invariant()
    def all_agree(self) -> None:
        for k, (ours, theirs) in enumerate(self.pairs):
            what = f"tensor {k}"
            assert_equal_arrays(ours, theirs, what)
            assert tuple(ours.shape) == tuple(theirs.shape), what
            assert moving(ours) == moving(theirs), what
            assert ours.storage_offset() == theirs.storage_offset(), what
            assert ours.version == theirs._version, f"{what}: version {ours.version}, not {theirs._version}"
            assert ours.requires_grad == theirs.requires_grad, f"{what}: requires_grad {ours.requires_grad}"
            assert ours.is_leaf == theirs.is_leaf, f"{what}: is_leaf {ours.is_leaf}"

    @precondition(lambda self: any(pair.theirs.requires_grad for pair in self.pairs))
    @rule(k=small, together=st.booleans())
    def differentiate(self, k: int, together: bool) -> None:
        alive = [pair for pair in self.pairs if pair.theirs.requires_grad]
        roots = alive if together else [alive[k % len(alive)]]
        inputs = [*alive, *self.leaves]
        found = outcome(lambda: self.two_orders(mt, [r.ours for r in roots], [p.ours for p in inputs]))
        expected = outcome(lambda: self.two_orders(torch, [r.theirs for r in roots], [p.theirs for p in inputs]))
        if self.settle(found, expected):
            for order, (one, other) in enumerate(zip(found, expected, strict=True), 1):
                for n, (a, b) in enumerate(zip(one, other, strict=True)):
                    assert_equal_arrays(a, b, f"gradient of order {order} for tensor {n} of {len(alive)}")

    def two_orders(self, library: Any, roots: list[Any], inputs: list[Any]) -> list[list[Any]]:
        """Return the gradients of a nonlinear function of the roots, and the gradients of these gradients."""
        total = sum((root * root * 0.5 + root).sum() for root in roots)
        first = self.gradients(library, total, inputs)
        again = sum((grad * grad).sum() for grad in first if grad.requires_grad)
        leaves = [each for each in inputs if each.is_leaf]
        if isinstance(again, int) or not leaves:
            return [first, []]
        # With respect to leaves only: in PyTorch, a saved result reaches the base of its view by another path, so the
        # base's own gradient is a different part of the total. The gradients of the leaves are the same.
        return [first, self.gradients(library, again, leaves)]

    def gradients(self, library: Any, root: Any, inputs: list[Any]) -> list[Any]:
        grads = library.autograd.grad(root, inputs, create_graph=True, allow_unused=True)
        return [library.zeros_like(x) if grad is None else grad for grad, x in zip(grads, inputs, strict=True)]


class TestPrograms(Programs.TestCase):  # type: ignore[name-defined,misc]  # hypothesis makes the class
    settings = settings(stateful_step_count=20)


# -- writes that PyTorch refuses and this library allows ---------------------------------------------------------------


def quiet_view(y: Any) -> Any:
    with mt.no_grad():
        return y.t()


PIECES: dict[str, Callable[[Any], Any]] = {
    "unbind": lambda y: y.unbind(0)[1], "split": lambda y: y.split(1, 1)[2], "chunk": lambda y: y.chunk(3, 1)[0],
    "no_grad": quiet_view, "of a piece": lambda y: y.unbind(1)[0].narrow(0, 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_a_write_to_a_split_piece_has_the_correct_gradient(piece: Callable[[Any], Any]) -> None:
    def program(x: Any, z: Any) -> Any:
        y = x * 1.5
        sibling = y.view(-1)
        piece(y).mul_(z)
        return y.sin() * sibling.view(2, 3)

    leaves = [mt.tensor(np.sin(np.arange(n)).reshape(shape), requires_grad=True) for n, shape in ((6, (2, 3)), (1, ()))]
    assert mt.autograd.gradcheck(program, leaves)
    assert mt.autograd.gradgradcheck(program, leaves)


ALIASES: dict[str, Callable[[Any], Any]] = {
    "its first column": lambda y: y.sub_(y[:, :1]), "its own rows": lambda y: y.mul_(y[0]),
    "itself": lambda y: y.mul_(y),
    "itself turned": lambda y: y.add_(y.t()), "a row from another": lambda y: y[1:].copy_(y[:-1]),
    "item by item": lambda y: y.__setitem__((slice(None), slice(1, 3)), y[:, :2]),
}  # fmt: skip


@pytest.mark.parametrize("write", ALIASES.values(), ids=ALIASES)
def test_a_write_from_its_own_memory_reads_before_it_writes(write: Callable[[Any], Any]) -> None:
    """PyTorch refuses some of these and is silently wrong on others (``a -= a[:, :1]``)."""
    numbers = np.sin(np.arange(9)).reshape(3, 3)
    sources = {
        "its first column": numbers - numbers[:, :1], "its own rows": numbers * numbers[0], "itself": numbers * numbers,
        "itself turned": numbers + numbers.T, "a row from another": numbers[[0, 0, 1]],
        "item by item": numbers[:, [0, 0, 1]],
    }  # fmt: skip
    y = mt.tensor(numbers)
    write(y)
    name = next(name for name, each in ALIASES.items() if each is write)
    np.testing.assert_allclose(y.numpy(), sources[name], rtol=1e-12)

    def program(x: Any) -> Any:
        y = x * 1.0
        write(y)
        return y.sin()

    x = mt.tensor(numbers, requires_grad=True)
    assert mt.autograd.gradcheck(program, (x,))
    assert mt.autograd.gradgradcheck(program, (x,))
