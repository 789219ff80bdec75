"""Segments, ranks, error functions and Fourier transforms."""

import math

import torch

from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor, floating, tensor
from torchkeras.ops._op import op


@op
def erf(x):
    """The error function of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.erf([0.0, 1.0])
        tensor([0.0000, 0.8427])
    """
    return torch.erf(floating(x))


@op
def erfc(x):
    """``1 - erf(x)``, exact where it is small.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.erfc([0.0, 1.0])
        tensor([1.0000, 0.1573])
    """
    return torch.erfc(floating(x))


@op
def erfinv(x):
    """The inverse of the error function.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.erfinv([0.0, 0.5])
        tensor([0.0000, 0.4769])
    """
    return torch.erfinv(floating(x))


def _check_rank(x, rank, known=True):
    """The input has enough axes, and the last ones known sizes."""
    shape = tuple(x.shape)
    if len(shape) < rank:
        raise ValueError(f"Input should have rank >= {rank}. Received: input.shape = {shape}")
    if known and None in shape[len(shape) - rank :]:
        what = "last dimension" if rank == 1 else "(-2, -1) axes"
        raise ValueError(
            f"Input should have its {what} fully-defined. Received: input.shape = {shape}"
        )


def _frames_rule(x, sequence_length, sequence_stride):
    _check_rank(x, 1, known=False)
    size = x.shape[-1]
    n = None if size is None else 1 + (size - sequence_length) // sequence_stride
    return KerasTensor((*x.shape[:-1], n, sequence_length), x.dtype)


@op(rule=_frames_rule)
def extract_sequences(x, sequence_length, sequence_stride):
    """Overlapping pieces of the last axis.

    Args:
        x: Tensor, array, list or number.
        sequence_length: Size of each piece.
        sequence_stride: Distance of their beginnings.

    Raises:
        ValueError: if ``x`` has no axis.

    Example:
        >>> torchkeras.ops.extract_sequences([1, 2, 3, 4], 2, 1)
        tensor([[1, 2],
                [2, 3],
                [3, 4]], dtype=torch.int32)
    """
    x = tensor(x)
    _check_rank(x, 1)
    return x.unfold(-1, sequence_length, sequence_stride)


def _complex(x, rank=1):
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. "
            f"Received: {type(x).__name__}"
        )
    real, imag = (floating(part) for part in x)
    if real.shape != imag.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and "
            "imaginary parts should have the same shape. "
            f"Received: x[0].shape={tuple(real.shape)}, x[1].shape={tuple(imag.shape)}"
        )
    _check_rank(real, rank)
    return torch.complex(real, imag)


def _fft_rule(x):
    _check_rank(x[0], 1)
    return infer(fft.__wrapped__, (x,), {})


def _fft2_rule(x):
    _check_rank(x[0], 2)
    return infer(fft2.__wrapped__, (x,), {})


def _parts(z):
    return z.real, z.imag


@op(rule=_fft_rule)
def fft(x):
    """Discrete Fourier transform along the last axis.

    Args:
        x: Pair of the real and the imaginary part.

    Raises:
        ValueError: if ``x`` is no such pair.

    Example:
        >>> torchkeras.ops.fft(([1.0, 2.0], [0.0, 0.0]))
        (tensor([ 3., -1.]), tensor([0., 0.]))
    """
    return _parts(torch.fft.fft(_complex(x)))


@op(rule=_fft2_rule)
def fft2(x):
    """Discrete Fourier transform along the last two axes.

    Args:
        x: Pair of the real and the imaginary part.

    Raises:
        ValueError: if ``x`` is no such pair.

    Example:
        >>> torchkeras.ops.fft2(([[1.0, 2.0]], [[0.0, 0.0]]))
        (tensor([[ 3., -1.]]), tensor([[0., 0.]]))
    """
    return _parts(torch.fft.fft2(_complex(x, 2)))


@op(rule=_fft2_rule)
def ifft2(x):
    """Inverse discrete Fourier transform along the last two axes.

    Args:
        x: Pair of the real and the imaginary part.

    Raises:
        ValueError: if ``x`` is no such pair.

    Example:
        >>> torchkeras.ops.ifft2(([[3.0, -1.0]], [[0.0, 0.0]]))
        (tensor([[1., 2.]]), tensor([[0., 0.]]))
    """
    return _parts(torch.fft.ifft2(_complex(x, 2)))


