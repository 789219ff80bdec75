"""Layers that put a part of one image into another, or something else in its place."""

import numbers

import torch

from torchkeras import _dtypes, random
from torchkeras.layers._preprocessing._colour import checked_range, per_image
from torchkeras.layers._preprocessing._image import RandomImageLayer, batch_of


def _drawn(transformation, name, like):
    """A part of a transformation, which may come as an array, where the images are."""
    return torch.as_tensor(transformation[name], device=like.device)


def _others(values, transformation):
    """The values that those of a batch are mixed with."""
    return values[_drawn(transformation, "permutation_order", values).long()]


def _mixed(values, transformation):
    """A part of each value and the rest of its other, as floats."""
    if not values.is_floating_point():
        values = values.to(torch.float32)
    weight = _drawn(transformation, "mix_weight", values).to(values.dtype)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1))
    return torch.lerp(_others(values, transformation), values, weight)


def dirichlet(alphas, seed):
    """Draws from the Dirichlet distribution of the last axis: parts that sum to 1."""
    source = random._generator(seed, alphas.device)
    draws = torch._sample_dirichlet(alphas.clamp(min=1e-6), generator=source)  # type: ignore
    # Where all parameters are near 0, all of a draw may be too small for a float.
    return draws.nan_to_num(1 / alphas.shape[-1])


class _Mixing(RandomImageLayer):
    """What the layers here have in common."""

    _FACTOR_BOUNDS = (0, 1)

    def _order(self, images, batch, seed):
        """The images of a batch in another order."""
        return self._uniform((batch,), 0, 1, images, seed).argsort()

    def _beta(self, alpha, seed):
        """Draws, one for each of ``alpha``, from the beta distribution of twice this number."""
        seed = self._stream if seed is None else seed
        # A beta variable is the first part of a two-way Dirichlet one.
        return dirichlet(torch.stack([alpha, alpha], -1), seed)[..., 0]

    def _rectangles(self, sides, images, seed):
        """A rectangle of each image, somewhere in it: true in ``(batch, height, width)``.

        Args:
            sides: ``(2, batch)``: height and width, as parts of the image's.
            images: The images, for their size and device.
            seed: As of `get_random_transformation`.
        """
        places = self._uniform(tuple(sides.shape), 0, 1, images, seed)
        inside = []
        for axis, part, place in zip((self.height_axis, self.width_axis), sides, places):
            size = images.shape[axis]
            first = (place * (1 - part) * size)[:, None]
            middles = torch.arange(size, device=images.device) + 0.5
            inside.append((middles >= first) & (middles < first + part[:, None] * size))
        mask = inside[0][:, :, None] & inside[1][:, None, :]
        return mask.unsqueeze(self.channel_axis)


