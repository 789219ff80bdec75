"""Rows of the table of layers: convolutions, adaptive pooling, cropping, padding, enlarging."""

from tests.layers.case import Case, product, windows

_FORMATS = ("channels_last", "channels_first")
_DRAWN = {"train_differs": True, "random": True}
_OPTIONS = {
    "kernel_initializer": "he_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}


def shaped(sizes, channels, data_format):
    """The shape of a batch of two."""
    if data_format == "channels_first":
        return (2, channels, *sizes)
    return (2, *sizes, channels)


# --- transposed convolutions -----------------------------------------------------------


def _places(size, window, stride, dilation, padding, more):
    """How many values a transposed convolution gives, by laying the kernels out."""
    reached = {i * stride + j * dilation for i in range(size) for j in range(window)}
    full = max(reached) + 1
    width = (window - 1) * dilation + 1
    if more is None:
        return size * stride if padding == "same" else max(full, size * stride)
    return full + more - (2 * (width // 2) if padding == "same" else 0)


def _transpose_case(rank, size, window, stride, dilation, padding, more, data_format, **options):
    kwargs = {
        "filters": 3,
        "kernel_size": window,
        "strides": stride,
        "padding": padding,
        "output_padding": more,
        "data_format": data_format,
        "dilation_rate": dilation,
        **options,
    }
    out = tuple(_places(n, window, stride, dilation, padding, more) for n in size)
    weights = [(*(window,) * rank, 3, 2)]
    if options.get("use_bias", True):
        weights.append((3,))
    shape, output = shaped(size, 2, data_format), shaped(out, 3, data_format)
    return Case(f"Conv{rank}DTranspose", kwargs, shape, output, weights)


def _transpose_cases():
    sizes = {1: (5,), 2: (3, 4), 3: (2, 3, 2)}
    for rank, size in sizes.items():
        for row in product(
            padding=("valid", "same"),
            step=((1, 1), (2, 1), (3, 1), (1, 2)),
            window=(1, 2, 3, 4) if rank == 1 else (2, 3),
            more=(None, 0, 1),
            data_format=_FORMATS,
        ):
            stride, dilation = row.pop("step")
            if row["more"] == 1 and stride == 1:
                continue
            if rank == 3 and (stride == 3 or row["more"] == 0):
                continue
            yield _transpose_case(rank, size, stride=stride, dilation=dilation, **row)


def _transpose_options():
    for rank, size in {1: (5,), 2: (3, 4), 3: (2, 3, 2)}.items():
        for options in ({"use_bias": False}, {"activation": "relu"}, _OPTIONS):
            yield _transpose_case(rank, size, 3, 2, 1, "same", None, "channels_last", **options)
    # Sizes that differ between the axes.
    yield Case(
        "Conv2DTranspose",
        {
            "filters": 3,
            "kernel_size": (2, 5),
            "strides": (3, 2),
            "output_padding": (2, 0),
            "padding": "same",
        },
        (2, 3, 4, 2),
        (2, 8, 7, 3),
        [(2, 5, 3, 2), (3,)],
    )
    yield Case(
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": (1, 3), "dilation_rate": (1, 3)},
        (2, 3, 4, 2),
        (2, 3, 10, 3),
        [(1, 3, 3, 2), (3,)],
    )


# --- depthwise and separable convolutions ----------------------------------------------


_CHANNELWISE = {
    "DepthwiseConv1D": (7,),
    "DepthwiseConv2D": (7, 6),
    "SeparableConv1D": (7,),
    "SeparableConv2D": (7, 6),
}


def _channelwise_case(name, size, padding, step, data_format, multiplier, window=3, **options):
    rank = len(size)
    stride, dilation = step
    kwargs = {
        "kernel_size": window,
        "strides": stride,
        "padding": padding,
        "data_format": data_format,
        "dilation_rate": dilation,
        "depth_multiplier": multiplier,
        **options,
    }
    channels = 3
    depthwise = (*(window,) * rank, channels, multiplier)
    if name.startswith("Separable"):
        filters = kwargs["filters"] = 4
        weights = [depthwise, (*(1,) * rank, channels * multiplier, filters)]
    else:
        filters = channels * multiplier
        weights = [depthwise]
    if options.get("use_bias", True):
        weights.append((filters,))
    out = tuple(windows(n, window, stride, padding, dilation) for n in size)
    shape, output = shaped(size, channels, data_format), shaped(out, filters, data_format)
    return Case(name, kwargs, shape, output, weights)


def _channelwise_cases():
    for name, size in _CHANNELWISE.items():
        for row in product(
            padding=("valid", "same"),
            step=((1, 1), (2, 1), (1, 2), (2, 2)),
            data_format=_FORMATS,
            multiplier=(1, 2),
        ):
            yield _channelwise_case(name, size, **row)


def _channelwise_options():
    for name, size in _CHANNELWISE.items():
        plain = ("valid", (1, 1), "channels_last", 2)
        yield _channelwise_case(name, size, "same", *plain[1:], window=2)
        yield _channelwise_case(name, size, *plain, use_bias=False)
        yield _channelwise_case(name, size, *plain, activation="relu")
        options = {k.replace("kernel", "depthwise"): v for k, v in _OPTIONS.items()}
        if name.startswith("Separable"):
            options["pointwise_initializer"] = "ones"
            options["pointwise_regularizer"] = "l1"
            options["pointwise_constraint"] = "unit_norm"
        yield _channelwise_case(name, size, *plain, **options)
    yield Case(
        "DepthwiseConv2D",
        {"kernel_size": (3, 2), "strides": (1, 2), "padding": "same", "dilation_rate": (2, 1)},
        (2, 7, 6, 3),
        (2, 7, 3, 3),
        [(3, 2, 3, 1), (3,)],
    )


# --- adaptive pooling ------------------------------------------------------------------


def _adaptive_cases():
    sizes = {1: (7,), 2: (7, 6), 3: (5, 4, 3)}
    for kind in ("Average", "Max"):
        for rank, size in sizes.items():
            for wanted, data_format in zip((1, 3, 8), (*_FORMATS, "channels_last")):
                kwargs = {"output_size": wanted, "data_format": data_format}
                yield Case(
                    f"Adaptive{kind}Pooling{rank}D",
                    kwargs,
                    shaped(size, 2, data_format),
                    shaped((wanted,) * rank, 2, data_format),
                )
            several = (3, 2, 1)[:rank]
            yield Case(
                f"Adaptive{kind}Pooling{rank}D",
                {"output_size": several},
                (2, *size, 2),
                (2, *several, 2),
            )


# --- cropping, padding, enlarging ------------------------------------------------------


def _pairs(value, rank):
    """(before, after) for each axis."""
    if isinstance(value, int):
        value = (value,) * rank
    return tuple((v, v) if isinstance(v, int) else v for v in value)


def _edge_cases():
    values = {
        2: (0, 1, (1, 2), ((1, 2), (0, 1)), (2, (0, 1))),
        3: (0, 1, (1, 0, 2), ((1, 2), (0, 1), (2, 0)), (1, (0, 1), 0)),
    }
    for v in (0, 1, (1, 2), (0, 3)):
        before, after = (v, v) if isinstance(v, int) else v
        yield Case("Cropping1D", {"cropping": v}, (2, 7, 3), (2, 7 - before - after, 3))
        for data_format in _FORMATS:
            yield Case(
                "ZeroPadding1D",
                {"padding": v, "data_format": data_format},
                shaped((7,), 3, data_format),
                shaped((7 + before + after,), 3, data_format),
            )
    for rank, size in ((2, (7, 6)), (3, (5, 6, 7))):
        for v in values[rank]:
            for data_format in _FORMATS:
                pairs = list(zip(size, map(sum, _pairs(v, rank))))
                shape = shaped(size, 2, data_format)
                yield Case(
                    f"Cropping{rank}D",
                    {"cropping": v, "data_format": data_format},
                    shape,
                    shaped([n - m for n, m in pairs], 2, data_format),
                )
                yield Case(
                    f"ZeroPadding{rank}D",
                    {"padding": v, "data_format": data_format},
                    shape,
                    shaped([n + m for n, m in pairs], 2, data_format),
                )


def _up_sampling_cases():
    for times in (1, 2, 3):
        yield Case("UpSampling1D", {"size": times}, (2, 4, 3), (2, 4 * times, 3))
    for data_format in _FORMATS:
        for times in (2, (3, 1)):
            height, width = (times, times) if isinstance(times, int) else times
            for mode in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
                yield Case(
                    "UpSampling2D",
                    {"size": times, "data_format": data_format, "interpolation": mode},
                    shaped((4, 5), 3, data_format),
                    shaped((4 * height, 5 * width), 3, data_format),
                    # Keras on torch has no Lanczos; see test_conv.py.
                    skip=("oracle",) if mode.startswith("lanczos") else (),
                )
        for times in (1, 2, (1, 3, 2)):
            each = (times,) * 3 if isinstance(times, int) else times
            yield Case(
                "UpSampling3D",
                {"size": times, "data_format": data_format},
                shaped((2, 3, 4), 2, data_format),
                shaped([n * m for n, m in zip((2, 3, 4), each)], 2, data_format),
            )


# --- dropout ---------------------------------------------------------------------------


def _dropout_cases():
    for option in ({}, {"seed": 3}, {"noise_shape": (None, 1, 9)}):
        kwargs = {"rate": 0.5, **option}
        yield Case("AlphaDropout", kwargs, (8, 2, 9), (8, 2, 9), **_DRAWN)
    yield Case("AlphaDropout", {"rate": 0.0}, (8, 9), (8, 9))
    for rank, size in ((2, (3, 2)), (3, (3, 2, 2))):
        for data_format in _FORMATS:
            shape = shaped(size, 9, data_format)
            for option in ({}, {"seed": 3}):
                kwargs = {"rate": 0.5, "data_format": data_format, **option}
                yield Case(f"SpatialDropout{rank}D", kwargs, shape, shape, **_DRAWN)


# --- convolutional LSTMs ---------------------------------------------------------------


def _lstm_case(rank, kwargs, mask=False, window=3, **more):
    size = (4, 5, 3)[:rank]
    data_format = kwargs.get("data_format", "channels_last")
    first = data_format == "channels_first"
    kwargs = {"filters": 2, "kernel_size": window, **kwargs}
    out = tuple(
        windows(
            n,
            window,
            kwargs.get("strides", 1),
            kwargs.get("padding", "valid"),
            kwargs.get("dilation_rate", 1),
        )
        for n in size
    )
    state = shaped(out, 2, data_format)
    output = (2, 3, *state[1:]) if kwargs.get("return_sequences") else state
    if kwargs.get("return_state"):
        output = (output, state, state)
    weights = [(*(window,) * rank, 3, 8), (*(window,) * rank, 2, 8)]
    if kwargs.get("use_bias", True):
        weights.append((8,))
    return Case(
        f"ConvLSTM{rank}D",
        kwargs,
        (2, 3, 3, *size) if first else (2, 3, *size, 3),
        output,
        weights,
        mask=(2, 3) if mask else None,
        **more,
    )


def _lstm_cases():
    flags = (False, True)
    for rank in (1, 2, 3):
        window = 2 if rank == 3 else 3
        for data_format in _FORMATS:
            for padding, stride in (("valid", 1), ("same", 1), ("same", 2)):
                row = {"padding": padding, "strides": stride, "data_format": data_format}
                yield _lstm_case(rank, {**row, "return_sequences": True}, window=window)
        yield _lstm_case(rank, {"dilation_rate": 2, "padding": "same"}, window=window)
        yield _lstm_case(rank, {}, window=1)
    for row in product(return_sequences=flags, return_state=flags, go_backwards=flags):
        for mask in flags:
            yield _lstm_case(2, row, mask)
    sequences = {"return_sequences": True}
    yield _lstm_case(2, {**sequences, "zero_output_for_mask": True}, True)
    for option in (
        {"use_bias": False},
        {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
        {"unit_forget_bias": False, "bias_initializer": "ones"},
        {"unroll": True},
        {
            "kernel_initializer": "he_normal",
            "recurrent_initializer": "glorot_uniform",
            "kernel_regularizer": "l2",
            "recurrent_regularizer": "l1",
            "bias_regularizer": "l2",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "recurrent_constraint": "non_neg",
            "bias_constraint": "unit_norm",
            "seed": 4,
        },
    ):
        yield _lstm_case(1, {**sequences, **option}, window=2)
    for option in ({"dropout": 0.5}, {"recurrent_dropout": 0.5}, {"dropout": 0.5, "seed": 1}):
        yield _lstm_case(2, option, **_DRAWN)


# Products of arguments: for values and gradients alone, in test_conv.py.
MATRIX = [*_transpose_cases(), *_channelwise_cases()]


def _stands_for_many(case):
    """The rows of the matrix that every check runs on."""
    k = case.kwargs
    last = k["data_format"] == "channels_last"
    if "output_padding" in k:
        return (k["kernel_size"], k["output_padding"]) == ((3, None) if last else (2, 1))
    return last == (k["depth_multiplier"] == 2)


CONV = [
    *filter(_stands_for_many, MATRIX),
    *_transpose_options(),
    *_channelwise_options(),
    *_adaptive_cases(),
    *_edge_cases(),
    *_up_sampling_cases(),
    *_dropout_cases(),
    *_lstm_cases(),
]
