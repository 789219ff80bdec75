"""Losses between distributions: cross-entropies, divergences, sequences of labels."""

import warnings

import torch
from torch.nn import functional as F

from torchkeras import _dtypes, config
from torchkeras.losses._loss import LossFunctionWrapper, align

# A label that torch ignores; no class has that number.
_NO_LABEL = -(2**63)


def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Mean over an axis of ``-(y log(p) + (1 - y) log(1 - p))``.

    Args:
        y_true: Targets from 0 to 1, ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.
        from_logits: Whether ``y_pred`` holds logits; probabilities otherwise.
        label_smoothing: Moves targets towards 1/2: ``y (1 - s) + s / 2``.
        axis: Axis, or tuple of axes, of the mean.

    Returns:
        Values of the shape without the axis.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> torchkeras.losses.binary_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.6931])
    """
    logits = _known_logits(y_pred, from_logits, "_sigmoid_of")
    if logits is not None:
        y_pred, from_logits = logits, True
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(_binary(y_true, y_pred, from_logits, label_smoothing), axis)


def _binary(y_true, y_pred, from_logits, label_smoothing):
    _same_shape(y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    # `logit` clips to [epsilon, 1 - epsilon]. Unlike torch's function of probabilities this
    # gives nan for nan, where that one stops the device.
    logits = y_pred if from_logits else torch.logit(y_pred, _epsilon(y_pred))
    return F.binary_cross_entropy_with_logits(logits, y_true, reduction="none")


def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary cross-entropy times ``(1 - p_t)**gamma``, which plays down what is easy.

    ``p_t`` is ``p`` for targets 1 and ``1 - p`` for targets 0.

    Args:
        y_true: Targets 0 or 1, ``(batch, ..., n)``.
        y_pred: Predictions of the same shape.
        apply_class_balancing: Whether to weight the classes by ``alpha``.
        alpha: Weight of class 1; class 0 has ``1 - alpha``.
        gamma: Exponent of the focal factor.
        from_logits: Whether ``y_pred`` holds logits; probabilities otherwise.
        label_smoothing: Moves targets towards 1/2: ``y (1 - s) + s / 2``.
        axis: Axis of the mean.

    Returns:
        Values of the shape without the axis.

    Raises:
        ValueError: if the shapes differ.

    Reference: `Lin et al., 2018 <https://arxiv.org/abs/1708.02002>`_

    Example:
        >>> torchkeras.losses.binary_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.1733])
    """
    y_true, y_pred = align(y_true, y_pred)
    values = _binary(y_true, y_pred, from_logits, label_smoothing)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    p = torch.sigmoid(y_pred) if from_logits else y_pred
    p_t = y_true * p + (1 - y_true) * (1 - p)
    values = values * torch.pow(1 - p_t, gamma)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1 - y_true) * (1 - alpha))
    return torch.mean(values, axis)


def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """``-sum(y log(p))`` over the classes.

    Args:
        y_true: Target probabilities (one-hot), ``(batch, ..., classes)``.
        y_pred: Predictions of the same shape.
        from_logits: Whether ``y_pred`` holds logits; otherwise it is divided by its sum.
        label_smoothing: Moves targets towards the uniform distribution:
            ``y (1 - s) + s / classes``.
        axis: Axis of the classes.

    Returns:
        Values of the shape without the axis.

    Raises:
        ValueError: if the shapes differ.

    Warns:
        SyntaxWarning: if there is only one class.

    Example:
        >>> torchkeras.losses.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.6931])
    """
    logits = _known_logits(y_pred, from_logits, "_softmax_of", axis)
    if logits is not None:
        y_pred, from_logits = logits, True
    y_true, y_pred = align(y_true, y_pred)
    _same_shape(y_true, y_pred)
    _warn_single_class("categorical_crossentropy", y_pred)
    y_true = _smooth(y_true, label_smoothing, axis)
    if from_logits:
        return -torch.sum(y_true * F.log_softmax(y_pred, axis), axis)
    return -torch.sum(y_true * torch.log(_probabilities(y_pred, axis)), axis)


