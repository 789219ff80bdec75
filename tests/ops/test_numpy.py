"""Every function of `ops` that numpy (or scipy) has too, against it: element types, shapes, axes.

Shapes are drawn at random: broadcast, empty, without axes. Where numpy refuses, so do we.
"""

import numpy as np
import pytest
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from torchkeras import ops

DTYPES = ["float32", "float64", "int32", "bool"]
SETTINGS = settings(max_examples=25, deadline=None, derandomize=True, database=None)
REFUSALS = (ValueError, TypeError, IndexError, RuntimeError)

# name -> numpy's function, and where the values lie
UNARY = {
    name: (getattr(np, name, None) or getattr(scipy.special, name), domain)
    for domain, names in {
        (-3, 3): "abs absolute angle arcsinh arctan cbrt ceil conj conjugate copy cos cosh "
        "deg2rad exp exp2 expm1 fabs floor i0 imag isfinite isinf isnan isneginf isposinf isreal "
        "logical_not nan_to_num negative ones_like rad2deg ravel real round sign signbit sin "
        "sinc sinh square tan tanh trunc zeros_like erf erfc",
        (-1, 1): "arccos arcsin",
        (-0.9, 0.9): "arctanh erfinv",
        (0.1, 5): "log log10 log1p log2 reciprocal sqrt",
        (1, 5): "arccosh",
    }.items()
    for name in names.split()
}
NOT_FOR = {
    "bool": {"negative", "reciprocal", "square", "positive", "sign", "fabs", "subtract"},
    "int32": {"reciprocal"},  # numpy rounds to whole numbers
}
BINARY = {
    name: getattr(np, name)
    for name in "add arctan2 bitwise_and bitwise_or bitwise_xor divide equal floor_divide fmax "
    "fmin fmod gcd greater greater_equal heaviside hypot isclose lcm less less_equal logaddexp "
    "logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply nextafter "
    "not_equal power subtract true_divide".split()
}
INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"}
FLOATS = {"nextafter", "heaviside", "fmod", "mod", "floor_divide", "power"}
REDUCTIONS = (
    "all amax amin any argmax argmin average count_nonzero max mean median min nanargmax nanargmin "
    "nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar prod ptp std sum var"
).split()
ALONG = "cumprod cumsum nancumprod nancumsum sort argsort flip diff".split()


def values(shape, dtype, low=-3, high=3, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, shape), bool)
    if dtype == "int32":
        return np.asarray(rng.integers(int(np.ceil(low)), int(high) + 1, shape), "int32")
    return np.asarray(rng.uniform(low, high, shape), dtype)


def close(ours, theirs, tolerance=1e-5):
    ours = ours.detach().resolve_conj().resolve_neg().numpy()
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    if theirs.dtype.kind in "biu":
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
# For what takes a number for a vector of one in numpy, and not in torch.
with_axes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore")
def test_one_tensor(name, dtype):
    if name in NOT_FOR.get(dtype, ()):
        return
    function, (low, high) = UNARY[name]

    @SETTINGS
    @given(shapes)
    def check(shape):
        x = values(shape, dtype, low, high)
        wide = x.astype("float64") if x.dtype.kind == "f" else x
        expected = np.asarray(function(wide))
        if dtype == "bool" and expected.dtype == np.float16:
            expected = np.asarray(function(x.astype("float64")))  # numpy's halves are coarse
        close(getattr(ops, name)(torch.from_numpy(x)), expected)

    check()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore")
def test_two_tensors_are_broadcast(name, dtype):
    if (name in INTEGERS and "float" in dtype) or (name in FLOATS and "float" not in dtype):
        return
    if name in NOT_FOR.get(dtype, ()) or (dtype == "bool" and name in ("gcd", "lcm")):
        return
    function = BINARY[name]

    @SETTINGS
    @given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=3, min_side=0))
    def check(drawn):
        a = values(drawn.input_shapes[0], dtype)
        b = values(drawn.input_shapes[1], dtype, 0.5, 3, seed=1)
        if name == "power":
            a = np.asarray(abs(a) + 0.1, dtype)
        precise = a.dtype.kind == "f" and name != "nextafter"
        wide = (a.astype("float64"), b.astype("float64")) if precise else (a, b)
        expected = np.asarray(function(*wide))
        if expected.dtype == np.float16:  # of booleans
            expected = function(a.astype("float64"), b.astype("float64"))
        close(getattr(ops, name)(torch.from_numpy(a.copy()), torch.from_numpy(b)), expected)

    check()


