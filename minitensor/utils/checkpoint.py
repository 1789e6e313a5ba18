"""Activation checkpoints: run a part of a network without keeping its saved tensors, and again for the gradient.

``checkpoint`` puts hooks on saved tensors: each of them is replaced by a ``Holder``. When the backward pass opens the
first holder, the part runs again, and the tensors that it saves then are given to the holders in order.

Note [The second run]. The second run must save the same tensors in the same order. The state of the random numbers is
restored for it, as are those of autocast and of forward mode, and shapes and dtypes are compared. The arguments are
kept like saved tensors: under the hooks of an outer checkpoint they are dropped too, and recomputed by running the
outer part again. Those with tangents have them in the second run too.
"""

from __future__ import annotations

import warnings
import weakref
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from minitensor import generator
from minitensor.amp.casting import in_state
from minitensor.amp.casting import state as state_of_autocast
from minitensor.autograd.interpreters import interpreters, resume
from minitensor.autograd.mode import enable_grad, is_grad_enabled
from minitensor.autograd.packed import Packed
from minitensor.autograd.watch import saved_tensors_hooks, watch
from minitensor.base import TensorBase, has_values
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, CheckpointError, VersionError
from minitensor.ops.duals import detach_from_graph
from minitensor.ops.random import get_rng_state, set_rng_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from minitensor.tensor import Tensor

    Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_early_stop",
    "set_device_states",
]


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Return two empty contexts, one for each run: the default of ``context_fn``.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint, noop_context_fn
    >>> checkpoint(torch.exp, torch.zeros(1), use_reentrant=False, context_fn=noop_context_fn)
    tensor([1.])
    """
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
    """Return ``function(*args, **kwargs)``. The backward pass runs it again instead of keeping saved tensors.

    The second run must do the same as the first. Checkpoints may be nested.

    Args:
        function: the part of the network to run.
        args, kwargs: its arguments.
        use_reentrant: unused; kept for PyTorch compatibility. All checkpoints are as with ``use_reentrant=False``.
        context_fn: returns two context managers, for the first and the second run. Default: empty ones.
        determinism_check: "default" compares shapes, dtypes and devices of both runs' saved tensors, "none" nothing.
        debug: unused; kept for PyTorch compatibility. Errors always name the saved tensor that differs.
        early_stop: stop the second run as soon as it has saved the last tensor. Default: True.
        preserve_rng_state: draw the same random numbers in the second run. Default: True.

    Raises:
        ValueError: If ``determinism_check`` is neither of the two.
        CheckpointError: In the backward pass, if the second run saves different tensors.
        RuntimeError: In the backward pass, if an argument or a saved tensor was changed in place.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> checkpoint(lambda x: (x.exp() * x).tanh(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([0.0939, 0.0000])
    """
    if determinism_check not in ("default", "none"):
        raise ArgumentError(f"checkpoint: determinism_check must be 'default' or 'none', got {determinism_check!r}")
    if use_reentrant is None:
        warn_of_default("checkpoint")
    if use_reentrant is not False:
        warn_of_no_grad(args)
    first, second = context_fn()
    if not is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    state = get_rng_state() if preserve_rng_state else None
    frame = Frame(function, args, kwargs, second, state, determinism_check == "default", choose_early_stop(early_stop))
    with first, saved_tensors_hooks(frame.pack, recover):
        return function(*args, **kwargs)


def warn_of_default(name: str) -> None:
    """Warn that an argument, which has no effect here, must be given in PyTorch."""
    warnings.warn(
        f"torch.utils.checkpoint.{name}: the use_reentrant parameter should be passed explicitly: use_reentrant=False "
        "is recommended.",
        UserWarning, stacklevel=user_level(),
    )  # fmt: skip


def warn_of_no_grad(args: tuple[Any, ...]) -> None:
    """Warn if no argument requires grad: PyTorch's reentrant checkpoints give no gradients then."""
    if not any(isinstance(each, TensorBase) and each.requires_grad for each in args):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None in PyTorch; use use_reentrant=False, "
            "which all checkpoints are like here",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Run functions one after another, in ``segments`` checkpointed parts.

    The last part has no checkpoint: its backward pass comes first, so a checkpoint would save no memory.

    Args:
        functions: A list of functions of one argument, or a ``Sequential``.
        segments: The number of parts, from 1 to the number of functions.
        input: The argument of the first function.
        use_reentrant: Unused; kept for PyTorch compatibility.
        preserve_rng_state: Draw the same random numbers in the second run. Default: True.
        **kwargs: None are accepted; they are named in the error.

    Raises:
        ValueError: If ``segments`` is out of range, or there are other keyword arguments.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint_sequential
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> checkpoint_sequential([torch.exp, torch.sin, torch.cos], 2, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([ 0.9897, -2.5824])
    """
    if kwargs:
        raise ArgumentError(f"checkpoint_sequential: unexpected keyword arguments: {', '.join(kwargs)}")
    if use_reentrant is None:
        warn_of_default("checkpoint_sequential")
    parts = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= max(len(parts), 1):
        raise ArgumentError(f"checkpoint_sequential: expected 1 to {len(parts)} segments, got {segments}")
    size = len(parts) // segments
    last = size * (segments - 1)
    for start in range(0, last, max(size, 1)):
        chain = compose(parts[start : start + size])
        input = checkpoint(
            chain, input, use_reentrant=use_reentrant is not False, preserve_rng_state=preserve_rng_state
        )
    return compose(parts[last:])(input)


def compose(functions: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """Return a function that applies several, one after another."""

    def run(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input

    return run


# -- states of devices, for programs that recompute by themselves ------------------------------------------------------


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """Return no devices and no states: all devices share one random stream, that of ``get_rng_state``.

    Args:
        *args: The arguments of a function that will run again.

    >>> import minitensor as torch
    >>> torch.utils.checkpoint.get_device_states(torch.ones(1))
    ([], [])
    """
    return [], []


def set_device_states(devices: Sequence[int], states: Sequence[Tensor], *, device_type: str | None = None) -> None:
    """Accept what ``get_device_states`` returned; there is nothing to restore.

    Args:
        devices, states: Two empty lists.
        device_type: Accepted for PyTorch compatibility.

    >>> import minitensor as torch
    >>> torch.utils.checkpoint.set_device_states(*torch.utils.checkpoint.get_device_states())
    """


# -- early stop --------------------------------------------------------------------------------------------------------

stopping: ContextVar[bool | None] = ContextVar("stopping", default=None)


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Override ``early_stop`` for all checkpoints in the block.

    Args:
        enable: Whether the second run stops once it has saved the last tensor.

    >>> import minitensor as torch
    >>> from minitensor.utils.checkpoint import checkpoint, set_checkpoint_early_stop
    >>> x = torch.ones(1, requires_grad=True)
    >>> with set_checkpoint_early_stop(False):
    ...     y = checkpoint(torch.exp, x, use_reentrant=False)
    >>> torch.autograd.grad(y, x)
    (tensor([2.7183]),)
    """
    token = stopping.set(enable)
    try:
        yield
    finally:
        stopping.reset(token)


def choose_early_stop(argument: bool) -> bool:
    """Return the value set by ``set_checkpoint_early_stop``, or the argument of ``checkpoint``."""
    override = stopping.get()
    return argument if override is None else override


class StopRecomputation(Exception):  # noqa: N818  # not an error: it ends a second run
    """The second run has saved the last tensor."""


# -- holders --------------------------------------------------------------------------------------------


class Holder:
    """The replacement for a saved tensor that was dropped."""

    __slots__ = ("__weakref__", "frame", "number")

    is_recomputed = True  # with its tangents, which need not be kept

    def __init__(self, frame: Frame, number: int) -> None:
        self.frame = frame
        self.number = number


class KeptArgument:
    """An argument kept like a saved tensor: packed by outer hooks, or checked for writes.

    Hooks see all samples of a tensor inside ``vmap``, as they do if an operation saves it.
    """

    __slots__ = ("levels", "packed", "requires_grad", "tensor", "version")

    def __init__(self, tensor: Any) -> None:
        around = watch()
        self.requires_grad = tensor.node is not None
        self.packed = self.tensor = None
        self.version = tensor.version
        self.levels: list[tuple[int, int]] = []
        if around.pack is not None and around.unpack is not None:
            if not has_values(tensor):
                self.levels, tensor = tensor._levels(tensor), tensor._whole(tensor)
            self.packed = Packed(tensor, None, around.pack, around.unpack)
        else:
            self.tensor = tensor

    def value(self) -> Any:
        """Return the tensor as a leaf that requires grad if the original did."""
        tensor: Any = self.tensor if self.packed is None else self.packed.open()
        if self.packed is None and tensor.version != self.version:
            raise VersionError(
                "checkpoint: an argument was modified by an inplace operation after the first run (version "
                f"{tensor.version}, was {self.version}), so the second run would differ; clone it first"
            )
        if not has_values(tensor):
            return tensor  # a sample inside vmap, which cannot be made to require grad
        leaf = detach_from_graph(tensor).requires_grad_(self.requires_grad)
        return TensorBase.batched_class._sample_of(leaf, self.levels) if self.levels else leaf


class Frame:
    """One checkpointed call: how to run it again, and the results. Holders own it; it refers to them weakly."""

    def __init__(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
        context: AbstractContextManager[Any], state: Tensor | None, check: bool, early_stop: bool,
    ) -> None:
        self.function = function
        self.args = [keep_argument(each) for each in args]
        self.kwargs = {name: keep_argument(each) for name, each in kwargs.items()}
        self.context = context
        self.casting = state_of_autocast.get()
        self.stack = interpreters.get()
        self.state = state
        self.check = check
        self.early_stop = early_stop
        self.holders: list[weakref.ref[Holder]] = []
        self.metadata: list[tuple[Any, ...]] = []
        self.found: weakref.WeakKeyDictionary[Holder, tuple[Any, int]] = weakref.WeakKeyDictionary()

    def pack(self, tensor: Tensor) -> Holder:
        """Replace a saved tensor by a holder."""
        holder = Holder(self, len(self.holders))
        self.holders.append(weakref.ref(holder))
        self.metadata.append(metadata_of(tensor))
        return holder

    def recompute(self) -> None:
        """Run the function again and give its saved tensors to the holders."""
        saved: list[Any] = []
        with ExitStack() as contexts:
            if self.state is not None:
                contexts.enter_context(generator.fork_rng())
                set_rng_state(self.state)
            contexts.enter_context(in_state(self.casting))
            contexts.enter_context(resume(self.stack))
            contexts.enter_context(self.context)
            contexts.enter_context(enable_grad())
            contexts.enter_context(saved_tensors_hooks(self.build_pack_hook(saved), lambda kept: kept))
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
        """Return the hook that receives the saved tensors of the second run."""

        def take(tensor: Any) -> Any:
            number = len(saved)
            saved.append(None)
            if number >= len(self.holders):
                return tensor
            if self.check and metadata_of(tensor) != self.metadata[number]:
                raise CheckpointError(
                    "checkpoint: recomputed values for the following tensors have different metadata than during the "
                    f"forward pass: saved tensor {number} was {describe(self.metadata[number])} then and is "
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
    """Return the tensor of a holder; run the function again if that has not happened yet."""
    frame = holder.frame
    if holder not in frame.found:
        frame.recompute()
    tensor, version = frame.found.pop(holder)
    if tensor.version != version:
        raise VersionError(
            f"checkpoint: saved tensor {holder.number} was modified by an inplace operation in the checkpointed "
            "function after it was saved; clone it before the in-place operation, or use the out-of-place one"
        )
    return tensor


def keep_argument(value: Any) -> Any:
    """Convert an argument to the form in which it is kept."""
    return KeptArgument(value) if isinstance(value, TensorBase) else value


def restore_argument(value: Any) -> Any:
    """Convert a kept argument to that of the second run."""
    return value.value() if value.__class__ is KeptArgument else value


def metadata_of(tensor: Any) -> tuple[Any, ...]:
    """Return the properties that the saved tensors of both runs must share."""
    return tuple(tensor.shape), tensor.dtype, tensor.device


def describe(metadata: tuple[Any, ...]) -> str:
    """Return a saved tensor's properties as text."""
    shape, dtype, device = metadata
    return f"{dtype.name} of shape {shape} on {device}"

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of(__name__)
