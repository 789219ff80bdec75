"""What the table cannot say of convolutional layers: products of arguments, formulas, errors."""

import inspect

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import torchkeras
from tests.layers.cases_conv import MATRIX
from tests.layers.test_cases import TOLERANCE, assert_close, run
from torchkeras import layers as L

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def ones(*shape):
    return torch.ones(shape)


@pytest.mark.parametrize("case", MATRIX, ids=[c.id for c in MATRIX])
def test_products_of_arguments(case):
    mine, theirs = run(case, torchkeras), run(case, keras)
    assert mine.inference.shape == case.output
    assert_close(mine.inference, theirs.inference)
    assert len(mine.grads) == len(theirs.grads)
    for a, b in zip(mine.grads, theirs.grads):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


NAMES = [
    *(f"Conv{r}DTranspose" for r in (1, 2, 3)),
    *(f"{kind}{r}D" for kind in ("DepthwiseConv", "SeparableConv") for r in (1, 2)),
    *(f"Adaptive{kind}Pooling{r}D" for kind in ("Average", "Max") for r in (1, 2, 3)),
    *(f"{k}{r}D" for k in ("Cropping", "ZeroPadding", "UpSampling") for r in (1, 2, 3)),
    *("AlphaDropout", "SpatialDropout2D", "SpatialDropout3D"),
    *(f"ConvLSTM{r}D" for r in (1, 2, 3)),
]


@pytest.mark.parametrize("name", NAMES)
def test_arguments_stand_in_the_order_of_keras(name):
    mine, theirs = (
        list(inspect.signature(getattr(m.layers, name)).parameters) for m in (torchkeras, keras)
    )
    assert mine == theirs


