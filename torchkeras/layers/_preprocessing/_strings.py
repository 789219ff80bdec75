"""Strings as lists of bytes, hashes of them, and the data that layers adapt to, as batches."""

import itertools

import numpy as np
import torch

from torchkeras import _dtypes

# --- text ------------------------------------------------------------------------------


def as_array(value):
    """A string, or an array or nested list of strings, as an array.

    Raises:
        ValueError: if the lists are of different lengths.
    """
    if isinstance(value, np.ndarray):
        return value
    # As objects: numpy would give every string the length of the longest.
    array = np.asarray(value, dtype=None if hasattr(value, "dtype") else object)
    if array.dtype == object and array.size and isinstance(array.flat[0], (list, tuple)):
        raise ValueError(
            "Expected lists of equal lengths. Received: lists of different lengths; pad them, or "
            "call the layer on one list at a time."
        )
    return array


def flat(value, encoding="utf-8"):
    """The strings of an array or nested list in a flat list, and the array's shape.

    The list holds ``str`` only, or ``bytes`` only: as they came where they are all of one kind.

    Raises:
        TypeError: if a value is no string.
        ValueError: if the lists are of different lengths.
    """
    if isinstance(value, torch.Tensor):
        raise TypeError(f"Expected strings. Received: a tensor of dtype {value.dtype}")
    value = as_array(value)
    if value.dtype.kind not in "USOT":
        raise TypeError(f"Expected strings. Received: an array of dtype {value.dtype}")
    values = value.ravel().tolist()
    kinds = {value.dtype.type} if value.dtype.kind in "US" else set(map(type, values))
    if kinds <= {str, np.str_} or kinds <= {bytes, np.bytes_}:
        return values, value.shape
    for kind in kinds:
        if not issubclass(kind, (str, bytes)):
            raise TypeError(f"Expected strings. Received: a value of type {kind.__name__}")
    return [s if isinstance(s, bytes) else s.encode(encoding) for s in values], value.shape


def as_bytes(value, encoding="utf-8"):
    """The strings of an array or nested list as a flat list of bytes, and the array's shape.

    Raises:
        TypeError, ValueError: as `flat` does.
    """
    values, shape = flat(value, encoding)
    return encoded(values, encoding), shape


def encoded(values, encoding="utf-8"):
    """A flat list of strings as bytes."""
    if values and isinstance(values[0], str):
        return list(map(str.encode, values, itertools.repeat(encoding)))
    return values


def is_text(value):
    """Whether a value is a string, or an array or nested list of strings."""
    while isinstance(value, (list, tuple)) and len(value):
        value = value[0]
    if isinstance(value, (str, bytes)):
        return True
    return _dtypes.is_text(value if isinstance(value, torch.Tensor) else np.asarray(value))


def ints_as_bytes(values):
    """Integers of an array as their decimal digits, in a flat list."""
    return values.ravel().astype("S21").tolist()


# --- hashes ----------------------------------------------------------------------------

_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)


class _Packed:
    """Byte strings end to end, read by vectors of positions."""

    def __init__(self, values):
        self.lengths = np.fromiter(map(len, values), np.int64, len(values))
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.bytes = np.frombuffer(b"".join([*values, bytes(16)]), np.uint8)
        n = len(self.bytes)
        self._words = {
            size: np.ndarray((n - size + 1,), f"<u{size}", self.bytes, 0, (1,)) for size in (4, 8)
        }

    def word(self, at, size=8):
        """The little-endian integers that begin at the positions."""
        return self._words[size][at].astype(np.uint64)


def _rotate(x, bits):
    return (x >> np.uint64(bits)) | (x << np.uint64(64 - bits))


def _shift_mix(x):
    return x ^ (x >> np.uint64(47))


def _mix(u, v, mul):
    """Two 64-bit words into one (the HashLen16 of FarmHash)."""
    a = _shift_mix((u ^ v) * mul)
    b = _shift_mix((v ^ a) * mul)
    return b * mul


