"""What the process knows: the names given so far, the name scopes, a version of all structure."""

import collections
import contextlib
import re
import threading

_uids = collections.Counter()
_scopes = threading.local()
# Grows whenever a layer gains or loses a weight or a sublayer, or `trainable` is set; what
# is derived from the structure keeps the version it was derived at.
version = 0
# Whether `set_random_seed` was called, so that this run is to give the numbers of the last one.
seeded = False
# The open scopes that keep what is done to variables from lasting; see `StatelessScope`.
stateless = []


def touch():
    """Tells that some layer's structure changed."""
    global version
    version += 1


def snake_case(name):
    """``"LayerNormalization"`` becomes ``"layer_normalization"``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix):
    """``dense``, then ``dense_1``, ``dense_2``..."""
    count = _uids[prefix]
    _uids[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def uid(prefix=""):
    """1, 2, 3... for each prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


def reset_names():
    """Automatic names start again at the first."""
    _uids.clear()


@contextlib.contextmanager
def name_scope(name, owner=None, parent=None):
    """Variables made inside have ``name/`` before their path.

    Args:
        name: The name.
        owner: Whose name it is.
        parent: Path that stands in the place of the open scopes; default they stay.
    """
    before = _stack()
    outer = before if parent is None else [(parent, None)] if parent else []
    _scopes.stack = [*outer, (name, owner)]
    try:
        yield
    finally:
        _scopes.stack = before


def in_scope(name, owner):
    """Whether the innermost scope is that one."""
    stack = _stack()
    return bool(stack) and stack[-1][0] == name and stack[-1][1] is owner


def scope_path():
    """The open name scopes, joined by slashes."""
    return "/".join(name for name, _ in _stack())


def scope_owner():
    """Whose name the innermost scope is, or ``None``."""
    stack = _stack()
    return stack[-1][1] if stack else None


@contextlib.contextmanager
def keeping_values(keep=True):
    """Inside, `Variable.assign` and its like change nothing: code is only looked at for shapes."""
    before = values_are_kept()
    _scopes.keep = keep
    try:
        yield
    finally:
        _scopes.keep = before


def values_are_kept():
    """Whether variables must not be changed now."""
    return getattr(_scopes, "keep", False)


def _stack():
    if not hasattr(_scopes, "stack"):
        _scopes.stack = []
    return _scopes.stack
