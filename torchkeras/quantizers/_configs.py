"""What is quantized how: quantizers with their settings, and the two of a layer."""

from torchkeras import _configurable
from torchkeras._registry import Registry
from torchkeras.quantizers._quantize import abs_max_quantize
from torchkeras.saving import _objects


class Quantizer(_configurable.Configurable):
    """Base of what turns a tensor of floats into integers and their scale.

    A subclass defines ``__call__(x) -> (integers, scale)``.

    Args:
        output_dtype: Element type of the integers.

    Example:
        >>> class Signs(torchkeras.quantizers.Quantizer):
        ...     def __call__(self, x):
        ...         return x.sign().to(torch.int8), torch.ones(())
        >>> Signs()(torch.tensor([0.5, -2.0]))[0]
        tensor([ 1, -1], dtype=torch.int8)
    """

    def __init__(self, output_dtype="int8"):
        self.output_dtype = output_dtype

    def __call__(self, x):
        raise NotImplementedError(
            f"Quantizer {type(self).__name__} does not have a `__call__` method implemented."
        )


class AbsMaxQuantizer(Quantizer):
    """Integers whose largest magnitude fills the range.

    Args:
        axis: Axis or axes that share a scale; ``None``: it is given with each call.
        value_range: Smallest and largest integer.
        epsilon: Keeps the scale finite.
        output_dtype: Element type of the integers.

    Raises:
        ValueError: on a call without an axis, if the quantizer has none either.

    Example:
        >>> quantizer = torchkeras.quantizers.AbsMaxQuantizer(axis=-1)
        >>> quantizer(torch.tensor([[1.0, -0.5]]))[0]
        tensor([[127, -63]], dtype=torch.int8)
    """

    def __init__(self, axis=None, value_range=(-127, 127), epsilon=1e-7, output_dtype="int8"):
        super().__init__(output_dtype)
        self.axis = axis if axis is None or isinstance(axis, (tuple, list)) else (axis,)
        self.value_range = value_range
        self.epsilon = epsilon

    def __call__(self, x, axis=None, to_numpy=False):
        axis = self.axis if axis is None else axis
        if axis is None:
            raise ValueError(
                "Axis must be specified either in the constructor or in the call. "
                "Received: axis=None"
            )
        return abs_max_quantize(
            x, axis, self.value_range, self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self):
        """Dict of the constructor arguments; without an axis where there is none."""
        config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": tuple(self.axis)}


class QuantizationConfig(_configurable.Configurable):
    """Base of the settings of a quantized layer.

    Args:
        weight_quantizer: Quantizer of the main weight; ``None``: the layer's own.
        activation_quantizer: Quantizer of the inputs; ``None``: they stay floats.

    Example:
        >>> torchkeras.quantizers.Int8QuantizationConfig(activation_quantizer=None).mode
        'int8'
    """

    _output_dtype: str | None = None

    def __init__(self, weight_quantizer=None, activation_quantizer=None):
        for name, quantizer in (
            ("weight_quantizer", weight_quantizer),
            ("activation_quantizer", activation_quantizer),
        ):
            dtype = getattr(quantizer, "output_dtype", self._output_dtype)
            if quantizer is not None and self._output_dtype and dtype != self._output_dtype:
                raise ValueError(
                    f"{type(self).__name__} requires a {name} with "
                    f"output_dtype='{self._output_dtype}'. Received: output_dtype={dtype}"
                )
        self.weight_quantizer = weight_quantizer
        self.activation_quantizer = activation_quantizer

    @property
    def mode(self):
        """Name of the mode, as ``quantize`` takes it."""
        raise NotImplementedError("Subclasses must implement the `mode` property.")

    @classmethod
    def from_config(cls, config):
        """Settings from the dict that `get_config` returned."""
        quantizers = {
            name: _objects.deserialize_keras_object(value) if isinstance(value, dict) else value
            for name, value in config.items()
        }
        return cls(**quantizers)

    @staticmethod
    def weight_quantizer_or_default(config, default):
        """The weight quantizer of a config that has one, else ``default``."""
        found = None if config is None else config.weight_quantizer
        return default if found is None else found

    @staticmethod
    def activation_quantizer_or_default(config, default):
        """The activation quantizer of a config, if there is one at all, else ``default``."""
        return default if config is None else config.activation_quantizer


