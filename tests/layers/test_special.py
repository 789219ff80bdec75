"""What the table of layers cannot say: randomness, formulas where Keras has none, older uses."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


# --- formulas --------------------------------------------------------------------------


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("window", [2, 3, 4, 5])
@pytest.mark.parametrize("size", [3, 6, 7])
def test_average_pooling_leaves_the_padding_out(size, window, strides):
    x = data(2, size, size, 3)
    y = layers.AveragePooling2D(window, strides, "same")(x).numpy()
    count = -(-size // strides)
    before = max((count - 1) * strides + window - size, 0) // 2
    for i in range(count):
        for j in range(count):
            rows, columns = (
                slice(max(k * strides - before, 0), k * strides - before + window) for k in (i, j)
            )
            expected = x[:, rows, columns].mean((1, 2))
            np.testing.assert_allclose(y[:, i, j], expected, **TOLERANCE)


@pytest.mark.parametrize("axis", [1, 2, -2, [1, 3], [-1, 1], [1, 2, 3]])
def test_layer_normalization_over_any_axes(axis):
    x = data(2, 3, 4, 5)
    layer = layers.LayerNormalization(axis=axis, epsilon=0.01)
    layer(x)
    gamma, beta = (data(*w.shape, seed=i) for i, w in enumerate(layer.get_weights()))
    layer.set_weights([gamma, beta])
    axes = sorted(axis) if isinstance(axis, list) else [axis]
    # The weights' axes stand in the order of `axes`; put them in that of the inputs.
    order = np.argsort([a % 4 for a in axes])
    shape = [x.shape[i] if i in [a % 4 for a in axes] else 1 for i in range(4)]
    g, b = (w.transpose(order).reshape(shape) for w in (gamma, beta))
    mean, variance = (f(tuple(axes), keepdims=True) for f in (x.mean, x.var))
    expected = (x - mean) / np.sqrt(variance + 0.01) * g + b
    np.testing.assert_allclose(layer(x).detach(), expected, **TOLERANCE)


def test_rms_scaling_warns():
    with pytest.warns(UserWarning, match="rms_scaling"):
        layers.LayerNormalization(rms_scaling=True)


def test_moving_averages_follow():
    """After many batches of one kind the moving averages are that kind's."""
    layer = layers.BatchNormalization(momentum=0.5)
    x = torch.tensor(data(64, 3)) * 2 + 5
    for _ in range(30):
        layer(x, training=True)
    np.testing.assert_allclose(layer.moving_mean, x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, x.var(0, unbiased=False), rtol=1e-4)
    np.testing.assert_allclose(layer(x).detach(), layer(x, training=True).detach(), atol=1e-3)


def _synchronized_worker(rank, world, path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{path}/store", rank=rank, world_size=world
    )
    x = torch.tensor(data(6, 3))
    part = x.chunk(world)[rank].clone().requires_grad_()
    layer = layers.BatchNormalization(synchronized=True)
    y = layer(part, training=True)
    (y * y * torch.arange(3)).sum().backward()
    torch.save((y.detach(), part.grad, layer.get_weights()), f"{path}/{rank}")
    torch.distributed.destroy_process_group()


@pytest.mark.parametrize("world", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_synchronized_batch_normalization(world, tmp_path):
    """The parts of a batch on several processes are normalized as the whole batch is."""
    if world == 1:
        _synchronized_worker(0, 1, tmp_path)
    else:
        torch.multiprocessing.spawn(_synchronized_worker, (world, str(tmp_path)), world)
    found = [torch.load(tmp_path / str(i), weights_only=False) for i in range(world)]
    x = torch.tensor(data(6, 3), requires_grad=True)
    layer = layers.BatchNormalization()
    y = layer(x, training=True)
    (y * y * torch.arange(3)).sum().backward()
    np.testing.assert_allclose(torch.cat([f[0] for f in found]), y.detach(), **TOLERANCE)
    np.testing.assert_allclose(torch.cat([f[1] for f in found]), x.grad, atol=1e-4)
    for weights in (f[2] for f in found):
        for a, b in zip(weights, layer.get_weights()):
            np.testing.assert_allclose(a, b, **TOLERANCE)


def test_batch_of_one_value():
    """A batch with one value for each channel has variance 0, not torch's error."""
    mine, theirs = layers.BatchNormalization(), keras.layers.BatchNormalization()
    x = data(1, 3)
    np.testing.assert_allclose(
        mine(x, training=True).detach(), theirs(x, training=True).detach(), **TOLERANCE
    )
    for a, b in zip(mine.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(a, b, **TOLERANCE)


@pytest.mark.parametrize(
    "make,shape",
    [
        (lambda n: n.Dense(2), (2, 3)),
        (lambda n: n.LSTM(2), (2, 3, 4)),
        (lambda n: n.BatchNormalization(), (2, 3)),
        (lambda n: n.GlobalAveragePooling1D(), (2, 3, 4)),
        (lambda n: n.TimeDistributed(n.Dense(2)), (2, 3, 4)),
    ],
    ids=["Dense", "LSTM", "BatchNormalization", "Global", "TimeDistributed"],
)
def test_integers_are_made_floats(make, shape):
    x = torch.arange(np.prod(shape)).reshape(shape)
    mine, theirs = make(layers), make(keras.layers)
    mine(x)
    theirs(x)
    mine.set_weights(theirs.get_weights())
    for _ in range(2):
        y = mine(x)
        assert y.dtype is torch.float32
        np.testing.assert_allclose(y.detach(), theirs(x).detach(), **TOLERANCE)


# --- randomness ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate, seed):
    y = layers.Dropout(rate, seed=seed)(torch.ones(400, 400), training=True)
    values = y.unique()
    np.testing.assert_allclose(values, [0.0, 1 / (1 - rate)], **TOLERANCE)
    assert abs(y.eq(0).float().mean().item() - rate) < 0.01


def test_dropout_of_everything():
    assert not layers.Dropout(1.0)(torch.ones(5), training=True).any()


@pytest.mark.parametrize("noise_shape", [(None, 1, None), (50, 1, 40), [50, 1, 40]])
def test_noise_shape(noise_shape):
    y = layers.Dropout(0.5, noise_shape=noise_shape)(torch.ones(50, 3, 40), training=True)
    assert torch.equal(y[:, 0], y[:, 1])
    assert torch.equal(y[:, 0], y[:, 2])
    assert abs(y.eq(0).float().mean().item() - 0.5) < 0.1


def test_spatial_dropout_drops_features():
    y = layers.SpatialDropout1D(0.5)(torch.ones(50, 3, 40), training=True)
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert abs(y.eq(0).float().mean().item() - 0.5) < 0.1


@pytest.mark.parametrize("seed", [None, 3])
def test_gaussian_noise(seed):
    y = layers.GaussianNoise(0.3, seed=seed)(torch.ones(300, 300), training=True)
    assert abs(y.mean().item() - 1.0) < 0.01
    assert abs(y.std().item() - 0.3) < 0.01


@pytest.mark.parametrize("seed", [None, 3])
def test_gaussian_dropout(seed):
    y = layers.GaussianDropout(0.2, seed=seed)(torch.ones(300, 300) * 2, training=True)
    assert abs(y.mean().item() - 2.0) < 0.02
    assert abs(y.std().item() - 2 * (0.2 / 0.8) ** 0.5) < 0.02


RANDOM = [
    lambda **k: layers.Dropout(0.5, **k),
    lambda **k: layers.SpatialDropout1D(0.5, **k),
    lambda **k: layers.GaussianNoise(0.5, **k),
    lambda **k: layers.GaussianDropout(0.5, **k),
]


@pytest.mark.parametrize("make", RANDOM)
def test_seeds(make):
    x = torch.ones(3, 4, 5)
    first, second = make(seed=3), make(seed=3)
    one, two = first(x, training=True), first(x, training=True)
    assert not torch.equal(one, two)
    assert torch.equal(second(x, training=True), one)
    assert torch.equal(second(x, training=True), two)
    assert not torch.equal(make(seed=4)(x, training=True), one)


@pytest.mark.parametrize("make", RANDOM)
def test_without_a_seed_set_random_seed_decides(make):
    x, results = torch.ones(3, 4, 5), []
    for _ in range(2):
        torchkeras.utils.set_random_seed(7)
        results.append(make()(x, training=True))
    assert torch.equal(*results)


# --- penalties -------------------------------------------------------------------------


def test_activity_regularization():
    x = data(4, 3)
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    layer(x)
    expected = (0.1 * np.abs(x).sum() + 0.2 * np.square(x).sum()) / 4
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_activity_regularizer_of_recurrent_layers(name):
    layer = getattr(layers, name)(3, activity_regularizer="l2")
    y = layer(data(4, 5, 2))
    assert float(layer.losses[0].detach()) == pytest.approx(
        0.01 * y.detach().square().sum().item() / 4, rel=1e-5
    )
    assert layer.get_config()["activity_regularizer"]["class_name"] == "L2"


# --- Lambda ----------------------------------------------------------------------------


def test_lambda_gets_what_it_asks_for():
    layer = layers.Lambda(lambda x, k, training=None: x * k if training else x, arguments={"k": 3})
    x = torch.ones(2)
    assert layer(x).tolist() == [1.0, 1.0]
    assert layer(x, training=True).tolist() == [3.0, 3.0]
    assert layers.Lambda(torch.neg)(x).tolist() == [-1.0, -1.0]
    seen = []
    layer = layers.Lambda(lambda x, mask=None: seen.append(mask) or x)
    layer(x, mask=torch.tensor([True, False]))
    assert seen[0].tolist() == [True, False]


def test_lambda_shapes():
    inputs = layers.Input((4, 3))
    assert layers.Lambda(lambda x: x.mean(1))(inputs).shape == (None, 3)
    assert layers.Lambda(lambda x: x.mean(1), output_shape=(3,))(inputs).shape == (None, 3)
    shape = layers.Lambda(lambda x: x[..., :1], output_shape=lambda s: (*s[:-1], 1))(inputs).shape
    assert shape == (None, 4, 1)


def test_lambda_masks():
    x = torch.ones(2, 3)
    x._keras_mask = torch.tensor([[True, False, True]] * 2)
    y = layers.Lambda(lambda x: x + 1, mask=lambda inputs, mask: ~mask)(x)
    assert y._keras_mask.tolist() == [[False, True, False]] * 2


def test_code_in_a_config_is_refused():
    config = layers.Lambda(lambda x: x * 2, name="twice").get_config()
    with pytest.raises(ValueError, match="Lambda"):
        layers.Lambda.from_config(config)
    again = layers.Lambda.from_config(config, safe_mode=False)
    assert again(torch.ones(2)).tolist() == [2.0, 2.0]
    theirs = keras.layers.Lambda.from_config(config, safe_mode=False)
    assert theirs(torch.ones(2)).tolist() == [2.0, 2.0]
    config = keras.layers.Lambda(lambda x: x * 3).get_config()
    assert layers.Lambda.from_config(config, safe_mode=False)(torch.ones(1)).tolist() == [3.0]


# --- wrappers and modules --------------------------------------------------------------


def test_torch_module_in_both_modes():
    module = torch.nn.BatchNorm1d(3)
    layer = layers.TorchModuleWrapper(module)
    x = torch.tensor(data(8, 3)) + 4
    plain = layer(x)
    np.testing.assert_allclose(plain.detach(), x / (1 + 1e-5) ** 0.5, **TOLERANCE)
    layer(x, training=True)
    assert module.running_mean.sum() > 1.0
    layer.train()
    assert layer(x).mean().abs() < 1e-5
    assert [tuple(w.shape) for w in layer.weights] == [(3,), (3,)]
    assert len(layer.trainable_weights) == 2


def test_torch_module_shapes():
    inputs = layers.Input((8, 8, 3))
    conv = torch.nn.Conv2d(8, 4, 3)
    assert layers.TorchModuleWrapper(conv)(inputs).shape == (None, 4, 6, 1)
    hinted = layers.TorchModuleWrapper(conv, output_shape=(4, 6, 1))
    assert hinted(inputs).shape == (None, 4, 6, 1)


def test_a_module_trains_in_a_model():
    module = torch.nn.Linear(3, 2)
    before = module.weight.detach().clone()
    model = torchkeras.Sequential([layers.TorchModuleWrapper(module), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(data(8, 3), data(8, 1), verbose=0)
    assert not torch.equal(before, module.weight)


def test_wrapper():
    class Scaled(layers.Wrapper):
        def __init__(self, layer, factor=2.0, **kwargs):
            super().__init__(layer, **kwargs)
            self.factor = factor

        def call(self, inputs):
            return self.layer(inputs) * self.factor

    x = torch.tensor(data(2, 3))
    wrapper = Scaled(layers.Dense(4, name="inner"), factor=3.0)
    y = wrapper(x)
    assert torch.equal(y, wrapper.layer(x) * 3.0)
    assert [tuple(w.shape) for w in wrapper.weights] == [(3, 4), (4,)]
    config = wrapper.get_config()
    assert config["layer"]["class_name"] == "Dense"
    again = Scaled.from_config(config)
    again(x)
    again.set_weights(wrapper.get_weights())
    assert torch.equal(again(x), y)


def test_bidirectional_takes_weights():
    x = data(2, 3, 4)
    first = layers.Bidirectional(layers.GRU(2))
    first(x)
    second = layers.Bidirectional(layers.GRU(2), weights=first.get_weights())
    np.testing.assert_array_equal(second(x).detach(), first(x).detach())


def test_bidirectional_leaves_the_given_layer_alone():
    layer = layers.LSTM(2, return_sequences=True, name="mine")
    both = layers.Bidirectional(layer)
    both(data(2, 3, 4))
    assert not layer.built
    assert not layer.zero_output_for_mask
    assert (both.forward_layer.name, both.backward_layer.name) == ("forward_mine", "backward_mine")
    assert set(both.state_dict()) == {
        f"{way}_layer.cell.{name}"
        for way in ("forward", "backward")
        for name in ("kernel", "recurrent_kernel", "bias")
    }


# --- others ----------------------------------------------------------------------------


def test_embedding_takes_weights():
    table = data(5, 3)
    for weights in (table, [table]):
        layer = layers.Embedding(5, 3, weights=weights)
        np.testing.assert_array_equal(layer(np.array([4, 0])).detach(), table[[4, 0]])


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"]
)
def test_merges_as_functions(name):
    xs = [data(2, 3), data(2, 3, seed=1)]
    mine = getattr(layers, name)([torch.tensor(x) for x in xs])
    np.testing.assert_allclose(mine, getattr(keras.layers, name)(xs), **TOLERANCE)


def test_older_spellings():
    for old, new in {
        "Convolution2D": "Conv2D",
        "MaxPool1D": "MaxPooling1D",
        "AvgPool3D": "AveragePooling3D",
        "GlobalMaxPool2D": "GlobalMaxPooling2D",
        "GlobalAvgPool1D": "GlobalAveragePooling1D",
    }.items():
        assert getattr(layers, old) is getattr(layers, new)
    assert layers.LeakyReLU(alpha=0.2).negative_slope == 0.2
    assert layers.LSTM(2, implementation=2).units == 2
    assert layers.BatchNormalization(axis=[3]).axis == 3


def test_a_subclass_may_have_weights_after_all():
    class Scaled(layers.ReLU):
        def build(self, input_shape):
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

        def call(self, inputs):
            return super().call(inputs) * self.scale

    layer = Scaled()
    assert not layer.built
    layer(torch.ones(2))
    assert len(layer.weights) == 1


def test_images_are_not_copied():
    """Channels-last images and the kernel go to torch's channels-last kernels as they lie."""
    layer = layers.Conv2D(8, 3)
    x = torch.ones(2, 6, 6, 4)
    layer(x)
    last = torch.channels_last
    assert layer.kernel.permute(3, 2, 0, 1).is_contiguous(memory_format=last)
    assert x.permute(0, 3, 1, 2).is_contiguous(memory_format=last)
    assert layer(x).is_contiguous()
