"""Low-rank adapters: a frozen weight plus the product of two small ones."""

from typing import Any

import torch

from torchkeras import initializers
from torchkeras._checks import is_positive_int
from torchkeras.layers._saved import Saved


def adapted(name):
    """The property that stands for a layer's main weight, with its adapter if it has one."""

    def get(self):
        return self._merged(name) if self.lora_enabled else self._stored(name)

    return property(get, doc=f"The weight `{name}`, with its low-rank adapter if there is one.")


def stored(name):
    """The property that stands for the variable itself, whatever is added to it."""

    def get(self):
        found = self.__dict__["_parameters"].get(name)
        return self.__dict__["_buffers"].get(name) if found is None else found

    return property(get, doc=f"The variable `{name}`, without an adapter.")


class LoRA(Saved):
    """Mixin of the layers whose main weight can be frozen and trained through an adapter.

    The weight that counts is then ``weight + lora_alpha / lora_rank * a @ b``.

    Reference: `Hu et al., 2021 <https://arxiv.org/abs/2106.09685>`_
    """

    lora_enabled = False
    lora_rank: Any
    lora_alpha: Any
    # The main weight, and the argument that constrains it.
    _adapted = "kernel"
    _adapted_constraint = "kernel_constraint"
    _adapted_regularizer = "kernel_regularizer"

    def _check_lora(self, rank, alpha):
        """Keeps the constructor's arguments."""
        if rank is not None and not is_positive_int(rank):
            raise ValueError(
                f"`lora_rank` must be a positive integer or None. Received: lora_rank={rank}"
            )
        self.lora_rank, self.lora_alpha = rank, alpha

    def _lora_at_build(self):
        """Makes the adapter that the constructor's arguments ask for."""
        if self.lora_rank is not None:
            self.built: Any = True
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def _stored(self: Any, name):
        """The weight itself, in the type that the layer computes in."""
        weight = self.__dict__["_parameters"].get(name)
        if weight is None:
            weight = self.__dict__["_buffers"].get(name)
            if weight is None:
                raise AttributeError(
                    f"Layer '{self.name}' has no `{name}` yet. Build it first: call it, or "
                    "`layer.build(input_shape)`."
                )
        if self._cast_to is None or not weight.is_floating_point():
            return weight
        return weight.to(self._cast_to)

    def _merged(self, name):
        """The weight with its adapter."""
        return self._stored(name) + self._lora_delta()

    def _lora_pair(self: Any):
        return getattr(self, f"lora_{self._adapted}_a"), getattr(self, f"lora_{self._adapted}_b")

    def _lora_scale(self):
        return self.lora_alpha / self.lora_rank

    def _lora_delta(self):
        a, b = self._lora_pair()
        return torch.matmul(a, b) * self._lora_scale()

    def _adapted_shape(self: Any):
        """The shape of the main weight as the formula has it."""
        return tuple(self._stored(self._adapted).shape)

    def _saved_variables(self: Any):
        lora = () if not self.lora_enabled else self._lora_pair()
        return [v for v in super()._saved_variables() if all(v is not part for part in lora)]

    def save_own_variables(self: Any, store):
        """Puts the layer's weights into a dict, an adapter merged into the main one."""
        super().save_own_variables(store)
        if self.lora_enabled:
            names = [v.name for v in self._saved_variables()]
            store[str(names.index(self._adapted))] = self._merged(self._adapted)

    def load_own_variables(self: Any, store):
        """Sets the layer's weights from a dict; an adapter begins anew, adding nothing."""
        super().load_own_variables(store)
        if self.lora_enabled:
            for part in self._lora_pair():
                part.assign(torch.zeros_like(part))

    def enable_lora(
        self: Any, rank, lora_alpha=None, a_initializer="he_uniform", b_initializer="zeros"
    ):
        """Freezes the main weight; two small matrices are trained in its place.

        Args:
            rank: Size of the axis between the two matrices.
            lora_alpha: The product counts ``lora_alpha / rank`` times; default ``rank``.
            a_initializer: Initializer of the first matrix.
            b_initializer: Initializer of the second; zeros leave the outputs as they are.

        Raises:
            ValueError: if the layer is not built, its weight is constrained, or it has an
                adapter already.
            NotImplementedError: if GPTQ or AWQ quantized the layer.
        """
        if self._bits in ("gptq", "awq"):
            raise NotImplementedError(no_lora(self._bits))
        name = self._adapted
        if getattr(self, self._adapted_constraint) is not None:
            kind = "kernel" if name == "kernel" else "embedding"
            raise ValueError(
                f"Lora is incompatible with {kind} constraints. In order to enable lora on this "
                f"layer, remove the `{self._adapted_constraint}` argument."
            )
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        if not is_positive_int(rank):
            raise ValueError(f"`rank` must be a positive integer. Received: rank={rank}")
        *front, last = self._adapted_shape()
        device = self._stored(name).device
        regularizer = getattr(self, self._adapted_regularizer)
        for part, shape, initializer in (
            ("a", (*front, rank), a_initializer),
            ("b", (rank, last), b_initializer),
        ):
            full = f"lora_{name}_{part}"
            with torch.device(device):
                weight = self.add_weight(
                    shape, initializers.get(initializer), regularizer=regularizer, name=full
                )
            setattr(self, full, weight)
        stored = self._parameters.get(name)
        if stored is not None:
            stored.trainable = False
        self.lora_enabled = True
        self.lora_rank = rank
        self.lora_alpha = rank if lora_alpha is None else lora_alpha


def no_lora(mode):
    """Why there is no adapter beside integers that calibration data chose."""
    return f"lora is not currently supported with {mode.upper()} quantization."


LoRA.load_own_variables._by_number = True
