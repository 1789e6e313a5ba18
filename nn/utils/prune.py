"""Pruning: entries of a parameter held at zero by a mask, chosen by size or by chance.

``l1_unstructured(linear, "weight", amount=0.3)`` moves the weight to ``weight_orig``, puts zeros and ones into
``weight_mask``, and multiplies the two before each forward. Pruning again takes from what is left; ``remove`` makes it
permanent. A way to choose is a child of ``BasePruningMethod`` that writes ``compute_mask``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

from minitensor.autograd.misuse import ungated
from minitensor.errors import ArgumentError, ArgumentTypeError, DimError, GuardError, WrongTypeError
from minitensor.memory_format import contiguous_format
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.nn.utils.convert_parameters import parameters_to_vector
from minitensor.ops.creation import ones_like, zeros_like
from minitensor.ops.linalg.norms import vector_norm
from minitensor.ops.random import rand, rand_like
from minitensor.ops.sort import kthvalue, topk
from minitensor.tensor import Tensor

M = TypeVar("M", bound=Module)
Method = TypeVar("Method", bound="BasePruningMethod")


class BasePruningMethod:
    """A way to choose what is pruned, and the hook that multiplies by the mask.

    ``PRUNING_TYPE`` says what a second pruning looks at: "unstructured" the entries that are left, "structured" the
    slices that are left, "global" all.
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    _tensor_name: str = ""

    def __call__(self, module: Module, inputs: Any) -> None:
        """Set the tensor to what the mask leaves."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask for a tensor of importances, with zeros at least where ``default_mask`` has some."""
        raise NotImplementedError(f"{type(self).__name__} is missing compute_mask")

    def apply_mask(self, module: Module) -> Tensor:
        """Return the pruned tensor."""
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(original.dtype) * original  # type: ignore[no-any-return]  # tensors, from a module

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module; return the method, which is now its hook."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        before = hook_of(module, name)
        value = parameter_of(module, name) if before is None else getattr(module, name)
        scores = matching(importance_scores, value)
        if before is None:
            mask = method.compute_mask(scores.detach(), ones_like(value).detach())
            module.register_parameter(name + "_orig", value)
            del module._parameters[name]
            made: BasePruningMethod = method
        else:
            older = before[1]
            made = PruningContainer(*(older if isinstance(older, PruningContainer) else (older,)), method)
            mask = made.compute_mask(
                scores.detach(), getattr(module, name + "_mask").clone(memory_format=contiguous_format)
            )
            del module._forward_pre_hooks[before[0]]
        module.register_buffer(name + "_mask", mask)
        made(module, ())
        module.register_forward_pre_hook(made)
        return made

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """Return a tensor with zeros where it is pruned, without a module."""
        scores = matching(importance_scores, t)
        return t * self.compute_mask(scores, ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned values the parameter itself."""
        name = self._tensor_name
        value, original = self.apply_mask(module), module._parameters[name + "_orig"]
        assert original is not None, "registered when it was pruned"
        for each in (name, name + "_orig", name + "_mask"):
            delattr(module, each)
        original.data = value.detach()
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several prunings of one parameter, one after another."""

    PRUNING_TYPE = "global"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one more for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise ArgumentTypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ArgumentError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to this PruningContainer. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: int) -> BasePruningMethod:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Let the last method choose among what the mask leaves."""
        method = self._pruning_methods[-1]
        left = what_is_left(method, default_mask)
        mask = default_mask.to(t.dtype).clone()
        mask[left] = method.compute_mask(t[left], default_mask[left]).to(t.dtype)
        return mask


def what_is_left(method: BasePruningMethod, mask: Tensor) -> Any:
    """Return an index of what a further pruning looks at."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "structured":
        dim = in_range(mask, getattr(method, "dim"))  # noqa: B009  # the base class has none
        kept = mask.sum(dim=[each for each in range(mask.ndim) if each != dim]) != 0
        return (*[slice(None)] * dim, kept)
    if method.PRUNING_TYPE == "global":
        return ()
    raise ArgumentError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


