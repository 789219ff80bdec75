"""Thirty steps of training give real Keras' losses and weights, from the same start."""

import keras
import numpy as np
import pytest

import torchkeras

STEPS = 30
BATCH = 16


def mlp(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((20,)),
            layers.Dense(32, "relu"),
            layers.Dense(16, "tanh", kernel_regularizer="l2"),
            layers.Dense(5, "softmax"),
        ]
    )


def conv1d(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((24, 3)),
            layers.Conv1D(8, 5, padding="same", activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1D(8, 3, strides=2, padding="same", activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(5, "softmax"),
        ]
    )


def cnn(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((12, 12, 2)),
            layers.Conv2D(6, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.AveragePooling2D(2),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dense(5, "softmax"),
        ]
    )


def lstm(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((10,), dtype="int32"),
            layers.Embedding(30, 8, mask_zero=True),
            layers.LSTM(12, return_sequences=True),
            layers.LSTM(6),
            layers.Dense(5, "softmax"),
        ]
    )


def two_inputs(k):
    layers = k.layers
    series, features = k.Input((24, 3), name="series"), k.Input((20,), name="features")
    a = layers.Conv1D(8, 3, activation="relu")(series)
    b = layers.Conv1D(8, 5, activation="relu", padding="causal")(series)
    a, b = layers.GlobalMaxPooling1D()(a), layers.GlobalMaxPooling1D()(b)
    c = layers.Lambda(lambda t: t * t, output_shape=(20,))(features)
    x = layers.concatenate([a, b, c])
    x = layers.Dropout(0.0)(x)
    return k.Model([series, features], layers.Dense(5, "softmax")(x))


def data(name):
    rng = np.random.default_rng(3)
    n = STEPS * BATCH
    y = rng.integers(0, 5, n)
    shapes = {"mlp": (20,), "conv1d": (24, 3), "cnn": (12, 12, 2)}
    if name in shapes:
        return rng.normal(size=(n, *shapes[name])).astype("float32"), y
    if name == "lstm":
        x = rng.integers(1, 30, (n, 10))
        lengths = rng.integers(1, 11, n)
        x[np.arange(10) >= lengths[:, None]] = 0
        return x.astype("int32"), y
    return [rng.normal(size=(n, *s)).astype("float32") for s in ((24, 3), (20,))], y


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda k: k.optimizers.Adam(0.003),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.001),
}
MODELS = {"mlp": mlp, "conv1d": conv1d, "cnn": cnn, "lstm": lstm, "two_inputs": two_inputs}


class Losses:
    """The loss of every single step: the running mean taken apart."""

    def __init__(self):
        self.means = []

    def steps(self):
        totals = np.asarray(self.means) * np.arange(1, len(self.means) + 1)
        return np.diff(totals, prepend=0.0)


def train(k, model, optimizer, x, y):
    record = Losses()

    class Callback(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            record.means.append(float(logs["loss"]))

    model.compile(OPTIMIZERS[optimizer](k), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Callback()])
    return record.steps()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", MODELS)
def test_thirty_steps(name, optimizer):
    x, y = data(name)
    theirs, ours = MODELS[name](keras), MODELS[name](torchkeras)
    assert [w.path.split("/")[-1] for w in ours.weights] == [
        w.path.split("/")[-1] for w in theirs.weights
    ]
    ours.set_weights(theirs.get_weights())
    expected, got = (train(k, m, optimizer, x, y) for k, m in ((keras, theirs), (torchkeras, ours)))
    assert len(got) == STEPS
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    for weight, a, b in zip(ours.weights, ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-4, err_msg=weight.path)
    np.testing.assert_allclose(ours.predict(x, verbose=0), theirs.predict(x, verbose=0), atol=1e-4)
