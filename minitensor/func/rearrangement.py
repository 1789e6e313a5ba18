"""``func.rearrange``: permute, merge and split dims by a pattern of names, in the notation of einops.

Both sides of a pattern list dims, in parentheses those that are one dim of the tensor, whose last one varies fastest:
``"b (h s) c -> b h (s c)"``. Each name stands once on both sides; ``...`` stands for any dims, ``1`` and ``()`` for one
of size 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from minitensor.errors import ArgumentError
from minitensor.ops.join import stack
from minitensor.tensor import Tensor

if TYPE_CHECKING:
    Groups = list[list[str]]  # the names of each dim of a tensor

DOTS, TOGETHER = "...", "(...)"  # any dims, and any dims as one


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Tensor:
    """Return a tensor with its dims permuted, merged and split as a pattern says.

    Args:
        tensor: A tensor, or a list or tuple of tensors, which are stacked first.
        pattern: What the dims are, and what they become.
        axes_lengths: The sizes of names whose dim is split, if they do not follow from the others.

    Raises:
        ValueError: If the pattern is not well formed, or does not fit the tensor or the sizes.

    >>> import minitensor as torch
    >>> from minitensor.func import rearrange
    >>> rearrange(torch.arange(6), "(h w) -> w h", h=2)
    tensor([[0, 3],
            [1, 4],
            [2, 5]])
    """
    input = stack(list(tensor)) if isinstance(tensor, (list, tuple)) else tensor
    left, right = parse(pattern)
    left = spread_dots(left, input.ndim, pattern)
    right = spread_dots(right, input.ndim, pattern, given=left)
    sizes = sizes_of(left, input.shape, axes_lengths, pattern)
    names, wanted = [[name for group in groups for name in group] for groups in (left, right)]
    split = input.reshape([sizes[name] for name in names])
    moved = split.permute([names.index(name) for name in wanted])
    return moved.reshape([prod(sizes[name] for name in group) for group in right])


def parse(pattern: str) -> tuple[Groups, Groups]:
    """Return the names of each dim on both sides of a pattern; raise if they are not the same."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise pattern_error(pattern, f"expected one '->', got {len(sides) - 1}")
    left, right = (groups_of(side, pattern) for side in sides)
    names = [sorted(name.strip("()") for group in side for name in group) for side in (left, right)]
    if names[0] != names[1]:
        different = set(names[0]) ^ set(names[1])
        raise pattern_error(pattern, f"names must be on both sides: {', '.join(sorted(different))}")
    return left, right


def groups_of(side: str, pattern: str) -> Groups:
    """Return the names of each dim on one side of a pattern."""
    parts = re.findall(r"\([^()]*\)|[^\s()]+", side)
    groups = [[name for name in part.strip("() ").split() if name != "1"] for part in parts]
    names = [name for group in groups for name in group]
    if side.count("(") != side.count(")") or re.search(r"\([^)]*\(|^[^(]*\)", side):
        raise pattern_error(pattern, "parentheses must be in pairs, and not inside each other")
    if len(set(names)) < len(names):
        raise pattern_error(pattern, f"a name may stand once on each side of the arrow, got {' '.join(names)}")
    bad = [name for name in names if name != DOTS and (not name.isidentifier() or name.strip("_") != name)]
    if bad:
        raise pattern_error(pattern, f"{bad[0]!r} is not a name")
    return [group if part == DOTS else [TOGETHER if name == DOTS else name for name in group]
            for part, group in zip(parts, groups, strict=True)]  # fmt: skip


def spread_dots(groups: Groups, ndim: int, pattern: str, given: Groups | None = None) -> Groups:
    """Return groups with one name for each dim that ``...`` stands for."""
    if given is not None:
        count = sum(name.startswith(DOTS) for group in given for name in group)
    else:
        has_dots = [DOTS] in groups
        count = ndim - len(groups) + has_dots
        if any(TOGETHER in group for group in groups):
            raise pattern_error(pattern, "on the left, ... cannot be in parentheses")
        if count < 0 or (not has_dots and count):
            raise pattern_error(pattern, f"it has {len(groups) - has_dots} dims on the left, and the tensor has {ndim}")
    dots = [f"{DOTS}{place}" for place in range(count)]
    found: Groups = []
    for group in groups:
        if group == [DOTS]:
            found += [[name] for name in dots]
        else:
            found.append([name for each in group for name in (dots if each == TOGETHER else [each])])
    return found


def sizes_of(groups: Groups, shape: Sequence[int], given: dict[str, int], pattern: str) -> dict[str, int]:
    """Return the size of each name, of which one in each dim may be unknown."""
    sizes: dict[str, int] = {}
    unknown_names = given.keys() - {name for group in groups for name in group}
    if unknown_names:
        raise pattern_error(pattern, f"it does not have the names {', '.join(sorted(unknown_names))}")
    for group, size in zip(groups, shape, strict=True):
        rest = [name for name in group if name not in given]
        known = prod(given[name] for name in group if name in given)
        if len(rest) > 1:
            raise pattern_error(pattern, f"give the sizes of all but one of {', '.join(group)}")
        if (size % known if rest else size != known) if known else size:
            raise pattern_error(pattern, f"a dim of size {size} is not {' * '.join(map(str, group)) or 1} of {given}")
        sizes.update({name: given[name] for name in group if name in given})
        sizes.update({name: size // max(known, 1) for name in rest})
    return sizes


def pattern_error(pattern: str, reason: str) -> ArgumentError:
    """Return the error for a pattern."""
    return ArgumentError(f"rearrange: {pattern!r}: {reason}")
