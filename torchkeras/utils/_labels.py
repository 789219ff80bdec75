"""Class numbers as one-hot rows; rows of length one."""

import numpy as np
import torch


def to_categorical(x, num_classes=None):
    """One-hot rows for class numbers.

    Args:
        x: Integers from 0, of any shape (a last axis of size 1 is dropped).
        num_classes: Length of a row; default the largest class + 1.

    Shapes:
        x: ``(..., 1)`` or ``(...)``
        returns: ``(..., num_classes)``

    Raises:
        ValueError: if a class is negative or not below ``num_classes``.

    Example:
        >>> torchkeras.utils.to_categorical([0, 2])
        array([[1., 0., 0.],
               [0., 0., 1.]])
    """
    tensor = x if isinstance(x, torch.Tensor) else None
    labels = np.asarray(x.detach().cpu() if tensor is not None else x).astype("int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    lowest = labels.min() if labels.size else 0
    highest = labels.max() if labels.size else -1
    if num_classes is None:
        num_classes = int(highest) + 1
    if lowest < 0 or highest >= num_classes:
        raise ValueError(
            f"`x` must hold classes from 0 to {num_classes - 1} (`num_classes` - 1). "
            f"Received: values from {lowest} to {highest}"
        )
    rows = np.zeros((*labels.shape, num_classes))
    np.put_along_axis(rows, labels[..., None], 1.0, axis=-1)
    if tensor is not None:
        return torch.from_numpy(rows).to(tensor.device, torch.get_default_dtype())
    return rows


def normalize(x, axis=-1, order=2):
    """Divides by the norm along an axis; a zero vector stays zero.

    Args:
        x: Array or tensor.
        axis: The axis along which a vector lies.
        order: Order of the norm: 2 is Euclid's.

    Raises:
        ValueError: if ``order`` is below 1.

    Example:
        >>> torchkeras.utils.normalize(np.array([[3.0, 4.0]]))
        array([[0.6, 0.8]])
    """
    if not isinstance(order, (int, float)) or order < 1:
        raise ValueError(f"Argument `order` must be a number >= 1. Received: order={order}")
    if isinstance(x, torch.Tensor):
        norm = torch.linalg.vector_norm(x, order, dim=axis, keepdim=True)
        return x / torch.where(norm == 0, torch.ones_like(norm), norm)
    x = np.asarray(x)
    norm = np.sum(np.abs(x) ** order, axis=axis, keepdims=True) ** (1 / order)
    return x / np.where(norm == 0, 1, norm)
