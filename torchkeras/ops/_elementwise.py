"""Functions of one tensor, element by element."""

import torch

from torchkeras.ops._convert import floating, is_weaker, narrow_floating, pair, tensor
from torchkeras.ops._op import elementwise, op


@op
def abs(x):
    """Absolute value of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.abs([-1.0, 2.0])
        tensor([1., 2.])
    """
    x = tensor(x)
    return x if x.dtype is torch.bool else torch.abs(x)


@op
def absolute(x):
    """Absolute value of each element; the same as `abs`.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.absolute([-1.0, 2.0])
        tensor([1., 2.])
    """
    x = tensor(x)
    return x if x.dtype is torch.bool else torch.abs(x)


@op
def angle(x):
    """Angle of each element in the complex plane; zero or pi for real numbers.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.angle([1.0, -1.0])
        tensor([0.0000, 3.1416])
    """
    return torch.angle(floating(x))


@op
def arccos(x):
    """Inverse cosine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arccos([0.0, 1.0])
        tensor([1.5708, 0.0000])
    """
    return torch.arccos(floating(x))


@op
def arccosh(x):
    """Inverse hyperbolic cosine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arccosh([1.0, 2.0])
        tensor([0.0000, 1.3170])
    """
    return torch.arccosh(floating(x))


@op
def arcsin(x):
    """Inverse sine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arcsin([0.0, 1.0])
        tensor([0.0000, 1.5708])
    """
    return torch.arcsin(floating(x))


@op
def arcsinh(x):
    """Inverse hyperbolic sine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arcsinh([0.0, 1.0])
        tensor([0.0000, 0.8814])
    """
    return torch.arcsinh(floating(x))


@op
def arctan(x):
    """Inverse tangent of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arctan([0.0, 1.0])
        tensor([0.0000, 0.7854])
    """
    return torch.arctan(floating(x))


@op
def arctanh(x):
    """Inverse hyperbolic tangent of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.arctanh([0.0, 0.5])
        tensor([0.0000, 0.5493])
    """
    return torch.arctanh(floating(x))


@op
def bitwise_invert(x):
    """Every bit of each integer turned over; `not` for booleans.

    Args:
        x: Tensor of integers or booleans.

    Example:
        >>> torchkeras.ops.bitwise_invert([0, 5])
        tensor([-1, -6], dtype=torch.int32)
    """
    return torch.bitwise_not(tensor(x))


@op
def bitwise_not(x):
    """Every bit of each integer turned over; the same as `bitwise_invert`.

    Args:
        x: Tensor of integers or booleans.

    Example:
        >>> torchkeras.ops.bitwise_not([0, 5])
        tensor([-1, -6], dtype=torch.int32)
    """
    return torch.bitwise_not(tensor(x))


@op
def cbrt(x):
    """Cube root of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.cbrt([-8.0, 27.0])
        tensor([-2.,  3.])
    """
    x = _wide_floating(x)
    return torch.sign(x) * torch.pow(torch.abs(x), 1 / 3)


def _wide_floating(x):
    """Like `floating`, but int64 becomes float64."""
    x = tensor(x)
    return x.double() if x.dtype is torch.int64 else floating(x)


@op
def ceil(x):
    """The smallest integer that is not below each element, as a float.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.ceil([-1.5, 1.2])
        tensor([-1.,  2.])
    """
    return torch.ceil(narrow_floating(x))


@elementwise
def clip(x, x_min, x_max):
    """Each element, or the nearer bound where it lies outside.

    Args:
        x: Tensor, array, list or number.
        x_min: Lower bound, a number or tensor; `None` for none.
        x_max: Upper bound, a number or tensor; `None` for none.

    Example:
        >>> torchkeras.ops.clip([-1.0, 0.5, 3.0], 0.0, 1.0)
        tensor([0.0000, 0.5000, 1.0000])
    """
    x = tensor(x)
    if x.dtype is torch.bool:
        x = x.to(torch.int32)
    bounds = [bound for bound in (x_min, x_max) if bound is not None]
    if bounds and all(is_weaker(bound, x.dtype) for bound in bounds):
        return torch.clamp(x, x_min, x_max)
    if x_min is not None:
        x = torch.maximum(*pair(x, x_min))
    return x if x_max is None else torch.minimum(*pair(x, x_max))


