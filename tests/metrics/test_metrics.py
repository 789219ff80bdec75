"""Every metric against Keras' own: the same batches in, the same numbers out."""

import copy
import inspect
import pickle
import re
import sys

import keras
import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics

import torchkeras
from torchkeras import metrics

CLASSES = 4
BATCH = 7


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def numbers(rng):
    return rng.normal(size=(BATCH, 3)), rng.normal(size=(BATCH, 3))


def positives(rng):
    return rng.random((BATCH, 3)) + 0.1, rng.random((BATCH, 3)) + 0.1


def steps(rng):
    return rng.normal(size=(BATCH, 5, 3)), rng.normal(size=(BATCH, 5, 3))


def vector(rng):
    return rng.normal(size=(BATCH,)), rng.normal(size=(BATCH, 1))


def column(rng):
    return rng.normal(size=(BATCH, 1)), rng.normal(size=(BATCH,))


def binary(rng):
    return rng.integers(0, 2, BATCH), rng.random(BATCH)


def labels(rng):
    return rng.integers(0, 2, (BATCH, CLASSES)), rng.random((BATCH, CLASSES))


def logits(rng):
    return rng.integers(0, 2, (BATCH, CLASSES)), rng.normal(size=(BATCH, CLASSES))


def grid(rng):
    """Predictions that lie on thresholds, and beyond 0..1."""
    return rng.integers(0, 2, 30), rng.integers(-2, 13, 30) / 10


def one_hot(rng):
    return np.eye(CLASSES)[rng.integers(0, CLASSES, BATCH)], softmax(
        rng.normal(size=(BATCH, CLASSES))
    )


def one_hot_rows(rng):
    return tuple(v.T for v in one_hot(rng))


def one_hot_steps(rng):
    return np.eye(CLASSES)[rng.integers(0, CLASSES, (BATCH, 3))], softmax(
        rng.normal(size=(BATCH, 3, CLASSES))
    )


def sparse(rng):
    return rng.integers(0, CLASSES, BATCH), softmax(rng.normal(size=(BATCH, CLASSES)))


def sparse_column(rng):
    y, p = sparse(rng)
    return y[:, None], p


def sparse_steps(rng):
    return rng.integers(0, CLASSES, (BATCH, 3)), softmax(rng.normal(size=(BATCH, 3, CLASSES)))


def sorted_ids(rng):
    return rng.integers(0, CLASSES, BATCH), np.argsort(rng.random((BATCH, CLASSES)), -1)


def ids(rng):
    return rng.integers(0, CLASSES, (BATCH, 2)), rng.integers(0, CLASSES, (BATCH, 2))


def flat_ids(rng):
    return rng.integers(-1, CLASSES + 1, 30), rng.integers(0, CLASSES, 30)