def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """``-sum(alpha (1 - p)**gamma y log(p))`` over the classes.

    Args:
        y_true: Target probabilities (one-hot), ``(batch, ..., classes)``.
        y_pred: Predictions of the same shape.
        alpha: Weight of all classes, or a list with that of each.
        gamma: Exponent of the focal factor.
        from_logits: Whether ``y_pred`` holds logits; otherwise it is divided by its sum.
        label_smoothing: Moves targets towards the uniform distribution.
        axis: Axis of the classes.

    Returns:
        Values of the shape without the axis.

    Raises:
        ValueError: if the shapes differ.

    Reference: `Lin et al., 2018 <https://arxiv.org/abs/1708.02002>`_

    Example:
        >>> torchkeras.losses.categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.0433])
    """
    y_true, y_pred = align(y_true, y_pred)
    _same_shape(y_true, y_pred)
    _warn_single_class("categorical_focal_crossentropy", y_pred)
    y_true = _smooth(y_true, label_smoothing, axis)
    p = _probabilities(torch.softmax(y_pred, axis) if from_logits else y_pred, axis)
    if not isinstance(alpha, (int, float)):
        alpha = torch.as_tensor(alpha, dtype=p.dtype, device=p.device)
    return -torch.sum(alpha * torch.pow(1 - p, gamma) * y_true * torch.log(p), axis)


def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """``-log(p[y])``: categorical cross-entropy for labels that are class numbers.

    Args:
        y_true: Class numbers ``(batch, ...)``, or with a last axis of size one.
        y_pred: Predictions ``(batch, ..., classes)``.
        from_logits: Whether ``y_pred`` holds logits; otherwise it is divided by its sum.
        ignore_class: A label (such as -1 or 255) of positions to leave out: their loss is
            zero, and they are masked.
        axis: Axis of the classes.

    Returns:
        Values ``(batch, ...)``.

    Raises:
        ValueError: if the shapes differ, or on the CPU if a label is no class.

    Example:
        >>> torchkeras.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]])
        tensor([0.6931])
    """
    logits = _known_logits(y_pred, from_logits, "_softmax_of", axis)
    if logits is not None:
        y_pred, from_logits = logits, True
    labels, y_pred = _labels(y_true, y_pred, axis)
    valid = None
    if ignore_class is not None:
        valid = labels != ignore_class
        labels = torch.where(valid, labels, 0)
    try:
        if from_logits:
            log_p = F.log_softmax(y_pred, axis)
            values = -log_p.gather(axis, labels.unsqueeze(axis)).squeeze(axis)
        else:
            # Only the label's probability is divided and clipped, not those of all classes.
            p = y_pred.gather(axis, labels.unsqueeze(axis)).squeeze(axis)
            epsilon = _epsilon(y_pred)
            p = torch.clamp(p / torch.sum(y_pred, axis), epsilon, 1 - epsilon)
            values = -torch.log(p)
    except RuntimeError as error:
        raise _label_error(error, y_pred.shape[axis]) from None
    if valid is not None:
        values = torch.where(valid, values, 0)
        values._keras_mask = valid  # type: ignore
    return values


def _known_logits(y_pred, given, name, axis=-1):
    """The logits, where they are given or the activation before has left them; else ``None``."""
    if given:
        return y_pred
    logits = getattr(y_pred, name, None)
    if logits is None or axis not in (-1, logits.ndim - 1):
        return None
    # Not of predictions that were changed in place since.
    unchanged = torch.compiler.is_compiling() or y_pred.is_inference() or y_pred._version == 0
    return logits if unchanged else None


def _labels(y_true, y_pred, axis):
    """Labels as int64 without an axis of classes, and predictions as floats."""
    y_pred, _ = align(y_pred, y_pred)
    labels = _dtypes.to_tensor(y_true, "int64", y_pred.device)
    shape = list(y_pred.shape)
    if not -len(shape) <= axis < len(shape):
        raise ValueError(
            f"`axis` must be an axis of the predictions. Received: axis={axis}, "
            f"output.shape={tuple(shape)}"
        )
    del shape[axis]
    if labels.ndim == y_pred.ndim:
        labels = labels.squeeze(-1) if labels.shape[-1] == 1 else labels
        if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
            labels = labels.squeeze(axis)
    if list(labels.shape) != shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last "
            f"dimension: target.shape={tuple(labels.shape)}, output.shape={tuple(y_pred.shape)}. "
            "One-hot targets go with `categorical_crossentropy`."
        )
    return labels, y_pred


