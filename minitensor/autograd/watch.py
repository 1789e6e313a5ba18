"""The watch: what wants to hear of every node that is made and of every write, while somebody asked for it.

A ``Watch`` takes the place of True or False in the grad mode, see Note [The third mode]. It gathers what the contexts
around the program wish: anomaly mode (lines of the program, NaN), hooks on saved tensors, a guard of memory. Contexts
are immutable changes of it: each puts back on exit what it changed, and leaves alone what others changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minitensor.autograd.hooks import TRACE
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.packed import pack_saved
from minitensor.backends import BY_ARRAY
from minitensor.base import TensorBase, values_of
from minitensor.callers import caller, line_of, stack
from minitensor.errors import GradError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.node import Node


@dataclass(frozen=True)
class Watch:
    """A grad mode that is told what happens."""

    on: bool = True  # the grad mode
    anomaly: bool = False
    check_nan: bool = True
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    refusal: str | None = None  # why no hooks on saved tensors are taken
    before_write: Callable[[Any], None] | None = None

    def __bool__(self) -> bool:
        return self.on

    def turned(self, on: bool) -> Watch:
        """Return the same watch with the grad mode on or off."""
        return self if on is self.on else replace(self, on=on)

    def made(self, node: Node, arguments: Sequence[Any], *results: Any) -> None:
        """Hear of a recorded operation."""
        if self.anomaly:
            node.metadata[TRACE] = stack()
            if self.check_nan and not any(has_nan(each) for each in arguments):
                self.check_results(node, results)
        if self.pack is not None and self.unpack is not None:
            pack_saved(node, self.pack, self.unpack)

    def rewritten(self, node: Node, result: Any, was_clean: bool) -> None:
        """Hear of a recorded operation in place, after the write."""
        if self.anomaly:
            node.metadata[TRACE] = stack()
            if self.check_nan and was_clean:
                self.check_results(node, (result,))
        if self.pack is not None and self.unpack is not None:
            pack_saved(node, self.pack, self.unpack)

    def clean(self, arguments: Sequence[Any]) -> bool:
        """Whether no argument has NaN, as far as that is asked."""
        return self.anomaly and self.check_nan and not any(has_nan(each) for each in arguments)

    def check_results(self, node: Node, results: Sequence[Any]) -> None:
        """Raise if an operation made NaN of arguments without."""
        for i, result in enumerate(results):
            if has_nan(result):
                which = "its result" if len(results) == 1 else f"its result {i}"
                raise GradError(
                    f"{node.op_name()}: {which} has NaN (shape {tuple(result.shape)}), and its arguments have none; "
                    f"look which argument is outside its domain; called at {caller()}"
                )

    def writes(self, name: str, tensor: Any) -> None:
        """Hear of a write that is about to come."""
        storage = tensor.storage
        owner = getattr(storage, "owner", storage)
        if self.before_write is not None:
            self.before_write(owner)
        if self.anomaly:
            owner.written = f"{name} at {caller()}"

    def run(self, node: Node, grad: Any, needed: set[Node] | None) -> list[Any]:
        """Run a node of the walk back and look at what it gives."""
        grads = node.propagate(grad, needed)
        if self.anomaly and self.check_nan:
            for i, each in enumerate(grads):
                if has_nan(each):
                    raise GradError(f"Function '{node.name()}' returned nan values in its {i}th output; {origin(node)}")
        return grads


def origin(node: Node) -> str:
    """Say where a node was made."""
    trace = None if node.hooks is None or node.hooks.metadata is None else node.hooks.metadata.get(TRACE)
    if trace is None:
        return (
            "no forward pass information is available: turn anomaly detection on during the forward pass for more "
            "information"
        )
    return f"its forward call was at {line_of(trace)}\n" + "".join(trace.format()).rstrip()


def has_nan(value: Any) -> bool:
    """Whether a tensor, or one in a list, has NaN."""
    if isinstance(value, (tuple, list)):
        return any(has_nan(each) for each in value)
    if not isinstance(value, TensorBase):
        return isinstance(value, float) and value != value
    array = values_of(value)
    return array.dtype.kind in "fc" and bool(BY_ARRAY[array.__class__].xp.isnan(array).any())


# -- contexts ----------------------------------------------------------------------------------------------------------


def watch() -> Watch:
    """Return the present watch, or one that asks for nothing."""
    mode = grad_mode.get()
    return Watch(mode) if mode is True or mode is False else mode


def change(**wishes: Any) -> None:
    """Watch from now on with other wishes; a watch without any is none."""
    changed = replace(watch(), **wishes)
    grad_mode.set(changed.on if changed == Watch(changed.on, check_nan=changed.check_nan) else changed)


class Wish:
    """A context that watches with other wishes inside."""

    def __init__(self, **wishes: Any) -> None:
        self.wishes = wishes
        self.former: list[dict[str, Any]] = []

    def __enter__(self) -> Any:
        now = watch()
        self.former.append({name: getattr(now, name) for name in self.wishes})
        change(**self.wishes)
        return self

    def __exit__(self, *error: object) -> None:
        change(**self.former.pop())


class detect_anomaly(Wish):  # noqa: N801  # PyTorch's name
    """Find where NaN comes from: inside, the operation that makes NaN raises, forward or backward, and names its line.

    An operation that makes NaN of arguments without NaN raises at once. A gradient formula that gives NaN raises in the
    walk back and names the line of the forward call. Errors about saved values that were changed in place name the line
    of the write. With ``check_nan=False`` only lines are noted. It holds for this thread (PyTorch's for all), and costs
    a few microseconds for each operation; nothing when it is off.

    >>> import minitensor as torch
    >>> x = torch.tensor([0.], requires_grad=True)
    >>> with torch.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).sum().backward()
    Traceback (most recent call last):
        ...
    minitensor.errors.GradError: Function 'SqrtBackward0' returned nan values in its 0th output; ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(anomaly=True, check_nan=check_nan)