# Name, arguments, data; a row for each way that a class can compute.
CASES = [
    ("MeanSquaredError", {}, numbers),
    ("MeanSquaredError", {}, steps),
    ("MeanSquaredError", {}, vector),
    ("MeanSquaredError", {}, column),
    ("MeanSquaredError", {"dtype": "float64"}, numbers),
    ("RootMeanSquaredError", {}, numbers),
    ("RootMeanSquaredError", {}, steps),
    ("RootMeanSquaredError", {}, vector),
    ("MeanAbsoluteError", {}, numbers),
    ("MeanAbsolutePercentageError", {}, positives),
    ("MeanSquaredLogarithmicError", {}, positives),
    ("LogCoshError", {}, numbers),
    ("CosineSimilarity", {}, numbers),
    ("CosineSimilarity", {"axis": 1}, steps),
    ("R2Score", {}, numbers),
    ("R2Score", {"class_aggregation": None}, numbers),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, numbers),
    ("R2Score", {"num_regressors": 2}, numbers),
    ("R2Score", {}, vector),
    ("Accuracy", {}, ids),
    ("Accuracy", {}, vector),
    ("BinaryAccuracy", {}, labels),
    ("BinaryAccuracy", {"threshold": 0.3}, binary),
    ("BinaryAccuracy", {"threshold": 0.3}, grid),
    ("CategoricalAccuracy", {}, one_hot),
    ("CategoricalAccuracy", {}, one_hot_steps),
    ("SparseCategoricalAccuracy", {}, sparse),
    ("SparseCategoricalAccuracy", {}, sparse_column),
    ("SparseCategoricalAccuracy", {}, sparse_steps),
    ("TopKCategoricalAccuracy", {"k": 2}, one_hot),
    ("TopKCategoricalAccuracy", {"k": 3}, one_hot_steps),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, sparse),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, sparse_column),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, sparse_steps),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, sorted_ids),
    ("BinaryCrossentropy", {}, labels),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, logits),
    ("CategoricalCrossentropy", {}, one_hot),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, one_hot_steps),
    ("SparseCategoricalCrossentropy", {}, sparse),
    ("SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, sparse_steps),
    ("KLDivergence", {}, one_hot),
    ("Poisson", {}, positives),
    ("Hinge", {}, logits),
    ("SquaredHinge", {}, logits),
    ("CategoricalHinge", {}, one_hot),
    ("PearsonCorrelation", {}, steps),
    ("PearsonCorrelation", {"axis": 1}, steps),
    ("PearsonCorrelation", {"axis": (1, 2)}, steps),
    ("ConcordanceCorrelation", {}, steps),
    ("ConcordanceCorrelation", {"axis": 1}, steps),
    ("AUC", {}, binary),
    ("AUC", {}, labels),
    ("AUC", {"num_thresholds": 11}, grid),
    ("AUC", {"num_thresholds": 2}, binary),
    ("AUC", {"thresholds": [0.7, 0.1, 0.35]}, labels),
    ("AUC", {"thresholds": [0.7, 0.1, 0.3]}, grid),
    ("AUC", {"thresholds": [0.25, 0.5, 0.75]}, labels),
    ("AUC", {"summation_method": "minoring"}, labels),
    ("AUC", {"summation_method": "majoring"}, labels),
    ("AUC", {"curve": "PR"}, labels),
    ("AUC", {"curve": "PR", "summation_method": "minoring"}, labels),
    ("AUC", {"curve": "PR", "summation_method": "majoring"}, labels),
    ("AUC", {"curve": "PRGAIN", "num_thresholds": 20}, labels),
    ("AUC", {"curve": "PRGAIN", "summation_method": "minoring", "num_thresholds": 9}, labels),
    ("AUC", {"curve": "PRGAIN", "summation_method": "majoring", "num_thresholds": 9}, labels),
    ("AUC", {"multi_label": True}, labels),
    ("AUC", {"multi_label": True, "num_labels": CLASSES, "curve": "PR"}, labels),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 0.5]}, labels),
    ("AUC", {"multi_label": True, "thresholds": [0.1, 0.2, 0.7]}, labels),
    ("AUC", {"multi_label": True, "from_logits": True}, logits),
    ("AUC", {"label_weights": [1.0, 2.0, 0.0, 0.5], "num_thresholds": 9}, labels),
    ("AUC", {"label_weights": [1.0, 2.0, 0.0, 0.5], "thresholds": [0.1, 0.4]}, labels),
    ("AUC", {"from_logits": True}, logits),
    ("Precision", {}, binary),
    ("Precision", {}, labels),
    ("Precision", {"thresholds": 0.3}, grid),
    ("Precision", {"thresholds": [0.0, 0.5, 1.0]}, grid),
    ("Precision", {"thresholds": [0.9, 0.2, 0.35]}, labels),
    ("Precision", {"thresholds": [0.9, 0.2, 0.3]}, grid),
    ("Precision", {"top_k": 2}, labels),
    ("Precision", {"top_k": 2, "class_id": 1}, labels),
    ("Precision", {"class_id": 2, "thresholds": [0.2, 0.4]}, labels),
    ("Recall", {}, binary),
    ("Recall", {}, labels),
    ("Recall", {"thresholds": [0.9, 0.2, 0.3]}, grid),
    ("Recall", {"top_k": 2}, labels),
    ("Recall", {"top_k": 2, "class_id": 1, "thresholds": 0.2}, labels),
    ("TruePositives", {}, labels),
    ("TruePositives", {"thresholds": [0.8, 0.1]}, labels),
    ("TrueNegatives", {"thresholds": [0.0, 0.5, 1.0]}, grid),
    ("FalsePositives", {}, binary),
    ("FalseNegatives", {"thresholds": [0.2, 0.5, 0.6]}, labels),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, labels),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 11}, grid),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "num_thresholds": 1}, labels),
    ("SpecificityAtSensitivity", {"sensitivity": 0.7, "class_id": 2}, labels),
    ("PrecisionAtRecall", {"recall": 0.6, "num_thresholds": 30}, labels),
    ("RecallAtPrecision", {"precision": 0.6}, labels),
    ("RecallAtPrecision", {"precision": 1.0}, labels),
    ("FBetaScore", {"beta": 2.0}, one_hot),
    ("FBetaScore", {"average": "micro", "beta": 0.5, "threshold": 0.4}, labels),
    ("F1Score", {"average": "macro"}, one_hot),
    ("F1Score", {"average": "weighted", "threshold": 0.4}, labels),
    ("F1Score", {"threshold": 0.4}, labels),
    ("IoU", {"num_classes": CLASSES, "target_class_ids": [0, 2]}, flat_ids),
    ("IoU", {"num_classes": CLASSES, "target_class_ids": [3], "ignore_class": 1}, flat_ids),
    ("IoU", {"num_classes": 9, "target_class_ids": [0, 8], "dtype": "float32"}, flat_ids),
    ("MeanIoU", {"num_classes": CLASSES}, flat_ids),
    ("MeanIoU", {"num_classes": 9, "ignore_class": -1}, flat_ids),
    ("BinaryIoU", {"threshold": 0.3}, binary),
    ("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, grid),
    ("OneHotIoU", {"num_classes": CLASSES, "target_class_ids": [1, 2]}, one_hot),
    ("OneHotIoU", {"num_classes": CLASSES, "target_class_ids": (1,), "axis": 0}, one_hot_rows),
    ("OneHotMeanIoU", {"num_classes": CLASSES}, one_hot),
    ("OneHotMeanIoU", {"num_classes": CLASSES, "ignore_class": 2}, one_hot),
]
# Tested on their own below.
OTHERS = {"Metric", "Mean", "Sum", "MeanMetricWrapper"}


