"""What training spends its time on."""

import os
from typing import Any

import torch

from torchkeras.callbacks._callback import Callback


class Profiler(Callback):
    """Records some training batches with ``torch.profiler``.

    The record is written to a file that ends in ``.pt.trace.json``, for ``chrome://tracing``,
    https://ui.perfetto.dev or the TensorBoard plugin of torch. Each batch is one span
    ``ProfilerStep#`` with its number in it.

    Args:
        log_dir: Folder of the file.
        batches: Number of the batch, from 1 and over all epochs, or the first and last one. The
            first batches of a training are slower than the others.
        record_shapes: Whether the shapes of the operations' inputs are recorded.
        profile_memory: Whether memory that is taken and given back is recorded.
        with_stack: Whether the lines of code are recorded.

    Attributes:
        profile: The ``torch.profiler.profile``, after the recorded batches.

    Raises:
        ValueError: if ``batches`` has no such meaning.

    Example:
        >>> profiler = torchkeras.callbacks.Profiler("logs", batches=(10, 20))
        >>> profiler.batches
        (10, 20)
    """

    def __init__(
        self,
        log_dir="logs",
        batches: Any = (5, 10),
        record_shapes=False,
        profile_memory=False,
        with_stack=False,
    ):
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.batches = _range(batches)
        self.record_shapes = record_shapes
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.profile: Any = None
        self._running = False
        self._row: Any = None
        self._done = 0
        self._last: int | None = None

    # The logs are not looked at.
    _lazy = True

    def on_train_begin(self, logs=None):
        """Counts the batches from 1 again."""
        self._stop()  # what an exception has left
        self._done, self._last, self.profile = 0, None, None

    def on_train_batch_begin(self, batch, logs=None):
        """Starts, if the next batch is the first one to record."""
        if self.profile is None and self._done + 1 >= self.batches[0]:
            self.profile = torch.profiler.profile(
                record_shapes=self.record_shapes,
                profile_memory=self.profile_memory,
                with_stack=self.with_stack,
            )
            self.profile.start()
            self._running = True
        if self._running:
            self._row = torch.profiler.record_function(f"ProfilerStep#{self._done + 1}")
            self._row.__enter__()

    def on_train_batch_end(self, batch, logs=None):
        """Stops after the last batch to record."""
        last = self._last
        # Several steps may run between two calls; a smaller number is a new epoch's.
        self._done += batch + 1 if last is None or batch <= last else batch - last
        self._last = batch
        if self._running:
            self._end_row()
            if self._done >= self.batches[1]:
                self._stop(write=True)

    def on_train_end(self, logs=None):
        """Stops, if the training was shorter."""
        self._stop(write=True)

    def _end_row(self):
        if self._row is not None:
            self._row.__exit__(None, None, None)
            self._row = None

    def _stop(self, write=False):
        if not self._running:
            return
        self._running = False
        self._end_row()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # the last batch's work is still under way
        self.profile.stop()
        if write:
            os.makedirs(self.log_dir, exist_ok=True)
            torch.profiler.tensorboard_trace_handler(self.log_dir)(self.profile)

    def table(self, rows=20):
        """The operations that took the longest, as text.

        Args:
            rows: How many of them.

        Raises:
            ValueError: if nothing was recorded.
        """
        if self.profile is None or self._running:
            raise ValueError(
                f"Nothing was recorded: training had fewer than {self.batches[0]} batches. Call "
                "`fit` with this callback, or set `batches` to earlier ones."
            )
        key = "cuda_time_total" if torch.cuda.is_available() else "cpu_time_total"
        return self.profile.key_averages().table(sort_by=key, row_limit=rows)


def _range(batches):
    pair = (batches, batches) if isinstance(batches, int) else tuple(batches)
    if len(pair) != 2 or not all(isinstance(b, int) for b in pair) or not 1 <= pair[0] <= pair[1]:
        raise ValueError(
            "The batches to profile must be a positive integer, or a pair of such, first and "
            f"last. Received: {batches!r}"
        )
    return pair