class set_detect_anomaly(Wish):  # noqa: N801  # PyTorch's name
    """Turn anomaly detection on or off at once; inside ``with`` the former state returns on exit.

    Args:
        mode: Whether to detect anomalies.
        check_nan: Look for NaN; if False, only the lines of operations are noted. Default: ``True``.

    >>> import minitensor as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    >>> torch.is_anomaly_enabled()
    False
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        super().__init__(anomaly=bool(mode), check_nan=check_nan)
        super().__enter__()

    def __enter__(self) -> Any:
        return self


def is_anomaly_enabled() -> bool:
    """Return whether anomaly detection is on.

    >>> import minitensor as torch
    >>> torch.is_anomaly_enabled()
    False
    """
    return watch().anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Return whether anomaly detection looks for NaN.

    >>> import minitensor as torch
    >>> with torch.autograd.set_detect_anomaly(True, check_nan=False):
    ...     torch.is_anomaly_check_nan_enabled()
    False
    """
    return watch().check_nan


class saved_tensors_hooks(Wish):  # noqa: N801  # PyTorch's name
    """Decide how what operations save for the backward pass is kept.

    Inside, each saved tensor is given to ``pack_hook``, and what that returns is kept in its stead; when the gradient
    is computed, ``unpack_hook`` is given that and must return a tensor of the same values. Of nested pairs the
    innermost is used. A pack hook must not change what it is given.

    >>> import minitensor as torch
    >>> x = torch.tensor([1., 2.], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.numpy(), torch.from_numpy):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        super().__init__(pack=pack_hook, unpack=unpack_hook)

    def __enter__(self) -> Any:
        refusal = watch().refusal
        if refusal is not None:
            raise GradError(refusal)
        return super().__enter__()


class disable_saved_tensors_hooks(Wish):  # noqa: N801  # PyTorch's name
    """Refuse hooks on saved tensors inside, with an error of the given text.

    Args:
        error_message: What the error says.

    >>> import minitensor as torch
    >>> with torch.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     with torch.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
        ...
    minitensor.errors.GradError: not here
    """

    def __init__(self, error_message: str) -> None:
        super().__init__(refusal=error_message)

    def __enter__(self) -> Any:
        if watch().pack is not None:
            raise GradError(self.wishes["refusal"])
        return super().__enter__()
