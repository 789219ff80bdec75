"""TorchModuleWrapper: any torch module where a layer may stand."""

import base64
import io

import torch
from torch import nn

from torchkeras import _configurable
from torchkeras._device import default_device
from torchkeras._shapes import is_shape
from torchkeras.layers._layer import Layer
from torchkeras.saving import _objects


class TorchModuleWrapper(Layer):
    """A plain ``nn.Module`` as a layer.

    Args:
        module: The module; its parameters become this layer's weights.
        name: Name of the layer; default the module's class in snake case.
        output_shape: Shape of the output without the batch axis, or the whole shape as
            a function of the input's; default found by trying.

    A config holds the whole module, pickled: it is read only with ``safe_mode=False``.

    Raises:
        ValueError: if ``module`` is no ``nn.Module``; for a config in safe mode.

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

    def get_config(self):
        """Dict of the constructor arguments, the module pickled as text."""
        buffer = io.BytesIO()
        torch.save(self.module, buffer)
        return {
            **self._base_config(),
            "module": base64.b64encode(buffer.getvalue()).decode("ascii"),
            "output_shape": _configurable._serialize(self.output_shape_hint),
        }

    @classmethod
    def from_config(cls, config):
        """The layer of a config; its module is code, which is refused in safe mode."""
        config = dict(config)
        if isinstance(config.get("module"), str):
            if _objects.in_safe_mode():
                raise ValueError(
                    "Requested the deserialization of a `torch.nn.Module` object via "
                    "`torch.load()`. This carries a potential risk of arbitrary code execution "
                    "and thus it is disallowed by default. If you trust where it comes from, pass "
                    "`safe_mode=False` to the loading function, or call "
                    "`keras.config.enable_unsafe_deserialization()`."
                )
            content = io.BytesIO(base64.b64decode(config["module"]))
            config["module"] = torch.load(content, weights_only=False, map_location="cpu")
        shape = config.get("output_shape")
        config["output_shape"] = tuple(shape) if isinstance(shape, list) else shape
        return cls(**config)

    def save_own_variables(self, store):
        """Puts the module's ``state_dict`` into a dict."""
        store.update(self.module.state_dict())

    def load_own_variables(self, store):
        """Sets the module's ``state_dict`` from a dict."""
        self.module.load_state_dict({key: torch.as_tensor(store[key]) for key in store})

    def _saved_children(self):
        return []  # the module's own parts are in its state_dict
