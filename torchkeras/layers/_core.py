"""Dense, Embedding, Masking, Lambda, Identity: the layers that most models begin with."""

import string
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _dtypes, activations, constraints, initializers, regularizers, tree
from torchkeras._checks import is_positive_int
from torchkeras.graph._tensor import KerasTensor, as_tensor
from torchkeras.layers import _call
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.layers._lora import adapted, stored
from torchkeras.layers._quantization import Axes, Quantizable
from torchkeras.saving import _objects


class Dense(Quantizable, Layer):
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
        lora_rank: Rank of an adapter that is trained in place of the kernel (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.
        quantization_config: How `quantize` does it; default the mode's own way.

    Weights:
        kernel: ``(features, units)``
        bias: ``(units,)``; ``None`` without ``use_bias``
        lora_kernel_a: ``(features, lora_rank)``
        lora_kernel_b: ``(lora_rank, units)``

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
        self._check_quantization(quantization_config)
        self._check_lora(lora_rank, lora_alpha)
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
        self._activate = None if self.activation is activations.linear else self.activation
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                "The last dimension of the inputs to a Dense layer should be defined. "
                f"Found None. Full input shape received: {input_shape}"
            )
        self._build_main_weight(
            (features, self.units),
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
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
        self._lora_at_build()

    kernel = adapted("kernel")
    _kernel = stored("kernel")

    def _quantized_axes(self, shape):
        return Axes((0,), shape[1:])

    def _calibration_letters(self, rank):
        batch = string.ascii_uppercase[: rank - 1]
        return batch + "f", "fu", batch + "u"

    def _multiply(self, x, kernel):
        return x @ kernel

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


Dense._quantizable_class = Dense


class Embedding(Quantizable, Layer):
    """Looks integers up in a table of vectors.

    A negative integer counts from the end of the table.

    Args:
        input_dim: Number of rows of the table: the largest integer + 1.
        output_dim: Length of a vector.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Term of the loss for the table.
        embeddings_constraint: Applied to the table after each update.
        mask_zero: Whether 0 is padding, which later layers are told to skip.
        weights: The table's values, as an array or a list of one.
        lora_rank: Rank of an adapter that is trained in place of the table (see
            `enable_lora`); default none.
        lora_alpha: The adapter counts ``lora_alpha / lora_rank`` times; default once.
        quantization_config: How `quantize` does it; default the mode's own way.

    Weights:
        embeddings: ``(input_dim, output_dim)``
        lora_embeddings_a: ``(input_dim, lora_rank)``
        lora_embeddings_b: ``(lora_rank, output_dim)``

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
        self._check_quantization(quantization_config)
        self._check_lora(lora_rank, lora_alpha)
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
        self.autocast = False
        if weights is not None:
            self.build()
            self.embeddings.assign(weights[0] if isinstance(weights, (list, tuple)) else weights)

    _quantizable = ("int8", "int4")
    _adapted = "embeddings"
    _adapted_constraint = "embeddings_constraint"
    _adapted_regularizer = "embeddings_regularizer"
    _config_skip = ("autocast", "weights")
    _config_optional = ("lora_rank", "lora_alpha")

    def build(self, input_shape=None):
        self._build_main_weight(
            (self.input_dim, self.output_dim),
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
        )
        self._lora_at_build()

    embeddings = adapted("embeddings")
    _embeddings = stored("embeddings")

    def call(self, inputs):
        if inputs.dtype not in (torch.int32, torch.int64):
            inputs = inputs.long()
        if inputs.device.type != "cpu":
            return self._look_up(self._from_the_end(inputs))
        try:
            return self._look_up(inputs)
        except IndexError as error:
            inputs = self._from_the_end(inputs)
            if int(inputs.min()) >= 0 and int(inputs.max()) < self.input_dim:
                return self._look_up(inputs)
            raise ValueError(
                f"Layer '{self.name}' has {self.input_dim} rows (`input_dim`), but an input is "
                f"outside 0..{self.input_dim - 1}. Raise `input_dim` or check the data."
            ) from error

    def _from_the_end(self, inputs):
        # -1 is the last row, as Keras has it. The kernel of a device would abort.
        return torch.where(inputs < 0, inputs + self.input_dim, inputs)

    def _quantized_axes(self, shape):
        return Axes((1,), shape[:1], by_row=True)

    def quantized_call(self, inputs):
        """Looks rows up in the quantized table."""
        self._check_mode(self._bits)
        return self.call(inputs)

    def _look_up(self, inputs):
        # The rows are cast, not the table, and the adapter's product is taken of the rows.
        if self._bits is None:
            x = F.embedding(inputs, self._embeddings)
            if self._cast_to is not None:
                x = x.to(self._cast_to)
        else:
            x = F.embedding(inputs, self._dequantized("embeddings", self._main_shape))
        if not self.lora_enabled:
            return x
        a, b = self._lora_pair()
        return x + F.embedding(inputs, a) @ b * self._lora_scale()

    def compute_mask(self, inputs, mask=None):
        return as_tensor(inputs).ne(0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)


Embedding._quantizable_class = Embedding


class ReversibleEmbedding(Embedding):
    """An embedding that can also be called in reverse: vectors in, a logit for each row out.

    In reverse it computes ``inputs @ embeddings.T``, or a product with a matrix of its own.

    Args:
        input_dim: Number of rows of the table: the largest integer + 1.
        output_dim: Length of a vector.
        tie_weights: Whether the table itself serves in reverse.
        embeddings_initializer: Initializer of the table.
        embeddings_regularizer: Term of the loss for the table.
        embeddings_constraint: Applied to the table after each update.
        mask_zero: Whether 0 is padding, which later layers are told to skip.
        reverse_dtype: Element type to compute the logits in; default the compute type.
        logit_soft_cap: The logits are kept below it: ``cap * tanh(logits / cap)``.

    Weights:
        embeddings: ``(input_dim, output_dim)``
        reverse_embeddings: ``(output_dim, input_dim)``; none where the weights are tied

    Shapes:
        inputs: ``(batch, ...)`` of integers; in reverse ``(batch, ..., output_dim)``
        outputs: ``(batch, ..., output_dim)``; in reverse ``(batch, ..., input_dim)``

    Reference: `Press and Wolf, 2016 <https://arxiv.org/abs/1608.05859>`_

    Example:
        >>> layer = torchkeras.layers.ReversibleEmbedding(10, 4)
        >>> vectors = layer(torch.tensor([[1, 2, 3]]))
        >>> layer(vectors, reverse=True).shape
        torch.Size([1, 3, 10])
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, inputs_shape=None):
        super().build(inputs_shape)
        if self.tie_weights:
            return
        shape = (self.output_dim, self.input_dim)
        if self._bits is not None:
            self._add_integers("reverse_embeddings", shape, self._bits, self.quantization_config)
            return
        self.reverse_embeddings = self.add_weight(
            shape,
            self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="reverse_embeddings",
        )

    def quantize(self, mode=None, type_check=True, config=None):
        """Keeps the tables in few bits from now on; see `Embedding.quantize`."""
        reverse = None if self.tie_weights or not self.built else self.reverse_embeddings.detach()
        super().quantize(mode, type_check, config)
        if reverse is not None:
            with torch.device(reverse.device):
                self._replace("reverse_embeddings", reverse, self._bits, self.quantization_config)

    def _axes_of(self, name, shape):
        if name == "reverse_embeddings":
            return Axes((0,), shape[1:], packed_axis=0)
        return super()._axes_of(name, shape)

    def _zero_dtype(self, name):
        return "int8" if name == "embeddings" else self.variable_dtype

    def call(self, inputs, reverse=False):
        return self._logits(inputs) if reverse else super().call(inputs)

    def quantized_call(self, inputs, reverse=False):
        """Computes vectors or logits from the quantized tables."""
        self._check_mode(self._bits)
        return self._logits(inputs) if reverse else super().call(inputs)

    def _logits(self, inputs):
        matrix = self._reverse_matrix()
        if self._bits is not None:
            inputs = self._rounded_inputs(inputs)
        dtype = _dtypes.torch_dtype(self.reverse_dtype or self.compute_dtype)
        logits = inputs.to(dtype) @ matrix.to(dtype)
        cap = self.logit_soft_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def _reverse_matrix(self):
        if self.tie_weights:
            if self._bits is None:
                return self.embeddings.t()
            table = self._dequantized("embeddings", self._main_shape)
            return (table + self._lora_delta() if self.lora_enabled else table).t()
        if self._bits is None:
            return self.reverse_embeddings
        return self._dequantized("reverse_embeddings", self._main_shape[::-1])

    def compute_mask(self, inputs, mask=None, reverse=False):
        # Vectors have none of their own; that of the integers they came from goes on.
        return mask if torch.is_floating_point(inputs) else super().compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape, reverse=False):
        if reverse:
            return (*input_shape[:-1], self.input_dim)
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, reverse=False):
        dtype = (self.reverse_dtype if reverse else None) or self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)


ReversibleEmbedding._quantizable_class = ReversibleEmbedding


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
        return as_tensor(inputs).ne(self.mask_value).any(dim=-1)

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
                        f"Requested the deserialization of a `Lambda` layer whose `{name}` is a "
                        "Python lambda. This carries a potential risk of arbitrary code execution "
                        "and thus it is disallowed by default. If you trust where it comes from, "
                        "pass `safe_mode=False` or call "
                        "`keras.config.enable_unsafe_deserialization()`."
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
