"""Muon: a momentum made orthogonal for matrices, Adam for everything else."""

# torch's lists of exports leave its foreach and fused functions out.
# pyright: reportPrivateImportUsage=false

import re

import torch

from torchkeras.optimizers._adam import adam_step
from torchkeras.optimizers._optimizer import Optimizer


class Muon(Optimizer):
    """Steps of matrices whose singular values are all about 1; `AdamW` for other variables.

    For a variable with two axes::

        m = momentum * m + gradient
        step = orthogonal(m)                  # or, with nesterov, of gradient + momentum * m
        variable -= learning_rate * rms_rate * sqrt(max(variable.shape)) * step

    where ``orthogonal`` starts from ``x = step / norm(step)`` and repeats
    ``x = a * x + (b * (x @ x.T) + c * (x @ x.T)**2) @ x`` (Newton-Schulz).

    Args:
        learning_rate: A float, a schedule, or a callable without arguments.
        adam_beta_1: Decay of Adam's mean of gradients.
        adam_beta_2: Decay of Adam's mean of squares.
        adam_weight_decay: Weight decay of the variables that Adam moves.
        epsilon: Added to Adam's root.
        weight_decay: Weight decay of the matrices.
        clipnorm: Highest norm of each gradient.
        clipvalue: Highest absolute value of a gradient's elements.
        global_clipnorm: Highest norm of all gradients together.
        use_ema: Whether a moving average of each variable is kept.
        ema_momentum: Decay of that average.
        ema_overwrite_frequency: Steps after which the averages replace the variables.
        loss_scale_factor: `scale_loss` multiplies by it, and gradients are divided by it.
        gradient_accumulation_steps: Number of calls whose mean gradient makes one step.
        name: First part of the paths of the optimizer's variables.
        exclude_layers: List of regular expressions; a variable with one of them in its path
            is left to Adam.
        exclude_embeddings: Whether variables with "embedding" in their path are left to Adam.
        muon_a: Coefficient of ``x``.
        muon_b: Coefficient of ``x @ x.T``.
        muon_c: Coefficient of its square.
        adam_lr_ratio: Adam's learning rate as a multiple of ``learning_rate``.
        momentum: Decay of the sum of gradients.
        ns_steps: Number of repetitions.
        nesterov: Whether the gradient is taken as if the momentum had been applied already.
        rms_rate: Root mean square of a step over the learning rate; ``None`` for steps that
            are not scaled by the shape.

    Paper: Jordan, "Muon: An optimizer for hidden layers in neural networks"
    (https://kellerjordan.github.io/posts/muon/); scaling: Liu et al., "Muon is Scalable for
    LLM Training" (https://arxiv.org/abs/2502.16982).

    Example:
        >>> weight = torchkeras.Variable(torch.zeros(2, 2), name="kernel")
        >>> optimizer = torchkeras.optimizers.Muon(0.1, rms_rate=None, ns_steps=20)
        >>> optimizer.apply([torch.tensor([[0.0, 7.0], [-0.01, 0.0]])], [weight])
        >>> bool((weight[0, 1] < -0.06) and (weight[1, 0] > 0.06))
        True
    """

    slots = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.775,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def _should_use_adamw(self, variable):
        path = self._path(variable)
        return (
            variable.ndim != 2
            or (self.exclude_embeddings and "embedding" in path.lower())
            or any(re.search(pattern, path) for pattern in self.exclude_layers)
        )

    def _decay_argument(self, variable):
        return "adam_weight_decay" if self._should_use_adamw(variable) else "weight_decay"

    def make_slot(self, variable, name):
        if name == "velocity" and not self._should_use_adamw(variable):
            return None
        return super().make_slot(variable, name)

    def update(self, variables, gradients, learning_rate, momentums, velocities):
        if velocities[0] is not None:
            lists = variables, gradients, momentums, velocities, []
            rate = learning_rate * self.adam_lr_ratio
            betas = self.adam_beta_1, self.adam_beta_2
            adam_step(*lists, rate, *betas, self.epsilon, self._step_number())
            return
        torch._foreach_mul_(momentums, self.momentum)
        torch._foreach_add_(momentums, gradients)
        if self.nesterov:
            gradients = torch._foreach_add(gradients, momentums, alpha=self.momentum)
        else:
            gradients = momentums
        by_shape = {}  # matrices of one shape are multiplied together
        for variable, gradient in zip(variables, gradients):
            alike = by_shape.setdefault(variable.shape, ([], []))
            alike[0].append(variable)
            alike[1].append(gradient)
        for alike, steps in by_shape.values():
            steps = self.zeropower_via_newtonschulz5(torch.stack(steps), self.ns_steps)
            steps = self.lr_adjust(steps).unbind()
            torch._foreach_add_(alike, steps, alpha=-learning_rate)

    def zeropower_via_newtonschulz5(self, x, steps):
        """About ``U @ V.T`` of a matrix ``U @ S @ V.T``, or of each matrix of a batch.

        Args:
            x: The matrices.
            steps: Number of repetitions.

        Shapes:
            x, outputs: ``(..., rows, columns)``
        """
        tall = x.shape[-2] > x.shape[-1]
        if tall:  # the smaller product
            x = x.mT
        x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
        for _ in range(steps):
            square = x @ x.mT
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.mT if tall else x

    def lr_adjust(self, x):
        """Steps scaled so that their root mean square is ``rms_rate``.

        Args:
            x: Steps with singular values of 1.

        Shapes:
            x, outputs: ``(..., rows, columns)``
        """
        if self.rms_rate is None:
            return x
        return x * (max(x.shape[-2:]) ** 0.5 * self.rms_rate)
