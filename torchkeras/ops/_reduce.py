"""Sums, extremes and statistics along axes, and running ones."""

import builtins
import math

import torch

from torchkeras import _dtypes
from torchkeras._shapes import axes_of
from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import (
    as_tensor,
    floating,
    narrow_floating,
    promoted,
    tensor,
)
from torchkeras.ops._op import op


def _running_rule(x, axis=None, dtype=None):
    shape = x.shape
    if axis is not None:
        axes_of(axis, builtins.max(x.ndim, 1))
    if axis is None:
        shape = (None if None in x.shape else math.prod(x.shape),)
    small = KerasTensor((1,) * x.ndim, x.dtype)
    return KerasTensor(shape, infer(cumsum.__wrapped__, (small, 0, dtype), {}).dtype)


def _over(function, x, axis, keepdims=False, **kwargs):
    """A reduction of torch's over axes: None means all, and no axes mean none (torch: all)."""
    if isinstance(axis, int):
        return function(x, dim=axis, keepdim=keepdims, **kwargs)
    if axis is None:
        return function(x, dim=tuple(range(x.ndim)), keepdim=keepdims, **kwargs)
    if len(axis) == 0:
        return function(x[None], dim=(0,), keepdim=False, **kwargs)
    return function(x, dim=tuple(axis), keepdim=keepdims, **kwargs)


def _merged(x, axis, keepdims=False):
    """The tensor with the axes flattened into the last one, and the shape of a reduction."""
    if x.ndim == 0:
        axes_of(() if axis is None else axis, 1)
        return x[None], ()
    axes = sorted(set(range(x.ndim) if axis is None else axes_of(axis, x.ndim)))
    rest = [a for a in range(x.ndim) if a not in axes]
    shape = [1 if a in axes else x.shape[a] for a in (range(x.ndim) if keepdims else rest)]
    if not axes:
        return x[..., None], shape
    return x.permute(*rest, *axes).flatten(len(rest)), shape


def _countable(x):
    """Values of a type in which sums are taken: small integers become int32."""
    x = tensor(x)
    if x.dtype.is_floating_point or x.dtype.is_complex or x.dtype is torch.int64:
        return x
    return x.to(torch.int64 if x.dtype is torch.uint32 else torch.int32)


@op
def all(x, axis=None, keepdims=False):
    """Whether no element along the axes is zero.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.all([True, False])
        tensor(False)
    """
    return _over(torch.all, tensor(x).bool(), axis, keepdims)


@op
def amax(x, axis=None, keepdims=False):
    """The largest element along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.amax([[1.0, 5.0], [3.0, 2.0]], axis=0)
        tensor([3., 5.])
    """
    return _over(torch.amax, tensor(x), axis, keepdims)


@op
def amin(x, axis=None, keepdims=False):
    """The smallest element along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.amin([[1.0, 5.0], [3.0, 2.0]], axis=0)
        tensor([1., 2.])
    """
    return _over(torch.amin, tensor(x), axis, keepdims)


@op
def any(x, axis=None, keepdims=False):
    """Whether some element along the axes is not zero.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.any([True, False])
        tensor(True)
    """
    return _over(torch.any, tensor(x).bool(), axis, keepdims)


@op
def argmax(x, axis=None, keepdims=False):
    """Place of the largest element along an axis.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.argmax([1.0, 5.0, 3.0])
        tensor(1, dtype=torch.int32)
    """
    return _place(torch.argmax, tensor(x), axis, keepdims)


def _place(function, x, axis, keepdims):
    x = x.to(torch.uint8) if x.dtype is torch.bool else x
    if axis is None and keepdims:
        return function(x).to(torch.int32).reshape((1,) * x.ndim)
    return function(x, dim=axis, keepdim=keepdims).to(torch.int32)


@op
def argmin(x, axis=None, keepdims=False):
    """Place of the smallest element along an axis.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.argmin([1.0, 5.0, 3.0])
        tensor(0, dtype=torch.int32)
    """
    return _place(torch.argmin, tensor(x), axis, keepdims)


