"""What the epochs resulted in."""

from torchkeras.callbacks._callback import Callback


class History(Callback):
    """Keeps the logs of all epochs; `fit` returns one.

    Attributes:
        history: Dict from the name of a result to the list of its values, one an epoch.
        epoch: List of the epochs' numbers.

    Example:
        >>> history = torchkeras.callbacks.History()
        >>> history.on_train_begin()
        >>> history.on_epoch_end(0, {"loss": 0.5})
        >>> history.history, history.epoch
        ({'loss': [0.5]}, [0])
    """

    def __init__(self):
        super().__init__()
        self.history = {}
        self.epoch = []

    def on_train_begin(self, logs=None):
        """Starts a new list of epochs."""
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the epoch's logs."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            if hasattr(value, "detach"):
                value = value.item() if value.numel() == 1 else value.detach().cpu().numpy()
            self.history.setdefault(name, []).append(value)
