"""The layers that change colours or mix images: what the table of layers has no rows for."""

import functools

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

BLUR, RANGE = "RandomGaussianBlur", (0, 255)
TOLERANCE = {"rtol": 1e-5, "atol": 1e-3}  # of values up to 255


def images(*shape, low=0, high=255, seed=0):
    draws = np.random.default_rng(seed).uniform(low, high, shape)
    return torch.tensor(draws.astype("float32"))


def numbers(*values):
    return torch.tensor(values).reshape(-1, 1, 1, 1)


def both(name, kwargs, x, transformation):
    """What a transformation does to images, here and in Keras."""
    outputs = []
    for framework in (torchkeras, keras):
        layer = getattr(framework.layers, name)(**kwargs)
        # Keras adds in place.
        outputs.append(layer.transform_images(x.clone(), transformation, training=True))
    return outputs


GIVEN = [
    ("RandomBrightness", {"factor": 0.5}, {"rgb_delta": numbers(50.0, -60.0)}),
    ("RandomContrast", {"factor": 0.5}, {"contrast_factor": numbers(0.5, 1.7)}),
    ("RandomColorDegeneration", {"factor": 0.5}, {"factor": numbers(0.3, -0.8)}),
    ("RandomHue", {"factor": 0.5}, {"factor": torch.tensor([0.3, -0.4])}),
    ("RandomSaturation", {"factor": 0.5}, {"factor": torch.tensor([0.3, -0.4])}),
    ("RandomSharpness", {"factor": 0.5}, {"factor": torch.tensor([0.3, 0.9])}),
    ("RandomPosterization", {"factor": 5}, {"shift_factor": torch.tensor([3, 6]).byte()}),
    (
        "Solarization",
        {"addition_factor": 0.5, "threshold_factor": 0.5},
        {"additions": numbers(10.0, 50.0), "thresholds": numbers(60.0, 130.0)},
    ),
    ("RandomInvert", {}, {"apply_inversion": torch.tensor([True, False])}),
    (
        BLUR,
        {"kernel_size": 5, "sigma": (0.5, 2.0)},
        {
            "should_apply_blur": torch.tensor([True, False]),
            "blur_factor": torch.tensor([0.8, 1.4]),
        },
    ),
]


@pytest.mark.parametrize(
    ("name", "kwargs", "given", "span"),
    [
        (*row, span)
        for row in GIVEN
        for span in ((0, 255), (0, 1), (10, 200), (-1, 1))
        # Keras measures saturation from 0 whatever the range.
        if row[0] != "RandomSaturation" or span[0] == 0
    ],
    ids=lambda v: v if isinstance(v, str) else str(v) if isinstance(v, tuple) else "",
)
def test_a_given_change_is_that_of_keras(name, kwargs, given, span):
    low, high = span
    if "rgb_delta" in given:
        given = {"rgb_delta": given["rgb_delta"] / 255 * (high - low)}
    # Not at a step of posterization, where the last bit decides.
    x = (images(2, 7, 6, 3).floor() + 0.5) / 256 * (high - low) + low
    mine, theirs = both(name, {**kwargs, "value_range": span}, x, given)
    scale = (high - low) / 255
    torch.testing.assert_close(mine / scale, theirs / scale, **TOLERANCE)
    assert not torch.allclose(mine[0], x[0])


def test_channels_first():
    for name, kwargs, given in GIVEN:
        x = images(2, 7, 6, 3)
        last = getattr(layers, name)(**kwargs).transform_images(x, given)
        first = getattr(layers, name)(**kwargs, data_format="channels_first")
        first = first.transform_images(x.permute(0, 3, 1, 2), given)
        torch.testing.assert_close(first.permute(0, 2, 3, 1), last, **TOLERANCE)


FIXED = [
    ("AutoContrast", {}),
    ("Equalization", {}),
    ("Equalization", {"bins": 10}),
    *(
        ("ContrastLimitedAdaptiveHistogramEqualization", kwargs)
        for kwargs in (
            {},
            {"tile_grid_size": (1, 1)},
            {"clip_limit": 0.0, "tile_grid_size": (4, 5)},
            {"clip_limit": 40.0, "tile_grid_size": (2, 3)},
        )
    ),
]