@op
def average(x, axis=None, weights=None):
    """Weighted mean: ``sum(x * w) / sum(w)``.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        weights: Tensor shaped like ``x``, or a vector along the one axis; default equal ones.

    Example:
        >>> torchkeras.ops.average([1.0, 2.0], weights=[3.0, 1.0])
        tensor(1.2500)
    """
    if weights is None:
        return _over(torch.mean, narrow_floating(x), axis)
    x, weights = promoted(x, weights, least=(float,))
    if weights.ndim == 1 and x.ndim > 1 and isinstance(axis, int):
        (place,) = axes_of(axis, x.ndim)
        weights = weights.reshape([-1 if a == place else 1 for a in range(x.ndim)])
    weights = weights.expand(x.shape)
    return _over(torch.sum, x * weights, axis) / _over(torch.sum, weights, axis)


def _bincount_rule(x, weights=None, minlength=0, sparse=False):
    dtype = "int32"
    if weights is not None:
        dtype = _dtypes.standardize_dtype(getattr(weights, "dtype", None) or tensor(weights).dtype)
    return KerasTensor((*x.shape[:-1], None), dtype)


@op(rule=_bincount_rule)
def bincount(x, weights=None, minlength=0, sparse=False):
    """How often each integer from zero on occurs.

    Args:
        x: Tensor of integers from zero on, one axis or a batch of rows.
        weights: What each occurrence counts, shaped like ``x``; default 1.
        minlength: Smallest size of the result.
        sparse: Only ``False`` is possible on torch.

    Raises:
        ValueError: if ``sparse`` is asked for.

    Example:
        >>> torchkeras.ops.bincount([1, 2, 2])
        tensor([0, 1, 2], dtype=torch.int32)
    """
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with torch backend. Leave it out.")
    x = tensor(x)
    if weights is None:
        weights = torch.ones((), dtype=torch.int32, device=x.device)
    weights = tensor(weights)
    n = builtins.max(
        int(x.max()) + 1 if x.numel() else 0, minlength
    )  # the size depends on the values
    counts = torch.zeros((*x.shape[:-1], n), dtype=weights.dtype, device=x.device)
    return counts.scatter_add(-1, x.long(), weights.expand(x.shape))


@op
def corrcoef(x):
    """Correlation of each two rows: their covariance over the product of their deviations.

    Args:
        x: Matrix with one variable in each row.

    Example:
        >>> torchkeras.ops.corrcoef([[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]])
        tensor([[1., 0.],
                [0., 1.]])
    """
    x = tensor(x)
    x = x.double() if x.dtype is torch.int64 else floating(x)
    x = x - x.mean(-1, keepdim=True)
    if x.ndim < 2:
        return torch.sum(x * x) / torch.sum(x * x)
    covariance = x @ x.T.conj()
    variance = torch.diagonal(covariance).real
    result = covariance / torch.sqrt(variance[:, None] * variance)
    return result if result.is_complex() else torch.clamp(result, -1, 1)


@op
def count_nonzero(x, axis=None):
    """How many elements along the axes are not zero.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.

    Example:
        >>> torchkeras.ops.count_nonzero([1, 0, 2])
        tensor(2, dtype=torch.int32)
    """
    return _over(torch.sum, tensor(x) != 0, axis, dtype=torch.int32)


@op(rule=_running_rule)
def cumprod(x, axis=None, dtype=None):
    """Product of the elements up to each place.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        dtype: Name of the type; default that of ``x``, int32 for booleans.

    Example:
        >>> torchkeras.ops.cumprod([1.0, 2.0, 3.0])
        tensor([1., 2., 6.])
    """
    return _running(torch.cumprod, tensor(x), axis, dtype)


def _running(function, x, axis, dtype):
    if dtype is None:
        name = _dtypes.result_type(x.dtype)
        dtype = {"bool": "int32", "uint16": "int32", "uint32": "int64"}.get(name, name)
    if axis is None:
        x, axis = x.reshape(-1), 0
    return function(x, axis, dtype=_dtypes.torch_dtype(dtype))


