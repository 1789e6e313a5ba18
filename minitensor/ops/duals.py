"""Forward mode: an interpreter that computes the tangent of each result together with the result.

Note [Tangents beside tensors]. A dual number is a tensor with a tangent, the direction in which it moves. The tangent
is no part of the tensor: a ``DualLevel`` knows the tangents of all tensors, in a dictionary with weak references. So
tensors and operations outside of forward mode know nothing of it, and pay nothing for it. A level is an interpreter
(``autograd/interpreters.py``). It lets each call proceed, and then finds the tangent of the result from the tangents of
the arguments by the rules in ``tangents.py``. Levels nest, in each other and in ``vmap``: the operations of a rule go
to the interpreters below, so a tangent may have a tangent at another level, or differ from sample to sample where its
tensor does not. A sample inside ``vmap`` has no tangent of its own: it is looked up for the tensor with all samples.

Note [Tangents and memory]. The tangent of a view is the same view of the tangent, and a write into a tensor writes into
its tangent too. So tangents share memory where their tensors do. A view that has no tangent sees that of its base,
which gets one when a moving value is written into the view. A saved result is reopened by its node as another tensor;
the level finds its tangent by the node.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from minitensor import layouts
from minitensor.autograd.interpreters import Call, active, interpreters, restore
from minitensor.autograd.mode import forward_mode, inference, is_grad_enabled, no_grad
from minitensor.autograd.node import Effect, is_differentiable
from minitensor.base import TensorBase, array_dtype
from minitensor.errors import ArgumentError, GradError, UnsupportedError, WrongTypeError
from minitensor.layouts import Layout
from minitensor.ops.aliasing import as_window, shares_storage
from minitensor.ops.complex import view_as_complex, view_as_real
from minitensor.ops.pairs import as_pairs
from minitensor.ops.tangents import moves, plus, push
from minitensor.ops.variates import draw_gamma, draw_shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


# The operations with the gradients of functions that draw; see ``implicit.py``.
IMPLICIT: dict[str, Any] = {"standard_gamma": draw_gamma, "sample_dirichlet": draw_shares}


class Tangents(dict[int, tuple[Any, Any]]):
    """The tangents of tensors that are alive. A ``WeakKeyDictionary`` would compare tensors by ``==``."""

    def look_up(self, tensor: Any) -> Any:
        """Return the tangent of a tensor, or None."""
        entry = self.get(id(tensor))
        return None if entry is None else entry[1]

    def keep(self, tensor: Any, tangent: Any) -> None:
        """Keep the tangent of a tensor as long as the tensor is alive."""
        number = id(tensor)
        self[number] = (ref(tensor, lambda _: self.pop(number, None)), tangent)


class DualLevel:
    """The tangents of one forward pass.

    Args:
        records: Whether the tangents can be differentiated backward.
        transposes: Whether the ``backward`` of a user's function serves for its tangents if it has no ``jvp``.
    """

    __slots__ = ("of_results", "own", "records", "transposes", "under")

    def __init__(self, records: bool = True, transposes: bool = False) -> None:
        self.records, self.transposes, self.under = records, transposes, interpreters.get()
        self.own = Tangents()
        self.of_results: WeakKeyDictionary[Any, dict[int, tuple[Any, Any]]] = WeakKeyDictionary()

    def make_dual(self, tensor: Any, tangent: Any) -> Any:
        """Return a view of a tensor with a tangent."""
        require_floats("primal", tensor)
        require_floats("tangent", tangent)
        if tuple(tensor.shape) != tuple(tangent.shape):
            raise GradError(
                "Trying to set a forward gradient that has a different size than that of the original Tensor, this is "
                f"not supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
                f"{list(tangent.shape)}."
            )
        if self.tangent_of(tensor) is not None:
            raise GradError(
                "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not "
                "supported."
            )
        with self.below():
            dual = tensor.view_as(tensor)
            TensorBase.batched_class._whole(dual)._base = None  # views that batching rules make of it find its tangent
            self.set_tangent(dual, tangent)
            self.in_strides(dual, tangent)
        return dual

    def unpack(self, dual: Any) -> tuple[Any, Any]:
        """Return a tensor without its tangent, which shares memory, and the tangent or None."""
        with self.below():
            primal = dual.view_as(dual)
            if not isinstance(primal, TensorBase.batched_class):
                primal._base = None  # whose tangent it would have
            tangent = self.tangent_of(dual) if is_active() else None
            return primal, None if tangent is None else self.in_strides(dual, tangent)

    def below(self) -> Any:
        """Return a context manager in which operations go to the interpreters below this one."""
        return restore(self.under)

    def forget(self) -> None:
        """Forget all tangents."""
        self.own.clear()
        self.of_results.clear()

    # -- tangents of tensors -----------------------------------------------------------------------------------------

    def tangent_of(self, value: Any) -> Any:
        """Return the tangent of a tensor, or None; for a list of tensors, a list, or None if no tensor has one."""
        if isinstance(value, TensorBase):
            if isinstance(value, TensorBase.batched_class):
                return TensorBase.batched_class._look_up(self.tangent_of, value)
            if not self.own:
                return None
            found = self.own.look_up(value)
            if found is None:
                found = self.tangent_by_node(value) if value._base is None else self.tangent_by_base(value)
            return found
        if isinstance(value, (tuple, list)):
            each = [self.tangent_of(one) for one in value]
            return each if any(one is not None for one in each) else None
        return None

    def tangent_by_node(self, tensor: Any) -> Any:
        """Return the tangent of a result that its node has reopened."""
        if tensor._node is None:
            return None
        node, index = tensor._node.as_edge()
        storage, tangent = self.of_results.get(node, {}).get(index, (None, None))
        return tangent if storage is not None and storage is tensor._storage else None

    def tangent_by_base(self, view: Any) -> Any:
        """Return the part of the tangent of a view's base that the view shows."""
        tangent = self.own.look_up(view._base)
        return None if tangent is None else window_of(self.in_strides(view._base, tangent), view._base, view)

    def set_tangent(self, tensor: Any, tangent: Any) -> None:
        """Give a tensor a tangent."""
        if isinstance(tensor, TensorBase.batched_class):
            tensor, tangent = TensorBase.batched_class._with_all_samples(tensor, tangent)
            self.note_base(tensor, tangent)
        self.own.keep(tensor, tangent)
        self.note_result(tensor, tangent)

    def note_result(self, tensor: Any, tangent: Any) -> None:
        """Remember the tangent of a result by its node, if that keeps the result."""
        node = tensor._node
        if node is not None and tensor._storage is not None:
            source, index = node.as_edge()
            if keeps_results(source):
                self.of_results.setdefault(source, {})[index] = (tensor._storage, tangent)

    def note_base(self, tensor: Any, tangent: Any) -> None:
        """Remember the tangent of a result of which a batching rule returned a view of all elements."""
        base = tensor._base
        if base is not None and base.numel() == tensor.numel() and base._node is not None:
            source, index = base._node.as_edge()
            if keeps_results(source) and index not in self.of_results.get(source, {}):
                wide = TensorBase.batched_class._zeros_beside(base, tangent)
                window_of(wide, base, tensor).copy_(tangent)
                self.of_results.setdefault(source, {})[index] = (base._storage, wide)

    def in_strides(self, tensor: Any, tangent: Any) -> Any:
        """Return the tangent of a tensor in the strides of the tensor; a copy becomes its tangent."""
        if tangent.layout.strides == tensor.layout.strides or layouts.has_overlap(tensor.layout):
            return tangent
        moved = copy_in_strides(tangent, tensor.layout.strides)
        self.set_tangent(tensor, moved)
        return moved

    # -- operations --------------------------------------------------------------------------------------------------

    def interpret(self, call: Call) -> Any:
        """Run an operation, and find the tangent of its result."""
        if not self.own or not is_active():
            return call.proceed()
        effect = call.op.effect
        if effect is Effect.DRAWS:
            return self.draw(call)
        if effect is Effect.CALLS:
            return self.run_inside(call)
        tangents = [self.tangent_of(call.args[position]) for position in call.op.inputs]
        if effect is Effect.WRITES:
            return self.write(call, tangents)
        if all(each is None for each in tangents):
            return call.proceed()
        function = TensorBase.batched_class._other_function(call)
        if function is not None:  # whose operations may save results
            with restore((*interpreters.get(), self)):
                return Call(call.op, function, call.args, {}, None).proceed()
        if call.out is not None:
            raise UnsupportedError(
                f"Trying to use forward AD with {call.op.name}_out that does not support it because it is an out= "
                "function: leave out= away, and copy the result"
            )
        result = call.proceed()
        if any(map(moves, result if isinstance(result, tuple) else (result,))):
            with self.recording():
                self.attach(result, (self.view if effect is Effect.VIEWS else push)(call, tangents, result))
        return result

    def recording(self) -> Any:
        """Return a context manager in which the operations on tangents are recorded, or not."""
        return nullcontext() if self.records else no_grad()

    def attach(self, result: Any, tangent: Any) -> None:
        """Give each tensor of a result its tangent."""
        if isinstance(result, TensorBase):
            if tangent is not None:
                self.set_tangent(result, tangent)
            return
        for one, own in zip(result, tangent, strict=True):
            self.attach(one, own)

    def view(self, call: Call, tangents: Sequence[Any], result: Any) -> Any:
        """Return the same view of the tangent. Layouts among the arguments count from the start of the input's."""
        input = call.args[0]
        tangent = self.in_strides(input, tangents[0])
        shift = tangent.layout.offset - input.layout.offset
        args = [shift_layout(each, shift) if isinstance(each, Layout) else each for each in call.args[1:]]
        return call(tangent, *args)

    def run_inside(self, call: Call) -> Any:
        """Run a function of operations, which come here too. Views of memory as another dtype know no operation."""
        tangent = self.tangent_of(call.args[0]) if call.op.name in ("view_as_real", "view_as_complex") else None
        if tangent is not None:
            result = call.proceed()
            self.attach(result, call(self.in_strides(call.args[0], tangent)))
            return result
        if call.op.name == "detach" or all(self.tangent_of(each) is None for each in call.args):
            return call.proceed()
        with restore((*interpreters.get(), self)):
            return call.op.body(*call.args)

    def draw(self, call: Call) -> Any:
        """Run a function that draws. What it writes over moves no longer; few numbers move with their parameters."""
        result = call.proceed()
        if call.args and result is call.args[0]:
            self.stop(result)
        elif call.op.name in IMPLICIT and (tangent := self.tangent_of(call.args[0])) is not None:
            operation = IMPLICIT[call.op.name]
            with self.recording():
                self.attach(result, push(Call(operation.op, operation, call.args, {}, None), [tangent], result))
        return result

    def stop(self, tensor: Any) -> None:
        """Write zeros into the tangent of a tensor, if it has one."""
        tangent = self.tangent_of(tensor)
        if tangent is not None:
            tangent.zero_()

    # -- writes ------------------------------------------------------------------------------------------------------

    def write(self, call: Call, tangents: Sequence[Any]) -> Any:
        """Run an operation that writes, and write its tangent into that of the tensor."""
        input, op = call.args[0], call.op
        if all(each is None for each in tangents) or not is_differentiable(array_dtype(input)):
            return call.proceed()
        if op.out_of_place is not None and isinstance(input, TensorBase.batched_class):
            with restore((*self.under, self)):  # as `vmap` does it, but both steps come here
                return input.copy_(Call(op, op.out_of_place, (), {}, None)(*keep_values(call)))
        former, kept = self.tangent_of(input), keep_values(call)
        result = call.proceed()
        call.args = kept
        with self.recording():
            if is_grad_enabled():  # a graph must not see the write into the tangent
                tangents = [None if each is None else each.clone() for each in tangents]
            moved = push(call, tangents, input)
            if moved is not None and isinstance(input, TensorBase.batched_class):
                input, moved = TensorBase.batched_class._with_all_samples(input, moved)
                former = self.tangent_of(input)
            if moved is None:
                self.stop(input)
            elif former is None:
                self.begin_tangent(input, moved)
            else:
                self.write_tangent(input, former, moved)
        return result

    def begin_tangent(self, tensor: Any, tangent: Any) -> None:
        """Give a tensor that was written to its first tangent; the base of a view gets one with zeros around."""
        base = tensor._base
        if base is None:
            self.set_tangent(tensor, tangent)
            return
        self.set_tangent(base, TensorBase.batched_class._zeros_beside(base, tangent))
        self.tangent_of(tensor).copy_(tangent)

    def write_tangent(self, tensor: Any, former: Any, tangent: Any) -> None:
        """Write into the memory of a tangent, or into that of the base of a view."""
        if layouts.has_overlap(former.layout) or differs_more(tangent, former):
            base = tensor._base
            if base is not None and self.own.look_up(base) is not None:
                wide = TensorBase.batched_class._zeros_beside(base, tangent) + self.own.look_up(base)
                self.set_tangent(base, wide)
                self.own.pop(id(tensor), None)
                former = self.tangent_of(tensor)
            else:
                self.set_tangent(tensor, tangent)
                return
        former.copy_(tangent)
        self.note_result(tensor, former)

    # -- what is done without an operation ---------------------------------------------------------------------------

    @staticmethod
    def carry(tensor: Any, copy: Any) -> None:
        """Give a copy of a tensor the tangents of the tensor."""
        for level, tangent in tangents_of(tensor, active):
            level.own.keep(copy, tangent.clone())

    @staticmethod
    def copy_tangents(tensor: Any) -> list[tuple[DualLevel, Any]]:
        """Return the levels in which a tensor has a tangent, with copies of the tangents."""
        return [(level, tangent.clone()) for level, tangent in tangents_of(tensor, active)]

    @staticmethod
    def restore_tangents(tensor: Any, source: Any, kept: Sequence[tuple[DualLevel, Any]]) -> None:
        """Give a saved tensor that hooks have unpacked the tangents of what they returned, or else those it had.

        Those of a saved result, which had none when it was saved, are known by its node.
        """
        known = [*tangents_of(source, active), *kept]
        if tensor._node is not None:
            node, index = tensor._node.as_edge()
            levels = [each for each in active if isinstance(each, DualLevel)]
            known += [(each, each.of_results.get(node, {}).get(index, (None, None))[1]) for each in levels]
        for level, tangent in reversed(known):
            if tangent is not None:
                level.own.keep(tensor, tangent)

    @staticmethod
    def hand_over(view: Any, tensor: Any) -> None:
        """Give a tensor on the same memory the tangents of a view."""
        for level, tangent in tangents_of(view):
            level.set_tangent(tensor, tangent)

    @staticmethod
    def is_dual(tensor: Any) -> bool:
        """Whether a tensor has a tangent."""
        return any(True for _ in tangents_of(tensor))

    @staticmethod
    def add_tangent(total: Any, term: Any) -> None:
        """Add the tangents of a term that was added to a total in place."""
        for level, tangent in tangents_of(term, active):
            level.own.keep(total, plus(level.tangent_of(total), tangent.clone()))