# -- ways to choose ----------------------------------------------------------------------------------------------------


class Identity(BasePruningMethod):
    """Prune nothing, but make mask and original."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask there is."""
        return default_mask


def is_a(kind: type[Any], number: object) -> bool:
    """Tell whether a number, Python's or another library's, is of a kind."""
    return isinstance(number, kind)


class Amount(BasePruningMethod):
    """What all that prune an amount share: a share between 0 and 1, or a number of entries or slices."""

    def __init__(self, amount: float) -> None:
        if not is_a(Real, amount) or isinstance(amount, bool):
            raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if amount < 0 or (amount > 1 and not is_a(Integral, amount)):
            raise ArgumentError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
            )
        self.amount = amount

    def of(self, size: int) -> int:
        """Return how many of ``size`` are to be pruned."""
        if not is_a(Integral, self.amount):
            return round(self.amount * size)
        if self.amount > size:
            raise ArgumentError(f"amount={self.amount} should be smaller than the number of parameters to prune={size}")
        return int(self.amount)


def without(mask: Tensor, places: Tensor) -> Tensor:
    """Return a copy of a mask with zeros at flat places."""
    flat = mask.clone(memory_format=contiguous_format).view(-1)
    flat[places] = 0
    return flat.view(mask.shape)


class RandomUnstructured(Amount):
    """Prune entries by chance."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Draw which entries go."""
        count = self.of(t.numel())
        return without(default_mask, topk(rand_like(t).view(-1), count).indices) if count else default_mask.clone()


class L1Unstructured(Amount):
    """Prune the entries nearest to zero."""

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Find the smallest entries."""
        count = self.of(t.numel())
        if not count:
            return default_mask.clone()
        return without(default_mask, topk(t.abs().reshape(-1), count, largest=False).indices)


class Slices(Amount):
    """What all that prune whole slices along a dim share."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Keep the slices that are chosen, as far as the mask does."""
        if t.ndim <= 1:
            raise ArgumentError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{tuple(t.shape)} with {t.ndim} dims"
            )
        dim = in_range(t, self.dim)
        count = self.of(t.shape[dim])
        if not count:
            return default_mask
        mask = zeros_like(t)
        chosen: Any = (*[slice(None)] * dim, self.kept(t, dim, count))
        mask[chosen] = 1
        return mask * default_mask.to(mask.dtype)

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Return an index of the slices that stay when ``count`` go."""
        raise NotImplementedError(f"{type(self).__name__} is missing kept")


class RandomStructured(Slices):
    """Prune slices by chance."""

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Draw which slices stay."""
        drawn: Tensor = rand(t.shape[dim])
        stays: Tensor = drawn > kthvalue(drawn, count).values
        return stays.to(t.device)


class LnStructured(Slices):
    """Prune the slices of the smallest norm."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Find the slices of the largest norms."""
        order, others = 2 if self.n == "fro" else self.n, tuple([each for each in range(t.ndim) if each != dim])
        lengths = vector_norm(t, order, others)
        largest: Tensor = topk(lengths, t.shape[dim] - count).indices
        return largest


