"""Saves the model while it is trained."""

import os
import warnings
from typing import Any

from torchkeras.callbacks._monitor import Monitor, number


class SavesByBatches:
    """What callbacks that save every few batches have in common."""

    save_freq: Any
    _batches_seen_since_last_saving = 0
    _last_batch_seen: int | None = None

    def _should_save_on_batch(self, batch):
        if self.save_freq == "epoch":
            return False
        last = self._last_batch_seen
        # Several steps may run between two calls; a smaller number is a new epoch's.
        self._batches_seen_since_last_saving += (
            batch + 1 if last is None or batch <= last else batch - last
        )
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving < self.save_freq:
            return False
        self._batches_seen_since_last_saving = 0
        return True


class ModelCheckpoint(SavesByBatches, Monitor):
    """Saves the model, or its weights, after each epoch or every few batches.

    Args:
        filepath: Where to; ``{epoch}``, ``{batch}`` and names of results are filled in, as in
            ``"{epoch:02d}-{val_loss:.2f}.safetensors"``. Folders are made. Weights go to a
            file that ends in ``.weights.h5`` or ``.safetensors``, whole models to ``.keras``.
        monitor: Name of the result by which the best is told.
        verbose: With 1, says what it saves.
        save_best_only: Whether to save only when the result is the best so far.
        save_weights_only: Whether to save the weights instead of the whole model.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` to find out from
            the metric.
        save_freq: ``"epoch"``, or the number of batches between two files.
        initial_value_threshold: What the first result must improve on.

    Raises:
        ValueError: if the ending of ``filepath`` or ``save_freq`` has no meaning, or the model
            cannot be saved whole.

    Example:
        >>> callback = torchkeras.callbacks.ModelCheckpoint(
        ...     "best.safetensors", save_weights_only=True, save_best_only=True)
        >>> callback.filepath
        'best.safetensors'
    """

    _lazy = True

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._current_epoch = 0
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Unrecognized save_freq: {save_freq}. Expected save_freq are 'epoch' or integer "
                "values"
            )
        if save_weights_only:
            if not self.filepath.endswith((".weights.h5", ".safetensors")):
                raise ValueError(
                    "When using `save_weights_only=True` in `ModelCheckpoint`, the filepath "
                    "provided must end in `.weights.h5` (Keras weights format) or "
                    f"`.safetensors`. Received: filepath={self.filepath}"
                )
        elif not self.filepath.endswith((".keras", ".h5")):
            raise ValueError(
                "The filepath provided must end in `.keras` (Keras model format). Received: "
                f"filepath={self.filepath}"
            )

    def on_train_batch_end(self, batch, logs=None):
        """Saves if enough batches have passed."""
        if self._should_save_on_batch(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_begin(self, epoch, logs=None):
        """Takes note of the epoch."""
        self._current_epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        """Saves, unless it counts batches."""
        if self.save_freq == "epoch":
            self._save_model(epoch, None, logs)

    def _save_model(self, epoch, batch, logs):
        logs = {} if logs is None else logs
        filepath = self._get_file_path(epoch, batch, logs)
        if not self._should_save(epoch, logs, filepath):
            return
        folder = os.path.dirname(filepath)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if os.path.isdir(filepath):
            raise IsADirectoryError(
                "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an "
                f"existing directory: {filepath}"
            )
        if self.save_weights_only:
            self.model.save_weights(filepath, overwrite=True)
        else:
            self.model.save(filepath, overwrite=True)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: finished saving model to {filepath}")

    def _should_save(self, epoch, logs, filepath):
        if not self.save_best_only:
            if self.verbose > 0:
                print(f"\nEpoch {epoch + 1}: saving model to {filepath}")
            return True
        if self.monitor not in logs:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
            return True
        current = number(logs[self.monitor])
        if getattr(current, "ndim", 0):
            warnings.warn(
                "Can save best model only when `monitor` is a scalar value. Received: "
                f"{current}. Falling back to `save_best_only=False`."
            )
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        best = self.best
        improved = self._is_improvement(current, best)
        if improved:
            self.best = current
        if self.verbose > 0:
            before = "None" if best is None else f"{best:.5f}"
            if improved:
                print(
                    f"\nEpoch {epoch + 1}: {self.monitor} improved from {before} to "
                    f"{current:.5f}, saving model to {filepath}"
                )
            else:
                print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {before}")
        return improved

    def _get_file_path(self, epoch, batch, logs):
        filled = {} if batch is None else {"batch": batch + 1}
        # Results are looked at only if the name has a place for them.
        if "{" in self.filepath:
            filled.update((k, number(v)) for k, v in logs.items())
        try:
            return self.filepath.format(**{**filled, "epoch": epoch + 1})
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}'
            ) from error
