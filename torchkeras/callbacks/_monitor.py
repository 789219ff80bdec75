"""What callbacks that watch one result have in common."""

import warnings
from typing import Any

from torchkeras import ops, tree
from torchkeras.callbacks._callback import Callback


class Monitor(Callback):
    """Base of the callbacks that watch whether a result gets better.

    Args:
        monitor: Name of the result, such as ``"val_loss"``.
        mode: ``"min"`` if less is better, ``"max"`` if more is, ``"auto"`` to find out from
            the metric of that name.
        initial_value: What the first value must improve on.
        min_delta: How much a value must be better to count as an improvement.
    """

    def __init__(self, monitor="val_loss", mode="auto", initial_value=None, min_delta=0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = initial_value
        self.min_delta = abs(min_delta)
        self.monitor_op: Any = None

    def _set_monitor_op(self):
        """Finds out which way is better.

        Raises:
            ValueError: if nothing tells.
        """
        mode = self.mode if self.mode != "auto" else self._direction()
        if mode is None:
            raise ValueError(
                f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't "
                "able to automatically determine whether that metric should be maximized or "
                "minimized. Pass `mode='max'` in order to monitor based on the highest metric "
                "value, or pass `mode='min'` in order to use the lowest value."
            )
        self.monitor_op = ops.less if mode == "min" else ops.greater
        self.min_delta = abs(self.min_delta) if mode == "max" else -abs(self.min_delta)

    def _direction(self):
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        metrics = getattr(self.model, "metrics", None) or []
        held = [m for metric in metrics for m in (metric, *getattr(metric, "metrics", ()))]
        for metric in tree.flatten(held):
            own = getattr(metric, "name", None)
            # Models of several outputs put the output's name before the metric's.
            if own == name or (own and name.endswith(f"_{own}")):
                direction = getattr(metric, "_direction", None)
                if direction is not None:
                    return "max" if direction == "up" else "min"
        return None

    def _is_improvement(self, value, reference):
        if reference is None:
            return True
        return bool(self.monitor_op(value - self.min_delta, reference))


def number(value):
    """A result as a Python number; an array of more than one stays as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return value.item() if getattr(value, "size", 0) == 1 else value
