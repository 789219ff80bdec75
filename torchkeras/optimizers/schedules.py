"""Learning rates that change with the step."""

import bisect
import math

import numpy as np
import torch

from torchkeras import _dtypes, config
from torchkeras._configurable import Configurable
from torchkeras._registry import Registry

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base of all schedules: a callable from the step to the learning rate.

    A subclass writes ``__call__(self, step)``, where ``step`` is the optimizer's
    ``iterations`` (an integer tensor on the CPU), and keeps its constructor arguments
    under their names. It may return a number or a tensor without axes.

    Example:
        >>> class Halving(torchkeras.optimizers.schedules.LearningRateSchedule):
        ...     def __init__(self, start):
        ...         self.start = start
        ...     def __call__(self, step):
        ...         return self.start * 0.5 ** float(step)
        >>> Halving(0.1)(2)
        0.025
    """

    def __call__(self, step):
        """The learning rate at this step."""
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )


class _Formula(LearningRateSchedule):
    """A schedule that is a formula in Python floats: nothing to launch, nothing to wait for."""

    def _rate(self, step):
        raise NotImplementedError

    def __call__(self, step):
        """The learning rate at this step, or at each step of an array.

        Args:
            step: A number, or an array or tensor of them.

        Shapes:
            outputs: that of ``step``; a tensor on the CPU
        """
        if getattr(step, "ndim", 0):
            rates = [self._rate(float(s)) for s in np.asarray(step).ravel()]
            rates = np.reshape(rates, np.shape(step))
        else:
            rates = self._rate(float(step))
        return torch.tensor(rates, dtype=_dtypes.TORCH[config.floatx()], device="cpu")


def _positive(name, value):
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


class ExponentialDecay(_Formula):
    """Multiplies the rate by a constant every so many steps.

    ``initial_learning_rate * decay_rate ** (step / decay_steps)``

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps in which the rate is multiplied by ``decay_rate`` once.
        decay_rate: The factor.
        staircase: Whether ``step / decay_steps`` is rounded down, so that the rate jumps.
        name: Name of the schedule.

    Raises:
        ValueError: if ``decay_steps`` is not positive.

    Example:
        >>> schedule = torchkeras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        >>> schedule(20)
        tensor(0.0250)
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="ExponentialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _rate(self, step):
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return self.initial_learning_rate * self.decay_rate**periods


class PiecewiseConstantDecay(_Formula):
    """A constant rate between one boundary and the next.

    ``values[i]`` for ``boundaries[i - 1] < step <= boundaries[i]``

    Args:
        boundaries: Rising steps at which the rate changes.
        values: The rates: one more than there are boundaries.
        name: Name of the schedule.

    Raises:
        ValueError: if the number of values is not one more than that of boundaries.

    Example:
        >>> schedule = torchkeras.optimizers.schedules.PiecewiseConstantDecay(
        ...     [100, 200], [0.1, 0.01, 0.001]
        ... )
        >>> schedule(np.array([0, 100, 101, 500]))
        tensor([0.1000, 0.1000, 0.0100, 0.0010])
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. Received: "
                f"boundaries={boundaries} of length {len(boundaries)}, and values={values} of "
                f"length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def _rate(self, step):
        return self.values[bisect.bisect_left(self.boundaries, step)]


class PolynomialDecay(_Formula):
    """Falls from one rate to another along a polynomial.

    ``(initial - end) * (1 - step / decay_steps) ** power + end``; past ``decay_steps`` the
    rate stays at its end, or starts over on a longer way with ``cycle``.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps to the end.
        end_learning_rate: The rate at the end.
        power: Exponent; 1 is a straight line.
        cycle: Whether ``decay_steps`` is taken as its first multiple not below ``step``.
        name: Name of the schedule.

    Raises:
        ValueError: if ``decay_steps`` is not positive.

    Example:
        >>> schedule = torchkeras.optimizers.schedules.PolynomialDecay(0.1, 10, 0.02)
        >>> schedule(5), schedule(99)
        (tensor(0.0600), tensor(0.0200))
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def _rate(self, step):
        steps = self.decay_steps
        if self.cycle:
            steps *= max(1, math.ceil(step / steps))
        left = 1 - min(step, steps) / steps
        span = self.initial_learning_rate - self.end_learning_rate
        return span * left**self.power + self.end_learning_rate


