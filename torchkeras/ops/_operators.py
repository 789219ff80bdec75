"""Python's operators on symbols: the functions of `ops`, as in Keras."""

from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._binary import (
    add,
    floor_divide,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    logical_xor,
    mod,
    multiply,
    not_equal,
    power,
    subtract,
    true_divide,
)
from torchkeras.ops._elementwise import absolute, logical_not, negative, round
from torchkeras.ops._index import get_item
from torchkeras.ops._products import matmul


def _binary(function):
    def operator(self, other):
        return function(self, other)

    def reflected(self, other):
        return function(other, self)

    return operator, reflected


for _name, _function in {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "truediv": true_divide,
    "floordiv": floor_divide,
    "mod": mod,
    "pow": power,
    "matmul": matmul,
    "and": logical_and,
    "or": logical_or,
    "xor": logical_xor,
}.items():
    _operator, _reflected = _binary(_function)
    setattr(KerasTensor, f"__{_name}__", _operator)
    setattr(KerasTensor, f"__r{_name}__", _reflected)

# `==` stays identity, as in Keras: symbols are looked for in lists.
for _name, _function in {
    "lt": less,
    "le": less_equal,
    "gt": greater,
    "ge": greater_equal,
    "ne": not_equal,
    "getitem": get_item,
}.items():
    setattr(KerasTensor, f"__{_name}__", _binary(_function)[0])

for _name, _function in {"neg": negative, "abs": absolute, "invert": logical_not}.items():
    setattr(KerasTensor, f"__{_name}__", lambda self, function=_function: function(self))


def _round(self, ndigits=None):
    return round(self, ndigits or 0)


setattr(KerasTensor, "__round__", _round)  # noqa: B010
