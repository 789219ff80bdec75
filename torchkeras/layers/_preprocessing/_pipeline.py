"""Pipeline: layers one after another, as one layer."""

from torchkeras.layers import _call
from torchkeras.layers._layer import Layer
from torchkeras.saving import _objects


class Pipeline(Layer):
    """Applies layers one after another, in training mode unless told otherwise.

    It is no model: it has no weights files, no ``fit`` and no symbols of its own.

    Args:
        layers: The layers, in order.

    Shapes:
        inputs: those of the first layer
        outputs: those of the last

    Raises:
        ValueError: if ``layers`` is no list of layers.

    Example:
        >>> layers = [torchkeras.layers.Rescaling(2.0), torchkeras.layers.Rescaling(1.0, 1.0)]
        >>> torchkeras.layers.Pipeline(layers)(torch.tensor([3.0]))
        tensor([7.])
    """

    _takes_text = True

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)) or not all(callable(x) for x in layers):
            raise ValueError(f"`layers` must be a list of layers. Received: layers={layers}")
        self._pipeline_layers = list(layers)
        self._build_at_init()

    @property
    def layers(self):
        """The layers, in order."""
        return list(self._pipeline_layers)

    def call(self, inputs, training=True, mask=None):
        x = inputs
        for layer in self._pipeline_layers:
            kwargs = {}
            if isinstance(layer, Layer):
                signature = _call.signature(layer)
                if signature.has_mask:
                    kwargs["mask"] = mask
                if signature.has_training:
                    kwargs["training"] = training
            x = layer(x, **kwargs)
        return x

    def get_config(self):
        layers = [_objects.serialize_keras_object(layer) for layer in self._pipeline_layers]
        return {"layers": layers, "name": self.name}

    @classmethod
    def from_config(cls, config):
        """A layer from the dict that `get_config` returned."""
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized "
                f"layers. Received config with layers={layers}."
            )
        layers = [_objects.deserialize_keras_object(layer) for layer in layers]
        return cls(**{**config, "layers": layers})
