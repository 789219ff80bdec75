"""The table of layers: how each is constructed, what goes in, what must come out.

A row is a `Case`. The newer families have files of their own beside this one.
"""

import itertools

from tests.layers.case import Args, Case, Of, product, windows
from tests.layers.cases_attention import ATTENTION
from tests.layers.cases_colour import COLOURS
from tests.layers.cases_conv import CONV
from tests.layers.cases_image import IMAGE
from tests.layers.cases_normalization import MORE_NORMALIZATION
from tests.layers.cases_preprocessing import PREPROCESSING

# --- core ------------------------------------------------------------------------------

CORE = [
    Case("Dense", {"units": 3}, (4, 5), (4, 3), [(5, 3), (3,)]),
    Case("Dense", {"units": 3, "use_bias": False}, (4, 5), (4, 3), [(5, 3)]),
    Case("Dense", {"units": 3, "activation": "relu"}, (2, 7, 5), (2, 7, 3), [(5, 3), (3,)]),
    Case("Dense", {"units": 3, "use_bias": False}, (2, 3, 2, 5), (2, 3, 2, 3), [(5, 3)]),
    Case("Dense", {"units": 2, "activation": "softmax"}, (4, 1), (4, 2), [(1, 2), (2,)]),
    Case(
        "Dense",
        {
            "units": 3,
            "kernel_initializer": "he_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
            "trainable": True,
        },
        (4, 5),
        (4, 3),
        [(5, 3), (3,)],
    ),
    Case("Embedding", {"input_dim": 5, "output_dim": 3}, (4, 6), (4, 6, 3), [(5, 3)], "int"),
    Case("Embedding", {"input_dim": 5, "output_dim": 1}, (4,), (4, 1), [(5, 1)], "int"),
    Case(
        "Embedding",
        {"input_dim": 5, "output_dim": 3, "mask_zero": True, "embeddings_regularizer": "l2"},
        (2, 3, 4),
        (2, 3, 4, 3),
        [(5, 3)],
        "int",
    ),
    Case(
        "Embedding",
        {
            "input_dim": 5,
            "output_dim": 3,
            "embeddings_initializer": "normal",
            "embeddings_constraint": "unit_norm",
        },
        (4, 6),
        (4, 6, 3),
        [(5, 3)],
        "int",
    ),
    Case(
        "ReversibleEmbedding",
        {"input_dim": 5, "output_dim": 3, "tie_weights": False, "logit_soft_cap": 2.0},
        (4, 6),
        (4, 6, 3),
        [(5, 3), (3, 5)],
        "int",
        # Its second table serves in reverse only; see test_quantization.py.
        skip=("gradients", "bfloat16"),
    ),
    Case("ReversibleEmbedding", {"input_dim": 5, "output_dim": 3}, (4,), (4, 3), [(5, 3)], "int"),
    Case("Masking", {}, (2, 5, 3), (2, 5, 3)),
    Case("Masking", {"mask_value": 1.5}, (2, 5, 3), (2, 5, 3)),
    Case("Identity", {}, (2, 5), (2, 5)),
    # Python code has no config that both sides read without leave; see test_special.py.
    Case("Lambda", {"function": abs}, (2, 5), (2, 5), skip=("config", "keras_config")),
    Case(
        "Lambda",
        {"function": (lambda x, k: x.sum(-1) * k), "arguments": {"k": 2.0}, "output_shape": ()},
        (2, 5),
        (2,),
        skip=("config", "keras_config", "pickle"),
    ),
    Case(
        "TorchModuleWrapper",
        {"module": Of("torch.Linear", {"in_features": 5, "out_features": 3})},
        (2, 5),
        (2, 3),
        [(3, 5), (3,)],
        # Keras has no state_dict-like names; the module's bytes differ from run to run.
        skip=("keras_config", "config", "bfloat16"),
    ),
    Case(
        "TorchModuleWrapper",
        {"module": Of("torch.Dropout", {"p": 0.5})},
        (4, 5),
        (4, 5),
        train_differs=True,
        random=True,
        skip=("keras_config", "config", "bfloat16"),
    ),
]

