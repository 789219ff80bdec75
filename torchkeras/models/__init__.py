"""Models: from symbols, as chains, by subclassing; copies of them; their files."""

from torchkeras.models._cloning import clone_model
from torchkeras.models._json import model_from_json
from torchkeras.models._model import Functional, Model
from torchkeras.models._sequential import Sequential
from torchkeras.saving import load_model, save_model

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
