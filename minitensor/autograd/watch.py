"""The watch: an object that is told about every new node and every write.

A ``Watch`` replaces True or False as the grad mode; see Note [The third mode]. It combines the settings of the active
context managers: anomaly mode (lines of the program, checks for NaN), hooks on saved tensors, copies before writes. It
is immutable, and each context manager replaces it. On exit a context manager restores only the settings that it
changed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minitensor.autograd.hooks import TRACE
from minitensor.autograd.mode import grad_mode
from minitensor.autograd.packed import pack_node
from minitensor.backends import BY_ARRAY
from minitensor.base import TensorBase, values_of
from minitensor.callers import caller, line_of, stack, user_level
from minitensor.errors import ArgumentTypeError, GradError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.autograd.node import Node


@dataclass(frozen=True)
class Watch:
    """A grad mode that is told about nodes and writes."""

    on: bool = True  # the grad mode
    anomaly: bool = False
    check_nan: bool = True
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    refusal: str | None = None  # the error message if hooks on saved tensors are disabled
    before_write: Callable[[Any], None] | None = None
    around: Callable[[Node, Any, Callable[[], Any]], Any] | None = None  # runs nodes and leaves: a profile times them

    def __bool__(self) -> bool:
        return self.on

    def with_recording(self, on: bool) -> Watch:
        """Return the watch with recording on or off."""
        return self if on is self.on else replace(self, on=on)

    def on_node(self, node: Node, arguments: Sequence[Any], *results: Any) -> None:
        """Handle a recorded operation: note its line, check its results, pack its saved values."""
        if self.anomaly:
            node.metadata[TRACE] = stack()
            if self.check_nan and not any(has_nan(each) for each in arguments):
                self.check_results(node, results)
        if self.pack is not None and self.unpack is not None:
            pack_node(node, self.pack, self.unpack)

    def on_inplace_node(self, node: Node, result: Any, was_clean: bool) -> None:
        """Handle a recorded in-place operation after the write."""
        if self.anomaly:
            node.metadata[TRACE] = stack()
            if self.check_nan and was_clean:
                self.check_results(node, (result,))
        if self.pack is not None and self.unpack is not None:
            pack_node(node, self.pack, self.unpack)

    def is_clean(self, arguments: Sequence[Any]) -> bool:
        """Whether NaN is checked for and no argument contains it."""
        return self.anomaly and self.check_nan and not any(has_nan(each) for each in arguments)

    def check_results(self, node: Node, results: Sequence[Any]) -> None:
        """Raise if an operation returned NaN. Its arguments contain none."""
        for i, result in enumerate(results):
            if has_nan(result):
                which = "its result" if len(results) == 1 else f"its result {i}"
                raise GradError(
                    f"{node.op_name()}: {which} has NaN (shape {tuple(result.shape)}), and its arguments have none; "
                    f"check which argument is outside the domain; called at {caller()}"
                )

    def on_write(self, name: str, tensor: Any) -> None:
        """Handle a write that is about to happen."""
        storage = tensor.storage
        owner = getattr(storage, "owner", storage)
        if self.before_write is not None:
            self.before_write(owner)
        if self.anomaly:
            owner.written = f"{name} at {caller()}"

    def run(self, node: Node, grad: Any, needed: set[Node] | None) -> list[Any]:
        """Run a node in the backward pass and check its gradients."""
        grads: list[Any]
        if self.around is None:
            grads = node.propagate(grad, needed)
        else:
            grads = self.around(node, grad, lambda: node.propagate(grad, needed))
        if self.anomaly and self.check_nan:
            for i, each in enumerate(grads):
                if has_nan(each):
                    raise GradError(f"Function '{node.name()}' returned nan values in its {i}th output; {origin(node)}")
        return grads

    def accumulate(self, leaf: Any, grad: Any, is_borrowed: bool) -> None:
        """Add a gradient to a leaf's ``grad`` in the backward pass."""
        if self.around is None:
            leaf.accumulate(grad, is_borrowed)
        else:
            self.around(leaf, grad, lambda: leaf.accumulate(grad, is_borrowed))


def origin(node: Node) -> str:
    """Describe where a node was made."""
    trace = None if node.hooks is None or node.hooks.metadata is None else node.hooks.metadata.get(TRACE)
    if trace is None:
        return (
            "no forward pass information is available: turn anomaly detection on during the forward pass for more "
            "information"
        )
    return f"its forward call was at {line_of(trace)}\n" + "".join(trace.format()).rstrip()


