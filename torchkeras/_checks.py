"""Checks of constructor arguments, with one wording."""

import numbers
from typing import Any


def is_positive_int(value: Any):
    """Whether ``value`` is an integer (of numpy too, but no bool) above 0."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) > 0


def positive_int(name, value: Any) -> Any:
    """``value`` as an int; a ValueError that names the argument unless it is positive."""
    if not is_positive_int(value):
        raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
    return int(value)


def fraction(name, value) -> Any:
    """``value`` if it is a number from 0 to 1, else a ValueError that names the argument."""
    if not isinstance(value, numbers.Real) or not 0 <= float(value) <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. Expected a float value between 0 and "
            "1. "
            f"Received: {name}={value!r}"
        )
    return value


def sizes(name, value, rank, allow_zero=False):
    """A tuple of ``rank`` integers from one integer or a sequence of them.

    Raises:
        ValueError: naming the argument, for a wrong count or a size that is not allowed.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        result = (int(value),) * rank
    else:
        try:
            result = tuple(value)
        except TypeError:
            result = ()
        if len(result) != rank or not all(isinstance(v, numbers.Integral) for v in result):
            raise ValueError(
                f"The `{name}` argument must be a tuple of {rank} integers. "
                f"Received {name}={value!r}"
            )
        result = tuple(int(v) for v in result)
    least = 0 if allow_zero else 1
    wrong = {v for v in result if v < least}
    if wrong:
        raise ValueError(
            f"The `{name}` argument must be a tuple of {rank} integers. Received {name}={value!r}, "
            f"including values {wrong} that do not satisfy `value {'>=' if allow_zero else '>'} 0`"
        )
    return result


def one_of(name, value, choices):
    """``value`` if it is among ``choices``, else a ValueError that lists them."""
    if value not in choices:
        raise ValueError(
            f"`{name}` must be one of {', '.join(repr(c) for c in choices)}. "
            f"Received: {name}={value!r}"
        )
    return value
