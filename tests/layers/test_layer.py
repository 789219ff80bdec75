"""The base class: weights, tracking, the training flag, masks, losses, shapes."""

import keras
import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from torchkeras import layers


class Scale(layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(shape=input_shape[-1:], initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale


class TestWeights:
    def test_made_at_the_first_call(self):
        layer = Scale()
        assert not layer.built and layer.weights == []
        assert layer(torch.ones(2, 3)).shape == (2, 3) and layer.built
        assert [tuple(w.shape) for w in layer.weights] == [(3,)]
        assert layer.scale.path == "scale/scale"

    @pytest.mark.parametrize(
        "make",
        [
            lambda self: self.add_weight((2,), "ones"),
            lambda self: self.add_weight(shape=(2,), initializer="ones", name="w"),
            lambda self: torchkeras.Variable(np.ones(2)),
            lambda self: nn.Parameter(torch.ones(2)),
        ],
    )
    def test_key_is_the_attribute(self, make):
        layer = layers.Layer()
        layer.mine = make(layer)
        assert list(layer.state_dict()) == ["mine"] and len(layer.weights) == 1

    def test_a_weight_nobody_keeps_is_still_there(self):
        layer = layers.Layer()
        layer.add_weight((2,), "zeros", name="bias")
        layer.add_weight((3,), "zeros", name="bias")
        assert list(layer.state_dict()) == ["bias", "bias_1"]

    def test_second_name_for_a_weight(self):
        layer = layers.Dense(2)
        layer.build((None, 3))
        layer.same = layer.kernel
        assert list(layer.state_dict()) == ["kernel", "bias"] and layer.same is layer.kernel

    def test_not_trainable_is_a_buffer(self):
        layer = layers.Layer()
        layer.count = layer.add_weight((), "zeros", trainable=False, dtype="int64")
        assert dict(layer.named_buffers())["count"] is layer.count
        assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 1
        layer.trainable = True
        assert not layer.count.trainable

    def test_frozen_before_it_is_built(self):
        layer = layers.Dense(2, trainable=False)
        layer.build((None, 3))
        assert layer.trainable_weights == [] and not layer.kernel.requires_grad
        layer.trainable = True
        assert len(layer.trainable_weights) == 2

    def test_order_equals_keras(self):
        def make(k):
            class Block(k.layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.norm = k.layers.BatchNormalization()
                    self.parts = [k.layers.Dense(2), k.layers.Dense(3)]
                    self.named = {"x": k.layers.Dense(4)}

                def build(self, shape):
                    self.w = self.add_weight(shape=(7,), name="w")
                    self.n = self.add_weight(shape=(8,), name="n", trainable=False)
                    self.norm.build(shape)
                    for layer in (*self.parts, self.named["x"]):
                        layer.build(shape)

                def call(self, x):
                    return x

            layer = Block()
            layer.build((None, 5))
            return layer

        ours, theirs = make(torchkeras), make(keras)
        for what in ("weights", "trainable_weights", "non_trainable_weights", "variables"):
            got = [tuple(w.shape) for w in getattr(ours, what)]
            assert got == [tuple(w.shape) for w in getattr(theirs, what)], what

    def test_set_weights_checks_first(self):
        layer = layers.Dense(2)
        layer.build((None, 3))
        before = layer.get_weights()
        with pytest.raises(ValueError, match="length 1, but the layer was expecting 2"):
            layer.set_weights([np.ones((3, 2))])
        with pytest.raises(ValueError, match=r"\(2,\) is not compatible .* \(5,\)"):
            layer.set_weights([np.ones((3, 2)), np.ones(5)])
        assert np.array_equal(before[0], layer.get_weights()[0])

    def test_arguments(self):
        layer = layers.Layer()
        w = layer.add_weight(
            (2, 2), "ones", regularizer="l2", constraint="non_neg", dtype="float64", name="w"
        )
        assert w.dtype is torch.float64 and w.regularizer is not None and w.constraint is not None
        assert layer.losses[0].item() == pytest.approx(0.04)
        with pytest.raises(ValueError, match="name.*keyword argument"):
            layer.add_weight("w", (2,))

    def test_count_params(self):
        with pytest.raises(ValueError, match="isn't built"):
            Scale().count_params()
        layer = layers.Dense(2)
        layer.build((None, 3))
        assert layer.count_params() == 8


class TestTracking:
    def test_lists_and_dicts_that_change(self):
        layer = layers.Layer()
        layer.many = []
        layer.many.append(layers.Dense(1))
        layer.many += [layers.Dense(2)]
        layer.named = {}
        layer.named["a"] = [layers.Dense(3)]
        for inner in (*layer.many, *layer.named["a"]):
            inner.build((None, 4))
        assert list(layer.state_dict()) == [
            "many_0.kernel",
            "many_0.bias",
            "many_1.kernel",
            "many_1.bias",
            "named_0.kernel",
            "named_0.bias",
        ]
        layer.many.pop(0)
        assert list(layer.state_dict())[0] == "many_1.kernel"
        layer.many = None
        del layer.named
        assert layer.state_dict() == {}

    def test_other_lists_stay_lists(self):
        layer = layers.Layer()
        layer.sizes, layer.pair = [1, 2], (3, 4)
        assert type(layer.sizes) is list and type(layer.pair) is tuple

    def test_one_layer_under_two_names(self):
        layer = layers.Layer()
        layer.dense = layers.Dense(2)
        layer.all = [layer.dense, layers.Dense(3)]
        for inner in layer.all:
            inner.build((None, 4))
        assert len(layer.state_dict()) == 4 and len(layer.weights) == 4

    def test_before_super_init(self):
        class Early(layers.Layer):
            def __init__(self):
                self.dense = layers.Dense(2)
                self.units = 3
                super().__init__(trainable=False)

        layer = Early()
        layer.dense.build((None, 3))
        assert not layer.dense.trainable and len(layer.weights) == 2

    def test_forgotten_super_init(self):
        class Forgets(layers.Layer):
            def __init__(self):
                self.units = 3

            def call(self, x):
                return x

        with pytest.raises(RuntimeError, match="forgot to call `super"):
            Forgets()(torch.ones(1))

    def test_metrics(self):
        class Counting(layers.Layer):
            def __init__(self):
                super().__init__()
                self.mean = torchkeras.metrics.Mean(name="mean")
                self.more = [torchkeras.metrics.Sum(name="sum")]

        layer = layers.Layer()
        layer.inner = Counting()
        assert [m.name for m in layer.metrics] == ["mean", "sum"]
        assert layer.variables == [] and len(layer.metrics_variables) == 3

    def test_plain_modules(self):
        layer = layers.Layer()
        layer.norm = nn.BatchNorm1d(3)
        assert len(layer.weights) == 2  # a plain module's buffers are its own affair
        layer.trainable = False
        assert not layer.norm.weight.requires_grad


class TestCalls:
    def test_numpy_lists_and_casting(self):
        layer = Scale()
        for x in (np.ones((2, 3)), [[1.0, 1.0, 1.0]], torch.ones(2, 3, dtype=torch.float64)):
            out = layer(x)
            assert out.dtype is torch.float32 and out.shape[1] == 3
        assert Scale(autocast=False)(torch.ones(1, 3, dtype=torch.float64)).dtype is torch.float64

    def test_training_flag(self):
        class Tell(layers.Layer):
            def call(self, x, training=None):
                return x + float(bool(training))

        class Outer(layers.Layer):
            def __init__(self):
                super().__init__()
                self.inner = Tell()

            def call(self, x):
                return self.inner(x)

        x, outer = torch.zeros(1), Outer()
        assert outer(x) == 0 and outer(x, training=True) == 1 and outer(x) == 0
        outer.train()
        assert outer(x) == 1 and outer(x, training=False) == 0
        outer.inner.eval()
        assert outer(x) == 0 and outer(x, training=True) == 1

        class On(layers.Layer):
            def call(self, x, training=True):
                return x + float(training)

        assert On()(x) == 1 and On()(x, training=False) == 0

    def test_several_arguments(self):
        class Two(layers.Layer):
            def build(self, a_shape, b_shape):
                self.shapes = (a_shape, b_shape)

            def call(self, a, b, a_mask=None, b_mask=None):
                return a + b, a_mask, b_mask

        a, b = torch.ones(2, 3), torch.ones(2, 3)
        b._keras_mask = torch.tensor([True, False])
        layer = Two()
        _, a_mask, b_mask = layer(a, b=b)
        assert layer.shapes == ((2, 3), (2, 3)) and a_mask is None and b_mask is b._keras_mask

    def test_no_plain_values_among_tensors(self):
        class Flagged(layers.Layer):
            def call(self, x, flag):
                return x if flag else -x

        with pytest.raises(ValueError, match="Only input tensors may be passed as positional"):
            Flagged()(torch.ones(1), True)
        assert Flagged()(torch.ones(1), flag=False).item() == -1

    def test_mask_is_carried_or_destroyed_with_a_warning(self):
        x = torch.ones(1, 2, 3)
        x._keras_mask = torch.tensor([[True, False]])
        assert layers.Dense(2)(x)._keras_mask is x._keras_mask
        with pytest.warns(UserWarning, match="does not support masking"):
            out = Scale(name="s")(x)
        assert getattr(out, "_keras_mask", None) is None

    def test_losses_of_the_last_call(self):
        class Penalty(layers.Layer):
            def call(self, x):
                self.add_loss(x.sum())
                return x

        layer = Penalty()
        for value in (1.0, 2.0):
            layer(torch.tensor([value]))
            assert [v.item() for v in layer.losses] == [value]
        outer = torchkeras.Sequential([layers.Dense(1, kernel_regularizer="l1"), layer])
        outer(torch.ones(1, 2))
        outer(torch.ones(1, 2))
        assert len(outer.losses) == 2

    def test_activity_regularizer_equals_keras(self):
        x = np.arange(12, dtype="float32").reshape(4, 3)
        values = []
        for k in (keras, torchkeras):
            layer = k.layers.Activation("relu", activity_regularizer="l2")
            layer(x)
            values.append(float(layer.losses[0]))
        assert values[0] == pytest.approx(values[1])

    def test_wrong_shape_names_the_layer(self):
        layer = layers.Dense(2, name="head")
        layer(torch.ones(1, 3))
        for _ in range(2):  # on the short way and on the long one
            with pytest.raises(
                ValueError, match="layer 'head'.*axis -1.*value 3.*shape \\(1, 4\\)"
            ):
                layer(torch.ones(1, 4))

    def test_not_implemented(self):
        with pytest.raises(NotImplementedError, match="does not have a `call` method"):
            layers.Layer()(torch.ones(1))

    def test_unknown_argument(self):
        with pytest.raises(ValueError, match="Unrecognized keyword arguments.*colour"):
            layers.Layer(colour="red")


class TestShapes:
    def test_traced(self):
        class Block(layers.Layer):
            def __init__(self):
                super().__init__()
                self.dense = layers.Dense(4)
                self.linear = nn.Linear(4, 2)

            def call(self, x):
                return {"y": self.linear(self.dense(x)).relu(), "n": x.sum(dim=1)}

        layer = Block()
        assert layer.compute_output_shape((None, 3)) == {"y": (None, 2), "n": (None,)}
        out = layer(torchkeras.Input((3,)))
        assert out["y"].shape == (None, 2)

    def test_code_that_needs_values(self):
        class Numpy(layers.Layer):
            def call(self, x):
                return torch.from_numpy(x.detach().numpy().repeat(2, axis=1))

        x = torchkeras.Input((3,))
        y = Numpy()(x)
        assert y.shape == (None, 6)
        assert torchkeras.Model(x, y).predict(np.ones((4, 3)), verbose=0).shape == (4, 6)

    def test_input_and_output(self):
        layer = layers.Dense(2)
        with pytest.raises(AttributeError, match="never been called"):
            layer.output  # noqa: B018
        x = torchkeras.Input((3,))
        y = layer(x)
        assert layer.input is x and layer.output is y

    def test_mixed_policy(self):
        class Own(layers.Layer):
            def build(self, shape):
                self.w = self.add_weight((shape[-1], 2))
                self.keep = self.add_weight((2,), "ones", autocast=False)

            def call(self, x):
                assert self.keep.dtype is torch.float32
                return x @ self.w

        layer = Own(dtype="mixed_bfloat16")
        out = layer(torch.ones(2, 3))
        assert out.dtype is torch.bfloat16 and layer.w.dtype is torch.float32
        out.float().sum().backward()
        assert layer.w.grad.dtype is torch.float32
        with pytest.raises(AssertionError):
            Own(dtype="bfloat16")(torch.ones(2, 3))

    def test_spec_errors(self):
        spec = layers.InputSpec(ndim=3, axes={-1: 4})
        layer = Scale(name="s")
        layer.input_spec = spec
        for shape, text in (((2, 4), "expected ndim=3, found ndim=2"), ((2, 1, 5), "value 4")):
            with pytest.raises(ValueError, match=text):
                layer(torch.ones(shape))
        with pytest.raises(ValueError, match=r"expects 1 input\(s\), but it received 2"):
            layer([torch.ones(2, 1, 4)] * 2)
        with pytest.raises(ValueError, match="greater than the maximum"):
            layers.InputSpec(ndim=2, axes={3: 1})
        with pytest.raises(TypeError, match="integer keys"):
            layers.InputSpec(axes={"a": 1})


def test_seeds_in_containers_are_variables():
    class Drawing(torchkeras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seeds = [torchkeras.random.SeedGenerator(i) for i in range(2)]
            self.named = {"a": torchkeras.random.SeedGenerator(2)}

        def call(self, x):
            return x

    layer = Drawing()
    assert len(layer.variables) == len(layer.non_trainable_variables) == 3
    assert layer.weights == []


def test_build_of_several_shapes_names_the_arguments_of_call():
    class Plain(torchkeras.layers.Layer):
        def build(self, first, second):
            self.built = True

        def call(self, first, second):
            return first + second

    class Other(torchkeras.layers.Layer):
        def build(self, a_shape, second_shape):
            self.built = True

        def call(self, first, second):
            return first + second

    x = torch.ones(2)
    with pytest.raises(ValueError, match="`first`, which does not end in `_shape`"):
        Plain()(x, x)
    with pytest.raises(ValueError, match="`a_shape`, but `call.*` does not have argument `a`"):
        Other()(x, x)


# --- as configs ------------------------------------------------------------------------


def test_serialize_and_deserialize():
    layer = layers.Dense(3, name="d", activation="relu")
    layer(np.ones((2, 4)))
    config = layers.serialize(layer)
    again = layers.deserialize(config)
    assert type(again) is layers.Dense and again.get_config() == layer.get_config()
    assert again.kernel.shape == (4, 3)
    theirs = keras.layers.Dense(3, name="d", activation="relu")
    theirs.build((2, 4))
    assert config == keras.layers.serialize(theirs)
    wrapped = layers.deserialize(layers.serialize(layers.TimeDistributed(layer)))
    assert type(wrapped.layer) is layers.Dense and wrapped.layer.units == 3


def test_deserialize_asks_for_the_users_classes():
    class Mine(layers.Dense):
        pass

    config = layers.serialize(Mine(2))
    with pytest.raises(TypeError, match="Could not locate class 'Mine'"):
        layers.deserialize(config)
    assert type(layers.deserialize(config, {"Mine": Mine})) is Mine


@pytest.mark.parametrize("config", [None, {}, "Dense", "huber"])
def test_deserialize_takes_layers_only(config):
    if config == "huber":
        config = torchkeras.losses.serialize(torchkeras.losses.Huber())
    with pytest.raises(ValueError, match="`config` object that is not a `keras.layers.Layer`"):
        layers.deserialize(config)


def test_looking_at_shapes_changes_no_variable():
    class Counting(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.calls = self.add_weight(initializer="zeros", trainable=False, name="calls")
            self.down = self.add_weight(initializer="zeros", trainable=False, name="down")
            self.last = self.add_weight(initializer="zeros", trainable=False, name="last")

        def call(self, x):
            self.calls.assign_add(1)
            self.down.assign_sub(1)
            self.last.assign(x.sum())
            return x

    class Setting(layers.Layer):
        """Its `build`, which looking does run, sets a weight."""

        def build(self, shape):
            self.scale = self.add_weight(initializer="zeros", name="scale")
            self.scale.assign(2.0)

        def call(self, x):
            return x * self.scale

    class Outer(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.inner = Setting()

        def call(self, x):
            return self.inner(x)

    layer = Counting()
    model = torchkeras.Sequential([torchkeras.Input((2,)), layer])
    values = lambda: [v.item() for v in (layer.calls, layer.down, layer.last)]
    assert values() == [0, 0, 0]
    model(torch.ones(3, 2))
    assert values() == [1, -1, 6]
    layer.compute_output_shape((3, 2))
    assert values() == [1, -1, 6]
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    compiled(torch.ones(3, 2))
    assert values() == [2, -2, 6]
    outer = Outer()
    outer.build((None, 2))
    assert outer.inner.scale.item() == 2
