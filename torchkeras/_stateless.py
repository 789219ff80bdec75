"""StatelessScope: variables hold other values for a while, and no change outlasts it."""

import torch

from torchkeras import _dtypes, _state
from torchkeras._variable import Variable


class StatelessScope:
    """Variables hold given values inside, and none keeps what is done to it there.

    What a variable in ``state_mapping`` becomes inside is known to the scope, however it was
    changed; of others ``assign``, ``assign_add`` and ``assign_sub`` are. Gradients do not go to
    the given values: `Layer.stateless_call` lets them. A backward pass through what was
    computed inside belongs inside, too; afterwards it raises.

    Args:
        state_mapping: Pairs ``(variable, value)``.
        collect_losses: Whether terms given to ``add_loss`` of layers go to ``losses`` of the scope
            and not to the layers.
        initialize_variables: Kept for Keras' signature: variables here always have values.

    Raises:
        ValueError: for what is no variable, or a value of another shape.

    Example:
        >>> v = torchkeras.Variable([1.0, 2.0])
        >>> with torchkeras.StatelessScope([(v, torch.zeros(2))]) as scope:
        ...     w = v.assign_add([5.0, 5.0])
        >>> scope.get_current_value(v), v.detach()
        (tensor([5., 5.]), tensor([1., 2.]))
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses = []
        self.state_mapping = {}  # id of a variable -> it, and its value now
        self._kept = []
        self._open = False
        for pair in state_mapping or ():
            variable, value = pair if isinstance(pair, (tuple, list)) else (pair, None)
            self.state_mapping[id(variable)] = (variable, _checked(variable, value))

    def __enter__(self):
        self._kept = []
        self._open = True
        for variable, value in self.state_mapping.values():
            self._borrow(variable, value)
        _state.stateless.append(self)
        return self

    def __exit__(self, *args, **kwargs):
        _state.stateless.remove(self)
        self._open = False
        for variable, before in reversed(self._kept):
            key = id(variable)
            self.state_mapping[key] = (variable, variable.detach().as_subclass(torch.Tensor))
            variable.data = before
            # So that a graph made inside does not take this value for the one it had.
            torch.autograd.graph.increment_version(variable)

    def _borrow(self, variable, value):
        self._kept.append((variable, variable.data))
        variable.data = torch.empty_like(variable.data).copy_(value)

    def touch(self, variable):
        """Lets a variable that is about to change hold a copy of its value."""
        if not any(variable is kept for kept, _ in self._kept):
            self._borrow(variable, variable.data)
            self.state_mapping[id(variable)] = (variable, None)

    def add_loss(self, loss):
        """Adds a term to ``losses``.

        Args:
            loss: A scalar tensor.
        """
        self.losses.append(loss)

    def add_update(self, update):
        """Sets what a variable holds in the scope.

        Args:
            update: Pair ``(variable, value)``.
        """
        variable, value = update
        value = _checked(variable, value)
        if self._open:
            self.touch(variable)
            with torch.no_grad():
                variable.copy_(value)
        else:
            self.state_mapping[id(variable)] = (variable, value)

    def get_current_value(self, variable):
        """What a variable holds in the scope, or held at its end; ``None`` if it is not known.

        Args:
            variable: The variable.
        """
        found = self.state_mapping.get(id(variable))
        if found is None:
            return None
        return variable.detach().as_subclass(torch.Tensor) if self._open else found[1]


def _checked(variable, value):
    """The value as a tensor for that variable."""
    if not isinstance(variable, Variable):
        raise ValueError(
            "Invalid reference variable in StatelessScope: all keys in argument `mapping` must be "
            f"Variable instances. Received instead: {variable}"
        )
    value = _dtypes.to_tensor(value, variable.dtype, variable.device).detach()
    if value.shape != variable.shape:
        raise ValueError(
            "Invalid variable value in StatelessScope: all values in argument `mapping` must be "
            "tensors with a shape that matches the corresponding variable shape. For variable "
            f"'{variable.path}' of shape {tuple(variable.shape)}, received a value of shape "
            f"{tuple(value.shape)}."
        )
    return value