@pytest.mark.parametrize(("name", "kwargs"), FIXED, ids=str)
@pytest.mark.parametrize("span", [(0, 255), (0, 1), (-1, 1)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_histograms_are_those_of_keras(name, kwargs, span, channels):
    low, high = span
    x = ((images(2, 30, 33, channels) ** 2 / 255).floor() + 0.5) / 256 * (high - low) + low
    outputs = [
        getattr(framework.layers, name)(value_range=span, **kwargs)(x, training=True)
        for framework in (torchkeras, keras)
    ]
    scale = (high - low) / 255
    torch.testing.assert_close(outputs[0] / scale, outputs[1] / scale, **TOLERANCE)


@pytest.mark.parametrize(("name", "kwargs"), FIXED, ids=str)
def test_histograms_of_each_channel_whichever_comes_first(name, kwargs):
    x = images(2, 20, 17, 3)
    last = getattr(layers, name)(**kwargs)(x, training=True)
    first = getattr(layers, name)(**kwargs, data_format="channels_first")
    torch.testing.assert_close(first(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1), last)


def test_one_colour_stays():
    x = torch.full((1, 4, 4, 2), 40.25)
    assert torch.equal(layers.AutoContrast()(x), x)
    assert torch.equal(layers.Equalization()(x), x)
    black = torch.zeros(1, 4, 4, 1)
    assert torch.equal(layers.ContrastLimitedAdaptiveHistogramEqualization()(black), black)


def test_grey():
    x, given = images(2, 4, 5, 3), numbers(True, False)
    mine, theirs = both("RandomGrayscale", {}, x, given)
    torch.testing.assert_close(mine, theirs, **TOLERANCE)
    one = images(2, 4, 5, 1)
    assert torch.equal(layers.RandomGrayscale(1.0)(one), one)
    with pytest.raises(ValueError, match="Invalid channel size"):
        layers.RandomGrayscale(1.0)(images(2, 4, 5, 2))
    # Keras cannot take a dict here.
    data = layers.RandomGrayscale(1.0)({"images": x, "labels": torch.ones(2)})
    assert torch.equal(data["images"][..., 0], data["images"][..., 2])


def test_saturation_keeps_the_range():
    x = images(4, 5, 6, 3)
    outputs = layers.RandomSaturation((1.0, 1.0))(x)
    assert outputs.min() >= 0
    torch.testing.assert_close(outputs.amin(-1), torch.zeros(4, 5, 6), atol=1e-3, rtol=0)
    torch.testing.assert_close(outputs.amax(-1), x.amax(-1))
    even = torch.full((1, 2, 2, 3), 30.0)
    assert torch.equal(layers.RandomSaturation((1.0, 1.0))(even), even)
    shifted = layers.RandomSaturation((0.3, 0.3), value_range=(-1, 1))(x / 127.5 - 1)
    straight = layers.RandomSaturation((0.3, 0.3))(x)
    torch.testing.assert_close((shifted + 1) * 127.5, straight, **TOLERANCE)


def test_blur_has_a_curve_for_each_image():
    x = torch.zeros(2, 9, 9, 3)
    x[:, 4, 4] = 100.0
    sigma = torch.tensor([[0.5, 2.0], [2.0, 0.5]])
    given = {"should_apply_blur": torch.tensor([True, True]), "blur_factor": sigma}
    y = layers.RandomGaussianBlur(kernel_size=(7, 5)).transform_images(x, given)
    for i, (wide, high) in enumerate(sigma.tolist()):
        curves = [np.exp(-0.5 * (np.arange(-4, 5) / s) ** 2) for s in (high, wide)]
        curves[0][[0, 1, 7, 8]] = 0
        curves[1][[0, 8]] = 0
        rows, columns = (c / c.sum() for c in curves)
        expected = 100 * np.outer(rows, columns)
        np.testing.assert_allclose(y[i, ..., 1].numpy(), expected, atol=1e-4)
    sharp = layers.RandomGaussianBlur((1.0, 1.0), sigma=(0.0, 0.0))(x)
    assert torch.equal(sharp, x)


# --- what is drawn ---------------------------------------------------------------------

MANY = torch.zeros(4000, 1, 1, 3)


def drawn(layer, name, data=MANY):
    return layer.get_random_transformation(data)[name].float().flatten()


@pytest.mark.parametrize(
    ("layer", "name", "low", "high"),
    [
        (layers.RandomBrightness(0.3), "rgb_delta", -76.5, 76.5),
        (layers.RandomBrightness((0.1, 0.3), (-1, 1)), "rgb_delta", 0.2, 0.6),
        (layers.RandomContrast(0.3), "contrast_factor", 1.0, 1.3),
        (layers.RandomContrast((0.2, 0.5)), "contrast_factor", 0.8, 1.5),
        (layers.RandomColorDegeneration(0.3), "factor", -0.3, 0.3),
        (layers.RandomHue((0.2, 0.6)), "factor", -0.3, 0.3),
        (layers.RandomSaturation((0.25, 0.75)), "factor", 1 / 3, 3.0),
        (layers.RandomSharpness(0.3), "factor", 0.0, 0.3),
        (layers.RandomPosterization(4), "shift_factor", 5, 7),
        (layers.RandomPosterization((3, 3)), "shift_factor", 5, 5),
        (layers.Solarization((0.1, 0.5)), "additions", 25.5, 127.5),
        (layers.Solarization(0, (0.2, 0.4), (0, 1)), "thresholds", 51, 102),
        (layers.RandomGaussianBlur(sigma=(0.5, 2.0)), "blur_factor", 0.5, 2.0),
    ],
    ids=lambda v: type(v).__name__ if isinstance(v, layers.Layer) else str(v),
)
def test_bounds_of_what_is_drawn(layer, name, low, high):
    values = drawn(layer, name)
    slack = 0.02 * (high - low) + 1e-5
    assert low - 1e-5 <= values.min() <= low + slack
    assert high - slack <= values.max() <= high + 1e-5
    if name == "factor" and isinstance(layer, layers.RandomHue):
        assert values.abs().min() >= 0.1  # half of the lower bound, to either side


@pytest.mark.parametrize(("factor", "mean"), [(0.4, 0.2), ((0.2, 0.6), 0.4), (0, 0), ((1, 1), 1)])
@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("RandomInvert", "apply_inversion"),
        (BLUR, "should_apply_blur"),
        ("RandomErasing", "apply_erasing"),
    ],
)
def test_chances(name, part, factor, mean):
    torch.manual_seed(0)
    assert abs(drawn(getattr(layers, name)(factor), part).mean() - mean) < 0.03


