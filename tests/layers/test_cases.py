"""Every check on every row of the table of layers."""

import copy
import functools
import inspect
import pickle
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import torch

import torchkeras
from tests.layers.case import arguments, map_shapes
from tests.layers.cases import CASES
from torchkeras import _dtypes, layers, tree

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
# Tested in files of their own: they compute nothing by themselves.
ELSEWHERE = {"Input", "InputLayer", "InputSpec", "Layer", "Wrapper"}
# They exist to say what to use instead: their docstrings' examples are the test.
ELSEWHERE |= {"FlaxLayer", "JaxLayer", "TFSMLayer"}
# What goes in is text, which the rows have none of: in test_lookup.py and test_text.py.
ELSEWHERE |= {"StringLookup", "TextVectorization"}

pytestmark = pytest.mark.filterwarnings("ignore:.*rms_scaling")
every_case = pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])


def cases_but(check):
    """The cases that a check applies to."""
    rows = [c for c in CASES if check not in c.skip]
    return pytest.mark.parametrize("case", rows, ids=[c.id for c in rows])


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tensors are tiny here: a second thread only makes the kernels wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def one_of_each(kind, check):
    """For a check that most rows would only repeat: the first row of each kind."""
    seen = {}
    for case in CASES:
        if check not in case.skip:
            seen.setdefault((case.layer, case.mask is not None, *kind(case)), case)
    return pytest.mark.parametrize("case", list(seen.values()), ids=lambda c: c.id)


def by_padding(case):
    padding = case.kwargs.get("padding")
    return [padding if isinstance(padding, str) else None]


def by_arguments(case):
    """What a copy holds: it does not depend on the numbers among the arguments."""
    numbers = (int, float, tuple)
    held = [(k, type(v) if isinstance(v, numbers) else str(v)) for k, v in case.kwargs.items()]
    return [*held, len(case.weights)]


def tensors(value, grad=False):
    def tensor(array):
        x = torch.tensor(array)
        return x.requires_grad_() if grad and x.is_floating_point() else x

    return tree.map_structure(tensor, value)


def call(layer, args, case, **kwargs):
    mask = case.mask_array()
    if mask is not None:
        kwargs["mask"] = torch.tensor(mask)
    if case.trains:
        kwargs.setdefault("training", False)
    return layer(*args, **kwargs)


def flat(outputs):
    return [x.detach().float().numpy() for x in tree.flatten(outputs)]


def built(case, framework=torchkeras, **more):
    """The layer after one call, with the weights of the row; and its arguments."""
    torch.manual_seed(0)
    layer = case.make(framework, **more)
    args = tensors(case.inputs())
    call(layer, args, case)
    layer.set_weights(case.weight_values(layer.get_weights()))
    return layer, args


def weighted_sum(outputs):
    """A scalar with another weight for each value of the outputs."""
    total = 0.0
    for i, x in enumerate(tree.flatten(outputs)):
        factors = np.random.default_rng(i).normal(size=tuple(x.shape)).astype("float32")
        total = total + (x * torch.tensor(factors)).sum()
    return total


def run(case, framework):
    """All numbers of a row: outputs in both modes, weights after training, gradients."""
    layer, args = built(case, framework)
    weights = layer.get_weights()
    inference = call(layer, args, case, training=False)
    training = None if case.random else call(layer, args, case, training=True)
    after = layer.get_weights()
    layer.set_weights(weights)
    args = tensors(case.inputs(), grad=True)
    loss = weighted_sum(call(layer, args, case, training=not case.random))
    trainable = [getattr(w, "value", w) for w in layer.trainable_weights]
    wanted = [x for x in (*trainable, *tree.flatten(args)) if x.requires_grad]
    # Integers come out of some layers, and end the way of a gradient.
    ends = not isinstance(loss, torch.Tensor) or not loss.requires_grad
    grads = [] if ends else torch.autograd.grad(loss, wanted, allow_unused=True)
    return SimpleNamespace(
        weights=weights,
        inference=inference,
        training=training,
        after=after,
        losses=[float(x.detach()) for x in layer.losses],
        grads=[None if g is None else g.numpy() for g in grads],
        weight_count=len(trainable),
    )


