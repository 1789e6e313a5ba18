"""The state of autocast, and the caster that functions ask while it is on.

Note [Where autocast casts]. Every public function asks ``autograd.protocol.override_function`` before it runs, if
anything is active. Casting happens there and not in an interpreter: half of PyTorch's lists are functions composed of
operations, such as losses, and an interpreter sees the operations only. Nothing is cast inside a function that cast its
arguments, in a backward pass, or where a function writes into ``out`` or into its input, as in PyTorch.

Note [The weight cache]. A parameter is cast once in a region, so that a layer that is used twice does not cast twice.
The cache is emptied at the end of the outermost region. PyTorch returns the former cast of a parameter that was changed
in the region, and a cast without a graph of one that was first used under ``no_grad``; here both are cast again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor import dtypes
from minitensor.amp.policies import POLICIES, Policy, policy_of
from minitensor.autograd.mode import is_grad_enabled
from minitensor.autograd.protocol import PROCEED, Caster, active, cast_nothing, casting
from minitensor.base import TensorBase
from minitensor.errors import DtypeError

if TYPE_CHECKING:
    from minitensor.dtypes import dtype as Dtype
    from minitensor.storage import Storage

# The kinds of devices for which PyTorch has autocast, and their default dtypes.
DEFAULTS: Mapping[str, Dtype] = {
    "cpu": dtypes.bfloat16, "cuda": dtypes.float16, "hpu": dtypes.bfloat16, "ipu": dtypes.float16,
    "maia": dtypes.bfloat16, "mps": dtypes.float16, "mtia": dtypes.float16, "xla": dtypes.bfloat16,
    "xpu": dtypes.float16,
}  # fmt: skip
SUPPORTED = (dtypes.bfloat16, dtypes.float16)


class Weight(NamedTuple):
    """A parameter that was cast, what it was then, and the result."""

    tensor: Any
    storage: Storage
    version: int
    recorded: bool
    cast: Any

    def is_current(self) -> bool:
        """Whether a cast now would be the same."""
        tensor = self.tensor
        same = tensor.storage is self.storage and tensor.version == self.version
        return same and self.recorded == is_grad_enabled()


Cache = dict[tuple[int, "Dtype"], Weight]


class State(NamedTuple):
    """Which devices cast to which dtypes, in this thread and task."""

    enabled: frozenset[str] = frozenset()
    dtypes: Mapping[str, Dtype] = DEFAULTS
    caches: bool = True
    depth: int = 0  # how many regions are open


OFF = State()
state: ContextVar[State] = ContextVar("state", default=OFF)
weights: ContextVar[Cache | None] = ContextVar("weights", default=None)


def set_state(new: State) -> None:
    """Change the state, and let functions ask a caster if autocast is on for any device."""
    state.set(new)
    set_caster(TypeCaster(new) if new.enabled else None)


def set_caster(new: Caster | None) -> None:
    """Make functions ask another caster, or none."""
    former = casting.get()
    if new is not None:
        active.append(new)
    casting.set(new)
    if former is not None and former in active:
        active.remove(former)


@contextmanager
def in_state(new: State) -> Iterator[None]:
    """Have another state in a block, and what was before afterwards."""
    former, caster = state.get(), casting.get()
    set_state(new)
    try:
        yield
    finally:
        state.set(former)
        set_caster(caster)
        if former.depth == 0:
            cache().clear()


def cache() -> Cache:
    """Return the weight cache of this thread and task."""
    found = weights.get()
    if found is None:
        weights.set(found := {})
    return found


class TypeCaster:
    """Casts the arguments of listed functions."""

    def __init__(self, state: State) -> None:
        self.state = state

    def call(self, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any] | None) -> Any:
        """Call a listed function with cast arguments."""
        name = function.__name__
        if name not in POLICIES:
            return PROCEED
        named = kwargs or {}
        policy = policy_of(name, args, named)
        if policy is None or named.get("out") is not None:
            return PROCEED
        device = next((each.device.type for each in tensors_among((*args, *named.values()))), None)
        if device not in self.state.enabled:
            return PROCEED
        with cast_nothing():
            to = Cast(device, self.state.dtypes[device], self.state.caches)
            cast = to.convert(policy, name, (*args, *named.values()))
            return function(*cast[: len(args)], **dict(zip(named, cast[len(args) :], strict=True)))


class Cast(NamedTuple):
    """How the tensors of one call are cast."""

    device: str
    lower: Dtype
    caches: bool

    def convert(self, policy: Policy, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """Return arguments in the dtype that a policy wants."""
        if policy is Policy.LEAVE:
            return values
        if policy is Policy.LOWER:
            return [self.cast(each, self.lower) for each in values]
        single = policy is Policy.SINGLE
        wanted = dtypes.float32 if single else self.widest(name, values)
        return [self.cast(each, wanted) for each in values]

    def cast(self, value: Any, dtype: Dtype) -> Any:
        """Return a tensor, or the tensors in a list or tuple, in a dtype; return other values as they are."""
        if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
            return type(value)([self.cast(each, dtype) for each in value])
        if not self.is_eligible(value) or value.dtype is dtype:
            return value
        return self.cast_weight(value) if dtype is self.lower and self.is_weight(value) else value.to(dtype)

    def is_eligible(self, value: Any) -> bool:
        """Whether a value is a tensor that may be cast."""
        if not isinstance(value, TensorBase) or value.device.type != self.device:
            return False
        return value.dtype.is_floating_point and value.dtype is not dtypes.float64

    def is_weight(self, tensor: Any) -> bool:
        """Whether a cast is worth keeping: the tensor is a float32 leaf that requires grad."""
        return self.caches and tensor.dtype is dtypes.float32 and tensor.is_leaf and tensor.requires_grad

    def cast_weight(self, tensor: Any) -> Any:
        """Return a parameter in the lower dtype, from the cache if it is there and has not changed."""
        known = cache()
        key = (id(tensor), self.lower)
        found = known.get(key)
        if found is None or not found.is_current():
            made = tensor.to(self.lower)
            found = known[key] = Weight(tensor, tensor.storage, tensor.version, is_grad_enabled(), made)
        return found.cast

    def widest(self, name: str, values: Sequence[Any]) -> Dtype:
        """Return float32 if a tensor has it, or else the lower dtype."""
        found = self.lower
        for each in tensors_among(values):
            if not self.is_eligible(each):
                continue
            if each.dtype is dtypes.float32:
                found = dtypes.float32
            elif found is not dtypes.float32 and each.dtype is not self.lower:
                raise DtypeError(
                    f"{name}: autocast to {self.lower} got an argument of {each.dtype}; cast it to {self.lower} or "
                    "float32 first"
                )
        return found


def tensors_among(values: Sequence[Any]) -> list[Any]:
    """Return the tensors among values and in lists and tuples of values."""
    found: list[Any] = []
    for each in values:
        if isinstance(each, TensorBase):
            found.append(each)
        elif isinstance(each, (list, tuple)):
            found.extend(tensors_among(each))
    return found
