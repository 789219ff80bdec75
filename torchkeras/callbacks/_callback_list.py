"""Several callbacks as one."""

import inspect

from torchkeras import tree
from torchkeras.callbacks._callback import Callback
from torchkeras.callbacks._history import History
from torchkeras.callbacks._progress import ProgbarLogger

_BATCH_HOOKS = tuple(
    f"on_{phase}_batch_{moment}"
    for phase in ("train", "test", "predict")
    for moment in ("begin", "end")
)
_NO_HOOKS = dict.fromkeys(_BATCH_HOOKS, ())
_NO_READERS = dict.fromkeys(_BATCH_HOOKS, False)


class CallbackList(Callback):
    """Calls the hooks of several callbacks, in their order.

    The hooks of batches are called on those callbacks only that override them; `hook` tells
    whether there are any.

    Args:
        callbacks: Callbacks, one or a list.
        add_history: Whether to add a `History`, unless one is there.
        add_progbar: Whether to add a `ProgbarLogger`, unless one is there.
        model: The model that is trained.
        **params: Parameters of the run: ``verbose``, ``epochs``, ``steps``.

    Raises:
        TypeError: if something is no callback, such as a class instead of an instance.

    Example:
        >>> seen = []
        >>> callback = torchkeras.callbacks.LambdaCallback(
        ...     on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
        >>> hooks = torchkeras.callbacks.CallbackList([callback], add_history=True)
        >>> hooks.on_epoch_end(0, {"loss": 0.5})
        >>> seen, hooks.callbacks[1].history
        ([0.5], {'loss': [0.5]})
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        self.callbacks = [] if callbacks is None else tree.flatten(callbacks)
        for callback in self.callbacks:
            _check(callback)
        self._history = self._one(History, add_history)
        self._progbar = self._one(ProgbarLogger, add_progbar)
        self._find_hooks()
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def _one(self, kind, wanted):
        """The last callback of a kind; a new one where it is wanted and missing."""
        found = [callback for callback in self.callbacks if isinstance(callback, kind)]
        if not found and wanted:
            found = [kind()]
            self.callbacks += found
        return found[-1] if found else None

    def append(self, callback):
        """Adds a callback.

        Raises:
            TypeError: if it is none.
        """
        _check(callback)
        self.callbacks.append(callback)
        if isinstance(callback, History):
            self._history = callback
        if self.model is not None:
            callback.set_model(self.model)
        if self.params is not None:
            callback.set_params(self.params)
        self._find_hooks()

    def set_params(self, params):
        """Hands the parameters of the run to all callbacks."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model):
        """Hands the model to all callbacks, and it the history."""
        self.model = model
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    # --- hooks of batches: only to those who listen ----------------------------------

    def _find_hooks(self):
        if not self.callbacks:
            self._hooks, self._readers = _NO_HOOKS, _NO_READERS
            return
        listeners = {n: [c for c in self.callbacks if _overrides(c, n)] for n in _BATCH_HOOKS}
        self._hooks = {n: [getattr(c, n) for c in found] for n, found in listeners.items()}
        self._readers = {
            n: any(not getattr(c, "_lazy", False) for c in found) for n, found in listeners.items()
        }

    @property
    def has_train_batch_hooks(self):
        """Whether a callback reads the logs of each training batch."""
        return self._readers["on_train_batch_end"]

    @property
    def has_test_batch_hooks(self):
        """Whether a callback reads the logs of each batch of evaluation."""
        return self._readers["on_test_batch_end"]

    @property
    def has_predict_batch_hooks(self):
        """Whether a callback reads the outputs of each batch of prediction."""
        return self._readers["on_predict_batch_end"]

    @property
    def needs_weights(self):
        """Whether a callback looks at the weights when training begins."""
        return any(getattr(c, "_needs_weights", False) for c in self.callbacks)

    def hook(self, name):
        """The method of a batch hook such as ``"on_train_batch_end"``, or ``None`` if no
        callback has it."""
        return getattr(self, name) if self._hooks[name] else None

    def on_batch_begin(self, batch, logs=None):
        """Calls the hook of all callbacks."""
        for callback in self.callbacks:
            callback.on_batch_begin(batch, logs=_given(logs))

    def on_batch_end(self, batch, logs=None):
        """Calls the hook of all callbacks."""
        for callback in self.callbacks:
            callback.on_batch_end(batch, logs=_given(logs))

    def on_train_batch_begin(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_train_batch_begin"]:
            hook(batch, {} if logs is None else logs)

    def on_train_batch_end(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_train_batch_end"]:
            hook(batch, {} if logs is None else logs)

    def on_test_batch_begin(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_test_batch_begin"]:
            hook(batch, {} if logs is None else logs)

    def on_test_batch_end(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_test_batch_end"]:
            hook(batch, {} if logs is None else logs)

    def on_predict_batch_begin(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_predict_batch_begin"]:
            hook(batch, {} if logs is None else logs)

    def on_predict_batch_end(self, batch, logs=None):
        """Calls the hook of those callbacks that have it."""
        for hook in self._hooks["on_predict_batch_end"]:
            hook(batch, {} if logs is None else logs)

    # --- the others --------------------------------------------------------------------

    def _call(self, name, *args):
        for callback in self.callbacks:
            getattr(callback, name)(*args)

    def on_epoch_begin(self, epoch, logs=None):
        """Calls the hook of all callbacks."""
        self._call("on_epoch_begin", epoch, _given(logs))

    def on_epoch_end(self, epoch, logs=None):
        """Calls the hook of all callbacks."""
        self._call("on_epoch_end", epoch, _given(logs))

    def on_train_begin(self, logs=None):
        """Calls the hook of all callbacks."""
        self._find_hooks()  # a callback may have been changed since
        self._call("on_train_begin", _given(logs))

    def on_train_end(self, logs=None):
        """Calls the hook of all callbacks."""
        self._call("on_train_end", _given(logs))

    def on_test_begin(self, logs=None):
        """Calls the hook of all callbacks."""
        self._find_hooks()
        self._call("on_test_begin", _given(logs))

    def on_test_end(self, logs=None):
        """Calls the hook of all callbacks."""
        self._call("on_test_end", _given(logs))

    def on_predict_begin(self, logs=None):
        """Calls the hook of all callbacks."""
        self._find_hooks()
        self._call("on_predict_begin", _given(logs))

    def on_predict_end(self, logs=None):
        """Calls the hook of all callbacks."""
        self._call("on_predict_end", _given(logs))

    def close(self):
        """Ends a progress bar's line that an exception or Ctrl-C left open."""
        if self._progbar is not None:
            self._progbar.close()


def _given(logs):
    return {} if logs is None else logs


def _check(callback):
    if inspect.isclass(callback):
        raise TypeError(
            "`callbacks` must hold instances of Callback. Received: the class "
            f"{callback.__name__}; pass `{callback.__name__}(...)`."
        )
    if not hasattr(callback, "set_model"):
        raise TypeError(
            "`callbacks` must hold instances of Callback. Received: "
            f"{callback!r} of type {type(callback).__name__}"
        )


def _overrides(callback, name):
    """Whether a callback's hook does anything."""
    names = (name, name.replace("train_", "")) if "train" in name else (name,)
    return any(
        getattr(getattr(callback, n, None), "__func__", None) is not getattr(Callback, n)
        for n in names
    )
