"""Images brought to one size: Resizing, CenterCrop, RandomCrop; and boxes to one number."""

from typing import Any

import torch
from torch.nn import functional as F

from torchkeras import _checks, _configurable, random
from torchkeras.layers._preprocessing._image import ImageLayer, RandomImageLayer, images_of
from torchkeras.ops import image as ops
from torchkeras.ops._convert import as_tensor


class _Sized(ImageLayer):
    """Base of layers whose images have one size."""

    _USE_BASE_FACTOR = False
    height: int
    width: int

    def _set_size(self, height, width):
        self.height = _checks.positive_int("height", height)
        self.width = _checks.positive_int("width", width)

    def compute_output_shape(self, input_shape) -> Any:
        if isinstance(input_shape, dict):
            sized = ("images", "segmentation_masks")
            return {
                name: self.compute_output_shape(shape) if name in sized else shape
                for name, shape in input_shape.items()
            }
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) not in (3, 4):
            raise ValueError(
                "`input_shape` must be a non-nested tuple or list of rank-1 with size 3 "
                f"(unbatched) or 4 (batched). Received: input_shape={input_shape}"
            )
        shape = list(input_shape)
        shape[self.height_axis], shape[self.width_axis] = self.height, self.width
        return tuple(shape)


class Resizing(_Sized):
    """Images of another size, in their element type.

    Args:
        height: Height of the result.
        width: Width of the result.
        interpolation: ``"bilinear"``, ``"nearest"``, ``"bicubic"``, ``"lanczos3"`` or
            ``"lanczos5"``; for masks it is always ``"nearest"``.
        crop_to_aspect_ratio: Whether the largest part of the form of the result is taken first,
            instead of stretching the image.
        pad_to_aspect_ratio: Whether the image is padded to the form of the result first.
        fill_mode: ``"constant"``.
        fill_value: Value of the padding, of images and masks.
        antialias: Whether an image that shrinks is smoothed first.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, old_height, old_width, channels)``, or without batch
        outputs: ``(batch, height, width, channels)``

    Raises:
        ValueError: for a size that is no positive integer, or another argument without meaning.

    Example:
        >>> torchkeras.layers.Resizing(2, 3)(torch.ones(1, 8, 8, 3, dtype=torch.uint8)).shape
        torch.Size([1, 2, 3, 3])
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = antialias
        # What is wrong with the others shows on an image without data.
        pixel = torch.empty(1, 1, 1, device="meta")
        pixel = pixel.expand(self.compute_output_shape((1, 1, 1)))
        self._transform_images(pixel, None, interpolation)

    def _transform_images(self, images, transformation, interpolation):
        return ops.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """The height and the width of the images: nothing is random here."""
        return self._size(images_of(data))

    def transform_images(self, images, transformation=None, training=True):
        images = as_tensor(images)
        images = self._to_compute(images) if images.is_floating_point() else images
        return self._transform_images(images, transformation, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        rows, columns = transformation
        x_scale, y_scale = self.width / columns, self.height / rows
        if self.crop_to_aspect_ratio:
            x_scale = y_scale = max(x_scale, y_scale)
        elif self.pad_to_aspect_ratio:
            x_scale = y_scale = min(x_scale, y_scale)
        # What is cut off on the left and above, in whole pixels; padding is less than nothing.
        left = int((columns * x_scale - self.width) / 2)
        top = int((rows * y_scale - self.height) / 2)

        def change(xs, ys):
            return xs * x_scale - left, ys * y_scale - top

        size = (self.height, self.width)
        return self._moved_boxes(bounding_boxes, transformation, size, change)


class _Crop(_Sized):
    """Base of layers that cut a rectangle out of each image, or resize what is too small.

    A transformation is the first row and the first column of the rectangle. For images that
    are too small it is the middle of the form of the result, which is enlarged.
    """

    def _is_cut(self, rows, columns, training):
        return rows >= self.height and columns >= self.width

    def _middle(self, size, training=True):
        """Top, left, height and width of the middle rectangle of the image."""
        rows, columns = size
        if self._is_cut(rows, columns, training):
            height, width = self.height, self.width
        else:
            height = min(rows, max(int(columns * self.height / self.width), 1))
            width = min(columns, max(int(rows * self.width / self.height), 1))
        return (rows - height) // 2, (columns - width) // 2, height, width

    def _resized(self, images, interpolation):
        return ops.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )

    def transform_images(self, images, transformation=None, training=True):
        return self._cut(images, transformation, training, "bilinear")

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._cut(segmentation_masks, transformation, training, "nearest")

    def _cut(self, images, transformation, training, interpolation):
        images = as_tensor(images)
        size = self._size(images)
        if not self._is_cut(size[0], size[1], training):
            return self._resized(self._to_compute(images), interpolation)
        top, left = self._window(size, transformation, training)[:2]
        for axis, start, count in (
            (self.height_axis, top, self.height),
            (self.width_axis, left, self.width),
        ):
            if isinstance(start, int):
                images = images.narrow(axis, start, count)
            else:  # drawn in a compiled graph
                places = torch.arange(count, device=images.device) + start
                images = images.index_select(axis, places)
        return self._to_compute(images)

    def _window(self, size, transformation, training) -> Any:
        return self._middle(size, training)

    def _boxes_of(self, bounding_boxes, size, transformation, training):
        top, left, height, width = self._window(size, transformation, training)
        x_scale, y_scale = self.width / width, self.height / height

        def change(xs, ys):
            return (xs - left) * x_scale, (ys - top) * y_scale

        return self._moved_boxes(bounding_boxes, size, (self.height, self.width), change)


class CenterCrop(_Crop):
    """The middle of each image; a smaller image is enlarged, without change of its form.

    Args:
        height: Height of the result.
        width: Width of the result.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, old_height, old_width, channels)``, or without batch
        outputs: ``(batch, height, width, channels)``

    Raises:
        ValueError: for a size that is no positive integer.

    Example:
        >>> torchkeras.layers.CenterCrop(1, 2)(torch.arange(12.0).reshape(3, 4, 1)).flatten()
        tensor([5., 6.])
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def get_random_transformation(self, data, training=True, seed=None):
        """The shape of the images: nothing is random here."""
        return {"input_shape": tuple(images_of(data).shape)}

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        return self._boxes_of(bounding_boxes, size, transformation, training)