def test_chance_of_grey():
    chosen = layers.RandomGrayscale(0.3).get_random_transformation(MANY)
    assert abs(chosen.float().mean() - 0.3) < 0.03


def test_jitter_is_one_step_after_another():
    x = images(3, 5, 6, 3)
    factors = {
        "brightness_factor": (0.1, 0.3),
        "contrast_factor": 0.4,
        "saturation_factor": (0.3, 0.45),
        "hue_factor": 0.5,
    }
    layer = layers.RandomColorJitter(**factors, seed=1)
    given = layer.get_random_transformation(x)
    assert list(given) == [
        "random_brightness",
        "random_contrast",
        "random_saturation",
        "random_hue",
    ]
    expected = x.clone()
    for kind, (name, part) in zip(("Brightness", "Contrast", "Saturation", "Hue"), given.items()):
        step = getattr(keras.layers, f"Random{kind}")(factors[f"{name[7:]}_factor"])
        expected = step.transform_images(expected, part, training=True)
    torch.testing.assert_close(layer.transform_images(x, given), expected, **TOLERANCE)
    # One stream for all steps: they do not all draw the same.
    draws = [part.flatten()[0].item() for step in given.values() for part in step.values()]
    assert len(set(draws)) == 4
    again = layers.RandomColorJitter(**factors, seed=1)
    assert torch.equal(again(x), layers.RandomColorJitter(**factors, seed=1)(x))
    assert not torch.equal(again(x), again(x))


# --- mixing ----------------------------------------------------------------------------


def mixing_data(batch=2):
    return {
        "images": images(batch, 8, 6, 3),
        "labels": torch.eye(batch),
        "segmentation_masks": torch.arange(batch * 48).reshape(batch, 8, 6, 1),
    }


