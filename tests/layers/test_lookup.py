"""Hashing, HashedCrossing, StringLookup, IntegerLookup.

Keras' layers of these names need TensorFlow, which the tests do without: the constants are what
Keras 3.15.1 (on torch, with TensorFlow beside it) returns for the same arguments.
"""

import copy
import pickle

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

# Of each class of lengths that FarmHash treats in its own way.
TEXTS = ["", "a", "ab", "abc", "abcd", "hello", "hello wo", "hello world foo", "x" * 16, "y" * 17]
TEXTS += ["z" * 32, "q" * 33, "k" * 64, "k" * 65, "abcdefghij" * 12]
TEXTS += ["abcdefghij" * 13 + "é日本", "é"]
LARGE = 2**31 - 1
FARM = [1699943623, 493484721, 399016389, 1043552938, 2127136445, 441440317, 156173425, 326915806]
FARM += [1495521792, 694887305, 568573105, 2084184694, 739128267, 353859996, 2016310009]
FARM += [1147682244, 2146984076]
SIP = [1380786607, 1322453157, 48478701, 1436537283, 298740832, 2028777138, 430780966, 374272368]
SIP += [1296398732, 12453218, 902887029, 637341684, 701199744, 266754439, 1077333934, 781124026]
SIP += [1158116967]


def values(x):
    return x.tolist()


# --- hashing ---------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("salt, expected", [(None, FARM), ([133, 137], SIP), ((133, 137), SIP)])
def test_hashes(salt, expected):
    layer = layers.Hashing(LARGE, salt=salt)
    for form in (list, tuple, np.array, lambda v: np.array(v, object)):
        assert values(layer(form(TEXTS))) == expected
    assert values(layer([t.encode() for t in TEXTS])) == expected
    assert values(layer(np.array(TEXTS)[:, None])) == [[v] for v in expected]
    assert values(layer(np.array(TEXTS[1:3] + [b"abc"], object))) == expected[1:4]
    for i in (0, 5, 14):  # each alone: none leans on its neighbours
        assert values(layer(TEXTS[i])) == expected[i]


def test_hashes_of_the_test_vectors_of_siphash():
    # Aumasson and Bernstein, appendix A: the key 00 .. 0f, the message 00 .. 0e.
    from torchkeras.layers._preprocessing import _strings

    key = [int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8)]
    assert _strings.siphash64([bytes(range(15))], key) == [0xA129CA6149BE45E5]


def test_hashes_of_integers():
    layer = layers.Hashing(LARGE)
    integers = [0, 1, -5, 1234567890123]
    expected = [1633463888, 342560855, 572817989, 475678710]
    for form in (list, np.array, torch.tensor):
        assert values(layer(form(integers))) == expected
    assert values(layer([str(i) for i in integers])) == expected
    assert values(layers.Hashing(100)(torch.tensor([[0], [1]]))) == [[35], [49]]


def test_hashes_of_many_lengths():
    rng = np.random.default_rng(0)
    texts = ["".join(map(chr, rng.integers(97, 123, n))) for n in rng.integers(0, 400, 300)]
    together = layers.Hashing(LARGE)(texts)
    salted = layers.Hashing(LARGE, salt=3)(texts)
    for i in range(0, 300, 29):
        assert layers.Hashing(LARGE)(texts[i]) == together[i]
        assert layers.Hashing(LARGE, salt=3)(texts[i]) == salted[i]
    counts = np.bincount(layers.Hashing(10)([f"word {i}" for i in range(10000)]))
    assert counts.min() > 900 and counts.max() < 1100


def test_hashing_masks():
    texts = [["A"], ["B"], [""], ["C"], ["D"]]
    assert values(layers.Hashing(3, mask_value="")(texts)) == [[1], [1], [0], [2], [2]]
    assert values(layers.Hashing(3, mask_value=-1)([[1], [2], [-1]])) == [[2], [2], [0]]
    assert values(layers.Hashing(1, mask_value="a")(["a", "b"])) == [0, 0]


def test_hashing_modes():
    def run(mode, inputs):
        return values(layers.Hashing(3, output_mode=mode)(inputs))

    assert run("one_hot", [["A"], ["B"]]) == [[0, 1, 0], [1, 0, 0]]
    assert run("multi_hot", [["A", "B"], ["B", "C"]]) == [[1, 1, 0], [1, 1, 0]]
    assert run("multi_hot", ["A", "B"]) == [1, 1, 0]
    assert run("count", [["A", "A"], ["B", "C"]]) == [[0, 2, 0], [1, 1, 0]]
    assert layers.Hashing(3, dtype="int32")(["a"]).dtype == torch.int32
    assert layers.Hashing(3, output_mode="count", dtype="float64")(["a"]).dtype == torch.float64
    assert layers.Hashing(3, salt=7).get_config()["salt"] == [7, 7]


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.Hashing(0), ValueError, "`num_bins` for `Hashing`"),
        (lambda: layers.Hashing(None), ValueError, "`num_bins` for `Hashing`"),
        (lambda: layers.Hashing(3, salt="x"), ValueError, "The `salt` argument"),
        (lambda: layers.Hashing(3, salt=[1]), ValueError, "The `salt` argument"),
        (lambda: layers.Hashing(3, output_mode="x"), ValueError, "`output_mode`"),
        (lambda: layers.Hashing(3, sparse=True), ValueError, "`sparse` may only be true"),
        (lambda: layers.Hashing(3, None, None, "count", True), ValueError, "`sparse=True`"),
        (lambda: layers.Hashing(3, dtype="float32"), ValueError, "integer type"),
        (lambda: layers.Hashing(3, mask_value="x")([1]), TypeError, "are integers"),
        (lambda: layers.Hashing(3, mask_value=1)(["x"]), TypeError, "are strings"),
        (lambda: layers.Hashing(3)(None), ValueError, "needs inputs"),
        (lambda: layers.Hashing(3)([["a", 1]]), TypeError, "of type int"),
        (lambda: layers.Hashing(3)([["a"], ["a", "b"]]), ValueError, "of equal lengths"),
    ],
)
def test_hashing_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_crossing():
    text, number, more = ["A", "B", "A"], [101, 101, 102], ["u", "v" * 61, "w"]
    cross = layers.HashedCrossing(LARGE)
    assert values(cross((text, number))) == [2064064516, 100879068, 1601254847]
    assert values(cross((np.array(text), torch.tensor(number)))) == values(cross((text, number)))
    assert values(cross((text, number, more))) == [515189920, 197399761, 905472286]
    assert values(cross(([1, 2], [101, 102]))) == [424119769, 1237843869]
    assert values(layers.HashedCrossing(5)(("A", 101))) == 1
    one_hot = layers.HashedCrossing(5, output_mode="one_hot")
    assert values(one_hot((["A", "B"], [101, 102]))) == [[0, 1, 0, 0, 0]] * 2
    assert values(one_hot(([["A"]], [[101]]))) == [[0, 1, 0, 0, 0]]
    assert layers.HashedCrossing(5, dtype="int32")((["a"], ["b"])).dtype == torch.int32


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.HashedCrossing(0), "`num_bins` must be positive"),
        (lambda: layers.HashedCrossing(3, "count"), "Unknown value for `output_mode`"),
        (lambda: layers.HashedCrossing(3, sparse=True), "`sparse=True`"),
        (lambda: layers.HashedCrossing(3)(np.array([1])), "on a list or tuple"),
        (lambda: layers.HashedCrossing(3)([np.array([1])]), "on at least two inputs"),
        (lambda: layers.HashedCrossing(3)(([1], [1, 2])), "should have equal shape"),
        (lambda: layers.HashedCrossing(3)(([[1, 2]], [[1, 2]])), "should have shape"),
        (lambda: layers.HashedCrossing(3)(([1.0], [1.0])), "an integer or string dtype"),
    ],
)
def test_crossing_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- lookup ----------------------------------------------------------------------------

LETTERS = [["a", "c", "d"], ["d", "z", "b"]]
VOCABULARY = ["[UNK]", "d", "z", "c", "b", "a"]


def adapted(data=LETTERS, cls=layers.StringLookup, **kwargs):
    layer = cls(**kwargs)
    layer.adapt(data)
    return layer


@pytest.mark.parametrize(
    "data",
    [
        lambda: LETTERS,
        lambda: np.array(LETTERS),
        lambda: np.array(LETTERS, object),
        lambda: np.array(LETTERS).astype("S1"),
        lambda: (row for row in LETTERS),
        lambda: [np.array(LETTERS[0]), np.array(LETTERS[1])],
        lambda: (([row], 0) for row in LETTERS),
        lambda: torch.utils.data.DataLoader(sum(LETTERS, []), batch_size=4),
        lambda: torch.utils.data.DataLoader([(x, 0) for x in sum(LETTERS, [])], batch_size=4),
    ],
)
def test_string_lookup_adapts(data):
    layer = adapted(data())
    assert layer.get_vocabulary() == VOCABULARY
    assert {type(t) for t in layer.get_vocabulary()} == {str}
    assert layer.vocabulary_size() == 6
    assert values(layer(LETTERS)) == [[5, 3, 1], [1, 2, 4]]
    for form in (np.array, lambda v: np.array(v, object), lambda v: np.array(v).astype("S1")):
        assert values(layer(form(LETTERS))) == [[5, 3, 1], [1, 2, 4]]
    assert layer("d") == 1


def test_string_lookup_special_tokens():
    layer = adapted(mask_token="")
    assert layer.get_vocabulary() == ["", *VOCABULARY]
    assert layer.get_vocabulary(include_special_tokens=False) == VOCABULARY[1:]
    assert values(layer(["", "a", "q", "[UNK]"])) == [0, 6, 1, 1]
    layer = adapted([["", "a", "[UNK]"]], mask_token="")
    assert layer.get_vocabulary() == ["", "[UNK]", "a"]
    assert adapted(max_tokens=3).get_vocabulary() == ["[UNK]", "d", "z"]
    assert adapted([["b", "a", "c", "é", "Z", "日"]]).get_vocabulary()[1:] == list("日écbaZ")
    for kwargs, expected in (
        ({}, ["[UNK]"]),
        ({"mask_token": ""}, ["", "[UNK]"]),
        ({"num_oov_indices": 2}, ["[UNK]"] * 2),
    ):
        assert layers.StringLookup(**kwargs).get_vocabulary() == expected


def test_string_lookup_of_unknown_strings():
    texts = ["m", "z", "q", "r"]
    assert values(adapted(num_oov_indices=3, mask_token="M")(texts)) == [1, 5, 3, 2]
    assert values(adapted(num_oov_indices=3, salt=[1, 2])(texts)) == [0, 4, 0, 0]
    assert values(adapted(num_oov_indices=3, salt=[1, 2])(np.array(texts, "S1"))) == [0, 4, 0, 0]
    none = adapted(num_oov_indices=0)
    assert values(none([["a"]])) == [[4]]
    with pytest.raises(ValueError, match="num_oov_indices=0"):
        none(["m"])


L5, L3, MEAN = np.log(1 + 2 / 2), np.log(1 + 2 / 3), (4 * np.log(2) + np.log(1 + 2 / 3)) / 5


@pytest.mark.parametrize(
    "mode, expected",
    [
        ("one_hot", [[[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]], [[0] * 5] * 2]),
        ("multi_hot", [[1, 0, 0, 0, 1], [0] * 5]),
        ("count", [[1, 0, 0, 0, 1], [0] * 5]),
        ("tf_idf", [[L5, 0, 0, 0, L5], [0] * 5]),
    ],
)
def test_string_lookup_modes(mode, expected):
    layer = adapted(output_mode=mode, mask_token="d")
    found = layer([["a", "q"], ["d", "d"]])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    padded = adapted(output_mode=mode, max_tokens=8, pad_to_max_tokens=True)
    assert padded([["a", "q"]]).shape == ((1, 2, 8) if mode == "one_hot" else (1, 8))
    symbol = layer(torchkeras.Input((2,), dtype="string"))
    assert symbol.shape == ((None, 2, 5) if mode == "one_hot" else (None, 5))
    assert symbol.dtype == "float32"


def test_string_lookup_weights():
    def run(inputs, **kwargs):
        return layers.StringLookup(output_mode="tf_idf", **kwargs)(inputs)

    layer = adapted(["a", "b", "b"], output_mode="tf_idf")  # three documents
    np.testing.assert_allclose(layer(["a", "b", "q"]), [0.8047, 0.6931, 0.9163], atol=1e-4)
    np.testing.assert_allclose(layer.idf_weights, [0.8047, 0.6931, 0.9163], atol=1e-4)
    given = {"vocabulary": ["a", "b"], "idf_weights": [0.1, 0.2]}
    np.testing.assert_allclose(run([["a", "z"]], **given), [[0.15, 0.1, 0]])
    np.testing.assert_allclose(
        run([["a", "z", "y"]], num_oov_indices=2, **given), [[0, 0.3, 0.1, 0]]
    )
    np.testing.assert_allclose(run([["a", "b", "b"]], num_oov_indices=0, **given), [[0.1, 0.4]])
    found = run([["a", "z", "y"]], max_tokens=6, pad_to_max_tokens=True, **given)
    np.testing.assert_allclose(found, [[0.3, 0.1, 0, 0, 0, 0]])
    given = {"vocabulary": ["[UNK]", "a", "b"], "idf_weights": [0.9, 0.1, 0.2]}
    np.testing.assert_allclose(run([["a", "z"]], **given), [[0.9, 0.1, 0]])


def test_string_lookup_inverts():
    layer = layers.StringLookup(vocabulary=["a", "b"], invert=True)
    assert layer([[1, 2], [0, 9]]) == [["a", "b"], ["[UNK]", "[UNK]"]]
    assert layer(torch.tensor([-1])) == ["[UNK]"]
    masked = layers.StringLookup(vocabulary=["a", "b"], invert=True, mask_token="")
    assert masked(np.array([1, 2, 0, 3])) == ["[UNK]", "a", "", "b"]
    two = layers.StringLookup(vocabulary=["a", "b"], invert=True, num_oov_indices=2)
    assert two([0, 1, 2, 3]) == ["[UNK]", "[UNK]", "a", "b"]
    there = adapted()
    assert layers.StringLookup(vocabulary=there.get_vocabulary(), invert=True)(there(LETTERS)) == [
        ["a", "c", "d"],
        ["d", "z", "b"],
    ]
    with pytest.raises(TypeError, match="Expected integers"):
        layer(["a"])


def test_string_lookup_vocabularies(tmp_path):
    def read(vocabulary, **kwargs):
        return layers.StringLookup(vocabulary=vocabulary, **kwargs).get_vocabulary()

    assert read(["[UNK]", "a"]) == ["[UNK]", "a"]
    assert read(["", "[UNK]", "a"], mask_token="") == ["", "[UNK]", "a"]
    assert read(["[UNK]", "[UNK]", "a"], num_oov_indices=2) == ["[UNK]", "[UNK]", "a"]
    assert read(["a", "[UNK]"]) == ["[UNK]", "a", "[UNK]"]
    assert read(np.array([b"a", "b"])) == read(("a", "b")) == ["[UNK]", "a", "b"]
    path = tmp_path / "words.txt"
    path.write_text("earth\nwänd \nfire\n", encoding="utf-8")
    assert read(path) == read(str(path)) == ["[UNK]", "earth", "wänd ", "fire"]
    # The file may not come along: what is saved is the vocabulary.
    layer = layers.StringLookup(vocabulary=path)
    assert layer.get_config()["vocabulary"] is None
    layer.save_assets(tmp_path)
    again = layers.StringLookup.from_config(layer.get_config())
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()


@pytest.mark.parametrize(
    "cls, data", [("StringLookup", LETTERS), ("IntegerLookup", [[3, 7], [3, 9]])]
)
@pytest.mark.parametrize("kwargs", [{}, {"output_mode": "tf_idf"}, {"num_oov_indices": 2}])
def test_lookup_files(cls, data, kwargs, tmp_path):
    layer = adapted(data, getattr(layers, cls), **kwargs)
    layer.save_assets(tmp_path)
    again = getattr(layers, cls).from_config(layer.get_config())
    assert again.compute_output_shape((2, 3)) == layer.compute_output_shape((2, 3))
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert torch.equal(again(data), layer(data))
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(copied(data), layer(data))


def test_lookup_files_of_keras(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("[UNK]\nb\na\n\n")
    layer = layers.StringLookup()
    layer.load_assets(tmp_path)
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]
    layer.adapt(LETTERS)  # it was not given
    with pytest.raises(ValueError, match="Keras does not write them"):
        layers.StringLookup(output_mode="tf_idf").load_assets(tmp_path)
    given = layers.StringLookup(vocabulary=["q"])
    given.load_assets(tmp_path)
    assert given.get_vocabulary() == ["[UNK]", "q"]


@pytest.mark.parametrize("cls, data", [("StringLookup", ["k"]), ("IntegerLookup", [5])])
def test_lookup_learns_by_batches(cls, data):
    layer = getattr(layers, cls)()
    for batch in (data, data * 2, data):
        layer.update_state(batch)
    layer.finalize_state()
    assert layer.get_vocabulary(False) == data
    layer.reset_state()
    layer.finalize_state()  # of nothing: what was learned stays
    assert layer.get_vocabulary(False) == data
    layer.adapt((data for _ in range(10**9)), steps=3)
    with pytest.raises(ValueError, match="`steps` must be"):
        layer.adapt([data], steps=-1)
    given = getattr(layers, cls)(vocabulary=data)
    with pytest.raises(ValueError, match="after setting a static vocabulary"):
        given.adapt(data)


def test_lookup_counts_over_batches():
    rng = np.random.default_rng(0)
    tokens = rng.zipf(1.5, (300, 4)) % 50
    batches = [tokens[i : i + 70] for i in range(0, 300, 70)]
    for mode in ("int", "tf_idf"):
        integers = adapted(tokens, layers.IntegerLookup, output_mode=mode)
        by_batch = adapted(batches, layers.IntegerLookup, output_mode=mode)
        texts = adapted([b.astype(str) for b in batches], output_mode=mode)
        assert by_batch.get_vocabulary() == integers.get_vocabulary()
        unique, counts = np.unique(tokens, return_counts=True)
        order = sorted(zip(counts.tolist(), unique.tolist()), reverse=True)
        assert integers.get_vocabulary(False) == [token for _, token in order]
        if mode == "tf_idf":
            within = [(tokens == t).any(axis=1).sum() for t in integers.get_vocabulary(False)]
            expected = np.log(1 + 300 / (1 + np.array(within)))
            np.testing.assert_allclose(integers.idf_weights[1:], expected, rtol=1e-5)
            assert torch.equal(by_batch.idf_weights, integers.idf_weights)
            weights = dict(zip(texts.get_vocabulary(False), texts.idf_weights[1:].tolist()))
            assert [weights[str(t)] for t in integers.get_vocabulary(False)] == pytest.approx(
                integers.idf_weights[1:].tolist()
            )


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"max_tokens": 1}, "`max_tokens`"),
        ({"num_oov_indices": -1}, "`num_oov_indices`"),
        ({"num_oov_indices": 1.5}, "`num_oov_indices`"),
        ({"output_mode": "x"}, "Unknown value for `output_mode`"),
        ({"output_mode": "count", "invert": True}, "must be `'int'` when `invert`"),
        ({"sparse": True}, "`sparse=True`"),
        ({"pad_to_max_tokens": True}, "must set `max_tokens`"),
        ({"idf_weights": [1.0]}, "`idf_weights` should only be set"),
        ({"vocabulary": ["a"], "output_mode": "tf_idf"}, "`idf_weights` argument must also"),
        (
            {"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [1.0, 2.0]},
            "must be the same length",
        ),
        (
            {"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [[1.0]]},
            "must be a 1-index array",
        ),
        ({"vocabulary": []}, "Cannot set an empty vocabulary"),
        ({"vocabulary": ["a", "a"]}, "at least one repeated term"),
        ({"vocabulary": ["a", ""], "mask_token": ""}, "reserved mask token"),
        ({"vocabulary": ["a", "b"], "max_tokens": 2}, "larger than the maximum"),
        ({"vocabulary": "/no/such/file"}, "does not exist"),
        ({"vocabulary": [["a"]]}, "must be a list of terms"),
        ({"salt": "a"}, "The `salt` argument"),
        ({"oov_method": "x"}, "Unknown value for `oov_method`"),
        ({"foo": 1}, "Unrecognized keyword"),
    ],
)
def test_string_lookup_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.StringLookup(**kwargs)


def test_string_lookup_refuses():
    for kwargs in ({"mask_token": 3}, {"oov_token": 3}, {"vocabulary": ["a", 3]}):
        with pytest.raises(TypeError, match="string"):
            layers.StringLookup(**kwargs)
    layer = layers.StringLookup(vocabulary=["1"])
    for inputs in ([1, 2], torch.tensor([1]), [1.5], ["a", None]):
        with pytest.raises(TypeError, match="Expected strings"):
            layer(inputs)
    with pytest.raises(RuntimeError, match="you must set the layer's vocabulary"):
        layers.StringLookup()(["a"])
    with pytest.raises(ValueError, match="`idf_weights` must be set"):
        layers.StringLookup(output_mode="tf_idf").set_vocabulary(["a"])
    with pytest.raises(ValueError, match="`idf_weights` should only"):
        layers.StringLookup().set_vocabulary(["a"], [1.0])


def test_encoding():
    layer = layers.StringLookup(vocabulary=["é"], encoding="latin-1")
    assert values(layer(["é"])) == values(layer([b"\xe9"])) == [1]
    assert adapted(np.array([b"\xe9"]), encoding="latin-1").get_vocabulary(False) == ["é"]


# --- integers --------------------------------------------------------------------------

NUMBERS = [12, 36, 1138, 42]
TABLE = [[12, 1138, 42], [42, 1000, 36]]


@pytest.mark.parametrize("form", [list, np.array, torch.tensor, lambda v: torch.tensor(v).int()])
def test_integer_lookup(form):
    layer = adapted(form(TABLE), layers.IntegerLookup)
    assert layer.get_vocabulary() == [-1, 42, 1138, 1000, 36, 12]
    assert values(layer(form(TABLE))) == [[5, 2, 1], [1, 3, 4]]
    masked = adapted(form(TABLE), layers.IntegerLookup, mask_token=0)
    assert values(masked(form([0, 12, 7]))) == [0, 6, 1]


def test_integer_lookup_of_unknown_integers(tmp_path):
    def run(inputs, **kwargs):
        return values(layers.IntegerLookup(vocabulary=NUMBERS, **kwargs)(inputs))

    assert run([12, 37, 1000, -3], num_oov_indices=2, mask_token=0) == [3, 2, 1, 2]
    farm = {"num_oov_indices": 4, "oov_method": "farmhash"}
    unknown = [100, 300, 700, 1100, 1700, 2000, -3]
    assert run(unknown, **farm) == [3, 3, 2, 2, 0, 1, 3]
    assert run(unknown, salt=7, **farm) == [2, 0, 3, 2, 0, 0, 1]
    assert run([1, 0, 4, 9], invert=True) == [12, -1, 42, -1]
    assert run([1, 0, 4, 5], invert=True, mask_token=0) == [-1, 0, 1138, 42]
    assert run([12, 42], num_oov_indices=0) == [0, 3]
    with pytest.raises(ValueError, match="num_oov_indices=0"):
        run([12, 5], num_oov_indices=0)
    path = tmp_path / "numbers.txt"
    path.write_text("1\n5\n7\n")
    assert layers.IntegerLookup(vocabulary=path).get_vocabulary() == [-1, 1, 5, 7]
    assert layers.IntegerLookup(vocabulary=[-1, *NUMBERS]).get_vocabulary() == [-1, *NUMBERS]


def test_integer_lookup_of_large_integers():
    large = [2**53 + 1, -(2**60), 2**62]
    layer = layers.IntegerLookup(vocabulary=large)
    assert values(layer(torch.tensor([*large, 2**53]))) == [1, 2, 3, 0]
    model = torchkeras.Sequential([layer])  # without an Input
    assert model.predict(np.array([large]), verbose=0).tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"max_tokens": 1}, "`max_tokens`"),
        ({"num_oov_indices": -1}, "`num_oov_indices`"),
        ({"vocabulary_dtype": "int32"}, "Only `vocabulary_dtype='int64'`"),
        ({"oov_method": "x"}, "`oov_method`"),
        ({"salt": 3}, "`salt` can only be used"),
    ],
)
def test_integer_lookup_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.IntegerLookup(**kwargs)


def test_integer_lookup_refuses():
    for kwargs in ({"mask_token": "a"}, {"oov_token": 1.5}):
        with pytest.raises(TypeError, match="must be an integer"):
            layers.IntegerLookup(**kwargs)
    layer = layers.IntegerLookup(vocabulary=NUMBERS)
    for inputs in ([12.0], torch.tensor([12.0]), np.array(["12"])):
        with pytest.raises(TypeError, match="looks up integers"):
            layer(inputs)
    with pytest.raises(TypeError, match="Expected integers"):
        layers.IntegerLookup().adapt([1.5])
    with pytest.raises(RuntimeError, match="you must set the layer's vocabulary"):
        layers.IntegerLookup()([1])
