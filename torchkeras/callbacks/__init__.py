"""Hooks into training, evaluation and prediction."""

from torchkeras.callbacks._averages import SwapEMAWeights
from torchkeras.callbacks._backup import BackupAndRestore
from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._callback_list import CallbackList
from torchkeras.callbacks._checkpoint import ModelCheckpoint
from torchkeras.callbacks._finder import LearningRateFinder
from torchkeras.callbacks._history import History
from torchkeras.callbacks._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from torchkeras.callbacks._logging import CSVLogger, LambdaCallback
from torchkeras.callbacks._orbax import OrbaxCheckpoint
from torchkeras.callbacks._profiler import Profiler
from torchkeras.callbacks._progress import ProgbarLogger
from torchkeras.callbacks._remote import RemoteMonitor
from torchkeras.callbacks._stopping import EarlyStopping, TerminateOnNaN
from torchkeras.callbacks._tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateFinder",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "OrbaxCheckpoint",
    "Profiler",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
