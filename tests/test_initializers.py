"""Initializers: the same weights as Keras from the same seeds."""

import sys

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import initializers, random, saving

KERNELS = [(4, 6), (3, 4, 6), (3, 3, 4, 6), (5,), ()]
SEEDED = {"seed": 3}
AXES = {"seed": 3, "input_axes": (0,), "output_axes": (1, 2)}
# class -> (arguments, shapes)
CASES = {
    "Zeros": [({}, KERNELS)],
    "Ones": [({}, KERNELS)],
    "Constant": [
        ({"value": 3.5}, KERNELS),
        ({"value": [1.0, 2.0]}, [(3, 2)]),
        ({"value": np.arange(6.0).reshape(2, 3)}, [(2, 3)]),
    ],
    "Identity": [({"gain": 2.0}, [(3, 5), (4, 4), (5, 2)])],
    "STFT": [
        ({}, [(16, 1, 9), (5, 1, 9)]),
        (
            {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
            [(8, 1, 5)],
        ),
        ({"window": "blackman", "scaling": None}, [(8, 1, 5)]),
        ({"window": "bartlett"}, [(8, 1, 5)]),
        ({"window": "cosine"}, [(8, 1, 5)]),
        ({"window": "nuttall"}, [(8, 1, 5)]),
        ({"window": "tukey"}, [(8, 1, 5)]),
        ({"window": None}, [(8, 1, 5)]),
        ({"window": np.hanning(8)}, [(8, 1, 5)]),
    ],
    "RandomNormal": [(SEEDED, KERNELS), ({"mean": 1.0, "stddev": 2.0, "seed": 1}, [(3, 4)])],
    "TruncatedNormal": [(SEEDED, KERNELS), ({"mean": 1.0, "stddev": 2.0, "seed": 1}, [(3, 4)])],
    "RandomUniform": [(SEEDED, KERNELS), ({"minval": 1.0, "maxval": 2.0, "seed": 1}, [(3, 4)])],
    "VarianceScaling": [
        ({"scale": 2.0, "mode": mode, "distribution": distribution, "seed": 3}, KERNELS)
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("uniform", "truncated_normal", "untruncated_normal")
    ]
    + [(AXES, [(4, 2, 8)]), ({"seed": 3, "input_axes": (0,)}, [(4, 2, 8)])],
    "Orthogonal": [({"gain": 2.0, "seed": 3}, [(4, 6), (6, 4), (3, 3, 4, 6), (5, 5)])],
}
for name in (
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
):
    CASES[name] = [(SEEDED, KERNELS), (AXES, [(4, 2, 8)])]
ROWS = [
    pytest.param(name, kwargs, shape, id=f"{name}-{i}-{shape}")
    for name, rows in CASES.items()
    for i, (kwargs, shapes) in enumerate(rows)
    for shape in shapes
]
ALIASES = {
    n: getattr(keras.initializers, n).__name__
    for n in dir(keras.initializers)
    if isinstance(getattr(keras.initializers, n), type)
}


def test_every_public_class_has_a_row():
    classes = {v.__name__ for v in vars(initializers).values() if isinstance(v, type)}
    classes = {n for n in classes if n in initializers.__all__}
    assert classes == set(CASES) | {"Initializer"}


def test_names_and_aliases_are_those_of_keras():
    assert set(initializers.__all__) == {n for n in dir(keras.initializers) if n[0] != "_"}
    for alias, name in ALIASES.items():
        assert getattr(initializers, alias).__name__ == name
        if name != "Initializer":
            assert type(initializers.get(alias)).__name__ == name
    for alias in ("zero", "one", "normal", "uniform"):
        theirs = type(keras.initializers.get(alias)).__name__
        assert type(initializers.get(alias)).__name__ == theirs


@pytest.mark.parametrize("name,kwargs,shape", ROWS)
def test_values(name, kwargs, shape):
    ours = getattr(initializers, name)(**kwargs)(shape)
    theirs = getattr(keras.initializers, name)(**kwargs)(shape)
    assert ours.dtype == torch.float32 and tuple(ours.shape) == shape
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_dtypes(name):
    kwargs, shapes = CASES[name][0]
    init = getattr(initializers, name)(**kwargs)
    for dtype in ("float16", "bfloat16", "float64", torch.float32):
        assert init(shapes[0], dtype=dtype).dtype == torchkeras._dtypes.torch_dtype(dtype)
    if name in ("Zeros", "Ones", "Constant", "Identity"):
        assert init(shapes[0], "int32").dtype == torch.int32


@pytest.mark.parametrize("name", CASES)
def test_config_round_trip(name):
    for kwargs, shapes in CASES[name]:
        init = getattr(initializers, name)(**kwargs)
        theirs = getattr(keras.initializers, name)(**kwargs)
        config = init.get_config()
        if name == "Identity":  # Keras forgets the gain
            assert config == {"gain": 2.0}
        else:
            theirs = keras.saving.serialize_keras_object(theirs)["config"]
            assert repr(sorted(config.items())) == repr(sorted(theirs.items()))
        for other in (
            initializers.deserialize(initializers.serialize(init)),
            initializers.get(initializers.serialize(init)),
            init.clone(),
            type(init).from_config(config),
        ):
            assert torch.equal(other(shapes[0]), init(shapes[0]))
            assert other.get_config() == config
    kwargs, shapes = CASES[name][0]
    init = getattr(initializers, name)(**kwargs)
    loaded = keras.initializers.deserialize(initializers.serialize(init))
    torch.testing.assert_close(loaded(shapes[0]), init(shapes[0]), rtol=1e-5, atol=1e-5)


RANDOM = [name for name in CASES if "seed" in CASES[name][0][0]]


@pytest.mark.parametrize("name", RANDOM)
def test_seeds(name):
    make = getattr(initializers, name)
    unseeded = make()
    assert torch.equal(unseeded((4, 3)), unseeded((4, 3)))
    assert unseeded.get_config()["seed"] is None
    assert not torch.equal(unseeded((4, 3)), make()((4, 3)))
    assert not torch.equal(unseeded((4, 3)), unseeded.clone()((4, 3)))
    stream = make(seed=random.SeedGenerator(1))
    first = stream((4, 3))
    assert not torch.equal(first, stream((4, 3)))
    restored = initializers.deserialize(initializers.serialize(stream))
    assert torch.equal(restored((4, 3)), first)


@pytest.mark.parametrize("name", RANDOM)
def test_weights_of_a_seeded_program_are_those_of_keras(name):
    random.set_random_seed(9)
    ours = [getattr(initializers, name)()((4, 3)) for _ in range(2)]
    keras.utils.set_random_seed(9)
    theirs = [getattr(keras.initializers, name)()((4, 3)) for _ in range(2)]
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_get():
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.HeNormal), initializers.HeNormal)
    value = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(initializers.get(value)((2, 3)), value)
    assert initializers.get(value.numpy())((2, 3), "int32").dtype == torch.int32
    with pytest.raises(ValueError, match="Expected `shape` to be"):
        initializers.get(value)((3, 2))
    old = {"class_name": "HeNormal", "config": {"seed": 2}}
    assert initializers.get(old).seed == 2

    def twos(shape, dtype=None):
        return torch.full(shape, 2.0)

    assert initializers.get(twos) is twos
    with saving.custom_object_scope({"twos": twos}):
        assert initializers.get("twos") is twos


