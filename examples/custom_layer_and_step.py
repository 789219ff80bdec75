"""A layer and a training step of one's own: a denoising autoencoder for digits.

python examples/custom_layer_and_step.py
"""

import torch
from sklearn.datasets import load_digits

import torchkeras as keras
from torchkeras import layers

keras.utils.set_random_seed(1)


class TiedDense(layers.Layer):
    """The way back through a `Dense` layer: its kernel transposed, and a bias of its own."""

    def __init__(self, forward_layer, **kwargs):
        super().__init__(**kwargs)
        self.forward_layer = forward_layer

    def build(self, input_shape):
        size = self.forward_layer.kernel.shape[0]
        self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")

    def call(self, inputs):
        return torch.sigmoid(inputs @ self.forward_layer.kernel.t() + self.bias)


class Denoiser(keras.Model):
    """Sees a noisy image, is asked for the clean one."""

    def __init__(self, noise=0.3):
        super().__init__()
        self.noise = noise
        self.encode = layers.Dense(48, activation="relu")
        self.decode = TiedDense(self.encode)

    def call(self, inputs):
        return self.decode(self.encode(inputs))

    def train_step(self, data):
        clean, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        noisy = clean + self.noise * torch.randn_like(clean)
        restored = self(noisy, training=True)
        loss = self.compute_loss(y=clean, y_pred=restored)

        self.zero_grad()
        loss.backward()
        weights = self.trainable_weights
        self.optimizer.apply([w.grad for w in weights], weights)

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss.detach())
            else:
                metric.update_state(clean, restored)
        return {metric.name: metric.result() for metric in self.metrics}


x = (load_digits().data / 16.0).astype("float32")
model = Denoiser()
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="mse", metrics=["mae"])
history = model.fit(x, batch_size=32, epochs=20, verbose=2)
print(f"mean squared error of the restored digits: {history.history['loss'][-1]:.4f}")
print("weights:", ", ".join(model.state_dict()))
