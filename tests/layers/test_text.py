"""TextVectorization, and strings in models.

Keras' layer needs TensorFlow: the constants are what Keras 3.15.1 (on torch, with TensorFlow
beside it) returns for the same arguments.
"""

import copy
import pickle
import string

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

TEXTS = ["Foo bar.", "BAR baz", "baz bada boom!"]
WORDS = ["baz", "bar", "foo", "boom", "bada"]


def adapted(data=TEXTS, **kwargs):
    layer = layers.TextVectorization(**kwargs)
    layer.adapt(data)
    return layer


@pytest.mark.parametrize(
    "data",
    [
        lambda: TEXTS,
        lambda: np.array(TEXTS),
        lambda: np.array(TEXTS, object)[:, None],
        lambda: np.array(TEXTS).astype("S14"),
        lambda: (t for t in ([TEXTS[0]], np.array(TEXTS[1:]))),
        lambda: torch.utils.data.DataLoader(TEXTS, batch_size=2),
        lambda: torch.utils.data.DataLoader([(t, 1) for t in TEXTS], batch_size=2),
    ],
)
def test_adapts(data):
    layer = adapted(data())
    assert layer.get_vocabulary() == ["", "[UNK]", *WORDS]
    assert layer.get_vocabulary(include_special_tokens=False) == WORDS
    assert layer.vocabulary_size() == 7
    expected = [[4, 1, 3], [1, 2, 0], [0, 0, 0]]
    for form in (list, np.array, lambda v: np.array(v, object), lambda v: np.array(v, "S11")):
        assert layer(form(["foo qux bar", "qux baz", ""])).tolist() == expected
    assert layer([["foo qux bar"], ["qux baz"], [""]]).tolist() == expected
    assert layer("foo qux bar").tolist() == expected[0]
    assert layer([[["foo bar"]]]).tolist() == [[[4, 3]]]
    assert layer(np.array([], str)).shape == (0, 0)


@pytest.mark.parametrize("length", [2, 5])
def test_sequence_length(length):
    expected = np.array([[4, 3, 0, 0, 0], [3, 2, 0, 0, 0], [2, 6, 5, 0, 0]])[:, :length]
    layer = adapted(output_sequence_length=length)
    assert layer(TEXTS).tolist() == expected.tolist()
    assert layer(torchkeras.Input((1,), dtype="string")).shape == (None, length)
    assert layer(torchkeras.Input((), dtype="string")).dtype == "int64"


@pytest.mark.parametrize(
    "ngrams, inputs, expected",
    [
        (2, ["foo bar baz"], [[5, 3, 2, 4, 8]]),
        ((2, 3), ["foo bar baz", "foo"], [[2, 5, 1], [0, 0, 0]]),
        ((3, 1), ["foo bar baz", "foo"], [[1, 4, 3, 2], [4, 0, 0, 0]]),
    ],
)
def test_ngrams(ngrams, inputs, expected):
    layer = adapted(ngrams=ngrams)
    assert layer(inputs).tolist() == expected
    again = layers.TextVectorization.from_config(
        {**layer.get_config(), "vocabulary": layer.get_vocabulary()}
    )
    assert again(inputs).tolist() == expected


A, B = np.log(1 + 3 / 2), np.log(1 + 3 / 3)
MEAN = (2 * B + 3 * A) / 5


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("multi_hot", [[1, 0, 1, 1, 0, 0], [0] * 6]),
        ("count", [[1, 0, 1, 2, 0, 0], [0] * 6]),
        ("tf_idf", [[MEAN, 0, B, 2 * A, 0, 0], [0] * 6]),
    ],
)
def test_modes(mode, expected):
    layer = adapted(output_mode=mode)
    assert layer.get_vocabulary() == ["[UNK]", *WORDS]
    inputs = ["foo foo qux bar", ""]
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-6)
    np.testing.assert_allclose(layer(np.array(inputs)[:, None]), expected, rtol=1e-6)
    np.testing.assert_allclose(layer(inputs[0]), expected[0], rtol=1e-6)
    padded = adapted(output_mode=mode, max_tokens=20, pad_to_max_tokens=True)
    np.testing.assert_allclose(padded(inputs)[:, :6], expected, rtol=1e-6)
    assert padded(inputs).shape == (2, 20)
    assert padded(inputs)[:, 6:].sum() == 0
    symbol = padded(torchkeras.Input((1,), dtype="string"))
    assert (symbol.shape, symbol.dtype) == ((None, 20), "float32")


def test_one_hot():
    layer = adapted(output_mode="one_hot")
    expected = np.eye(6)[[3, 2]]
    np.testing.assert_array_equal(layer(["foo bar"])[0], expected)
    assert layer(["foo bar", ""])[1].sum() == 0


