"""The table that `model.summary()` prints."""

import re
import textwrap

from torchkeras import tree
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._input import InputLayer
from torchkeras.layers._layer import Layer
from torchkeras.utils._plot_model import class_of

# Where columns end, as fractions of the width, by number of columns.
_POSITIONS = {
    3: (0.453, 0.787, 1.0),
    4: (0.293, 0.56, 0.733, 1.0),
    5: (0.267, 0.507, 0.667, 0.893, 1.0),
}
_WIDTH = 76


def summary(model, line_length, positions, expand_nested, show_trainable, layer_range):
    """The text of the table of a model."""
    graph = getattr(model, "_graph", None)
    connected = graph is not None and not _is_chain(graph)
    head = ["Layer (type)", "Output Shape", "Param #"]
    align = ["<", "<", ">"]
    if connected:
        head.append("Connected to")
        align.append("<")
    if show_trainable:
        head.append("Trainable")
        align.append("^")
    width = line_length or _WIDTH
    if positions is None:
        positions = _POSITIONS[len(head)]
    elif len(positions) != len(head):
        raise ValueError(
            f"`positions` must have one value for each of the {len(head)} columns. "
            f"Received: positions={positions}"
        )
    ends = [round((width - 1) * p) if p <= 1 else int(p) for p in positions]
    widths = [end - start - 3 for start, end in zip([0, *ends], ends)]

    rows = []
    for layer in _in_range(_rows_of(model, graph), layer_range):
        _add_rows(rows, layer, graph, connected, show_trainable, expand_nested, 0)

    lines = [
        _rule("┏", "━", "┳", "┓", widths),
        *_cells(head, widths, align, "┃"),
        _rule("┡", "━", "╇", "┩", widths),
    ]
    for i, row in enumerate(rows):
        if i:
            lines.append(_rule("├", "─", "┼", "┤", widths))
        lines += _cells(row, widths, align, "│")
    lines.append(_rule("└", "─", "┴", "┘", widths))
    return "\n".join([f'Model: "{model.name}"', *lines, *_totals(model)])


def _is_chain(graph):
    """Whether every layer feeds just the next one, so that no column need say so."""
    return (
        len(graph.flat_inputs) == 1
        and len(graph.flat_outputs) == 1
        and all(len(node.input_tensors) == 1 for node in graph.nodes)
        and len({id(node.input_tensors[0]) for node in graph.nodes}) == len(graph.nodes)
    )


def _rows_of(model, graph):
    if graph is None or hasattr(model, "_chain"):
        return model.layers
    return graph.operations


def _in_range(layers, layer_range):
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            "`layer_range` must be a list or tuple of two strings: the first and last layer's "
            f"names. Received: layer_range={layer_range}"
        )
    found = [
        [i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range
    ]
    if not all(found):
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model. Received: {layer_range}"
        )
    first, last = min(found[0]), max(found[1])
    return layers[min(first, last) : max(first, last) + 1]


def _add_rows(rows, layer, graph, connected, show_trainable, expand_nested, depth):
    indent = "   " * depth + "└ " if depth else ""
    row = [f"{indent}{layer.name} ({class_of(layer)})", _output_shape(layer, graph)]
    row.append(_parameters(layer))
    if connected:
        row.append(", ".join(_parents(layer, graph)) or "-")
    if show_trainable:
        weights = getattr(layer, "weights", ())
        row.append(("Y" if layer.trainable else "N") if weights else "-")
    rows.append(row)
    if expand_nested and hasattr(layer, "layers"):
        for inner in layer.layers:
            if not isinstance(inner, InputLayer):
                _add_rows(rows, inner, None, connected, show_trainable, True, depth + 1)


def _nodes(layer, graph):
    if graph is None:
        return layer._inbound_nodes
    ours = {id(node) for node in graph.nodes}
    nodes = [node for node in layer._inbound_nodes if id(node) in ours or node.is_input]
    return nodes or layer._inbound_nodes


def _output_shape(layer, graph):
    outputs = None
    for node in _nodes(layer, graph)[:1]:
        outputs = node.outputs
    if outputs is None and getattr(layer, "_graph", None) is not None:
        outputs = layer.output
    if outputs is None and getattr(layer, "_build_shapes", None):
        try:
            shape = layer.compute_output_shape(*layer._build_shapes.values())
            outputs = tree.map_shape_structure(KerasTensor, shape)
        except Exception:  # shapes are a courtesy here; whatever is wrong shows when it runs
            return "?"
    if outputs is None:
        return "?"
    shapes = [str(s.shape) for s in tree.flatten(outputs) if isinstance(s, KerasTensor)]
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def _parameters(layer):
    if not isinstance(layer, Layer):
        return "0"
    count = sum(v.numel() for v in layer.weights)
    makes_weights = type(layer).build is not Layer.build
    return "0 (unbuilt)" if not layer.built and makes_weights else f"{count:,}"


def _parents(layer, graph):
    if graph is None:
        return []
    return [
        f"{symbol._keras_history.operation.name}[{symbol._keras_history.node_index}]"
        f"[{symbol._keras_history.tensor_index}]"
        for node in _nodes(layer, graph)
        for symbol in node.input_tensors
    ]


def _rule(left, line, cross, right, widths):
    return left + cross.join(line * (w + 2) for w in widths) + right


def _cells(texts, widths, align, bar):
    """One row of the table as lines of text: long cells wrap at blanks, long words are cut."""
    columns = []
    for text, width in zip(texts, widths):
        words = [w if len(w) <= width else w[: width - 1] + "…" for w in _words(text)]
        columns.append(textwrap.wrap(" ".join(words), width, break_long_words=False) or [""])
    height = max(map(len, columns))
    lines = []
    for i in range(height):
        cells = [
            f" {column[i] if i < len(column) else '':{a}{w}} "
            for column, a, w in zip(columns, align, widths)
        ]
        lines.append(bar + bar.join(cells) + bar)
    return lines


def _words(text):
    # A shape is one word, so that it is not torn at its blanks.
    if text.startswith("(") and text.endswith(")"):
        return [text]
    return text.split(" ")


def _size(count, size):
    units = ["B", "KB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        del units[0]
    return f" {count:,} ({size:.2f} {units[0]})"


def _totals(model):
    trainable, rest = model.trainable_weights, model.non_trainable_weights
    optimizer = getattr(model, "optimizer", None)
    slots = list(getattr(optimizer, "variables", ())) if optimizer is not None else []

    def line(title, variables):
        count = sum(v.numel() for v in variables)
        return f" {title}:" + _size(count, sum(v.numel() * v.element_size() for v in variables))

    lines = [
        line("Total params", [*trainable, *rest, *slots]),
        line("Trainable params", trainable),
        line("Non-trainable params", rest),
    ]
    if slots:
        lines.append(line("Optimizer params", slots))
    return lines
