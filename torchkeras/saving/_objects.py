"""Objects as JSON in Keras' format, and back.

A name in a config is looked up among the public modelling objects and those the user
registered; nothing is ever imported because a config names it.
"""

import base64
import inspect
import marshal
import sys
import types
from typing import Any

import numpy as np
import torch

from torchkeras import _dtypes
from torchkeras import config as _config
from torchkeras.saving import _registration

PACKAGE = __name__.partition(".")[0]
# Public namespaces whose classes and functions a config may name.
_MODELLING = (
    "activations",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "optimizers.schedules",
    "quantizers",
    "random",
    "regularizers",
)
# Where Keras' files name a class by another place than the one it is public in here.
_SAVED_MODULE = {
    "Sequential": "keras",
    "Functional": "keras.src.models.functional",
    "DTypePolicy": "keras",
    "FloatDTypePolicy": "keras",
    "Variable": "keras",
}
# Classes whose public name is another than their own.
_SAVED_NAME = {"GroupedQueryAttention": "GroupQueryAttention"}


def public_path(obj):
    """Keras' module of a library object (``keras.layers``), its own module for a user's one."""
    module = obj.__module__ or ""
    if module.partition(".")[0] != PACKAGE:
        return module
    parts = [part for part in module.split(".")[1:] if not part.startswith("_")]
    return _SAVED_MODULE.get(obj.__name__) or ".".join(["keras", *parts])


def is_library_object(obj):
    """Whether a class or function is one of the library's public modelling objects."""
    return _find_public(getattr(obj, "__name__", ""), getattr(obj, "__module__", "")) is obj


# Functions of the namespaces that make no part of a model.
_NO_PART = {"clone_model", "deserialize", "get", "serialize", "set_random_seed"}


def _find_public(name, module):
    if name in _NO_PART:
        return None
    parts = [p for p in (module or "").split(".")[1:] if p != "src" and not p.startswith("_")]
    # The named place first, then every namespace: older files name other places.
    wanted = ".".join(parts)
    for space in sorted(_MODELLING, key=lambda space: space != wanted):
        found = sys.modules.get(f"{PACKAGE}.{space}")
        if found is not None and name in getattr(found, "__all__", ()):
            obj = getattr(found, name)
            # Of models only classes: what reads and writes files is in that namespace too.
            models = inspect.isfunction(obj) and space == "models"
            if (inspect.isclass(obj) or inspect.isfunction(obj)) and not models:
                return obj
    return None


def serialize_keras_object(obj) -> Any:
    """A JSON-ready value from which `deserialize_keras_object` makes an equal object.

    Args:
        obj: Numbers, strings, containers, arrays, functions, or any object with a
            ``get_config`` method.

    Raises:
        ValueError: if the object has no such form.
    """
    if obj is None or isinstance(obj, (str, bool, int, float)):
        return obj
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, (list, tuple)):
        values = [serialize_keras_object(v) for v in obj]
        return tuple(values) if isinstance(obj, tuple) else values
    if isinstance(obj, dict):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, slice):
        config = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": config}
    if isinstance(obj, torch.dtype):
        return _dtypes.standardize_dtype(obj)
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, torch.Size):
        return [int(v) for v in obj]
    if isinstance(obj, torch.Tensor):
        array = obj.detach().cpu()
        dtype = _dtypes.standardize_dtype(array.dtype)
        config = {"value": array.float().tolist() if dtype == "bfloat16" else array.tolist()}
        return {"class_name": "__tensor__", "config": {**config, "dtype": dtype}}
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        config = {"value": obj.tolist(), "dtype": obj.dtype.name}
        return {"class_name": "__numpy__", "config": config}
    if getattr(obj, "_keras_history", None) is not None:
        operation, node_index, tensor_index = obj._keras_history
        config = {
            "shape": list(obj.shape),
            "dtype": obj.dtype,
            "keras_history": [operation.name, node_index, tensor_index],
        }
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": _lambda_config(obj)}}
    if inspect.isfunction(obj) or inspect.isbuiltin(obj) or inspect.isclass(obj):
        kind = "class" if inspect.isclass(obj) else "function"
        library = is_library_object(obj)
        return {
            "module": public_path(obj) if library else obj.__module__ or "builtins",
            "class_name": kind,
            "config": obj.__name__,
            "registered_name": None if library else _registration.get_registered_name(obj),
        }
    if not hasattr(obj, "get_config"):
        raise ValueError(
            f"Cannot serialize an object of type {type(obj).__name__}. Expected a plain value, "
            "an array, a function, or an object with a `get_config()` method."
        )
    cls = type(obj)
    library = is_library_object(cls) or cls.__module__.partition(".")[0] == PACKAGE
    library = library and cls not in _registration._names
    config = {
        "module": public_path(cls) if library else cls.__module__,
        "class_name": _SAVED_NAME.get(cls.__name__, cls.__name__) if library else cls.__name__,
        "config": _plain(obj.get_config()),
        "registered_name": None if library else _registration.get_registered_name(cls),
    }
    for key in ("build_config", "compile_config"):
        getter = getattr(obj, f"get_{key}", None)
        value = getter() if getter is not None else None
        if value is not None:
            config[key] = _plain(value)
    return config


