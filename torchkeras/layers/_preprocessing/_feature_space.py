"""FeatureSpace: the columns of a table, each encoded in its own way, as one tensor or a dict."""

from typing import Any

import numpy as np
import torch

from torchkeras import _device, _dtypes, _state
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._core import Identity
from torchkeras.layers._input import Input
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _strings
from torchkeras.layers._preprocessing._category import CategoryEncoding
from torchkeras.layers._preprocessing._discretization import Discretization
from torchkeras.layers._preprocessing._hashing import HashedCrossing, Hashing
from torchkeras.layers._preprocessing._lookup import IntegerLookup, StringLookup
from torchkeras.layers._preprocessing._normalization import Normalization, Rescaling
from torchkeras.layers._preprocessing._text import TextVectorization
from torchkeras.saving import _objects

# Where Keras' files name the classes below.
_SAVED_IN = "keras.src.layers.preprocessing.feature_space"


def _checked_mode(output_mode, choices):
    if output_mode not in choices:
        raise ValueError(
            "Invalid value for argument `output_mode`. Expected one of "
            f"{choices}. Received: output_mode={output_mode}"
        )
    return output_mode


class Cross:
    """Which features are crossed, into how many bins, and how those are encoded."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = _checked_mode(output_mode, ("int", "one_hot"))

    @property
    def name(self):
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self):
        """Dict of the constructor arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        """A cross from the dict that `get_config` returned."""
        return cls(**config)


