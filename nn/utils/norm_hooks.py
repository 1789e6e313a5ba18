"""Deprecated weight norm and spectral norm, which compute the weight by a hook before each forward.

Their state dicts have other names than those of ``parametrizations`` (``weight_g`` and ``weight_v``; ``weight_orig``,
``weight_u``, ``weight_v``); they are kept for networks that were saved with them.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.autograd.misuse import composite_with_own_checks
from minitensor.autograd.mode import no_grad
from minitensor.callers import user_level
from minitensor.compat.reasons import attributes_of
from minitensor.errors import ArgumentError, MissingParameterError, UsageError
from minitensor.memory_format import contiguous_format
from minitensor.nn import functional as F
from minitensor.nn.module import Module
from minitensor.nn.parameter import Parameter, is_lazy
from minitensor.nn.state import ReturnsNothing
from minitensor.nn.utils.parametrizations import (
    as_matrix,
    check_iterations,
    first_vectors,
    norm_except_dim,
    scale_to,
    spectral_dim,
    whole_dim,
)
from minitensor.tensor import Tensor

M = TypeVar("M", bound=Module)


class WeightNorm:
    """A hook that sets ``weight`` to ``weight_g * weight_v / ||weight_v||``."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else whole_dim(dim)

    def compute_weight(self, module: Module) -> Tensor:
        """Return the weight."""
        return scale_to(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module).detach()
        for name in (self.name, self.name + "_g", self.name + "_v"):
            delattr(module, name)
        module.register_parameter(self.name, Parameter(weight))

    def __call__(self, module: Module, inputs: Any) -> None:
        """Set the weight."""
        setattr(module, self.name, self.compute_weight(module))


@composite_with_own_checks
def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Reparametrize a weight as ``g * v / ||v||`` by a hook (Salimans and Kingma 2016). Deprecated.

    Use ``parametrizations.weight_norm``; this one warns. It registers g as ``weight_g`` and v as ``weight_v``.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.
        dim: Dim along which each slice has a length of its own; None for one length. Default: ``0``.

    Returns:
        The module.

    Raises:
        ValueError: If the module has no parameter of this name, or one without a shape.
        RuntimeError: If the parameter has this hook already.
        IndexError: If there is no dim ``dim``.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
    >>> layer.weight_g.shape, layer.weight_v.shape
    (torch.Size([3, 1]), torch.Size([3, 2]))
    """
    warnings.warn(
        "nn.utils.weight_norm is deprecated in favor of nn.utils.parametrizations.weight_norm",
        FutureWarning,
        stacklevel=user_level(),
    )
    weight = free_parameter(module, name, WeightNorm, "weight_norm")
    made = WeightNorm(name, dim)
    length = norm_except_dim(weight.detach(), made.dim)
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(length))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    made(module, ())
    module.register_forward_pre_hook(made)
    return module


@composite_with_own_checks
def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Remove the hook of ``nn.utils.weight_norm``; the weight keeps its value.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.

    Returns:
        The module.

    Raises:
        ValueError: If the parameter does not have the hook.

    >>> import minitensor as torch
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
    >>> layer = torch.nn.utils.remove_weight_norm(layer)
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    take_hook(module, name, WeightNorm, "weight_norm").remove(module)
    return module


class SpectralNorm:
    """A hook that sets ``weight`` to ``weight_orig`` divided by its largest singular value.

    It keeps the singular vectors in ``weight_u`` and ``weight_v``, and updates them first in training.
    """

    version = 1

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        check_iterations(n_power_iterations)
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """Return the weight."""
        weight, u, v = [getattr(module, self.name + ending) for ending in ("_orig", "_u", "_v")]
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
            # Copies: the next forward changes the vectors in place before this one's backward has read them.
            u, v = u.clone(memory_format=contiguous_format), v.clone(memory_format=contiguous_format)
        normalized: Tensor = weight / u.dot(matrix.mv(v))
        return normalized

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again."""
        weight = self.compute_weight(module, do_power_iteration=False).detach()
        for ending in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + ending)
        module.register_parameter(self.name, Parameter(weight))

    def __call__(self, module: Module, inputs: Any) -> None:
        """Set the weight."""
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))


