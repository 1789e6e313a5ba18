"""``vmap``: a function of one sample, computed for all samples at once.

Inputs lose the mapped dim and become ``Batched``; what the function returns gets it back. How operations compute on all
samples is told in ``batching/``; here are dims, structures and chunks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, BatchingError, DimError, NoValues
from minitensor.func.batching.batched import Batched, Level, batch
from minitensor.func.trees import Plan, spread, take_apart
from minitensor.generator import default_generator
from minitensor.ops.join import cat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from minitensor.tensor import Tensor

F = TypeVar("F", bound="Callable[..., Any]")

RANDOMNESS = ("error", "different", "same")


def vmap(
    func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes ``func`` for every entry of a dim of its inputs, all at once.

    Inside, tensors have the shape of one sample, and operations see no other. It gives what a loop over the samples and
    ``stack`` give, mostly much sooner.

    Args:
        in_dims: Which dim of each positional input counts the samples; None for an input that all share. One int for
            all inputs, or a tuple that may nest as the inputs do. Keyword arguments are shared.
        out_dims: Where that dim goes in each output, likewise; None for an output that is the same for all.
        randomness: Whether random functions inside are refused ("error"), draw "different" numbers for each sample, all
            at once, or the "same".
        chunk_size: Compute so many samples at a time, to save memory.

    What depends on values cannot be computed for all at once: ``if x > 0``, ``x.item()``, ``nonzero``; such calls
    raise. An operation without a batching rule warns and is computed sample by sample.

    >>> import minitensor as torch
    >>> rows = torch.tensor([[1., 2.], [3., 4.]])
    >>> torch.vmap(torch.dot)(rows, rows)
    tensor([ 5., 25.])
    >>> torch.vmap(torch.dot, in_dims=(0, None))(rows, torch.tensor([1., 10.]))
    tensor([21., 43.])
    """
    if randomness not in RANDOMNESS:
        raise BatchingError(f"vmap: randomness must be one of {', '.join(RANDOMNESS)}, got {randomness!r}")
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"vmap: chunk_size must be at least 1, or None for all samples at once, got {chunk_size}")

    @functools.wraps(func)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, plan = take_apart(args)
        dims = checked_dims(func, in_dims, leaves, plan)
        size = mapped_size(leaves, dims)
        if chunk_size is None or size <= chunk_size:
            outputs, places, made = run(func, size, leaves, dims, plan, kwargs, out_dims, randomness)
            return made.build(outputs)
        state = default_generator.state_bytes() if randomness == "same" else None
        pieces = []
        for start in range(0, size, chunk_size):
            if state is not None:
                default_generator.set_state_bytes(state)
            some = piece(leaves, dims, start, chunk_size)
            pieces.append(run(func, min(chunk_size, size - start), some, dims, plan, kwargs, out_dims, randomness))
        _, places, made = pieces[0]
        return made.build([
            each[0] if place is None else cat(list(each), place)
            for each, place in zip(zip(*[outputs for outputs, _, _ in pieces], strict=True), places, strict=True)
        ])

    return mapped


def name_of(func: Any) -> str:
    """Return a function's name for messages."""
    return getattr(func, "__name__", None) or repr(func)


def checked_dims(func: Any, in_dims: Any, leaves: Sequence[Any], plan: Plan) -> list[int | None]:
    """Return the mapped dim of each input, counted from the front."""
    if not isinstance(in_dims, (int, tuple, list)):
        raise ArgumentError(
            f"vmap({name_of(func)}): expected in_dims to be an int or a (nested) tuple that matches the inputs, got "
            f"{type(in_dims).__name__}"
        )
    if not leaves:
        raise ArgumentError(
            f"vmap({name_of(func)}): got no inputs; a function without inputs cannot be mapped: give it the tensor "
            "whose entries it is to be called for"
        )
    found = spread(in_dims, plan)
    if found is None:
        raise ArgumentError(
            f"vmap({name_of(func)}): in_dims={in_dims!r} does not have the structure of the inputs; give one int, or a "
            f"tuple of {len(plan.children)}"
        )
    return [checked_dim(func, dim, leaf) for dim, leaf in zip(found, leaves, strict=True)]


