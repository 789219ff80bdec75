"""Operation: what can be called on symbols, and Node: one such call."""

import threading
from typing import Any

from torchkeras import _configurable, _state, tree
from torchkeras.graph import _infer, _tensor
from torchkeras.graph._tensor import KerasHistory, KerasTensor


class _Recording(threading.local):
    """Whether calls on symbols are kept as nodes (not while a shape is being found out)."""

    on = True


recording = _Recording()


class without_recording:
    """Inside, operations on symbols return symbols but keep no nodes."""

    def __enter__(self):
        self.before, recording.on = recording.on, False

    def __exit__(self, *exc):
        recording.on = self.before


class Node:
    """One call of an operation on symbols: what went in, what came out."""

    def __init__(self, operation, args, kwargs, outputs):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.outputs = outputs
        self.input_tensors = _tensor.symbols((args, kwargs))
        self.output_tensors = _tensor.symbols(outputs)
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for i, symbol in enumerate(self.output_tensors):
            symbol._keras_history = KerasHistory(operation, index, i)
        for parent in self.parent_nodes:
            parent.operation._outbound_nodes.append(self)

    @property
    def parent_nodes(self):
        """The nodes that made the inputs, each once."""
        found = {}
        for symbol in self.input_tensors:
            if symbol._keras_history is not None:
                operation, index, _ = symbol._keras_history
                node = operation._inbound_nodes[index]
                found[id(node)] = node
        return list(found.values())

    @property
    def args_structure(self):
        """What went in: the one argument as it is, or the symbols of several."""
        if len(self.args) == 1 and not _tensor.is_symbolic(self.kwargs):
            return self.args[0]
        symbols = self.input_tensors
        return symbols[0] if len(symbols) == 1 else symbols

    @property
    def is_input(self):
        """Whether nothing went in: the node of an `Input`."""
        return not self.input_tensors


class Operation(_configurable.Configurable):
    """What can be called on tensors (`call`) and on symbols (`compute_output_spec`).

    Args:
        name: Name of the operation; default an automatic one.

    Raises:
        ValueError: if ``name`` is no string or has a slash in it.
    """

    name: str
    _inbound_nodes: list
    _outbound_nodes: list

    def __init__(self, name=None):
        if name is None:
            name = _state.unique_name(_state.snake_case(type(self).__name__))
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name} (of type {type(name)})"
            )
        # Straight into the dict: a layer would track the lists.
        self.__dict__.update(name=name, _inbound_nodes=[], _outbound_nodes=[])

    def __call__(self, *args, **kwargs):
        if _tensor.is_symbolic((args, kwargs)):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args, **kwargs):
        """Computes the outputs from tensors."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `call()`.")

    def symbolic_call(self, *args, **kwargs):
        """Symbols of the outputs, with the call recorded as a node."""
        outputs = self.compute_output_spec(*args, **kwargs)
        return record(self, args, kwargs, outputs)

    def compute_output_spec(self, *args, **kwargs):
        """Symbols shaped like the outputs for symbols of the inputs."""
        return _infer.infer(self.call, args, kwargs)

    @property
    def input(self):
        """The symbols of the first call."""
        return self._node(0, "input").args_structure

    @property
    def output(self) -> Any:
        """The symbol that the first call returned, or a list of several."""
        symbols = self._node(0, "output").output_tensors
        return symbols[0] if len(symbols) == 1 else list(symbols)

    def _node(self, index, what):
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        return self._inbound_nodes[index]

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def record(operation, args, kwargs, outputs):
    """Keeps a call on symbols as a node, and returns its outputs."""
    if recording.on:
        # An output that is an input unchanged needs a symbol of its own.
        inputs = {id(s) for s in _tensor.symbols((args, kwargs))}
        outputs = tree.map_structure(
            lambda s: KerasTensor(s.shape, s.dtype) if id(s) in inputs else s, outputs
        )
        Node(operation, args, kwargs, outputs)
    return outputs


class FunctionOperation(Operation):
    """A function in a graph: a torch function, a tensor method, or an `@op`."""

    def __init__(self, function, name=None):
        base = getattr(function, "__name__", "function").strip("_")
        super().__init__(name or _state.unique_name(base))
        self.function = function

    def call(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def record_torch(func, args, kwargs):
    """Records a torch function called on symbols."""
    return FunctionOperation(func).symbolic_call(*args, **kwargs)


_tensor.record_torch = record_torch
