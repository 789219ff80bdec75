"""Sequential, functional and subclassed models, their copies and their summaries."""

import re

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers


def shared_and_nested(k):
    L = k.layers
    a, b = k.Input((8,), name="a"), k.Input((8,), name="b")
    shared = L.Dense(4, name="shared")
    inner = k.Sequential(
        [k.Input((8,)), L.Dense(3, name="i1"), L.Dense(2, name="i2")], name="inner"
    )
    merged = L.concatenate([shared(a), shared(b)], name="merged")
    out = inner(merged)
    return k.Model([a, b], [out, L.Dense(1, name="head")(out)], name="outer")


def residual(k):
    L = k.layers
    x = inputs = k.Input((8,), name="x")
    for i in range(3):
        shortcut = x
        x = L.Dense(8, name=f"a{i}")(x)
        x = L.ReLU(name=f"r{i}")(x)
        x = L.Dense(8, name=f"b{i}")(x)
        x = L.Add(name=f"add{i}")([shortcut, x])
    return k.Model(inputs, x, name="residual")


def branches(k):
    L = k.layers
    a, b = k.Input((20, 3), name="a"), k.Input((16,), name="b")
    left = L.GlobalMaxPooling1D(name="pool")(L.Conv1D(4, 3, name="conv")(a))
    right = L.Flatten(name="flat")(
        L.Conv1D(4, 5, name="conv2")(L.Reshape((16, 1), name="shape")(b))
    )
    out = L.concatenate([left, right, L.Dense(4, name="d")(b)], name="cat")
    return k.Model(
        {"b": b, "a": a}, {"z": L.Dense(1, name="q")(out), "y": L.Dense(2, name="p")(left)}
    )


GRAPHS = {"shared_and_nested": shared_and_nested, "residual": residual, "branches": branches}


def numbers(shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def data_for(model):
    return torchkeras.tree.map_structure(lambda s: numbers((5, *s.shape[1:])), model.input)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_equal_keras(name):
    theirs, ours = GRAPHS[name](keras), GRAPHS[name](torchkeras)
    assert [layer.name for layer in ours.layers] == [layer.name for layer in theirs.layers]
    assert ours.output_names == theirs.output_names
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert ours.count_params() == theirs.count_params()
    ours.set_weights(theirs.get_weights())
    x = data_for(ours)
    expected, got = theirs.predict(x, verbose=0), ours.predict(x, verbose=0)
    torchkeras.tree.map_structure(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), got, expected
    )


def text_of(model, **kwargs):
    lines = []
    model.summary(print_fn=lambda text: lines.append(text), **kwargs)
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


@pytest.mark.parametrize("kwargs", [{}, {"expand_nested": True}, {"show_trainable": True}], ids=str)
@pytest.mark.parametrize("name", ["shared_and_nested", "residual"])
def test_summary_equals_keras(name, kwargs):
    theirs, ours = GRAPHS[name](keras), GRAPHS[name](torchkeras)
    for model in (theirs, ours):
        model.layers[-1].trainable = False
    expected = [line.rstrip() for line in text_of(theirs, **kwargs).splitlines() if line.strip()]
    got = [line.rstrip() for line in text_of(ours, **kwargs).splitlines() if line.strip()]
    assert got == expected


def test_summary_of_other_kinds():
    model = torchkeras.Sequential([layers.Dense(3), layers.Dropout(0.1)])
    assert "0 (unbuilt)" in text_of(model) and "?" in text_of(model)
    model.build((None, 4))
    assert "(None, 3)" in text_of(model) and "Total params: 15 (60.00 B)" in text_of(model)
    model.compile("adam", "mse")
    model.fit(numbers((4, 4)), numbers((4, 3)), verbose=0)
    assert "Optimizer params: 32" in text_of(model)
    assert all(len(line) <= 60 for line in text_of(model, line_length=60).splitlines())
    outer = residual(torchkeras)
    rows = text_of(outer, layer_range=("a1", "add1"))
    assert "a1 (Dense)" in rows and "a0 (Dense)" not in rows and "a2 (Dense)" not in rows
    with pytest.raises(ValueError, match="do not match the layer names"):
        outer.summary(layer_range=("a1", "nothing"))


