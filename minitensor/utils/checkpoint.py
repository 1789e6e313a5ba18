"""Trading time for memory: run a part of a network without keeping what its gradient needs, and again for the gradient.

``checkpoint`` hangs hooks on what the part would save: each saved tensor leaves a ``Holder`` behind and is forgotten.
The first one that the backward pass opens runs the part again, and the tensors saved then go to the holders in order.
It knows hooks on saved tensors, not a single operation.

Note [The same again]. The second run must save the same tensors in the same order, so the state of the random numbers
is put back for it, and shapes and dtypes are compared. The arguments are kept as any saved tensor is: under the hooks
of an outer checkpoint they are forgotten too, and found by running the outer part again.
"""

from __future__ import annotations

import weakref
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from minitensor import generator
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.autograd.packed import Packed
from minitensor.autograd.watch import saved_tensors_hooks, watch
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, UsageError, VersionError
from minitensor.ops.random import get_rng_state, set_rng_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from minitensor.tensor import Tensor

    Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_early_stop",
]


class CheckpointError(UsageError):
    """The second run did not save what the first one had."""


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Return two contexts that do nothing: for the first run and for the second."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Contexts = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Return ``function(*args, **kwargs)``; for its gradient it is run again, instead of keeping what it saves.

    The function must do the same when it is run again; random numbers are the same unless ``preserve_rng_state`` is
    False. Checkpoints may be nested.

    Args:
        use_reentrant: taken for PyTorch's sake. There is one way here, that of PyTorch's ``use_reentrant=False``.
        context_fn: gives two contexts, for the first run and for the second.
        determinism_check: "default" compares shapes, dtypes and devices of both runs' saved tensors, "none" does not.
        debug: taken for PyTorch's sake; errors here always say which saved tensor differs.
        early_stop: stop the second run as soon as it has saved the last tensor.

    Raises:
        CheckpointError: in the backward pass, if the second run saves other tensors than the first.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> checkpoint(lambda x: (x.exp() * x).tanh(), x).sum().backward()
    >>> x.grad
    tensor([0.0939, 0.0000])
    """
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"checkpoint: determinism_check must be 'default' or 'none', got {determinism_check!r}")
    first, second = context_fn()
    if not is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    frame = Frame(function, args, kwargs, second, state, determinism_check == "default", choose_early_stop(early_stop))
    with first, saved_tensors_hooks(frame.pack, recover):
        return function(*args, **kwargs)


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Run functions (or the modules of a ``Sequential``) one after the other, in ``segments`` checkpointed parts.

    The last part is run without a checkpoint: its backward pass comes first, so that it would save nothing.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint_sequential
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> checkpoint_sequential([torch.exp, torch.sin, torch.cos], 2, x).sum().backward()
    >>> x.grad
    tensor([ 0.9897, -2.5824])
    """
    if kwargs:
        raise ArgumentError(f"checkpoint_sequential: unexpected keyword arguments: {', '.join(kwargs)}")
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(len(parts), 1):
        raise ArgumentError(f"checkpoint_sequential: expected 1 to {len(parts)} segments, got {segments}")
    size = len(parts) // segments
    last = size * (segments - 1)
    for start in range(0, last, max(size, 1)):
        chain = compose(parts[start : start + size])
        input = checkpoint(chain, input, use_reentrant=False, preserve_rng_state=preserve_rng_state)
    return compose(parts[last:])(input)


