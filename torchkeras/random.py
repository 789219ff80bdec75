"""Random tensors, from a fixed seed, from a stream of seeds, or from torch's own generator."""

import numbers
import random as python_random

import numpy as np
import torch

from torchkeras import _checks, _device, _dtypes, _state
from torchkeras._configurable import Configurable
from torchkeras._shapes import standardize_shape
from torchkeras._variable import Variable

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

# Multiplier of an unordered step, which scatters seeds and counters.
_UNORDERED_STEP = 5387
# Values of a truncated normal drawn at once: bounds the memory for the spare draws.
_CHUNK = 2**22


class SeedGenerator(Configurable):
    """A stream of seeds: each random function that is given it draws other numbers.

    The state is the pair ``[seed, counter]``; every use adds one to the counter, so a
    generator made with the same seed repeats the same stream. Inside ``torch.compile`` the
    random functions draw from torch's global generator instead.

    Args:
        seed: Integer that the stream starts from; ``None`` takes one from Python's
            ``random``, so `set_random_seed` makes it repeatable too.
        name: Name of the generator; default a unique one.

    Raises:
        ValueError: if ``seed`` is no integer, or for an unknown argument.

    Example:
        >>> seeds = torchkeras.random.SeedGenerator(7)
        >>> a, b = (torchkeras.random.uniform((2,), seed=seeds) for _ in range(2))
        >>> bool((a == b).any())
        False
        >>> seeds.state.tolist()
        [7, 2]
    """

    def __init__(self, seed=None, name=None, **kwargs):
        kwargs.pop("backend", None)  # Keras' way to ask for numpy; there is one backend here
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
        if seed is not None and not isinstance(seed, numbers.Integral):
            raise ValueError(f"Argument `seed` must be an integer. Received: seed={seed}")
        self.name = _state.unique_name("seed_generator") if name is None else name
        self.seed = seed
        start = make_default_seed() if seed is None else int(seed)
        # On the CPU wherever the model is: reading it there waits for no device.
        pair = torch.tensor([start, 0], dtype=torch.int64, device="cpu")
        with _state.name_scope(self.name):
            self.state = Variable(pair, dtype="int64", trainable=False, name="seed_generator_state")

    def next(self, ordered=True):
        """The current ``[seed, counter]`` as a tensor; steps on.

        Args:
            ordered: Whether the step adds one to the counter. ``False`` moves both numbers
                far away, for streams that several workers share.
        """
        pair = self.state.detach().clone()
        with torch.no_grad():
            if ordered:
                self.state[1].add_(1)
            else:
                self.state.add_(1).mul_(_UNORDERED_STEP)
        return pair


def make_default_seed():
    """A seed from Python's ``random``, for objects that were given none."""
    return python_random.randint(1, 10**9)


