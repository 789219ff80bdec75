"""Normalization: what the table of layers cannot say."""

import copy

import numpy as np
import pytest
import torch

from torchkeras import layers
from torchkeras.initializers import Constant

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.GroupNormalization(groups=0), "invalid value for argument `groups`"),
        (lambda: layers.GroupNormalization(groups=1.5), "invalid value for argument `groups`"),
        (lambda: layers.GroupNormalization(3).build((2, 4)), "must be a multiple of the number"),
        (lambda: layers.GroupNormalization(8).build((2, 4)), "cannot be more than the number"),
        (lambda: layers.GroupNormalization(2).build((2, None)), "should have a defined dimension"),
        (lambda: layers.GroupNormalization(2, axis=0).build((2, 4)), "after that of the batch"),
        (lambda: layers.GroupNormalization(2, axis=2).build((2, 4)), "after that of the batch"),
        (lambda: layers.GroupNormalization(2, axis=-2).build((2, 4)), "after that of the batch"),
        (lambda: layers.RMSNormalization(axis=2).build((2, 4)), "must name axes of the inputs"),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"max": 2}),
            "Received invalid keys for `renorm_clipping`",
        ),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 1, "rmin": 2}),
            "rmax should be greater than rmin",
        ),
        (
            lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1}),
            "dmax should be non-negative",
        ),
        (
            lambda: layers.SpectralNormalization(layers.Dense(2), power_iterations=0),
            "`power_iterations` should be greater than zero",
        ),
        (
            lambda: layers.SpectralNormalization(layers.LayerNormalization()).build((2, 3)),
            "no attribute 'kernel' nor 'embeddings'",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.GroupNormalization(axis=[1]),
        lambda: layers.RMSNormalization(axis="last"),
        lambda: layers.UnitNormalization(axis=None),
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping=3),
    ],
)
def test_refuses_another_type(make):
    with pytest.raises(TypeError, match="axis|renorm_clipping"):
        make()


@pytest.mark.parametrize("axis", [1, -2, [1, 2], [1, 3], [3, 1]])
def test_rms_normalization_over_any_axes(axis):
    x = data(2, 3, 4, 5)
    layer = layers.RMSNormalization(axis=axis, epsilon=0.01)
    layer(x)
    scale = data(*layer.scale.shape, seed=1)
    layer.set_weights([scale])
    axes = tuple(sorted(a % 4 for a in (axis if isinstance(axis, list) else [axis])))
    shape = [x.shape[i] if i in axes else 1 for i in range(4)]
    expected = x / np.sqrt((x**2).mean(axes, keepdims=True) + 0.01) * scale.reshape(shape)
    np.testing.assert_allclose(layer(x).detach(), expected, **TOLERANCE)


def test_unit_normalization_leaves_zeros():
    x = torch.zeros(2, 3, requires_grad=True)
    y = layers.UnitNormalization()(x)
    assert not y.any()
    y.sum().backward()
    assert x.grad.isfinite().all()


# Channels last without and with a gradient are two ways to compute the same.
@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 4), (2, 4, 5, 4), (2, 4, 1, 4), (2, 4, 3, 1, 4)])
def test_group_normalization_far_from_zero(shape, axis, grad):
    x = torch.tensor(1000.0 + data(*shape), requires_grad=grad)
    layer = layers.GroupNormalization(2, axis, epsilon=0.0)
    channels_last = np.moveaxis(x.detach().double().numpy(), axis, -1)
    groups = channels_last.reshape(shape[0], -1, 2, 2)
    mean, std = (f(groups, axis=(1, 3), keepdims=True) for f in (np.mean, np.std))
    expected = np.moveaxis(((groups - mean) / std).reshape(channels_last.shape), -1, axis)
    y = layer(x)
    np.testing.assert_allclose(y.detach(), expected, atol=2e-3)
    y.sum().backward()
    np.testing.assert_allclose(layer.beta.grad, np.full(4, x.numel() / 4), rtol=1e-5)


@pytest.mark.parametrize(
    "layer", [layers.GroupNormalization(2), layers.LayerNormalization()], ids=lambda x: x.name
)
def test_wide_inputs_of_a_mixed_policy_do_not_overflow(layer):
    layer = type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})
    y = layer(1e6 * data(2, 3, 4))
    assert y.dtype == torch.float16
    assert y.isfinite().all()


