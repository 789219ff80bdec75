"""Losses that ask for a margin: hinge losses, and circle loss between embeddings."""

import torch
from torch.nn import functional as F

from torchkeras import _dtypes
from torchkeras.losses._loss import LossFunctionWrapper, align


def hinge(y_true, y_pred):
    """Mean over the last axis of ``max(1 - y_true * y_pred, 0)``.

    Args:
        y_true: Targets -1 or 1, ``(batch, ..., n)``; if all are 0 or 1, 0 counts as -1.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        tensor([1.])
    """
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(torch.relu(1 - _signs(y_true) * y_pred), -1)


def squared_hinge(y_true, y_pred):
    """Mean over the last axis of ``max(1 - y_true * y_pred, 0)**2``.

    Args:
        y_true: Targets -1 or 1, ``(batch, ..., n)``; if all are 0 or 1, 0 counts as -1.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.squared_hinge([[-1.0, 1.0]], [[0.5, 0.5]])
        tensor([1.2500])
    """
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(torch.square(torch.relu(1 - _signs(y_true) * y_pred)), -1)


def categorical_hinge(y_true, y_pred):
    """``max(wrong - right + 1, 0)``: the right class must lead the best wrong one by one.

    ``right`` is ``sum(y_true * y_pred)`` and ``wrong`` is ``max((1 - y_true) * y_pred)``.

    Args:
        y_true: One-hot targets ``(batch, ..., classes)``.
        y_pred: Predictions of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.categorical_hinge([[0.0, 1.0]], [[0.5, 0.75]])
        tensor([0.7500])
    """
    y_true, y_pred = align(y_true, y_pred)
    right = torch.sum(y_true * y_pred, -1)
    wrong = torch.amax((1 - y_true) * y_pred, -1)
    return torch.relu(wrong - right + 1)


def _signs(y_true):
    """Labels -1 and 1 of labels 0 and 1; others as they are. No value is read by the host."""
    binary = torch.all((y_true == 0) | (y_true == 1))
    return torch.where(binary, 2 * y_true - 1, y_true)


def circle(
    y_true,
    y_pred,
    ref_labels=None,
    ref_embeddings=None,
    remove_diagonal=True,
    gamma=80,
    margin=0.4,
):
    """Circle loss: embeddings of a label together, the others apart, the worst pairs first.

    ``softplus(logsumexp(gamma a_n (s_n - m)) + logsumexp(-gamma a_p (s_p - 1 + m)))`` with
    the similarities ``s_p`` within the label and ``s_n`` to other labels, and the weights
    ``a_p = max(1 + m - s_p, 0)`` and ``a_n = max(s_n + m, 0)``.

    Args:
        y_true: Labels ``(batch,)`` or ``(batch, 1)``.
        y_pred: Embeddings of length one, ``(batch, features)``.
        ref_labels: Labels to compare with; default ``y_true``.
        ref_embeddings: Embeddings to compare with; default ``y_pred``.
        remove_diagonal: Whether pairs on the diagonal (an embedding with itself) don't count.
        gamma: Scale of the similarities.
        margin: How strict it is: the relaxation ``m``.

    Returns:
        Values ``(batch,)``; zero, and masked, where there is nothing to compare with.

    Raises:
        ValueError: if the labels are not as many as the embeddings.

    Reference: `Sun et al., 2020 <https://arxiv.org/abs/2002.10857>`_

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> torchkeras.losses.circle([0, 0, 1], embeddings, gamma=1.0)
        tensor([0.5459, 0.5459, 0.0000])
    """
    y_pred, _ = align(y_pred, y_pred)
    labels = _dtypes.to_tensor(y_true, device=y_pred.device).reshape(-1)
    others = labels
    if ref_labels is not None:
        others = _dtypes.to_tensor(ref_labels, device=y_pred.device).reshape(-1)
    reference = y_pred
    if ref_embeddings is not None:
        reference = _dtypes.to_tensor(ref_embeddings, y_pred.dtype, y_pred.device)
    if len(labels) != len(y_pred) or len(others) != len(reference):
        raise ValueError(
            "There must be a label for each embedding. Received: "
            f"{len(labels)} labels for {len(y_pred)} embeddings, "
            f"{len(others)} reference labels for {len(reference)} reference embeddings"
        )
    similarity = torch.clamp(y_pred @ reference.T, max=1)  # no nearer than the same
    same = labels[:, None] == others
    positive = same
    if remove_diagonal:
        positive = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    a_p = torch.relu(1 + margin - similarity)
    a_n = torch.relu(similarity + margin)
    # Finite, so that a row without pairs has zero gradient instead of nan.
    nothing = torch.finfo(y_pred.dtype).min
    p = torch.where(positive, -gamma * a_p * (similarity - (1 - margin)), nothing)
    n = torch.where(same, nothing, gamma * a_n * (similarity - margin))
    values = F.softplus(torch.logsumexp(p, 1) + torch.logsumexp(n, 1))
    values._keras_mask = positive.any(1) & ~same.all(1)  # type: ignore
    return values


class Hinge(LossFunctionWrapper):
    """The mean of ``max(1 - y_true * y_pred, 0)``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)`` of -1 and 1, or of 0 and 1
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.Hinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        tensor(1.)
    """

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """The mean of ``max(1 - y_true * y_pred, 0)**2``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)`` of -1 and 1, or of 0 and 1
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.SquaredHinge()([[-1.0, 1.0]], [[0.5, 0.5]])
        tensor(1.2500)
    """

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """The mean of ``max(wrong - right + 1, 0)``, for one-hot targets.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., classes)``
        y_pred: ``(batch, ..., classes)``

    Example:
        >>> torchkeras.losses.CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.75]])
        tensor(0.7500)
    """

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, reduction, name, dtype)


class Circle(LossFunctionWrapper):
    """Circle loss between the embeddings of a batch and their labels.

    Args:
        gamma: Scale of the similarities.
        margin: How strict it is.
        remove_diagonal: Whether pairs of an embedding with itself don't count.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch,)`` or ``(batch, 1)``
        y_pred: ``(batch, features)``, vectors of length one

    Reference: `Sun et al., 2020 <https://arxiv.org/abs/2002.10857>`_

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> torchkeras.losses.Circle(gamma=1.0)([0, 0, 1], embeddings)
        tensor(0.5459)
    """

    _integer_labels = True

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(
            circle,
            reduction,
            name,
            dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
        self.gamma = gamma
        self.margin = margin
        self.remove_diagonal = remove_diagonal
