"""What the layers that prepare or augment images have in common."""

import types
from typing import Any

import torch

from torchkeras import _dtypes, config, ops, random
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _boxes

# Where subclasses written for Keras look for functions.
_BACKEND = types.SimpleNamespace(**{**vars(ops), "random": random})


class BaseImagePreprocessingLayer(Layer):
    """Base of layers that change images, and with them labels, boxes and masks.

    A call draws one transformation and applies it to all that it is given: images, or a dict
    of ``"images"`` and any of ``"labels"``, ``"bounding_boxes"`` (a dict of ``"boxes"`` and
    ``"labels"``) and ``"segmentation_masks"``; other keys are handed on. What is not batched
    gets a batch axis for the ``transform_`` methods, and loses it after. A subclass writes

    - ``get_random_transformation(data, training, seed)``: anything that describes the change;
      ``data`` may be without batch axis, ``None`` stands for no change;
    - ``transform_images``, ``transform_labels``, ``transform_bounding_boxes`` and
      ``transform_segmentation_masks``: ``(batch, transformation, training)``; or, for images
      and masks, ``_transform_images(images, transformation, interpolation)`` alone.

    Args:
        factor: A number, or a lower and an upper bound of what is drawn. One number ``f`` stands
            for ``(-f, f)``, or ``(0, f)`` where the bounds are not negative.
        bounding_box_format: Format of the boxes, see `utils.bounding_boxes.convert_format`.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: if ``factor`` is out of bounds, or the layer does not take one.

    Example:
        >>> class Invert(BaseImagePreprocessingLayer):
        ...     def transform_images(self, images, transformation, training=True):
        ...         return 255 - images
        >>> Invert()(torch.tensor([[[0.0, 100.0, 255.0]]]))
        tensor([[[255., 155.,   0.]]])
    """

    # Whether `factor` is an argument, and its bounds; for subclasses to set.
    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS: Any = (-1, 1)
    backend = _BACKEND
    _config_optional = (*Layer._config_optional, "bounding_box_format", "factor")
    factor: Any
    interpolation: Any

    def __init__(self, factor=None, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = config.standardize_data_format(data_format)
        last = self.data_format == "channels_last"
        self.height_axis, self.width_axis, self.channel_axis = (
            (-3, -2, -1) if last else (-2, -1, -3)
        )
        if self._USE_BASE_FACTOR:
            self.factor = self._factor("factor", factor or 0.0)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. "
                f"Received: factor={factor}"
            )
        self._build_at_init()

    def _factor(self, name, value, called=None):
        """The lower and the upper bound that an argument stands for."""
        low, high = self._FACTOR_BOUNDS
        if isinstance(value, (tuple, list)):
            bounds = tuple(sorted(value)) if len(value) == 2 else ()
        elif isinstance(value, (int, float)):
            bounds = (-abs(value), abs(value)) if low < 0 else tuple(sorted((0, value)))
        else:
            bounds = ()
        if not bounds or bounds[0] < low or bounds[1] > high:
            raise ValueError(
                f"The `{called or name}` argument should be a number (or a list of two numbers) in "
                f"the range [{low}, {high}]. Received: {name}={value}"
            )
        return bounds

    # --- what a subclass writes --------------------------------------------------------

    def get_random_transformation(self, data, training=True, seed=None) -> Any:
        """Draws what is done to a batch; ``None`` by default."""
        return None

    def _transform_images(self, images, transformation, interpolation) -> Any:
        """Changes a batch of images or masks."""
        raise self._lacks("transform_images")

    def transform_images(self, images, transformation, training=True):
        """Changes a batch of images."""
        images = self._to_compute(images)
        if not training:
            return images
        return self._transform_images(images, transformation, self.interpolation)

    def transform_labels(self, labels, transformation, training=True):
        """Changes a batch of labels."""
        raise self._lacks("transform_labels")

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """Changes the boxes of a batch: ``{"boxes": (batch, n, 4), "labels": (batch, n)}``."""
        raise self._lacks("transform_bounding_boxes")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """Changes a batch of masks as the images are, without mixing of classes."""
        if not training:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def _lacks(self, method):
        return NotImplementedError(
            f"Layer {type(self).__name__} does not have a `{method}` method implemented."
        )

    # --- one sample --------------------------------------------------------------------

    def transform_single_image(self, image, transformation, training=True):
        """Changes one image, as `transform_images` does a batch."""
        return self._single(self.transform_images, image, transformation, training)

    def transform_single_label(self, label, transformation, training=True):
        """Changes the labels of one image."""
        return self._single(self.transform_labels, label, transformation, training)

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        """Changes the boxes of one image: ``{"boxes": (n, 4), "labels": (n,)}``."""
        batch = {name: _tensor(value)[None] for name, value in _checked_boxes(bounding_box).items()}
        how = {"transformation": transformation, "training": training}
        batch = self.transform_bounding_boxes(batch, **how)
        return {name: value[0] for name, value in batch.items()}

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """Changes the mask of one image."""
        method = self.transform_segmentation_masks
        return self._single(method, segmentation_mask, transformation, training)

    def _single(self, method, value, transformation, training):
        return method(_tensor(value)[None], transformation=transformation, training=training)[0]

    # --- the call ----------------------------------------------------------------------

    def call(self, data, training=True):
        named = isinstance(data, dict)
        if named and "images" not in data:
            raise ValueError(
                f"Expected a dict with the key 'images'. Received: a dict with keys {list(data)}"
            )
        images = data["images"] if named else data
        if not hasattr(images, "shape") or len(images.shape) not in (3, 4):
            raise ValueError(
                "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
                f"Received: data.shape={tuple(getattr(images, 'shape', ()))}"
            )
        how: dict = {
            "transformation": self.get_random_transformation(data, training=training),
            "training": training,
        }
        batched = len(images.shape) == 4
        change = self.transform_images if batched else self.transform_single_image
        if not named:
            return change(images, **how)
        data = {**data, "images": change(images, **how)}
        if "bounding_boxes" in data:
            if not self.bounding_box_format:
                raise ValueError(
                    "You passed an input with a 'bounding_boxes' key, but you didn't specify a "
                    "bounding box format. Pass a `bounding_box_format` argument to your "
                    f"{type(self).__name__} layer, e.g. `bounding_box_format='xyxy'`."
                )
            boxes = _checked_boxes(data["bounding_boxes"])
            name = "transform_bounding_boxes" if batched else "transform_single_bounding_box"
            data["bounding_boxes"] = getattr(self, name)(boxes, **how)
        if "labels" in data:
            name = "transform_labels" if batched else "transform_single_label"
            data["labels"] = getattr(self, name)(data["labels"], **how)
        if "segmentation_masks" in data:
            masks = data["segmentation_masks"]
            flat = len(masks.shape) == len(images.shape) - 1  # without an axis of channels
            masks = masks.unsqueeze(self.channel_axis) if flat else masks
            name = "segmentation_masks" if batched else "single_segmentation_mask"
            masks = getattr(self, f"transform_{name}")(masks, **how)
            data["segmentation_masks"] = masks.squeeze(self.channel_axis) if flat else masks
        return data

    def compute_output_spec(self, *args, **kwargs):
        if any(isinstance(x, dict) for x in (*args, *kwargs.values())):
            return self._trace(args, kwargs)  # labels and masks have types of their own
        return super().compute_output_spec(*args, **kwargs)

    # --- for subclasses ----------------------------------------------------------------

    def _to_compute(self, images):
        """Images in the element type that the layer computes in and returns."""
        return _dtypes.to_tensor(images, self.compute_dtype)

    def _to_float(self, images):
        """Images in a floating point type: that of the layer, or float32 where it is none."""
        dtype = self.compute_dtype if _dtypes.is_float(self.compute_dtype) else "float32"
        return _dtypes.to_tensor(images, dtype)

    def _size(self, images):
        """Height and width of images, or of one."""
        return images.shape[self.height_axis], images.shape[self.width_axis]

    def _moved_boxes(self, bounding_boxes, size, new_size, change):
        """The upright boxes around boxes that are changed, clipped to images of a new size.

        Args:
            bounding_boxes: Dict of ``"boxes"`` and ``"labels"``.
            size: Height and width of the images.
            new_size: Height and width of the images after.
            change: Function of the x and the y of points, ``(batch, n, points)``.
        """
        dtype = self.compute_dtype if _dtypes.is_float(self.compute_dtype) else "float32"
        form = self.bounding_box_format
        (height, width), (new_height, new_width) = size, new_size
        boxes: Any = _boxes.convert_format(bounding_boxes, form, "xyxy", height, width, dtype)
        boxes = {**boxes, "boxes": _boxes.bounds(*change(*_boxes.corners_of(boxes["boxes"])))}
        boxes = _boxes.clip_to_image_size(boxes, new_height, new_width)
        return _boxes.convert_format(boxes, "xyxy", form, new_height, new_width, dtype)

    def _transform_value_range(self, images, original_range, target_range, dtype="float32"):
        """Images with one range of values brought to another, in a type to compute in."""
        images = _dtypes.to_tensor(images, dtype)
        if tuple(original_range) == tuple(target_range):
            return images
        (low, high), (new_low, new_high) = original_range, target_range
        return (images - low) * ((new_high - new_low) / (high - low)) + new_low