def test_renorm_is_plain_at_inference():
    x = data(6, 3)
    layer = layers.BatchNormalization(renorm=True)
    plain = layers.BatchNormalization()
    layer(x, training=True)
    plain(x)
    plain.set_weights(layer.get_weights()[:4])
    np.testing.assert_array_equal(layer(x).detach(), plain(x).detach())


def test_renorm_of_the_first_batch():
    # The moving statistics are those of a unit normal: the correction undoes all.
    x = data(6, 3)
    layer = layers.BatchNormalization(renorm=True, epsilon=0.0)
    np.testing.assert_allclose(layer(x, training=True).detach(), x, **TOLERANCE)
    np.testing.assert_allclose(layer.renorm_mean, 0.01 * x.mean(0), **TOLERANCE)
    np.testing.assert_allclose(layer.renorm_stddev, 0.99 + 0.01 * x.std(0), **TOLERANCE)
    np.testing.assert_allclose(layer.moving_variance, layer.moving_stddev**2, **TOLERANCE)


def test_renorm_begins_at_the_initial_variance():
    layer = layers.BatchNormalization(
        renorm=True, moving_variance_initializer=Constant(4.0), moving_mean_initializer="ones"
    )
    layer.build((None, 2))
    assert layer.moving_stddev.tolist() == layer.renorm_stddev.tolist() == [2.0, 2.0]
    assert layer.renorm_mean.tolist() == [1.0, 1.0]
    assert layer.get_config()["renorm"]
    copy.deepcopy(layer)


def test_spectral_norm_becomes_one():
    layer = layers.SpectralNormalization(layers.Dense(4))
    x = data(2, 6)
    for _ in range(30):
        layer(x, training=True)
    kernel = layer.kernel.detach()
    assert float(torch.linalg.matrix_norm(kernel, 2)) == pytest.approx(1.0, abs=1e-4)
    before = kernel.clone()
    layer(x)
    assert torch.equal(layer.kernel.detach(), before)


def test_spectral_normalization_twice_before_the_backward_pass():
    layer = layers.SpectralNormalization(layers.Dense(4))
    real, fake = data(2, 6), data(2, 6, seed=1)
    (layer(real, training=True).sum() - layer(fake, training=True).sum()).backward()
    expected = np.tile((real - fake).sum(0)[:, None], (1, 4))
    np.testing.assert_allclose(layer.kernel.grad, expected, **TOLERANCE)


def test_spectral_normalization_of_a_zero_kernel():
    layer = layers.SpectralNormalization(layers.Dense(4, kernel_initializer="zeros"))
    assert not layer(data(2, 6), training=True).any()


def test_spectral_normalization_has_one_key_for_a_weight():
    layer = layers.SpectralNormalization(layers.Dense(4))
    layer(data(2, 6))
    assert set(layer.state_dict()) == {"vector_u", "layer.kernel", "layer.bias"}
    assert [w.path.split("/")[-1] for w in layer.weights] == ["kernel", "vector_u", "bias"]
    assert [w.path.split("/")[-1] for w in layer.trainable_weights] == ["kernel", "bias"]


@pytest.mark.parametrize("kwargs", [{}, {"renorm": True}, {"axis": 1}], ids=str)
def test_export_in_training(kwargs):
    """The exported program updates the moving statistics too."""
    layer = layers.BatchNormalization(**kwargs)
    x = torch.tensor(data(4, 3, 5))
    layer(x)
    layer.train()
    other = copy.deepcopy(layer)
    program = torch.export.export(layer, (x,)).module()
    for _ in range(2):
        np.testing.assert_allclose(program(x).detach(), other(x).detach(), **TOLERANCE)
    state = program.state_dict()
    for name, weight in other.state_dict().items():
        np.testing.assert_allclose(state[name].detach(), weight.detach(), **TOLERANCE)
    assert state["moving_mean"].all()


def test_two_calls_before_the_gradient():
    layer = layers.BatchNormalization()
    x = torch.tensor(data(4, 5), requires_grad=True)
    sum((layer(x, training=True) ** 3).sum() for _ in range(2)).backward()
    twice, x.grad = x.grad, None
    (layer(x, training=True) ** 3).sum().backward()
    np.testing.assert_allclose(twice, 2 * x.grad, **TOLERANCE)
