"""What the epochs resulted in."""

import numpy as np

from torchkeras.callbacks import _plot
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
        self._epochs = {}  # like `history`: the epoch of each value

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
            self._epochs.setdefault(name, []).append(epoch)

    def plot(self, names=None):
        """A figure of the results by epoch; needs the package ``matplotlib``.

        Each result has a panel, with the line of the validation data in it.

        Args:
            names: List of the results to show; default all that are single numbers.

        Returns:
            A ``matplotlib.figure.Figure``; ``matplotlib.pyplot.show()`` shows it, its
            ``savefig`` writes it to a file.

        Raises:
            ImportError: if ``matplotlib`` is not installed.
            ValueError: if there is nothing to show, or no result of such a name.
        """
        scalars = {k: v for k, v in self.history.items() if not any(map(np.ndim, v))}
        wanted = list(scalars) if names is None else [n.removeprefix("val_") for n in names]
        missing = [n for n in wanted if n not in scalars and f"val_{n}" not in scalars]
        if missing or not scalars:
            raise ValueError(
                "`names` must be results that are single numbers. Received: "
                f"{missing or 'a history without any'}. There are: {list(scalars)}"
            )
        both = [k for n in sorted(wanted, key="loss".__ne__) for k in (n, f"val_{n}")]
        return _plot.history({k: (self._epochs[k], scalars[k]) for k in both if k in scalars})
