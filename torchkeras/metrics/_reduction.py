"""Sums and means over all samples seen."""

import inspect

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, tree
from torchkeras._configurable import reads_signature
from torchkeras.metrics._metric import Metric
from torchkeras.saving import _objects


def divide(a, b):
    """``a / b``, and zero where ``b`` is zero."""
    return torch.where(b == 0, 0.0, a / b)


def expand_weights(weights, values):
    """Weights of samples (or of parts of them) in the shape of the values they belong to.

    Axes that are missing at the end are added; those of size one too many are dropped.

    Raises:
        ValueError: if the weights still do not broadcast.
    """
    given = weights
    while weights.ndim > values.ndim and weights.shape[-1] == 1:
        weights = weights.squeeze(-1)
    if weights.ndim < values.ndim:
        weights = weights.reshape(weights.shape + (1,) * (values.ndim - weights.ndim))
    try:
        return weights.expand(values.shape)
    except RuntimeError:
        raise ValueError(
            "`sample_weight` and masks must broadcast to the values, which have shape "
            f"{tuple(values.shape)}. Received: shape {tuple(given.shape)}. Pass one weight for "
            "each sample, or for each value."
        ) from None


class Sum(Metric):
    """Sum of all values, ``sum(weight * value)``.

    Args:
        name: Name of the metric.
        dtype: Element type of the sum.

    Example:
        >>> metric = torchkeras.metrics.Sum()
        >>> metric.update_state([1.0, 2.0])
        >>> metric([10.0])
        tensor(13.)
    """

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")

    def update_state(self, values, sample_weight=None):
        """Adds values.

        Args:
            values: Tensor, array, list or number.
            sample_weight: Weights that broadcast to the values, or one for each sample.
        """
        values = self._tensor(values, self._torch_dtype)
        if values.device != self.total.device:
            self.to(values.device)
        if sample_weight is not None:
            weights = self._tensor(sample_weight, values.dtype, values.device)
            values = values * expand_weights(weights, values)
        self.total.add_(values.sum())

    def result(self):
        """The sum."""
        return self.total.clone()


class Mean(Metric):
    """Weighted mean of all values, ``sum(weight * value) / sum(weight)``; zero before any.

    A sample of several values counts once, with their mean.

    Args:
        name: Name of the metric.
        dtype: Element type of the two sums.

    Example:
        >>> metric = torchkeras.metrics.Mean()
        >>> metric.update_state([1.0, 3.0])
        >>> metric([5.0, 100.0], sample_weight=[1.0, 0.0])
        tensor(3.)
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, values, sample_weight=None):
        """Takes in values.

        Args:
            values: Tensor, array, list or number; the first axis counts samples.
            sample_weight: Weights that broadcast to the values, or one for each sample.
        """
        self._add(values, sample_weight, None)

    def _add(self, values, sample_weight, mask):
        if not isinstance(values, Tensor):
            values = _dtypes.to_tensor(values, self._torch_dtype, self.total.device)
        if sample_weight is not None and mask is None:
            mask = getattr(values, "_keras_mask", None)
        dtype = self._torch_dtype
        if values.requires_grad:
            values = values.detach()
        values = values.to(dtype)
        if values.device != self.total.device:
            self.to(values.device)
        if values.ndim == 0 and mask is None and isinstance(sample_weight, (int, float)):
            # The mean of a batch, and its size.
            self.total.add_(values, alpha=sample_weight)
            self.count.add_(sample_weight)
            return
        samples = values.shape[0] if values.ndim else 1
        if sample_weight is None and mask is None:
            total, count = values.sum(), samples
            if values.ndim > 1:
                total = total * (samples / max(values.numel(), 1))
        else:
            weights, samples = self._weights(values, sample_weight, mask, samples)
            share = samples / max(values.numel(), 1)
            total = (values * weights).sum() * share
            count = (weights.sum() * share).to(dtype)
        self.total.add_(total.to(dtype))
        self.count.add_(count)

    def _weights(self, values, sample_weight, mask, samples):
        """Weights in the shape of the values, and how many samples they stand for."""
        if sample_weight is None:
            return expand_weights(mask.to(values.device, values.dtype), values), samples
        weights = self._tensor(sample_weight, values.dtype, values.device)
        if weights.ndim == 0 and mask is None:
            samples = 1  # one weight for the batch: it counts as one sample
        weights = expand_weights(weights, values)
        if mask is not None:
            weights = weights * expand_weights(mask.to(values.device), values)
        return weights, samples

    def result(self):
        """The mean."""
        return divide(self.total, self.count)


class MeanMetricWrapper(Mean):
    """Weighted mean of the values of a function of targets and predictions.

    A ``_keras_mask`` on the predictions leaves out what it marks ``False``.

    Args:
        fn: Function ``(y_true, y_pred, **kwargs)`` that returns one value for each sample,
            or for each part of it.
        name: Name of the metric.
        dtype: Element type that targets and predictions are cast to.
        **kwargs: Further arguments of the function.

    Example:
        >>> metric = torchkeras.metrics.MeanMetricWrapper(lambda y, p: (y - p).abs(), name="error")
        >>> metric([1.0, 2.0], [1.0, 4.0])
        tensor(1.)
    """

    # Class numbers may stay integers instead of being cast.
    _integer_labels = False

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)  # pyright: ignore[reportArgumentType]
        self.fn = fn
        self._fn_kwargs = kwargs
        if getattr(fn, "__module__", None) and _objects.public_path(fn) == "keras.losses":
            self._direction = type(self)._direction or "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Weights that broadcast to the function's values, or one a sample.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = self._convert(y_pred, self.total.device, False)
        device = y_pred.device if isinstance(y_pred, Tensor) else self.total.device
        y_true = self._convert(y_true, device, self._integer_labels)
        self._add(self.fn(y_true, y_pred, **self._fn_kwargs), sample_weight, mask)

    def _convert(self, value, device, keep_integers):
        """Targets or predictions as tensors of the metric's dtype, without gradients."""
        if isinstance(value, Tensor):
            if value.requires_grad:
                value = value.detach()
            if keep_integers and not value.dtype.is_floating_point:
                return value
            return value.to(self._torch_dtype)
        if isinstance(value, dict) or (
            isinstance(value, (list, tuple))
            and any(isinstance(leaf, (Tensor, np.ndarray)) for leaf in tree.flatten(value))
        ):
            return tree.map_structure(lambda v: self._convert(v, device, keep_integers), value)
        return _dtypes.to_tensor(value, self._torch_dtype, device)

    @reads_signature
    def get_config(self):
        """Dict of the constructor arguments, with those of the function where it is given."""
        settings = super().get_config()
        if "fn" in settings:
            for key, value in {"fn": self.fn, **self._fn_kwargs}.items():
                settings[key] = _objects.serialize_keras_object(value)
        return settings

    @classmethod
    def from_config(cls, config):
        """A metric from its config."""
        if "fn" in config and "fn" in inspect.signature(cls.__init__).parameters:
            plain = ("name", "dtype")
            config = {
                k: v if k in plain else _objects.deserialize_keras_object(v)
                for k, v in config.items()
            }
        return cls(**config)
