"""GPTQ and AWQ beside real Keras: variables, integers, errors of the outputs, files, refusals."""

import copy
import warnings

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras.models import _calibration
from torchkeras.quantizers import _calibrated

SEED = np.random.default_rng(0)
MIX = np.eye(24) + SEED.normal(size=(24, 24)) / 3
INPUTS = (SEED.normal(size=(200, 24)) @ MIX).astype("float32")

# Equation, output shape, kernel's shape, shape of an input.
KERNELS = {
    "Dense": (None, None, (24, 6), (24,)),
    "heads": ("abc,cde->abde", (None, 2, 3), (24, 2, 3), (24,)),
    "out": ("abcd,cde->abe", (None, 30), (2, 12, 30), (2, 12)),
    "apart": ("abcd,cde->abce", (None, 2, 30), (2, 12, 30), (2, 12)),
    "wide": ("abc,cde->abde", (None, 2, 30), (24, 2, 30), (24,)),
}
GPTQ = {
    "plain": {},
    "groups": {"group_size": 8},
    "symmetric": {"symmetric": True},
    "order": {"activation_order": True, "group_size": 8},
    "8 bits": {"weight_bits": 8, "group_size": -1},
    "3 bits": {"weight_bits": 3},
    "one scale": {"per_channel": False, "group_size": 8},
}
AWQ = {"plain": {}, "groups": {"group_size": 8}, "coarse": {"num_grid_points": 3}}
every_kernel = pytest.mark.parametrize("kernel", KERNELS)
WAYS = [("gptq", way) for way in GPTQ] + [("awq", way) for way in AWQ]
every_way = pytest.mark.parametrize(("mode", "way"), WAYS)


class Tokens:
    def tokenize(self, row):
        return row


def parts(framework):
    """A layer that looks vectors up, and one that calls another as calibration must see it."""

    class Look(framework.layers.Layer):
        def __init__(self, table, **kwargs):
            super().__init__(**kwargs)
            self.table = torch.as_tensor(table)

        def call(self, x):
            return self.table[x.long()]

        def compute_output_spec(self, x):
            return framework.KerasTensor((*x.shape, *self.table.shape[1:]), "float32")

    class Block(framework.layers.Layer):
        def __init__(self, inner, **kwargs):
            super().__init__(**kwargs)
            self.inner = inner
            self.built = True

        def call(self, x):
            # Real Keras watches `call`, and goes past it where the layer itself is called.
            return self.inner.call(x) if framework is keras else self.inner(x)

    return Look, Block


def quantized(framework, mode, kernel, weight, data, **options):
    """A layer that was quantized by ``data``, one vector for each integer."""
    equation, output_shape, _, shape = KERNELS[kernel]
    Look, Block = parts(framework)
    if equation is None:
        layer = framework.layers.Dense(weight.shape[-1], use_bias=False, name="layer")
    else:
        layer = framework.layers.EinsumDense(equation, output_shape, name="layer")
    look = Look(data.reshape(-1, *shape))
    x = framework.Input((None,), dtype="int32")
    model = framework.Model(x, layer(look(x)))
    layer.set_weights([weight])
    config = {"gptq": framework.quantizers.GPTQConfig, "awq": framework.quantizers.AWQConfig}[mode]
    config = config(
        [np.arange(len(data))],
        Tokens(),
        num_samples=1,
        sequence_length=len(data),
        quantization_layer_structure={
            "pre_block_layers": [look],
            "sequential_blocks": [Block(layer)],
        },
        **options,
    )
    model.quantize(mode, config=config)
    return layer, model


def variables(layer):
    return {v.name: np.asarray(v.detach() if hasattr(v, "detach") else v) for v in layer.variables}


def options_of(mode, way):
    return {"gptq": GPTQ, "awq": AWQ}[mode][way]


def matrix(kernel):
    # Groups hold both signs: real Keras' byte of the zero point overflows else.
    weight = np.random.default_rng(1).normal(size=KERNELS[kernel][2])
    rows = weight.reshape(24, -1)
    rows[::2], rows[1::2] = -abs(rows[::2]), abs(rows[1::2])
    return weight.astype("float32")