def compose(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return one function that applies several."""

    def run(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input

    return run


# -- early stop --------------------------------------------------------------------------------------------------------

stopping: ContextVar[bool | None] = ContextVar("stopping", default=None)


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Say for all checkpoints made inside whether their second run stops at the last saved tensor."""
    token = stopping.set(enable)
    try:
        yield
    finally:
        stopping.reset(token)


def choose_early_stop(asked: bool) -> bool:
    """Return whether to stop early: what the context around says, or what was asked."""
    around = stopping.get()
    return asked if around is None else around


class StopRecomputation(Exception):  # noqa: N818  # no error: it ends a second run
    """The second run has saved the last tensor."""


# -- forgetting and finding --------------------------------------------------------------------------------------------


class Holder:
    """What is left of a forgotten tensor."""

    __slots__ = ("__weakref__", "frame", "number")

    def __init__(self, frame: Frame, number: int) -> None:
        self.frame = frame
        self.number = number


class KeptArgument:
    """An argument that is kept as saved tensors are: packed by the hooks around, or watched for writes."""

    __slots__ = ("packed", "requires_grad", "tensor", "version")

    def __init__(self, tensor: Any) -> None:
        around = watch()
        self.requires_grad = tensor.node is not None
        self.packed = self.tensor = None
        self.version = tensor.version
        if around.pack is not None and around.unpack is not None:
            self.packed = Packed(tensor, None, around.pack, around.unpack)
        else:
            self.tensor = tensor

    def value(self) -> Any:
        """Return the tensor, without history but requiring grad as it did."""
        tensor: Any = self.tensor if self.packed is None else self.packed.opened()
        if self.packed is None and tensor.version != self.version:
            raise VersionError(
                "checkpoint: an argument was modified by an inplace operation after the first run (version "
                f"{tensor.version}, was {self.version}), so that the second cannot be the same; clone it before"
            )
        return tensor.detach().requires_grad_(self.requires_grad)


class Frame:
    """One checkpointed call: how to run it again, and what came of that. Holders keep it; it knows them weakly."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        context: AbstractContextManager[Any], state: Tensor | None, check: bool, early_stop: bool,
    ) -> None:
        self.function = function
        self.args = [keep_argument(each) for each in args]
        self.kwargs = {name: keep_argument(each) for name, each in kwargs.items()}
        self.context = context
        self.state = state
        self.check = check
        self.early_stop = early_stop
        self.holders: list[weakref.ref[Holder]] = []
        self.facts: list[tuple[Any, ...]] = []
        self.found: weakref.WeakKeyDictionary[Holder, tuple[Any, int]] = weakref.WeakKeyDictionary()

    def pack(self, tensor: Tensor) -> Holder:
        """Leave a holder in a tensor's place."""
        holder = Holder(self, len(self.holders))
        self.holders.append(weakref.ref(holder))
        self.facts.append(metadata_of(tensor))
        return holder

    def recompute(self) -> None:
        """Run the function again and hand what it saves to the holders."""
        saved: list[Any] = []
        with ExitStack() as around:
            if self.state is not None:
                around.enter_context(generator.fork_rng())
                set_rng_state(self.state)
            around.enter_context(self.context)
            around.enter_context(enable_grad())
            around.enter_context(saved_tensors_hooks(self.build_pack_hook(saved), lambda kept: kept))
            try:
                args = [restore_argument(each) for each in self.args]
                self.function(*args, **{name: restore_argument(each) for name, each in self.kwargs.items()})
            except StopRecomputation:
                return
        if len(saved) != len(self.holders):
            raise CheckpointError(
                "checkpoint: a different number of tensors was saved during the original forward and recomputation: "
                f"{len(self.holders)} then, {len(saved)} now; the function must do the same when it is run again"
            )

    def build_pack_hook(self, saved: list[Any]) -> Callable[[Any], Any]:
        """Return the hook that takes what the second run saves."""

        def take(tensor: Any) -> Any:
            number = len(saved)
            saved.append(None)
            if number >= len(self.holders):
                return tensor
            if self.check and metadata_of(tensor) != self.facts[number]:
                raise CheckpointError(
                    "checkpoint: recomputed values for the following tensors have different metadata than during the "
                    f"forward pass: saved tensor {number} was {describe(self.facts[number])} then and is "
                    f"{describe(metadata_of(tensor))} now"
                )
            holder = self.holders[number]()
            if holder is not None:
                self.found[holder] = tensor, tensor.version
            if self.early_stop and number + 1 == len(self.holders):
                raise StopRecomputation
            return tensor

        return take


def recover(holder: Holder) -> Any:
    """Return the tensor that a holder stands for, by running the function again if nobody did yet."""
    frame = holder.frame
    if holder not in frame.found:
        frame.recompute()
    tensor, version = frame.found.pop(holder)
    if tensor.version != version:
        raise VersionError(
            f"checkpoint: saved tensor {holder.number} was modified by an inplace operation after it was saved, in the "
            "checkpointed function itself; clone it before the in-place operation, or use the out-of-place one"
        )
    return tensor


def keep_argument(value: Any) -> Any:
    """Return an argument as it is kept."""
    return KeptArgument(value) if isinstance(value, TensorBase) else value


def restore_argument(value: Any) -> Any:
    """Return an argument as the second run gets it."""
    return value.value() if value.__class__ is KeptArgument else value


def metadata_of(tensor: Any) -> tuple[Any, ...]:
    """Return what both runs' saved tensors must share."""
    return tuple(tensor.shape), tensor.dtype, tensor.device


def describe(facts: tuple[Any, ...]) -> str:
    """Return a saved tensor's facts in words."""
    shape, dtype, device = facts
    return f"{dtype.name} of shape {shape} on {device}"
