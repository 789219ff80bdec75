"""Models: from symbols, as chains, by subclassing; copies of them."""

from torchkeras.models._cloning import clone_model
from torchkeras.models._model import Functional, Model
from torchkeras.models._sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model"]
