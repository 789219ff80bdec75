"""Ends training before its last epoch."""

import math
import warnings

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._monitor import Monitor, number


class EarlyStopping(Monitor):
    """Stops training when a result has stopped getting better.

    Args:
        monitor: Name of the result.
        min_delta: How much better a value must be to count as an improvement.
        patience: After how many epochs without improvement training stops.
        verbose: With 1, says when it stops.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` to find out from
            the metric.
        baseline: Value that must be beaten before an improvement counts.
        restore_best_weights: Whether the model gets the weights of its best epoch at the end.
        start_from_epoch: Number of epochs that are not watched.

    Example:
        >>> callback = torchkeras.callbacks.EarlyStopping(monitor="loss", patience=3)
        >>> callback.patience
        3
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights = None
        self.best_epoch = 0
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs=None):
        """Forgets an earlier training."""
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch, logs=None):
        """Looks whether the result got better.

        Raises:
            ValueError: if ``mode="auto"`` and nothing tells which way is better.
        """
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # In case no epoch is better than the first.
            self.best_weights = self.model.get_weights()
            self.best_epoch = epoch
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        """Says where it stopped, and restores the best weights."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs):
        """The watched value, or ``None`` with a warning where the logs don't have it."""
        logs = {} if logs is None else logs
        if self.monitor not in logs:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs)}",
                stacklevel=2,
            )
            return None
        return number(logs[self.monitor])


class TerminateOnNaN(Callback):
    """Stops training when the loss is no longer a finite number.

    It reads the loss after every batch, so each waits for the device.

    Args:
        raise_error: Whether to raise an error instead.

    Raises:
        RuntimeError: with ``raise_error``, at the batch after which the loss is not finite.

    Example:
        >>> torchkeras.callbacks.TerminateOnNaN().raise_error
        False
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        """Looks at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss := float(loss)):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Loss value: {loss}. Terminating "
                "training immediately."
            )
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
