"""From identifiers (a name, a config, an object) to objects, the same way in each namespace."""

import inspect
from typing import Any

from torchkeras import _state
from torchkeras._configurable import Configurable
from torchkeras.saving import _objects, _registration


class Registry:
    """The objects of one namespace by their names.

    Args:
        kind: What they are, for errors: ``"activation"``.
        base: Class of the instances `get` may return; ``None`` for plain callables.
    """

    def __init__(self, kind, base=None):
        self.kind = kind
        self.base = base
        self.table = {}

    def add(self, *objects, **aliases):
        """Makes objects known under their own name (classes under the snake one as well)."""
        for obj in objects:
            self.table[obj.__name__] = obj
            if inspect.isclass(obj):
                self.table.setdefault(_state.snake_case(obj.__name__), obj)
        self.table.update(aliases)

    def get(self, identifier) -> Any:
        """The object for a name, a config dict, a class or an object; ``None`` stays ``None``.

        Raises:
            ValueError: if nothing has that name, or the value is of no use here.
        """
        if identifier is None:
            return None
        if isinstance(identifier, dict):
            obj = self.deserialize(identifier)
        elif isinstance(identifier, str):
            obj = _registration.get_registered_object(identifier, None, self.table)
            if obj is None:
                raise ValueError(
                    f"Could not interpret {self.kind} identifier: {identifier}. Expected one of: "
                    f"{', '.join(sorted(self.table))}."
                )
        else:
            obj = identifier
        if inspect.isclass(obj):
            obj = obj()
        if callable(obj) or (self.base is not None and isinstance(obj, self.base)):
            return obj
        raise ValueError(f"Could not interpret {self.kind} identifier: {identifier}")

    def deserialize(self, config, custom_objects=None) -> Any:
        """The object for a config dict, or for a name."""
        if isinstance(config, dict) and "class_name" in config and "module" not in config:
            # Keras 2 wrote no module: the name is one of this namespace.
            cls: Any = _registration.get_registered_object(
                config["class_name"], custom_objects, self.table
            )
            if isinstance(cls, type) and issubclass(cls, Configurable):
                return cls.from_config(config.get("config") or {})
        obj = _objects.deserialize_keras_object(config, custom_objects)
        if isinstance(obj, str):
            obj = _registration.get_registered_object(obj, custom_objects, self.table)
            if obj is None:
                raise ValueError(f"Could not interpret {self.kind} identifier: {config}.")
        return obj

    def serialize(self, obj):
        """A function's name if it is the library's, else the object's config."""
        if inspect.isfunction(obj) and _objects.is_library_object(obj):
            return obj.__name__
        return _objects.serialize_keras_object(obj)
