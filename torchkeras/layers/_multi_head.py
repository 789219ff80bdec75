"""Attention in many heads, and in groups of heads that share keys and values."""

import functools
import operator
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchkeras import _checks, config, constraints, initializers, regularizers
from torchkeras._checks import is_positive_int
from torchkeras.graph._tensor import KerasTensor
from torchkeras.layers._attention import band, both
from torchkeras.layers._einsum import EinsumDense
from torchkeras.layers._layer import Layer
from torchkeras.layers._regularization import Dropout

_NOT_FLASH = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class _HeadAttention(Layer):
    """Base of the layers of many heads: projections in, attention in each head, one out."""

    supports_masking = True
    # Files hold the projections by the names of the attributes.
    _prefix = ""
    _heads: int  # of the query
    _shared = 1  # heads of the query to one of the key
    _axes: Any  # of the attention, in the query
    _rank: int  # of the query
    _query_dense: Any
    _key_dense: Any
    _value_dense: Any
    _output_dense: Any
    _gate_dense: Any
    _dropout_layer: Any

    def __init__(
        self,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if sliding_window is not None and not is_positive_int(sliding_window):
            raise ValueError(
                "`sliding_window` must be `None` or a positive integer. "
                f"Received: sliding_window={sliding_window}"
            )
        self.dropout = _checks.fraction("dropout", dropout)
        self.use_bias = use_bias
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self._projections_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        if flash_attention is None and config.is_flash_attention_enabled() is False:
            flash_attention = False
        if flash_attention and dropout > 0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. Please set dropout to "
                "0.0 to use flash attention."
            )
        self._kernels = None  # torch chooses
        if flash_attention is not None:
            self._kernels = [SDPBackend.FLASH_ATTENTION] if flash_attention else _NOT_FLASH
        self._flash_attention = flash_attention
        self._is_custom = type(self)._compute_attention is not _HeadAttention._compute_attention

    # As in Keras: how it is computed is no property of a saved model.
    _config_skip = ("autocast", "flash_attention")
    _config_optional = ()
    _config_names = {
        "output_shape": "_output_shape",
        "activity_regularizer": "_projections_regularizer",
    }

    def _config_value(self, name):
        return super()._config_value(self._config_names.get(name, name))

    def _build_projections(self, query_shape, value_shape, key_shape, sizes, output_shape):
        """Makes the sublayers; ``sizes`` are (heads, size) of query, key and value."""
        self._project("query", query_shape, sizes[0])
        self._project("key", key_shape, sizes[1])
        if self.use_gate:
            gate = (sizes[0][0], sizes[2][1])
            self._gate_dense = self._dense("gate", query_shape, gate, activation="sigmoid")
        self._project("value", value_shape, sizes[2])
        self._dropout_layer = None
        if self.dropout > 0:
            self._dropout_layer = Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        heads, size = sizes[0][0], sizes[2][1]
        letters = "abcdefghijklmnopqrstuvwxyz"[: len(query_shape) + 1 + len(output_shape)]
        kept, summed, new = (
            letters[: len(query_shape) - 1],
            letters[len(query_shape) - 1 : len(query_shape) + 1],
            letters[len(query_shape) + 1 :],
        )
        dense = EinsumDense(
            f"{kept}{summed},{summed}{new}->{kept}{new}",
            (*(None,) * (len(kept) - 1), *output_shape),
            bias_axes=new if self.use_bias else None,
            **self._dense_options("attention_output"),
        )
        dense.build((*query_shape[:-1], heads, size))
        setattr(self, f"{self._prefix}output_dense", dense)

    def _project(self, name, shape, size):
        setattr(self, f"{self._prefix}{name}_dense", self._dense(name, shape, size))

    def _dense(self, name, shape, size, activation=None):
        """A projection ``(..., features) -> (..., heads, size)``."""
        letters = "abcdefghijklmnopqrstuvwxyz"[: len(shape) + 2]
        kept, summed, new = letters[: len(shape) - 1], letters[len(shape) - 1], letters[-2:]
        dense = EinsumDense(
            f"{kept}{summed},{summed}{new}->{kept}{new}",
            (*(None,) * (len(kept) - 1), *size),
            activation=activation,
            bias_axes=new if self.use_bias else None,
            **self._dense_options(name),
        )
        dense.supports_masking = True  # so that a mask of the inputs is no cause of a warning
        dense.build(shape)
        return dense

    def _dense_options(self, name):
        return {
            "name": name,
            "dtype": self.dtype_policy,
            # Each its own: an initializer draws the same values again.
            "kernel_initializer": _again(self.kernel_initializer),
            "bias_initializer": _again(self.bias_initializer),
            "kernel_regularizer": self.kernel_regularizer,
            "bias_regularizer": self.bias_regularizer,
            "activity_regularizer": self._projections_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "bias_constraint": self.bias_constraint,
        }

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        if key is None:
            key = value
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        causal, custom = bool(use_causal_mask), self._is_custom
        if (causal or self.sliding_window is not None) and len(self._axes) > 1:
            raise ValueError(
                "`use_causal_mask` and `sliding_window` need one axis of attention, along which "
                f"time goes. Received: attention_axes={self._axes}"
            )
        allowed = None
        if value_mask is not None or key_mask is not None or attention_mask is not None:
            allowed = self._allowed(k, value_mask, key_mask, attention_mask)
        if self.sliding_window is not None or (causal and (allowed is not None or custom)):
            axis = self._axes[0]
            near = band(q.shape[axis], k.shape[axis], causal, self.sliding_window, q.device)
            allowed, causal = both(allowed, near), False
        if custom and self._shared > 1:
            k, v = (x.repeat_interleave(self._shared, -2) for x in (k, v))
        options = {}
        if return_attention_scores:
            options["return_attention_scores"] = True
        if causal:
            options["use_causal_mask"] = True
        scores: Any
        outputs, scores = self._compute_attention(q, k, v, allowed, training, **options)
        if query_mask is not None:  # cheaper than rows of a mask
            unseen = ~_over_steps(query_mask, outputs)
            outputs = outputs.masked_fill(unseen, 0.0)
            if return_attention_scores:
                scores = scores.masked_fill(self._heads_first(unseen), 0.0)
        if self.use_gate:
            outputs = outputs * self._gate_dense(query)
        outputs = self._output_dense(outputs)
        if not return_attention_scores:
            return outputs
        return outputs, self._with_axes(scores, query, key)

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        """Attention of projected heads; a subclass may override it with another kind.

        Args:
            query: ``(batch, steps, heads, size)``
            key: ``(batch, places, heads, size)``
            value: the same
            attention_mask: ``(batch, steps, places)``, true where a query sees a key.
            training: Whether some scores are dropped.
            return_attention_scores: Whether the second result may not be ``None``.
            use_causal_mask: Whether a query sees no key after it; a subclass finds this in
                ``attention_mask``.
        """
        q, k, v = self._heads_first(query), self._heads_first(key), self._heads_first(value)
        allowed, causal = attention_mask, use_causal_mask
        dropout = self.dropout if training else 0.0
        explicit = return_attention_scores or (dropout > 0 and self.seed is not None)
        if causal and (allowed is not None or explicit):
            near = band(q.shape[-2], k.shape[-2], True, None, q.device)
            allowed, causal = both(allowed, near), False
        if allowed is not None:
            allowed = _expanded(allowed, q.ndim)
        scores = None
        if explicit:
            outputs, scores = self._attend(q, k, v, allowed, dropout)
        else:
            outputs = self._attend_fused(q, k, v, allowed, causal, dropout)
        return self._heads_last(outputs, query), scores

    def _attend_fused(self, q, k, v, allowed, causal, dropout):
        grouped = k.shape[-3] != q.shape[-3]
        if self._kernels is None:
            return F.scaled_dot_product_attention(
                q, k, v, allowed, dropout, causal, enable_gqa=grouped
            )
        with sdpa_kernel(self._kernels):
            try:
                return F.scaled_dot_product_attention(
                    q, k, v, allowed, dropout, causal, enable_gqa=grouped
                )
            except RuntimeError as error:
                if self._flash_attention and "No available kernel" in str(error):
                    raise RuntimeError(
                        "Flash attention is not supported with the provided inputs. Pass "
                        "`flash_attention=None` to let torch choose."
                    ) from error
                raise

    def _attend(self, q, k, v, allowed, dropout):
        """Outputs and scores."""
        if self._flash_attention:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )
        if k.shape[-3] != q.shape[-3]:
            k, v = (x.repeat_interleave(self._shared, -3) for x in (k, v))
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
        scores = torch.softmax(scores, -1)
        if allowed is not None:  # where nothing is allowed there is no share to give
            scores = scores.masked_fill(~allowed, 0.0)
        dropped = self._dropout_layer(scores, training=True) if dropout else scores
        return dropped @ v, scores

    def _allowed(self, keys, value_mask, key_mask, attention_mask):
        """Which query sees which key: booleans."""
        masks = []
        for mask in (value_mask, key_mask):
            if mask is not None and self._rank == 3:
                masks.append(mask.bool().unsqueeze(-2))
            elif mask is not None:
                masks.append(self._heads_first(_over_steps(mask, keys)).transpose(-1, -2))
        if attention_mask is not None:
            n = len(self._axes)
            if attention_mask.ndim < 2 * n:
                raise ValueError(
                    "`attention_mask` must end in the axes of the queries and the keys. "
                    f"Received: a mask of shape {tuple(attention_mask.shape)}"
                )
            mask = attention_mask.bool()
            masks.append(mask if n == 1 else mask.flatten(-n).flatten(-n - 1, -2))
        if len({mask.ndim for mask in masks}) > 1:
            rank = self._rank + 2 - len(self._axes)
            masks = [_expanded(mask, rank) for mask in masks]
        return functools.reduce(operator.and_, masks)

    def _heads_first(self, x):
        """``(batch, ..., heads, size)`` to ``(batch, others, heads, axes of attention, size)``."""
        if x.ndim == 4:
            return x.transpose(1, 2)
        rank = x.ndim
        others = [i for i in range(1, rank - 2) if i not in self._axes]
        x = x.permute(0, *others, rank - 2, *self._axes, rank - 1)
        return x if len(self._axes) == 1 else x.flatten(-1 - len(self._axes), -2)

    def _heads_last(self, x, query):
        if query.ndim == 4:
            return x.transpose(1, 2)
        rank = query.ndim
        if len(self._axes) > 1:
            x = x.unflatten(-2, [query.shape[i] for i in self._axes])
        others = [i for i in range(1, rank - 2) if i not in self._axes]
        order = [0, *others, rank - 2, *self._axes, rank - 1]
        return x.permute(sorted(range(rank), key=order.__getitem__))

    def _with_axes(self, scores, query, key):
        n = len(self._axes)
        if n == 1:
            return scores
        scores = scores.unflatten(-1, [key.shape[i] for i in self._axes])
        return scores.unflatten(-n - 1, [query.shape[i] for i in self._axes])

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        shape = self.compute_output_shape(query.shape, value.shape, key.shape)
        outputs = KerasTensor(shape, self.compute_dtype)
        if not return_attention_scores:
            return outputs
        axes = self._axes_of(len(query.shape))
        scores = (
            query.shape[0],
            *(query.shape[i] for i in range(1, len(query.shape) - 1) if i not in axes),
            self._heads,
            *(query.shape[i] for i in axes),
            *(key.shape[i] for i in axes),
        )
        return outputs, KerasTensor(scores, self.compute_dtype)

    def _axes_of(self, rank):
        return tuple(range(1, rank - 1))