def set_random_seed(seed):
    """Seeds Python's ``random``, numpy and torch, so that a program repeats its numbers.

    Args:
        seed: Integer from 0 to ``2**32 - 1``.

    Raises:
        ValueError: for any other value.
    """
    if not isinstance(seed, numbers.Integral):
        raise ValueError(
            "Expected `seed` argument to be an integer. "
            f"Received: seed={seed} (of type {type(seed)})"
        )
    seed = int(seed)
    if not 0 <= seed < 2**32:
        raise ValueError(f"Seed must be between 0 and 2**32 - 1. Received: seed={seed}")
    python_random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    _state.seeded = True


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draws from a normal distribution.

    Args:
        shape: Shape of the result.
        mean: Mean of the distribution.
        stddev: Standard deviation.
        dtype: Floating point type of the result; default floatx.
        seed: Integer (the same numbers every time), `SeedGenerator` (the next of its
            stream), or ``None`` for torch's global generator.

    Raises:
        ValueError: for a ``dtype`` that is no float, or another kind of ``seed``.

    Example:
        >>> torchkeras.random.normal((2, 3), seed=1).shape
        torch.Size([2, 3])
    """
    shape, dtype, device = _sizes(shape), _float_dtype("normal", dtype), _device.default_device()
    draws = torch.empty(shape, dtype=dtype, device=device)
    return draws.normal_(mean, stddev, generator=_generator(seed, device))


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Draws uniformly from ``[minval, maxval)``.

    Args:
        shape: Shape of the result.
        minval: Lowest value.
        maxval: Upper bound, not drawn itself.
        dtype: Floating point type of the result; default floatx.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for a ``dtype`` that is no float (see `randint`), or another kind of seed.

    Example:
        >>> x = torchkeras.random.uniform((100,), 2, 3)
        >>> bool(((x >= 2) & (x <= 3)).all())
        True
    """
    shape, dtype, device = _sizes(shape), _float_dtype("uniform", dtype), _device.default_device()
    draws = torch.rand(shape, dtype=dtype, device=device, generator=_generator(seed, device))
    if minval == 0 and maxval == 1:
        return draws
    return draws.mul_(maxval - minval).add_(minval)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Draws from a normal distribution without what lies beyond two standard deviations.

    Args:
        shape: Shape of the result.
        mean: Mean of the distribution.
        stddev: Standard deviation before the cut.
        dtype: Floating point type of the result; default floatx.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for a ``dtype`` that is no float, or another kind of ``seed``.

    Example:
        >>> bool((torchkeras.random.truncated_normal((1000,)).abs() <= 2).all())
        True
    """
    dtype = _float_dtype("truncated_normal", dtype)
    shape, device = _sizes(shape), _device.default_device()
    generator = _generator(seed, device)
    result = torch.empty(shape, dtype=dtype, device=device)
    for part in result.view(-1).split(_CHUNK):
        # Of four draws the first inside is taken; all four miss once in 230,000 times.
        draws = torch.empty((*part.shape, 4), dtype=dtype, device=device)
        draws.normal_(generator=generator)
        first = (draws.abs() < 2).byte().argmax(-1, keepdim=True)
        part.copy_(draws.gather(-1, first).squeeze(-1).clamp_(-2, 2))
    return result.mul_(stddev).add_(mean)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    """Draws integers uniformly from ``minval`` to ``maxval - 1``.

    Args:
        shape: Shape of the result.
        minval: Lowest value.
        maxval: Upper bound, not drawn itself.
        dtype: Integer type of the result.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for a ``dtype`` that is no integer, or another kind of ``seed``.

    Example:
        >>> x = torchkeras.random.randint((100,), 3, 6)
        >>> sorted(set(x.tolist()))
        [3, 4, 5]
    """
    name = _dtypes.standardize_dtype(dtype)
    if "int" not in name:
        raise ValueError(
            f"`keras.random.randint` requires an integer `dtype`. Received: dtype={dtype} "
        )
    device = _device.default_device()
    generator = _generator(seed, device)
    # int64 holds every bound; torch draws the same numbers in any type.
    draws = torch.randint(
        int(minval), int(maxval), _sizes(shape), generator=generator, device=device
    )
    return draws.to(_dtypes.torch_dtype(name))


def categorical(logits, num_samples, dtype="int32", seed=None):
    """Draws class indices with the probabilities ``softmax(logits)``.

    Args:
        logits: ``(batch, classes)`` unscaled log probabilities.
        num_samples: Number of draws for each row.
        dtype: Type of the indices.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Returns:
        ``(batch, num_samples)`` indices.

    Raises:
        ValueError: if ``logits`` has another rank, or for another kind of ``seed``.

    Example:
        >>> torchkeras.random.categorical(torch.tensor([[0.0, 99.0]]), 3)
        tensor([[1, 1, 1]], dtype=torch.int32)
    """
    logits = _tensor(logits)
    if logits.ndim != 2:
        raise ValueError(
            "`logits` should be a 2-D tensor with shape [batch_size, num_classes]. "
            f"Received: logits of shape {tuple(logits.shape)}"
        )
    if not logits.dtype.is_floating_point:
        logits = logits.float()
    draws = torch.multinomial(
        logits.softmax(-1), num_samples, True, generator=_generator(seed, logits.device)
    )
    return draws.to(_dtypes.torch_dtype(dtype))


def dropout(inputs, rate, noise_shape=None, seed=None):
    """Sets a random part of the values to zero and scales the others by ``1 / (1 - rate)``.

    Args:
        inputs: Tensor of floats.
        rate: Probability of a zero.
        noise_shape: Shape of the mask, which broadcasts to the inputs: axes of size one
            drop together. ``None`` in it stands for the inputs' size; default all of them.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: if ``rate`` is not from 0 to 1, or for another kind of ``seed``.

    Example:
        >>> torchkeras.random.dropout(torch.ones(2, 4), 0.5, noise_shape=(2, 1), seed=1)
        tensor([[0., 0., 0., 0.],
                [2., 2., 2., 2.]])
    """
    _checks.fraction("rate", rate)
    inputs = _tensor(inputs)
    if rate == 0:
        return inputs
    if seed is None and noise_shape is None:
        if not _draws_bits(inputs, rate):
            return torch.dropout(inputs, rate, True)
        if torch.compiler.is_compiling():
            return inputs * _dropout_mask_operator(inputs.detach(), rate)
        if not torch._C._are_functorch_transforms_active():  # which have rules for randomness
            return inputs * _dropout_mask(inputs, rate)
        return torch.dropout(inputs, rate, True)
    shape = inputs.shape
    if noise_shape is not None:
        shape = [s if n is None else n for n, s in zip(noise_shape, shape, strict=True)]
    generator = _generator(seed, inputs.device)
    kept = torch.rand(shape, device=inputs.device, generator=generator) < 1 - rate
    scale = 1 / (1 - rate) if rate < 1 else 0
    return torch.where(kept, inputs * scale, 0)


def _draws_bits(inputs, rate):
    """Whether `_dropout_mask` is to be used: where it is faster, and as good."""
    return (
        inputs.device.type == "cpu"
        and inputs.dtype is torch.float32
        and 1e-3 <= rate <= 1 - 1e-3
        and type(inputs) is torch.Tensor
    )


def _dropout_mask(inputs, rate):
    """0 at a rate, else what keeps the mean: four elements from each 64 random bits.

    On a CPU torch draws a double for each, which takes several times as long. Here the rate
    is the nearest of 65,536 steps.
    """
    size = inputs.numel()
    bits = torch.empty(-(-size // 4), dtype=torch.int64).random_(-(2**63), None)
    steps = round(rate * 65536)
    kept = bits.view(torch.int16)[:size].view(inputs.shape) >= steps - 32768
    return kept.to(inputs.dtype).mul_(1 / (1 - rate))


# A compiler's own random numbers are slower still.
@torch.library.custom_op(
    "torchkeras::dropout_mask",
    mutates_args=(),
    device_types="cpu",
    tags=(torch.Tag.nondeterministic_seeded,),
)
def _dropout_mask_operator(inputs: torch.Tensor, rate: float) -> torch.Tensor:
    return _dropout_mask(inputs, rate)


@_dropout_mask_operator.register_fake
def _(inputs, rate):
    return torch.empty_like(inputs, memory_format=torch.contiguous_format)


def shuffle(x, axis=0, seed=None):
    """Puts the slices along an axis in random order.

    Each row (each index of the axes before) has an order of its own.

    Args:
        x: Tensor.
        axis: Axis whose slices change places.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for another kind of ``seed``.

    Example:
        >>> sorted(torchkeras.random.shuffle(torch.arange(4)).tolist())
        [0, 1, 2, 3]
    """
    x = _tensor(x)
    axis = axis % x.ndim
    keys = torch.rand(x.shape[: axis + 1], device=x.device, generator=_generator(seed, x.device))
    order = keys.argsort(axis)
    return torch.take_along_dim(x, order.reshape(*order.shape, *[1] * (x.ndim - axis - 1)), axis)


def gamma(shape, alpha, dtype=None, seed=None):
    """Draws from a gamma distribution of scale one.

    Args:
        shape: Shape of the result.
        alpha: Shape parameter of the distribution; a number, or a tensor that broadcasts.
        dtype: Floating point type of the result; default floatx.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for a ``dtype`` that is no float, or another kind of ``seed``.

    Example:
        >>> torchkeras.random.gamma((2, 3), 0.5).shape
        torch.Size([2, 3])
    """
    dtype, device = _float_dtype("gamma", dtype), _device.default_device()
    alpha = _parameter(alpha, _sizes(shape), dtype, device)
    draws = torch._standard_gamma(alpha, generator=_generator(seed, device))  # type: ignore
    return draws.to(dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Draws from a beta distribution.

    Args:
        shape: Shape of the result.
        alpha: First parameter; a number, or a tensor that broadcasts.
        beta: Second parameter, likewise.
        dtype: Floating point type of the result; default floatx.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for a ``dtype`` that is no float, or another kind of ``seed``.

    Example:
        >>> x = torchkeras.random.beta((100,), 2.0, 3.0)
        >>> bool(((x >= 0) & (x <= 1)).all())
        True
    """
    shape, dtype, device = _sizes(shape), _float_dtype("beta", dtype), _device.default_device()
    pair = torch.stack([_parameter(value, shape, dtype, device) for value in (alpha, beta)], -1)
    # A beta variable is the first component of a two-way Dirichlet one.
    draws = torch._sample_dirichlet(pair, generator=_generator(seed, device))  # type: ignore
    return draws[..., 0].to(dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """Draws numbers of successes in independent trials.

    Args:
        shape: Shape of the result.
        counts: Number of trials; a number, or a tensor that broadcasts.
        probabilities: Probability of a success, likewise.
        dtype: Type of the result; default floatx.
        seed: Integer, `SeedGenerator` or ``None``, as in `normal`.

    Raises:
        ValueError: for another kind of ``seed``.

    Example:
        >>> x = torchkeras.random.binomial((100,), 3, 0.5)
        >>> bool(((x >= 0) & (x <= 3)).all())
        True
    """
    shape, dtype, device = _sizes(shape), _dtypes.torch_dtype(dtype), _device.default_device()
    counts = _parameter(counts, shape, dtype, device)
    probabilities = _parameter(probabilities, shape, dtype, device)
    return torch.binomial(counts, probabilities, generator=_generator(seed, device)).to(dtype)


def _generator(seed, device):
    """The torch.Generator that draws for a seed argument; ``None`` is torch's global one."""
    if seed is None:
        return None
    stream = isinstance(seed, SeedGenerator)
    if not stream and not isinstance(seed, numbers.Integral):
        raise ValueError(
            "Argument `seed` must be either an integer or an instance of `SeedGenerator`. "
            f"Received: seed={seed} (of type {type(seed)})"
        )
    # A generator cannot be traced, and a meta tensor has no numbers.
    if torch.compiler.is_compiling() or device.type == "meta":
        return None
    number = sum(seed.next().tolist()) if stream else int(seed)
    return torch.Generator(device).manual_seed(number)


def _sizes(shape):
    shape = standardize_shape(shape)
    if None in shape:
        raise ValueError(f"`shape` must be fully known. Received: shape={shape}")
    return shape


def _float_dtype(function, dtype):
    result = _dtypes.torch_dtype(dtype)
    if not result.is_floating_point:
        raise ValueError(
            f"`keras.random.{function}` requires a floating point `dtype`. Received: dtype={dtype} "
        )
    return result


def _parameter(value, shape, dtype, device):
    """A distribution's parameter at full shape; 16 bits and integers are drawn in float32."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    return _dtypes.to_tensor(value, wide, device).expand(shape)


def _tensor(x):
    """``x``, or a tensor of it where it is an array, a list or a number."""
    return x if hasattr(x, "__torch_function__") else _dtypes.to_tensor(x)
