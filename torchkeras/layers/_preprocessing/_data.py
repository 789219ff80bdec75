"""What a layer is adapted to, as batches."""

import itertools

import numpy as np
import torch


def batches(data, steps=None):
    """The batches of what a user adapts to: an array is one; of pairs, the first part counts.

    Args:
        data: An array, a tensor, a (nested) list of numbers or strings, a list of arrays, a
            `DataLoader`, a dataset, or any iterable of batches.
        steps: How many batches are used at the most; not for what is one array.

    Raises:
        ValueError: if ``steps`` is no positive integer.
        TypeError: if the data are no array and cannot be iterated over.
    """
    if steps is not None and (not isinstance(steps, int) or steps < 1):
        raise ValueError(f"`steps` must be a positive integer or None. Received: steps={steps!r}")
    if is_array(data):
        return iter([data])
    collated = isinstance(data, torch.utils.data.DataLoader)
    if isinstance(data, torch.utils.data.Dataset):
        data, collated = torch.utils.data.DataLoader(data, batch_size=1024), True
    if not hasattr(data, "__iter__"):
        raise TypeError(
            f"Unsupported data type: {type(data)}. `adapt` supports arrays, tensors, lists, "
            "datasets, DataLoaders and iterables of batches."
        )
    return (_inputs(batch, collated) for batch in itertools.islice(iter(data), steps))


def is_array(data):
    """Whether a value is one array: all its leaves are numbers or strings."""
    if isinstance(data, (list, tuple)):
        while isinstance(data, (list, tuple)) and len(data):
            data = data[0]
        return isinstance(data, (str, bytes, int, float, np.generic))
    return isinstance(data, (str, bytes, torch.Tensor, np.ndarray)) or (
        hasattr(data, "__array__") and hasattr(data, "dtype")
    )


def _inputs(batch, collated):
    """The inputs of a batch ``(inputs, targets, ...)``; a DataLoader makes the pair a list."""
    pair = isinstance(batch, tuple) or (collated and isinstance(batch, list))
    if pair and len(batch) and not isinstance(batch[0], (str, bytes, int, float)):
        return batch[0]
    return batch
