"""A functional model with two inputs: each digit read as a sequence of rows and of columns.

python -m torchkeras examples/two_inputs.py
"""

import numpy as np
from keras.layers import Conv1D, Dense, Dropout, GlobalMaxPooling1D, Input, Lambda, concatenate
from keras.models import Model
from keras.utils import set_random_seed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

set_random_seed(1)

digits = load_digits()
images = digits.images.astype("float32")
train, test = train_test_split(np.arange(len(images)), test_size=0.2, random_state=1)


def parts(index):
    """The rows of the images from top to bottom, and their columns from left to right."""
    return {"rows": images[index], "columns": images[index].transpose(0, 2, 1)}


rows, columns = Input((8, 8), name="rows"), Input((8, 8), name="columns")
branches = []
for name, sequence in (("rows", rows), ("columns", columns)):
    x = Lambda(lambda t: t / 16.0, name=f"scale_{name}")(sequence)
    x = Conv1D(64, 3, padding="same", activation="relu", name=f"{name}_conv1")(x)
    x = Conv1D(64, 3, padding="same", activation="relu", name=f"{name}_conv2")(x)
    branches.append(x)
# What stands where matters for a digit: both the maxima and the values by place go on.
maxima = [GlobalMaxPooling1D()(x) for x in branches]
places = [Lambda(lambda t: t.reshape(-1, 8 * 64), output_shape=(512,))(x) for x in branches]
x = concatenate([*maxima, *places])
x = Dropout(0.4)(x)
outputs = Dense(10, activation="softmax", name="digit")(x)

model = Model(inputs=[rows, columns], outputs=outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.summary()

# Data by name, as a dict ...
model.fit(parts(train), digits.target[train], epochs=10, batch_size=32, verbose=2)
# ... and in the order of the inputs, as a list.
model.fit(list(parts(train).values()), digits.target[train], epochs=10, batch_size=32, verbose=2)

loss, accuracy = model.evaluate(parts(test), digits.target[test], verbose=0)
print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
