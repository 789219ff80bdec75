"""The hooks that training, evaluation and prediction call."""

from typing import Any


class Callback:
    """Base of all callbacks: a subclass overrides the hooks it wants.

    Hooks that nobody overrides cost nothing. The values of the logs of a batch are computed
    when they are looked at; a hook that does not look does not wait for the device.

    Attributes:
        model: The model that is trained, set by `set_model`.
        params: Dict with ``verbose``, ``epochs`` and ``steps``, set by `set_params`.

    Example:
        >>> class Names(torchkeras.callbacks.Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(epoch, sorted(logs))
        >>> hooks = torchkeras.callbacks.CallbackList([Names()])
        >>> hooks.on_epoch_end(0, {"loss": 0.5, "acc": 1.0})
        0 ['acc', 'loss']
    """

    # Also there for a subclass that does not call `super().__init__()`.
    model: Any = None
    params: Any = None
    # Whether hooks of batches look at their logs only now and then: these are then lazy.
    _lazy = False
    # Whether the model must have its weights, where that can be, when training begins.
    _needs_weights = False

    def __init__(self):
        pass

    def set_model(self, model):
        """Takes note of the model."""
        self.model = model

    def set_params(self, params):
        """Takes note of the parameters of the run."""
        self.params = params

    def on_epoch_begin(self, epoch, logs=None):
        """Called before each epoch of training.

        Args:
            epoch: Number of the epoch, from 0.
            logs: Empty dict.
        """

    def on_epoch_end(self, epoch, logs=None):
        """Called after each epoch of training, and its validation.

        Args:
            epoch: Number of the epoch, from 0.
            logs: Dict of the results; those on validation data begin with ``val_``.
        """

    def on_batch_begin(self, batch, logs=None):
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """Older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch, logs=None):
        """Called before each batch of training.

        Args:
            batch: Number of the batch in the epoch, from 0.
            logs: Empty dict.
        """
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """Called after each batch of training.

        Args:
            batch: Number of the batch in the epoch, from 0.
            logs: Dict of the results so far in the epoch.
        """
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Called before each batch of evaluation, also of validation.

        Args:
            batch: Number of the batch, from 0.
            logs: Empty dict.
        """

    def on_test_batch_end(self, batch, logs=None):
        """Called after each batch of evaluation, also of validation.

        Args:
            batch: Number of the batch, from 0.
            logs: Dict of the results so far.
        """

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before each batch of prediction.

        Args:
            batch: Number of the batch, from 0.
            logs: Empty dict.
        """

    def on_predict_batch_end(self, batch, logs=None):
        """Called after each batch of prediction.

        Args:
            batch: Number of the batch, from 0.
            logs: Dict with the batch's ``outputs``.
        """

    def on_train_begin(self, logs=None):
        """Called before training.

        Args:
            logs: Empty dict.
        """

    def on_train_end(self, logs=None):
        """Called after training.

        Args:
            logs: Dict of the last epoch's results.
        """

    def on_test_begin(self, logs=None):
        """Called before evaluation or validation.

        Args:
            logs: Empty dict.
        """

    def on_test_end(self, logs=None):
        """Called after evaluation or validation.

        Args:
            logs: Dict of the results.
        """

    def on_predict_begin(self, logs=None):
        """Called before prediction.

        Args:
            logs: Empty dict.
        """

    def on_predict_end(self, logs=None):
        """Called after prediction.

        Args:
            logs: Empty dict.
        """
