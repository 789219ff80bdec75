"""Layers that look at which values an image has, or that have few of them."""

import torch
import torch.nn.functional as F

from torchkeras import _checks
from torchkeras.layers._preprocessing._colour import FixedColour, RandomColour, per_image
from torchkeras.layers._preprocessing._image import batch_of

_BINS = 256


class AutoContrast(FixedColour):
    """Stretches each channel of an image over the whole value range, in training or not.

    The smallest value becomes ``low``, the largest ``high``; a channel of one value stays.

    Args:
        value_range: ``(low, high)`` of the pixels.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a range that is no pair of numbers.

    Example:
        >>> torchkeras.layers.AutoContrast()(torch.tensor([[[10.0], [20.0], [60.0]]]))[..., 0]
        tensor([[  0.,  51., 255.]])
    """

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(value_range=value_range, **kwargs)

    def _change(self, x):
        low, high = self.value_range
        axes = (self.height_axis, self.width_axis)
        least, most = x.amin(axes, keepdim=True), x.amax(axes, keepdim=True)
        spread = most - least
        some = spread > 0
        part = (x - least) / torch.where(some, spread, 1)
        return torch.where(some, part * (high - low) + low, x)


class Solarization(RandomColour):
    """Inverts what is bright in images in training.

    ``y = x + addition`` becomes ``high - (y - low)`` where it is not below the threshold; then it
    is cut to the range.

    Args:
        addition_factor: Lower and upper bound of the addition, as a part of the range, from 0 to
            1; ``f`` stands for ``(0, f)``.
        threshold_factor: Lower and upper bound of the threshold, likewise.
        value_range: ``(low, high)`` of the pixels.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Example:
        >>> layer = torchkeras.layers.Solarization(threshold_factor=(0.5, 0.5))
        >>> layer(torch.tensor([[[100.0, 200.0, 255.0]]]))
        tensor([[[100.,  55.,   0.]]])
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        addition_factor=0.0,
        threshold_factor=0.0,
        value_range=(0, 255),
        seed=None,
        **kwargs,
    ):
        super().__init__(value_range=value_range, seed=seed, **kwargs)
        self.addition_factor = self._part("addition_factor", addition_factor)
        self.threshold_factor = self._part("threshold_factor", threshold_factor)

    def _part(self, name, value):
        try:
            return self._factor(name, value)
        except ValueError:
            raise ValueError(
                "The `addition_factor` and `threshold_factor` arguments should be a number (or a "
                f"list of two numbers) in the range [0, 1]. Received: {name}={value}"
            ) from None

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"additions": (batch, 1, 1, 1), "thresholds": ...}``, of a range from 0 to 255."""
        if not training:
            return None
        images, batch = batch_of(data)
        draws = self._uniform((2, batch, 1, 1, 1), 0, 1, images, seed)
        bounds = (self.addition_factor, self.threshold_factor)
        parts = [u * (high - low) + low for u, (low, high) in zip(draws, bounds)]
        return {"additions": parts[0] * 255, "thresholds": parts[1] * 255}

    def _change(self, x, transformation):
        y = self._transform_value_range(x, self.value_range, (0, 255), x.dtype)
        y = y + per_image(transformation["additions"], x)
        y = torch.where(y < per_image(transformation["thresholds"], x), y, 255 - y).clamp(0, 255)
        return self._transform_value_range(y, (0, 255), self.value_range, x.dtype)


