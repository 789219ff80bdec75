"""Evaluates with the moving averages of the weights."""

from typing import Any

import torch

from torchkeras.callbacks._callback import Callback


class SwapEMAWeights(Callback):
    """Swaps the weights with their moving averages for evaluation and prediction.

    The optimizer keeps the averages, with ``use_ema=True``. Weights and averages change places in
    memory, so that nothing is kept twice; other callbacks must not change either meanwhile.

    Args:
        swap_on_epoch: Whether they are swapped between epochs as well, for callbacks that come
            later in the list, such as a `ModelCheckpoint`. A callback that stops training, such
            as `EarlyStopping`, then has to come before this one.

    Raises:
        ValueError: if the model's optimizer keeps no averages.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.layers.Dense(1)])
        >>> model.compile(torchkeras.optimizers.SGD(0.1, use_ema=True), "mse")
        >>> x, y = np.ones((4, 2)), np.ones(4)
        >>> history = model.fit(x, y, validation_data=(x, y), verbose=0,
        ...                     callbacks=[torchkeras.callbacks.SwapEMAWeights()])
        >>> sorted(history.history)
        ['loss', 'val_loss']
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def set_model(self, model):
        """Takes note of the model."""
        super().set_model(model)
        self._optimizer()

    def _optimizer(self) -> Any:
        optimizer = getattr(self.model, "optimizer", None)
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', None)}"
            )
        return optimizer

    def _swap(self):
        optimizer = self._optimizer()
        if int(optimizer._iterations) == 0:  # averages of nothing
            return
        averages = optimizer._slots.get("average", {})
        with torch.no_grad():
            for variable in self.model.trainable_variables:
                average = averages.get(variable)
                if average is not None:
                    held = variable.clone()
                    variable.copy_(average)
                    average.copy_(held)

    def on_epoch_begin(self, epoch, logs=None):
        """Swaps back what the last epoch's end has swapped."""
        if self._swapped:
            self._swapped = False
            self._swap()

    def on_epoch_end(self, epoch, logs=None):
        """Swaps, with ``swap_on_epoch``; after the last epoch the averages stay in the model."""
        if not self.swap_on_epoch:
            return
        last = (self.params or {}).get("epochs") == epoch + 1
        if last or getattr(self.model, "stop_training", False):
            self._optimizer().finalize_variable_values(self.model.trainable_variables)
        else:
            self._swapped = True
            self._swap()

    def on_train_begin(self, logs=None):
        """Forgets an earlier training."""
        self._swapped = False

    def on_test_begin(self, logs=None):
        """Swaps."""
        self._swap()

    def on_test_end(self, logs=None):
        """Swaps back."""
        self._swap()

    def on_predict_begin(self, logs=None):
        """Swaps."""
        self._swap()

    def on_predict_end(self, logs=None):
        """Swaps back."""
        self._swap()
