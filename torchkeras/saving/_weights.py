"""Weights in safetensors files: checked before they are read, never half-written."""

import importlib.util
import os
import tempfile

import torch


def _safetensors(filepath):
    if not str(filepath).endswith(".safetensors"):
        raise ValueError(
            "The filename must end in `.safetensors`: Keras' own weight formats are not there yet. "
            f"Received: filepath={filepath}"
        )
    if importlib.util.find_spec("safetensors") is None:
        raise ImportError(
            "Weight files need the package `safetensors`. Install it: "
            "pip install 'keras-on-torch[safetensors]'"
        )
    import safetensors
    import safetensors.torch

    return safetensors


def save_weights(model, filepath, overwrite=True, max_shard_size=None):
    """Writes a model's weights: to a temporary file beside the target, which then replaces it."""
    filepath = os.fspath(filepath)
    safetensors = _safetensors(filepath)
    if max_shard_size is not None:
        raise ValueError(
            "`max_shard_size` must be None: one file holds all weights. "
            f"Received: max_shard_size={max_shard_size}"
        )
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before "
            "saving them."
        )
    if os.path.exists(filepath) and not overwrite:
        answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ")
        if answer.strip().lower() != "y":
            return
    # A tensor that two layers share is written under each of its names.
    tensors = {
        k: v.detach().cpu().clone(memory_format=torch.contiguous_format)
        for k, v in model.state_dict().items()
    }
    folder = os.path.dirname(os.path.abspath(filepath))
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(safetensors.torch.save(tensors))
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, os.path.realpath(filepath))
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def load_weights(model, filepath, skip_mismatch=False):
    """Reads weights into a model; nothing is changed if a name or shape does not fit."""
    filepath = os.fspath(filepath)
    safetensors = _safetensors(filepath)
    if not os.path.exists(filepath):
        raise FileNotFoundError(f"No weights file at filepath={filepath}")
    if not model.built:
        raise ValueError(
            f"Model '{model.name}' has no weights yet. Build it, or call it on data, before "
            "loading them."
        )
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
