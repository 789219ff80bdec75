"""Divergences between predicted and true probabilities."""

from torchkeras.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from torchkeras.metrics._reduction import MeanMetricWrapper


class KLDivergence(MeanMetricWrapper):
    """Mean of ``sum(y_true * log(y_true / y_pred))``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.KLDivergence()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(0.4581)
    """

    _direction = "down"

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(fn=kl_divergence, name=name, dtype=dtype)


class Poisson(MeanMetricWrapper):
    """Mean of ``y_pred - y_true * log(y_pred)``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.Poisson()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name="poisson", dtype=None):
        super().__init__(fn=poisson, name=name, dtype=dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean of ``-log`` of the probability given to each label 0 or 1.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        from_logits: Whether predictions are logits instead of probabilities.
        label_smoothing: How far labels are moved from 0 and 1 to the middle, from 0 to 1.

    Example:
        >>> torchkeras.metrics.BinaryCrossentropy()([[0, 1], [0, 0]], [[0.6, 0.4], [0.4, 0.6]])
        tensor(0.8149)
    """

    _direction = "down"

    def __init__(
        self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0
    ):
        super().__init__(
            fn=binary_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean of ``-log`` of the probability given to the class of the one-hot label.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        from_logits: Whether predictions are logits instead of probabilities.
        label_smoothing: How far labels are moved from 0 and 1 to the middle, from 0 to 1.
        axis: Axis of the classes.

    Example:
        >>> metric = torchkeras.metrics.CategoricalCrossentropy()
        >>> metric([[0, 1, 0], [0, 0, 1]], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        tensor(1.1769)
    """

    _direction = "down"

    def __init__(
        self,
        name="categorical_crossentropy",
        dtype=None,
        from_logits=False,
        label_smoothing=0,
        axis=-1,
    ):
        super().__init__(
            fn=categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean of ``-log`` of the probability given to the labelled class.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        from_logits: Whether predictions are logits instead of probabilities.
        ignore_class: Label of samples that count as zero.
        axis: Axis of the classes.

    Example:
        >>> metric = torchkeras.metrics.SparseCategoricalCrossentropy()
        >>> metric([1, 2], [[0.05, 0.95, 0], [0.1, 0.8, 0.1]])
        tensor(1.1769)
    """

    _direction = "down"
    _integer_labels = True

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(
            fn=sparse_categorical_crossentropy,
            name=name,
            dtype=dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis
