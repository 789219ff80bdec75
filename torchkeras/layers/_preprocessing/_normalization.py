"""Normalization and Rescaling: numbers brought to a common range."""

from typing import Any

import numpy as np
import torch

from torchkeras import _dtypes, config
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _constants, _data
from torchkeras.saving import _objects

_EPSILON = 1e-7


class Normalization(Layer):
    """Shifts and scales its inputs to mean 0 and variance 1.

    Computes ``(x - mean) / sqrt(variance)`` with the mean and the variance of the data that
    `adapt` was given, or those given here; ``invert`` undoes that.

    Args:
        axis: The axis, or axes, that have a mean for each index; ``None`` for one mean of all.
        mean: The mean, instead of one that `adapt` computes.
        variance: The variance, which goes with ``mean``.
        invert: Whether ``x * sqrt(variance) + mean`` is computed instead.

    Weights:
        mean: sizes of the axes in ``axis``, not trainable; none if ``mean`` is given
        variance: the same
        count: ``()``

    Shapes:
        inputs: ``(batch, ...)``
        outputs: the same

    Raises:
        ValueError: if one of ``mean`` and ``variance`` is given without the other, their
            shapes differ or do not fit, or the inputs have no such axis.

    Example:
        >>> layer = torchkeras.layers.Normalization()
        >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
        >>> layer(torch.tensor([[2.0, 7.0]]))
        tensor([[ 1., -1.]])
    """

    supports_masking = True

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        axis = () if axis is None else axis
        self.axis = (axis,) if isinstance(axis, int) else tuple(axis)
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        self.input_mean = self.input_variance = None
        if mean is not None:
            self.input_mean, self.input_variance = (_as_numbers(v) for v in (mean, variance))
            shapes = np.shape(self.input_mean), np.shape(self.input_variance)
            if shapes[0] != shapes[1]:
                raise ValueError(
                    "When setting values directly, `mean` and `variance` must have the same "
                    f"shape. Received: mean shape {shapes[0]} and variance shape {shapes[1]}"
                )
        self.invert = invert

    def _config_value(self, name):
        return super()._config_value(f"input_{name}" if name in ("mean", "variance") else name)

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). Received inputs with "
                f"ndim={rank}, while axis={self.axis}"
            )
        kept = sorted(axis % rank for axis in self.axis)
        for axis in kept:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. Received "
                    f"axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown axis at "
                    f"index {axis}"
                )
        self._kept = tuple(kept)
        self._reduced = tuple(axis for axis in range(rank) if axis not in kept)
        self._broadcast = tuple(input_shape[i] if i in kept else 1 for i in range(rank))
        shape = tuple(input_shape[i] for i in kept)
        if self.input_mean is None:
            for name, value in (("mean", "zeros"), ("variance", "ones")):
                weight = self.add_weight(shape, value, trainable=False, name=name)
                setattr(self, f"adapt_{name}", weight)
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
            return
        for name in ("mean", "variance"):
            value = torch.tensor(getattr(self, f"input_{name}"), dtype=torch.float32)
            try:
                value = value.broadcast_to(shape).clone()
            except RuntimeError as error:
                raise ValueError(
                    f"`{name}` must broadcast to the axes that are kept, of shape {shape}. "
                    f"Received: {name} of shape {tuple(value.shape)}"
                ) from error
            _constants.keep(self, f"adapt_{name}", value)

    @property
    def mean(self):
        """The mean, with an axis of size 1 for each that it was taken over."""
        return self.adapt_mean.reshape(self._broadcast)

    @property
    def variance(self):
        """The variance, in the shape of `mean`."""
        return self.adapt_variance.reshape(self._broadcast)

    def adapt(self, data):
        """Computes the mean and the variance of data.

        Args:
            data: An array or tensor, or an iterable of batches: a list of arrays, a generator,
                a `DataLoader`, a `PyDataset`. Of batches ``(inputs, targets)`` the inputs count.

        Raises:
            TypeError: if the data, or a batch of them, are no array.
            ValueError: if there are no data, shapes differ, or the mean was given.
        """
        if self.input_mean is not None:
            raise ValueError(
                f"Cannot adapt layer '{self.name}': its `mean` and `variance` were given. Leave "
                "them out to compute them from data."
            )
        whole = hasattr(data, "shape")
        total = mean = variance = first = None
        batch: Any
        for batch in [data] if whole else _data.batches(_iterable(data)):
            if not hasattr(batch, "shape"):
                raise TypeError(
                    "adapt() expects an iterable that yields arrays or tensors with a `.shape` "
                    f"attribute. Got an element of type {type(batch).__name__}. Pass arrays, "
                    "such as np.array(batch)."
                )
            batch = batch if isinstance(batch, torch.Tensor) else _dtypes.to_tensor(batch)
            if first is None:
                first = tuple(batch.shape)
                self._prepare(first)
            elif len(batch.shape) != len(first) or any(
                batch.shape[i] != first[i] for i in self._kept
            ):
                raise ValueError(
                    "adapt() yielded a batch with incompatible shape. "
                    f"Expected {first}, got {tuple(batch.shape)}."
                )
            batch = batch.detach().double()
            axes = self._reduced
            count = int(np.prod([batch.shape[i] for i in axes]))
            if axes:
                var, new = torch.var_mean(batch, axes, correction=0)
            else:
                var, new = torch.zeros_like(batch), batch
            if total is None or mean is None or variance is None:
                total, mean, variance = count, new, var
            elif count:
                # Chan et al. 1979: of two parts, the means and variances of the whole.
                share = count / (total + count)
                delta = new - mean
                mean = mean + delta * share
                variance = variance + (var - variance) * share
                variance = variance + delta.square() * (share * (1 - share))
                total += count
        if total is None:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. "
                "Pass a non-empty iterable of arrays or tensors."
            )
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def _prepare(self, shape):
        if not self.built:
            self.build(shape)
            return
        fits = len(shape) == len(self._broadcast)
        if not fits or any(shape[i] != self._broadcast[i] for i in self._kept):
            was = next(iter((self._build_shapes or {}).values()), None)
            raise ValueError(
                f"The layer was built with input_shape={was}, but adapt() is being called with "
                f"data with an incompatible shape, data.shape={shape}"
            )

    def finalize_state(self):
        """Nothing is left to do after weights were set: `call` reads them."""

    def call(self, inputs):
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        x = inputs.to(dtype)
        mean = self.adapt_mean.reshape(self._broadcast).to(dtype)
        deviation = self.adapt_variance.reshape(self._broadcast).to(dtype).sqrt()
        deviation = deviation.clamp(min=_EPSILON)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape):
        return input_shape


