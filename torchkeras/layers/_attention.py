"""Attention with one head: by a dot product, by a sum."""

from typing import Any

import torch
import torch.nn.functional as F

from torchkeras import _checks, random
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._layer import Layer
from torchkeras.random import SeedGenerator


class _Attention(Layer):
    """Base of the layers of one head: a softmax of scores weights the values."""

    supports_masking = True
    _makes_masks = False
    use_scale: bool
    scale: Any

    def __init__(self, dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.dropout = _checks.fraction("dropout", dropout)
        self.seed = seed
        if dropout > 0:
            self.seed_generator = SeedGenerator(seed)

    def _calculate_scores(self, query, key):
        raise NotImplementedError

    def call(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs)
        query, value = inputs[0], inputs[1]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = self._check_mask(mask)[:2]
        allowed = None if value_mask is None else value_mask.bool().unsqueeze(-2)
        if use_causal_mask:
            allowed = both(allowed, band(query.shape[-2], key.shape[-2], True, None, query.device))
        weights = None
        outputs = None
        drops = training and self.dropout > 0
        if not return_attention_scores and not drops:
            outputs = self._fused(query, key, value, allowed)
        if outputs is None:
            scores = self._calculate_scores(query, key)
            if allowed is not None:
                # Where nothing is allowed all values count alike.
                scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
            weights = torch.softmax(scores, -1)
            if drops:
                # Without a seed torch's own generator draws, in a fused kernel.
                stream = None if self.seed is None else self.seed_generator
                weights = random.dropout(weights, self.dropout, seed=stream)
            outputs = weights @ value
        if query_mask is not None:
            outputs = outputs.masked_fill(~query_mask.bool().unsqueeze(-1), 0.0)
        return (outputs, weights) if return_attention_scores else outputs

    def _fused(self, query, key, value, allowed):
        """The outputs by a kernel that keeps no scores; ``None`` where there is none."""
        return None

    def _check_inputs(self, inputs):
        name = f"{type(self).__name__} layer"
        named = "namely [query, value] or [query, value, key]"
        if not isinstance(inputs, (list, tuple)) or isinstance(inputs, torch.Size):
            shape = tuple(getattr(inputs, "shape", inputs))
            raise ValueError(
                f"{name} must be called on a list of inputs, {named}. Received: inputs={shape}."
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} accepts inputs list of length 2 or 3, {named}. "
                f"Received length: {len(inputs)}."
            )

    def _check_mask(self, mask):
        if mask is None:
            return None, None
        name = f"{type(self).__name__} layer"
        if not isinstance(mask, (list, tuple)):
            raise ValueError(
                f"{name} mask must be a list, namely [query_mask, value_mask]. "
                f"Received: a mask of type {type(mask).__name__}."
            )
        if len(mask) not in (2, 3):
            raise ValueError(
                f"{name} accepts mask list of length 2 or 3. Received length: {len(mask)}."
            )
        return mask

    def build(self, input_shape):
        if not isinstance(input_shape[0], (list, tuple)):
            self._check_inputs(torch.Size(input_shape))
        self._check_inputs(input_shape)

    def compute_mask(self, inputs, mask=None):
        self._check_inputs(inputs)
        return self._check_mask(mask)[0]

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_inputs(inputs)
        shapes = [tuple(x.shape) for x in inputs]
        outputs = KerasTensor(self.compute_output_shape(shapes), self.compute_dtype)
        if not return_attention_scores:
            return outputs
        return outputs, KerasTensor((*shapes[0][:-1], shapes[-1][-2]), self.compute_dtype)