@op
def conj(x):
    """Complex conjugate of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.conj([1 + 2j])
        tensor([1.-2.j], dtype=torch.complex128)
    """
    return torch.conj(tensor(x)).resolve_conj()


@op
def conjugate(x):
    """Complex conjugate of each element; the same as `conj`.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.conjugate([1 + 2j])
        tensor([1.-2.j], dtype=torch.complex128)
    """
    return torch.conj(tensor(x)).resolve_conj()


@op
def cos(x):
    """Cosine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.cos([0.0, 1.0])
        tensor([1.0000, 0.5403])
    """
    return torch.cos(floating(x))


@op
def cosh(x):
    """Hyperbolic cosine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.cosh([0.0, 1.0])
        tensor([1.0000, 1.5431])
    """
    return torch.cosh(floating(x))


@op
def deg2rad(x):
    """Degrees to radians: ``x * pi / 180``.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.deg2rad([0.0, 180.0])
        tensor([0.0000, 3.1416])
    """
    return torch.deg2rad(_wide_floating(x))


@op
def exp(x):
    """Exponential of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.exp([0.0, 1.0])
        tensor([1.0000, 2.7183])
    """
    return torch.exp(floating(x))


@op
def exp2(x):
    """Two to the power of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.exp2([0.0, 3.0])
        tensor([1., 8.])
    """
    return torch.exp2(floating(x))


@op
def expm1(x):
    """``exp(x) - 1``, exact near zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.expm1([0.0, 1.0])
        tensor([0.0000, 1.7183])
    """
    return torch.expm1(floating(x))


@op
def fabs(x):
    """Absolute value of each element as a float.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.fabs([-1, 2])
        tensor([1., 2.])
    """
    return torch.abs(floating(x))


@op
def floor(x):
    """The largest integer that is not above each element, as a float.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.floor([-1.5, 1.2])
        tensor([-2.,  1.])
    """
    return torch.floor(narrow_floating(x))


@op
def i0(x):
    """Modified Bessel function of the first kind and order zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.i0([0.0, 1.0])
        tensor([1.0000, 1.2661])
    """
    return torch.i0(_wide_floating(x))


@op
def imag(x):
    """Imaginary part of each element; zero for real numbers.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.imag([1 + 2j])
        tensor([2.], dtype=torch.float64)
    """
    x = tensor(x)
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)


@op
def isfinite(x):
    """Whether each element is neither infinite nor nan.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isfinite([1.0, float("inf")])
        tensor([ True, False])
    """
    return torch.isfinite(tensor(x))


@op
def isinf(x):
    """Whether each element is infinite.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isinf([1.0, float("inf")])
        tensor([False,  True])
    """
    return torch.isinf(tensor(x))


@op
def isnan(x):
    """Whether each element is nan.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isnan([1.0, float("nan")])
        tensor([False,  True])
    """
    return torch.isnan(tensor(x))


@op
def isneginf(x):
    """Whether each element is minus infinity.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isneginf([1.0, float("-inf")])
        tensor([False,  True])
    """
    return torch.isneginf(tensor(x))


@op
def isposinf(x):
    """Whether each element is plus infinity.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isposinf([1.0, float("inf")])
        tensor([False,  True])
    """
    return torch.isposinf(tensor(x))


@op
def isreal(x):
    """Whether the imaginary part of each element is zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.isreal([1 + 2j, 1 + 0j])
        tensor([False,  True])
    """
    return torch.isreal(tensor(x))


@op
def log(x):
    """Natural logarithm of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.log([1.0, 2.0])
        tensor([0.0000, 0.6931])
    """
    return torch.log(floating(x))


@op
def log10(x):
    """Logarithm of each element to base 10.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.log10([1.0, 100.0])
        tensor([0., 2.])
    """
    return torch.log10(floating(x))


@op
def log1p(x):
    """``log(1 + x)``, exact near zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.log1p([0.0, 1.0])
        tensor([0.0000, 0.6931])
    """
    return torch.log1p(floating(x))


@op
def log2(x):
    """Logarithm of each element to base 2.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.log2([1.0, 8.0])
        tensor([0., 3.])
    """
    return torch.log2(floating(x))