def test_mix_up():
    data, weight = mixing_data(), torch.tensor([0.3, 0.9])
    given = {"mix_weight": weight, "permutation_order": torch.tensor([1, 0])}
    mine, theirs = both("MixUp", {}, data["images"], given)
    torch.testing.assert_close(mine, theirs, **TOLERANCE)
    layer = layers.MixUp()
    labels = layer.transform_labels(data["labels"], given)
    torch.testing.assert_close(labels, torch.tensor([[0.3, 0.7], [0.1, 0.9]]))
    masks = layer.transform_segmentation_masks(data["segmentation_masks"], given)
    both_masks = data["segmentation_masks"].float()
    w = weight.reshape(2, 1, 1, 1)
    torch.testing.assert_close(masks, w * both_masks + (1 - w) * both_masks.flip(0))
    boxes = {"boxes": images(2, 3, 4), "labels": torch.tensor([[0, 1, 2], [3, 4, 5]])}
    moved = layer.transform_bounding_boxes(boxes, given)
    assert moved["labels"].tolist() == [[0, 1, 2, 3, 4, 5], [3, 4, 5, 0, 1, 2]]
    assert torch.equal(moved["boxes"][0], boxes["boxes"].flatten(0, 1))
    for part, method in (
        (data["labels"], layer.transform_labels),
        (boxes, layer.transform_bounding_boxes),
        (data["segmentation_masks"], layer.transform_segmentation_masks),
    ):
        assert method(part, given, training=False) is part


def test_mix_up_weights():
    torch.manual_seed(0)
    weights = drawn(layers.MixUp(0.4), "mix_weight")
    assert abs(weights.mean() - 0.5) < 0.03
    assert abs(weights.var() - 1 / (4 * (2 * 0.4 + 1))) < 0.01
    order = layers.MixUp(0.4).get_random_transformation(MANY)["permutation_order"]
    assert order.sort().values.tolist() == list(range(4000))
    one = images(4, 5, 3)
    torch.testing.assert_close(layers.MixUp()(one), one)
    torch.testing.assert_close(layers.CutMix()(one), one)


def test_cut_mix():
    data, mask = mixing_data(), torch.zeros(2, 8, 6, 1, dtype=torch.bool)
    mask[0, :4, :3] = True
    given = {
        "mix_weight": numbers(0.3, 0.9),
        "permutation_order": torch.tensor([1, 0]),
        "batch_masks": mask,
    }
    mine, theirs = both("CutMix", {}, data["images"], given)
    assert torch.equal(mine, theirs)
    layer = layers.CutMix()
    labels = layer.transform_labels(data["labels"], given)
    torch.testing.assert_close(labels, torch.tensor([[0.3, 0.7], [0.1, 0.9]]))
    masks = data["segmentation_masks"]
    expected = torch.where(mask, masks.flip(0), masks)
    assert torch.equal(layer.transform_segmentation_masks(masks, given), expected)
    wide = {**given, "batch_masks": mask.expand(2, 8, 6, 3)}
    assert torch.equal(layer.transform_segmentation_masks(masks, wide), expected)
    assert layer.transform_labels(data["labels"], given, training=False) is data["labels"]
    assert layer.transform_segmentation_masks(masks, given, training=False) is masks
    with pytest.raises(NotImplementedError, match="transform_bounding_boxes"):
        layer.transform_bounding_boxes({}, given)


def is_rectangle(mask):
    """Whether what is true in ``(height, width)`` is a rectangle."""
    return torch.equal(mask, mask.any(1)[:, None] & mask.any(0)[None])


def test_rectangles_of_cut_mix():
    torch.manual_seed(0)
    x = torch.zeros(2000, 32, 24, 1)
    for factor in (1.0, (0.5, 0.5), (0, 0)):
        given = layers.CutMix(factor).get_random_transformation(x)
        mask, weight = given["batch_masks"][..., 0], given["mix_weight"].flatten()
        assert all(is_rectangle(m) for m in mask[:100])
        area = mask.float().mean((1, 2))
        assert (area + weight - 1).abs().max() < 0.1  # rows and columns are whole
        assert abs(area.mean() - 0.5) < 0.05
        middle = mask.float().mean(0)
        torch.testing.assert_close(middle, middle.flip(0), atol=0.06, rtol=0)
        torch.testing.assert_close(middle, middle.flip(1), atol=0.06, rtol=0)


