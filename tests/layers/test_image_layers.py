"""The layers that prepare and augment images: what the table of layers has no rows for."""

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras.layers._preprocessing._image import (
    BaseImagePreprocessingLayer,
    ImageLayer,
    RandomImageLayer,
    batch_of,
)


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
