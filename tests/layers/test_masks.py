"""Masks on their way through models: made, passed on, used, merged, and lost with a warning."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
TOKENS = np.array([[1, 2, 3, 0, 0], [4, 1, 0, 0, 0], [2, 2, 2, 2, 2]])


def mask_of(x):
    return getattr(x, "_keras_mask", None)


def masked(*shape, mask, seed=0):
    x = torch.tensor(np.random.default_rng(seed).normal(size=shape).astype("float32"))
    if mask is not None:
        x._keras_mask = torch.tensor(mask, dtype=torch.bool)
    return x


# --- made ------------------------------------------------------------------------------


def test_embedding_makes_a_mask():
    assert torch.equal(mask_of(layers.Embedding(5, 2, mask_zero=True)(TOKENS)).int(), ints(TOKENS))
    assert mask_of(layers.Embedding(5, 2)(TOKENS)) is None


def ints(tokens):
    return torch.tensor((tokens != 0).astype("int32"))


def test_masking_makes_a_mask_and_zeros():
    x = torch.tensor([[[1.0, 2.0], [0.5, 0.5], [0.5, 1.0]]])
    y = layers.Masking(0.5)(x)
    assert mask_of(y).tolist() == [[True, False, True]]
    assert y.tolist() == [[[1.0, 2.0], [0.0, 0.0], [0.5, 1.0]]]


# --- passed on -------------------------------------------------------------------------

PASS = [
    layers.Dense(2),
    layers.Activation("relu"),
    layers.ReLU(),
    layers.LeakyReLU(),
    layers.ELU(),
    layers.PReLU(),
    layers.Dropout(0.5),
    layers.SpatialDropout1D(0.5),
    layers.GaussianNoise(0.5),
    layers.GaussianDropout(0.5),
    layers.ActivityRegularization(0.1),
    layers.BatchNormalization(),
    layers.LayerNormalization(),
    layers.Identity(),
    layers.LSTM(2, return_sequences=True),
    layers.Bidirectional(layers.GRU(2, return_sequences=True)),
    layers.TimeDistributed(layers.Dense(2)),
]
END = [
    layers.LSTM(2),
    layers.Bidirectional(layers.GRU(2)),
    layers.GlobalAveragePooling1D(),
]
LOSE = [
    layers.Flatten(),
    layers.Conv1D(2, 3),
    layers.MaxPooling1D(2),
    layers.GlobalMaxPooling1D(),
    layers.Permute((2, 1)),
    layers.Reshape((-1,)),
]


@pytest.mark.parametrize("layer", PASS, ids=lambda layer: type(layer).__name__)
def test_mask_goes_on(layer):
    x = masked(3, 5, 4, mask=TOKENS != 0)
    for _ in range(2):  # on the second call too, when the layer has settled
        assert torch.equal(mask_of(layer(x)), mask_of(x))
    assert mask_of(layer(masked(3, 5, 4, mask=None))) is None


@pytest.mark.parametrize("layer", END, ids=lambda layer: type(layer).__name__)
def test_mask_is_used_up(layer, recwarn):
    assert mask_of(layer(masked(3, 5, 4, mask=TOKENS != 0))) is None
    assert not [w for w in recwarn if "mask" in str(w.message)]


@pytest.mark.parametrize("layer", LOSE, ids=lambda layer: type(layer).__name__)
def test_a_lost_mask_is_told(layer):
    with pytest.warns(UserWarning, match=f"{layer.name}.*destroy the mask"):
        assert mask_of(layer(masked(3, 5, 4, mask=TOKENS != 0))) is None


def test_states_have_no_mask():
    y, *states = layers.LSTM(2, return_sequences=True, return_state=True)(
        masked(3, 5, 4, mask=TOKENS != 0)
    )
    assert mask_of(y) is not None
    assert [mask_of(s) for s in states] == [None, None]


def test_an_explicit_mask_comes_first():
    layer = layers.GRU(3)
    x = masked(3, 5, 4, mask=np.zeros((3, 5)))
    mask = torch.tensor(TOKENS != 0)
    plain = masked(3, 5, 4, mask=None)
    assert torch.equal(layer(x, mask=mask), layer(plain, mask=mask))


# --- merged ----------------------------------------------------------------------------

MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"]
FIRST = np.array([[1, 0, 1, 0], [1, 1, 0, 0]])
SECOND = np.array([[0, 0, 1, 1], [1, 0, 1, 0]])
MASK_PAIRS = {
    "both": (FIRST, SECOND),
    "first": (FIRST, None),
    "second": (None, SECOND),
    "none": (None, None),
}


@pytest.mark.parametrize("masks", MASK_PAIRS)
@pytest.mark.parametrize("name", MERGES)
def test_masks_of_merges(name, masks):
    kwargs = {"axes": 1} if name == "Dot" else {}
    xs = [masked(2, 4, 3, mask=m, seed=i) for i, m in enumerate(MASK_PAIRS[masks])]
    mine = getattr(layers, name)(**kwargs)(xs)
    theirs = getattr(keras.layers, name)(**kwargs)(xs)
    np.testing.assert_allclose(mine, theirs, **TOLERANCE)
    assert same_mask(mask_of(mine), mask_of(theirs))


@pytest.mark.parametrize("name", MERGES[:-1])
def test_masks_of_three_inputs(name):
    third = np.array([[1, 0, 0, 0], [0, 0, 1, 1]])
    xs = [masked(2, 4, 3, mask=m, seed=i) for i, m in enumerate((FIRST, SECOND, third))]
    if name == "Subtract":
        xs = xs[:2]
    mine, theirs = getattr(layers, name)()(xs), getattr(keras.layers, name)()(xs)
    np.testing.assert_allclose(mine, theirs, **TOLERANCE)
    assert same_mask(mask_of(mine), mask_of(theirs))


def test_masks_of_sequences_joined():
    xs = [masked(2, 4, 3, mask=FIRST), masked(2, 2, 3, mask=None)]
    mine, theirs = (n.Concatenate(axis=1)(xs) for n in (layers, keras.layers))
    assert same_mask(mask_of(mine), mask_of(theirs))
    assert mask_of(mine)[:, 4:].all()


def same_mask(a, b):
    return (a is None) == (b is None) and (a is None or torch.equal(a, b))


# --- whole models ----------------------------------------------------------------------


def text_model(n, framework):
    inputs = n.Input((None,), dtype="int32")
    x = n.Embedding(5, 4, mask_zero=True)(inputs)
    x = n.Dropout(0.0)(n.Dense(3, activation="tanh")(x))
    x = n.Bidirectional(n.LSTM(3, return_sequences=True))(x)
    return framework.Model(inputs, n.Dense(1)(n.GRU(2)(x)))


def image_model(n, framework):
    inputs = n.Input((5, 4))
    x = n.Masking()(inputs)
    x = n.TimeDistributed(n.Dense(3))(x)
    y = n.LSTM(3, return_sequences=True)(x)
    x = n.GlobalAveragePooling1D()(n.Add()([x, y]))
    return framework.Model(inputs, n.Dense(1)(x))


def data_for(make):
    if make is text_model:
        return TOKENS.astype("int32")
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    return x * (TOKENS != 0)[..., None].astype("float32")


@pytest.mark.parametrize("make", [text_model, image_model])
def test_masks_through_a_model(make):
    mine, theirs = make(layers, torchkeras), make(keras.layers, keras)
    rng = np.random.default_rng(0)
    values = [rng.normal(size=w.shape).astype("float32") for w in theirs.get_weights()]
    mine.set_weights(values)
    theirs.set_weights(values)
    x = data_for(make)
    np.testing.assert_allclose(
        mine.predict(x, verbose=0), theirs.predict(x, verbose=0), **TOLERANCE
    )
    y = rng.normal(size=(3, 1)).astype("float32")
    for model in (mine, theirs):
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, batch_size=3, shuffle=False, verbose=0)
    for a, b in zip(mine.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_padding_does_not_count_in_the_loss():
    """A sequence output: the loss is the mean over the steps that the mask leaves."""

    def make(n, framework):
        inputs = n.Input((None,), dtype="int32")
        x = n.Embedding(5, 4, mask_zero=True)(inputs)
        return framework.Model(inputs, n.Dense(2)(n.LSTM(3, return_sequences=True)(x)))

    mine, theirs = make(layers, torchkeras), make(keras.layers, keras)
    mine.set_weights(theirs.get_weights())
    y = np.random.default_rng(0).normal(size=(3, 5, 2)).astype("float32")
    losses = []
    for model in (mine, theirs):
        model.compile("sgd", "mse")
        losses.append(model.evaluate(TOKENS, y, batch_size=3, verbose=0))
    np.testing.assert_allclose(*losses, **TOLERANCE)
    mask = (TOKENS != 0)[..., None]
    errors = (mine.predict(TOKENS, verbose=0) - y) ** 2
    np.testing.assert_allclose(losses[0], (errors * mask).sum() / mask.sum() / 2, rtol=1e-5)


def test_timedistributed_gives_its_layer_the_mask():
    def make(n):
        class Weighted(n.Layer):
            def call(self, inputs, mask=None):
                return inputs if mask is None else inputs * mask.to(inputs.dtype)[..., None]

        return n.TimeDistributed(Weighted())

    x, mask = masked(3, 5, 4, mask=None), torch.tensor(TOKENS != 0)
    mine, theirs = make(layers)(x, mask=mask), make(keras.layers)(x, mask=mask)
    np.testing.assert_allclose(mine, theirs, **TOLERANCE)
    assert torch.equal(mine != 0, mask.unsqueeze(-1).expand_as(mine))


def test_timedistributed_batch_normalization_with_a_mask():
    x = masked(3, 5, 4, mask=None)
    mask = torch.tensor(TOKENS != 0)
    results = []
    for n in (layers, keras.layers):
        layer = n.TimeDistributed(n.BatchNormalization())
        results.append([layer(x, mask=mask, training=True).detach().numpy(), *layer.get_weights()])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_batch_normalization_with_a_mask_of_channels_first():
    x, mask = masked(3, 5, 4, mask=None), torch.tensor(TOKENS != 0)
    results = []
    for n in (layers, keras.layers):
        layer = n.BatchNormalization(axis=1)
        results.append([layer(x, mask=mask, training=True).detach().numpy(), *layer.get_weights()])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, **TOLERANCE)


def test_softmax_where_nothing_counts():
    x = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    mask = torch.tensor([[True, False, True], [False, False, False]])
    for axis in (-1, (0, 1)):
        mine = layers.Softmax(axis=axis)(x, mask=mask)
        np.testing.assert_allclose(mine, keras.layers.Softmax(axis=axis)(x, mask=mask), **TOLERANCE)
        assert not mine[1].any()


# --- masks of symbols ------------------------------------------------------------------


def _masked_chains(framework):
    """Symbols, and what the layers made of their masks."""
    L = framework.layers
    steps = framework.Input((4, 3))
    ids = framework.Input((4,), dtype="int32")
    masked = L.Masking()(steps)
    embedded = L.Embedding(5, 3, mask_zero=True)(ids)
    outputs = {
        "masking": masked,
        "embedding": embedded,
        "kept": L.Dropout(0.5)(L.Dense(2)(masked)),
        "destroyed": L.LSTM(3)(masked),
        "of sequences": L.LSTM(3, return_sequences=True, return_state=True)(masked)[0],
        "of states": L.LSTM(3, return_sequences=True, return_state=True)(masked)[1],
        "sum": L.Add()([masked, embedded]),
        "sum with an unmasked one": L.Add()([masked, steps]),
        "joined steps": L.Concatenate(axis=1)([masked, embedded]),
        "joined features": L.Concatenate()([masked, steps]),
        "unmasked": L.Dense(2)(steps),
    }
    return [steps, ids], {k: getattr(v, "_keras_mask", None) for k, v in outputs.items()}


def test_masks_of_symbols():
    mine, theirs = _masked_chains(torchkeras), _masked_chains(keras)
    for name, mask in theirs[1].items():
        assert (mine[1][name] is None) == (mask is None), name
        if mask is not None:
            assert (mine[1][name].shape, mine[1][name].dtype) == (mask.shape, "bool"), name
    steps = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    steps[0, 2:] = 0
    ids = np.array([[1, 0, 2, 0], [0, 3, 4, 1]], "int32")
    values = [
        framework.Model(inputs, [m for m in masks.values() if m is not None])([steps, ids])
        for framework, (inputs, masks) in ((torchkeras, mine), (keras, theirs))
    ]
    for a, b in zip(*values):
        assert torch.equal(a, b)


def test_mask_of_a_symbol_can_be_set():
    x, mask = torchkeras.Input((4, 3)), torchkeras.Input((4,), dtype="bool")
    assert x._keras_mask is None
    x._keras_mask = mask
    assert layers.Dense(2)(x)._keras_mask is mask


def test_whole_masks_of_joined_symbols():
    """Masks that are there already do not need the values of the inputs."""
    inputs = [torchkeras.Input((4, 5)), torchkeras.Input((2, 5))]
    masks = [torch.ones(2, 4, 5, dtype=torch.bool), torch.zeros(2, 2, 5, dtype=torch.bool)]
    found = layers.Concatenate(axis=1).compute_mask(inputs, masks)
    assert found.tolist() == [[True] * 4 + [False] * 2] * 2


def test_a_layer_that_needs_its_mask_works_on_symbols():
    class Counting(layers.Layer):
        def call(self, x, mask=None):
            return x * (mask.to(x.dtype) - 1.0)[..., None]

    words = torchkeras.Input((5,), dtype="int32")
    model = torchkeras.Model(words, Counting()(layers.Embedding(4, 3, mask_zero=True)(words)))
    assert model.output_shape == (None, 5, 3)
    given = torch.tensor([[1, 2, 0, 0, 3]])
    outputs = model(given)
    assert (outputs[given != 0] == 0).all() and (outputs[given == 0] != 0).all()


@pytest.mark.parametrize("framework", [torchkeras, keras], ids=["ours", "keras"])
def test_masks_of_outputs(framework):
    class One(framework.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            return x[0] * 1 if isinstance(x, list) else x * 1

    class Two(One):
        def call(self, x, mask=None):
            return [x * 1, x * 2]

    def masked(value):
        x = torch.ones(4, 4)
        x._keras_mask = torch.full((4,), value)
        return x

    def mask_of(outputs):
        outputs = outputs if isinstance(outputs, list) else [outputs]
        masks = [getattr(x, "_keras_mask", None) for x in outputs]
        return [None if m is None else float(m[0]) for m in masks]

    plain, given = torch.ones(4, 4), torch.full((4,), 7.0)
    assert mask_of(One()(masked(1.0))) == [1.0]
    # The argument counts before what the inputs carry.
    assert mask_of(One()(plain, mask=given)) == mask_of(One()(masked(1.0), mask=given)) == [7.0]
    assert mask_of(One()([masked(2.0), masked(3.0)])) == [2.0]
    assert mask_of(Two()(masked(2.0))) == [2.0, None]
    assert mask_of(Two()(plain, mask=given)) == [7.0, None]
