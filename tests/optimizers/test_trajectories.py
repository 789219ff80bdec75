"""Every optimizer against real Keras: same start, same gradients, the same weights after."""

import inspect
import re

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import optimizers

NUMBER = re.compile(r"_\d+(?=/|$)")  # of an automatic name
SHAPES = {"kernel": (5, 4), "bias": (4,), "cube": (2, 3, 4), "scale": ()}

CASES = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.7, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1, "amsgrad": True}),
    ("Adagrad", {"learning_rate": 0.02}),
    ("Adagrad", {"learning_rate": 0.02, "initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-4}),
    ("Adamax", {}),
    ("Adamax", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-2}),
    ("Nadam", {}),
    ("Nadam", {"learning_rate": 0.005, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-2}),
    ("Lion", {}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.9}),
    ("Ftrl", {"learning_rate": 0.05}),
    (
        "Ftrl",
        {
            "learning_rate": 0.05,
            "learning_rate_power": -0.3,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.5,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.2,
            "beta": 0.3,
        },
    ),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Muon", {}),
    (
        "Muon",
        {
            "learning_rate": 0.01,
            "weight_decay": 0.1,
            "adam_weight_decay": 0.2,
            "adam_beta_1": 0.8,
            "adam_beta_2": 0.95,
            "adam_lr_ratio": 0.5,
            "momentum": 0.8,
            "nesterov": False,
            "ns_steps": 3,
            "rms_rate": None,
            "epsilon": 1e-3,
        },
    ),
    ("Muon", {"exclude_layers": ["ker"]}),
    ("Adafactor", {"learning_rate": 0.01}),
    (
        "Adafactor",
        {
            "learning_rate": 0.4,
            "beta_2_decay": -0.6,
            "epsilon_1": 1e-3,
            "epsilon_2": 0.1,
            "clip_threshold": 0.5,
            "relative_step": False,
        },
    ),
]

GENERAL = [
    {"weight_decay": 0.1},
    {"clipnorm": 0.5},
    {"clipvalue": 0.3},
    {"global_clipnorm": 0.8},
    {"use_ema": True, "ema_momentum": 0.7},
    {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    {"loss_scale_factor": 8.0},
    {"gradient_accumulation_steps": 3},
    {
        "gradient_accumulation_steps": 2,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "clipnorm": 0.5,
        "weight_decay": 0.1,
        "loss_scale_factor": 2.0,
    },
]
CASES += [(name, dict(kw, learning_rate=0.01)) for name in ("Adam", "RMSprop") for kw in GENERAL]
CASES += [("SGD", dict(kw, learning_rate=0.01, momentum=0.9)) for kw in GENERAL]


def start(seed=0):
    rng = np.random.RandomState(seed)
    return {name: np.asarray(rng.randn(*shape), "float32") for name, shape in SHAPES.items()}


def gradients(step):
    rng = np.random.RandomState(100 + step)
    return [np.asarray(rng.randn(*shape), "float32") for shape in SHAPES.values()]


def run(framework, optimizer, steps, constraint=None, finalize=False):
    """Weights and optimizer state after some steps."""
    variables = []
    for name, value in start().items():
        variable = framework.Variable(value, name=name)
        variable.constraint = constraint
        variables.append(variable)
    for step in range(steps):
        optimizer.apply([torch.from_numpy(g) for g in gradients(step)], variables)
    if finalize:
        optimizer.finalize_variable_values(variables)
    return (
        [np.asarray(keras.ops.convert_to_numpy(v)) for v in variables],
        [(NUMBER.sub("", v.path), v.numpy()) for v in optimizer.variables],
    )


def assert_same(ours, theirs, tolerance):
    for a, b in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    assert [name for name, _ in ours[1]] == [name for name, _ in theirs[1]]
    for (name, a), (_, b) in zip(ours[1], theirs[1], strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape, name
        np.testing.assert_allclose(a, b, rtol=10 * tolerance, atol=tolerance, err_msg=name)


def identify(case):
    return f"{case[0]}-" + "-".join(f"{k}={v}" for k, v in case[1].items())


@pytest.mark.parametrize("steps, tolerance", [(5, 1e-6), (50, 1e-5)])
@pytest.mark.parametrize("case", CASES, ids=identify)
def test_follows_keras(case, steps, tolerance):
    name, kwargs = case
    ours = run(torchkeras, getattr(optimizers, name)(**kwargs), steps)
    theirs = run(keras, getattr(keras.optimizers, name)(**kwargs), steps)
    assert_same(ours, theirs, tolerance)


def test_every_optimizer_has_a_case():
    classes = {
        name
        for name in optimizers.__all__
        if inspect.isclass(getattr(optimizers, name)) and name != "Optimizer"
    }
    assert classes == {name for name, _ in CASES}