def _label_error(error, classes):
    """A clear error where torch's is about an index; any other one as it is."""
    if "out of bounds" not in str(error):
        return error
    return ValueError(
        f"A label is outside the {classes} classes of the predictions: expected labels from 0 "
        f"to {classes - 1}. Add outputs, count classes from 0, or name the label to leave out "
        "in `ignore_class`."
    )


def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """``(1 - p[y]**q) / q``: between cross-entropy (q near 0) and absolute error (q = 1).

    Args:
        y_true: Class numbers ``(batch,)``.
        y_pred: Probabilities ``(batch, classes)``.
        q: How far noisy labels are played down, between 0 and 1.

    Returns:
        Values ``(batch,)``.

    Raises:
        ValueError: if the shapes differ, or on the CPU if a label is no class.

    Reference: `Zhang and Sabuncu, 2018 <https://arxiv.org/abs/1805.07836>`_

    Example:
        >>> torchkeras.losses.categorical_generalized_cross_entropy([1], [[0.5, 0.5]], 0.5)
        tensor([0.5858])
    """
    labels, y_pred = _labels(y_true, y_pred, -1)
    try:
        p = y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    except RuntimeError as error:
        raise _label_error(error, y_pred.shape[-1]) from None
    return (1 - torch.pow(p, q)) / q


def kl_divergence(y_true, y_pred):
    """``sum(y log(y / p))`` over the last axis, both clipped to ``[epsilon, 1]``.

    Args:
        y_true: Target probabilities ``(batch, ..., classes)``.
        y_pred: Predicted probabilities of the same shape.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.kl_divergence([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.6931])
    """
    y_true, y_pred = align(y_true, y_pred)
    y_true = torch.clamp(y_true, config.epsilon(), 1)
    y_pred = torch.clamp(y_pred, config.epsilon(), 1)
    return torch.sum(y_true * torch.log(y_true / y_pred), -1)


def poisson(y_true, y_pred):
    """Mean over the last axis of ``p - y log(p + epsilon)``, for counts.

    Args:
        y_true: Counts ``(batch, ..., n)``.
        y_pred: Predicted rates of the same shape, not negative.

    Returns:
        Values ``(batch, ...)``.

    Example:
        >>> torchkeras.losses.poisson([[2.0]], [[1.0]])
        tensor([1.0000])
    """
    y_true, y_pred = align(y_true, y_pred)
    return torch.mean(y_pred - y_true * torch.log(y_pred + config.epsilon()), -1)


def ctc(y_true, y_pred):
    """Connectionist temporal classification: minus the log likelihood of a label sequence.

    Sums over all ways to stretch the labels over the frames, with blanks between them.

    Args:
        y_true: Labels ``(batch, length)`` from 1 on; 0 is the blank, and pads.
        y_pred: Logits ``(batch, frames, classes)``.

    Returns:
        Values ``(batch,)``; infinite where the labels do not fit in the frames.

    Raises:
        ValueError: for inputs of other ranks or batch sizes.

    Reference: `Graves et al., 2006 <https://www.cs.toronto.edu/~graves/icml_2006.pdf>`_

    Example:
        >>> torchkeras.losses.ctc([[1, 0]], torch.zeros(1, 2, 3))
        tensor([1.0986])
    """
    y_pred, _ = align(y_pred, y_pred)
    labels = _dtypes.to_tensor(y_true, "int64", y_pred.device)
    if labels.ndim != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in "
            f"integer format. Received: y_true.shape={tuple(labels.shape)}"
        )
    if y_pred.ndim != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape `(batch_size, max_length, "
            f"num_classes)`. Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    if len(labels) != len(y_pred):
        raise ValueError(
            "`y_true` and `y_pred` must have the same batch size. "
            f"Received: y_true.shape={tuple(labels.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    batch, frames, _ = y_pred.shape
    # float32 at least: torch has no such loss in 16 bits.
    wide = y_pred.float() if y_pred.dtype.itemsize < 4 else y_pred
    log_p = F.log_softmax(wide.transpose(0, 1), -1)
    frames = torch.full((batch,), frames, dtype=torch.int64, device=y_pred.device)
    lengths = torch.count_nonzero(labels, -1)
    values = F.ctc_loss(log_p, labels, frames, lengths, blank=0, reduction="none")
    return values.to(y_pred.dtype)


def _probabilities(y_pred, axis):
    """Predictions that sum to one along an axis, clipped away from 0 and 1."""
    epsilon = _epsilon(y_pred)
    return torch.clamp(y_pred / torch.sum(y_pred, axis, keepdim=True), epsilon, 1 - epsilon)


def _epsilon(x):
    """The fuzz factor; in 16 bits the step below one, for 1 - 1e-7 would be one."""
    epsilon = config.epsilon()
    return epsilon if x.dtype.itemsize > 2 else max(epsilon, torch.finfo(x.dtype).eps)


def _smooth(y_true, label_smoothing, axis):
    if not label_smoothing:
        return y_true
    return y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[axis]


def _same_shape(y_true, y_pred):
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. Received: "
            f"target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}"
        )


