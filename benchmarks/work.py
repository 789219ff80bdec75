"""The work that is timed: the same model and data on each stack, as a function of one pass."""

import dataclasses
import os

import numpy as np


@dataclasses.dataclass
class Work:
    """A row of the table: what is done with which model on data of which shape."""

    model: str
    shape: tuple
    classes: int
    batch: int
    samples: int
    optimizer: str = "adam"
    tokens: int = 0  # the inputs are numbers below it
    does: str = "fit"


_MLP = {"model": "mlp", "shape": (784,), "classes": 10, "batch": 128}
WORK = {
    "mlp10": Work("mlp10", (100,), 10, 10, 2000, "sgd"),
    "mlp": Work(samples=6400, **_MLP),
    "cnn": Work("cnn", (28, 28, 1), 10, 128, 640),
    "conv1d": Work("conv1d", (128, 16), 10, 32, 1280),
    "lstm": Work("lstm", (80,), 2, 32, 320, tokens=20000),
    "gru": Work("gru", (80,), 2, 32, 320, tokens=20000),
    "transformer": Work("transformer", (128,), 2, 32, 160, tokens=20000),
    "resnet20": Work("resnet20", (32, 32, 3), 10, 32, 160),
    "predict": Work(samples=12800, does="predict", **_MLP),
    "predict one row": Work(samples=1, does="predict", **_MLP),
    "evaluate": Work(samples=12800, does="evaluate", **_MLP),
}


def data(work):
    """Inputs as numpy arrays and class numbers."""
    rng = np.random.default_rng(0)
    if work.tokens:
        x = rng.integers(0, work.tokens, (work.samples, *work.shape))
    else:
        x = rng.random((work.samples, *work.shape), dtype="float32")
    return x, rng.integers(0, work.classes, work.samples)


def keras_model(k, name, classes, shape, tokens=0):
    """A model on a package with Keras' API."""
    layers = k.layers
    inputs = x = k.Input(shape, dtype="int32" if tokens else None)
    if tokens:
        x = layers.Embedding(tokens, 128)(x)
    if name == "mlp10":
        x = layers.Dense(64, "relu")(x)
    elif name == "mlp":
        for _ in range(2):
            x = layers.Dropout(0.2)(layers.Dense(512, "relu")(x))
    elif name == "cnn":
        x = layers.Conv2D(32, 3, activation="relu")(x)
        x = layers.Conv2D(64, 3, activation="relu")(x)
        x = layers.Dropout(0.25)(layers.MaxPooling2D()(x))
        x = layers.Dense(128, "relu")(layers.Flatten()(x))
    elif name == "conv1d":
        for _ in range(2):
            x = layers.MaxPooling1D()(layers.Conv1D(64, 5, padding="same", activation="relu")(x))
        x = layers.Flatten()(x)
    elif name in ("lstm", "gru"):
        x = {"lstm": layers.LSTM, "gru": layers.GRU}[name](128)(x)
    elif name == "transformer":
        for _ in range(2):
            y = layers.MultiHeadAttention(4, 32)(x, x)
            x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, y]))
            y = layers.Dense(128)(layers.Dense(512, "relu")(x))
            x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling1D()(x)
    elif name == "resnet20":
        x = _convolved(layers, x, 16, 3, 1)
        for filters in (16, 32, 64):
            for block in range(3):
                strides = 2 if filters > 16 and block == 0 else 1
                y = _convolved(layers, x, filters, 3, strides)
                y = _convolved(layers, y, filters, 3, 1, activation=None)
                if strides == 2:
                    x = _convolved(layers, x, filters, 1, 2, activation=None)
                x = layers.ReLU()(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling2D()(x)
    elif name == "resnet50":
        x = layers.MaxPooling2D(3, 2, padding="same")(_convolved(layers, x, 64, 7, 2))
        for stage, blocks in enumerate((3, 4, 6, 3)):
            for block in range(blocks):
                strides = 2 if stage and block == 0 else 1
                filters = 64 * 2**stage
                y = _convolved(layers, x, filters, 1, strides)
                y = _convolved(layers, y, filters, 3, 1)
                y = _convolved(layers, y, 4 * filters, 1, 1, activation=None)
                if block == 0:
                    x = _convolved(layers, x, 4 * filters, 1, strides, activation=None)
                x = layers.ReLU()(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling2D()(x)
    return k.Model(inputs, layers.Dense(classes, "softmax")(x))


def _convolved(layers, x, filters, size, strides, activation="relu"):
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


def keras_pass(work, k, jit_compile="auto"):
    """A function that goes once through the data, on a package with Keras' API."""
    model = keras_model(k, work.model, work.classes, work.shape, work.tokens)
    model.compile(
        work.optimizer,
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    x, y = data(work)
    if work.does == "predict":
        return lambda: model.predict(x, batch_size=work.batch, verbose=0)
    if work.does == "evaluate":
        return lambda: model.evaluate(x, y, batch_size=work.batch, verbose=0)
    return lambda: model.fit(x, y, batch_size=work.batch, epochs=1, verbose=0)


def torch_model(name, classes):
    """The model as a PyTorch engineer writes it; it returns logits."""
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.embed = nn.Embedding(20000, 128)
            self.recurrent = kind(128, 128, batch_first=True)
            self.head = nn.Linear(128, classes)

        def forward(self, x):
            return self.head(self.recurrent(self.embed(x))[0][:, -1])

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20000, 128)
            self.blocks = nn.Sequential(
                *(
                    nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
                    for _ in range(2)
                )
            )
            self.head = nn.Linear(128, classes)

        def forward(self, x):
            return self.head(self.blocks(self.embed(x)).mean(1))

    def convolved(inside, filters, size, strides, activation=True):
        parts = [
            nn.Conv2d(inside, filters, size, strides, padding=size // 2, bias=False),
            nn.BatchNorm2d(filters),
        ]
        return nn.Sequential(*parts, nn.ReLU(inplace=True)) if activation else nn.Sequential(*parts)

    class Block(nn.Module):
        def __init__(self, inside, filters, strides):
            super().__init__()
            self.main = nn.Sequential(
                convolved(inside, filters, 3, strides), convolved(filters, filters, 3, 1, False)
            )
            self.short = nn.Identity()
            if strides == 2:
                self.short = convolved(inside, filters, 1, 2, False)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x):
            return self.relu(self.short(x) + self.main(x))

    def mlp():
        return nn.Sequential(
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, classes),
        )

    def cnn():
        return nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * 12 * 12, 128),
            nn.ReLU(),
            nn.Linear(128, classes),
        )

    def conv1d():
        return nn.Sequential(
            nn.Conv1d(16, 64, 5, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(64, 64, 5, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Flatten(),
            nn.Linear(64 * 32, classes),
        )

    def resnet20():
        inside, parts = 16, [convolved(3, 16, 3, 1)]
        for filters in (16, 32, 64):
            for block in range(3):
                parts.append(Block(inside, filters, 2 if filters > 16 and block == 0 else 1))
                inside = filters
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))

    return {
        "mlp10": lambda: nn.Sequential(nn.Linear(100, 64), nn.ReLU(), nn.Linear(64, classes)),
        "mlp": mlp,
        "cnn": cnn,
        "conv1d": conv1d,
        "lstm": lambda: Recurrent(nn.LSTM),
        "gru": lambda: Recurrent(nn.GRU),
        "transformer": Transformer,
        "resnet20": resnet20,
    }[name]()


