"""RandAugment and AugMix: several changes of images one after another, chosen at random."""

import numbers

import torch

from torchkeras import _checks, _dtypes, random
from torchkeras.layers._preprocessing._colour import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColour,
    RandomContrast,
    RandomSharpness,
)
from torchkeras.layers._preprocessing._geometry import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from torchkeras.layers._preprocessing._histogram import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    Solarization,
)
from torchkeras.layers._preprocessing._image import images_of
from torchkeras.layers._preprocessing._mixing import dirichlet


class _Policy(RandomColour):
    """A layer that chooses among eleven others, kept under their names."""

    _FACTOR_BOUNDS = (0, 1)
    _AUGMENT_LAYERS = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def __init__(self, *, factor, interpolation, **kwargs):
        super().__init__(factor=factor, **kwargs)
        self.interpolation = interpolation
        factor = self.factor
        # Integers are rounded once, after the last change.
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        shared: dict = {"data_format": self.data_format, "dtype": dtype}
        shared["bounding_box_format"] = self.bounding_box_format
        colours = {**shared, "value_range": self.value_range}
        moves = {**shared, "interpolation": interpolation}
        bits = (1, max(1, int(8 * factor[1])))
        self.random_shear = RandomShear(factor, factor, **moves)
        self.random_translation = RandomTranslation(factor, factor, **moves)
        self.random_rotation = RandomRotation(factor, **moves)
        self.random_brightness = RandomBrightness(factor, **colours)
        self.random_color_degeneration = RandomColorDegeneration(factor, **colours)
        self.random_contrast = RandomContrast(factor, **colours)
        self.random_sharpness = RandomSharpness(factor, **colours)
        self.random_posterization = RandomPosterization(bits, **colours)
        self.solarization = Solarization(factor, factor, **colours)
        self.auto_contrast = AutoContrast(**colours)
        self.equalization = Equalization(**colours)

    def _choose(self, shape, bound, seed):
        """Numbers below a bound, on the host, which is to know what runs next."""
        source = random._generator(seed, torch.device("cpu"))
        return torch.randint(bound, shape, generator=source, device="cpu").tolist()


