"""Images seen at other places: interpolation, affine, perspective and elastic maps."""

import itertools
from typing import Any

import torch
from torch.nn import functional as F

from torchkeras import random
from torchkeras.ops._convert import as_tensor, tensor
from torchkeras.ops._image import (
    as_before,
    channels_second,
    gaussian_window,
    same_rule,
    separable_filter,
    to_float,
)
from torchkeras.ops._op import op
from torchkeras.ops._rules import shape_of

_FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
_INTERPOLATIONS = ("nearest", "bilinear")
# What torch's kernel calls those that it knows.
_PADDINGS = {"constant": "zeros", "nearest": "border", "reflect": "reflection"}


def _one_of(name, value, choices):
    value = str(value).lower()
    if value not in choices:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected one of {set(choices)}. "
            f"Received: {name}={value}"
        )
    return value


def _inside(index, size, mode):
    """The place that stands for ``index`` along an axis of ``size``."""
    if mode == "wrap":
        return index % size
    if mode == "mirror":  # c b | a b c d | c b
        period = max(2 * (size - 1), 1)
        index = index % period
        return torch.minimum(index, period - index)
    if mode == "reflect":  # b a | a b c d | d c
        index = index % (2 * size)
        return torch.minimum(index, 2 * size - 1 - index)
    return index.clamp(0, size - 1)


def sample(values, coordinates, order, mode, fill):
    """Values between the grid points of the space axes.

    Args:
        values: ``(batch, channels, *sizes)``
        coordinates: One tensor ``(batch, points)`` for each space axis.
        order: 0 for the nearest point, 1 for linear interpolation.
        mode: What stands beyond the edges.
        fill: Value beyond the edges where ``mode`` is ``"constant"``.

    Returns:
        ``(batch, channels, points)``
    """
    sizes = values.shape[2:]
    flat = values.flatten(2)
    # The one or two neighbours along each axis, and their weights.
    axes = []
    for place in coordinates:
        if order == 0:
            axes.append([(place.round().long(), None)])
        else:
            low = place.floor()
            high_weight = place - low
            low = low.long()
            axes.append([(low, 1 - high_weight), (low + 1, high_weight)])
    total: Any = 0
    for corner in itertools.product(*axes):
        place: Any = 0
        weight: Any = None
        outside: Any = None
        for (index, part), size in zip(corner, sizes):
            if mode == "constant":
                beyond = (index < 0) | (index >= size)
                outside = beyond if outside is None else outside | beyond
            place = place * size + _inside(index, size, mode)
            if part is not None:
                weight = part if weight is None else weight * part
        found = flat.gather(2, place.unsqueeze(1).expand(-1, flat.shape[1], -1))
        if outside is not None:
            found = torch.where(outside.unsqueeze(1), fill, found)
        total = total + (found if weight is None else found * weight.unsqueeze(1))
    return total


@op
def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0):
    """The values of a grid at any places, by interpolation.

    Args:
        inputs: Tensor of any rank.
        coordinates: ``(rank of inputs, ...)``: the places, one row for each axis.
        order: 0 for the nearest point, 1 for linear interpolation.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"constant"``,
            ``"nearest"`` (``a a``, ``d d``), ``"wrap"`` (``c d``, ``a b``), ``"mirror"``
            (``c b``, ``c b``) or ``"reflect"`` (``b a``, ``d c``).
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.

    Raises:
        NotImplementedError: for another ``order``.
        ValueError: for an unknown ``fill_mode``, or rows that are not one for each axis.

    Example:
        >>> x = torch.tensor([1.0, 3.0, 7.0])
        >>> torchkeras.ops.image.map_coordinates(x, torch.tensor([[0.5, 2.0]]), order=1)
        tensor([2., 7.])
    """
    inputs = tensor(inputs)
    coordinates = as_tensor(coordinates, device=inputs.device)
    if coordinates.ndim < 2:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. Received input with shape: "
            f"{tuple(coordinates.shape)}"
        )
    if coordinates.shape[0] != inputs.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs "
            f"with shape: {tuple(inputs.shape)} and coordinates with shape: "
            f"{tuple(coordinates.shape)}"
        )
    if order not in (0, 1):
        raise NotImplementedError(
            f"map_coordinates currently requires order<=1. Received: order={order}"
        )
    fill_mode = _one_of("fill_mode", fill_mode, _FILL_MODES)
    values = to_float(inputs) if order else inputs
    places = to_float(coordinates).flatten(1).unsqueeze(1)
    result = sample(values[None, None], places, order, fill_mode, fill_value)
    return as_before(result.reshape(coordinates.shape[1:]), inputs.dtype)