def torch_data(work):
    """The data as tensors, images in torch's order but with channels last in memory."""
    import torch

    x, y = (torch.from_numpy(a) for a in data(work))
    if len(work.shape) == 3:
        x = x.permute(0, 3, 1, 2)
    elif len(work.shape) == 2:
        x = x.transpose(1, 2).contiguous()
    return x, y


def torch_pass(work):
    """A function that goes once through the data, in a loop written by hand."""
    import torch
    from torch import nn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torch_model(work.model, work.classes).to(device)
    if len(work.shape) == 3:
        model = model.to(memory_format=torch.channels_last)
    x, y = (t.to(device) for t in torch_data(work))
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
    optimizer = make(model.parameters(), lr=0.01 if work.optimizer == "sgd" else 0.001)
    loss_function = nn.CrossEntropyLoss()
    samples, batch = work.samples, work.batch

    def fit():
        model.train()
        hits, total = torch.zeros((), device=device), torch.zeros((), device=device)
        order = torch.randperm(samples, device=device)
        for start in range(0, samples, batch):
            index = order[start : start + batch]
            xb, yb = x[index], y[index]
            out = model(xb)
            loss = loss_function(out, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                hits += (out.argmax(1) == yb).sum()
                total += loss.detach() * len(yb)
        return hits.item() / samples, total.item() / samples

    @torch.no_grad()
    def evaluate():
        model.eval()
        hits, total = torch.zeros((), device=device), torch.zeros((), device=device)
        for start in range(0, samples, batch):
            xb, yb = x[start : start + batch], y[start : start + batch]
            out = model(xb)
            hits += (out.argmax(1) == yb).sum()
            total += loss_function(out, yb) * len(yb)
        return hits.item() / samples, total.item() / samples

    @torch.no_grad()
    def predict():
        model.eval()
        outs = [model(x[i : i + batch]).softmax(-1) for i in range(0, samples, batch)]
        return torch.cat(outs).cpu().numpy()

    return {"fit": fit, "evaluate": evaluate, "predict": predict}[work.does]


def lightning_pass(work):
    """A function that goes once through the data, with Lightning's trainer."""
    import logging
    import warnings

    import lightning
    import torch
    from torch import nn

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.model = torch_model(work.model, work.classes)
            self.hits, self.total = torch.zeros(()), torch.zeros(())

        def training_step(self, batch, _):
            x, y = batch
            out = self.model(x)
            loss = nn.functional.cross_entropy(out, y)
            self.hits += (out.argmax(1) == y).sum()
            self.total += loss.detach() * len(y)
            return loss

        def test_step(self, batch, _):
            x, y = batch
            out = self.model(x)
            self.hits += (out.argmax(1) == y).sum()
            self.total += nn.functional.cross_entropy(out, y) * len(y)

        def predict_step(self, batch, _):
            return self.model(batch[0]).softmax(-1)

        def configure_optimizers(self):
            make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[work.optimizer]
            return make(self.parameters(), lr=0.01 if work.optimizer == "sgd" else 0.001)

    module = Module()
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*torch_data(work)), work.batch, shuffle=work.does == "fit"
    )

    def once():
        trainer = lightning.Trainer(
            max_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        if work.does == "fit":
            trainer.fit(module, loader)
        elif work.does == "evaluate":
            trainer.test(module, loader, verbose=False)
        else:
            torch.cat(trainer.predict(module, loader)).numpy()

    return once


def one_pass(work, stack):
    """The function that goes once through the data of a work on a stack."""
    if stack == "torch":
        return torch_pass(work)
    if stack == "lightning":
        return lightning_pass(work)
    package = package_of(stack)
    return keras_pass(work, package, stack == "torchkeras-compiled" or "auto")


def package_of(stack):
    """The package with Keras' API that a stack is."""
    if stack.startswith("torchkeras"):
        import torchkeras

        return torchkeras
    os.environ["KERAS_BACKEND"] = stack.removeprefix("keras-")
    import keras

    return keras
