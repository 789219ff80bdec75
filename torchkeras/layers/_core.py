"""Dense, Embedding, Masking, Lambda, Identity: the layers that most models begin with."""

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import activations, constraints, initializers, regularizers, tree
from torchkeras._checks import is_positive_int
from torchkeras.layers import _call
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.saving import _objects


class Dense(Layer):
    """Multiplies the last axis by a matrix, adds a bias, applies an activation.

    Computes ``activation(inputs @ kernel + bias)``.  Every axis before the last is a
    batch axis, so one kernel serves all positions of a sequence or an image.

    Args:
        units: Size of the last axis of the output.
        activation: Function or its name; ``None`` returns the sum unchanged.
        use_bias: Whether a bias is added.
        kernel_initializer: Initializer of the kernel.
        bias_initializer: Initializer of the bias.
        kernel_regularizer: Term of the loss for the kernel.
        bias_regularizer: Term of the loss for the bias.
        activity_regularizer: Term of the loss for the outputs.
        kernel_constraint: Applied to the kernel after each update.
        bias_constraint: Applied to the bias after each update.
        lora_rank: Must be ``None``: low-rank adapters are not there yet.
        lora_alpha: Must be ``None``.
        quantization_config: Must be ``None``: quantized layers are not there yet.

    Weights:
        kernel: ``(features, units)``
        bias: ``(units,)``; ``None`` without ``use_bias``

    Shapes:
        inputs: ``(batch, ..., features)``
        outputs: ``(batch, ..., units)``

    Raises:
        ValueError: if ``units`` is not a positive integer, or the last axis of the inputs
            is not the one the layer was built for.

    Example:
        >>> layer = torchkeras.layers.Dense(3, activation="relu")
        >>> layer(torch.ones(2, 7, 5)).shape
        torch.Size([2, 7, 3])
    """

    supports_masking = True

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        refuse_adapters(lora_rank, lora_alpha, quantization_config)
        if not is_positive_int(units):
            raise ValueError(
                "Received an invalid value for `units`, expected a positive integer. "
                f"Received: units={units}"
            )
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha
        self.quantization_config = quantization_config
        self._activate = None if self.activation is activations.linear else self.activation
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                "The last dimension of the inputs to a Dense layer should be defined. "
                f"Found None. Full input shape received: {input_shape}"
            )
        self.kernel = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        bias = self.bias
        if inputs.ndim == 2:
            kernel = self.kernel
            x = inputs @ kernel if bias is None else torch.addmm(bias, inputs, kernel)
        else:
            x = F.linear(inputs, self.kernel.t(), bias)
        activate = self._activate
        return x if activate is None else activate(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def extra_repr(self):
        return f"units={self.units}, use_bias={self.use_bias}"


def refuse_adapters(lora_rank=None, lora_alpha=None, quantization_config=None):
    """Raises for the arguments of low-rank adapters and quantization."""
    for name, value in (
        ("lora_rank", lora_rank),
        ("lora_alpha", lora_alpha),
        ("quantization_config", quantization_config),
    ):
        if value is not None:
            raise ValueError(f"`{name}` is not there yet. Expected None. Received: {name}={value}")


class Embedding(Layer):
    """Looks integers up in a table of vectors.

    Args:
        input_dim: Number of rows of the table: the largest integer + 1.
        output_dim: Length of a vector.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Term of the loss for the table.
        embeddings_constraint: Applied to the table after each update.
        mask_zero: Whether 0 is padding, which later layers are told to skip.
        weights: The table's values, as an array or a list of one.
        lora_rank: Must be ``None``: low-rank adapters are not there yet.
        lora_alpha: Must be ``None``.
        quantization_config: Must be ``None``: quantized layers are not there yet.

    Weights:
        embeddings: ``(input_dim, output_dim)``

    Shapes:
        inputs: ``(batch, ...)`` of integers
        outputs: ``(batch, ..., output_dim)``

    Raises:
        ValueError: if a size is not a positive integer.

    Example:
        >>> layer = torchkeras.layers.Embedding(10, 4)
        >>> layer(torch.tensor([[1, 2, 3]])).shape
        torch.Size([1, 3, 4])
    """

    _symbol_dtype = "int32"

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        length = kwargs.pop("input_length", None)
        if length is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (length,)
        super().__init__(**kwargs)
        refuse_adapters(lora_rank, lora_alpha, quantization_config)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not is_positive_int(value):
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} "
                    f"(of type {type(value).__name__})."
                )
        self.input_dim = int(input_dim)
        self.output_dim = int(output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self._makes_masks = mask_zero
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha
        self.quantization_config = quantization_config
        self.autocast = False
        if weights is not None:
            self.build()
            self.embeddings.assign(weights[0] if isinstance(weights, (list, tuple)) else weights)

    _config_skip = ("autocast", "weights")
    _config_optional = ("lora_rank", "lora_alpha")

    def build(self, input_shape=None):
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )

    def call(self, inputs):
        if inputs.dtype not in (torch.int32, torch.int64):
            inputs = inputs.long()
        try:
            return F.embedding(inputs, self.embeddings)
        except IndexError as error:
            raise ValueError(
                f"Layer '{self.name}' has {self.input_dim} rows (`input_dim`), but an input is "
                f"outside 0..{self.input_dim - 1}. Raise `input_dim` or check the data."
            ) from error

    def compute_mask(self, inputs, mask=None):
        return torch.as_tensor(inputs).ne(0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)


