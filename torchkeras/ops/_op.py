"""`@op`: a plain function on tensors becomes one that also works on symbols."""

import functools
import re

from torchkeras.graph._operation import FunctionOperation
from torchkeras.graph._tensor import KerasTensor, is_symbolic
from torchkeras.ops._rules import clamped_rule, elementwise_rule


class _RuledOperation(FunctionOperation):
    """A function whose output symbols a rule gives, because values decide the shape."""

    def __init__(self, function, rule):
        super().__init__(function)
        self.rule = rule

    def compute_output_spec(self, *args, **kwargs):
        return self.rule(*args, **kwargs)


def op(function=None, *, rule=None):
    """Decorator: on tensors the function itself, on symbols one recorded node.

    Args:
        function: The function.
        rule: Takes the same arguments, some of them symbols, and returns the symbols of the
            outputs; default: they are found out by running the function.

    Example:
        >>> from torchkeras.ops import op
        >>> @op
        ... def double(x):
        ...     return x * 2
        >>> double(torch.ones(2)), double(torchkeras.Input((3,))).shape
        (tensor([2., 2.]), (None, 3))
    """
    if function is None:
        return functools.partial(op, rule=rule)

    def symbolic(args, kwargs):
        operation = _RuledOperation(function, rule) if rule else FunctionOperation(function)
        try:
            return operation.symbolic_call(*args, **kwargs)
        except NotImplementedError:
            raise
        except (IndexError, RuntimeError) as error:  # torch's, for shapes that do not fit
            axis = re.search(r"Dimension out of range .*but got (-?\d+)", str(error))
            why = f"axis {axis[1]} is out of bounds. " if axis else ""
            raise ValueError(f"`{function.__name__}` on symbols: {why}{error}") from error

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for arg in args:
            cls = type(arg)
            if cls is KerasTensor or (
                (cls is list or cls is tuple or cls is dict) and is_symbolic(arg)
            ):
                return symbolic(args, kwargs)
        if kwargs and is_symbolic(kwargs):
            return symbolic(args, kwargs)
        return function(*args, **kwargs)

    return wrapper


def elementwise(function):
    """`op` for a function of tensors whose shapes are broadcast together."""
    return op(function, rule=elementwise_rule(function))


def clamped(function):
    """`op` for a function that takes so many elements of an axis, or all if there are fewer."""
    return op(function, rule=clamped_rule(function))
