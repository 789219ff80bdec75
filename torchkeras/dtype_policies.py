"""Which element type a layer computes in, and which it keeps its weights in."""

from torchkeras import _configurable, _dtypes, config
from torchkeras._registry import Registry
from torchkeras.saving import _objects

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]


class DTypePolicy(_configurable.Configurable):
    """A pair of element types: one to compute in, one for the weights.

    Args:
        name: An element type for both (``"float32"``), or ``"mixed_bfloat16"`` /
            ``"mixed_float16"`` to compute in 16 bits on float32 weights.

    Raises:
        ValueError: for any other name.

    Example:
        >>> policy = torchkeras.dtype_policies.DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    # Set on the default policy while nobody chose one.
    follows_floatx = False

    def __init__(self, name=None):
        if name is None:
            name = config.floatx()
        if not isinstance(name, str):
            raise TypeError(
                "'name' must be a string, such as 'mixed_float16'. "
                f"Received: name={name} (of type {type(name)})"
            )
        if name in ("mixed_float16", "mixed_bfloat16"):
            self.compute_dtype, self.variable_dtype = name.removeprefix("mixed_"), "float32"
        else:
            try:
                self.compute_dtype = self.variable_dtype = _dtypes.standardize_dtype(name)
            except ValueError:
                raise ValueError(
                    f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies "
                    "include 'mixed_float16', 'mixed_bfloat16', and the name of any float dtype "
                    "such as 'float32'."
                ) from None
        self.name = name

    @property
    def quantization_mode(self):
        """``None``: this policy does not quantize."""
        return None

    def convert_input(self, x, autocast, dtype):
        """``x`` as a tensor; floats cast to ``dtype`` if ``autocast``."""
        dtype = _dtypes.standardize_dtype(dtype)
        if hasattr(x, "_keras_history") or hasattr(x, "astype") and not hasattr(x, "__array__"):
            wrong = autocast and _dtypes.is_float(x.dtype) and x.dtype != dtype
            return x.astype(dtype) if wrong else x
        x = _dtypes.to_tensor(x)
        if autocast and x.dtype.is_floating_point:
            x = x.to(_dtypes.torch_dtype(dtype))
        return x

    def __eq__(self, other):
        return type(self) is type(other) and self.name == other.name

    def __hash__(self):
        return hash((type(self), self.name))

    def __repr__(self):
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = DTypePolicy

_registry = Registry("dtype policy", DTypePolicy)
_registry.add(DTypePolicy)


def get(identifier):
    """A policy from a policy, its config, or a name; ``None`` gives the default one.

    Raises:
        ValueError: for anything else.
    """
    if identifier is None:
        return config.dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(_dtypes.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None


def serialize(dtype_policy):
    """The config of a policy."""
    return _objects.serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """The policy of a config."""
    return _registry.deserialize(config, custom_objects)


config._make_policy = get