class InverseTimeDecay(_Formula):
    """Divides the rate by a line in the step.

    ``initial_learning_rate / (1 + decay_rate * step / decay_steps)``

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps in which the divisor grows by ``decay_rate``.
        decay_rate: Slope of the divisor.
        staircase: Whether ``step / decay_steps`` is rounded down.
        name: Name of the schedule.

    Raises:
        ValueError: if ``decay_steps`` is not positive.

    Example:
        >>> torchkeras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.5)(2)
        tensor(0.0500)
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="InverseTimeDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def _rate(self, step):
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


class CosineDecay(_Formula):
    """Falls along half a cosine, after an optional linear warm-up.

    With ``p = min(step, decay_steps) / decay_steps`` the rate is
    ``start * ((1 - alpha) * (1 + cos(pi * p)) / 2 + alpha)``. With a ``warmup_target`` the
    rate first climbs from ``initial_learning_rate`` to it in ``warmup_steps``; the cosine
    then starts there, and its steps are counted from there.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Steps from the start of the cosine to its end.
        alpha: Lowest rate, as a fraction of the cosine's start.
        name: Name of the schedule.
        warmup_target: Rate at the end of the warm-up; ``None`` for no warm-up.
        warmup_steps: Steps of the warm-up.

    Raises:
        ValueError: if ``decay_steps`` is not positive.

    Paper: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts"
    (https://arxiv.org/abs/1608.03983).

    Example:
        >>> schedule = torchkeras.optimizers.schedules.CosineDecay(0.1, 10)
        >>> schedule(5)
        tensor(0.0500)
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def _rate(self, step):
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start = self.warmup_target
            step -= self.warmup_steps
        cosine = (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps)) / 2
        return start * ((1 - self.alpha) * cosine + self.alpha)


class CosineDecayRestarts(_Formula):
    """Half a cosine after another, each from the top.

    The i-th period lasts ``first_decay_steps * t_mul ** i`` steps, and in it the rate falls
    as in `CosineDecay` from ``initial_learning_rate * m_mul ** i``.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: Steps of the first period.
        t_mul: How much longer each period is than the one before.
        m_mul: How much higher each period starts than the one before.
        alpha: Lowest rate, as a fraction of ``initial_learning_rate``.
        name: Name of the schedule.

    Raises:
        ValueError: if ``first_decay_steps`` is not positive.

    Paper: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts"
    (https://arxiv.org/abs/1608.03983).

    Example:
        >>> schedule = torchkeras.optimizers.schedules.CosineDecayRestarts(0.1, 10)
        >>> schedule(np.array([0, 5, 10, 20]))
        tensor([0.1000, 0.0500, 0.1000, 0.0500])
    """

    def __init__(
        self,
        initial_learning_rate,
        first_decay_steps,
        t_mul=2.0,
        m_mul=1.0,
        alpha=0.0,
        name="SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def _rate(self, step):
        done = step / self.first_decay_steps
        if self.t_mul == 1:
            period, done = divmod(done, 1)
        else:
            # Periods 0 to i - 1 take (1 - t^i) / (1 - t) first periods together.
            growth = 1 - done * (1 - self.t_mul)
            if growth <= 0:  # shrinking periods have a finite sum, and it is over
                return self.initial_learning_rate * self.alpha
            # A step on a boundary starts a period, however the logarithms round.
            period = math.floor(math.log(growth) / math.log(self.t_mul) + 1e-9)
            length = self.t_mul**period
            done = (done - (1 - length) / (1 - self.t_mul)) / length
        cosine = self.m_mul**period * (1 + math.cos(math.pi * done)) / 2
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


_registry = Registry("learning rate schedule", LearningRateSchedule)
_registry.add(
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)


def serialize(learning_rate_schedule):
    """The config of a schedule.

    Args:
        learning_rate_schedule: The schedule.

    Example:
        >>> schedule = torchkeras.optimizers.schedules.CosineDecay(0.1, 10)
        >>> torchkeras.optimizers.schedules.serialize(schedule)["class_name"]
        'CosineDecay'
    """
    return _registry.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule of a config.

    Args:
        config: What `serialize` returned.
        custom_objects: Dict from name to the user's classes.

    Raises:
        TypeError: if nothing has that name.

    Example:
        >>> schedule = torchkeras.optimizers.schedules.CosineDecay(0.1, 10)
        >>> config = torchkeras.optimizers.schedules.serialize(schedule)
        >>> torchkeras.optimizers.schedules.deserialize(config)(10)
        tensor(0.)
    """
    return _registry.deserialize(config, custom_objects)
