"""Optimizers that divide each element's step by a size of its gradients so far."""

# torch's lists of exports leave its foreach and fused functions out.
# pyright: reportPrivateImportUsage=false

import torch

from torchkeras import initializers
from torchkeras.optimizers._optimizer import Optimizer, once, with_general_arguments


class RMSprop(Optimizer):
    """Steps by the gradient over the root of a moving mean of its squares.

    ::

        v = rho * v + (1 - rho) * gradient**2
        step = learning_rate * gradient / sqrt(v + epsilon)
        variable -= step                                       # or, with momentum:
        m = momentum * m + step
        variable -= m

    With ``centered`` the square of a moving mean of the gradients is taken from ``v``.

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        rho: Decay of the means.
        momentum: Decay of the sum of steps; 0 for none.
        epsilon: Added under the root.
        centered: Whether the variance is divided by, not the mean of squares.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Hinton, lecture 6e of "Neural Networks for Machine Learning"
    (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.RMSprop(0.5, rho=0.75)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0., 3.], dtype=float32)
    """

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        *general,
        **kwargs,
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = epsilon
        self.centered = centered
        self.slots = ("velocity",)
        if momentum > 0:
            self.slots += ("momentum",)
        if centered:
            self.slots += ("average_gradient",)

    def update(self, variables, gradients, learning_rate, velocities, *others):
        torch._foreach_mul_(velocities, self.rho)
        torch._foreach_addcmul_(velocities, gradients, gradients, 1 - self.rho)
        if self.centered:
            means = others[-1]
            torch._foreach_lerp_(means, gradients, 1 - self.rho)
            roots = torch._foreach_addcmul(velocities, means, means, -1)
            torch._foreach_add_(roots, self.epsilon)
        else:
            roots = torch._foreach_add(velocities, self.epsilon)
        torch._foreach_sqrt_(roots)
        if self.momentum > 0:
            momentums = others[0]
            torch._foreach_mul_(momentums, self.momentum)
            torch._foreach_addcdiv_(momentums, gradients, roots, learning_rate)
            torch._foreach_sub_(variables, momentums)
        else:
            torch._foreach_addcdiv_(variables, gradients, roots, -learning_rate)


class Adagrad(Optimizer):
    """Steps by the gradient over the root of the sum of all its squares.

    ::

        a = a + gradient**2
        variable -= learning_rate * gradient / sqrt(a + epsilon)

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        initial_accumulator_value: What ``a`` starts from.
        epsilon: Added under the root.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization" (https://jmlr.org/papers/v12/duchi11a.html).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.Adagrad(0.5, initial_accumulator_value=0.0)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0.5, 2.5], dtype=float32)
    """

    slots = ("accumulator",)

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        *general,
        **kwargs,
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = epsilon

    def make_slot(self, variable, name):
        start = initializers.Constant(self.initial_accumulator_value)
        return self.add_variable_from_reference(variable, name, start)

    def update(self, variables, gradients, learning_rate, accumulators):
        torch._foreach_addcmul_(accumulators, gradients, gradients)
        roots = torch._foreach_add(accumulators, self.epsilon)
        torch._foreach_sqrt_(roots)
        torch._foreach_addcdiv_(variables, gradients, roots, -learning_rate)


class Adadelta(Optimizer):
    """Steps by the gradient, times the size of past steps over that of past gradients.

    ::

        a = rho * a + (1 - rho) * gradient**2
        step = -gradient * sqrt(d + epsilon) / sqrt(a + epsilon)
        d = rho * d + (1 - rho) * step**2
        variable += learning_rate * step

    Args:
        learning_rate: A float, a schedule, or a callable without arguments; the paper's is 1.
        rho: Decay of the means.
        epsilon: Added under the roots.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Zeiler, "ADADELTA: An Adaptive Learning Rate Method"
    (https://arxiv.org/abs/1212.5701).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.Adadelta(1.0)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> bool(weight[0] < 1) and bool(weight[1] > 2)
        True
    """

    slots = (("accumulated_grad", "accumulated_delta_var"),)

    @with_general_arguments
    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *general, **kwargs):
        super().__init__(learning_rate, *general, **kwargs)
        self.rho = rho
        self.epsilon = epsilon

    def update(self, variables, gradients, learning_rate, squares, deltas):
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - self.rho)
        steps = torch._foreach_add(deltas, self.epsilon)
        torch._foreach_div_(steps, torch._foreach_add(squares, self.epsilon))
        torch._foreach_sqrt_(steps)
        torch._foreach_mul_(steps, gradients)  # minus the step
        torch._foreach_mul_(deltas, self.rho)
        torch._foreach_addcmul_(deltas, steps, steps, 1 - self.rho)
        torch._foreach_add_(variables, steps, alpha=-learning_rate)


