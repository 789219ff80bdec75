"""Bad arguments and bad inputs: the kind of error, and that it names what is wrong."""

import pytest
import torch

from torchkeras import layers as L


def ones(*shape):
    return torch.ones(shape)


# (what is done, the error, what its text must name)
BAD_ARGUMENTS = {
    "Dense units 0": (lambda: L.Dense(0), ValueError, "units"),
    "Dense units text": (lambda: L.Dense("a"), ValueError, "units"),
    "Dense units fraction": (lambda: L.Dense(2.5), ValueError, "units"),
    "Dense activation": (lambda: L.Dense(2, activation="foo"), ValueError, "activation.*foo"),
    "Dense initializer": (
        lambda: L.Dense(2, kernel_initializer="foo"),
        ValueError,
        "initializer.*foo",
    ),
    "Dense regularizer": (
        lambda: L.Dense(2, kernel_regularizer="foo"),
        ValueError,
        "regularizer.*foo",
    ),
    "Dense constraint": (lambda: L.Dense(2, bias_constraint="foo"), ValueError, "constraint.*foo"),
    "Dense unknown": (lambda: L.Dense(2, foo=1), ValueError, "foo"),
    "Dense dtype": (lambda: L.Dense(2, dtype="foo"), ValueError, "foo"),
    "Dense name": (lambda: L.Dense(2, name="a/b"), ValueError, "name"),
    "Dense trainable": (lambda: L.Dense(2, trainable="yes"), ValueError, "trainable"),
    "Embedding input_dim": (lambda: L.Embedding(0, 2), ValueError, "input_dim"),
    "Embedding output_dim": (lambda: L.Embedding(2, "a"), ValueError, "output_dim"),
    "Lambda function": (lambda: L.Lambda(3), TypeError, "function"),
    "Lambda arguments": (lambda: L.Lambda(abs, arguments=3), TypeError, "arguments"),
    "Activation": (lambda: L.Activation("foo"), ValueError, "activation.*foo"),
    "ReLU max_value": (lambda: L.ReLU(max_value=-1), ValueError, "max_value"),
    "ReLU negative_slope": (lambda: L.ReLU(negative_slope=None), ValueError, "negative_slope"),
    "ReLU threshold": (lambda: L.ReLU(threshold=-1.0), ValueError, "threshold"),
    "LeakyReLU": (lambda: L.LeakyReLU(None), ValueError, "negative_slope"),
    "Conv filters": (lambda: L.Conv2D(0, 3), ValueError, "filters"),
    "Conv kernel_size": (lambda: L.Conv2D(2, (1, 2, 3)), ValueError, "kernel_size"),
    "Conv kernel_size 0": (lambda: L.Conv1D(2, 0), ValueError, "kernel_size"),
    "Conv strides": (lambda: L.Conv2D(2, 3, strides=(1, 0)), ValueError, "strides"),
    "Conv dilation": (lambda: L.Conv3D(2, 3, dilation_rate=0), ValueError, "dilation_rate"),
    "Conv both": (lambda: L.Conv2D(2, 3, 2, dilation_rate=2), ValueError, "strides.*dilation"),
    "Conv padding": (lambda: L.Conv2D(2, 3, padding="foo"), ValueError, "padding.*foo"),
    "Conv causal": (lambda: L.Conv2D(2, 3, padding="causal"), ValueError, "padding"),
    "Conv causal first": (
        lambda: L.Conv1D(2, 3, padding="causal", data_format="channels_first"),
        ValueError,
        "causal.*data_format",
    ),
    "Conv data_format": (lambda: L.Conv2D(2, 3, data_format="x"), ValueError, "data_format"),
    "Conv groups": (lambda: L.Conv2D(2, 3, groups=0), ValueError, "groups"),
    "Conv groups of filters": (lambda: L.Conv2D(3, 3, groups=2), ValueError, "filters.*groups"),
    "Pooling size": (lambda: L.MaxPooling2D(0), ValueError, "pool_size"),
    "Pooling strides": (lambda: L.AveragePooling1D(2, strides=-1), ValueError, "strides"),
    "Pooling padding": (lambda: L.MaxPooling3D(2, padding="x"), ValueError, "padding"),
    "BatchNormalization axis": (lambda: L.BatchNormalization(axis="a"), TypeError, "axis"),
    "BatchNormalization axes": (lambda: L.BatchNormalization(axis=[1, 2]), TypeError, "axis"),
    "LayerNormalization axis": (lambda: L.LayerNormalization(axis=None), TypeError, "axis"),
    "Dropout": (lambda: L.Dropout(2), ValueError, "rate"),
    "Dropout text": (lambda: L.Dropout("a"), ValueError, "rate"),
    "Dropout seed": (lambda: L.Dropout(0.5, seed="a"), ValueError, "seed"),
    "Dropout noise": (lambda: L.Dropout(0.5, noise_shape=3), ValueError, "noise_shape"),
    "Dropout noise 0": (lambda: L.Dropout(0.5, noise_shape=(0,)), ValueError, "noise_shape"),
    "Dropout noise fraction": (
        lambda: L.Dropout(0.5, noise_shape=(1.5,)),
        ValueError,
        "noise_shape",
    ),
    "SpatialDropout1D": (lambda: L.SpatialDropout1D(-1), ValueError, "rate"),
    "GaussianDropout": (lambda: L.GaussianDropout(1.5), ValueError, "rate"),
    "GaussianNoise": (lambda: L.GaussianNoise(-0.5), ValueError, "stddev"),
    "Flatten": (lambda: L.Flatten("x"), ValueError, "data_format"),
    "Reshape negative": (lambda: L.Reshape((-2, 3)), ValueError, "target_shape"),
    "Reshape two unknown": (lambda: L.Reshape((-1, -1)), ValueError, "target_shape"),
    "Reshape fraction": (lambda: L.Reshape((2.5,)), ValueError, "target_shape"),
    "Permute": (lambda: L.Permute((0, 1)), ValueError, "dims"),
    "RepeatVector": (lambda: L.RepeatVector(0), ValueError, "`n`"),
    "RepeatVector text": (lambda: L.RepeatVector("a"), TypeError, "`n`"),
    "Dot axes": (lambda: L.Dot("a"), TypeError, "axes"),
    "Dot three axes": (lambda: L.Dot((1, 2, 3)), ValueError, "axes"),
    "Dot axes text": (lambda: L.Dot((1, "a")), ValueError, "axes"),
    "LSTM units": (lambda: L.LSTM(0), ValueError, "units"),
    "GRUCell units": (lambda: L.GRUCell("a"), ValueError, "units"),
    "LSTM unknown": (lambda: L.LSTM(3, foo=2), ValueError, "foo"),
    "LSTM use_cudnn": (lambda: L.LSTM(3, use_cudnn="x"), ValueError, "use_cudnn"),
    "LSTM no kernel": (
        lambda: L.LSTM(3, use_cudnn=True, activation="relu"),
        ValueError,
        "use_cudnn",
    ),
    "RNN cell": (lambda: L.RNN(3), ValueError, "cell"),
    "RNN no state_size": (lambda: L.RNN(L.Dense(3)), ValueError, "cell.*state_size"),
    "StackedRNNCells": (lambda: L.StackedRNNCells([3]), ValueError, "cells.*call"),
    "Wrapper": (lambda: L.Wrapper(3), ValueError, "Layer 3"),
    "TimeDistributed": (lambda: L.TimeDistributed(3), ValueError, "Layer.*3"),
    "Bidirectional": (lambda: L.Bidirectional(3), ValueError, "Layer.*3"),
    "Bidirectional Dense": (lambda: L.Bidirectional(L.Dense(3)), ValueError, "layer.*recurrent"),
    "Bidirectional mode": (
        lambda: L.Bidirectional(L.LSTM(3), merge_mode="foo"),
        ValueError,
        "merge.mode.*foo",
    ),
    "Bidirectional same way": (
        lambda: L.Bidirectional(L.LSTM(3), backward_layer=L.LSTM(3)),
        ValueError,
        "go_backwards",
    ),
    "Bidirectional unlike": (
        lambda: L.Bidirectional(
            L.LSTM(3), backward_layer=L.LSTM(3, go_backwards=True, return_sequences=True)
        ),
        ValueError,
        "return_sequences",
    ),
    "TorchModuleWrapper": (lambda: L.TorchModuleWrapper(3), ValueError, "module"),
}