@op
def logical_not(x):
    """Whether each element is zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.logical_not([True, False])
        tensor([False,  True])
    """
    return torch.logical_not(tensor(x))


@op
def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    """Numbers in the place of nan and infinities.

    Args:
        x: Tensor, array, list or number.
        nan: What replaces nan.
        posinf: What replaces infinity; default the largest number of the type.
        neginf: What replaces minus infinity; default the lowest number of the type.

    Example:
        >>> torchkeras.ops.nan_to_num([1.0, float("nan"), float("inf")], posinf=9.0)
        tensor([1., 0., 9.])
    """
    return torch.nan_to_num(tensor(x), nan, posinf, neginf)


@op
def negative(x):
    """Each element with the other sign.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.negative([1.0, -2.0])
        tensor([-1.,  2.])
    """
    return torch.negative(tensor(x))


@op
def rad2deg(x):
    """Radians to degrees: ``x * 180 / pi``.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.rad2deg([0.0, 3.1415927])
        tensor([  0., 180.])
    """
    return torch.rad2deg(_wide_floating(x))


@op
def real(x):
    """Real part of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.real([1 + 2j])
        tensor([1.], dtype=torch.float64)
    """
    x = tensor(x)
    return torch.real(x) if x.dtype.is_complex else x


@op
def reciprocal(x):
    """``1 / x``.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.reciprocal([1.0, 2.0])
        tensor([1.0000, 0.5000])
    """
    return torch.reciprocal(floating(x))


@op
def round(x, decimals=0):
    """Each element rounded; halves go to the even neighbour.

    Args:
        x: Tensor, array, list or number.
        decimals: Number of digits kept after the point; negative ones round before it.

    Example:
        >>> torchkeras.ops.round([1.26, 2.5]), torchkeras.ops.round([1.26, 2.51], decimals=1)
        (tensor([1., 2.]), tensor([1.3000, 2.5000]))
    """
    x = tensor(x)
    if x.dtype.is_floating_point:
        return torch.round(x, decimals=decimals)
    if decimals >= 0:
        return x.to(torch.int32) if x.dtype is torch.bool else x
    return torch.round(floating(x), decimals=decimals).to(x.dtype)


@op
def rsqrt(x):
    """``1 / sqrt(x)``.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.rsqrt([1.0, 4.0])
        tensor([1.0000, 0.5000])
    """
    return torch.rsqrt(floating(x))


@op
def sign(x):
    """-1, 0 or 1 after the sign of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.sign([-3.0, 0.0, 2.0])
        tensor([-1.,  0.,  1.])
    """
    return torch.sign(tensor(x))


@op
def signbit(x):
    """Whether the sign bit of each element is set.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.signbit([-3.0, 2.0])
        tensor([ True, False])
    """
    return torch.signbit(tensor(x))


@op
def sin(x):
    """Sine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.sin([0.0, 1.0])
        tensor([0.0000, 0.8415])
    """
    return torch.sin(floating(x))


@op
def sinc(x):
    """``sin(pi x) / (pi x)``, and one at zero.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.sinc([0.0, 0.5])
        tensor([1.0000, 0.6366])
    """
    return torch.sinc(floating(x))


@op
def sinh(x):
    """Hyperbolic sine of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.sinh([0.0, 1.0])
        tensor([0.0000, 1.1752])
    """
    return torch.sinh(floating(x))


@op
def sqrt(x):
    """Square root of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.sqrt([1.0, 4.0])
        tensor([1., 2.])
    """
    return torch.sqrt(floating(x))


@op
def square(x):
    """Square of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.square([-2.0, 3.0])
        tensor([4., 9.])
    """
    x = tensor(x)
    return torch.square(x.to(torch.int32) if x.dtype is torch.bool else x)


@op
def tan(x):
    """Tangent of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.tan([0.0, 1.0])
        tensor([0.0000, 1.5574])
    """
    return torch.tan(floating(x))


@op
def tanh(x):
    """Hyperbolic tangent of each element.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.tanh([0.0, 1.0])
        tensor([0.0000, 0.7616])
    """
    return torch.tanh(floating(x))


@op
def trunc(x):
    """Each element without its fraction.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.trunc([-1.7, 1.7])
        tensor([-1.,  1.])
    """
    x = tensor(x)
    return x if x.dtype is torch.bool else torch.trunc(x)
