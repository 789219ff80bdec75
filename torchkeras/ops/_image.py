"""Sizes, patches, colours, filters and similarity of images."""

import torch
from torch.nn import functional as F

from torchkeras import _checks, config
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import promoted, tensor
from torchkeras.ops._op import op

_MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic"}
_LANCZOS = {"lanczos3": 3, "lanczos5": 5}
# Parts of red, green and blue in the brightness that is seen (ITU-R BT.601).
_BRIGHTNESS = (0.2989, 0.5870, 0.1140)


def _rank(images):
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )


def channels_second(images, data_format):
    """A batch with channels second, and a function that gives results the form of ``images``.

    Raises:
        ValueError: if ``images`` has not 3 or 4 axes.
    """
    _rank(images)
    last = config.standardize_data_format(data_format) == "channels_last"
    single = images.ndim == 3
    x = images.unsqueeze(0) if single else images
    x = x.permute(0, 3, 1, 2) if last else x

    def back(result):
        result = result.permute(0, 2, 3, 1) if last else result
        return result[0] if single else result

    return x, back


def to_float(x):
    """``x`` in float32, where its element type has no kernels or too few bits; or as it is."""
    return x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float32)


def as_before(x, dtype):
    """``x`` in the element type of the image that it was made from, rounded for integers."""
    if x.dtype is dtype:
        return x
    if dtype.is_floating_point or dtype is torch.bool:
        return x.to(dtype)
    limits = torch.iinfo(dtype)
    return x.round().clamp(limits.min, limits.max).to(dtype)


def _channel_axis(data_format):
    return -1 if config.standardize_data_format(data_format) == "channels_last" else -3


def _size(size):
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(
            f"Expected `size` to be a tuple of 2 integers (height, width). Received: size={size}"
        )
    if not all(_checks.is_positive_int(n) for n in size):
        raise ValueError(
            f"`size` must have positive height and width, both integers. Received: size={size}"
        )
    return int(size[0]), int(size[1])


