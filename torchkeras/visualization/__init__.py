"""Pictures of images with their labels, boxes and masks."""

from torchkeras.visualization._draw import draw_bounding_boxes, draw_segmentation_masks
from torchkeras.visualization._gallery import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]
