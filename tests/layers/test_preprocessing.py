"""Normalization, bins, categories, spectrograms and tables: what the table of rows cannot say."""

import copy

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

DATA = np.random.default_rng(0).normal(2.0, 3.0, (12, 4, 3)).astype("float32")


# --- Normalization ---------------------------------------------------------------------


class Batches(torchkeras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return DATA[index * 4 : index * 4 + 4], np.zeros(4)


def loader(with_targets):
    parts = [torch.tensor(DATA)] + [torch.zeros(12)] * with_targets
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*parts), batch_size=5)


@pytest.mark.parametrize(
    "data",
    [
        lambda: DATA,
        lambda: torch.tensor(DATA),
        lambda: [DATA[:5], DATA[5:]],
        lambda: (b for b in (DATA[:1], torch.tensor(DATA[1:9]), DATA[9:])),
        lambda: [(DATA[:5], 1), (DATA[5:], 2)],
        Batches,
        lambda: loader(False),
        lambda: loader(True),
        lambda: torch.utils.data.TensorDataset(torch.tensor(DATA), torch.zeros(12)),
    ],
)
@pytest.mark.parametrize("axis", [-1, None, 1, (1, 2), (2, 1)])
def test_normalization_adapts(data, axis):
    layer = layers.Normalization(axis=axis)
    layer.adapt(data())
    kept = () if axis is None else np.ravel(axis) % 3
    reduced = tuple(i for i in range(3) if i not in kept)
    mean, variance = DATA.mean(reduced, keepdims=True), DATA.var(reduced, keepdims=True)
    np.testing.assert_allclose(layer.mean, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.variance, variance, rtol=1e-5)
    np.testing.assert_allclose(
        layer(DATA[:5]), (DATA[:5] - mean) / np.sqrt(variance), rtol=1e-4, atol=1e-5
    )
    back = layers.Normalization(axis=axis, invert=True)
    back.adapt(DATA)
    np.testing.assert_allclose(back(layer(DATA)), DATA, rtol=1e-4, atol=1e-4)


def test_normalization_is_that_of_keras():
    mine, theirs = layers.Normalization(), keras.layers.Normalization()
    mine.adapt(DATA)
    theirs.adapt(DATA)
    assert [w.name for w in mine.weights] == [w.name for w in theirs.weights]
    assert [tuple(w.shape) for w in mine.weights] == [w.shape for w in theirs.weights]
    np.testing.assert_allclose(mine(DATA), theirs(DATA).cpu(), rtol=1e-5, atol=1e-5)


def test_normalization_keeps_what_it_learned():
    layer = layers.Normalization()
    layer.adapt(DATA)
    again = layers.Normalization.from_config(layer.get_config())
    again.build(DATA.shape)
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(DATA), layer(DATA))
    assert torch.equal(copy.deepcopy(layer)(DATA), layer(DATA))
    layer.adapt(DATA * 2)  # anew
    np.testing.assert_allclose(layer.mean, 2 * again.mean, rtol=1e-5)


def test_normalization_of_one_axis_normalizes_each_index():
    layer = layers.Normalization(axis=0)
    layer.adapt(np.array([1.0, 2.0]))
    assert layer.variance.tolist() == [0.0, 0.0]
    assert layer.compute_output_shape((None, 3)) == (None, 3)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: layers.Normalization(mean=1.0), ValueError, "both `mean` and `variance`"),
        (
            lambda: layers.Normalization(mean=[1.0, 2.0], variance=1.0),
            ValueError,
            "must have the same shape",
        ),
        (
            lambda: layers.Normalization(mean=[1.0] * 4, variance=[1.0] * 4)(DATA),
            ValueError,
            "`mean` must broadcast",
        ),
        (lambda: layers.Normalization(axis=3)(DATA), ValueError, "must be in the range"),
        (
            lambda: layers.Normalization(axis=1).build((2, None)),
            ValueError,
            "must have a known shape",
        ),
        (lambda: layers.Normalization().adapt([]), ValueError, "empty iterable"),
        (lambda: layers.Normalization().adapt([1.0, 2.0]), TypeError, "of type float"),
        (lambda: layers.Normalization().adapt([[1.0]]), TypeError, "of type list"),
        (lambda: layers.Normalization().adapt(3), TypeError, "Unsupported data type"),
        (
            lambda: layers.Normalization().adapt([DATA, DATA[:, :, :2]]),
            ValueError,
            "yielded a batch with incompatible shape",
        ),
        (
            lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(DATA),
            ValueError,
            "were given",
        ),
    ],
)
def test_normalization_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_normalization_built_for_other_data():
    layer = layers.Normalization()
    layer.build((None, 2))
    with pytest.raises(ValueError, match="incompatible shape"):
        layer.adapt(DATA)


