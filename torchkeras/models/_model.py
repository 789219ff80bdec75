"""Model: a layer that can be trained, made by subclassing or from a graph of symbols."""

import json
import re
import warnings
from typing import Any

import torch
from torch import nn

from torchkeras import _configurable, _dtypes, _state, tree
from torchkeras.graph import _operation
from torchkeras.graph._function import Graph, symbolic_run
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers import _call, _quantization
from torchkeras.layers._input import Input, InputLayer
from torchkeras.layers._input_spec import InputSpec, check
from torchkeras.layers._layer import Layer
from torchkeras.models import _calibration, _config, _state_tree, _summary
from torchkeras.saving import CustomObjectScope, _archive, _objects, _weights
from torchkeras.training._trainer import Trainer


class Model(Trainer, Layer):
    """A layer with `compile`, `fit`, `evaluate` and `predict`.

    There are three ways to one: ``Model(inputs, outputs)`` from symbols; a subclass that
    makes its layers in ``__init__`` and computes in ``call``; and `Sequential`.

    Args:
        inputs: Symbol, or list, tuple or dict of symbols, from `Input`.
        outputs: Structure of symbols computed from them.
        name: Name of the model.
        trainable: Whether the weights are updated in training.

    Raises:
        ValueError: if ``outputs`` does not depend on ``inputs`` alone.

    Example:
        >>> x = torchkeras.Input((4,))
        >>> model = torchkeras.Model(x, torchkeras.layers.Dense(2)(x))
        >>> model.predict(np.ones((3, 4)), verbose=0).shape
        (3, 2)
    """

    _never_fast = True
    # Whether inputs must have the very sizes of the symbols the graph begins with.
    _fixed_sizes = True
    _takes_text = True
    _graph: Any = None
    input_names: list
    output_names: list

    def __new__(cls, *args, **kwargs):
        if cls is Model and _is_functional(args, kwargs):
            return super().__new__(Functional, *args, **kwargs)  # pyright: ignore
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        if _is_functional(args, kwargs):
            names = ("inputs", "outputs", "name")
            if len(args) > 3:
                raise TypeError(f"Model() takes at most 3 positional arguments. Got {len(args)}.")
            given = {**dict(zip(names, args)), **kwargs}
            inputs, outputs = given.pop("inputs"), given.pop("outputs")
            Layer.__init__(self, **given)
            self._init_graph(inputs, outputs)
        else:
            Layer.__init__(self, *args, **kwargs)

    def _init_graph(self, inputs, outputs):
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            for leaf in tree.flatten(structure):
                if not isinstance(leaf, KerasTensor):
                    raise ValueError(
                        f"All `{role}` values must be KerasTensors. Received: {role}={leaf} "
                        f"(of type {type(leaf).__name__}). Make inputs with `Input(shape)` and "
                        "call layers on them."
                    )
        if isinstance(inputs, list) and len(inputs) == 1:
            inputs = inputs[0]
        if isinstance(outputs, list) and len(outputs) == 1:
            outputs = outputs[0]
        inputs, outputs = self._with_input_layers(inputs, outputs)
        graph = Graph(inputs, outputs)
        self._set_plain(_graph=graph, built=True, _signature=_call.signature(self))
        names = [s._keras_history.operation.name for s in graph.flat_inputs]
        self._set_plain(
            input_names=names,
            output_names=_output_names(graph),
            _input_dtypes=[_dtypes.TORCH.get(s.dtype) for s in graph.flat_inputs],
            _input_tails=[s.shape[1:] for s in graph.flat_inputs],
            _one_input=isinstance(inputs, KerasTensor),
            _one_output=isinstance(outputs, KerasTensor),
        )
        seen = set()
        for operation in graph.operations:
            if operation.name in seen:
                count = sum(o.name == operation.name for o in graph.operations)
                raise ValueError(
                    f'The name "{operation.name}" is used {count} times in the model. '
                    "All operation names should be unique."
                )
            seen.add(operation.name)
            self._register(operation)

    def _register(self, operation):
        """Makes a graph's layer (or the weights of a torch function in it) this module's."""
        if isinstance(operation, InputLayer):
            return
        if isinstance(operation, Layer):
            if not any(m is operation for m in self._modules.values()):
                self._modules[operation.name.replace(".", "_")] = operation
            return
        held = {id(p) for p in self.parameters()}
        for node in operation._inbound_nodes:
            for leaf in tree.flatten((node.args, node.kwargs)):
                if isinstance(leaf, nn.Parameter) and id(leaf) not in held:
                    held.add(id(leaf))
                    self._parameters[f"{operation.name}_{len(self._parameters)}"] = leaf

    def _with_input_layers(self, inputs, outputs):
        """A model may begin at inner symbols: the graph from there is copied onto new inputs."""
        flat = tree.flatten(inputs)

        def is_input(symbol):
            history = symbol._keras_history
            return history is None or isinstance(history.operation, InputLayer)

        if all(map(is_input, flat)):
            for symbol in flat:
                if symbol._keras_history is None:
                    InputLayer(input_tensor=symbol)
            return inputs, outputs
        graph = Graph(inputs, outputs)
        new = [
            s
            if is_input(s)
            else Input(batch_shape=s.shape, dtype=s.dtype, name=s._keras_history.operation.name)
            for s in flat
        ]
        flat_outputs = graph.run(new, lambda operation, args, kwargs: operation(*args, **kwargs))
        return tree.pack_sequence_as(inputs, new), tree.pack_sequence_as(outputs, flat_outputs)

    # --- the graph -----------------------------------------------------------------

    @property
    def layers(self):
        """The layers directly inside, in order."""
        if self._graph is not None:
            return [o for o in self._graph.operations if isinstance(o, Layer)]
        return self._flatten_layers(include_self=False, recursive=False)

    @layers.setter
    def layers(self, _):
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    @property
    def operations(self):
        """The layers and functions of the graph, in order."""
        self._need_graph("operations")
        return list(self._graph.operations)

    def _need_graph(self, what):
        if self._graph is None:
            raise AttributeError(f"Model '{self.name}' is no graph of symbols, so has no `{what}`.")

    @property
    def inputs(self):
        """The symbols that the graph begins with, as a list."""
        self._need_graph("inputs")
        return list(self._graph.flat_inputs)

    @property
    def outputs(self):
        """The symbols that the graph ends in, as a list."""
        self._need_graph("outputs")
        return list(self._graph.flat_outputs)

    @property
    def input(self):
        """The symbols that the graph begins with, in the structure they were given in."""
        self._need_graph("input")
        return self._graph.inputs

    @property
    def output(self):
        """The symbols that the graph ends in, in the structure they were given in."""
        self._need_graph("output")
        return self._graph.outputs

    @property
    def input_shape(self):
        """Shapes of the inputs."""
        return tree.map_structure(lambda s: s.shape, self.input)

    @property
    def output_shape(self):
        """Shapes of the outputs."""
        return tree.map_structure(lambda s: s.shape, self.output)

    @property
    def input_spec(self):
        """What the inputs must look like."""
        if self._graph is None:
            return self._input_spec
        specs = [
            InputSpec(
                shape=(None, *s.shape[1:]),
                allow_last_axis_squeeze=True,
                name=s._keras_history.operation.name,
                optional=s._keras_history.operation.optional,
            )
            for s in self._graph.flat_inputs
        ]
        return specs[0] if self._one_input else specs

    @input_spec.setter
    def input_spec(self, value):
        self.__dict__["_input_spec"] = value

    def call(self, inputs, training=None, mask=None):
        """Runs the graph; a subclass without one computes here."""
        if self._graph is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented."
            )
        flat: list[Any] = self._flat_inputs(inputs)
        if mask is not None:
            for x, m in zip(flat, tree.flatten(mask)):
                if m is not None:
                    x._keras_mask = m
        outputs = self._graph.run(flat)
        return outputs[0] if self._one_output else tree.pack_sequence_as(self.output, outputs)

    def _flat_inputs(self, inputs):
        """The inputs in the order of the graph, with its element types and ranks."""
        if self._one_input and isinstance(inputs, (torch.Tensor, KerasTensor)):
            flat = [inputs]
        elif isinstance(inputs, dict):
            flat = self._by_name(inputs)
        else:
            flat = tree.flatten(inputs)
        if len(flat) != len(self._input_tails):
            raise ValueError(
                f'Layer "{self.name}" expects {len(self._input_tails)} input(s), but it received '
                f"{len(flat)} input tensors. Inputs received: "
                f"{[tuple(getattr(x, 'shape', ())) for x in flat]} (shapes)"
            )
        x: Any
        for i, (x, tail, dtype) in enumerate(zip(flat, self._input_tails, self._input_dtypes)):
            if x is None:
                if not self._graph.flat_inputs[i]._keras_history.operation.optional:
                    check(tree.flatten(self.input_spec), flat, self.name)
                continue
            text = dtype is None and _dtypes.is_text(x)
            if not text and type(x) is not torch.Tensor and not isinstance(x, torch.Tensor):
                continue
            if dtype is not None and x.dtype is not dtype:
                x = flat[i] = _call._keep_mask(x, x.to(dtype))
            if x.shape[1:] != tail:
                rank = len(tail) + 1
                if x.ndim == rank + 1 and x.shape[-1] == 1:
                    flat[i] = _call._keep_mask(x, x[..., 0])
                elif x.ndim == rank - 1 and tail[-1] == 1:
                    flat[i] = _call._keep_mask(x, x[..., None])
                elif x.ndim != rank or (
                    self._fixed_sizes
                    and any(t is not None and t != s for t, s in zip(tail, x.shape[1:]))
                ):
                    check(tree.flatten(self.input_spec), flat, self.name)
        return flat

    def _by_name(self, inputs):
        missing = [n for n in self.input_names if n not in inputs]
        if not missing:
            surplus = [n for n in inputs if n not in self.input_names]
            if surplus:
                warnings.warn(
                    f"The following keys of the inputs are not used by the model: {surplus}",
                    stacklevel=3,
                )
            return [inputs[n] for n in self.input_names]
        structure = self._graph.inputs
        if isinstance(structure, dict) and set(structure) <= set(inputs):
            return tree.flatten({k: inputs[k] for k in structure})
        if len(inputs) == len(self.input_names) == 1:
            return list(inputs.values())
        raise ValueError(
            f'Missing data for input "{missing[0]}". You passed a data dictionary with keys '
            f"{list(inputs)}. Expected the following keys: {self.input_names}"
        )

    def compute_output_spec(self, inputs, training=None, mask=None):
        if self._graph is None:
            kwargs = {} if training is None else {"training": training}
            return super().compute_output_spec(inputs, **kwargs)
        return symbolic_run(self._graph, self._flat_inputs(inputs))

    def compute_output_shape(self, input_shape):
        if self._graph is None:
            return super().compute_output_shape(input_shape)
        symbols = tree.map_shape_structure(KerasTensor, input_shape)
        return tree.map_structure(lambda s: s.shape, self.compute_output_spec(symbols))

    def build(self, input_shape):
        """Makes the weights for inputs of a shape, as calling the model on such inputs would.

        Raises:
            ValueError: if ``call`` cannot be followed for these shapes.
        """
        if self._graph is not None or self.built:
            return
        names = _call.signature(self).positional
        if isinstance(input_shape, dict) and set(input_shape) <= set(names) and len(names) > 1:
            symbols = {
                k: tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), v)
                for k, v in input_shape.items()
            }
            args, kwargs = (), symbols
        else:
            args = (
                tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), input_shape),
            )
            kwargs = {}
        self.built = True
        try:
            with _operation.without_recording():
                self._trace(args, kwargs)
        except Exception as error:
            self.built = False
            raise ValueError(
                f"Model '{self.name}' cannot be built by following its `call` for inputs of shape "
                f"{input_shape}: {error}\nCall the model on data instead."
            ) from error

    def _build_for_call(self, shapes):
        if type(self).build is Model.build:
            # The call that is under way makes the weights: nothing has to be traced first.
            self._set_plain(built=True, _build_shapes=shapes)
        else:
            self.build(**shapes)

    # --- looking -------------------------------------------------------------------

    def get_layer(self, name=None, index=None):
        """The layer of that name, or at that place in `layers`.

        Raises:
            ValueError: if there is none, or both or neither argument is given.
        """
        if index is not None and name is not None:
            raise ValueError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self.layers)} layers."
                )
            return self.layers[index]
        if name is not None:
            for layer in self.layers:
                if layer.name == name:
                    return layer
            raise ValueError(
                f"No such layer: {name}. Existing layers are: {[x.name for x in self.layers]}."
            )
        raise ValueError("Provide either a layer name or layer index at `get_layer`.")

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers, their output shapes and their numbers of parameters.

        Args:
            line_length: Width of the table in characters.
            positions: Where each column ends, as fractions of the width.
            print_fn: Called with the text instead of printing it.
            expand_nested: Whether layers of nested models get rows.
            show_trainable: Whether a column tells if a layer is trained.
            layer_range: First and last layer to show, as names or regular expressions.

        Example:
            >>> torchkeras.Sequential([torchkeras.layers.Dense(1)]).count_params
            <bound method ...
        """
        text = _summary.summary(
            self, line_length, positions, expand_nested, show_trainable, layer_range
        )
        (print_fn or print)(text)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Keeps the weights of all layers that can be quantized in few bits from now on.

        Args:
            mode: ``"int8"``, ``"int4"``, ``"float8"``, ``"gptq"`` or ``"awq"``; default that of
                ``config``.
            config: A ``QuantizationConfig``; default the mode's own. The last two modes need a
                `GPTQConfig` or an `AWQConfig`: its data is run through the model, and the
                layers of its blocks are quantized one block after the other.
            filters: A regular expression of names of layers, a list of them, or a function of
                a layer: the layers it leaves out stay as they are.
            **kwargs: ``type_check``, whether subclasses of layers are left as they are.

        Raises:
            ValueError: if the model is not built, or for an unknown mode or ``filters``; for
                calibration data or a structure of blocks that are missing.
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        mode, config = _quantization.resolve(mode, config)
        if not self.built:
            raise ValueError(
                f"Cannot quantize a layer that isn't yet built. Layer '{self.name}' (of type "
                f"'{type(self).__name__}') is not built yet."
            )
        wanted = _filter(filters)
        if mode in _calibration.MODES:
            structure = config.quantization_layer_structure
            if structure is None:
                structure = self.get_quantization_layer_structure(mode)
            _calibration.calibrate(mode, config, structure, wanted, type_check)
            return
        for layer in self._flatten_layers(include_self=False):
            if isinstance(layer, Model) or not wanted(layer):
                continue
            try:
                layer.quantize(mode, type_check=type_check, config=config)
            except NotImplementedError as error:
                warnings.warn(str(error), stacklevel=2)
        _state.touch()

    def get_quantization_layer_structure(self, mode=None):
        """The blocks that ``"gptq"`` and ``"awq"`` quantize one after the other.

        A model's author overrides it, to return a dict of lists of layers:
        ``"pre_block_layers"``, which the data goes through first (an embedding, say), and
        ``"sequential_blocks"``.

        Args:
            mode: The mode of quantization.

        Returns:
            The dict; ``None``, as here, if nobody said.
        """
        return None

    # --- files ---------------------------------------------------------------------

    def _is_graph(self):
        """Whether the graph is all there is to the model: its class adds no arguments."""
        return self._graph is not None and type(self).__init__ in (
            Model.__init__,
            Functional.__init__,
        )

    @_configurable.reads_signature
    def get_config(self):
        """Dict from which `from_config` makes the model anew: the graph, if there is one."""
        return _config.graph_config(self) if self._is_graph() else super().get_config()

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from the dict that `get_config` returned.

        Args:
            config: The dict.
            custom_objects: Dict from name to the custom classes and functions named inside.
        """
        with CustomObjectScope(custom_objects):
            if not {"layers", "input_layers", "output_layers"} <= set(config):
                return cls(**config)
            inputs, outputs = _config.graph_from_config(config)
        kind = Functional if cls is Model else cls
        model = kind(inputs, outputs, name=config.get("name"))
        if not config.get("trainable", True):
            model.trainable = False
        return model

    def to_json(self, **kwargs):
        """The config of the model as JSON; `keras.models.model_from_json` reads it.

        Args:
            **kwargs: Passed to ``json.dumps``.
        """
        return json.dumps(_objects.serialize_keras_object(self), **kwargs)

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Writes the model to a ``.keras`` file: config, weights, state of the optimizer.

        Args:
            filepath: Path that ends in ``.keras``.
            overwrite: Whether a file already there is replaced; else asks.
            zipped: Must be ``None`` or true.
            **kwargs: None is taken.

        Raises:
            ValueError: for another ending.

        Example:
            >>> import tempfile
            >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save(f"{folder}/model.keras")
            ...     again = torchkeras.saving.load_model(f"{folder}/model.keras")
            >>> again.layers[0].kernel.equal(model.layers[0].kernel)
            True
        """
        _archive.save_model(self, filepath, overwrite, zipped, **kwargs)

    def _saved_children(self):
        listed = {}
        if self._graph is not None:
            listed = {id(layer) for layer in self.layers}
        found = dict(super()._saved_children())
        for name, module in list(found.items()):
            # A graph's layers stand under `layers`; the others by their attributes.
            if id(module) in listed and name not in self.__dict__:
                del found[name]
        found["layers"] = self._layers_in_file()
        if hasattr(self.optimizer, "save_own_variables"):
            found["optimizer"] = self.optimizer
        return sorted(found.items(), key=lambda item: (item[0].startswith("_"), item[0]))

    def _layers_in_file(self):
        if self._graph is None:
            return self.layers
        return [o for o in self._graph.operations if isinstance(o, Layer)]

    def save_weights(self, filepath, overwrite=True, max_shard_size=None):
        """Writes all weights to a file, whole or not at all.

        Args:
            filepath: Path that ends in ``.weights.h5`` (Keras' format) or ``.safetensors``.
            overwrite: Whether a file already there is replaced; else asks.
            max_shard_size: Must be ``None``: one file holds all weights.

        Raises:
            ValueError: for another ending, or if the weights are not there yet.
        """
        _weights.save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Reads the weights that `save_weights` wrote; shapes are compared before data is read.

        Args:
            filepath: Path that ends in ``.weights.h5`` or ``.safetensors``.
            skip_mismatch: Whether weights of another shape or name are left as they are.
            **kwargs: ``objects_to_skip``, a list of layers that are left as they are.

        Raises:
            ValueError: if a weight is missing, unknown or of another shape.
        """
        _weights.load_weights(self, filepath, skip_mismatch, **kwargs)

    def get_state_tree(self, value_format="backend_tensor"):
        """The values of all variables, in dicts nested by the parts of their paths.

        Args:
            value_format: ``"backend_tensor"`` for tensors that share the variables' memory,
                ``"numpy_array"`` for copies.

        Raises:
            ValueError: for another format, or if two variables have one path.

        Example:
            >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
            >>> tree = model.get_state_tree("numpy_array")
            >>> tree["trainable_variables"]["sequential"]["dense"]["kernel"].shape
            (2, 1)
        """
        return _state_tree.get_state_tree(self, value_format)

    def set_state_tree(self, state_tree):
        """Sets variables from what `get_state_tree` returned, or a part of it.

        Args:
            state_tree: The dict.

        Raises:
            ValueError: for a path that is none, or a value of another shape; nothing is changed.
        """
        _state_tree.set_state_tree(self, state_tree)

    def reset_states(self):
        """Resets the states of stateful recurrent layers."""
        for layer in self._flatten_layers(include_self=False):
            if (
                layer is not self
                and hasattr(layer, "reset_states")
                and getattr(layer, "stateful", 0)
            ):
                layer.reset_states()


class Functional(Model):
    """What ``Model(inputs, outputs)`` makes.

    Example:
        >>> x = torchkeras.Input((2,))
        >>> torchkeras.Model(x, x * 2).name
        'functional'
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs=inputs, outputs=outputs, name=name, **kwargs)


def _filter(filters):
    """A function that tells of a layer whether ``filters`` let it through."""
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return filters
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ValueError(
            "The `filters` argument must be a regex string, a list of regex strings, or a "
            f"callable. Received: {type(filters)}"
        )
    return lambda layer: any(re.search(pattern, layer.name) for pattern in patterns)


def _is_functional(args, kwargs):
    return (
        len(args) >= 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _output_names(graph):
    """The names of the layers that the outputs come from, made unique."""
    names = []
    for symbol in graph.flat_outputs:
        name = symbol._keras_history.operation.name
        names.append(name if name not in names else f"{name}_{names.count(name)}")
    return names
