"""Weights: tensors with a name, that layers, optimizers and metrics keep."""

import contextlib
import operator
from typing import Any

import numpy as np
import torch
from torch import nn

from torchkeras import _device, _dtypes, _state
from torchkeras._shapes import standardize_shape

# Finds an initializer by its name; `initializers` sets it, for it stands after this module.
named_initializer: Any = None
# What numpy makes of an operator between an array and a variable.
_OPERATORS = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.power: operator.pow,
    np.matmul: operator.matmul,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
}


class Variable(nn.Parameter):
    """A tensor that keeps its place: an `nn.Parameter` with a name and ways to set it.

    Args:
        initializer: A tensor, array or number to start from, or a function
            ``(shape, dtype) -> tensor`` or the name of an initializer, which need ``shape``.
        shape: Shape of the value, where ``initializer`` is a function.
        dtype: Name of the element type; default floatx.
        trainable: Whether gradients are taken; the same thing as ``requires_grad``.
        autocast: Whether a layer of lower compute precision may see it cast.
        aggregation: How replicas are combined: ``"none"``, ``"mean"``, ``"sum"`` or
            ``"only_first_replica"``.
        synchronization: ``"auto"``; kept for Keras' signature.
        name: Last part of ``path``.
        layout: Order of the axes in memory, slowest first; default as they stand.

    Raises:
        ValueError: if ``initializer`` is a function and ``shape`` is missing or unknown.

    Example:
        >>> v = torchkeras.Variable([1.0, 2.0], name="v")
        >>> v.assign_add([1.0, 1.0])
        <Variable path=v, shape=(2,), dtype=float32, value=[2. 3.]>
    """

    name: Any = None  # tensors have a read-only attribute of that name
    path: str
    autocast: bool
    aggregation: str
    synchronization: str
    _overwrite_with_gradient: bool
    _regularizer: Any = None
    _constraint: Any = None
    _trainable: bool

    def __new__(
        cls,
        initializer=None,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        layout=None,
    ):
        if aggregation not in (None, "none", "mean", "sum", "only_first_replica"):
            raise ValueError(
                "Invalid value for argument `aggregation`. Expected one of `None`, 'none', 'mean', "
                f"'sum', 'only_first_replica'. Received: aggregation={aggregation}"
            )
        name = name or _state.unique_name(_state.snake_case(cls.__name__))
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        device = _device.default_device()
        if isinstance(initializer, str):
            initializer = named_initializer(initializer)
        with torch.no_grad():
            if callable(initializer) and not isinstance(initializer, torch.Tensor):
                if shape is None or None in (shape := standardize_shape(shape)):
                    raise ValueError(
                        "When creating a Variable from an initializer, the `shape` argument must "
                        f"be specified and known. Received: initializer={initializer}, "
                        f"shape={shape}"
                    )
                with torch.device(device):
                    value = initializer(shape, dtype=_dtypes.standardize_dtype(dtype))
                value = _dtypes.to_tensor(value, dtype, device)
                if tuple(value.shape) != tuple(shape):
                    raise ValueError(
                        f"`initializer` returned shape {tuple(value.shape)} for the requested "
                        f"shape {tuple(shape)}. Received: initializer={initializer}"
                    )
            else:
                if isinstance(initializer, torch.Tensor):
                    device = initializer.device
                value = _dtypes.to_tensor(initializer, dtype, device)
                if shape is not None:
                    value = value.expand(standardize_shape(shape))
                value = value.detach().clone()
            if layout is not None:
                value = in_layout(value, layout)
        floating = value.dtype.is_floating_point or value.dtype.is_complex
        self = torch.Tensor._make_subclass(cls, value, bool(trainable) and floating)
        self._trainable = bool(trainable)
        self.autocast = bool(autocast)
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization
        self.name = name
        scope = _state.scope_path()
        self.path = f"{scope}/{name}" if scope else name
        self._overwrite_with_gradient = False
        return self

    # nn.Parameter's metaclass gate and tensor constructor take other arguments.
    def __init__(self, *args, **kwargs):
        pass

    @property
    def trainable(self):
        """Whether gradients are taken (``requires_grad``, seen from Keras' side)."""
        return self.requires_grad if self.dtype.is_floating_point else self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        if self.dtype.is_floating_point:
            self.requires_grad_(bool(value))
        _state.touch()

    @property
    def regularizer(self):
        """Function of the value whose result is added to the loss, or ``None``."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, function):
        self._regularizer = _function("regularizer", function)

    @property
    def constraint(self):
        """Function from the value after an update to the one that is kept, or ``None``."""
        return self._constraint

    @constraint.setter
    def constraint(self, function):
        self._constraint = _function("constraint", function)

    @property
    def overwrite_with_gradient(self):
        """Whether an optimizer replaces the value by the gradient."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value):
        if not isinstance(value, bool):
            raise TypeError(f"`overwrite_with_gradient` must be a boolean. Received: {value}")
        self._overwrite_with_gradient = value

    @property
    def value(self):
        """The tensor itself."""
        return self

    def assign(self, value):
        """Sets the value in place, cast to this dtype, and returns the variable.

        Raises:
            ValueError: if the shapes differ.
        """
        if _state.values_are_kept():
            return self
        if not isinstance(value, torch.Tensor):
            value = _dtypes.to_tensor(value, self.dtype, self.device)
        if value.shape != self.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in "
                "`variable.assign(value)` must match. "
                f"variable.shape={tuple(self.shape)}, Received: value.shape={tuple(value.shape)}. "
                f"Target variable: {self.path}"
            )
        if _state.stateless:
            _state.stateless[-1].touch(self)
        with torch.no_grad():
            self.copy_(value)
        return self

    def assign_add(self, value):
        """Adds in place and returns the variable."""
        if _state.values_are_kept():
            return self
        if _state.stateless:
            _state.stateless[-1].touch(self)
        with torch.no_grad():
            self.add_(_dtypes.to_tensor(value, self.dtype, self.device))
        return self

    def assign_sub(self, value):
        """Subtracts in place and returns the variable."""
        if _state.values_are_kept():
            return self
        if _state.stateless:
            _state.stateless[-1].touch(self)
        with torch.no_grad():
            self.sub_(_dtypes.to_tensor(value, self.dtype, self.device))
        return self

    def numpy(self, *, force=False):
        """The value as a numpy array of its own."""
        value = self.detach().cpu()
        if value.dtype is torch.bfloat16:
            value = value.float()
        return value.numpy().copy()

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.numpy(), dtype=dtype)

    # Operators in which torch promotes otherwise than Keras, or not at all. `torch.compile`
    # knows torch's alone; they are the same on floats of one type.

    def __matmul__(self, other: Any):
        if getattr(other, "dtype", None) is self.dtype:
            return torch.matmul(self, other)
        return torch.matmul(*_promoted(self, other))

    def __rmatmul__(self, other: Any):
        if getattr(other, "dtype", None) is self.dtype:
            return torch.matmul(other, self)
        return torch.matmul(*_promoted(other, self))

    def __sub__(self, other: Any):
        if getattr(other, "dtype", self.dtype) is self.dtype is not torch.bool:
            return torch.sub(self, other)
        return torch.sub(*_cast_boolean(self, other))

    def __rsub__(self, other: Any):
        if getattr(other, "dtype", self.dtype) is self.dtype is not torch.bool:
            return torch.sub(other, self)
        return torch.sub(*_cast_boolean(other, self))

    def __rtruediv__(self, other):
        # torch multiplies by the reciprocal, which rounds twice.
        return torch.true_divide(torch.as_tensor(other, device=self.device), self)

    def __and__(self, other):
        return torch.logical_and(self, torch.as_tensor(other, device=self.device))

    def __or__(self, other):
        return torch.logical_or(self, torch.as_tensor(other, device=self.device))

    def __xor__(self, other):
        return torch.logical_xor(self, torch.as_tensor(other, device=self.device))

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __round__(self, ndigits=None):
        return torch.round(self, decimals=ndigits or 0)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        """Operators beside an array are torch's, so that gradients come through them."""
        function = _OPERATORS.get(ufunc)
        if function is not None and method == "__call__" and not kwargs:
            return function(*(torch.as_tensor(x, device=self.device) for x in inputs))
        if any(isinstance(x, torch.Tensor) for x in kwargs.get("out", ())):
            return NotImplemented  # numpy cannot write into a variable: `assign` does
        inputs = [np.asarray(x) if isinstance(x, torch.Tensor) else x for x in inputs]
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __repr__(self):
        value = np.array_str(self.numpy()) if self.device.type != "meta" else "meta"
        return (
            f"<Variable path={self.path}, shape={tuple(self.shape)}, "
            f"dtype={_dtypes.standardize_dtype(self.dtype)}, value={value}>"
        )

    def moved(self, tensor):
        """This variable with the value of ``tensor``, which may be of another device or dtype."""
        tensor = tensor.detach()
        try:
            self.data = tensor
        except RuntimeError:  # another kind of tensor, such as one on the meta device
            return _rebuild(type(self), tensor, self.requires_grad, self.__dict__)
        return self

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            value = self.detach().clone(memory_format=torch.preserve_format)
            memo[id(self)] = _rebuild(type(self), value, self.requires_grad, dict(self.__dict__))
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        value = self.detach().as_subclass(torch.Tensor)
        return _rebuild, (type(self), value, self.requires_grad, dict(self.__dict__))


