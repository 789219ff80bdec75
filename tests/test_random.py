"""Random tensors: the same numbers as Keras from the same seeds, and the right distributions."""

import copy
import math
import pickle
import random as python_random

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import config, random, saving

# name -> arguments before dtype and seed
CASES = {
    "normal": [((3, 4), 2.0, 5.0), ((5,),)],
    "uniform": [((3, 4), -2.0, 5.0), ((5,),)],
    "truncated_normal": [((3, 4), 2.0, 5.0), ((7,),)],
    "randint": [((3, 4), -2, 50), ((5,), 0, 2)],
    "categorical": [(np.array([[0.3, 0.2, 0.5], [1.0, 2.0, 3.0]], "float32"), 6)],
    "dropout": [
        (torch.arange(12.0).reshape(3, 4), 0.3),
        (torch.arange(12.0).reshape(3, 4), 0.5, (3, 1)),
        (torch.arange(12.0).reshape(3, 4), 0.5, (None, 1)),
    ],
    "shuffle": [(torch.arange(12.0).reshape(6, 2),), (torch.arange(24.0).reshape(2, 4, 3), 1)],
    "gamma": [((3, 4), 0.5), ((3, 4), 2.0)],
    "beta": [((3, 4), 0.5, 2.0)],
    "binomial": [((3, 4), 5.0, 0.3)],
}
ROWS = [(name, args) for name, rows in CASES.items() for args in rows]
WITH_SHAPE = ["normal", "uniform", "truncated_normal", "randint", "gamma", "beta", "binomial"]


def test_every_public_function_has_a_row():
    assert set(random.__all__) == set(CASES) | {"SeedGenerator"}
    assert set(random.__all__) == {n for n in dir(keras.random) if not n.startswith("_")}


@pytest.mark.parametrize("name,args", ROWS)
def test_numbers_of_an_integer_seed(name, args):
    ours = getattr(random, name)(*args, seed=11)
    theirs = getattr(keras.random, name)(*args, seed=11)
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    assert torch.equal(ours, getattr(random, name)(*args, seed=11))
    if ours.numel() > 6:
        assert not torch.equal(ours, getattr(random, name)(*args, seed=12))


@pytest.mark.parametrize("name,args", ROWS)
def test_numbers_of_a_stream(name, args):
    ours, theirs = random.SeedGenerator(5), keras.random.SeedGenerator(5)
    for _ in range(3):
        torch.testing.assert_close(
            getattr(random, name)(*args, seed=ours),
            getattr(keras.random, name)(*args, seed=theirs),
            rtol=1e-5,
            atol=1e-5,
        )
    assert ours.state.tolist() == theirs.state.numpy().tolist() == [5, 3]


@pytest.mark.parametrize("name,args", ROWS)
def test_without_a_seed_torch_decides(name, args):
    function = getattr(random, name)
    torch.manual_seed(3)
    first = function(*args)
    torch.manual_seed(3)
    assert torch.equal(first, function(*args))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["normal", "uniform", "truncated_normal", "gamma", "beta"])
def test_float_dtypes(name, dtype):
    args = CASES[name][0]
    ours = getattr(random, name)(*args, dtype=dtype, seed=2)
    theirs = getattr(keras.random, name)(*args, dtype=dtype, seed=2)
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours.float(), theirs.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", "int8 uint8 int16 uint16 int32 uint32 int64".split())
def test_integer_dtypes(dtype):
    draws = random.randint((500,), 3, 6, dtype=dtype)
    assert draws.dtype == getattr(torch, dtype)
    assert set(draws.to(torch.int64).tolist()) == {3, 4, 5}


def test_floatx_is_the_default():
    config.set_floatx("float64")
    try:
        assert random.normal((2,)).dtype == torch.float64
    finally:
        config.set_floatx("float32")


N = 40000
MOMENTS = [
    ("normal", (1.0, 2.0), 1.0, 4.0),
    ("uniform", (1.0, 4.0), 2.5, 9 / 12),
    ("truncated_normal", (1.0, 2.0), 1.0, 4.0 * 0.87962566103423978**2),
    ("randint", (0, 4), 1.5, 15 / 12),
    ("gamma", (2.0,), 2.0, 2.0),
    ("beta", (2.0, 3.0), 0.4, 6 / (25 * 6)),
    ("binomial", (5.0, 0.3), 1.5, 1.05),
]


@pytest.mark.parametrize("name,args,mean,variance", MOMENTS)
def test_moments(name, args, mean, variance):
    draws = getattr(random, name)((N,), *args, seed=1).double()
    assert abs(draws.mean() - mean) < 5 * math.sqrt(variance / N)
    assert abs(draws.var() / variance - 1) < 0.05


