"""Bounding boxes: against the formulas, and against real Keras."""

import keras
import numpy as np
import pytest
import torch

from torchkeras.utils import bounding_boxes

theirs = keras.utils.bounding_boxes
ABSOLUTE = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
FORMATS = (*ABSOLUTE, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")
SIZE = {"height": 80, "width": 100}


def boxes(*shape, seed=0, low=0, high=60):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(low, high, (*shape, 2))
    return np.concatenate([corner, corner + rng.uniform(2, 30, (*shape, 2))], -1).astype("float32")


def assert_close(mine, real, **tolerance):
    real = torch.as_tensor(np.asarray(real))
    torch.testing.assert_close(mine, real, **(tolerance or {"rtol": 1e-5, "atol": 1e-5}))


# --- formats ---------------------------------------------------------------------------


@pytest.mark.parametrize("source", FORMATS)
@pytest.mark.parametrize("target", FORMATS)
def test_every_format_is_converted_as_by_keras(source, target):
    x = theirs.convert_format(boxes(2, 3), "xyxy", source, **SIZE)
    mine = bounding_boxes.convert_format(x, source, target, **SIZE)
    assert_close(mine, theirs.convert_format(x, source, target, **SIZE))
    assert_close(bounding_boxes.convert_format(mine, target, source, **SIZE), x)


def test_conversion_of_dicts_types_and_capital_letters():
    x = {"boxes": torch.tensor([[1, 2, 5, 9]]), "labels": [3], "score": None}
    result = bounding_boxes.convert_format(x, "XYXY", "center_xyWH")
    assert result["boxes"].tolist() == [[3.0, 5.5, 4.0, 7.0]]
    assert (result["labels"], result["score"]) == ([3], None)
    assert x["boxes"].tolist() == [[1, 2, 5, 9]]
    assert bounding_boxes.convert_format(x["boxes"], "xyxy", "xyxy").dtype is torch.float32
    half = bounding_boxes.convert_format([[1, 2, 5, 9]], "xyxy", "yxyx", dtype="float16")
    assert half.dtype is torch.float16


def test_errors_of_formats():
    x = boxes(2)
    with pytest.raises(ValueError, match="Invalid source or target format.*'corners'"):
        bounding_boxes.convert_format(x, "corners", "xyxy")
    with pytest.raises(ValueError, match=r"last dimension of 4. Received: boxes.shape=\(2, 3\)"):
        bounding_boxes.convert_format(x[:, :3], "xyxy", "xywh")
    with pytest.raises(ValueError, match="must receive `height` and `width`.*width=None"):
        bounding_boxes.convert_format(x, "xyxy", "rel_xywh", height=3)
    with pytest.raises(ValueError, match="`height` and `width` must be set if `format='xyxy'`"):
        bounding_boxes.clip_to_image_size({"boxes": x})
    with pytest.raises(ValueError, match="dict with the key 'boxes'"):
        bounding_boxes.clip_to_image_size(x, 3, 3)
    with pytest.raises(NotImplementedError, match="rel_xyxy"):
        bounding_boxes.crop(x, 1, 2, 3, 4, "rel_xyxy")
    with pytest.raises(NotImplementedError, match="rel_xyxy"):
        bounding_boxes.pad(x, 1, 2, bounding_box_format="rel_xyxy")


# --- maps ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_clipping_is_that_of_keras(shape):
    x = {"boxes": boxes(*shape, low=-40, high=110), "labels": np.arange(np.prod(shape))}
    x["labels"] = x["labels"].reshape(shape)
    for name, scale in (("xyxy", 1), ("rel_xyxy", 90)):
        given = {**x, "boxes": x["boxes"] / np.float32(scale)}
        mine = bounding_boxes.clip_to_image_size(given, **SIZE, bounding_box_format=name)
        real = theirs.clip_to_image_size(given, **SIZE, bounding_box_format=name)
        assert_close(mine["boxes"], real["boxes"])
        assert_close(mine["labels"], real["labels"])
        assert -1 in mine["labels"]
        assert (mine["labels"] >= 0).any()


@pytest.mark.parametrize("name", FORMATS)
def test_maps_in_every_format(name):
    """What Keras does for two formats at most goes by way of corners for all."""
    x, labels = torch.tensor(boxes(2, 5, low=-30, high=90)), torch.arange(10).reshape(2, 5)
    there = bounding_boxes.convert_format(x, "xyxy", name, **SIZE)

    def back(result, **size):
        return bounding_boxes.convert_format(result, name, "xyxy", **(size or SIZE))

    clip = bounding_boxes.clip_to_image_size
    mine = clip({"boxes": there, "labels": labels}, **SIZE, bounding_box_format=name)
    real = clip({"boxes": x, "labels": labels}, **SIZE)
    assert_close(back(mine["boxes"]), real["boxes"], rtol=1e-4, atol=1e-4)
    assert torch.equal(mine["labels"], real["labels"])
    numbers = (20.0, 0.1, 0.2, 1.5, 4.0, 5.0, 80, 100)
    mine = bounding_boxes.affine_transform(there, *numbers, bounding_box_format=name)
    assert_close(back(mine), bounding_boxes.affine_transform(x, *numbers), rtol=1e-4, atol=1e-4)
    if name in ABSOLUTE:
        for move in (bounding_boxes.crop, bounding_boxes.pad):
            mine = move(there, 3, 4, 50, 40, name)
            assert_close(back(mine), move(x, 3, 4, 50, 40), rtol=1e-4, atol=1e-4)


def test_labels_of_several_classes():
    x = {"boxes": torch.tensor([[0, 0, 1, 1], [30, 0, 31, 1]]), "labels": torch.eye(2)}
    clipped = bounding_boxes.clip_to_image_size(x, 10, 10)
    assert clipped["labels"].tolist() == [[1, 0], [-1, -1]]


def test_crop_and_pad_are_those_of_keras():
    for x in (boxes(5), boxes(2, 5), boxes(2, 5).astype("int32")):
        assert_close(bounding_boxes.crop(x, 5, 6, 30, 20), theirs.crop(x, 5, 6, 30, 20))
        assert_close(bounding_boxes.pad(x, 5, 6), theirs.pad(x, 5, 6))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"angle": [90.0, 30.0]},
        {"translate_x": [0.1, -0.2]},
        {"translate_y": [0.1, 2.0]},
        {"scale": [2.0, 0.5]},
        {"shear_x": [10.0, -5.0]},
        {"shear_y": [10.0, -5.0]},
        {"scale": [2.0, 0.5], "center_x": [0.25, 0.0], "center_y": [0.0, 0.5]},
        {
            "angle": [40.0, -70.0],
            "shear_x": [10.0, 20.0],
            "shear_y": [20.0, -5.0],
            "scale": [1.5, 0.3],
            "translate_x": [0.3, 0.1],
            "translate_y": [0.2, 0.4],
            "center_x": [0.3, 0.4],
        },
    ],
    ids=lambda change: "-".join(change) or "nothing",
)
def test_affine_maps_are_those_of_keras(change):
    numbers = dict.fromkeys(("angle", "translate_x", "translate_y", "shear_x", "shear_y"), 0.0)
    numbers = {name: torch.full((2,), value) for name, value in numbers.items()}
    numbers["scale"] = torch.ones(2)
    numbers.update({name: torch.tensor(value) for name, value in change.items()})
    x = boxes(2, 3)
    mine = bounding_boxes.affine_transform(x, **numbers, **SIZE)
    assert_close(mine, theirs.affine_transform(x, **numbers, **SIZE), rtol=1e-4, atol=1e-3)
    # One image, and numbers for all.
    first = {name: float(value[0]) for name, value in numbers.items()}
    assert_close(bounding_boxes.affine_transform(x[0], **first, **SIZE), mine[0])


# --- overlap ---------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [((3,), (4,)), ((2, 3), (4,)), ((3,), (2, 4))])
def test_iou_is_that_of_keras(first, second):
    a, b = boxes(*first), boxes(*second, seed=1)
    a[..., 0, :] = b[..., 0, :] = -1
    a[..., 1, :] = b[..., 1, :] = [1, 2, 30, 40]
    for name in ABSOLUTE:
        for masking in ({}, {"use_masking": True}, {"use_masking": True, "mask_val": -7}):
            mine = bounding_boxes.compute_iou(a, b, name, **masking)
            # Keras fails with masks of batches; the images one by one are as good.
            pairs = [(x, b) for x in a] if a.ndim == 3 else [(a, x) for x in b]
            pairs = [(a, b)] if mine.ndim == 2 else pairs
            real = torch.stack([theirs.compute_iou(*pair, name, **masking) for pair in pairs])
            assert_close(mine, real.reshape(mine.shape))
    shape = (80, 100, 3)
    mine = bounding_boxes.compute_iou(a / 100, b / 100, "rel_yxyx", image_shape=shape)
    assert_close(mine, theirs.compute_iou(a / 100, b / 100, "rel_yxyx", image_shape=shape))
    assert mine.max() > 0


def test_ciou_is_that_of_keras():
    a, b = boxes(2, 5), boxes(2, 5, seed=1)
    a[:, 0] = -1
    b[:, 1] = a[:, 1]
    for name in ABSOLUTE:
        mine = bounding_boxes.compute_ciou(a, b, name)
        assert_close(mine, theirs.compute_ciou(a, b, name), rtol=1e-4, atol=1e-4)
    # Keras asks for the image's shape, and refuses it too.
    relative = [bounding_boxes.convert_format(x, "xyxy", "rel_xywh", **SIZE) for x in (a, b)]
    mine = bounding_boxes.compute_ciou(*relative, "rel_xywh", image_shape=(80, 100))
    assert_close(mine, bounding_boxes.compute_ciou(a, b, "xyxy"), rtol=1e-4, atol=1e-4)


