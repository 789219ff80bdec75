"""tree, config, dtype policies, Variable and configs, beside real Keras where it has them."""

import collections
import operator

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import config, dtype_policies, layers, saving, tree

Point = collections.namedtuple("Point", "x y")
STRUCTURES = [
    3,
    None,
    [],
    [1, (2, {"b": 3, "a": [4, None]})],
    [{"z": 1, "a": [2]}, 3],
    Point(1, [2, 3]),
    collections.OrderedDict([("z", 1), ("a", 2)]),
    collections.defaultdict(list, {"k": [1]}),
    collections.deque([1, [2]], maxlen=5),
    {"a": collections.deque([(), {}, None])},
    {1, 2},
]


class TestTree:
    @pytest.mark.parametrize("structure", STRUCTURES, ids=str)
    def test_equals_keras(self, structure):
        assert tree.flatten(structure) == keras.tree.flatten(structure)
        assert tree.is_nested(structure) == keras.tree.is_nested(structure)
        assert tree.flatten_with_path(structure) == keras.tree.flatten_with_path(structure)
        assert tree.lists_to_tuples(structure) == keras.tree.lists_to_tuples(structure)

        def mark(x):
            return ("leaf", x) if not isinstance(x, list) else None

        for down in (True, False):
            assert tree.traverse(mark, structure, down) == keras.tree.traverse(
                mark, structure, down
            )
        ours = tree.map_structure(str, structure)
        theirs = keras.tree.map_structure(str, structure)
        assert ours == theirs and type(ours) is type(theirs)
        flat = list(range(len(tree.flatten(structure))))
        assert tree.pack_sequence_as(structure, flat) == keras.tree.pack_sequence_as(
            structure, flat
        )

    @pytest.mark.parametrize(
        "a, b, same",
        [
            ([1, 2], [3, 4], True),
            ([1, 2], (3, 4), False),
            ([1, 2], [3], False),
            ({"a": 1}, {"b": 1}, False),
            ({"a": 1}, {"a": [1]}, False),
            (1, [1], False),
            ([1], collections.deque([1]), False),
            (collections.deque([1]), collections.deque([1], 3), True),
            (Point(1, 2), (1, 2), False),
            ({"a": 1}, collections.OrderedDict(a=1), True),
            ([1, {"a": 2}], [1, [2]], False),
        ],
    )
    def test_same_structure(self, a, b, same):
        for module in (keras.tree, tree):
            if same:
                module.assert_same_structure(a, b)
            else:
                with pytest.raises(ValueError):
                    module.assert_same_structure(a, b)
            for function in (
                lambda m: m.map_structure(lambda x, y: (x, y), a, b),
                lambda m: m.map_structure_up_to(a, lambda x: (x,), b),
            ):
                try:
                    theirs = function(keras.tree)
                except ValueError:
                    with pytest.raises(ValueError, match="don't have the same nested structure"):
                        function(tree)
                else:
                    assert function(tree) == theirs

    def test_none_that_is_no_leaf(self):
        for module in (keras.tree, tree):
            seen = module.map_structure(lambda *v: v, [1, None], [None, None], none_is_leaf=False)
            assert seen == [(1, None), None]
            with pytest.raises(ValueError, match="some arguments are None"):
                module.map_structure(lambda *v: v, [None], [1], none_is_leaf=False)

    def test_a_tracked_set_is_a_container(self):
        outer, dense = layers.Layer(), layers.Dense(1)
        outer.parts = {dense}
        assert tree.flatten(outer.parts) == [dense]
        kind = type(outer.parts)
        assert tree.flatten_with_path(kind({3, 1})) == [((0,), 1), ((1,), 3)]
        mapped = tree.map_structure(lambda x: x + 1, kind({3, 1}))
        assert mapped == {2, 4} and type(mapped) is kind
        assert tree.flatten({3}) == [{3}]

    def test_paths_and_shapes(self):
        tree.assert_same_paths([1, (2,)], (3, [4]))
        with pytest.raises(ValueError, match="only in `b`"):
            tree.assert_same_paths([1], [1, 2])
        shapes = {"a": (None, 3), "b": [(2,), (3, 4)]}
        assert tree.map_shape_structure(len, shapes) == {"a": 2, "b": [1, 2]}
        assert tree.map_structure_up_to([0, 0], len, [[1, 2], [3]]) == [2, 1]
        with pytest.raises(ValueError, match="2 leaves, but the structure holds 1"):
            tree.pack_sequence_as([0], [1, 2])


class TestConfig:
    def test_set_and_read(self):
        before = config.floatx(), config.epsilon(), config.image_data_format()
        try:
            config.set_floatx("float64")
            config.set_epsilon(1e-3)
            config.set_image_data_format("channels_first")
            assert layers.Dense(2).dtype == "float64" and layers.Conv2D(1, 1).data_format.endswith(
                "first"
            )
            assert layers.Dense(2)(np.ones((1, 3))).dtype is torch.float64
            assert config.epsilon() == 1e-3
        finally:
            config.set_floatx(before[0])
            config.set_epsilon(before[1])
            config.set_image_data_format(before[2])
        assert layers.Dense(2).dtype == "float32"

    def test_policy(self):
        config.set_dtype_policy("mixed_bfloat16")
        try:
            layer = layers.Dense(2)
            assert (
                layer.compute_dtype == "bfloat16"
                and layer(torch.ones(1, 3)).dtype is torch.bfloat16
            )
            assert layer.kernel.dtype is torch.float32
        finally:
            config.set_dtype_policy("float32")
        assert layers.Dense(2).compute_dtype == "float32"

    def test_errors(self):
        for call in (
            lambda: config.set_floatx("float3"),
            lambda: config.set_image_data_format("channels_middle"),
            lambda: dtype_policies.DTypePolicy("mixed_int8"),
        ):
            with pytest.raises(ValueError):
                call()

    @pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "mixed_float16"])
    def test_policies_equal_keras(self, name):
        ours, theirs = dtype_policies.get(name), keras.dtype_policies.get(name)
        assert (ours.compute_dtype, ours.variable_dtype) == (
            theirs.compute_dtype,
            theirs.variable_dtype,
        )
        assert dtype_policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
        assert dtype_policies.deserialize(dtype_policies.serialize(ours)) == ours

    @pytest.mark.parametrize(
        "dtype",
        [None, "int32", float, int, bool, str, np.float16, np.dtype("int64"), torch.bfloat16],
    )
    def test_names_of_types(self, dtype):
        ours = torchkeras.utils.standardize_dtype(dtype)
        assert ours == keras.utils.standardize_dtype(dtype)


OPERATORS = "add sub mul truediv floordiv mod pow matmul lt le gt ge and_ or_ xor eq ne".split()
OPERANDS = [2, 2.5, np.array([1.0, 3.0], "float32"), "float32", "float16", "int32", "bool"]


def test_the_one_backend():
    config.set_backend("torch")
    assert config.backend() == "torch" and not config.is_nnx_enabled()
    with pytest.raises(ValueError, match="no backend but torch.*'jax'"):
        config.set_backend("jax")


