"""Progress: Keras' words, on terminals, in notebooks and in files."""

import io
import re

import keras
import pytest
import torch

from torchkeras import callbacks
from torchkeras.callbacks import _progress


class Clock:
    """A clock that only moves when told."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(_progress.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr("time.time", lambda: self.now)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def plain(text):
    """Without colours; of each line what is last seen."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\x08", "")
    return [line.split("\r")[-1].rstrip() for line in text.split("\n")]


def run(space, params, clock, seconds, stream, monkeypatch, steps=4, validate=False):
    monkeypatch.setattr("sys.stdout", stream)
    hooks = space.ProgbarLogger()
    hooks.set_params(params)
    hooks.on_train_begin()
    for epoch in range(params["epochs"]):
        hooks.on_epoch_begin(epoch)
        for batch in range(steps):
            hooks.on_train_batch_begin(batch)
            clock.now += seconds
            hooks.on_train_batch_end(batch, {"acc": 0.5, "loss": 1e-5 * (batch + 1)})
        logs = {"acc": 0.51239, "loss": 3e-5}
        if validate:
            hooks.on_test_begin()
            hooks.on_test_batch_end(0, {"loss": 1.0})
            hooks.on_test_end({"loss": 1.0})
            logs["val_loss"] = 12345.678
        hooks.on_epoch_end(epoch, logs)
    hooks.on_train_end(logs)
    monkeypatch.undo()
    return stream.getvalue()


@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("epochs", [1, 2])
@pytest.mark.parametrize("seconds", [0.0002, 0.02, 0.4, 1.6, 25, 2000])
def test_final_lines_equal_keras(verbose, epochs, seconds, monkeypatch):
    outputs = []
    for space in (callbacks, keras.callbacks):
        clock = Clock(monkeypatch)
        params = {"verbose": verbose, "epochs": epochs, "steps": 4}
        stream = io.StringIO()
        outputs.append(run(space, params, clock, seconds, stream, monkeypatch, validate=True))
    ours, theirs = outputs
    assert "\r" not in ours and "\x1b" not in ours
    assert plain(ours) == plain(theirs)


@pytest.mark.parametrize("steps", [4, None])
def test_live_lines_equal_keras(steps, monkeypatch):
    shown = []
    for space in (callbacks, keras.callbacks):
        clock = Clock(monkeypatch)
        params = {"verbose": 1, "epochs": 1, "steps": steps}
        text = run(space, params, clock, 1.5, Terminal(), monkeypatch)
        text = re.sub(r"\x1b\[[0-9;]*m|\x1b\[A", "", text).replace("\x08", "")
        lines = [part.strip() for part in re.split(r"[\r\n]+", text) if part.strip()]
        # Keras' unfilled part of the bar is grey; what is left of it here is blank.
        shown.append([re.sub(r"[━ ]+", " ", line) for line in lines])
    ours, theirs = shown
    assert len(ours) == 4 and ours[-1] == theirs[-1]
    # Keras shows the first step as well.
    assert all(line in theirs for line in ours)


def test_looks_a_few_times_a_second(monkeypatch):
    clock = Clock(monkeypatch)
    looks = []

    class Logs(dict):
        def items(self):
            looks.append(clock.now)
            return super().items()

    monkeypatch.setattr("sys.stdout", Terminal())
    progress = callbacks.ProgbarLogger()
    progress.set_params({"verbose": 1, "epochs": 1, "steps": 1000})
    progress.on_train_begin()
    progress.on_epoch_begin(0)
    for batch in range(1000):
        clock.now += 0.001
        progress.on_train_batch_end(batch, Logs(loss=1.0))
    progress.on_epoch_end(0, Logs(loss=1.0))
    assert 3 <= len(looks) <= 6


def test_evaluate_and_predict(monkeypatch):
    for verbose in (1, 2):
        outputs = []
        for space in (callbacks, keras.callbacks):
            clock = Clock(monkeypatch)
            stream = io.StringIO()
            monkeypatch.setattr("sys.stdout", stream)
            hooks = space.ProgbarLogger()
            hooks.set_params({"verbose": verbose, "epochs": 1, "steps": 3})
            hooks.on_test_begin()
            for batch in range(3):
                clock.now += 0.01
                hooks.on_test_batch_end(batch, {"loss": 1.0})
            hooks.on_test_end({"loss": 0.5})
            hooks.on_predict_begin()
            for batch in range(3):
                clock.now += 0.01
                hooks.on_predict_batch_end(batch, {"outputs": 1})
            hooks.on_predict_end({})
            monkeypatch.undo()
            outputs.append(stream.getvalue())
        assert plain(outputs[0]) == plain(outputs[1])


def test_unknown_length(monkeypatch):
    clock = Clock(monkeypatch)
    params = {"verbose": 2, "epochs": 2, "steps": None}
    lines = run(callbacks, params, clock, 0.01, io.StringIO(), monkeypatch).splitlines()
    assert lines[1].startswith("4/4 - 0s - 10ms/step - acc: 0.5124 - loss: 3.0000e-05")


def test_validation_is_no_part_of_the_step(monkeypatch):
    clock = Clock(monkeypatch)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    hooks = callbacks.CallbackList(add_progbar=True, verbose=2, epochs=1, steps=2)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    for batch in range(2):
        clock.now += 0.01
        hooks.on_train_batch_end(batch, {})
    hooks.on_test_begin()
    clock.now += 100
    hooks.on_test_end({})
    hooks.on_epoch_end(0, {"loss": 1.0})
    assert stream.getvalue() == "2/2 - 100s - 10ms/step - loss: 1.0000\n"


@pytest.mark.parametrize("how", ["close", "next run"])
def test_interrupted(how, monkeypatch):
    clock = Clock(monkeypatch)
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    hooks = callbacks.CallbackList(add_progbar=True, verbose=1, epochs=1, steps=9)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    for batch in range(3):
        clock.now += 1
        hooks.on_train_batch_end(batch, {"loss": 1.0})
    assert not stream.getvalue().endswith("\n")
    if how == "close":
        hooks.close()
        hooks.close()
    else:
        hooks.on_train_begin()
        hooks.on_epoch_begin(0)
    assert stream.getvalue().endswith("\n")
    assert "3/9" in stream.getvalue().rstrip("\n").split("\r")[-1]


def test_notebooks_are_live(monkeypatch):
    OutStream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    assert _progress._is_live(OutStream()) and _progress._is_live(Terminal())
    assert not _progress._is_live(io.StringIO()) and not _progress._is_live(object())


def test_live_line_fits_the_terminal(monkeypatch):
    clock = Clock(monkeypatch)
    stream = Terminal()
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout", stream)
    progress = callbacks.ProgbarLogger()
    progress.set_params({"verbose": 1, "epochs": 1, "steps": 40})
    progress.on_epoch_begin(0)
    for batch in range(20):
        clock.now += 1
        progress.on_train_batch_end(batch, {"a_long_name": 1.0, "another_long_name": 2.0})
    line = stream.getvalue().split("\r")[-1]
    assert line.startswith(f"20/40 {'━' * 10}{' ' * 10} 20s 1s/step") and len(line) <= 50
    progress.on_epoch_end(0, {"a_long_name": 1.0, "another_long_name": 2.0})
    assert stream.getvalue().endswith("a_long_name: 1.0000 - another_long_name: 2.0000\n")


def test_streams_that_know_no_bars(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    hooks = callbacks.CallbackList(add_progbar=True, verbose=1, epochs=1, steps=1)
    hooks.on_train_begin()
    hooks.on_epoch_begin(0)
    hooks.on_train_batch_end(0, {})
    hooks.on_epoch_end(0, {"l{oss}": torch.tensor([1.0, 2.0]), "n": 3})
    stream.flush()
    text = stream.buffer.getvalue().decode()
    assert text.startswith(f"1/1 {'=' * 20} 0s") and text.endswith("- l{oss}: 1.5000 - n: 3.0000\n")