class RandomPosterization(RandomColour):
    """Keeps only the first bits of each value in training.

    ``floor(x / 2^s) * 2^s`` for values from 0 to 255 and ``s = 8 - bits``.

    Args:
        factor: Lowest number of bits and a bound above the highest, integers from 1 to 8; equal
            ones stand for just this number, and one number ``f`` for ``(1, f)``.
        value_range: ``(low, high)`` of the pixels.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer, for the same draws each time.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, or a range that is no pair of numbers.

    Reference: `Cubuk et al., 2018 <https://arxiv.org/abs/1805.09501>`_

    Example:
        >>> layer = torchkeras.layers.RandomPosterization((2, 2))
        >>> layer(torch.tensor([[[63.0, 64.0, 255.0]]]))
        tensor([[[  0.,  64., 192.]]])
    """

    _FACTOR_BOUNDS = (1, 8)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(
            factor=factor, value_range=value_range, data_format=data_format, seed=seed, **kwargs
        )

    def _factor(self, name, value):
        whole = value if isinstance(value, (tuple, list)) else (1, value)
        if len(whole) == 2 and all(_checks.is_positive_int(n) and n <= 8 for n in whole):
            return tuple(sorted(whole))
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"[1, 8]. Received: {name}={value}. The numbers must be integers."
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"shift_factor": (batch,)}``: how many bits are lost."""
        if not training:
            return None
        low, high = self.factor
        bits = self._each(data, (low, max(high, low + 1)), seed, axes=()).floor()
        bits = bits.clamp(max=max(high - 1, low))  # rounding may reach the bound
        return {"shift_factor": (8 - bits).to(torch.uint8)}

    def _change(self, x, transformation):
        y = self._transform_value_range(x, self.value_range, (0, 255), x.dtype)
        shift = torch.as_tensor(transformation["shift_factor"], device=x.device)
        step = torch.exp2(shift.to(x.dtype)).reshape(-1, 1, 1, 1)
        y = (y / step).floor() * step
        return self._transform_value_range(y, (0, 255), self.value_range, x.dtype)


def _counts(index, bins):
    """How often each of ``bins`` numbers is along the last axis."""
    # No bincount: it waits for the device.
    counts = index.new_zeros((*index.shape[:-1], bins))
    return counts.scatter_add_(-1, index, torch.ones_like(index))


class Equalization(FixedColour):
    """Spreads the values of each channel evenly over the value range, in training.

    A value becomes ``(cdf(x) - least) / (n - least)``, rounded to 255 steps, with the count
    ``cdf(x)`` of the pixels that are not above ``x`` and the count ``least`` of the darkest. The
    ``n`` pixels are those of the whole batch, as they are in Keras. A channel of one value stays.

    Args:
        value_range: ``(low, high)`` of the pixels.
        bins: How many values are told apart.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a range that is no pair of numbers, or a number of bins that is not
            positive.

    Example:
        >>> x = torch.tensor([[[10.0], [20.0], [60.0], [200.0]]])
        >>> torchkeras.layers.Equalization()(x, training=True)[..., 0]
        tensor([[  0.,  85., 170., 255.]])
    """

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        self.bins = _checks.positive_int("bins", bins)

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return self._to_compute(images)
        return super().transform_images(images, transformation, training)

    def _change(self, x):
        channels_first = x.movedim(self.channel_axis, 0)  # (channels, batch, height, width)
        flat = channels_first.flatten(1)
        scaled = self._transform_value_range(flat, self.value_range, (0, self.bins - 1), x.dtype)
        index = scaled.clamp(0, self.bins - 1).long()
        cdf = _counts(index, self.bins).cumsum(-1)
        total = cdf[:, -1:]
        least = torch.where(cdf > 0, cdf, total).amin(-1, keepdim=True)
        more = total - least
        table = ((cdf - least).to(x.dtype) / more.clamp(min=1).to(x.dtype) * 255).round()
        equal = self._transform_value_range(
            table.gather(-1, index), (0, 255), self.value_range, x.dtype
        )
        equal = torch.where(more > 0, equal, flat)
        return equal.reshape(channels_first.shape).movedim(0, self.channel_axis)


class ContrastLimitedAdaptiveHistogramEqualization(FixedColour):
    """Equalizes the values of each channel by what is near, in training or not (CLAHE).

    An image is cut into tiles. Each has a histogram, cut off at ``clip_limit`` times its mean,
    with what was cut off spread over all values; its cumulative sum is the tile's curve. A pixel
    takes the curves of the four tiles around it, weighted by how near their middles are.

    Args:
        value_range: ``(low, high)`` of the pixels.
        clip_limit: How much the contrast may grow; 0 for any.
        tile_grid_size: How many tiles there are along the height and the width. The last ones
            are filled up with the pixels of the edge.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a range that is no pair of numbers, a negative limit, or a grid that is
            no pair of positive integers.

    Reference: `Zuiderveld, 1994 <https://doi.org/10.1016/B978-0-12-336156-1.50061-6>`_

    Example:
        >>> layer = torchkeras.layers.ContrastLimitedAdaptiveHistogramEqualization(
        ...     clip_limit=0.0, tile_grid_size=(1, 1)
        ... )
        >>> layer(torch.tensor([[[0.0], [20.0], [60.0], [200.0]]]))[..., 0]
        tensor([[  0.,  85., 170., 255.]])
    """

    def __init__(
        self,
        value_range=(0, 255),
        clip_limit=4.0,
        tile_grid_size=(8, 8),
        data_format=None,
        **kwargs,
    ):
        super().__init__(value_range=value_range, data_format=data_format, **kwargs)
        if not isinstance(clip_limit, (int, float)) or clip_limit < 0:
            raise ValueError(
                f"`clip_limit` must be a number that is not negative. Received: {clip_limit!r}"
            )
        self.clip_limit = clip_limit
        self.tile_grid_size = _checks.sizes("tile_grid_size", tile_grid_size, 2)

    def _change(self, x):
        y = self._transform_value_range(x, self.value_range, (0, 255), x.dtype)
        values = y.movedim(self.channel_axis, 1).clamp(0, 255)
        batch, channels, height, width = values.shape
        rows, columns = self.tile_grid_size
        filled = F.pad(values, (0, -width % columns, 0, -height % rows), mode="replicate").long()
        tall, wide = filled.shape[2] // rows, filled.shape[3] // columns
        tiles = filled.reshape(batch, channels, rows, tall, columns, wide)
        curves = self._curves(tiles.transpose(3, 4).flatten(4), x.dtype).flatten(2)

        index = values.long().flatten(2)
        above, below, down = _neighbours(height, tall, rows, x)
        left, right, across = _neighbours(width, wide, columns, x)
        down, across = down[:, None], across[None]

        def curve(row, column):
            tile = row[:, None] * columns + column
            found = curves.gather(2, tile.flatten() * _BINS + index)
            return found.reshape(values.shape)

        upper = torch.lerp(curve(above, left), curve(above, right), across)
        lower = torch.lerp(curve(below, left), curve(below, right), across)
        y = torch.lerp(upper, lower, down).movedim(1, self.channel_axis)
        return self._transform_value_range(y, (0, 255), self.value_range, x.dtype)

    def _curves(self, tiles, dtype):
        """What each value becomes in each tile: ``(batch, channels, rows, columns, 256)``."""
        pixels = tiles.shape[-1]
        counts = _counts(tiles, _BINS).to(dtype)
        if self.clip_limit > 0:
            cut = counts.clamp(max=int(self.clip_limit * pixels / _BINS))
            counts = cut + (pixels - cut.sum(-1, keepdim=True)) / _BINS
        cdf = counts.cumsum(-1)
        first = cdf[..., :1]
        return (cdf - first) / (cdf[..., -1:] - first).clamp(min=1e-6) * 255


def _neighbours(size, tile, count, like):
    """For each pixel of an axis the tiles before and after it, and the weight of the latter."""
    places = torch.arange(size, device=like.device, dtype=like.dtype) / tile - 0.5
    before = places.floor()
    weight = places - before
    before = before.long()
    return before.clamp(min=0), (before + 1).clamp(max=count - 1), weight