def fingerprint64(values):
    """FarmHash's 64-bit fingerprint of each byte string, as an array of uint64.

    The function for each class of lengths is that of FarmHash's description
    (https://github.com/google/farmhash, `farmhashna::Hash64`), for all strings at once.
    """
    packed = _Packed(values)
    result = np.full(len(values), _K2)
    lower = 1
    for upper, function in ((3, _upto3), (7, _upto7), (16, _upto16), (32, _upto32), (64, _upto64)):
        rows = np.flatnonzero((packed.lengths >= lower) & (packed.lengths <= upper))
        if len(rows):
            result[rows] = function(packed, packed.starts[rows], packed.lengths[rows])
        lower = upper + 1
    rows = np.flatnonzero(packed.lengths > 64)
    if len(rows):
        result[rows] = _longer(packed, packed.starts[rows], packed.lengths[rows])
    return result


def _upto3(packed, s, n):
    a, b, c = (packed.bytes[s + at].astype(np.uint64) for at in (0, n >> 1, n - 1))
    y = a + (b << np.uint64(8))
    z = n.astype(np.uint64) + (c << np.uint64(2))
    return _shift_mix(y * _K2 ^ z * _K0) * _K2


def _upto7(packed, s, n):
    size = n.astype(np.uint64)
    mul = _K2 + size * np.uint64(2)
    first = packed.word(s, 4)
    return _mix(size + (first << np.uint64(3)), packed.word(s + n - 4, 4), mul)


def _upto16(packed, s, n):
    mul = _K2 + n.astype(np.uint64) * np.uint64(2)
    a, b = packed.word(s) + _K2, packed.word(s + n - 8)
    c = _rotate(b, 37) * mul + a
    d = (_rotate(a, 25) + b) * mul
    return _mix(c, d, mul)


def _upto32(packed, s, n):
    mul = _K2 + n.astype(np.uint64) * np.uint64(2)
    a, b = packed.word(s) * _K1, packed.word(s + 8)
    c, d = packed.word(s + n - 8) * mul, packed.word(s + n - 16) * _K2
    return _mix(_rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + _K2, 18) + c, mul)


def _upto64(packed, s, n):
    mul = _K2 + n.astype(np.uint64) * np.uint64(2)
    a, b = packed.word(s) * _K2, packed.word(s + 8)
    c, d = packed.word(s + n - 8) * mul, packed.word(s + n - 16) * _K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _mix(y, a + _rotate(b + _K2, 18) + c, mul)
    e, f = packed.word(s + 16) * mul, packed.word(s + 24)
    g, h = (y + packed.word(s + n - 32)) * mul, (z + packed.word(s + n - 24)) * mul
    return _mix(_rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, mul)


def _weak(packed, s, a, b):
    """Two words out of 32 bytes and two seeds."""
    w, x, y, z = (packed.word(s + at) for at in (0, 8, 16, 24))
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _rotate(a, 44) + c


def _longer(packed, s, n):
    """Strings of more than 64 bytes: 56 bytes of state, mixed with one block after the other."""
    zero = np.zeros(len(s), np.uint64)
    seed = np.uint64(81)
    y0 = np.uint64(int(seed) * int(_K1) + 113 & 0xFFFFFFFFFFFFFFFF)
    z0 = _shift_mix(np.full(1, y0) * _K2 + np.uint64(113)) * _K2
    state = [seed * np.ones(1, np.uint64) * _K2 + packed.word(s), zero + y0, zero + z0]
    state += [zero.copy() for _ in range(4)]
    blocks = (n - 1) // 64
    for i in range(int(blocks.max())):
        rows = np.flatnonzero(blocks > i)
        x, y, z, v0, v1, w0, w1 = (v[rows] for v in state)
        mixed = _block(packed, s[rows] + 64 * i, x, y, z, v0, v1, w0, w1, _K1, 1)
        for old, new in zip(state, mixed):
            old[rows] = new
    # The last 64 bytes, which overlap the block before.
    x, y, z, v0, v1, w0, w1 = state
    mul = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    w0 = w0 + ((n - 1) & 63).astype(np.uint64)
    v0 = v0 + w0
    w0 = w0 + v0
    x, y, z, v0, v1, w0, w1 = _block(packed, s + n - 64, x, y, z, v0, v1, w0, w1, mul, 9)
    return _mix(
        _mix(v0, w0, mul) + _shift_mix(y) * _K0 + z,
        _mix(v1, w1, mul) + x,
        mul,
    )


