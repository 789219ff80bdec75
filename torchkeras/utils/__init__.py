"""Utilities: data sets, features of tables, labels, seeds, names of custom objects."""

from torchkeras.graph._tensor import is_keras_tensor
from torchkeras.layers._preprocessing._feature_space import FeatureSpace
from torchkeras.random import set_random_seed
from torchkeras.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from torchkeras.utils import bounding_boxes
from torchkeras.utils._batch import pack_x_y_sample_weight, unpack_x_y_sample_weight
from torchkeras.utils._labels import normalize, to_categorical
from torchkeras.utils._plot_model import model_to_dot, plot_model
from torchkeras.utils._py_dataset import PyDataset, Sequence
from torchkeras.utils._session import clear_session, standardize_dtype

__all__ = [
    "CustomObjectScope",
    "FeatureSpace",
    "PyDataset",
    "Sequence",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_keras_tensor",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
