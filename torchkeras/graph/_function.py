"""Function: a graph of operations, run as a flat list of steps."""

from typing import Any

import numpy as np

from torchkeras import tree
from torchkeras.graph._operation import Operation, without_recording
from torchkeras.graph._tensor import KerasTensor, as_tensor


class _Slot(int):
    """In a step's arguments: the place of a tensor among the run's values."""


class Graph:
    """The operations between some symbols and others, and the steps that compute them.

    Args:
        inputs: Structure of the symbols that are given.
        outputs: Structure of the symbols to compute.

    Raises:
        ValueError: if an output does not depend on the inputs alone.
    """

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs, self.flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        self._find_nodes()
        self._make_steps()

    def _find_nodes(self):
        given = {id(s) for s in self.flat_inputs}
        depth = {}  # id of node -> longest way to an output
        order = {}  # id of node -> (node, when it was met going up from the outputs)
        done = set()  # nodes whose ancestors are all known
        sequence = []  # every node after those it needs

        def node_of(symbol):  # None: nothing made it, it is a mere `KerasTensor(...)`
            history = symbol._keras_history
            return history and history.operation._inbound_nodes[history.node_index]

        def meet(node):
            if node is not None and node.is_input:
                order.setdefault(id(node), (node, len(order)))

        def visit(first, path):
            stack = [(first, iter(first.input_tensors))]
            order.setdefault(id(first), (first, len(order)))
            while stack:
                node, inputs = stack[-1]
                for symbol in inputs:
                    parent = node_of(symbol)
                    if id(symbol) in given:
                        meet(parent)
                        continue
                    if parent is None:
                        raise ValueError(
                            f"Graph disconnected: cannot find parent for tensor {symbol} at "
                            f"operation '{node.operation}'. Add it to the `inputs`."
                        )
                    if id(parent) in done:
                        continue
                    if parent.is_input:
                        raise ValueError(
                            f"`inputs` not connected to `outputs`. Output with path `{path}` is "
                            f"not connected to `inputs`: it depends on '{parent.operation.name}' "
                            f"of shape {symbol.shape}. Add that to the `inputs`."
                        )
                    order.setdefault(id(parent), (parent, len(order)))
                    stack.append((parent, iter(parent.input_tensors)))
                    break
                else:
                    stack.pop()
                    if id(node) not in done:
                        done.add(id(node))
                        sequence.append(node)

        for path, symbol in tree.flatten_with_path(self.outputs):
            node = node_of(symbol)
            if id(symbol) in given:
                meet(node)
            elif node is None or node.is_input:
                raise ValueError(
                    "`inputs` not connected to `outputs`. Output with path "
                    f"`{'.'.join(map(str, path))}` is not connected to `inputs`: {symbol} is none "
                    "of them, and nothing made it of them."
                )
            elif id(node) not in done:
                visit(node, ".".join(map(str, path)))
        for symbol in self.flat_inputs:  # inputs that nothing uses
            meet(node_of(symbol))

        for node in reversed(sequence):
            here = depth.setdefault(id(node), 0)
            for symbol in node.input_tensors:
                parent = id(node_of(symbol))  # of None too: nobody asks for it
                depth[parent] = max(depth.get(parent, 0), here + 1)
        self.nodes = sequence
        input_nodes = [node for node in map(node_of, self.flat_inputs) if node is not None]
        # An operation stands where its earliest call does; inputs stand in the given order.
        operations = {}
        for node, met in order.values():
            key = id(node.operation)
            deepest = depth.get(id(node), 0)
            if key in operations:
                deepest = max(deepest, operations[key][0])
                met = min(met, operations[key][1])
            operations[key] = (deepest, met, node.operation)
        places = {id(n.operation): i for i, n in enumerate(input_nodes)}
        ordered = sorted(
            operations.values(), key=lambda o: (-o[0], places.get(id(o[2]), len(places)), o[1])
        )
        self.operations = [operation for _, _, operation in ordered]
        self.depths = {id(operation): deepest for deepest, _, operation in ordered}

    def _make_steps(self):
        slots = {}
        for symbol in self.flat_inputs:
            slots[id(symbol)] = _Slot(len(slots))

        def place(leaf):
            return slots[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        plans = []
        for node in self.nodes:
            args = tree.map_structure(place, tuple(node.args))
            kwargs = tree.map_structure(place, dict(node.kwargs))
            outs = []
            for symbol in node.output_tensors:
                slots[id(symbol)] = slot = _Slot(len(slots))
                outs.append(slot)
            alone = isinstance(node.outputs, KerasTensor)
            plans.append([node.operation, args, kwargs, outs[0] if alone else outs])
        self.output_slots = [slots[id(s)] for s in self.flat_outputs]
        self.n_slots = len(slots)
        kept = set(self.output_slots)
        seen, steps = set(), []
        for operation, args, kwargs, outs in reversed(plans):
            used = {s for s in tree.flatten((args, kwargs)) if isinstance(s, _Slot)}
            dead = tuple(int(s) for s in used if s not in seen and s not in kept)
            seen |= used
            args, kwargs = _plain_slots(args), _plain_slots(kwargs)
            one = len(args) == 1 and not kwargs
            if one and isinstance(args[0], _Slot):
                kind, args = 0, int(args[0])
            elif one and type(args[0]) is list and all(isinstance(a, _Slot) for a in args[0]):
                kind, args = 1, [int(a) for a in args[0]]
            else:
                kind = 2
            outs = int(outs) if isinstance(outs, _Slot) else [int(s) for s in outs]
            steps.append((operation, kind, args, kwargs, outs, dead))
        self.steps = tuple(reversed(steps))

    def run(self, values, call=None):
        """The flat outputs for the flat inputs.

        Args:
            values: One value for each input.
            call: Instead of calling an operation itself, ``call(operation, args, kwargs)``.
        """
        slots = list(values)
        slots += [None] * (self.n_slots - len(slots))
        for operation, kind, args, kwargs, outs, dead in self.steps:
            if call is not None:
                if kind == 2:
                    result = call(operation, _fill(args, slots), _fill(kwargs, slots))
                else:
                    one = slots[args] if kind == 0 else [slots[i] for i in args]
                    result = call(operation, [one], {})
            elif kind == 0:
                result = operation(slots[args])
            elif kind == 1:
                result = operation([slots[i] for i in args])
            else:
                result = operation(*_fill(args, slots), **_fill(kwargs, slots))
            if outs.__class__ is int:
                slots[outs] = result
            else:
                for slot, value in zip(outs, tree.flatten(result)):
                    slots[slot] = value
            for i in dead:  # a tensor that nothing needs any more
                slots[i] = None
        return [slots[i] for i in self.output_slots]


def _plain_slots(structure):
    """The structure with tracked lists made plain ones."""
    return tree.map_structure(lambda leaf: leaf, structure)


def _fill(structure, slots) -> Any:
    if isinstance(structure, _Slot):
        return slots[structure]
    if isinstance(structure, (list, tuple)):
        filled = [_fill(s, slots) for s in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*filled)
        return tuple(filled) if isinstance(structure, tuple) else filled
    if isinstance(structure, dict):
        return {k: _fill(v, slots) for k, v in structure.items()}
    return structure


class Function(Operation):
    """A graph as an operation of its own.

    Args:
        inputs: Structure of symbols.
        outputs: Structure of symbols computed from them.
        name: Name of the operation.

    Raises:
        ValueError: if there are no inputs or outputs, one of them is no symbol, or an output does
            not depend on the inputs alone.

    Example:
        >>> x = torchkeras.Input((2,))
        >>> double = torchkeras.Function(x, x * 2)
        >>> double(torch.ones(1, 2))
        tensor([[2., 2.]])
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name=name)
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            leaves = tree.flatten(structure)
            if not leaves:
                raise ValueError(
                    f"`{role}` argument cannot be empty. Received: {role}={structure}. Give at "
                    "least one symbol."
                )
            for leaf in leaves:
                if not isinstance(leaf, KerasTensor):
                    raise ValueError(
                        f"All `{role}` values must be KerasTensors. Received: {role}={structure} "
                        f"including invalid value {leaf} of type {type(leaf).__name__}."
                    )
        self._graph = Graph(inputs, outputs)

    @property
    def inputs(self):
        """The symbols that are given."""
        return self._graph.flat_inputs

    @property
    def outputs(self):
        """The symbols that are computed."""
        return self._graph.flat_outputs

    @property
    def operations(self):
        """The operations of the graph."""
        return self._graph.operations

    def call(self, inputs):
        outputs = self._graph.run([as_tensor(x) for x in self._fitting(inputs)])
        return tree.pack_sequence_as(self._graph.outputs, outputs)

    def compute_output_spec(self, inputs):
        return symbolic_run(self._graph, self._fitting(inputs))

    def _fitting(self, inputs):
        """The values of the inputs as a list, if they have the structure and the shapes."""
        expected = self._graph.inputs
        try:
            tree.assert_same_structure(expected, inputs)
        except ValueError:
            raise ValueError(
                "Function was called with an invalid input structure. Expected input structure: "
                f"{expected}. Received input structure: {inputs}"
            ) from None
        flat = tree.flatten(inputs)
        for symbol, value in zip(self._graph.flat_inputs, flat):
            shape = tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
            fits = len(shape) == len(symbol.shape)
            if not fits or any(None not in (n, m) and n != m for n, m in zip(symbol.shape, shape)):
                raise ValueError(
                    f"Function was passed incompatible inputs. For input '{symbol.name}', expected "
                    f"shape {symbol.shape}, but received instead a tensor with shape {shape}."
                )
        return flat

    def get_config(self):
        """Not there: a functional `Model` is what can be saved.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no config. To save a graph make a functional "
            "`torchkeras.Model(inputs, outputs)` of it."
        )

    def compute_output_shape(self, input_shape):
        """Shapes of the outputs for the shapes of the inputs."""
        symbols = tree.map_shape_structure(KerasTensor, input_shape)
        return tree.map_structure(lambda s: s.shape, self.compute_output_spec(symbols))


def symbolic_run(graph, symbols):
    """Output symbols of a graph for other input symbols; nothing is recorded."""
    with without_recording():
        flat = graph.run(
            symbols, lambda operation, args, kwargs: operation.compute_output_spec(*args, **kwargs)
        )
    return tree.pack_sequence_as(graph.outputs, flat)
