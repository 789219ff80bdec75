"""EinsumDense and attention: what the table of layers cannot say."""

import functools
import itertools
import warnings

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import initializers, layers

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


# --- EinsumDense -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "equation, output_shape, input_shape, bias_axes, message",
    [
        ("ab,bc", 4, (2, 3), None, "Invalid einsum equation 'ab,bc'"),
        ("a...b,bc->a...c", 4, (2, 3), None, "Invalid einsum equation"),
        ("...ab,bc->ac", 4, (2, 3), None, "Invalid einsum equation"),
        ("ab,bc->ac", 4, (2, 3), "z", "Bias dimension 'z' was requested"),
        ("ab,bc->ad", 4, (2, 3), None, "Dimension 'd' was specified in the output"),
        ("ab,bcd->ac", 4, (2, 3), None, "Weight dimension 'd' did not have a match"),
        ("abc,cd->abd", (5, 4), (2, 3, 6), None, "do not match at shared dimension 'b'"),
        ("abc,cd->abd", 4, (2, 3, 6), None, "`output_shape` must have 2 sizes"),
        ("abc,cd->abd", (None, 4), (2, 3), None, "The inputs must have an axis for each"),
        ("abc,cd->abd", (None, None), (2, 3, 5), None, "must be fully-defined"),
        ("abc,cd->abd", (None, 4), (2, None, 5), "b", "must be fully-defined"),
    ],
)
def test_einsum_dense_refuses(equation, output_shape, input_shape, bias_axes, message):
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes)
    with pytest.raises(ValueError, match=message):
        layer.build(input_shape)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 5)])
def test_einsum_dense_checks_its_inputs(shape):
    layer = layers.EinsumDense("abc,cd->abd", (None, 4))
    layer(torch.ones(2, 3, 5))
    with pytest.raises(ValueError, match="incompatible with the layer"):
        layer(torch.ones(shape))


@pytest.mark.parametrize(
    "equation, output_shape, input_shape, fan_in, fan_out",
    [
        ("abc,cde->abde", (None, 30, 40), (None, 5, 60), 60, 1200),
        ("abcd,cde->abe", (None, 30), (None, 5, 20, 10), 200, 30),
        ("abc,bcd->abd", (50, 80), (None, 50, 60), 60, 4000),
    ],
)
def test_fans_are_those_of_the_equation(equation, output_shape, input_shape, fan_in, fan_out):
    for mode, fan in (("fan_in", fan_in), ("fan_out", fan_out)):
        init = initializers.VarianceScaling(1.0, mode, "uniform")
        layer = layers.EinsumDense(equation, output_shape, kernel_initializer=init)
        layer.build(input_shape)
        assert 3.0 / float(layer.kernel.detach().abs().max()) ** 2 == pytest.approx(fan, rel=0.02)
        assert init.input_axes is None  # the caller's initializer is left alone


def test_einsum_dense_takes_integers():
    layer = layers.EinsumDense("ab,bc->ac", 3, kernel_initializer="ones")
    np.testing.assert_array_equal(layer(np.arange(4).reshape(2, 2)).detach(), [[1] * 3, [5] * 3])


def test_a_kernel_is_a_matrix_without_a_copy():
    x = torch.ones(2, 3, 5)
    for equation in ("abc,cde->abde", "abc,dce->abde", "abc,dec->abde"):
        layer = layers.EinsumDense(equation, (None, 2, 4))
        layer(x)
        order = layer._product.kernel_order
        kernel = layer.kernel if order is None else layer.kernel.permute(order)
        assert kernel.reshape(5, 8).data_ptr() == layer.kernel.data_ptr()


def test_einsum_dense_of_mixed_policy():
    layer = layers.EinsumDense("ab,bc->ac", 3, bias_axes="c", dtype="mixed_bfloat16")
    assert layer(torch.ones(2, 4)).dtype == torch.bfloat16
    assert layer.kernel.dtype == torch.float32
    assert torchkeras.layers.EinsumDense.from_config(layer.get_config()).compute_dtype == "bfloat16"


