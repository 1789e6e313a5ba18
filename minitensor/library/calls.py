"""Calls of custom operations: each runs its kernel as an ``autograd.Function``, on tensors taken out of lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minitensor.autograd.function import Function
from minitensor.autograd.mode import is_grad_enabled
from minitensor.autograd.protocol import PROCEED, override_function
from minitensor.base import TensorBase
from minitensor.device import device
from minitensor.errors import BatchingError, GradError, UnsupportedError, UsageError
from minitensor.library.schema import Schema, bind
from minitensor.ops.aliasing import shares_storage
from minitensor.ops.join import stack

if TYPE_CHECKING:
    from minitensor.library.registry import OpOverload

NO_FORMULA = (
    "Trying to backward through {} but no autograd formula was registered. Please use register_autograd to add one."
)
ALIAS = (
    "{}: The output of this custom operator must not also be an input to this custom operator and may not alias any "
    "inputs to this custom operator or other returns; return a clone (x.clone())"
)


class Shape:
    """How values were nested: None for a value, or the shapes within a list or tuple of them."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.sizes = [len(each) if isinstance(each, (list, tuple)) else None for each in values]

    def nest(self, leaves: Sequence[Any]) -> list[Any]:
        """Return leaves in order, nested as the values were."""
        rest = iter(leaves)
        return [next(rest) if size is None else [next(rest) for _ in range(size)] for size in self.sizes]

    @staticmethod
    def leaves(values: Sequence[Any]) -> list[Any]:
        """Return what values and lists among them hold."""
        return [leaf for each in values for leaf in (each if isinstance(each, (list, tuple)) else (each,))]


class Results:
    """What a kernel returned: its tensors leave the function one by one, and come back together."""

    def __init__(self) -> None:
        self.shape = Shape(())
        self.is_tuple = False

    def unpack(self, found: Any) -> tuple[Any, ...]:
        self.is_tuple = isinstance(found, tuple)
        values = found if isinstance(found, tuple) else (found,)
        self.shape = Shape(values)
        return tuple(Shape.leaves(values))

    def pack(self, leaves: Sequence[Any]) -> Any:
        values = self.shape.nest(leaves)
        return tuple(values) if self.is_tuple else values[0]


class Opened:
    """A call that is under way: the operation, how its arguments were nested, and how its results were."""

    def __init__(self, op: OpOverload, values: Sequence[Any]) -> None:
        self.op, self.shape, self.results = op, Shape(values), Results()
        # PyTorch's formulas may leave out the last arguments that have their defaults.
        places = [i for i, each in enumerate(op._schema.arguments) if values[i] is not each.default]
        self.given = max([i + 1 for i in places if not op._schema.arguments[i].by_name_only], default=0)


class Generated(Function):
    """The calls of an operation. Each operation has a class of its own, whose name its nodes have."""

    @staticmethod
    def forward(ctx: Any, opened: Opened, *leaves: Any) -> Any:
        """Run the kernel, and save what the backward pass needs."""
        values, op = opened.shape.nest(leaves), opened.op
        results = opened.results.unpack(run_kernel(op, values))
        ctx.opened = opened
        if op.setup_context is not None:
            set_context(op, ctx, values, opened.results.pack(results))
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Call the user's formula."""
        op, sizes = ctx.opened.op, ctx.opened.shape.sizes
        if op.backward is None:
            raise GradError(NO_FORMULA.format(op))
        found = op.backward(ctx, *ctx.opened.results.shape.nest(grads))
        found = found if isinstance(found, tuple) else (found,)
        count = sum(not each.by_name_only for each in op._schema.arguments)
        if not ctx.opened.given <= len(found) <= count:
            raise GradError(
                f"{op}: the backward function returned {len(found)} gradients, expected {count}: one for each "
                "argument, None for those that are not tensors"
            )
        padded = zip((*found, *[None] * (len(sizes) - len(found))), sizes, strict=True)
        return None, *Shape.leaves([[None] * size if size and each is None else each for each, size in padded])

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], opened: Opened, *leaves: Any) -> Any:
        """Call the user's rule, or the operation on one sample after the other."""
        op = opened.op
        if op.batching_rule is None:
            return run_each(op, info.batch_size, in_dims[1:], opened, leaves)
        values = opened.shape.nest(leaves)
        count = sum(not each.by_name_only for each in op._schema.arguments)
        dims = tuple(opened.shape.nest(in_dims[1:]))[:count]
        found, out_dims = op.batching_rule(info, dims, *positional(op._schema, values), **by_name(op._schema, values))
        results = opened.results.unpack(found)
        if not isinstance(out_dims, (list, tuple)):
            return results, (out_dims,) * len(results)
        return results, tuple(Shape.leaves(out_dims))


def function_of(op: OpOverload) -> type[Function]:
    """Return the class that records the calls of an operation."""
    return type(f"GeneratedBackwardFor_{op.packet.path.replace('.', '_')}_{op.label}", (Generated,), {})


def set_context(op: OpOverload, ctx: Any, values: list[Any], output: Any) -> None:
    """Let the user's function save what the backward pass needs."""
    assert op.setup_context is not None
    inputs, named = tuple(positional(op._schema, values)), by_name(op._schema, values)
    more = {"keyword_only_inputs": named} if named else {}
    op.setup_context(ctx=ctx, inputs=inputs, output=output, **more)


def run_each(op: OpOverload, count: int, dims: Sequence[Any], opened: Opened, leaves: Sequence[Any]) -> Any:
    """Call an operation that has no rule for ``vmap`` on one sample after the other."""
    if op._schema.is_mutable:
        raise BatchingError(
            f"vmap: {op} writes to its arguments and has no rule for vmap; add one with torch.library.register_vmap"
        )
    rows = []
    for index in range(count):
        sample = [each if dim is None else each.select(dim, index) for each, dim in zip(leaves, dims, strict=True)]
        rows.append(opened.results.unpack(record(op, opened.shape.nest(sample))))
    if not rows:
        raise BatchingError(f"vmap: {op} has no rule for vmap, so it needs at least one sample")
    columns = [stack(each) if isinstance(each[0], TensorBase) else each[0] for each in zip(*rows, strict=True)]
    return tuple(columns), tuple([0 if isinstance(each, TensorBase) else None for each in columns])


# -- kernels -----------------------------------------------------------------------------------------------------------


def run_kernel(op: OpOverload, values: list[Any]) -> Any:
    """Call the kernel of an operation on all arguments in order."""
    schema, kernel = op._schema, choose_kernel(op, values)
    result = kernel(*without_defaults(schema, values), **by_name(schema, values, given=True))
    if op.refuses_aliases:
        check_results(op, values, result)
    for each, argument in zip(values, schema.arguments, strict=True):
        if argument.is_mutated:
            for tensor in Shape.leaves((each,)):
                tensor.storage.version += tensor is not None
    return result


def positional(schema: Schema, values: list[Any]) -> list[Any]:
    return [value for value, each in zip(values, schema.arguments, strict=True) if not each.by_name_only]


def by_name(schema: Schema, values: list[Any], given: bool = False) -> dict[str, Any]:
    """Return the arguments by name only; with ``given``, without those that are their defaults."""
    return {
        each.name: value for value, each in zip(values, schema.arguments, strict=True)
        if each.by_name_only and not (given and is_default(value, each.default))
    }


def without_defaults(schema: Schema, values: list[Any]) -> list[Any]:
    """Return the arguments by position, without the last ones that are their defaults.

    PyTorch passes those to no kernel: the kernel's own defaults count.
    """
    found = positional(schema, values)
    defaults = [each.default for each in schema.arguments if not each.by_name_only]
    while found and is_default(found[-1], defaults[len(found) - 1]):
        found.pop()
    return found


