"""How a layer stands in a file: its own weights by number, its parts by their attributes."""

from typing import Any

import numpy as np
from torch import nn

from torchkeras.saving import _h5


class Saved:
    """Mixin of layers: what they put into weights files, and take out of them.

    A layer that keeps something else than its weights overrides `save_own_variables` and
    `load_own_variables`; one that keeps files beside them has ``save_assets(folder)`` and
    ``load_assets(folder)``.
    """

    def save_own_variables(self: Any, store):
        """Puts the layer's own weights into a dict under ``"0"``, ``"1"``...

        Args:
            store: Dict to fill; those of sublayers are not among them.
        """
        for i, variable in enumerate(self._saved_variables()):
            store[str(i)] = variable

    def load_own_variables(self: Any, store):
        """Sets the layer's own weights from what `save_own_variables` put into a dict.

        Args:
            store: The dict. Shapes are compared before anything is read.

        Raises:
            ValueError: if it has another number of arrays, or one of another shape.
        """
        problem = self._problem(store)
        if problem:
            raise ValueError(problem)
        for i, variable in enumerate(self._saved_variables()):
            variable.assign(store[str(i)])

    def _problem(self: Any, store):
        """Why the arrays of a store do not fit, found without reading them; ``None`` if they do."""
        variables = self._saved_variables()
        if len(store) != len(variables):
            if not variables and not self.built:
                return (
                    f"Layer '{self.name}' was never built and thus it doesn't have any variables. "
                    f"However the weights file lists {len(store)} variables for this layer. Build "
                    "it before its weights are loaded: call it, or `layer.build(input_shape)`."
                )
            return (
                f"Layer '{self.name}' expected {len(variables)} variables, but received "
                f"{len(store)} variables during loading. "
                f"Expected: {[v.name for v in variables]}"
            )
        for i, variable in enumerate(variables):
            key = str(i)
            if key not in store:
                return f"Layer '{self.name}': the file has no weight '{key}'."
            shape = store.shape(key) if isinstance(store, _h5.Store) else np.shape(store[key])
            if tuple(shape) != tuple(variable.shape):
                return (
                    f"Layer '{self.name}': the weight '{variable.path}' has shape "
                    f"{tuple(variable.shape)}, the file's has {tuple(shape)}."
                )
        return None

    def _checks_itself(self):
        """Whether `_problem` tells of `load_own_variables`: no class of a user's replaced it."""
        return getattr(type(self).load_own_variables, "_by_number", False)

    def _saved_variables(self: Any):
        trainable, others = self._own_variables()
        return [*trainable, *others]

    def _saved_children(self: Any):
        """The parts of this layer by attribute: public names first, each kind sorted."""
        held = {key for keys in self._tracked.values() for key in keys}
        found = {k: m for k, m in self._modules.items() if m is not None and k not in held}
        for name, value in self.__dict__.items():
            # Lists and dicts of layers, and second names of layers.
            if name in self._tracked or isinstance(value, nn.Module):
                found.setdefault(name, value)
        return sorted(found.items(), key=lambda item: (item[0].startswith("_"), item[0]))


Saved.load_own_variables._by_number = True
