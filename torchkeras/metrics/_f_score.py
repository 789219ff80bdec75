"""F scores: one number of precision and recall."""

import torch

from torchkeras.metrics._metric import Metric
from torchkeras.metrics._reduction import divide

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """``(1 + beta**2) * precision * recall / (beta**2 * precision + recall)`` of each class.

    Args:
        average: ``None`` returns one score a class, ``"micro"`` the score of all decisions
            together, ``"macro"`` the mean over classes, ``"weighted"`` the mean weighted by
            the labels of each class.
        beta: How many times as much recall counts as precision.
        threshold: What a prediction must exceed to be positive; ``None`` makes the largest
            of each row positive.
        name: Name of the metric.
        dtype: Element type of the counts.

    Shapes:
        y_true, y_pred: ``(batch, classes)``

    Raises:
        ValueError: if ``average``, ``beta`` or ``threshold`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.FBetaScore(beta=2.0, threshold=0.5)
        >>> metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
        ...        [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        tensor([0.3846, 0.9091, 0.8333])
    """

    _direction = "up"

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        if average not in _AVERAGES:
            raise ValueError(
                "Invalid `average` argument value. Expected one of: {None, 'micro', 'macro', "
                f"'weighted'}}. Received: average={average}"
            )
        if not isinstance(beta, float):
            raise ValueError(
                "Invalid `beta` argument value. It should be a Python float. Received: "
                f"beta={beta} of type '{type(beta)}'"
            )
        if beta <= 0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}"
            )
        if threshold is not None and not isinstance(threshold, float):
            raise ValueError(
                "Invalid `threshold` argument value. It should be a Python float. Received: "
                f"threshold={threshold} of type '{type(threshold)}'"
            )
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(
                "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                f"Received: threshold={threshold}"
            )
        super().__init__(name=name, dtype=dtype)
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={tuple(y_pred_shape)} and "
                f"y_true.shape={tuple(y_true_shape)}."
            )
        if y_pred_shape[-1] is None or y_true_shape[-1] is None:
            raise ValueError(
                "FBetaScore expects 2D inputs with shape (batch_size, output_dim), with "
                "output_dim fully defined (not None). Received input shapes: "
                f"y_pred.shape={tuple(y_pred_shape)} and y_true.shape={tuple(y_true_shape)}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", name="intermediate_weights")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels 0 and 1, ``(batch, classes)``.
            y_pred: Predictions of that shape.
            sample_weight: One weight for each sample.

        Raises:
            ValueError: if targets or predictions are no matrices of one shape.
        """
        y_pred = self._tensor(y_pred, self._torch_dtype)
        y_true = self._tensor(y_true, self._torch_dtype, y_pred.device)
        if not self._built:
            with torch.device(y_pred.device):
                self._build(y_true.shape, y_pred.shape)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                "`y_true` and `y_pred` must have the same shape. Received: "
                f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        if self.true_positives.device != y_pred.device:
            self.to(y_pred.device)
        if self.threshold is None:
            # The largest of a row, but no prediction at all where all are zero.
            positive = (y_pred >= y_pred.amax(-1, keepdim=True)) & (y_pred.abs() > 1e-9)
        else:
            positive = y_pred > self.threshold
        weights = y_pred.new_ones(y_pred.shape[0], 1)
        if sample_weight is not None:
            given = self._tensor(sample_weight, y_pred.dtype, y_pred.device)
            weights = given.reshape(-1, 1).expand(y_pred.shape[0], 1)
        positive = positive.to(y_pred.dtype)
        axes = (0, 1) if self.average == "micro" else 0
        self.true_positives.add_((weights * y_true * positive).sum(axes))
        self.false_positives.add_((weights * (1 - y_true) * positive).sum(axes))
        self.false_negatives.add_((weights * y_true * (1 - positive)).sum(axes))
        self.intermediate_weights.add_((weights * y_true).sum(axes))

    def result(self):
        """The score, or one a class.

        Raises:
            ValueError: before any data was seen.
        """
        if not self._built:
            raise ValueError(
                "The metric has not seen data yet, so its number of classes is unknown. Call "
                "`update_state()` first."
            )
        precision = divide(self.true_positives, self.true_positives + self.false_positives)
        recall = divide(self.true_positives, self.true_positives + self.false_negatives)
        square = self.beta**2
        score = divide((1 + square) * precision * recall, square * precision + recall)
        if self.average == "weighted":
            weights = self.intermediate_weights
            return (score * divide(weights, weights.sum())).sum()
        return score.mean() if self.average is not None else score


class F1Score(FBetaScore):
    """``2 * precision * recall / (precision + recall)`` of each class.

    Args:
        average: ``None`` returns one score a class, ``"micro"`` the score of all decisions
            together, ``"macro"`` the mean over classes, ``"weighted"`` the mean weighted by
            the labels of each class.
        threshold: What a prediction must exceed to be positive; ``None`` makes the largest
            of each row positive.
        name: Name of the metric.
        dtype: Element type of the counts.

    Shapes:
        y_true, y_pred: ``(batch, classes)``

    Raises:
        ValueError: if ``average`` or ``threshold`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.F1Score(average="macro", threshold=0.5)
        >>> metric([[1, 1, 1], [1, 0, 0], [1, 1, 0]],
        ...        [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        tensor(0.6556)
    """

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average=average, beta=1.0, threshold=threshold, name=name, dtype=dtype)