def is_default(value: Any, default: Any) -> bool:
    """Whether an argument is its default; a tensor never equals one."""
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return len(value) == len(default) and all(map(is_default, value, default))
    return value is default or (value.__class__ is default.__class__ and value == default)


def choose_kernel(op: OpOverload, values: list[Any]) -> Callable[..., Any]:
    """Return the kernel for the device of the arguments.

    Raises:
        NotImplementedError: If there is none.
        RuntimeError: If the device is "meta" and nothing says what the results look like.
    """
    kind = device_of(values)
    kernel = op.kernels.get(kind) or (op.kernels.get("") if kind != "meta" else None)
    if kernel is not None:
        return kernel
    if kind != "meta":
        raise UnsupportedError(
            f"Could not run {str(op._schema).partition('(')[0]!r} with arguments from the {kind.upper()!r} backend: "
            f"it has kernels for {sorted(op.kernels)}; add one with torch.library.register_kernel"
        )
    if op._schema.returns == ():
        return lambda *args, **kwargs: None
    raise UsageError(
        f"There was no fake impl registered for {op.owner}. The device 'meta' needs one. Please use "
        f"`{op.packet.path.rpartition('.')[2]}.register_fake` to add an fake impl."
    )


def device_of(values: list[Any]) -> str:
    """Return the kind of device of the first tensor, or the one that an argument names."""
    leaves = Shape.leaves(values)
    found = [each.device for each in leaves if isinstance(each, TensorBase)]
    found += [each for each in leaves if isinstance(each, device)]
    return found[0].type if found else "cpu"


def check_results(op: OpOverload, values: list[Any], result: Any) -> None:
    """Refuse results that are no tensors where the schema has tensors, and those that share memory."""
    results = result if isinstance(result, tuple) else () if result is None else (result,)
    wanted = op._schema.returns
    if len(results) != len(wanted):
        raise UsageError(f"{op}: expected {len(wanted)} results, got {len(results)}. Declaration: {op._schema}")
    for each, kind in zip(results, wanted, strict=True):
        if kind == "Tensor" and not isinstance(each, TensorBase):
            raise UsageError(f"{op}: Unable to cast {each!r} to Tensor. Declaration: {op._schema}")
    known = [each for each in Shape.leaves(values) if isinstance(each, TensorBase)]
    for each in Shape.leaves(results):
        if isinstance(each, TensorBase):
            if any(shares_storage(each, other) for other in known):
                raise UsageError(ALIAS.format(op))
            known.append(each)


# -- the call ----------------------------------------------------------------------------------------------------------


def call(op: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call an operation: let classes and modes take it over, or run its kernel and record it."""
    found = override_function(op, args, kwargs)
    if found is not PROCEED:
        return found
    return record(op, bind(op._schema, args, kwargs))


def record(op: OpOverload, values: list[Any]) -> Any:
    """Run the kernel of an operation on all arguments in order, and add a node to the graph."""
    if op.composite is not None:
        return op.composite(*without_defaults(op._schema, values), **by_name(op._schema, values, given=True))
    if not (op.refuses_aliases or op.backward or op.batching_rule):
        return run_kernel(op, values)  # the operations of the kernel are recorded
    require_formula(op, values)
    opened = Opened(op, values)
    leaves = op.function.apply(opened, *Shape.leaves(values))
    return opened.results.pack(leaves)


def require_formula(op: OpOverload, values: list[Any]) -> None:
    """Refuse writes to tensors that require a gradient, which would be wrong without a word."""
    if not op._schema.is_mutable or not is_grad_enabled():
        return
    for value, each in zip(values, op._schema.arguments, strict=True):
        if each.is_mutated and any(leaf is not None and leaf.requires_grad for leaf in Shape.leaves((value,))):
            raise GradError(
                f"{op} writes to {each.name!r}, which requires grad, and such an operation has no gradient; detach the "
                "tensor, or call it under no_grad()"
            )