@functools.cache
def ours(index):
    return run(CASES[index], torchkeras)


@functools.cache
def oracle(index):
    return run(CASES[index], keras)


def both(case):
    index = CASES.index(case)
    return ours(index), oracle(index)


def assert_close(first, second, **tolerance):
    first, second = flat(first), flat(second)
    assert len(first) == len(second)
    for a, b in zip(first, second):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, **(tolerance or TOLERANCE))


# --- the table -------------------------------------------------------------------------


def test_every_public_layer_has_a_case():
    public = {name for name in layers.__all__ if inspect.isclass(getattr(layers, name))}
    covered = {getattr(layers, c.layer) for c in CASES}
    missing = {n for n in public if getattr(layers, n) not in covered} - ELSEWHERE
    assert not missing, f"rows are missing in cases.py for {sorted(missing)}"


def test_ids_are_unique():
    ids = [c.id for c in CASES]
    assert len(set(ids)) == len(ids)


# --- shapes ----------------------------------------------------------------------------


def shapes_of(outputs):
    return tree.map_structure(lambda x: tuple(x.shape), outputs)


def as_nested(shapes):
    """Tuples and lists alike: a list of shapes is as good as a tuple of them."""
    if isinstance(shapes, list | tuple):
        return [as_nested(s) for s in shapes]
    return shapes


def free_batch(shape):
    return as_nested(map_shapes(lambda s: (None, *s[1:]), _lists(shape)))


def _lists(shape):
    """A structure of shapes with every tuple of shapes made a list."""
    if isinstance(shape, list | tuple) and shape and not isinstance(shape[0], int | None):
        return [_lists(s) for s in shape]
    return tuple(shape)


@every_case
def test_shapes(case):
    layer, args = built(case)
    assert [tuple(w.shape) for w in layer.weights] == case.weights
    real = call(layer, args, case)
    assert as_nested(shapes_of(real)) == as_nested(case.output)

    names = list(inspect.signature(layer.compute_output_shape).parameters)
    computed = layer.compute_output_shape(*arguments(case.shape)[: len(names)])
    assert as_nested(tree.map_shape_structure(tuple, computed)) == as_nested(case.output)

    symbols = map_shapes(lambda s: symbol(case, s), case.shape)
    outputs = case.make(torchkeras)(*arguments(symbols))
    assert as_nested(shapes_of(outputs)) == free_batch(case.output)
    kinds = [_dtypes.standardize_dtype(x.dtype) for x in tree.flatten(real)]
    assert [x.dtype for x in tree.flatten(outputs)] == kinds


def symbol(case, shape):
    dtype = "int32" if case.kind == "int" else None
    return torchkeras.Input(batch_shape=(None, *shape[1:]), dtype=dtype)


# --- numbers ---------------------------------------------------------------------------


@cases_but("oracle")
def test_values(case):
    mine, theirs = both(case)
    assert [w.shape for w in mine.weights] == [w.shape for w in theirs.weights]
    assert_close(mine.inference, theirs.inference)
    if not case.random:
        assert_close(mine.training, theirs.training)
        for a, b in zip(mine.after, theirs.after):
            np.testing.assert_allclose(a, b, **TOLERANCE)
    np.testing.assert_allclose(mine.losses, theirs.losses, **TOLERANCE)


@cases_but("gradients")
def test_gradients_reach_every_weight(case):
    mine = ours(CASES.index(case))
    assert all(g is not None for g in mine.grads[: mine.weight_count])


@cases_but("oracle")
def test_gradients(case):
    if case.random:
        return
    mine, theirs = both(case)
    assert len(mine.grads) == len(theirs.grads)
    for a, b in zip(mine.grads, theirs.grads):
        a, b = (np.zeros(()) if g is None else g for g in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-5)


@every_case
def test_training_differs(case):
    layer, args = built(case)
    torch.manual_seed(1)
    plain, trained = (flat(call(layer, args, case, training=t)) for t in (False, True))
    differs = any(not np.array_equal(a, b) for a, b in zip(plain, trained))
    assert differs == case.train_differs
    if case.trains:
        torch.manual_seed(1)
        by_default = flat(layer(*args))
        assert any(not np.array_equal(a, b) for a, b in zip(plain, by_default)) == differs
        return
    # The mode of the module is as good as the argument.
    layer.set_weights(case.weight_values(layer.get_weights()))
    torch.manual_seed(1)
    layer.train()
    by_mode = flat(call(layer, args, case))
    assert any(not np.array_equal(a, b) for a, b in zip(plain, by_mode)) == case.train_differs
    layer.eval()
    layer.set_weights(case.weight_values(layer.get_weights()))
    for a, b in zip(plain, flat(call(layer, args, case))):
        np.testing.assert_array_equal(a, b)


# --- configs and copies ----------------------------------------------------------------


@cases_but("config")
def test_config(case):
    layer, args = built(case, name="given")
    config = layer.get_config()
    again = type(layer).from_config(copy.deepcopy(config))
    assert_same_config(unbuilt(again.get_config()), unbuilt(config), None)
    call(again, args, case)
    again.set_weights(layer.get_weights())
    assert_close(call(again, args, case), call(layer, args, case))


@cases_but("keras_config")
def test_config_is_that_of_keras(case):
    config = case.make(torchkeras, name="given").get_config()
    theirs = case.make(keras, name="given").get_config()
    assert_same_config(config, theirs, case.layer)
    getattr(keras.layers, case.layer).from_config(copy.deepcopy(config))
    again = getattr(layers, case.layer).from_config(unbuilt(theirs))
    assert_same_config(again.get_config(), theirs, case.layer)


def unbuilt(config):
    """A config without what only a built layer has."""
    if isinstance(config, dict):
        return {k: unbuilt(v) for k, v in config.items() if k != "build_config"}
    if isinstance(config, list | tuple):
        return [unbuilt(v) for v in config]
    return config


# What Keras forgets to put into a config.
FORGOTTEN = {"SimpleRNN": {"seed"}, "RandomGrayscale": {"seed"}}


def assert_same_config(mine, theirs, class_name):
    """Equal but for kinds of sequences and the last bits of floats."""
    if isinstance(mine, dict):
        assert set(theirs) <= set(mine)
        assert set(mine) - set(theirs) <= FORGOTTEN.get(class_name, set())
        for key, value in theirs.items():
            inside = mine.get("class_name") if key == "config" else None
            assert_same_config(mine[key], value, inside)
    elif isinstance(mine, list | tuple):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            assert_same_config(a, b, None)
    elif isinstance(mine, float):
        assert mine == pytest.approx(theirs, rel=1e-6)
    else:
        assert mine == theirs


@one_of_each(by_arguments, "state_dict")
def test_state_dict(case):
    layer, args = built(case)
    other = case.make(torchkeras)
    call(other, args, case)
    state = layer.state_dict()
    assert len({v.data_ptr() for v in state.values()}) == len(state)
    other.load_state_dict(state)
    assert_close(call(other, args, case), call(layer, args, case), rtol=0, atol=0)


@one_of_each(by_arguments, "deepcopy")
def test_deepcopy(case):
    layer, args = built(case)
    other = copy.deepcopy(layer)
    expected = call(layer, args, case)
    assert_close(call(other, args, case), expected, rtol=0, atol=0)
    for weight in layer.weights:  # the copy has weights of its own
        weight.data.zero_()
    assert_close(call(other, args, case), expected, rtol=0, atol=0)


@one_of_each(by_arguments, "pickle")
def test_pickle(case):
    layer, args = built(case)
    other = pickle.loads(pickle.dumps(layer))
    assert_close(call(other, args, case), call(layer, args, case), rtol=0, atol=0)


# --- surroundings ----------------------------------------------------------------------


