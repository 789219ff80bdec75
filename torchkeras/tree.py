"""Nested structures of lists, tuples, dicts: flatten, map, pack."""

import collections
import warnings
from typing import Any

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]


class MAP_TO_NONE:
    """Returned by a ``traverse`` function to put ``None`` in a place."""


class _NestedSet(set):
    """A set that is a container; a plain one is a leaf, for it has no order."""


# Their subclasses too, such as named tuples.
_CONTAINERS = (list, tuple, dict, collections.deque, _NestedSet)

# These may stand for each other.
_DICTS = (dict, collections.OrderedDict, collections.defaultdict)


def _children(node) -> Any:
    """(key, child) pairs of a container, or None for a leaf; dicts and sets sorted."""
    if isinstance(node, (list, tuple, collections.deque)):
        return list(enumerate(node))
    if isinstance(node, _NestedSet):
        try:
            return list(enumerate(sorted(node)))
        except TypeError:  # items of several types have no order
            return list(enumerate(node))
    if isinstance(node, collections.OrderedDict):
        return list(node.items())
    if isinstance(node, dict):
        try:
            return [(key, node[key]) for key in sorted(node)]
        except TypeError:  # keys of several types have no order
            return list(node.items())
    return None


def _rebuild(node, children) -> Any:
    """A container like ``node`` with other children, given in the order of `_children`."""
    if isinstance(node, dict):
        new = dict(zip([key for key, _ in _children(node)], children))
        ordered = ((key, new[key]) for key in node)
        if isinstance(node, collections.defaultdict):
            return type(node)(node.default_factory, ordered)
        try:
            return type(node)(ordered)
        except TypeError:
            return dict(ordered)
    if hasattr(node, "_fields"):
        return type(node)(*children)
    if isinstance(node, collections.deque):
        return type(node)(children, node.maxlen)
    return type(node)(children)


def is_nested(structure):
    """Whether ``structure`` is a list, tuple, dict or deque.

    Example:
        >>> torchkeras.tree.is_nested([1, 2]), torchkeras.tree.is_nested(3)
        (True, False)
    """
    return isinstance(structure, _CONTAINERS)


def flatten(structure) -> list:
    """The leaves of ``structure`` in order, as a list; dicts in the order of their keys.

    Example:
        >>> torchkeras.tree.flatten({"b": [1, 2], "a": 3})
        [3, 1, 2]
    """
    if not isinstance(structure, _CONTAINERS):
        return [structure]
    leaves = []
    for _, child in _children(structure):
        if isinstance(child, _CONTAINERS):
            leaves += flatten(child)
        else:
            leaves.append(child)
    return leaves


def flatten_with_path(structure):
    """Pairs of the path and the leaf, for every leaf of ``structure``.

    Example:
        >>> torchkeras.tree.flatten_with_path({"a": [7]})
        [(('a', 0), 7)]
    """
    children = _children(structure)
    if children is None:
        return [((), structure)]
    return [
        ((key, *path), leaf) for key, child in children for path, leaf in flatten_with_path(child)
    ]


def map_structure(func, *structures, none_is_leaf=True) -> Any:
    """Applies ``func`` to the leaves at the same place of one or more structures.

    Where the first has a leaf the others may have anything.

    Args:
        func: Called with one leaf of each structure.
        *structures: Structures of the same nesting.
        none_is_leaf: With ``False``, ``func`` is not called where the leaf is ``None``.

    Raises:
        ValueError: if the nestings differ.

    Example:
        >>> torchkeras.tree.map_structure(lambda x, y: x + y, {"a": 1}, {"a": 2})
        {'a': 3}
    """
    if not callable(func):
        raise TypeError(f"`func` must be callable. Received: {func} of type {type(func)}")
    if not structures:
        raise ValueError("Must provide at least one structure")

    def unless_none(*values):
        if values[0] is not None:
            return func(*values)
        if any(value is not None for value in values):
            raise ValueError(
                "Structure mismatch: some arguments are None, others are not. "
                f"Received arguments: {values}."
            )

    return _map_up_to(structures[0], func if none_is_leaf else unless_none, structures)


