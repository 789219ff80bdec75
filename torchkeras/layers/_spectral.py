"""SpectralNormalization: a layer whose kernel's largest singular value is held at 1."""

import torch
import torch.nn.functional as F

from torchkeras import initializers
from torchkeras._checks import is_positive_int
from torchkeras.layers._wrappers import Wrapper


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value before each call in training.

    The kernel, as a matrix of its last axis, is divided by ``sigma = v @ kernel @ u.T`` with
    ``v = unit(u @ kernel.T)`` and ``u = unit(v @ kernel)``: power iteration, begun where the
    last call left ``u``. Inference uses the kernel as it is.

    Args:
        layer: A layer with a ``kernel`` or, as `Embedding`, with ``embeddings``.
        power_iterations: How often ``v`` and ``u`` are improved in a call.

    Weights:
        kernel: that of the layer
        vector_u: ``(1, last axis of the kernel)``, not trainable
        the others of the layer

    Shapes:
        those of the layer

    Raises:
        ValueError: if ``power_iterations`` is not a positive integer, or the layer has neither
            ``kernel`` nor ``embeddings``.

    Paper: Miyato et al. 2018, https://arxiv.org/abs/1802.05957

    Example:
        >>> layer = torchkeras.layers.SpectralNormalization(torchkeras.layers.Dense(2), 10)
        >>> y = layer(torch.ones(1, 3), training=True)
        >>> torch.linalg.matrix_norm(layer.kernel.detach(), 2).round(decimals=2)
        tensor(1.)
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if not is_positive_int(power_iterations):
            raise ValueError(
                "`power_iterations` should be greater than zero. Received: "
                f"`power_iterations={power_iterations}`"
            )
        self.power_iterations = int(power_iterations)

    @property
    def kernel(self):
        """The weight that is normalized."""
        return self.layer.kernel if hasattr(self.layer, "kernel") else self.layer.embeddings

    @property
    def weights(self):
        """The kernel first, then ``vector_u``: the order of Keras."""
        if not self.built:
            return super().weights
        return list({id(w): w for w in (self.kernel, self.vector_u, *super().weights)}.values())

    def _saved_variables(self):
        return [self.kernel, self.vector_u]  # as in Keras' files

    def build(self, input_shape=None):
        super().build(input_shape)
        if not hasattr(self.layer, "kernel") and not hasattr(self.layer, "embeddings"):
            raise ValueError(
                f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'"
            )
        self.vector_u = self.add_weight(
            (1, self.kernel.shape[-1]),
            initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            autocast=False,
        )

    def call(self, inputs, training=False):
        if training:
            vector_u, kernel = self.normalized_weights()
            # Through `.data`: the layer may be called again before the backward pass.
            self.vector_u.data.copy_(vector_u)
            self.kernel.data.copy_(kernel)
        return self.layer(inputs)

    @torch.no_grad()
    def normalized_weights(self):
        """The next ``vector_u`` and the kernel divided by its largest singular value."""
        kernel, u = self.kernel, self.vector_u
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = F.normalize(u @ matrix.t())
            u = F.normalize(v @ matrix)
        sigma = v @ matrix @ u.t()
        return u, kernel / sigma.clamp(min=1e-12).reshape(())

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
