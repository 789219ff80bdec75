"""Files of models and weights: both ways with real Keras, and refusals."""

import io
import json
import os
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest
import torch

import torchkeras

pytestmark = pytest.mark.filterwarnings("ignore")


def chain(k):
    L = k.layers
    model = k.Sequential(
        [
            k.Input((8,)),
            L.Dense(3, activation="relu", name="first"),
            L.BatchNormalization(),
            L.Dropout(0.5, seed=3),
            L.Dense(2),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, (8,), (2,)


def graph(k):
    L = k.layers
    x = k.Input((5, 4))
    forward = L.Bidirectional(L.LSTM(3))(x)
    other = L.GlobalAveragePooling1D()(L.TimeDistributed(L.Dense(2))(x))
    inner = k.Sequential([L.Dense(2)])
    model = k.Model(x, L.Add()([inner(forward), other]))
    model.compile(k.optimizers.SGD(0.1, momentum=0.9), k.losses.Huber())
    return model, (5, 4), (2,)


def functions(k):
    ops = k.ops
    x = k.Input((4,), name="x")
    y = ops.concatenate([ops.add(x, 1.0), x], axis=-1)
    y = y[:, 1:] * 2 - 0.5
    y = ops.relu(k.activations.gelu(y)) + k.activations.softmax(y)
    y = ops.expand_dims(ops.reshape(y, (-1, 7)), 1)
    y = ops.sum(y, axis=1) / (1 + ops.exp(-ops.mean(y, axis=1)))
    model = k.Model(x, k.layers.Dense(2)(ops.clip(y, -5.0, 5.0)))
    model.compile("rmsprop", "mse")
    return model, (4,), (2,)


def nested(k):
    L = k.layers
    x = k.Input((4,))
    inner = k.Model(x, L.Dense(3, name="q")(x), name="inner")
    a, b = k.Input((4,)), k.Input((4,))
    shared = L.Dense(2)
    model = k.Model([a, b], L.Concatenate()([shared(inner(a)), shared(inner(b))]))
    model.compile("adagrad", "mse")
    return model, [(4,), (4,)], (4,)


def convolutions(k):
    L = k.layers
    model = k.Sequential(
        [
            k.Input((8, 8, 3)),
            L.Conv2D(4, 3, padding="same"),
            L.DepthwiseConv2D(3),
            L.Conv2DTranspose(2, 2),
            L.SeparableConv2D(3, 2),
            L.GroupNormalization(3),
            L.Flatten(),
            L.Dense(2, activation="softmax"),
        ]
    )
    model.compile("adamw", "mse")
    return model, (8, 8, 3), (2,)


def attention(k):
    L = k.layers
    x = k.Input((5, 4))
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)]))
    y = L.GroupQueryAttention(3, 4, 2)(y, y)
    y = L.RNN(L.StackedRNNCells([L.LSTMCell(2), L.GRUCell(3)]))(y)
    model = k.Model(x, y)
    model.compile("nadam", "mse")
    return model, (5, 4), (3,)


def words(k):
    L = k.layers
    model = k.Sequential(
        [
            k.Input((6,), dtype="int32"),
            L.Embedding(10, 4, mask_zero=True),
            L.GRU(3, return_sequences=True),
            L.SpectralNormalization(L.Dense(2)),
            L.GlobalAveragePooling1D(),
        ]
    )
    model.compile("lion", "mse")
    return model, "int", (2,)


def quantized(k):
    model = k.Sequential([k.Input((5,)), k.layers.Dense(4), k.layers.EinsumDense("ab,bc->ac", 3)])
    model.quantize("int8")
    model.compile("sgd", "mse")
    return model, (5,), (3,)


MODELS = [chain, graph, functions, nested, convolutions, attention, words, quantized]
ROUTES = [(torchkeras, torchkeras), (torchkeras, keras), (keras, torchkeras)]


def data(shape):
    rng = np.random.default_rng(0)
    if shape == "int":
        return rng.integers(0, 10, (4, 6)).astype("int32")
    if isinstance(shape, list):
        return [rng.normal(size=(4, *s)).astype("float32") for s in shape]
    return rng.normal(size=(4, *shape)).astype("float32")


