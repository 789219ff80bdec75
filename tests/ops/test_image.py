"""`ops.image` against real Keras: values, symbols, gradients, refusals."""

import inspect
import itertools

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import KerasTensor

image = torchkeras.ops.image
rng = np.random.default_rng(0)
X = torch.from_numpy(rng.uniform(size=(2, 9, 11, 3)).astype("float32"))
VOLUME = torch.from_numpy(rng.uniform(size=(2, 7, 6, 5, 2)).astype("float32"))
BIG = torch.from_numpy(rng.uniform(size=(2, 2, 20, 25, 3)).astype("float32"))
AFFINE = torch.tensor([[0.9, 0.2, 0.5, -0.1, 1.1, 0.2, 0, 0], [1.1, 0, -2, 0.3, 0.7, 1, 0, 0]])
CORNERS = torch.tensor([[0.0, 0], [0, 8], [10, 0], [10, 8]])
MOVED = CORNERS + torch.tensor([[0.4, -0.2], [1.0, 0.3], [-0.7, 0.1], [0.2, 0.9]])
PLACES = torch.from_numpy(rng.uniform(-5, 15, size=(3, 4, 5)).astype("float32"))
CHANNELS_FIRST = {"data_format": "channels_first"}


def byte(x):
    return (x * 255).to(torch.uint8)


def _cases():
    """(name, arguments, keyword arguments)"""
    for size, how in itertools.product(
        ((4, 5), (20, 17), (9, 11), (7, 30)), ("nearest", "bilinear", "bicubic")
    ):
        for more in (
            {},
            {"antialias": True},
            {"crop_to_aspect_ratio": True},
            {"pad_to_aspect_ratio": True, "fill_value": 3.0},
        ):
            yield "resize", (X, size), {"interpolation": how, **more}
            yield "resize", (byte(X), size), {"interpolation": how, **more}
        if size == (7, 30):  # a strip of it has less than one row
            yield "resize", (X[:, :, :2], size), {"crop_to_aspect_ratio": True}
        channels = X.permute(0, 3, 1, 2)[0]
        yield "resize", (channels, size), {"interpolation": how, **CHANNELS_FIRST}
    for sides in ((1, 2, 1, 2), (1, 2, None, None, 4, 4), (None, None, 1, 2, 4, 4), (0, 0, 0, 0)):
        yield "crop_images", (X, *sides), {}
        yield "crop_images", (X[0].permute(2, 0, 1), *sides), CHANNELS_FIRST
    for sides in ((1, 2, 1, 2), (1, 2, None, None, 14, 14), (None, None, 1, 2, 14, 14)):
        yield "pad_images", (X, *sides), {}
        yield "pad_images", (X[0].permute(2, 0, 1), *sides), CHANNELS_FIRST
    for padding, size, strides, dilation in itertools.product(
        ("same", "valid"), (2, (3, 2)), (None, 1, (2, 3)), (1, 2)
    ):
        options = (size, strides, dilation, padding)
        yield "extract_patches", (X, *options), {}
        yield "extract_patches", (X[0].permute(2, 0, 1), *options), CHANNELS_FIRST
    for padding, strides in itertools.product(("same", "valid"), (None, 1, 2)):
        yield "extract_patches", (VOLUME, (2, 3, 2), strides, 1, padding), {}
        yield "extract_patches_3d", (VOLUME[0], 2, strides, 1, padding), {}
    for x in (X, X[0], byte(X)):
        yield "rgb_to_grayscale", (x,), {}
        yield "rgb_to_grayscale", (x[..., :1],), {}
    for name in ("rgb_to_hsv", "hsv_to_rgb"):
        yield name, (X,), {}
        yield name, (X[0].permute(2, 0, 1),), CHANNELS_FIRST
    yield "rgb_to_hsv", (torch.tensor([[[0.0, 0, 0], [1, 1, 1], [0, 1, 0], [0.5, 0.5, 0.2]]]),), {}
    for window in ((3, 3), (5, 5)):
        yield "gaussian_blur", (X, window, (1.0, 2.0)), {"data_format": "channels_last"}
    yield "sobel_edges", (X,), {}
    yield "sobel_edges", (X.permute(0, 3, 1, 2),), CHANNELS_FIRST
    yield "ssim", (BIG[0], BIG[1]), {}
    yield "ssim", (BIG[0, 0], BIG[1, 0]), {"filter_size": 7, "filter_sigma": 2.0, "k1": 0.02}
    yield "ssim", (BIG[0] * 255, BIG[1] * 255), {"max_val": 255.0, "k2": 0.1}
    for method, smooth in itertools.product(
        ("linear", "cubic", "lanczos3", "lanczos5"), (True, False)
    ):
        scale, shift = torch.tensor([0.5, 1.7]), torch.tensor([1.2, -3.0])
        yield (
            "scale_and_translate",
            (X, (2, 5, 20, 3), scale, shift, (1, 2), method, smooth),
            {},
        )
    modes = ("constant", "nearest", "wrap", "mirror", "reflect")
    for mode, order in itertools.product(modes, (0, 1)):
        how = ("nearest", "bilinear")[order]
        fill = {"fill_mode": mode, "fill_value": 2}
        yield "map_coordinates", (X[0], PLACES, order), fill
        yield "map_coordinates", (byte(X[0]).int(), PLACES, 0), fill
        yield "affine_transform", (X, AFFINE), {"interpolation": how, **fill}
        yield (
            "affine_transform",
            (X[0].permute(2, 0, 1), AFFINE[0]),
            {"interpolation": how, **fill, **CHANNELS_FIRST},
        )
    for how in ("nearest", "bilinear"):
        options = {"interpolation": how, "fill_value": 0.5}
        yield "perspective_transform", (X, CORNERS, MOVED), options
        both = torch.stack([CORNERS, MOVED]), torch.stack([MOVED, CORNERS])
        yield "perspective_transform", (X, *both), options