def case_id(case):
    name, arguments, data = case
    return f"{name}-{data.__name__}-{'-'.join(f'{k}={v}' for k, v in arguments.items())}"


def both(case):
    name, arguments, _ = case
    return getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)


def batches(case, count=3):
    rng = np.random.default_rng(len(case_id(case)))
    pairs = [case[2](rng) for _ in range(count)]
    return [
        tuple(v.astype("float32" if v.dtype.kind == "f" else "int64") for v in p) for p in pairs
    ]


def assert_same(ours, theirs):
    mine = [v.numpy() for v in ours.variables]
    other = [v.numpy() for v in theirs.variables]
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    assert [v.shape for v in mine] == [v.shape for v in other]
    for a, b in zip(mine, other):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=5e-6)
    result, expected = ours.result(), theirs.result().detach()
    assert isinstance(result, torch.Tensor)
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_equals_keras(case):
    ours, theirs = both(case)
    for y_true, y_pred in batches(case):
        ours.update_state(torch.tensor(y_true), torch.tensor(y_pred))
        theirs.update_state(y_true, y_pred)
        assert_same(ours, theirs)
    ours.reset_state()
    theirs.reset_state()
    assert all(float(v.abs().sum()) == 0 for v in ours.variables)
    y_true, y_pred = batches(case)[0]
    ours.update_state(y_true.tolist(), y_pred)  # lists and arrays
    theirs.update_state(y_true, y_pred)
    assert_same(ours, theirs)


def weights_for(case, y_true, y_pred, rng):
    shapes = [(y_pred.shape[0],)]
    if y_pred.ndim > 1 and case[0] not in ("IoU", "MeanIoU", "FBetaScore", "F1Score"):
        shapes.append((y_pred.shape[0], 1))
    if case[0] in ("Precision", "Recall", "AUC", "TruePositives") and "class_id" not in case[1]:
        shapes.append(y_pred.shape)
    if case[2] is ids:
        shapes.append(y_pred.shape)
    if "ignore_class" in case[1]:
        shapes = [y_true.shape]
    return [rng.random(shape).astype("float32") for shape in shapes]


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_equals_keras_with_weights(case):
    rng = np.random.default_rng(3)
    if case[0] == "CosineSimilarity" and case[1]:
        pytest.skip("the same code as along the last axis")
    if case[2] in (steps, one_hot_steps, sparse_steps):
        kinds = 1
    else:
        kinds = len(weights_for(case, *batches(case)[0], rng))
    for kind in range(kinds):
        ours, theirs = both(case)
        for y_true, y_pred in batches(case):
            if "IoU" in case[0]:
                weights = rng.integers(0, 3, y_pred.shape[1 if case[2] is one_hot_rows else 0])
            else:
                weights = weights_for(case, y_true, y_pred, rng)[kind]
            ours.update_state(y_true, torch.tensor(y_pred), torch.tensor(weights))
            theirs.update_state(y_true, y_pred, weights)
        assert_same(ours, theirs)