def _plain(config):
    """A config whose values are themselves JSON-ready."""
    if isinstance(config, dict):
        return {k: serialize_keras_object(v) for k, v in config.items()}
    return serialize_keras_object(config)


def deserialize_keras_object(config, custom_objects=None, safe_mode=True, **kwargs) -> Any:
    """The object that `serialize_keras_object` described.

    Args:
        config: What that function returned.
        custom_objects: Dict from name to the custom classes and functions named inside.
        safe_mode: With ``True``, a lambda's code in the config is refused.

    Raises:
        ValueError: for a lambda in safe mode, or a config of no known form.
        TypeError: for a name that is neither public here nor registered.
    """
    if kwargs:
        raise ValueError(f"The following argument(s) are not supported: {sorted(kwargs)}")
    if custom_objects:
        with _registration.CustomObjectScope(custom_objects):
            return deserialize_keras_object(config, safe_mode=safe_mode)
    if config is None or isinstance(config, (bool, int, float)):
        return config
    if isinstance(config, (list, tuple)):
        return type(config)(deserialize_keras_object(v, safe_mode=safe_mode) for v in config)
    if isinstance(config, str):
        custom = _registration.get_registered_object(config)
        return config if custom is None else custom
    if not isinstance(config, dict):
        raise TypeError(f"Could not parse config of type {type(config).__name__}")
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v, safe_mode=safe_mode) for k, v in config.items()}

    name, inner = config["class_name"], config["config"] or {}
    if name in _LITERALS:
        return _LITERALS[name](inner, safe_mode)
    registered = config.get("registered_name")
    module = config.get("module") or ""
    if name in ("function", "class"):
        return _lookup(inner, module, registered, name)
    cls = _lookup(name, module, registered, "class")
    if not hasattr(cls, "from_config"):
        raise TypeError(f"Class {name!r} has no `from_config` method, so no config makes one.")
    with _SafeMode(safe_mode):
        obj = cls.from_config(inner)
    build_config = config.get("build_config")
    if build_config and hasattr(obj, "build_from_config"):
        obj.build_from_config(build_config)
    compile_config = config.get("compile_config")
    if compile_config and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(compile_config)
    return obj


class _SafeMode:
    """While a config is read, tells `in_safe_mode` what its reader asked for."""

    stack = []

    def __init__(self, enabled):
        self.enabled = enabled

    def __enter__(self):
        self.stack.append(self.enabled)

    def __exit__(self, *exc):
        self.stack.pop()


def in_safe_mode():
    """Whether code in a config must be refused here."""
    if _config.is_unsafe_deserialization_enabled():
        return False
    return not _SafeMode.stack or _SafeMode.stack[-1] is not False


def _lookup(name, module, registered, kind) -> Any:
    for key in (registered, name):
        custom = _registration.get_registered_object(key) if key else None
        if custom is not None:
            return custom
    found = _find_public(name, module)
    if found is None:
        raise TypeError(
            f"Could not locate {kind} '{name}'. Make sure custom classes and functions are "
            "decorated with `@keras.saving.register_keras_serializable()` or passed in "
            f"`custom_objects`. Received: module={module!r}, registered_name={registered!r}"
        )
    return found


def _lambda_config(function):
    closure = function.__closure__
    return {
        "code": base64.b64encode(marshal.dumps(function.__code__)).decode("ascii"),
        "defaults": function.__defaults__,
        "closure": tuple(cell.cell_contents for cell in closure) if closure else None,
    }


def _lambda_from_config(inner, safe_mode):
    if safe_mode and not _config.is_unsafe_deserialization_enabled():
        raise ValueError(
            "Requested the deserialization of a Python lambda. This carries a potential risk of "
            "arbitrary code execution and thus it is disallowed by default. If you trust the "
            "source of the artifact, you can override this error by passing `safe_mode=False` to "
            "the loading function, or calling `keras.config.enable_unsafe_deserialization()`."
        )
    value = inner["value"]
    if isinstance(value, (list, tuple)):  # Keras before 3.5 wrote a plain triple
        value = dict(zip(("code", "defaults", "closure"), value))
    code = marshal.loads(base64.b64decode(value["code"]))
    closure = tuple(types.CellType(v) for v in value["closure"] or ()) or None
    defaults = tuple(value["defaults"]) if value["defaults"] is not None else None
    return types.FunctionType(code, globals(), code.co_name, defaults, closure)


def _slice_from_config(inner, safe_mode):
    return slice(*(inner[k] for k in ("start", "stop", "step")))


_LITERALS = {
    "__bytes__": lambda inner, _: inner["value"].encode("utf-8"),
    "__tuple__": lambda inner, safe: tuple(
        deserialize_keras_object(v, safe_mode=safe) for v in inner["value"]
    ),
    "__ellipsis__": lambda inner, _: Ellipsis,
    "__slice__": _slice_from_config,
    "__tensor__": lambda inner, _: torch.tensor(
        inner["value"], dtype=_dtypes.torch_dtype(inner["dtype"])
    ),
    "__numpy__": lambda inner, _: np.array(inner["value"], dtype=inner["dtype"]),
    "__lambda__": _lambda_from_config,
}
