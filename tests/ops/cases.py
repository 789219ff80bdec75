"""Calls of every function, written as text so that real Keras and we can both run them.

`ops` is the namespace; the other names are the tensors of `VALUES`.
"""

import numpy as np

rng = np.random.default_rng(0)
_a = rng.normal(size=(3, 4)).astype("float32")
_sq = rng.normal(size=(2, 3, 3)).astype("float32")

VALUES = {
    "a": _a,
    "b": rng.normal(size=(3, 4)).astype("float32"),
    "p": (np.abs(_a) + 0.1).astype("float32"),  # positive
    "u": rng.uniform(0.05, 0.95, size=(3, 4)).astype("float32"),  # between 0 and 1
    "v": rng.normal(size=(4,)).astype("float32"),
    "w": rng.normal(size=(4, 5)).astype("float32"),
    "t": rng.normal(size=(2, 3, 4)).astype("float32"),
    "i": rng.integers(-5, 6, size=(3, 4)).astype("int32"),
    "j": rng.integers(1, 6, size=(3, 4)).astype("int32"),
    "m": rng.integers(0, 2, size=(3, 4)).astype("bool"),
    "k": rng.integers(0, 2, size=(3, 4)).astype("bool"),
    "z": (rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4))).astype("complex64"),
    "n": np.where(rng.uniform(size=(3, 4)) < 0.3, np.nan, _a).astype("float32"),
    "inf": np.array([[1.0, np.inf, -np.inf, np.nan]], "float32"),
    "sq": _sq,
    "pos": (_sq @ _sq.transpose(0, 2, 1) + np.eye(3)).astype("float32"),
    "tri": (np.tril(_sq) + 3 * np.eye(3)).astype("float32"),
    "x3": rng.normal(size=(2, 9, 4)).astype("float32"),
    "sig": rng.normal(size=(2, 3, 16)).astype("float32"),
    "x4": rng.normal(size=(2, 7, 8, 4)).astype("float32"),
    "x5": rng.normal(size=(1, 5, 6, 5, 2)).astype("float32"),
    "c4": rng.normal(size=(2, 4, 7, 8)).astype("float32"),
    "c8": rng.normal(size=(2, 8, 3, 4)).astype("float32"),
    "k1": rng.normal(size=(3, 4, 6)).astype("float32"),
    "k2": rng.normal(size=(3, 2, 4, 6)).astype("float32"),
    "k2g": rng.normal(size=(3, 3, 2, 6)).astype("float32"),
    "k3": rng.normal(size=(2, 3, 2, 2, 3)).astype("float32"),
    "d1": rng.normal(size=(3, 4, 2)).astype("float32"),
    "d2": rng.normal(size=(3, 3, 4, 2)).astype("float32"),
    "pw": rng.normal(size=(1, 1, 8, 5)).astype("float32"),
    "q": rng.normal(size=(2, 5, 4, 8)).astype("float32"),
    "kv": rng.normal(size=(2, 6, 2, 8)).astype("float32"),
    "q1": rng.normal(size=(2, 6, 4, 8)).astype("float32"),
    "mask": rng.uniform(size=(2, 1, 5, 6)) < 0.7,
    "bias": rng.normal(size=(1, 4, 5, 6)).astype("float32"),
    "labels": np.array([1, 0, 3], "int32"),
    "seg": np.array([0, 2, 0], "int32"),
    "ctc": rng.normal(size=(2, 6, 5)).astype("float32"),
}

# One call a line. Integers and booleans stand beside floats where a function takes them.
CALLS = """
ops.abs(a) | ops.abs(i) | ops.abs(m) | ops.abs(z)
ops.absolute(a) | ops.absolute(m)
ops.adaptive_average_pool(x3, 4) | ops.adaptive_average_pool(x4, (3, 2))
ops.adaptive_average_pool(c4, 3, data_format="channels_first") | ops.adaptive_average_pool(x5, 2)
ops.adaptive_max_pool(x3, 4) | ops.adaptive_max_pool(x4, (3, 2)) | ops.adaptive_max_pool(x5, 2)
ops.add(a, b) | ops.add(a, v) | ops.add(a, 2) | ops.add(2.5, i) | ops.add(m, 1) | ops.add(i, a)
ops.all(m) | ops.all(m, axis=1) | ops.all(a, axis=(0, 1), keepdims=True) | ops.all(t, axis=(0, -1))
ops.allclose(a, b) | ops.allclose(a, a) | ops.allclose(n, n, equal_nan=True)
ops.amax(a) | ops.amax(t, axis=(0, 2)) | ops.amax(i, axis=-1, keepdims=True) | ops.amax(m, axis=0)
ops.amin(a) | ops.amin(t, axis=(0, 2)) | ops.amin(i, axis=-1, keepdims=True)
ops.angle(a) | ops.angle(z) | ops.angle(i)
ops.any(m) | ops.any(m, axis=1) | ops.any(i, axis=(0, 1), keepdims=True)
ops.append(a, b) | ops.append(a, b, axis=1) | ops.append(i, a, axis=0)
ops.arange(5) | ops.arange(1, 7, 2) | ops.arange(0, 1, 0.25) | ops.arange(5, 0, -2, dtype="float16")
ops.arccos(u) | ops.arccos(m) | ops.arccosh(p + 1) | ops.arccosh(j) | ops.arcsin(u) | ops.arcsin(m)
ops.arcsinh(a) | ops.arcsinh(i) | ops.arctan(a) | ops.arctan(i) | ops.arctanh(u) | ops.arctanh(m)
ops.arctan2(a, b) | ops.arctan2(i, 2) | ops.arctan2(1.0, a)
ops.argmax(a) | ops.argmax(i, axis=1) | ops.argmax(a, axis=-1, keepdims=True)
ops.argmax(a, keepdims=True) | ops.argmax(m, axis=0)
ops.argmin(a) | ops.argmin(i, axis=1) | ops.argmin(a, keepdims=True) | ops.argmin(m, axis=0)
ops.argsort(a) | ops.sort(ops.argpartition(a, 2)) | ops.argsort(i, axis=0)
ops.argsort(a, axis=None) | ops.argsort(m)
ops.array([1, 2]) | ops.array([1.5, 2]) | ops.array([True]) | ops.array(a, dtype="float16")
ops.array_split(a, 3, axis=1) | ops.array_split(t, 2, axis=-2)
ops.associative_scan(lambda x, y: x + y, a) | ops.associative_scan(ops.maximum, a, axis=1)
ops.associative_scan(lambda x, y: x * y, a, reverse=True, axis=-1)
ops.associative_scan(lambda x, y: (x[0] + y[0], x[1] * y[1]), (a, b))
ops.average(a) | ops.average(i, axis=1) | ops.average(a, axis=1, weights=v)
ops.average(t, axis=(0, 1))
ops.average_pool(x3, 3) | ops.average_pool(x4, (3, 2), strides=2, padding="same")
ops.average_pool(x4, 2, strides=1)
ops.average_pool(x5, 2, padding="same")
ops.bartlett(5) | ops.bartlett(1) | ops.bartlett(0) | ops.blackman(6) | ops.hamming(5)
ops.hanning(6)
ops.kaiser(5, 2.0)
ops.batch_normalization(a, v, ops.square(v), -1)
ops.batch_normalization(t, v[:3], ops.square(v[:3]), 1, offset=v[:3], scale=v[1:], epsilon=0.1)
ops.binary_crossentropy(u, p / 10) | ops.binary_crossentropy(u, a, from_logits=True)
ops.binary_crossentropy([1.0, 0.0], [0.0, 1.0])
ops.bincount(j[0]) | ops.bincount(j[0], weights=v) | ops.bincount(j[0], minlength=9)
ops.bincount(j, minlength=7)
ops.bitwise_and(i, j) | ops.bitwise_and(m, k) | ops.bitwise_or(i, 3) | ops.bitwise_xor(i, j)
ops.bitwise_invert(i) | ops.bitwise_invert(m) | ops.bitwise_not(i) | ops.bitwise_not(m)
ops.bitwise_left_shift(i, j) | ops.bitwise_right_shift(i, 1) | ops.left_shift(i, 2)
ops.right_shift(i, j)
ops.broadcast_to(v, (3, 4)) | ops.broadcast_to(a, (2, 3, 4))
ops.cast(a, "int32") | ops.cast(i, "float16") | ops.cast(1.7, "int32") | ops.cast(a, "bool")
ops.categorical_crossentropy(u, p) | ops.categorical_crossentropy(u, a, from_logits=True)
ops.categorical_crossentropy(u, p, axis=0)
ops.categorical_crossentropy(u, a, from_logits=True, axis=0)
ops.cbrt(a) | ops.cbrt(i) | ops.ceil(a) | ops.ceil(i) | ops.floor(a) | ops.floor(m)
ops.cdist(a, b) | ops.cdist(t, t) | ops.cdist(i, j)
ops.celu(a) | ops.celu(a, alpha=0.5)
ops.cholesky(pos) | ops.cholesky(pos, upper=True) | ops.cholesky_inverse(tri)
ops.cholesky_inverse(ops.swapaxes(tri, 1, 2), upper=True)
ops.clip(a, -0.5, 0.5) | ops.clip(i, 0, 2) | ops.clip(i, 0, 2.5) | ops.clip(a, b, 1)
ops.clip(m, 0, 1)
ops.concatenate([a, b]) | ops.concatenate([a, i], axis=-1) | ops.concatenate([t, t, t], axis=1)
ops.cond(True, lambda: a, lambda: b) | ops.cond(ops.any(m), lambda: a + 1, lambda: b)
ops.conj(z) | ops.conj(a) | ops.conjugate(z)
ops.conv(x3, k1) | ops.conv(x3, k1, 2, "same") | ops.conv(x3, k1, 1, "same", dilation_rate=2)
ops.conv(x4, k2) | ops.conv(x4, k2, (2, 3), "same") | ops.conv(x4, k2g, 2, "valid")
ops.conv(c4, k2, 1, "same", "channels_first") | ops.conv(x5, k3, 2, "same")
ops.conv(x4, k2, 1, "same", dilation_rate=(2, 1))
ops.conv_transpose(x3, k1[:, :, :4]) | ops.conv_transpose(x3, k1[:, :, :4], 2, "same")
ops.conv_transpose(x3, k1[:, :, :4], 4)
ops.conv_transpose(x3, k1[:, :, :4], 4, "same")
ops.conv_transpose(x4, k2[..., :4], (2, 3), "same")
ops.conv_transpose(c4, k2[..., :4], 2, "valid", data_format="channels_first")
ops.conv_transpose(x4, k2[..., :4], 2, "same", output_padding=1)
ops.conv_transpose(x3, k1[:, :, :4], 3, "valid", output_padding=2)
ops.conv_transpose(x3, k1[:, :, :4], 1, "same", dilation_rate=2)
ops.conv_transpose(x5, k3[..., :2], 2, "same")
ops.convert_to_numpy(a) | ops.convert_to_numpy([1, 2])
ops.convert_to_tensor(a) | ops.convert_to_tensor([1, 2])
ops.convert_to_tensor(1.5, dtype="float16")
ops.copy(a) | ops.copy(m)
ops.corrcoef(a) | ops.corrcoef(i)
ops.correlate(w[0], v, mode="full")
ops.correlate(v, w[0], mode="full") | ops.correlate(i[0], j[0], mode="full")
ops.correlate(w[0], v[:2]) | ops.correlate(w[0], v, mode="same")
ops.cos(a) | ops.cos(i) | ops.cosh(a) | ops.cosh(i) | ops.sin(a) | ops.sin(i) | ops.sinh(a)
ops.sinh(m)
ops.count_nonzero(i) | ops.count_nonzero(m, axis=1) | ops.count_nonzero(a, axis=(0, 1))
ops.cross(a[:2, :3], b[:2, 1:]) | ops.cross(i[:2, :3], j[:2, :3])
ops.cross(a[:3, :1], b[:3, :1], axis=0)
ops.ctc_decode(ctc, [6, 3]) | ops.ctc_decode(ctc, [6, 4], merge_repeated=False, mask_index=None)
ops.ctc_decode(ctc, [6, 3], "beam_search", beam_width=4, top_paths=3)
ops.ctc_decode(ctc, [5, 6], "beam_search", beam_width=3, top_paths=2, mask_index=2)
ops.ctc_decode(ctc, [5, 6], "beam_search", top_paths=2)
ops.ctc_loss([[1, 2, 2], [3, 0, 0]], ctc, [3, 1], [6, 4])
ops.ctc_loss([[1, 2], [3, 0]], ctc, [2, 2], [6, 6], mask_index=4)
ops.cumprod(a) | ops.cumprod(i, axis=1) | ops.cumprod(m, axis=0) | ops.cumsum(a)
ops.cumsum(m, axis=1)
ops.cumsum(i, axis=0, dtype="float32") | ops.cumsum(t, axis=-1)
ops.custom_gradient(lambda x: (x * 2, lambda *g, upstream=None: g[0] * 5))(a)
ops.deg2rad(a) | ops.deg2rad(i) | ops.rad2deg(a) | ops.rad2deg(i)
ops.depth_to_space(x4, 2) | ops.depth_to_space(c8, 2, "channels_first")
ops.depthwise_conv(x3, d1) | ops.depthwise_conv(x4, d2, 2, "same")
ops.depthwise_conv(c4, d2, 1, "same", "channels_first", 2)
ops.det(sq) | ops.logdet(pos) | ops.slogdet(sq)
ops.diag(v) | ops.diag(v, k=-1) | ops.diag(a, k=1) | ops.diagflat(a, k=2)
ops.diagonal(a) | ops.diagonal(t, 1, 2, 0) | ops.trace(a) | ops.trace(t, 1, 1, 2) | ops.trace(i)
ops.trace(m)
ops.diff(a) | ops.diff(i, n=2, axis=0) | ops.diff(t, axis=1)
ops.digitize(a, [-1.0, 0.0, 1.0]) | ops.digitize(i, [0, 3])
ops.divide(a, b) | ops.divide(i, j) | ops.divide(i, 2) | ops.divide(m, 2) | ops.divide(1, a)
ops.divide_no_nan(a, i) | ops.divide_no_nan(a, 0.0) | ops.divide_no_nan(i, i)
ops.dot(a, w) | ops.dot(v, v) | ops.dot(t, w) | ops.dot(t, v) | ops.dot(a, 2.0)
ops.dot(i, ops.transpose(j)) | ops.dot(m[0], k[0])
ops.dot_product_attention(q, kv, kv) | ops.dot_product_attention(q, kv, kv, mask=mask)
ops.dot_product_attention(q, kv, kv, bias=bias)
ops.dot_product_attention(q1, q1, q1, is_causal=True)
ops.dot_product_attention(q1, q1, q1, is_causal=True, flash_attention=False)
ops.dsplit(t, 2) | ops.hsplit(a, 2) | ops.hsplit(v, [1, 3]) | ops.vsplit(a, 3) | ops.dstack([a, b])
ops.dstack([v, v])
ops.eig(sq)[0] | ops.eigh(pos)[0]
ops.einsum("ij,jk->ik", a, w) | ops.einsum("ij,ij->", a, b) | ops.einsum("bij,jk", t, w)
ops.einsum("...j,jk->...k", t, w)
ops.einsum("ij,kj->ik", i, j) | ops.einsum("ii->i", sq[0]) | ops.einsum("i,j,k->ijk", v, v, v)
ops.elu(a) | ops.elu(a, 0.5) | ops.gelu(a) | ops.gelu(a, approximate=False) | ops.glu(a)
ops.glu(t, axis=2)
ops.zeros_like(ops.empty((2, 3))) | ops.zeros_like(ops.empty_like(a, dtype="int32"))
ops.equal(i, j) | ops.equal(i, 2) | ops.equal(a, i) | ops.not_equal(i, 2) | ops.not_equal(m, k)
ops.erf(a) | ops.erf(i) | ops.erfc(a) | ops.erfc(i) | ops.erfinv(u) | ops.erfinv(m)
ops.exp(a) | ops.exp(i) | ops.exp2(a) | ops.exp2(i) | ops.expm1(a) | ops.expm1(m)
ops.expand_dims(a, 0) | ops.expand_dims(a, (0, -1)) | ops.expand_dims(a, 1)
ops.extract_sequences(v, 2, 1) | ops.extract_sequences(a, 3, 1)
ops.eye(3) | ops.eye(3, 4, 1) | ops.eye(4, 3, -2, dtype="int32") | ops.identity(3)
ops.identity(2, "bool")
ops.fabs(a) | ops.fabs(i)
ops.fft((a, b)) | ops.fft2((a, b)) | ops.ifft2((a, b)) | ops.rfft(a) | ops.rfft(v, fft_length=7)
ops.rfft(i)
ops.irfft((a, b)) | ops.irfft((a, b), fft_length=5)
ops.flip(a) | ops.flip(t, axis=1) | ops.flip(t, axis=(0, 2)) | ops.fliplr(a) | ops.flipud(v)
ops.floor_divide(a, b) | ops.floor_divide(i, j) | ops.floor_divide(i, 2) | ops.floor_divide(7, j)
ops.fmax(n, b) | ops.fmax(i, 1) | ops.fmin(n, b) | ops.fmin(i, a) | ops.fmod(a, b) | ops.fmod(i, j)
ops.fmod(m, ops.ones_like(k))
ops.fold(ops.unfold(c4, 3), (7, 8), 3)
ops.fold(ops.unfold(c4, 2, stride=2, padding=1), (7, 8), 2, 1, 1, 2)
ops.fori_loop(0, 4, lambda n, x: x + n, a)
ops.full((2, 3), 7) | ops.full((2, 4), v) | ops.full((3,), 2, dtype="int32") | ops.full_like(a, 2)
ops.full_like(i, 2.5) | ops.full_like(a, v)
ops.gcd(i, j) | ops.gcd(i, 6) | ops.lcm(i, j) | ops.lcm(j, 4)
ops.geomspace(1, 1000, 4) | ops.geomspace(1.0, 16.0, 4, endpoint=False) | ops.geomspace(-1, -8, 4)
ops.get_item(a, 1) | ops.get_item(a, (slice(1, 3), 0)) | ops.get_item(t, (..., None, 2))
ops.greater(a, b) | ops.greater(i, 2) | ops.greater_equal(i, j) | ops.less(a, i)
ops.less_equal(i, 2.5)
ops.hard_shrink(a) | ops.hard_shrink(a, 0.1) | ops.hard_sigmoid(a) | ops.hard_silu(a)
ops.hard_swish(a) | ops.hard_tanh(a)
ops.heaviside(a, b) | ops.heaviside(i, 0.5) | ops.heaviside(m, k)
ops.histogram(v) | ops.histogram(a[0], bins=4) | ops.histogram(w[:, 0], bins=3, range=(-1.0, 1.0))
ops.hstack([a, b]) | ops.hstack([v, v]) | ops.vstack([a, v[None]]) | ops.vstack([v, v])
ops.hypot(a, b) | ops.hypot(i, 3)
ops.i0(a) | ops.i0(i)
ops.imag(z) | ops.real(z) | ops.real(a)
ops.in_top_k(labels, a, 2) | ops.in_top_k(labels, ops.zeros((3, 4)), 1)
ops.inner(a, b) | ops.inner(t, v) | ops.inner(i, j) | ops.inner(2.0, a)
ops.inv(pos) | ops.pinv(a) | ops.pinv(t, rcond=0.3)
ops.isclose(a, a + 1e-9) | ops.isclose(n, n, equal_nan=True)
ops.isfinite(inf) | ops.isinf(inf) | ops.isnan(inf) | ops.isneginf(inf) | ops.isposinf(inf)
ops.isfinite(i) | ops.isnan(m)
ops.isin(i, j) | ops.isin(i, [2, 3], invert=True) | ops.isin(a, a[0])
ops.isreal(z) | ops.isreal(a)
ops.istft(ops.stft(sig, 4, 2, 4), 4, 2, 4) | ops.istft(ops.stft(sig, 3, 1, 6), 3, 1, 6, length=7)
ops.istft(ops.stft(sig, 4, 1, 4, window=None), 4, 1, 4, window=None)
ops.jvp(lambda x: x * x, (a,), (b,)) | ops.jvp(lambda x: (x * 3, x), (a,), (b,), has_aux=True)
ops.kron(a, b) | ops.kron(v, v) | ops.kron(i, j) | ops.kron(m, a)
ops.layer_normalization(a) | ops.layer_normalization(a, v, v)
ops.layer_normalization(t, axis=(1, 2), epsilon=0.1)
ops.layer_normalization(a, v, rms_scaling=True)
ops.ldexp(a, i) | ops.ldexp(i, 2)
ops.leaky_relu(a) | ops.leaky_relu(a, 0.5) | ops.log_sigmoid(a) | ops.log_softmax(a)
ops.log_softmax(t, axis=(1, 2)) | ops.log_softmax(a, axis=None)
ops.linspace(0, 1, 5) | ops.linspace(0, 10, 5, endpoint=False) | ops.linspace(v, v + 1, 3)
ops.linspace(0, 10, 5, dtype="int32")
ops.linspace(0.0, 1.0, 4, retstep=True) | ops.logspace(0, 2, 3)
ops.logspace(0, 2, 3, base=2, endpoint=False)
ops.log(p) | ops.log(j) | ops.log10(p) | ops.log10(j) | ops.log1p(p) | ops.log1p(j) | ops.log2(p)
ops.log2(j)
ops.logaddexp(a, b) | ops.logaddexp(i, 1) | ops.logaddexp2(a, b) | ops.logaddexp2(a, 0.5)
ops.logical_and(m, k) | ops.logical_and(i, m) | ops.logical_or(m, k) | ops.logical_xor(m, i)
ops.logical_not(i)
ops.logsumexp(a) | ops.logsumexp(a, axis=1) | ops.logsumexp(t, axis=(0, 2), keepdims=True)
ops.logsumexp(i, axis=0)
ops.lstsq(w, v) | ops.lstsq(ops.transpose(w), ops.transpose(w)[:, :2])
ops.lu_factor(pos)
ops.map(lambda x: x * 2 + 1, a) | ops.map(lambda x: (x[0] + x[1], x[0]), (a, b))
ops.matmul(a, w) | ops.matmul(t, w) | ops.matmul(a, v) | ops.matmul(v, w)
ops.matmul(i, ops.transpose(j)) | ops.matmul(m, ops.transpose(k)) | ops.matmul(v, v)
ops.matrix_rank(sq) | ops.matrix_rank(pos, tol=1.5)
ops.max(a) | ops.max(t, axis=(0, 1)) | ops.max(i, axis=0, keepdims=True, initial=3)
ops.max([], initial=3.0)
ops.min(a) | ops.min(t, axis=(0, 1)) | ops.min(i, axis=0, keepdims=True, initial=-3) | ops.min(m)
ops.max_pool(x3, 3) | ops.max_pool(x4, (3, 2), strides=2, padding="same")
ops.max_pool(x4, 2, strides=1)
ops.max_pool(c4, 3, padding="same", data_format="channels_first")
ops.max_pool(x5, 2, padding="same")
ops.maximum(a, b) | ops.maximum(i, 1) | ops.maximum(m, k) | ops.minimum(a, 0.5) | ops.minimum(i, a)
ops.mean(a) | ops.mean(i, axis=1) | ops.mean(t, axis=(0, 2), keepdims=True) | ops.mean(m)
ops.median(a) | ops.median(i, axis=1) | ops.median(t, axis=(0, 2), keepdims=True)
ops.median(n, axis=1)
ops.meshgrid(v, v[:2]) | ops.meshgrid(v, v[:2], indexing="ij") | ops.meshgrid(v, v, v)
ops.mod(a, b) | ops.mod(i, j) | ops.mod(i, 3) | ops.mod(i, -2.5) | ops.mod(m, ops.ones_like(k))
ops.moments(a, 0) | ops.moments(t, (0, 2), keepdims=True) | ops.moments(a, [0, 1])
ops.moveaxis(t, 0, -1) | ops.moveaxis(t, (0, 1), (-1, -2))
ops.multi_hot(j, 6) | ops.multi_hot(labels, 5) | ops.multi_hot(j, 6, axis=0)
ops.multi_hot(j, num_tokens=6, dtype="int32")
ops.multiply(a, b) | ops.multiply(i, 2.5) | ops.multiply(m, k) | ops.multiply(2, m)
ops.nan_to_num(inf) | ops.nan_to_num(inf, nan=1.0, posinf=5.0, neginf=-5.0) | ops.nan_to_num(i)
ops.nanargmax(n) | ops.nanargmax(n, axis=1) | ops.nanargmin(n, axis=0, keepdims=True)
ops.nanargmin(i)
ops.nancumprod(n, axis=1) | ops.nancumsum(n) | ops.nancumsum(i, axis=0)
ops.nanmax(n) | ops.nanmax(n, axis=1) | ops.nanmax(i, axis=0) | ops.nanmin(n, axis=0, keepdims=True)
ops.nanmin(m)
ops.nanmean(n) | ops.nanmean(n, axis=1) | ops.nanmean(i, axis=0) | ops.nanmedian(n, axis=1)
ops.nanmedian(n)
ops.nanpercentile(n, 30) | ops.nanquantile(n, [0.1, 0.6], axis=0)
ops.nanprod(n) | ops.nanprod(n, axis=1) | ops.nanprod(i, axis=0, keepdims=True) | ops.nansum(n)
ops.nansum(n, axis=(0, 1)) | ops.nansum(m)
ops.nanstd(n, axis=0) | ops.nanvar(n) | ops.nanvar(i, axis=1, keepdims=True)
ops.ndim(t) | ops.shape(t) | ops.size(t)
ops.negative(a) | ops.negative(i)
ops.nextafter(a, b) | ops.nextafter(i, 9)
ops.nonzero(i)[0] | ops.nonzero(m)[1]
ops.norm(a) | ops.norm(a, axis=1) | ops.norm(a, ord=1) | ops.norm(a, ord="nuc")
ops.norm(t, axis=(1, 2), keepdims=True)
ops.norm(a, ord=float("inf"), axis=0) | ops.norm(i) | ops.norm(a, ord=-2) | ops.norm(v, ord=3)
ops.norm(v, ord=0) | ops.norm(t)
ops.normalize(a) | ops.normalize(a, axis=0, order=1) | ops.normalize(i, order=3)
ops.normalize(a, epsilon=5.0) | ops.normalize(ops.zeros((2, 2)))
ops.one_hot(labels, 4) | ops.one_hot(j, 6, axis=0) | ops.one_hot(j, 6, axis=1, dtype="int32")
ops.ones((2, 3)) | ops.ones(2, dtype="bool") | ops.ones_like(i) | ops.ones_like(a, dtype="int32")
ops.zeros((2,)) | ops.zeros((), "int32") | ops.zeros_like(m)
ops.outer(a, b) | ops.outer(v, v) | ops.outer(i, a)
ops.pad(a, ((1, 0), (2, 3)), constant_values=7)
ops.pad(a, ((1, 2), (0, 3)), mode="reflect") | ops.pad(v, 2, mode="reflect")
ops.percentile(a, 30) | ops.percentile(a, [10.0, 50.0], axis=1)
ops.percentile(i, 75, axis=0, keepdims=True)
ops.polar(p, a) | ops.power(p, a) | ops.power(i, 2) | ops.power(2, j) | ops.power(a, 2)
ops.prod(a) | ops.prod(i, axis=1) | ops.prod(t, axis=(0, 2), keepdims=True) | ops.prod(m)
ops.prod(a, dtype="float16")
ops.psnr(a, b, 2.0)
ops.ptp(a) | ops.ptp(i, axis=1) | ops.ptp(t, axis=(0, 2), keepdims=True)
ops.abs(ops.qr(sq)[1]) | ops.abs(ops.qr(a, mode="complete")[1])
ops.quantile(a, 0.3) | ops.quantile(a, [0.0, 0.4, 1.0], axis=1)
ops.quantile(t, 0.7, axis=(0, 2), keepdims=True)
ops.quantile(a, 0.3, method="lower") | ops.quantile(a, 0.3, method="higher")
ops.quantile(a, 0.3, method="midpoint", axis=0)
ops.quantile(a, 0.3, method="nearest", axis=1) | ops.quantile(n, 0.3, axis=1) | ops.quantile(i, 0.5)
ops.ravel(t)
ops.rearrange(t, "a b c -> c (a b)") | ops.rearrange(t, "a b (c d) -> a (b c) d", d=2)
ops.rearrange(a, "a b -> b a")
ops.reciprocal(a) | ops.reciprocal(j)
ops.relu(a) | ops.relu(i) | ops.relu6(a * 5)
ops.repeat(a, 2) | ops.repeat(a, 3, axis=1) | ops.repeat(a, ops.array([1, 2, 0]), axis=0)
ops.reshape(a, (4, 3)) | ops.reshape(t, (2, -1)) | ops.reshape(a, -1) | ops.reshape(a, (2, 2, 3))
ops.rms_normalization(a) | ops.rms_normalization(a, v)
ops.rms_normalization(t, axis=(1, 2), epsilon=0.1)
ops.roll(a, 1) | ops.roll(a, 2, axis=1) | ops.roll(t, (1, -1), axis=(0, 2))
ops.rot90(a) | ops.rot90(t, 3, (1, 2)) | ops.rot90(a, -2)
ops.round(a) | ops.round(a, 1) | ops.round(i) | ops.round(a * 100, -1)
ops.rsqrt(p) | ops.rsqrt(j) | ops.sqrt(p) | ops.sqrt(j)
ops.saturate_cast(a * 1000, "int8") | ops.saturate_cast(i, "uint8")
ops.saturate_cast(a * 1e6, "float16") | ops.saturate_cast(i * 100, "int8")
ops.scan(lambda c, x: (c + x, c * x), v, a)
ops.scan(lambda c, x: (c + x, c * x), v, a, reverse=True)
ops.scan(lambda c, x: (c + 1, c), v, length=3)
ops.scatter([[0], [2], [0]], v[:3], (4,)) | ops.scatter([[0, 1], [2, 0]], [1, 2], (3, 2))
ops.scatter([[1], [0]], a[:2], (3, 4))
ops.scatter_update(a, [[0, 1], [2, 3]], [9.0, 8.0])
ops.scatter_update(v, [[0], [2], [0]], v[:3], reduction="add")
ops.scatter_update(v, [[0], [2], [0]], v[1:], reduction="max")
ops.scatter_update(a, [[0], [2]], b[:2], reduction="min")
ops.scatter_update(v, [[0], [2], [0]], v[:3], reduction="mul")
ops.scatter_update(i, [[0], [1]], j[:2])
ops.searchsorted([1.0, 3.0, 5.0], a) | ops.searchsorted([1, 3, 5], i, side="right")
ops.segment_sum(a, seg, 4) | ops.segment_sum(a, seg) | ops.segment_max(a, seg, 4)
ops.segment_prod(a, seg, 4, sorted=False)
ops.select([m, k], [a, b], 9.0) | ops.select([m], [i])
ops.selu(a) | ops.sigmoid(a) | ops.sigmoid(i) | ops.silu(a) | ops.swish(a) | ops.soft_shrink(a)
ops.soft_shrink(a, 0.1)
ops.softplus(a) | ops.softsign(a) | ops.sparse_plus(a) | ops.sparse_sigmoid(a)
ops.squareplus(a, 2)
ops.softmax(a) | ops.softmax(t, axis=(1, 2)) | ops.softmax(a, axis=None) | ops.softmax(a, axis=0)
ops.tanh(a) | ops.tanh(i) | ops.tanh_shrink(a) | ops.tan(a) | ops.tan(i)
ops.threshold(a, 0.1, 5.0)
ops.separable_conv(x4, d2, pw) | ops.separable_conv(x4, d2, pw, 2, "same")
ops.separable_conv(c4, d2, pw, 1, "same", "channels_first")
ops.sign(a) | ops.sign(i) | ops.signbit(a) | ops.signbit(i)
ops.sinc(a) | ops.sinc(i)
ops.slice(a, (1, 0), (2, 3)) | ops.slice(t, [0, 1, 2], [2, 1, 2])
ops.slice_update(a, (1, 2), ops.ones((2, 2)))
ops.solve(pos, a[:2, :3]) | ops.solve(pos, sq) | ops.solve_triangular(tri, sq, lower=True)
ops.solve_triangular(pos, a[:2, :3])
ops.sort(a) | ops.sort(i, axis=0) | ops.sort(m)
ops.space_to_depth(x4[:, :6], 2) | ops.space_to_depth(c4[:, :, :6], 2, "channels_first")
ops.sparse_categorical_crossentropy(labels, p)
ops.sparse_categorical_crossentropy(labels, a, from_logits=True)
ops.sparse_categorical_crossentropy(labels[:, None], p)
ops.sparse_categorical_crossentropy(j[0] % 3, p, axis=0)
ops.split(a, 2, axis=1) | ops.split(t, [1, 3], axis=2) | ops.split(a, 3)
ops.square(a) | ops.square(i) | ops.square(m)
ops.squeeze(a[:, :1]) | ops.squeeze(t[:1], axis=0) | ops.squeeze(t[:1, :1], axis=(0, 1))
ops.stack([a, b]) | ops.stack([a, i], axis=-1) | ops.unstack(a) | ops.unstack(t, axis=1)
ops.std(a) | ops.std(i, axis=1) | ops.std(t, axis=(0, 2), keepdims=True) | ops.var(a)
ops.var(i, axis=1) | ops.var(t, axis=(0, 2), keepdims=True)
ops.stft(sig, 4, 2, 4) | ops.stft(sig, 3, 1, 6, center=False)
ops.stft(sig[0], 4, 2, 8, window=None) | ops.stft(v, 2, 1, 2, window="hamming")
ops.stop_gradient(a)
ops.subtract(a, b) | ops.subtract(i, 2) | ops.subtract(1.5, i) | ops.subtract(m, i)
ops.sum(a) | ops.sum(i, axis=1) | ops.sum(t, axis=(0, 2), keepdims=True) | ops.sum(m)
ops.svd(a, compute_uv=False) | ops.abs(ops.svd(a, full_matrices=False)[0])
ops.swapaxes(t, 0, 2) | ops.transpose(t) | ops.transpose(t, (1, 0, 2)) | ops.tile(a, 2)
ops.tile(a, (2, 1, 3))
ops.switch(1, [lambda x: x + 1, lambda x: x * 5], a)
ops.take(a, [[0, 2]], axis=1) | ops.take(t, 1, axis=-1) | ops.take(a, seg, axis=0)
ops.take_along_axis(a, ops.argsort(a), axis=1) | ops.take_along_axis(a, [[0], [-1], [2]], axis=1)
ops.take_along_axis(a, [3, 1])
ops.tensordot(a, w, axes=1) | ops.tensordot(t, a, axes=2)
ops.tensordot(t, a, axes=[[1, 2], [0, 1]]) | ops.tensordot(t, w, axes=(2, 0))
ops.tensordot(i, j, axes=2)
ops.top_k(a, 2) | ops.top_k(i, 1)
ops.trapezoid(a) | ops.trapezoid(a, dx=2.0, axis=0) | ops.trapezoid(a, x=v) | ops.trapezoid(i)
ops.tri(3) | ops.tri(3, 4, 1) | ops.tri(3, dtype="int32", k=-1) | ops.tril(a) | ops.tril(t, 1)
ops.triu(i, -1)
ops.true_divide(a, b) | ops.true_divide(i, 2) | ops.trunc(a * 3) | ops.trunc(i)
ops.unfold(c4, 3) | ops.unfold(c4, (2, 3), dilation=2, padding=1, stride=2)
ops.unique(i) | ops.unique(i, size=20, fill_value=-9) | ops.unique(ops.sign(i), axis=0)
ops.unravel_index(j, (2, 6)) | ops.unravel_index([3, -1], (2, 3))
ops.vander(v) | ops.vander(v, 3, increasing=True) | ops.vdot(a[0], b[0]) | ops.vdot(i[0], j[0])
ops.vdot(z[1], z[0])
ops.vectorize(lambda x, y: x * y + 1)(a, b)
ops.vectorize(lambda x, y: ops.sum(x * y), signature="(n),(n)->()")(a, v)
ops.vectorized_map(lambda x: x * 2, a) | ops.vectorized_map(lambda x: x[0] * x[1], (a, b))
ops.view(a, "int32") | ops.view(i, "float32") | ops.view_as_complex(a[:, :2]) | ops.view_as_real(z)
ops.where(m, a, b) | ops.where(m, 1, i) | ops.where(m, a, 0) | ops.where(a > 0, i, 2.5)
ops.where(m)
ops.while_loop(lambda x: ops.sum(x) < 5, lambda x: x + 1, a)
ops.while_loop(lambda x, y: True, lambda x, y: (x + 1, y * 2), (i, j), maximum_iterations=2)
"""

CASES = [call.strip() for line in CALLS.strip().splitlines() for call in line.split(" | ")]

# Where real Keras on torch refuses a call or differs from numpy (and from its own other
# backends), with the formula beside it.
NUMPY = [
    ("ops.average(a, weights=p)", "np.average(a, weights=p)"),
    ("ops.average(i, axis=0, weights=[1, 2, 3])", "np.average(i, axis=0, weights=[1, 2, 3])"),
    ("ops.average(a, axis=())", "a"),
    ("ops.binary_crossentropy(m, u)", "-np.where(m, np.log(u), np.log(1 - u))"),
    ("ops.bincount([[1, 2], [0, 0]])", "np.array([[0, 1, 1], [2, 0, 0]])"),
    ("ops.clip(i, None, 2)", "np.clip(i, None, 2)"),
    ("ops.clip(i, 0, None)", "np.clip(i, 0, None)"),
    ("ops.correlate(a[0], w[0], mode='same')", "np.correlate(a[0], w[0], mode='same')"),
    ("ops.correlate(v[:2], w[0], mode='same')", "np.correlate(v[:2], w[0], mode='same')"),
    ("ops.correlate(v, v)", "np.correlate(v, v)"),
    ("ops.cross(a[:, :2], b[:, :3])", "np.cross(np.pad(a[:, :2], ((0, 0), (0, 1))), b[:, :3])"),
    ("ops.cross(a[:, :2], b[:, :2])", "a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]"),
    ("ops.cross(a[:, :3], b[:, 1:])", "np.cross(a[:, :3], b[:, 1:])"),
    ("ops.einsum('ij,jk,kl->il', a, w, w.T)", "a @ w @ w.T"),
    ("ops.diag(v[:0])", "np.zeros((0, 0), 'float32')"),
    ("ops.imag(a)", "np.imag(a)"),
    ("ops.in_top_k([0, 1], [[np.nan, 1.0], [1.0, np.nan]], 1)", "np.array([False, False])"),
    ("ops.in_top_k([0, 1], [[2.0, np.nan], [1.0, 3.0]], 1)", "np.array([False, True])"),
    (
        "ops.istft(ops.stft(sig, 4, 2, 8, center=False), 4, 2, 8, 13, center=False)[..., 3:]",
        "sig[..., 3:13]",
    ),
    ("ops.isclose(i, j, rtol=1.0)", "np.isclose(i, j, rtol=1.0)"),
    ("ops.linspace(v, v + 1, 3, axis=-1)", "np.linspace(v, v + 1, 3, axis=-1)"),
    ("ops.mean(a, axis=())", "a"),
    ("ops.multiply(a[:0], v)", "a[:0] * v"),
    ("ops.max(a[:0], axis=0, initial=2)", "np.full(4, 2.0)"),
    ("ops.nanmax(n, axis=())", "n"),
    ("ops.pad(a, 1)", "np.pad(a, 1)"),
    ("ops.pad(i, (2, 1))", "np.pad(i, (2, 1))"),
    ("ops.pad(m, 1)", "np.pad(m, 1)"),
    ("ops.pad(i, ((1, 2), (3, 0)), mode='symmetric')", "np.pad(i, ((1, 2), (3, 0)), 'symmetric')"),
    ("ops.pad(v, 9, mode='reflect')", "np.pad(v, 9, mode='reflect')"),
    ("ops.pad(v, 9, mode='symmetric')", "np.pad(v, 9, mode='symmetric')"),
    ("ops.quantile(a, [[0.2, 0.5]], axis=0)", "np.quantile(a, [[0.2, 0.5]], axis=0)"),
    ("ops.repeat([1, 2], [1, 3])", "np.repeat([1, 2], [1, 3])"),
    ("ops.rearrange(t, '... a b -> ... (b a)')", "t.transpose(0, 2, 1).reshape(2, 12)"),
    ("ops.rearrange(a, 'a b -> a 1 b 1')", "a[:, None, :, None]"),
    ("ops.rearrange(a, '... -> (...)')", "a.reshape(-1)"),
    ("ops.round(j * 7, -1)", "np.round(j * 7, -1)"),
    ("ops.saturate_cast([1e20, -1e20, np.nan], 'int32')", "np.array([2**31 - 1, -(2**31), 0])"),
    ("ops.saturate_cast([300, -1], 'bool')", "np.array([True, True])"),
    ("ops.segment_min(i, seg, 3)[1]", "np.full(4, 2**31 - 1)"),
    ("ops.sum(a, axis=())", "a"),
    ("ops.sum(ops.sparsemax(a * 3), 1)", "np.ones(3)"),
    ("ops.take(a, [0, 5, -1])", "np.take(a, [0, 5, -1])"),
    ("ops.take(a, [-1], axis=0)", "a[[-1]]"),
    ("ops.trapezoid(t, x=w[:3, 0], axis=1)", "np.trapezoid(t, x=w[:3, 0], axis=1)"),
    ("ops.unique(i, return_index=True, return_counts=True)", "np.unique(i, True, False, True)"),
    ("ops.var(i, axis=())", "np.zeros((3, 4))"),
    ("ops.vdot(a, b)", "np.vdot(a, b)"),
    ("ops.vdot(z, z)", "np.vdot(z, z)"),
    (
        "ops.average_pool(ops.reshape(ops.arange(8.0), (1, 8, 1)), 3, padding='same')[0, :, 0]",
        "np.array([1.0, 4.0, 6.5])",
    ),
]

# Attention with everything at once, for which there is no reference call.
ATTENTION = [
    {"bias": "bias", "mask": "mask", "scale": 0.3},
    {"mask": "mask", "attn_logits_soft_cap": 0.7},
    {"bias": "bias", "attn_logits_soft_cap": 0.7, "is_causal": True},
    {"bias": "bias", "mask": "mask", "is_causal": True},
    {"flash_attention": False},
]
