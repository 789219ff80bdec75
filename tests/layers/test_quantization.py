"""Quantized layers beside real Keras: variables, values, gradients, configs, refusals."""

import copy

import keras
import numpy as np
import pytest
import torch

import torchkeras

LAYERS = {
    "Dense": (lambda k, **a: k.layers.Dense(6, activation="relu", **a), (3, 5)),
    "Dense-odd": (lambda k, **a: k.layers.Dense(3, use_bias=False, **a), (2, 4, 7)),
    "EinsumDense": (
        lambda k, **a: k.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="e", **a),
        (2, 3, 5),
    ),
    "EinsumDense-summed": (
        lambda k, **a: k.layers.EinsumDense("abcd,cde->abe", (None, 4), **a),
        (2, 3, 5, 2),
    ),
    "EinsumDense-batch": (
        lambda k, **a: k.layers.EinsumDense("abc,bcd->abd", (3, 4), **a),
        (2, 3, 5),
    ),
    "EinsumDense-order": (
        lambda k, **a: k.layers.EinsumDense("ab,dcb->acd", (2, 4), **a),
        (3, 5),
    ),
    "Embedding": (lambda k, **a: k.layers.Embedding(6, 5, **a), (2, 3)),
    "ReversibleEmbedding": (lambda k, **a: k.layers.ReversibleEmbedding(6, 5, **a), (2, 3)),
    "ReversibleEmbedding-untied": (
        lambda k, **a: k.layers.ReversibleEmbedding(6, 5, tie_weights=False, **a),
        (2, 3),
    ),
}
WAYS = {
    "int8": lambda k: {"mode": "int8"},
    "int8-weights": lambda k: {
        "config": k.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    },
    "int4": lambda k: {"mode": "int4"},
    "int4-blocks": lambda k: {"config": k.quantizers.Int4QuantizationConfig(block_size=2)},
    "int4-channels": lambda k: {"config": k.quantizers.Int4QuantizationConfig(block_size=None)},
    "int4-inputs": lambda k: {
        "config": k.quantizers.Int4QuantizationConfig(
            activation_quantizer=k.quantizers.AbsMaxQuantizer(axis=-1), block_size=-1
        )
    },
    "float8": lambda k: {"mode": "float8"},
}
every_layer = pytest.mark.parametrize("name", LAYERS)
every_way = pytest.mark.parametrize("way", WAYS)


def inputs(name):
    shape = LAYERS[name][1]
    rng = np.random.default_rng(0)
    if "Embedding" in name:
        return torch.from_numpy(rng.integers(0, 6, shape))
    return torch.from_numpy(rng.normal(size=shape).astype("float32"))


def quantized_pair(name, way, lora=False):
    if way == "float8" and "Embedding" in name:
        pytest.skip("embeddings have no float8")
    if lora and (way == "float8" or name == "EinsumDense-order"):
        pytest.skip("real Keras refuses both together")
    if way == "int4-inputs" and "summed" in name:
        pytest.skip("a scale for each row needs one summed axis")
    x = inputs(name)
    layers = []
    for framework in (torchkeras, keras):
        layer = LAYERS[name][0](framework, name="layer")
        layer(x)
        if lora:
            layer.enable_lora(2)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
        layer.quantize(**WAYS[way](framework))
        layers.append(layer)
    return *layers, x


def describe(layer):
    kinds = [str(getattr(w, "value", w).dtype) for w in layer.variables]
    return list(
        zip(
            [w.path for w in layer.variables],
            [tuple(w.shape) for w in layer.variables],
            kinds,
            [w.trainable for w in layer.variables],
        )
    )