def test_without_splitting():
    layer = adapted([["a b", "c"]], split=None)
    assert layer.get_vocabulary() == ["", "[UNK]", "c", "a b"]
    assert layer([["a b", "q"]]).tolist() == [[3, 1]]
    assert layer(["a b", "q"]).tolist() == [3, 1]
    layer = adapted([["a b", "c"]], split=None, output_sequence_length=3)
    assert layer([["a b", "q"]]).tolist() == [[3, 1, 0]]
    for data, weight in (([["a", "b"]], np.log(1.5)), (["a", "b"], np.log(2))):
        layer = adapted(data, split=None, output_mode="tf_idf")
        np.testing.assert_allclose(layer([["a", "c"]]), [[weight, 0, weight]], rtol=1e-6)
    assert layer(["a", "c"]).shape == (3,)


def test_characters():
    layer = adapted(["abé 日"], split="character")
    assert layer.get_vocabulary() == ["", "[UNK]", "日", "é", "b", "a", " "]
    assert layer(["ba é", "日x"]).tolist() == [[4, 5, 6, 3], [2, 1, 0, 0]]


@pytest.mark.parametrize(
    "standardize, expected",
    [
        ("lower", ["É", "a.b,"]),
        ("strip_punctuation", ["É", "AB"]),
        ("lower_and_strip_punctuation", ["É", "ab"]),
        (None, ["É", "A.B,"]),
    ],
)
def test_standardize(standardize, expected):
    layer = adapted(["A.B, É"], standardize=standardize)
    assert layer.get_vocabulary(False) == expected
    assert adapted([b"A.B, \xc3\x89"], standardize=standardize).get_vocabulary(False) == expected


def test_only_ascii_is_punctuation_and_blank():
    layer = adapted([string.punctuation + "’…«x»"])
    assert layer.get_vocabulary(False) == ["’…«x»"]
    # NUL, and what Unicode alone calls blank, are parts of words.
    texts = ["a\x1cb c\u3000d e\xa0f g\x0bh\ti\nj\x85k\x00l"]
    expected = ["j\x85k\x00l", "i", "h", "g", "e\xa0f", "c\u3000d", "a\x1cb"]
    assert adapted(texts).get_vocabulary(False) == expected
    layer = adapted([*texts, "i i"])
    assert layer(["i j\x85k\x00l q", "", "g"]).tolist() == [[2, 3, 1], [0, 0, 0], [5, 0, 0]]


def test_functions():
    def halves(texts):
        assert texts.dtype.kind == "U"
        return [str(text).split(".") for text in texts]

    layer = adapted([["A.B"], ["C"]], standardize=np.char.lower, split=halves)
    assert layer.get_vocabulary(False) == ["c", "b", "a"]
    assert layer(["a.c", "b"]).tolist() == [[4, 2], [3, 0]]
    assert layer(np.array(["a.c"], object)).tolist() == [[4, 2]]

    @torchkeras.saving.register_keras_serializable("text")
    def shout(texts):
        return np.char.upper(texts)

    layer = layers.TextVectorization(standardize=shout, vocabulary=["A"])
    again = layers.TextVectorization.from_config(layer.get_config())
    assert again(["a"]).tolist() == [[2]]


def test_vocabularies(tmp_path):
    for vocabulary in (["earth", "wind"], ["", "[UNK]", "earth", "wind"]):
        layer = layers.TextVectorization(vocabulary=vocabulary)
        assert layer(["earth q"]).tolist() == [[2, 1]]
        assert layer.get_config()["vocabulary"] == vocabulary
    layer = layers.TextVectorization()
    layer.set_vocabulary(["earth"])
    assert layer.get_vocabulary() == ["", "[UNK]", "earth"]
    with pytest.raises(ValueError, match="after setting a static vocabulary"):
        layer.adapt(TEXTS)
    layer = layers.TextVectorization(
        vocabulary=["earth", "wind"], output_mode="tf_idf", idf_weights=[0.5, 0.2]
    )
    np.testing.assert_allclose(layer(["earth q q"]), [[0.7, 0.5, 0]])
    path = tmp_path / "words.txt"
    path.write_text("earth\nwind\n")
    assert layers.TextVectorization(vocabulary=path)(["wind"]).tolist() == [[3]]
    assert adapted(max_tokens=4).get_vocabulary() == ["", "[UNK]", "baz", "bar"]
    assert adapted(max_tokens=4, output_mode="count").get_vocabulary() == [
        "[UNK]",
        "baz",
        "bar",
        "foo",
    ]


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_files_and_copies(mode, tmp_path):
    layer = adapted(output_mode=mode)
    layer.save_assets(tmp_path)
    again = layers.TextVectorization.from_config(layer.get_config())
    assert again.compute_output_shape((2, 1)) == layer.compute_output_shape((2, 1))
    again.load_assets(tmp_path)
    for other in (again, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(TEXTS), layer(TEXTS))


