"""Hooks: which are called, in what order, and what they cost."""

import sys

import keras
import numpy as np
import pytest
import torch

from torchkeras import callbacks

HOOKS = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]


def recorder(space, seen, names=HOOKS):
    class Recorder(space.Callback):
        pass

    def hook(name):
        def method(self, *args, **kwargs):
            seen.append((name, args + tuple(kwargs.values())))

        return method

    for name in names:
        setattr(Recorder, name, hook(name))
    return Recorder()


def call_all(hooks, seen):
    calls = []
    for name in HOOKS:
        seen.clear()
        for args in [(2,), (2, {"a": 1})] if "batch" in name or "epoch" in name else [(), ({},)]:
            getattr(hooks, name)(*args)
        calls.append((name, list(seen)))
    return calls


def test_hooks_equal_keras():
    results = []
    for space in (callbacks, keras.callbacks):
        seen = []
        hooks = space.CallbackList([recorder(space, seen)])
        results.append(call_all(hooks, seen))
    assert results[0] == results[1]


@pytest.mark.parametrize("names", [["on_batch_end"], ["on_epoch_end", "on_test_batch_begin"], []])
def test_some_hooks(names):
    seen = []
    hooks = callbacks.CallbackList([recorder(callbacks, seen, names)])
    called = [name for name, events in call_all(hooks, seen) if events]
    assert called == names + (["on_train_batch_end"] if names == ["on_batch_end"] else [])


def test_public_names_equal_keras():
    for name in ("Callback", "CallbackList", "History"):
        theirs = {n for n in dir(getattr(keras.callbacks, name)) if not n.startswith("_")}
        assert theirs <= set(dir(getattr(callbacks, name))), name


class Model:
    history = None


def test_list():
    model = Model()
    first = callbacks.Callback()
    hooks = callbacks.CallbackList(
        [first], add_history=True, add_progbar=True, model=model, verbose=0, epochs=3, steps=2
    )
    theirs = keras.callbacks.CallbackList(
        [keras.callbacks.Callback()],
        add_history=True,
        add_progbar=True,
        model=Model(),
        verbose=0,
        epochs=3,
        steps=2,
    )
    kinds = [type(callback).__name__ for callback in hooks.callbacks]
    assert kinds == [type(callback).__name__ for callback in theirs.callbacks]
    assert kinds == ["Callback", "History", "ProgbarLogger"]
    assert hooks.params == theirs.params == first.params == {"verbose": 0, "epochs": 3, "steps": 2}
    assert model.history is hooks.callbacks[1]
    assert all(callback.model is model for callback in hooks.callbacks)
    late = callbacks.Callback()
    hooks.append(late)
    assert late.model is model and late.params == hooks.params
    history = callbacks.History()
    again = callbacks.CallbackList([history], add_history=True, model=model)
    assert again.callbacks == [history] and model.history is history
    assert callbacks.CallbackList(first).callbacks == [first]
    assert callbacks.CallbackList().callbacks == []


def test_only_listeners_are_called():
    class Quiet(callbacks.Callback):
        def __init__(self):  # no super().__init__()
            self.calls = 0

        def on_epoch_end(self, epoch, logs=None):
            self.calls += 1

    class Old(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            pass

    hooks = callbacks.CallbackList([Quiet()])
    assert hooks.hook("on_train_batch_end") is None and not hooks.has_train_batch_hooks
    assert hooks.callbacks[0].model is None
    hooks.append(Old())
    assert hooks.hook("on_train_batch_end") is not None and hooks.has_train_batch_hooks
    assert hooks.hook("on_train_batch_begin") is None
    assert not hooks.has_test_batch_hooks and not hooks.has_predict_batch_hooks
    with_bar = callbacks.CallbackList(add_progbar=True, verbose=1, epochs=1, steps=None)
    assert with_bar.hook("on_predict_batch_end") is not None
    assert not with_bar.has_predict_batch_hooks and not with_bar.has_train_batch_hooks
    # Nor does what looks at the logs only now and then.
    path = "m.safetensors"
    saving = callbacks.ModelCheckpoint(path, save_weights_only=True)
    assert not callbacks.CallbackList([saving]).has_train_batch_hooks
    # A hook set later is found when training begins.
    hooks = callbacks.CallbackList([Quiet()])
    seen = []
    hooks.callbacks[0].on_test_batch_end = lambda batch, logs=None: seen.append(batch)
    hooks.on_test_begin()
    hooks.on_test_batch_end(4)
    assert seen == [4] and hooks.has_test_batch_hooks


def test_cost_of_a_batch():
    hooks = callbacks.CallbackList(
        [callbacks.History()], add_progbar=True, verbose=2, epochs=1, steps=9
    )
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_end(0, {})
    calls = []
    sys.setprofile(lambda frame, event, _: event == "call" and calls.append(frame.f_code.co_name))
    hooks.on_train_batch_begin(1)
    hooks.on_train_batch_end(1, {})
    sys.setprofile(None)
    assert 0 < len(calls) <= 4, calls


def test_nobody_looks_at_the_logs():
    class Shy(dict):
        def __len__(self):
            raise AssertionError("looked")

        __iter__ = __getitem__ = items = keys = values = __len__

    hooks = callbacks.CallbackList(
        [callbacks.EarlyStopping()],
        add_history=True,
        add_progbar=True,
        verbose=1,
        epochs=1,
        steps=9,
    )
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    for batch in range(9):
        hooks.on_train_batch_begin(batch)
        hooks.on_train_batch_end(batch, Shy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([callbacks.History], r"the class History; pass `History\(...\)`"),
        (callbacks.EarlyStopping, "the class EarlyStopping"),
        ([None], "None of type NoneType"),
        (["history"], "'history' of type str"),
    ],
)
def test_what_is_no_callback(given, message):
    with pytest.raises(TypeError, match=f"must hold instances of Callback. Received: {message}"):
        callbacks.CallbackList(given)
    if isinstance(given, list):
        with pytest.raises(TypeError, match=message):
            callbacks.CallbackList().append(given[0])


def test_history():
    results = []
    for space in (callbacks, keras.callbacks):
        history = space.History()
        history.set_model(Model())
        history.on_train_begin()
        history.on_epoch_end(0, {"loss": 1.0})
        history.on_epoch_end(1, {"loss": 0.5, "val_loss": 2})
        history.on_train_begin()
        history.on_epoch_end(5, None)
        results.append((history.history, history.epoch))
    assert results[0] == results[1]
    history = callbacks.History()
    history.on_epoch_end(0, {"loss": torch.tensor(0.5), "each": torch.ones(2)})
    assert type(history.history["loss"][0]) is float
    np.testing.assert_array_equal(history.history["each"][0], [1, 1])