def trained(make, k):
    model, shape, out = make(k)
    x, y = data(shape), np.zeros((4, *out), "float32")
    model.fit(x, y, verbose=0, epochs=2)
    return model, x, y


@pytest.mark.parametrize("route", ROUTES, ids=["there and back", "to Keras", "from Keras"])
@pytest.mark.parametrize("make", MODELS, ids=lambda m: m.__name__)
def test_whole_models(make, route, tmp_path):
    first, second = route
    model, x, y = trained(make, first)
    model.save(tmp_path / "model.keras")
    again = second.models.load_model(tmp_path / "model.keras")
    tolerance = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), **tolerance
    )
    ours, theirs = ([v.numpy() for v in m.optimizer.variables] for m in (model, again))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    if make is not chain:  # it draws at random
        for _ in range(2):  # training goes on as if nothing had happened
            np.testing.assert_allclose(
                np.ravel(model.train_on_batch(x, y))[0],
                np.ravel(again.train_on_batch(x, y))[0],
                rtol=1e-4,
                atol=1e-6,
            )


@pytest.mark.parametrize("route", ROUTES, ids=["there and back", "to Keras", "from Keras"])
@pytest.mark.parametrize("make", MODELS, ids=lambda m: m.__name__)
def test_weights(make, route, tmp_path):
    first, second = route
    model, x, _ = trained(make, first)
    model.save_weights(tmp_path / "m.weights.h5")
    again = make(second)[0]
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("make", MODELS, ids=lambda m: m.__name__)
def test_json(make):
    model, shape, _ = make(torchkeras)
    again = torchkeras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    x = data(shape)
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-6, atol=1e-6
    )
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    theirs = make(keras)[0]
    read = torchkeras.models.model_from_json(theirs.to_json())
    assert [layer.name for layer in read.layers] == [layer.name for layer in theirs.layers]


