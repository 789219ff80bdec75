"""Functions on tensors that also work on symbols."""

from torchkeras.ops._op import op

__all__ = ["op"]
