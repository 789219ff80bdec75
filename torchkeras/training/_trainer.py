"""Trainer: compile, fit, evaluate, predict, and the steps they are made of."""

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from torchkeras import _checks, _device, _state, optimizers, tree
from torchkeras._configurable import Configurable
from torchkeras.layers import _call
from torchkeras.metrics import Mean
from torchkeras.saving import _objects
from torchkeras.training import _compiled, _data, _loop
from torchkeras.training._compile import CompileLoss, CompileMetrics
from torchkeras.training._torch_optim import TorchOptimizer, is_torch_optimizer
from torchkeras.utils._batch import unpack_x_y_sample_weight

_context = _call.context


# What belongs to one model alone: it is made again for a copy.
_NOT_COPIED = dict.fromkeys(
    ("train_function", "test_function", "predict_function", "_facts", "_regularized_cache")
)


class Trainer:
    """The half of `Model` that trains."""

    # What `Layer`, the other half, has.
    __call__: Callable[..., Any]
    training: bool
    losses: list
    compute_dtype: str
    _call_impl: Callable[..., Any]
    trainable_variables: list
    _metrics_in_attributes: Callable[[], list]

    compiled = False
    optimizer: Any = None
    loss: Any = None
    # Callbacks set these to end a loop early.
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    # The epoch that a callback lets a restored training begin with.
    _initial_epoch: int | None = None
    run_eagerly = False
    jit_compile = False
    _jit_compile: Any = False  # "auto", too
    steps_per_execution = 1
    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None
    _facts: Any = None
    _loss_tracker: Any = None
    _compile_loss: Any = None
    _compile_metrics: Any = None
    _history: Any = None
    _compile_arguments: dict

    def __getstate__(self):
        # A history holds its model, and callbacks hold what no file can.
        return {**self.__dict__, **_NOT_COPIED, "_history": None}

    # --- compile -----------------------------------------------------------------

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Says how the model is trained.

        Args:
            optimizer: Name or object of an optimizer, or a ``torch.optim`` one (or its class).
            loss: Name, object or function of a loss, or a torch loss module; for several
                outputs a list or dict of them.
            loss_weights: Factor of each output's loss, as a list or dict.
            metrics: Names, objects or functions; for several outputs a list of lists or a dict.
            weighted_metrics: The same, given the sample weights.
            run_eagerly: Whether ``jit_compile`` is ignored.
            steps_per_execution: How many steps run between callbacks.
            jit_compile: With ``True`` whole steps (forward, loss, backward, update, metrics) are
                compiled by ``torch.compile``, after a few that run as they are; should those be
                faster, or the model be one that cannot be compiled, a warning says so and they
                go on. What a step reads from attributes (a rate, a factor) is a constant of it
                until ``compile`` is called again. ``"auto"`` compiles steps of trainings that
                take minutes, keeps what is faster and says nothing. ``False`` compiles nothing.
            auto_scale_loss: Whether a model that computes in float16 is told when its loss is
                not scaled: dynamic scaling is not there yet, so give the optimizer a
                ``loss_scale_factor``.

        Raises:
            ValueError: for a name that is none, or an argument of the wrong kind.

        Example:
            >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
            >>> model.compile("adam", "mse", metrics=["mae"])
            >>> model.compiled
            True
        """
        given = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
        }
        self._check_compile(optimizer, jit_compile, steps_per_execution)
        if optimizer is not None and is_torch_optimizer(optimizer):
            optimizer = TorchOptimizer(optimizer)
        elif isinstance(optimizer, TorchOptimizer):
            pass
        else:
            optimizer = optimizers.get(optimizer)
        unscaled = getattr(optimizer, "loss_scale_factor", None) is None
        if auto_scale_loss and self.compute_dtype == "float16" and unscaled:
            warnings.warn(
                "The model computes in float16, and its loss is not scaled: small gradients become "
                "0. Give the optimizer a `loss_scale_factor`, compute in bfloat16, or pass "
                "`auto_scale_loss=False`.",
                stacklevel=2,
            )
        names = getattr(self, "output_names", None)
        compiled_loss = None if loss is None else CompileLoss(loss, loss_weights, names)
        if loss is not None and not isinstance(loss, (list, tuple, dict)):
            # A name that is none shows here, not at the first step.
            CompileLoss(loss, None, names).build(torch.zeros(1))
        compiled_metrics = None
        if metrics is not None or weighted_metrics is not None:
            compiled_metrics = CompileMetrics(metrics, weighted_metrics, names)
        if run_eagerly and jit_compile is True:
            warnings.warn(
                "If `run_eagerly` is True, then `jit_compile` cannot also be True. Disabling "
                "`jit_compile`.",
                stacklevel=2,
            )
            jit_compile = False
        self.__dict__.update(
            optimizer=optimizer,
            loss=loss,
            run_eagerly=bool(run_eagerly),
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile is True,
            _jit_compile=False if run_eagerly else jit_compile,
            compiled=True,
            _compile_arguments=given,
            stop_training=False,
            **_NOT_COPIED,
            _loss_tracker=Mean(name="loss"),
            _compile_loss=compiled_loss,
            _compile_metrics=compiled_metrics,
        )

    def get_compile_config(self):
        """What `compile` was given, as a dict that a file can hold; empty if it was not called.

        A torch optimizer, or something else without a config, is left out with a warning.
        """
        given = self.__dict__.get("_compile_arguments")
        if not self.compiled or given is None:
            return {}
        config = {k: v for k, v in given.items() if k != "auto_scale_loss"}
        config["optimizer"] = self.optimizer
        try:
            return _objects.serialize_keras_object(config)
        except (ValueError, NotImplementedError) as error:
            warnings.warn(f"How the model was compiled is not saved: {error}", stacklevel=2)
            return {}

    def compile_from_config(self, config):
        """Compiles the model from what `get_compile_config` returned.

        Args:
            config: The dict.
        """
        config = _objects.deserialize_keras_object(config)
        self.compile(**config)
        if hasattr(self.optimizer, "build") and self.__dict__.get("built"):
            self.optimizer.build(self.trainable_variables)

    def _check_compile(self, optimizer, jit_compile, steps_per_execution):
        if jit_compile not in (True, False, "auto"):
            raise ValueError(
                f'`jit_compile` must be True, False or "auto". Received: jit_compile={jit_compile}'
            )
        _checks.positive_int("steps_per_execution", steps_per_execution)

    def _compile_like(self, other):
        """Compiles as another model was, with an optimizer and metrics of its own."""
        given: dict[str, Any] = {k: _copy_of(v) for k, v in other._compile_arguments.items()}
        self.compile(**given)

    def _need_compiled(self, what):
        if not self.compiled:
            raise ValueError(
                f"You must call `compile()` before calling `{what}()`: the model has no loss and "
                "no optimizer yet. Call `model.compile(optimizer=..., loss=...)`."
            )

    @property
    def metrics(self):
        """All metrics: the loss, those of layers, and those `compile` was given, as one."""
        found = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        if torch.compiler.is_compiling():
            found += self._facts.layer_metrics
        else:
            found += self._metrics_in_attributes()
        return list({id(m): m for m in found}.values())

    @property
    def metrics_names(self):
        """The names of the values that `evaluate` returns."""
        return list(self.get_metrics_result())

    def get_metrics_result(self):
        """Dict from name to value of all metrics, as they stand now."""
        results = {}
        for metric in self.metrics:
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[metric.name] = value
        return results

    def reset_metrics(self):
        """Starts all metrics again."""
        for metric in self.metrics:
            metric.reset_state()

    # --- steps -------------------------------------------------------------------

    def train_step(self, data):
        """One step of training on a batch; override it for another kind of step.

        Args:
            data: What `fit`'s data holds for a batch: ``(x, y, sample_weight)``.

        Returns:
            A mapping from names to values, for the logs.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred, gradients = self._predictions_and_gradients(x, y, sample_weight)
        if gradients:
            self.optimizer.apply(gradients, self._step_facts().variables)
        else:
            warnings.warn("The model does not have any trainable weights.", stacklevel=2)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _predictions_and_gradients(self, x, y, sample_weight):
        """The outputs for a batch, and the gradient of its loss for each trainable weight."""
        facts = self._step_facts()
        tracing = torch.compiler.is_compiling()
        if not tracing:  # before the forward pass, which needs the memory
            for variable in facts.variables:
                variable.grad = None
        y_pred = self(x, training=True) if facts.takes_training else self(x)
        facts = self._step_facts()  # the first call made the weights
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **facts.loss_flag(True)
        )
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        if not facts.variables:
            return y_pred, []
        if facts.scales:
            loss = self.optimizer.scale_loss(loss)
        if tracing:
            gradients = torch.autograd.grad(loss, facts.variables, allow_unused=True)
            return y_pred, list(gradients)
        loss.backward()
        return y_pred, [v.grad for v in facts.variables]

    def test_step(self, data):
        """The loss and metrics on a batch; override it for another kind of evaluation."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        facts = self._step_facts()
        y_pred = self(x, training=False) if facts.takes_training else self(x)
        facts = self._step_facts()
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **facts.loss_flag(False)
        )
        if loss is not None:
            self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        """The outputs for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        facts = self._step_facts()
        return self(x, training=False) if facts.takes_training else self(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Any:
        """The loss of a batch: that of `compile`, and what layers and regularizers add.

        Args:
            x: Inputs.
            y: Targets.
            y_pred: Outputs.
            sample_weight: Weight of each sample.
            training: Whether this is a step of training.

        Raises:
            ValueError: if there is nothing to train for.
        """
        facts = self._step_facts()
        loss = None
        if self._compile_loss is not None:
            if y is None:
                raise ValueError(
                    "`y` is missing: the model was compiled with a `loss`, which compares targets "
                    "with the outputs. Pass `y`, or batches `(x, y)`."
                )
            loss = self._compile_loss(y, y_pred, sample_weight)
        if facts.adds_losses:
            for extra in facts.take_losses() if torch.compiler.is_compiling() else self.losses:
                extra = extra if extra.ndim == 0 else extra.sum()
                loss = extra if loss is None else loss + extra
        if loss is None:
            if training:
                raise ValueError(
                    "No loss to compute. Provide a `loss` argument in `compile()`, or call "
                    "`add_loss` in a layer."
                )
            return None
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Adds a batch to the metrics; returns their results, computed when they are looked at."""
        if self._compile_metrics is not None and y is not None:
            with torch.no_grad():
                self._compile_metrics.update_state(y, y_pred, sample_weight)
        if torch.compiler.is_compiling():
            return self.get_metrics_result() if self._facts.own_logs else {}
        return _loop.LazyLogs(self.get_metrics_result)

    def _step_facts(self):
        """What a step needs to know of the structure, as it is now."""
        facts = self._facts
        # A compiled step is told when the structure changes; a trace must not depend on how
        # often that of any model did.
        if not torch.compiler.is_compiling() and (facts is None or facts.version != _state.version):
            new = _StepFacts(self)
            if facts is None or new.key != facts.key:
                facts = self.__dict__["_facts"] = new
            facts.version = new.version  # something changed, but not here
        return facts

    # --- functions of an iterator --------------------------------------------------

    def make_train_function(self, force=False) -> Any:
        """The function that `fit` calls with an iterator of batches, once for each execution."""
        if self.train_function is None or force:
            step = self.train_step
            if self._jit_compile:
                own = _is_own(self, "train_step")
                step = _compiled.CompiledStep(self, step, "forward" if own else "train")
            self.__dict__["train_function"] = self._function_of(step)
        return self.train_function

    def make_test_function(self, force=False) -> Any:
        """The function that `evaluate` calls with an iterator of batches."""
        if self.test_function is None or force:
            step = self.test_step
            if self.jit_compile is True:
                step = _compiled.CompiledStep(self, step, "test")

            def without_gradients(data):
                with torch.no_grad():
                    return step(data)

            self.__dict__["test_function"] = self._function_of(without_gradients)
        return self.test_function

    def make_predict_function(self, force=False) -> Any:
        """The function that `predict` calls with a batch."""
        if self.predict_function is None or force:
            step = self.predict_step
            if self.jit_compile is True:
                step = _compiled.CompiledStep(self, step, "predict")
            self.__dict__["predict_function"] = step
        return self.predict_function

    def _function_of(self, step):
        executions = self.steps_per_execution
        if executions == 1:
            return lambda iterator: step(next(iterator))

        def several(iterator):
            logs = step(next(iterator))
            for _ in range(executions - 1):
                try:
                    data = next(iterator)
                except StopIteration:
                    break
                logs = step(data)
            return logs

        return several

    # --- fit, evaluate, predict ------------------------------------------------------

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains the model.

        Args:
            x: Inputs: arrays, tensors, frames, lists or dicts of them; or a DataLoader, a torch
                data set, a `PyDataset` or a generator, whose batches are ``(x, y)`` or
                ``(x, y, sample_weight)``.
            y: Targets, if ``x`` is arrays.
            batch_size: Samples in a batch of arrays; default 32.
            epochs: Number of the last epoch.
            verbose: 0 silent, 1 a progress bar, 2 one line an epoch; ``"auto"`` is 1.
            callbacks: List of callbacks.
            validation_split: Fraction of the samples, taken from the end, to validate on.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)`` or any data to validate on.
            shuffle: Whether samples are drawn in a new order each epoch; ``"batch"`` keeps
                batches together.
            class_weight: Dict from class to the weight of its samples.
            sample_weight: Weight of each sample.
            initial_epoch: Number of epochs already done.
            steps_per_epoch: Steps of an epoch; default one pass over the data.
            validation_steps: Steps of a validation; default one pass.
            validation_batch_size: Batch size of the validation; default ``batch_size``.
            validation_freq: Validate every so many epochs, or a list of the epochs (from 1).

        Returns:
            A `History`, whose ``history`` maps each name to its values by epoch.

        Raises:
            ValueError: for data of different lengths, a missing ``y``, and other bad input.
        """
        self._need_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = _data.split(
                (x, y, sample_weight), validation_split
            )
        self.__dict__["_device"] = device = _device.device_of(self)
        source = _data.make(
            x,
            y,
            sample_weight,
            class_weight,
            batch_size,
            shuffle,
            device,
        )
        validation = self._validation_source(
            validation_data, validation_batch_size or batch_size, device
        )
        return _loop.fit(
            self,
            source,
            validation,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
        )

    def _validation_source(self, data, batch_size, device):
        if data is None:
            return None
        if isinstance(data, (tuple, list)) and not _data.is_array(data):
            if len(data) not in (1, 2, 3):
                raise ValueError(
                    "`validation_data` must be `(x, y)`, `(x, y, sample_weight)` or a data set. "
                    f"Received: {len(data)} parts"
                )
            x, y, weight = unpack_x_y_sample_weight(tuple(data))
            return _data.make(x, y, weight, batch_size=batch_size, device=device)
        return _data.make(data, batch_size=None, device=device)

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """The loss and the metrics on data.

        Args:
            x: Inputs, as in `fit`.
            y: Targets, if ``x`` is arrays.
            batch_size: Samples in a batch of arrays; default 32.
            verbose: 0 silent, 1 a progress bar, 2 one line; ``"auto"`` is 1.
            sample_weight: Weight of each sample.
            steps: How many batches; default one pass.
            callbacks: List of callbacks.
            return_dict: Whether a dict by name is returned instead of a list.

        Returns:
            The loss, or ``[loss, metric, ...]`` in the order of `metrics_names`, or a dict.

        Raises:
            ValueError: as in `fit`.
        """
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._need_compiled("evaluate")
        device = _device.device_of(self)
        source = _data.make(x, y, sample_weight, batch_size=batch_size, device=device)
        logs = _loop.evaluate(self, source, verbose, steps, callbacks)
        return dict(sorted(logs.items())) if return_dict else _in_order(logs)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for data, as numpy arrays.

        Args:
            x: Inputs, as in `fit`.
            batch_size: Samples in a batch of arrays; default 32.
            verbose: 0 silent, 1 a progress bar, 2 one line; ``"auto"`` is 1.
            steps: How many batches; default one pass.
            callbacks: List of callbacks.

        Returns:
            An array with one row for each sample, or a structure of them.
        """
        device = _device.device_of(self)
        source = _data.make(x, batch_size=batch_size, device=device)
        return _loop.predict(self, source, verbose, steps, callbacks)

    # --- one batch -----------------------------------------------------------------

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One training step on one batch.

        Returns:
            The loss, or ``[loss, metric, ...]``, or a dict with ``return_dict``.
        """
        self._need_compiled("train_on_batch")
        if class_weight is not None and sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                f"time. Received: sample_weight={sample_weight}, class_weight={class_weight}"
            )
        x, y, sample_weight = self._batch(x, y, sample_weight)
        if class_weight is not None:
            sample_weight = _data.class_weights_of(y, class_weight)
        self.reset_metrics()
        with _mode(self, True):
            logs = self.make_train_function()(iter([(x, y, sample_weight)]))
        return _results(logs, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """The loss and metrics on one batch."""
        self._need_compiled("test_on_batch")
        x, y, sample_weight = self._batch(x, y, sample_weight)
        self.reset_metrics()
        with _mode(self, False):
            logs = self.make_test_function()(iter([(x, y, sample_weight)]))
        return _results(logs, return_dict)

    def predict_on_batch(self, x):
        """The outputs for one batch, as numpy arrays."""
        x, _, _ = self._batch(x, None, None)
        with _mode(self, False), torch.no_grad():
            outputs = self.make_predict_function()((x,))
        return tree.map_structure(_loop.to_numpy, outputs)

    def _batch(self, x, y, sample_weight):
        _data.check_lengths(x=x, y=y, sample_weight=sample_weight)
        device = _device.device_of(self)
        return tuple(_data.batch_to_device(part, device) for part in (x, y, sample_weight))

    @property
    def history(self):
        """The `History` of the last `fit`, also of one that was interrupted."""
        return self._history

    @history.setter
    def history(self, value):
        self.__dict__["_history"] = value


def _copy_of(value) -> Any:
    """Objects with a config made again, also in lists and dicts; anything else as it is."""
    if isinstance(value, (list, tuple, dict)):
        return tree.map_structure(_copy_of, value)
    if isinstance(value, Configurable):
        return type(value).from_config(value.get_config())
    return value


class _StepFacts:
    """What a step needs to know of the model's structure, for one version of it."""

    def __init__(self, model):
        self.version = _state.version
        self.takes_training = _call.signature(model).has_training
        self.variables = list(model.trainable_variables)
        if isinstance(model.optimizer, TorchOptimizer) and self.variables:
            model.optimizer.build(self.variables)
        # A `compute_loss` written for an older Keras has no such argument.
        signature = _call.CallSignature(model.compute_loss)
        self.flags_loss = "training" in signature.names or signature.takes_any
        self.scales = getattr(model.optimizer, "loss_scale_factor", None) is not None
        # On a GPU the forward and backward pass are one graph that is replayed, which numbers
        # that change on the CPU, as a learning rate does, cannot be part of.
        self.applies_apart = isinstance(model.optimizer, TorchOptimizer) or any(
            v.device.type != "cpu" for v in self.variables
        )
        # Else logs are what the metrics say, whenever someone looks.
        self.own_logs = _is_own(model, "test_step", "compute_metrics", "get_metrics_result")
        self.regularized = model._regularized()
        self.loss_layers = [x for x in model._flatten_layers() if "_loss_stamp" in x.__dict__]
        self.adds_losses = bool(self.regularized or self.loss_layers)
        self.layer_metrics = model._metrics_in_attributes()
        found = self.variables, self.regularized, self.loss_layers, self.layer_metrics
        weights = [(v.dtype, v.device) for v in self.variables]
        self.key = [list(map(id, things)) for things in found], weights, model.optimizer

    def take_losses(self):
        """The terms that layers have added, which forget them, and those of regularizers."""
        found = [term for layer in self.loss_layers for term in layer._losses]
        for layer in self.loss_layers:
            layer._losses.clear()
        return found + [v.regularizer(v) for v in self.regularized]

    def loss_flag(self, training):
        """The `training` argument for `compute_loss`, if it takes one."""
        return {"training": training} if self.flags_loss else {}


def _is_own(model, *names):
    """Whether a model's class has one of these methods written anew."""
    return any(getattr(type(model), name) is not getattr(Trainer, name) for name in names)


def _batch_size(x):
    if isinstance(x, torch.Tensor):
        return x.shape[0]
    return next(t.shape[0] for t in tree.flatten(x) if t is not None)


@contextlib.contextmanager
def _mode(model, training):
    """The module's mode for a while: torch children follow it."""
    before = model.training
    if before != training:
        nn.Module.train(model, training)
    try:
        yield
    finally:
        if before != training:
            nn.Module.train(model, before)


def _results(logs, return_dict):
    logs = _loop.numbers(logs)
    return dict(sorted(logs.items())) if return_dict else _in_order(logs)


def _in_order(logs):
    values = list(logs.values())
    return values[0] if len(values) == 1 else values
