"""Layers that make training harder: dropout, noise, penalties on activities."""

import torch
import torch.nn.functional as F

from torchkeras import _checks, regularizers
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.random import SeedGenerator, dropout, normal


class _Random(Layer):
    """Base of layers that change their inputs at random in training, and only then."""

    supports_masking = True

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        if seed is not None and not isinstance(seed, int):
            raise ValueError(
                f"Invalid value received for argument `seed`. Expected None or an integer. "
                f"Received: seed={seed}"
            )
        self.seed = seed
        # Without a seed torch's own generator draws: no state to keep, and one fused kernel.
        self.seed_generator = None if seed is None else SeedGenerator(seed)
        self.built = True

    def compute_output_shape(self, input_shape):
        return input_shape


class Dropout(_Random):
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

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.rate = _checks.fraction("rate", rate)
        if noise_shape is not None:
            noise_shape = tuple(noise_shape)
            if any(n is not None and (not isinstance(n, int) or n <= 0) for n in noise_shape):
                raise ValueError(
                    "Each dimension in `noise_shape` must be a positive integer or None. "
                    f"Received: noise_shape={noise_shape}"
                )
        self.noise_shape = noise_shape

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        if self.noise_shape is None and self.seed_generator is None:
            return F.dropout(inputs, self.rate, True)
        noise_shape = self._noise_shape(inputs)
        return dropout(inputs, self.rate, noise_shape=noise_shape, seed=self.seed_generator)

    def _noise_shape(self, inputs):
        if self.noise_shape is None:
            return None
        return tuple(n if m is None else m for m, n in zip(self.noise_shape, inputs.shape))

    def extra_repr(self):
        return f"rate={self.rate}"


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

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        shape = self._noise_shape(inputs)
        return dropout(inputs, self.rate, noise_shape=shape, seed=self.seed_generator)

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
        return inputs + _normal_like(inputs, 0.0, self.stddev, self.seed_generator)


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
        return inputs * _normal_like(inputs, 1.0, stddev, self.seed_generator)


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
        self.built = True

    _config_skip = ("autocast", "activity_regularizer")

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape
