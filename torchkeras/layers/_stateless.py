"""`stateless_call`: a layer as a function of its variables' values."""

import contextlib
from typing import Any

import torch

from torchkeras import _dtypes
from torchkeras._variable import Variable
from torchkeras.layers._remat import _OF_A_CALL


class Stateless:
    """Mixin of layers: their call as a function of their variables' values."""

    def stateless_call(
        self: Any,
        trainable_variables,
        non_trainable_variables,
        *args,
        return_losses=False,
        **kwargs,
    ):
        """Calls the layer as a function of its variables' values, which leaves it as it is.

        Gradients go to the values: `torch.func.grad`, `torch.func.vmap` and ``backward`` take
        them from there.

        Args:
            trainable_variables: Values for `trainable_variables`.
            non_trainable_variables: Values for `non_trainable_variables`; random layers have
                the state of their seeds there.
            *args: Arguments of the call.
            return_losses: Whether the terms of the loss are returned, too.
            **kwargs: Keyword arguments of the call.

        Returns:
            The outputs, and the values that the non-trainable variables have after the call;
            with ``return_losses`` the list of terms, too.

        Raises:
            ValueError: if the layer is not built, or values and variables do not fit.

        Example:
            >>> layer = torchkeras.layers.Dense(1, use_bias=False)
            >>> layer.build((None, 2))
            >>> loss = lambda kernel: layer.stateless_call([kernel], [], torch.ones(3, 2))[0].sum()
            >>> torch.func.grad(loss)(torch.zeros(2, 1)).flatten()
            tensor([3., 3.])
        """
        name = type(self).__name__
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {name} must be built (i.e. its variables must have been "
                "already created). You can build it by calling it on some data."
            )
        new, kept = {}, []
        for kind, values, variables in (
            ("trainable_variables", trainable_variables, self.trainable_variables),
            ("non_trainable_variables", non_trainable_variables, self.non_trainable_variables),
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
        regularized = self._regularized() if return_losses else []
        with _in_place_of(self, new):
            outputs = self(*args, **kwargs)
            losses = []
            if return_losses:
                losses = self._call_losses()
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
                stream: Any = value
                put(vars(stream), "state", new[id(stream.state)])

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