class CustomFromMask(BasePruningMethod):
    """Prune by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Keep what both masks keep."""
        if default_mask.shape != self.mask.shape:
            raise GuardError(
                f"the mask must have the parameter's shape {tuple(default_mask.shape)}, got {tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


# -- what users call ---------------------------------------------------------------------------------------------------


@ungated
def identity(module: M, name: str) -> M:
    """Give a parameter a mask of ones; return the module."""
    Identity.apply(module, name)
    return module


@ungated
def random_unstructured(module: M, name: str, amount: float) -> M:
    """Prune entries of a parameter by chance; return the module.

    Args:
        amount: how many entries, or, if it is a float, which share of them.
    """
    RandomUnstructured.apply(module, name, amount)
    return module


@ungated
def l1_unstructured(module: M, name: str, amount: float, importance_scores: Tensor | None = None) -> M:
    """Prune the entries of a parameter nearest to zero, or of the lowest scores; return the module.

    >>> from minitensor import nn
    >>> layer = l1_unstructured(nn.Linear(4, 2), "weight", amount=0.75)
    >>> int((layer.weight != 0).sum()), sorted(layer.state_dict())
    (2, ['bias', 'weight_mask', 'weight_orig'])
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


@ungated
def random_structured(module: M, name: str, amount: float, dim: int) -> M:
    """Prune slices of a parameter along ``dim`` by chance; return the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


@ungated
def ln_structured(module: M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None) -> M:
    """Prune the slices of a parameter along ``dim`` with the smallest n-norm; return the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


@ungated
def custom_from_mask(module: M, name: str, mask: Tensor) -> M:
    """Prune a parameter where ``mask`` is zero; return the module."""
    CustomFromMask.apply(module, name, mask)
    return module


@ungated
def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one: some may lose much, and some nothing.

    Args:
        parameters: pairs of a module and a parameter's name.
        pruning_method: one that prunes entries, such as ``L1Unstructured``.
        kwargs: what the method takes, such as ``amount``.
    """
    if not isinstance(parameters, Iterable):
        raise ArgumentTypeError("global_unstructured(): parameters is not an Iterable")
    if importance_scores is not None and not isinstance(importance_scores, Mapping):
        raise ArgumentTypeError("global_unstructured(): importance_scores must be of type dict")
    pairs, given = list(parameters), importance_scores or {}
    values = [getattr(module, name) for module, name in pairs]
    scores = [given.get(pair, value).detach() for pair, value in zip(pairs, values, strict=True)]
    masks = [getattr(module, name + "_mask", ones_like(value).detach()) for (module, name), value in zip(pairs, values)]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise ArgumentTypeError(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of '
            f"type {method.PRUNING_TYPE}"
        )
    chosen = PruningContainer(method).compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    start = 0
    for (module, name), value in zip(pairs, values, strict=True):
        custom_from_mask(module, name, chosen[start : start + value.numel()].view(value.shape))
        start += value.numel()


@ungated
def remove(module: M, name: str) -> M:
    """Make the pruned values of a parameter the parameter itself, without mask and hook; return the module."""
    found = hook_of(module, name)
    if found is None:
        raise ArgumentError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    key, method = found
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


@ungated
def is_pruned(module: Module) -> bool:
    """Tell whether anything in a module, or below it, is pruned."""
    return any(
        isinstance(hook.function, BasePruningMethod)
        for inner in module.modules()
        for hook in inner._forward_pre_hooks.values()
    )


# -- checks ------------------------------------------------------------------------------------------------------------


def hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """Return the pruning of a parameter, and the number under which its hook is registered."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook.function, BasePruningMethod) and hook.function._tensor_name == name:
            return key, hook.function
    return None


class NoParameter(ArgumentError, WrongTypeError):
    """A name that no parameter of a module has; PyTorch asks the module for an attribute of that name."""


def parameter_of(module: Module, name: str) -> Parameter:
    """Return a parameter, or say that there is none."""
    found = module._parameters.get(name)
    if found is None:
        raise NoParameter(f"{module} has no parameter {name!r} to prune; it has {', '.join(module._parameters)}")
    return found


def matching(scores: Tensor | None, value: Tensor) -> Tensor:
    """Return the importances: the values themselves if none are given."""
    if scores is not None and scores.shape != value.shape:
        raise GuardError(
            f"importance_scores should have the parameter's shape, got {tuple(scores.shape)} vs {tuple(value.shape)}"
        )
    return value if scores is None else scores


def in_range(t: Tensor, dim: int) -> int:
    """Return a dim counted from the front."""
    if not -t.ndim <= dim < t.ndim:
        raise DimError(f"Invalid index {dim} for tensor of size {tuple(t.shape)}")
    return dim % t.ndim
