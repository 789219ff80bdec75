"""Layers that normalize: over the batch, over the features of a sample."""

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _configurable, constraints, initializers, regularizers
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class BatchNormalization(Layer):
    """Centers and scales each channel by the mean and variance of the batch.

    Computes ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``. In training mean and
    (biased) variance are those of the batch, over all axes but ``axis``, and moving
    averages ``moving = momentum * moving + (1 - momentum) * batch`` are kept; these are used
    in inference, and always when the layer is not ``trainable``. Masked steps do not count.

    Args:
        axis: The axis of the channels.
        momentum: How slowly the moving averages follow.
        epsilon: Added to the variance.
        center: Whether ``beta`` is added.
        scale: Whether ``gamma`` is multiplied.
        beta_initializer: Initializer of ``beta``.
        gamma_initializer: Initializer of ``gamma``.
        moving_mean_initializer: Initializer of the moving mean.
        moving_variance_initializer: Initializer of the moving variance.
        beta_regularizer: Term of the loss for ``beta``.
        gamma_regularizer: Term of the loss for ``gamma``.
        beta_constraint: Applied to ``beta`` after each update.
        gamma_constraint: Applied to ``gamma`` after each update.
        renorm: Must be false: batch renormalization is not there yet.
        renorm_clipping: Must be ``None``.
        renorm_momentum: Unused without ``renorm``.
        synchronized: Whether the statistics are taken over all processes of torch.distributed.

    Weights:
        gamma: ``(channels,)``; ``None`` without ``scale``
        beta: ``(channels,)``; ``None`` without ``center``
        moving_mean: ``(channels,)``, not trainable
        moving_variance: ``(channels,)``, not trainable

    Shapes:
        inputs: ``(batch, ..., channels)``, or the channels at ``axis``
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer.
        ValueError: if there is no such axis or its size is unknown, or for ``renorm``.

    Paper: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167

    Example:
        >>> layer = torchkeras.layers.BatchNormalization()
        >>> layer(torch.randn(8, 3), training=True).mean().abs() < 1e-6
        tensor(True)
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if renorm or renorm_clipping is not None:
            raise ValueError(
                "`renorm` is not there yet. Expected renorm=False, renorm_clipping=None. "
                f"Received: renorm={renorm}, renorm_clipping={renorm_clipping}"
            )
        if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as in old configs
            axis = axis[0]
        if not isinstance(axis, int):
            raise TypeError(f"`axis` must be an integer. Received: axis={axis!r}")
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.renorm = renorm
        self.renorm_clipping = renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"Invalid axis: {self.axis}. Expected one of the {rank} axes of the inputs of "
                f"shape {input_shape}."
            )
        axis = self.axis % rank
        size = input_shape[axis]
        if size is None:
            raise ValueError(
                f"Axis {self.axis} of the inputs must have a known size. Received: {input_shape}"
            )
        shape = (size,)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
                autocast=False,
            )
        self.moving_mean = self.add_weight(
            shape, self.moving_mean_initializer, trainable=False, name="moving_mean", autocast=False
        )
        self.moving_variance = self.add_weight(
            shape,
            self.moving_variance_initializer,
            trainable=False,
            name="moving_variance",
            autocast=False,
        )
        self.input_spec = InputSpec(ndim=rank, axes={axis: size})
        self._axis = axis
        # torch wants the channels second; None: they are.
        self._order = self._back = None
        if axis != 1 or rank == 1:
            others = [i for i in range(1, rank) if i != axis]
            self._order = (0, axis, *others)
            back = sorted(range(rank), key=self._order.__getitem__)
            self._back = tuple(back)

    def call(self, inputs, training=None, mask=None):
        # 16-bit inputs are normalized in float32, as the statistics need it.
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        x = inputs if self._order is None else inputs.permute(self._order)
        if not training or not self._trainable:
            x = F.batch_norm(
                x,
                self.moving_mean,
                self.moving_variance,
                self.gamma,
                self.beta,
                False,
                0.0,
                self.epsilon,
            )
        elif mask is not None or self._reduces():
            mean, variance = self._moments(x, mask)
            self._update(mean.detach(), variance.detach())
            x = _normalize(x, mean, variance, self.gamma, self.beta, self.epsilon)
        else:
            x = self._normalize_by_batch(x)
        return x if self._back is None else x.permute(self._back)

    def _normalize_by_batch(self, x):
        """torch's fused kernel, with the biased variance in the moving average.

        torch keeps the unbiased variance of n values: ``n / (n - 1)`` times the biased one.
        Averaging into ``moving * (n / (n - 1))`` and scaling back gives Keras' average.
        """
        n = x.numel() // x.shape[1]
        moving = self.moving_variance
        if n == 1:
            return _normalize(
                x, *self._update(*self._moments(x, None)), self.gamma, self.beta, self.epsilon
            )
        # Through `.data`: autograd keeps the buffer, whose values the backward pass does not use.
        moving.data.mul_(n / (n - 1))
        x = F.batch_norm(
            x,
            self.moving_mean,
            moving,
            self.gamma,
            self.beta,
            True,
            1.0 - self.momentum,
            self.epsilon,
        )
        moving.data.mul_((n - 1) / n)
        return x

    def _reduces(self):
        distributed = torch.distributed
        return self.synchronized and distributed.is_available() and distributed.is_initialized()

    def _moments(self, x, mask):
        """Mean and biased variance of each channel, over the values that count."""
        axes = [0, *range(2, x.ndim)]
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        if mask is None:
            full = x.new_ones(()).expand(x.shape)
        else:
            # The mask has the leading axes of the inputs, as they were before they were permuted.
            full = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)).to(x.dtype)
            full = (full if self._order is None else full.permute(self._order)).expand(x.shape)
        weight, total = full.sum(axes), (x * full).sum(axes)
        if self._reduces():
            squares = (x.square() * full).sum(axes)
            packed: Any = _SumOverProcesses.apply(torch.cat([weight, total, squares]))
            weight, total, squares = packed.chunk(3)
            weight = weight.clamp(min=1.0)
            mean = total / weight
            return mean, (squares / weight - mean.square()).clamp(min=0.0)
        weight = weight.clamp(min=1.0)
        mean = total / weight
        centered = x - mean.reshape(1, -1, *(1,) * (x.ndim - 2))
        return mean, (centered.square() * full).sum(axes) / weight

    def _update(self, mean, variance):
        with torch.no_grad():
            self.moving_mean.lerp_(mean.detach().to(self.moving_mean.dtype), 1.0 - self.momentum)
            self.moving_variance.lerp_(
                variance.detach().to(self.moving_variance.dtype), 1.0 - self.momentum
            )
        return mean, variance

    def compute_output_shape(self, input_shape):
        return input_shape


class _SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over all processes; its gradient is summed in the same way."""

    @staticmethod
    def forward(ctx, x):
        x = x.clone()
        torch.distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, *grads):
        return _SumOverProcesses.forward(ctx, grads[0])