class Int8QuantizationConfig(QuantizationConfig):
    """Settings of a layer whose main weight has 8 bits, with a scale for each output.

    Args:
        weight_quantizer: Quantizer of the main weight; ``None``: by the largest magnitude.
        activation_quantizer: Quantizer of the inputs; ``"default"``: by the largest magnitude
            of each row; ``None``: they stay floats.

    Raises:
        ValueError: for a quantizer of another output type.

    Example:
        >>> torchkeras.quantizers.Int8QuantizationConfig().activation_quantizer.output_dtype
        'int8'
    """

    _output_dtype = "int8"

    def __init__(self, weight_quantizer=None, activation_quantizer="default"):
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, get(activation_quantizer))

    @property
    def mode(self):
        """``"int8"``"""
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Settings of a layer whose main weight has 4 bits, two in a byte.

    Args:
        weight_quantizer: Quantizer of the main weight, for one scale an output; ``None``: by
            the largest magnitude.
        activation_quantizer: Quantizer of the inputs; ``None``, as by default: floats.
        block_size: How many inputs share a scale and a zero point; ``None`` or -1: all of
            them share a scale.

    Raises:
        ValueError: for a quantizer of another output type, or one together with blocks.

    Example:
        >>> torchkeras.quantizers.Int4QuantizationConfig(block_size=64).block_size
        64
    """

    _output_dtype = "int8"

    def __init__(self, weight_quantizer=None, activation_quantizer="default", block_size=128):
        if block_size is not None and block_size != -1 and block_size < 1:
            raise ValueError(
                "block_size must be None, -1, or a positive integer. "
                f"Received: block_size={block_size}"
            )
        if activation_quantizer == "default":
            activation_quantizer = None
        super().__init__(weight_quantizer, get(activation_quantizer))
        blocks = block_size is not None and block_size > 0
        if blocks and (self.weight_quantizer or self.activation_quantizer):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom "
                "quantizers. Either set block_size to None or -1 for per-channel quantization, or "
                f"remove the custom quantizer arguments. Received: block_size={block_size}"
            )
        self.block_size = block_size

    @property
    def mode(self):
        """``"int4"``"""
        return "int4"


class Float8QuantizationConfig(QuantizationConfig):
    """Settings of a layer that multiplies in float8; there are none.

    Example:
        >>> torchkeras.quantizers.Float8QuantizationConfig().mode
        'float8'
    """

    def __init__(self):
        super().__init__()

    @property
    def mode(self):
        """``"float8"``"""
        return "float8"


_registry = Registry("quantizer", Quantizer)
_registry.add(AbsMaxQuantizer)
for _config in (Int8QuantizationConfig, Int4QuantizationConfig, Float8QuantizationConfig):
    _registry.add(_config)


def serialize(initializer):
    """The config of a quantizer."""
    return _objects.serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The quantizer of a config."""
    return _registry.deserialize(config, custom_objects)


def get(identifier, **kwargs):
    """A quantizer from a quantizer, its class, its config or its name.

    Args:
        identifier: One of these; ``None`` stays ``None``.
        **kwargs: Arguments of the constructor, for a name or a class.

    Raises:
        ValueError: for anything else.

    Example:
        >>> torchkeras.quantizers.get("abs_max_quantizer", axis=0).axis
        (0,)
    """
    known = _registry.table.get(identifier) if isinstance(identifier, str) else identifier
    if isinstance(known, type) and kwargs:
        return known(**kwargs)
    return _registry.get(identifier)