class MultiHeadAttention(_HeadAttention):
    """Attention in many heads at once, each with its own projections of query, key and value.

    In each head ``softmax(query @ key.T / sqrt(key_dim)) @ value``; the heads' outputs are
    projected to one. Where no scores are asked for, torch's fused kernel computes it.

    Args:
        num_heads: Number of heads.
        key_dim: Size of a head's queries and keys.
        value_dim: Size of a head's values; default ``key_dim``.
        dropout: Fraction of the scores set to 0 in training.
        use_bias: Whether the projections have a bias.
        output_shape: Size of the outputs, or sizes of several axes; default the last of the query.
        attention_axes: Axes of the steps, among which attention goes; default all between the
            batch and the features.
        sliding_window: A query sees only keys less than so many steps away; ``None``: all.
        flash_attention: ``True`` insists on the flash kernel, ``False`` never takes it, ``None``
            lets torch choose unless `config.disable_flash_attention` was called.
        kernel_initializer: Initializer of the kernels.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Term of the loss for the kernels.
        bias_regularizer: Term of the loss for the biases.
        activity_regularizer: Term of the loss for the outputs of each projection.
        kernel_constraint: Applied to the kernels after each update.
        bias_constraint: Applied to the biases after each update.
        use_gate: Whether the heads' outputs are multiplied by a sigmoid of one more projection
            of the query.
        seed: Integer for a repeatable dropout.

    Weights:
        query: kernel ``(features, heads, key_dim)``, bias ``(heads, key_dim)``
        key: the same
        gate: ``(features, heads, value_dim)``, ``(heads, value_dim)``, with ``use_gate``
        value: the same
        attention_output: ``(heads, value_dim, *output_shape)``, ``output_shape``

    Shapes:
        query: ``(batch, steps, features)``
        value: ``(batch, places, features)``
        key: ``(batch, places, features)``; default the value
        query_mask: ``(batch, steps)``, true where the outputs count
        value_mask, key_mask: ``(batch, places)``, true where a query may look
        attention_mask: ``(batch, steps, places)``, or with an axis of heads, or without batch
        outputs: ``(batch, steps, *output_shape)``; with ``return_attention_scores`` also the
            scores ``(batch, heads, steps, places)``

    Raises:
        ValueError: if a size is no positive integer, ``output_shape`` or ``attention_axes`` are
            no integers, the shapes of key and value do not match, a causal mask is asked for with
            several axes of attention, or scores or dropout with ``flash_attention``.
        RuntimeError: with ``flash_attention=True``, for inputs that its kernel cannot take.

    Paper: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; the gate: Qiu et al. 2025,
    https://arxiv.org/abs/2505.06708

    Example:
        >>> layer = torchkeras.layers.MultiHeadAttention(num_heads=2, key_dim=8)
        >>> x = torch.ones(4, 10, 16)
        >>> layer(x, x, use_causal_mask=True).shape
        torch.Size([4, 10, 16])
    """

    query_dense: Any
    key_dense: Any
    value_dense: Any
    output_dense: Any
    _query_dense = property(lambda self: self.query_dense)
    _key_dense = property(lambda self: self.key_dense)
    _value_dense = property(lambda self: self.value_dense)
    _output_dense = property(lambda self: self.output_dense)

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.num_heads = self._heads = _size("num_heads", num_heads)
        self.key_dim = _size("key_dim", key_dim)
        self.value_dim = self.key_dim
        if value_dim is not None:
            self.value_dim = _size("value_dim", value_dim, " or `None`")
        if isinstance(output_shape, int):
            output_shape = (output_shape,)
        elif output_shape is not None and not isinstance(output_shape, (tuple, list)):
            raise ValueError(
                f"Invalid `output_shape`: {output_shape}. When specified, the `output_shape` "
                "should be of type tuple, list, or int."
            )
        self._output_shape = None if output_shape is None else tuple(output_shape)
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes is not None and not isinstance(attention_axes, (tuple, list)):
            raise ValueError(
                "`attention_axes` must be an int, list, or tuple. "
                f"Received: attention_axes={attention_axes}"
            )
        self.attention_axes = None if attention_axes is None else tuple(attention_axes)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_key_and_value(key_shape, value_shape)
        if len(query_shape) != len(value_shape):
            raise ValueError(
                "Query and value must have the same number of axes. Received: "
                f"query_shape={tuple(query_shape)} and value_shape={tuple(value_shape)}"
            )
        self._rank = len(query_shape)
        self._axes = self._axes_of(self._rank)
        keys, values = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        output_shape = self._output_shape or (query_shape[-1],)
        self._build_projections(
            query_shape, value_shape, key_shape, (keys, keys, values), output_shape
        )

    def _axes_of(self, rank):
        if self.attention_axes is None:
            axes = super()._axes_of(rank)
        else:
            axes = tuple(i + rank if i < 0 else i for i in self.attention_axes)
        if not axes or not all(0 < i < rank - 1 for i in axes) or len(set(axes)) < len(axes):
            raise ValueError(
                "`attention_axes` must be different axes between the batch and the features. "
                f"Received: attention_axes={self.attention_axes} for a query of {rank} axes"
            )
        return axes

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _check_key_and_value(value_shape if key_shape is None else key_shape, value_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))


