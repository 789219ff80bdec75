"""`jit_compile`: the same numbers from one graph, made once; or a word on why there is none."""

import warnings

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

import torchkeras
from torchkeras import layers, optimizers
from torchkeras.optimizers import schedules
from torchkeras.training import _compiled

RNG = np.random.default_rng(0)
X = RNG.random((66, 12), dtype="float32")  # the last batch of 8 is short
Y = RNG.integers(0, 3, 66)
WEIGHTS = RNG.random(66, dtype="float32")
SPARSE = "sparse_categorical_crossentropy"


@pytest.fixture(autouse=True)
def compiled_whatever_the_clock_says(monkeypatch):
    torch._dynamo.reset()
    counters.clear()
    monkeypatch.setattr(_compiled.statistics, "median", lambda times: 0.0)


def graphs():
    return counters["stats"]["unique_graphs"]


class AddsLoss(layers.Layer):
    def call(self, inputs):
        self.add_loss(0.1 * (inputs**2).mean())
        return inputs


class OwnLogs(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, "softmax")
        self.seen = torchkeras.metrics.Mean(name="seen")

    def call(self, inputs):
        return self.dense(inputs)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.seen.update_state(y_pred.square())
        logs = dict(super().compute_metrics(x, y, y_pred, sample_weight))
        logs["largest"] = y_pred.max()
        return logs


def classifier(*middle, **first):
    return torchkeras.Sequential(
        [
            torchkeras.Input((12,)),
            layers.Dense(8, "tanh", **first),
            *middle,
            layers.Dense(3, "softmax"),
        ]
    )


def recurrent(*middle):
    return classifier(layers.Reshape((4, 2)), *middle)


MODELS = {
    "dense": classifier,
    "regularized": lambda: classifier(kernel_regularizer="l2", activity_regularizer="l1"),
    "constrained": lambda: classifier(kernel_constraint="max_norm"),
    "adds a loss": lambda: classifier(AddsLoss()),
    "batch normalization": lambda: classifier(
        layers.Reshape((2, 2, 2)),
        layers.Conv2D(4, 2, use_bias=False),
        layers.BatchNormalization(),
        layers.Flatten(),
    ),
    "LSTM": lambda: recurrent(
        layers.LSTM(5, return_sequences=True), layers.LSTM(4, use_bias=False)
    ),
    "both ways": lambda: recurrent(layers.Bidirectional(layers.LSTM(3))),
    "GRU": lambda: recurrent(layers.GRU(5)),
    "attention": lambda: recurrent(layers.Dense(4), SelfAttention(), layers.Flatten()),
    "own logs": OwnLogs,
}


