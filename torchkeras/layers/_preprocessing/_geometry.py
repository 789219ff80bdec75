"""Images moved, turned, zoomed, sheared and distorted at random, with their boxes and masks."""

import math
from typing import Any

import torch

from torchkeras import random
from torchkeras.layers._preprocessing._image import RandomImageLayer, batch_of, images_of
from torchkeras.ops import _warp
from torchkeras.ops import image as ops
from torchkeras.ops._convert import as_tensor

_FILL_MODES = ("reflect", "wrap", "constant", "nearest")


def _known(name, value, choices):
    value = str(value).lower()
    if value not in choices:
        raise NotImplementedError(
            f"Unknown `{name}` {value}. Expected of one {choices}. Received: {name}={value!r}"
        )
    return value


class _Moving(RandomImageLayer):
    """Base of layers that move pixels, and boxes and masks with them.

    A subclass writes `_transform_images`, which takes pixels from other places, and `_forward`,
    which says where a point comes to lie.
    """

    _USE_BASE_FACTOR = False

    def _forward(self, transformation, height, width) -> Any:
        """Function of the x and the y of points of a batch, ``(batch, n, points)``."""
        raise NotImplementedError

    def _size_in(self, transformation):
        shape = transformation["input_shape"]
        return shape[self.height_axis], shape[self.width_axis]

    def transform_images(self, images, transformation, training=True):
        training = training and transformation is not None
        return super().transform_images(images, transformation, training)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        masks = as_tensor(segmentation_masks)
        return self._transform_images(masks, transformation, "nearest")

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training or transformation is None:
            return bounding_boxes
        size = self._size_in(transformation)
        return self._moved_boxes(bounding_boxes, size, size, self._forward(transformation, *size))


def _part(transformation, name, like):
    """A part of a transformation, which may be given as an array, beside a tensor."""
    return as_tensor(transformation[name], device=like.device)


def _chosen(which, one, other):
    """``one`` for the samples that ``which`` is true for, ``other`` for the rest."""
    return torch.where(which.reshape(-1, *[1] * (other.ndim - 1)), one, other)


class RandomFlip(_Moving):
    """Mirrors half of the images, in training.

    Args:
        mode: ``"horizontal"`` swaps left and right, ``"vertical"`` top and bottom;
            ``"horizontal_and_vertical"`` both at once.
        seed: Integer for a repeatable stream.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: for another mode.

    Example:
        >>> layer = torchkeras.layers.RandomFlip("horizontal", seed=1)
        >>> layer(torch.tensor([[[1.0], [2.0]]]), training=False).flatten()
        tensor([1., 2.])
    """

    _modes = ("horizontal", "vertical", "horizontal_and_vertical")
    interpolation = None

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in self._modes:
            raise ValueError(f"`mode` must be one of {self._modes}. Received: mode={mode!r}")
        self.mode = mode

    def get_random_transformation(self, data, training=True, seed=None):
        """Which images are mirrored, and their shape."""
        if not training:
            return None
        images = images_of(data)
        shape = (images.shape[0], 1, 1, 1) if len(images.shape) == 4 else (1, 1, 1)
        flips = self._uniform(shape, 0, 1, images, seed) < 0.5
        return {"flips": flips, "input_shape": tuple(images.shape)}

    def _transform_images(self, images, transformation, interpolation):
        axes = {"horizontal": (self.width_axis,), "vertical": (self.height_axis,)}
        mirrored = images.flip(axes.get(self.mode, (self.height_axis, self.width_axis)))
        return torch.where(_part(transformation, "flips", images), mirrored, images)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)

    def _forward(self, transformation, height, width):
        def change(xs, ys):
            which = _part(transformation, "flips", xs)
            if "horizontal" in self.mode:
                xs = _chosen(which, width - xs, xs)
            return xs, _chosen(which, height - ys, ys) if "vertical" in self.mode else ys

        return change


