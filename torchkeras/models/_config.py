"""Models as configs, in Keras' format: chains of layers, and graphs of calls."""

import functools
import inspect
import re
from typing import Any

from torchkeras import ops, tree
from torchkeras.graph._operation import FunctionOperation
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._input import InputLayer
from torchkeras.models import _torch_functions
from torchkeras.saving import _objects

# Arguments of functions that Keras keeps with the operation, though they have no default.
_KEPT = set(
    "newshape axis axis1 axis2 source destination indices_or_sections repeats shift pad_width "
    "shape dtype num_classes k x_min x_max size subscripts pool_size pattern".split()
)
# What torch's functions and operators on symbols are called among Keras' operations, where they
# mean the same.
_OF_TORCH = {
    "mul": "multiply",
    "sub": "subtract",
    "div": "true_divide",
    "neg": "negative",
    "pow": "power",
    "remainder": "mod",
    "getitem": "get_item",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
} | {
    name: name
    for name in "abs add ceil cos erf exp expm1 floor floor_divide log log1p logical_and "
    "logical_not logical_or logical_xor matmul multiply negative relu relu6 round rsqrt selu "
    "sigmoid sign silu sin sinh softsign sqrt square subtract tan tanh true_divide".split()
}
# Those whose arguments have other names: torch's, Keras'.
_SETTINGS_OF_TORCH = {
    "gelu": ("gelu", lambda approximate="none": {"approximate": approximate == "tanh"}),
    "elu": ("elu", lambda alpha=1.0: {"alpha": alpha}),
    "leaky_relu": ("leaky_relu", lambda negative_slope=0.01: {"negative_slope": negative_slope}),
    "softmax": ("softmax", lambda dim=-1: {"axis": dim}),
    "log_softmax": ("log_softmax", lambda dim=-1: {"axis": dim}),
}
_MATH = set(
    "erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft "
    "rsqrt segment_max segment_min segment_prod segment_sum stft top_k view_as_complex "
    "view_as_real".split()
)


def _object_of(config):
    return _objects.deserialize_keras_object(config, safe_mode=_objects.in_safe_mode())


# --- chains ------------------------------------------------------------------------------


def chain_config(model):
    """The config of a `Sequential`."""
    config = {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": _objects.serialize_keras_object(model.dtype_policy),
        "layers": [_objects.serialize_keras_object(layer) for layer in model._chain],
    }
    if model.built and model._graph is not None:
        shape = model.input_shape
        config["build_input_shape"] = tuple(shape) if shape is not None else None
        if not isinstance(model._chain[0], InputLayer):
            first = model._graph.flat_inputs[0]._keras_history.operation
            config["layers"].insert(0, _objects.serialize_keras_object(first))
    return config


def chain_from_config(cls, config):
    """A `Sequential` from its config."""
    layers = [_object_of(layer) for layer in config.get("layers", [])]
    model = cls(name=config.get("name"))
    if config.get("dtype") is not None:
        model.dtype_policy = config["dtype"]
    for layer in layers:
        model.add(layer, rebuild=False)
    model._rebuild()
    shape = config.get("build_input_shape")
    if not model.built and shape:
        model.build(tuple(shape) if isinstance(shape, list) else shape)
    model.trainable = config.get("trainable", True)
    return model


# --- graphs ------------------------------------------------------------------------------


def graph_config(model):
    """The config of a functional model: its operations, and every call of each."""
    graph = model._graph
    kept = {id(node): node for node in graph.nodes}
    places = {}  # (operation, index of its node) -> number of the call in the config
    for operation in graph.operations:
        count = 0
        for index, node in enumerate(operation._inbound_nodes):
            if id(node) in kept or isinstance(operation, InputLayer):
                places[id(operation), index] = count
                count += 1
    layers = []
    for operation in graph.operations:
        if isinstance(operation, FunctionOperation):
            data, calls = _function_config(operation)
        else:
            data = _objects.serialize_keras_object(operation)
            calls = None
        nodes = []
        for index, node in enumerate(operation._inbound_nodes):
            if (id(operation), index) in places and not isinstance(operation, InputLayer):
                args, kwargs = calls if calls is not None else (node.args, node.kwargs)
                nodes.append(_node_config(args, kwargs, places))
        layers.append({**data, "name": operation.name, "inbound_nodes": nodes})
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": _ends(graph.inputs, places),
        "output_layers": _ends(graph.outputs, places),
    }


