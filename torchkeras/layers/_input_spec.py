"""InputSpec: what a layer demands of its inputs' shapes."""

from typing import Any

from torchkeras import tree


class InputSpec:
    """Demands on the rank, shape and sizes of one input.

    Args:
        dtype: Expected element type; kept, not enforced.
        shape: Expected shape, ``None`` where any size will do.
        ndim: Expected number of axes.
        max_ndim: Largest number of axes.
        min_ndim: Smallest number of axes.
        axes: Dict from axis to its expected size.
        allow_last_axis_squeeze: Whether a missing or additional last axis of size 1 is fine.
        name: Name by which a dict of inputs holds it.
        optional: Whether ``None`` is accepted.

    Example:
        >>> torchkeras.layers.InputSpec(min_ndim=2, axes={-1: 3})
        InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = dtype
        self.shape = tuple(shape) if shape is not None else None
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (TypeError, ValueError, AttributeError):
            raise TypeError(
                f"Argument `axes` must be a dict with integer keys. Received: axes={axes}"
            ) from None
        rank = self.ndim if self.ndim is not None else self.max_ndim
        if self.axes and rank is not None and max(self.axes) > rank - 1:
            raise ValueError(
                f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}"
            )
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def __repr__(self):
        shown = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        pairs = [f"{k}={getattr(self, k)}" for k in shown if getattr(self, k)]
        return f"InputSpec({', '.join(pairs)})"

    def get_config(self):
        """Dict of the constructor arguments."""
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config):
        """The spec that `get_config` described."""
        return cls(**config)


def check(input_spec, inputs: Any, layer_name):
    """Raises a ValueError that says which input does not meet its spec, and how.

    Args:
        input_spec: A spec or a structure of them.
        inputs: A tensor or symbol, or a structure of them.
        layer_name: For the message.
    """
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(s.name is not None for s in specs):
        missing = [s.name for s in specs if s.name not in inputs and not s.optional]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}". You passed a data dictionary with keys '
                f"{list(inputs)}. Expected the following keys: {[s.name for s in specs]}"
            )
        inputs = [inputs.get(s.name) for s in specs]
    inputs = tree.flatten(inputs)
    if len(inputs) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received {len(inputs)} '
            f"input tensors. Inputs received: {[_described(x) for x in inputs]}"
        )
    for i, (x, spec) in enumerate(zip(inputs, specs)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None:
            raise ValueError(
                f"Input {i} with name '{spec.name}' of layer '{layer_name}' is None, but it is not "
                "optional. Pass data for it, or make it with `Input(..., optional=True)`."
            )
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for "
                f"layer '{layer_name}'."
            )
        problem = _problem(spec, tuple(x.shape))
        if problem:
            raise ValueError(
                f"Input {i} with name '{spec.name}' of layer '{layer_name}' is incompatible with "
                f"the layer: {problem}"
            )


def _described(x):
    return f"<{type(x).__name__} shape={tuple(getattr(x, 'shape', ()))}>"


def _problem(spec, shape):
    rank = len(shape)
    full = f"Full shape received: {shape}"
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and rank != spec.ndim:
        return f"expected ndim={spec.ndim}, found ndim={rank}. {full}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}. {full}"
    for axis, size in spec.axes.items():
        if size is not None and (axis >= rank or shape[axis] not in (size, None)):
            return (
                f"expected axis {axis} of input shape to have value {size}, but received input "
                f"with shape {shape}"
            )
    if spec.shape is not None:
        expected, found = spec.shape, shape
        if spec.allow_last_axis_squeeze:
            expected = expected[:-1] if expected and expected[-1] == 1 else expected
            found = found[:-1] if found and found[-1] == 1 else found
        wrong = len(expected) != len(found) or any(
            e is not None and f is not None and e != f for e, f in zip(expected, found)
        )
        if wrong:
            return f"expected shape={spec.shape}, found shape={shape}"
    return None
