"""Low-rank adapters beside real Keras: weights, values, gradients, configs, refusals."""

import copy

import keras
import numpy as np
import pytest
import torch

import torchkeras

LAYERS = {
    "Dense": (lambda k, **a: k.layers.Dense(4, kernel_regularizer="l2", **a), (3, 5)),
    "EinsumDense": (
        lambda k, **a: k.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="e", **a),
        (2, 3, 5),
    ),
    "EinsumDense-summed": (
        lambda k, **a: k.layers.EinsumDense("abcd,cde->abe", (None, 4), **a),
        (2, 3, 5, 2),
    ),
    "Embedding": (lambda k, **a: k.layers.Embedding(6, 4, mask_zero=True, **a), (2, 3)),
    "Conv1D": (lambda k, **a: k.layers.Conv1D(4, 3, **a), (2, 8, 6)),
    "Conv2D": (
        lambda k, **a: k.layers.Conv2D(4, 3, groups=2, data_format="channels_first", **a),
        (2, 6, 8, 8),
    ),
    "Conv3D": (lambda k, **a: k.layers.Conv3D(4, 2, padding="same", **a), (1, 4, 4, 4, 2)),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def inputs(name, shape):
    rng = np.random.default_rng(0)
    if name == "Embedding":
        return torch.from_numpy(rng.integers(0, 6, shape))
    return torch.from_numpy(rng.normal(size=shape).astype("float32"))


def adapted_pair(name, **arguments):
    """The two layers, with equal weights."""
    make, shape = LAYERS[name]
    x = inputs(name, shape)
    layers = []
    for framework in (torchkeras, keras):
        layer = make(framework, name="layer")
        layer(x)
        layer.enable_lora(2, **arguments)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
        layers.append(layer)
    return *layers, x


@every_layer
@pytest.mark.parametrize("arguments", [{}, {"lora_alpha": 3.0}], ids=["default", "alpha"])
def test_as_keras(name, arguments):
    ours, theirs, x = adapted_pair(name, **arguments)
    for group in ("weights", "trainable_weights", "non_trainable_weights"):
        assert [v.path for v in getattr(ours, group)] == [v.path for v in getattr(theirs, group)]
    np.testing.assert_allclose(ours(x).detach(), theirs(x).detach(), rtol=1e-5, atol=1e-5)
    weight = "embeddings" if name == "Embedding" else "kernel"
    np.testing.assert_allclose(
        getattr(ours, weight).detach(), getattr(theirs, weight).detach(), rtol=1e-5, atol=1e-5
    )
    assert len(ours.losses) == len(theirs.losses)
    gradients = []
    for layer in (ours, theirs):
        loss = layer(x).square().sum() + sum(layer.losses)
        weights = [getattr(w, "value", w) for w in layer.trainable_weights]
        gradients.append(torch.autograd.grad(loss, weights))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    mine, other = ours.get_config(), theirs.get_config()
    assert {k: v for k, v in mine.items() if k in other} == mine
    assert (mine["lora_rank"], mine["lora_alpha"]) == (other["lora_rank"], other["lora_alpha"])


@every_layer
def test_constructor_argument_and_config(name):
    make, shape = LAYERS[name]
    x = inputs(name, shape)
    layer = make(torchkeras, lora_rank=2, lora_alpha=5)
    assert not layer.lora_enabled
    layer(x)
    assert layer.lora_enabled
    again = type(layer).from_config(layer.get_config())
    again(x)
    assert again.lora_enabled and (again.lora_rank, again.lora_alpha) == (2, 5)
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again(x), layer(x))
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), layer(x))


@every_layer
def test_outputs_begin_as_they_were(name):
    make, shape = LAYERS[name]
    x = inputs(name, shape)
    layer = make(torchkeras)
    before = layer(x)
    layer.enable_lora(2)
    torch.testing.assert_close(layer(x), before)


@every_layer
def test_mixed_precision(name):
    make, shape = LAYERS[name]
    layer = make(torchkeras, dtype="mixed_bfloat16", lora_rank=2)
    outputs = layer(inputs(name, shape))
    assert outputs.dtype is torch.bfloat16
    assert {w.dtype for w in layer.weights} == {torch.float32}
    outputs.float().sum().backward()
    assert all(w.grad is not None for w in layer.trainable_weights)


def test_only_the_adapter_is_trained():
    model = torchkeras.Sequential([torchkeras.layers.Dense(4), torchkeras.layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
    y = x.sum(1, keepdims=True)
    model.build((None, 5))
    first = model.layers[0]
    first.enable_lora(2)
    kernel = first._stored("kernel").clone()
    model.compile("adam", "mse")
    before = [w.numpy() for w in first.trainable_weights]
    model.fit(x, y, epochs=2, verbose=0)
    assert torch.equal(first._stored("kernel"), kernel)
    for old, new in zip(before, first.trainable_weights, strict=True):
        assert not np.array_equal(old, new.numpy())
    first.trainable = False
    assert first.trainable_weights == []


def test_kernel_does_not_exist_before_it_is_built():
    layer = torchkeras.layers.Dense(4)
    assert not hasattr(layer, "kernel")
    with pytest.raises(AttributeError, match="Build it first"):
        _ = layer.kernel


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (lambda: torchkeras.layers.Dense(4), None, "isn't yet built"),
        (
            lambda: torchkeras.layers.Dense(4, kernel_constraint="max_norm"),
            (None, 5),
            "incompatible with kernel constraints",
        ),
        (
            lambda: torchkeras.layers.Embedding(4, 3, embeddings_constraint="max_norm"),
            (None,),
            "incompatible with embedding constraints",
        ),
        (lambda: torchkeras.layers.Dense(4, lora_rank=2), (None, 5), "already enabled"),
    ],
)
def test_refusals(layer, shape, message):
    layer = layer()
    if shape:
        layer.build(shape)
    with pytest.raises(ValueError, match=message):
        layer.enable_lora(2)


def test_ranks_are_positive():
    with pytest.raises(ValueError, match="`lora_rank` must be a positive integer"):
        torchkeras.layers.Dense(4, lora_rank=0)
    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    with pytest.raises(ValueError, match="`rank` must be a positive integer"):
        layer.enable_lora(1.5)
