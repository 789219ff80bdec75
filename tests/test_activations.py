"""Activation functions against Keras': values, dtypes, gradients."""

import keras
import numpy as np
import pytest
import torch

from torchkeras import activations, saving

# name -> keyword arguments of each case
CASES = {name: [{}] for name in activations.__all__}
for name in ("get", "serialize", "deserialize"):
    del CASES[name]
CASES["relu"] += [
    {"negative_slope": 0.1},
    {"max_value": 1.5},
    {"threshold": 0.5},
    {"threshold": -0.5},
    {"negative_slope": 0.1, "max_value": 1.5, "threshold": 0.5},
    {"negative_slope": 0.1, "max_value": 6.0},
]
CASES["leaky_relu"] += [{"negative_slope": 0.5}]
CASES["elu"] += [{"alpha": 0.3}]
CASES["celu"] += [{"alpha": 0.3}]
CASES["gelu"] += [{"approximate": True}]
CASES["glu"] += [{"axis": 0}]
CASES["squareplus"] += [{"b": 1.0}]
CASES["hard_shrink"] += [{"threshold": 1.0}]
CASES["soft_shrink"] += [{"threshold": 1.0}]
CASES["threshold"] = [{"threshold": 0.5, "default_value": -3.0}]
for name in ("softmax", "log_softmax"):
    CASES[name] += [{"axis": 0}, {"axis": (0, 2)}, {"axis": (1, 2)}, {"axis": -2}]
CASES["sparsemax"] += [{"axis": 0}, {"axis": -2}]
# Keras' own does not sum to one, so it is checked against its definition.
WRONG_IN_KERAS = {"sparsemax"}
ROWS = [(name, kwargs) for name, rows in CASES.items() for kwargs in rows]


def test_every_name_of_keras_is_here():
    assert set(activations.__all__) == {n for n in dir(keras.activations) if n[0] != "_"}


@pytest.mark.parametrize("name,kwargs", [r for r in ROWS if r[0] not in WRONG_IN_KERAS])
def test_values_and_gradients(name, kwargs):
    x = (torch.randn(4, 3, 6) * 2).requires_grad_()
    twin = x.detach().clone().requires_grad_()
    ours = getattr(activations, name)(x, **kwargs)
    theirs = getattr(keras.activations, name)(twin, **kwargs)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(ours)
    (ours * weights).sum().backward()
    (theirs * weights).sum().backward()
    torch.testing.assert_close(x.grad, twin.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [0, -2, -1])
def test_sparsemax_is_the_nearest_point_of_the_simplex(axis):
    x = (torch.randn(4, 3, 6, dtype=torch.float64) * 2).requires_grad_()
    out = activations.sparsemax(x, axis)
    # tau by bisection: sum(max(x - tau, 0)) falls from above one to zero.
    low, high = x.amin(axis, True) - 1, x.amax(axis, True)
    for _ in range(60):
        middle = (low + high) / 2
        above = torch.relu(x - middle).sum(axis, True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    torch.testing.assert_close(out, torch.relu(x - low))
    assert torch.autograd.gradcheck(lambda v: activations.sparsemax(v, axis), x)


@pytest.mark.parametrize("name,kwargs", ROWS)
def test_16_bits_arrays_and_compile(name, kwargs):
    function = getattr(activations, name)
    x = torch.randn(4, 3, 6)
    assert function(x.bfloat16(), **kwargs).dtype == torch.bfloat16
    expected = function(x, **kwargs)
    if name != "linear":
        assert torch.equal(function(x.numpy(), **kwargs), expected)
        assert torch.equal(function(x.tolist(), **kwargs), expected)
    compiled = torch.compile(function, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x, **kwargs), expected)


def test_extremes_stay_finite():
    x = torch.tensor([-1e4, -100.0, 0.0, 100.0, 1e4])
    for name in set(CASES) - {"exponential", "glu", "threshold"}:
        assert torch.isfinite(getattr(activations, name)(x)).all(), name


def test_anything_with_a_torch_function_passes_through():
    class Symbol:
        shape, ndim, dtype = (2, 4), 2, torch.float32
        calls = []

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.calls.append(func)
            return Symbol()

        def __add__(self, other):
            return Symbol()

        __radd__ = __mul__ = __rmul__ = __sub__ = __truediv__ = __gt__ = __ge__ = __pow__ = __add__

    for name in set(CASES) - {"sparsemax", "threshold", "linear"}:
        assert isinstance(getattr(activations, name)(Symbol()), Symbol), name
    assert activations.linear(3) == 3


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "silu", "gelu", "softplus"])
def test_plain_activations_make_few_calls(name):
    import sys

    function, x = getattr(activations, name), torch.randn(3)
    calls = []
    sys.setprofile(lambda frame, event, arg: event == "call" and calls.append(frame.f_code))
    try:
        function(x)
    finally:
        sys.setprofile(None)
    assert len(calls) <= 3  # itself, and at most torch's own Python part


def test_softmax_over_one_value_warns():
    with pytest.warns(UserWarning, match="axis -1 of a tensor of shape"):
        assert torch.equal(activations.softmax(torch.randn(3, 1)), torch.ones(3, 1))
    torch.testing.assert_close(activations.softmax(torch.randn(5)).sum(), torch.tensor(1.0))


@pytest.mark.parametrize("name", sorted(CASES))
def test_get_and_serialize(name):
    function = getattr(activations, name)
    assert activations.get(name) is function and activations.get(function) is function
    config = activations.serialize(function)
    assert config == keras.activations.serialize(getattr(keras.activations, name))
    assert activations.deserialize(config) is function
    keras_dict = {"module": "keras.activations", "class_name": "function", "config": name}
    if name not in ("swish", "hard_swish"):
        assert activations.get(keras_dict) is function


def test_get_of_other_things():
    def double(x):
        return 2 * x

    assert activations.get(None) is activations.linear
    assert activations.get(double) is double
    with saving.custom_object_scope({"double": double}):
        assert activations.get("double") is double
        assert activations.deserialize(activations.serialize(double)) is double
    for wrong in ("no_such_name", 3):
        with pytest.raises(ValueError, match="Could not interpret activation function identifier"):
            activations.get(wrong)


def test_arrays_of_numpy():
    out = activations.relu(np.array([-1.0, 2.0]))
    assert isinstance(out, torch.Tensor) and out.dtype == torch.float32
