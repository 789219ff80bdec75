"""Whatever a user calls data, as batches of tensors on the model's device."""

import inspect
import itertools
import math
import warnings

import numpy as np
import torch

from torchkeras import _checks, _dtypes, config, tree
from torchkeras.utils import _py_dataset
from torchkeras.utils._batch import unpack_x_y_sample_weight

# Bytes of the batches that are gathered together.
_GATHERED = 2**20


def is_array(value):
    """Whether a value holds all samples at once: tensors, arrays, frames, lists of numbers."""
    return (
        isinstance(value, (torch.Tensor, np.ndarray))
        or hasattr(value, "__array__")
        or (isinstance(value, (list, tuple)) and _is_numbers(value))
    )


def _is_numbers(value):
    """Whether a nested list holds numbers or strings."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return isinstance(value, (int, float, np.number, str, bytes))


def _as_array(value):
    """Frames and lists made arrays; tensors stay."""
    return value if isinstance(value, torch.Tensor) else np.asarray(value)


def _map_arrays(fn, structure):
    """Maps a structure whose leaves are arrays (a list of numbers is an array)."""
    if structure is None:
        return None
    if is_array(structure):
        return fn(structure)
    if isinstance(structure, dict):
        return {k: _map_arrays(fn, v) for k, v in structure.items()}
    if isinstance(structure, (list, tuple)):
        mapped = [_map_arrays(fn, v) for v in structure]
        return tuple(mapped) if isinstance(structure, tuple) else mapped
    return fn(structure)


def _tensor(value, device):
    """A tensor: floats as floatx, other numbers as they are; cast before it is moved."""
    if isinstance(value, torch.Tensor):
        if value.dtype is torch.float64 and config.floatx() != "float64":
            value = value.to(_dtypes.torch_dtype(config.floatx()))
        return value if value.device == device else value.to(device, non_blocking=True)
    usual = type(value) is np.ndarray and value.dtype == np.float32 and value.ndim
    flags = value.flags if usual and config.floatx() == "float32" else None
    if flags is not None and flags.c_contiguous and flags.writeable:
        return torch.from_numpy(value).to(device)
    value = np.asarray(value)
    return value if _dtypes.is_text(value) else _dtypes.to_tensor(value, device=device)


def batch_to_device(batch, device):
    """A batch of anything (arrays, tensors, nested) as tensors on a device."""
    return _map_arrays(lambda a: _tensor(a, device), batch)


def check_lengths(**parts):
    """Raises a ValueError that lists the numbers of samples if they differ."""
    sizes = {
        name: [len(a) for a in tree.flatten(_map_arrays(_as_array, part)) if a is not None]
        for name, part in parts.items()
        if part is not None
    }
    if len({n for counts in sizes.values() for n in counts}) > 1:
        lines = "\n".join(f"'{k}' sizes: {', '.join(map(str, v))}" for k, v in sizes.items())
        raise ValueError(
            "Data cardinality is ambiguous. Make sure all arrays contain the same number of "
            f"samples. {lines}"
        )


def split(arrays, fraction):
    """Two structures of arrays: the first part, and the last ``fraction`` of the samples.

    Raises:
        ValueError: if there are no arrays, or a part would be empty.
    """
    leaves = []
    for part in arrays:
        if part is not None:
            _map_arrays(leaves.append, part)
    if not leaves or not all(is_array(leaf) for leaf in leaves):
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. Found "
            f"following types in the input: {sorted({type(leaf).__name__ for leaf in leaves})}"
        )
    if not 0 < fraction < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1. Received: validation_split={fraction}"
        )
    n = len(_as_array(leaves[0]))
    at = int(math.floor(n * (1 - fraction)))
    if at == 0 or at == n:
        raise ValueError(
            f"Training data contains {n} samples, which is not sufficient to split it into a "
            f"validation and training set as specified by `validation_split={fraction}`. Either "
            "provide more data, or a different value for the `validation_split` argument."
        )
    first = tuple(_map_arrays(lambda a: _as_array(a)[:at], part) for part in arrays)
    last = tuple(_map_arrays(lambda a: _as_array(a)[at:], part) for part in arrays)
    return first, last


def class_weights_of(y, class_weight):
    """The weight of each sample, from the weights of the classes (integers or one-hot rows)."""
    if y.ndim > 1 and y.shape[-1] > 1:
        y = y.argmax(dim=-1)
    y = y.reshape(y.shape[0], -1)[:, 0] if y.ndim > 1 else y
    table = torch.ones(int(max(class_weight)) + 1, dtype=_dtypes.torch_dtype(config.floatx()))
    for label, weight in class_weight.items():
        table[int(label)] = float(weight)
    table = table.to(y.device)
    y = y.long()
    known = (y >= 0) & (y < len(table))  # classes that are not named weigh 1
    return torch.where(known, table[y.clamp(0, len(table) - 1)], torch.ones_like(table[:1]))


class ArrayData:
    """All samples in memory: made tensors once, moved to the device whole where they fit."""

    def __init__(self, x, y, sample_weight, class_weight, batch_size, shuffle, device, on_device):
        check_lengths(x=x, y=y, sample_weight=sample_weight)
        parts = [_map_arrays(_as_array, part) for part in (x, y, sample_weight)]
        leaves = [a for part in parts for a in tree.flatten(part) if a is not None]
        if not leaves or not leaves[0].ndim:
            raise ValueError("`x` holds no samples. Expected arrays with a first axis of samples.")
        self.n = len(leaves[0])
        self.batch_size = (
            32 if batch_size is None else _checks.positive_int("batch_size", batch_size)
        )
        self.shuffle = shuffle
        self.device = device
        home = device if on_device and _fits(leaves, device) else torch.device("cpu")
        x, y, sample_weight = (_map_arrays(lambda a: _tensor(a, home), part) for part in parts)
        if class_weight:
            if sample_weight is not None:
                raise ValueError(
                    "You cannot pass `class_weight` and `sample_weight` at the same time. Multiply "
                    "the class weights into `sample_weight`."
                )
            if not isinstance(y, torch.Tensor):
                raise ValueError(
                    "`class_weight` is only supported for Models with a single output."
                )
            sample_weight = class_weights_of(y, class_weight)
        self.data = (x, y, sample_weight)
        self.flat = [t for t in tree.flatten(self.data) if t is not None]
        self.text = any(_dtypes.is_text(t) for t in self.flat)
        self.pinned = home != device and device.type == "cuda"
        self.plain = all(
            part is None or isinstance(part, (torch.Tensor, np.ndarray)) for part in self.data
        )
        self.steps = -(-self.n // self.batch_size)

    def batches(self):
        n, size = self.n, self.batch_size
        if not self.shuffle:
            for start in range(0, n, size):
                yield self._pack([t[start : start + size] for t in self.flat])
            return
        home = next((t.device for t in self.flat if isinstance(t, torch.Tensor)), self.device)
        if self.shuffle == "batch":
            starts = torch.randperm(self.steps).mul(size).tolist()
            for start in starts:
                yield self._pack([t[start : start + size] for t in self.flat])
            return
        # Rows of several small batches are gathered at once, and cut into views.
        row = sum(t.nbytes for t in self.flat) / max(n, 1)
        together = max(1, int(_GATHERED / (row * size + 1)))
        for index in torch.randperm(n, device=home).split(size * together):
            if self.text:
                rows = index.cpu().numpy()
                many = [
                    _cut(t[rows], size) if _dtypes.is_text(t) else t[index].split(size)
                    for t in self.flat
                ]
            else:
                many = [t.index_select(0, index).split(size) for t in self.flat]
            for tensors in zip(*many):
                yield self._pack(tensors)

    def _pack(self, tensors):
        if self.pinned:
            tensors = [
                t if _dtypes.is_text(t) else t.pin_memory().to(self.device, non_blocking=True)
                for t in tensors
            ]
        if self.plain:
            tensors = iter(tensors)
            return tuple(None if part is None else next(tensors) for part in self.data)
        it = iter(tensors)
        return tree.map_structure(lambda t: None if t is None else next(it), self.data)

    def on_epoch_begin(self):
        """Nothing to prepare."""

    def on_epoch_end(self):
        """Nothing to tidy."""


def _cut(array, size):
    """An array in parts of a number of rows."""
    return [array[i : i + size] for i in range(0, len(array), size)]


def _fits(leaves, device):
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return sum(a.nbytes for a in leaves) < free // 4


class IterableData:
    """Batches from an iterator, a DataLoader or a PyDataset."""

    def __init__(self, source, class_weight, device, shuffle=False):
        self.source = source
        self.class_weight = class_weight
        self.device = device
        self.shuffle = shuffle
        self.running = None
        if isinstance(source, _py_dataset.PyDataset):
            self.steps = source.num_batches
        elif isinstance(source, torch.utils.data.DataLoader):
            try:
                self.steps = len(source)
            except TypeError:
                self.steps = None
        else:
            self.steps = None
        # An iterator cannot be started again: epochs go on where the last one stopped.
        self.once = inspect.isgenerator(source) or iter_is_self(source)

    def batches(self):
        if self.once:
            if self.running is None:
                self.running = iter(self.source)
            source = self.running
        elif isinstance(self.source, _py_dataset.PyDataset):
            source = _py_dataset.batches(self.source, self._order())
        else:
            source = iter(self.source)
        ahead = self.device.type == "cuda"
        waiting = None
        for batch in source:
            batch = self._prepare(batch)
            if not ahead:
                yield batch
                continue
            # One batch ahead, so that its copy to the device overlaps the step before it.
            if waiting is not None:
                yield waiting
            waiting = batch
        if waiting is not None:
            yield waiting

    def _order(self):
        if self.steps is None or self.steps == float("inf"):
            return itertools.count()
        order = range(self.steps)
        return torch.randperm(self.steps).tolist() if self.shuffle else order

    def _prepare(self, batch):
        x, y, w = unpack_x_y_sample_weight(batch)
        x, y, w = (batch_to_device(part, self.device) for part in (x, y, w))
        if self.class_weight:
            if w is not None:
                raise ValueError(
                    "You cannot pass `class_weight` and `sample_weight` at the same time."
                )
            w = class_weights_of(y, self.class_weight)
        return x, y, w

    def on_epoch_begin(self):
        if isinstance(self.source, _py_dataset.PyDataset):
            self.source.on_epoch_begin()

    def on_epoch_end(self):
        if isinstance(self.source, _py_dataset.PyDataset):
            self.source.on_epoch_end()


def iter_is_self(source):
    """Whether iterating uses the source up."""
    return hasattr(source, "__next__")


def make(
    x,
    y=None,
    sample_weight=None,
    class_weight=None,
    batch_size=None,
    shuffle=False,
    device=None,
    on_device=True,
):
    """The data source for what a user passed.

    Raises:
        ValueError: for data of no known kind, or arguments that do not go with it.
    """
    if x is None:
        raise ValueError("`x` is None. Expected arrays, a DataLoader, a PyDataset or a generator.")
    if class_weight is not None and not isinstance(class_weight, dict):
        raise ValueError(
            f"`class_weight` must be a dict from class to weight. Received: {class_weight!r}"
        )
    iterable = isinstance(x, (_py_dataset.PyDataset, torch.utils.data.DataLoader)) or (
        hasattr(x, "__next__") or inspect.isgenerator(x)
    )
    if isinstance(x, torch.utils.data.Dataset):
        streaming = isinstance(x, torch.utils.data.IterableDataset)
        x = torch.utils.data.DataLoader(
            x,
            batch_size=32 if batch_size is None else batch_size,
            shuffle=shuffle and not streaming,
        )
        batch_size, iterable = None, True
    elif not iterable and not is_array(x) and not isinstance(x, (dict, list, tuple)):
        if not hasattr(x, "__iter__"):
            raise ValueError(
                f"Unrecognized data type: x={type(x).__name__}. Expected arrays, tensors, lists or "
                "dicts of them, a DataLoader, a PyDataset or a generator."
            )
        iterable = True
    if iterable:
        kind = type(x).__name__
        for name, value in (("y", y), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(
                    f"When providing `x` as a {kind}, `{name}` should not be passed. Instead, the "
                    f"batches should hold it: (x, y, sample_weight)."
                )
        if batch_size is not None and not hasattr(x, "__next__"):
            warnings.warn(
                f"`batch_size` is not used: the {kind} makes the batches itself.", stacklevel=4
            )
        return IterableData(x, class_weight, device, shuffle)
    return ArrayData(x, y, sample_weight, class_weight, batch_size, shuffle, device, on_device)