@every_way
@every_kernel
def test_as_keras(kernel, mode, way):
    if kernel in ("apart", "wide"):
        pytest.skip("real Keras takes other inputs for the rows of such a kernel")
    weight = matrix(kernel)
    data = INPUTS
    if mode == "gptq":
        # Inputs that have nothing to do with each other: no error is handed on, and our
        # factor of the inverse Hessian is what real Keras takes, its diagonal.
        data = np.linalg.qr(INPUTS)[0] * np.linspace(2, 1, 24, dtype="float32")
        weight = weight + 1e-3
    ours, model = quantized(torchkeras, mode, kernel, weight, data, **options_of(mode, way))
    theirs, _ = quantized(keras, mode, kernel, weight, data, **options_of(mode, way))
    mine, others = variables(ours), variables(theirs)
    assert list(mine) == list(others)
    for name in mine:
        assert mine[name].dtype == others[name].dtype and mine[name].shape == others[name].shape
        if name == "g_idx":  # fractions there, which count as what is before the point
            np.testing.assert_array_equal(mine[name], np.floor(others[name]))
        else:
            np.testing.assert_allclose(mine[name], others[name], rtol=1e-5, atol=1e-6)
    x = INPUTS.reshape(1, -1, *KERNELS[kernel][3])
    np.testing.assert_allclose(
        ours(x).detach(), theirs(x).detach().numpy(), rtol=1e-5, atol=1e-5 * 255
    )
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    theirs.quantization_config.quantization_layer_structure = None  # it holds the layer itself
    a, b = ours.get_config(), theirs.get_config()
    assert {k: a[k] for k in ("dtype", "quantization_config")} == {
        k: b[k] for k in ("dtype", "quantization_config")
    }
    assert a.get("gptq_unpacked_column_size") == b.get("gptq_unpacked_column_size")
    kernel_of = (np.asarray(layer.kernel) for layer in (ours, theirs))
    np.testing.assert_array_equal(*kernel_of)


def error(layer, weight, kernel):
    equation = KERNELS[kernel][0] or "abc,cd->abd"
    x = INPUTS.reshape(1, -1, *KERNELS[kernel][3])
    return np.square(layer(x).detach().numpy() - np.einsum(equation, x, weight)).mean()


@every_kernel
@pytest.mark.parametrize("way", GPTQ)
def test_gptq_leaves_less_error_than_rounding(kernel, way):
    weight = np.random.default_rng(2).normal(size=KERNELS[kernel][2]).astype("float32")
    layer, _ = quantized(torchkeras, "gptq", kernel, weight, INPUTS, **GPTQ[way])
    rounded, _ = quantized(torchkeras, "gptq", kernel, weight, np.linalg.qr(INPUTS)[0], **GPTQ[way])
    assert error(layer, weight, kernel) < 0.95 * error(rounded, weight, kernel)


@pytest.mark.parametrize(
    ("mode", "kernel"),
    [("gptq", "Dense"), ("gptq", "heads"), ("gptq", "out"), ("gptq", "wide"), ("awq", "wide")],
)
def test_less_error_than_real_keras(mode, kernel):
    # Real Keras takes rows of the inverse itself, which holds for the first input only.
    weight = matrix(kernel)
    ours, _ = quantized(torchkeras, mode, kernel, weight, INPUTS)
    theirs, _ = quantized(keras, mode, kernel, weight, INPUTS)
    assert error(ours, weight, kernel) < error(theirs, weight, kernel)


def test_gptq_is_the_greedy_optimum():
    """Each weight rounded in turn, the rest set by least squares: the paper's equation 2."""
    rng = np.random.default_rng(3)
    weight, x = rng.normal(size=(6, 1)), rng.normal(size=(40, 6))
    config = torchkeras.quantizers.GPTQConfig(None, None, hessian_damping=0.0)
    found = _calibrated.gptq(torch.tensor(weight), torch.tensor(x.T @ x), config)
    scale, zero = float(found.scale), float(found.zero)
    target, w = x @ weight[:, 0], weight[:, 0].copy()
    for i in range(6):
        integer = np.clip(np.round(w[i] / scale) + zero, 0, 15)
        assert integer == float(found.integers[0, i])
        w[i] = (integer - zero) * scale
        rest = target - x[:, : i + 1] @ w[: i + 1]
        w[i + 1 :] = np.linalg.lstsq(x[:, i + 1 :], rest, rcond=None)[0]


@pytest.mark.parametrize("order", [False, True])
def test_gptq_of_many_inputs(order):
    """More inputs than errors are handed on to at once give what one block would."""
    rng = np.random.default_rng(4)
    weight = torch.tensor(rng.normal(size=(300, 3)))
    x = torch.tensor(rng.normal(size=(900, 300)) @ rng.normal(size=(300, 300)))
    config = torchkeras.quantizers.GPTQConfig(
        None, None, group_size=-1, activation_order=order, weight_bits=8
    )
    found = _calibrated.gptq(weight, x.T @ x, config)
    block, _calibrated._BLOCK = _calibrated._BLOCK, 1000
    try:
        whole = _calibrated.gptq(weight, x.T @ x, config)
    finally:
        _calibrated._BLOCK = block
    assert (found.integers == whole.integers).double().mean() > 0.999


