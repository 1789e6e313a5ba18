"""Trees: nested containers of values, flattened to a list of leaves and a structure, and rebuilt from them.

Tuples, named tuples, lists, dicts and deques are branches, and classes that a program registers; everything else is a
leaf, including ``None``. The file knows no tensors. Programs import it as ``torch.utils._pytree``.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from types import UnionType
from typing import Any, NamedTuple

from minitensor.errors import ArgumentError, ArgumentTypeError, convert_recursion_error
from minitensor.shapes import Size

PyTree = Any
Context = Any
IsLeaf = Callable[[Any], bool] | None


# -- kinds of branches -------------------------------------------------------------------------------------------------


class MappingKey(NamedTuple):
    """A step of a path: the entry of a dict under a key."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"

    def get(self, mapping: Any) -> Any:
        """Return the entry."""
        return mapping[self.key]


class SequenceKey(NamedTuple):
    """A step of a path: the item of a sequence at a place."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"

    def get(self, sequence: Any) -> Any:
        """Return the item."""
        return sequence[self.idx]


class GetAttrKey(NamedTuple):
    """A step of a path: an attribute."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"

    def get(self, obj: Any) -> Any:
        """Return the attribute."""
        return getattr(obj, self.name)


class NodeDef(NamedTuple):
    """How a class of branches is taken apart and made: children and what else it has, called its context."""

    type: Any
    flatten_fn: Callable[[Any], tuple[Any, Any]]
    unflatten_fn: Callable[[Any, Any], Any]
    flatten_with_keys_fn: Callable[[Any], tuple[Any, Any]] | None


def flatten_sequence(branch: Any) -> tuple[Any, None]:
    return branch, None


def flatten_fields(branch: Any) -> tuple[Any, Any]:
    return branch, type(branch)


def flatten_dict(branch: Any) -> tuple[list[Any], list[Any]]:
    return list(branch.values()), list(branch)


def flatten_defaultdict(branch: Any) -> tuple[list[Any], list[Any]]:
    return list(branch.values()), [branch.default_factory, list(branch)]


def flatten_deque(branch: Any) -> tuple[list[Any], Any]:
    return list(branch), branch.maxlen


def name_fields(branch: Any) -> tuple[list[tuple[Any, Any]], Any]:
    return [(GetAttrKey(name), value) for name, value in zip(type(branch)._fields, branch, strict=True)], type(branch)


def name_entries(branch: Any) -> tuple[list[tuple[Any, Any]], Any]:
    context = SUPPORTED_NODES[type(branch)].flatten_fn(branch)[1]
    return [(MappingKey(key), value) for key, value in branch.items()], context


def name_values(branch: Any) -> tuple[list[tuple[Any, Any]], Any]:
    return [(MappingKey(key), value) for key, value in branch.items()], list(branch)


def number_items(branch: Any) -> tuple[list[tuple[Any, Any]], Any]:
    return [(SequenceKey(place), value) for place, value in enumerate(branch)], None


SUPPORTED_NODES: dict[Any, NodeDef] = {
    kind: NodeDef(kind, flatten, build, keys)
    for kind, flatten, build, keys in (
        (tuple, flatten_sequence, lambda parts, context: tuple(parts), number_items),
        (list, flatten_sequence, lambda parts, context: list(parts), number_items),
        (dict, flatten_dict, lambda parts, keys: dict(zip(keys, parts, strict=True)), name_entries),
        (OrderedDict, flatten_dict, lambda parts, keys: OrderedDict(zip(keys, parts, strict=True)), name_entries),
        (defaultdict, flatten_defaultdict,
         lambda parts, context: defaultdict(context[0], zip(context[1], parts, strict=True)), name_entries),
        (deque, flatten_deque, lambda parts, maxlen: deque(parts, maxlen=maxlen), number_items),
        (namedtuple, flatten_fields, lambda parts, kind: kind(*parts), name_fields),  # their class is the context
        (Size, flatten_sequence, lambda parts, context: Size(parts), number_items),
    )
}  # fmt: skip
DICTS = (dict, OrderedDict, defaultdict)