def _warn_single_class(name, y_pred):
    if y_pred.ndim and y_pred.shape[-1] == 1:
        warnings.warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
            stacklevel=4,
        )


class BinaryCrossentropy(LossFunctionWrapper):
    """The mean of ``-(y log(p) + (1 - y) log(1 - p))``, for labels that are 0 or 1.

    Args:
        from_logits: Whether predictions are logits, which is faster and safer; probabilities
            otherwise.
        label_smoothing: Moves targets towards 1/2: ``y (1 - s) + s / 2``.
        axis: Axis of the mean over outputs.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> torchkeras.losses.BinaryCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.6931)
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def _fused_mean(self, y_true, y_pred):
        if y_true.shape != y_pred.shape or self.label_smoothing:
            return None
        logits = _known_logits(y_pred, self.from_logits, "_sigmoid_of")
        if logits is None:
            logits = torch.logit(y_pred, _epsilon(y_pred))
        return F.binary_cross_entropy_with_logits(logits, y_true)


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary cross-entropy that plays down what is easy, for unbalanced classes.

    Args:
        apply_class_balancing: Whether to weight the classes by ``alpha``.
        alpha: Weight of class 1; class 0 has ``1 - alpha``.
        gamma: Exponent of the factor ``(1 - p_t)**gamma``.
        from_logits: Whether predictions are logits; probabilities otherwise.
        label_smoothing: Moves targets towards 1/2: ``y (1 - s) + s / 2``.
        axis: Axis of the mean over outputs.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Raises:
        ValueError: if the shapes differ.

    Reference: `Lin et al., 2018 <https://arxiv.org/abs/1708.02002>`_

    Example:
        >>> torchkeras.losses.BinaryFocalCrossentropy(gamma=1.0)([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.3466)
    """

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class CategoricalCrossentropy(LossFunctionWrapper):
    """The mean of ``-sum(y log(p))`` over the classes, for one-hot targets.

    Args:
        from_logits: Whether predictions are logits, which is faster and safer; probabilities
            otherwise, divided by their sum.
        label_smoothing: Moves targets towards the uniform distribution:
            ``y (1 - s) + s / classes``.
        axis: Axis of the classes.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., classes)``
        y_pred: ``(batch, ..., classes)``

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> torchkeras.losses.CategoricalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.6931)
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis

    def _fused_mean(self, y_true, y_pred):
        logits = _known_logits(y_pred, self.from_logits, "_softmax_of")
        if logits is None or y_pred.ndim != 2 or self.axis not in (-1, 1):
            return None
        if y_true.shape != y_pred.shape or y_pred.shape[1] == 1:
            return None
        return F.cross_entropy(logits, y_true, label_smoothing=self.label_smoothing)


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical cross-entropy that plays down what is easy, for unbalanced classes.

    Args:
        alpha: Weight of all classes, or a list with that of each.
        gamma: Exponent of the factor ``(1 - p)**gamma``.
        from_logits: Whether predictions are logits; probabilities otherwise.
        label_smoothing: Moves targets towards the uniform distribution.
        axis: Axis of the classes.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., classes)``
        y_pred: ``(batch, ..., classes)``

    Raises:
        ValueError: if the shapes differ.

    Reference: `Lin et al., 2018 <https://arxiv.org/abs/1708.02002>`_

    Example:
        >>> torchkeras.losses.CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.0433)
    """

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """The mean of ``-log(p[y])``, for labels that are class numbers.

    Args:
        from_logits: Whether predictions are logits, which is faster and safer; probabilities
            otherwise, divided by their sum.
        ignore_class: A label (such as -1 or 255) of positions to leave out.
        reduction: As in `Loss`.
        axis: Axis of the classes.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ...)`` or ``(batch, ..., 1)``
        y_pred: ``(batch, ..., classes)``

    Raises:
        ValueError: if the shapes differ, or on the CPU if a label is no class.

    Example:
        >>> torchkeras.losses.SparseCategoricalCrossentropy()([1, 0], [[0.5, 0.5], [0.2, 0.8]])
        tensor(1.1513)
    """

    _integer_labels = True
    _unwritten = {"axis": -1}

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def _fused_mean(self, y_true, y_pred):
        if self.ignore_class is not None or self.axis not in (-1, 1):
            return None
        if y_pred.ndim != 2 or y_true.ndim != 1 or len(y_true) != len(y_pred):
            return None
        try:
            logits = _known_logits(y_pred, self.from_logits, "_softmax_of")
            if logits is not None:
                return F.cross_entropy(logits, y_true.long(), ignore_index=_NO_LABEL)
            if y_pred.shape[1] > 64:  # then it is cheaper to pick the label's probability first
                return None
            log_p = torch.log(_probabilities(y_pred, -1))
            return F.nll_loss(log_p, y_true.long(), ignore_index=_NO_LABEL)
        except IndexError as error:
            raise _label_error(error, y_pred.shape[-1]) from None


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """The mean of ``(1 - p[y]**q) / q``, for labels of which some are wrong.

    Args:
        q: How far noisy labels are played down: near 0 it is cross-entropy, near 1 absolute
            error.
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch,)``
        y_pred: ``(batch, classes)``

    Raises:
        ValueError: unless ``0 < q < 1``; if the shapes differ.

    Reference: `Zhang and Sabuncu, 2018 <https://arxiv.org/abs/1805.07836>`_

    Example:
        >>> torchkeras.losses.CategoricalGeneralizedCrossEntropy()([1], [[0.5, 0.5]])
        tensor(0.5858)
    """

    _integer_labels = True

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)
        self.q = q