def test_every_class_has_a_case():
    public = {n for n in metrics.__all__ if inspect.isclass(getattr(metrics, n))}
    assert public == {case[0] for case in CASES} | OTHERS
    theirs = {n for n in dir(keras.metrics) if n[0] != "_"}
    assert set(metrics.__all__) == theirs


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_config(case):
    ours, theirs = both(case)
    config = ours.get_config()
    expected = theirs.get_config()
    for key in expected.keys() - {"name", "label_weights"}:
        value = config[key]
        if isinstance(value, dict):  # a tuple
            value = value["config"]["value"]
        if key in ("thresholds", "axis", "target_class_ids") and expected[key] is not None:
            assert np.allclose(value, expected[key])
        else:
            assert value == expected[key], key
    assert re.sub(r"_\d+$", "", config["name"]) == re.sub(r"_\d+$", "", expected["name"])
    assert ours._direction == getattr(theirs, "_direction", None)
    again = metrics.deserialize(metrics.serialize(ours))
    assert type(again) is type(ours)
    assert again.get_config() == config
    for metric in (ours, again):
        metric.update_state(*batches(case)[0])
    np.testing.assert_array_equal(ours.result().numpy(), again.result().numpy())


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_copies_and_stateless(case):
    first, second = batches(case, 2)
    metric, other = both(case)[0], both(case)[0]
    metric.update_state(*first)
    for twin in (copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))):
        np.testing.assert_array_equal(twin.result().numpy(), metric.result().numpy())
        twin.update_state(*second)
    before = [v.clone() for v in metric.variables]
    state = metric.stateless_update_state(metric.variables, *second)
    assert all(torch.equal(a, b) for a, b in zip(before, metric.variables))
    assert all(type(v) is torch.Tensor for v in state)
    result = metric.stateless_result(state)
    other.update_state(*first)
    other.update_state(*second)
    np.testing.assert_array_equal(result.numpy(), other.result().numpy())
    assert all(float(v.abs().sum()) == 0 for v in metric.stateless_reset_state())


def test_gradients_end_here():
    for case in CASES:
        metric = both(case)[0]
        y_true, y_pred = (torch.tensor(v) for v in batches(case)[0])
        if y_pred.is_floating_point():
            y_pred.requires_grad_()
        metric.update_state(y_true, y_pred)
        assert not metric.result().requires_grad
        assert all(v.is_leaf and not v.requires_grad for v in metric.variables)


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        ((4, 3), None),
        ((4, 3), (4,)),
        ((4, 3), (4, 1)),
        ((4, 3), (4, 3)),
        ((4, 3), (1, 3)),
        ((4, 3), ()),
        ((4,), (4, 1)),
        ((4, 1), (4,)),
        ((), ()),
        ((0,), None),
        ((4, 3, 2), (4, 3)),
        ((4, 3, 2), (4, 1, 2)),
    ],
)
def test_mean_equals_keras(values, weights):
    rng = np.random.default_rng(0)
    values = rng.normal(size=values).astype("float32")
    weights = None if weights is None else rng.random(weights).astype("float32")
    for name in ("Mean", "Sum"):
        ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
        for _ in range(2):
            ours.update_state(values, weights)
            theirs.update_state(values, weights)
        assert_same(ours, theirs)
        again = metrics.deserialize(metrics.serialize(ours))
        assert again.get_config() == ours.get_config() == theirs.get_config()


def test_mean_of_numbers():
    mean = metrics.Mean(dtype="int32")
    assert float(mean([1, 2, 4])) == float(keras.metrics.Mean(dtype="int32")([1, 2, 4]))
    assert float(metrics.Mean()(True)) == 1
    assert metrics.Mean().result().item() == 0
    assert metrics.Mean()([1.0], sample_weight=[0.0]).item() == 0


