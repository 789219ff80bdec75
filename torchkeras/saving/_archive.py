"""Whole models in `.keras` files: a zip of a config, weights, and what layers keep beside them."""

import contextlib
import datetime
import io
import json
import os
import shutil
import tempfile
import zipfile

from torchkeras.saving import _h5, _objects
from torchkeras.saving._h5 import CorruptFileError, UnsafeFileError

# The version of Keras whose format this is.
KERAS_VERSION = "3.15.1"
_CONFIG, _METADATA, _WEIGHTS, _ASSETS = (
    "config.json",
    "metadata.json",
    "model.weights.h5",
    "assets/",
)
_MAX_CONFIG = 256 * 2**20
_MAX_MEMBERS = 100_000


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Writes a model to a ``.keras`` file, whole or not at all.

    Args:
        model: The model.
        filepath: Path that ends in ``.keras``.
        overwrite: Whether a file already there is replaced; else asks.
        zipped: Must be ``None`` or true: the file is a zip archive.
        **kwargs: None is taken.

    Raises:
        ValueError: for another ending or an unknown argument.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
        >>> torchkeras.saving.save_model(model, "model.pt")
        Traceback (most recent call last):
        ...
        ValueError: Invalid filepath extension for saving...
    """
    filepath = os.fspath(filepath)
    if "save_format" in kwargs:
        raise ValueError(
            "The `save_format` argument is deprecated: the ending of the file says its format. "
            f"Received: save_format={kwargs['save_format']}"
        )
    if kwargs:
        raise ValueError(
            f"The following argument(s) are not supported with the native Keras format: "
            f"{sorted(kwargs)}"
        )
    if not filepath.endswith(".keras"):
        raise ValueError(
            "Invalid filepath extension for saving. Please add a `.keras` extension: whole models "
            "in other formats are not there yet; `model.save_weights` writes `.weights.h5` and "
            f"`.safetensors`. Received: filepath={filepath}."
        )
    if zipped is False:
        raise ValueError("`zipped` must be None or True: a `.keras` file is a zip archive.")
    if not _h5.may_write(filepath, overwrite):
        return
    config = json.dumps(_objects.serialize_keras_object(model)).encode()
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
    }
    weights = _h5.to_bytes(model)

    def fill(file):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(_METADATA, json.dumps(metadata))
            archive.writestr(_CONFIG, config)
            archive.writestr(_WEIGHTS, weights)
            for path, part in _with_assets(model):
                with tempfile.TemporaryDirectory() as folder:
                    part.save_assets(folder)
                    for name in sorted(os.listdir(folder)):
                        archive.write(os.path.join(folder, name), f"{_ASSETS}{path}{name}")

    _h5.replace_file(filepath, fill)


def _with_assets(model):
    """The (folder in the archive, object) pairs of what keeps files beside its weights."""
    for path, part in _h5.walk(model):
        if hasattr(part, "save_assets"):
            yield f"{path.strip('/')}/" if path else "", part


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """The model that a ``.keras`` file holds.

    Names in the file are looked up among the public classes and functions of the library and
    those that the user registered; nothing in it is run or imported.

    Args:
        filepath: Path of the file.
        custom_objects: Dict from name to the custom classes and functions named inside.
        compile: Whether the model is compiled as it was.
        safe_mode: With ``True``, code in the file (of lambdas) is refused.

    Raises:
        ValueError: if the file cannot be read, is refused, or does not fit its own model.
        FileNotFoundError: if there is no such file.

    Example:
        >>> torchkeras.saving.load_model("nowhere.keras")
        Traceback (most recent call last):
        ...
        FileNotFoundError: File not found: filepath=nowhere.keras. Please ensure the filepath...
    """
    filepath = os.fspath(filepath)
    if not os.path.exists(filepath):
        raise FileNotFoundError(
            f"File not found: filepath={filepath}. Please ensure the filepath is an accessible "
            "`.keras` file."
        )
    with _opened(filepath) as archive:
        config = _json(archive, filepath)
        if not isinstance(config, dict):
            raise CorruptFileError(f"The `{_CONFIG}` of {filepath} describes no model.")
        if not compile:
            config.pop("compile_config", None)
        try:
            model = _objects.deserialize_keras_object(config, custom_objects, safe_mode=safe_mode)
        except (LookupError, AttributeError, RecursionError) as error:
            raise CorruptFileError(
                f"The `{_CONFIG}` of {filepath} describes no model: {error!r}"
            ) from error
        if _WEIGHTS in archive.namelist():
            with _h5.opened(_member(archive, _WEIGHTS, os.path.getsize(filepath))) as file:
                _read_assets(archive, model, os.path.getsize(filepath))
                skip = () if compile else (getattr(model, "optimizer", None),)
                _h5.read(model, file, objects_to_skip=skip)
    return model


def weights_of(filepath):
    """The bytes of the weights file inside a ``.keras`` file."""
    with _opened(filepath) as archive:
        if _WEIGHTS not in archive.namelist():
            raise CorruptFileError(f"{filepath} holds no weights.")
        return _member(archive, _WEIGHTS, os.path.getsize(filepath))


@contextlib.contextmanager
def _opened(filepath):
    """The archive, its list of members checked."""
    try:
        archive = zipfile.ZipFile(filepath)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CorruptFileError(
            f"{filepath} is no `.keras` file: it is no zip archive ({error}). Whole models in "
            "other formats (`.h5`, SavedModel) are not there yet."
        ) from error
    with archive:
        _check_members(archive, filepath)
        yield archive


def _check_members(archive, filepath):
    members = archive.infolist()
    names = [m.filename for m in members]
    if len(members) > _MAX_MEMBERS or len(set(names)) != len(names):
        raise UnsafeFileError(f"{filepath} holds too many members, or one name twice.")
    for name in names:
        if name.startswith("/") or ".." in name.split("/") or "\\" in name:
            raise UnsafeFileError(f"{filepath} holds a member outside of it: '{name}'.")
    if _CONFIG not in names:
        raise CorruptFileError(f"{filepath} is no `.keras` file: it holds no `{_CONFIG}`.")


def _member(archive, name, limit):
    """The bytes of a member, which may not be much larger than the file it comes from."""
    declared = archive.getinfo(name).file_size
    if declared > max(200 * limit, 2**20):
        raise UnsafeFileError(
            f"'{name}' declares {declared} bytes, in a file of {limit}: it is refused."
        )
    try:
        with archive.open(name) as file:
            content = file.read(declared + 1)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise CorruptFileError(f"'{name}' cannot be read: {error}") from error
    if len(content) > declared:
        raise UnsafeFileError(f"'{name}' is larger than it declares.")
    return content


def _json(archive, filepath):
    if archive.getinfo(_CONFIG).file_size > _MAX_CONFIG:
        raise UnsafeFileError(f"The `{_CONFIG}` of {filepath} is too large.")
    content = _member(archive, _CONFIG, os.path.getsize(filepath))
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"The `{_CONFIG}` of {filepath} is no JSON: {error}") from error


def _read_assets(archive, model, limit):
    names = [n for n in archive.namelist() if n.startswith(_ASSETS) and not n.endswith("/")]
    if not names:
        return
    for path, part in _with_assets(model):
        start = _ASSETS + path
        own = [n for n in names if n.startswith(start) and "/" not in n[len(start) :]]
        if not own or not hasattr(part, "load_assets"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name in own:
                with open(os.path.join(folder, name[len(start) :]), "wb") as file:
                    shutil.copyfileobj(io.BytesIO(_member(archive, name, limit)), file)
            part.load_assets(folder)
