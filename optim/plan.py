"""How the parameters of a group are laid out for an update: large ones in blocks, small ones gathered into bundles.

Note [What an update sees]. An update is a sequence of in-place operations on whole arrays. On large parameters, memory
limits it: they are cut into blocks that stay in the cache from the first operation to the last, and several threads
share the blocks. The blocks, and therefore the results, do not depend on the number of threads. On small parameters,
the cost of a call limits it: they are gathered. Their state lies in flat arrays, of which the optimizer's state tensors
are windows, and each step copies values and gradients in, and values out. A rule cannot tell: its arrays have one
shape, and it treats every element alike, or every matrix, where matrices of one shape are stacked.

A plan is kept from step to step as long as the same parameters have gradients and the same tensors are their state.
This file knows no rule and no option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, groupby
from math import prod
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from minitensor.base import is_encoded, values_of, window, wrap, write_values
from minitensor.dtypes import float32, float64, get_default_dtype
from minitensor.errors import MissingEntryError, ShapeError, WrongTypeError
from minitensor.layouts import Layout, contiguous
from minitensor.ops.creation import full_like, tensor, zeros_like
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    from minitensor.backends import Array
    from minitensor.dtypes import dtype

State = dict[str, Any]
Initial = Callable[[str], "float | Tensor"]

# Elements. A block of 1 MiB in float32, four to six of which an update touches, stays in the cache that cores share;
# smaller ones would fit a core's own, but each costs some 20 us of calls (Adam's take 1.5 times as long with 2^16).
BLOCK = 1 << 18
# The same for rules that only stream: small blocks gain nothing there, large ones bound the scratch.
LONG_BLOCK = 1 << 21
# Elements. Up to this size a call costs more than the three copies that gathering takes.
SMALL = 1 << 12
# Fewer small parameters than this are not worth gathering.
FEW = 4


class Names(NamedTuple):
    """What a rule keeps for a parameter: numbers, perhaps with a "step", and arrays shaped like the parameter."""

    scalars: tuple[str, ...]
    arrays: tuple[str, ...]


class Piece(NamedTuple):
    """What one call of a rule's ``update`` sees: arrays of one shape."""

    param: Array
    grad: Array
    state: tuple[Array, ...]


class Part(Protocol):
    """Parameters that are updated together."""

    def count_step(self) -> int:
        """Count a step; return the number of this update."""

    def scalars(self) -> tuple[Any, ...]:
        """Return the rule's own numbers, without the step."""

    def set_scalars(self, numbers: Sequence[Any]) -> None:
        """Replace the rule's own numbers."""

    def pieces(self) -> Iterator[Piece]:
        """Return what there is to update."""

    def finish(self) -> None:
        """Make the new values visible."""


class Plan:
    """The parts of one group; ``block`` is the most elements that an update sees, 0 if it needs a whole parameter."""

    def __init__(self, params: list[Tensor], states: list[State], names: Names, initial: Initial, block: int) -> None:
        self.params = params
        self.names = names
        self.states = states
        self.parts: list[Single | Bundle] = []
        small: list[tuple[Any, Tensor, State]] = []
        for param, state in zip(params, states, strict=True):
            fresh = complete_state(param, state, names, initial)
            if is_encoded(param):
                self.parts.append(EncodedSingle(param, state, names, fresh, block))
            elif param.numel() <= SMALL and param.is_floating_point():
                numbers = [float(state[name]) for name in names.scalars]
                shape = None if block else tuple(param.shape)
                small.append(((fresh, str(param.dtype), str(param.device), numbers, shape), param, state))
            else:
                self.parts.append(Single(param, state, names, fresh, block))
        small.sort(key=itemgetter(0))
        for kind, alike in groupby(small, itemgetter(0)):
            _, some, theirs = zip(*alike, strict=True)
            self.parts += gather(list(some), list(theirs), names, kind[0], block)
        self.tensors = {name: [state[name] for state in states] for name in chain(*names)}

    def holds(self, params: list[Tensor], states: list[State], names: Names) -> bool:
        """Tell whether these are the plan's parameters with the plan's state."""
        return (
            names == self.names
            and len(params) == len(self.params)
            and all(map(is_, params, self.params))
            # Without state, the dicts are made anew at each step.
            and (not self.tensors or all(map(is_, states, self.states)))
            and all(all(map(is_, map(itemgetter(name), states), kept)) for name, kept in self.tensors.items())
            and all(part.is_in_step() for part in self.parts)
        )