@pytest.mark.parametrize("mask_shape", [(BATCH, 5), (BATCH,), (BATCH, 5, 1)])
@pytest.mark.parametrize("weighted", [False, True])
def test_masks(mask_shape, weighted):
    rng = np.random.default_rng(0)
    y_true, y_pred = (v.astype("float32") for v in steps(rng))
    mask = torch.tensor(rng.random(mask_shape) > 0.4)
    weights = rng.random((BATCH, 5)).astype("float32") if weighted else None
    results = []
    for space in (metrics, keras.metrics):
        prediction = torch.tensor(y_pred)
        prediction._keras_mask = mask
        metric = space.MeanSquaredError()
        if weighted and mask_shape == (BATCH,) and space is keras.metrics:
            prediction._keras_mask = mask[:, None].expand(BATCH, 5)
        metric.update_state(torch.tensor(y_true), prediction, weights)
        results.append(float(metric.result()))
    assert results[0] == pytest.approx(results[1], rel=1e-6)


def test_mask_with_weights_of_samples():
    y_true, y_pred = (v.astype("float32") for v in steps(np.random.default_rng(0)))
    mask = torch.rand(BATCH, 5) > 0.4
    weights = torch.rand(BATCH)
    prediction = torch.tensor(y_pred)
    prediction._keras_mask = mask
    errors = np.square(y_true - y_pred).mean(-1)
    both = (mask * weights[:, None]).numpy()
    expected = (errors * both).sum() / both.sum()
    result = metrics.MeanSquaredError()(y_true, prediction, weights)
    assert float(result) == pytest.approx(expected, rel=1e-6)


def test_wrapper():
    def gap(y_true, y_pred, power=1):
        return (y_true["a"] - y_pred["a"]).abs() ** power

    metric = metrics.MeanMetricWrapper(gap, name="gap", power=2)
    value = metric({"a": np.array([1.0, 2.0])}, {"a": torch.tensor([3.0, 2.0])})
    assert float(value) == 2
    with torchkeras.saving.custom_object_scope({"gap": gap}):
        again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    assert again.fn is gap
    assert metrics.MeanMetricWrapper(lambda y, p: 3.0)([1.0], [2.0]).item() == 3
    config = metrics.MeanMetricWrapper(metrics.binary_accuracy, threshold=0.3).get_config()
    assert config["threshold"] == 0.3
    assert metrics.MeanMetricWrapper.from_config(config).fn is metrics.binary_accuracy


# --- scikit-learn ----------------------------------------------------------------------


def test_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    p = np.clip(rng.normal(0.5, 0.2, 500) + 0.2 * y, 0.001, 0.999)
    w = rng.random(500)
    exact = {"num_thresholds": 20000}
    auc = metrics.AUC(**exact)(y, p, w)
    assert float(auc) == pytest.approx(
        sklearn_metrics.roc_auc_score(y, p, sample_weight=w), abs=1e-4
    )
    precision, recall, _ = sklearn_metrics.precision_recall_curve(y, p, sample_weight=w)
    area = sklearn_metrics.auc(recall, precision)
    assert float(metrics.AUC(curve="PR", **exact)(y, p, w)) == pytest.approx(area, abs=2e-3)
    hard = p > 0.5
    for ours, theirs in [
        (metrics.Precision(), sklearn_metrics.precision_score),
        (metrics.Recall(), sklearn_metrics.recall_score),
        (metrics.BinaryAccuracy(), sklearn_metrics.accuracy_score),
    ]:
        assert float(ours(y, p, w)) == pytest.approx(theirs(y, hard, sample_weight=w), rel=1e-5)
    classes = rng.integers(0, 3, 500)
    scores = softmax(rng.normal(size=(500, 3)))
    for average in ("macro", "micro", "weighted"):
        ours = metrics.F1Score(average=average)(np.eye(3)[classes], scores, w)
        theirs = sklearn_metrics.f1_score(
            classes, scores.argmax(-1), average=average, sample_weight=w
        )
        assert float(ours) == pytest.approx(theirs, rel=1e-5)
    ours = metrics.SparseTopKCategoricalAccuracy(k=2)(classes, scores)
    assert float(ours) == pytest.approx(
        sklearn_metrics.top_k_accuracy_score(classes, scores, k=2), rel=1e-5
    )
    ours = metrics.SparseCategoricalCrossentropy()(classes, scores)
    assert float(ours) == pytest.approx(sklearn_metrics.log_loss(classes, scores), rel=1e-5)
    ours = metrics.MeanIoU(num_classes=3)(classes, scores.argmax(-1))
    theirs = sklearn_metrics.jaccard_score(classes, scores.argmax(-1), average="macro")
    assert float(ours) == pytest.approx(theirs, rel=1e-5)
    a, b = rng.normal(size=(2, 500, 2))
    for ours, theirs in [
        (metrics.MeanSquaredError(), sklearn_metrics.mean_squared_error),
        (metrics.MeanAbsoluteError(), sklearn_metrics.mean_absolute_error),
        (metrics.R2Score(), sklearn_metrics.r2_score),
    ]:
        assert float(ours(a, b, w)) == pytest.approx(theirs(a, b, sample_weight=w), rel=1e-5)