class ImageLayer(BaseImagePreprocessingLayer):
    """Base of layers that leave labels, boxes, masks and the shape as they are."""

    def transform_labels(self, labels, transformation, training=True):
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def compute_output_shape(self, input_shape):
        return input_shape


class RandomImageLayer(ImageLayer):
    """Base of layers that draw what they do, for each image of a batch.

    Without a seed torch's own generator draws: it differs from worker to worker of a
    `DataLoader`, where the copies of a `SeedGenerator` would all repeat one stream.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)
        self._stream = None if seed is None else self.generator

    def _uniform(self, shape, low, high, images, seed=None):
        """Draws from ``[low, high)``, in float32 on the device of the images."""
        source = random._generator(self._stream if seed is None else seed, images.device)
        draws = torch.rand(shape, dtype=torch.float32, device=images.device, generator=source)
        return draws if (low, high) == (0, 1) else draws * (high - low) + low

    def _some(self, batch, images, seed=None):
        """Draws which images are changed: `factor` has bounds of the probability."""
        low, high = self.factor
        chance = self._uniform((batch,), low, high, images, seed)
        return self._uniform((batch,), 0, 1, images, seed) < chance


def images_of(data):
    """The images of what a layer is called with."""
    return _tensor(data["images"] if isinstance(data, dict) else data)


def batch_of(data):
    """The images of what a layer is called with, and how many they are."""
    images = images_of(data)
    return images, images.shape[0] if len(images.shape) == 4 else 1


def _checked_boxes(value):
    if not isinstance(value, dict):
        found = type(value).__name__
    elif "boxes" not in value or "labels" not in value:
        found = f"a dict with keys {list(value)}"
    else:
        return value
    raise ValueError(
        "Expected `bounding_boxes` argument to be a dict with keys 'boxes' and 'labels'. "
        f"Received: bounding_boxes of type {found}"
    )


def _tensor(value):
    return value if isinstance(value, torch.Tensor) else _dtypes.to_tensor(value)
