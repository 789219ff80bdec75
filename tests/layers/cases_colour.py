"""Rows of the table of layers: those that change the colours of images, or mix images."""

from tests.layers.case import Case

_SHAPE = (2, 6, 5, 3)
_DRAWN = {"train_differs": True, "random": True, "trains": True}
_UNIT = {"value_range": (-3, 3)}  # about that of the inputs of the rows
_FIRST = {"data_format": "channels_first"}
# Rounding the inputs moves some of them to the next step of a curve.
_STEPS = ("bfloat16",)


def _rows(layer, *kwargs, shape=_SHAPE, **options):
    return [Case(layer, k, shape, shape, **{**_DRAWN, **options}) for k in kwargs]


COLOUR = [
    *_rows(
        "RandomBrightness",
        {"factor": 0.5, **_UNIT},
        {"factor": (-0.3, 0.1), **_UNIT, "seed": 3, **_FIRST},
    ),
    *_rows(
        "RandomContrast",
        {"factor": 0.5, **_UNIT},
        {"factor": (0.2, 0.5), **_UNIT, "seed": 3, "bounding_box_format": "xyxy"},
    ),
    *_rows(
        "RandomColorDegeneration",
        {"factor": 0.5, **_UNIT},
        {"factor": (0.2, 0.9), **_UNIT, "seed": 3},
    ),
    *_rows("RandomGrayscale", {"factor": 1.0}, {"factor": 0.7}),
    *_rows(
        "RandomHue",
        {"factor": 0.5, **_UNIT},
        {"factor": (0.2, 0.9), **_UNIT, "seed": 3},
    ),
    *_rows(
        "RandomSaturation",
        {"factor": 0.5, **_UNIT},
        {"factor": (0.2, 0.9), **_UNIT, "seed": 3},
    ),
    *_rows(
        "RandomSharpness",
        {"factor": 0.4, **_UNIT},
        {"factor": (0.2, 0.4), **_UNIT, "seed": 3},
    ),
    *_rows("RandomInvert", {"factor": (1.0, 1.0), **_UNIT}, {"factor": (0.8, 1.0), "seed": 3}),
    *_rows(
        "RandomGaussianBlur",
        {"factor": (1.0, 1.0), **_UNIT},
        {"factor": (0.9, 1.0), "kernel_size": (3, 5), "sigma": (0.5, 2.0), **_UNIT, "seed": 3},
    ),
    *_rows(
        "RandomColorJitter",
        {"brightness_factor": 0.5, **_UNIT},
        {
            "brightness_factor": 0.2,
            "contrast_factor": (0.1, 0.3),
            "saturation_factor": (0.3, 0.6),
            "hue_factor": 0.3,
            **_UNIT,
            "seed": 3,
        },
    ),
    Case("RandomColorJitter", {}, _SHAPE, _SHAPE),
]

HISTOGRAMS = [
    Case("AutoContrast", {"value_range": (0, 1)}, _SHAPE, _SHAPE),
    Case("AutoContrast", {"value_range": (-2, 3)}, _SHAPE, _SHAPE),
    *(Case("Equalization", k, _SHAPE, _SHAPE, **_DRAWN) for k in ({}, {**_UNIT, "bins": 16})),
    *(
        Case(
            "ContrastLimitedAdaptiveHistogramEqualization",
            {**_UNIT, **k},
            shape,
            shape,
            skip=_STEPS,
        )
        for k, shape in (
            ({}, (2, 9, 17, 1)),
            ({"clip_limit": 40.0, "tile_grid_size": (2, 3)}, (2, 9, 17, 3)),
            ({"clip_limit": 0.0, "tile_grid_size": (1, 2), **_FIRST}, (2, 3, 9, 17)),
        )
    ),
    *_rows("RandomPosterization", {"factor": 4, **_UNIT}, {"factor": (2, 3), "seed": 3, **_UNIT}),
    *_rows(
        "Solarization",
        {**_UNIT},
        {"addition_factor": 0.3, "threshold_factor": (0.2, 0.5), **_UNIT, "seed": 3},
    ),
]

MIXING = [
    # So many that the order drawn is hardly the one that they come in.
    *_rows("MixUp", {}, {"alpha": 0.5, "seed": 3}, shape=(7, 4, 5, 3)),
    *_rows("CutMix", {}, {"factor": (0.4, 0.9), "seed": 5, **_FIRST}, shape=(7, 4, 5, 3)),
    *_rows(
        "RandomErasing",
        {"factor": (1.0, 1.0), "scale": (0.3, 0.9)},
        {"factor": (1.0, 1.0), "scale": (0.3, 0.5), "fill_value": 0.5, **_UNIT, "seed": 3},
        {"factor": (0.9, 1.0), "scale": 1.0, "fill_value": [0.1, 0.2, 0.3]},
    ),
]

POLICIES = [
    # The host chooses what runs, which no graph can hold.
    *_rows(
        "RandAugment",
        _UNIT,
        {"num_ops": 4, "factor": (0.3, 0.6), "interpolation": "nearest", **_UNIT, "seed": 3},
        skip=("compile",),
    ),
    *_rows(
        "AugMix",
        _UNIT,
        {
            "num_chains": 2,
            "chain_depth": 5,
            "factor": (0.3, 0.6),
            "alpha": 0.7,
            "all_ops": False,
            **_UNIT,
            "seed": 3,
            **_FIRST,
        },
        skip=("compile",),
    ),
]

COLOURS = [*COLOUR, *HISTOGRAMS, *MIXING, *POLICIES]