def test_truncated_normal_stays_inside_in_every_chunk(monkeypatch):
    monkeypatch.setattr(random, "_CHUNK", 4096)
    draws = random.truncated_normal((300_000,), seed=1)
    assert draws.abs().max() <= 2
    theirs = keras.random.truncated_normal((300_000,), seed=1)
    # Keras lets through what missed four times; the rest is the same.
    inside = theirs.abs() < 2
    assert torch.equal(draws[inside], theirs[inside]) and inside.float().mean() > 0.9999


def test_distribution_parameters_may_be_arrays():
    draws = random.binomial((2, 3), np.array([0.0, 5.0, 9.0]), np.array([[0.0], [1.0]]))
    assert draws.tolist() == [[0, 0, 0], [0, 5, 9]]
    assert random.gamma((2, 3), torch.tensor([1.0, 2.0, 3.0])).shape == (2, 3)


def test_categorical_follows_the_probabilities():
    logits = torch.log(torch.tensor([[0.1, 0.2, 0.7]]))
    counts = torch.bincount(random.categorical(logits, N, seed=1)[0], minlength=3) / N
    torch.testing.assert_close(counts, torch.tensor([0.1, 0.2, 0.7]), atol=0.01, rtol=0)


def test_dropout_scales_what_it_keeps_and_its_gradient():
    for seed in (None, 3):
        x = torch.ones(100, 100, requires_grad=True)
        out = random.dropout(x, 0.25, seed=seed)
        out.sum().backward()
        assert abs((out == 0).float().mean() - 0.25) < 0.02
        torch.testing.assert_close(out.max(), torch.tensor(1 / 0.75))
        assert torch.equal(x.grad, out.detach())
    assert random.dropout(x, 0.0) is x
    x.grad = None
    random.dropout(x, 1.0, seed=1).sum().backward()
    assert x.grad.abs().sum() == 0


def test_shuffle_permutes_slices():
    x = torch.arange(20).reshape(10, 2)
    shuffled = random.shuffle(x, seed=1)
    assert not torch.equal(shuffled, x)
    assert torch.equal(shuffled[shuffled[:, 0].argsort()], x)
    assert torch.equal(random.shuffle(x, -1, seed=1), random.shuffle(x, 1, seed=1))


def test_seed_generator_next_returns_the_state_before_the_step():
    ours, theirs = random.SeedGenerator(7), keras.random.SeedGenerator(7)
    for ordered in (True, True, False, True):
        assert ours.next(ordered).tolist() == theirs.next(ordered).tolist()
    assert ours.state.tolist() == theirs.state.numpy().tolist()
    assert not ours.state.trainable and ours.state.dtype == torch.int64
    assert ours.state.path == f"{ours.name}/seed_generator_state"


def test_seed_generator_config_copy_and_pickle():
    seeds = random.SeedGenerator(7, name="mine")
    assert seeds.get_config() == {"seed": 7, "name": "mine"}
    assert random.SeedGenerator().get_config()["seed"] is None
    restored = saving.deserialize_keras_object(saving.serialize_keras_object(seeds))
    seeds.next()
    for other in (copy.deepcopy(seeds), pickle.loads(pickle.dumps(seeds))):
        assert other.state.tolist() == [7, 1]
        other.next()
    assert seeds.state.tolist() == [7, 1] and restored.state.tolist() == [7, 0]
    assert [random.SeedGenerator().name for _ in range(2)] == [
        "seed_generator_1",
        "seed_generator_2",
    ]


def test_set_random_seed_repeats_everything():
    def draw():
        random.set_random_seed(4)
        numbers = python_random.random(), np.random.rand(), float(random.normal(()))
        return numbers, random.SeedGenerator().state.tolist()

    assert draw() == draw()
    random.set_random_seed(4)
    ours = random.SeedGenerator().state.tolist()
    keras.utils.set_random_seed(4)
    assert ours == keras.random.SeedGenerator().state.numpy().tolist()


@pytest.mark.parametrize("name,args", ROWS)
def test_seeds_leave_torchs_own_generator_alone(name, args):
    draw = getattr(random, name)
    torch.manual_seed(3)
    first, state = draw(*args, seed=11), torch.get_rng_state()
    torch.manual_seed(4)
    assert torch.equal(first, draw(*args, seed=11))
    streams = random.SeedGenerator(5), random.SeedGenerator(5)
    one = [draw(*args, seed=streams[0]) for _ in range(2)]
    torch.manual_seed(3)
    two = [draw(*args, seed=streams[1]) for _ in range(2)]
    assert all(map(torch.equal, one, two))
    assert torch.equal(torch.get_rng_state(), state)


