"""Errors of predicted numbers."""

import warnings

import torch

from torchkeras.losses import cosine_similarity as _minus_cosine
from torchkeras.losses import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from torchkeras.losses._loss import align
from torchkeras.metrics._metric import Metric
from torchkeras.metrics._reduction import Mean, MeanMetricWrapper, expand_weights


def cosine_similarity(y_true, y_pred, axis=-1):
    """Cosine of the angle between targets and predictions; the loss has the other sign."""
    return -_minus_cosine(y_true, y_pred, axis=axis)


class MeanSquaredError(MeanMetricWrapper):
    """Mean of ``(y_true - y_pred)**2``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.MeanSquaredError()([[0.0, 1.0]], [[1.0, 1.0]])
        tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(fn=mean_squared_error, name=name, dtype=dtype)


class RootMeanSquaredError(Mean):
    """Square root of the mean of ``(y_true - y_pred)**2``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.RootMeanSquaredError()([[0.0, 1.0], [0.0, 0.0]],
        ...                                           [[1.0, 1.0], [0.0, 0.0]])
        tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: Weights that broadcast to the predictions, or one a sample.
        """
        y_pred = self._tensor(y_pred, self._torch_dtype)
        y_true, y_pred = align(y_true, y_pred)
        self._add(torch.square(y_pred - y_true), sample_weight, None)

    def result(self):
        """The root of the mean."""
        return super().result().sqrt()


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of ``|y_true - y_pred|``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.MeanAbsoluteError()([[0.0, 1.0]], [[1.0, 1.0]])
        tensor(0.5000)
    """

    _direction = "down"

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(fn=mean_absolute_error, name=name, dtype=dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of ``100 * |y_true - y_pred| / |y_true|``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.MeanAbsolutePercentageError()([[1.0, 2.0]], [[1.0, 3.0]])
        tensor(25.)
    """

    _direction = "down"

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(fn=mean_absolute_percentage_error, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of ``(log(y_true + 1) - log(y_pred + 1))**2``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.MeanSquaredLogarithmicError()([[0.0, 2.0]], [[0.0, 4.0]])
        tensor(0.1305)
    """

    _direction = "down"

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(fn=mean_squared_logarithmic_error, name=name, dtype=dtype)


class LogCoshError(MeanMetricWrapper):
    """Mean of ``log(cosh(y_pred - y_true))``.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.

    Example:
        >>> torchkeras.metrics.LogCoshError()([[1.0, 2.0]], [[1.0, 4.0]])
        tensor(0.6625)
    """

    _direction = "down"

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(fn=log_cosh, name=name, dtype=dtype)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine of the angle between targets and predictions.

    Args:
        name: Name of the metric.
        dtype: Element type it is computed in.
        axis: Axis of the vectors.

    Example:
        >>> metric = torchkeras.metrics.CosineSimilarity()
        >>> metric([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])
        tensor(0.5000)
    """

    _direction = "up"

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(fn=cosine_similarity, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class R2Score(Metric):
    """Coefficient of determination, ``1 - sum((y_true - y_pred)**2) / sum((y_true - mean)**2)``.

    1 for perfect predictions, 0 for those no better than the mean, negative for worse.

    Args:
        class_aggregation: ``None`` returns one score an output, ``"uniform_average"`` their
            mean, ``"variance_weighted_average"`` that weighted by the outputs' variances.
        num_regressors: Number of inputs of the model that made the predictions: the score is
            adjusted for it, ``1 - (1 - score) * (n - 1) / (n - num_regressors - 1)``; zero
            for no adjustment.
        name: Name of the metric.
        dtype: Element type of the sums.

    Shapes:
        y_true, y_pred: ``(batch, outputs)``

    Raises:
        ValueError: for another ``class_aggregation`` or a negative ``num_regressors``.

    Example:
        >>> torchkeras.metrics.R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])
        tensor(0.5714)
    """

    _direction = "up"

    def __init__(
        self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None
    ):
        choices = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in choices:
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of "
                f"{choices}. Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. Received: "
                f"num_regressors={num_regressors}"
            )
        super().__init__(name=name, dtype=dtype)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, outputs):
        shape = (outputs,)
        self.squared_sum = self.add_variable(shape, "zeros", name="squared_sum")
        self.sum = self.add_variable(shape, "zeros", name="sum")
        self.total_mse = self.add_variable(shape, "zeros", name="residual")
        self.count = self.add_variable(shape, "zeros", name="count")
        self._built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Takes in one batch.

        Args:
            y_true: Targets ``(batch, outputs)``.
            y_pred: Predictions of that shape.
            sample_weight: Weights that broadcast to the predictions, or one a sample.

        Raises:
            ValueError: if the predictions are no matrix.
        """
        y_pred = self._tensor(y_pred, self._torch_dtype)
        y_true, y_pred = align(y_true, y_pred)
        if y_pred.ndim != 2:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim). Received input "
                f"shapes: y_pred.shape={tuple(y_pred.shape)} and "
                f"y_true.shape={tuple(y_true.shape)}."
            )
        if not self._built:
            with torch.device(y_pred.device):
                self._build(y_pred.shape[1])
        if self.num_samples.device != y_pred.device:
            self.to(y_pred.device)
        y_true = y_true.detach()
        weights = 1.0 if sample_weight is None else sample_weight
        weights = self._tensor(weights, y_pred.dtype, y_pred.device)
        weights = expand_weights(weights, y_pred)
        weighted = y_true * weights
        self.sum.add_(weighted.sum(0))
        self.squared_sum.add_((y_true * weighted).sum(0))
        self.total_mse.add_((torch.square(y_true - y_pred) * weights).sum(0))
        self.count.add_(weights.sum(0))
        self.num_samples.add_(y_true.numel())

    def result(self):
        """The score, or one an output.

        Raises:
            ValueError: before any data was seen.
        """
        if not self._built:
            raise ValueError(
                "The metric has not seen data yet, so its number of outputs is unknown. Call "
                "`update_state()` first."
            )
        total = self.squared_sum - self.sum * self.sum / self.count
        score = 1 - self.total_mse / total
        score = torch.where(torch.isinf(score), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = score.mean()
        elif self.class_aggregation == "variance_weighted_average":
            score = (score * total).sum() / total.sum()
        if not self.num_regressors:
            return score
        left = float(self.num_samples) - self.num_regressors - 1
        if left <= 0:
            warnings.warn(
                "The number of samples does not exceed `num_regressors` by more than one, so "
                "the score is not adjusted for it."
            )
            return score
        return 1 - (1 - score) * (self.num_samples - 1) / left
