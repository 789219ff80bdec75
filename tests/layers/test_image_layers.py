"""The layers that prepare and augment images: what the table of layers has no rows for."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers
from torchkeras.layers._preprocessing._image import (
    BaseImagePreprocessingLayer,
    ImageLayer,
    RandomImageLayer,
    batch_of,
)
from torchkeras.utils.bounding_boxes import convert_format


def images(*shape, seed=0):
    return torch.tensor(np.random.default_rng(seed).uniform(0, 255, shape).astype("float32"))


class Recorder(BaseImagePreprocessingLayer):
    """Notes what its methods are given."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def get_random_transformation(self, data, training=True, seed=None):
        return {"drawn": 5}

    def note(self, value, transformation, training):
        self.seen.append(torchkeras.tree.map_structure(lambda v: (v.shape, v.dtype), value))
        assert transformation == {"drawn": 5}
        assert training is True
        return value

    def transform_images(self, images, transformation, training=True):
        return self.note(images, transformation, training)

    transform_labels = transform_segmentation_masks = transform_images
    transform_bounding_boxes = transform_images


def sample(batch=None):
    """A dict with everything that a layer may be given, of one image or of a batch."""
    front = () if batch is None else (batch,)
    return {
        "images": torch.zeros(*front, 4, 5, 3, dtype=torch.uint8),
        "labels": torch.zeros(front, dtype=torch.int64),
        "bounding_boxes": {
            "boxes": torch.zeros(*front, 2, 4),
            "labels": torch.zeros(*front, 2, dtype=torch.int64),
        },
        "segmentation_masks": torch.zeros(*front, 4, 5, 1, dtype=torch.int32),
        "weight": torch.ones(front),
    }


@pytest.mark.parametrize("batch", [None, 2])
def test_every_part_of_a_dict_is_handed_over_batched(batch):
    layer, data = Recorder(bounding_box_format="xyxy"), sample(batch)
    outputs = layer(data)
    size = batch or 1
    assert layer.seen == [
        ((size, 4, 5, 3), torch.uint8),
        {"boxes": ((size, 2, 4), torch.float32), "labels": ((size, 2), torch.int64)},
        ((size,), torch.int64),
        ((size, 4, 5, 1), torch.int32),
    ]
    assert outputs is not data
    shapes = torchkeras.tree.map_structure(lambda v: (v.shape, v.dtype), (outputs, data))
    assert shapes[0] == shapes[1]


def test_arrays_are_as_good_as_tensors():
    layer = Recorder(bounding_box_format="xyxy")
    data = torchkeras.tree.map_structure(lambda v: v.numpy(), sample(2))
    assert layer(data)["labels"].dtype is torch.int64


@pytest.mark.parametrize(
    ("value", "bounds"),
    [(0.3, (-0.3, 0.3)), (-0.3, (-0.3, 0.3)), ([0.4, -0.1], (-0.1, 0.4)), (None, (0.0, 0.0))],
)
def test_factor(value, bounds):
    assert BaseImagePreprocessingLayer(factor=value).factor == bounds


class Fraction(ImageLayer):
    _FACTOR_BOUNDS = (0, 1)


class Factorless(ImageLayer):
    _USE_BASE_FACTOR = False


def test_factor_with_bounds_of_a_subclass():
    assert Fraction(0.5).factor == (0, 0.5)
    for value in (2, -0.1, "a", (0.1,), (0.1, 0.2, 0.3), (0.5, 1.5)):
        with pytest.raises(
            ValueError, match=r"`factor` argument should be .* in the range \[0, 1\]"
        ):
            Fraction(value)
    with pytest.raises(ValueError, match="does not take a `factor` argument"):
        Factorless(0.5)
    assert "factor" not in Factorless().get_config()
    assert "bounding_box_format" not in Factorless().get_config()
    config = Fraction(0.5, bounding_box_format="xywh").get_config()
    assert (config["factor"], config["bounding_box_format"]) == ((0, 0.5), "xywh")


def test_errors_of_the_base():
    layer = Recorder()
    with pytest.raises(ValueError, match=r"rank 3 \(single image\) or 4 .*\(4, 4\)"):
        layer(torch.ones(4, 4))
    with pytest.raises(ValueError, match="rank 3"):
        layer([torch.ones(4, 4, 3), torch.ones(4, 4, 3)])
    with pytest.raises(ValueError, match="key 'images'.*labels"):
        layer({"labels": torch.ones(2)})
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layer(sample(2))
    layer = Recorder(bounding_box_format="xyxy")
    for boxes in (torch.ones(2, 4), {"boxes": torch.ones(2, 4)}):
        with pytest.raises(ValueError, match="dict with keys 'boxes' and 'labels'"):
            layer({"images": torch.ones(4, 4, 3), "bounding_boxes": boxes})
    bare, x = BaseImagePreprocessingLayer(), torch.ones(1, 4, 4, 3)
    assert bare.get_random_transformation(x) is None
    for name in ("labels", "bounding_boxes"):
        with pytest.raises(NotImplementedError, match=f"transform_{name}"):
            getattr(bare, f"transform_{name}")(x, None)
    bare.interpolation = "nearest"
    with pytest.raises(NotImplementedError, match="transform_images"):
        bare.transform_images(x, None)


def test_value_ranges():
    layer, x = ImageLayer(), torch.tensor([0, 51, 255], dtype=torch.uint8)
    torch.testing.assert_close(
        layer._transform_value_range(x, (0, 255), (-1, 1)), torch.tensor([-1.0, -0.6, 1.0])
    )
    same = layer._transform_value_range(x, [0, 255], (0, 255), dtype="float16")
    assert same.dtype is torch.float16
    assert same.tolist() == [0, 51, 255]


class Brighter(RandomImageLayer):
    def get_random_transformation(self, data, training=True, seed=None):
        images, batch = batch_of(data)
        return self._uniform((batch,), 1, 2, images, seed) if training else None

    def transform_images(self, images, transformation, training=True):
        images = self._to_compute(images)
        return images * transformation.reshape(-1, 1, 1, 1) if training else images


def test_each_image_is_drawn_for():
    x = torch.ones(64, 2, 2, 1)
    drawn = Brighter()(x)[:, 0, 0, 0]
    assert len(drawn.unique()) > 60
    assert drawn.min() >= 1
    assert drawn.max() < 2
    one, two = Brighter(seed=3), Brighter(seed=3)
    first = one(x)
    assert torch.equal(first, two(x))
    assert not torch.equal(first, one(x))
    assert torch.equal(Brighter(seed=3)(x[0])[0], first[0, 0])
    assert torch.equal(one(x, training=False), x)
    given = one.get_random_transformation(x, seed=7)
    assert torch.equal(given, two.get_random_transformation(x, seed=7))


# --- transformations, handed to both -------------------------------------------------------

SHAPE = (3, 9, 12, 2)


