"""The functions of torch that a file may name: pure ones of tensors, each by its full name."""

import functools
import operator
from typing import Any

import torch
from torch import nn

from torchkeras import _dtypes, tree
from torchkeras.graph._operation import record_torch

MODULE = "torch"
_ELEMENTS = """
    abs absolute acos acosh add addcdiv addcmul angle arccos arccosh arcsin arcsinh arctan arctan2
    arctanh asin asinh atan atan2 atanh bitwise_and bitwise_not bitwise_or bitwise_xor ceil clamp
    clamp_max clamp_min clip conj copysign cos cosh deg2rad digamma div divide eq erf erfc erfinv
    exp exp2 expm1 fix float_power floor floor_divide fmax fmin fmod frac ge greater greater_equal
    gt heaviside hypot isclose isfinite isinf isnan ldexp le lerp less less_equal lgamma log log10
    log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt
    masked_fill maximum minimum mul multiply nan_to_num ne neg negative not_equal positive pow
    rad2deg real reciprocal remainder round rsqrt rsub sgn sigmoid sign sin sinc sinh sqrt square
    sub subtract tan tanh true_divide trunc where xlogy
"""
_REDUCTIONS = """
    all amax amin any argmax argmin count_nonzero cummax cummin cumprod cumsum logcumsumexp
    logsumexp max mean median min nanmean nanmedian nansum norm prod quantile std std_mean sum var
    var_mean
"""
_SHAPES = """
    argsort atleast_1d atleast_2d atleast_3d broadcast_to cat chunk column_stack concat concatenate
    diag diag_embed diagonal diff dstack expand expand_as flatten flip fliplr flipud gather hstack
    index_select moveaxis movedim narrow numel permute ravel repeat repeat_interleave reshape
    reshape_as roll rot90 select sort split squeeze stack swapaxes swapdims t take take_along_dim
    tensor_split tile topk transpose tril triu unbind unflatten unfold unsqueeze view view_as
    vstack
"""
_PRODUCTS = """
    addmm baddbmm bilinear bmm cdist cosine_similarity cross dot einsum inner kron matmul mm mv
    outer tensordot trace
"""
_TYPES = """
    bfloat16 bool clone contiguous detach double float half int long short to type type_as
    full_like ones_like zeros_like
"""
_LAYERS = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d celu conv1d conv2d
    conv3d conv_transpose1d conv_transpose2d conv_transpose3d elu embedding fold gelu glu
    group_norm hardshrink hardsigmoid hardswish hardtanh instance_norm interpolate layer_norm
    leaky_relu linear local_response_norm log_softmax logsigmoid max_pool1d max_pool2d max_pool3d
    mish normalize one_hot pad pairwise_distance pixel_shuffle pixel_unshuffle prelu relu relu6
    rms_norm scaled_dot_product_attention selu silu softmax softmin softplus softshrink softsign
    tanhshrink threshold
"""
_LINALG = "linalg.cross linalg.det linalg.inv linalg.matrix_norm linalg.norm linalg.vector_norm"


@functools.cache
def _table():
    """Full name below `torch` -> function."""
    found = {}
    names = " ".join([_ELEMENTS, _REDUCTIONS, _SHAPES, _PRODUCTS, _TYPES, _LAYERS]).split()
    full = [prefix + name for name in names for prefix in ("", "Tensor.", "nn.functional.")]
    for name in full + _LINALG.split():
        try:
            function = operator.attrgetter(name)(torch)
        except AttributeError:  # not everything is everywhere
            continue
        if callable(function) and not isinstance(function, type):
            found[name] = function
    return found


@functools.cache
def _names():
    return {function: name for name, function in reversed(_table().items())}


def name_of(function):
    """The full name of a function that a file may name, or ``None``."""
    return _names().get(function)


def saved_arguments(name, arguments) -> Any:
    """The arguments of a call as a file holds them.

    Raises:
        ValueError: if there are weights among them, which belong to a layer.
    """

    def leaf(value):
        if isinstance(value, nn.Parameter):
            raise ValueError(
                f"The function `torch.{name}` of the graph is given weights, which a file holds "
                "in layers only. Put it into a `keras.layers.Layer` or a `TorchModuleWrapper`."
            )
        return str(value) if isinstance(value, torch.dtype) else value

    return tree.map_structure(leaf, arguments)


def function_of(name):
    """What records the function of a name from a file, given symbols among `saved_arguments`.

    Raises:
        ValueError: if files may not name it.
    """
    if name not in _table():
        raise ValueError(
            f"The file names the function `torch.{name}`, which is none of those that it may. "
            "Expected a pure function of tensors."
        )
    function = _table()[name]

    def leaf(value):
        if isinstance(value, str) and value.startswith("torch."):
            return _dtypes.torch_dtype(value)
        return value

    def call(*args, **kwargs):
        args, kwargs = tree.map_structure(leaf, (args, kwargs))
        return record_torch(function, args, kwargs)

    return call
