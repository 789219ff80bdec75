"""FeatureSpace. The numbers are those of Keras with TensorFlow."""

import json

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers
from torchkeras.utils import FeatureSpace

DATA = {
    "f": np.array([0.0, 1.0, 2.0, 3.0]),
    "s": np.array(["a", "b", "a", "c"]),
    "i": np.array([1, 2, 3, 1]),
}
KINDS = {"f": "float_normalized", "s": "string_categorical", "i": "integer_categorical"}
# f; i, s (in the order of the names); s_X_i
EXPECTED = [
    [-1.3416407, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0],
    [-0.4472136, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0],
    [0.4472136, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0],
    [1.3416407, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0],
]


class Same(layers.Layer):
    def call(self, inputs):
        return inputs


def space(**kwargs):
    return FeatureSpace(KINDS, crosses=[("s", "i")], crossing_dim=5, **kwargs)


@pytest.fixture
def adapted():
    made = space()
    made.adapt(DATA)
    return made


def rows():
    return [{k: v[n] for k, v in DATA.items()} for n in range(4)]


@pytest.mark.parametrize(
    "data",
    [
        lambda: DATA,
        lambda: {k: v.tolist() for k, v in DATA.items()},
        lambda: {k: v[:, None] for k, v in DATA.items()},
        lambda: (row for row in rows()),
        lambda: ({k: v[at] for k, v in DATA.items()} for at in (slice(0, 2), slice(2, 4))),
        lambda: torch.utils.data.DataLoader(
            [{k: v.item() for k, v in row.items()} for row in rows()], batch_size=3
        ),
    ],
)
def test_adapts_to(data):
    made = space()
    made.adapt(data())
    np.testing.assert_allclose(made(DATA), EXPECTED, atol=1e-6)


def test_shapes_of_inputs(adapted):
    for form in (lambda v: v[:, None], lambda v: v.tolist()):
        np.testing.assert_allclose(
            adapted({k: form(v) for k, v in DATA.items()}), EXPECTED, atol=1e-6
        )
    one = adapted({"f": 0.0, "s": "a", "i": 1})
    np.testing.assert_allclose(one, EXPECTED[0], atol=1e-6)
    assert adapted({k: v[:1] for k, v in DATA.items()}).shape == (1, 14)
    tensors = {**DATA, "f": torch.tensor(DATA["f"]), "i": torch.tensor(DATA["i"]), "more": 3}
    np.testing.assert_allclose(adapted(tensors), EXPECTED, atol=1e-6)


def test_dict():
    made = space(output_mode="dict")
    made.adapt(DATA)
    outputs = made(DATA)
    assert list(outputs) == ["f", "i", "s", "s_X_i"]
    np.testing.assert_allclose(torch.cat(list(outputs.values()), -1), EXPECTED, atol=1e-6)
    assert {k: tuple(v.shape) for k, v in made({k: v[0] for k, v in DATA.items()}).items()} == {
        "f": (1,),
        "i": (4,),
        "s": (4,),
        "s_X_i": (5,),
    }


def test_integers():
    made = FeatureSpace(
        {
            "s": FeatureSpace.string_categorical(output_mode="int"),
            "f": "float",
            "d": FeatureSpace.float_discretized(3, output_mode="int"),
            "h": FeatureSpace.string_hashed(3, output_mode="int"),
        },
        output_mode="dict",
        crosses=[FeatureSpace.cross(("s", "h"), 7, output_mode="int")],
    )
    text, numbers = np.array(["a", "b"]), np.array([1.0, 2.0])
    data = {"s": text, "f": numbers, "d": numbers, "h": text}
    made.adapt(data)
    found = {k: v.ravel().tolist() for k, v in made(data).items()}
    assert found == {"d": [1, 1], "f": [1.0, 2.0], "h": [0, 1], "s": [2, 1], "s_X_h": [6, 0]}


def test_crosses_take_the_places_of_values():
    made = FeatureSpace(
        {"a": "float_discretized", "b": "string_categorical", "c": "integer_categorical"},
        crosses=[
            FeatureSpace.cross(("a", "b"), 1000, "int"),
            FeatureSpace.cross(("b", "c"), 1000, "int"),
        ],
        output_mode="dict",
    )
    data = {"a": [0.1, 1.0, 2.0, 3.0], "b": ["x", "y", "x", "z"], "c": [7, 8, 9, 10]}
    made.adapt(data)
    outputs = made(data)
    assert outputs["a_X_b"].ravel().tolist() == [641, 584, 468, 211]
    assert outputs["b_X_c"].ravel().tolist() == [725, 185, 357, 716]


def test_kinds():
    kinds = (
        "float float_rescaled float_normalized float_discretized integer_categorical "
        "string_categorical integer_hashed string_hashed"
    ).split()
    made = FeatureSpace({k: k for k in kinds}, hashing_dim=4, num_discretization_bins=3)
    data = {k: ["x", "y"] if "string" in k else [1, 2] for k in kinds}
    made.adapt(data)
    assert made(data).shape == (2, 3 + 3 + 3 + 3 + 4 + 4)
    assert [f.preprocessor.name for f in made.features.values()] == [
        f"{k}_preprocessor" for k in kinds
    ]
    assert FeatureSpace.float_discretized(None, [0.0, 1.0]).preprocessor.bin_boundaries == [0, 1]
    given = FeatureSpace({"a": FeatureSpace.float_discretized(None, [0.0, 1.0])})
    assert given({"a": [-1.0, 0.5, 2.0]}).tolist() == np.eye(3).tolist()  # nothing to adapt


def test_a_layer_of_ones_own():
    made = FeatureSpace(
        {
            "t": FeatureSpace.feature(
                "string", layers.TextVectorization(output_mode="tf_idf"), "float"
            ),
            "v": FeatureSpace.feature("string", layers.StringLookup(vocabulary=["x"]), "one_hot"),
        }
    )
    data = {"t": ["1st string", "2nd string"], "v": ["x", "y"]}
    made.adapt(data)
    a, b = np.log(1 + 2 / 3), np.log(2)
    np.testing.assert_allclose(
        made(data), [[0, a, 0, b, 0, 1], [0, a, b, 0, 1, 0]], rtol=1e-5, atol=1e-6
    )


def test_in_a_model(adapted):
    outputs = layers.Dense(1)(adapted.get_encoded_features())
    model = torchkeras.Model(adapted.get_inputs(), outputs)
    expected = model.layers[-1](adapted(DATA)).detach()
    np.testing.assert_allclose(model.predict(DATA, verbose=0), expected, rtol=1e-5)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(DATA, np.ones((4, 1)), batch_size=2, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))


def test_config(adapted):
    config = adapted.get_config()
    assert json.loads(json.dumps(config))["crosses"][0]["config"]["feature_names"] == ["s", "i"]
    again = FeatureSpace.from_config(json.loads(json.dumps(config)))
    again.adapt(DATA)
    np.testing.assert_allclose(again(DATA), EXPECTED, atol=1e-6)
    feature = config["features"]["f"]
    assert feature["class_name"] == feature["registered_name"] == "Feature"
    identity = FeatureSpace({"a": "float"}).get_config()["features"]["a"]["config"]
    assert identity["preprocessor"]["class_name"] == "TFDIdentity"
    assert FeatureSpace.from_config(FeatureSpace({"a": "float"}).get_config())({"a": [1.0]}) == 1.0
    again = FeatureSpace.from_config(config)
    again.build_from_config(adapted.get_build_config())
    assert again.preprocessors["f"].built


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: FeatureSpace({}), ValueError, "cannot be None or empty"),
        (lambda: FeatureSpace({"a": "foo"}), ValueError, "Invalid feature type: foo"),
        (lambda: FeatureSpace({"a": 3}), ValueError, "Invalid feature type: 3"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="x"), ValueError, "`output_mode`"),
        (
            lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
            ValueError,
            "Received unknown features",
        ),
        (lambda: FeatureSpace({"a": "float"}, crosses=["a"]), ValueError, "A cross must be"),
        (
            lambda: FeatureSpace({"a": "float"}, crosses=[("a", "a")], crossing_dim=None),
            ValueError,
            "`crossing_dim`",
        ),
        (lambda: FeatureSpace.cross(("a", "b"), 3, "float"), ValueError, "`output_mode`"),
        (lambda: FeatureSpace.string_hashed(3, "multi_hot"), ValueError, "`output_mode`"),
        (lambda: space()(DATA), ValueError, "You need to call `.adapt"),
        (lambda: space().get_inputs(), ValueError, "You need to call `.adapt"),
        (lambda: space().adapt([DATA]), ValueError, "can only be called on"),
        (lambda: space().adapt({"f": [1.0]}), KeyError, "s"),
        (lambda: FeatureSpace({"a": "float"})([1.0]), ValueError, "with a dict"),
        (lambda: FeatureSpace({"a": "float"})({"b": [1.0]}), KeyError, "no columns"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.string_hashed(3, "int")})({"a": ["x"]}),
            ValueError,
            "Cannot concatenate features because feature 'a'",
        ),
        (
            lambda: FeatureSpace(
                {"a": FeatureSpace.feature("float32", layers.Rescaling(1.0), "one_hot")}
            )({"a": [1.0]}),
            ValueError,
            "should return an integer dtype",
        ),
        (
            lambda: FeatureSpace({"a": FeatureSpace.feature("int32", Same(), "one_hot")})(
                {"a": [1]}
            ),
            ValueError,
            "it isn't a standard feature",
        ),
        (
            lambda: FeatureSpace({"a": "float", "b": "float"}, crosses=[("a", "b")])(
                {"a": [1.0], "b": [1.0]}
            ),
            ValueError,
            "should have an integer or string dtype",
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()