def checked_dim(func: Any, dim: Any, leaf: Any) -> int | None:
    """Return the mapped dim of one input, counted from the front."""
    if dim is None:
        return None
    if not isinstance(dim, int) or isinstance(dim, bool):
        raise ArgumentError(f"vmap({name_of(func)}): in_dims must hold ints and None, got {dim!r}")
    if not isinstance(leaf, TensorBase):
        raise ArgumentError(
            f"vmap({name_of(func)}): got in_dim={dim} for an input of type {type(leaf).__name__}: only tensors can be "
            "mapped over; use None as its in_dim"
        )
    if not -leaf.ndim <= dim < leaf.ndim:
        raise ArgumentError(
            f"vmap({name_of(func)}): got in_dim={dim} for an input of shape {tuple(leaf.shape)}: it has {leaf.ndim} "
            "dims, and use None for an input that all samples share"
        )
    return dim % leaf.ndim


def mapped_size(leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    """Return how many samples there are; all inputs must agree."""
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ArgumentError("vmap: at least one input must be mapped over, but in_dims is None for all of them")
    if any(size != sizes[0] for size in sizes):
        raise ArgumentError(f"vmap: expected all tensors to have the same size in the mapped dimension, got {sizes}")
    return int(sizes[0])


def piece(leaves: Sequence[Any], dims: Sequence[int | None], start: int, length: int) -> list[Any]:
    """Return the inputs of some of the samples."""
    return [
        leaf if dim is None else leaf.narrow(dim, start, min(length, leaf.shape[dim] - start))
        for leaf, dim in zip(leaves, dims, strict=True)
    ]


def run(
    func: Callable[..., Any], size: int, leaves: Sequence[Any], dims: Sequence[int | None], plan: Plan,
    kwargs: dict[str, Any], out_dims: Any, randomness: str,
) -> tuple[list[Any], list[int | None], Plan]:
    """Compute all samples at once; return the outputs, where their mapped dims are, and their structure."""
    level = Level(size, randomness)
    samples = plan.build([
        leaf if dim is None else batch(leaf.movedim(dim, 0) if dim else leaf, level.number)
        for leaf, dim in zip(leaves, dims, strict=True)
    ])
    try:
        with interpreted_by(level):
            result = func(*samples, **kwargs)
    except NoValues as error:
        raise without_rule(error) from error
    outputs, made = take_apart(result)
    places = spread(out_dims, made)
    if places is None:
        raise ArgumentError(
            f"vmap({name_of(func)}): out_dims={out_dims!r} does not have the structure of the outputs; give one int, "
            "or a tuple that matches them"
        )
    return [
        unbatched(func, each, place, level) for each, place in zip(outputs, places, strict=True)
    ], places, made


def without_rule(error: NoValues) -> BatchingError:
    """Return the error for a function that asked for values where there are none; the traceback knows its name."""
    name, step = "a function", error.__traceback__
    while step is not None:
        frame = step.tb_frame
        place = frame.f_globals.get("__name__", "")
        if place.startswith(("minitensor.ops.", "minitensor.nn.functional.")):
            name = frame.f_code.co_name.strip("_")
            break
        step = step.tb_next
    return BatchingError(
        f"vmap: {name} has no batching rule: it looks at values, which differ from sample to sample; write it with "
        "other operations, call it outside of vmap, or loop over the samples"
    )


def unbatched(func: Any, output: Any, place: Any, level: Level) -> Any:
    """Return one output with the mapped dim where it is wanted."""
    if not isinstance(output, TensorBase):
        if place is None:
            return output
        raise ArgumentError(
            f"vmap({name_of(func)}): the function must return tensors, got {type(output).__name__}; give None as its "
            "out_dim if it is the same for all samples"
        )
    mine = isinstance(output, Batched) and output.level == level.number
    if place is None:
        if mine:
            raise ArgumentError(
                f"vmap({name_of(func)}): out_dims is None for an output that differs from sample to sample; give the "
                "place of the mapped dim"
            )
        return output
    if not isinstance(place, int):
        raise ArgumentError(f"vmap({name_of(func)}): out_dims must hold ints and None, got {place!r}")
    whole: Tensor = output.physical if mine else output.expand(level.size, *output.shape)
    if not -whole.ndim <= place < whole.ndim:
        raise DimError(
            f"vmap({name_of(func)}): out_dim={place} is no place in an output of {whole.ndim} dims, the mapped one "
            "included"
        )
    return whole.movedim(0, place) if place % whole.ndim else whole
