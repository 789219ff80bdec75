"""KerasTensor: a shape and an element type that stand for a tensor to come."""

import collections
import operator
from typing import Any

import torch

from torchkeras import _dtypes, _state, tree
from torchkeras._shapes import standardize_shape

# The operation that made a symbol, which of its calls, and which of that call's outputs.
KerasHistory = collections.namedtuple("KerasHistory", ["operation", "node_index", "tensor_index"])


def _immutable(name, doc) -> Any:
    def refuse(self, value):
        raise AttributeError(
            f"The `{name}` attribute of KerasTensor is immutable. Make a new KerasTensor."
        )

    return property(operator.attrgetter(f"_{name}"), refuse, doc=doc)


class KerasTensor:
    """Symbol of a tensor: what `Input` returns and layers called on symbols return.

    Operators, torch functions and tensor methods on it record what they would do.

    Args:
        shape: Sizes of the axes, ``None`` where unknown.
        dtype: Name of the element type.
        sparse: A mark that the tensor is sparse. Results of operations carry none: torch's
            kernels take dense tensors, and `Input` makes dense symbols only.
        ragged: A mark that the tensor is ragged, likewise.
        record_history: Kept for Keras' signature.
        name: Name of the symbol; default an automatic one.
        **kwargs: ``ragged_rank`` and ``row_splits_dtype``, kept as attributes.

    Raises:
        ValueError: if the tensor is to be sparse and ragged.

    Example:
        >>> x = torchkeras.KerasTensor((None, 3))
        >>> (torch.relu(x) + 1).shape
        (None, 3)
    """

    # What made the symbol, once something has.
    _keras_history: Any = None

    def __init__(
        self,
        shape,
        dtype="float32",
        sparse=False,
        ragged=False,
        record_history=True,
        name=None,
        **kwargs,
    ):
        if sparse and ragged:
            raise ValueError(
                "KerasTensor cannot have `sparse=True` and `ragged=True` at the same time. "
                "Leave one out."
            )
        self._shape = standardize_shape(shape)
        self._dtype = _dtypes.standardize_dtype(dtype)
        self._sparse = bool(sparse)
        self._ragged = bool(ragged)
        self._ragged_rank = kwargs.pop("ragged_rank", None)
        self._row_splits_dtype = kwargs.pop("row_splits_dtype", None)
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
        self.record_history = record_history
        self.name = name or f"keras_tensor_{_state.uid('keras_tensor') - 1}".removesuffix("_0")

    shape = _immutable("shape", "Tuple of sizes, ``None`` where unknown.")
    dtype = _immutable("dtype", "Name of the element type.")
    sparse = _immutable("sparse", "Whether the tensor was marked as sparse.")
    ragged = _immutable("ragged", "Whether the tensor was marked as ragged.")
    ragged_rank = _immutable("ragged_rank", "Number of ragged axes, where that was given.")
    row_splits_dtype = _immutable("row_splits_dtype", "Type of row splits, where that was given.")

    @property
    def ndim(self):
        """Number of axes."""
        return len(self._shape)

    def dim(self):
        """Number of axes, as torch names it."""
        return len(self._shape)

    def size(self, dim=None):
        """The shape, or the size of one axis."""
        return self._shape if dim is None else self._shape[dim]

    @property
    def _keras_mask(self):
        """Symbol of the mask that the tensor will carry, or None; found when someone asks."""
        if "_mask" not in self.__dict__:
            self._mask = _mask_of_output(self)
        return self._mask

    @_keras_mask.setter
    def _keras_mask(self, mask):
        self._mask = mask

    @property
    def T(self):
        """The symbol with its axes reversed."""
        return self.permute(*reversed(range(self.ndim)))

    def __repr__(self):
        return (
            f"<KerasTensor shape={self._shape}, dtype={self._dtype}, sparse={self.sparse}, "
            f"ragged={self.ragged}, name={self.name}>"
        )

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return record_torch(func, args, kwargs or {})

    def __getattr__(self, name):
        method = None if name.startswith("_") else getattr(torch.Tensor, name, None)
        if not callable(method):
            raise AttributeError(f"'KerasTensor' object has no attribute '{name}'")
        return lambda *args, **kwargs: record_torch(method, (self, *args), kwargs)

    def __array__(self, dtype=None, copy=None):
        raise ValueError(
            "A KerasTensor is symbolic: it's a placeholder for a shape and a dtype. It doesn't "
            "have any actual numerical value. You cannot convert it to a NumPy array. Use torch "
            "functions or `torchkeras.ops` on it, or wrap numpy code in a layer's `call`."
        )

    def __iter__(self):
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __bool__(self):
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __float__(self):
        raise TypeError("A symbolic KerasTensor has no value; it cannot be made a number.")

    __int__ = __index__ = __float__
    __hash__ = object.__hash__


def as_tensor(x) -> Any:
    """``x`` if it is a tensor or a symbol, else a tensor of it."""
    return x if isinstance(x, (torch.Tensor, KerasTensor)) else torch.as_tensor(x)


def _mask_of_output(symbol):
    """What the layer that made a symbol says of its mask, given the masks of its inputs."""
    if symbol._keras_history is None:
        return None
    layer, node_index, tensor_index = symbol._keras_history
    if not getattr(layer, "supports_masking", False):
        return None
    node = layer._inbound_nodes[node_index]
    first = node.args[0] if node.args else next(iter(node.kwargs.values()), None)
    masks = node.kwargs.get("mask")
    if masks is None:
        masks = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), first)
    if not layer._makes_masks and all(m is None for m in tree.flatten(masks)):
        return None
    masks = layer.compute_mask(first, masks)
    return masks if len(node.output_tensors) == 1 else tree.flatten(masks)[tensor_index]


def record_torch(func, args, kwargs) -> Any:
    """Records a torch function called on symbols; `graph._operation` sets what does it."""
    raise NotImplementedError


def is_keras_tensor(x):
    """Whether ``x`` is a symbol that layers can be called on.

    Args:
        x: Anything.

    Example:
        >>> torchkeras.utils.is_keras_tensor(torchkeras.Input((2,)))
        True
    """
    return isinstance(x, KerasTensor)


def is_symbolic(value):
    """Whether any leaf of a structure is a symbol."""
    if isinstance(value, KerasTensor):
        return True
    if isinstance(value, (list, tuple)):
        return any(map(is_symbolic, value))
    if isinstance(value, dict):
        return any(map(is_symbolic, value.values()))
    return False


def symbols(structure):
    """The symbols among the leaves of a structure, in order."""
    return [leaf for leaf in tree.flatten(structure) if isinstance(leaf, KerasTensor)]
