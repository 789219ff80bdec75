"""Makes `import keras` and `from tensorflow import keras` mean torchkeras, in this process.

Nothing is written anywhere: an import finder stands before the others, and the names
``keras``, ``tf_keras``, ``tensorflow.keras`` and ``tensorflow.python.keras`` lead to the
torchkeras modules themselves, so that a class is the same object by every name.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

__all__ = ["install", "uninstall"]

_PACKAGE = __name__.partition(".")[0]
# Longest first.
_ROOTS = ("tensorflow.python.keras", "tensorflow.keras", "tf_keras", "keras")
_SHELLS = ("tensorflow", "tensorflow.python")


def install():
    """Leads the imports of Keras and of tensorflow's Keras to torchkeras, in this process.

    A real Keras or tensorflow that was imported before stays with those who imported it;
    imports from now on get torchkeras.

    Example:
        >>> import torchkeras.dropin
        >>> torchkeras.dropin.install()
        >>> from tensorflow.keras.layers import Dense
        >>> Dense is torchkeras.layers.Dense
        True
        >>> torchkeras.dropin.uninstall()
    """
    if _finder not in sys.meta_path:
        _kept.update(_forget())
        sys.meta_path.insert(0, _finder)


def uninstall():
    """Takes back what `install` did: imports from now on find what they found before."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
        _forget()
        sys.modules.update(_kept)
        _kept.clear()


# The real modules of these names that were there when `install` was called.
_kept = {}


def _forget():
    names = [n for n in sys.modules if n.partition(".")[0] in ("keras", "tf_keras", "tensorflow")]
    return {name: sys.modules.pop(name) for name in names}


def _target(name):
    """The torchkeras module that an import name means; None if it is none of ours."""
    for root in _ROOTS:
        if name == root:
            return _PACKAGE
        if name.startswith(root + "."):
            return _PACKAGE + name[len(root) :]
    return None


class _Finder:
    """Finds torchkeras modules under Keras' names."""

    def find_spec(self, name, path=None, target=None):
        if name in _SHELLS:
            return importlib.machinery.ModuleSpec(name, _ShellLoader(), is_package=True)
        if name.partition(".")[0] == "tensorflow" and _target(name) is None:
            raise ModuleNotFoundError(_no_tensorflow(name), name=name)
        ours = _target(name)
        if ours is None:
            return None
        if any(part.startswith("_") for part in ours.split(".")) or not _exists(ours):
            raise ModuleNotFoundError(
                f"No module named {name!r}: {_PACKAGE} stands in for Keras here and has no "
                f"'{ours}'.",
                name=name,
            )
        return importlib.machinery.ModuleSpec(name, _AliasLoader(ours), is_package=True)


def _exists(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class _AliasLoader(importlib.abc.Loader):
    """Hands out a module that is there already."""

    def __init__(self, name):
        self.name = name

    def create_module(self, spec):
        module = importlib.import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.spec  # the import system had put the other name's there


class _ShellLoader(importlib.abc.Loader):
    """Makes a `tensorflow` that holds its Keras and nothing else."""

    def create_module(self, spec):
        return _Shell(spec.name)

    def exec_module(self, module):
        module.__path__ = []


class _Shell(types.ModuleType):
    """Stands for tensorflow in a script that uses its Keras."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if full in _ROOTS or full in _SHELLS:
            return importlib.import_module(full)
        raise AttributeError(_no_tensorflow(full))


def _no_tensorflow(name):
    return (
        f"'{name}' is tensorflow itself, which is not here: torchkeras provides `tf.keras` (also "
        "`tensorflow.python.keras` and `keras`) on PyTorch. Write this line with torch, numpy or "
        "`keras`, or run the script without torchkeras."
    )


_finder = _Finder()