class Masking(Layer):
    """Tells later layers to skip the steps whose values all equal ``mask_value``.

    Args:
        mask_value: The value that marks a step as padding.

    Shapes:
        inputs: ``(batch, steps, features)``
        outputs: the same, with the skipped steps zero

    Example:
        >>> layer = torchkeras.layers.Masking(mask_value=-1.0)
        >>> layer.compute_mask(torch.tensor([[[1.0], [-1.0]]]), None)
        tensor([[ True, False]])
    """

    supports_masking = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            mask_value = _objects.deserialize_keras_object(mask_value)
        self.mask_value: Any = mask_value
        self._build_at_init()

    def compute_mask(self, inputs, mask=None):
        return torch.as_tensor(inputs).ne(self.mask_value).any(dim=-1)

    def call(self, inputs):
        return inputs * inputs.ne(self.mask_value).any(dim=-1, keepdim=True).to(inputs.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


class Identity(Layer):
    """Returns its inputs unchanged.

    Example:
        >>> torchkeras.layers.Identity()(torch.ones(2)).sum()
        tensor(2.)
    """

    supports_masking = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._build_at_init()

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Lambda(Layer):
    """Any function of tensors as a layer.

    Args:
        function: Called with the inputs, and with ``mask`` and ``training`` if it takes them.
        output_shape: Shape without the batch axis, or a function of the input shape;
            default found by trying.
        mask: Mask of the outputs, or a function ``(inputs, mask)`` of it.
        arguments: Dict of further keyword arguments of the function.

    Shapes:
        inputs: anything ``function`` takes

    Raises:
        TypeError: if ``function`` is not callable, or ``arguments`` is no dict.

    Example:
        >>> torchkeras.layers.Lambda(lambda x: x ** 2)(torch.tensor([3.0]))
        tensor([9.])
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                "The `function` of a Lambda must be callable. "
                f"Received: function={function} (of type {type(function)})"
            )
        if arguments is not None and not isinstance(arguments, dict):
            raise TypeError(
                "The `arguments` of a Lambda must be a dict of keyword arguments. "
                f"Received: arguments={arguments}"
            )
        self.arguments = arguments or {}
        self.function = function
        self.mask = mask
        self._output_shape = output_shape
        self.supports_masking = mask is not None
        self._makes_masks = mask is not None
        try:
            self._takes = _call.CallSignature(function).names
        except ValueError:  # a function of torch's own, in C: it takes the inputs
            self._takes = ()
        self._build_at_init()

    def call(self, inputs, mask=None, training=None):
        given = dict(self.arguments)
        if "mask" in self._takes:
            given["mask"] = mask
        if "training" in self._takes:
            given["training"] = training
        return self.function(inputs, **given)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch = tree.flatten(input_shape)[0] if input_shape else None
        return tree.map_shape_structure(lambda s: (batch, *s), self._output_shape)

    def compute_output_spec(self, *args, **kwargs):
        if self._output_shape is None:
            return self._trace(args, kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self):
        config = self._base_config()
        for name, value in (
            ("function", self.function),
            ("output_shape", self._output_shape),
            ("mask", self.mask),
        ):
            if value is not None or name == "function":
                config[name] = _unwrapped(_objects.serialize_keras_object(value))
        config["arguments"] = _objects.serialize_keras_object(self.arguments)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """The layer of a config; Python code in it is refused unless ``safe_mode=False``."""
        config = dict(config)
        safe = _objects.in_safe_mode() if safe_mode is None else safe_mode
        for name in ("function", "output_shape", "mask"):
            value = config.get(name)
            if isinstance(value, dict):
                if safe and value.get("class_name") == "__lambda__":
                    raise ValueError(
                        f"The `{name}` of this Lambda layer is Python code, which is not run from "
                        "a config. If you trust where it comes from, pass `safe_mode=False` or "
                        "call `keras.config.enable_unsafe_deserialization()`."
                    )
                config[name] = _objects.deserialize_keras_object(
                    _wrapped(value), custom_objects=custom_objects, safe_mode=safe
                )
            elif isinstance(value, list) and name == "output_shape":
                config[name] = tuple(value)
        config["arguments"] = _objects.deserialize_keras_object(config.get("arguments"))
        return cls(**config)


# Where other objects hold Python code in `config.value`, a Lambda holds it in `config`.
def _unwrapped(config):
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        return {**config, "config": config["config"]["value"]}
    return config


def _wrapped(config):
    if config.get("class_name") == "__lambda__" and "value" not in config["config"]:
        return {**config, "config": {"value": config["config"]}}
    return config
