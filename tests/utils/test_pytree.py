"""Trees are flattened, rebuilt and mapped as PyTorch does it, registered classes too."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from typing import Any

import pytest

import minitensor as mt
from minitensor.utils import _pytree as ours

Point = namedtuple("Point", "x y")
TREES: dict[str, Any] = {
    "a leaf": 1, "none": None, "a list": [1, [2, (3,)]], "a dict": {"b": [1, 2], "a": (None, {"c": 3})},
    "an ordered dict": OrderedDict(b=1, a=[2]), "a default dict": defaultdict(list, {"a": [1], "b": 2}),
    "a deque": deque([1, [2]], maxlen=3), "a named tuple": Point(1, [2]), "nothing": [(), {}, []], "a text": "ab",
    "a set": {1},
}  # fmt: skip
MAPS: dict[str, Any] = {
    "tree_map": lambda tree, x: tree.tree_map(lambda each: [each], x),
    "tree_map with another": lambda tree, x: tree.tree_map(lambda a, b: (a, b), x, x),
    "tree_map with a short one": lambda tree, x: tree.tree_map(lambda a, b: (a, b), x, [1]),
    "tree_map_only": lambda tree, x: tree.tree_map_only(int, lambda each: -each, x),
    "tree_map_only of a function": lambda tree, x: tree.tree_map_only(lambda each: each == 2, str, x),
    "tree_map_": lambda tree, x: tree.tree_map_(str, x),
    "tree_all": lambda tree, x: tree.tree_all(bool, x), "tree_any": lambda tree, x: tree.tree_any(bool, x),
    "tree_all_only": lambda tree, x: tree.tree_all_only(int, lambda each: each > 1, x),
    "tree_any_only": lambda tree, x: tree.tree_any_only(int, lambda each: each > 1, x),
    "tree_leaves": lambda tree, x: tree.tree_leaves(x), "tree_iter": lambda tree, x: list(tree.tree_iter(x)),
    "tree_is_leaf": lambda tree, x: tree.tree_is_leaf(x),
    "is_leaf": lambda tree, x: tree.tree_leaves(x, is_leaf=lambda each: isinstance(each, tuple)),
    "tree_structure": lambda tree, x: repr(tree.tree_structure(x)),
    "facts": lambda tree, x: [getattr(tree.tree_structure(x), each) for each in ("num_nodes", "num_leaves",
                                                                                 "num_children", "context")],
    "paths": lambda tree, x: [(tree.keystr(path), leaf) for path, leaf in tree.tree_leaves_with_path(x)],
    "key_get": lambda tree, x: [tree.key_get(x, path) for path, _ in tree.tree_leaves_with_path(x)],
    "tree_map_with_path": lambda tree, x: tree.tree_map_with_path(lambda path, each: (tree.keystr(path), each), x),
    "tree_unflatten": lambda tree, x: tree.tree_unflatten(*tree.tree_flatten(x)),
    "too many leaves": lambda tree, x: tree.tree_unflatten([1] * 9, tree.tree_structure(x)),
    "a prefix": lambda tree, x: tree._broadcast_to_and_flatten(7, tree.tree_structure(x)),
    "another prefix": lambda tree, x: tree._broadcast_to_and_flatten([1, 2], tree.tree_structure(x)),
    "equal": lambda tree, x: [tree.tree_structure(x) == tree.tree_structure(each) for each in TREES.values()],
    "is_namedtuple": lambda tree, x: [tree.is_namedtuple(x), tree.is_namedtuple_instance(x),
                                      tree.is_namedtuple_class(type(x))],
}  # fmt: skip


def outcome(call: Any, tree: Any, value: Any) -> Any:
    try:
        return call(tree, value)
    except Exception as error:
        return error


@pytest.mark.parametrize("name", MAPS)
def test_trees_are_pytorchs(name: str) -> None:
    theirs = pytest.importorskip("torch.utils._pytree")
    for what, value in TREES.items():
        expected, found = outcome(MAPS[name], theirs, value), outcome(MAPS[name], ours, value)
        if isinstance(expected, Exception):
            assert isinstance(found, type(expected)), (what, expected, found)
        else:
            assert found == expected and type(found) is type(expected), what


class Pair:
    def __init__(self, first: Any, second: Any) -> None:
        self.first, self.second = first, second


def test_a_registered_class_is_a_branch_of_trees_and_of_vmap() -> None:
    ours.register_pytree_node(Pair, lambda pair: ([pair.first, pair.second], None), lambda parts, _: Pair(*parts))
    try:
        assert ours.tree_leaves([Pair(1, [2]), 3]) == [1, 2, 3]
        assert ours.tree_map(str, Pair(1, 2)).second == "2"
        found = mt.vmap(lambda pair: Pair(pair.first.sum(), pair.second * 2))(Pair(mt.ones(3, 2), mt.arange(3)))
        assert found.first.tolist() == [2, 2, 2] and found.second.tolist() == [0, 2, 4]
        with pytest.raises(ValueError, match="already registered"):
            ours.register_pytree_node(Pair, lambda pair: ([], None), lambda parts, _: None)
        with pytest.raises(ValueError, match="flatten_with_keys_fn"):
            ours.tree_leaves_with_path(Pair(1, 2))
    finally:
        del ours.SUPPORTED_NODES[Pair]


def test_sizes_are_branches() -> None:
    assert ours.tree_map(lambda n: 2 * n, mt.Size([1, 2])) == mt.Size([2, 4])