def keep_values(call: Call) -> list[Any]:
    """Return the arguments of a write, with copies of the values that formulas need and that it changes."""
    whole = TensorBase.batched_class._whole
    input = whole(call.args[0])
    return [
        each.clone()
        if i in call.op.saved_positions and isinstance(each, TensorBase) and shares_storage(whole(each), input)
        else each
        for i, each in enumerate(call.args)
    ]


def keeps_results(node: Any) -> bool:
    """Whether a node reopens results that it has saved."""
    return getattr(node, "result", None) is not None or bool(getattr(node, "saved_outputs", None))


def differs_more(tangent: Any, former: Any) -> bool:
    """Whether a tangent differs from sample to sample in a ``vmap`` in which the former one does not."""
    batched = TensorBase.batched_class
    return not {number for number, _ in batched._levels(tangent)} <= {number for number, _ in batched._levels(former)}


def tangents_of(tensor: Any, levels: Sequence[Any] | None = None) -> Iterator[tuple[DualLevel, Any]]:
    """Yield each level in which a tensor has a tangent, and the tangent. Operations then go to the levels below.

    The levels are those on the stack of interpreters, unless they are given.
    """
    for level in interpreters.get() if levels is None else levels:
        if isinstance(level, DualLevel):
            with level.below():
                if (tangent := level.tangent_of(tensor)) is not None:
                    yield level, tangent


