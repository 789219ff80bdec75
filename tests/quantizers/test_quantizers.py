"""Quantizers, their configs and dtype policies beside real Keras."""

import keras
import numpy as np
import pytest
import torch

import torchkeras


def told(call):
    """What came of a call: its kind of error, or that it worked."""
    try:
        call()
    except Exception as error:
        return type(error).__name__, str(error)[:60]
    return "fine"


@pytest.mark.parametrize("which", ["weight_quantizer", "activation_quantizer"])
@pytest.mark.parametrize("value_range", [(-127, 127), (-128, 127), (-8, 7), (-9, 7), (0, 200)])
@pytest.mark.parametrize("mode", ["Int8", "Int4"])
def test_what_a_config_takes(mode, value_range, which):
    options = {"block_size": None} if mode == "Int4" else {}
    found = []
    for framework in (torchkeras, keras):
        q = framework.quantizers
        make = getattr(q, f"{mode}QuantizationConfig")
        found.append(
            told(
                lambda make=make, q=q: make(
                    **{which: q.AbsMaxQuantizer(axis=0, value_range=value_range)}, **options
                )
            )
        )
    assert found[0] == found[1]


def test_inputs_may_be_rounded_to_any_type():
    quantizer = torchkeras.quantizers.AbsMaxQuantizer(
        axis=-1, value_range=(-500, 500), output_dtype="int16"
    )
    layer = torchkeras.layers.Dense(3)
    layer.build((None, 4))
    x = torch.randn(2, 4)
    before = layer(x)
    layer.quantize(
        config=torchkeras.quantizers.Int8QuantizationConfig(activation_quantizer=quantizer)
    )
    assert (layer(x) - before).abs().max() < 0.05


def test_axes_become_a_tuple():
    assert torchkeras.quantizers.AbsMaxQuantizer(axis=[0, 1]).axis == (0, 1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ends", [(0.0, 255.0), (0.5, 128.0), (-128.0, -0.5), (-0.1, 127.4)])
def test_fake_quant_in_half_precision(ends, dtype):
    found = []
    for framework in (torchkeras, keras):
        x = torch.linspace(ends[0] - 2, ends[1] + 2, 37).to(dtype).requires_grad_()
        y = framework.quantizers.fake_quant_with_min_max_vars(x, *ends)
        y.sum().backward()
        assert y.dtype is dtype
        found.append((y.detach().float().numpy(), x.grad.float().numpy()))
    for mine, other in zip(*found):
        np.testing.assert_allclose(mine, other, rtol=1e-6)


@pytest.mark.parametrize("packed", ["int8", "uint8"])
@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_bytes_of_either_kind_are_unpacked(packed, dtype):
    data = np.array([[45, 120], [7, 1]], packed)
    mine = torchkeras.quantizers.unpack_int4(data, 3, axis=0, dtype=dtype)
    other = keras.quantizers.unpack_int4(keras.ops.convert_to_tensor(data), 3, 0, dtype)
    assert torch.equal(mine, other)
    with pytest.raises(TypeError, match="Expected int8 or uint8 tensor"):
        torchkeras.quantizers.unpack_int4(data.astype("int32"), 3)


# --- dtype policies --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["int8_abc_", "int8", "int8_from_", "abc", "int8_from_float32_from_float32", "int7"]
)
def test_names_that_are_none(name):
    for framework in (torchkeras, keras):
        with pytest.raises(ValueError):
            framework.dtype_policies.get(name)
    if name != "int8_from_":
        mine, theirs = (told(lambda f=f: f.dtype_policies.get(name)) for f in (torchkeras, keras))
        assert mine == theirs


@pytest.mark.parametrize("policy", [None, 3, ["float32"]])
def test_default_policy_must_be_one(policy):
    for framework in (torchkeras, keras):
        with pytest.raises(ValueError, match="Invalid `policy` argument"):
            framework.config.set_dtype_policy(policy)


