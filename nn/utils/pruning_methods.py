"""Pruning methods: rules that choose which entries or slices of a parameter a mask holds at zero.

A new method is a subclass of ``BasePruningMethod`` that writes ``compute_mask``. Each one is also the hook that
multiplies by its mask. ``prune.py`` has the functions that apply them.
"""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar

from minitensor.errors import ArgumentError, ArgumentTypeError, DimError, GuardError, MissingParameterError
from minitensor.memory_format import contiguous_format
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter
from minitensor.ops.creation import ones_like, zeros_like
from minitensor.ops.linalg.power_norm import vector_norm
from minitensor.ops.random import rand, rand_like
from minitensor.ops.sort import kthvalue, topk
from minitensor.tensor import Tensor


class BasePruningMethod:
    """The base class of pruning methods: a rule that chooses, and the hook that multiplies by the mask.

    ``PRUNING_TYPE`` says what a second pruning sees: "unstructured" the entries that are left, "structured" the slices
    that are left, "global" everything.

    >>> import minitensor as torch
    >>> class Negative(torch.nn.utils.prune.BasePruningMethod):
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t > 0)
    >>> Negative().prune(torch.tensor([-1.0, 2.0]))
    tensor([-0., 2.])
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    _tensor_name: str = ""

    def __call__(self, module: Module, inputs: Any) -> None:
        """Set the tensor to its product with the mask."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask for a tensor of importances, with zeros at least where ``default_mask`` has some.

        Args:
            t: The importances, or those that are left.
            default_mask: The mask so far, of the same shape.
        """
        raise NotImplementedError(f"{type(self).__name__} is missing compute_mask")

    def apply_mask(self, module: Module) -> Tensor:
        """Return the pruned tensor of ``module``."""
        mask, original = getattr(module, self._tensor_name + "_mask"), getattr(module, self._tensor_name + "_orig")
        return mask.to(original.dtype) * original  # type: ignore[no-any-return]  # tensors, from a module

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune a parameter of a module.

        Args:
            module: The module, changed in place.
            name: Name of the parameter.
            *args, **kwargs: Arguments of the method's constructor.
            importance_scores: A tensor of the parameter's shape that takes its place in the choice. Default: ``None``.

        Returns:
            The method, which is now the parameter's hook.

        Raises:
            ValueError: If the module has no parameter of this name, or the scores have another shape.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        before = hook_of(module, name)
        value = parameter_of(module, name) if before is None else getattr(module, name)
        scores = importances(importance_scores, value)
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
        """Return a tensor with zeros where it is pruned, without a module.

        Args:
            t: The tensor.
            default_mask: The mask so far. Default: ``None``, all ones.
            importance_scores: A tensor of the same shape that takes its place in the choice. Default: ``None``.

        Raises:
            ValueError, AssertionError: If the importances have another shape.
        """
        scores = importances(importance_scores, t)
        return t * self.compute_mask(scores, ones_like(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned values the parameter of ``module`` itself."""
        name = self._tensor_name
        value, original = self.apply_mask(module), module._parameters[name + "_orig"]
        assert original is not None, "registered when it was pruned"
        for each in (name, name + "_orig", name + "_mask"):
            delattr(module, each)
        original.data = value.detach()
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several prunings of one parameter, one after another.

    Args:
        *methods: The methods, all for the same parameter.

    Raises:
        TypeError: If one is not a pruning method.
        ValueError: If they are for different parameters.

    >>> import minitensor as torch
    >>> prune = torch.nn.utils.prune
    >>> methods = [prune.L1Unstructured(1), prune.L1Unstructured(1)]
    >>> for method in methods:
    ...     method._tensor_name = "weight"
    >>> container = prune.PruningContainer(*methods)
    >>> len(container), container[0] is methods[0]
    (2, True)
    """

    PRUNING_TYPE = "global"

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if methods:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add one more ``method`` for the same parameter.

        Raises:
            TypeError: If it is not a pruning method.
            ValueError: If it is for another parameter.
        """
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
        """Let the last method choose among what the mask leaves.

        Raises:
            ValueError: If the ``PRUNING_TYPE`` of the last method is unknown.
        """
        method = self._pruning_methods[-1]
        left = remaining_entries(method, default_mask)
        mask = default_mask.to(t.dtype).clone()
        mask[left] = method.compute_mask(t[left], default_mask[left]).to(t.dtype)
        return mask


