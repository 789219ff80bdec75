"""Bounding boxes: their formats, what maps of images do to them, their overlap, their deltas."""

import math
from typing import Any

import torch

from torchkeras import config
from torchkeras.ops._convert import as_tensor

# How many corners or sizes: where the numbers of a format stand in that of the same kind.
_FORMATS = {
    "xyxy": ("corners", (0, 1, 2, 3)),
    "yxyx": ("corners", (1, 0, 3, 2)),
    "xywh": ("corner and size", (0, 1, 2, 3)),
    "center_xywh": ("center and size", (0, 1, 2, 3)),
    "center_yxhw": ("center and size", (1, 0, 3, 2)),
}
_NAMES = (*_FORMATS, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")
_DELTAS = ("center_xywh", "center_yxhw")


def _checked_format(name):
    name = str(name).lower()
    if name not in _NAMES:
        raise ValueError(
            f"Invalid source or target format. Supported formats: {_NAMES}. Received: {name!r}"
        )
    return name


def _checked(boxes, dtype=None):
    boxes = as_tensor(boxes, dtype)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(
            "`boxes` must be a tensor with the last dimension of 4. "
            f"Received: boxes.shape={tuple(boxes.shape)}"
        )
    return boxes


def convert_format(
    boxes, source, target, height: Any = None, width: Any = None, dtype: Any = "float32"
):
    """Boxes in another format.

    The formats are, in small or capital letters:

    - ``"xyxy"``: left, top, right, bottom; ``"yxyx"``: top, left, bottom, right;
    - ``"xywh"``: left, top, width, height;
    - ``"center_xywh"``: center x, center y, width, height; ``"center_yxhw"``: the same with
      y before x;
    - ``"rel_xyxy"``, ``"rel_yxyx"``, ``"rel_xywh"``, ``"rel_center_xywh"``: as fractions of the
      width and height of the image.

    Args:
        boxes: ``(..., 4)``, or a dict with such ``"boxes"``, of which the rest is kept.
        source: Format of the boxes.
        target: Format of the result.
        height: Height of the image, where a format is relative.
        width: Width of the image, likewise.
        dtype: Element type of the result.

    Raises:
        ValueError: for an unknown format, another shape, or a size that is missing.

    Example:
        >>> boxes = torch.tensor([[10, 20, 30, 60]])
        >>> torchkeras.utils.bounding_boxes.convert_format(boxes, "xyxy", "center_xywh")
        tensor([[20., 40., 20., 40.]])
    """
    if isinstance(boxes, dict):
        new = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": new}
    source, target = _checked_format(source), _checked_format(target)
    from_relative, to_relative = source.startswith("rel_"), target.startswith("rel_")
    if (from_relative or to_relative) and (height is None or width is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and "
            f"absolute formats. convert_format() received source=`{source}`, target=`{target}`, "
            f"but height={height} and width={width}."
        )
    x = _checked(boxes, dtype)
    if source == target:
        return x
    kind, order = _FORMATS[source.removeprefix("rel_")]
    new_kind, new_order = _FORMATS[target.removeprefix("rel_")]
    parts = x.unbind(-1)
    parts = [parts[i] for i in order]  # x before y
    if kind != new_kind:
        parts = _of_corners(_as_corners(parts, kind), new_kind)
    if from_relative != to_relative:
        # Dividing is not the same as multiplying by the inverse, to the last bit.
        sizes = (width, height, width, height)
        parts = [p * n if from_relative else p / n for p, n in zip(parts, sizes)]
    return torch.stack([parts[i] for i in new_order], -1).to(x.dtype)


def _as_corners(parts, kind):
    a, b, c, d = parts
    if kind == "corners":
        return parts
    if kind == "corner and size":
        return a, b, a + c, b + d
    return a - c / 2, b - d / 2, a + c / 2, b + d / 2


def _of_corners(parts, kind):
    left, top, right, bottom = parts
    if kind == "corners":
        return parts
    if kind == "corner and size":
        return left, top, right - left, bottom - top
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes without what lies beyond the image; a box of which nothing is left has label -1.

    Args:
        bounding_boxes: Dict of ``"boxes"``, ``(..., n, 4)``, and ``"labels"``, ``(..., n)`` or
            ``(..., n, classes)``. Other keys are kept.
        height: Height of the image; not needed for relative corners.
        width: Width of the image; likewise.
        bounding_box_format: Format of the boxes, see `convert_format`.

    Raises:
        ValueError: if ``bounding_boxes`` is no such dict, or a size is missing.

    Example:
        >>> boxes = {"boxes": torch.tensor([[-5, 0, 9, 8], [20, 0, 30, 8]])}
        >>> boxes["labels"] = torch.tensor([3, 4])
        >>> clipped = torchkeras.utils.bounding_boxes.clip_to_image_size(boxes, 10, 10)
        >>> clipped["boxes"].tolist(), clipped["labels"].tolist()
        ([[0, 0, 9, 8], [10, 0, 10, 8]], [3, -1])
    """
    if not isinstance(bounding_boxes, dict) or "boxes" not in bounding_boxes:
        raise ValueError(
            "`bounding_boxes` must be a dict with the key 'boxes'. "
            f"Received: bounding_boxes of type {type(bounding_boxes).__name__}"
        )
    name = _checked_format(bounding_box_format)
    x = _checked(bounding_boxes["boxes"])
    relative = name in ("rel_xyxy", "rel_yxyx")
    if not relative and (height is None or width is None):
        raise ValueError(
            f"`height` and `width` must be set if `format='{name}'`. "
            f"Received: height={height}, width={width}"
        )
    if relative:
        height = width = 1
    corners = "rel_xyxy" if relative else "xyxy"
    boxes = x if name == corners else convert_format(x, name, corners, height, width, x.dtype)
    left, top, right, bottom = boxes.unbind(-1)
    left, right = left.clamp(0, width), right.clamp(0, width)
    top, bottom = top.clamp(0, height), bottom.clamp(0, height)
    kept = (right - left) * (bottom - top) > 0
    boxes = torch.stack([left, top, right, bottom], -1)
    if name != corners:
        boxes = convert_format(boxes, corners, name, height, width, x.dtype)
    result = {**bounding_boxes, "boxes": boxes}
    if "labels" in result:
        labels = as_tensor(result["labels"], device=x.device)
        mask = kept.unsqueeze(-1) if labels.ndim > kept.ndim else kept
        result["labels"] = torch.where(mask, labels, -1)
    return result


def _in_corners(boxes, bounding_box_format, change):
    """Boxes of an absolute format, whose left, top, right and bottom are changed."""
    name = _checked_format(bounding_box_format)
    if name.startswith("rel_"):
        raise NotImplementedError(
            "Boxes in fractions of an image cannot be moved by pixels: convert them to an "
            f"absolute format first. Received: bounding_box_format={bounding_box_format!r}"
        )
    x = _checked(boxes)
    corners = convert_format(x, name, "xyxy", dtype=x.dtype)
    new = torch.stack(change(*corners.unbind(-1)), -1).to(x.dtype)
    return convert_format(new, "xyxy", name, dtype=x.dtype)


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes as they lie in a rectangle that is cut out of the image.

    Args:
        boxes: ``(..., n, 4)``
        top: Row of the image where the rectangle begins.
        left: Column of the image where the rectangle begins.
        height: Height of the rectangle.
        width: Width of the rectangle.
        bounding_box_format: Format of the boxes, an absolute one, see `convert_format`.

    Raises:
        NotImplementedError: for a relative format.

    Example:
        >>> boxes = torch.tensor([[10, 20, 50, 60]])
        >>> torchkeras.utils.bounding_boxes.crop(boxes, 10, 20, height=40, width=25)
        tensor([[ 0, 10, 25, 40]])
    """

    def change(x1, y1, x2, y2):
        x1, x2 = ((x - left).clamp(0, width) for x in (x1, x2))
        y1, y2 = ((y - top).clamp(0, height) for y in (y1, y2))
        return x1, y1, x2, y2

    return _in_corners(boxes, bounding_box_format, change)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes as they lie in an image with rows above and columns on the left added.

    Args:
        boxes: ``(..., n, 4)``
        top: Number of rows added above.
        left: Number of columns added on the left.
        height: Height of the image; makes no difference.
        width: Width of the image; likewise.
        bounding_box_format: Format of the boxes, an absolute one, see `convert_format`.

    Raises:
        NotImplementedError: for a relative format.

    Example:
        >>> torchkeras.utils.bounding_boxes.pad(torch.tensor([[10, 20, 50, 60]]), 1, 2)
        tensor([[12, 21, 52, 61]])
    """

    def change(x1, y1, x2, y2):
        return x1 + left, y1 + top, x2 + left, y2 + top

    return _in_corners(boxes, bounding_box_format, change)


def bounds(x, y):
    """The upright boxes around points: ``(..., points)`` each of x and y gives ``(..., 4)``."""
    return torch.stack([x.amin(-1), y.amin(-1), x.amax(-1), y.amax(-1)], -1)


def corners_of(boxes):
    """The x and the y of the four corners of ``"xyxy"`` boxes, clockwise: ``(..., 4)`` each."""
    return boxes[..., [0, 2, 2, 0]], boxes[..., [1, 1, 3, 3]]


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """The upright boxes around boxes that were moved, turned, sheared and scaled, in this order.

    Each of the first six numbers, and the center, is one for all, or has one for each image.

    Args:
        boxes: ``(n, 4)`` or ``(batch, n, 4)``
        angle: Degrees, against the clock.
        translate_x: Move to the right, as a fraction of the width.
        translate_y: Move down, as a fraction of the height.
        scale: Factor of all sizes.
        shear_x: Degrees, by which vertical lines are inclined.
        shear_y: Degrees, by which horizontal lines are inclined.
        height: Height of the image.
        width: Width of the image.
        center_x: The point that stays, as a fraction of the width; default the middle.
        center_y: The point that stays, as a fraction of the height; default the middle.
        bounding_box_format: Format of the boxes, see `convert_format`.

    Example:
        >>> torchkeras.utils.bounding_boxes.affine_transform(
        ...     torch.tensor([[[1.0, 1.0, 3.0, 2.0]]]), 90.0, 0.0, 0.0, 1.0, 0.0, 0.0, 11, 11
        ... ).round()
        tensor([[[1., 7., 2., 9.]]])
    """
    dtype = as_tensor(boxes).dtype
    dtype = dtype if dtype.is_floating_point else torch.float32
    x = convert_format(boxes, bounding_box_format, "xyxy", height, width, dtype)

    def number(value):  # beside the axes of boxes and of their corners
        value = as_tensor(value, dtype, x.device)
        return value.reshape(-1, 1, 1) if value.ndim else value

    turn, incline_x, incline_y = (number(v).deg2rad() for v in (angle, shear_x, shear_y))
    incline_x, incline_y = incline_x.tan(), incline_y.tan()
    middle_x = (0.5 if center_x is None else number(center_x)) * (width - 1)
    middle_y = (0.5 if center_y is None else number(center_y)) * (height - 1)
    xs, ys = corners_of(x)
    xs = xs - middle_x + number(translate_x) * (width - 1)
    ys = ys - middle_y + number(translate_y) * (height - 1)
    cos, sin = turn.cos(), turn.sin()
    row_x, row_y = incline_y * cos - sin, incline_y * sin + cos
    new_ys = row_x * xs + row_y * ys
    # The sign of the part of `row_x` is Keras'.
    new_xs = cos * xs + sin * ys + incline_x * (row_y * ys - row_x * xs)
    scale = number(scale)
    result = bounds(new_xs * scale + middle_x, new_ys * scale + middle_y)
    return convert_format(result, "xyxy", bounding_box_format, height, width, dtype)


# --- overlap ---------------------------------------------------------------------------


def _both_in_corners(boxes1, boxes2, bounding_box_format, image_shape):
    name = _checked_format(bounding_box_format)
    if name.startswith("rel_") and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument "
            f"must be provided. Received `image_shape`: {image_shape}"
        )
    height, width = (None, None) if image_shape is None else image_shape[:2]
    return [convert_format(b, name, "xyxy", height, width) for b in (boxes1, boxes2)]


def _area(boxes):
    left, top, right, bottom = boxes.unbind(-1)
    return (right - left) * (bottom - top)


def _overlap(boxes1, boxes2):
    """Intersections and unions of boxes that broadcast."""
    low = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    high = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    both = (high - low).clamp(min=0).prod(-1)
    return both, _area(boxes1) + _area(boxes2) - both


def compute_iou(
    boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None
):
    """Intersection over union of each box of one set with each of another.

    Args:
        boxes1: ``(m, 4)`` or ``(batch, m, 4)``
        boxes2: ``(n, 4)`` or ``(batch, n, 4)``
        bounding_box_format: Format of the boxes, see `convert_format`.
        use_masking: Whether boxes whose corners are all negative are left out.
        mask_val: What stands for those that are left out.
        image_shape: ``(height, width, ...)`` of the image, for a relative format.

    Returns:
        ``(m, n)``, or ``(batch, m, n)`` if one of the two is batched.

    Raises:
        ValueError: for another rank or format, or without an image shape that is needed.

    Example:
        >>> one, two = torch.tensor([[0, 0, 4, 4]]), torch.tensor([[0, 0, 2, 4], [5, 5, 6, 6]])
        >>> torchkeras.utils.bounding_boxes.compute_iou(one, two, "xyxy")
        tensor([[0.5000, 0.0000]])
    """
    boxes1, boxes2 = as_tensor(boxes1), as_tensor(boxes2)
    for name, boxes in (("boxes1", boxes1), ("boxes2", boxes2)):
        if boxes.ndim not in (2, 3):
            raise ValueError(
                f"compute_iou() expects {name} to be batched, or to be unbatched. Expected 2 or 3 "
                f"axes. Received: {name} of shape {tuple(boxes.shape)}"
            )
    boxes1, boxes2 = _both_in_corners(boxes1, boxes2, bounding_box_format, image_shape)
    both, either = _overlap(boxes1.unsqueeze(-2), boxes2.unsqueeze(-3))
    result = torch.where(either == 0, 0.0, both / either)
    if use_masking:
        out1, out2 = ((boxes < 0).all(-1) for boxes in (boxes1, boxes2))
        result = torch.where(out1.unsqueeze(-1) | out2.unsqueeze(-2), mask_val, result)
    return result


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """Complete intersection over union: less for centers far apart, and other proportions.

    ``iou - d^2 / c^2 - a v``, with the distance ``d`` of the centers, the diagonal ``c`` of
    the box around both, ``v`` the squared difference of the angles ``atan(width / height)``
    times ``4 / pi^2``, and ``a = v / (1 - iou + v)``.

    Args:
        boxes1: ``(..., 4)``
        boxes2: ``(..., 4)``, which broadcast with the others.
        bounding_box_format: Format of the boxes, see `convert_format`.
        image_shape: ``(height, width, ...)`` of the image, for a relative format.

    Raises:
        ValueError: for another format or shape, or without an image shape that is needed.

    Reference: `Zheng et al., 2020 <https://arxiv.org/abs/1911.08287>`_

    Example:
        >>> one, two = torch.tensor([0, 0, 4, 4]), torch.tensor([0, 0, 2, 4])
        >>> torchkeras.utils.bounding_boxes.compute_ciou(one, two, "xyxy")
        tensor(0.4655)
    """
    boxes1, boxes2 = _both_in_corners(boxes1, boxes2, bounding_box_format, image_shape)
    tiny = config.epsilon()
    both, either = _overlap(boxes1, boxes2)
    iou = both / (either + tiny)
    low = torch.minimum(boxes1[..., :2], boxes2[..., :2])
    high = torch.maximum(boxes1[..., 2:], boxes2[..., 2:])
    diagonal = (high - low).square().sum(-1) + tiny
    centers = [boxes[..., :2] + boxes[..., 2:] for boxes in (boxes1, boxes2)]
    distance = (centers[0] - centers[1]).square().sum(-1) / 4
    angles = []
    for boxes in (boxes1, boxes2):
        width, height = (boxes[..., 2:] - boxes[..., :2]).unbind(-1)
        angles.append(torch.atan(width / (height + tiny)))
    v = (angles[0] - angles[1]).square() * (4 / math.pi**2)
    return iou - distance / diagonal - v * v / (1 - iou + v + tiny)


# --- deltas ----------------------------------------------------------------------------


def _variance(variance, like):
    if variance is None:
        return None
    variance = as_tensor(variance, like.dtype, like.device)
    if variance.shape[-1:] != (4,):
        raise ValueError(
            f"`variance` must be length 4. Received: variance of shape {tuple(variance.shape)}"
        )
    return variance


def _sizes(image_shape):
    return (None, None) if image_shape is None else image_shape[:2]


def encode_box_to_deltas(
    anchors,
    boxes,
    anchor_format,
    box_format,
    encoding_format="center_yxhw",
    variance=None,
    image_shape=None,
):
    """Boxes as what they differ by from anchors, for a network to learn.

    The distance of the centers divided by the size of the anchor, and the logarithm of the
    ratio of the sizes.

    Args:
        anchors: ``(n, 4)``
        boxes: ``(n, 4)`` or ``(batch, n, 4)``
        anchor_format: Format of the anchors, see `convert_format`.
        box_format: Format of the boxes.
        encoding_format: ``"center_yxhw"`` or ``"center_xywh"``: the order of the deltas.
        variance: Four numbers that the deltas are divided by.
        image_shape: ``(height, width, ...)`` of the image, for a relative format.

    Raises:
        ValueError: for another encoding, or a variance that is not four numbers.

    Example:
        >>> anchors, boxes = torch.tensor([[0, 0, 10, 10]]), torch.tensor([[5, 0, 15, 10]])
        >>> deltas = torchkeras.utils.bounding_boxes.encode_box_to_deltas
        >>> deltas(anchors, boxes, "xyxy", "xyxy")
        tensor([[0.0000, 0.5000, 0.0000, 0.0000]])
    """
    if encoding_format not in _DELTAS:
        raise ValueError(
            "`encoding_format` should be one of 'center_xywh' or 'center_yxhw', "
            f"got {encoding_format}"
        )
    height, width = _sizes(image_shape)
    tiny = config.epsilon()
    a = convert_format(anchors, anchor_format, encoding_format, height, width)
    b = convert_format(boxes, box_format, encoding_format, height, width)
    size, new_size = a[..., 2:].clamp(min=tiny), b[..., 2:].clamp(min=tiny)
    deltas = [(b[..., :2] - a[..., :2]) / size, (new_size / size).log()]
    deltas = torch.cat(torch.broadcast_tensors(*deltas), -1)
    variance = _variance(variance, deltas)
    return deltas if variance is None else deltas / variance


def decode_deltas_to_boxes(
    anchors,
    boxes_delta,
    anchor_format,
    box_format,
    encoded_format="center_yxhw",
    variance=None,
    image_shape=None,
):
    """The boxes that `encode_box_to_deltas` made deltas of.

    Args:
        anchors: ``(n, 4)``, or a dict of these, such as one for each level of a pyramid.
        boxes_delta: ``(n, 4)`` or ``(batch, n, 4)``; or a dict of these.
        anchor_format: Format of the anchors, see `convert_format`.
        box_format: Format of the result.
        encoded_format: ``"center_yxhw"`` or ``"center_xywh"``: the order of the deltas.
        variance: Four numbers that the deltas are multiplied by.
        image_shape: ``(height, width, ...)`` of the image, for a relative format.

    Raises:
        ValueError: for another encoding, or a variance that is not four numbers.

    Example:
        >>> anchors, deltas = torch.tensor([[0, 0, 10, 10]]), torch.tensor([[0.0, 0.5, 0.0, 0.0]])
        >>> boxes = torchkeras.utils.bounding_boxes.decode_deltas_to_boxes
        >>> boxes(anchors, deltas, "xyxy", "xyxy")
        tensor([[ 5.,  0., 15., 10.]])
    """
    if encoded_format not in _DELTAS:
        raise ValueError(
            "`encoded_format` should be 'center_xywh' or 'center_yxhw', "
            f"but got '{encoded_format}'."
        )
    how = (anchor_format, box_format, encoded_format, variance, image_shape)
    if isinstance(boxes_delta, dict):
        return {
            name: decode_deltas_to_boxes(anchors[name], deltas, *how)
            for name, deltas in boxes_delta.items()
        }
    height, width = _sizes(image_shape)
    a = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = _checked(boxes_delta, a.dtype)
    variance = _variance(variance, deltas)
    deltas = deltas if variance is None else deltas * variance
    size = a[..., 2:]
    parts = [deltas[..., :2] * size + a[..., :2], deltas[..., 2:].exp() * size]
    boxes = torch.cat(torch.broadcast_tensors(*parts), -1)
    return convert_format(boxes, encoded_format, box_format, height, width)
