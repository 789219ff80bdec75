"""clone_model: the same structure with weights of its own."""

from torchkeras import tree
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._input import Input, InputLayer
from torchkeras.layers._layer import Layer
from torchkeras.layers._torch_module import TorchModuleWrapper
from torchkeras.models._model import Functional, Model
from torchkeras.models._sequential import Sequential
from torchkeras.training._torch_optim import TorchOptimizer


def clone_model(
    model, input_tensors=None, clone_function=None, call_function=None, recursive=False, **kwargs
):
    """A model of the same structure, with new layers and newly initialized weights.

    Args:
        model: A model; of a subclass without a graph, its config makes the copy.
        input_tensors: Symbols for the copy to begin with; default new ones.
        clone_function: Called with each layer, returns the layer to stand in its place;
            default a layer from its config.
        call_function: Called as ``call_function(layer, *args, **kwargs)`` to call a new layer;
            functional models only.
        recursive: Whether ``clone_function`` also sees the layers of nested models.

    Raises:
        ValueError: if ``model`` is none, or an argument does not fit its kind.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
        >>> torchkeras.models.clone_model(model).output_shape
        (None, 1)
    """
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    if not isinstance(model, Model):
        raise ValueError(f"Expected `model` to be a `Model`. Received: model={model}")
    chain = isinstance(model, Sequential)
    if call_function is not None and (chain or model._graph is None):
        raise ValueError(
            "`call_function` is only supported for functional models. "
            f"Received: model={model}, call_function={call_function}"
        )
    if not chain and model._graph is None:
        if input_tensors is not None or clone_function is not None:
            raise ValueError(
                "Arguments `clone_function` and `input_tensors` are only supported for Sequential "
                f"and functional models. Received model of type '{type(model).__name__}'."
            )
        return type(model).from_config(model.get_config())

    copies = {}

    def copy_of(layer):
        key = id(layer)
        if key not in copies:
            nested = isinstance(layer, Model) and (
                isinstance(layer, Sequential) or layer._graph is not None
            )
            if nested and (recursive or clone_function is None):
                new = clone_model(layer, clone_function=clone_function, recursive=recursive)
            elif clone_function is not None:
                new = clone_function(layer)
            else:
                new = _copy_from_config(layer)
            copies[key] = new
        return copies[key]

    if chain:
        new = _clone_chain(model, input_tensors, copy_of)
    else:
        new = _clone_graph(model, input_tensors, copy_of, call_function)
    # A torch optimizer holds the weights of the model it was made for.
    if model.compiled and not isinstance(model.optimizer, TorchOptimizer):
        new._compile_like(model)
    return new


def _copy_from_config(layer):
    if isinstance(layer, TorchModuleWrapper):
        raise ValueError(
            f"Layer '{layer.name}' wraps a torch module, which has no config to copy it from. Pass "
            "a `clone_function`, or use `copy.deepcopy(model)`."
        )
    return type(layer).from_config(layer.get_config())


def _clone_chain(model, input_tensors, copy_of):
    chain = [
        InputLayer.from_config(layer.get_config())
        if isinstance(layer, InputLayer)
        else copy_of(layer)
        for layer in model._chain
    ]
    if input_tensors is not None:
        symbols = tree.flatten(input_tensors)
        if len(symbols) != 1:
            raise ValueError(
                "`input_tensors` for a Sequential model must be one symbol. "
                f"Received: {len(symbols)}"
            )
        rest = [layer for layer in chain if not isinstance(layer, InputLayer)]
        chain = [Input(tensor=symbols[0])._keras_history.operation, *rest]
    new = Sequential(name=model.name, trainable=model.trainable)
    for layer in chain:
        new.add(layer, rebuild=False)
    if model.built or isinstance(chain[0] if chain else None, InputLayer):
        new._rebuild()
        if not new.built and model._graph is not None:
            new.build(model.input_shape)
    return new


def _clone_graph(model, input_tensors, copy_of, call_function):
    graph = model._graph
    if input_tensors is None:
        flat = [
            Input(
                batch_shape=s.shape,
                dtype=s.dtype,
                name=s._keras_history.operation.name,
                optional=s._keras_history.operation.optional,
            )
            for s in graph.flat_inputs
        ]
    else:
        flat = [
            s if isinstance(s, KerasTensor) else Input(tensor=s)
            for s in tree.flatten(input_tensors)
        ]
        if len(flat) != len(graph.flat_inputs):
            raise ValueError(
                f"`input_tensors` must hold {len(graph.flat_inputs)} symbols, one for each input. "
                f"Received: {len(flat)}"
            )

    def call(operation, args, kwargs):
        # A function has no weights to make anew: it is called once more.
        new = copy_of(operation) if isinstance(operation, Layer) else operation
        if call_function is not None:
            return call_function(new, *args, **kwargs)
        return new(*args, **kwargs)

    outputs = graph.run(flat, call)
    cls = type(model) if type(model) is not Model else Functional
    if cls is not Functional and cls.__init__ is not Functional.__init__:
        cls = Functional
    new = cls(
        tree.pack_sequence_as(graph.inputs, flat),
        tree.pack_sequence_as(graph.outputs, outputs),
        name=model.name,
    )
    new.trainable = model.trainable
    return new