class KLDivergence(LossFunctionWrapper):
    """The mean Kullback-Leibler divergence ``sum(y log(y / p))``.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., classes)``
        y_pred: ``(batch, ..., classes)``

    Example:
        >>> torchkeras.losses.KLDivergence()([[0.0, 1.0]], [[0.5, 0.5]])
        tensor(0.6931)
    """

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """The mean of ``p - y log(p)``, for counts.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, ..., n)``
        y_pred: ``(batch, ..., n)``

    Example:
        >>> torchkeras.losses.Poisson()([[2.0]], [[1.0]])
        tensor(1.0000)
    """

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(poisson, reduction, name, dtype)


class CTC(LossFunctionWrapper):
    """The mean of minus the log likelihood of label sequences, however they are stretched.

    Args:
        reduction: As in `Loss`.
        name: Name of the loss.
        dtype: As in `Loss`.

    Shapes:
        y_true: ``(batch, length)``, padded with 0, which is the blank
        y_pred: logits ``(batch, frames, classes)``

    Raises:
        ValueError: for inputs of other ranks or batch sizes.

    Reference: `Graves et al., 2006 <https://www.cs.toronto.edu/~graves/icml_2006.pdf>`_

    Example:
        >>> torchkeras.losses.CTC()([[1, 0]], torch.zeros(1, 2, 3))
        tensor(1.0986)
    """

    _integer_labels = True

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction, name, dtype)