def gather(
    params: list[Tensor], states: list[State], names: Names, fresh: bool, block: int
) -> Sequence[Single | Bundle]:
    """Return small parameters as one bundle, or one by one if they are few."""
    if len(params) < FEW:
        return [Single(param, state, names, fresh, block) for param, state in zip(params, states, strict=True)]
    return [Bundle(params, states, names, fresh, () if block else params[0].shape)]


def complete_state(param: Tensor, state: State, names: Names, initial: Initial) -> bool:
    """Create the missing entries of a parameter's state; return whether there were any."""
    missing = [name for name in chain(*names) if state.get(name) is None]
    for name in missing:
        value = 0.0 if name == "step" else initial(name)
        state[name] = scalar(value) if name in names.scalars else filled_like(param, value)
    return bool(missing)


def require_entries(name: str, param: Tensor, state: State, names: Names, optional: tuple[str, ...]) -> None:
    """Raise if a state, loaded or set by hand, lacks entries or has one of another type or shape."""
    for entry in chain(*names):
        if state.get(entry) is not None or entry not in optional:
            require_entry(name, param, state, entry, () if entry in names.scalars else tuple(param.shape))


def require_entry(name: str, param: Tensor, state: State, entry: str, shape: tuple[int, ...]) -> None:
    """Raise if a state lacks an entry, or has one that is not a tensor of this shape; () means any single number."""
    where = f"{name}: the state of a parameter of shape {tuple(param.shape)}"
    if entry not in state:
        raise MissingEntryError(f"{where} has no {entry!r}, but {list(state)}; load a whole one, or clear it")
    value = state[entry]
    if not isinstance(value, Tensor):
        raise WrongTypeError(f"{where} has {type(value).__name__} as {entry!r}, which must be a tensor")
    if tuple(value.shape) != shape and (shape or value.numel() != 1):
        raise ShapeError(f"{where} has {entry!r} of shape {tuple(value.shape)}, expected {shape}")


def scalar(value: float | Tensor) -> Tensor:
    """Return a number of the state as a tensor."""
    return value.to(step_dtype()) if isinstance(value, Tensor) else tensor(value, dtype=step_dtype())


def filled_like(param: Tensor, value: float | Tensor) -> Tensor:
    """Return an array of the state, filled with one number, in both parts if it is complex."""
    if isinstance(value, Tensor):
        return zeros_like(param.detach()) + value * (1 + 1j if param.is_complex() else 1)
    if not value:
        return zeros_like(param.detach())
    return full_like(param.detach(), complex(value, value) if param.is_complex() else value)


def step_dtype() -> dtype:
    """Return the dtype of step counts: float32, but float64 where that is the default."""
    return float64 if get_default_dtype() is float64 else float32


def next_step(step: Array | None, count: int) -> int:
    """Return the number of this update; without a count in the state, 2 means any but the first."""
    if step is None:
        return min(count + 1, 2)
    step[...] += 1
    return int(step.flat[0])


class Numbers:
    """The count of steps and a rule's own numbers, which are the same for all parameters of a part."""

    def __init__(self, numbers: dict[str, Array], fresh: bool) -> None:
        self.step = numbers.get("step")
        self.own = tuple([array for name, array in numbers.items() if name != "step"])
        self.count = 0 if fresh else 1

    def count_step(self) -> int:
        """Count a step; return the number of this update."""
        self.count = next_step(self.step, self.count)
        return self.count

    def scalars(self) -> tuple[float, ...]:
        """Return the rule's own numbers."""
        return tuple([float(array.flat[0]) for array in self.own])

    def set_scalars(self, numbers: Sequence[float]) -> None:
        """Replace the rule's own numbers."""
        for array, number in zip(self.own, numbers, strict=True):
            array[...] = number


class Single(Numbers):
    """One parameter: whole, or block by block."""

    def __init__(self, param: Tensor, state: State, names: Names, fresh: bool, block: int) -> None:
        super().__init__({name: state[name].array for name in names.scalars}, fresh)
        self.param = param
        self.tensors = [state[name] for name in names.arrays]
        self.block = block

    def is_in_step(self) -> bool:
        """Return True: a single parameter has one count of steps."""
        return True

    def pieces(self) -> Iterator[Piece]:
        """Return the parameter in blocks, or whole if it is small or not contiguous."""
        param = self.param
        piece = Piece(param.array, values_of(param.grad), tuple([tensor.array for tensor in self.tensors]))
        if param.array.dtype.kind == "c":
            piece = as_real(piece)
        limit = self.block
        return blocks(piece, limit) if 0 < limit < piece.param.size else iter((piece,))

    def finish(self) -> None:
        """Tell graphs that the parameter was written to."""
        self.param.storage.version += 1


