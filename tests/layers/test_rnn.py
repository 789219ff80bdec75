"""Recurrent layers against Keras': masks, states over batches, dropout, cells of one's own."""

import keras
import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

import torchkeras
from torchkeras import layers, tree

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
BATCH, STEPS, FEATURES, UNITS = 4, 6, 3, 5

NAMES = ["SimpleRNN", "GRU", "LSTM"]
MASKS = {
    "full": [[1, 1, 1, 1, 1, 1]] * 4,
    "right padded": [
        [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1],
        [1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0],
    ],
    "left padded": [[0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1], [0, 1, 1, 1, 1, 1]],
    "holes": [[1, 0, 1, 0, 1, 0], [0, 1, 0, 0, 1, 1], [1, 1, 0, 1, 1, 1], [0, 0, 1, 1, 0, 0]],
    "rows all false": [[0] * 6, [1, 1, 0, 1, 0, 0], [0] * 6, [1, 1, 1, 1, 1, 1]],
    "all false": [[0] * 6] * 4,
}
OPTIONS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "both": {"return_sequences": True, "return_state": True},
    "state": {"return_state": True},
    "backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "zeros": {"return_sequences": True, "return_state": True, "zero_output_for_mask": True},
    "unfused": {"return_sequences": True, "return_state": True, "activation": "softsign"},
}


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def numbers(outputs):
    return [x.detach().numpy() for x in tree.flatten(outputs)]


def assert_close(first, second):
    first, second = numbers(first), numbers(second)
    assert len(first) == len(second)
    for a, b in zip(first, second):
        np.testing.assert_allclose(a, b, **TOLERANCE)


def pair(make, *example, **kwargs):
    """The layer of torchkeras and that of Keras with the same random weights."""
    mine, theirs = make(layers), make(keras.layers)
    for layer in (mine, theirs):
        layer(*example, **kwargs)
    rng = np.random.default_rng(1)
    values = [rng.normal(size=w.shape).astype("float32") / 2 for w in theirs.get_weights()]
    mine.set_weights(values)
    theirs.set_weights(values)
    return mine, theirs


def states_of(name, seed=3):
    return [data(BATCH, UNITS, seed=seed + i) for i in range(2 if name == "LSTM" else 1)]


def torched(value):
    return tree.map_structure(torch.tensor, value)


# --- masks -----------------------------------------------------------------------------


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "initial_state"])
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("name", NAMES)
def test_masks(name, kind, option, given):
    x, mask = data(BATCH, STEPS, FEATURES), np.array(MASKS[kind], bool)
    mine, theirs = pair(lambda n: getattr(n, name)(UNITS, **OPTIONS[option]), x)
    results = []
    for layer in (mine, theirs):
        inputs = torch.tensor(x, requires_grad=True)
        states = [torch.tensor(s, requires_grad=True) for s in states_of(name)] if given else []
        extra = {"initial_state": states} if given else {}
        outputs = layer(inputs, mask=torch.tensor(mask), **extra)
        flat = tree.flatten(outputs)
        loss = sum((y * torch.tensor(data(*y.shape, seed=9))).sum() for y in flat)
        weights = [getattr(w, "value", w) for w in layer.trainable_weights]
        wanted = [inputs, *weights, *states]
        if not loss.requires_grad:
            grads = [None] * len(wanted)
        else:
            grads = torch.autograd.grad(loss, wanted, allow_unused=True)
        grads = [torch.zeros_like(w) if g is None else g for g, w in zip(grads, wanted)]
        results.append((flat, grads))
    assert_close(results[0][0], results[1][0])
    assert_close(results[0][1], results[1][1])


@pytest.mark.parametrize("kind", MASKS)
@pytest.mark.parametrize("name", NAMES)
def test_masked_steps_do_not_matter(name, kind):
    mask = torch.tensor(MASKS[kind], dtype=torch.bool)
    layer = getattr(layers, name)(UNITS, return_sequences=True, return_state=True)
    x = torch.tensor(data(BATCH, STEPS, FEATURES))
    other = torch.where(mask.unsqueeze(-1), x, torch.full_like(x, 7.0))
    assert_close(layer(x, mask=mask), layer(other, mask=mask))


def test_a_mask_may_have_a_last_axis():
    mask = torch.tensor(MASKS["holes"], dtype=torch.bool)
    layer = layers.GRU(UNITS)
    x = torch.tensor(data(BATCH, STEPS, FEATURES))
    assert_close(layer(x, mask=mask.unsqueeze(-1)), layer(x, mask=mask))


@pytest.mark.parametrize("kind", MASKS)
def test_masks_over_stacked_cells(kind):
    def make(n):
        cells = [n.LSTMCell(4), n.GRUCell(3), n.SimpleRNNCell(UNITS)]
        return n.RNN(cells, return_sequences=True, return_state=True)

    x, mask = data(BATCH, STEPS, FEATURES), torch.tensor(MASKS[kind], dtype=torch.bool)
    mine, theirs = pair(make, x)
    assert_close(mine(x, mask=mask), theirs(x, mask=mask))


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("kind", ["right padded", "holes", "rows all false"])
def test_masks_over_bidirectional(kind, mode):
    def make(n):
        return n.Bidirectional(n.LSTM(UNITS, return_sequences=True), merge_mode=mode)

    x, mask = data(BATCH, STEPS, FEATURES), torch.tensor(MASKS[kind], dtype=torch.bool)
    mine, theirs = pair(make, x)
    assert_close(mine(x, mask=mask), theirs(x, mask=mask))


# --- states ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["none", "holes"])
@pytest.mark.parametrize("name", NAMES)
def test_stateful(name, kind):
    batches = [data(BATCH, STEPS, FEATURES, seed=i) for i in range(3)]
    extra = {} if kind == "none" else {"mask": torch.tensor(MASKS[kind], dtype=torch.bool)}
    mine, theirs = pair(lambda n: getattr(n, name)(UNITS, stateful=True), batches[0])
    mine.reset_state()
    theirs.reset_state()
    first = mine(batches[0], **extra)
    assert_close(first, theirs(batches[0], **extra))
    for batch in batches[1:]:
        assert_close(mine(batch, **extra), theirs(batch, **extra))
    again = mine(batches[0], **extra)
    assert not np.allclose(numbers(again)[0], numbers(first)[0])
    mine.reset_state()
    assert_close(mine(batches[0], **extra), first)


def test_states_can_be_set():
    layer = layers.GRU(UNITS, stateful=True)
    x = data(BATCH, STEPS, FEATURES)
    layer(x)
    layer.reset_state()
    layer.states = [torch.tensor(data(BATCH, UNITS, seed=4))]
    fresh = layers.GRU(UNITS)
    fresh(x)
    fresh.set_weights(layer.get_weights())
    assert_close(layer(x), fresh(x, initial_state=[data(BATCH, UNITS, seed=4)]))


def test_stateful_bidirectional():
    batches = [data(BATCH, STEPS, FEATURES, seed=i) for i in range(2)]
    mine, theirs = pair(lambda n: n.Bidirectional(n.LSTM(UNITS, stateful=True)), batches[0])
    mine.reset_state()
    theirs.reset_state()
    for batch in batches:
        assert_close(mine(batch), theirs(batch))


def test_stateful_gradients_stay_in_the_batch():
    layer = layers.LSTM(UNITS, stateful=True)
    x = torch.tensor(data(BATCH, STEPS, FEATURES))
    for _ in range(3):  # a graph that reached back would be freed by then
        layer(x).sum().backward()
    assert all(w.grad is not None for w in layer.trainable_weights)


def test_stateful_in_a_model():
    x = data(BATCH, STEPS, FEATURES)

    def make(n, models):
        inputs = n.Input(batch_shape=(BATCH, STEPS, FEATURES))
        return models.Model(inputs, n.LSTM(UNITS, stateful=True)(inputs))

    mine, theirs = make(layers, torchkeras), make(keras.layers, keras)
    mine.set_weights(theirs.get_weights())
    for _ in range(2):
        np.testing.assert_allclose(
            mine.predict(x, batch_size=BATCH, verbose=0),
            theirs.predict(x, batch_size=BATCH, verbose=0),
            **TOLERANCE,
        )
    assert len(mine.weights) == 3


@pytest.mark.parametrize("name", NAMES)
def test_initial_state(name):
    x, states = data(BATCH, STEPS, FEATURES), states_of(name)
    mine, theirs = pair(lambda n: getattr(n, name)(UNITS, return_state=True), x)
    assert_close(mine(x, initial_state=torched(states)), theirs(x, initial_state=torched(states)))
    if len(states) == 1:  # one tensor is as good as a list of it
        assert_close(mine(x, initial_state=torch.tensor(states[0])), mine(x, torched(states)))


def test_initial_state_of_bidirectional():
    x = data(BATCH, STEPS, FEATURES)
    states = torched([data(BATCH, UNITS, seed=i) for i in range(4)])
    mine, theirs = pair(lambda n: n.Bidirectional(n.LSTM(UNITS, return_state=True)), x)
    assert_close(mine(x, initial_state=states), theirs(x, initial_state=states))


def test_initial_state_of_stacked_cells():
    x = data(BATCH, STEPS, FEATURES)
    mine, theirs = pair(lambda n: n.RNN([n.LSTMCell(4), n.GRUCell(UNITS)]), x)
    states = [
        torched([data(BATCH, 4, seed=1), data(BATCH, 4, seed=2)]),
        torched([data(BATCH, UNITS, seed=3)]),
    ]
    assert_close(mine(x, initial_state=states), theirs(x, initial_state=states))


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_encoder_decoder(name):
    def make(n, framework):
        source, target = n.Input((None, FEATURES)), n.Input((None, 2))
        recurrent = getattr(n, name)
        _, *states = recurrent(UNITS, return_state=True)(n.Masking()(source))
        decoder = recurrent(UNITS, return_sequences=True, return_state=True)
        sequence, *_ = decoder(target, initial_state=states)
        outputs = n.Dense(2, activation="softmax")(sequence)
        return framework.Model([source, target], outputs)

    mine, theirs = make(layers, torchkeras), make(keras.layers, keras)
    rng = np.random.default_rng(0)
    values = [rng.normal(size=w.shape).astype("float32") for w in theirs.get_weights()]
    mine.set_weights(values)
    theirs.set_weights(values)
    source, target = data(BATCH, STEPS, FEATURES), data(BATCH, 4, 2, seed=1)
    source[0, 3:] = 0.0
    assert mine.output_shape == theirs.output_shape
    np.testing.assert_allclose(
        mine.predict([source, target], verbose=0),
        theirs.predict([source, target], verbose=0),
        **TOLERANCE,
    )
    again = torchkeras.models.clone_model(mine)
    again.set_weights(values)
    np.testing.assert_array_equal(
        again.predict([source, target], verbose=0), mine.predict([source, target], verbose=0)
    )


def test_symbolic_state_trains():
    inputs, state = layers.Input((STEPS, FEATURES)), layers.Input((UNITS,))
    model = torchkeras.Model([inputs, state], layers.GRU(UNITS)(inputs, initial_state=state))
    model.compile("sgd", "mse")
    arrays = [data(BATCH, STEPS, FEATURES), data(BATCH, UNITS)]
    before = model.get_weights()
    model.fit(arrays, data(BATCH, UNITS, seed=2), verbose=0)
    assert all(not np.array_equal(a, b) for a, b in zip(before, model.get_weights()))


# --- dropout ---------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["SimpleRNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
def test_dropout_of_cells(cell, kind):
    """Dropping half of the values and doubling the rest keeps the mean of a linear sum."""
    cell = getattr(layers, cell)(1, **{kind: 0.5, "seed": 0})
    size = 20000
    mask = cell.get_dropout_mask if kind == "dropout" else cell.get_recurrent_dropout_mask
    drawn = mask(torch.ones(size, 1))
    assert set(drawn.unique().tolist()) == {0.0, 2.0}
    assert abs(drawn.mean().item() - 1.0) < 0.05
    assert mask(torch.ones(size, 1)) is drawn  # the same for each step of a sequence
    cell.reset_dropout_mask()
    cell.reset_recurrent_dropout_mask()
    assert not torch.equal(mask(torch.ones(size, 1)), drawn)


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_dropout_in_expectation(name):
    """Where the state is all that counts, half of the units see none of it."""
    layer = getattr(layers, name)(
        1, recurrent_dropout=0.5, kernel_initializer="zeros", recurrent_initializer="ones"
    )
    size = 4000
    x, states = torch.zeros(size, 1, 1), [torch.ones(size, 1)] * (2 if name == "LSTM" else 1)
    kept = layer(x, initial_state=states, training=True)
    dropped = layer(x, initial_state=[torch.zeros(size, 1), *states[1:]])[0]
    share = (kept - dropped).abs().lt(1e-6).float().mean().item()
    assert (abs(share - 0.5) < 0.05) or name == "GRU"
    assert len(kept.unique()) == 2  # either the whole state, doubled, or nothing
    assert len(layer(x, initial_state=states).unique()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_input_dropout_is_the_same_for_all_steps(name):
    layer = getattr(layers, name)(
        1, dropout=0.5, recurrent_initializer="zeros", return_sequences=True, use_bias=False
    )
    x = torch.ones(1000, 3, 1)
    if name == "SimpleRNN":  # the output of a step depends on its own input only
        y = layer(x, training=True)
        assert torch.equal(y[:, 0], y[:, 1])
        assert abs(y[:, 0].eq(0).float().mean().item() - 0.5) < 0.06
    else:
        y = layer(x, training=True)
        assert len(y[:, 0].unique()) == 2
    assert len(layer(x)[:, 0].unique()) == 1


def test_seeded_dropout_repeats():
    first, second = (layers.LSTM(UNITS, dropout=0.5, recurrent_dropout=0.2, seed=7) for _ in "ab")
    x = data(BATCH, STEPS, FEATURES)
    first(x)
    second(x)
    second.set_weights(first.get_weights())
    one, two = first(x, training=True), first(x, training=True)
    assert_close(second(x, training=True), one)
    assert_close(second(x, training=True), two)
    assert not np.array_equal(numbers(one)[0], numbers(two)[0])


# --- cells of one's own ----------------------------------------------------------------


def minimal_cell(n):
    """A cell without an output size or an initial state."""

    class Minimal(n.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
            self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

        def call(self, inputs, states):
            output = inputs @ self.kernel + states[0] @ self.recurrent
            return output, [output]

    return Minimal


def rich_cell(n):
    """A cell with two states of its own sizes, a training flag and a wide output."""

    class Rich(n.Layer):
        state_size = (4, 2)
        output_size = 6

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 4), name="kernel")

        def call(self, inputs, states, training=False):
            a, b = states
            a = torch.tanh(inputs @ self.kernel + a) * (2.0 if training else 1.0)
            b = b + a[:, :2]
            return torch.cat([a, b], dim=-1), [a, b]

        def get_initial_state(self, batch_size=None):
            return [torch.ones(batch_size, 4), torch.zeros(batch_size, 2)]

    return Rich


@pytest.mark.parametrize("mask", [None, "holes"])
@pytest.mark.parametrize("option", ["last", "both", "backwards", "zeros"])
@pytest.mark.parametrize("kind", ["minimal", "rich"])
def test_custom_cell(kind, option, mask):
    def make(n):
        cell = minimal_cell(n)(4) if kind == "minimal" else rich_cell(n)()
        return n.RNN(cell, **OPTIONS[option])

    x = data(BATCH, STEPS, FEATURES)
    extra = {} if mask is None else {"mask": torch.tensor(MASKS[mask], dtype=torch.bool)}
    mine, theirs = pair(make, x)
    for training in (False, True):
        assert_close(mine(x, training=training, **extra), theirs(x, training=training, **extra))
    shapes = [tuple(y.shape) for y in tree.flatten(mine(x))]
    computed = mine.compute_output_shape(x.shape)
    assert (list(computed) if isinstance(computed[0], tuple) else [computed]) == shapes


def test_custom_cell_in_a_config():
    cell_class = minimal_cell(layers)
    layer = layers.RNN([cell_class(4), layers.GRUCell(2)], return_sequences=True)
    with torchkeras.saving.custom_object_scope({"Minimal": cell_class}):
        again = layers.RNN.from_config(layer.get_config())
    x = data(BATCH, STEPS, FEATURES)
    layer(x)
    again(x)
    again.set_weights(layer.get_weights())
    assert_close(again(x), layer(x))


def test_a_cell_by_hand():
    x = data(BATCH, STEPS, FEATURES)
    for name in NAMES:
        layer = getattr(layers, name)(UNITS)
        expected = layer(x)
        states = layer.cell.get_initial_state(batch_size=BATCH)
        for t in range(STEPS):
            output, states = layer.cell(torch.tensor(x[:, t]), states)
        assert_close(output, expected)


# --- speed -----------------------------------------------------------------------------

KERNELS = {
    ("LSTM", "tanh"): "aten::lstm",
    ("GRU", "tanh"): "aten::gru",
    ("SimpleRNN", "tanh"): "aten::rnn_tanh",
    ("SimpleRNN", "relu"): "aten::rnn_relu",
}


# No kernel waits for the device, and no sequence is packed to its length.
NEVER = {"aten::item", "aten::_local_scalar_dense", "aten::_pack_padded_sequence"}


def kernels(layer, x, **kwargs):
    """How often each of torch's functions runs in a call of a built layer."""
    layer(x, **kwargs)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        layer(x, **kwargs)
    return {event.key: event.count for event in seen.key_averages()}


def masked(kind):
    return {} if kind is None else {"mask": torch.tensor(MASKS[kind], dtype=torch.bool)}


@pytest.mark.parametrize("return_state", [False, True])
@pytest.mark.parametrize("kind", [None, "right padded", "holes"])
@pytest.mark.parametrize("name,activation", KERNELS)
def test_one_fused_kernel(name, activation, kind, return_state):
    layer = getattr(layers, name)(UNITS, activation=activation, return_state=return_state)
    counts = kernels(layer, torch.tensor(data(BATCH, STEPS, FEATURES)), **masked(kind))
    assert counts.get(KERNELS[name, activation]) == 1
    assert not NEVER & set(counts)


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}], ids=["last", "sequences"])
@pytest.mark.parametrize("kind", [None, "right padded", "holes"])
@pytest.mark.parametrize("name", NAMES)
def test_one_fused_kernel_for_each_direction(name, kind, options):
    layer = layers.Bidirectional(getattr(layers, name)(UNITS, **options))
    counts = kernels(layer, torch.tensor(data(BATCH, STEPS, FEATURES)), **masked(kind))
    assert counts.get(KERNELS[name, "tanh"]) == 2
    assert not NEVER & set(counts)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_one_fused_kernel_behind_a_mask_of_an_embedding(name):
    embedding, layer = layers.Embedding(5, FEATURES, mask_zero=True), getattr(layers, name)(UNITS)
    x = embedding(torch.tensor([[3, 1, 2, 0, 0, 0], [4, 4, 1, 2, 3, 0]]))
    assert x._keras_mask is not None
    assert kernels(layer, x).get(KERNELS[name, "tanh"]) == 1


@pytest.mark.parametrize("name", NAMES)
def test_unrolled_or_with_recurrent_dropout_there_is_no_fused_kernel(name):
    layer = getattr(layers, name)(UNITS, recurrent_dropout=0.5)
    x = torch.tensor(data(BATCH, STEPS, FEATURES))
    assert KERNELS[name, "tanh"] not in kernels(layer, x, training=True)


@pytest.mark.parametrize("name", NAMES)
def test_mixed_precision_agrees_with_float32(name):
    x, mask = data(BATCH, STEPS, FEATURES), torch.tensor(MASKS["holes"], dtype=torch.bool)
    options = {"return_sequences": True, "return_state": True}
    plain = getattr(layers, name)(UNITS, **options)
    mixed = getattr(layers, name)(UNITS, dtype="mixed_bfloat16", **options)
    expected = plain(x, mask=mask)
    mixed(x)
    mixed.set_weights(plain.get_weights())
    for a, b in zip(tree.flatten(mixed(x, mask=mask)), tree.flatten(expected)):
        assert a.dtype is torch.bfloat16
        np.testing.assert_allclose(a.detach().float(), b.detach(), atol=0.05)
