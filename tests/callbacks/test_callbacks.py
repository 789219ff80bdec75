"""The callbacks against Keras' own: the same run in, the same words, values and files out."""

import functools
import inspect
import math
import pathlib
import re
import warnings

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import callbacks

SPACES = [callbacks, keras.callbacks]


METRICS = [
    torchkeras.metrics.Accuracy(name="acc"),
    torchkeras.metrics.MeanSquaredError(name="mse"),
    torchkeras.metrics.Mean(name="plain"),
]


@functools.cache
def keras_metrics():
    """Those metrics in the shape that a compiled Keras model has them in."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    names = ["Accuracy", "MeanSquaredError"]
    kinds = zip(names, ["acc", "mse"])
    model.compile(loss="mse", metrics=[getattr(keras.metrics, k)(name=n) for k, n in kinds])
    model.train_on_batch(np.ones((1, 1)), np.ones((1, 1)))
    return model.metrics


class Optimizer:
    def __init__(self):
        self.learning_rate = 0.1

    @property
    def learning_rate(self):
        return float(self._rate)

    @learning_rate.setter
    def learning_rate(self, value):
        self._rate = np.float32(value)


class Model:
    """What callbacks need of a model; it writes down what they do to it."""

    def __init__(self, space):
        self.stop_training = False
        self.optimizer = Optimizer()
        self.metrics = METRICS if space is callbacks else keras_metrics()
        self.weights = 0
        self.events = []

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.events.append(("set", weights))

    def save_weights(self, filepath, overwrite=True):
        self.events.append(("weights", str(filepath), overwrite))

    def save(self, filepath, overwrite=True):
        self.events.append(("model", str(filepath), overwrite))


def play(space, make, epochs, capsys, steps=0):
    """A run of hooks as `fit` calls them; returns all that can be seen of it."""
    model = Model(space)
    seen = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            callback = make(space)
            callback.set_model(model)
            callback.set_params({"verbose": 0, "epochs": len(epochs), "steps": steps})
            callback.on_train_begin()
            for epoch, logs in enumerate(epochs):
                callback.on_epoch_begin(epoch)
                for batch in range(steps):
                    callback.on_train_batch_begin(batch)
                    callback.on_train_batch_end(batch, {"loss": 2.0 - epoch - batch / 10})
                model.weights = epoch + 1
                logs = dict(logs)
                callback.on_epoch_end(epoch, logs)
                names = "wait best stopped_epoch best_epoch cooldown_counter".split()
                state = {n: getattr(callback, n) for n in names if hasattr(callback, n)}
                seen.append((logs, state, model.stop_training, model.optimizer.learning_rate))
                if model.stop_training:
                    break
            callback.on_train_end()
        except Exception as error:
            # What Keras says first.
            seen.append((type(error), re.split(r"(?<=[a-z0-9])\. ", str(error))[0]))
    said = [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    said = [text for text in said if "__array__" not in text]
    return repr(seen), model.events, said, capsys.readouterr().out


def val(*values, name="val_loss"):
    return [{"loss": 1.0, name: value} for value in values]


def early(**kwargs):
    return lambda space: space.EarlyStopping(**{"verbose": 1, **kwargs})


def plateau(**kwargs):
    return lambda space: space.ReduceLROnPlateau(**{"verbose": 1, **kwargs})


def checkpoint(path="m.keras", **kwargs):
    return lambda space: space.ModelCheckpoint(path, **{"verbose": 1, **kwargs})


def schedule(function):
    return lambda space: space.LearningRateScheduler(function, verbose=1)


def weights_only(path="m.weights.h5", **kwargs):
    return checkpoint(path, save_weights_only=True, **kwargs)


ACC = {"name": "val_acc"}
RUNS = {
    "early": (early(patience=2), val(1.0, 0.9, 0.95, 0.95, 0.8)),
    "early no patience": (early(), val(1.0, 0.9, 0.95, 0.8)),
    "early first": (early(), val(1.0, 1.5, 0.5)),
    "early quiet": (early(verbose=0, restore_best_weights=True), val(1.0, 1.5, 0.5)),
    "early delta": (early(min_delta=0.2, patience=2), val(1.0, 0.9, 0.75, 0.7, 0.6)),
    "early negative delta": (early(min_delta=-0.2, patience=2), val(1.0, 0.9, 0.75, 0.7, 0.6)),
    "early up": (early(monitor="val_acc"), val(0.5, 0.6, 0.55, **ACC)),
    "early down": (early(monitor="val_mse"), val(0.5, 0.4, 0.45, name="val_mse")),
    "early max": (early(mode="max", min_delta=0.08), val(0.5, 0.6, 0.65)),
    "early min": (early(monitor="val_acc", mode="min"), val(0.5, 0.6, 0.65, **ACC)),
    "early unknown": (early(monitor="val_foo"), val(0.5, 0.6, name="val_foo")),
    "early no direction": (early(monitor="plain"), val(0.5, 0.6, name="plain")),
    "early missing": (early(monitor="val_loss"), val(0.5, 0.6, name="foo")),
    "early baseline": (early(baseline=0.5, patience=2), val(0.9, 0.8, 0.7, 0.75, 0.4)),
    "early baseline beaten": (early(baseline=0.5, patience=2), val(0.9, 0.4, 0.45, 0.6)),
    "early restore": (
        early(restore_best_weights=True, patience=1),
        val(0.9, 0.4, 0.45, 0.3),
    ),
    "early restore at end": (early(restore_best_weights=True, patience=9), val(0.9, 0.4, 0.45)),
    "early restore baseline": (
        early(restore_best_weights=True, patience=2, baseline=0.1),
        val(0.9, 0.4, 0.45, 0.3),
    ),
    "early start": (early(start_from_epoch=2, patience=1), val(0.1, 0.2, 0.3, 0.4, 0.5)),
    "early nan": (early(patience=1), val(math.nan, 0.5, math.nan)),
    "early bad mode": (early(mode="bogus"), val(0.5, 0.6)),
    "plateau": (plateau(patience=1, factor=0.5), val(0.9, 0.95, 0.96, 0.5, 0.6, 0.7)),
    "plateau cooldown": (plateau(patience=1, factor=0.5, cooldown=2), val(*[0.9] * 9)),
    "plateau patience": (plateau(patience=3, factor=0.5), val(*[0.9] * 9)),
    "plateau limit": (plateau(patience=1, min_lr=0.02), val(*[0.9] * 5)),
    "plateau delta": (plateau(patience=1, min_delta=0.1), val(0.9, 0.85, 0.7)),
    "plateau up": (plateau(patience=0, monitor="val_acc"), val(0.5, 0.6, 0.6, **ACC)),
    "plateau missing": (plateau(), val(0.5, name="foo")),
    "plateau unknown": (plateau(monitor="foo"), val(0.5, name="foo")),
    "plateau factor": (plateau(factor=1.0), val(0.5)),
    "schedule": (schedule(lambda epoch: 0.1 / (epoch + 1)), val(0.9, 0.95)),
    "schedule of rate": (schedule(lambda epoch, rate: rate * 0.5), val(0.9, 0.95)),
    "schedule numpy": (schedule(lambda epoch, rate: np.float32(0.3)), val(0.9)),
    "schedule integer": (schedule(lambda epoch, rate: 1), val(0.9)),
    "schedule text": (schedule(lambda epoch, rate: "x"), val(0.9)),
    "save": (checkpoint("m{epoch:02d}-{val_loss:.2f}.keras"), val(0.9, 0.95)),
    "save h5": (checkpoint("m.h5"), val(0.9, 0.95)),
    "save path": (checkpoint(pathlib.Path("m.keras")), val(0.9)),
    "save weights": (weights_only("m{epoch}.weights.h5"), val(0.9, 0.95)),
    "save best": (checkpoint(save_best_only=True), val(0.9, 0.95, 0.8, 0.8)),
    "save best up": (checkpoint(save_best_only=True, monitor="val_acc"), val(0.5, 0.7, 0.6, **ACC)),
    "save best threshold": (
        weights_only(save_best_only=True, initial_value_threshold=0.85),
        val(0.9, 0.95, 0.8),
    ),
    "save best missing": (checkpoint(save_best_only=True), val(0.9, name="foo")),
    "save best unknown": (checkpoint(save_best_only=True, monitor="foo"), val(0.9, name="foo")),
    "save best of array": (
        checkpoint(save_best_only=True, mode="max"),
        val(np.array([1.0, 2.0])),
    ),
    "save unknown place": (checkpoint("m{foo}.keras"), val(0.9)),
    "save no batch": (checkpoint("m{batch}.keras"), val(0.9)),
    "save every 2": (checkpoint("m{epoch}-{batch}-{loss:.2f}.keras", save_freq=2), val(1, 2, 3), 3),
    "save best every 2": (
        checkpoint(save_freq=2, save_best_only=True, monitor="loss"),
        val(0.9, 0.8),
        3,
    ),
    "save ending": (checkpoint("m"), val(0.9)),
    "save weights ending": (weights_only("m.h5"), val(0.9)),
    "save freq": (checkpoint(save_freq="x"), val(0.9)),
    "save mode": (checkpoint(mode="x"), val(0.9)),
}


@pytest.mark.parametrize("name", RUNS)
def test_equals_keras(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, epochs, *steps = RUNS[name]
    ours, theirs = (play(space, make, epochs, capsys, *steps) for space in SPACES)
    if name == "save weights ending":
        assert "must end in `.weights.h5` (Keras weights format) or `.safetensors`" in ours[0]
    else:
        assert ours == theirs


def test_values_may_be_tensors(capsys):
    for name in ("early restore", "plateau", "save best"):
        make, epochs, *_ = RUNS[name]
        tensors = [{k: torch.tensor(v) for k, v in logs.items()} for logs in epochs]
        numbers = play(callbacks, make, epochs, capsys)
        lazy = play(callbacks, make, tensors, capsys)
        assert lazy[1] == numbers[1] and lazy[3] == numbers[3]


def test_every_class_is_tested():
    tested = {"EarlyStopping", "ReduceLROnPlateau", "LearningRateScheduler", "ModelCheckpoint"}
    tested |= {"Callback", "CallbackList", "History", "ProgbarLogger"}  # in the other files
    tested |= {"BackupAndRestore", "SwapEMAWeights", "TensorBoard"}
    tested |= {"LearningRateFinder", "Profiler"}
    tested |= {"LambdaCallback", "TerminateOnNaN", "CSVLogger", "RemoteMonitor"}  # below
    tested |= {"OrbaxCheckpoint"}  # says what to use instead
    assert {n for n in callbacks.__all__ if inspect.isclass(getattr(callbacks, n))} == tested


EXTRAS = {"LearningRateFinder", "Profiler"}


def test_all_names_of_keras_are_there():
    theirs = {name for name in dir(keras.callbacks) if not name.startswith("_")}
    assert set(callbacks.__all__) == theirs | EXTRAS


@pytest.mark.parametrize("name", sorted(set(callbacks.__all__) - EXTRAS))
def test_signatures(name):
    ours, theirs = (inspect.signature(getattr(space, name).__init__) for space in SPACES)
    assert str(ours) == str(theirs)


def test_checkpoint_makes_folders_and_takes_safetensors(tmp_path):
    model = Model(callbacks)
    path = tmp_path / "a" / "b" / "m{epoch}.safetensors"
    callback = callbacks.ModelCheckpoint(path, save_weights_only=True)
    callback.set_model(model)
    callback.on_epoch_end(0, {})
    assert (tmp_path / "a" / "b").is_dir()
    assert model.events == [("weights", str(path).format(epoch=1), True)]
    (tmp_path / "m.safetensors").mkdir()
    callback = callbacks.ModelCheckpoint(tmp_path / "m.safetensors", save_weights_only=True)
    callback.set_model(model)
    with pytest.raises(IsADirectoryError, match="non-directory"):
        callback.on_epoch_end(0, {})


def test_checkpoint_looks_only_if_it_must():
    class Shy(dict):
        def items(self):
            raise AssertionError("looked")

        __getitem__ = items

    callback = callbacks.ModelCheckpoint("m.keras", save_freq=2)
    callback.set_model(Model(callbacks))
    callback.on_train_batch_end(0, Shy())
    callback.on_train_batch_end(1, Shy())
    assert callback.model.events == [("model", "m.keras", True)]


@pytest.mark.parametrize("loss", [math.nan, math.inf, 1.0, None])
@pytest.mark.parametrize("raise_error", [False, True])
def test_terminate_on_nan(loss, raise_error, capsys):
    results = []
    for space in SPACES:
        model = Model(space)
        callback = space.TerminateOnNaN(raise_error=raise_error)
        callback.set_model(model)
        try:
            callback.on_train_batch_end(3, {} if loss is None else {"loss": loss})
            error = None
        except RuntimeError as e:
            error = str(e)
        results.append((error, model.stop_training, capsys.readouterr().out))
    assert results[0] == results[1]
    assert results[0][1] or results[0][0] or loss in (1.0, None)


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("separator", [",", ";"])
def test_csv_logger(append, separator, tmp_path):
    files = []
    for space, name in zip(SPACES, ("ours.csv", "theirs.csv")):
        for epochs in (
            [{"loss": 1.5, "acc": np.float32(0.5)}, {"acc": [1, 2], "loss": 2.0, "new": 3}],
            [{"b": 1.0, "a": np.ones((2, 2)), "val_b": "text"}, {"b": 2, "a": np.float64(3)}],
        ):
            callback = space.CSVLogger(str(tmp_path / name), separator, append)
            callback.set_model(Model(space))
            callback.on_train_begin()
            for epoch, logs in enumerate(epochs):
                callback.on_epoch_end(epoch, logs)
            callback.on_train_end()
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    callback = callbacks.CSVLogger(tmp_path / "tensor.csv")
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": torch.tensor(0.5)})
    assert (tmp_path / "tensor.csv").read_text().splitlines()[1] == "0,0.5,NA"
    callback.on_train_end()


def test_lambda_callback():
    seen = []
    callback = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(("epoch", epoch)),
        on_train_batch_end=lambda batch, logs: seen.append(("batch", batch, logs["loss"])),
        on_test_end=lambda logs: seen.append(("test", logs)),
        on_predict_batch_begin=lambda batch, logs: seen.append(("predict", batch)),
    )
    hooks = callbacks.CallbackList([callback])
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_begin(0)
    hooks.on_train_batch_end(0, {"loss": 1.0})
    hooks.on_test_end({"loss": 2.0})
    hooks.on_predict_batch_begin(5)
    assert seen == [
        ("epoch", 0),
        ("batch", 0, 1.0),
        ("test", {"loss": 2.0}),
        ("predict", 5),
    ]


def test_plateau_warns_of_what_it_ignores():
    with pytest.warns(UserWarning, match="ignores the arguments.*epsilon"):
        callbacks.ReduceLROnPlateau(epsilon=0.1)


def test_rate_needs_an_optimizer():
    callback = callbacks.LearningRateScheduler(lambda epoch: 0.1)
    callback.set_model(object())
    with pytest.raises(ValueError, match='must have a "learning_rate"'):
        callback.on_epoch_begin(0)


def test_names_of_several_outputs():
    callback = callbacks.EarlyStopping(monitor="val_left_acc")
    callback.set_model(Model(callbacks))
    callback.on_epoch_end(0, {"val_left_acc": 0.5})
    callback.on_epoch_end(1, {"val_left_acc": 0.6})
    assert callback.best == 0.6


def posted(space, epochs, **kwargs):
    requests = pytest.importorskip("requests")
    calls = []

    def post(*args, **given):
        calls.append((args, given))
        if len(calls) > 1:
            raise requests.exceptions.ConnectionError

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        patch.setattr(requests, "post", post)
        callback = space.RemoteMonitor(**kwargs)
        for epoch, logs in enumerate(epochs):
            callback.on_epoch_end(epoch, logs)
    return calls, [str(w.message) for w in caught]


@pytest.mark.parametrize(
    "kwargs", [{}, {"send_as_json": True}, {"root": "http://a:1", "path": "/b", "field": "c"}]
)
def test_remote_monitor(kwargs):
    epochs = [{"loss": 0.5, "acc": np.float32(1.5), "one": np.ones(1)}, None, {"loss": 1}]
    ours, theirs = (posted(space, epochs, headers={"h": "v"}, **kwargs) for space in SPACES)
    assert ours == theirs
    assert len(ours[1]) == 2  # the server that is gone
    calls, _ = posted(callbacks, [{"loss": torch.tensor(0.5), "many": np.arange(2)}], **kwargs)
    assert "0.5" in str(calls) and "[0, 1]" in str(calls)


@pytest.mark.parametrize(
    "name, package", [("RemoteMonitor", "requests"), ("TensorBoard", "tensorboard")]
)
def test_a_missing_package_is_named(name, package, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=f"`{package}`.*pip install"):
        getattr(callbacks, name)()


@pytest.mark.parametrize("ending", [".keras", ".weights.h5", ".safetensors"])
@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_checkpoints_can_be_read(ending, save_freq, tmp_path):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
    model.compile("adam", "mse")
    only = ending != ".keras"
    path = str(tmp_path / "m{epoch}") + ending
    hook = callbacks.ModelCheckpoint(path, save_weights_only=only, save_freq=save_freq)
    x = np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], batch_size=2, epochs=2, verbose=0, callbacks=[hook])
    assert len(list(tmp_path.iterdir())) == 2
    if only:
        again = torchkeras.models.clone_model(model)
        again.load_weights(path.format(epoch=2))
    else:
        again = torchkeras.saving.load_model(path.format(epoch=2))
        assert int(again.optimizer.iterations) == 4
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