# --- the base class ----------------------------------------------------------------------


class Spread(metrics.Metric):
    def __init__(self, name="spread", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable(shape=(), initializer="zeros", name="total")
        self.seen = self.add_weight(name="seen", initializer="ones", shape=(2,))
        self.inner = metrics.Mean()
        self.parts = {"list": [metrics.Sum()]}

    def update_state(self, x, sample_weight=None):
        self.total.assign(self.total + x.max())
        self.seen.assign_add([1.0, 2.0])
        self.inner.update_state(x)

    def result(self):
        return {"total": self.total, "mean": self.inner.result()}


def test_user_metric():
    metric = Spread()
    assert [v.path for v in metric.variables] == [
        "spread/total",
        "spread/seen",
        "mean/total",
        "mean/count",
        "sum/total",
    ]
    x = torch.tensor([1.0, 5.0], requires_grad=True)
    metric.update_state(x)
    result = metric(x)
    assert float(result["total"]) == 10 and float(result["mean"]) == 3
    assert metric.seen.tolist() == [3, 5] and not metric.seen.requires_grad
    state = metric.stateless_reset_state()
    state = metric.stateless_update_state(state, torch.tensor([2.0]))
    assert [v.tolist() for v in state] == [2, [1, 2], 2, 1, 0]
    assert float(metric.stateless_result(state)["total"]) == 2
    assert float(metric.total) == 10
    metric.reset_state()
    assert all(float(v.abs().sum()) == 0 for v in metric.variables)
    assert metric.get_config() == {"name": "spread", "dtype": "float32"}
    assert repr(metric) == "<Spread name=spread>"


def test_base_class():
    metric = metrics.Metric()
    assert metric.name == "metric" and metrics.Metric().name == "metric_1"
    assert metric.dtype == "float32" and metrics.Mean(dtype="mixed_bfloat16").dtype == "bfloat16"
    assert metric.add_weight("old", initializer="zeros").name == "old"
    assert metric.add_variable((2,), torch.ones(2)).tolist() == [1, 1]
    for call in (metric.update_state, metric.result):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(ValueError, match="length 1, but expected 2"):
        metrics.Mean().stateless_result([1.0])

    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight(name="total")

    with pytest.raises(RuntimeError, match="forgot to call"):
        Forgetful()


def test_waits_for_nothing():
    """On the meta device whatever needs a value raises."""
    for case in CASES:
        with torch.device("meta"):
            metric = both(case)[0]
        y_true, y_pred = (torch.tensor(v, device="meta") for v in batches(case)[0])
        metric.update_state(y_true, y_pred)
        if "ignore_class" not in case[1]:
            weights = torch.rand(y_pred.shape[int(case[2] is one_hot_rows)], device="meta")
            weights = weights.long() if "IoU" in case[0] else weights
            metric.update_state(y_true, y_pred, weights)
        assert {v.device.type for v in metric.variables} == {"meta"}, case_id(case)
        if not case[1].get("num_regressors"):
            metric.result()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_gpu():
    for case in CASES:
        check_on_gpu(case)


def check_on_gpu(case):
    with torch.device("cpu"):
        metric, other = both(case)[0], both(case)[0]
    first, second = batches(case, 2)
    device = torch.device("cuda")
    metric.update_state(*(torch.tensor(v, device=device) for v in first))  # it follows
    values = [torch.tensor(v, device=device) for v in second]
    torch.cuda.set_sync_debug_mode("error")
    try:
        metric.update_state(*values)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    other.update_state(*first)
    other.update_state(*second)
    np.testing.assert_allclose(metric.result().cpu(), other.result(), rtol=1e-5, atol=1e-6)
    kept = metric.variables
    assert metric.to("cpu") is metric
    assert all(a is b and a.device.type == "cpu" for a, b in zip(kept, metric.variables))
    metric.update_state(*first)


@pytest.mark.parametrize("name", ["MeanSquaredError", "SparseCategoricalAccuracy", "Mean"])
def test_few_python_calls(name):
    metric = getattr(metrics, name)()
    arguments = {
        "MeanSquaredError": (torch.rand(8, 3), torch.rand(8, 3)),
        "SparseCategoricalAccuracy": (torch.randint(0, 3, (8,)), torch.rand(8, 3)),
        "Mean": (torch.rand(8),),
    }[name]
    metric.update_state(*arguments)
    calls = []
    sys.setprofile(lambda frame, event, _: event == "call" and calls.append(frame.f_code.co_name))
    metric.update_state(*arguments)
    sys.setprofile(None)
    assert 0 < len(calls) <= 14, calls


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    "mse MSE mae MAE mape MAPE msle MSLE bce BCE accuracy Accuracy mean_squared_error AUC auc "
    "precision cosine_similarity f1_score hinge sum root_mean_squared_error r2_score".split(),
)
def test_get(name):
    expected = re.sub(r"_\d+>", ">", repr(keras.metrics.get(name)))
    assert repr(metrics.get(name)) == expected
    assert type(metrics.deserialize(name)).__name__ == type(keras.metrics.get(name)).__name__


