"""Adam and its relatives: steps by a mean gradient over a root mean square one."""

# torch's lists of exports leave its foreach and fused functions out.
# pyright: reportPrivateImportUsage=false

import functools
import math

import torch

from torchkeras.optimizers._optimizer import (
    Optimizer,
    once,
    runs_fused,
    with_general_arguments,
)


class Adam(Optimizer):
    """Steps by a moving mean of the gradients over the root of that of their squares.

    In step ``t`` (1 is the first)::

        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        rate = learning_rate * sqrt(1 - beta_2**t) / (1 - beta_1**t)
        variable -= rate * m / (sqrt(v) + epsilon)

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the mean of squares.
        epsilon: Added to the root: the paper's "epsilon hat", not that of its algorithm 1.
        amsgrad: Whether the highest ``v`` so far is divided by.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Kingma and Ba, "Adam: A Method for Stochastic Optimization"
    (https://arxiv.org/abs/1412.6980); AMSGrad: Reddi et al., "On the Convergence of Adam
    and Beyond" (https://openreview.net/forum?id=ryQu7f-RZ).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> torchkeras.optimizers.Adam(0.5).apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.detach()
        tensor([0.5000, 2.5000])
    """

    slots = (("momentum", "velocity"),)

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *general,
        **kwargs,
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.amsgrad = amsgrad
        if amsgrad:
            self.slots = (*self.slots, "velocity_hat")

    def update(self, variables, gradients, learning_rate, momentums, velocities, highest=()):
        lists = variables, gradients, momentums, velocities, highest
        betas = self.beta_1, self.beta_2
        adam_step(*lists, learning_rate, *betas, self.epsilon, self._step_number())


def adam_step(
    variables,
    gradients,
    momentums,
    velocities,
    highest,
    learning_rate,
    beta_1,
    beta_2,
    epsilon,
    t,
):
    """Adam's formulas on lists; ``highest`` is empty without AMSGrad."""
    rate = once(learning_rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t))
    if runs_fused(variables):
        # The kernel's own correction would change what epsilon is compared with. At step
        # infinity it is none, and ours is in the rate.
        torch._fused_adam_(
            variables,
            gradients,
            momentums,
            velocities,
            highest,
            [_infinity(variables[0].device)] * len(variables),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=bool(highest),
            maximize=False,
        )
        return
    _moments(gradients, momentums, velocities, beta_1, beta_2)
    if highest:
        torch._foreach_maximum_(highest, velocities)
    roots = torch._foreach_sqrt(highest or velocities)
    torch._foreach_add_(roots, epsilon)
    torch._foreach_addcdiv_(variables, momentums, roots, -rate)


@functools.cache
def _infinity(device):
    return torch.tensor(math.inf, device=device)


def _moments(gradients, momentums, velocities, beta_1, beta_2):
    torch._foreach_lerp_(momentums, gradients, 1 - beta_1)
    torch._foreach_mul_(velocities, beta_2)
    torch._foreach_addcmul_(velocities, gradients, gradients, 1 - beta_2)


class AdamW(Adam):
    """`Adam` whose weights decay by default.

    Before each step ``variable -= variable * weight_decay * learning_rate``; the decay takes
    no part in the means.

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        weight_decay: Fraction of a weight that is taken off, times the learning rate.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the mean of squares.
        epsilon: Added to the root.
        amsgrad: Whether the highest ``v`` so far is divided by.
        *general: The arguments of `Optimizer` from ``clipnorm`` on, in its order.
        **kwargs: The same by name.

    Raises:
        ValueError: if ``weight_decay`` is ``None``.

    Paper: Loshchilov and Hutter, "Decoupled Weight Decay Regularization"
    (https://arxiv.org/abs/1711.05101).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.AdamW(0.5, weight_decay=0.1)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.detach()
        tensor([0.4500, 2.4000])
    """

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *general,
        **kwargs,
    ):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *general, **kwargs
        )