@op
def resize(
    images,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Images of another size.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        size: ``(height, width)`` of the result.
        interpolation: ``"nearest"``, ``"bilinear"``, ``"bicubic"``, ``"lanczos3"`` or
            ``"lanczos5"``.
        antialias: Whether an image that shrinks is smoothed first; Lanczos filters always are.
        crop_to_aspect_ratio: Whether the largest part of the form of ``size`` is taken first.
        pad_to_aspect_ratio: Whether the image is first padded to the form of ``size``.
        fill_mode: ``"constant"``.
        fill_value: Value of the padding.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for an unknown interpolation, another rank, or both aspect ratio options.

    Example:
        >>> torchkeras.ops.image.resize(torch.ones(2, 8, 6, 3), (4, 4)).shape
        torch.Size([2, 4, 4, 3])
    """
    interpolation = str(interpolation).lower()
    _checks.one_of("interpolation", interpolation, (*_MODES, *_LANCZOS))
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    height, width = _size(size)
    images = tensor(images)
    x, back = channels_second(images, data_format)
    h, w = x.shape[2:]
    # The sizes of the part, or of the padded image, that has the form of `size`.
    fitted_h, fitted_w = int(w * height / width), int(h * width / height)
    if crop_to_aspect_ratio:
        new_h, new_w = min(h, max(fitted_h, 1)), min(w, max(fitted_w, 1))
        top, left = (h - new_h) // 2, (w - new_w) // 2
        x = x[:, :, top : top + new_h, left : left + new_w]
    elif pad_to_aspect_ratio:  # the same on both sides, as Keras does
        rows, columns = max(fitted_h - h, 0) // 2, max(fitted_w - w, 0) // 2
        x = F.pad(x, (columns, columns, rows, rows), value=fill_value)
    if x.shape[2:] == (height, width):
        return back(x)
    x = to_float(x)
    if interpolation in _LANCZOS:
        for axis, (old, new) in ((2, (x.shape[2], height)), (3, (x.shape[3], width))):
            weights = resampling_weights(old, new, new / old, 0.0, interpolation, True, x)
            x = torch.movedim(torch.movedim(x, axis, -1) @ weights, -1, axis)
    else:
        smooth = antialias and interpolation != "nearest"
        x = F.interpolate(x, (height, width), mode=_MODES[interpolation], antialias=smooth)
    return back(as_before(x, images.dtype))


def _new_size(kind, axis, size, first, last, target):
    """The size of an axis after cropping or padding its two sides; ``None`` if unknown."""
    sides = ("top", "bottom", "height") if axis == 0 else ("left", "right", "width")
    names = (f"{sides[0]}_{kind}", f"{sides[1]}_{kind}", f"target_{sides[2]}")
    given = dict(zip(names, (first, last, target)))
    if sum(value is not None for value in given.values()) != 2:
        raise ValueError(
            f"Must specify exactly two of {', '.join(names)}. Received: "
            + ", ".join(f"{name}={value}" for name, value in given.items())
        )
    if size is None and target is None and kind == "cropping":
        raise ValueError(
            f"When the {sides[2]} of the images is unknown, `{names[2]}` must be specified. "
            f"Received: {names[2]}=None"
        )
    for name, value in given.items():
        if value is not None and value < 0:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    sign = 1 if kind == "padding" else -1
    if size is not None:  # the third number follows
        if target is None:
            given[names[2]] = size + sign * (first + last)
        elif first is None:
            given[names[0]] = sign * (target - size) - last
        else:
            given[names[1]] = sign * (target - size) - first
        for name, value in given.items():
            if value < 0:
                raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    return given[names[2]], given[names[0]], given[names[1]]


def _sides_rule(kind):
    def rule(images, top=None, left=None, bottom=None, right=None, height=None, width=None, **more):
        given = {"height": height, "width": width, "top": top, "left": left}
        given |= {"bottom": bottom, "right": right}
        for name in list(given):  # the names that the function has
            full = f"target_{name}" if name in ("height", "width") else f"{name}_{kind}"
            given[name] = more.pop(full, given[name])
        shape = list(images.shape)
        _rank(images)
        last = config.standardize_data_format(more.get("data_format")) == "channels_last"
        rows = -3 if last else -2
        for i, names in enumerate((("top", "bottom", "height"), ("left", "right", "width"))):
            numbers = [given[name] for name in names]
            shape[rows + i] = _new_size(kind, i, shape[rows + i], *numbers)[0]
        return KerasTensor(shape, images.dtype)

    return rule


@op(rule=_sides_rule("cropping"))
def crop_images(
    images,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """A rectangle of each image; for each axis two of three numbers are given.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        top_cropping: Rows left out above.
        left_cropping: Columns left out on the left.
        bottom_cropping: Rows left out below.
        right_cropping: Columns left out on the right.
        target_height: Rows of the result.
        target_width: Columns of the result.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: unless two of three numbers are given for an axis, none negative.

    Example:
        >>> torchkeras.ops.image.crop_images(torch.ones(5, 6, 1), 1, 2, 1, 2).shape
        torch.Size([3, 2, 1])
    """
    x, back = channels_second(tensor(images), data_format)
    rows = (top_cropping, bottom_cropping, target_height)
    columns = (left_cropping, right_cropping, target_width)
    height, top, _ = _new_size("cropping", 0, x.shape[2], *rows)
    width, left, _ = _new_size("cropping", 1, x.shape[3], *columns)
    return back(x[:, :, top : top + height, left : left + width])


@op(rule=_sides_rule("padding"))
def pad_images(
    images,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
):
    """Images with zeros around them; for each axis two of three numbers are given.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        top_padding: Rows of zeros above.
        left_padding: Columns of zeros on the left.
        bottom_padding: Rows of zeros below.
        right_padding: Columns of zeros on the right.
        target_height: Rows of the result.
        target_width: Columns of the result.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: unless two of three numbers are given for an axis, none negative.

    Example:
        >>> torchkeras.ops.image.pad_images(torch.ones(5, 6, 1), 1, 2, 1, 2).shape
        torch.Size([7, 10, 1])
    """
    x, back = channels_second(tensor(images), data_format)
    rows = (top_padding, bottom_padding, target_height)
    columns = (left_padding, right_padding, target_width)
    _, top, bottom = _new_size("padding", 0, x.shape[2], *rows)
    _, left, right = _new_size("padding", 1, x.shape[3], *columns)
    return back(F.pad(x, (left, right, top, bottom)))


def _patches(x, size, strides, dilation_rate, padding, spatial):
    """Windows of ``(batch, channels, *sizes)``: ``(batch, *counts, *size, channels)``."""
    size = _checks.sizes("size", size, spatial)
    strides = size if strides is None else _checks.sizes("strides", strides, spatial)
    dilation = _checks.sizes("dilation_rate", dilation_rate, spatial)
    _checks.one_of("padding", str(padding).lower(), ("valid", "same"))
    if str(padding).lower() == "same":
        pads = []
        for n, k, s, d in zip(x.shape[2:], size, strides, dilation):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pads = [total // 2, total - total // 2, *pads]
        x = F.pad(x, pads)
    for axis, (k, s, d) in enumerate(zip(size, strides, dilation), 2):
        reach = (k - 1) * d + 1
        if x.shape[axis] < reach:
            raise ValueError(
                f"`size` must not be larger than the images. Received: size={size}, "
                f"dilation_rate={dilation} for {tuple(x.shape[2:])} pixels"
            )
        x = x.unfold(axis, reach, s)[..., ::d]
    counts = range(2, 2 + spatial)
    return x.permute(0, *counts, *range(2 + spatial, 2 + 2 * spatial), 1)


def _extract(images, size, strides, dilation_rate, padding, data_format, spatial):
    if images.ndim not in (spatial + 1, spatial + 2):
        what = "volume" if spatial == 3 else "image"
        raise ValueError(
            f"Invalid {what}s rank: expected rank {spatial + 1} (single {what}) or rank "
            f"{spatial + 2} (batch of {what}s). Received input with shape: "
            f"{what}s.shape={tuple(images.shape)}"
        )
    last = config.standardize_data_format(data_format) == "channels_last"
    single = images.ndim == spatial + 1
    x = images.unsqueeze(0) if single else images
    patches = _patches(
        x.movedim(-1, 1) if last else x, size, strides, dilation_rate, padding, spatial
    )
    patches = patches.flatten(spatial + 1)
    patches = patches if last else patches.movedim(-1, 1)
    return patches[0] if single else patches


@op
def extract_patches(images, size, strides=None, dilation_rate=1, padding="valid", data_format=None):
    """Windows of images (or, for a ``size`` of three numbers, of volumes), each flattened.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        size: Height and width of a window.
        strides: Steps between windows; default ``size``: they do not overlap.
        dilation_rate: Distance between the pixels of a window.
        padding: ``"valid"``, or ``"same"`` for zeros around.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        TypeError: if ``size`` is no number or tuple.
        ValueError: for another rank, or a window larger than the image.

    Example:
        >>> torchkeras.ops.image.extract_patches(torch.ones(2, 20, 20, 3), (5, 5)).shape
        torch.Size([2, 4, 4, 75])
    """
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple. "
            f"Received: size={size} of type {type(size).__name__}"
        )
    spatial = 2 if isinstance(size, int) else len(size)
    if spatial not in (2, 3):
        raise ValueError(
            "Invalid `size` argument. Expected a tuple of length 2 or 3. "
            f"Received: size={size} with length {spatial}"
        )
    return _extract(tensor(images), size, strides, dilation_rate, padding, data_format, spatial)


@op
def extract_patches_3d(
    volumes, size, strides=None, dilation_rate=1, padding="valid", data_format=None
):
    """Windows of volumes, each flattened.

    Args:
        volumes: ``(depth, height, width, channels)``, or a batch of them.
        size: Depth, height and width of a window.
        strides: Steps between windows; default ``size``: they do not overlap.
        dilation_rate: Distance between the values of a window.
        padding: ``"valid"``, or ``"same"`` for zeros around.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, or a window larger than the volume.

    Example:
        >>> torchkeras.ops.image.extract_patches_3d(torch.ones(2, 9, 9, 9, 1), 3).shape
        torch.Size([2, 3, 3, 3, 27])
    """
    if not (isinstance(size, int) or (isinstance(size, (tuple, list)) and len(size) == 3)):
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple of length 3. "
            f"Received: size={size}"
        )
    return _extract(tensor(volumes), size, strides, dilation_rate, padding, data_format, 3)


def _colours(images, channels):
    """Refuses an image whose channels are not those of a colour."""
    if images.shape[channels] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )


@op
def rgb_to_grayscale(images, data_format=None):
    """The brightness of colours: ``0.2989 red + 0.5870 green + 0.1140 blue``.

    Args:
        images: ``(height, width, 3)``, or a batch of them; grey ones are returned as they are.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, or channels that are not 1 or 3.

    Example:
        >>> torchkeras.ops.image.rgb_to_grayscale(torch.ones(4, 4, 3)).shape
        torch.Size([4, 4, 1])
    """
    images = tensor(images)
    x, back = channels_second(images, data_format)
    _colours(images, _channel_axis(data_format))
    if x.shape[1] == 1:
        return images
    x = to_float(x)
    parts = torch.tensor(_BRIGHTNESS, dtype=x.dtype, device=x.device)
    grey = torch.einsum("nchw,c->nhw", x, parts).unsqueeze(1)
    return back(grey.to(images.dtype))


def _float_colours(images, channels):
    if images.shape[channels] != 3:
        raise ValueError(
            f"Input images must have 3 channels, but received images with {images.shape[channels]} "
            f"channels. Received: images.shape={tuple(images.shape)}"
        )
    if not images.dtype.is_floating_point:
        raise ValueError(
            "Invalid images dtype: expected float dtype. "
            f"Received: images.dtype={str(images.dtype).removeprefix('torch.')}"
        )


def to_hsv(x):
    """Hue, saturation and value of ``(batch, 3, height, width)``."""
    red, green, blue = x.unbind(1)
    value = x.amax(1)
    spread = value - x.amin(1)
    some = spread > 0
    safe = torch.where(some, spread, 1)
    saturation = torch.where(value > 0, spread / torch.where(value > 0, value, 1), 0)
    # Sixths of the circle: red is 0, green 2, blue 4.
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = torch.where(some, hue / 6 % 1, 0)
    return torch.stack([hue, saturation, value], 1)


@op
def rgb_to_hsv(images, data_format=None):
    """Hue, saturation and value of colours, all from 0 to 1.

    Args:
        images: ``(height, width, 3)`` of floats from 0 to 1, or a batch of them.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, or integers.

    Reference: `Smith, 1978 <https://doi.org/10.1145/965139.807361>`_

    Example:
        >>> torchkeras.ops.image.rgb_to_hsv(torch.tensor([[[0.0, 1.0, 0.0]]]))
        tensor([[[0.3333, 1.0000, 1.0000]]])
    """
    images = tensor(images)
    x, back = channels_second(images, data_format)
    _float_colours(images, _channel_axis(data_format))
    return back(to_hsv(x))


def from_hsv(x):
    """Red, green and blue of ``(batch, 3, height, width)``."""
    hue, saturation, value = x.unbind(1)
    # How far each colour is from its place on the circle, in sixths: 0 is full, 1 is none.
    offsets = torch.tensor([5.0, 3.0, 1.0], dtype=x.dtype, device=x.device).reshape(1, 3, 1, 1)
    k = (offsets + 6 * hue.unsqueeze(1)) % 6
    part = torch.minimum(k, 4 - k).clamp(0, 1)
    return value.unsqueeze(1) * (1 - saturation.unsqueeze(1) * part)


@op
def hsv_to_rgb(images, data_format=None):
    """Red, green and blue of colours given by hue, saturation and value.

    Args:
        images: ``(height, width, 3)`` of floats from 0 to 1, or a batch of them.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, or integers.

    Reference: `Smith, 1978 <https://doi.org/10.1145/965139.807361>`_

    Example:
        >>> torchkeras.ops.image.hsv_to_rgb(torch.tensor([[[0.5, 1.0, 1.0]]]))
        tensor([[[0., 1., 1.]]])
    """
    images = tensor(images)
    x, back = channels_second(images, data_format)
    _float_colours(images, _channel_axis(data_format))
    return back(from_hsv(x))


def gaussian_window(size, sigma, like):
    """``size`` weights of a bell curve around the middle, with the sum 1."""
    places = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    return weights / weights.sum()


def separable_filter(x, rows, columns, padding):
    """Each channel of ``(batch, channels, height, width)`` under two filters of one axis."""
    channels = x.shape[1]
    if padding == "same":
        sides = []
        for n in (columns.numel(), rows.numel()):
            sides += [(n - 1) // 2, n // 2]
        x = F.pad(x, sides)
    x = F.conv2d(x, rows.reshape(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
    return F.conv2d(x, columns.reshape(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)


def same_rule(images, *args, **kwargs):
    """A rule for functions whose result is shaped like the images."""
    _rank(images)
    return KerasTensor(images.shape, images.dtype)


@op(rule=same_rule)
def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    """Images smoothed with a bell curve; zeros are beyond the edges.

    Args:
        images: ``(height, width, channels)``, or a batch of them.
        kernel_size: Width and height of the window.
        sigma: Standard deviations along the width and the height, in pixels. (Keras' own
            documentation has the height first, its numbers the width.)
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: for another rank, or sizes that are not positive.

    Example:
        >>> torchkeras.ops.image.gaussian_blur(torch.ones(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """
    images = tensor(images)
    x, back = channels_second(images, data_format)
    x = to_float(x)
    kernel_size = _checks.sizes("kernel_size", kernel_size, 2)
    if isinstance(sigma, (int, float)) or getattr(sigma, "ndim", None) == 0:
        sigma = (sigma, sigma)
    columns, rows = (gaussian_window(n, s, x) for n, s in zip(kernel_size, sigma))
    return back(as_before(separable_filter(x, rows, columns, "same"), images.dtype))


@op
def sobel_edges(images, data_format=None):
    """How steeply images rise downward and to the right: the Sobel filters of each channel.

    Zeros are beyond the edges.

    Args:
        images: ``(batch, height, width, channels)``.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: unless there are 4 axes.

    Example:
        >>> torchkeras.ops.image.sobel_edges(torch.ones(1, 8, 8, 2)).shape
        torch.Size([1, 8, 8, 2, 2])
    """
    images = tensor(images)
    if images.ndim != 4:
        raise ValueError(
            "Expected `images` to be a batch of images, of rank 4. "
            f"Received: images.shape={tuple(images.shape)}"
        )
    x, back = channels_second(images, data_format)
    x = F.pad(to_float(x), (1, 1, 1, 1))
    smooth = torch.tensor([1, 2, 1], dtype=x.dtype, device=x.device)
    slope = torch.tensor([-1, 0, 1], dtype=x.dtype, device=x.device)
    down = separable_filter(x, slope, smooth, "valid")
    right = separable_filter(x, smooth, slope, "valid")
    return torch.stack([as_before(back(d), images.dtype) for d in (down, right)], -1)


@op
def ssim(
    image1,
    image2,
    max_val=1.0,
    filter_size=11,
    filter_sigma=1.5,
    k1=0.01,
    k2=0.03,
    data_format=None,
):
    """The structural similarity of images, 1 for equal ones.

    ``(2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1 + s2 + c2))`` with the means ``m``,
    variances ``s`` and covariance ``s12`` of a window around each pixel, averaged over the
    pixels and channels.

    Args:
        image1: ``(height, width, channels)``, or a batch of them.
        image2: The same shape.
        max_val: The largest value a pixel can have.
        filter_size: Odd width of the window.
        filter_sigma: Standard deviation of the window, in pixels.
        k1: ``c1 = (k1 max_val)^2``
        k2: ``c2 = (k2 max_val)^2``
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.

    Raises:
        ValueError: if the shapes differ, or a window is larger than the images.

    Reference: `Wang et al., 2004 <https://doi.org/10.1109/TIP.2003.819861>`_

    Example:
        >>> x = torch.rand(2, 20, 20, 3)
        >>> torchkeras.ops.image.ssim(x, x)
        tensor([1., 1.])
    """
    image1, image2 = promoted(image1, image2)
    if image1.shape != image2.shape:
        raise ValueError(
            "`image1` and `image2` must have the same shape. Received: "
            f"image1.shape={tuple(image1.shape)}, image2.shape={tuple(image2.shape)}"
        )
    if not _checks.is_positive_int(filter_size):
        raise ValueError(
            f"`filter_size` must be a positive integer. Received: filter_size={filter_size}"
        )
    x, _ = channels_second(to_float(image1), data_format)
    y, _ = channels_second(to_float(image2), data_format)
    if min(x.shape[2:]) < filter_size:
        raise ValueError(
            "The images must be at least as large as the window. Received: "
            f"filter_size={filter_size}, image1.shape={tuple(image1.shape)}"
        )
    window = gaussian_window(filter_size, filter_sigma, x)
    products = torch.cat([x, y, x * x, y * y, x * y], 1)
    m1, m2, xx, yy, xy = separable_filter(products, window, window, "valid").chunk(5, 1)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean = (2 * m1 * m2 + c1) / (m1 * m1 + m2 * m2 + c1)
    spread = (2 * (xy - m1 * m2) + c2) / (xx - m1 * m1 + yy - m2 * m2 + c2)
    similarity = (mean * spread).mean(dim=(1, 2, 3))
    return similarity if image1.ndim == 4 else similarity[0]


def _kernel(method):
    """The weight of a neighbour at a distance, in pixels."""
    radius = _LANCZOS.get(method)
    if radius is not None:

        def lanczos(x):
            return torch.where(x < radius, torch.sinc(x) * torch.sinc(x / radius), 0)

        return lanczos
    if "cubic" in method:  # Keys, 1981, with a = -1/2

        def cubic(x):
            near = (1.5 * x - 2.5) * x * x + 1
            far = ((-0.5 * x + 2.5) * x - 4) * x + 2
            return torch.where(x < 1, near, torch.where(x < 2, far, 0))

        return cubic
    return lambda x: (1 - x).clamp(min=0)


def resampling_weights(old, new, scale, shift, method, antialias, like):
    """The matrix ``(old, new)`` that moves a row of pixels: out ``= in @ matrix``.

    Pixel ``i`` has its middle at ``i + 0.5``, and goes to ``scale * (i + 0.5) + shift``.
    """
    dtype = torch.float32 if like.dtype.itemsize < 4 else like.dtype
    scale, shift = (torch.as_tensor(v, dtype=dtype, device=like.device) for v in (scale, shift))
    arange = lambda n: torch.arange(n, dtype=dtype, device=like.device)
    source = (arange(new) + 0.5 - shift) / scale - 0.5
    width = (1 / scale).clamp(min=1) if antialias else 1.0
    weights = _kernel(method)((source - arange(old)[:, None]).abs() / width)
    total = weights.sum(0)
    small = 1000 * torch.finfo(dtype).eps
    weights = torch.where(total.abs() > small, weights / torch.where(total == 0, 1, total), 0)
    inside = (source >= -0.5) & (source <= old - 0.5)
    return (weights * inside).to(like.dtype)


_METHODS = (
    "linear",
    "bilinear",
    "trilinear",
    "cubic",
    "bicubic",
    "tricubic",
    "lanczos3",
    "lanczos5",
)


@op
def scale_and_translate(
    images, output_shape, scale, translation, spatial_dims, method, antialias=True
):
    """Images resampled under a scaling and a shift of some of their axes.

    The pixel with its middle at ``x`` goes to ``scale * x + translation``; what comes from
    beyond the edges is zero.

    Args:
        images: Tensor.
        output_shape: Shape of the result.
        scale: One factor for each of ``spatial_dims``.
        translation: One shift for each, in pixels of the result.
        spatial_dims: The axes that are resampled.
        method: ``"linear"``, ``"cubic"``, ``"lanczos3"``, ``"lanczos5"`` (and ``bi-``, ``tri-``).
        antialias: Whether an axis that shrinks is smoothed.

    Raises:
        ValueError: for an unknown method, or lengths that differ.

    Example:
        >>> x = torch.arange(4.0).reshape(1, 4)
        >>> torchkeras.ops.image.scale_and_translate(
        ...     x, (1, 8), torch.tensor([2.0]), torch.tensor([0.0]), (1,), "linear"
        ... )
        tensor([[0.0000, 0.2500, 0.7500, 1.2500, 1.7500, 2.2500, 2.7500, 3.0000]])
    """
    images = tensor(images)
    method = str(method).lower()
    if method not in _METHODS:
        raise ValueError(
            f"Invalid value for argument `method`. Expected of one {_METHODS}. "
            f"Received: method={method}"
        )
    if len(output_shape) != images.ndim:
        raise ValueError(
            f"`output_shape` must have one size for each of the {images.ndim} axes of `images`. "
            f"Received: output_shape={tuple(output_shape)}"
        )
    x = to_float(images)
    scale, translation = (tensor(v).to(x.device) for v in (scale, translation))
    if not len(spatial_dims) == scale.numel() == translation.numel():
        raise ValueError(
            "`scale` and `translation` must have one value for each of `spatial_dims`. "
            f"Received: {scale.numel()} and {translation.numel()} values for "
            f"spatial_dims={tuple(spatial_dims)}"
        )
    for i, axis in enumerate(spatial_dims):
        weights = resampling_weights(
            x.shape[axis], output_shape[axis], scale[i], translation[i], method, antialias, x
        )
        x = torch.movedim(torch.movedim(x, axis, -1) @ weights, -1, axis)
    return as_before(x, images.dtype)
