"""How often predictions equal the labels."""

import math

from torchkeras import _checks, _dtypes, config
from torchkeras.losses._loss import align
from torchkeras.metrics._reduction import MeanMetricWrapper


def _floatx():
    return _dtypes.torch_dtype(config.floatx())


def accuracy(y_true, y_pred):
    """1 where ``y_true == y_pred``, else 0."""
    y_true, y_pred = align(y_true, y_pred)
    return (y_true == y_pred).to(y_pred.dtype)


def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where ``(y_pred > threshold) == y_true``, else 0.

    Args:
        y_true: Labels 0 and 1.
        y_pred: Predictions of the same shape.
        threshold: What a prediction must exceed to stand for 1.

    Returns:
        Values in the shape of the predictions.

    Example:
        >>> torchkeras.metrics.binary_accuracy([1.0, 0.0, 1.0], [0.8, 0.6, 0.4])
        tensor([1., 0., 0.])
    """
    y_true, y_pred = align(y_true, y_pred)
    return ((y_pred > threshold) == y_true).to(y_pred.dtype)


def categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction stands at the label's place, else 0.

    Args:
        y_true: One-hot labels ``(batch, ..., classes)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.metrics.categorical_accuracy([[0, 0, 1], [0, 1, 0]],
        ...                                         [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
        tensor([1., 0.])
    """
    y_pred = _dtypes.to_tensor(y_pred)
    y_true = _dtypes.to_tensor(y_true, device=y_pred.device)
    return (y_true.argmax(-1) == y_pred.argmax(-1)).to(_floatx())


def sparse_categorical_accuracy(y_true, y_pred):
    """1 where the largest prediction is that of the labelled class, else 0.

    Args:
        y_true: Class numbers ``(batch, ...)`` or ``(batch, ..., 1)``.
        y_pred: Predictions ``(batch, ..., classes)``.

    Returns:
        Values ``(batch, ...)``.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> torchkeras.metrics.sparse_categorical_accuracy([2, 1],
        ...                                                [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
        tensor([1., 0.])
    """
    y_pred = _dtypes.to_tensor(y_pred)
    y_true = _dtypes.to_tensor(y_true, device=y_pred.device)
    y_true = _class_numbers(y_true, y_pred)
    return (y_true == y_pred.argmax(-1)).to(_floatx())


def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the labelled class is among the ``k`` with the largest predictions, else 0.

    Args:
        y_true: One-hot labels ``(batch, ..., classes)``.
        y_pred: Predictions of the same shape.
        k: How many classes count.

    Returns:
        Values ``(batch, ...)``.

    Raises:
        ValueError: if there are fewer than ``k`` classes.

    Example:
        >>> torchkeras.metrics.top_k_categorical_accuracy([[0, 0, 1], [0, 1, 0]],
        ...                                               [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], k=2)
        tensor([1., 1.])
    """
    y_pred = _dtypes.to_tensor(y_pred)
    y_true = _dtypes.to_tensor(y_true, device=y_pred.device)
    return _in_top_k(y_true.argmax(-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the labelled class is among the ``k`` with the largest predictions, else 0.

    Args:
        y_true: Class numbers ``(batch, ...)`` or ``(batch, ..., 1)``.
        y_pred: Predictions ``(batch, ..., classes)``; with ``from_sorted_ids`` the class
            numbers, best first.
        k: How many classes count.
        from_sorted_ids: Whether ``y_pred`` holds class numbers.

    Returns:
        Values in the shape of ``y_true``.

    Raises:
        ValueError: if there are fewer than ``k`` classes, or the shapes do not fit.

    Example:
        >>> torchkeras.metrics.sparse_top_k_categorical_accuracy(
        ...     [2, 2], [[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]], k=2)
        tensor([1., 0.])
    """
    y_pred = _dtypes.to_tensor(y_pred)
    y_true = _dtypes.to_tensor(y_true, device=y_pred.device)
    labels = _class_numbers(y_true, y_pred)
    if from_sorted_ids:
        hits = (y_pred[..., :k] == labels.unsqueeze(-1)).any(-1).to(_floatx())
    else:
        hits = _in_top_k(labels.long(), y_pred, k)
    return hits.reshape(y_true.shape)


