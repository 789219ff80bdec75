"""Callbacks that only look: for a learning rate, at the time, at the results."""

import json
import os

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import callbacks, layers

X = np.random.RandomState(0).rand(32, 4).astype("float32")
Y = X.sum(1)


def model_of(optimizer="sgd"):
    model = torchkeras.Sequential(
        [torchkeras.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(1)]
    )
    model.compile(optimizer, "mse")
    return model


def find(model, finder, epochs=10, **kwargs):
    model.fit(X, Y, batch_size=8, epochs=epochs, verbose=0, callbacks=[finder], **kwargs)
    return finder


OPTIMIZERS = {
    "sgd": lambda: torchkeras.optimizers.SGD(0.3, momentum=0.9),
    "adam": lambda: torchkeras.optimizers.Adam(0.3),
    "averages": lambda: torchkeras.optimizers.SGD(0.3, use_ema=True),
    "torch": lambda: torch.optim.Adam,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_search_leaves_nothing_behind(name):
    model = model_of(OPTIMIZERS[name]())
    model.fit(X, Y, batch_size=8, verbose=0)  # the optimizer has a past
    optimizer = model.optimizer
    before = [v.clone() for v in [*model.variables, *optimizer.variables]]
    rate = float(optimizer.learning_rate)
    finder = find(model, callbacks.LearningRateFinder(1e-4, 10, steps=20))
    assert len(finder.losses) > 3
    after = [*model.variables, *optimizer.variables]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert float(optimizer.learning_rate) == rate


@pytest.mark.parametrize("mode", ["exponential", "linear"])
def test_rates_and_losses(mode):
    model = model_of()
    finder = callbacks.LearningRateFinder(1e-4, 1e-2, steps=8, mode=mode, stop_factor=None)
    find(model, finder, shuffle=False)
    space = np.linspace if mode == "linear" else np.geomspace
    np.testing.assert_allclose(finder.rates, space(1e-4, 1e-2, 8), rtol=1e-5)
    # The same by hand: the loss of a batch is of that batch alone.
    expected = []
    for step, rate in enumerate(finder.rates):
        model.optimizer.learning_rate = rate
        start = 8 * (step % 4)
        expected.append(model.train_on_batch(X[start : start + 8], Y[start : start + 8]))
    np.testing.assert_allclose(finder.losses, expected, rtol=1e-5)


def test_the_search_ends_when_the_loss_runs_away():
    finder = find(model_of(), callbacks.LearningRateFinder(1e-3, 1e6, steps=40, smoothing=0.5))
    assert 3 < len(finder.losses) < 40
    assert 1e-3 < finder.suggestion() < finder.rates[-1]


def test_suggestion_is_where_the_loss_falls_the_steepest():
    finder = callbacks.LearningRateFinder(1e-4, 1.0, smoothing=0.0)
    with pytest.raises(ValueError, match="three batches"):
        finder.suggestion()
    finder.rates = list(np.geomspace(1e-4, 1, 41))
    position = np.log10(finder.rates)
    finder.losses = list(1 / (1 + np.exp(4 * (position + 2))))  # steepest at 10 ** -2
    assert finder.suggestion() == pytest.approx(1e-2)
    finder.losses = list(position)  # rises only
    assert finder.suggestion() is None


def test_a_model_that_its_data_build():
    model = torchkeras.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    finder = find(model, callbacks.LearningRateFinder(1e-4, 0.1, steps=5))
    assert len(finder.losses) == 5 and int(model.optimizer.iterations) == 0


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"min_lr": 0}, "`min_lr` must be above 0"),
        ({"min_lr": 2.0}, "below `max_lr`"),
        ({"steps": 1}, "`steps` must be"),
        ({"mode": "cosine"}, "`mode` must be"),
        ({"smoothing": 1.0}, "`smoothing` must be"),
        ({"stop_factor": 1.0}, "`stop_factor` must be"),
    ],
)
def test_wrong_arguments_of_the_search(kwargs, match):
    with pytest.raises(ValueError, match=match):
        callbacks.LearningRateFinder(**kwargs)


# --- the profiler ------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [(3, 6), 5, (7, 99), (4, 5)])
@pytest.mark.parametrize("executions", [1, 2])
def test_profiler_records_those_batches(batches, executions, tmp_path):
    model = model_of()
    model.compile("sgd", "mse", steps_per_execution=executions)
    profiler = callbacks.Profiler(tmp_path, batches)
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[profiler])  # 12 batches
    (file,) = os.listdir(tmp_path)
    events = json.loads((tmp_path / file).read_text())["traceEvents"]
    seen = {e["name"] for e in events if str(e.get("name")).startswith("ProfilerStep")}
    first = profiler.batches[0]
    first += (first - 1) % executions  # two steps at a time: a pair is recorded whole
    last = min(profiler.batches[1], 12)
    assert seen == {f"ProfilerStep#{n}" for n in range(first, last + 1, executions)}
    assert "aten::" in profiler.table(5)


def test_profiler_that_records_nothing(tmp_path):
    profiler = callbacks.Profiler(tmp_path, 50)
    model_of().fit(X, Y, verbose=0, callbacks=[profiler])
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError, match="fewer than 50 batches"):
        profiler.table()


def test_profiler_after_an_interruption(tmp_path):
    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise KeyboardInterrupt

    profiler, model = callbacks.Profiler(tmp_path, (2, 4)), model_of()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=8, verbose=0, callbacks=[profiler, Interrupt()])
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[profiler])
    assert len(os.listdir(tmp_path)) == 1


# --- pictures ----------------------------------------------------------------------------


def history_of():
    history = callbacks.History()
    for epoch in range(6):
        logs = {"acc": 0.1 * epoch, "loss": 1 / (epoch + 1), "matrix": np.ones((2, 2))}
        if epoch % 2:
            logs["val_loss"] = 2 / (epoch + 1)
        history.on_epoch_end(epoch, logs)
    return history


def test_history_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    figure = history_of().plot()
    assert [panel.get_title() for panel in figure.axes] == ["loss", "acc"]
    training, validation = figure.axes[0].lines
    np.testing.assert_allclose(training.get_xdata(), [1, 2, 3, 4, 5, 6])
    np.testing.assert_allclose(validation.get_xdata(), [2, 4, 6])
    np.testing.assert_allclose(validation.get_ydata(), [1, 0.5, 1 / 3])
    (panel,) = history_of().plot(["acc"]).axes
    assert panel.get_title() == "acc" and len(panel.lines) == 1
    for names in (["foo"], ["matrix"]):
        with pytest.raises(ValueError, match=f"`names` must be.*{names[0]}"):
            history_of().plot(names)
    with pytest.raises(ValueError, match="history without any"):
        callbacks.History().plot()
    pyplot.close("all")


def test_rates_plot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    finder = find(model_of(), callbacks.LearningRateFinder(1e-4, 10, steps=20))
    (panel,) = finder.plot().axes
    assert panel.get_xscale() == "log"
    np.testing.assert_allclose(panel.lines[0].get_ydata(), finder.losses)
    pyplot.close("all")


def test_pictures_name_the_missing_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="`matplotlib`.*pip install"):
        history_of().plot()
