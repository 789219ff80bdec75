"""From floats to few bits and back."""

import torch
from torch.nn import functional as F

from torchkeras import _dtypes
from torchkeras.ops._convert import as_tensor, floating, tensor
from torchkeras.ops._op import op


def _axes(axis):
    return tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)


@op
def abs_max_quantize(
    inputs, axis, value_range=(-127, 127), dtype="int8", epsilon=1e-7, to_numpy=False
):
    """Integers whose largest magnitude along ``axis`` fills the range, and their scale.

    ``scale = value_range[1] / (max |inputs| + epsilon)``; the integers are
    ``round(inputs * scale)``.

    Args:
        inputs: Tensor of floats.
        axis: Axis or axes that share a scale.
        value_range: Smallest and largest integer.
        dtype: Element type of the integers.
        epsilon: Keeps the scale finite.
        to_numpy: Whether the work is done on the host, which spares the device's memory.

    Returns:
        The integers, and the scale with the reduced axes kept as 1.

    Example:
        >>> torchkeras.quantizers.abs_max_quantize(torch.tensor([1.0, -0.5]), axis=0)
        (tensor([127, -63], dtype=torch.int8), tensor([127.0000]))
    """
    x = floating(inputs)
    device = x.device
    if to_numpy:
        x = x.cpu()
    low, high = value_range
    largest = x.abs().amax(_axes(axis), keepdim=True)
    # In half precision the epsilon alone would be nothing.
    wide = largest.to(torch.float32) if x.dtype.itemsize < 4 else largest
    scale = (high / (wide + epsilon)).to(x.dtype)
    integers = (x * scale).round().clamp(low, high).to(_dtypes.torch_dtype(dtype))
    return integers.to(device), scale.to(device)


