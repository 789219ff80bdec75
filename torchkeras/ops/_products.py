"""Products of vectors, matrices and tensors, and what is built of neighbours."""

from typing import Any

import torch

from torchkeras import _dtypes
from torchkeras._shapes import axes_of
from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import floating, promoted, tensor
from torchkeras.ops._op import op
from torchkeras.ops._rules import broadcast, shape_of, unified


def _contract(function, *xs):
    """A sum of products: promoted operands, small integers in int32, no overflow of int8."""
    xs = promoted(*xs)
    dtype = xs[0].dtype
    if dtype.is_floating_point or dtype.is_complex:
        return function(*xs)
    # Booleans have no kernel, and integers none on a GPU; float64 holds every int32.
    wide = torch.float64 if xs[0].is_cuda else torch.int32 if dtype is torch.bool else dtype
    return function(*(x.to(wide) for x in xs)).to(dtype)


@op
def correlate(x1, x2, mode="valid"):
    """Sums of products of two vectors, one moved along the other.

    Args:
        x1: Vector.
        x2: Vector.
        mode: ``"valid"`` only where they overlap wholly, ``"same"`` as many as the longer one has
            elements, ``"full"`` all overlaps.

    Raises:
        ValueError: for other modes or shapes.

    Example:
        >>> torchkeras.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0], mode="full")
        tensor([1., 2., 3., 0.])
    """
    x1, x2 = promoted(x1, x2, least=(float,))
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"`x1` and `x2` must be vectors. Received shapes {tuple(x1.shape)}, {tuple(x2.shape)}"
        )
    if mode not in ("valid", "same", "full"):
        raise ValueError(f"`mode` must be 'valid', 'same' or 'full'. Received: mode={mode!r}")
    long, short = (x1, x2) if len(x1) >= len(x2) else (x2, x1)
    pad = len(short) - 1
    full = torch.nn.functional.conv1d(long[None, None], short.conj()[None, None], padding=pad)[0, 0]
    if long is x2:  # correlation turns around with its operands
        full = full.flip(0).conj()
    if mode == "full":
        return full
    n = len(long) if mode == "same" else len(long) - len(short) + 1
    start = (len(full) - n + (mode == "same" and long is x2)) // 2
    return full[start : start + n].resolve_conj()


