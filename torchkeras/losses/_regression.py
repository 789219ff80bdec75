"""Losses between numbers: squared, absolute, relative, robust, angular."""

import math

import torch
from torch.nn import functional as F

from torchkeras import config
from torchkeras.losses._loss import LossFunctionWrapper, align


def mean_squared_error(y_true, y_pred):
    """Mean over the last axis of ``(y_true - y_pred)**2``.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.mean_squared_error([[1.0, 2.0]], [[1.0, 4.0]])
        tensor([2.])
    """
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(torch.square(y_pred - y_true), -1)


def mean_absolute_error(y_true, y_pred):
    """Mean over the last axis of ``|y_true - y_pred|``.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.mean_absolute_error([[1.0, 2.0]], [[1.0, 4.0]])
        tensor([1.])
    """
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(torch.abs(y_pred - y_true), -1)


def mean_absolute_percentage_error(y_true, y_pred):
    """Mean over the last axis of ``100 * |y_true - y_pred| / max(|y_true|, epsilon)``.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``, in percent.

    Example:
        >>> torchkeras.losses.mean_absolute_percentage_error([[1.0, 2.0]], [[1.0, 4.0]])
        tensor([50.])
    """
    y_true, y_pred = align(y_true, y_pred)
    size = torch.clamp(torch.abs(y_true), min=config.epsilon())
    return 100 * torch.mean(torch.abs((y_true - y_pred) / size), -1)


def mean_squared_logarithmic_error(y_true, y_pred):
    """Mean over the last axis of ``(log(y_true + 1) - log(y_pred + 1))**2``.

    Values below epsilon count as epsilon.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.mean_squared_logarithmic_error([[0.0, 2.0]], [[0.0, 4.0]])
        tensor([0.1305])
    """
    y_true, y_pred = align(y_true, y_pred)
    epsilon = config.epsilon()
    first = torch.log(torch.clamp(y_pred, min=epsilon) + 1)
    second = torch.log(torch.clamp(y_true, min=epsilon) + 1)
    return torch.mean(torch.square(first - second), -1)


def huber(y_true, y_pred, delta=1.0):
    """Mean over the last axis of Huber's function of the error.

    ``error**2 / 2`` where ``|error| <= delta``, ``delta * |error| - delta**2 / 2`` beyond.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.
        delta: Where the parabola goes over into a line.

    Returns:
        Values ``(batch, ...)``.

    Reference: `Huber, 1964 <https://doi.org/10.1214/aoms/1177703732>`_

    Example:
        >>> torchkeras.losses.huber([[1.0, 2.0]], [[1.0, 4.0]])
        tensor([0.7500])
    """
    y_true, y_pred = align(y_true, y_pred)
    error = torch.abs(y_pred - y_true)
    values = torch.where(error <= delta, 0.5 * error * error, delta * error - 0.5 * delta**2)
    return torch.mean(values, -1)


def log_cosh(y_true, y_pred):
    """Mean over the last axis of ``log(cosh(y_pred - y_true))``, computed without overflow.

    Args:
        y_true: Targets ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.log_cosh([[1.0, 2.0]], [[1.0, 4.0]])
        tensor([0.6625])
    """
    y_true, y_pred = align(y_true, y_pred)
    error = y_pred - y_true
    return torch.mean(error + F.softplus(-2 * error) - math.log(2), -1)


def cosine_similarity(y_true, y_pred, axis=-1):
    """Minus the cosine of the angle between targets and predictions.

    -1 for the same direction, 1 for opposite ones, 0 for right angles and zero vectors.

    Args:
        y_true: Targets.
        y_pred: Predictions of the same shape.
        axis: Axis, or tuple of axes, of the vectors.

    Returns:
        Values of the shape without the axis.

    Example:
        >>> torchkeras.losses.cosine_similarity([[3.0, 4.0]], [[6.0, 8.0]])
        tensor([-1.])
    """
    y_true, y_pred = align(y_true, y_pred)
    return -torch.sum(_unit(y_true, axis) * _unit(y_pred, axis), axis)


def _unit(x, axis):
    # The floor keeps the gradient of a zero vector finite.
    squares = torch.sum(torch.square(x), axis, keepdim=True)
    return x * torch.rsqrt(torch.clamp(squares, min=1e-12))


class MeanSquaredError(LossFunctionWrapper):
    """The mean of ``(y_true - y_pred)**2``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.MeanSquaredError()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(2.)
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, reduction, name, dtype)

    def _fused_mean(self, y_true, y_pred):
        return F.mse_loss(y_pred, y_true) if y_pred.shape == y_true.shape else None


class MeanAbsoluteError(LossFunctionWrapper):
    """The mean of ``|y_true - y_pred|``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.MeanAbsoluteError()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(1.)
    """

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, reduction, name, dtype)

    def _fused_mean(self, y_true, y_pred):
        return F.l1_loss(y_pred, y_true) if y_pred.shape == y_true.shape else None


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """The mean of ``100 * |y_true - y_pred| / |y_true|``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(50.)
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_absolute_percentage_error", dtype=None
    ):
        super().__init__(mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """The mean of ``(log(y_true + 1) - log(y_pred + 1))**2``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.MeanSquaredLogarithmicError()([[0.0, 2.0]], [[0.0, 4.0]])
        tensor(0.1305)
    """

    def __init__(
        self, reduction="sum_over_batch_size", name="mean_squared_logarithmic_error", dtype=None
    ):
        super().__init__(mean_squared_logarithmic_error, reduction, name, dtype)


class Huber(LossFunctionWrapper):
    """The mean of Huber's function of the error: a parabola inside ``delta``, a line outside.

    Args:
        delta: Where the parabola goes over into a line.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Reference: `Huber, 1964 <https://doi.org/10.1214/aoms/1177703732>`_

    Example:
        >>> torchkeras.losses.Huber()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(0.7500)
    """

    _unwritten = {"delta": 1.0}

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(huber, reduction, name, dtype, delta=delta)
        self.delta = delta

    def _fused_mean(self, y_true, y_pred):
        if y_pred.shape != y_true.shape or not self.delta > 0:
            return None
        return F.huber_loss(y_pred, y_true, delta=self.delta)


class LogCosh(LossFunctionWrapper):
    """The mean of ``log(cosh(y_pred - y_true))``: squared near zero, absolute far away.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.LogCosh()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(0.6625)
    """

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(log_cosh, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the mean cosine of the angle between targets and predictions.

    Args:
        axis: Axis, or tuple of axes, of the vectors.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.CosineSimilarity()([[3.0, 4.0]], [[6.0, 8.0]])
        tensor(-1.)
    """

    _unwritten = {"axis": -1}

    def __init__(
        self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None
    ):
        super().__init__(cosine_similarity, reduction, name, dtype, axis=axis)
        self.axis = axis