def test_set_random_seed_repeats_a_whole_run():
    def trained():
        random.set_random_seed(7)
        model = torchkeras.Sequential(
            [
                torchkeras.Input((4,)),
                torchkeras.layers.Dense(8),
                torchkeras.layers.Dropout(0.5),
                torchkeras.layers.GaussianNoise(0.1),
                torchkeras.layers.Dense(1),
            ]
        )
        model.compile("sgd", "mse")
        x = np.random.rand(32, 4).astype("float32")
        model.fit(x, x[:, :1], epochs=2, batch_size=8, verbose=0)
        return model.get_weights()

    for one, other in zip(trained(), trained()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name,args", ROWS)
def test_compiled_draws_repeat_with_torchs_seed(name, args):
    args = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]
    seeds = random.SeedGenerator(1)
    torch._dynamo.reset()

    def draws():
        return [getattr(random, name)(*args, seed=seed) for seed in (seeds, 3, None)]

    step = torch.compile(draws, fullgraph=True, backend="eager")
    random.set_random_seed(1)
    first = step()
    random.set_random_seed(1)
    for one, other, plain in zip(first, step(), draws()):
        assert torch.equal(one, other)
        assert one.shape == plain.shape and one.dtype == plain.dtype


def test_inside_compile_and_on_the_meta_device():
    seeds = random.SeedGenerator(1)

    def step(x):
        return random.dropout(x, 0.5, noise_shape=(4, 1), seed=seeds)

    out = torch.compile(step, fullgraph=True, backend="eager")(torch.ones(4, 3))
    assert set(out.unique().tolist()) <= {0.0, 2.0}
    with torch.device("meta"):
        assert random.normal((2, 3), seed=1).device.type == "meta"


@pytest.mark.parametrize(
    "call,match",
    [
        (lambda: random.SeedGenerator("a"), "`seed` must be an integer"),
        (lambda: random.SeedGenerator(1, foo=2), "Unrecognized keyword arguments"),
        (lambda: random.normal((2,), seed="a"), "an integer or an instance of `SeedGenerator`"),
        (lambda: random.normal((2,), dtype="int32"), "requires a floating point `dtype`"),
        (lambda: random.uniform((2,), dtype="int32"), "requires a floating point `dtype`"),
        (lambda: random.randint((2,), 0, 2, dtype="float32"), "requires an integer `dtype`"),
        (lambda: random.normal((None, 2)), "fully known"),
        (lambda: random.normal(3), "Cannot convert '3' to a shape"),
        (lambda: random.categorical(torch.ones(3), 2), "2-D tensor"),
        (lambda: random.dropout(torch.ones(3), 1.5), "`rate`"),
        (lambda: random.set_random_seed("a"), "to be an integer"),
        (lambda: random.set_random_seed(-1), r"between 0 and 2\*\*32 - 1"),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_dropout_without_a_seed():
    x = torch.ones(1003, 101)
    torch.manual_seed(1)
    first = random.dropout(x, 0.3)
    torch.manual_seed(1)
    assert torch.equal(random.dropout(x, 0.3), first)
    assert not torch.equal(random.dropout(x, 0.3), first)
    # Three standard deviations of a fraction of 101,303, and of what neighbours share.
    assert abs((first == 0).double().mean() - 0.3) < 0.005
    assert abs(first.double().mean() - 1) < 0.007
    both = ((first[:, 1:] == 0) & (first[:, :-1] == 0)).double().mean()
    assert abs(both - 0.09) < 0.004
    np.testing.assert_allclose(first[first > 0].double().mean(), 1 / 0.7, rtol=1e-4)


@pytest.mark.parametrize("rate", [1e-5, 1.0])
def test_dropout_at_the_ends(rate):
    x = torch.ones(100, 100)
    zeros = (random.dropout(x, rate) == 0).double().mean()
    assert abs(zeros - rate) < 1e-3


def test_compiled_dropout_draws_anew():
    def two(x):
        return random.dropout(x, 0.5), random.dropout(x, 0.5)

    x = torch.ones(64, 64)
    with torch.no_grad():
        torch._dynamo.reset()
        compiled = torch.compile(two, fullgraph=True)
        first, second = compiled(x)
        third, _ = compiled(x)
    assert not torch.equal(first, second) and not torch.equal(first, third)
    assert {float(v) for v in first.unique()} == {0.0, 2.0}
