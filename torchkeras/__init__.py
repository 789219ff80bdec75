"""Keras, the API, written directly on PyTorch.

Every layer and model is a ``torch.nn.Module``, every weight an ``nn.Parameter``, every
value a ``torch.Tensor``.

Example:
    >>> model = torchkeras.Sequential(
    ...     [torchkeras.layers.Dense(64, "relu"), torchkeras.layers.Dense(10, "softmax")]
    ... )
    >>> model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    >>> history = model.fit(np.ones((8, 4)), np.zeros(8, "int64"), verbose=0)
    >>> sorted(history.history)
    ['accuracy', 'loss']
"""

# isort: off
from torchkeras import config, tree, saving
from torchkeras import random, activations, initializers, regularizers, constraints
from torchkeras import dtype_policies, ops, quantizers, losses, metrics, optimizers, layers
from torchkeras import callbacks, models, utils, backend, mixed_precision
from torchkeras import visualization, wrappers

# isort: on
from torchkeras._device import device
from torchkeras._stateless import StatelessScope
from torchkeras._variable import Variable, name_scope
from torchkeras.constraints import Constraint
from torchkeras.dtype_policies import DTypePolicy, FloatDTypePolicy
from torchkeras.graph._function import Function
from torchkeras.graph._infer import SymbolicScope
from torchkeras.graph._operation import Operation
from torchkeras.graph._tensor import KerasTensor
from torchkeras.initializers import Initializer
from torchkeras.layers import Input, InputSpec, Layer
from torchkeras.layers._remat import RematScope, remat
from torchkeras.losses import Loss
from torchkeras.metrics import Metric
from torchkeras.models import Model, Sequential
from torchkeras.optimizers import Optimizer
from torchkeras.quantizers import Quantizer
from torchkeras.regularizers import Regularizer

__version__ = "0.1.0"

__all__ = [
    "Constraint",
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Quantizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "device",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "quantizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "visualization",
    "wrappers",
]