class SelfAttention(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(2, 4)

    def call(self, inputs):
        return self.attention(inputs, inputs)


def both(make, optimizer, metrics=("accuracy",), **fit):
    """Histories and weights of the same training, as it is and compiled; words of the latter."""
    results = []
    for jit_compile in (False, True):
        torchkeras.utils.set_random_seed(1)
        model = make()
        model.compile(optimizer(), SPARSE, metrics=list(metrics), jit_compile=jit_compile)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("default")
            history = model.fit(
                X, Y, batch_size=8, epochs=4, verbose=0, shuffle=False, **fit
            ).history
        results.append((history, model.get_weights()))
    return results, [str(w.message) for w in found if "jit_compile" in str(w.message)]


def assert_same(results):
    (history, weights), (compiled_history, compiled_weights) = results
    assert history.keys() == compiled_history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(compiled_history[name], values, rtol=1e-5, atol=1e-5)
    for ours, theirs in zip(compiled_weights, weights):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    results, said = both(MODELS[name], lambda: optimizers.SGD(0.1, momentum=0.9))
    assert not said and graphs() == 1
    assert_same(results)


OPTIMIZERS = {
    "Adam": lambda: optimizers.Adam(0.01),
    "schedule": lambda: optimizers.SGD(schedules.ExponentialDecay(0.1, 5, 0.9)),
    "callable": lambda: optimizers.SGD(lambda: 0.05),
    "averages": lambda: optimizers.SGD(0.1, use_ema=True, ema_overwrite_frequency=3),
    "accumulated": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "clipped": lambda: optimizers.Adam(0.01, global_clipnorm=0.1),
    "scaled": lambda: optimizers.SGD(0.1, loss_scale_factor=8.0, weight_decay=0.01),
    "torch": lambda: torch.optim.SGD,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    results, said = both(classifier, OPTIMIZERS[name])
    assert not said and graphs() <= (2 if name in ("averages", "accumulated") else 1)
    assert_same(results)


def test_weighted():
    results, said = both(classifier, lambda: "adam", sample_weight=WEIGHTS)
    assert not said
    assert_same(results)


def test_what_does_not_make_the_graph_again():
    class Interferes(torchkeras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            layers.Dense(1)(torch.ones(1, 1))  # another structure changes

    model = classifier()
    model.compile(optimizers.SGD(0.1, momentum=0.9), SPARSE, jit_compile=True)
    halve = torchkeras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    for _ in range(3):
        model.fit(X, Y, batch_size=4, epochs=4, verbose=0, callbacks=[halve, Interferes()])
    assert graphs() == 1


def test_layers_frozen_after_a_while_stay_as_they_are():
    model = classifier()
    model.compile("sgd", SPARSE, jit_compile=True)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])
    assert graphs() == 2


def test_steps_of_ones_own_have_their_forward_pass_compiled():
    class Own(OwnLogs):
        def train_step(self, data):
            x, y = data[:2]
            self.zero_grad()
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
            loss.backward()
            weights = self.trainable_weights
            self.optimizer.apply([w.grad for w in weights], weights)
            return {"loss": loss}

    results, said = both(Own, lambda: "sgd", metrics=())
    assert not said and graphs() == 1
    assert_same(results)


def test_evaluate_and_predict():
    model = classifier()
    model.compile("sgd", SPARSE, metrics=["accuracy"], jit_compile=False)
    expected = model.evaluate(X, Y, batch_size=8, verbose=0), model.predict(X, 8, verbose=0)
    model.compile("sgd", SPARSE, metrics=["accuracy"], jit_compile=True)
    for _ in range(2):
        found = model.evaluate(X, Y, batch_size=8, verbose=0), model.predict(X, 8, verbose=0)
        for one, other in zip(found, expected):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert graphs() == 2


def test_shapes_that_come_often_are_compiled_for_too():
    model = classifier()
    model.compile("sgd", SPARSE, jit_compile=True)
    for _ in range(40):
        for size in (8, 5):
            model.train_on_batch(X[:size], Y[:size])
    assert graphs() == 2


def test_a_model_that_cannot_be_compiled_says_why_once():
    class Looks(layers.Layer):
        def call(self, inputs):
            return inputs if float(inputs.detach().sum()) > 1e9 else 2 * inputs

    results, said = both(lambda: classifier(Looks()), lambda: "adam")
    assert len(said) == 1 and "without compilation" in said[0] and "data-dependent" in said[0]
    assert __file__ in said[0]
    assert_same(results)


def test_without_a_compiler(monkeypatch):
    monkeypatch.setattr(_compiled, "_compiler", lambda: None)
    results, said = both(classifier, lambda: "adam")
    assert len(said) == 1 and "C++ compiler" in said[0] and graphs() == 0
    assert_same(results)


def test_what_is_slower_is_not_kept(monkeypatch):
    medians = iter([1.0, 2.0])  # as it is, compiled
    monkeypatch.setattr(_compiled.statistics, "median", lambda times: next(medians))
    results, said = both(classifier, lambda: "adam")
    assert len(said) == 1 and "2e+03 ms compiled, and 1e+03 ms as it is" in said[0]
    assert_same(results)


def test_auto_waits_and_says_nothing(monkeypatch):
    monkeypatch.setattr(_compiled._state, "seeded", False)
    model = classifier()
    model.compile("sgd", SPARSE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert graphs() == 0
    monkeypatch.setattr(_compiled, "_PATIENCE", 0)
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    assert graphs() == 1


def test_auto_never_changes_a_run_that_is_to_repeat(monkeypatch):
    torchkeras.utils.set_random_seed(1)
    monkeypatch.setattr(_compiled, "_PATIENCE", 0)
    model = classifier()
    model.compile("sgd", SPARSE)
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0)
    assert graphs() == 0