class GroupedQueryAttention(_HeadAttention):
    """Attention in many heads, in which groups of queries share a key and a value.

    As `MultiHeadAttention`, with fewer heads of keys and values than of queries: each serves
    ``num_query_heads / num_key_value_heads`` of them.

    Args:
        head_dim: Size of a head.
        num_query_heads: Number of heads of queries.
        num_key_value_heads: Number of heads of keys and of values, a divisor of it.
        dropout: Fraction of the scores set to 0 in training.
        use_bias: Whether the projections have a bias.
        sliding_window: A query sees only keys less than so many steps away; ``None``: all.
        flash_attention: As in `MultiHeadAttention`.
        kernel_initializer: Initializer of the kernels.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Term of the loss for the kernels.
        bias_regularizer: Term of the loss for the biases.
        activity_regularizer: Term of the loss for the outputs of this layer and the projections.
        kernel_constraint: Applied to the kernels after each update.
        bias_constraint: Applied to the biases after each update.
        use_gate: Whether the heads' outputs are multiplied by a sigmoid of one more projection
            of the query.
        seed: Integer for a repeatable dropout.

    Weights:
        query: kernel ``(features, query heads, head_dim)``, bias ``(query heads, head_dim)``
        key: ``(features, key heads, head_dim)``, ``(key heads, head_dim)``
        gate: as the query, with ``use_gate``
        value: as the key
        attention_output: ``(query heads, head_dim, features)``, ``(features,)``

    Shapes:
        query: ``(batch, steps, features)``
        value: ``(batch, places, features)``
        key: ``(batch, places, features)``; default the value
        query_mask, value_mask, key_mask, attention_mask: as in `MultiHeadAttention`
        outputs: ``(batch, steps, features)``; with ``return_attention_scores`` also the scores
            ``(batch, query heads, steps, places)``

    Raises:
        ValueError: if a size is no positive integer, the heads do not divide, shapes of query,
            key and value do not match, or scores or dropout are asked for with
            ``flash_attention``.
        RuntimeError: with ``flash_attention=True``, for inputs that its kernel cannot take.

    Paper: Ainslie et al. 2023, https://arxiv.org/abs/2305.13245

    Example:
        >>> layer = torchkeras.layers.GroupQueryAttention(8, 4, 2)
        >>> x = torch.ones(4, 10, 16)
        >>> layer(x, x).shape
        torch.Size([4, 10, 16])
    """

    _prefix = "_"

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            dropout=dropout,
            use_bias=use_bias,
            sliding_window=sliding_window,
            flash_attention=flash_attention,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            use_gate=use_gate,
            seed=seed,
            **kwargs,
        )
        self.activity_regularizer = activity_regularizer  # the outputs count twice, as in Keras
        self.head_dim = _size("head_dim", head_dim)
        self.num_query_heads = self._heads = _size("num_query_heads", num_query_heads)
        self.num_key_value_heads = _size("num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. Received: "
                f"num_query_heads={num_query_heads}, num_key_value_heads={num_key_value_heads}"
            )
        self.num_repeats = self._shared = num_query_heads // num_key_value_heads

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_key_and_value(key_shape, value_shape)
        if len(query_shape) != 3 or len(value_shape) != 3:
            raise ValueError(
                "Query and value must have three axes (batch, steps, features). Received: "
                f"query_shape={tuple(query_shape)} and value_shape={tuple(value_shape)}"
            )
        self._rank, self._axes = 3, (1,)
        queries = (self.num_query_heads, self.head_dim)
        keys = (self.num_key_value_heads, self.head_dim)
        self._build_projections(
            query_shape, value_shape, key_shape, (queries, keys, keys), (query_shape[-1],)
        )

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. Received: query_shape={query_shape}, "
                f"value_shape={value_shape}"
            )
        _check_key_and_value(value_shape if key_shape is None else key_shape, value_shape)
        return tuple(query_shape)