# --- Rescaling -------------------------------------------------------------------------


def test_rescaling():
    assert layers.Rescaling(2)(torch.tensor([1], dtype=torch.uint8)).dtype == torch.float32
    assert layers.Rescaling(2, dtype="int32")(torch.tensor([3])).tolist() == [6]
    layer = layers.Rescaling(np.array([1.0, 2.0]), torch.tensor([0.0, 1.0]))
    assert layer(torch.ones(2)).tolist() == [1.0, 3.0]
    again = layers.Rescaling.from_config(layer.get_config())
    assert again(torch.ones(2)).tolist() == [1.0, 3.0]
    assert not layer.state_dict()


def test_rescaling_of_channels_first():
    torchkeras.config.set_image_data_format("channels_first")
    try:
        layer = layers.Rescaling([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
        x = layer(torch.ones(2, 3, 4, 5))
        assert x[0, :, 0, 0].tolist() == [1.0, 3.0, 5.0]
        assert layer(torch.ones(2, 3)).tolist() == [[1.0, 3.0, 5.0]] * 2
    finally:
        torchkeras.config.set_image_data_format("channels_last")


# --- bins and categories ---------------------------------------------------------------

# What Keras finds on the same numbers (with TensorFlow it needs, or on any backend).
NORMAL = np.random.default_rng(0).normal(size=(3000,)).astype("float32")
BOUNDARIES = {
    0.01: [-1.2824181318, -0.8735690713, -0.5682279468, -0.3148008585, -0.0579765216]
    + [0.2226641178, 0.4916397035, 0.8061389327, 1.2788842916],
    0.1: [-1.2824177742, -0.8735687137, -0.5682277679, -0.3148004413, -0.0579760000]
    + [0.2226645499, 0.4916404784, 0.8061392307, 1.2788857222],
}


@pytest.mark.parametrize("epsilon", BOUNDARIES)
def test_discretization_adapts_as_keras(epsilon):
    mine = layers.Discretization(num_bins=10, epsilon=epsilon)
    theirs = keras.layers.Discretization(num_bins=10, epsilon=epsilon)
    mine.adapt(NORMAL)
    np.testing.assert_allclose(mine.bin_boundaries, BOUNDARIES[epsilon], rtol=1e-6)
    for start in range(0, 3000, 700):
        theirs.update_state(NORMAL[start : start + 700])
    theirs.finalize_state()
    mine.adapt(NORMAL[i : i + 700] for i in range(0, 3000, 700))
    np.testing.assert_allclose(mine.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    counts = np.bincount(mine(NORMAL))
    assert len(counts) == 10
    assert counts.min() > 0.5 * counts.max()


def test_discretization_adapts_to_what_comes():
    def boundaries(data, steps=None, **kwargs):
        layer = layers.Discretization(num_bins=4, **kwargs)
        layer.adapt(data, steps=steps)
        return layer.bin_boundaries

    quarters = boundaries(np.arange(100.0))
    assert quarters == pytest.approx([24.0, 49.0, 74.0], abs=1e-3)
    assert boundaries(torch.arange(100)) == quarters
    assert boundaries(np.arange(100.0).reshape(20, 5)) == quarters
    batches = ([i] * 4 for i in range(10**9))
    assert boundaries(batches, steps=4) == pytest.approx([0.0, 1.0, 2.0])
    assert boundaries([1.0, 2.0, 3.0, 4.0]) == [1.0, 2.0, 3.0]
    for bins in (0, 1):  # all in one
        layer = layers.Discretization(num_bins=bins)
        layer.adapt(NORMAL)
        assert set(layer(NORMAL).tolist()) == {0}
    layer = layers.Discretization(num_bins=2)
    layer.update_state(np.zeros((0,)))
    layer.finalize_state()
    with pytest.raises(ValueError, match="call `adapt"):
        layer(NORMAL)


def test_discretization_config_holds_what_it_learned():
    layer = layers.Discretization(num_bins=3)
    assert layer.get_config()["bin_boundaries"] is None
    assert layer.compute_output_shape((2, 1)) == (2, 1)
    layer.adapt(NORMAL)
    again = layers.Discretization.from_config(layer.get_config())
    assert torch.equal(again(NORMAL), layer(NORMAL))
    again.adapt(NORMAL * 2)  # it still may
    layer.reset_state()
    layer.adapt(NORMAL * 2)
    assert again.bin_boundaries == layer.bin_boundaries


def test_discretization_of_odd_numbers():
    layer = layers.Discretization([0.0, 1.0])
    assert layer(torch.tensor([0.0, 1.0, np.nan, np.inf, -np.inf])).tolist() == [1, 2, 2, 2, 0]
    assert layer(torch.tensor([0, 1, -1])).tolist() == [1, 2, 0]
    assert layers.Discretization(np.array([0.5])).bin_boundaries == [0.5]
    # Compared as float32, in which both are the same.
    assert layers.Discretization([0.1], dtype="float64")(np.array([0.1])).tolist() == [1]


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({}, "either `num_bins` or `bin_boundaries`"),
        ({"num_bins": 3, "bin_boundaries": [1.0]}, "Both `num_bins` and `bin_boundaries`"),
        ({"num_bins": -1}, "greater than or equal to 0"),
        ({"num_bins": 3, "output_mode": "x"}, "Unknown value for `output_mode`"),
        ({"num_bins": 3, "sparse": True}, "`sparse=True`"),
        ({"num_bins": 3, "epsilon": 0}, "`epsilon` must be positive"),
        ({"bin_boundaries": [2.0, 1.0]}, "must be a sorted list"),
    ],
)
def test_discretization_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.Discretization(**kwargs)


def test_discretization_given_and_adapted():
    with pytest.raises(ValueError, match="use `num_bins` instead"):
        layers.Discretization([0.0]).adapt(NORMAL)
    with pytest.raises(ValueError, match="`steps` must be"):
        layers.Discretization(num_bins=2).adapt(NORMAL, steps=0)


def test_category_encoding():
    indices = [[0, 1], [0, 0], [1, 2], [3, 1]]
    weights = np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    expected = np.zeros((4, 4), "float32")
    np.add.at(expected, (np.arange(4)[:, None], indices), weights)
    layer = layers.CategoryEncoding(4, "count")
    np.testing.assert_allclose(layer(indices, count_weights=weights), expected)
    np.testing.assert_allclose(layer(indices[0], count_weights=weights[0]), expected[0])
    assert layers.CategoryEncoding(4)(torch.tensor([-1, 2])).tolist() == [0.0, 0.0, 1.0, 0.0]
    # Not through a 16-bit float, in which 2049 is 2048.
    layer = layers.CategoryEncoding(3000, "one_hot", dtype="float16")
    assert layer(torch.tensor([2049.0])).argmax() == 2049
    symbol = layers.CategoryEncoding(4, "count")(
        torchkeras.Input((2,), dtype="int32"), count_weights=torchkeras.Input((2,))
    )
    assert symbol.shape == (None, 4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.CategoryEncoding(), "num_tokens must be set"),
        (lambda: layers.CategoryEncoding(0), "`num_tokens` must be >= 1"),
        (lambda: layers.CategoryEncoding(2.5), "must be a positive integer"),
        (lambda: layers.CategoryEncoding(2, "int"), "Unknown arg for output_mode"),
        (lambda: layers.CategoryEncoding(2, sparse=True), "sparse=True"),
        (lambda: layers.CategoryEncoding(2)([2]), "num_tokens=2"),
        (
            lambda: layers.CategoryEncoding(2)([[1]], count_weights=np.ones((1, 1))),
            "`count_weights` is not used",
        ),
    ],
)
def test_category_encoding_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- devices and types ------------------------------------------------------------------