def test_erasing():
    x, mask = images(2, 8, 6, 3), torch.zeros(2, 8, 6, 1, dtype=torch.bool)
    mask[:, 2:5, 3:] = True
    given = {
        "apply_erasing": torch.tensor([True, False]),
        "batch_masks": mask,
        "fill_value": torch.full((1, 1, 1, 1), 9.0),
    }
    mine, theirs = both("RandomErasing", {}, x, given)
    assert torch.equal(mine, theirs)
    assert (mine[0, 2:5, 3:] == 9).all()


@pytest.mark.parametrize("scale", [(0.3, 0.3), (0.02, 0.33), 1.0])
def test_rectangles_of_erasing(scale):
    layer = layers.RandomErasing((1.0, 1.0), scale=scale, data_format="channels_first")
    mask = layer.get_random_transformation(torch.zeros(2000, 1, 40, 60))["batch_masks"][:, 0]
    assert all(is_rectangle(m) for m in mask[:100])
    least, most = (0, 1) if scale == 1.0 else scale
    for axis, size in ((2, 40), (1, 60)):
        side = mask.any(axis).float().sum(1)
        assert (side >= np.floor(least**0.5 * size)).all()
        assert (side <= np.ceil(most**0.5 * size)).all()


@pytest.mark.parametrize("span", [(0, 255), (0, 1), (-1, 1), (10, 200)])
def test_noise(span):
    low, high = span
    torch.manual_seed(0)
    x = torch.zeros(20, 20, 20, 3)
    noise = layers.RandomErasing(value_range=span).get_random_transformation(x)["fill_value"]
    expected = (np.random.default_rng(0).normal(size=24000) * high).clip(low, high)
    assert abs(noise.mean() - expected.mean()) < 0.02 * high
    assert abs(noise.std() - expected.std()) < 0.02 * high
    assert (noise.min(), noise.max()) == (low, high)


def test_filling():
    fill = functools.partial(layers.RandomErasing, (1, 1), scale=(1, 1))
    x = torch.zeros(2, 4, 4, 3)
    assert torch.equal(fill(fill_value=[1, 2, 300])(x)[1, 1, 1], torch.tensor([1.0, 2.0, 255.0]))
    first = fill(fill_value=[1, 2, 3], data_format="channels_first")(x.permute(0, 3, 1, 2))
    assert torch.equal(first[1, :, 1, 1], torch.tensor([1.0, 2.0, 3.0]))
    assert fill()(x[0]).shape == (4, 4, 3)


# --- policies --------------------------------------------------------------------------

CLASSES = {
    "random_shear": "RandomShear",
    "random_translation": "RandomTranslation",
    "random_rotation": "RandomRotation",
    "random_brightness": "RandomBrightness",
    "random_color_degeneration": "RandomColorDegeneration",
    "random_contrast": "RandomContrast",
    "random_sharpness": "RandomSharpness",
    "random_posterization": "RandomPosterization",
    "solarization": "Solarization",
    "auto_contrast": "AutoContrast",
    "equalization": "Equalization",
}


def step_of_keras(layer, name):
    """The layer of Keras that a policy's layer is."""
    config = getattr(layer, name).get_config()
    config.pop("dtype")
    config.pop("bounding_box_format", None)
    return getattr(keras.layers, CLASSES[name])(**config)


def one_step(layer, name, x):
    """A transformation of RandAugment that is this step alone."""
    drawn = getattr(layer, name).get_random_transformation(x)
    return {"transforms": {name: drawn}, "layer_idxes": [list(CLASSES).index(name)]}


def test_rand_augment_is_one_step_after_another():
    x = images(2, 8, 6, 3)
    layer = layers.RandAugment(num_ops=4, factor=0.4, seed=2)
    for _ in range(5):
        given = layer.get_random_transformation(x)
        assert len(given["layer_idxes"]) == 4
        expected = x
        for i in given["layer_idxes"]:
            name = list(CLASSES)[i]
            step = getattr(layer, name)
            expected = step.transform_images(expected, given["transforms"][name])
        assert torch.equal(layer.transform_images(x, given), expected)


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in list(CLASSES)[:3]])
def test_each_step_of_a_policy_is_that_of_keras(name):
    x = (images(2, 8, 6, 3).floor() + 0.5) / 256
    layer = layers.RandAugment(value_range=(0, 1), factor=(0.2, 0.4))
    given = one_step(layer, name, x)
    step, drawn = step_of_keras(layer, name), given["transforms"][name]
    expected = step.transform_images(x.clone(), drawn, training=True)
    torch.testing.assert_close(layer.transform_images(x, given), expected, rtol=1e-5, atol=1e-5)


