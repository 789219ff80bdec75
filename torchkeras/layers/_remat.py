"""Rematerialization: activations are computed again in the backward pass, not kept."""

import contextlib
import math
import threading
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from torchkeras import tree
from torchkeras._variable import Variable
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers import _call, _tracking

# What a layer keeps of its last call.
_OF_A_CALL = ("_cast_to", "_losses", "_loss_stamp", "_stamp")
_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class Remat(NamedTuple):
    """What a scope says to the layers made inside it."""

    mode: Any
    output_size_threshold: int
    layer_names: tuple


class _Scopes(threading.local):
    def __init__(self):
        self.stack = []


_scopes = _Scopes()


class RematScope:
    """Layers made inside keep less for the backward pass, and compute it again there.

    What counts is the scope a layer is made in, not the one it is called in. An inner scope
    takes the place of an outer one.

    Args:
        mode: ``"full"``: all layers; ``"activations"``: the activation of layers that have one;
            ``"larger_than"``: layers whose outputs are larger than ``output_size_threshold``;
            ``"list_of_layers"``: those named in ``layer_names``; ``None``: no layer.
        output_size_threshold: Number of elements of the outputs.
        layer_names: Names of layers.

    Raises:
        ValueError: for another mode.

    Example:
        >>> with torchkeras.RematScope("list_of_layers", layer_names=["wide"]):
        ...     wide = torchkeras.layers.Dense(64, "relu", name="wide")
        ...     narrow = torchkeras.layers.Dense(2)  # as ever
        >>> narrow(wide(torch.ones(3, 4))).sum().backward()
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in _MODES:
            raise ValueError(
                f"Invalid mode '{mode}'. Supported modes are: 'full', 'activations', "
                "'larger_than', 'list_of_layers', or  None."
            )
        if isinstance(output_size_threshold, bool) or not isinstance(output_size_threshold, int):
            raise ValueError(
                "`output_size_threshold` must be an integer. "
                f"Received: output_size_threshold={output_size_threshold}"
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = [] if layer_names is None else list(layer_names)

    def __enter__(self):
        _scopes.stack.append(Remat(self.mode, self.output_size_threshold, tuple(self.layer_names)))
        return self

    def __exit__(self, *args, **kwargs):
        _scopes.stack.pop()


def current(name):
    """What the open scope says to a layer of that name; ``None`` if nothing."""
    if not _scopes.stack:
        return None
    found = _scopes.stack[-1]
    if found.mode is None or (found.mode == "list_of_layers" and name not in found.layer_names):
        return None
    return found


def remat(f):
    """A function that computes ``f`` again in the backward pass, so keeps only its arguments.

    If ``f`` is a layer or a method of one, the layer's state (moving averages, random seeds)
    moves on once, and is as it was when ``f`` is computed again.

    Args:
        f: Function of tensors, or a layer.

    Example:
        >>> x = torch.ones(2, requires_grad=True)
        >>> torchkeras.remat(lambda x: x.exp().sin())(x).sum().backward()
        >>> x.grad.shape
        torch.Size([2])
    """
    layer = f if isinstance(f, nn.Module) else getattr(f, "__self__", None)

    def wrapped(*args, **kwargs):
        if not torch.is_grad_enabled():
            return f(*args, **kwargs)
        options: dict[str, Any] = {"use_reentrant": False}
        # A compiled graph does not run Python again: the compiler sees to the state there.
        if isinstance(layer, nn.Module) and not torch.compiler.is_compiling():
            again = _Again(layer)
            options["context_fn"] = lambda: (again.first(), again)
        return checkpoint(f, *args, **options, **kwargs)

    return wrapped


def rematerialized(layer, call):
    """A layer's call as its scope has it."""
    how = layer._remat
    if how is None or not torch.is_grad_enabled():
        return call
    if how.mode == "activations":
        return _with_activations(layer, call)
    if how.mode != "larger_than":
        return remat(call)

    def by_size(*args, **kwargs):
        if _output_size(layer, args, kwargs) > how.output_size_threshold:
            return remat(call)(*args, **kwargs)
        return call(*args, **kwargs)

    return by_size


def _with_activations(layer, call):
    names = [n for n in ("activation", "_activate") if callable(getattr(layer, n, None))]
    if not names:
        return call

    def wrapped(*args, **kwargs):
        attributes = layer.__dict__
        kept = {n: attributes[n] for n in names if n in attributes}
        attributes.update({n: remat(getattr(layer, n)) for n in names})
        try:
            return call(*args, **kwargs)
        finally:
            for n in names:
                del attributes[n]
            attributes.update(kept)

    return wrapped


def _output_size(layer, args, kwargs):
    """The number of elements of a layer's outputs; found once for each shape of inputs."""
    sizes = layer.__dict__.setdefault("_remat_sizes", {})
    key = tuple(x.shape for x in tree.flatten((args, kwargs)) if isinstance(x, torch.Tensor))
    if key not in sizes:

        def symbol(x):
            if not isinstance(x, torch.Tensor):
                return x
            return KerasTensor(tuple(x.shape), str(x.dtype).removeprefix("torch."))

        args, kwargs = tree.map_structure(symbol, (args, kwargs))
        outputs = tree.flatten(layer.compute_output_spec(*args, **kwargs))
        sizes[key] = sum(math.prod(x.shape) for x in outputs)
    return sizes[key]


class _Again:
    """Puts a layer back to where it was, for the time that its call is run once more."""

    def __init__(self, layer):
        self.layer = layer
        self.state: Any = []

    def _variables(self):
        """What a call may change: weights that are not trained, and the states of seeds."""
        found = {}
        for module in self.layer.modules():
            for buffer in module._buffers.values():
                # Weights in few bits may be large, and no call changes them. (Whether one is
                # changed can't be asked after: torch's own kernels leave no trace of it.)
                if buffer is not None and buffer.dtype not in (torch.int8, torch.uint8):
                    found[id(buffer)] = buffer
            for value in module.__dict__.values():
                for held in _tracking.leaves(value):
                    state = getattr(held, "state", None)
                    if isinstance(state, Variable):
                        found[id(state)] = state
        return list(found.values())

    def first(self):
        """Before the call itself: how things stand."""
        ctx = _call.context
        self.context = (ctx.training, ctx.depth, ctx.stamp)
        self.modes = [(m, m.__dict__.get("_cast_to")) for m in self.layer.modules()]
        self.state = [(v, v.detach().clone()) for v in self._variables()]
        return contextlib.nullcontext()

    def __enter__(self):
        ctx = _call.context
        self.outside = (ctx.training, ctx.depth, ctx.stamp)
        ctx.training, ctx.depth, ctx.stamp = self.context
        self.attributes = [
            (m, {n: m.__dict__[n] for n in _OF_A_CALL if n in m.__dict__}) for m, _ in self.modes
        ]
        for module, cast in self.modes:
            if "_losses" in module.__dict__:
                module.__dict__.update(_cast_to=cast, _losses=[])
        self.now = [(v, v.detach().clone()) for v, _ in self.state]
        self._set(self.state)

    def __exit__(self, *args):
        self._set(self.now)
        for module, attributes in self.attributes:
            module.__dict__.update(attributes)
        ctx = _call.context
        ctx.training, ctx.depth, ctx.stamp = self.outside

    @staticmethod
    def _set(values):
        with torch.no_grad():
            for variable, value in values:
                variable.copy_(value)