@op
def in_top_k(targets, predictions, k):
    """Whether the score of the right class is among the ``k`` highest.

    Args:
        targets: Numbers of classes, ``(batch,)``.
        predictions: Scores, ``(batch, classes)``.
        k: How many count as high; classes of equal scores all do.

    Example:
        >>> torchkeras.ops.in_top_k([1], [[0.1, 0.9, 0.5]], k=1)
        tensor([True])
    """
    predictions = floating(predictions)
    targets = as_tensor(targets, device=predictions.device).long()[:, None]
    score = torch.take_along_dim(predictions, targets, -1)
    above = (predictions > score) | torch.isnan(predictions)  # nan is above all, and never right
    return (torch.sum(above, -1, keepdim=True) < k).logical_and(~torch.isnan(score))[:, 0]


@op
def irfft(x, fft_length=None):
    """Inverse of `rfft`: a real signal from half of its spectrum.

    Args:
        x: Pair of the real and the imaginary part.
        fft_length: Size of the signal; default twice the size of ``x`` less 2.

    Raises:
        ValueError: if ``x`` is no such pair.

    Example:
        >>> torchkeras.ops.irfft(([3.0, -1.0], [0.0, 0.0]))
        tensor([1., 2.])
    """
    return torch.fft.irfft(_complex(x), n=fft_length)


def _window(window, sequence_length, fft_length, like):
    """The window, or None, centred in ``fft_length`` values."""
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. '
                f"Received: window={window}"
            )
        make = torch.hann_window if window == "hann" else torch.hamming_window
        window = make(sequence_length, dtype=like.dtype, device=like.device)
    elif window is None:
        window = torch.ones(sequence_length, dtype=like.dtype, device=like.device)
    window = as_tensor(window, like.dtype, like.device)
    if window.shape != (sequence_length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={tuple(window.shape)}, sequence_length={sequence_length}"
        )
    before = (fft_length - sequence_length) // 2
    after = fft_length - sequence_length - before
    return torch.nn.functional.pad(window, (before, after))


def _check_lengths(sequence_length, sequence_stride, fft_length):
    if not isinstance(sequence_stride, int) or sequence_stride < 1:
        raise ValueError(
            "`sequence_stride` must be a positive integer. "
            f"Received: sequence_stride={sequence_stride}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={sequence_length}, fft_length={fft_length}"
        )


