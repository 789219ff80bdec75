"""EinsumDense and attention: what the table of layers cannot say."""

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


@pytest.mark.parametrize("argument", ["gptq_unpacked_column_size", "quantization_config"])
def test_einsum_dense_refuses_what_is_not_there(argument):
    with pytest.raises(ValueError, match=f"`{argument}` is not there yet"):
        layers.EinsumDense("ab,bc->ac", 4, **{argument: 2})


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
