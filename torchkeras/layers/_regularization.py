"""Layers that make training harder: dropout, noise, penalties on activities."""

import torch
import torch.nn.functional as F

from torchkeras import _checks, config, regularizers
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.random import SeedGenerator, dropout, normal


class _Random(Layer):
    """Base of layers that change their inputs at random in training, and only then."""

    supports_masking = True

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        # Its state is a variable of the layer, as in Keras; but without a seed torch's own
        # generator draws, as its kernels are fused.
        self.seed_generator = SeedGenerator(seed)
        self._stream = None if seed is None else self.seed_generator
        self._build_at_init()

    def compute_output_shape(self, input_shape):
        return input_shape


class _Dropping(_Random):
    """Base of the layers that drop values, or slices of them, at a rate."""

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate = _checks.fraction("rate", rate)
        if noise_shape is not None:
            noise_shape = _checked_noise_shape(noise_shape)
        self.noise_shape = noise_shape

    def _noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        return tuple(n if m is None else m for m, n in zip(self.noise_shape, inputs.shape))

    def extra_repr(self):
        return f"rate={self.rate}"


class Dropout(_Dropping):
    """Sets values to 0 at random and scales the others by ``1 / (1 - rate)``, in training.

    Args:
        rate: Fraction of the values set to 0.
        noise_shape: Shape of the random mask, ``None`` for an axis as in the inputs, 1 for an
            axis along which whole slices are dropped.
        seed: Integer for a repeatable stream of masks.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if ``rate`` is not from 0 to 1, or ``noise_shape`` is no sequence.

    Example:
        >>> torchkeras.layers.Dropout(0.5)(torch.ones(4))
        tensor([1., 1., 1., 1.])
    """

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        noise_shape = self._noise_shape(inputs)
        return dropout(inputs, self.rate, noise_shape=noise_shape, seed=self._stream)


def _checked_noise_shape(noise_shape):
    invalid = "Invalid value received for argument `noise_shape`. Expected "
    if isinstance(noise_shape, str) or not hasattr(noise_shape, "__iter__"):
        raise ValueError(
            f"{invalid}a tuple or list of integers. Received: noise_shape={noise_shape!r}"
        )
    noise_shape = tuple(noise_shape)
    sizes = [n for n in noise_shape if n is not None]
    if not all(isinstance(n, int) for n in sizes):
        raise ValueError(
            f"{invalid}all elements to be integers or None. Received: noise_shape={noise_shape}"
        )
    if any(n <= 0 for n in sizes):
        raise ValueError(
            f"{invalid}all dimensions to be positive integers or None. "
            f"Received: noise_shape={noise_shape}"
        )
    return noise_shape


class _SpatialDropout(Dropout):
    """Base of dropout layers that drop whole feature maps."""

    rank: int

    def __init__(self, rate, seed=None, name=None, dtype=None, data_format=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.data_format = data_format

    def _noise_shape(self, inputs):
        ones = (1,) * self.rank
        if self.data_format == "channels_first":
            return (*inputs.shape[:2], *ones)
        return (inputs.shape[0], *ones, inputs.shape[-1])

    def get_config(self):
        # The only layers whose config has no `trainable`: their constructors do not take it.
        config = {"rate": self.rate, "seed": self.seed, "name": self.name}
        return {**config, "dtype": self.dtype_policy.name}


class SpatialDropout1D(_SpatialDropout):
    """Drops whole features of a sequence in training.

    Args:
        rate: Fraction of the features set to 0.
        seed: Integer for a repeatable stream of masks.

    Shapes:
        inputs: ``(batch, steps, channels)``
        outputs: the same

    Example:
        >>> layer = torchkeras.layers.SpatialDropout1D(0.5, seed=1)
        >>> layer(torch.ones(1, 3, 2), training=True).shape
        torch.Size([1, 3, 2])
    """

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)


class _SpatialDropoutOfFormat(_SpatialDropout):
    """Base of the spatial dropout layers that know where the channels stand."""

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        data_format = config.standardize_data_format(data_format)
        super().__init__(rate, seed=seed, name=name, dtype=dtype, data_format=data_format)

    def get_config(self):
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout2D(_SpatialDropoutOfFormat):
    """Drops whole channels of images in training.

    Args:
        rate: Fraction of the channels set to 0.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        seed: Integer for a repeatable stream of masks.

    Shapes:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
        outputs: the same

    Raises:
        ValueError: if ``rate`` is not from 0 to 1.

    Paper: Tompson et al. 2014, https://arxiv.org/abs/1411.4280

    Example:
        >>> layer = torchkeras.layers.SpatialDropout2D(0.5, seed=1)
        >>> layer(torch.ones(1, 3, 3, 2), training=True).shape
        torch.Size([1, 3, 3, 2])
    """

    rank = 2


