"""Where new tensors live: the CUDA device when there is one, unless torch was told otherwise."""

import torch
from torch.utils._device import DeviceContext


def default_device():
    """The device for new weights and data.

    An explicit `torch.set_default_device(...)` or `with torch.device(...)` decides;
    otherwise the current CUDA device when there is one, else the CPU.
    """
    # `torch.compile` cannot trace the question, but knows where a tensor would be.
    tracing = torch.compiler.is_compiling()
    chosen = torch.empty(0).device if tracing else torch.get_default_device()
    if chosen.type == "cpu" and torch.cuda.is_available() and not _told_otherwise():
        return torch.device("cuda", torch.cuda.current_device())
    return chosen


def _told_otherwise():
    # torch keeps an explicit default device as a function mode; no mode: nobody chose.
    return getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None) is not None or (
        any(
            isinstance(mode, DeviceContext)
            for mode in torch.overrides._get_current_function_mode_stack()
        )
    )


# Asked once, while tracing.
_told_otherwise._dynamo_marked_constant = True


def device(device_name):
    """A context in which new tensors are made on a device.

    Args:
        device_name: ``"cpu"``, ``"gpu:0"`` or any name that torch knows.

    Raises:
        ValueError: for any other name.

    Example:
        >>> with torchkeras.device("cpu:0"):
        ...     layer = torchkeras.layers.Dense(2)
    """
    try:
        return torch.device(str(device_name).lower().replace("gpu", "cuda"))
    except RuntimeError:
        raise ValueError(
            "Invalid value for argument `device_name`. Expected a string like 'gpu:0' or 'cpu'. "
            f"Received: device_name='{device_name}'"
        ) from None


def device_of(module):
    """The device of a module's first weight, else the default one."""
    for tensor in module.parameters():
        return tensor.device
    for tensor in module.buffers():
        return tensor.device
    return default_device()
