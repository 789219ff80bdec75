"""Activations as layers."""

import torch
import torch.nn.functional as F

from torchkeras import activations, constraints, initializers, regularizers, tree
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class _Elementwise(Layer):
    """Base of layers that map each value by itself."""

    supports_masking = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._build_at_init()

    def compute_output_shape(self, input_shape):
        return input_shape


class Activation(_Elementwise):
    """Applies an activation function.

    Args:
        activation: Function or its name.

    Shapes:
        inputs: any
        outputs: the same

    Example:
        >>> torchkeras.layers.Activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)


class ReLU(_Elementwise):
    """``min(x, max_value)`` for ``x >= threshold``, else ``negative_slope * (x - threshold)``.

    Args:
        max_value: Upper limit; ``None`` for none.
        negative_slope: Slope below the threshold.
        threshold: Where the unit opens.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if a value is negative or missing.

    Example:
        >>> torchkeras.layers.ReLU(max_value=1.0)(torch.tensor([-1.0, 0.5, 2.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(
                f"max_value of a ReLU layer cannot be a negative value. Received: {max_value}"
            )
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or value < 0.0:
                raise ValueError(
                    f"{name} of a ReLU layer cannot be None or a negative value. Expected a float. "
                    f"Received: {value}"
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold

    def call(self, inputs):
        return activations.relu(
            inputs,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(_Elementwise):
    """``x`` where positive, else ``negative_slope * x``.

    Args:
        negative_slope: Slope for negative values.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        ValueError: if ``negative_slope`` is ``None``.

    Example:
        >>> torchkeras.layers.LeakyReLU(0.5)(torch.tensor([-2.0, 2.0]))
        tensor([-1.,  2.])
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
        super().__init__(**kwargs)
        if negative_slope is None:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None. Expected a float. "
                f"Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs):
        return F.leaky_relu(inputs, self.negative_slope)


class ELU(_Elementwise):
    """``x`` where positive, else ``alpha * (exp(x) - 1)``.

    Args:
        alpha: Scale of the negative part.

    Shapes:
        inputs: any
        outputs: the same

    Example:
        >>> torchkeras.layers.ELU()(torch.tensor([0.0, 2.0]))
        tensor([0., 2.])
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha

    def call(self, inputs):
        return F.elu(inputs, self.alpha)


class Softmax(_Elementwise):
    """``exp(x) / sum(exp(x))`` along an axis, where a mask allows.

    Args:
        axis: The axis that sums to one, or a list of axes.

    Shapes:
        inputs: any; ``mask`` of the same shape, true where a value counts
        outputs: the same

    Example:
        >>> torchkeras.layers.Softmax()(torch.zeros(2))
        tensor([0.5000, 0.5000])
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs, mask=None):
        if mask is not None:
            _check_mask(mask, inputs)
            mask = mask.bool()
            inputs = inputs.masked_fill(~mask, torch.finfo(inputs.dtype).min)
        if isinstance(self.axis, (tuple, list)) and len(self.axis) > 1:
            outputs = torch.exp(
                inputs - torch.logsumexp(inputs, dim=tuple(self.axis), keepdim=True)
            )
        else:
            axis = self.axis[0] if isinstance(self.axis, (tuple, list)) else self.axis
            outputs = torch.softmax(inputs, dim=axis)
        # Where nothing counts there is no share to give.
        return outputs if mask is None else outputs.masked_fill(~mask, 0.0)


def _check_mask(mask, inputs):
    if mask.ndim > inputs.ndim:
        raise ValueError(
            f"`mask` must not have more dimensions than the inputs. Received: a mask of shape "
            f"{tuple(mask.shape)} for inputs of shape {tuple(inputs.shape)}"
        )
    sizes = zip(reversed(mask.shape), reversed(inputs.shape))
    if any(m not in (1, n) for m, n in sizes):
        raise ValueError(
            f"`mask` of shape {tuple(mask.shape)} is not broadcastable to the inputs' shape "
            f"{tuple(inputs.shape)}. Give it the same shape."
        )


class PReLU(Layer):
    """``x`` where positive, else ``alpha * x`` with a learned ``alpha``.

    Args:
        alpha_initializer: Initializer of the slopes.
        alpha_regularizer: Term of the loss for the slopes.
        alpha_constraint: Applied to the slopes after each update.
        shared_axes: Axes (from 1) along which the slope is the same.

    Weights:
        alpha: the shape of the inputs without the batch axis, 1 on shared axes

    Shapes:
        inputs: ``(batch, ...)``
        outputs: the same

    Example:
        >>> layer = torchkeras.layers.PReLU(alpha_initializer="ones")
        >>> layer(torch.tensor([[-1.0, 2.0]])).tolist()
        [[-1.0, 2.0]]
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = None if shared_axes is None else tree.flatten(shared_axes)

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            tuple(shape),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
            name="alpha",
        )
        axes = {
            i: n for i, n in enumerate(input_shape) if i and n and i not in (self.shared_axes or ())
        }
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs):
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)

    def compute_output_shape(self, input_shape):
        return input_shape
