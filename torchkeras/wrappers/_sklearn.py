"""Classifiers, regressors and transformers of scikit-learn that train a model."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from torchkeras.models import Model, clone_model


class _Wrapper(BaseEstimator):
    """What the three have in common."""

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # weights and batches are drawn
        return tags

    @property
    def epoch_(self):
        """The number of epochs of the last `fit`."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def fit(self, X, y, **kwargs):
        """Trains the model.

        Args:
            X: ``(samples, features)``
            y: ``(samples,)``
            **kwargs: Arguments of ``Model.fit``; they go before those of ``fit_kwargs``.

        Raises:
            ValueError: for samples or targets of another shape, or that are not finite.
            TypeError: if there is no model.
            RuntimeError: if the model is not compiled.
        """
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        X, y = validate_data(self, X, y)
        type_of_target(y, raise_unknown=True)
        y = self._encoded(y)
        model = self._model_for(X, y)
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _model_for(self, X, y):
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            model = self.model
            _check_compiled(model)
            if not self.warm_start:
                model = clone_model(model)
                if not model.compiled:  # the optimizer is torch's
                    model._compile_like(self.model)
            return model
        if not callable(self.model):
            raise TypeError(
                "`model` must be a Model, or a function of X and y that returns one. "
                f"Received: model={self.model!r}"
            )
        model = self.model(X=X, y=y, **(self.model_kwargs or {}))
        if not isinstance(model, Model):
            raise TypeError(
                "`model` must be a function that returns a Model. The function returned: "
                f"{model!r} of type {type(model).__name__}"
            )
        _check_compiled(model)
        return model

    def predict(self, X):
        """What the model makes of samples.

        Args:
            X: ``(samples, features)``
        """
        return self._decoded(self._outputs(X))

    def _outputs(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def _encoded(self, y):
        """The targets as the model learns them."""
        return y.reshape(-1, 1)

    def _decoded(self, outputs):
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs


class SKLearnClassifier(ClassifierMixin, _Wrapper):
    """A model as a classifier of scikit-learn.

    The model learns the classes one-hot, ``(samples, classes)``, also where there are two, so it
    ends in one unit for each. `predict` gives the class whose unit is highest.

    Args:
        model: A compiled model, which is cloned with new weights at each `fit`; or a function
            that takes ``X`` and ``y`` by name and returns a compiled model.
        warm_start: Whether `fit` goes on with the model of the last `fit`, at first with the
            given model itself.
        model_kwargs: Dict of arguments for the function ``model``.
        fit_kwargs: Dict of arguments for ``Model.fit``.

    Attributes:
        model_: The trained model.
        history_: The `History` of the training.
        classes_: The classes, sorted.
        n_features_in_: Number of features.

    Raises:
        ValueError: in `fit`, for targets that are no classes, or only one.

    Example:
        >>> def make(X, y, units=8):
        ...     model = torchkeras.Sequential([
        ...         torchkeras.Input(X.shape[1:]), torchkeras.layers.Dense(units, "relu"),
        ...         torchkeras.layers.Dense(y.shape[1], "softmax")])
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> X, y = np.random.rand(20, 3), np.array(["cat", "dog"] * 10)
        >>> classifier = torchkeras.wrappers.SKLearnClassifier(make, fit_kwargs={"verbose": 0})
        >>> classifier.fit(X, y, epochs=2).predict(X).shape
        (20,)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        assert tags.classifier_tags is not None
        tags.classifier_tags.poor_score = True
        return tags

    def decision_function(self, X):
        """The outputs of the model, one for each class: probabilities or logits, as it makes them.

        Args:
            X: ``(samples, features)``
        """
        return self._outputs(X)

    def _encoded(self, y):
        check_classification_targets(y)
        classes, places = np.unique(y, return_inverse=True)
        if len(classes) == 1:
            raise ValueError("Classifier can't train when only one class is present.")
        self.classes_ = classes
        return np.eye(len(classes))[places]

    def _decoded(self, outputs):
        if outputs.ndim != 2 or outputs.shape[1] != len(self.classes_):
            raise ValueError(
                f"The model must have one output for each of the {len(self.classes_)} classes. "
                f"Received: outputs of shape {outputs.shape}; end it in "
                "`Dense(y.shape[1], 'softmax')`."
            )
        return self.classes_[outputs.argmax(axis=1)]


class SKLearnRegressor(RegressorMixin, _Wrapper):
    """A model as a regressor of scikit-learn.

    The model learns targets ``(samples, 1)``, so it ends in one unit.

    Args:
        model: A compiled model, which is cloned with new weights at each `fit`; or a function
            that takes ``X`` and ``y`` by name and returns a compiled model.
        warm_start: Whether `fit` goes on with the model of the last `fit`, at first with the
            given model itself.
        model_kwargs: Dict of arguments for the function ``model``.
        fit_kwargs: Dict of arguments for ``Model.fit``.

    Attributes:
        model_: The trained model.
        history_: The `History` of the training.
        n_features_in_: Number of features.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> regressor = torchkeras.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0})
        >>> X = np.random.rand(20, 3)
        >>> regressor.fit(X, X.sum(1), epochs=2).predict(X).shape
        (20,)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        assert tags.regressor_tags is not None
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Wrapper):
    """A model as a transformer of scikit-learn: what it outputs are features of the next step.

    Args:
        model: A compiled model, which is cloned with new weights at each `fit`; or a function
            that takes ``X`` and ``y`` by name and returns a compiled model.
        warm_start: Whether `fit` goes on with the model of the last `fit`, at first with the
            given model itself.
        model_kwargs: Dict of arguments for the function ``model``.
        fit_kwargs: Dict of arguments for ``Model.fit``.

    Attributes:
        model_: The trained model.
        history_: The `History` of the training.
        n_features_in_: Number of features.

    Example:
        >>> model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(2)])
        >>> model.compile("sgd", "mse")
        >>> transformer = torchkeras.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
        >>> X = np.random.rand(20, 3)
        >>> transformer.fit_transform(X, X[:, 0]).shape
        (20, 2)
    """

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []  # outputs are float32
        return tags

    def transform(self, X):
        """The outputs of the model.

        Args:
            X: ``(samples, features)``
        """
        return self._outputs(X)


def _check_compiled(model):
    if not model.compiled or not model.loss or model.optimizer is None:
        raise RuntimeError(
            "Given model needs to be compiled, and have a loss and an optimizer. Call "
            "`model.compile(optimizer=..., loss=...)` first."
        )
