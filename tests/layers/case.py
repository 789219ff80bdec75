"""A row of the table of layers.

Shapes stand for inputs: a tuple is one tensor, a list a list of tensors, `Args` several
positional arguments. `Of` stands for a layer inside a layer.
"""

import itertools
import zlib
from typing import Any, NamedTuple

import numpy as np


class Of(NamedTuple):
    """An argument that is itself a layer (or, under ``torch``, a plain module)."""

    name: str
    kwargs: dict = {}


class Args(tuple):
    """Several positional arguments."""


class Case(NamedTuple):
    """A layer, its input and what is expected of them."""

    layer: str
    kwargs: dict
    shape: Any
    output: Any
    weights: list = []
    kind: str = "float"  # "int": indices below 5
    mask: tuple | None = None  # shape of a random mask
    train_differs: bool = False
    random: bool = False  # what training returns is drawn, so not the oracle's
    trains: bool = False  # in training mode unless told otherwise, whatever the module's mode
    skip: tuple = ()  # names of checks that do not apply; the row says why

    @property
    def id(self):
        """A name that pytest can show."""
        options = ",".join(f"{k}={_short(v)}" for k, v in self.kwargs.items())
        rest = f"{self.shape}" + (",mask" if self.mask else "")
        return f"{self.layer}({options}){rest}".replace(" ", "").replace("'", "")

    def make(self, framework, **more):
        """The layer, of torchkeras or of Keras."""
        return made(Of(self.layer, {**self.kwargs, **more}), framework)

    def inputs(self, size_from=None):
        """Positional arguments as numpy arrays; the same for every call."""
        rng = np.random.default_rng(zlib.crc32(self.id.encode()))

        def draw(shape):
            if self.kind == "int":
                return rng.integers(0, 5, shape).astype("int32")
            return rng.normal(size=shape).astype("float32")

        return arguments(map_shapes(draw, self.shape))

    def mask_array(self):
        """The mask, or ``None``: random, with at least one true step in a row."""
        if self.mask is None:
            return None
        rng = np.random.default_rng(3)
        mask = rng.random(self.mask) > 0.4
        mask[..., 0] = True
        return mask

    def weight_values(self, weights):
        """Random values shaped like ``weights``; positive where a variance could stand."""
        rng = np.random.default_rng(5)
        return [rng.uniform(0.1, 0.6, np.shape(w)).astype("float32") for w in weights]


def made(value, framework):
    """``value`` with each `Of` in it made a layer of the framework."""
    if isinstance(value, Of):
        kwargs = {k: made(v, framework) for k, v in value.kwargs.items()}
        if value.name.startswith("torch."):
            import torch

            torch.manual_seed(0)
            return getattr(torch.nn, value.name.rpartition(".")[2])(**kwargs)
        return getattr(framework.layers, value.name)(**kwargs)
    if isinstance(value, list):
        return [made(v, framework) for v in value]
    return value


def map_shapes(fn, shape):
    """``fn`` of each shape of a structure."""
    if isinstance(shape, list | Args):
        return type(shape)(map_shapes(fn, s) for s in shape)
    return fn(shape)


def arguments(value):
    """The positional arguments that a row's structure stands for."""
    return tuple(value) if isinstance(value, Args) else (value,)


def _short(value):
    if isinstance(value, Of):
        return (
            value.name + "(" + ",".join(f"{k}={_short(v)}" for k, v in value.kwargs.items()) + ")"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(_short, value)) + "]"
    return getattr(value, "__name__", str(value))


def product(**options):
    """All dicts with one of the values for each name."""
    for values in itertools.product(*options.values()):
        yield dict(zip(options, values))


def windows(size, window, stride, padding, dilation=1):
    """How many windows there are along an axis: by counting where they may begin."""
    if padding == "valid":
        return sum(1 for i in range(0, size, stride) if i + (window - 1) * dilation < size)
    return len(range(0, size, stride))
