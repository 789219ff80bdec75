"""Weights in Keras' HDF5 layout: a group for each object, named by the attribute that holds it.

h5py is loaded when a file is first opened.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Mapping

import numpy as np
import torch

from torchkeras import _state


class Store(Mapping):
    """The arrays of one object in a file, by name; nothing is read before it is asked for."""

    def __init__(self, group, path):
        self.group, self.path = group, path

    def __len__(self):
        return len(self.group) if self.group is not None else 0

    def __iter__(self):
        return iter(self.group) if self.group is not None else iter(())

    def __contains__(self, key):
        return self.group is not None and key in self.group

    def _dataset(self, key):
        import h5py

        dataset = own_member(self.group, key, f"{self.path}/{key}")
        if not isinstance(dataset, h5py.Dataset):
            raise CorruptFileError(f"'{self.path}/{key}' is no array.")
        if dataset.external or dataset.is_virtual:
            raise UnsafeFileError(
                f"'{self.path}/{key}' takes its data from another file, which is refused."
            )
        return dataset

    def shape(self, key):
        """The shape that an array says it has."""
        return tuple(self._dataset(key).shape)

    def __getitem__(self, key):
        if self.group is None:
            raise KeyError(key)
        dataset = self._dataset(key)
        array = dataset[()]
        if dataset.attrs.get("dtype") == "bfloat16":
            # Two bytes that HDF5 has no number for.
            return torch.from_numpy(np.asarray(array).view(np.uint16).copy()).view(torch.bfloat16)
        return array


class UnsafeFileError(ValueError):
    """A file asks for something that opening it must never do."""


class CorruptFileError(ValueError, OSError):
    """A file is damaged, or of another kind than its name says."""


def own_member(group, key, path):
    """A member of a group; links to other places and files are refused."""
    import h5py

    link = group.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise UnsafeFileError(f"'{path}' is a link to another place, which is refused.")
    return group[key]


def children(obj):
    """The (name, object or container) pairs that an object is saved with, in Keras' order."""
    found = getattr(obj, "_saved_children", None)
    return found() if found is not None else []


def walk(obj, path="", seen=None):
    """All (path, object) pairs below an object, each object once, in Keras' order."""
    seen = set() if seen is None else seen
    if id(obj) in seen:
        return
    seen.add(id(obj))
    if isinstance(obj, (list, tuple, set, dict)):
        used = {}
        values = obj.values() if isinstance(obj, dict) else obj
        for value in values:
            container = isinstance(value, (list, tuple, set, dict))
            if not container and not is_saved(value):
                continue
            name = "container" if container else _state.snake_case(type(value).__name__)
            count = used.get(name, 0)
            used[name] = count + 1
            yield from walk(value, f"{path}/{name}_{count}" if count else f"{path}/{name}", seen)
        return
    yield path, obj
    for name, child in children(obj):
        yield from walk(child, f"{path}/{name}", seen)


def is_saved(value):
    """Whether an object has arrays of its own in a file."""
    return hasattr(value, "save_own_variables") or isinstance(value, torch.nn.Module)


def write(obj, file):
    """Writes the arrays of an object and all below it into an open file."""
    for path, part in walk(obj):
        group = file.require_group(f"{path}/vars")
        group.attrs["name"] = getattr(part, "name", None) or type(part).__name__
        for key, value in own_arrays(part).items():
            if isinstance(value, torch.Tensor):
                value = value.detach().cpu()
            if isinstance(value, torch.Tensor) and value.dtype is torch.bfloat16:
                raw = value.contiguous().view(torch.uint16).numpy().view("V2")
                dataset = group.create_dataset(key, data=raw)
                dataset.attrs["dtype"] = "bfloat16"
            else:
                group.create_dataset(key, data=np.asarray(value))


def own_arrays(obj):
    """What an object itself puts into a file."""
    if not hasattr(obj, "save_own_variables"):  # a plain torch module
        return dict(obj.state_dict())
    store = {}
    obj.save_own_variables(store)
    return store


def read(obj, file, skip_mismatch=False, objects_to_skip=()):
    """Reads the arrays of an object and all below it; says what did not fit.

    Raises:
        ValueError: if a number or shape of arrays differs, unless ``skip_mismatch``.
    """
    skipped = {id(part) for part in objects_to_skip}
    parts = [
        (path.strip("/"), part, Store(_group(file, f"{path}/vars"), f"{path}/vars".strip("/")))
        for path, part in walk(obj)
        if id(part) not in skipped
    ]
    problems = {}
    for path, part, store in parts:  # all are checked before the first is changed
        if getattr(part, "_checks_itself", bool)():
            problem = part._problem(store)
            if problem:
                problems[path] = problem
                if not skip_mismatch:
                    raise ValueError(f"The weights at '{path}' could not be loaded. {problem}")
    for path, part, store in parts:
        if path in problems:
            continue
        try:
            if hasattr(part, "load_own_variables"):
                part.load_own_variables(store)
            elif len(store):
                part.load_state_dict({k: torch.as_tensor(store[k]) for k in store})
        except UnsafeFileError:
            raise
        except (ValueError, LookupError, RuntimeError, OSError) as error:
            if not skip_mismatch:
                raise ValueError(f"The weights at '{path}' could not be loaded. {error}") from error
            problems[path] = error
    return [f"'{path}': {problem}" for path, problem in problems.items()]


def _group(file, path):
    import h5py

    group = file
    for part in path.strip("/").split("/"):
        if part not in group:
            return None
        group = own_member(group, part, path)
        if not isinstance(group, h5py.Group):
            raise CorruptFileError(f"'{path}' is no group of arrays.")
    return group


@contextlib.contextmanager
def opened(source):
    """An HDF5 file to read, from a path or bytes.

    Raises:
        CorruptFileError: if it is none.
    """
    import h5py

    try:
        file = h5py.File(io.BytesIO(source) if isinstance(source, bytes) else source, "r")
    except (OSError, OverflowError, RuntimeError) as error:
        if not isinstance(source, bytes) and not os.path.exists(source):
            raise
        where = "The weights" if isinstance(source, bytes) else str(source)
        raise CorruptFileError(f"{where} are no readable HDF5 file: {error}") from error
    with file:
        try:
            yield file
        except (UnsafeFileError, CorruptFileError):
            raise
        except (RuntimeError, LookupError, OverflowError, OSError) as error:
            # What h5py says where the structure of the file is damaged.
            raise CorruptFileError(f"The weights file is damaged: {error}") from error


def to_bytes(obj):
    """The arrays of an object and all below it, as the bytes of an HDF5 file."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(obj, file)
    return buffer.getvalue()


def replace_file(filepath, fill):
    """Writes a file whole or not at all: ``fill(file)`` writes beside it, then it is replaced.

    Permissions of a file that is there stay; a link stays one, and its target is replaced.
    """
    target = os.path.realpath(filepath)
    folder = os.path.dirname(target)
    mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o666 & ~_umask()
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "w+b") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # the new name, too, must outlive a crash
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def may_write(filepath, overwrite):
    """Whether a file may be written; asks before one is replaced, unless ``overwrite``."""
    if overwrite or not os.path.exists(filepath):
        return True
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ")
    return answer.strip().lower() == "y"
