"""Layers that change brightness, contrast, colours and sharpness, each image by its own number."""

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _checks, _dtypes
from torchkeras.layers._preprocessing._image import ImageLayer, RandomImageLayer, batch_of
from torchkeras.ops._image import as_before, from_hsv, gaussian_window, to_float, to_hsv


def checked_range(value):
    """A lower and an upper bound of what pixels can be.

    Raises:
        ValueError: unless ``value`` is a pair of two different numbers.
    """
    pair = isinstance(value, (tuple, list)) and len(value) == 2
    if not pair or not all(isinstance(x, (int, float)) for x in value) or value[0] == value[1]:
        raise ValueError(
            "The `value_range` argument should be a list of two numbers. "
            f"Received: value_range={value}"
        )
    return tuple(sorted(value))


class _Values:
    """What layers have in common that know the range of the pixels."""

    def __init__(self, *, value_range, **kwargs):
        self.value_range = checked_range(value_range)
        super().__init__(**kwargs)

    def _clip(self, images):
        return images.clamp(*self.value_range)


class FixedColour(_Values, ImageLayer):
    """Base of layers that know the range of the pixels and draw nothing."""

    _USE_BASE_FACTOR = False

    def transform_images(self, images, transformation=None, training=True):
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        return as_before(self._change(to_float(self._to_float(images))), dtype)

    def _change(self, x):
        """The images ``x``, of floats, changed."""
        raise NotImplementedError


class RandomColour(_Values, RandomImageLayer):
    """Base of layers that change the pixels by numbers drawn for each image, in training."""

    def transform_images(self, images, transformation, training=True):
        if not training or transformation is None:
            return self._to_compute(images)
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        x = to_float(self._to_float(images))
        return as_before(self._change(x, transformation), dtype)

    def _change(self, x, transformation):
        """The images ``x``, of floats, changed as was drawn."""
        raise NotImplementedError

    def _each(self, data, bounds, seed=None, axes=(1, 1, 1)):
        """A number drawn for each image, ``(batch, *axes)``."""
        images, batch = batch_of(data)
        return self._uniform((batch, *axes), bounds[0], bounds[1], images, seed)

    def _chance(self, data, seed=None):
        """Whether each image is changed: with a chance that is drawn from `factor`, too."""
        images, batch = batch_of(data)
        draws, chance = self._uniform((2, batch), 0, 1, images, seed)
        low, high = self.factor
        return draws < chance * (high - low) + low


def per_image(values, like):
    """Values, one for each image, with axes to multiply ``(batch, ., ., .)`` by."""
    values = torch.as_tensor(values, device=like.device)
    values = values.to(like.dtype) if values.is_floating_point() else values
    return values.reshape(-1, 1, 1, 1)


def grey(x, axis):
    """The brightness of colours (ITU-R BT.601) along ``axis``, kept; grey images as they are.

    Raises:
        ValueError: if there are not 1 or 3 channels.
    """
    if x.shape[axis] == 1:
        return x
    if x.shape[axis] != 3:
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={tuple(x.shape)}"
        )
    red, green, blue = x.unbind(axis)
    return (0.2989 * red + 0.5870 * green + 0.1140 * blue).unsqueeze(axis)


def _three_channels(x, axis):
    if x.shape[axis] != 3:
        raise ValueError(
            f"Input images must have 3 channels, but received images with {x.shape[axis]} "
            f"channels. Received: images.shape={tuple(x.shape)}"
        )


class RandomBrightness(RandomColour):
    """Makes images brighter or darker in training: adds a part of the value range.

    ``clip(x + factor * (high - low), low, high)``.

    Args:
        factor: Lower and upper bound of the part, from -1 to 1; ``f`` stands for ``(-f, f)``.
        value_range: ``(low, high)`` of the pixels.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> layer = torchkeras.layers.RandomBrightness((0.2, 0.2))
        >>> layer(torch.tensor([[[100.0, 250.0, 0.0]]]))
        tensor([[[151., 255.,  51.]]])
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor=factor, value_range=value_range, seed=seed, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"rgb_delta": (batch, 1, 1, 1)}``: what is added."""
        if not training:
            return None
        low, high = self.value_range
        return {"rgb_delta": self._each(data, self.factor, seed) * (high - low)}

    def _change(self, x, transformation):
        return self._clip(x + per_image(transformation["rgb_delta"], x))


