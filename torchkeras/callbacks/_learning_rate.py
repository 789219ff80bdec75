"""Changes the learning rate from epoch to epoch."""

import warnings

import numpy as np

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._monitor import Monitor, number


def _rate(model):
    if not hasattr(getattr(model, "optimizer", None), "learning_rate"):
        raise ValueError('Optimizer must have a "learning_rate" attribute.')
    return float(model.optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of each epoch.

    Args:
        schedule: Function of the epoch, from 0, and the present learning rate (or of the
            epoch alone) that returns the new one, a float.
        verbose: With 1, prints what it sets.

    Raises:
        ValueError: in `fit`, if the function returns no float.

    Example:
        >>> callback = torchkeras.callbacks.LearningRateScheduler(
        ...     lambda epoch, rate: rate if epoch < 10 else rate * 0.9)
        >>> callback.schedule(10, 1.0)
        0.9
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        """Sets the rate."""
        rate = _rate(self.model)
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:  # a function of the epoch alone
            rate = self.schedule(epoch)
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(
                f"The output of the `schedule` function should be a float. Got: {rate}"
            )
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to "
                f"{float(rate)}."
            )

    def on_epoch_end(self, epoch, logs=None):
        """Adds the rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = _rate(self.model)


class ReduceLROnPlateau(Monitor):
    """Lowers the learning rate when a result has stopped getting better.

    Args:
        monitor: Name of the result.
        factor: What the rate is multiplied by, below 1.
        patience: After how many epochs without improvement it is lowered.
        verbose: With 1, prints what it sets.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` to find out from
            the metric.
        min_delta: How much better a value must be to count as an improvement.
        cooldown: How many epochs to wait after a change before watching again.
        min_lr: Smallest rate.
        **kwargs: Ignored, with a warning.

    Raises:
        ValueError: if ``factor`` is 1 or more.

    Example:
        >>> torchkeras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2).factor
        0.5
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received factor={factor}"
            )
        if kwargs:
            warnings.warn(f"ReduceLROnPlateau ignores the arguments {sorted(kwargs)}.")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs=None):
        """Forgets an earlier training."""
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch, logs=None):
        """Looks whether the result got better; adds the rate to the logs.

        Raises:
            ValueError: if ``mode="auto"`` and nothing tells which way is better.
        """
        if self.monitor_op is None:
            self._set_monitor_op()
        logs = {} if logs is None else logs
        logs["learning_rate"] = rate = _rate(self.model)
        if self.monitor not in logs:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        current = number(logs[self.monitor])
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            # Rates are kept in single precision, so the limit is compared in it.
            if self.wait >= self.patience and rate > np.float32(self.min_lr):
                rate = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = rate
                if self.verbose > 0:
                    print(
                        f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}."
                    )
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def in_cooldown(self):
        """Whether it waits after a change."""
        return self.cooldown_counter > 0
