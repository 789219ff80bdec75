"""Input: where a graph begins."""

import warnings

from torchkeras import _dtypes
from torchkeras._shapes import standardize_shape
from torchkeras.graph._operation import Node
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._layer import Layer


class InputLayer(Layer):
    """Holds the symbol that a graph begins with.

    Args:
        shape: Sizes of the axes after the batch axis; ``None`` where unknown.
        batch_size: Size of the batch axis, if it is fixed.
        dtype: Element type of the data; default floatx.
        sparse: Must be false.
        ragged: Must be false.
        batch_shape: The whole shape, instead of ``shape`` and ``batch_size``.
        input_tensor: A symbol to use instead of a new one.
        optional: Whether ``None`` may be passed.
        name: Name of the layer.

    Raises:
        ValueError: if no shape is given, or two that exclude each other are.

    Example:
        >>> torchkeras.layers.InputLayer((3,), name="rows").output.shape
        (None, 3)
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        # Keras 2's spellings
        if "input_shape" in kwargs:
            warnings.warn(
                "Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2
            )
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        super().__init__(name=name, dtype=dtype, **kwargs)
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if batch_size is not None and batch_shape is not None:
            raise ValueError(
                "You cannot pass both `batch_size` and `batch_shape` at the same time."
            )
        if shape is None and batch_shape is None and input_tensor is None:
            raise ValueError("You must pass a `shape` argument.")
        for kind, value in (("sparse", sparse), ("ragged", ragged)):
            if value and kind == "sparse" and isinstance(input_tensor, KerasTensor):
                raise _incompatible(kind, value, False)
            if value:
                raise ValueError(
                    f"`{kind}=True` is not supported with torch. Expected False: make the data "
                    "dense."
                )
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    "Argument `input_tensor` must be a KerasTensor. "
                    f"Received invalid type: input_tensor={input_tensor} "
                    f"(of type {type(input_tensor)})"
                )
            if batch_shape is None and (shape is not None or batch_size is not None):
                found = input_tensor.shape
                for name, given, has in (
                    ("shape", shape and standardize_shape(shape), found[1:]),
                    ("batch_size", batch_size, found[0]),
                ):
                    if given is not None and given != has:
                        raise _incompatible(name, given, has)
            elif batch_shape is not None and standardize_shape(batch_shape) != input_tensor.shape:
                raise _incompatible("batch_shape", batch_shape, input_tensor.shape)
            if dtype is not None and _dtypes.standardize_dtype(dtype) != input_tensor.dtype:
                raise _incompatible("dtype", dtype, input_tensor.dtype)
            batch_shape = input_tensor.shape
            dtype = input_tensor.dtype
        elif batch_shape is None:
            batch_shape = (batch_size, *standardize_shape(shape))
        self.batch_shape = standardize_shape(batch_shape)
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), bool(optional)
        self._dtype_name = _dtypes.standardize_dtype(dtype)
        self.built = True
        if input_tensor is None:
            input_tensor = KerasTensor(self.batch_shape, self._dtype_name)
        Node(self, (), {}, input_tensor)

    def call(self):
        return None

    @property
    def dtype(self):
        """Element type of the data."""
        return self._dtype_name

    def get_config(self):
        return {
            "batch_shape": self.batch_shape,
            "dtype": self._dtype_name,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def _incompatible(name, given, found):
    return ValueError(
        f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` "
        f"argument. Received: {name}={given}, but the tensor's is {found}"
    )


def Input(
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A symbol from which a functional model is built.

    Args:
        shape: Sizes of the axes after the batch axis; ``None`` where unknown.
        batch_size: Size of the batch axis, if it is fixed.
        dtype: Element type of the data; default floatx.
        sparse: Must be false.
        ragged: Must be false.
        batch_shape: The whole shape, instead of ``shape`` and ``batch_size``.
        name: Name of the input, by which dicts of data name it.
        tensor: A symbol to use instead of a new one.
        optional: Whether ``None`` may be passed.

    Raises:
        ValueError: if no shape is given, or two that exclude each other are.

    Example:
        >>> x = torchkeras.Input((3,))
        >>> model = torchkeras.Model(x, torchkeras.layers.Dense(2)(x))
        >>> model(torch.ones(5, 3)).shape
        torch.Size([5, 2])
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output
