"""Functions of two tensors whose shapes are broadcast together."""

import torch

from torchkeras import _dtypes
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import floating, operands, pair, promoted, tensor
from torchkeras.ops._op import elementwise, op
from torchkeras.ops._rules import broadcast, shape_of


@elementwise
def add(x1, x2):
    """Sum of two tensors.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.add([1.0, 2.0], 3)
        tensor([4., 5.])
    """
    return torch.add(*operands(x1, x2))


def _allclose_rule(x1, x2, rtol=1e-05, atol=1e-08, equal_nan=False):
    return KerasTensor((), "bool")


@op(rule=_allclose_rule)
def allclose(x1, x2, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements are close, as `isclose` says.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.
        rtol: Tolerance relative to ``x2``.
        atol: Absolute tolerance.
        equal_nan: Whether nan is close to nan.

    Example:
        >>> torchkeras.ops.allclose([1.0, 2.0], [1.0, 2.0 + 1e-9])
        tensor(True)
    """
    return torch.all(isclose.__wrapped__(x1, x2, rtol, atol, equal_nan))


@elementwise
def arctan2(x1, x2):
    """Angle of the points ``(x2, x1)``, from -pi to pi.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.arctan2([1.0, 0.0], [0.0, -1.0])
        tensor([1.5708, 3.1416])
    """
    return torch.arctan2(*promoted(x1, x2, least=(float,)))


@elementwise
def bitwise_and(x, y):
    """Bits that are set in both.

    Args:
        x: Tensor of integers or booleans.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.bitwise_and([6], [3])
        tensor([2], dtype=torch.int32)
    """
    return torch.bitwise_and(*pair(x, y))


@elementwise
def bitwise_left_shift(x, y):
    """Bits moved up: ``x * 2**y``.

    Args:
        x: Tensor of integers.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.bitwise_left_shift([3], [2])
        tensor([12], dtype=torch.int32)
    """
    return torch.bitwise_left_shift(*pair(x, y))


@elementwise
def bitwise_or(x, y):
    """Bits that are set in either.

    Args:
        x: Tensor of integers or booleans.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.bitwise_or([6], [3])
        tensor([7], dtype=torch.int32)
    """
    return torch.bitwise_or(*pair(x, y))


@elementwise
def bitwise_right_shift(x, y):
    """Bits moved down: ``x // 2**y``.

    Args:
        x: Tensor of integers.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.bitwise_right_shift([12], [2])
        tensor([3], dtype=torch.int32)
    """
    return torch.bitwise_right_shift(*pair(x, y))


@elementwise
def bitwise_xor(x, y):
    """Bits that are set in one only.

    Args:
        x: Tensor of integers or booleans.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.bitwise_xor([6], [3])
        tensor([5], dtype=torch.int32)
    """
    return torch.bitwise_xor(*pair(x, y))


@elementwise
def divide(x1, x2):
    """Quotient of two tensors, a float.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.divide([1, 4], 2)
        tensor([0.5000, 2.0000])
    """
    x1, x2 = operands(x1, x2)
    return torch.divide(floating(x1), floating(x2)) if _integers(x1, x2) else torch.divide(x1, x2)


def _integers(x1, x2):
    if not torch.is_tensor(x2):  # a number, beside floats only
        return False
    floats = x1.dtype.is_floating_point or x2.dtype.is_floating_point
    return not (floats or x1.dtype.is_complex or x2.dtype.is_complex)


@elementwise
def divide_no_nan(x1, x2):
    """Quotient of two tensors, zero where the divisor is zero.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.divide_no_nan([1.0, 4.0], [0.0, 2.0])
        tensor([0., 2.])
    """
    x1, x2 = promoted(x1, x2, least=(float,))
    zero = x2 == 0
    return torch.where(zero, 0, x1 / torch.where(zero, 1, x2))


@elementwise
def equal(x1, x2):
    """Whether elements are equal.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.equal([1, 2], 2)
        tensor([False,  True])
    """
    return torch.eq(*operands(x1, x2))


@elementwise
def floor_divide(x1, x2):
    """The largest integer that is not above the quotient.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.floor_divide([7, -7], 2)
        tensor([ 3, -4], dtype=torch.int32)
    """
    return torch.floor_divide(*promoted(x1, x2))


@elementwise
def fmax(x1, x2):
    """The larger element; of a number and nan the number.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.fmax([1.0, float("nan")], 0.5)
        tensor([1.0000, 0.5000])
    """
    return torch.fmax(*promoted(x1, x2))


@elementwise
def fmin(x1, x2):
    """The smaller element; of a number and nan the number.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.fmin([1.0, float("nan")], 0.5)
        tensor([0.5000, 0.5000])
    """
    return torch.fmin(*promoted(x1, x2))


@elementwise
def fmod(x1, x2):
    """Remainder of the division, with the sign of ``x1``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.fmod([7, -7], 3)
        tensor([ 1, -1], dtype=torch.int32)
    """
    return torch.fmod(*_no_booleans(x1, x2))


def _no_booleans(x1, x2):
    """Two tensors of which one at least is no boolean."""
    x1, x2 = pair(x1, x2)
    if x1.dtype is torch.bool and x2.dtype is torch.bool:
        return x1.to(torch.int32), x2.to(torch.int32)
    return x1, x2


@elementwise
def gcd(x1, x2):
    """Greatest common divisor.

    Args:
        x1: Tensor of integers.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.gcd([12, 7], 18)
        tensor([6, 1], dtype=torch.int32)
    """
    return torch.gcd(*pair(x1, x2))


@elementwise
def greater(x1, x2):
    """Whether ``x1 > x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.greater([1, 2, 3], 2)
        tensor([False, False,  True])
    """
    return torch.gt(*operands(x1, x2))


@elementwise
def greater_equal(x1, x2):
    """Whether ``x1 >= x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.greater_equal([1, 2, 3], 2)
        tensor([False,  True,  True])
    """
    return torch.ge(*operands(x1, x2))


@elementwise
def heaviside(x1, x2):
    """0 where ``x1 < 0``, 1 where ``x1 > 0``, ``x2`` where ``x1`` is zero.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.heaviside([-1.0, 0.0, 2.0], 0.5)
        tensor([0.0000, 0.5000, 1.0000])
    """
    x1, x2 = promoted(x1, x2)
    if x1.dtype is not torch.bool:
        x1, x2 = floating(x1), floating(x2)
    return torch.heaviside(x1, x2)


@elementwise
def hypot(x1, x2):
    """``sqrt(x1**2 + x2**2)``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.hypot([3.0], [4.0])
        tensor([5.])
    """
    return torch.hypot(*promoted(x1, x2, least=(float,)))


@elementwise
def isclose(x1, x2, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether ``|x1 - x2| <= atol + rtol * |x2|``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.
        rtol: Tolerance relative to ``x2``.
        atol: Absolute tolerance.
        equal_nan: Whether nan is close to nan.

    Example:
        >>> torchkeras.ops.isclose([1.0, 2.0], [1.0, 2.1])
        tensor([ True, False])
    """
    x1, x2 = promoted(x1, x2, least=(float,))
    return torch.isclose(x1, x2, rtol, atol, equal_nan)


@elementwise
def lcm(x1, x2):
    """Least common multiple.

    Args:
        x1: Tensor of integers.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.lcm([4, 7], 6)
        tensor([12, 42], dtype=torch.int32)
    """
    return torch.lcm(*pair(x1, x2))


def _ldexp_rule(x1, x2):
    dtype = _dtypes.result_type(*(getattr(x, "dtype", type(x)) for x in (x1, x2)), float)
    return KerasTensor(broadcast(shape_of(x1), shape_of(x2)), dtype)


@op(rule=_ldexp_rule)
def ldexp(x1, x2):
    """``x1 * 2**x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: Tensor of integers.

    Raises:
        TypeError: if ``x2`` holds no integers.

    Example:
        >>> torchkeras.ops.ldexp([1.5], [3])
        tensor([12.])
    """
    x1, x2 = promoted(x1, least=(float,))[0], tensor(x2)
    if x2.dtype.is_floating_point or x2.dtype.is_complex or x2.dtype is torch.bool:
        raise TypeError(
            f"ldexp exponent must be an integer type. Received: x2 dtype={x2.dtype}; cast it first."
        )
    return torch.ldexp(x1, x2)


@elementwise
def left_shift(x, y):
    """Bits moved up; the same as `bitwise_left_shift`.

    Args:
        x: Tensor of integers.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.left_shift([3], [2])
        tensor([12], dtype=torch.int32)
    """
    return torch.bitwise_left_shift(*pair(x, y))


@elementwise
def less(x1, x2):
    """Whether ``x1 < x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.less([1, 2, 3], 2)
        tensor([ True, False, False])
    """
    return torch.lt(*operands(x1, x2))


@elementwise
def less_equal(x1, x2):
    """Whether ``x1 <= x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.less_equal([1, 2, 3], 2)
        tensor([ True,  True, False])
    """
    return torch.le(*operands(x1, x2))


@elementwise
def logaddexp(x1, x2):
    """``log(exp(x1) + exp(x2))``, computed safely.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.logaddexp([0.0], [0.0])
        tensor([0.6931])
    """
    return torch.logaddexp(*promoted(x1, x2, least=(float,)))


@elementwise
def logaddexp2(x1, x2):
    """``log2(2**x1 + 2**x2)``, computed safely.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.logaddexp2([0.0], [0.0])
        tensor([1.])
    """
    return torch.logaddexp2(*promoted(x1, x2, least=(float,)))


@elementwise
def logical_and(x1, x2):
    """Whether both are not zero.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.logical_and([True, True], [True, False])
        tensor([ True, False])
    """
    return torch.logical_and(*pair(x1, x2))


@elementwise
def logical_or(x1, x2):
    """Whether either is not zero.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.logical_or([False, True], [False, False])
        tensor([False,  True])
    """
    return torch.logical_or(*pair(x1, x2))


@elementwise
def logical_xor(x1, x2):
    """Whether one of the two is not zero.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.logical_xor([True, True], [True, False])
        tensor([False,  True])
    """
    return torch.logical_xor(*pair(x1, x2))


@elementwise
def maximum(x1, x2):
    """The larger element.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.maximum([1.0, 3.0], 2)
        tensor([2., 3.])
    """
    return torch.maximum(*promoted(x1, x2))


@elementwise
def minimum(x1, x2):
    """The smaller element.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.minimum([1.0, 3.0], 2)
        tensor([1., 2.])
    """
    return torch.minimum(*promoted(x1, x2))


@elementwise
def mod(x1, x2):
    """Remainder of the division, with the sign of ``x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.mod([7, -7], 3)
        tensor([1, 2], dtype=torch.int32)
    """
    return torch.remainder(*_no_booleans(x1, x2))


@elementwise
def multiply(x1, x2):
    """Product of two tensors, element by element.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.multiply([1.0, 2.0], 3)
        tensor([3., 6.])
    """
    return torch.multiply(*operands(x1, x2))


@elementwise
def nextafter(x1, x2):
    """The next float after ``x1`` in the direction of ``x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.nextafter([1.0], [2.0]) > 1
        tensor([True])
    """
    x1, x2 = promoted(x1, x2, least=(float,))
    # Half types have no kernel: the next of the wider type, rounded.
    wide = torch.promote_types(x1.dtype, torch.float32)
    return torch.nextafter(x1.to(wide), x2.to(wide)).to(x1.dtype)


@elementwise
def not_equal(x1, x2):
    """Whether elements differ.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.not_equal([1, 2], 2)
        tensor([ True, False])
    """
    return torch.ne(*operands(x1, x2))


@elementwise
def polar(abs_, angle):
    """Complex numbers of given absolute values and angles.

    Args:
        abs_: Absolute values.
        angle: Angles in radians.

    Example:
        >>> torchkeras.ops.polar([2.0], [0.0])
        tensor([2.+0.j])
    """
    abs_, angle = pair(floating(abs_), floating(angle))
    return torch.polar(*torch.broadcast_tensors(abs_, angle))


@elementwise
def power(x1, x2):
    """``x1**x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.power([2.0, 3.0], 2)
        tensor([4., 9.])
    """
    return torch.pow(*operands(x1, x2))


@elementwise
def right_shift(x, y):
    """Bits moved down; the same as `bitwise_right_shift`.

    Args:
        x: Tensor of integers.
        y: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.right_shift([12], [2])
        tensor([3], dtype=torch.int32)
    """
    return torch.bitwise_right_shift(*pair(x, y))


@elementwise
def subtract(x1, x2):
    """Difference of two tensors.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.subtract([1.0, 2.0], 3)
        tensor([-2., -1.])
    """
    x1, x2 = operands(x1, x2)
    # torch subtracts no booleans
    if torch.is_tensor(x2) and (x1.dtype is torch.bool or x2.dtype is torch.bool):
        dtype = torch.promote_types(x1.dtype, x2.dtype)
        x1, x2 = x1.to(dtype), x2.to(dtype)
    return torch.subtract(x1, x2)


@elementwise
def true_divide(x1, x2):
    """Quotient of two tensors, a float; the same as `divide`.

    Args:
        x1: Tensor, array, list or number.
        x2: The same; the shapes are broadcast together.

    Example:
        >>> torchkeras.ops.true_divide([1, 4], 2)
        tensor([0.5000, 2.0000])
    """
    x1, x2 = operands(x1, x2)
    return torch.divide(floating(x1), floating(x2)) if _integers(x1, x2) else torch.divide(x1, x2)
