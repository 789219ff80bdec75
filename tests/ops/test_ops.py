"""Every function of `ops` against real Keras: values, symbols, gradients, element types."""

import importlib.util
import inspect
import itertools
import pathlib
import re
import sys

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import KerasTensor, _dtypes, ops, tree

_spec = importlib.util.spec_from_file_location("cases", pathlib.Path(__file__).parent / "cases.py")
cases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(cases)

# The two libraries round in different orders; nothing is worse than this.
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def values(**changed):
    return {name: torch.from_numpy(v.copy()) for name, v in cases.VALUES.items()} | changed


def run(call, namespace, tensors):
    return eval(call, {"ops": namespace, "float": float, "slice": slice, **tensors})


def plain(x):
    return x.detach().resolve_conj().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)


def assert_same(ours, theirs, call, dtypes=True):
    ours, theirs = tree.flatten(ours), tree.flatten(theirs)
    assert len(ours) == len(theirs), call
    for one, other in zip(ours, theirs):
        if dtypes and isinstance(other, torch.Tensor):
            assert one.dtype == other.dtype, call
        one, other = plain(one), plain(other)
        assert one.shape == other.shape, call
        np.testing.assert_allclose(one, other, **TOLERANCE, err_msg=call)


@pytest.mark.parametrize("call", cases.CASES)
@pytest.mark.filterwarnings("ignore")
def test_as_keras(call):
    assert_same(run(call, ops, values()), run(call, keras.ops, values()), call)


def numpy_values():
    return {name: v.copy() for name, v in cases.VALUES.items()}


@pytest.mark.parametrize(("call", "formula"), cases.NUMPY)
@pytest.mark.filterwarnings("ignore")
def test_as_numpy(call, formula):
    ours = run(call, ops, values() | {"np": np})
    expected = eval(formula, {"np": np, **numpy_values()})
    ours = ours if isinstance(ours, tuple) else (ours,)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for one, other in zip(ours, expected, strict=True):
        assert tuple(one.shape) == np.shape(other)
        np.testing.assert_allclose(plain(one), other, **TOLERANCE)


@pytest.mark.parametrize("options", cases.ATTENTION, ids=lambda o: "-".join(o))
def test_attention_formula(options):
    given = values()
    q, kv = given["q"].double(), given["kv"].double()
    options = {k: given.get(v, v) if isinstance(v, str) else v for k, v in options.items()}
    result = ops.dot_product_attention(given["q"], given["kv"], given["kv"], **options)
    k = kv.repeat_interleave(2, dim=2)
    scores = torch.einsum("bthd,bshd->bhts", q, k) * options.get("scale", 8**-0.5)
    scores = scores + options.get("bias", 0)
    if cap := options.get("attn_logits_soft_cap"):
        scores = cap * torch.tanh(scores / cap)
    seen = options.get("mask", torch.ones(5, 6, dtype=torch.bool))
    if options.get("is_causal"):
        seen = seen & torch.ones(5, 6, dtype=torch.bool).tril()
    weights = torch.softmax(scores.masked_fill(~seen, -1e30), -1)
    expected = torch.einsum("bhts,bshd->bthd", weights, k)
    alone = ~seen.any(-1)  # a target that sees nothing has no result
    assert not alone.any()
    np.testing.assert_allclose(result, expected, **TOLERANCE)


def test_every_function_has_a_row():
    text = "\n".join(cases.CASES + [call for call, _ in cases.NUMPY])
    missing = [
        name
        for name in ops.__all__
        if not re.search(rf"\bops\.{name}\b", text) and name not in NOT_IN_TABLE
    ]
    assert not missing


# Tested by themselves below, or no functions.
NOT_IN_TABLE = {"op", "image", "linalg", "nn", "numpy", "dtype", "is_tensor"}


def test_names_and_arguments_are_keras():
    for name in set(ops.__all__) - {"op"}:
        theirs = getattr(keras.ops, name)
        if callable(theirs):
            assert str(inspect.signature(getattr(ops, name))) == str(inspect.signature(theirs)), (
                name
            )
    for facade in ("numpy", "nn", "linalg"):
        for name in getattr(ops, facade).__all__:
            assert getattr(getattr(ops, facade), name) is getattr(ops, name)
            assert hasattr(getattr(keras.ops, facade), name)
        assert ops.__all__ == sorted(ops.__all__)


# Symbols -------------------------------------------------------------------------------------


# Functions that depend on values, so that a symbol stands for nothing, or that take no tensor.
EAGER = (
    r"convert_to_numpy|is_tensor|ops\.dtype|jvp|vectorize\(|custom_gradient|ops\.ndim|ops\.shape"
)


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "batch"])
@pytest.mark.parametrize("call", [c for c in cases.CASES if not re.search(EAGER, c)])
@pytest.mark.filterwarnings("ignore")
def test_symbols(call, unknown):
    """Shapes and types of symbols are those of tensors; unknown sizes stay unknown or right."""
    names = [n for n in cases.VALUES if re.search(rf"\b{n}\b", call)]
    if not names:
        return
    tensors = values()
    real = tree.flatten(run(call, ops, tensors))
    symbols = {}
    for name in names:
        shape = list(tensors[name].shape)
        if unknown:
            shape[0] = None
        symbols[name] = KerasTensor(shape, _dtypes.standardize_dtype(tensors[name].dtype))
    try:
        outputs = tree.flatten(run(call, ops, tensors | symbols))
    except ValueError:
        # Some calls have no shape without the first size: a matrix of unknown rows inverted.
        assert unknown
        return
    assert len(outputs) == len(real), call
    for symbol, tensor in zip(outputs, real):
        if isinstance(symbol, torch.Tensor):  # the result depends on no symbol
            symbol = KerasTensor(symbol.shape, _dtypes.standardize_dtype(symbol.dtype))
        assert symbol.dtype == _dtypes.standardize_dtype(tensor.dtype), call
        assert len(symbol.shape) == tensor.ndim, call
        for known, size in zip(symbol.shape, tensor.shape):
            value_decides = re.search(r"nonzero|where\(m\)|unique|bincount|segment_.*seg\)", call)
            assert known == size or (known is None and (unknown or value_decides)), call


SYMBOLIC = [
    ("reshape(x, (-1, 3))", (None, 4, 3), (None, 3)),
    ("reshape(x, (None, 12))", (None, 4, 3), (None, 12)),
    ("reshape(x, (2, -1))", (4, 3), (2, 6)),
    ("reshape(x, (-1, 2))", (None, 3), (None, 2)),
    ("split(x, 2)[1]", (None, 3), (None, 3)),
    ("split(x, [1, 2])[1]", (None, 3), (1, 3)),
    ("hsplit(x, 2)[0]", (3, None), (3, None)),
    ("matmul(x, np.ones((3, 5)))", (None, None), (None, 5)),
    ("matmul(x, np.ones((2, 3, 5)))", (None, 4, None), (2, 4, 5)),
    ("add(x, np.ones((2, 1)))", (None, 3), (2, 3)),
    ("add(x, np.ones((5,)))", (4, None), (4, 5)),
    ("where(x, x, 1)", (None, 3), (None, 3)),
    ("where(x)", (None, 3), (2, None)),
    ("nonzero(x)[0]", (None, 3), (None,)),
    ("unique(x)", (None, 3), (None,)),
    ("unique(x, size=4)", (None, 3), (4,)),
    ("diag(x)", (None, 3), (None,)),
    ("diag(x)", (None,), (None, None)),
    ("diagonal(x, axis1=1, axis2=2)", (None, 3, 5), (None, 3)),
    ("get_item(x, slice(0, 2))", (None, 3), (None, 3)),
    ("get_item(x, (slice(None), 1))", (None, 3), (None,)),
    ("repeat(x, [1, 2, 3], axis=1)", (None, 3), (None, 6)),
    ("concatenate([x, np.ones((2, 4))], axis=1)", (None, 3), (2, 7)),
    ("stack([x, np.ones((2, 3))])", (None, 3), (2, 2, 3)),
    ("vstack([x, np.ones((2, 3))])", (None, None), (None, 3)),
    ("dot(x, np.ones((3, 2)))", (4, None), (4, 2)),
    ("einsum('ij,jk->ik', x, np.ones((3, 2)))", (4, None), (4, 2)),
    ("tensordot(x, np.ones((3, 2)), axes=1)", (4, None), (4, 2)),
    ("inner(x, np.ones((2, 3)))", (4, None), (4, 2)),
    ("broadcast_to(x, (2, 3))", (None, 3), (2, 3)),
    ("linspace(x, np.ones((2, 3)), 5, axis=-1)", (None, 3), (2, 3, 5)),
    ("take(x, np.ones((2, 2), int), axis=1)", (None, 3), (None, 2, 2)),
    ("take_along_axis(x, np.ones((2, 1), int), axis=1)", (None, 3), (2, 1)),
    ("segment_sum(x, np.ones(4, int))", (4, 3), (None, 3)),
    ("segment_sum(x, np.ones(4, int), num_segments=2)", (None, 3), (2, 3)),
    ("space_to_depth(x, 2)", (None, None, 4, 8), (None, None, 2, 32)),
    ("depth_to_space(x, 2)", (None, None, 4, 8), (None, None, 8, 2)),
    ("rearrange(x, 'a (b c) -> b a c', b=2)", (None, 6), (2, None, 3)),
    ("rearrange(x, 'a b -> (a b)')", (None, 6), (None,)),
    ("conv(x, np.ones((3, 3, 3, 8)), 2, 'same')", (None, None, None, 3), (None, None, None, 8)),
    ("conv(x, np.ones((3, 4, 8)))", (2, 9, None), (2, 7, 8)),
    ("conv(x, np.ones((3, 2, 8)))", (None, 9, 4), (None, 7, 8)),
    ("conv_transpose(x, np.ones((3, 8, 4)), 2, 'same')", (2, 9, None), (2, 18, 8)),
    ("depthwise_conv(x, np.ones((3, 4, 2)))", (2, 9, None), (2, 7, 8)),
    ("arange(x)", (), (None,)),
    ("cumsum(x)", (None, 3), (None,)),
    ("while_loop(lambda x: x < 3, lambda x: x + 1, x)", (None, 3), (None, 3)),
    ("fori_loop(0, 3, lambda i, x: x + i, x)", (None, 3), (None, 3)),
    ("unstack(x, num=3)[0]", (None, 2), (2,)),
    ("cond(np.True_, lambda: x, lambda: x)", (None, 2), (None, 2)),
]


@pytest.mark.parametrize(("call", "shape", "expected"), SYMBOLIC)
def test_symbolic_rules(call, shape, expected):
    names = {name: getattr(ops, name) for name in ops.__all__}
    result = eval(
        call,
        names
        | {"x": KerasTensor(shape), "np": np, "slice": slice}
        | ({"slice": slice} if "get_item" in call else {}),
    )
    assert result.shape == expected


def test_functional_model():
    x = torchkeras.Input((6,))
    parts = ops.split(ops.multiply(2.0, x), 2, axis=1)
    y = ops.concatenate([ops.relu(parts[0]), ops.max(parts[1], axis=1, keepdims=True)], axis=-1)
    model = torchkeras.Model(x, ops.reshape(y, (-1, 2, 2)))
    assert model.output_shape == (None, 2, 2)
    data = torch.randn(5, 6)
    expected = torch.cat([torch.relu(2 * data[:, :3]), 2 * data[:, 3:].amax(1, keepdim=True)], 1)
    torch.testing.assert_close(model(data), expected.reshape(-1, 2, 2))


def test_node_names():
    symbol = ops.add(KerasTensor((2,)), 1)
    assert symbol._keras_history.operation.function.__name__ == "add"


# Gradients -----------------------------------------------------------------------------------

NOT_SMOOTH = (
    r"custom_gradient|stop_gradient|arg|round|sign|floor|ceil|trunc|view\(|cast|convert|array|copy"
    r"|eig\(|svd|qr|jvp|empty|lu_factor|full\(|corrcoef|pinv|lstsq|bincount|heaviside|histogram"
    # real Keras has no gradient, or nan, where ours is right
    r"|cdist\(t, t|scatter_update|vander"
)


SMOOTH = [
    c
    for c in cases.CASES
    if re.search(r"\b(a|b|p|u|v|w|t|q|kv|x3|x4|k1|k2)\b", c) and not re.search(NOT_SMOOTH, c)
]
# What jumps, or has a value that is fixed only up to a sign.
NO_DIFFERENCE = (
    r"max_pool\(x3|segment_max|floor_divide|norm\(a, ord=-2|norm\(v, ord=0|eigh|mod\(|remainder"
    r"|nextafter|ctc_decode"
)


@pytest.mark.parametrize("call", SMOOTH)
@pytest.mark.filterwarnings("ignore")
def test_gradients(call):
    """Gradients of a random projection of the outputs are those of real Keras."""

    def gradients(namespace):
        tensors = values()
        floats = [t.requires_grad_() for t in tensors.values() if t.dtype == torch.float32]
        outputs = tree.flatten(run(call, namespace, tensors))
        outputs = [o for o in outputs if isinstance(o, torch.Tensor) and o.requires_grad]
        if not outputs:
            return None
        generator = torch.Generator().manual_seed(0)
        total = sum(
            (torch.view_as_real(o) if o.is_complex() else o)
            .mul(
                torch.rand(
                    torch.view_as_real(o).shape if o.is_complex() else o.shape, generator=generator
                )
            )
            .sum()
            for o in outputs
        )
        return torch.autograd.grad(total, floats, allow_unused=True)

    ours, theirs = gradients(ops), gradients(keras.ops)
    if ours is None or theirs is None:
        return
    for one, other in zip(ours, theirs):
        if one is not None or other is not None:
            one = torch.zeros_like(other) if one is None else one
            other = torch.zeros_like(one) if other is None else other
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4, err_msg=call)


