"""Hooks into training, evaluation and prediction."""

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._callback_list import CallbackList
from torchkeras.callbacks._history import History
from torchkeras.callbacks._progress import ProgbarLogger

__all__ = ["Callback", "CallbackList", "History", "ProgbarLogger"]
