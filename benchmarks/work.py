"""The work that is timed: the same model and data on each stack, as a function of one epoch."""

import os

import numpy as np

# name: (shape of a sample, classes, batch size, samples in an epoch, optimizer)
WORK = {
    "mlp10": ((100,), 10, 10, 2000, "sgd"),
    "mlp": ((784,), 10, 128, 6400, "adam"),
    "cnn": ((28, 28, 1), 10, 128, 640, "adam"),
    "lstm": ((80,), 2, 32, 320, "adam"),
}


def data(name):
    """Inputs as numpy arrays and class numbers."""
    shape, classes, _, samples, _ = WORK[name]
    rng = np.random.default_rng(0)
    if name == "lstm":
        x = rng.integers(0, 20000, (samples, *shape))
    else:
        x = rng.random((samples, *shape), dtype="float32")
    return x, rng.integers(0, classes, samples)


def keras_epoch(name, k):
    """A function that trains one epoch, on a package with Keras' API."""
    layers = k.layers
    shape, classes, batch, _, optimizer = WORK[name]
    chain = {
        "mlp10": lambda: [layers.Dense(64, "relu")],
        "mlp": lambda: [
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
        ],
        "cnn": lambda: [
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, "relu"),
        ],
        "lstm": lambda: [layers.Embedding(20000, 128), layers.LSTM(128)],
    }[name]()
    dtype = "int32" if name == "lstm" else None
    model = k.Sequential([k.Input(shape, dtype=dtype), *chain, layers.Dense(classes, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data(name)
    return lambda: model.fit(x, y, batch_size=batch, epochs=1, verbose=0)


def torch_epoch(name):
    """A function that trains one epoch in a loop written by hand."""
    import torch
    from torch import nn

    shape, classes, batch, samples, optimizer = WORK[name]

    class Lstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(20000, 128)
            self.lstm = nn.LSTM(128, 128, batch_first=True)
            self.head = nn.Linear(128, classes)

        def forward(self, x):
            return self.head(self.lstm(self.embed(x))[0][:, -1])

    model = {
        "mlp10": lambda: nn.Sequential(nn.Linear(100, 64), nn.ReLU(), nn.Linear(64, classes)),
        "mlp": lambda: nn.Sequential(
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(512, classes),
        ),
        "cnn": lambda: nn.Sequential(
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
        ),
        "lstm": Lstm,
    }[name]()
    x, y = (torch.from_numpy(a) for a in data(name))
    if name == "cnn":
        x = x.permute(0, 3, 1, 2).contiguous()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, x, y = model.to(device), x.to(device), y.to(device)
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    steps = make(model.parameters(), lr=0.01 if optimizer == "sgd" else 0.001)
    loss_function = nn.CrossEntropyLoss()

    def epoch():
        model.train()
        hits, total = torch.zeros((), device=device), torch.zeros((), device=device)
        order = torch.randperm(samples, device=device)
        for start in range(0, samples, batch):
            index = order[start : start + batch]
            xb, yb = x[index], y[index]
            out = model(xb)
            loss = loss_function(out, yb)
            steps.zero_grad()
            loss.backward()
            steps.step()
            with torch.no_grad():
                hits += (out.argmax(1) == yb).sum()
                total += loss.detach() * len(yb)
        return hits.item() / samples, total.item() / samples

    return epoch


def epoch(name, stack):
    """The function that trains one epoch of a work on a stack."""
    if stack == "torch":
        return torch_epoch(name)
    if stack == "torchkeras":
        import torchkeras

        return keras_epoch(name, torchkeras)
    os.environ["KERAS_BACKEND"] = stack.removeprefix("keras-")
    import keras

    return keras_epoch(name, keras)