# --- convolutions ----------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_transposed_is_the_gradient_of_a_convolution(rank, window, strides, padding):
    """The definition: what a convolution's gradient does to what came out of it."""
    n = 3
    layer = L.__dict__[f"Conv{rank}DTranspose"](2, window, strides, padding, use_bias=False)
    x = torch.tensor(data(2, *(n,) * rank, 3))
    y = layer(x).detach().movedim(-1, 1)
    image = torch.zeros_like(y, requires_grad=True)
    size = y.shape[-1]
    assert size == (n * strides if padding == "same" else n * strides + max(window - strides, 0))
    total = max((n - 1) * strides + window - size, 0) if padding == "same" else 0
    padded = F.pad(image, (total // 2, total - total // 2) * rank)
    weight = layer.kernel.detach().movedim((-1, -2), (0, 1))
    out = _CONV[rank](padded, weight, stride=strides)
    assert out.shape[2:] == (n,) * rank
    (expected,) = torch.autograd.grad(out, image, x.movedim(-1, 1))
    np.testing.assert_allclose(y, expected, **TOLERANCE)


def test_kernels_lie_as_torch_wants_them():
    x = ones(1, 5, 5, 3)
    transposed, depthwise = L.Conv2DTranspose(4, 3), L.DepthwiseConv2D(3, depth_multiplier=2)
    transposed(x), depthwise(x)
    assert transposed.kernel.shape == (3, 3, 4, 3)
    weight = transposed.kernel.permute(3, 2, 0, 1)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    weight = depthwise.kernel.permute(2, 3, 0, 1)
    assert depthwise.kernel.shape == (3, 3, 3, 2) and weight.is_contiguous()
    separable = L.SeparableConv1D(4, 3)
    separable(ones(1, 5, 3))
    assert separable.depthwise_kernel.permute(1, 2, 0).is_contiguous()
    assert separable.pointwise_kernel.permute(2, 0, 1).is_contiguous()


def test_integers_are_convolved_as_floats():
    x = torch.arange(12).reshape(1, 4, 3)
    for layer in (L.Conv1DTranspose(2, 3), L.DepthwiseConv1D(3), L.SeparableConv1D(2, 3)):
        y = layer(x)
        assert y.dtype is torch.float32
        np.testing.assert_allclose(y.detach(), layer(x.float()).detach(), **TOLERANCE)


def test_depthwise_shape_without_sizes():
    layer = L.DepthwiseConv2D(3, depth_multiplier=2)
    assert layer.compute_output_shape((None, None, 8, 3)) == (None, None, 6, 6)
    assert layer.compute_output_shape((None, None, None, None)) == (None, None, None, None)
    assert L.Conv1DTranspose(2, 3, 2).compute_output_shape((None, None, 5)) == (None, None, 2)


# --- pooling, cropping, padding, enlarging ---------------------------------------------


@pytest.mark.parametrize("wanted", [1, 2, 3, 5, 7, 9])
def test_adaptive_windows(wanted):
    x = data(2, 7, 3)
    means, maxima = (
        L.AdaptiveAveragePooling1D(wanted)(x).numpy(),
        L.AdaptiveMaxPooling1D(wanted)(x).numpy(),
    )
    for i in range(wanted):
        window = x[:, i * 7 // wanted : -(-(i + 1) * 7 // wanted)]
        np.testing.assert_allclose(means[:, i], window.mean(1), **TOLERANCE)
        np.testing.assert_allclose(maxima[:, i], window.max(1), **TOLERANCE)


def test_adaptive_pooling_of_integers():
    assert L.AdaptiveAveragePooling1D(2)(torch.arange(4).reshape(1, 4, 1)).tolist() == [
        [[0.5], [2.5]]
    ]


@pytest.mark.parametrize("mode, radius", [("lanczos3", 3), ("lanczos5", 5)])
def test_lanczos(mode, radius):
    x = data(1, 6, 4, 2)
    y = L.UpSampling2D((2, 3), interpolation=mode)(x).numpy()

    def weights(n, times):
        """Rows: the windowed sinc around each place, of what lies inside the image."""
        rows = np.zeros((n * times, n))
        for i in range(n * times):
            for j in range(n):
                d = (i + 0.5) / times - 0.5 - j
                if abs(d) < radius:
                    rows[i, j] = np.sinc(d) * np.sinc(d / radius)
            rows[i] /= rows[i].sum()
        return rows

    expected = np.einsum("ih,bhwc,jw->bijc", weights(6, 2), x, weights(4, 3))
    np.testing.assert_allclose(y, expected, **TOLERANCE)


@pytest.mark.parametrize("times", [7, 16, 41, 49, 64])
def test_nearest_is_exact_for_large_factors(times):
    x = torch.arange(100.0).reshape(1, 100, 1, 1)
    y = L.UpSampling2D((times, 1))(x)
    assert torch.equal(y, x.repeat_interleave(times, dim=1))
    y = L.UpSampling3D((1, times, 1))(x.unsqueeze(1))
    assert torch.equal(y, x.repeat_interleave(times, dim=1).unsqueeze(1))


@pytest.mark.parametrize("dtype", ["int32", "uint8"])
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_integers_stay_integers(mode, dtype):
    x = np.array([[0, 7], [20, 255]], dtype).reshape(1, 2, 2, 1)
    y = L.UpSampling2D(2, interpolation=mode)(x)
    expected = keras.layers.UpSampling2D(2, interpolation=mode)(x)
    assert y.dtype == expected.dtype
    assert torch.equal(y, expected)
    for layer in (L.Cropping2D(((1, 0), (0, 0))), L.ZeroPadding2D(1)):
        assert layer(x).dtype == expected.dtype


def test_crops_are_views():
    x = ones(1, 5, 5, 2)
    assert L.Cropping2D(1)(x).data_ptr() == x[:, 1:, 1:].data_ptr()


def test_unknown_sizes():
    for layer in (L.Cropping2D(1), L.ZeroPadding2D(1), L.UpSampling2D(2)):
        assert layer.compute_output_shape((None, None, None, 3)) == (None, None, None, 3)
    assert L.UpSampling1D(2).compute_output_shape((None, None, 3)) == (None, None, 3)


# --- dropout ---------------------------------------------------------------------------


@pytest.mark.parametrize("kwargs", [{}, {"seed": 1}, {"noise_shape": (None, 1)}])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_alpha_dropout_keeps_mean_and_variance(rate, kwargs):
    torch.manual_seed(0)
    x = torch.randn(200_000, 1)
    y = L.AlphaDropout(rate, **kwargs)(x, training=True)
    assert abs(y.mean().item()) < 0.02 and abs(y.std().item() - 1) < 0.02
    # Dropped values are all one number, the others on a line.
    limit = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * limit**2)) ** -0.5
    dropped = torch.isclose(y, torch.tensor(a * limit * (1 - rate)), atol=1e-5)
    assert abs(dropped.float().mean().item() - rate) < 0.01
    np.testing.assert_allclose(
        y[~dropped], a * x[~dropped] - a * rate * limit, rtol=1e-4, atol=1e-4
    )


def test_alpha_dropout_of_slices_and_of_all():
    torch.manual_seed(0)
    y = L.AlphaDropout(0.5, noise_shape=(None, 1, 3))(ones(50, 4, 3), training=True)
    assert torch.equal(y, y[:, :1].expand(50, 4, 3)) and y.unique().numel() == 2
    for kwargs in ({}, {"seed": 1}):
        assert torch.equal(L.AlphaDropout(1.0, **kwargs)(ones(3), training=True), torch.zeros(3))
    one, other = (L.AlphaDropout(0.5, seed=1)(ones(99), training=True) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("seed", [None, 1])
def test_spatial_dropout_drops_whole_channels(rank, data_format, seed):
    torch.manual_seed(0)
    layer = L.__dict__[f"SpatialDropout{rank}D"](0.5, data_format=data_format, seed=seed)
    last = data_format == "channels_last"
    y = layer(ones(40, *(2,) * rank, 9) if last else ones(40, 9, *(2,) * rank), training=True)
    y = y.movedim(-1, 1) if last else y
    values = y.flatten(2)
    assert torch.equal(values, values[..., :1].expand_as(values))
    assert set(values.unique().tolist()) == {0.0, 2.0}


# --- convolutional LSTMs ---------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_conv_lstm_is_its_cell_step_by_step(rank):
    layer = L.__dict__[f"ConvLSTM{rank}D"](2, 2, return_sequences=True)
    x = torch.tensor(data(2, 3, *(4,) * rank, 3))
    y = layer(x)
    states = layer.get_initial_state(2)
    assert [tuple(s.shape) for s in states] == [(2, *(3,) * rank, 2)] * 2
    for t in range(3):
        h, states = layer.cell(x[:, t], states)
        np.testing.assert_allclose(y[:, t].detach(), h.detach(), **TOLERANCE)


def test_conv_lstm_starts_where_it_is_told():
    layer = L.ConvLSTM1D(2, 3, padding="same", return_state=True)
    x = data(2, 4, 5, 3)
    y, *states = layer(x[:, :2])
    parts = layer(x[:, 2:], initial_state=states)
    for a, b in zip(parts, layer(x)):
        np.testing.assert_allclose(a.detach(), b.detach(), **TOLERANCE)


def test_stateful_conv_lstm():
    layer = L.ConvLSTM1D(2, 3, padding="same", stateful=True)
    x = data(2, 4, 5, 3)
    layer(x[:, :2])
    last = layer(x[:, 2:])
    layer.stateful = False
    np.testing.assert_allclose(last.detach(), layer(x).detach(), **TOLERANCE)
    layer.reset_state()
    assert all(not s.any() for s in layer.states)


@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
@pytest.mark.parametrize("seed", [None, 1])
def test_conv_lstm_dropout(kind, seed):
    """At rate 1 nothing comes through; below, each gate and each sequence has its mask."""
    torch.manual_seed(0)
    x = torch.tensor(data(2, 3, 5, 3))
    layer = L.ConvLSTM1D(2, 3, padding="same", seed=seed, **{kind: 1.0})
    layer(x)
    dead = L.ConvLSTM1D(2, 3, padding="same")
    dead(x)
    weights = layer.get_weights()
    weights["dropout recurrent_dropout".split().index(kind)][:] = 0
    dead.set_weights(weights)
    np.testing.assert_allclose(
        layer(x, training=True).detach(), dead(x).detach(), rtol=1e-5, atol=1e-6
    )
    layer = L.ConvLSTM1D(2, 3, seed=seed, **{kind: 0.5})
    first, second = layer(x, training=True), layer(x, training=True)
    assert not torch.equal(first, second)
    layer.cell.reset_dropout_mask()
    layer.cell.reset_recurrent_dropout_mask()
    get = (
        layer.cell.get_dropout_mask if kind == "dropout" else layer.cell.get_recurrent_dropout_mask
    )
    masks = get(ones(2, 5, 3))
    assert len(masks) == 4 and not torch.equal(masks[0], masks[1])
    assert get(ones(2, 5, 3)) is masks


def test_forget_gates_start_open():
    for open_, expected in ((True, [0, 0, 1, 1, 0, 0, 0, 0]), (False, [0] * 8)):
        layer = L.ConvLSTM2D(2, 3, unit_forget_bias=open_)
        layer.build((None, 3, 5, 5, 1))
        assert layer.cell.bias.tolist() == expected


# --- errors ----------------------------------------------------------------------------

BAD = {
    "transposed filters": (lambda: L.Conv2DTranspose(0, 3), ValueError, "filters"),
    "transposed kernel_size": (lambda: L.Conv2DTranspose(2, 0), ValueError, "kernel_size"),
    "transposed groups": (lambda: L.Conv2DTranspose(2, 3, groups=2), ValueError, "groups"),
    "transposed causal": (lambda: L.Conv1DTranspose(2, 3, padding="causal"), ValueError, "causal"),
    "transposed both": (
        lambda: L.Conv1DTranspose(2, 3, 2, dilation_rate=2),
        ValueError,
        "strides.*dilation_rate",
    ),
    "transposed output_padding": (
        lambda: L.Conv2DTranspose(2, 3, (3, 2), output_padding=2),
        ValueError,
        "`output_padding` must be strictly less than `strides`.*dimension 1",
    ),
    "transposed negative": (
        lambda: L.Conv1DTranspose(2, 3, 2, output_padding=-1),
        ValueError,
        "output_padding.*-1",
    ),
    "transposed channels": (
        lambda: L.Conv1DTranspose(2, 3).build((None, 4, None)),
        ValueError,
        "channel dimension",
    ),
    "depthwise multiplier": (
        lambda: L.DepthwiseConv2D(3, depth_multiplier=1.5),
        ValueError,
        "depth_multiplier",
    ),
    "depthwise too large": (
        lambda: L.DepthwiseConv1D(9)(ones(1, 7, 3)),
        ValueError,
        "zero or negative",
    ),
    "depthwise channels": (
        lambda: L.DepthwiseConv1D(3).build((None, 7, None)),
        ValueError,
        "channel dimension",
    ),
    "separable filters": (lambda: L.SeparableConv2D(0, 3), ValueError, "filters"),
    "separable multiplier": (
        lambda: L.SeparableConv1D(2, 3, depth_multiplier=0),
        ValueError,
        "depth_multiplier",
    ),
    "separable too large": (
        lambda: L.SeparableConv2D(2, 9)(ones(1, 7, 7, 3)),
        ValueError,
        "zero or negative",
    ),
    "adaptive type": (lambda: L.AdaptiveMaxPooling2D("a"), TypeError, "output_size.*height"),
    "adaptive count": (lambda: L.AdaptiveMaxPooling2D((1, 2, 3)), TypeError, "output_size"),
    "adaptive count 1": (lambda: L.AdaptiveMaxPooling1D((1, 2)), ValueError, "output_size"),
    "adaptive zero": (lambda: L.AdaptiveAveragePooling3D(0), ValueError, "output_size"),
    "adaptive format": (lambda: L.AdaptiveMaxPooling1D(2, "x"), ValueError, "data_format: x"),
    "adaptive rank": (lambda: L.AdaptiveMaxPooling2D(2)(ones(1, 4, 3)), ValueError, "ndim=4"),
    "cropping 1": (lambda: L.Cropping1D((1, 2, 3)), ValueError, "cropping"),
    "cropping count": (lambda: L.Cropping2D((1, 2, 3)), ValueError, "two elements"),
    "cropping count 3": (lambda: L.Cropping3D((1, 2)), ValueError, "3 elements"),
    "cropping type": (lambda: L.Cropping2D(1.5), ValueError, "cropping.*int"),
    "cropping negative": (lambda: L.Cropping3D(-1), ValueError, "cannot be negative"),
    "cropping pair": (lambda: L.Cropping2D((1, (1, -1))), ValueError, "2nd entry of cropping"),
    "cropping all": (lambda: L.Cropping1D((3, 4))(ones(1, 7, 2)), ValueError, "smaller than"),
    "cropping all 2": (lambda: L.Cropping2D(4)(ones(1, 9, 8, 2)), ValueError, "smaller than"),
    "cropping symbols": (
        lambda: L.Cropping2D(4)(torchkeras.Input((8, 9, 1))),
        ValueError,
        "smaller than",
    ),
    "padding negative": (lambda: L.ZeroPadding2D(-1), ValueError, "padding.*negative"),
    "padding negative 1": (lambda: L.ZeroPadding1D((1, -1)), ValueError, "padding"),
    "padding count": (lambda: L.ZeroPadding2D((1, 2, 3)), ValueError, "two elements"),
    "padding entry": (lambda: L.ZeroPadding3D((1, 2, (1,))), ValueError, "3rd entry of padding"),
    "up-sampling size": (lambda: L.UpSampling2D((1, 2, 3)), ValueError, "size"),
    "up-sampling type": (lambda: L.UpSampling1D((2,)), TypeError, "size"),
    "up-sampling bool": (lambda: L.UpSampling1D(True), TypeError, "size"),
    "up-sampling zero": (lambda: L.UpSampling1D(0), ValueError, "size"),
    "up-sampling mode": (lambda: L.UpSampling2D(interpolation="foo"), ValueError, "interpolation"),
    "alpha rate": (lambda: L.AlphaDropout(1.5), ValueError, "rate"),
    "alpha noise_shape": (lambda: L.AlphaDropout(0.5, noise_shape=3), ValueError, "noise_shape"),
    "spatial rate": (lambda: L.SpatialDropout2D(-1), ValueError, "rate"),
    "spatial format": (lambda: L.SpatialDropout3D(0.5, "x"), ValueError, "data_format"),
    "lstm filters": (lambda: L.ConvLSTM2D(0, 3), ValueError, "filters"),
    "lstm strides": (lambda: L.ConvLSTM2D(2, 3, 0), ValueError, "strides"),
    "lstm both": (
        lambda: L.ConvLSTM1D(2, 3, strides=2, dilation_rate=2),
        ValueError,
        "strides.*not compatible with.*dilation_rate",
    ),
    "lstm causal": (lambda: L.ConvLSTM1D(2, 3, padding="causal"), ValueError, "padding"),
    "lstm unknown": (lambda: L.ConvLSTM1D(2, 3, groups=2), ValueError, "groups"),
    "lstm sizes": (
        lambda: L.ConvLSTM1D(2, 3)(torchkeras.Input((4, None, 3))),
        ValueError,
        "static input shapes",
    ),
    "lstm rank": (lambda: L.ConvLSTM2D(2, 3)(ones(1, 4, 5, 3)), ValueError, "ndim=5"),
    "spatial rank": (lambda: L.SpatialDropout2D(0.5)(ones(1, 2, 3)), ValueError, "ndim=4"),
}


@pytest.mark.parametrize("name", BAD)
def test_errors(name):
    action, error, text = BAD[name]
    with pytest.raises(error, match=text):
        action()
