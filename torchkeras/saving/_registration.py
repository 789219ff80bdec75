"""The classes and functions that a user vouches for, by name."""

import inspect

_registered = {}  # "package>name" -> object
_names = {}  # object -> "package>name"
_scopes = []  # dicts of the open custom_object_scope blocks, innermost last


class CustomObjectScope:
    """Makes custom classes and functions known by name inside a ``with`` block.

    Args:
        custom_objects: Dict from name to class or function.

    Example:
        >>> class Twice(torchkeras.layers.Layer):
        ...     def call(self, x):
        ...         return 2 * x
        >>> with torchkeras.saving.custom_object_scope({"Twice": Twice}):
        ...     torchkeras.saving.get_registered_object("Twice") is Twice
        True
    """

    def __init__(self, custom_objects):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        _scopes.append(self.custom_objects)
        return self

    def __exit__(self, *exc):
        _scopes.remove(self.custom_objects)


custom_object_scope = CustomObjectScope


def get_custom_objects():
    """The global dict of custom objects; what is put in is known by name everywhere."""
    return _registered


def register_keras_serializable(package="Custom", name=None):
    """Decorator: makes a class or function known under ``package>name``.

    Args:
        package: Namespace of the name.
        name: Name in it; default the object's own.

    Raises:
        ValueError: if a decorated class has no ``get_config``.
    """

    def decorator(obj):
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                "Cannot register a class that does not have a get_config() method. "
                f"Received: {obj.__name__}"
            )
        full = f"{package}>{name or obj.__name__}"
        _registered[full] = obj
        _names[obj] = full
        return obj

    return decorator


def get_registered_name(obj):
    """The name ``obj`` was registered under, else its own."""
    try:
        return _names.get(obj, None) or obj.__name__
    except TypeError:  # not hashable
        return obj.__name__


def get_registered_object(name, custom_objects=None, module_objects=None):
    """The custom object of that name, or ``None``."""
    for table in (*reversed(_scopes), _registered, custom_objects or {}, module_objects or {}):
        if name in table:
            return table[name]
    return None
