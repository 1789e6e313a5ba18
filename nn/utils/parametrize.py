"""Parametrizations: a parameter that is computed from another one on each access.

``register_parametrization(linear, "weight", Symmetric())`` moves the weight to ``parametrizations.weight.original`` and
makes ``linear.weight`` be ``Symmetric()(original)``. The module gets a class that knows this, a child of its own class
and of ``Parametrized``, until the last parametrization is removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.errors import ArgumentError, KeyTypeError, MissingParameterError, UsageError
from minitensor.nn.container import ModuleDict, ModuleList
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.tensor import Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

M = TypeVar("M", bound=Module)

# The tensors computed inside ``cached()``, by their parametrizations; None outside.
_computed: ContextVar[dict[ParametrizationList, Tensor] | None] = ContextVar("computed parametrizations", default=None)


@contextmanager
def cached() -> Iterator[None]:
    """Compute every parametrized tensor only once within this block, however often it is read.

    It helps where a weight is used many times in a step, as in a recurrent cell.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3))
    >>> with torch.nn.utils.parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    token = None if _computed.get() is not None else _computed.set({})
    try:
        yield
    finally:
        if token is not None:
            _computed.reset(token)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and the tensors it is computed from.

    These are ``original``, or, if the ``right_inverse`` of the first one returns several tensors, ``original0``,
    ``original1``, ...; each is a parameter if the tensor was one.

    Args:
        modules: The parametrizations, in order.
        original: The tensor.
        unsafe: Allow another shape or dtype of the result. Default: ``False``.

    Raises:
        ValueError: If there are no modules, or one changes the shape or dtype although ``unsafe`` is false.

    >>> import minitensor as torch
    >>> class Double(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> layer = torch.nn.Linear(1, 1)
    >>> _ = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Double())
    >>> parametrization = layer.parametrizations.weight
    >>> isinstance(parametrization, torch.nn.utils.parametrize.ParametrizationList), parametrization.original.shape
    (True, torch.Size([1, 1]))
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ArgumentError("ParametrizationList requires one or more modules, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        found = invert(self, original)
        self.is_tensor = isinstance(found, Tensor)
        self.ntensors = 1 if self.is_tensor else len(found)
        if isinstance(found, Tensor):
            require_same_kind(found, original)
            original.data = found.detach()  # The same object: optimizers hold it.
            keep(self, "original", original)
        else:
            for i, each in enumerate(found):
                keep(self, f"original{i}", like_original(each, original, i))
        if not unsafe:
            require_same(self(), shape, dtype, "Registering a parametrization")

    def originals(self) -> list[Tensor]:
        """Return the tensors from which the parametrized one is computed."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Tensor:
        """Return the parametrized tensor."""
        first, *others = self
        value: Tensor = first(*self.originals())
        for each in others:
            value = each(value)
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Change the originals so that the parametrized tensor becomes ``value``.

        Raises:
            RuntimeError: If a parametrization has no ``right_inverse``.
            ValueError: If a ``right_inverse`` returns tensors of another number or dtype.
        """
        with no_grad():
            found: Any = value
            for each in reversed(list(self)):
                if not hasattr(each, "right_inverse"):
                    raise UsageError(
                        f"parametrization {type(each).__name__} does not implement right_inverse; write it to "
                        "assign values"
                    )
                found = each.right_inverse(found)
            for original, new in zip(self.originals(), self._check_inverse(found), strict=True):
                original.data = new.detach()

    def _check_inverse(self, found: Any) -> list[Tensor]:
        """Return what a ``right_inverse`` returned; raise if it differs in number or dtype from the originals."""
        if self.is_tensor and not isinstance(found, Tensor):
            raise ArgumentError(f"`right_inverse` should return a tensor. Got {type(found).__name__}")
        if not self.is_tensor and not isinstance(found, Sequence):
            raise ArgumentError(f"'right_inverse' must return a sequence of tensors. Got {type(found).__name__}.")
        tensors: list[Any] = [found] if self.is_tensor else list(found)
        if len(tensors) != self.ntensors:
            raise ArgumentError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. "
                f"Got a sequence of length {len(tensors)}."
            )
        for i, (original, new) in enumerate(zip(self.originals(), tensors, strict=True)):
            if not isinstance(new, Tensor):
                raise ArgumentError(
                    f"'right_inverse' must return tensors. Got element {i} of type {type(new).__name__}"
                )
            if new.dtype != original.dtype:
                raise ArgumentError(
                    f"Tensor {i} returned by `right_inverse` has dtype {new.dtype} while the original has dtype "
                    f"{original.dtype}"
                )
        return tensors