def _offset(operation):
    """As an end, Keras numbers the calls of a graph from 1: 0 is the making of the graph."""
    chain = hasattr(operation, "_chain")
    return int(getattr(operation, "_graph", None) is not None and not chain)


def _history(symbol, places):
    operation, index, tensor_index = symbol._keras_history
    return [operation.name, places[id(operation), index], tensor_index]


def _node_config(args, kwargs, places):
    def leaf(x):
        if isinstance(x, KerasTensor):
            config = {
                "shape": list(x.shape),
                "dtype": x.dtype,
                "keras_history": _history(x, places),
            }
            return {"class_name": "__keras_tensor__", "config": config}
        return x

    args, kwargs = tree.map_structure(leaf, (list(args), dict(kwargs)))
    return {
        "args": _objects.serialize_keras_object(list(args)),
        "kwargs": _objects.serialize_keras_object(kwargs),
    }


def _ends(structure, places):
    if isinstance(structure, KerasTensor):
        name, index, tensor_index = _history(structure, places)
        return [name, index + _offset(structure._keras_history.operation), tensor_index]
    if isinstance(structure, dict):
        return {key: _ends(value, places) for key, value in structure.items()}
    return [_ends(value, places) for value in structure]


# --- functions ---------------------------------------------------------------------------


def _function_config(operation):
    """A function as Keras' operation, and the arguments of its call that are no settings."""
    node = operation._inbound_nodes[0]
    found = _as_op(operation.function, node.args, node.kwargs)
    if found is None:
        return _torch_config(operation, node)
    name, args, kwargs = found
    parameters = _parameters(name)
    given: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            given[parameter.name], args = args, []
        elif args:
            given[parameter.name] = args.pop(0)
        elif parameter.name in kwargs:
            given[parameter.name] = kwargs[parameter.name]
    config: dict[str, Any] = {"name": operation.name}
    call = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            call += given.get(parameter.name, [])
            continue
        value = given.get(parameter.name, parameter.default)
        symbolic = any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(value))
        required = parameter.default is parameter.empty and parameter.name not in _KEPT
        if symbolic or required:
            call.append(value)
        else:
            config[parameter.name] = value
    cls = "".join(part.capitalize() for part in name.split("_"))
    homes = [home for home in ("numpy", "nn", "linalg") if name in getattr(ops, home).__all__]
    data = {
        "module": f"keras.src.ops.{(*homes, 'math' if name in _MATH else 'core')[0]}",
        "class_name": cls,
        "config": _objects.serialize_keras_object(config),
        "registered_name": cls,
    }
    return data, (call, {})


def _torch_config(operation, node):
    """A function of torch by its name, and the arguments of its call."""
    name = _torch_functions.name_of(operation.function)
    if name is None:
        raise ValueError(
            f"The function `{operation.function.__name__}` of the graph has no equal among "
            "`keras.ops` and is no pure function of torch, so a file cannot hold it. Put it into a "
            "layer: `keras.layers.Lambda`, or a class of yours under "
            "`@keras.saving.register_keras_serializable()`."
        )
    data = {
        "module": _torch_functions.MODULE,
        "class_name": name,
        "config": {"name": operation.name},
        "registered_name": None,
    }
    return data, _torch_functions.saved_arguments(name, (list(node.args), dict(node.kwargs)))


def _as_op(function, args, kwargs):
    """The name among `keras.ops` of a function in a graph, and its arguments; ``None`` if none."""
    name = function.__name__
    if getattr(getattr(ops, name, None), "__wrapped__", None) is function:
        return name, list(args), kwargs
    base = name.strip("_")
    plain = {
        k: v for k, v in kwargs.items() if v is not None and k not in ("inplace", "_stacklevel")
    }
    try:
        if base in _SETTINGS_OF_TORCH:
            name, settings = _SETTINGS_OF_TORCH[base]
            return name, list(args[:1]), settings(*args[1:], **plain)
        if base in _OF_TORCH and not plain:
            return _OF_TORCH[base], list(args), {}
    except TypeError:  # an argument that Keras' function has not
        pass
    return None


