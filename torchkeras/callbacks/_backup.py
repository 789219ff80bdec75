"""Goes on with a training that was interrupted."""

import contextlib
import json
import os

import torch

from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._checkpoint import SavesByBatches
from torchkeras.saving import _h5


class BackupAndRestore(SavesByBatches, Callback):
    """Backs up the state of the training, and restores it when `fit` is called again.

    The state is the weights, the optimizer's variables and the number of the epoch. Where a
    backup is in the folder, `fit` begins with its epoch. One that was made in the middle of an
    epoch restores what was trained so far, and the epoch begins anew.

    Args:
        backup_dir: Folder of the backup, which nothing else may use.
        save_freq: ``"epoch"``, or the number of batches between two backups; ``False`` only
            restores.
        double_checkpoint: Whether the backup before the last is kept too, and taken if the last
            cannot be read.
        delete_checkpoint: Whether the backup is deleted when the training has come to its end.

    Raises:
        ValueError: if ``backup_dir`` is empty, or ``save_freq`` has no meaning.
        OSError: in `fit`, if there is a backup that cannot be read.

    Example:
        >>> import tempfile
        >>> class Interrupt(torchkeras.callbacks.Callback):
        ...     def on_epoch_begin(self, epoch, logs=None):
        ...         if epoch == 4:
        ...             raise RuntimeError
        >>> model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((4, 2)), np.ones(4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     backup = torchkeras.callbacks.BackupAndRestore(f"{folder}/backup")
        ...     try:
        ...         model.fit(x, y, epochs=10, verbose=0, callbacks=[backup, Interrupt()])
        ...     except RuntimeError:
        ...         pass
        ...     history = model.fit(x, y, epochs=10, verbose=0, callbacks=[backup])
        >>> history.epoch
        [4, 5, 6, 7, 8, 9]
    """

    _lazy = True
    _needs_weights = True

    def __init__(
        self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed")
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                f"Invalid value for argument `save_freq`. Received: save_freq={save_freq}. "
                "Expected either 'epoch' or an integer value."
            )
        self.backup_dir = folder = os.fspath(backup_dir)
        self._weights_path = os.path.join(folder, "latest.weights.h5")
        self._training_metadata_path = os.path.join(folder, "training_metadata.json")
        # Of a torch optimizer, which Keras' files have no place for.
        self._torch_path = os.path.join(folder, "latest.optimizer.pt")
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._current_epoch = 0

    def on_train_begin(self, logs=None):
        """Restores the backup, if there is one."""
        self._batches_seen_since_last_saving, self._last_batch_seen = 0, None
        # The metadata are written last: without them there is no backup.
        endings = ("", ".bkp") if self.double_checkpoint else ("",)
        found = [e for e in endings if os.path.exists(self._training_metadata_path + e)]
        if not found:
            return
        try:
            epoch = self._load(found[0])
        except (OSError, ValueError):
            if len(found) == 1:
                raise
            epoch = self._load(found[1])
        self.model._initial_epoch = self._current_epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        """Takes note of the epoch."""
        self._current_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Backs up if enough batches have passed."""
        if self.save_freq is not False and self._should_save_on_batch(batch):
            self._save(self._current_epoch, batch)

    def on_epoch_end(self, epoch, logs=None):
        """Backs up, unless it counts batches."""
        self._current_epoch = epoch + 1
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def on_train_end(self, logs=None):
        """Deletes the backup."""
        if not self.delete_checkpoint:
            return
        for path in (self._training_metadata_path, self._weights_path, self._torch_path):
            for ending in ("", ".bkp"):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(path + ending)
        with contextlib.suppress(OSError):  # what else is in the folder stays
            os.rmdir(self.backup_dir)

    def _torch_optimizer(self):
        optimizer = getattr(self.model, "optimizer", None)
        inner = getattr(optimizer, "optimizer", None)
        return inner if isinstance(inner, torch.optim.Optimizer) else None

    def _save(self, epoch, batch):
        os.makedirs(self.backup_dir, exist_ok=True)
        # All is in memory before the first file is touched, and a file is replaced as one.
        weights = _h5.to_bytes(self.model)
        files = {self._weights_path: lambda file: file.write(weights)}
        optimizer = self._torch_optimizer()
        if optimizer is not None:
            files[self._torch_path] = lambda file: torch.save(optimizer.state_dict(), file)
        metadata = json.dumps({"epoch": epoch, "batch": batch}).encode()
        files[self._training_metadata_path] = lambda file: file.write(metadata)
        if self.double_checkpoint:
            for path in reversed(files):
                with contextlib.suppress(FileNotFoundError):  # the first
                    os.replace(path, f"{path}.bkp")
        for path, fill in files.items():
            _h5.replace_file(path, fill)

    def _load(self, ending):
        path = self._training_metadata_path + ending
        try:
            with open(path) as file:
                epoch = json.load(file)["epoch"]
            if not isinstance(epoch, int) or epoch < 0:
                raise ValueError(f"epoch={epoch!r}")
        except (ValueError, LookupError, TypeError) as error:
            raise _h5.CorruptFileError(
                f"The backup cannot be restored: {path} does not say which epoch it is of "
                f"({error}). Delete the folder to begin anew."
            ) from error
        build = getattr(getattr(self.model, "optimizer", None), "build", None)
        if build is not None:
            build(self.model.trainable_variables)
        with _h5.opened(self._weights_path + ending) as file:
            _h5.read(self.model, file)
        inner = self._torch_optimizer()
        if inner is not None:
            state = torch.load(self._torch_path + ending, weights_only=True)
            inner.load_state_dict(state)
        return epoch