def test_the_strength_of_a_policy():
    layer = layers.RandAugment(factor=(0.1, 0.4), interpolation="nearest")
    theirs = keras.layers.RandAugment(factor=(0.1, 0.4), interpolation="nearest")
    theirs.build((None, 8, 6, 3))
    for name in CLASSES:
        mine, wanted = (getattr(x, name).get_config() for x in (layer, theirs))
        for key, value in wanted.items():
            if key not in ("name", "dtype", "factor", "value_range"):
                assert mine[key] == value, (name, key)
            elif key in ("factor", "value_range"):
                assert list(mine[key]) == list(value), (name, key)


def test_what_is_chosen():
    torch.manual_seed(0)
    x = torch.zeros(1, 2, 2, 3)
    layer = layers.RandAugment(num_ops=20)
    chosen = [i for _ in range(50) for i in layer.get_random_transformation(x)["layer_idxes"]]
    counts = np.bincount(chosen, minlength=11)
    assert len(counts) == 11
    assert counts.min() > 50
    for all_ops, ways in ((True, 11), (False, 7)):
        layer = layers.AugMix(num_chains=20, chain_depth=10, all_ops=all_ops)
        chains = [
            [link["layer_name"] for link in chain]
            for _ in range(5)
            for chain in layer.get_random_transformation(x)["chain_transforms"]
        ]
        assert len({name for chain in chains for name in chain}) == ways
        assert max(map(len, chains)) == 10
        # One link in `ways + 1` is none.
        assert abs(sum(map(len, chains)) / 1000 - ways / (ways + 1)) < 0.04
    nothing = layers.RandAugment(num_ops=0)
    assert torch.equal(nothing(x), x)


def test_boxes_and_masks_go_where_the_images_go():
    layer = layers.RandAugment(bounding_box_format="xyxy", factor=(0.3, 0.4))
    x = images(2, 8, 6, 3)
    masks = torch.arange(96).reshape(2, 8, 6, 1)
    boxes = {"boxes": torch.tensor([[[1.0, 1, 4, 4]]] * 2), "labels": torch.ones(2, 1)}
    given = one_step(layer, "random_translation", x)
    drawn = given["transforms"]["random_translation"]
    moved = layer.transform_bounding_boxes(boxes, given)
    expected = layer.random_translation.transform_bounding_boxes(boxes, drawn)
    assert torch.equal(moved["boxes"], expected["boxes"])
    assert not torch.equal(moved["boxes"], boxes["boxes"])
    assert not torch.equal(layer.transform_segmentation_masks(masks, given), masks)
    given = one_step(layer, "random_brightness", x)
    assert torch.equal(layer.transform_bounding_boxes(boxes, given)["boxes"], boxes["boxes"])
    assert torch.equal(layer.transform_segmentation_masks(masks, given), masks)
    for method, value in (
        (layer.transform_bounding_boxes, boxes),
        (layer.transform_segmentation_masks, masks),
    ):
        assert method(value, given, training=False) is value


def test_aug_mix_is_a_mean():
    x = images(2, 8, 6, 3)
    layer = layers.AugMix(num_chains=2, chain_depth=3, seed=1)
    given = layer.get_random_transformation(x)
    torch.testing.assert_close(given["chain_mixing_weights"].sum(), torch.tensor(1.0))
    mixed = 0
    for weight, chain in zip(given["chain_mixing_weights"], given["chain_transforms"]):
        changed = x
        for link in chain:
            step = getattr(layer, link["layer_name"])
            changed = step.transform_images(changed, link["transformation"])
        mixed = mixed + weight * changed
    share = given["weight_sample"]
    expected = share * x + (1 - share) * mixed
    torch.testing.assert_close(layer.transform_images(x, given), expected, **TOLERANCE)
    given["chain_transforms"] = [[], []]
    masks = torch.arange(96).reshape(2, 8, 6, 1)
    same = layer.transform_segmentation_masks(masks, given)
    torch.testing.assert_close(same, masks.float())
    assert layer.transform_segmentation_masks(masks, given, training=False) is masks


