"""Hashing and HashedCrossing: categories without a vocabulary."""

import numbers

import numpy as np
import torch

from torchkeras import _dtypes
from torchkeras.graph._tensor import KerasTensor, is_symbolic
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _category, _constants, _strings

_MODES = ("int", "one_hot", "multi_hot", "count")


def as_key(salt, layer):
    """The key of SipHash for a ``salt`` argument: a list of two integers, or ``None``.

    Raises:
        ValueError: if it is neither one integer nor two.
    """
    if salt is None:
        return None
    if isinstance(salt, numbers.Integral):
        return [int(salt)] * 2
    two = isinstance(salt, (list, tuple)) and len(salt) == 2
    if two and all(isinstance(s, numbers.Integral) for s in salt):
        return [int(s) for s in salt]
    raise ValueError(
        f"The `salt` argument for `{layer}` can only be a tuple of size 2 integers, or a single "
        f"integer. Received: salt={salt}."
    )


class TextLayer(Layer):
    """Base of layers that take strings: whatever holds them is made an array first."""

    _takes_text = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # An empty constant moves with the layer: where its outputs are to be.
        _constants.keep(self, "_home", torch.empty(0))

    def forward(self, *args, **kwargs):
        if args:
            args = (self._standardized(args[0]), *args[1:])
        elif "inputs" in kwargs:
            kwargs["inputs"] = self._standardized(kwargs["inputs"])
        return super().forward(*args, **kwargs)

    def _standardized(self, inputs):
        """Strings, numbers and nested lists of them as arrays."""
        if inputs is None:
            raise ValueError(f"Layer '{self.name}' needs inputs. Received: inputs=None")
        if isinstance(inputs, (torch.Tensor, KerasTensor, np.ndarray)):
            return inputs
        if _strings.is_text(inputs):
            return _strings.as_array(inputs)
        array = np.asarray(inputs)
        return inputs if array.dtype == object else array

    def _to_tensor(self, array):
        return torch.from_numpy(array).to(self._home.device)


class Hashing(TextLayer):
    """Puts strings or integers into bins by a hash of them.

    The bin of a string is its FarmHash64 modulo ``num_bins``, or with a salt its SipHash64 (a
    keyed function, which nobody without the key can foresee). Integers are hashed as their
    decimal digits. The bins are those of Keras, on every machine.

    Args:
        num_bins: How many bins there are.
        mask_value: A value that gets bin 0, to which no other goes then.
        salt: An integer or two, the key of SipHash.
        output_mode: "int" for the bin; "one_hot", "multi_hot" or "count" as in
            `CategoryEncoding`.
        sparse: Must be false.

    Shapes:
        inputs: ``(batch, ..., size)`` of strings (numpy arrays, lists) or integers
        outputs: the same; ``(batch, ..., num_bins)`` for "multi_hot" and "count";
            ``(batch, ..., size, num_bins)`` for "one_hot", without ``size`` where it is 1

    Raises:
        ValueError: if an argument has no valid value.
        TypeError: if the inputs are no strings or integers, or not of the kind of
            ``mask_value``.

    Example:
        >>> torchkeras.layers.Hashing(3)([["A"], ["B"], ["C"]])
        tensor([[1],
                [0],
                [1]])
    """

    def __init__(
        self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs
    ):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else None
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                "The `num_bins` for `Hashing` cannot be `None` or non-positive values. "
                f"Received: num_bins={num_bins}."
            )
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or "
                f"'in64'. Received: dtype={self.compute_dtype}"
            )
        if output_mode not in _MODES:
            raise ValueError(
                "Invalid value for argument `output_mode`. Expected one of "
                f"{_MODES}. Received: output_mode={output_mode}"
            )
        if sparse and output_mode == "int":
            raise ValueError(
                '`sparse` may only be true if `output_mode` is `"one_hot"`, `"multi_hot"`, or '
                f'`"count"`. Received: sparse={sparse} and output_mode={output_mode}'
            )
        _category.refuse_sparse(sparse)
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.salt = as_key(salt, "Hashing")
        self.output_mode = output_mode
        self.sparse = False
        self._build_at_init()

    def call(self, inputs):
        if _strings.is_text(inputs):
            values, shape = _strings.as_bytes(inputs)
            mask = self.mask_value
            if mask is not None and not isinstance(mask, (str, bytes)):
                raise TypeError(_mismatch(mask, "strings"))
            mask = mask.encode() if isinstance(mask, str) else mask
            masked = None if mask is None else np.array([v == mask for v in values], bool)
        else:
            if not isinstance(inputs, torch.Tensor):
                raise TypeError(f"Expected strings or integers. Received: {type(inputs).__name__}")
            integers = inputs.detach().long().cpu().numpy()
            values, shape = _strings.ints_as_bytes(integers), integers.shape
            masked = None
            if self.mask_value is not None:
                if isinstance(self.mask_value, (str, bytes)):
                    raise TypeError(_mismatch(self.mask_value, "integers"))
                masked = integers.ravel() == self.mask_value
        if masked is None:
            bins = _strings.hashed(values, self.num_bins, self.salt)
        elif self.num_bins == 1:
            bins = np.zeros(len(values), np.int64)
        else:
            bins = _strings.hashed(values, self.num_bins - 1, self.salt) + 1
            bins[masked] = 0
        x = self._to_tensor(bins.reshape(shape))
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        if self.output_mode == "int":
            return x.to(dtype)
        return _category.encode(x, self.output_mode, self.num_bins, dtype)

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return input_shape
        return _category.encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)


