"""Models as graphs for Graphviz, and as pictures."""

import html
import importlib.util
import os
import shutil

from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers import Layer


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """A model as a graph for Graphviz; needs the package ``pydot``.

    A model that is a subclass, with its own ``call``, is one node.

    Args:
        model: A model that is built.
        show_shapes: Whether nodes have the shapes of inputs and outputs.
        show_dtype: Whether nodes have the element type of the outputs.
        show_layer_names: Whether nodes have the names of layers, beside their classes.
        rankdir: ``"TB"`` from top to bottom, ``"LR"`` from left to right.
        expand_nested: Whether models within are shown with their layers, in a box.
        dpi: Dots per inch of a picture.
        subgraph: Whether the result is a ``pydot.Cluster``.
        show_layer_activations: Whether nodes have the activations of layers.
        show_trainable: Whether nodes of layers with weights tell if they are trained.
        splines: How lines run: ``"ortho"``, ``"curved"``, ``"polyline"``, ``"spline"`` or
            ``"line"``.
        **kwargs: None is taken.

    Returns:
        A ``pydot.Dot`` or ``pydot.Cluster``.

    Raises:
        ValueError: if the model is not built, or for an unknown argument.
        ImportError: if ``pydot`` is not installed.
    """
    pydot = _pydot()
    if kwargs.pop("layer_range", None) is not None:
        raise ValueError("Argument `layer_range` is no longer supported.")
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            "calling the model on a batch of data."
        )
    show = _Show(
        pydot,
        show_shapes,
        show_dtype,
        show_layer_names,
        expand_nested,
        show_layer_activations,
        show_trainable,
    )
    graph = show.cluster(model) if subgraph else pydot.Dot()
    if not subgraph:
        graph.set("rankdir", rankdir)
        graph.set("concentrate", True)
        graph.set("dpi", dpi)
        graph.set("splines", splines)
        graph.set_node_defaults(shape="record")
    if _has_parts(model):
        show.add_model(graph, model)
    else:
        graph.add_node(show.node(model))
    return graph


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Writes a picture of a model; needs the package ``pydot`` and the program Graphviz.

    Args:
        model: A model that is built.
        to_file: File of the picture; its ending, such as ``.png``, ``.svg`` or ``.pdf``, is the
            format, and ``.dot`` writes the graph itself.
        show_shapes: Whether nodes have the shapes of inputs and outputs.
        show_dtype: Whether nodes have the element type of the outputs.
        show_layer_names: Whether nodes have the names of layers, beside their classes.
        rankdir: ``"TB"`` from top to bottom, ``"LR"`` from left to right.
        expand_nested: Whether models within are shown with their layers, in a box.
        dpi: Dots per inch.
        show_layer_activations: Whether nodes have the activations of layers.
        show_trainable: Whether nodes of layers with weights tell if they are trained.
        splines: How lines run; see `model_to_dot`.
        **kwargs: None is taken.

    Returns:
        An ``IPython.display.Image`` where there is IPython and the file is one that it shows,
        else ``None``.

    Raises:
        ValueError: if the model is not built, or for an unknown argument.
        ImportError: if ``pydot`` or Graphviz is not installed.
    """
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    to_file = os.fspath(to_file)
    ending = os.path.splitext(to_file)[1].lstrip(".").lower() or "png"
    if ending == "dot":
        with open(to_file, "w") as file:
            file.write(graph.to_string())
        return None
    if shutil.which("dot") is None:
        raise ImportError(
            "You must install graphviz (see instructions at https://graphviz.gitlab.io/download/) "
            "for `plot_model` to work; `to_file='model.dot'` writes the graph without it."
        )
    graph.write(to_file, format=ending)
    if ending in ("png", "jpg", "jpeg", "gif") and importlib.util.find_spec("IPython"):
        from IPython.display import Image  # pyright: ignore

        return Image(filename=to_file)
    return None


def class_of(layer):
    """The name of a layer's class; of a function on symbols, what Keras' would have."""
    function = getattr(layer, "function", None)
    if isinstance(layer, Layer) or function is None:
        return type(layer).__name__
    return "".join(part.capitalize() for part in function.__name__.strip("_").split("_"))


def _pydot():
    if importlib.util.find_spec("pydot") is None:
        raise ImportError(
            "You must install pydot for `model_to_dot` and `plot_model` to work: "
            "pip install 'keras-on-torch[graphviz]'"
        )
    import pydot  # pyright: ignore

    return pydot


def _has_parts(model):
    return getattr(model, "_chain", None) or getattr(model, "_graph", None) is not None


class _Show:
    """Nodes and lines, with what is to be shown."""

    def __init__(self, pydot, shapes, dtype, names, nested, activations, trainable):
        self.pydot = pydot
        self.shapes, self.dtype, self.names = shapes, dtype, names
        self.nested, self.activations, self.trainable = nested, activations, trainable

    def cluster(self, model):
        """A box with the model's name."""
        box = self.pydot.Cluster(style="dashed", graph_name=model.name)
        box.set("label", model.name)
        box.set("labeljust", "l")
        return box

    def add_model(self, container, model):
        """Adds the layers of a model; returns the first and the last nodes, by tensor."""
        chain = getattr(model, "_chain", None)
        if chain:
            ends = [self.add_layer(container, layer) for layer in model.layers]
            for (_, lasts), (firsts, _) in zip(ends, ends[1:]):
                self.add_edge(container, lasts[0], firsts[0])
            return ends[0][0], ends[-1][1]
        graph = model._graph
        ends = {id(op): self.add_layer(container, op) for op in graph.operations}

        def source(symbol):
            history = symbol._keras_history
            lasts = ends[id(history.operation)][1]
            return lasts[min(history.tensor_index, len(lasts) - 1)]

        places = {id(op): i for i, op in enumerate(graph.operations)}
        for node in sorted(graph.nodes, key=lambda node: places[id(node.operation)]):
            firsts = ends[id(node.operation)][0]
            for i, symbol in enumerate(node.input_tensors):
                self.add_edge(container, source(symbol), firsts[min(i, len(firsts) - 1)])
        return [source(s) for s in graph.flat_inputs], [source(s) for s in graph.flat_outputs]

    def add_layer(self, container, layer):
        """Adds a layer, or a model in its box; returns the first and the last nodes."""
        if self.nested and _has_parts(layer):
            box = self.cluster(layer)
            ends = self.add_model(box, layer)
            container.add_subgraph(box)
            return ends
        node = self.node(layer)
        container.add_node(node)
        return [node.get_name()], [node.get_name()]

    def add_edge(self, container, start, end):
        if not container.get_edge(start, end):
            container.add_edge(self.pydot.Edge(start, end, penwidth=2))

    def node(self, layer):
        """A node: a small table in Graphviz' HTML."""
        cells = []
        inputs, outputs = _inputs_of(layer), _outputs_of(layer)
        is_input = type(layer).__name__ == "InputLayer"
        if self.shapes:
            if not is_input:
                cells.append(_cell("Input shape", _shapes(inputs)))
            cells.append(_cell("Output shape", _shapes(outputs)))
        if self.dtype:
            dtypes = [symbol.dtype for symbol in outputs] or ["?"]
            text = dtypes[0] if len(dtypes) == 1 else str(dtypes)
            cells.append(_cell("Output dtype", text))
        if self.trainable and getattr(layer, "weights", None):
            color = "forestgreen" if layer.trainable else "firebrick"
            text = "Trainable" if layer.trainable else "Non-trainable"
            font = f'<font point-size="14" color="white"><b>{text}</b></font>'
            cells.append(f'<td bgcolor="{color}">{font}</td>')
        columns = max(2 * self.shapes + self.dtype + self.trainable, 1)
        kind = html.escape(class_of(layer))
        title = f"<b>{html.escape(layer.name)}</b> ({kind})" if self.names else f"<b>{kind}</b>"
        rows = (
            f'<tr><td colspan="{columns}" bgcolor="black">'
            f'<font point-size="16" color="white">{title}</font></td></tr>'
        )
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "name", None) or getattr(activation, "__name__", None)
            name = html.escape(str(name or type(activation).__name__))
            rows += (
                f'<tr><td bgcolor="white" colspan="{columns}"><font point-size="14">'
                f"Activation: <b>{name}</b></font></td></tr>"
            )
        if cells:
            rows += f"<tr>{''.join(cells)}</tr>"
        table = f'<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{rows}</table>'
        return self.pydot.Node(
            str(id(layer)), label=f"<{table}>", fontname="Helvetica", border="0", margin="0"
        )


def _cell(what, text):
    text = html.escape(text, quote=False)
    return f'<td bgcolor="white"><font point-size="14">{what}: <b>{text}</b></font></td>'


def _inputs_of(layer):
    graph = getattr(layer, "_graph", None)
    if graph is not None:
        return graph.flat_inputs
    nodes = layer._inbound_nodes
    return list(nodes[0].input_tensors) if nodes else []


def _outputs_of(layer):
    graph = getattr(layer, "_graph", None)
    if graph is not None:
        return graph.flat_outputs
    nodes = layer._inbound_nodes
    return list(nodes[0].output_tensors) if nodes else []


def _shapes(symbols):
    shapes = [str(s.shape) for s in symbols if isinstance(s, KerasTensor)]
    if not shapes:
        return "?"
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"
