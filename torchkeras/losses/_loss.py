"""The base of all losses: conversion, masks, sample weights and reduction."""

import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, _state, config, dtype_policies, tree
from torchkeras._configurable import Configurable, reads_signature
from torchkeras.saving import _objects

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_REDUCTIONS = (*_MEANS, "sum", "none", None)


class Loss(Configurable):
    """Base of all losses: a callable from targets and predictions to a number to minimize.

    A subclass writes ``call(y_true, y_pred)``, which returns one value for each sample (or
    for each position of each sample); these are weighted and reduced here.

    Args:
        name: Name of the loss; default a unique one from the class.
        reduction: ``"sum_over_batch_size"`` or ``"mean"`` divide the sum by the number of
            values (by that of the unmasked ones where there is a mask),
            ``"mean_with_sample_weight"`` divides by the sum of the weights, ``"sum"`` does not
            divide, ``"none"`` or ``None`` returns the weighted values.
        dtype: Element type, or dtype policy, that targets and predictions are cast to;
            default floatx, also in mixed precision.

    Raises:
        ValueError: for another ``reduction``.

    Example:
        >>> class MaxError(torchkeras.losses.Loss):
        ...     def call(self, y_true, y_pred):
        ...         return (y_true - y_pred).abs().amax(-1)
        >>> MaxError()([[1.0, 2.0], [3.0, 4.0]], [[1.0, 5.0], [2.0, 4.0]])
        tensor(2.)
    """

    # The config of a loss says nothing about the precision it ran in.
    _config_skip = ("dtype",)
    # Labels that are class numbers stay integers instead of being cast.
    _integer_labels = False
    # Where there is a kernel for the mean over everything: (y_true, y_pred) -> mean or None.
    _fused_mean = None

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        if reduction not in _REDUCTIONS:
            raise ValueError(
                "Invalid value for argument `reduction`. Expected one of "
                f"{', '.join(map(repr, _REDUCTIONS))}. Received: reduction={reduction}"
            )
        self.name = name or _state.unique_name(_state.snake_case(type(self).__name__))
        self.reduction = reduction
        policy: Any = dtype_policies.get(config.floatx() if dtype is None else dtype)
        self._dtype = _dtypes.torch_dtype(policy.compute_dtype)

    @property
    def dtype(self):
        """Name of the element type that the loss is computed in."""
        return _dtypes.standardize_dtype(self._dtype)

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The reduced loss.

        Args:
            y_true: Targets: a tensor, array, list, or a structure of them.
            y_pred: Predictions, likewise. A mask of theirs leaves positions out.
            sample_weight: Weights that broadcast to the values that `call` returns.

        Raises:
            ValueError: if the weights or the mask do not broadcast.
        """
        mask = getattr(y_pred, "_keras_mask", None)
        dtype = self._dtype
        if not isinstance(y_pred, Tensor) or y_pred.dtype is not dtype:
            y_pred = _convert(y_pred, dtype, None, False)
        if (
            not isinstance(y_true, Tensor)
            or y_true.dtype is not dtype
            or not isinstance(y_pred, Tensor)
            or y_true.device != y_pred.device
        ):
            device = y_pred.device if isinstance(y_pred, Tensor) else None
            y_true = _convert(y_true, dtype, device, self._integer_labels)
        if sample_weight is None and mask is None and self._fused_mean is not None:
            mean = self._fused_mean(y_true, y_pred)
            if mean is not None:
                return mean
        losses = self.call(y_true, y_pred)
        own_mask = getattr(losses, "_keras_mask", None)
        if own_mask is not None:
            mask = own_mask if mask is None else own_mask & _dtypes.to_tensor(mask, "bool")
        return reduce_weighted(losses, sample_weight, mask, self.reduction)

    def call(self, y_true, y_pred):
        """The loss of each sample; a subclass writes this."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `call(self, y_true, y_pred)`."
        )