class TestSequential:
    def test_built_at_once_or_later(self):
        for first in (
            dict(layers=[torchkeras.Input((4,)), layers.Dense(2)]),
            dict(layers=[layers.Dense(2, input_shape=(4,))]),
            dict(layers=[layers.Dense(2, input_dim=4)]),
            dict(layers=[layers.Dense(2, batch_input_shape=(None, 4))]),
        ):
            model = torchkeras.Sequential(**first)
            assert (
                model.built and model.output_shape == (None, 2) and model.input_shape == (None, 4)
            )
        model = torchkeras.Sequential([layers.Dense(2)])
        assert not model.built and model.weights == []
        assert model(torch.ones(3, 4)).shape == (3, 2)
        assert model.built and model.input_shape == (None, 4)

    def test_embedding_with_input_length(self):
        model = torchkeras.Sequential([layers.Embedding(10, 4, input_length=7), layers.Flatten()])
        assert model.output_shape == (None, 28)

    def test_grows_and_shrinks(self):
        model = torchkeras.Sequential(name="chain")
        model.add(torchkeras.Input((4,)))
        model.add(layers.Dense(3))
        model.add(layers.Dense(2))
        assert model.output_shape == (None, 2) and len(model.layers) == len(model) == 2
        last = model.pop()
        assert last.units == 2 and model.output_shape == (None, 3)
        assert [n for n, _ in model.named_parameters()] == ["dense.kernel", "dense.bias"]
        model.add(layers.Dense(5, name="new"))
        assert model(torch.ones(1, 4)).shape == (1, 5)
        assert model.get_layer("new") is model.get_layer(index=1)

    def test_paths(self):
        model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(3)], name="s")
        theirs = keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(3, name="dense")], name="s"
        )
        assert [w.path for w in model.weights] == [w.path for w in theirs.weights]

    def test_torch_modules(self):
        model = torchkeras.Sequential([torch.nn.Linear(4, 3), torch.nn.ReLU(), layers.Dense(2)])
        model.compile("sgd", "mse")
        before = [
            w.copy()
            for w in model.fit(numbers((8, 4)), numbers((8, 2)), verbose=0).model.get_weights()
        ]
        model.fit(numbers((8, 4)), numbers((8, 2)), verbose=0)
        assert len(before) == 4
        assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))

    def test_other_sizes(self):
        """The sizes it was built for bind a chain only where a layer does."""
        model = torchkeras.Sequential([layers.Reshape((-1, 4)), layers.Dense(1)])
        assert model(np.ones((1, 12, 2))).shape == (1, 6, 1)
        assert model.predict(np.ones((2, 20, 2)), verbose=0).shape == (2, 10, 1)
        with pytest.raises(ValueError, match="incompatible"):
            model(np.ones((1, 12)))
        dense = torchkeras.Sequential([torchkeras.Input((5, 3)), layers.Dense(1)])
        assert dense(np.ones((1, 9, 3))).shape == (1, 9, 1)
        with pytest.raises(ValueError, match="dense.* axis -1 .* value 3"):
            dense(np.ones((1, 5, 4)))

    def test_errors(self):
        model = torchkeras.Sequential()
        with pytest.raises(TypeError, match="no layers in the model to pop"):
            model.pop()
        with pytest.raises(ValueError, match="Only instances of `keras.Layer`"):
            model.add("dense")
        model.add(layers.Dense(2, name="same"))
        with pytest.raises(ValueError, match="unique names"):
            model.add(layers.Dense(2, name="same"))
        with pytest.raises(ValueError, match="input_shape"):
            model.build()
        with pytest.raises(ValueError, match="already been configured to use input shape"):
            torchkeras.Sequential([torchkeras.Input((2,)), layers.Dense(1)]).build((None, 3))
        with pytest.raises(ValueError, match="no layers"):
            torchkeras.Sequential().build((None, 2))
        with pytest.raises(ValueError, match="already been configured"):
            torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.Input((2,))])


class TestFunctional:
    def test_inner_symbols_as_inputs(self):
        model = residual(torchkeras)
        tail = torchkeras.Model(model.get_layer("add0").output, model.output)
        head = torchkeras.Model(model.input, model.get_layer("add0").output)
        x = torch.from_numpy(numbers((3, 8)))
        torch.testing.assert_close(tail(head(x)), model(x))
        assert tail.get_layer("a1") is model.get_layer("a1")

    def test_called_on_symbols_and_in_other_models(self):
        model = residual(torchkeras)
        x = torchkeras.Input((8,))
        both = torchkeras.Model(x, model(model(x)))
        data = torch.from_numpy(numbers((3, 8)))
        torch.testing.assert_close(both(data), model(model(data)))
        assert len(both.state_dict()) == len(model.weights)
        assert model.compute_output_shape((7, 8)) == (7, 8)

    def test_inputs_by_name_order_and_rank(self):
        model = branches(torchkeras)
        a, b = numbers((5, 20, 3)), numbers((5, 16))
        expected = model({"a": a, "b": b})
        for other in ([a, b], (a, b), {"b": b, "a": a}):
            got = model(other)
            assert set(got) == {"y", "z"}
            torch.testing.assert_close(got["z"], expected["z"])
        x = torchkeras.Input((1,))
        column = torchkeras.Model(x, x * 2)
        assert column(torch.ones(4)).shape == column(torch.ones(4, 1)).shape == (4, 1)
        assert column(torch.ones(4, 1, dtype=torch.int64)).dtype is torch.float32

    def test_subclass_of_a_graph(self):
        class Own(torchkeras.Model):
            def __init__(self, units):
                x = torchkeras.Input((3,))
                self.hidden = layers.Dense(units)
                super().__init__(x, layers.Dense(1)(self.hidden(x)), name="own")

            def twice(self, x):
                return 2 * self(x)

        model = Own(4)
        assert isinstance(model, Own) and model.twice(torch.ones(2, 3)).shape == (2, 1)
        assert sorted(model.state_dict()) == [
            "dense_1.bias",
            "dense_1.kernel",
            "hidden.bias",
            "hidden.kernel",
        ]

    def test_several_outputs_of_a_layer_and_masks(self):
        x = torchkeras.Input((6,), dtype="int32")
        e = layers.Embedding(9, 4, mask_zero=True)(x)
        sequence, h, c = layers.LSTM(3, return_sequences=True, return_state=True)(e)
        model = torchkeras.Model(x, [layers.GlobalAveragePooling1D()(sequence), h + c])
        data = torch.tensor([[1, 2, 3, 0, 0, 0]])
        got = model(data)
        short = model(data[:, :3].repeat(1, 2))
        assert got[0].shape == got[1].shape == (1, 3)
        embedded = model.layers[1](data)
        assert embedded._keras_mask.tolist() == [[True, True, True, False, False, False]]
        assert not torch.allclose(got[0], short[0])

    def test_optional_inputs(self):
        class MaybeAdd(layers.Layer):
            def call(self, x, y=None):
                return x if y is None else x + y

            def compute_output_shape(self, x_shape):
                return x_shape

        for optional in (True, False):
            x, y = (
                torchkeras.Input((2,), name="x"),
                torchkeras.Input((2,), name="y", optional=optional),
            )
            model = torchkeras.Model({"x": x, "y": y}, MaybeAdd()(x, y))
            data = numbers((4, 2))
            assert model({"x": data, "y": data}).shape == (4, 2)
            if optional:
                model.compile("sgd", "mse")
                model.fit({"x": data, "y": None}, data, verbose=0)
                assert np.array_equal(model.predict({"x": data, "y": None}, verbose=0), data)
            else:
                with pytest.raises(ValueError, match="is not optional"):
                    model({"x": data, "y": None})

    def test_names_must_differ(self):
        x = torchkeras.Input((2,))
        y = layers.Dense(2, name="same")(layers.Dense(2, name="same")(x))
        with pytest.raises(ValueError, match='"same" is used 2 times'):
            torchkeras.Model(x, y)

    def test_get_layer_errors(self):
        model = residual(torchkeras)
        with pytest.raises(ValueError, match="No such layer: nothing. Existing layers are"):
            model.get_layer("nothing")
        with pytest.raises(ValueError, match="index 99 but model only has 13"):
            model.get_layer(index=99)
        with pytest.raises(ValueError, match="Provide either"):
            model.get_layer()