class EncodedSingle(Single):
    """One parameter on encoded memory: it is decoded with its state for an update, and encoded afterwards."""

    def pieces(self) -> Iterator[Piece]:
        """Return the decoded parameter."""
        self.values = list(map(values_of, (self.param, *self.tensors)))
        piece = Piece(self.values[0], values_of(self.param.grad), tuple(self.values[1:]))
        if self.param.is_complex():
            piece = as_real(piece)
        return blocks(piece, self.block) if 0 < self.block < piece.param.size else iter((piece,))

    def finish(self) -> None:
        """Encode the new values, and tell graphs."""
        for changed, values in zip((self.param, *self.tensors), self.values, strict=True):
            write_back(changed, values)
        super().finish()


def write_back(tensor: Tensor, values: Array) -> None:
    """Write changed values into encoded memory; those of any other tensor are its memory."""
    if is_encoded(tensor):
        write_values(tensor, values)


def as_real(piece: Piece) -> Piece:
    """View complex arrays as real ones with one more dim: every rule treats both parts alike."""
    arrays = piece.param, piece.grad, *piece.state
    param, grad, *state = (array[..., None].view(array.real.dtype) for array in arrays)
    return Piece(param, grad, tuple(state))


def blocks(piece: Piece, limit: int) -> Iterator[Piece]:
    """Cut a contiguous piece into blocks, an even number of equal ones for two threads; leave any other whole."""
    param, grad, state = piece
    if not all(array.flags.c_contiguous for array in (param, *state)):
        yield piece
        return
    size = param.size
    param, grad, *flat = (array.reshape(-1) for array in (param, grad, *state))
    count = 2 * -(-size // (2 * limit))
    # In multiples of 64 elements: all blocks are aligned to cache lines as the whole array is.
    length = -(-size // (count * 64)) * 64
    for start in range(0, size, length):
        stop = start + length
        yield Piece(param[start:stop], grad[start:stop], tuple([array[start:stop] for array in flat]))


class Bundle(Numbers):
    """Many small parameters of one dtype and device, at the same step, as one piece: concatenated, or stacked."""

    def __init__(
        self, params: list[Tensor], states: list[State], names: Names, fresh: bool, shape: tuple[int, ...]
    ) -> None:
        numbers = {name: self.concatenate_state(states, name) for name in names.scalars}
        super().__init__(numbers, fresh)
        self.params = params
        self.xp = params[0].xp
        self.values, parts = concatenate(params)
        self.parts = [part.array for part in parts]
        self.grads = self.xp.empty_like(self.values)
        state = [self.concatenate_state(states, name) for name in names.arrays]
        values, grads, *state = [array.reshape(-1, *shape) for array in (self.values, self.grads, *state)]
        self.piece = Piece(values, grads, tuple(state))
        self.numbers = tuple(numbers.values())

    @staticmethod
    def concatenate_state(states: list[State], name: str) -> Array:
        """Move an entry of all states into one flat array."""
        flat, tensors = concatenate([state[name] for state in states])
        for state, part in zip(states, tensors, strict=True):
            state[name] = part
        return flat

    def is_in_step(self) -> bool:
        """Tell whether all parameters still have the same numbers: users may set one parameter's."""
        return all(bool((each == each[0]).all()) for each in self.numbers)

    def pieces(self) -> Iterator[Piece]:
        """Copy values and gradients in, and return all as one piece."""
        self.collect([param.array for param in self.params], self.values)
        self.collect([param.grad.array for param in self.params], self.grads)
        return iter((self.piece,))

    def collect(self, arrays: list[Array], into: Array) -> None:
        """Copy arrays one after another into a flat one of the same dtype."""
        self.xp.concatenate(arrays, axis=None, out=into, casting="no")

    def finish(self) -> None:
        """Copy the new values out, and tell graphs."""
        for param, part in zip(self.params, self.parts, strict=True):
            param.array[...] = part
            param.storage.version += 1


def concatenate(tensors: Sequence[Tensor]) -> tuple[Array, list[Tensor]]:
    """Copy tensors into one flat array; return it, and tensors that view their part of it."""
    flat = tensors[0].xp.concatenate([tensor.array for tensor in tensors], axis=None)
    whole = wrap(tensors[0].result_class, flat)
    return flat, [window(whole, layout) for layout in consecutive_layouts([tensor.array.shape for tensor in tensors])]


def consecutive_layouts(shapes: Sequence[tuple[int, ...]]) -> Iterator[Layout]:
    """Return layouts of these shapes, one after another in memory."""
    offset = 0
    for shape in shapes:
        yield Layout(shape, contiguous(shape).strides, offset)
        offset += prod(shape)
