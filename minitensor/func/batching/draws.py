"""Random numbers inside ``vmap``: an error, the same for all samples, or different ones, by its ``randomness``.

Note [One draw for all samples]. As in PyTorch, one call draws the numbers of all samples, with dim 0 counting them. In
nested levels the dims of the samples come first, the outer level before the inner one. A fill, or a draw "like" another
tensor, uses the tensor with all samples and draws in the order of its memory. Functions without a rule here are drawn
sample by sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minitensor.base import TensorBase
from minitensor.errors import BatchingError
from minitensor.func.batching.families import Rows, add_dims, has_rows, take_sample
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
    """Draw the same or different numbers for all samples of a level; the draw itself goes to the outer levels."""
    if level.randomness == "error":
        raise BatchingError(
            "vmap: called random operation while in randomness error mode: pass randomness='same' or 'different' to "
            "vmap, or draw outside of it"
        )
    rules = DIFFERENT if level.randomness == "different" else SAME
    if level.randomness == "same" and not has_rows([*args, *kwargs.values()]):
        return function(*args, **kwargs)
    return rules.get(function.__name__, draw_each)(level, function, args, kwargs)


def all_rows(value: Any, level: Level) -> Any:
    """Return a tensor with all samples along dim 0; a shared tensor is expanded."""
    return value.tensor if isinstance(value, Rows) else value.expand(level.size, *value.shape)


# -- different numbers -------------------------------------------------------------------------------------------------


def draw_in_shape(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw a new tensor of a shape with dim 0 in front."""
    shape, *rest = args
    return Rows(function((level.size, *shape), *rest, **kwargs))


def draw_for_all(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples."""
    input, *rest = args
    return Rows(function(all_rows(input, level), *rest, **kwargs))


def draw_in_memory_order(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples, in the order of memory."""
    return draw_for_all(level, function, args, {**kwargs, "memory_format": preserve_format})


def draw_in_dim_order(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of all samples, in the order of their dims."""
    input, *rest = args
    rows = whole_tensor(input).new_empty((level.size, *input.shape))
    return Rows(function(rows, *rest, **kwargs))


def draw_for_operands(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for every element of two operands that broadcast."""
    shape = broadcast_shapes(*[tuple(each.shape) for each in args if isinstance(each, (Rows, TensorBase))])
    if not has_rows(args):
        args = [each.expand(level.size, *shape) if isinstance(each, TensorBase) else each for each in args]
    return Rows(function(*[add_dims(each, len(shape)) for each in args], **kwargs))


def draw_for_weights(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw for the weights of all samples, each (n) or (rows, n), as for the rows of one matrix."""
    input, *rest = args
    if input.ndim not in (1, 2):
        return draw_each(level, function, args, kwargs)
    rows = all_rows(input, level)
    drawn = function(rows.flatten(0, 1) if input.ndim == 2 else rows, *rest, **kwargs)
    return Rows(drawn.reshape(*rows.shape[:-1], drawn.shape[-1]))


def fill_all(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Fill all samples."""
    input, *rest = args
    if not isinstance(input, Rows):
        raise BatchingError(
            "vmap: cannot draw different numbers for each sample in place into a tensor of shape "
            f"{tuple(input.shape)} that all samples share; draw out of place, as in rand_like, or into a tensor made "
            "from a sample, as in sample.clone()"
        )
    options = {name: expand_parameter(input, each, level) for name, each in kwargs.items()}
    function(input.tensor, *[expand_parameter(input, each, level) for each in rest], **options)
    return input


def expand_parameter(input: Rows, value: Any, level: Level) -> Any:
    """Return a parameter for the elements of all samples. A tensor broadcasts to the shape of one sample."""
    if isinstance(value, Rows):
        return add_dims(value, input.ndim).expand(level.size, *input.shape)
    if not isinstance(value, TensorBase) or not value.ndim:
        return value
    return value.expand(input.shape).expand(level.size, *input.shape)


# -- the same numbers, where arguments differ from sample to sample ----------------------------------------------------


def draw_as_first(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw once, like the first sample."""
    input, *rest = args
    return function(input.tensor[0], *rest, **kwargs)


def draw_as_contiguous(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Draw once, like one contiguous sample."""
    input, *rest = args
    return function(whole_tensor(input).new_empty(input.shape), *rest, **kwargs)


def fill_once(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Fill one tensor and copy it to all samples."""
    input, *rest = args
    if has_rows([*rest, *kwargs.values()]):
        return draw_each(level, function, args, kwargs)
    blank = writable_copy(empty(*input.shape, dtype=input.tensor.dtype, device=input.tensor.device), input.tensor)
    input.tensor.copy_(function(blank, *rest, **kwargs))
    return input


# -- sample by sample --------------------------------------------------------------------------------------------------


def draw_each(level: Level, function: Draw, args: Sequence[Any], kwargs: Options) -> Any:
    """Call a random function for each sample and stack the results."""
    generator = kwargs.get("generator") or default_generator
    state = generator.state_bytes() if level.randomness == "same" else None
    results = []
    for i in range(level.size):
        if state is not None:
            generator.set_state_bytes(state)
        options = {name: take_sample(each, i) for name, each in kwargs.items()}
        results.append(function(*[take_sample(each, i) for each in args], **options))
    return args[0] if function.__name__.endswith("_") else Rows(stack(results))


def whole_tensor(value: Any) -> Any:
    """Return a tensor; of ``Rows``, the one with all samples."""
    return value.tensor if isinstance(value, Rows) else value


FILLS = (
    "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "normal_", "random_", "uniform_",
)  # fmt: skip
LIKES = ("rand_like", "randint_like", "randn_like")

DIFFERENT = {
    "fresh": draw_in_shape, "bernoulli": draw_for_all, "normal_around": draw_for_operands,
    **dict.fromkeys(("poisson", "_standard_gamma", "_sample_dirichlet"), draw_for_all), "binomial": draw_for_operands,
    "multinomial": draw_for_weights, "draw_element_mask": draw_in_dim_order, "draw_exponential": draw_in_memory_order,
    **dict.fromkeys(LIKES, draw_for_all), **dict.fromkeys(FILLS, fill_all),
}  # fmt: skip
SAME = {
    "draw_element_mask": draw_as_contiguous, "draw_exponential": draw_as_contiguous,
    **dict.fromkeys(LIKES, draw_as_first), **dict.fromkeys(FILLS, fill_once),
}  # fmt: skip
"""From the name of a random function to the rule that draws for all samples of a level."""
