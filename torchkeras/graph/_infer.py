"""Output shapes of any torch code: run it twice with different sizes for the unknown axes."""

import threading

import torch

from torchkeras import _dtypes, _state, tree
from torchkeras.graph._tensor import KerasTensor

# Two sizes that no model has by chance; an axis whose size follows them is unknown.
_PROBES = (83, 89)


def infer(fn, args, kwargs):
    """Symbols shaped like the outputs of ``fn(*args, **kwargs)``, in the same structure.

    The code runs on meta tensors, which hold no data; code that needs data (numpy, a
    branch on a value) runs on zeros.
    """
    try:
        return _probe(fn, args, kwargs, "meta")
    except Exception:
        # Whatever is wrong on meta shows again, with the true message, on real tensors.
        return infer_on_zeros(fn, args, kwargs, "cpu")


def infer_on_zeros(fn, args, kwargs, device):
    """Like `infer`, by running the code on zeros on a device."""
    return _probe(fn, args, kwargs, device)


class SymbolicScope:
    """A context in which code runs for the shapes of its results alone.

    Layers and functions called on symbols are inside one.

    Example:
        >>> with torchkeras.SymbolicScope():
        ...     y = torchkeras.layers.Dense(2)(torchkeras.Input((3,)))
    """

    _open = threading.local()

    def __enter__(self):
        self._open.count = self.depth() + 1
        return self

    def __exit__(self, *exc):
        self._open.count -= 1

    @classmethod
    def depth(cls):
        """How many are open in this thread."""
        return getattr(cls._open, "count", 0)


def _probe(fn, args, kwargs, device):
    def run(size):
        def concrete(leaf):
            if isinstance(leaf, KerasTensor):
                shape = [size if d is None else d for d in leaf.shape]
                dtype = _dtypes.torch_dtype(leaf.dtype)
                return torch.zeros(shape, dtype=dtype, device=device)
            if isinstance(leaf, torch.Tensor):
                return leaf.detach().to(device)
            return leaf

        a, k = tree.map_structure(concrete, (tuple(args), dict(kwargs)))
        with SymbolicScope(), torch.no_grad(), torch.device(device), _state.keeping_values():
            return fn(*a, **k)

    first = run(_PROBES[0])
    known = not any(
        None in leaf.shape for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, KerasTensor)
    )
    return tree.map_structure(_symbol, first, first if known else run(_PROBES[1]))


def _symbol(one, two):
    if isinstance(one, KerasTensor):  # of the code around it: it does not depend on the sizes
        return one
    if not isinstance(one, torch.Tensor):
        if one != two:
            raise ValueError(
                f"The result {one!r} depends on a size that is not known yet. Use tensor "
                "functions, or give the size in `Input(batch_shape=...)`."
            )
        return one
    if one.ndim != two.ndim:
        raise ValueError("The number of axes of a result depends on a size that is not known yet.")
    shape = [a if a == b else None for a, b in zip(one.shape, two.shape)]
    return KerasTensor(shape, _dtypes.standardize_dtype(one.dtype))