class RandomCrop(_Crop, RandomImageLayer):
    """In training a rectangle at a random place, the same for all images of a batch.

    Otherwise, and where the images are smaller than the rectangle, the middle part of its form
    is taken and resized.

    Args:
        height: Height of the result.
        width: Width of the result.
        seed: Integer for a repeatable stream of places; default one that is drawn.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, old_height, old_width, channels)``, or without batch
        outputs: ``(batch, height, width, channels)``

    Raises:
        ValueError: for a size that is no positive integer.

    Example:
        >>> torchkeras.layers.RandomCrop(4, 5, seed=1)(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 4, 5, 3])
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        seed = random.make_default_seed() if seed is None else seed
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self._set_size(height, width)

    def _is_cut(self, rows, columns, training):
        return training and super()._is_cut(rows, columns, training)

    def get_random_transformation(self, data, training=True, seed=None):
        """The first row and column of the rectangle, and the size of the images."""
        images = images_of(data)
        rows, columns = self._size(images)
        if not self._is_cut(rows, columns, training):
            return (*self._middle((rows, columns), training)[:2], rows, columns)
        free = rows - self.height, columns - self.width
        # Drawn on the CPU they are plain numbers, and the rectangle is a view; but a compiled
        # graph would be another for each number.
        compiling = torch.compiler.is_compiling()
        draws = self._uniform(
            (2,), 0, 1, images if compiling else torch.empty(0, device="cpu"), seed
        )
        # The product may be rounded up to the bound.
        starts = [(d * (n + 1)).to(torch.int32).clamp(max=n) for d, n in zip(draws, free)]
        top, left = starts if compiling else (int(start) for start in starts)
        return top, left, rows, columns

    def _window(self, size, transformation, training):
        if not self._is_cut(size[0], size[1], training):
            return self._middle(size, training)
        return (*transformation[:2], self.height, self.width)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        return self._boxes_of(bounding_boxes, transformation[2:], transformation, training)


class MaxNumBoundingBoxes(ImageLayer):
    """One number of boxes for every image: further ones are dropped, missing ones filled in.

    Args:
        max_number: How many boxes there are after.
        fill_value: Value of the boxes and labels that are filled in.

    Shapes:
        inputs: dict of ``"images"`` and ``"bounding_boxes"``: ``"boxes"``, ``(batch, n, 4)``,
            and ``"labels"``, ``(batch, n)``
        outputs: the same with ``max_number`` for ``n``

    Raises:
        ValueError: if ``max_number`` is no positive integer.

    Example:
        >>> layer = torchkeras.layers.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")
        >>> boxes = {"boxes": torch.ones(1, 1, 4), "labels": torch.tensor([[3]])}
        >>> layer({"images": torch.ones(1, 4, 4, 3), "bounding_boxes": boxes})["bounding_boxes"]
        {'boxes': tensor([[[ 1.,  1.,  1.,  1.],
                 [-1., -1., -1., -1.]]]), 'labels': tensor([[ 3, -1]])}
    """

    _USE_BASE_FACTOR = False

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number = _checks.positive_int("max_number", max_number)
        self.fill_value = fill_value

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        boxes, labels = (as_tensor(bounding_boxes[name]) for name in ("boxes", "labels"))
        # Labels may have an axis of classes.
        axes = labels.ndim - boxes.ndim + 1
        return {
            **bounding_boxes,
            "boxes": self._filled(boxes, (0, 0)),
            "labels": self._filled(labels, (0, 0) * axes),
        }

    def _filled(self, values, after):
        axis = values.ndim - 1 - len(after) // 2
        count = values.shape[axis]
        if count >= self.max_number:
            return values.narrow(axis, 0, self.max_number)
        return F.pad(values, (*after, 0, self.max_number - count), value=self.fill_value)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, dict) or "bounding_boxes" not in input_shape:
            return input_shape
        boxes = {}
        for name, shape in input_shape["bounding_boxes"].items():
            boxes[name] = (shape[0], self.max_number, *shape[2:])
        return {**input_shape, "bounding_boxes": boxes}

    @_configurable.reads_signature
    def get_config(self):
        config = super().get_config()
        if self.fill_value == -1:  # Keras' own config has it never
            del config["fill_value"]
        return config