# PyTorch's names, which programs give to `register_pytree_node` for classes of their own.
_list_flatten, _list_unflatten, _list_flatten_with_keys = flatten_sequence, SUPPORTED_NODES[list][2], number_items
_tuple_flatten, _tuple_unflatten, _tuple_flatten_with_keys = flatten_sequence, SUPPORTED_NODES[tuple][2], number_items
_dict_flatten, _dict_unflatten, _dict_flatten_with_keys = flatten_dict, SUPPORTED_NODES[dict][2], name_values


def register_pytree_node(
    cls: type[Any],
    flatten_fn: Callable[[Any], tuple[Any, Any]],
    unflatten_fn: Callable[[Any, Any], Any],
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Any = None,
    from_dumpable_context: Any = None,
    flatten_with_keys_fn: Callable[[Any], tuple[Any, Any]] | None = None,
) -> None:
    """Make the instances of a class branches of trees, also for ``vmap`` and the other transforms of ``func``.

    Args:
        cls: The class itself; not its subclasses.
        flatten_fn: A function of an instance that returns a list of its children, and anything else that it has.
        unflatten_fn: A function of children and the rest that returns an instance.
        serialized_type_name, to_dumpable_context, from_dumpable_context: Accepted for PyTorch compatibility.
        flatten_with_keys_fn: As ``flatten_fn``, with pairs of a key and a child. Default: ``None``, there are no paths.

    Raises:
        ValueError: If the class is registered already.
    """
    if cls in SUPPORTED_NODES:
        raise ArgumentError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, flatten_with_keys_fn)


def _register_pytree_node(
    cls: type[Any], flatten_fn: Any, unflatten_fn: Any, to_str_fn: Any = None, maybe_from_str_fn: Any = None,
    **rest: Any,
) -> None:
    """Register a class, or register it anew: a former spelling."""
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn, rest.get("flatten_with_keys_fn"))


def is_namedtuple(obj: Any) -> bool:
    """Return whether an object is a named tuple, or a class of them.

    >>> from collections import namedtuple
    >>> is_namedtuple(namedtuple("Point", "x y")(1, 2)), is_namedtuple((1, 2))
    (True, False)
    """
    return is_namedtuple_class(obj if isinstance(obj, type) else type(obj))


def is_namedtuple_class(cls: Any) -> bool:
    """Return whether ``cls`` is a class of named tuples."""
    fields = getattr(cls, "_fields", None)
    return isinstance(cls, type) and issubclass(cls, tuple) and isinstance(fields, tuple)


def is_namedtuple_instance(obj: Any) -> bool:
    """Return whether ``obj`` is a named tuple."""
    return is_namedtuple_class(type(obj))


def is_structseq_class(cls: Any) -> bool:
    """Return whether ``cls`` is a class of Python's structs, such as ``time.struct_time``."""
    counts = ("n_fields", "n_sequence_fields", "n_unnamed_fields")
    own = isinstance(cls, type) and cls.__bases__ == (tuple,)
    return own and all(isinstance(getattr(cls, each, None), int) for each in counts)


def is_structseq_instance(obj: Any) -> bool:
    """Return whether ``obj`` is one of Python's structs. Results such as those of ``max`` are named tuples here.

    >>> import time
    >>> is_structseq_instance(time.gmtime(0)), is_structseq_instance((1, 2))
    (True, False)
    """
    return is_structseq_class(type(obj))


is_structseq = is_structseq_instance


def kind_of(value: Any) -> Any:
    """Return the registered kind of a branch, or None for a leaf."""
    kind = type(value)
    if kind in SUPPORTED_NODES:
        return kind
    return namedtuple if issubclass(kind, tuple) and is_namedtuple_class(kind) else None


def _get_node_type(tree: Any) -> Any:
    """Return the registered kind of a branch, or the type of a leaf, under PyTorch's name."""
    return kind_of(tree) or type(tree)


