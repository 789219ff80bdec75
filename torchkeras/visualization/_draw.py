"""Boxes and masks drawn into images."""

import importlib.util

import numpy as np
import torch

from torchkeras import config
from torchkeras.utils import bounding_boxes as boxes_of


def as_images(images, data_format):
    """A batch of images as an array (number, height, width, channels).

    Raises:
        ValueError: if it is no batch of images.
    """
    images = as_array(images)
    if images.ndim != 4:
        raise ValueError(
            f"`images` must be batched 4D tensor. Received: images.shape={images.shape}"
        )
    data_format = data_format or config.image_data_format()
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(
            '`data_format` must be "channels_last" or "channels_first". '
            f"Received: data_format={data_format!r}"
        )
    return images.transpose(0, 2, 3, 1) if data_format == "channels_first" else images


def as_array(value):
    """A tensor, an array or a list as an array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = value.float() if value.dtype is torch.bfloat16 else value
    return np.asarray(value)


def as_bytes(images):
    """Values from 0 to 255 as bytes, in memory of their own."""
    return np.clip(images, 0, 255).astype("uint8")


def draw_bounding_boxes(
    images,
    bounding_boxes,
    bounding_box_format,
    class_mapping=None,
    color=(128, 128, 128),
    line_thickness=2,
    text_thickness=1,
    font_scale=1.0,
    data_format=None,
):
    """Draws bounding boxes, with the names of their classes, into images.

    A box whose label is negative is none and is not drawn. Text needs the package ``pillow``,
    which comes with ``matplotlib``.

    Args:
        images: ``(batch, height, width, channels)`` with values from 0 to 255.
        bounding_boxes: Dict with ``"boxes"`` ``(batch, boxes, 4)``, ``"labels"``
            ``(batch, boxes)`` and, if there are, ``"confidences"`` of that shape.
        bounding_box_format: A format of `keras.utils.bounding_boxes.convert_format`.
        class_mapping: Dict from label to the text that stands at the box, with the confidence;
            a label that is not in it has no text.
        color: Red, green and blue of lines and text, from 0 to 255.
        line_thickness: Width of the lines in pixels; an even number counts as the next odd one,
            so that lines lie on the edges.
        text_thickness: Thickness of the text's strokes, 1 or more.
        font_scale: Size of the text; at 1.0 capital letters are about 22 pixels high.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Returns:
        An array of bytes, ``(batch, height, width, channels)``.

    Raises:
        TypeError: if ``bounding_boxes`` is no dict.
        ValueError: if a part of it is missing, the images are no batch, or the format is none.
        ImportError: if there is text to draw, and ``pillow`` is not installed.

    Example:
        >>> images = np.zeros((1, 40, 60, 3))
        >>> boxes = {"boxes": np.array([[[10, 5, 50, 30]]]), "labels": np.array([[1]])}
        >>> drawn = torchkeras.visualization.draw_bounding_boxes(images, boxes, "xyxy")
        >>> drawn.shape, drawn[0, 5, 30].tolist(), drawn[0, 20, 30].tolist()
        ((1, 40, 60, 3), [128, 128, 128], [0, 0, 0])
    """
    images = as_bytes(as_images(images, data_format))
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            f"`bounding_boxes` should be a dict. Received: bounding_boxes={bounding_boxes} of "
            f"type {type(bounding_boxes)}"
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. "
            f"Received: the keys {list(bounding_boxes)}"
        )
    height, width, channels = images.shape[1:]
    boxes = boxes_of.convert_format(
        as_array(bounding_boxes["boxes"]), bounding_box_format, "xyxy", height, width
    )
    corners = as_array(boxes).astype(int)
    labels = as_array(bounding_boxes["labels"])
    confidences = bounding_boxes.get("confidences")
    confidences = None if confidences is None else as_array(confidences)
    color = np.asarray(color)[:channels].astype("uint8")
    half = line_thickness // 2
    for i in range(len(images)):
        for j, label in enumerate(labels[i].ravel().astype(int).tolist()):
            if label < 0:
                continue
            left, top, right, bottom = corners[i, j].tolist()
            _frame(images[i], left, top, right, bottom, half, color)
            text = (class_mapping or {}).get(label)
            if text is None:
                continue
            if confidences is not None:
                text = f"{text} | {confidences[i].ravel()[j]:.2f}"
            _write(images[i], str(text), left, top, color, text_thickness, font_scale)
    return images


def _frame(image, left, top, right, bottom, half, color):
    """Draws a rectangle whose lines reach ``half`` pixels to either side of its edges."""

    def fill(x0, y0, x1, y1):  # slices end where the image does
        image[max(y0, 0) : max(y1 + 1, 0), max(x0, 0) : max(x1 + 1, 0)] = color

    for y in (top, bottom):
        fill(left - half, y - half, right + half, y + half)
    for x in (left, right):
        fill(x - half, top - half, x + half, bottom + half)


def _write(image, text, left, top, color, thickness, scale):
    """Writes above the corner of a box, or below it where there is no room above."""
    if importlib.util.find_spec("PIL") is None:
        raise ImportError(
            "Names at boxes need the package `pillow`. Install it: "
            "pip install 'keras-on-torch[plot]'"
        )
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(30 * scale)
    x0, y0, x1, y1 = font.getbbox(text, anchor="ls", stroke_width=thickness - 1)
    gap = 3
    baseline = top - gap - y1
    if baseline + y0 < 0:
        baseline = top + gap - y0
    mask = Image.new("L", image.shape[1::-1])
    ImageDraw.Draw(mask).text(
        (left, baseline), text, fill=255, font=font, anchor="ls", stroke_width=thickness - 1
    )
    alpha = np.asarray(mask)[..., None] / 255
    image[:] = (image * (1 - alpha) + color * alpha).round().astype("uint8")


def draw_segmentation_masks(
    images,
    segmentation_masks,
    num_classes=None,
    color_mapping=None,
    alpha=0.8,
    blend=True,
    ignore_index=-1,
    data_format=None,
):
    """Draws the classes of pixels as colours over images.

    Args:
        images: ``(batch, height, width, 3)`` with values from 0 to 255.
        segmentation_masks: Integers ``(batch, height, width)``, or with one channel: the class
            of each pixel. A negative one is none.
        num_classes: Number of classes; default that of the masks.
        color_mapping: Dict from class to its colour, three values from 0 to 255; class 0, the
            background, may be missing and is left as it is then. By default all classes have
            colours, and the background is black.
        alpha: How much of the colour there is, from 0 to 1.
        blend: Whether colours are mixed with the image; else they replace it.
        ignore_index: Class that is not drawn.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Returns:
        An array of bytes, ``(batch, height, width, 3)``.

    Raises:
        TypeError: if the masks are no integers.
        ValueError: if images or masks have another shape, or a class has no colour.

    Example:
        >>> images = np.full((1, 1, 2, 3), 100)
        >>> torchkeras.visualization.draw_segmentation_masks(
        ...     images, np.array([[[1, 2]]]), color_mapping={1: (200, 0, 0), 2: (0, 0, 200)},
        ...     alpha=0.5).tolist()
        [[[[150, 50, 50], [50, 50, 150]]]]
    """
    images = as_bytes(as_images(images, data_format))
    if images.shape[-1] != 3:
        raise ValueError(
            "`images` must have 3 channels, red, green and blue. "
            f"Received: {images.shape[-1]} channels"
        )
    masks = as_array(segmentation_masks)
    if not np.issubdtype(masks.dtype, np.integer):
        raise TypeError(
            "`segmentation_masks` must be in integer dtype. Received: "
            f"segmentation_masks.dtype={masks.dtype}"
        )
    if masks.size == images.size // 3 and masks.ndim == 4:  # the one channel
        masks = masks.reshape(images.shape[:3])
    if masks.shape != images.shape[:3]:
        raise ValueError(
            f"`segmentation_masks` must have the shape {images.shape[:3]}, or one channel more. "
            f"Received: segmentation_masks.shape={masks.shape}"
        )
    if not 0 <= alpha <= 1:
        raise ValueError(f"`alpha` must be from 0 to 1. Received: alpha={alpha}")
    drawn = (masks != ignore_index) & (masks >= 0)
    highest = int(masks.max(initial=0, where=drawn))
    count = highest + 1 if num_classes is None else int(num_classes) + 1
    if highest >= count:
        raise ValueError(
            "`num_classes` must be the highest class, or more. Received: "
            f"num_classes={num_classes} and masks with class {highest}"
        )
    colors = np.zeros((count, 3))
    if color_mapping is None:
        # Three walks round 0..254, so that neighbours differ.
        colors[:] = np.arange(count)[:, None] * (1, 127, 31) % 255
    else:
        known = np.zeros(count, bool)
        for index, color in color_mapping.items():
            if 0 <= int(index) < count:
                colors[int(index)], known[int(index)] = color, True
        missing = [c for c in np.unique(masks[drawn]).tolist() if c and not known[c]]
        if missing:
            raise ValueError(
                "`color_mapping` must have a colour for each class from 1. "
                f"Received: none for {missing}"
            )
        drawn &= known[np.where(drawn, masks, 0)]
    layer = colors[np.where(drawn, masks, 0)].astype("float32")
    if blend:
        layer = images * np.float32(1 - alpha) + layer * np.float32(alpha)
    return np.where(drawn[..., None], layer.astype("uint8"), images)