class Ftrl(Optimizer):
    """Follow the regularized leader: weights as the minimum of a sum over all steps so far.

    With ``p = -learning_rate_power``, in each step::

        g = gradient + 2 * l2_shrinkage_regularization_strength * variable
        z = z + g - ((n + gradient**2)**p - n**p) / learning_rate * variable
        n = n + gradient**2
        l2 = l2_regularization_strength + beta / (2 * learning_rate)
        variable = (clip(z, -l1, l1) - z) / (n**p / learning_rate + 2 * l2)

    so that weights whose ``z`` stays within ``l1_regularization_strength`` are exactly 0.

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        learning_rate_power: Not positive; 0 for a learning rate that does not fall.
        initial_accumulator_value: What ``n`` starts from; not negative.
        l1_regularization_strength: Strength of the L1 penalty.
        l2_regularization_strength: Strength of the L2 penalty.
        l2_shrinkage_regularization_strength: Strength of an L2 penalty on the gradient only.
        beta: The paper's beta.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Raises:
        ValueError: if a strength is negative, or ``learning_rate_power`` positive.

    Paper: McMahan et al., "Ad Click Prediction: a View from the Trenches"
    (https://research.google/pubs/pub41159/).

    Example:
        >>> weight = torchkeras.Variable([1.0, 2.0])
        >>> optimizer = torchkeras.optimizers.Ftrl(0.5, l1_regularization_strength=100.0)
        >>> optimizer.apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0., 0.], dtype=float32)
    """

    slots = (("accumulator", "linear"),)

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        *general,
        **kwargs,
    ):
        super().__init__(learning_rate, *general, **kwargs)
        for name, value in (
            ("initial_accumulator_value", initial_accumulator_value),
            ("l1_regularization_strength", l1_regularization_strength),
            ("l2_regularization_strength", l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength),
        ):
            if value < 0:
                raise ValueError(
                    f"`{name}` needs to be positive or zero. Received: {name}={value}."
                )
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. Received: "
                f"learning_rate_power={learning_rate_power}."
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self.beta = beta

    def make_slot(self, variable, name):
        start = self.initial_accumulator_value if name == "accumulator" else 0.0
        return self.add_variable_from_reference(variable, name, initializers.Constant(start))

    def update(self, variables, gradients, learning_rate, squares, linears):
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        torch._foreach_add_(linears, gradients)
        if self.l2_shrinkage_regularization_strength:
            shrinkage = 2 * self.l2_shrinkage_regularization_strength
            torch._foreach_add_(linears, variables, alpha=shrinkage)
        before = torch._foreach_pow(squares, power)
        torch._foreach_addcmul_(squares, gradients, gradients)
        sizes = torch._foreach_pow(squares, power)
        torch._foreach_addcmul_(
            linears, torch._foreach_sub(sizes, before), variables, -1 / learning_rate
        )
        l2 = self.l2_regularization_strength + self.beta / (2 * learning_rate)
        torch._foreach_div_(sizes, learning_rate)
        torch._foreach_add_(sizes, 2 * l2)
        torch._foreach_copy_(variables, torch._foreach_clamp_min(linears, -l1))
        torch._foreach_clamp_max_(variables, l1)
        torch._foreach_sub_(variables, linears)
        torch._foreach_div_(variables, sizes)


class Adafactor(Optimizer):
    """`Adam` without a mean of gradients, and with mean squares kept by row and column only.

    In step ``t`` (1 is the first), with ``b = 1 - t**beta_2_decay`` and ``rms`` the root mean
    square of a whole variable::

        s = gradient**2 + epsilon_1
        r = b * r + (1 - b) * mean(s, -1);  c = b * c + (1 - b) * mean(s, -2)
        v = (r / mean(r, -1))[..., None] * c[..., None, :]     # of a variable without two axes:
        v = b * v + (1 - b) * s
        u = gradient / sqrt(v)
        rate = max(epsilon_2, rms(variable)) * min(learning_rate, 1 / sqrt(t))
        variable -= rate * u / max(1, rms(u) / clip_threshold)

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        beta_2_decay: Exponent of the means' decay.
        epsilon_1: Added to the squares.
        epsilon_2: Lowest size that a variable is taken to have.
        clip_threshold: Highest root mean square of a step before the rate.
        relative_step: Part of the config only: as in Keras, the learning rate is capped at
            ``1 / sqrt(t)`` either way.
        *general: The arguments of `Optimizer`, in its order: ``weight_decay`` and so on.
        **kwargs: The same by name.

    Paper: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost"
    (https://arxiv.org/abs/1804.04235).

    Example:
        >>> weight = torchkeras.Variable([1.0, 1.0])
        >>> torchkeras.optimizers.Adafactor(0.5).apply([torch.tensor([3.0, -4.0])], [weight])
        >>> weight.numpy()
        array([0.5, 1.5], dtype=float32)
    """

    slots = (("row", "column", "velocity"),)

    @with_general_arguments
    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        *general,
        **kwargs,
    ):
        super().__init__(learning_rate, *general, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def make_slot(self, variable, name):
        if name == "velocity":
            return super().make_slot(variable, name)
        own = getattr(variable, "name", None) or self._path(variable)
        if variable.ndim < 2:
            # Not used, but Keras' files have a number in these places.
            return self._own(torch.zeros((), dtype=torch.int32, device="cpu"), own)
        return self._own(variable.detach().sum(-1 if name == "row" else -2).zero_(), own)

    def update(self, variables, gradients, learning_rate, rows, columns, velocities):
        t = self._step_number()
        rate = once(min(learning_rate, t**-0.5))
        fresh = once(t**self.beta_2_decay)
        for x, g, r, c, v in zip(variables, gradients, rows, columns, velocities):
            squares = g * g + self.epsilon_1
            if x.ndim < 2:
                v.mul_(1 - fresh).add_(squares * fresh)
            else:
                r.mul_(1 - fresh).add_(squares.mean(-1) * fresh)
                c.mul_(1 - fresh).add_(squares.mean(-2) * fresh)
                torch.mul((r / r.mean(-1, keepdim=True))[..., None], c[..., None, :], out=v)
            step = g * v.rsqrt()
            step /= (_rms(step) / self.clip_threshold).clamp(min=1)
            x.sub_(step * (_rms(x).clamp(min=self.epsilon_2) * rate))


def _rms(x):
    return x.square().mean().sqrt()
