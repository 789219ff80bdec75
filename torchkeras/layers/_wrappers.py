"""Layers around layers: both directions of time, every step of time."""

from typing import Any

import torch

from torchkeras import tree
from torchkeras.layers import _call
from torchkeras.layers._layer import Layer
from torchkeras.layers._normalization import BatchNormalization
from torchkeras.saving import _objects


class Wrapper(Layer):
    """Base of layers that hold another layer.

    Args:
        layer: The layer inside.

    Raises:
        ValueError: if ``layer`` is no layer.

    Example:
        >>> torchkeras.layers.Wrapper(torchkeras.layers.Dense(2)).layer.units
        2
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure "
                "wrapped layer is a valid Keras layer."
            )
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if isinstance(config.get(name), dict):
                config[name] = _objects.deserialize_keras_object(config[name])
        return cls(**config)


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence.

    The steps are folded into the batch, so the layer runs once; only batch normalization,
    which in training looks at the whole batch, takes one step after the other.

    Args:
        layer: The layer for one step.

    Shapes:
        inputs: ``(batch, steps, ...)``
        outputs: ``(batch, steps, *outputs of the layer)``

    Raises:
        ValueError: if the inputs have no axis of steps.

    Example:
        >>> layer = torchkeras.layers.TimeDistributed(torchkeras.layers.Dense(3))
        >>> layer(torch.ones(2, 7, 5)).shape
        torch.Size([2, 7, 3])
    """

    supports_masking = True
    _makes_masks = False

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        super().__init__(layer, **kwargs)

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions, received: {input_shape}"
            )
        super().build((input_shape[0], *input_shape[2:]))
        # Statistics of a batch are those of one step; all else is the same for every step.
        kinds = (BatchNormalization, torch.nn.modules.batchnorm._BatchNorm)
        self._step_by_step = any(isinstance(m, kinds) for m in self.layer.modules())
        self._takes_mask = _call.signature(self.layer).has_mask

    def call(self, inputs, training=None, mask=None):
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(
                "The `mask` passed to the `TimeDistributed` layer has a shape "
                f"{tuple(mask.shape)} that does not begin with the inputs' ({batch}, {steps})."
            )
        if not self._takes_mask:
            mask = None
        if training and self._step_by_step:
            return self._each_step(inputs, mask)
        extra = {} if training is None else {"training": training}
        if mask is not None:
            extra["mask"] = mask.flatten(0, 1)
        outputs = self.layer(inputs.flatten(0, 1), **extra)
        return tree.map_structure(lambda y: y.reshape(batch, steps, *y.shape[1:]), outputs)

    def _each_step(self, inputs, mask):
        outputs = []
        for i in range(inputs.shape[1]):
            extra = {} if mask is None else {"mask": mask[:, i]}
            outputs.append(self.layer(inputs[:, i], training=True, **extra))
        return tree.map_structure(lambda *y: torch.stack(y, dim=1), *outputs)

    def compute_output_shape(self, input_shape):
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (inner[0], input_shape[1], *inner[1:])


