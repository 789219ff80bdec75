"""compile, fit, evaluate and predict: what they take, what they give, and in which order."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from torchkeras import layers

RNG = np.random.default_rng(5)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = RNG.normal(size=(20, 1)).astype("float32")
LABELS = RNG.integers(0, 4, 20)


def regression(k=torchkeras):
    return k.Sequential([k.Input((3,)), k.layers.Dense(4, "tanh"), k.layers.Dense(1)])


def classifier(k=torchkeras):
    return k.Sequential([k.Input((3,)), k.layers.Dense(4, "softmax")])


def two_outputs(k=torchkeras):
    x = k.Input((3,), name="x")
    h = k.layers.Dense(4, "tanh")(x)
    return k.Model(x, [k.layers.Dense(1, name="a")(h), k.layers.Dense(4, "softmax", name="b")(h)])


def dict_outputs(k=torchkeras):
    x, z = k.Input((3,), name="x"), k.Input((3,), name="z")
    h = k.layers.Dense(4, "tanh")(k.layers.Add()([x, z]))
    outputs = {"a": k.layers.Dense(1)(h), "b": k.layers.Dense(4, "softmax")(h)}
    return k.Model({"x": x, "z": z}, outputs)


def side_by_side(make, compiled, x, y, **fit):
    """Histories and final evaluations of real Keras and of ours, from the same weights."""
    theirs, ours = make(keras), make(torchkeras)
    ours.set_weights(theirs.get_weights())
    results = []
    for model in (theirs, ours):
        model.compile(**compiled)
        history = model.fit(x, y, batch_size=8, shuffle=False, epochs=2, verbose=0, **fit).history
        weight = {k: v for k, v in fit.items() if k == "sample_weight"}
        evaluated = model.evaluate(x, y, verbose=0, return_dict=True, **weight)
        results.append((history, evaluated))
    return results


SPARSE = "sparse_categorical_crossentropy"
COMPILED = {
    "names": (regression, dict(optimizer="sgd", loss="mse", metrics=["mae", "mse"]), X, Y),
    "flat_targets": (regression, dict(optimizer="sgd", loss="mae"), X, Y[:, 0]),
    "accuracy": (classifier, dict(optimizer="adam", loss=SPARSE, metrics=["accuracy"]), X, LABELS),
    "acc_of_column": (
        classifier,
        dict(optimizer="adam", loss=SPARSE, metrics=["acc"]),
        X,
        LABELS[:, None],
    ),
    "one_hot": (
        classifier,
        dict(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy", "AUC"]),
        X,
        np.eye(4, dtype="float32")[LABELS],
    ),
    "binary": (
        regression,
        dict(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"]),
        X,
        (LABELS > 1).astype("float32"),
    ),
    "one_for_all": (two_outputs, dict(optimizer="sgd", loss="mse"), X, [Y, np.eye(4)[LABELS]]),
    "list": (
        two_outputs,
        dict(
            optimizer="sgd",
            loss=["mse", SPARSE],
            loss_weights=[0.5, 2.0],
            metrics=[["mae"], ["accuracy"]],
        ),
        X,
        [Y, LABELS],
    ),
    "names_of_outputs": (
        two_outputs,
        dict(optimizer="sgd", loss={"a": "mse", "b": SPARSE}, metrics={"b": ["accuracy"]}),
        X,
        {"a": Y, "b": LABELS},
    ),
    "dicts": (
        dict_outputs,
        dict(
            optimizer="sgd",
            loss={"a": "mse", "b": SPARSE},
            loss_weights={"a": 0.5, "b": 2.0},
            metrics={"a": ["mae"], "b": ["accuracy"]},
        ),
        {"x": X, "z": X[::-1].copy()},
        {"a": Y, "b": LABELS},
    ),
}


@pytest.mark.parametrize("case", COMPILED)
def test_logs_equal_keras(case):
    (history, evaluated), (our_history, our_evaluated) = side_by_side(*COMPILED[case])
    assert list(our_history) == list(history) and list(our_evaluated) == list(evaluated)
    for name in history:
        np.testing.assert_allclose(our_history[name], history[name], rtol=1e-4, err_msg=name)
        np.testing.assert_allclose(our_evaluated[name], evaluated[name], rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("weighting", ["sample", "class", "one_hot_class", "validation"])
def test_weights_equal_keras(weighting):
    compiled = dict(
        optimizer="sgd", loss=SPARSE, metrics=["accuracy"], weighted_metrics=["accuracy"]
    )
    y, extra = LABELS, {}
    weights = RNG.uniform(0.1, 2.0, 20).astype("float32")
    if weighting == "sample":
        extra = {"sample_weight": weights}
    elif weighting == "class":
        extra = {"class_weight": {0: 1.0, 1: 0.5, 3: 2.0}}
    elif weighting == "one_hot_class":
        y = np.eye(4, dtype="float32")[LABELS]
        compiled["loss"] = "categorical_crossentropy"
        extra = {"class_weight": {0: 1.0, 1: 0.5, 2: 1.0, 3: 2.0}}
    else:
        extra = {"validation_data": (X, LABELS, weights)}
    (history, _), (ours, _) = side_by_side(classifier, compiled, X, y, **extra)
    assert list(ours) == list(history)
    for name in history:
        np.testing.assert_allclose(ours[name], history[name], rtol=1e-4, err_msg=name)


def test_evaluate_returns_a_list_in_order():
    model = regression()
    model.compile("sgd", "mse", metrics=["mse", "mae"])
    values = model.evaluate(X, Y, verbose=0)
    named = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert values == [named["loss"], named["mse"], named["mae"]]
    assert model.metrics_names == ["loss", "mse", "mae"]
    model.compile("sgd", "mse")
    assert isinstance(model.evaluate(X, Y, verbose=0), float)


def test_regularizers_and_added_losses_equal_keras():
    def make(k):
        class Penalty(k.layers.Layer):
            def call(self, inputs):
                self.add_loss(0.1 * (inputs**2).mean())
                return inputs

        x = k.Input((3,))
        h = k.layers.Dense(4, kernel_regularizer="l2", activity_regularizer="l1")(x)
        return k.Model(x, k.layers.Dense(1, bias_regularizer="l1")(Penalty()(h)))

    compiled = dict(optimizer="sgd", loss="mse")
    (history, evaluated), (ours, our_evaluated) = side_by_side(make, compiled, X, Y)
    np.testing.assert_allclose(ours["loss"], history["loss"], rtol=1e-5)
    np.testing.assert_allclose(our_evaluated["loss"], evaluated["loss"], rtol=1e-5)


def test_only_added_losses():
    class Model(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            y = self.dense(inputs)
            self.add_loss((y**2).mean())
            return y

    model = Model()
    model.compile("sgd")
    losses = model.fit(X, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert len(model.losses) == 1


def test_on_batch_equals_keras():
    theirs, ours = classifier(keras), classifier()
    ours.set_weights(theirs.get_weights())
    results = []
    for model in (theirs, ours):
        model.compile("sgd", SPARSE, metrics=["accuracy"])
        results.append(
            [
                model.train_on_batch(X, LABELS),
                model.train_on_batch(X, LABELS, class_weight={0: 2.0, 1: 1.0, 2: 1.0, 3: 1.0}),
                model.train_on_batch(X, LABELS, sample_weight=np.linspace(0, 1, 20)),
                model.test_on_batch(X, LABELS),
                list(model.train_on_batch(X, LABELS, return_dict=True).values()),
            ]
        )
        results[-1].append(np.ravel(model.predict_on_batch(X)))
    for theirs, ours in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_order_of_events_equals_keras():
    logs = []

    def recorder(k):
        events = []

        class Recorder(k.callbacks.Callback):
            pass

        for phase in ("train", "test", "predict"):
            for moment in ("begin", "end"):
                name = f"on_{phase}_{moment}"
                setattr(Recorder, name, _hook(events, name))
                name = f"on_{phase}_batch_{moment}"
                setattr(Recorder, name, _batch_hook(events, name))
        Recorder.on_epoch_begin = _batch_hook(events, "on_epoch_begin")
        Recorder.on_epoch_end = _batch_hook(events, "on_epoch_end")
        return Recorder(), events

    for k in (keras, torchkeras):
        model = regression(k)
        model.compile("sgd", "mse", metrics=["mae"])
        callback, events = recorder(k)
        kwargs = dict(verbose=0, callbacks=[callback])
        model.fit(X, Y, batch_size=8, epochs=2, validation_data=(X, Y), **kwargs)
        model.evaluate(X, Y, **kwargs)
        model.predict(X, **kwargs)
        logs.append(events)
    assert logs[1] == logs[0]


def _hook(events, name):
    return lambda self, logs=None: events.append((name, sorted(logs or ())))


def _batch_hook(events, name):
    return lambda self, batch, logs=None: events.append((name, batch, sorted(logs or ())))


def test_logs_of_a_batch_stay_as_they_were():
    kept = []

    class Keep(torchkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)

    model = regression()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=8, verbose=0, callbacks=[Keep()])
    assert len({k["loss"] for k in kept}) == 3 and all(type(k["loss"]) is float for k in kept)


@pytest.mark.parametrize("executions", [1, 2, 5])
def test_steps_per_execution(executions):
    model = regression()
    model.compile("sgd", "mse", steps_per_execution=executions)
    seen = []
    callback = torchkeras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(batch)
    )
    steps = []
    step = model.train_step
    model.train_step = lambda data: (steps.append(1), step(data))[1]
    model.fit(X, Y, batch_size=4, verbose=0, callbacks=[callback])
    assert len(steps) == 5
    assert seen == {1: [0, 1, 2, 3, 4], 2: [1, 3, 4], 5: [4]}[executions]


def test_own_steps():
    class Model(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.tracker = torchkeras.metrics.Mean(name="mine")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data[:2]
            loss = ((self(x, training=True) - y) ** 2).mean()
            self.zero_grad()
            loss.backward()
            weights = self.trainable_weights
            self.optimizer.apply([w.grad for w in weights], weights)
            self.tracker.update_state(loss)
            return {"mine": self.tracker.result()}

        def test_step(self, data):
            return {"twice": torch.tensor(2.0)}

        def predict_step(self, data):
            return super().predict_step(data) * 0 + 7

    model = Model()
    model.compile(torchkeras.optimizers.SGD(0.1))
    history = model.fit(X, Y, epochs=4, verbose=0, validation_data=(X, Y)).history
    assert history["mine"][-1] < history["mine"][0] and history["val_twice"] == [2.0] * 4
    assert model.evaluate(X, Y, verbose=0) == 2.0
    assert np.all(model.predict(X, verbose=0) == 7)


def test_own_loss_method():
    class Model(torchkeras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 3.0 + 0.0 * y_pred.sum()

    model = Model([torchkeras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(3.0)
    assert model.fit(X, Y, verbose=0).history["loss"] == [pytest.approx(3.0)]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda m: torch.optim.SGD(m.parameters(), lr=0.1),
        lambda m: torch.optim.Adam,
        lambda m: lambda p: torch.optim.AdamW(p, lr=0.05),
    ],
    ids=["object", "class", "function"],
)
def test_torch_optimizers(optimizer):
    import functools

    model = regression()
    made = optimizer(model)
    if callable(made) and not isinstance(made, type) and not hasattr(made, "step"):
        made = functools.partial(torch.optim.AdamW, lr=0.05)
    model.compile(made, nn.MSELoss())
    losses = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    model.optimizer.learning_rate = 0.5
    assert model.optimizer.param_groups[0]["lr"] == 0.5


def test_torch_optimizer_of_another_model():
    model = regression()
    model.compile(torch.optim.SGD(regression().parameters(), lr=0.1), "mse")
    with pytest.raises(ValueError, match="`optimizer` holds none of the model's weights"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("shape", [(20,), (20, 1)])
def test_torch_losses(shape):
    x = torchkeras.Input((3,))
    model = torchkeras.Model(x, layers.Dense(4)(x))
    model.compile("sgd", nn.CrossEntropyLoss(), metrics=["accuracy"])
    loss = model.evaluate(X, LABELS.reshape(shape), verbose=0)[0]
    expected = nn.functional.cross_entropy(model(torch.from_numpy(X)), torch.from_numpy(LABELS))
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    weights = np.zeros(20, "float32")
    weights[0] = 20.0
    loss = model.evaluate(X, LABELS.reshape(shape), sample_weight=weights, verbose=0, batch_size=20)
    expected = nn.functional.cross_entropy(
        model(torch.from_numpy(X[:1])), torch.from_numpy(LABELS[:1])
    )
    assert loss[0] == pytest.approx(expected.item(), rel=1e-5)


def test_frozen_and_unfrozen_between_fits():
    model = regression()
    model.compile("adam", "mse")
    first, second = model.layers
    first.trainable = False
    frozen, free = first.kernel.numpy(), second.kernel.numpy()
    model.fit(X, Y, verbose=0)
    assert np.array_equal(first.kernel.numpy(), frozen)
    assert not np.array_equal(second.kernel.numpy(), free)
    first.trainable = True
    model.fit(X, Y, verbose=0)
    assert not np.array_equal(first.kernel.numpy(), frozen)


def test_frozen_batch_normalization_keeps_its_averages():
    model = torchkeras.Sequential([torchkeras.Input((3,)), layers.BatchNormalization()])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    model.layers[0].moving_mean.assign([1.0, 2.0, 3.0])
    model.fit(X, X, verbose=0)
    assert model.layers[0].moving_mean.tolist() == [1.0, 2.0, 3.0]


def test_modes_during_and_after_fit():
    modes = []

    class Child(nn.Module):
        def forward(self, x):
            modes.append(self.training)
            return x

    model = torchkeras.Sequential([torchkeras.Input((3,)), Child(), layers.Dense(1)])
    model.compile("sgd", "mse")
    modes.clear()
    model.fit(X, Y, verbose=0, validation_data=(X, Y))
    assert modes == [True, False] and not model.training
    model.train()
    model.evaluate(X, Y, verbose=0)
    assert modes[-1] is False and model.training


def test_initial_epoch_and_stop_training():
    model = regression()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]

    class Stop(torchkeras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert model.fit(X, Y, epochs=9, verbose=0, callbacks=[Stop()]).epoch == [0, 1]


def test_interrupt_leaves_model_and_history():
    class Interrupt(torchkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.history.epoch and batch == 1:
                raise KeyboardInterrupt

    model = regression()
    model.compile("sgd", "mse")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=9, batch_size=4, verbose=0, callbacks=[Interrupt()])
    assert len(model.history.history["loss"]) == 1 and not model.training
    assert model.predict(X, verbose=0).shape == (20, 1)
    assert len(model.fit(X, Y, epochs=2, verbose=0).history["loss"]) == 2


def test_gradient_of_unused_weight_is_no_error():
    class Model(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(1), layers.Dense(1)

        def call(self, inputs):
            self.unused(inputs)
            return self.used(inputs)

    model = Model()
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="(?i)gradients"):
        model.fit(X, Y, verbose=0)


def test_jit_compile():
    model = regression()
    expected = model.predict(X, verbose=0)
    model.compile("sgd", "mse", jit_compile=True)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-4, atol=1e-5)
    losses = model.fit(X, Y, epochs=3, verbose=0, batch_size=10).history["loss"]
    assert losses[-1] < losses[0]


def test_ema_is_taken_over_at_the_end():
    theirs, ours = regression(keras), regression()
    ours.set_weights(theirs.get_weights())
    plain = regression()
    plain.set_weights(theirs.get_weights())
    for k, model, ema in (
        (keras, theirs, True),
        (torchkeras, ours, True),
        (torchkeras, plain, False),
    ):
        model.compile(k.optimizers.SGD(0.1, use_ema=ema, ema_momentum=0.9), "mse")
        model.fit(X, Y, epochs=3, batch_size=5, shuffle=False, verbose=0)
    for a, b, c in zip(ours.get_weights(), theirs.get_weights(), plain.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert not np.allclose(a, c, atol=1e-3)


def test_float16_without_a_scaled_loss_is_told():
    model = torchkeras.Sequential([torchkeras.Input((3,)), layers.Dense(1)])
    model.dtype_policy = "mixed_float16"
    with pytest.warns(UserWarning, match="loss_scale_factor"):
        model.compile("sgd", "mse")
    model.compile(torchkeras.optimizers.SGD(loss_scale_factor=128.0), "mse")
    assert model.fit(X, Y, verbose=0).history["loss"][0] > 0


class TestErrors:
    def test_not_compiled(self):
        for call in (
            lambda m: m.fit(X, Y),
            lambda m: m.evaluate(X, Y),
            lambda m: m.train_on_batch(X, Y),
            lambda m: m.test_on_batch(X, Y),
        ):
            with pytest.raises(ValueError, match=r"You must call `compile\(\)`"):
                call(regression())

    def test_no_targets(self):
        model = regression()
        model.compile("sgd", "mse")
        with pytest.raises(ValueError, match="`y` is missing"):
            model.fit(X, verbose=0)

    def test_no_loss(self):
        model = regression()
        model.compile("sgd")
        with pytest.raises(ValueError, match="No loss to compute"):
            model.fit(X, Y, verbose=0)

    @pytest.mark.parametrize(
        "wrong", [dict(optimizer="sdg"), dict(loss="mze"), dict(optimizer="sgd", loss=3)]
    )
    def test_unknown_names(self, wrong):
        with pytest.raises(ValueError, match="Could not interpret (optimizer|loss) identifier"):
            regression().compile(**wrong)

    def test_unknown_metric(self):
        model = regression()
        model.compile("sgd", "mse", metrics=["akkuracy"])
        with pytest.raises(ValueError, match="Could not interpret metric identifier: akkuracy"):
            model.fit(X, Y, verbose=0)

    def test_metrics_that_are_no_list(self):
        with pytest.raises(ValueError, match="`metrics` argument to be a list"):
            regression().compile("sgd", "mse", metrics="mae")

    def test_keys_of_no_output(self):
        model = two_outputs()
        model.compile("sgd", {"a": "mse", "c": "mse"})
        with pytest.raises(KeyError, match="'c' does not correspond to any model output"):
            model.fit(X, {"a": Y, "b": LABELS}, verbose=0)

    def test_number_of_losses(self):
        model = two_outputs()
        model.compile("sgd", ["mse", "mse", "mse"])
        with pytest.raises(ValueError, match="2 outputs, `loss`"):
            model.fit(X, [Y, Y], verbose=0)

    def test_class_among_callbacks(self):
        model = regression()
        model.compile("sgd", "mse")
        with pytest.raises(TypeError, match="the class History"):
            model.fit(X, Y, verbose=0, callbacks=[torchkeras.callbacks.History])

    def test_missing_input(self):
        model = dict_outputs()
        with pytest.raises(ValueError, match='Missing data for input "z"'):
            model.predict({"x": X}, verbose=0)

    def test_number_of_inputs(self):
        model = dict_outputs()
        with pytest.raises(ValueError, match=r"expects 2 input\(s\), but it received 1"):
            model.predict([X], verbose=0)

    def test_labels_out_of_range(self):
        model = classifier()
        model.compile("sgd", SPARSE)
        with pytest.raises(ValueError, match="(?i)label|class"):
            model.fit(X, LABELS + 4, verbose=0)

    def test_what_a_step_returns(self):
        model = regression()
        model.compile("sgd", "mse")
        model.train_step = lambda data: 3.0
        with pytest.raises(ValueError, match="must return a dict"):
            model.fit(X, Y, verbose=0)

    @pytest.mark.parametrize("wrong", [dict(jit_compile="yes"), dict(steps_per_execution=0)])
    def test_compile_arguments(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            regression().compile("sgd", "mse", **wrong)
