"""Schedules against real Keras over many steps."""

import inspect

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras.optimizers import schedules

CASES = [
    ("ExponentialDecay", (0.1, 10, 0.7), {}),
    ("ExponentialDecay", (0.1, 10, 0.7), {"staircase": True}),
    ("PiecewiseConstantDecay", ([5, 20, 40], [1.0, 0.5, 0.2, 0.1]), {}),
    ("PolynomialDecay", (0.1, 30), {}),
    ("PolynomialDecay", (0.1, 30), {"end_learning_rate": 0.02, "power": 2.0}),
    ("PolynomialDecay", (0.1, 30), {"power": 0.5, "cycle": True}),
    ("InverseTimeDecay", (0.1, 10, 0.7), {}),
    ("InverseTimeDecay", (0.1, 10, 0.7), {"staircase": True}),
    ("CosineDecay", (0.1, 50), {}),
    ("CosineDecay", (0.1, 50), {"alpha": 0.2}),
    ("CosineDecay", (0.01, 50), {"warmup_target": 0.1, "warmup_steps": 15, "alpha": 0.1}),
    ("CosineDecay", (0.01, 50), {"warmup_target": 0.1}),
    ("CosineDecay", (0.01, 50), {"warmup_steps": 15}),
    ("CosineDecayRestarts", (0.1, 8), {}),
    ("CosineDecayRestarts", (0.1, 8), {"t_mul": 1.0, "m_mul": 0.8, "alpha": 0.1}),
    ("CosineDecayRestarts", (0.1, 8), {"t_mul": 1.7, "m_mul": 0.9}),
]


@pytest.mark.parametrize("name, args, kwargs", CASES)
def test_follows_keras(name, args, kwargs):
    ours = getattr(schedules, name)(*args, **kwargs)
    theirs = getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    for step in range(100):
        rate = ours(torch.tensor(step, dtype=torch.int32))
        assert rate.device.type == "cpu" and rate.dtype == torch.float32
        np.testing.assert_allclose(float(rate), float(theirs(step)), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name, args, kwargs", CASES)
def test_config_is_keras_and_makes_the_same(name, args, kwargs):
    schedule = getattr(schedules, name)(*args, **kwargs)
    theirs = getattr(keras.optimizers.schedules, name)(*args, **kwargs)
    assert schedule.get_config() == theirs.get_config()
    config = schedules.serialize(schedule)
    assert config == keras.optimizers.schedules.serialize(theirs)
    again = schedules.deserialize(config)
    assert type(again) is type(schedule) and again.get_config() == schedule.get_config()


def test_every_schedule_has_a_case():
    classes = {name for name in schedules.__all__ if inspect.isclass(getattr(schedules, name))}
    assert classes - {"LearningRateSchedule"} == {name for name, _, _ in CASES}


@pytest.mark.parametrize("step", [3, 3.0, np.int64(3), np.array(3), torch.tensor(3)])
def test_takes_any_number(step):
    schedule = schedules.PolynomialDecay(1.0, 10, 0.0)
    assert float(schedule(step)) == pytest.approx(0.7)


def test_takes_arrays():
    schedule = schedules.PolynomialDecay(1.0, 10, 0.0)
    rates = schedule(np.array([[0, 5], [10, 20]]))
    np.testing.assert_allclose(rates, [[1.0, 0.5], [0.0, 0.0]])


def test_restarts_start_on_the_boundary():
    schedule = schedules.CosineDecayRestarts(1.0, 4, t_mul=1.5)
    assert float(schedule(4)) == pytest.approx(1.0)
    assert float(schedule(10)) == pytest.approx(1.0)
    assert float(schedule(19)) == pytest.approx(1.0)


def test_shrinking_restarts_come_to_an_end():
    schedule = schedules.CosineDecayRestarts(1.0, 8, t_mul=0.5, alpha=0.1)
    theirs = keras.optimizers.schedules.CosineDecayRestarts(1.0, 8, t_mul=0.5, alpha=0.1)
    assert float(schedule(11)) == pytest.approx(float(theirs(11)), abs=1e-5)
    assert float(schedule(16)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "`decay_steps` must be > 0"),
        (lambda: schedules.InverseTimeDecay(0.1, -1, 0.5), "`decay_steps` must be > 0"),
        (lambda: schedules.PolynomialDecay(0.1, 0), "`decay_steps` must be > 0"),
        (lambda: schedules.CosineDecay(0.1, 0), "`decay_steps` must be > 0"),
        (lambda: schedules.CosineDecayRestarts(0.1, 0), "`first_decay_steps` must be > 0"),
        (lambda: schedules.PiecewiseConstantDecay([1], [1.0]), "length of boundaries"),
    ],
)
def test_bad_arguments(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_users_schedule():
    class Halving(schedules.LearningRateSchedule):
        def __init__(self, start):
            self.start = start

        def __call__(self, step):
            assert step.dtype == torch.int32
            return self.start * 0.5**step

    optimizer = torchkeras.optimizers.SGD(Halving(1.0))
    weight = torchkeras.Variable([0.0])
    for _ in range(3):
        optimizer.apply([torch.ones(1)], [weight])
    assert weight.item() == -1.75
    config = schedules.serialize(optimizer._learning_rate)
    again = schedules.deserialize(config, custom_objects={"Halving": Halving})
    assert again.start == 1.0
    with pytest.raises(NotImplementedError, match="must override `__call__"):
        schedules.LearningRateSchedule()(1)
