"""Callbacks that keep and change weights: backups, moving averages."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import callbacks

SPACES = [torchkeras, keras]
X = np.random.RandomState(0).rand(12, 2).astype("float32")
Y = X.sum(1)


class Stop(Exception):
    """The interruption."""


def interrupting(space, epoch=None, batch=None):
    class Interrupt(space.callbacks.Callback):
        def on_epoch_end(self, number, logs=None):
            if number == epoch:
                raise Stop

        def on_train_batch_end(self, number, logs=None):
            if number == batch:
                raise Stop

    return Interrupt()


def model_of(space, optimizer=None):
    model = space.Sequential([space.Input((2,)), space.layers.Dense(1)])
    model.layers[0].kernel.assign(np.array([[0.3], [0.5]]))
    model.compile(optimizer or space.optimizers.Adam(0.1), "mse")
    return model


def run(space, model, folder, interrupt=None, make=None, x=X, **kwargs):
    """Trains until the interruption; returns the history, files seen at each epoch's end."""
    seen = []

    class Look(space.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            path = f"{folder}/training_metadata.json"
            text = pathlib.Path(path).read_text() if os.path.exists(path) else None
            seen.append((epoch, sorted(os.listdir(folder)), text))

    hooks = [space.callbacks.BackupAndRestore(folder, **kwargs), Look()]
    hooks += [] if interrupt is None else [interrupt]
    arguments = {} if callable(getattr(x, "__next__", None)) else {"batch_size": 4, "y": Y}
    try:
        history = model.fit(x, epochs=4, shuffle=False, verbose=0, callbacks=hooks, **arguments)
    except Stop:
        return None, seen
    return history, seen


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("freq", ["epoch", 1, 2])
@pytest.mark.parametrize("where", [{"epoch": 1}, {"batch": 2}], ids=str)
def test_backup_equals_keras(where, freq, double, tmp_path):
    results = []
    for space, name in zip(SPACES, "ok"):
        folder = str(tmp_path / name)
        kwargs = dict(save_freq=freq, double_checkpoint=double)
        first = run(space, model_of(space), folder, interrupting(space, **where), **kwargs)[1]
        model = model_of(space)
        history, seen = run(space, model, folder, **kwargs)
        assert not os.path.exists(folder)
        weights = list(model.get_weights())
        steps = int(model.optimizer.iterations)
        results.append((first, history.epoch, seen, steps, history.history["loss"], weights))
    ours, theirs = results
    if freq != "epoch" and "epoch" in where:
        # In the first epoch of a restored training, real Keras writes that it is of epoch 0.
        assert json.loads(ours[2][0][2])["epoch"] == 1
        ours[2][0] = theirs[2][0]
    assert ours[:4] == theirs[:4]
    np.testing.assert_allclose(ours[4], theirs[4], rtol=1e-5, atol=1e-5)
    for a, b in zip(ours[5], theirs[5]):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def test_an_interrupted_training_gives_what_an_uninterrupted_one_gives(tmp_path):
    plain = model_of(torchkeras)
    plain.fit(X, Y, batch_size=4, epochs=4, shuffle=False, verbose=0)
    run(torchkeras, model_of(torchkeras), tmp_path / "b", interrupting(torchkeras, epoch=1))
    again = model_of(torchkeras)
    run(torchkeras, again, tmp_path / "b")
    for a, b in zip(plain.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_backup_of_a_torch_optimizer(tmp_path):
    def make_model():
        model = model_of(torchkeras)
        model.compile(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), "mse")
        return model

    plain = make_model()
    plain.fit(X, Y, batch_size=4, epochs=4, shuffle=False, verbose=0)
    run(torchkeras, make_model(), tmp_path / "b", interrupting(torchkeras, epoch=1))
    assert "latest.optimizer.pt" in os.listdir(tmp_path / "b")
    again = make_model()
    run(torchkeras, again, tmp_path / "b")
    for a, b in zip(plain.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "b").exists()


class Unbuilt(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = torchkeras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize(
    "make", [Unbuilt, lambda: torchkeras.Sequential([torchkeras.layers.Dense(1)])]
)
def test_backup_of_a_model_that_its_data_build(make, tmp_path):
    """Nothing of a generator is lost by looking at its first batch."""

    def batches(seen):
        for start in range(0, 12, 4):
            seen.append(start)
            yield X[start : start + 4], Y[start : start + 4]

    seen, again = [], []
    first, second = make(), make()
    for model in (first, second):
        model.compile("adam", "mse")
    run(torchkeras, first, tmp_path / "b", interrupting(torchkeras, epoch=0), x=batches(seen))
    weights = first.get_weights()
    assert seen == [0, 4, 8] and int(first.optimizer.iterations) == 3

    class Look(callbacks.Callback):
        def on_train_begin(self, logs=None):
            for a, b in zip(weights, self.model.get_weights()):
                np.testing.assert_array_equal(a, b)

    hooks = [callbacks.BackupAndRestore(tmp_path / "b"), Look()]
    history = second.fit(batches(again), epochs=2, verbose=0, callbacks=hooks)
    assert history.epoch == [1] and int(second.optimizer.iterations) == 6
    assert again == [0, 4, 8]


def damage(kind, folder):
    weights, metadata = folder / "latest.weights.h5", folder / "training_metadata.json"
    if kind == "weights":
        weights.write_bytes(b"x" * 100)
    elif kind == "half":
        weights.write_bytes(weights.read_bytes()[:3000])
    elif kind == "no weights":
        weights.unlink()
    elif kind == "metadata":
        metadata.write_text("{")
    elif kind == "no epoch":
        metadata.write_text(json.dumps({"epoch": "1"}))
    else:
        metadata.unlink()


@pytest.mark.parametrize(
    "kind", ["weights", "half", "no weights", "metadata", "no epoch", "no metadata"]
)
def test_a_damaged_backup(kind, tmp_path):
    for double in (False, True):
        folder = tmp_path / str(double)
        kwargs = dict(double_checkpoint=double)
        interrupt = interrupting(torchkeras, epoch=2)
        run(torchkeras, model_of(torchkeras), folder, interrupt, **kwargs)
        damage(kind, folder)
        model = model_of(torchkeras)
        if double:  # the one before
            assert run(torchkeras, model, folder, **kwargs)[0].epoch == [2, 3]
        elif kind == "no metadata":  # is written last: there is no backup yet
            assert run(torchkeras, model, folder, **kwargs)[0].epoch == [0, 1, 2, 3]
        else:
            with pytest.raises(OSError):
                run(torchkeras, model, folder, **kwargs)
            assert folder.exists()


def test_what_else_is_in_the_folder_stays(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    run(torchkeras, model_of(torchkeras), tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]
    run(torchkeras, model_of(torchkeras), tmp_path, delete_checkpoint=False)
    assert len(os.listdir(tmp_path)) == 3
    model = model_of(torchkeras)
    assert run(torchkeras, model, tmp_path, save_freq=False)[0].epoch == []


@pytest.mark.parametrize(
    "kwargs", [{"backup_dir": None}, {"backup_dir": ""}, {"backup_dir": "b", "save_freq": "x"}]
)
def test_wrong_arguments_of_backups(kwargs):
    messages = []
    for space in SPACES:
        with pytest.raises(ValueError) as error:
            space.callbacks.BackupAndRestore(**kwargs)
        messages.append(str(error.value))
    assert messages[0] == messages[1]


# --- moving averages ---------------------------------------------------------------------


def averaging(space):
    return model_of(space, space.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))


def swapped(space, swap_on_epoch, stop_at=None):
    """The kernel at each hook, the results, the kernel at the end."""
    seen = []

    class Look(space.callbacks.Callback):
        def look(self, *args, **kwargs):
            seen.append(np.array(self.model.get_weights()[0]).ravel())

        on_train_batch_end = on_epoch_end = on_test_begin = on_test_end = look
        on_predict_begin = on_predict_end = on_train_end = on_epoch_begin = look

    class StopAt(space.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == stop_at:
                self.model.stop_training = True

    model = averaging(space)
    hooks = [StopAt(), space.callbacks.SwapEMAWeights(swap_on_epoch), Look()]
    data = dict(validation_data=(X, Y), batch_size=6, shuffle=False, verbose=0)
    history = model.fit(X, Y, epochs=3, callbacks=hooks, **data)
    model.evaluate(X, Y, verbose=0, callbacks=hooks)
    model.predict(X, verbose=0, callbacks=hooks)
    return seen, history.history, model


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages_equal_keras(swap_on_epoch):
    ours, theirs = (swapped(space, swap_on_epoch) for space in SPACES)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-5)
    for name in ours[1]:
        np.testing.assert_allclose(ours[1][name], theirs[1][name], rtol=1e-5)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_a_training_that_stops_early_ends_with_its_averages(swap_on_epoch):
    _, history, model = swapped(torchkeras, swap_on_epoch, stop_at=1)
    assert len(history["loss"]) == 2
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), history["val_loss"][-1], rtol=1e-5)


def test_averages_that_are_not_there():
    model = model_of(torchkeras)
    hook = callbacks.SwapEMAWeights()
    with pytest.raises(ValueError, match="`use_ema=True` is set on the optimizer.*use_ema=False"):
        model.fit(X, Y, verbose=0, callbacks=[hook])
    with pytest.raises(ValueError, match="use_ema=None"):
        torchkeras.Sequential([torchkeras.layers.Dense(1)]).predict(X, verbose=0, callbacks=[hook])
    model = averaging(torchkeras)  # no step, no averages: the weights stay
    expected = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(X, Y, verbose=0, callbacks=[hook]) == expected