class Attention(_Attention):
    """Values weighted by how well their keys match a query, by a dot product (Luong's attention).

    Computes ``softmax(scores) @ value`` with ``scores = scale * query @ key.T``, or, with
    ``score_mode="concat"``, ``weight * sum(tanh(scale * (query + key)))``.

    Args:
        use_scale: Whether there is a learned ``scale``, else it is 1.
        score_mode: ``"dot"`` or ``"concat"``.
        dropout: Fraction of the weights of the values set to 0 in training.
        seed: Integer for a repeatable dropout.

    Weights:
        scale: a scalar, with ``use_scale``
        concat_score_weight: a scalar, with ``score_mode="concat"``

    Shapes:
        inputs: a list of ``query (batch, steps, features)``, ``value (batch, places, size)`` and,
            if it is not the value, ``key (batch, places, features)``
        mask: a list of those of query ``(batch, steps)`` and value ``(batch, places)``; either
            may be ``None``
        outputs: ``(batch, steps, size)``, zero where the query is masked; with
            ``return_attention_scores`` also the weights ``(batch, steps, places)``

    Raises:
        ValueError: for an unknown ``score_mode``, a ``dropout`` that is not from 0 to 1, or
            inputs or masks that are not a list of two or three.

    Paper: Luong et al. 2015, https://arxiv.org/abs/1508.04025

    Example:
        >>> layer = torchkeras.layers.Attention()
        >>> layer([torch.ones(2, 3, 4), torch.ones(2, 5, 4)]).shape
        torch.Size([2, 3, 4])
    """

    concat_score_weight: Any

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(dropout=dropout, seed=seed, **kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                f"Received: score_mode={score_mode}"
            )

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = self.concat_score_weight = None
        if self.use_scale:
            self.scale = self.add_weight((), "ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight((), "ones", name="concat_score_weight")

    def _calculate_scores(self, query, key):
        if self.score_mode == "dot":
            scores = query @ key.transpose(-2, -1)
            return scores if self.scale is None else scores * self.scale
        sums = query.unsqueeze(-2) + key.unsqueeze(-3)
        sums = sums if self.scale is None else sums * self.scale
        return torch.tanh(sums).sum(-1) * self.concat_score_weight

    def _fused(self, query, key, value, allowed):
        if self.score_mode != "dot":
            return None
        if self.scale is not None:
            query = query * self.scale
        if allowed is not None:
            # A number that no score changes: where nothing is allowed all values count alike.
            low = torch.finfo(query.dtype).min / 2
            allowed = torch.zeros_like(allowed, dtype=query.dtype).masked_fill(~allowed, low)
        if query.ndim != 3:
            return F.scaled_dot_product_attention(query, key, value, allowed, scale=1.0)
        # The fused kernels want an axis of heads.
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        allowed = allowed if allowed is None or allowed.ndim < 3 else allowed.unsqueeze(1)
        return F.scaled_dot_product_attention(query, key, value, allowed, scale=1.0).squeeze(1)


class AdditiveAttention(_Attention):
    """Values weighted by how well their keys match a query, by a sum (Bahdanau's attention).

    Computes ``softmax(scores) @ value`` with ``scores = sum(scale * tanh(query + key))`` over
    the features.

    Args:
        use_scale: Whether there is a learned ``scale``, else it is 1.
        dropout: Fraction of the weights of the values set to 0 in training.

    Weights:
        scale: ``(features,)``, with ``use_scale``

    Shapes:
        inputs: a list of ``query (batch, steps, features)``, ``value (batch, places, size)`` and,
            if it is not the value, ``key (batch, places, features)``
        mask: a list of those of query ``(batch, steps)`` and value ``(batch, places)``; either
            may be ``None``
        outputs: ``(batch, steps, size)``, zero where the query is masked; with
            ``return_attention_scores`` also the weights ``(batch, steps, places)``

    Raises:
        ValueError: for a ``dropout`` that is not from 0 to 1, or inputs or masks that are not a
            list of two or three.

    Paper: Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473

    Example:
        >>> layer = torchkeras.layers.AdditiveAttention()
        >>> layer([torch.ones(2, 3, 4), torch.ones(2, 5, 4)]).shape
        torch.Size([2, 3, 4])
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(dropout=dropout, **kwargs)
        self.use_scale = use_scale

    def build(self, input_shape):
        super().build(input_shape)
        self.scale = None
        if self.use_scale:
            features = input_shape[0][-1]
            self.scale = self.add_weight((features,), "glorot_uniform", name="scale")

    def _calculate_scores(self, query, key):
        sums = torch.tanh(query.unsqueeze(-2) + key.unsqueeze(-3))
        return sums.sum(-1) if self.scale is None else sums @ self.scale


def both(first, second):
    return second if first is None else first & second


def band(queries, keys, causal, window, device):
    """Booleans ``(queries, keys)``: no key ahead, none ``window`` or more steps away."""
    distance = torch.arange(queries, device=device).unsqueeze(1) - torch.arange(keys, device=device)
    allowed = distance >= 0 if causal else None
    if window is not None:
        allowed = both(allowed, distance.abs() < window)
    return allowed
