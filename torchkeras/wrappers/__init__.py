"""Models as estimators of scikit-learn, which is loaded when the first is asked for."""

# pyright: reportUnsupportedDunderAll=false

import importlib
import importlib.util

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if importlib.util.find_spec("sklearn") is None:
        raise ImportError(
            f"`{name}` needs the package `scikit-learn`. Install it: "
            "pip install 'keras-on-torch[sklearn]'"
        )
    return getattr(importlib.import_module("torchkeras.wrappers._sklearn"), name)


def __dir__():
    return list(__all__)
