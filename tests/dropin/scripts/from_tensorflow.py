import sys

import numpy as np
import tensorflow as tf
from tensorflow import keras

assert tf.keras is keras and tf.keras.layers.Dense is keras.layers.Dense

model = keras.Sequential()
model.add(keras.layers.Dense(64, input_dim=100))
model.add(keras.layers.Activation("relu"))
model.add(keras.layers.Dense(10))
model.add(keras.layers.Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
data = np.random.random((1000, 100))
labels = np.random.random((1000, 10))
history = model.fit(data, labels, epochs=int(sys.argv[1]), batch_size=10, verbose=2)
print("epochs", len(history.history["loss"]), "accuracy" in history.history)