class Parametrized(Module):
    """The base class, beside its own, of a module with parametrized tensors."""

    parametrizations: ModuleDict

    def __getattr__(self, name: str) -> Any:
        lists = lists_of(self)
        return compute(lists[name]) if name in lists else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        lists = lists_of(self)
        if name not in lists:
            super().__setattr__(name, value)
        elif isinstance(value, Tensor) and not isinstance(value, Parameter):
            lists[name].right_inverse(value)
        else:
            raise KeyTypeError(
                f"cannot assign '{type(value).__name__}' to the parametrized tensor '{name}' (a plain tensor is "
                "expected: its values are brought to the original by right_inverse)"
            )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *lists_of(self)})

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return restore_empty, (type_before_parametrizations(self),), self.__dict__


def lists_of(module: Module) -> dict[str, Any]:
    """Return the parametrizations by the names of their tensors, even of a module under construction."""
    held = module.__dict__.get("_modules", {}).get("parametrizations")
    return {} if held is None else held._modules


def restore_empty(cls: type[M]) -> M:
    """Return an empty module, to be filled by ``pickle`` or ``copy``, that will have parametrizations."""
    return add_class(cls.__new__(cls))


def add_class(module: M) -> M:
    """Give a module the class that computes its parametrized tensors."""
    cls = type(module)
    module.__class__ = type(f"Parametrized{cls.__name__}", (Parametrized, cls), {"__module__": cls.__module__})
    return module


def compute(parametrization: ParametrizationList) -> Tensor:
    """Return a parametrized tensor, from the cache inside ``cached()``."""
    cache = _computed.get()
    if cache is None:
        return parametrization()  # type: ignore[no-any-return]  # forward's
    if parametrization not in cache:
        cache[parametrization] = parametrization()
    return cache[parametrization]


@composite_with_own_checks
def register_parametrization(module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> M:
    """Compute a parameter or buffer of a module by ``parametrization`` from what it was.

    A second one is applied to the result of the first. If the parametrization has ``right_inverse``, the original
    starts at the right inverse of the present value, and values can be assigned; otherwise it starts at the value
    itself.

    Args:
        module: The module, changed in place.
        tensor_name: Name of the parameter or buffer.
        parametrization: A module from the original to the new tensor.
        unsafe: Allow another shape or dtype of the result. Default: ``False``.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no such tensor, or the result has another shape or dtype although ``unsafe`` is
            false.

    >>> import minitensor as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    >>> layer = torch.nn.Linear(3, 3)
    >>> layer = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), [name for name, _ in layer.named_parameters()]
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = lists_of(module)[tensor_name]
        if not unsafe:
            require_harmless(parametrization, getattr(module, tensor_name))
        held.append(parametrization)
        held.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        if original is None:
            raise ArgumentError(f"cannot parametrize {tensor_name!r} of {module}: it is None")
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            add_class(module).parametrizations = ModuleDict()
        module._modules["parametrizations"]._modules[tensor_name] = made  # type: ignore[union-attr]  # set just now
    else:
        raise ArgumentError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


@composite_with_own_checks
def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether a module has parametrized tensors, or, given ``tensor_name``, whether that one is.

    Args:
        module: The module.
        tensor_name: Name of a parameter or buffer. Default: ``None``, any.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 2))
    >>> is_parametrized = torch.nn.utils.parametrize.is_parametrized
    >>> is_parametrized(layer), is_parametrized(layer, "weight"), is_parametrized(layer, "bias")
    (True, True, False)
    """
    held = module._modules.get("parametrizations") if isinstance(module, Module) else None
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


@composite_with_own_checks
def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Make a parametrized tensor a plain one again.

    Args:
        module: The module, changed in place.
        tensor_name: Name of the tensor.
        leave_parametrized: Keep the present value; False restores the original's. Default: ``True``.

    Returns:
        The module.

    Raises:
        ValueError: If the tensor is not parametrized, or ``leave_parametrized`` is false and it has several originals.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 3))
    >>> layer = torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    >>> torch.nn.utils.parametrize.is_parametrized(layer)
    False
    """
    if tensor_name is None or not is_parametrized(module, tensor_name):
        raise MissingParameterError(f"Module {module} does not have a parametrization on {tensor_name}")
    held: ParametrizationList = lists_of(module)[tensor_name]
    if held.is_tensor:
        tensor = held.original
        if leave_parametrized:
            with no_grad():
                tensor.data = held().detach()
    elif leave_parametrized:
        value = held()
        tensor = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ArgumentError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    del lists_of(module)[tensor_name]
    if not lists_of(module):
        plain = type_before_parametrizations(module, has_class=True)
        del module._modules["parametrizations"]
        module.__class__ = plain  # type: ignore[assignment]  # the class that it had
    keep(module, tensor_name, tensor)
    return module


def type_before_parametrizations(module: Module, has_class: bool = False) -> type[Module]:
    """Return the class that a module has without parametrizations.

    Args:
        module: The module.
        has_class: Whether the module has a class of its own for parametrizations even if none is registered. Default:
            ``False``.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 2))
    >>> type(layer).__name__, torch.nn.utils.parametrize.type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[1] if has_class or is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give another module the same parametrizations and the same originals.

    Args:
        from_module: The parametrized module.
        to_module: The other one, changed in place.
        tensor_name: Name of one tensor. Default: ``None``, all parametrized ones.

    Returns:
        ``to_module``.

    >>> import minitensor as torch
    >>> old = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(2, 2))
    >>> new = torch.nn.utils.parametrize.transfer_parametrizations_and_params(old, torch.nn.Linear(2, 2))
    >>> torch.equal(new.weight, old.weight)
    True
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(lists_of(from_module)) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        theirs = lists_of(from_module)[name]
        for each in theirs:
            register_parametrization(to_module, name, each, unsafe=theirs.unsafe)
        ours = lists_of(to_module)[name]
        for key, original in (*theirs._parameters.items(), *theirs._buffers.items()):
            setattr(ours, key, original)
    return to_module


