"""torch's fused LSTM on a CPU as one operator, which a compiler neither unrolls nor looks into.

`torch.lstm` in a traced training step would become some ten operations for each time step.
"""

import torch
from torch import Tensor

_LSTM_MODE = 2  # as oneDNN numbers its recurrent networks
_AVAILABLE = torch.backends.mkldnn.is_available()


def runs(sequences):
    """Whether the operator is to be used: in a trace that takes gradients, where it can run."""
    return (
        torch.compiler.is_compiling()
        and torch.is_grad_enabled()
        and sequences.device.type == "cpu"
        and sequences.dtype is torch.float32
        and _AVAILABLE
    )


def lstm(sequences, h, c, weights):
    """Outputs of all steps and the two last states.

    Args:
        sequences: The inputs.
        h: First hidden state.
        c: First cell state.
        weights: Kernel, recurrent kernel and, if there are any, two biases.

    Shapes:
        sequences: ``(batch, steps, features)``
        h, c: ``(1, batch, units)``
        weights: ``(4 * units, features)``, ``(4 * units, units)``, ``(4 * units,)`` twice
        outputs: ``(batch, steps, units)``
    """
    if len(weights) == 2:
        zeros = weights[0].new_zeros(weights[0].shape[0])
        weights = [*weights, zeros, zeros]
    outputs, h, c, _ = _forward(sequences.transpose(0, 1), *weights, h, c)
    return outputs.transpose(0, 1), h, c


@torch.library.custom_op("torchkeras::lstm", mutates_args=(), device_types="cpu")
def _forward(
    x: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, bias_2: Tensor, h: Tensor, c: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    args = [t.contiguous() for t in (x, kernel, recurrent, bias, bias_2, h, c)]
    with torch.enable_grad():  # else the kernel does not keep what its backward pass needs
        return torch.ops.aten.mkldnn_rnn_layer.default(
            *args, False, [], _LSTM_MODE, h.shape[-1], 1, True, False, False, True
        )


@_forward.register_fake
def _(x, kernel, recurrent, bias, bias_2, h, c):
    kept = torch.library.get_ctx().new_dynamic_size()
    outputs = x.new_empty(*x.shape[:2], h.shape[-1])
    return outputs, h.new_empty(h.shape), c.new_empty(c.shape), x.new_empty(kept, dtype=torch.uint8)


@torch.library.custom_op("torchkeras::lstm_backward", mutates_args=(), device_types="cpu")
def _backward(forward: list[Tensor], gradients: list[Tensor]) -> list[Tensor]:
    *args, kept = [t.contiguous() for t in forward]
    gradients = [g.contiguous() for g in gradients]
    return list(
        torch.ops.aten.mkldnn_rnn_layer_backward.default(
            *args,
            *gradients,
            False,
            _LSTM_MODE,
            args[5].shape[-1],
            1,
            True,
            True,
            False,
            [],
            False,
            kept,
        )
    )


@_backward.register_fake
def _(forward, gradients):
    return [t.new_empty(t.shape) for t in forward[:7]]


def _keep(ctx, inputs, output):
    ctx.save_for_backward(*inputs, *output)


def _gradients(ctx, outputs, h, c, _):
    return tuple(_backward(list(ctx.saved_tensors), [outputs, h, c]))


_forward.register_autograd(_gradients, setup_context=_keep)