def detach_from_graph(tensor: Any) -> Any:
    """Return the same memory without a history, but with its tangents: what ``detach`` does to the graph alone."""
    made = tensor.detach()
    DualLevel.hand_over(tensor, made)
    return made


def tangent_text(tensor: Any) -> str | None:
    """Return the text of a tensor's tangent in the innermost level, or None."""
    level = next((each for each in reversed(interpreters.get()) if isinstance(each, DualLevel)), None)
    if level is None or not is_active():
        return None
    with level.below():
        tangent = level.tangent_of(tensor)
        return None if tangent is None else f"{tangent}"


def is_forward_mode() -> bool:
    """Whether tensors may have tangents."""
    return any([isinstance(each, DualLevel) for each in interpreters.get()])


def is_traced() -> bool:
    """Whether derivatives of what is computed may be needed: a formula is then computed by operations alone."""
    return is_grad_enabled() or is_forward_mode()


def is_active() -> bool:
    """Whether operations compute tangents."""
    return forward_mode.get() and not inference.get()


def require_floats(what: str, tensor: Any) -> None:
    """Raise unless a tensor has floating-point or complex elements."""
    if not isinstance(tensor, TensorBase):
        raise WrongTypeError(f"Expected {what} to be a tensor, but got: {type(tensor).__name__}")
    if not is_differentiable(array_dtype(tensor)):
        raise ArgumentError(f"Expected {what} to be floating point or complex, but got: {tensor.dtype}")


def shift_layout(layout: Layout, shift: int) -> Layout:
    """Return a layout that starts later."""
    return layout._replace(offset=layout.offset + shift) if shift else layout


def window_of(tangent: Any, base: Any, view: Any) -> Any:
    """Return the part of a base's tangent that belongs to a view, which may show complex numbers as reals."""
    home, window = base.layout, view.layout
    whole, part = array_dtype(base), array_dtype(view)
    if whole == part:
        return as_window(tangent, tangent.layout, shift_layout(window, tangent.layout.offset - home.offset))
    if whole.kind == "c":
        pairs = view_as_real(tangent)
        return as_window(pairs, pairs.layout, shift_layout(window, pairs.layout.offset - as_pairs(home).offset))
    part_window = as_pairs(window)
    shift = tangent.layout.offset - home.offset
    return view_as_complex(as_window(tangent, tangent.layout, shift_layout(part_window, shift)))


def copy_in_strides(tensor: Any, strides: tuple[int, ...]) -> Any:
    """Return a copy with other strides."""
    if isinstance(tensor, TensorBase.batched_class):
        return TensorBase.batched_class._copy_in_strides(tensor, strides)
    return tensor.detach().new_empty_strided(tuple(tensor.shape), strides).copy_(tensor)
