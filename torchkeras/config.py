"""Global settings: float type, fuzz factor, image layout, logging."""

from typing import Any

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_FLOATS = ("bfloat16", "float16", "float32", "float64")
_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_interactive_logging = True
_traceback_filtering = True
_unsafe_deserialization = False
_flash_attention: Any = None
_max_epochs = None
_max_steps_per_epoch = None
_dtype_policy: Any = None
# Makes a policy from a name; `dtype_policies` sets it, for it stands after this module.
_make_policy: Any = None


def backend():
    """Name of the library that computes: always ``"torch"``."""
    return "torch"


def set_backend(backend):
    """Checks that a script asks for what there is: torch.

    Args:
        backend: ``"torch"``.

    Raises:
        ValueError: for any other library.
    """
    if backend != "torch":
        raise ValueError(
            f"There is no backend but torch. Expected 'torch'. Received: backend={backend!r}; for "
            "another one use Keras itself."
        )


def is_nnx_enabled():
    """Whether layers are modules of Flax: never, they are torch's."""
    return False


def floatx():
    """Name of the default float type, such as ``"float32"``."""
    return _floatx


def set_floatx(value):
    """Sets the default float type.

    Args:
        value: ``"bfloat16"``, ``"float16"``, ``"float32"`` or ``"float64"``.

    Raises:
        ValueError: for any other name.
    """
    global _floatx
    if value not in _FLOATS:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected values in {set(_FLOATS)}")
    _floatx = str(value)


def epsilon():
    """The small number that keeps divisions and logarithms finite."""
    return _epsilon


def set_epsilon(value):
    """Sets the small number that keeps divisions and logarithms finite."""
    global _epsilon
    _epsilon = value


def image_data_format():
    """Default axis order of images: ``"channels_last"`` or ``"channels_first"``."""
    return _image_data_format


def set_image_data_format(data_format):
    """Sets the default axis order of images.

    Raises:
        ValueError: for anything but ``"channels_last"`` and ``"channels_first"``.
    """
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format):
    """The given axis order, or the default one for ``None``."""
    if data_format is None:
        return _image_data_format
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            "The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
            f"Received: data_format={data_format}"
        )
    return name


def dtype_policy():
    """The default dtype policy of new layers."""
    global _dtype_policy
    if _dtype_policy is None or _dtype_policy.follows_floatx:
        _dtype_policy = _make_policy(_floatx)
        _dtype_policy.follows_floatx = True
    return _dtype_policy


def set_dtype_policy(policy):
    """Sets the default dtype policy of new layers.

    Args:
        policy: A ``DTypePolicy`` or a name such as ``"mixed_bfloat16"``.

    Raises:
        ValueError: for anything else.
    """
    global _dtype_policy
    # A policy is known by its mode: its class stands after this module.
    if not isinstance(policy, (str, dict)) and not hasattr(policy, "quantization_mode"):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as "
            f"'mixed_float16') or a `DTypePolicy` instance. Received: policy={policy} "
            f"(of type {type(policy)})"
        )
    _dtype_policy = _make_policy(policy)


def enable_interactive_logging():
    """Progress goes to the terminal as bars."""
    global _interactive_logging
    _interactive_logging = True


def disable_interactive_logging():
    """Progress goes to the log as plain lines (``verbose="auto"`` prints one an epoch)."""
    global _interactive_logging
    _interactive_logging = False


def is_interactive_logging_enabled():
    """Whether progress is shown as bars."""
    return _interactive_logging


def enable_traceback_filtering():
    """Keras' switch, kept so that scripts run: tracebacks are whole here either way."""
    global _traceback_filtering
    _traceback_filtering = True


def disable_traceback_filtering():
    """Keras' switch, kept so that scripts run: tracebacks are whole here either way."""
    global _traceback_filtering
    _traceback_filtering = False


def is_traceback_filtering_enabled():
    """What the switch was set to last."""
    return _traceback_filtering


def enable_unsafe_deserialization():
    """Lets files carry Python code (lambdas) for the rest of this process.

    Only for files you wrote yourself: their code runs with your rights.
    """
    global _unsafe_deserialization
    _unsafe_deserialization = True


def is_unsafe_deserialization_enabled():
    """Whether files may carry Python code."""
    return _unsafe_deserialization


def enable_flash_attention():
    """Lets new attention layers take the flash kernel where it can be had: the default."""
    global _flash_attention
    _flash_attention = None


def disable_flash_attention():
    """Keeps new attention layers from taking the flash kernel, unless they are told to."""
    global _flash_attention
    _flash_attention = False


def is_flash_attention_enabled():
    """``False`` after `disable_flash_attention`, else ``None``: where it can be had."""
    return _flash_attention


def set_max_epochs(max_epochs):
    """Caps the epochs of every ``fit``; ``None`` lifts the cap."""
    global _max_epochs
    _max_epochs = max_epochs


def max_epochs():
    """The cap on the epochs of ``fit``, or ``None``."""
    return _max_epochs


def set_max_steps_per_epoch(max_steps_per_epoch):
    """Caps the steps of every epoch; ``None`` lifts the cap."""
    global _max_steps_per_epoch
    _max_steps_per_epoch = max_steps_per_epoch


def max_steps_per_epoch():
    """The cap on the steps of an epoch, or ``None``."""
    return _max_steps_per_epoch