# --- attention: masks, causality, scores, training --------------------------------------


def data(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def some(*shape, seed=0):
    """Random booleans; each row has a true one."""
    allowed = np.random.default_rng(seed).random(shape) > 0.4
    allowed[..., 0] = True
    return allowed


def pair(name, kwargs, shapes):
    """The layer of both frameworks with the same weights."""
    mine, theirs = (getattr(f.layers, name)(**kwargs) for f in (torchkeras, keras))
    for layer in (mine, theirs):
        layer.build(*shapes)
    rng = np.random.default_rng(5)
    shapes = [np.shape(w) for w in theirs.get_weights()]
    weights = [rng.uniform(-0.5, 0.5, shape).astype("float32") for shape in shapes]
    for layer in (mine, theirs):
        layer.set_weights(weights)
    return mine, theirs


def results(layer, arrays, count=2, **kwargs):
    """The first outputs, and gradients of the inputs and the weights."""
    inputs = [torch.tensor(x, requires_grad=True) for x in arrays]
    kwargs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    outputs = layer(*inputs, **kwargs)
    flat = list(outputs)[:count] if isinstance(outputs, tuple | list) else [outputs]
    loss = sum((x * torch.tensor(data(*x.shape, seed=i))).sum() for i, x in enumerate(flat))
    weights = [getattr(w, "value", w) for w in layer.trainable_weights]
    grads = torch.autograd.grad(loss, [*inputs, *weights])
    return [x.detach().numpy() for x in (*flat, *grads)]


def assert_same(mine, theirs, arrays, return_attention_scores, **kwargs):
    mine = results(mine, arrays, return_attention_scores=return_attention_scores, **kwargs)
    # Without scores Keras gives something to queries that see nothing, with them zero.
    count = 1 + return_attention_scores
    theirs = results(theirs, arrays, count, return_attention_scores=True, **kwargs)
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


MASKS = {
    "none": {},
    "value": {"value_mask": (2, 6)},
    "key": {"key_mask": (2, 6)},
    "both": {"value_mask": (2, 6), "key_mask": (2, 6)},
    "attention": {"attention_mask": (2, 4, 6)},
    "attention, one for all": {"attention_mask": (4, 6)},
    "attention, by head": {"attention_mask": (2, 4, 4, 6)},
    "all": {"value_mask": (2, 6), "attention_mask": (2, 4, 6)},
}
OF_HEADS = {
    "MultiHeadAttention": {"num_heads": 4, "key_dim": 3},
    "GroupQueryAttention": {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("name", OF_HEADS)
def test_many_heads(name, window, masks, causal, scores, training):
    mine, theirs = pair(
        name, {**OF_HEADS[name], "sliding_window": window}, [(2, 4, 5), (2, 6, 5), (2, 6, 5)]
    )
    arrays = [data(2, 4, 5), data(2, 6, 5, seed=1), data(2, 6, 5, seed=2)]
    given = {k: some(*shape, seed=i) for i, (k, shape) in enumerate(MASKS[masks].items())}
    assert_same(
        mine,
        theirs,
        arrays,
        **given,
        return_attention_scores=scores,
        training=training,
        use_causal_mask=causal,
    )


AXES = [
    (None, (2, 3, 4, 5), None),
    ((1, 2), (2, 3, 4, 5), (2, 3, 4, 3, 4)),
    ((1, 2), (2, 3, 4, 5), (3, 4, 3, 4)),
    ((2,), (2, 3, 4, 5), (2, 3, 4, 4)),
    ((2,), (2, 3, 4, 5), (4, 4)),
    ((-2,), (2, 3, 4, 5), (2, 1, 4, 4)),
    ((1,), (2, 3, 4, 5), (2, 4, 3, 3)),
    ((2, 3), (2, 3, 2, 4, 5), (2, 3, 2, 4, 2, 4)),
    ((1, 3), (2, 3, 2, 4, 5), (2, 2, 3, 4, 3, 4)),
]


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("axes, shape, mask", AXES)
def test_axes_of_attention(axes, shape, mask, scores):
    kwargs = {"num_heads": 2, "key_dim": 3, "attention_axes": axes, "use_gate": True}
    mine, theirs = pair("MultiHeadAttention", kwargs, [shape, shape])
    given = {} if mask is None else {"attention_mask": some(*mask)}
    arrays = [data(*shape), data(*shape, seed=1)]
    assert_same(mine, theirs, arrays, **given, return_attention_scores=scores)


def test_masks_of_values_and_by_head_together():  # Keras cannot
    layer = layers.MultiHeadAttention(4, 3)
    x, of_values = torch.tensor(data(2, 6, 5)), torch.tensor(some(2, 6))
    by_head = torch.tensor(some(2, 4, 6, 6, seed=1))
    _, scores = layer(
        x, x, value_mask=of_values, attention_mask=by_head, return_attention_scores=True
    )
    assert torch.equal(scores > 0, by_head & of_values[:, None, None])


def test_a_mask_of_values_of_two_axes():
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))
    x, mask = torch.tensor(data(2, 3, 4, 5)), torch.tensor(some(2, 3, 4))
    _, scores = layer(x, x, value_mask=mask, return_attention_scores=True)
    assert scores.shape == (2, 2, 3, 4, 3, 4)
    assert torch.equal(scores[:, 1, 2, 1] > 0, mask)
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1,))
    _, scores = layer(x, x, value_mask=mask, return_attention_scores=True)
    assert torch.equal(scores[:, :, 1, 2] > 0, mask.transpose(1, 2))


