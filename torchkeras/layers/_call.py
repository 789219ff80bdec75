"""What happens between `layer(x)` and the layer's `call`.

`Layer.forward` goes straight to `call` where nothing has to be done. Here is the rest:
conversion and casting, symbols, building, the input check, the training flag, masks,
activity regularization and the losses that layers add.
"""

import functools
import inspect
import threading
import warnings

import numpy as np
import torch

from torchkeras import _device, _dtypes, _state, tree
from torchkeras.graph._tensor import KerasTensor, is_symbolic
from torchkeras.layers import _input_spec


class _Context(threading.local):
    """What an enclosing call tells the calls inside it."""

    def __init__(self):
        self.training = None  # the enclosing call's explicit flag
        self.depth = 0  # how many calls enclose this one
        self.stamp = 0  # number of the outermost call


context = _Context()


class CallSignature:
    """What a `call` method accepts; read once for each function."""

    def __init__(self, call):
        parameters = list(inspect.signature(call).parameters.values())
        names = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
        self.names = names
        self.positional = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        self.takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.takes_many = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.has_training = "training" in names
        self.has_mask = "mask" in names
        self.masks = [n for n in names if n.endswith("_mask")]
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        self.trains_by_default = defaults.get("training") is True

    def bind(self, args, kwargs):
        """The arguments by name, in order of the call."""
        bound = dict(zip(self.positional, args))
        bound.update((f"args_{i}", x) for i, x in enumerate(args[len(self.positional) :]))
        bound.update(kwargs)
        return bound


@functools.cache
def _signature_of_function(function):
    signature = CallSignature(function)
    signature.names = signature.names[1:]
    signature.positional = signature.positional[1:]
    return signature


def signature(layer):
    """The signature of a layer's `call`."""
    call = layer.call
    function = getattr(call, "__func__", None)
    if function is None or getattr(call, "__self__", None) is not layer:
        return CallSignature(call)
    return _signature_of_function(function)


def call_layer(layer, args, kwargs):
    """The whole protocol of a layer's call; `Layer.forward` says when it may be left out."""
    if "_dtype_policy" not in layer.__dict__:
        raise RuntimeError(
            f"In layer {type(layer).__name__}, you forgot to call `super().__init__()` as the "
            "first statement in the `__init__()` method. Go add it!"
        )
    sig = layer._signature
    if sig is None:
        sig = layer.__dict__["_signature"] = signature(layer)
    plain = _is_plain(layer, args, kwargs)
    cast = False
    if not plain:
        args, kwargs, cast = _convert(layer, args, kwargs)
    explicit = None
    if kwargs and "training" in kwargs:
        explicit = kwargs["training"]
        if not sig.has_training and not sig.takes_any:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
    if not plain and (is_symbolic(args) or is_symbolic(kwargs)):
        return layer.symbolic_call(*args, **kwargs)
    ctx = context
    first = args[0] if args else next(iter(kwargs.values()), None)
    entered_build = not layer.built
    if entered_build:
        build(layer, sig.bind(args, kwargs))
    if layer._input_spec is not None:
        _input_spec.check(layer._input_spec, first, layer.name)

    # explicit argument, then the enclosing call's, then the module's mode
    training = explicit
    if training is None:
        training = ctx.training
    if sig.has_training:
        if training is None:
            training = sig.trains_by_default or layer.training
        place = sig.positional.index("training") if "training" in sig.positional else len(args)
        if len(args) <= place:
            kwargs = {**kwargs, "training": training}
    maskless = plain and all(getattr(x, "_keras_mask", None) is None for x in args)
    if not maskless and (sig.has_mask or sig.masks):
        kwargs = _with_masks(sig, args, kwargs)

    before = ctx.training
    if explicit is not None:
        ctx.training = explicit
    # Not in a compiled graph, which would be compiled again for each number.
    tracing = torch.compiler.is_compiling()
    if not tracing:
        if ctx.depth == 0:
            ctx.stamp += 1
        layer.__dict__["_stamp"] = ctx.stamp
    ctx.depth += 1
    mixed = layer._mixed_dtype
    if mixed is not None:
        layer.__dict__["_cast_to"] = mixed
    call = layer.call if layer._bits is None else layer.quantized_call
    if layer._remat is not None:
        call = layer.rematerialized_call(call)
    try:
        if entered_build:
            with layer._name_scope():
                outputs = call(*args, **kwargs)
        else:
            outputs = call(*args, **kwargs)
        if layer._activity_regularizer is not None:
            for output in tree.flatten(outputs):
                # The penalty is that of one sample, whatever the batch size.
                layer.add_loss(layer._activity_regularizer(output) / max(output.shape[0], 1))
    except RuntimeError as error:
        raise_clearer(layer, (args, kwargs), error)
        raise
    finally:
        ctx.depth -= 1
        ctx.training = before
        if mixed is not None:
            layer.__dict__["_cast_to"] = None
    if not maskless or layer._makes_masks:
        _set_masks(layer, first, _mask_given(sig, args, kwargs), outputs)
    if not tracing:
        _settle(layer, args, kwargs, cast)
    return outputs


