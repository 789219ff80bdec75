"""Rows of the table of layers: the preprocessing layers that take numbers.

Keras' lookup and hashing layers need TensorFlow, so that there is no oracle of them here; their
numbers, and the layers that take strings, are in files of their own.
"""

from tests.layers.case import Case, Of, product

# Numbers in, integers out: there are no gradients, and no 16-bit floats.
_INTS = ("bfloat16",)
# No oracle without TensorFlow.
_ALONE = ("oracle", "keras_config")

NORMALIZATION = [
    Case("Normalization", {"mean": 1.0, "variance": 4.0}, (4, 3), (4, 3)),
    Case("Normalization", {"mean": 1.0, "variance": 4.0, "invert": True}, (4, 3), (4, 3)),
    Case("Normalization", {"mean": [1.0, 2.0], "variance": [4.0, 0.0]}, (4, 3, 2), (4, 3, 2)),
    Case(
        "Normalization",
        {"axis": (1, 2), "mean": [[1.0], [2.0], [3.0]], "variance": [[1.0], [4.0], [9.0]]},
        (4, 3, 2),
        (4, 3, 2),
    ),
    Case("Normalization", {"axis": None, "mean": 0.5, "variance": 2.0}, (4, 3), (4, 3), kind="int"),
    *(
        # Keras reads its weights only in `finalize_state`: set ones do nothing. One of them is an
        # integer.
        Case(
            "Normalization",
            {"axis": axis},
            (4, 3),
            (4, 3),
            [size, size, ()],
            skip=("oracle", "bfloat16"),
        )
        for axis, size in ((-1, (3,)), (1, (3,)), (None, ()))
    ),
]

RESCALING = [
    Case("Rescaling", {"scale": 0.5}, (2, 3), (2, 3)),
    Case("Rescaling", {"scale": 0.5, "offset": -1.0}, (2, 3), (2, 3), kind="int"),
    Case("Rescaling", {"scale": [0.5, 2.0, 3.0], "offset": [1.0, 2.0, 3.0]}, (2, 4, 3), (2, 4, 3)),
]

CATEGORIES = [
    *(
        Case("CategoryEncoding", {"num_tokens": 5, "output_mode": mode}, shape, output, kind="int")
        for mode, shape, output in (
            ("one_hot", (4,), (4, 5)),
            ("one_hot", (4, 1), (4, 5)),
            ("one_hot", (4, 3), (4, 3, 5)),
            ("one_hot", (4, 3, 2), (4, 3, 2, 5)),
            ("multi_hot", (4, 3), (4, 5)),
            ("multi_hot", (4, 1), (4, 5)),
            ("count", (4, 3), (4, 5)),
            ("count", (4, 1), (4, 5)),
        )
    ),
    # Of more axes Keras counts over the second, though it says the last.
    Case("CategoryEncoding", {"num_tokens": 5}, (4, 2, 3), (4, 2, 5), kind="int", skip=("oracle",)),
    *(
        Case(
            "Discretization",
            {"bin_boundaries": [-0.5, 0.0, 1.0], "output_mode": mode},
            shape,
            output,
            skip=_INTS if mode == "int" else (),
        )
        for mode, shape, output in (
            ("int", (4,), (4,)),
            ("int", (4, 3), (4, 3)),
            ("one_hot", (4, 1), (4, 4)),
            ("one_hot", (4, 3), (4, 3, 4)),
            ("multi_hot", (4, 3), (4, 4)),
            ("multi_hot", (4, 2, 3), (4, 3, 4)),
            ("count", (4, 3), (4, 4)),
            ("count", (4, 2, 3), (4, 3, 4)),
        )
    ),
    Case("Discretization", {"bin_boundaries": []}, (4, 3), (4, 3), skip=_INTS),
]

