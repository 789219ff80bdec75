"""Models as estimators: scikit-learn's own checks, and what Keras' do."""

import pickle
import re

import keras
import numpy as np
import pytest
import torch

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

import torchkeras  # noqa: E402
from torchkeras import layers, wrappers  # noqa: E402


def network(X, y, loss="mse", units=(8,), activation=None):
    torchkeras.utils.set_random_seed(0)  # so that two trainings are the same
    model = torchkeras.Sequential([torchkeras.Input(X.shape[1:])])
    for n in units:
        model.add(layers.Dense(n, "relu"))
    model.add(layers.Dense(y.shape[1], activation))
    model.compile(torchkeras.optimizers.Adam(0.01), loss)
    return model


CLASSES = {"loss": "categorical_crossentropy", "activation": "softmax"}
QUIET = {"verbose": 0}
WHOLE = QUIET | {"batch_size": 128}

COLUMNS = "`decision_function` has a column for each of two classes, as in Keras"
EXPECTED = {
    "check_classifiers_train": COLUMNS,
    "check_classifiers_classes": COLUMNS,
    "check_classifiers_one_label_sample_weights": "weights of 0 do not remove a class",
}


checks = parametrize_with_checks(
    [
        wrappers.SKLearnClassifier(network, model_kwargs=CLASSES, fit_kwargs=WHOLE),
        wrappers.SKLearnRegressor(network, fit_kwargs=WHOLE),
        wrappers.SKLearnTransformer(network, fit_kwargs=WHOLE),
    ],
    expected_failed_checks=lambda estimator: (
        EXPECTED if hasattr(estimator, "decision_function") else {}
    ),
)


def name_of(value):
    """As scikit-learn has it, without the address of a function, which each process has anew."""
    return re.sub("0x[0-9a-f]+", "", checks.kwargs["ids"](value))


@pytest.mark.parametrize(*checks.args, ids=name_of)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


X = np.random.RandomState(0).randn(60, 4)


def test_numbers_equal_keras():
    results = []
    for space in (torchkeras, keras):
        inputs = space.Input((4,))
        model = space.Model(inputs, space.layers.Dense(3, "softmax")(inputs))
        model.compile("sgd", "categorical_crossentropy")
        model.layers[-1].kernel.assign(np.linspace(-1, 1, 12).reshape(4, 3))
        y = np.array(["b", "c", "a"])[np.arange(60) % 3]
        wrapped = space.wrappers.SKLearnClassifier(lambda X, y, m=model: m)
        wrapped.fit(X, y, epochs=3, shuffle=False, verbose=0)
        results.append((wrapped.decision_function(X), wrapped.predict(X), wrapped.classes_))
    for ours, theirs in zip(*results):
        if ours.dtype.kind == "U":
            assert (ours == theirs).all()
        else:
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_it_learns_within_scikit_learn():
    y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
    wrapped = wrappers.SKLearnClassifier(network, model_kwargs=CLASSES, fit_kwargs=QUIET)
    pipe = make_pipeline(StandardScaler(), wrapped)
    pipe.fit(X, y, sklearnclassifier__epochs=25)
    assert pipe.score(X, y) > 0.9
    grid = GridSearchCV(
        wrapped, {"model_kwargs": [CLASSES, CLASSES | {"units": (4, 4)}]}, cv=2
    ).fit(X, y, epochs=2)
    assert grid.best_params_["model_kwargs"]["loss"] == "categorical_crossentropy"
    regressor = wrappers.SKLearnRegressor(network, fit_kwargs=QUIET)
    assert cross_val_score(regressor, X, X[:, 0], cv=3).shape == (3,)
    transformer = wrappers.SKLearnTransformer(network, fit_kwargs=QUIET)
    assert transformer.fit_transform(X, X[:, 0]).shape == (60, 1)
    again = pickle.loads(pickle.dumps(pipe))
    assert (again.predict(X) == pipe.predict(X)).all()


def compiled():
    model = torchkeras.Sequential([torchkeras.Input((4,)), layers.Dense(1)])
    model.compile(torchkeras.optimizers.SGD(0.01, momentum=0.5), "mse", metrics=["mae"])
    return model


def test_a_given_model_is_cloned():
    model = compiled()
    before = model.get_weights()
    wrapped = wrappers.SKLearnRegressor(model, fit_kwargs=QUIET | {"epochs": 2})
    first = wrapped.fit(X, X[:, 0]).model_
    second = wrapped.fit(X, X[:, 0], epochs=3).model_
    assert model is not first is not second
    assert all((a == b).all() for a, b in zip(before, model.get_weights()))
    assert first.optimizer.momentum == 0.5 and first.optimizer is not model.optimizer
    assert wrapped.epoch_ == 3 and set(wrapped.history_.history) == {"loss", "mae"}
    assert wrapped.fit_kwargs == QUIET | {"epochs": 2}  # as given


def test_optimizers_of_torch():
    model = compiled()
    model.compile(torch.optim.Adam, "mse")
    wrapped = wrappers.SKLearnRegressor(model, fit_kwargs=QUIET)
    first = wrapped.fit(X, X[:, 0]).model_
    assert first is not model and isinstance(first.optimizer.optimizer, torch.optim.Adam)
    model.compile(torch.optim.Adam(model.parameters()), "mse")  # of these weights alone
    with pytest.raises(ValueError, match="pass its class"):
        wrapped.fit(X, X[:, 0])
    assert wrapped.set_params(warm_start=True).fit(X, X[:, 0])


def test_warm_start_goes_on():
    model = compiled()
    wrapped = wrappers.SKLearnRegressor(model, warm_start=True, fit_kwargs=QUIET)
    assert wrapped.fit(X, X[:, 0]).model_ is model
    assert wrapped.fit(X, X[:, 0]).model_ is model
    assert int(model.optimizer.iterations) == 4
    wrapped = wrappers.SKLearnRegressor(network, warm_start=True, fit_kwargs=QUIET)
    first = wrapped.fit(X, X[:, 0]).model_
    assert wrapped.fit(X, X[:, 0]).model_ is first
    assert not hasattr(clone(wrapped), "model_") and clone(wrapped).epoch_ == 0


@pytest.mark.parametrize(
    "model, error, match",
    [
        (5, TypeError, "must be a Model, or a function"),
        (lambda X, y: 5, TypeError, "returns a Model. The function returned: 5"),
        (lambda X, y: torchkeras.Sequential(), RuntimeError, "needs to be compiled"),
        (torchkeras.Sequential([layers.Dense(1)]), RuntimeError, "needs to be compiled"),
    ],
)
def test_wrong_models(model, error, match):
    with pytest.raises(error, match=match):
        wrappers.SKLearnRegressor(model).fit(X, X[:, 0])


def test_wrong_targets():
    classifier = wrappers.SKLearnClassifier(network, model_kwargs=CLASSES, fit_kwargs=QUIET)
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        classifier.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="only one class is present"):
        classifier.fit(X, np.zeros(60))
    for kind in (wrappers.SKLearnClassifier, wrappers.SKLearnTransformer):
        with pytest.raises(ValueError, match="requires y to be passed"):
            kind(network).fit(X, None)


def test_outputs_that_are_no_classes():
    classifier = wrappers.SKLearnClassifier(compiled(), fit_kwargs=QUIET)
    classifier.fit(X, np.arange(60) % 2)
    with pytest.raises(ValueError, match="one output for each of the 2 classes"):
        classifier.predict(X)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match="`scikit-learn`.*pip install"):
        wrappers.SKLearnRegressor  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'foo'"):
        wrappers.foo  # noqa: B018
    assert dir(wrappers) == ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
