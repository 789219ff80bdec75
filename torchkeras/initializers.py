"""How new weights are filled: constants, random draws, orthogonal and Fourier matrices."""

import math
import numbers

import torch
from torch.signal import windows

from torchkeras import _device, _dtypes, _variable, random
from torchkeras._configurable import Configurable
from torchkeras._registry import Registry
from torchkeras.saving import _objects

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]


class Initializer(Configurable):
    """Base of all initializers: a callable ``(shape, dtype=None) -> tensor``.

    A subclass writes ``__call__`` and keeps its constructor arguments under their names.

    Example:
        >>> class Twos(torchkeras.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return torch.full(shape, 2.0)
        >>> Twos()((2,))
        tensor([2., 2.])
    """

    def __call__(self, shape, dtype=None):
        """A tensor of this shape and dtype (default floatx)."""
        raise NotImplementedError(
            "Initializer subclasses must implement the `__call__()` method. "
            f"Received: {type(self).__name__}"
        )

    @classmethod
    def from_config(cls, config):
        """An initializer from its config, in which arrays and seed generators are configs."""
        inner = {
            name: _objects.deserialize_keras_object(value) if isinstance(value, dict) else value
            for name, value in config.items()
        }
        return cls(**inner)

    def clone(self):
        """A new initializer with the same config."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """Fills with zeros.

    Example:
        >>> torchkeras.initializers.Zeros()((2,))
        tensor([0., 0.])
    """

    def __call__(self, shape, dtype=None):
        """A tensor of zeros."""
        return torch.zeros(
            random._sizes(shape), dtype=_dtypes.torch_dtype(dtype), device=_device.default_device()
        )


class Ones(Initializer):
    """Fills with ones.

    Example:
        >>> torchkeras.initializers.Ones()((2,))
        tensor([1., 1.])
    """

    def __call__(self, shape, dtype=None):
        """A tensor of ones."""
        return torch.ones(
            random._sizes(shape), dtype=_dtypes.torch_dtype(dtype), device=_device.default_device()
        )


class Constant(Initializer):
    """Fills with a given value.

    Args:
        value: A number, or an array that broadcasts to the shape.

    Example:
        >>> torchkeras.initializers.Constant(3)((2,))
        tensor([3., 3.])
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        """A tensor of the value."""
        value = _dtypes.to_tensor(self.value, _dtypes.torch_dtype(dtype), _device.default_device())
        return value.expand(random._sizes(shape)).clone()


class Identity(Initializer):
    """Fills a matrix with ones on the diagonal and zeros elsewhere.

    Args:
        gain: The value on the diagonal.

    Raises:
        ValueError: when called with a shape that is no matrix's.

    Example:
        >>> torchkeras.initializers.Identity(2.0)((2, 3))
        tensor([[2., 0., 0.],
                [0., 2., 0.]])
    """

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None):
        """A tensor of shape ``(rows, columns)``."""
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        dtype, device = _dtypes.torch_dtype(dtype), _device.default_device()
        return (torch.eye(*shape, device=device) * self.gain).to(dtype)