def projected(call, tensors):
    """The sum of the outputs of a call, each element times a fixed random number."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros((), dtype=torch.float64)
    for o in tree.flatten(run(call, ops, tensors)):
        if isinstance(o, torch.Tensor) and (o.is_floating_point() or o.is_complex()):
            o = torch.view_as_real(o) if o.is_complex() else o
            total = total + (o.double() * torch.rand(o.shape, generator=generator).double()).sum()
    return total


@pytest.mark.parametrize("call", [c for c in SMOOTH if not re.search(NO_DIFFERENCE, c)])
@pytest.mark.filterwarnings("ignore")
def test_gradients_are_differences(call):
    """Along a random direction the gradient is the quotient of small differences."""
    tensors = values()
    floats = {n: t for n, t in tensors.items() if t.dtype == torch.float32}
    used = {n: t for n, t in floats.items() if re.search(rf"\b{n}\b", call)}
    generator = torch.Generator().manual_seed(1)
    away = {n: torch.randn(t.shape, generator=generator) for n, t in used.items()}
    step = 1e-3
    high, low = (
        projected(call, tensors | {n: t + sign * step * away[n] for n, t in used.items()})
        for sign in (1, -1)
    )
    total = projected(call, tensors | {n: t.requires_grad_() for n, t in used.items()})
    if not total.requires_grad:
        assert high == low
        return
    gradients = torch.autograd.grad(total, list(used.values()), allow_unused=True)
    expected = sum((g * d).sum() for g, d in zip(gradients, away.values()) if g is not None)
    size = sum(g.norm() for g in gradients if g is not None)
    assert abs(float((high - low) / (2 * step) - expected)) < 0.01 * float(size) + 0.01


def test_custom_gradient():
    @ops.custom_gradient
    def f(x, y):
        return x * y, lambda *args, upstream=None: (args[0] * 10, args[0] * 20)

    x, y = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)
    f(x, y).backward()
    assert (x.grad, y.grad) == (10, 20)


# Element types -------------------------------------------------------------------------------

DTYPES = [n for n in _dtypes.TORCH if not n.startswith("float8")] + [bool, int, float, complex]


def test_result_type_exhaustively():
    for pair in itertools.product(DTYPES, repeat=2):
        assert _dtypes.result_type(*pair) == keras.backend.result_type(*pair), pair


def test_result_type_of_more():
    for three in itertools.product(DTYPES, repeat=3):
        if "uint64" not in three:  # Keras' own table is not associative there
            assert _dtypes.result_type(*three) == keras.backend.result_type(*three), three


@pytest.mark.parametrize("floatx", ["float16", "bfloat16", "float64"])
def test_result_type_with_another_floatx(floatx, monkeypatch):
    expected = {"float16": "16", "bfloat16": "16", "float64": "32"}[floatx]
    before = torchkeras.config.floatx()
    torchkeras.config.set_floatx(floatx)
    try:
        assert _dtypes.result_type("int8", float) == f"float{expected}"
        assert _dtypes.result_type("bool", int) == f"int{expected}"
        assert _dtypes.result_type("float32", float) == "float32"
    finally:
        torchkeras.config.set_floatx(before)


def test_result_type_errors():
    with pytest.raises(ValueError, match="no implicit conversions from float8"):
        _dtypes.result_type("float8_e4m3fn", "float32")
    with pytest.raises(ValueError, match="not a valid dtype"):
        _dtypes.result_type("string", "float32")


TYPED = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split()
UNARY = """abs angle arccos arcsinh argmax argsort average cbrt ceil clip copy corrcoef cos cumprod
    cumsum deg2rad diff erf exp fabs floor i0 isfinite log logical_not logsumexp max mean median
    nan_to_num nancumsum nanmean nanprod nansum nanvar negative norm ones_like prod rad2deg real
    reciprocal relu round rsqrt sigmoid sign signbit sinc sort sqrt square std sum tanh trace
    transpose trapezoid trunc unique var zeros_like""".split()
BINARY = """add append arctan2 divide divide_no_nan dot equal floor_divide fmax fmod greater hypot
    inner isclose logaddexp logaddexp2 logical_and matmul maximum minimum mod multiply nextafter
    outer power subtract tensordot true_divide vdot where heaviside isin kron""".split()


def typed(name, dtype):
    if isinstance(dtype, str):
        tensor = torch.ones((2,) if name == "vdot" else (2, 2), dtype=getattr(torch, dtype))
        return tensor
    return dtype(1)


def dtype_of(namespace, name, *args):
    function = getattr(namespace, name)
    if name == "where":
        args = (torch.ones((), dtype=torch.bool), *args)
    if name == "clip":
        args = (*args, 0, 1)
    try:
        return function(*args).dtype
    except Exception:
        return None


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.filterwarnings("ignore")
def test_types_of_one(name):
    for dtype in TYPED:
        expected = dtype_of(keras.ops, name, typed(name, dtype))
        if expected is not None:  # we may take more
            assert dtype_of(ops, name, typed(name, dtype)) == expected, dtype


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.filterwarnings("ignore")
def test_types_of_two(name):
    for pair in itertools.product([*TYPED, bool, int, float], repeat=2):
        args = [typed(name, d) for d in pair]
        expected = dtype_of(keras.ops, name, *args)
        if name in NOT_WEAK and any(isinstance(d, type) for d in pair):
            continue
        if expected is not None:
            assert dtype_of(ops, name, *args) == expected, pair


# Here Keras on torch forgets that a Python number is weak; its other backends don't.
NOT_WEAK = {"arctan2", "dot", "heaviside", "hypot", "inner", "logaddexp", "logaddexp2", "nextafter"}
NOT_WEAK |= {"append", "kron", "outer"}


def test_conversion():
    cases_ = [
        1, 1.5, True, 2**40, np.ones(2), np.ones(2, "int64"), np.ones(2, "uint32"),
        np.ones(2, "uint16"), np.float64(3), np.int64(3), [1, 2], [1.0, 2], [True, 2], [],
        [np.float64(1)], [np.ones(2)], [torch.tensor(1), 2.5],
    ]  # fmt: skip
    for x in cases_:
        ours, theirs = ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x)
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape, x
    x = torch.ones(2)
    assert ops.convert_to_tensor(x) is x
    assert ops.convert_to_tensor(x, dtype="float32") is x
    assert ops.is_tensor(x) and not ops.is_tensor([1.0])
    assert ops.dtype(KerasTensor((1,), "int8")) == ops.dtype(torch.ones(1).to(torch.int8)) == "int8"
    variable = torchkeras.Variable([1.0, 2.0])
    assert type(ops.add(variable, 1)) is torch.Tensor
    np.testing.assert_array_equal(ops.convert_to_numpy(variable), [1.0, 2.0])
    with pytest.raises(ValueError, match="sparse=True"):
        ops.convert_to_tensor([1], sparse=True)


def test_zero_size_and_no_axes():
    empty = torch.zeros(0, 3)
    for name in "sum prod mean any all cumsum sort argsort exp".split():
        result = getattr(ops, name)(empty, axis=1) if name != "exp" else ops.exp(empty)
        assert result.shape[0] == 0, name
    for name in "sum prod max min mean exp any sqrt sort cumsum median".split():
        assert getattr(ops, name)(torch.tensor(2.0)).numel() == 1, name
    assert ops.concatenate([empty, torch.ones(2, 3)]).shape == (2, 3)
    assert ops.split(empty, 2)[0].shape == (0, 3)
    assert ops.matmul(empty, torch.ones(3, 4)).shape == (0, 4)


ERRORS = [
    ("convert_to_tensor([None, 1])", ValueError, "array of dtype object"),
    ("split([1, 2, 3], 2)", ValueError, "not divisible by 2"),
    ("array_split([1], [1])", TypeError, "must be of type `int`"),
    ("diag(1)", ValueError, "1-D or 2-D"),
    ("diagonal([1])", ValueError, "at least two dimensions"),
    ("diagonal([[1]], axis1=1, axis2=-1)", ValueError, "must differ"),
    ("transpose([[1]], (0, 0))", ValueError, "valid permutation"),
    ("reshape([1, 2], (-1, -1))", ValueError, "newshape"),
    ("reshape([1, 2], (-2, 1))", ValueError, "non-negative integers"),
    ("repeat(KerasTensor((3,)), [1, 2], axis=0)", ValueError, "one entry for each"),
    ("softmax([1.0], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("cumsum(KerasTensor((2,)), axis=3)", ValueError, "axis 3 is out of bounds"),
    ("unstack([1.0], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("sum(KerasTensor((2,)), axis=3)", ValueError, "axis 3 is out of bounds"),
    ("argpartition([1, 2], (0, 1))", ValueError, "integer"),
    ("argsort(KerasTensor((2,)), axis=3)", ValueError, "axis 3 is out of bounds"),
    ("prod([1, 2], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("median([1, 2], axis=-3)", ValueError, "axis -3 is out of bounds"),
    ("take([1, 2], [0], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("take_along_axis(KerasTensor((2,)), [0], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("unique(KerasTensor((2,)), axis=3)", ValueError, "axis 3 is out of bounds"),
    ("layer_normalization([1.0, 2.0], axis=3)", ValueError, "axis 3 is out of bounds"),
    ("rms_normalization(KerasTensor((2,)), axis=3)", ValueError, "axis 3 is out of bounds"),
    ("linspace(KerasTensor((2,)), 1, axis=3)", ValueError, "axis 3 is out of bounds"),
    ("cross(KerasTensor((2, 3)), KerasTensor((2, 3)), axisc=3)", ValueError, "out of bounds"),
    ("roll([1, 2], 1, axis=3)", ValueError, "axis 3 is out of bounds"),
    ("transpose([[1, 2]], (0,))", ValueError, "same length as the input shape, expected 2"),
    ("concatenate([KerasTensor((2,)), KerasTensor((2, 3))])", ValueError, "must have the same"),
    ("get_item([1, 2], (..., ...))", ValueError, "only have one ellipsis"),
    ("trace([1, 2])", ValueError, "at least two axes"),
    ("dot(np.ones((2, 1)), np.ones((3, 2)))", ValueError, "must have the same sizes"),
    ("inner(np.ones(2), np.ones(3))", ValueError, "last dimension"),
    ("ctc_decode(np.ones((1, 2, 3)), [2], 'x')", ValueError, "Invalid strategy x"),
    ("ctc_decode(np.ones((2, 3)), [2])", ValueError, "batch, steps, classes"),
    ("fold([[1.0]], (1, 1), 1)", ValueError, "3D"),
    ("depthwise_conv(np.ones((1, 4, 3)), np.ones((2, 2, 1)))", ValueError, "channels must match"),
    ("broadcast_to(KerasTensor((2, 3)), (4, 3))", ValueError, "broadcast"),
    (
        "batch_normalization(KerasTensor((2, 3)), KerasTensor((2,)), KerasTensor((3,)), 1)",
        ValueError,
        "mean",
    ),
    ("squeeze([1, 2], 0)", ValueError, "not 1"),
    ("rot90([1])", ValueError, "at least 2"),
    ("rot90([[1]], axes=(0, 0))", ValueError, "Invalid axes"),
    ("meshgrid([1], indexing='x')", ValueError, "indexing"),
    ("pad([1], 1, mode='wrap')", NotImplementedError, "padding mode"),
    ("pad([1], 1, mode='reflect', constant_values=1)", ValueError, "constant_values"),
    ("pad([[1]], ((1, 1), (1, 1), (1, 1)))", ValueError, "pad_width"),
    ("rearrange([[1]], 'a b -> a c')", ValueError, "pattern"),
    ("rearrange([[1]], 'a (b c) -> a b c')", ValueError, "Cannot split"),
    ("rearrange([1], 'a b -> b a')", ValueError, "axes before"),
    ("searchsorted([[1]], [1])", ValueError, "1-D sorted sequences"),
    ("searchsorted([1], [1], side='x')", ValueError, "side"),
    ("digitize([1], [[1]])", ValueError, "1D"),
    ("select([], [])", ValueError, "equal length"),
    ("slice([1, 2], (0, 0), (1, 1))", ValueError, "number of dimensions"),
    ("scatter_update([1], [[0]], [1], 'x')", ValueError, "Invalid reduction"),
    ("where([True], 1)", ValueError, "either both"),
    ("quantile([1.0], 0.5, method='x')", ValueError, "method"),
    ("histogram([[1.0]])", ValueError, "1-dimensional"),
    ("histogram([1.0], bins=0)", ValueError, "bins"),
    ("histogram([1.0], bins=[1])", TypeError, "bins"),
    ("histogram([1.0], range=(2, 1))", ValueError, "greater than the first"),
    ("bincount([1], sparse=True)", ValueError, "sparse"),
    ("correlate([[1]], [1])", ValueError, "vectors"),
    ("correlate([1], [1], mode='x')", ValueError, "mode"),
    ("cross([1], [1])", ValueError, "either 2 or 3"),
    ("vander([[1]])", ValueError, "1-dimensional"),
    ("einsum('i', [1], foo=1)", TypeError, "optimize"),
    ("ldexp([1.0], [1.0])", TypeError, "integer"),
    ("view_as_complex([1.0])", ValueError, "size 2"),
    ("fft(([1.0], [1.0, 2.0]))", ValueError, "same shape"),
    ("fft([1.0])", ValueError, "tuple of two"),
    ("stft([1.0], 4, 2, 3)", ValueError, "fft_length"),
    ("stft([1.0], 4, 0, 4)", ValueError, "sequence_stride"),
    ("stft([1.0] * 9, 4, 2, 4, window='x')", ValueError, "window"),
    ("stft([1], 4, 2, 4)", TypeError, "float"),
    ("segment_sum([[1]], [[0]])", ValueError, "1-D vector"),
    ("segment_sum([1, 2], [0])", ValueError, "leading dimension"),
    ("cholesky([[-1.0]])", ValueError, "Cholesky"),
    ("inv([[1.0, 2.0]])", ValueError, "square"),
    ("det([1.0])", ValueError, "rank >= 2"),
    ("solve([[1.0]], [1.0, 2.0])", ValueError, "Incompatible"),
    ("lstsq([[1.0]], [1.0, 2.0])", ValueError, "rows"),
    ("qr([[1.0]], mode='x')", ValueError, "mode"),
    ("cdist([1.0], [1.0])", ValueError, "rank >= 2"),
    ("normalize([1.0], order=0)", ValueError, "order"),
    ("one_hot([1], 2, sparse=True)", ValueError, "sparse"),
    ("multi_hot([1])", ValueError, "num_classes"),
    ("multi_hot([1], 2, foo=1)", TypeError, "foo"),
    ("moments([1.0], 0, synchronized=True)", NotImplementedError, "synchronized"),
    ("binary_crossentropy([1.0], [1.0, 0.0])", ValueError, "same shape"),
    ("categorical_crossentropy(1.0, 1.0)", ValueError, "rank 1"),
    ("sparse_categorical_crossentropy([1, 0], [[0.5, 0.5]])", ValueError, "up until the last"),
    ("psnr([1.0], [1.0, 2.0], 1.0)", ValueError, "shapes must match"),
    ("conv(np.ones((1, 4, 3)), np.ones((2, 2, 1)))", ValueError, "channels must match"),
    ("conv_transpose(np.ones((1, 4, 3)), np.ones((2, 2, 1)))", ValueError, "channels must match"),
    ("conv(np.ones((1, 4)), np.ones((2, 2, 1)))", ValueError, "axes of space"),
    ("max_pool(np.ones((1, 4, 1)), 2, padding='x')", ValueError, "padding"),
    ("depth_to_space(np.ones((1, 2, 2, 3)), 2)", ValueError, "divisible"),
    ("space_to_depth(np.ones((1, 3, 2, 3)), 2)", ValueError, "divisible"),
    ("dot_product_attention([1.0], [1.0], [1.0])", ValueError, "4D"),
    ("scan(3, 1)", TypeError, "callable"),
    ("scan(lambda c, x: (c, x), 1)", ValueError, "length"),
    ("associative_scan(3, [1])", TypeError, "callable"),
    (
        "associative_scan(lambda a, b: a, (np.ones(1), np.ones(2)))",
        ValueError,
        "same first dimension",
    ),
    ("vectorize(lambda x: x, signature='foo')", ValueError, "signature"),
    ("add(KerasTensor((2,)), KerasTensor((3,)))", ValueError, "broadcast"),
    ("reshape(KerasTensor((2, 3)), (4, 2))", ValueError, "size"),
    ("swapaxes(KerasTensor((2, 3)), 0, 5)", ValueError, "out of range"),
    ("matmul(KerasTensor((2, 3)), KerasTensor((2, 3)))", ValueError, "Inner dimensions"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    names = {name: getattr(ops, name) for name in ops.__all__}
    with pytest.raises(error, match=match):
        eval(call, names | {"np": np, "KerasTensor": KerasTensor})


# Cost ----------------------------------------------------------------------------------------


def calls(function, *args):
    count = 0

    def profile(frame, event, arg):
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function(*args)
    finally:
        sys.setprofile(None)
    return count


def test_few_calls():
    a, b = torch.ones(2), torch.ones(2)
    assert calls(ops.add, a, b) <= 3
    assert calls(ops.multiply, a, 2.0) <= 3
    assert calls(ops.clip, a, 0, 1) <= 17
    assert calls(ops.exp, a) <= 3
    assert calls(ops.sum, a) <= 5
    assert calls(ops.maximum, a, b) <= 10


@pytest.mark.parametrize("name", ["add", "matmul", "softmax", "layer_normalization", "logsumexp"])
def test_whole_graphs(name):
    """A compiled function with an op in it has no break."""
    explained = torch._dynamo.explain(
        lambda x: getattr(ops, name)(x, x) if name in ("add", "matmul") else getattr(ops, name)(x)
    )(torch.ones(3, 3))
    assert explained.graph_break_count == 0


# What breaks a graph: branches on values, results whose shapes are values, torch's `ctc_loss`.
BREAKS = (
    r"ctc_loss|while_loop\(lambda x: ops|rms_scaling|vectorize|custom_gradient|convert_to_numpy"
)
# The first call of each function is quick; the rest are for the slow run.
FIRST = {re.search(r"ops\.(\w+)", c)[1]: c for c in reversed(cases.CASES)}


def compiled(call):
    tensors = values()
    names = [n for n in tensors if re.search(rf"\b{n}\b", call)]
    space = {"ops": ops, "float": float, "slice": slice}
    function = eval(f"lambda {', '.join(names)}: {call}", space)
    torch._dynamo.reset()
    step = torch.compile(function, fullgraph=True, backend="eager")
    arguments = [tensors[n] for n in names]
    expected = function(*arguments)
    if "empty" not in call:
        assert_same(step(*arguments), expected, call)


@pytest.mark.parametrize("call", [c for c in FIRST.values() if not re.search(BREAKS, c)][::6])
@pytest.mark.filterwarnings("ignore")
def test_compiled(call):
    compiled(call)


@pytest.mark.slow
@pytest.mark.parametrize("call", [c for c in cases.CASES if not re.search(BREAKS, c)])
@pytest.mark.filterwarnings("ignore")
def test_every_call_compiled(call):
    compiled(call)


def test_sizes_of_a_traced_graph():
    def halves(x):
        n = x.shape[0] // 2
        rows = ops.reshape(x, (n, 2)) * ops.arange(n)[:, None] + ops.zeros((n, 2))
        return rows + ops.convert_to_tensor(n) + ops.convert_to_tensor([n, 1])

    step = torch.compile(halves, fullgraph=True, dynamic=True, backend="eager")
    for n in (4, 6):
        assert torch.equal(step(torch.ones(n)), halves(torch.ones(n)))


@ops.custom_gradient
def steep(x):
    return x * 2, lambda g, upstream=None: g * 5


CONTROL = {
    "cond": lambda x: ops.cond(x.sum() > 3, lambda: x + 1, lambda: x),
    "cond other": lambda x: ops.cond(ops.all(x > 9), lambda: x + 1, lambda: x * 2),
    "custom_gradient": steep,
    "scan": lambda x: ops.scan(lambda c, v: (c + v, c * v), ops.zeros(()), x)[1],
    "fori_loop": lambda x: ops.fori_loop(0, 3, lambda i, v: v + i, x),
    "map": lambda x: ops.map(lambda v: v * 2, x),
    "vectorized_map": lambda x: ops.vectorized_map(lambda v: v * 2, x),
    "switch": lambda x: ops.switch(1, [lambda v: v, lambda v: v * 3], x),
    "while_loop": lambda x: ops.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * 2), (0, x))[
        1
    ],
    "associative_scan": lambda x: ops.associative_scan(ops.multiply, x),
    "stop_gradient": lambda x: ops.stop_gradient(x) * x,
}


@pytest.mark.parametrize("name", CONTROL)
def test_control_flow_compiled(name):
    """Values and gradients of loops and branches are the same when compiled."""
    results = []
    for compile_ in (lambda f: f, lambda f: torch.compile(f, backend="aot_eager")):
        torch._dynamo.reset()
        x = torch.arange(1.0, 5.0, requires_grad=True)
        y = compile_(CONTROL[name])(x)
        y.sum().backward()
        results.append((y.detach(), x.grad))
    torch.testing.assert_close(results[0], results[1])


# What needs the values, or has no meta kernel.
NEEDS_VALUES = (
    r"bincount|cond\(ops|convert_to_numpy|corrcoef|ctc_loss|zeros\(\(3|nonzero|repeat\(a, ops|seg\)"
    r"|ops\.tri\(|unique|where\(m\)|while_loop\(lambda x: ops"
)


@pytest.mark.parametrize("call", [c for c in cases.CASES if not re.search(NEEDS_VALUES, c)])
@pytest.mark.filterwarnings("ignore")
def test_stays_on_the_device(call):
    """Nothing is made on another device: the meta device mixes with none, like a GPU."""
    if any(re.search(rf"\b{name}\b", call) for name in cases.VALUES):
        tensors = {name: t.to("meta") for name, t in values().items()}
        for result in tree.flatten(run(call, ops, tensors)):
            assert not isinstance(result, torch.Tensor) or result.is_meta
