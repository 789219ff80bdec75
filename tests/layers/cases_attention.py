"""Rows of the table of layers: EinsumDense and attention."""

from tests.layers.case import Args, Case, product


def _einsum(equation, output_shape, shape, output, weights, **kwargs):
    return Case(
        "EinsumDense",
        {"equation": equation, "output_shape": output_shape, **kwargs},
        shape,
        output,
        weights,
    )


EINSUM = [
    _einsum("ab,bc->ac", 3, (4, 5), (4, 3), [(5, 3)]),
    _einsum("ab,bc->ac", 3, (4, 5), (4, 3), [(5, 3), (3,)], bias_axes="c"),
    _einsum("ab,cb->ac", (3,), (4, 5), (4, 3), [(3, 5), (3,)], bias_axes="c"),
    _einsum("abc,cd->abd", (None, 4), (2, 3, 5), (2, 3, 4), [(5, 4), (4,)], bias_axes="d"),
    _einsum("abc,cd->abd", (3, 4), (2, 3, 5), (2, 3, 4), [(5, 4), (3, 4)], bias_axes="bd"),
    _einsum("abc,cd->abd", (3, 4), (2, 3, 5), (2, 3, 4), [(5, 4), (3, 1)], bias_axes="b"),
    _einsum("abc,cd->adb", (4, None), (2, 3, 5), (2, 4, 3), [(5, 4), (4, 1)], bias_axes="d"),
    # Heads: in, and out again.
    _einsum(
        "abc,cde->abde", (None, 2, 4), (2, 3, 5), (2, 3, 2, 4), [(5, 2, 4), (2, 4)], bias_axes="de"
    ),
    _einsum(
        "abc,cde->abde", (None, 2, 4), (2, 3, 5), (2, 3, 2, 4), [(5, 2, 4), (4,)], bias_axes="e"
    ),
    _einsum("abcd,cde->abe", (None, 6), (2, 3, 4, 5), (2, 3, 6), [(4, 5, 6), (6,)], bias_axes="e"),
    # The kernel's axes in an order that is no matrix as it stands.
    _einsum("abc,dce->abde", (None, 2, 4), (2, 3, 5), (2, 3, 2, 4), [(2, 5, 4)]),
    _einsum("abcd,edc->abe", (None, 6), (2, 3, 4, 5), (2, 3, 6), [(6, 5, 4)]),
    _einsum("abcd,be->acde", (4, 5, 6), (2, 3, 4, 5), (2, 4, 5, 6), [(3, 6), (6,)], bias_axes="e"),
    # No product of matrices.
    _einsum("abc,bcd->abd", (3, 4), (2, 3, 5), (2, 3, 4), [(3, 5, 4), (4,)], bias_axes="d"),
    _einsum("abc,bc->ab", 3, (2, 3, 5), (2, 3), [(3, 5)]),
    _einsum("ab,cd->abcd", (3, 4, 5), (2, 3), (2, 3, 4, 5), [(4, 5)]),
    _einsum("abc,cd->ad", 4, (2, 3, 5), (2, 4), [(5, 4)]),
    _einsum("...x,xy->...y", 4, (2, 3, 5), (2, 3, 4), [(5, 4), (4,)], bias_axes="y"),
    _einsum("...x,xy->...y", 4, (2, 5), (2, 4), [(5, 4), (4,)], bias_axes="y"),
    _einsum("...ax,xy->...ay", (3, 4), (2, 6, 3, 5), (2, 6, 3, 4), [(5, 4), (3, 1)], bias_axes="a"),
    _einsum("ab...,bc->ac...", 4, (2, 5, 3), (2, 4, 3), [(5, 4), (4, 1)], bias_axes="c"),
    _einsum(
        "abc,cd->abd",
        (None, 4),
        (2, 3, 5),
        (2, 3, 4),
        [(5, 4), (4,)],
        activation="relu",
        bias_axes="d",
        kernel_initializer="he_normal",
        bias_initializer="ones",
        kernel_regularizer="l2",
        bias_regularizer="l1",
        activity_regularizer="l2",
        kernel_constraint="max_norm",
        bias_constraint="non_neg",
    ),
]

_DRAWN = {"train_differs": True, "random": True}


def _one_head_cases():
    for inputs in ([(2, 3, 4), (2, 5, 4)], [(2, 3, 4), (2, 5, 6), (2, 5, 4)]):
        output = (2, 3, inputs[1][-1])
        for options in product(use_scale=[False, True], score_mode=["dot", "concat"]):
            n = options["use_scale"] + (options["score_mode"] == "concat")
            yield Case("Attention", options, inputs, output, [()] * n)
        for use_scale in (True, False):
            weights = [(4,)] * use_scale
            yield Case("AdditiveAttention", {"use_scale": use_scale}, inputs, output, weights)
    for layer, weights in (("Attention", []), ("AdditiveAttention", [(4,)])):
        inputs, output = [(2, 3, 4), (2, 5, 4)], (2, 3, 4)
        yield Case(layer, {"dropout": 0.5}, inputs, output, weights, **_DRAWN)
        yield Case(layer, {"dropout": 0.5, "seed": 1}, inputs, output, weights, **_DRAWN)
        yield Case(layer, {}, [(2, 2, 3, 4), (2, 2, 5, 4)], (2, 2, 3, 4), weights)