class RandAugment(_Policy):
    """Changes images by some of eleven ways one after another, in training.

    For each batch ``num_ops`` of shearing, moving, turning, brightness, duller colours, contrast,
    sharpness, posterization, solarization, automatic contrast and equalization are chosen, one of
    them perhaps more than once. How much each does is drawn from ``factor``, for each image.

    Args:
        value_range: ``(low, high)`` of the pixels.
        num_ops: How many are chosen.
        factor: Lower and upper bound of what is drawn, from 0 to 1; ``f`` stands for ``(0, f)``.
        interpolation: ``"nearest"`` or ``"bilinear"``, where pixels are moved.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, a range that is no pair of numbers, or a negative
            number of operations.
        NotImplementedError: for an unknown interpolation.

    Reference: `Cubuk et al., 2019 <https://arxiv.org/abs/1909.13719>`_

    Example:
        >>> layer = torchkeras.layers.RandAugment(value_range=(0, 1))
        >>> layer(torch.rand(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            value_range=value_range,
            factor=factor,
            interpolation=interpolation,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.num_ops = _checks.sizes("num_ops", num_ops, 1, allow_zero=True)[0]

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"transforms": {name: what that layer draws}, "layer_idxes": numbers of the layers}``.

        A layer that is chosen twice does the same twice.
        """
        if not training:
            return None
        seed = self._stream if seed is None else seed
        chosen = self._choose((self.num_ops,), len(self._AUGMENT_LAYERS), seed)
        transforms = {}
        for i in sorted(set(chosen)):
            name = self._AUGMENT_LAYERS[i]
            transforms[name] = getattr(self, name).get_random_transformation(data, training, seed)
        return {"transforms": transforms, "layer_idxes": chosen}

    def _apply(self, method, value, transformation):
        for i in transformation["layer_idxes"]:
            name = self._AUGMENT_LAYERS[int(i)]
            value = getattr(getattr(self, name), method)(value, transformation["transforms"][name])
        return value

    def _change(self, x, transformation):
        return self._apply("transform_images", x, transformation)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training or transformation is None:
            return bounding_boxes
        return self._apply("transform_bounding_boxes", bounding_boxes, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._apply("transform_segmentation_masks", segmentation_masks, transformation)


class AugMix(_Policy):
    """Mixes images with several versions of them, each changed by a chain of ways, in training.

    ``w * x + (1 - w) * sum_i v_i * chain_i(x)``, with ``w`` from a beta and ``v`` from a Dirichlet
    distribution. Each link of a chain is one of the ways of `RandAugment`, or none, the same for
    the whole batch. Masks are mixed like the images, to floats; boxes stay.

    Args:
        value_range: ``(low, high)`` of the pixels.
        num_chains: How many chains there are.
        chain_depth: How many links a chain has at the most.
        factor: Lower and upper bound of how much a link does, from 0 to 1; ``f`` stands for
            ``(0, f)``.
        alpha: Parameter of the distributions of the weights.
        all_ops: Whether brightness, duller colours, contrast and sharpness are among the ways.
        interpolation: ``"nearest"`` or ``"bilinear"``, where pixels are moved.
        seed: Integer, for the same draws each time.
        data_format: ``"channels_last"`` or ``"channels_first"``; default that of the config.

    Shapes:
        inputs: ``(height, width, channels)``, or a batch of them; or a dict
        outputs: the same

    Raises:
        ValueError: for a factor out of bounds, a range that is no pair of numbers, or a number of
            chains or links or a parameter that is not positive.
        NotImplementedError: for an unknown interpolation.

    Reference: `Hendrycks et al., 2019 <https://arxiv.org/abs/1912.02781>`_

    Example:
        >>> layer = torchkeras.layers.AugMix(value_range=(0, 1))
        >>> layer(torch.rand(2, 8, 8, 3)).shape
        torch.Size([2, 8, 8, 3])
    """

    _NOT_ALWAYS = (
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
    )

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(
            value_range=value_range,
            factor=factor,
            interpolation=interpolation,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.num_chains = _checks.positive_int("num_chains", num_chains)
        self.chain_depth = _checks.positive_int("chain_depth", chain_depth)
        if not isinstance(alpha, numbers.Real) or not float(alpha) > 0:
            raise ValueError(f"`alpha` must be a positive number. Received: alpha={alpha!r}")
        self.alpha = alpha
        self.all_ops = all_ops

    def get_random_transformation(self, data, training=True, seed=None):
        """``{"chain_mixing_weights": ..., "weight_sample": ..., "chain_transforms": ...}``.

        The last is a list for each chain, of ``{"layer_name": ..., "transformation": ...}``.
        """
        if not training:
            return None
        seed = self._stream if seed is None else seed
        device = images_of(data).device
        skipped = () if self.all_ops else self._NOT_ALWAYS
        names = [name for name in self._AUGMENT_LAYERS if name not in skipped]
        links = self._choose((self.num_chains, self.chain_depth), len(names) + 1, seed)

        def link(name):
            drawn = getattr(self, name).get_random_transformation(data, training, seed)
            return {"layer_name": name, "transformation": drawn}

        alpha = float(self.alpha)
        weights = dirichlet(torch.full((self.num_chains,), alpha, device=device), seed)
        share = dirichlet(torch.full((2,), alpha, device=device), seed)[0]
        return {
            "chain_mixing_weights": weights,
            "weight_sample": share,
            "chain_transforms": [
                [link(names[i]) for i in chain if i < len(names)] for chain in links
            ],
        }

    def _mix(self, method, x, transformation):
        weights, share = (
            torch.as_tensor(transformation[name], device=x.device).to(x.dtype)
            for name in ("chain_mixing_weights", "weight_sample")
        )
        mixed = torch.zeros_like(x)
        for weight, chain in zip(weights, transformation["chain_transforms"]):
            changed = x
            for link in chain:
                layer = getattr(self, link["layer_name"])
                changed = getattr(layer, method)(changed, link["transformation"])
            mixed = mixed + weight * changed
        return torch.lerp(mixed, x, share)

    def _change(self, x, transformation):
        return self._mix("transform_images", x, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        masks = _dtypes.to_tensor(segmentation_masks)
        masks = masks if masks.is_floating_point() else masks.to(torch.float32)
        return self._mix("transform_segmentation_masks", masks, transformation)
