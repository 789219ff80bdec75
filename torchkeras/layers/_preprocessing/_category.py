"""CategoryEncoding, and the encoding of indices that the other layers share."""

import torch

from torchkeras import _checks, _dtypes
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._layer import Layer


def encode(indices, mode, depth, dtype, weights=None):
    """Indices as vectors of length ``depth``; indices outside 0 .. depth - 1 count for nothing.

    Args:
        indices: Tensor of integers; its last axis is a sample, but for "one_hot".
        mode: "one_hot" for a vector for each index (an axis of size 1 at the end goes),
            "multi_hot" for one of each sample that has a 1 for each index in it, "count" for
            how often each is in it.
        depth: Length of the vectors.
        dtype: torch dtype of the result.
        weights: For "count", what each index counts instead of 1.
    """
    x = torch.as_tensor(indices).long()
    if x.ndim == 0:
        x = x.reshape(1)
    if mode == "one_hot" and (x.ndim == 1 or x.shape[-1] != 1):
        x = x.unsqueeze(-1)
    # What is outside goes to one more column, which is cut off.
    x = torch.where((x >= 0) & (x < depth), x, depth)
    out = torch.zeros(*x.shape[:-1], depth + 1, dtype=dtype, device=x.device)
    if mode == "count":
        ones = torch.ones_like(x, dtype=dtype) if weights is None else weights.to(dtype)
        out = out.scatter_add(-1, x, ones.reshape(x.shape))
    else:
        out = out.scatter(-1, x, 1)
    return out[..., :depth]


def encoded_shape(input_shape, mode, depth):
    """The shape of what `encode` returns."""
    shape = tuple(input_shape)
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


def refuse_sparse(sparse):
    """Raises where sparse outputs are asked for."""
    if sparse:
        raise ValueError(
            "`sparse=True` can only be used with the TensorFlow backend. Expected False: the "
            "outputs are dense torch tensors."
        )


class CategoryEncoding(Layer):
    """Turns integers into vectors: one-hot, multi-hot, or counts.

    Args:
        num_tokens: How many categories there are: the largest integer + 1.
        output_mode: "one_hot" for a vector for each integer, "multi_hot" for one for each
            sample with a 1 for each integer in it, "count" for how often each is in it.
        sparse: Must be false.

    Shapes:
        inputs: ``(batch, ..., size)`` of integers
        outputs: ``(batch, ..., num_tokens)``; for "one_hot" ``(batch, ..., size, num_tokens)``,
            without ``size`` where it is 1

    Raises:
        ValueError: if ``num_tokens`` is not positive, ``output_mode`` is unknown, ``sparse`` is
            true, there are weights in another mode than "count", or an integer is too large
            (on the CPU; on a GPU it counts for nothing).

    Example:
        >>> layer = torchkeras.layers.CategoryEncoding(num_tokens=4)
        >>> layer([[0, 1], [2, 2]])
        tensor([[1., 1., 0., 0.],
                [0., 0., 1., 0.]])
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if output_mode == "binary":  # Keras 2's name
            output_mode = "multi_hot"
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(
                f"Unknown arg for output_mode: {output_mode}. Expected 'one_hot', 'multi_hot' or "
                "'count'."
            )
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known "
                "beforehand, use the IntegerLookup layer instead."
            )
        if num_tokens < 1:
            raise ValueError(f"`num_tokens` must be >= 1. Received: num_tokens={num_tokens}.")
        refuse_sparse(sparse)
        self.num_tokens = _checks.positive_int("num_tokens", num_tokens)
        self.output_mode = output_mode
        self.sparse = False
        self.autocast = False  # integers above 2048 would not survive 16-bit floats
        self._build_at_init()

    _config_skip = ("autocast", "sparse")
    _symbol_dtype = "int64"

    def call(self, inputs, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                "`count_weights` is not used when `output_mode` is not `'count'`. Leave it out, or "
                f"choose output_mode='count'. Received: output_mode={self.output_mode!r}"
            )
        # Not on a GPU, which would have to be waited for.
        check = inputs.device.type == "cpu" and not torch.compiler.is_compiling()
        if check and inputs.numel() and inputs.max() >= self.num_tokens:
            raise ValueError(
                f"Input values must be in the range 0 <= value < num_tokens={self.num_tokens}. "
                "Raise `num_tokens` or check the data."
            )
        return self._encode(inputs, count_weights)

    def _encode(self, inputs, count_weights=None):
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        if count_weights is not None and not isinstance(count_weights, torch.Tensor):
            count_weights = _dtypes.to_tensor(count_weights, device=inputs.device)
        return encode(inputs, self.output_mode, self.num_tokens, dtype, count_weights)

    def compute_output_shape(self, input_shape, *args, **kwargs):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs, count_weights=None):
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)
