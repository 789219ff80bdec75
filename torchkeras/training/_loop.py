"""The loops: fit runs epochs, an epoch runs steps, and nothing in a step waits for the device."""

import contextlib
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from torchkeras import config, tree
from torchkeras.callbacks import CallbackList
from torchkeras.utils._batch import unpack_x_y_sample_weight


class LazyLogs(dict):
    """The results of metrics, computed when someone looks: until then nothing is read.

    Args:
        compute: Function without arguments that returns a dict of scalars.
    """

    def __init__(self, compute):
        super().__init__()
        self._compute = compute

    def _fill(self):
        compute, self._compute = self._compute, None
        if compute is not None:
            super().update(numbers(compute()))
        return self

    def __reduce__(self):
        return dict, (dict(self._fill().items()),)


def _looking(name):
    method = getattr(dict, name)

    def look(self, *args, **kwargs):
        if self._compute is not None:
            self._fill()
        return method(self, *args, **kwargs)

    look.__name__ = name
    return look


for _name in (
    "__getitem__ __iter__ __len__ __contains__ __eq__ __repr__ __setitem__ __delitem__ __or__ "
    "__ror__ keys values items get copy update pop setdefault"
).split():
    setattr(LazyLogs, _name, _looking(_name))


def numbers(logs):
    """The logs as Python numbers, in one transfer from the device; arrays stay arrays."""
    if logs is None:
        return {}
    if isinstance(logs, LazyLogs):
        return dict(logs.items())
    if not isinstance(logs, dict):
        raise ValueError(
            "A train, test or predict step must return a dict from names to values for the logs. "
            f"Received: {type(logs).__name__}"
        )
    result = {}
    for key, value in logs.items():  # a metric of several values
        result.update(value if isinstance(value, dict) else {key: value})
    scalars = {k: v for k, v in result.items() if isinstance(v, torch.Tensor) and v.numel() == 1}
    if scalars:
        stacked = torch.stack([v.detach().reshape(()).double() for v in scalars.values()])
        result.update(zip(scalars, stacked.tolist()))
    for key, value in result.items():
        if isinstance(value, torch.Tensor):
            result[key] = to_numpy(value)
        elif isinstance(value, np.generic):
            result[key] = value.item()
    return result


def to_numpy(value):
    """A tensor's values as an array; anything else as it is."""
    if not isinstance(value, torch.Tensor):
        return value
    value = value.detach()
    return (value.float() if value.dtype is torch.bfloat16 else value).cpu().numpy()


class _Batches:
    """A source's batches, epoch by epoch.

    With a number of steps given, an epoch ends after that many and the next goes on from
    there; an epoch that finds the source at its end is cut short, and the next starts it again.
    """

    def __init__(self, source, steps):
        self.source = source
        self.given = steps
        self.steps = source.steps if steps is None else steps
        if self.steps == float("inf"):
            self.steps = None
        self.iterator: Any = None
        self.waiting = []
        self.exhausted = False
        self.peeked = False

    def peek(self):
        """The first batch of the first epoch, or ``None`` if there is none."""
        self.start()
        self.peeked = True
        return self.waiting[0] if self.has_next() else None

    def start(self):
        if self.peeked:
            self.peeked = False
            return
        going_on = self.given is not None and self.iterator is not None and self.has_next()
        if not going_on:
            self.iterator = iter(self.source.batches())
            self.waiting.clear()

    def has_next(self):
        """Whether there is another batch; it is fetched where the number is not known."""
        if self.waiting:
            return True
        try:
            self.waiting.append(next(self.iterator))
        except StopIteration:
            return False
        return True

    def ran_out(self):
        """The source ended before the epoch did: the next epoch starts it again, if it can."""
        self.iterator = None
        self.exhausted = getattr(self.source, "once", False)

    def __iter__(self):
        return self

    def __next__(self):
        return self.waiting.pop() if self.waiting or self.has_next() else _stop()


def _stop():
    raise StopIteration


def _run(batches, executions, function, begin, end, stopped):
    """One pass: calls the function until the epoch's steps are done; returns the last logs."""
    limit = config.max_steps_per_epoch()
    total = batches.steps
    if limit is not None:
        total = limit if total is None else min(total, limit)
    batches.start()
    logs, step = None, 0
    while total is None or step < total:
        if not batches.has_next():
            if total is not None:
                batches.ran_out()
                warnings.warn(
                    "Your input ran out of data; interrupting training. Make sure that your "
                    "dataset or generator can generate at least `steps_per_epoch * epochs` "
                    "batches. You may need to use the `.repeat()` function when building your "
                    "dataset.",
                    stacklevel=2,
                )
            break
        if begin is not None:
            begin(step)
        logs = function(batches)
        step += executions
        if end is not None:
            end(min(step, total) - 1 if total is not None else step - 1, logs)
        if stopped():
            break
    if total is None and batches.given is None:
        batches.steps = step  # now the length is known
    return logs


def _set_mode(model, training):
    if model.training != training:
        nn.Module.train(model, training)


def _callback_list(callbacks, model, verbose, **params):
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks,
        add_history=params.pop("history", False),
        add_progbar=verbose != 0,
        verbose=verbose,
        model=model,
        **params,
    )


