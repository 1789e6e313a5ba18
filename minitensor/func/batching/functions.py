"""A user's ``Function`` under ``vmap``: computed by its own rule, or by its methods on samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.autograd.function import Function, FunctionCtx
from minitensor.autograd.interpreters import PROCEED, interpreted_by, interpreters, restore
from minitensor.base import TensorBase
from minitensor.func.batching.batched import Batched, Level, batch
from minitensor.utils._pytree import rebuild

if TYPE_CHECKING:
    from collections.abc import Sequence


class VmapInfo(NamedTuple):
    """What the ``vmap`` method of a ``Function`` learns."""

    batch_size: int
    randomness: str


class MappingLevel(Level):
    """A level of ``vmap`` that also runs a user's functions."""

    __slots__ = ()

    def run_function(self, cls: Any, args: Sequence[Any]) -> Any:
        """Compute a ``Function`` for all samples: by its method ``vmap``, or by mapping its methods."""
        pairs = [take_samples(each, self.number) for each in args]
        dims, values = tuple([dim for _, dim in pairs]), [value for value, _ in pairs]
        if all(dim is None for dim in dims):
            return PROCEED
        stack = interpreters.get()
        with restore(tuple([each for each in stack if each is not self])):
            if cls.vmap is Function.vmap:
                output = MappedFunction.apply(Mapping(cls, self, dims), *values)
                return give_samples(output, 0, self.number)
            output, out_dims = cls.vmap(VmapInfo(self.size, self.randomness), dims, *values)
            return give_samples(output, out_dims, self.number)


def take_samples(value: Any, level: int) -> tuple[Any, int | None]:
    """Return a tensor with all samples of a level and their dim, or another value and None."""
    if isinstance(value, Batched) and value.level == level:
        return value.physical, 0
    return value, None


def give_samples(output: Any, dims: Any, level: int) -> Any:
    """Return outputs with all samples as samples of a level, given the dims of the samples in them."""
    if isinstance(output, (tuple, list)):
        each_dim = dims if isinstance(dims, (tuple, list)) else [dims] * len(output)
        return rebuild(type(output), [give_samples(*pair, level) for pair in zip(output, each_dim, strict=True)])
    return output if dims is None or not isinstance(output, TensorBase) else batch(output.movedim(dims, 0), level)


class Mapping(NamedTuple):
    """How a ``Function`` is mapped: the class, the level, and the dim of the samples in each argument or None."""

    cls: Any
    level: Level
    dims: tuple[int | None, ...]

    def all_samples(self, value: Any) -> Any:
        """Return a result with all samples: what does not differ from sample to sample is repeated."""
        value, dim = take_samples(value, self.level.number)
        if dim is not None or not isinstance(value, TensorBase):
            return value
        return value.expand(self.level.size, *value.shape)

    def gradient(self, value: Any, dim: int | None) -> Any:
        """Return the gradient of an argument: for each sample, or their sum if the samples share it."""
        if value is None:
            return None
        samples = self.all_samples(value)
        return samples.sum(0) if dim is None else samples


class MappedContext(FunctionCtx):
    """The ctx of a ``Function`` for all samples; its saved tensors are samples."""

    tensors: tuple[Any, ...] = ()

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors."""
        return self.tensors


class MappedFunction(Function):
    """A ``Function`` for all samples at once: its methods run on samples, forward and backward."""

    @staticmethod
    def forward(ctx: Any, mapping: Mapping, *values: Any) -> Any:
        """Call the ``forward`` of the class on samples, and take what it saved and marked."""
        cls, level, dims = mapping
        inner = MappedContext()
        inner.needs_input_grad = ctx.needs_input_grad[1:]
        with interpreted_by(level):
            pairs = zip(values, dims, strict=True)
            args = [value if dim is None else batch(value, level.number) for value, dim in pairs]
            if cls.setup_context is Function.setup_context:
                results = cls.forward(inner, *args)
            else:
                results = cls.forward(*args)
                cls.setup_context(inner, tuple(args), results)
            outputs = gather_outputs(results, mapping)
        ctx.mapping, ctx.inner = mapping, inner
        saved = [take_samples(each, level.number) for each in inner.to_save]
        ctx.saved_dims = [dim for _, dim in saved]
        ctx.save_for_backward(*[value for value, _ in saved])
        ctx.for_jvp = [take_samples(each, level.number) for each in inner.saved_for_forward or ()]
        ctx.mark_non_differentiable(*[take_samples(each, level.number)[0] for each in inner.non_differentiable])
        ctx.mark_dirty(*[take_samples(each, level.number)[0] for each in inner.dirty_tensors])
        ctx.set_materialize_grads(inner.materialize_grads)
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Call the ``backward`` of the class on samples, at a level of its own."""
        mapping = ctx.mapping._replace(level=MappingLevel(ctx.mapping.level.size, ctx.mapping.level.randomness))
        number = mapping.level.number
        with interpreted_by(mapping.level):
            ctx.inner.tensors = tuple([
                value if dim is None else batch(value, number)
                for value, dim in zip(ctx.saved_tensors, ctx.saved_dims, strict=True)
            ])
            backward = mapping.cls.backward if mapping.cls.vjp is Function.vjp else mapping.cls.vjp
            found = backward(ctx.inner, *[None if each is None else batch(each, number) for each in grads])
            found = found if isinstance(found, tuple) else (found,)
            return None, *[mapping.gradient(each, dim) for each, dim in zip(found, mapping.dims, strict=True)]

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """Call the ``jvp`` of the class on samples, at a level of its own."""
        mapping = ctx.mapping._replace(level=MappingLevel(ctx.mapping.level.size, ctx.mapping.level.randomness))
        number = mapping.level.number
        with interpreted_by(mapping.level):
            ctx.inner.tensors = tuple([value if dim is None else batch(value, number) for value, dim in ctx.for_jvp])
            pairs = zip(tangents[1:], mapping.dims, strict=True)
            found = mapping.cls.jvp(
                ctx.inner, *[each if each is None or dim is None else batch(each, number) for each, dim in pairs]
            )
            return gather_outputs(found, mapping)


def gather_outputs(results: Any, mapping: Mapping) -> Any:
    """Return the results of a ``forward`` with all samples."""
    if isinstance(results, tuple):
        return tuple([mapping.all_samples(each) for each in results])
    return mapping.all_samples(results)