def boxes_of(seed=0):
    """Boxes inside of images of the shape."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 5, (3, 4, 2))
    corners = np.concatenate([corner, corner + rng.uniform(1, 3.9, (3, 4, 2))], -1)
    return {
        "boxes": torch.tensor(corners.astype("float32")),
        "labels": torch.arange(12).reshape(3, 4),
    }


def copied(value):
    return torchkeras.tree.map_structure(torch.clone, value)


MOVES = [
    ("RandomFlip", {"mode": "horizontal"}),
    ("RandomFlip", {"mode": "vertical"}),
    ("RandomFlip", {}),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.2}),
    ("RandomRotation", {"factor": 0.2}),
    ("RandomZoom", {"height_factor": 0.3}),
    ("RandomZoom", {"height_factor": 0.3, "width_factor": (-0.4, 0.2)}),
    ("RandomShear", {"x_factor": 0.3, "y_factor": 0.2}),
    ("RandomPerspective", {"factor": (0.5, 1.0), "scale": 0.5}),
]
WARPS = [
    (name, {**kwargs, **more, "interpolation": how, "fill_value": 7.0})
    for name, kwargs in MOVES
    if name != "RandomFlip"
    for how in ("bilinear", "nearest")
    for more in (
        [{}]
        if name == "RandomPerspective"
        else [{"fill_mode": mode} for mode in ("reflect", "constant", "nearest", "wrap")]
    )
]


@pytest.mark.parametrize(("name", "kwargs"), MOVES[:3] + WARPS)
def test_the_same_transformation_does_the_same_as_in_keras(name, kwargs):
    mine = getattr(layers, name)(**kwargs, seed=1)
    theirs = getattr(keras.layers, name)(**kwargs)
    x = images(*SHAPE)
    masks = (x[..., :1] % 5).round().to(torch.int32)
    how = mine.get_random_transformation(x)
    assert set(how) == set(theirs.get_random_transformation(x))
    moved = mine.transform_images(x, how)
    torch.testing.assert_close(moved, theirs.transform_images(x, how), rtol=1e-5, atol=1e-3)
    if name != "RandomPerspective":  # Keras computes with integers then
        masked = mine.transform_segmentation_masks(masks, how)
        assert torch.equal(masked, theirs.transform_segmentation_masks(masks, how))
    numpy = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in how.items()}
    assert torch.equal(mine.transform_images(x.numpy(), numpy), moved)
    for unchanged in (
        mine.transform_images(x, None, training=False),
        mine.transform_images(x, None),
        mine(x, training=False),
    ):
        assert torch.equal(unchanged, x)


@pytest.mark.parametrize(("name", "kwargs"), [m for m in MOVES if m[0] != "RandomShear"])
def test_boxes_are_those_of_keras(name, kwargs):
    mine = getattr(layers, name)(**kwargs, bounding_box_format="xyxy", seed=1)
    theirs = getattr(keras.layers, name)(**kwargs, bounding_box_format="xyxy")
    how, boxes = mine.get_random_transformation(images(*SHAPE)), boxes_of()
    moved = mine.transform_bounding_boxes(boxes, how)
    real = theirs.transform_bounding_boxes(copied(boxes), how)
    torch.testing.assert_close(moved["boxes"], real["boxes"], rtol=1e-5, atol=1e-4)
    assert torch.equal(moved["labels"], real["labels"])
    # The format makes no difference; of a relative one Keras clips too much.
    for form in ("rel_yxyx", "center_xywh"):
        other = getattr(layers, name)(**kwargs, bounding_box_format=form)
        size = {"height": 9, "width": 12}
        there = convert_format(boxes, "xyxy", form, **size)
        back = convert_format(other.transform_bounding_boxes(there, how), form, "xyxy", **size)
        torch.testing.assert_close(back["boxes"], moved["boxes"], rtol=1e-4, atol=1e-4)
    same = mine.transform_bounding_boxes(boxes, None, training=False)
    assert torch.equal(same["boxes"], boxes["boxes"])


def test_shear_of_boxes_is_that_of_keras_for_square_images():
    """Of others Keras shears the boxes by other numbers than the images."""
    how = {"shear_factor": torch.tensor([[0.2, 0.0], [0.0, 0.1], [-0.1, 0.0]])}
    how["input_shape"] = (3, 12, 12, 2)
    mine = layers.RandomShear(0.2, 0.2, bounding_box_format="xyxy")
    theirs = keras.layers.RandomShear(0.2, 0.2, bounding_box_format="xyxy")
    moved = mine.transform_bounding_boxes(boxes_of(), how)["boxes"]
    real = theirs.transform_bounding_boxes(boxes_of(), how)["boxes"]
    torch.testing.assert_close(moved, real, rtol=1e-5, atol=1e-4)


EVERY = [
    *MOVES,
    ("Resizing", {"height": 20, "width": 30}),
    ("CenterCrop", {"height": 20, "width": 20}),
    ("CenterCrop", {"height": 40, "width": 70}),
    ("RandomCrop", {"height": 30, "width": 34}),
    ("RandomCrop", {"height": 50, "width": 60}),
]


@pytest.mark.parametrize(("name", "kwargs"), EVERY)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_boxes_and_masks_follow_the_image(name, kwargs, data_format):
    """A bright rectangle stays in its box, and in its mask."""
    last = data_format == "channels_last"
    x = torch.zeros(2, 40, 50, 1) if last else torch.zeros(2, 1, 40, 50)
    view = x[..., 0] if last else x[:, 0]
    view[:, 16:24, 20:32] = 1
    boxes = {"boxes": torch.tensor([[[20.0, 16, 31, 23]]] * 2), "labels": torch.ones(2, 1).long()}
    edges = ("RandomTranslation", "RandomRotation", "RandomZoom", "RandomShear")
    fill = {"fill_mode": "constant"} if name in edges else {}
    layer = getattr(layers, name)(
        **kwargs, **fill, data_format=data_format, bounding_box_format="xyxy"
    )
    torch.manual_seed(3)
    given = {"images": x, "bounding_boxes": boxes, "segmentation_masks": (x > 0).int()}
    given["labels"] = torch.arange(2)
    before = copied(given)
    for _ in range(3):
        out = layer(given)
        torchkeras.tree.map_structure(
            lambda a, b: torch.testing.assert_close(a, b), given, before
        )  # as it was
        assert torch.equal(out["labels"], given["labels"])
        for i in range(2):
            bright = out["images"][i].squeeze(-1 if last else 0)
            mask = out["segmentation_masks"][i].squeeze(-1 if last else 0)
            rows, columns = (bright > 0.5).nonzero().unbind(1)
            if not len(rows):
                continue
            found = torch.stack([columns.min(), rows.min(), columns.max(), rows.max()])
            height, width = bright.shape
            scale = torch.tensor([width, height] * 2) / torch.tensor([50.0, 40.0] * 2)
            slack = 1.6 * float(scale.max().clamp(min=1.0))
            box = out["bounding_boxes"]["boxes"][i, 0]
            assert ((found - box).abs() <= slack).all(), (found, box)
            assert ((mask > 0) ^ (bright > 0.5)).float().mean() < 0.05


@pytest.mark.parametrize(("name", "kwargs"), [*EVERY, ("RandomElasticTransform", {})])
def test_types_single_images_and_compiled(name, kwargs):
    x = images(2, 40, 50, 3)
    for dtype in (torch.uint8, torch.float32):
        layer = getattr(layers, name)(**kwargs)
        whole = layer(x.to(dtype), training=True)
        assert whole.dtype is (dtype if name == "Resizing" else torch.float32)
        assert layer(x[0].to(dtype)).shape == whole.shape[1:]
        layer = getattr(layers, name)(**kwargs, dtype="uint8")
        assert layer(x.to(dtype), training=True).dtype is torch.uint8
    torch._dynamo.reset()
    compiled = torch.compile(getattr(layers, name)(**kwargs), fullgraph=True, backend="eager")
    assert compiled(x, training=True).shape == whole.shape


def test_what_is_drawn_lies_in_the_bounds():
    x = torch.zeros(4000, 10, 20, 1)
    moves = layers.RandomTranslation((0.2, 0.3), (-0.3, -0.1)).get_random_transformation(x)
    moves = moves["translations"]
    assert ((moves >= torch.tensor([-6.0, 2])) & (moves <= torch.tensor([-2.0, 3]))).all()
    assert moves[:, 1].min() < 2.02 and moves[:, 1].max() > 2.98
    angle = layers.RandomRotation(0.1).get_random_transformation(x)["angle"]
    assert -36 <= angle.min() < -35 and 35 < angle.max() <= 36
    zoom = layers.RandomZoom((0.2, 0.3), -0.1).get_random_transformation(x)
    assert 1.2 <= zoom["height_zoom"].min() and zoom["height_zoom"].max() <= 1.3
    assert 0.9 <= zoom["width_zoom"].min() < 0.91 and 1.09 < zoom["width_zoom"].max() <= 1.1
    zoom = layers.RandomZoom(0.2).get_random_transformation(x)
    assert torch.equal(zoom["height_zoom"], zoom["width_zoom"])
    shear = layers.RandomShear((0.1, 0.3), 0.2).get_random_transformation(x)["shear_factor"]
    assert 0.1 <= shear[:, 0].abs().min() and shear[:, 0].abs().max() <= 0.3
    assert 0.4 < (shear > 0).float().mean() < 0.6
    flips = layers.RandomFlip().get_random_transformation(x)["flips"]
    assert flips.shape == (4000, 1, 1, 1) and 0.45 < flips.float().mean() < 0.55
    for factor, share in ((0.5, 0.25), ((0.5, 0.5), 0.5), ((1, 1), 1.0), (0.0, 0.0)):
        which = layers.RandomPerspective(factor, 0.4).get_random_transformation(x)
        assert abs(which["apply_perspective"].float().mean() - share) < 0.04
        assert which["start_points"][0].tolist() == [[0, 0], [19, 0], [0, 9], [19, 9]]
        ratio = which["end_points"][:, 3] / which["start_points"][:, 3]
        assert ratio.min() >= 0.8 and ratio.max() <= 1.2
    places = {
        tuple(int(v) for v in layers.RandomCrop(8, 18).get_random_transformation(x)[:2])
        for _ in range(200)
    }
    assert places == {(i, j) for i in range(3) for j in range(3)}


def test_crop_shows_one_place_of_all_images():
    x = torch.arange(48.0).reshape(1, 6, 8, 1).repeat(3, 1, 1, 1)
    layer = layers.RandomCrop(3, 4)
    shown = layer(x)
    top, left = divmod(int(shown[0, 0, 0, 0]), 8)
    assert torch.equal(shown, x[:, top : top + 3, left : left + 4])
    assert torch.equal(layer.transform_images(x, (1, 2)), x[:, 1:4, 2:6])
    middle = layer(x, training=False)
    assert torch.equal(middle, layers.Resizing(3, 4, crop_to_aspect_ratio=True)(x))


def test_resized_boxes_are_those_of_keras():
    data = {"images": images(*SHAPE), "bounding_boxes": boxes_of()}
    for size in ((3, 4), (4, 4), (12, 8), (5, 9), (9, 12)):
        for how in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}):
            mine = layers.Resizing(*size, **how, bounding_box_format="xywh")(data)
            real = keras.layers.Resizing(*size, **how, bounding_box_format="xywh")(copied(data))
            for name in ("boxes", "labels"):
                torch.testing.assert_close(
                    mine["bounding_boxes"][name], real["bounding_boxes"][name]
                )
        mine = layers.CenterCrop(*size, bounding_box_format="xyxy")(data)
        real = keras.layers.CenterCrop(*size, bounding_box_format="xyxy")(copied(data))
        torch.testing.assert_close(mine["bounding_boxes"], real["bounding_boxes"])


def test_masks_without_channels_and_symbols_of_dicts():
    data = {"images": images(2, 8, 9, 3), "segmentation_masks": torch.ones(2, 8, 9).int()}
    layer = layers.Resizing(4, 5, bounding_box_format="xyxy")
    assert layer(data)["segmentation_masks"].shape == (2, 4, 5)
    one = {name: value[0] for name, value in data.items()}
    assert layer(one)["segmentation_masks"].shape == (4, 5)
    symbols = torchkeras.tree.map_structure(
        lambda v: torchkeras.Input(v.shape[1:], dtype=str(v.dtype).removeprefix("torch.")),
        sample(2),
    )
    outputs = layer(symbols)
    assert outputs["images"].shape == (None, 4, 5, 3)
    assert outputs["images"].dtype == "uint8"
    assert outputs["segmentation_masks"].shape == (None, 4, 5, 1)
    assert outputs["labels"].dtype == "int64"
    shapes = layer.compute_output_shape({"images": (2, 8, 9, 3), "labels": (2,)})
    assert shapes == {"images": (2, 4, 5, 3), "labels": (2,)}


def test_number_of_boxes():
    data = {"images": images(*SHAPE), "bounding_boxes": boxes_of()}
    for count in (2, 4, 6):
        layer = layers.MaxNumBoundingBoxes(count, bounding_box_format="xyxy")
        real = keras.layers.MaxNumBoundingBoxes(count, bounding_box_format="xyxy")
        torch.testing.assert_close(
            layer(data)["bounding_boxes"], real(copied(data))["bounding_boxes"]
        )
        shapes = torchkeras.tree.map_structure(lambda v: tuple(v.shape), data)
        computed = layer.compute_output_shape(shapes)["bounding_boxes"]
        assert computed == {"boxes": (3, count, 4), "labels": (3, count)}
    data["bounding_boxes"]["labels"] = torch.eye(4).expand(3, 4, 4)
    layer = layers.MaxNumBoundingBoxes(5, fill_value=7, bounding_box_format="xyxy")
    boxes = layer(data)["bounding_boxes"]
    assert boxes["labels"].shape == (3, 5, 4)
    assert (boxes["labels"][:, 4] == 7).all() and (boxes["boxes"][:, 4] == 7).all()
    assert layer.get_config()["fill_value"] == 7
    assert "fill_value" not in layers.MaxNumBoundingBoxes(5).get_config()


def test_elastic_moves():
    x = images(2, 40, 40, 3)
    layer = layers.RandomElasticTransform((1.0, 1.0), (0.5, 0.5), value_range=(50, 200))
    how = layer.get_random_transformation(x)
    moved = layer.transform_images(x, how)
    assert moved.min() >= 50 and moved.max() <= 200
    assert torch.equal(moved, layer.transform_images(x, how))
    # The moves of Keras' transformations are drawn on use; their size is that of Keras.
    assert layer.get_elastic_transform_params(100, 200, 0.5) == (10.0, 2.5)
    del how["moves"]
    again = layer.transform_images(x, {**how, "seed": 3})
    assert torch.equal(again, layer.transform_images(x, {**how, "seed": 3}))
    none = {**how, "apply_transform": torch.tensor([False, True]), "seed": 3}
    assert torch.equal(layer.transform_images(x, none)[0], x[0])
    assert torch.equal(layers.RandomElasticTransform(scale=0.0)(x), x)
    masks = (x[..., :1] > 100).to(torch.uint8)
    assert layer.transform_segmentation_masks(masks, none).unique().tolist() == [0, 1]
    with pytest.raises(NotImplementedError, match="transform_bounding_boxes"):
        layer.transform_bounding_boxes(boxes_of(), how)


def test_config_of_shear_is_read_again():
    layer = layers.RandomShear(0.3, (0.1, 0.2))
    config = layer.get_config()
    assert config["x_factor"] == (-0.3, 0.3)
    assert layers.RandomShear.from_config(config).x_factor == (-0.3, 0.3)
    theirs = keras.layers.RandomShear(0.3, (0.1, 0.2)).get_config()
    assert set(theirs) == set(config)
    assert (theirs["x_factor"], theirs["y_factor"]) == (config["x_factor"], config["y_factor"])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.Resizing(-1, 3), ValueError, "`height` must be a positive integer"),
        (lambda: layers.Resizing(3, 3, interpolation="foo"), ValueError, "interpolation"),
        (lambda: layers.Resizing(3, 3, fill_mode="wrap"), ValueError, "fill_mode"),
        (
            lambda: layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
            ValueError,
            "Only one of",
        ),
        (lambda: layers.CenterCrop(3, 2.5), ValueError, "`width` must be a positive integer"),
        (lambda: layers.CenterCrop(3, 2, factor=0.1), ValueError, "does not take a `factor`"),
        (lambda: layers.CenterCrop(3, 2).compute_output_shape((3,)), ValueError, "input_shape"),
        (lambda: layers.MaxNumBoundingBoxes(0), ValueError, "`max_number`"),
        (lambda: layers.RandomFlip("diagonal"), ValueError, "`mode` must be one of"),
        (lambda: layers.RandomTranslation(2, 0.1), ValueError, r"\[-1.0, 1.0\]. .*height_factor=2"),
        (lambda: layers.RandomRotation("a"), ValueError, r"`factor` argument .*\[-1, 1\]"),
        (lambda: layers.RandomZoom(-1), ValueError, r"range \(-1.0, 1.0\]. .*height_factor=-1"),
        (lambda: layers.RandomZoom(0.1, (0.1, 2)), ValueError, "width_factor"),
        (lambda: layers.RandomShear(-0.2), ValueError, r"\[0, 1.0\]. .*x_factor=-0.2"),
        (lambda: layers.RandomShear((-0.2, 0.3)), ValueError, "x_factor"),
        (lambda: layers.RandomPerspective(scale=2.0), ValueError, r"`scale` argument .*\[0,1\]"),
        (lambda: layers.RandomPerspective(scale=(0, 1)), ValueError, "`scale` argument"),
        (lambda: layers.RandomPerspective(1.5), ValueError, r"`factor` argument .*\[0, 1\]"),
        (lambda: layers.RandomElasticTransform(scale=2), ValueError, r"`scale` .*\[0, 1\]"),
        (lambda: layers.RandomZoom(0.1, fill_mode="foo"), NotImplementedError, "`fill_mode` foo"),
        (lambda: layers.RandomZoom(0.1, fill_mode="mirror"), NotImplementedError, "mirror"),
        (
            lambda: layers.RandomRotation(0.1, interpolation="bicubic"),
            NotImplementedError,
            "`interpolation` bicubic",
        ),
    ],
)
def test_errors_of_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()