def _block(packed, s, x, y, z, v0, v1, w0, w1, mul, factor):
    factor = np.uint64(factor)
    x = _rotate(x + y + v0 + packed.word(s + 8), 37) * mul
    y = _rotate(y + v1 + packed.word(s + 48), 42) * mul
    x = x ^ (w1 * factor)
    y = y + v0 * factor + packed.word(s + 40)
    z = _rotate(z + w0, 33) * mul
    v0, v1 = _weak(packed, s, v1 * mul, x + w0)
    w0, w1 = _weak(packed, s + 32, z + w1, y + packed.word(s + 16))
    return z, y, x, v0, v1, w0, w1


def siphash64(values, key):
    """SipHash-2-4 of each byte string under a key of two integers, as an array of uint64.

    Aumasson and Bernstein 2012, https://www.131002.net/siphash/siphash.pdf
    """
    k0, k1 = (np.uint64(k & 0xFFFFFFFFFFFFFFFF) for k in key)
    packed = _Packed(values)
    initial = (
        (k0, 0x736F6D6570736575),
        (k1, 0x646F72616E646F6D),
        (k0, 0x6C7967656E657261),
        (k1, 0x7465646279746573),
    )
    state = [np.full(len(values), k ^ np.uint64(c)) for k, c in initial]
    words = packed.lengths >> 3
    for i in range(int(words.max(initial=0))):
        rows = np.flatnonzero(words > i)
        mixed = _compress([v[rows] for v in state], packed.word(packed.starts[rows] + 8 * i))
        for old, new in zip(state, mixed):
            old[rows] = new
    # The last word: the bytes that are left, and the length in the highest byte.
    left = (packed.lengths & 7).astype(np.uint64) * np.uint64(8)
    last = packed.word(packed.starts + 8 * words) & ((np.uint64(1) << left) - np.uint64(1))
    last |= packed.lengths.astype(np.uint64) << np.uint64(56)
    state = _compress(state, last)
    state[2] = state[2] ^ np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _compress(state, message):
    v0, v1, v2, v3 = state
    v0, v1, v2, v3 = _sip_round(*_sip_round(v0, v1, v2, v3 ^ message))
    return [v0 ^ message, v1, v2, v3]


def _sip_round(v0, v1, v2, v3):
    v0 = v0 + v1
    v1 = _rotate(v1, 51) ^ v0  # rotations to the left by 13, 32, 16, 21, 17, 32
    v0 = _rotate(v0, 32)
    v2 = v2 + v3
    v3 = _rotate(v3, 48) ^ v2
    v0 = v0 + v3
    v3 = _rotate(v3, 43) ^ v0
    v2 = v2 + v1
    v1 = _rotate(v1, 47) ^ v2
    v2 = _rotate(v2, 32)
    return [v0, v1, v2, v3]


def hashed(values, bins, salt=None):
    """The bin of each byte string: its FarmHash, or with a salt its SipHash, modulo ``bins``."""
    words = fingerprint64(values) if salt is None else siphash64(values, salt)
    return (words % np.uint64(bins)).astype(np.int64)


_CAT = np.uint64(0xC6A4A7935BD1E995)


def concatenated(first, second):
    """A fingerprint of two fingerprints, as TensorFlow joins the features of a cross."""
    mixed = (first ^ _CAT) ^ _shift_mix(second * _CAT) * _CAT
    return _shift_mix(_shift_mix(mixed * _CAT) * _CAT)
