"""Weights in files: checked before they are read, never half-written."""

import importlib.util
import os
import warnings

import torch

from torchkeras.saving import _archive, _h5

_ENDINGS = "The filename must end in `.weights.h5` (Keras' format) or `.safetensors`."


def _safetensors():
    if importlib.util.find_spec("safetensors") is None:
        raise ImportError(
            "Files that end in `.safetensors` need the package `safetensors`. Install it: "
            "pip install 'keras-on-torch[safetensors]'"
        )
    import safetensors
    import safetensors.torch

    return safetensors


def _checked(model, filepath, what):
    filepath = os.fspath(filepath)
    endings = (".weights.h5", ".safetensors") + ((".keras",) if what == "loading" else ())
    if not filepath.endswith(endings):
        raise ValueError(f"{_ENDINGS} Received: filepath={filepath}")
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before "
            f"{what} them."
        )
    return filepath


def save_weights(model, filepath, overwrite=True, max_shard_size=None):
    """Writes the weights of a model to a file, whole or not at all.

    Args:
        model: A model that is built.
        filepath: Path that ends in ``.weights.h5`` or ``.safetensors``.
        overwrite: Whether a file already there is replaced; else asks.
        max_shard_size: Must be ``None``: one file holds all weights.

    Raises:
        ValueError: for another ending, or if the weights are not there yet.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
        >>> torchkeras.saving.save_weights(model, "model.h5")
        Traceback (most recent call last):
        ...
        ValueError: The filename must end in `.weights.h5` (Keras' format) or `.safetensors`...
    """
    filepath = _checked(model, filepath, "saving")
    if max_shard_size is not None:
        raise ValueError(
            "`max_shard_size` must be None: one file holds all weights. "
            f"Received: max_shard_size={max_shard_size}"
        )
    if not _h5.may_write(filepath, overwrite):
        return
    if filepath.endswith(".safetensors"):
        # A tensor that two layers share is written under each of its names.
        tensors = {
            k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
            for k, v in model.state_dict().items()
        }
        content = _safetensors().torch.save(tensors)
    else:
        content = _h5.to_bytes(model)
    _h5.replace_file(filepath, lambda file: file.write(content))


def load_weights(model, filepath, skip_mismatch=False, objects_to_skip=None):
    """Reads the weights of a model; shapes are compared before data is read.

    Args:
        model: A model that is built.
        filepath: Path that ends in ``.weights.h5``, ``.keras`` or ``.safetensors``.
        skip_mismatch: Whether weights of another shape or name are left as they are.
        objects_to_skip: Layers whose weights are left as they are; ``.weights.h5`` only.

    Raises:
        ValueError: if a weight is missing, unknown or of another shape.
        FileNotFoundError: if there is no such file.
    """
    filepath = _checked(model, filepath, "loading")
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"No weights file at filepath={filepath}")
    if not filepath.endswith(".safetensors"):
        source = _archive.weights_of(filepath) if filepath.endswith(".keras") else filepath
        with _h5.opened(source) as file:
            problems = _h5.read(model, file, skip_mismatch, objects_to_skip or ())
        for problem in problems:
            warnings.warn(f"Left as they are: the weights of {problem}", stacklevel=3)
        return
    if objects_to_skip:
        raise ValueError("`objects_to_skip` needs a file that ends in `.weights.h5`.")
    _load_safetensors(model, filepath, skip_mismatch)


def _load_safetensors(model, filepath, skip_mismatch):
    safetensors = _safetensors()
    state = model.state_dict()
    try:
        with safetensors.safe_open(filepath, framework="pt") as file:
            found = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            problems = [f"'{k}' is missing" for k in state if k not in found]
            problems += [f"'{k}' is unknown to the model" for k in found if k not in state]
            problems += [
                f"'{k}' has shape {found[k]}, the model's has {tuple(state[k].shape)}"
                for k in found
                if k in state and found[k] != tuple(state[k].shape)
            ]
            if problems and not skip_mismatch:
                raise ValueError(
                    f"The weights in {filepath} do not fit model '{model.name}': "
                    f"{'; '.join(problems[:5])}{' ...' if len(problems) > 5 else ''}. "
                    "Pass `skip_mismatch=True` to load those that do."
                )
            with torch.no_grad():
                for key, tensor in state.items():
                    if found.get(key) == tuple(tensor.shape):
                        tensor.copy_(file.get_tensor(key))
    except safetensors.SafetensorError as error:
        raise ValueError(f"{filepath} is no readable safetensors file: {error}") from error