@op
def abs_max_quantize_grouped_with_zero_point(
    inputs, block_size, value_range=(-8, 7), dtype="int8", epsilon=1e-7, to_numpy=False
):
    """Integers that fill the range between the smallest and largest value of each block.

    A block is ``block_size`` rows of a column; zeros fill up the last one. ``inputs`` are about
    ``(integers - zero_point) * scale``.

    Args:
        inputs: Matrix of floats, ``(rows, columns)``.
        block_size: Rows of a block.
        value_range: Smallest and largest integer.
        dtype: Element type of the integers.
        epsilon: Keeps the division finite.
        to_numpy: Whether the work is done on the host, which spares the device's memory.

    Returns:
        The integers, ``(rows, columns)``; the scale and the zero point, ``(blocks, columns)``.

    Raises:
        ValueError: if ``inputs`` is no matrix.

    Example:
        >>> integers, scale, zero = torchkeras.quantizers.abs_max_quantize_grouped_with_zero_point(
        ...     torch.rand(6, 3), block_size=4
        ... )
        >>> integers.shape, scale.shape, zero.shape
        (torch.Size([6, 3]), torch.Size([2, 3]), torch.Size([2, 3]))
    """
    x = floating(inputs)
    if x.ndim != 2:
        raise ValueError(f"`inputs` must be a matrix. Received: inputs.shape={tuple(x.shape)}")
    device = x.device
    if to_numpy:
        x = x.cpu()
    low, high = value_range
    wide = x.to(torch.float32) if x.dtype.itemsize < 4 else x
    rows, columns = wide.shape
    blocks = -(-rows // block_size)
    # The last block is filled up with zeros, which count as values.
    filled = F.pad(wide, (0, 0, 0, blocks * block_size - rows))
    blocked = filled.reshape(blocks, block_size, columns)
    smallest, largest = blocked.amin(1), blocked.amax(1)
    flat = smallest == largest  # a block of one value: as if it lay between two others
    smallest, largest = (
        torch.where(flat, smallest - 1, smallest),
        torch.where(flat, largest + 1, largest),
    )
    scale = (largest - smallest + epsilon) / (high - low)
    zero = (low - smallest / scale).round().clamp(low, high)
    integers = (blocked / scale[:, None] + zero[:, None]).round().clamp(low, high)
    integers = integers.reshape(-1, columns)[:rows]
    to = _dtypes.torch_dtype(dtype)
    return integers.to(to).to(device), scale.to(x.dtype).to(device), zero.to(to).to(device)


@op
def pack_int4(arr, axis=0, dtype="int8"):
    """Pairs of 4-bit integers along an axis, in one byte each: the first in the low half.

    Args:
        arr: Tensor of ``dtype`` with values from -8 to 7.
        axis: The axis.
        dtype: ``"int8"`` or ``"uint8"``.

    Returns:
        The bytes, their shape, and the length that the axis had.

    Raises:
        ValueError: for another ``dtype``.
        TypeError: if ``arr`` has another type than ``dtype``.

    Example:
        >>> torchkeras.quantizers.pack_int4(torch.tensor([-3, 2, 1], dtype=torch.int8))
        (tensor([45,  1], dtype=torch.int8), (2,), 3)
    """
    to = _four_bits(dtype)
    arr = tensor(arr)
    if arr.dtype is not to:
        name = str(arr.dtype).removeprefix("torch.")
        raise TypeError(f"Expected {dtype} tensor for packing, got {name}.")
    length = arr.shape[axis]
    x = arr.movedim(axis, 0).view(torch.uint8)
    if length % 2:
        x = torch.cat([x, torch.zeros_like(x[:1])])
    packed = ((x[0::2] & 15) | ((x[1::2] & 15) << 4)).view(to).movedim(0, axis)
    return packed, tuple(packed.shape), length


@op
def unpack_int4(packed, orig_len, axis=0, dtype="int8"):
    """The 4-bit integers that `pack_int4` put into bytes.

    Args:
        packed: Tensor of bytes.
        orig_len: Length of the axis before.
        axis: The axis.
        dtype: ``"int8"``, or ``"uint8"`` for values from 0 to 15.

    Raises:
        ValueError: for another ``dtype``.
        TypeError: if ``packed`` holds no bytes.

    Example:
        >>> torchkeras.quantizers.unpack_int4(torch.tensor([45, 1], dtype=torch.int8), 3)
        tensor([-3,  2,  1], dtype=torch.int8)
    """
    to = _four_bits(dtype)
    packed = tensor(packed)
    if packed.dtype not in (torch.int8, torch.uint8):
        raise TypeError(f"Expected int8 or uint8 tensor for unpacking, got {packed.dtype}")
    x = packed.view(to).movedim(axis, 0)
    # The shift of a signed byte brings its sign down.
    low = (x << 4) >> 4 if to is torch.int8 else x & 15
    both = torch.stack([low, x >> 4], 1).flatten(0, 1)[:orig_len]
    return both.movedim(0, axis)


def _four_bits(dtype):
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got '{dtype}'.")
    return _dtypes.torch_dtype(dtype)


@op
def fake_quant_with_min_max_vars(
    inputs, min_vals, max_vals, num_bits=8, narrow_range=False, axis=None
):
    """Floats rounded to the ``2^num_bits`` values that integers could stand for.

    Gradients pass where the inputs are within the range; outside they go to its ends.

    Args:
        inputs: Tensor of floats.
        min_vals: Smallest value, or one for each place along ``axis``.
        max_vals: Largest value, or one for each place along ``axis``.
        num_bits: Bits of the integers.
        narrow_range: Whether the integers begin with 1.
        axis: Axis along which the range varies; ``None``: one range.

    Raises:
        ValueError: if ``num_bits`` is not from 2 to 16.

    Example:
        >>> x = torch.tensor([-1.0, 0.3, 5.0])
        >>> torchkeras.quantizers.fake_quant_with_min_max_vars(x, 0.0, 3.0, num_bits=2)
        tensor([0., 0., 3.])
    """
    if not isinstance(num_bits, int) or not 2 <= num_bits <= 16:
        raise ValueError(f"`num_bits` must be from 2 to 16. Received: num_bits={num_bits}")
    given = floating(inputs)
    # Half precision has too few digits for the sums below.
    x = given.to(torch.float32) if given.dtype.itemsize < 4 else given
    low, high = (as_tensor(v, device=x.device).to(x.dtype) for v in (min_vals, max_vals))
    if axis is not None:
        shape = [1] * x.ndim
        shape[axis] = -1
        low, high = low.reshape(shape), high.reshape(shape)
    bottom, top = int(narrow_range), 2**num_bits - 1
    # The range is moved a little, so that zero is one of its values.
    with torch.no_grad():
        scale = (high - low) / (top - bottom)
        zero = (bottom - low / scale).round().clamp(bottom, top)
        first, last = (bottom - zero) * scale, (top - zero) * scale
    inside = x.clamp(first, last)
    rounded = ((inside - first) / scale).add(0.5).floor() * scale + first
    within = (x >= first) & (x <= last)
    # The value is the rounded one, the gradient that of this sum.
    passing = torch.where(within, x, torch.where(x < first, low, high))
    return (rounded.detach() + (passing - passing.detach())).to(given.dtype)


def compute_float8_scale(amax, scale, dtype_max, margin=0):
    """The factor that values are divided by before they become float8.

    Args:
        amax: Largest magnitude of the last steps.
        scale: The factor so far, kept where ``amax`` is 0 or infinite.
        dtype_max: Largest value of the float8 type.
        margin: How many powers of two stay free.

    Example:
        >>> amax, scale = torch.tensor(896.0), torch.tensor(1.0)
        >>> torchkeras.quantizers.compute_float8_scale(amax, scale, 448.0)
        tensor(2.)
    """
    amax, scale = floating(amax), floating(scale)
    wanted = amax * (2.0**margin / dtype_max)
    return torch.where((amax > 0) & amax.isfinite(), wanted, scale)


def compute_float8_amax_history(x, amax_history):
    """The history moved by one step, with the largest magnitude of ``x`` in front.

    Args:
        x: Tensor.
        amax_history: Vector of earlier largest magnitudes.

    Example:
        >>> torchkeras.quantizers.compute_float8_amax_history(
        ...     torch.tensor([-3.0]), torch.tensor([0.0, 1.0, 2.0])
        ... )
        tensor([3., 2., 0.])
    """
    history = floating(amax_history)
    amax = tensor(x).abs().amax().to(history.dtype)
    return torch.cat([amax.reshape(1), history.roll(-1)[1:]])


def quantize_and_dequantize(inputs, scale, quantized_dtype, compute_dtype):
    """What is left of floats after a way through a float8 type.

    Args:
        inputs: Tensor of floats.
        scale: They are divided by it before, and multiplied with it after.
        quantized_dtype: ``"float8_e4m3fn"`` or ``"float8_e5m2"``.
        compute_dtype: Element type of the result.

    Example:
        >>> torchkeras.quantizers.quantize_and_dequantize(
        ...     torch.tensor([0.3]), torch.tensor(1.0), "float8_e4m3fn", "float32"
        ... )
        tensor([0.3125])
    """
    to, wide = _dtypes.torch_dtype(quantized_dtype), _dtypes.torch_dtype(compute_dtype)
    largest = torch.finfo(to).max
    scale = tensor(scale).to(wide)
    x = (inputs.to(wide) / scale).clamp(-largest, largest)
    return x.to(to).to(wide) * scale
