"""Intersection over union, from a confusion matrix."""

import warnings

import torch

from torchkeras import _checks
from torchkeras.metrics._metric import Metric
from torchkeras.metrics._reduction import divide, expand_weights


class IoU(Metric):
    """Mean over classes of ``TP / (TP + FP + FN)``: intersection over union.

    Classes that are neither labelled nor predicted are left out of the mean.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes of which the mean is taken.
        name: Name of the metric.
        dtype: Element type of the counts; default int32, which cuts off fractions of weights.
        ignore_class: Label of samples to leave out.
        sparse_y_true: Whether labels are class numbers; else one-hot.
        sparse_y_pred: Whether predictions are class numbers; else a score for each class.
        axis: Axis of the classes, where they are not sparse.

    Raises:
        ValueError: if a target class is out of range.

    Example:
        >>> metric = torchkeras.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> metric([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int32")
        _checks.positive_int("num_classes", num_classes)
        self.num_classes = int(num_classes)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.target_class_ids = list(target_class_ids)
        for class_id in self.target_class_ids or [-1]:
            if not 0 <= class_id < num_classes:
                raise ValueError(
                    f"Target class id {class_id} is out of range, which is [0, {num_classes})."
                )
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", name="total_confusion_matrix"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Class numbers, or one-hot labels.
            y_pred: Class numbers, or scores.
            sample_weight: Weights that broadcast to the class numbers.
        """
        if not self.sparse_y_true:
            y_true = self._tensor(y_true).argmax(self.axis)
        if not self.sparse_y_pred:
            y_pred = self._tensor(y_pred).argmax(self.axis)
        y_pred = self._tensor(y_pred).long()
        y_true = self._tensor(y_true, device=y_pred.device).long()
        if self.total_cm.device != y_pred.device:
            self.to(y_pred.device)
        weights = torch.ones_like(y_pred) if sample_weight is None else sample_weight
        weights = self._tensor(weights, device=y_pred.device)
        if weights.is_floating_point() and not self._torch_dtype.is_floating_point:
            warnings.warn(
                "You are passing weight as `float`, but dtype is integer: the casting cuts off its "
                "fractions. Pass `dtype='float32'` to the metric to keep them."
            )
        weights = weights.to(self._torch_dtype)
        weights = expand_weights(weights, y_pred).reshape(-1)
        y_true, y_pred = y_true.reshape(-1), y_pred.reshape(-1)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                "`y_true` and `y_pred` must have the same number of class numbers. Received: "
                f"{y_true.numel()} and {y_pred.numel()}"
            )
        n = self.num_classes
        # What is no class, or is to be ignored, falls in a cell of its own.
        valid = (y_true >= 0) & (y_true < n) & (y_pred >= 0) & (y_pred < n)
        if self.ignore_class is not None:
            valid &= y_true != self.ignore_class
        cells = torch.where(valid, y_true * n + y_pred, n * n)
        counts = weights.new_zeros(n * n + 1).scatter_add_(0, cells, weights)
        self.total_cm.add_(counts[:-1].view(n, n))

    def result(self):
        """The mean over the target classes."""
        return self._mean(self.target_class_ids)

    def _mean(self, class_ids):
        matrix = self.total_cm.data
        matrix = matrix if matrix.is_floating_point() else matrix.float()
        hits = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - hits
        if class_ids is not None:
            hits, union = hits[class_ids], union[class_ids]
        return divide(divide(hits, union).sum(), (union > 0).sum())


class BinaryIoU(IoU):
    """`IoU` of two classes, from predictions and a threshold.

    Args:
        target_class_ids: Classes of which the mean is taken: 0, 1 or both.
        threshold: Predictions of at least this are class 1.
        name: Name of the metric.
        dtype: Element type of the counts; default int32.

    Raises:
        ValueError: if a target class is neither 0 nor 1.

    Example:
        >>> metric = torchkeras.metrics.BinaryIoU(threshold=0.3)
        >>> metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        tensor(0.3333)
    """

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name=name, dtype=dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts one batch.

        Args:
            y_true: Labels 0 and 1.
            y_pred: Predictions.
            sample_weight: Weights that broadcast to the predictions.
        """
        super().update_state(y_true, self._tensor(y_pred) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """`IoU` of all classes.

    Args:
        num_classes: Number of classes.
        name: Name of the metric.
        dtype: Element type of the counts; default int32, which cuts off fractions of weights.
        ignore_class: Label of samples to leave out.
        sparse_y_true: Whether labels are class numbers; else one-hot.
        sparse_y_pred: Whether predictions are class numbers; else a score for each class.
        axis: Axis of the classes, where they are not sparse.

    Example:
        >>> torchkeras.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            range(num_classes),
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=sparse_y_true,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )

    def result(self):
        """The mean over all classes."""
        return self._mean(None)


class OneHotIoU(IoU):
    """`IoU` for one-hot labels.

    Args:
        num_classes: Number of classes.
        target_class_ids: Classes of which the mean is taken.
        name: Name of the metric.
        dtype: Element type of the counts; default int32.
        ignore_class: Label of samples to leave out.
        sparse_y_pred: Whether predictions are class numbers; else a score for each class.
        axis: Axis of the classes.

    Example:
        >>> metric = torchkeras.metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 2])
        >>> metric([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]],
        ...        [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]])
        tensor(0.1667)
    """

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            target_class_ids,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


class OneHotMeanIoU(MeanIoU):
    """`IoU` of all classes for one-hot labels.

    Args:
        num_classes: Number of classes.
        name: Name of the metric.
        dtype: Element type of the counts; default int32.
        ignore_class: Label of samples to leave out.
        sparse_y_pred: Whether predictions are class numbers; else a score for each class.
        axis: Axis of the classes.

    Example:
        >>> metric = torchkeras.metrics.OneHotMeanIoU(num_classes=3)
        >>> metric([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0]],
        ...        [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7], [0.5, 0.3, 0.1], [0.1, 0.4, 0.5]])
        tensor(0.1111)
    """

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )
