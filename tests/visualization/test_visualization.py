"""Drawn boxes and masks, and galleries."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import visualization

IMAGES = np.random.RandomState(0).randint(0, 256, (5, 20, 30, 3)).astype("uint8")
MASKS = np.random.RandomState(1).randint(0, 4, (5, 20, 30, 1))
BOXES = {
    "boxes": np.array([[[4, 6, 20, 15], [0, 0, 0, 0]]] * 5, "float32"),
    "labels": np.array([[1, -1]] * 5),
}
COLORS = {0: (1, 2, 3), 1: (255, 0, 0), 2: (0, 255, 0), 3: (10, 20, 250)}


# --- masks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kwargs",
    [{}, {"alpha": 0.3}, {"alpha": 0.0}, {"blend": False}, {"ignore_index": 0}, {"ignore_index": 2}]
    + [{"color_mapping": COLORS}, {"color_mapping": COLORS, "alpha": 1.0}],
    ids=str,
)
def test_masks_equal_keras(kwargs):
    drawn = visualization.draw_segmentation_masks(IMAGES, MASKS, **kwargs)
    theirs = keras.visualization.draw_segmentation_masks(IMAGES, MASKS, num_classes=4, **kwargs)
    assert drawn.dtype == np.uint8 and drawn.shape == IMAGES.shape
    np.testing.assert_array_equal(drawn, np.asarray(theirs))


def test_forms_of_images_and_masks():
    draw = visualization.draw_segmentation_masks
    expected = draw(IMAGES, MASKS)
    first = IMAGES.transpose(0, 3, 1, 2)
    mask_first = MASKS.transpose(0, 3, 1, 2)
    for images, masks, data_format in (
        (IMAGES, MASKS[..., 0], None),
        (torch.from_numpy(IMAGES), torch.from_numpy(MASKS), None),
        (IMAGES.astype("float32"), MASKS.astype("uint8"), "channels_last"),
        (first, mask_first, "channels_first"),
    ):
        np.testing.assert_array_equal(draw(images, masks, data_format=data_format), expected)
    kept = IMAGES.copy()
    draw(kept, MASKS)
    np.testing.assert_array_equal(kept, IMAGES)
    np.testing.assert_array_equal(draw(IMAGES, MASKS * 0 - 2), IMAGES)


def test_the_background_may_have_no_colour():
    mapping = {k: v for k, v in COLORS.items() if k}
    drawn = visualization.draw_segmentation_masks(IMAGES, MASKS, color_mapping=mapping)
    all_colors = visualization.draw_segmentation_masks(IMAGES, MASKS, color_mapping=COLORS)
    np.testing.assert_array_equal(drawn, np.where(MASKS == 0, IMAGES, all_colors))


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"segmentation_masks": MASKS.astype("float32")}, TypeError, "must be in integer dtype"),
        ({"segmentation_masks": MASKS > 1}, TypeError, "must be in integer dtype"),
        ({"segmentation_masks": MASKS[0]}, ValueError, "`segmentation_masks` must have the shape"),
        ({"images": IMAGES[0]}, ValueError, "`images` must be batched 4D tensor"),
        ({"images": IMAGES[..., :1]}, ValueError, "must have 3 channels"),
        ({"alpha": 1.5}, ValueError, "`alpha` must be from 0 to 1"),
        ({"num_classes": 2}, ValueError, "`num_classes` must be the highest class"),
        ({"color_mapping": {1: (0, 0, 0)}}, ValueError, r"none for \[2, 3\]"),
        ({"data_format": "foo"}, ValueError, "`data_format` must be"),
    ],
)
def test_wrong_masks(change, error, match):
    arguments = {"images": IMAGES, "segmentation_masks": MASKS, **change}
    with pytest.raises(error, match=match):
        visualization.draw_segmentation_masks(**arguments)


# --- boxes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("thickness, half", [(1, 0), (2, 1), (3, 1), (4, 2)])
def test_boxes_are_frames(thickness, half):
    color = (1, 2, 3)
    drawn = visualization.draw_bounding_boxes(
        IMAGES, BOXES, "xyxy", color=color, line_thickness=thickness
    )
    y, x = np.mgrid[:20, :30]
    outer = (abs(x - 12) <= 8 + half) & (abs(2 * y - 21) <= 9 + 2 * half)
    inner = (abs(x - 12) < 8 - half) & (abs(2 * y - 21) < 9 - 2 * half)
    expected = np.where((outer & ~inner)[..., None], color, IMAGES)
    np.testing.assert_array_equal(drawn, expected)


def test_forms_of_boxes():
    draw = visualization.draw_bounding_boxes
    expected = draw(IMAGES, BOXES, "xyxy")
    assert (expected != IMAGES).any() and expected.dtype == np.uint8
    relative = {**BOXES, "boxes": torch.tensor(BOXES["boxes"] / (30, 20, 30, 20))}
    np.testing.assert_array_equal(draw(torch.from_numpy(IMAGES), relative, "rel_xyxy"), expected)
    turned = {**BOXES, "boxes": BOXES["boxes"][..., [1, 0, 3, 2]]}
    first = IMAGES.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(
        draw(first, turned, "yxyx", data_format="channels_first"), expected
    )
    grey = draw(IMAGES[..., :1], BOXES, "xyxy", color=(128, 0, 0))
    assert grey.shape == (5, 20, 30, 1) and (grey[:, 6, 4:21] == 128).all()


def test_boxes_that_reach_out_of_the_image():
    for corners in ([-5, -5, 10, 10], [25, 15, 40, 30], [-9, 3, 50, 8], [-9, -9, -3, -3]):
        boxes = {"boxes": np.array([[corners]] * 5), "labels": np.zeros((5, 1), int)}
        drawn = visualization.draw_bounding_boxes(IMAGES, boxes, "xyxy", line_thickness=1)
        y, x = np.mgrid[:20, :30]
        left, top, right, bottom = corners
        inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
        edge = inside & ((x == left) | (x == right) | (y == top) | (y == bottom))
        np.testing.assert_array_equal(drawn, np.where(edge[..., None], 128, IMAGES))


def test_names_at_boxes():
    pytest.importorskip("PIL")
    images = np.zeros((1, 100, 200, 3), "uint8")
    boxes = {"boxes": np.array([[[20, 50, 150, 90]]]), "labels": np.array([[1]])}
    sure = {**boxes, "confidences": np.array([[0.5]])}

    def ink(boxes, **kwargs):
        drawn = visualization.draw_bounding_boxes(images, boxes, "xyxy", **kwargs)[0, ..., 0]
        y, x = np.nonzero(drawn * ~frame)
        return (y.min(), y.max(), x.min(), x.max(), len(y)) if len(y) else None

    frame = np.zeros((100, 200), bool)
    frame = visualization.draw_bounding_boxes(images, boxes, "xyxy")[0, ..., 0] > 0
    assert ink(boxes) is None and ink(boxes, class_mapping={2: "dog"}) is None
    top, bottom, left, right, count = ink(boxes, class_mapping={1: "cat"})
    assert 20 < top < bottom < 50 and 20 <= left < right < 80  # above the box
    assert ink(sure, class_mapping={1: "cat"})[3] > right
    assert ink(boxes, class_mapping={1: "cat"}, font_scale=0.5)[4] < count / 2
    assert ink(boxes, class_mapping={1: "cat"}, text_thickness=3)[4] > count * 1.5
    at_top = {**boxes, "boxes": np.array([[[20, 5, 150, 90]]])}
    frame = visualization.draw_bounding_boxes(images, at_top, "xyxy")[0, ..., 0] > 0
    assert ink(at_top, class_mapping={1: "cat"})[0] > 5  # no room above


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"images": IMAGES[0]}, ValueError, "`images` must be batched 4D tensor"),
        ({"bounding_boxes": [1]}, TypeError, "`bounding_boxes` should be a dict"),
        ({"bounding_boxes": {"boxes": 1}}, ValueError, "containing 'boxes' and 'labels' keys"),
        ({"bounding_boxes": {"labels": 1}}, ValueError, "containing 'boxes' and 'labels' keys"),
        ({"bounding_box_format": "foo"}, ValueError, "Invalid source or target format"),
    ],
)
def test_wrong_boxes(change, error, match):
    arguments = {"images": IMAGES, "bounding_boxes": BOXES, "bounding_box_format": "xyxy"}
    with pytest.raises(error, match=match):
        visualization.draw_bounding_boxes(**{**arguments, **change})


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="`pillow`.*pip install"):
        visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", {1: "cat"})
    with pytest.raises(ImportError, match="`matplotlib`.*pip install"):
        visualization.plot_image_gallery(IMAGES)


# --- galleries -----------------------------------------------------------------------------


@pytest.fixture
def plot(monkeypatch):
    """matplotlib, which shows nothing; `shown` has the figures that it was to show."""
    plot = pytest.importorskip("matplotlib.pyplot")
    plot.switch_backend("Agg")
    plot.shown = []
    monkeypatch.setattr(plot, "show", lambda: plot.shown.append(plot.gcf()))
    yield plot
    plot.close("all")


def panels(figure):
    return [panel.images[0].get_array().data for panel in figure.axes if panel.images]


@pytest.mark.parametrize(
    "rows, cols, grid, seen",
    [
        (None, None, (3, 2), 5),
        (2, None, (2, 3), 5),
        (None, 4, (2, 4), 5),
        (1, 2, (1, 2), 2),
        (3, 3, (3, 3), 5),
    ],
)
def test_grid(rows, cols, grid, seen, plot):
    assert visualization.plot_image_gallery(IMAGES, rows=rows, cols=cols, scale=1) is None
    (figure,) = plot.shown
    assert tuple(figure.get_size_inches()) == grid[::-1]
    assert len(figure.axes) == grid[0] * grid[1]
    for image, expected in zip(panels(figure), IMAGES[:seen], strict=True):
        np.testing.assert_array_equal(image, expected)
    assert plot.get_fignums() == []


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (0, 255), (-127.5, 127.5)])
def test_ranges_of_values(low, high, plot):
    images = torch.from_numpy(IMAGES).double() / 255 * (high - low) + low
    figure = visualization.plot_image_gallery(images, value_range=(low, high), show=False)
    np.testing.assert_array_equal(panels(figure)[3], IMAGES[3])
    assert plot.shown == []
    first = IMAGES.transpose(0, 3, 1, 2)
    figure = visualization.plot_image_gallery(first, show=False, data_format="channels_first")
    np.testing.assert_array_equal(panels(figure)[3], IMAGES[3])
    figure = visualization.plot_image_gallery(IMAGES[..., :1], show=False)
    np.testing.assert_array_equal(panels(figure)[3], IMAGES[3, ..., 0])


@pytest.mark.parametrize(
    "kwargs, title",
    [
        ({"y_true": [1, 0, 1, 0, 1]}, "Label: b"),
        ({"y_pred": torch.zeros(5)}, "Pred: a"),
        ({"y_true": [1, 0, 1, 0, 1], "y_pred": np.zeros(5)}, "Label: b  Pred: a"),
    ],
)
def test_titles_equal_keras(kwargs, title, plot, monkeypatch):
    visualization.plot_image_gallery(IMAGES[:4], label_map={0: "a", 1: "b"}, **kwargs)
    keras.visualization.plot_image_gallery(IMAGES[:4], label_map={0: "a", 1: "b"}, **kwargs)
    ours, theirs = ([panel.get_title() for panel in f.axes] for f in plot.shown)
    assert ours == theirs and ours[0] == title


def test_galleries_go_to_files(plot, tmp_path):
    path = tmp_path / "gallery.png"
    assert visualization.plot_image_gallery(IMAGES, path=path, transparent=False, dpi=30) is None
    assert plot.shown == [] and plot.imread(path).ndim == 3


def test_gallery_of_boxes(plot):
    colors = {"true_color": (9, 8, 7), "pred_color": (1, 2, 3)}
    other = {**BOXES, "boxes": BOXES["boxes"] + 3}
    figure = visualization.plot_bounding_box_gallery(
        IMAGES / 255, "xyxy", BOXES, other, (0, 1), **colors, legend=True, show=False
    )
    draw = visualization.draw_bounding_boxes
    expected = draw(IMAGES, BOXES, "xyxy", color=(9, 8, 7))
    expected = draw(expected, other, "xyxy", color=(1, 2, 3))
    np.testing.assert_array_equal(panels(figure)[4], expected[4])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["Ground Truth", "Prediction"]
    with pytest.raises(ValueError, match="Only pass `legend` OR `legend_handles`"):
        visualization.plot_bounding_box_gallery(IMAGES, "xyxy", legend=True, legend_handles=[1])


def test_gallery_of_boxes_with_names(plot):
    pytest.importorskip("PIL")
    maps = {"class_mapping": {1: "x"}, "prediction_mapping": {1: "y"}}
    images = np.zeros((1, 60, 90, 3))
    boxes = {"boxes": np.array([[[10, 40, 60, 55]]]), "labels": np.array([[1]])}

    def seen(**kwargs):
        kwargs = {**maps, "show": False, **kwargs}
        return panels(visualization.plot_bounding_box_gallery(images, "xyxy", **kwargs))[0]

    same = {"true_color": (9, 9, 9), "pred_color": (9, 9, 9)}
    named_x, named_y = seen(y_true=boxes, **same), seen(y_pred=boxes, **same)
    assert (named_x != named_y).any()
    np.testing.assert_array_equal(named_x, seen(y_pred=boxes, prediction_mapping={1: "x"}, **same))
    np.testing.assert_array_equal(
        named_y, seen(y_true=boxes, ground_truth_mapping={1: "y"}, **same)
    )


def test_gallery_of_masks(plot):
    figure = visualization.plot_segmentation_mask_gallery(
        IMAGES, 4, y_true=MASKS, y_pred=MASKS[::-1].copy(), alpha=0.5, show=False
    )
    assert len(figure.axes) == 15
    draw = visualization.draw_segmentation_masks
    expected = [IMAGES, draw(IMAGES, MASKS, alpha=0.5), draw(IMAGES, MASKS[::-1], alpha=0.5)]
    for i, image in enumerate(panels(figure)):
        np.testing.assert_array_equal(image, expected[i % 3][i // 3])
    figure = visualization.plot_segmentation_mask_gallery(IMAGES, 4, y_pred=MASKS, show=False)
    assert len(figure.axes) == 10


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"path": "a.png", "show": True}, "either `path` to be set"),
        ({"y_true": [0] * 5}, "a `label_map` must also be provided"),
        ({"images": IMAGES[0]}, "`images` must be batched 4D tensor"),
        ({"value_range": (1, 1)}, "`value_range` must be"),
    ],
)
def test_wrong_galleries(kwargs, match):
    with pytest.raises(ValueError, match=match):
        torchkeras.visualization.plot_image_gallery(**{"images": IMAGES, **kwargs})
