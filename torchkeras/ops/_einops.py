"""Axes reordered, merged and split as a pattern of names says."""

import math
import re

from torchkeras.graph._tensor import KerasTensor
from torchkeras.ops._convert import as_tensor
from torchkeras.ops._op import op


class _Pattern:
    """What a pattern means for a shape: sizes to split into, their order, the result's sizes."""

    def __init__(self, pattern, shape, lengths):
        left, arrow, right = pattern.partition("->")
        before, after = self._groups(left), self._groups(right)
        names, wanted = self._flat(before), self._flat(after)
        if not arrow or sorted(names) != sorted(wanted) or len(set(names)) != len(names):
            raise ValueError(
                "`pattern` must name the same axes, each once, on both sides of '->'. "
                f"Received: pattern={pattern!r}"
            )
        rest = len(shape) - len(before)
        if "..." in names:
            dots = [f"...{n}" for n in range(rest + 1)]
            before, after = self._filled(before, dots), self._filled(after, dots)
            names, wanted = self._flat(before), self._flat(after)
        if len(before) != len(shape):
            raise ValueError(
                f"`pattern` has {len(before)} axes before '->', but the tensor has shape "
                f"{tuple(shape)}. Received: pattern={pattern!r}"
            )
        sizes = {}
        for group, size in zip(before, shape):
            sizes.update(self._sizes(group, size, lengths, pattern))
        self.split = [sizes[n] for n in names]
        self.order = [names.index(n) for n in wanted]
        self.result: list = [
            None if None in (s := [sizes[n] for n in group]) else math.prod(s) for group in after
        ]

    @staticmethod
    def _groups(text):
        """Lists of names, and the bare `...`; `1` and `()` are axes of size one, without a name."""
        parts = re.findall(r"\(([^()]*)\)|(\.\.\.|\w+)", text)
        return [
            name if name == "..." else [n for n in (group or name).split() if n != "1"]
            for group, name in parts
        ]

    @staticmethod
    def _flat(groups):
        return [n for group in groups for n in ([group] if group == "..." else group)]

    @staticmethod
    def _filled(groups, dots):
        """The groups with names in the place of `...`."""
        filled = []
        for group in groups:
            if group == "...":
                filled += [[d] for d in dots]
            else:
                filled.append([m for n in group for m in (dots if n == "..." else [n])])
        return filled

    @staticmethod
    def _sizes(group, size, lengths, pattern):
        known = {n: lengths[n] for n in group if n in lengths}
        unknown = [n for n in group if n not in lengths]
        product = math.prod(list(known.values()))
        if size is None:
            return {**dict.fromkeys(unknown), **known}
        if len(unknown) > 1 or size % max(product, 1) or (not unknown and product != size):
            raise ValueError(
                f"Cannot split an axis of size {size} into {group} with {known}. Give all sizes "
                f"but one, as in `rearrange(x, {pattern!r}, name=size)`."
            )
        return {**known, **{n: size // max(product, 1) for n in unknown}}


def _rearrange_rule(tensor, pattern, **axes_lengths):
    return KerasTensor(_Pattern(pattern, tensor.shape, axes_lengths).result, tensor.dtype)


@op(rule=_rearrange_rule)
def rearrange(tensor, pattern, **axes_lengths):
    """Axes reordered, merged and split as a pattern says, like ``"b (h w) c -> b h w c"``.

    Args:
        tensor: Tensor, array, list or number.
        pattern: Names of the axes before and after ``->``; names in parentheses are one axis, and
            ``...`` stands for any axes.
        axes_lengths: Sizes of axes that the pattern splits; one in each group may be left out.

    Raises:
        ValueError: if pattern and shape do not fit.

    Example:
        >>> torchkeras.ops.rearrange(torch.ones(2, 6), "b (h w) -> h b w", h=2).shape
        torch.Size([2, 2, 3])
    """
    x = as_tensor(tensor)
    plan = _Pattern(pattern, x.shape, axes_lengths)
    return x.reshape(plan.split).permute(plan.order).reshape(plan.result)
