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


def _children(node) -> Any:
    """(key, child) pairs of a container, or None for a leaf; dicts in order of keys."""
    if isinstance(node, (list, tuple)):
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
    return type(node)(children)


def is_nested(structure):
    """Whether ``structure`` is a list, tuple or dict.

    Example:
        >>> torchkeras.tree.is_nested([1, 2]), torchkeras.tree.is_nested(3)
        (True, False)
    """
    return isinstance(structure, (list, tuple, dict))


def flatten(structure) -> list:
    """The leaves of ``structure`` in order, as a list; dicts in the order of their keys.

    Example:
        >>> torchkeras.tree.flatten({"b": [1, 2], "a": 3})
        [3, 1, 2]
    """
    if not isinstance(structure, (list, tuple, dict)):
        return [structure]
    leaves = []
    for _, child in _children(structure):
        if isinstance(child, (list, tuple, dict)):
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
    first = structures[0]
    for other in structures[1:]:
        assert_same_structure(first, other)

    def leaf(*values):
        return None if values[0] is None and not none_is_leaf else func(*values)

    return _map_up_to(first, leaf, structures)


def map_structure_up_to(shallow_structure, func, *structures) -> Any:
    """Like `map_structure`, but goes no deeper than ``shallow_structure``."""
    if not structures:
        raise ValueError("Must provide at least one structure")
    return _map_up_to(shallow_structure, func, structures)


def _map_up_to(shallow, func, structures):
    children = _children(shallow)
    if children is None:
        return func(*structures)
    for s in structures:
        if _children(s) is None or len(s) != len(shallow):
            raise ValueError(f"The structures don't have the same nested structure: {shallow}, {s}")
    return _rebuild(
        shallow, [_map_up_to(child, func, [s[key] for s in structures]) for key, child in children]
    )


def map_shape_structure(func, structure) -> Any:
    """Like `map_structure` where a tuple or list of integers and ``None`` (a shape) is a leaf."""
    if isinstance(structure, (tuple, list)) and all(
        isinstance(d, int) or d is None for d in structure
    ):
        return func(tuple(structure))
    children = _children(structure)
    if children is None:
        raise ValueError(f"Cannot map function to unknown object {structure}")
    return _rebuild(structure, [map_shape_structure(func, child) for _, child in children])


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
            f"The flat sequence has {len(flat)} items, but the structure has {expected}. "
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
    children = _children(a)
    other = _children(b)
    both_dicts = isinstance(a, dict) and isinstance(b, dict)
    same = (children is None) == (other is None)
    if same and children is not None:
        same = [k for k, _ in children] == [k for k, _ in other]
        same = same and (both_dicts or type(a) is type(b))
        # A tracked list is a list.
        same = same or (len(children) == len(other) and isinstance(a, list) and isinstance(b, list))
    if not same:
        raise ValueError(f"`a` and `b` don't have the same structure. Received: a={a}, b={b}")
    if children is not None:
        for (_, x), (_, y) in zip(children, other):
            assert_same_structure(x, y)


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
