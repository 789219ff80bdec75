"""A plain PyTorch loop over a Keras model: every layer is an `nn.Module`.

python examples/torch_loop.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

import torchkeras as keras
from torchkeras import layers

torch.manual_seed(1)
device = "cuda" if torch.cuda.is_available() else "cpu"

digits = load_digits()
data = TensorDataset(
    torch.tensor(digits.images / 16.0, dtype=torch.float32).unsqueeze(-1),
    torch.tensor(digits.target),
)
train, test = random_split(data, [0.8, 0.2])

# Keras layers and torch modules, side by side, in either kind of container.
model = nn.Sequential(
    keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Flatten(),
        ]
    ),
    nn.Linear(512, 64),
    nn.ReLU(),
    layers.Dense(10),
).to(device)
model(torch.zeros(1, 8, 8, 1, device=device))  # the last layer makes its weights

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
loss_function = nn.CrossEntropyLoss()
for _ in range(12):
    model.train()
    for images, labels in DataLoader(train, batch_size=32, shuffle=True):
        loss = loss_function(model(images.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    hits = sum(
        (model(images.to(device)).argmax(1) == labels.to(device)).sum().item()
        for images, labels in DataLoader(test, batch_size=256)
    )
print(f"test accuracy {hits / len(test):.4f}")
