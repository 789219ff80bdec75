"""`@op`: a plain function on tensors becomes one that also works on symbols."""

import functools

from torchkeras.graph._operation import FunctionOperation
from torchkeras.graph._tensor import KerasTensor, is_symbolic


def op(function):
    """Decorator: on tensors the function itself, on symbols one recorded node.

    Example:
        >>> from torchkeras.ops import op
        >>> @op
        ... def double(x):
        ...     return x * 2
        >>> double(torch.ones(2)), double(torchkeras.Input((3,))).shape
        (tensor([2., 2.]), (None, 3))
    """

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for arg in args:
            cls = arg.__class__
            if cls is KerasTensor or ((cls is list or cls is tuple) and is_symbolic(arg)):
                return FunctionOperation(function).symbolic_call(*args, **kwargs)
        if kwargs and is_symbolic(kwargs):
            return FunctionOperation(function).symbolic_call(*args, **kwargs)
        return function(*args, **kwargs)

    return wrapper
