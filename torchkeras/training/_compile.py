"""What `compile` was given, matched to the outputs: losses with weights, metrics by output."""

import copy
from typing import Any

import torch
from torch import nn

from torchkeras import _state, tree
from torchkeras import losses as losses_module
from torchkeras import metrics as metrics_module
from torchkeras.losses import Loss
from torchkeras.metrics import Mean, MeanMetricWrapper, Metric

_ACCURACY = ("accuracy", "acc")
_CROSSENTROPY = ("crossentropy", "ce")


class TorchLoss:
    """A torch loss module (arguments ``input, target``) as a Keras loss."""

    def __init__(self, module):
        self.module = module
        self.name = type(module).__name__
        self.__name__ = self.name
        self._each = None

    def __call__(self, y_true, y_pred, sample_weight=None):
        y_true = self._as_target(y_true, y_pred)
        if sample_weight is None:
            return self.module(y_pred, y_true)
        if self._each is None:
            self._each = copy.deepcopy(self.module)
            self._each.reduction = "none"
        values = self._each(y_pred, y_true)
        weight = sample_weight.to(values.dtype)
        while weight.ndim > values.ndim:
            weight = weight.squeeze(-1)
        weight = weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))
        return (values * weight).mean()

    def _as_target(self, y_true, y_pred):
        if y_true.dtype.is_floating_point:
            same = y_true.ndim != y_pred.ndim and y_true.numel() == y_pred.numel()
            return (
                y_true.reshape(y_pred.shape).to(y_pred.dtype) if same else y_true.to(y_pred.dtype)
            )
        if isinstance(self.module, (nn.CrossEntropyLoss, nn.NLLLoss)):
            if y_true.ndim == y_pred.ndim and y_true.shape[1] == 1:
                y_true = y_true.squeeze(1)
            return y_true.long() if y_true.shape != y_pred.shape else y_true.to(y_pred.dtype)
        if y_true.numel() == y_pred.numel():
            return y_true.reshape(y_pred.shape).to(y_pred.dtype)
        return y_true.long()


def get_loss(identifier, y_true=None, y_pred=None):
    """A loss ``(y_true, y_pred, sample_weight) -> scalar`` from a name, object or function.

    "crossentropy" is the one that the shapes suggest, as for `get_metric`.
    """
    if isinstance(identifier, str) and identifier.lower() in _CROSSENTROPY:
        if y_true is None:
            return identifier
        kinds = (
            losses_module.BinaryCrossentropy,
            losses_module.SparseCategoricalCrossentropy,
            losses_module.CategoricalCrossentropy,
        )
        return _by_shapes(kinds, y_true, y_pred)()
    if identifier is None or isinstance(identifier, (Loss, TorchLoss)):
        return identifier
    if isinstance(identifier, nn.Module):
        return TorchLoss(identifier)
    loss = losses_module.get(identifier)
    if isinstance(loss, Loss):
        return loss
    if (known := losses_module.object_of(loss)) is not None:
        return known
    return losses_module.LossFunctionWrapper(loss, name=getattr(loss, "__name__", None))


def _name_of(identifier):
    """The name in the logs: as the user wrote it, else the function's or class's own."""
    if isinstance(identifier, str):
        return identifier
    return _state.snake_case(getattr(identifier, "__name__", None) or type(identifier).__name__)


def match_outputs(given, y_pred, output_names, what, leaf):
    """What was given for each output, as a flat list in the order of the outputs.

    Args:
        given: One thing for all outputs, or a list, tuple or dict for each.
        y_pred: The structure of the outputs.
        output_names: Their names.
        what: Name of the argument, for errors.
        leaf: Tells whether a value stands for one output.

    Raises:
        ValueError: if the number or the names do not fit.
    """
    flat = tree.flatten(y_pred)
    n = len(flat)
    if given is None:
        return [None] * n
    if leaf(given):
        return [given] * n
    if isinstance(given, dict):
        unknown = [k for k in given if k not in output_names]
        if unknown:
            kind = KeyError if what == "loss" else ValueError
            raise kind(
                f"Invalid `{what}`: in the dict argument, key '{unknown[0]}' does not correspond "
                f"to any model output. Expected keys among {output_names}. Received: {list(given)}"
            )
        return [_only(given.get(name)) for name in output_names]
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"Could not interpret {what} identifier: {given!r}")
    if len(given) == 1 and n == 1:
        return list(given)
    values = (
        _flatten_until(given, leaf) if any(isinstance(g, (list, tuple)) for g in given) else given
    )
    if len(values) != n:
        raise ValueError(
            f"For a model with {n} outputs, `{what}` must be one value or a list of {n}. "
            f"Received: a list of {len(values)}"
        )
    return list(values)


def _only(value):
    """The one thing in a list of one."""
    return value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value


def _flatten_until(given, leaf):
    if given is None or leaf(given):
        return [given]
    return [x for g in given for x in _flatten_until(g, leaf)]