@every_way
@every_layer
@pytest.mark.parametrize("lora", [False, True], ids=["", "lora"])
def test_as_keras(name, way, lora):
    ours, theirs, x = quantized_pair(name, way, lora)
    assert describe(ours) == describe(theirs)
    for mine, other in zip(ours.get_weights(), theirs.get_weights()):
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    calls = [{}]
    if name.startswith("Reversible") and not lora:
        calls.append({"reverse": True})
    for options in calls:
        x = torch.randn(2, 3, 5) if options else x
        values, outputs = [], []
        for layer in (ours, theirs):
            given = x.clone()
            if given.is_floating_point():
                given.requires_grad_()
            y = layer(given, **options)
            values.append(y.detach())
            wanted = [getattr(w, "value", w) for w in layer.trainable_weights]
            wanted += [given] if given.requires_grad else []
            factors = torch.arange(y.numel()).reshape(y.shape)
            if y.requires_grad:
                outputs.append(((y * factors).sum(), wanted))
        np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-5)
        if options and way in ("int8", "int4-inputs"):
            continue  # real Keras' rounding lets no gradient through here; ours does
        if way == "int8-weights" and name in ("EinsumDense-batch", "EinsumDense-order"):
            continue  # real Keras' gradient has another shape there, and raises
        gradients = [torch.autograd.grad(*pair, allow_unused=True) for pair in outputs]
        for one, other in zip(*gradients, strict=True) if gradients else ():
            if one is not None and other is not None:
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    mine, other = ours.get_config(), theirs.get_config()
    for key in ("dtype", "quantization_config"):
        assert mine[key] == other[key]


@every_way
@every_layer
def test_from_config(name, way):
    layer, _, x = quantized_pair(name, way)
    again = type(layer).from_config(copy.deepcopy(layer.get_config()))
    again(x)
    assert describe(again) == describe(layer) or way == "float8"
    again.load_state_dict(layer.state_dict())
    torch.testing.assert_close(again(x), layer(x))
    torch.testing.assert_close(copy.deepcopy(layer)(x), layer(x))
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), layer(x))


def test_close_to_what_it_was():
    for name, (make, _) in LAYERS.items():
        x = inputs(name)
        layer = make(torchkeras)
        before = layer(x)
        layer.quantize("int8")
        assert (layer(x) - before).abs().max() < 0.05, name


@pytest.mark.parametrize("tied", [True, False])
def test_adapter_counts_in_reverse(tied):
    layer = torchkeras.layers.ReversibleEmbedding(6, 5, tie_weights=tied)
    layer.build((None,))
    layer.enable_lora(2)
    layer.lora_embeddings_b.assign(np.ones((2, 5)))
    vectors = torch.randn(3, 5)
    before = layer(vectors, reverse=True)
    layer.quantize("int8")
    torch.testing.assert_close(layer(vectors, reverse=True), before, rtol=0.05, atol=0.1)


def test_mixed_precision():
    layer = torchkeras.layers.Dense(4, dtype="mixed_bfloat16")
    layer.build((None, 5))
    layer.quantize("int8")
    assert layer.dtype_policy.name == "int8_from_mixed_bfloat16"
    assert layer(torch.ones(2, 5)).dtype is torch.bfloat16
    with pytest.raises(ValueError, match="float16"):
        torchkeras.layers.Dense(4, dtype="int8_from_mixed_float16")


def test_casts_and_failures_leave_it_whole():
    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    layer.quantize("int8")
    layer.bfloat16()
    assert layer.dtype_policy.name == "int8_from_bfloat16"
    assert layer.kernel.dtype is torch.int8
    assert layer(torch.ones(2, 5)).dtype is torch.bfloat16

    class Broken(torchkeras.quantizers.Quantizer):
        def __call__(self, x):
            raise OverflowError("no")

    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    before = layer(torch.ones(2, 5))
    config = torchkeras.quantizers.Int8QuantizationConfig(weight_quantizer=Broken())
    with pytest.raises(OverflowError):
        layer.quantize(config=config)
    assert torch.equal(layer(torch.ones(2, 5)), before)
    layer.quantize("int8")
    with torch.device("meta"):
        other = torchkeras.layers.Dense(4)
        other.build((None, 5))
    other.enable_lora(2)
    assert {w.device.type for w in other.weights} == {"meta"}


def test_by_policy():
    layer = torchkeras.layers.Dense(4, dtype="int4/2_from_float32")
    layer.build((None, 5))
    assert tuple(layer.kernel_scale.shape) == (3, 4)
    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    layer.dtype_policy = "int8_from_float32"
    assert layer.kernel.dtype is torch.int8 and layer.quantization_mode == "int8"
    layer = torchkeras.layers.Dense(4)
    layer.dtype_policy = "int8_from_float32"
    assert layer.weights == []
    with pytest.raises(NotImplementedError, match="quantized_build"):
        torchkeras.layers.BatchNormalization(dtype="int8_from_float32")(torch.ones(2, 3))
    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    with pytest.raises(ValueError, match="Implicitly enabling GPTQ"):
        layer.dtype_policy = "gptq/4/128_from_float32"