class _Warp(_Moving):
    """Base of layers that take pixels from between others, and from beyond the edges."""

    _fill_modes = _FILL_MODES

    def __init__(self, fill_mode, interpolation, fill_value, **kwargs):
        super().__init__(**kwargs)
        self.fill_mode = _known("fill_mode", fill_mode, self._fill_modes)
        self.interpolation = _known("interpolation", interpolation, ("nearest", "bilinear"))
        self.fill_value = fill_value

    def _affine(self, images, rows, interpolation):
        """Images by a matrix ``[a0, a1, a2, b0, b1, b2]`` of numbers and ``(batch,)`` each."""
        like = next(v for v in rows if isinstance(v, torch.Tensor))
        rows = [v if isinstance(v, torch.Tensor) else like.new_full(like.shape, v) for v in rows]
        zero = torch.zeros_like(like)
        return self._by_matrix(images, torch.stack([*rows, zero, zero], -1), interpolation)

    def _by_matrix(self, images, matrix, interpolation):
        return ops.affine_transform(
            images,
            matrix,
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )


class RandomTranslation(_Warp):
    """Moves each image up or down and to a side, in training.

    Args:
        height_factor: Bounds of the move down, as fractions of the height; one number ``f``
            stands for ``(-f, f)``.
        width_factor: Bounds of the move to the right, as fractions of the width.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"reflect"`` (``b a``, ``d c``),
            ``"wrap"`` (``c d``, ``a b``), ``"nearest"`` (``a a``, ``d d``) or ``"constant"``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        seed: Integer for a repeatable stream.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if a factor is not from -1 to 1.
        NotImplementedError: for another fill mode or interpolation.

    Example:
        >>> torchkeras.layers.RandomTranslation(0.1, 0.2)(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    _FACTOR_BOUNDS = (-1.0, 1.0)

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.height_factor = height_factor
        self.width_factor = width_factor
        bounds = self._factor("height_factor", height_factor, "factor")
        self.height_lower, self.height_upper = bounds
        self.width_lower, self.width_upper = self._factor("width_factor", width_factor, "factor")

    def get_random_transformation(self, data, training=True, seed=None):
        """How many pixels each image is moved to the right and down, and their shape."""
        if not training:
            return None
        images, batch = batch_of(data)
        height, width = self._size(images)
        right = self._uniform((batch,), self.width_lower, self.width_upper, images, seed) * width
        down = self._uniform((batch,), self.height_lower, self.height_upper, images, seed)
        moves = torch.stack([right, down * height], -1)
        return {"translations": moves, "input_shape": tuple(images.shape)}

    def _transform_images(self, images, transformation, interpolation):
        right, down = _part(transformation, "translations", images).unbind(-1)
        return self._affine(images, (1.0, 0.0, -right, 0.0, 1.0, -down), interpolation)

    def _forward(self, transformation, height, width):
        def change(xs, ys):
            moves = _part(transformation, "translations", xs).reshape(-1, 2, 1, 1).to(xs)
            return xs + moves[:, 0], ys + moves[:, 1]

        return change


class RandomRotation(_Warp):
    """Turns each image around its middle, in training.

    Args:
        factor: Bounds of the angle, as fractions of a full turn against the clock; one number
            ``f`` stands for ``(-f, f)``.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"reflect"`` (``b a``, ``d c``),
            ``"wrap"`` (``c d``, ``a b``), ``"nearest"`` (``a a``, ``d d``) or ``"constant"``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        seed: Integer for a repeatable stream.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if the factor is not from -1 to 1.
        NotImplementedError: for another fill mode or interpolation.

    Example:
        >>> layer = torchkeras.layers.RandomRotation((0.5, 0.5), interpolation="nearest")
        >>> layer(torch.arange(4.0).reshape(2, 2, 1)).flatten()
        tensor([3., 2., 1., 0.])
    """

    _USE_BASE_FACTOR = True

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            fill_mode,
            interpolation,
            fill_value,
            factor=factor,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )

    def get_random_transformation(self, data, training=True, seed=None):
        """The angle of each image in degrees, the matrix that it stands for, and their shape."""
        if not training:
            return None
        images, batch = batch_of(data)
        height, width = self._size(images)
        low, high = (360.0 * f for f in self.factor)
        angle = self._uniform((batch,), low, high, images, seed)
        turn = angle * (math.pi / 180)
        cos, sin, zero = turn.cos(), turn.sin(), torch.zeros_like(turn)
        x, y = (width - 1) / 2, (height - 1) / 2
        right, down = x - x * cos + y * sin, y - x * sin - y * cos
        matrix = torch.stack([cos, -sin, right, sin, cos, down, zero, zero], -1)
        return {
            "angle": angle,
            "rotation_matrix": matrix if len(images.shape) == 4 else matrix[0],
            "image_height": height,
            "image_width": width,
            "batch_size": batch,
        }

    def _size_in(self, transformation):
        return transformation["image_height"], transformation["image_width"]

    def _transform_images(self, images, transformation, interpolation):
        return self._by_matrix(images, transformation["rotation_matrix"], interpolation)

    def _forward(self, transformation, height, width):
        x, y = (width - 1) / 2, (height - 1) / 2

        def change(xs, ys):
            turn = _part(transformation, "angle", xs).reshape(-1, 1, 1) * (math.pi / 180)
            cos, sin = turn.cos().to(xs), turn.sin().to(xs)
            xs, ys = xs - x, ys - y
            return xs * cos + ys * sin + x, ys * cos - xs * sin + y

        return change


class RandomZoom(_Warp):
    """Zooms in on each image or out of it, in training.

    Args:
        height_factor: Bounds of what is added to the height of the part that is seen, as
            fractions of the height: above 0 zooms out, below 0 zooms in. One number ``f``
            stands for ``(-f, f)``.
        width_factor: The same for the width; ``None`` keeps the form of the image.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"reflect"`` (``b a``, ``d c``),
            ``"wrap"`` (``c d``, ``a b``), ``"nearest"`` (``a a``, ``d d``) or ``"constant"``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        seed: Integer for a repeatable stream.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if a factor is not above -1 and at most 1.
        NotImplementedError: for another fill mode or interpolation.

    Example:
        >>> torchkeras.layers.RandomZoom((-0.2, 0.1))(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_lower, self.height_upper = self._bounds("height_factor", height_factor)
        if width_factor is not None:
            self.width_lower, self.width_upper = self._bounds("width_factor", width_factor)

    def _bounds(self, name, value):
        try:
            low, high = self._factor(name, value)
        except ValueError:
            low = high = -1
        if low <= -1:  # nothing would be seen
            raise ValueError(
                "The `height_factor` and `width_factor` arguments should be a number (or a list "
                f"of two numbers) in the range (-1.0, 1.0]. Received: {name}={value}"
            )
        return low, high

    def get_random_transformation(self, data, training=True, seed=None):
        """The height and the width of the part of each image that is seen, as fractions."""
        if not training:
            return None
        images, batch = batch_of(data)
        low, high = 1 + self.height_lower, 1 + self.height_upper
        height = width = self._uniform((batch, 1), low, high, images, seed)
        if self.width_factor is not None:
            low, high = 1 + self.width_lower, 1 + self.width_upper
            width = self._uniform((batch, 1), low, high, images, seed)
        return {"height_zoom": height, "width_zoom": width, "input_shape": tuple(images.shape)}

    def _transform_images(self, images, transformation, interpolation):
        rows, columns = self._size(images)
        zooms = (_part(transformation, f"{side}_zoom", images) for side in ("height", "width"))
        height, width = (zoom.reshape(-1) for zoom in zooms)
        right, down = (1 - width) * ((columns - 1) / 2), (1 - height) * ((rows - 1) / 2)
        return self._affine(images, (width, 0.0, right, 0.0, height, down), interpolation)

    def _forward(self, transformation, height, width):
        x, y = (width - 1) / 2, (height - 1) / 2

        def change(xs, ys):
            zooms = (_part(transformation, f"{side}_zoom", xs) for side in ("width", "height"))
            columns, rows = (zoom.reshape(-1, 1, 1).to(xs) for zoom in zooms)
            return (xs - x) / columns + x, (ys - y) / rows + y

        return change


class RandomShear(_Warp):
    """Inclines the lines of each image, in training.

    The pixel at ``(x, y)`` is taken from ``(x + a y, y + b x)``.

    Args:
        x_factor: Bounds of the size of ``a``, which has either sign; one number ``f`` stands for
            all sizes up to it.
        y_factor: Bounds of the size of ``b``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"reflect"`` (``b a``, ``d c``),
            ``"wrap"`` (``c d``, ``a b``), ``"nearest"`` (``a a``, ``d d``) or ``"constant"``.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.
        seed: Integer for a repeatable stream.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if a factor is not from 0 to 1.
        NotImplementedError: for another fill mode or interpolation.

    Example:
        >>> torchkeras.layers.RandomShear(0.2, (0.1, 0.3))(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    _FACTOR_BOUNDS = (0, 1.0)

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.x_factor = self._bounds("x_factor", x_factor)
        self.y_factor = self._bounds("y_factor", y_factor)

    def _bounds(self, name, value):
        if isinstance(value, (tuple, list)):
            # A config has what one number stands for.
            if len(value) == 2 and value[0] == -value[1]:
                value = value[1]
            else:
                return self._factor(name, value, "factor")
        _, high = self._factor(name, value, "factor")
        return -high, high

    def get_random_transformation(self, data, training=True, seed=None):
        """The two numbers of each image, and their shape."""
        if not training:
            return None
        images, batch = batch_of(data)
        sizes = [
            self._uniform((batch,), low, high, images, seed)
            for low, high in (self.x_factor, self.y_factor)
        ]
        signs = self._uniform((batch, 2), 0, 1, images, seed)
        shear = torch.stack(sizes, -1) * torch.where(signs < 0.5, -1.0, 1.0)
        return {"shear_factor": shear, "input_shape": tuple(images.shape)}

    def _transform_images(self, images, transformation, interpolation):
        x, y = _part(transformation, "shear_factor", images).unbind(-1)
        return self._affine(images, (1.0, x, 0.0, y, 1.0, 0.0), interpolation)

    def _forward(self, transformation, height, width):
        def change(xs, ys):
            shear = _part(transformation, "shear_factor", xs).reshape(-1, 2, 1, 1).to(xs)
            a, b = shear.unbind(1)
            volume = 1 - a * b
            return (xs - a * ys) / volume, (ys - b * xs) / volume

        return change


class RandomPerspective(_Warp):
    """Shows some of the images as from elsewhere: their corners are moved, in training.

    The coordinates of the corners are multiplied by numbers from ``1 - scale / 2`` to
    ``1 + scale / 2``, so that the corner at ``(0, 0)`` stays.

    Args:
        factor: Bounds of the probability that an image is changed, drawn for each; one number
            ``f`` stands for ``(0, f)``.
        scale: How far the corners are moved, from 0 to 1.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_value: Value beyond the edges.
        seed: Integer for a repeatable stream.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if an argument is not from 0 to 1.
        NotImplementedError: for another interpolation.

    Example:
        >>> torchkeras.layers.RandomPerspective(scale=0.3)(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    _FACTOR_BOUNDS = (0, 1)
    _config_skip = (*RandomImageLayer._config_skip, "fill_mode")

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_value=0.0,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            "constant", interpolation, fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.factor = self._factor("factor", factor)
        if not isinstance(scale, (int, float)) or not 0 <= scale <= 1:
            raise ValueError(
                "The `scale` argument should be a number in the range [0,1]. "
                f"Received: scale={scale}"
            )
        self.scale = scale

    def get_random_transformation(self, data, training=True, seed=None):
        """Which images are changed, where their corners were and where they come to lie."""
        if not training:
            return None
        images, batch = batch_of(data)
        height, width = self._size(images)
        corners = torch.zeros(4, 2, device=images.device)
        corners[1::2, 0], corners[2:, 1] = width - 1, height - 1
        start = corners.expand(batch, 4, 2)
        low, high = 1 - self.scale / 2, 1 + self.scale / 2
        return {
            "apply_perspective": self._some(batch, images, seed),
            "start_points": start,
            "end_points": start * self._uniform((batch, 4, 2), low, high, images, seed),
            "input_shape": tuple(images.shape),
        }

    def _transform_images(self, images, transformation, interpolation):
        moved = ops.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return _chosen(_part(transformation, "apply_perspective", images), moved, images)

    def _forward(self, transformation, height, width):
        def change(xs, ys):
            which = _part(transformation, "apply_perspective", xs)
            ends = (_part(transformation, f"{name}_points", xs) for name in ("start", "end"))
            start, end = (points.to(torch.float32) for points in ends)
            numbers = _warp.homography(end, start).reshape(-1, 8, 1, 1)
            a0, a1, a2, b0, b1, b2, c0, c1 = numbers.to(xs).unbind(1)
            depth = c0 * xs + c1 * ys + 1
            new_xs, new_ys = (a0 * xs + a1 * ys + a2) / depth, (b0 * xs + b1 * ys + b2) / depth
            return _chosen(which, new_xs, xs), _chosen(which, new_ys, ys)

        return change


def _bells(size, sigma, like):
    """A matrix ``(size, size)`` that smooths an axis, with zeros beyond its ends."""
    places = torch.arange(-size, size + 1, dtype=like.dtype, device=like.device)
    bell = torch.exp(-0.5 * (places / sigma.clamp(min=1e-6)) ** 2)
    index = torch.arange(size, device=like.device)
    return (bell / bell.sum())[index - index.unsqueeze(1) + size]


class RandomElasticTransform(_Warp):
    """Moves the pixels of some of the images a little, neighbours alike, in training.

    The moves are a random field that is smoothed with a standard deviation of 0.05 times the
    scale and the smaller side, and multiplied by 0.2 times both. Boxes cannot be moved along.

    Args:
        factor: Bounds of the probability that an image is changed, drawn for each; one number
            ``f`` stands for ``(0, f)``.
        scale: Bounds of the scale, one for a batch; one number ``f`` stands for ``(0, f)``.
        interpolation: ``"nearest"`` or ``"bilinear"``.
        fill_mode: What stands beyond the edges of ``a b c d``: ``"reflect"`` (``b a``, ``d c``),
            ``"mirror"`` (``c b``, ``c b``), ``"wrap"`` (``c d``, ``a b``), ``"nearest"``
            (``a a``, ``d d``) or ``"constant"``.
        fill_value: Value beyond the edges where ``fill_mode`` is ``"constant"``.
        value_range: Lowest and highest value of the result.
        seed: Integer for a repeatable stream.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or without batch; or a dict
        outputs: the same

    Raises:
        ValueError: if the factor or the scale is not from 0 to 1.
        NotImplementedError: for another fill mode or interpolation, or for boxes.

    Reference: `Simard et al., 2003 <https://doi.org/10.1109/ICDAR.2003.1227801>`_

    Example:
        >>> torchkeras.layers.RandomElasticTransform(scale=0.5)(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    _FACTOR_BOUNDS = (0, 1)
    _fill_modes = (*_FILL_MODES, "mirror")

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs
        )
        self.factor = self._factor("factor", factor)
        self.scale = self._factor("scale", scale)
        self.value_range = value_range

    def get_random_transformation(self, data, training=True, seed=None):
        """Which images are changed, and how far each pixel is moved down and to the right."""
        if not training:
            return None
        images, batch = batch_of(data)
        low, high = self.scale
        factor = self._uniform((), low, high, images, seed)
        seed = self._stream if seed is None else seed
        return {
            "apply_transform": self._some(batch, images, seed) & (factor > 0),
            "distortion_factor": factor,
            "seed": seed,
            # Drawn here, for images and masks are to be moved alike.
            "moves": self._moves(batch, self._size(images), factor, images, seed),
        }

    def _moves(self, batch, size, factor, images, seed):
        """How far each pixel is moved down and to the right: ``(batch, 2, height, width)``."""
        height, width = size
        alpha, sigma = self.get_elastic_transform_params(height, width, factor)
        source = random._generator(seed, images.device)
        field = torch.randn(batch, 2, height, width, device=images.device, generator=source)
        # As products with matrices: several times as fast as filters that are this wide.
        rows, columns = (_bells(n, sigma, field) for n in size)
        return rows @ field @ columns * alpha

    def get_elastic_transform_params(self, height, width, factor):
        """The size of the moves, and the standard deviation that smooths them."""
        side = min(height, width) * factor
        return side * 0.2, side * 0.05

    def _moved(self, images, transformation, interpolation):
        if "moves" not in transformation:
            factor = _part(transformation, "distortion_factor", images)
            batch = images.shape[0] if images.ndim == 4 else 1
            seed = transformation.get("seed")
            moves = self._moves(batch, self._size(images), factor, images, seed)
            transformation = {**transformation, "moves": moves}
        down, right = _part(transformation, "moves", images).unbind(1)
        return _warp.warped(
            images,
            self.data_format,
            interpolation,
            self.fill_mode,
            self.fill_value,
            lambda rows, columns, x: (rows + down.to(rows), columns + right.to(rows)),
        )

    def _transform_images(self, images, transformation, interpolation):
        moved = self._moved(images, transformation, interpolation)
        return _chosen(_part(transformation, "apply_transform", images), moved, images)

    def transform_images(self, images, transformation, training=True):
        images = self._to_compute(images)
        if not training or transformation is None:
            return images
        low, high = self.value_range
        moved = self._moved(images, transformation, self.interpolation).clamp(low, high)
        return _chosen(_part(transformation, "apply_transform", images), moved, images)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        raise self._lacks("transform_bounding_boxes")