CASES = list(_cases())


def copies(args):
    # Keras writes into some of its arguments.
    return [a.clone() if isinstance(a, torch.Tensor) else a for a in args]


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES, ids=lambda v: v if v is str else "")
def test_as_keras(name, args, kwargs):
    ours = getattr(image, name)(*copies(args), **kwargs)
    theirs = getattr(keras.ops.image, name)(*copies(args), **kwargs)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    # An integer may be rounded the other way.
    tolerance = 1e-5 if ours.is_floating_point() else 1
    np.testing.assert_allclose(ours.float(), theirs.float(), rtol=1e-5, atol=tolerance)


@pytest.mark.parametrize(("name", "args", "kwargs"), CASES[::3], ids=lambda v: "")
def test_symbols(name, args, kwargs):
    real = getattr(image, name)(*args, **kwargs)
    many = 2 if name == "ssim" else 1

    def symbols(first):
        return [
            KerasTensor((first, *a.shape[1:]), str(a.dtype).removeprefix("torch."))
            if i < many
            else a
            for i, a in enumerate(args)
        ]

    known = getattr(image, name)(*symbols(args[0].shape[0]), **kwargs)
    assert known.shape == tuple(real.shape)
    assert known.dtype == str(real.dtype).removeprefix("torch.")
    if args[0].ndim == 4 and name not in ("scale_and_translate",) and len(args) < 9:
        batch = getattr(image, name)(*symbols(None), **kwargs)
        assert batch.shape[1:] == tuple(real.shape[1:])


def test_unknown_sizes():
    x = KerasTensor((None, None, None, 3))
    assert image.resize(x, (4, 5)).shape == (None, 4, 5, 3)
    assert image.resize(x, (4, 5), pad_to_aspect_ratio=True).shape == (None, 4, 5, 3)
    cropped = image.crop_images(x, 10, 10, target_height=224, target_width=300)
    assert cropped.shape == (None, 224, 300, 3)
    assert image.pad_images(x, 1, 1, 1, 1).shape == (None, None, None, 3)
    assert image.gaussian_blur(x).shape == (None, None, None, 3)
    with pytest.raises(ValueError, match="`target_height` must be specified"):
        image.crop_images(x, 1, 1, 1, 1)


@pytest.mark.parametrize("how", ["lanczos3", "lanczos5"])
def test_lanczos_resize(how):
    """The torch backend of real Keras has none; it is a scaling without a shift."""
    for size in ((4, 5), (20, 17)):
        scale = torch.tensor([size[0] / 9, size[1] / 11])
        theirs = keras.ops.image.scale_and_translate(
            X, (2, *size, 3), scale, torch.zeros(2), (1, 2), how, True
        )
        ours = image.resize(X, size, interpolation=how)
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_blur_is_the_formula():
    x = BIG[0, :, :, :, :1].double()
    ours = image.gaussian_blur(x, (5, 3), (1.0, 2.0))
    across = np.exp(-0.5 * (np.arange(-2, 3) / 1.0) ** 2)
    down = np.exp(-0.5 * (np.arange(-1, 2) / 2.0) ** 2)
    kernel = torch.from_numpy(np.outer(down / down.sum(), across / across.sum()))
    expected = torch.nn.functional.conv2d(
        x.permute(0, 3, 1, 2), kernel[None, None], padding="same"
    ).permute(0, 2, 3, 1)
    torch.testing.assert_close(ours, expected)


