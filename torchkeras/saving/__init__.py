"""Files of models and weights, configs of objects, and the names of custom ones."""

from torchkeras.saving._archive import load_model, save_model
from torchkeras.saving._h5 import CorruptFileError, UnsafeFileError
from torchkeras.saving._objects import deserialize_keras_object, serialize_keras_object
from torchkeras.saving._registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from torchkeras.saving._weights import load_weights, save_weights

__all__ = [
    "CorruptFileError",
    "CustomObjectScope",
    "UnsafeFileError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]