@pytest.mark.parametrize("name", [*BINARY, "matmul", "outer", "kron", "dot", "inner"])
@SETTINGS
@given(st.tuples(shapes, shapes))
@pytest.mark.filterwarnings("ignore")
def test_what_numpy_cannot_broadcast_is_refused(name, drawn):
    a, b = (values(shape, "int32" if name in INTEGERS else "float32") for shape in drawn)
    try:
        expected = getattr(np, name)(a, b)
    except ValueError:
        with pytest.raises(REFUSALS):
            getattr(ops, name)(torch.from_numpy(a), torch.from_numpy(b))
        return
    assert tuple(getattr(ops, name)(torch.from_numpy(a), torch.from_numpy(b)).shape) == np.shape(
        expected
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_reductions(name, dtype):
    if name == "ptp" and dtype == "bool":
        return

    @SETTINGS
    @given(shapes, st.none() | st.integers(-4, 4), st.booleans())
    def check(shape, axis, keepdims):
        x = values(shape, dtype)
        options = {"axis": axis} | (
            {} if name in ("average", "count_nonzero") else {"keepdims": keepdims}
        )
        wide = x.astype("float64") if x.dtype.kind in "fb" and name not in ("all", "any") else x
        if name.startswith("nan") and dtype.startswith("float") and x.size > 1:
            x.reshape(-1)[0] = wide.reshape(-1)[0] = np.nan
        try:
            expected = getattr(np, name)(wide, **options)
        except (ValueError, ZeroDivisionError):
            # Of nothing torch has some means and extremes; a wrong axis has nobody.
            if axis is not None and not -max(x.ndim, 1) <= axis < max(x.ndim, 1):
                with pytest.raises(REFUSALS):
                    getattr(ops, name)(torch.from_numpy(x), **options)
            return
        ours = getattr(ops, name)(torch.from_numpy(x), **options)
        if name in ("nanargmax", "nanargmin"):
            assert tuple(ours.shape) == np.shape(expected)
        else:
            close(ours, np.asarray(expected).astype("float64"), 2e-5)

    check()


def test_reductions_over_several_axes():
    x = values((2, 3, 4), "float32")
    for axis in ((0, 1), (0, -1), (1, 2), (-3, -1), (), (0, 1, 2)):
        for name in "sum prod mean max min all any std var".split():
            for keepdims in (False, True):
                ours = getattr(ops, name)(torch.from_numpy(x), axis=axis, keepdims=keepdims)
                theirs = getattr(np, name)(x.astype("float64"), axis=axis, keepdims=keepdims)
                close(ours.double(), np.asarray(theirs).astype("float64"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
@pytest.mark.parametrize("name", ALONG)
@pytest.mark.filterwarnings("ignore")
def test_along_an_axis(name, dtype):
    @SETTINGS
    @given(with_axes, st.integers(-4, 4))
    def check(shape, axis):
        x = values(shape, dtype)
        wide = x.astype("float64") if x.dtype.kind == "f" else x
        stable = {"kind": "stable"} if name == "argsort" else {}
        try:
            expected = getattr(np, name)(wide, axis=axis, **stable)
        except ValueError:
            with pytest.raises(REFUSALS):
                getattr(ops, name)(torch.from_numpy(x), axis=axis)
            return
        close(getattr(ops, name)(torch.from_numpy(x), axis=axis), expected)

    check()


SHAPE_CALLS = {
    "expand_dims": st.tuples(st.integers(-5, 5)),
    "flip": st.tuples(st.none() | st.integers(-4, 4)),
    "moveaxis": st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    "squeeze": st.tuples(st.none() | st.integers(-4, 4)),
    "swapaxes": st.tuples(st.integers(-4, 4), st.integers(-4, 4)),
    "roll": st.tuples(st.integers(-5, 5), st.none() | st.integers(-4, 4)),
    "repeat": st.tuples(st.integers(0, 3), st.none() | st.integers(-4, 4)),
    "tile": st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=4)),
    "reshape": st.tuples(st.lists(st.integers(-1, 6), max_size=3).map(tuple)),
    "transpose": st.tuples(st.none() | st.permutations(range(3)).map(tuple)),
    "broadcast_to": st.tuples(st.lists(st.integers(0, 4), max_size=4).map(tuple)),
    "tril": st.tuples(st.integers(-4, 4)),
    "triu": st.tuples(st.integers(-4, 4)),
    "diagonal": st.tuples(st.integers(-4, 4), st.integers(-3, 3), st.integers(-3, 3)),
    "trace": st.tuples(st.integers(-4, 4), st.integers(-3, 3), st.integers(-3, 3)),
    "array_split": st.tuples(st.integers(1, 4), st.integers(-3, 3)),
}
OF_VECTORS = {"array_split", "flip", "moveaxis", "repeat", "roll", "squeeze", "swapaxes"}


@pytest.mark.parametrize("name", SHAPE_CALLS)
def test_other_shapes(name):
    @settings(parent=SETTINGS, max_examples=60)
    @given(with_axes if name in OF_VECTORS else shapes, SHAPE_CALLS[name])
    def check(shape, args):
        x = values(shape, "float32")
        if name in ("tril", "triu") and x.ndim < 2:
            return
        try:
            expected = getattr(np, name)(x, *args)
        except (ValueError, TypeError, IndexError):
            with pytest.raises(REFUSALS):
                getattr(ops, name)(torch.from_numpy(x), *args)
            return
        ours = getattr(ops, name)(torch.from_numpy(x), *args)
        for one, other in zip(
            ours if isinstance(ours, (list, tuple)) else [ours],
            expected if isinstance(expected, list) else [expected],
            strict=True,
        ):
            close(one, other)

    check()


@pytest.mark.parametrize("name", ["concatenate", "stack", "hstack", "vstack", "dstack"])
@SETTINGS
@given(st.lists(shapes, min_size=1, max_size=3), st.integers(-4, 4))
def test_joined(name, drawn, axis):
    xs = [values(shape, "float32") for shape in drawn]
    options = {"axis": axis} if name in ("concatenate", "stack") else {}
    try:
        expected = getattr(np, name)(xs, **options)
    except ValueError:
        if not any(x.shape == (0,) for x in xs):  # which torch leaves out
            with pytest.raises(REFUSALS):
                getattr(ops, name)([torch.from_numpy(x) for x in xs], **options)
        return
    close(getattr(ops, name)([torch.from_numpy(x) for x in xs], **options), expected)