def _projections(features, heads, sizes, output, use_bias=True, gate=False):
    """Shapes of the weights: features and heads are those of query, key and value."""
    shapes = []
    for name, i in (("query", 0), ("key", 1), ("gate", 0), ("value", 2)):
        if name != "gate" or gate:
            size = sizes[2] if name == "gate" else sizes[i]
            shapes += [(features[i], heads[i], size), (heads[i], size)]
    shapes += [(heads[0], sizes[2], *output), output]
    return shapes if use_bias else shapes[::2]


def _heads(kwargs, shapes, output=None, **more):
    """A row of MultiHeadAttention."""
    query, value = shapes[:2]
    key = shapes[-1] if len(shapes) > 2 else value
    n, size = kwargs["num_heads"], kwargs["key_dim"]
    output = output or query[-1:]
    weights = _projections(
        (query[-1], key[-1], value[-1]),
        (n, n, n),
        (size, size, kwargs.get("value_dim", size)),
        output,
        kwargs.get("use_bias", True),
        kwargs.get("use_gate", False),
    )
    return Case("MultiHeadAttention", kwargs, Args(shapes), (*query[:-1], *output), weights, **more)


def _groups(heads, shapes, **options):
    """A row of GroupQueryAttention."""
    more = {k: options.pop(k) for k in ("train_differs", "random") if k in options}
    kwargs = {"head_dim": 4, "num_query_heads": heads[0], "num_key_value_heads": heads[1]}
    query, value = shapes[:2]
    weights = _projections(
        (query[-1], shapes[-1][-1], value[-1]),
        (heads[0], heads[1], heads[1]),
        (4, 4, 4),
        query[-1:],
        options.get("use_bias", True),
        options.get("use_gate", False),
    )
    return Case("GroupQueryAttention", {**kwargs, **options}, Args(shapes), query, weights, **more)


_SMALL = {"num_heads": 2, "key_dim": 4}
_ALL = {
    "kernel_initializer": "he_normal",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "bias_regularizer": "l1",
    "activity_regularizer": "l2",
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}
_CROSS = [(2, 3, 5), (2, 6, 7)]

HEADS = [
    _heads(_SMALL, [(2, 3, 5), (2, 3, 5)]),
    _heads(_SMALL, _CROSS),
    _heads({"num_heads": 1, "key_dim": 3}, [*_CROSS, (2, 6, 8)]),
    _heads({**_SMALL, "value_dim": 3, "use_bias": False}, _CROSS),
    _heads({**_SMALL, "output_shape": 6}, _CROSS, (6,)),
    _heads({**_SMALL, "output_shape": [2, 3], "value_dim": 3}, _CROSS, (2, 3)),
    _heads({**_SMALL, "use_gate": True}, _CROSS),
    _heads({**_SMALL, "use_gate": True, "value_dim": 3, "use_bias": False}, _CROSS),
    _heads({**_SMALL, "sliding_window": 2}, _CROSS),
    _heads({**_SMALL, "dropout": 0.5}, _CROSS, **_DRAWN),
    _heads({**_SMALL, "dropout": 0.5, "seed": 1}, _CROSS, **_DRAWN),
    _heads({**_SMALL, **_ALL}, _CROSS),
    *(
        _heads({**_SMALL, "attention_axes": axes}, [(2, 3, 4, 5), (2, *places, 7)])
        for axes, places in (
            (None, (2, 5)),
            ([1, 2], (2, 5)),
            (1, (6, 4)),
            ([2], (3, 6)),
            ([-2], (3, 6)),
        )
    ),
    _heads({**_SMALL, "attention_axes": [2, 3]}, [(2, 3, 2, 3, 5), (2, 3, 2, 2, 5)]),
    _heads({**_SMALL, "attention_axes": [1, 3], "use_gate": True}, [(2, 3, 2, 3, 5)] * 2),
    *(_groups(heads, [(2, 3, 5), (2, 6, 5)]) for heads in ((4, 2), (4, 1), (3, 3))),
    _groups((4, 2), [(2, 3, 5), (2, 6, 5), (2, 6, 7)], use_bias=False),
    _groups((4, 2), [(2, 3, 5), (2, 6, 5)], use_gate=True, sliding_window=2),
    _groups((4, 2), [(2, 3, 5), (2, 6, 5)], dropout=0.5, **_DRAWN),
    _groups((4, 2), [(2, 3, 5), (2, 6, 5)], **_ALL),
]

ATTENTION = [*EINSUM, *_one_head_cases(), *HEADS]