# -- what may be registered --------------------------------------------------------------------------------------------


def keep(module: Module, name: str, tensor: Tensor) -> None:
    """Register a tensor as a parameter if it is one, else as a buffer."""
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def invert(parametrizations: ParametrizationList, value: Any) -> Any:
    """Return the originals that give ``value``; a parametrization without an inverse counts as the identity."""
    with no_grad():
        for each in reversed(list(parametrizations)):
            if hasattr(each, "right_inverse"):
                with suppress(NotImplementedError):
                    value = each.right_inverse(value)
    if not isinstance(value, (Tensor, Sequence)):
        raise ArgumentError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
            f"Got {type(value).__name__}"
        )
    return value


def like_original(value: Any, original: Tensor, i: int) -> Tensor:
    """Return one of several originals: a parameter if the tensor was one, which requires grad if that did."""
    if not isinstance(value, Tensor):
        raise ArgumentError(
            "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
            f"Got element {i} of the sequence with type {type(value).__name__}."
        )
    if isinstance(original, Parameter):
        return Parameter(value.detach(), original.requires_grad)
    return value.detach().requires_grad_(original.requires_grad)


def require_same_kind(found: Tensor, original: Tensor) -> None:
    """Raise if the inverse has another dtype or device."""
    for fact in ("dtype", "device"):
        if getattr(found, fact) != getattr(original, fact):
            raise ArgumentError(
                f"When `right_inverse` outputs one tensor, it may not change the {fact}.\n"
                f"original.{fact}: {getattr(original, fact)}\n"
                f"right_inverse(original).{fact}: {getattr(found, fact)}"
            )


def require_same(value: Any, shape: Any, dtype: Any, what: str) -> None:
    """Raise unless a result is a tensor of the same shape and dtype."""
    if not isinstance(value, Tensor):
        raise ArgumentError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for fact, was, now in (("dtype", dtype, value.dtype), ("shape", shape, value.shape)):
        if now != was:
            raise ArgumentError(
                f"{what} may not change the {fact} of the tensor, unless `unsafe` flag is enabled.\n"
                f"unparametrized {fact}: {was}\n"
                f"parametrized {fact}: {now}"
            )


def require_harmless(parametrization: Module, value: Tensor) -> None:
    """Raise if a further parametrization changes shape or dtype, forward or backward."""
    result = parametrization(value)
    require_same(result, value.shape, value.dtype, "Registering a parametrization")
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(result)
        except NotImplementedError:
            return
        require_same(back, value.shape, value.dtype, "The right_inverse of a further parametrization")
