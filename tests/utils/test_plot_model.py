"""Models as graphs, line by line as real Keras makes them."""

import os
import re

import keras
import pytest

import torchkeras
from torchkeras import utils

SPACES = [torchkeras, keras]


def plain(space):
    layers = space.layers
    inputs = space.Input((12,), name="i")
    first = layers.Dense(4, "relu", name="a")
    first.trainable = False
    left = layers.Activation(layers.LeakyReLU(name="leaky"), name="act")(first(inputs))
    right = layers.BatchNormalization(name="bn")(layers.Dense(4, name="b")(inputs))
    joined = layers.Add(name="c")([left, right]) * 2
    return space.Model(inputs, [layers.Dense(3, name="d")(joined), joined], name="plain")


def chain(space):
    layers = space.layers
    return space.Sequential(
        [space.Input((4,)), layers.Dense(3, "tanh", name="d1"), layers.Dense(2, name="d2")],
        name="chain",
    )


def nested(space):
    inputs = space.Input((12,), name="j")
    one, two = plain(space)(inputs)
    out = space.layers.Concatenate(name="join")([one, chain(space)(two), two])
    return space.Model(inputs, out, name="nested")


def own(space):
    class Own(space.Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = space.layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.build((None, 3))
    return model


def text(space, make, **kwargs):
    """The graph with its nodes numbered."""
    space.utils.clear_session()
    numbers = {}
    return re.sub(
        r"\b\d{12,}\b",
        lambda match: numbers.setdefault(match.group(), f"node{len(numbers)}"),
        space.utils.model_to_dot(make(space), **kwargs).to_string(),
    )


@pytest.mark.parametrize("make", [plain, chain, nested])
@pytest.mark.parametrize(
    "kwargs",
    [
        {},
        {"show_shapes": True, "show_dtype": True, "show_trainable": True},
        {"show_layer_activations": True, "show_layer_names": False},
        {"expand_nested": True, "show_shapes": True},
        {"rankdir": "LR", "dpi": 96, "splines": "curved"},
        {"subgraph": True},
    ],
    ids=str,
)
def test_graphs_equal_keras(make, kwargs):
    pytest.importorskip("pydot")
    ours, theirs = (text(space, make, **kwargs) for space in SPACES)
    assert ours == theirs


def test_a_model_of_its_own_is_one_node():
    pytest.importorskip("pydot")
    ours, theirs = (text(space, own, show_shapes=True) for space in SPACES)
    assert ours == theirs and "own" in ours


def test_names_are_text_in_html():
    pytest.importorskip("pydot")
    layer = torchkeras.layers.Dense(1, name="a<b>&c")
    model = torchkeras.Sequential([torchkeras.Input((2,)), layer])
    assert "<b>a&lt;b&gt;&amp;c</b> (Dense)" in utils.model_to_dot(model).to_string()


def test_files(tmp_path, monkeypatch):
    pytest.importorskip("pydot")
    model = plain(torchkeras)
    utils.plot_model(model, tmp_path / "model.dot", show_shapes=True)
    expected = utils.model_to_dot(model, show_layer_names=False, show_shapes=True).to_string()
    assert (tmp_path / "model.dot").read_text() == expected
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ImportError, match="You must install graphviz"):
        utils.plot_model(model, tmp_path / "model.png")


@pytest.mark.skipif(os.name != "posix", reason="the program that stands for Graphviz is a script")
@pytest.mark.parametrize("name, form", [("m.png", "png"), ("m.SVG", "svg"), ("m", "png")])
def test_pictures(name, form, tmp_path, monkeypatch):
    """With a program in Graphviz' place, which gives back its arguments and the graph."""
    pytest.importorskip("pydot")
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\necho "$1"\nfor last; do :; done\ncat "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    utils.plot_model(plain(torchkeras), tmp_path / name)
    seen = (tmp_path / name).read_text()
    assert seen.startswith(f"-T{form}\ndigraph G") and "Dense" in seen


@pytest.mark.parametrize(
    "kwargs, match",
    [
        ({"layer_range": ("a", "b")}, "`layer_range` is no longer supported"),
        ({"foo": 1}, "Unrecognized keyword arguments: {'foo': 1}"),
    ],
)
def test_wrong_arguments(kwargs, match):
    pytest.importorskip("pydot")
    for function in (utils.model_to_dot, utils.plot_model):
        with pytest.raises(ValueError, match=match):
            function(plain(torchkeras), **kwargs)
        with pytest.raises(ValueError, match="has not yet been built"):
            function(torchkeras.Sequential([torchkeras.layers.Dense(1)]))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="You must install pydot.*pip install"):
        utils.model_to_dot(plain(torchkeras))