def test_policy_map():
    policies = torchkeras.dtype_policies.DTypePolicyMap("float32")
    policies["outer/inner"] = "bfloat16"
    policies["deep/.*"] = "float16"

    class Outer(torchkeras.layers.Layer):
        def build(self, shape):
            self.inner = torchkeras.layers.Dense(2, dtype=self.dtype_policy, name="inner")
            self.inner.build(shape)

        def call(self, x):
            return self.inner(x)

    outer = Outer(dtype=policies, name="outer")
    assert outer(torch.ones(2, 3)).dtype is torch.bfloat16
    assert outer.dtype_policy is policies and outer.compute_dtype == "float32"
    assert outer.inner.path == "outer/inner"
    again = torchkeras.dtype_policies.deserialize(torchkeras.dtype_policies.serialize(policies))
    assert again == policies
    with pytest.raises(ValueError, match="multiple dtype policy"):
        policies["deep/a.*"] = "float32"
        _ = policies["deep/ab"]
    with pytest.raises(ValueError, match="already exist"):
        policies["outer/inner"] = "float32"


def test_model():
    layers = torchkeras.layers
    model = torchkeras.Sequential(
        [layers.Dense(8, name="a"), layers.BatchNormalization(), layers.Dense(2, name="b")]
    )
    with pytest.raises(ValueError, match="isn't yet built"):
        model.quantize("int8")
    x = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
    model.compile("sgd", "mse")
    before = model.predict(x, verbose=0)
    with pytest.warns(UserWarning, match="does not have a `quantize`"):
        model.quantize("int8", filters="a|batch.*")
    names = [layer.dtype_policy.name for layer in model.layers]
    assert names == ["int8_from_float32", "float32", "float32"]
    np.testing.assert_allclose(model.predict(x, verbose=0), before, atol=0.05)
    model.quantize("int8", filters=lambda layer: layer.name == "b")
    assert model.layers[2].quantization_mode == "int8"
    model.fit(x, np.zeros((16, 2)), verbose=0)  # biases are trained still
    with pytest.raises(ValueError, match="`filters` argument"):
        model.quantize("int8", filters=3)
    with pytest.raises(ValueError, match="Invalid quantization mode"):
        model.quantize("int7")


def test_float8_training_moves_the_scales():
    model = torchkeras.Sequential([torchkeras.layers.Dense(8), torchkeras.layers.Dense(1)])
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    y = x.sum(1, keepdims=True)
    model.build((None, 5))
    model.quantize("float8")
    model.compile("adam", "mse")
    history = model.fit(x, y, epochs=3, batch_size=16, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    layer = model.layers[0]
    amax = layer.inputs_amax_history.numpy()
    assert (amax[:12] > 0).sum() >= 1 and amax.max() == pytest.approx(np.abs(x).max(), rel=0.5)
    assert float(layer.inputs_scale) == pytest.approx(amax.max() / 448, rel=0.2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.quantize(), ValueError, "either `mode` or `config`"),
        (lambda d: d.quantize("int7"), ValueError, "Invalid quantization mode"),
        (lambda d: d.quantize("gptq"), ValueError, "`GPTQConfig` object"),
        (
            lambda d: d.quantize("int8", config=torchkeras.quantizers.Int4QuantizationConfig()),
            ValueError,
            "Contradictory",
        ),
        (lambda d: d.quantize("int8", config=3), ValueError, "`config` must be"),
        (lambda d: (d.quantize("int8"), d.quantize("int4")), ValueError, "already quantized"),
        (lambda d: type("My", (type(d),), {})(2).quantize("int8"), NotImplementedError, "My does"),
        (lambda d: type(d)(2).quantize("int8"), ValueError, "isn't yet built"),
        (lambda d: type(d)(2, quantization_config=3), ValueError, "`quantization_config` must"),
        (lambda d: d.quantized_call(torch.ones(2, 5)), NotImplementedError, "quantization_mode"),
        (
            lambda d: torchkeras.quantizers.Int4QuantizationConfig(block_size=0),
            ValueError,
            "block_size must be",
        ),
        (
            lambda d: torchkeras.quantizers.Int8QuantizationConfig(
                torchkeras.quantizers.AbsMaxQuantizer(output_dtype="int16")
            ),
            ValueError,
            "output_dtype='int8'",
        ),
    ],
)
def test_refusals(call, error, message):
    layer = torchkeras.layers.Dense(4)
    layer.build((None, 5))
    with pytest.raises(error, match=message):
        call(layer)