def _class_numbers(y_true, y_pred):
    """Labels in the shape ``(batch, ...)`` of predictions ``(batch, ..., classes)``."""
    shape = y_pred.shape[:-1]
    if y_true.shape == shape:
        return y_true
    if y_true.numel() != math.prod(shape) and shape:
        raise ValueError(
            "`y_true` must hold one class number for each row of predictions. Received: "
            f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}. Labels in "
            "one-hot form need the metric without `sparse` in its name."
        )
    return y_true.reshape(shape) if shape else y_true


def _in_top_k(labels, y_pred, k):
    classes = y_pred.shape[-1]
    if k > classes:
        raise ValueError(
            f"`k` must be at most the number of classes. Received: k={k}, classes={classes}"
        )
    smallest = y_pred.topk(k, -1).values[..., -1]
    # A label that is no class of the predictions is never hit.
    known = labels.clamp(0, classes - 1)
    scores = y_pred.gather(-1, known.unsqueeze(-1)).squeeze(-1)
    return ((scores >= smallest) & (known == labels)).to(_floatx())


class Accuracy(MeanMetricWrapper):
    """Share of predictions that equal the labels exactly.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.Accuracy()([1, 2, 3, 4], [1, 2, 3, 0])
        tensor(0.7500)
    """

    _direction = "up"

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(fn=accuracy, name=name, dtype=dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """Share of predictions on the right side of a threshold.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        threshold: What a prediction must exceed to stand for 1.

    Example:
        >>> torchkeras.metrics.BinaryAccuracy()([1, 1, 0, 0], [0.9, 0.2, 0.1, 0.4])
        tensor(0.7500)
    """

    _direction = "up"

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(fn=binary_accuracy, name=name, dtype=dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction stands at the place of the one-hot label.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.CategoricalAccuracy()([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
        tensor(0.5000)
    """

    _direction = "up"

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(fn=categorical_accuracy, name=name, dtype=dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose largest prediction is that of the labelled class.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.SparseCategoricalAccuracy()([1, 0], [[0.2, 0.8], [0.4, 0.6]])
        tensor(0.5000)
    """

    _direction = "up"
    _integer_labels = True

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(fn=sparse_categorical_accuracy, name=name, dtype=dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose one-hot label is among the ``k`` largest predictions.

    Args:
        k: How many classes count.
        name: Name of the metric.
        dtype: Element type it is computed in.

    Raises:
        ValueError: if ``k`` is no positive integer.

    Example:
        >>> metric = torchkeras.metrics.TopKCategoricalAccuracy(k=2)
        >>> metric([[0, 0, 1], [0, 1, 0]], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
        tensor(0.5000)
    """

    _direction = "up"

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        self.k = _checks.positive_int("k", k)
        super().__init__(fn=top_k_categorical_accuracy, name=name, dtype=dtype, k=self.k)


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """Share of samples whose labelled class is among the ``k`` largest predictions.

    Args:
        k: How many classes count.
        name: Name of the metric.
        dtype: Element type it is computed in.
        from_sorted_ids: Whether predictions are class numbers, best first.

    Raises:
        ValueError: if ``k`` is no positive integer.

    Example:
        >>> metric = torchkeras.metrics.SparseTopKCategoricalAccuracy(k=2)
        >>> metric([2, 1], [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
        tensor(0.5000)
    """

    _direction = "up"
    _integer_labels = True

    def __init__(
        self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False
    ):
        self.k = _checks.positive_int("k", k)
        self.from_sorted_ids = from_sorted_ids
        super().__init__(
            fn=sparse_top_k_categorical_accuracy,
            name=name,
            dtype=dtype,
            k=self.k,
            from_sorted_ids=from_sorted_ids,
        )
