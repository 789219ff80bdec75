"""Layers that normalize: over the batch, over features or groups of features of a sample."""

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _configurable, constraints, initializers, regularizers
from torchkeras._checks import is_positive_int
from torchkeras.layers._input_spec import InputSpec
from torchkeras.layers._layer import Layer


class _Normalization(Layer):
    """Base of the layers that end in ``gamma * x + beta``."""

    supports_masking = True
    gamma: Any
    beta: Any

    def _set_gamma_and_beta(
        self,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
    ):
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _add_gamma_and_beta(self, shape, center):
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
        if center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
                autocast=False,
            )

    def _gamma_and_beta_like(self, x):
        """torch's kernels want them in the type of the values."""
        gamma, beta = self.gamma, self.beta
        if x.dtype in (torch.float16, torch.bfloat16):
            gamma = gamma if gamma is None else gamma.to(x.dtype)
            beta = beta if beta is None else beta.to(x.dtype)
        return gamma, beta

    def compute_output_shape(self, input_shape):
        return input_shape


class BatchNormalization(_Normalization):
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
        renorm: Whether training corrects the batch's statistics towards moving ones (batch
            renormalization): ``x' = (x - mean) / stddev * r + d`` with
            ``r = stddev / renorm_stddev`` and ``d = (mean - renorm_mean) / renorm_stddev``,
            through which no gradient goes.
        renorm_clipping: Dict of limits: ``r`` stays within ``"rmin"`` (0) and ``"rmax"``
            (infinity), ``d`` within plus and minus ``"dmax"`` (infinity).
        renorm_momentum: How slowly ``renorm_mean`` and ``renorm_stddev`` follow.
        synchronized: Whether the statistics are taken over all processes of torch.distributed.

    Weights:
        gamma: ``(channels,)``; ``None`` without ``scale``
        beta: ``(channels,)``; ``None`` without ``center``
        moving_mean: ``(channels,)``, not trainable
        moving_variance: ``(channels,)``, not trainable
        moving_stddev, renorm_mean, renorm_stddev: the same, with ``renorm`` only

    Shapes:
        inputs: ``(batch, ..., channels)``, or the channels at ``axis``
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer.
        ValueError: if there is no such axis or its size is unknown, or for unknown
            or contradicting limits in ``renorm_clipping``.

    Papers: Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167; Ioffe 2017,
    https://arxiv.org/abs/1702.03275

    Example:
        >>> layer = torchkeras.layers.BatchNormalization()
        >>> layer(torch.randn(8, 3), training=True).mean().abs() < 1e-6
        tensor(True)
    """

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
        if renorm:
            renorm_clipping = renorm_clipping or {}
        if renorm_clipping is not None:
            _check_clipping(renorm_clipping)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:  # as in old configs
            axis = axis[0]
        if not isinstance(axis, int):
            raise TypeError(f"`axis` must be an integer. Received: axis={axis!r}")
        self.axis = axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self._set_gamma_and_beta(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
        )
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
        self._add_gamma_and_beta(shape, self.center)

        def statistic(name, initializer):
            return self.add_weight(shape, initializer, trainable=False, name=name, autocast=False)

        self.moving_mean = statistic("moving_mean", self.moving_mean_initializer)
        self.moving_variance = statistic("moving_variance", self.moving_variance_initializer)
        if self.renorm:
            self.moving_stddev = statistic("moving_stddev", self._initial_stddev)
            self.renorm_mean = statistic("renorm_mean", self.moving_mean_initializer)
            self.renorm_stddev = statistic("renorm_stddev", self._initial_stddev)
        self.input_spec = InputSpec(ndim=rank, axes={axis: size})
        self._axis = axis
        # torch wants the channels second; None: they are.
        self._order = self._back = None
        if axis != 1 or rank == 1:
            others = [i for i in range(1, rank) if i != axis]
            self._order = (0, axis, *others)
            back = sorted(range(rank), key=self._order.__getitem__)
            self._back = tuple(back)

    def _initial_stddev(self, shape, dtype=None):
        return self.moving_variance_initializer(shape, dtype).sqrt()

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
        elif self.renorm:
            mean, variance = self._moments(x, mask)
            gamma, beta = self._renormalize(mean, variance)
            x = _normalize(x, mean, variance, gamma, beta, self.epsilon)
        elif mask is not None or self._reduces():
            mean, variance = self._moments(x, mask)
            self._update(mean, variance)
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
        # A tensor of its own: autograd keeps the one that the kernel gets.
        scaled = moving * (n / (n - 1))
        x = F.batch_norm(
            x,
            self.moving_mean,
            scaled,
            self.gamma,
            self.beta,
            True,
            1.0 - self.momentum,
            self.epsilon,
        )
        torch.mul(scaled, (n - 1) / n, out=moving)
        return x

    @torch.no_grad()
    def _corrections(self, mean, variance):
        """``r`` and ``d`` of batch renormalization; the moving statistics follow the batch."""
        limits: Any = self.renorm_clipping
        stddev = (variance + self.epsilon).sqrt()
        r = (stddev / self.renorm_stddev).clamp(limits.get("rmin", 0.0), limits.get("rmax"))
        d = (mean - self.renorm_mean) / self.renorm_stddev
        if "dmax" in limits:
            d = d.clamp(-limits["dmax"], limits["dmax"])
        for moving, value, momentum in (
            (self.renorm_mean, mean, self.renorm_momentum),
            (self.renorm_stddev, stddev, self.renorm_momentum),
            (self.moving_mean, mean, self.momentum),
            (self.moving_stddev, stddev, self.momentum),
        ):
            moving.lerp_(value.to(moving.dtype), 1.0 - momentum)
        self.moving_variance.copy_(self.moving_stddev.square() - self.epsilon)
        return r, d

    def _renormalize(self, mean, variance):
        """``gamma`` and ``beta`` with the corrections in them."""
        r, d = self._corrections(mean, variance)
        if self.gamma is not None:
            r, d = r * self.gamma, d * self.gamma
        return r, d if self.beta is None else d + self.beta

    def _reduces(self):
        distributed = torch.distributed
        return self.synchronized and distributed.is_available() and distributed.is_initialized()

    def _moments(self, x, mask):
        """Mean and biased variance of each channel, over the values that count."""
        axes = [0, *range(2, x.ndim)]
        x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        if mask is None and not self._reduces():
            variance, mean = torch.var_mean(x, axes, correction=0)
            return mean, variance
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


def _check_clipping(limits):
    known = ["rmax", "rmin", "dmax"]
    if not isinstance(limits, dict):
        raise TypeError(
            f"`renorm_clipping` must be a dict with keys among {known}. "
            f"Received: renorm_clipping={limits!r}"
        )
    if not set(limits) <= set(known):
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {limits}. "
            f"Supported values: {known}."
        )
    if limits.get("dmax", 0.0) < 0.0:
        raise ValueError(
            "dmax should be non-negative in the `renorm_clipping` argument. "
            f"Received: dmax={limits['dmax']}."
        )
    least, most = limits.get("rmin", 0.0), limits.get("rmax", float("inf"))
    if most < least:
        raise ValueError(
            "rmax should be greater than rmin in the `renorm_clipping` argument. "
            f"Received: rmax={most}, rmin={least}."
        )


def _normalize(x, mean, variance, gamma, beta, epsilon):
    shape = (1, -1, *(1,) * (x.ndim - 2))
    scale = torch.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * gamma
    y = (x - mean.reshape(shape)) * scale.reshape(shape)
    y = y if beta is None else y + beta.reshape(shape)
    return y.to(x.dtype)


class LayerNormalization(_Normalization):
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
        self.autocast = False
        self.axis = _int_or_ints(axis)
        self.epsilon = epsilon
        self._set_gamma_and_beta(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
        )

    def build(self, input_shape):
        self._shape, self._order, self._back = _features_last(self.axis, input_shape)
        self._add_gamma_and_beta(self._shape, self.center and not self.rms_scaling)

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        x = inputs if self._order is None else inputs.permute(self._order)
        gamma, beta = self._gamma_and_beta_like(x)
        if self.rms_scaling:
            axes = tuple(range(-len(self._shape), 0))
            variance = x.float().var(dim=axes, unbiased=False, keepdim=True)
            x = x * torch.rsqrt(variance + self.epsilon).to(x.dtype)
            x = x if gamma is None else x * gamma
        else:
            x = F.layer_norm(x, self._shape, gamma, beta, self.epsilon)
        # Inputs of a wider type than the policy's are normalized in theirs.
        x = x.to(self._compute_torch_dtype)
        return x if self._order is None else x.permute(self._back)

    @_configurable.reads_signature
    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class GroupNormalization(_Normalization):
    """Centers and scales each group of channels of each sample by its mean and variance.

    Computes ``gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with mean and variance
    over the channels of a group and all axes but that of the batch.

    Args:
        groups: Number of groups, a divisor of the number of channels; -1: each channel is one.
        axis: The axis of the channels.
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
        gamma: ``(channels,)``; ``None`` without ``scale``
        beta: ``(channels,)``; ``None`` without ``center``

    Shapes:
        inputs: ``(batch, ..., channels)``, or the channels at ``axis``
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer.
        ValueError: if ``groups`` is neither -1 nor a positive integer, or does not divide the
            channels; if ``axis`` is not among the axes after the batch.

    Paper: Wu and He 2018, https://arxiv.org/abs/1803.08494

    Example:
        >>> layer = torchkeras.layers.GroupNormalization(groups=2, epsilon=0.0)
        >>> layer(torch.tensor([[1.0, 3.0, 10.0, 40.0]])).tolist()
        [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(
        self,
        groups=32,
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
        super().__init__(**kwargs)
        if groups != -1 and not is_positive_int(groups):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or "
                f"`-1` for instance normalization). Received: groups={groups}"
            )
        if not isinstance(axis, int):
            raise TypeError(f"`axis` must be an integer. Received: axis={axis!r}")
        self.autocast = False
        self.groups = int(groups)
        self.axis = axis
        self.epsilon = epsilon
        self._set_gamma_and_beta(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
        )

    def build(self, input_shape):
        rank = len(input_shape)
        if not -rank < self.axis < rank or self.axis == 0:
            raise ValueError(
                "`axis` must name an axis of the inputs after that of the batch. "
                f"Received: axis={self.axis} for inputs of shape {tuple(input_shape)}"
            )
        axis = self.axis % rank
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer "
                f"received an input with shape {tuple(input_shape)}."
            )
        self._groups = groups = channels if self.groups == -1 else self.groups
        if channels < groups:
            raise ValueError(
                f"Number of groups ({groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % groups:
            raise ValueError(
                f"Number of groups ({groups}) must be a multiple of the number of channels "
                f"({channels})."
            )
        self._add_gamma_and_beta((channels,), self.center)
        self.input_spec = InputSpec(ndim=rank, axes={axis: channels})
        self._axis = axis
        self._channels_last = 1 < axis == rank - 1

    def call(self, inputs):
        if not inputs.is_floating_point():
            inputs = inputs.to(self._compute_torch_dtype)
        gamma, beta = self._gamma_and_beta_like(inputs)
        if gamma is None and beta is not None:  # torch's backward pass wants both or none
            gamma = torch.ones_like(beta)
        if (
            self._channels_last
            and inputs.device.type == "cpu"
            and inputs.dtype in (torch.float32, torch.float64)
            # torch's kernel for this format crashes in the backward pass of the weights alone.
            and (inputs.requires_grad or not torch.is_grad_enabled())
        ):
            x = self._normalize_channels_last(inputs, gamma, beta)
            return x.to(self._compute_torch_dtype)
        x = inputs if self._axis == 1 else inputs.movedim(self._axis, 1)
        shape = x.shape
        if len(shape) > 3:  # of rank 3 it cannot be taken for the channels_last format
            x = x.flatten(2)
        x = F.group_norm(x, self._groups, gamma, beta, self.epsilon).to(self._compute_torch_dtype)
        if len(shape) > 3:
            x = x.reshape(shape)
        return x if self._axis == 1 else x.movedim(1, self._axis)

    def _normalize_channels_last(self, inputs, gamma, beta):
        """Without a copy into another format, which takes longer than the rest.

        torch takes ``mean(x ** 2) - mean(x) ** 2`` for the variance in this format, which is
        exact enough only where the mean is near 0. So the mean is subtracted before; the result
        does not depend on it, and no gradient goes through it.
        """
        x = inputs.flatten(1, -2)
        mean = x.detach().mean(1, keepdim=True).unflatten(2, (self._groups, -1))
        x = x - mean.mean(3, keepdim=True).expand_as(mean).flatten(2)
        # An image of one column.
        x = F.group_norm(
            x.unsqueeze(2).permute(0, 3, 1, 2), self._groups, gamma, beta, self.epsilon
        )
        return x.permute(0, 2, 3, 1).reshape(inputs.shape)


class RMSNormalization(Layer):
    """Scales each sample by the root mean square of its features.

    Computes ``scale * x / sqrt(mean(x ** 2) + epsilon)`` with the mean over ``axis``.

    Args:
        axis: The axis of the features, or a list of axes.
        epsilon: Added to the mean of the squares.

    Weights:
        scale: sizes of the axes in ``axis``

    Shapes:
        inputs: ``(batch, ..., features)``
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer or list of integers.
        ValueError: if the inputs have no such axis.

    Paper: Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467

    Example:
        >>> torchkeras.layers.RMSNormalization()(torch.tensor([[3.0, 3.0]])).detach().round()
        tensor([[1., 1.]])
    """

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = _int_or_ints(axis)
        self.epsilon = epsilon

    def build(self, input_shape):
        self._shape, self._order, self._back = _features_last(self.axis, input_shape)
        self.scale = self.add_weight(self._shape, "ones", name="scale", autocast=False)

    def call(self, x):
        if not x.is_floating_point():
            x = x.to(self._compute_torch_dtype)
        scale = self.scale.to(x.dtype)
        if self._order is None:
            return F.rms_norm(x, self._shape, scale, self.epsilon)
        x = F.rms_norm(x.permute(self._order), self._shape, scale, self.epsilon)
        return x.permute(self._back)

    def compute_output_shape(self, input_shape):
        return input_shape


class UnitNormalization(Layer):
    """Scales each sample to a Euclidean norm of 1.

    Computes ``x / sqrt(sum(x ** 2))`` with the sum over ``axis``; zeros stay zero.

    Args:
        axis: The axis of the sum, or a list of axes.

    Shapes:
        inputs: any
        outputs: the same

    Raises:
        TypeError: if ``axis`` is no integer or list of integers.

    Example:
        >>> torchkeras.layers.UnitNormalization()(torch.tensor([[3.0, 4.0]]))
        tensor([[0.6000, 0.8000]])
    """

    supports_masking = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)):
            axis = list(axis)
        elif not isinstance(axis, int):
            raise TypeError(
                "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
                f"Received: axis={axis}"
            )
        self.axis: Any = axis
        self._build_at_init()

    def call(self, inputs):
        return F.normalize(inputs, dim=self.axis)

    def compute_output_shape(self, input_shape):
        return input_shape


def _int_or_ints(axis) -> Any:
    if isinstance(axis, (list, tuple)):
        return list(axis)
    if not isinstance(axis, int):
        raise TypeError(
            f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis}"
        )
    return axis


def _features_last(axis, input_shape) -> Any:
    """Sizes of the features, the order that puts them last, as torch's kernels want, and back.

    The two orders are ``None`` where the features are last.
    """
    rank = len(input_shape)
    given = sorted(axis) if isinstance(axis, list) else [axis]
    for a in given:
        if not -rank <= a < rank:
            raise ValueError(
                f"`axis` must name axes of the inputs. Received: axis={axis} for inputs of shape "
                f"{tuple(input_shape)}"
            )
    axes = [a % rank for a in given]
    shape = tuple(input_shape[a] for a in axes)
    order = [*(i for i in range(rank) if i not in axes), *axes]
    if order == list(range(rank)):
        return shape, None, None
    return shape, tuple(order), tuple(sorted(range(rank), key=order.__getitem__))