BAD_INPUTS = {
    "Dense rank": (lambda: L.Dense(3)(ones(3)), "min_ndim=2"),
    "Dense unknown features": (lambda: L.Dense(3)(L.Input((None,))), "last dimension"),
    "Embedding range": (
        lambda: L.Embedding(3, 2)(torch.tensor([3])),
        "input_dim",
    ),
    "Conv rank": (lambda: L.Conv2D(2, 3)(ones(1, 5, 5)), "ndim=4"),
    "Conv too small": (lambda: L.Conv2D(2, 3)(ones(1, 2, 2, 3)), "output size.*kernel_size"),
    "Conv groups": (lambda: L.Conv2D(4, 3, groups=2)(ones(1, 5, 5, 3)), "channels.*groups"),
    "Conv channels": (lambda: L.Conv1D(4, 3)(L.Input((5, None))), "channel dimension"),
    "Pooling rank": (lambda: L.MaxPooling2D(2)(ones(1, 2, 2)), "ndim=4"),
    "Pooling too small": (lambda: L.MaxPooling2D(3)(L.Input((2, 2, 1))), "output size.*pool_size"),
    "Global rank": (lambda: L.GlobalMaxPooling2D()(ones(1, 2, 2)), "ndim=4"),
    "BatchNormalization axis": (lambda: L.BatchNormalization(axis=5)(ones(2, 3)), "axis"),
    "BatchNormalization size": (
        lambda: L.BatchNormalization()(L.Input((3, None))),
        "Axis.*known size",
    ),
    "LayerNormalization axis": (lambda: L.LayerNormalization(axis=5)(ones(2, 3)), "axis"),
    "Softmax mask": (
        lambda: L.Softmax()(ones(2, 3), mask=torch.ones(2, 4, dtype=torch.bool)),
        "mask",
    ),
    "SpatialDropout rank": (lambda: L.SpatialDropout1D(0.5)(ones(2, 3)), "ndim=3"),
    "Reshape": (lambda: L.Reshape((2, 2))(L.Input((5,))), "target_shape"),
    "Permute rank": (lambda: L.Permute((2, 1))(ones(2, 3)), "ndim=3"),
    "RepeatVector rank": (lambda: L.RepeatVector(2)(ones(2, 3, 4)), "ndim=2"),
    "Add no list": (lambda: L.Add()(ones(2, 3)), "list of inputs"),
    "Add shapes": (lambda: L.Add()([ones(2, 3), ones(2, 4)]), "incompatible shapes"),
    "Add batches": (lambda: L.Add()([ones(2, 3), ones(5, 3)]), "batch sizes"),
    "Subtract three": (lambda: L.Subtract()([ones(2, 3)] * 3), "exactly 2 inputs"),
    "Concatenate no list": (lambda: L.Concatenate()(ones(2, 3)), "list"),
    "Concatenate shapes": (lambda: L.Concatenate()([ones(2, 3), ones(3, 3)]), "matching shapes"),
    "Concatenate axis": (lambda: L.Concatenate(axis=4)([ones(2, 3)] * 2), "axis"),
    "Dot one": (lambda: L.Dot(1)([ones(2, 3)]), "2 inputs"),
    "Dot sizes": (lambda: L.Dot(1)([ones(2, 3), ones(2, 4)]), "3 .*!= 4"),
    "Dot axis": (lambda: L.Dot(3)([ones(2, 3), ones(2, 3)]), "axes"),
    "LSTM rank": (lambda: L.LSTM(3)(ones(2, 3)), "ndim=3"),
    "LSTM mask": (lambda: L.LSTM(3)(ones(2, 3, 4), mask=ones(2, 4).bool()), "mask"),
    "TimeDistributed rank": (lambda: L.TimeDistributed(L.Dense(3))(ones(2, 3)), "3 dimensions"),
    "TimeDistributed mask": (
        lambda: L.TimeDistributed(L.Dense(3))(ones(2, 3, 4), mask=ones(2, 4).bool()),
        "mask",
    ),
    "a mask list": (
        lambda: L.Add().compute_mask([ones(2, 3)] * 2, [ones(2, 3)]),
        "inputs.*mask",
    ),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments(case):
    do, kind, named = BAD_ARGUMENTS[case]
    with pytest.raises(kind, match=f"(?s){named}"):
        do()


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_inputs(case):
    do, named = BAD_INPUTS[case]
    with pytest.raises(ValueError, match=f"(?s){named}"):
        do()


def test_another_input_than_the_one_it_was_built_for():
    for layer, first, second in [
        (L.Dense(3), ones(2, 4), ones(2, 5)),
        (L.Conv2D(3, 2), ones(2, 4, 4, 3), ones(2, 4, 4, 2)),
        (L.BatchNormalization(), ones(2, 4), ones(2, 5)),
        (L.PReLU(), ones(2, 4), ones(2, 5)),
    ]:
        layer(first)
        with pytest.raises(ValueError, match=f"'{layer.name}' is incompatible.*expected axis"):
            layer(second)


def test_a_stateful_layer_keeps_its_batch_size():
    layer = L.GRU(3, stateful=True)
    layer(ones(2, 5, 4))
    with pytest.raises(ValueError, match="stateful.*batch size"):
        layer(ones(3, 5, 4))
    layer.states = None
    layer(ones(3, 5, 4))


def test_no_values_in_messages():
    """A message shows shapes and options; data may be secret, or a gigabyte."""
    layer = L.Dense(3)
    with pytest.raises(ValueError) as caught:
        layer(torch.full((3,), 0.123456))
    assert "0.12345" not in str(caught.value)
