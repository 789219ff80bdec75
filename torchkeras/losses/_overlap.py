"""Losses that measure the overlap of two sets, for segmentation."""

import torch

from torchkeras import config
from torchkeras.losses._loss import LossFunctionWrapper, align


def dice(y_true, y_pred, axis=None):
    """One minus the Dice coefficient: ``1 - 2 sum(y p) / (sum(y) + sum(p))``.

    Args:
        y_true: Targets from 0 to 1.
        y_pred: Predictions of the same shape.
        axis: Axes of the sums; default all of them, the batch too.

    Returns:
        Values of the shape without the axes.

    Example:
        >>> torchkeras.losses.dice([[0.0, 1.0]], [[0.0, 0.5]])
        tensor(0.3333)
    """
    y_true, y_pred = align(y_true, y_pred)
    overlap = torch.sum(y_true * y_pred, axis)
    total = torch.sum(y_true, axis) + torch.sum(y_pred, axis)
    return 1 - 2 * overlap / (total + config.epsilon())


def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """One minus the Tversky index: ``1 - tp / (tp + alpha fn + beta fp)``.

    Args:
        y_true: Targets from 0 to 1.
        y_pred: Predictions of the same shape.
        alpha: Weight of false negatives ``sum(y (1 - p))``.
        beta: Weight of false positives ``sum((1 - y) p)``.
        axis: Axes of the sums; default all of them, the batch too.

    Returns:
        Values of the shape without the axes.

    Reference: `Salehi et al., 2017 <https://arxiv.org/abs/1706.05721>`_

    Example:
        >>> torchkeras.losses.tversky([[0.0, 1.0]], [[0.0, 0.5]])
        tensor(0.3333)
    """
    y_true, y_pred = align(y_true, y_pred)
    overlap = torch.sum(y_true * y_pred, axis)
    false_negative = torch.sum(y_true * (1 - y_pred), axis)
    false_positive = torch.sum((1 - y_true) * y_pred, axis)
    total = overlap + alpha * false_negative + beta * false_positive
    return 1 - overlap / (total + config.epsilon())


class Dice(LossFunctionWrapper):
    """One minus the Dice coefficient.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        axis: Axes of the sums; default all of them, the batch too.
        dtype: As in `Loss`.

    Shapes:
        y_true: any
        y_pred: the same

    Example:
        >>> torchkeras.losses.Dice()([[0.0, 1.0]], [[0.0, 0.5]])
        tensor(0.3333)
    """

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(dice, reduction, name, dtype, axis=axis)
        self.axis = axis


class Tversky(LossFunctionWrapper):
    """One minus the Tversky index, which weights false positives and negatives apart.

    Args:
        alpha: Weight of false negatives.
        beta: Weight of false positives.
        reduction: As in `Loss`.
        name: Name of the loss.
        axis: Axes of the sums; default all of them, the batch too.
        dtype: As in `Loss`.

    Shapes:
        y_true: any
        y_pred: the same

    Reference: `Salehi et al., 2017 <https://arxiv.org/abs/1706.05721>`_

    Example:
        >>> torchkeras.losses.Tversky(alpha=1.0, beta=0.3)([[0.0, 1.0]], [[0.0, 0.5]])
        tensor(0.5000)
    """

    def __init__(
        self,
        alpha=0.5,
        beta=0.5,
        reduction="sum_over_batch_size",
        name="tversky",
        axis=None,
        dtype=None,
    ):
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis
