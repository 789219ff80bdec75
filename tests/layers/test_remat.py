"""Rematerialization: the same numbers and gradients, computed again where the scope says so."""

import copy
import pickle

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers

MODES = {
    "full": {},
    "activations": {"mode": "activations"},
    "larger": {"mode": "larger_than", "output_size_threshold": 8},
    "listed": {"mode": "list_of_layers", "layer_names": ["one"]},
    "none": {"mode": None},
}
every_mode = pytest.mark.parametrize("mode", MODES)


def counting(framework, counts):
    class Square(framework.layers.Layer):
        def __init__(self, activation=None, **kwargs):
            super().__init__(**kwargs)
            self.activation = activation

        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

        def call(self, x):
            if not isinstance(x, torch.Tensor):  # real Keras follows it for the size
                return x
            counts["call"] += x.device.type != "meta"
            return self.activation(torch.matmul(x, self.kernel + 0))

        def compute_output_shape(self, shape):
            return shape

    def activation(x):
        counts["activation"] += 1
        return x * x

    return lambda **kwargs: Square(activation, **kwargs)


@pytest.mark.parametrize("size", [4, 5])
@pytest.mark.parametrize("name", ["one", "two"])
@every_mode
def test_what_is_computed_again_is_what_real_keras_computes_again(mode, name, size):
    found = []
    for framework in (torchkeras, keras):
        counts = {"call": 0, "activation": 0}
        make = counting(framework, counts)
        with framework.RematScope(**MODES[mode]):
            layer = make(name=name)
        x = torch.ones(2, size, requires_grad=True)
        layer(x)
        counts.update(call=0, activation=0)
        layer(x).sum().backward()
        found.append(counts)
    assert found[0] == found[1]


def test_what_counts_is_where_a_layer_is_made():
    counts = {"call": 0, "activation": 0}
    make = counting(torchkeras, counts)
    x = torch.ones(2, 4)
    layer = make()
    with torchkeras.RematScope():
        layer(x).sum().backward()
        with torchkeras.RematScope(None):
            inner = make()
        inner(x).sum().backward()
    assert counts["call"] == 2
    with torchkeras.RematScope():
        outer = make()
    outer(x).sum().backward()
    assert counts["call"] == 4
    for again in (copy.deepcopy(outer), type(outer).from_config({"activation": outer.activation})):
        again(x)
    assert copy.deepcopy(outer)._remat == outer._remat
    with torch.no_grad():
        outer(x)
    assert counts["call"] == 7


STACKS = {
    "dense": lambda: [layers.Dense(8, "gelu"), layers.Dense(3)],
    "statistics": lambda: [layers.Dense(8), layers.BatchNormalization(), layers.ReLU()],
    "dropout": lambda: [layers.Dense(8), layers.Dropout(0.5, seed=3), layers.Dense(2)],
    "unseeded": lambda: [layers.Dense(8), layers.Dropout(0.5), layers.Dense(2)],
    "nested": lambda: [
        torchkeras.Sequential(
            [layers.Dense(8), layers.Dropout(0.5, seed=3), layers.BatchNormalization()]
        ),
        layers.Dense(2),
    ],
    "losses": lambda: [layers.Dense(8, activity_regularizer="l2"), Penalty(), layers.Dense(2)],
    "recurrent": lambda: [layers.Reshape((2, 3)), layers.GRU(4), layers.LayerNormalization()],
    "attention": lambda: [
        layers.Reshape((2, 3)),
        SelfAttention(),
        layers.Flatten(),
        layers.Dense(2),
    ],
    "quantized": lambda: [layers.Dense(8, dtype="float8_from_float32"), layers.Dense(2)],
}


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(0.1 * x.square().mean())
        return x


class SelfAttention(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.attention = layers.MultiHeadAttention(2, 4, dropout=0.5, seed=3)

    def build(self, shape):
        self.attention.build(shape, shape)

    def call(self, x):
        return self.attention(x, x)


def trained(stack, mode, policy, steps=3):
    torch.manual_seed(0)
    torchkeras.utils.set_random_seed(0)
    torchkeras.config.set_dtype_policy(policy)
    try:
        scope = torchkeras.RematScope(**MODES[mode])
        with scope:
            parts = STACKS[stack]()
            model = torchkeras.Sequential([torchkeras.Input((6,)), *parts])
    finally:
        torchkeras.config.set_dtype_policy("float32")
    x = np.random.default_rng(0).normal(size=(12, 6)).astype("float32")
    model.compile("adam", "mse")
    y = np.full((12, *model.output_shape[1:]), 0.5)
    history = model.fit(x, y, batch_size=4, epochs=steps, verbose=0, shuffle=False)
    return history.history["loss"], [v.numpy() for v in model.variables]


@pytest.mark.parametrize(
    ("mode", "policy"),
    [("full", "float32"), ("full", "mixed_bfloat16"), ("activations", "float32")],
)
@pytest.mark.parametrize("stack", STACKS)
def test_training_is_the_same(stack, mode, policy):
    if stack == "quantized" and policy != "float32":
        pytest.skip("says its own type")
    losses, weights = trained(stack, mode, policy)
    plain_losses, plain_weights = trained(stack, "none", policy)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-6)
    for mine, other in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_less_is_kept():
    def kept(scope):
        with scope:
            model = torchkeras.Sequential([layers.Dense(64, "gelu") for _ in range(4)])
        x = torch.randn(8, 64)
        model.build(x.shape)
        sizes = []
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda t: sizes.append(t.numel()) or t, lambda t: t
        )
        with hooks:
            model(x)
        return sum(sizes)

    assert kept(torchkeras.RematScope()) < kept(torchkeras.RematScope(None))


def test_losses_are_not_doubled():
    with torchkeras.RematScope():
        layer = Penalty()
    x = torch.ones(2, 3, requires_grad=True)
    y = layer(x)
    (y.sum() + sum(layer.losses)).backward()
    assert len(layer.losses) == 1
    torch.testing.assert_close(x.grad, torch.full((2, 3), 1 + 0.2 / 6))


def test_gradients_of_a_function():
    calls = []

    def f(x, scale=1.0):
        calls.append(1)
        return (x * scale).exp()

    g = torchkeras.remat(f)
    x = torch.ones(3, requires_grad=True)
    g(x, scale=2.0).sum().backward()
    assert len(calls) == 2
    torch.testing.assert_close(x.grad, 2 * torch.ones(3).mul(2).exp())
    with torch.no_grad():
        g(x)
    assert len(calls) == 3
    norm = layers.BatchNormalization(momentum=0.5)
    norm.build((None, 3))
    torchkeras.remat(norm)(torch.ones(4, 3, requires_grad=True), training=True).sum().backward()
    torch.testing.assert_close(norm.moving_mean.detach(), torch.full((3,), 0.5))


@every_mode
def test_compiled(mode):
    with torchkeras.RematScope(**MODES[mode]):
        model = torchkeras.Sequential([layers.Dense(8, "gelu", name="one"), layers.Dense(2)])
    x = torch.randn(4, 6, requires_grad=True)
    y = model(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")(x)
    torch.testing.assert_close(compiled, y)
    torch.testing.assert_close(torch.autograd.grad(compiled.sum(), x)[0], gradient)


def test_configs_and_copies_say_nothing_of_it():
    with torchkeras.RematScope("activations"):
        layer = layers.Dense(3, "relu")
    plain = layers.Dense(3, "relu", name=layer.name)
    layer(torch.ones(2, 4))
    assert layer.get_config() == plain.get_config()
    assert pickle.loads(pickle.dumps(layer))._remat == layer._remat
    assert layer.rematerialized_call(layer.call) != layer.call
    assert plain.rematerialized_call(plain.call) == plain.call


def test_refusals():
    with pytest.raises(ValueError, match="Invalid mode 'some'"):
        torchkeras.RematScope("some")
    with pytest.raises(ValueError, match="`output_size_threshold` must be an integer"):
        torchkeras.RematScope("larger_than", output_size_threshold=None)
