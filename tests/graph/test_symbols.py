"""Symbols: what torch does to tensors is recorded on them, with the right shapes."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchkeras
from torchkeras import layers
from torchkeras.ops import op

X = torch.randn(5, 4, 3)

FUNCTIONS = {
    "operator": lambda x: (2 - x) * x / 3 + x**2 - 1,
    "reflected": lambda x: 1 / (x * x + 1) + 2.0 ** (x * 0.1),
    "comparison": lambda x: (x > 0) & ~(x >= 1) | (x < -1),
    "abs_and_neg": lambda x: abs(-x) % 2 // 1,
    "matmul": lambda x: x @ torch.ones(3, 2),
    "reflected_matmul": lambda x: torch.ones(4, 4) @ x,
    "function": lambda x: torch.relu(x),
    "functional": lambda x: F.gelu(x),
    "softmax": lambda x: torch.softmax(x, dim=-1),
    "method": lambda x: x.mean(dim=1),
    "chain": lambda x: x.transpose(1, 2).contiguous().flatten(1),
    "index": lambda x: x[:, 0] * 2,
    "slices": lambda x: x[:, 1:3, ::2],
    "ellipsis": lambda x: x[..., None],
    "reshape": lambda x: x.reshape(-1, 12),
    "view": lambda x: x.view(x.size(0) or -1, 2, 6),
    "cat": lambda x: torch.cat([x, x * 2], dim=-1),
    "stack": lambda x: torch.stack((x, x), dim=1),
    "where": lambda x: torch.where(x > 0, x, torch.zeros(())),
    "permuted": lambda x: x.permute(0, 2, 1),
    "two_outputs": lambda x: torch.split(x, 2, dim=1)[1],
    "max_along": lambda x: x.max(dim=1).values,
    "linear": lambda x: F.linear(x, torch.ones(2, 3)),
    "dtype": lambda x: x.to(torch.float64),
    "numpy_constant": lambda x: x * np.arange(3, dtype="float32"),
    "T": lambda x: (x[:, 0] * 1).T.T,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_recorded_and_run(name):
    function = FUNCTIONS[name]
    x = torchkeras.Input((4, 3))
    if name == "numpy_constant":
        y = layers.Lambda(function)(x)
    else:
        y = function(x)
    expected = function(X)
    assert len(y.shape) == expected.ndim and y.shape[1:] == tuple(expected.shape[1:])
    assert y.shape[0] is None
    assert y.dtype == torchkeras.utils.standardize_dtype(expected.dtype)
    model = torchkeras.Model(x, y)
    torch.testing.assert_close(model(X), expected)
    torch.testing.assert_close(model(X[:2]), function(X[:2]))


def test_unknown_axes_stay_unknown():
    x = torchkeras.Input((None, 3))
    assert torch.relu(x).shape == (None, None, 3)
    assert x.sum(dim=1).shape == (None, 3)
    assert torch.cat([x, x], dim=1).shape == (None, None, 3)
    assert layers.Conv1D(2, 3)(x).shape == (None, None, 2)
    assert (x @ torch.ones(3, 7)).shape == (None, None, 7)


def test_op():
    @op
    def scaled(x, factor=2.0):
        return x * factor

    x = torchkeras.Input((3,))
    y = scaled(x, factor=3.0)
    assert y.shape == (None, 3) and y._keras_history.operation.name == "scaled"
    model = torchkeras.Model(x, y)
    assert torch.equal(model(torch.ones(1, 3)), 3 * torch.ones(1, 3))
    assert torch.equal(scaled(torch.ones(2)), torch.tensor([2.0, 2.0]))


def test_weights_of_a_torch_module_called_on_symbols_belong_to_the_model():
    linear = nn.Linear(3, 2)
    x = torchkeras.Input((3,))
    model = torchkeras.Model(x, linear(x).relu())
    assert len(model.weights) == 2 and len(model.state_dict()) == 2
    data = torch.randn(4, 3)
    torch.testing.assert_close(model(data), linear(data).relu())
    model.compile("sgd", "mse")
    before = linear.weight.detach().clone()
    model.fit(data, torch.zeros(4, 2), verbose=0)
    assert not torch.equal(linear.weight, before)


def test_function():
    x, y = torchkeras.Input((3,)), torchkeras.Input((3,))
    add = torchkeras.Function([x, y], {"sum": x + y})
    out = add([torch.ones(1, 3), torch.ones(1, 3)])
    assert torch.equal(out["sum"], 2 * torch.ones(1, 3))
    assert add([torchkeras.Input((3,)), torchkeras.Input((3,))])["sum"].shape == (None, 3)


class TestFunction:
    """A graph between mere symbols, whose history nobody made."""

    x, y = torchkeras.KerasTensor((None, 3)), torchkeras.KerasTensor((None, 3))

    def test_symbols_without_history(self):
        add = torchkeras.Function([self.x, self.y], self.x * 2 + self.y)
        assert [o.name.rstrip("_0123456789") for o in add.operations] == ["multiply", "add"]
        assert torch.equal(add([np.ones((1, 3)), torch.ones(1, 3)]), torch.full((1, 3), 3.0))
        assert add.compute_output_shape([(4, 3), (4, 3)]) == (4, 3)
        double = torchkeras.Function(self.x, self.x * 2)
        assert double(torchkeras.KerasTensor((7, 3))).shape == (7, 3)

    def test_part_of_a_graph(self):
        a, b = torchkeras.Input((3,)), torchkeras.Input((3,))
        middle = a + b
        end = torchkeras.ops.power(middle, 2)
        part = torchkeras.Function(middle, end)
        assert [o.name for o in part.operations] == [end._keras_history.operation.name]
        assert torch.equal(part(torch.full((1, 3), 3.0)), torch.full((1, 3), 9.0))

    @pytest.mark.parametrize(
        "make,match",
        [
            (lambda x, y: torchkeras.Function([], x + y), "`inputs` argument cannot be empty"),
            (lambda x, y: torchkeras.Function([x], []), "`outputs` argument cannot be empty"),
            (lambda x, y: torchkeras.Function([x, 3], x + y), "invalid value 3 of type int"),
            (lambda x, y: torchkeras.Function(x, x + y), "Graph disconnected"),
            (lambda x, y: torchkeras.Function(x, y), "Output with path `` is not connected"),
            (lambda x, y: torchkeras.Function([x, y], x + y)(torch.ones(1, 3)), "structure"),
            (lambda x, y: torchkeras.Function(x, x * 2)(torch.ones(1, 4)), "incompatible inputs"),
            (lambda x, y: torchkeras.Function(x, x * 2)(torch.ones(3)), "incompatible inputs"),
        ],
    )
    def test_errors(self, make, match):
        with pytest.raises(ValueError, match=match):
            make(self.x, self.y)


def test_operation_with_several_outputs():
    class Both(torchkeras.Operation):
        def call(self, x):
            return x * 2, x.sum()

    both = Both()
    outputs = both(torchkeras.KerasTensor((2, 3)))
    assert isinstance(outputs, tuple) and both.output == list(outputs)
    with pytest.raises(NotImplementedError, match="variadic positional"):

        class Loose(torchkeras.Operation):
            def __init__(self, *args):
                super().__init__()

        Loose(1).get_config()


def test_scopes():
    with torchkeras.name_scope("a"):
        owner = object()
        with torchkeras.name_scope("b", caller=owner):
            with torchkeras.name_scope("b", caller=owner):
                assert torchkeras.Variable(1.0, name="v").path == "a/b/v"
            with torchkeras.name_scope("b", caller=owner, deduplicate=False):
                assert torchkeras.Variable(1.0, name="v").path == "a/b/b/v"
        with torchkeras.name_scope("b", override_parent="x/y"):
            assert torchkeras.Variable(1.0, name="v").path == "x/y/b/v"
        assert torchkeras.Variable(1.0, name="v").path == "a/v"
    seen = []
    with torchkeras.SymbolicScope() as scope:
        seen.append(scope.depth())
    op(lambda x: (seen.append(scope.depth()), x)[1])(torchkeras.KerasTensor((2,)))
    assert seen[:2] == [1, 1] and scope.depth() == 0
    with pytest.raises(ValueError, match="`device_name`"):
        torchkeras.device(123)


class TestErrors:
    x = torchkeras.Input((3,))

    def test_numpy(self):
        with pytest.raises(ValueError, match="symbolic"):
            np.asarray(self.x)

    @pytest.mark.parametrize("use", [bool, float, int])
    def test_values(self, use):
        with pytest.raises(TypeError, match="symbolic"):
            use(self.x)

    def test_unknown_attribute(self):
        with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
            self.x.frobnicate()

    def test_shapes_that_do_not_fit(self):
        with pytest.raises((ValueError, RuntimeError), match="shape|size"):
            self.x @ torch.ones(4, 2)

    def test_disconnected(self):
        other = torchkeras.Input((3,))
        with pytest.raises(ValueError, match="not connected"):
            torchkeras.Model(other, self.x * 2)

    def test_no_symbol(self):
        with pytest.raises(ValueError, match="`outputs` values must be KerasTensors"):
            torchkeras.Model(self.x, torch.ones(3))

    @pytest.mark.parametrize("use", [list, tuple, iter])
    def test_iteration(self, use):
        with pytest.raises(NotImplementedError, match="Iterating"):
            use(self.x)

    @pytest.mark.parametrize("name", ["shape", "dtype", "sparse", "ragged", "ragged_rank"])
    def test_attributes_are_fixed(self, name):
        with pytest.raises(AttributeError, match=f"`{name}` attribute of KerasTensor is immutable"):
            setattr(self.x, name, None)

    def test_arguments(self):
        with pytest.raises(ValueError, match="`sparse=True` and `ragged=True`"):
            torchkeras.KerasTensor((2,), sparse=True, ragged=True)
        with pytest.raises(TypeError, match="Unexpected keyword arguments: foo"):
            torchkeras.KerasTensor((2,), foo=1)

    @pytest.mark.parametrize("shape", ["abc", 3, (-1,), (2.5,), ("a",)])
    def test_shapes(self, shape):
        with pytest.raises(ValueError, match="Cannot convert"):
            torchkeras.KerasTensor(shape)