def test_get_others():
    assert metrics.get(None) is None
    assert isinstance(metrics.get(metrics.Mean), metrics.Mean)
    assert metrics.get(metrics.binary_accuracy) is metrics.binary_accuracy
    assert (
        metrics.get({"class_name": "MeanSquaredError", "config": {}}).name == "mean_squared_error"
    )
    for wrong in ("bogus", 3):
        with pytest.raises(ValueError, match=f"Could not interpret metric identifier: {wrong}"):
            metrics.get(wrong)
    config = metrics.serialize(metrics.MeanSquaredError())
    assert config == keras.metrics.serialize(keras.metrics.MeanSquaredError())


FUNCTIONS = {
    "binary_accuracy": (labels, {"threshold": 0.3}),
    "categorical_accuracy": (one_hot_steps, {}),
    "sparse_categorical_accuracy": (sparse_steps, {}),
    "top_k_categorical_accuracy": (one_hot, {"k": 2}),
    "sparse_top_k_categorical_accuracy": (sparse_column, {"k": 2}),
    "pearson_correlation": (steps, {"axis": 1}),
    "concordance_correlation": (steps, {}),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    data, arguments = FUNCTIONS[name]
    y_true, y_pred = data(np.random.default_rng(1))
    ours = getattr(metrics, name)(y_true, y_pred.astype("float32"), **arguments)
    theirs = getattr(keras.metrics, name)(
        torch.tensor(y_true), torch.tensor(y_pred.astype("float32")), **arguments
    )
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6)
    signature = inspect.signature(getattr(metrics, name))
    assert str(signature) == str(inspect.signature(getattr(keras.metrics, name)))


def test_signatures():
    for name in metrics.__all__:
        if inspect.isclass(getattr(metrics, name)):
            ours = inspect.signature(getattr(metrics, name).__init__)
            theirs = inspect.signature(getattr(keras.metrics, name).__init__)
            assert str(ours) == str(theirs), name


def test_ties_and_strange_labels():
    tied = [[0.3, 0.3, 0.3], [0.3, 0.3, 0.3]]
    assert metrics.sparse_top_k_categorical_accuracy([2, 0], tied, k=1).tolist() == [1, 1]
    assert metrics.sparse_top_k_categorical_accuracy([5, -1], tied, k=1).tolist() == [0, 0]
    nan = [[np.nan, 0.3, 0.3], [0.3, np.nan, 0.4]]
    assert metrics.sparse_top_k_categorical_accuracy([2, 0], nan, k=1).tolist() == [0, 0]
    for arguments in ({"num_thresholds": 5}, {"thresholds": [0.1, 0.5]}):
        ours, theirs = metrics.AUC(**arguments), keras.metrics.AUC(**arguments)
        y, p = np.array([0, 1, 1, 0]), np.array([0.2, np.nan, 0.7, np.nan])
        ours.update_state(y, p)
        theirs.update_state(y, p)
        assert_same(ours, theirs)
    ours, theirs = metrics.F1Score(), keras.metrics.F1Score()
    for metric in (ours, theirs):
        metric.update_state([[1, 0.0], [0, 1]], [[0.0, 0.0], [0.5, 0.5]])
    assert_same(ours, theirs)