def names_of(y_pred, output_names):
    """How the outputs are spoken of: by the keys of a dict, else by their layers' names."""
    if isinstance(y_pred, dict):
        paths = [path for path, _ in tree.flatten_with_path(y_pred)]
        return [path[0] if len(path) == 1 else "_".join(map(str, path)) for path in paths]
    return output_names or [f"output_{i}" for i in range(len(tree.flatten(y_pred)))]


class CompileLoss:
    """The losses of all outputs as one: their weighted sum."""

    def __init__(self, loss, loss_weights, output_names):
        self.given, self.weights, self.output_names = loss, loss_weights, output_names
        self.parts: list = []
        self.built = False
        self.metrics = []

    def build(self, y_pred, y_true=None):
        flat = tree.flatten(y_pred)
        targets = flat_targets(y_true, y_pred, self.output_names, "y")
        names = names_of(y_pred, self.output_names)
        given = match_outputs(self.given, y_pred, names, "loss", _is_one_loss)
        weights = match_outputs(
            self.weights, y_pred, names, "loss_weights", lambda w: isinstance(w, (int, float))
        )
        self.parts, self.built = [], True
        count = sum(loss is not None for loss in given)
        for place, (loss, weight, name) in enumerate(zip(given, weights, names)):
            target = targets[place] if place < len(targets) else None
            loss = get_loss(loss, target, flat[place])
            if loss is None:
                continue
            tracker = Mean(name=f"{name}_loss") if count > 1 else None
            self.parts.append((place, loss, 1.0 if weight is None else weight, tracker))
        self.metrics = [part[3] for part in self.parts if part[3] is not None]
        self.single = len(flat) == 1 and len(self.parts) == 1 and self.parts[0][2] == 1.0
        return self

    def __call__(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            self.build(y_pred, y_true)
        if self.single and y_pred.__class__ is torch.Tensor and y_true.__class__ is torch.Tensor:
            return self.parts[0][1](y_true, y_pred, sample_weight)
        outputs = tree.flatten(y_pred)
        n = len(outputs)
        targets = flat_targets(y_true, y_pred, self.output_names, "y")
        weights = flat_targets(sample_weight, y_pred, self.output_names, "sample_weight")
        if len(weights) == 1 and n > 1:
            weights = weights * n
        if len(targets) == len(self.parts) < n:  # targets for those outputs only that have a loss
            given = iter(targets)
            targets = [None] * n
            for place, *_ in self.parts:
                targets[place] = next(given)
        if len(targets) != n:
            raise ValueError(
                f"The model has {n} outputs, but `y` has {len(targets)} parts. Give one target for "
                "each output."
            )
        total = None
        for place, loss, scale, tracker in self.parts:
            target = targets[place]
            if target is None:
                continue
            value = loss(target, outputs[place], weights[place])
            if tracker is not None:
                tracker.update_state(value.detach(), sample_weight=outputs[place].shape[0])
            value = value if scale == 1.0 else value * scale
            total = value if total is None else total + value
        return total


def _is_one_loss(value):
    return isinstance(value, (str, Loss, nn.Module, type)) or callable(value)


def flat_targets(y_true, y_pred, output_names, what):
    """The parts of ``y`` (or of the weights) in the order of the outputs."""
    outputs = tree.flatten(y_pred)
    if y_true is None:
        return [None] * len(outputs)
    if isinstance(y_true, dict):
        keys = names_of(y_pred, output_names)
        if not any(k in y_true for k in keys) and len(y_true) == len(outputs) == 1:
            return list(y_true.values())
        unknown = [k for k in y_true if k not in keys]
        if unknown and what == "y" and not set(output_names or ()) >= set(unknown):
            raise ValueError(
                f"`{what}` has the key '{unknown[0]}', which is no output of the model. "
                f"Expected keys among {keys}."
            )
        return [y_true.get(k) for k in keys]
    return tree.flatten(y_true)


class CompileMetrics(Metric):
    """The metrics of all outputs as one, made from names once the outputs' shapes are known."""

    def __init__(self, metrics, weighted_metrics, output_names):
        super().__init__(name="compile_metrics")
        self.given = (metrics, weighted_metrics)
        self.output_names = output_names
        self.parts: list = []
        self.built = False
        for given in self.given:
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    "Expected `metrics` argument to be a list, tuple, or dict. "
                    f"Received instead: metrics={given} of type {type(given)}"
                )

    @property
    def metrics(self):
        """The metric objects."""
        return [part[1] for part in self.parts]

    def build(self, y_true, y_pred):
        outputs = tree.flatten(y_pred)
        targets = flat_targets(y_true, y_pred, self.output_names, "y")
        names = names_of(y_pred, self.output_names)
        self.parts, self.built = [], True
        seen = {}  # how often an output has a metric of that name
        for weighted, given in zip((False, True), self.given):
            for place, (metrics, name) in enumerate(
                zip(self._by_output(given, y_pred, names), names)
            ):
                for identifier in metrics:
                    metric = get_metric(identifier, targets[place], outputs[place])
                    if metric is None:
                        continue
                    label = metric.name
                    if weighted and (place, label) in seen:
                        label = f"weighted_{label}"
                    count = seen[place, label] = seen.get((place, label), -1) + 1
                    label = f"{label}_{count}" if count else label
                    label = f"{name}_{label}" if len(outputs) > 1 else label
                    self.parts.append((place, metric, label, weighted))
        self.single = len(outputs) == 1
        return self

    def _by_output(self, given, y_pred, names):
        n = len(tree.flatten(y_pred))
        if given is None:
            return [[]] * n
        if isinstance(given, dict):
            matched = match_outputs(
                given, y_pred, names, "metrics", lambda m: not isinstance(m, dict)
            )
            return [_as_list(m) for m in matched]
        given = list(given)
        if n == 1:
            if len(given) == 1 and isinstance(given[0], (list, tuple)):
                given = list(given[0])
            return [given]
        if len(given) != n:
            raise ValueError(
                f"For a model with {n} outputs, `metrics` must be a dict by output name or a list "
                f"of {n}, one for each output. Received: a list of {len(given)}"
            )
        return [_as_list(m) for m in given]

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            self.build(y_true, y_pred)
        if self.single and y_pred.__class__ is torch.Tensor and y_true.__class__ is torch.Tensor:
            for _, metric, _, weighted in self.parts:
                if weighted and sample_weight is not None:
                    metric.update_state(y_true, y_pred, sample_weight)
                else:
                    metric.update_state(y_true, y_pred)
            return
        outputs = tree.flatten(y_pred)
        targets = flat_targets(y_true, y_pred, self.output_names, "y")
        weights = flat_targets(sample_weight, y_pred, self.output_names, "sample_weight")
        if len(weights) == 1:
            weights = weights * len(outputs)
        for place, metric, _, weighted in self.parts:
            if targets[place] is None:
                continue
            if weighted and weights[place] is not None:
                metric.update_state(targets[place], outputs[place], weights[place])
            else:
                metric.update_state(targets[place], outputs[place])

    def result(self):
        """Dict from label to value; a metric of several values has several labels."""
        results = {}
        for _, metric, label, _ in self.parts:
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[label] = value
        return results

    def reset_state(self):
        for metric in self.metrics:
            metric.reset_state()


