import numpy as np
from keras.layers import Conv1D, Dense, Dropout, GlobalMaxPooling1D, Input, Lambda, concatenate
from keras.models import Model

rng = np.random.default_rng(0)
series = rng.normal(size=(256, 30, 2))
other = rng.normal(size=(256, 20, 1))
labels = (series[:, :, 0].max(axis=1) > other[:, :, 0].max(axis=1)).astype("float32")

a = Input(shape=(30, 2), name="series")
b = Input(shape=(20, 1), name="other")
x = GlobalMaxPooling1D()(Conv1D(16, 3, activation="relu")(a))
y = GlobalMaxPooling1D()(Conv1D(16, 5, padding="same", activation="relu")(b))
z = Lambda(lambda t: t[:, -1, :] * 0.5)(a)
h = concatenate([x, y, z])
h = Dropout(0.1)(h)
out = Dense(1, activation="sigmoid")(h)
model = Model(inputs=[a, b], outputs=out)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.summary()
first = model.fit({"series": series, "other": other}, labels, epochs=4, batch_size=16, verbose=2)
second = model.fit([series, other], labels, epochs=4, batch_size=16, verbose=2)
print("learned", second.history["loss"][-1] < first.history["loss"][0])
print(model.predict([series[:3], other[:3]]).shape)