def _interpolated(values, rows, columns, fill_mode, fill_value):
    """Linear interpolation by torch's own kernel, which is several times as fast as `sample`.

    Not for the nearest point: its coordinates are fractions of the size, and a place in the
    middle of two points would go to either.
    """
    batch, _, h, w = values.shape
    # Where the first pixel begins is -1, where the last one ends 1.
    grid = torch.stack([columns * (2 / w) + (1 / w - 1), rows * (2 / h) + (1 / h - 1)], -1)
    grid = grid.expand(batch, h, w, 2)
    fill = fill_value if fill_mode == "constant" else 0
    values = values - fill if fill else values
    result = F.grid_sample(values, grid, padding_mode=_PADDINGS[fill_mode], align_corners=False)
    return result + fill if fill else result


def warped(images, data_format, interpolation, fill_mode, fill_value, places):
    """Images whose pixel at ``(row, column)`` is taken from ``places(rows, columns, x)``."""
    x, back = channels_second(images, data_format)
    order = _INTERPOLATIONS.index(_one_of("interpolation", interpolation, _INTERPOLATIONS))
    fill_mode = _one_of("fill_mode", fill_mode, _FILL_MODES)
    values = to_float(x) if order else x
    h, w = x.shape[2:]
    dtype = values.dtype if order else torch.float32
    rows = torch.arange(h, dtype=dtype, device=x.device).reshape(-1, 1)
    columns = torch.arange(w, dtype=dtype, device=x.device)
    new_rows, new_columns = places(rows, columns, x)
    batch = x.shape[0]
    if new_rows.shape[0] not in (1, batch):
        raise ValueError(
            f"Expected one map, or one for each of the {batch} images. "
            f"Received: {new_rows.shape[0]} maps"
        )
    if order and fill_mode in _PADDINGS:
        result = _interpolated(values, new_rows, new_columns, fill_mode, fill_value)
    else:
        flat = [p.expand(batch, h, w).flatten(1) for p in (new_rows, new_columns)]
        result = sample(values, flat, order, fill_mode, fill_value).reshape(batch, -1, h, w)
    return back(as_before(result, images.dtype))


def _check_transform(transform):
    shape = shape_of(transform)
    if len(shape) not in (1, 2) or shape[-1] not in (8, None):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms), with 8 numbers each. Received input with shape: transform.shape={shape}"
        )


def _affine_rule(images, transform, *args, **kwargs):
    symbol = same_rule(images)
    _check_transform(transform)
    return symbol


@op(rule=_affine_rule)
def affine_transform(
    images,
    transform,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0,
    data_format=None,
):
    """Images whose pixel ``(x, y)`` is taken from ``(a0 x + a1 y + a2, b0 x + b1 y + b2)``.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        transform: ``[a0, a1, a2, b0, b1, b2, 0, 0]``, or one such row for each image. The
            last two numbers are of perspective, and left out: see `perspective_transform`.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_mode: What stands beyond the edges, as in `map_coordinates`.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, shape, interpolation or ``fill_mode``.

    Example:
        >>> x = torch.arange(4.0).reshape(1, 4, 1)
        >>> shift = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0])
        >>> torchkeras.ops.image.affine_transform(x, shift).flatten()
        tensor([1., 2., 3., 0.])
    """
    images = tensor(images)
    transform = as_tensor(transform, device=images.device)
    channels_second(images, data_format)
    _check_transform(transform)

    def places(rows, columns, x):
        rows_of = transform.to(rows.dtype).reshape(-1, 8, 1, 1)
        a0, a1, a2, b0, b1, b2, _, _ = rows_of.unbind(1)
        return b0 * columns + b1 * rows + b2, a0 * columns + a1 * rows + a2

    return warped(images, data_format, interpolation, fill_mode, fill_value, places)


