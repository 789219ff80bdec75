"""Rows of the table of layers: EinsumDense and attention."""

from tests.layers.case import Case


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

ATTENTION = [*EINSUM]