@pytest.mark.parametrize("values", [(2.0, 2.1), (-2.0, -2.1), (3.0, 3.0), (0.0, 0.0), (-50, -50.1)])
@pytest.mark.parametrize("symmetric", [False, True])
def test_grid_holds_the_values(values, symmetric):
    x = torch.tensor([values])
    scale, zero = _calibrated.grid(x, 4, symmetric)
    assert 0 <= float(zero) <= 255
    back = (((x / scale).round() + zero).clamp(0, 15) - zero) * scale
    largest = float(x.abs().max())
    assert float((back - x).abs().max()) <= max(largest / 7, 0.1)


def language_model(positions=False):
    layers = torchkeras.layers
    embedding = layers.Embedding(20, 16)
    blocks = [
        torchkeras.Sequential(
            [
                layers.Dense(32, "relu", name=f"up{i}"),
                layers.EinsumDense("abc,cd->abd", (None, 16), bias_axes="d", name=f"down{i}"),
            ]
        )
        for i in range(2)
    ]
    head = layers.Dense(20, name="head")
    model = torchkeras.Sequential([torchkeras.Input((None,)), embedding, *blocks, head])
    structure = {"pre_block_layers": [embedding], "sequential_blocks": blocks}
    return model, structure


CONFIGS = {"gptq": torchkeras.quantizers.GPTQConfig, "awq": torchkeras.quantizers.AWQConfig}
every_mode = pytest.mark.parametrize("mode", CONFIGS)


def small_config(mode, structure=None, data=None, tokenizer=None, **options):
    data = ["some text", "and more of it"] if data is None else data
    tokenizer = tokenizer or (lambda text: [ord(c) % 20 for c in text])
    return CONFIGS[mode](
        data,
        tokenizer,
        num_samples=12,
        sequence_length=8,
        group_size=8,
        quantization_layer_structure=structure,
        **options,
    )


@every_mode
def test_model(mode, tmp_path):
    model, structure = language_model()
    x = np.random.default_rng(0).integers(0, 20, (3, 8))
    before = model.predict(x, verbose=0)
    model.quantize(mode, small_config(mode, structure))
    names = {layer.name: layer.quantization_mode for layer in model._flatten_layers()}
    assert [names[n] for n in ("up0", "down0", "up1", "down1", "head")] == [mode] * 4 + [None]
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.3
    # Only what is left of floats is trained.
    names = {v.path.rsplit("/", 1)[-1] for v in model.trainable_weights}
    assert names == {"embeddings", "kernel", "bias"}
    assert model.layers[1].layers[0].trainable_weights == [model.layers[1].layers[0].bias]

    model.save(tmp_path / "m.keras")
    again = torchkeras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), after)
    assert again.layers[1].layers[0].dtype_policy.name == f"{mode}/4/8_from_float32"
    model.save_weights(tmp_path / "m.weights.h5")
    fresh = torchkeras.models.clone_model(model)
    fresh.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(fresh.predict(x, verbose=0), after)
    other = torchkeras.models.clone_model(model)
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.predict(x, verbose=0), after)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(x, verbose=0), after)

    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    with torch.no_grad():
        np.testing.assert_allclose(compiled(torch.from_numpy(x)), after, rtol=1e-5, atol=1e-6)
    model.bfloat16()
    layer = model.layers[1].layers[0]
    assert layer.dtype_policy.name == f"{mode}/4/8_from_bfloat16"
    assert layer.quantized_kernel.dtype is torch.uint8
    assert model(torch.from_numpy(x)).dtype is torch.bfloat16


@every_mode
def test_blocks_see_the_quantized_blocks_before_them(mode):
    model, structure = language_model()
    seen = []
    block = structure["sequential_blocks"][1]
    block.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    model.quantize(mode, small_config(mode, structure))
    pieces = torch.from_numpy(_calibration.windows(small_config(mode)))
    first = structure["sequential_blocks"][0]
    for piece, value in zip(pieces, seen):
        torch.testing.assert_close(first(structure["pre_block_layers"][0](piece[None])), value)


