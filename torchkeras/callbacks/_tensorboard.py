"""Results, weights and the graph of a model for TensorBoard."""

import importlib.util
import os
import time
import warnings
from typing import Any

import numpy as np
import torch

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._monitor import number
from torchkeras.callbacks._profiler import Profiler
from torchkeras.layers import Embedding

_IMAGES = 3  # of each weight


class TensorBoard(Callback):
    """Writes what TensorBoard shows: results, weights, the graph of the model, a profile.

    It needs the package ``tensorboard``, not TensorFlow. In ``log_dir``, the folder ``train`` has
    ``epoch_<name>`` (with the learning rate among them) by epoch and ``batch_<name>`` by batch,
    the folder ``validation`` has ``epoch_<name>`` by epoch and ``evaluation_<name>_vs_iterations``
    by the optimizer's steps. Look at them with ``tensorboard --logdir logs``.

    Args:
        log_dir: Folder to write in, which nothing else may use.
        histogram_freq: After every how many epochs a histogram of each weight is written; 0 for
            never.
        write_graph: Whether the graph of layers is written. A model that is a subclass, with its
            own ``call``, has none.
        write_images: Whether weights are written as images, together with the histograms: of a
            kernel of a convolution the first filters, of other weights a matrix of grey.
        write_steps_per_second: Whether the speed is written, as ``epoch_steps_per_second`` and,
            with an ``update_freq``, ``batch_steps_per_second``.
        update_freq: ``"epoch"``, or after every how many batches results are written;
            ``"batch"`` is 1. Each of these times waits for the device.
        profile_batch: Number of the batch, from 1, whose work is recorded in the folder
            ``train``, or the first and last one; 0 for none. See `Profiler`.
        embeddings_freq: After every how many epochs the vectors of `Embedding` layers are
            written for the projector; 0 for never.
        embeddings_metadata: Dict from the name of such a layer to the file, in ``log_dir``, with
            a label for each vector; or one such file for all.

    Raises:
        ImportError: if ``tensorboard`` is not installed.
        ValueError: if an argument has no such meaning, or in `fit` for metadata of a layer that
            is not there.
    """

    _lazy = True
    _needs_weights = True

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        if importlib.util.find_spec("tensorboard") is None:
            raise ImportError(
                "`TensorBoard` needs the package `tensorboard`. Install it: "
                "pip install 'keras-on-torch[tensorboard]'"
            )
        if update_freq not in ("epoch", "batch") and (
            not isinstance(update_freq, int) or update_freq < 1
        ):
            raise ValueError(
                '`update_freq` must be "epoch", "batch" or a positive integer. '
                f"Received: update_freq={update_freq!r}"
            )
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._train_dir = os.path.join(self.log_dir, "train")
        self._val_dir = os.path.join(self.log_dir, "validation")
        self._profiler = None
        if profile_batch != 0:
            self._profiler = Profiler(self._train_dir, profile_batch)
        self._writers: dict[str, Any] = {}
        self._step = self._written = self._epoch_step = 0
        self._last: int | None = None
        self._time = self._epoch_time = 0.0

    def _writer(self, folder):
        if folder not in self._writers:
            from torch.utils.tensorboard.writer import SummaryWriter

            self._writers[folder] = SummaryWriter(folder)
        return self._writers[folder]

    def _close(self):
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _iterations(self):
        return int(getattr(getattr(self.model, "optimizer", None), "iterations", self._step))

    def _scalars(self, folder, form, values, step):
        writer = self._writer(folder)
        for name, value in values.items():
            value = number(value)
            if np.ndim(value) == 0:
                writer.add_scalar(form.format(name), value, step)

    # --- training --------------------------------------------------------------------

    def on_train_begin(self, logs=None):
        """Writes the graph."""
        self._step, self._last = self._iterations(), None
        self._written, self._time = self._step, time.perf_counter()
        self._embedding_layers()
        graph = getattr(self.model, "_graph", None)
        if self.write_graph and graph is not None:
            self._write_graph(graph)
        if self._profiler is not None:
            self._profiler.on_train_begin()

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the epoch's clock."""
        self._epoch_step, self._epoch_time = self._step, time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        """Starts the profile, if it is time."""
        if self._profiler is not None:
            self._profiler.on_train_batch_begin(batch)

    def on_train_batch_end(self, batch, logs=None):
        """Writes the results of a batch, if it is time."""
        if self._profiler is not None:
            self._profiler.on_train_batch_end(batch)
        last = self._last
        # Several steps may run between two calls; a smaller number is a new epoch's.
        self._step += batch + 1 if last is None or batch <= last else batch - last
        self._last = batch
        if self.update_freq == "epoch" or self._step - self._written < self.update_freq:
            return
        values = dict((logs or {}).items())
        if self.write_steps_per_second:
            now = time.perf_counter()
            values["steps_per_second"] = (self._step - self._written) / (now - self._time)
            self._time = now
        self._written = self._step
        self._scalars(self._train_dir, "batch_{}", values, self._step)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the results of the epoch, and the weights, if it is time."""
        logs = {} if logs is None else logs
        train = {k: v for k, v in logs.items() if not k.startswith("val_")}
        validation = {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
        rate = getattr(getattr(self.model, "optimizer", None), "learning_rate", None)
        if rate is not None:
            train["learning_rate"] = float(rate)
        if self.write_steps_per_second:
            took = time.perf_counter() - self._epoch_time
            train["steps_per_second"] = (self._step - self._epoch_step) / took
        self._scalars(self._train_dir, "epoch_{}", train, epoch)
        if validation:
            self._scalars(self._val_dir, "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs=None):
        """Closes the files."""
        if self._profiler is not None:
            self._profiler.on_train_end()
        self._close()

    def on_test_end(self, logs=None):
        """Writes the results of an evaluation."""
        form = "evaluation_{}_vs_iterations"
        self._scalars(self._val_dir, form, logs or {}, self._iterations())
        self._writer(self._val_dir).flush()

    # --- weights ---------------------------------------------------------------------

    def _write_weights(self, epoch):
        writer = self._writer(self._train_dir)
        # Weights of plain torch modules have no path.
        named = {id(p): n.replace(".", "/") for n, p in self.model.named_parameters()}
        for i, weight in enumerate(self.model.weights):
            path = getattr(weight, "path", None) or named.get(id(weight), f"weight_{i}")
            values = weight.detach().float().cpu()
            finite = values[values.isfinite()]
            if finite.numel() < values.numel():
                warnings.warn(f"Weight '{path}' has values that are not finite.")
            if not finite.numel():
                continue
            writer.add_histogram(f"{path}/histogram", finite, epoch)
            if self.write_images and values.ndim <= 4:
                images = _as_images(values.nan_to_num(0.0, 0.0, 0.0))[:_IMAGES]
                writer.add_images(f"{path}/image", images, epoch, dataformats="NHWC")

    def _embedding_layers(self):
        if not self.embeddings_freq:
            return {}
        layers = self.model._flatten_layers()
        layers = {layer.name: layer for layer in layers if isinstance(layer, Embedding)}
        given = self.embeddings_metadata
        unknown = [name for name in given if name not in layers] if isinstance(given, dict) else []
        if unknown:
            raise ValueError(
                "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` "
                f"`embeddings_metadata` argument: {unknown}. The model has: {list(layers)}"
            )
        return layers

    def _write_embeddings(self):
        os.makedirs(self.log_dir, exist_ok=True)
        given, entries = self.embeddings_metadata, []
        for name, layer in self._embedding_layers().items():
            if not layer.built:
                continue
            file = f"{name.replace('/', '_')}.tsv"
            vectors = layer.embeddings.detach().float().cpu().numpy()
            np.savetxt(os.path.join(self.log_dir, file), vectors, fmt="%.7g", delimiter="\t")
            lines = {"tensor_name": name, "tensor_path": file}
            labels = given.get(name) if isinstance(given, dict) else given
            if labels is not None:
                lines["metadata_path"] = os.fspath(labels)
            text = "".join(f"  {key}: {_quoted(value)}\n" for key, value in lines.items())
            entries.append(f"embeddings {{\n{text}}}\n")
        with open(os.path.join(self.log_dir, "projector_config.pbtxt"), "w") as config:
            config.write("".join(entries))

    # --- the graph -------------------------------------------------------------------

    def _write_graph(self, graph):
        from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore
        from tensorboard.compat.proto.graph_pb2 import GraphDef  # pyright: ignore

        definition = GraphDef()
        definition.versions.producer = 22
        names, used = {}, set()
        for symbol in graph.flat_inputs:
            operation = symbol._keras_history.operation
            names[id(symbol)] = _add_node(definition, used, operation.name, operation, [], [symbol])
        _add_nodes(definition, used, "", graph, names)
        writer = self._writer(self._train_dir)
        writer.file_writer.add_event(Event(graph_def=definition.SerializeToString()))


def _add_nodes(definition, used, scope, graph, names):
    """A node for each call of a layer; ``names`` has those that symbols come from."""
    for node in graph.nodes:
        operation = node.operation
        inputs = [names[id(symbol)] for symbol in node.input_tensors]
        path = f"{scope}{operation.name}"
        inner = getattr(operation, "_graph", None)
        if inner is None:
            made = [_add_node(definition, used, path, operation, inputs, node.output_tensors)]
            made *= len(node.output_tensors)
        else:  # a model within: what is in it stands in its scope
            within = {id(s): name for s, name in zip(inner.flat_inputs, inputs)}
            _add_nodes(definition, used, f"{path}/", inner, within)
            made = [within[id(symbol)] for symbol in inner.flat_outputs]
        names.update((id(symbol), name) for symbol, name in zip(node.output_tensors, made))


def _add_node(definition, used, path, operation, inputs, outputs):
    name, count = path, 0
    while name in used:  # a layer that is called again
        count += 1
        name = f"{path}_{count}"
    used.add(name)
    node = definition.node.add(name=name, op=type(operation).__name__, input=inputs)
    for symbol in outputs:
        shape = node.attr["_output_shapes"].list.shape.add()
        for size in symbol.shape:
            shape.dim.add(size=-1 if size is None else size)
    return name


def _as_images(weight):
    """A weight as pictures (number, height, width, channels) with values from 0 to 1."""
    low, high = weight.min(), weight.max()
    weight = (weight - low) / (high - low) if high > low else torch.zeros_like(weight)
    if weight.ndim == 4:  # (height, width, channels, filters)
        height, width, channels, filters = weight.shape
        if channels == 3:
            return weight.permute(3, 0, 1, 2)
        # Channels that are no colours stand side by side.
        return weight.permute(3, 0, 2, 1).reshape(filters, height, channels * width, 1)
    if weight.ndim == 3:  # (steps, channels, filters)
        return weight.permute(2, 1, 0)[..., None]
    matrix = weight.reshape(1, -1) if weight.ndim < 2 else weight
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    return matrix[None, :, :, None]


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
