"""Activations, encodings, normalizations, losses and attention."""

import contextlib
import warnings

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchkeras import _dtypes, activations, config
from torchkeras._shapes import axes_of
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor, floating, promoted, tensor
from torchkeras.ops._op import op
from torchkeras.ops._rules import shape_of

# Those of `torchkeras.activations` whose arguments are the same; they are documented there.
celu = op(activations.celu)
elu = op(activations.elu)
glu = op(activations.glu)
hard_shrink = op(activations.hard_shrink)
hard_sigmoid = op(activations.hard_sigmoid)
hard_silu = hard_swish = op(activations.hard_silu)
hard_tanh = op(activations.hard_tanh)
leaky_relu = op(activations.leaky_relu)
log_sigmoid = op(activations.log_sigmoid)
relu6 = op(activations.relu6)
selu = op(activations.selu)
sigmoid = op(activations.sigmoid)
silu = swish = op(activations.silu)
soft_shrink = op(activations.soft_shrink)
softplus = op(activations.softplus)
softsign = op(activations.softsign)
sparse_plus = op(activations.sparse_plus)
sparse_sigmoid = op(activations.sparse_sigmoid)
sparsemax = op(activations.sparsemax)
squareplus = op(activations.squareplus)
tanh_shrink = op(activations.tanh_shrink)
threshold = op(activations.threshold)


def _along(x, axis, parameter):
    """A vector (or number) of a parameter, shaped to stand along an axis of ``x``."""
    parameter = tensor(parameter)
    if parameter.ndim != 1 or x.ndim == 1:
        return parameter
    (place,) = axes_of(axis, x.ndim)
    return parameter.reshape([-1 if a == place else 1 for a in range(x.ndim)])