@every_mode
def test_structure_of_the_model_and_filters(mode):
    class Model(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.embedding = torchkeras.layers.Embedding(20, 16)
            self.first = torchkeras.layers.Dense(16, name="first")
            self.second = torchkeras.layers.Dense(16, name="second")

        def call(self, x):
            return self.second(self.first(self.embedding(x)))

        def get_quantization_layer_structure(self, mode=None):
            blocks = [self.first, self.second]
            return {"pre_block_layers": [self.embedding], "sequential_blocks": blocks}

    model = Model()
    model(np.zeros((1, 4), "int32"))
    model.quantize(config=small_config(mode), filters="second")
    assert model.first.quantization_mode is None and model.second.quantization_mode == mode
    assert torchkeras.Model().get_quantization_layer_structure(mode) is None
    with pytest.raises(ValueError, match="already quantized"):
        model.quantize(config=small_config(mode))


@every_mode
def test_half_precision(mode):
    embedding = torchkeras.layers.Embedding(20, 16, dtype="bfloat16")
    dense = torchkeras.layers.Dense(4, dtype="bfloat16")
    model = torchkeras.Sequential([torchkeras.Input((None,)), embedding, dense])
    before = model(np.arange(20)[None]).detach().float()
    structure = {"pre_block_layers": [embedding], "sequential_blocks": [dense]}
    model.quantize(mode, small_config(mode, structure))
    assert dense.kernel_scale.dtype is torch.bfloat16
    assert (model(np.arange(20)[None]).detach().float() - before).abs().max() < 0.02


@every_mode
def test_one_layer_waits_for_data(mode):
    layer = torchkeras.layers.Dense(3)
    layer.build((None, 5))
    x = torch.randn(2, 5)
    before = layer(x)
    layer.quantize(mode, config=small_config(mode))
    assert torch.equal(layer(x), before) and layer.kernel.shape == (5, 3)
    calibrated = f"is_{mode}_calibrated"
    assert getattr(layer, calibrated) is False
    with pytest.raises(ValueError, match="nothing to save"):
        layer.save_own_variables({})
    with pytest.raises(NotImplementedError, match="lora is not"):
        layer.enable_lora(2)
    layer.kernel_scale.assign(np.full((3, 1), 0.5))
    layer.quantized_kernel.assign(np.full((2, 5), 0x32))
    setattr(layer, calibrated, True)
    assert getattr(layer, calibrated) is True
    torch.testing.assert_close(layer(x), x @ (torch.tensor([2.0, 3, 2]) / 2).expand(5, 3))
    with pytest.raises(ValueError, match="floats are gone"):
        setattr(layer, calibrated, False)
    with pytest.raises(ValueError, match="once the layer is quantized"):
        setattr(torchkeras.layers.Dense(3), calibrated, True)
    adapted = torchkeras.layers.Dense(3)
    adapted.build((None, 5))
    adapted.enable_lora(2)
    with pytest.raises(NotImplementedError, match="lora is not"):
        adapted.quantize(mode, config=small_config(mode))


def test_windows():
    def starts(rows, count, length):
        config = torchkeras.quantizers.GPTQConfig(
            rows, None, num_samples=count, sequence_length=length
        )
        found = _calibration.windows(config)
        assert found.dtype == np.int32 and found.shape == (count, length)
        return found[:, 0].tolist()

    rows = np.arange(40).reshape(4, 10)
    # At the distances at which real Keras takes them, which begins anywhere.
    assert starts(rows, 3, 4) == [0, 12, 24]
    assert starts(list(rows), 5, 4) == [0, 7, 14, 21, 28]
    assert starts((torch.from_numpy(row) for row in rows), 7, 10) == [0, 10, 20, 30, 0, 10, 20]
    assert starts([[1, 2, 3]], 2, 4) == [1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 5}, "weight_bits 5"),
        ({"num_samples": 0}, "num_samples must be a positive"),
        ({"sequence_length": -1}, "sequence_length must be a positive"),
        ({"group_size": 0}, "Invalid group_size"),
        ({"hessian_damping": 1.5}, "hessian_damping must be between 0 and 1"),
        ({"num_grid_points": 0}, "num_grid_points must be a positive"),
    ],
)
def test_numbers_out_of_range(options, message):
    for cls in CONFIGS.values():
        known = torchkeras._configurable.init_names(cls)
        if set(options) <= set(known):
            text = "only supports 4-bit" if cls is CONFIGS["awq"] and "bits" in message else message
            with pytest.raises(ValueError, match=text):
                cls(["text"], None, **options)