@op(rule=_running_rule)
def cumsum(x, axis=None, dtype=None):
    """Sum of the elements up to each place.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        dtype: Name of the type; default that of ``x``, int32 for booleans.

    Example:
        >>> torchkeras.ops.cumsum([1.0, 2.0, 3.0])
        tensor([1., 3., 6.])
    """
    return _running(torch.cumsum, tensor(x), axis, dtype)


@op
def histogram(x, bins=10, range=None):
    """How many values fall into each of equal bins, and the edges of the bins.

    Args:
        x: Vector.
        bins: Number of bins.
        range: Pair of the first and the last edge; default the extremes of ``x``.

    Raises:
        ValueError: if ``x`` is no vector, ``bins`` not positive, or ``range`` no pair in order.

    Example:
        >>> torchkeras.ops.histogram([1.0, 2.0, 2.0, 5.0], bins=2)
        (tensor([3., 1.]), tensor([1., 3., 5.]))
    """
    if not isinstance(bins, int):
        raise TypeError(f"Argument `bins` must be of type `int`. Received: bins={bins}")
    if bins <= 0:
        raise ValueError(f"Argument `bins` should be a non-negative integer. Received: bins={bins}")
    if range and len(range) != 2:
        raise ValueError(
            f"Argument `range` must be a tuple of two elements. Received: range={range}"
        )
    if range and range[1] < range[0]:
        raise ValueError(
            f"The second element of `range` must be greater than the first. Received: range={range}"
        )
    x = narrow_floating(x)
    if x.ndim != 1:
        raise ValueError(
            f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}. "
            "Flatten it with `ravel`."
        )
    low, high = (
        (x.new_tensor(v) for v in range)
        if range
        else ((x.min(), x.max()) if x.numel() else (x.new_zeros(()), x.new_ones(())))
    )
    flat = low == high
    low, high = torch.where(flat, low - 0.5, low), torch.where(flat, high + 0.5, high)
    edges = low + (high - low) / bins * torch.arange(bins + 1, dtype=x.dtype, device=x.device)
    edges[-1] = high
    place = torch.searchsorted(edges, x, right=True) - 1
    place = torch.where(x == high, bins - 1, place)
    inside = (x >= low) & (x <= high)
    counts = x.new_zeros(bins).scatter_add(0, place.clamp(0, bins - 1), inside.to(x.dtype))
    return counts, edges


@op
def logsumexp(x, axis=None, keepdims=False):
    """``log(sum(exp(x)))`` along the axes, computed safely.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.logsumexp([0.0, 0.0])
        tensor(0.6931)
    """
    return _over(torch.logsumexp, floating(x), axis, keepdims)


@op
def max(x, axis=None, keepdims=False, initial=None):
    """The largest element along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.
        initial: The smallest result, which that of no elements is.

    Example:
        >>> torchkeras.ops.max([1.0, 5.0]), torchkeras.ops.max([1.0], initial=2.0)
        (tensor(5.), tensor(2.))
    """
    return _extreme(torch.amax, torch.maximum, tensor(x), axis, keepdims, initial)


def _extreme(function, either, x, axis, keepdims, initial):
    if x.dtype in (torch.uint16, torch.uint32):  # torch has no kernel for them
        return _extreme(function, either, x.long(), axis, keepdims, initial).to(x.dtype)
    if initial is None:
        return _over(function, x, axis, keepdims)
    initial = as_tensor(initial, x.dtype, x.device)
    if x.numel() == 0:
        # torch has no extreme of nothing: the sum of nothing has the shape.
        return _over(torch.sum, x, axis, keepdims).to(x.dtype) + initial
    return either(_over(function, x, axis, keepdims), initial)


@op
def mean(x, axis=None, keepdims=False):
    """Mean of the elements along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.mean([[1.0, 5.0], [3.0, 2.0]], axis=1)
        tensor([3.0000, 2.5000])
    """
    return _over(torch.mean, floating(x), axis, keepdims)


@op
def median(x, axis=None, keepdims=False):
    """The middle element along the axes, or the mean of the two middle ones.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.median([1.0, 5.0, 2.0, 3.0])
        tensor(2.5000)
    """
    return _quantile(x, 0.5, axis, "linear", keepdims)


@op
def min(x, axis=None, keepdims=False, initial=None):
    """The smallest element along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.
        initial: The largest result, which that of no elements is.

    Example:
        >>> torchkeras.ops.min([1.0, 5.0]), torchkeras.ops.min([1.0], initial=0.5)
        (tensor(1.), tensor(0.5000))
    """
    return _extreme(torch.amin, torch.minimum, tensor(x), axis, keepdims, initial)


@op
def nanargmax(x, axis=None, keepdims=False):
    """Place of the largest element that is not nan; -1 where all are.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanargmax([1.0, float("nan"), 3.0])
        tensor(2, dtype=torch.int32)
    """
    return _nan_place(torch.argmax, -math.inf, x, axis, keepdims)


def _nan_place(function, lowest, x, axis, keepdims):
    x = tensor(x)
    if not x.dtype.is_floating_point:
        return _place(function, x, axis, keepdims)
    nans = torch.isnan(x)
    place = _place(function, torch.where(nans, lowest, x), axis, keepdims)
    return torch.where(_over(torch.all, nans, axis, keepdims), -1, place)


@op
def nanargmin(x, axis=None, keepdims=False):
    """Place of the smallest element that is not nan; -1 where all are.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanargmin([1.0, float("nan"), 3.0])
        tensor(0, dtype=torch.int32)
    """
    return _nan_place(torch.argmin, math.inf, x, axis, keepdims)


def _filled(x, value):
    """The tensor with another value for nan."""
    x = tensor(x)
    return torch.where(torch.isnan(x), value, x) if x.dtype.is_floating_point else x


@op(rule=_running_rule)
def nancumprod(x, axis=None, dtype=None):
    """Product of the elements up to each place, with nan as one.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        dtype: Name of the type; default that of ``x``, int32 for booleans.

    Example:
        >>> torchkeras.ops.nancumprod([2.0, float("nan"), 3.0])
        tensor([2., 2., 6.])
    """
    return _running(torch.cumprod, _filled(x, 1.0), axis, dtype)


@op(rule=_running_rule)
def nancumsum(x, axis=None, dtype=None):
    """Sum of the elements up to each place, with nan as zero.

    Args:
        x: Tensor, array, list or number.
        axis: Axis; default all, flattened.
        dtype: Name of the type; default that of ``x``, int32 for booleans.

    Example:
        >>> torchkeras.ops.nancumsum([2.0, float("nan"), 3.0])
        tensor([2., 2., 5.])
    """
    return _running(torch.cumsum, _filled(x, 0.0), axis, dtype)


@op
def nanmax(x, axis=None, keepdims=False):
    """The largest element that is not nan; nan where all are.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanmax([1.0, float("nan"), 3.0])
        tensor(3.)
    """
    return _nan_extreme(torch.amax, -math.inf, x, axis, keepdims)


def _nan_extreme(function, lowest, x, axis, keepdims):
    x = tensor(x)
    result = _over(function, _filled(x, lowest), axis, keepdims)
    if not x.dtype.is_floating_point:
        return result
    return torch.where(_over(torch.all, torch.isnan(x), axis, keepdims), math.nan, result)


@op
def nanmean(x, axis=None, keepdims=False):
    """Mean of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanmean([1.0, float("nan"), 3.0])
        tensor(2.)
    """
    return _over(torch.nanmean, narrow_floating(x), axis, keepdims)


@op
def nanmedian(x, axis=None, keepdims=False):
    """The middle of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanmedian([1.0, float("nan"), 3.0])
        tensor(2.)
    """
    return _quantile(x, 0.5, axis, "linear", keepdims, nans=True)


