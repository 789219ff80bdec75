"""`stateless_call`: a layer as a function of its variables' values."""

import contextlib
from typing import Any

import torch

from torchkeras import _dtypes
from torchkeras._variable import Variable
from torchkeras.layers._remat import _OF_A_CALL


def stateless_call(layer, trainable, others, args, kwargs, return_losses):
    """The outputs for values of the variables, and the values that the others have then."""
    name = type(layer).__name__
    if not layer.built:
        raise ValueError(
            f"To call stateless_call, {name} must be built (i.e. its variables must have been "
            "already created). You can build it by calling it on some data."
        )
    new, kept = {}, []
    for kind, values, variables in (
        ("trainable_variables", trainable, layer.trainable_variables),
        ("non_trainable_variables", others, layer.non_trainable_variables),
    ):
        if len(values) != len(variables):
            raise ValueError(
                f"Argument `{kind}` must be a list of tensors corresponding 1:1 to "
                f"{name}().{kind}. Received list with length {len(values)}, but expected "
                f"{len(variables)} variables."
            )
        changes = kind == "non_trainable_variables"
        kept = [_stand_in(v, value, changes) for v, value in zip(variables, values)]
        new.update((id(v), stand_in) for v, stand_in in zip(variables, kept))
    regularized = layer._regularized() if return_losses else []
    with _in_place_of(layer, new):
        outputs = layer(*args, **kwargs)
        losses = []
        if return_losses:
            losses = layer._call_losses()
            losses += [v.regularizer(new[id(v)]) for v in regularized]
    values = [v.detach().as_subclass(torch.Tensor) for v in kept]
    return (outputs, values, losses) if return_losses else (outputs, values)


def _stand_in(variable, value, changes):
    """A tensor with a variable's ways whose gradients go to the value, or a copy of it."""
    like = variable.detach()
    value = _dtypes.to_tensor(value, like.dtype, like.device)
    if value.shape != like.shape:
        raise ValueError(
            f"The value for variable '{getattr(variable, 'path', '')}' must have its shape "
            f"{tuple(like.shape)}. Received: shape {tuple(value.shape)}"
        )
    if changes:
        value = value.detach().clone()
    if not isinstance(variable, Variable):
        return value
    # A view, so that the value itself stays a plain tensor.
    stand_in = value.view_as(value).as_subclass(type(variable))
    stand_in.__dict__.update(variable.__dict__)
    return stand_in


@contextlib.contextmanager
def _in_place_of(layer, new):
    """Lets other tensors stand where a layer has its variables (those with an id in ``new``)."""
    undo, seen = [], set()

    def put(table: Any, key, value):
        undo.append((table, key, table[key]))
        _set(table, key, value)

    def visit(table: Any):
        if id(table) in seen:
            return
        seen.add(id(table))
        items: Any = enumerate(table) if isinstance(table, list) else list(table.items())
        for key, value in items:
            if id(value) in new:
                put(table, key, new[id(value)])
            elif isinstance(value, (list, dict)):
                visit(value)
            elif type(value) is tuple and any(id(leaf) in new for leaf in value):
                put(table, key, tuple(new.get(id(leaf), leaf) for leaf in value))
            elif id(getattr(value, "state", None)) in new:  # a stream of seeds
                put(vars(value), "state", new[id(value.state)])

    try:
        for module in layer.modules():
            own = module.__dict__
            for name in _OF_A_CALL:
                if name in own:
                    put(own, name, own[name])
            visit(own)
        yield
    finally:
        for table, key, value in reversed(undo):
            _set(table, key, value)


def _set(table: Any, key, value):
    # Not through the containers that tell their layer of each change.
    kind: Any = list if isinstance(table, list) else dict
    kind.__setitem__(table, key, value)
