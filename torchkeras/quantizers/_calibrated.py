"""GPTQ and AWQ of one matrix: few bits, chosen by what the matrix is multiplied with."""

from typing import Any, NamedTuple

import torch

# Rounding errors reach the columns beyond so many at once (section 3.3, step 2, of GPTQ).
_BLOCK = 128
# The zero points are kept in a byte.
_LARGEST_ZERO = 255


class FewBits(NamedTuple):
    """A matrix ``(inputs, outputs)`` as ``(integers - zero) * scale / input_scale``, turned."""

    integers: torch.Tensor  # (outputs, inputs)
    scale: torch.Tensor  # (outputs, groups)
    zero: torch.Tensor  # (outputs, groups)
    group: torch.Tensor  # of each input
    input_scale: Any = None  # (inputs,)


def grid(x, bits, symmetric=False, per_channel=True):
    """Scale and zero point of each row, so that ``bits`` reach from its smallest to its largest."""
    top = 2**bits - 1
    low, high = x.amin(1), x.amax(1)
    if not per_channel:
        low, high = low.amin().expand_as(low), high.amax().expand_as(high)
    if symmetric:
        high = torch.maximum(low.abs(), high.abs())
        low = -high
    flat = low == high
    low, high = torch.where(flat, low - 1, low), torch.where(flat, high + 1, high)
    # What the byte of the zero point cannot say gets a range that reaches to zero.
    low = low.clamp(max=0)
    high = torch.where(-low > _LARGEST_ZERO * (high - low) / top, high.clamp(min=0), high)
    scale = (high - low) / top
    if symmetric:
        return scale, torch.full_like(scale, (top + 1) // 2)
    return scale, (-low / scale).round()


def _round(x, scale, zero, bits):
    return ((x / scale).round() + zero).clamp(0, 2**bits - 1)


def gptq(weight, hessian, config):
    """The integers of a matrix by GPTQ.

    Args:
        weight: Matrix of floats, ``(inputs, outputs)``.
        hessian: Sum over the data of ``x x^T``, ``(inputs, inputs)``; any multiple of it.
        config: A `GPTQConfig`.

    Raises:
        ValueError: if the damped Hessian is not positive definite.
    """
    w = weight.t().clone()
    outputs, inputs = w.shape
    bits, size = config.weight_bits, config.group_size
    size = inputs if size == -1 else size
    order = torch.arange(inputs, device=w.device)
    if config.activation_order:
        order = torch.argsort(hessian.diagonal(), descending=True, stable=True)
        w, hessian = w[:, order], hessian[order][:, order]
    factor = _inverse_factor(hessian, config.hessian_damping)
    integers = torch.empty_like(w)
    scales, zeros = [], []
    scale = zero = w.new_ones(())
    for start in range(0, inputs, _BLOCK):
        stop = min(start + _BLOCK, inputs)
        errors = w.new_empty(outputs, stop - start)
        # Grids are chosen by the weights as they were when the block began.
        before = w.clone()
        for i in range(start, stop):
            if i % size == 0:
                group = before[:, i : i + size]
                scale, zero = grid(group, bits, config.symmetric, config.per_channel)
                scales.append(scale)
                zeros.append(zero)
            column = w[:, i]
            integers[:, i] = rounded = _round(column, scale, zero, bits)
            error = (column - (rounded - zero) * scale) / factor[i, i]
            # Equation 2: the best change of the weights that are left.
            w[:, i:stop] -= error[:, None] * factor[i, i:stop]
            errors[:, i - start] = error
        w[:, stop:] -= errors @ factor[start:stop, stop:]
    back = torch.argsort(order)
    return FewBits(
        integers[:, back],
        torch.stack(scales, 1),
        torch.stack(zeros, 1),
        (torch.arange(inputs, device=w.device) // size)[back],
    )


def _inverse_factor(hessian, damping):
    """The upper Cholesky factor of the inverse: its rows are all that GPTQ needs (section 3.3)."""
    diagonal = hessian.diagonal()
    never_seen = diagonal == 0
    diagonal = torch.where(never_seen, torch.ones_like(diagonal), diagonal)
    damped = (
        hessian - torch.diag(hessian.diagonal()) + torch.diag(diagonal + damping * diagonal.mean())
    )
    lower, problem = torch.linalg.cholesky_ex(damped)
    if int(problem):
        raise ValueError(
            "The Hessian of the calibration data is singular. Raise `hessian_damping` or "
            f"`num_samples`. Received: hessian_damping={damping}"
        )
    return torch.linalg.cholesky(torch.cholesky_inverse(lower), upper=True)


def awq(weight, magnitudes, config):
    """The integers of a matrix by AWQ.

    Args:
        weight: Matrix of floats, ``(inputs, outputs)``.
        magnitudes: Largest magnitude of each input in the data, ``(inputs,)``.
        config: An `AWQConfig`.
    """
    w = weight.t()
    inputs = w.shape[1]
    size = inputs if config.group_size == -1 else config.group_size
    group = torch.arange(inputs, device=w.device) // size
    magnitudes = magnitudes.clamp(min=1e-8)
    best: Any = None
    least = None
    for step in range(config.num_grid_points + 1):
        # Equation 5, with the scales' own range centred at 1.
        s = magnitudes ** (step / config.num_grid_points)
        s = (s / (s.max() * s.min()).sqrt()).clamp(min=1e-4)
        magnified = w * s
        grids = [grid(x, config.weight_bits) for x in magnified.split(size, 1)]
        scale, zero = (torch.stack(parts, 1) for parts in zip(*grids))
        integers = _round(magnified, scale[:, group], zero[:, group], config.weight_bits)
        error = (integers - zero[:, group]) * scale[:, group] / s - w
        loss = (error * magnitudes).square().mean()
        if least is None or loss < least:
            best, least = FewBits(integers, scale, zero, group, s), loss
    return best