class RandomContrast(RandomColour):
    """Raises or lowers the contrast of images in training, for each channel by itself.

    ``clip((x - mean) * c + mean, low, high)`` with the mean of the channel and ``c`` drawn from
    ``[1 - lower, 1 + upper]``.

    Args:
        factor: ``lower`` and ``upper``, from 0 to 1; one number ``f`` stands for ``(0, f)``.
        value_range: ``(low, high)`` of the pixels.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> layer = torchkeras.layers.RandomContrast((0.5, 0.5), seed=1)
        >>> x = torch.tensor([[[100.0], [120.0]]])
        >>> layer(x).mean()
        tensor(110.)
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor=factor, value_range=value_range, seed=seed, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"contrast_factor": (batch, 1, 1, 1)}``."""
        if not training:
            return None
        lower, upper = self.factor
        return {"contrast_factor": self._each(data, (1 - lower, 1 + upper), seed)}

    def _change(self, x, transformation):
        mean = x.mean((self.height_axis, self.width_axis), keepdim=True)
        return self._clip(torch.lerp(mean, x, per_image(transformation["contrast_factor"], x)))


class RandomColorDegeneration(RandomColour):
    """Makes colours duller in training: mixes images with their grey version.

    ``clip(x + factor * (grey(x) - x), low, high)``: 0 changes nothing, 1 makes grey.

    Args:
        factor: Lower and upper bound of what is drawn, from -1 to 1; ``f`` stands for ``(-f, f)``.
        value_range: ``(low, high)`` of the pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)`` of 1 or 3 channels, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, a range that is no pair of numbers, or other
            numbers of channels.

    Example:
        >>> layer = torchkeras.layers.RandomColorDegeneration((1.0, 1.0))
        >>> layer(torch.tensor([[[100.0, 0.0, 0.0]]]))
        tensor([[[29.8900, 29.8900, 29.8900]]])
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"factor": (batch, 1, 1, 1)}``."""
        return {"factor": self._each(data, self.factor, seed)} if training else None

    def _change(self, x, transformation):
        factor = per_image(transformation["factor"], x)
        return self._clip(torch.lerp(x, grey(x, self.channel_axis), factor))