def test_learns_by_batches():
    layer = layers.TextVectorization()
    layer.adapt(TEXTS, batch_size=1)
    assert layer.get_vocabulary(False) == WORDS
    layer.update_state(["k k"])
    layer.update_state([["k"]])
    layer.finalize_state()
    assert layer.get_vocabulary(False) == ["k"]
    layer.reset_state()
    assert layer.get_vocabulary(False) == ["k"]
    layer.adapt((["a b"] for _ in range(10**9)), steps=2)
    assert layer.get_vocabulary(False) == ["b", "a"]
    layer.adapt(TEXTS, batch_size=1, steps=1)  # steps are of iterables
    assert layer.get_vocabulary(False) == WORDS


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"standardize": "x"}, "Unknown value for `standardize`"),
        ({"split": "x"}, "Unknown value for `split`"),
        ({"ngrams": "a"}, "`ngrams` must be"),
        ({"ngrams": (1, "a")}, "`ngrams` must be"),
        ({"ngrams": 0}, "`ngrams` must be above 0"),
        ({"output_mode": "x"}, "Unknown value for `output_mode`"),
        ({"output_sequence_length": 0}, "`output_sequence_length` must be"),
        ({"output_sequence_length": "a"}, "`output_sequence_length` must be"),
        ({"output_sequence_length": 2, "output_mode": "count"}, "must not be set"),
        ({"ragged": True}, "`ragged=True`"),
        ({"sparse": True}, "`sparse=True`"),
        ({"pad_to_max_tokens": True}, "must set `max_tokens`"),
        ({"max_tokens": 1}, "`max_tokens`"),
        ({"idf_weights": [1.0]}, "`idf_weights`"),
        ({"foo": 1}, "Unrecognized keyword"),
    ],
)
def test_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.TextVectorization(**kwargs)


def test_refuses():
    layer = adapted()
    with pytest.raises(ValueError, match="the input rank must be 1"):
        layer([["a", "b"]])
    for inputs in ([1, 2], torch.tensor([1])):
        with pytest.raises(TypeError, match="Expected strings"):
            layer(inputs)
    for mode in ("int", "count"):
        with pytest.raises(RuntimeError, match="you must set the layer's vocabulary"):
            layers.TextVectorization(output_mode=mode)(["a"])


# --- strings in models -----------------------------------------------------------------

SENTENCES = np.array([["foo bar"], ["baz"], ["bada q boom"], ["bar bar"]], object)


def text_models():
    text = adapted(output_sequence_length=3)
    x = torchkeras.Input((1,), dtype="string")
    tail = [layers.Embedding(7, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    y = text(x)
    for layer in tail:
        y = layer(y)
    yield torchkeras.Model(x, y)
    yield torchkeras.Sequential([torchkeras.Input((1,), dtype="string"), text, *tail])
    yield torchkeras.Sequential([text, *tail])

    class Subclass(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.text = text
            self.tail = torchkeras.Sequential(tail)

        def call(self, inputs):
            return self.tail(self.text(inputs))

    yield Subclass()


@pytest.mark.parametrize("index", range(4))
def test_models_of_text(index):
    model = list(text_models())[index]
    expected = model(SENTENCES).detach().numpy()
    assert expected.shape == (4, 1)
    for form in (np.array, lambda v: v.astype(str), lambda v: v.astype("S11"), lambda v: v[:, 0]):
        found = model.predict(form(SENTENCES), batch_size=3, verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    listed = model.predict(SENTENCES[:, 0].tolist(), verbose=0)
    np.testing.assert_allclose(listed, expected, rtol=1e-6)
    model.compile("sgd", "mse")
    targets = np.arange(4.0)[:, None]
    history = model.fit(SENTENCES, targets, epochs=3, batch_size=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    pairs = [(s[0], t) for s, t in zip(SENTENCES, targets.astype("float32"))]
    model.fit(torch.utils.data.DataLoader(pairs, batch_size=2), verbose=0)
    model.fit(SENTENCES, targets, validation_split=0.5, shuffle="batch", verbose=0)
    assert np.isfinite(model.evaluate(SENTENCES, targets, verbose=0))
    model.train_on_batch(SENTENCES, targets)


def test_two_inputs_one_of_text():
    a, b = torchkeras.Input((1,), dtype="string", name="a"), torchkeras.Input((2,), name="b")
    y = layers.Concatenate()([layers.StringLookup(vocabulary=["x"], output_mode="count")(a), b])
    model = torchkeras.Model({"a": a, "b": b}, y)
    data = {"a": np.array(["x", "q"]), "b": np.ones((2, 2))}
    assert model.predict(data, verbose=0).tolist() == [[0, 1, 1, 1], [1, 0, 1, 1]]


def test_other_layers_refuse_text():
    with pytest.raises(ValueError, match="Cannot make a tensor of an array of dtype"):
        layers.Dense(2)(np.array([["a"]]))

    class Length(layers.Layer):
        def call(self, inputs):
            return torch.tensor(np.char.str_len(inputs))

    assert Length()(np.array(["ab", "c"])).tolist() == [2, 1]