def _is_plain(layer, args, kwargs):
    """Whether the arguments are tensors of the right type and flags: nothing to convert."""
    dtype = layer._compute_torch_dtype if layer.autocast else None
    for x in args:
        if type(x) is not torch.Tensor or (
            dtype is not None and x.dtype is not dtype and x.dtype.is_floating_point
        ):
            return False
    return all(x is None or x is True or x is False for x in kwargs.values()) if kwargs else True


def _convert(layer, args, kwargs):
    """Arrays made tensors, floats cast to the layer's compute type; whether one was cast."""
    dtype = layer._compute_torch_dtype if layer.autocast else None
    changed = cast = False

    def leaf(x):
        nonlocal changed, cast
        if isinstance(x, torch.Tensor):
            if dtype is not None and x.dtype is not dtype and x.dtype.is_floating_point:
                changed = cast = True
                return _keep_mask(x, x.to(dtype))
            return x
        if isinstance(x, (np.ndarray, np.generic)) or (
            hasattr(x, "__array__") and not isinstance(x, (type, KerasTensor))
        ):
            changed = True
            x = np.asarray(x)
            if layer._takes_text and _dtypes.is_text(x):
                return x
            floating = dtype is not None and x.dtype.kind == "f"
            return _dtypes.to_tensor(x, dtype if floating else None, _device.device_of(layer))
        return x

    if args and _is_plain_numbers(args[0]):
        args = (leaf(np.asarray(args[0])), *args[1:])
    new_args, new_kwargs = tree.map_structure(leaf, (tuple(args), dict(kwargs)))
    for x in tree.flatten(new_args):
        if x is not None and not isinstance(x, (torch.Tensor, KerasTensor)):
            if layer._takes_text and _dtypes.is_text(x):
                continue
            raise ValueError(
                "Only input tensors may be passed as positional arguments. The following argument "
                f"value should be passed as a keyword argument: {x} (of type {type(x)})"
            )
    return (new_args, new_kwargs, cast) if changed else (args, kwargs, False)


def _is_plain_numbers(value):
    """Whether a nested list holds numbers only, as in ``layer([[1.0, 2.0]])``."""
    if not isinstance(value, (list, tuple)) or not value:
        return False
    return all(isinstance(leaf, (int, float)) for leaf in tree.flatten(value))


def _keep_mask(source, target):
    mask = getattr(source, "_keras_mask", None)
    if mask is not None:
        target._keras_mask = mask
    return target


def shapes_of(value):
    """The shape of each tensor of a structure, in the same structure."""
    return tree.map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, value)


def _is_tensor_argument(value):
    return any(isinstance(leaf, (torch.Tensor, KerasTensor)) for leaf in tree.flatten(value))


