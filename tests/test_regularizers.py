"""Regularizers against Keras': values, gradients, configs."""

import keras
import pytest
import torch

from torchkeras import Variable, regularizers

CASES = {
    "L1": [{}, {"l1": 0.3}],
    "L2": [{}, {"l2": 0.3}],
    "L1L2": [{}, {"l1": 0.3}, {"l2": 0.2}, {"l1": 0.3, "l2": 0.2}],
    "OrthogonalRegularizer": [{}, {"factor": 0.3}, {"factor": 0.3, "mode": "columns"}],
    "Regularizer": [{}],
}
ROWS = [(name, kwargs) for name, rows in CASES.items() for kwargs in rows]


def test_every_public_name_has_a_row():
    names = {n for n in dir(keras.regularizers) if not n.startswith("_")}
    assert set(regularizers.__all__) == names
    classes = {n for n in names if n[0].isupper()}
    assert classes == set(CASES)


@pytest.mark.parametrize("name,kwargs", ROWS)
def test_values_and_gradients(name, kwargs):
    ours, theirs = (getattr(m, name)(**kwargs) for m in (regularizers, keras.regularizers))
    x = torch.randn(4, 5)
    a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
    first, second = ours(a), theirs(b)
    if name == "Regularizer":
        assert first == second == 0.0
        return
    assert first.shape == ()
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours(x.numpy()), first.detach(), rtol=1e-5, atol=1e-5)
    assert ours(Variable(x)).requires_grad == bool(first.requires_grad)
    if first.requires_grad:
        first.backward()
        second.backward()
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name,kwargs", ROWS)
def test_config_round_trip(name, kwargs):
    ours = getattr(regularizers, name)(**kwargs)
    config = ours.get_config()
    if name != "Regularizer":
        theirs = getattr(keras.regularizers, name)(**kwargs).get_config()
        assert (
            config == pytest.approx(theirs)
            if "mode" not in config
            else config.keys() == theirs.keys()
        )
    restored = regularizers.get(regularizers.serialize(ours))
    assert type(restored) is type(ours) and restored.get_config() == config
    assert regularizers.deserialize(regularizers.serialize(ours)).get_config() == config


def test_get_by_name():
    for name in dir(keras.regularizers):
        cls = getattr(keras.regularizers, name)
        if isinstance(cls, type):
            assert type(regularizers.get(name)).__name__ == cls.__name__
            assert getattr(regularizers, name).__name__ == cls.__name__
    assert isinstance(regularizers.get("l1l2"), regularizers.L1L2)
    assert regularizers.get(None) is None

    def square(x):
        return (x**2).sum()

    assert regularizers.get(square) is square


def test_orthogonal_rows_cost_nothing():
    assert regularizers.OrthogonalRegularizer()(torch.eye(4) * 3) == 0
    assert regularizers.OrthogonalRegularizer()(torch.ones(1, 3)) == 0  # no pairs


@pytest.mark.parametrize(
    "call,match",
    [
        (lambda: regularizers.L1(-1.0), "argument l1: expected a non-negative float"),
        (lambda: regularizers.L2("a"), "argument l2: expected a non-negative float"),
        (lambda: regularizers.L1L2(l2=float("nan")), "argument l2"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), "argument `mode`"),
        (lambda: regularizers.OrthogonalRegularizer()(torch.ones(2, 3, 4)), "must have rank 2"),
        (lambda: regularizers.get("no_such_name"), "Could not interpret regularizer identifier"),
        (lambda: regularizers.get(3), "Could not interpret regularizer identifier"),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()