def test_weights_of_aug_mix():
    layer, x = layers.AugMix(alpha=0.3, seed=0), torch.zeros(1, 2, 2, 3)
    given = [layer.get_random_transformation(x) for _ in range(500)]
    weights = torch.stack([g["chain_mixing_weights"] for g in given])
    share = torch.stack([g["weight_sample"] for g in given])
    assert (weights.mean(0) - 1 / 3).abs().max() < 0.06
    assert (weights.var(0) - 2 / 9 / 1.9).abs().max() < 0.03
    assert abs(share.mean() - 0.5) < 0.06
    assert abs(share.var() - 1 / (4 * 1.6)) < 0.03


@pytest.mark.parametrize("name", ["RandAugment", "AugMix"])
def test_a_seed_repeats_a_policy(name):
    x = images(2, 8, 6, 3)
    one, two = (getattr(layers, name)(seed=4) for _ in range(2))
    first = one(x)
    assert torch.equal(first, two(x))
    assert not torch.equal(first, one(x))


# --- kinds of inputs -------------------------------------------------------------------

EVERY = [
    *((name, kwargs) for name, kwargs, _ in GIVEN),
    *FIXED[:2],
    FIXED[3],
    ("RandomGrayscale", {}),
    ("RandomColorJitter", {"brightness_factor": 0.2, "hue_factor": 0.3}),
    ("MixUp", {}),
    ("CutMix", {}),
    ("RandomErasing", {}),
    ("RandAugment", {"num_ops": 5}),
    ("AugMix", {}),
]
every_layer = pytest.mark.parametrize(("name", "kwargs"), EVERY, ids=[e[0] for e in EVERY])


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8"])
@pytest.mark.parametrize("source", ["float32", "uint8"])
def test_types(name, kwargs, dtype, source):
    layer = getattr(layers, name)(**kwargs, dtype=dtype)
    x = images(2, 8, 6, 3).to(getattr(torch, source))
    for training in (True, False):
        outputs = layer(x, training=training)
        assert outputs.dtype is getattr(torch, dtype)
        assert outputs.shape == x.shape
        assert layer(x[0], training=training).shape == x[0].shape
    symbol = torchkeras.Input((8, 6, 3), dtype=source)
    assert layer(symbol).dtype == dtype
    assert tuple(layer(symbol).shape) == (None, 8, 6, 3)


def test_integers_are_rounded_not_wrapped():
    x = torch.tensor([[[10], [20], [33]]], dtype=torch.uint8)
    assert layers.AutoContrast(dtype="uint8")(x).flatten().tolist() == [0, 111, 255]
    bright = layers.RandomBrightness((0.95, 0.95), dtype="uint8")(x)
    assert bright.flatten().tolist() == [252, 255, 255]


@every_layer
def test_inference_leaves_all_as_it_is(name, kwargs):
    layer = getattr(layers, name)(**kwargs)
    x = images(2, 8, 6, 3)
    if name in ("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization"):
        assert not torch.equal(layer(x, training=False), x)
    else:
        assert torch.equal(layer(x, training=False), x)
        assert not torch.equal(layer.transform_images(x, None, training=False) + 1, x)


@every_layer
def test_arrays_and_dicts(name, kwargs):
    data = {**mixing_data(), "labels": torch.tensor([[0.25, 0.75], [0.5, 0.5]])}
    kept = {k: v for k, v in data.items() if k != "images"}
    layer = getattr(layers, name)(**kwargs, bounding_box_format="xyxy")
    outputs = layer(torchkeras.tree.map_structure(lambda v: v.numpy(), data))
    assert {k: v.shape for k, v in outputs.items()} == {k: v.shape for k, v in data.items()}
    if name not in ("MixUp", "CutMix", "RandAugment", "AugMix"):
        assert all(torch.equal(outputs[k], v) for k, v in kept.items())


@pytest.mark.parametrize(("name", "kwargs"), EVERY[:-2], ids=[e[0] for e in EVERY[:-2]])
def test_the_training_mode_compiles(name, kwargs):
    layer, x = getattr(layers, name)(**kwargs), images(2, 8, 6, 3)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    layer(x)
    outputs = []
    for run in (compiled, layer):
        torch.manual_seed(3)
        outputs.append(run(x, training=True))
    torch.testing.assert_close(*outputs)


