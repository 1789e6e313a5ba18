"""Trees: nested containers of values, flattened to a list of leaves and a spec, and rebuilt from them.

Tuples, named tuples, lists and dicts are branches; everything else is a leaf, including ``None``. The file knows no
tensors.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from minitensor.errors import convert_recursion_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class TreeSpec(NamedTuple):
    """How a tree is rebuilt from its leaves; the spec of a leaf has no kind."""

    kind: type[Any] | None
    keys: tuple[Any, ...]  # of a dict
    children: tuple[TreeSpec, ...]
    size: int  # the number of leaves

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """Rebuild the tree from its leaves."""
        if self.kind is None:
            return leaves[0]
        parts, start = [], 0
        for child in self.children:
            parts.append(child.unflatten(leaves[start : start + child.size]))
            start += child.size
        if issubclass(self.kind, dict):
            pairs = zip(self.keys, parts, strict=True)
            return dict(pairs) if self.kind is defaultdict else self.kind(pairs)
        return rebuild(self.kind, parts)


def rebuild(kind: Any, parts: Sequence[Any]) -> Any:
    """Return a list or a tuple of a class, which may be a named one, with the given parts."""
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


LEAF = TreeSpec(None, (), (), 1)


def is_branch(value: Any) -> bool:
    """Whether a value is a container whose items are leaves or branches."""
    kind = type(value)
    named = isinstance(value, tuple) and hasattr(kind, "_fields")
    return named or kind in (tuple, list, dict, OrderedDict, defaultdict)


def tree_flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """Return the leaves from left to right, and the spec.

    Raises an error that names the nesting if the tree is too deep or contains itself.
    """
    with convert_recursion_error("values"):
        return flatten_branch(tree)


def flatten_branch(tree: Any) -> tuple[list[Any], TreeSpec]:
    """Flatten a tree without a check of its depth."""
    if not is_branch(tree):
        return [tree], LEAF
    keys = tuple(tree) if isinstance(tree, dict) else ()
    leaves: list[Any] = []
    children = []
    for part in tree.values() if isinstance(tree, dict) else tree:
        below, spec = flatten_branch(part)
        leaves += below
        children.append(spec)
    return leaves, TreeSpec(type(tree), keys, tuple(children), len(leaves))


def tree_leaves(tree: Any) -> list[Any]:
    """Return the leaves from left to right."""
    return tree_flatten(tree)[0]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Replace each leaf by ``function`` of it and of the leaves at the same place of the other trees."""
    leaves, spec = tree_flatten(tree)
    columns = [tree_leaves(other) for other in others]
    return spec.unflatten([function(*each) for each in zip(leaves, *columns, strict=True)])


def broadcast_prefix(prefix: Any, spec: TreeSpec) -> list[Any] | None:
    """Return a value for each leaf from a prefix of the tree: a leaf of the prefix counts for all leaves below it.

    Return None if the prefix does not fit the tree. A list fits a tuple and the other way round.
    """
    if not is_branch(prefix):
        return [prefix] * spec.size
    if spec.kind is None or len(prefix) != len(spec.children):
        return None
    if isinstance(prefix, dict) != issubclass(spec.kind, dict):
        return None
    if isinstance(prefix, dict):
        if set(prefix) != set(spec.keys):
            return None
        parts = [prefix[key] for key in spec.keys]
    else:
        parts = list(prefix)
    found: list[Any] = []
    for part, child in zip(parts, spec.children, strict=True):
        below = broadcast_prefix(part, child)
        if below is None:
            return None
        found += below
    return found