@functools.cache
def _parameters(name):
    return tuple(inspect.signature(getattr(ops, name)).parameters.values())


def _function_of(data):
    """The function of an operation's config, taking what a node gives; ``None`` if it is none."""
    module = data.get("module") or ""
    if module == _torch_functions.MODULE:
        return _torch_functions.function_of(data["class_name"])
    if not re.fullmatch(r"keras(\.src)?\.ops(\.\w+)?", module):
        return None
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", data["class_name"]).lower()
    name = _same_without_scores().get(name.replace("_", ""), name)
    if name not in ops.__all__:
        return None
    config = {k: v for k, v in (data.get("config") or {}).items() if k != "name"}
    config = _object_of(config)

    def call(*args, **kwargs):
        args, positional, settings = list(args), [], {**config, **kwargs}
        for parameter in _parameters(name):
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional += args
                args = []
            elif parameter.name in settings and parameter.kind is not parameter.KEYWORD_ONLY:
                positional.append(settings.pop(parameter.name))
            elif args:
                positional.append(args.pop(0))
            else:
                break
        if name == "get_item" and isinstance(positional[1], list):
            positional[1] = tuple(positional[1])
        return getattr(ops, name)(*positional, **settings)

    return call


@functools.cache
def _same_without_scores():
    return {name.replace("_", ""): name for name in ops.__all__}


def graph_from_config(config):
    """Inputs and outputs of the functional model that a config describes."""
    made, symbols = {}, {}
    waiting = []
    for data in config["layers"]:
        name = data.get("name") or data["config"]["name"]
        function = _function_of(data)
        if function is None:
            plain = {k: v for k, v in data.items() if k not in ("name", "inbound_nodes")}
            made[name] = _object_of(plain)
        else:
            made[name] = function
        if isinstance(made[name], InputLayer):
            symbols[name, 0] = [made[name].output]
        for index, node in enumerate(data.get("inbound_nodes") or ()):
            if not isinstance(node, dict):
                raise ValueError(
                    f"The calls of layer '{name}' are in the format of Keras 2, which is not "
                    "there yet."
                )
            waiting.append((name, index, node))
    while waiting:
        later = []
        for name, index, node in waiting:
            operation = made[name]
            try:
                args = [_with_symbols(v, symbols, made) for v in node["args"]]
                kwargs = {k: _with_symbols(v, symbols, made) for k, v in node["kwargs"].items()}
            except _NotYet:
                later.append((name, index, node))
                continue
            outputs = tree.flatten(operation(*args, **kwargs))
            if not hasattr(operation, "name") and outputs[0]._keras_history is not None:
                outputs[0]._keras_history.operation.__dict__["name"] = name
            symbols[name, index] = outputs
        if len(later) == len(waiting):
            raise ValueError(
                f"The graph of model '{config.get('name')}' cannot be made: the inputs of "
                f"{sorted({name for name, _, _ in later})} are made by nothing in it."
            )
        waiting = later
    return tuple(_end(config[key], symbols, made) for key in ("input_layers", "output_layers"))


class _NotYet(Exception):
    """A symbol that no call has made yet."""


def _symbol(history, symbols, made):
    name, index, tensor_index = history
    if name not in made:
        raise ValueError(f"The graph names a layer '{name}' that is not in it.")
    key = (name, index)
    if key not in symbols:
        raise _NotYet
    return symbols[key][tensor_index]


def _with_symbols(value, symbols, made) -> Any:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return _symbol(value["config"]["keras_history"], symbols, made)
        if "class_name" in value:
            return _object_of(value)
        return {k: _with_symbols(v, symbols, made) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_symbols(v, symbols, made) for v in value]
    return value


def _end(structure, symbols, made) -> Any:
    if isinstance(structure, dict):
        return {k: _end(v, symbols, made) for k, v in structure.items()}
    if len(structure) == 3 and isinstance(structure[0], str) and isinstance(structure[1], int):
        name, index, tensor_index = structure
        try:
            return _symbol([name, index - _offset(made.get(name)), tensor_index], symbols, made)
        except _NotYet:
            raise ValueError(f"Nothing in the graph makes {list(structure)}.") from None
    return [_end(v, symbols, made) for v in structure]