@op
def istft(x, sequence_length, sequence_stride, fft_length, length=None, window="hann", center=True):
    """Inverse of `stft`: the pieces added up where they overlap.

    Args:
        x: Pair of the real and the imaginary part, ``(..., pieces, fft_length // 2 + 1)``.
        sequence_length: Size of each piece of the signal.
        sequence_stride: Distance of their beginnings.
        fft_length: Size of the transforms.
        length: Size of the signal; default all that the pieces cover.
        window: ``"hann"``, ``"hamming"``, a vector, or ``None``, which doesn't divide by the
            overlap.
        center: Whether the pieces are centred at multiples of the stride.

    Raises:
        ValueError: for a pair, lengths or a window that do not fit.

    Reference: `Griffin and Lim, 1984 <https://ieeexplore.ieee.org/document/1164317>`_

    Example:
        >>> x = torchkeras.ops.stft(torch.arange(4.0), 2, 1, 2)
        >>> torchkeras.ops.istft(x, 2, 1, 2)
        tensor([0., 1., 2., 3.])
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    frames = torch.fft.irfft(_complex(x, 2), n=fft_length)
    weights = _window(window, sequence_length, fft_length, frames)
    total = (frames.shape[-2] - 1) * sequence_stride + fft_length
    signal = _overlapped(frames * weights, sequence_stride, total)
    if window is not None:
        squares = torch.square(weights).expand(frames.shape[-2:])
        overlap = _overlapped(squares, sequence_stride, total)
        tiny = torch.finfo(overlap.dtype).tiny
        signal = signal / torch.where(overlap > tiny, overlap, 1.0)
    start = fft_length // 2 if center else 0
    stop = total - start if length is None else min(start + length, total)
    signal = signal[..., start:stop]
    if length is not None and signal.shape[-1] < length:
        signal = torch.nn.functional.pad(signal, (0, length - signal.shape[-1]))
    return signal


def _overlapped(frames, stride, total):
    """Frames ``(..., n, size)`` added up, each ``stride`` after the one before."""
    n, size = frames.shape[-2:]
    places = torch.arange(n, device=frames.device)[:, None] * stride
    places = (places + torch.arange(size, device=frames.device)).reshape(-1)
    zeros = frames.new_zeros((*frames.shape[:-2], total))
    return zeros.index_add(-1, places, frames.flatten(-2))


@op
def logdet(x):
    """Logarithm of the determinant of symmetric positive matrices.

    Args:
        x: Matrices ``(..., n, n)``.

    Example:
        >>> torchkeras.ops.logdet([[2.0, 0.0], [0.0, 2.0]])
        tensor(1.3863)
    """
    return torch.logdet(floating(x))


@op
def rfft(x, fft_length=None):
    """Discrete Fourier transform of a real signal along the last axis, without the half that
    mirrors the other.

    Args:
        x: Real tensor.
        fft_length: Size to which the signal is cut or filled with zeros.

    Example:
        >>> torchkeras.ops.rfft([1.0, 2.0])
        (tensor([ 3., -1.]), tensor([0., 0.]))
    """
    x = floating(x)
    _check_rank(x, 1)
    return _parts(torch.fft.rfft(x, n=fft_length))


def _segment_rule(data, segment_ids, num_segments=None, sorted=False):
    return KerasTensor((num_segments, *data.shape[1:]), data.dtype)


def _segments(data, segment_ids, num_segments, reduction, empty):
    data = tensor(data)
    ids = as_tensor(segment_ids, device=data.device).long()
    if ids.ndim != 1:
        raise ValueError(
            f"Argument `segment_ids` should be an 1-D vector, got shape: {tuple(ids.shape)}. "
            "Consider either flatten input with segment_ids.reshape((-1)) and "
            "data.reshape((-1, ) + data.shape[len(segment_ids.shape):])."
        )
    if ids.shape[0] != data.shape[0]:
        raise ValueError(
            "Argument `segment_ids` and `data` should have same leading dimension. "
            f"Got {tuple(ids.shape)} v.s. {tuple(data.shape)}."
        )
    if num_segments is None:
        num_segments = int(ids.max()) + 1 if ids.numel() else 0  # depends on the values
    # What belongs to no segment goes to one more, which is dropped.
    ids = torch.where((ids >= 0) & (ids < num_segments), ids, num_segments)
    shape = (num_segments + 1, *data.shape[1:])
    start = torch.full(shape, empty(data.dtype), dtype=data.dtype, device=data.device)
    ids = ids.reshape(-1, *(1,) * (data.ndim - 1)).expand(data.shape)
    return start.scatter_reduce(0, ids, data, reduction)[:num_segments]


def _lowest(dtype):
    return -math.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _highest(dtype):
    return math.inf if dtype.is_floating_point else torch.iinfo(dtype).max


@op(rule=_segment_rule)
def segment_max(data, segment_ids, num_segments=None, sorted=False):
    """The largest element of each segment; of an empty one the lowest number.

    Args:
        data: Tensor.
        segment_ids: Number of the segment of each slice along the first axis; others than ``0 ...
            num_segments - 1`` are left out.
        num_segments: How many there are; default as many as the highest number asks for.
        sorted: Whether ``segment_ids`` is in order; of no use on torch.

    Raises:
        ValueError: if ``segment_ids`` is no vector as long as ``data``.

    Example:
        >>> torchkeras.ops.segment_max([1.0, 2.0, 3.0], [0, 0, 1])
        tensor([2., 3.])
    """
    return _segments(data, segment_ids, num_segments, "amax", _lowest)


@op(rule=_segment_rule)
def segment_min(data, segment_ids, num_segments=None, sorted=False):
    """The smallest element of each segment; of an empty one the highest number.

    Args:
        data: Tensor.
        segment_ids: Number of the segment of each slice along the first axis; others than ``0 ...
            num_segments - 1`` are left out.
        num_segments: How many there are; default as many as the highest number asks for.
        sorted: Whether ``segment_ids`` is in order; of no use on torch.

    Raises:
        ValueError: if ``segment_ids`` is no vector as long as ``data``.

    Example:
        >>> torchkeras.ops.segment_min([1.0, 2.0, 3.0], [0, 0, 1])
        tensor([1., 3.])
    """
    return _segments(data, segment_ids, num_segments, "amin", _highest)


@op(rule=_segment_rule)
def segment_prod(data, segment_ids, num_segments=None, sorted=False):
    """Product of the elements of each segment.

    Args:
        data: Tensor.
        segment_ids: Number of the segment of each slice along the first axis; others than ``0 ...
            num_segments - 1`` are left out.
        num_segments: How many there are; default as many as the highest number asks for.
        sorted: Whether ``segment_ids`` is in order; of no use on torch.

    Raises:
        ValueError: if ``segment_ids`` is no vector as long as ``data``.

    Example:
        >>> torchkeras.ops.segment_prod([1.0, 2.0, 3.0], [0, 0, 1])
        tensor([2., 3.])
    """
    return _segments(data, segment_ids, num_segments, "prod", lambda dtype: 1)


@op(rule=_segment_rule)
def segment_sum(data, segment_ids, num_segments=None, sorted=False):
    """Sum of the elements of each segment.

    Args:
        data: Tensor.
        segment_ids: Number of the segment of each slice along the first axis; others than ``0 ...
            num_segments - 1`` are left out.
        num_segments: How many there are; default as many as the highest number asks for.
        sorted: Whether ``segment_ids`` is in order; of no use on torch.

    Raises:
        ValueError: if ``segment_ids`` is no vector as long as ``data``.

    Example:
        >>> torchkeras.ops.segment_sum([1.0, 2.0, 3.0], [0, 0, 1])
        tensor([3., 3.])
    """
    return _segments(data, segment_ids, num_segments, "sum", lambda dtype: 0)


@op
def stft(x, sequence_length, sequence_stride, fft_length, window="hann", center=True):
    """Fourier transforms of overlapping pieces of the last axis.

    Args:
        x: Real tensor ``(..., time)``.
        sequence_length: Size of each piece.
        sequence_stride: Distance of their beginnings.
        fft_length: Size of the transforms, filled up with zeros on both sides.
        window: What each piece is multiplied by: ``"hann"``, ``"hamming"``, a vector or ``None``.
        center: Whether the pieces are centred at multiples of the stride, with the signal mirrored
            at its ends.

    Raises:
        ValueError: for lengths or a window that do not fit; TypeError: for another type than
            floats.

    Example:
        >>> torchkeras.ops.stft(torch.arange(4.0), 2, 1, 2)
        (tensor([[ 0.,  0.],
                [ 1., -1.],
                [ 2., -2.],
                [ 3., -3.],
                [ 2., -2.]]), tensor([[0., 0.],
                [0., 0.],
                [0., 0.],
                [0., 0.],
                [0., 0.]]))
    """
    _check_lengths(sequence_length, sequence_stride, fft_length)
    x = tensor(x)
    if not x.dtype.is_floating_point:
        raise TypeError(f"Invalid input type. Expected `float32` or `float64`. Received: {x.dtype}")
    _check_rank(x, 1)
    weights = _window(window, sequence_length, fft_length, x)
    if center:
        pad = fft_length // 2
        flat = torch.nn.functional.pad(x.reshape(1, -1, x.shape[-1]), (pad, pad), mode="reflect")
        x = flat.reshape(*x.shape[:-1], flat.shape[-1])
    frames = x.unfold(-1, fft_length, sequence_stride)
    return _parts(torch.fft.rfft(frames * weights))


@op
def top_k(x, k, sorted=True):
    """The ``k`` largest elements of the last axis, and their places.

    Args:
        x: Tensor, array, list or number.
        k: How many.
        sorted: Whether they are in decreasing order.

    Example:
        >>> torchkeras.ops.top_k([3, 1, 2], 2)
        (tensor([3, 2], dtype=torch.int32), tensor([0, 2]))
    """
    return tuple(torch.topk(tensor(x), k, sorted=sorted))