class Adamax(Optimizer):
    """`Adam` with the largest recent gradient in place of the root mean square.

    In step ``t`` (1 is the first)::

        m = beta_1 * m + (1 - beta_1) * gradient
        u = max(beta_2 * u, abs(gradient))
        variable -= learning_rate / (1 - beta_1**t) * m / (u + epsilon)

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the largest gradient.
        epsilon: Added to the divisor.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Kingma and Ba, "Adam: A Method for Stochastic Optimization", section 7
    (https://arxiv.org/abs/1412.6980).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> torchkeras.optimizers.Adamax(0.5).apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.detach()
        tensor([0.5000, 2.5000])
    """

    slots = (("momentum", "norm"),)

    @with_general_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *general, **kwargs
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def update(self, variables, gradients, learning_rate, momentums, norms):
        torch._foreach_lerp_(momentums, gradients, 1 - self.beta_1)
        torch._foreach_mul_(norms, self.beta_2)
        torch._foreach_maximum_(norms, torch._foreach_abs(gradients))
        divisors = torch._foreach_add(norms, self.epsilon)
        rate = once(learning_rate / (1 - self.beta_1 ** self._step_number()))
        torch._foreach_addcdiv_(variables, momentums, divisors, -rate)


class Nadam(Optimizer):
    """`Adam` with Nesterov's momentum.

    In step ``t`` (1 is the first), with ``u_t = beta_1 * (1 - 0.96**t / 2)`` and ``P_t`` the
    product of ``u_1`` to ``u_t``::

        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        step = u_(t+1) * m / (1 - P_(t+1)) + (1 - u_t) * gradient / (1 - P_t)
        variable -= learning_rate * step / (sqrt(v / (1 - beta_2**t)) + epsilon)

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the mean of squares.
        epsilon: Added to the root.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Dozat, "Incorporating Nesterov Momentum into Adam"
    (https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.Nadam(0.5)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> bool(weight[0] < 1) and bool(weight[1] > 2)
        True
    """

    slots = (("momentum", "velocity"),)

    @with_general_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *general, **kwargs
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def build(self, variables):
        super().build(variables)
        if not hasattr(self, "_u_product"):  # after the slots, as in Keras' files
            self._u_product = self._own(torch.ones((), device="cpu"), "variable")

    def _weight(self, t):
        return self.beta_1 * (1 - 0.5 * 0.96**t)

    def update(self, variables, gradients, learning_rate, momentums, velocities):
        _moments(gradients, momentums, velocities, self.beta_1, self.beta_2)
        t = self._step_number()
        now, later = self._weight(t), self._weight(t + 1)
        product = self._u_product.item() * now
        roots = torch._foreach_div(velocities, once(1 - self.beta_2**t))
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, self.epsilon)
        rate = once(learning_rate * later / (1 - product * later))
        torch._foreach_addcdiv_(variables, momentums, roots, -rate)
        rate = once(learning_rate * (1 - now) / (1 - product))
        torch._foreach_addcdiv_(variables, gradients, roots, -rate)

    def _update(self, plan, gradients):
        super()._update(plan, gradients)
        self._u_product.mul_(self._weight(self._step_number()))


class Lamb(Optimizer):
    """`Adam` with each variable's step made as long as the variable.

    In step ``t`` (1 is the first)::

        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        step = m / (1 - beta_1**t) / (sqrt(v / (1 - beta_2**t)) + epsilon)
        variable -= learning_rate * norm(variable) / norm(step) * step

    where the ratio of norms is 1 if one of them is 0.

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_1: Decay of the mean of gradients.
        beta_2: Decay of the mean of squares.
        epsilon: Added to the root.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76
    Minutes" (https://arxiv.org/abs/1904.00962).

    Example:
        >>> weight = torchkeras.Variable([3.0, 4.0])
        >>> torchkeras.optimizers.Lamb(0.1).apply([torch.tensor([1.0, 0.0])], [weight])
        >>> weight.numpy()
        array([2.5, 4. ], dtype=float32)
    """

    slots = (("momentum", "velocity"),)

    @with_general_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *general, **kwargs
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def update(self, variables, gradients, learning_rate, momentums, velocities):
        _moments(gradients, momentums, velocities, self.beta_1, self.beta_2)
        t = self._step_number()
        roots = torch._foreach_div(velocities, once(1 - self.beta_2**t))
        torch._foreach_sqrt_(roots)
        torch._foreach_add_(roots, self.epsilon)
        steps = torch._foreach_div(momentums, roots)
        torch._foreach_div_(steps, once(1 - self.beta_1**t))
        norms = torch.stack(torch._foreach_norm(variables))
        step_norms = torch.stack(torch._foreach_norm(steps))
        known = (norms > 0) & (step_norms > 0)
        ratios = torch.where(known, norms / step_norms, 1.0)
        torch._foreach_mul_(steps, ratios.unbind())
        torch._foreach_add_(variables, steps, alpha=-learning_rate)