class SpatialDropout3D(_SpatialDropoutOfFormat):
    """Drops whole channels of volumes in training.

    Args:
        rate: Fraction of the channels set to 0.
        data_format: ``"channels_last"`` or ``"channels_first"``; default the global one.
        seed: Integer for a repeatable stream of masks.

    Shapes:
        inputs: ``(batch, depth, height, width, channels)``, or the channels second
        outputs: the same

    Raises:
        ValueError: if ``rate`` is not from 0 to 1.

    Paper: Tompson et al. 2014, https://arxiv.org/abs/1411.4280

    Example:
        >>> layer = torchkeras.layers.SpatialDropout3D(0.5, seed=1)
        >>> layer(torch.ones(1, 3, 3, 3, 2), training=True).shape
        torch.Size([1, 3, 3, 3, 2])
    """

    rank = 3


# What `selu` tends to far below zero.
_SATURATED = -1.7580993408473766


class AlphaDropout(_Dropping):
    """Sets values to the limit of `selu` at random, and keeps mean and variance, in training.

    With ``d`` that limit: ``a * x + b`` for the kept values and ``a * d + b`` for the dropped,
    where ``a = ((1 - rate) * (1 + rate * d ** 2)) ** -0.5`` and ``b = -a * rate * d``.

    Args:
        rate: Fraction of the values that are dropped.
        noise_shape: Shape of the random mask, ``None`` for an axis as in the inputs, 1 for an
            axis along which whole slices are dropped.
        seed: Integer for a repeatable stream of masks.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if ``rate`` is not from 0 to 1, or ``noise_shape`` is no sequence.

    Paper: Klambauer et al. 2017, https://arxiv.org/abs/1706.02515

    Example:
        >>> torchkeras.layers.AlphaDropout(0.5)(torch.ones(2))
        tensor([1., 1.])
    """

    def call(self, inputs, training=False):
        rate, d = self.rate, _SATURATED
        if not training or rate == 0:
            return inputs
        noise_shape = self._noise_shape(inputs)
        if noise_shape is None and self._stream is None:
            return F.alpha_dropout(inputs, rate, True)
        if rate == 1:  # the limit of the formula
            return torch.zeros_like(inputs)
        ones = torch.ones(noise_shape or inputs.shape, dtype=inputs.dtype, device=inputs.device)
        kept = dropout(ones, rate, seed=self._stream) > 0
        a = ((1 - rate) * (1 + rate * d**2)) ** -0.5
        b = -a * rate * d
        return torch.where(kept, a * inputs + b, a * d + b)


class GaussianNoise(_Random):
    """Adds normal noise in training.

    Args:
        stddev: Standard deviation of the noise.
        seed: Integer for a repeatable stream of noise.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if ``stddev`` is not from 0 to 1.

    Example:
        >>> torchkeras.layers.GaussianNoise(0.1)(torch.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.stddev = _checks.fraction("stddev", stddev)

    def call(self, inputs, training=False):
        if not training or self.stddev == 0:
            return inputs
        return inputs + _normal_like(inputs, 0.0, self.stddev, self._stream)


class GaussianDropout(_Random):
    """Multiplies by normal noise around 1 in training.

    The noise has the standard deviation ``sqrt(rate / (1 - rate))``.

    Args:
        rate: As the rate of a dropout of the same strength.
        seed: Integer for a repeatable stream of noise.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if ``rate`` is not from 0 to 1.

    Example:
        >>> torchkeras.layers.GaussianDropout(0.1)(torch.ones(2))
        tensor([1., 1.])
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate = _checks.fraction("rate", rate)

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        stddev = (self.rate / (1.0 - self.rate)) ** 0.5
        return inputs * _normal_like(inputs, 1.0, stddev, self._stream)


def _normal_like(inputs, mean, stddev, seed):
    if seed is None:
        return torch.empty_like(inputs).normal_(mean, stddev)
    with inputs.device:
        return normal(tuple(inputs.shape), mean, stddev, dtype=inputs.dtype, seed=seed)


class ActivityRegularization(Layer):
    """Adds ``l1 * sum(|x|) + l2 * sum(x^2)`` of its inputs to the loss.

    Args:
        l1: Factor of the absolute values.
        l2: Factor of the squares.

    Shapes:
        inputs: any
        outputs: the same

    Example:
        >>> layer = torchkeras.layers.ActivityRegularization(l2=0.5)
        >>> _ = layer(torch.ones(1, 4))
        >>> layer.losses
        [tensor(2.)]
    """

    supports_masking = True

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self._build_at_init()

    _config_skip = ("autocast", "activity_regularizer")

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape
