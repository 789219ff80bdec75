"""Matrices: factors, inverses, norms and systems of equations."""

import torch

from torchkeras.graph._infer import infer
from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import floating, narrow_floating, pair, tensor
from torchkeras.ops._op import op


def _matrices(x, name="x", square=False):
    """Floating point matrices ``(..., rows, columns)``."""
    x = floating(x)
    if x.ndim < 2:
        raise ValueError(
            f"Input should have rank >= 2. Received: input.shape = {tuple(x.shape)} as `{name}`."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(
            "Expected a square matrix. "
            f"Received non-square input with shape {tuple(x.shape)} as `{name}`."
        )
    return x


@op
def cdist(x, y):
    """Distance of each two points: ``sqrt(sum((x_i - y_j)**2))``.

    Args:
        x: Points ``(..., n, features)``.
        y: Points ``(..., m, features)``.

    Raises:
        ValueError: if there are less than two axes, or points of different size.

    Example:
        >>> torchkeras.ops.cdist([[0.0, 0.0]], [[3.0, 4.0]])
        tensor([[5.]])
    """
    x, y = pair(floating(x), floating(y))
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(
            "`cdist` inputs must have rank >= 2. "
            f"Received shapes {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "`cdist` inputs must have the same last dimension. "
            f"Received shapes {tuple(x.shape)}, {tuple(y.shape)}"
        )
    dtype = torch.promote_types(x.dtype, y.dtype)
    distances = x.to(dtype)[..., :, None, :] - y.to(dtype)[..., None, :, :]
    return torch.linalg.vector_norm(distances, dim=-1).to(dtype)


@op
def cholesky(x, upper=False):
    """Triangular factors ``L`` of symmetric positive matrices: ``x = L L^T``.

    Args:
        x: Matrices ``(..., n, n)``.
        upper: Whether to return ``L^T``.

    Raises:
        ValueError: if a matrix is not square or not positive.

    Example:
        >>> torchkeras.ops.cholesky([[4.0, 0.0], [0.0, 9.0]])
        tensor([[2., 0.],
                [0., 3.]])
    """
    try:
        return torch.linalg.cholesky(_matrices(x, square=True), upper=upper)
    except RuntimeError as error:
        raise ValueError(f"Cholesky decomposition failed: {error}") from error


@op
def cholesky_inverse(x, upper=False):
    """Inverses of the matrices with given triangular factors (see `cholesky`).

    Args:
        x: Factors ``(..., n, n)``.
        upper: Whether they are upper triangular.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.cholesky_inverse([[2.0, 0.0], [0.0, 4.0]])
        tensor([[0.2500, -0.0000],
                [-0.0000, 0.0625]])
    """
    return torch.cholesky_inverse(_matrices(x, square=True), upper=upper)


@op
def det(x):
    """Determinants.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.det([[1.0, 2.0], [3.0, 4.0]])
        tensor(-2.)
    """
    return torch.linalg.det(_matrices(x, square=True))


@op
def eig(x):
    """Eigenvalues and eigenvectors, complex numbers.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.eig([[2.0, 0.0], [0.0, 3.0]])[0]
        tensor([2.+0.j, 3.+0.j])
    """
    return tuple(torch.linalg.eig(_matrices(x, square=True)))


@op
def eigh(x):
    """Eigenvalues, in increasing order, and eigenvectors of symmetric matrices.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.eigh([[2.0, 0.0], [0.0, 3.0]])[0]
        tensor([2., 3.])
    """
    return tuple(torch.linalg.eigh(_matrices(x, square=True)))


@op
def inv(x):
    """Inverse matrices.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.inv([[2.0, 0.0], [0.0, 4.0]])
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return torch.linalg.inv(_matrices(x, square=True))


@op
def jvp(fun, primals, tangents, has_aux=False):
    """A function's value, and its derivative in a direction.

    Args:
        fun: Function of tensors.
        primals: Where, a tuple of its arguments.
        tangents: The direction, a tuple shaped like them.
        has_aux: Whether ``fun`` returns a pair whose second part is passed on.

    Example:
        >>> torchkeras.ops.jvp(torch.square, (torch.tensor(3.0),), (torch.tensor(1.0),))
        (tensor(9.), tensor(6.))
    """
    primals = tuple(tensor(x) for x in primals)
    tangents = tuple(tensor(x) for x in tangents)
    return torch.func.jvp(fun, primals, tangents, has_aux=has_aux)


@op
def lstsq(a, b, rcond=None):
    """The shortest ``x`` for which ``a x`` is nearest to ``b``.

    Args:
        a: Matrix ``(m, n)``.
        b: Vector ``(m,)`` or matrix ``(m, k)``.
        rcond: Singular values below this part of the largest count as zero; default the float's
            resolution times the larger of ``m`` and ``n``.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> torchkeras.ops.lstsq([[1.0, 0.0], [0.0, 2.0]], [1.0, 4.0])
        tensor([1., 2.])
    """
    a, b = _matrices(a, "a"), floating(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            "Expected a 2D array `a` and a 1D or 2D array `b` with as many rows. "
            f"Received shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    u, s, vh = torch.linalg.svd(a, full_matrices=False)
    if rcond is None:
        rcond = torch.finfo(a.dtype).eps * max(a.shape)
    keep = s >= rcond * s.amax() if s.numel() else s.bool()
    scale = torch.where(keep, 1 / torch.where(keep, s, 1), 0)
    x = vh.mH @ (scale[:, None] * (u.mH @ (b[:, None] if b.ndim == 1 else b).to(a.dtype)))
    return x[:, 0] if b.ndim == 1 else x


@op
def lu_factor(x):
    """Lower and upper triangular factors in one matrix, and the rows exchanged for them.

    Args:
        x: Matrices ``(..., m, n)``.

    Example:
        >>> torchkeras.ops.lu_factor([[1.0, 2.0], [3.0, 4.0]])
        (tensor([[3.0000, 4.0000],
                [0.3333, 0.6667]]), tensor([1, 1], dtype=torch.int32))
    """
    factors, pivots = torch.linalg.lu_factor(_matrices(x))
    return factors, pivots - 1  # torch counts rows from one


@op
def matrix_rank(x, tol=None):
    """Number of singular values above a tolerance.

    Args:
        x: Matrices ``(..., m, n)``.
        tol: Tolerance; default the largest singular value times the float's resolution and the
            larger size.

    Example:
        >>> torchkeras.ops.matrix_rank([[1.0, 1.0], [1.0, 1.0]])
        tensor(1, dtype=torch.int32)
    """
    x = _matrices(x)
    rank = (
        torch.linalg.matrix_rank(x)
        if tol is None
        else torch.linalg.matrix_rank(x, atol=tol, rtol=0.0)
    )
    return rank.to(torch.int32)


@op
def norm(x, ord=None, axis=None, keepdims=False):
    """Norm of vectors or matrices.

    Args:
        x: Tensor, array, list or number.
        ord: Order: a number, or ``"fro"`` or ``"nuc"`` for matrices; default 2, of matrices
            ``"fro"``.
        axis: Axis of the vectors, or pair of axes of the matrices; default all.
        keepdims: Whether the axes stay, with size one.

    Example:
        >>> torchkeras.ops.norm([3.0, 4.0])
        tensor(5.)
    """
    x = narrow_floating(x)
    return torch.linalg.norm(x, ord=ord, dim=axis, keepdim=keepdims)


@op
def pinv(x, rcond=None):
    """Pseudo-inverse matrices.

    Args:
        x: Matrices ``(..., m, n)``.
        rcond: Singular values below this part of the largest count as zero.

    Example:
        >>> torchkeras.ops.pinv([[2.0, 0.0], [0.0, 4.0]])
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return torch.linalg.pinv(_matrices(x), rtol=rcond)


def _qr_rule(x, mode="reduced"):
    if None in x.shape[-2:]:
        raise ValueError(
            "Input should have its last 2 dimensions fully-defined. "
            f"Received: input.shape = {x.shape}"
        )
    return infer(qr.__wrapped__, (x, mode), {})


@op(rule=_qr_rule)
def qr(x, mode="reduced"):
    """Orthogonal and upper triangular factors.

    Args:
        x: Matrices ``(..., m, n)``.
        mode: ``"reduced"``, or ``"complete"`` for square orthogonal factors.

    Raises:
        ValueError: for another ``mode``.

    Example:
        >>> torchkeras.ops.qr([[2.0, 0.0], [0.0, 4.0]])[1].abs()
        tensor([[2., 0.],
                [0., 4.]])
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            f"Received: mode={mode}"
        )
    return tuple(torch.linalg.qr(_matrices(x), mode=mode))


@op
def slogdet(x):
    """Sign, and logarithm of the absolute value, of determinants.

    Args:
        x: Matrices ``(..., n, n)``.

    Raises:
        ValueError: if a matrix is not square.

    Example:
        >>> torchkeras.ops.slogdet([[-1.0, 0.0], [0.0, 1.0]])
        (tensor(-1.), tensor(0.))
    """
    return tuple(torch.linalg.slogdet(_matrices(x, square=True)))


@op
def solve(a, b):
    """The ``x`` for which ``a x = b``.

    Args:
        a: Matrices ``(..., n, n)``.
        b: Vectors ``(..., n)`` or matrices ``(..., n, k)``.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> torchkeras.ops.solve([[2.0, 0.0], [0.0, 4.0]], [1.0, 2.0])
        tensor([0.5000, 0.5000])
    """
    return _solved(torch.linalg.solve, a, b)


def _solved(function, a, b, **kwargs):
    a, b = _matrices(a, "a", square=True), floating(b)
    vector = b.ndim == a.ndim - 1
    if not (vector or b.ndim == a.ndim) or b.shape[a.ndim - 2] != a.shape[-1]:
        raise ValueError(
            "Incompatible shapes between `a` and `b`. Expected `b` of shape (..., n) or "
            f"(..., n, k). Received shapes {tuple(a.shape)} and {tuple(b.shape)}"
        )
    x = function(a, b[..., None] if vector else b, **kwargs)
    return x[..., 0] if vector else x


@op
def solve_triangular(a, b, lower=False):
    """The ``x`` for which ``a x = b``, for triangular ``a``.

    Args:
        a: Matrices ``(..., n, n)``.
        b: Vectors ``(..., n)`` or matrices ``(..., n, k)``.
        lower: Whether the lower triangle of ``a`` counts, not the upper one.

    Raises:
        ValueError: for other shapes.

    Example:
        >>> torchkeras.ops.solve_triangular([[2.0, 0.0], [0.0, 4.0]], [1.0, 2.0])
        tensor([0.5000, 0.5000])
    """
    return _solved(torch.linalg.solve_triangular, a, b, upper=not lower)


def _svd_rule(x, full_matrices=True, compute_uv=True):
    if len(x.shape) < 2:
        raise ValueError(f"Input should have rank >= 2. Received: input.shape = {x.shape}")
    *batch, m, n = x.shape
    k = None if None in (m, n) else min(m, n)
    s = KerasTensor((*batch, k), x.dtype)
    if not compute_uv:
        return s
    u = KerasTensor((*batch, m, m if full_matrices else k), x.dtype)
    return u, s, KerasTensor((*batch, n if full_matrices else k, n), x.dtype)


@op(rule=_svd_rule)
def svd(x, full_matrices=True, compute_uv=True):
    """Singular values ``s`` and orthogonal factors: ``x = u diag(s) vh``.

    Args:
        x: Matrices ``(..., m, n)``.
        full_matrices: Whether ``u`` and ``vh`` are square.
        compute_uv: Whether to return ``u`` and ``vh``, not only ``s``.

    Example:
        >>> torchkeras.ops.svd([[2.0, 0.0], [0.0, 4.0]], compute_uv=False)
        tensor([4., 2.])
    """
    if not compute_uv:
        return torch.linalg.svdvals(_matrices(x))
    return tuple(torch.linalg.svd(_matrices(x), full_matrices=full_matrices))
