"""Losses against Keras': values, gradients, weights, masks, reductions, configs."""

import copy
import inspect
import pickle
import sys
import warnings

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import torchkeras
from torchkeras import losses, saving

REDUCTIONS = ["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None]
BATCH, N = 5, 4


def numbers(shape=(BATCH, N)):
    return torch.randn(shape), torch.randn(shape)


def positive():
    return torch.rand(BATCH, N) + 0.1, torch.rand(BATCH, N) + 0.1


def bits(shape=(BATCH, N)):
    return torch.randint(0, 2, shape).float(), torch.rand(shape)


def bit_logits():
    return torch.randint(0, 2, (BATCH, N)).float(), torch.randn(BATCH, N) * 3


def signs():
    return torch.randint(0, 2, (BATCH, N)) * 2.0 - 1, torch.randn(BATCH, N)


def one_hot(shape=(BATCH, N)):
    return F.one_hot(torch.randint(0, N, shape[:-1]), N).float(), torch.rand(shape) + 0.01


def one_hot_logits():
    labels, p = one_hot()
    return labels, torch.randn_like(p) * 3


def classes(n=N):
    return torch.randint(0, n, (BATCH,)), torch.rand(BATCH, n) + 0.01


def class_logits():
    labels, p = classes()
    return labels, torch.randn_like(p) * 3


def some_ignored():
    labels, p = classes()
    return torch.where(torch.arange(BATCH) % 2 == 0, labels, -1), p


def label_maps():
    return torch.randint(0, N, (BATCH, 3)), torch.rand(BATCH, 3, N) + 0.01


def label_maps_first():
    return torch.randint(0, N, (BATCH, 3, 2)), torch.rand(BATCH, N, 3, 2) + 0.01


def embeddings():
    return torch.tensor([0, 1, 0, 1, 2]), F.normalize(torch.randn(BATCH, 3), dim=-1)


def sequences():
    labels = torch.tensor([[1, 2, 3], [1, 1, 0], [2, 0, 0], [3, 1, 0], [0, 0, 0]])
    return labels, torch.randn(BATCH, 8, N)


# class -> (arguments, data)
CASES = {
    "MeanSquaredError": [({}, numbers), ({}, lambda: numbers((BATCH, 3, N)))],
    "MeanAbsoluteError": [({}, numbers)],
    "MeanAbsolutePercentageError": [({}, positive)],
    "MeanSquaredLogarithmicError": [({}, positive)],
    "Huber": [({}, numbers), ({"delta": 0.3}, numbers)],
    "LogCosh": [({}, numbers)],
    "CosineSimilarity": [({}, numbers), ({"axis": 1}, lambda: numbers((BATCH, 3, N)))],
    "BinaryCrossentropy": [
        ({}, bits),
        ({"from_logits": True}, bit_logits),
        ({"label_smoothing": 0.2}, bits),
        ({"from_logits": True, "label_smoothing": 0.2}, bit_logits),
        ({"axis": 1}, lambda: bits((BATCH, 3, N))),
    ],
    "BinaryFocalCrossentropy": [
        ({}, bits),
        ({"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5}, bits),
        ({"from_logits": True, "label_smoothing": 0.1}, bit_logits),
        ({"apply_class_balancing": True, "label_smoothing": 0.1, "axis": 1}, bits),
    ],
    "CategoricalCrossentropy": [
        ({}, one_hot),
        ({"from_logits": True}, one_hot_logits),
        ({"label_smoothing": 0.2}, one_hot),
        ({"from_logits": True, "label_smoothing": 0.2}, one_hot_logits),
        ({"axis": 1}, lambda: one_hot((BATCH, 3, N))),
        ({"from_logits": True}, lambda: one_hot((BATCH, 3, N))),
    ],
    "CategoricalFocalCrossentropy": [
        ({}, one_hot),
        ({"alpha": [0.1, 0.2, 0.3, 0.4], "gamma": 1.5}, one_hot),
        ({"from_logits": True, "label_smoothing": 0.1}, one_hot_logits),
    ],
    "SparseCategoricalCrossentropy": [
        ({}, classes),
        ({}, lambda: classes(100)),
        ({"from_logits": True}, class_logits),
        ({"ignore_class": -1}, some_ignored),
        ({"ignore_class": -1, "from_logits": True}, some_ignored),
        ({}, label_maps),
        ({"from_logits": True}, label_maps),
        ({"axis": 1}, label_maps_first),
        ({"axis": 1, "from_logits": True, "ignore_class": 2}, label_maps_first),
    ],
    "CategoricalGeneralizedCrossEntropy": [({}, classes), ({"q": 0.7}, classes)],
    "KLDivergence": [({}, bits), ({}, one_hot)],
    "Poisson": [({}, positive)],
    "CTC": [({}, sequences)],
    "Hinge": [({}, signs), ({}, bits)],
    "SquaredHinge": [({}, signs), ({}, bits)],
    "CategoricalHinge": [({}, one_hot)],
    "Circle": [
        ({}, embeddings),
        ({"gamma": 10.0, "margin": 0.2, "remove_diagonal": False}, embeddings),
    ],
    "Dice": [({}, bits), ({"axis": (1,)}, bits), ({"axis": (0,)}, bits)],
    "Tversky": [({}, bits), ({"alpha": 0.2, "beta": 0.7, "axis": 1}, bits)],
}
ROWS = [
    pytest.param(name, kwargs, data, id=f"{name}-{i}")
    for name, rows in CASES.items()
    for i, (kwargs, data) in enumerate(rows)
]
# The function of each class, for those whose name is not the snake case of it.
FUNCTIONS = {
    "KLDivergence": "kl_divergence",
    "CategoricalGeneralizedCrossEntropy": "categorical_generalized_cross_entropy",
}


def function_of(name):
    return FUNCTIONS.get(name) or torchkeras._state.snake_case(name)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def both(name, **kwargs):
    return getattr(losses, name)(**kwargs), getattr(keras.losses, name)(**kwargs)


def compare(ours, theirs, y_true, y_pred, mask=None, **kwargs):
    """The same value, and the same gradient of its sum."""
    results = []
    for loss in (ours, theirs):
        leaf = y_pred.clone().requires_grad_()
        output = leaf * 1
        if mask is not None:
            output._keras_mask = mask
        value = loss(y_true, output, **kwargs)
        value.sum().backward()
        results.append((value.detach(), leaf.grad))
    close(*(value for value, _ in results))
    close(*(gradient for _, gradient in results))


def test_every_public_name_has_a_row():
    names = {n for n in dir(keras.losses) if not n.startswith("_")}
    assert set(losses.__all__) == names
    assert {n for n in names if inspect.isclass(getattr(losses, n))} == set(CASES) | {"Loss"}
    functions = {n for n in names if inspect.isfunction(getattr(losses, n))}
    assert functions == {function_of(n) for n in CASES} | {"get", "serialize", "deserialize"}


@pytest.mark.parametrize("name", sorted(n for n in losses.__all__ if n != "Loss"))
def test_signatures(name):
    ours, theirs = getattr(losses, name), getattr(keras.losses, name)
    if inspect.isclass(ours):
        ours, theirs = ours.__init__, theirs.__init__
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name,kwargs,data", ROWS)
def test_values_and_gradients(name, kwargs, data, reduction):
    ours, theirs = both(name, reduction=reduction, **kwargs)
    y_true, y_pred = data()
    compare(ours, theirs, y_true, y_pred)
    values = both(name, reduction="none", **kwargs)[0](y_true, y_pred)
    compare(ours, theirs, y_true, y_pred, sample_weight=torch.rand(values.shape))
    compare(ours, theirs, y_true, y_pred, sample_weight=torch.zeros(values.shape))
    if name != "Circle" and "ignore_class" not in kwargs:  # Keras needs the shape of the mask
        compare(ours, theirs, y_true, y_pred, sample_weight=2.5)
    mask = torch.rand(values.shape) < 0.6
    compare(ours, theirs, y_true, y_pred, mask)
    compare(ours, theirs, y_true, y_pred, torch.zeros_like(mask))
    compare(ours, theirs, y_true, y_pred, mask, sample_weight=torch.rand(values.shape))


@pytest.mark.parametrize("name,kwargs,data", ROWS)
def test_functions(name, kwargs, data):
    function, theirs = (getattr(m, function_of(name)) for m in (losses, keras.losses))
    if name == "CategoricalGeneralizedCrossEntropy":
        kwargs = {"q": 0.5, **kwargs}
    y_true, y_pred = data()
    compare(lambda *a: function(*a, **kwargs), lambda *a: theirs(*a, **kwargs), y_true, y_pred)
    expected = function(y_true, y_pred, **kwargs)
    close(function(y_true.numpy(), y_pred.numpy(), **kwargs), expected)
    close(function(y_true.tolist(), y_pred.tolist(), **kwargs), expected)
    if y_true.ndim == y_pred.ndim - 1 and y_true.ndim == 1:
        close(function(y_true[:, None], y_pred, **kwargs), expected)


@pytest.mark.parametrize("name,kwargs,data", ROWS)
def test_inputs_of_every_kind(name, kwargs, data):
    loss = getattr(losses, name)(**kwargs)
    y_true, y_pred = data()
    expected = loss(y_true, y_pred)
    assert expected.dtype == torch.float32 and loss.dtype == "float32"
    close(loss(y_true.numpy(), y_pred.numpy()), expected)
    close(loss(y_true.tolist(), y_pred.tolist()), expected)
    close(loss(y_true.int() if (y_true == y_true.int()).all() else y_true, y_pred), expected)
    close(loss(y_true.double(), y_pred.double()), expected)
    # Predictions in 16 bits are compared in float32.
    close(loss(y_true, y_pred.bfloat16()), loss(y_true, y_pred.bfloat16().float()))
    for dtype in ("bfloat16", "float16", "float64", "mixed_bfloat16"):
        narrow = getattr(losses, name)(dtype=dtype, **kwargs)
        value = narrow(y_true, y_pred)
        assert value.dtype == getattr(torch, dtype.removeprefix("mixed_")), dtype
        assert torch.isfinite(value)
        if dtype == "float64":
            close(value.float(), expected)


@pytest.mark.parametrize("name,kwargs,data", ROWS)
def test_config_round_trip(name, kwargs, data):
    ours, theirs = both(name, reduction="sum", **kwargs)
    config = ours.get_config()
    lost = {"Huber": "delta", "CosineSimilarity": "axis", "SparseCategoricalCrossentropy": "axis"}
    extra = {lost.get(name)} & set(kwargs)
    assert {k: v for k, v in config.items() if k not in extra} == theirs.get_config()
    y_true, y_pred = data()
    expected = ours(y_true, y_pred)
    serialized = losses.serialize(ours)
    assert serialized["module"] == "keras.losses" and serialized["registered_name"] is None
    for other in (
        losses.deserialize(serialized),
        losses.get(serialized),
        type(ours).from_config(config),
        copy.deepcopy(ours),
        pickle.loads(pickle.dumps(ours)),
    ):
        assert type(other) is type(ours) and other.get_config() == config
        assert torch.equal(other(y_true, y_pred), expected)
    if name != "CategoricalGeneralizedCrossEntropy":  # Keras does not know its own name
        close(keras.losses.deserialize(serialized)(y_true, y_pred), expected)


@pytest.mark.parametrize("name,kwargs,data", ROWS)
def test_compiles_without_a_break(name, kwargs, data):
    if name == "CTC":
        pytest.skip("torch cannot trace its own CTC kernel")
    torch.compiler.reset()
    loss = getattr(losses, name)(**kwargs)
    y_true, y_pred = data()

    def step(y_true, y_pred, weights):
        return loss(y_true, y_pred), loss(y_true, y_pred, weights)

    arguments = y_true, y_pred, torch.rand(())
    compiled = torch.compile(step, fullgraph=True, backend="eager")
    close(compiled(*arguments), step(*arguments))


def test_the_kernel_of_the_mean_gives_what_the_function_gives():
    fused = 0
    for name, rows in CASES.items():
        for kwargs, data in rows:
            loss = getattr(losses, name)(**kwargs)
            y_true, y_pred = data()
            value = loss._fused_mean and loss._fused_mean(y_true, y_pred)
            if value is not None:
                fused += 1
                close(value, loss.fn(y_true, y_pred, **loss._fn_kwargs).mean())
    assert fused >= 9
    # A subclass with its own `call`, and every other reduction, goes by that.

    class Doubled(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2 * super().call(y_true, y_pred)

    y_true, y_pred = numbers()
    close(Doubled()(y_true, y_pred), 2 * losses.MeanSquaredError()(y_true, y_pred))
    assert losses.MeanSquaredError(reduction="none")(y_true, y_pred).shape == (BATCH,)


@pytest.mark.parametrize(
    "loss,data,most",
    [
        (losses.MeanSquaredError(), numbers, 12),
        (losses.MeanAbsoluteError(), numbers, 12),
        (losses.BinaryCrossentropy(), bits, 12),
        (losses.SparseCategoricalCrossentropy(from_logits=True), class_logits, 12),
        (losses.SparseCategoricalCrossentropy(), classes, 14),
        (losses.CategoricalCrossentropy(), one_hot, 16),
    ],
)
def test_python_calls_of_a_loss(loss, data, most):
    y_true, y_pred = data()
    loss(y_true, y_pred)
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        loss(y_true, y_pred)
    finally:
        sys.setprofile(None)
    assert count <= most


def test_ranks_that_differ_by_a_last_axis_of_one():
    for a, b in [((3, 1), (3,)), ((3,), (3, 1)), ((2, 3, 1), (2, 3)), ((2, 3), (2, 3, 1))]:
        compare(*both("MeanSquaredError", reduction="none"), torch.randn(a), torch.randn(b))
        compare(*both("MeanSquaredError"), torch.randn(a), torch.randn(b))
    close(
        losses.BinaryCrossentropy()(torch.ones(3), torch.full((3, 1), 0.5)), torch.tensor(2.0).log()
    )
    weights = torch.rand(BATCH, 1)
    compare(*both("MeanSquaredError", reduction="none"), *numbers(), sample_weight=weights)
    compare(*both("MeanSquaredError"), *numbers((BATCH, 3, N)), sample_weight=weights)


def test_masks_of_positions():
    y_true, y_pred = numbers((BATCH, 3, N))
    mask = torch.rand(BATCH, 3) < 0.5
    for reduction in REDUCTIONS:
        pair = both("MeanSquaredError", reduction=reduction)
        compare(*pair, y_true, y_pred, mask)
        compare(*pair, y_true, y_pred, mask, sample_weight=torch.rand(BATCH, 3))
    weights = torch.rand(BATCH, 1)
    loss = losses.MeanSquaredError()
    masked = y_pred * 1
    masked._keras_mask = mask
    close(loss(y_true, masked, weights), loss(y_true, masked, weights.expand(BATCH, 3)))
    # The mean is over what is left.
    masked = y_pred * 1
    masked._keras_mask = mask
    expected = F.mse_loss(y_pred[mask], y_true[mask])
    close(losses.MeanSquaredError()(y_true, masked), expected)


def test_ignored_classes_are_masked():
    y_true, y_pred = some_ignored()
    values = losses.sparse_categorical_crossentropy(y_true, y_pred, ignore_class=-1)
    assert values._keras_mask.tolist() == (y_true != -1).tolist()
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    kept = y_true != -1
    close(loss(y_true, y_pred), losses.SparseCategoricalCrossentropy()(y_true[kept], y_pred[kept]))
    assert loss(torch.full((BATCH,), -1), y_pred) == 0


@pytest.mark.parametrize("from_logits", [False, True])
@pytest.mark.parametrize("label", [-1, N, -100])
@pytest.mark.parametrize("shape", [(BATCH,), (BATCH, 3)])
def test_labels_that_are_no_class(from_logits, label, shape):
    loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    y_true = torch.zeros(shape, dtype=torch.int64)
    y_true[0] = label
    with pytest.raises(ValueError, match=f"outside the {N} classes"):
        loss(y_true, torch.rand(*shape, N))
    with pytest.raises(ValueError, match=f"outside the {N} classes"):
        losses.categorical_generalized_cross_entropy(y_true, torch.rand(*shape, N), 0.5)


def test_large_labels_stay_exact():
    classes = 300
    labels = torch.tensor([257, 299])
    logits = torch.randn(2, classes)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="bfloat16")
    expected = F.cross_entropy(logits.bfloat16(), labels)
    assert torch.equal(loss(labels, logits), expected)


def test_probabilities_of_zero_and_one_stay_finite():
    y_true = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    for certain in (y_true, 1 - y_true):
        for name in ("BinaryCrossentropy", "CategoricalCrossentropy", "KLDivergence"):
            compare(*both(name), y_true, certain)
        labels = y_true.argmax(-1)
        compare(*both("SparseCategoricalCrossentropy"), labels, certain)
        for dtype in ("bfloat16", "float16"):
            for name in ("BinaryCrossentropy", "CategoricalCrossentropy"):
                assert torch.isfinite(getattr(losses, name)(dtype=dtype)(y_true, certain))
    nothing = torch.full((2, 2), float("nan"))
    assert losses.BinaryCrossentropy()(y_true, nothing).isnan()


def test_large_logits_stay_finite():
    y_true = torch.tensor([[0.0, 1.0]])
    logits = torch.tensor([[1e4, -1e4]])
    assert losses.BinaryCrossentropy(from_logits=True)(y_true, logits) == 1e4
    assert losses.CategoricalCrossentropy(from_logits=True)(y_true, logits) == 2e4
    assert losses.SparseCategoricalCrossentropy(from_logits=True)([1], logits) == 2e4
    assert losses.LogCosh()(y_true, logits).isfinite()


def test_circle_with_references():
    y_true, y_pred = embeddings()
    reference = F.normalize(torch.randn(4, 3), dim=-1) * 2
    kwargs = {"ref_labels": torch.tensor([0, 1, 2, 0]), "ref_embeddings": reference, "gamma": 3.0}
    for diagonal in (True, False):
        close(
            losses.circle(y_true, y_pred, remove_diagonal=diagonal, **kwargs),
            keras.losses.circle(y_true, y_pred, remove_diagonal=diagonal, **kwargs),
        )
    # An embedding with nothing to compare with has no gradient, not nan.
    leaf = y_pred.clone().requires_grad_()
    losses.Circle()(torch.zeros(BATCH), leaf).backward()
    assert torch.equal(leaf.grad, torch.zeros_like(leaf))


def test_a_loss_of_ones_own():
    class Own(losses.Loss):
        def __init__(self, power=2, **kwargs):
            super().__init__(**kwargs)
            self.power = power

        def call(self, y_true, y_pred):
            return (y_true["a"] - y_pred["a"]).abs() ** self.power + y_pred["b"]

    loss = Own(3, reduction="sum")
    arrays = {"a": np.ones(2), "b": np.zeros(2)}
    value = loss(arrays, {"a": [3.0, 3.0], "b": torch.ones(2)})
    assert value == 18 and value.dtype == torch.float32
    assert loss.name == "own" and Own().name == "own_1"
    assert loss.get_config() == {"power": 3, "name": "own", "reduction": "sum"}
    with saving.custom_object_scope({"Own": Own}):
        assert losses.deserialize(losses.serialize(loss)).power == 3
    with pytest.raises(NotImplementedError, match="must implement"):
        losses.Loss()([1.0], [1.0])


def test_wrapped_functions():
    def power(y_true, y_pred, p=2):
        return ((y_true - y_pred).abs() ** p).mean(-1)

    loss = losses.LossFunctionWrapper(power, name="power", p=3)
    y_true, y_pred = numbers()
    close(loss(y_true, y_pred), power(y_true, y_pred, 3).mean())
    with saving.custom_object_scope({"power": power}):
        restored = losses.LossFunctionWrapper.from_config(loss.get_config())
    close(restored(y_true, y_pred), loss(y_true, y_pred))
    wrapped = losses.LossFunctionWrapper(losses.huber, delta=0.5)
    restored = losses.LossFunctionWrapper.from_config(wrapped.get_config())
    assert restored.fn is losses.huber
    close(restored(y_true, y_pred), losses.Huber(0.5)(y_true, y_pred))


def test_targets_keep_no_graph_and_devices_are_matched():
    y_true, y_pred = numbers()
    meta = losses.MeanSquaredError()(y_true, y_pred.to("meta"))
    assert meta.device.type == "meta"
    assert losses.SparseCategoricalCrossentropy()(np.zeros(BATCH), y_pred.to("meta")).is_meta


def test_get():
    for name in losses.__all__:
        if name not in ("get", "serialize", "deserialize"):
            obj = losses.get(name)
            assert obj is getattr(losses, name) or type(obj) is getattr(losses, name)
    for alias in "bce BCE kld KLD mae MAE mape MAPE mse MSE msle MSLE".split():
        assert losses.get(alias) is getattr(losses, alias)
        assert losses.get(alias).__name__ == keras.losses.get(alias).__name__
    assert losses.get(None) is None
    assert isinstance(losses.get(losses.Huber), losses.Huber)
    assert losses.deserialize(losses.serialize(losses.huber)) is losses.huber
    old = {"class_name": "Huber", "config": {"delta": 2.0}}
    assert losses.get(old).delta == 2.0

    def own(y_true, y_pred):
        return y_true - y_pred

    assert losses.get(own) is own
    for wrong in ("no_such_name", 3):
        with pytest.raises(ValueError, match="Could not interpret loss identifier"):
            losses.get(wrong)


@pytest.mark.parametrize(
    "call,match",
    [
        (lambda: losses.MeanSquaredError(reduction="x"), "argument `reduction`"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0), r"interval \(0, 1\)"),
        (lambda: losses.BinaryCrossentropy()(torch.ones(2, 3), torch.ones(2, 1)), "same shape"),
        (
            lambda: losses.CategoricalCrossentropy()(torch.ones(2, 3), torch.ones(2, 4)),
            "same shape",
        ),
        (
            lambda: losses.CategoricalCrossentropy(True)(torch.ones(2, 3), torch.ones(2, 4)),
            "same shape",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy()(torch.ones(3), torch.ones(2, 4)),
            "up until the last dimension",
        ),
        (
            lambda: losses.SparseCategoricalCrossentropy(True)(torch.eye(3), torch.ones(3, 3)),
            "One-hot targets",
        ),
        (lambda: losses.sparse_categorical_crossentropy([1], torch.ones(1, 2), axis=5), "`axis`"),
        (
            lambda: losses.MeanSquaredError()(*numbers((3, 4)), sample_weight=torch.ones(2)),
            "must broadcast",
        ),
        (lambda: losses.ctc(torch.ones(2), torch.ones(2, 3, 4)), "Targets `y_true`"),
        (lambda: losses.ctc(torch.ones(2, 3), torch.ones(2, 3)), "Logits `y_pred`"),
        (lambda: losses.ctc(torch.ones(2, 3), torch.ones(3, 3, 4)), "same batch size"),
        (lambda: losses.circle(torch.ones(2), torch.ones(3, 3)), "a label for each embedding"),
    ],
)
def test_errors(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_one_class_warns():
    for from_logits in (False, True):
        with pytest.warns(SyntaxWarning, match="In loss categorical_crossentropy"):
            losses.CategoricalCrossentropy(from_logits)(torch.ones(2, 1), torch.ones(2, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.CategoricalCrossentropy()(torch.ones(2, 2), torch.ones(2, 2))


@pytest.mark.parametrize(
    ("activation", "loss", "targets", "gradient"),
    [
        ("softmax", "sparse_categorical_crossentropy", [0, 1], [[-0.5, 0.5], [0.5, -0.5]]),
        ("softmax", "categorical_crossentropy", [[1.0, 0], [0, 1.0]], [[-0.5, 0.5], [0.5, -0.5]]),
        ("sigmoid", "binary_crossentropy", [[0.0, 1], [1, 0.0]], [[0, -0.25], [-0.25, 0]]),
    ],
)
def test_crossentropy_of_an_activation_is_that_of_its_logits(activation, loss, targets, gradient):
    """Also where the probability is 0 in float32, so that clipping would end the gradient."""
    targets = torch.tensor(targets)
    for form in (losses.object_of(losses.get(loss)), losses.get(loss)):
        logits = torch.tensor([[-200.0, 200.0], [200.0, -200.0]], requires_grad=True)
        if loss == "binary_crossentropy":
            logits = torch.tensor([[-200.0, -200.0], [-200.0, -200.0]], requires_grad=True)
        value = form(targets, torchkeras.activations.get(activation)(logits)).mean()
        value.backward()
        expected = 100.0 if loss == "binary_crossentropy" else 400.0
        assert value.item() == pytest.approx(expected)
        torch.testing.assert_close(logits.grad, torch.tensor(gradient) * 1.0)


def test_crossentropy_of_predictions_changed_in_place_is_theirs():
    with torch.no_grad():
        changed = torchkeras.activations.softmax(torch.tensor([[0.0, 2.0]]))
        changed.copy_(torch.tensor([[0.75, 0.25]]))
        loss = losses.SparseCategoricalCrossentropy()(torch.tensor([0]), changed)
    assert loss.item() == pytest.approx(-np.log(0.75))
    with torch.inference_mode():
        kept = torchkeras.activations.softmax(torch.tensor([[0.0, 2.0]]))
        assert losses.SparseCategoricalCrossentropy()(torch.tensor([0]), kept) > 2
