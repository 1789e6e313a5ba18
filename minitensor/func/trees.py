"""Nested containers of values: taken apart into a flat list and a plan, and put together again.

Tuples, named tuples, lists and dicts are branches; everything else is a leaf, ``None`` too. Nothing here knows tensors.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.errors import nesting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Plan(NamedTuple):
    """How a container is built from its leaves: a leaf has no kind."""

    kind: type[Any] | None
    keys: tuple[Any, ...]  # of a dict
    children: tuple[Plan, ...]
    size: int  # how many leaves there are below

    def build(self, leaves: Sequence[Any]) -> Any:
        """Return the container with these leaves."""
        if self.kind is None:
            return leaves[0]
        parts, start = [], 0
        for child in self.children:
            parts.append(child.build(leaves[start : start + child.size]))
            start += child.size
        if issubclass(self.kind, dict):
            pairs = zip(self.keys, parts, strict=True)
            return dict(pairs) if self.kind is defaultdict else self.kind(pairs)
        return self.kind(*parts) if hasattr(self.kind, "_fields") else self.kind(parts)


LEAF = Plan(None, (), (), 1)


def is_branch(value: Any) -> bool:
    """Whether a value is a container that is taken apart."""
    kind = type(value)
    named = isinstance(value, tuple) and hasattr(kind, "_fields")
    return named or kind in (tuple, list, dict, OrderedDict, defaultdict)


def take_apart(tree: Any) -> tuple[list[Any], Plan]:
    """Return the leaves from left to right, and the plan."""
    with nesting("values"):
        return taken_apart(tree)


def taken_apart(tree: Any) -> tuple[list[Any], Plan]:
    """Take a tree apart, branch by branch."""
    if not is_branch(tree):
        return [tree], LEAF
    keys = tuple(tree) if isinstance(tree, dict) else ()
    leaves: list[Any] = []
    children = []
    for part in tree.values() if isinstance(tree, dict) else tree:
        below, plan = taken_apart(part)
        leaves += below
        children.append(plan)
    return leaves, Plan(type(tree), keys, tuple(children), len(leaves))


def leaves_of(tree: Any) -> list[Any]:
    """Return the leaves from left to right."""
    return take_apart(tree)[0]


def mapped(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Return the tree with ``function`` of each leaf (and of those in the same place of others) in its place."""
    leaves, plan = take_apart(tree)
    return plan.build([function(*each) for each in zip(leaves, *[leaves_of(other) for other in others], strict=True)])


def spread(prefix: Any, plan: Plan) -> list[Any] | None:
    """Return a value for each leaf from a tree that may stop earlier: a leaf there stands for all below it.

    None where the two do not fit together. A tuple and a list in the same place do fit.
    """
    if not is_branch(prefix):
        return [prefix] * plan.size
    if plan.kind is None or len(prefix) != len(plan.children):
        return None
    if isinstance(prefix, dict) != issubclass(plan.kind, dict):
        return None
    if isinstance(prefix, dict):
        if set(prefix) != set(plan.keys):
            return None
        parts = [prefix[key] for key in plan.keys]
    else:
        parts = list(prefix)
    found: list[Any] = []
    for part, child in zip(parts, plan.children, strict=True):
        below = spread(part, child)
        if below is None:
            return None
        found += below
    return found