class TestVariable:
    def test_assign(self):
        v = torchkeras.Variable(np.zeros((2, 2)), name="v")
        assert v.dtype is torch.float32 and v.value is v
        v.assign([[1, 2], [3, 4]])
        v.assign_sub(np.ones((2, 2)))
        assert v.numpy().tolist() == [[0, 1], [2, 3]] and float(np.asarray(v).sum()) == 6
        with pytest.raises(ValueError, match="must match.*v$"):
            v.assign([1.0])

    def test_kinds(self):
        assert torchkeras.Variable(3).dtype is torch.int32
        assert not torchkeras.Variable([1, 2], trainable=True).requires_grad
        assert torchkeras.Variable([1.0]).requires_grad
        v = torchkeras.Variable(lambda shape, dtype: torch.ones(shape), (2,), trainable=False)
        assert not v.trainable and v.tolist() == [1, 1]
        assert isinstance(v + 1, torch.Tensor) and type(v * 2) is torch.Tensor

    def test_errors(self):
        with pytest.raises(ValueError, match="`shape`"):
            torchkeras.Variable(torch.zeros)
        with pytest.raises(ValueError, match="cannot contain character `/`"):
            torchkeras.Variable(1.0, name="a/b")
        with pytest.raises(ValueError, match="aggregation"):
            torchkeras.Variable(1.0, aggregation="most")
        with pytest.raises(ValueError, match="returned shape"):
            torchkeras.Variable(lambda shape, dtype=None: torch.zeros(3), shape=(2,))
        with pytest.raises(ValueError, match="Could not interpret initializer"):
            torchkeras.Variable("none", (2,))
        v = torchkeras.Variable(1.0)
        with pytest.raises(TypeError, match="must be a boolean"):
            v.overwrite_with_gradient = 1
        for name in ("regularizer", "constraint"):
            with pytest.raises(ValueError, match=f"attribute `{name}`.*Received: {name}=l2"):
                setattr(v, name, "l2")

    def test_named_initializer(self):
        v = torchkeras.Variable("ones", (2,), dtype="int8", trainable=False)
        assert v.dtype is torch.int8 and v.tolist() == [1, 1]

    @pytest.mark.parametrize("other", OPERANDS, ids=repr)
    @pytest.mark.parametrize("name", OPERATORS)
    @pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "bool"])
    def test_operators(self, name, dtype, other):
        """On either side of tensors, arrays and numbers: torch's gradients, Keras' values."""
        operator_ = getattr(operator, name)
        for reflected in (False, True):
            results = []
            for library in (torchkeras, keras):
                v = library.Variable([2, 1], dtype=dtype, trainable="float" in dtype)
                if isinstance(other, str):
                    dtype_, floats = getattr(torch, other), "float" in other
                    value = torch.tensor([1, 3], dtype=dtype_, requires_grad=floats)
                else:
                    value = other
                try:
                    result = operator_(value, v) if reflected else operator_(v, value)
                except (TypeError, RuntimeError, ValueError, NotImplementedError):
                    result = None
                results.append(result)
                if result is not None and library is torchkeras:
                    assert isinstance(result, torch.Tensor)
                    floating = result.is_floating_point() and v.requires_grad
                    assert result.requires_grad == floating or isinstance(other, str)
            ours, theirs = results
            # torch takes a number beside a boolean for int64, and booleans only for logic
            if theirs is None or (dtype == "bool" and repr(other) in ("2", "'bool'")):
                continue
            if reflected and isinstance(other, str) and name in ("and_", "or_", "xor"):
                # On the right of a tensor Keras leaves it to torch, which looks at the bits.
                assert ours.dtype is torch.bool
                continue
            theirs = torch.as_tensor(theirs)
            np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-3)
            if not isinstance(other, np.ndarray):  # numpy answers for Keras there
                assert ours.dtype == theirs.dtype

    def test_numpy_functions(self):
        v = torchkeras.Variable([1.0, 4.0])
        assert np.sqrt(v).tolist() == [1, 2] and np.maximum(v, [2, 2]).tolist() == [2, 4]
        array = np.ones(2, "float32")
        array += v
        assert array.tolist() == [2, 5]
        with pytest.raises(TypeError):
            np.add(array, array, out=v)


