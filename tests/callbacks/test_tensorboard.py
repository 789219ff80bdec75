"""What TensorBoard reads of a training."""

import os

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import callbacks, layers

tensorboard = pytest.importorskip("tensorboard")
accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")

X = [np.arange(32 * 6).reshape(32, 6) % 10, np.random.RandomState(0).rand(32, 8, 8, 3)]
Y = np.random.RandomState(1).rand(32)


def read(folder):
    everything = {"images": 0, "histograms": 0}
    events = accumulator.EventAccumulator(str(folder), size_guidance=everything)
    events.Reload()
    return events


def scalars(folder):
    events = read(folder)
    names = events.Tags()["scalars"]
    return {n: [(e.step, e.value) for e in events.Scalars(n)] for n in names}


def model_of():
    words, picture = torchkeras.Input((6,), name="words"), torchkeras.Input((8, 8, 3), name="image")
    x = layers.Embedding(10, 4, name="emb")(words)
    x = layers.Flatten(name="flat")(layers.Conv1D(3, 2, name="conv1")(x))
    inner = torchkeras.Input((8, 8, 3))
    outer = layers.Conv2D(5, 3, name="conv2")(inner)
    outer = layers.Flatten(name="flat2")(layers.Conv2D(2, 3, name="conv3")(outer))
    shared = layers.Dense(4, name="shared")
    one, two = layers.Dense(6, name="one"), layers.Dense(6, name="two")
    seen = torchkeras.Model(inner, outer, name="inner")(picture)
    joined = layers.Concatenate(name="join")([shared(one(x)), shared(two(seen))])
    model = torchkeras.Model([words, picture], layers.Dense(1, name="last")(joined))
    model.compile(torchkeras.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


def train(model, folder, evaluate=False, **kwargs):
    board = callbacks.TensorBoard(folder, **kwargs)
    data = dict(batch_size=8, verbose=0, validation_data=(X, Y))
    history = model.fit(X, Y, epochs=3, callbacks=[board], **data)
    if evaluate:
        model.evaluate(X, Y, verbose=0, callbacks=[board])
    return history.history


def test_results_by_epoch(tmp_path):
    history = train(model_of(), tmp_path, evaluate=True)
    found = scalars(tmp_path / "train")
    assert set(found) == {"epoch_loss", "epoch_mae", "epoch_learning_rate"}
    for name in ("loss", "mae"):
        expected = list(enumerate(history[name]))
        np.testing.assert_allclose(found[f"epoch_{name}"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["epoch_learning_rate"], [(i, 0.01) for i in range(3)])
    found = scalars(tmp_path / "validation")
    for name in ("loss", "mae"):
        expected = list(enumerate(history[f"val_{name}"]))
        np.testing.assert_allclose(found[f"epoch_{name}"], expected, rtol=1e-5)
        steps = [(4 * (i + 1), v) for i, v in expected] + [(12, expected[-1][1])]
        values = found[f"evaluation_{name}_vs_iterations"]
        np.testing.assert_allclose(values, steps, rtol=1e-5)
    assert set(os.listdir(tmp_path)) == {"train", "validation"}


@pytest.mark.parametrize("freq, steps", [("batch", range(1, 13)), (5, [5, 10]), (1, range(1, 13))])
def test_results_by_batch(freq, steps, tmp_path):
    train(model_of(), tmp_path, update_freq=freq, write_steps_per_second=True)
    found = scalars(tmp_path / "train")
    for name in ("batch_loss", "batch_mae", "batch_steps_per_second"):
        assert [step for step, _ in found[name]] == list(steps)
    assert all(value > 0 for _, value in found["batch_steps_per_second"])
    assert len(found["epoch_steps_per_second"]) == 3


def test_several_steps_between_two_calls(tmp_path):
    model = model_of()
    model.compile("sgd", "mse", steps_per_execution=2)
    train(model, tmp_path, update_freq=3)
    # Four steps an epoch, two at a time: after 4, 8 and 12.
    assert [step for step, _ in scalars(tmp_path / "train")["batch_loss"]] == [4, 8, 12]


def test_logs_are_looked_at_only_if_they_are_written(tmp_path):
    class Shy(dict):
        def items(self):
            raise AssertionError("looked")

        __getitem__ = __iter__ = keys = items

    board = callbacks.TensorBoard(tmp_path, update_freq=3)
    board.set_model(model_of())
    board.on_train_begin()
    board.on_train_batch_end(0, Shy())
    board.on_train_batch_end(1, Shy())
    board.on_train_batch_end(2, {"loss": torch.tensor(0.5)})
    board.on_train_end()
    assert scalars(tmp_path / "train") == {"batch_loss": [(3, 0.5)]}
    assert not callbacks.CallbackList([board]).has_train_batch_hooks


def test_weights_and_images(tmp_path):
    train(model_of(), tmp_path, histogram_freq=2, write_images=True)
    events = read(tmp_path / "train")
    names = [f"{layer}/kernel" for layer in ("conv1", "one", "shared")] + ["one/bias"]
    names += ["emb/embeddings", "conv2/kernel"]
    assert {f"{name}/histogram" for name in names} <= set(events.Tags()["histograms"])
    assert [e.step for e in events.Histograms("one/kernel/histogram")] == [0, 2]
    histogram = events.Histograms("one/kernel/histogram")[-1].histogram_value
    assert histogram.num == 15 * 6
    sizes = {n: (e.width, e.height) for n in names for e in events.Images(f"{n}/image")}
    assert sizes["one/kernel"] == (15, 6) and sizes["one/bias"] == (6, 1)
    assert sizes["emb/embeddings"] == (10, 4)
    # Three filters side by side: of colours; of two steps and four channels.
    assert sizes["conv2/kernel"] == (9, 3) and sizes["conv1/kernel"] == (6, 4)


def test_weights_that_are_not_finite(tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((2,)), torch.nn.Linear(2, 2)])
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    board.set_model(model)
    board.on_train_begin()
    with torch.no_grad():
        model.weights[0][0, 0] = torch.nan
        model.weights[1][:] = torch.inf
    with pytest.warns(UserWarning, match="not finite"):
        board.on_epoch_end(0, {"loss": 1.0})
    board.on_train_end()
    events = read(tmp_path / "train")
    (name,) = events.Tags()["histograms"]
    assert name.endswith("weight/histogram")
    assert events.Histograms(name)[0].histogram_value.num == 3


def test_graph(tmp_path):
    train(model_of(), tmp_path)
    nodes = {n.name: (n.op, list(n.input)) for n in read(tmp_path / "train").Graph().node}
    assert nodes["words"] == ("InputLayer", [])
    assert nodes["emb"] == ("Embedding", ["words"])
    assert nodes["inner/conv2"] == ("Conv2D", ["image"])
    assert nodes["inner/flat2"] == ("Flatten", ["inner/conv3"])
    assert nodes["two"] == ("Dense", ["inner/flat2"])
    assert nodes["join"] == ("Concatenate", ["shared", "shared_1"])
    assert {nodes["shared"][1][0], nodes["shared_1"][1][0]} == {"one", "two"}
    train(model_of(), tmp_path / "none", write_graph=False)
    assert not read(tmp_path / "none" / "train").Tags()["graph"]


@pytest.mark.parametrize("labels", [{"emb": "labels.tsv"}, "labels.tsv", None])
def test_embeddings(labels, tmp_path):
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    model = model_of()
    train(model, tmp_path, embeddings_freq=2, embeddings_metadata=labels)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    (entry,) = text_format.Parse(text, ProjectorConfig()).embeddings
    assert entry.tensor_name == "emb"
    assert entry.metadata_path == ("labels.tsv" if labels else "")
    vectors = np.loadtxt(tmp_path / entry.tensor_path)
    expected = model.get_layer("emb").embeddings.numpy()
    np.testing.assert_allclose(vectors, expected, rtol=1e-5, atol=1e-6)


def test_profile(tmp_path):
    train(model_of(), tmp_path, profile_batch=(2, 3))
    (trace,) = [n for n in os.listdir(tmp_path / "train") if n.endswith(".pt.trace.json")]
    assert "aten::" in (tmp_path / "train" / trace).read_text()


def test_a_model_without_a_graph(tmp_path):
    class Own(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, histogram_freq=1)
    model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[board])
    tags = read(tmp_path / "train").Tags()
    assert not tags["graph"] and len(tags["histograms"]) == 2


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"update_freq": 0}, "`update_freq` must be"),
        ({"update_freq": "step"}, "`update_freq` must be"),
        ({"profile_batch": -1}, "batches to profile must be"),
        ({"profile_batch": (3, 2)}, "batches to profile must be"),
        ({"profile_batch": (1, 2, 3)}, "batches to profile must be"),
        ({"embeddings_freq": 1, "embeddings_metadata": {"foo": "a"}}, "Unrecognized.*foo"),
    ],
)
def test_wrong_arguments(kwargs, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        train(model_of(), tmp_path, **kwargs)