@every_mode
def test_config_round_trip(mode):
    config = small_config(mode)
    described = torchkeras.saving.serialize_keras_object(config)
    cls = {"gptq": keras.quantizers.GPTQConfig, "awq": keras.quantizers.AWQConfig}[mode]
    assert described == keras.saving.serialize_keras_object(
        cls(["text"], None, num_samples=12, sequence_length=8, group_size=8)
    )
    again = torchkeras.quantizers.deserialize(described)
    assert again.get_config() == config.get_config() and again.dataset is None
    assert config.dtype_policy_string() == f"{mode}/4/8"


def test_a_layer_that_is_not_called():
    embedding = torchkeras.layers.Embedding(20, 16)
    model = torchkeras.Sequential([torchkeras.Input((None,)), embedding])
    structure = {"pre_block_layers": [embedding], "sequential_blocks": [Unused()]}
    with pytest.raises(ValueError, match="was not called"):
        model.quantize("gptq", small_config("gptq", structure))


def quantized_dense():
    layer = torchkeras.layers.Dense(2)
    layer.build((None, 16))
    layer.quantize("int8")
    return layer


class Unused(torchkeras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = torchkeras.layers.Dense(2)
        self.dense.build((None, 16))

    def call(self, x):
        return x


def structure_of(make_block):
    def make(embedding, dense):
        block = make_block(torchkeras.layers.EinsumDense)
        block(torch.ones(1, 8, 16))
        return {"pre_block_layers": [embedding], "sequential_blocks": [dense, block]}

    return make


@every_mode
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"structure": lambda e, d: None}, ValueError, "valid quantization structure"),
        ({"structure": lambda e, d: [e]}, ValueError, "must be a dict of lists"),
        ({"structure": lambda e, d: {"pre_block_layers": [e]}}, ValueError, "No sequential blocks"),
        ({"data": []}, ValueError, "dataset is empty"),
        ({"data": "text"}, TypeError, "must be an iterable"),
        ({"data": 3}, TypeError, "must be an iterable"),
        ({"data": None}, ValueError, "requires a dataset"),
        ({"data": ["text"], "tokenizer": None}, ValueError, "requires a tokenizer"),
        ({"structure": structure_of(lambda _: quantized_dense())}, ValueError, "already quantized"),
        (
            {"structure": structure_of(lambda einsum: einsum("abc,dc->abd", (None, 4)))},
            ValueError,
            "cannot be calibrated",
        ),
        (
            {"structure": structure_of(lambda einsum: einsum("abc,cdef->abdef", (None, 2, 2, 2)))},
            ValueError,
            "2 or 3 axes",
        ),
    ],
)
def test_refusals(mode, options, error, message):
    embedding = torchkeras.layers.Embedding(20, 16)
    dense = torchkeras.layers.Dense(4)
    model = torchkeras.Sequential([torchkeras.Input((None,)), embedding, dense])
    make = options.get("structure", lambda *layers: structure)
    structure = {"pre_block_layers": [embedding], "sequential_blocks": [dense]}
    config = CONFIGS[mode](
        options.get("data", [np.arange(20)]),
        options.get("tokenizer"),
        num_samples=2,
        sequence_length=8,
        quantization_layer_structure=make(embedding, dense),
    )
    with pytest.raises(error, match=message):
        model.quantize(mode, config)
    assert dense.quantization_mode is None


def test_what_cannot_be_quantized_is_left_with_a_warning():
    model, structure = language_model()
    structure = {"pre_block_layers": [], "sequential_blocks": model.layers}
    with pytest.warns(UserWarning, match="left as it is"):
        model.quantize("gptq", small_config("gptq", structure))
    assert model.layers[0].quantization_mode is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, structure = language_model()
        model.quantize("gptq", small_config("gptq", structure))


def test_a_singular_hessian_says_what_to_raise():
    weight = torch.ones(4, 2)
    config = torchkeras.quantizers.GPTQConfig(None, None, hessian_damping=0.0)
    with pytest.raises(ValueError, match="Raise `hessian_damping`"):
        _calibrated.gptq(weight, torch.ones(4, 4), config)
    with pytest.raises(ValueError, match="`gptq_unpacked_column_size` must be 6"):
        layer = torchkeras.layers.EinsumDense(
            "abc,cde->abde", (None, 2, 3), gptq_unpacked_column_size=5
        )
        layer.build((None, None, 24))
        layer.quantize("gptq", config=small_config("gptq"))
    with pytest.raises(ValueError, match="positive integer or None"):
        torchkeras.layers.EinsumDense("ab,bc->ac", 2, gptq_unpacked_column_size=0)