_VOCABULARY = {"vocabulary": [4, 1, 7]}
LOOKUPS = [
    *(
        Case("IntegerLookup", {**_VOCABULARY, **more}, (4, 3), (4, 3), kind="int", skip=skip)
        for more in (
            {},
            {"mask_token": 0},
            {"num_oov_indices": 2},
            {"invert": True},
            {"num_oov_indices": 3, "oov_method": "farmhash"},
            {"num_oov_indices": 3, "oov_method": "farmhash", "salt": 5},
        )
        for skip in [_ALONE + _INTS + (("compile", "export") if "oov_method" in more else ())]
    ),
    *(
        Case(
            "IntegerLookup",
            {**_VOCABULARY, **more, "output_mode": mode},
            (4, 3),
            (4, *((3,) if mode == "one_hot" else ()), 8 if "max_tokens" in more else 4),
            kind="int",
            skip=_ALONE,
        )
        for more in ({}, {"mask_token": 0}, {"max_tokens": 8, "pad_to_max_tokens": True})
        for mode in ("one_hot", "multi_hot", "count")
    ),
    Case(
        "IntegerLookup",
        {**_VOCABULARY, "output_mode": "tf_idf", "idf_weights": [0.5, 0.2, 0.1]},
        (4, 3),
        (4, 4),
        kind="int",
        skip=_ALONE,
    ),
    *(
        Case(
            "Hashing",
            {"num_bins": 3, **more},
            (4, 2),
            (4, 2),
            kind="int",
            skip=(*_ALONE, *_INTS, "compile", "export"),
        )
        for more in ({}, {"salt": 3}, {"mask_value": 0}, {"dtype": "int32"})
    ),
    *(
        Case(
            "Hashing",
            {"num_bins": 3, "output_mode": mode},
            (4, 2),
            output,
            kind="int",
            skip=(*_ALONE, "compile", "export"),
        )
        for mode, output in (("one_hot", (4, 2, 3)), ("multi_hot", (4, 3)), ("count", (4, 3)))
    ),
    *(
        Case(
            "HashedCrossing",
            {"num_bins": 3, "output_mode": mode},
            [(4, 1), (4, 1)],
            output,
            kind="int",
            skip=(*_ALONE, "compile", "export", *(_INTS if mode == "int" else ())),
        )
        for mode, output in (("int", (4, 1)), ("one_hot", (4, 3)))
    ),
]

_MEL = {"fft_length": 32, "sequence_stride": 10, "num_mel_bins": 6, "sampling_rate": 100}
_STFT = {"frame_length": 12, "fft_length": 16}


def _stft_output(mode, padding, expand_dims, data_format):
    frames = 7 if padding == "same" else 5
    frequencies = 18 if mode == "stft" else 9
    if data_format == "channels_first":
        return (2, 2, frames, frequencies) if expand_dims else (2, 2 * frequencies, frames)
    return (2, frames, frequencies, 2) if expand_dims else (2, frames, 2 * frequencies)


AUDIO = [
    *(
        # 16 bits are too few for magnitudes in decibels, far below the largest.
        Case("MelSpectrogram", {**_MEL, **more}, (2, 95), (2, 6, 10), skip=("bfloat16",))
        for more in (
            {},
            {"power_to_db": False},
            {"power_to_db": False, "mag_exp": 1.0, "window": "hamming"},
            {"sequence_length": 20, "window": None, "top_db": 5.0},
            {"min_freq": 5.0, "max_freq": 30.0, "min_power": 0.1, "ref_power": 2.0},
        )
    ),
    *(
        Case(
            "STFTSpectrogram",
            {**_STFT, **options},
            (2, 2, 40) if options["data_format"] == "channels_first" else (2, 40, 2),
            _stft_output(**options),
            [(12, 1, 9)] * (1 if options["mode"] in ("real", "imag") else 2),
            # Keras refuses bfloat16.
            skip=("bfloat16",),
        )
        for options in (
            *product(
                mode=("log", "stft"),
                padding=("valid", "same"),
                expand_dims=(False, True),
                data_format=("channels_last", "channels_first"),
            ),
            *product(
                mode=("magnitude", "psd", "real", "imag", "angle"),
                padding=("valid",),
                expand_dims=(False,),
                data_format=("channels_last",),
            ),
        )
    ),
]

PIPELINE = [
    Case(
        "Pipeline",
        {
            "layers": [
                Of("Rescaling", {"scale": 2.0, "name": "first"}),
                Of("Dense", {"units": 3, "name": "inner"}),
            ]
        },
        (4, 5),
        (4, 3),
        [(5, 3), (3,)],
    ),
]

PREPROCESSING = [*NORMALIZATION, *RESCALING, *CATEGORIES, *LOOKUPS, *AUDIO, *PIPELINE]
