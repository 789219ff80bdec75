"""Many images in one picture."""

import math

import numpy as np

from torchkeras.callbacks._plot import pyplot
from torchkeras.visualization._draw import (
    as_array,
    as_bytes,
    as_images,
    draw_bounding_boxes,
    draw_segmentation_masks,
)


def plot_image_gallery(
    images,
    y_true=None,
    y_pred=None,
    label_map=None,
    rows=None,
    cols=None,
    value_range=(0, 255),
    scale=2,
    path=None,
    show=None,
    transparent=True,
    dpi=60,
    legend_handles=None,
    data_format=None,
):
    """Shows images in rows and columns, with their labels; needs the package ``matplotlib``.

    Args:
        images: ``(batch, height, width, channels)``
        y_true: Labels, ``(batch,)``.
        y_pred: Predicted labels, ``(batch,)``.
        label_map: Dict from label to name, for ``y_true`` and ``y_pred``.
        rows: Number of rows; default as many as there have to be, or near a square.
        cols: Number of columns, likewise. Images that find no place are left out.
        value_range: Lowest and highest value of the images.
        scale: Inches of an image's side.
        path: File to write the picture to, instead of showing it.
        show: Whether to show the picture; default if there is no ``path``.
        transparent: Whether the background in the file is transparent.
        dpi: Dots per inch of the file.
        legend_handles: List of matplotlib artists for a legend.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Returns:
        ``None``, or the ``matplotlib.figure.Figure`` if it is neither shown nor written.

    Raises:
        ValueError: if ``path`` and ``show`` are both set, the images are no batch, or names of
            labels are missing.
        ImportError: if ``matplotlib`` is not installed.

    Example:
        >>> torchkeras.visualization.plot_image_gallery(np.zeros((8, 8, 3)))
        Traceback (most recent call last):
        ...
        ValueError: `images` must be batched 4D tensor. Received: images.shape=(8, 8, 3)
    """
    if path is not None and show:
        raise ValueError(
            "plot_gallery() expects either `path` to be set, or `show` to be true. "
            f"Received: path={path} and show={show}"
        )
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "If `y_true` or `y_pred` are provided, a `label_map` must also be provided."
        )
    images = in_range(as_images(images, data_format), value_range)
    if images.shape[-1] == 1:
        images = images[..., 0]
    rows, cols = _grid(len(images), rows, cols)
    plot = pyplot()
    figure, axes = plot.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), squeeze=False, frameon=False
    )
    figure.subplots_adjust(wspace=0, hspace=0)
    names_of = label_map or {}
    labels = [(w, as_array(y)) for w, y in (("Label", y_true), ("Pred", y_pred)) if y is not None]
    if labels:
        figure.subplots_adjust(hspace=0.25)
    for i, panel in enumerate(axes.flat):
        panel.axis("off")
        if i < len(images):
            panel.imshow(images[i], cmap="gray", vmin=0, vmax=255)
            names = [f"{what}: {names_of[int(y[i])]}" for what, y in labels]
            if names:
                panel.set_title("  ".join(names), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is None and show is False:
        plot.close(figure)  # it is the caller's alone
        return figure
    if path is None:
        plot.show()
    else:
        figure.savefig(path, bbox_inches="tight", pad_inches=0.05, transparent=transparent, dpi=dpi)
    plot.close(figure)
    return None


def in_range(images, value_range):
    """Images whose values lie in ``value_range`` as bytes.

    Raises:
        ValueError: if it is no range.
    """
    low, high = value_range
    if not low < high:
        raise ValueError(
            "`value_range` must be the lowest and the highest value. "
            f"Received: value_range={value_range}"
        )
    return as_bytes(np.round((images.astype("float64") - low) * (255 / (high - low)), 6))


def _grid(count, rows, cols):
    if rows is None and cols is None:
        rows = math.ceil(math.sqrt(count))
    if cols is None:
        cols = math.ceil(count / rows)
    if rows is None:
        rows = math.ceil(count / cols)
    return max(rows, 1), max(cols, 1)


def plot_bounding_box_gallery(
    images,
    bounding_box_format,
    y_true=None,
    y_pred=None,
    value_range=(0, 255),
    true_color=(0, 188, 212),
    pred_color=(255, 235, 59),
    line_thickness=2,
    font_scale=1.0,
    text_thickness=None,
    class_mapping=None,
    ground_truth_mapping=None,
    prediction_mapping=None,
    legend=False,
    legend_handles=None,
    rows=None,
    cols=None,
    data_format=None,
    **kwargs,
):
    """Shows images with their bounding boxes; needs the package ``matplotlib``.

    Args:
        images: ``(batch, height, width, channels)``
        bounding_box_format: A format of `keras.utils.bounding_boxes.convert_format`.
        y_true: True boxes, as `draw_bounding_boxes` takes them.
        y_pred: Predicted boxes, likewise.
        value_range: Lowest and highest value of the images.
        true_color: Red, green and blue of the true boxes.
        pred_color: Those of the predicted ones.
        line_thickness: Width of the lines in pixels.
        font_scale: Size of the text.
        text_thickness: Thickness of the text's strokes; default ``line_thickness``.
        class_mapping: Dict from label to name.
        ground_truth_mapping: The same for true boxes; default ``class_mapping``.
        prediction_mapping: The same for predicted boxes; default ``class_mapping``.
        legend: Whether a legend tells which colour is which.
        legend_handles: List of matplotlib artists for a legend of your own.
        rows: Number of rows.
        cols: Number of columns.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        **kwargs: Other arguments of `plot_image_gallery`.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ValueError: if the images are no batch, or both ``legend`` and ``legend_handles`` are
            given.
        ImportError: if ``matplotlib`` is not installed.

    Example:
        >>> torchkeras.visualization.plot_bounding_box_gallery(np.zeros((8, 8, 3)), "xyxy")
        Traceback (most recent call last):
        ...
        ValueError: `images` must be batched 4D tensor. Received: images.shape=(8, 8, 3)
    """
    if legend and legend_handles:
        raise ValueError(
            "Only pass `legend` OR `legend_handles` to "
            "`keras.visualization.plot_bounding_box_gallery()`."
        )
    images = in_range(as_images(images, data_format), value_range)
    kinds = (
        ("Ground Truth", y_true, true_color, ground_truth_mapping),
        ("Prediction", y_pred, pred_color, prediction_mapping),
    )
    kinds = [kind for kind in kinds if kind[1] is not None]
    for _, boxes, color, mapping in kinds:
        images = draw_bounding_boxes(
            images,
            boxes,
            bounding_box_format,
            class_mapping if mapping is None else mapping,
            color,
            line_thickness,
            line_thickness if text_thickness is None else text_thickness,
            font_scale,
            "channels_last",
        )
    if legend:
        pyplot()  # says what is missing
        from matplotlib.patches import Patch  # pyright: ignore

        legend_handles = [
            Patch(color=tuple(c / 255 for c in color), label=name) for name, _, color, _ in kinds
        ]
    return plot_image_gallery(
        images,
        rows=rows,
        cols=cols,
        legend_handles=legend_handles,
        data_format="channels_last",
        **kwargs,
    )


def plot_segmentation_mask_gallery(
    images,
    num_classes,
    value_range=(0, 255),
    y_true=None,
    y_pred=None,
    color_mapping=None,
    blend=True,
    alpha=0.8,
    ignore_index=-1,
    data_format=None,
    **kwargs,
):
    """Shows images and their masks, side by side; needs the package ``matplotlib``.

    A row has an image, then it with the true mask, then it with the predicted one, if they are
    given.

    Args:
        images: ``(batch, height, width, 3)``
        num_classes: Number of classes.
        value_range: Lowest and highest value of the images.
        y_true: True masks, as `draw_segmentation_masks` takes them.
        y_pred: Predicted masks, likewise.
        color_mapping: Dict from class to its colour.
        blend: Whether colours are mixed with the image.
        alpha: How much of the colour there is.
        ignore_index: Class that is not drawn.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        **kwargs: Other arguments of `plot_image_gallery`, but ``rows`` and ``cols``.

    Returns:
        What `plot_image_gallery` returns.

    Raises:
        ValueError: if the images are no batch.
        ImportError: if ``matplotlib`` is not installed.

    Example:
        >>> torchkeras.visualization.plot_segmentation_mask_gallery(np.zeros((8, 8, 3)), 2)
        Traceback (most recent call last):
        ...
        ValueError: `images` must be batched 4D tensor. Received: images.shape=(8, 8, 3)
    """
    images = in_range(as_images(images, data_format), value_range)
    columns = [images]
    for masks in (y_true, y_pred):
        if masks is not None:
            masks = as_array(masks)
            columns.append(
                draw_segmentation_masks(
                    images,
                    masks,
                    num_classes,
                    color_mapping,
                    alpha,
                    blend,
                    ignore_index,
                    "channels_last",
                )
            )
    images = np.stack(columns, axis=1).reshape(-1, *images.shape[1:])
    return plot_image_gallery(
        images,
        rows=len(columns[0]),
        cols=len(columns),
        data_format="channels_last",
        **kwargs,
    )