def test_errors_of_overlap():
    x = boxes(2)
    with pytest.raises(ValueError, match=r"expects boxes2 to be batched.*\(4,\)"):
        bounding_boxes.compute_iou(x, x[0], "xyxy")
    for function in (bounding_boxes.compute_iou, bounding_boxes.compute_ciou):
        with pytest.raises(ValueError, match="`image_shape` argument must be provided"):
            function(x, x, "rel_xyxy")


# --- deltas ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["center_xywh", "center_yxhw"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.3]])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_deltas_are_those_of_keras(encoding, variance, shape):
    anchors, x = boxes(3), boxes(*shape, seed=1)
    relative = theirs.convert_format(x, "xyxy", "rel_yxyx", **SIZE)
    more = {"variance": variance, "image_shape": (80, 100, 3)}
    mine = bounding_boxes.encode_box_to_deltas(
        anchors, relative, "xyxy", "rel_yxyx", encoding, **more
    )
    real = theirs.encode_box_to_deltas(anchors, relative, "xyxy", "rel_yxyx", encoding, **more)
    assert_close(mine, real, rtol=1e-4, atol=1e-4)
    back = bounding_boxes.decode_deltas_to_boxes(anchors, mine, "xyxy", "xywh", encoding, **more)
    real = theirs.decode_deltas_to_boxes(anchors, real, "xyxy", "xywh", encoding, **more)
    assert_close(back, real, rtol=1e-4, atol=1e-4)
    xywh = bounding_boxes.convert_format(x, "xyxy", "xywh")
    assert_close(back, xywh, rtol=1e-4, atol=1e-4)


def test_deltas_of_levels_and_of_empty_boxes():
    anchors, zeros = {"p3": boxes(3), "p4": boxes(1)}, torch.zeros(1, 4)
    deltas = {name: torch.zeros(len(value), 4) for name, value in anchors.items()}
    decoded = bounding_boxes.decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy")
    for name, value in anchors.items():
        assert_close(decoded[name], value)
    assert bounding_boxes.encode_box_to_deltas(zeros, zeros, "xyxy", "xyxy").tolist() == [[0] * 4]


def test_errors_of_deltas():
    x = boxes(2)
    with pytest.raises(ValueError, match="`encoding_format` should be one of"):
        bounding_boxes.encode_box_to_deltas(x, x, "xyxy", "xyxy", "xyxy")
    with pytest.raises(ValueError, match="`encoded_format` should be"):
        bounding_boxes.decode_deltas_to_boxes(x, x, "xyxy", "xyxy", "xyxy")
    for function in (bounding_boxes.encode_box_to_deltas, bounding_boxes.decode_deltas_to_boxes):
        with pytest.raises(ValueError, match=r"`variance` must be length 4.*\(2,\)"):
            function(x, x, "xyxy", "xyxy", variance=[0.1, 0.2])