def test_modes_of_policies():
    for name in ("awq/4/128", "gptq/3/64", "int4/64"):
        mine, theirs = (
            framework.dtype_policies.get(f"{name}_from_float32")
            for framework in (torchkeras, keras)
        )
        assert mine.mode == theirs.mode and mine.get_config() == theirs.get_config()
        assert (
            torchkeras.dtype_policies.deserialize(torchkeras.dtype_policies.serialize(mine)) == mine
        )


def test_policies_like_the_default_stay_like_it():
    policies = torchkeras.dtype_policies.DTypePolicyMap()
    policies["a"] = "float32"
    policies["b"] = "int8_from_float32"
    policies["c"] = "float16"
    config = torchkeras.dtype_policies.serialize(policies)
    torchkeras.config.set_dtype_policy("bfloat16")
    try:
        again = torchkeras.dtype_policies.deserialize(config)
        names = [again[key].name for key in "abc"]
    finally:
        torchkeras.config.set_dtype_policy("float32")
    assert names == ["bfloat16", "int8_from_bfloat16", "float16"]


class Inner(torchkeras.layers.Layer):
    def __init__(self, dtype=None, **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        # A user's constructor may look at it: it is no dict.
        assert dtype is None or isinstance(dtype, (str, torchkeras.DTypePolicy))
        self.dense = torchkeras.layers.Dense(2, dtype=dtype, name="dense")

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        return self.dense(x)


def test_a_map_knows_sublayers_by_the_path_they_are_built_at():
    policies = torchkeras.dtype_policies.DTypePolicyMap()
    policies["inner/dense"] = "int8_from_float32"
    layer = Inner(dtype=policies, name="inner")
    layer.build((None, 3))
    assert layer.dense.quantization_mode == "int8" and layer.dense.kernel.dtype is torch.int8
    again = Inner.from_config(layer.get_config())
    again.build((None, 3))
    assert again.dense.quantization_mode == "int8"
    layer.dense.dtype_policy = "float32"
    assert layer.dense.dtype_policy is policies and policies["inner/dense"].name == "float32"
    assert Inner.from_config(Inner(dtype="bfloat16").get_config()).compute_dtype == "bfloat16"


def test_a_config_that_the_constructor_refuses():
    config = {**torchkeras.layers.Embedding(3, 2).get_config(), "input_dim": 3.7}
    for framework in (torchkeras, keras):
        with pytest.raises(TypeError, match="Error when deserializing class 'Embedding'"):
            framework.layers.Embedding.from_config({**config, "dtype": "float32"})


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (((3, 4),), {"shape": (3, 4)}),
        (((3, 4), "zeros"), {"initializer": "ones"}),
        (((3, 4), "zeros", "float32", "name"), {}),
        (("name",), {}),
    ],
)
def test_arguments_of_add_weight(args, kwargs):
    mine, theirs = (
        told(lambda f=f: f.layers.Layer().add_weight(*args, **kwargs)) for f in (torchkeras, keras)
    )
    assert mine == theirs


def test_negative_integers_count_from_the_end():
    layer, theirs = (f.layers.Embedding(5, 2) for f in (torchkeras, keras))
    for one in (layer, theirs):
        one.build(())
        one.set_weights([np.arange(10.0).reshape(5, 2)])
    x = np.array([[-1, 0, -5, 4]])
    np.testing.assert_array_equal(layer(x).detach(), theirs(x).detach())
    assert layer(x).sum() == layer(x % 5).sum()
    for wrong in (5, -6):
        with pytest.raises(ValueError, match="outside 0..4"):
            layer(np.array([wrong]))


def test_variables_that_share_a_path():
    def cell():
        return torchkeras.layers.Dense(2, name="same")

    class Two(torchkeras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.one, self.two = cell(), cell()

        def call(self, x):
            return self.one(x) + self.two(x)

    layer = Two()
    layer(torch.ones(1, 2))
    assert len(layer.torch_params) == len(layer.variables) == 4
