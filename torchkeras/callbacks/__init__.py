"""Hooks into training, evaluation and prediction."""

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._callback_list import CallbackList
from torchkeras.callbacks._checkpoint import ModelCheckpoint
from torchkeras.callbacks._history import History
from torchkeras.callbacks._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from torchkeras.callbacks._logging import CSVLogger, LambdaCallback
from torchkeras.callbacks._progress import ProgbarLogger
from torchkeras.callbacks._stopping import EarlyStopping, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
