"""TorchOptimizer: a torch.optim optimizer where a Keras one may stand."""

from typing import Any

import torch


class TorchOptimizer:
    """Steps a ``torch.optim`` optimizer on the gradients that the train step computed.

    Args:
        optimizer: An optimizer, or a function of the parameters that makes one (a class,
            a ``functools.partial``).
    """

    def __init__(self, optimizer):
        made = isinstance(optimizer, torch.optim.Optimizer)
        self.optimizer: Any = optimizer if made else None
        self._make: Any = None if made else optimizer

    @property
    def built(self):
        """Whether the optimizer has its parameters."""
        return self.optimizer is not None

    def build(self, variables):
        """Gives the optimizer its parameters, where it has none yet."""
        if self.optimizer is None:
            self.optimizer = self._make(list(variables))
            return
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        if not any(id(v) in held for v in variables):
            raise ValueError(
                "`optimizer` holds none of the model's weights. Make it from "
                "`model.parameters()` after the model is built, or pass its class."
            )

    def apply(self, grads, trainable_variables=None):
        """One step along gradients, which the optimizer looks for in the parameters."""
        for variable, gradient in zip(trainable_variables or (), grads):
            variable.grad = gradient
        self.optimizer.step()

    def scale_loss(self, loss):
        """The loss unchanged."""
        return loss

    @property
    def variables(self):
        """The state tensors of the optimizer."""
        if self.optimizer is None:
            return []
        return [
            t
            for s in self.optimizer.state.values()
            for t in s.values()
            if isinstance(t, torch.Tensor)
        ]

    @property
    def learning_rate(self):
        """The learning rate of the first parameter group; setting it sets all groups."""
        return self.optimizer.param_groups[0]["lr"]

    @learning_rate.setter
    def learning_rate(self, value):
        for group in self.optimizer.param_groups:
            group["lr"] = float(value)

    def __getattr__(self, name):
        if name.startswith("__") or name in ("optimizer", "_make"):
            raise AttributeError(name)
        return getattr(self.optimizer, name)


def is_torch_optimizer(value):
    """Whether a value is a torch optimizer, its class, or a partial of it."""
    if isinstance(value, torch.optim.Optimizer):
        return True
    made = getattr(value, "func", value)
    return isinstance(made, type) and issubclass(made, torch.optim.Optimizer)
