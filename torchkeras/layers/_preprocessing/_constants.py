"""Tensors that a layer computes from its arguments: they move with it, and stand in no file."""

from typing import Any

import torch

from torchkeras import _device


def keep(layer, name, value):
    """Makes a tensor a constant of a layer, where the one before was, or on the default device."""
    held = layer._buffers.get(name)
    device = _device.default_device() if held is None else held.device
    value = torch.as_tensor(value)
    if device.type != "meta":  # which would drop the values
        value = value.to(device)
    layer.register_buffer(name, value, persistent=False)


def at(layer, name, device) -> Any:
    """A constant of a layer on a device, to which it moves if it is elsewhere."""
    value = layer._buffers[name]
    if value.device != device:
        value = value.to(device)
        if device.type != "meta":
            layer._buffers[name] = value
    return value
