"""What is quantized how: quantizers with their settings, and the two of a layer."""

from typing import Any

from torchkeras import _configurable
from torchkeras._checks import is_positive_int
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
        ValueError: for a range that ``"int8"`` cannot hold; on a call without an axis, if the
            quantizer has none either.

    Example:
        >>> quantizer = torchkeras.quantizers.AbsMaxQuantizer(axis=-1)
        >>> quantizer(torch.tensor([[1.0, -0.5]]))[0]
        tensor([[127, -63]], dtype=torch.int8)
    """

    def __init__(self, axis=None, value_range=(-127, 127), epsilon=1e-7, output_dtype="int8"):
        super().__init__(output_dtype)
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(
                f"Quantizer with output_dtype='{output_dtype}' requires value_range to be within "
                f"the interval [-128, 127]. Received: value_range={value_range}"
            )
        several = isinstance(axis, (tuple, list))
        self.axis = axis if axis is None else tuple(axis) if several else (axis,)
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

    # Of the weight's integers, where there is no choice.
    _value_range: Any = None

    def __init__(self, weight_quantizer=None, activation_quantizer=None):
        # What the inputs are rounded to does not matter: it is undone at once.
        for name, wanted in (("value_range", self._value_range), ("output_dtype", "int8")):
            found = getattr(weight_quantizer, name, None)
            found = tuple(found) if isinstance(found, list) else found
            if wanted is not None and found not in (None, wanted):
                raise ValueError(
                    f"{type(self).__name__} requires a weight_quantizer with {name}={wanted!r}. "
                    f"Received: {name}={found}"
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

    def __init__(self, weight_quantizer=None, activation_quantizer="default"):
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(get(weight_quantizer), get(activation_quantizer))

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

    # What two integers in a byte hold.
    _value_range = (-8, 7)

    def __init__(self, weight_quantizer=None, activation_quantizer="default", block_size=128):
        if block_size is not None and block_size != -1 and block_size < 1:
            raise ValueError(
                "block_size must be None, -1, or a positive integer. "
                f"Received: block_size={block_size}"
            )
        if activation_quantizer == "default":
            activation_quantizer = None
        super().__init__(get(weight_quantizer), get(activation_quantizer))
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


class _Calibrated(QuantizationConfig):
    """Base of the settings of a mode that looks at what the layers see of some data."""

    # What a group size of -1 means, in the error.
    _whole: str

    def __init__(
        self, dataset, tokenizer, weight_bits, num_samples, sequence_length, group_size, structure
    ):
        super().__init__()
        for name, value in (("num_samples", num_samples), ("sequence_length", sequence_length)):
            if not is_positive_int(value):
                raise ValueError(f"{name} must be a positive integer. Received: {name}={value}")
        if group_size != -1 and not is_positive_int(group_size):
            raise ValueError(
                f"Invalid group_size. Supported values are -1 ({self._whole}) or a positive "
                f"integer, but got {group_size}."
            )
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.weight_bits = weight_bits
        self.num_samples = num_samples
        self.sequence_length = sequence_length
        self.group_size = group_size
        self.quantization_layer_structure = structure

    def _config_value(self, name):
        # Data, code and layers have no place in a config; the integers are what came of them.
        gone = name in ("dataset", "tokenizer", "quantization_layer_structure")
        return None if gone else super()._config_value(name)

    @classmethod
    def from_config(cls, config):
        """Settings from the dict that `get_config` returned."""
        return cls(**config)

    def dtype_policy_string(self):
        """The mode with its numbers, as the names of dtype policies have it."""
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"


class GPTQConfig(_Calibrated):
    """Settings of GPTQ: weights rounded one after the other, each making up for those before.

    The rounding error of a weight goes to the weights of the same output that are still to be
    rounded, in the way that changes the layer's outputs for the calibration data least.

    Args:
        dataset: Calibration data: strings, or arrays of integers.
        tokenizer: Has ``tokenize(text)``, or is a function of the text; data of integers needs
            none.
        weight_bits: Bits of a weight: 2, 3, 4 or 8.
        num_samples: How many pieces of the data are looked at.
        per_channel: Whether each output has its own scale; else one serves all.
        sequence_length: Length of a piece.
        hessian_damping: Fraction of the mean of the Hessian's diagonal that is added to it.
        group_size: How many inputs share a scale; -1 for all.
        symmetric: Whether the range is as wide below zero as above.
        activation_order: Whether the inputs with the largest values come first.
        quantization_layer_structure: Dict of ``"pre_block_layers"``, which the data goes
            through first, and ``"sequential_blocks"``, whose layers are quantized one block
            after the other; default what the model's `get_quantization_layer_structure` returns.

    Raises:
        ValueError: for a number that is out of range.

    Reference: `Frantar et al., 2022 <https://arxiv.org/abs/2210.17323>`_

    Example:
        >>> data = np.arange(64) % 8
        >>> dense = torchkeras.layers.Dense(4)
        >>> embedding = torchkeras.layers.Embedding(8, 16)
        >>> model = torchkeras.Sequential([torchkeras.Input((None,)), embedding, dense])
        >>> config = torchkeras.quantizers.GPTQConfig(
        ...     [data], None, num_samples=8, sequence_length=8, group_size=8,
        ...     quantization_layer_structure={
        ...         "pre_block_layers": [embedding], "sequential_blocks": [dense]
        ...     },
        ... )
        >>> model.quantize("gptq", config)
        >>> dense.dtype_policy.name
        'gptq/4/8_from_float32'
    """

    _whole = "whole-tensor"

    def __init__(
        self,
        dataset,
        tokenizer,
        *,
        weight_bits=4,
        num_samples=128,
        per_channel=True,
        sequence_length=512,
        hessian_damping=0.01,
        group_size=128,
        symmetric=False,
        activation_order=False,
        quantization_layer_structure=None,
    ):
        if weight_bits not in (2, 3, 4, 8):
            raise ValueError(
                f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8."
            )
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        if not 0 <= hessian_damping <= 1:
            raise ValueError(
                "hessian_damping must be between 0 and 1. "
                f"Received: hessian_damping={hessian_damping}"
            )
        self.per_channel = per_channel
        self.hessian_damping = hessian_damping
        self.symmetric = symmetric
        self.activation_order = activation_order

    @property
    def mode(self):
        """``"gptq"``"""
        return "gptq"


class AWQConfig(_Calibrated):
    """Settings of AWQ: inputs with large values have their weights magnified before rounding.

    The weights of an input are multiplied by its largest magnitude in the calibration data, to
    a power between 0 and 1, then rounded to 4 bits; the inputs are divided by the same. The
    power is the one that leaves the least error, each weight's counted times that magnitude.

    Args:
        dataset: Calibration data: strings, or arrays of integers.
        tokenizer: Has ``tokenize(text)``, or is a function of the text; data of integers needs
            none.
        weight_bits: Bits of a weight: 4.
        num_samples: How many pieces of the data are looked at.
        sequence_length: Length of a piece.
        group_size: How many inputs share a scale; -1 for all.
        num_grid_points: In how many steps the power goes from 0 to 1.
        quantization_layer_structure: As in `GPTQConfig`.

    Raises:
        ValueError: for a number that is out of range.

    Reference: `Lin et al., 2023 <https://arxiv.org/abs/2306.00978>`_

    Example:
        >>> torchkeras.quantizers.AWQConfig(["text"], list, group_size=64).dtype_policy_string()
        'awq/4/64'
    """

    _whole = "per-channel"

    def __init__(
        self,
        dataset,
        tokenizer,
        *,
        weight_bits=4,
        num_samples=128,
        sequence_length=512,
        group_size=128,
        num_grid_points=20,
        quantization_layer_structure=None,
    ):
        if weight_bits != 4:
            raise ValueError(
                f"AWQ only supports 4-bit quantization. Received weight_bits={weight_bits}."
            )
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        if not is_positive_int(num_grid_points):
            raise ValueError(
                "num_grid_points must be a positive integer. "
                f"Received: num_grid_points={num_grid_points}"
            )
        self.num_grid_points = num_grid_points

    @property
    def mode(self):
        """``"awq"``"""
        return "awq"


_registry = Registry("quantizer", Quantizer)
_registry.add(AbsMaxQuantizer)
for _config in (
    Int8QuantizationConfig,
    Int4QuantizationConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    AWQConfig,
):
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
