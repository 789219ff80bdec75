"""Layers whose main weight is kept in few bits: int8, int4, float8, or as GPTQ and AWQ find."""

from typing import Any, NamedTuple

import torch

from torchkeras import dtype_policies, quantizers
from torchkeras.layers._calibration import MODES, Calibrated
from torchkeras.layers._lora import no_lora

_CONFIGS = {
    "int8": quantizers.Int8QuantizationConfig,
    "int4": quantizers.Int4QuantizationConfig,
    "float8": quantizers.Float8QuantizationConfig,
    "gptq": quantizers.GPTQConfig,
    "awq": quantizers.AWQConfig,
}
_E4M3, _E5M2 = "float8_e4m3fn", "float8_e5m2"


class Axes(NamedTuple):
    """How a weight is quantized.

    A scale of int8 is shared along ``reduced``. In int4 the weight is reshaped to a matrix as it
    lies, as Keras does, of as many rows as the reduced axes have; so many rows make a block.
    """

    reduced: tuple
    scale_shape: tuple  # of int8's scale as it is stored
    scale_order: Any = None  # its values' axes, as places among the weight's that are kept
    by_row: bool = False  # whether the matrix is stored with the reduced axes last
    packed_axis: int = -1  # of the stored matrix: where 4-bit integers stand in pairs


def _blocks(config):
    """How many rows share a scale in int4; ``None``: all."""
    size = getattr(config, "block_size", None)
    return None if size in (None, -1) else size