def classes(k):
    @k.saving.register_keras_serializable("Tests")
    class Block(k.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self._inner = k.layers.Dense(units)
            self.many = [k.layers.Dense(units), (k.layers.Dense(units),)]
            self.named = {"b": k.layers.Dense(units), "a": k.layers.Dense(units)}
            self.twice = self.many[0]

        def build(self, shape):
            self.scale = self.add_weight((self.units,), "ones", name="scale")
            self._inner.build(shape)
            for layer in (self.many[0], self.many[1][0], self.named["b"], self.named["a"]):
                layer.build((None, self.units))

        def call(self, x):
            x = self.many[1][0](self.many[0](self._inner(x)))
            return self.named["a"](self.named["b"](x)) * self.scale

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    @k.saving.register_keras_serializable("Tests")
    class Net(k.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.a_block = Block(units)
            self.z_head = k.layers.Dense(2)
            self._private = k.layers.Dense(units)

        def call(self, x):
            return self.z_head(self._private(self.a_block(x)))

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Net


@pytest.mark.parametrize("route", ROUTES, ids=["there and back", "to Keras", "from Keras"])
def test_subclassed_models(route, tmp_path):
    nets = {k: classes(k) for k in (torchkeras, keras)}
    first, second = route
    x = data((5,))
    model = nets[first](4)
    model.compile("adam", "mse")
    model.fit(x, np.zeros((4, 2)), verbose=0)
    model.save(tmp_path / "net.keras")
    again = second.models.load_model(tmp_path / "net.keras")
    assert type(again).__name__ == "Net" and again.units == 4
    np.testing.assert_allclose(
        again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_custom_objects_must_be_vouched_for(tmp_path):
    class Twice(torchkeras.layers.Layer):
        def call(self, x):
            return 2 * x

    model = torchkeras.Sequential([torchkeras.Input((2,)), Twice()])
    model.save(tmp_path / "m.keras")
    with pytest.raises(TypeError, match="Could not locate class 'Twice'"):
        torchkeras.saving.load_model(tmp_path / "m.keras")
    again = torchkeras.saving.load_model(tmp_path / "m.keras", custom_objects={"Twice": Twice})
    assert again.predict(np.ones((1, 2)), verbose=0).tolist() == [[2.0, 2.0]]


def test_lambdas_only_if_asked_for(tmp_path):
    model = torchkeras.Sequential(
        [torchkeras.Input((2,)), torchkeras.layers.Lambda(lambda x: x * 3)]
    )
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        torchkeras.saving.load_model(tmp_path / "m.keras")
    again = torchkeras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    assert again.predict(np.ones((1, 2)), verbose=0).tolist() == [[3.0, 3.0]]


def test_torch_modules(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    model = torchkeras.Sequential(
        [torchkeras.Input((3,)), module, torchkeras.layers.Dense(2, name="d")]
    )
    model.compile("sgd", "mse")
    x = data((3,))
    model.fit(x, np.ones((4, 2)), verbose=0)  # moves the running averages too
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="arbitrary code execution"):
        torchkeras.saving.load_model(tmp_path / "m.keras")
    again = torchkeras.saving.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))

    class Net(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.plain = torch.nn.Linear(3, 2)

        def call(self, x):
            return self.plain(x)

    first, second = Net(), Net()
    for net in (first, second):
        net(torch.ones(1, 3))
    first.save_weights(tmp_path / "n.weights.h5")
    second.load_weights(tmp_path / "n.weights.h5")
    assert torch.equal(first(torch.ones(1, 3)), second(torch.ones(1, 3)))


def test_vocabularies(tmp_path):
    layers = torchkeras.layers
    lookup = layers.StringLookup(output_mode="multi_hot")
    lookup.adapt(np.array(["b", "a", "b"]))
    text = layers.TextVectorization(output_sequence_length=4)
    text.adapt(np.array(["so it is", "it was"]))
    numbers = layers.Normalization()
    numbers.adapt(np.random.default_rng(0).normal(3, 2, (20, 2)).astype("float32"))
    word = torchkeras.Input((1,), dtype="string")
    line = torchkeras.Input((1,), dtype="string")
    values = torchkeras.Input((2,))
    model = torchkeras.Model([word, line, values], [lookup(word), text(line), numbers(values)])
    given = [np.array([["a"], ["c"]]), np.array([["it is"], ["so"]]), np.ones((2, 2), "float32")]
    expected = model.predict(given, verbose=0)
    model.save(tmp_path / "m.keras")
    again = torchkeras.saving.load_model(tmp_path / "m.keras")
    for a, b in zip(again.predict(given, verbose=0), expected):
        np.testing.assert_array_equal(a, b)


def test_adapters_are_merged(tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((5,)), torchkeras.layers.Dense(4)])
    layer = model.layers[0]
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.random.default_rng(0).normal(size=(2, 4)))
    x = data((5,))
    model.save(tmp_path / "m.keras")
    for k in (torchkeras, keras):
        again = k.models.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(
            again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
        )
        assert again.layers[0].lora_enabled
    plain = torchkeras.Sequential([torchkeras.Input((5,)), torchkeras.layers.Dense(4)])
    plain.load_weights(tmp_path / "m.keras")
    np.testing.assert_allclose(
        plain.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_not_compiled_unless_asked_for(tmp_path):
    model, _, _ = trained(graph, torchkeras)
    model.save(tmp_path / "m.keras")
    assert not torchkeras.saving.load_model(tmp_path / "m.keras", compile=False).compiled


def test_what_a_file_cannot_hold_is_said(tmp_path):
    x = torchkeras.Input((4,))
    model = torchkeras.Model(x, torch.special.i0(x))
    with pytest.raises(ValueError, match="has no equal among `keras.ops`"):
        model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


# --- files that do not fit, are broken, or mean harm -------------------------------------


def dense(units=2):
    return torchkeras.Sequential(
        [
            torchkeras.Input((3,)),
            torchkeras.layers.Dense(4, name="a"),
            torchkeras.layers.Dense(units, name="b"),
        ]
    )


def test_another_shape_changes_nothing(tmp_path):
    dense().save_weights(tmp_path / "m.weights.h5")
    model = dense(5)
    before = model.get_weights()
    with pytest.raises(ValueError, match="b/kernel' has shape"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    with pytest.warns(UserWarning, match="Left as they are"):
        model.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert np.array_equal(before[2], model.get_weights()[2])


def test_objects_to_skip(tmp_path):
    dense().save_weights(tmp_path / "m.weights.h5")
    model = dense()
    before = model.get_weights()
    model.load_weights(tmp_path / "m.weights.h5", objects_to_skip=[model.layers[1]])
    assert not np.array_equal(before[0], model.get_weights()[0])
    assert np.array_equal(before[2], model.get_weights()[2])


def rewritten(source, target, **members):
    """The archive with some members replaced."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, content in members.items():
            new.writestr(name, content)


@pytest.fixture
def file(tmp_path):
    dense().save(tmp_path / "good.keras")
    return tmp_path / "good.keras"


def refused(path, match, error=ValueError):
    with pytest.raises(error, match=match):
        torchkeras.saving.load_model(path)


def test_no_keras_file(tmp_path, file):
    refused(tmp_path / "missing.keras", "File not found", FileNotFoundError)
    for content in (b"", b"<html>not found</html>", file.read_bytes()[:200]):
        (tmp_path / "bad.keras").write_bytes(content)
        refused(tmp_path / "bad.keras", "no zip archive", torchkeras.saving.CorruptFileError)
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("readme", "hello")
    refused(tmp_path / "other.keras", "holds no `config.json`")
    rewritten(file, tmp_path / "json.keras", **{"config.json": "{"})
    refused(tmp_path / "json.keras", "no JSON")
    rewritten(file, tmp_path / "h5.keras", **{"model.weights.h5": b"abc"})
    refused(tmp_path / "h5.keras", "no readable HDF5 file")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "assets/../../evil"])
def test_members_outside(tmp_path, file, name):
    rewritten(file, tmp_path / "bad.keras", **{name: "x"})
    refused(tmp_path / "bad.keras", "outside of it", torchkeras.saving.UnsafeFileError)


@pytest.mark.parametrize(
    "harm",
    [
        {"module": "os", "class_name": "system", "config": {"command": "true"}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file"},
        {"module": "keras.saving", "class_name": "function", "config": "load_model"},
        {"module": "torch", "class_name": "function", "config": "load"},
        {"module": "keras.layers", "class_name": "function", "config": "deserialize"},
        {"module": "keras.models", "class_name": "function", "config": "clone_model"},
        {"module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]}},
    ],
)
def test_names_that_are_none_of_the_library(tmp_path, file, harm):
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"].append({**harm, "registered_name": None})
    rewritten(file, tmp_path / "bad.keras", **{"config.json": json.dumps(config)})
    refused(tmp_path / "bad.keras", "Could not locate", TypeError)


def weights_with(change):
    buffer = io.BytesIO()
    with zipfile.ZipFile(change[0]) as archive:
        buffer.write(archive.read("model.weights.h5"))
    with h5py.File(buffer, "r+") as weights:
        change[1](weights["layers/dense/vars"])
    return buffer.getvalue()


def test_links_are_refused(tmp_path, file):
    h5py.File(tmp_path / "other.h5", "w").create_dataset("x", data=np.ones((3, 4), "float32"))

    def soft(group):
        del group["0"]
        group["0"] = h5py.SoftLink("/layers/dense_1/vars/0")

    def external(group):
        del group["0"]
        group["0"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "x")

    def storage(group):
        del group["0"]
        outside = [(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        group.create_dataset("0", (3, 4), "float32", external=outside)

    def virtual(group):
        del group["0"]
        layout = h5py.VirtualLayout((3, 4), "float32")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3, 4))
        group.create_virtual_dataset("0", layout)

    for change in (soft, external, storage, virtual):
        content = weights_with((file, change))
        rewritten(file, tmp_path / "bad.keras", **{"model.weights.h5": content})
        refused(tmp_path / "bad.keras", "is refused", torchkeras.saving.UnsafeFileError)


def test_a_bomb_is_refused(tmp_path, file):
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * 2**24)
    refused(tmp_path / "bomb.keras", "declares", torchkeras.saving.UnsafeFileError)


def test_declared_sizes_are_compared_first(tmp_path, file):
    def huge(group):
        del group["0"]
        group.create_dataset("0", (2**40, 2**10), "float32", chunks=(64, 64))

    content = weights_with((file, huge))
    rewritten(file, tmp_path / "bad.keras", **{"model.weights.h5": content})
    refused(tmp_path / "bad.keras", "has shape")


def changed_somewhere(value, rng):
    """A JSON value with one place in it replaced, or taken out."""
    if isinstance(value, dict) and value:
        key = rng.choice(list(value))
        kind = rng.random()
        if kind < 0.15:
            return {k: v for k, v in value.items() if k != key}
        other = [None, [], {}, "x", -1, 1e9, {"class_name": "Dense", "config": {}}]
        new = rng.choice(other) if kind < 0.4 else changed_somewhere(value[key], rng)
        return {**value, key: new}
    if isinstance(value, list) and value:
        place = rng.randrange(len(value))
        return [*value[:place], changed_somewhere(value[place], rng), *value[place + 1 :]]
    return rng.choice([None, [], {}, "x", -1, 0, 1e9, "relu", "keras.layers"])


@pytest.mark.parametrize("seed", range(60))
def test_damaged_files(tmp_path, file, seed):
    """Whatever is changed in a file, it is read or refused by an error of this library."""
    rng = random.Random(seed)
    whole = bytearray(file.read_bytes())
    for _ in range(rng.randint(1, 8)):
        whole[rng.randrange(len(whole))] = rng.randrange(256)
    (tmp_path / "whole.keras").write_bytes(whole)
    with zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("config.json"))
        weights = bytearray(archive.read("model.weights.h5"))
    config = json.dumps(changed_somewhere(changed_somewhere(config, rng), rng))
    rewritten(file, tmp_path / "config.keras", **{"config.json": config})
    for _ in range(rng.randint(1, 8)):
        weights[rng.randrange(min(len(weights), 6000))] = rng.randrange(256)
    rewritten(file, tmp_path / "weights.keras", **{"model.weights.h5": bytes(weights)})
    for name in ("whole", "config", "weights"):
        try:
            torchkeras.saving.load_model(tmp_path / f"{name}.keras")
        except (ValueError, TypeError) as error:
            assert str(error)


def test_failed_save_keeps_the_old_file(tmp_path, file, monkeypatch):
    old = file.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        dense().save(file)
    assert file.read_bytes() == old
    assert os.listdir(tmp_path) == [file.name]


def test_permissions_and_links_stay(tmp_path, file):
    file.chmod(0o640)
    link = tmp_path / "link.keras"
    link.symlink_to(file)
    dense().save(link)
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640


def test_refusals(tmp_path):
    model = dense()
    for call, message in (
        (lambda: model.save(tmp_path / "m.h5"), "Invalid filepath extension"),
        (lambda: model.save(tmp_path / "m.keras", zipped=False), "`zipped` must be"),
        (lambda: model.save(tmp_path / "m.keras", save_format="h5"), "deprecated"),
        (lambda: model.save(tmp_path / "m.keras", include=1), "not supported"),
        (lambda: model.save_weights(tmp_path / "m.h5"), "must end in"),
        (lambda: model.save_weights(tmp_path / "m.weights.h5", max_shard_size=1), "must be None"),
        (lambda: torchkeras.models.model_from_json("{"), "no JSON"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    assert os.listdir(tmp_path) == []


def test_bfloat16(tmp_path):
    for first, second in ROUTES:
        x = first.Input((3,))
        model = first.Model(x, first.layers.Dense(2, dtype="bfloat16")(x))
        model.save_weights(tmp_path / "m.weights.h5")
        y = second.Input((3,))
        again = second.Model(y, second.layers.Dense(2, dtype="bfloat16")(y))
        again.load_weights(tmp_path / "m.weights.h5")
        kernels = [
            getattr(m.layers[-1].kernel, "value", m.layers[-1].kernel) for m in (model, again)
        ]
        assert torch.equal(*(kernel.detach() for kernel in kernels))
