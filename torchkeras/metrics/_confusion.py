"""Counts of right and wrong decisions at thresholds, and the rates and areas made of them.

Predictions are sorted into one histogram, whose cells lie between the thresholds; how many
exceed each threshold is then a cumulative sum.  Memory does not grow with the product of
thresholds and samples.
"""

import math

import numpy as np
import torch

from torchkeras import _checks, _dtypes, config
from torchkeras.losses._loss import same_rank
from torchkeras.metrics._metric import Metric
from torchkeras.metrics._reduction import divide, expand_weights

# Below every threshold: a prediction that is not among the top k.
_NEVER = -1e10


class _Thresholded(Metric):
    """A metric that compares predictions with thresholds.

    ``_set_thresholds`` comes before `_count`.
    """

    def _set_thresholds(self, thresholds):
        count = len(thresholds)
        self.thresholds = list(thresholds)
        values = np.asarray(self.thresholds, dtype="float64")
        grid = np.arange(count) / max(count - 1, 1)
        # Thresholds that divide 0..1 evenly are found by a multiplication.
        self._even = count > 2 and np.allclose(values, grid, rtol=0, atol=2e-7)
        self._counts_zero = bool(values[0] < 0)
        order = np.argsort(values, kind="stable")
        # Tensors live where the variables do.
        device = torch.get_default_device()
        self._edges = torch.tensor(values[order], dtype=self._torch_dtype, device=device)
        self._places = None
        if not np.array_equal(order, np.arange(count)):
            self._places = torch.tensor(np.argsort(order), device=device)

    def _inputs(self, y_true, y_pred, sample_weight, top_k=None, class_id=None):
        """Labels as booleans, predictions and weights (or None), all of one shape."""
        y_pred = self._tensor(y_pred, self._torch_dtype)
        device = y_pred.device
        y_true = self._tensor(y_true, device=device) != 0
        if device != self._edges.device or device != self._variables[0].device:
            self.to(device)
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                "`y_true` and `y_pred` must have the same shape. Received: "
                f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        weights = None
        if sample_weight is not None:
            weights = self._tensor(sample_weight, self._torch_dtype, device)
            weights = expand_weights(weights, y_pred)
        if top_k is not None:
            if top_k > y_pred.shape[-1]:
                raise ValueError(
                    "`top_k` must be at most the size of the last axis of the predictions. "
                    f"Received: top_k={top_k}, y_pred.shape={tuple(y_pred.shape)}"
                )
            best = y_pred.topk(top_k, -1)
            y_pred = torch.full_like(y_pred, _NEVER).scatter_(-1, best.indices, best.values)
        if class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape "
                    f"(num_samples, num_classes), found shape: {tuple(y_pred.shape)}"
                )
            y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
            weights = None if weights is None else weights[..., class_id]
        return y_true, y_pred, weights

    def _passed(self, y_pred):
        """How many thresholds each prediction exceeds; none for NaN."""
        count = len(self.thresholds)
        if count == 1:
            return (y_pred > self._edges).long()
        if self._even:
            passed = torch.ceil(y_pred.clamp(0, 1) * (count - 1)).nan_to_num(-1.0)
            if self._counts_zero:
                # The first threshold lies just under zero: zeros exceed it.
                passed = torch.where(passed == 0, 1.0, passed)
            return passed.clamp(min=0).long()
        infinity = math.inf
        y_pred = y_pred.nan_to_num(-infinity, infinity, -infinity)
        return torch.bucketize(y_pred, self._edges)

    def _count(self, y_true, y_pred, weights, columns=1):
        """Weights of the predictions above and not above each threshold.

        Args:
            y_true: Booleans.
            y_pred: Predictions of that shape; the last axis holds the columns.
            weights: Weights of that shape or None.
            columns: How many columns are counted apart.

        Returns:
            Two tensors ``(2, columns, thresholds)``; first the labels False, then True.
        """
        cells = len(self.thresholds) + 1
        index = self._passed(y_pred) + y_true * (columns * cells)
        if columns > 1:
            index = index + torch.arange(0, columns * cells, cells, device=index.device)
        if weights is None:
            weights = torch.ones_like(y_pred)
        histogram = torch.zeros(2 * columns * cells, dtype=weights.dtype, device=weights.device)
        histogram.scatter_add_(0, index.reshape(-1), weights.reshape(-1))
        histogram = histogram.view(2, columns, cells)
        above = histogram.flip(-1).cumsum(-1).flip(-1)[..., 1:]
        below = histogram.cumsum(-1)[..., :-1]
        if self._places is not None:
            above, below = above[..., self._places], below[..., self._places]
        return above, below