class Encoder(torchkeras.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = [layers.Dense(units, "relu") for _ in range(2)]
        self.heads = {"mean": layers.Dense(1), "spread": layers.Dense(1)}

    def call(self, inputs, training=None):
        for layer in self.hidden:
            inputs = layer(inputs)
        return {name: head(inputs) for name, head in self.heads.items()}


class TestSubclassed:
    def test_trains_with_dict_outputs(self):
        model = Encoder(4)
        model.compile("adam", {"mean": "mse", "spread": "mae"})
        y = {"mean": numbers((8, 1)), "spread": numbers((8, 1))}
        history = model.fit(numbers((8, 3)), y, epochs=2, verbose=0).history
        assert list(history) == ["loss", "mean_loss", "spread_loss"]
        assert set(model.predict(numbers((8, 3)), verbose=0)) == {"mean", "spread"}

    def test_build_and_symbols(self):
        model = Encoder(4)
        model.build((None, 3))
        assert len(model.weights) == 8 and model.built
        out = Encoder(4)(torchkeras.Input((3,)))
        assert out["mean"].shape == (None, 1)

    def test_config_is_the_signature(self):
        model = Encoder(4, name="enc")
        assert model.get_config() == {**model._base_config(), "units": 4}
        again = Encoder.from_config(model.get_config())
        assert again.units == 4 and again.name == "enc"

    def test_no_graph(self):
        with pytest.raises(AttributeError, match="has no `inputs`"):
            Encoder(4).inputs  # noqa: B018

    def test_layers_is_reserved(self):
        with pytest.raises(AttributeError, match="reserved"):
            Encoder(4).layers = []

    def test_build_of_what_cannot_be_followed(self):
        class Looks(torchkeras.Model):
            def call(self, inputs):
                raise RuntimeError("no")

        with pytest.raises(ValueError, match="cannot be built by following"):
            Looks().build((None, 3))

    def test_branch_on_values(self):
        class Branching(torchkeras.Model):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(2)

            def call(self, inputs):
                return self.dense(inputs) if inputs.sum() >= 0 else -self.dense(inputs)

        x = torchkeras.Input((3,))
        assert torchkeras.Model(x, Branching()(x)).output_shape == (None, 2)


class TestClone:
    @pytest.mark.parametrize("name", GRAPHS)
    def test_graphs(self, name):
        model = GRAPHS[name](torchkeras)
        copy = torchkeras.models.clone_model(model)
        assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
        assert not {id(w) for w in copy.weights} & {id(w) for w in model.weights}
        copy.set_weights(model.get_weights())
        x = data_for(model)
        torchkeras.tree.map_structure(
            np.testing.assert_array_equal,
            copy.predict(x, verbose=0),
            model.predict(x, verbose=0),
        )

    def test_chain(self):
        for model in (
            torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(2)]),
            torchkeras.Sequential([layers.Dense(2)]),
        ):
            copy = torchkeras.models.clone_model(model)
            assert copy.built == model.built and len(copy.layers) == 1
            assert copy(torch.ones(1, 4)).shape == (1, 2)

    def test_compiled(self):
        model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(2)])
        model.compile(torchkeras.optimizers.Adam(0.5), "mse", metrics=["mae"])
        copy = torchkeras.models.clone_model(model)
        assert copy.compiled and copy.optimizer is not model.optimizer
        assert float(copy.optimizer.learning_rate) == 0.5
        copy.fit(numbers((8, 4)), numbers((8, 2)), verbose=0)
        assert int(model.optimizer.iterations) == 0

    def test_other_layers(self):
        def wider(layer):
            config = layer.get_config()
            if "units" in config:
                config["units"] *= 2
            return type(layer).from_config(config)

        model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(2)])
        copy = torchkeras.models.clone_model(model, clone_function=wider)
        assert copy.output_shape == (None, 4)
        x = torchkeras.Input((8,), name="other")
        assert torchkeras.models.clone_model(residual(torchkeras), input_tensors=x).input is x

    def test_subclassed(self):
        copy = torchkeras.models.clone_model(Encoder(4))
        assert isinstance(copy, Encoder) and copy.units == 4
        with pytest.raises(ValueError, match="clone_function"):
            torchkeras.models.clone_model(Encoder(4), clone_function=lambda layer: layer)

    def test_no_model(self):
        with pytest.raises(ValueError, match="Expected `model`"):
            torchkeras.models.clone_model(3)