def _size(name, value, more=""):
    if not is_positive_int(value):
        raise ValueError(
            f"Received an invalid value for argument `{name}`, expected a positive integer{more}. "
            f"Received: {name}={value}"
        )
    return int(value)


def _check_key_and_value(key_shape, value_shape):
    if tuple(key_shape[1:-1]) != tuple(value_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. Received: "
            f"value_shape={value_shape} and key_shape={key_shape}"
        )


def _again(initializer):
    """A fresh initializer of the same kind."""
    if isinstance(initializer, initializers.Initializer):
        return type(initializer).from_config(initializer.get_config())
    return initializer


def _over_steps(mask, x):
    """A mask of the first axes of projected heads ``x``, as booleans ``(batch, ..., 1, 1)``."""
    mask = mask.bool().reshape(mask.shape + (1,) * (x.ndim - mask.ndim))
    return mask.expand(*x.shape[:-2], 1, 1)


def _expanded(mask, rank):
    """A mask ``(..., steps, places)`` of the rank of the scores."""
    if mask.ndim > rank:
        raise ValueError(
            f"A mask has too many axes: {mask.ndim}, more than the scores' {rank}. "
            f"Received: a mask of shape {tuple(mask.shape)}"
        )
    while mask.ndim < rank:
        mask = mask.unsqueeze(-3)
    return mask.bool()