def homography(start, end):
    """The 8 numbers of the map that takes each of 4 points of ``end`` to that of ``start``."""
    x, y = end.unbind(-1)
    u, v = start.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    first = torch.stack([x, y, one, zero, zero, zero, -x * u, -y * u], -1)
    second = torch.stack([zero, zero, zero, x, y, one, -x * v, -y * v], -1)
    return torch.linalg.solve(torch.cat([first, second], -2), torch.cat([u, v], -1))


def _check_points(start, end):
    shapes = {"start_points": shape_of(start), "end_points": shape_of(end)}
    for name, shape in shapes.items():
        if len(shape) not in (2, 3) or shape[-2:] != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {shape}"
            )
    start, end = shapes.values()
    if len(start) != len(end) or any(None not in (n, m) and n != m for n, m in zip(start, end)):
        raise ValueError(
            "start_points and end_points must have the same shape. Received "
            f"start_points.shape={start}, end_points.shape={end}"
        )


def _perspective_rule(images, start_points, end_points, *args, **kwargs):
    symbol = same_rule(images)
    _check_points(start_points, end_points)
    return symbol


@op(rule=_perspective_rule)
def perspective_transform(
    images,
    start_points,
    end_points,
    interpolation="bilinear",
    fill_value=0,
    data_format=None,
):
    """Images seen from elsewhere: four points of each are brought to four other places.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        start_points: ``(4, 2)`` or ``(batch, 4, 2)``: ``(x, y)`` of points of the images.
        end_points: The same shape: where these points come to lie.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_value: Value of what comes from beyond the edges.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, shape or interpolation.

    Example:
        >>> x = torch.arange(16.0).reshape(4, 4, 1)
        >>> corners = torch.tensor([[0.0, 0.0], [0.0, 3.0], [3.0, 0.0], [3.0, 3.0]])
        >>> moved = torchkeras.ops.image.perspective_transform(x, corners, corners)
        >>> bool(torch.allclose(moved, x, atol=1e-4))
        True
    """
    images = tensor(images)
    channels_second(images, data_format)
    start, end = (to_float(as_tensor(p, device=images.device)) for p in (start_points, end_points))
    _check_points(start, end)

    def places(rows, columns, x):
        numbers = homography(start.to(rows.dtype), end.to(rows.dtype)).reshape(-1, 8, 1, 1)
        a0, a1, a2, b0, b1, b2, c0, c1 = numbers.unbind(1)
        depth = c0 * columns + c1 * rows + 1
        return (b0 * columns + b1 * rows + b2) / depth, (a0 * columns + a1 * rows + a2) / depth

    return warped(images, data_format, interpolation, "constant", fill_value, places)


@op(rule=same_rule)
def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    """Images whose pixels are moved a little, neighbours alike, by a smoothed random field.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        alpha: Size of the moves.
        sigma: Standard deviation of the smoothing, in pixels.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_mode: What stands beyond the edges, as in `map_coordinates`.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        seed: Integer, `SeedGenerator` or ``None``, as in `random.normal`.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, interpolation or ``fill_mode``.

    Reference: `Simard et al., 2003 <https://doi.org/10.1109/ICDAR.2003.1227801>`_

    Example:
        >>> torchkeras.ops.image.elastic_transform(torch.ones(2, 8, 8, 3), seed=1).shape
        torch.Size([2, 8, 8, 3])
    """
    images = tensor(images)

    def places(rows, columns, x):
        shape = (x.shape[0], 2, *x.shape[2:])
        field = random.normal(shape, dtype="float32", seed=seed).to(rows)
        window = gaussian_window(int(6 * sigma) | 1, sigma, field)
        field = separable_filter(field, window, window, "same") * alpha
        return rows + field[:, 0], columns + field[:, 1]

    return warped(images, data_format, interpolation, fill_mode, fill_value, places)
