"""How targets and predictions vary together."""

import torch

from torchkeras import config
from torchkeras.losses._loss import align
from torchkeras.metrics._reduction import MeanMetricWrapper


def pearson_correlation(y_true, y_pred, axis=-1):
    """Covariance over the product of the standard deviations, from -1 to 1.

    Args:
        y_true: Targets.
        y_pred: Predictions of the same shape.
        axis: Axis (or axes) over which they vary.

    Returns:
        Values in the shape without ``axis``; NaN where one side is constant.

    Example:
        >>> torchkeras.metrics.pearson_correlation([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.5]])
        tensor([1.])
    """
    y_true, y_pred = align(y_true, y_pred)
    a = y_true - y_true.mean(axis, keepdim=True)
    b = y_pred - y_pred.mean(axis, keepdim=True)
    a = a / a.square().mean(axis, keepdim=True).sqrt()
    b = b / b.square().mean(axis, keepdim=True).sqrt()
    return (a * b).mean(axis)


def concordance_correlation(y_true, y_pred, axis=-1):
    """``2 * covariance / (variance + variance + (mean - mean)**2)``, from -1 to 1.

    Unlike Pearson's correlation it is 1 only if predictions equal the targets.

    Args:
        y_true: Targets.
        y_pred: Predictions of the same shape.
        axis: Axis (or axes) over which they vary.

    Returns:
        Values in the shape without ``axis``.

    Reference: `Lin, 1989 <https://doi.org/10.2307/2532051>`_

    Example:
        >>> torchkeras.metrics.concordance_correlation([[1.0, 2.0, 3.0]], [[1.0, 2.0, 5.0]])
        tensor([0.6667])
    """
    y_true, y_pred = align(y_true, y_pred)
    mean_true, mean_pred = y_true.mean(axis, keepdim=True), y_pred.mean(axis, keepdim=True)
    a, b = y_true - mean_true, y_pred - mean_pred
    spread = a.square().mean(axis) + b.square().mean(axis)
    shift = torch.square(mean_true - mean_pred).mean(axis)
    return 2 * (a * b).mean(axis) / (spread + shift + config.epsilon())


class PearsonCorrelation(MeanMetricWrapper):
    """Mean Pearson correlation of targets and predictions.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        axis: Axis (or axes) over which they vary.

    Example:
        >>> metric = torchkeras.metrics.PearsonCorrelation()
        >>> metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])
        tensor(0.9967)
    """

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(fn=pearson_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean concordance correlation of targets and predictions.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        axis: Axis (or axes) over which they vary.

    Example:
        >>> metric = torchkeras.metrics.ConcordanceCorrelation()
        >>> metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])
        tensor(0.9816)
    """

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(fn=concordance_correlation, name=name, dtype=dtype, axis=axis)
        self.axis = axis
