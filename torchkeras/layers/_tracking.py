"""Lists, dicts and sets that tell their layer when what they hold changes."""

import collections
from typing import Any

from torchkeras import tree


def _telling(base, *methods):
    """A subclass of a container whose changing methods tell the owner."""

    def __init__(self, *args, **kwargs):
        base.__init__(self, *args, **kwargs)

    def tell(method):
        def wrapped(self, *args, **kwargs):
            result = method(self, *args, **kwargs)
            owner = self.__dict__.get("_owner")
            # Not while a copy of the owner is being put together.
            if owner is not None and "_tracked" in owner.__dict__:
                owner._track_container(self._attribute, self)
            return result

        wrapped.__name__ = method.__name__
        return wrapped

    name = f"Tracked{base.__name__[0].upper()}{base.__name__[1:]}"
    namespace: dict[str, Any] = {m: tell(getattr(base, m)) for m in methods}
    namespace["__init__"] = __init__
    namespace["__doc__"] = f"A {base.__name__} that tells its layer when it changes."
    namespace["__module__"] = __name__
    return type(name, (base,), namespace)


_DICT = ("__setitem__", "__delitem__", "update", "pop", "popitem", "clear", "setdefault")
TrackedList = _telling(
    list,
    "append",
    "insert",
    "extend",
    "remove",
    "pop",
    "clear",
    "__setitem__",
    "__delitem__",
    "__iadd__",
)
TrackedDict = _telling(dict, *_DICT)
TrackedOrderedDict = _telling(collections.OrderedDict, *_DICT)
TrackedOrderedDict.__name__ = TrackedOrderedDict.__qualname__ = "TrackedOrderedDict"
TrackedSet = _telling(tree._NestedSet, "add", "update", "remove", "discard", "pop", "clear")
TrackedSet.__name__ = TrackedSet.__qualname__ = "TrackedSet"

_TRACKED = {
    list: TrackedList,
    dict: TrackedDict,
    collections.OrderedDict: TrackedOrderedDict,
    set: TrackedSet,
}


def tracked(value, owner, attribute):
    """The container in its telling form, or ``None`` if it is of no kind that is tracked."""
    cls = _TRACKED.get(type(value))
    if cls is None:
        if type(value) not in _TRACKED.values():
            return None
        cls = type(value)
    container = cls(value)
    container.__dict__.update(_owner=owner, _attribute=attribute)
    return container


def leaves(value):
    """What a nested container holds, in order; a container's own places stay out."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (list, tuple, set)):
        return [value]
    return [leaf for item in value for leaf in leaves(item)]
