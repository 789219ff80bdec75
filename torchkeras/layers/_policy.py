"""Which element types a layer computes in and keeps, and how that is changed."""

from typing import Any

import torch
from torch import nn

from torchkeras import _dtypes, dtype_policies


class Policied(nn.Module):
    """Mixin of layers: the dtype policy, and torch's ways to cast."""

    _dtype_policy: Any
    _own_policy: Any
    # Of the layer, which says what they are.
    built: Any
    path: str
    _bits: Any
    _set_plain: Any
    _flatten_layers: Any

    @property
    def dtype_policy(self):
        """The pair of element types: to compute in, to keep weights in."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value):
        given = policy = dtype_policies.get(value)
        policies = self.__dict__.get("_dtype_policy")
        if isinstance(policies, dtype_policies.DTypePolicyMap) and not isinstance(
            policy, dtype_policies.DTypePolicyMap
        ):  # the map stays, and says it of this layer
            if self.path in policies:
                del policies[self.path]
            policies[self.path] = policy
            given = policies
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy[self.path]
        mode = policy.quantization_mode
        if mode in ("gptq", "awq") and self.built and self._bits is None:
            raise ValueError(
                f"Implicitly enabling {mode.upper()} quantization by setting `dtype_policy` to "
                f"'{policy.name}' is not supported: it needs calibration data. Use "
                f"`.quantize('{mode}', config=...)` on the layer or the model instead."
            )
        compute = _dtypes.TORCH.get(policy.compute_dtype)
        floating = compute is not None and compute.is_floating_point
        mixed = policy.compute_dtype != policy.variable_dtype
        self._set_plain(
            _dtype_policy=given,
            _own_policy=policy,  # the one for this layer, where that is a map
            _compute_torch_dtype=compute if floating else None,
            _mixed_dtype=compute if mixed else None,
            _cast_to=None,
            _fast_dtype=None,
        )
        if mode is not None and self.built and self._bits is None:
            self.quantize(mode)

    @property
    def dtype(self):
        """Name of the element type of the weights."""
        return self._own_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self):
        """Name of the element type that float inputs are cast to."""
        return self._own_policy.compute_dtype

    input_dtype = compute_dtype

    @property
    def quantization_mode(self):
        """How the weights are quantized: the policy's mode, or ``None``."""
        return self._own_policy.quantization_mode

    def quantize(self, mode=None, type_check=True, config=None):
        """Keeps the weights in few bits from now on; this layer has no way to."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `quantize` method implemented."
        )

    def quantized_build(self, input_shape, mode, config=None):
        """Makes the weights of a quantized layer; this layer has no way to."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `quantized_build` method implemented."
        )

    def quantized_call(self, *args, **kwargs):
        """Computes the outputs from quantized weights; this layer has no way to."""
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `quantized_call` method implemented."
        )

    def _to_policy(self, dtype):
        """Computes in ``dtype`` from now on: what ``.half()`` and ``.to(dtype)`` mean."""
        name = _dtypes.standardize_dtype(dtype)
        for layer in self._flatten_layers():
            mode, found, _ = layer._own_policy.name.partition("_from_")
            layer.dtype_policy = f"{mode}_from_{name}" if found else name  # quantized ones stay so
        return self

    def half(self):
        """Weights and computation in float16."""
        return super().half()._to_policy("float16")

    def bfloat16(self):
        """Weights and computation in bfloat16."""
        return super().bfloat16()._to_policy("bfloat16")

    def float(self):
        """Weights and computation in float32."""
        return super().float()._to_policy("float32")

    def double(self):
        """Weights and computation in float64."""
        return super().double()._to_policy("float64")

    def to(self, *args, **kwargs):
        """Moves the weights to a device, or casts them; the layer computes as they are then."""
        super().to(*args, **kwargs)
        given = [a for a in (*args, *kwargs.values()) if isinstance(a, (torch.dtype, torch.Tensor))]
        if not given:
            return self
        return self._to_policy(given[0].dtype if isinstance(given[0], torch.Tensor) else given[0])