# --- activations -----------------------------------------------------------------------

ACTIVATIONS = [
    *(
        Case("Activation", {"activation": name}, (3, 4), (3, 4))
        for name in "relu tanh sigmoid softmax gelu linear swish elu selu softplus".split()
    ),
    Case("ReLU", {}, (3, 4), (3, 4)),
    Case("ReLU", {"max_value": 0.5}, (3, 4), (3, 4)),
    Case("ReLU", {"negative_slope": 0.2}, (3, 4), (3, 4)),
    Case("ReLU", {"max_value": 6.0, "negative_slope": 0.2, "threshold": 0.3}, (2, 3, 4), (2, 3, 4)),
    Case("ReLU", {"threshold": 0.3}, (3, 4), (3, 4)),
    Case("LeakyReLU", {}, (3, 4), (3, 4)),
    Case("LeakyReLU", {"negative_slope": 0.1}, (3, 4), (3, 4)),
    Case("ELU", {}, (3, 4), (3, 4)),
    Case("ELU", {"alpha": 0.3}, (3, 4), (3, 4)),
    Case("Softmax", {}, (3, 4), (3, 4)),
    Case("Softmax", {"axis": 1}, (2, 3, 4), (2, 3, 4)),
    Case("Softmax", {"axis": [1, 2]}, (2, 3, 4), (2, 3, 4)),
    Case("Softmax", {}, (3, 4), (3, 4), mask=(3, 4)),
    Case("Softmax", {"axis": [1, 2]}, (2, 3, 4), (2, 3, 4), mask=(2, 3, 4)),
    Case("PReLU", {}, (3, 4), (3, 4), [(4,)]),
    Case("PReLU", {"alpha_initializer": "ones"}, (2, 3, 4), (2, 3, 4), [(3, 4)]),
    Case(
        "PReLU",
        {"shared_axes": [1, 2], "alpha_regularizer": "l2", "alpha_constraint": "non_neg"},
        (2, 3, 5, 4),
        (2, 3, 5, 4),
        [(1, 1, 4)],
    ),
]

# --- convolutions ----------------------------------------------------------------------


def _conv_cases():
    sizes = {1: (7,), 2: (7, 6), 3: (5, 4, 5)}
    for rank, size in sizes.items():
        steps = [(1, 1), (2, 1), (1, 2)] if rank < 3 else [(1, 1), (2, 1)]
        rows = product(
            padding=("valid", "same", "causal") if rank == 1 else ("valid", "same"),
            step=steps,
            data_format=("channels_last", "channels_first"),
            groups=(1, 2) if rank < 3 else (1,),
        )
        for row in rows:
            first = row["data_format"] == "channels_first"
            if row["padding"] == "causal" and first:
                continue
            yield _conv_case(rank, size, **row)
        yield _conv_case(rank, size, "same", (1, 1), "channels_last", 1, activation="relu")
        yield _conv_case(rank, size, "valid", (1, 1), "channels_last", 1, use_bias=False)