BAD = [
    (lambda: metrics.AUC(curve="x"), "Invalid AUC curve value"),
    (lambda: metrics.AUC(summation_method="x"), "Invalid AUC summation method"),
    (lambda: metrics.AUC(num_thresholds=1), "`num_thresholds` must be an integer > 1"),
    (lambda: metrics.AUC(num_labels=3), "`num_labels` is needed only"),
    (lambda: metrics.AUC(thresholds=[-1, 0.5]), r"must be in \[0, 1\]. Received: \[-1\]"),
    (lambda: metrics.AUC(multi_label=True).result(), "has not seen data"),
    (lambda: metrics.AUC(multi_label=True)([1], [0.5]), "must have rank 2"),
    (
        lambda: metrics.AUC(multi_label=True, num_labels=3)([[1, 0]], [[0.5, 0.1]]),
        "must have 3 columns",
    ),
    (lambda: metrics.Precision(thresholds=1.5), r"must be in \[0, 1\]. Received: \[1.5\]"),
    (lambda: metrics.Precision(thresholds=[None]), r"Received: \[None\]"),
    (lambda: metrics.Precision()([[1, 0]], [[0.5, 0.1, 0.2]]), "must have the same shape"),
    (lambda: metrics.Recall(top_k=3)([[1, 0]], [[0.5, 0.1]]), "`top_k` must be at most"),
    (lambda: metrics.Recall(top_k=0), "`top_k` must be a positive integer"),
    (lambda: metrics.PrecisionAtRecall(1.5), r"`recall` must be in the range \[0, 1\]"),
    (lambda: metrics.RecallAtPrecision(0.5, num_thresholds=0), "must be an integer > 0"),
    (lambda: metrics.FBetaScore(average="x"), "Invalid `average`"),
    (lambda: metrics.FBetaScore(beta=1), "Invalid `beta`.*Python float"),
    (lambda: metrics.FBetaScore(beta=-1.0), "Invalid `beta`.*> 0"),
    (lambda: metrics.FBetaScore(threshold=1), "Invalid `threshold`.*Python float"),
    (lambda: metrics.F1Score(threshold=0.0), "Invalid `threshold`.*0 < threshold <= 1"),
    (lambda: metrics.F1Score().result(), "has not seen data"),
    (lambda: metrics.F1Score()([1, 0], [1, 0]), "expects 2D inputs"),
    (lambda: metrics.R2Score(class_aggregation="x"), "`class_aggregation`. Expected one of"),
    (lambda: metrics.R2Score(num_regressors=-1), "`num_regressors`. Expected a value >= 0"),
    (lambda: metrics.R2Score()([1.0], [1.0]), "expects 2D inputs"),
    (lambda: metrics.R2Score().result(), "has not seen data"),
    (lambda: metrics.IoU(2, [0, 3]), r"class id 3 is out of range, which is \[0, 2\)"),
    (lambda: metrics.MeanIoU(2)([0, 1], [0, 1, 1]), "same number of class numbers"),
    (lambda: metrics.TopKCategoricalAccuracy(k=0), "`k` must be a positive integer"),
    (lambda: metrics.TopKCategoricalAccuracy()([[1, 0]], [[0.1, 0.9]]), "k=5, classes=2"),
    (lambda: metrics.SparseCategoricalAccuracy()([[1, 0]], [[0.1, 0.9]]), "one class number"),
    (lambda: metrics.Mean()([1.0, 2.0], [1.0, 2.0, 3.0]), r"shape \(2,\). Received: shape \(3,\)"),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_errors(number):
    call, message = BAD[number]
    with pytest.raises(ValueError, match=message):
        call()


def test_r2_warns():
    with pytest.warns(UserWarning, match="num_regressors"):
        metrics.R2Score(num_regressors=5)([[1.0], [2.0]], [[1.0], [1.5]])