def test_elastic_transform():
    blank = torch.ones(2, 8, 9, 3)
    torch.testing.assert_close(image.elastic_transform(blank, seed=1), blank)
    first, again, other = (image.elastic_transform(X, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.testing.assert_close(image.elastic_transform(X, alpha=0.0, seed=1), X)
    # Neighbours move alike: what is smooth stays smooth.
    ramp = torch.arange(40.0).reshape(1, 40, 1).expand(40, 40, 1)
    moved = image.elastic_transform(ramp, seed=3, fill_mode="nearest")
    assert 0 < (moved - ramp).abs().max() < 20
    assert moved.diff(dim=1).abs().max() < 5


@pytest.mark.parametrize(
    "call",
    [
        lambda x: image.resize(x, (4, 9)),
        lambda x: image.resize(x, (4, 9), interpolation="lanczos3"),
        lambda x: image.affine_transform(x, AFFINE[0].double(), fill_mode="reflect"),
        lambda x: image.perspective_transform(x, CORNERS.double(), MOVED.double()),
        lambda x: image.extract_patches(x, 3, 2),
        lambda x: image.gaussian_blur(x, (3, 5), (1.0, 2.0)),
        lambda x: image.hsv_to_rgb(x),
        lambda x: image.rgb_to_hsv(x),
        lambda x: image.sobel_edges(x),
        lambda x: image.map_coordinates(
            x, torch.rand(4, 6, generator=torch.Generator().manual_seed(0)).double() * 5, 1
        ),
    ],
)
def test_gradients(call):
    x = X[:, :6, :5].double().requires_grad_()
    assert torch.autograd.gradcheck(call, (x,))


def test_signatures_are_keras():
    assert set(image.__all__) == {n for n in dir(keras.ops.image) if not n.startswith("_")}
    for name in image.__all__:
        ours, theirs = (inspect.signature(getattr(m, name)) for m in (image, keras.ops.image))
        assert str(ours) == str(theirs), name


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: image.resize(X, 3), "Expected `size` to be a tuple of 2"),
        (lambda: image.resize(X, (0, 3)), "must have positive height and width"),
        (lambda: image.resize(X, (2, 3), "cubic"), "interpolation"),
        (lambda: image.resize(X, (2, 3), fill_mode="reflect"), "Only `'constant'`"),
        (lambda: image.resize(X[0, 0], (2, 3)), "Invalid images rank"),
        (lambda: image.crop_images(X, 1, 1), "exactly two of top_cropping"),
        (lambda: image.crop_images(X, 5, 1, 5, 1), "target_height must be >= 0"),
        (lambda: image.pad_images(X, -1, 1, 1, 1), "top_padding must be >= 0"),
        (lambda: image.pad_images(X, 1, 1, target_height=3, target_width=9), "bottom_padding"),
        (lambda: image.extract_patches(X, 12), "must not be larger"),
        (lambda: image.extract_patches(X, (2,)), "length 2 or 3"),
        (lambda: image.rgb_to_grayscale(X[..., :2]), "Invalid channel size"),
        (lambda: image.rgb_to_hsv(byte(X)), "expected float dtype"),
        (lambda: image.hsv_to_rgb(X[..., :2]), "must have 3 channels"),
        (lambda: image.affine_transform(X, AFFINE[0, :6]), "8 numbers"),
        (lambda: image.affine_transform(X, AFFINE, "cubic"), "interpolation"),
        (lambda: image.affine_transform(X[0], AFFINE), "one for each of the 1 images"),
        (lambda: image.affine_transform(X, AFFINE, fill_mode="x"), "fill_mode"),
        (lambda: image.perspective_transform(X, CORNERS, CORNERS[:3]), "Invalid end_points"),
        (lambda: image.map_coordinates(X[0], PLACES[:2], 1), "First dim of `coordinates`"),
        (lambda: image.scale_and_translate(X, (2, 3), 1, 1, (1,), "linear"), "output_shape"),
        (lambda: image.scale_and_translate(X, X.shape, 1, 1, (1,), "area"), "method"),
        (lambda: image.ssim(X, X), "at least as large as the window"),
        (lambda: image.ssim(X, X[:, :4]), "same shape"),
        (lambda: image.sobel_edges(X[0]), "rank 4"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_other_refusals():
    with pytest.raises(TypeError, match="length 3"):
        image.extract_patches_3d(VOLUME, (2, 2))
    with pytest.raises(NotImplementedError, match="order<=1"):
        image.map_coordinates(X[0], PLACES, 2)