class VersionNote:
    """A hook that records in a state dict's metadata by which rules its singular vectors were kept."""

    def __init__(self, made: SpectralNorm) -> None:
        self.made = made

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        """Record the version."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.made.name}.version"] = self.made.version


class SecondVector:
    """A hook that computes ``weight_v`` for old state dicts of PyTorch, which have the normalized weight instead.

    v solves W v = sigma u by least squares; sigma is the ratio of the weight to the normalized one.
    """

    def __init__(self, made: SpectralNorm) -> None:
        self.made = made

    def __call__(
        self, module: Module, state_dict: dict[str, Any], prefix: str, local_metadata: dict[str, Any], *lists: Any
    ) -> None:
        """Add the vector to the state dict, and remove the normalized weight."""
        key = prefix + self.made.name
        given: dict[str, Any] = {ending: state_dict.get(key + ending) for ending in ("_orig", "", "_u")}
        version = local_metadata.get("spectral_norm", {}).get(f"{self.made.name}.version")
        if version or any(each is None for each in given.values()):
            return
        weight, normalized, u = given.values()
        matrix = as_matrix(weight, self.made.dim)
        v = (matrix.t().mm(matrix).pinverse() @ matrix.t() @ u.unsqueeze(1)).squeeze(1)
        del state_dict[key]
        state_dict[key + "_v"] = v * ((weight / normalized).mean() / u.dot(matrix.mv(v)))


@composite_with_own_checks
def spectral_norm(
    module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> M:
    """Keep the largest singular value of a weight at 1 by a hook (Miyato et al. 2018).

    ``parametrizations.spectral_norm`` is its successor.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.
        n_power_iterations: Steps of the power method at each forward in training. Default: ``1``.
        eps: Least norm by which a vector is divided. Default: ``1e-12``.
        dim: Dim of the outputs. Default: ``None``, 1 for transposed convolutions, else 0.

    Returns:
        The module.

    Raises:
        ValueError: If ``n_power_iterations`` is not positive, or the module has no parameter of this name, or one
            without a shape.
        RuntimeError: If the parameter has this hook already.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2))
    >>> [name for name, _ in layer.named_parameters()], [name for name, _ in layer.named_buffers()]
    (['bias', 'weight_orig'], ['weight_u', 'weight_v'])
    """
    made = SpectralNorm(name, n_power_iterations, spectral_dim(module, dim), eps)
    weight = free_parameter(module, name, SpectralNorm, "spectral_norm")
    u, v = first_vectors(as_matrix(weight.detach(), made.dim), eps)
    del module._parameters[name]
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.detach())  # A plain attribute until the first forward.
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(made)
    module.register_state_dict_post_hook(VersionNote(made))
    module.register_load_state_dict_pre_hook(SecondVector(made))
    return module


@composite_with_own_checks
def remove_spectral_norm(module: M, name: str = "weight") -> M:
    """Remove the hook of ``nn.utils.spectral_norm``; the weight keeps its value.

    Args:
        module: The module, changed in place.
        name: Name of the parameter. Default: ``"weight"``.

    Returns:
        The module.

    Raises:
        ValueError: If the parameter does not have the hook.

    >>> import minitensor as torch
    >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(2, 2))
    >>> layer = torch.nn.utils.remove_spectral_norm(layer)
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight']
    """
    take_hook(module, name, SpectralNorm, "spectral_norm").remove(module)
    for key, hook in list(module._state_dict_hooks.items()):
        note = hook.hook if isinstance(hook, ReturnsNothing) else None
        if isinstance(note, VersionNote) and note.made.name == name:
            del module._state_dict_hooks[key]
    for key, loading in list(module._load_state_dict_pre_hooks.items()):
        if isinstance(loading, SecondVector) and loading.made.name == name:
            del module._load_state_dict_pre_hooks[key]
    return module


def free_parameter(module: Module, name: str, kind: type[Any], what: str) -> Parameter:
    """Return a parameter; raise if there is none, or a hook of this kind computes it already."""
    if any(
        isinstance(hook, kind) and hook.name == name for hook in module._forward_pre_hooks.values()
    ):
        raise UsageError(f"Cannot register two {what} hooks on the same parameter {name}")
    weight = module._parameters.get(name)
    if weight is None:
        raise MissingParameterError(f"`{what}` cannot be applied as {module} has no parameter `{name}`, or it is None")
    if is_lazy(weight):
        raise ArgumentError(
            f"The module passed to `{what}` can't have uninitialized parameters: call it once before, with an input"
        )
    return weight


def take_hook(module: Module, name: str, kind: type[Any], what: str) -> Any:
    """Remove the hook of a parameter from a module and return it."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, kind) and hook.name == name:
            del module._forward_pre_hooks[key]
            return hook
    raise ArgumentError(f"{what} of '{name}' not found in {module}")

if not TYPE_CHECKING:  # with it, type checkers accept any name
    __getattr__ = attributes_of("minitensor.nn.utils")
