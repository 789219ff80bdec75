"""PyDataset: batches by number, made in workers while the model trains."""

import collections
import concurrent.futures
import itertools

import torch


class PyDataset:
    """Batches by number: subclass it with ``__getitem__`` (one batch) and ``__len__`` (how many).

    Args:
        workers: How many batches are made at the same time.
        use_multiprocessing: Whether in processes rather than threads.
        max_queue_size: How many batches wait ready at the most.

    Example:
        >>> class Squares(torchkeras.utils.PyDataset):
        ...     def __len__(self):
        ...         return 2
        ...     def __getitem__(self, index):
        ...         return np.full((4, 1), index), np.full((4, 1), index**2)
        >>> Squares().num_batches
        2
    """

    def __init__(self, workers=1, use_multiprocessing=False, max_queue_size=10):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index):
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__(index)`.")

    @property
    def num_batches(self):
        """Number of batches in an epoch; ``None`` for no end."""
        length = getattr(self, "__len__", None)
        return None if length is None else length()

    def __iter__(self):
        steps = self.num_batches
        for index in itertools.count() if steps is None else range(steps):
            yield self[index]

    def on_epoch_begin(self):
        """Called before each epoch."""

    def on_epoch_end(self):
        """Called after each epoch."""


# Keras 2's name.
Sequence = PyDataset


def batches(dataset, order):
    """The batches of a dataset in an order of numbers, made ahead by its workers."""
    # A subclass may not have called `super().__init__()`, as in Keras 2.
    workers = getattr(dataset, "workers", 1) or 0
    if workers > 1 and getattr(dataset, "use_multiprocessing", False):
        loader = torch.utils.data.DataLoader(
            dataset, batch_size=None, sampler=order, num_workers=workers, collate_fn=_unchanged
        )
        yield from loader
    elif workers > 1:
        waiting = collections.deque()
        limit = max(1, getattr(dataset, "max_queue_size", 10))
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            try:
                for i in order:
                    waiting.append(pool.submit(dataset.__getitem__, i))
                    if len(waiting) >= limit:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()
    else:
        for i in order:
            yield dataset[i]


def _unchanged(batch):
    return batch