def _as_list(value):
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


def get_metric(identifier, y_true, y_pred):
    """A metric from a name, function, class or object; "accuracy" as the shapes suggest.

    A last axis of size 1 is binary; labels with fewer axes than the outputs, or a last axis of
    1, are class numbers; everything else is one-hot.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    kinds = None
    text = str(identifier).lower() if isinstance(identifier, str) else None
    if text in _ACCURACY:
        kinds = (
            metrics_module.BinaryAccuracy,
            metrics_module.SparseCategoricalAccuracy,
            metrics_module.CategoricalAccuracy,
        )
    elif text in _CROSSENTROPY:
        kinds = (
            metrics_module.BinaryCrossentropy,
            metrics_module.SparseCategoricalCrossentropy,
            metrics_module.CategoricalCrossentropy,
        )
    if kinds is not None:
        if y_true is None:
            return None
        return _by_shapes(kinds, y_true, y_pred)(name=text)
    metric = metrics_module.get(identifier)
    if isinstance(metric, Metric):
        if isinstance(identifier, str):
            metric.name = identifier  # the logs have the name that the user wrote
        return metric
    if hasattr(metric, "update") and hasattr(metric, "compute"):
        return TorchMetric(metric)
    return MeanMetricWrapper(metric, name=_name_of(identifier))


def _by_shapes(kinds, y_true, y_pred) -> Any:
    """Of a binary, a sparse and a one-hot kind the one that outputs and targets look like."""
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        return kinds[0]
    sparse = y_true.ndim < y_pred.ndim or y_true.shape[-1] == 1
    return kinds[1] if sparse else kinds[2]


class TorchMetric(Metric):
    """A torchmetrics object (``update(preds, target)``, ``compute``, ``reset``) as a metric."""

    def __init__(self, metric, name=None):
        super().__init__(name=name or type(metric).__name__.lower())
        self.metric = metric

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds a batch; torchmetrics knows no sample weights."""
        if sample_weight is not None:
            raise ValueError(
                f"The torchmetrics object '{self.name}' takes no sample weights. Give it in "
                "`metrics`, not in `weighted_metrics`."
            )
        self.metric.update(y_pred.detach(), y_true)

    def result(self):
        """The value so far."""
        return self.metric.compute()

    def reset_state(self):
        """Starts again."""
        self.metric.reset()

    def to(self, device):
        """Moves the state to a device."""
        self.metric.to(device)