class TestWeightFiles:
    def test_there_and_back(self, tmp_path):
        model, other = residual(torchkeras), residual(torchkeras)
        path = tmp_path / "weights.safetensors"
        model.save_weights(path)
        other.load_weights(path)
        x = numbers((3, 8))
        np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
        assert [p.name for p in tmp_path.iterdir()] == ["weights.safetensors"]

    def test_another_shape_changes_nothing(self, tmp_path):
        path = tmp_path / "weights.safetensors"
        torchkeras.Sequential([torchkeras.Input((3,)), layers.Dense(2, name="d")]).save_weights(
            path
        )
        model = torchkeras.Sequential(
            [torchkeras.Input((3,)), layers.Dense(2, name="d"), layers.Dense(1, name="e")]
        )
        before = model.get_weights()
        with pytest.raises(ValueError, match="'e.kernel' is missing"):
            model.load_weights(path)
        assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
        model.load_weights(path, skip_mismatch=True)
        assert not np.array_equal(before[0], model.get_weights()[0])

    def test_files_that_are_none(self, tmp_path):
        model = residual(torchkeras)
        broken = tmp_path / "broken.safetensors"
        broken.write_bytes(b"<html>no</html>")
        with pytest.raises(ValueError, match="no readable safetensors file"):
            model.load_weights(broken)
        with pytest.raises(FileNotFoundError):
            model.load_weights(tmp_path / "missing.safetensors")
        with pytest.raises(ValueError, match="must end in `.weights.h5`"):
            model.save_weights(tmp_path / "weights.h5")
        with pytest.raises(ValueError, match="has no weights yet"):
            torchkeras.Sequential([layers.Dense(1)]).save_weights(broken)

    def test_failed_save_keeps_the_old_file(self, tmp_path, monkeypatch):
        import os

        path = tmp_path / "weights.safetensors"
        model = residual(torchkeras)
        model.save_weights(path)
        old = path.read_bytes()

        def fail(*args):
            raise OSError("disk full")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            model.save_weights(path)
        assert path.read_bytes() == old and len(list(tmp_path.iterdir())) == 1


def test_state_tree_is_that_of_keras():
    trees = []
    for k in (torchkeras, keras):
        model = k.Sequential(
            [k.Input((3,)), k.layers.Dense(2, name="d"), k.layers.BatchNormalization(name="b")],
            name="s",
        )
        model.compile(k.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
        model.fit(np.ones((2, 3)), np.ones((2, 2)), verbose=0)
        trees.append(model.get_state_tree("numpy_array"))
    mine, theirs = (dict(torchkeras.tree.flatten_with_path(t)) for t in trees)
    assert {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in theirs.items()}
    model = torchkeras.Sequential([torchkeras.Input((3,)), layers.Dense(2, name="d")], name="s")
    model.set_state_tree(
        {"trainable_variables": {"s": {"d": trees[0]["trainable_variables"]["s"]["d"]}}}
    )
    np.testing.assert_array_equal(
        model.layers[0].kernel.numpy(), trees[0]["trainable_variables"]["s"]["d"]["kernel"]
    )
    for state, message in (
        ({"foo": {}}, "Unknown variable name: foo"),
        ({"trainable_variables": {"s": {"x": np.ones(2)}}}, "no variable 's/x'"),
        ({"trainable_variables": {"s": {"d": {"bias": np.ones(3)}}}}, "has shape"),
    ):
        with pytest.raises(ValueError, match=message):
            model.set_state_tree(state)
    with pytest.raises(ValueError, match="value_format"):
        model.get_state_tree("list")
