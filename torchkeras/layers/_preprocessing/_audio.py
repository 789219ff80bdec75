"""MelSpectrogram and STFTSpectrogram: the frequencies in a signal over time."""

import importlib

import numpy as np
import torch
import torch.nn.functional as F

from torchkeras import _checks, _dtypes, config
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _constants

_FLOOR = 1e-7


class MelSpectrogram(Layer):
    """Mel spectrograms of raw audio.

    The magnitudes of the short-time Fourier transform to the power ``mag_exp``, summed over
    triangular windows that are equally wide on the mel scale ``1127 * log(1 + f / 700)``, and
    in decibels: ``10 * log10(max(s, min_power) / ref_power)``.

    Args:
        fft_length: Length of the Fourier transform.
        sequence_stride: Samples between the starts of two frames.
        sequence_length: Length of the window; default ``fft_length``.
        window: "hann", "hamming", a tensor, or ``None`` for ones.
        sampling_rate: Samples a second.
        num_mel_bins: How many bands there are.
        min_freq: Lowest frequency of the bands.
        max_freq: Highest frequency of the bands; default half the sampling rate.
        power_to_db: Whether the result is in decibels.
        top_db: How far below the loudest value of the batch decibels may be; ``None`` for any.
        mag_exp: Power of the magnitudes: 2 for the energy.
        min_power: Smallest value that decibels are taken of.
        ref_power: Value that is 0 decibels.

    Shapes:
        inputs: ``(..., samples)``
        outputs: ``(..., num_mel_bins, frames)``, a frame for each stride and one more

    Raises:
        ValueError: if ``fft_length`` is below ``sequence_length``, or ``window`` is unknown.

    Example:
        >>> layer = torchkeras.layers.MelSpectrogram(num_mel_bins=64, sampling_rate=8000)
        >>> layer(torch.randn(2, 16000)).shape
        torch.Size([2, 64, 32])
    """

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length = _checks.positive_int("fft_length", fft_length)
        self.sequence_stride = _checks.positive_int("sequence_stride", sequence_stride)
        self.sequence_length = sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to   `sequence_length`. Received: "
                f"`sequence_length`={sequence_length}, `fft_length`={fft_length}."
            )
        self.window = window
        self.sampling_rate = _checks.positive_int("sampling_rate", sampling_rate)
        self.num_mel_bins = _checks.positive_int("num_mel_bins", num_mel_bins)
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        _constants.keep(self, "_window", self._make_window())
        _constants.keep(self, "_bands", self._make_bands())
        self._build_at_init()

    def _make_window(self):
        length, window = self.sequence_length, self.window
        if window is None:
            return torch.ones(length)
        if isinstance(window, str):
            if window not in ("hann", "hamming"):
                raise ValueError(
                    'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. '
                    f"Received: window={window}"
                )
            make = torch.hann_window if window == "hann" else torch.hamming_window
            return make(length, periodic=True)
        values = torch.as_tensor(window, dtype=torch.float32)
        if values.shape != (length,):
            raise ValueError(
                f"The shape of `window` must be ({length},), the `sequence_length`. "
                f"Received: window of shape {tuple(values.shape)}"
            )
        return values

    def _make_bands(self):
        """The weight of each frequency (but 0, which has none) in each band."""

        dtype = torch.float64 if self.compute_dtype == "float64" else torch.float32

        def mel(frequency):
            return 1127.0 * torch.log(1.0 + torch.as_tensor(frequency, dtype=dtype) / 700.0)

        nyquist, count = self.sampling_rate / 2, self.fft_length // 2 + 1
        at = mel(torch.linspace(0.0, nyquist, count, dtype=dtype))[1:, None]
        ends = mel(self.min_freq).item(), mel(self.max_freq).item()
        edges = torch.linspace(*ends, self.num_mel_bins + 2, dtype=dtype)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (at - lower) / (center - lower), (upper - at) / (upper - center)
        return F.pad(torch.minimum(rising, falling).clamp(min=0.0), (0, 0, 1, 0))

    def call(self, inputs):
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        # The transform has no 16-bit kernels.
        x = inputs.to(torch.float64 if dtype is torch.float64 else torch.float32)
        shape = x.shape[:-1]
        x = torch.stft(
            x.reshape(-1, x.shape[-1]),
            self.fft_length,
            self.sequence_stride,
            self.sequence_length,
            _constants.at(self, "_window", x.device).to(x.dtype),
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )
        x = x.abs()  # (signals, frequencies, frames)
        x = x.square() if self.mag_exp == 2 else x if self.mag_exp == 1 else x.pow(self.mag_exp)
        x = _constants.at(self, "_bands", x.device).to(x.dtype).t() @ x
        if self.power_to_db:
            x = 10.0 * x.clamp(min=self.min_power).log10()
            x = x - float(10.0 * np.log10(max(self.min_power, self.ref_power)))
            if self.top_db is not None:
                x = torch.maximum(x, x.max() - self.top_db)
        return x.reshape(*shape, *x.shape[1:]).to(dtype)

    def compute_output_shape(self, input_shape):
        samples = input_shape[-1]
        frames = None if samples is None else samples // self.sequence_stride + 1
        return (*input_shape[:-1], self.num_mel_bins, frames)


