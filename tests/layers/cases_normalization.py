"""Rows of the table of layers: groups, root mean square, unit and spectral norm, renorm."""

from tests.layers.case import Case, Of, product

_BOTH = {
    "beta_initializer": "ones",
    "gamma_initializer": "zeros",
    "beta_regularizer": "l1",
    "gamma_regularizer": "l2",
    "beta_constraint": "non_neg",
    "gamma_constraint": "max_norm",
}


def _group_cases():
    for groups, axis, shape in (
        (2, -1, (3, 4)),
        (2, -1, (2, 5, 4)),
        (2, 1, (2, 4, 5)),
        (-1, -1, (2, 3, 5, 4)),
        (1, -1, (2, 3, 5, 4)),
        (3, 1, (2, 6, 3, 5)),
        (2, 2, (2, 3, 4, 5)),
        (2, -1, (2, 2, 3, 2, 4)),
        (4, -4, (2, 4, 2, 3, 2)),
    ):
        kwargs = {"groups": groups, "axis": axis}
        yield Case("GroupNormalization", kwargs, shape, shape, [(shape[axis],)] * 2)
    for options in product(center=[True, False], scale=[True, False]):
        n = sum(options.values())
        kwargs = {"groups": 2, "epsilon": 0.1, **options}
        yield Case("GroupNormalization", kwargs, (2, 3, 4), (2, 3, 4), [(4,)] * n)
    yield Case("GroupNormalization", {"groups": 2, **_BOTH}, (2, 3, 4), (2, 3, 4), [(4,)] * 2)


def _renorm_cases():
    for clipping in (None, {"rmax": 1.5, "rmin": 0.8, "dmax": 0.3}, {"rmin": 0.9}):
        kwargs = {"renorm": True, "renorm_clipping": clipping, "renorm_momentum": 0.7}
        for shape, mask, axis in (
            ((6, 5), None, -1),
            ((3, 5, 4), (3, 5), -1),
            ((3, 4, 5), None, 1),
        ):
            n = shape[axis]
            yield Case(
                "BatchNormalization",
                {**kwargs, "axis": axis},
                shape,
                shape,
                [(n,)] * 7,
                mask=mask,
                train_differs=True,
            )
    for options in product(center=[True, False], scale=[True, False]):
        n = 5 + sum(options.values())
        kwargs = {"renorm": True, "momentum": 0.6, **options}
        yield Case("BatchNormalization", kwargs, (4, 3), (4, 3), [(3,)] * n, train_differs=True)


def _spectral(layer, kwargs, shape, output, weights, **more):
    kwargs = {"layer": Of(layer, {**kwargs, "name": "inner"}), **more.pop("options", {})}
    return Case("SpectralNormalization", kwargs, shape, output, weights, train_differs=True, **more)


MORE_NORMALIZATION = [
    *_group_cases(),
    *_renorm_cases(),
    Case("RMSNormalization", {}, (4, 5), (4, 5), [(5,)]),
    Case("RMSNormalization", {"epsilon": 0.1}, (2, 3, 5), (2, 3, 5), [(5,)]),
    Case("RMSNormalization", {"axis": [2, 1]}, (2, 3, 5), (2, 3, 5), [(3, 5)]),
    # Keras on torch cannot do these; see test_normalization.py.
    Case("RMSNormalization", {"axis": 1}, (2, 3, 5), (2, 3, 5), [(3,)], skip=("oracle",)),
    Case(
        "RMSNormalization", {"axis": [1, 3]}, (2, 3, 4, 5), (2, 3, 4, 5), [(3, 5)], skip=("oracle",)
    ),
    Case("UnitNormalization", {}, (4, 5), (4, 5)),
    Case("UnitNormalization", {"axis": 1}, (2, 3, 5), (2, 3, 5)),
    Case("UnitNormalization", {"axis": [1, 2]}, (2, 3, 5), (2, 3, 5)),
    _spectral("Dense", {"units": 3}, (4, 5), (4, 3), [(5, 3), (1, 3), (3,)]),
    _spectral(
        "Dense",
        {"units": 3, "use_bias": False},
        (4, 5),
        (4, 3),
        [(5, 3), (1, 3)],
        options={"power_iterations": 3},
    ),
    _spectral(
        "Conv2D",
        {"filters": 3, "kernel_size": 2},
        (2, 4, 4, 2),
        (2, 3, 3, 3),
        [(2, 2, 2, 3), (1, 3), (3,)],
    ),
    # Keras casts the vectors to the integers' type.
    _spectral(
        "Embedding",
        {"input_dim": 5, "output_dim": 3},
        (4, 6),
        (4, 6, 3),
        [(5, 3), (1, 3)],
        kind="int",
        skip=("oracle",),
    ),
]