def test_a_gradient_passes():
    for name, kwargs, given in GIVEN:
        if name != "RandomPosterization":
            x = images(2, 6, 5, 3).requires_grad_()
            getattr(layers, name)(**kwargs).transform_images(x, given).sum().backward()
            assert x.grad.isfinite().all(), name
            assert x.grad.any(), name


# --- errors ----------------------------------------------------------------------------


@pytest.mark.parametrize("span", [5, "a", (1,), (1, 2, 3), (2, 2), ("a", "b")])
def test_value_range_is_a_pair(span):
    for make in (
        layers.AutoContrast,
        layers.RandomInvert,
        layers.RandomErasing,
        layers.ContrastLimitedAdaptiveHistogramEqualization,
    ):
        with pytest.raises(ValueError, match="`value_range` argument should be a list of two"):
            make(value_range=span)
    assert layers.AutoContrast(value_range=[5, 2]).value_range == (2, 5)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("RandomBrightness", {"factor": 2}, r"range \[-1, 1\]"),
        ("RandomContrast", {"factor": -0.1}, r"range \[0, 1\]"),
        ("RandomHue", {"factor": (0.1, 1.5)}, r"range \[0, 1\]"),
        ("RandomGrayscale", {"factor": 1.5}, "`factor` should be between 0 and 1"),
        ("RandomGrayscale", {"factor": (0, 1)}, "`factor` should be between 0 and 1"),
        ("RandomPosterization", {"factor": 9}, r"range \[1, 8\]"),
        ("RandomPosterization", {"factor": (2.5, 3)}, "must be integers"),
        ("Solarization", {"addition_factor": 2}, "`addition_factor` and `threshold_factor`"),
        ("Solarization", {"threshold_factor": "a"}, "threshold_factor=a"),
        (BLUR, {"kernel_size": 4}, "must be an odd number"),
        (BLUR, {"kernel_size": (3, 5, 3)}, "`kernel_size` argument should be a number"),
        (BLUR, {"sigma": 2}, "`sigma` argument should be a number"),
        (BLUR, {"sigma": (-1, 2)}, "`sigma` argument should be a number"),
        ("RandomColorJitter", {"hue_factor": 2}, r"range \[0, 1\]"),
        ("RandomColorJitter", {"factor": 0.5}, "does not take a `factor`"),
        ("AutoContrast", {"factor": 0.5}, "does not take a `factor`"),
        ("Equalization", {"bins": 0}, "`bins` must be a positive integer"),
        ("ContrastLimitedAdaptiveHistogramEqualization", {"clip_limit": -1}, "`clip_limit`"),
        (
            "ContrastLimitedAdaptiveHistogramEqualization",
            {"tile_grid_size": (0, 4)},
            "`tile_grid_size`",
        ),
        ("MixUp", {"alpha": 0}, "`alpha` must be a positive number"),
        ("CutMix", {"factor": 2}, r"range \[0, 1\]"),
        ("RandomErasing", {"scale": (0.5, 2)}, r"`scale` argument .* range \[0, 1\]"),
        ("RandomErasing", {"fill_value": "noise"}, "`fill_value` must be a number"),
        ("RandAugment", {"num_ops": -1}, "`num_ops`"),
        ("RandAugment", {"factor": 2}, r"range \[0, 1\]"),
        ("AugMix", {"num_chains": 0}, "`num_chains` must be a positive integer"),
        ("AugMix", {"chain_depth": 1.5}, "`chain_depth` must be a positive integer"),
        ("AugMix", {"alpha": 0}, "`alpha` must be a positive number"),
    ],
)
def test_arguments_out_of_bounds(name, kwargs, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**kwargs)


@pytest.mark.parametrize("name", ["RandAugment", "AugMix"])
def test_unknown_interpolation(name):
    with pytest.raises(NotImplementedError, match="`interpolation` bicubic"):
        getattr(layers, name)(interpolation="bicubic")


@pytest.mark.parametrize("name", ["RandomHue", "RandomSaturation"])
def test_colours_have_three_channels(name):
    with pytest.raises(ValueError, match="must have 3 channels"):
        getattr(layers, name)(0.5)(images(2, 4, 4, 1))