@saving.register_keras_serializable("tests")
class Scaled(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Elsewhere(layers.Layer):
    """Keeps its argument under another name: the config is what it was made with."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.kept = units


class Extended(layers.Dense):
    def __init__(self, units, extra=1, **kwargs):
        super().__init__(units, **kwargs)
        self.extra = extra

    def get_config(self):
        return {**super().get_config(), "extra": self.extra}


class TestConfigs:
    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            "text",
            [1, 2.5],
            {"a": [1]},
            slice(1, None, 2),
            Ellipsis,
            b"bytes",
            np.arange(3.0),
        ],
        ids=str,
    )
    def test_values_there_and_back(self, value):
        config = saving.serialize_keras_object(value)
        again = saving.deserialize_keras_object(config)
        assert np.all(again == value) and type(again) is type(value)
        assert config == keras.saving.serialize_keras_object(value)

    @pytest.mark.parametrize(
        "make",
        [
            lambda k: k.layers.Dense(3, "relu", kernel_regularizer="l2", name="d"),
            lambda k: k.layers.LSTM(3, return_sequences=True, name="l"),
            lambda k: k.layers.Bidirectional(k.layers.GRU(3, name="g"), name="b"),
            lambda k: k.layers.BatchNormalization(momentum=0.9, name="n"),
            lambda k: k.optimizers.Adafactor(0.1, clipnorm=1.0, name="a"),
            lambda k: k.optimizers.schedules.CosineDecay(0.1, 100),
            lambda k: k.losses.MeanSquaredError(reduction="sum"),
            lambda k: k.metrics.AUC(curve="PR", name="a"),
            lambda k: k.initializers.HeNormal(seed=3),
            lambda k: k.constraints.MaxNorm(1.5),
        ],
    )
    def test_objects_both_ways(self, make):
        ours, theirs = make(torchkeras), make(keras)
        config = saving.serialize_keras_object(ours)
        theirs_config = keras.saving.serialize_keras_object(theirs)
        assert {k: config[k] for k in ("module", "class_name", "registered_name")} == {
            k: theirs_config[k] for k in ("module", "class_name", "registered_name")
        }
        again = saving.deserialize_keras_object(theirs_config)
        assert type(again) is type(ours)
        assert again.get_config() == ours.get_config()
        assert type(keras.saving.deserialize_keras_object(config)) is type(theirs)

    def test_custom(self):
        config = saving.serialize_keras_object(Scaled(3.0, name="s"))
        assert config["registered_name"] == "tests>Scaled" and config["config"]["factor"] == 3.0
        assert saving.deserialize_keras_object(config).factor == 3.0
        config = saving.serialize_keras_object(Elsewhere(5, name="e"))
        with pytest.raises(TypeError, match="Could not locate class 'Elsewhere'"):
            saving.deserialize_keras_object(config)
        again = saving.deserialize_keras_object(config, custom_objects={"Elsewhere": Elsewhere})
        assert again.kept == 5
        with saving.custom_object_scope({"Elsewhere": Elsewhere}):
            assert saving.deserialize_keras_object(config).kept == 5

    def test_subclass_adds_to_its_parents_config(self):
        config = Extended(3, extra=7, name="x").get_config()
        assert config["units"] == 3 and config["extra"] == 7
        assert Extended.from_config(config).get_config() == config

    def test_what_has_no_config(self):
        class Holder(layers.Layer):
            def __init__(self, thing, **kwargs):
                super().__init__(**kwargs)

        with pytest.raises(NotImplementedError, match="must override `get_config"):
            Holder(object()).get_config()
        with pytest.raises(ValueError, match="Cannot serialize"):
            saving.serialize_keras_object(object())
        with pytest.raises(ValueError, match="get_config"):
            saving.register_keras_serializable()(type("Plain", (), {}))

    def test_code_in_a_config_is_refused(self):
        layer = layers.Lambda(lambda x: x + 1, name="plus")
        config = saving.serialize_keras_object(layer)
        with pytest.raises(ValueError, match="`safe_mode=False`"):
            saving.deserialize_keras_object(config)
        again = saving.deserialize_keras_object(config, safe_mode=False)
        assert again(torch.ones(1)).item() == 2.0

    @pytest.mark.parametrize(
        "module, name, kind",
        [
            ("os", "system", "function"),
            ("builtins", "eval", "function"),
            ("subprocess", "Popen", None),
            ("torchkeras.saving._objects", "deserialize_keras_object", "function"),
            ("keras.utils", "set_random_seed", "function"),
        ],
    )
    def test_names_outside_the_list_are_not_found(self, module, name, kind):
        config = {"module": module, "class_name": kind or name, "config": name if kind else {}}
        with pytest.raises(TypeError, match="Could not locate"):
            saving.deserialize_keras_object({**config, "registered_name": None})
