"""Looks for a learning rate before the training."""

import copy
import math

import numpy as np
import torch

from torchkeras.callbacks import _plot
from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._monitor import number


class LearningRateFinder(Callback):
    """Raises the learning rate batch by batch and writes down what the loss does.

    This is the range test of Smith, "Cyclical Learning Rates for Training Neural Networks"
    (https://arxiv.org/abs/1506.01186), section 3.3. The rate goes from ``min_lr`` to ``max_lr``
    in ``steps`` batches; the test ends there, or when the loss has run away. Afterwards weights
    and optimizer are as before. Give `fit` enough epochs for ``steps`` batches, and no other
    callback that acts on results: those of a batch are of this batch alone here.

    Args:
        min_lr: First rate.
        max_lr: Last rate.
        steps: Number of batches.
        mode: ``"exponential"``, which multiplies the rate by the same at each batch, or
            ``"linear"``, which adds the same, as in the paper.
        smoothing: Weight of the past in the average of the losses, at least 0 and below 1.
        stop_factor: The test ends when the smoothed loss is above the lowest so far times this;
            ``None`` for never.

    Attributes:
        rates: The rates that were tried.
        losses: The loss of each batch.

    Raises:
        ValueError: if an argument is out of its range, or in `fit` if the model has no weights
            and none can be made before its first step.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> finder = torchkeras.callbacks.LearningRateFinder(1e-4, 10, steps=20)
        >>> x = np.random.rand(8, 2)
        >>> history = model.fit(x, x[:, :1], epochs=20, verbose=0, callbacks=[finder])
        >>> 1e-4 <= finder.suggestion() <= 10
        True
    """

    _needs_weights = True

    def __init__(
        self, min_lr=1e-7, max_lr=1.0, steps=100, mode="exponential", smoothing=0.9, stop_factor=4.0
    ):
        super().__init__()
        if not 0 < min_lr < max_lr:
            raise ValueError(
                "`min_lr` must be above 0 and below `max_lr`. "
                f"Received: min_lr={min_lr}, max_lr={max_lr}"
            )
        if not isinstance(steps, int) or steps < 2:
            raise ValueError(f"`steps` must be an integer, 2 or more. Received: steps={steps}")
        if mode not in ("exponential", "linear"):
            raise ValueError(f'`mode` must be "exponential" or "linear". Received: mode={mode!r}')
        if not 0 <= smoothing < 1:
            raise ValueError(
                f"`smoothing` must be at least 0 and below 1. Received: smoothing={smoothing}"
            )
        if stop_factor is not None and stop_factor <= 1:
            raise ValueError(
                f"`stop_factor` must be above 1, or None. Received: stop_factor={stop_factor}"
            )
        self.min_lr = min_lr
        self.max_lr = max_lr
        self.steps = steps
        self.mode = mode
        self.smoothing = smoothing
        self.stop_factor = stop_factor
        self.rates = []
        self.losses = []
        self._restore = None

    def on_train_begin(self, logs=None):
        """Keeps a copy of weights and optimizer."""
        self.rates, self.losses = [], []
        self._restore = _snapshot(self.model)

    def on_train_batch_begin(self, batch, logs=None):
        """Sets the rate of the batch."""
        part = len(self.rates) / (self.steps - 1)
        if self.mode == "linear":
            rate = self.min_lr + part * (self.max_lr - self.min_lr)
        else:
            rate = self.min_lr * (self.max_lr / self.min_lr) ** part
        self.model.optimizer.learning_rate = rate
        self.model.reset_metrics()  # so that the loss is that of this batch
        self.rates.append(rate)

    def on_train_batch_end(self, batch, logs=None):
        """Writes down the loss; ends the test when it has run away."""
        self.losses.append(float(number((logs or {})["loss"])))
        smooth = self._smooth()
        runs_away = self.stop_factor is not None and smooth[-1] > self.stop_factor * min(smooth)
        if not math.isfinite(self.losses[-1]) or runs_away or len(self.rates) >= self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Gives weights and optimizer the values they had."""
        if self._restore is not None:
            self._restore()
            self._restore = None

    def _smooth(self):
        """Averages of the losses so far, with weights that fall off and sum to 1."""
        averages, total, weight = [], 0.0, 0.0
        for loss in self.losses:
            total = self.smoothing * total + (1 - self.smoothing) * loss
            weight = self.smoothing * weight + (1 - self.smoothing)
            averages.append(total / weight)
        return averages

    def suggestion(self):
        """The rate at which the smoothed loss falls the steepest, on a logarithmic axis.

        Returns:
            A float, or ``None`` if the loss falls nowhere.

        Raises:
            ValueError: before the test, or if it had fewer than three batches.
        """
        smooth = np.array(self._smooth())
        finite = np.isfinite(smooth)
        smooth, tried = smooth[finite], np.array(self.rates[: len(finite)])[finite]
        if len(smooth) < 3:
            raise ValueError(
                "A suggestion needs the losses of three batches or more. "
                f"Received: {len(smooth)}; call `fit` with this callback first."
            )
        slopes = np.gradient(smooth, np.log(tried))
        steepest = int(slopes.argmin())
        return float(tried[steepest]) if slopes[steepest] < 0 else None

    def plot(self):
        """A figure of the loss against the rate; needs the package ``matplotlib``.

        Returns:
            A ``matplotlib.figure.Figure``.
        """
        suggestion = self.suggestion()
        return _plot.rates(self.rates[: len(self.losses)], self.losses, self._smooth(), suggestion)


def _snapshot(model):
    """A function that gives the model and its optimizer the values they have now."""
    optimizer = model.optimizer
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before "
            "the learning rate is looked for."
        )
    optimizer.build(model.trainable_variables)
    inner = getattr(optimizer, "optimizer", None)
    held = [*model.variables]
    state = None
    if isinstance(inner, torch.optim.Optimizer):
        state = copy.deepcopy(inner.state_dict())
    else:
        held += optimizer.variables
    values = [v.detach().clone() for v in held]

    def restore():
        with torch.no_grad():
            for variable, value in zip(held, values):
                variable.copy_(value)
        if inner is not None and state is not None:
            inner.load_state_dict(state)

    return restore