def _cross_rule(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    if axis is not None:
        axisa = axisb = axisc = axis
    shapes = list(shape_of(x1)), list(shape_of(x2))
    sizes = shapes[0].pop(axisa), shapes[1].pop(axisb)
    if not {2, 3, None} >= set(sizes):
        raise ValueError(
            "`x1`'s and `x2`'s dim on `axis` must be either 2 or 3. "
            f"Received shapes: {shape_of(x1)} and {shape_of(x2)}"
        )
    shape = list(broadcast(*shapes))
    if 3 in sizes or None in sizes:
        shape.insert(axes_of(axisc, len(shape) + 1)[0], 3 if 3 in sizes else None)
    types = (getattr(x, "dtype", None) or tensor(x).dtype for x in (x1, x2))
    return KerasTensor(shape, _dtypes.result_type(*types))


@op(rule=_cross_rule)
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Vectors at right angles to pairs of vectors of three (or two) components.

    Args:
        x1: Tensor of vectors.
        x2: Tensor of vectors.
        axisa: Axis of the components of ``x1``.
        axisb: Axis of the components of ``x2``.
        axisc: Axis of the components of the result.
        axis: One axis instead of these three.

    Raises:
        ValueError: if there are not two or three components.

    Example:
        >>> torchkeras.ops.cross([1, 0, 0], [0, 1, 0])
        tensor([0, 0, 1], dtype=torch.int32)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = promoted(x1, x2)
    x1, x2 = torch.movedim(x1, axisa, -1), torch.movedim(x2, axisb, -1)
    sizes = x1.shape[-1], x2.shape[-1]
    if not {2, 3} >= set(sizes):
        raise ValueError(
            "`x1`'s and `x2`'s dim on `axis` must be either 2 or 3. "
            f"Received shapes: {tuple(x1.shape)} and {tuple(x2.shape)}."
        )
    if sizes == (2, 2):
        return x1[..., 0] * x2[..., 1] - x1[..., 1] * x2[..., 0]
    x1, x2 = (torch.nn.functional.pad(x, (0, 3 - x.shape[-1])) for x in (x1, x2))
    x1, x2 = torch.broadcast_tensors(x1, x2)
    y = x1.roll(-1, -1) * x2.roll(-2, -1) - x1.roll(-2, -1) * x2.roll(-1, -1)
    return torch.movedim(y, -1, axisc)


@op
def diff(a, n=1, axis=-1):
    """Differences of neighbours.

    Args:
        a: Tensor, array, list or number.
        n: How often differences are taken.
        axis: Axis of the neighbours.

    Example:
        >>> torchkeras.ops.diff([1, 4, 9])
        tensor([3, 5], dtype=torch.int32)
    """
    return torch.diff(tensor(a), n=n, dim=axis)


def _dot_rule(x1, x2):
    n1, n2 = len(shape_of(x1)), len(shape_of(x2))
    labels: list[list] = [[*range(n1)], [*range(n1, n1 + n2)]]
    if n1 and n2:
        labels[0][-1] = labels[1][-min(n2, 2)] = "inner"
    return infer(dot.__wrapped__, unified((x1, x2), labels), {})


@op(rule=_dot_rule)
def dot(x1, x2):
    """Sum of products over the last axis of ``x1`` and the last but one of ``x2``.

    For two vectors it is their inner product, for matrices their product, and with a number it
    multiplies.

    Args:
        x1: Tensor, array, list or number.
        x2: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.dot([1, 2], [3, 4])
        tensor(11, dtype=torch.int32)
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return torch.multiply(*promoted(x1, x2))
    axis = -1 if x2.ndim == 1 else -2
    dims: Any = [-1], [axis]
    return _contract(lambda a, b: _tensordot(a, b, dims), x1, x2)


def _einsum_rule(subscripts, *operands, **kwargs):
    labels = []
    for letters, x in zip(subscripts.replace(" ", "").split("->")[0].split(","), operands):
        before, dots, after = letters.partition("...")
        rest = len(shape_of(x)) - len(before) - len(after)
        # Axes of `...` are matched from the right.
        labels.append([*before, *range(-rest, 0), *after] if dots else [*letters])
    return infer(einsum.__wrapped__, (subscripts, *unified(operands, labels)), kwargs)


@op(rule=_einsum_rule)
def einsum(subscripts, *operands, **kwargs):
    """Sums of products, with the axes named by letters as in ``"ij,jk->ik"``.

    Args:
        subscripts: Letters of the axes of the operands, and of the result.
        operands: Tensors.
        kwargs: ``optimize`` is accepted; torch chooses the order.

    Raises:
        TypeError: for other keywords.

    Example:
        >>> torchkeras.ops.einsum("ij,j->i", torch.ones(2, 3), [1.0, 2.0, 3.0])
        tensor([6., 6.])
    """
    if set(kwargs) - {"optimize"}:
        raise TypeError(f"einsum() takes only the keyword `optimize`. Received: {sorted(kwargs)}")
    dtypes = {tensor(x).dtype for x in operands}
    if dtypes == {torch.int8} and len(operands) > 1:
        operands = [tensor(x).to(torch.int32) for x in operands]
    return _contract(lambda *xs: torch.einsum(subscripts, *xs), *operands)


def _tensordot(a, b, dims):
    """torch's, which takes an axis of one beside any other, but for those."""
    pairs = zip(*dims) if not isinstance(dims, int) else ((i - dims, i) for i in range(dims))
    if any(a.shape[i] != b.shape[j] for i, j in pairs):
        raise ValueError(
            "The axes that are summed over must have the same sizes. Received shapes: "
            f"{tuple(a.shape)} and {tuple(b.shape)}"
        )
    return torch.tensordot(a, b, dims)


def _inner_rule(x1, x2):
    n1, n2 = len(shape_of(x1)), len(shape_of(x2))
    labels: list[list] = [[*range(n1)], [*range(n1, n1 + n2)]]
    if n1 and n2:
        labels[0][-1] = labels[1][-1] = "inner"
    return infer(inner.__wrapped__, unified((x1, x2), labels), {})


@op(rule=_inner_rule)
def inner(x1, x2):
    """Sum of products over the last axis of both.

    Args:
        x1: Tensor, array, list or number.
        x2: Tensor, array, list or number.

    Raises:
        ValueError: if the last axes differ.

    Example:
        >>> torchkeras.ops.inner([1, 2], [3, 4])
        tensor(11, dtype=torch.int32)
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return torch.multiply(*promoted(x1, x2))
    if x1.shape[-1] != x2.shape[-1]:
        raise ValueError(
            "`inner` requires the last dimension of `x1` and `x2` to match. "
            f"Received: x1.shape={tuple(x1.shape)}, x2.shape={tuple(x2.shape)}"
        )
    dims: Any = [-1], [-1]
    return _contract(lambda a, b: _tensordot(a, b, dims), x1, x2)


@op
def kron(x1, x2):
    """Kronecker product: each element of ``x1`` times the whole of ``x2``.

    Args:
        x1: Tensor, array, list or number.
        x2: Tensor, array, list or number.

    Example:
        >>> torchkeras.ops.kron([1, 2], [1, 1])
        tensor([1, 1, 2, 2], dtype=torch.int32)
    """
    return torch.kron(tensor(x1), tensor(x2))


def _matmul_rule(x1, x2):
    a, b = shape_of(x1), shape_of(x2)
    if len(a) == 0 or len(b) == 0:
        raise ValueError(f"`matmul` takes no numbers. Received shapes: {a} and {b}")
    inner = a[-1], b[-2] if len(b) > 1 else b[-1]
    if None not in inner and inner[0] != inner[1]:
        raise ValueError(
            "Inner dimensions (`x1.shape[-1]` and `x2.shape[-2]`) must be equal. "
            f"Received: x1.shape={a}, x2.shape={b}"
        )
    outer = broadcast(a[:-2], b[:-2])
    shape = outer + (a[-2:-1] if len(a) > 1 else ()) + (b[-1:] if len(b) > 1 else ())
    return KerasTensor(shape, _dtype_of(matmul, (x1, x2)))


def _dtype_of(function, xs):
    """Type of the result for tensors of one element."""
    small = [torch.ones((1,) * len(shape_of(x)), dtype=_torch_dtype(x)) for x in xs]
    return _dtypes.standardize_dtype(function(*small).dtype)


def _torch_dtype(x):
    return _dtypes.torch_dtype(x.dtype) if isinstance(x, KerasTensor) else tensor(x).dtype


@op(rule=_matmul_rule)
def matmul(x1, x2):
    """Matrix product; axes before the last two are broadcast together.

    Args:
        x1: Matrix, or vector taken as a row.
        x2: Matrix, or vector taken as a column.

    Example:
        >>> torchkeras.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]])
        tensor([[11.]])
    """
    x1, x2 = tensor(x1), tensor(x2)
    if x1.dtype is x2.dtype is torch.int8:
        x1, x2 = x1.to(torch.int32), x2.to(torch.int32)
    return _contract(torch.matmul, x1, x2)


@op
def outer(x1, x2):
    """Products of each element of ``x1`` with each of ``x2``.

    Args:
        x1: Tensor; it is flattened.
        x2: Tensor; it is flattened.

    Example:
        >>> torchkeras.ops.outer([1, 2], [3, 4])
        tensor([[3, 4],
                [6, 8]], dtype=torch.int32)
    """
    x1, x2 = tensor(x1), tensor(x2)
    return x1.reshape(-1, 1) * x2.reshape(-1)


def _tensordot_rule(x1, x2, axes=2):
    n1, n2 = len(shape_of(x1)), len(shape_of(x2))
    pairs: Any = (range(n1 - axes, n1), range(axes)) if isinstance(axes, int) else axes
    pairs = [[a] if isinstance(a, int) else a for a in pairs]
    labels: list[list] = [[*range(n1)], [*range(n1, n1 + n2)]]
    for i, (a, b) in enumerate(zip(*pairs)):
        labels[0][a] = labels[1][b] = f"inner{i}"
    return infer(tensordot.__wrapped__, (*unified((x1, x2), labels), axes), {})


@op(rule=_tensordot_rule)
def tensordot(x1, x2, axes=2):
    """Sum of products over several axes of both.

    Args:
        x1: Tensor.
        x2: Tensor.
        axes: The axes of each, ``(axes1, axes2)``, or how many: the last of ``x1`` and the first of
            ``x2``.

    Example:
        >>> torchkeras.ops.tensordot([[1, 2]], [[3], [4]], axes=1)
        tensor([[11]], dtype=torch.int32)
    """
    dims: Any = axes
    if not isinstance(axes, int):
        dims = [[a] if isinstance(a, int) else list(a) for a in dims]
    return _contract(lambda a, b: _tensordot(a, b, dims), tensor(x1), tensor(x2))


@op
def trapezoid(y, x=None, dx=1.0, axis=-1):
    """Area under points joined by straight lines.

    Args:
        y: Heights of the points.
        x: Where they stand; default ``dx`` apart.
        dx: Distance of neighbours.
        axis: Axis of the points.

    Example:
        >>> torchkeras.ops.trapezoid([1.0, 2.0, 3.0])
        tensor(4.)
    """
    y = floating(y)
    if x is None:
        return torch.trapezoid(y, dx=float(dx), dim=axis)
    x = floating(x).to(y.device)
    if x.ndim == 1 and y.ndim > 1:
        x = x.reshape([-1 if a == axis % y.ndim else 1 for a in range(y.ndim)])
    return torch.trapezoid(y, x, dim=axis)


@op
def vander(x, N=None, increasing=False):
    """Matrix of the powers of each element of a vector.

    Args:
        x: Vector.
        N: Number of columns; default the size of ``x``.
        increasing: Whether powers grow from left to right.

    Raises:
        ValueError: if ``x`` is no vector or ``N`` is negative.

    Example:
        >>> torchkeras.ops.vander([1, 2, 3])
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]], dtype=torch.int32)
    """
    x = tensor(x)
    if x.ndim != 1:
        raise ValueError(f"Input tensor must be 1-dimensional. Received: x.shape={tuple(x.shape)}")
    if N is not None and (not isinstance(N, int) or N < 0):
        raise ValueError(f"Argument `N` must be a non-negative integer. Received: N={N}")
    powers = torch.arange(x.shape[0] if N is None else N, device=x.device)
    return torch.pow(x[:, None], powers if increasing else powers.flip(0)).to(x.dtype)


@op
def vdot(x1, x2):
    """Inner product of the flattened tensors, with the complex conjugate of ``x1``.

    Args:
        x1: Tensor.
        x2: Tensor.

    Example:
        >>> torchkeras.ops.vdot([[1, 2]], [[3, 4]])
        tensor(11, dtype=torch.int32)
    """
    x1, x2 = tensor(x1).reshape(-1), tensor(x2).reshape(-1)
    return _contract(torch.vdot, x1, x2)