def _mismatch(mask, kind):
    return (
        f"`mask_value` must be of the kind of the inputs, which are {kind}. "
        f"Received: mask_value={mask!r}"
    )


# Key of the joint hash, as TensorFlow has it.
_CROSS_KEY = np.uint64(956888297470)


class HashedCrossing(TextLayer):
    """Puts combinations of features into bins by a hash of them.

    Args:
        num_bins: How many bins there are.
        output_mode: "int" for the bin, "one_hot" for a vector with a 1 at the bin.
        sparse: Must be false.

    Shapes:
        inputs: list of two or more, each ``()``, ``(batch,)`` or ``(batch, 1)`` of strings or
            integers
        outputs: the same as of one input; ``(batch, num_bins)`` for "one_hot"

    Raises:
        ValueError: if an argument has no valid value, the inputs are no list of two or more,
            or their shapes are others.

    Example:
        >>> layer = torchkeras.layers.HashedCrossing(5)
        >>> layer((["A", "B", "A"], [101, 101, 102]))
        tensor([1, 4, 3])
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"`num_bins` must be positive. Received: num_bins={num_bins}")
        _category.refuse_sparse(sparse)
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                "Unknown value for `output_mode` argument of HashedCrossing. Allowed values are: "
                f"('int', 'one_hot'). Received: output_mode={output_mode}"
            )
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.sparse = False
        self._build_at_init()

    def get_config(self):
        return {
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }

    def _standardized(self, inputs):
        if is_symbolic(inputs):
            return inputs
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "`HashedCrossing` should be called on a list or tuple of inputs. "
                f"Received: a {type(inputs).__name__}"
            )
        if len(inputs) < 2:
            raise ValueError(
                f"`HashedCrossing` should be called on at least two inputs. Received: {len(inputs)}"
            )
        inputs = [super(HashedCrossing, self)._standardized(x) for x in inputs]
        shapes = [tuple(x.shape) for x in inputs]
        if any(shape != shapes[0] for shape in shapes):
            raise ValueError(
                f"All `HashedCrossing` inputs should have equal shape. Received: shapes={shapes}"
            )
        if len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or "
                f"`(batch_size, 1)`. Received: shapes={shapes}"
            )
        kinds = [str(x.dtype) for x in inputs if not _strings.is_text(x)]
        if any("int" not in kind and "bool" not in kind for kind in kinds):
            raise ValueError(
                "All `HashedCrossing` inputs should have an integer or string dtype. "
                f"Received: dtypes={kinds}"
            )
        return inputs

    def call(self, inputs):
        shape = tuple(inputs[0].shape)
        total = np.full(int(np.prod(shape)), _CROSS_KEY)
        for x in inputs:
            if _strings.is_text(x):
                feature = _strings.fingerprint64(_strings.as_bytes(x)[0])
            else:
                feature = x.detach().long().cpu().numpy().ravel().astype(np.uint64)
            total = _strings.concatenated(total, feature)
        bins = (total % np.uint64(self.num_bins)).astype(np.int64)
        x = self._to_tensor(bins.reshape(shape))
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        if self.output_mode == "int":
            return x.to(dtype)
        return _category.encode(x, "one_hot", self.num_bins, dtype)

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape[0])
        if self.output_mode == "int":
            return shape
        return _category.encoded_shape(shape, "one_hot", self.num_bins)

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return KerasTensor(shape, self.compute_dtype)
