"""TorchModuleWrapper: any torch module where a layer may stand."""

from torch import nn

from torchkeras._device import default_device
from torchkeras._shapes import is_shape
from torchkeras.layers._layer import Layer


class TorchModuleWrapper(Layer):
    """A plain ``nn.Module`` as a layer.

    Args:
        module: The module; its parameters become this layer's weights.
        name: Name of the layer; default the module's class in snake case.
        output_shape: Shape of the output without the batch axis, or the whole shape as
            a function of the input's; default found by trying.

    Raises:
        ValueError: if ``module`` is no ``nn.Module``.

    Example:
        >>> layer = torchkeras.layers.TorchModuleWrapper(torch.nn.Linear(2, 3))
        >>> [tuple(w.shape) for w in layer.weights]
        [(3, 2), (3,)]
    """

    def __init__(self, module, name=None, output_shape=None, **kwargs):
        super().__init__(name=name, **kwargs)
        if not isinstance(module, nn.Module):
            raise ValueError(
                "`module` must be an instance of `torch.nn.Module`. "
                f"Received: module={module} (of type {type(module)})"
            )
        self.output_shape_hint = output_shape
        self.module = module.to(default_device())
        self.built = True

    @property
    def output_shape(self):
        """The shape given as ``output_shape``."""
        return self.output_shape_hint

    def call(self, *args, training=None, **kwargs):
        if training is not None and training != self.module.training:
            self.module.train(training)
        return self.module(*args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        hint = self.output_shape_hint
        if hint is not None:
            shape = hint(args[0].shape) if callable(hint) else (args[0].shape[0], *hint)
            if is_shape(shape):
                return type(args[0])(shape, self.compute_dtype)
        kwargs.pop("training", None)
        was_training = self.module.training
        self.module.eval()  # shapes are found out without touching running averages
        try:
            return self._trace(args, kwargs)
        finally:
            self.module.train(was_training)