def _conv_case(rank, size, padding, step, data_format, groups, **more):
    stride, dilation = step
    window = (3, 2, 2)[:rank]
    channels, filters = 4, 6
    kwargs = {
        "filters": filters,
        "kernel_size": window if rank > 1 else 3,
        "strides": stride,
        "padding": padding,
        "data_format": data_format,
        "dilation_rate": dilation,
        "groups": groups,
        **more,
    }
    out = tuple(windows(n, k, stride, padding, dilation) for n, k in zip(size, window))
    weights = [(*window, channels // groups, filters)]
    if more.get("use_bias", True):
        weights.append((filters,))
    if data_format == "channels_first":
        shape, output = (2, channels, *size), (2, filters, *out)
    else:
        shape, output = (2, *size, channels), (2, *out, filters)
    return Case(f"Conv{rank}D", kwargs, shape, output, weights)


CONVOLUTIONS = [
    *_conv_cases(),
    Case("Conv1D", {"filters": 2, "kernel_size": 1}, (2, 5, 3), (2, 5, 2), [(1, 3, 2), (2,)]),
    Case(
        "Conv1D",
        {"filters": 2, "kernel_size": 4, "strides": 3, "padding": "causal"},
        (2, 8, 3),
        (2, 3, 2),
        [(4, 3, 2), (2,)],
    ),
    Case(
        "Conv2D",
        {"filters": 2, "kernel_size": (4, 3), "strides": (2, 3), "padding": "same"},
        (2, 8, 7, 3),
        (2, 4, 3, 2),
        [(4, 3, 3, 2), (2,)],
    ),
    Case(
        "Conv2D",
        {"filters": 2, "kernel_size": 3, "dilation_rate": (2, 1), "padding": "same"},
        (2, 8, 7, 3),
        (2, 8, 7, 2),
        [(3, 3, 3, 2), (2,)],
    ),
    # A window that is wider than the image.
    Case(
        "Conv2D",
        {"filters": 2, "kernel_size": 5, "strides": 2, "padding": "same"},
        (2, 3, 2, 1),
        (2, 2, 1, 2),
        [(5, 5, 1, 2), (2,)],
    ),
    # Strides wider than the window.
    Case(
        "Conv2D",
        {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "same"},
        (2, 5, 4, 3),
        (2, 3, 2, 2),
        [(1, 1, 3, 2), (2,)],
    ),
    Case(
        "Conv2D",
        {
            "filters": 2,
            "kernel_size": 3,
            "kernel_initializer": "he_uniform",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
        },
        (2, 5, 5, 3),
        (2, 3, 3, 2),
        [(3, 3, 3, 2), (2,)],
    ),
]

# --- pooling ---------------------------------------------------------------------------


def _pooling_cases():
    sizes = {1: (7,), 2: (7, 6), 3: (5, 4, 6)}
    for kind, (rank, size) in itertools.product(("Max", "Average"), sizes.items()):
        rows = product(
            padding=("valid", "same"),
            steps=((2, None), (3, 2), (2, 3)),
            data_format=("channels_last", "channels_first"),
        )
        for row in rows:
            window, stride = row["steps"]
            out = tuple(windows(n, window, stride or window, row["padding"]) for n in size)
            kwargs = {
                "pool_size": window,
                "strides": stride,
                "padding": row["padding"],
                "data_format": row["data_format"],
            }
            # Where the padding differs on the two sides, Keras on torch repeats the edge; the
            # other backends leave the padding out, and so do we. See test_special.py.
            uneven = kind == "Average" and rank > 1 and row["steps"] == (3, 2)
            skip = ("oracle",) if uneven and row["padding"] == "same" else ()
            if row["data_format"] == "channels_first":
                yield Case(f"{kind}Pooling{rank}D", kwargs, (2, 3, *size), (2, 3, *out), skip=skip)
            else:
                yield Case(f"{kind}Pooling{rank}D", kwargs, (2, *size, 3), (2, *out, 3), skip=skip)
        for keepdims, data_format in itertools.product(
            (False, True), ("channels_last", "channels_first")
        ):
            kwargs = {"data_format": data_format, "keepdims": keepdims}
            ones = (1,) * rank if keepdims else ()
            if data_format == "channels_first":
                yield Case(f"Global{kind}Pooling{rank}D", kwargs, (2, 3, *size), (2, 3, *ones))
            else:
                yield Case(f"Global{kind}Pooling{rank}D", kwargs, (2, *size, 3), (2, *ones, 3))


POOLING = [
    *_pooling_cases(),
    Case("MaxPooling2D", {"pool_size": (1, 3), "strides": (2, 1)}, (2, 5, 5, 1), (2, 3, 3, 1)),
    Case(
        "AveragePooling2D",
        {"pool_size": (5, 2), "strides": 1, "padding": "same"},
        (2, 3, 4, 2),
        (2, 3, 4, 2),
        skip=("oracle",),
    ),
    Case("MaxPooling2D", {"pool_size": 2, "padding": "same"}, (2, 4, 4, 2), (2, 2, 2, 2)),
    Case("GlobalAveragePooling1D", {}, (2, 5, 3), (2, 3), mask=(2, 5)),
    Case("GlobalAveragePooling1D", {"keepdims": True}, (2, 5, 3), (2, 1, 3), mask=(2, 5)),
    Case(
        "GlobalAveragePooling1D",
        {"data_format": "channels_first"},
        (2, 3, 5),
        (2, 3),
        mask=(2, 5),
    ),
]

# --- normalization ---------------------------------------------------------------------


def _batch_normalization_cases():
    for center, scale, axis in itertools.product((True, False), (True, False), (-1, 1)):
        shape = (4, 3, 5)
        n = 5 if axis == -1 else 3
        yield Case(
            "BatchNormalization",
            {"center": center, "scale": scale, "axis": axis},
            shape,
            shape,
            [(n,)] * (center + scale + 2),
            train_differs=True,
        )


NORMALIZATION = [
    *_batch_normalization_cases(),
    Case("BatchNormalization", {}, (6, 5), (6, 5), [(5,)] * 4, train_differs=True),
    Case(
        "BatchNormalization",
        {"momentum": 0.8, "epsilon": 0.1, "axis": 3},
        (2, 3, 4, 5),
        (2, 3, 4, 5),
        [(5,)] * 4,
        train_differs=True,
    ),
    Case(
        "BatchNormalization",
        {"axis": 2},
        (2, 3, 4, 5),
        (2, 3, 4, 5),
        [(4,)] * 4,
        train_differs=True,
    ),
    Case(
        "BatchNormalization",
        {"axis": 1},
        (2, 4, 2, 3, 2),
        (2, 4, 2, 3, 2),
        [(4,)] * 4,
        train_differs=True,
    ),
    Case(
        "BatchNormalization", {}, (3, 4, 5), (3, 4, 5), [(5,)] * 4, mask=(3, 4), train_differs=True
    ),
    Case(
        "BatchNormalization",
        {
            "beta_initializer": "ones",
            "gamma_initializer": "zeros",
            "moving_mean_initializer": "ones",
            "moving_variance_initializer": "zeros",
            "beta_regularizer": "l1",
            "gamma_regularizer": "l2",
            "beta_constraint": "non_neg",
            "gamma_constraint": "max_norm",
        },
        (4, 5),
        (4, 5),
        [(5,)] * 4,
        train_differs=True,
    ),
    # Frozen: the moving averages are used, in training too.
    Case("BatchNormalization", {"trainable": False}, (4, 5), (4, 5), [(5,)] * 4),
    *(
        Case(
            "LayerNormalization",
            {"center": center, "scale": scale},
            (4, 5),
            (4, 5),
            [(5,)] * (center + scale),
        )
        for center, scale in itertools.product((True, False), (True, False))
    ),
    Case("LayerNormalization", {"axis": [1, 2]}, (2, 3, 4), (2, 3, 4), [(3, 4), (3, 4)]),
    Case("LayerNormalization", {"axis": [2, 1]}, (2, 3, 4), (2, 3, 4), [(3, 4), (3, 4)]),
    Case("LayerNormalization", {"rms_scaling": True}, (2, 3, 4), (2, 3, 4), [(4,)]),
    # Keras on torch cannot do these; see test_special.py.
    *(
        Case("LayerNormalization", kwargs, (2, 3, 4, 5), (2, 3, 4, 5), [size] * 2, skip=("oracle",))
        for kwargs, size in (
            ({"axis": 1}, (3,)),
            ({"axis": -2, "epsilon": 0.1}, (4,)),
            ({"axis": [-1, 1]}, (5, 3)),
        )
    ),
    Case(
        "LayerNormalization",
        {
            "beta_initializer": "ones",
            "gamma_initializer": "zeros",
            "beta_regularizer": "l1",
            "gamma_regularizer": "l2",
            "beta_constraint": "non_neg",
            "gamma_constraint": "max_norm",
        },
        (4, 5),
        (4, 5),
        [(5,)] * 2,
    ),
]

# --- regularization --------------------------------------------------------------------

_DRAWN = {"train_differs": True, "random": True}
REGULARIZATION = [
    Case("Dropout", {"rate": 0.5}, (8, 9), (8, 9), **_DRAWN),
    Case("Dropout", {"rate": 0.5, "seed": 3}, (8, 9), (8, 9), **_DRAWN),
    Case("Dropout", {"rate": 0.5, "noise_shape": (None, 1, 9)}, (8, 2, 9), (8, 2, 9), **_DRAWN),
    Case("Dropout", {"rate": 0.0}, (8, 9), (8, 9)),
    Case("SpatialDropout1D", {"rate": 0.5}, (4, 3, 9), (4, 3, 9), **_DRAWN),
    Case("SpatialDropout1D", {"rate": 0.5, "seed": 3}, (4, 3, 9), (4, 3, 9), **_DRAWN),
    Case("GaussianNoise", {"stddev": 0.5}, (4, 9), (4, 9), **_DRAWN),
    Case("GaussianNoise", {"stddev": 0.5, "seed": 3}, (4, 9), (4, 9), **_DRAWN),
    Case("GaussianNoise", {"stddev": 0.0}, (4, 9), (4, 9)),
    Case("GaussianDropout", {"rate": 0.5}, (4, 9), (4, 9), **_DRAWN),
    Case("GaussianDropout", {"rate": 0.5, "seed": 3}, (4, 9), (4, 9), **_DRAWN),
    Case("GaussianDropout", {"rate": 0.0}, (4, 9), (4, 9)),
    Case("ActivityRegularization", {}, (4, 9), (4, 9)),
    Case("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (4, 3, 2), (4, 3, 2)),
]

# --- reshaping -------------------------------------------------------------------------

RESHAPING = [
    Case("Flatten", {}, (2, 3, 4), (2, 12)),
    Case("Flatten", {}, (2, 3), (2, 3)),
    Case("Flatten", {}, (2,), (2, 1)),
    Case("Flatten", {"data_format": "channels_first"}, (2, 3, 4, 5), (2, 60)),
    Case("Flatten", {"data_format": "channels_first"}, (2, 3), (2, 3)),
    Case("Reshape", {"target_shape": (4, 3)}, (2, 12), (2, 4, 3)),
    Case("Reshape", {"target_shape": (-1, 2)}, (2, 3, 4), (2, 6, 2)),
    Case("Reshape", {"target_shape": (-1,)}, (2, 3, 4), (2, 12)),
    Case("Reshape", {"target_shape": ()}, (2, 1), (2,)),
    Case("Permute", {"dims": (2, 1)}, (2, 3, 4), (2, 4, 3)),
    Case("Permute", {"dims": (3, 1, 2)}, (2, 3, 4, 5), (2, 5, 3, 4)),
    Case("RepeatVector", {"n": 3}, (2, 4), (2, 3, 4)),
    Case("RepeatVector", {"n": 1}, (2, 4), (2, 1, 4)),
]

# --- merging ---------------------------------------------------------------------------

_PAIR = [(2, 3), (2, 3)]
MERGING = [
    *(
        case
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
        for case in (
            Case(name, {}, _PAIR, (2, 3)),
            Case(name, {}, [(2, 3), (2, 3), (2, 3)], (2, 3)),
            Case(name, {}, [(2, 4, 3), (2, 1, 3)], (2, 4, 3)),
            Case(name, {}, [(2, 3), (2, 4, 3)], (2, 4, 3)),
            Case(name, {}, [(2, 4, 1), (2, 5), (2, 3, 1, 1)], (2, 3, 4, 5)),
        )
    ),
    Case("Subtract", {}, _PAIR, (2, 3)),
    Case("Subtract", {}, [(2, 4, 3), (2, 1, 3)], (2, 4, 3)),
    Case("Subtract", {}, [(2, 3), (2, 4, 3)], (2, 4, 3)),
    Case("Concatenate", {}, [(2, 3), (2, 4)], (2, 7)),
    Case("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 1, 4), (2, 2, 4)], (2, 6, 4)),
    Case("Concatenate", {"axis": -2}, [(2, 3, 4), (2, 1, 4)], (2, 4, 4)),
    Case("Dot", {"axes": 1}, [(2, 3), (2, 3)], (2, 1)),
    Case("Dot", {"axes": (2, 1)}, [(2, 3, 4), (2, 4, 5)], (2, 3, 5)),
    Case("Dot", {"axes": (1, 2)}, [(2, 3, 4), (2, 5, 3)], (2, 4, 5)),
    Case("Dot", {"axes": -1, "normalize": True}, [(2, 3, 4), (2, 5, 4)], (2, 3, 5)),
    Case("Dot", {"axes": (2, 1)}, [(2, 3, 4), (2, 4)], (2, 3)),
    Case("Dot", {"axes": (1, 2), "normalize": True}, [(2, 3, 4, 2), (2, 5, 3)], (2, 4, 2, 5)),
    Case("Dot", {"axes": (3, 2)}, [(2, 3, 4, 5), (2, 6, 5, 2)], (2, 3, 4, 6, 2)),
]

# --- recurrent -------------------------------------------------------------------------

_N, _UNITS, _STEPS, _FEATURES = 2, 3, 5, 4
_GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


def _cell_weights(name, features=_FEATURES, units=_UNITS, use_bias=True, reset_after=True):
    width = _GATES[name.removesuffix("Cell")] * units
    bias = (2, width) if name.startswith("GRU") and reset_after else (width,)
    return [(features, width), (units, width)] + [bias] * use_bias


def _cell_cases():
    x, state = (_N, _FEATURES), (_N, _UNITS)
    for name in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        count = 2 if name == "LSTMCell" else 1
        options = [{}, {"activation": "relu"}, {"use_bias": False}]
        if name != "SimpleRNNCell":
            options.append({"recurrent_activation": "hard_sigmoid"})
        if name == "LSTMCell":
            options.append({"unit_forget_bias": False})
        if name == "GRUCell":
            options += [{"reset_after": False}, {"reset_after": False, "use_bias": False}]
        for option in options:
            fit = {k: v for k, v in option.items() if k in ("use_bias", "reset_after")}
            yield Case(
                name,
                {"units": _UNITS, **option},
                Args([x, [state] * count]),
                (state, [state] * count),
                _cell_weights(name, **fit),
            )
        yield Case(
            name,
            {"units": _UNITS, "dropout": 0.5, "recurrent_dropout": 0.5, "seed": 1},
            Args([x, [state] * count]),
            (state, [state] * count),
            _cell_weights(name),
            train_differs=True,
            random=True,
        )
    yield Case(
        "StackedRNNCells",
        {
            "cells": [
                Of("LSTMCell", {"units": 2, "name": "a"}),
                Of("GRUCell", {"units": 3, "name": "b"}),
            ]
        },
        Args([x, [[(2, 2), (2, 2)], [(2, 3)]]]),
        ((2, 3), [[(2, 2), (2, 2)], [(2, 3)]]),
        _cell_weights("LSTM", units=2) + _cell_weights("GRU", features=2),
    )


def _rnn_case(name, kwargs, mask=False, **more):
    state = (_N, _UNITS)
    output = (_N, _STEPS, _UNITS) if kwargs.get("return_sequences") else state
    if kwargs.get("return_state"):
        output = (output, *[state] * (2 if name == "LSTM" else 1))
    fit = {k: v for k, v in kwargs.items() if k in ("use_bias", "reset_after")}
    return Case(
        name,
        {"units": _UNITS, **kwargs},
        (_N, _STEPS, _FEATURES),
        output,
        _cell_weights(name, **fit),
        mask=(_N, _STEPS) if mask else None,
        **more,
    )


def _rnn_cases():
    flags = (False, True)
    for name in _GATES:
        for row in product(return_sequences=flags, return_state=flags, go_backwards=flags):
            yield _rnn_case(name, row)
            yield _rnn_case(name, row, mask=True)
        options = [
            {"use_bias": False},
            {"activation": "relu"},
            {"activation": "sigmoid", "use_bias": False},
            {"unroll": True},
        ]
        if name != "SimpleRNN":
            options += [{"recurrent_activation": "hard_sigmoid"}, {"use_cudnn": False}]
        if name == "LSTM":
            options += [{"unit_forget_bias": False}]
        if name == "GRU":
            options += [{"reset_after": False}, {"reset_after": False, "use_bias": False}]
        for option in options:
            for mask in flags:
                yield _rnn_case(name, {**option, "return_sequences": True}, mask=mask)
        # Keras' SimpleRNN drops its `activity_regularizer`; see test_special.py.
        extra = {} if name == "SimpleRNN" else {"activity_regularizer": "l2"}
        yield _rnn_case(
            name,
            {
                "kernel_initializer": "he_normal",
                "recurrent_initializer": "glorot_uniform",
                "bias_initializer": "ones",
                "kernel_regularizer": "l2",
                "recurrent_regularizer": "l1",
                "bias_regularizer": "l2",
                "kernel_constraint": "max_norm",
                "recurrent_constraint": "non_neg",
                "bias_constraint": "unit_norm",
                "seed": 4,
                **extra,
            },
        )
        for option in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "seed": 1}):
            yield _rnn_case(name, option, train_differs=True, random=True)


_CELL = Of("LSTMCell", {"units": 3, "name": "cell"})
_CELLS = [Of("GRUCell", {"units": 2, "name": "a"}), Of("LSTMCell", {"units": 3, "name": "b"})]
_STACK = Of("StackedRNNCells", {"cells": _CELLS, "name": "stack"})
_STACK_WEIGHTS = _cell_weights("GRU", units=2) + _cell_weights("LSTM", features=2)
RECURRENT = [
    *_cell_cases(),
    *_rnn_cases(),
    Case("RNN", {"cell": _CELL}, (2, 5, 4), (2, 3), _cell_weights("LSTM")),
    Case(
        "RNN",
        {"cell": _CELL, "return_sequences": True, "return_state": True, "go_backwards": True},
        (2, 5, 4),
        ((2, 5, 3), (2, 3), (2, 3)),
        _cell_weights("LSTM"),
        mask=(2, 5),
    ),
    Case(
        "RNN",
        {"cell": _CELL, "return_sequences": True, "zero_output_for_mask": True},
        (2, 5, 4),
        (2, 5, 3),
        _cell_weights("LSTM"),
        mask=(2, 5),
    ),
    # A list of cells is stacked under an automatic name.
    Case(
        "RNN", {"cell": _CELLS}, (2, 5, 4), (2, 3), _STACK_WEIGHTS, skip=("keras_config", "config")
    ),
    Case("RNN", {"cell": _STACK, "unroll": True}, (2, 5, 4), (2, 3), _STACK_WEIGHTS),
    Case(
        "RNN",
        {"cell": _STACK, "return_sequences": True},
        (2, 5, 4),
        (2, 5, 3),
        _STACK_WEIGHTS,
        mask=(2, 5),
    ),
]

# --- wrappers --------------------------------------------------------------------------


def _bidirectional_cases():
    for name in ("LSTM", "GRU", "SimpleRNN"):
        for mode in ("concat", "sum", "mul", "ave", None):
            for sequences in (False, True):
                inner = Of(name, {"units": 3, "return_sequences": sequences, "name": "inner"})
                one = (2, 5, 3) if sequences else (2, 3)
                output = (*one[:-1], 6) if mode == "concat" else (one, one) if mode is None else one
                yield Case(
                    "Bidirectional",
                    {"layer": inner, "merge_mode": mode},
                    (2, 5, 4),
                    output,
                    _cell_weights(name) * 2,
                )
        inner = Of(name, {"units": 3, "return_sequences": True, "return_state": True, "name": "r"})
        states = [(2, 3)] * (4 if name == "LSTM" else 2)
        for mode, first in (("concat", [(2, 5, 6)]), (None, [(2, 5, 3), (2, 5, 3)])):
            yield Case(
                "Bidirectional",
                {"layer": inner, "merge_mode": mode},
                (2, 5, 4),
                (*first, *states),
                _cell_weights(name) * 2,
                mask=(2, 5),
            )


WRAPPERS = [
    Case(
        "TimeDistributed",
        {"layer": Of("Dense", {"units": 3, "name": "inner"})},
        (2, 5, 4),
        (2, 5, 3),
        [(4, 3), (3,)],
    ),
    Case(
        "TimeDistributed",
        {"layer": Of("Dense", {"units": 3, "name": "inner"})},
        (2, 5, 4),
        (2, 5, 3),
        [(4, 3), (3,)],
        mask=(2, 5),
    ),
    Case(
        "TimeDistributed",
        {"layer": Of("Conv2D", {"filters": 3, "kernel_size": 2, "name": "inner"})},
        (2, 3, 5, 4, 2),
        (2, 3, 4, 3, 3),
        [(2, 2, 2, 3), (3,)],
    ),
    Case(
        "TimeDistributed",
        {"layer": Of("LSTM", {"units": 3, "name": "inner"})},
        (2, 3, 5, 4),
        (2, 3, 3),
        _cell_weights("LSTM"),
    ),
    Case(
        "TimeDistributed",
        {"layer": Of("BatchNormalization", {"name": "inner"})},
        (3, 4, 5),
        (3, 4, 5),
        [(5,)] * 4,
        train_differs=True,
    ),
    Case(
        "TimeDistributed",
        {"layer": Of("Dropout", {"rate": 0.5, "name": "inner"})},
        (2, 5, 4),
        (2, 5, 4),
        **_DRAWN,
    ),
    *_bidirectional_cases(),
    Case(
        "Bidirectional",
        {
            "layer": Of("LSTM", {"units": 3, "name": "a"}),
            "backward_layer": Of("GRU", {"units": 2, "go_backwards": True, "name": "b"}),
        },
        (2, 5, 4),
        (2, 5),
        _cell_weights("LSTM") + _cell_weights("GRU", units=2),
    ),
    Case(
        "Bidirectional",
        {"layer": Of("RNN", {"cell": _CELL, "return_sequences": True, "name": "inner"})},
        (2, 5, 4),
        (2, 5, 6),
        _cell_weights("LSTM") * 2,
        mask=(2, 5),
    ),
]

CASES = [
    *CORE,
    *ACTIVATIONS,
    *CONVOLUTIONS,
    *POOLING,
    *NORMALIZATION,
    *REGULARIZATION,
    *RESHAPING,
    *MERGING,
    *RECURRENT,
    *WRAPPERS,
    *MORE_NORMALIZATION,
    *ATTENTION,
    *CONV,
    *PREPROCESSING,
    *IMAGE,
    *COLOURS,
]