def test_a_mask_of_the_first_of_two_axes():
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), use_bias=False)
    x, mask = torch.tensor(data(2, 3, 4, 5)), torch.tensor([[True, False, True]] * 2)
    y, scores = layer(x, x, query_mask=mask, value_mask=mask, return_attention_scores=True)
    seen = mask[:, :, None].expand(2, 3, 4)
    assert torch.equal(y.ne(0).all(-1), seen)
    expected = seen[:, None, :, :, None, None] & seen[:, None, None, None]
    assert torch.equal(scores > 0, expected.expand(scores.shape))


@pytest.mark.filterwarnings("ignore:.*does not support masking")  # Keras' projections
@pytest.mark.parametrize("name", OF_HEADS)
def test_masks_that_tensors_carry(name):
    mine, theirs = pair(name, OF_HEADS[name], [(2, 4, 5), (2, 6, 5)])
    query, value = data(2, 4, 5), data(2, 6, 5, seed=1)
    outputs = []
    for layer in (mine, theirs):
        q, v = torch.tensor(query), torch.tensor(value)
        q._keras_mask, v._keras_mask = torch.tensor(some(2, 4)), torch.tensor(some(2, 6, seed=1))
        outputs.append([*layer(q, v, return_attention_scores=True), q._keras_mask])
    (y, scores, mask), (y2, scores2, _) = outputs
    np.testing.assert_allclose(y.detach(), y2.detach(), **TOLERANCE)
    np.testing.assert_allclose(scores.detach(), scores2.detach(), **TOLERANCE)
    assert torch.equal(y._keras_mask, mask)
    # Without scores too, and without a warning of the projections.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        q, v = torch.tensor(query), torch.tensor(value)
        fused = mine(q, v, query_mask=mask, value_mask=torch.tensor(some(2, 6, seed=1)))
    np.testing.assert_allclose(fused.detach(), y.detach(), **TOLERANCE)


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("name", OF_HEADS)
def test_a_query_that_sees_nothing_gets_nothing(name, scores):
    layer = getattr(layers, name)(**OF_HEADS[name], use_bias=False)
    x = torch.tensor(data(2, 4, 5), requires_grad=True)
    mask = torch.ones(2, 4, 4, dtype=torch.bool)
    mask[0, 1] = False
    y = layer(x, x, attention_mask=mask, return_attention_scores=scores)
    y = y[0] if scores else y
    assert not y[0, 1].any() and y[0, 0].any()
    y.sum().backward()
    assert all(g.isfinite().all() for g in (x.grad, *(w.grad for w in layer.weights)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masks", [None, [(2, 4), None], [None, (2, 6)], [(2, 4), (2, 6), (2, 6)]])
@pytest.mark.parametrize(
    "name, kwargs",
    [
        ("Attention", {}),
        ("Attention", {"use_scale": True}),
        ("Attention", {"score_mode": "concat", "use_scale": True}),
        ("AdditiveAttention", {}),
        ("AdditiveAttention", {"use_scale": False}),
    ],
)
def test_one_head(name, kwargs, masks, causal, scores, training):
    mine, theirs = pair(name, kwargs, [[(2, 4, 5), (2, 6, 5)]])
    arrays = [data(2, 4, 5), data(2, 6, 5, seed=1), data(2, 6, 5, seed=2)]
    if masks is not None:
        masks = [m if m is None else torch.tensor(some(*m)) for m in masks]

    def of_list(layer):
        def call(*inputs, **options):
            return layer(list(inputs), **options)

        call.trainable_weights = layer.trainable_weights
        return call

    assert_same(
        of_list(mine),
        of_list(theirs),
        arrays,
        mask=masks,
        return_attention_scores=scores,
        training=training,
        use_causal_mask=causal,
    )


@pytest.mark.parametrize("scores", [False, True])
@pytest.mark.parametrize("name", ["Attention", "AdditiveAttention"])
def test_where_nothing_is_allowed_values_count_alike(name, scores):
    layer = getattr(layers, name)()
    query, value = torch.tensor(data(2, 4, 5)), torch.tensor(data(2, 6, 5, seed=1))
    mask = [None, torch.zeros(2, 6, dtype=torch.bool)]
    y = layer([query, value], mask=mask, return_attention_scores=scores)
    y = y[0] if scores else y
    expected = value.mean(1, keepdim=True).expand(2, 4, 5)
    np.testing.assert_allclose(y.detach(), expected, **TOLERANCE)


# --- attention: dropout, kernels, subclasses --------------------------------------------


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("name", OF_HEADS)
def test_dropout_keeps_the_mean(name, seed):
    layer = getattr(layers, name)(**OF_HEADS[name], dropout=0.5, seed=seed)
    x = torch.tensor(data(1, 4, 5))
    expected, scores = layer(x, x, return_attention_scores=True)
    drawn, dropped = layer(x, x, return_attention_scores=True, training=True)
    np.testing.assert_allclose(scores.detach(), dropped.detach(), **TOLERANCE)  # as before dropout
    assert not torch.allclose(drawn, expected)
    many = torch.stack([layer(x, x, training=True).detach() for _ in range(2000)])
    np.testing.assert_allclose(many.mean(0), expected.detach(), atol=0.1)


@pytest.mark.parametrize("name", [*OF_HEADS, "Attention", "AdditiveAttention"])
def test_a_seed_repeats(name):
    x = torch.tensor(data(1, 4, 5))
    inputs = (x, x) if name in OF_HEADS else ([x, x],)
    outputs = []
    for _ in range(2):
        layer = getattr(layers, name)(**OF_HEADS.get(name, {}), dropout=0.5, seed=3)
        layer(*inputs)
        layer.set_weights([np.ones(w.shape) for w in layer.weights])
        outputs.append([layer(*inputs, training=True).detach() for _ in range(2)])
    assert torch.equal(outputs[0][0], outputs[1][0]) and torch.equal(outputs[0][1], outputs[1][1])
    assert not torch.equal(*outputs[0])


def test_projections_begin_differently():
    layer = layers.MultiHeadAttention(2, 4)
    layer.build((2, 3, 8), (2, 3, 8))
    kernels = [layer.query_dense.kernel, layer.key_dense.kernel, layer.value_dense.kernel]
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(kernels, 2))


def test_paths_and_keys():
    layer = layers.MultiHeadAttention(2, 4, use_gate=True)
    layer.build((2, 3, 8), (2, 3, 8))
    names = ["query", "key", "gate", "value", "attention_output"]
    expected = [f"{layer.name}/{n}/{w}" for n in names for w in ("kernel", "bias")]
    assert [w.path for w in layer.weights] == expected
    keys = ["query_dense", "key_dense", "_gate_dense", "value_dense", "output_dense"]
    assert set(layer.state_dict()) == {f"{k}.{w}" for k in keys for w in ("kernel", "bias")}


@pytest.fixture
def without_flash():
    torchkeras.config.disable_flash_attention()
    yield
    torchkeras.config.enable_flash_attention()


def backends(layer):
    """The kernels that torch may choose from while the layer computes."""
    found = []
    real = torch.nn.functional.scaled_dot_product_attention

    def spy(*args, **kwargs):
        found.append(
            (torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled())
        )
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
        x = torch.ones(2, 4, 8)
        layer(x, x)
    return found


def test_flash_may_be_chosen_by_torch():
    assert torchkeras.config.is_flash_attention_enabled() is None
    assert backends(layers.MultiHeadAttention(2, 4)) == [(True, True)]


def test_flash_can_be_insisted_on(without_flash):
    assert backends(layers.MultiHeadAttention(2, 4, flash_attention=True)) == [(True, False)]


def test_flash_can_be_ruled_out(without_flash):
    assert torchkeras.config.is_flash_attention_enabled() is False
    assert backends(layers.MultiHeadAttention(2, 4)) == [(False, True)]


@pytest.mark.parametrize("name", OF_HEADS)
def test_what_flash_cannot_do(name):
    make = functools.partial(getattr(layers, name), **OF_HEADS[name], flash_attention=True)
    with pytest.raises(ValueError, match="Dropout is not supported when flash"):
        make(dropout=0.1)
    x = torch.ones(2, 4, 8)
    with pytest.raises(ValueError, match="Returning attention scores is not supported"):
        make()(x, x, return_attention_scores=True)


@pytest.mark.filterwarnings("ignore:Flash attention")
def test_flash_refuses_what_its_kernel_cannot_take():
    layer = layers.MultiHeadAttention(2, 3, value_dim=5, flash_attention=True)
    x = torch.ones(2, 4, 8)
    with pytest.raises(RuntimeError, match="Flash attention is not supported with the provided"):
        layer(x, x)


@pytest.mark.parametrize("name", OF_HEADS)
def test_a_subclass_may_attend_in_its_own_way(name):
    seen = {}

    class Own(getattr(layers, name)):
        def _compute_attention(self, query, key, value, attention_mask=None, training=None):
            seen.update(shapes=(query.shape, key.shape, value.shape), mask=attention_mask)
            return super()._compute_attention(query, key, value, attention_mask, training)

    mine, plain = Own(**OF_HEADS[name]), getattr(layers, name)(**OF_HEADS[name])
    x = torch.tensor(data(2, 4, 5))
    y = mine(x, x, use_causal_mask=True)
    plain(x, x)
    plain.set_weights(mine.get_weights())
    np.testing.assert_allclose(y.detach(), plain(x, x, use_causal_mask=True).detach(), **TOLERANCE)
    assert seen["shapes"] == ((2, 4, 4, 3),) * 3
    assert torch.equal(seen["mask"], torch.ones(4, 4).tril().bool())


@pytest.mark.parametrize("name", OF_HEADS)
def test_symbols_of_scores(name):
    query, value = torchkeras.Input((4, 5)), torchkeras.Input((6, 5))
    y, scores = getattr(layers, name)(**OF_HEADS[name])(query, value, return_attention_scores=True)
    assert (y.shape, scores.shape) == ((None, 4, 5), (None, 4, 4, 6))
    model = torchkeras.Model([query, value], [y, scores])
    assert model([data(2, 4, 5), data(2, 6, 5)])[1].shape == (2, 4, 4, 6)


# --- attention: what is refused ---------------------------------------------------------


def attend(shapes, call=None, **kwargs):
    layer = layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, **kwargs})
    return layer(*(torch.ones(s) for s in shapes), **(call or {}))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: attend([], num_heads=0), "invalid value for argument `num_heads`"),
        (lambda: attend([], key_dim=1.5), "invalid value for argument `key_dim`"),
        (lambda: attend([], value_dim=0), "invalid value for argument `value_dim`"),
        (lambda: attend([], dropout=2), "argument `dropout`"),
        (lambda: attend([], sliding_window=0), "`sliding_window` must be `None` or a positive"),
        (lambda: attend([], output_shape=1.5), "Invalid `output_shape`: 1.5"),
        (lambda: attend([], attention_axes="a"), "`attention_axes` must be an int"),
        (lambda: attend([(2, 3, 4)] * 2, attention_axes=2), "`attention_axes` must be different"),
        (lambda: attend([(2, 3, 4)] * 2, attention_axes=(1, 1)), "`attention_axes` must be diff"),
        (lambda: attend([(2, 4)] * 2), "`attention_axes` must be different axes"),
        (lambda: attend([(2, 3, 4), (2, 3, 3, 4)]), "the same number of axes"),
        (lambda: attend([(2, 3, 4), (2, 6, 4), (2, 5, 4)]), "All dimensions of `value` and `key`"),
        (
            lambda: attend([(2, 3, 4, 5)] * 2, {"use_causal_mask": True}),
            "`use_causal_mask` and `sliding_window` need one axis",
        ),
        (
            lambda: attend([(2, 3, 4)] * 2, {"attention_mask": torch.ones(3)}),
            "`attention_mask` must end in the axes of the queries and the keys",
        ),
        (
            lambda: attend([(2, 3, 4)] * 2, {"attention_mask": torch.ones(1, 2, 2, 3, 3)}),
            "A mask has too many axes",
        ),
        (lambda: layers.GroupQueryAttention(4, 3, 2), "must be divisible by `num_key_value_heads`"),
        (
            lambda: layers.GroupQueryAttention(4, 0, 2),
            "invalid value for argument `num_query_heads`",
        ),
        (
            lambda: layers.GroupQueryAttention(4, 2, 2).compute_output_shape((2, 3, 4), (2, 3, 5)),
            "The last dimension of `query_shape` and `value_shape` must be equal",
        ),
        (
            lambda: layers.GroupQueryAttention(4, 2, 2).build((2, 3, 3, 4), (2, 3, 3, 4)),
            "must have three axes",
        ),
        (lambda: layers.Attention(score_mode="sum"), "Invalid value for argument score_mode"),
        (lambda: layers.Attention(dropout=2), "argument `dropout`"),
        (lambda: layers.Attention()(torch.ones(2, 3, 4)), "must be called on a list of inputs"),
        (lambda: layers.Attention()([torch.ones(2, 3, 4)]), "accepts inputs list of length 2 or 3"),
        (
            lambda: layers.Attention()([torch.ones(2, 3, 4)] * 2, mask=torch.ones(2, 3)),
            r"mask must be a list, namely \[query_mask, value_mask\]",
        ),
        (
            lambda: layers.AdditiveAttention()([torch.ones(2, 3, 4)] * 2, mask=[None]),
            "accepts mask list of length 2 or 3",
        ),
    ],
)
def test_attention_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
