"""Layers that move values to other places: flatten, reshape, permute, repeat."""

import math
import numbers

from torchkeras import config
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class Flatten(Layer):
    """Makes one axis of all axes but the batch axis.

    Args:
        data_format: ``"channels_first"`` if the second axis holds channels that must come
            last in the result, as they do for ``"channels_last"``.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: ``(batch, values)``

    Example:
        >>> torchkeras.layers.Flatten()(torch.ones(2, 3, 4)).shape
        torch.Size([2, 12])
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self._build_at_init()

    def call(self, inputs):
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1) if inputs.ndim > 1 else inputs.unsqueeze(1)

    def compute_output_shape(self, input_shape):
        sizes = input_shape[1:]
        return (input_shape[0], None if None in sizes else math.prod(sizes))


class Reshape(Layer):
    """Gives the axes after the batch axis another shape.

    Args:
        target_shape: The shape without the batch axis; one size may be -1: what is left.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: ``(batch, *target_shape)``

    Raises:
        ValueError: if a size of ``target_shape`` is no size, or the numbers of values differ.

    Example:
        >>> torchkeras.layers.Reshape((-1, 2))(torch.ones(3, 4)).shape
        torch.Size([3, 2, 2])
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        target_shape = tuple(target_shape)
        if not all(isinstance(n, numbers.Integral) and int(n) >= -1 for n in target_shape):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a "
                f"single unknown dimension. Received: target_shape={target_shape}"
            )
        if target_shape.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. "
                f"Received: target_shape={target_shape}"
            )
        self.target_shape = tuple(int(n) for n in target_shape)
        self._build_at_init()

    def call(self, inputs):
        return inputs.reshape(inputs.shape[0], *self.target_shape)

    def compute_output_shape(self, input_shape):
        sizes, target = input_shape[1:], self.target_shape
        known = math.prod(n for n in target if n != -1)
        if None in sizes:
            return (input_shape[0], *(None if n == -1 else n for n in target))
        total = math.prod(sizes)
        if (-1 in target and (known == 0 or total % known)) or (
            -1 not in target and total != known
        ):
            raise ValueError(
                "The total size of the tensor must be unchanged. Received: "
                f"input_shape={tuple(sizes)}, target_shape={target}"
            )
        return (input_shape[0], *(total // known if n == -1 else n for n in target))


class Permute(Layer):
    """Puts the axes after the batch axis into another order.

    Args:
        dims: The order of the axes, counted from 1: ``(2, 1)`` swaps the first two.

    Shapes:
        inputs: ``(batch, ...)``
        outputs: the same sizes in another order

    Raises:
        ValueError: if ``dims`` is no order of ``1..n``.

    Example:
        >>> torchkeras.layers.Permute((2, 1))(torch.ones(3, 4, 5)).shape
        torch.Size([3, 5, 4])
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. Received dims={dims}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self._build_at_init()

    def call(self, inputs):
        return inputs.permute(0, *self.dims)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


class RepeatVector(Layer):
    """Repeats each row ``n`` times along a new axis.

    Args:
        n: How many times.

    Shapes:
        inputs: ``(batch, features)``
        outputs: ``(batch, n, features)``

    Raises:
        TypeError: if ``n`` is no integer.
        ValueError: if ``n`` is not positive.

    Example:
        >>> torchkeras.layers.RepeatVector(3)(torch.ones(2, 4)).shape
        torch.Size([2, 3, 4])
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(n, int):
            raise TypeError(f"Expected an integer value for `n`, got {type(n)}.")
        if n < 1:
            raise ValueError(f"Argument `n` should be a positive integer. Received: n={n}")
        self.n = n
        self.input_spec = InputSpec(ndim=2)
        self._build_at_init()

    def call(self, inputs):
        return inputs.unsqueeze(1).expand(-1, self.n, -1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])