PLAIN = {
    "Normalization": ({"mean": [1.0] * 3, "variance": [2.0] * 3}, (2, 3)),
    "Rescaling": ({"scale": [1.0, 2.0, 3.0]}, (2, 3)),
    "Discretization": ({"bin_boundaries": [0.0, 1.0], "output_mode": "count"}, (2, 3)),
    "CategoryEncoding": ({"num_tokens": 3}, (2, 3)),
    "IntegerLookup": ({"vocabulary": [0, 1], "output_mode": "count"}, (2, 3)),
    "MelSpectrogram": ({"fft_length": 32}, (2, 100)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_constants_follow_the_inputs(name):
    kwargs, shape = PLAIN[name]
    layer = getattr(layers, name)(**kwargs)
    dtype = torch.int64 if name in ("CategoryEncoding", "IntegerLookup") else torch.float32
    x = torch.zeros(shape, dtype=dtype)
    expected = layer(x)
    if name != "Normalization":  # whose numbers are weights elsewhere, and stay where they are
        there = layer(x.to("meta"))
        assert (there.device.type, there.shape) == ("meta", expected.shape)
    assert torch.equal(layer(x), expected)  # nothing was lost on the way
    assert not layer.state_dict()
    assert layer.double()(x).dtype == torch.float64
    np.testing.assert_allclose(layer.half()(x).float(), expected, rtol=1e-2, atol=1e-2)


# --- Pipeline --------------------------------------------------------------------------


def test_pipeline_trains_unless_told():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Dropout(0.5, seed=1)])
    x = torch.ones(4, 100)
    assert set(pipeline(x).unique().tolist()) == {0.0, 4.0}
    assert set(pipeline(x, training=False).unique().tolist()) == {2.0}
    assert [type(layer).__name__ for layer in pipeline.layers] == ["Rescaling", "Dropout"]
    again = layers.Pipeline.from_config(pipeline.get_config())
    assert [type(layer).__name__ for layer in again.layers] == ["Rescaling", "Dropout"]


def test_pipeline_hands_on_masks_and_text():
    pipeline = layers.Pipeline([layers.GlobalAveragePooling1D()])
    x = torch.tensor([[[1.0], [3.0]]])
    assert pipeline(x, mask=torch.tensor([[True, False]])).tolist() == [[1.0]]
    pipeline = layers.Pipeline([layers.StringLookup(vocabulary=["a"]), lambda x: x + 1])
    assert pipeline(np.array(["a", "b"])).tolist() == [2, 1]


@pytest.mark.parametrize("given", [3, [3], None])
def test_pipeline_errors(given):
    with pytest.raises(ValueError, match="`layers`"):
        layers.Pipeline(given)
    with pytest.raises(ValueError, match="`layers`"):
        layers.Pipeline.from_config({"layers": given})


# --- spectrograms ----------------------------------------------------------------------


def test_mel_spectrogram_of_one_signal():
    layer = layers.MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256)
    x = torch.randn(3, 16000)
    assert layer(x[0]).shape == layer.compute_output_shape((16000,)) == (64, 63)
    one = layers.MelSpectrogram(top_db=None)
    np.testing.assert_allclose(one(x[0]), one(x)[0], rtol=1e-4, atol=1e-4)
    assert layer(x.double()).dtype == torch.float32
    assert layers.MelSpectrogram(dtype="float64")(x).dtype == torch.float64
    assert layers.MelSpectrogram(dtype="mixed_bfloat16")(x).dtype == torch.bfloat16
    assert layer((x * 100).to(torch.int16)).dtype == torch.float32


def test_mel_spectrogram_hears_a_tone():
    t = torch.arange(16000) / 16000
    layer = layers.MelSpectrogram(num_mel_bins=40)
    mel = np.linspace(*(1127 * np.log1p(f / 700) for f in (20.0, 8000.0)), 42)
    center = 700 * np.expm1(mel[1:-1] / 1127)
    for frequency in (440.0, 3000.0):
        loudest = layer(torch.sin(2 * np.pi * frequency * t))[:, 10].argmax()
        assert loudest == np.abs(center - frequency).argmin()


def test_mel_spectrogram_with_a_window_of_ones_own():
    x = torch.randn(1000)
    k = {"fft_length": 128, "sequence_stride": 50, "sequence_length": 100}
    window = torch.hann_window(100)
    given, named = (layers.MelSpectrogram(window=w, **k)(x) for w in (window, "hann"))
    assert torch.equal(given, named)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"fft_length": 10, "sequence_length": 20}, "must be greater than or equal to"),
        ({"window": "x"}, "it must be one of"),
        ({"window": torch.ones(3)}, "The shape of `window`"),
        ({"num_mel_bins": 0}, "`num_mel_bins` must be a positive"),
        ({"sequence_stride": 0}, "`sequence_stride` must be a positive"),
    ],
)
def test_mel_spectrogram_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.MelSpectrogram(**kwargs)


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", None, np.linspace(0.1, 1.0, 12)])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
def test_stft_windows(window, periodic, scaling):
    kwargs = {
        "mode": "stft",
        "frame_length": 12,
        "window": window,
        "periodic": periodic,
        "scaling": scaling,
    }
    x = np.random.default_rng(0).normal(size=(2, 30, 1)).astype("float32")
    mine = layers.STFTSpectrogram(**kwargs)(x).detach()
    theirs = keras.layers.STFTSpectrogram(**kwargs)(x).detach().cpu()
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)


def test_stft_is_a_transform():
    x = torch.randn(1, 16, 1)
    layer = layers.STFTSpectrogram(
        mode="stft", frame_length=16, window=None, scaling=None, trainable=False
    )
    expected = torch.fft.rfft(x[0, :, 0])
    found = layer(x)[0, 0]
    np.testing.assert_allclose(found[:9], expected.real, atol=1e-4)
    np.testing.assert_allclose(found[9:], expected.imag, atol=1e-4)
    assert not layer.trainable_weights
    quiet = torch.zeros(1, 16, 1, requires_grad=True)
    layers.STFTSpectrogram(frame_length=16)(quiet).sum().backward()
    assert torch.isfinite(quiet.grad).all()


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"mode": "x"}, "Output mode is invalid"),
        ({"frame_length": 0}, "`frame_length` must be a positive"),
        ({"frame_step": 0}, "`frame_step` should be"),
        ({"frame_step": 257}, "`frame_step` should be"),
        ({"fft_length": 255}, "`fft_length` should be not less"),
        ({"fft_length": 300.5}, "`fft_length` must be an integer"),
        ({"window": np.ones(3)}, "The shape of `window`"),
        ({"scaling": "x"}, "Scaling is invalid"),
        ({"padding": "x"}, "Padding is invalid"),
        ({"data_format": "x"}, "data_format"),
    ],
)
def test_stft_errors(kwargs, message):
    with pytest.raises(ValueError, match=message):
        layers.STFTSpectrogram(**kwargs)


def test_stft_refuses_integers():
    with pytest.raises(TypeError, match="Invalid input type"):
        layers.STFTSpectrogram()(torch.ones(1, 400, 1, dtype=torch.int32))
