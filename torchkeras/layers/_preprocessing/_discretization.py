"""Discretization: the bin that each number falls into."""

import numpy as np
import torch

from torchkeras import _dtypes
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._layer import Layer
from torchkeras.layers._preprocessing import _category, _constants, _data

_MODES = ("int", "one_hot", "multi_hot", "count")


class Discretization(Layer):
    """Replaces numbers by the index of the bin they fall into.

    The boundaries ``[0, 1]`` make the bins ``(-inf, 0)``, ``[0, 1)`` and ``[1, inf)``. `adapt`
    finds boundaries that put equally many values into each bin, from a summary of the data
    whose error is about ``epsilon``.

    Args:
        bin_boundaries: Sorted list of the boundaries.
        num_bins: How many bins `adapt` is to make, instead of boundaries.
        epsilon: Error of the quantiles, as a fraction: smaller takes more memory.
        output_mode: "int" for the index; "one_hot", "multi_hot" or "count" as in
            `CategoryEncoding`.
        sparse: Must be false.

    Shapes:
        inputs: ``(batch, ..., size)``
        outputs: the same; ``(batch, bins)`` for "multi_hot" and "count", or ``(batch, ..., bins)``
            without the axis after the batch;
            ``(batch, ..., size, bins)`` for "one_hot", without ``size`` where it is 1

    Raises:
        ValueError: if both or none of ``bin_boundaries`` and ``num_bins`` are given, an
            argument has no valid value, or there are no boundaries yet.

    Example:
        >>> layer = torchkeras.layers.Discretization([0.0, 1.0, 2.0])
        >>> layer(torch.tensor([-1.5, 1.0, 3.4, 0.5]))
        tensor([0, 2, 3, 1], dtype=torch.int32)
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        if sparse:
            raise ValueError("`sparse=True` cannot be used with backend torch. Expected False.")
        self.sparse = False
        if num_bins is not None and num_bins < 0:
            raise ValueError(
                f"`num_bins` must be greater than or equal to 0. Received: `num_bins={num_bins}`"
            )
        if bin_boundaries is not None and num_bins is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. Received: "
                f"`num_bins={num_bins}` and `bin_boundaries={bin_boundaries}`"
            )
        if bin_boundaries is None and num_bins is None:
            raise ValueError("You need to set either `num_bins` or `bin_boundaries`.")
        if output_mode not in _MODES:
            raise ValueError(
                "Unknown value for `output_mode` argument of Discretization. Allowed values are: "
                f"{_MODES}. Received: output_mode={output_mode}"
            )
        if not epsilon > 0:
            raise ValueError(f"`epsilon` must be positive. Received: epsilon={epsilon}")
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self._given = bin_boundaries is not None
        self.summary = np.zeros((2, 0), "float32")
        self._set_boundaries(bin_boundaries if self._given else [])
        self._ready = self._given
        self._build_at_init()

    def _set_boundaries(self, boundaries):
        boundaries = np.asarray(boundaries, dtype="float64")
        if boundaries.ndim != 1 or (np.diff(boundaries) < 0).any():
            raise ValueError(
                "`bin_boundaries` must be a sorted list of numbers. Received: "
                f"bin_boundaries={boundaries.tolist()}"
            )
        self.bin_boundaries = boundaries.tolist()
        self._ready = True
        _constants.keep(self, "_edges", torch.tensor(self.bin_boundaries, dtype=torch.float32))

    def get_config(self):
        return {
            "bin_boundaries": self.bin_boundaries if self._ready else None,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        """A layer from the dict that `get_config` returned, with the boundaries adapted to."""
        config = dict(config)
        boundaries = config.get("bin_boundaries")
        if boundaries is None or config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{**config, "bin_boundaries": None})
        layer._set_boundaries(boundaries)
        return layer

    @property
    def input_dtype(self):
        """Element type that the inputs are taken as."""
        return "float32"

    @property
    def output_dtype(self):
        """Element type of the outputs."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def adapt(self, data, steps=None):
        """Finds the boundaries that put equally many values of the data into each bin.

        Args:
            data: An array, or an iterable of batches.
            steps: How many batches of an iterable are used; default all.

        Raises:
            ValueError: if the boundaries were given.
        """
        if self._given:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with "
                "`bin_boundaries`, use `num_bins` instead."
            )
        self.reset_state()
        for batch in _data.batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Takes one batch of data into the summary."""
        if isinstance(data, torch.Tensor):
            data = data.detach().float().cpu().numpy()
        values = np.sort(np.asarray(data, dtype="float32").ravel())
        if not len(values):
            return
        # Every so manieth value stands for those up to it.
        step = max(len(values) * self.epsilon, 1.0)
        values = values[int(step - 1) :: int(step)]
        batch = np.stack([values, np.full_like(values, step)])
        merged = np.concatenate([self.summary, batch], axis=1)
        merged = merged[:, np.argsort(merged[0], kind="stable")]
        self.summary = _compressed(merged, self.epsilon)

    def finalize_state(self):
        """Makes the boundaries out of the summary."""
        if self._given or not self.summary.shape[1]:
            return
        self._set_boundaries(_compressed(self.summary, 1.0 / (self.num_bins or 1))[0, :-1])

    def reset_state(self):
        """Forgets the data seen so far; the boundaries stay until `finalize_state`."""
        self.summary = np.zeros((2, 0), "float32")

    def call(self, inputs):
        if not self._ready:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or "
                "call `adapt(dataset)` before you can start using the `Discretization` layer."
            )
        edges = _constants.at(self, "_edges", inputs.device).float()
        x = torch.bucketize(inputs.float(), edges, out_int32=True, right=True)
        if self.output_mode == "int":
            return x
        dtype = _dtypes.torch_dtype(self.compute_dtype)
        if self.output_mode != "one_hot" and x.ndim > 2:
            x = x.movedim(1, -1)  # Keras takes the axis after the batch as the sample
        return _category.encode(x, self.output_mode, self._depth(), dtype)

    def _depth(self) -> int:
        return len(self.bin_boundaries) + 1 if self._ready else self.num_bins or 1

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return input_shape
        if self.output_mode != "one_hot" and len(input_shape) > 2:
            input_shape = (input_shape[0], *input_shape[2:], input_shape[1])
        return _category.encoded_shape(input_shape, self.output_mode, self._depth())

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)


def _compressed(summary, epsilon):
    """A summary (sorted values, their weights) cut down to ``1 / epsilon`` values.

    They are read off the curve through the values over the share of the weights up to each.
    """
    values, weights = summary
    if len(values) * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    total = np.cumsum(weights)
    share = total / total[-1]
    new_values = np.interp(wanted, share, values)
    new_weights = np.diff(np.interp(wanted, share, total), prepend=0.0)
    return np.stack([new_values, new_weights]).astype("float32")