@cases_but("bfloat16")
def test_bfloat16(case):
    layer, args = built(case)
    expected = call(layer, args, case)
    policy = torchkeras.config.dtype_policy()
    torchkeras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed, _ = built(case)
    finally:
        torchkeras.config.set_dtype_policy(policy)
    assert {w.dtype for w in mixed.weights} <= {torch.float32}
    outputs = call(mixed, args, case)
    assert {x.dtype for x in tree.flatten(outputs)} == {torch.bfloat16}
    assert_close(outputs, expected, rtol=0.05, atol=0.1)
    trained = call(mixed, tensors(case.inputs(), grad=True), case, training=True)
    assert {x.dtype for x in tree.flatten(trained)} == {torch.bfloat16}
    if mixed.trainable_weights:
        weighted_sum(trained).backward()
        assert {w.grad.dtype for w in mixed.trainable_weights} == {torch.float32}


@every_case
def test_functional(case):
    layer, args = built(case)
    symbols = map_shapes(lambda s: symbol(case, s), case.shape)
    inputs, data, kwargs = tree.flatten(symbols), tree.flatten(args), {}
    mask = case.mask_array()
    if mask is not None:
        kwargs["mask"] = torchkeras.Input(mask.shape[1:], dtype="bool")
        inputs, data = [*inputs, kwargs["mask"]], [*data, torch.tensor(mask)]
    outputs = layer(*arguments(symbols), **kwargs)
    model = torchkeras.Model(inputs, tree.flatten(outputs))
    expected = call(layer, args, case)
    assert_close(model(data, training=False), expected)
    predicted = model.predict([x.numpy() for x in data], verbose=0)
    assert_close([torch.tensor(x) for x in tree.flatten(predicted)], expected)


class Called(torch.nn.Module):
    """A layer and a mask: torch.export has no free sizes for what comes as ``**kwargs``."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, args, mask):
        # Not as in training, which augmenting layers are in unless told otherwise.
        options = {"training": False} if self.layer._signature.has_training else {}
        return self.layer(*args, **options, **({} if mask is None else {"mask": mask}))


@one_of_each(by_padding, "export")
def test_export(case):
    """One program for every batch size."""
    layer, args = built(case)
    mask = case.mask_array()
    mask = None if mask is None else torch.tensor(mask)
    # An error where the program holds for one size only.
    free = each_tensor(lambda x: {0: torch.export.Dim.DYNAMIC}, (args, mask))
    program = torch.export.export(Called(layer), (args, mask), dynamic_shapes=free).module()
    for inputs in ((args, mask), each_tensor(lambda x: torch.cat([x, x, x]), (args, mask))):
        assert_close(program(*inputs), Called(layer)(*inputs))


def each_tensor(fn, value):
    return tree.map_structure(lambda x: None if x is None else fn(x), value)


@one_of_each(by_padding, "compile")
def test_compile_in_training(case):
    """Outputs, gradients and moving averages of a training step traced as a whole."""
    layer, args = built(case)
    if not layer.trainable_weights:
        args = tree.map_structure(
            lambda x: x.requires_grad_() if x.is_floating_point() else x, args
        )
    wanted = layer.trainable_weights or [x for x in tree.flatten(args) if x.requires_grad]
    start = layer.get_weights()
    mask = case.mask_array()
    options = {} if mask is None else {"mask": torch.tensor(mask)}

    def step(args):
        outputs = layer(*args, training=not case.random, **options)
        loss = sum(x.float().square().sum() for x in tree.flatten(outputs))
        if not wanted or not loss.requires_grad:
            return tree.map_structure(torch.Tensor.detach, outputs), []
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        getattr(layer, "_losses", []).clear()  # as who collects the terms of a loss does
        return tree.map_structure(torch.Tensor.detach, outputs), gradients

    outputs, gradients = step(args)
    after = layer.get_weights()
    layer.set_weights(start)
    torch._dynamo.reset()
    with torch._dynamo.config.patch(trace_autograd_ops=True):
        traced = torch.compile(step, fullgraph=True, backend="eager")(args)
    assert_close(traced[0], outputs)
    for a, b in zip(traced[1], gradients, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.allclose(a, b, rtol=1e-4, atol=1e-5)
    for a, b in zip(layer.get_weights(), after):
        np.testing.assert_allclose(a, b, **TOLERANCE)


@one_of_each(by_padding, "compile")
def test_compile(case):
    layer, args = built(case)
    torch._dynamo.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    with torch.no_grad():
        assert_close(call(compiled, args, case), call(layer, args, case))