class LossFunctionWrapper(Loss):
    """A loss whose values come from a function.

    Args:
        fn: Function ``(y_true, y_pred, **kwargs)`` that returns one value for each sample.
        reduction: As in `Loss`.
        name: As in `Loss`.
        dtype: As in `Loss`.
        **kwargs: Further arguments of the function.
    """

    # Arguments that Keras leaves out of configs, with their defaults: written only where they
    # are another value, which would be lost otherwise.
    _unwritten = {}

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        # The kernel computes what `call` does: not for a subclass with its own, nor for
        # another reduction.
        if type(self).call is not LossFunctionWrapper.call or reduction not in _MEANS:
            self._fused_mean = None

    def call(self, y_true, y_pred):
        """The function's value."""
        return self.fn(y_true, y_pred, **self._fn_kwargs)

    @reads_signature
    def get_config(self):
        """Dict of the constructor arguments, with those of the function where it is given."""
        settings = super().get_config()
        if "fn" in settings:
            settings["fn"] = _objects.serialize_keras_object(self.fn)
            for name, value in self._fn_kwargs.items():
                settings[name] = _objects.serialize_keras_object(value)
        for name, default in self._unwritten.items():
            if settings[name] == default:
                del settings[name]
        return settings

    @classmethod
    def from_config(cls, config):
        """A loss from its config."""
        if "fn" in config and "fn" in inspect.signature(cls.__init__).parameters:
            config = {**config, "fn": _objects.deserialize_keras_object(config["fn"])}
        return cls(**config)


def _convert(value, dtype, device, keep_integers):
    """Targets or predictions as tensors of a dtype, on the device of the predictions."""
    if isinstance(value, (dict, list, tuple)) and any(
        isinstance(leaf, (Tensor, np.ndarray, dict)) for leaf in (value, *tree.flatten(value))
    ):
        parts = [_convert(v, dtype, device, keep_integers) for _, v in tree._children(value) or ()]
        return tree._rebuild(value, parts)
    if isinstance(value, Tensor):
        if keep_integers and not value.dtype.is_floating_point:
            if device is None or device == value.device:
                return value
            dtype = value.dtype
        device = device or value.device
        # Only copies to a device are safe to overlap: a host must not read half a copy.
        return value.to(device, dtype, non_blocking=device.type != "cpu")
    if keep_integers and isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        dtype = None
    return _dtypes.to_tensor(value, dtype, device)


def align(y_true, y_pred):
    """Both as tensors of one float type, device and rank: what every loss function begins with.

    Ranks that differ by a last axis of size one are made equal, as Keras does.
    """
    if not isinstance(y_pred, Tensor):
        y_pred = _dtypes.to_tensor(y_pred)
    if not y_pred.dtype.is_floating_point:
        y_pred = y_pred.to(_dtypes.torch_dtype(config.floatx()))
    if not isinstance(y_true, Tensor):
        y_true = _dtypes.to_tensor(y_true, y_pred.dtype, y_pred.device)
    elif y_true.dtype is not y_pred.dtype or y_true.device != y_pred.device:
        y_true = y_true.to(y_pred.device, y_pred.dtype)
    if y_true.ndim != y_pred.ndim:
        return same_rank(y_true, y_pred)
    return y_true, y_pred


def same_rank(a, b):
    """Squeezes or adds a last axis of size one where the ranks differ by one."""
    if a.ndim == b.ndim + 1:
        b, a = same_rank(b, a)
    elif b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        if a.ndim == 1:
            a = a.unsqueeze(-1)
        else:
            b = b.squeeze(-1)
    return a, b


def reduce_weighted(values, sample_weight=None, mask=None, reduction="sum_over_batch_size"):
    """Weights and masks the values of the samples and reduces them as `Loss` says.

    Raises:
        ValueError: if the weights or the mask do not broadcast to the values.
    """
    weights = None
    if sample_weight is not None:
        weights = _dtypes.to_tensor(sample_weight, values.dtype, values.device)
    if mask is not None:
        mask = _dtypes.to_tensor(mask, values.dtype, values.device)
        if weights is not None:
            weights, mask = same_rank(weights, mask)
            weights = _times("sample_weight", weights, "mask", mask)
        else:
            weights = mask
    if weights is not None:
        values, weights = same_rank(values, weights)
        values = _times("values", values, "weights", weights)
    if reduction in (None, "none") or values.ndim == 0:
        return values
    if reduction == "sum":
        return values.sum()
    if weights is not None and reduction == "mean_with_sample_weight":
        total = weights.sum()
    elif mask is not None:
        total = mask.mean() * values.numel()
    else:
        return values.mean()
    # Nothing left over: zero, not 0 / 0.
    return values.sum() / torch.where(total == 0, 1, total)


def _times(name, a, other, b):
    try:
        return a * b
    except RuntimeError:
        raise ValueError(
            "The shapes of the sample weights, the mask and the values of the loss must "
            f"broadcast. Received: {name} of shape {tuple(a.shape)} and {other} of shape "
            f"{tuple(b.shape)}. Weights of whole samples have shape (batch, 1) where the loss "
            "has a value for each position."
        ) from None