class Quantizable(Calibrated):
    """Mixin of the layers that can be quantized.

    A quantized layer computes with what the integers stand for, in its compute type; the
    inputs too are rounded to 8 bits if the configuration has a quantizer for them. Gradients
    go to the inputs and to low-rank adapters as if nothing were rounded.
    """

    _quantizable: Any = ("int8", "int4", "float8", "gptq", "awq")
    # The class itself: a subclass may compute something else.
    _quantizable_class: Any
    _bits: Any = None
    quantization_config: Any

    def _check_quantization(self, config):
        """Keeps the constructor's argument."""
        if isinstance(config, dict):
            config = quantizers.deserialize(config)
        if config is not None and not isinstance(config, quantizers.QuantizationConfig):
            raise ValueError(
                "`quantization_config` must be a QuantizationConfig, such as "
                "`keras.quantizers.Int8QuantizationConfig()`, or None. "
                f"Received: quantization_config={config}"
            )
        self.quantization_config = config

    def _saved_variables(self: Any):
        # The order of Keras' files: the main weight first; adapters are merged into it.
        own = {**self._parameters, **self._buffers}
        main = [self._adapted, "bias"]
        if self._bits in MODES:
            own.pop(self._adapted, None)
            main = ["bias", f"quantized_{self._adapted}"]
        names = [n for n in own if n not in main and not n.startswith("lora_")]
        return [own[n] for n in (*main, *names) if own.get(n) is not None]

    def save_own_variables(self: Any, store):
        """Puts the layer's weights into a dict, an adapter merged into the main one."""
        weights = {v.name: v for v in self._saved_variables()}
        if self._bits in MODES and not self._is_calibrated():
            raise ValueError(
                f"Layer '{self.name}' is to be quantized by {self._bits.upper()}, but has not seen "
                "calibration data: there is nothing to save yet. Quantize the model it is part of: "
                f"`model.quantize('{self._bits}', config)`."
            )
        if self.lora_enabled:
            name = self._adapted
            merged = self._merged(name).detach()
            if self._bits in (None, "float8"):
                weights[name] = merged
            else:
                config = self.quantization_config or self._policy_config()
                weights |= self._quantized(name, merged, self._bits, config)
        for i, value in enumerate(weights.values()):
            store[str(i)] = value

    def load_own_variables(self: Any, store):
        """Sets the layer's weights from a dict; GPTQ's and AWQ's take the place of floats."""
        super().load_own_variables(store)
        if self._bits in MODES:
            self._let_floats_go()

    # --- what a layer says of its weight -----------------------------------------

    def _quantized_axes(self, shape) -> Axes:
        """How the main weight of that shape is quantized."""
        raise NotImplementedError

    def _input_axes(self) -> tuple:
        """The axes of the inputs that are summed: a scale is shared along them."""
        return (-1,)

    # --- from floats to bits -----------------------------------------------------

    def quantize(self: Any, mode=None, type_check=True, config=None):
        """Keeps the main weight in few bits from now on.

        Args:
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"gptq"`` or ``"awq"``; default that of
                ``config``. With the last two the layer computes with floats until the model it
                is part of has shown it data: see `Model.quantize`.
            type_check: Whether subclasses are refused, which may compute something else.
            config: A ``QuantizationConfig``; default the mode's own.

        Raises:
            NotImplementedError: for a subclass, or a mode that the layer has not.
            ValueError: if the layer is not built, or is quantized already, or has no config
                where the mode needs one.
        """
        mode, config = resolve(mode, config, self.quantization_config or self._policy_config())
        if type_check and type(self) is not self._quantizable_class:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `quantize` method implemented."
            )
        if not self.built:
            raise ValueError(
                f"Cannot quantize a layer that isn't yet built. Layer '{self.name}' (of type "
                f"'{type(self).__name__}') is not built yet."
            )
        self._check_unquantized(mode)
        self._check_mode(mode)
        if mode in MODES and self.lora_enabled:
            raise NotImplementedError(no_lora(mode))
        weight = self.__dict__["_parameters"][self._adapted].detach()
        with torch.device(weight.device):
            if mode == "float8":
                self._add_float8()
            elif mode in MODES:
                self._add_few_bits(tuple(weight.shape), mode, config)
                self._main_shape = tuple(weight.shape)
            else:
                self._replace(self._adapted, weight, mode, config)
                self._main_shape = tuple(weight.shape)
        self._bits = mode
        self.quantization_config = config
        if self.quantization_mode is None:
            block = f"/{_blocks(config) or -1}" if mode == "int4" else ""
            name = config.dtype_policy_string() if mode in MODES else f"{mode}{block}"
            self.dtype_policy = f"{name}_from_{self.dtype_policy.name}"
        self._set_plain(_never_fast=True, _fast_dtype=None)

    def quantized_build(self: Any, kernel_shape, mode, config=None):
        """Makes the weights of a layer that is quantized from the start.

        Args:
            kernel_shape: Shape of the main weight.
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"gptq"`` or ``"awq"``.
            config: A ``QuantizationConfig``, or ``None``: one scale for each output, or what the
                dtype policy says.

        Raises:
            NotImplementedError: for a mode that the layer has not.
        """
        self._check_mode(mode)
        if mode == "float8":
            self._add_float8()
        elif mode in MODES:
            self._main_shape = tuple(kernel_shape)
            self._add_few_bits(self._main_shape, mode, config or self._own_policy)
        else:
            self._main_shape = tuple(kernel_shape)
            self._add_integers(self._adapted, self._main_shape, mode, config)
        self._bits = mode
        self._set_plain(_never_fast=True)

    def _check_unquantized(self: Any, mode):
        if self._bits is not None:
            raise ValueError(
                f"Layer '{self.name}' is already quantized with "
                f"dtype_policy='{self.dtype_policy.name}'. Received: mode={mode}"
            )

    def _check_mode(self, mode):
        if mode not in self._quantizable:
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of {self._quantizable}. "
                f"Received: quantization_mode={mode}"
            )

    def _build_main_weight(self: Any, shape, initializer, **arguments):
        """Makes the main weight as floats, or as the policy's integers."""
        name = self._adapted
        mode = self.quantization_mode
        if mode is not None:
            self.quantized_build(shape, mode, self.quantization_config or self._policy_config())
            if mode != "float8":
                return
        setattr(self, name, self.add_weight(shape, initializer, name=name, **arguments))

    def _policy_config(self: Any):
        """The configuration that a policy such as ``int4/64`` stands for."""
        block = getattr(self._own_policy, "block_size", None)
        return None if block is None else quantizers.Int4QuantizationConfig(block_size=block)

    def _add_state(self: Any, name, shape, dtype, initializer="zeros"):
        weight = self.add_weight(
            shape, initializer, dtype=dtype, trainable=False, autocast=False, name=name
        )
        setattr(self, name, weight)
        return weight

    def _add_integers(self: Any, name, shape, mode, config):
        """Registers the integers of a weight of that shape, their scale and zero points."""
        axes = self._axes_of(name, shape)
        if mode == "int8":
            self._add_state(name, shape, "int8")
            self._add_state(f"{name}_scale", axes.scale_shape, self.variable_dtype, "ones")
            return
        rows, columns = self._matrix_shape(axes, shape)
        stored = [columns, rows] if axes.by_row else [rows, columns]
        stored[axes.packed_axis] = -(-stored[axes.packed_axis] // 2)
        self._add_state(name, stored, "int8")
        block = _blocks(config)
        if block is None:
            self._add_state(f"{name}_scale", (columns,), self.variable_dtype, "ones")
            return
        blocks = -(-rows // block)
        scales = (columns, blocks) if axes.by_row else (blocks, columns)
        self._add_state(f"{name}_scale", scales, self.variable_dtype, "ones")
        self._add_state(f"{name}_zero", scales, self._zero_dtype(name))
        if name == self._adapted:
            index = self._add_state("g_idx", (rows,), "float32")
            index.assign(torch.arange(rows, device=index.device) // block)

    def _axes_of(self, name, shape):
        return self._quantized_axes(shape)

    def _zero_dtype(self, name):
        return "int8"

    @staticmethod
    def _matrix_shape(axes, shape):
        rows = 1
        for axis in axes.reduced:
            rows *= shape[axis]
        size = 1
        for n in shape:
            size *= n
        return rows, size // rows

    @staticmethod
    def _kept(axes, rank):
        reduced = {axis % rank for axis in axes.reduced}
        return [axis for axis in range(rank) if axis not in reduced]

    def _replace(self: Any, name, weight, mode, config):
        """Puts integers in the place of a weight of floats; all or nothing."""
        parameter = self._parameters.pop(name)
        buffers = self.__dict__["_buffers"]
        before = dict(buffers)
        try:
            self._add_integers(name, tuple(weight.shape), mode, config)
            for part, value in self._quantized(name, weight, mode, config).items():
                buffers[part].assign(value)
        except BaseException:  # a quantizer of the user's may fail
            buffers.clear()
            buffers.update(before)
            self._parameters[name] = parameter
            raise

    def _quantized(self: Any, name, weight, mode, config):
        """The integers of a weight of floats, their scale and zero points, as they are stored."""
        shape = tuple(weight.shape)
        axes = self._axes_of(name, shape)
        block = _blocks(config) if mode == "int4" else None
        parts = {}
        if block is None:
            shared = axes.reduced
            if mode == "int4":
                rows, columns = self._matrix_shape(axes, shape)
                weight = weight.reshape((columns, rows) if axes.by_row else (rows, columns))
                shared = int(axes.by_row)
            quantizer = getattr(config, "weight_quantizer", None) or quantizers.AbsMaxQuantizer(
                axis=shared, value_range=(-127, 127) if mode == "int8" else (-8, 7)
            )
            integers, scale = quantizer(weight)
            if mode == "int8" and axes.scale_order is not None:
                kept = [shape[axis] for axis in self._kept(axes, len(shape))]
                scale = scale.reshape(kept).permute(axes.scale_order)
            parts[f"{name}_scale"] = scale
        else:
            integers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(
                self._as_matrix(weight, axes), block
            )
            turn = (lambda x: x.t()) if axes.by_row else (lambda x: x)
            integers = turn(integers)
            parts = {f"{name}_scale": turn(scale), f"{name}_zero": turn(zero)}
        if mode == "int4":
            integers = quantizers.pack_int4(integers.contiguous(), axis=axes.packed_axis)[0]
        stored = self.__dict__["_buffers"]
        return {
            part: value.reshape(stored[part].shape).to(stored[part].dtype)
            for part, value in {name: integers, **parts}.items()
        }

    def _as_matrix(self, weight, axes):
        rows, columns = self._matrix_shape(axes, tuple(weight.shape))
        if axes.by_row:
            return weight.reshape(columns, rows).t()
        return weight.reshape(rows, columns)

    @staticmethod
    def _from_matrix(matrix, axes, shape):
        return (matrix.t() if axes.by_row else matrix).reshape(shape)

    # --- from bits to floats -----------------------------------------------------

    def _integers(self, name, shape):
        """The integers in the shape of the weight."""
        stored = self.__dict__["_buffers"][name]
        if self._bits != "int4":
            return stored
        axes = self._axes_of(name, shape)
        return self._from_matrix(self._unpacked(stored, axes, shape), axes, shape)

    def _unpacked(self, stored, axes, shape):
        rows, columns = self._matrix_shape(axes, shape)
        lengths = (columns, rows) if axes.by_row else (rows, columns)
        matrix = quantizers.unpack_int4(stored, lengths[axes.packed_axis], axis=axes.packed_axis)
        return matrix.t() if axes.by_row else matrix

    def _dequantized(self: Any, name, shape):
        """What the integers of a weight of that shape stand for, in the compute type."""
        if self._bits in MODES:
            return self._from_few_bits()
        buffers = self.__dict__["_buffers"]
        axes = self._axes_of(name, shape)
        dtype = self._compute_torch_dtype
        scale = buffers[f"{name}_scale"].to(dtype)
        if self._bits == "int8":
            kept = self._kept(axes, len(shape))
            if axes.scale_order is not None:
                scale = scale.reshape([shape[kept[i]] for i in axes.scale_order])
                scale = scale.permute([axes.scale_order.index(i) for i in range(len(kept))])
            scale = scale.reshape([n if i in kept else 1 for i, n in enumerate(shape)])
            return buffers[name].to(dtype) / scale
        matrix = self._unpacked(buffers[name], axes, shape).to(dtype)
        zero = buffers.get(f"{name}_zero")
        if zero is None:
            matrix = matrix / scale
        else:
            if axes.by_row:
                scale, zero = scale.t(), zero.t()
            block = buffers["g_idx"].long()  # of each row
            matrix = (matrix - zero.to(dtype)[block]) * scale[block]
        return self._from_matrix(matrix, axes, shape)

    def _adapted_shape(self: Any):
        return self._main_shape or super()._adapted_shape()

    # Of the main weight in full, once it is stored as integers.
    _main_shape: Any = None

    # --- computing ---------------------------------------------------------------

    def _stored(self: Any, name):
        if self._bits is None or name != self._adapted:
            return super()._stored(name)
        if self._bits in ("int8", "int4"):
            return self._integers(name, self._main_shape)
        return self._few_bits() if self._is_calibrated() else super()._stored(name)

    def _merged(self: Any, name):
        if self._bits in ("int8", "int4"):
            return self._dequantized(name, self._main_shape) + self._lora_delta()
        return super()._merged(name)

    def _multiply(self, x, kernel):
        """The product that the layer is about, without bias and activation."""
        raise NotImplementedError

    def _finish(self: Any, x):
        bias = self.bias
        if bias is not None:
            if self._bits == "float8" and bias.dtype is torch.float32:
                # As where the bias is added by a kernel that has no wider type for it.
                bias = bias.to(torch.bfloat16).to(torch.float32)
            x = x + bias
        return x if self._activate is None else self._activate(x)

    def quantized_call(self: Any, inputs):
        """Computes the outputs from the quantized weight."""
        self._check_mode(self._bits)
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        if self._bits == "float8":
            weight = getattr(self, self._adapted)
            weight = _Float8.apply(weight, *self._float8_state(self._adapted))
            inputs = _Float8.apply(inputs, *self._float8_state("inputs"))
            outputs = self._multiply(inputs, weight)
            outputs = _Float8Gradient.apply(outputs, *self._float8_state("outputs_grad"))
            return self._finish(outputs)
        if self._bits in MODES and not self._is_calibrated():
            return self.call(inputs)
        weight = self._dequantized(self._adapted, self._main_shape)
        outputs = self._multiply(self._rounded_inputs(inputs), weight)
        if self.lora_enabled:
            outputs = outputs + self._multiply(inputs, self._lora_delta())
        return self._finish(outputs)

    @property
    def inputs_quantizer(self):
        """What rounds the inputs of a quantized layer; ``None``: nothing does."""
        default = quantizers.AbsMaxQuantizer() if self._bits == "int8" else None
        return quantizers.QuantizationConfig.activation_quantizer_or_default(
            self.quantization_config, default
        )

    def _rounded_inputs(self, inputs):
        """The inputs rounded to 8 bits, if the configuration wants it; gradients pass."""
        quantizer = self.inputs_quantizer
        if quantizer is None:
            return inputs
        with torch.no_grad():
            if getattr(quantizer, "axis", 0) is None:
                integers, scale = quantizer(inputs, axis=self._input_axes())
            else:
                integers, scale = quantizer(inputs)
            change = integers.to(inputs.dtype) / scale - inputs
        return inputs + change

    # --- float8 ------------------------------------------------------------------

    def _add_float8(self: Any):
        """Registers scales and histories, whose gradients are their next values."""
        length = getattr(
            self.dtype_policy,
            "amax_history_length",
            dtype_policies.QuantizedFloat8DTypePolicy.default_amax_history_length,
        )
        for part in ("inputs", self._adapted, "outputs_grad"):
            for suffix, shape, initializer in (
                ("scale", (), "ones"),
                ("amax_history", (length,), "zeros"),
            ):
                name = f"{part}_{suffix}"
                weight = self.add_weight(
                    shape,
                    initializer,
                    dtype="float32",
                    autocast=False,
                    overwrite_with_gradient=True,
                    name=name,
                )
                setattr(self, name, weight)

    def _float8_state(self, part):
        found = self.__dict__["_parameters"]
        return found[f"{part}_scale"], found[f"{part}_amax_history"]


def resolve(mode, config: Any, own=None) -> Any:
    """The mode and its configuration, from either.

    Raises:
        ValueError: if there is neither, they disagree, or the mode is unknown.
    """
    if config is None and own is not None and mode in (None, own.mode):
        config = own
    if isinstance(config, (str, dict)):
        config = (
            _CONFIGS[config]()
            if isinstance(config, str) and config in _CONFIGS
            else quantizers.deserialize(config)
        )
    if config is not None and not isinstance(config, quantizers.QuantizationConfig):
        raise ValueError(
            "Argument `config` must be an instance of `QuantizationConfig`. "
            f"Received: config={config} (of type {type(config)})"
        )
    if mode is None:
        if config is None:
            raise ValueError("You must provide either `mode` or `config` to `quantize`.")
        mode = config.mode
    if mode not in dtype_policies.QUANTIZATION_MODES:
        raise ValueError(
            "Invalid quantization mode. Expected one of "
            f"{dtype_policies.QUANTIZATION_MODES}. Received: mode={mode}"
        )
    if config is None and mode in MODES:
        article = "an" if mode == "awq" else "a"
        raise ValueError(
            f"For {mode.upper()}, you must pass {article} `{_CONFIGS[mode].__name__}` object in "
            "the `config` argument."
        )
    if config is None:
        config = _CONFIGS[mode]()
    elif config.mode != mode:
        raise ValueError(
            f"Contradictory arguments: mode='{mode}' but config.mode='{config.mode}'. "
            "Pass one of them."
        )
    return mode, config


Quantizable.load_own_variables._by_number = True


class _Float8(torch.autograd.Function):
    """Values rounded to float8; the gradients of scale and history are their next values."""

    @staticmethod
    def forward(ctx, x, scale, history):
        ctx.save_for_backward(x, scale, history)
        return _rounded(x, scale, _E4M3)

    @staticmethod
    def backward(ctx, *gradients):
        x, scale, history = ctx.saved_tensors
        return gradients[0], *_next(x, scale, history, _E4M3)


class _Float8Gradient(torch.autograd.Function):
    """The values as they are; their gradient rounded to float8 with the wider range."""

    @staticmethod
    def forward(ctx, x, scale, history):
        ctx.save_for_backward(scale, history)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, *gradients):
        scale, history = ctx.saved_tensors
        (gradient,) = gradients
        return _rounded(gradient, scale, _E5M2), *_next(gradient, scale, history, _E5M2)


def _rounded(x, scale, kind):
    name = str(x.dtype).removeprefix("torch.")
    return quantizers.quantize_and_dequantize(x, scale, kind, name)


def _next(x, scale, history, kind):
    largest = torch.finfo(getattr(torch, kind)).max
    return (
        quantizers.compute_float8_scale(history.amax(), scale, largest),
        quantizers.compute_float8_amax_history(x, history),
    )