_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Spectrograms of a signal by the short-time Fourier transform, with trainable kernels.

    Each frame of the signal is multiplied by the window times cosines, and times minus sines,
    one for each frequency.

    Args:
        mode: "real" or "imag" for one part of the transform, "stft" for both, "magnitude",
            "log" of it, "angle", or "psd" for the power density (twice the power, but at the
            first and the last frequency).
        frame_length: Samples in a frame.
        frame_step: Samples between the starts of two frames; default half a frame.
        fft_length: Length of the transform; default the next power of two.
        window: "hann", "hamming", another window of scipy's by name, an array, or ``None``.
        periodic: Whether the window is periodic.
        scaling: "density" divides by the root of the sum of the squares of the window,
            "spectrum" by its sum.
        padding: "valid", or "same" for a frame at each step.
        expand_dims: Whether channels get an axis of their own.
        data_format: "channels_last" or "channels_first"; default that of the config.

    Weights:
        real_kernel: ``(frame_length, 1, frequencies)``; not for "imag"
        imag_kernel: the same; not for "real"

    Shapes:
        inputs: ``(batch, samples, channels)``
        outputs: ``(batch, frames, channels * frequencies)``; with ``expand_dims``
            ``(batch, frames, frequencies, channels)``; twice the frequencies for "stft"

    Raises:
        ValueError: if an argument has no valid value.
        TypeError: if the inputs are no floats.

    Example:
        >>> layer = torchkeras.layers.STFTSpectrogram(frame_length=256, frame_step=128)
        >>> layer(torch.randn(3, 16000, 1)).shape
        torch.Size([3, 124, 129])
    """

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        frame_length = _checks.positive_int("frame_length", frame_length)
        if frame_step is not None and (
            not _checks.is_positive_int(frame_step) or frame_step > frame_length
        ):
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. "
                f"Received frame_step={frame_step}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                "`fft_length` should be not less than `frame_length`. "
                f"Received fft_length={fft_length}, frame_length={frame_length}"
            )
        if fft_length is not None and not _checks.is_positive_int(fft_length):
            raise ValueError(f"`fft_length` must be an integer. Received: fft_length={fft_length}")
        if mode not in _MODES:
            raise ValueError(
                f"Output mode is invalid, it must be one of {', '.join(_MODES)}. "
                f"Received: mode={mode}"
            )
        if scaling not in ("density", "spectrum", None):
            raise ValueError(
                "Scaling is invalid, it must be `None`, 'density' or 'spectrum'. "
                f"Received scaling={scaling}"
            )
        if padding not in ("valid", "same"):
            raise ValueError(
                f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding}"
            )
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self._step = frame_step or max(frame_length // 2, 1)
        self._length = fft_length or 2 ** (frame_length - 1).bit_length()
        self._values = self._window_values()
        self.input_spec = InputSpec(ndim=3)

    def _window_values(self):
        """The window, scaled."""
        length, window = self.frame_length, self.window
        if window is None:  # then there is nothing to scale
            return np.ones(length)
        if isinstance(window, (str, tuple)) and window not in ("hann", "hamming"):
            # Any other is scipy's, which is not needed otherwise.
            signal = importlib.import_module("scipy.signal")
            values = signal.get_window(window, length, fftbins=bool(self.periodic))
        elif isinstance(window, str):
            make = torch.hann_window if window == "hann" else torch.hamming_window
            values = make(length, periodic=bool(self.periodic), dtype=torch.float64).numpy()
        else:
            values = torch.as_tensor(window).detach().cpu().double().numpy()
            if values.shape != (length,):
                raise ValueError(
                    "The shape of `window` must be equal to [frame_length]. "
                    f"Received: window shape={values.shape}"
                )
        if self.scaling == "density":
            return values / np.sqrt(np.sum(values**2))
        return values / np.sum(values) if self.scaling == "spectrum" else values

    def build(self, input_shape):
        # Frequencies from 0 to half a cycle a sample, both ends among them.
        frequencies = np.linspace(0.0, 0.5, self._length // 2 + 1)
        angles = 2 * np.pi * np.arange(self.frame_length)[:, None] * frequencies
        self.real_kernel = self.imag_kernel = None
        if self.mode != "imag":
            self.real_kernel = self._kernel("real_kernel", np.cos(angles))
        if self.mode != "real":
            self.imag_kernel = self._kernel("imag_kernel", -np.sin(angles))

    def _kernel(self, name, waves):
        values = torch.tensor((self._values[:, None] * waves)[:, None])

        def initial(shape, dtype=None, **kwargs):
            return values.to(_dtypes.torch_dtype(dtype))

        return self.add_weight(tuple(values.shape), initial, name=name)

    def call(self, inputs):
        if not inputs.is_floating_point():
            raise TypeError(
                "Invalid input type. Expected `float16`, `float32` or `float64`. "
                f"Received: input type={inputs.dtype}"
            )
        x = inputs if self.data_format == "channels_first" else inputs.transpose(1, 2)
        if self.padding == "same":
            frames = -(-x.shape[-1] // self._step)
            total = max((frames - 1) * self._step + self.frame_length - x.shape[-1], 0)
            x = F.pad(x, (total // 2, total - total // 2))
        x = x.unfold(-1, self.frame_length, self._step)  # (batch, channels, frames, samples)
        real = None if self.real_kernel is None else x @ self.real_kernel[:, 0]
        imag = None if self.imag_kernel is None else x @ self.imag_kernel[:, 0]
        x = self._combined(real, imag)
        if self.expand_dims:
            return x if self.data_format == "channels_first" else x.permute(0, 2, 3, 1)
        if self.data_format == "channels_first":
            return x.transpose(2, 3).flatten(1, 2)
        return x.transpose(1, 2).flatten(2, 3)

    def _combined(self, real, imag) -> torch.Tensor:
        mode = self.mode
        if mode in ("real", "imag"):
            return real if mode == "real" else imag
        if mode == "stft":
            return torch.cat([real, imag], -1)
        if mode == "angle":
            return torch.atan2(imag, real)
        power = real.square() + imag.square()
        if mode == "psd":
            # The frequencies between the ends stand for their negatives too.
            return torch.cat([power[..., :1], 2.0 * power[..., 1:-1], power[..., -1:]], -1)
        power = power.clamp(min=_FLOOR)
        return power.sqrt() if mode == "magnitude" else 0.5 * power.log()

    def compute_output_shape(self, input_shape):
        first = self.data_format == "channels_first"
        batch, channels, samples = (input_shape[i] for i in ((0, 1, 2) if first else (0, 2, 1)))
        frames = samples
        if samples is not None and self.padding == "same":
            frames = -(-samples // self._step)
        elif samples is not None:
            frames = (samples - self.frame_length) // self._step + 1
        frequencies = self._length // 2 + 1
        if self.mode == "stft":
            frequencies *= 2
        if self.expand_dims:
            if first:
                return (batch, channels, frames, frequencies)
            return (batch, frames, frequencies, channels)
        together = None if channels is None else channels * frequencies
        return (batch, together, frames) if first else (batch, frames, together)
