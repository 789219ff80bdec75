"""Optimizers: how gradients move the weights."""

from torchkeras._registry import Registry
from torchkeras.optimizers import schedules
from torchkeras.optimizers._adam import Adam, Adamax, AdamW, Lamb, Nadam
from torchkeras.optimizers._adaptive import Adadelta, Adafactor, Adagrad, Ftrl, RMSprop
from torchkeras.optimizers._muon import Muon
from torchkeras.optimizers._optimizer import Optimizer
from torchkeras.optimizers._sgd import SGD, Lion

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_registry = Registry("optimizer", Optimizer)
for _class in (
    *(SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax),
    *(Ftrl, Lamb, Lion, Muon, Nadam, RMSprop),
):
    _registry.add(_class, **{_class.__name__.lower(): _class})


def get(identifier):
    """An optimizer from its name, its config, or itself; ``None`` stays ``None``.

    Args:
        identifier: Name (in any case), config dict, class or optimizer.

    Raises:
        ValueError: if nothing has that name, or it is no optimizer.

    Example:
        >>> torchkeras.optimizers.get("sgd").learning_rate.item()
        0.0099...
    """
    if isinstance(identifier, str) and identifier.lower() in _registry.table:
        identifier = identifier.lower()
    optimizer = _registry.get(identifier)
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise ValueError(f"Could not interpret optimizer identifier: {identifier}")
    return optimizer


def serialize(optimizer):
    """The config of an optimizer.

    Args:
        optimizer: The optimizer.

    Example:
        >>> torchkeras.optimizers.serialize(torchkeras.optimizers.SGD())["class_name"]
        'SGD'
    """
    return _registry.serialize(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer of a config.

    Args:
        config: What `serialize` returned; the form that Keras 2 wrote will do.
        custom_objects: Dict from name to the user's classes.

    Raises:
        TypeError: if nothing has that name.

    Example:
        >>> config = torchkeras.optimizers.serialize(torchkeras.optimizers.SGD(0.5))
        >>> torchkeras.optimizers.deserialize(config).learning_rate.item()
        0.5
    """
    return _registry.deserialize(config, custom_objects)