@op
def nanmin(x, axis=None, keepdims=False):
    """The smallest element that is not nan; nan where all are.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanmin([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    return _nan_extreme(torch.amin, math.inf, x, axis, keepdims)


@op
def nanpercentile(x, q, axis=None, method="linear", keepdims=False):
    """`percentile` of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        q: Percentages from 0 to 100, a number or tensor.
        axis: Axis, or tuple of them; default all.
        method: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanpercentile([1.0, float("nan"), 3.0], 50)
        tensor(2.)
    """
    return _quantile(x, floating(q) / 100, axis, method, keepdims, nans=True)


@op
def nanprod(x, axis=None, keepdims=False):
    """Product of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanprod([2.0, float("nan"), 3.0])
        tensor(6.)
    """
    return _product(_filled(x, 1.0), axis, keepdims, None)


@op
def nanquantile(x, q, axis=None, method="linear", keepdims=False):
    """`quantile` of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        q: Fractions from 0 to 1, a number or tensor.
        axis: Axis, or tuple of them; default all.
        method: ``"linear"``, ``"lower"``, ``"higher"``, ``"midpoint"`` or ``"nearest"``.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanquantile([1.0, float("nan"), 3.0], 0.5)
        tensor(2.)
    """
    return _quantile(x, q, axis, method, keepdims, nans=True)


@op
def nanstd(x, axis=None, keepdims=False):
    """Standard deviation of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanstd([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    return torch.sqrt(_nanvar(x, axis, keepdims))


@op
def nansum(x, axis=None, keepdims=False):
    """Sum of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nansum([1.0, float("nan"), 3.0])
        tensor(4.)
    """
    x = _countable(x)
    return _over(torch.nansum, x, axis, keepdims, dtype=x.dtype)


@op
def nanvar(x, axis=None, keepdims=False):
    """Variance of the elements that are not nan.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.nanvar([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    return _nanvar(x, axis, keepdims)


def _nanvar(x, axis, keepdims):
    x = narrow_floating(x)
    mean = x if axis == () else _over(torch.nanmean, x, axis, True)
    return _over(torch.nanmean, torch.square(x - mean), axis, keepdims)


@op
def percentile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which given percentages of the elements lie.

    Args:
        x: Tensor, array, list or number.
        q: Percentages from 0 to 100, a number or tensor.
        axis: Axis, or tuple of them; default all.
        method: What stands between two elements: ``"linear"``, ``"lower"``, ``"higher"``,
            ``"midpoint"`` or ``"nearest"``.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.percentile([1.0, 2.0, 3.0], 75)
        tensor(2.5000)
    """
    return _quantile(x, floating(q) / 100, axis, method, keepdims)


@op
def prod(x, axis=None, keepdims=False, dtype=None):
    """Product of the elements along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.
        dtype: Name of the type; default that of ``x``, int32 for small integers.

    Example:
        >>> torchkeras.ops.prod([[1.0, 5.0], [3.0, 2.0]], axis=1)
        tensor([5., 6.])
    """
    return _product(tensor(x), axis, keepdims, dtype)


def _product(x, axis, keepdims, dtype):
    if dtype is None:
        dtype = _dtypes.result_type(_countable(x[..., :0] if x.ndim else x).dtype)
        dtype = "int64" if x.dtype is torch.uint32 else dtype
    x, shape = _merged(x, axis, keepdims)
    return torch.prod(x, -1, dtype=_dtypes.torch_dtype(dtype)).reshape(shape)


@op
def ptp(x, axis=None, keepdims=False):
    """The largest element less the smallest one along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.ptp([1.0, 5.0, 3.0])
        tensor(4.)
    """
    x = tensor(x)
    return _over(torch.amax, x, axis, keepdims) - _over(torch.amin, x, axis, keepdims)


@op
def quantile(x, q, axis=None, method="linear", keepdims=False):
    """The value below which given fractions of the elements lie.

    Args:
        x: Tensor, array, list or number.
        q: Fractions from 0 to 1, a number or tensor.
        axis: Axis, or tuple of them; default all.
        method: What stands between two elements: ``"linear"``, ``"lower"``, ``"higher"``,
            ``"midpoint"`` or ``"nearest"``.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.quantile([1.0, 2.0, 3.0], [0.0, 0.75])
        tensor([1.0000, 2.5000])
    """
    return _quantile(x, q, axis, method, keepdims)


def _quantile(x, q, axis, method, keepdims, nans=False):
    """Quantiles by sorting: unlike torch's for any size and element type."""
    if method not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise ValueError(
            "`method` must be one of 'linear', 'lower', 'higher', 'midpoint', 'nearest'. "
            f"Received: method={method!r}"
        )
    x = narrow_floating(x)
    x, shape = _merged(x, axis, keepdims)
    if x.shape[-1] == 0:  # the quantiles of nothing are nan
        x = x.new_full((*x.shape[:-1], 1), math.nan)
    x = torch.sort(x, -1).values  # nan comes last
    wide = torch.promote_types(x.dtype, torch.float32)
    q = as_tensor(q, wide, x.device)
    isnan = torch.isnan(x)
    n = torch.sum(~isnan, -1) if nans else torch.tensor(x.shape[-1], device=x.device)
    place = q.reshape(q.shape + (1,) * (x.ndim - 1)) * (n - 1).clamp(min=0)
    place = place.expand(q.shape + x.shape[:-1])
    below, above = torch.floor(place), torch.ceil(place)
    if method in ("lower", "higher", "nearest"):
        below = above = {"lower": below, "higher": above, "nearest": torch.round(place)}[method]
    part = (above - below) * 0.5 if method == "midpoint" else place - below
    x = x.expand(q.shape + x.shape)
    low = torch.gather(x, -1, below.long()[..., None])[..., 0]
    high = torch.gather(x, -1, above.long()[..., None])[..., 0]
    low, high = low.to(wide), high.to(wide)
    # Beside infinity a part of nothing is nothing.
    result = torch.where(part == 0, low, low * (1 - part) + high * part).to(x.dtype)
    if not nans:
        result = torch.where(torch.any(isnan, -1), math.nan, result)
    return result.reshape([*q.shape, *shape])


@op
def std(x, axis=None, keepdims=False):
    """Standard deviation: root of the mean square distance from the mean.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.std([1.0, 3.0])
        tensor(1.)
    """
    return _over(torch.std, floating(x), axis, keepdims, correction=0)


@op
def sum(x, axis=None, keepdims=False):
    """Sum of the elements along the axes.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.sum([[1.0, 5.0], [3.0, 2.0]], axis=1)
        tensor([6., 5.])
    """
    x = _countable(x)
    return _over(torch.sum, x, axis, keepdims, dtype=x.dtype)


@op
def trace(x, offset=0, axis1=0, axis2=1):
    """Sum along a diagonal.

    Args:
        x: Tensor, array, list or number.
        offset: Which diagonal; 0 is the main one.
        axis1: First axis of the matrices.
        axis2: Second axis of the matrices.

    Example:
        >>> torchkeras.ops.trace([[1.0, 2.0], [3.0, 4.0]])
        tensor(5.)
    """
    x = _countable(x)
    if x.ndim < 2:
        raise ValueError(f"`trace` takes at least two axes. Received: x.shape={tuple(x.shape)}")
    if axis1 % x.ndim == axis2 % x.ndim:
        raise ValueError(f"`axis1` and `axis2` must differ. Received: axis1={axis1}, axis2={axis2}")
    return torch.sum(torch.diagonal(x, offset, axis1, axis2), -1, dtype=x.dtype)


@op
def var(x, axis=None, keepdims=False):
    """Variance: mean square distance from the mean.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.var([1.0, 3.0])
        tensor(1.)
    """
    return _over(torch.var, narrow_floating(x), axis, keepdims, correction=0)