class STFT(Initializer):
    """Fills a kernel of shape ``(frame, 1, frequencies)`` with windowed waves.

    A convolution with it computes one side of the short-time Fourier transform:
    ``window[n] * cos(2 pi k n / N)`` or ``-window[n] * sin(2 pi k n / N)``, where ``N`` is
    ``2 * (frequencies - 1)``.

    Args:
        side: ``"real"`` or ``"imag"``.
        window: Name of a window (``"hann"``, ``"hamming"``, ``"blackman"``, ``"bartlett"``,
            ``"cosine"``, ``"nuttall"``, or with scipy installed any that
            ``scipy.signal.get_window`` takes), an array of ``frame`` values, or ``None`` for
            plain waves.
        scaling: ``"density"`` divides a window by the root of its energy, ``"spectrum"`` by
            its sum; ``None`` leaves it.
        periodic: Whether the window is one period of a periodic one, not a symmetric one.

    Raises:
        ValueError: for another ``side``, ``scaling`` or ``window``, or a shape without the
            axis of size one.

    Example:
        >>> torchkeras.initializers.STFT("real", window=None)((4, 1, 3)).shape
        torch.Size([4, 1, 3])
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(f"side should be 'real' or 'imag', not {side}")
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                "Scaling is invalid, it must be `None`, 'density' or 'spectrum'. "
                f"Received scaling={scaling}"
            )
        if _is_name(window):
            _window(window, 4, periodic)  # an unknown name fails here, not at the first call
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape, dtype=None):
        """A tensor of shape ``(frame, 1, frequencies)``."""
        if len(shape) != 3:
            raise ValueError(
                "STFT initializer expects a shape (frame, 1, frequencies). "
                f"Received: shape={tuple(shape)}"
            )
        frame, channels, frequencies = shape
        device = _device.default_device()
        real = {"dtype": torch.float32 if device.type == "mps" else torch.float64, "device": device}
        time = torch.arange(frame, **real).reshape(frame, 1, 1)
        frequency = torch.arange(frequencies, **real)
        angle = time * frequency * (2 * math.pi / (2 * (frequencies - 1)))
        waves = torch.cos(angle) if self.side == "real" else -torch.sin(angle)
        if self.window is not None:
            window = _window(self.window, frame, self.periodic).to(**real)
            if self.scaling == "density":
                window = window / window.square().sum().sqrt()
            elif self.scaling == "spectrum":
                window = window / window.sum().abs()
            waves = waves * window.reshape(frame, 1, 1)
        return waves.expand(frame, channels, frequencies).to(_dtypes.torch_dtype(dtype))


_WINDOWS = {
    name: getattr(windows, name)
    for name in ("hann", "hamming", "blackman", "bartlett", "cosine", "nuttall")
}


def _is_name(window):
    """Whether ``window`` is a name, alone or with its parameters as in ``("kaiser", 3.0)``."""
    first = window[0] if isinstance(window, (tuple, list)) and len(window) else window
    return isinstance(first, str)


def _window(window, length, periodic):
    if not _is_name(window):
        window = _dtypes.to_tensor(window, "float64")
        if window.shape != (length,):
            raise ValueError(
                f"The shape of `window` must be equal to [frame_length]={[length]}. "
                f"Received: window shape={tuple(window.shape)}"
            )
        return window
    if isinstance(window, str) and window in _WINDOWS:
        return _WINDOWS[window](length, sym=not periodic, dtype=torch.float64, device="cpu")
    try:
        from scipy.signal import get_window
    except ImportError:
        raise ValueError(
            f"`window` must be one of {', '.join(map(repr, _WINDOWS))}, an array or None; other "
            f"windows need scipy (`pip install scipy`). Received: window={window!r}"
        ) from None
    return torch.from_numpy(
        get_window(window if isinstance(window, str) else tuple(window), length, periodic)
    )


class _RandomInitializer(Initializer):
    """Base of those that draw: one seed, so every call gives the same values."""

    def __init__(self, seed=None):
        self._given_seed = seed
        if seed is None:
            seed = random.make_default_seed()
        if not isinstance(seed, (numbers.Integral, random.SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an "
                f"integer. Received: seed={seed}"
            )
        self.seed = seed

    def _config_value(self, name):
        # A seed drawn here is no part of the config, so copies draw their own.
        return self._given_seed if name == "seed" else getattr(self, name)


class RandomNormal(_RandomInitializer):
    """Draws from a normal distribution.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation.
        seed: Integer or `SeedGenerator`; ``None`` takes a seed from Python's ``random``. With
            an integer or ``None`` every call of this object gives the same values.

    Example:
        >>> torchkeras.initializers.RandomNormal(stddev=0.1)((2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        """A tensor of draws."""
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(_RandomInitializer):
    """Draws from a normal distribution cut off at two standard deviations.

    Args:
        mean: Mean of the distribution.
        stddev: Standard deviation before the cut.
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.

    Example:
        >>> bool((torchkeras.initializers.TruncatedNormal()((99,)).abs() <= 0.1).all())
        True
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        """A tensor of draws."""
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(_RandomInitializer):
    """Draws uniformly from an interval.

    Args:
        minval: Lowest value.
        maxval: Upper bound.
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.

    Example:
        >>> bool((torchkeras.initializers.RandomUniform()((99,)).abs() <= 0.05).all())
        True
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        """A tensor of draws."""
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


class VarianceScaling(_RandomInitializer):
    """Draws with variance ``scale / n``, where ``n`` counts the kernel's inputs or outputs.

    A kernel has shape ``(*window, inputs, outputs)``; a unit sees ``window * inputs`` values
    (the fan in) and feeds ``window * outputs`` (the fan out).

    Args:
        scale: Positive factor of the variance.
        mode: What ``n`` is: ``"fan_in"``, ``"fan_out"`` or ``"fan_avg"``, their mean.
        distribution: ``"truncated_normal"`` (``"normal"`` means the same),
            ``"untruncated_normal"`` or ``"uniform"``.
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: Axes whose sizes multiply to the fan in, for kernels of another form, such
            as attention's ``(features, heads, head size)``; used only with ``output_axes``.
        output_axes: Axes whose sizes multiply to the fan out.

    Raises:
        ValueError: for a scale that is not positive, an unknown mode or distribution, or axes
            outside the shape.

    Example:
        >>> init = torchkeras.initializers.VarianceScaling(2.0, distribution="uniform")
        >>> bool((init((50, 20)).abs() <= (3 * 2.0 / 50) ** 0.5).all())
        True
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if not isinstance(scale, numbers.Real) or not scale > 0:
            raise ValueError(f"Argument `scale` must be positive float. Received: scale={scale}")
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(f"Invalid `mode` argument: {mode}. Please use one of {modes}")
        distribution = distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        distributions = ("truncated_normal", "untruncated_normal", "uniform")
        if distribution not in distributions:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. "
                f"Please use one of {distributions}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        """A tensor of draws."""
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, n)
        if self.distribution == "truncated_normal":
            # 0.8796... is the standard deviation of the unit normal cut off at two.
            stddev = math.sqrt(variance) / 0.87962566103423978
            return random.truncated_normal(shape, 0.0, stddev, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        limit = math.sqrt(3.0 * variance)
        return random.uniform(shape, -limit, limit, dtype, self.seed)


def _fans(shape, input_axes=None, output_axes=None):
    """How many values a unit of a kernel of this shape sees, and how many it feeds."""
    if input_axes is not None and output_axes is not None:
        return _size(shape, "input_axes", input_axes), _size(shape, "output_axes", output_axes)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _size(shape, name, axes):
    axes = (axes,) if isinstance(axes, int) else axes
    if any(not -len(shape) <= axis < len(shape) for axis in axes):
        raise ValueError(
            f"`{name}` must hold axes of the shape {tuple(shape)}. Received: {name}={axes}"
        )
    return math.prod(shape[axis] for axis in axes)


class GlorotUniform(VarianceScaling):
    """Uniform, with variance ``2 / (fan_in + fan_out)``; the default of most kernels.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `Glorot and Bengio, 2010 <http://proceedings.mlr.press/v9/glorot10a.html>`_

    Example:
        >>> bool((torchkeras.initializers.GlorotUniform()((3, 3)).abs() <= 1).all())
        True
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


class GlorotNormal(VarianceScaling):
    """Truncated normal, with variance ``2 / (fan_in + fan_out)``.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `Glorot and Bengio, 2010 <http://proceedings.mlr.press/v9/glorot10a.html>`_

    Example:
        >>> torchkeras.initializers.GlorotNormal()((3, 3)).shape
        torch.Size([3, 3])
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


class HeUniform(VarianceScaling):
    """Uniform, with variance ``2 / fan_in``; made for `relu`.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `He et al., 2015 <https://arxiv.org/abs/1502.01852>`_

    Example:
        >>> bool((torchkeras.initializers.HeUniform()((6, 3)).abs() <= 1).all())
        True
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


class HeNormal(VarianceScaling):
    """Truncated normal, with variance ``2 / fan_in``; made for `relu`.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `He et al., 2015 <https://arxiv.org/abs/1502.01852>`_

    Example:
        >>> torchkeras.initializers.HeNormal()((3, 3)).shape
        torch.Size([3, 3])
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class LecunUniform(VarianceScaling):
    """Uniform, with variance ``1 / fan_in``.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `Klambauer et al., 2017 <https://arxiv.org/abs/1706.02515>`_

    Example:
        >>> bool((torchkeras.initializers.LecunUniform()((3, 3)).abs() <= 1).all())
        True
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


class LecunNormal(VarianceScaling):
    """Truncated normal, with variance ``1 / fan_in``; made for `selu`.

    Args:
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Reference: `Klambauer et al., 2017 <https://arxiv.org/abs/1706.02515>`_

    Example:
        >>> torchkeras.initializers.LecunNormal()((3, 3)).shape
        torch.Size([3, 3])
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


class Orthogonal(_RandomInitializer):
    """Fills with an orthogonal matrix, uniform among all of them.

    Axes before the last are taken as one. Of a wide matrix the rows are orthonormal, of a
    tall one the columns.

    Args:
        gain: Factor of the matrix.
        seed: Integer, `SeedGenerator` or ``None``, as in `RandomNormal`.

    Raises:
        ValueError: when called with a shape of fewer than two axes.

    Reference: `Saxe et al., 2014 <https://arxiv.org/abs/1312.6120>`_

    Example:
        >>> q = torchkeras.initializers.Orthogonal()((2, 5))
        >>> bool(torch.allclose(q @ q.T, torch.eye(2), atol=1e-6))
        True
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        """A tensor of at least two axes."""
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        dtype = random._float_dtype("normal", dtype)
        wide = dtype if dtype.itemsize > 2 else torch.float32  # no decomposition in 16 bits
        rows, columns = math.prod(shape[:-1]), shape[-1]
        draws = random.normal((max(rows, columns), min(rows, columns)), dtype=wide, seed=self.seed)
        q, r = torch.linalg.qr(draws)
        q = q * torch.sign(torch.diagonal(r))  # makes the decomposition unique
        q = q if rows >= columns else q.T
        return (self.gain * q.reshape(shape)).to(dtype)


IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

_registry = Registry("initializer", Initializer)
_registry.add(
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
    STFTInitializer=STFT,
    normal=RandomNormal,
    one=Ones,
    uniform=RandomUniform,
    zero=Zeros,
)


def get(identifier):
    """An initializer from its name, its config, a tensor, or itself; ``None`` stays ``None``.

    Args:
        identifier: Name, config dict, class, callable, or a tensor or array to take as the
            value (its shape must be the one asked for).

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.initializers.get("zeros")((2,))
        tensor([0., 0.])
    """
    if hasattr(identifier, "__array__") and not isinstance(identifier, type):
        return _from_value(identifier)
    return _registry.get(identifier)


_variable.named_initializer = get


def _from_value(value):
    def initialize(shape, dtype=None):
        if tuple(value.shape) != tuple(shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(value.shape)} for direct tensor as initializer. "
                f"Received shape={tuple(shape)}"
            )
        return _dtypes.to_tensor(value, dtype, _device.default_device()).detach().clone()

    return initialize


def serialize(initializer):
    """The config of an initializer.

    Args:
        initializer: Initializer, or a registered function.

    Example:
        >>> torchkeras.initializers.serialize(torchkeras.initializers.Zeros())["class_name"]
        'Zeros'
    """
    return _registry.serialize(initializer)


def deserialize(config, custom_objects=None):
    """The initializer of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from name to the user's classes and functions.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> config = torchkeras.initializers.serialize(torchkeras.initializers.Constant(2.0))
        >>> torchkeras.initializers.deserialize(config)((1,))
        tensor([2.])
    """
    obj = _registry.deserialize(config, custom_objects)
    return obj() if isinstance(obj, type) else obj
