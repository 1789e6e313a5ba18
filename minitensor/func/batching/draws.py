"""Random numbers inside ``vmap``: refused, the same for all samples, or different ones, as its ``randomness`` says.

Note [One draw for all samples]. As in PyTorch, the numbers of all samples are drawn by one call, with the samples' dim
in front, and nested levels one around the other, the innermost first: their dims come before the sample's, the outer
one before the inner one. A tensor that is filled, or drawn like, is the whole one with its samples' dim moved to the
front, and gets its numbers in the order of its memory. What has no rule here is drawn sample by sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.errors import BatchingError
from minitensor.func.batching.families import Rows, has_rows, raised, sample
from minitensor.generator import default_generator
from minitensor.memory_format import preserve_format
from minitensor.ops.copy import writable_copy
from minitensor.ops.creation import empty
from minitensor.ops.join import stack
from minitensor.shapes import broadcast_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.func.batching.batched import Level

    Draw = Callable[..., Any]
    Options = dict[str, Any]


def draw(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw the same numbers or different ones for all samples of a level; levels around it see what is drawn here."""
    if level.randomness == "error":
        raise BatchingError(
            "vmap: called random operation while in randomness error mode: pass randomness='same' or 'different' to "
            "vmap, or draw outside of it"
        )
    rules = DIFFERENT if level.randomness == "different" else SAME
    if level.randomness == "same" and not has_rows([*args, *kwargs.values()]):
        return function(*args, **kwargs)
    return rules.get(function.__name__, one_each)(level, function, args, kwargs)


def all_rows(value: Any, level: Level) -> Any:
    """Return a tensor with all samples: one that is the same for each is shown again and again."""
    return value.tensor if isinstance(value, Rows) else value.expand(level.size, *value.shape)


# -- different numbers -------------------------------------------------------------------------------------------------


def of_a_shape(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw in a shape, with the samples' dim in front."""
    shape, *rest = args
    return Rows(function((level.size, *shape), *rest, **kwargs))


def of_all(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples."""
    input, *rest = args
    return Rows(function(all_rows(input, level), *rest, **kwargs))


def of_all_in_memory(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples, in the order in which these lie in memory."""
    return of_all(level, function, args, {**kwargs, "memory_format": preserve_format})


def of_all_in_order(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples, in the order of their dims."""
    input, *rest = args
    rows = tensor_of(input).new_empty((level.size, *input.shape))
    return Rows(function(rows, *rest, **kwargs))


def of_operands(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of two operands that broadcast."""
    shape = broadcast_shapes(*[tuple(each.shape) for each in args if isinstance(each, (Rows, TensorBase))])
    if not has_rows(args):
        args = [each.expand(level.size, *shape) if isinstance(each, TensorBase) else each for each in args]
    return Rows(function(*[raised(each, len(shape)) for each in args], **kwargs))


def of_weights(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for the weights of all samples, each (n) or (rows, n), as for rows of one matrix."""
    input, *rest = args
    if input.ndim not in (1, 2):
        return one_each(level, function, args, kwargs)
    rows = all_rows(input, level)
    drawn = function(rows.flatten(0, 1) if input.ndim == 2 else rows, *rest, **kwargs)
    return Rows(drawn.reshape(*rows.shape[:-1], drawn.shape[-1]))


def into_all(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Fill all samples."""
    input, *rest = args
    if not isinstance(input, Rows):
        raise BatchingError(
            "vmap: cannot draw different numbers for each sample in place into a tensor of shape "
            f"{tuple(input.shape)} that is one for all samples; draw out of place, as with rand_like, or "
            "into a tensor made of a sample, as with sample.clone()"
        )
    options = {name: parameter(input, each, level) for name, each in kwargs.items()}
    function(input.tensor, *[parameter(input, each, level) for each in rest], **options)
    return input


def parameter(input: Rows, value: Any, level: Level) -> Any:
    """Return a parameter for the elements of all samples: a tensor broadcasts to one sample, not beyond."""
    if isinstance(value, Rows):
        return raised(value, input.ndim).expand(level.size, *input.shape)
    if not isinstance(value, TensorBase) or not value.ndim:
        return value
    return value.expand(input.shape).expand(level.size, *input.shape)


# -- the same numbers, where arguments differ from sample to sample ----------------------------------------------------


def of_the_first(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw as for the first sample."""
    input, *rest = args
    return function(input.tensor[0], *rest, **kwargs)


def of_one_in_order(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw as for one sample that is contiguous."""
    input, *rest = args
    return function(tensor_of(input).new_empty(input.shape), *rest, **kwargs)


def copied(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Fill one tensor, and copy it to all samples."""
    input, *rest = args
    if has_rows([*rest, *kwargs.values()]):
        return one_each(level, function, args, kwargs)
    blank = writable_copy(empty(*input.shape, dtype=input.tensor.dtype, device=input.tensor.device), input.tensor)
    input.tensor.copy_(function(blank, *rest, **kwargs))
    return input


# -- sample by sample --------------------------------------------------------------------------------------------------


def one_each(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Call a random function for each sample, and stack what it returns."""
    generator = kwargs.get("generator") or default_generator
    state = generator.state_bytes() if level.randomness == "same" else None
    results = []
    for i in range(level.size):
        if state is not None:
            generator.set_state_bytes(state)
        options = {name: sample(each, i) for name, each in kwargs.items()}
        results.append(function(*[sample(each, i) for each in args], **options))
    return args[0] if function.__name__.endswith("_") else Rows(stack(results))


def tensor_of(value: Any) -> Any:
    """Return a tensor, or that with all samples."""
    return value.tensor if isinstance(value, Rows) else value


FILLS = (
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_",
)  # fmt: skip
LIKES = ("rand_like", "randint_like", "randn_like")

DIFFERENT = {
    "fresh": of_a_shape, "bernoulli": of_all, "normal_around": of_operands, "multinomial": of_weights,
    "draw_element_mask": of_all_in_order, "draw_exponential": of_all_in_memory,
    **dict.fromkeys(LIKES, of_all), **dict.fromkeys(FILLS, into_all),
}  # fmt: skip
SAME = {
    "draw_element_mask": of_one_in_order, "draw_exponential": of_one_in_order,
    **dict.fromkeys(LIKES, of_the_first), **dict.fromkeys(FILLS, copied),
}  # fmt: skip
"""Which rule draws for all samples of a level what a function of a name draws."""
