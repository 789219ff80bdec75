"""Layers, optimizers and metrics as functions of their variables' values."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers


def build(framework):
    k = framework.layers
    model = framework.Sequential(
        [
            framework.Input((6,)),
            k.Dense(8, kernel_regularizer="l2", activity_regularizer="l1"),
            k.BatchNormalization(),
            k.Reshape((2, 4)),
            k.GRU(3, seed=1),
            k.Dense(2, "softmax"),
        ],
        name="model",
    )
    rng = np.random.default_rng(0)
    model.set_weights([abs(rng.normal(size=w.shape)) for w in model.get_weights()])
    return model


X = np.random.default_rng(1).normal(size=(5, 6)).astype("float32")


def values(variables):
    return [torch.as_tensor(np.array(v.detach() if hasattr(v, "detach") else v)) for v in variables]


def numbers(tree):
    return [np.asarray(v.detach()) for v in torchkeras.tree.flatten(tree)]


@pytest.mark.parametrize("training", [False, True])
def test_stateless_call_is_that_of_real_keras(training):
    found = []
    for framework in (torchkeras, keras):
        model = build(framework)
        before = values(model.variables)
        trainable = [v + 0.1 for v in values(model.trainable_variables)]
        others = [v + 1 for v in values(model.non_trainable_variables)]
        result = model.stateless_call(
            trainable, others, torch.from_numpy(X), training=training, return_losses=True
        )
        found.append(result)
        for kept, v in zip(before, values(model.variables)):
            np.testing.assert_array_equal(kept, v)
        assert isinstance(result, tuple) and isinstance(result[1], list)
    for mine, other in zip(*map(numbers, found), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_a_call():
    model = build(torchkeras)
    x = torch.from_numpy(X)
    outputs = model(x, training=False)
    loss = outputs.square().sum() + sum(model.losses)
    wanted = torch.autograd.grad(loss, model.trainable_variables)
    others = values(model.non_trainable_variables)

    def total(trainable):
        y, _, losses = model.stateless_call(
            trainable, others, x, training=False, return_losses=True
        )
        return y.square().sum() + sum(losses)

    trainable = values(model.trainable_variables)
    for mine, other in zip(torch.func.grad(total)(trainable), wanted):
        torch.testing.assert_close(mine, other)
    leaves = [v.requires_grad_() for v in values(model.trainable_variables)]
    for mine, other in zip(torch.autograd.grad(total(leaves), leaves), wanted):
        torch.testing.assert_close(mine, other)
    # Afterwards the variables are the model's own again, and trained as ever.
    assert all(type(v) is torchkeras.Variable for v in model.variables)
    loss = model(x, training=False).square().sum() + sum(model.losses)
    for mine, other in zip(torch.autograd.grad(loss, model.trainable_variables), wanted):
        torch.testing.assert_close(mine, other)


def test_state_under_torch_func():
    model = torchkeras.Sequential(
        [layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.5, seed=3)]
    )
    x = torch.from_numpy(X)
    model.build(x.shape)
    state = values(model.non_trainable_variables)

    def total(trainable):
        y, new, _ = model.stateless_call(trainable, state, x, training=True, return_losses=True)
        return y.square().sum(), new

    gradients, new = torch.func.grad(total, has_aux=True)(values(model.trainable_variables))
    assert [g.shape for g in gradients] == [v.shape for v in model.trainable_variables]
    model(x, training=True)
    for mine, other in zip(new, model.non_trainable_variables, strict=True):
        torch.testing.assert_close(mine, other.detach())
    stacked = [torch.stack([v, v + 1]) for v in values(model.trainable_variables)]
    both = torch.func.vmap(lambda *t: model.stateless_call(t, state, x)[0])(*stacked)
    one = model.stateless_call([v[1] for v in stacked], state, x)[0]
    torch.testing.assert_close(both[1], one)


class Holder(layers.Layer):
    """Variables in every kind of place."""

    def __init__(self):
        super().__init__()
        self.seeds = torchkeras.random.SeedGenerator(1)

    def build(self, shape):
        self.listed = [self.add_weight((2,), "ones", name=f"w{i}") for i in range(2)]
        self.named = {"a": self.add_weight((2,), "ones", name="a")}
        self.fixed = (self.add_weight((2,), "ones", name="b"),)
        self.count = self.add_weight((), "zeros", trainable=False, name="count")
        self.second_name = self.count
        self.plain = torch.nn.Linear(2, 2)

    def call(self, x):
        self.second_name.assign_add(1.0)
        noise = torchkeras.random.uniform((2,), seed=self.seeds)
        weights = [*self.listed, self.named["a"], self.fixed[0]]
        self.add_loss(weights[0].sum())
        return self.plain(x * sum(weights)) + noise * 0 + self.count


def test_every_place():
    layer = Holder()
    x = torch.ones(1, 2)
    layer(x)
    trainable, others = values(layer.trainable_variables), values(layer.non_trainable_variables)
    assert len(trainable) == 6 and len(others) == 2
    leaves = [v.requires_grad_() for v in trainable]
    y, after, losses = layer.stateless_call(leaves, others, x, return_losses=True)
    (y.sum() + sum(losses)).backward()
    assert all(v.grad is not None for v in leaves)
    assert [v.sum().item() for v in after] == [v.sum().item() + 1 for v in others]
    assert [v.sum().item() for v in values(layer.non_trainable_variables)] == [
        v.sum().item() for v in others
    ]
    assert len(layer.losses) == 1 and layer.losses[0] is not losses[0]
    assert layer.listed[0] is layer.trainable_variables[0]
    assert layer.second_name is layer.count


def test_a_failing_call_puts_everything_back():
    class Broken(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight((2,), "ones", name="w")

        def call(self, x):
            raise OverflowError("no")

    layer = Broken()
    layer.build((None, 2))
    with pytest.raises(OverflowError):
        layer.stateless_call([torch.zeros(2)], [], torch.ones(1, 2))
    assert layer.w is layer.weights[0] and layer.w.sum() == 2


@pytest.mark.parametrize(
    ("trainable", "others", "message"),
    [
        ([], [], "Received list with length 0, but expected 2"),
        ([torch.ones(2, 3), torch.ones(3)], [torch.ones(1)], "length 1, but expected 0"),
        ([torch.ones(2, 4), torch.ones(3)], [], "must have its shape"),
    ],
)
def test_refusals_of_stateless_call(trainable, others, message):
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="must be built"):
        layer.stateless_call(trainable, others, torch.ones(1, 2))
    layer.build((None, 2))
    with pytest.raises(ValueError, match=message):
        layer.stateless_call(trainable, others, torch.ones(1, 2))


# --- the scope -------------------------------------------------------------------------


@pytest.mark.parametrize("framework", [torchkeras, keras], ids=["ours", "real Keras"])
def test_scope(framework):
    v = framework.Variable(np.zeros(2, "float32"), name="v")
    w = framework.Variable(np.ones(2, "float32"), name="w")
    u = framework.Variable(np.ones(2, "float32"), name="u")
    scope = framework.StatelessScope([(v, torch.full((2,), 5.0))])
    with scope as entered:
        assert entered is scope
        np.testing.assert_array_equal((v + 1).detach(), 6 * np.ones(2))
        v.assign(np.full(2, 10.0))
        w.assign_add(np.full(2, 2.0))
        np.testing.assert_array_equal((v + w).detach(), 13 * np.ones(2))
        np.testing.assert_array_equal(scope.get_current_value(w).detach(), 3 * np.ones(2))
        scope.add_update((v, torch.full((2,), 7.0)))
        np.testing.assert_array_equal((v * 1).detach(), 7 * np.ones(2))
        with framework.StatelessScope([(v, torch.zeros(2))]) as inner:
            v.assign(np.full(2, 1.0))
        np.testing.assert_array_equal((v * 1).detach(), 7 * np.ones(2))
    np.testing.assert_array_equal(np.asarray(v.value.detach()), np.zeros(2))
    np.testing.assert_array_equal(np.asarray(w.value.detach()), np.ones(2))
    np.testing.assert_array_equal(scope.get_current_value(v).detach(), 7 * np.ones(2))
    np.testing.assert_array_equal(scope.get_current_value(w).detach(), 3 * np.ones(2))
    np.testing.assert_array_equal(inner.get_current_value(v).detach(), np.ones(2))
    assert scope.get_current_value(u) is None


@pytest.mark.parametrize("framework", [torchkeras, keras], ids=["ours", "real Keras"])
def test_scope_collects_losses(framework):
    class Penalty(framework.layers.Layer):
        def call(self, x):
            self.add_loss(torch.sum(x))
            return x

    layer = Penalty()
    with framework.StatelessScope(collect_losses=True) as scope:
        layer(torch.ones(3))
    assert [float(loss) for loss in scope.losses] == [3.0]
    assert framework.StatelessScope().losses == []


def test_scope_around_a_model():
    model = build(torchkeras)
    x = torch.from_numpy(X)
    before = model(x, training=False).detach()
    mapping = [(v, torch.zeros_like(v)) for v in model.trainable_variables]
    with torchkeras.StatelessScope(mapping) as scope:
        np.testing.assert_allclose(model(x, training=False).detach(), np.full((5, 2), 0.5))
        model.compile("sgd", "mse")
        model.optimizer.build(model.trainable_variables)
        model.optimizer.apply([torch.ones_like(v) for v in model.trainable_variables])
    torch.testing.assert_close(model(x, training=False).detach(), before)
    for v in model.trainable_variables:
        torch.testing.assert_close(scope.get_current_value(v), torch.full_like(v, -0.01).detach())


def test_a_graph_made_inside_knows_that_it_is_over():
    v = torchkeras.Variable([2.0])
    with torchkeras.StatelessScope([(v, torch.tensor([3.0]))]):
        inside, late = v * v, v * v
        inside.sum().backward()
    assert float(v.grad) == 6
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        late.sum().backward()


def test_refusals_of_the_scope():
    v = torchkeras.Variable([1.0, 2.0], name="v")
    for mapping in ([(3, torch.ones(2))], [3]):
        with pytest.raises(ValueError, match="Invalid reference variable in StatelessScope"):
            torchkeras.StatelessScope(mapping)
    with pytest.raises(ValueError, match="Invalid variable value in StatelessScope"):
        torchkeras.StatelessScope([(v, torch.ones(3))])
    scope = torchkeras.StatelessScope()
    scope.add_update((v, [5, 6]))
    assert scope.get_current_value(v).tolist() == [5, 6]


# --- optimizers and metrics ------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Muon"])
def test_stateless_apply_is_that_of_real_keras(name):
    found = []
    for framework in (torchkeras, keras):
        v = framework.Variable(np.arange(6.0, dtype="float32").reshape(2, 3), name="v")
        optimizer = getattr(framework.optimizers, name)(0.1)
        optimizer.build([v])
        state, weights = values(optimizer.variables), [torch.ones(2, 3)]
        for _ in range(2):
            weights, state = optimizer.stateless_apply(state, [torch.full((2, 3), 0.5)], weights)
        found.append([weights, state])
        np.testing.assert_array_equal(values([v])[0], np.arange(6).reshape(2, 3))
    for mine, other in zip(*map(numbers, found), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_stateless_metric_is_that_of_real_keras():
    found = []
    for framework in (torchkeras, keras):
        metric = framework.metrics.MeanSquaredError()
        state = metric.stateless_reset_state()
        for i in range(3):
            state = metric.stateless_update_state(state, torch.ones(4), torch.full((4,), i * 1.0))
        found.append([state, metric.stateless_result(state)])
        assert float(metric.result()) == 0
    for mine, other in zip(*map(numbers, found), strict=True):
        np.testing.assert_allclose(mine, other)
