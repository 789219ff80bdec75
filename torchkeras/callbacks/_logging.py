"""Epochs' results in a file, and hooks from plain functions."""

import csv
import os
from typing import Any

import numpy as np

from torchkeras.callbacks._callback import Callback


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_begin: Called with ``(epoch, logs)``.
        on_epoch_end: Called with ``(epoch, logs)``.
        on_train_begin: Called with ``(logs)``.
        on_train_end: Called with ``(logs)``.
        on_train_batch_begin: Called with ``(batch, logs)``.
        on_train_batch_end: Called with ``(batch, logs)``.
        **kwargs: Any other hook of `Callback` by its name.

    Example:
        >>> callback = torchkeras.callbacks.LambdaCallback(
        ...     on_epoch_end=lambda epoch, logs: print(f"epoch {epoch}: {logs['loss']}"))
        >>> callback.on_epoch_end(0, {"loss": 0.5})
        epoch 0: 0.5
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        self.__dict__.update(kwargs)
        self.__dict__.update({k: v for k, v in hooks.items() if v is not None})


class CSVLogger(Callback):
    """Writes each epoch's results as a line of a CSV file.

    The columns are the names of the first epoch's results, sorted; results on validation
    data have columns also if the first epoch has none.

    Args:
        filename: The file.
        separator: What stands between values.
        append: Whether to go on in an existing file.

    Example:
        >>> torchkeras.callbacks.CSVLogger("training.csv").sep
        ','
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.writer = None
        self.keys = None
        self.append_header = True
        self.csv_file: Any = None

    def on_train_begin(self, logs=None):
        """Opens the file."""
        if self.append:
            exists = os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
            self.append_header = not exists
        self._close()
        mode = "a" if self.append else "w"
        self.csv_file = open(self.filename, mode, newline="")  # noqa: SIM115
        self.writer = None
        self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's line."""
        logs = {} if logs is None else logs
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self.writer is None:
            self.writer = csv.DictWriter(
                self.csv_file, fieldnames=["epoch", *self.keys], delimiter=self.sep
            )
            if self.append_header:
                self.writer.writeheader()
        row = {key: _cell(logs[key]) if key in logs else "NA" for key in self.keys}
        self.writer.writerow({"epoch": epoch, **row})
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        """Closes the file."""
        self._close()
        self.writer = None

    def _close(self):
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None


def _cell(value):
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return value.item()
    if isinstance(value, (list, tuple, np.ndarray)):
        return f'"[{", ".join(map(str, value))}]"'
    return value