class Feature:
    """The element type of a column, the layer that it goes through, and how that is encoded."""

    def __init__(self, dtype, preprocessor, output_mode):
        self.dtype = dtype
        self.preprocessor: Any = preprocessor
        if isinstance(preprocessor, dict):
            # Keras has an identity of its own here.
            if preprocessor.get("class_name") == "TFDIdentity":
                self.preprocessor = Identity(**preprocessor["config"])
            else:
                self.preprocessor = _objects.deserialize_keras_object(preprocessor)
        self.output_mode = _checked_mode(output_mode, ("int", "one_hot", "float"))

    def get_config(self):
        """Dict of the constructor arguments, the layer serialized."""
        preprocessor: Any = _objects.serialize_keras_object(self.preprocessor)
        if type(self.preprocessor) is Identity:
            preprocessor.pop("build_config", None)
            preprocessor.update(_named("TFDIdentity"))
        return {
            "dtype": self.dtype,
            "preprocessor": preprocessor,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        """A feature from the dict that `get_config` returned."""
        return cls(**config)


def _named(class_name):
    return {"module": _SAVED_IN, "class_name": class_name, "registered_name": class_name}


def _auto(name, kind):
    """The name of a preprocessor, from that of the feature or from its kind."""
    return f"{_state.unique_name(kind) if name is None else name}_preprocessor"


class FeatureSpace(Layer):
    """Encodes the columns of a table, as one vector for each row or as a dict.

    Args:
        features: Dict from the name of a column to its kind: "float", "float_rescaled",
            "float_normalized", "float_discretized", "integer_categorical",
            "string_categorical", "integer_hashed", "string_hashed", or what the class methods
            of these names (or `feature`, with a layer of your own) return.
        output_mode: "concat" for one vector, "dict" for a dict of the encoded columns.
        crosses: List of tuples of names, whose combinations are hashed, or of what `cross`
            returns.
        crossing_dim: How many bins a cross has by default.
        hashing_dim: How many bins "integer_hashed" and "string_hashed" have by default.
        num_discretization_bins: How many bins "float_discretized" has by default.
        name: Name of the layer.

    Shapes:
        inputs: dict of ``(batch,)``, ``(batch, 1)`` or ``()``
        outputs: ``(batch, size)``, or a dict of them; without the batch for single rows

    Raises:
        ValueError: if a feature is of no known kind, a cross names none, an output is not
            encoded as it must be, or the space has to be adapted first.

    Example:
        >>> space = torchkeras.utils.FeatureSpace(
        ...     {"age": "float_normalized", "city": "string_categorical"}
        ... )
        >>> data = {"age": [20.0, 40.0], "city": ["Bonn", "Rome"]}
        >>> space.adapt(data)
        >>> space(data)
        tensor([[-1.,  0.,  0.,  1.],
                [ 1.,  0.,  1.,  0.]])
    """

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """A cross of features.

        Args:
            feature_names: Their names.
            crossing_dim: How many bins there are.
            output_mode: "one_hot" or "int".
        """
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A feature that goes through a layer of your own.

        Args:
            dtype: Element type of the column.
            preprocessor: The layer.
            output_mode: "int", "one_hot" or "float".
        """
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """Floats as they are."""
        return Feature("float32", Identity(name=_auto(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """Floats times a scale plus an offset."""
        layer = Rescaling(scale, offset, name=_auto(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name=None):
        """Floats brought to mean 0 and variance 1."""
        layer = Normalization(axis=-1, name=_auto(name, "float_normalized"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """Floats put into bins: ``num_bins`` that are adapted to the data, or given ones."""
        layer = Discretization(
            bin_boundaries, num_bins, name=_auto(name, "float_discretized"), output_mode="int"
        )
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None
    ):
        """Integers looked up in a vocabulary."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_auto(name, "integer_categorical"))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None
    ):
        """Strings looked up in a vocabulary."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_auto(name, "string_categorical"))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """Strings put into bins by a hash."""
        layer = Hashing(num_bins, name=_auto(name, "string_hashed"))
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """Integers put into bins by a hash."""
        layer = Hashing(num_bins, name=_auto(name, "integer_hashed"))
        return Feature("int32", layer, output_mode)

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError("The `features` argument cannot be None or empty.")
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = _checked_mode(output_mode, ("dict", "concat"))
        self.features = {k: self._standardized(k, v) for k, v in features.items()}
        self.crosses = []
        if crosses and crossing_dim is None:
            raise ValueError(
                "When specifying `crosses`, the argument `crossing_dim` (dimensionality of the "
                "crossing space) should be specified as well."
            )
        for cross in crosses or ():
            cross = _cross_of(cross, crossing_dim)
            unknown = [n for n in cross.feature_names if n not in self.features]
            if unknown:
                raise ValueError(
                    "All features referenced in the `crosses` argument should be present in the "
                    f"`features` dict. Received unknown features: {unknown}"
                )
            self.crosses.append(cross)
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {
            k: Input((1,), dtype=feature.dtype, name=k) for k, feature in self.features.items()
        }
        self.preprocessors = {k: feature.preprocessor for k, feature in self.features.items()}
        self.crossers = {
            cross.name: HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self.one_hot_encoders = {}
        self.built = False
        self._encoded = None
        self._is_adapted = not self._adaptable()

    def _standardized(self, name, feature):
        if isinstance(feature, Feature):
            return feature
        if isinstance(feature, dict):
            return Feature.from_config(feature.get("config", feature))
        makers = {
            "float": (self.float, {}),
            "float_rescaled": (self.float_rescaled, {}),
            "float_normalized": (self.float_normalized, {}),
            "float_discretized": (
                self.float_discretized,
                {"num_bins": self.num_discretization_bins},
            ),
            "integer_categorical": (self.integer_categorical, {}),
            "string_categorical": (self.string_categorical, {}),
            "integer_hashed": (self.integer_hashed, {"num_bins": self.hashing_dim}),
            "string_hashed": (self.string_hashed, {"num_bins": self.hashing_dim}),
        }
        if not isinstance(feature, str) or feature not in makers:
            raise ValueError(
                f"Invalid feature type: {feature}. Expected one of {', '.join(makers)}, or what "
                "`FeatureSpace.feature(...)` returns."
            )
        maker, kwargs = makers[feature]
        return maker(name=name, **kwargs)

    # --- adapting -----------------------------------------------------------------

    def _adaptable(self):
        """The names of the features whose layer learns from data."""
        return [
            k
            for k, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and not _given(layer)
        ]

    def adapt(self, dataset):
        """Lets the layers of the features learn from data.

        Args:
            dataset: Dict of columns (arrays or lists), or an iterable of batches or rows of
                such dicts: a `DataLoader`, a dataset, a generator.

        Raises:
            ValueError: if it is neither.
        """
        whole = isinstance(dataset, dict)
        if not whole and (
            isinstance(dataset, (list, tuple, str, np.ndarray, torch.Tensor))
            or not (hasattr(dataset, "__iter__") or hasattr(dataset, "__getitem__"))
        ):
            raise ValueError(
                "`adapt()` can only be called on a tf.data.Dataset or a dict of arrays/lists, or "
                "on an iterable of dicts of them. "
                f"Received instead: a {type(dataset).__name__}"
            )
        if whole:
            dataset = [dataset]
        elif isinstance(dataset, torch.utils.data.Dataset):
            dataset = torch.utils.data.DataLoader(dataset, batch_size=1024)
        elif hasattr(dataset, "__next__"):  # each layer goes through it
            dataset = list(dataset)
        for name in self._adaptable():
            dtype = self.features[name].dtype
            self.preprocessors[name].adapt(_column(row[name], dtype)[0] for row in dataset)
        self._is_adapted = True
        self.get_encoded_features()

    def _check_if_adapted(self):
        if not self._is_adapted:
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start "
                "using it."
            )

    # --- encoding -----------------------------------------------------------------

    def get_inputs(self):
        """Dict of the symbols of the columns, for a functional model.

        Raises:
            ValueError: if the space has to be adapted first.
        """
        self._check_if_adapted()
        return dict(self.inputs)

    def get_encoded_features(self):
        """Symbols of the encoded columns, for a functional model.

        Raises:
            ValueError: if the space has to be adapted first.
        """
        self._check_if_adapted()
        if self._encoded is None:
            self.__dict__["_encoded"] = self._encode(self.inputs)
            self.built = True
        return self._encoded

    def forward(self, data):
        if not isinstance(data, dict):
            raise ValueError(
                "A FeatureSpace can only be called with a dict. "
                f"Received: data of type {type(data)}"
            )
        missing = [k for k in self.features if k not in data]
        if missing:
            raise KeyError(f"The data have no columns {missing}. Expected: {list(self.features)}")
        self.get_encoded_features()
        columns, ranks, device = {}, set(), _device.device_of(self)
        for name, feature in self.features.items():
            if isinstance(data[name], KerasTensor):
                columns[name] = data[name]
                continue
            columns[name], rank = _column(data[name], feature.dtype, device)
            ranks.add(rank)
        outputs = self._encode(columns)
        if ranks == {0}:  # one row
            if isinstance(outputs, dict):
                return {k: v[0] for k, v in outputs.items()}
            return outputs[0]
        return outputs

    call = forward

    def _encode(self, columns):
        """The encoded columns, of tensors or of symbols."""
        found = {k: self.preprocessors[k](columns[k]) for k in sorted(self.features)}
        encoded = {
            k: self._one_hot(k, value, self.features[k].output_mode) for k, value in found.items()
        }
        for name in sorted(self.crossers):
            cross = self.crosses_by_name[name]
            value = self.crossers[name]([found[k] for k in cross.feature_names])
            encoded[name] = self._one_hot(name, value, cross.output_mode)
        if self.output_mode == "dict":
            return encoded
        for name, value in encoded.items():
            dtype = _dtypes.standardize_dtype(value.dtype)
            if not _dtypes.is_float(dtype):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded "
                    f"(it has dtype {dtype}). Consider using `output_mode='dict'`."
                )
        values = list(encoded.values())
        return values[0] if len(values) == 1 else torch.cat(values, dim=-1)

    def _one_hot(self, name, value, output_mode):
        if output_mode != "one_hot":
            return value
        if name not in self.one_hot_encoders:
            dtype = _dtypes.standardize_dtype(value.dtype)
            if not dtype.startswith("int"):
                raise ValueError(
                    f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor should "
                    f"return an integer dtype. Instead it returns a {dtype} dtype."
                )
            layer = self.crossers.get(name) or self.preprocessors[name]
            self.one_hot_encoders[name] = CategoryEncoding(_size(layer, name))
        return self.one_hot_encoders[name](value)

    # --- configuration ------------------------------------------------------------

    def get_config(self):
        return {
            "features": {
                k: {**_named("Feature"), "config": feature.get_config()}
                for k, feature in self.features.items()
            },
            "output_mode": self.output_mode,
            "crosses": [
                {**_named("Cross"), "config": cross.get_config()} for cross in self.crosses
            ],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self):
        """The shapes that the layers of the features were built for."""
        return {k: layer.get_build_config() for k, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        """Builds the layers of the features; what they learned is read after that."""
        for name, layer in self.preprocessors.items():
            if not layer.built and config.get(name):
                layer.build_from_config(config[name])
        self._is_adapted = True


def _cross_of(value, crossing_dim):
    if isinstance(value, Cross):
        return value
    if isinstance(value, dict):
        return Cross.from_config(value.get("config", value))
    if isinstance(value, str) or len(value) < 2:
        raise ValueError(
            f"A cross must be a tuple of two or more names of features. Received: {value!r}"
        )
    return Cross(value, crossing_dim)


def _given(layer):
    """Whether a layer was given what others learn from data."""
    if isinstance(layer, Normalization):
        return layer.input_mean is not None
    if isinstance(layer, Discretization):
        return layer._given
    if isinstance(layer, TextVectorization):
        layer = layer._lookup_layer
    return getattr(layer, "_static", False)


def _size(layer, name) -> Any:
    """How many values a layer may return."""
    if isinstance(layer, (StringLookup, IntegerLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, (Hashing, HashedCrossing)):
        return layer.num_bins
    if isinstance(layer, Discretization):
        return max(layer._depth(), layer.num_bins or 1)
    raise ValueError(
        f"Feature '{name}' has `output_mode='one_hot'`. However it isn't a standard feature and "
        "the dimensionality of its output space is not known, thus it cannot be one-hot encoded. "
        "Try using `output_mode='int'`."
    )


def _column(value, dtype, device=None):
    """A column as ``(batch, 1)`` of its element type, and the rank that it had."""
    if _strings.is_text(value):
        value = _strings.as_array(value)
    elif isinstance(value, torch.Tensor) or dtype != "string":
        value = _dtypes.to_tensor(value, dtype if dtype in _dtypes.TORCH else None, device)
    else:
        value = np.asarray(value)
    rank = value.ndim
    return (value.reshape(-1, 1) if rank < 2 else value), rank