class RandomGrayscale(RandomImageLayer):
    """Makes some images grey in training, with as many channels as before.

    Args:
        factor: The chance of an image, from 0 to 1.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)`` of 1 or 3 channels, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or other numbers of channels.

    Example:
        >>> torchkeras.layers.RandomGrayscale(1.0)(torch.tensor([[[100.0, 0.0, 0.0]]]))
        tensor([[[29.8900, 29.8900, 29.8900]]])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        if not isinstance(factor, (int, float)) or not 0 <= factor <= 1:
            raise ValueError(f"`factor` should be between 0 and 1. Received: factor={factor}")
        self.factor = factor

    def get_random_transformation(self, data, training=True, seed=None):
        """``(batch, 1, 1, 1)``: whether each image gets grey."""
        if not training:
            return None
        images, batch = batch_of(data)
        return self._uniform((batch, 1, 1, 1), 0, 1, images, seed) < self.factor

    def transform_images(self, images, transformation, training=True):
        images = self._to_compute(images)
        if not training or transformation is None:
            return images
        dull = as_before(grey(to_float(images), self.channel_axis), images.dtype)
        return torch.where(per_image(transformation, images), dull, images)


class RandomHue(RandomColour):
    """Turns the hue of colours in training, by up to half a circle to either side.

    The hue moves by ``factor / 2`` of the circle, up or down.

    Args:
        factor: Lower and upper bound of what is drawn, from 0 to 1; ``f`` stands for ``(0, f)``.
        value_range: ``(low, high)`` of the pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)`` of 3 channels, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, a range that is no pair of numbers, or another
            number of channels.

    Example:
        >>> layer = torchkeras.layers.RandomHue((1.0, 1.0), value_range=(0, 1))
        >>> layer(torch.tensor([[[1.0, 0.0, 0.0]]]))
        tensor([[[0., 1., 1.]]])
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"factor": (batch,)}``: by which part of the circle the hue moves."""
        if not training:
            return None
        images, batch = batch_of(data)
        draws, side = self._uniform((2, batch), 0, 1, images, seed)
        low, high = self.factor
        half = (draws * (high - low) + low) / 2
        return {"factor": torch.where(side < 0.5, -half, half)}

    def _change(self, x, transformation):
        _three_channels(x, self.channel_axis)
        dtype: Any = x.dtype
        x = self._transform_value_range(x, self.value_range, (0, 1), dtype)
        hsv = to_hsv(x.movedim(self.channel_axis, 1))
        turn = per_image(transformation["factor"], x)
        hue = (hsv[:, :1] + turn) % 1
        x = from_hsv(torch.cat([hue, hsv[:, 1:]], 1)).movedim(1, self.channel_axis)
        return self._transform_value_range(x, (0, 1), self.value_range, dtype)


class RandomSaturation(RandomColour):
    """Makes colours paler or stronger in training: multiplies their saturation.

    The multiplier is ``f / (1 - f)`` for a drawn ``f``: 0 makes grey, 0.5 changes nothing, 1
    saturates fully. No saturation gets below 0 or above 1.

    Args:
        factor: Lower and upper bound of ``f``, to be chosen from 0 to 1 (-1 is allowed); one
            number stands for ``(-f, f)``.
        value_range: ``(low, high)`` of the pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)`` of 3 channels, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, a range that is no pair of numbers, or another
            number of channels.

    Example:
        >>> layer = torchkeras.layers.RandomSaturation((0.0, 0.0))
        >>> layer(torch.tensor([[[100.0, 20.0, 0.0]]]))
        tensor([[[100., 100., 100.]]])
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"factor": (batch,)}``: the multiplier."""
        if not training:
            return None
        f = self._each(data, self.factor, seed, axes=())
        return {"factor": f / (1 - f + 1e-7)}

    def _change(self, x, transformation):
        # With hue and value kept, the distance to the largest channel grows as the saturation.
        _three_channels(x, self.channel_axis)
        value = x.amax(self.channel_axis, keepdim=True)
        spread = value - x.amin(self.channel_axis, keepdim=True)
        most = (value - self.value_range[0]) / spread  # where the saturation is 1
        factor = per_image(transformation["factor"], x).clamp(min=0)
        factor = torch.where(spread > 0, torch.minimum(factor, most), 1)
        return self._clip(value + (x - value) * factor)


class RandomSharpness(RandomColour):
    """Blurs or sharpens images in training.

    ``clip(blur + 2 * factor * (x - blur), low, high)`` with the mean ``blur`` of a pixel (of
    weight 5) and its 8 neighbours: 0 blurs, 0.5 changes nothing, 1 sharpens.

    Args:
        factor: Lower and upper bound of what is drawn, from 0 to 1; ``f`` stands for ``(0, f)``.
        value_range: ``(low, high)`` of the pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> x = torch.zeros(3, 3, 1)
        >>> x[1, 1] = 130.0
        >>> torchkeras.layers.RandomSharpness((0.0, 0.0))(x)[..., 0]
        tensor([[10., 10., 10.],
                [10., 50., 10.],
                [10., 10., 10.]])
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"factor": (batch,)}``."""
        return {"factor": self._each(data, self.factor, seed, axes=())} if training else None

    def _change(self, x, transformation):
        channels_second = x.movedim(self.channel_axis, 1)
        # Zeros are beyond the edges; the nine weights sum to 9 + 4.
        total = F.avg_pool2d(channels_second, 3, 1, 1, divisor_override=1)
        blur = ((total + 4 * channels_second) / 13).movedim(1, self.channel_axis)
        return self._clip(torch.lerp(blur, x, 2 * per_image(transformation["factor"], x)))


class RandomInvert(RandomColour):
    """Turns some images into their negatives in training: ``high - x``.

    The chance of an image is drawn from ``factor``.

    Args:
        factor: Lower and upper bound of the chance, from 0 to 1; ``f`` stands for ``(0, f)``.
        value_range: ``(low, high)`` of the pixels. Only ``high`` counts: with a ``low`` other than
            0 negatives leave the range, as they do in Keras.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> torchkeras.layers.RandomInvert((1.0, 1.0))(torch.tensor([[[0.0, 55.0, 255.0]]]))
        tensor([[[255., 200.,   0.]]])
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, seed=seed, data_format=data_format, **kwargs
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"apply_inversion": (batch,)}``: whether each image is inverted."""
        return {"apply_inversion": self._chance(data, seed)} if training else None

    def _change(self, x, transformation):
        apply = per_image(transformation["apply_inversion"], x)
        return torch.where(apply, self.value_range[1] - x, x)


class RandomGaussianBlur(RandomColour):
    """Smooths some images with a bell curve in training; zeros are beyond the edges.

    The chance of an image is drawn from ``factor``, the widths of its bell curve along its width
    and its height from ``sigma``.

    Args:
        factor: Lower and upper bound of the chance, from 0 to 1; ``f`` stands for ``(0, f)``.
        kernel_size: Width and height of the window, odd; or one number for both.
        sigma: Lower and upper bound of the standard deviation, in pixels; a number up to 1 stands
            for ``(0, sigma)``.
        value_range: ``(low, high)`` of the pixels, to which the results are cut.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for bounds that are none, an even window, or a range that is no pair.

    Example:
        >>> layer = torchkeras.layers.RandomGaussianBlur((1.0, 1.0), kernel_size=5)
        >>> layer(torch.full((9, 9, 1), 100.0))[4, 4].round()
        tensor([100.])
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor=1.0,
        kernel_size=3,
        sigma=1.0,
        value_range=(0, 255),
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )
        self.kernel_size = self._odd(kernel_size)
        self.sigma = self._widths(sigma)

    def _odd(self, value):
        if isinstance(value, (tuple, list)) and len(value) != 2:
            raise ValueError(
                "The `kernel_size` argument should be a number (or a list of two numbers) "
                f"Received: kernel_size={value}"
            )
        pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
        if not all(_checks.is_positive_int(n) and n % 2 for n in pair):
            raise ValueError(f"kernel_size must be an odd number. Received: kernel_size={value}")
        return pair

    def _widths(self, value):
        if not isinstance(value, (tuple, list)):
            return self._factor("sigma", value)
        if len(value) != 2 or not all(isinstance(s, (int, float)) and s >= 0 for s in value):
            raise ValueError(
                "The `sigma` argument should be a number (or a list of two numbers) in the range "
                f"[0, 1]. Received: sigma={value}. Pairs may be larger, but not negative."
            )
        return tuple(sorted(value))

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"should_apply_blur": (batch,), "blur_factor": (batch, 2)}``: standard deviations."""
        if not training:
            return None
        images, batch = batch_of(data)
        apply, chance, wide, high = self._uniform((4, batch), 0, 1, images, seed)
        low, up = self.factor
        least, most = self.sigma
        return {
            "should_apply_blur": apply < chance * (up - low) + low,
            "blur_factor": torch.stack([wide, high], 1) * (most - least) + least,
        }

    def _change(self, x, transformation):
        """As drawn; ``"blur_factor"`` may be two numbers for the whole batch, too."""
        y = x.movedim(self.channel_axis, 1)
        batch, channels, height, width = y.shape
        y = y.reshape(1, batch * channels, height, width)
        # The smallest width still leaves an image as it is; 0 would divide 0 by 0.
        sigma = torch.as_tensor(transformation["blur_factor"], device=x.device).to(x.dtype)
        sigma = sigma.clamp(min=1e-6).expand(batch, 2)
        for n, s, axis in zip(self.kernel_size, sigma.unbind(1), (3, 2)):
            weights = _windows(n, s, x).repeat_interleave(channels, 0)
            shape = [batch * channels, 1, 1, 1]
            shape[axis] = n
            padding = (0, n // 2) if axis == 3 else (n // 2, 0)
            y = F.conv2d(y, weights.reshape(shape), padding=padding, groups=batch * channels)
        y = y.reshape(batch, channels, height, width).movedim(1, self.channel_axis)
        apply = per_image(transformation["should_apply_blur"], x)
        return self._clip(torch.where(apply, y, x))


def _windows(size, sigma, like):
    """A bell curve for each of ``sigma``: ``(batch, size)``."""
    return torch.vmap(lambda s: gaussian_window(size, s, like))(sigma)


class RandomColorJitter(RandomColour):
    """Changes brightness, contrast, saturation and hue of images in training, in this order.

    Args:
        value_range: ``(low, high)`` of the pixels.
        brightness_factor: As `RandomBrightness` takes; ``None`` leaves the brightness as it is.
        contrast_factor: As `RandomContrast` takes.
        saturation_factor: As `RandomSaturation` takes.
        hue_factor: As `RandomHue` takes.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> layer = torchkeras.layers.RandomColorJitter(
        ...     brightness_factor=(0.2, 0.2), saturation_factor=(0.0, 0.0)
        ... )
        >>> layer(torch.tensor([[[100.0, 20.0, 0.0]]]))
        tensor([[[151., 151., 151.]]])
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(value_range=value_range, seed=seed, data_format=data_format, **kwargs)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        shared: dict = {
            "value_range": self.value_range,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
            "seed": seed,
        }
        # The order is that in which they are applied.
        kinds = {
            "random_brightness": (RandomBrightness, brightness_factor),
            "random_contrast": (RandomContrast, contrast_factor),
            "random_saturation": (RandomSaturation, saturation_factor),
            "random_hue": (RandomHue, hue_factor),
        }
        self._steps = {
            name: kind(factor, **shared)
            for name, (kind, factor) in kinds.items()
            if factor is not None
        }

    def get_random_transformation(self, data, training=True, seed=None):
        """What each step draws, by name."""
        if not training:
            return None
        seed = self._stream if seed is None else seed
        return {
            name: step.get_random_transformation(data, training, seed)
            for name, step in self._steps.items()
        }

    def _change(self, x, transformation):
        for name, step in self._steps.items():
            x = step._change(x, transformation[name])
        return x
