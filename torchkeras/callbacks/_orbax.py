"""A callback of another framework, which says what to use instead."""

from torchkeras.callbacks._monitor import Monitor


class OrbaxCheckpoint(Monitor):
    """Not available: Orbax writes the checkpoints of JAX.

    `ModelCheckpoint` saves weights or whole models while training, `BackupAndRestore` the state
    of an interrupted training.

    Args:
        directory: Folder; this and all others as in Keras, and without effect.
        monitor: Name of a result.
        verbose: Whether to say what is saved.
        save_best_only: Whether to save the best only.
        mode: Which way is better.
        save_freq: When to save.
        initial_value_threshold: What the first result must improve on.
        max_to_keep: How many checkpoints are kept.
        save_on_background: Whether to save while training goes on.
        save_weights_only: Whether to save the weights alone.

    Raises:
        NotImplementedError: always.

    Example:
        >>> torchkeras.callbacks.OrbaxCheckpoint("checkpoints")
        Traceback (most recent call last):
        ...
        NotImplementedError: `OrbaxCheckpoint` needs JAX. Use `ModelCheckpoint` to save...
    """

    def __init__(
        self,
        directory,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        max_to_keep=1,
        save_on_background=True,
        save_weights_only=False,
    ):
        raise NotImplementedError(
            "`OrbaxCheckpoint` needs JAX. Use `ModelCheckpoint` to save weights or whole models, "
            "or `BackupAndRestore` to go on with a training that was interrupted."
        )