def _as_numbers(value):
    """A number or a nested list, as it stands in a config."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, dtype="float64").tolist()


def _iterable(data):
    """Data to iterate over: a list of numbers is a list of batches here, and refused as such."""
    return iter(data) if isinstance(data, (list, tuple, str)) else data


class Rescaling(Layer):
    """Multiplies by a scale and adds an offset.

    Args:
        scale: Number, or array that broadcasts with the inputs. A vector is one number for
            each channel.
        offset: Number or array, in the same way.

    Shapes:
        inputs: any
        outputs: the same

    Example:
        >>> torchkeras.layers.Rescaling(1 / 127.5, offset=-1.0)(torch.tensor([0, 255]))
        tensor([-1.,  1.])
    """

    supports_masking = True

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        for name, value in (("scale", scale), ("offset", offset)):
            if not isinstance(value, (int, float)):
                value = torch.as_tensor(value, dtype=_dtypes.torch_dtype(self.compute_dtype))
            elif not _dtypes.is_float(self.compute_dtype):
                value = int(value)
            if isinstance(value, torch.Tensor):
                _constants.keep(self, f"_{name}", value)
            else:
                self.__dict__[f"_{name}"] = value
        self._build_at_init()

    def call(self, inputs):
        x = inputs.to(_dtypes.torch_dtype(self.compute_dtype))
        return x * self._placed("_scale", x) + self._placed("_offset", x)

    def _placed(self, name, x):
        """A vector for the channels, where those are not the last axis."""
        if name in self.__dict__:
            return self.__dict__[name]
        value = _constants.at(self, name, x.device).to(x.dtype)
        first = config.image_data_format() == "channels_first"
        if first and value.ndim == 1 and len(value) > 1 and x.ndim > 2:
            value = value.reshape(-1, 1, 1)
        return value

    def compute_output_shape(self, input_shape):
        return input_shape

    @classmethod
    def from_config(cls, config):
        """A layer from the dict that `get_config` returned."""
        config = dict(config)
        for name in ("scale", "offset"):
            if isinstance(config.get(name), dict):
                config[name] = _objects.deserialize_keras_object(config[name])
        return cls(**config)
