"""Layer: the base class of all layers and models."""

import contextlib
import functools
from typing import Any

import numpy as np
import torch
from torch import nn

from torchkeras import (
    _configurable,
    _dtypes,
    _state,
    constraints,
    dtype_policies,
    initializers,
    regularizers,
    tree,
)
from torchkeras._variable import Variable
from torchkeras.graph import _infer, _operation
from torchkeras.graph._operation import Operation
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers import _call, _remat, _tracking
from torchkeras.layers._policy import Policied
from torchkeras.layers._saved import Saved
from torchkeras.layers._stateless import Stateless
from torchkeras.metrics import Metric

_Tensor = torch.Tensor
_context = _call.context
_OF_COMPILE = ("_loss_tracker", "_compile_metrics", "_compile_loss")


class Layer(Saved, Stateless, Policied, Operation, nn.Module):
    """A computation with weights: a Keras layer that is an `nn.Module`.

    A subclass stores its arguments in ``__init__``, makes its weights in ``build`` with
    `add_weight`, and computes in ``call``. Weights, layers, plain modules and metrics that
    are set as attributes (also inside lists and dicts) are tracked. Layers are in
    evaluation mode until `fit` or ``train()`` says otherwise; a ``training`` argument of
    ``call`` gets the explicit argument, else the enclosing call's, else the mode.

    Args:
        activity_regularizer: Function of the outputs whose value is added to the loss.
        trainable: Whether the weights are updated in training.
        dtype: Element type or dtype policy; default the global policy.
        autocast: Whether float inputs are cast to the compute type.
        name: Name of the layer; default an automatic one.

    Raises:
        ValueError: for an unknown keyword argument.

    Example:
        >>> class Scale(torchkeras.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones")
        ...     def call(self, inputs):
        ...         return inputs * self.scale
        >>> Scale()(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """

    autocast: bool
    _dtype_policy: Any
    _own_policy: Any
    _compute_torch_dtype: Any
    _tracked: dict
    _provisional: set
    _losses: list
    _batch_input_shape: Any

    supports_masking = False
    # A layer whose `compute_mask` makes a mask out of nothing.
    _makes_masks = False
    # A layer (a model, say) that always needs the whole protocol.
    _never_fast = False
    # Whether `call` may get numpy arrays of strings; any layer of a user's may.
    _takes_text = False
    # Element type of the symbol that a model begins with, where this layer comes first.
    _symbol_dtype: Any = None
    _fast_dtype: Any = None
    _fast_ndim: Any = None
    _signature: Any = None
    _mixed_dtype: Any = None
    _cast_to: Any = None
    _stamp = 0
    _trainable = True
    # The mode that the weights are quantized in.
    _bits: Any = None
    # How the scope that it was made in wants it to be computed again; see `RematScope`.
    _remat: Any = None
    _building = False
    _input_spec: Any = None
    _activity_regularizer: Any = None
    _build_shapes: Any = None
    built = False
    name: Any = None
    # The names of the layers around this one, and its own.
    path: str

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls, *args, **kwargs)
        # So that attributes may be set before `super().__init__()`.
        self.__dict__.update(_tracked={}, _provisional=set())
        nn.Module.__init__(self)
        self.training = False
        return self

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _wrap_build(cls.__dict__["build"])
        if "compute_mask" in cls.__dict__ and "_makes_masks" not in cls.__dict__:
            cls._makes_masks = True
        if not cls.__module__.startswith("torchkeras."):
            cls._takes_text = True

    def __init__(
        self,
        *,
        activity_regularizer=None,
        trainable=True,
        dtype=None,
        autocast=True,
        name=None,
        **kwargs,
    ):
        # Keras 2's spellings, kept for `Sequential`.
        shape = kwargs.pop("input_shape", None)
        if "input_dim" in kwargs:
            dim = kwargs.pop("input_dim")
            shape = (kwargs.pop("input_length", None), dim) if "input_length" in kwargs else (dim,)
        batch_shape = kwargs.pop("batch_input_shape", None)
        if batch_shape is None and shape is not None:
            batch_shape = (kwargs.pop("batch_size", None), *shape)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        Operation.__init__(self, name=name)
        scope = _state.scope_path()
        self._set_plain(path=f"{scope}/{self.name}" if scope else self.name)
        if not isinstance(trainable, bool):
            raise ValueError(
                f"Expected `trainable` to be a boolean. Received: trainable={trainable} "
                f"(of type {type(trainable)})"
            )
        self._set_plain(
            _batch_input_shape=batch_shape,
            _losses=[],
            _trainable=bool(trainable),
            autocast=bool(autocast),
            built=False,
            _activity_regularizer=regularizers.get(activity_regularizer),
        )
        remat = _remat.current(self.name)
        if remat is not None:
            self._set_plain(_remat=remat, _never_fast=True)
        self.dtype_policy = dtype_policies.get(dtype)
        if not trainable:
            self.trainable = False  # weights and layers set before this call

    def _set_plain(self, **attributes):
        self.__dict__.update(attributes)

    # --- weights -----------------------------------------------------------------

    def add_weight(
        self,
        *args,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
        layout=None,
    ):
        """Makes a weight of this layer.

        Args:
            shape: Shape of the weight; default a scalar. The first positional argument.
            initializer: Initializer or its name; default Glorot uniform for floats, else zeros.
            dtype: Element type; default the policy's variable type.
            trainable: Whether gradients are taken; if not, the weight is a buffer.
            autocast: Whether ``call`` sees it in the compute type.
            regularizer: Regularizer or its name: a term of the loss.
            constraint: Constraint or its name: applied after each update.
            aggregation: How replicas are combined.
            overwrite_with_gradient: Whether the optimizer replaces the value by the gradient.
            name: Name of the weight.
            layout: Order of the axes in memory, slowest first; default as they stand.

        Example:
            >>> torchkeras.layers.Layer().add_weight((2,), "ones", name="scale").path
            'layer/scale'
        """
        names = ("shape", "initializer", "dtype")
        if len(args) > len(names):
            raise TypeError(
                f"add_weight() takes at most 3 positional arguments but {len(args)} were given."
            )
        if args and isinstance(args[0], str):
            raise ValueError(
                f"`name` must be passed as a keyword argument. Received: add_weight({args[0]!r}, "
                f"...). Use: add_weight(shape=..., name={args[0]!r})."
            )
        given = dict(zip(names, args))
        for key, value in (("shape", shape), ("initializer", initializer), ("dtype", dtype)):
            if key in given and value is not None:
                raise ValueError(f"`{key}` was passed both positionally and as a keyword argument.")
        shape = given.get("shape", shape)
        initializer = given.get("initializer", initializer)
        dtype = given.get("dtype", dtype)
        dtype = _dtypes.standardize_dtype(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if _dtypes.is_float(dtype) else "zeros"
        with self._name_scope():
            variable = Variable(
                initializers.get(initializer),
                shape=tuple(shape) if shape is not None else (),
                dtype=dtype,
                trainable=trainable and self._trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
                layout=layout,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        key = variable.name
        i = 1
        while key in self._parameters or key in self._buffers or key in self._modules:
            key = f"{variable.name}_{i}"
            i += 1
        (self._parameters if trainable else self._buffers)[key] = variable
        self._provisional.add(key)
        _state.touch()
        return variable

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """Makes a weight; Keras 2's name for `add_weight`."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _own_variables(self):
        """This layer's own weights: (trainable when made, not trainable when made)."""
        trainable = [p for p in self._parameters.values() if p is not None]
        return trainable, [b for b in self._buffers.values() if isinstance(b, Variable)]

    def _flatten_layers(self, include_self=True, recursive=True):
        """This layer and the layers inside it, each once, in order."""
        found = {}

        def visit(module):
            for child in module._modules.values():
                if child is None or id(child) in found:
                    continue
                if isinstance(child, Layer):
                    found[id(child)] = child
                if recursive or not isinstance(child, Layer):
                    visit(child)

        if include_self:
            found[id(self)] = self
        visit(self)
        return list(found.values())

    @property
    def weights(self):
        """All weights, each once: a layer's trainable ones, its others, then its sublayers'."""
        found = {}

        def visit(module):
            if isinstance(module, Layer):
                own = module._own_variables()
            else:  # a plain module's buffers are no weights of Keras'
                own = ([p for p in module._parameters.values() if p is not None], [])
            for variable in (*own[0], *own[1]):
                found.setdefault(id(variable), variable)
            for child in module._modules.values():
                if child is not None:
                    visit(child)

        visit(self)
        return list(found.values())

    @property
    def variables(self):
        """All weights, and the states of random generators; not those of metrics."""
        found = {id(v): v for v in self.weights}
        for layer in self._flatten_layers():
            for value in layer.__dict__.values():
                for held in _tracking.leaves(value):
                    state = getattr(held, "state", None)
                    if isinstance(state, Variable):
                        found.setdefault(id(state), state)
        return list(found.values())

    @property
    def torch_params(self):
        """All variables by path: the name Keras gives them on torch."""
        found = {}
        for variable in self.variables:
            key, i = variable.path, 1
            while key in found:  # copies of a layer may share a path
                key, i = f"{variable.path}_{i}", i + 1
            found[key] = variable
        return found

    @property
    def trainable_weights(self):
        """The weights that training updates."""
        frozen = set()
        for layer in self._flatten_layers():
            if not layer._trainable:
                frozen.update(id(v) for v in layer.weights)
        return [v for v in self.weights if v.requires_grad and id(v) not in frozen]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self):
        """The weights that training leaves alone."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.weights if id(v) not in trainable]

    @property
    def non_trainable_variables(self):
        """The variables that training leaves alone."""
        trainable = {id(v) for v in self.trainable_weights}
        return [v for v in self.variables if id(v) not in trainable]

    @property
    def trainable(self):
        """Whether training updates the weights; setting it reaches all sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self.__dict__["_trainable"] = value
        for p in self._parameters.values():
            if isinstance(p, Variable):
                p.trainable = value
            elif p is not None:
                p.requires_grad_(value)
        for child in self._modules.values():
            if isinstance(child, Layer):
                child.trainable = value
            elif child is not None:
                child.requires_grad_(value)
        _state.touch()

    def requires_grad_(self, requires_grad=True):
        """torch's way to set `trainable`."""
        self.trainable = requires_grad
        return self

    def count_params(self):
        """Number of elements in all weights.

        Raises:
            ValueError: if the layer has no weights yet.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(v.numel() for v in self.weights)

    def get_weights(self):
        """The values of all weights, as a list of numpy arrays."""
        return [Variable.numpy(v) for v in self.weights]

    def set_weights(self, weights):
        """Sets all weights from a list of arrays in the order of `weights`.

        Raises:
            ValueError: if the number of arrays or a shape differs; nothing is changed then.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights):
            shape = tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
            if tuple(variable.shape) != shape:
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {shape}."
                )
        for variable, value in zip(variables, weights):
            Variable.assign(variable, value)

    # --- metrics and losses ------------------------------------------------------

    @property
    def metrics(self):
        """The metrics set as attributes of this layer and its sublayers."""
        return self._metrics_in_attributes()

    def _metrics_in_attributes(self):
        found = {}
        for layer in self._flatten_layers():
            for name, value in list(layer.__dict__.items()):
                if name in _OF_COMPILE:  # a model's own, of no concern to one around it
                    continue
                for leaf in _tracking.leaves(value):
                    if isinstance(leaf, Metric):
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    @property
    def metrics_variables(self):
        """The states of the metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def add_loss(self, loss):
        """Adds terms to the loss of the model, for the running call.

        Args:
            loss: A scalar tensor, or a list of them.
        """
        if _state.stateless and _state.stateless[-1].collect_losses:
            for value in tree.flatten(loss):
                _state.stateless[-1].add_loss(value)
            return
        # In a compiled step, which is not to be made again for each stamp, who collects the
        # terms also takes them away.
        if not torch.compiler.is_compiling():
            ctx = _context
            stamp = self.__dict__.get("_loss_stamp")
            if stamp != ctx.stamp:
                self._set_plain(
                    _losses=[], _loss_stamp=ctx.stamp, _fast_dtype=None, _never_fast=True
                )
            if stamp is None:
                _state.touch()  # a train step looks for losses only where there have been some
        for value in tree.flatten(loss):
            value = value if isinstance(value, torch.Tensor) else _dtypes.to_tensor(value)
            self._losses.append(value)

    @property
    def losses(self):
        """The terms that layers added during the last call, and the weights' regularizers'."""
        return self._call_losses() + self._weight_losses()

    def _call_losses(self):
        found = []
        for layer in self._flatten_layers():
            if layer.__dict__.get("_loss_stamp", -1) >= self._stamp:
                found += layer._losses
        return found

    def _weight_losses(self):
        return [v.regularizer(v) for v in self._regularized()]

    def _regularized(self):
        """The trainable weights that have a regularizer; found once for each structure."""
        cached = self.__dict__.get("_regularized_cache")
        if cached is None or cached[0] != _state.version:
            weights = [v for v in self.trainable_weights if getattr(v, "regularizer", None)]
            cached = self.__dict__["_regularized_cache"] = (_state.version, weights)
        return cached[1]

    @property
    def activity_regularizer(self):
        """Function of the outputs whose value is added to the loss."""
        return self._activity_regularizer

    @activity_regularizer.setter
    def activity_regularizer(self, value):
        self._set_plain(_activity_regularizer=regularizers.get(value), _fast_dtype=None)

    # --- calling -----------------------------------------------------------------

    __call__ = nn.Module.__call__

    def forward(self, *args, **kwargs):
        """The Keras protocol around `call`; what is not needed was found out at the first call."""
        if len(args) == 1 and not kwargs:
            x = args[0]
            if (
                type(x) is _Tensor
                and x.dtype is self._fast_dtype
                and x.ndim == self._fast_ndim
                and getattr(x, "_keras_mask", None) is None
            ):
                try:
                    if self._signature.has_training:
                        training = _context.training
                        if training is None:
                            training = self._signature.trains_by_default or self.training
                        return self.call(x, training=training)
                    return self.call(x)
                except RuntimeError as error:
                    _call.raise_clearer(self, (args, kwargs), error)
                    raise
        return _call.call_layer(self, args, kwargs)

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """A method of this layer as the `RematScope` it was made in has it computed.

        Args:
            layer_call: The method, such as ``layer.call``.
            *args: Not used.
            **kwargs: Not used.
        """
        return _remat.rematerialized(self, layer_call)

    def call(self, *args, **kwargs):
        """Computes the outputs from tensors."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call` method implemented."
        )

    def build(self, input_shape=None):
        """Makes the weights for inputs of a shape; a layer without its own has none to make."""
        self.built = True

    def _build_at_init(self):
        """Marks a layer without weights as built, unless a subclass has some to make after all."""
        if type(self).build is Layer.build:
            self.built = True

    def _build_for_call(self, shapes):
        self.build(**shapes)

    def build_from_config(self, config):
        """Builds the layer from what `get_build_config` returned."""
        if config:
            if "input_shape" in config and len(config) == 1:
                self.build(_as_shape(config["input_shape"]))
            elif "shapes_dict" in config:
                shapes = {k: _as_shape(v) for k, v in config["shapes_dict"].items()}
                self.build(**shapes)

    def get_build_config(self):
        """The shapes that the layer was built for, or ``None``."""
        shapes = self._build_shapes
        if not shapes:
            return None
        if len(shapes) == 1:
            return {"input_shape": next(iter(shapes.values()))}
        return {"shapes_dict": shapes}

    def _name_scope(self):
        """Weights made inside have this layer's name in their path."""
        if _state.scope_owner() is self:
            return contextlib.nullcontext()
        return _state.name_scope(self.name if _state.scope_path() else self.path, self)

    @property
    def input_spec(self):
        """What the inputs must look like: an `InputSpec` or a structure of them."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        self.__dict__["_input_spec"] = value

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs; by default that of the inputs."""
        return previous_mask

    # --- symbols -----------------------------------------------------------------

    def symbolic_call(self, *args, **kwargs):
        """Symbols of the outputs, with the call recorded as a node of the graph."""
        self.__dict__["_signature"] = _call.signature(self)
        bound = self._signature.bind(args, kwargs)
        if not self.built:
            _call.build(self, bound)
        if self._input_spec is not None:
            first = args[0] if args else next(iter(kwargs.values()), None)
            _call._input_spec.check(self._input_spec, first, self.name)
        outputs = self.compute_output_spec(*args, **kwargs)
        return _operation.record(self, args, kwargs, outputs)

    def compute_output_spec(self, *args, **kwargs):
        """Symbols shaped like the outputs for symbols of the inputs."""
        if type(self).compute_output_shape is not Layer.compute_output_shape:
            bound = _call.signature(self).bind(args, kwargs)
            shapes = self.compute_output_shape(
                **_call.shape_arguments(self.compute_output_shape, bound)
            )
            return _symbols_of_shapes(shapes, self.compute_dtype)
        return self._trace(args, kwargs)

    def compute_output_shape(self, *args, **kwargs):
        """Shape of the outputs for the shape of the inputs; found by tracing `call`."""
        if type(self).call is Layer.call:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `compute_output_shape` method "
                "implemented."
            )
        values = list(args) + list(kwargs.values())
        symbols = [
            tree.map_shape_structure(lambda s: KerasTensor(s, self.compute_dtype), v)
            for v in values
        ]
        outputs = self._trace(tuple(symbols), {})
        return tree.map_structure(lambda s: s.shape, outputs)

    def _trace(self, args, kwargs):
        """Output symbols by running `call` on symbols or, where it needs data, on zeros."""
        if not self.built:
            _call.build(self, _call.signature(self).bind(args, kwargs))
        sig = _call.signature(self)
        if sig.has_training and kwargs.get("training") is None:
            kwargs = {**kwargs, "training": False}
        if sig.has_mask or sig.masks:
            kwargs = _call._with_masks(sig, args, kwargs)
        with self._name_scope():
            try:
                with _operation.without_recording(), _state.keeping_values():
                    return self.call(*args, **kwargs)
            except Exception:
                device = next((v.device for v in self.weights), "cpu")
                return _infer.infer_on_zeros(self.__call__, args, kwargs, device)

    # --- configuration -----------------------------------------------------------

    _config_skip = ("autocast",)
    # Written only where they are set.
    _config_optional = ("activity_regularizer", "lora_rank", "lora_alpha")

    def _config_value(self, name):
        if name == "dtype":
            return self.dtype_policy
        return super()._config_value(name)

    @_configurable.reads_signature
    def get_config(self):
        """Dict of the constructor arguments, nested objects serialized."""
        config = super().get_config()
        for name in self._config_optional:
            if config.get(name, 0) is None:
                del config[name]
        return config

    def _base_config(self):
        """The part of a config that every layer has."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": _configurable._serialize(self.dtype_policy),
        }

    @classmethod
    def from_config(cls, config):
        """A layer from the dict that `get_config` returned.

        Raises:
            TypeError: if the constructor refuses it.
        """
        dtype = config.get("dtype")
        if isinstance(dtype, dict):  # a constructor gets what its caller would have written
            policy = dtype_policies.deserialize(dtype)
            plain = type(policy) is dtype_policies.DTypePolicy
            config = {**config, "dtype": policy.name if plain else policy}
        try:
            return cls(**config)
        except Exception as error:
            raise TypeError(
                f"Error when deserializing class '{cls.__name__}' using config={config}.\n\n"
                f"Exception encountered: {error}"
            ) from error

    # --- tracking ----------------------------------------------------------------

    def __setattr__(self, name, value):
        cls = value.__class__
        if cls is Variable or isinstance(value, Variable):
            self._track_variable(name, value)
        elif isinstance(value, nn.Module):
            if any(m is value for k, m in self._modules.items() if k != name):
                object.__setattr__(self, name, value)
            else:
                self.__dict__.pop(name, None)
                nn.Module.__setattr__(self, name, value)
            _state.touch()
        elif cls in (list, dict, set) or isinstance(value, (list, dict, set, tuple)):
            self._set_container(name, value)
        else:
            if name in self._tracked:
                self._untrack(name)
            nn.Module.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Only for what is not in the instance's dict: weights, then sublayers.
        parameter = self.__dict__["_parameters"].get(name)
        if parameter is not None:
            cast = self._cast_to
            if cast is None:
                return parameter
            return _cast(parameter, cast)
        buffer = self.__dict__["_buffers"].get(name)
        if buffer is not None:
            cast = self._cast_to
            return buffer if cast is None else _cast(buffer, cast)
        found = getattr(type(self), name, None)
        if (
            isinstance(found, property) and found.fget is not None
        ):  # it raised an AttributeError: let it say so again
            return found.fget(self)
        return nn.Module.__getattr__(self, name)

    def __delattr__(self, name):
        if name in self._tracked:
            self._untrack(name)
        nn.Module.__delattr__(self, name)
        _state.touch()

    def _track_variable(self, name, variable):
        """Registers a weight under the attribute's name, in the place it had if it had one."""
        self.__dict__.pop(name, None)
        home = None
        table: dict[str, Any]
        for table in (self._parameters, self._buffers):
            for key, value in table.items():
                if value is variable:
                    home = (table, key)
        if home is None:
            table = self._table_of(variable)
            for other in (self._parameters, self._buffers):
                if other is not table:
                    other.pop(name, None)
            table[name] = variable
        elif home[1] != name:
            table, key = home
            if key not in self._provisional:
                object.__setattr__(self, name, variable)  # a second name for the same weight
                return
            self._provisional.discard(key)
            items = [(name if k == key else k, v) for k, v in table.items() if k != name]
            table.clear()
            table.update(items)
        else:
            self._provisional.discard(name)
        _state.touch()

    def _set_container(self, name, value):
        held = _tracking.leaves(value)
        if not held or any(isinstance(v, (nn.Module, Variable, Metric)) for v in held):
            container = _tracking.tracked(value, self, name)
            value = value if container is None else container
            for table in (self._parameters, self._buffers, self._modules):
                table.pop(name, None)
            object.__setattr__(self, name, value)
            self._track_container(name, value)
        else:
            if name in self._tracked:
                self._untrack(name)
            object.__setattr__(self, name, value)

    def _track_container(self, name, container):
        """Registers what a list or dict holds, under ``name_0``, ``name_1``..."""
        keys = self._tracked.setdefault(name, {})
        held = {
            id(leaf): (i, leaf)
            for i, leaf in enumerate(_tracking.leaves(container))
            if isinstance(leaf, (Variable, nn.Module))
        }
        for key, leaf in list(keys.items()):
            if held.pop(id(leaf), None) is None:  # it is gone; the others keep their places
                self._table_of(leaf).pop(key, None)
                del keys[key]
        for i, leaf in held.values():
            table = self._table_of(leaf)
            home = next((k for k, v in table.items() if v is leaf), None)
            if home is not None:
                if home not in self._provisional:
                    continue
                del table[home]
                self._provisional.discard(home)
            key = f"{name}_{i}"
            while key in self._parameters or key in self._buffers or key in self._modules:
                key += "_"
            table[key] = keys[key] = leaf
        _state.touch()

    def _table_of(self, leaf) -> dict[str, Any]:
        if isinstance(leaf, Variable):
            made_trainable = leaf.requires_grad or leaf._trainable
            return self._parameters if made_trainable else self._buffers
        return self._modules

    def _untrack(self, name):
        for key, leaf in self._tracked.pop(name, {}).items():
            self._table_of(leaf).pop(key, None)

    def _apply(self, fn, recurse=True):
        kept = [
            (table, key, variable)
            for table in (self._parameters, self._buffers)
            for key, variable in table.items()
            if isinstance(variable, Variable)
        ]
        super()._apply(fn, recurse)
        # torch replaces buffers, and what it cannot change in place, by plain tensors.
        for table, key, variable in kept:
            if table[key] is not variable:
                table[key] = variable.moved(table[key])
        self.__dict__["_fast_dtype"] = None
        _state.touch()  # weights may have another type or device now
        if recurse:
            for metric in self.metrics:
                device = next((v.device for v in self.parameters()), None)
                if device is not None:
                    metric.to(device)
        return self

    def __getstate__(self):
        # Losses belong to the call that made them: a copy starts without.
        return {**self.__dict__, "_losses": []}

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _cast(tensor, dtype):
    if not tensor.dtype.is_floating_point or not getattr(tensor, "autocast", True):
        return tensor
    return tensor.to(dtype)


def _wrap_build(build):
    @functools.wraps(build)
    def wrapped(self, *args, **kwargs):
        if self._building:  # a subclass's build calls its parent's
            return build(self, *args, **kwargs)
        scope = self._name_scope()
        self.__dict__["_building"] = True
        try:
            with scope:
                self.__dict__["path"] = _state.scope_path()
                if self._own_policy is not self._dtype_policy:  # a map knows layers by their path
                    self.dtype_policy = self._dtype_policy
                build(self, *args, **kwargs)
        finally:
            self.__dict__["_building"] = False
        self.built = True
        names = _build_names(build)
        given = {**dict(zip(names, args)), **kwargs}
        self.__dict__["_build_shapes"] = given or dict.fromkeys(names[:1])

    return wrapped


@functools.cache
def _build_names(build):
    code = build.__code__
    return code.co_varnames[1 : code.co_argcount]


def _as_shape(value):
    """Lists made tuples: shapes, or structures of shapes."""
    if isinstance(value, list):
        return tuple(_as_shape(v) for v in value)
    return value


def _symbols_of_shapes(shapes, dtype):
    if isinstance(shapes, torch.Size):
        shapes = tuple(shapes)
    return tree.map_shape_structure(lambda s: KerasTensor(s, dtype), shapes)
