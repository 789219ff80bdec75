"""Optimizers that follow the gradient, or its sign, with a momentum."""

# torch's lists of exports leave its foreach and fused functions out.
# pyright: reportPrivateImportUsage=false

import torch

from torchkeras.optimizers._optimizer import Optimizer, runs_fused, with_general_arguments


class SGD(Optimizer):
    """Gradient descent, with momentum on request.

    Without momentum ``variable -= learning_rate * gradient``; with it::

        m = momentum * m - learning_rate * gradient
        variable += m                                            # or, with nesterov:
        variable += momentum * m - learning_rate * gradient

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        momentum: From 0 to 1.
        nesterov: Whether the gradient is taken as if the momentum had been applied already.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Raises:
        ValueError: if ``momentum`` is no float from 0 to 1.

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> torchkeras.optimizers.SGD(0.1).apply([torch.ones(2)], [weight])
        >>> weight.numpy()
        array([0.9, 1.9], dtype=float32)
    """

    @with_general_arguments
    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *general, **kwargs):
        super().__init__(learning_rate, *general, **kwargs)
        if not isinstance(momentum, float) or not 0 <= momentum <= 1:
            raise ValueError(
                f"`momentum` must be a float between [0, 1]. Received: momentum={momentum!r}"
            )
        self.momentum = momentum
        self.nesterov = nesterov
        if momentum:
            self.slots = ("momentum",)

    def update(self, variables, gradients, learning_rate, momentums=()):
        step = _fused if runs_fused(variables) else _foreach
        step(variables, gradients, momentums, learning_rate, self.momentum, self.nesterov)


def _foreach(variables, gradients, momentums, learning_rate, momentum, nesterov):
    if momentums:
        torch._foreach_mul_(momentums, momentum)
        torch._foreach_add_(momentums, gradients, alpha=-learning_rate)
        torch._foreach_add_(variables, momentums, alpha=momentum if nesterov else 1)
    if nesterov or not momentums:
        torch._foreach_add_(variables, gradients, alpha=-learning_rate)


def _fused(variables, gradients, momentums, learning_rate, momentum, nesterov):
    same = {"weight_decay": 0.0, "nesterov": False, "maximize": False, "is_first_step": False}
    if momentums:
        # The kernel: m = momentum * m + (1 - dampening) * g; v -= lr * m. Keras' learning
        # rate stands inside m, so it goes into the dampening.
        torch._fused_sgd_(
            variables,
            gradients,
            momentums,
            momentum=momentum,
            dampening=1 + learning_rate,
            lr=-momentum if nesterov else -1.0,
            **same,
        )
    if nesterov or not momentums:
        torch._fused_sgd_(
            variables, gradients, [], momentum=0.0, dampening=0.0, lr=learning_rate, **same
        )


class Lion(Optimizer):
    """Steps of one size along the sign of a momentum.

    ::

        variable -= learning_rate * sign(beta_1 * m + (1 - beta_1) * gradient)
        m = beta_2 * m + (1 - beta_2) * gradient

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_1: Share of the momentum in the step.
        beta_2: Decay of the momentum.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Raises:
        ValueError: if ``beta_1`` is not above 0 and at most 1.

    Paper: Chen et al., "Symbolic Discovery of Optimization Algorithms"
    (https://arxiv.org/abs/2302.06675).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> torchkeras.optimizers.Lion(0.5).apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0.5, 2.5], dtype=float32)
    """

    slots = ("momentum",)

    @with_general_arguments
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *general, **kwargs):
        super().__init__(learning_rate, *general, **kwargs)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer "
                f"degenerates to SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def update(self, variables, gradients, learning_rate, momentums):
        steps = torch._foreach_lerp(momentums, gradients, 1 - self.beta_1)
        torch._foreach_sign_(steps)
        torch._foreach_add_(variables, steps, alpha=-learning_rate)
        torch._foreach_lerp_(momentums, gradients, 1 - self.beta_2)