def _verbose(verbose):
    if verbose == "auto":
        return 1 if config.is_interactive_logging_enabled() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f'`verbose` must be 0, 1, 2 or "auto". Received: verbose={verbose}')
    return int(verbose)


def fit(
    model,
    source,
    validation,
    *,
    epochs,
    verbose,
    callbacks,
    initial_epoch,
    steps_per_epoch,
    validation_steps,
    validation_freq,
):
    """Trains a model on a source of batches; returns the history."""
    limit = config.max_epochs()
    epochs = epochs if limit is None else min(epochs, limit)
    batches = _Batches(source, steps_per_epoch)
    validation_batches = None if validation is None else _Batches(validation, validation_steps)
    callbacks = _callback_list(
        callbacks, model, _verbose(verbose), history=True, epochs=epochs, steps=batches.steps
    )
    model.stop_training = False
    model._initial_epoch = None
    function = model.make_train_function()
    was_training = model.training
    logs = {}
    if callbacks.needs_weights and not model.built:
        _make_weights(model, batches.peek())
    callbacks.on_train_begin()
    if model._initial_epoch is not None:  # of a training that a callback has restored
        initial_epoch = model._initial_epoch
    try:
        for epoch in range(initial_epoch, epochs):
            model.reset_metrics()
            source.on_epoch_begin()
            _set_mode(model, True)
            callbacks.on_epoch_begin(epoch)
            result = _run(
                batches,
                model.steps_per_execution,
                function,
                callbacks.hook("on_train_batch_begin"),
                _end_hook(callbacks, "train"),
                lambda: model.stop_training,
            )
            logs = numbers(result)
            if validation_batches is not None and _validates(epoch, validation_freq):
                values = _evaluate(model, validation_batches, callbacks)
                logs.update({f"val_{k}": v for k, v in values.items()})
            logs = dict(sorted(logs.items()))
            source.on_epoch_end()
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training or batches.exhausted:
                break
        if getattr(model.optimizer, "use_ema", False) and epochs > 0:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
    finally:
        # Also after Ctrl-C: the model is as usable as before, and keeps its history.
        callbacks.close()
        _set_mode(model, was_training)
    return model.history


def _make_weights(model, batch):
    """Builds a model for a batch, if its code can be followed; else its first step does."""
    x, _, _ = unpack_x_y_sample_weight(batch)
    with contextlib.suppress(Exception):
        model.build(tree.map_structure(lambda t: (None, *t.shape[1:]), x))


def _end_hook(callbacks, phase):
    """The hook for the end of a batch: logs that a callback reads are numbers at once."""
    hook = callbacks.hook(f"on_{phase}_batch_end")
    if hook is None or not getattr(callbacks, f"has_{phase}_batch_hooks"):
        return hook  # the progress bar looks now and then
    return lambda step, logs: hook(step, numbers(logs))


def _validates(epoch, frequency):
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _evaluate(model, batches, callbacks):
    """A pass over validation data, within `fit` or `evaluate`."""
    function = model.make_test_function()
    model.stop_evaluating = False
    callbacks.on_test_begin()
    model.reset_metrics()
    _set_mode(model, False)
    logs = numbers(
        _run(
            batches,
            model.steps_per_execution,
            function,
            callbacks.hook("on_test_batch_begin"),
            _end_hook(callbacks, "test"),
            lambda: model.stop_evaluating,
        )
    )
    callbacks.on_test_end(logs)
    return logs


def evaluate(model, source, verbose, steps, callbacks):
    """The logs of one pass over a source of batches."""
    batches = _Batches(source, steps)
    callbacks = _callback_list(callbacks, model, _verbose(verbose), epochs=1, steps=batches.steps)
    was_training = model.training
    try:
        return _evaluate(model, batches, callbacks)
    finally:
        callbacks.close()
        _set_mode(model, was_training)


def predict(model, source, verbose, steps, callbacks):
    """The outputs for every batch of a source, joined and brought back once."""
    batches = _Batches(source, steps)
    callbacks = _callback_list(callbacks, model, _verbose(verbose), epochs=1, steps=batches.steps)
    function = model.make_predict_function()
    outputs = []

    def step(iterator):
        result = function(next(iterator))
        # Without what an activation has left on it for a loss.
        outputs.append(tree.map_structure(_bare, result))
        return result

    def end(index, result):
        logs = None
        if callbacks.has_predict_batch_hooks:
            logs = {"outputs": tree.map_structure(to_numpy, result)}
        callbacks.on_predict_batch_end(index, logs)

    was_training = model.training
    model.stop_predicting = False
    callbacks.on_predict_begin()
    try:
        _set_mode(model, False)
        with torch.no_grad():
            _run(
                batches,
                1,
                step,
                callbacks.hook("on_predict_batch_begin"),
                end,
                lambda: model.stop_predicting,
            )
        callbacks.on_predict_end()
        if not outputs:
            raise ValueError("`x` has no batches to predict on. Expected at least one.")
        return tree.map_structure(lambda *parts: to_numpy(_join(parts)), *outputs)
    finally:
        callbacks.close()
        _set_mode(model, was_training)


def _bare(value):
    return value.detach() if isinstance(value, torch.Tensor) else value


def _join(parts):
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], torch.Tensor):
        return torch.cat(parts)
    return np.concatenate(parts)
