"""A batch as `fit` hands it to a step: inputs, targets, weights."""


def unpack_x_y_sample_weight(data):
    """``(x, y, sample_weight)`` from a batch, with ``None`` for what is not there.

    Raises:
        ValueError: if a tuple has more than three parts.

    Example:
        >>> torchkeras.utils.unpack_x_y_sample_weight((1, 2))
        (1, 2, None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if len(data) == 1:
        return data[0], None, None
    if len(data) == 2:
        return data[0], data[1], None
    if len(data) == 3:
        return data
    raise ValueError(
        "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
        f"Received a tuple of {len(data)} parts."
    )


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The tuple from which `unpack_x_y_sample_weight` takes the three apart.

    Example:
        >>> torchkeras.utils.pack_x_y_sample_weight(1, 2)
        (1, 2)
    """
    if y is None and sample_weight is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)
