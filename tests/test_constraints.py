"""Constraints against Keras': values and configs."""

import keras
import pytest
import torch

from torchkeras import Variable, constraints

CASES = {
    "Constraint": [{}],
    "MaxNorm": [{}, {"max_value": 1.0, "axis": 1}, {"max_value": 1.0, "axis": [0, 1]}],
    "MinMaxNorm": [{}, {"min_value": 2.0, "max_value": 3.0, "rate": 0.5, "axis": 1}],
    "NonNeg": [{}],
    "UnitNorm": [{}, {"axis": 1}, {"axis": (0, 1)}],
}
ROWS = [(name, kwargs) for name, rows in CASES.items() for kwargs in rows]


def test_every_public_name_has_a_row():
    names = {n for n in dir(keras.constraints) if not n.startswith("_")}
    assert set(constraints.__all__) == names
    assert {n for n in names if n[0].isupper()} == set(CASES)


@pytest.mark.parametrize("name,kwargs", ROWS)
def test_values(name, kwargs):
    ours, theirs = (getattr(m, name)(**kwargs) for m in (constraints, keras.constraints))
    for w in (torch.randn(4, 5) * 2, torch.zeros(4, 5), torch.randn(2, 3, 4)):
        torch.testing.assert_close(ours(w), theirs(w), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(w.numpy()), ours(w))
    v = Variable(torch.randn(4, 5))
    expected = ours(v.detach().clone())
    with torch.no_grad():
        v.assign(ours(v))
    assert torch.equal(v.detach(), expected)
    assert ours(w.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("name,kwargs", ROWS)
def test_config_round_trip(name, kwargs):
    ours = getattr(constraints, name)(**kwargs)
    config = ours.get_config()
    assert config == getattr(keras.constraints, name)(**kwargs).get_config()
    for restored in (
        constraints.get(constraints.serialize(ours)),
        constraints.deserialize(constraints.serialize(ours)),
    ):
        assert type(restored) is type(ours) and restored.get_config() == config


def test_get():
    for name in dir(keras.constraints):
        cls = getattr(keras.constraints, name)
        if isinstance(cls, type):
            assert type(constraints.get(name)).__name__ == cls.__name__
            assert getattr(constraints, name).__name__ == cls.__name__
    assert constraints.get(None) is None
    assert isinstance(constraints.get(constraints.NonNeg), constraints.NonNeg)
    for wrong in ("no_such_name", 3):
        with pytest.raises(ValueError, match="Could not interpret constraint identifier"):
            constraints.get(wrong)
