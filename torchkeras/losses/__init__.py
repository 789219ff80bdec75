"""What training minimizes."""

from torchkeras._registry import Registry
from torchkeras._state import snake_case
from torchkeras.losses._crossentropy import (
    CTC,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    ctc,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from torchkeras.losses._loss import Loss, LossFunctionWrapper
from torchkeras.losses._margin import (
    CategoricalHinge,
    Circle,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    circle,
    hinge,
    squared_hinge,
)
from torchkeras.losses._overlap import Dice, Tversky, dice, tversky
from torchkeras.losses._regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

# Older spellings.
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
mse = MSE = mean_squared_error
msle = MSLE = mean_squared_logarithmic_error

_registry = Registry("loss", Loss)
_registry.table.update({name: globals()[name] for name in __all__ if name in globals()})
_registry.table.update(
    LossFunctionWrapper=LossFunctionWrapper,
    BCE=bce,
    KLD=kld,
    MAE=mae,
    MAPE=mape,
    MSE=mse,
    MSLE=msle,
    bce=bce,
    huber_loss=huber,
    kld=kld,
    kullback_leibler_divergence=kld,
    logcosh=logcosh,
    mae=mae,
    mape=mape,
    mse=mse,
    msle=msle,
)


def get(identifier):
    """A loss from its name, its config or itself; ``None`` stays ``None``.

    Args:
        identifier: Name of a function (``"mse"``) or class (``"MeanSquaredError"``), config
            dict, class, or a callable ``(y_true, y_pred)``.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> torchkeras.losses.get("mse") is torchkeras.losses.mean_squared_error
        True
    """
    return _registry.get(identifier)


def object_of(function):
    """The loss object that stands for a function of this namespace; ``None`` for any other.

    An object may run a fused kernel for the mean, which a function of each sample cannot.
    """
    name = getattr(function, "__name__", "")
    for cls in _registry.table.values():
        if isinstance(cls, type) and snake_case(cls.__name__) == name:
            loss = cls()
            return loss if getattr(loss, "fn", None) is function else None
    return None


def serialize(loss):
    """The config of a loss; a function of this namespace is its name.

    Args:
        loss: Loss, or a function.

    Example:
        >>> torchkeras.losses.serialize(torchkeras.losses.Huber(delta=2.0))["config"]["delta"]
        2.0
    """
    return _registry.serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss of a config or a name.

    Args:
        name: What `serialize` returned.
        custom_objects: Dict from name to the user's classes and functions.

    Raises:
        ValueError: if nothing has that name.

    Example:
        >>> config = torchkeras.losses.serialize(torchkeras.losses.Huber(delta=2.0))
        >>> torchkeras.losses.deserialize(config).delta
        2.0
    """
    return _registry.deserialize(name, custom_objects)
