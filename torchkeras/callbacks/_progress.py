"""Progress on the screen, in Keras' words."""

import shutil
import sys
import time

from tqdm import tqdm

from torchkeras.callbacks._callback import Callback

_WIDTH = 20
# Seconds between two looks at the values: looking waits for the device.
_INTERVAL = 0.25


class _Bar(tqdm):
    monitor_interval = 0  # no thread


class ProgbarLogger(Callback):
    """Shows progress and results on standard output.

    With ``verbose=1`` a bar that moves, a few times a second, on a terminal or in a
    notebook, and one final line an epoch elsewhere; with ``verbose=2`` one plain line an
    epoch. `fit`, `evaluate` and `predict` add one themselves.

    Example:
        >>> progress = torchkeras.callbacks.ProgbarLogger()
        >>> progress.set_params({"verbose": 2, "epochs": 2, "steps": 10})
        >>> progress.on_epoch_begin(0)
        Epoch 1/2
    """

    _lazy = True

    def __init__(self):
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.target = None
        self.seen = 0
        self._training = False
        self._bar = None
        self._reset()

    def set_params(self, params):
        """Takes note of ``verbose``, ``epochs`` and ``steps`` (``None`` if not known)."""
        super().set_params(params)
        self.verbose = params.get("verbose", 1)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def _reset(self):
        self.close()
        self.seen = 0
        self._start = time.perf_counter()
        self._first = None  # when the first step was done
        self._steps_done = None  # when the last one was, if validation follows
        self._next = self._start + _INTERVAL
        if self.verbose != 1 or not _is_live(sys.stdout):
            self._next = float("inf")

    def on_train_begin(self, logs=None):
        """Training: evaluation is part of it."""
        self._training = True

    def on_train_end(self, logs=None):
        """The end of training."""
        self._training = False

    def on_epoch_begin(self, epoch, logs=None):
        """Says which epoch it is."""
        self._reset()
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)

    def on_train_batch_end(self, batch, logs=None):
        """Moves the bar, if it is time."""
        self.seen = batch + 1
        if self._first is None:
            self._first = time.perf_counter()
        elif time.perf_counter() > self._next:
            self._draw(logs)

    def on_test_begin(self, logs=None):
        """Evaluation begins."""
        if self._training:
            self._steps_done = time.perf_counter()
        else:
            self._reset()

    def on_test_batch_end(self, batch, logs=None):
        """Moves the bar, if it is time."""
        if not self._training:
            self.on_train_batch_end(batch, logs)

    def on_predict_begin(self, logs=None):
        """Prediction begins."""
        self._reset()

    def on_predict_batch_end(self, batch, logs=None):
        """Moves the bar, if it is time."""
        self.on_train_batch_end(batch, None)

    def on_epoch_end(self, epoch, logs=None):
        """Writes the epoch's line."""
        self._finish(logs)

    def on_test_end(self, logs=None):
        """Writes the results of `evaluate`."""
        if not self._training:
            self._finish(logs)

    def on_predict_end(self, logs=None):
        """Writes the line of `predict`."""
        self._finish(None)

    def close(self):
        """Ends the line of a bar that is still there."""
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.leave = True
            bar.close()

    def _step_seconds(self, now):
        # The first step warms up; it counts only where there is no other.
        if self._first is not None and self.seen > 1:
            return (now - self._first) / (self.seen - 1)
        return (now - self._start) / max(self.seen, 1)

    def _draw(self, logs):
        now = time.perf_counter()
        step = self._step_seconds(now)
        if self.target is None:
            line = f"{self.seen:>7}/Unknown {now - self._start:.0f}s {_rate(step)}"
        else:
            left = step * max(self.target - self.seen, 0)
            count = f"{self.seen:>{len(str(self.target))}}/{self.target}"
            line = f"{count} \0 {_remaining(left)} {_rate(step)}"
        line = (line + _values(logs)).replace("{", "{{").replace("}", "}}")
        line = line.replace("\0", f"{{bar:{_WIDTH}}}")
        if self._bar is None:
            self._bar = _Bar(
                total=self.target,
                initial=self.seen,
                file=sys.stdout,
                leave=False,
                ncols=_columns(sys.stdout),
                nrows=24,  # else a terminal that tells no size shows nothing
                ascii=f" {_bar_mark(sys.stdout)}",
                bar_format=line,
            )
        else:
            self._bar.n = self.seen
            self._bar.bar_format = line
            self._bar.refresh()
        self._next = time.perf_counter() + _INTERVAL

    def _finish(self, logs):
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.close()  # which wipes it
        if not self.verbose:
            return
        now = time.perf_counter()
        step = _rate(self._step_seconds(self._steps_done or now))
        # Where the number of steps was not known it is now.
        self.target = self.seen if self.target is None else self.target
        count = f"{self.seen}/{self.target}"
        took = f"{now - self._start:.0f}s"
        if self.verbose == 1:
            line = f"{count} {_bar_mark(sys.stdout) * _WIDTH} {took} {step}{_values(logs)}"
        else:
            line = f"{count} - {took} - {step}{_values(logs)}"
        print(line, flush=True)


def _is_live(stream):
    """Whether a carriage return overwrites a line there: on a terminal and in notebooks."""
    if "ipykernel" in type(stream).__module__:
        return True
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and isatty()


def _columns(stream):
    """The width of a terminal, where a line must not be longer; a notebook has none."""
    isatty = getattr(stream, "isatty", None)
    return shutil.get_terminal_size().columns if isatty is not None and isatty() else None


def _bar_mark(stream):
    try:
        "━".encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return "="
    return "━"


def _values(logs):
    """`` - name: value`` for each result."""
    text = ""
    for name, value in (logs or {}).items():
        if hasattr(value, "numel") or hasattr(value, "ndim"):
            value = float(value.mean())
        if isinstance(value, (int, float)):
            value = f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"
        text += f" - {name}: {value}"
    return text


def _remaining(seconds):
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _rate(seconds):
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/step"
    return f"{seconds * 1e6:.0f}us/step"
