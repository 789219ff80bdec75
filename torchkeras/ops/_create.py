"""Making tensors, casting them, and what they are."""

import math

import numpy as np
import torch
from torch import Tensor

from torchkeras import _device, _dtypes, config
from torchkeras._shapes import axes_of
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor, dtype_or_kind, floating, promoted, tensor
from torchkeras.ops._op import op
from torchkeras.ops._rules import broadcast, shape_of


def _spaced_symbol(start, stop, num, dtype, axis):
    shape = list(broadcast(shape_of(start), shape_of(stop)))
    shape.insert(axes_of(axis, len(shape) + 1)[0], num)
    kinds = (dtype_or_kind(x) for x in (start, stop))
    return KerasTensor(shape, dtype or _dtypes.result_type(*kinds, float))


def _linspace_rule(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    values = _spaced_symbol(start, stop, num, dtype, axis)
    if not retstep:
        return values
    return values, KerasTensor(broadcast(shape_of(start), shape_of(stop)), values.dtype)


def _geomspace_rule(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    return _spaced_symbol(start, stop, num, dtype, axis)


def _logspace_rule(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    return _spaced_symbol(start, stop, num, dtype, axis)


def _range_rule(start, stop=None, step=None, dtype=None):
    if dtype is None:
        given = [v for v in (start, stop, step) if v is not None]
        dtype = _dtypes.result_type(*(dtype_or_kind(v) for v in given))
    return KerasTensor((None,), dtype)


def _convert_rule(x, dtype=None, sparse=None, ragged=None):
    return KerasTensor(x.shape, dtype or x.dtype, sparse=x.sparse and sparse is not False)


def _made(function, shape, dtype, *values):
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    dtype = _dtypes.torch_dtype(dtype or config.floatx())
    return function(sizes, *values, dtype=dtype, device=_device.default_device())


@op(rule=_range_rule)
def arange(start, stop=None, step=None, dtype=None):
    """Numbers from ``start`` to below ``stop`` in equal steps.

    Args:
        start: First number; the end, with 0 as the start, when ``stop`` is not given.
        stop: End, which is not reached.
        step: Difference of neighbours; default 1.
        dtype: Name of the type; default that of the numbers, of 32 bits at most.

    Example:
        >>> torchkeras.ops.arange(3), torchkeras.ops.arange(1, 2, 0.5)
        (tensor([0, 1, 2], dtype=torch.int32), tensor([1.0000, 1.5000]))
    """
    if dtype is None:
        given = [v for v in (start, stop, step) if v is not None]
        dtype = _dtypes.result_type(*(dtype_or_kind(v) for v in given))
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    dtype = _dtypes.torch_dtype(dtype)
    if dtype is torch.bool:
        return torch.arange(start, stop, step, device=_device.default_device()).to(dtype)
    return torch.arange(start, stop, step, dtype=dtype, device=_device.default_device())


@op
def array(x, dtype=None):
    """A tensor of anything; the same as `convert_to_tensor`.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type; default that of the data, floatx for Python floats.

    Example:
        >>> torchkeras.ops.array([1.0, 2.0])
        tensor([1., 2.])
    """
    return as_tensor(x, dtype)


@op
def bartlett(x):
    """A triangular window.

    Args:
        x: Number of values.

    Example:
        >>> torchkeras.ops.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window(torch.bartlett_window, x)


def _window(function, x, **kwargs):
    dtype, device = _dtypes.torch_dtype(config.floatx()), _device.default_device()
    return function(int(x), periodic=False, dtype=dtype, device=device, **kwargs)


@op
def blackman(x):
    """A window of two cosines: ``0.42 - 0.5 cos(t) + 0.08 cos(2 t)``.

    Args:
        x: Number of values.

    Example:
        >>> torchkeras.ops.blackman(3)
        tensor([-2.9802e-08,  1.0000e+00, -2.9802e-08])
    """
    return _window(torch.blackman_window, x)


def convert_to_numpy(x):
    """A numpy array of the values; bfloat16 and float8 become float32.

    Args:
        x: Tensor, array, list or number.

    Raises:
        ValueError: for a symbol, which has no values.

    Example:
        >>> torchkeras.ops.convert_to_numpy(torch.ones(2))
        array([1., 1.], dtype=float32)
    """
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(v) for v in x])
    if not isinstance(x, Tensor):
        return np.array(x)
    x = x.detach().resolve_conj().cpu()
    if x.dtype.is_floating_point and (x.dtype is torch.bfloat16 or x.element_size() == 1):
        x = x.float()
    return x.numpy()


@op(rule=_convert_rule)
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None):
    """A tensor of anything; a tensor of the wanted type is returned as it is.

    Without ``dtype`` arrays keep their types, Python floats (and lists of them) become floatx,
    integers int32. The tensor is on the device that `torch.set_default_device` chose, else on the
    GPU if there is one.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type.
        sparse: Only ``False`` and ``None`` are possible on torch.
        ragged: Only ``False`` and ``None`` are possible on torch.

    Raises:
        ValueError: for sparse or ragged tensors, and for what is no numbers.

    Example:
        >>> torchkeras.ops.convert_to_tensor([1, 2], dtype="float32")
        tensor([1., 2.])
    """
    if sparse:
        raise ValueError("`sparse=True` is not supported with torch backend. Leave it out.")
    if ragged:
        raise ValueError("`ragged=True` is not supported with torch backend. Leave it out.")
    return as_tensor(x, dtype)


def dtype(x):
    """Name of the element type of a tensor or symbol.

    Args:
        x: Tensor or symbol.

    Example:
        >>> torchkeras.ops.dtype(torch.ones(1))
        'float32'
    """
    if isinstance(x, KerasTensor):
        return x.dtype
    return _dtypes.standardize_dtype(tensor(x).dtype)


@op
def empty(shape, dtype=None):
    """A tensor of any values.

    Args:
        shape: Sizes of the axes.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.empty((2, 3)).shape
        torch.Size([2, 3])
    """
    return _made(torch.empty, shape, dtype)


@op
def empty_like(x, dtype=None):
    """A tensor of any values in the shape of another.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type; default that of ``x``.

    Example:
        >>> torchkeras.ops.empty_like(torch.ones(2)).shape
        torch.Size([2])
    """
    return torch.empty_like(tensor(x), dtype=dtype and _dtypes.torch_dtype(dtype))


@op
def eye(N, M=None, k=0, dtype=None):
    """A matrix with ones on a diagonal.

    Args:
        N: Number of rows.
        M: Number of columns; default ``N``.
        k: Which diagonal; 0 is the main one, positive ones lie above it.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.eye(2, 3, k=1)
        tensor([[0., 1., 0.],
                [0., 0., 1.]])
    """
    columns = N if M is None else M
    dtype = _dtypes.torch_dtype(dtype or config.floatx())
    device = _device.default_device()
    if k == 0:
        return torch.eye(N, columns, dtype=dtype, device=device)
    rows = torch.arange(N, device=device)
    return (rows[:, None] + k == torch.arange(columns, device=device)).to(dtype)


@op
def full(shape, fill_value, dtype=None):
    """A tensor of one value, or of an array repeated to a shape.

    Args:
        shape: Sizes of the axes.
        fill_value: Number, or array that broadcasts to the shape.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.full((2,), 7.0)
        tensor([7., 7.])
    """
    if isinstance(fill_value, (bool, int, float, complex)):
        return _made(torch.full, shape, dtype, fill_value)
    value = as_tensor(fill_value, dtype or config.floatx())
    return value.expand((shape,) if isinstance(shape, int) else tuple(shape)).clone()


@op
def full_like(x, fill_value, dtype=None):
    """A tensor of one value in the shape of another.

    Args:
        x: Tensor, array, list or number.
        fill_value: Number, or array that broadcasts to the shape.
        dtype: Name of the type; default that of ``x``.

    Example:
        >>> torchkeras.ops.full_like(torch.ones(2), 7.0)
        tensor([7., 7.])
    """
    x = tensor(x)
    value = as_tensor(fill_value, dtype or x.dtype, x.device)
    return value.expand(x.shape).clone()


@op(rule=_geomspace_rule)
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Numbers from ``start`` to ``stop`` with equal quotients.

    Args:
        start: First number, or tensor of them.
        stop: Last number, or tensor of them, of the same sign.
        num: How many.
        endpoint: Whether ``stop`` is the last one.
        dtype: Name of the type; default floatx.
        axis: Axis of the numbers, where ``start`` or ``stop`` is a tensor.

    Example:
        >>> torchkeras.ops.geomspace(1.0, 1000.0, 4)
        tensor([   1.,   10.,  100., 1000.])
    """
    start, stop = promoted(start, stop, least=(float,))
    logs = _spaced(torch.log10(start.abs()), torch.log10(stop.abs()), num, endpoint)
    return _finish(torch.sign(start) * torch.pow(10.0, logs), dtype, axis)


def _spaced(start, stop, num, endpoint):
    """``num`` values along a new first axis."""
    start, stop = torch.broadcast_tensors(start, stop)
    if num == 0:
        return start.new_empty((0, *start.shape))
    parts = num - 1 if endpoint else num
    place = torch.arange(num, dtype=start.dtype, device=start.device)
    place = place.reshape(-1, *(1,) * start.ndim)
    values = start + place * ((stop - start) / max(parts, 1))
    if endpoint and num > 1:  # exact at the end, whatever the rounding
        values = torch.where(place == num - 1, stop, values)
    return values


def _finish(values, dtype, axis):
    values = values if axis == 0 else torch.movedim(values, 0, axis)
    return values if dtype is None else values.to(_dtypes.torch_dtype(dtype))


@op
def hamming(x):
    """A raised cosine window: ``0.54 - 0.46 cos(t)``.

    Args:
        x: Number of values.

    Example:
        >>> torchkeras.ops.hamming(3)
        tensor([0.0800, 1.0000, 0.0800])
    """
    return _window(torch.hamming_window, x)


@op
def hanning(x):
    """A raised cosine window that ends at zero: ``0.5 - 0.5 cos(t)``.

    Args:
        x: Number of values.

    Example:
        >>> torchkeras.ops.hanning(3)
        tensor([0., 1., 0.])
    """
    return _window(torch.hann_window, x)


@op
def identity(n, dtype=None):
    """A square matrix with ones on the main diagonal.

    Args:
        n: Number of rows.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.identity(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    dtype = _dtypes.torch_dtype(dtype or config.floatx())
    return torch.eye(n, dtype=dtype, device=_device.default_device())


def is_tensor(x):
    """Whether ``x`` is a tensor (variables are).

    Args:
        x: Anything.

    Example:
        >>> torchkeras.ops.is_tensor(torch.ones(1)), torchkeras.ops.is_tensor([1.0])
        (True, False)
    """
    return isinstance(x, Tensor)


@op
def kaiser(x, beta):
    """A Bessel function window.

    Args:
        x: Number of values.
        beta: How fast it falls; 0 is a rectangle.

    Example:
        >>> torchkeras.ops.kaiser(3, 2.0)
        tensor([0.4387, 1.0000, 0.4387])
    """
    return _window(torch.kaiser_window, x, beta=float(beta))


@op(rule=_linspace_rule)
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """Numbers from ``start`` to ``stop`` in equal steps.

    Args:
        start: First number, or tensor of them.
        stop: Last number, or tensor of them.
        num: How many.
        endpoint: Whether ``stop`` is the last one.
        retstep: Whether to return the step too.
        dtype: Name of the type; default floatx.
        axis: Axis of the numbers, where ``start`` or ``stop`` is a tensor.

    Example:
        >>> torchkeras.ops.linspace(0.0, 1.0, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    start, stop = promoted(start, stop, least=(float,))
    values = _finish(_spaced(start, stop, num, endpoint), dtype, axis)
    parts = num - 1 if endpoint else num
    return (values, (stop - start) / parts if parts else stop * math.nan) if retstep else values


@op(rule=_logspace_rule)
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """``base`` to the power of numbers in equal steps.

    Args:
        start: First exponent, or tensor of them.
        stop: Last exponent, or tensor of them.
        num: How many.
        endpoint: Whether ``stop`` is the last exponent.
        base: Number that is raised.
        dtype: Name of the type; default floatx.
        axis: Axis of the numbers, where ``start`` or ``stop`` is a tensor.

    Example:
        >>> torchkeras.ops.logspace(0.0, 2.0, 3)
        tensor([  1.,  10., 100.])
    """
    start, stop = promoted(start, stop, least=(float,))
    return _finish(torch.pow(base, _spaced(start, stop, num, endpoint)), dtype, axis)


@op
def meshgrid(*x, indexing="xy"):
    """Coordinate tensors of the grid that some vectors span.

    Args:
        x: Vectors; other tensors are flattened.
        indexing: ``"xy"`` has the second vector along the first axis, ``"ij"`` the first.

    Raises:
        ValueError: if ``indexing`` is something else.

    Example:
        >>> torchkeras.ops.meshgrid([1, 2], [3, 4])
        [tensor([[1, 2],
                [1, 2]], dtype=torch.int32), tensor([[3, 3],
                [4, 4]], dtype=torch.int32)]
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(
            f"Valid values for `indexing` are 'xy' and 'ij'. Received: indexing={indexing}"
        )
    return list(torch.meshgrid(*(tensor(v).reshape(-1) for v in x), indexing=indexing))


def ndim(x):
    """Number of axes.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.ndim([[1.0]])
        2
    """
    return x.ndim if isinstance(x, KerasTensor) else tensor(x).ndim


@op
def ones(shape, dtype=None):
    """A tensor of ones.

    Args:
        shape: Sizes of the axes.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.ones((2,))
        tensor([1., 1.])
    """
    return _made(torch.ones, shape, dtype)


@op
def ones_like(x, dtype=None):
    """Ones in the shape of another tensor.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type; default that of ``x``.

    Example:
        >>> torchkeras.ops.ones_like([1, 2])
        tensor([1, 1], dtype=torch.int32)
    """
    return torch.ones_like(tensor(x), dtype=dtype and _dtypes.torch_dtype(dtype))


def shape(x):
    """The sizes of the axes, as a tuple of integers; ``None`` where a symbol's is unknown.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.shape(torch.ones(2, 3)), torchkeras.ops.shape(torchkeras.Input((3,)))
        ((2, 3), (None, 3))
    """
    return x.shape if isinstance(x, KerasTensor) else tuple(tensor(x).shape)


@op
def size(x):
    """Number of elements, as a tensor.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.size([[1, 2, 3]])
        tensor(3)
    """
    x = tensor(x)
    return torch.tensor(x.numel(), device=x.device)


@op
def tri(N, M=None, k=0, dtype=None):
    """A matrix with ones on and below a diagonal.

    Args:
        N: Number of rows.
        M: Number of columns; default ``N``.
        k: Which diagonal; 0 is the main one, positive ones lie above it.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.tri(2, 3)
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
    """
    device = _device.default_device()
    rows = torch.arange(N, device=device)
    columns = torch.arange(N if M is None else M, device=device)
    return (rows[:, None] + k >= columns).to(_dtypes.torch_dtype(dtype or config.floatx()))


@op
def zeros(shape, dtype=None):
    """A tensor of zeros.

    Args:
        shape: Sizes of the axes.
        dtype: Name of the type; default floatx.

    Example:
        >>> torchkeras.ops.zeros((2,))
        tensor([0., 0.])
    """
    return _made(torch.zeros, shape, dtype)


@op
def zeros_like(x, dtype=None):
    """Zeros in the shape of another tensor.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type; default that of ``x``.

    Example:
        >>> torchkeras.ops.zeros_like([1, 2])
        tensor([0, 0], dtype=torch.int32)
    """
    return torch.zeros_like(tensor(x), dtype=dtype and _dtypes.torch_dtype(dtype))


@op
def cast(x, dtype):
    """The values in another element type.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type.

    Example:
        >>> torchkeras.ops.cast([1.5, 2.0], "int32")
        tensor([1, 2], dtype=torch.int32)
    """
    return as_tensor(x, dtype)


@op
def copy(x):
    """A copy in memory of its own.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.copy([1.0, 2.0])
        tensor([1., 2.])
    """
    return torch.clone(tensor(x))


@op
def saturate_cast(x, dtype):
    """The values in another element type; those that it cannot hold become its bounds.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type.

    Example:
        >>> torchkeras.ops.saturate_cast([-1.0, 300.0], "uint8")
        tensor([  0, 255], dtype=torch.uint8)
    """
    x, dtype = tensor(x), _dtypes.torch_dtype(dtype)
    if dtype is torch.bool or dtype.is_complex:
        return x.to(dtype)
    own, wanted = _bounds(x.dtype), _bounds(dtype)
    low, high = max(own[0], wanted[0]), min(own[1], wanted[1])
    if x.dtype is torch.bool or (low, high) == own:
        return x.to(dtype)
    if x.dtype.is_floating_point and not dtype.is_floating_point:
        # The bounds may not be floats: compare with the rounded ones, then put the exact ones.
        cut = torch.where(x >= high, high, x.clamp(min=low).nan_to_num().to(torch.int64))
        return torch.where(x >= high, high, cut).to(dtype) if high < 2**63 else cut.to(dtype)
    return x.clamp(low, high).to(dtype)


def _bounds(dtype):
    if dtype is torch.bool:
        return 0, 1
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return info.min, info.max


@op
def stop_gradient(variable):
    """The same values, through which no gradient flows.

    Args:
        variable: Tensor.

    Example:
        >>> torchkeras.ops.stop_gradient(torch.ones(2, requires_grad=True))
        tensor([1., 1.])
    """
    return tensor(variable).detach()


@op
def view(x, dtype=None):
    """The same memory read as another element type.

    Args:
        x: Tensor, array, list or number.
        dtype: Name of the type; its size may change the last axis. Default floatx.

    Example:
        >>> torchkeras.ops.view(torch.ones(1), "int32")
        tensor([1065353216], dtype=torch.int32)
    """
    return tensor(x).view(_dtypes.torch_dtype(dtype or config.floatx()))


@op
def view_as_complex(x):
    """Pairs along the last axis as complex numbers.

    Args:
        x: Real tensor ``(..., 2)``.

    Example:
        >>> torchkeras.ops.view_as_complex([[1.0, 2.0]])
        tensor([1.+2.j])
    """
    x = floating(x).to(torch.float32)  # as Keras: no other complex type comes out
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ValueError(
            "Last dimension of input must be size 2 (real and imaginary). "
            f"Received: x.shape={tuple(x.shape)}"
        )
    return torch.complex(x[..., 0], x[..., 1])


@op
def view_as_real(x):
    """Complex numbers as pairs along a new last axis.

    Args:
        x: Complex tensor.

    Example:
        >>> torchkeras.ops.view_as_real([1 + 2j])
        tensor([[1., 2.]], dtype=torch.float64)
    """
    return torch.view_as_real(tensor(x).resolve_conj())