def _checked_thresholds(thresholds, default):
    """A list of thresholds from one, a list, or None."""
    if thresholds is None:
        return [default]
    values = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [v for v in values if v is None or not 0 <= v <= 1]
    if wrong or not values:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return [float(v) for v in values]


class _ConditionCount(_Thresholded):
    _label = True
    _above = True

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._given_thresholds = thresholds
        self._set_thresholds(_checked_thresholds(thresholds, 0.5))
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")

    def _config_value(self, name):
        return self._given_thresholds if name == "thresholds" else super()._config_value(name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels; what is not zero counts as True.
            y_pred: Predictions from 0 to 1.
            sample_weight: Weights that broadcast to the predictions, or one a sample.
        """
        counts = self._count(*self._inputs(y_true, y_pred, sample_weight))
        self.accumulator.add_(counts[0 if self._above else 1][int(self._label), 0])

    def result(self):
        """The counts; a scalar for one threshold."""
        return (
            self.accumulator[0].clone() if len(self.thresholds) == 1 else self.accumulator.clone()
        )


class TruePositives(_ConditionCount):
    """Weight of the samples labelled True whose prediction exceeds the threshold.

    Args:
        thresholds: Threshold, or list of them for a vector of counts; default 0.5.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.TruePositives()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        tensor(2.)
    """


class TrueNegatives(_ConditionCount):
    """Weight of the samples labelled False whose prediction does not exceed the threshold.

    Args:
        thresholds: Threshold, or list of them for a vector of counts; default 0.5.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.TrueNegatives()([0, 1, 0, 0], [1.0, 1.0, 0.0, 0.0])
        tensor(2.)
    """

    _label = False
    _above = False


class FalsePositives(_ConditionCount):
    """Weight of the samples labelled False whose prediction exceeds the threshold.

    Args:
        thresholds: Threshold, or list of them for a vector of counts; default 0.5.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.FalsePositives(thresholds=[0.1, 0.5])([0, 1, 0], [0.3, 1.0, 0.8])
        tensor([2., 1.])
    """

    _label = False


class FalseNegatives(_ConditionCount):
    """Weight of the samples labelled True whose prediction does not exceed the threshold.

    Args:
        thresholds: Threshold, or list of them for a vector of counts; default 0.5.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.FalseNegatives()([0, 1, 1, 1], [0.0, 1.0, 0.0, 0.0])
        tensor(2.)
    """

    _above = False


class _Share(_Thresholded):
    """Right decisions over right and wrong ones."""

    _direction = "up"
    _wrong_name = ""

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._given_thresholds = thresholds
        self.top_k = None if top_k is None else _checks.positive_int("top_k", top_k)
        self.class_id = class_id
        self._set_thresholds(_checked_thresholds(thresholds, 0.5 if top_k is None else _NEVER))
        shape = (len(self.thresholds),)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self._wrong = self.add_variable(shape, "zeros", name=self._wrong_name)

    def _config_value(self, name):
        return self._given_thresholds if name == "thresholds" else super()._config_value(name)

    def _counts(self, y_true, y_pred, sample_weight):
        return self._count(*self._inputs(y_true, y_pred, sample_weight, self.top_k, self.class_id))

    def result(self):
        """The share, zero before any sample; a scalar for one threshold."""
        share = divide(self.true_positives, self.true_positives + self._wrong)
        return share[0] if len(self.thresholds) == 1 else share


class Precision(_Share):
    """Share of the positive decisions that are right, ``TP / (TP + FP)``.

    Args:
        thresholds: What a prediction must exceed to be positive: a number from 0 to 1, or a
            list of them for a vector of results; default 0.5, or none with ``top_k``.
        top_k: Only the ``k`` largest predictions of a row can be positive.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.Precision()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        tensor(0.6667)
    """

    _wrong_name = "false_positives"

    @property
    def false_positives(self):
        """Weight of the wrong positive decisions."""
        return self._wrong

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels; what is not zero counts as True.
            y_pred: Predictions from 0 to 1.
            sample_weight: Weights that broadcast to the predictions, or one a sample.
        """
        above, _ = self._counts(y_true, y_pred, sample_weight)
        self.true_positives.add_(above[1, 0])
        self._wrong.add_(above[0, 0])


class Recall(_Share):
    """Share of the samples labelled True that are found, ``TP / (TP + FN)``.

    Args:
        thresholds: What a prediction must exceed to be positive: a number from 0 to 1, or a
            list of them for a vector of results; default 0.5, or none with ``top_k``.
        top_k: Only the ``k`` largest predictions of a row can be positive.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if a threshold is not from 0 to 1.

    Example:
        >>> torchkeras.metrics.Recall()([0, 1, 1, 1], [1.0, 0.0, 1.0, 1.0])
        tensor(0.6667)
    """

    _wrong_name = "false_negatives"

    @property
    def false_negatives(self):
        """Weight of the samples labelled True that were not found."""
        return self._wrong

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels; what is not zero counts as True.
            y_pred: Predictions from 0 to 1.
            sample_weight: Weights that broadcast to the predictions, or one a sample.
        """
        above, below = self._counts(y_true, y_pred, sample_weight)
        self.true_positives.add_(above[1, 0])
        self._wrong.add_(below[1, 0])


class _FourCounts(_Thresholded):
    """A metric of all four counts at each threshold."""

    _direction = "up"

    def _make_variables(self, shape):
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.true_negatives = self.add_variable(shape, "zeros", name="true_negatives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")

    def _add(self, above, below):
        self.true_positives.add_(above[1])
        self.false_positives.add_(above[0])
        self.true_negatives.add_(below[0])
        self.false_negatives.add_(below[1])


class _RateAtRate(_FourCounts):
    """The best of one rate at the thresholds where another is at least a value."""

    _limit = ""

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self._limit}` must be in the range [0, 1]. "
                f"Received: {self._limit}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. Received: "
                f"num_thresholds={num_thresholds}"
            )
        super().__init__(name=name, dtype=dtype)
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self.value = value
        n = num_thresholds - 1
        self._set_thresholds([i / n for i in range(n + 1)] if n else [0.5])
        self._make_variables((num_thresholds,))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels; what is not zero counts as True.
            y_pred: Predictions from 0 to 1.
            sample_weight: Weights that broadcast to the predictions, or one a sample.
        """
        inputs = self._inputs(y_true, y_pred, sample_weight, class_id=self.class_id)
        above, below = self._count(*inputs)
        self._add(above[:, 0], below[:, 0])

    def _best(self, rate, limited):
        return torch.where(limited >= self.value, rate, 0.0).max()

    def _sensitivity(self):
        return divide(self.true_positives, self.true_positives + self.false_negatives)

    def _specificity(self):
        return divide(self.true_negatives, self.true_negatives + self.false_positives)

    def _precision(self):
        return divide(self.true_positives, self.true_positives + self.false_positives)


class SensitivityAtSpecificity(_RateAtRate):
    """Best sensitivity ``TP / (TP + FN)`` among thresholds of at least some specificity.

    Args:
        specificity: Least ``TN / (TN + FP)``, from 0 to 1.
        num_thresholds: How many thresholds, evenly from 0 to 1, are tried.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if ``specificity`` or ``num_thresholds`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.SensitivityAtSpecificity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _limit = "specificity"

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity

    def result(self):
        """The sensitivity; zero if no threshold is specific enough."""
        return self._best(self._sensitivity(), self._specificity())


class SpecificityAtSensitivity(_RateAtRate):
    """Best specificity ``TN / (TN + FP)`` among thresholds of at least some sensitivity.

    Args:
        sensitivity: Least ``TP / (TP + FN)``, from 0 to 1.
        num_thresholds: How many thresholds, evenly from 0 to 1, are tried.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if ``sensitivity`` or ``num_thresholds`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.SpecificityAtSensitivity(0.5)
        >>> metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.6667)
    """

    _limit = "sensitivity"

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity

    def result(self):
        """The specificity; zero if no threshold is sensitive enough."""
        return self._best(self._specificity(), self._sensitivity())


class PrecisionAtRecall(_RateAtRate):
    """Best precision ``TP / (TP + FP)`` among thresholds of at least some recall.

    Args:
        recall: Least ``TP / (TP + FN)``, from 0 to 1.
        num_thresholds: How many thresholds, evenly from 0 to 1, are tried.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if ``recall`` or ``num_thresholds`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.PrecisionAtRecall(0.5)
        >>> metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])
        tensor(0.5000)
    """

    _limit = "recall"

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall

    def result(self):
        """The precision; zero if no threshold has the recall."""
        return self._best(self._precision(), self._sensitivity())


class RecallAtPrecision(_RateAtRate):
    """Best recall ``TP / (TP + FN)`` among thresholds of at least some precision.

    Args:
        precision: Least ``TP / (TP + FP)``, from 0 to 1.
        num_thresholds: How many thresholds, evenly from 0 to 1, are tried.
        class_id: Only this place of the last axis counts; default all.
        name: Name of the metric.
        dtype: Element type of the counts.

    Raises:
        ValueError: if ``precision`` or ``num_thresholds`` is out of range.

    Example:
        >>> metric = torchkeras.metrics.RecallAtPrecision(0.8)
        >>> metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        tensor(0.5000)
    """

    _limit = "precision"

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision

    def result(self):
        """The recall; zero if no threshold has the precision."""
        return self._best(self._sensitivity(), self._precision())


class AUC(_FourCounts):
    """Area under a curve that the counts at many thresholds draw.

    The ROC curve is the recall over the false positive rate, the PR curve the precision
    over the recall. The area is a sum over the intervals between thresholds; for PR with
    ``"interpolation"`` true positives are taken as linear in all positives inside one.

    Args:
        num_thresholds: How many thresholds, evenly from 0 to 1.
        curve: ``"ROC"``, ``"PR"``, or ``"PRGAIN"`` for precision and recall relative to the
            decision that all samples are positive.
        summation_method: ``"interpolation"`` takes the middle of each interval,
            ``"minoring"`` its lower end, ``"majoring"`` its upper end.
        name: Name of the metric.
        dtype: Element type of the counts.
        thresholds: Thresholds from 0 to 1 to use instead; 0 and 1 are added.
        multi_label: Whether the area is taken for each column of the predictions, then the
            mean.
        num_labels: How many columns there are; default from the first batch.
        label_weights: One weight for each column: in the mean with ``multi_label``, on its
            samples otherwise.
        from_logits: Whether predictions still need a sigmoid.

    Raises:
        ValueError: if an argument has no meaning.

    References:
        `Davis & Goadrich, 2006 <https://doi.org/10.1145/1143844.1143874>`_ (PR),
        `Flach & Kull, 2015 <https://papers.nips.cc/paper/5867>`_ (PRGAIN)

    Example:
        >>> torchkeras.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9])
        tensor(0.7500)
    """

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        curves = {"roc": "ROC", "pr": "PR", "prgain": "PRGAIN"}
        if str(curve).lower() not in curves:
            raise ValueError(
                f'Invalid AUC curve value: "{curve}". Expected values are ["PR", "ROC", "PRGAIN"]'
            )
        if str(summation_method).lower() not in ("interpolation", "majoring", "minoring"):
            raise ValueError(
                f'Invalid AUC summation method value: "{summation_method}". Expected values are '
                '["interpolation", "majoring", "minoring"]'
            )
        if num_labels is not None and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        super().__init__(name=name, dtype=dtype)
        self.curve = curves[str(curve).lower()]
        self.summation_method = str(summation_method).lower()
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = label_weights
        self.from_logits = from_logits
        self._label_weights = None
        if label_weights is not None:
            self._label_weights = _dtypes.to_tensor(label_weights, self._torch_dtype)
        self._given_thresholds = None
        if thresholds is not None:
            inner = sorted(_checked_thresholds(list(thresholds), 0.5)) if len(thresholds) else []
            self._given_thresholds = inner
        elif num_thresholds <= 1:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 1. Received: "
                f"num_thresholds={num_thresholds}"
            )
        else:
            inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        # Just outside 0..1, so that all predictions exceed the first and none the last.
        self._set_thresholds([-config.epsilon(), *inner, 1 + config.epsilon()])
        self.num_thresholds = len(self.thresholds)
        self._built = False
        if num_labels or not multi_label:
            self._build(num_labels)

    def _build(self, columns):
        count = self.num_thresholds
        self._make_variables((count, columns) if self.multi_label else (count,))
        self._built = True

    def get_config(self):
        """Dict of the constructor arguments; ``thresholds`` only where they were given."""
        settings = super().get_config()
        if self._given_thresholds is None:
            del settings["thresholds"]
        return settings

    get_config._reads_signature = True

    def _config_value(self, name):
        return self._given_thresholds if name == "thresholds" else super()._config_value(name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels; what is not zero counts as True.
            y_pred: Predictions from 0 to 1 (any number with ``from_logits``).
            sample_weight: Weights that broadcast to the predictions, or one a sample.

        Raises:
            ValueError: with ``multi_label``, if the predictions are no matrix, or one of
                another width than before.
        """
        if self.multi_label:
            y_pred = self._tensor(y_pred)
            if y_pred.ndim != 2:
                raise ValueError(
                    "`y_pred` must have rank 2 when `multi_label=True`. Found rank "
                    f"{y_pred.ndim}. Full shape received for `y_pred`: {tuple(y_pred.shape)}"
                )
            if not self._built:
                with torch.device(y_pred.device):
                    self._build(y_pred.shape[1])
            columns = self.true_positives.shape[1]
            if y_pred.shape[1] != columns:
                raise ValueError(
                    f"`y_pred` must have {columns} columns, one for each label. Received: "
                    f"y_pred.shape={tuple(y_pred.shape)}"
                )
        y_true, y_pred, weights = self._inputs(y_true, y_pred, sample_weight)
        if self.from_logits:
            y_pred = torch.sigmoid(y_pred)
        if self.multi_label:
            above, below = self._count(y_true, y_pred, weights, y_pred.shape[1])
            self._add(above.mT, below.mT)
            return
        if self._label_weights is not None:
            weights = self._label_weights * (
                torch.ones_like(y_pred) if weights is None else weights
            )
        above, below = self._count(y_true, y_pred, weights)
        self._add(above[:, 0], below[:, 0])

    def result(self):
        """The area."""
        if not self._built:
            raise ValueError(
                "The metric has not seen data yet: with `multi_label=True` it learns the number "
                "of labels from the first batch. Call `update_state()` first, or pass `num_labels`."
            )
        tp, fp = self.true_positives.data, self.false_positives.data
        tn, fn = self.true_negatives.data, self.false_negatives.data
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _pr_area(tp, fp, fn)
        else:
            x, y = self._curve(tp, fp, tn, fn)
            heights = {
                "interpolation": (y[:-1] + y[1:]) / 2,
                "minoring": torch.minimum(y[:-1], y[1:]),
                "majoring": torch.maximum(y[:-1], y[1:]),
            }[self.summation_method]
            areas = (x[:-1] - x[1:]) * heights
        by_label = areas.sum(0)
        if not self.multi_label:
            return by_label
        if self._label_weights is None:
            return by_label.mean()
        return divide((by_label * self._label_weights).sum(), self._label_weights.sum())

    def _curve(self, tp, fp, tn, fn):
        recall = divide(tp, tp + fn)
        if self.curve == "ROC":
            return divide(fp, fp + tn), recall
        precision = divide(tp, tp + fp)
        if self.curve == "PR":
            return recall, precision
        odds = divide(tp + fn, fp + tn)  # of the label True
        recall = torch.where(tp == 0, 0.0, 1 - odds * divide(fn, tp)).clamp(0, 1)
        return recall, 1 - odds * divide(fp, tp)


def _pr_area(tp, fp, fn):
    """Areas between thresholds with true positives linear in all positives p.

    ``tp = slope * p + intercept`` makes the precision ``slope + intercept / p``, whose
    integral over the recall has a closed form.
    """
    p = tp + fp
    slope = divide(tp[:-1] - tp[1:], (p[:-1] - p[1:]).clamp(min=0))
    intercept = tp[1:] - slope * p[1:]
    ratio = torch.where((p[:-1] > 0) & (p[1:] > 0), p[:-1] / p[1:], 1.0)
    return divide(slope * (tp[:-1] - tp[1:] + intercept * ratio.log()), tp[1:] + fn[1:])