def _normalized_rule(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    axes_of(axis, x.ndim)
    return KerasTensor(x.shape, x.dtype)


def _scaled_rule(x, scale=None, axis=-1, epsilon=None):
    axes_of(axis, x.ndim)
    return KerasTensor(x.shape, x.dtype)


def _batch_normalization_rule(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    size = x.shape[axes_of(axis, x.ndim)[0]]
    vectors = {"mean": mean, "variance": variance, "offset": offset, "scale": scale}
    for name, vector in vectors.items():
        if vector is not None and size is not None and tuple(shape_of(vector)) != (size,):
            raise ValueError(
                f"`{name}` must be a vector of length {size}, the size of axis {axis} of `x`. "
                f"Received: {name}.shape={shape_of(vector)}"
            )
    return KerasTensor(x.shape, x.dtype)


@op(rule=_batch_normalization_rule)
def batch_normalization(x, mean, variance, axis, offset=None, scale=None, epsilon=1e-3):
    """``(x - mean) / sqrt(variance + epsilon) * scale + offset``, with vectors along one axis.

    Args:
        x: Tensor, array, list or number.
        mean: Vector.
        variance: Vector.
        axis: Axis of the vectors.
        offset: Vector, or ``None`` for zeros.
        scale: Vector, or ``None`` for ones.
        epsilon: Keeps the root away from zero.

    Reference: `Ioffe and Szegedy, 2015 <https://arxiv.org/abs/1502.03167>`_

    Example:
        >>> one = torch.ones(2)
        >>> torchkeras.ops.batch_normalization([[1.0, 3.0]], one, one, axis=-1, epsilon=0.0)
        tensor([[0., 2.]])
    """
    x = floating(x)
    mean, variance = _along(x, axis, mean), _along(x, axis, variance)
    factor = torch.rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * _along(x, axis, scale)
    shift = -mean * factor
    if offset is not None:
        shift = shift + _along(x, axis, offset)
    return torch.addcmul(shift, x, factor).to(x.dtype)


@op
def binary_crossentropy(target, output, from_logits=False):
    """``-(y log(p) + (1 - y) log(1 - p))`` for each element.

    Args:
        target: Targets ``y`` from 0 to 1.
        output: Predictions of the same shape.
        from_logits: Whether ``output`` holds logits; probabilities ``p`` otherwise.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> torchkeras.ops.binary_crossentropy([1.0, 0.0], [0.5, 0.2])
        tensor([0.6931, 0.2231])
    """
    target, output = _targets(target, output)
    _check_same(target, output)
    # `logit` clips to [epsilon, 1 - epsilon].
    logits = output if from_logits else torch.logit(output, _epsilon(output))
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def _targets(target, output):
    output = floating(output)
    return as_tensor(target, output.dtype, output.device), output


def _check_same(target, output):
    if target.shape != output.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )


def _epsilon(x):
    """The fuzz factor; in 16 bits the step below one, for 1 - 1e-7 would be one."""
    epsilon = config.epsilon()
    return epsilon if x.dtype.itemsize > 2 else max(epsilon, torch.finfo(x.dtype).eps)


def _log_probabilities(output, from_logits, axis):
    if from_logits:
        return F.log_softmax(output, axis)
    output = output / torch.sum(output, axis, keepdim=True)
    return torch.log(torch.clamp(output, _epsilon(output), 1 - _epsilon(output)))


@op
def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """``-sum(y log(p))`` over the classes.

    Args:
        target: Target probabilities ``y``.
        output: Predictions of the same shape.
        from_logits: Whether ``output`` holds logits; otherwise it is divided by its sum.
        axis: Axis of the classes.

    Raises:
        ValueError: if the shapes differ or have no axis.

    Example:
        >>> torchkeras.ops.categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]])
        tensor([0.6931])
    """
    target, output = _targets(target, output)
    _check_same(target, output)
    if output.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. "
            f"Received: target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    return -torch.sum(target * _log_probabilities(output, from_logits, axis), axis)


def _blocks_rule(x, block_size, data_format, deeper):
    """Sizes of the images' axes divided, or multiplied, by the side of a block."""
    _check_blocks(x, block_size)
    last = config.standardize_data_format(data_format) == "channels_last"
    batch, height, width, channels = x.shape if last else (x.shape[a] for a in (0, 2, 3, 1))

    def wider(n):
        return None if n is None else n * block_size

    def narrower(n):
        return None if n is None else n // block_size

    if deeper:
        space, channels = [narrower(height), narrower(width)], wider(wider(channels))
    else:
        space, channels = [wider(height), wider(width)], narrower(narrower(channels))
    shape = (batch, *space, channels) if last else (batch, channels, *space)
    return KerasTensor(shape, x.dtype)


def _check_blocks(x, block_size):
    if block_size < 2:
        raise ValueError(f"`block_size` must be at least 2. Received: block_size={block_size}")
    if len(x.shape) != 4:
        raise ValueError(f"Expected four axes. Received: x.shape={tuple(x.shape)}")


def _depth_to_space_rule(x, block_size, data_format="channels_last"):
    return _blocks_rule(x, block_size, data_format, deeper=False)


def _space_to_depth_rule(x, block_size, data_format="channels_last"):
    return _blocks_rule(x, block_size, data_format, deeper=True)


@op(rule=_depth_to_space_rule)
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels spread over square blocks of pixels.

    With channels last the pixels of a block stand one after another with all their channels; with
    channels first, as in `torch.nn.PixelShuffle`, each channel with all its pixels.

    Args:
        x: Images of four axes.
        block_size: Side of the blocks.
        data_format: ``"channels_last"`` or ``"channels_first"``.

    Raises:
        ValueError: if the channels do not fill whole blocks.

    Example:
        >>> torchkeras.ops.depth_to_space(torch.arange(4).reshape(1, 1, 1, 4), 2).shape
        torch.Size([1, 2, 2, 1])
    """
    x = tensor(x)
    _check_blocks(x, block_size)
    last = config.standardize_data_format(data_format) == "channels_last"
    channels = x.shape[-1 if last else 1]
    if channels % block_size**2:
        raise ValueError(
            f"The number of channels ({channels}) must be divisible by block_size**2 "
            f"({block_size**2})."
        )
    if not last:
        return F.pixel_shuffle(x, block_size)
    x = x.unflatten(-1, (block_size, block_size, -1)).permute(0, 1, 3, 2, 4, 5)
    return x.flatten(3, 4).flatten(1, 2)


def _attention_rule(query, key, value, *args, **kwargs):
    for name, x in (("query", query), ("key", key), ("value", value)):
        if len(x.shape) != 4:
            raise ValueError(f"`dot_product_attention` only supports 4D inputs. Received: {name}")
    types = (getattr(x, "dtype", None) or tensor(x).dtype for x in (query, key, value))
    return KerasTensor((*query.shape[:-1], value.shape[-1]), _dtypes.result_type(*types, float))


@op(rule=_attention_rule)
def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    """``softmax(query key^T * scale + bias) value`` for each head.

    Args:
        query: ``(batch, targets, heads, size)``.
        key: ``(batch, sources, key_heads, size)``, where ``key_heads`` divides ``heads``.
        value: ``(batch, sources, key_heads, value_size)``.
        bias: Added to the scores, broadcast to ``(batch, heads, targets, sources)``.
        mask: Which sources each target sees, booleans broadcast to the same shape.
        scale: Default ``1 / sqrt(size)``.
        is_causal: Whether no target sees sources after its own place.
        flash_attention: ``True`` insists on the flash kernel, ``False`` rules it out; default torch
            chooses.
        attn_logits_soft_cap: Bound ``c`` of the scores: ``c tanh(scores / c)``.

    Raises:
        ValueError: if an input has not four axes.

    Reference: `Vaswani et al., 2017 <https://arxiv.org/abs/1706.03762>`_

    Example:
        >>> x = torch.ones(1, 2, 1, 4)
        >>> torchkeras.ops.dot_product_attention(x, x, x).shape
        torch.Size([1, 2, 1, 4])
    """
    query, key, value = promoted(query, key, value, least=(float,))
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. "
            f"Received: query.shape={tuple(query.shape)}, key.shape={tuple(key.shape)}, "
            f"value.shape={tuple(value.shape)}."
        )
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (torch.repeat_interleave(x, groups, dim=1) for x in (key, value))
    if mask is not None:
        mask = tensor(mask).bool()
    if is_causal and (mask is not None or bias is not None or attn_logits_soft_cap is not None):
        causal = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device)
        mask = causal.tril() if mask is None else mask & causal.tril()
        is_causal = False
    if attn_logits_soft_cap is not None:
        scale = query.shape[-1] ** -0.5 if scale is None else scale
        scores = torch.matmul(query, key.transpose(-1, -2)) * scale
        if bias is not None:
            scores = scores + as_tensor(bias, query.dtype, query.device)
        scores = torch.tanh(scores / attn_logits_soft_cap) * attn_logits_soft_cap
        if mask is not None:
            scores = torch.where(mask, scores, torch.finfo(scores.dtype).min)
        return torch.matmul(torch.softmax(scores, -1), value).transpose(1, 2)
    if bias is not None:
        bias = as_tensor(bias, query.dtype, query.device)
        low = torch.finfo(query.dtype).min
        mask = bias if mask is None else torch.where(mask, bias, low)
    with _kernels(flash_attention):
        result = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=is_causal, scale=scale
        )
    return result.transpose(1, 2)


def _kernels(flash):
    """The kernels of attention that may be used."""
    if flash is None:
        return contextlib.nullcontext()
    if flash:
        return sdpa_kernel(SDPBackend.FLASH_ATTENTION)
    return sdpa_kernel([SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION])


@op
def gelu(x, approximate=True):
    """Gaussian error linear unit: ``x`` times the normal distribution function at ``x``.

    Args:
        x: Tensor, array, list or number.
        approximate: Whether to use the formula with ``tanh``.

    Reference: `Hendrycks and Gimpel, 2016 <https://arxiv.org/abs/1606.08415>`_

    Example:
        >>> torchkeras.ops.gelu([-1.0, 2.0])
        tensor([-0.1588,  1.9546])
    """
    return activations.gelu(x, approximate)


@op(rule=_normalized_rule)
def layer_normalization(x, gamma=None, beta=None, axis=-1, epsilon=None, **kwargs):
    """``(x - mean) / sqrt(variance + epsilon) * gamma + beta``, over the given axes.

    Args:
        x: Tensor, array, list or number.
        gamma: Scale, or ``None`` for ones.
        beta: Offset, or ``None`` for zeros.
        axis: Axis, or tuple of them.
        epsilon: Keeps the root away from zero; default that of the configuration.
        kwargs: The old ``rms_scaling=True`` divides by ``sqrt(variance + epsilon)`` only.

    Reference: `Ba et al., 2016 <https://arxiv.org/abs/1607.06450>`_

    Example:
        >>> torchkeras.ops.layer_normalization([[1.0, 3.0]])
        tensor([[-1.,  1.]])
    """
    rms_scaling = kwargs.pop("rms_scaling", False)
    if kwargs:
        raise TypeError(f"layer_normalization() got unexpected keywords: {sorted(kwargs)}")
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = floating(x)
    axes = sorted(axes_of(axis, x.ndim))
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    if rms_scaling:
        warnings.warn(
            "You passed `rms_scaling=True`, which is deprecated. Use `rms_normalization`.",
            stacklevel=3,
        )
        variance = torch.var(wide, axes, keepdim=True, correction=0)
        y = wide * torch.rsqrt(variance + epsilon)
        if gamma is not None:
            y = y * tensor(gamma).reshape(shape)
        return y.to(x.dtype)
    variance, mean = torch.var_mean(wide, axes, keepdim=True, correction=0)
    y = (wide - mean) * torch.rsqrt(variance + epsilon)
    if gamma is not None:
        y = y * tensor(gamma).reshape(shape)
    if beta is not None:
        y = y + tensor(beta).reshape(shape)
    return y.to(x.dtype)


@op
def log_softmax(x, axis=-1):
    """The logarithm of `softmax`, computed safely.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them, of the sum; ``None`` takes all.

    Raises:
        ValueError: if there is no such axis.

    Example:
        >>> torchkeras.ops.log_softmax([0.0, 0.0])
        tensor([-0.6931, -0.6931])
    """
    if axis is None:
        x = tensor(x)
        return torch.log_softmax(x.reshape(-1), 0).reshape(x.shape)
    x = tensor(x)
    axes_of(axis, max(x.ndim, 1))
    return activations.log_softmax(x, axis)


@op
def moments(x, axes, keepdims=False, synchronized=False):
    """Mean and variance over axes.

    Args:
        x: Tensor, array, list or number.
        axes: Axis, or tuple of them.
        keepdims: Whether the axes stay, with size one.
        synchronized: Only ``False`` is possible here.

    Raises:
        NotImplementedError: if ``synchronized`` is asked for.

    Example:
        >>> torchkeras.ops.moments([[1.0, 3.0]], axes=1)
        (tensor([2.]), tensor([1.]))
    """
    if synchronized:
        raise NotImplementedError(
            "Argument synchronized=True is not supported with PyTorch. Use "
            "`layers.BatchNormalization(synchronized=True)` or leave it out."
        )
    x = floating(x)
    wide = x.to(torch.promote_types(x.dtype, torch.float32)) if not x.dtype.is_complex else x
    axes = axes if isinstance(axes, int) else tuple(axes)
    variance, mean = torch.var_mean(wide, axes, keepdim=keepdims, correction=0)
    if wide.dtype is not x.dtype:  # what the smaller type cannot hold becomes its bound
        bound = torch.finfo(x.dtype).max
        mean, variance = mean.clamp(-bound, bound), variance.clamp(-bound, bound)
    return mean.to(x.dtype), variance.to(x.dtype)


def _num_classes(num_classes, kwargs, name):
    if "num_tokens" in kwargs:  # the older spelling
        num_classes = kwargs.pop("num_tokens")
    if kwargs:
        raise TypeError(f"{name}() got unexpected keywords: {sorted(kwargs)}")
    if num_classes is None:
        raise ValueError("Argument `num_classes` must be specified. Received: num_classes=None")
    return num_classes


@op
def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Ones at the places of all classes of a sample, and zeros.

    Args:
        inputs: Numbers of classes, ``(batch, n)`` or ``(n,)``; negative ones stand for none.
        num_classes: Number of classes.
        axis: Axis of the classes in the one-hot vectors, which are then joined over the axis of
            ``n``.
        dtype: Name of the type; default floatx.
        sparse: Only ``False`` is possible on torch.
        kwargs: The older spelling ``num_tokens`` of ``num_classes``.

    Raises:
        ValueError: without ``num_classes``, or if ``sparse`` is asked for.

    Example:
        >>> torchkeras.ops.multi_hot([[0, 2], [1, 1]], 3)
        tensor([[1., 0., 1.],
                [0., 1., 0.]])
    """
    num_classes = _num_classes(num_classes, kwargs, "multi_hot")
    inputs = tensor(inputs)
    hot = _one_hot(inputs, num_classes, axis, dtype, sparse)
    return torch.amax(hot, dim=1 if inputs.ndim > 1 else 0)


@op
def normalize(x, axis=-1, order=2, epsilon=None):
    """The tensor divided by its norm along an axis.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them, of the norm.
        order: Order of the norm, an integer from 1 on.
        epsilon: Smallest norm; default that of the configuration.

    Raises:
        ValueError: for other orders.

    Example:
        >>> torchkeras.ops.normalize([3.0, 4.0])
        tensor([0.6000, 0.8000])
    """
    if not isinstance(order, int) or not order >= 1:
        raise ValueError(f"Argument `order` must be an int >= 1. Received: order={order}")
    x = floating(x)
    epsilon = config.epsilon() if epsilon is None else epsilon
    axis = axis if isinstance(axis, int) or axis is None else tuple(axis)
    norm = torch.linalg.vector_norm(x, ord=order, dim=axis, keepdim=True)
    return x / torch.clamp(norm, min=epsilon)


@op
def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """A one at the place of each class, and zeros.

    Args:
        x: Numbers of classes; those out of range get zeros only.
        num_classes: Number of classes.
        axis: Axis of the classes in the result.
        dtype: Name of the type; default floatx.
        sparse: Only ``False`` is possible on torch.

    Raises:
        ValueError: if ``sparse`` is asked for.

    Example:
        >>> torchkeras.ops.one_hot([0, 2], 3)
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """
    return _one_hot(tensor(x), num_classes, axis, dtype, sparse)


def _one_hot(x, num_classes, axis, dtype, sparse):
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with torch backend. Leave it out.")
    classes = torch.arange(num_classes, device=x.device)
    hot = (x[..., None] == classes).to(_dtypes.torch_dtype(dtype or config.floatx()))
    return hot if axis == -1 else torch.movedim(hot, -1, axis)


def _psnr_rule(x1, x2, max_val):
    return KerasTensor((), x1.dtype)


@op(rule=_psnr_rule)
def psnr(x1, x2, max_val):
    """Peak signal-to-noise ratio: ``20 log10(max_val) - 10 log10(mean((x1 - x2)**2))``.

    Args:
        x1: Tensor.
        x2: Tensor of the same shape.
        max_val: Largest value a signal can have.

    Raises:
        ValueError: if the shapes differ.

    Example:
        >>> torchkeras.ops.psnr([1.0, 0.0], [0.0, 0.0], max_val=2.0)
        tensor(9.0309)
    """
    x1, x2 = promoted(x1, x2, least=(float,))
    if x1.shape != x2.shape:
        raise ValueError(
            "Input shapes must match for PSNR calculation. "
            f"Received: x1.shape={tuple(x1.shape)}, x2.shape={tuple(x2.shape)}"
        )
    max_val = as_tensor(max_val, x1.dtype, x1.device)
    return 20 * torch.log10(max_val) - 10 * torch.log10(torch.mean(torch.square(x1 - x2)))


@op
def relu(x):
    """Rectified linear unit: ``max(x, 0)``.

    Args:
        x: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.relu([-1.0, 2.0])
        tensor([0., 2.])
    """
    return torch.relu(tensor(x))


@op(rule=_scaled_rule)
def rms_normalization(x, scale=None, axis=-1, epsilon=None):
    """``x / sqrt(mean(x**2) + epsilon) * scale``, over the given axes.

    Args:
        x: Tensor, array, list or number.
        scale: Scale, or ``None`` for ones.
        axis: Axis, or tuple of them.
        epsilon: Keeps the root away from zero; default that of the configuration.

    Reference: `Zhang and Sennrich, 2019 <https://arxiv.org/abs/1910.07467>`_

    Example:
        >>> torchkeras.ops.rms_normalization([1.0, 1.0])
        tensor([1., 1.])
    """
    epsilon = config.epsilon() if epsilon is None else epsilon
    x = floating(x)
    axes = sorted(axes_of(axis, x.ndim))
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    y = wide * torch.rsqrt(torch.mean(torch.square(wide), axes, keepdim=True) + epsilon)
    if scale is not None:
        y = y * tensor(scale).reshape([x.shape[a] if a in axes else 1 for a in range(x.ndim)])
    return y.to(x.dtype)


@op
def softmax(x, axis=-1):
    """Positive values that sum to one: ``exp(x) / sum(exp(x))``.

    Args:
        x: Tensor, array, list or number.
        axis: Axis, or tuple of them, of the sum; ``None`` takes all.

    Raises:
        ValueError: if there is no such axis.

    Example:
        >>> torchkeras.ops.softmax([0.0, 0.0])
        tensor([0.5000, 0.5000])
    """
    if axis is None:
        x = tensor(x)
        return torch.softmax(x.reshape(-1), 0).reshape(x.shape)
    x = tensor(x)
    axes_of(axis, max(x.ndim, 1))
    return activations.softmax(x, axis)


@op(rule=_space_to_depth_rule)
def space_to_depth(x, block_size, data_format="channels_last"):
    """Square blocks of pixels gathered in the channels; the inverse of `depth_to_space`.

    Args:
        x: Images of four axes.
        block_size: Side of the blocks.
        data_format: ``"channels_last"`` or ``"channels_first"``.

    Raises:
        ValueError: if there are no whole blocks.

    Example:
        >>> torchkeras.ops.space_to_depth(torch.ones(1, 2, 2, 1), 2).shape
        torch.Size([1, 1, 1, 4])
    """
    x = tensor(x)
    _check_blocks(x, block_size)
    last = config.standardize_data_format(data_format) == "channels_last"
    height, width = x.shape[1:3] if last else x.shape[2:]
    if height % block_size or width % block_size:
        raise ValueError(
            f"Height ({height}) and width ({width}) must be divisible by block_size ({block_size})."
        )
    if not last:
        return F.pixel_unshuffle(x, block_size)
    x = x.unflatten(2, (-1, block_size)).unflatten(1, (-1, block_size))
    return x.permute(0, 1, 3, 2, 4, 5).flatten(3)


def _sparse_rule(target, output, from_logits=False, axis=-1):
    shape = list(output.shape)
    if not shape:
        raise ValueError(
            f"Argument `output` must be at least rank 1. Received: output.shape={output.shape}"
        )
    del shape[axis]
    return KerasTensor(shape, output.dtype)


@op(rule=_sparse_rule)
def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """``-log(p)`` of the right class.

    Args:
        target: Numbers of classes; shape of ``output`` without the classes, or with size one there.
        output: Predictions.
        from_logits: Whether ``output`` holds logits; otherwise it is divided by its sum.
        axis: Axis of the classes.

    Raises:
        ValueError: if the shapes do not fit.

    Example:
        >>> torchkeras.ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]])
        tensor([0.6931])
    """
    output = floating(output)
    target = as_tensor(target, device=output.device).long()
    if output.ndim < 1:
        raise ValueError(
            "Argument `output` must be at least rank 1. "
            f"Received: output.shape={tuple(output.shape)}"
        )
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    log_probabilities = torch.movedim(_log_probabilities(output, from_logits, axis), axis, -1)
    if target.shape != log_probabilities.shape[:-1]:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension: "
            f"target.shape={tuple(target.shape)}, output.shape={tuple(output.shape)}"
        )
    flat = log_probabilities.reshape(-1, log_probabilities.shape[-1])
    # A label that torch ignores; no class has that number.
    losses = F.nll_loss(flat, target.reshape(-1), ignore_index=-(2**63), reduction="none")
    return losses.reshape(target.shape)