def test_variables_take_initializers():
    v = torchkeras.Variable(initializers.HeNormal(seed=1), shape=(3, 4), dtype="bfloat16")
    assert v.dtype == torch.bfloat16
    with torch.device("meta"):
        assert initializers.GlorotUniform()((2, 3)).device.type == "meta"


def test_a_window_of_scipy_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    assert initializers.STFT(window="hann")((4, 1, 3)).shape == (4, 1, 3)
    with pytest.raises(ValueError, match="need scipy"):
        initializers.STFT(window="tukey")


@pytest.mark.parametrize(
    "call,match",
    [
        (lambda: initializers.get("no_such_name"), "Could not interpret initializer identifier"),
        (lambda: initializers.get(3), "Could not interpret initializer identifier"),
        (lambda: initializers.VarianceScaling(scale=-1), "`scale` must be positive"),
        (lambda: initializers.VarianceScaling(mode="x"), "Invalid `mode` argument"),
        (lambda: initializers.VarianceScaling(distribution="x"), "Invalid `distribution`"),
        (lambda: initializers.HeNormal(seed="a"), "`seed` argument should be an instance"),
        (lambda: initializers.HeNormal(input_axes=7, output_axes=0)((2, 3)), "`input_axes`"),
        (lambda: initializers.HeNormal()((2, 3), "int32"), "floating point"),
        (lambda: initializers.Identity()((2, 3, 4)), "can only be used for 2D"),
        (lambda: initializers.Orthogonal()((3,)), "at least two-dimensional"),
        (lambda: initializers.STFT("a"), "side should be 'real' or 'imag'"),
        (lambda: initializers.STFT(scaling="a"), "Scaling is invalid"),
        (lambda: initializers.STFT(window="no_such_window"), "window"),
        (lambda: initializers.STFT(window=[1.0])((4, 1, 3)), "shape of `window`"),
        (lambda: initializers.STFT()((4, 3)), "expects a shape"),
        (lambda: initializers.Zeros()((None, 3)), "fully known"),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_the_base_class_says_what_to_write():
    with pytest.raises(NotImplementedError, match="must implement"):
        initializers.Initializer()((2,))