def has_nan(value: Any) -> bool:
    """Whether a value contains NaN: a float, a tensor, or a list or tuple of them."""
    if isinstance(value, (tuple, list)):
        return any(has_nan(each) for each in value)
    if not isinstance(value, TensorBase):
        return isinstance(value, float) and value != value
    array = values_of(value)
    return array.dtype.kind in "fc" and bool(BY_ARRAY[array.__class__].xp.isnan(array).any())


# -- contexts ----------------------------------------------------------------------------------------------------------


def watch() -> Watch:
    """Return the current watch, or a watch without settings."""
    mode = grad_mode.get()
    return Watch(mode) if mode is True or mode is False else mode


def change(**settings: Any) -> None:
    """Change settings of the current watch. A watch without settings is replaced by a bool."""
    changed = replace(watch(), **settings)
    grad_mode.set(changed.on if changed == Watch(changed.on, check_nan=changed.check_nan) else changed)


class WatchContext:
    """A context manager that changes settings of the watch."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.former: list[dict[str, Any]] = []

    def __enter__(self) -> Any:
        now = watch()
        self.former.append({name: getattr(now, name) for name in self.settings})
        change(**self.settings)
        return self

    def __exit__(self, *error: object) -> None:
        change(**self.former.pop())


class detect_anomaly(WatchContext):  # noqa: N801  # PyTorch's name
    """Find the source of NaN: inside, an operation or a gradient formula that returns NaN raises and names its line.

    An operation that returns NaN although its arguments have none raises immediately. A gradient formula that returns
    NaN raises in the backward pass and names the line of the forward call. Errors about saved values that were changed
    in place name the line of the write. With ``check_nan=False`` only lines are recorded. The mode applies to this
    thread (PyTorch's applies to all) and costs a few microseconds for each operation.

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
        warnings.warn(
            "Anomaly Detection has been enabled. It takes time, and should be enabled only to find an error.",
            UserWarning, stacklevel=user_level(),
        )  # fmt: skip


class set_detect_anomaly(WatchContext):  # noqa: N801  # PyTorch's name
    """Turn anomaly detection on or off immediately; a ``with`` statement restores the previous state on exit.

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


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """Turn anomaly detection on or off.

    Args:
        mode: Whether to detect anomalies.
        check_nan: Look for NaN; if False, only the lines of operations are noted. Default: ``True``.

    Raises:
        TypeError: If an argument is not a bool.

    >>> import minitensor as torch
    >>> torch.set_anomaly_enabled(True)
    >>> torch.is_anomaly_enabled()
    True
    >>> torch.set_anomaly_enabled(False)
    """
    for name, value in (("mode", mode), ("check_nan", check_nan)):
        if not isinstance(value, bool):
            raise ArgumentTypeError(f"set_anomaly_enabled: {name} must be bool, not {type(value).__name__}")
    change(anomaly=mode, check_nan=check_nan)


def is_anomaly_enabled() -> bool:
    """Return whether anomaly detection is on.

    >>> import minitensor as torch
    >>> torch.is_anomaly_enabled()
    False
    """
    return watch().anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """Return whether anomaly detection checks for NaN.

    >>> import minitensor as torch
    >>> with torch.autograd.set_detect_anomaly(True, check_nan=False):
    ...     torch.is_anomaly_check_nan_enabled()
    False
    """
    return watch().check_nan


class saved_tensors_hooks(WatchContext):  # noqa: N801  # PyTorch's name
    """Choose how the tensors that operations save for the backward pass are stored.

    Inside, ``pack_hook`` is called with each saved tensor, and its result is stored instead. In the backward pass,
    ``unpack_hook`` is called with that result and must return a tensor with the same values. Only the innermost of
    nested pairs is used. A pack hook must not change the tensor.

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
        refuse_disabled_hooks()
        return super().__enter__()


def refuse_disabled_hooks() -> None:
    """Raise if hooks on saved tensors are disabled."""
    refusal = watch().refusal
    if refusal is not None:
        raise GradError(refusal)


class disable_saved_tensors_hooks(WatchContext):  # noqa: N801  # PyTorch's name
    """Disable hooks on saved tensors inside: using them raises an error with the given message.

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
            raise GradError(self.settings["refusal"])
        return super().__enter__()
