"""What a call and a training step cost in Python calls: a budget that no clock disturbs."""

import sys

import numpy as np
import torch

import torchkeras
from torchkeras import layers


def calls(function):
    """Number of Python functions called, and how deep the deepest C call stands below us."""
    count = depth = deepest = 0

    def profile(frame, event, arg):
        nonlocal count, depth, deepest
        if event == "call":
            count += 1
            depth += 1
        elif event == "return":
            depth -= 1
        elif event == "c_call" and arg.__name__ in ("addmm", "linear", "matmul"):
            deepest = max(deepest, depth)

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count, deepest


def test_built_dense():
    layer = layers.Dense(3)
    x = torch.randn(2, 5)
    layer(x)
    layer(x)
    count, frames = calls(lambda: layer(x))
    # the lambda is one of each
    assert count - 1 <= 40 and 0 < frames - 1 <= 5


def test_one_more_step_of_fit():
    model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    x, y = np.ones((160, 4), "float32"), np.ones((160, 1), "float32")

    def fit(steps):
        n = 8 * steps
        return lambda: model.fit(x[:n], y[:n], batch_size=8, verbose=0)

    fit(2)()
    few, many = calls(fit(5))[0], calls(fit(15))[0]
    assert 0 < (many - few) / 10 <= 250


def test_callbacks_not_given_cost_nothing():
    model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((80, 4), "float32"), np.ones((80, 1), "float32")
    seen = []

    def profile(frame, event, arg):
        if event == "call" and "/callbacks/" in frame.f_code.co_filename:
            seen.append(frame.f_code.co_name)

    def fit(n):
        seen.clear()
        sys.setprofile(profile)
        try:
            model.fit(x[:n], y[:n], batch_size=8, verbose=0)
        finally:
            sys.setprofile(None)
        return len(seen)

    fit(16)
    extra = fit(80) - fit(16)
    assert extra <= 2 * 8  # the two hooks of a list that is empty