def _function(name, value):
    if value is not None and not callable(value):
        raise ValueError(
            f"Invalid value for attribute `{name}`. Expected a callable (such as a "
            f"`torchkeras.{name}s.{name.title()}` instance) or `None`. Received: {name}={value}"
        )
    return value


def _tensors(one, other):
    device = (one if isinstance(one, Variable) else other).device
    return torch.as_tensor(one, device=device), torch.as_tensor(other, device=device)


def _promoted(one, other):
    """Two tensors in the one element type that Keras gives the result."""
    one, other = _tensors(one, other)
    dtype = _dtypes.TORCH[_dtypes.result_type(one.dtype, other.dtype)]
    return one.to(dtype), other.to(dtype)


def _cast_boolean(one, other):
    """Two tensors, of which booleans beside another type are in that one."""
    one, other = _tensors(one, other)
    if one.dtype is torch.bool:
        one = one.to(other.dtype)
    elif other.dtype is torch.bool:
        other = other.to(one.dtype)
    return one, other


def _rebuild(cls, value, requires_grad, attributes):
    self = torch.Tensor._make_subclass(cls, value, requires_grad)
    self.__dict__.update(attributes)
    return self


def in_layout(value, layout):
    """The same values and shape, with the axes lying in memory in the order ``layout``."""
    back = [0] * len(layout)
    for place, axis in enumerate(layout):
        back[axis] = place
    return value.permute(*layout).contiguous().permute(*back)


def name_scope(name, caller=None, deduplicate=True, override_parent=None):
    """A context in which variables and layers have ``name/`` before their path.

    Args:
        name: The name.
        caller: Whose name it is, any object.
        deduplicate: Whether a scope of the same name and caller directly inside adds nothing.
        override_parent: Path that stands before the name in the place of the open scopes.

    Raises:
        ValueError: if ``name`` is no string or has a slash in it.

    Example:
        >>> with torchkeras.name_scope("encoder"):
        ...     torchkeras.Variable(1.0, name="scale").path
        'encoder/scale'
    """
    if not isinstance(name, str) or "/" in name:
        raise ValueError(
            "Argument `name` must be a string and cannot contain character `/`. "
            f"Received: name={name}"
        )
    if deduplicate and caller is not None and _state.in_scope(name, caller):
        return contextlib.nullcontext()
    return _state.name_scope(name, caller, override_parent)