def tree_is_leaf(tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Return whether a value is a leaf.

    >>> tree_is_leaf(1), tree_is_leaf(None), tree_is_leaf([1])
    (True, True, False)
    """
    return (is_leaf is not None and is_leaf(tree)) or kind_of(tree) is None


# -- structures --------------------------------------------------------------------------------------------------------


class TreeSpec:
    """The structure of a tree, from which it is rebuilt with its leaves, or with others. That of a leaf has no type."""

    __slots__ = ("_children", "_context", "num_children", "num_leaves", "num_nodes", "type")

    def __init__(self, type: Any, context: Context, children_specs: list[TreeSpec]) -> None:
        self.type, self._context, self._children = type, context, children_specs
        self.num_children = len(children_specs)
        self.num_leaves: int = 1 if type is None else sum(each.num_leaves for each in children_specs)
        self.num_nodes: int = 1 + sum(each.num_nodes for each in children_specs)

    @property
    def context(self) -> Context:
        """What a branch has besides its children."""
        return self._context

    @property
    def children_specs(self) -> list[TreeSpec]:
        """The structures of the children."""
        return self._children

    def children(self) -> list[TreeSpec]:
        """Return the structures of the children, in a new list."""
        return list(self._children)

    def child(self, index: int) -> TreeSpec:
        """Return the structure of one child."""
        return self._children[index]

    def is_leaf(self) -> bool:
        """Return whether it is that of a leaf."""
        return self.type is None

    def unflatten(self, leaves: Iterable[Any]) -> PyTree:
        """Rebuild the tree from its leaves.

        Raises:
            ValueError: If there are more or fewer leaves than the structure has.
        """
        values = leaves if isinstance(leaves, (list, tuple)) else list(leaves)
        if len(values) != self.num_leaves:
            raise ArgumentError(
                f"treespec.unflatten(leaves): `leaves` has length {len(values)} but the spec refers to a pytree that "
                f"holds {self.num_leaves} items ({self})."
            )
        return self.build(iter(values))

    def build(self, leaves: Iterator[Any]) -> PyTree:
        """Rebuild the tree from the next leaves."""
        if self.type is None:
            return next(leaves)
        return SUPPORTED_NODES[self.type].unflatten_fn([each.build(leaves) for each in self._children], self._context)

    def flatten_up_to(self, tree: PyTree) -> list[PyTree]:
        """Return the parts of a tree that stand where this structure has leaves.

        Raises:
            ValueError: If the tree does not have the structure so far.
        """
        if self.type is None:
            return [tree]
        kind = kind_of(tree)
        if self.type in DICTS and kind in DICTS:
            keys = self._context[1] if self.type is defaultdict else self._context
            if set(keys) != set(tree):
                raise ArgumentError(f"Node keys mismatch; expected {list(keys)}, but got {list(tree)}.")
            parts = [tree[key] for key in keys]
        else:
            parts = self.parts_of(tree, kind)
        return [part for child, below in zip(self._children, parts, strict=True) for part in child.flatten_up_to(below)]

    def parts_of(self, tree: PyTree, kind: Any) -> list[PyTree]:
        """Return the children of a branch of the same type."""
        if kind is not self.type:
            raise ArgumentError(f"Node type mismatch; expected {self.type!r}, but got {kind or type(tree)!r}.")
        parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
        if len(parts) != self.num_children:
            raise ArgumentError(f"Node arity mismatch; expected {self.num_children}, but got {len(parts)}.")
        if context != self._context and kind is not deque:
            raise ArgumentError(f"Node context mismatch; expected {self._context!r}, but got {context!r}.")
        return list(parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TreeSpec):
            return NotImplemented
        ours, theirs = (self.type, self._context, self._children), (other.type, other._context, other._children)
        return self is other or ours == theirs

    def __hash__(self) -> int:
        return hash((self.type, self.num_nodes, self.num_leaves))

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        inner = indent + 2 if self.num_children else indent
        parts = f",\n{' ' * inner}".join(each.__repr__(inner) for each in self._children)
        return f"TreeSpec({self.type.__name__}, {self._context}, [{parts}])"


PyTreeSpec = TreeSpec
LEAF = TreeSpec(None, None, [])


def LeafSpec() -> TreeSpec:  # noqa: N802  # PyTorch's name, of a former class
    """Return the structure of a leaf.

    >>> LeafSpec() == tree_structure(1)
    True
    """
    return LEAF


# -- flattening --------------------------------------------------------------------------------------------------------


def tree_flatten(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[Any], TreeSpec]:
    """Return the leaves from left to right, and the structure.

    Args:
        tree: A value, or nested containers of values.
        is_leaf: A function of a value that returns whether it is to be a leaf though it is a container.

    Raises an error that names the nesting if the tree is too deep or contains itself.

    >>> tree_flatten({"a": [1, 2], "b": 3})
    ([1, 2, 3], TreeSpec(dict, ['a', 'b'], [TreeSpec(list, None, [*,
        *]),
      *]))
    """
    leaves: list[Any] = []
    with convert_recursion_error("values"):
        return leaves, gather(tree, leaves, is_leaf)


def gather(tree: PyTree, leaves: list[Any], is_leaf: IsLeaf) -> TreeSpec:
    """Append the leaves of a tree to a list, and return the structure. Its depth is not checked."""
    kind = None if is_leaf is not None and is_leaf(tree) else kind_of(tree)
    if kind is None:
        leaves.append(tree)
        return LEAF
    parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    return TreeSpec(kind, context, [gather(part, leaves, is_leaf) for part in parts])


def tree_flatten_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> tuple[list[tuple[tuple[Any, ...], Any]], TreeSpec]:
    """Return pairs of a path and a leaf, and the structure; ``is_leaf`` as in ``tree_flatten``."""
    return list(walk((), tree, is_leaf)), tree_structure(tree, is_leaf)


def walk(path: tuple[Any, ...], tree: PyTree, is_leaf: IsLeaf) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield pairs of a path and a leaf."""
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    kind = kind_of(tree)
    name = SUPPORTED_NODES[kind].flatten_with_keys_fn
    if name is None:
        raise ArgumentError(f"Did not find a flatten_with_keys_fn for type: {kind}. Please register it with one.")
    for key, part in name(tree)[0]:
        yield from walk((*path, key), part, is_leaf)


def tree_leaves_with_path(tree: PyTree, is_leaf: IsLeaf = None) -> list[tuple[tuple[Any, ...], Any]]:
    """Return pairs of a path and a leaf; ``is_leaf`` as in ``tree_flatten``."""
    return list(walk((), tree, is_leaf))


def keystr(kp: tuple[Any, ...]) -> str:
    """Return a path ``kp`` as Python code that follows an object.

    >>> [keystr(path) for path, leaf in tree_leaves_with_path({"a": [1, 2]})]
    ["['a'][0]", "['a'][1]"]
    """
    return "".join(map(str, kp))


def key_get(obj: Any, kp: tuple[Any, ...]) -> Any:
    """Return what stands at a path ``kp`` in an object."""
    for key in kp:
        obj = key.get(obj)
    return obj


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """Rebuild a tree of the structure ``treespec`` from its leaves.

    >>> leaves, structure = tree_flatten([1, (2, 3)])
    >>> tree_unflatten([10 * each for each in leaves], structure)
    [10, (20, 30)]
    """
    if not isinstance(treespec, TreeSpec):
        raise ArgumentTypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got item of type "
            f"{type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_structure(tree: PyTree, is_leaf: IsLeaf = None) -> TreeSpec:
    """Return the structure of a tree; ``is_leaf`` as in ``tree_flatten``."""
    return tree_flatten(tree, is_leaf)[1]


def tree_leaves(tree: PyTree, is_leaf: IsLeaf = None) -> list[Any]:
    """Return the leaves from left to right; ``is_leaf`` as in ``tree_flatten``."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: IsLeaf = None) -> Iterator[Any]:
    """Yield the leaves from left to right; ``is_leaf`` as in ``tree_flatten``."""
    yield from tree_leaves(tree, is_leaf)


# -- maps --------------------------------------------------------------------------------------------------------------


def tree_map(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Replace each leaf by ``func`` of it and of what stands at the same place in the other trees.

    Args:
        func: A function of as many values as there are trees.
        tree: The tree whose structure the result has.
        *rests: Trees that have this structure, and may have more below it.
        is_leaf: As in ``tree_flatten``.

    Raises:
        ValueError: If one of the others does not have the structure.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns = [spec.flatten_up_to(each) for each in rests]
    return spec.unflatten([func(*each) for each in zip(leaves, *columns, strict=True)])


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Call ``func`` for each leaf, as ``tree_map`` does, and return the tree itself."""
    tree_map(func, tree, *rests, is_leaf=is_leaf)
    return tree


def tree_map_with_path(func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: IsLeaf = None) -> PyTree:
    """Replace each leaf by ``func`` of its path, of it, and of what stands there in the other trees."""
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    columns = [spec.flatten_up_to(each) for each in rests]
    return spec.unflatten([func(*pair, *others) for pair, *others in zip(pairs, *columns, strict=True)])


def has_kind(kinds: Any) -> Callable[[Any], bool]:
    """Return a function that tells whether a value is of a type, or of one of several."""
    if isinstance(kinds, (type, tuple, UnionType)):
        return lambda value: isinstance(value, kinds)
    if callable(kinds):
        return kinds  # type: ignore[no-any-return]  # the predicate that was given
    raise ArgumentTypeError("Argument must be a type, a tuple of types, or a callable.")


def map_only(type_or_types_or_pred: Any, /) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """Return a decorator: the function is called for values of some types, and others are returned as they are."""
    fits = has_kind(type_or_types_or_pred)
    return lambda func: lambda value: func(value) if fits(value) else value


def tree_map_only(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Replace each leaf of some types by ``func`` of it.

    Args:
        type_or_types_or_pred: A type, a tuple of types, or a function that tells whether to replace a leaf.
        func: A function of a leaf.
        tree: The tree.
        is_leaf: As in ``tree_flatten``.

    >>> tree_map_only(int, lambda x: -x, [1, "a", {"b": 2}])
    [-1, 'a', {'b': -2}]
    """
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(
    type_or_types_or_pred: Any, /, func: Callable[[Any], Any], tree: PyTree, is_leaf: IsLeaf = None
) -> PyTree:
    """Call ``func`` for each leaf of some types, as ``tree_map_only`` does, and return the tree itself."""
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` is true of all leaves."""
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` is true of a leaf."""
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` is true of all leaves of some types."""
    return all(pred(each) for each in tree_iter(tree, is_leaf) if isinstance(each, type_or_types))


def tree_any_only(type_or_types: Any, /, pred: Callable[[Any], bool], tree: PyTree, is_leaf: IsLeaf = None) -> bool:
    """Return whether ``pred`` is true of a leaf of some types."""
    return any(pred(each) for each in tree_iter(tree, is_leaf) if isinstance(each, type_or_types))


def broadcast_prefix(tree: PyTree, treespec: TreeSpec, is_leaf: IsLeaf = None) -> list[Any] | None:
    """Return a value for each leaf of a structure from a prefix of the tree, whose leaves count for all below them.

    Return None if the prefix does not fit.
    """
    full = treespec.unflatten([0] * treespec.num_leaves)
    leaves, spec = tree_flatten(tree, is_leaf)
    try:
        parts = spec.flatten_up_to(full)
    except ArgumentError:
        return None
    return [leaf for leaf, part in zip(leaves, parts, strict=True) for _ in tree_leaves(part, is_leaf)]


_broadcast_to_and_flatten = broadcast_prefix


def rebuild(kind: Any, parts: Any) -> Any:
    """Return a list or a tuple of a class, which may be a named one, with the given parts."""
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