class Bidirectional(Layer):
    """Runs a recurrent layer over a sequence in both directions.

    Args:
        layer: The layer for the forward direction: `LSTM`, `GRU`, `RNN`, or a layer with
            ``go_backwards``, ``return_sequences``, ``return_state`` and a config.
        merge_mode: How the two outputs become one: ``"concat"``, ``"sum"``, ``"mul"``,
            ``"ave"``, or ``None`` for the pair.
        weights: Values for all weights, as for `set_weights`.
        backward_layer: The layer for the other direction; default one like ``layer``.

    Shapes:
        inputs: as the layer's
        outputs: as the layer's, with twice the units for ``"concat"``; then, with
            ``return_state``, the states of the forward and those of the backward layer

    Raises:
        ValueError: for another ``merge_mode``, or two layers that do not fit each other.

    Example:
        >>> layer = torchkeras.layers.Bidirectional(torchkeras.layers.LSTM(3))
        >>> layer(torch.ones(2, 7, 5)).shape
        torch.Size([2, 6])
    """

    supports_masking = True
    _makes_masks = False

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                f"Received: {layer}"
            )
        for name in ("go_backwards", "return_sequences", "return_state"):
            if not hasattr(layer, name):
                raise ValueError(
                    f"The `layer` of `Bidirectional` must be recurrent: it needs `{name}`, as "
                    f"LSTM, GRU and RNN have. Received: layer={layer}"
                )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(
                "`backward_layer` need to be a `keras.layers.Layer` instance. "
                f"Received: {backward_layer}"
            )
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise ValueError(
                "Invalid merge mode. Merge mode should be one of "
                f'{{"sum", "mul", "ave", "concat", None}}. Received: {merge_mode}'
            )
        super().__init__(**kwargs)
        # The layer given is only a model for the two.
        config = layer.get_config()
        name = config["name"]
        forward_name = name if name.startswith("forward_") else f"forward_{name}"
        self.forward_layer = layer.from_config({**config, "name": forward_name})
        if backward_layer is None:
            back = {"name": f"backward_{name}", "go_backwards": not config["go_backwards"]}
            self.backward_layer = layer.from_config({**config, **back})
        else:
            self.backward_layer = backward_layer
        self._check_pair()
        if layer.return_sequences:  # masked steps give zeros, so that the two can be merged
            pair: Any = (self.forward_layer, self.backward_layer)
            for one in pair:
                one.zero_output_for_mask = True
        self.merge_mode = merge_mode
        self.stateful = getattr(layer, "stateful", False)
        if hasattr(layer, "use_cudnn"):  # no part of the config
            self.forward_layer.use_cudnn = self.backward_layer.use_cudnn = layer.use_cudnn
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.input_spec = layer.input_spec
        self._initial_weights = weights

    def _check_pair(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. "
                f"Received: forward_layer.go_backwards {forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            a, b = getattr(forward, name), getattr(backward, name)
            if a != b:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for "
                    f'attribute "{name}", got "{a}" for forward layer and "{b}" for backward layer'
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        extra = {"training": training} if training is not None else {}
        if mask is not None:
            extra["mask"] = mask
        first, second = {}, {}
        if initial_state is not None:
            half = len(initial_state) // 2
            first["initial_state"] = list(initial_state[:half])
            second["initial_state"] = list(initial_state[half:])
        y = self.forward_layer(sequences, **first, **extra)
        y_back = self.backward_layer(sequences, **second, **extra)
        states = ()
        if self.return_state:
            states = (*y[1:], *y_back[1:])
            y, y_back = y[0], y_back[0]
        if self.return_sequences:
            y_back = y_back.flip(1)
        output = self._merge(y, y_back)
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def _merge(self, y, y_back):
        mode = self.merge_mode
        if mode == "concat":
            return torch.cat([y, y_back], dim=-1)
        if mode == "sum":
            return y + y_back
        if mode == "ave":
            return (y + y_back) / 2
        if mode == "mul":
            return y * y_back
        return y, y_back

    def reset_state(self):
        """Forgets the states of stateful layers."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        back = self.backward_layer.compute_output_shape(sequences_shape)
        states = ()
        if self.return_state:
            states = (*shape[1:], *back[1:])
            shape, back = shape[0], back[0]
        if self.merge_mode is None:
            return (shape, back, *states)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], shape[-1] + back[-1])
        return (shape, *states) if self.return_state else shape

    def compute_mask(self, sequences, mask=None):
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        output = mask if self.return_sequences else None
        if self.merge_mode is None:
            output = [output, output]
        if not self.return_state:
            return output
        layers = (self.forward_layer, self.backward_layer)
        states = [None] * sum(len(tree.flatten(layer.state_size)) for layer in layers)
        return output + states if isinstance(output, list) else [output, *states]

    def get_config(self):
        config = self._base_config()
        config["merge_mode"] = self.merge_mode
        config["layer"] = _objects.serialize_keras_object(self.forward_layer)
        config["backward_layer"] = _objects.serialize_keras_object(self.backward_layer)
        return config

    from_config = Wrapper.__dict__["from_config"]
