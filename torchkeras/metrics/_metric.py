"""The base of all metrics: variables that gather what batches tell, and a result."""

import contextlib

import torch

from torchkeras import _device, _dtypes, _state, config, dtype_policies, initializers, tree
from torchkeras._configurable import Configurable
from torchkeras._variable import Variable


class Metric(Configurable):
    """Base of all metrics.

    A subclass makes variables in ``__init__`` with `add_variable`, changes them in
    ``update_state`` and computes a tensor (or a dict of tensors) from them in ``result``.
    The variables of metrics set as attributes count as its own.

    Args:
        dtype: Element type of the variables, or a dtype policy whose compute type is taken;
            default floatx.
        name: Name of the metric; default a unique one from the class.

    Example:
        >>> class Largest(torchkeras.metrics.Metric):
        ...     def __init__(self, name="largest", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.value = self.add_variable(shape=(), initializer="zeros", name="value")
        ...     def update_state(self, values):
        ...         self.value.assign(torch.maximum(self.value, values.max()))
        ...     def result(self):
        ...         return self.value
        >>> metric = Largest()
        >>> metric.update_state(torch.tensor([1.0, 3.0]))
        >>> float(metric(torch.tensor([2.0])))
        3.0
    """

    # Whether more ("up") or less ("down") is better, where that is known.
    _direction = None

    def __init__(self, dtype=None, name=None):
        self.name = name or _state.unique_name(_state.snake_case(type(self).__name__))
        policy = dtype_policies.get(config.floatx() if dtype is None else dtype)
        self._dtype = policy.compute_dtype
        self._torch_dtype = _dtypes.torch_dtype(self._dtype)
        self._variables = []

    @property
    def dtype(self):
        """Name of the element type of the variables."""
        return self._dtype

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """A new variable of the metric, which `reset_state` sets to zero.

        Args:
            shape: Its shape.
            initializer: Name of an initializer, an initializer, or a tensor to start from.
            dtype: Element type; default the metric's.
            aggregation: How replicas are combined: ``"sum"``, ``"mean"``, ``"none"`` or
                ``"only_first_replica"``.
            name: Last part of its path.

        Raises:
            RuntimeError: if ``super().__init__()`` was not called before.
        """
        if "_variables" not in vars(self):
            raise RuntimeError(
                "You forgot to call `super().__init__()` in the `__init__()` method. Go add it!"
            )
        if not isinstance(initializer, torch.Tensor):
            initializer = initializers.get("zeros" if initializer is None else initializer)
        with _state.name_scope(self.name):
            variable = Variable(
                initializer,
                shape=shape,
                dtype=dtype or self._dtype,
                trainable=False,
                aggregation=aggregation,
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """`add_variable` with a scalar of zero as default; a name may also come first."""
        if isinstance(shape, str):  # as Keras 2 had it
            shape, name = (), shape
        return self.add_variable(shape, initializer, dtype, name=name)

    @property
    def variables(self):
        """The metric's variables, then those of the metrics it holds."""
        found = {id(v): v for v in self._variables}
        metrics = []
        for value in self._held():
            if isinstance(value, Variable):
                found.setdefault(id(value), value)
            elif isinstance(value, Metric):
                metrics.append(value)
        for metric in metrics:
            found.update((id(v), v) for v in metric.variables)
        return list(found.values())

    def _held(self):
        """What stands in the attributes, also in lists and dicts."""
        return tree.flatten([v for k, v in vars(self).items() if k != "_init_args"])

    def to(self, device):
        """Moves the variables to a device, in place, and returns the metric."""
        for key, value in vars(self).items():
            if type(value) is torch.Tensor:
                setattr(self, key, value.to(device))
        for value in self._held():
            if isinstance(value, Metric):
                value.to(device)
        for variable in self.variables:
            variable.data = variable.data.to(device)
        return self

    def _tensor(self, value, dtype=None, device=None):
        """What users hand over as a tensor without gradients; arrays go to the metric's device."""
        if isinstance(value, torch.Tensor):
            value = value.detach()
        elif device is None:
            device = self._variables[0].device if self._variables else _device.default_device()
        return _dtypes.to_tensor(value, dtype, device)

    def update_state(self, *args, **kwargs):
        """Takes in one batch; a subclass writes this."""
        raise NotImplementedError(f"{type(self).__name__} must implement `update_state()`.")

    def result(self):
        """The metric over all batches since the last reset; a subclass writes this."""
        raise NotImplementedError(f"{type(self).__name__} must implement `result()`.")

    def reset_state(self):
        """Sets all variables to zero."""
        for variable in self.variables:
            variable.zero_()

    def __call__(self, *args, **kwargs):
        """Takes in one batch and returns the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """Values of the variables after one more batch; the metric itself stays as it is.

        Args:
            metric_variables: Values of `variables` before the batch.
            *args: Arguments of `update_state`.
            **kwargs: Arguments of `update_state`.

        Raises:
            ValueError: if the number of values is not that of the variables.
        """
        with self._borrowed(metric_variables) as variables:
            self.update_state(*args, **kwargs)
            return [_as_tensor(v) for v in variables]

    def stateless_result(self, metric_variables):
        """The result that values of the variables amount to.

        Args:
            metric_variables: Values of `variables`.

        Raises:
            ValueError: if the number of values is not that of the variables.
        """
        with self._borrowed(metric_variables):
            # A variable among the results goes back to its own value hereafter.
            return tree.map_structure(_as_tensor, self.result())

    def stateless_reset_state(self):
        """Values of the variables at the start."""
        return [torch.zeros_like(v.data) for v in self.variables]

    @contextlib.contextmanager
    def _borrowed(self, values):
        """Lets the variables hold copies of other values for a while."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, but "
                f"expected {len(variables)} variables."
            )
        kept = [v.data for v in variables]
        try:
            for variable, value in zip(variables, values):
                variable.data = _dtypes.to_tensor(value, variable.dtype).detach().clone()
            yield variables
        finally:
            for variable, value in zip(variables, kept):
                variable.data = value

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _as_tensor(value):
    if isinstance(value, Variable):
        return value.detach().as_subclass(torch.Tensor)
    return value