def _normalize(x, mean, variance, gamma, beta, epsilon):
    shape = (1, -1, *(1,) * (x.ndim - 2))
    scale = torch.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    y = (x - mean.reshape(shape)) * scale.reshape(shape)
    y = y if beta is None else y + beta.reshape(shape)
    return y.to(x.dtype)


class LayerNormalization(Layer):
    """Centers and scales each sample by the mean and variance of its features.

    Computes ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with mean and variance
    over ``axis`` of each sample. The older keyword ``rms_scaling=True`` leaves out the mean
    and ``beta``: ``gamma * x / sqrt(variance + epsilon)``.

    Args:
        axis: The axis of the features, or a list of axes.
        epsilon: Added to the variance.
        center: Whether ``beta`` is added.
        scale: Whether ``gamma`` is multiplied.
        beta_initializer: Initializer of ``beta``.
        gamma_initializer: Initializer of ``gamma``.
        beta_regularizer: Term of the loss for ``beta``.
        gamma_regularizer: Term of the loss for ``gamma``.
        beta_constraint: Applied to ``beta`` after each update.
        gamma_constraint: Applied to ``gamma`` after each update.

    Weights:
        gamma: sizes of the axes in ``axis``; ``None`` without ``scale``
        beta: the same; ``None`` without ``center``

    Shapes:
        inputs: ``(batch, ..., features)``
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer or list of integers.
        ValueError: if the inputs have no such axis.

    Paper: Ba et al. 2016, https://arxiv.org/abs/1607.06450

    Example:
        >>> torchkeras.layers.LayerNormalization()(torch.tensor([[1.0, 3.0]])).round().tolist()
        [[-1.0, 1.0]]
    """

    supports_masking = True

    def __init__(
        self,
        axis=-1,
        epsilon=0.001,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        self.rms_scaling = kwargs.pop("rms_scaling", False)
        if self.rms_scaling:
            warnings.warn(
                "`rms_scaling=True` is deprecated: it scales by the variance, not by the root mean "
                "square. `RMSNormalization` is the layer to use.",
                stacklevel=2,
            )
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            self.axis = list(axis)
        elif isinstance(axis, int):
            self.axis = axis
        else:
            raise TypeError(
                "Expected an int or a list/tuple of ints for the argument 'axis', but received: "
                f"{axis}"
            )
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def build(self, input_shape):
        rank = len(input_shape)
        given = sorted(self.axis) if isinstance(self.axis, list) else [self.axis]
        for axis in given:
            if not -rank <= axis < rank:
                raise ValueError(
                    f"`axis` must name axes of the inputs. Received: axis={self.axis} for inputs "
                    f"of shape {tuple(input_shape)}"
                )
        axes = [axis % rank for axis in given]
        shape = tuple(input_shape[axis] for axis in axes)
        self.gamma = self.beta = None
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
                autocast=False,
            )
        if self.center and not self.rms_scaling:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
                autocast=False,
            )
        # torch's fused kernel wants the features last, in the order of the weights.
        others = [i for i in range(rank) if i not in axes]
        order = [*others, *axes]
        self._shape = shape
        self._order = None if order == list(range(rank)) else tuple(order)
        self._back = tuple(sorted(range(rank), key=order.__getitem__))

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        x = inputs if self._order is None else inputs.permute(self._order)
        gamma, beta = self.gamma, self.beta
        if x.dtype in (torch.float16, torch.bfloat16):
            gamma = gamma if gamma is None else gamma.to(x.dtype)
            beta = beta if beta is None else beta.to(x.dtype)
        if self.rms_scaling:
            axes = tuple(range(-len(self._shape), 0))
            variance = x.float().var(dim=axes, unbiased=False, keepdim=True)
            x = x * torch.rsqrt(variance + self.epsilon).to(x.dtype)
            x = x if gamma is None else x * gamma
        else:
            x = F.layer_norm(x, self._shape, gamma, beta, self.epsilon)
        return x if self._order is None else x.permute(self._back)

    def compute_output_shape(self, input_shape):
        return input_shape

    @_configurable.reads_signature
    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}
