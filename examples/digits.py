"""Handwritten digits with a small convolutional network: a Keras script, as Keras has it.

    python -m torchkeras examples/digits.py

Nothing in here knows of torchkeras or of torch.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(1)

digits = load_digits()
images = (digits.images / 16.0).astype("float32")[..., np.newaxis]
x_train, x_test, y_train, y_test = train_test_split(
    images, digits.target, test_size=0.2, random_state=1, stratify=digits.target
)

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()

model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=30,
    validation_split=0.1,
    callbacks=[keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)],
)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

probabilities = model.predict(x_test[:5], verbose=0)
print("the first five:", probabilities.argmax(axis=1), "are", y_test[:5])
