"""``custom_op``: an operation made of a Python function, with its kernels and formulas as methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from minitensor.amp.autocast_mode import is_autocast_available
from minitensor.dtypes import dtype
from minitensor.errors import ArgumentError, UnsupportedError, UsageError
from minitensor.library import registry
from minitensor.library.registry import OpOverload
from minitensor.library.schema import infer_schema, read_schema


class CustomOpDef:
    """An operation that ``custom_op`` has made. A call runs it.

    Args:
        namespace, name: The two parts of its name.
        schema: What it takes and returns.
        fn: The function that computes it.

    Raises:
        NotImplementedError: If a tensor is an argument by name only.

    >>> import minitensor as torch
    >>> @torch.library.custom_op("docs::halve", mutates_args=())
    ... def halve(x: torch.Tensor) -> torch.Tensor:
    ...     return x / 2
    >>> halve, halve(torch.ones(2))
    (<CustomOpDef(docs::halve)>, tensor([0.5000, 0.5000]))
    >>> assert isinstance(halve, torch.library.CustomOpDef)
    """

    def __init__(self, namespace: str, name: str, schema: str, fn: Callable[..., Any]) -> None:
        self._namespace, self._name, self._init_fn = namespace, name, fn
        self._qualname, self._schema = f"{namespace}::{name}", schema
        read = read_schema(name + schema, namespace)
        if any(each.by_name_only and each.kind.startswith("Tensor") for each in read.arguments):
            raise UnsupportedError(f"custom_op: tensors must not be keyword-only arguments, got {read}")
        former = registry.namespace_of(namespace).packets.get(name)
        if former is not None:
            registry.remove(registry.find(former))
        self._opoverload = registry.add(read, namespace)
        self._opoverload.owner, self._opoverload.refuses_aliases = self, True
        self.__name__, self.__doc__ = fn.__name__, fn.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the operation."""
        return self._opoverload(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self._qualname})>"

    def register_kernel(self, device_types: Any, fn: Callable[..., Any] | None = None, /) -> Any:
        """Add the function that computes the operation on a kind of device; without it, return a decorator.

        Args:
            device_types: A kind of device, several, or None for all.
            fn: The function.
        """
        if fn is None:
            return lambda function: self.register_kernel(device_types, function)
        kinds = [""] if device_types is None else [device_types] if isinstance(device_types, str) else device_types
        self._opoverload.kernels.update(dict.fromkeys(kinds, fn))
        return fn

    def register_fake(self, fn: Callable[..., Any], /) -> Callable[..., Any]:
        """Add the function that makes empty results on the device "meta".

        Args:
            fn: The function.
        """
        self._opoverload.kernels["meta"] = fn
        return fn

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """Add the formula of the gradient.

        Args:
            backward: A function of a context and of a gradient for each result. It returns a gradient for each
                argument, or None.
            setup_context: A function of ``ctx, inputs, output``, which saves what ``backward`` needs.

        Raises:
            RuntimeError: If the operation writes to its arguments.
        """
        if self._opoverload._schema.is_mutable:
            raise UsageError(
                f"Cannot register autograd formula for non-functional operator {self} with schema "
                f"{self._opoverload._schema}. Please create a functional operator and register an autograd formula "
                "for that."
            )
        self._opoverload.backward, self._opoverload.setup_context = backward, setup_context

    def register_vmap(self, func: Callable[..., Any] | None = None) -> Any:
        """Add the rule by which ``vmap`` computes all samples at once; without it, return a decorator.

        Args:
            func: A function of ``info, in_dims, *args``, which returns the results and the dims of their samples.
        """
        if func is None:
            return self.register_vmap
        self._opoverload.batching_rule = func
        return func

    def register_autocast(self, device_type: str, cast_inputs: dtype) -> None:
        """Refuse: ``autocast`` does not change the operations of programs.

        Args:
            device_type, cast_inputs: Where, and to what, PyTorch casts the arguments.

        Raises:
            NotImplementedError: If there is one.
            ValueError: If there is no autocast for the device.
        """
        if not is_autocast_available(device_type):
            raise ArgumentError(f"Device type {device_type!r} does not support autocast.")
        raise UnsupportedError("register_autocast: autocast leaves operations of programs alone; cast in them")


def custom_op(
    name: str, fn: Callable[..., Any] | None = None, /, *, mutates_args: str | Iterable[str],
    device_types: str | Sequence[str] | None = None, schema: str | None = None,
) -> Any:
    """Return an annotated function as an operation: opaque, with its own gradient; without one, a decorator.

    Autograd, ``vmap`` and the device "meta" see one operation and not what it calls. Their rules are registered with
    the methods of the result. ``torch.ops.NAMESPACE.NAME`` finds it.

    Args:
        name: The name, with a namespace: ``"mylib::scale"``.
        fn: The function. Its annotations give the schema. Its results must not share memory with its arguments.
        mutates_args: The names of the arguments that it writes to, or ``"unknown"``: all tensors.
        device_types: The kinds of devices that it serves. Default: ``None``, all of them.
        schema: The schema, if it is not to be read from the annotations.

    Raises:
        ValueError: If the annotations give no schema.
        ValueError: If the name is not that of an operation in one namespace.

    >>> import numpy as np, minitensor as torch
    >>> @torch.library.custom_op("docs::numpy_sin", mutates_args=())
    ... def numpy_sin(x: torch.Tensor) -> torch.Tensor:
    ...     return torch.from_numpy(np.sin(x.numpy()))
    >>> def save_input(ctx, inputs, output):
    ...     ctx.save_for_backward(inputs[0])
    >>> numpy_sin.register_autograd(lambda ctx, grad: grad * ctx.saved_tensors[0].cos(), setup_context=save_input)
    >>> x = torch.zeros(2, requires_grad=True)
    >>> numpy_sin(x).sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """

    def make(function: Callable[..., Any]) -> CustomOpDef:
        namespace, rest = registry.split_name(name)
        text = infer_schema(function, mutates_args=mutates_args) if schema is None else schema
        made = CustomOpDef(namespace, rest, text, function)
        made.register_kernel(device_types, function)
        return made

    return make if fn is None else make(fn)


def definition(op: Any) -> CustomOpDef | OpOverload:
    """Return the operation that ``custom_op`` made, or else one that has a name.

    Raises:
        RuntimeError: If there is none.
    """
    if isinstance(op, CustomOpDef):
        return op
    found = registry.find(op)
    return found.owner if isinstance(found.owner, CustomOpDef) else found


def overload(op: Any) -> OpOverload:
    """Return an operation by its name, or by any object that stands for it."""
    found = definition(op)
    return found._opoverload if isinstance(found, CustomOpDef) else found