class MixUp(_Mixing):
    """Mixes each image of a batch with another one, and their labels, in training.

    ``w * x + (1 - w) * other`` with ``w`` drawn from the beta distribution of ``alpha`` and
    ``alpha``. Labels (one-hot, say) and masks are mixed by the same weights; boxes are those of
    both images.

    Args:
        alpha: The larger, the more images are mixed half and half.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(batch, height, width, channels)``; or a dict
        outputs: the same; twice as many boxes

    Raises:
        ValueError: if ``alpha`` is no positive number.

    Reference: `Zhang et al., 2017 <https://arxiv.org/abs/1710.09412>`_

    Example:
        >>> data = {"images": torch.rand(4, 8, 8, 3), "labels": torch.eye(4)}
        >>> torchkeras.layers.MixUp()(data, training=True)["labels"].sum(1)
        tensor([1., 1., 1., 1.])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        if not isinstance(alpha, numbers.Real) or not float(alpha) > 0:
            raise ValueError(f"`alpha` must be a positive number. Received: alpha={alpha!r}")
        self.alpha = alpha

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"mix_weight": (batch,), "permutation_order": (batch,)}``."""
        if not training:
            return None
        images, batch = batch_of(data)
        order = self._order(images, batch, seed)
        alpha = torch.full((batch,), float(self.alpha), device=order.device)
        return {"mix_weight": self._beta(alpha, seed), "permutation_order": order}

    def transform_images(self, images, transformation, training=True):
        if not training or transformation is None:
            return self._to_compute(images)
        x = self._to_float(images)
        weight = per_image(transformation["mix_weight"], x).to(x.dtype)
        return self._to_compute(torch.lerp(_others(x, transformation), x, weight))

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        return _mixed(_dtypes.to_tensor(labels), transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_labels(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training or transformation is None:
            return bounding_boxes
        parts = {name: _dtypes.to_tensor(bounding_boxes[name]) for name in ("boxes", "labels")}
        return {
            name: torch.cat([value, _others(value, transformation)], min(1, value.ndim - 1))
            for name, value in parts.items()
        }


class CutMix(_Mixing):
    """Puts a rectangle of another image of the batch into each image, and mixes their labels.

    Only in training. A weight ``w`` is drawn from the beta distribution of ``f`` and ``f``, with
    ``f`` drawn from ``factor``; the sides of the rectangle are ``sqrt(1 - w)`` of the image's, and
    the label becomes ``w * label + (1 - w) * other``.

    Args:
        factor: Lower and upper bound of ``f``, from 0 to 1; one number stands for ``(0, f)``.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``; or a dict, without boxes
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds.
        NotImplementedError: for bounding boxes, which a rectangle may hide.

    Reference: `Yun et al., 2019 <https://arxiv.org/abs/1905.04899>`_

    Example:
        >>> data = {"images": torch.rand(4, 8, 8, 3), "labels": torch.eye(4)}
        >>> torchkeras.layers.CutMix()(data, training=True)["labels"].sum(1)
        tensor([1., 1., 1., 1.])
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(factor=factor, seed=seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"permutation_order": (batch,), "batch_masks": ..., "mix_weight": ...}``.

        The masks are true in the rectangles, with one channel; the weights ``(batch, 1, 1, 1)``.
        """
        if not training:
            return None
        images, batch = batch_of(data)
        low, high = self.factor
        weight = self._beta(self._uniform((batch,), low, high, images, seed), seed)
        side = (1 - weight).sqrt()
        return {
            "permutation_order": self._order(images, batch, seed),
            "batch_masks": self._rectangles(torch.stack([side, side]), images, seed),
            "mix_weight": weight.reshape(-1, 1, 1, 1),
        }

    def transform_images(self, images, transformation, training=True):
        images = self._to_compute(images)
        if not training or transformation is None:
            return images
        mask = _drawn(transformation, "batch_masks", images)
        return torch.where(mask, _others(images, transformation), images)

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        return _mixed(_dtypes.to_tensor(labels), transformation)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        raise self._lacks("transform_bounding_boxes")

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        masks = _dtypes.to_tensor(segmentation_masks)
        cut = _drawn(transformation, "batch_masks", masks).narrow(self.channel_axis, 0, 1)
        return torch.where(cut, _others(masks, transformation), masks)


class RandomErasing(_Mixing):
    """Fills a rectangle of some images with a value or noise in training.

    The chance of an image is drawn from ``factor``. The sides of the rectangle are the square
    roots of two numbers drawn from ``scale``, times the image's.

    Args:
        factor: Lower and upper bound of the chance, from 0 to 1; ``f`` stands for ``(0, f)``.
        scale: Lower and upper bound of the squares of the sides, likewise.
        fill_value: A number, or one for each channel; ``None`` for normal noise with a standard
            deviation of ``high``. Both are cut to the range.
        value_range: ``(low, high)`` of the pixels.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor or a scale out of bounds, a range that is no pair of numbers, or
            another kind of value to fill with.

    Reference: `Zhong et al., 2017 <https://arxiv.org/abs/1708.04896>`_

    Example:
        >>> layer = torchkeras.layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=9.0)
        >>> (layer(torch.zeros(8, 8, 1)) == 9.0).sum()
        tensor(16)
    """

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(factor=factor, seed=seed, data_format=data_format, **kwargs)
        self.scale = self._factor("scale", scale)
        values = fill_value if isinstance(fill_value, (tuple, list)) else [fill_value]
        if fill_value is not None and not all(isinstance(v, numbers.Real) for v in values):
            raise ValueError(
                "`fill_value` must be a number, a list of one for each channel, or None. "
                f"Received: fill_value={fill_value!r}"
            )
        self.fill_value = fill_value
        self.value_range = checked_range(value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"apply_erasing": (batch,), "batch_masks": ..., "fill_value": ...}``.

        The masks are true in the rectangles, with one channel.
        """
        if not training:
            return None
        images, batch = batch_of(data)
        draws = self._uniform((4, batch), 0, 1, images, seed)
        (low, high), (least, most) = self.factor, self.scale
        return {
            "apply_erasing": draws[0] < draws[1] * (high - low) + low,
            "batch_masks": self._rectangles(
                (draws[2:] * (most - least) + least).sqrt(), images, seed
            ),
            "fill_value": self._filling(images, seed),
        }

    def _filling(self, images, seed):
        low, high = self.value_range
        if self.fill_value is None:
            seed = self._stream if seed is None else seed
            noise = torch.randn(
                images.shape, device=images.device, generator=random._generator(seed, images.device)
            )
            noise = (noise * high).clamp(low, high)
            return noise if noise.ndim == 4 else noise[None]
        filling = torch.tensor(self.fill_value, dtype=torch.float32, device=images.device)
        filling = filling.clamp(low, high).reshape(1, 1, 1, -1)
        return filling.movedim(-1, self.channel_axis)

    def transform_images(self, images, transformation, training=True):
        images = self._to_compute(images)
        if not training or transformation is None:
            return images
        filling = _drawn(transformation, "fill_value", images)
        mask = _drawn(transformation, "batch_masks", images)
        mask = mask & per_image(transformation["apply_erasing"], images)
        return torch.where(mask, filling.to(images.dtype), images)
