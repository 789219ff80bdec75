"""Which element type a layer computes in, and which it keeps its weights in."""

import collections.abc
import re

from torchkeras import _configurable, _dtypes, config
from torchkeras._registry import Registry
from torchkeras.saving import _objects
from torchkeras.saving._registration import CustomObjectScope

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


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
            name = config.dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(
                "'name' must be a string, such as 'mixed_float16'. "
                f"Received: name={name} (of type {type(name)})"
            )
        self.compute_dtype, self.variable_dtype = _element_types(name)
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
        return f'<{type(self).__name__} "{self.name}">'


def _element_types(name):
    """Names of the types to compute in and to keep weights in."""
    if name in ("mixed_float16", "mixed_bfloat16"):
        return name.removeprefix("mixed_"), "float32"
    try:
        dtype = _dtypes.standardize_dtype(name)
    except ValueError:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies "
            "include 'mixed_float16', 'mixed_bfloat16', and the name of any float dtype "
            "such as 'float32'."
        ) from None
    return dtype, dtype


class QuantizedDTypePolicy(DTypePolicy):
    """The element types of a layer whose weights are kept in few bits.

    Args:
        mode: ``"int8"`` or ``"int4"``.
        source_name: Name of the policy the layer had before; default the global one's.

    Raises:
        ValueError: for another mode, or one whose sums float16 cannot hold.

    Example:
        >>> torchkeras.dtype_policies.QuantizedDTypePolicy("int8", "float32").name
        'int8_from_float32'
    """

    def __init__(self, mode, source_name=None):
        if source_name is None:
            source_name = config.dtype_policy().name
        name = f"{mode}_from_{source_name}"
        kind = mode.partition("/")[0]
        if kind not in QUANTIZATION_MODES:
            raise ValueError(
                f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. "
                f"Received: mode={mode}"
            )
        super().__init__(source_name)
        if self.compute_dtype == "float16" and kind in ("int8", "int4"):
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'. "
                "Use 'bfloat16' or 'float32'."
            )
        self.name, self.mode, self.source_name = name, kind, source_name

    @property
    def quantization_mode(self):
        """What is quantized how: the mode without its numbers."""
        return self.mode

    def _config_value(self, name):
        # The mode with its numbers.
        return self.name.partition("_from_")[0] if name == "mode" else super()._config_value(name)


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The element types of a layer that multiplies in float8.

    Args:
        mode: ``"float8"``.
        source_name: Name of the policy the layer had before; default the global one's.
        amax_history_length: Of how many steps the largest values are kept.

    Raises:
        TypeError: if ``amax_history_length`` is no integer.

    Example:
        >>> policy = torchkeras.dtype_policies.get("float8_from_mixed_bfloat16")
        >>> policy.compute_dtype, policy.amax_history_length
        ('bfloat16', 1024)
    """

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        super().__init__(mode, source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "`amax_history_length` must be an integer. "
                f"Received: amax_history_length={amax_history_length}"
            )
        self.amax_history_length = amax_history_length

    def __eq__(self, other):
        return super().__eq__(other) and self.amax_history_length == other.amax_history_length

    __hash__ = QuantizedDTypePolicy.__hash__


def _numbers(mode, kind, names):
    """The integers after the kind in a mode such as ``"gptq/4/128"``."""
    form = "/".join([kind, *(f"<{name}>" for name in names)])
    parts = mode.split("/")
    owner = {"int4": "Int4", "gptq": "GPTQ", "awq": "AWQ"}[kind] + "DTypePolicy"
    if len(parts) != len(names) + 1 or parts[0] != kind:
        raise ValueError(f"Invalid mode for {owner}. Expected format '{form}', but got '{mode}'.")
    numbers = []
    for name, text in zip(names, parts[1:]):
        if not re.fullmatch(r"-?\d+", text):
            raise ValueError(
                f"Invalid mode for {owner}. <{name}> must be an integer. "
                f"Expected format '{form}', but got '{mode}'."
            )
        numbers.append(int(text))
    size = numbers[-1]
    if size != -1 and size < 1:
        raise ValueError(
            f"Invalid {names[-1]} in mode. Supported values are -1 (per-channel) or a positive "
            f"integer (sub-channel), but got {size} from '{mode}'."
        )
    return numbers


class Int4DTypePolicy(QuantizedDTypePolicy):
    """The element types of a layer whose weights are kept in 4 bits, with a scale for each block.

    Args:
        mode: ``"int4/<block_size>"``: how many inputs share a scale; -1 for all.
        source_name: Name of the policy the layer had before; default the global one's.

    Raises:
        ValueError: for a mode of another form.

    Example:
        >>> torchkeras.dtype_policies.Int4DTypePolicy("int4/128").block_size
        128
    """

    def __init__(self, mode, source_name=None):
        (self.block_size,) = _numbers(mode, "int4", ("block_size",))
        super().__init__(mode, source_name)


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """The element types of a layer whose weights GPTQ has quantized.

    Args:
        mode: ``"gptq/<weight_bits>/<group_size>"`` with 2, 3, 4 or 8 bits; how many inputs
            share a scale, -1 for all.
        source_name: Name of the policy the layer had before; default the global one's.

    Raises:
        ValueError: for a mode of another form.

    Reference: `Frantar et al., 2022 <https://arxiv.org/abs/2210.17323>`_

    Example:
        >>> torchkeras.dtype_policies.GPTQDTypePolicy("gptq/4/128").weight_bits
        4
    """

    def __init__(self, mode, source_name=None):
        self.weight_bits, self.group_size = _numbers(mode, "gptq", ("weight_bits", "group_size"))
        if self.weight_bits not in (2, 3, 4, 8):
            raise ValueError(
                "Invalid weight_bits in mode. Supported values are 2, 3, 4, and 8, "
                f"but got {self.weight_bits} from '{mode}'."
            )
        super().__init__(mode, source_name)


class AWQDTypePolicy(QuantizedDTypePolicy):
    """The element types of a layer whose weights AWQ has quantized.

    Args:
        mode: ``"awq/4/<group_size>"``: how many inputs share a scale, -1 for all.
        source_name: Name of the policy the layer had before; default the global one's.

    Raises:
        ValueError: for a mode of another form.

    Reference: `Lin et al., 2023 <https://arxiv.org/abs/2306.00978>`_

    Example:
        >>> torchkeras.dtype_policies.AWQDTypePolicy("awq/4/128").group_size
        128
    """

    def __init__(self, mode, source_name=None):
        self.weight_bits, self.group_size = _numbers(mode, "awq", ("weight_bits", "group_size"))
        if self.weight_bits != 4:
            raise ValueError(
                "Invalid weight_bits in mode. AWQ only supports 4-bit quantization, "
                f"but got {self.weight_bits} from '{mode}'."
            )
        super().__init__(mode, source_name)


class DTypePolicyMap(DTypePolicy, collections.abc.MutableMapping):
    """Policies by the path of a layer.

    A key is a path, or a regular expression that matches whole paths. A layer that no key
    matches gets the default policy.

    Args:
        default_policy: A policy or its name; ``None`` is the global one.
        policy_map: Dict of policies (or their names) by path.

    Raises:
        TypeError: if ``policy_map`` is no dict.
        ValueError: on assignment of what is no policy, or under a key that is there already;
            on reading, if several expressions match.

    Example:
        >>> policies = torchkeras.dtype_policies.DTypePolicyMap("float32")
        >>> policies["encoder/.*"] = "bfloat16"
        >>> policies["encoder/dense"].name, policies["decoder"].name
        ('bfloat16', 'float32')
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("`default_policy` cannot be a `DTypePolicyMap`. Pass a policy.")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "If specified, `policy_map` must be a dict. "
                f"Received: policy_map={policy_map} of type {type(policy_map)}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._policies = {}
        for key, policy in (policy_map or {}).items():
            self[key] = policy

    @property
    def default_policy(self):
        """The policy of layers that no key matches."""
        return config.dtype_policy() if self._default is None else self._default

    @property
    def name(self):
        """``map_`` and the name of the default policy."""
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self):
        """That of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self):
        """That of the default policy."""
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self):
        """That of the default policy."""
        return self.default_policy.quantization_mode

    def __getitem__(self, key):
        if key in self._policies:
            return self._policies[key]
        found = [k for k in self._policies if re.fullmatch(k, key)]
        if len(found) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {found}. "
                "Please make sure each path only matches at most one key."
            )
        return self._policies[found[0]] if found else self.default_policy

    def get(self, key, default=None):
        """The policy of a path; there is always one."""
        return self[key]

    def __contains__(self, key):
        return key in self._policies

    def __setitem__(self, key, policy):
        if key in self._policies:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._policies[key]}. "
                "Please make sure to not use duplicated keys."
            )
        try:
            policy = get(policy)
        except (ValueError, TypeError):
            raise ValueError(
                "Cannot interpret the assigned value by `keras.dtype_policies.get`. "
                f"Received: {policy} of type {type(policy)}"
            ) from None
        self._policies[key] = policy

    def __delitem__(self, key):
        del self._policies[key]

    def __iter__(self):
        return iter(self._policies)

    def __len__(self):
        return len(self._policies)

    def get_config(self):
        """Dict of the constructor arguments, the policies serialized."""
        policies = {key: serialize(policy) for key, policy in self._policies.items()}
        if self._default is None:
            # What is the global policy now is so wherever the config is read.
            for policy in policies.values():
                for name in ("name", "source_name"):
                    if policy["config"].get(name) == self.default_policy.name:
                        policy["config"][name] = None
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": policies,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A map from the dict that `get_config` returned.

        Args:
            config: The dict.
            custom_objects: Dict from name to the user's policies.
        """
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config)

    def __eq__(self, other):
        if not isinstance(other, DTypePolicyMap):
            return False
        return (self._default, self._policies) == (other._default, other._policies)

    __hash__ = None  # pyright: ignore

    def __repr__(self):
        mapping = [(key, policy.name) for key, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


FloatDTypePolicy = DTypePolicy

_registry = Registry("dtype policy", DTypePolicy)
for _policy in (
    DTypePolicy,
    DTypePolicyMap,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    Int4DTypePolicy,
    GPTQDTypePolicy,
    AWQDTypePolicy,
):
    _registry.add(_policy)


def _by_name(name):
    if not name.startswith(QUANTIZATION_MODES):
        return DTypePolicy(name)
    mode, _, source = name.partition("_from_")
    kind = mode.partition("/")[0]
    if not source or "_from_" in source or kind not in QUANTIZATION_MODES:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. Received: policy={name}. Expected a name such as "
            "'int8_from_float32'."
        )
    cls = {
        "float8": QuantizedFloat8DTypePolicy,
        "int4": Int4DTypePolicy if "/" in mode else QuantizedDTypePolicy,
        "int8": QuantizedDTypePolicy,
        "gptq": GPTQDTypePolicy,
        "awq": AWQDTypePolicy,
    }[kind]
    return cls(mode, source)


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
        return _by_name(identifier)
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
