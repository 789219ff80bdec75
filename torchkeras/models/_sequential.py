"""Sequential: a chain of layers."""

from torch import nn

from torchkeras import tree
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers import _call
from torchkeras.layers._input import Input, InputLayer
from torchkeras.layers._layer import Layer
from torchkeras.layers._torch_module import TorchModuleWrapper
from torchkeras.models import _config
from torchkeras.models._model import Model
from torchkeras.saving import CustomObjectScope


class Sequential(Model):
    """A chain of layers, each called on what the one before returned.

    Its weights are made as soon as the shape of the input is known: from an `Input`, from a
    first layer with ``input_shape=`` or ``input_dim=``, or from the first data.

    Args:
        layers: The layers; plain ``nn.Module`` objects may be among them.
        trainable: Whether the weights are updated in training.
        name: Name of the model.

    Raises:
        ValueError: if something that is no layer is added, or a name is used twice.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((4,)), torchkeras.layers.Dense(2)])
        >>> model.output_shape
        (None, 2)
    """

    # As in Keras, only the layers say which sizes they cannot take.
    _fixed_sizes = False
    _chain: list

    def __new__(cls, *args, **kwargs):
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self._set_plain(_chain=[])
        if layers is not None:
            if not isinstance(layers, (list, tuple)):
                layers = [layers]
            for layer in layers:
                self.add(layer, rebuild=False)
            self._rebuild()

    def add(self, layer, rebuild=True):
        """Puts a layer at the end of the chain.

        Args:
            layer: A layer, an ``nn.Module``, or what `Input` returned.
            rebuild: Whether the model is built at once if the input shape is known.

        Raises:
            ValueError: if it is no layer, or its name is there already.
        """
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            origin = layer._keras_history.operation
            layer = origin if isinstance(origin, InputLayer) else layer
        if not isinstance(layer, Layer):
            if not isinstance(layer, nn.Module):
                raise ValueError(
                    "Only instances of `keras.Layer` can be added to a Sequential model. "
                    f"Received: {layer} (of type {type(layer)})"
                )
            layer = TorchModuleWrapper(layer)
        chain = self._chain
        if any(other.name == layer.name for other in chain):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        if isinstance(layer, InputLayer) and chain and isinstance(chain[0], InputLayer):
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{chain[0].batch_shape}. You cannot add a different Input layer to it."
            )
        if not chain and not isinstance(layer, InputLayer):
            shape = getattr(layer, "_batch_input_shape", None)
            if shape is not None:
                symbol = Input(batch_shape=shape, dtype=layer._symbol_dtype)
                chain.append(symbol._keras_history.operation)
        chain.append(layer)
        if not isinstance(layer, InputLayer):
            self._modules[layer.name.replace(".", "_")] = layer
            if not self._trainable:
                layer.trainable = False
        self._forget_graph()
        if rebuild:
            self._rebuild()

    def pop(self, rebuild=True):
        """Takes the last layer off the chain and returns it.

        Raises:
            TypeError: if there is no layer.
        """
        chain = self._chain
        if not chain or (len(chain) == 1 and isinstance(chain[0], InputLayer)):
            raise TypeError("There are no layers in the model to pop.")
        layer = chain.pop()
        self._modules.pop(layer.name.replace(".", "_"), None)
        self._forget_graph()
        if rebuild:
            self._rebuild()
        return layer

    def _forget_graph(self):
        self._set_plain(_graph=None, built=False, _fast_dtype=None)

    def _rebuild(self):
        chain = self._chain
        if chain and isinstance(chain[0], InputLayer) and len(chain) > 1:
            self._make_graph(chain[0].output)
        elif chain and chain[0].built:
            first = chain[0]
            graph = getattr(first, "_graph", None)
            if graph is not None and isinstance(graph.inputs, KerasTensor):
                shape, dtype = graph.inputs.shape, graph.inputs.dtype
                self._make_graph(Input(batch_shape=shape, dtype=dtype))

    def _make_graph(self, symbol):
        with self._name_scope():
            x = symbol
            for layer in self._chain:
                if not isinstance(layer, InputLayer):
                    x = layer(x)
        self._init_graph(symbol, x)

    def build(self, input_shape=None):
        """Makes the weights for inputs of a shape.

        Raises:
            ValueError: if there are no layers or no shape is known.
        """
        if self._graph is not None:
            first = self._graph.inputs
            if input_shape is not None and isinstance(first, KerasTensor):
                pairs = zip(first.shape, input_shape)
                if len(first.shape) != len(input_shape) or any(
                    a is not None and b is not None and a != b for a, b in pairs
                ):
                    raise ValueError(
                        f"Sequential model '{self.name}' has already been configured to use input "
                        f"shape {first.shape}. You cannot build it with input_shape {input_shape}"
                    )
            return
        if not self._chain:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                "`model.add(layer)`."
            )
        if isinstance(self._chain[0], InputLayer):
            self._init_or_single()
            return
        if input_shape is None:
            raise ValueError("You must provide an `input_shape` argument.")
        if not all(isinstance(s, (int, type(None))) for s in input_shape):
            symbols = tree.map_shape_structure(lambda s: Input(batch_shape=s), input_shape)
        else:
            dtype = getattr(self._chain[0], "_symbol_dtype", None)
            symbols = Input(batch_shape=tuple(input_shape), dtype=dtype)
        try:
            self._make_graph(symbols)
        except (TypeError, NotImplementedError, RuntimeError, ValueError, AttributeError) as error:
            # The layers still run one after another on data; a wrong shape shows then as well.
            if isinstance(error, ValueError) and "incompatible" in str(error):
                raise
            self.built = True

    def _init_or_single(self):
        if len(self._chain) > 1:
            self._make_graph(self._chain[0].output)

    def call(self, inputs, training=None, mask=None):
        if self._graph is not None:
            return super().call(inputs, training=training, mask=mask)
        x = inputs
        if mask is not None:
            x._keras_mask = mask
        for layer in self._chain:
            if not isinstance(layer, InputLayer):
                x = layer(x)
        return x

    def forward(self, *args, **kwargs):
        if not self.built and args and not isinstance(args[0], KerasTensor):
            converted, _, _ = _call._convert(self, args, {})
            shape = _call.shapes_of(converted[0])
            with self._name_scope():
                self.build(_unknown_batch(shape))
            self.built = True
        return super().forward(*args, **kwargs)

    def compute_output_spec(self, inputs, training=None, mask=None):
        if self._graph is not None:
            return super().compute_output_spec(inputs, training=training, mask=mask)
        x = inputs
        for layer in self._chain:
            if not isinstance(layer, InputLayer):
                x = layer.compute_output_spec(x)
        return x

    def get_config(self):
        """Dict of the layers' configs and the shape that the model was built for."""
        return _config.chain_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from the dict that `get_config` returned.

        Args:
            config: The dict.
            custom_objects: Dict from name to the custom classes and functions named inside.
        """
        with CustomObjectScope(custom_objects):
            return _config.chain_from_config(cls, config)

    def _layers_in_file(self):
        return self.layers

    @property
    def layers(self):
        """The layers of the chain, without the input."""
        return [layer for layer in self._chain if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and "
            "`pop()` to change the layers in this model."
        )

    def __len__(self):
        return len(self.layers)

    def __bool__(self):
        return True


def _unknown_batch(shapes):
    return tree.map_shape_structure(lambda s: (None, *s[1:]), shapes)