def shape_arguments(method, bound):
    """Arguments for a `build` or `compute_output_shape`, from a call's arguments by name.

    A method of one parameter gets the shape of the first argument; one of several gets
    ``query_shape`` for the argument ``query``, and so on.
    """
    tensors = {k: v for k, v in bound.items() if _is_tensor_argument(v)}
    if not tensors:
        return {}
    names = [
        p.name
        for p in inspect.signature(method).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if not names:
        return {}
    by_name = {f"{k}_shape": shapes_of(v) for k, v in tensors.items()}
    if len(names) == 1:
        first = next(iter(by_name.values()))
        return {names[0]: by_name.get(names[0], first)}
    found = {name: by_name[name] for name in names if name in by_name}
    if names[0] not in found:
        found[names[0]] = next(iter(by_name.values()))
    return found


def build(layer, bound):
    """Builds a layer for the arguments of a call.

    Raises:
        ValueError: if ``build`` takes several arguments that do not name those of ``call``.
    """
    _check_build_arguments(layer)
    with _state.keeping_values(False):
        layer._build_for_call(shape_arguments(layer.build, bound))
    layer.built = True
    mode = layer.quantization_mode
    if mode is not None and layer._bits is None:
        layer.quantized_build(None, mode)  # says that it cannot


def _check_build_arguments(layer):
    parameters = inspect.signature(layer.build).parameters.values()
    names = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(names) < 2:
        return
    rule = (
        "For a `build()` method with more than one argument, all arguments should have a `_shape` "
        "suffix and match an argument from `call()`. E.g. `build(self, foo_shape, bar_shape)`. "
        f"For layer '{type(layer).__name__}', received `build()` argument "
    )
    for name in names:
        if not name.endswith("_shape"):
            raise ValueError(f"{rule}`{name}`, which does not end in `_shape`.")
        argument = name.removesuffix("_shape")
        if argument not in signature(layer).names:
            raise ValueError(f"{rule}`{name}`, but `call()` does not have argument `{argument}`.")


def _with_masks(sig, args, kwargs):
    """The keyword arguments with the masks that the inputs carry."""
    bound = sig.bind(args, kwargs)
    tensors = {
        k: v
        for k, v in bound.items()
        if k not in sig.masks and k != "mask" and _is_tensor_argument(v)
    }
    new = {}
    if len(tensors) == 1 and sig.has_mask:
        if bound.get("mask") is None:
            mask = mask_of(next(iter(tensors.values())))
            if mask is not None:
                new["mask"] = mask
    else:
        for name, value in tensors.items():
            if f"{name}_mask" in sig.masks and bound.get(f"{name}_mask") is None:
                mask = mask_of(value)
                if mask is not None:
                    new[f"{name}_mask"] = mask
    return {**kwargs, **new} if new else kwargs


def mask_of(value):
    """The mask a tensor carries, or a structure of them; ``None`` if there is none at all."""
    if isinstance(value, (list, tuple, dict)):
        masks = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), value)
        return masks if any(m is not None for m in tree.flatten(masks)) else None
    return getattr(value, "_keras_mask", None)


def _mask_given(sig, args, kwargs):
    """The ``mask`` argument of a call: it counts before what the inputs carry."""
    if not sig.has_mask:
        return None
    if "mask" in sig.positional[: len(args)]:
        return args[sig.positional.index("mask")]
    return kwargs.get("mask")


def _set_masks(layer, first, given, outputs):
    masks = mask_of(first) if given is None else given
    if not layer.supports_masking:
        if masks is not None:
            warnings.warn(
                f"Layer '{layer.name}' (of type {type(layer).__name__}) was passed an input with a "
                "mask attached to it. However, this layer does not support masking and will "
                "therefore destroy the mask information. Downstream layers will not see the mask.",
                stacklevel=2,
            )
        return
    if masks is None and not layer._makes_masks:
        return
    output_masks = layer.compute_mask(first, masks)
    if output_masks is None:
        return
    flat = tree.flatten(outputs)
    listed = isinstance(output_masks, (list, tuple))
    flat_masks = output_masks if listed else tree.flatten(output_masks)
    for output, mask in zip(flat, flat_masks):
        if mask is not None and getattr(output, "_keras_mask", None) is None:
            output._keras_mask = mask


def _settle(layer, args, kwargs, cast):
    """Lets the next call of this kind go straight to `call`, if nothing has to be done for it."""
    if layer._never_fast or cast or len(args) != 1 or layer._activity_regularizer is not None:
        return
    if layer._mixed_dtype is not None or layer._makes_masks:
        return
    x = args[0]
    if isinstance(x, torch.Tensor):
        layer.__dict__["_fast_dtype"] = x.dtype
        layer.__dict__["_fast_ndim"] = x.ndim


def raise_clearer(layer, inputs, error):
    """Raises a ValueError that names the cause of torch's error, where the inputs show it."""
    if layer._input_spec is not None and inputs[0]:
        _input_spec.check(layer._input_spec, inputs[0][0], layer.name)
    for weight in layer.parameters():
        for x in tree.flatten(inputs):
            if isinstance(x, torch.Tensor) and x.ndim and x.device != weight.device:
                raise ValueError(
                    f"Layer '{layer.name}' has its weights on {weight.device}, but its input is on "
                    f"{x.device}. Move one to the other with `.to(...)`."
                ) from error
        break
