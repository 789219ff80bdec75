"""Margins between predictions and labels of -1 and 1."""

from torchkeras.losses import categorical_hinge, hinge, squared_hinge
from torchkeras.metrics._reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """Mean of ``max(1 - y_true * y_pred, 0)``; labels are -1 and 1, or 0 and 1.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.Hinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.3000)
    """

    _direction = "down"

    def __init__(self, name="hinge", dtype=None):
        super().__init__(fn=hinge, name=name, dtype=dtype)


class SquaredHinge(MeanMetricWrapper):
    """Mean of ``max(1 - y_true * y_pred, 0)**2``; labels are -1 and 1, or 0 and 1.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.SquaredHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.8600)
    """

    _direction = "down"

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(fn=squared_hinge, name=name, dtype=dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Mean of ``max(1 + largest other prediction - that of the label, 0)``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.CategoricalHinge()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(1.4000)
    """

    _direction = "down"

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(fn=categorical_hinge, name=name, dtype=dtype)
