"""Every kind of data trains the same model in the same way."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import torchkeras
from torchkeras import layers

N, BATCH = 22, 4  # the last batch is short
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3)).astype("float32")
Y = RNG.normal(size=(N, 1)).astype("float32")
STEPS = -(-N // BATCH)


def model():
    torchkeras.utils.set_random_seed(1)
    made = torchkeras.Sequential([torchkeras.Input((3,)), layers.Dense(1)])
    made.compile("sgd", "mse", metrics=["mae"])
    return made


def batches():
    for i in range(0, N, BATCH):
        yield X[i : i + BATCH], Y[i : i + BATCH]


class Numbered(torchkeras.utils.PyDataset):
    def __len__(self):
        return STEPS

    def __getitem__(self, i):
        return X[i * BATCH : (i + 1) * BATCH], Y[i * BATCH : (i + 1) * BATCH]


class Streamed(IterableDataset):
    def __iter__(self):
        return zip(X, Y)


DATA = {
    "numpy": lambda: dict(x=X, y=Y, batch_size=BATCH),
    "float64": lambda: dict(x=X.astype("float64"), y=Y.astype("float64"), batch_size=BATCH),
    "tensors": lambda: dict(x=torch.from_numpy(X), y=torch.from_numpy(Y), batch_size=BATCH),
    "lists": lambda: dict(x=X.tolist(), y=Y.tolist(), batch_size=BATCH),
    "frame": lambda: dict(x=pd.DataFrame(X), y=pd.Series(Y[:, 0]), batch_size=BATCH),
    "read_only": lambda: dict(x=np.broadcast_to(X, X.shape), y=Y, batch_size=BATCH),
    "reversed": lambda: dict(x=X[::-1][::-1], y=Y, batch_size=BATCH),
    "one_input_in_a_list": lambda: dict(x=[X], y=[Y], batch_size=BATCH),
    "generator": lambda: dict(x=batches()),
    "iterable": lambda: dict(x=list_of_batches()),
    "loader": lambda: dict(
        x=DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=BATCH)
    ),
    "dataset": lambda: dict(
        x=TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=BATCH
    ),
    "iterable_dataset": lambda: dict(x=Streamed(), batch_size=BATCH),
    "py_dataset": lambda: dict(x=Numbered()),
    "py_dataset_threads": lambda: dict(x=Numbered(workers=3, max_queue_size=2)),
    "py_dataset_processes": lambda: dict(x=Numbered(workers=2, use_multiprocessing=True)),
}


def list_of_batches():
    class Batches:
        def __iter__(self):
            return batches()

    return Batches()


@pytest.fixture(scope="module")
def expected():
    made = model()
    history = made.fit(X, Y, batch_size=BATCH, epochs=1, shuffle=False, verbose=0)
    return history.history, made.get_weights()


@pytest.mark.parametrize("kind", DATA)
def test_all_kinds_train_alike(kind, expected):
    made = model()
    history = made.fit(**DATA[kind](), shuffle=False, verbose=0)
    for name, values in expected[0].items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)
    for a, b in zip(made.get_weights(), expected[1]):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", DATA)
def test_all_kinds_are_evaluated_and_predicted_alike(kind):
    made = model()
    data = DATA[kind]()
    np.testing.assert_allclose(
        made.evaluate(**data, verbose=0), made.evaluate(X, Y, verbose=0), rtol=1e-4
    )
    data = DATA[kind]()
    data.pop("y", None)
    np.testing.assert_allclose(
        made.predict(**data, verbose=0), made.predict(X, verbose=0), atol=1e-6
    )


def test_integers_and_images_keep_their_type():
    seen = []

    class Look(torchkeras.Model):
        def call(self, inputs):
            seen.append(inputs.dtype)
            return inputs.float()

    for dtype in ("int64", "int32", "uint8", "bool"):
        Look().predict(np.ones((2, 3), dtype), verbose=0)
    assert seen == [torch.int64, torch.int32, torch.uint8, torch.bool]


def test_shuffle_draws_every_sample_once_in_a_new_order():
    seen = []

    class Look(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def train_step(self, data):
            seen.append(data[0][:, 0].tolist())
            return super().train_step(data)

        def call(self, inputs):
            return self.dense(inputs)

    x = np.arange(N, dtype="float32").reshape(N, 1)
    made = Look()
    made.compile("sgd", "mse")
    made.fit(x, x, batch_size=BATCH, epochs=2, verbose=0)
    first, second = sum(seen[:STEPS], []), sum(seen[STEPS:], [])
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second and first != sorted(first)
    seen.clear()
    made.fit(x, x, batch_size=BATCH, shuffle="batch", verbose=0)
    assert all(b == sorted(b) for b in seen) and sorted(sum(seen, [])) == list(range(N))


def test_generator_that_never_ends():
    def forever():
        while True:
            yield from batches()

    history = model().fit(forever(), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_generator_that_ends_early_warns():
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model().fit(batches(), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 2


def test_steps_per_epoch_goes_on_in_the_data():
    made = model()
    seen = []
    step = made.train_step
    made.train_step = lambda data: (seen.append(float(data[0][0, 0])), step(data))[1]
    kwargs = dict(batch_size=BATCH, shuffle=False, steps_per_epoch=4, epochs=3, verbose=0)
    with pytest.warns(UserWarning, match="ran out of data"):
        made.fit(X, Y, **kwargs)
    # four, the two that are left, and four from the start again: as Keras has it
    firsts = X[::BATCH, 0].tolist()
    assert seen == pytest.approx([*firsts, *firsts[:4]])


def test_hooks_of_a_py_dataset():
    class Hooked(Numbered):
        events = []

        def on_epoch_begin(self):
            self.events.append("begin")

        def on_epoch_end(self):
            self.events.append("end")

    data = Hooked()
    model().fit(data, epochs=2, verbose=0)
    assert data.events == ["begin", "end"] * 2


def test_validation_split_takes_the_last_samples():
    made = model()
    history = made.fit(X, Y, batch_size=BATCH, validation_split=0.25, verbose=0)
    at = int(N * 0.75)
    expected = made.evaluate(X[at:], Y[at:], verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(expected[0], rel=1e-5)
    assert history.history["val_mae"][0] == pytest.approx(expected[1], rel=1e-5)


@pytest.mark.parametrize("data", ["numpy", "loader", "py_dataset", "dataset"])
def test_validation_data(data):
    given = DATA[data]()
    given.pop("batch_size", None)
    value = (given["x"], given["y"]) if "y" in given else given["x"]
    made = model()
    history = made.fit(X, Y, epochs=3, validation_data=value, validation_freq=2, verbose=0)
    assert len(history.history["loss"]) == 3 and len(history.history["val_loss"]) == 1


def test_validation_freq_as_list():
    history = model().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=[1, 4], verbose=0)
    assert len(history.history["val_loss"]) == 2


def test_batch_size_of_a_loader_is_its_own():
    with pytest.warns(UserWarning, match="batch_size"):
        model().fit(DATA["loader"]()["x"], batch_size=3, verbose=0)


class TestErrors:
    def test_lengths(self):
        with pytest.raises(ValueError, match=r"cardinality.*\n?.*'x' sizes: 22\n'y' sizes: 21"):
            model().fit(X, Y[:-1], verbose=0)

    @pytest.mark.parametrize("size", [0, -1, 2.5, "8"])
    def test_batch_size(self, size):
        with pytest.raises(ValueError, match="`batch_size` must be a positive integer"):
            model().fit(X, Y, batch_size=size, verbose=0)

    def test_object_array(self):
        ragged = np.empty(3, dtype=object)
        ragged[:] = [[1], [1, 2], [3]]
        with pytest.raises(ValueError, match="dtype object"):
            model().predict(ragged, verbose=0)

    def test_strings(self):
        with pytest.raises(ValueError, match="Expected numbers"):
            model().predict(np.array([["a", "b", "c"]]), verbose=0)

    def test_no_data(self):
        with pytest.raises(ValueError, match="`x` is None"):
            model().fit(verbose=0)

    def test_a_number(self):
        with pytest.raises(ValueError, match="Unrecognized data type"):
            model().predict(3, verbose=0)

    @pytest.mark.parametrize("kind", ["loader", "generator", "py_dataset"])
    def test_y_beside_batches(self, kind):
        with pytest.raises(ValueError, match="`y` should not be passed"):
            model().fit(DATA[kind]()["x"], Y, verbose=0)

    def test_split_of_a_loader(self):
        with pytest.raises(ValueError, match="`validation_split` is only supported"):
            model().fit(DATA["loader"]()["x"], validation_split=0.2, verbose=0)

    @pytest.mark.parametrize("fraction", [1.0, -0.5, 0.99])
    def test_split_fraction(self, fraction):
        with pytest.raises(ValueError, match="validation_split"):
            model().fit(X, Y, validation_split=fraction, verbose=0)

    def test_validation_data_of_four(self):
        with pytest.raises(ValueError, match="`validation_data` must be"):
            model().fit(X, Y, validation_data=(X, Y, Y, Y), verbose=0)

    def test_two_kinds_of_weights(self):
        labels = np.arange(N) % 2
        with pytest.raises(ValueError, match="class_weight.*sample_weight"):
            model().fit(X, labels, class_weight={0: 1}, sample_weight=np.ones(N), verbose=0)

    def test_class_weight_is_a_dict(self):
        with pytest.raises(ValueError, match="`class_weight` must be a dict"):
            model().fit(X, Y, class_weight=[1, 2], verbose=0)

    def test_wrong_width(self):
        with pytest.raises(
            ValueError, match=r"axis -1 of input shape to have value 3, but received .*\(4, 2\)"
        ):
            model().fit(X[:, :2], Y, batch_size=4, verbose=0)

    def test_unknown_verbose(self):
        with pytest.raises(ValueError, match="`verbose`"):
            model().fit(X, Y, verbose="loud")