def remaining_entries(method: BasePruningMethod, mask: Tensor) -> Any:
    """Return an index of what a further pruning sees."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    if method.PRUNING_TYPE == "structured":
        dim = in_range(mask, getattr(method, "dim"))  # noqa: B009  # the base class has none
        kept = mask.sum(dim=[each for each in range(mask.ndim) if each != dim]) != 0
        return (*[slice(None)] * dim, kept)
    if method.PRUNING_TYPE == "global":
        return ()
    raise ArgumentError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


class Identity(BasePruningMethod):
    """Prune nothing, but create mask and original.

    >>> import minitensor as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> _ = torch.nn.utils.prune.Identity.apply(layer, "weight")
    >>> layer.weight_mask, hasattr(layer, "weight_orig")
    (tensor([[1., 1.]]), True)
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask unchanged."""
        return default_mask


def is_a(kind: type[Any], number: object) -> bool:
    """Tell whether a number, Python's or another library's, is of a type."""
    return isinstance(number, kind)


class Amount(BasePruningMethod):
    """The base class of methods that prune an amount: a fraction from 0 to 1, or a number of entries or slices.

    Args:
        amount: Fraction from 0 to 1 if a float, or number if an int.

    Raises:
        TypeError: If ``amount`` is not a number.
        ValueError: If it is negative, or a fraction above 1.
    """

    def __init__(self, amount: float) -> None:
        if not is_a(Real, amount) or isinstance(amount, bool):
            raise ArgumentTypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if amount < 0 or (amount > 1 and not is_a(Integral, amount)):
            raise ArgumentError(
                f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
            )
        self.amount = amount

    def of(self, size: int) -> int:
        """Return how many of ``size`` to prune."""
        if not is_a(Integral, self.amount):
            return round(self.amount * size)
        if self.amount > size:
            raise ArgumentError(f"amount={self.amount} should be smaller than the number of parameters to prune={size}")
        return int(self.amount)


def without(mask: Tensor, places: Tensor) -> Tensor:
    """Return a copy of a mask with zeros at flat indices."""
    flat = mask.clone(memory_format=contiguous_format).view(-1)
    flat[places] = 0
    return flat.view(mask.shape)


class RandomUnstructured(Amount):
    """Prune random entries.

    Args:
        amount: Fraction from 0 to 1 if a float, or number if an int.

    Raises:
        TypeError: If ``amount`` is not a number.
        ValueError: If it is negative, or a fraction above 1.

    >>> import minitensor as torch
    >>> method = torch.nn.utils.prune.RandomUnstructured(amount=0.5)
    >>> method.prune(torch.ones(4)).sum()
    tensor(2.)
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Draw the entries to prune."""
        count = self.of(t.numel())
        return without(default_mask, topk(rand_like(t).view(-1), count).indices) if count else default_mask.clone()


class L1Unstructured(Amount):
    """Prune the entries closest to zero.

    Args:
        amount: Fraction from 0 to 1 if a float, or number if an int.

    Raises:
        TypeError: If ``amount`` is not a number.
        ValueError: If it is negative, or a fraction above 1.

    >>> import minitensor as torch
    >>> method = torch.nn.utils.prune.L1Unstructured(amount=1)
    >>> method.prune(torch.tensor([3.0, -1.0, 2.0]))
    tensor([3., -0., 2.])
    """

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Find the smallest entries."""
        count = self.of(t.numel())
        if not count:
            return default_mask.clone()
        return without(default_mask, topk(t.abs().reshape(-1), count, largest=False).indices)


class Slices(Amount):
    """The base class of methods that prune whole slices along a dim."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Keep the chosen slices, where the mask does."""
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
        kept: Any = (*[slice(None)] * dim, self.slices_to_keep(t, dim, count))
        mask[kept] = 1
        return mask * default_mask.to(mask.dtype)

    def slices_to_keep(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Return an index of the slices that stay when ``count`` are pruned."""
        raise NotImplementedError(f"{type(self).__name__} is missing slices_to_keep")


class RandomStructured(Slices):
    """Prune random slices.

    Args:
        amount: Fraction from 0 to 1 if a float, or number if an int.
        dim: Dim along which slices are taken. Default: ``-1``.

    Raises:
        TypeError: If ``amount`` is not a number.
        ValueError: If it is negative, or a fraction above 1.

    >>> import minitensor as torch
    >>> method = torch.nn.utils.prune.RandomStructured(amount=1, dim=0)
    >>> method.prune(torch.ones(3, 2)).sum()
    tensor(4.)
    """

    def slices_to_keep(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Draw the slices that stay when ``count`` of ``t`` are pruned."""
        drawn: Tensor = rand(t.shape[dim])
        stays: Tensor = drawn > kthvalue(drawn, count).values
        return stays.to(t.device)


class LnStructured(Slices):
    """Prune the slices with the smallest n-norm.

    Args:
        amount: Fraction from 0 to 1 if a float, or number if an int.
        n: Order of the norm, a number, ``inf`` or ``"fro"``.
        dim: Dim along which slices are taken. Default: ``-1``.

    Raises:
        TypeError: If ``amount`` is not a number.
        ValueError: If it is negative, or a fraction above 1.

    >>> import minitensor as torch
    >>> method = torch.nn.utils.prune.LnStructured(amount=1, n=2, dim=0)
    >>> method.prune(torch.tensor([[3.0, 4.0], [1.0, 1.0]]))
    tensor([[3., 4.],
            [0., 0.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def slices_to_keep(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Find the slices of ``t`` with the largest norms, all but ``count``."""
        order, others = 2 if self.n == "fro" else self.n, tuple([each for each in range(t.ndim) if each != dim])
        lengths = vector_norm(t, order, others)
        largest: Tensor = topk(lengths, t.shape[dim] - count).indices
        return largest


class CustomFromMask(BasePruningMethod):
    """Prune by a given mask.

    Args:
        mask: Zeros where to prune, of the parameter's shape.

    >>> import minitensor as torch
    >>> layer = torch.nn.Linear(2, 1)
    >>> _ = torch.nn.utils.prune.CustomFromMask.apply(layer, "weight", torch.tensor([[1.0, 0.0]]))
    >>> layer.weight_mask
    tensor([[1., 0.]])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Keep what both masks keep.

        Raises:
            ValueError, AssertionError: If the given mask has another shape.
        """
        if default_mask.shape != self.mask.shape:
            raise GuardError(
                f"the mask must have the parameter's shape {tuple(default_mask.shape)}, got {tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """Return the pruning of a parameter, and the number under which its hook is registered."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None


def parameter_of(module: Module, name: str) -> Parameter:
    """Return a parameter, or raise if there is none."""
    found = module._parameters.get(name)
    if found is None:
        raise MissingParameterError(
            f"{module} has no parameter {name!r} to prune; it has {', '.join(module._parameters)}"
        )
    return found


def importances(scores: Tensor | None, value: Tensor) -> Tensor:
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