def map_structure_up_to(shallow_structure, func, *structures) -> Any:
    """Like `map_structure`, but goes no deeper than ``shallow_structure``.

    Args:
        shallow_structure: Structure whose leaves tell where to stop.
        func: Called with what each structure has there.
        *structures: Structures that begin as the shallow one does.

    Raises:
        ValueError: if one does not.

    Example:
        >>> torchkeras.tree.map_structure_up_to([0, 0], len, ["ab", ["c"]])
        [2, 1]
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    return _map_up_to(shallow_structure, func, structures)


def _map_up_to(shallow, func, structures):
    if not isinstance(shallow, _CONTAINERS):
        return func(*structures)
    parts = []
    for structure in structures:
        if structure is not shallow:
            _assert_same_node(shallow, structure)
        parts.append([child for _, child in _paired(shallow, structure)])
    children = _children(shallow)
    return _rebuild(
        shallow, [_map_up_to(child, func, row) for (_, child), *row in zip(children, *parts)]
    )


def _paired(node, other):
    """The children of ``other`` in the order of those of ``node``."""
    if isinstance(node, dict):
        return [(key, other[key]) for key, _ in _children(node)]
    return _children(other)


def map_shape_structure(func, structure) -> Any:
    """Like `map_structure` where a tuple or list of integers and ``None`` (a shape) is a leaf.

    Args:
        func: Called with each shape, and with what is neither shape nor container.
        structure: The structure.

    Example:
        >>> torchkeras.tree.map_shape_structure(len, {"a": (None, 3), "b": [(2,), (2, 3, 4)]})
        {'a': 2, 'b': [1, 3]}
    """
    if not isinstance(structure, _CONTAINERS) or _is_shape(structure):
        return func(structure)
    return _rebuild(
        structure, [map_shape_structure(func, child) for _, child in _children(structure)]
    )


def _is_shape(structure):
    return isinstance(structure, (tuple, list)) and all(
        isinstance(d, int) or d is None for d in structure
    )


def traverse(func, structure, top_down=True):
    """Maps containers and leaves: where ``func`` returns ``None`` it goes on inside."""

    def value_of(result):
        return None if result is MAP_TO_NONE else result

    if top_down:
        result = func(structure)
        if result is not None:
            return value_of(result)
    children = _children(structure)
    if children is None:
        new = structure
    else:
        new = _rebuild(structure, [traverse(func, child, top_down) for _, child in children])
    if top_down:
        return new
    result = func(new)
    return new if result is None else value_of(result)


def lists_to_tuples(structure):
    """The structure with its lists made tuples."""
    children = _children(structure)
    if children is None:
        return structure
    mapped = [lists_to_tuples(child) for _, child in children]
    return tuple(mapped) if isinstance(structure, list) else _rebuild(structure, mapped)


def pack_sequence_as(structure, flat_sequence) -> Any:
    """Puts the items of a flat list at the leaves of ``structure``.

    Raises:
        ValueError: if there are more or fewer items than leaves.

    Example:
        >>> torchkeras.tree.pack_sequence_as([0, (0,)], ["a", "b"])
        ['a', ('b',)]
    """
    flat = list(flat_sequence)
    expected = len(flatten(structure))
    if expected != len(flat):
        raise ValueError(
            f"The flat sequence has {len(flat)} leaves, but the structure holds {expected}. "
            f"Received: structure={structure}"
        )
    items = iter(flat)

    def pack(node):
        children = _children(node)
        if children is None:
            return next(items)
        return _rebuild(node, [pack(child) for _, child in children])

    return pack(structure)


def assert_same_structure(a, b, check_types=None):
    """Raises if the nestings (types of containers, lengths, keys) differ.

    Args:
        a: A structure.
        b: Another.
        check_types: Has no effect any more, as in Keras, which warns of it.

    Raises:
        ValueError: with both structures in the message.
    """
    if check_types is not None:
        warnings.warn(
            "The `check_types` argument is deprecated and no longer has any effect, please remove.",
            DeprecationWarning,
            stacklevel=2,
        )
    _assert_same_node(a, b)
    if isinstance(a, _CONTAINERS):
        for (_, x), (_, y) in zip(_children(a), _paired(a, b)):
            assert_same_structure(x, y)


def _assert_same_node(a: Any, b: Any):
    """Raises unless both are leaves, or the same kind of container of as much."""
    nested = is_nested(a)
    if nested != is_nested(b):
        what = "Node type mismatch"
    elif not nested:
        return
    elif type(a) is not type(b) and not (type(a) in _DICTS and type(b) in _DICTS):
        what = "Node type mismatch"
    elif len(a) != len(b):
        what = "Node arity mismatch"
    elif type(a) in _DICTS and a.keys() != b.keys():
        what = "Node keys mismatch"
    # Of other kinds the order counts too, where it is part of the value.
    elif isinstance(a, dict) and type(a) not in _DICTS and _keys(a) != _keys(b):
        what = "Node context mismatch"
    else:
        return
    raise ValueError(
        f"The structures don't have the same nested structure. {what}: at one place, expected "
        f"{_kind(a)}. Received: {_kind(b)}"
    )


def _keys(node):
    return [key for key, _ in _children(node)]


def _kind(node):
    if isinstance(node, dict):
        return f"a {type(node).__name__} with keys {list(node)}"
    if isinstance(node, _CONTAINERS):
        name = "namedtuple " if hasattr(node, "_fields") else ""
        return f"a {name}{type(node).__name__} of length {len(node)}"
    return f"a leaf of type {type(node).__name__}"


def assert_same_paths(a, b):
    """Raises if the paths to the leaves differ; the types of containers may.

    Raises:
        ValueError: with the paths that only one of them has.
    """
    a_paths = {path for path, _ in flatten_with_path(a)}
    b_paths = {path for path, _ in flatten_with_path(b)}
    if a_paths != b_paths:
        only_a, only_b = a_paths - b_paths, b_paths - a_paths
        raise ValueError(
            "`a` and `b` don't have the same paths."
            + (f"\nPaths only in `a`: {only_a}" if only_a else "")
            + (f"\nPaths only in `b`: {only_b}" if only_b else "")
        )
