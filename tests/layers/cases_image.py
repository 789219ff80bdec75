"""Rows of the table of layers: those that resize, crop and move images.

What comes out in training is drawn; test_image_layers.py gives Keras the same transformations.
"""

from tests.layers.case import Case, product

SEED = 1  # with which the first calls all mirror one image at least
_FORMATS = ("channels_last", "channels_first")


def _shaped(data_format, height, width):
    return (2, height, width, 3) if data_format == "channels_last" else (2, 3, height, width)


def _sized():
    sizes = ((4, 5), (12, 9), (3, 20))
    for data_format, (height, width) in ((f, s) for f in _FORMATS for s in sizes):
        kwargs = {"height": height, "width": width, "data_format": data_format}
        shapes = _shaped(data_format, 8, 10), _shaped(data_format, height, width)
        for how in ("bilinear", "nearest", "bicubic"):
            for more in (
                {},
                {"antialias": True},
                {"crop_to_aspect_ratio": True},
                {"pad_to_aspect_ratio": True, "fill_value": 2.0},
            ):
                yield Case("Resizing", {**kwargs, "interpolation": how, **more}, *shapes)
        yield Case("CenterCrop", kwargs, *shapes)
        yield Case(
            "RandomCrop",
            {**kwargs, "seed": 3},
            *shapes,
            # Only what fits is cut out at random.
            train_differs=(height, width) == (4, 5),
            random=True,
            trains=True,
            # Out of training Keras hands the images on, whatever its documentation says.
            skip=("oracle",),
        )


_RANDOM = {
    "RandomFlip": ({}, {"mode": "horizontal"}, {"mode": "vertical"}),
    "RandomTranslation": (
        {"height_factor": 0.3, "width_factor": (0.1, 0.2)},
        {"height_factor": 0.3, "width_factor": 0.0, "fill_mode": "wrap"},
    ),
    "RandomRotation": (
        {"factor": 0.2},
        {"factor": (0.1, 0.2), "fill_mode": "constant", "fill_value": 2.0},
    ),
    "RandomZoom": (
        {"height_factor": 0.3},
        {"height_factor": (0.2, 0.3), "width_factor": -0.2, "interpolation": "nearest"},
    ),
    "RandomShear": ({"x_factor": 0.3}, {"x_factor": 0.2, "y_factor": (0.1, 0.3)}),
    "RandomPerspective": ({"factor": (1.0, 1.0)}, {"factor": (0.8, 1.0), "scale": 0.4}),
    "RandomElasticTransform": (
        {"factor": (1.0, 1.0), "scale": (0.5, 1.0), "value_range": (-9, 9)},
        {"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_mode": "mirror"},
    ),
}


def _moving():
    for name, options in _RANDOM.items():
        for row in product(more=options, data_format=_FORMATS):
            shape = _shaped(row["data_format"], 8, 10)
            kwargs = {**row["more"], "data_format": row["data_format"], "seed": SEED}
            yield Case(
                name,
                kwargs,
                shape,
                shape,
                train_differs=True,
                random=True,
                trains=True,
                # Keras cannot read its own config of it.
                skip=("keras_config",) if name == "RandomShear" else (),
            )


IMAGE = [
    *_sized(),
    *_moving(),
    Case("CenterCrop", {"height": 4, "width": 5}, (2, 8, 10, 3), (2, 4, 5, 3), kind="int"),
    Case("MaxNumBoundingBoxes", {"max_number": 3}, (2, 8, 10, 3), (2, 8, 10, 3)),
]
