"""``vmap``: a function of one sample, computed for all samples at once.

Inputs lose the mapped dim and become ``Batched``; outputs get it back. ``batching/`` says how operations compute on all
samples; this file handles dims, structures and chunks.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from minitensor.autograd.interpreters import interpreted_by
from minitensor.base import TensorBase
from minitensor.errors import ArgumentError, BatchingError, DimError, NoValuesError
from minitensor.func.batching.batched import Batched, Level, batch
from minitensor.func.batching.functions import MappingLevel
from minitensor.generator import default_generator
from minitensor.ops.join import cat
from minitensor.utils._pytree import TreeSpec, broadcast_prefix, tree_flatten

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

    Inside ``func``, tensors have the shape of one sample. The result is that of a loop over the samples with ``stack``,
    in most cases much faster.

    Args:
        func: takes and returns tensors, also in nested tuples, lists and dicts.
        in_dims: the dim of each positional input that counts the samples, or None for an input that all samples share.
            One int for all inputs, or a tuple that nests as the inputs do. Default: 0. Keyword arguments are shared.
        out_dims: the place of that dim in each output, or None for an output that is the same for all samples. One int
            for all outputs, or a tuple that nests as they do. Default: 0.
        randomness: "error" makes random functions in ``func`` raise, "different" draws different numbers for each
            sample, "same" the same numbers. Default: "error".
        chunk_size: the number of samples to compute at a time, to save memory. Default: None, all at once.

    Code that depends on values cannot be computed for all samples at once: ``if x > 0``, ``x.item()`` and ``nonzero``
    raise. An operation without a batching rule is computed sample by sample, with a warning.

    Raises:
        RuntimeError: If ``randomness`` is another string; in a call, ``func`` depends on values or draws random
            numbers.
        ValueError: If ``chunk_size`` is less than 1; or, in a call, dims do not fit the inputs or outputs.

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
    def batched_func(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(args)
        dims = check_in_dims(func, in_dims, leaves, spec)
        size = count_samples(leaves, dims)
        if chunk_size is None or size <= chunk_size:
            outputs, _, out_spec = run_batch(func, size, leaves, dims, spec, kwargs, out_dims, randomness)
            return out_spec.unflatten(outputs)
        state = default_generator.state_bytes() if randomness == "same" else None
        chunks = []
        for start in range(0, size, chunk_size):
            if state is not None:
                default_generator.set_state_bytes(state)
            some = narrow_samples(leaves, dims, start, chunk_size)
            count = min(chunk_size, size - start)
            chunks.append(run_batch(func, count, some, dims, spec, kwargs, out_dims, randomness))
        return join_chunks(chunks)

    return batched_func


def join_chunks(chunks: Sequence[tuple[list[Any], list[int | None], TreeSpec]]) -> Any:
    """Concatenate the outputs of several chunks of samples along their mapped dims."""
    _, places, out_spec = chunks[0]
    return out_spec.unflatten([
        each[0] if place is None else cat(list(each), place)
        for each, place in zip(zip(*[outputs for outputs, _, _ in chunks], strict=True), places, strict=True)
    ])


def name_of(func: Any) -> str:
    """Return a function's name for messages."""
    return getattr(func, "__name__", None) or repr(func)


def check_in_dims(func: Any, in_dims: Any, leaves: Sequence[Any], spec: TreeSpec) -> list[int | None]:
    """Validate ``in_dims``; return the mapped dim of each leaf, counted from the front."""
    if not isinstance(in_dims, (int, tuple, list)):
        raise ArgumentError(
            f"vmap({name_of(func)}): expected in_dims to be an int or a (nested) tuple that matches the inputs, got "
            f"{type(in_dims).__name__}"
        )
    if not leaves:
        raise ArgumentError(
            f"vmap({name_of(func)}): got no inputs; give the function at least one tensor with a dim to map over"
        )
    found = broadcast_prefix(in_dims, spec)
    if found is None:
        raise ArgumentError(
            f"vmap({name_of(func)}): in_dims={in_dims!r} does not have the structure of the inputs; give one int, or a "
            f"tuple of {spec.num_children}"
        )
    return [check_in_dim(func, dim, leaf) for dim, leaf in zip(found, leaves, strict=True)]


def check_in_dim(func: Any, dim: Any, leaf: Any) -> int | None:
    """Validate the mapped dim of one leaf; return it counted from the front."""
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
            "dims; use None for an input that all samples share"
        )
    return dim % leaf.ndim


def count_samples(leaves: Sequence[Any], dims: Sequence[int | None]) -> int:
    """Return the number of samples; raise unless all mapped dims have the same size."""
    sizes = [leaf.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ArgumentError("vmap: at least one input must be mapped over, but in_dims is None for all of them")
    if any(size != sizes[0] for size in sizes):
        raise ArgumentError(f"vmap: expected all tensors to have the same size in the mapped dimension, got {sizes}")
    return int(sizes[0])


def narrow_samples(leaves: Sequence[Any], dims: Sequence[int | None], start: int, length: int) -> list[Any]:
    """Narrow the inputs to ``length`` samples from ``start`` on."""
    return [
        leaf if dim is None else leaf.narrow(dim, start, min(length, leaf.shape[dim] - start))
        for leaf, dim in zip(leaves, dims, strict=True)
    ]


def run_batch(
    func: Callable[..., Any], size: int, leaves: Sequence[Any], dims: Sequence[int | None], spec: TreeSpec,
    kwargs: dict[str, Any], out_dims: Any, randomness: str,
) -> tuple[list[Any], list[int | None], TreeSpec]:
    """Compute all samples at once; return the outputs, the places of their mapped dims, and their structure."""
    level = MappingLevel(size, randomness)
    samples = spec.unflatten([
        leaf if dim is None else batch(leaf.movedim(dim, 0) if dim else leaf, level.number)
        for leaf, dim in zip(leaves, dims, strict=True)
    ])
    try:
        with interpreted_by(level):
            result = func(*samples, **kwargs)
    except NoValuesError as error:
        raise missing_rule_error(error) from error
    outputs, out_spec = tree_flatten(result)
    places = broadcast_prefix(out_dims, out_spec)
    if places is None:
        raise ArgumentError(
            f"vmap({name_of(func)}): out_dims={out_dims!r} does not have the structure of the outputs; give one int, "
            "or a tuple that matches them"
        )
    return [
        unbatch(func, each, place, level) for each, place in zip(outputs, places, strict=True)
    ], places, out_spec


def missing_rule_error(error: NoValuesError) -> BatchingError:
    """Return the error for a function that read values inside ``vmap``; its name is taken from the traceback."""
    name, step = "a function", error.__traceback__
    while step is not None:
        frame = step.tb_frame
        place = frame.f_globals.get("__name__", "")
        if place.startswith(("minitensor.ops.", "minitensor.nn.functional.")):
            name = frame.f_code.co_name.strip("_")
            break
        step = step.tb_next
    return BatchingError(
        f"vmap: {name} has no batching rule: it reads values, which differ from sample to sample; write it with other "
        "operations, call it outside of vmap, or loop over the samples"
    )


def unbatch(func: Any, output: Any, place: Any, level: Level) -> Any:
    """Return one output with the mapped dim at ``place``."""
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
            f"vmap({name_of(func)}): out_dim={place} is out of range for an output of {whole.ndim} dims, "
            "the mapped one included"
        )
    return whole.movedim(0, place) if place % whole.ndim else whole
