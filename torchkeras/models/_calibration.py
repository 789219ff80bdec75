"""GPTQ and AWQ of a model: data is shown to its blocks, one after the other."""

import itertools
import warnings
from typing import Any

import numpy as np
import torch

from torchkeras import _device, _state
from torchkeras.layers._calibration import MODES
from torchkeras.layers._layer import Layer
from torchkeras.layers._quantization import Quantizable

__all__ = ["MODES", "calibrate"]


def calibrate(mode, config, structure, wanted, type_check):
    """Quantizes the layers of blocks by what they see of calibration data.

    A block sees what the blocks before it, quantized already, make of the data.

    Args:
        mode: ``"gptq"`` or ``"awq"``.
        config: A `GPTQConfig` or `AWQConfig`.
        structure: Dict of ``"pre_block_layers"`` and ``"sequential_blocks"``.
        wanted: Function of a layer: whether it is quantized.
        type_check: Whether subclasses of layers are left as they are.

    Raises:
        ValueError: without data or blocks, or for a layer that cannot be calibrated: nothing
            is changed then. For a layer that its block does not call.
    """
    before, blocks = _parts(mode, structure)
    layers: list[Any] = [_quantizable(block, mode, wanted, type_check) for block in blocks]
    for layer in itertools.chain(*layers):
        layer._check_unquantized(mode)
        layer._check_calibration()
    pieces = windows(config)
    for layer in itertools.chain(*layers):
        layer.quantize(mode, type_check=type_check, config=config)
    _state.touch()
    with torch.no_grad():
        device = _device.device_of(blocks[0])
        values = [_run(before, torch.from_numpy(piece[None]).to(device)) for piece in pieces]
        for i, (block, inside) in enumerate(zip(blocks, layers)):
            _quantize_block(block, inside, values)
            if i + 1 < len(blocks):
                values = [block(value, training=False) for value in values]


def _parts(mode, structure):
    if structure is None:
        raise ValueError(
            f"For mode='{mode}', a valid quantization structure must be provided either via "
            "`config.quantization_layer_structure` or by overriding "
            "`model.get_quantization_layer_structure(mode)`. The structure should be a dictionary "
            "with keys 'pre_block_layers' and 'sequential_blocks'."
        )
    if not isinstance(structure, dict):
        raise ValueError(
            "`quantization_layer_structure` must be a dict of lists of layers. "
            f"Received: {type(structure)}"
        )
    blocks = list(structure.get("sequential_blocks") or [])
    if not blocks:
        raise ValueError("No sequential blocks found in the provided structure to quantize.")
    return list(structure.get("pre_block_layers") or []), blocks


def _quantizable(block: Any, mode, wanted, type_check):
    """The layers of a block that are to be quantized."""
    found: list[Any] = []
    layer: Any
    for layer in block._flatten_layers():
        if not isinstance(layer, Quantizable) or not wanted(layer):
            continue
        if mode in layer._quantizable and not (
            type_check and type(layer) is not layer._quantizable_class
        ):
            found.append(layer)
        else:
            warnings.warn(
                f"{layer!r} is left as it is: it has no way to be quantized with mode='{mode}'.",
                stacklevel=4,
            )
    return found


def _run(layers, value):
    for layer in layers:
        value = layer(value, training=False) if isinstance(layer, Layer) else layer(value)
    return value


def _quantize_block(block, layers: Any, values):
    """Rounds the layers of a block by what they see while it runs."""
    seen = {}

    def look(layer, args, kwargs):
        x = args[0] if args else kwargs["inputs"]
        seen[layer] = layer._look_at(x, seen.get(layer))

    hooks = [layer.register_forward_pre_hook(look, with_kwargs=True) for layer in layers]
    try:
        for value in values:
            _run([block], value)
    finally:
        for hook in hooks:
            hook.remove()
    for layer in layers:
        if layer not in seen:
            raise ValueError(
                f"Layer '{layer.name}' was not called while its block '{block.name}' ran: there "
                "is nothing to calibrate it by. Leave it out with `filters`."
            )
        layer._calibrate(seen[layer])


def windows(config):
    """Pieces of the calibration data: ``num_samples`` arrays of ``sequence_length`` integers.

    All data stands in one row, repeated if it is too short; the pieces begin at equal
    distances in it.

    Raises:
        TypeError: if the data cannot be iterated over.
        ValueError: if there is none.
    """
    dataset = config.dataset
    if dataset is None:
        raise ValueError(
            f"{config.mode.upper()} quantization requires a dataset. Please provide it in the "
            f"`{type(config).__name__}`."
        )
    if isinstance(dataset, str) or not hasattr(dataset, "__iter__"):
        raise TypeError(
            "The `dataset` argument must be an iterable (e.g., a list of strings, a generator, or "
            f"a NumPy array). Got type: {type(dataset).__name__}. Please pass the loaded dataset "
            "directly."
        )
    rows = [_integers(item, config.tokenizer) for item in dataset]
    row = np.concatenate(rows) if rows else np.empty(0)
    if not row.size:
        raise ValueError("Provided dataset is empty.")
    count, length = config.num_samples, config.sequence_length
    row = np.tile(row, -(-count * length // row.size))
    places = row.size - length + 1
    step = max(places // count, 1)
    starts = np.arange(count) * step % places
    return row[starts[:, None] + np.arange(length)].astype("int32")


def _integers(item, tokenizer):
    """The integers of one text, or of what is integers already."""
    if isinstance(item, str):
        if tokenizer is None:
            raise ValueError(
                "A dataset of strings requires a tokenizer. Please provide it in the config."
            )
        item = getattr(tokenizer, "tokenize", tokenizer)(item)
    if isinstance(item, torch.Tensor):
        item = item.detach().cpu()
    return np.asarray(item).reshape(-1)
